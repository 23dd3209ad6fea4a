"""Outpatient visits: summed by the place that bears them, hospital and special factor.

A piece of the file is read, summed and let go. Only a hash of each visit's number is kept, to find
those that stand more than once; their rows are read a second time and taken out again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.capitation.files import Piece
from drgpay.capitation.lookup import Lookup
from drgpay.capitation.persons import People, Places
from drgpay.capitation.quarantine import Quarantined
from drgpay.capitation.rules import Rules
from drgpay.capitation.setup import Setup
from drgpay.capitation.tables import factor
from drgpay.capitation.texts import Words, column_of, is_empty
from drgpay.capitation.visit_rows import first_and_last, id_hashes, stood_twice, visit_rows

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# what a visit says of special factors: none, one that the policy accepts with its document, a word
# that the policy does not accept, an accepted one without document
PLAIN, ACCEPTED, NOT_ACCEPTED, NO_DOCUMENT = range(4)


@dataclass(frozen=True, slots=True)
class Key:
    """What visits are summed by; `invalid` numbers the reason of an invalid head, 0 for none."""

    place: int
    invalid: int
    hospital: str
    special: int


@dataclass
class Sums:
    """How many visits, and their total cost and pooled fund in fen."""

    visits: int = 0
    cost_fen: int = 0
    fund_fen: int = 0

    def add(self, visits: int, cost_fen: int, fund_fen: int) -> None:
        """Add some visits, or take them out."""
        self.visits += visits
        self.cost_fen += cost_fen
        self.fund_fen += fund_fen

    @property
    def amounts(self) -> tuple[int, int, int]:
        """The three figures, as tables have them."""
        return self.visits, self.cost_fen, self.fund_fen

    def plus(self, other: Sums) -> None:
        """Add other sums."""
        self.add(*other.amounts)


@dataclass
class Tally:
    """All visits: those counted by key, those quarantined; amounts of these as far as readable."""

    rows: int = 0
    counted: dict[Key, Sums] = field(default_factory=lambda: defaultdict(Sums))
    quarantined: Sums = field(default_factory=Sums)


@dataclass(frozen=True, slots=True)
class _Visits:
    """The visits of a piece; amounts are 0 where they cannot be read."""

    file: str
    numbers: Ints
    ids: pa.Array
    good: Mask
    place: Ints
    invalid: Ints
    hospital: Ints
    special: Ints
    cost: Ints
    fund: Ints


class _Reader:
    def __init__(self, setup: Setup, rules: Rules, people: People, year: int) -> None:
        self.people, self.rules = people, rules
        self.places = Places(len(setup.communities))
        self.hospitals = Words()
        self.factors = Words()
        self.year = first_and_last(year, year)
        self.lookup = Lookup.of(people.ids)
        self.person_place = np.append(people.place, self.places.unknown)
        self.person_invalid = np.append(people.invalid, 0)

    def visits(self, piece: Piece, quarantine: Quarantined) -> _Visits:
        """Return the visits of a piece; faulty rows are quarantined."""
        rows = visit_rows(piece, self.year, quarantine)
        index = self.lookup.places(rows.person)
        return _Visits(
            piece.file,
            piece.numbers,
            rows.faults.ids,
            rows.faults.good,
            self.person_place[index],
            self.person_invalid[index],
            self.hospitals.of(rows.hospital),
            self._special(piece.table),
            rows.cost,
            rows.fund,
        )

    def _special(self, table: pa.Table) -> Ints:
        words, _ = column_of(table, "special_factor")
        documents, _ = column_of(table, "document")
        numbers = self.factors.of(words)
        accepted = np.array(
            [factor(word) in self.rules.special_factors for word in self.factors.words()]
        )[numbers]
        special = np.where(is_empty(documents), NO_DOCUMENT, ACCEPTED)
        special = np.where(accepted, special, NOT_ACCEPTED)
        return np.where(numbers == 0, PLAIN, special).astype(np.int64)


def tally_visits(
    setup: Setup, rules: Rules, people: People, year: int, quarantine: Quarantined
) -> Tally:
    """Return the sums of all visits; what stands more than once is quarantined in every row."""
    reader, tally = _Reader(setup, rules, people, year), Tally()
    hashes: list[NDArray[np.uint64]] = []
    for piece in setup.visits.pieces():
        broken = quarantine.broken(piece)
        tally.rows += broken + len(piece.table)
        tally.quarantined.add(broken, 0, 0)
        if not len(piece.table):
            continue
        visits = reader.visits(piece, quarantine)
        hashes.append(id_hashes(visits.ids))
        _count(tally, reader, visits, visits.good, 1)
        _quarantine(tally, visits, ~visits.good)
    for piece, _ in stood_twice(setup.visits, hashes):
        _take_out(tally, reader, reader.visits(piece, Quarantined()), quarantine)
    return tally


def _quarantine(tally: Tally, visits: _Visits, rows: Mask) -> None:
    cost, fund = visits.cost[rows], visits.fund[rows]
    tally.quarantined.add(int(rows.sum()), int(cost.sum()), int(fund.sum()))


def _count(tally: Tally, reader: _Reader, visits: _Visits, rows: Mask, sign: int) -> None:
    """Add the visits of a mask to the sums, or with sign -1 take them out."""
    hospitals, invalids = len(reader.hospitals.numbers), len(reader.people.reasons) + 1
    key = (visits.place * invalids + visits.invalid) * hospitals + visits.hospital
    key = key * 4 + visits.special
    columns = {"key": key[rows], "cost": visits.cost[rows], "fund": visits.fund[rows]}
    sums = (
        pa.table(columns)
        .group_by("key")
        .aggregate([("cost", "sum"), ("fund", "sum"), ("fund", "count")])
    )
    words = reader.hospitals.words()
    for number, cost, fund, count in zip(
        *(sums[name].to_pylist() for name in ("key", "cost_sum", "fund_sum", "fund_count")),
        strict=True,
    ):
        rest, special = divmod(number, 4)
        rest, hospital = divmod(rest, hospitals)
        place, invalid = divmod(rest, invalids)
        found = tally.counted[Key(place, invalid, words[hospital], special)]
        found.add(sign * count, sign * cost, sign * fund)


def _take_out(tally: Tally, reader: _Reader, part: _Visits, quarantine: Quarantined) -> None:
    """Take visits that stand more than once out again, but for those that were never counted."""
    for row in np.flatnonzero(part.good).tolist():
        key = part.ids[row].as_py()
        quarantine.add(part.file, int(part.numbers[row]), key, "visit_id", key, "visit_double")
    _count(tally, reader, part, part.good, -1)
    _quarantine(tally, part, part.good)
