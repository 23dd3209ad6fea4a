"""Exact money and points: integer fen, integers of 1/10,000 point, and one place that rounds.

Rounding is half away from zero. A value is a fraction until it is rounded here.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import TypeVar

from drgpay.ground.errors import both, quoted

K = TypeVar("K", bound=Hashable)
P = TypeVar("P", bound=Hashable)
Q = TypeVar("Q", bound=Hashable)

POINT = 10_000  # parts of a point
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,20})?")
_MONEY = re.compile(r"-?\d{1,13}(\.\d{1,2})?")


def round_half_away(value: Fraction) -> int:
    """Return the nearest integer, halves away from zero.

    >>> round_half_away(Fraction(5, 2)), round_half_away(Fraction(-5, 2))
    (3, -3)
    """
    return divide_rounded(value.numerator, value.denominator)


def divide_rounded(top: int, bottom: int) -> int:
    """Return a quotient of integers as the nearest one, halves away from zero.

    >>> divide_rounded(5, 2), divide_rounded(-5, 2)
    (3, -3)
    """
    if bottom == 0:
        raise ZeroDivisionError("the denominator of a rounded quotient is 0")
    whole = (2 * abs(top) + abs(bottom)) // (2 * abs(bottom))
    return whole if (top < 0) == (bottom < 0) else -whole


def round_to(value: Fraction, places: int) -> Fraction:
    """Return a value rounded to decimal places.

    >>> round_to(Fraction(2, 3), 2)
    Fraction(67, 100)
    """
    scale = 10**places
    return Fraction(round_half_away(value * scale), scale)


def decimal_fraction(text: str | int) -> Fraction:
    """Return the exact value of a decimal text; raises ValueError for anything else.

    >>> decimal_fraction("0.85")
    Fraction(17, 20)
    """
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise ValueError(
            both(
                f"{quoted(text)}不是写在引号中的小数，请加引号",
                f"{text!r} is not a decimal text: write it in quotes",
            )
        )
    if isinstance(text, int):
        return Fraction(text)
    if not _DECIMAL.fullmatch(text.strip()):
        raise ValueError(both(f"“{text}”不是小数", f"{text!r} is not a decimal number"))
    return Fraction(text.strip())


def fen_of_yuan(text: str) -> int:
    """Return the fen of an amount in yuan with at most two decimals; raises ValueError.

    >>> fen_of_yuan("1234.5")
    123450
    """
    if not _MONEY.fullmatch(text.strip()):
        raise ValueError(
            both(
                f"“{text}”不是最多两位小数的金额（元）",
                f"{text!r} is not an amount in yuan with at most two decimals",
            )
        )
    return int(Fraction(text.strip()) * 100)


def yuan_text(fen: int) -> str:
    """Return fen as yuan with two decimals and thousands separators.

    >>> yuan_text(-742278)
    '-7,422.78'
    """
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def points_text(points: int) -> str:
    """Return integers of 1/10,000 point as points with four decimals.

    >>> points_text(2650000)
    '265.0000'
    """
    sign = "-" if points < 0 else ""
    return f"{sign}{abs(points) // POINT}.{abs(points) % POINT:04d}"


def decimal_text(value: Fraction, places: int) -> str:
    """Return a fraction as a decimal text, rounded to `places`.

    >>> decimal_text(Fraction(333435, 2054), 12)
    '162.334469328140'
    """
    rounded = round_half_away(value * 10**places)
    sign = "-" if rounded < 0 else ""
    whole, part = divmod(abs(rounded), 10**places)
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"


def largest_remainder(exact: Mapping[K, Fraction], total: int) -> dict[K, int]:
    """Return integers that sum to `total`, each the floor of its exact value or one more.

    What is left after the floors goes, one each, to the largest fractions; ties to the smaller
    key. Raises ValueError when the exact values do not sum to the total.

    >>> largest_remainder({"a": Fraction(1, 3), "b": Fraction(2, 3)}, 1)
    {'a': 0, 'b': 1}
    """
    if sum(exact.values(), Fraction(0)) != total:
        raise ValueError("the exact values do not sum to the total")
    return _raised(exact, total)


def _raised(exact: Mapping[K, Fraction], total: int) -> dict[K, int]:
    floors = {key: value.numerator // value.denominator for key, value in exact.items()}
    left = total - sum(floors.values())
    order = sorted(exact, key=lambda key: (floors[key] - exact[key], key))
    for key in order[:left]:
        floors[key] += 1
    return floors


def remainder_by_party(exact: Mapping[tuple[P, Q], Fraction], total: int) -> dict[tuple[P, Q], int]:
    """Return integers that sum to `total`, parties first: each party's sum is that of the largest
    remainder among parties, and is shared among its own parts in the same way.

    >>> half = Fraction(1, 2)
    >>> remainder_by_party({("a", 1): half, ("a", 2): half, ("b", 1): half, ("b", 2): half}, 2)
    {('a', 1): 1, ('a', 2): 0, ('b', 1): 1, ('b', 2): 0}
    """
    own: dict[P, dict[tuple[P, Q], Fraction]] = {}
    for key, value in exact.items():
        own.setdefault(key[0], {})[key] = value
    wholes = largest_remainder({p: sum(v.values(), Fraction(0)) for p, v in own.items()}, total)
    made: dict[tuple[P, Q], int] = {}
    for party, parts in own.items():
        made |= _raised(parts, wholes[party])
    return {key: made[key] for key in exact}
