"""The rows of a small table as texts: CSV of any usual encoding and delimiter, Excel, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drgpay.cases.delimited import DELIMITERS
from drgpay.cases.swallowed import SWALLOWED, first_swallowing
from drgpay.ground.csv_cells import restored_text
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.inputs import plain_file, read_input

SUFFIXES = (".csv", ".xlsx", ".xls")


@dataclass(frozen=True, slots=True)
class Line:
    """A row that holds anything; `lost` are places of numbers that no longer say all digits."""

    number: int
    fields: list[str]
    lost: frozenset[int] = frozenset()


class UnreadableTable(Exception):
    """A small table cannot be read as one; the text says why."""

    def __init__(self, text: Bilingual) -> None:
        self.text = text
        super().__init__(text)


def read_lines(path: Path, means: Callable[[str], bool]) -> list[Line]:
    """Return the rows of a table that hold anything, the header first; raises UnreadableTable.

    `means` says whether a header is known: of a CSV the delimiter counts by which most are. Rows
    are numbered as a spreadsheet does, those of Parquet from 1 below the header.
    """
    plain_file(path)
    kind = path.suffix.lower()
    if kind == ".csv":
        lines = _csv_lines(path, means)
    elif kind == ".parquet":
        lines = list(_parquet_lines(path))
    else:
        lines = _excel_lines(path)
    return [line for line in lines if any(line.fields)]


def _csv_lines(path: Path, means: Callable[[str], bool]) -> list[Line]:
    text = _decoded(read_input(path))
    if "\0" in text:
        raise UnreadableTable(
            both("含有空字节（NUL），请重新导出", "holds NUL bytes; export it again")
        )
    try:
        known = {d: sum(map(means, _first_row(text, d))) for d in DELIMITERS}
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=max(known, key=known.__getitem__)
        )
        rows = [
            (n, [restored_text(field.strip()) for field in row]) for n, row in enumerate(reader, 1)
        ]
        swallowing = first_swallowing(rows)
    except csv.Error as error:
        raise UnreadableTable(both("不是CSV格式，请另存为CSV UTF-8", f"not CSV: {error}")) from None
    if swallowing is not None:
        raise UnreadableTable(
            both(f"第{swallowing}行：{SWALLOWED.chinese}", f"row {swallowing}: {SWALLOWED}")
        )
    return [Line(n, row) for n, row in rows]


def _first_row(text: str, delimiter: str) -> list[str]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return next((row for row in rows if any(row)), [])


def _decoded(raw: bytes) -> str:
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableTable(
        both(
            "既不是UTF-8也不是GB18030编码，请另存为CSV UTF-8",
            "neither UTF-8 nor GB18030; save it as CSV UTF-8",
        )
    )


def _excel_lines(path: Path) -> list[Line]:
    from drgpay.cases.excel import first_sheet

    try:
        return [
            Line(number, [text.strip() for text in row], frozenset(lost))
            for number, row, lost in first_sheet(path)
        ]
    except InputError as error:
        raise UnreadableTable(error.what) from None


def _parquet_lines(path: Path) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from drgpay.cases.arrays import texts_of
    from drgpay.cases.files import unreadable

    try:
        table = pq.read_table(path, memory_map=True)
        columns = [texts_of(table[name]) for name in table.column_names]
    except (pa.ArrowException, OSError) as error:
        raise UnreadableTable(unreadable(path, error).what) from None
    yield Line(0, list(table.column_names))
    texts = [column.to_pylist() for column, _ in columns]
    for at, fields in enumerate(zip(*texts, strict=True)):
        lost = frozenset(place for place, (_, gone) in enumerate(columns) if gone[at])
        yield Line(at + 1, list(fields), lost)
