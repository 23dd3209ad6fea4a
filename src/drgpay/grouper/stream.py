"""Group tables and files: a stream of pieces through a few threads, in order, in flat memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.arrow import dictionary_column, table_writer
from drgpay.cases.codes import Changes, changes_table
from drgpay.cases.encode import EncodedCases, Faults, encode_cases
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.quarantine import SCHEMA as QUARANTINE_SCHEMA
from drgpay.cases.quarantine import Quarantine
from drgpay.cases.sources import Piece, Source, open_source
from drgpay.columns import GROUPING_COLUMNS
from drgpay.errors import Bilingual, BooksError, InputError, both
from drgpay.grouper.engine import GroupedCases, Grouper, cached_grouper
from drgpay.grouper.outcome import LEVELS, REASON_TEXTS, REASONS, STATUSES, Counts
from drgpay.grouper.versions import (
    DATE_COLUMN,
    AnyGrouper,
    VersionedGrouper,
    VersionUse,
    any_grouper,
    version_warnings,
)
from drgpay.schemes import Scheme

T = TypeVar("T")
DEFAULT_SCHEME = "zj-drg-2022"


def default_threads() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def grouper_of(
    scheme: Grouper | Scheme | str | Path,
    surgical_match: str | None = None,
    from_insurance_codes: bool = False,
) -> Grouper:
    """Return a grouper for a scheme given in any form; those given by name are kept compiled."""
    if isinstance(scheme, Grouper):
        return scheme
    if isinstance(scheme, str):
        return cached_grouper(scheme, surgical_match, from_insurance_codes)
    return Grouper(scheme, surgical_match=surgical_match, from_insurance_codes=from_insurance_codes)


def in_order(
    tasks: Iterable[Callable[[], T]], threads: int, ahead: int | None = None
) -> Iterator[T]:
    """Run tasks on threads and yield their results in order, with a few of them under way."""
    if threads <= 1:
        for task in tasks:
            yield task()
        return
    waiting: deque[Future[T]] = deque()
    limit = ahead or threads + 1
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) >= limit:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for job in waiting:
                job.cancel()


@dataclass(frozen=True, slots=True)
class GroupedPiece:
    """A piece of the stream after grouping: the table as read, codes, groups, bad rows.

    `version` numbers the versions of a family by row; None when there is one scheme.
    """

    table: pa.Table
    cases: EncodedCases
    grouped: GroupedCases
    faults: Faults
    version: NDArray[np.int8] | None = None


def group_piece(
    piece: Piece, grouper: AnyGrouper, check: Callable[[Faults], None] | None = None
) -> GroupedPiece:
    """Read, encode and group one piece; `check` may quarantine further rows beforehand."""
    table = piece.load()
    faults = Faults.of(table, piece.file, piece.first_row, piece.numbers)
    if check is not None:
        check(faults)
    version = None
    if isinstance(grouper, VersionedGrouper):
        cases, grouped, version = grouper.group_table(table, faults)
    else:
        compiled = grouper.compiled
        cases = encode_cases(
            table,
            compiled.encode_diagnoses,
            compiled.procedures.encode,
            faults,
            grouper.recoders,
        )
        grouped = grouper.group_arrays(cases)
    bad = ~cases.good
    if bad.any():
        grouped.reason[bad] = len(REASON_TEXTS) + faults.why[bad]
    return GroupedPiece(table, cases, grouped, faults, version)


def deciding_diagnoses(part: GroupedPiece) -> pa.Array:
    """Return the code that decided each case's severity, null where none did."""
    deciding = part.grouped.deciding
    words = part.cases.diagnoses.words
    if not len(words):
        return pa.nulls(len(deciding), pa.string())
    index = part.cases.diagnoses.offsets[:-1] + deciding
    none = deciding == 0
    index = np.where(none, 0, index)
    if pa.types.is_dictionary(words.type):
        taken = np.asarray(words.indices.fill_null(0))[index].astype(np.int32)
        return pa.DictionaryArray.from_arrays(pa.array(taken, mask=none), words.dictionary)
    return words.take(pa.array(index, mask=none)).dictionary_encode()


def result_columns(part: GroupedPiece, grouper: AnyGrouper) -> dict[str, Any]:
    """Return the result columns of a piece, small dictionaries over integer codes."""
    g, numbers = part.grouped, grouper.numbers
    none = g.status >= 2
    quarantined = g.status == 3
    columns = {
        "case_id": part.table["case_id"],
        "mdc": dictionary_column(grouper.mdc_codes, g.mdc, g.mdc == 0),
        "adrg": dictionary_column(numbers.adrgs, numbers.adrg_of[g.group], none | (g.status == 1)),
        "drg": dictionary_column(numbers.drgs, numbers.drg_of[g.group], quarantined),
        "status": dictionary_column(STATUSES, g.status),
        "reason": dictionary_column(REASONS, g.reason),
        "severity": dictionary_column(LEVELS, g.level, quarantined),
        "severity_diagnosis": deciding_diagnoses(part),
    }
    if isinstance(grouper, VersionedGrouper) and part.version is not None:
        names = [version.id for version in grouper.versions]
        columns["scheme"] = dictionary_column(names, part.version, quarantined)
    return columns


def result_table(part: GroupedPiece, grouper: AnyGrouper) -> pa.Table:
    """Return the result of a piece, one row for each row of the piece, in its order."""
    return pa.table(result_columns(part, grouper))


@dataclass(frozen=True)
class GroupResult:
    """What `group` returns.

    `table`: case_id, mdc, adrg, drg, status, reason, severity, severity_diagnosis; one row for each
    case that came in, in its order. `quarantine`: the rows that could not go on, and why.
    `changes`: the codes that were read otherwise than written, why and how often. For a family of
    versions, `table` has a column `scheme`, and `versions` counts the cases of each.
    `counts.total` = grouped + ambiguous + ungroupable + quarantined.
    """

    table: pa.Table
    quarantine: pa.Table
    counts: Counts
    scheme: str
    surgical_match: str
    changes: pa.Table
    versions: tuple[VersionUse, ...] = ()

    @property
    def warnings(self) -> list[Bilingual]:
        """What the reader must know of the versions used."""
        return version_warnings(self.versions)

    def to_pandas(self) -> Any:
        """Return the result table as a pandas DataFrame."""
        return self.table.to_pandas()


def group(
    cases: Any,
    scheme: AnyGrouper | Scheme | str | Path = DEFAULT_SCHEME,
    *,
    surgical_match: str | None = None,
    from_insurance_codes: bool = False,
    reading: ReadOptions = AS_FOUND,
    threads: int | None = None,
) -> GroupResult:
    """Group cases and return the result in memory.

    `cases`: a path or paths (docs/cases.md lists the kinds of files), a pyarrow table or reader, a
    pandas DataFrame or a DuckDB relation with at least case_id, sex, age_years and diagnoses.
    `scheme`: a bundled name, a scheme folder, a family of versions (each case by the version in
    force on its discharge date) or a grouper. `from_insurance_codes`: the codes are
    those of the insurance edition (医保版) and are mapped to the scheme's. `reading`: how files
    are to be read. The result is the same for any number of threads.

    Raises InputError (files, columns) or SchemeError. Source: S2 二(二)2(1).

    >>> import pyarrow as pa
    >>> one = pa.table({"case_id": ["a"], "sex": ["F"], "age_years": [61],
    ...                 "diagnoses": [["K22.301", "K11.901"]], "procedures": [["96.0800x005"]]})
    >>> group(one, "chs-drg-1.1").table["drg"].to_pylist()
    ['GZ13']
    """
    grouper = any_grouper(scheme, surgical_match, from_insurance_codes)
    tables: list[pa.Table] = []
    sink = _Sink(lambda table: tables.append(table), None)
    source = open_source(cases, _wanted(grouper), options=reading)
    counts = _run(source, grouper, threads or default_threads(), sink, None)
    table = (
        pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        if tables
        else empty_result(grouper)
    )
    return GroupResult(
        table,
        sink.quarantine.table(),
        counts,
        _name(grouper),
        _match(grouper),
        changes_table(sink.changes),
        _use(grouper, sink),
    )


def _wanted(grouper: AnyGrouper) -> tuple[str, ...]:
    dated = isinstance(grouper, VersionedGrouper)
    return (*GROUPING_COLUMNS, DATE_COLUMN) if dated else GROUPING_COLUMNS


def _name(grouper: AnyGrouper) -> str:
    return grouper.family.name if isinstance(grouper, VersionedGrouper) else grouper.scheme.id


def _match(grouper: AnyGrouper) -> str:
    if isinstance(grouper, VersionedGrouper):
        return grouper.surgical_match
    return grouper.scheme.surgical_match


def _use(grouper: AnyGrouper, sink: _Sink) -> tuple[VersionUse, ...]:
    if not isinstance(grouper, VersionedGrouper) or not sink.versions:
        return ()
    return grouper.use(np.sum(sink.versions, axis=0))


def empty_result(grouper: AnyGrouper) -> pa.Table:
    """Return a result table without rows."""
    words = pa.dictionary(pa.int16(), pa.string())
    names = ("mdc", "adrg", "drg", "status", "reason", "severity")
    fields = [("case_id", pa.string()), *((name, words) for name in names)]
    fields.append(("severity_diagnosis", pa.dictionary(pa.int32(), pa.string())))
    if isinstance(grouper, VersionedGrouper):
        fields.append(("scheme", words))
    return pa.schema(fields).empty_table()


@dataclass
class _Sink:
    """Where results go, piece by piece; `note` writes quarantined rows away when it is given."""

    write: Callable[[pa.Table], None]
    note: Callable[[Quarantine], None] | None
    quarantine: Quarantine = field(default_factory=Quarantine)
    changes: Changes = field(default_factory=Changes)
    versions: list[NDArray[np.int64]] = field(default_factory=list)  # of each piece, by version

    def take(self, notes: Quarantine) -> None:
        if self.note is None:
            self.quarantine.rows.extend(notes.rows)
        elif len(notes):
            self.note(notes)


def _run(
    source: Source,
    grouper: AnyGrouper,
    threads: int,
    sink: _Sink,
    progress: Callable[[int], None] | None,
) -> Counts:
    counts = Counts()
    noted = rows = 0

    def task(piece: Piece) -> Callable[[], tuple[pa.Table, Quarantine, Counts, Changes]]:
        def work() -> tuple[pa.Table, Quarantine, Counts, Changes]:
            part = group_piece(piece, grouper)
            notes = part.faults.close()
            if isinstance(grouper, VersionedGrouper) and part.version is not None:
                sink.versions.append(grouper.count(part.version, part.grouped.status))
            return result_table(part, grouper), notes, part.grouped.counts(), part.cases.changes

        return work

    for table, notes, some, changes in in_order((task(p) for p in source.pieces), threads):
        sink.write(table)
        sink.take(notes)
        sink.changes.update(changes)
        counts += some
        noted += len(notes)
        rows += len(table)
        if progress is not None:
            progress(len(table))
    broken = Quarantine()
    for file, row, text in source.broken:
        broken.add(file, row, None, "", text, "row_broken")
    sink.take(broken)
    if counts.total != rows or counts.quarantined != noted:
        raise BooksError(
            both(
                f"收到 {rows} 例，结果为 {counts.as_dict()}，隔离 {noted} 行，数目不符",
                f"{rows} cases came in, {counts.as_dict()} went out, {noted} rows are quarantined",
            ),
            remedy=both(
                "这是 drgpay 的错误，请报告给开发者", "this is a fault of drgpay: please report it"
            ),
        )
    if source.rows is not None and source.rows != rows:
        raise BooksError(
            both(
                f"文件应有 {source.rows} 例，读到 {rows} 例",
                f"the files announce {source.rows} cases, {rows} were read",
            ),
            remedy=both(
                "读取时不要改动这些文件，然后重做",
                "check that nothing writes to the files while they are read",
            ),
        )
    return counts + Counts(quarantined=len(broken))


@dataclass(frozen=True, slots=True)
class GroupedFile:
    """What `group_file` did: where results and quarantined rows lie, and the counts.

    `changes` is the file of codes that were read otherwise than written, None when there are none.
    """

    path: Path
    quarantine: Path
    counts: Counts
    scheme: str
    surgical_match: str
    changes: Path | None = None
    versions: tuple[VersionUse, ...] = ()

    @property
    def warnings(self) -> list[Bilingual]:
        """What the reader must know of the versions used."""
        return version_warnings(self.versions)


def group_file(
    cases: Any,
    out: str | Path,
    scheme: AnyGrouper | Scheme | str | Path = DEFAULT_SCHEME,
    *,
    surgical_match: str | None = None,
    from_insurance_codes: bool = False,
    reading: ReadOptions = AS_FOUND,
    threads: int | None = None,
    lang: str = "zh",
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> GroupedFile:
    """Group cases from files to a file (.parquet or .csv), in memory that does not grow with them.

    Quarantined rows go to `<out>.quarantine.csv`, always written; codes read otherwise than
    written to `<out>.changes.csv`, when there are any. `progress` is given the number of cases
    (None when unknown) and returns what is called with the cases done at each step. The output
    appears under its name only when it is whole. The other arguments are those of `group`.

    Raises InputError or SchemeError, and BooksError when counts do not add up.
    """
    from pyarrow import csv

    grouper = any_grouper(scheme, surgical_match, from_insurance_codes)
    path = Path(out)
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise InputError(
            both(
                f"不能写扩展名为 {suffix} 的文件" if suffix else "结果文件没有扩展名",
                f"cannot write {suffix or 'a file without ending'}",
            ),
            where=path,
            remedy=both("扩展名用 .parquet 或 .csv", "end the name with .parquet or .csv"),
        )
    if not path.parent.is_dir():
        raise InputError(
            both("没有这个文件夹", "no such folder"),
            where=path.parent,
            remedy=both("先建立该文件夹", "make the folder first"),
        )
    source = open_source(cases, _wanted(grouper), options=reading)
    if str(path.resolve()) in {str(Path(name).resolve()) for name in source.names}:
        raise InputError(
            both("结果文件与一个输入文件相同", "the output is one of the inputs"),
            where=path,
            remedy=both("另取一个名称", "choose another name"),
        )
    notes_path = path.with_name(path.name + ".quarantine.csv")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    notes_temporary = notes_path.with_name(f".{notes_path.name}.{os.getpid()}.part")
    changes_path = path.with_name(path.name + ".changes.csv")
    writer: Any = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = table_writer(temporary, table.schema, suffix)
        writer.write_table(table)

    try:
        with csv.CSVWriter(notes_temporary, QUARANTINE_SCHEMA) as notes_writer:
            sink = _Sink(write, lambda notes: notes_writer.write_table(notes.table(lang)))
            step = progress(source.rows) if progress is not None else None
            counts = _run(source, grouper, threads or default_threads(), sink, step)
        if writer is None:
            write(empty_result(grouper))
        writer.close()
        changes_path.unlink(missing_ok=True)
        if sink.changes:
            csv.write_csv(changes_table(sink.changes), changes_path)
        notes_temporary.replace(notes_path)
        temporary.replace(path)
    finally:
        if writer is not None:
            writer.close()
        temporary.unlink(missing_ok=True)
        notes_temporary.unlink(missing_ok=True)
    return GroupedFile(
        path,
        notes_path,
        counts,
        _name(grouper),
        _match(grouper),
        changes_path if sink.changes else None,
        _use(grouper, sink),
    )
