"""Sentences in two languages that stand in a table (TOML) beside the code that says them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual, both, in_language
from drgpay.ground.languages import choose
from drgpay.ground.money import points_text, yuan_text

Pair = Sequence[str]  # Chinese, English; {names} are filled by the facts that a sentence tells


@cache
def sentences(table: Path) -> Mapping[str, Any]:
    """Return what stands in a table of sentences."""
    return tomllib.loads(table.read_text(encoding="utf-8"))


def filled(texts: Pair, facts: Mapping[str, Any]) -> Bilingual:
    """Return a sentence about some facts in both languages.

    A fact named `_fen` is told in yuan, one named `points` in points, a list with commas.

    >>> told = filled(["{pools}：{due_fen} 元", "{pools}: {due_fen} yuan"],
    ...               {"pools": ["310", "390"], "due_fen": 1250})
    >>> told.chinese, str(told)
    ('310、390：12.50 元', '310, 390: 12.50 yuan')
    """
    chinese, english = texts
    return both(
        chinese.format_map(_Told(facts, "zh")),
        english.format_map(_Told(facts, "en")),
    )


class _Told(dict[str, Any]):
    """Facts as they are told in a language."""

    def __init__(self, facts: Mapping[str, Any], lang: str) -> None:
        super().__init__(facts)
        self.lang = lang

    def __getitem__(self, name: str) -> Any:
        fact = super().__getitem__(name)
        if isinstance(fact, list | tuple):
            return choose(self.lang, "、", ", ").join(in_language(one, self.lang) for one in fact)
        if name.endswith("_fen"):
            return yuan_text(fact)
        if name.endswith("points") and isinstance(fact, int):
            return points_text(fact)
        return in_language(fact, self.lang) if isinstance(fact, Bilingual) else fact
