"""Reach: every witness ends where it is said to, and what is out of reach is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.reference import resolve
from drgpay.schemes.reach import Reach, reach
from drgpay.schemes.tables import read_tables
from reference.model.grouping import group_case
from reference.model.scheme import load_scheme as load_model
from tests.schemes.witnesses import Witness, witnesses

HERE = Path(__file__).parent
LONG = pytest.mark.long


def _reach(tiny: Any) -> Reach:
    return reach(read_tables(tiny.write()))


def _witnesses(tiny: Any) -> dict[tuple[str, str], Witness]:
    return witnesses(read_tables(tiny.write()))


def _names(found: Reach) -> tuple[list[str], list[str], list[str]]:
    return (
        [u.source.key for u in found.adrgs],  # type: ignore[union-attr]
        [u.source.drg for u in found.drgs],  # type: ignore[union-attr]
        [u.source.mdc for u in found.ambiguous],  # type: ignore[union-attr]
    )


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        (HERE / "ex1-tiny", "main"),
        (HERE / "ex1-tiny", "any"),
        (HERE / "testland-tiny", "main"),
        (HERE / "testland-tiny", "any"),
        ("zj-drg-2022", "main"),
        pytest.param("chs-drg-1.1", "main", marks=LONG),
        pytest.param("chs-drg-2.0", "main", marks=LONG),
        pytest.param("chongqing-drg-2022", "main", marks=LONG),
        pytest.param("chs-drg-2.0", "any", marks=LONG),
    ],
)
def test_witness__ends_in_its_group_in_the_reference_model_too(
    name: str | Path, reading: str
) -> None:
    path = resolve("schemes", name)
    found = witnesses(read_tables(path, (("surgical_match", reading),)))
    model = load_model(path, reading)
    assert found
    wrong = [
        (key, drg, case)
        for (key, drg), case in found.items()
        if group_case(
            model,
            case.sex,
            case.age_years,
            case.diagnoses,
            case.procedures,
            case.age_days,
            case.birth_weight_g,
            case.los_days,
            case.icu,
        ).drg
        != drg
    ]
    assert wrong == []


def test_reach__of_sound_tables_is_everything(tiny: Any) -> None:
    found = _reach(tiny)
    assert _names(found) == ([], [], [])
    assert set(_witnesses(tiny)) == {
        *((row[0], row[2]) for row in tiny.tables["drg.csv"]),
        ("MDCF", "FQY"),
    }
    assert found.takes_everything == ()


def test_reach__of_a_missing_list_says_that_the_rule_never_holds(tiny: Any) -> None:
    tiny.tables["lists.csv"].pop(0)
    (unreached,) = _reach(tiny).adrgs
    assert unreached.takers == ()


def test_reach__of_an_adrg_behind_another_names_the_taker(tiny: Any) -> None:
    tiny.tables["lists.csv"][2:4] = [["FU1", "dx", "I50.900"]]
    (unreached,) = _reach(tiny).adrgs
    assert unreached.takers[0] == "FR1"


def test_reach__of_an_adrg_whose_mdc_lets_nothing_through(tiny: Any) -> None:
    tiny.tables["lists.csv"][4:7] = [["MDCF", "dx", "I50.900"]]
    assert _names(_reach(tiny)) == (["FU1"], [], [])


def test_reach__through_an_earlier_adrg_whose_drgs_take_only_some(tiny: Any) -> None:
    # FR1 now takes only severe cases; it lists FU1's diagnoses too, and FU1 gets the others
    tiny.tables["drg.csv"][3:6] = [["FR1", "1", "FR11", "mcc", "重"]]
    tiny.tables["lists.csv"][1:2] = [
        ["FR1", "dx", code] for code in ("I21.000", "I25.103", "I50.900")
    ]
    assert _names(_reach(tiny)) == ([], [], [])
    tiny.tables["drg.csv"][4][3] = "mcc"
    assert _names(_reach(tiny)) == (["FU1"], [], [])


@pytest.mark.parametrize(
    ("rule", "drgs"),
    [
        ("age_years < 17 and age_years >= 17", ["FU10"]),
        ("age_days <= 28 and age_years >= 1", ["FU10"]),
        ('sex == "M" and sex == "F"', ["FU10"]),
        ("age_years < 17 and age_days > 28", []),
        ("birth_weight_g < 1500 and age_days <= 28", []),
        ("los_days >= 60 and icu", []),
        ("mcc and cc", []),
        ("not mcc and cc", []),
        ("any_procedure in {" + '"37.2200"' + "}", ["FU10"]),  # the ambiguous group takes it
        ("trauma_sites >= 1", ["FU10"]),  # its MDC has no sites
    ],
)
def test_reach__of_conditions_on_numbers_and_flags(tiny: Any, rule: str, drgs: list[str]) -> None:
    tiny.tables["drg.csv"].insert(6, ["FU1", "0", "FU10", rule, "条件"])
    assert _names(_reach(tiny))[1] == drgs


def test_reach__of_severity_that_every_principal_diagnosis_excludes(tiny: Any) -> None:
    tiny.tables["exclusions.csv"].append(["2", "I50.900"])
    assert _names(_reach(tiny)) == ([], ["FR11"], [])


def test_reach__with_secondary_diagnoses_and_further_procedures(tiny: Any) -> None:
    tiny.tables["adrg.csv"][1][4] = "any_procedure in proc and any_procedure in proc2"
    tiny.tables["drg.csv"][1][3] = "icu"
    tiny.tables["adrg.csv"][3][4] = "principal in dx and secondary in dx2"
    tiny.tables["lists.csv"] += [["FM1", "proc2", "37.2200"], ["FU1", "dx2", "J43.900"]]
    found = _reach(tiny)
    assert _names(found) == ([], [], [])
    assert set(_witnesses(tiny)[("FM1", "FM11")].procedures) == {"36.0700", "37.2200"}
    assert "J43.900" in _witnesses(tiny)[("FU1", "FU19")].diagnoses


def test_reach__of_trauma_sites_of_the_mdc_in_rules_of_its_adrgs(tiny: Any) -> None:
    tiny.tables["adrg.csv"][0][4] = "principal in any site and trauma_sites == 2"
    found = _reach(tiny)
    assert _names(found) == ([], [], [])
    assert set(_witnesses(tiny)[("ZZ1", "ZZ19")].diagnoses) == {"S06.100", "S27.100"}
    tiny.tables["adrg.csv"][0][4] = "trauma_sites > 2"
    assert _names(_reach(tiny)) == (["ZZ1"], [], [])


def test_reach__round_an_earlier_rule_that_asks_for_absence(tiny: Any) -> None:
    # FM1 takes all without a valid procedure: FR1 and FU1 need one that is not the main one
    tiny.tables["mdc.csv"][1][4] = "no"
    tiny.tables["adrg.csv"][1][4] = "any_procedure not in valid_procedures"
    tiny.tables["drg.csv"][1][3] = "icu"
    tiny.tables["lists.csv"].pop(0)
    assert _names(_reach(tiny)) == ([], [], [])


def test_reach__of_a_code_with_two_beginnings_at_once(tiny: Any) -> None:
    rule = 'principal startswith "P07." and principal startswith "Z37."'
    tiny.tables["mdc.csv"][1][3] = f"principal in dx or {rule}"
    tiny.tables["adrg.csv"][3][4] = rule
    assert _names(_reach(tiny)) == (["FU1"], [], [])
    for table, row, column in (("mdc.csv", 1, 3), ("adrg.csv", 3, 4)):
        tiny.tables[table][row][column] = tiny.tables[table][row][column].replace("Z37.", "P07.0")
    assert _names(_reach(tiny)) == ([], [], [])


def test_reach__of_medical_adrgs_behind_an_ambiguous_group(tiny: Any) -> None:
    tiny.tables["adrg.csv"][3][4] = "principal in dx and main_procedure in valid_procedures"
    assert _names(_reach(tiny)) == (["FU1"], [], [])
    (unreached,) = _reach(tiny).adrgs
    assert "FQY" in unreached.takers


def test_reach__of_a_code_that_only_begins_as_asked(tiny: Any) -> None:
    tiny.tables["adrg.csv"][3][4] = 'principal in dx and any_diagnosis startswith "P07."'
    found = _reach(tiny)
    assert _names(found) == ([], [], [])
    assert any(c.startswith("P07.") for c in _witnesses(tiny)[("FU1", "FU19")].diagnoses)


@pytest.mark.parametrize(
    ("rule", "everything"),
    [
        ("True", True),
        ("principal in dx or icu or not icu", True),
        ("principal not in dx or principal in dx", True),
        ('sex == "M" or sex == "F"', True),
        ("age_years >= 0", True),
        ("principal in dx", False),
        ("any_procedure not in valid_procedures", False),
        ("secondary not in dx", False),
        ("not mcc", False),
    ],
)
def test_takes_everything__of_rules_that_hold_for_all_their_mdc_accepts(
    tiny: Any, rule: str, everything: bool
) -> None:
    tiny.tables["adrg.csv"][3][4] = rule
    assert [adrg.key for adrg in _reach(tiny).takes_everything] == ["FU1"] * everything
