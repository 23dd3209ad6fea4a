"""The book: opened, written to in turn, read.

One book a region, for all its years. A writer holds the book for its turn: what it read is what its
entries stand on. When `append` returns inside a turn that ends well, the entry is on disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from drgpay.ground.database import REMEDY, Database, what_fails
from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ledger.cash import CashSums, check_cash
from drgpay.ledger.entries import (
    DIGESTS,
    MAX_BODY,
    NOTHING_BEFORE,
    Document,
    Draft,
    Entry,
    Line,
    canonical,
    check_draft,
    digest_of,
    documents_text,
    joined,
    lines_text,
    told,
)
from drgpay.ledger.paid_cases import check_paid_once
from drgpay.ledger.tables import BOOK, DOCUMENTS, ENTRIES, FORM, META, POSTINGS, guards
from drgpay.names.ledger import ENTRY_KINDS

MAX_DOCUMENT = 50_000_000
PART = 10_000  # rows read at a time
_LOCK = 726_002  # PostgreSQL's, of whoever writes


class BookStore(Database):
    """The database of a book."""

    what = both("年度账", "the book")


@dataclass(frozen=True, slots=True)
class Balance:
    """What stands on an account for a pool, an institution and a detail, debit above zero."""

    account: str
    pool: str
    hospital_id: str
    detail: str
    amount_fen: int


def address_of(book: str | Path) -> sa.URL | str:
    """Return the address of a book: a file is SQLite's."""
    text = str(book)
    return text if "://" in text else sa.URL.create("sqlite", database=text)


class Kept(NamedTuple):
    """A row of the book, its columns in their order."""

    number: int
    at: int
    year: int
    kind: str
    who: str
    role: str
    clause: str
    subject: str
    body: str
    documents: str
    about: int | None
    previous: str
    digest: str


def driver_rows(connection: sa.Connection, asked: sa.Select[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield rows as the driver has them: a record of SQLAlchemy's for each costs more than the row."""
    cursor: Any = connection.execute(asked).cursor
    while part := cursor.fetchmany(PART):
        yield from part


class Reading:
    """A connection on which the book is read; what it reads is of one moment."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def entries(
        self,
        kinds: Collection[str] | None = None,
        *,
        year: int | None = None,
        after: int = 0,
        numbers: Collection[int] | None = None,
        about: int | None = None,
    ) -> list[Entry]:
        """Return entries in their order, with their lines.

        Chosen by kinds, by year, after a number, by numbers, by the entry that they are about.
        """
        chosen = [ENTRIES.c.number > after]
        if kinds is not None:
            chosen.append(ENTRIES.c.kind.in_(sorted(kinds)))
        if year is not None:
            chosen.append(ENTRIES.c.year == year)
        if numbers is not None:
            chosen.append(ENTRIES.c.number.in_(sorted(numbers)))
        if about is not None:
            chosen.append(ENTRIES.c.about == about)
        found = sa.select(ENTRIES).where(*chosen).order_by(ENTRIES.c.number)
        lines: dict[int, list[Line]] = {}
        asked = sa.select(POSTINGS).join(ENTRIES, ENTRIES.c.number == POSTINGS.c.number)
        order = (POSTINGS.c.number, POSTINGS.c.line)
        for number, _, *own in driver_rows(self.connection, asked.where(*chosen).order_by(*order)):
            lines.setdefault(number, []).append(Line(*own))
        rows = (Kept._make(row) for row in driver_rows(self.connection, found))
        return [_entry(row, tuple(lines.get(row.number, ()))) for row in rows]

    def entry(self, number: int) -> Entry:
        """Return one entry; raises InputError for a number that is not there."""
        found = self.entries(numbers=[number])
        if not found:
            raise InputError(
                both(f"账中没有第 {number} 号记录", f"the book has no entry {number}"),
                remedy=both("编号见：drgpay budget entries", "numbers: drgpay budget entries"),
            )
        return found[0]

    def head(self) -> tuple[int, str]:
        """Return the number and digest of the last entry."""
        asked = sa.select(ENTRIES.c.number, ENTRIES.c.digest).order_by(ENTRIES.c.number.desc())
        row = self.connection.execute(asked.limit(1)).first()
        return (row[0], row[1]) if row else (0, NOTHING_BEFORE)

    def last(self, kinds: Collection[str], year: int) -> int:
        """Return the number of the last entry of some kinds in a year, 0 where there is none."""
        chosen = ENTRIES.c.kind.in_(sorted(kinds)), ENTRIES.c.year == year
        asked = sa.select(sa.func.max(ENTRIES.c.number)).where(*chosen)
        return self.connection.execute(asked).scalar() or 0

    def balances(
        self, *accounts: str, year: int | None = None, hospital: str | None = None
    ) -> list[Balance]:
        """Return what stands on accounts (all by default), by pool, institution and detail."""
        places = (
            POSTINGS.c.account,
            POSTINGS.c.pool,
            POSTINGS.c.hospital_id,
            POSTINGS.c.detail,
        )
        amount = sa.func.sum(POSTINGS.c.amount_fen)
        asked = sa.select(*places, amount.label("amount_fen")).group_by(*places).order_by(*places)
        if accounts:
            asked = asked.where(POSTINGS.c.account.in_(accounts))
        if hospital is not None:
            asked = asked.where(POSTINGS.c.hospital_id == hospital)
        if year is not None:
            own = sa.select(ENTRIES.c.number).where(ENTRIES.c.year == year)
            asked = asked.where(POSTINGS.c.number.in_(own))
        rows = self._rows(asked)
        # PostgreSQL sums to a decimal
        return [Balance(**{**row, "amount_fen": int(row["amount_fen"])}) for row in rows]

    def lines(self, account: str, *, year: int) -> list[tuple[int, str, str, int]]:
        """Return the lines of an account in a year, in order: entry, pool, institution, fen."""
        own = POSTINGS.c.number, POSTINGS.c.pool, POSTINGS.c.hospital_id, POSTINGS.c.amount_fen
        asked = (
            sa.select(*own)
            .join(ENTRIES, ENTRIES.c.number == POSTINGS.c.number)
            .where(ENTRIES.c.year == year, POSTINGS.c.account == account)
            .order_by(POSTINGS.c.number, POSTINGS.c.line)
        )
        return [tuple(row) for row in self.connection.execute(asked)]

    def posted(self, account: str, *, year: int | None = None, **where: str) -> list[int]:
        """Return the numbers of the entries with a line on an account.

        `where`: pool, hospital_id, detail; "" for any.
        """
        chosen = [POSTINGS.c.account == account]
        chosen += [POSTINGS.c[name] == value for name, value in where.items() if value]
        if year is not None:
            chosen.append(ENTRIES.c.year == year)
        asked = (
            sa.select(POSTINGS.c.number)
            .join(ENTRIES, ENTRIES.c.number == POSTINGS.c.number)
            .where(*chosen)
            .distinct()
            .order_by(POSTINGS.c.number)
        )
        return list(self.connection.execute(asked).scalars())

    def document(self, digest: str) -> bytes:
        """Return the bytes of a document; raises InputError where it is not kept."""
        asked = sa.select(DOCUMENTS.c.content).where(DOCUMENTS.c.digest == digest)
        content = self.connection.execute(asked).scalar()
        if content is None:
            raise InputError(
                both(f"账中没有文件 {digest}", f"the book keeps no document {digest}"),
            )
        return bytes(content)

    def _rows(self, asked: sa.Select[Any]) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute(asked).mappings()]


class Turn(Reading):
    """A writer's turn: nobody else writes until it ends; if it fails, nothing was written."""

    def __init__(
        self, connection: sa.Connection, digest: str, clock: Callable[[], int], cash: CashSums
    ) -> None:
        super().__init__(connection)
        self.digest, self.clock, self.cash = digest, clock, cash
        self._head: tuple[int, str] | None = None  # nobody else writes meanwhile

    def check_cash(self, draft: Draft) -> None:
        """Fail if the lines of an entry bind more than its year may spend (InputError).

        What takes effect by an approval is held to it; what the bank did is a fact.
        """
        if draft.lines and ENTRY_KINDS[draft.kind].approved:
            self._head = self._head or self.head()
            sums = self.cash.update(self.connection, self._head[0])
            check_cash(sums, draft.year, draft.lines, draft.subject or draft.kind)

    def append(self, draft: Draft) -> Entry:
        """Add an entry; its number and digest are fixed.

        Raises InputError for one that may not be made so, exceeds the ceiling or pays a case that
        another year paid, BooksError for lines out of balance.
        """
        check_draft(draft)
        self.check_cash(draft)
        check_paid_once(self, draft)
        number, previous = self._head = self._head or self.head()
        if ENTRY_KINDS[draft.kind].approved and not self._approved(number, draft.about):
            word = ENTRY_KINDS[draft.kind].word
            raise InputError(
                both(f"“{word.chinese}”须经审批才生效", f"“{word}” takes effect by approval alone")
            )
        lines = joined(draft.lines)
        row: dict[str, Any] = {
            "number": number + 1, "at": self.clock(), "year": draft.year, "kind": draft.kind,
            "who": draft.who, "role": draft.role, "clause": draft.clause, "subject": draft.subject,
            "body": canonical(draft.body), "documents": documents_text(draft.documents),
            "about": draft.about, "previous": previous,
        }  # fmt: skip
        if len(row["body"]) > MAX_BODY:
            raise InputError(
                both("一条记录的内容过长", "the entry says too much"), where=draft.subject
            )
        if draft.about is not None and not 0 < draft.about <= number:
            raise InputError(both(f"账中没有第 {draft.about} 号记录", f"no entry {draft.about}"))
        canonical([draft.who, draft.clause, draft.subject])
        row["digest"] = digest_of(told(**row, lines=lines_text(lines)), self.digest)
        self.connection.execute(sa.insert(ENTRIES), row)
        if lines:
            self.connection.execute(sa.insert(POSTINGS), list(_posted(number + 1, lines)))
        self._head = number + 1, row["digest"]
        self.cash.add(number + 1, draft.year, lines)
        return _entry(Kept(**row), lines)

    def _approved(self, last: int, proposal: int | None) -> bool:
        """Whether the last entry approves a proposal."""
        own = ENTRIES.c.number == last, ENTRIES.c.kind == "approved", ENTRIES.c.about == proposal
        asked = sa.select(ENTRIES.c.number).where(*own)
        return proposal is not None and self.connection.execute(asked).first() is not None

    def keep(self, name: str, content: bytes) -> Document:
        """Keep a document; return what an entry says of it. The same bytes are kept once."""
        if len(content) > MAX_DOCUMENT:
            raise InputError(
                both(f"文件超过 {MAX_DOCUMENT:,} 字节", f"larger than {MAX_DOCUMENT:,} bytes"),
                where=name,
            )
        digest = hashlib.new(self.digest, content).hexdigest()
        there = sa.select(DOCUMENTS.c.digest).where(DOCUMENTS.c.digest == digest)
        if self.connection.execute(there).first() is None:
            self.connection.execute(sa.insert(DOCUMENTS), {"digest": digest, "content": content})
        return Document(name, len(content), digest)


class Book:
    """A region's book. `clock` gives seconds since 1970."""

    def __init__(self, store: BookStore, clock: Callable[[], int] | None = None) -> None:
        self.store = store
        self.clock = clock or _now
        self.cash = CashSums()

    @classmethod
    def create(
        cls,
        address: str | Path,
        *,
        region_id: str,
        region_name: str,
        year: int,
        who: str,
        digest: str = "sha256",
        clock: Callable[[], int] | None = None,
    ) -> Book:
        """Open a new book; raises InputError where one is already."""
        if digest not in DIGESTS:
            raise InputError(
                both(f"没有摘要算法 {digest}", f"no digest {digest!r}"),
                remedy=both(f"可用：{'、'.join(DIGESTS)}", f"known: {', '.join(DIGESTS)}"),
            )
        facts = {"form": FORM, "region_id": region_id, "region_name": region_name, "digest": digest}
        draft = Draft("opened", year, who, "maker", facts, subject=region_id)
        check_draft(draft)

        def fill(connection: sa.Connection) -> None:
            rows = [{"key": key, "value": value} for key, value in facts.items()]
            connection.execute(sa.insert(BOOK), rows)
            Turn(connection, digest, clock or _now, CashSums()).append(draft)

        return cls.made_of(address, fill, clock)

    @classmethod
    def made_of(
        cls,
        address: str | Path,
        fill: Callable[[sa.Connection], None],
        clock: Callable[[], int] | None = None,
    ) -> Book:
        """Make the tables of a book and let `fill` put rows into them, all or nothing.

        Raises InputError where there is a book already.
        """
        book = cls(BookStore(address_of(address)), clock)
        with book._closed_unless_well(), book._turn(new=True) as connection:
            if sa.inspect(connection).has_table(BOOK.name):
                raise InputError(
                    both("这里已有一本账，不会覆盖", "there is a book already"),
                    where=str(address),
                    remedy=both("换一个位置，或直接使用它", "choose another place, or use it"),
                )
            META.create_all(connection)
            for statement in guards(book.store.is_sqlite):
                connection.exec_driver_sql(statement)
            fill(connection)
        return book

    @classmethod
    def open(cls, address: str | Path, clock: Callable[[], int] | None = None) -> Book:
        """Open a book that is there; raises InputError for what is none, or of another form."""
        if "://" not in str(address) and not Path(address).is_file():
            raise InputError(
                both("没有这本账", "there is no such book"),
                where=str(address),
                remedy=both("先建账：drgpay budget init", "first: drgpay budget init"),
            )
        book = cls(BookStore(address_of(address)), clock)
        with book._closed_unless_well():
            form = book.facts.get("form")
            if form != FORM:
                raise InputError(
                    both(
                        f"账的格式是 {form}，本版本用 {FORM}",
                        f"the book has form {form}, this version keeps {FORM}",
                    ),
                    where=str(address),
                    remedy=both("用较新的 drgpay 打开", "open it with a newer drgpay"),
                )
        return book

    @cached_property
    def facts(self) -> Mapping[str, str]:
        """What the book is: region_id, region_name, digest, form."""
        with self.reading() as reading:
            if not sa.inspect(reading.connection).has_table(BOOK.name):
                raise InputError(
                    both("这不是年度账", "this is not a book"),
                    where=self._place,
                    remedy=both("建账用 drgpay budget init", "drgpay budget init makes one"),
                )
            rows = reading.connection.execute(sa.select(BOOK.c.key, BOOK.c.value))
            return {key: value for key, value in rows}

    @property
    def _place(self) -> str:
        return self.store.url.render_as_string()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Read at one moment."""
        with self._told(), self.store.engine.connect() as connection:
            level = {} if self.store.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            yield Reading(connection.execution_options(drgpay_reads=True, **level))

    @contextmanager
    def writing(self, who: str = "") -> Iterator[Turn]:
        """Hold the book for a turn; raises InputError that names who holds it when it waits long."""
        with self._turn(who) as connection:
            try:
                yield Turn(connection, self.facts["digest"], self.clock, self.cash)
            except BaseException:
                self.cash = CashSums()  # it may know of entries that are not to be
                raise

    def append(self, draft: Draft) -> Entry:
        """Add one entry in a turn of its own."""
        with self.writing(draft.who) as turn:
            return turn.append(draft)

    @contextmanager
    def _turn(self, who: str = "", *, new: bool = False) -> Iterator[sa.Connection]:
        if not new:
            self.facts  # noqa: B018  # read before the turn begins: it is not one of its own
        with self._told(), self.store.begin() as connection:
            if self.store.is_sqlite:
                with self._holding(who):
                    yield connection
            else:
                connection.execute(
                    sa.text(f"set local lock_timeout = '{self.store.wait_seconds}s'")
                )
                name = sa.text("select set_config('application_name', :name, true)")
                connection.execute(name, {"name": _packed(_holder(who))})
                connection.execute(sa.text(f"select pg_advisory_xact_lock({_LOCK})"))
                yield connection

    @contextmanager
    def _holding(self, who: str) -> Iterator[None]:
        """Leave word beside the file who holds it, for whoever waits."""
        note = Path(f"{self.store.url.database}.held")
        try:
            note.write_text(_holder(who), encoding="utf-8")
        except OSError:
            note = None  # type: ignore[assignment]  # nobody will know; the turn goes on
        try:
            yield
        finally:
            if note is not None:
                note.unlink(missing_ok=True)

    def held_by(self) -> str:
        """Return who holds the book just now, empty for nobody that is known."""
        if self.store.is_sqlite:
            try:
                return Path(f"{self.store.url.database}.held").read_text(encoding="utf-8")
            except OSError:
                return ""
        asked = (
            "select application_name from pg_stat_activity a join pg_locks l on l.pid = a.pid"
            f" where l.locktype = 'advisory' and l.objid = {_LOCK} and l.granted limit 1"
        )
        with self.store.engine.connect() as connection:
            return _unpacked(connection.exec_driver_sql(asked).scalar() or "")

    @contextmanager
    def _closed_unless_well(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what the database refuses in our words."""
        try:
            yield
        except sa.exc.IntegrityError as error:
            raise BooksError(
                both("账只能追加，不能改动", "the book is only added to"), where=self._place
            ) from error
        except sa.exc.DBAPIError as error:
            waits = "lock" in str(error.orig).lower()
            holder = self.held_by() if waits else ""
            what, remedy = what_fails(error), REMEDY
            if holder:
                what = both(f"账正由 {holder} 使用", f"the book is held by {holder}")
                remedy = both("稍候再试", "try again in a while")
            raise InputError(what, where=self._place, remedy=remedy) from error

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()


def _now() -> int:
    return int(time.time())


def _holder(who: str) -> str:
    return f"{who or 'drgpay'} ({socket.gethostname()}, {os.getpid()})"


def _packed(text: str) -> str:
    """Return a text as PostgreSQL keeps the name of a program: 63 signs of ASCII."""
    return base64.urlsafe_b64encode(text.encode()[:45]).decode()


def _unpacked(name: str) -> str:
    try:
        return base64.urlsafe_b64decode(name).decode("utf-8", "ignore")
    except ValueError:  # somebody else's program
        return name


def _posted(number: int, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    for line, own in enumerate(lines, 1):
        yield {
            "number": number, "line": line, "account": own.account, "pool": own.pool,
            "hospital_id": own.hospital_id, "detail": own.detail, "amount_fen": own.amount_fen,
        }  # fmt: skip


def _entry(row: Kept, lines: tuple[Line, ...]) -> Entry:
    return Entry(
        number=row.number, at=row.at, kind=row.kind, year=row.year, who=row.who, role=row.role,
        clause=row.clause, subject=row.subject, body=json.loads(row.body),
        documents=_documents(row.documents), lines=lines, about=row.about, previous=row.previous,
        digest=row.digest,
    )  # fmt: skip


def _documents(text: str) -> tuple[Document, ...]:
    return tuple(Document(*fields) for fields in json.loads(text))
