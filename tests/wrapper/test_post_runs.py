"""Months and a year of EX1 on the book: the same fen, whatever came in late."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ground.errors import BooksError, InputError
from drgpay.ledger.approvals import approve, check, propose
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.orders import orders, propose_orders
from drgpay.ledger.postings import target_lines
from drgpay.ledger.verify import verify
from drgpay.months.folder import write_month
from drgpay.months.run import run_all_months, run_month
from drgpay.runs.folder import write_run
from drgpay.runs.reader import RunFolder
from drgpay.settlement.year_end import year_end
from drgpay.wrapper.post_runs import month_draft, year_draft
from tests.months.folders import ex1, rows_of, take_prepaid, write_rows
from tests.months.test_month_orders import again, one_by_one

TARGETS = {"310": 14_000_000, "390": 14_000_000}


def passed(book: Book, draft: Draft) -> Entry:
    """Bring a draft into effect by three persons."""
    with book.writing() as turn:
        made = propose(turn, draft)
        check(turn, made.number, "复核人")
        return approve(turn, made.number, "审批人")


def own_book(folder: Path, region_id: str) -> Book:
    book = Book.create(folder, region_id=region_id, region_name="区", year=2024, who="经办人")
    for pool, fen in TARGETS.items():
        lines = tuple(target_lines(pool, fen, {}, {}))
        passed(book, Draft("target", 2024, "经办人", "maker", {}, lines=lines))
    return book


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path, str]]:
    """Twelve months of EX1, of which C03 is doubled in December, and its settled year."""
    folder = tmp_path_factory.mktemp("year")
    region = ex1(folder)
    known = again(rows_of(region / "cases.csv"), "C03", 12)
    one_by_one(region, folder / "months", known)
    take_prepaid(folder / "months" / "2024-12", region)
    settled = year_end(region)
    write_run(settled, folder / "run")
    yield region, folder / "months", folder / "run", settled.region.id


def posted_months(book: Book, months: Path, region_id: str) -> None:
    for month in range(1, 13):
        with book.reading() as reading:
            draft = month_draft(reading, months / f"2024-{month:02d}", region_id, "经办人")
        entry = passed(book, draft)
        rows = RunFolder(months / f"2024-{month:02d}", "month").table("months_hospitals")
        paid = sum(r["paid_fen"] for r in rows.to_pylist() if r["month"] == f"2024-{month:02d}")
        assert -sum(x.amount_fen for x in entry.lines if x.account == "payable") == paid


def sums(book: Book, account: str) -> dict[tuple[str, str], int]:
    with book.reading() as reading:
        found = reading.balances(account)
    made: dict[tuple[str, str], int] = {}
    for b in found:
        made[b.hospital_id, b.pool] = made.get((b.hospital_id, b.pool), 0) + b.amount_fen
    return {place: fen for place, fen in made.items() if fen}


def test_year__on_the_book_is_the_runs(year: tuple[Path, Path, Path, str], tmp_path: Path) -> None:
    _, months, run, region_id = year
    book = own_book(tmp_path / "b", region_id)
    posted_months(book, months, region_id)
    assert sum(sums(book, "setoff").values()) > 0, "a case was paid that is not to be paid"
    with book.writing() as turn:
        made = propose_orders(turn, 2024, "经办人", "S0 29")
        check(turn, made.number, "复核人")
        approve(turn, made.number, "审批人")
        before = orders(turn)
    with book.reading() as reading:
        draft = year_draft(reading, run, region_id, "经办人")
    passed(book, draft)
    rows = RunFolder(run).table("hospitals").to_pylist()
    prepaid = {(r["hospital_id"], r["pool"]): r["prepaid_fen"] for r in rows if r["prepaid_fen"]}
    assert {(o.hospital_id, o.pool): o.amount_fen for o in before} == prepaid
    due = {(r["hospital_id"], r["pool"]): r["prepaid_fen"] + r["payable_fen"] for r in rows}
    assert sums(book, "payable") == {place: -fen for place, fen in due.items() if fen}
    owed = {(r["hospital_id"], r["pool"]): r["recover_fen"] for r in rows if r["recover_fen"]}
    assert sums(book, "receivable") == owed
    waits = {(r["hospital_id"], r["pool"]): -r["deferred_fen"] for r in rows if r["deferred_fen"]}
    assert sums(book, "deferred") == waits
    for account in ("recorded", "setoff", "deposit"):
        assert sums(book, account) == {}
    expense = sum(fen for (hospital, _), fen in sums(book, "expense").items() if hospital)
    assert expense == sum(r["due_fen"] for r in rows)
    assert verify(book).faults == ()
    with book.reading() as reading, pytest.raises(InputError, match="is cleared"):
        year_draft(reading, run, region_id, "经办人")


def test_year__without_months_in_the_book_starts_from_the_runs_prepayments(
    year: tuple[Path, Path, Path, str], tmp_path: Path
) -> None:
    _, _, run, region_id = year
    book = own_book(tmp_path / "b", region_id)
    with book.reading() as reading:
        entry = passed(book, year_draft(reading, run, region_id, "经办人"))
    rows = RunFolder(run).table("hospitals").to_pylist()
    payable = sum(x.amount_fen for x in entry.lines if x.account == "payable")
    assert payable == -sum(r["prepaid_fen"] + r["payable_fen"] for r in rows)


def test_year__from_other_prepayments_is_refused(
    year: tuple[Path, Path, Path, str], tmp_path: Path
) -> None:
    _, months, _, region_id = year
    region = ex1(tmp_path)  # prepays 95 % of what was recorded, by itself: C03 is not among it
    cases = region / "cases.csv"
    write_rows(cases, [row for row in rows_of(cases) if row["case_id"] != "C03"])
    write_run(year_end(region), tmp_path / "run")
    book = own_book(tmp_path / "b", region_id)
    posted_months(book, months, region_id)
    with book.reading() as reading, pytest.raises(BooksError) as found:
        year_draft(reading, tmp_path / "run", region_id, "经办人")
    assert [str(fault) for fault in found.value.faults] == [
        "H1, pool 390: the book prepaid 39,140.29 yuan, the result takes 33,725.00"
    ]


def test_months__go_in_order_once_and_untouched(
    year: tuple[Path, Path, Path, str], tmp_path: Path
) -> None:
    region, months, run, region_id = year
    book = own_book(tmp_path / "b", region_id)
    with book.reading() as reading:
        first = month_draft(reading, months / "2024-01", region_id, "经办人")
        with pytest.raises(InputError, match="waits for 2024-01"):
            month_draft(reading, months / "2024-02", region_id, "经办人")
        with pytest.raises(InputError, match=f"of region {region_id}"):
            month_draft(reading, months / "2024-01", "R9", "经办人")
        with pytest.raises(InputError, match="not the folder of a month"):
            month_draft(reading, run, region_id, "经办人")
    passed(book, first)
    trial = run_month(region, "2024-01", overrides=["prepay_ratio=0.5"])
    write_month(trial, tmp_path / "trial")
    every, _ = run_all_months(ex1(tmp_path / "again"))
    write_month(every, tmp_path / "all")
    touched = tmp_path / "touched"
    shutil.copytree(months / "2024-02", touched)
    table = touched / "months_hospitals.parquet"
    table.write_bytes(table.read_bytes()[:-1] + b"x")
    with book.reading() as reading:
        with pytest.raises(InputError, match="waits for 2024-02"):
            month_draft(reading, months / "2024-01", region_id, "经办人")
        with pytest.raises(InputError, match="a trial is never paid"):
            month_draft(reading, tmp_path / "trial", region_id, "经办人")
        with pytest.raises(InputError, match="all twelve months"):
            month_draft(reading, tmp_path / "all", region_id, "经办人")
        with pytest.raises((BooksError, InputError), match="changed"):
            month_draft(reading, touched, region_id, "经办人")
