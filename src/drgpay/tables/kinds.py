"""Kinds of cells of small tables: each takes a text and returns its value, or raises ValueError."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import POINT, decimal_fraction, fen_of_yuan

Kind = Callable[[str], Any]
MAX_POINTS = 10**12


def text(cell: str) -> str:
    """Return a text as it stands."""
    return cell


def code(cell: str) -> str:
    """Return an id or a code, which a workbook must not keep as a number that lost its digits."""
    return cell


def signed_amount(cell: str) -> int:
    """Return the fen of an amount in yuan, which may be negative."""
    return fen_of_yuan(cell)


def amount(cell: str) -> int:
    """Return the fen of an amount in yuan.

    >>> amount("12.5")
    1250
    """
    fen = fen_of_yuan(cell)
    if fen < 0:
        raise ValueError(both(f"“{cell}”是负数", f"{cell!r} is negative"))
    return fen


def amount_above_zero(cell: str) -> int:
    """Return the fen of an amount in yuan that means nothing when it is 0."""
    fen = amount(cell)
    if not fen:
        raise ValueError(
            both(f"“{cell}”为0，没有的请删去", f"{cell!r} is 0; leave out what there is none of")
        )
    return fen


def points(cell: str) -> int:
    """Return points in 1/10,000.

    >>> points("1.25")
    12500
    """
    scaled = decimal_fraction(cell) * POINT
    if scaled.denominator != 1 or not 0 <= scaled <= MAX_POINTS:
        raise ValueError(
            both(f"“{cell}”不是四位小数以内的非负点数", f"{cell!r} is not points of four decimals")
        )
    return int(scaled)


def number(
    *,
    least: int | None = None,
    above: int | None = None,
    most: int | None = None,
    six_places: bool = False,
    hint: str = "",
) -> Kind:
    """Return the kind of exact decimals within bounds, as fractions.

    `hint` stands behind the fault in Chinese.
    """
    if above is None:
        chinese, english = f"不在{least}与{most}之间", f"is not between {least} and {most}"
        if most is None:
            chinese, english = "是负数", "is negative"
    else:
        chinese, english = f"须大于{above}", f"is not above {above}"
        if most is not None:
            chinese, english = f"{chinese}且不大于{most}", f"{english} and at most {most}"

    def read(cell: str) -> Fraction:
        value = decimal_fraction(cell)
        if six_places and (value * 10**6).denominator != 1:
            raise ValueError(both(f"“{cell}”超过六位小数", f"{cell!r} has more than six decimals"))
        if (
            (least is not None and value < least)
            or (above is not None and value <= above)
            or (most is not None and value > most)
        ):
            raise ValueError(both(f"“{cell}”{chinese}{hint}", f"{cell!r} {english}"))
        return value

    return read


share = number(least=0, most=1, hint="（百分制的95分写作0.95）")


def whole(least: int, most: int) -> Kind:
    """Return the kind of whole numbers from `least` to `most`."""

    def read(cell: str) -> int:
        if not (cell.isascii() and cell.isdigit() and len(cell) <= len(str(most))) or not (
            least <= int(cell) <= most
        ):
            raise ValueError(
                both(
                    f"“{cell}”不是{least}至{most}的整数",
                    f"{cell!r} is not a whole number from {least} to {most}",
                )
            )
        return int(cell)

    return read


count = whole(0, 999_999_999)
month = whole(1, 12)
day_of_stay = whole(1, 36_500)


def date(cell: str) -> dt.date:
    """Return a day; the hour of a cell of Excel is left out.

    >>> date("2025-01-01 00:00:00")
    datetime.date(2025, 1, 1)
    """
    try:
        return dt.datetime.fromisoformat(cell).date()
    except ValueError:
        raise ValueError(
            both(f"“{cell}”不是日期，如 2025-01-01", f"{cell!r} is not a date like 2025-01-01")
        ) from None


def choice(options: Mapping[str, tuple[Any, ...]]) -> Kind:
    """Return the kind of some words: of each its value, and the Chinese words that mean it too.

    >>> choice({"granted": (1, "准予"), "refused": (2, "不予")})("准予")
    1
    """
    values = {word: own[0] for code, own in options.items() for word in (code, *own[1:])}
    chinese = [f"{own[1]}（{code}）" if own[1:] else code for code, own in options.items()]
    english = list(options)

    def read(cell: str) -> Any:
        if cell not in values:
            raise ValueError(
                both(
                    f"“{cell}”不是{'、'.join(chinese[:-1])}或{chinese[-1]}",
                    f"{cell!r} is not {', '.join(english[:-1])} or {english[-1]}",
                )
            )
        return values[cell]

    return read


def coded(named: Mapping[str, Bilingual]) -> Kind:
    """Return the kind of some codes, each known by its Chinese word too."""
    return choice({code: (code, word.chinese) for code, word in named.items()})


def words(values: Mapping[str, Any]) -> Kind:
    """Return the kind of words that have a value, as cases have them: many for one value."""

    def read(cell: str) -> Any:
        if cell not in values:
            raise ValueError(both(f"“{cell}”不认识", f"{cell!r} is unknown"))
        return values[cell]

    return read


def yes_no(cell: str) -> bool:
    """Return a flag."""
    if cell not in ("yes", "no", "是", "否"):
        raise ValueError(both(f"“{cell}”不是 是 或 否", f"{cell!r} is not yes or no"))
    return cell in ("yes", "是")
