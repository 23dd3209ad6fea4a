"""Findings that say "cannot be right" hold a case by policy, and the money they concern is told.

Without the third case: V = 95, H1 is due 6,500.00, H2 5,500.00 (tests/settlement/small.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import in_language
from drgpay.report.outputs import write_outputs
from drgpay.runs.folder import write_run
from drgpay.settlement.prepare import MEMORY_CASES
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import why
from reference.model import settle_region
from tests.settlement.small import BASE, case, small_region

RATES = {"bed_day_rates": [{"bed_day_class": "PSY", "rate_yuan": "400.00"}]}
BED = {"payment_mode": "bed_day", "bed_day_class": "PSY", "discharge_date": "2024-03-04"}
DUES = [650_000, 550_000]
NONE = {"findings.hold": "[]", "los_conflict": '"given"'}
RULES = {"unsettled_share_max": '"1"', "provision": '"none"'}


def settled(
    folder: Path, *cases: dict[str, Any], memory: int = MEMORY_CASES, **more: Any
) -> YearEnd:
    """Settle with engine and model, which agree on dues and on what is held."""
    region = small_region(folder, [*BASE, *cases], **more)
    run, model = year_end(region, memory_cases=memory), settle_region(region)
    assert [h.due_fen for h in run.hospitals] == [h.due_fen for h in model.hospitals]
    assert run.totals.held_cases == sum(row.paid_by == "held" for row in model.cases)
    return run


def dues(run: YearEnd) -> list[int]:
    return [h.due_fen for h in run.hospitals]


def said(run: YearEnd) -> str:
    return "\n".join(in_language(w, "zh") for w in run.warnings)


ALONE = [
    ("patient_id_missing", {"patient_id": " "}),
    (
        "day_surgery_with_long_stay",
        {"payment_mode": "day_surgery", "discharge_date": "2024-03-31", "settlement_date": ""},
    ),
    ("settlement_before_discharge", {"settlement_date": "2024-03-07"}),
    ("stay_against_dates", {"los_days": "30"}),
]


@pytest.mark.parametrize(("name", "fault"), ALONE, ids=[name for name, _ in ALONE])
def test_finding__holds_its_case_alone(name: str, fault: dict[str, Any], tmp_path: Path) -> None:
    third = case("C3", "H2", "9000.00", "5000.00", **fault)
    run = settled(tmp_path / "r", third, policy=RULES)
    assert (dues(run), run.totals.held_cases) == (DUES, 1)
    assert name in said(run) and "统筹基金记账 5,000.00 元" in said(run)
    folder = write_run(run, tmp_path / "run", finish=lambda d: write_outputs(d, letters=True))
    rows = pq.read_table(folder / "cases.parquet").to_pylist()
    assert [(r["paid_by"], r["doubts"]) for r in rows] == [
        ("points", None), ("points", None), ("held", name)
    ]  # fmt: skip
    told = why(folder, "case", "C3")
    assert not told.disagreements and any(s.key.startswith("held.finding") for s in told.steps)
    assert not why(folder, "hospital", "H2").disagreements
    letter = (folder / "letters" / "H2.html").read_text("utf-8")
    assert "例等待特病单议或核实" in letter and "C3" in letter
    # paid by policy, and by a decision of whoever looked at it
    freed = settled(tmp_path / "a", third, policy={**RULES, **NONE})
    assert (freed.totals.held_cases, freed.pools[0].cases) == (0, 3)
    row = {"case_id": "C3", "decision": "refused", "unreasonable_yuan": "0"}
    decided = settled(tmp_path / "b", third, policy=RULES, tables={"reviews": [row]})
    assert (decided.totals.held_cases, dues(decided)) == (0, dues(freed))
    assert not len(decided.notes)  # the review is not without effect


def test_same_stay_under_two_ids__holds_both(tmp_path: Path) -> None:
    again = case("C3", "H2", "9000.00", "5000.00", patient_id="P-C2")
    for memory in (MEMORY_CASES, 1):
        run = settled(tmp_path / f"m{memory}", again, memory=memory, policy=RULES)
        # H1 alone: T = 7,000 + 0.85 x 5,000 = 11,250
        assert (dues(run), run.totals.held_cases) == ([1_125_000, 0], 2)
        assert "stay_twice" in said(run) and "统筹基金记账 10,000.00 元" in said(run)
    # each of another patient, day or hospital: two stays
    for name, own in (("p", {}), ("d", {"patient_id": "P-C2", "admission_date": "2024-03-02"})):
        other = case("C3", "H2", "9000.00", "5000.00", **own)
        assert settled(tmp_path / name, other, policy=RULES).totals.held_cases == 0


def test_bed_days__of_300_days_in_a_stay_of_three(tmp_path: Path) -> None:
    """By dates 3 days of 400.00: 12 points; by the days given 300: 120,000.00 of worth."""
    third = case("C3", "H2", "3000.00", "2000.00", los_days="300", **BED)
    held = settled(tmp_path / "a", third, tables=RATES, policy=RULES)
    assert (dues(held), held.totals.held_cases) == (DUES, 1)
    dates = settled(
        tmp_path / "b", third, tables=RATES, policy={**RULES, "los_conflict": '"dates"'}
    )
    # T = 12,000 + 0.15 x 2,000 = 12,300; V = (12,300 + 8,000) / 212
    assert dues(dates) == [657_547, 572_453]
    given = settled(tmp_path / "c", third, tables=RATES, policy={**RULES, **NONE})
    # points 100, 100 + 1,200: V = 20,300 / 1,400 = 14.50
    assert dues(given) == [-155_000, 1_385_000]


def test_days__one_more_than_the_dates_are_no_finding(tmp_path: Path) -> None:
    third = case("C3", "H2", "9000.00", "5000.00", los_days="8")
    assert settled(tmp_path / "r", third).totals.held_cases == 0
