"""What a worker does with its batches of Arrow: read, check and group, then score.

A job is broadcast once and kept by each worker's process; what it names (scheme, kernels) is
rebuilt there. Nothing here depends on how Spark divides the rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.layout import Layout
from drgpay.cases.parquet import check_texts
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import Quarantine
from drgpay.ground.errors import InputError, both
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.engine import Grouper
from drgpay.grouper.pieces import GroupedPiece
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, any_grouper
from drgpay.perdiem.points import BedDayTables
from drgpay.points.base import BasePoints
from drgpay.points.readmission import reduced_points
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.runs.year_tables import case_tables
from drgpay.settlement.facts import CaseReader, Facts
from drgpay.settlement.pieces import ReadPiece, ReadPieces
from drgpay.settlement.prepare import PieceReader, past_piece
from drgpay.settlement.scored import OfChain, ScoredPiece, check_alone, put_chains, score_chains
from drgpay.settlement.scoring import Reviews, Rules, hold_cases, score
from drgpay.settlement.stays import Chain, Kinds, chains_of
from drgpay.spark.faults import told
from drgpay.spark.schemas import CHAIN, CHAINED, ITEMS, PACKED, PAST, READ, TO_SCORE

PIECE_ROWS = 100_000  # rows that are worked on at once
FILE, ROW = "_drgpay_file", "_drgpay_row"
Job = TypeVar("Job")
Batches = Iterable[pa.RecordBatch]


class Shipped(Generic[Job]):
    """A job as workers get it: Spark's broadcast variable, or the job itself."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def job(self) -> Job:
        """Return the job, in the worker."""
        return cast(Job, getattr(self.held, "value", self.held))


@dataclass(frozen=True)
class ReadJob:
    """How cases, or past cases, are read; `history_years` are the first and last of those."""

    key: str
    region: Region
    policy: YearPolicy
    layout: Layout
    history_years: tuple[int, int] = (0, 0)
    of_year: int | None = None
    editions: Mapping[str, str] = field(default_factory=dict)  # of files whose rows do not say it


@dataclass(frozen=True)
class ScoreJob:
    """What points and prices hang on besides the cases."""

    key: str
    region: Region
    policy: YearPolicy
    rules: Rules
    base: BasePoints
    beds: BedDayTables
    trial: str


@dataclass(frozen=True)
class ChainJob:
    """What chains of referral hang on besides the cases."""

    key: str
    region: Region
    policy: YearPolicy
    rules: Rules


_KEPT: dict[str, tuple[str, Any]] = {}  # by kind of job: the key of the last one, what it made


def _kept(kind: str, key: str, make: Callable[[], Any]) -> Any:
    """Return what a job needs, made once in each process."""
    if _KEPT.get(kind, ("",))[0] != key:
        _KEPT[kind] = key, make()
    return _KEPT[kind][1]


def grouper_of(region: Region) -> AnyGrouper:
    """Return the grouper of a region's scheme; a scheme of its own must lie where workers can read."""
    return any_grouper(region.scheme, region.readings, region.codes, region.path)


def at_year_end(grouper: AnyGrouper, year: int) -> Grouper:
    """Return the grouper in force when the year ends."""
    if isinstance(grouper, VersionedGrouper):
        return grouper.at(dt.date(year, 12, 31))
    return grouper


# --- batches to pieces


def _tables(batches: Batches, rows: int = PIECE_ROWS) -> Iterator[pa.Table]:
    """Yield tables of at least so many rows, the last ones excepted."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch)
        if count >= rows:
            yield pa.Table.from_batches(held)
            held, count = [], 0
    if count:
        yield pa.Table.from_batches(held)


def _pieces(batches: Batches, layout: Layout) -> Iterator[tuple[Piece, pa.ChunkedArray]]:
    """Yield pieces of one file each, numbered from 0, and the numbers of their rows in the file."""
    for table in _tables(batches):
        files = table[FILE].combine_chunks().dictionary_encode()
        codes = np.asarray(files.indices)
        cuts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(table)]
        for start, end in pairwise(cuts):
            part = table.slice(start, end - start)
            file = str(files.dictionary[int(codes[start])])
            own = part.select(list(range(len(layout.positions))))
            yield Piece(file, 0, _loader(layout, own, file)), part[ROW]


def _loader(layout: Layout, table: pa.Table, file: str) -> Callable[[], pa.Table]:
    def load() -> pa.Table:
        try:
            check_texts(table)
        except pa.ArrowInvalid:
            raise InputError(
                both("有的文字不是UTF-8编码", "some texts are not UTF-8"),
                where=file,
                remedy=both("由原系统重新导出", "export the cases again"),
            ) from None
        return layout.shape(table)

    return load


# --- cases


class _NoChecks:
    """Stands where checks of front pages would be: they are not made on Spark."""

    def piece(self, part: GroupedPiece) -> GroupedPiece:
        """Find nothing; what became of the codes of a piece is seen by who reads it."""
        return part


class CodesSum:
    """How Spark adds what workers tell of the codes that they read."""

    def zero(self, value: CodesRead) -> CodesRead:
        """Return what nothing adds up to."""
        return CodesRead(value.own)

    def addInPlace(self, one: CodesRead, other: CodesRead) -> CodesRead:
        """Add what another part read."""
        one.merge(other)
        return one


@dataclass(frozen=True)
class _Reader:
    reader: PieceReader
    kinds: Kinds

    @classmethod
    def of(cls, job: ReadJob) -> _Reader:
        grouper = grouper_of(job.region)
        prepared: Any = SimpleNamespace(numbers=grouper.numbers)
        return cls(PieceReader(job.region, job.policy, grouper), Kinds(prepared, job.policy))


def _codes(found: tuple[Any, Any, NDArray[np.int8], NDArray[np.int8]]) -> CodesRead:
    codes = CodesRead(())
    codes.add(*found)
    return codes


def read_cases(
    shipped: Shipped[ReadJob], codes: Any
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Return the stage that reads, checks and groups the year's cases."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        with told():
            job = shipped.job()
            own: _Reader = _kept("read", job.key, lambda: _Reader.of(job))
            for piece, rows in _pieces(batches, job.layout):
                edition = job.editions.get(piece.file, "")
                read, part = own.reader.read(piece, edition, cast(Any, _NoChecks()))
                cases = cast(GroupedPiece, part).cases
                codes.add(_codes((cases.tally, cases.changes, read.status, read.reason)))
                yield from _read_table(read, rows, own.kinds).to_batches()

    return run


def _notes(quarantine: Quarantine, count: int) -> dict[str, pa.Array]:
    """Return the first fault of each row; rows are numbered from 0."""
    columns: list[list[str | None]] = [[None] * count for _ in range(3)]
    for _, row, _, column, value, reason in quarantine.rows:
        for own, text in zip(columns, (column, value, reason), strict=True):
            own[row] = text
    names = ("note_column", "note_value", "note_reason")
    return {n: pa.array(own, pa.string()) for n, own in zip(names, columns, strict=True)}


def _plain(column: Any) -> Any:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _shaped(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    arrays = [_plain(columns[f.name]).cast(f.type) for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _read_table(read: ReadPiece, rows: pa.ChunkedArray, kinds: Kinds) -> pa.Table:
    f, count = read.facts, len(read.status)
    takes_part = kinds.eligible(read)
    named = pc.fill_null(pc.not_equal(read.patient_id, ""), False)
    takes_part &= np.asarray(named)
    reviewed = len(read.reviews.decision) > 0
    none = np.zeros(count, np.int64)
    columns: dict[str, Any] = {
        "file": pa.array([read.file], pa.string()).take(pa.array(none)),
        "row": rows,
        "case_id": read.case_id,
        "patient_id": read.patient_id,
        "severity_diagnosis": read.severity_diagnosis,
        "personal": pa.nulls(count, pa.int64()) if f.personal is None else pa.array(f.personal),
        "kind": pa.array(kinds.of(read), mask=~takes_part),
        "version": pa.nulls(count, pa.int8()) if read.version is None else pa.array(read.version),
        "decision": pa.array(read.reviews.decision if reviewed else none),
        "unreasonable": pa.array(read.reviews.unreasonable if reviewed else none),
        "review_points": pa.array(read.reviews.points if reviewed else none - 1),
        **_notes(read.notes, count),
    }
    texts = pa.nulls(count, pa.string())
    columns["referral"] = texts if read.referral is None else read.referral
    given = read.deductible
    columns["deductible"] = pa.nulls(count, pa.int64()) if given is None else pa.array(given)
    for name in READ.names:
        if name not in columns:
            own = getattr(f if name in Facts.__dataclass_fields__ else read, name)
            columns[name] = pa.array(own)
    return _shaped(columns, READ)


# --- history


@dataclass(frozen=True)
class _PastReader:
    grouper: Grouper
    group_of: NDArray[np.int64]
    reader: CaseReader

    @classmethod
    def of(cls, job: ReadJob) -> _PastReader:
        grouper = grouper_of(job.region)
        main = at_year_end(grouper, job.region.year)
        number_of = {drg: i for i, drg in enumerate(grouper.numbers.drgs)}
        group_of = [number_of[main.numbers.drgs[i]] for i in main.numbers.drg_of.tolist()]
        reader = CaseReader(job.region, job.policy, job.history_years)
        return cls(main, np.array(group_of, dtype=np.int64), reader)


def read_history(
    shipped: Shipped[ReadJob], codes: Any
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Return the stage that reads, checks and groups past cases."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        with told():
            job = shipped.job()
            own: _PastReader = _kept("past", job.key, lambda: _PastReader.of(job))
            for piece, rows in _pieces(batches, job.layout):
                edition = job.editions.get(piece.file, job.region.history_codes or "")
                kept, columns = past_piece(
                    piece, edition, own.grouper, own.group_of, own.reader, job.of_year
                )
                codes.add(_codes(kept.codes))
                yield from _past_table(piece.file, rows, kept, columns).to_batches()

    return run


def _past_table(file: str, rows: pa.ChunkedArray, kept: Any, columns: dict[str, Any]) -> pa.Table:
    count = len(kept.bad)
    place, fund = np.zeros(count, np.int64), np.zeros(count, np.int64)
    none = np.ones(count, np.bool_)
    if kept.last is not None:
        own, places, funds = kept.last
        good = ~kept.bad[own]
        own = own[good]
        place[own], fund[own], none[own] = places[good], funds[good], False
    patients = columns["patient_id"]
    made = {
        "file": pa.array([file], pa.string()).take(pa.array(np.zeros(count, np.int64))),
        "row": rows,
        "case_id": columns["case_id"],
        "patient_id": pa.nulls(count, pa.string()) if patients is None else patients,
        "grp": pa.array(columns["group"]),
        "year": pa.array(columns["year"]),
        "cost": pa.array(columns["cost"]),
        "hospital": pa.array(columns["hospital"]),
        "not_pool": pa.array(columns["not_pool"]),
        "place": pa.array(place, mask=none),
        "fund": pa.array(fund, mask=none),
        **_notes(kept.quarantine, count),
    }
    return _shaped(made, PAST)


# --- chains of referral


def find_chains(shipped: Shipped[ChainJob]) -> Callable[[pa.Table], pa.Table]:
    """Return the stage that finds and scores the chains among all stays of some patients."""

    def run(table: pa.Table) -> pa.Table:
        with told():
            job = shipped.job()
            pieces = ReadPieces()
            pieces.append(_read_piece(table))
            communities = [h.community for h in job.region.hospitals]
            chains = chains_of(pieces, communities, job.policy["referral.days"])
            made = score_chains(pieces, job.rules, chains).get(0, {}) if chains else {}
            return _chained(table, chains, made)

    return run


def _chained(table: pa.Table, chains: Sequence[Chain], made: Mapping[int, OfChain]) -> pa.Table:
    first = {chain.places[0] for chain in chains}
    last = {chain.places[-1] for chain in chains}
    rows: list[dict[str, Any]] = [{} for _ in range(len(table))]
    for row, own in made.items():
        rows[row] = {
            "chain": own.lead,
            "chain_first": row in first,
            "chain_last": row in last,
            "chain_class": own.case_class,
            "chain_coefficient": own.coefficient,
            "chain_points": own.points,
            "chain_paid_by": own.paid_by,
            "chain_price": own.price,
            "chain_unreasonable": own.unreasonable,
        }
    more = pa.Table.from_pylist(rows, CHAIN)
    columns = {name: table[name] for name in READ.names}
    columns |= {name: more[name] for name in CHAIN.names}
    return pa.table(columns).cast(CHAINED)


def _of_chains(table: pa.Table) -> dict[int, OfChain]:
    """Return what the stays of chains come to, by row."""
    rows = np.flatnonzero(np.asarray(table["chain"].is_valid()))
    if not len(rows):
        return {}
    own = table.select(CHAIN.names).take(pa.array(rows)).to_pylist()
    return {
        row: OfChain(
            c["chain_class"],
            c["chain_coefficient"],
            c["chain_points"],
            c["chain_paid_by"],
            c["chain_price"],
            c["chain_unreasonable"],
            c["chain"],
        )
        for row, c in zip(rows.tolist(), own, strict=True)
    }


# --- points


def _read_piece(table: pa.Table) -> ReadPiece:
    """Return rows of READ as a piece."""

    def of(name: str) -> Any:
        return table[name].combine_chunks().to_numpy(zero_copy_only=False)

    names = [n for n in Facts.__dataclass_fields__ if n not in ("personal", "doubt", "apart")]
    personal = of("personal") if table["personal"].null_count == 0 else None
    count = len(table)
    return ReadPiece(
        "",
        np.zeros(count, np.int64),
        table["case_id"].combine_chunks(),
        table["patient_id"].combine_chunks(),
        table["severity_diagnosis"].combine_chunks(),
        Facts(**{n: of(n) for n in names}, personal=personal, doubt=of("doubt").astype(np.uint8)),
        of("drg"),
        of("adrg"),
        of("mdc"),
        of("status"),
        of("reason"),
        of("level").astype(np.uint8),
        Reviews(of("decision"), of("unreasonable"), of("review_points")),
        Quarantine(),
        referral=table["referral"].combine_chunks(),
    )


@dataclass(frozen=True)
class _Scorer:
    job: ScoreJob
    run: Any
    factor: Fraction

    @classmethod
    def of(cls, job: ScoreJob) -> _Scorer:
        grouper = grouper_of(job.region)
        run = SimpleNamespace(
            numbers=grouper.numbers,
            prepared=SimpleNamespace(grouper=grouper),
            region=job.region,
            base=job.base,
            beds=job.beds,
            policy=job.policy,
            pieces=[],
        )
        return cls(job, run, Fraction(job.policy["readmission.factor"]))

    def score(self, table: pa.Table) -> pa.Table:
        """Return what the run folder's table of cases says of them, with the facts of their stay."""
        p = self._scored(table)
        self.run.pieces = [p]
        (made,) = case_tables(self.run, self.job.trial)
        f = p.facts
        known = p.status < 3

        def day(days: NDArray[np.int32]) -> pa.Array:
            return pa.array(days, pa.int32(), mask=~known).view(pa.date32())

        more = {
            "patient_id": table["patient_id"],
            "admission_date": day(f.admission),
            "discharge_date": day(f.discharge),
            "key_date": day(f.key_day),
            "review": pa.array(p.reviews.decision),
            "file": table["file"],
            "row": table["row"],
        }
        columns = {name: _plain(made[name]) for name in made.column_names}
        return pa.table({**columns, **{n: _plain(c) for n, c in more.items()}})

    def _scored(self, table: pa.Table) -> ScoredPiece:
        rules, read = self.job.rules, _read_piece(table)
        made = score(rules, read.status, read.drg, read.facts, read.reviews)
        chained = _of_chains(table)
        check_alone(rules, read.facts, read.reviews, made, read.case_id, chained)
        chain = put_chains(made, chained)
        hold_cases(read.facts.doubt, rules.hold, read.reviews, made)
        day = table["correction_day"].combine_chunks().to_numpy(zero_copy_only=False)
        again = day >= 0
        points = made.points
        if again.any():
            points = points.copy()
            points[again] = reduced_points(points[again], self.factor, rules.step)
        return ScoredPiece(
            read,
            made.case_class,
            made.coefficient,
            made.points,
            points,
            again,
            day,
            made.paid_by,
            made.price,
            made.unreasonable,
            made.apart,
            chain,
        )


def scored_schema(job: ScoreJob) -> pa.Schema:
    """Return the columns of scored cases."""
    return _Scorer.of(job).score(TO_SCORE.empty_table()).schema


def score_cases(
    shipped: Shipped[ScoreJob], schema: pa.Schema
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Return the stage that gives cases their class, points and price."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        with told():
            job = shipped.job()
            own: _Scorer = _kept("score", job.key, lambda: _Scorer.of(job))
            for table in _tables(batches):
                yield from own.score(table).cast(schema).to_batches()

    return run


# --- bounds on each case


def pack(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Pack rows of ITEMS into compressed blobs, which the driver takes one by one."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    for table in _tables(batches):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, ITEMS, options=options) as writer:
            writer.write_table(table.cast(ITEMS))
        yield pa.record_batch([pa.array([sink.getvalue().to_pybytes()], pa.binary())], PACKED)


def unpack(packed: bytes) -> pa.Table:
    """Return the rows of a blob."""
    return pa.ipc.open_stream(packed).read_all()
