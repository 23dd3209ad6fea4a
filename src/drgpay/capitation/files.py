"""Read the files of a capitation folder as a stream of pieces: Parquet, CSV or Excel.

A piece is a table with our column names, the name of its file and the number of each row, counted
from 1 below the header (of an Excel sheet, its own). Only a piece is in memory at a time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.capitation.tables import LARGE, SMALL, TABLES
from drgpay.cases import excel
from drgpay.cases.delimited import DELIMITERS, Header, refuse_open, rows_below
from drgpay.cases.encodings import decoded_head, survey
from drgpay.cases.files import Unchanged, not_passed_over, of_folder, readable, unreadable
from drgpay.cases.layout import two_columns
from drgpay.cases.parquet import check_texts
from drgpay.ground.errors import Bilingual, InputError, both, fault_at, located
from drgpay.tables.declared import Table
from drgpay.tables.kinds import code

SUFFIXES = (".parquet", ".csv", ".xlsx", ".xls")
BATCH_ROWS = 1_000_000
HEAD_BYTES = 1 << 20
EXCEL_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive rows of one file; `lost` are places of ids that a workbook keeps as numbers."""

    file: str
    numbers: NDArray[np.int64]
    table: pa.Table
    broken: tuple[tuple[int, str], ...] = ()
    lost: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A table's files; `pieces` may be called again and gives the same pieces."""

    table: Table
    paths: tuple[Path, ...]
    columns: frozenset[str]
    notes: tuple[Bilingual, ...]
    opened: tuple[Callable[[], Iterator[Piece]], ...]

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces of all files, in order."""
        for one in self.opened:
            yield from one()


def find(folder: Path) -> tuple[dict[str, tuple[Path, ...]], list[Bilingual]]:
    """Return the files of each large table of a capitation folder, and what is wrong with it."""
    faults: list[Bilingual] = []
    found: dict[str, tuple[Path, ...]] = {}
    used = {folder / f"{table.name}{suffix}" for table in SMALL for suffix in SUFFIXES}
    for table in LARGE:
        alone = [p for suffix in SUFFIXES if (p := folder / f"{table.name}{suffix}").is_file()]
        inside = folder / table.name
        if inside.is_dir():
            used.add(inside)
            read, others = of_folder(inside, SUFFIXES)
            alone += read
            if others:
                faults.append(located(f"{table.name}/", not_passed_over(others)))
            several = len({p.parent for p in alone}) > 1
        else:
            several = len(alone) > 1
        used.update(alone)
        if several:
            names = ", ".join(p.relative_to(folder).as_posix() for p in alone)
            faults.append(
                fault_at(
                    table.name,
                    f"同一张表有几个文件：{names}，只留其一",
                    f"keep one of {names}",
                )
            )
        if not alone:
            columns = table.needed
            faults.append(
                fault_at(
                    f"{table.name}.csv",
                    f"缺少这个文件（{'、'.join(SUFFIXES)} 之一），"
                    f"表头至少有 {'、'.join(map(table.shown, columns))}",
                    f"missing; columns at least {', '.join(columns)}",
                )
            )
        found[table.name] = tuple(alone)
    for path in sorted(folder.iterdir()):
        if path not in used and path.name[0] not in "~." and (path.is_dir() or _is_table(path)):
            faults.append(
                fault_at(
                    path.name,
                    f"不是按人头付费的表，应为 {'、'.join(t.name for t in TABLES)} 之一",
                    f"no table of capitation; those are {', '.join(t.name for t in TABLES)}",
                )
            )
    return found, faults


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.name[0] not in "~." and path.is_file()


def open_table(table: Table, paths: tuple[Path, ...]) -> Source:
    """Return the stream of a table's files, headers checked; raises InputError."""
    opened: list[Callable[[], Iterator[Piece]]] = []
    notes: list[Bilingual] = []
    columns: set[str] = set()
    for path in paths:
        try:
            open_file = _OPENERS[path.suffix.lower()]
            headers, pieces = open_file(path, table)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(path, error) from None
        chosen, unused = _choose(path, table, headers)
        columns |= set(chosen)
        if unused:
            notes.append(
                both(
                    f"{path.name}：未用的列 {'、'.join(unused)}",
                    f"{path.name}: columns not used: {', '.join(unused)}",
                )
            )
        opened.append(partial(_watched, path, partial(pieces, chosen)))
    return Source(table, paths, frozenset(columns), tuple(notes), tuple(opened))


Pieces = Callable[[dict[str, int]], Iterator[Piece]]
Opened = tuple[list[str], Pieces]


def _watched(path: Path, pieces: Callable[[], Iterator[Piece]]) -> Iterator[Piece]:
    watch = Unchanged(path)
    with readable(path):
        for piece in pieces():
            _check_kinds(path, piece.table)
            yield piece
    watch.check()


def _choose(path: Path, table: Table, headers: list[str]) -> tuple[dict[str, int], list[str]]:
    """Return where our columns stand and which headers mean none; raises InputError."""
    chosen: dict[str, int] = {}
    unused = []
    for place, header in enumerate(headers):
        name = table.meaning(header)
        if name is None:
            if header.strip():
                unused.append(header.strip())
        elif name in chosen:
            raise InputError(
                two_columns(table.shown(name), name, headers[chosen[name]], header),
                where=path,
                remedy=both("改名或删去其中一列", "rename or remove one of them"),
            )
        else:
            chosen[name] = place
    missing = [name for name in table.needed if name not in chosen]
    if missing:
        may = [c.name for c in table.columns]
        raise InputError(
            both(
                f"缺少列：{'、'.join(map(table.shown, missing))}",
                f"missing columns: {', '.join(missing)}",
            ),
            where=path,
            remedy=both(
                f"可用的列：{'、'.join(map(table.shown, may))}；"
                f"现有的列：{'、'.join(headers) or '无'}",
                f"columns may be {', '.join(may)}; found: {', '.join(headers) or 'none'}",
            ),
        )
    return chosen, unused


def _check_kinds(path: Path, table: pa.Table) -> None:
    """Raise InputError for a column of lists, bytes or other things that are no single values."""
    fine = (
        pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer,
        pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_date,
        pa.types.is_timestamp, pa.types.is_null,
    )  # fmt: skip
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not any(check(kind) for check in fine):
            raise InputError(
                both(f"{field.name} 列的类型 {kind} 不能用", f"{field.name} is of type {kind}"),
                where=path,
                remedy=both(
                    "改为文本、数或日期的列", "make it a column of texts, numbers or dates"
                ),
            )


# --- Parquet ----------------------------------------------------------------------------------


def _open_parquet(path: Path, table: Table) -> Opened:
    with pq.ParquetFile(path) as file:
        headers = list(file.schema_arrow.names)

    def pieces(chosen: dict[str, int]) -> Iterator[Piece]:
        first = 1
        columns = [headers[place] for place in chosen.values()]
        with pq.ParquetFile(path, memory_map=True) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                part = pa.Table.from_batches([batch]).select(columns).rename_columns(list(chosen))
                check_texts(part)
                yield Piece(path.name, np.arange(first, first + len(part)), part)
                first += len(part)

    return headers, pieces


# --- CSV --------------------------------------------------------------------------------------


def _open_csv(path: Path, table: Table) -> Opened:
    found = survey(path, None)
    text = decoded_head(path, found.encoding, HEAD_BYTES)
    header = max(
        (_header(text, delimiter) for delimiter in DELIMITERS),
        key=lambda header: sum(table.meaning(cell) is not None for cell in header.cells),
    )
    headers = list(header.cells)
    while headers and not headers[-1].strip():
        headers.pop()
    if not headers:
        raise InputError(
            both("没有表头", "there is no header row"),
            where=path,
            remedy=both("在第一行写列名", "write the names of the columns in the first row"),
        )
    refuse_open(path, found, header.delimiter)

    def pieces(chosen: dict[str, int]) -> Iterator[Piece]:
        broken: list[tuple[int, str]] = []
        told = 0

        def note(number: int, row: str) -> None:
            broken.append((number, row))

        rows = rows_below(path, found, header, list(chosen.values()), None, note)
        for batch, numbers in rows:
            part = pa.Table.from_batches([batch]).rename_columns(list(chosen))
            yield Piece(path.name, numbers, part, tuple(broken[told:]))
            told = len(broken)
        if len(broken) > told:
            nothing = pa.table({name: pa.array([], pa.string()) for name in chosen})
            yield Piece(path.name, np.zeros(0, np.int64), nothing, tuple(broken[told:]))

    return headers, pieces


def _header(text: str, delimiter: str) -> Header:
    """Return the first row of a text that holds anything, as fields between a delimiter."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = ((n, row) for n, row in enumerate(reader) if any(map(str.strip, row)))
        skipped, cells = next(rows, (0, []))
    except csv.Error:
        return Header((), 0, delimiter, 0, False)
    rest = io.StringIO(text, newline="").readlines()[reader.line_num :]
    more = len(text) >= HEAD_BYTES // 4 or any(line.strip() for line in rest)
    return Header(tuple(cells), reader.line_num, delimiter, skipped, more)


# --- Excel ------------------------------------------------------------------------------------


def _open_excel(path: Path, table: Table) -> Opened:
    _, rows = excel.first_cells(path)
    headers = [str(cell) for cell in next(rows, (0, []))[1]]

    def pieces(chosen: dict[str, int]) -> Iterator[Piece]:
        book, rows = excel.first_cells(path)
        next(rows, None)
        while some := list(islice(rows, EXCEL_ROWS)):
            columns, lost = {}, []
            for name, place in chosen.items():
                cells = [row[place] if place < len(row) else "" for _, row in some]
                if table.column(name).kind is code:
                    lost += [(at, name) for at in excel.lost_digits(cells)]
                kind = "date" if name == "visit_date" else "text"
                texts = [
                    cell if type(cell) is str else excel.cell_text(cell, kind, book.date_1904)
                    for cell in cells
                ]
                columns[name] = pa.array(texts, pa.string())
            numbers = np.fromiter((number + 1 for number, _ in some), np.int64, len(some))
            yield Piece(path.name, numbers, pa.table(columns), (), tuple(lost))

    return headers, pieces


_OPENERS: dict[str, Callable[[Path, Table], Opened]] = {
    ".parquet": _open_parquet,
    ".csv": _open_csv,
    ".xlsx": _open_excel,
    ".xls": _open_excel,
}
