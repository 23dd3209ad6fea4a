"""Steps in the book: who did what is kept, and what stands there decides what may be done next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book, Turn
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.procedure_reader import load_procedures
from drgpay.ledger.procedures import Act, Matter, Terms
from drgpay.ledger.status import year_status
from drgpay.ledger.steps import Recorded, StepLog, do_step
from drgpay.ledger.verify import verify
from tests.ledger.conftest import Clock

PROCEDURE = load_procedures().by_id["community_year"]
SETTLEMENT = load_procedures().by_id["monthly_settlement"]
ABOUT = Matter(procedure="community_year", year=2025, subject="城东医共体")
VALUES = {
    "deadline.weekend": "next_working_day",
    "persons.distinct": "three_persons",
    "community.transfer_by": (1, 15),
    "community.adjust_by": (1, 20),
    "community.clear_by": (1, 31),
    "community.rebalance_by": (2, 10),
}
TERMS = Terms(calendar=load_calendar(), values=VALUES)


def at(clock: Clock, day: str) -> None:
    """Set the clock to noon in China."""
    noon = dt.datetime.fromisoformat(f"{day}T04:00:00+00:00")
    clock.now = int(noon.timestamp())


LOG = StepLog()  # one for all books here: it sees that it is another one


def do(turn: Turn, step: str, day: str, **changed: Any) -> Recorded:
    own = PROCEDURE.steps[step]
    facts: Mapping[str, Any] = {"role": own.role, "who": f"{own.role}甲", **changed}
    act = Act(step=step, day=dt.date.fromisoformat(day), **facts)
    papers = {} if act.returned else {p: turn.keep(f"{p}.pdf", p.encode()) for p in own.papers}
    return do_step(turn, LOG, PROCEDURE, ABOUT, act, papers, TERMS)


def test_steps__are_entries_that_decide_what_may_come(book: Book, clock: Clock) -> None:
    at(clock, "2026-01-16")
    with book.writing() as turn:
        transfer = do(turn, "transfer", "2026-01-14")
        assert transfer.notes[-1].chinese == "办理日期 2026-01-14，登记于 2026-01-16"
        with pytest.raises(InputError, match="give the receipt of transfers"):
            do(turn, "adjust", "2026-01-16")
        do(turn, "receipt", "2026-01-16")
    at(clock, "2026-01-21")
    with book.writing() as turn:
        late = do(turn, "adjust", "2026-01-21")
    assert late.checked.late and late.entry.body["late"] is True
    assert late.entry.body["last_day"] == "2026-01-20"
    assert late.entry.clause == "渝医保发〔2018〕20号 三（五）"
    assert late.entry.subject == "医共体年终·调整成员预算指标·2025年 城东医共体"
    assert [document.name for document in late.entry.documents] == ["adjusted_budgets.pdf"]
    with book.reading() as reading:
        found = StepLog().of_year(reading, 2025)
        assert not StepLog().of_year(reading, 2026)
    assert [act.step for act in found[ABOUT]] == ["transfer", "receipt", "adjust"]
    assert found[ABOUT][0] == Act(
        step="transfer",
        role="lead",
        who="lead甲",
        day=dt.date(2026, 1, 14),
        papers=("transfer_table",),
    )
    rows = year_status(2025, [PROCEDURE], found, TERMS, dt.date(2026, 1, 21))
    assert [row.state.step.id for row in rows] == ["clear"]
    assert verify(book).entries == 4


def test_step__sent_back_is_kept_with_its_reason(book: Book, clock: Clock) -> None:
    at(clock, "2026-01-12")
    with book.writing() as turn:
        do(turn, "transfer", "2026-01-12")
        do(turn, "receipt", "2026-01-12", returned=True, note="成员未全部签字")
        with pytest.raises(InputError, match="file the table of transfers"):
            do(turn, "receipt", "2026-01-12")
        do(turn, "transfer", "2026-01-12")
        do(turn, "receipt", "2026-01-12")
    with book.reading() as reading:
        acts = StepLog().of_year(reading, 2025)[ABOUT]
    assert [(act.step, act.note) for act in acts] == [
        ("transfer", ""),
        ("receipt", "成员未全部签字"),
        ("transfer", ""),
        ("receipt", ""),
    ]


def test_step__dated_in_the_future_is_refused(book: Book, clock: Clock) -> None:
    at(clock, "2026-01-12")
    with (
        pytest.raises(InputError, match="dated 2026-01-13, and today is 2026-01-12"),
        book.writing() as turn,
    ):
        do(turn, "transfer", "2026-01-13")
    with book.reading() as reading:
        assert not StepLog().of_year(reading, 2025)


def test_log__forgets_what_a_failed_turn_wrote(book: Book, clock: Clock) -> None:
    log = StepLog()
    at(clock, "2026-01-12")
    with book.writing() as turn:
        do(turn, "transfer", "2026-01-12")
        assert len(log.of_year(turn, 2025)[ABOUT]) == 1
    with pytest.raises(ZeroDivisionError), book.writing() as turn:
        do(turn, "receipt", "2026-01-12")
        assert len(log.of_year(turn, 2025)[ABOUT]) == 2
        raise ZeroDivisionError
    with book.reading() as reading:
        assert [act.step for act in log.of_year(reading, 2025)[ABOUT]] == ["transfer"]
    with book.writing() as turn:
        do(turn, "receipt", "2026-01-12", returned=True, note="缺签字")
        assert [act.returned for act in log.of_year(turn, 2025)[ABOUT]] == [False, True]


def test_step__that_is_refused_leaves_nothing(book: Book, clock: Clock) -> None:
    at(clock, "2026-01-12")
    with pytest.raises(InputError, match="lead of a community"), book.writing() as turn:
        do(turn, "transfer", "2026-01-12", role="maker")
    assert verify(book).entries == 1


def test_parties__of_a_matter_that_was_begun_are_still_asked(book: Book, clock: Clock) -> None:
    at(clock, "2026-02-03")
    about = Matter(procedure="monthly_settlement", year=2026, month=1, parties=("H1", "H2"))
    act = Act(step="declare", role="institution", who="乙", day=dt.date(2026, 2, 3), party="H1")
    with book.writing() as turn:
        papers = {"monthly_declaration": turn.keep("申报.xlsx", b"1")}
        do_step(turn, StepLog(), SETTLEMENT, about, act, papers, TERMS)
        found = StepLog().of_year(turn, 2026)
    assert found[about][0].party == "H1"
    (row,) = year_status(
        2026, [SETTLEMENT], found, TERMS, dt.date(2026, 2, 3), parties=("H1", "H2")
    )
    assert row.cells("zh")["owed_by"] == "医疗机构（H2）"
