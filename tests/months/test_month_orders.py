"""Months that are paid one by one while their data grow: what was paid is a fact."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.month import month as command
from drgpay.ground.errors import BooksError, InputError
from drgpay.months.folder import prepaid_rows, warnings, write_month
from drgpay.months.months import MonthRun
from drgpay.months.run import run_all_months, run_month
from drgpay.report.month_page import write_month_page
from drgpay.settlement.year_end import year_end
from tests.months.folders import change, ex1, rows_of, take_prepaid, write_rows

Rows = list[dict[str, str]]
MONTH_VALUE = "prepay_basis=month_value"
LIMIT = "month.growth_limit=0.1"


def text(month: int) -> str:
    return f"2024-{month:02d}"


def until(rows: Sequence[dict[str, str]], month: int) -> Rows:
    return [r for r in rows if int(r["settlement_date"][5:7]) <= month]


def one_by_one(
    region: Path,
    folder: Path,
    known: Callable[[int], Rows],
    overrides: Sequence[str] = (),
    months: range = range(1, 13),
) -> list[MonthRun]:
    """The months, each run when its cases were what `known` gives, on what the one before paid."""
    folder.mkdir(exist_ok=True)
    runs: list[MonthRun] = []
    for month in months:
        write_rows(region / "cases.csv", known(month))
        earlier = folder / text(month - 1) if runs else None
        runs.append(run_month(region, text(month), earlier=earlier, overrides=overrides))
        write_month(runs[-1], folder / text(month))
    return runs


def again(rows: Rows, case: str, month: int) -> Callable[[int], Rows]:
    """A case_id comes once more in a later month: both copies are quarantined from then on."""
    copy = {**next(r for r in rows if r["case_id"] == case)}
    day = f"2024-{month:02d}"
    copy.update(admission_date=f"{day}-01", discharge_date=f"{day}-10", settlement_date=f"{day}-10")
    return lambda now: until([*rows, copy], now)


def ordered(runs: Sequence[MonthRun]) -> dict[tuple[str, str], int]:
    """What each run ordered for its own month, by hospital and pool."""
    sums: dict[tuple[str, str], int] = {}
    for run in runs:
        for a in run.accounts:
            if a.month == run.month:
                key = (a.hospital_id, a.pool)
                sums[key] = sums.get(key, 0) + a.paid_fen
    return sums


def account(run: MonthRun, hospital: str, pool: str, month: int):
    return next(
        a for a in run.accounts if (a.hospital_id, a.pool, a.month) == (hospital, pool, month)
    )


def said(run: MonthRun) -> str:
    return " | ".join(str(w) for w in warnings(run))


@pytest.fixture
def region(tmp_path: Path) -> Path:
    return ex1(tmp_path)


# --- twelve months and the year


@pytest.mark.parametrize(
    ("overrides", "case"),
    [
        ([], "C02"),
        ([MONTH_VALUE], "C03"),
        ([LIMIT], "C03"),
        ([LIMIT, MONTH_VALUE], "C02"),
        *(
            pytest.param(overrides, case, marks=pytest.mark.long)
            for overrides, case in (
                ([], "C03"),
                ([MONTH_VALUE], "C02"),
                ([LIMIT], "C02"),
                ([LIMIT, MONTH_VALUE], "C03"),
            )
        ),
    ],
)
def test_twelve_orders__are_prepaid_and_the_years(
    region: Path, tmp_path: Path, overrides: list[str], case: str
) -> None:
    """A case paid in March is doubled in December: 5,415.29 (C03) was paid, and stays in the books."""
    (region / "last_year_months.csv").write_text(
        "hospital_id,pool,month,fund_yuan\nH1,310,3,50000.00\nH2,310,4,5000.00\n", encoding="utf-8"
    )
    known = again(rows_of(region / "cases.csv"), case, 12)
    runs = one_by_one(region, tmp_path / "months", known, overrides)
    paid, last = ordered(runs), runs[-1]
    assert {(h, p): fen for h, p, fen, _ in prepaid_rows(last)} == paid
    today = {(h.hospital_id, h.pool): h for h in year_end(region, overrides=overrides).hospitals}
    take_prepaid(tmp_path / "months" / "2024-12", region)
    settled = year_end(region, overrides=overrides)
    assert {(h.hospital_id, h.pool): h.prepaid_fen for h in settled.hospitals} == paid
    left = {(a.hospital_id, a.pool): a.setoff_after_fen for a in last.accounts if a.month == 12}
    assert sum(left.values()) > 0  # nothing is due in December that could be set off
    for key, fen in paid.items():
        prepaid = today[key].prepaid_fen if key in today else 0
        assert fen - left[key] == prepaid
    # the fund pays in all what is due, once
    for h in settled.hospitals:
        gone = h.forfeited_fen + h.violation_fen + h.carried_fen - h.shared_fen
        assert paid[h.hospital_id, h.pool] + h.final_fen + gone == h.due_fen


def test_orders__without_the_month_before_do_not_tie_out(region: Path, tmp_path: Path) -> None:
    """What was wrong: each month computed the ones before from the cases that it found."""
    known = again(rows_of(region / "cases.csv"), "C03", 12)
    runs = []
    for month in range(1, 13):
        write_rows(region / "cases.csv", known(month))
        runs.append(run_month(region, text(month)))
    more = sum(ordered(runs).values()) - sum(h.prepaid_fen for h in year_end(region).hospitals)
    assert more == 541_529
    assert "2024-01, 2024-02" in said(runs[-1])
    assert "recomputed from today's cases" in said(runs[-1])
    assert runs[-1].recomputed == list(range(1, 12))
    assert "recomputed" not in said(runs[0])


def test_months__that_nothing_changed_are_those_recomputed(region: Path, tmp_path: Path) -> None:
    rows = rows_of(region / "cases.csv")
    for overrides in ([], [MONTH_VALUE]):
        runs = one_by_one(
            region, tmp_path / f"m{len(overrides)}", lambda now: until(rows, now), overrides
        )
        write_rows(region / "cases.csv", rows)
        every, _ = run_all_months(region, overrides=overrides)
        for run in runs:
            assert not run.adjustments
            assert run.pools == [p for p in every.pools if p.month <= run.month]
        assert prepaid_rows(runs[-1]) == prepaid_rows(every)


# --- one correction after the other, worked out by hand


def test_adjustment__is_set_off_by_the_months_that_follow(region: Path, tmp_path: Path) -> None:
    """C03 is doubled in October: 0.95 x 5,700.30 paid in March go off C12's payment of November."""
    known = again(rows_of(region / "cases.csv"), "C03", 10)
    runs = one_by_one(region, tmp_path / "months", known)
    october, november = account(runs[9], "H1", "390", 10), account(runs[10], "H1", "390", 11)
    assert (october.payment_fen, october.adjustment_fen, october.paid_fen) == (0, -541_529, 0)
    assert (october.setoff_before_fen, october.setoff_after_fen) == (0, 541_529)
    assert (november.payment_fen, november.adjustment_fen) == (3_372_500, 0)
    assert (november.setoff_before_fen, november.setoff_after_fen) == (541_529, 0)
    assert november.paid_fen == 3_372_500 - 541_529
    # March stands as it was paid, its cases as they are today
    march = account(runs[10], "H1", "390", 3)
    assert (march.payment_fen, march.paid_fen, march.fund_fen) == (541_529, 541_529, 0)
    found = runs[11].adjustments
    assert [(a.month, a.of_month, a.hospital_id, a.pool, a.adjustment_fen) for a in found] == [
        (10, 3, "H1", "390", -541_529)
    ]
    assert (found[0].cases_before, found[0].cases_now) == (1, 0)
    assert (found[0].fund_before_fen, found[0].fund_now_fen) == (570_030, 0)
    assert "-5,415.29 yuan together" in said(runs[9])
    assert "the next month sets it off" in said(runs[9])
    assert "come out otherwise" not in said(runs[10])


def test_adjustment__of_a_late_case_is_paid_with_the_present_month(
    region: Path, tmp_path: Path
) -> None:
    rows = rows_of(region / "cases.csv")

    def known(now: int) -> Rows:
        return [r for r in until(rows, now) if r["case_id"] != "C04" or now >= 5]

    runs = one_by_one(region, tmp_path / "months", known, months=range(1, 7))
    may = account(runs[4], "H2", "310", 5)
    assert (may.payment_fen, may.adjustment_fen, may.paid_fen) == (0, 232_750, 232_750)
    assert sum(a.paid_fen for a in runs[5].accounts if a.hospital_id == "H2") == sum(
        a.paid_fen for a in run_month(region, "2024-06").accounts if a.hospital_id == "H2"
    )


def test_adjustment__of_a_suspended_payment(region: Path, tmp_path: Path) -> None:
    """A late case of March makes its growth abnormal: what it suspends is not paid in April."""
    (region / "last_year_months.csv").write_text(
        "hospital_id,pool,month,fund_yuan\nH2,310,4,8000.00\n", encoding="utf-8"
    )
    rows = rows_of(region / "cases.csv")

    def known(now: int) -> Rows:
        return [r for r in until(rows, now) if r["case_id"] != "C06" or now >= 6]

    runs = one_by_one(region, tmp_path / "months", known, [LIMIT], range(1, 7))
    assert account(runs[3], "H2", "310", 4).suspended_fen == 0  # 7,700 of 8,800
    # with C06: 14,000 recorded, 8,800 normal: 13,300 x 8,800 / 14,000 = 8,360, 7,315 were paid
    june = account(runs[5], "H2", "310", 6)
    assert june.adjustment_fen == 836_000 - 731_500
    found = runs[5].adjustments[0]
    assert (found.suspended_before_fen, found.suspended_now_fen) == (0, 494_000)
    # the list of what was suspended keeps to what was ordered
    assert pq.read_table(tmp_path / "months" / "2024-06" / "suspended.parquet").num_rows == 0


def test_changed_policy_value__is_an_adjustment_that_is_named(region: Path, tmp_path: Path) -> None:
    rows = rows_of(region / "cases.csv")
    one_by_one(region, tmp_path / "months", lambda now: until(rows, now), months=range(1, 4))
    write_rows(region / "cases.csv", rows)
    run = run_month(
        region, "2024-04", earlier=tmp_path / "months" / "2024-03",
        overrides=["prepay_ratio=0.9"],
    )  # fmt: skip
    # H1's 310: 0.05 x 91,000 were paid too much
    assert account(run, "H1", "310", 4).setoff_after_fen == 455_000
    assert "parameters that differ from the month before: prepay_ratio" in said(run)


def test_hospital__that_has_no_case_left_keeps_its_books(region: Path, tmp_path: Path) -> None:
    rows = rows_of(region / "cases.csv")
    known = again(rows, "C03", 4)
    runs = one_by_one(region, tmp_path / "months", known, months=range(1, 5))
    a = account(runs[3], "H1", "390", 4)
    assert (a.cases, a.paid_before_fen, a.setoff_after_fen) == (0, 541_529, 541_529)


def test_recomputed_months__are_told_on(region: Path, tmp_path: Path) -> None:
    rows = rows_of(region / "cases.csv")
    runs = one_by_one(region, tmp_path / "m", lambda now: until(rows, now), months=range(11, 13))
    assert runs[1].recomputed == list(range(1, 11))
    assert "recomputed by a run without --earlier" in said(runs[1])
    told = json.loads((tmp_path / "m" / "2024-12" / "manifest.json").read_text(encoding="utf-8"))
    assert told["recomputed_months"][0] == "2024-01"
    assert told["earlier"]["folder"] == "2024-11"
    assert (tmp_path / "m" / "2024-12" / "prepaid.csv").is_file()
    assert not (tmp_path / "m" / "2024-11" / "prepaid.csv").exists()


def test_december__without_the_month_before_gives_no_table_of_prepayments(
    region: Path, tmp_path: Path
) -> None:
    out = write_month(run_month(region, "2024-12"), tmp_path / "alone")
    assert not (out / "prepaid.csv").exists()


def test_year_end__says_that_prepayments_are_recomputed(region: Path, tmp_path: Path) -> None:
    word = "no table of prepayments"
    assert any(word in str(w) for w in year_end(region).warnings)
    rows = rows_of(region / "cases.csv")
    one_by_one(region, tmp_path / "m", lambda now: until(rows, now), months=range(11, 13))
    shutil.copy(tmp_path / "m" / "2024-12" / "prepaid.csv", region / "prepaid.csv")
    assert not any(word in str(w) for w in year_end(region).warnings)


# --- refusals


@pytest.fixture
def march(region: Path, tmp_path: Path) -> Path:
    return write_month(run_month(region, "2024-03"), tmp_path / "march")


def test_earlier__of_another_month_is_refused(region: Path, march: Path) -> None:
    for month in ("2024-03", "2024-05", "2024-01"):
        with pytest.raises(InputError, match="cannot be the month before"):
            run_month(region, month, earlier=march)


def test_earlier__of_another_region_policy_or_trial_is_refused(
    region: Path, march: Path, tmp_path: Path
) -> None:
    change(region / "region.toml", lambda text: text.replace('id = "ex1"', 'id = "ex2"'))
    with pytest.raises(InputError) as caught:
        run_month(region, "2024-04", earlier=march)
    assert "it is of ex1 2024" in caught.value.text("en")
    change(region / "region.toml", lambda text: text.replace('id = "ex2"', 'id = "ex1"'))
    trial = write_month(
        run_month(region, "2024-03", overrides=["prepay_ratio=0.5"]), tmp_path / "trial"
    )
    with pytest.raises(InputError) as caught:
        run_month(region, "2024-04", earlier=trial)
    assert "it is a trial" in caught.value.text("en")
    change(region / "region.toml", lambda text: text.replace('"testland"', '"hangzhou"'))
    with pytest.raises(InputError) as caught:
        run_month(region, "2024-04", earlier=march)
    assert "its policy is testland" in caught.value.text("en")


def test_earlier__of_all_months_at_once_is_refused(region: Path, tmp_path: Path) -> None:
    every = write_month(run_all_months(region)[0], tmp_path / "all")
    told = json.loads((every / "manifest.json").read_text(encoding="utf-8"))
    assert any("a simulation" in w["en"] for w in told["warnings"])
    with pytest.raises(InputError) as caught:
        run_month(region, "2024-04", earlier=every)
    assert "a simulation" in caught.value.text("en")


def test_earlier__that_is_no_month_is_refused(region: Path, march: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = json.loads((march / "manifest.json").read_text(encoding="utf-8"))
    broken["recomputed_months"] = ["soon"]
    for manifest in (None, "[]", "{}", '{"kind": "month"}', json.dumps(broken)):
        if manifest is not None:
            (empty / "manifest.json").write_text(manifest, encoding="utf-8")
        with pytest.raises(InputError, match="not the folder of a month"):
            run_month(region, "2024-04", earlier=empty)


def test_earlier__with_a_changed_table_is_refused(region: Path, march: Path) -> None:
    path = march / "months_hospitals.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("paid_fen")
    more = pa.array([x + 1 for x in table["paid_fen"].to_pylist()], pa.int64())
    pq.write_table(table.set_column(place, "paid_fen", more), path)
    with pytest.raises(BooksError, match="were changed"):
        run_month(region, "2024-04", earlier=march)
    manifest = json.loads((march / "manifest.json").read_text(encoding="utf-8"))
    del manifest["tables"]
    (march / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BooksError, match="were changed") as caught:
        run_month(region, "2024-04", earlier=march)
    assert "not its parts' sum" in caught.value.text("en")


def test_earlier__written_before_there_were_digests_is_taken_and_told(
    region: Path, march: Path
) -> None:
    manifest = json.loads((march / "manifest.json").read_text(encoding="utf-8"))
    for key in ("tables", "earlier", "recomputed_months"):
        del manifest[key]
    (march / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    table = pq.read_table(march / "months_hospitals.parquet")
    kept = [n for n in table.column_names if not n.startswith(("adjustment", "setoff"))]
    pq.write_table(table.select(kept), march / "months_hospitals.parquet")
    (march / "adjustments.parquet").unlink()
    run = run_month(region, "2024-04", earlier=march)
    assert not run.adjustments
    assert "has no digests" in said(run)
    assert run.recomputed == [1, 2]


def test_hospital__that_was_paid_and_is_gone_is_refused(region: Path, march: Path) -> None:
    write_rows(region / "cases.csv", [r for r in rows_of(region / "cases.csv") if
                                      r["hospital_id"] != "H2"])  # fmt: skip
    (region / "violations.csv").unlink()
    for name in ("hospitals.csv", "scores.csv", "coefficients.csv"):
        path = region / name
        write_rows(path, [r for r in rows_of(path) if r["hospital_id"] != "H2"])
    with pytest.raises(InputError) as caught:
        run_month(region, "2024-04", earlier=march)
    assert "hospital H2, pool 310" in caught.value.text("en")


# --- command and page


def test_command__takes_the_month_before_and_says_what_it_adjusts(
    region: Path, tmp_path: Path
) -> None:
    known = again(rows_of(region / "cases.csv"), "C03", 4)
    one_by_one(region, tmp_path / "m", known, months=range(1, 4))
    write_rows(region / "cases.csv", known(4))
    out, earlier = tmp_path / "april", str(tmp_path / "m" / "2024-03")
    arguments = [str(region), "--month", "2024-04", "--earlier", earlier, "-o", str(out)]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "-5,415.29" in done.output
    page = (out / "month.html").read_text(encoding="utf-8")
    for word in ("以前月份调整", "-5,415.29", "结转待抵", "未经核实", "prepay_ratio"):
        assert word in page
    write_month_page(out, "en")
    assert "Adjustments of earlier months" in (out / "month.html").read_text(encoding="utf-8")
    wrong = CliRunner().invoke(
        command, [str(region), "--all", "--earlier", earlier, "-o", str(tmp_path / "x")]
    )
    assert wrong.exit_code == 2
