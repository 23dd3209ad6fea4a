"""Exact numbers that remember how they were written down, so that a formula is its own derivation.

A formula is plain text in any language: decimals, fractions p/q, + − × ÷, parentheses, min, max,
round(value, decimals), floor, sum. `=` joins exact values, `≈` a rounding to the decimals shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import decimal_text, round_half_away, round_to

SUM, PRODUCT, ATOM = 1, 2, 3
NEAR = 6  # decimals shown of what has no end
NOTHING = both("", "")


@dataclass(frozen=True, slots=True)
class Figure:
    """A value of a table of the run, or of its manifest (`column` is then the path of keys).

    `row` picks the rows: pairs (column, value); `how` is empty for one value of one row, else
    `sum` or `count` over these rows, or of a largest remainder a party's `exact` share, the sum of
    the `floors` and the `rank` of one party. `value` is what stands there, in the table's own unit.
    """

    table: str
    row: tuple[tuple[str, str], ...]
    column: str
    value: Any
    how: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the figure as plain values."""
        made: dict[str, Any] = {"table": self.table}
        if self.row:
            made["row"] = dict(self.row)
        made["column"] = self.column
        if self.how:
            made["how"] = self.how
        return {**made, "value": plain(self.value)}


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter of the policy that the run was settled with."""

    key: str


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an earlier step."""

    key: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """A number that the rule itself states."""


Source = Figure | Given | Result | Fixed


@dataclass(frozen=True, slots=True)
class Leaf:
    """A number of a formula as it is shown there, what it is, and where it comes from."""

    text: str
    value: Fraction
    label: Bilingual
    source: Source


@dataclass(frozen=True, slots=True)
class Number:
    """An exact value with the text that computes it."""

    value: Fraction
    text: str
    leaves: tuple[Leaf, ...] = ()
    rank: int = ATOM

    @property
    def plain(self) -> bool:
        """Whether it is a single number, nothing computed."""
        return len(self.leaves) == 1 and self.text.strip("()") == self.leaves[0].text

    def _side(self, rank: int) -> str:
        return self.text if self.rank >= rank else f"({self.text})"

    def __add__(self, other: Operand) -> Number:
        right = _operand(other)
        text = f"{self._side(SUM)} + {right._side(SUM)}"
        return Number(self.value + right.value, text, self.leaves + right.leaves, SUM)

    def __sub__(self, other: Operand) -> Number:
        right = _operand(other)
        text = f"{self._side(SUM)} − {right._side(PRODUCT)}"
        return Number(self.value - right.value, text, self.leaves + right.leaves, SUM)

    def __mul__(self, other: Operand) -> Number:
        right = _operand(other)
        text = f"{self._side(PRODUCT)} × {right._side(ATOM)}"
        return Number(self.value * right.value, text, self.leaves + right.leaves, PRODUCT)

    def __truediv__(self, other: Operand) -> Number:
        right = _operand(other)
        text = f"{self._side(PRODUCT)} ÷ {right._side(ATOM)}"
        return Number(self.value / right.value, text, self.leaves + right.leaves, PRODUCT)

    def __radd__(self, other: int) -> Number:
        return fixed(other) + self

    def __rsub__(self, other: int) -> Number:
        return fixed(other) - self

    def __neg__(self) -> Number:
        return Number(-self.value, f"-{self._side(ATOM)}", self.leaves, PRODUCT)

    def __le__(self, other: Operand) -> bool:
        return bool(self.value <= _operand(other).value)


Operand = Number | int  # a whole number is one that the rule itself states


def _operand(value: Operand) -> Number:
    return value if isinstance(value, Number) else fixed(value)


def number(value: Fraction | int, text: str, label: Bilingual, source: Source) -> Number:
    """Return one number; a negative one stands in parentheses, a fraction counts as a product."""
    leaf = Leaf(text, Fraction(value), label, source)
    shown = f"({text})" if text.startswith("-") else text
    return Number(leaf.value, shown, (leaf,), PRODUCT if "/" in shown else ATOM)


def fixed(value: int | Fraction, label: Bilingual = NOTHING) -> Number:
    """Return a number that the rule itself states."""
    return number(value, digits(Fraction(value), 0), label, Fixed())


# What a formula is written over: whole fen or points, exact fractions, or numbers with their text.
N = TypeVar("N", int, Fraction, Number)


def line(key: str, value: Fraction | int) -> Number:
    """Return a number that stands in a line or cell of its own, by its key in braces.

    >>> (line("due", 7) - line("prepaid", 5)).text
    '{due} − {prepaid}'
    """
    return Number(Fraction(value), f"{{{key}}}")


def spreadsheet(made: Number) -> str:
    """Return a formula as a workbook writes it.

    >>> spreadsheet(whole_fen(line("deposit", 3) * (1 - line("kept", 1))))
    'ROUND({deposit}*(1-{kept}),2)'
    """
    text = made.text.replace("−", "-").replace("×", "*").replace("÷", "/").replace(" ", "")
    return re.sub(r"\b(round|min|max)\(", lambda found: found[0].upper(), text)


def smallest(*parts: N) -> N:
    """Return the least of some numbers."""
    made: N = _chosen("min", min, parts)
    return made


def largest(*parts: N) -> N:
    """Return the greatest of some numbers."""
    made: N = _chosen("max", max, parts)
    return made


def above_zero(part: N) -> N:
    """Return a number, 0 where it is below."""
    made: N = _chosen("max", max, (0, part))
    return made


def _chosen(name: str, choose: Callable[[Any], Any], parts: Sequence[Any]) -> Any:
    if not any(isinstance(part, Number) for part in parts):
        return choose(parts)
    numbers = [_operand(part) for part in parts]
    return _function(name, numbers, choose(part.value for part in numbers))


def whole_fen(part: N) -> N:
    """Return an amount rounded to the fen: a plain number is in fen, one with its text in yuan."""
    if isinstance(part, Number):
        return rounded(part, fixed(2))
    return type(part)(round_half_away(Fraction(part)))


def fen_below(part: N) -> N:
    """Return an amount rounded down to the fen: a plain number is in fen, one with text in yuan."""
    if isinstance(part, Number):
        return whole_part(part, fixed(2))
    return type(part)(part.numerator // part.denominator)


def rounded(part: Number, places: Number) -> Number:
    """Return a number rounded half away from zero."""
    return _function("round", (part, places), round_to(part.value, int(places.value)))


def whole_part(part: Number, places: Number) -> Number:
    """Return a number rounded down to decimals."""
    scale = 10 ** int(places.value)
    exact = part.value * scale
    return _function("floor", (part, places), Fraction(exact.numerator // exact.denominator, scale))


def total(parts: Sequence[N]) -> N:
    """Return the sum of numbers, at least one."""
    made = parts[0]
    for part in parts[1:]:
        made = made + part
    return made


def less(whole: N, *taken: N) -> N:
    """Return what is left of a number when others are taken off."""
    for part in taken:
        whole = whole - part
    return whole


def _function(name: str, parts: Sequence[Number], value: Fraction) -> Number:
    text = f"{name}({', '.join(part.text for part in parts)})"
    return Number(value, text, tuple(leaf for part in parts for leaf in part.leaves))


def digits(value: Fraction, least: int, most: int = 6) -> str:
    """Return an exact decimal with at least `least` places, else the fraction.

    >>> digits(Fraction(53, 50), 4), digits(Fraction(3, 2), 0), digits(Fraction(1, 3), 2)
    ('1.0600', '1.5', '1/3')
    """
    for places in range(least, max(least, most) + 1):
        if (value * 10**places).denominator == 1:
            return decimal_text(value, places)
    return f"{value.numerator}/{value.denominator}"


def ending(value: Fraction, places: int) -> str:
    """Return what stands behind an expression: its value, exact or as fraction and decimal.

    >>> ending(Fraction(5, 2), 4), ending(Fraction(1, 3), 4), ending(Fraction(1, 8), 2)
    ('= 2.5000', '= 1/3 ≈ 0.333333', '= 0.125')
    """
    exact = digits(value, places, max(places, NEAR))
    if "/" not in exact:
        return f"= {exact}"
    return f"= {exact} ≈ {decimal_text(value, max(places, NEAR))}"


def fen(value: Fraction) -> int:
    """Return yuan that are whole fen as fen."""
    exact = value * 100
    return exact.numerator if exact.denominator == 1 else round_half_away(exact)


def plain(value: Any) -> Any:
    """Return a value as JSON can write it."""
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}" if value.denominator > 1 else int(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
