"""Each word of derivations: said somewhere, in both languages, about the same facts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from string import Formatter

import pytest

from drgpay.ground.sentences import filled
from drgpay.names.run_columns import named
from drgpay.policy.catalogue import CATALOGUE
from drgpay.why.model import UNITS
from drgpay.why.words import TABLE, said, step_words

WORDS = tomllib.loads(TABLE.read_text(encoding="utf-8"))
CODE = "\n".join(p.read_text(encoding="utf-8") for p in sorted(TABLE.parent.glob("*.py")))
SAID = set(re.findall(r'"([\w./]+)"', CODE))
BY_CODE = {"code": "kind", "made": "name"}  # classes, which English names by their code
COMPUTED = {"all.", "year.", "balance/"}  # f"all.{column}": steps whose names end as figures do


def pairs() -> Iterator[tuple[str, list[str]]]:
    for name, entry in WORDS["step"].items():
        notes = {"note": entry.get("note"), **entry.get("notes", {})}
        for key, texts in {"title": entry.get("title"), **notes}.items():
            if texts is not None:
                yield f"step.{name}.{key}", texts
    yield from ((f"text.{name}", texts) for name, texts in WORDS["text"].items())


@pytest.mark.parametrize(("name", "texts"), list(pairs()))
def test_words__both_languages_tell_the_same_facts(name: str, texts: list[str]) -> None:
    chinese, english = ([n for _, n, _, _ in Formatter().parse(text) if n] for text in texts)
    assert {BY_CODE.get(n, n) for n in english} == set(chinese)
    assert not re.search(r"[一-鿿]", texts[1])


@pytest.mark.parametrize("name", WORDS["step"])
def test_step__has_a_name_a_unit_and_parameters_that_there_are(name: str) -> None:
    words = step_words(name)
    assert words.title or named(words.column)
    assert words.in_unit in UNITS
    assert set(words.uses) <= set(CATALOGUE)
    assert words.rule or name in ("left", "rank")


def test_words__each_is_said_by_the_code() -> None:
    asked = {*WORDS["step"], *WORDS["text"]}
    asked |= {note for entry in WORDS["step"].values() for note in entry.get("notes", {})}
    made = {f"{note}_provision" for note in ("inside", "outside")} | {"penalised", "ended"}
    unsaid = {n for n in asked - SAID - made if not n.startswith(tuple(COMPUTED))}
    assert not unsaid


def test_words__none_is_said_that_there_is_not() -> None:
    steps = set(re.findall(r'd\.(?:step|test|say)\(\s*"([^"]+)"', CODE))
    texts = set(re.findall(r'(?:said|disagree)\(\s*"([^"]+)"', CODE))
    assert len(steps) > 100
    assert steps <= set(WORDS["step"])
    assert texts <= set(WORDS["text"])


def test_said__fills_each_language_with_its_own_words() -> None:
    told = filled(["{what}：{n} 例", "{what}: {n}"], {"what": said("no_points"), "n": 3})
    assert told.chinese == "没有点数，求不出点值：3 例"
    assert str(told) == "there are no points: no point value: 3"
