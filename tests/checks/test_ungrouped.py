"""Every case that no group takes has a finding: the reason, and the codes that would."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from drgpay.cases.checks.catalogue import CHECKS, NOT_GROUPED, REASON_CHECKS, UNGROUPED_REASONS
from drgpay.cases.encode import Faults, encode_cases
from drgpay.grouper import Grouper, check
from drgpay.grouper import would_group as would
from drgpay.grouper.check import Checked, check_cases
from drgpay.grouper.explain import explain
from drgpay.grouper.stream import group
from drgpay.grouper.would_group import Would, would_group
from drgpay.names.reasons import GROUPING_REASONS
from drgpay.report.check_report import as_json, text_report

SCHEME = "zj-drg-2022"
SAYS_WHY = {*UNGROUPED_REASONS, *REASON_CHECKS.values(), NOT_GROUPED}


@pytest.fixture(scope="module")
def grouper() -> Grouper:
    return Grouper(SCHEME)


def table(rows: list[tuple[str, int, str, str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        {
            "case_id": [f"u{i}" for i in range(len(rows))],
            "sex": list(columns[0]),
            "age_years": list(columns[1]),
            "diagnoses": list(columns[2]),
            "procedures": list(columns[3]),
        }
    )


ROWS = [
    ("M", 61, "G40.900", "36.0600"),
    ("F", 56, "I50.900|J44.900", "37.3400x001"),
    ("M", 40, "Q21.000", "35.7100"),
    ("M", 61, "I21.400", ""),  # in no MDC
    ("M", 61, "Q99.999", ""),  # not in the code system
    ("F", 60, "N40.x00", ""),  # the other sex's
    ("M", 61, "P07.300", ""),  # a newborn's code
    ("M", 61, "I63.900", ""),  # grouped
]


def checked(grouper: Grouper) -> Checked:
    return check_cases(table(ROWS), grouper, purpose="grouping")


def test_every_ungrouped_case__has_a_finding_that_says_why(grouper: Grouper) -> None:
    result = group(table(ROWS), grouper).table.to_pylist()
    lost = {row["case_id"]: row["reason"] for row in result if row["status"] == "ungroupable"}
    assert set(lost) == {f"u{i}" for i in range(7)}
    done = checked(grouper)
    why = {f["case_id"]: f["check"] for f in done.findings.to_pylist() if f["check"] in SAYS_WHY}
    assert set(why) == set(lost)
    for case, reason in lost.items():
        assert why[case] == REASON_CHECKS.get(reason, reason)


def test_reasons__are_each_a_check_or_the_general_one() -> None:
    assert {*UNGROUPED_REASONS, NOT_GROUPED, *REASON_CHECKS.values()} <= set(CHECKS)
    assert {*UNGROUPED_REASONS, *REASON_CHECKS} <= set(GROUPING_REASONS)


def would_of(
    grouper: Grouper, dx: list[str], px: list[str], sex: str = "M", age: int = 61
) -> Would:
    """Return what would group one case."""
    rows = table([(sex, age, "|".join(dx), "|".join(px))])
    compiled, faults = grouper.compiled, Faults.of(rows, "one.csv", 2)
    cases = encode_cases(rows, compiled.encode_diagnoses, compiled.procedures.encode, faults)
    return would_group(grouper).of(cases, [0], [dx], [px])[0]


def told(done: Checked) -> dict[str, str]:
    """Return by case what the findings say would group it."""
    return {f["case_id"]: f["would_group"] for f in done.findings.to_pylist() if f["would_group"]}


def test_codes_that_would_group__sub_codes_first_and_they_do(grouper: Grouper) -> None:
    near = would_of(grouper, ["I21.400"], []).diagnoses
    assert near[0].startswith("I21.4") and len(near) == 5
    assert [code[:3] for code in near] == ["I21"] * 5
    for code in near:
        made = grouper.group_case(sex="M", age_years=61, diagnoses=[code])
        assert made.status == "grouped"
    hip = would_of(grouper, ["I50.900", "J44.900"], ["37.3400x001"], "F", 56)
    assert hip.procedures and hip.procedures[0].startswith("37.34")
    for code in hip.procedures:
        made = grouper.group_case(
            sex="F", age_years=56, diagnoses=["I50.900", "J44.900"], procedures=[code]
        )
        assert made.status == "grouped"
    alone = grouper.group_case(sex="F", age_years=56, diagnoses=["I50.900", "J44.900"])
    assert hip.without == alone.drg != "0000"


def test_codes_that_would_group__are_those_of_the_case_not_of_another(grouper: Grouper) -> None:
    """Two cases of one principal diagnosis: what groups the first need not group the second."""
    rows = [
        ("M", 61, "G40.900", "36.0600"),
        ("M", 61, "G40.900", "35.7100"),
        ("M", 61, "I61.000x002", ""),
        ("M", 61, "I61.000x002", "01.0900x006"),
    ]
    done = check_cases(table(rows), grouper, purpose="grouping")
    said = told(done)
    assert "36.0700" in said["u0"] and "36.07" not in said["u1"]
    first = "同类目下可入组的主要诊断：I61.000x006"
    assert said["u2"].startswith(first)
    # no principal diagnosis of the category groups it with its procedure
    assert first in said["u3"] and said["u3"].startswith("本例的手术操作不被接受；不计手术操作时")
    both = would_of(grouper, ["I61.000x002"], ["01.0900x006"]).both
    assert both
    for code in both:
        with_it = grouper.group_case(
            sex="M", age_years=61, diagnoses=[code], procedures=["01.0900x006"]
        )
        without = grouper.group_case(sex="M", age_years=61, diagnoses=[code])
        assert (with_it.status, without.status) == ("ungroupable", "grouped")


def test_codes_that_would_group__hang_on_age_and_sex(grouper: Grouper) -> None:
    """The same codes of a woman and of a man, tried with what else the case says."""
    rows = [("F", 40, "C50.999", ""), ("M", 40, "N40.x99", ""), ("F", 40, "N40.x99", "")]
    said = told(check_cases(table(rows), grouper, purpose="grouping"))
    assert "N40.x00" in said["u1"] and "可入组的主要诊断" not in said["u2"]


def test_codes_that_would_group__are_the_same_one_by_one_and_all_at_once(
    grouper: Grouper, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = told(checked(grouper))
    assert len(together) > 5 and any("不计手术操作" in text for text in together.values())
    monkeypatch.setattr(would, "AT_ONCE", 1)
    assert told(checked(grouper)) == together


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_lists_of_findings__name_the_codes_of_every_case(
    grouper: Grouper, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"findings{suffix}"
    done = check_cases(table(ROWS), grouper, purpose="grouping", findings_file=path)
    rows = (pacsv.read_csv(path) if suffix == ".csv" else pq.read_table(path)).to_pylist()
    lost = {row["case_id"]: row["would_group"] for row in rows if row["check"] in SAYS_WHY}
    assert set(lost) == {f"u{i}" for i in range(7)} and all(lost.values())
    near = [row["nearest"] for row in rows if row["check"] == "principal_unknown"]
    assert len(near) == 1 and near[0].startswith("Q99.")
    assert lost == told(done)


def test_what_would_group__is_told_of_so_many_cases(
    grouper: Grouper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "MOST_WOULD", 2)
    monkeypatch.setattr(would, "AT_ONCE", 1)
    done = checked(grouper)
    assert set(told(done)) == {"u0", "u1"}
    assert done.by_check == checked(grouper).by_check


def test_report__names_them(grouper: Grouper) -> None:
    done = checked(grouper)
    said = text_report(done, "zh")
    epilepsy = would_of(grouper, ["G40.900"], ["36.0600"])
    assert "同类目下可入组的主要诊断：" in said and f"不计手术操作则入{epilepsy.without}" in said
    near = would_of(grouper, ["I21.400"], []).diagnoses[0]
    assert f"{near} {grouper.scheme.diagnoses.name(near)}" in said
    english = check_cases(table(ROWS), grouper, purpose="grouping", lang="en")
    rows = json.loads(json.dumps(as_json(english, "en")))["findings"]
    found = [row["would_group"] for row in rows if row["value"] == "I21.400"]
    assert found and "principal diagnoses: I21.4" in found[0]


# --- codes that may not stand first ---------------------------------------------------------------

FIRST = [
    ("M", 61, "I50.900x007|I50.900", ""),  # a class of the heart's function
    ("M", 61, "B96.501|N39.000", ""),
    ("M", 61, "K80.101", "38.9301|51.2300"),  # a catheter before the operation
    ("M", 61, "K80.101", "51.2300|38.9301"),
    ("M", 61, "K80.101", "38.9301"),  # nothing else that could stand first
    ("M", 61, "I21.400", "36.0600"),  # both grey
]


@pytest.mark.parametrize("scheme", [SCHEME, "zj-drg-2024"])
def test_codes_that_may_not_be_first__are_findings_with_a_source(scheme: str) -> None:
    done = check_cases(
        table(FIRST), scheme, purpose="grouping",
        codes="insurance-2.0" if scheme == "zj-drg-2024" else "clinical-2022",
    )  # fmt: skip
    of_first = {"principal_not_grouping", "main_procedure_not_grouping"}
    rows = done.findings.to_pylist()
    found = {(f["case_id"], f["check"], f["value"]) for f in rows if f["check"] in of_first}
    assert found == {
        ("u0", "principal_not_grouping", "I50.900x007"),
        ("u1", "principal_not_grouping", "B96.501"),
        ("u2", "main_procedure_not_grouping", "38.9301"),
    }
    assert all("CHS-DRG 2.0" in CHECKS[name].source for name in of_first)
    grey = {(f["case_id"], f["check"], f["value"]) for f in rows if f["check"].endswith("_grey")}
    both = {("u5", "diagnosis_grey", "I21.400"), ("u5", "procedure_grey", "36.0600")}
    # of a scheme without such lists only what it does not use itself
    assert grey == (both if scheme == "zj-drg-2024" else set())


def test_refused_principal__is_a_finding_with_codes_that_would_group() -> None:
    done = check_cases(table(FIRST[:2]), "zj-drg-2024", purpose="grouping", codes="insurance-2.0")
    assert done.by_check["principal_refused"] == 2
    assert "可入组的主要诊断：I50.9" in told(done)["u0"]


def test_nearest__the_target_of_the_map_first_with_names(grouper: Grouper) -> None:
    made = explain(
        grouper, sex="M", age_years=61, diagnoses=["J44.100x001", "I10.x00x002"],
        procedures=["01.5934", "36.0699"],
    )  # fmt: skip
    principal, first, second = made.unknown
    assert (principal.place, principal.edition) == (0, "insurance-2.0")
    assert principal.nearest[0] == ("J44.100", grouper.scheme.diagnoses.name("J44.100"))
    assert {code[:3] for code, _ in principal.nearest[:3]} <= {"J44", "J42", "J43"}
    assert (first.kind, first.nearest[0][0], first.edition) == (
        "procedure", "38.6102", "insurance-2.0",
    )  # fmt: skip
    assert (second.place, second.edition) == (1, "")
    assert all(code.startswith("36.06") for code, _ in second.nearest[:3])
    said = made.text("zh")
    assert "是医保版（insurance-2.0）编码；相近的编码：J44.100 慢性阻塞性肺病伴有急性加重" in said


def test_findings_of_unknown_codes__name_the_target_first(tmp_path: Path) -> None:
    rows = table([("M", 61, "J44.100x001", "01.5934")])
    done = check_cases(rows, SCHEME, purpose="grouping", codes="clinical-2022")
    assert done.nearest["diagnoses", "J44.100x001"][0] == "J44.100"
    assert done.nearest["procedures", "01.5934"][0] == "38.6102"
    assert "J44.100 慢性阻塞性肺病伴有急性加重" in text_report(done, "zh")
    assert done.codes is not None and "--codes insurance-2.0" in done.codes.first()[0].chinese
