"""Fields of delimited files that swallow whole rows: one stray quotation mark, and another further on.

Between two such marks line ends and delimiters are text, so that several rows become one that looks
whole. A field that holds line ends and as many delimiters as a row has is taken for that: rows of
cases are quarantined one by one, tables are refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.quarantine import RowNote
from drgpay.ground.errors import DrgpayError, InputError, both

REASON = "row_swallowed"
_LINE_END = re.compile(r"\r\n|\n|\r")


def holds_rows(field: str, delimiter: str, width: int) -> bool:
    """Whether a field holds line ends and as many delimiters as a row of so many fields.

    >>> holds_rows("甲\\nH2,700.00,乙", ",", 3), holds_rows("甲，\\n乙", ",", 3)
    (True, False)
    """
    return ("\n" in field or "\r" in field) and field.count(delimiter) >= max(width - 1, 1)


def rows_within(text: str, delimiter: str, width: int, id_place: int | None) -> list[str]:
    """Return what is shown of each row that a broken row swallowed; the row alone when none.

    `text` is the row as it stands in the file, or its fields with delimiters between them.
    """
    lines = [line for line in _LINE_END.split(text) if line]
    if len(lines) < 2 or text.count(delimiter) <= width - 1:
        return [text]
    return [RowNote(line, REASON, "", _id_of(line, delimiter, width, id_place)) for line in lines]


def _id_of(line: str, delimiter: str, width: int, place: int | None) -> str:
    try:
        fields = next(csv.reader([line.replace('"', "")], delimiter=delimiter), [])
    except csv.Error:
        return ""
    return fields[place].strip() if place is not None and len(fields) == width else ""


def swallowing(batch: pa.RecordBatch, delimiter: str) -> NDArray[np.int64]:
    """Return which rows of a batch of all columns of a file, read as texts, swallow others."""
    found: set[int] = set()
    for column in batch.columns:
        at = pc.indices_nonzero(pc.match_substring_regex(column, "[\r\n]")).to_pylist()
        width = batch.num_columns
        found.update(i for i in at if holds_rows(column[i].as_py() or "", delimiter, width))
    return np.array(sorted(found), dtype=np.int64)


def without_swallowing(
    batch: pa.RecordBatch, numbers: NDArray[np.int64], delimiter: str, id_place: int | None
) -> tuple[pa.RecordBatch, NDArray[np.int64], list[tuple[int, str]]]:
    """Return the rows of a batch that swallow no others, their numbers, and what the others hold.

    The batch holds all columns of its file as texts.
    """
    found = swallowing(batch, delimiter)
    if not len(found):
        return batch, numbers, []
    inside = []
    for row in found.tolist():
        text = delimiter.join(str(column[row].as_py() or "") for column in batch.columns)
        shown = rows_within(text, delimiter, batch.num_columns, id_place)
        inside += [(int(numbers[row]), one) for one in shown]
    keep = np.ones(len(batch), dtype=np.bool_)
    keep[found] = False
    return batch.filter(pa.array(keep)), numbers[keep], inside


def first_swallowing(rows: Iterable[tuple[int, Sequence[str]]], delimiter: str = ",") -> int | None:
    """Return the number of the first row of a small table in which a field swallows others.

    The first row is the header.
    """
    width = 0
    for number, fields in rows:
        width = width or len(fields)
        if any(holds_rows(field, delimiter, width) for field in fields):
            return number
    return None


SWALLOWED = both(
    "一个引号内的字段含有换行和一整行的分隔符：引号没有配对，几行并成了一行",
    "a field in quotation marks holds line ends and the delimiters of a whole row: a stray mark has "
    "made one row of several",
)
STRAY_MARK = both(
    "核对这一行起的引号：删去多余的，字段内的引号写两个",
    "look at the quotation marks from this row on: remove stray ones, write one inside a field twice",
)


def swallowed(where: object, refusal: Callable[..., DrgpayError] = InputError) -> DrgpayError:
    """Return the fault of a file in which a field swallows rows."""
    return refusal(SWALLOWED, where=where, remedy=STRAY_MARK)


def refuse_swallowed(
    table: pa.Table, path: Path, refusal: Callable[..., DrgpayError] = InputError
) -> pa.Table:
    """Return a table that was read from CSV; raises `refusal` when a field of it swallows rows."""
    done = 1
    for batch in table.to_batches():
        texts = [c for c in batch.columns if pa.types.is_string(c.type)]
        for column in texts:
            content = column.buffers()[2]
            data = b"" if content is None else content.to_pybytes()
            if b"\n" not in data and b"\r" not in data:
                continue
            for i in pc.indices_nonzero(pc.match_substring_regex(column, "[\r\n]")).to_pylist():
                if holds_rows(column[i].as_py() or "", ",", batch.num_columns):
                    raise swallowed(f"{path}:{done + i + 1}", refusal)
        done += len(batch)
    return table
