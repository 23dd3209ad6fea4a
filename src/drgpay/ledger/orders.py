"""Payment orders (拨付单) and what the bank says of them.

An order pays what is payable to one institution from one pool, never netted across either. It is
proposed with others of its day, checked and approved, exported to the bank, and stands open
until the bank has confirmed it; what is unpaid is listed with its age.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ground.money import yuan_text
from drgpay.ground.times import CHINA
from drgpay.ledger.approvals import Proposal, proposals, propose
from drgpay.ledger.book import Reading, Turn
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.persons import THREE
from drgpay.ledger.postings import paid_lines
from drgpay.names.ledger import ENTRY_KINDS
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional

OPEN, CONFIRMED, REJECTED = "open", "confirmed", "rejected"
ORDER_STATES: Mapping[str, Bilingual] = {
    OPEN: both("未付", "unpaid"),
    CONFIRMED: both("已付", "paid"),
    REJECTED: both("退票", "rejected by the bank"),
}
# what a bank gives back, one row an order
RECEIPTS = Table(
    "receipts",
    (
        Column("order_number", kinds.code),
        Column("amount_yuan", kinds.amount),
        Column("paid_on", kinds.date),
        optional("bank_reference", kinds.code),
        optional("rejected", kinds.yes_no, False),
    ),
    required=True,
    unique=("order_number",),
    filled=True,
)


@dataclass(frozen=True, slots=True)
class Order:
    """A payment order and where it stands; `approved_at` in seconds since 1970."""

    number: str
    year: int
    pool: str
    hospital_id: str
    amount_fen: int
    basis: tuple[int, ...]  # entries that made the amount payable
    entry: int
    approved_at: int
    people: tuple[tuple[str, str], ...]
    state: str = OPEN
    paid_on: str = ""
    reference: str = ""

    def days_open(self, today: dt.date) -> int:
        """Return for how many days it has been unpaid, as days in China."""
        return (today - _day(self.approved_at)).days if self.state == OPEN else 0


def _day(seconds: int) -> dt.date:
    return dt.datetime.fromtimestamp(seconds, CHINA).date()


def propose_orders(turn: Turn, year: int, who: str, clause: str, persons: str = THREE) -> Proposal:
    """Propose orders for all that is payable and on no open or proposed order.

    `persons`: the policy's rule (`persons.distinct`).
    Raises InputError where nothing is payable.
    """
    made = list(_payable(turn, year))
    if not made:
        raise InputError(
            both(f"{year}年没有待拨付的款项", f"nothing of {year} waits for payment"),
            remedy=both("见 drgpay budget order list", "see drgpay budget order list"),
        )
    draft = Draft("orders", year, who, "maker", {"orders": made}, clause=clause, subject=f"{year}")
    return propose(
        turn, draft, [kind for kind, own in ENTRY_KINDS.items() if own.posts] + ["orders"], persons
    )


def open_amounts(reading: Reading, year: int) -> dict[tuple[str, str], int]:
    """Return what unpaid orders of a year bind, in fen by pool and institution."""
    bound: dict[tuple[str, str], int] = {}
    for order in orders(reading, year=year):
        if order.state == OPEN:
            place = order.pool, order.hospital_id
            bound[place] = bound.get(place, 0) + order.amount_fen
    return bound


def _payable(reading: Reading, year: int) -> Iterator[Mapping[str, Any]]:
    bound = open_amounts(reading, year)
    basis = _basis(reading, year)
    number = len(orders(reading, year=year))
    for balance in reading.balances("payable", year=year):
        place = balance.pool, balance.hospital_id
        fen = -balance.amount_fen - bound.get(place, 0)
        if fen > 0:
            number += 1
            yield {
                "number": f"{year}-{number:06d}", "pool": balance.pool,
                "hospital_id": balance.hospital_id, "amount_fen": fen,
                "basis": basis.get(place, []),
            }  # fmt: skip


def _basis(reading: Reading, year: int) -> Mapping[tuple[str, str], list[int]]:
    """Return, by pool and institution, the entries that made something payable since it was paid."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, pool, hospital, fen in reading.lines("payable", year=year):
        own = found.setdefault((pool, hospital), [])
        if fen < 0:
            own.append(number)
        else:
            own.clear()
    return found


def orders(reading: Reading, *, year: int | None = None) -> list[Order]:
    """Return the approved orders of a year (or all) in their order, with what the bank said."""
    people = {p.number: p.by for p in proposals(reading, year=year)}
    made: dict[str, Order] = {}
    for entry in reading.entries(("orders", "paid"), year=year):
        if entry.kind == "orders":
            for own in entry.body["orders"]:
                made[own["number"]] = Order(
                    number=own["number"], year=entry.year, pool=own["pool"],
                    hospital_id=own["hospital_id"], amount_fen=own["amount_fen"],
                    basis=tuple(own["basis"]), entry=entry.number, approved_at=entry.at,
                    people=people.get(entry.about or 0, ()),
                )  # fmt: skip
        else:
            for own in entry.body["receipts"]:
                made[own["number"]] = _answered(made[own["number"]], own)
    return list(made.values())


def _answered(order: Order, receipt: Mapping[str, Any]) -> Order:
    state = REJECTED if receipt["rejected"] else CONFIRMED
    return replace(order, state=state, paid_on=receipt["paid_on"], reference=receipt["reference"])


def confirm(turn: Turn, year: int, who: str, rows: Sequence[Row], clause: str = "") -> Entry:
    """Take in what the bank says of orders: all rows, or none where one does not fit.

    Raises InputError with every fault: an order that is not known or not open, another amount.
    """
    known = {order.number: order for order in orders(turn, year=year)}
    faults = list(_unfit(rows, known))
    if faults:
        raise InputError(
            both(
                "银行回单与拨付单不符，未记账", "the receipts do not fit the orders; none was taken"
            ),
            faults=faults,
            remedy=both("与银行核对后重新导入", "clear it up with the bank, then import again"),
        )
    receipts, lines = [], []
    for row in rows:
        order = known[row["order_number"]]
        rejected = row["rejected"]
        receipts.append(
            {
                "number": order.number,
                "amount_fen": row["amount_yuan"],
                "rejected": rejected,
                "paid_on": row["paid_on"].isoformat(),
                "reference": row["bank_reference"],
            }
        )
        if not rejected:
            lines += paid_lines(order.pool, order.hospital_id, order.amount_fen)
    draft = Draft(
        "paid", year, who, "maker", {"receipts": receipts}, clause=clause, subject=f"{year}",
        lines=tuple(lines),
    )  # fmt: skip
    return turn.append(draft)


def _unfit(rows: Iterable[Row], known: Mapping[str, Order]) -> Iterator[Bilingual]:
    for row in rows:
        number = row["order_number"]
        order = known.get(number)
        if order is None:
            yield fault_at(row.where, f"没有拨付单 {number}", f"there is no order {number}")
        elif order.state != OPEN:
            yield fault_at(
                row.where, f"拨付单 {number} 已有回单", f"order {number} was answered before"
            )
        elif order.amount_fen != row["amount_yuan"]:
            yield fault_at(
                row.where,
                f"拨付单 {number} 为 {yuan_text(order.amount_fen)} 元，"
                f"回单为 {yuan_text(row['amount_yuan'])} 元",
                f"order {number} is of {yuan_text(order.amount_fen)} yuan, "
                f"the receipt of {yuan_text(row['amount_yuan'])}",
            )
