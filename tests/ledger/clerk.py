"""A clerk of five roles who does anything at all with a book, and a plain bookkeeper beside him.

Each action says whether it must be refused, must pass, or may do either; after each the bookkeeper
takes in what the book has got and looks at what must always hold.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import DrgpayError
from drgpay.ledger import approvals, postings
from drgpay.ledger.book import Book, Turn
from drgpay.ledger.entries import Draft, Entry, Line, credit, debit
from drgpay.ledger.orders import OPEN, confirm, orders, propose_orders
from drgpay.ledger.verify import verify
from drgpay.names.ledger import ACCOUNTS, BOOK_ROLES, ENTRY_KINDS
from drgpay.tables.declared import Row

PEOPLE = ("甲", "乙", "丙", "丁", "戊")
POOLS, HOSPITALS, YEARS = ("310", "390"), ("H1", "H2", "H3"), (2026, 2027)
MEMO = {name for name, account in ACCOUNTS.items() if account.memo}
# money that is bound, written down here once more: the bookkeeper shares nothing with the book
BOUND = {"fund", "payable", "deposit", "provision", "working_capital", "advance", "area_clearing"}
REFUSED = (DrgpayError, sa.exc.DBAPIError)


class Bookkeeper:
    """What stands in a book, added up by one who shares nothing with it."""

    def __init__(self) -> None:
        self.number = 0
        self.sums: dict[tuple[int, str, str, str, str], int] = defaultdict(int)
        self.kinds: Counter[str] = Counter()
        self.last: Entry | None = None
        self.people: dict[int, list[tuple[str, str, str]]] = {}

    def take(self, entry: Entry) -> None:
        """Take in the next entry; fails for one that must not be."""
        assert entry.number == self.number + 1
        assert self.last is None or entry.previous == self.last.digest
        assert entry.role in ENTRY_KINDS[entry.kind].roles
        if entry.kind == "proposed":
            self.people[entry.number] = [("proposed", entry.who, entry.role)]
        elif entry.kind in ("checked", "approved", "returned", "withdrawn"):
            steps = self.people[entry.about or 0]
            assert steps[-1][0] in ("proposed", "checked"), "it had ended"
            steps.append((entry.kind, entry.who, entry.role))
        elif ENTRY_KINDS[entry.kind].approved:
            assert self.last is not None and self.last.kind == "approved"
            assert self.last.about == entry.about
            assert [step for step, _, _ in self.people[entry.about or 0]] == [
                "proposed", "checked", "approved",
            ]  # fmt: skip
            assert len({who for _, who, _ in self.people[entry.about or 0]}) == 3
        balance: dict[tuple[str, bool], int] = defaultdict(int)
        for line in entry.lines:
            balance[line.pool, line.account in MEMO] += line.amount_fen
            place = (entry.year, line.pool, line.account, line.hospital_id, line.detail)
            self.sums[place] += line.amount_fen
        assert not any(balance.values())
        self.number, self.last = entry.number, entry
        self.kinds[entry.kind] += 1

    def left_fen(self, year: int, pool: str) -> int:
        """What may still be bound of a year and pool."""
        left = 0
        for (of_year, of_pool, account, _, detail), fen in self.sums.items():
            if (of_year, of_pool) == (year, pool):
                spendable = account in ("available", "allotted")
                if account in BOUND or spendable or (account, detail) == ("reserve", "deposit"):
                    left += fen
        return left


@dataclass
class Desk:
    """Two who have the book open, chance, and the bookkeeper."""

    books: list[Book]
    rng: random.Random
    keeper: Bookkeeper
    done: Counter[str]

    def one(self, some: Any) -> Any:
        return self.rng.choice(tuple(some))

    def fen(self) -> int:
        return self.rng.choice((0, 1, 7, 99_999, 1_234_567)) + self.rng.randrange(500_000)

    @property
    def place(self) -> tuple[str, str]:
        return self.one(POOLS), self.one(HOSPITALS)

    def lines(self) -> list[Line]:
        """Lines of some decision or result, which balance."""
        pool, hospital = self.place
        fen = self.fen()
        reserve, account = (
            self.one(("deposit", "settlement")),
            self.one(("working_capital", "advance")),
        )
        return self.one(
            (
                lambda: postings.target_lines(
                    pool, 20 * fen, {"deposit": fen}, {"settlement": fen}
                ),
                lambda: postings.draw_lines(pool, reserve, fen),
                lambda: postings.index_lines(pool, hospital, self.one((fen, -fen))),
                lambda: postings.transfer_lines(pool, {"H1": fen, "H2": -fen}),
                lambda: list(postings.month_lines([self.month(pool, hospital)])),
                lambda: postings.provision_lines(pool, "held", fen, hospital),
                lambda: postings.other_lines(pool, "retail", fen),
                lambda: postings.advance_lines(account, pool, hospital, self.one((fen, -fen))),
                lambda: postings.returned_lines(pool, hospital, fen),
            )
        )()

    def month(self, pool: str, hospital: str) -> postings.MonthFigures:
        paid, kept, deferred = self.fen(), self.fen() // 20, self.one((0, self.fen()))
        method = self.one((postings.POINTS, postings.INDEX))
        return postings.MonthFigures(
            hospital, pool, paid, kept, deferred, self.fen() // 50, method=method
        )

    def draft(self) -> Draft:
        kind = self.one(k for k, own in ENTRY_KINDS.items() if own.posts and own.approved)
        year, who = self.one(YEARS), self.one(PEOPLE)
        return Draft(
            kind, year, who, "maker", {"n": self.rng.randrange(9)}, lines=tuple(self.lines())
        )


Action = Callable[[Desk, Turn], None]


def propose(desk: Desk, turn: Turn) -> None:
    stands_on = desk.one(((), (), ("month",), ("target", "indices")))
    approvals.propose(turn, desk.draft(), stands_on)


def _some(desk: Desk, turn: Turn, states: tuple[str, ...]) -> approvals.Proposal:
    found = [p for p in approvals.proposals(turn)[-40:] if p.state in states]
    if not found:
        raise _Nothing
    return desk.one(found)


class _Nothing(Exception):
    """There is nothing to do this to."""


def check(desk: Desk, turn: Turn) -> None:
    approvals.check(turn, _some(desk, turn, ("proposed",)).number, desk.one(PEOPLE))


def approve(desk: Desk, turn: Turn) -> None:
    approvals.approve(turn, _some(desk, turn, ("checked",)).number, desk.one(PEOPLE))


def pass_on(desk: Desk, turn: Turn) -> None:
    """Three persons, from the draft to the entry, at once: most of a book comes so."""
    a, b, c = desk.rng.sample(PEOPLE, 3)
    draft = desk.draft()
    made = approvals.propose(
        turn, Draft(draft.kind, draft.year, a, "maker", draft.body, lines=draft.lines)
    )
    approvals.check(turn, made.number, b)
    approvals.approve(turn, made.number, c)


def send_back(desk: Desk, turn: Turn) -> None:
    found = _some(desk, turn, ("proposed", "checked"))
    approvals.send_back(turn, found.number, desk.one(PEOPLE), "checker", "金额有误")


def withdraw(desk: Desk, turn: Turn) -> None:
    approvals.withdraw(turn, _some(desk, turn, ("proposed", "checked")).number, desk.one(PEOPLE))


def pay(desk: Desk, turn: Turn) -> None:
    a, b, c = desk.rng.sample(PEOPLE, 3)
    made = propose_orders(turn, desk.one(YEARS), a, "S0")
    if desk.rng.random() < 0.8:
        approvals.check(turn, made.number, b)
        approvals.approve(turn, made.number, c)


def _receipt(number: str, fen: int, rejected: bool) -> Row:
    import datetime as dt

    return Row(
        Path("receipts.csv"), 2,
        {"order_number": number, "amount_yuan": fen, "paid_on": dt.date(2026, 3, 1),
         "bank_reference": "B1", "rejected": rejected},
    )  # fmt: skip


def _open_orders(desk: Desk, turn: Turn) -> tuple[int, list[Any]]:
    year = desk.one(YEARS)
    found = [order for order in orders(turn, year=year) if order.state == OPEN]
    if not found:
        raise _Nothing
    return year, found


def receive(desk: Desk, turn: Turn) -> None:
    year, found = _open_orders(desk, turn)
    some = desk.rng.sample(found, desk.rng.randint(1, len(found)))
    rows = [_receipt(o.number, o.amount_fen, desk.rng.random() < 0.2) for o in some]
    confirm(turn, year, desk.one(PEOPLE), rows)


def straight(desk: Desk, turn: Turn) -> None:
    """An entry that takes no approval, by whoever may make it."""
    kind = desk.one(k for k, own in ENTRY_KINDS.items() if not own.approved and k in FREE)
    turn.append(
        Draft(kind, desk.one(YEARS), desk.one(PEOPLE), desk.one(ENTRY_KINDS[kind].roles), {})
    )


FREE = ("step", "filing", "objection", "answer", "opinion", "agreement", "published", "watch")


def wrong_role(desk: Desk, turn: Turn) -> None:
    kind = desk.one(k for k, own in ENTRY_KINDS.items() if set(BOOK_ROLES) - set(own.roles))
    role = desk.one(set(BOOK_ROLES) - set(ENTRY_KINDS[kind].roles))
    turn.append(Draft(kind, 2026, desk.one(PEOPLE), role, {}))


def past_approval(desk: Desk, turn: Turn) -> None:
    """What needs approval, straight; or under an approval that is not the last entry."""
    draft = desk.draft()
    about = desk.one((None, turn.head()[0] or None))
    turn.append(
        Draft(draft.kind, draft.year, draft.who, "approver", {}, lines=draft.lines, about=about)
    )


def unbalanced(desk: Desk, turn: Turn) -> None:
    pool, hospital = desk.place
    lines = [debit("payable", pool, 5, hospital), credit("fund", pool, desk.rng.choice((4, 6)))]
    turn.append(Draft("paid", 2026, "甲", "maker", {}, lines=tuple(lines)))


def across(desk: Desk, turn: Turn) -> None:
    """Between pools, or between what may be paid and what is owed."""
    lines = desk.one(
        (
            (debit("payable", "310", 5, "H1"), credit("fund", "390", 5)),
            (debit("available", "310", 5), credit("fund", "310", 5)),
        )
    )
    turn.append(Draft("paid", 2026, "甲", "maker", {}, lines=lines))


def same_person(desk: Desk, turn: Turn) -> None:
    found = _some(desk, turn, ("proposed", "checked"))
    step = approvals.check if found.state == "proposed" else approvals.approve
    step(turn, found.number, desk.one(who for _, who in found.by))


def unchecked(desk: Desk, turn: Turn) -> None:
    approvals.approve(turn, _some(desk, turn, ("proposed",)).number, desk.one(PEOPLE))


def ended(desk: Desk, turn: Turn) -> None:
    number = _some(desk, turn, approvals.ENDED).number
    step = desk.one((approvals.check, approvals.approve, approvals.withdraw))
    step(turn, number, desk.one(PEOPLE))


def no_reason(desk: Desk, turn: Turn) -> None:
    found = _some(desk, turn, ("proposed", "checked"))
    approvals.send_back(turn, found.number, "甲", "checker", "  ")


def too_much(desk: Desk, turn: Turn) -> None:
    """Cost above all that the year may spend."""
    year = desk.one(YEARS)
    pool, hospital = desk.place
    fen = max(desk.keeper.left_fen(year, pool), 0) + 1 + desk.rng.randrange(9)
    lines = tuple(postings.month_lines([postings.MonthFigures(hospital, pool, fen)]))
    approvals.propose(turn, Draft("month", year, "甲", "maker", {}, lines=lines))


def wrong_receipt(desk: Desk, turn: Turn) -> None:
    year, found = _open_orders(desk, turn)
    order = desk.one(found)
    rows = [_receipt(order.number, order.amount_fen, False)]
    more = desk.one(
        (
            _receipt("2026-999999", 5, False),
            _receipt(desk.one(found).number, desk.one(found).amount_fen + 1, False),
        )
    )
    confirm(turn, year, "甲", [*rows, more])


CHANGES = (
    "update entries set who = 'x' where number = 1",
    "delete from entries where number = (select max(number) from entries)",
    "update book set value = 'x'",
)


def tamper(desk: Desk, turn: Turn) -> None:
    turn.connection.exec_driver_sql(desk.one(CHANGES))


def floats(desk: Desk, turn: Turn) -> None:
    turn.append(Draft("step", 2026, "甲", "maker", {"fen": 0.5}))


# what must be refused, and what may pass or be refused by the state that it meets
ILLEGAL: tuple[Action, ...] = (
    wrong_role, past_approval, unbalanced, across, same_person, unchecked, ended, no_reason, too_much,
    wrong_receipt, tamper, floats,
)  # fmt: skip
EITHER: tuple[Action, ...] = (
    propose, check, approve, pass_on, pass_on, pass_on, send_back, withdraw, pay, receive, receive,
)  # fmt: skip
LEGAL: tuple[Action, ...] = (straight,)
ALL = (*ILLEGAL, *EITHER, *EITHER, *LEGAL)


def work(books: list[Book], actions: int, rng: random.Random) -> Desk:
    """Do so many actions, and more until each has ended as it must: what is refused leaves nothing.

    What must always hold is looked at after each.
    """
    desk = Desk(books, rng, Bookkeeper(), Counter())
    for entry in _new(desk):
        desk.keeper.take(entry)
    while (done := sum(desk.done.values())) < actions or (
        done < 5 * actions and any(kinds_done(desk))
    ):
        act = rng.choice(ALL)
        name = act.__name__
        try:
            with rng.choice(books).writing() as turn:
                act(desk, turn)
        except _Nothing:
            desk.done[f"{name}: nothing"] += 1
            continue
        except REFUSED as error:
            assert act not in LEGAL, error
            desk.done[f"{name}: refused"] += 1
            assert not _new(desk), f"{name} was refused and left something"
            continue
        assert act not in ILLEGAL, f"{name} passed"
        desk.done[f"{name}: passed"] += 1
        for entry in _new(desk):
            desk.keeper.take(entry)
        for year in YEARS:
            for pool in POOLS:
                assert desk.keeper.left_fen(year, pool) >= 0, (name, year, pool)
    _whole(desk)
    return desk


def _new(desk: Desk) -> list[Entry]:
    with desk.rng.choice(desk.books).reading() as reading:
        return reading.entries(after=desk.keeper.number)


def _whole(desk: Desk) -> None:
    """The book is sound, its balances are the bookkeeper's, its orders within what is payable."""
    book, keeper = desk.books[0], desk.keeper
    found = verify(book)
    assert found.faults == () and found.entries == keeper.number
    with book.reading() as reading:
        for year in YEARS:
            own = {
                (year, b.pool, b.account, b.hospital_id, b.detail): b.amount_fen
                for b in reading.balances(year=year)
            }
            assert {k: fen for k, fen in keeper.sums.items() if k[0] == year and fen} == {
                k: fen for k, fen in own.items() if fen
            }
            _orders(desk, reading, year)


def _orders(desk: Desk, reading: Any, year: int) -> None:
    made = orders(reading, year=year)
    numbers = [order.number for order in made]
    assert len(set(numbers)) == len(numbers)
    paid = Counter()
    for order in made:
        if order.state == "confirmed":
            paid[order.pool, order.hospital_id] += order.amount_fen
    out: Counter[tuple[str, str]] = Counter()
    for entry in reading.entries(["paid"], year=year):
        for line in entry.lines:
            if line.account == "payable":
                out[line.pool, line.hospital_id] += line.amount_fen
    assert {k: v for k, v in out.items() if v} == dict(paid), "the bank paid what was ordered"


def kinds_done(desk: Desk) -> Iterator[str]:
    """What never happened, though it should in a long day's work."""
    for act in dict.fromkeys(ALL):
        due = "refused" if act in ILLEGAL else "passed"
        if not desk.done[f"{act.__name__}: {due}"]:
            yield f"{act.__name__}: {due}"
