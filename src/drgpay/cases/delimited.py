"""CSV and other delimited files: encoding, delimiter and header found, rows streamed.

Rows are numbered as a spreadsheet shows them: the file's first row, often the header, is row 1, a
field with line ends in it does not make two of its row, and empty rows count.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases import pieces as source_pieces
from drgpay.cases.encodings import Survey, decoded_head, filled_lines, survey
from drgpay.cases.files import Unchanged
from drgpay.cases.layout import select
from drgpay.cases.mapping import Asked, HeaderMapping
from drgpay.cases.pieces import Piece, Source
from drgpay.cases.quarantine import BrokenRows
from drgpay.cases.swallowed import holds_rows, rows_within, swallowed, without_swallowing
from drgpay.cases.tables import HEADER_AMONG, find_header, second_header, two_headers
from drgpay.ground.csv_cells import restored
from drgpay.ground.errors import InputError, both

DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
HEAD = 1 << 20
BLOCK = 16 << 20
NO_ROWS: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
_SEP_LINE = re.compile(r"sep=(.)(?:\r\n|\n|\r|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """The header row of a delimited file: its cells, the lines up to its end, rows before it."""

    cells: tuple[str, ...]
    lines: int
    delimiter: str
    skipped: int
    ends: bool  # whether a line end stands behind it

    @property
    def row(self) -> int:
        """The header's own number."""
        return self.skipped + 1


def open_delimited(path: Path, asked: Asked) -> Source:
    """Return the stream of cases of a CSV file, or of one with ; tab or | between its fields.

    Raises InputError for a file that breaks its encoding, holds NUL bytes or leaves a quotation
    mark open, before anything of it is used.
    """
    watch = Unchanged(path)
    found = survey(path, asked.options.encoding)
    text = decoded_head(path, found.encoding, HEAD)
    if not text.strip():
        raise InputError(
            both("文件是空的", "the file is empty"),
            where=path,
            remedy=both("写入表头和病例", "write a header row and cases"),
        )
    header = _header(path, text, asked.options.delimiter, asked.mapping)
    layout = select(header.cells, str(path), asked)
    named = [cell for cell in header.cells if cell.strip()]
    if len(set(named)) < len(named):
        raise InputError(
            both("有两列同名", "two columns have the same header"),
            where=path,
            remedy=both("改名或删去其中一列", "rename or remove one of them"),
        )
    refuse_open(path, found, header.delimiter)
    if any(holds_rows(cell, header.delimiter, len(header.cells)) for cell in header.cells):
        raise swallowed(f"{path}:{header.row}")
    notes = list(layout.notes)
    if header.skipped:
        notes.append(
            both(
                f"{path.name}：表头在第{header.row}行，其前{header.skipped}行未读",
                f"{path.name}: the header is row {header.row}; the {header.skipped} before "
                "it were not read",
            )
        )
    broken: list[tuple[str, int, str]] = BrokenRows()

    id_place = dict(zip(layout.names, layout.positions, strict=True)).get("case_id")

    def pieces() -> Iterator[Piece]:
        def note(number: int, text: str) -> None:
            broken.append((path.name, number, text))

        for batch, numbers in rows_below(path, found, header, layout.positions, id_place, note):
            for start in range(0, len(batch), source_pieces.BATCH_ROWS):
                part = pa.Table.from_batches([batch.slice(start, source_pieces.BATCH_ROWS)])
                own = numbers[start : start + source_pieces.BATCH_ROWS]
                yield Piece(path.name, int(own[0]), partial(layout.shape, part), own)
        watch.check()

    return Source(pieces(), None, (str(path),), broken, layout.unknown, notes)


def rows_below(
    path: Path,
    found: Survey,
    header: Header,
    chosen: Sequence[int],
    id_place: int | None,
    note: Callable[[int, str], None],
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
    """Yield some columns of the rows below a header as texts, with the numbers of the rows.

    `note` takes number and text of each row that is none of the table.
    """
    if not header.ends:
        return
    width, delimiter = len(header.cells), header.delimiter
    empty = (
        empty_rows(path, found.encoding, header.lines, delimiter) if found.empty_lines else NO_ROWS
    )
    strange = StrangeRows()

    def skip(row: Any) -> str:
        own = row.number - header.lines
        strange.add(own)
        number = header.row + int(past_empty(np.array([own]), empty)[0])
        for shown in rows_within(str(row.text), delimiter, width, id_place):
            note(number, shown)
        return "skip"

    read = list(range(width)) if found.quoted_ends else list(chosen)
    done = 0
    for batch in _batches(path, header, found.encoding, read, skip):
        numbers = header.row + past_empty(strange.numbers(done, len(batch)), empty)
        done += len(batch)
        if found.quoted_ends:
            batch, numbers, inside = without_swallowing(batch, numbers, delimiter, id_place)
            for number, text in inside:
                note(number, text)
            batch = batch.select(list(chosen))
        yield batch, numbers
    refuse_hidden(path, found, header.lines, done + len(strange))


def refuse_open(path: Path, found: Survey, delimiter: str) -> None:
    """Raise InputError when the last field of a file opens a quotation mark and never closes it."""
    if found.ends_in_quotes(delimiter) or (
        found.quoted_ends and _open_at_the_end(path, found.encoding, delimiter)
    ):
        raise _open_quote(path)


def _header(path: Path, text: str, given: str | None, mapping: HeaderMapping) -> Header:
    """Find delimiter and header row at the beginning of a file; the first row when none is one."""
    said = _SEP_LINE.match(text)
    delimiters = (_delimiter(path, given),) if given else (said[1],) if said else DELIMITERS
    best: Header | None = None
    most = -1
    for delimiter in delimiters:
        rows, ends = _rows(text, delimiter)
        first = 1 if said else 0
        index, score = find_header(rows[first:], mapping)
        if index < 0:
            index = next((i for i, row in enumerate(rows[first:]) if any(row)), 0)
            score = 0
        if score > most and first + index < len(rows):
            index += first
            most = score
            best = Header(
                tuple(rows[index]), ends[index][0], delimiter, index - first, ends[index][1]
            )
    if best is not None and most > 0:
        rows = _rows(text, best.delimiter)[0][1 if said else 0 :]
        again = second_header(rows, best.skipped, mapping)
        if again is not None:
            raise two_headers(path, *again)
    if best is None and len(text) >= csv.field_size_limit() and not _line_ends(text):
        raise InputError(
            both("表头超过1 MB", "the header is longer than 1 MB"),
            where=path,
            remedy=both(
                "核对第一行：列名是否缺了换行或引号",
                "look at the first row: a line end or a quotation mark may be missing",
            ),
        )
    if best is None:
        raise InputError(
            both("没有表头", "there is no header row"),
            where=path,
            remedy=both("在第一行写列名", "write the names of the columns in the first row"),
        )
    return best


def _line_ends(text: str) -> bool:
    """Whether a line ends in a text."""
    return "\n" in text or "\r" in text


def _delimiter(path: Path, given: str) -> str:
    delimiter = DELIMITER_NAMES.get(given.lower(), given)
    if len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii():
        raise InputError(
            both(f"分隔符“{given}”不能用", f"{given!r} cannot be the delimiter"),
            where=path,
            remedy=both(
                "用一个字符，或 tab、comma、semicolon、pipe",
                "give one character, or tab, comma, semicolon, pipe",
            ),
        )
    return delimiter


def _rows(text: str, delimiter: str) -> tuple[list[list[str]], list[tuple[int, bool]]]:
    """Return the first rows, and for each the lines read so far and whether the last one ended."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows, ends = [], []
    lines = io.StringIO(text, newline="").readlines()
    try:
        for row in islice(reader, HEADER_AMONG + 1):
            rows.append(row)
            ends.append((reader.line_num, lines[reader.line_num - 1].endswith(("\r", "\n"))))
    except csv.Error:  # a field without end: what comes before it may hold the header
        pass
    return rows, ends


def _batches(
    path: Path, header: Header, encoding: str, positions: Sequence[int], skip: Any
) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv as arrow_csv

    names = [str(i) for i in range(len(header.cells))]
    chosen = [names[position] for position in positions]
    try:
        for batch in arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                block_size=BLOCK,
                column_names=names,
                skip_rows=header.lines,
                use_threads=False,
                encoding=encoding,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=header.delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=chosen,
                column_types=dict.fromkeys(chosen, pa.string()),
                strings_can_be_null=False,
            ),
        ):
            columns = [restored(column) for column in batch.columns]
            yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise InputError(
            both("表格中途断开", f"the table breaks off: {str(error).splitlines()[0]}"),
            where=path,
            remedy=both(
                "重新另存为CSV UTF-8，含逗号或引号的内容加引号",
                "save the file again as CSV UTF-8, fields with commas or quotes in quotes",
            ),
        ) from None


def _open_at_the_end(path: Path, encoding: str, delimiter: str) -> bool:
    """Whether the last field goes on to the end of the file: a mark inside another hides that."""
    last: list[str] = []
    usual = csv.field_size_limit(BLOCK)  # a longer one is refused where the rows are read
    try:
        with path.open(encoding=encoding, newline="") as stream:
            for row in csv.reader(stream, delimiter=delimiter):
                last = row or last
    except csv.Error:
        return False
    finally:
        csv.field_size_limit(usual)
    inside = last[-1] if last else ""
    # one that is closed behind its line ends has its mark as the last character of the file
    return _line_ends(inside) and inside.endswith(("\r", "\n"))


def refuse_hidden(path: Path, found: Survey, lines: int, rows: int) -> None:
    """Raise InputError when a file has more rows behind its header's lines than were read.

    Where no line ends within quotation marks, each line is a row: what the reader lacks stands in a
    field that an even number of marks opens and never closes.
    """
    if not found.quotes or found.quoted_ends:
        return
    missing = filled_lines(path, found.encoding, lines) - rows
    if missing:
        raise _open_quote(path, missing)


def _open_quote(path: Path, missing: int = 0) -> InputError:
    faults = [
        both(f"有{missing}行没有读到", f"{missing} rows were not read"),
    ]
    return InputError(
        both(
            "有一个引号没有闭合，其后各行都并入了这个字段",
            "a field that begins with a quotation mark is not closed: the rows behind it are part "
            "of it",
        ),
        where=path,
        faults=faults if missing else [],
        remedy=both(
            "补上引号；字段内的引号写两个",
            "close the quotation mark; write one inside a field twice",
        ),
    )


class StrangeRows:
    """The numbers of rows that are no table rows, as they are met; those passed are a count."""

    def __init__(self) -> None:
        self.passed = 0
        self.met = array("q")

    def __len__(self) -> int:
        return self.passed + len(self.met)

    def add(self, number: int) -> None:
        """Note the number of a row."""
        self.met.append(number)

    def numbers(self, done: int, count: int) -> NDArray[np.int64]:
        """Return which rows the next `count` good ones after `done` are, empty ones not counted."""
        # good row number k stands behind as many strange rows as have numbers up to its own
        met = np.sort(np.array(self.met, dtype=np.int64))
        places = met - self.passed - np.arange(len(met))
        index = np.arange(done + 1, done + count + 1)
        found = index + self.passed + np.searchsorted(places, index, side="right")
        behind = int(np.searchsorted(met, found[-1])) if count else 0
        self.passed += behind
        self.met = array("q", met[behind:].tobytes())
        return found


def empty_rows(path: Path, encoding: str, lines: int, delimiter: str) -> NDArray[np.int64]:
    """Return which rows below a header of so many lines are empty, the first one being 1.

    Needed only for files that have any; what Python's reader cannot go on with ends the search.
    """
    found = array("q")
    with path.open(encoding=encoding, newline="") as stream:
        for _ in islice(stream, lines):
            pass
        try:
            for number, row in enumerate(csv.reader(stream, delimiter=delimiter), 1):
                if not row:
                    found.append(number)
        except csv.Error:
            pass
    return np.array(found, dtype=np.int64)


def past_empty(counted: NDArray[np.int64], empty: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of rows among all rows, from those counted without empty ones."""
    places = empty - np.arange(len(empty))
    return counted + np.searchsorted(places, counted, side="right")
