"""Records of visits of two years as columns: who, where, when, for how much.

Institutions, pools and persons become numbers; rows that cannot be used are quarantined by the rule
of all tables of visits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.capitation.files import SUFFIXES, Piece, Source, open_table
from drgpay.capitation.quarantine import Quarantined, RowFaults
from drgpay.capitation.texts import Words, column_of
from drgpay.capitation.visit_rows import first_and_last, id_hashes, stood_twice, visit_rows
from drgpay.cases import parse
from drgpay.cases.duplicates import text_hashes
from drgpay.ground.errors import Bilingual, BooksError, InputError, both
from drgpay.monitoring.tables import AMOUNTS, CARE_WORDS, DAYS, FLAGS, OUTPATIENT, VISITS

Ints = NDArray[np.int64]
MONTHS = 24  # of last year and this


@dataclass(frozen=True, slots=True)
class Visits:
    """V visits of two years: hospitals and pools by number, persons by a hash of 64 bits.

    `month`: 0 to 23, from January of last year on. Amounts in fen. `columns`: those of
    `monitoring.tables` that the files have. Of ten million persons, two have one hash in one file of
    some 400,000: they would count as one.
    """

    year: int
    hospitals: Sequence[str]
    pools: Sequence[str]
    person_ids: pa.ChunkedArray
    table: pa.Table
    columns: frozenset[str]
    rows: int
    quarantined: Quarantined
    notes: Sequence[Any]
    files: Sequence[Path]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def told(self) -> Bilingual:
        """How many rows were read, counted, quarantined: whoever asks few things of them says so."""
        return both(
            f"就诊记录 {self.rows:,} 行：计入 {len(self):,}，隔离 {len(self.quarantined):,}",
            f"{self.rows:,} rows of visits: {len(self):,} counted, {len(self.quarantined):,} "
            "quarantined",
        )

    def ids_of(self, persons: Iterable[int], month: int | None = None) -> dict[int, str]:
        """Return the ids of some persons, who came in a month where one is named (0 to 23)."""
        wanted = np.array(sorted(set(persons)), np.int64)
        own = np.asarray(self.table["person"])
        among = None if month is None else np.flatnonzero(np.asarray(self.table["month"]) == month)
        own = own if among is None else own[among]
        if not len(wanted) or not len(own):
            return {}
        at = np.minimum(np.searchsorted(wanted, own), len(wanted) - 1)
        rows = np.flatnonzero(wanted[at] == own)
        found, first = np.unique(own[rows], return_index=True)
        rows = rows[first] if among is None else among[rows[first]]
        words = self.person_ids.take(pa.array(rows)).to_pylist()
        return dict(zip(found.tolist(), words, strict=True))


def read_visits(paths: Sequence[Path], year: int) -> Visits:
    """Return the visits of a year and the one before from files of any number.

    Raises InputError for files that cannot be read or that have no usable row.
    """
    source = open_table(VISITS, tuple(map(_known, paths)))
    reader = _Reader(source.columns, year)
    for piece in ahead(source.pieces()):
        reader.add(piece)
    reader.leave_out(source)
    table, persons = reader.columns()
    if len(table) + len(reader.quarantined) != reader.rows:
        raise BooksError(
            both(
                f"就诊记录 {reader.rows} 行，计入 {len(table)}，隔离 {len(reader.quarantined)}，合不上",
                f"{reader.rows} rows, {len(table)} counted, {len(reader.quarantined)} quarantined",
            )
        )
    if not len(table):
        raise InputError(
            both("没有一行就诊记录可用", "not one row of visits can be used"),
            where=paths[0],
            remedy=both("核对年度和各列", "look at the year and the columns"),
        )
    return Visits(
        year, reader.hospitals.words()[1:], reader.pools.words()[1:] or [""], persons, table,
        source.columns, reader.rows, reader.quarantined, source.notes, source.paths,
    )  # fmt: skip


def ahead(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield pieces, the next of which is read meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(next, pieces, None)
        while (piece := later.result()) is not None:
            later = pool.submit(next, pieces, None)
            yield piece


def _known(path: Path) -> Path:
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        raise InputError(
            both("没有这个文件，或不能读这种文件", "no such file, or of no kind that is read"),
            where=path,
            remedy=both(
                f"给出就诊记录的文件（{'、'.join(SUFFIXES)}）",
                f"name a file of visits ({', '.join(SUFFIXES)})",
            ),
        )
    return path


class _Reader:
    def __init__(self, columns: frozenset[str], year: int) -> None:
        self.has, self.year = columns, year
        self.days = first_and_last(year - 1, year)
        first = np.datetime64(f"{year - 1}-01")
        starts = (first + np.arange(MONTHS + 1)).astype("datetime64[D]").astype(np.int64)
        self.month_of = np.repeat(np.arange(MONTHS), np.diff(starts))
        self.hospitals, self.pools = Words(), Words()
        self.quarantined = Quarantined()
        self.rows = 0
        self.persons: list[pa.Array] = []
        self.parts: list[dict[str, NDArray[Any]]] = []
        self.hashes: list[NDArray[np.uint64]] = []
        self.goods: list[NDArray[np.bool_]] = []

    def add(self, piece: Piece) -> None:
        """Read a piece."""
        self.rows += self.quarantined.broken(piece) + len(piece.table)
        if not len(piece.table):
            return
        rows = visit_rows(piece, self.days, self.quarantined)
        faults = rows.faults
        part: dict[str, NDArray[Any]] = {
            "hospital": self.hospitals.of(rows.hospital).astype(np.int32) - 1,
            "pool": self._pool(piece, faults),
            "day": rows.day.astype(np.int32), "cost": rows.cost, "fund": rows.fund,
            "care": self._care(faults), "person": text_hashes(rows.person).view(np.int64),
        }  # fmt: skip
        for name in AMOUNTS:
            if name in self.has:
                part[name] = _amount(faults, name)
        for name in FLAGS:
            if name in self.has:
                part[name] = _flag(faults, name)
        if DAYS in self.has:
            part[DAYS] = _days(faults)
        self.hashes.append(id_hashes(faults.ids))
        self.goods.append(faults.good)
        self.persons.append(rows.person)
        self.parts.append(part)

    def _pool(self, piece: Piece, faults: RowFaults) -> NDArray[np.int32]:
        if "pool" not in self.has:
            return np.zeros(len(piece.table), np.int32)
        numbers = self.pools.of(column_of(piece.table, "pool")[0])
        faults.add(np.asarray(numbers == 0), "pool", "id_missing")
        return np.maximum(numbers - 1, 0).astype(np.int32)

    def _care(self, faults: RowFaults) -> NDArray[np.int8]:
        if "care" not in self.has:
            return np.full(len(faults.good), OUTPATIENT, np.int8)
        found, bad = parse.choices(faults.table["care"], dict(CARE_WORDS), OUTPATIENT)
        faults.add(bad, "care", "care_unknown")
        return found.astype(np.int8)

    def leave_out(self, source: Source) -> None:
        """Quarantine the rows whose number stands more than once."""
        ends = np.cumsum([len(own) for own in self.hashes])
        for piece, places in stood_twice(source, self.hashes):
            ids, _ = column_of(piece.table, "visit_id")
            part = int(np.searchsorted(ends, places[0], side="right"))
            good = self.goods[part]
            first = int(ends[part]) - len(good)
            for row in np.flatnonzero(good[places - first]).tolist():
                key = ids[row].as_py()
                number = int(piece.numbers[row])
                self.quarantined.add(piece.file, number, key, "visit_id", key, "visit_double")
            good[places - first] = False

    def columns(self) -> tuple[pa.Table, pa.ChunkedArray]:
        """Return the visits that are counted, and the ids of their persons."""
        kept = [None if good.all() else np.flatnonzero(good) for good in self.goods]
        names = list(self.parts[0]) if self.parts else []
        made: dict[str, Any] = {}
        for name in names:
            made[name] = np.concatenate(
                [
                    part[name] if rows is None else part[name][rows]
                    for part, rows in zip(self.parts, kept, strict=True)
                ]
            )
        persons = pa.chunked_array(
            [
                own if rows is None else own.take(pa.array(rows))
                for own, rows in zip(self.persons, kept, strict=True)
            ],
            pa.string() if not self.persons else self.persons[0].type,
        )
        self.parts.clear()
        self.persons.clear()
        if not names:
            return pa.table({}), persons
        made["month"] = self.month_of[made["day"] - self.days[0]].astype(np.int8)
        return pa.table(made), persons


def _amount(faults: RowFaults, name: str) -> Ints:
    """Return an amount that a row need not have, 0 for none."""
    values, bad = parse.money(faults.table[name])
    missing = values == parse.MISSING_MONEY
    faults.add(bad, name, "money_invalid")
    faults.add(~bad & ~missing & (values < 0), name, "money_negative")
    return np.where(bad | missing, 0, values)


def _flag(faults: RowFaults, name: str) -> NDArray[np.bool_]:
    values, bad = parse.flags(faults.table[name])
    faults.add(bad, name, "flag_invalid")
    return np.asarray(values == 1)


def _days(faults: RowFaults) -> NDArray[np.int32]:
    values, bad = parse.counts(faults.table[DAYS])
    faults.add(bad, DAYS, "stay_days_invalid")
    return np.maximum(values, 0).astype(np.int32)
