"""The rule language: what parses to what, and what does not parse."""

from __future__ import annotations

import pytest

from drgpay.schemes.rules import (
    Always,
    And,
    Compare,
    Flag,
    Member,
    Node,
    Not,
    Or,
    RuleSyntaxError,
    StartsWith,
    any_procedure_reading,
    parse_rule,
)

MCC, CC, ICU = Flag("mcc"), Flag("cc"), Flag("icu")


@pytest.mark.parametrize(
    ("rule", "tree"),
    [
        ("True", Always()),
        ("mcc or cc and icu", Or((MCC, And((CC, ICU))))),
        ("mcc and cc or icu", Or((And((MCC, CC)), ICU))),
        ("(mcc or cc) and icu", And((Or((MCC, CC)), ICU))),
        ("not mcc or cc", Or((Not(MCC), CC))),
        ("not mcc and cc", And((Not(MCC), CC))),
        ("not (mcc or cc)", Not(Or((MCC, CC)))),
        ("not not mcc", Not(Not(MCC))),
        ("mcc or cc or icu", Or((MCC, CC, ICU))),
        ("principal in dx", Member("principal", "dx")),
        ("principal not in dx and icu", And((Not(Member("principal", "dx")), ICU))),
        ("not principal in dx", Not(Member("principal", "dx"))),
        ("secondary in any site", Member("secondary", any_site=True)),
        ('any_procedure in {"39.6500"}', Member("any_procedure", codes=("39.6500",))),
        (
            'main_procedure in { "96.7200" , "96.7201" }',
            Member("main_procedure", codes=("96.7200", "96.7201")),
        ),
        ('any_diagnosis startswith "P07."', StartsWith("any_diagnosis", "P07.")),
        ("age_days <= 28", Compare("age_days", "<=", 28)),
        ("trauma_sites>=2", Compare("trauma_sites", ">=", 2)),
        ('sex != "F"', Compare("sex", "!=", 2)),
        ("  mcc  ", MCC),
    ],
)
def test_rule__parses_with_not_before_and_before_or(rule: str, tree: Node) -> None:
    assert parse_rule(rule) == tree


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("", "expected a fact"),
        ("__import__('os').system('id')", "unreadable at position 12"),
        ("__import__", "expected a fact of the rule language at position 1"),
        ("__class__ in dx", "expected a fact of the rule language"),
        ("mcc; cc", "unreadable at position 4"),
        ("lambda: 1", "unreadable"),
        ("mcc or", "found the end of the rule"),
        ("or mcc", "expected a fact"),
        ("mcc cc", "expected 'and', 'or' or the end of the rule at position 5"),
        ("(mcc", "expected ')' at position 5"),
        ("mcc)", "expected 'and', 'or' or the end of the rule at position 4"),
        ("()", "expected a fact at position 2"),
        ("principal", "expected 'in', 'not in' or 'startswith'"),
        ("principal in", "expected a list"),
        ("principal in {}", "expected a quoted code"),
        ('principal in {"A00.000"', "expected '}'"),
        ('principal in {"A00.000",}', "expected a quoted code"),
        ("principal not dx", "expected 'in', 'not in' or 'startswith'"),
        ("principal startswith P07", "expected a quoted beginning"),
        ('principal in "A00.000"', "expected a list"),
        ("age_years", "expected a comparison"),
        ("age_years = 3", "unreadable"),
        ("age_years == x", "expected a whole number"),
        ("age_years < -1", "unreadable"),
        ("age_years < 1.5", "unreadable"),
        ("age_years < 100001", "expected a number up to 100000"),
        ("17 > age_years", "expected a fact"),
        ("sex < 1", "expected"),
        ('sex == "X"', 'sex == "M" or "F"'),
        ("TRUE", "expected a fact of the rule language"),
        ("False", "expected a fact of the rule language"),
        ("mcc\x00", "unreadable"),
        ('principal in {"A00', "unreadable"),
    ],
)
def test_rule__that_is_none_says_where(rule: str, text: str) -> None:
    with pytest.raises(RuleSyntaxError) as error:
        parse_rule(rule)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("(" * 10_000 + "mcc" + ")" * 10_000, "20003 characters; a rule has at most 2000"),
        ("(" * 900 + "mcc" + ")" * 900, "at most 50 nested"),
        ("not " * 450 + "mcc", "at most 50 nested"),
        ("mcc or " * 300 + "mcc", "characters; a rule has at most 2000"),
    ],
)
def test_rule__too_long_or_too_deep_is_refused_without_recursion(rule: str, text: str) -> None:
    with pytest.raises(RuleSyntaxError) as error:
        parse_rule(rule)
    assert text in str(error.value)


def test_rule__of_fifty_levels_parses() -> None:
    assert parse_rule("(" * 50 + "mcc" + ")" * 50) == MCC
    assert parse_rule(" and ".join(["(mcc)"] * 60)) == And((MCC,) * 60)


def test_any_procedure_reading__replaces_the_main_procedure_everywhere() -> None:
    rule = parse_rule('not (main_procedure in proc or main_procedure startswith "37") and mcc')
    read = any_procedure_reading(rule)
    assert read == parse_rule(
        'not (any_procedure in proc or any_procedure startswith "37") and mcc'
    )
