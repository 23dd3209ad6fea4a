"""What a month's or a year's result folder comes to in the book: drafts that balance.

A folder is posted once, in turn, as it was written (its digests are looked at); trials never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Balance, Reading
from drgpay.ledger.entries import Draft, Entry, Line
from drgpay.ledger.postings import (
    CLEARED,
    POINTS,
    ClearingFigures,
    MonthFigures,
    clearing_lines,
    month_lines,
    other_lines,
    provision_lines,
)
from drgpay.months.orders import Place, booked_sums, ordered_rows
from drgpay.runs.manifest import MONTH, YEAR, values_of, version_of
from drgpay.runs.reader import RunFolder
from drgpay.wrapper.settlement_plan import hold_points_to_plan


def month_draft(reading: Reading, folder: str | Path, region_id: str, who: str) -> Draft:
    """Return the entry of a month's result folder.

    Raises InputError for a folder of another region, a trial, a month that is not the next one;
    BooksError where its tables were changed, or do not meet what stands in the book.
    """
    run = own_run(folder, MONTH, region_id)
    year, month = int(run.manifest["month"][:4]), int(run.manifest["month"][5:])
    _refuse_out_of_turn(reading, run, year, month)
    rows, adjustments, _ = ordered_rows(run)
    booked = booked_sums(rows, adjustments)
    standing = _sums(of_method(reading, year, POINTS))
    figures = []
    for hospital, pool in sorted({place[:2] for place in booked}):
        own = rows.get((hospital, pool, month))
        paid = own.paid_fen if own else 0
        owed = own.setoff_after_fen if own else 0
        was = standing.get((hospital, pool), {})
        figures.append(
            MonthFigures(
                hospital, pool, paid_fen=paid,
                kept_fen=_to_date(booked, hospital, pool, month, 2) + was.get("deposit", 0),
                deferred_fen=_to_date(booked, hospital, pool, month, 1) + was.get("deferred", 0),
                setoff_fen=was.get("setoff", 0) - owed,
            )
        )  # fmt: skip
    body = {
        **run_facts(run), "month": f"{year}-{month:02d}",
        "figures": [
            {
                "hospital_id": f.hospital_id, "pool": f.pool, "recorded_fen": f.recorded_fen,
                "paid_fen": f.paid_fen, "kept_fen": f.kept_fen, "deferred_fen": f.deferred_fen,
                "setoff_fen": f.setoff_fen,
            }
            for f in figures
        ],
    }  # fmt: skip
    return Draft(
        "month", year, who, "maker", body, clause="S0 28-29; S2 二(二)1(6)",
        subject=f"{year}-{month:02d}", lines=tuple(month_lines(figures)),
    )  # fmt: skip


def _to_date(
    booked: Mapping[Place, tuple[int, int, int]], hospital: str, pool: str, month: int, part: int
) -> int:
    return sum(booked.get((hospital, pool, m), (0, 0, 0))[part] for m in range(1, month + 1))


def _refuse_out_of_turn(reading: Reading, run: RunFolder, year: int, month: int) -> None:
    if run.manifest["all_months"]:
        raise InputError(
            both("全年各月的一次性结算不能入账", "a run of all twelve months is not posted"),
            where=run.folder,
            remedy=both("逐月结算，逐月入账", "run the months one by one, and post each"),
        )
    expected = f"{year}-{len(posted_months(reading, year, POINTS)) + 1:02d}"
    if f"{year}-{month:02d}" != expected:
        raise InputError(
            both(
                f"账上应入 {expected}，这是 {year}-{month:02d} 的结果",
                f"the book waits for {expected}, this is {year}-{month:02d}",
            ),
            where=run.folder,
            remedy=both("按月份次序入账，每月一次", "post the months in order, each once"),
        )


def year_draft(reading: Reading, folder: str | Path, region_id: str, who: str) -> Draft:
    """Return the entry of a settled year: the clearing of its months, and what else was paid.

    Raises InputError for a folder of another region, a trial, a second clearing of a year, for
    other parameters than its settlement plan;
    BooksError where it does not meet the months in the book.
    """
    run = own_run(folder, YEAR, region_id)
    year = int(run.manifest["region"]["year"])
    if any(e.body["method"] == POINTS for e in reading.entries(("clearing",), year=year)):
        raise InputError(
            both(f"{year}年已清算入账", f"{year} is cleared in the book"),
            where=run.folder,
            remedy=both("更正用重新清算（reopening）", "corrections go by a reopening"),
        )
    hold_points_to_plan(reading, year, values_of(run.manifest))
    with run.reading():
        hospitals = run.table("hospitals").to_pylist()
        funds = run.table("funds").to_pylist()
    months = posted_months(reading, year, POINTS)
    figures = [clearing_of(row) for row in hospitals]
    standing = of_method(reading, year, POINTS)
    if months:
        _refuse_other_prepaid(hospitals, months)
        lines = list(clearing_lines(figures, standing))
    else:  # what was prepaid was paid before there was a book
        paid = [
            MonthFigures(
                r["hospital_id"], r["pool"], r["prepaid_fen"],
                kept_fen=r["recorded_fund_fen"] - r["prepaid_fen"],
            )
            for r in hospitals
        ]  # fmt: skip
        before = list(month_lines(paid))
        lines = before + list(clearing_lines(figures, _balances(before)))
    lines += list(_elsewhere(funds))
    body = {
        **run_facts(run), "version": version_of(run.manifest), "months": len(months),
        "provisions": {row["pool"]: row["provision_fen"] for row in funds},
        "figures": figures_told(hospitals),
    }  # fmt: skip
    return Draft(
        "clearing", year, who, "maker", body, clause="S0 32-35", subject=f"{year}",
        lines=tuple(lines),
    )  # fmt: skip


# what an entry says of a settled year by institution and pool, as the table `hospitals` has it
TOLD = (
    "hospital_id", "pool", "due_fen", "money_fen", "prepaid_fen", "forfeited_fen", "shared_fen",
    "violation_fen", "carried_fen", "final_fen", "payable_fen", "deferred_fen", "recover_fen",
)  # fmt: skip


def figures_told(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what an entry says of a settled year's rows."""
    return [{name: row[name] for name in TOLD} for row in rows]


def clearing_of(row: Mapping[str, Any]) -> ClearingFigures:
    """Return what a row of a settled year, or what an entry told of it, comes to."""
    return ClearingFigures(
        row["hospital_id"], row["pool"],
        {"drg": row["due_fen"] - row["money_fen"], "by_item": row["money_fen"]},
        row["forfeited_fen"], row["violation_fen"], row["final_fen"],
        waiting_fen=row["deferred_fen"], carried_fen=row["carried_fen"],
        shared_fen=row["shared_fen"],
    )  # fmt: skip


def _refuse_other_prepaid(hospitals: list[dict[str, Any]], months: Sequence[Entry]) -> None:
    """Fail if a result starts from other prepayments than the book's months made."""
    paid: dict[tuple[str, str], int] = {}
    for entry in months:
        for own in entry.body["figures"]:
            place = own["hospital_id"], own["pool"]
            paid[place] = paid.get(place, 0) + own["paid_fen"]
    faults = [
        both(
            f"{r['hospital_id']}、险种 {r['pool']}：账上预付 {yuan_text(own)} 元，"
            f"清算所用为 {yuan_text(r['prepaid_fen'])} 元",
            f"{r['hospital_id']}, pool {r['pool']}: the book prepaid {yuan_text(own)} yuan, "
            f"the result takes {yuan_text(r['prepaid_fen'])}",
        )
        for r in hospitals
        for own in [paid.get((r["hospital_id"], r["pool"]), 0)]
        if own != r["prepaid_fen"]
    ]
    if faults:
        raise BooksError(
            both("清算所用的预付数与账上不符", "the clearing starts from other prepayments"),
            faults=faults,
            remedy=both(
                "把最后一个月结果文件夹中的 prepaid.csv 放入统筹区文件夹，重新清算",
                "put prepaid.csv of the last month's folder into the region's, and settle again",
            ),
        )


def _elsewhere(funds: list[dict[str, Any]]) -> Iterator[Line]:
    for row in funds:
        yield from other_lines(row["pool"], "out_of_area", row["out_of_area_fen"])
        yield from other_lines(row["pool"], "other", row["other_fen"])
        yield from provision_lines(row["pool"], "open_cases", row["provision_fen"])


def own_run(folder: str | Path, kind: str, region_id: str) -> RunFolder:
    """Open a result folder; fail if it is a trial, was changed, or is of another region."""
    run = RunFolder(folder, kind)
    run.refuse_changed()
    own = run.manifest["region"]["id"]
    if own != region_id:
        raise InputError(
            both(f"这是统筹区 {own} 的结果，本账属 {region_id}", f"it is of region {own}"),
            where=run.folder,
        )
    if run.manifest["trial"]:
        raise InputError(
            both("试算不能支付，也不入账", "a trial is never paid, and not posted"),
            where=run.folder,
            remedy=both("用正式参数重新结算", "run it with the parameters in force"),
        )
    return run


def posted_months(reading: Reading, year: int, method: str) -> list[Entry]:
    """Return a year's months by a method, in order."""
    months = reading.entries(("month",), year=year)
    return [entry for entry in months if entry.body["method"] == method]


def of_method(reading: Reading, year: int, method: str) -> list[Balance]:
    """Return what the months by a method left for the clearing of a year."""
    return [b for b in reading.balances(*CLEARED, year=year) if b.detail == method]


def run_facts(run: RunFolder) -> dict[str, Any]:
    """Return what an entry says of the folder that it came from."""
    return {
        "method": POINTS,
        "folder": run.folder.name, "manifest": run.digest,
        "policy": run.manifest["policy"]["digest"], "scheme": run.manifest["scheme"]["digest"],
    }  # fmt: skip


def _sums(balances: list[Balance]) -> dict[tuple[str, str], dict[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    for b in balances:
        own = found.setdefault((b.hospital_id, b.pool), {})
        own[b.account] = own.get(b.account, 0) + b.amount_fen
    return found


def _balances(lines: list[Line]) -> list[Balance]:
    return [
        Balance(line.account, line.pool, line.hospital_id, line.detail, line.amount_fen)
        for line in lines
    ]
