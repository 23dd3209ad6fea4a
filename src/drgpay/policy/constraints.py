"""What a parameter takes: each kind reads a value of a policy file, or refuses it with what fits.

`read` raises ValueError that says what fits. `typed` makes of a text after `--set KEY=` what a
policy file would hold.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from drgpay.ground.errors import Bilingual, InputError, both, quoted
from drgpay.ground.inputs import parse_toml
from drgpay.ground.money import decimal_fraction, fen_of_yuan
from drgpay.names.choices import word_of

NONE = "none"
MANY = 10**9  # as good as no end
NO_LEAP_YEAR = 2023
Steps = tuple[tuple[Fraction | None, Fraction], ...]


class Constraint:
    """What all kinds have: the unit of their values, and how a text after `--set` is taken."""

    __slots__ = ()
    unit: str
    said: ClassVar[Bilingual]  # what fits, in words

    def read(self, key: str, value: Any) -> Any:
        """Return the value as the rules use it."""
        raise NotImplementedError

    def typed(self, key: str, text: str) -> Any:
        """Return what a policy file would hold for a text of the command line."""
        return text


@dataclass(frozen=True, slots=True)
class Choice(Constraint):
    """One of some words."""

    said: ClassVar[Bilingual] = both("选项之一", "one of")
    options: tuple[str, ...]
    unit: str = "choice"

    def read(self, key: str, value: Any) -> str:
        """Return the word."""
        return _offered(key, str(value), value, self.options)


@dataclass(frozen=True, slots=True)
class Count(Constraint):
    """A whole number, both ends included."""

    said: ClassVar[Bilingual] = both("整数", "whole number")
    unit: str
    low: int = 0
    high: int = MANY

    def read(self, key: str, value: Any) -> int:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise _is_not(value, "整数", "a whole number")
        _within(self.low, value, self.high, value)
        return value

    def typed(self, key: str, text: str) -> Any:
        """Return a whole number as one."""
        return int(text) if re.fullmatch(r"-?\d+", text) else text


@dataclass(frozen=True, slots=True)
class Decimal(Constraint):
    """An exact number written in quotes, both ends included."""

    said: ClassVar[Bilingual] = both("小数", "decimal")
    unit: str
    low: int = 0
    high: int = MANY

    def read(self, key: str, value: Any) -> Fraction:
        """Return the number as a fraction."""
        number = decimal_fraction(value)
        _within(self.low, number, self.high, value)
        return number


@dataclass(frozen=True, slots=True)
class Switch(Constraint):
    """true or false."""

    said: ClassVar[Bilingual] = both("true 或 false", "true or false")
    unit: str = "switch"

    def read(self, key: str, value: Any) -> bool:
        """Return whether it is true."""
        if not isinstance(value, bool):
            raise _is_not(value, " true 或 false", "true or false")
        return value

    def typed(self, key: str, text: str) -> Any:
        """Return true or false as such."""
        return text == "true" if text in ("true", "false") else text


@dataclass(frozen=True, slots=True)
class Text(Constraint):
    """A name of the region's own."""

    said: ClassVar[Bilingual] = both("名称", "a name")
    unit: str = "choice"

    def read(self, key: str, value: Any) -> str:
        """Return the name."""
        if not isinstance(value, str) or not value:
            raise _is_not(value, "文本", "a text")
        return value


@dataclass(frozen=True, slots=True)
class MonthDay(Constraint):
    """A day of every year, MM-DD; 29 February is not one."""

    said: ClassVar[Bilingual] = both("月-日，如 01-15", "MM-DD, as 01-15")
    unit: str = "month_day"

    def read(self, key: str, value: Any) -> tuple[int, int]:
        """Return month and day."""
        found = re.fullmatch(r"(\d\d)-(\d\d)", value) if isinstance(value, str) else None
        month, day = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= month <= 12 or not 1 <= day <= monthrange(NO_LEAP_YEAR, month)[1]:
            raise _is_not(value, "每年都有的一天（如 01-15）", "a day of every year, as 01-15")
        return month, day


@dataclass(frozen=True, slots=True)
class Names(Constraint):
    """A list of names: of some words, or of the region's own."""

    said: ClassVar[Bilingual] = both("名称的列表", "list of names")
    options: tuple[str, ...] = ()
    unit: str = "list"

    def read(self, key: str, value: Any) -> tuple[str, ...]:
        """Return the names in order."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _is_not(value, "文本的列表", "a list of texts")
        for item in value if self.options else ():
            _offered(key, item, item, self.options)
        return tuple(value)

    def typed(self, key: str, text: str) -> Any:
        """Return names between commas as a list."""
        return _typed_list(key, text)


@dataclass(frozen=True, slots=True)
class Weights(Constraint):
    """A list of exact numbers, none below 0."""

    said: ClassVar[Bilingual] = both("数的列表", "list of numbers")
    unit: str = "weights"

    def read(self, key: str, value: Any) -> tuple[Fraction, ...]:
        """Return the numbers in order."""
        if not isinstance(value, list):
            raise _is_not(value, "数的列表", "a list of numbers")
        weights = tuple(decimal_fraction(item) for item in value)
        if any(weight < 0 for weight in weights):
            raise ValueError(both("权重不得为负", "a weight is negative"))
        return weights

    def typed(self, key: str, text: str) -> Any:
        """Return numbers between commas as a list."""
        return _typed_list(key, text)


@dataclass(frozen=True, slots=True)
class Bands(Constraint):
    """[limit, multiple] with rising limits, the last one open; no multiple below 1."""

    said: ClassVar[Bilingual] = both("[上限, 倍数] 的列表", "list of [limit, multiple]")
    form: ClassVar[Bilingual] = both("上限:倍数", "LIMIT:MULTIPLE")
    example: ClassVar[str] = "100:3,none:2"
    ends: ClassVar[tuple[int, int]] = (1, MANY)
    beyond: ClassVar[Bilingual] = both(
        "高倍率的倍数不得小于1", "a multiple below 1 is not one of high-cost cases"
    )
    unit: str = "bands"

    def read(self, key: str, value: Any) -> Steps:
        """Return (limit or None, multiple or ratio) in order."""
        steps = _steps(value)
        low, high = self.ends
        if any(not low <= part <= high for _, part in steps):
            raise ValueError(self.beyond)
        return steps

    def typed(self, key: str, text: str) -> Any:
        """Return pairs between commas as a list of pairs."""
        return _typed_pairs(key, text, self.form, self.example, last=True)


@dataclass(frozen=True, slots=True)
class Tiers(Bands):
    """[limit, ratio] with rising limits, the last one open; ratios from 0 to 1."""

    said: ClassVar[Bilingual] = both("[上限, 比例] 的列表", "list of [limit, ratio]")
    form: ClassVar[Bilingual] = both("上限:比例", "LIMIT:RATIO")
    example: ClassVar[str] = "0.1:1,none:0.5"
    ends: ClassVar[tuple[int, int]] = (0, 1)
    beyond: ClassVar[Bilingual] = both("各档比例须在0与1之间", "a ratio is not between 0 and 1")
    unit: str = "tiers"


@dataclass(frozen=True, slots=True)
class Pairs(Constraint):
    """[code, meaning], the first that fits."""

    said: ClassVar[Bilingual] = both("[代码, 去向] 的列表", "list of [code, meaning]")
    unit: str = "table"

    def read(self, key: str, value: Any) -> tuple[tuple[str, str], ...]:
        """Return the pairs in order."""
        if not _of_pairs(value):
            raise _is_not(value, " [代码, 去向] 的列表", "a list of [code, meaning]")
        return tuple((str(a), str(b)) for a, b in value)

    def typed(self, key: str, text: str) -> Any:
        """Return CODE:FUND between commas as a list of pairs."""
        return _typed_pairs(key, text, both("代码:基金", "CODE:FUND"), "310100:310,*:other")


@dataclass(frozen=True, slots=True)
class Amounts(Constraint):
    """[name, yuan]: each name once, no amount below 0."""

    said: ClassVar[Bilingual] = both("[名称, 元] 的列表", "list of [name, yuan]")
    unit: str = "yuan"

    def read(self, key: str, value: Any) -> tuple[tuple[str, int], ...]:
        """Return (name, fen) in order."""
        if not _of_pairs(value) or not all(isinstance(yuan, str) for _, yuan in value):
            raise _is_not(value, ' [等级, "金额"] 的列表', 'a list of [level, "amount"]')
        names = [str(name).strip() for name, _ in value]
        if "" in names or len(set(names)) < len(names):
            raise ValueError(both("名称空着，或重复", "a name is empty or stands twice"))
        amounts = [fen_of_yuan(text) for _, text in value]
        if any(fen < 0 for fen in amounts):
            raise ValueError(both("金额不得为负", "an amount is negative"))
        return tuple(zip(names, amounts, strict=True))

    def typed(self, key: str, text: str) -> Any:
        """Return LEVEL:YUAN between commas as a list of pairs, `none` as an empty one."""
        if text in ("", NONE):
            return []
        form = both("等级:金额", "LEVEL:YUAN")
        return _typed_pairs(key, text, form, "三级:600,二级:400")


# --- what several kinds share


def one_of(*options: str) -> Choice:
    """Return the choice of some words."""
    return Choice(options)


def _is_not(value: Any, chinese: str, english: str) -> ValueError:
    return ValueError(both(f"{quoted(value)}不是{chinese}", f"{value!r} is not {english}"))


def _of_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 for p in value)


def _offered(key: str, word: str, value: object, options: tuple[str, ...]) -> str:
    def named(code: str) -> str:
        chinese = word_of(key, code)
        return f"{code}（{chinese}）" if chinese else code

    if word not in options:
        raise ValueError(
            both(
                f"没有{quoted(value)}这个选项；可选：{'、'.join(map(named, options))}",
                f"{value!r} is not offered; offered: {', '.join(options)}",
            )
        )
    return word


def _within(low: int, number: int | Fraction, high: int, shown: object) -> None:
    if not low <= number <= high:
        raise ValueError(
            both(f"{shown} 不在 {low} 至 {high} 之间", f"{shown} is not between {low} and {high}")
        )


def _steps(value: Any) -> Steps:
    if not isinstance(value, list) or not value:
        raise _is_not(value, " [上限, 倍数] 的列表", "a list of [limit, multiple]")
    for item in value:
        if not _of_pairs([item]):
            raise _is_not(item, " [上限, 倍数]", "[limit, multiple]")
    bands = [
        (None if limit == NONE else decimal_fraction(limit), decimal_fraction(part))
        for limit, part in value
    ]
    *closed, last = (limit for limit, _ in bands)
    if last is not None or None in closed:
        raise ValueError(
            both(
                '最后一档的上限须为 "none"，其余各档不得为 "none"',
                'the last band, and only the last, has the limit "none"',
            )
        )
    if any(a is not None and b is not None and a >= b for a, b in pairwise(closed)):
        raise ValueError(both("各档上限须逐档增大", "the limits of bands must rise"))
    return tuple(bands)


def _bracketed(key: str, text: str) -> Any:
    """Return a list written as in a policy file; the text itself, to be refused, where it is none."""
    try:
        return parse_toml(f"value = {text}".encode(), Path(key))["value"]
    except InputError:
        return text


def _typed_list(key: str, text: str) -> Any:
    if text.startswith("["):
        return _bracketed(key, text)
    return [] if text in ("", NONE) else [item.strip() for item in text.split(",")]


def _typed_pairs(
    key: str, text: str, form: Bilingual, example: str, *, last: bool = False
) -> list[list[str]] | Any:
    if text.startswith("["):
        return _bracketed(key, text)
    pairs = [[part.strip() for part in item.split(":")] for item in text.split(",")]
    if any(len(parts) != 2 for parts in pairs):
        chinese = f"写作 {key}={form.chinese},{form.chinese}，如 {key}={example}"
        english = f"write {key}={form},{form}, as {key}={example}"
        if last:
            chinese, english = (
                f"{chinese}；最后一档的上限写 none",
                f"{english}; the last limit is none",
            )
        raise ValueError(both(chinese, english))
    return pairs
