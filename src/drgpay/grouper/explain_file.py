"""Explain the cases of files, streamed to a Parquet file: one row for every case that came in."""

from __future__ import annotations

import datetime as dt
import gc
import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.encode import Codes
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import Piece
from drgpay.cases.sources import open_source
from drgpay.ground.arrow import decimal_column
from drgpay.ground.errors import Bilingual, BooksError, InputError, both
from drgpay.ground.outputs import not_an_input, result_file, whole_file
from drgpay.grouper import explain_text as words
from drgpay.grouper.changes import Price
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.engine import Grouper, select
from drgpay.grouper.explain import Explanation, ManyPrices, explainer_of
from drgpay.grouper.outcome import REASONS, STATUSES, Counts
from drgpay.grouper.pieces import GroupedPiece, group_piece
from drgpay.grouper.provisos import DATE_COLUMN
from drgpay.grouper.trace import MEMORY, Tried
from drgpay.grouper.versions import (
    AnyGrouper,
    VersionedGrouper,
    VersionUse,
    any_grouper,
    version_warnings,
)
from drgpay.names.columns import CODED, GROUPING_COLUMNS, GROUPING_MORE, both_names
from drgpay.names.readings import Readings
from drgpay.schemes import Scheme
from drgpay.schemes.versions import Family

CHUNK = 4_000  # cases explained together
ROWS_OF_A_GROUP = 32_000
FOR_A_POOL = 12_000  # cases from which other processes are worth their start

TEXT, FLAG = pa.string(), pa.bool_()
_POINTS = pa.decimal128(20, 4)


def _list_of(**fields: pa.DataType) -> pa.ListType:
    return pa.list_(pa.struct(list(fields.items())))


_TRIED = _list_of(group=TEXT, took=FLAG, near=FLAG, failed=TEXT)
_SEVERITY = _list_of(diagnosis=TEXT, level=TEXT, exclusion_list=TEXT, verdict=TEXT, decides=FLAG)
_NEAREST = _list_of(drg=TEXT, change=TEXT, points=_POINTS, fen=pa.int64())
SCHEMA = pa.schema(
    [
        *((name, TEXT) for name in ("case_id", "scheme", "mdc", "adrg", "drg")),
        *((name, TEXT) for name in ("status", "reason", "severity")),
        ("points", _POINTS),
        ("fen", pa.int64()),
        *((name, _TRIED) for name in ("mdc_tried", "adrg_tried", "drg_tried")),
        ("severities", _SEVERITY),
        ("nearest", _NEAREST),
        ("text", TEXT),
    ]
)


class Prices(Protocol):
    """Prices of the cases of a table; must be able to go to another process."""

    def of_table(self, table: pa.Table) -> ManyPrices:
        """Return what tells the prices of the table's cases, by place, in groups."""


@dataclass(frozen=True, slots=True)
class ExplainedFile:
    """What `explain_file` did: where the explanations lie, and how the cases ended.

    `codes`: how the codes were read, and what holds with a proviso; `versions` counts the cases of
    each version of a family.
    """

    path: Path
    counts: Counts
    codes: CodesRead
    versions: tuple[VersionUse, ...] = ()

    @property
    def warnings(self) -> list[Bilingual]:
        """What the reader must know of the schemes used."""
        return [*self.codes.provisos(), *version_warnings(self.versions)]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Cases to be explained together, and the edition of the codes of those that say none."""

    table: pa.Table
    file: str
    first_row: int
    edition: str


@dataclass(frozen=True, slots=True)
class _Done:
    """The explanations of a chunk, and what is told of it: ends, codes, cases by version."""

    table: pa.Table
    counts: Counts
    codes: CodesRead
    versions: NDArray[np.int64] | None


@contextmanager
def _without_collection() -> Iterator[None]:
    """Keep Python from looking for cycles: explanations hold none, and there are many of them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Worker:
    """Explains chunks of cases; one in each process."""

    def __init__(self, grouper: AnyGrouper, prices: Prices | None, lang: str) -> None:
        self.grouper, self.prices, self.lang = grouper, prices, lang
        # by identity: MDCs tried alike are one object for all cases
        self._kept: dict[int, tuple[tuple[Tried, ...], tuple[NDArray[np.int32], ...]]] = {}
        self._number: dict[tuple[str, bool, bool, str], int] = {}

    def explain(self, chunk: _Chunk) -> _Done:
        """Return the explanations of the cases of a chunk, one row each, and how they ended."""
        with _without_collection():
            part = group_piece(
                Piece(chunk.file, chunk.first_row, lambda: chunk.table),
                self.grouper,
                None,
                chunk.edition,
            )
            rows = np.flatnonzero(part.cases.good)
            made = explanations(part, rows, self.grouper, chunk.edition, self.prices)
            codes = CodesRead(self.grouper.own_editions)
            codes.add(
                part.cases.tally, part.cases.changes, part.grouped.status, part.grouped.reason
            )
            versions = None
            if isinstance(self.grouper, VersionedGrouper) and part.version is not None:
                versions = self.grouper.count(part.version, part.grouped.status)
            return _Done(self._table(part, rows, made), part.grouped.counts(), codes, versions)

    def _table(self, part: GroupedPiece, rows: Any, made: Sequence[Explanation]) -> pa.Table:
        count = len(part.table)
        place = np.full(count, -1, np.int64)
        place[rows] = np.arange(len(rows))
        spread = pa.array(place, mask=place < 0)
        whole = len(rows) == count

        def column(values: pa.Array) -> pa.Array:
            return values if whole else values.take(spread)

        g = part.grouped
        status = pa.array(STATUSES).take(pa.array(g.status))
        reason = pa.array(REASONS).take(pa.array(g.reason))
        price = [e.price for e in made]
        tried = self._tried_columns([e.trace.attempts[-1].mdcs for e in made])
        lang = self.lang
        changes = [[words.changes_text(n.changes, e, lang) for n in e.nearest] for e in made]
        texts = ["\n".join(words.lines(e, lang, c)) for e, c in zip(made, changes, strict=True)]
        columns = {
            "case_id": parse.flat(part.table["case_id"]).cast(TEXT),
            "scheme": column(pa.array([e.scheme for e in made], TEXT)),
            **{
                name: column(pa.array([getattr(e.grouping, name) for e in made], TEXT))
                for name in ("mdc", "adrg", "drg", "severity")
            },
            "status": status,
            "reason": reason,
            "points": column(_points(price)),
            "fen": column(pa.array([None if p is None else p.fen for p in price], pa.int64())),
            **dict(zip(("mdc_tried", "adrg_tried", "drg_tried"), map(column, tried), strict=True)),
            "severities": column(_severities(made)),
            "nearest": column(_nearest(made, changes)),
            "text": column(pa.array(texts, TEXT)),
        }
        return pa.table(columns).select(SCHEMA.names).cast(SCHEMA)

    def _tried_columns(self, cases: Sequence[tuple[Tried, ...]]) -> list[pa.Array]:
        """Return the MDCs, ADRGs and DRGs that were tried on each case, as list columns."""
        numbers = [self._numbers(mdcs) for mdcs in cases]
        fields: list[Any] = list(zip(*self._number, strict=True)) or [(), (), (), ()]
        struct = _TRIED.value_type
        arrays = [pa.array(values, struct.field(i).type) for i, values in enumerate(fields)]
        made = []
        for which in range(3):
            own = [n[which] for n in numbers]
            index = pa.array(np.concatenate([*own, np.zeros(0, np.int32)]))
            made.append(_lists(_TRIED, list(map(len, own)), [a.take(index) for a in arrays]))
        return made

    def _numbers(self, mdcs: tuple[Tried, ...]) -> tuple[NDArray[np.int32], ...]:
        known = self._kept.get(id(mdcs))
        if known is None:
            if len(self._kept) > MEMORY:
                self._kept.clear()
            inner = [step for mdc in mdcs for step in mdc.inner]
            drgs = [drg for step in inner for drg in step.inner]
            found = tuple(
                np.array([self._row(step) for step in steps], np.int32)
                for steps in (mdcs, inner, drgs)
            )
            known = self._kept[id(mdcs)] = (mdcs, found)
        return known[1]

    def _row(self, step: Tried) -> int:
        near = step.failure is not None and step.failure.near
        row = (step.rule.key, step.took, near, words.failed_text(step, self.lang))
        return self._number.setdefault(row, len(self._number))


def _lists(kind: pa.DataType, lengths: Sequence[int], columns: Sequence[Sequence[Any]]) -> pa.Array:
    """Return a list column of structs from the values of the structs' fields, end to end."""
    struct = kind.value_type
    arrays = [
        values if isinstance(values, pa.Array) else pa.array(values, struct.field(i).type)
        for i, values in enumerate(columns)
    ]
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    fields = [struct.field(i) for i in range(struct.num_fields)]
    values = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.ListArray.from_arrays(pa.array(offsets), values).cast(kind)


def _points(prices: Sequence[Price | None]) -> pa.Array:
    units = np.array([0 if p is None else p.points for p in prices], np.int64)
    return decimal_column(units, 20, 4, np.array([p is None for p in prices], np.bool_))


def _severities(made: Sequence[Explanation]) -> pa.Array:
    all_of = [s for e in made for s in e.secondary]
    names = ("code", "level", "exclusion_list", "verdict", "decisive")
    columns = [[getattr(s, name) for s in all_of] for name in names]
    return _lists(_SEVERITY, [len(e.secondary) for e in made], columns)


def _nearest(made: Sequence[Explanation], changes: Sequence[Sequence[str]]) -> pa.Array:
    prices: list[Price | None] = [p for e in made for p in (e.prices or [None] * len(e.nearest))]
    fen = pa.array([None if p is None else p.fen for p in prices], pa.int64())
    drgs = [n.drg for e in made for n in e.nearest]
    columns: list[Any] = [drgs, [c for some in changes for c in some], _points(prices), fen]
    return _lists(_NEAREST, [len(e.nearest) for e in made], columns)


def facts_of(part: GroupedPiece, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return the facts of some cases of a piece as `explain` takes them."""
    c = part.cases

    def numbers(values: NDArray[np.int32]) -> list[int | None]:
        return [None if v < 0 else v for v in values[rows].tolist()]

    def codes(some: Codes) -> list[list[str]]:
        texts = parse.flat(some.words).cast(TEXT).to_pylist()
        starts, ends = some.offsets[rows].tolist(), some.offsets[rows + 1].tolist()
        return [texts[a:b] for a, b in zip(starts, ends, strict=True)]

    def more(name: str) -> list[Any]:
        if name not in CODED:
            return numbers(c.number(name))
        code_of = {number: code for code, number in CODED[name].items()}
        return [code_of.get(number) for number in c.number(name)[rows].tolist()]

    columns = {
        "sex": ["M" if sex == 1 else "F" for sex in c.sex[rows].tolist()],
        **{
            name: numbers(getattr(c, name))
            for name in ("age_years", "age_days", "birth_weight_g", "los_days")
        },
        "icu": c.icu[rows].astype(np.bool_).tolist(),
        **{name: more(name) for name in GROUPING_MORE},
        "diagnoses": codes(c.diagnoses),
        "procedures": codes(c.procedures),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def explanations(
    part: GroupedPiece,
    rows: NDArray[np.int64],
    grouper: AnyGrouper,
    edition: str,
    prices: Prices | None = None,
) -> list[Explanation]:
    """Return the explanations of some good cases of a piece, in their order.

    Of a family, each is by the version that grouped the case: that of its day of discharge.
    """
    if not isinstance(grouper, VersionedGrouper) or part.version is None:
        own = grouper if isinstance(grouper, Grouper) else grouper.of_day(None)
        return _by_one(part, rows, own, prices)
    made: dict[int, Explanation] = {}
    for number in np.unique(part.version[rows]).tolist():
        mine = rows[part.version[rows] == number]
        table = part.table.take(pa.array(mine))
        piece = Piece.held(part.faults.file, table, part.faults.numbers[mine])
        version = grouper.groupers[number]
        again = group_piece(piece, version, None, edition)
        found = _by_one(again, np.arange(len(mine)), version, prices)
        made |= zip(mine.tolist(), found, strict=True)
    return [made[row] for row in rows.tolist()]


def _by_one(
    part: GroupedPiece, rows: NDArray[np.int64], grouper: Grouper, prices: Prices | None
) -> list[Explanation]:
    """Return the explanations of good cases of a piece that one scheme grouped."""
    facts = facts_of(part, rows)
    good = part if len(rows) == len(part.table) else _only(part, rows)
    asked = prices.of_table(part.table.take(pa.array(rows))) if prices is not None else None
    return list(explainer_of(grouper).explanations(good.cases, good.grouped, facts, asked))


def _only(part: GroupedPiece, rows: NDArray[np.int64]) -> GroupedPiece:
    """Return some rows of a grouped piece, without its table."""
    cases = select(part.cases, rows, part.cases.sex[rows])
    return GroupedPiece(part.table, cases, part.grouped.take(rows), part.faults)


_here: _Worker | None = None


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What makes a grouper anew in another process: its scheme or family, readings, edition, day."""

    scheme: Path | Family
    readings: Readings
    codes: str | None
    today: dt.date | None

    @classmethod
    def of(cls, grouper: AnyGrouper) -> _Recipe:
        if isinstance(grouper, VersionedGrouper):
            return cls(grouper.family, grouper.asked, grouper.codes, grouper.day)
        readings = tuple(sorted(grouper.readings.items()))
        return cls(grouper.scheme.path, readings, grouper.codes, None)

    def grouper(self) -> AnyGrouper:
        if isinstance(self.scheme, Path):
            return Grouper(self.scheme, readings=self.readings, codes=self.codes)
        return VersionedGrouper(
            self.scheme, readings=self.readings, codes=self.codes, today=self.today
        )


def _start(recipe: _Recipe, prices: Prices | None, lang: str) -> None:
    global _here
    _here = _Worker(recipe.grouper(), prices, lang)


def _explain_here(chunk: _Chunk) -> _Done:
    if _here is None:
        raise RuntimeError("no worker")
    return _here.explain(chunk)


def _results(
    chunks: Iterator[_Chunk],
    worker: _Worker,
    workers: int,
    known_rows: int | None,
) -> Iterator[_Done]:
    """Yield the explained chunks in order, by this process or, when there are many, by several."""
    if workers <= 1 or (known_rows is not None and known_rows < FOR_A_POOL):
        yield from (worker.explain(chunk) for chunk in chunks)
        return
    arguments = (_Recipe.of(worker.grouper), worker.prices, worker.lang)
    # a process made anew holds nothing of this one's threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start, arguments) as pool:
        waiting: deque[Future[_Done]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(_explain_here, chunk))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def explain_file(
    cases: Any,
    out: str | Path,
    grouper: AnyGrouper | Scheme | str | Path,
    *,
    only: Collection[str] | None = None,
    prices: Prices | None = None,
    lang: str = "zh",
    workers: int = 1,
    reading: ReadOptions = AS_FOUND,
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> ExplainedFile:
    """Explain cases from files to a Parquet file, a row for each case, in their order.

    `grouper`: a grouper, or a scheme in any form; of a family of versions each case is explained by
    the one in force on its discharge date, and `scheme` of its row says which. Codes are read as
    `group` reads them. `only` are the ids of the cases wanted, None for all. `prices` is a
    `drgpay.runs.pricing.Pricer`. With `workers` above 1, many cases are shared out to so
    many processes; a script that asks for it needs the usual `if __name__ == "__main__"`.
    Cases with faulty data have a row, too: status `quarantined` and the reason.

    Raises InputError (files, columns, an id that is nowhere), and BooksError when rows are lost.
    """
    path = Path(out)
    result_file(path, (".parquet",))
    grouper = any_grouper(grouper)
    choice = grouper.edition_choice()
    wanted = (
        *GROUPING_COLUMNS,
        *GROUPING_MORE,
        DATE_COLUMN,
        *(("payment_mode",) if prices is not None else ()),
    )
    source = open_source(cases, wanted, options=reading)
    not_an_input([path], source.names)
    missing = set() if only is None else set(only)
    ids = None if only is None else pa.array(sorted(missing), pa.string())
    sent = 0

    def chunks() -> Iterator[_Chunk]:
        nonlocal sent
        for some in source.pieces:
            piece, edition = choice.of(some.file).settle(some)
            table = piece.load()
            if ids is not None:
                own = pc.utf8_trim_whitespace(parse.flat(table["case_id"]).cast(pa.string()))
                table = table.filter(pc.is_in(own, value_set=ids))
                missing.difference_update(own.to_pylist())
            for first in range(0, len(table), CHUNK):
                part = table.slice(first, CHUNK)
                sent += len(part)
                yield _Chunk(part.combine_chunks(), piece.file, piece.first_row + first, edition)

    worker = _Worker(grouper, prices, lang)
    step = progress(source.rows) if progress is not None else None
    counts, written, codes = Counts(), 0, CodesRead(grouper.own_editions)
    versions: list[NDArray[np.int64]] = []
    waiting: list[pa.Table] = []
    schema = SCHEMA.with_metadata({"drgpay": json.dumps(_told(grouper), ensure_ascii=False)})
    with whole_file(path) as part:
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:

            def flush() -> None:
                if waiting:
                    writer.write_table(pa.concat_tables(waiting).cast(schema))
                    waiting.clear()

            known = source.rows if only is None else len(only)
            for done in _results(chunks(), worker, workers, known):
                table = done.table
                waiting.append(table)
                counts += done.counts
                codes.merge(done.codes)
                if done.versions is not None:
                    versions.append(done.versions)
                written += len(table)
                if sum(map(len, waiting)) >= ROWS_OF_A_GROUP:
                    flush()
                if step is not None:
                    step(len(table))
            flush()
        if missing:
            raise _not_found(sorted(missing), source.names)
        if written != sent or counts.total != sent:
            raise BooksError(
                both(
                    f"收到 {sent} 例，解释了 {written} 例，数目不符",
                    f"{sent} cases came in, {written} were explained",
                ),
                remedy=both(
                    "这是 drgpay 的错误，请报告给开发者",
                    "this is a fault of drgpay: please report it",
                ),
            )
    codes.found = choice.found
    use: tuple[VersionUse, ...] = ()
    if isinstance(grouper, VersionedGrouper) and versions:
        use = grouper.use(np.sum(versions, axis=0))
    return ExplainedFile(path, counts, codes, use)


def _told(grouper: AnyGrouper) -> dict[str, Any]:
    """Return what a file of explanations says of the schemes that made it."""
    own = grouper.groupers if isinstance(grouper, VersionedGrouper) else (grouper,)
    schemes = [
        {"id": g.scheme.id, "digest": g.scheme.digest, "readings": dict(g.readings)} for g in own
    ]
    return {"schemes": schemes, "warning": words.WARNING}


def explain_case(
    source: Any,
    case_id: str | None,
    grouper: AnyGrouper,
    *,
    reading: ReadOptions = AS_FOUND,
    prices: Prices | None = None,
) -> tuple[Explanation, CodesRead]:
    """Return the explanation of a case of a file, of its first case without an id.

    It is read and grouped as `group` does: of a family by the version of its discharge date. Also
    returned is how its codes were read and what holds with a proviso. Raises InputError.
    """
    wanted = (*GROUPING_COLUMNS, *GROUPING_MORE, DATE_COLUMN, "payment_mode")
    grouper = any_grouper(grouper)
    choice = grouper.edition_choice()
    found: list[tuple[pa.Table, str, int, str]] = []
    for some in open_source(source, wanted, options=reading).pieces:
        piece, edition = choice.of(some.file).settle(some)
        table = piece.load()
        ids = pc.utf8_trim_whitespace(parse.flat(table["case_id"]).cast(pa.string()))
        if case_id is None:
            places = [0] if len(table) else []
        else:
            places = pc.indices_nonzero(pc.fill_null(pc.equal(ids, case_id), False)).to_pylist()
        for at in places:
            number = piece.first_row + at if piece.numbers is None else int(piece.numbers[at])
            found.append((table.slice(at, 1), piece.file, number, edition))
        if found and case_id is None:
            break
    row, file, number, edition = _the_one(found, case_id, source)
    part = group_piece(Piece(file, number, lambda: row), grouper, None, edition)
    if not part.cases.good[0]:
        _refuse_faulty(part)
    codes = CodesRead(grouper.own_editions, found=choice.found)
    codes.add(part.cases.tally, part.cases.changes, part.grouped.status, part.grouped.reason)
    return explanations(part, np.arange(1), grouper, edition, prices)[0], codes


def _the_one(
    found: Sequence[tuple[pa.Table, str, int, str]], case_id: str | None, source: Any
) -> tuple[pa.Table, str, int, str]:
    """Return the row of a case; raises InputError when there is none, or several."""
    where = source if isinstance(source, str | Path) else None
    if len(found) > 1:
        rows = ", ".join(str(number) for _, _, number, _ in found[:5])
        raise InputError(
            both(f"病例号 {case_id} 出现 {len(found)} 次：第 {rows} 行",
                 f"case {case_id!r} stands {len(found)} times: rows {rows}"),
            where=where,
            remedy=both("每个病例号只留一行，再解释", "keep one row of each case id"),
        )  # fmt: skip
    if found:
        return found[0]
    if case_id is None:
        raise InputError(
            both("文件中没有病例", "the file holds no case"),
            where=where,
            remedy=both("核对文件", "check the file"),
        )
    raise InputError(
        both(f"没有病例 {case_id}", f"no case {case_id!r}"),
        where=where,
        remedy=both("核对病例号", "check the case id"),
    )


def _refuse_faulty(part: GroupedPiece) -> None:
    """Fail with the fault that keeps a case from being grouped."""
    notes = part.faults.close()
    zh, note = (notes.table(lang).to_pylist()[0] for lang in ("zh", "en"))
    raise InputError(
        both(
            f"病例 {zh['case_id']}：{both_names(zh['column'])} = “{zh['value']}”：{zh['message']}",
            f"{note['case_id']}: {note['column']} = {note['value']!r}: {note['message']}",
        ),
        where=f"{note['file']}:{note['row']}",
        remedy=both(zh["remedy"], note["remedy"]),
    )


def _not_found(ids: Sequence[str], names: Sequence[str]) -> InputError:
    some = "、".join(ids[:5]) + (f" 等{len(ids)}个" if len(ids) > 5 else "")
    english = ", ".join(map(repr, ids[:5])) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    return InputError(
        both(f"没有病例 {some}", f"no case {english}"),
        where=", ".join(names),
        remedy=both("核对病例号", "check the case ids"),
    )
