"""Many cases that no run has settled: grouped, and priced by what is published, into one table.

One row for each row that came in, in the order of the file, those that cannot go on with what is
wrong with them. Grouping and reading are those of files of cases; points and money those of
`Pricer`.
"""

from __future__ import annotations

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
from drgpay.cases.pieces import Source
from drgpay.cases.quarantine import RowNote
from drgpay.cases.sources import open_source
from drgpay.ground.arrow import decimal_column, dictionary_column
from drgpay.ground.errors import BooksError, both
from drgpay.ground.threads import default_threads
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.pieces import GroupedPiece
from drgpay.grouper.provisos import DATE_COLUMN
from drgpay.grouper.stream import Sink, Told, run_pieces, told_of
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper
from drgpay.names.codes import CASE_CLASSES
from drgpay.names.columns import GROUPING_COLUMNS, GROUPING_MORE
from drgpay.names.preview_columns import PREVIEW_SCHEMA
from drgpay.names.reasons import UNPRICED
from drgpay.runs.pricing import Pricer
from drgpay.settlement.facts import given_days, indexed, stay_days

WANTED = tuple(
    dict.fromkeys(
        (*GROUPING_COLUMNS, *GROUPING_MORE, DATE_COLUMN, "hospital_id", "pool", "department",
         "discharge_date", "discharge_way", "total_cost", "pool_fund", "payment_mode",
         "bed_day_class")
    )
)  # fmt: skip
_UNPRICED = list(UNPRICED)
_NO_PRICE = {name: number for number, name in enumerate(_UNPRICED)}
_CLASSES = list(CASE_CLASSES)


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
    counts = run_pieces(source, grouper, threads or default_threads(), sink, step)
    broken = _broken(source)
    table = pa.concat_tables([*parts, broken], promote_options="permissive")
    table = table.cast(PREVIEW_SCHEMA) if not parts else table.unify_dictionaries()
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


def _broken(source: Source) -> pa.Table:
    """Return the rows that never became rows of a table, as quarantined ones."""
    rows = list(source.broken)
    notes = [text if isinstance(text, RowNote) else None for _, _, text in rows]
    made = {
        "row": [number for _, number, _ in rows],
        "case_id": [note.case_id if note else "" for note in notes],
        "status": ["quarantined"] * len(rows),
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
        """Return days, class, points, money and why there are none."""
        count, good = len(part.table), part.cases.good
        cost_known = (facts.cost != parse.MISSING_MONEY) & (facts.cost >= 0)
        cost = np.where(cost_known, facts.cost, 0)
        answer: dict[str, Any] = {"total_cost_fen": pa.array(cost, mask=~cost_known)}
        if self.pricing is None:
            why = np.where(good, _NO_PRICE["nothing_published"], 0)
            answer["unpriced"] = dictionary_column(_UNPRICED, why.astype(np.int16), ~good)
            return answer
        pricer, values = self.pricing.pricer, self.pricing.values
        days = stay_days(pricer.policy, given_days(part.table), facts.admission, facts.discharge)
        why = np.zeros(count, np.int16)
        _say(why, facts.unreadable.get("total_cost", False), "cost_invalid")
        _say(why, facts.cost == parse.MISSING_MONEY, "no_cost")
        _say(why, ~cost_known, "cost_invalid")
        hospital = self._hospitals(part.table, pricer, why)
        pool = self._pools(part.table, why)
        bed = self._beds(part.table, pricer, facts, hospital, why)
        cases = pricer.unsettled_cases(
            pool, np.maximum(hospital, 0).astype(np.int32), cost, days=days,
            day_surgery=facts.mode == 1, way=np.maximum(facts.discharge_way, 0).astype(np.int8),
            bed_class=bed, known=good & (why == 0),
        )  # fmt: skip
        priced = pricer.priced(cases, _whole(made["drg"]), values)
        unknown = priced.case_class < 0
        fund_known = ~unknown & (facts.fund != parse.MISSING_MONEY) & (facts.fund >= 0)
        fund = np.where(fund_known, facts.fund, 0)
        answer |= {
            "days": pa.array(days),
            "case_class": dictionary_column(_CLASSES, np.maximum(priced.case_class, 0), unknown),
            "points": decimal_column(priced.points, 20, 4, unknown),
            "expected_fen": pa.array(priced.fen, mask=unknown),
            "over_cost_fen": pa.array(priced.fen - cost, mask=unknown),
            "due_fen": pa.array(priced.fen - (cost - fund), mask=~fund_known),
            "unpriced": dictionary_column(_UNPRICED, why, ~good | (why == 0)),
        }
        return answer

    def _hospitals(
        self, table: pa.Table, pricer: Pricer, why: NDArray[np.int16]
    ) -> NDArray[np.int64]:
        """Return the run's number of each case's hospital; -1 where there is none."""
        assert self.pricing is not None
        own = pricer.hospitals.get(self.pricing.hospital, -1)
        if "hospital_id" not in table.column_names:
            numbers, strange = np.full(len(table), -1, np.int64), np.zeros(len(table), np.bool_)
        else:
            numbers, strange = indexed(table["hospital_id"], pricer.hospitals, -1)
        if not self.pricing.hospital:
            _say(why, strange, "hospital_unknown")
            _say(why, numbers < 0, "no_hospital")
            return numbers
        blank = (numbers < 0) & ~strange
        numbers = np.where(blank, own, numbers)
        _say(why, strange | (numbers != own), "other_hospital")
        _say(why, numbers < 0, "hospital_unknown")
        return numbers

    def _pools(self, table: pa.Table, why: NDArray[np.int16]) -> list[str | None]:
        assert self.pricing is not None
        names = list(self.pricing.values)
        only = 0 if len(names) == 1 else -1
        if "pool" not in table.column_names:
            numbers, strange = np.full(len(table), only, np.int64), np.zeros(len(table), np.bool_)
        else:
            known = {name: number for number, name in enumerate(names)}
            numbers, strange = indexed(table["pool"], known, -1)
            numbers = np.where((numbers < 0) & ~strange, only, numbers)
        _say(why, strange, "pool_unknown")
        _say(why, numbers < 0, "no_pool")
        return [None if number < 0 else names[number] for number in numbers.tolist()]

    def _beds(
        self,
        table: pa.Table,
        pricer: Pricer,
        facts: CaseFacts,
        hospital: NDArray[np.int64],
        why: NDArray[np.int16],
    ) -> NDArray[np.int16]:
        """Return the run's number of each case's class of bed-days, -1 where it has none."""
        count = len(table)
        numbers, strange = np.full(count, -1, np.int64), np.zeros(count, np.bool_)
        if "bed_day_class" in table.column_names:
            numbers, strange = indexed(table["bed_day_class"], pricer.bed_classes, -1)
        _say(why, (facts.mode == 2) & (numbers < 0) & ~strange, "no_bed_day_class")
        bands = pricer.rules.beds.bands_of[np.maximum(hospital, 0), np.maximum(numbers, 0)]
        without = (numbers >= 0) & (bands[:, 1] <= bands[:, 0])
        _say(why, strange | without, "no_bed_day_rate")
        return numbers.astype(np.int16)


def _say(why: NDArray[np.int16], rows: Any, name: str) -> None:
    """Note why some rows have no price, the first reason of each."""
    why[np.asarray(rows, dtype=np.bool_) & (why == 0)] = _NO_PRICE[name]


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
