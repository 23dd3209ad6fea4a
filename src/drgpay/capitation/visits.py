"""Outpatient visits: summed by the place that bears them, hospital and special factor.

A piece of the file is read, summed and let go. Only a hash of each visit's number is kept, to find
those that stand more than once; their rows are read a second time and taken out again.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.capitation.files import Piece
from drgpay.capitation.lookup import Lookup
from drgpay.capitation.persons import People, Places
from drgpay.capitation.quarantine import Quarantined, RowFaults
from drgpay.capitation.rules import Rules
from drgpay.capitation.setup import Setup
from drgpay.capitation.tables import factor
from drgpay.capitation.texts import Words, column_of, is_empty
from drgpay.cases import parse
from drgpay.cases.duplicates import equal_hashes, text_hashes

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

# what a visit says of special factors: none, one that the policy accepts with its document, a word
# that the policy does not accept, an accepted one without document
PLAIN, ACCEPTED, NOT_ACCEPTED, NO_DOCUMENT = range(4)
_NOTED = np.uint64(1 << 63)  # 0 stands for a row without number


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

    def take(self, rows: Ints) -> _Visits:
        """Return some of them."""
        names = ("numbers", "good", "place", "invalid", "hospital", "special", "cost", "fund")
        some: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        return replace(self, ids=self.ids.take(pa.array(rows)), **some)


class _Reader:
    def __init__(self, setup: Setup, rules: Rules, people: People, year: int) -> None:
        self.people, self.rules = people, rules
        self.places = Places(len(setup.communities))
        self.hospitals = Words()
        self.factors = Words()
        first = np.datetime64(dt.date(year, 1, 1), "D").astype(np.int64)
        last = np.datetime64(dt.date(year, 12, 31), "D").astype(np.int64)
        self.year = int(first), int(last)
        self.lookup = Lookup.of(people.ids)
        self.person_place = np.append(people.place, self.places.unknown)
        self.person_invalid = np.append(people.invalid, 0)

    def visits(self, piece: Piece, quarantine: Quarantined) -> _Visits:
        """Return the visits of a piece; faulty rows are quarantined."""
        faults = RowFaults(piece, "visit_id", quarantine)
        person = faults.codes("person_id", must=True)
        hospital = faults.codes("hospital_id", must=True)
        self._check_date(faults)
        cost, cost_there = _money(faults, "total_cost")
        fund, fund_there = _money(faults, "pool_fund")
        faults.add(cost_there & fund_there & (fund > cost), "pool_fund", "fund_above_cost")
        index = self.lookup.places(person)
        return _Visits(
            piece.file,
            piece.numbers,
            faults.ids,
            faults.good,
            self.person_place[index],
            self.person_invalid[index],
            self.hospitals.of(hospital),
            self._special(piece.table),
            cost,
            fund,
        )

    def _check_date(self, faults: RowFaults) -> None:
        days, bad = parse.dates(faults.table["visit_date"])
        missing = days == parse.MISSING_DATE
        faults.add(bad | missing, "visit_date", "date_invalid")
        other = ~missing & ((days < self.year[0]) | (days > self.year[1]))
        faults.add(other, "visit_date", "outside_year")

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


def _money(faults: RowFaults, name: str) -> tuple[Ints, Mask]:
    values, bad = parse.money(faults.table[name])
    bad = bad | (values == parse.MISSING_MONEY)
    faults.add(bad, name, "money_invalid")
    faults.add(~bad & (values < 0), name, "money_negative")
    return np.where(bad, 0, values), ~bad


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
        marks = text_hashes(visits.ids) | _NOTED
        hashes.append(np.where(is_empty(visits.ids), np.uint64(0), marks))
        _count(tally, reader, visits, visits.good, 1)
        _quarantine(tally, visits, ~visits.good)
    candidates = equal_hashes(hashes)
    if len(candidates):
        _take_out_doubles(tally, reader, setup, candidates, quarantine)
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


def _take_out_doubles(
    tally: Tally, reader: _Reader, setup: Setup, candidates: Ints, quarantine: Quarantined
) -> None:
    """Read the rows of equal hashes again and take out those whose numbers are equal indeed."""
    parts: list[_Visits] = []
    start = 0
    for piece in setup.visits.pieces():
        rows = candidates[(candidates >= start) & (candidates < start + len(piece.table))] - start
        start += len(piece.table)
        if len(rows):
            parts.append(reader.visits(piece, Quarantined()).take(rows))
    counts = pc.value_counts(pa.concat_arrays([part.ids for part in parts]))
    doubled = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    for part in parts:
        double = np.asarray(pc.is_in(part.ids, value_set=doubled)) & part.good
        for row in np.flatnonzero(double).tolist():
            key = part.ids[row].as_py()
            quarantine.add(part.file, int(part.numbers[row]), key, "visit_id", key, "visit_double")
        _count(tally, reader, part, double, -1)
        _quarantine(tally, part, double)
