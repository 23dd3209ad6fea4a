"""The words of derivations, each once in words.toml: of their steps, and of what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from drgpay.ground.errors import Bilingual
from drgpay.ground.sentences import Pair, filled, sentences
from drgpay.names.run_columns import named

TABLE = Path(__file__).with_name("words.toml")


@dataclass(frozen=True, kw_only=True)
class StepWords:
    """What words.toml says of a step, but for its formula.

    `column`: of the table's row that holds the result, which the step is called by where it has no
    `title`. `note` is always said, of `notes` the one that is asked for by its name.
    """

    rule: str
    title: Pair = ()
    column: str = ""
    unit: str = ""
    places: int | None = None
    uses: Sequence[str] = ()
    note: Pair = ("", "")
    notes: Mapping[str, Pair] = field(default_factory=dict)

    @property
    def in_unit(self) -> str:
        """The unit of the result: its own, or that of the column."""
        money, cases = self.column.endswith("_fen"), "cases" in self.column
        of_column = "yuan" if money else "cases" if cases else "point" * ("points" in self.column)
        return self.unit or of_column

    def titled(self, facts: Mapping[str, object]) -> Bilingual:
        """Return the step's title."""
        return filled(self.title, facts) if self.title else named(self.column)

    def noted(self, name: str, facts: Mapping[str, object]) -> Bilingual:
        """Return the note of a name, or the one that stands alone."""
        return filled(self.notes[name] if name else self.note, facts)


@cache
def step_words(name: str) -> StepWords:
    """Return the words of a step: a key, or key/variant where the same key says several things."""
    return StepWords(**sentences(TABLE)["step"][name])


def said(name: str, /, **facts: object) -> Bilingual:
    """Return a sentence of words.toml about some facts."""
    return filled(sentences(TABLE)["text"][name], facts)
