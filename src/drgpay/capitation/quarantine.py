"""Rows of persons and visits that cannot be used: where, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.capitation.files import Piece
from drgpay.capitation.texts import column_of, is_empty
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

    def broken(self, piece: Piece) -> int:
        """Note the rows of a piece that are no rows of a table, and return how many."""
        for number, text in piece.broken:
            self.add(piece.file, number, "", "", text, "row_broken")
        return len(piece.broken)

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


class RowFaults:
    """Notes the first fault of each row of a piece, and keeps the mask of good rows."""

    def __init__(self, piece: Piece, key: str, quarantine: Quarantined) -> None:
        self.file, self.numbers, self.table = piece.file, piece.numbers, piece.table
        self.quarantine, self.good = quarantine, np.ones(len(piece.table), dtype=np.bool_)
        self.ids, lost = column_of(self.table, key)
        self.add(lost, key, "stored_as_number")
        for row, name in piece.lost:
            self.add(np.arange(len(self.table)) == row, name, "stored_as_number")
        self.add(is_empty(self.ids), key, "id_missing")

    def codes(self, name: str, must: bool = False) -> pa.Array:
        """Return the codes of a column; one that a workbook keeps as a number is a fault."""
        texts, lost = column_of(self.table, name)
        self.add(lost, name, "stored_as_number")
        if must:
            self.add(is_empty(texts), name, "id_missing")
        return texts

    def add(self, bad: Mask, column: str, reason: str) -> None:
        """Quarantine the rows of a mask that had no fault before."""
        for row in np.flatnonzero(bad & self.good).tolist():
            value = self.table[column][row].as_py() if column in self.table.column_names else None
            shown = "" if value is None else str(value)
            key = self.ids[row].as_py() or ""
            self.quarantine.add(self.file, int(self.numbers[row]), key, column, shown, reason)
        self.good &= ~bad
