"""Rows of persons and visits that cannot be used: where, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.quarantine import MAX_SHOWN
from drgpay.names.reasons import CAPITATION
from drgpay.names.run_tables import schema_of

Mask = NDArray[np.bool_]

SCHEMA = schema_of("capitation_quarantine")


@dataclass
class Quarantined:
    """Collects quarantined rows; `row` is the file's own, as Excel shows it."""

    rows: list[tuple[str, int, str, str, str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, file: str, row: int, key: str, column: str, value: str, reason: str) -> None:
        """Note one row."""
        shown = value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…"
        self.rows.append((file, row, key, column, shown, reason))

    def counts(self) -> dict[str, int]:
        """Return how many rows each reason took."""
        out: dict[str, int] = {}
        for row in self.rows:
            out[row[5]] = out.get(row[5], 0) + 1
        return dict(sorted(out.items()))

    def table(self, lang: str = "zh") -> pa.Table:
        """Return the rows by file and row, with message and remedy in the language asked for."""
        rows = sorted(self.rows, key=lambda row: row[:2])
        reasons = [CAPITATION[row[5]] for row in rows]
        messages = [r.message.of(lang) for r in reasons]
        remedies = [r.remedy.of(lang) for r in reasons]
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        return pa.table([*columns, messages, remedies], schema=SCHEMA)


@dataclass
class RowFaults:
    """Notes the first fault of each row of a piece, and keeps the mask of good rows."""

    file: str
    numbers: NDArray[np.int64]
    table: pa.Table
    ids: pa.Array
    quarantine: Quarantined
    good: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.good = np.ones(len(self.table), dtype=np.bool_)

    def add(self, bad: Mask, column: str, reason: str) -> None:
        """Quarantine the rows of a mask that had no fault before."""
        for row in np.flatnonzero(bad & self.good).tolist():
            value = self.table[column][row].as_py() if column in self.table.column_names else None
            shown = "" if value is None else str(value)
            key = self.ids[row].as_py() or ""
            self.quarantine.add(self.file, int(self.numbers[row]), key, column, shown, reason)
        self.good &= ~bad
