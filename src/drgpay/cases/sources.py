"""Where cases come from: files, Arrow, pandas and DuckDB, as a stream of tables.

A piece of the stream is a table with canonical column names, the name of its file, and the
number of its first row, counted from 1 for the file's first case. Nothing is held but the
pieces being worked on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.columns import CASE_COLUMNS, canonical_name, required
from drgpay.errors import InputError, both

BATCH_ROWS = 262_144
LARGE_ROW_GROUP = 1_000_000
HISTORY_NEEDS = ("admission_date", "discharge_date", "total_cost")
SUFFIXES = (".parquet", ".pq", ".csv", ".arrow", ".feather", ".ipc")
_DICTIONARY_COLUMNS = frozenset(
    column.name
    for column in CASE_COLUMNS
    if column.kind in ("codes", "sex") or column.name in ("pool", "hospital_id", "department")
) | {"payment_mode", "bed_day_class", "discharge_way"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive cases of one file: `load` reads them, on whatever thread calls it."""

    file: str
    first_row: int
    load: Callable[[], pa.Table]
    numbers: NDArray[np.int64] | None = None  # of each row, where rows of the file are left out


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of pieces; `rows` is the number of cases when it is known beforehand.

    `broken` fills while the stream is read: (file, row, text) of rows that are no table rows.
    `unknown` are the headers that mean none of our columns.
    """

    pieces: Iterable[Piece]
    rows: int | None
    names: tuple[str, ...]
    broken: list[tuple[str, int, str]] = field(default_factory=list)
    unknown: tuple[str, ...] = ()


def open_source(
    cases: Any,
    wanted: Sequence[str] | None = None,
    purpose: str = "grouping",
    options: ReadOptions = AS_FOUND,
) -> Source:
    """Return the stream of cases of files, a table, a data frame or a DuckDB relation.

    `cases` is a path, a list of paths, a pyarrow Table / RecordBatch / RecordBatchReader / Dataset,
    a pandas DataFrame, a DuckDB relation, or anything with the Arrow stream protocol. `wanted` are
    the canonical columns to read (all known ones when None).

    Raises InputError for an unknown kind of file, an unreadable file, a missing required column or
    two columns of one meaning.
    """
    if isinstance(cases, str | Path):
        return _of_files([Path(cases)], wanted, purpose)
    if isinstance(cases, list | tuple) and cases and all(isinstance(c, str | Path) for c in cases):
        return _of_files([Path(c) for c in cases], wanted, purpose)
    return _of_object(cases, wanted, purpose)


def _of_files(paths: list[Path], wanted: Sequence[str] | None, purpose: str) -> Source:
    expanded: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise InputError(
                    both("文件夹中没有病例文件", "no case files in this folder"),
                    where=path,
                    remedy=both(
                        f"放入 {'、'.join(SUFFIXES)} 文件", f"put in files {', '.join(SUFFIXES)}"
                    ),
                )
            expanded += inside
        elif path.exists():
            expanded.append(path)
        else:
            raise InputError(
                both("没有这个文件", "no such file"),
                where=path,
                remedy=both("核对路径", "check the path"),
            )
    seen: set[Path] = set()
    for path in expanded:
        if path.resolve() in seen:
            raise InputError(
                both("同一文件给了两次", "the file is given twice"),
                where=path,
                remedy=both("每个文件只给一次", "give each file once"),
            )
        seen.add(path.resolve())
    sources = [_of_file(path, wanted, purpose) for path in expanded]
    known = [source.rows for source in sources]
    total = None if any(rows is None for rows in known) else sum(rows or 0 for rows in known)
    broken: list[tuple[str, int, str]] = []

    def pieces() -> Iterator[Piece]:
        for source in sources:
            yield from source.pieces
            broken.extend(source.broken)

    unknown = tuple(dict.fromkeys(header for source in sources for header in source.unknown))
    return Source(pieces(), total, tuple(str(path) for path in expanded), broken, unknown)


def _of_file(path: Path, wanted: Sequence[str] | None, purpose: str) -> Source:
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            return _of_parquet(path, wanted, purpose)
        if suffix == ".csv":
            return _of_csv(path, wanted, purpose)
        if suffix in (".arrow", ".feather", ".ipc"):
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            return _of_batches(batches, reader.schema, path.name, None, wanted, purpose)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None
    raise InputError(
        both(
            f"不认识扩展名为 {suffix} 的文件" if suffix else "文件没有扩展名",
            f"unknown kind of file {suffix or '(no ending)'}",
        ),
        where=path,
        remedy=both(f"可用：{'、'.join(SUFFIXES)}", f"give one of {', '.join(SUFFIXES)}"),
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    first = (str(error) or type(error).__name__).splitlines()[0]
    chinese = "没有读取权限" if isinstance(error, PermissionError) else "文件读不出来"
    return InputError(
        both(chinese, f"cannot be read: {first}"),
        where=path,
        remedy=both(
            "核对文件是否完整、内容是否与扩展名相符",
            "check that the file is whole and is what its ending says",
        ),
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn a fault inside a file, met while its rows are read, into an InputError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _selection(
    headers: Sequence[str], wanted: Sequence[str] | None, where: str, purpose: str
) -> dict[str, str]:
    """Return header → canonical name of the columns to read; checks what is required."""
    chosen: dict[str, str] = {}
    for header in headers:
        name = canonical_name(header)
        if name is None:
            continue
        base = name.rstrip("0123456789")
        plural = {"diagnosis_": "diagnoses", "procedure_": "procedures"}.get(base, name)
        if wanted is not None and plural not in wanted:
            continue
        if name in chosen.values():
            raise InputError(
                both(
                    f"有两列都是 {name}，其一为“{header}”",
                    f"two columns mean {name}: {header!r} and another",
                ),
                where=where,
                remedy=both("改名或删去其中一列", "rename or remove one of them"),
            )
        chosen[header] = name
    for plural, base in (("diagnoses", "diagnosis_"), ("procedures", "procedure_")):
        numbered = [name for name in chosen.values() if name.startswith(base)]
        if numbered and f"{base}1" not in numbered:
            raise InputError(
                both(f"有 {numbered[0]} 而没有 {base}1", f"{numbered[0]} is given without {base}1"),
                where=where,
                remedy=both(
                    f"主要编码的列名应为 {base}1；现有的列：{', '.join(headers)}",
                    f"call the column of the main code {base}1; found: {', '.join(headers)}",
                ),
            )
        if plural in chosen.values() and numbered:
            raise InputError(
                both(
                    f"{plural} 与 {numbered[0]} 同时存在",
                    f"both {plural} and {numbered[0]} are given",
                ),
                where=where,
                remedy=both("只留一种写法", "keep one form"),
            )
    missing = required(chosen.values(), "settlement" if purpose == "settlement" else "grouping")
    if purpose == "history":
        missing += [name for name in HISTORY_NEEDS if name not in chosen.values()]
    if missing:
        raise InputError(
            both(
                f"缺少列：{'、'.join(missing)}",
                f"missing column{'s' if len(missing) > 1 else ''}: {', '.join(missing)}",
            ),
            where=where,
            remedy=both(
                f"现有的列：{', '.join(headers) or '无'}；列名见 docs/formats.md",
                f"found: {', '.join(headers) or 'none'}; docs/formats.md lists the columns",
            ),
        )
    return chosen


def _strangers(headers: Sequence[str]) -> tuple[str, ...]:
    return tuple(header for header in headers if canonical_name(header) is None)


def _of_parquet(path: Path, wanted: Sequence[str] | None, purpose: str) -> Source:
    probe = pq.ParquetFile(path)
    headers = probe.schema_arrow.names
    chosen = _selection(headers, wanted, str(path), purpose)
    leaves = [probe.schema.column(i).path for i in range(len(probe.schema))]
    as_dictionary = [
        leaf
        for leaf in leaves
        if chosen.get(leaf.split(".")[0], "").rstrip("0123456789")
        in _DICTIONARY_COLUMNS | {"diagnosis_", "procedure_"}
    ]
    as_dictionary = [
        leaf
        for leaf in as_dictionary
        if probe.schema.column(leaves.index(leaf)).physical_type == "BYTE_ARRAY"
    ]
    columns = list(chosen)
    names = list(chosen.values())

    def open_file() -> pq.ParquetFile:
        return pq.ParquetFile(path, read_dictionary=as_dictionary, memory_map=True)

    groups = [probe.metadata.row_group(i).num_rows for i in range(probe.num_row_groups)]
    rows = probe.metadata.num_rows
    probe.close()

    def by_group() -> Iterator[Piece]:
        first = 1
        for index, count in enumerate(groups):

            def load(index: int = index) -> pa.Table:
                with _readable(path), open_file() as file:
                    table = file.read_row_group(index, columns=columns, use_threads=False)
                return table.select(columns).rename_columns(names)

            yield Piece(path.name, first, load)
            first += count

    def by_batch() -> Iterator[Piece]:
        first = 1
        with _readable(path), open_file() as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                table = pa.Table.from_batches([batch]).select(columns).rename_columns(names)
                yield Piece(path.name, first, partial(_same, table))
                first += len(table)

    large = max(groups, default=0) > LARGE_ROW_GROUP
    return Source(
        by_batch() if large else by_group(), rows, (str(path),), unknown=_strangers(headers)
    )


def _of_csv(path: Path, wanted: Sequence[str] | None, purpose: str) -> Source:
    from pyarrow import csv

    with path.open("rb") as stream:
        head = stream.read(1 << 20)
    if not head.strip():
        raise InputError(
            both("文件是空的", "the file is empty"),
            where=path,
            remedy=both("写入表头和病例", "write a header row and cases"),
        )
    first_line, *rest = re.split(rb"\r\n|\n|\r", head, maxsplit=1)
    try:
        headers = next(_csv_rows(first_line.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise InputError(
            both("不是UTF-8编码", "not UTF-8"),
            where=path,
            remedy=both(
                "另存为CSV UTF-8（Excel：另存为，选“CSV UTF-8”）",
                "save the file as CSV UTF-8 (in Excel: CSV UTF-8)",
            ),
        ) from None
    chosen = _selection(headers, wanted, str(path), purpose)
    if len(set(headers)) < len(headers):
        raise InputError(
            both("有两列同名", "two columns have the same header"),
            where=path,
            remedy=both("改名或删去其中一列", "rename or remove one of them"),
        )
    names = list(chosen.values())
    types = {header: pa.string() for header in chosen}
    broken: list[tuple[str, int, str]] = []

    def skip(row: Any) -> str:
        broken.append((path.name, row.number - 1, str(row.text)))
        return "skip"

    def pieces() -> Iterator[Piece]:
        if not rest:  # a header row alone, without a line end
            return
        try:
            reader = csv.open_csv(
                path,
                read_options=csv.ReadOptions(
                    block_size=16 << 20, column_names=headers, skip_rows=1, use_threads=False
                ),
                parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                convert_options=csv.ConvertOptions(
                    include_columns=list(chosen), column_types=types, strings_can_be_null=False
                ),
            )
            done = 0
            for batch in reader:
                numbers = _numbers(done, len(batch), [row for _, row, _ in broken])
                done += len(batch)
                for start in range(0, len(batch), BATCH_ROWS):
                    part = pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])
                    own = numbers[start : start + BATCH_ROWS]
                    table = part.rename_columns(names)
                    yield Piece(path.name, int(own[0]), partial(_same, table), own)
        except pa.ArrowInvalid as error:
            what = (
                both("不是UTF-8编码", "not UTF-8")
                if "invalid UTF8" in str(error)
                else both("表格中途断开", "the table breaks off")
            )
            raise InputError(
                both(what.chinese, f"{what}: {str(error).splitlines()[0]}"),
                where=path,
                remedy=both(
                    "重新另存为CSV UTF-8，含逗号或引号的内容加引号",
                    "save the file again as CSV UTF-8, fields with commas or quotes in quotes",
                ),
            ) from None
        if _ends_in_quotes(path):
            raise InputError(
                both(
                    "有一个引号没有闭合，其后各行都并入了这个字段",
                    "a field that begins with a quotation mark is not closed: the rows behind it "
                    "are part of it",
                ),
                where=path,
                remedy=both(
                    "补上引号；字段内的引号写两个",
                    "close the quotation mark; write one inside a field twice",
                ),
            )

    return Source(pieces(), None, (str(path),), broken, _strangers(headers))


def _same(table: pa.Table) -> pa.Table:
    return table


def _ends_in_quotes(path: Path) -> bool:
    """Whether the last quotation mark of a CSV file opens a field that nothing closes."""
    count = position = 0
    last = -1
    with path.open("rb") as stream:
        while chunk := stream.read(16 << 20):
            found = chunk.count(b'"')
            if found:
                count, last = count + found, position + chunk.rfind(b'"')
            position += len(chunk)
        if count % 2 == 0:
            return False
        stream.seek(max(last - 1, 0))
        return last == 0 or stream.read(1) in b",\r\n"


def _numbers(done: int, count: int, broken: list[int]) -> NDArray[np.int64]:
    """Return the row numbers of the next `count` good rows after `done` good ones."""
    # good row number k stands behind as many broken rows as have numbers up to its own
    places = np.sort(np.asarray(broken, dtype=np.int64)) - np.arange(len(broken))
    index = np.arange(done + 1, done + count + 1)
    return index + np.searchsorted(places, index, side="right")


def _csv_rows(text: str) -> Iterator[list[str]]:
    import csv

    yield from csv.reader([text])


def _of_object(cases: Any, wanted: Sequence[str] | None, purpose: str) -> Source:
    name = type(cases).__name__
    if isinstance(cases, pa.RecordBatch):
        cases = pa.Table.from_batches([cases])
    if hasattr(cases, "columns") and hasattr(cases, "iloc"):
        try:
            cases = pa.Table.from_pandas(cases, preserve_index=False)
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise InputError(both("数据读不出来", f"cannot be read: {error}"), where=name) from None
    if isinstance(cases, pa.Table):
        batches: Iterable[pa.RecordBatch] = cases.to_batches(max_chunksize=BATCH_ROWS)
        return _of_batches(batches, cases.schema, name, len(cases), wanted, purpose)
    if isinstance(cases, pa.RecordBatchReader):
        return _of_batches(cases, cases.schema, name, None, wanted, purpose)
    if hasattr(cases, "to_reader") and hasattr(cases, "scanner"):
        reader = cases.scanner().to_reader()
        return _of_batches(reader, reader.schema, name, None, wanted, purpose)
    if hasattr(cases, "__arrow_c_stream__"):
        try:
            reader = pa.RecordBatchReader.from_stream(cases)
        except pa.ArrowException as error:
            raise InputError(both("数据读不出来", f"cannot be read: {error}"), where=name) from None
        return _of_batches(reader, reader.schema, name, None, wanted, purpose)
    raise InputError(
        both(f"不能从 {name} 读取病例", f"cannot read cases from a {name}"),
        remedy=both(
            "给出路径、pyarrow表、pandas DataFrame或DuckDB relation",
            "give a path, a pyarrow table, a pandas DataFrame or a DuckDB relation",
        ),
    )


def _of_batches(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    name: str,
    rows: int | None,
    wanted: Sequence[str] | None,
    purpose: str,
) -> Source:
    chosen = _selection(schema.names, wanted, name, purpose)
    headers, names = list(chosen), list(chosen.values())

    def pieces() -> Iterator[Piece]:
        first = 1
        for batch in batches:
            for start in range(0, len(batch), BATCH_ROWS):
                part = pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])
                table = part.select(headers).rename_columns(names)
                yield Piece(name, first, partial(_same, table))
                first += len(table)

    return Source(pieces(), rows, (name,), unknown=_strangers(schema.names))
