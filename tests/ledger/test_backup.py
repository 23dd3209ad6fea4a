"""A backup holds the whole book, and makes the same one in either database, or none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from drgpay.ground.errors import BooksError, InputError
from drgpay.ledger.backup import backup, restore
from drgpay.ledger.book import Book
from drgpay.ledger.postings import MonthFigures, month_lines
from drgpay.ledger.verify import verify
from tests.ledger.conftest import entry, settled, with_target
from tests.ledger.test_book import STEP, unguarded


@pytest.fixture
def full(book: Book) -> Book:
    with_target(book, 10_000)
    settled(book, entry("month", *month_lines([MonthFigures("H1", "310", 700)])))
    with book.writing() as turn:
        turn.keep("附件", bytes(range(256)))
        turn.append(STEP)
    return book


def test_backup__is_the_same_book_in_either_database(
    full: Book, tmp_path: Path, address: str
) -> None:
    kept = tmp_path / "kept.zip"
    found = backup(full, kept)
    assert restore(kept, tmp_path / "again.sqlite") == found == verify(full)
    again = Book.open(tmp_path / "again.sqlite")
    with full.reading() as one, again.reading() as other:
        assert one.entries() == other.entries()
        assert one.balances() == other.balances()
    assert again.facts == full.facts
    assert again.append(STEP).number == found.entries + 1, "it goes on"
    for place in (address, tmp_path / "again.sqlite"):
        with pytest.raises(InputError, match="there is a book already"):
            restore(kept, place)
    with pytest.raises(InputError, match="there already"):
        backup(full, kept)


def test_backup__of_a_book_that_was_changed_is_not_made(full: Book, tmp_path: Path) -> None:
    unguarded(full, "update entries set who = 'x' where number = 2")
    with pytest.raises(BooksError, match="entry 2 was changed"):
        backup(full, tmp_path / "kept.zip")
    assert list(tmp_path.glob("kept*")) == []


@pytest.mark.parametrize("name", ["entries.jsonl", "postings.jsonl", "book.jsonl", "about.json"])
def test_restore__of_a_damaged_backup_makes_nothing(full: Book, tmp_path: Path, name: str) -> None:
    backup(full, tmp_path / "kept.zip")
    with (
        zipfile.ZipFile(tmp_path / "kept.zip") as kept,
        zipfile.ZipFile(tmp_path / "cut.zip", "w") as cut,
    ):
        for own in kept.namelist():
            content = kept.read(own)
            cut.writestr(own, content[: len(content) * 2 // 3] if own == name else content)
    with pytest.raises(InputError, match=r"damaged|no backup|not a book"):
        restore(tmp_path / "cut.zip", tmp_path / "again.sqlite")
    with pytest.raises(InputError, match=r"no such book|not a book"):
        Book.open(tmp_path / "again.sqlite")


def test_restore__of_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no zip")
    for name in ("text", "none"):
        with pytest.raises(InputError, match="no backup"):
            restore(tmp_path / name, tmp_path / "b")
