"""Where the header of a table stands among its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from drgpay.cases.mapping import HeaderMapping
from drgpay.ground.errors import InputError, both

HEADER_AMONG = 30
LEAST_COLUMNS = 3


def header_score(cells: Sequence[str], mapping: HeaderMapping) -> int:
    """Return how many of our columns a row names; 0 when it is no header of cases.

    A header of cases names at least three columns, the case id among them.
    """
    names = {found[0] for cell in cells if cell and (found := mapping.meaning(cell)) is not None}
    return len(names) if "case_id" in names and len(names) >= LEAST_COLUMNS else 0


def second_header(
    rows: Sequence[Sequence[str]], header: int, mapping: HeaderMapping
) -> tuple[int, int] | None:
    """Return two rows, one the header, that both head cases with columns of other meanings.

    One right below the other are two ways to write one header: no case stands between them. So are
    rows that say nothing else, wherever they stand: they are read as rows, and are none.
    """
    meant = _names(rows[header], mapping)
    for index, cells in enumerate(rows[:HEADER_AMONG]):
        if index == header or not header_score(cells, mapping):
            continue
        first, last = sorted((index, header))
        between = any(any(map(str.strip, row)) for row in rows[first + 1 : last])
        if index > header:
            own = _names(cells, mapping)
            if any(name and name != above for name, above in zip_longest(own, meant)):
                return first, last
        elif between:
            return first, last
    return None


def _names(cells: Sequence[str], mapping: HeaderMapping) -> list[str]:
    """Return which of our columns each cell of a row names, "" for none."""
    found = [mapping.meaning(cell) if cell else None for cell in cells]
    return [meant[0] if meant else "" for meant in found]


def two_headers(where: str | Path, first: int, last: int) -> InputError:
    """Return the fault of a table with two header rows; they are counted from 0."""
    return InputError(
        both(
            f"有两行都是表头，列各不同：第{first + 1}行和第{last + 1}行",
            f"two rows are headers of cases with other columns: rows {first + 1} and {last + 1}",
        ),
        where=where,
        remedy=both(
            "两张表分成两个文件（工作表），各有一行表头；同一张表只留一行表头",
            "keep two tables in two files or sheets, a header row each; of one table keep one",
        ),
    )


def find_header(rows: Sequence[Sequence[str]], mapping: HeaderMapping) -> tuple[int, int]:
    """Return the index of the row that names most of our columns, and how many; -1, 0 for none."""
    best, most = -1, 0
    for index, cells in enumerate(rows[:HEADER_AMONG]):
        score = header_score(cells, mapping)
        if score > most:
            best, most = index, score
    return best, most
