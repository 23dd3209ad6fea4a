"""Where the header of a table stands among its first rows."""

from __future__ import annotations

from collections.abc import Sequence

from drgpay.cases.mapping import HeaderMapping

HEADER_AMONG = 30
LEAST_COLUMNS = 3


def header_score(cells: Sequence[str], mapping: HeaderMapping) -> int:
    """Return how many of our columns a row names; 0 when it is no header of cases.

    A header of cases names at least three columns, the case id among them.
    """
    names = {found[0] for cell in cells if cell and (found := mapping.meaning(cell)) is not None}
    return len(names) if "case_id" in names and len(names) >= LEAST_COLUMNS else 0


def find_header(rows: Sequence[Sequence[str]], mapping: HeaderMapping) -> tuple[int, int]:
    """Return the index of the row that names most of our columns, and how many; -1, 0 for none."""
    best, most = -1, 0
    for index, cells in enumerate(rows[:HEADER_AMONG]):
        score = header_score(cells, mapping)
        if score > most:
            best, most = index, score
    return best, most
