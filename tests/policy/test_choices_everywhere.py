"""Wherever choices of a parameter are told apart, every choice of the catalogue is told apart.

A choice that is added to the catalogue makes the first test name each file and line that lacks it.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from drgpay.ground.errors import PolicyError, unknown_choice
from drgpay.policy.catalogues import EVERY
from drgpay.policy.constraints import Choice
from drgpay.policy.year import says

ROOT = Path(__file__).resolve().parents[2]
ANY = re.compile(r"\bsays\(|policy\[|values\.get\(")
CHOICES = {key: set(k.choices) for key, k in EVERY.items() if isinstance(k.takes, Choice)}


@cache
def sources() -> list[tuple[str, ast.AST]]:
    """Calls and comparisons of engine and model, by where they stand."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node)
        for place in ("src/drgpay", "reference/model")
        for path in sorted((ROOT / place).rglob("*.py"))
        if ANY.search(text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call | ast.Compare)
    ]


def said(node: ast.AST) -> list[str]:
    """The texts that a call of `says` is given: the key and the choices it tells apart."""
    if not isinstance(node, ast.Call):
        return []
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name != "says":
        return []
    texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
    return [text for text in texts if isinstance(text, str)]


def compared(node: ast.AST) -> str | None:
    """The parameter whose choice is compared with a text: `policy["key"] == "choice"`."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return None
    for side in (node.left, *node.comparators):
        found = None
        if isinstance(side, ast.Subscript):
            found = side.slice
        elif isinstance(side, ast.Call) and ast.unparse(side.func).endswith("values.get"):
            found = side.args[0]
        key = found.value if isinstance(found, ast.Constant) else None
        if isinstance(key, str) and key in CHOICES and not key.startswith("capitation."):
            return key
    return None


def test_says__names_every_choice_of_the_catalogue() -> None:
    calls = [(where, texts) for where, node in sources() if (texts := said(node))]
    assert len(calls) > 150
    lacking = [
        f"{where}: {key} knows {', '.join(choices)}, the catalogue {', '.join(CHOICES[key])}"
        for where, (key, *choices) in calls
        if key not in CHOICES or set(choices) != CHOICES[key] or len(set(choices)) < len(choices)
    ]
    assert not lacking, "\n".join(lacking)


def test_choices__are_compared_by_says_alone() -> None:
    found = [f"{where}: {key}" for where, node in sources() if (key := compared(node))]
    assert not found, "\n".join(found)


def test_says__refuses_a_choice_that_the_place_does_not_name() -> None:
    values = {"low.rule": "by_item"}
    assert says(values, "low.rule", "by_item", "ratio", "by_cost")
    assert not says(values, "low.rule", "ratio", "by_cost", "by_item")
    with pytest.raises(PolicyError) as caught:
        says(values, "low.rule", "ratio", "by_cost")
    assert caught.value.where == "low.rule"
    assert str(caught.value) == str(unknown_choice("low.rule", "by_item"))
    assert "没有“by_item”的算法" in caught.value.text("zh")
