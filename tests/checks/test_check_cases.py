"""Checking tables and files: what is found, where, how often, and that counts tie out."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.cases.checks.run import CheckSettings
from drgpay.cases.encode import Faults
from drgpay.ground.errors import BooksError
from drgpay.grouper import group_file
from drgpay.grouper.check import WANTED, Checked, CheckRun, check_cases
from drgpay.grouper.engine import cached_grouper
from drgpay.synth import synthesize

TODAY = datetime.date(2024, 12, 31)
SETTINGS = CheckSettings(today=TODAY)
GOOD: dict[str, Any] = {
    "case_id": "C1",
    "hospital_id": "H1",
    "patient_id": "P1",
    "sex": "M",
    "age_years": 64,
    "age_days": None,
    "birth_weight_g": None,
    "birth_date": "1960-03-01",
    "admission_date": "2024-06-09",
    "discharge_date": "2024-06-15",
    "settlement_date": "2024-06-15",
    "los_days": 6,
    "discharge_way": "1",
    "planned_readmission": False,
    "diagnoses": ["I63.900", "E11.900"],
    "admission_conditions": ["1", "1"],
    "procedures": ["87.0301"],
    "procedure_dates": ["2024-06-10"],
    "ventilator_time": "0/0/0",
    "diagnosis_count": 2,
    "procedure_count": 1,
    "total_cost": "8123.45",
    "items_total": "8123.45",
    "pool_fund": "4874.07",
    "personal_paid": "3249.38",
    "other_paid": "0.00",
    "own_paid": "749.38",
    "payment_mode": "drg",
}


def table(*changes: dict[str, Any]) -> pa.Table:
    """One case for each change of the good one, ids and patients of their own unless given."""
    rows = []
    for number, change in enumerate(changes, 1):
        own = {"case_id": f"C{number}", "patient_id": f"P{number}"}
        rows.append({**GOOD, **own, **change})
    kinds = {"age_days": pa.int32(), "birth_weight_g": pa.int32()}
    columns = {name: pa.array([row[name] for row in rows], kinds.get(name)) for name in GOOD}
    return pa.table(columns)


def checked(*changes: dict[str, Any], **options: Any) -> Checked:
    return check_cases(table(*changes), settings=SETTINGS, **options)


def found(done: Checked) -> list[tuple[int, str, str, str | None]]:
    return [
        (row["row"], row["check"], row["column"], row["value"]) for row in done.findings.to_pylist()
    ]


def test_check_cases__nothing_is_wrong_with_a_good_case() -> None:
    done = checked({})
    assert found(done) == []
    assert done.counts.as_dict() == {
        "total": 1, "clean": 1, "with_findings": 0, "quarantined": 0,
    }  # fmt: skip
    assert done.conventions == (1, 0)
    assert set(done.not_made) == {
        "newborn_without_admission_weight",
        "admission_weight_absurd",
        "refund_not_negative",
    }


NEWBORN = {
    "age_years": 0,
    "age_days": 3,
    "birth_date": "2024-06-06",
    "birth_weight_g": 3200,
    "diagnoses": ["P07.300", "E11.900"],
}


@pytest.mark.parametrize(
    ("change", "check", "column", "value"),
    [
        ({"sex": "F", "diagnoses": ["I63.900", "N40.x00"]}, "sex_against_diagnosis", "diagnoses", "N40.x00"),
        ({"procedures": ["68.4100"]}, "sex_against_procedure", "procedures", "68.4100"),
        ({**NEWBORN, "birth_weight_g": None}, "newborn_without_weight", "birth_weight_g", None),
        ({**NEWBORN, "birth_weight_g": 250}, "birth_weight_absurd", "birth_weight_g", "250"),
        ({"age_years": 46}, "age_against_birth_date", "age_years", "46"),
        ({"birth_date": "2024-07-01"}, "birth_after_admission", "birth_date", "2024-07-01"),
        ({"los_days": 60}, "stay_against_dates", "los_days", "60"),
        ({"settlement_date": "2024-06-14"}, "settlement_before_discharge", "settlement_date", "2024-06-14"),
        ({"discharge_way": "7"}, "discharge_way_unknown", "discharge_way", "7"),
        ({"discharge_way": "5", "planned_readmission": True}, "death_with_planned_readmission", "planned_readmission", "true"),
        ({"procedure_dates": ["2024-06-01"]}, "procedure_outside_stay", "procedure_dates", "2024-06-01"),
        ({"ventilator_time": "37h"}, "ventilator_malformed", "ventilator_time", "37h"),
        ({"ventilator_time": "9/0/0", "procedures": ["96.7200"]}, "ventilator_longer_than_stay", "ventilator_time", "9/0/0"),
        ({"ventilator_time": "1/0/0"}, "ventilator_without_procedure", "procedures", "87.0301"),
        ({"diagnoses": ["I63.900", "I63.999"]}, "diagnosis_unknown", "diagnoses", "I63.999"),
        ({"procedures": ["99.9999x999"]}, "procedure_unknown", "procedures", "99.9999x999"),
        ({"diagnoses": ["W19.x00", "E11.900"]}, "principal_not_allowed", "diagnoses", "W19.x00"),
        ({"diagnoses": ["T81.014"], "diagnosis_count": 1, "admission_conditions": ["1"]}, "t80_t88_alone", "diagnoses", "T81.014"),
        ({"diagnoses": ["R50.900", "E11.900"]}, "symptom_as_principal", "diagnoses", "R50.900"),
        ({"admission_conditions": ["4", "1"]}, "principal_absent_on_admission", "admission_conditions", "4|1"),
        ({"diagnoses": ["I63.900", "I63.900"]}, "diagnosis_twice", "diagnoses", "I63.900"),
        ({"diagnosis_count": 3}, "diagnosis_count_differs", "diagnosis_count", "3"),
        ({"procedure_count": 0}, "procedure_count_differs", "procedure_count", "0"),
        ({"items_total": "8123.44"}, "items_against_cost", "items_total", "8123.44"),
        ({"personal_paid": "3249.37"}, "payers_against_cost", "total_cost", "8123.45"),
        ({"own_paid": "9000.00"}, "own_above_personal", "own_paid", "9000.00"),
        ({"diagnoses": ["I63.900", "E11.900"], "birth_date": "1960/13/01"}, "value_unreadable", "birth_date", "1960/13/01"),
        ({"payment_mode": "day_surgery"}, "day_surgery_with_long_stay", "payment_mode", "day_surgery"),
        ({"procedures": ["53.0000"]}, "principal_against_operation", "diagnoses", "I63.900"),
    ],
)  # fmt: skip
def test_check_cases__finds_a_slip(
    change: dict[str, Any], check: str, column: str, value: str | None
) -> None:
    scheme = "zj-drg-2022" if check != "principal_against_operation" else "chongqing-drg-2022"
    done = checked(change, scheme=scheme)
    assert (1, check, column, value) in found(done)
    assert done.by_check[check] == 1
    assert done.counts.with_findings == 1


def test_check_cases__finds_one_slip_and_no_other() -> None:
    done = checked({}, {"los_days": 60}, {})
    assert found(done) == [(2, "stay_against_dates", "los_days", "60")]
    assert done.counts.as_dict() == {
        "total": 3, "clean": 2, "with_findings": 1, "quarantined": 0,
    }  # fmt: skip


def test_check_cases__lists_every_fault_of_a_quarantined_row() -> None:
    done = checked(
        {"sex": None, "age_years": 200, "discharge_date": "2024-06-01", "pool_fund": "9999.00"}, {}
    )
    names = {check for _, check, _, _ in found(done)}
    assert {"sex_invalid", "age_invalid", "dates_reversed", "fund_above_cost"} <= names
    assert done.counts.quarantined == 1 and done.counts.clean == 1


def test_check_cases__quarantines_for_grouping_less_than_for_settlement() -> None:
    change = {"discharge_date": "2024-06-01"}
    assert checked(change).counts.quarantined == 1
    done = checked(change, purpose="grouping")
    assert done.counts.quarantined == 0 and done.counts.with_findings == 1
    assert done.by_check["dates_reversed"] == 1


def test_check_cases__nothing_said_of_a_principal_diagnosis_that_is_missing() -> None:
    done = checked({"diagnoses": ["", "Z37.000", "O70.000"], "admission_conditions": ["1"] * 3})
    names = {name for _, name, _, _ in found(done)}
    assert "principal_missing" in names
    assert not names & {"principal_not_allowed", "symptom_as_principal", "sex_against_mdc"}


def test_check_cases__a_code_that_is_null_is_shown_as_nothing() -> None:
    done = checked({"diagnoses": [None, "I10.x00"]})
    assert (1, "principal_missing", "diagnoses", "|I10.x00") in found(done)


def test_check_cases__a_principal_diagnosis_that_no_mdc_lists_is_found() -> None:
    none: dict[str, Any] = {"procedures": [], "procedure_dates": [], "procedure_count": 0}
    done = checked({"diagnoses": ["C34.900", "E11.900"], **none}, scheme="zj-drg-2022")
    assert found(done) == [(1, "principal_in_no_mdc", "diagnoses", "C34.900")]


def test_check_cases__a_mother_has_the_weight_of_her_child() -> None:
    mother = {"sex": "F", "age_years": 28, "birth_date": "1996-03-01", "birth_weight_g": 3350}
    assert found(checked(mother)) == []
    assert [name for _, name, _, _ in found(checked({"birth_weight_g": 3350}))] == [
        "birth_weight_beyond_infancy"
    ]


def test_check_cases__a_refund_is_no_stay_twice() -> None:
    refund = {
        "case_id": "B", "patient_id": "X", "total_cost": "-1.00",
        "items_total": "-1.00", "pool_fund": "-1.00", "personal_paid": "0.00", "own_paid": "0.00",
    }  # fmt: skip
    cases = table({"case_id": "A", "patient_id": "X"}, refund)
    cases = cases.append_column("refund", pa.array([False, True]))
    assert found(check_cases(cases, settings=SETTINGS)) == []


def test_check_cases__codes_in_columns_of_their_own_are_shown() -> None:
    row = {**GOOD, "procedure_1": "96.7201", "ventilator_time": "2/13/24"}
    del row["procedures"]
    done = check_cases(pa.Table.from_pylist([row]), settings=SETTINGS)
    shown = [r["value"] for r in done.findings.to_pylist() if "96_hours" in r["check"]]
    assert shown == ["96.7201"]


def test_check_cases__one_id_twice_and_one_stay_twice() -> None:
    done = checked(
        {"case_id": "A"},
        {"case_id": "A"},
        {"case_id": "B", "patient_id": "X"},
        {"case_id": "C", "patient_id": "X"},
        {"case_id": "D", "patient_id": "X", "hospital_id": "H2"},
    )
    assert found(done) == [
        (1, "duplicate_case", "case_id", "A"),
        (2, "duplicate_case", "case_id", "A"),
        (3, "stay_twice", "case_id", "B"),
        (4, "stay_twice", "case_id", "C"),
    ]
    assert done.counts.as_dict() == {
        "total": 5, "clean": 1, "with_findings": 2, "quarantined": 2,
    }  # fmt: skip


def test_check_cases__names_the_nearest_known_codes() -> None:
    done = checked({"diagnoses": ["J18.9", "E11.900"]})
    assert "J18.900" in done.nearest[("diagnoses", "J18.9")]


def test_check_cases__a_capital_x_is_a_note() -> None:
    done = checked({"diagnoses": ["I10.X00X002", "E11.900"]})
    assert found(done) == [(1, "code_with_capital_x", "diagnoses", "I10.X00X002")]


def test_profile__by_hospital_and_month() -> None:
    later = {
        "admission_date": "2024-07-09",
        "discharge_date": "2024-07-15",
        "settlement_date": "2024-07-15",
        "procedure_dates": ["2024-07-10"],
    }
    done = checked({"los_days": 60}, {}, {**later, "los_days": 1}, {"hospital_id": "H2"})
    assert done.profile.to_pylist() == [
        {
            "hospital_id": "H1", "month": month, "check": "stay_against_dates",
            "severity": "error", "cases_with": 1, "cases": cases, "share": 1 / cases,
        }
        for month, cases in (("2024-06", 2), ("2024-07", 1))
    ]  # fmt: skip


def test_check_cases__without_extra_columns_their_checks_are_not_made() -> None:
    small = table({"los_days": 60}).select(["case_id", "sex", "age_years", "diagnoses"])
    done = check_cases(small, settings=SETTINGS)
    assert found(done) == []
    assert "stay_against_dates" in done.not_made and "items_against_cost" in done.not_made
    assert "sex_against_diagnosis" not in done.not_made


def test_check_cases__numbered_columns(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(
        "病例号,性别,年龄,诊断1,诊断2,诊断3\nA,M,50,I63.900,,I63.999\nB,F,50,N40.x00,E11.900,\n",
        encoding="utf-8",
    )
    done = check_cases(path, settings=SETTINGS)
    assert (2, "diagnosis_unknown", "diagnoses", "I63.999") in found(done)
    assert (3, "sex_against_diagnosis", "diagnoses", "N40.x00") in found(done)


def test_check_cases__a_broken_row_counts(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(
        "case_id,sex,age_years,diagnoses\nA,M,50,I63.900\nB,M\nC,M,50,I63.900\n", encoding="utf-8"
    )
    done = check_cases(path, settings=SETTINGS)
    assert done.counts.as_dict() == {
        "total": 3, "clean": 2, "with_findings": 0, "quarantined": 1,
    }  # fmt: skip
    assert [(row, check) for row, check, _, _ in found(done)] == [(3, "row_broken")]


def test_check_cases__days_by_both_conventions() -> None:
    done = checked({"los_days": 6}, {"los_days": 7}, {"los_days": 6})
    assert done.conventions == (2, 1)
    assert "stay_against_dates" not in done.by_check


def test_finish__refuses_counts_that_do_not_tie_out() -> None:

    run = CheckRun(cached_grouper("zj-drg-2022"))
    with pytest.raises(BooksError, match="1 cases came in, 0 were checked"):
        run.finish(rows=1)


def test_faults__every_keeps_one_row_in_the_quarantine() -> None:
    import numpy as np

    rows = pa.table({"case_id": ["a", "b"], "sex": ["X", "M"]})
    for every, noted in ((False, 1), (True, 2)):
        faults = Faults.of(rows, "f", 1)
        faults.every = every
        faults.add(np.array([True, False]), "sex", "sex_invalid")
        faults.add(np.array([True, False]), "case_id", "case_id_missing")
        assert len(faults.close()) == 1
        assert faults.quarantine.rows[0][5] == "sex_invalid"
        assert len(faults.noted) == noted


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    for name, rate in (("clean", 0.0), ("slips", 0.05)):
        synthesize(
            folder / name,
            6_000,
            seed=7,
            scheme="zj-drg-2022",
            year=2024,
            history_years=1,
            error_rate=rate,
        )
    return folder


def test_check_cases__few_findings_in_clean_cases(city: Path) -> None:
    done = check_cases(city / "clean" / "cases.parquet")
    assert done.counts.quarantined == 0
    heavy = done.of_severity("error") + done.of_severity("warning")
    # drawn from the lists of a scheme that takes codes which CHS-DRG 2.0 does not
    heavy -= done.by_check.get("principal_not_grouping", 0)
    heavy -= done.by_check.get("main_procedure_not_grouping", 0)
    assert heavy < 0.01 * done.counts.total


def test_check_cases__many_findings_in_cases_with_slips(city: Path) -> None:
    clean = check_cases(city / "clean" / "cases.parquet", "zj-drg-2022")
    done = check_cases(city / "slips" / "cases.parquet", "zj-drg-2022")
    assert done.counts.quarantined > 15
    for name in ("principal_unknown", "diagnosis_unknown", "sex_against_mdc", "code_malformed"):
        assert done.by_check[name] > 3 and name not in clean.by_check
    assert done.by_check["sex_against_procedure"] > clean.by_check.get("sex_against_procedure", 0)
    assert sum(done.profile["cases_with"].to_pylist()) == sum(done.by_check.values())


def test_check_run__writes_each_text_once_among_the_words_of_its_column() -> None:
    """A text that stands twice in a dictionary gives other bytes of Parquet from run to run."""

    for lang in ("zh", "en"):
        for name, texts in CheckRun(cached_grouper("zj-drg-2022"), lang=lang)._texts.items():
            assert len(texts.dictionary.unique()) == len(texts.dictionary), name
            assert len(texts) == len(CHECKS), name


def test_check_cases__threads_and_files_change_nothing(city: Path, tmp_path: Path) -> None:
    source = city / "slips" / "cases.parquet"
    whole = check_cases(source, threads=1)
    rows = pq.read_table(source)
    pq.write_table(rows, tmp_path / "cases.parquet", row_group_size=3000)
    pieces = check_cases(
        tmp_path / "cases.parquet", threads=2, findings_file=tmp_path / "findings.parquet"
    )
    assert pieces.by_check == whole.by_check
    assert pieces.counts == whole.counts
    assert pieces.profile.equals(whole.profile)
    written = pq.read_table(tmp_path / "findings.parquet")
    assert len(written) == pieces.found == whole.found
    key = [("row", "ascending"), ("check", "ascending"), ("column", "ascending")]
    names = ["row", "check", "column", "value", "case_id", "hospital_id", "month"]

    def plain(findings: pa.Table) -> list[Any]:
        some = findings.select(names)
        some = some.set_column(1, "check", some["check"].cast(pa.string()))
        return some.sort_by(key).to_pylist()  # type: ignore[no-any-return]

    assert plain(written) == plain(whole.findings)


def test_check_run__alongside_grouping_changes_no_group(city: Path, tmp_path: Path) -> None:
    from drgpay.cases.sources import open_source
    from drgpay.grouper.pieces import group_piece, result_table

    source = city / "slips" / "cases.parquet"
    plain = group_file(source, tmp_path / "plain.parquet")
    grouper = cached_grouper("zj-drg-2022")
    run = CheckRun(grouper, purpose="grouping")
    tables = []
    for piece in open_source(source, WANTED).pieces:
        part = group_piece(piece, grouper, run.before)
        part.faults.noted.extend(part.faults.noted)  # noted twice is one finding
        tables.append(result_table(part, grouper))
        run.take(run.piece(part))
    done = run.finish()
    assert pa.concat_tables(tables)["drg"].to_pylist() == (
        pq.read_table(tmp_path / "plain.parquet")["drg"].to_pylist()
    )
    assert done.counts.quarantined == plain.counts.quarantined
