"""Cases that a settled year had quarantined and that come back corrected (清算重开).

The corrected rows are copied into the run folder, with the columns that a settlement reads and no
others, so that a later version need not be given their files again. docs/reopening.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.editions import COLUMN as EDITION_COLUMN
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import BrokenRows
from drgpay.ground.errors import BooksError, InputError, both, fault_at
from drgpay.names.columns import both_names
from drgpay.names.reasons import REASONS
from drgpay.names.run_tables import schema_of

CORRECTED = "corrected"  # the table of what corrected cases took the place of, and its columns
PLACE = Path("inputs") / "corrected_cases.parquet"  # the rows themselves, for the next version
VERSION, FILE, ROW = "correction_version", "correction_file", "correction_row"
REPLACED_SCHEMA = pa.schema([f for f in schema_of(CORRECTED) if f.name != "message"])
REPLACED = tuple(REPLACED_SCHEMA.names)


@dataclass(frozen=True, slots=True)
class CorrectionFile:
    """A file of corrected cases; `label` is how tables name it, `version` who took it in."""

    version: int
    label: str
    file: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class CorrectedCases:
    """Corrected cases of all versions, and the rows that they take the place of.

    `rows`: version, label and row of the correction, then the cases as texts. `replaced`: of
    REPLACED_SCHEMA, a row of the case files (or of an earlier correction) each. `columns`: of the
    files that are new in this version, by label. `ends`: what became of the corrected cases.
    """

    rows: pa.Table
    files: Sequence[CorrectionFile]
    replaced: pa.Table
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ends: Mapping[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> frozenset[str]:
        """How tables name the files."""
        return frozenset(file.label for file in self.files)

    def of_version(self, version: int) -> list[CorrectionFile]:
        """Return the files that a version took in."""
        return [file for file in self.files if file.version == version]

    def pieces(self) -> Iterator[Piece]:
        """Yield the corrected cases as pieces of the year's cases, a file a piece."""
        names = [name for name in self.rows.column_names if name not in (VERSION, FILE, ROW)]
        for file in self.files:
            own = self.rows.filter(pc.equal(self.rows[FILE], file.label))
            cases = own.select(names)
            numbers = np.asarray(own[ROW].combine_chunks(), dtype=np.int64)
            yield Piece(file.label, 1, _given(cases), numbers)

    def refuse_missing(self, columns: frozenset[str], reading: Sequence[str]) -> None:
        """Fail if a new file lacks columns of the case files that the settlement reads."""
        # the edition of codes goes without saying where a file does not say it
        needed = columns & frozenset(reading) - {EDITION_COLUMN}
        faults = [
            fault_at(
                label.split("/", 1)[-1],
                f"缺少列：{'、'.join(both_names(c) for c in sorted(needed - have))}",
                f"missing columns: {', '.join(sorted(needed - have))}",
            )
            for label, have in sorted(self.columns.items())
            if needed - have
        ]
        if faults:
            raise InputError(
                both(
                    "更正文件缺少病例文件所有的列，缺的内容会当作没有",
                    "corrected cases lack columns that the case files have: they would count as "
                    "empty",
                ),
                faults=faults,
                remedy=both(
                    "从病例文件中取出这些行，保留各列，只改错处",
                    "take the rows from the case files with all columns and change what was wrong",
                ),
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest's block."""
        return {
            "files": [asdict(file) for file in self.files],
            "rows": len(self.rows),
            "replaced": len(self.replaced),
            "ends": dict(self.ends),
            "table": PLACE.as_posix(),
        }

    def write(self, folder: Path) -> None:
        """Write the rows into a run folder."""
        path = folder / PLACE
        path.parent.mkdir(exist_ok=True)
        pq.write_table(self.rows, path, compression="zstd")


def _given(cases: pa.Table) -> Callable[[], pa.Table]:
    return lambda: cases


class SetAside:
    """Takes the rows out of the year's pieces that corrected ones have replaced, and counts them."""

    def __init__(self, corrected: CorrectedCases) -> None:
        self.corrected = corrected
        labels = pc.is_in(
            corrected.replaced["file"], value_set=pa.array(sorted(corrected.labels), pa.string())
        )
        # of the case files every row of these ids was quarantined: their rows may be numbered anew
        self._ids = pc.unique(corrected.replaced["case_id"].filter(pc.invert(labels)))
        again = corrected.replaced.filter(labels)
        self._again = set(zip(again["file"].to_pylist(), again["row"].to_pylist(), strict=True))
        self.dropped: list[tuple[str, int]] = []  # file and number, of each piece
        self.read: list[int] = []

    def without(self, piece: Piece) -> Piece:
        """Return a piece without the rows that were replaced; may be called on any thread."""
        table = piece.load()
        numbers = piece.numbers
        if numbers is None:
            numbers = np.arange(piece.first_row, piece.first_row + len(table))
        self.read.append(len(table))
        gone = self._rows(piece, table, numbers)
        if gone.any():
            self.dropped.append((piece.file, int(gone.sum())))
            table, numbers = table.filter(pa.array(~gone)), numbers[~gone]
        kept = table
        return replace(piece, load=lambda: kept, numbers=numbers)

    def _rows(self, piece: Piece, table: pa.Table, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows were replaced: corrections by their place, others by their case."""
        if piece.file in self.corrected.labels:
            places = ((piece.file, number) in self._again for number in numbers.tolist())
            return np.fromiter(places, np.bool_, len(table))
        ids = pc.utf8_trim_whitespace(parse.flat(table["case_id"]).cast(pa.string()))
        return np.asarray(pc.is_in(ids, value_set=self._ids))

    def broken(self, rows: Sequence[tuple[str, int, str]]) -> BrokenRows:
        """Return the rows that are no table rows without those that were replaced."""
        ids = set(self._ids.to_pylist())
        return BrokenRows(row for row in rows if getattr(row[2], "case_id", "").strip() not in ids)

    def replaced(self) -> int:
        """Return how many rows of pieces were set aside."""
        return sum(number for _, number in self.dropped)

    def check(self, dropped: int, broken: int, ended: int) -> None:
        """Fail if other rows were set aside than the earlier run had quarantined, or one is lost.

        `broken`: rows that are no table rows, `ended`: cases that were paid, held or quarantined.
        """
        rows = sum(self.read) + broken
        if rows != ended + dropped:
            raise BooksError(
                both(
                    f"病例文件和更正共 {rows} 行，有去向的 {ended} 行，被更正替代的 {dropped} 行，数目不符",
                    f"{rows} rows of cases and corrections came in, {ended} ended, {dropped} were "
                    "replaced",
                )
            )
        if dropped != len(self.corrected.replaced):
            raise InputError(
                both(
                    f"原清算隔离了 {len(self.corrected.replaced)} 行，现在只找到 {dropped} 行",
                    f"the run had quarantined {len(self.corrected.replaced)} rows, of which "
                    f"{dropped} are found now",
                ),
                remedy=both(
                    "用得出原清算的那一版 drgpay 重开",
                    "reopen it with the version of drgpay that made it",
                ),
            )


def replaced_table(corrected: CorrectedCases, lang: str) -> pa.Table:
    """Return the rows that corrected cases took the place of, and why they were quarantined."""
    codes = corrected.replaced["reason"].to_pylist()
    messages = [REASONS[code].message.of(lang) for code in codes]
    return corrected.replaced.append_column("message", pa.array(messages, pa.string()))
