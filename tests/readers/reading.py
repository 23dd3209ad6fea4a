"""Reading a source to its end, as tests look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import Source
from drgpay.cases.sources import open_source
from drgpay.names.columns import GROUPING_COLUMNS

Rows = list[tuple[int, dict[str, Any]]]


def read(
    cases: Any,
    options: ReadOptions = AS_FOUND,
    wanted: Sequence[str] | None = GROUPING_COLUMNS,
    purpose: str = "grouping",
) -> tuple[Rows, Source]:
    """All rows with their numbers, and the source, after reading it to its end."""
    source = open_source(cases, wanted, purpose, options)
    rows: Rows = []
    for piece in source.pieces:
        table = piece.load()
        numbers = piece.numbers
        if numbers is None:
            numbers = np.arange(piece.first_row, piece.first_row + len(table))
        rows += list(zip(numbers.tolist(), table.to_pylist(), strict=True))
    return rows, source


def ids(rows: Rows) -> list[tuple[int, str]]:
    return [(number, row["case_id"]) for number, row in rows]
