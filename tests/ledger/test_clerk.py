"""A clerk who does anything at all: no action, allowed or not, breaks what a book must hold."""

from __future__ import annotations

import random

import pytest

from drgpay.ledger.book import Book
from tests.ledger.clerk import kinds_done, work
from tests.ledger.conftest import Clock


@pytest.mark.parametrize(
    ("seed", "actions"),
    [
        (1, 400),
        *(pytest.param(seed, 3_500, marks=pytest.mark.long) for seed in (2, 3, 4)),
    ],
)
def test_clerk__does_anything_and_no_invariant_breaks(
    address: str, book: Book, clock: Clock, seed: int, actions: int
) -> None:
    """Two who have the book open by turns, five persons; 400 actions, in `long` 10,500 an engine."""
    rng = random.Random(seed)
    book.clock = lambda: clock() - rng.randrange(86_400)  # it is set back now and then
    other = Book.open(address, clock)
    try:
        desk = work([book, other], actions, rng)
    finally:
        other.close()
    assert sum(desk.done.values()) >= actions
    assert not list(kinds_done(desk)), desk.done
