"""The book: entries in a chain that nobody changes, in both engines; writers in turn."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from drgpay.ground.errors import BooksError, InputError
from drgpay.ledger.book import Book, BookStore
from drgpay.ledger.entries import (
    Draft,
    canonical,
    credit,
    debit,
    digest_of,
    documents_text,
    lines_text,
    told,
)
from drgpay.ledger.tables import ENTRIES, POSTINGS
from drgpay.ledger.verify import verify
from drgpay.names.ledger import ACCOUNTS, BOOK_ROLES, ENTRY_KINDS
from tests.ledger.conftest import Clock

STEP = Draft("step", 2026, "李四", "maker", {"step": "plan", "amount_fen": 5}, clause="S0 7")


def posting(*amounts: int) -> Draft:
    lines = []
    for number, fen in enumerate(amounts):
        lines += [debit("payable", "310", fen, f"H{number}"), credit("fund", "310", fen)]
    return Draft("paid", 2026, "李四", "maker", {"month": "2026-01"}, lines=tuple(lines))


def test_words__are_declared_once_in_both_languages() -> None:
    words = [a.word for a in ACCOUNTS.values()] + [*BOOK_ROLES.values()]
    chinese = [word.chinese for word in words]
    assert len(set(chinese)) == len(chinese)
    assert all(any(c >= "一" for c in text) for text in chinese)
    for kind in ENTRY_KINDS.values():
        assert kind.roles and set(kind.roles) <= set(BOOK_ROLES) and kind.word.chinese


def test_entries__are_read_as_they_were_written(book: Book) -> None:
    with book.writing() as turn:
        paper = turn.keep("方案.pdf", b"%PDF")
        made = [turn.append(STEP), turn.append(replace(posting(100, 250), documents=(paper,)))]
    with book.reading() as reading:
        found = reading.entries(after=1)
        assert found == made
        assert reading.document(paper.digest) == b"%PDF"
        assert reading.entries(["step"]) == made[:1] and reading.entries(year=2025) == []
        assert reading.entry(3) == made[1]
        due = reading.balances("payable")
        assert [(b.hospital_id, b.amount_fen) for b in due] == [("H0", 100), ("H1", 250)]
        assert sum(b.amount_fen for b in reading.balances(year=2026)) == 0
        with pytest.raises(InputError, match="no entry 9"):
            reading.entry(9)
    assert [e.number for e in found] == [2, 3]


def test_chain__is_sha256_over_canonical_json(book: Book) -> None:
    book.append(STEP)
    entry = book.append(posting(7))
    with book.reading() as reading:
        first, second, third = reading.entries()
    assert (second.previous, third.previous) == (first.digest, second.digest)
    whole = {
        "at": entry.at, "body": entry.body, "clause": entry.clause, "about": None,
        "documents": [], "kind": "paid", "number": 3, "previous": second.digest,
        "lines": [["fund", "310", "", "", -7], ["payable", "310", "H0", "", 7]],
        "role": "maker", "subject": "", "who": "李四", "year": 2026,
    }  # fmt: skip
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert entry.digest == hashlib.sha256(text.encode()).hexdigest()


def test_told__is_canonical_whatever_stands_in_it() -> None:
    row = {
        "number": 9, "at": 5, "year": 2026, "kind": "step", "who": "王\t", "role": "maker",
        "clause": '第"七"条\n', "subject": "é\u2028\\", "about": 3, "previous": "ab",
        "body": canonical({"z": 1, "a": [True, None, "x"]}), "documents": documents_text(()),
    }  # fmt: skip
    text = told(**row, lines=lines_text(posting(3).lines))  # type: ignore[arg-type]
    assert text == canonical(json.loads(text))


@pytest.mark.parametrize(
    "value", [1.5, {"a": [0.1]}, {1: "a"}, "\ud800", "a\0b", {"x": {"y": b""}}]
)
def test_canonical__refuses_what_plain_json_cannot_say(value: object) -> None:
    with pytest.raises(InputError):
        canonical(value)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"kind": "gift"}, InputError, "no entry of kind"),
        ({"role": "king"}, InputError, "no role"),
        ({"kind": "objection"}, InputError, "maker may not make"),
        ({"who": " "}, InputError, "nobody is named"),
        ({"subject": "x" * 2000}, InputError, "longer than"),
        ({"body": {"share": 0.5}}, InputError, "share"),
        ({"about": 77}, InputError, "no entry 77"),
        ({"kind": "target"}, InputError, "by approval alone"),
        ({"lines": posting(1).lines}, BooksError, "moves no money"),
    ],
)
def test_draft__that_may_not_be_made_so_is_refused(
    book: Book, change: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        book.append(replace(STEP, **change))  # type: ignore[arg-type]
    with book.reading() as reading:
        assert reading.head()[0] == 1, "nothing was written"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((debit("recorded", "310", 5, "H1", "points"),), "does not balance"),
        (
            (debit("recorded", "310", 5, "H1", "points"), credit("payable", "390", 5, "H1")),
            "does not balance",
        ),
        ((debit("available", "310", 5), credit("fund", "310", 5)), "does not balance"),
        ((debit("gold", "310", 5), credit("fund", "310", 5)), "no account"),
        ((debit("recorded", "310", 5), credit("fund", "310", 5)), "lacks"),
        ((debit("expense", "310", 5, "H1"), credit("fund", "310", 5)), "lacks"),
        ((debit("recorded", "310", 5, "H1", "points"), credit("fund", "310", 5, "H1")), "lacks"),
    ],
)
def test_posting__that_does_not_balance_is_refused(
    book: Book, lines: tuple[object, ...], says: str
) -> None:
    with pytest.raises(BooksError, match=says):
        book.append(replace(posting(1), lines=lines))


def test_turn__that_fails_leaves_nothing(book: Book) -> None:
    with pytest.raises(BooksError), book.writing() as turn:
        turn.append(STEP)
        turn.append(replace(posting(1), lines=posting(1).lines[:1]))
    assert verify(book).entries == 1


def test_digest__may_be_sm3(tmp_path: Path) -> None:
    book = Book.create(
        tmp_path / "b", region_id="R", region_name="区", year=2026, who="张", digest="sm3"
    )
    entry = book.append(STEP)
    with pytest.raises(InputError, match="no digest"):
        Book.create(tmp_path / "c", region_id="R", region_name="", year=1, who="张", digest="md5")
    assert verify(book).head == entry.digest and verify(book).faults == ()


def test_book__is_opened_once_and_by_name(address: str, book: Book, tmp_path: Path) -> None:
    again = Book.open(address)
    assert again.facts["region_name"] == "测试区"
    again.close()
    with pytest.raises(InputError, match="there is a book already"):
        Book.create(address, region_id="R", region_name="", year=2026, who="张")
    with pytest.raises(InputError, match="no such book"):
        Book.open(tmp_path / "none")
    (tmp_path / "text").write_text("nothing of the kind" * 99)
    with pytest.raises(InputError):
        Book.open(tmp_path / "text")
    other = sa.create_engine(f"sqlite:///{tmp_path / 'other.sqlite'}")
    with other.begin() as connection:
        connection.exec_driver_sql("create table t (a)")
    with pytest.raises(InputError, match="not a book"):
        Book.open(tmp_path / "other.sqlite")


CHANGES = [
    "update entries set who = 'x'",
    "delete from entries where number = 2",
    "update postings set amount_fen = amount_fen + 1",
    "delete from postings",
    "update book set value = 'x'",
    "delete from documents",
    "insert into entries select number + 5, at, year, kind, who, role, clause, subject, body,"
    " documents, about, previous, digest || 'x' from entries where number = 2",
]


@pytest.mark.parametrize("change", CHANGES)
def test_triggers__refuse_whoever_asks(book: Book, change: str) -> None:
    with book.writing() as turn:
        turn.append(replace(posting(4), documents=(turn.keep("a", b"a"),)))
    before = verify(book)
    with pytest.raises(sa.exc.DBAPIError, match="only added to"), book.store.begin() as connection:
        connection.exec_driver_sql(change)
    assert verify(book) == before and before.faults == ()


def test_triggers__refuse_what_replaces(book: Book) -> None:
    book.append(posting(4))
    if book.store.is_sqlite:  # a replaced row is deleted without asking
        changes = [
            "insert or replace into entries select number, at, year, kind, 'x', role, clause,"
            " subject, body, documents, about, previous, digest from entries where number = 2",
            "insert or replace into postings select number, line, account, pool, hospital_id,"
            " detail, 9 from postings",
            "insert or replace into book values ('digest', 'sm3')",
        ]
    else:
        changes = ["truncate entries cascade", "truncate book", "truncate documents"]
    for change in changes:
        with pytest.raises(sa.exc.DBAPIError, match="only added"), book.store.begin() as connection:
            connection.exec_driver_sql(change)


def unguarded(book: Book, *changes: str) -> None:
    """Change a book as one can who owns it: without its triggers."""
    with book.store.begin() as connection:
        if book.store.is_sqlite:
            asked = "select name, sql from sqlite_master where type = 'trigger'"
            triggers = list(connection.exec_driver_sql(asked))
            for name, _ in triggers:
                connection.exec_driver_sql(f"drop trigger {name}")
            for change in changes:
                connection.exec_driver_sql(change)
            for _, sql in triggers:
                connection.exec_driver_sql(sql)
        else:
            connection.exec_driver_sql("set local session_replication_role = replica")
            for change in changes:
                connection.exec_driver_sql(change)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("update entries set who = 'x' where number = 2", "entry 2 was changed"),
        ("update entries set at = at + 1 where number = 2", "entry 2 was changed"),
        ("update entries set body = '{}' where number = 3", "entry 3 was changed"),
        ("update entries set about = 1 where number = 3", "entry 3 was changed"),
        ("update postings set amount_fen = -amount_fen", "entry 3 was changed"),
        ("update postings set amount_fen = 5 where line = 1", "does not balance"),
        ("update postings set hospital_id = 'H9' where number = 3", "entry 3 was changed"),
        ("delete from postings where number = 3", "entry 3 was changed"),
        ("update documents set content = content || content", "was changed"),
        ("delete from documents", "is gone"),
        ("update entries set documents = '[]x' where number = 3", "entry 3 was changed"),
    ],
)
def test_verify__names_what_was_changed(book: Book, change: str, says: str) -> None:
    with book.writing() as turn:
        turn.append(STEP)
        turn.append(replace(posting(4), documents=(turn.keep("a", b"a"),)))
    head = verify(book)
    assert head.faults == () and (head.entries, head.postings, head.documents) == (3, 2, 1)
    unguarded(book, change)
    assert any(says in fault for fault in verify(book).faults), verify(book).faults


@pytest.mark.parametrize(
    "change",
    [
        "update entries set at = 'noon' where number = 2",
        "update entries set body = x'00ff' where number = 2",
        "update entries set about = 'x' where number = 2",
        "update postings set amount_fen = 'much' where line = 1",
        "update documents set content = 'text'",
        "update entries set digest = 5 where number = 2",
    ],
)
def test_verify__survives_values_of_any_type(tmp_path: Path, change: str) -> None:
    book = Book.create(tmp_path / "b", region_id="R", region_name="区", year=2026, who="张")
    with book.writing() as turn:
        turn.append(replace(posting(4), documents=(turn.keep("a", b"a"),)))
    unguarded(book, change)
    assert any("was changed" in fault for fault in verify(book).faults)


def test_verify__finds_entries_that_are_gone(book: Book) -> None:
    for _ in range(3):
        book.append(STEP)
    with book.reading() as reading:
        head = reading.head()
    unguarded(book, "delete from entries where number = 3")
    faults = verify(book).faults
    assert any("missing after 2" in fault for fault in faults)
    assert any("does not follow" in fault for fault in faults)
    unguarded(book, "delete from entries where number = 4")
    assert verify(book).faults == (), "a shortened book is whole in itself"
    (fault,) = verify(book, dict([head])).faults
    assert "names entry 4: it is gone" in fault


def test_verify__finds_a_book_written_anew_by_the_papers(book: Book) -> None:
    entry = book.append(STEP)
    with book.reading() as reading:
        row = dict(
            reading.connection.execute(sa.select(ENTRIES).where(ENTRIES.c.number == 2))
            .mappings()
            .one()
        )
    row["who"] = "别人"
    row.pop("digest")
    digest = digest_of(told(**row, lines="[]"), "sha256")
    unguarded(book, f"update entries set who = '别人', digest = '{digest}' where number = 2")
    assert verify(book).faults == ()
    (fault,) = verify(book, {2: entry.digest}).faults
    assert "another digest than the paper" in fault


def test_verify__tells_triggers_that_are_gone(book: Book) -> None:
    name = "entries_not_update"
    on = "" if book.store.is_sqlite else " on entries"
    with book.store.begin() as connection:
        connection.exec_driver_sql(f"drop trigger {name}{on}")
    assert [str(fault) for fault in verify(book).faults] == [
        f"the trigger {name} is gone or was changed"
    ]


def test_clock__that_is_set_back_loses_nothing_and_is_told(book: Book, clock: Clock) -> None:
    book.append(STEP)
    clock.now -= 86_400
    later = book.append(STEP)
    found = verify(book)
    assert found.faults == () and later.number == 3
    (notice,) = found.notices
    assert "entry 3" in notice


def test_writers__go_in_turn(address: str, book: Book) -> None:
    made: list[int] = []

    def write(name: str) -> None:
        own = Book.open(address)
        for _ in range(10):
            made.append(own.append(replace(STEP, who=name)).number)
        own.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("甲", "乙", "丙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(2, 32))
    assert verify(book).faults == () and verify(book).entries == 31


def test_writer__that_waits_long_is_told_who_holds_the_book(
    address: str, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BookStore, "wait_seconds", 1)
    other = Book.open(address)
    with (
        book.writing("王五") as turn,
        pytest.raises(InputError, match="held by 王五"),
        other.writing("赵六"),
    ):
        pytest.fail("two hold the book")
    assert turn and other.append(STEP).number == 2
    other.close()


def test_postings__stand_for_every_line(book: Book) -> None:
    book.append(posting(*range(1, 50)))
    with book.reading() as reading:
        count = reading.connection.execute(sa.select(sa.func.count()).select_from(POSTINGS))
        assert count.scalar() == 50
