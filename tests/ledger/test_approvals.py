"""Maker, checker, approver: three persons, in order, on figures that still stand."""

from __future__ import annotations

import random

import pytest

from drgpay.ground.errors import InputError, PolicyError
from drgpay.ledger.approvals import (
    approve,
    check,
    proposal,
    proposals,
    propose,
    send_back,
    waiting,
    withdraw,
)
from drgpay.ledger.book import Book
from drgpay.ledger.cash import Cash
from drgpay.ledger.entries import credit, debit
from drgpay.ledger.persons import NOT_ASKED, TWO
from drgpay.ledger.postings import (
    MonthFigures,
    advance_lines,
    draw_lines,
    month_lines,
    returned_lines,
    target_lines,
)
from drgpay.ledger.verify import verify
from reference.model import wrapper
from tests.ledger.conftest import entry, settled, with_target

TARGET = entry("target", *target_lines("310", 1_000, {"年中调整": 100}, {}), note="方案")


def test_proposal__takes_effect_when_three_persons_had_it(book: Book) -> None:
    with book.writing() as turn:
        made = propose(turn, TARGET)
        assert turn.balances("target") == []
        assert [p.number for p in waiting(proposals(turn))["checker"]] == [made.number]
        check(turn, made.number, "复核人")
        assert [p.number for p in waiting(proposals(turn))["approver"]] == [made.number]
        done = approve(turn, made.number, "审批人")
        assert (done.kind, done.about, done.body) == ("target", made.number, {"note": "方案"})
        (target,) = turn.balances("target")
        assert target.amount_fen == -1_000
        assert proposal(turn, made.number).by == (
            ("proposed", "经办人"), ("checked", "复核人"), ("approved", "审批人"),
        )  # fmt: skip
    assert verify(book).faults == ()


def test_proposal__needs_three_persons_unless_the_policy_says_otherwise(book: Book) -> None:
    with book.writing() as turn:
        number = propose(turn, TARGET).number
        with pytest.raises(InputError, match="different persons"):
            check(turn, number, " 经办人")
        check(turn, number, "复核人")
        for who in ("经办人", "复核人"):
            with pytest.raises(InputError, match="different persons"):
                approve(turn, number, who)
        assert approve(turn, number, "审批人").kind == "target"


@pytest.mark.parametrize(
    ("rule", "refused"), [(TWO, ["approved by 经办人"]), (NOT_ASKED, [])], ids=str
)
def test_proposal__is_by_as_many_persons_as_the_policy_says(
    book: Book, rule: str, refused: list[str]
) -> None:
    found = []
    with book.writing() as turn:
        for who in ("经办人", "复核人"):
            number = propose(turn, TARGET, persons=rule).number
            check(turn, number, "复核人")
            try:
                approve(turn, number, who)
            except InputError:
                found.append(f"approved by {who}")
        number = propose(turn, TARGET, persons=rule).number
        assert check(turn, number, "经办人").state == "checked"  # the checker may be the maker
        with pytest.raises(PolicyError, match="four"):
            propose(turn, TARGET, persons="four")
    assert found == refused


def test_proposal__goes_its_way_in_order_and_once(book: Book) -> None:
    with book.writing() as turn:
        number = propose(turn, TARGET).number
        with pytest.raises(InputError, match="not checked yet"):
            approve(turn, number, "审批人")
        check(turn, number, "复核人")
        with pytest.raises(InputError, match="was checked already"):
            check(turn, number, "另一人")
        with pytest.raises(InputError, match="with a reason"):
            send_back(turn, number, "审批人", "approver", " ")
        send_back(turn, number, "审批人", "approver", "依据不足")
        for step in (
            lambda: check(turn, number, "甲"),
            lambda: approve(turn, number, "甲"),
            lambda: withdraw(turn, number, "甲"),
        ):
            with pytest.raises(InputError, match="is sent back"):
                step()
        other = propose(turn, TARGET).number
        withdraw(turn, other, "经办人", "重做")
        with pytest.raises(InputError, match="withdrawn"):
            approve(turn, other, "审批人")
        assert [p.state for p in proposals(turn)] == ["returned", "withdrawn"]
        with pytest.raises(InputError, match="no proposal"):
            proposal(turn, 1)
        with pytest.raises(InputError, match="takes no approval"):
            propose(turn, entry("step"))


def test_proposal__on_figures_that_changed_since_is_void(book: Book) -> None:
    with book.writing() as turn:
        old = propose(turn, TARGET, ["target", "reserves"]).number
        check(turn, old, "复核人")
    settled(book, TARGET)
    with book.writing() as turn, pytest.raises(InputError, match="withdraw it and propose anew"):
        approve(turn, old, "审批人")


MONTH = MonthFigures("H1", "310", paid_fen=700, kept_fen=40)


def test_ceiling__holds_at_every_posting(book: Book) -> None:
    month = entry("month", *month_lines([MONTH]))
    with book.writing() as turn, pytest.raises(InputError, match="exceed the target"):
        propose(turn, month)
    settled(book, TARGET)  # 900 may be spent, 100 is reserved
    settled(book, month)
    with pytest.raises(InputError) as found:
        settled(book, entry("month", *month_lines([MonthFigures("H2", "310", 161)])))
    told = str(found.value)
    assert "pool 310: payments of 9.01 yuan are 0.01 beyond the ceiling" in told
    assert "reserve '年中调整' 1.00 yuan, does not cover an overspend" in told
    settled(book, entry("reserves", *draw_lines("310", "年中调整", 1)))
    settled(book, entry("month", *month_lines([MonthFigures("H2", "310", 161)])))
    with pytest.raises(InputError, match="pool 390"):
        settled(book, entry("month", *month_lines([MonthFigures("H2", "390", 1)])))
    with pytest.raises(InputError, match="2027"):
        settled(book, entry("month", *month_lines([MonthFigures("H2", "310", 1)]), year=2027))


def test_ceiling__is_not_raised_by_what_one_owes_back(book: Book) -> None:
    with_target(book, 1_000)
    settled(book, entry("month", *month_lines([MonthFigures("H1", "310", 1_000)])))
    owed = debit("receivable", "310", 300, "H1"), credit("recorded", "310", 300, "H1", "points")
    settled(book, entry("recovery", *owed))
    more = entry("month", *month_lines([MonthFigures("H2", "310", 300)]))
    with pytest.raises(InputError, match="exceed the target"):
        settled(book, more)
    settled(book, entry("recovery", *returned_lines("310", "H1", 300)))
    settled(book, more)


def test_ceiling__leaves_advances_out(book: Book) -> None:
    with_target(book, 100)
    settled(book, entry("advance", *advance_lines("working_capital", "310", "H1", 5_000)))
    settled(book, entry("month", *month_lines([MonthFigures("H1", "310", 100)])))


def test_ceiling__a_failed_turn_is_forgotten(book: Book) -> None:
    with_target(book, 100)
    month = entry("month", *month_lines([MonthFigures("H1", "310", 100)]))
    with pytest.raises(ZeroDivisionError), book.writing() as turn:
        made = propose(turn, month)
        check(turn, made.number, "复核人")
        approve(turn, made.number, "审批人")
        turn.check_cash(entry("step"))
        _ = 1 // 0
    settled(book, month)


def test_cash__counts_what_binds() -> None:
    lines = [
        *target_lines("310", 1_000, {"a": 50, "b": 50}, {"c": 70}),
        *month_lines([MonthFigures("H1", "310", 300, 20, 10, 5, setoff_fen=30)]),
    ]
    found = Cash().after(lines)
    assert (found.bound_fen, found.target_fen, found.set_aside_fen) == (320, 1_070, 170)
    assert found.left_fen == 580
    set_aside = Cash().after(target_lines("310", 1_000, {"deposit": 50, "mid_year": 50}, {}))
    assert set_aside.left_fen == 950, "deposits are kept out of what is set aside for them"


BINDING = ("fund", "payable", "deposit", "provision", "working_capital", "advance", "area_clearing")


@pytest.mark.parametrize("seed", range(100))
def test_cash__is_the_models_whatever_stands(seed: int) -> None:
    """The book's balances and the pure ceiling say the same of any posting."""
    rng = random.Random(seed)
    aside = {name: rng.randrange(100) for name in ("deposit", "mid_year", "year_end")}
    lines = target_lines("310", 1_000 + sum(aside.values()), aside, {})
    sums: dict[str, int] = {}
    payable: dict[str, int] = {}
    for _ in range(rng.randrange(12)):
        name, fen, who = rng.choice(BINDING), rng.randrange(-400, 400), rng.choice("AB")
        lines.append(credit(name, "310", fen, who))
        own = payable if name == "payable" else sums
        key = who if name == "payable" else name
        own[key] = own.get(key, 0) + fen
    left = wrapper.cash_left(
        1_000 + sum(aside.values()), aside["mid_year"] + aside["year_end"], list(payable.values()),
        sum(sums.values()),
    )  # fmt: skip
    cash = Cash().after(lines)
    assert cash.left_fen == left
    if left < 0:
        with pytest.raises(InputError, match="beyond the ceiling"):
            cash.ask("x")
    else:
        assert cash.ask("x").left_fen == left
