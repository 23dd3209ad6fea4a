"""What institutions are told of a month: refused, deferred, with reasons (S0 30), from the book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drgpay.budget.index_months import IndexMonth, Notice, notices, suspended_notice
from drgpay.ground.errors import InputError, both
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Entry
from drgpay.ledger.postings import INDEX


@dataclass(frozen=True, slots=True)
class MonthNotice:
    """What an institution is told of a month in one pool: what was paid, and the rest with reasons."""

    hospital_id: str
    pool: str
    method: str
    paid_fen: int
    claim_fen: int | None
    notices: tuple[Notice, ...]
    entry: Entry


def month_notices(reading: Reading, year: int, month: int) -> list[MonthNotice]:
    """Return the notices of a month's entries, of the institutions of which something was not paid.

    Raises InputError for a month that is not in the book.
    """
    entries = [
        entry
        for entry in reading.entries(("month",), year=year)
        if entry.body["month"] == f"{year}-{month:02d}"
    ]
    if not entries:
        raise InputError(
            both(f"{year}年{month}月还没有结算入账", f"{year}-{month:02d} is not in the book"),
            remedy=both(
                "先结算入账：drgpay budget index-month 或 month",
                "first: drgpay budget index-month, or month",
            ),
        )
    return sorted(_told(entries), key=lambda n: (n.hospital_id, n.pool))


def notices_to(reading: Reading, year: int, hospital: str) -> list[MonthNotice]:
    """Return the notices of a year to one institution, month by month."""
    entries = reading.entries(("month",), year=year)
    return [own for own in _told(entries) if own.hospital_id == hospital]


def _told(entries: Iterable[Entry]) -> Iterator[MonthNotice]:
    for entry in entries:
        for own in entry.body.get("figures", ()):
            notice = _notice(entry, own)
            if notice.notices:
                yield notice


def _notice(entry: Entry, own: Mapping[str, Any]) -> MonthNotice:
    if entry.body["method"] == INDEX:
        month = IndexMonth(**own["month"])
        return MonthNotice(
            own["hospital_id"], own["pool"], INDEX, own["paid_fen"], month.claim_fen,
            notices(month), entry,
        )  # fmt: skip
    told = [suspended_notice(own["deferred_fen"])]
    return MonthNotice(
        own["hospital_id"], own["pool"], entry.body["method"], own["paid_fen"], None,
        tuple(n for n in told if n.amount_fen > 0), entry,
    )  # fmt: skip
