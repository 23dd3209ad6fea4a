"""The rule language of docs/formats.md section 1."""

import pytest

from reference.model.rules import Facts, Names, RuleError, parse_rule

LISTS = {
    "dx": frozenset({"A01", "A02"}),
    "dx2": frozenset({"B01"}),
    "proc": frozenset({"P1"}),
    "valid_procedures": frozenset({"P1", "P2"}),
}
SITES = (frozenset({"S1", "S2"}), frozenset({"S3"}), frozenset({"S3", "S4"}))


def holds(rule: str, any_procedure: bool = False, **facts: object) -> bool:
    diagnoses = facts.pop("diagnoses", ("A01",))
    procedures = facts.pop("procedures", ())
    case = Facts(
        principal=diagnoses[0],
        secondary=diagnoses[1:],
        any_diagnosis=diagnoses,
        main_procedure=procedures[0] if procedures else None,
        any_procedure=procedures,
        **facts,
    )
    return parse_rule(rule, Names(dict(LISTS), SITES, any_procedure))(case)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("principal in dx", True),
        ("principal in dx2", False),
        ("principal not in dx2", True),
        ("secondary in dx2", True),
        ("secondary in dx", False),
        ("secondary not in dx", True),
        ("any_diagnosis in dx2 and any_diagnosis in dx", True),
        ('any_procedure in {"P2"}', True),
        ('main_procedure in {"P2"}', False),
        ("any_procedure not in valid_procedures", False),
        ('any_diagnosis startswith "B0"', True),
        ('principal startswith "B0"', False),
        ('main_procedure startswith "P"', True),
        ("True", True),
        ("not True", False),
    ],
)
def test_rule__codes(rule: str, expected: bool) -> None:
    assert holds(rule, diagnoses=("A01", "B01"), procedures=("P1", "P2")) is expected


def test_rule__without_a_procedure() -> None:
    assert not holds("main_procedure in proc")
    assert holds("main_procedure not in proc")
    assert not holds("any_procedure in proc")
    assert holds("any_procedure not in proc")
    assert not holds('main_procedure startswith "P"')


def test_rule__and_binds_tighter_than_or__not_tighter_than_and() -> None:
    assert holds("True or True and not True")
    assert not holds("(True or True) and not True")
    assert not holds("not True and not True")
    assert holds("not (True and not True)")
    assert holds("not age_years < 18", age_years=18)


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("fact", ["age_years", "age_days", "birth_weight_g", "los_days"])
def test_rule__comparison_with_an_unknown_value_is_false(fact: str, sign: str) -> None:
    assert not holds(f"{fact} {sign} 1")
    assert holds(f"not {fact} {sign} 1")


def test_rule__comparison_at_its_limit() -> None:
    assert holds("age_days <= 28", age_days=28)
    assert not holds("age_days < 28", age_days=28)
    assert holds("age_years == 0", age_years=0)
    assert holds("birth_weight_g >= 1500 and birth_weight_g < 2500", birth_weight_g=1500)
    assert not holds("birth_weight_g >= 1500 and birth_weight_g < 2500", birth_weight_g=2500)


def test_rule__sex_and_flags__known_and_unknown() -> None:
    assert holds('sex == "F"', sex="F")
    assert not holds('sex == "F" or sex == "M"')
    assert not holds('sex != "F"')
    assert holds("icu or mcc or cc", icu=True)
    assert not holds("icu or mcc or cc")
    assert holds("mcc or cc", cc=True)


def test_rule__trauma_sites__counts_lists_not_diagnoses() -> None:
    assert holds("trauma_sites == 1", diagnoses=("S1", "S2"))
    assert holds("trauma_sites == 2", diagnoses=("S3",))
    assert holds("trauma_sites >= 3", diagnoses=("S3", "S1"))
    assert holds("principal in any site", diagnoses=("S4",))
    assert holds("principal not in any site", diagnoses=("A01", "S4"))


def test_rule__any_reading__main_procedure_asks_all_procedures() -> None:
    rule = 'main_procedure in proc and main_procedure startswith "P2"'
    assert not holds(rule, procedures=("P2", "P1"))
    assert holds(rule, any_procedure=True, procedures=("P2", "P1"))
    nothing_valid = "main_procedure not in valid_procedures"
    assert holds(nothing_valid, procedures=("X", "P1"))
    assert not holds(nothing_valid, any_procedure=True, procedures=("X", "P1"))


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "principal",
        "principal in",
        "principal in dx and",
        "principal in dx dx2",
        "(principal in dx",
        "principal in {}",
        'principal in {"A01",}',
        "principal in {A01}",
        "principal in lists",
        "principal in secondary",
        "principal is dx",
        "age_years",
        'age_years < "5"',
        "age_years < -5",
        "age_years in dx",
        "sex == F",
        'sex == "X"',
        'sex < "M"',
        "icu == 1",
        "False",
        '__import__("os")',
        "principal startswith A01",
        'principal in "dx"',
        "principal; True",
        "(" * 1000 + "True" + ")" * 1000,
    ],
)
def test_rule__that_cannot_be_read__is_refused_with_its_text(rule: str) -> None:
    with pytest.raises(RuleError, match="rule "):
        holds(rule)


def test_rule__sites_in_an_mdc_without_sites__is_refused() -> None:
    for rule in ("principal in any site", "trauma_sites >= 2"):
        with pytest.raises(RuleError, match="without site lists"):
            parse_rule(rule, Names({}))
