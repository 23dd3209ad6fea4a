"""Payment orders: what is payable, once; what the bank says, all or nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.approvals import approve, check
from drgpay.ledger.book import Book
from drgpay.ledger.orders import RECEIPTS, Order, confirm, orders, propose_orders
from drgpay.ledger.postings import MonthFigures, month_lines
from drgpay.ledger.verify import verify
from drgpay.tables.declared import Row
from tests.ledger.conftest import entry, settled, with_target


@pytest.fixture
def due(book: Book) -> Book:
    """A book with a target and a month: H1 has 700 and 50 payable, H2 300, and H3 owes 20."""
    with_target(book, 10_000)
    with_target(book, 10_000, "390")
    figures = [
        MonthFigures("H1", "310", 700), MonthFigures("H1", "390", 50),
        MonthFigures("H2", "310", 300), MonthFigures("H3", "310", 0, setoff_fen=-20),
    ]  # fmt: skip
    settled(book, entry("month", *month_lines(figures)))
    return book


def ordered(book: Book) -> list[Order]:
    with book.writing() as turn:
        made = propose_orders(turn, 2026, "经办人", "S0 29")
        check(turn, made.number, "复核人")
        approve(turn, made.number, "审批人")
        return orders(turn, year=2026)


def receipt(order: Order, **change: object) -> Row:
    cells = {
        "order_number": order.number, "amount_yuan": order.amount_fen,
        "paid_on": dt.date(2026, 2, 9), "bank_reference": "B1", "rejected": False,
    }  # fmt: skip
    assert set(cells) == {column.name for column in RECEIPTS.columns}
    return Row("回单.xlsx:2", 2, {**cells, **change})


def test_orders__pay_each_institution_from_each_pool(due: Book) -> None:
    found = ordered(due)
    assert [(o.number, o.pool, o.hospital_id, o.amount_fen) for o in found] == [
        ("2026-000001", "310", "H1", 700),
        ("2026-000002", "310", "H2", 300),
        ("2026-000003", "390", "H1", 50),
    ]
    assert {o.state for o in found} == {"open"} and {len(o.people) for o in found} == {3}
    with due.reading() as reading:
        (month,) = reading.entries(["month"])
    assert {o.basis for o in found} == {(month.number,)}
    assert found[0].days_open(dt.date(2026, 1, 31)) == 30
    with due.writing() as turn, pytest.raises(InputError, match="nothing of 2026 waits"):
        propose_orders(turn, 2026, "经办人", "")


def test_receipts__pay_and_reject(due: Book) -> None:
    first, second, third = ordered(due)
    with due.writing() as turn:
        confirm(turn, 2026, "出纳", [receipt(first), receipt(second, rejected=True)])
        states = {o.number: o.state for o in orders(turn)}
    assert list(states.values()) == ["confirmed", "rejected", "open"]
    with due.reading() as reading:
        assert {b.pool: b.amount_fen for b in reading.balances("fund")} == {"310": -700}
        left = {(b.pool, b.hospital_id): -b.amount_fen for b in reading.balances("payable")}
    assert left == {("310", "H1"): 0, ("310", "H2"): 300, ("390", "H1"): 50}
    again = ordered(due)[3:]
    assert [(o.number, o.hospital_id, o.amount_fen) for o in again] == [("2026-000004", "H2", 300)]
    assert verify(due).faults == () and third.amount_fen == 50


def test_receipts__that_do_not_fit_are_refused_together(due: Book) -> None:
    first, second, third = ordered(due)
    with due.writing() as turn:
        confirm(turn, 2026, "出纳", [receipt(third)])
    wrong = [
        receipt(first), receipt(second, amount_yuan=301), receipt(third),
        receipt(replace(first, number="2026-9")),
    ]  # fmt: skip
    with due.writing() as turn, pytest.raises(InputError) as found:
        confirm(turn, 2026, "出纳", wrong)
    assert [str(fault).partition(": ")[2] for fault in found.value.faults] == [
        "order 2026-000002 is of 3.00 yuan, the receipt of 3.01",
        "order 2026-000003 was answered before",
        "there is no order 2026-9",
    ]
    with due.reading() as reading:
        assert [o.state for o in orders(reading)] == ["open", "open", "confirmed"]


def test_orders__on_amounts_that_changed_since_are_void(due: Book) -> None:
    with due.writing() as turn:
        made = propose_orders(turn, 2026, "经办人", "")
        check(turn, made.number, "复核人")
    settled(due, entry("month", *month_lines([MonthFigures("H1", "310", 1)])))
    with due.writing() as turn, pytest.raises(InputError, match="propose anew"):
        approve(turn, made.number, "审批人")
