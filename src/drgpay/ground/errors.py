"""Faults of the program's inputs: one base class, a few leaves, facts as fields.

Faults of a single case are not raised: they are rows of the quarantine table.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from drgpay.ground.languages import choose


class Bilingual(str):
    """An English text that knows its Chinese one."""

    chinese: str

    def __new__(cls, english: str, chinese: str) -> Bilingual:
        """Make the text; as a plain string it is English."""
        text = super().__new__(cls, english)
        text.chinese = chinese
        return text

    def __reduce__(self) -> tuple[type[Bilingual], tuple[str, str]]:
        return Bilingual, (str(self), self.chinese)

    def of(self, lang: str) -> str:
        """Return the text in a language."""
        return choose(lang, self.chinese, str(self))

    @property
    def inside(self) -> Bilingual:
        """The text as it stands inside a sentence: English begins with a small letter.

        >>> str(both("应付", "Due").inside), str(both("点数法", "DRG points").inside)
        ('due', 'DRG points')
        """
        small = not self[1:2].isupper()
        return Bilingual(self[:1].lower() + self[1:] if small else str(self), self.chinese)


def both(chinese: str, english: str) -> Bilingual:
    """Return a text in both languages.

    >>> in_language(both("没有此文件", "no such file"), "zh")
    '没有此文件'
    """
    return Bilingual(english, chinese)


def in_language(text: object, lang: str) -> str:
    """Return a text in a language: Chinese where it has one and `lang` is zh.

    An exception gives the text that it was made with.
    """
    if isinstance(text, Exception):
        text = text.args[0] if text.args else text
    return text.of(lang) if isinstance(text, Bilingual) else str(text)


def joined(texts: Iterable[object]) -> Bilingual:
    """Return texts as one, in both languages."""
    every = list(texts)
    chinese, english = ([in_language(text, lang) for text in every] for lang in ("zh", "en"))
    return both("；".join(chinese), "; ".join(english))


def located(where: object, text: object) -> Bilingual:
    """Return a text behind the place that it is about, in both languages.

    >>> fault = located("hospitals.csv:3", both("机构重复", "stands twice"))
    >>> fault
    'hospitals.csv:3: stands twice'
    >>> fault.chinese
    'hospitals.csv 第3行：机构重复'
    """
    return both(
        f"{_place(in_language(where, 'zh'))}：{in_language(text, 'zh')}",
        f"{in_language(where, 'en')}: {in_language(text, 'en')}",
    )


def fault_at(where: object, chinese: str, english: str) -> Bilingual:
    """Return what is wrong at a place, in both languages."""
    return located(where, both(chinese, english))


def _place(where: str) -> str:
    """Return file:row as it is said in Chinese."""
    return re.sub(r":(\d+)$", r" 第\1行", where)


def quoted(value: object) -> str:
    """Return a value as it is shown in Chinese texts.

    >>> quoted("AA1"), quoted(True), quoted(3)
    ('“AA1”', 'true', '3')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"“{value}”" if isinstance(value, str) else str(value)


# what reading a hostile TOML file may raise
TOML_FAULTS = (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError)


def not_toml(error: Exception) -> Bilingual:
    """Return what is wrong with a file that is not TOML, or not UTF-8."""
    if isinstance(error, RecursionError):
        return both(
            "不是TOML格式：括号嵌套过深，请改正", "not TOML: brackets are nested too deeply"
        )
    if isinstance(error, UnicodeDecodeError):
        return both("不是UTF-8编码，请另存为UTF-8编码的文本", f"not TOML: {error}")
    if "integer string conversion" in str(error):
        return both("有位数过多的整数，请改正", "not TOML: a whole number has too many digits")
    at = re.search(r"line (\d+), column (\d+)", str(error))
    place = f"第{at[1]}行第{at[2]}列" if at else "文件末尾"
    return both(
        f"不是TOML格式：{place}读不懂，请核对此处及其前面的等号、引号和括号", f"not TOML: {error}"
    )


class DrgpayError(Exception):
    """A fault that a person can mend; the message says what, where, why and what to do.

    `where` names the file, row or key; `remedy` what to do about it. Texts made with `both` are
    shown in the language asked for; `str()` of the error is English.
    """

    exit_code = 1
    http_status = 500

    def __init__(
        self,
        what: Bilingual,
        *,
        where: str | Path | None = None,
        remedy: Bilingual | None = None,
        faults: Sequence[Bilingual] = (),
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.remedy = remedy
        self.faults = tuple(faults)
        super().__init__(self.text())

    def text(self, lang: str = "en") -> str:
        """Return the whole message, one fault a line."""
        what = located(self.where, self.what) if self.where else self.what
        lines = [in_language(what, lang)]
        lines += [f"  - {in_language(fault, lang)}" for fault in self.faults]
        if self.remedy:
            lines.append(f"  → {in_language(self.remedy, lang)}")
        return "\n".join(lines)


class SchemeError(DrgpayError):
    """A scheme's tables cannot be used."""

    exit_code = 3
    http_status = 422


class PolicyError(DrgpayError):
    """A policy file lacks, doubles or misstates a parameter."""

    exit_code = 4
    http_status = 422


class InputError(DrgpayError):
    """A file or a table given by the user cannot be read as what it should be."""

    exit_code = 5
    http_status = 422


class BooksError(DrgpayError):
    """A total does not tie out; the run is not to be used."""

    exit_code = 6
    http_status = 500


def unknown_choice(key: str, value: object) -> PolicyError:
    """Return the fault of a rule that the catalogue offers and the code at hand does not know.

    Every chain that tells the choices of a parameter apart ends in raising it.
    """
    return PolicyError(
        both(
            f"drgpay 在这一步没有{quoted(value)}的算法",
            f"drgpay has no rule {value!r} where it is needed",
        ),
        where=key,
        remedy=both(
            "改用另一个选项；这是 drgpay 的错误，请报告给开发者",
            "choose another option; this is a fault of drgpay: please report it",
        ),
    )
