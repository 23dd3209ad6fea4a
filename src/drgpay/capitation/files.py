"""Read the files of a capitation folder as a stream of pieces: Parquet, CSV or Excel.

A piece is a table with our column names, the name of its file and the number of each row, counted
from 1 below the header (of an Excel sheet, its own). Only a piece is in memory at a time.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.capitation.tables import LARGE, SMALL, TABLES
from drgpay.cases import excel
from drgpay.cases.delimited import (
    DELIMITERS,
    NO_ROWS,
    StrangeRows,
    empty_rows,
    past_empty,
    refuse_hidden,
)
from drgpay.cases.encodings import decoded_head, survey
from drgpay.cases.excel_safety import SheetMarks, Workbook, inspect
from drgpay.cases.files import Unchanged, not_passed_over, of_folder, readable, unreadable
from drgpay.cases.parquet import check_texts
from drgpay.cases.swallowed import rows_within, without_swallowing
from drgpay.ground.errors import Bilingual, InputError, both, located
from drgpay.tables.declared import Table
from drgpay.tables.kinds import code

SUFFIXES = (".parquet", ".csv", ".xlsx", ".xls")
BATCH_ROWS = 1_000_000
BLOCK_BYTES = 64 << 20
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
                located(
                    table.name,
                    both(f"同一张表有几个文件：{names}，只留其一", f"keep one of {names}"),
                )
            )
        if not alone:
            columns = table.needed
            faults.append(
                located(
                    f"{table.name}.csv",
                    both(
                        f"缺少这个文件（{'、'.join(SUFFIXES)} 之一），"
                        f"表头至少有 {'、'.join(map(table.shown, columns))}",
                        f"missing; columns at least {', '.join(columns)}",
                    ),
                )
            )
        found[table.name] = tuple(alone)
    for path in sorted(folder.iterdir()):
        if path not in used and path.name[0] not in "~." and (path.is_dir() or _is_table(path)):
            faults.append(
                located(
                    path.name,
                    both(
                        f"不是按人头付费的表，应为 {'、'.join(t.name for t in TABLES)} 之一",
                        f"no table of capitation; those are {', '.join(t.name for t in TABLES)}",
                    ),
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
                both(
                    f"有两列都是{table.shown(name)}：“{headers[chosen[name]]}”和“{header}”",
                    f"two columns mean {name}: {headers[chosen[name]]!r} and {header!r}",
                ),
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
    best: tuple[int, list[str], int, str, int] = (-1, [], 0, ",", 1)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            found_rows = ((n, row) for n, row in enumerate(reader, 1) if any(map(str.strip, row)))
            own_row, header = next(found_rows, (1, []))
        except csv.Error:
            continue
        score = sum(table.meaning(cell) is not None for cell in header)
        if score > best[0]:
            best = score, header, reader.line_num, delimiter, own_row
    _, headers, lines, delimiter, header_row = best
    while headers and not headers[-1].strip():
        headers.pop()
    if not headers:
        raise InputError(
            both("没有表头", "there is no header row"),
            where=path,
            remedy=both("在第一行写列名", "write the names of the columns in the first row"),
        )
    if found.ends_in_quotes(delimiter):
        raise InputError(
            both("有一个引号没有闭合", "a field that begins with a quotation mark is not closed"),
            where=path,
            remedy=both("补上引号；字段内的引号写两个", "close it; write one inside a field twice"),
        )
    rest = io.StringIO(text, newline="").readlines()[lines:]
    empty = len(text) < HEAD_BYTES // 4 and not any(line.strip() for line in rest)
    width = _width(text, lines, delimiter)

    def pieces(chosen: dict[str, int]) -> Iterator[Piece]:
        from pyarrow import csv as arrow_csv

        if empty:
            return
        broken: list[tuple[int, str]] = []
        strange = StrangeRows()
        blank = empty_rows(path, found.encoding, lines, delimiter) if found.empty_lines else NO_ROWS

        def skip(row: Any) -> str:
            own = row.number - lines
            strange.add(own)
            number = header_row + int(past_empty(np.array([own]), blank)[0])
            shown = rows_within(str(row.text), delimiter, width, None)
            broken.extend((number, one) for one in shown)
            return "skip"

        names = [str(place) for place in range(max(width, len(headers)))]
        wanted = [names[place] for place in chosen.values()]
        asked = names if found.quoted_ends else wanted
        try:
            batches = arrow_csv.open_csv(
                path,
                read_options=arrow_csv.ReadOptions(
                    block_size=BLOCK_BYTES,
                    column_names=names,
                    skip_rows=lines,
                    use_threads=False,
                    encoding=found.encoding,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
                ),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=asked,
                    column_types=dict.fromkeys(asked, pa.string()),
                    strings_can_be_null=False,
                ),
            )
            done = told = 0
            for batch in batches:
                counted = strange.numbers(done, len(batch))
                numbers = header_row + past_empty(counted, blank)
                done += len(batch)
                if found.quoted_ends:
                    batch, numbers, more = without_swallowing(batch, numbers, delimiter, None)
                    broken += more
                part = pa.Table.from_batches([batch]).select(wanted).rename_columns(list(chosen))
                yield Piece(path.name, numbers, part, tuple(broken[told:]))
                told = len(broken)
            refuse_hidden(path, found, lines, done + len(strange))
            if len(broken) > told:
                nothing = pa.table({name: pa.array([], pa.string()) for name in chosen})
                yield Piece(path.name, np.zeros(0, np.int64), nothing, tuple(broken[told:]))
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise InputError(
                both("表格中途断开", f"the table breaks off: {str(error).splitlines()[0]}"),
                where=path,
                remedy=both(
                    "重新另存为CSV UTF-8，含逗号或引号的内容加引号",
                    "save the file again as CSV UTF-8, fields with commas or quotes in quotes",
                ),
            ) from None

    return headers, pieces


def _width(text: str, lines: int, delimiter: str) -> int:
    """Return how many fields the header row of a CSV has, nameless ones at its end included."""
    head = "".join(io.StringIO(text, newline="").readlines()[:lines])
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    return max((len(row) for row in rows), default=0)


# --- Excel ------------------------------------------------------------------------------------


def _open_excel(path: Path, table: Table) -> Opened:
    rows = _excel_rows(path)
    _, first = next(rows, (0, []))
    book = _inspected(path)
    headers = [str(cell) for cell in first]
    kinds = {"visit_date": "date"}

    def pieces(chosen: dict[str, int]) -> Iterator[Piece]:
        again = _excel_rows(path)
        next(again, None)
        ids = [name for name in chosen if table.column(name).kind is code]
        while some := list(islice(again, EXCEL_ROWS)):
            cells = {
                name: [row[place] if place < len(row) else "" for _, row in some]
                for name, place in chosen.items()
            }
            lost = tuple((place, name) for name in ids for place in excel.lost_digits(cells[name]))
            part = pa.table(
                {
                    name: pa.array(
                        [
                            cell
                            if type(cell) is str
                            else excel.cell_text(cell, kinds.get(name, "text"), book.date_1904)
                            for cell in column
                        ],
                        pa.string(),
                    )
                    for name, column in cells.items()
                }
            )
            numbers = np.fromiter((number + 1 for number, _ in some), np.int64, len(some))
            yield Piece(path.name, numbers, part, (), lost)

    return headers, pieces


def _excel_rows(path: Path) -> Iterator[tuple[int, list[Any]]]:
    """Yield (row from 0, cells) of a workbook's first visible sheet that hold anything."""
    book = _inspected(path)
    workbook = excel.opened(path, book)
    names = excel._chosen_names(path, workbook, None, [])
    if not names:
        raise InputError(
            both("没有可见的工作表", "there is no visible sheet"),
            where=path,
            remedy=both("取消隐藏要读的工作表", "show the sheet to be read"),
        )
    sheet = excel._guarded(path, partial(workbook.get_sheet_by_name, names[0]))
    for index, row in excel._rows(sheet, book.marks.get(names[0], SheetMarks())):
        if excel._holds(row):
            yield index, row


def _inspected(path: Path) -> Workbook:
    """Return what is known of a workbook before it is opened; damaged ones are an InputError."""
    try:
        return inspect(path)
    except zlib.error as error:
        raise unreadable(path, error) from None


_OPENERS: dict[str, Callable[[Path, Table], Opened]] = {
    ".parquet": _open_parquet,
    ".csv": _open_csv,
    ".xlsx": _open_excel,
    ".xls": _open_excel,
}
