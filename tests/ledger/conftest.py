"""Books for tests: SQLite in a folder, PostgreSQL where it is installed, each test in its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ledger.approvals import approve, check, propose
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry, Line
from drgpay.ledger.postings import target_lines
from tests.service.stores import ENGINES, database, server

__all__ = ["server"]


@pytest.fixture(params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a book may be made, of each engine."""
    if request.param == "sqlite":
        yield str(tmp_path / "账.sqlite")
        return
    with database(request.getfixturevalue("server")) as url:
        yield url


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_767_225_600

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(address: str, clock: Clock) -> Iterator[Book]:
    made = Book.create(
        address, region_id="R1", region_name="测试区", year=2026, who="张三", clock=clock
    )
    yield made
    made.close()


def settled(book: Book, draft: Draft) -> Entry:
    """Propose, check and approve an entry by three persons."""
    with book.writing() as turn:
        made = propose(turn, draft)
        check(turn, made.number, "复核人")
        return approve(turn, made.number, "审批人")


def entry(kind: str, *lines: Line, year: int = 2026, **body: object) -> Draft:
    return Draft(kind, year, "经办人", "maker", body, clause="S0", lines=lines)


def with_target(book: Book, fen: int, pool: str = "310", year: int = 2026) -> None:
    """Set a control target, all of it without reserves."""
    settled(book, entry("target", *target_lines(pool, fen, {}, {}), year=year))
