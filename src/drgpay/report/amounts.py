"""Amounts as text: integers in, digits out, no binary floating point on the way."""

import unicodedata
from decimal import Decimal
from fractions import Fraction

from drgpay.ground.money import divide_rounded, round_half_away


def fixed(units: int, places: int, signed: bool = False) -> str:
    """Text of units / 10**places with thousands separators and a fixed number of decimals.

    The minus sign is the plain hyphen, so that a copied amount is a number to a spreadsheet.
    """
    sign = "-" if units < 0 else "+" if signed and units > 0 else ""
    whole, part = divmod(abs(units), 10**places)
    return f"{sign}{whole:,}.{part:0{places}d}" if places else f"{sign}{whole:,}"


def yuan(fen: int, signed: bool = False) -> str:
    """Text in yuan, two decimals, of an amount in fen."""
    return fixed(fen, 2, signed)


def ten_thousand_yuan(fen: int, signed: bool = False) -> str:
    """Text in 10,000 yuan, rounded to two decimals, of an amount in fen."""
    return fixed(divide_rounded(fen, 10_000), 2, signed)


def points(units: int) -> str:
    """Text with four decimals of points in 1/10,000."""
    return fixed(units, 4)


def percent(part: int, whole: int, places: int = 1, signed: bool = False) -> str:
    """Text of part / whole in per cent; a dash when whole is 0."""
    if whole == 0:
        return "—"
    return fixed(divide_rounded(part * 100 * 10**places, whole), places, signed) + "%"


def rounded(value: Fraction, places: int) -> int:
    """Value in units of 10**-places, rounded half away from zero."""
    return round_half_away(value * 10**places)


def units_of(value: object, places: int) -> int:
    """Integer units of 10**-places of a decimal, integer or decimal text.

    Raises ValueError when the value has more decimals than that, or is a binary float.
    """
    if not isinstance(value, (int, str, Decimal)):
        raise ValueError(f"{value!r} is not an exact number")
    exact: Fraction = Fraction(value) * Fraction(10) ** places
    if exact.denominator != 1:
        raise ValueError(f"{value} has more than {places} decimals")
    return exact.numerator


def trimmed(value: Fraction) -> str:
    """Shortest exact decimal text of a ratio such as a policy parameter, else a fraction."""
    for places in range(13):
        if (value * 10**places).denominator == 1:
            return fixed((value * 10**places).numerator, places)
    return f"{value.numerator}/{value.denominator}"


def display_width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text filled with blanks to a width of the terminal."""
    space = " " * max(0, width - display_width(text))
    return space + text if right else text + space
