"""The book under faults: writers killed at any moment, a full disk, a database that stops."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.verify import verify
from tests.faults.test_disk import mount, unmount
from tests.ledger.writers import LINES, kill_often, payment
from tests.readers import servers


@pytest.mark.parametrize("kills", [5, pytest.param(120, marks=pytest.mark.long)])
def test_writers__killed_at_any_moment_lose_nothing(address: str, book: Book, kills: int) -> None:
    acknowledged, untold = kill_often(address, kills, random.Random(kills))
    assert acknowledged >= kills
    # of each that was killed, the last may stand though it could not say so any more
    assert 0 <= untold <= 2 * kills
    assert book.append(payment(1)).number == acknowledged + untold + 2, "it goes on"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 4 MB with nothing on it, outside of what pytest tidies up."""
    folder = Path(tempfile.mkdtemp(prefix="book-"))
    if not mount(folder, 4 << 20):
        pytest.skip("may not mount a small disk here")
    try:
        yield folder
    finally:
        unmount(folder)
        folder.rmdir()


def test_book__on_a_full_disk_refuses_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    place = small_disk / "账.sqlite"
    book = Book.create(place, region_id="R", region_name="区", year=2026, who="张")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3 << 20))
    made = 0
    with pytest.raises(InputError, match="disk of the database is full"):
        for made in range(1, 10_000):
            book.append(payment(made))
    with pytest.raises(InputError, match="is full"):
        book.append(payment(0))
    ballast.unlink()
    assert verify(book).entries == made, "what was acknowledged, and no more"
    assert book.append(payment(0)).number == made + 1
    found = verify(book)
    assert found.faults == () and found.postings == LINES * made
    book.close()
    again = Book.open(place)
    assert verify(again) == found
    again.close()


def test_book__outlives_a_database_that_stops(server: servers.Postgresql) -> None:
    from tests.service.stores import database

    with database(server) as url:
        book = Book.create(url, region_id="R", region_name="区", year=2026, who="张")
        first = book.append(payment(1))
        server.stop()
        try:
            with pytest.raises(InputError, match="cannot be reached"):
                book.append(payment(2))
        finally:
            server.start()
        second = book.append(payment(3))
        with pytest.raises(InputError, match="cannot be reached"), book.writing() as turn:
            turn.append(payment(4))
            server.stop()
            server.start()
            turn.append(payment(5))
        found = verify(book, {first.number: first.digest, second.number: second.digest})
        assert (found.entries, found.faults) == (3, ()), "nothing of the turn that broke off"
        assert book.append(payment(6)).number == 4
        book.close()
