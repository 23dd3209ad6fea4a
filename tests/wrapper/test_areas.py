"""People insured elsewhere: hospitals are paid here, their areas owe it and pay it back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.cash import CashSums
from drgpay.ledger.entries import Entry
from drgpay.ledger.verify import verify
from drgpay.wrapper.areas import area_claims_draft, area_payments_draft, area_rows, owed_by_area
from tests.wrapper.test_index_year import book as index_book
from tests.wrapper.test_index_year import sums, write
from tests.wrapper.test_post_runs import passed

__all__ = ["index_book"]
CLAIMS = "参保地,机构编码,险种,病例数,金额"
PAYMENTS = "参保地,险种,金额,支付日期,银行流水号"
JANUARY = ("330200,H1,310,3,30000.00", "330200,H2,310,1,5000.05", "330300,H1,310,2,12000")


def claimed(book: Book, folder: Path, month: int, *rows: str) -> Entry:
    table = write(folder, "area_claims", CLAIMS, *rows) / "area_claims.csv"
    with book.reading() as reading:
        draft = area_claims_draft(reading, table, 2026, month, "甲")
    return passed(book, draft)


def paid(book: Book, folder: Path, *rows: str) -> Entry:
    table = write(folder, "area_payments", PAYMENTS, *rows) / "area_payments.csv"
    with book.reading() as reading:
        draft = area_payments_draft(reading, table, 2026, "甲")
    return passed(book, draft)


def left_fen(book: Book) -> int:
    with book.reading() as reading:
        return CashSums().update(reading.connection, reading.head()[0])[2026, "310"].left_fen


def test_areas__owe_what_hospitals_get_and_pay_it_back(index_book: Book, tmp_path: Path) -> None:
    book, before = index_book, left_fen(index_book)
    claimed(book, tmp_path, 1, *JANUARY)
    claimed(book, tmp_path, 2, "330200,H1,310,1,1000")
    assert sums(book, "payable") == {"H1": -4_300_000, "H2": -500_005}
    assert left_fen(book) == before, "the other areas' cost takes up nothing of the target"
    paid(book, tmp_path, "330200,310,35000.05,2026-03-02,B1", "330200,310,400,2026-03-20,B2")
    with book.reading() as reading:
        assert owed_by_area(reading, 2026) == {
            ("330200", "310"): 60_000,
            ("330300", "310"): 1_200_000,
        }
        first, second = area_rows(reading, 2026, dt.date(2026, 3, 31))
    assert (first["claimed_fen"], first["paid_fen"], first["open_fen"]) == (
        3_600_005,
        3_540_005,
        60_000,
    )
    assert (first["since"], first["days"]) == ("2026-02", 31)
    assert (second["since"], second["days"]) == ("2026-01", 59)
    paid(book, tmp_path, "330200,310,600,2026-04-01,B3")
    with book.reading() as reading:
        assert area_rows(reading, 2026, dt.date(2026, 4, 2))[0]["days"] is None
    assert verify(book).faults == () and left_fen(book) == before


def test_areas__that_pay_too_much_or_a_month_twice_are_refused(
    index_book: Book, tmp_path: Path
) -> None:
    claimed(index_book, tmp_path, 1, *JANUARY)
    with pytest.raises(InputError, match="in the book: entry"):
        claimed(index_book, tmp_path, 1, *JANUARY)
    with pytest.raises(InputError) as found:
        paid(index_book, tmp_path, "330200,310,35000.06,2026-03-02,B1", "330900,310,1,2026-03-02,")
    told = [str(fault) for fault in found.value.faults]
    assert len(told) == 2 and "0.01 too much" in told[0] and "owes 0.00 yuan" in told[1]
    with pytest.raises(InputError) as found:
        claimed(index_book, tmp_path, 2, "330200,H1,310,0,5", "330200,H2,310,1,-5")
    assert len(found.value.faults) == 2
