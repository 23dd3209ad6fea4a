"""Where cases come from: files, databases, Arrow, pandas and DuckDB, as a stream of tables.

A piece of the stream is a table with canonical column names, the name of its file, and the
number of its first row: the spreadsheet's own in Excel and CSV, else counted from 1. Nothing is held but the
pieces being worked on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.cases.ages import tidy
from drgpay.cases.files import OUT_OF_THE_FOLDER, no_file, not_passed_over, of_folder, unreadable
from drgpay.cases.mapping import Asked, HeaderMapping
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import BATCH_ROWS, Piece, Source, of_batches
from drgpay.cases.quarantine import BrokenRows
from drgpay.cases.tidy import ReadAs
from drgpay.ground.errors import Bilingual, InputError, both

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
DELIMITED = (".csv", ".tsv", ".txt")
EXCEL = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
LISTS = (".json", ".jsonl", ".ndjson", ".zip")
DATABASES = (".sqlite", ".sqlite3", ".db")
SUFFIXES = (*PARQUET, *ARROW, *DELIMITED, *EXCEL, *LISTS)
IN_FOLDERS = (*SUFFIXES, *DATABASES)


def open_source(
    cases: Any,
    wanted: Sequence[str] | None = None,
    purpose: str = "grouping",
    options: ReadOptions = AS_FOUND,
) -> Source:
    """Return the stream of cases of files, a database table, a table, a frame or a relation.

    `cases` is a path, a list of paths, the address of a database (`sqlite:FILE`, `postgresql://…`,
    `mysql://…`, as docs/cases.md lists them), a pyarrow Table / RecordBatch / RecordBatchReader / Dataset, a pandas DataFrame,
    a DuckDB relation, or anything with the Arrow stream protocol. `wanted` are the canonical
    columns to read (all known ones when None); `purpose` is grouping, settlement or history;
    `options` say what the files do not say themselves.

    Raises InputError for an unknown kind of file, an unreadable file, a missing required column or
    two columns of one meaning.
    """
    asked = Asked.of(wanted, purpose, options)
    if isinstance(cases, str | Path):
        return _of_files([cases], asked)
    if isinstance(cases, list | tuple) and cases and all(isinstance(c, str | Path) for c in cases):
        return _of_files(list(cases), asked)
    return _of_object(cases, asked)


def _of_files(given: Sequence[str | Path], asked: Asked) -> Source:
    from drgpay.cases.databases import is_address, open_database

    paths = _expanded([Path(one) for one in given if not is_address(str(one))])
    sources = [open_database(str(one), asked) for one in given if is_address(str(one))]
    lists = [path for path in paths if path.suffix.lower() in LISTS]
    if lists:
        from drgpay.cases.lists import open_lists

        sources.append(_tidied(open_lists(lists, asked), asked.mapping.read_as))
    sources += [_of_file(path, asked) for path in paths if path.suffix.lower() not in LISTS]
    return _together(sources, asked.mapping)


def _together(sources: list[Source], mapping: HeaderMapping) -> Source:
    if mapping.rows:
        from drgpay.cases.long_tables import folded

        sources = [folded(source) for source in sources]
    known = [source.rows for source in sources]
    total = None if any(rows is None for rows in known) else sum(rows or 0 for rows in known)
    broken = BrokenRows()
    notes: list[Bilingual] = [note for source in sources for note in source.notes]

    def pieces() -> Iterator[Piece]:
        for source in sources:
            before = len(source.notes)
            yield from source.pieces
            broken.extend(source.broken)
            notes.extend(source.notes[before:])

    unknown = tuple(dict.fromkeys(header for source in sources for header in source.unknown))
    names = tuple(name for source in sources for name in source.names)
    return Source(pieces(), total, names, broken, unknown, notes, mapping.late, mapping.read_as)


def _tidied(source: Source, read_as: ReadAs) -> Source:
    """Return a stream of tables that no layout has shaped, their cells read as those of others."""

    def pieces() -> Iterator[Piece]:
        for piece in source.pieces:
            yield replace(piece, load=partial(_load_tidy, piece.load, read_as))

    return replace(source, pieces=pieces())


def _load_tidy(load: Callable[[], pa.Table], read_as: ReadAs) -> pa.Table:
    return tidy(load(), read_as)


def _expanded(paths: list[Path]) -> list[Path]:
    """Return the files of paths and folders; raises InputError for what is not there or double."""
    expanded: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside, others = of_folder(path, IN_FOLDERS)
            if others:
                raise InputError(not_passed_over(others), where=path, remedy=OUT_OF_THE_FOLDER)
            if not inside:
                raise InputError(
                    both("文件夹中没有病例文件", "no case files in this folder"),
                    where=path,
                    remedy=both(
                        f"放入 {'、'.join(IN_FOLDERS)} 文件",
                        f"put in files {', '.join(IN_FOLDERS)}",
                    ),
                )
            expanded += inside
        elif path.exists():
            if not path.is_file():
                raise _no_plain_file(path)
            expanded.append(path)
        else:
            raise no_file(path)
    seen: set[Path] = set()
    for path in expanded:
        if not path.is_file():  # inside a folder: a link to nothing or to itself, a pipe
            raise _no_plain_file(path)
        if path.resolve() in seen:
            raise InputError(
                both("同一文件给了两次", "the file is given twice"),
                where=path,
                remedy=both("每个文件只给一次", "give each file once"),
            )
        seen.add(path.resolve())
    return expanded


def _no_plain_file(path: Path) -> InputError:
    return InputError(
        both("不是普通文件，或是指向别处的失效链接", "not a plain file, or a broken link"),
        where=path,
        remedy=both("换成文件本身", "give the file itself"),
    )


def _of_file(path: Path, asked: Asked) -> Source:
    suffix = path.suffix.lower()
    try:
        if suffix in PARQUET:
            from drgpay.cases.parquet import open_parquet

            return open_parquet(path, asked)
        if suffix in ARROW:
            from drgpay.cases.parquet import open_arrow

            return open_arrow(path, asked)
        if suffix in DELIMITED:
            from drgpay.cases.delimited import open_delimited

            return open_delimited(path, asked)
        if suffix in EXCEL:
            from drgpay.cases.excel import open_excel

            return open_excel(path, asked)
        if suffix in DATABASES:
            from drgpay.cases.databases import open_database

            return open_database(path, asked)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    known = (*SUFFIXES, *DATABASES)
    raise InputError(
        both(
            f"不认识扩展名为 {suffix} 的文件" if suffix else "文件没有扩展名",
            f"unknown kind of file {suffix or '(no ending)'}",
        ),
        where=path,
        remedy=both(f"可用：{'、'.join(known)}", f"give one of {', '.join(known)}"),
    )


def _of_object(cases: Any, asked: Asked) -> Source:
    name = type(cases).__name__
    if isinstance(cases, pa.RecordBatch):
        cases = pa.Table.from_batches([cases])
    if hasattr(cases, "columns") and hasattr(cases, "iloc"):
        try:
            cases = pa.Table.from_pandas(cases, preserve_index=False)
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise InputError(both("数据读不出来", f"cannot be read: {error}"), where=name) from None
    rows = None
    if isinstance(cases, pa.Table):
        batches: Iterable[pa.RecordBatch] = cases.to_batches(max_chunksize=BATCH_ROWS)
        schema, rows = cases.schema, len(cases)
    elif isinstance(cases, pa.RecordBatchReader):
        batches, schema = cases, cases.schema
    elif hasattr(cases, "to_reader") and hasattr(cases, "scanner"):
        reader = cases.scanner().to_reader()
        batches, schema = reader, reader.schema
    elif hasattr(cases, "__arrow_c_stream__"):
        try:
            reader = pa.RecordBatchReader.from_stream(cases)
        except Exception as error:  # a query fails here in whatever way its engine fails
            raise InputError(both("数据读不出来", f"cannot be read: {error}"), where=name) from None
        batches, schema = reader, reader.schema
    else:
        raise InputError(
            both(f"不能从 {name} 读取病例", f"cannot read cases from a {name}"),
            remedy=both(
                "给出路径、pyarrow表、pandas DataFrame或DuckDB relation",
                "give a path, a pyarrow table, a pandas DataFrame or a DuckDB relation",
            ),
        )
    return _together([of_batches(batches, schema, name, rows, asked)], asked.mapping)
