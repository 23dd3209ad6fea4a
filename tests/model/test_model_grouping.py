"""Grouping of one case: order, ambiguous groups, retry, readings, severity, trauma, newborns."""

from pathlib import Path

import pytest

from reference.model import Scheme, group_case, load_scheme
from reference.model.rules import RuleError
from reference.model.scheme import REFERENCE, load_code_system

BASIC = {
    "mdc": [
        (2, "MDCC", "second", "principal in dx", "no", ""),
        (1, "MDCB", "first", "principal in dx", "no", ""),
    ],
    "adrg": [
        ("MDCB", 1, "BB1", "surgical", "main_procedure in proc", ""),
        (
            "MDCB",
            2,
            "BR1",
            "medical",
            "main_procedure not in valid_procedures and age_years < 90",
            "",
        ),
        ("MDCC", 1, "CB1", "surgical", "main_procedure in proc", ""),
        ("MDCC", 2, "CR1", "medical", "main_procedure not in valid_procedures", ""),
    ],
    "drg": [
        ("BB1", 2, "BB13", "mcc or cc", "stands second"),
        ("BB1", 1, "BB11", "mcc", "stands first"),
        ("BR1", 1, "BR15", "True", ""),
        ("CB1", 1, "CB19", "True", ""),
        ("CR1", 1, "CR11", "mcc", ""),
        ("CR1", 2, "CR15", "True", ""),
    ],
    "lists": [
        ("MDCB", "dx", "D1"),
        ("MDCC", "dx", "D1"),
        ("MDCC", "dx", "D2"),
        ("BB1", "proc", "P1"),
        ("CB1", "proc", "P2"),
    ],
    "severity": [("S1", "CC", "1"), ("S2", "MCC", "2"), ("S3", "MCC", "3"), ("S4", "CC", "1")],
    "exclusions": [("2", "D1"), ("2", "D9"), ("3", "D2")],
    "valid_procedures": [("P1",), ("P2",), ("P3",)],
}


def drg(scheme: Scheme, diagnoses: str, procedures: str = "", **facts: object) -> str:
    defaults = {"sex": "M", "age_years": 50} | facts
    return group_case(
        scheme, diagnoses=diagnoses.split(), procedures=procedures.split(), **defaults
    ).drg


def test_group__mdc_that_takes_nothing__passes_the_case_on(make_scheme) -> None:
    scheme = make_scheme(**BASIC)
    assert drg(scheme, "D1") == "BR15"
    assert drg(scheme, "D1", "P2") == "CB19"  # MDCB holds, none of its ADRGs does
    assert drg(scheme, "D1", age_years=95) == "CR15"
    assert drg(scheme, "D1", age_years=None) == "CR15"  # a comparison with unknown is false


def test_group__adrg_without_a_drg_that_holds__is_passed_over(make_scheme) -> None:
    scheme = make_scheme(**BASIC)
    assert drg(scheme, "D1 S1", "P1") == "BB13"
    assert drg(scheme, "D1", "P1") == "0000"  # BB1 holds, BB11 and BB13 do not; P1 is valid


def test_group__order_comes_from_the_column_not_from_the_rows(make_scheme) -> None:
    scheme = make_scheme(**BASIC)
    assert drg(scheme, "D1 S3", "P1") == "BB11"


def test_group__ungroupable__has_no_mdc_and_no_adrg(make_scheme) -> None:
    scheme = make_scheme(**BASIC)
    assert group_case(scheme, "M", 50, ["D7", "S1"], []) == (
        "",
        "",
        "0000",
        "ungroupable",
        "CC",
        "S1",
    )


def test_group__empty_entries__are_skipped_but_the_principal_must_be_there(make_scheme) -> None:
    scheme = make_scheme(**BASIC)
    result = group_case(scheme, None, 50, ["D1", "", "S1"], ["", "P1"])
    assert result == ("MDCB", "BB1", "BB13", "grouped", "CC", "S1")
    for diagnoses in ([], ["", "D1"]):
        with pytest.raises(ValueError, match="principal"):
            group_case(scheme, "M", 50, diagnoses, [])


@pytest.mark.parametrize(
    ("diagnoses", "expected"),
    [
        ("D2", ("none", "")),
        ("D2 S1", ("CC", "S1")),
        ("D2 S4 S1", ("CC", "S4")),  # the first of the winning level
        ("D2 S1 S2", ("MCC", "S2")),
        ("D1 S1 S2", ("CC", "S1")),  # D1 stands on S2's exclusion list
        ("D1 S2 S3", ("MCC", "S3")),
        ("D2 S3", ("none", "")),
        ("S2 D2", ("none", "")),  # a principal diagnosis is no complication
        ("D2 X", ("none", "")),
    ],
)
def test_severity__levels_and_exclusions(make_scheme, diagnoses: str, expected: tuple) -> None:
    result = group_case(make_scheme(**BASIC), "M", 50, diagnoses.split(), [])
    assert (result.severity, result.severity_diagnosis) == expected


def test_group__retry__first_further_procedure_alone_that_takes_the_case(make_scheme) -> None:
    without = make_scheme(**BASIC)
    assert drg(without, "D2", "P3 P3 P2") == "0000"
    retry = make_scheme("retry_further_procedures = true", **BASIC)
    assert drg(retry, "D2", "P3 P3 P2") == "CB19"
    assert drg(retry, "D2", "P3 X P2") == "CR15"  # X alone is no valid procedure: medical
    assert drg(retry, "D2", "P3") == "0000"
    any_reading = make_scheme("retry_further_procedures = true", surgical_match="any", **BASIC)
    assert drg(any_reading, "D2", "P3 X") == "0000"  # no retry


def test_group__any_reading__looks_at_every_procedure(make_scheme) -> None:
    scheme = make_scheme('surgical_match = "any"', **BASIC)
    assert drg(scheme, "D2", "X P2") == "CB19"
    assert drg(scheme, "D2", "X P3") == "0000"  # not in valid_procedures: none of them is
    assert drg(scheme, "D2", "X") == "CR15"
    main = make_scheme('surgical_match = "any"', surgical_match="main", **BASIC)
    assert drg(main, "D2", "X P2") == "CR15"


def ambiguous_tables(kind: str) -> dict[str, list[tuple]]:
    return {
        "mdc": [(1, "MDCB", "", "principal in dx", kind, "")],
        "adrg": [
            ("MDCB", 1, "BB1", "surgical", "main_procedure in proc", ""),
            ("MDCB", 2, "BR1", "medical", "True", ""),
        ],
        "drg": [("BB1", 1, "BB19", "True", ""), ("BR1", 1, "BR19", "True", "")],
        "lists": [("MDCB", "dx", "D1"), ("BB1", "proc", "P1")],
        "valid_procedures": [("P1",), ("P3",)],
    }


@pytest.mark.parametrize(
    ("kind", "procedures", "expected"),
    [
        ("no", "P3", "BR19"),
        ("yes", "P1 P3", "BB19"),
        ("yes", "P3", "BQY"),
        ("yes", "X P3", "BQY"),
        ("yes", "X", "BR19"),
        ("yes", "", "BR19"),
        ("main", "P3", "BQY"),
        ("main", "X P3", "BR19"),
        ("main", "", "BR19"),
    ],
)
def test_group__ambiguous_group(make_scheme, kind: str, procedures: str, expected: str) -> None:
    assert drg(make_scheme(**ambiguous_tables(kind)), "D1", procedures) == expected


def test_group__ambiguous_group__its_parts(make_scheme) -> None:
    scheme = make_scheme(**ambiguous_tables("yes"))
    assert group_case(scheme, "M", 1, ["D1"], ["P3"]) == (
        "MDCB",
        "",
        "BQY",
        "ambiguous",
        "none",
        "",
    )


def test_group__ambiguous_main_in_the_any_reading__is_a_test_of_any_procedure(make_scheme) -> None:
    scheme = make_scheme(surgical_match="any", **ambiguous_tables("main"))
    assert drg(scheme, "D1", "X P3") == "BQY"


def test_group__ambiguous_group_counts_in_a_retry(make_scheme) -> None:
    tables = ambiguous_tables("main")
    tables["adrg"][1] = ("MDCB", 2, "BR1", "medical", "age_years < 18", "")
    scheme = make_scheme("retry_further_procedures = true", **tables)
    assert drg(scheme, "D1", "X P3 P1") == "BQY"
    assert drg(scheme, "D1", "X P1 P3") == "BB19"


def test_group__ambiguous_group_without_medical_adrgs(make_scheme) -> None:
    tables = ambiguous_tables("yes")
    del tables["adrg"][1], tables["drg"][1]
    scheme = make_scheme(**tables)
    assert (drg(scheme, "D1", "P3"), drg(scheme, "D1", "X")) == ("BQY", "0000")


def test_group__trauma_newborn_and_suffixed_adrgs(make_scheme) -> None:
    scheme = make_scheme(
        mdc=[
            (1, "MDCP", "", "principal in dx and age_years == 0", "no", ""),
            (2, "MDCZ", "", "principal in any site and trauma_sites >= 2", "no", "head|leg"),
            (3, "MDCN", "", 'principal in dx and sex == "F"', "no", ""),
        ],
        adrg=[
            ("MDCP", 1, "PB1", "medical", "birth_weight_g < 1500 and age_days <= 28", ""),
            ("MDCP", 2, "PC1", "medical", "age_days <= 28", ""),
            ("MDCZ", 1, "ZB1_1", "surgical", "main_procedure in proc", ""),
            ("MDCZ", 2, "ZB1_2", "medical", "secondary in dx2", ""),
            ("MDCN", 1, "NR1", "medical", "True", ""),
        ],
        drg=[
            ("PB1", 1, "PB19", "True", ""),
            ("PC1", 1, "PC11", "icu", ""),
            ("PC1", 2, "PC19", "True", ""),
            ("ZB1_1", 1, "ZB11", "True", ""),
            ("ZB1_2", 1, "ZB12", "True", ""),
            ("NR1", 1, "NR19", "los_days > 3", ""),
        ],
        lists=[
            ("MDCP", "dx", "N1"),
            ("MDCN", "dx", "N1"),
            ("MDCZ", "site_1", "H1"),
            ("MDCZ", "site_1", "H2"),
            ("MDCZ", "site_2", "L1"),
            ("ZB1_1", "proc", "P1"),
            ("ZB1_2", "dx2", "L1"),
        ],
    )
    assert drg(scheme, "N1", age_years=0, age_days=28, birth_weight_g=1499) == "PB19"
    assert drg(scheme, "N1", age_years=0, age_days=28, birth_weight_g=None) == "PC19"
    assert drg(scheme, "N1", age_years=0, age_days=3, icu=True) == "PC11"
    assert drg(scheme, "N1", age_years=0, age_days=29) == "0000"
    assert drg(scheme, "N1", age_years=0, age_days=None) == "0000"  # unknown is not a newborn's
    assert drg(scheme, "N1", sex="F", los_days=4) == "NR19"
    assert drg(scheme, "N1", sex="F", los_days=None) == "0000"
    assert drg(scheme, "N1", sex=None, los_days=4) == "0000"
    assert drg(scheme, "H1 H2") == "0000"  # one site only
    assert group_case(scheme, "M", 30, ["H1", "L1"], [])[:3] == ("MDCZ", "ZB1", "ZB12")
    assert group_case(scheme, "M", 30, ["L1", "H1"], ["P1"])[:3] == ("MDCZ", "ZB1", "ZB11")


def test_load__faults_of_the_tables__are_named(make_scheme, tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"BB1.*'nonsense'"):
        make_scheme(**BASIC | {"adrg": [("MDCB", 1, "BB1", "surgical", "nonsense", "")]})
    with pytest.raises(ValueError, match="without their parent"):
        make_scheme(**BASIC | {"mdc": []})
    with pytest.raises(ValueError, match="surgical_match"):
        make_scheme('surgical_match = "all"', **BASIC)
    with pytest.raises(ValueError, match="surgical ADRGs must"):
        tables = ambiguous_tables("yes")
        make_scheme(**tables | {"adrg": [(*r[:1], 3 - r[1], *r[2:]) for r in tables["adrg"]]})
    make_scheme(**BASIC)
    (tmp_path / "severity.csv").unlink()
    with pytest.raises(ValueError, match=r"severity\.csv is missing"):
        load_scheme(tmp_path)


def test_load__list_without_codes__is_empty_and_named(make_scheme) -> None:
    lists = [row for row in BASIC["lists"] if row[0] != "CB1"]
    scheme = make_scheme(**BASIC | {"lists": lists})
    assert scheme.missing_lists == (("CB1", "proc"),)
    assert drg(scheme, "D2", "P2") == "0000"


# the other schemes on a base are loaded where their cases are compared with the engine's
ONE_OF_EACH_KIND = [
    folder
    for folder in sorted(path.parent for path in (REFERENCE / "schemes").glob("*/manifest.toml"))
    if folder.name in ("zj-drg-2024", "zaozhuang-drg-2025")
    or "base = " not in (folder / "manifest.toml").read_text(encoding="utf-8")
]


@pytest.mark.parametrize("folder", ONE_OF_EACH_KIND, ids=lambda f: f.name)
def test_load__bundled_schemes(folder: Path) -> None:
    scheme = load_scheme(folder.name)
    assert len(scheme.mdcs) == 26
    assert scheme.retry_further_procedures is (folder.name == "zj-drg-2022")
    assert group_case(scheme, "M", 50, ["nothing"], []).status == "ungroupable"
    assert "A00.000" in load_code_system(scheme.code_system).diagnoses
