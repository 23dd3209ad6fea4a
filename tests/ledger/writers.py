"""Processes that write to a book until they are killed."""

from __future__ import annotations

import multiprocessing
import random
import select
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any

from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, credit, debit
from drgpay.ledger.verify import verify

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])
HOSPITALS = 3
LINES = HOSPITALS + 1  # what is paid from one fund is one line


def payment(number: int, who: str = "经办人") -> Draft:
    """Return a posting of several lines, which a half-written one would not balance."""
    lines = []
    for hospital in range(HOSPITALS):
        lines.append(debit("payable", "310", number + hospital + 1, f"H{hospital}"))
        lines.append(credit("fund", "310", number + hospital + 1))
    return Draft("paid", 2026, who, "maker", {"number": number}, lines=tuple(lines))


def write_on(address: str, told: Connection, who: str) -> None:
    """Append to a book for ever; tell each entry once it is acknowledged."""
    book = Book.open(address)
    number = 0
    while True:
        number += 1
        entry = book.append(payment(number, who))
        told.send((entry.number, entry.digest))


class Writer:
    """A process that writes, with the end of the pipe on which it tells."""

    def __init__(self, address: str, who: str) -> None:
        self.told, theirs = FORKS.Pipe(duplex=False)
        self.process: Any = FORKS.Process(target=write_on, args=(address, theirs, who), daemon=True)
        self.process.start()
        theirs.close()

    def killed(self) -> Iterator[tuple[int, str]]:
        """Kill it; what it told until then."""
        self.process.kill()
        self.process.join()
        try:
            while True:
                yield self.told.recv()
        except EOFError:
            self.told.close()


def kill_often(address: str, kills: int, rng: random.Random) -> tuple[int, int]:
    """Kill writers at random moments, two at once now and then; the book is sound each time.

    Returns how many entries were acknowledged, and how many stand that nobody was told of.
    """
    acknowledged: dict[int, str] = {}
    for turn in range(kills):
        writers = [Writer(address, who) for who in ("甲", "乙")[: 1 + (turn % 4 == 0)]]
        for writer in writers:
            acknowledged.update([writer.told.recv()])  # it writes now
        select.select([], [], [], rng.random() / 20)
        for writer in writers:
            acknowledged.update(writer.killed())
        standing = _sound(address, acknowledged)
    return len(acknowledged), standing - len(acknowledged)


def _sound(address: str, acknowledged: Mapping[int, str]) -> int:
    """Fail unless the book is sound and holds what was acknowledged; return how many stand."""
    book = Book.open(address)
    found = verify(book, acknowledged)
    assert found.faults == (), found.faults
    assert found.postings == LINES * (found.entries - 1)
    book.close()
    return found.entries - 1
