"""Group tables and files: a stream of pieces through a few threads, in order, in flat memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.changed import told_changes
from drgpay.cases.codes import Changes, changes_table
from drgpay.cases.editions import merge_changes
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import Piece, Source
from drgpay.cases.quarantine import SCHEMA as QUARANTINE_SCHEMA
from drgpay.cases.quarantine import Quarantine, Why
from drgpay.cases.sources import open_source
from drgpay.ground.arrow import table_writer
from drgpay.ground.csv_cells import NeutralCsvWriter
from drgpay.ground.errors import Bilingual, BooksError, both
from drgpay.ground.frames import Framed
from drgpay.ground.outputs import not_an_input, result_file, whole_files
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.ground.threads import default_threads, in_order
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.outcome import Counts
from drgpay.grouper.pieces import GroupedPiece, group_piece, result_table, scheme_name
from drgpay.grouper.provisos import DATE_COLUMN
from drgpay.grouper.versions import (
    AnyGrouper,
    VersionedGrouper,
    VersionUse,
    any_grouper,
    version_warnings,
)
from drgpay.names.columns import GROUPING_COLUMNS
from drgpay.names.readings import Readings, asked_readings, readings_text
from drgpay.schemes import Scheme

if TYPE_CHECKING:
    from drgpay.cases.encode import Faults
    from drgpay.grouper.check import Checked, CheckRun, PieceChecks


@dataclass(frozen=True, kw_only=True, repr=False)
class Told:
    """What is told of a grouping beside its results.

    `codes`: how many codes stayed unknown, and why cases stay ungrouped (`codes.line()`). `unused`
    are columns that mean none of ours, `notes` what the readers had to say. Of a family of versions,
    `versions` counts the cases of each.
    """

    counts: Counts
    scheme: str
    readings: Mapping[str, str]
    versions: tuple[VersionUse, ...] = ()
    codes: CodesRead = field(default_factory=lambda: CodesRead(()))
    unused: tuple[str, ...] = ()
    notes: tuple[Bilingual, ...] = ()

    @property
    def warnings(self) -> list[Bilingual]:
        """What the reader must know: columns not used, sheets not read, versions used.

        What `codes.first()` says comes before them.
        """
        return [
            *([unused_columns(self.unused)] if self.unused else []),
            *self.notes,
            *self.codes.provisos(),
            *version_warnings(self.versions),
        ]

    def _line(self) -> Bilingual:
        line = self.counts.line()
        return both(f"方案{self.scheme}，{line.chinese}", f"{self.scheme}, {line}")


@dataclass(frozen=True, kw_only=True, repr=False)
class GroupResult(Told, Framed):
    """What `group` returns.

    `table`: case_id, mdc, adrg, drg, status, reason, severity, severity_diagnosis; one row for each
    case that came in, in its order; of a family of versions also `scheme`. `quarantine`: the rows
    that could not go on, and why. `changes`: the codes that were read otherwise than written, why
    and how often. `warnings` are all that must be known.
    `counts.total` = grouped + ambiguous + ungroupable + quarantined.
    """

    table: pa.Table
    quarantine: pa.Table
    changes: pa.Table

    @property
    def warnings(self) -> list[Bilingual]:
        """What the reader must know: of the codes' edition, of columns and cells, of versions."""
        return [*self.codes.first(), *super().warnings]

    def _table(self) -> pa.Table:
        return self.table


def group(
    cases: Any,
    scheme: AnyGrouper | Scheme | str | Path = DEFAULT_SCHEME,
    *,
    surgical_match: str | None = None,
    readings: Mapping[str, str] | Readings | None = None,
    codes: str | None = None,
    reading: ReadOptions = AS_FOUND,
    threads: int | None = None,
) -> GroupResult:
    """Group cases and return the result in memory.

    `cases`: a path or paths (docs/cases.md lists the kinds of files), a pyarrow table or reader, a
    pandas DataFrame or a DuckDB relation with at least case_id, sex, age_years and diagnoses.
    `scheme`: a bundled name, a scheme folder, a family of versions (each case by the version in
    force on its discharge date) or a grouper. `codes`: the edition of the codes (`clinical-2022`,
    `insurance-2.0`) of rows that do not say theirs, found out by counting when None; codes of
    another edition than the scheme's are mapped. `readings`: readings that the scheme leaves open, by
    name, in place of the manifest's (docs/formats.md); `surgical_match` is a word for the one of that
    name. `reading`: how files are to be read. The result is the same for any number of threads.

    Raises InputError (files, columns) or SchemeError. Source: S2 二(二)2(1).

    >>> import pyarrow as pa
    >>> one = pa.table({"case_id": ["a"], "sex": ["F"], "age_years": [61],
    ...                 "diagnoses": [["K22.301", "K11.901"]], "procedures": [["96.0800x005"]]})
    >>> group(one, "chs-drg-1.1").table["drg"].to_pylist()
    ['GZ13']
    """
    grouper = any_grouper(scheme, asked_readings(readings, surgical_match), codes)
    tables: list[pa.Table] = []
    sink = Sink(lambda table: tables.append(table), None, CodesRead(grouper.own_editions))
    source = open_source(cases, _wanted(grouper), options=reading.with_codes(codes))
    counts = run_pieces(source, grouper, threads or default_threads(), sink, None)
    table = (
        pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        if tables
        else empty_result(grouper)
    )
    return GroupResult(
        table=table,
        quarantine=sink.quarantine.table(),
        changes=changes_table(sink.changes),
        **told_of(grouper, counts, sink, source),
    )


def told_of(grouper: AnyGrouper, counts: Counts, sink: Sink, source: Source) -> dict[str, Any]:
    """Return what both kinds of results tell, as `Told` has it."""
    use: tuple[VersionUse, ...] = ()
    if isinstance(grouper, VersionedGrouper) and sink.versions:
        use = grouper.use(np.sum(sink.versions, axis=0))
    return {
        "counts": counts,
        "scheme": scheme_name(grouper),
        "readings": dict(grouper.readings),
        "versions": use,
        "codes": sink.codes,
        "unused": tuple(source.unknown),
        "notes": tuple(source.all_notes()),
    }


def _wanted(grouper: AnyGrouper, check: bool = False) -> tuple[str, ...]:
    if check:
        from drgpay.grouper.check import WANTED

        return WANTED
    return (*GROUPING_COLUMNS, *grouper.more, DATE_COLUMN)


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
class Sink:
    """Where results go, piece by piece; `note` writes quarantined rows away when it is given.

    `shape` makes the table that is written of a grouped piece and its result, on any thread.
    """

    write: Callable[[pa.Table], None]
    note: Callable[[Quarantine], None] | None
    codes: CodesRead
    quarantine: Quarantine = field(default_factory=Quarantine)
    changes: Changes = field(default_factory=Changes)
    versions: list[NDArray[np.int64]] = field(default_factory=list)  # of each piece, by version
    why: Why = field(default_factory=Why)  # rows are quarantined
    shape: Callable[[GroupedPiece, pa.Table], pa.Table] | None = None

    def take(self, notes: Quarantine) -> None:
        self.why.add(notes)
        if self.note is None:
            self.quarantine.take(notes)
        elif len(notes):
            self.note(notes)


def run_pieces(
    source: Source,
    grouper: AnyGrouper,
    threads: int,
    sink: Sink,
    progress: Callable[[int], None] | None,
    checks: CheckRun | None = None,
    *,
    before: Callable[[Faults], None] | None = None,
) -> Counts:
    """Group a stream into a sink; raises BooksError when counts do not add up.

    `before` looks at the rows of each piece beforehand where there are no checks.
    """
    counts = Counts()
    noted = rows = 0
    choice = grouper.edition_choice()

    def task(piece: Piece) -> Callable[[], tuple[GroupedPiece, pa.Table, PieceChecks | None]]:
        file = choice.of(piece.file)

        def work() -> tuple[GroupedPiece, pa.Table, PieceChecks | None]:
            own, edition = file.settle(piece)
            part = group_piece(own, grouper, checks.before if checks else before, edition)
            if isinstance(grouper, VersionedGrouper) and part.version is not None:
                sink.versions.append(grouper.count(part.version, part.grouped.status))
            made = result_table(part, grouper)
            if sink.shape is not None:
                made = sink.shape(part, made)
            return part, made, checks.piece(part) if checks else None

        return work

    for part, table, found in in_order((task(p) for p in source.pieces), threads):
        notes, some = part.faults.close(), part.grouped.counts()
        sink.write(table)
        sink.take(notes)
        merge_changes(sink.changes, part.cases.changes)
        done = part.grouped
        sink.codes.add(part.cases.tally, part.cases.changes, done.status, done.reason)
        if checks and found is not None:
            checks.take(found)
        counts += some
        noted += len(notes)
        rows += len(table)
        if progress is not None:
            progress(len(table))
    sink.codes.found = choice.found
    sink.changes.update(source.read_as.changes)
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


def unused_columns(headers: Sequence[str]) -> Bilingual:
    """Return the note on columns of the cases that mean none of ours."""
    chinese, english = "、".join(headers), ", ".join(headers)
    return both(f"病例文件中这些列未被使用：{chinese}", f"columns of the cases not used: {english}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GroupedFile(Told):
    """What `group_file` did: where results and quarantined rows lie, and what is told of them.

    `changes` is the file of codes that were read otherwise than written, None when there are none;
    `findings` is the file of what the checks found, `checked` their outcome, when they were asked
    for; `why` says for which reasons rows are quarantined.
    """

    path: Path
    quarantine: Path
    changes: Path | None = None
    findings: Path | None = None
    checked: Checked | None = None
    why: Why = field(default_factory=Why)

    def __repr__(self) -> str:
        return f"<GroupedFile {self.path}: {self._line()}>"


def _facts_ofrun_pieces(grouper: AnyGrouper) -> dict[str, str]:
    """Return what a file of groups says of how it was made."""
    one = grouper.groupers[-1] if isinstance(grouper, VersionedGrouper) else grouper
    return {
        "drgpay.scheme": grouper.scheme.id,
        "drgpay.code_system": one.edition,
        "drgpay.names.readings": readings_text(grouper.readings),
    }


def group_file(
    cases: Any,
    out: str | Path,
    scheme: AnyGrouper | Scheme | str | Path = DEFAULT_SCHEME,
    *,
    surgical_match: str | None = None,
    readings: Mapping[str, str] | Readings | None = None,
    codes: str | None = None,
    reading: ReadOptions = AS_FOUND,
    check: bool = False,
    threads: int | None = None,
    lang: str = "zh",
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> GroupedFile:
    """Group cases from files to a file (.parquet or .csv), in memory that does not grow with them.

    Quarantined rows go to `<out>.quarantine.csv`, always written; codes read otherwise than
    written to `<out>.changes.csv`, when there are any. With `check` the front pages are checked as
    well (docs/checks.md), and the findings written to `<out>.findings.parquet` or `.csv`; they
    change no group. `progress` is given the number of cases
    (None when unknown) and returns what is called with the cases done at each step. The output
    appears under its name only when it is whole. The other arguments are those of `group`.

    Raises InputError or SchemeError, and BooksError when counts do not add up.
    """
    grouper = any_grouper(scheme, asked_readings(readings, surgical_match), codes)
    path = Path(out)
    suffix = result_file(path, (".parquet", ".csv"))
    source = open_source(cases, _wanted(grouper, check), options=reading.with_codes(codes))
    notes_path = path.with_name(path.name + ".quarantine.csv")
    changes_path = path.with_name(path.name + ".changes.csv")
    findings_path = path.with_name(f"{path.name}.findings{suffix}")
    not_an_input((path, notes_path, changes_path, findings_path), source.names)
    writer: Any = None
    checks, findings_writer, checked = None, None, None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            schema = table.schema.with_metadata(_facts_ofrun_pieces(grouper))
            writer = table_writer(files.at(path), schema, suffix)
        writer.write_table(table)

    with whole_files(path) as files, ExitStack() as stack:
        stack.callback(lambda: writer and writer.close())
        if check:
            from drgpay.grouper.check import FINDINGS_SCHEMA, CheckRun

            findings_writer = table_writer(files.at(findings_path), FINDINGS_SCHEMA, suffix)
            stack.callback(findings_writer.close)
            checks = CheckRun(
                grouper, purpose="grouping", lang=lang, write=findings_writer.write_table
            )
        with NeutralCsvWriter(files.at(notes_path), QUARANTINE_SCHEMA) as notes_writer:
            sink = Sink(
                write,
                lambda notes: notes_writer.write_table(notes.table(lang)),
                CodesRead(grouper.own_editions),
            )
            step = progress(source.rows) if progress is not None else None
            counts = run_pieces(source, grouper, threads or default_threads(), sink, step, checks)
        if writer is None:
            write(empty_result(grouper))
        writer.close()
        files.without(changes_path)
        files.without(findings_path)
        if sink.changes:
            changes = told_changes(sink.changes, lang)
            with NeutralCsvWriter(files.at(changes_path), changes.schema) as changes_writer:
                changes_writer.write_table(changes)
        if checks and findings_writer is not None:
            checked = checks.finish(
                source.broken,
                rows=source.rows,
                files=source.names,
                unknown_columns=source.unknown,
                notes=tuple(source.all_notes()),
            )
            findings_writer.close()
    return GroupedFile(
        path=path,
        quarantine=notes_path,
        changes=changes_path if sink.changes else None,
        findings=findings_path if check else None,
        checked=checked,
        why=sink.why,
        **told_of(grouper, counts, sink, source),
    )
