"""What a worker does with its batches of Arrow: read and group cases; settle the stays of patients.

A job travels pickled with the function that Spark ships, and each worker's process opens it once.
Nothing here depends on how Spark divides the rows.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.layout import Layout
from drgpay.cases.parquet import check_texts
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import Quarantine
from drgpay.ground.arrow import plain_column
from drgpay.ground.errors import InputError, both
from drgpay.grouper.codes_read import CodesRead
from drgpay.policy import Policy, YearPolicy
from drgpay.region.records import Region
from drgpay.runs.year_tables import bed_day_stays, case_tables, stay_columns
from drgpay.settlement.pieces import COLUMNS, piece_columns, piece_of
from drgpay.settlement.prepare import (
    PastReader,
    PieceReader,
    Prepared,
    at_year_end,
    grouper_of,
    versions_grouped,
)
from drgpay.settlement.referrals import Stay, chain_stays, made_of
from drgpay.settlement.totals import YearSums, piece_items, sums_of
from drgpay.settlement.year_end import ScoredYear, score_stays
from drgpay.settlement.year_rules import YearRules
from drgpay.spark.engine import told

PIECE_ROWS = 100_000  # rows that are read at once
FILE, ROW = "_drgpay_file", "_drgpay_row"
NOTE = ("note_column", "note_value", "note_reason")  # the first fault of a row
WHERE = [("file", pa.string()), ("row", pa.int64())]
# in one row of each piece stands what became of its codes
NOTED = [*((name, pa.string()) for name in NOTE), ("codes", pa.binary())]
READ = pa.schema([*WHERE, *(own for own in COLUMNS if own.name != "numbers"), *NOTED])
PAST = pa.schema(
    [
        *WHERE,
        *((name, pa.string()) for name in ("case_id", "patient_id")),
        *((name, pa.int32()) for name in ("grp", "year", "hospital")),
        # `place`: account x 12 + month in the year before, -1 for none
        *((name, pa.int64()) for name in ("cost", "not_pool", "place", "fund")),
        *NOTED,
    ]
)
COPY = "copy"  # whether the case id of a row stands in others, too
PARTS = ("part", "items")  # beside the table of cases: sums, and cases with bounds of their own
Batches = Iterable[pa.RecordBatch]


def packed(value: Any) -> bytes:
    """Return what a worker hands to the driver as bytes."""
    return zlib.compress(pickle.dumps(value), 1)


def unpacked(data: bytes) -> Any:
    """Return what a worker handed over; all of it was written by this run."""
    return pickle.loads(zlib.decompress(data))


@lru_cache(maxsize=8)
def _opened(job: bytes) -> Any:
    return pickle.loads(job)


def in_batches(job: ReadJob) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Return the stage that reads batches by a job."""
    shipped = pickle.dumps(job)

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        with told():
            own = _opened(shipped)
            for piece, rows in _pieces(batches, own.layout):
                yield from own.table(piece, rows).to_batches()

    return run


def in_groups(job: SettleJob) -> Callable[[pa.Table], Any]:
    """Return the stage that settles all stays of some patients at once by a job."""
    shipped = pickle.dumps(job)

    def run(table: pa.Table) -> Any:
        with told():
            return _opened(shipped).table(table)

    return run


# --- batches to pieces


def _tables(batches: Batches) -> Iterator[pa.Table]:
    """Yield tables of at least PIECE_ROWS rows, the last ones excepted."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= PIECE_ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _pieces(batches: Batches, layout: Layout) -> Iterator[tuple[Piece, pa.ChunkedArray]]:
    """Yield pieces of one file each, numbered from 0, and the numbers of their rows in the file."""
    for table in _tables(batches):
        for file in pc.unique(table[FILE]).to_pylist():
            own = table.filter(pc.equal(table[FILE], file))
            columns = own.select(list(range(len(layout.positions))))
            yield Piece(file, 0, partial(_shape, layout, columns, file)), own[ROW]


def _shape(layout: Layout, table: pa.Table, file: str) -> pa.Table:
    try:
        check_texts(table)
    except pa.ArrowInvalid:
        raise InputError(
            both("有的文字不是UTF-8编码", "some texts are not UTF-8"),
            where=file,
            remedy=both("由原系统重新导出", "export the cases again"),
        ) from None
    return layout.shape(table)


def _read(
    file: str,
    rows: pa.ChunkedArray,
    notes: Quarantine,
    codes: tuple[Any, Any, NDArray[np.int8], NDArray[np.int8]],
    columns: Mapping[str, Any],
    schema: pa.Schema,
) -> pa.Table:
    """Return columns of a piece by a schema, with where its rows stand and what is noted of them."""
    count = len(rows)
    noted: dict[str, list[Any]] = {name: [None] * count for name in (*NOTE, "codes")}
    for _, row, _, *note in notes.rows:
        for name, text in zip(NOTE, note, strict=True):
            noted[name][row] = text
    if count:
        read = CodesRead(())
        read.add(*codes)
        noted["codes"][0] = packed(read)
    every = {"file": [file] * count, "row": rows, **columns, **noted}
    table = {}
    for own in schema:
        column = every.get(own.name)
        if isinstance(column, pa.Array | pa.ChunkedArray):
            column = plain_column(column)
        table[own.name] = pa.nulls(count, own.type) if column is None else pa.array(column)
    return pa.table(table).cast(schema)


# --- cases and past cases


@dataclass(frozen=True)
class ReadJob:
    """How the year's cases are read; `editions` of files whose rows do not say it."""

    region: Region
    policy: YearPolicy
    layout: Layout
    editions: Mapping[str, str] = field(default_factory=dict)

    schema = READ

    @cached_property
    def reader(self) -> PieceReader:
        """The reader of cases, as on one machine."""
        return PieceReader(self.region, self.policy, grouper_of(self.region))

    def table(self, piece: Piece, rows: pa.ChunkedArray) -> pa.Table:
        """Return a piece read and grouped."""
        read, part = self.reader.read(piece, self.editions.get(piece.file, ""))
        codes = (part.cases.tally, part.cases.changes, read.status, read.reason)
        return _read(piece.file, rows, read.notes, codes, piece_columns(read), READ)


@dataclass(frozen=True)
class PastJob(ReadJob):
    """How past cases are read."""

    schema = PAST

    @cached_property
    def past(self) -> PastReader:
        """The reader of past cases, as on one machine."""
        grouper = grouper_of(self.region)
        main = at_year_end(grouper, self.region.year)
        return PastReader(self.region, self.policy, main, grouper.numbers)

    def table(self, piece: Piece, rows: pa.ChunkedArray) -> pa.Table:
        """Return a piece read and grouped."""
        edition = self.editions.get(piece.file, self.region.history_codes or "")
        kept, columns = self.past.read(piece, edition)
        place = np.where(kept.bad, -1, kept.place)
        made = {name: own for name, own in columns.items() if own is not None}
        made |= {"grp": made.pop("group"), "place": place, "fund": kept.fund}
        return _read(piece.file, rows, kept.quarantine, kept.codes, made, PAST)


# --- classes, points, prices and sums


@dataclass(frozen=True)
class Part:
    """What the stays of some patients come to, but for their rows.

    `versions`: cases by version of a family; `beds`: tables of per-diem stays; `chains`: of each
    chain of referral its stays and by name what they came to.
    """

    year: YearSums
    versions: NDArray[np.int64]
    beds: list[pa.Table]
    chains: list[tuple[tuple[Stay, ...], dict[str, list[Any]]]]

    @classmethod
    def of(cls, made: ScoredYear) -> Part:
        """Return what scored stays come to."""
        prepared = made.prepared
        chains = chain_stays(prepared, made.policy) if prepared.has_referrals else []
        year = sums_of(made.pieces, made.totals, prepared, made.region)
        return cls(
            replace(year, items_of=None),
            versions_grouped(prepared.grouper, prepared.pieces),
            [bed_day_stays(made)],
            [(c, made_of(made.pieces, np.array([s.place for s in c]))) for c in chains],
        )

    def __add__(self, other: Part) -> Part:
        return Part(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Part)))


@dataclass(frozen=True)
class SettleJob:
    """What points and prices hang on besides the cases."""

    region: Region
    loaded: Policy
    policy: YearPolicy
    rules: YearRules

    @cached_property
    def prepared(self) -> Prepared:
        """The year without its cases."""
        grouper = grouper_of(self.region)
        return Prepared.without_cases(self.region, self.loaded, self.policy, grouper)

    def table(self, given: pa.Table) -> pa.Table:
        """Return what the table of cases says of all stays of some patients, and their sums.

        The sums stand in the first row, as those of each case with bounds of its own.
        """
        rows = given.append_column("numbers", given["row"].fill_null(0))
        read = piece_of(rows, "", Quarantine())
        made = score_stays(self.prepared, read, np.flatnonzero(given[COPY]), self.rules)
        piece = made.pieces[0]
        (cases,) = case_tables(made, "; ".join(self.policy.trial))
        columns = {name: plain_column(cases[name]) for name in cases.column_names}
        columns |= stay_columns(piece) | {n: plain_column(given[n]) for n in ("file", "row")}
        first: dict[str, list[Any]] = {name: [None] * len(given) for name in PARTS}
        if len(given):
            first["part"][0] = packed(Part.of(made))
            if self.policy.says("bound.level", "case", "none", "hospital"):
                first["items"][0] = packed(piece_items(piece, len(self.region.pools)))
        return pa.table(columns | {n: pa.array(own, pa.binary()) for n, own in first.items()})
