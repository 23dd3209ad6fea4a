"""A derivation: facts and steps from a run folder's figures and parameters to one of its results.

Every step is a formula that a person can compute again, a comparison of rule 7, or words about a
figure of the tables. A step whose result stands in a table is held against it there and then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from drgpay.ground.errors import Bilingual, both, in_language
from drgpay.ground.languages import choose
from drgpay.ground.numbers import (
    NEAR,
    NOTHING,
    Figure,
    Given,
    Leaf,
    Number,
    Result,
    digits,
    ending,
    number,
    plain,
)
from drgpay.policy import YearPolicy
from drgpay.policy.year import InForce
from drgpay.why.folder import Row
from drgpay.why.words import said, step_words

UNITS: dict[str, Bilingual] = {
    "yuan": both("元", "yuan"),
    "point": both("点", "points"),
    "yuan_per_point": both("元/点", "yuan per point"),
    "cases": both("例", "cases"),
    "days": both("天", "days"),
    "": NOTHING,
}
PLACES = {"yuan": 2, "point": 4, "yuan_per_point": 12, "cases": 0, "days": 0, "": 0}
OPPOSITE = {"≥": "<", "<": "≥", "≤": ">", ">": "≤", "=": "≠", "≠": "="}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that the run folder says in words, with where it stands."""

    label: Bilingual
    text: Bilingual
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `formula` is empty when it is told in words.

    `value` is the exact result, `unit` its unit, `rule` the rule of docs/rules.md.
    `holds` is whether a test came out; the formula of a test is true either way. `stated` are the
    figures of the run's tables that the result must equal.
    """

    key: str
    title: Bilingual
    formula: str
    value: Fraction | None
    unit: str
    rule: str
    leaves: tuple[Leaf, ...] = ()
    stated: tuple[Figure, ...] = ()
    parameters: tuple[str, ...] = ()
    note: Bilingual = NOTHING
    holds: bool | None = None
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Some steps under one heading."""

    title: Bilingual
    steps: list[Step] = field(default_factory=list)


@dataclass
class Derivation:
    """How a result of a run came about; made by the modules of the subjects."""

    subject: str
    name: str
    title: Bilingual
    policy: YearPolicy
    facts: list[Fact] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    disagreements: list[Bilingual] = field(default_factory=list)
    notes: list[Bilingual] = field(default_factory=list)
    cited: dict[str, None] = field(default_factory=dict)
    head: dict[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """Return all steps in order."""
        return [step for section in self.sections for step in section.steps]

    def section(self, title: Bilingual) -> None:
        """Begin a new heading, in place of one under which nothing was said."""
        if self.sections and not self.sections[-1].steps:
            self.sections.pop()
        self.sections.append(Section(title))

    def fact(self, label: Bilingual, text: str, *figures: Figure) -> None:
        """Add a fact of the head."""
        own = text if isinstance(text, Bilingual) else both(text, text)
        self.facts.append(Fact(label, own, figures))

    def step(
        self,
        name: str,
        made: Number,
        stated: Row | Iterable[Figure] = (),
        /,
        *,
        note: str = "",
        uses: Sequence[str] = (),
        key: str = "",
        rule: str = "",
        **facts: object,
    ) -> Number:
        """Add a step that computes a number; return the result for use in later ones.

        `name`: of its words in words.toml, which `facts` fill in; `note` is one of its notes.
        `stated`: the row in whose column the result stands, or the figures. `key` and `rule`: where
        they are not those of the words.
        """
        words = step_words(name)
        unit, title = words.in_unit, words.titled(facts)
        least = PLACES[unit] if words.places is None else words.places
        formula = made.text if made.plain else f"{made.text} {ending(made.value, least)}"
        figures = stated.figures(words.column) if isinstance(stated, Row) else tuple(stated)
        step = Step(
            self._free(key or name), title, formula, made.value, unit, rule or words.rule, made.leaves,
            figures, self._cite(made.leaves, [*words.uses, *uses]), words.noted(note, facts),
        )  # fmt: skip
        self._add(step)
        text = digits(made.value, least, max(least, NEAR))
        return number(made.value, text, title, Result(step.key))

    def test(
        self,
        name: str,
        left: Number,
        operator: str,
        right: Number,
        /,
        *,
        note: str = "",
        uses: Sequence[str] = (),
        key: str = "",
        rule: str = "",
        **facts: object,
    ) -> bool:
        """Add a comparison, written so that it is true; return whether it held as asked."""
        words = step_words(name)
        places = 2 if words.places is None else words.places
        holds = compare(left.value, operator, right.value)
        shown = operator if holds else OPPOSITE[operator]
        end = "" if right.plain else f" {ending(right.value, places)}"
        begin = left.text if left.plain else f"{left.text} {ending(left.value, places)}"
        if not left.plain:
            begin = begin.split(" ≈ ")[0]  # what is compared is exact
        leaves = left.leaves + right.leaves
        self._add(
            Step(
                self._free(key or name), words.titled(facts), f"{begin} {shown} {right.text}{end}",
                None, "", rule or words.rule, leaves, (), self._cite(leaves, [*words.uses, *uses]),
                words.noted(note, facts), holds,
            )
        )  # fmt: skip
        return holds

    def say(
        self,
        name: str,
        /,
        *figures: Figure,
        note: str = "",
        uses: Sequence[str] = (),
        key: str = "",
        holds: bool | None = None,
        **facts: object,
    ) -> None:
        """Add a step in words about figures of the tables or parameters."""
        words = step_words(name)
        self._add(
            Step(
                self._free(key or name), words.titled(facts), "", None, "", words.rule, (), (),
                self._cite((), [*words.uses, *uses]), words.noted(note, facts), holds, figures,
            )
        )  # fmt: skip

    def disagree(self, name: str, /, **facts: object) -> None:
        """Note that two figures of the run do not fit together, in the words of words.toml."""
        self.disagreements.append(said(name, **facts))

    def same(self, what: Bilingual, first: Figure, second: Any) -> None:
        """Fail later if a figure is not what it must be."""
        if first.value != second:
            self.disagree(
                "not_same", what=what, place=placed(first), found=first.value, should=second
            )

    def parameter(self, key: str) -> InForce:
        """Return a parameter, noted as one that the derivation rests on."""
        self.cited[key] = None
        return self.policy.parameters[key]

    def given(self, key: str, value: Fraction | int | None = None, least: int = 0) -> Number:
        """Return a parameter, or a number inside it, as a number of a formula."""
        p = self.parameter(key)
        exact = Fraction(p.value if value is None else value)
        label = both(p.name, key)
        return number(exact, digits(exact, least), label, Given(key))

    def _cite(self, leaves: Iterable[Leaf], more: Iterable[str]) -> tuple[str, ...]:
        own = [leaf.source.key for leaf in leaves if isinstance(leaf.source, Given)]
        keys = tuple(dict.fromkeys([*own, *more]))
        self.cited.update(dict.fromkeys(keys))
        return keys

    def _free(self, key: str) -> str:
        taken = {step.key for step in self.steps}
        key = made = key.split("/")[0]
        count = 1
        while made in taken:
            count += 1
            made = f"{key}.{count}"
        return made

    def _add(self, step: Step) -> None:
        if not self.sections:
            self.section(NOTHING)
        self.sections[-1].steps.append(step)
        for figure in step.stated:
            if step.value is not None and in_unit(figure) != step.value:
                self.disagree(
                    "not_stated", title=step.title, place=placed(figure), says=shown_figure(figure),
                    wanted=shown_value(step.value, PLACES.get(step.unit, 4)),
                )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values; exact numbers as integers or texts `p/q`."""
        return {
            **self.head,
            "subject": self.subject,
            "id": self.name,
            "title": _texts(self.title),
            "agrees": not self.disagreements,
            "disagreements": [_texts(text) for text in self.disagreements],
            "facts": [
                {
                    "label": _texts(fact.label),
                    "text": _texts(fact.text),
                    "figures": [figure.as_dict() for figure in fact.figures],
                }
                for fact in self.facts
            ],
            "sections": [
                {"title": _texts(s.title), "steps": [_step_dict(step) for step in s.steps]}
                for s in self.sections
            ],
            "parameters": [self.policy.parameters[key].as_dict() for key in self.cited],
            "notes": [_texts(note) for note in self.notes],
        }


def compare(left: Fraction, operator: str, right: Fraction) -> bool:
    """Return whether a comparison holds."""
    if operator in "≥≤=":
        if left == right:
            return True
        if operator == "=":
            return False
    if operator == "≠":
        return left != right
    return left > right if operator in "≥>" else left < right


def in_unit(figure: Figure) -> Fraction | None:
    """Return a figure's value in the unit of formulas: fen as yuan; None when it is no number."""
    if figure.value is None or isinstance(figure.value, bool):
        return None
    money = figure.column.endswith("_fen") and figure.how not in ("count", "rank")
    scale = Fraction(1, 100) if money else 1
    try:
        return Fraction(figure.value) * scale
    except (ValueError, TypeError):
        return None


def shown_value(value: Fraction, places: int) -> str:
    """Return a value as a message shows it."""
    return ending(value, places).removeprefix("= ")


def shown_figure(figure: Figure) -> str:
    """Return a figure's value as a message shows it."""
    exact = in_unit(figure)
    return (
        str(figure.value) if exact is None else digits(exact, 2 if "_fen" in figure.column else 0)
    )


def place(figure: Figure, lang: str) -> str:
    """Return where a figure stands."""
    row = ",".join(f"{column}={value}" for column, value in figure.row if value)
    inside = f"[{row}]" if row else ""
    what = f"{figure.table}{inside}.{figure.column}"
    if figure.how in ("sum", "floors"):
        return f"Σ {what}"
    if figure.how == "count":
        return choose(lang, f"{figure.table}{inside} 的行数", f"rows of {figure.table}{inside}")
    if figure.how == "exact":
        return choose(lang, f"{what} 取整前之和", f"Σ {what} before it is rounded")
    if figure.how == "rank":
        return choose(lang, f"{what} 的余数名次", f"rank of the remainder of {what}")
    return what


def placed(figure: Figure) -> Bilingual:
    """Return where a figure stands, in both languages."""
    return both(place(figure, "zh"), place(figure, "en"))


def _texts(text: Bilingual) -> dict[str, str]:
    return {"zh": in_language(text, "zh"), "en": in_language(text, "en")}


def _step_dict(step: Step) -> dict[str, Any]:
    made: dict[str, Any] = {
        "key": step.key,
        "title": _texts(step.title),
        "formula": step.formula,
        "value": plain(step.value),
        "unit": step.unit,
        "rule": step.rule,
        "inputs": [_leaf_dict(leaf) for leaf in step.leaves],
        "parameters": list(step.parameters),
        "stated": [figure.as_dict() for figure in step.stated],
        "figures": [figure.as_dict() for figure in step.figures],
        "note": _texts(step.note),
    }
    if step.holds is not None:
        made["holds"] = step.holds
    return made


def _leaf_dict(leaf: Leaf) -> dict[str, Any]:
    source = leaf.source
    where: dict[str, Any]
    if isinstance(source, Figure):
        where = {"figure": source.as_dict()}
    elif isinstance(source, Given):
        where = {"parameter": source.key}
    elif isinstance(source, Result):
        where = {"step": source.key}
    else:
        where = {"rule": True}
    return {"text": leaf.text, "value": plain(leaf.value), "label": _texts(leaf.label), **where}
