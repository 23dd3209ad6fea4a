"""Months of EX1, worked out by hand, and what a month's run must and must not do."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from drgpay.budget.index_months import month_budgets, suspended_fen
from drgpay.ground.errors import BooksError, InputError, PolicyError
from drgpay.months.folder import prepaid_rows, write_month
from drgpay.months.months import all_months, month_run, tie_out
from drgpay.months.run import parse_month, run_all_months, run_month
from drgpay.settlement.by_month import Months
from drgpay.settlement.year_end import year_end
from tests.months.folders import (
    EX1,
    add_months,
    change,
    ex1,
    rows_of,
    split_by_month,
    take_prepaid,
    write_rows,
)

MONTH_VALUE = "prepay_basis=month_value"


def account(run, hospital, pool, month):
    return next(
        a
        for a in run.months.accounts
        if (a.hospital_id, a.pool, a.month) == (hospital, pool, month)
    )


def pool_month(run, pool, month):
    return next(p for p in run.months.pools if (p.pool, p.month) == (pool, month))


# --- worked out by hand


def test_budgets__twelfths_add_up_to_the_year() -> None:
    # 130,000.00 / 12 = 10,833.333…: to date 10,833.33, 21,666.67, 32,500.00, …
    budgets = month_budgets(13_000_000, [Fraction(1, 12)] * 12)
    assert budgets == [1_083_333, 1_083_334, 1_083_333] * 4
    assert sum(budgets) == 13_000_000


def test_budgets__given_shares_and_a_negative_budget() -> None:
    shares = [Fraction(1, 2), Fraction(1, 2), *[Fraction(0)] * 10]
    assert month_budgets(101, shares) == [51, 50, *[0] * 10]
    assert month_budgets(-101, shares) == [-51, -50, *[0] * 10]


def test_april__correction_entry_and_point_value() -> None:
    """C05 and C06, two stays of P05 for GB15: 78.4 points each, C05 loses half of them."""
    run = run_month(EX1, "2024-04")
    p = pool_month(run, "310", 4)
    assert (p.cases, p.points_before, p.correction) == (2, 1_568_000, -392_000)
    # (10,833.33 + 3,300.00 + 2,700.00 that the pool did not pay) / 117.6 points
    assert p.value_fen == Fraction(1_083_333 + 600_000) / Fraction("117.6")
    assert run.corrections.to_pylist() == [
        {
            "case_id": "C05",
            "hospital_id": "H2",
            "pool": "310",
            "drg": "GB15",
            "month": "2024-04",
            "correction_month": "2024-04",
            "points_before": Decimal("78.4"),
            "points_after": Decimal("39.2"),
            "correction_points": Decimal("-39.2"),
        }
    ]
    # 0.95 x (2,450 + 7,700 + 6,300) to date, less 0.95 x 2,450 in March
    a = account(run, "H2", "310", 4)
    assert (a.paid_before_fen, a.payment_fen, a.fund_to_date_fen) == (232_750, 1_330_000, 1_645_000)
    assert a.suspended_fen == a.kept_fen == 0


def test_correction__stands_in_the_month_of_the_later_stay(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    # C05 discharged in March, C06 admitted 12 days later and discharged in April
    change(
        region / "cases.csv",
        lambda text: text.replace(
            "2024-04-01,2024-04-08,2024-04-08", "2024-03-25,2024-03-31,2024-03-31"
        ).replace("2024-04-17,2024-04-22,2024-04-22", "2024-04-12,2024-04-22,2024-04-22"),
    )
    run = run_month(region, "2024-04")
    assert pool_month(run, "310", 3).correction == 0
    assert pool_month(run, "310", 4).correction == -392_000
    assert run.corrections["month"].to_pylist() == ["2024-03"]
    assert run.corrections["correction_month"].to_pylist() == ["2024-04"]
    # in March nobody knows of April yet
    assert run_month(region, "2024-03").corrections.num_rows == 0


def test_month_value__pays_a_share_and_keeps_the_rest() -> None:
    run = run_month(EX1, "2024-03", overrides=[MONTH_VALUE])
    # 543.6 x 31,883.33 / 571.6 - 20,000 = 10,321.51537…; 95 % of it is 9,805.4396…
    due = Fraction(5436, 10) * Fraction(3_188_333) / Fraction(5716, 10) - 2_000_000
    a = account(run, "H1", "310", 3)
    assert a.due_fen == due
    assert (a.payment_fen, a.kept_fen) == (980_544, 51_608)
    assert a.payment_fen + a.kept_fen == round(due)


def test_month_value__a_negative_due_pays_and_keeps_nothing(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    change(region / "region.toml", lambda text: text.replace('"130000.00"', '"1300.00"'))
    run = run_month(region, "2024-03", overrides=[MONTH_VALUE])
    a = account(run, "H2", "310", 3)
    # 28 x (108.33 + 21,050.00) / 571.6 - 1,050.00 = -13.55
    assert a.due_fen is not None
    assert round(a.due_fen) == -1_355
    assert (a.payment_fen, a.kept_fen) == (0, 0)


def test_month_without_points__has_no_value_and_pays_by_the_fund_alone() -> None:
    run = run_month(EX1, "2024-02")
    p = pool_month(run, "310", 2)
    assert (p.points, p.value_fen, p.payment_fen) == (0, None, 0)
    assert p.budget_fen == 1_083_334


def test_growth__payment_is_cut_in_proportion() -> None:
    assert suspended_fen(950, 1_100, 1_000, Fraction("0.1")) == 0  # exactly the limit
    assert suspended_fen(950, 1_101, 1_000, Fraction("0.1")) == 1  # 950 x 1100 / 1101 = 949.1
    assert suspended_fen(950, 2_200, 1_000, Fraction("0.1")) == 475
    assert suspended_fen(950, 500, 0, Fraction("0.1")) == 950
    assert suspended_fen(950, 500, None, Fraction("0.1")) == 0
    assert suspended_fen(950, 500, 100, None) == 0


def grown(tmp_path: Path) -> Path:
    region = ex1(tmp_path)
    (region / "last_year_months.csv").write_text(
        "hospital_id,pool,month,fund_yuan\nH1,310,3,50000.00\nH2,310,4,14000.00\n",
        encoding="utf-8",
    )
    return region


def test_growth__suspended_amount_is_not_paid_by_the_next_month(tmp_path: Path) -> None:
    run = run_month(grown(tmp_path), "2024-04", overrides=["month.growth_limit=0.1"])
    # H1 in March: 70,000 recorded, 55,000 normal: 66,500 x 55 / 70 = 52,250 paid
    march = account(run, "H1", "310", 3)
    assert (march.payment_fen, march.suspended_fen, march.paid_fen) == (
        6_650_000, 1_425_000, 5_225_000,
    )  # fmt: skip
    april = account(run, "H1", "310", 4)
    assert (april.payment_fen, april.paid_before_fen) == (0, 1_995_000 + 5_225_000)
    assert [(a.hospital_id, a.month) for a in run.suspended] == [("H1", 3)]


def test_growth__suspended_amount_is_paid_by_the_year_end(tmp_path: Path) -> None:
    region = grown(tmp_path)
    limit = ["month.growth_limit=0.1"]
    without = {(h.hospital_id, h.pool): h for h in year_end(region).hospitals}
    run, settled = run_all_months(region, overrides=limit)
    for h in settled.hospitals:
        own = without[h.hospital_id, h.pool]
        cut = 1_425_000 if (h.hospital_id, h.pool) == ("H1", "310") else 0
        assert h.prepaid_fen == own.prepaid_fen - cut
        assert (h.deposit_fen, h.forfeited_fen) == (own.deposit_fen, own.forfeited_fen)
        assert h.final_fen == own.final_fen + cut
    # H1: 21,000 + 70,000 recorded, 95 % are 86,450, of which 14,250 were not paid
    h1 = next(h for h in settled.hospitals if (h.hospital_id, h.pool) == ("H1", "310"))
    assert (h1.prepaid_fen, h1.deposit_fen) == (8_645_000 - 1_425_000, 9_100_000 - 8_645_000)
    write_month(run, tmp_path / "months")
    take_prepaid(tmp_path / "months", region)
    table = (region / "prepaid.csv").read_text(encoding="utf-8")
    by_hand = [",".join(line.split(",")[:3]) for line in table.splitlines()]  # without a deposit
    for text in (table, "\n".join(by_hand) + "\n"):
        (region / "prepaid.csv").write_text(text, encoding="utf-8")
        again = year_end(region, overrides=limit)
        assert [h.final_fen for h in again.hospitals] == [h.final_fen for h in settled.hospitals]


def test_growth__month_value_takes_what_was_really_paid(tmp_path: Path) -> None:
    words = ["month.growth_limit=0.1", MONTH_VALUE]
    run, settled = run_all_months(grown(tmp_path), overrides=words)
    h1 = next(h for h in settled.hospitals if (h.hospital_id, h.pool) == ("H1", "310"))
    # January's 30,000 cost and March of the test above: 9,805.44, of which 55 / 70 are paid
    january = account(run, "H1", "310", 1)
    assert h1.prepaid_fen == january.payment_fen + round(Fraction(980_544 * 55, 70))


def ties_of(run, word):
    return [t for t in run.ties if word in str(t.name)]


def test_ties__hold_what_was_really_paid_against_the_year_end(tmp_path: Path) -> None:
    run, settled = run_all_months(grown(tmp_path), overrides=["month.growth_limit=0.1"])
    paid = {t.pool: (t.months, t.expected) for t in ties_of(run, "really paid")}
    for pool in ("310", "390"):
        total = sum(h.prepaid_fen for h in settled.hospitals if h.pool == pool)
        assert paid[pool] == (total, total)


def test_ties__beside_a_table_of_prepayments(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    rows = ["hospital_id,pool,prepaid_yuan,deposit_yuan"]
    rows += [f"{h.hospital_id},{h.pool},1.00,0.00" for h in year_end(region).hospitals]
    (region / "prepaid.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run, settled = run_all_months(region)
    assert not ties_of(run, "= prepaid of the year end")
    found = ties_of(run, "prepaid.csv")
    assert {t.pool for t in found} == {"310", "390"}
    for t in found:
        own = [h for h in settled.hospitals if h.pool == t.pool]
        assert t.expected == 100 * len(own)
        assert t.months == sum(p.paid_fen for p in run.pools if p.pool == t.pool)
    out = write_month(run, tmp_path / "months")
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert sum("prepaid.csv says" in w["en"] for w in told["warnings"]) == 2
    assert not any("prepaid.csv" in c["text_en"] for c in told["checks"])


@pytest.mark.parametrize("basis", ["recorded_fund", "month_value"])
def test_prepaid_table__gives_the_same_year_end(tmp_path: Path, basis: str) -> None:
    region = ex1(tmp_path)
    change(region / "region.toml", lambda text: text.replace('"testland"', '"policy.toml"'))
    policies = Path(__file__).resolve().parents[2] / "reference" / "policies"
    text = (policies / "testland.toml").read_text(encoding="utf-8")
    head, tail = text.split("[parameters.prepay_basis]")
    other = "month_value" if basis == "recorded_fund" else "recorded_fund"
    tail = tail.replace(f'value = "{other}"', f'value = "{basis}"', 1)
    tail = tail.replace(f'alternative = "{basis}"', f'alternative = "{other}"', 1)
    (region / "policy.toml").write_text(f"{head}[parameters.prepay_basis]{tail}", encoding="utf-8")
    run, settled = run_all_months(region)
    assert settled.policy["prepay_basis"] == basis
    write_month(run, tmp_path / "months")
    take_prepaid(tmp_path / "months", region)
    again = year_end(region)
    assert [(h.prepaid_fen, h.deposit_fen, h.final_fen) for h in again.hospitals] == [
        (h.prepaid_fen, h.deposit_fen, h.final_fen) for h in settled.hospitals
    ]
    assert sum(row[2] for row in prepaid_rows(run)) == sum(h.prepaid_fen for h in again.hospitals)


def test_combined_pools__have_one_value_a_month() -> None:
    run = run_month(EX1, "2024-03", overrides=["combine_pools=true"])
    found = [p for p in run.pools if p.month == 3]
    assert [p.pool for p in found] == ["310+390"]
    # a quarter of 235,500.00 is 58,875.00, two twelfths 39,250.00
    assert found[0].budget_fen == 5_887_500 - 3_925_000
    not_pool = 2_000_000 + 105_000 + 380_020
    assert found[0].value_fen == (found[0].budget_fen + not_pool) / Fraction("656.4")


# --- a month stays as it is


def tables_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".csv", ".parquet")}


def test_month__does_not_change_when_later_files_come(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    rows = rows_of(region / "cases.csv")
    # the later stay of a readmission comes with the later file, too
    for row in rows:
        if row["case_id"] == "C06":
            row["admission_date"], row["discharge_date"], row["settlement_date"] = (
                "2024-04-20", "2024-05-02", "2024-05-02",
            )  # fmt: skip
    write_rows(region / "cases.csv", rows)
    split_by_month(region, 4)
    early = write_month(run_month(region, "2024-04"), tmp_path / "early")
    add_months(region, rows, range(5, 13))
    late = write_month(run_month(region, "2024-04"), tmp_path / "late")
    assert tables_of(early) == tables_of(late)
    one, two = (json.loads((f / "manifest.json").read_text()) for f in (early, late))
    assert (one.pop("left_aside"), two.pop("left_aside")) == (0, 7)
    assert next(w["en"] for w in two.pop("warnings")).startswith("7 cases of the files are later")
    one.pop("warnings")
    assert one == two  # the digests of the files that it rests on included


def test_month__leaves_later_cases_of_one_file_aside() -> None:
    run = run_month(EX1, "2024-04")
    prepared = run.year.prepared
    assert (prepared.counts.total, prepared.left_aside) == (6, 6)
    assert len(prepared.quarantine) == 0
    assert not any(a.cases for a in run.months.accounts if a.month > 4)


def test_month__of_the_last_day_counts_and_the_next_does_not(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    change(
        region / "cases.csv",
        lambda text: text.replace("2024-03-10,2024-03-10", "2024-02-29,2024-02-29").replace(
            "2024-03-14,2024-03-14", "2024-03-01,2024-03-01"
        ).replace("2024-03-04", "2024-02-04").replace("2024-03-11", "2024-02-28"),
    )  # fmt: skip
    ids = [
        case
        for piece in run_month(region, "2024-02").year.pieces
        for case in piece.case_id.to_pylist()
    ]
    assert ids == ["C01", "C03"]


def test_months__run_one_by_one_add_up_to_all(tmp_path: Path) -> None:
    every, _ = run_all_months(EX1)
    for month in range(1, 13):
        one = run_month(EX1, f"2024-{month:02d}")
        own = [p for p in one.pools if p.month == month]
        assert own == [p for p in every.pools if p.month == month]


# --- refusals


def test_ceiling__months_so_far_beyond_the_target_are_refused(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with (region / "region.toml").open("a", encoding="utf-8") as stream:
        stream.write('\n[ceiling]\ncontrol_target_yuan = "94192.79"\n')
    # paid by the end of March: 19,950.00 + 68,827.50 + 5,415.29
    run = run_month(region, "2024-03")
    assert run.ceiling is not None
    assert run.ceiling.total_fen == run.ceiling.target_fen
    assert [p.amount_fen for p in run.ceiling.payments[:2]] == [1_995_000, 7_424_279]
    with pytest.raises(InputError) as caught:
        run_month(region, "2024-04")
    assert "13,300.00" in caught.value.text("en")


def test_ceiling__reserve_covers_a_month(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    with (region / "region.toml").open("a", encoding="utf-8") as stream:
        stream.write(
            '\n[ceiling]\ncontrol_target_yuan = "100000.00"\n'
            '[[ceiling.reserves]]\nname = "调剂金"\namount_yuan = "10000.00"\n'
            "inside_target = false\n"
        )
    run = run_month(region, "2024-04")
    assert run.ceiling is not None
    assert [d.drawn_fen for d in run.ceiling.drawn] == [749_279]


@pytest.mark.parametrize("text", ["2024-13", "2024-0", "04", "2024/04", "２０２４-04", ""])
def test_month__malformed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a month"):
        parse_month(text)


def test_month__of_another_year_is_refused() -> None:
    with pytest.raises(InputError, match="the region folder is of 2024"):
        run_month(EX1, "2025-03")


def test_given_pattern__without_its_table_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"month_shares\.csv"):
        run_month(EX1, "2024-03", overrides=["month.pattern=given"])


def test_given_pattern__divides_the_budget(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    lines = ["月份,比重", "1,0.5", "2,0.25", *(f"{m},0.025" for m in range(3, 13))]
    (region / "month_shares.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = run_month(region, "2024-03", overrides=["month.pattern=given"])
    assert [p.budget_fen for p in run.pools if p.pool == "310"] == [6_500_000, 3_250_000, 325_000]


def test_books__a_month_that_does_not_add_up_fails() -> None:
    settled = year_end(EX1)
    run = all_months(settled)
    wrong = settled.totals.by_month.copy()
    wrong[0, 0, 3] += 1
    broken = replace(settled, totals=replace(settled.totals, by_month=wrong))
    with pytest.raises(BooksError):
        all_months(broken)
    fewer = Months(run.months.pools, run.months.accounts[1:])
    with pytest.raises(BooksError):
        tie_out(settled, fewer, run.corrections)


def test_month_run__of_a_settled_year_is_one_of_its_twelve() -> None:
    settled = year_end(EX1)
    run = month_run(settled, 4)
    assert max(p.month for p in run.pools) == 4
    assert all(isinstance(int(x), int) for x in np.asarray(run.year.totals.by_month).ravel()[:3])
    assert run.corrections.num_rows == 1
