"""Each note of notes.toml: said by the code, in both languages, about the same facts."""

from __future__ import annotations

import re
import tomllib
from string import Formatter

import pytest

from drgpay.settlement.said import TABLE, note

NOTES = tomllib.loads(TABLE.read_text(encoding="utf-8"))
CODE = "\n".join(p.read_text(encoding="utf-8") for p in sorted(TABLE.parent.glob("*.py")))


@pytest.mark.parametrize("name", NOTES)
def test_note__tells_the_same_facts_in_both_languages(name: str) -> None:
    chinese, english = ([n for _, n, _, _ in Formatter().parse(text) if n] for text in NOTES[name])
    assert set(chinese) - {"more"} == set(english) - {"more"}
    assert re.search(r"[一-鿿]|[（：]", NOTES[name][0])
    assert not re.search(r"[一-鿿]", NOTES[name][1].replace("二(二)", ""))


def test_notes__are_said_and_no_other() -> None:
    assert set(re.findall(r'note\(\s*"(\w+)"', CODE)) <= set(NOTES)
    assert set(NOTES) <= set(re.findall(r'"(\w+)"', CODE))


def test_note__tells_amounts_in_yuan_and_points_in_points() -> None:
    told = note("reviewed", cases=2, cost_fen=123_456, points=15_000)
    assert told.chinese == "2 例按准予的特病单议计点：总费用 1,234.56 元，点数 1.5000"
