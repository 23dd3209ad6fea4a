"""docs/rules.md: every rule has formula, clause, code and test, and every parameter stands in a rule."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from drgpay.policy.catalogues import EVERY

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
RULE = re.compile(r"^#### (\d+\.\d+) (.+)\n((?:- .+\n?)+)", re.MULTILINE)
RULES = {number: (title, body) for number, title, body in RULE.findall(PAGE)}
FIELDS = ("Formula", "Parameters", "Clause", "Code")


def field(body: str, name: str) -> str:
    found = re.search(rf"^- {name}: (.+)$", body, re.MULTILINE)
    assert found, name
    return found[1]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_rules__are_numbered_one_by_one() -> None:
    assert len(RULES) == PAGE.count("\n#### ") >= 60
    heads = [tuple(int(x) for x in number.split(".")) for number in RULES]
    assert heads == sorted(heads)
    for head, last in pairwise(heads):
        assert last in ((head[0], head[1] + 1), (head[0] + 1, 1)), last


@pytest.mark.parametrize("number", RULES)
def test_rule__has_formula_clause_code_and_test(number: str) -> None:
    _, body = RULES[number]
    assert [line.split(":")[0] for line in body.strip().splitlines()] == [f"- {f}" for f in FIELDS]
    code, model, tests = (part.strip() for part in field(body, "Code").split(";"))
    assert model.startswith("model ") and tests.startswith("tests ")
    for place, names in (("src/drgpay", code), ("reference/model", model), ("tests", tests)):
        assert codes(names), names
        for name in codes(names):
            assert (ROOT / place / name).exists(), f"{number}: {place}/{name}"


def test_rules__name_every_parameter_and_no_other() -> None:
    named = {key for _, body in RULES.values() for key in codes(field(body, "Parameters"))}
    assert not set(EVERY) - named, "no rule says what these do"
    assert not named - set(EVERY)
    for key, known in EVERY.items():
        assert key in codes(field(RULES[known.rule][1], "Parameters")), key
