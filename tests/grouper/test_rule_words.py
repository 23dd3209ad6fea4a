"""Each word of the rule language: engine, model and trace say of a case whether a rule holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.grouper import Grouper, group
from drgpay.grouper.explain import explain
from drgpay.grouper.trace import tracer_of
from drgpay.schemes.load import load_scheme as load
from reference.model import group_case, load_scheme
from tests.grouper.generated import as_table, case
from tests.schemes.conftest import TinyScheme

A, B, C = "36.0700", "37.2200", "36.0600"  # A and B are valid procedures
DX = "I50.900"
S1, S2, S3 = "E11.900", "J96.000", "E10.900"


def _scheme(folder: Path, rule: str, *, retry: bool = False) -> TinyScheme:
    """A scheme with one ADRG whose second DRG has the rule, behind a list of its own."""
    tiny = TinyScheme(folder)
    tiny.tables["mdc.csv"] = [["1", "MDCF", "循环系统", "principal in dx", "no", ""]]
    tiny.tables["adrg.csv"] = [["MDCF", "1", "FX1", "medical", "True", "全部"]]
    tiny.tables["drg.csv"] = [
        ["FX1", "1", "FX11_2", rule, "合"],
        ["FX1", "2", "FX19", "True", "否"],
    ]
    tiny.tables["lists.csv"] = [
        ["*", "proc9", B],
        ["FX11_2", "dx2", S1],
        ["FX11_2", "dx2", S2],
        ["FX11_2", "proc", A],
        ["FX11_2", "proc2", B],
        ["FX11_2", "proc2", C],
        ["MDCF", "dx", DX],
    ]
    tiny.tables["system/procedures.csv"].append([C, "扩张"])
    if retry:
        tiny.manifest += "retry_further_procedures = true\n"
    return tiny


def _grouper(path: Path) -> Grouper:
    return Grouper(load(path, check=False))  # lists that one rule does not ask stay unused


def _holds(folder: Path, rule: str, given: dict[str, Any]) -> bool:
    path = _scheme(folder, rule).write()
    grouper, model = _grouper(path), load_scheme(path)
    one = case(
        given.pop("sex", "M"),
        given.pop("age_years", 40),
        [DX, *given.pop("secondary", ())],
        list(given.pop("procedures", ())),
        **given,
    )
    fast, slow = grouper.group_case(**one).drg, group_case(model, **one).drg
    batch = group(as_table([one]), grouper).table["drg"][0].as_py()
    traced = tracer_of(grouper).trace(**one).path[-1].rule.code
    told = explain(grouper, **one)
    assert told.text("zh") and told.text("en") and told.as_dict()
    assert fast == slow == batch == traced, (fast, slow, batch, traced)
    return fast == "FX11"


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        ("other_procedure in proc2", {"procedures": [A, B]}, True),
        ("other_procedure in proc2", {"procedures": [B, A]}, False),
        ("other_procedure in proc2", {"procedures": [A]}, False),
        ("other_procedure in proc2", {"procedures": [B, B]}, True),
        ("other_procedure not in proc2", {"procedures": []}, True),
        ("main_procedure in proc and other_procedure in proc2", {"procedures": [A, "?", C]}, True),
        ("main_procedure in proc and other_procedure in proc2", {"procedures": [C, A]}, False),
        ("procedure_count > 2", {"procedures": [A, A, A]}, True),
        ("procedure_count > 2", {"procedures": [A, B]}, False),
        ("procedure_count > 2", {"procedures": ["?", "?", "?"]}, True),
        ("procedure_count == 0", {"procedures": []}, True),
        ("main_procedure repeated", {"procedures": [A, A]}, True),
        ("main_procedure repeated", {"procedures": [A, B, A]}, False),
        ("main_procedure repeated", {"procedures": [A]}, False),
        ("main_procedure repeated", {"procedures": ["?", "?"]}, False),
        ("not main_procedure repeated", {"procedures": [A, B]}, True),
        ("secondary count dx2 >= 2", {"secondary": [S1, S2]}, True),
        ("secondary count dx2 >= 2", {"secondary": [S1, S1]}, True),
        ("secondary count dx2 >= 2", {"secondary": [S1, S3]}, False),
        ("secondary distinct dx2 >= 2", {"secondary": [S1, S1]}, False),
        ("secondary distinct dx2 >= 2", {"secondary": [S1, S3, S2]}, True),
        ("secondary count dx2 < 2", {"secondary": [S1]}, True),
        ("secondary count dx2 == 1", {"secondary": [S1, S2]}, False),
        ("any_procedure count proc2 >= 2", {"procedures": [B, B]}, True),
        ("any_procedure distinct proc2 >= 2", {"procedures": [B, B]}, False),
        ("any_procedure distinct proc2 >= 2", {"procedures": [B, A, C]}, True),
        ("other_procedure count proc2 >= 2", {"procedures": [B, C]}, False),
        ("other_procedure count proc2 >= 2", {"procedures": [B, C, B]}, True),
        ("any_procedure count valid_procedures >= 2", {"procedures": [A, C, B]}, True),
        ("any_procedure in proc9", {"procedures": [A, B]}, True),
        ("any_procedure in proc9", {"procedures": [A, C]}, False),
        ("icu_hours > 120", {"icu_hours": 121}, True),
        ("icu_hours > 120", {"icu_hours": 120}, False),
        ("icu_hours >= 1 and icu_hours <= 120", {"icu_hours": 120}, True),
        ("icu_hours <= 120", {"icu_hours": None}, False),
        ("not icu_hours > 120", {"icu_hours": None}, True),
        ("admission_weight_g < 1000", {"admission_weight_g": 999}, True),
        ("admission_weight_g < 1000", {"admission_weight_g": 1000}, False),
        ('discharge_way == "5"', {"discharge_way": "5"}, True),
        ('discharge_way == "5"', {"discharge_way": "4"}, False),
        ('discharge_way != "5"', {"discharge_way": "9"}, True),
        ('discharge_way != "5"', {"discharge_way": None}, False),
        ('special_charge == "2"', {"special_charge": "2"}, True),
        ('special_charge == "2"', {"special_charge": "3"}, False),
        ("age_years > 70", {"age_years": 70}, False),
        ("age_years > 70", {"age_years": 71}, True),
        ("age_years <= 6", {"age_years": 6}, True),
        ("age_years < 7", {"age_years": 7}, False),
    ],
)
def test_word__holds(tmp_path: Path, rule: str, given: dict[str, Any], expected: bool) -> None:
    assert _holds(tmp_path / "s", rule, dict(given)) is expected


def test_group_case__refuses_a_code_that_the_fact_does_not_have(tmp_path: Path) -> None:
    grouper = _grouper(_scheme(tmp_path, 'discharge_way == "5"').write())
    with pytest.raises(InputError, match="discharge_way is '7'"):
        grouper.group_case(sex="M", age_years=40, diagnoses=[DX], discharge_way="7")


def test_column__is_read_only_when_a_rule_asks_it(tmp_path: Path) -> None:
    asks = _grouper(_scheme(tmp_path / "a", 'discharge_way == "5"').write())
    not_ = _grouper(_scheme(tmp_path / "b", "icu").write())
    assert asks.more == ("discharge_way",) and not_.more == ()
    table = as_table([case("M", 40, [DX], [], discharge_way="dead")])
    bad, good = group(table, asks), group(table, not_)
    assert bad.quarantine["reason"].to_pylist() == ["choice_invalid"]
    assert good.counts.grouped == 1


def test_retry__tries_a_further_procedure_as_the_only_one(tmp_path: Path) -> None:
    """Tried alone, a procedure is the main one, there is no other and the count is one."""
    tiny = _scheme(tmp_path, "procedure_count == 1 and main_procedure in proc2", retry=True)
    tiny.tables["drg.csv"][1][3] = "other_procedure in proc and main_procedure repeated"
    path = tiny.write()
    one = case("M", 40, [DX], [A, B])
    got = _grouper(path).group_case(**one)
    assert (got.drg, got.by_procedure) == ("FX11", B)
    assert group_case(load_scheme(path), **one).drg == "FX11"


def test_ambiguous_and_rest_groups_of_their_own__stand_in_the_order(tmp_path: Path) -> None:
    tiny = _scheme(tmp_path, "icu")
    tiny.tables["adrg.csv"] = [
        ["MDCF", "1", "FQY_1", "ambiguous", 'sex == "F"', "歧义"],
        ["MDCF", "2", "FX1", "medical", "age_years > 70", "老年"],
        ["MDCF", "9", "F00", "fallback", "True", "其余"],
    ]
    path = tiny.write()
    grouper, model = _grouper(path), load_scheme(path)
    got = {}
    for sex, age in (("F", 80), ("M", 80), ("M", 30)):
        one = case(sex, age, [DX], [])
        slow, fast = group_case(model, **one), grouper.group_case(**one)
        path_of = [step.rule.code for step in tracer_of(grouper).trace(**one).path]
        assert (fast.drg, fast.status, fast.adrg) == (slow.drg, slow.status, slow.adrg)
        assert explain(grouper, **one).text("zh")
        got[(sex, age)] = (fast.drg, fast.status, path_of[1])
    assert got == {
        ("F", 80): ("FQY", "ambiguous", "FQY"),
        ("M", 80): ("FX19", "grouped", "FX1"),
        ("M", 30): ("F000", "ungroupable", "F00"),
    }
    counts = group(as_table([case("M", 30, [DX], [])]), grouper).counts
    assert (counts.ungroupable, counts.grouped) == (1, 0)
