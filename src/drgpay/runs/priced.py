"""Many cases that no run has settled: grouped, and priced by what is published, into one table.

One row for each row that came in, in the order of the file, those that cannot go on with what is
wrong with them. Grouping and reading are those of files of cases; points and money those of
`Pricer`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.checks.facts import CaseFacts, read_facts
from drgpay.cases.duplicates import repeated
from drgpay.cases.pieces import Source
from drgpay.cases.quarantine import RowNote
from drgpay.cases.sources import open_source
from drgpay.ground.arrow import decimal_column, dictionary_column
from drgpay.ground.errors import BooksError, both
from drgpay.ground.money import POINT
from drgpay.ground.threads import default_threads
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.outcome import Counts
from drgpay.grouper.pieces import GroupedPiece
from drgpay.grouper.provisos import DATE_COLUMN
from drgpay.grouper.stream import Sink, Told, run_pieces, told_of
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper
from drgpay.names.codes import CASE_CLASSES, PAID_BY
from drgpay.names.columns import GROUPING_COLUMNS, GROUPING_MORE
from drgpay.names.preview_columns import PREVIEW_SCHEMA
from drgpay.points.kernels import HELD
from drgpay.runs.many_cases import REASONS, ManyReader
from drgpay.runs.one_case import OnePricer
from drgpay.runs.pricing import Pricer
from drgpay.settlement.doubts import doubt_texts

WANTED = tuple(
    dict.fromkeys(
        (*GROUPING_COLUMNS, *GROUPING_MORE, DATE_COLUMN, "hospital_id", "pool", "department",
         "discharge_date", "discharge_way", "total_cost", "pool_fund", "personal_paid",
         "payment_mode", "bed_day_class")
    )
)  # fmt: skip
QUARANTINED = "quarantined"
# what is told of a row whatever came of it
_OF_ROW = (
    "row", "case_id", "hospital_id", "pool", "department", "discharge_date", "days", "scheme",
    "total_cost_fen",
)  # fmt: skip
_UNPRICED, _CLASSES, _PAID_BY = list(REASONS), list(CASE_CLASSES), list(PAID_BY)


@dataclass(frozen=True)
class Pricing:
    """By what cases are priced: a settled run, and yuan a point of each pool at present.

    `hospital`: whose cases alone have a price, and whose those are that do not say it.
    """

    pricer: Pricer
    values: Mapping[str, Fraction]
    hospital: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class PricedCases(Told):
    """What came of a file: `table` has the columns of names/preview_columns.py."""

    table: pa.Table


def price_cases(
    cases: Any,
    grouper: AnyGrouper,
    pricing: Pricing | None,
    *,
    threads: int | None = None,
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> PricedCases:
    """Group and price the cases of a file, a table or a source, one row for each that came in.

    `pricing` None: there is nothing published to price them by. `progress` as in `group_file`.
    Raises InputError for a file that cannot be read, BooksError when counts do not add up.
    """
    source = cases if isinstance(cases, Source) else open_source(cases, WANTED)
    parts: list[pa.Table] = []
    shaper = _Shaper(grouper, pricing)
    sink = Sink(parts.append, None, CodesRead(grouper.own_editions), shape=shaper.table)
    step = progress(source.rows) if progress is not None else None
    before = None if shaper.reader is None else shaper.reader.set_days
    counts = run_pieces(source, grouper, threads or default_threads(), sink, step, before=before)
    broken = _broken(source)
    table = pa.concat_tables([*parts, broken], promote_options="permissive")
    table = table.cast(PREVIEW_SCHEMA) if not parts else table.unify_dictionaries()
    table, counts = _copies_aside(table, counts)
    if len(table) + source_more(source) != counts.total:
        raise BooksError(
            both(
                f"收到 {counts.total} 行，结果有 {len(table)} 行，数目不符",
                f"{counts.total} rows came in, {len(table)} stand in the result",
            ),
            remedy=both(
                "这是 drgpay 的错误，请报告给开发者", "this is a fault of drgpay: please report it"
            ),
        )
    return PricedCases(table=table, **told_of(grouper, counts, sink, source))


def source_more(source: Source) -> int:
    """Return how many broken rows are counted with others, without an entry of their own."""
    return len(source.broken) - sum(1 for _ in source.broken)


def _copies_aside(table: pa.Table, counts: Counts) -> tuple[pa.Table, Counts]:
    """Return cases and counts, every copy of a case id that stands more than once quarantined.

    As at the year's end, also beside a copy that has a fault of its own.
    """
    ids = _whole(table["case_id"])
    told = np.asarray(pc.fill_null(pc.greater(pc.binary_length(ids), 0), False))
    status = _whole(table["status"]).cast(pa.string())
    good = np.asarray(pc.not_equal(status, QUARANTINED))
    own = np.zeros(len(table), dtype=np.bool_)
    own[repeated([ids], [told])] = True
    own &= good
    if not own.any():
        return table, counts
    copies = pa.array(own)
    said = {"status": QUARANTINED, "reason": "duplicate_case", "fault_column": "case_id"}
    columns = {}
    for field in table.schema:
        if field.name in _OF_ROW:
            columns[field.name] = table[field.name]
            continue
        column = _whole(table[field.name])
        words = pa.types.is_dictionary(field.type)
        plain = column.cast(field.type.value_type) if words else column
        value = ids if field.name == "fault_value" else pa.scalar(said.get(field.name), plain.type)
        made = pc.if_else(copies, value, plain)
        columns[field.name] = _as(made.dictionary_encode() if words else made, field.type)
    before = Counter(status.filter(copies).to_pylist())
    return pa.table(columns, schema=table.schema), Counts(
        counts.grouped - before["grouped"],
        counts.ambiguous - before["ambiguous"],
        counts.ungroupable - before["ungroupable"],
        counts.quarantined + before.total(),
    )


def _broken(source: Source) -> pa.Table:
    """Return the rows that never became rows of a table, as quarantined ones."""
    rows = list(source.broken)
    notes = [text if isinstance(text, RowNote) else None for _, _, text in rows]
    made = {
        "row": [number for _, number, _ in rows],
        "case_id": [note.case_id if note else "" for note in notes],
        "status": [QUARANTINED] * len(rows),
        "reason": [note.reason if note else "row_broken" for note in notes],
        "fault_column": [note.column if note else "" for note in notes],
        "fault_value": [str(text)[:120] for _, _, text in rows],
    }
    return pa.table(
        {
            field.name: pa.array(made[field.name], field.type)
            if field.name in made
            else pa.nulls(len(rows), field.type)
            for field in PREVIEW_SCHEMA
        }
    )


class _Shaper:
    """Makes the rows of the result of a grouped piece; called on several threads."""

    def __init__(self, grouper: AnyGrouper, pricing: Pricing | None) -> None:
        self.grouper, self.pricing = grouper, pricing
        self.reader = None
        if pricing is not None:
            self.reader = ManyReader(OnePricer(pricing.pricer), pricing.hospital)
        schemes = (
            [g.scheme for g in grouper.groupers]
            if isinstance(grouper, VersionedGrouper)
            else [grouper.scheme]
        )
        self.mdc_names = {m.mdc: m.name for scheme in schemes for m in scheme.mdcs}
        self.adrg_names = {a.key: a.name for scheme in schemes for a in scheme.adrgs}
        self.drg_names = dict(zip(grouper.numbers.drgs, grouper.numbers.names, strict=True))

    def table(self, part: GroupedPiece, result: pa.Table) -> pa.Table:
        """Return the rows of a piece in the columns of previews."""
        own, facts = part.table, read_facts(part.table)
        count = len(own)
        made: dict[str, Any] = {name: result[name] for name in result.column_names}
        made["row"] = pa.array(part.faults.numbers, pa.int64())
        for name in ("hospital_id", "pool", "department"):
            if name in own.column_names:
                made[name] = _words(own[name])
        made["mdc_name"] = _renamed(made["mdc"], self.mdc_names)
        made["adrg_name"] = _renamed(made["adrg"], self.adrg_names)
        made["drg_name"] = _renamed(made["drg"], self.drg_names)
        if not isinstance(self.grouper, VersionedGrouper):
            made["scheme"] = dictionary_column([self.grouper.scheme.id], np.zeros(count, np.int16))
        made["discharge_date"] = _days(facts.discharge)
        made |= self._priced(part, facts, made)
        column: list[str | None] = [None] * count
        value: list[str | None] = [None] * count
        for row, name, text, _ in part.faults.noted:
            if column[row] is None:
                column[row], value[row] = name, text[:120]
        made["fault_column"] = pa.array(column, pa.string())
        made["fault_value"] = pa.array(value, pa.string())
        return pa.table(
            {
                field.name: _as(made[field.name], field.type)
                if field.name in made
                else pa.nulls(count, field.type)
                for field in PREVIEW_SCHEMA
            }
        )

    def _priced(
        self, part: GroupedPiece, facts: CaseFacts, made: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return days, class, points, money, what holds a case and why there are no points."""
        count, good = len(part.table), part.cases.good
        if self.reader is None or self.pricing is None:
            known = (facts.cost != parse.MISSING_MONEY) & (facts.cost >= 0)
            why = np.where(good, REASONS.index("nothing_published"), 0)
            return {
                "total_cost_fen": pa.array(np.where(known, facts.cost, 0), mask=~known),
                "unpriced": dictionary_column(_UNPRICED, why.astype(np.int16), ~good),
            }
        assert part.faults.stay_days is not None  # set before grouping
        read = self.reader.read(part.table, facts, part.faults.stay_days)
        pricer = self.pricing.pricer
        cases = pricer.unsettled_cases(
            read.pool, np.maximum(read.hospital, 0).astype(np.int32), read.cost, days=read.days,
            day_surgery=read.day_surgery, way=read.way, bed_class=read.bed_class,
            known=good & (read.why == 0), doubts=read.doubts,
        )  # fmt: skip
        values = {**pricer.point_values, **self.pricing.values}
        priced = pricer.priced(cases, _whole(made["drg"]), values)
        unknown = priced.case_class < 0
        # what a held case will be paid is not known until somebody has decided
        unpaid = unknown | (priced.paid_by == HELD)
        held = doubt_texts(np.where(unknown, 0, read.doubts), pricer.rules.hold, count)
        return {
            "total_cost_fen": pa.array(read.cost, mask=~read.cost_known),
            "days": pa.array(read.days, mask=~read.days_known),
            "case_class": dictionary_column(_CLASSES, np.maximum(priced.case_class, 0), unknown),
            "paid_by": dictionary_column(_PAID_BY, np.maximum(priced.paid_by, 0), unknown),
            "doubts": held.dictionary_encode(),
            "points": decimal_column(priced.points, 20, 4, unknown),
            "expected_fen": pa.array(priced.fen, mask=unpaid),
            "over_cost_fen": pa.array(priced.fen - read.cost, mask=unpaid),
            "payment_over_cost": _ratios(priced.fen, read.cost, unpaid),
            "due_fen": pa.array(priced.fen - read.due_less, mask=unpaid | ~read.due_known),
            "unpriced": dictionary_column(_UNPRICED, read.why, ~good | (read.why == 0)),
        }


def _ratios(fen: NDArray[np.int64], cost: NDArray[np.int64], none: NDArray[np.bool_]) -> pa.Array:
    """Return payment over cost with four decimals, half away from 0; null where there is no cost."""
    none = none | (cost == 0)
    bottom = np.where(none, 1, cost)
    return decimal_column((2 * fen * POINT + bottom) // (2 * bottom), 20, 4, none)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, a dictionary as it is."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    made = column.unify_dictionaries().combine_chunks()
    return made.chunk(0) if isinstance(made, pa.ChunkedArray) else made


def _words(column: pa.ChunkedArray) -> pa.Array:
    """Return texts as a small dictionary, without blanks around them."""
    texts = parse.flat(column).cast(pa.string())
    return pc.utf8_trim_whitespace(texts).dictionary_encode()


def _renamed(column: pa.Array | pa.ChunkedArray, names: Mapping[str, str]) -> pa.Array:
    """Return the names of codes, by their dictionary."""
    codes = _whole(column)
    words = [names.get(code or "", "") for code in codes.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(codes.indices, pa.array(words, pa.string()))


def _days(days: NDArray[np.int32]) -> pa.Array:
    return pa.array(days, pa.int32(), mask=days == parse.MISSING_DATE).cast(pa.date32())


def _as(column: Any, kind: pa.DataType) -> pa.Array:
    """Return a column in its declared type."""
    own = _whole(column)
    if own.type == kind:
        return own
    if pa.types.is_dictionary(own.type) and pa.types.is_dictionary(kind):
        words = own.dictionary.cast(pa.string())
        return pa.DictionaryArray.from_arrays(own.indices.cast(kind.index_type), words)
    return own.cast(pa.string()) if pa.types.is_dictionary(own.type) else own.cast(kind)
