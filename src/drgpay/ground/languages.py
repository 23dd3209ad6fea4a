"""The languages of texts, Chinese and English: told apart here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

LANGUAGES = ("zh", "en")
T = TypeVar("T")


def is_chinese(lang: str) -> bool:
    """Whether texts are wanted in Chinese, for what differs in more than a text."""
    return lang == "zh"


def choose(lang: str, chinese: T, english: T) -> T:
    """Return one of two in the language asked for.

    >>> choose("zh", "是", "yes"), choose("en", "是", "yes")
    ('是', 'yes')
    """
    return chinese if is_chinese(lang) else english


def choosing(lang: str) -> Callable[[str, str], str]:
    """Return what picks the text of a language, for a page that says many.

    >>> t = choosing("en")
    >>> t("病例", "Cases")
    'Cases'
    """
    return lambda chinese, english: choose(lang, chinese, english)
