"""Whether a book is as it was written: digests, chain, balances, documents, triggers.

Whoever owns the file can take the triggers away and make every later digest anew; then the last
digest is another one than that printed on the papers that left: give those as `heads`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import yuan_text
from drgpay.ground.times import moment
from drgpay.ledger.book import Book, Kept, driver_rows
from drgpay.ledger.entries import NOTHING_BEFORE, digest_of, told
from drgpay.ledger.tables import DOCUMENTS, ENTRIES, POSTINGS, missing_guards
from drgpay.names.ledger import ACCOUNTS, ENTRY_KINDS


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look through the whole book found: `faults` must not be, `notices` may."""

    entries: int
    postings: int
    documents: int
    head: str
    faults: tuple[Bilingual, ...]
    notices: tuple[Bilingual, ...]


def verify(book: Book, heads: Mapping[int, str] | None = None) -> Verified:
    """Look through the whole book.

    `heads`: digests, by number of their entry, as papers have them.
    """
    faults: list[Bilingual] = []
    notices: list[Bilingual] = []
    with book.reading() as reading:
        connection = reading.connection
        faults += [
            both(f"触发器 {name} 不在或已改动", f"the trigger {name} is gone or was changed")
            for name in missing_guards(connection)
        ]
        chain = _Chain(book.facts["digest"], heads or {})
        postings = _Postings(connection)
        entries = sa.select(ENTRIES).order_by(ENTRIES.c.number)
        for row in map(Kept._make, driver_rows(connection, entries)):
            lines = postings.of(row.number)
            faults += chain.faults(row, lines)
            if lines:
                faults += _unbalanced(row.number, lines)
            notices += chain.notices(row)
        faults += postings.left()
        faults += chain.missing_heads()
        documents, lacking = _documents(connection, book.facts["digest"], chain.named)
        faults += lacking
    return Verified(
        chain.number, postings.count, documents, chain.previous, tuple(faults), tuple(notices)
    )


class _Chain:
    """Walks along the entries; holds what the next one must follow."""

    def __init__(self, algorithm: str, heads: Mapping[int, str]) -> None:
        self.algorithm, self.heads = algorithm, dict(heads)
        self.number, self.previous, self.at = 0, NOTHING_BEFORE, 0
        self.named: dict[str, int] = {}
        self.approves: int | None = None  # the proposal that the entry before approves

    def faults(self, row: Kept, lines: list[list[Any]]) -> Iterator[Bilingual]:
        number = row.number
        if number != self.number + 1:
            yield both(f"第 {self.number} 号之后缺记录", f"entries are missing after {self.number}")
        if row.previous != self.previous:
            yield both(
                f"第 {number} 号与前一号不相接", f"entry {number} does not follow the one before"
            )
        sound = self._digest(row, lines) == row.digest
        if not sound:
            yield both(f"第 {number} 号记录被改动", f"entry {number} was changed")
        kind = ENTRY_KINDS.get(row.kind)
        if kind is None or (kind.approved and row.about != self.approves):
            yield both(f"第 {number} 号未经审批", f"entry {number} was not approved")
        self.approves = row.about if row.kind == "approved" else None
        paper = self.heads.pop(number, None)
        if paper is not None and paper != row.digest:
            yield both(
                f"第 {number} 号的摘要与文书上印的不同：账在其后被重写",
                f"entry {number} has another digest than the paper: the book was written anew",
            )
        if sound and row.documents != "[]":
            for _, _, document in json.loads(row.documents):
                self.named.setdefault(document, number)
        self.number, self.previous = number, row.digest

    def _digest(self, row: Kept, lines: list[list[Any]]) -> str:
        """Return the digest of what stands there, empty for what no entry can be."""
        try:
            return digest_of(told(*row[:-1], _compact(lines)), self.algorithm)
        except (TypeError, ValueError):  # SQLite keeps values of any type
            return ""

    def notices(self, row: Kept) -> Iterator[Bilingual]:
        if isinstance(row.at, int) and row.at < self.at:
            yield both(
                f"第 {row.number} 号记录时（{moment(row.at)}）计算机时钟早于前一号（{moment(self.at)}）",
                f"the clock stood at {moment(row.at)} for entry {row.number}, before the one before "
                f"it ({moment(self.at)})",
            )
        self.at = row.at if isinstance(row.at, int) else self.at

    def missing_heads(self) -> Iterator[Bilingual]:
        for number in self.heads:
            yield both(
                f"文书上印有第 {number} 号，账中没有", f"a paper names entry {number}: it is gone"
            )


class _Postings:
    """The lines, entry by entry, in the order of the entries."""

    def __init__(self, connection: sa.Connection) -> None:
        asked = sa.select(POSTINGS).order_by(POSTINGS.c.number, POSTINGS.c.line)
        self.rows = driver_rows(connection, asked)
        self.count = 0
        self.next = next(self.rows, None)

    def of(self, number: int) -> list[list[Any]]:
        """Return the lines of an entry, as canonical JSON has them."""
        found = []
        row = self.next
        while row is not None and row[0] <= number:
            found.append(list(row[2:]) if row[0] == number else ["?", "", "", "", 0])
            row = next(self.rows, None)
        self.count += len(found)
        self.next = row
        return found

    def left(self) -> Iterator[Bilingual]:
        if self.next is not None:
            yield both(
                f"分录属于不存在的第 {self.next[0]} 号",
                f"lines of entry {self.next[0]}, which is not there",
            )


def _compact(lines: list[list[Any]]) -> str:
    return json.dumps(lines, ensure_ascii=False, separators=(",", ":")) if lines else "[]"


def _unbalanced(number: int, lines: list[list[Any]]) -> Iterator[Bilingual]:
    sums: dict[tuple[str, bool], int] = {}
    for account, pool, _, _, amount in lines:
        known = ACCOUNTS.get(account)
        if known is None:
            yield both(f"第 {number} 号有不认识的科目", f"entry {number} is on an unknown account")
            continue
        place = pool, known.memo
        sums[place] = sums.get(place, 0) + (amount if isinstance(amount, int) else 0)
    for (pool, _), left in sums.items():
        if left:
            yield both(
                f"第 {number} 号险种 {pool} 借贷相差 {yuan_text(left)} 元",
                f"entry {number} does not balance in pool {pool}: {yuan_text(left)} yuan",
            )


def _documents(
    connection: sa.Connection, algorithm: str, named: Mapping[str, int]
) -> tuple[int, list[Bilingual]]:
    faults, seen = [], set()
    for digest, content in connection.execute(sa.select(DOCUMENTS.c.digest, DOCUMENTS.c.content)):
        seen.add(digest)
        whole = isinstance(content, bytes | memoryview)
        if not whole or hashlib.new(algorithm, content).hexdigest() != digest:
            faults.append(both(f"所附文件 {digest} 被改动", f"the document {digest} was changed"))
    for digest in set(named) - seen:
        faults.append(
            both(
                f"第 {named[digest]} 号所附文件 {digest} 不在账中",
                f"the document {digest} of entry {named[digest]} is gone",
            )
        )
    return len(seen), sorted(faults)
