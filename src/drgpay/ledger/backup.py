"""A book as one file, and a book made from such a file: in whichever database.

The file is a ZIP of lines of JSON, one table each, and the documents by their digests; it holds
all that the book holds, and the digest of its last entry. What is restored is looked through, and
is there whole or not at all.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import BooksError, InputError, both
from drgpay.ground.outputs import whole_file
from drgpay.ledger.book import Book
from drgpay.ledger.tables import BOOK, DOCUMENTS, ENTRIES, FORM, POSTINGS
from drgpay.ledger.verify import Verified, verify

KIND = "drgpay-book"


def backup(book: Book, path: Path) -> Verified:
    """Write a book into a new file; return what a look through it found.

    Raises BooksError for a book that is not as it was written, InputError for a file that is there.
    """
    if path.exists():
        raise InputError(
            both("备份文件已存在，不会覆盖", "the file is there already"),
            where=path,
            remedy=both("换一个文件名", "choose another name"),
        )
    with (
        whole_file(path) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made,
    ):
        found = _sound(book)
        about = {"kind": KIND, "form": FORM, "head": found.head, "entries": found.entries}
        made.writestr("about.json", json.dumps(about))
        with book.reading() as reading:
            for table in (BOOK, ENTRIES, POSTINGS):
                order = table.primary_key.columns
                asked = sa.select(table).where(*_up_to(table, found.entries)).order_by(*order)
                with made.open(f"{table.name}.jsonl", "w", force_zip64=True) as stream:
                    for row in reading.connection.execute(asked).mappings():
                        text = json.dumps(dict(row), ensure_ascii=False)
                        stream.write(f"{text}\n".encode())
            for digest, content in reading.connection.execute(sa.select(DOCUMENTS)):
                made.writestr(f"documents/{digest}", content)
    return found


def _up_to(table: sa.Table, number: int) -> list[sa.ColumnElement[bool]]:
    """Leave out what came after the look through the book."""
    return [] if table is BOOK else [table.c.number <= number]


def _sound(book: Book) -> Verified:
    found = verify(book)
    if found.faults:
        raise BooksError(
            both("账已被改动，不作备份", "the book was changed: it is not backed up"),
            faults=found.faults,
            remedy=both(
                "先查明原因，用以前的备份核对", "find out why; hold it against an older backup"
            ),
        )
    return found


def restore(path: Path, address: str | Path) -> Verified:
    """Make a book of a backup; raises InputError for what is none, or a place that has a book."""
    try:
        kept = zipfile.ZipFile(path)
        about = json.loads(kept.read("about.json"))
        if about.get("kind") != KIND or about.get("form") != FORM:
            raise KeyError(str(about.get("form")))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(
            both(
                "不是年度账的备份，或是较新版本所作",
                "it is no backup of a book, or of a newer form",
            ),
            where=path,
            remedy=both(
                "给出 drgpay budget backup 写出的文件", "name what drgpay budget backup wrote"
            ),
        ) from error
    with kept:
        book = Book.made_of(address, lambda connection: _fill(connection, kept, path, about))
        found = verify(book)
        book.close()
    return found


def _fill(
    connection: sa.Connection, kept: zipfile.ZipFile, path: Path, about: Mapping[str, Any]
) -> None:
    """Put all rows of a backup into empty tables, and fail unless they come to the same digest."""
    try:
        for row in _rows(kept, BOOK):
            connection.execute(sa.insert(BOOK), row)
        for name in kept.namelist():
            if name.startswith("documents/"):
                own = {"digest": name.removeprefix("documents/"), "content": kept.read(name)}
                connection.execute(sa.insert(DOCUMENTS), own)
        postings = _rows(kept, POSTINGS)
        waiting = next(postings, None)
        last: dict[str, Any] = {}
        for last in _rows(kept, ENTRIES):
            connection.execute(sa.insert(ENTRIES), last)
            lines = []
            while waiting is not None and waiting["number"] == last["number"]:
                lines.append(waiting)
                waiting = next(postings, None)
            if lines:
                connection.execute(sa.insert(POSTINGS), lines)
        if (last.get("digest"), last.get("number"), waiting) != (
            about["head"], about["entries"], None,
        ):  # fmt: skip
            raise ValueError(last.get("number"))
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError, sa.exc.SQLAlchemyError) as error:
        raise InputError(
            both(
                "备份文件不完整或已损坏，未恢复", "the backup is cut or damaged: nothing was made"
            ),
            where=path,
            remedy=both("用另一份备份", "take another backup"),
        ) from error


def _rows(kept: zipfile.ZipFile, table: sa.Table) -> Iterator[dict[str, Any]]:
    with kept.open(f"{table.name}.jsonl") as stream:
        for line in stream:
            yield json.loads(line)
