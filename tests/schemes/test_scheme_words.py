"""Rules in words, and words read back as rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.ground.errors import in_language
from drgpay.ground.reference import bundled
from drgpay.schemes.load import load_scheme
from drgpay.schemes.rules import And, Compare, Node, Not, Or, RuleSyntaxError, parse_rule
from drgpay.schemes.words import rule_in_words, rule_of_words

HERE = Path(__file__).parent


def plain(node: Node) -> object:
    """A tree in which `sex != "M"` is `sex == "F"` and single items stand alone."""
    if isinstance(node, And | Or):
        return type(node).__name__, [plain(item) for item in node.items]
    if isinstance(node, Not):
        return "not", plain(node.item)
    if isinstance(node, Compare) and node.fact == "sex" and node.operator == "!=":
        return Compare("sex", "==", 3 - node.value)
    return node


@pytest.mark.parametrize("name", [*bundled("schemes"), str(HERE / "testland-tiny")])
def test_rule_in_words__of_every_rule_is_read_back_as_the_same_rule(name: str) -> None:
    scheme = load_scheme(name, check=False)
    rules = {row.rule for rows in (scheme.mdcs, scheme.adrgs, scheme.drgs) for row in rows}
    for rule in rules:
        said = rule_in_words(parse_rule(rule))
        back = rule_of_words(said)
        assert plain(parse_rule(back)) == plain(parse_rule(rule)), (rule, said, back)
        assert (
            rule_in_words(parse_rule(rule), "en").isascii()
            or "≥" in rule_in_words(parse_rule(rule), "en")
            or "≤" in rule_in_words(parse_rule(rule), "en")
        )


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("", "True"),
        ("不伴", "True"),
        ("不伴并发症或合并症", "True"),
        ("伴CC", "cc"),
        ("伴一般并发症或合并症", "cc"),
        ("伴严重并发症或合并症", "mcc"),
        ("伴并发症或合并症", "(mcc or cc)"),
        ("伴MCC或CC", "(mcc or cc)"),
        ("不伴MCC", "not mcc"),
        ("伴MCC 或 重症监护", "mcc or icu"),
        ("年龄小于17岁 且 伴CC", "age_years < 17 and cc"),
        ("日龄≤28天", "age_days <= 28"),
        ("出生体重<1500克", "birth_weight_g < 1500"),
        ("女", 'sex == "F"'),
        ("主要手术为 96.7200、96.7201", 'main_procedure in {"96.7200", "96.7201"}'),
        ("任一诊断以P07.开头", 'any_diagnosis startswith "P07."'),
        ("并非（年龄<18 或 男）", 'not (age_years < 18 or sex == "M")'),
        ("主要诊断不在列表dx2中", "principal not in dx2"),
    ],
)
def test_rule_of_words__knows_the_words_of_published_tables(words: str, rule: str) -> None:
    assert rule_of_words(words) == rule
    parse_rule(rule)


def test_rule_of_words__names_where_it_is_lost() -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        rule_of_words("伴MCC且很重")
    assert "第6个字起“很重”" in in_language(caught.value, "zh")
