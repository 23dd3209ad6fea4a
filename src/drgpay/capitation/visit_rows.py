"""Rows of visits as every table of visits has them: read by one rule, those stood twice found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.capitation.files import Piece, Source
from drgpay.capitation.quarantine import Quarantined, RowFaults
from drgpay.capitation.texts import column_of, is_empty
from drgpay.cases import parse
from drgpay.cases.duplicates import equal_hashes, text_hashes

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
KEY = "visit_id"
_NOTED = np.uint64(1 << 63)  # 0 stands for a row without number


@dataclass(frozen=True, slots=True)
class VisitRows:
    """The visits of a piece: days since 1970, amounts in fen, 0 where they cannot be read.

    `faults.good` marks the rows without a fault.
    """

    faults: RowFaults
    person: pa.Array
    hospital: pa.Array
    day: Ints
    cost: Ints
    fund: Ints


def first_and_last(first: int, last: int) -> tuple[int, int]:
    """Return the days since 1970 on which some years begin and end."""
    own = np.array([dt.date(first, 1, 1), dt.date(last, 12, 31)], "datetime64[D]")
    begins, ends = own.astype(np.int64).tolist()
    return begins, ends


def visit_rows(piece: Piece, days: tuple[int, int], quarantine: Quarantined) -> VisitRows:
    """Return the visits of a piece; rows with a fault, or not on those days, are quarantined."""
    faults = RowFaults(piece, KEY, quarantine)
    person = faults.codes("person_id", must=True)
    hospital = faults.codes("hospital_id", must=True)
    day, bad = parse.dates(faults.table["visit_date"])
    missing = day == parse.MISSING_DATE
    faults.add(bad | missing, "visit_date", "date_invalid")
    faults.add(~missing & ((day < days[0]) | (day > days[1])), "visit_date", "outside_year")
    cost, cost_there = amounts(faults, "total_cost")
    fund, fund_there = amounts(faults, "pool_fund")
    faults.add(cost_there & fund_there & (fund > cost), "pool_fund", "fund_above_cost")
    return VisitRows(faults, person, hospital, day.astype(np.int64), cost, fund)


def amounts(faults: RowFaults, name: str) -> tuple[Ints, Mask]:
    """Return a column of amounts in fen, and which can be read; one that is missing is a fault."""
    values, bad = parse.money(faults.table[name])
    bad = bad | (values == parse.MISSING_MONEY)
    faults.add(bad, name, "money_invalid")
    faults.add(~bad & (values < 0), name, "money_negative")
    return np.where(bad, 0, values), ~bad


def id_hashes(ids: pa.Array) -> NDArray[np.uint64]:
    """Return a hash of each visit's number, 0 for none."""
    return np.where(is_empty(ids), np.uint64(0), text_hashes(ids) | _NOTED)


def stood_twice(
    source: Source, hashes: Sequence[NDArray[np.uint64]]
) -> Iterator[tuple[Piece, Ints]]:
    """Yield the rows whose number stands more than once in a source, of each piece that has some.

    `hashes` are those of its pieces that have rows, in order; the places that come with a piece are
    counted over all of them. Only rows of equal hashes are read again.
    """
    candidates = equal_hashes(hashes)
    if not len(candidates):
        return
    found: list[tuple[Piece, Ints]] = []
    start = 0
    for piece in source.pieces():
        size = len(piece.table)
        rows = candidates[(candidates >= start) & (candidates < start + size)] - start
        if len(rows):
            found.append((_some(piece, rows), rows + start))
        start += size
    ids = [column_of(piece.table, KEY)[0] for piece, _ in found]
    counts = pc.value_counts(pa.concat_arrays(ids))
    doubled = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    for (piece, places), own in zip(found, ids, strict=True):
        rows = np.flatnonzero(np.asarray(pc.is_in(own, value_set=doubled)))
        if len(rows):
            yield _some(piece, rows), places[rows]


def _some(piece: Piece, rows: Ints) -> Piece:
    """Return some rows of a piece."""
    place = {int(row): at for at, row in enumerate(rows.tolist())}
    lost = tuple((place[at], name) for at, name in piece.lost if at in place)
    return Piece(piece.file, piece.numbers[rows], piece.table.take(pa.array(rows)), (), lost)
