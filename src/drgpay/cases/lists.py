"""National settlement lists (4101, 4101A) as a source of cases: JSON files, folders and zips.

Lists are read in batches, so that memory does not grow with the file. A list that cannot be read
is left out with its file, number and fault; the others go on. What the fields mean stands in
`lists_map`, docs/lists.md says how sure each meaning is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.arrow import decimal_column
from drgpay.cases.lists_bytes import Lines, Objects, Small, units_of
from drgpay.cases.lists_codes import FUND_TYPES
from drgpay.cases.lists_fast import Kinds, fast_table
from drgpay.cases.lists_json import Parsed, parse_text
from drgpay.cases.lists_map import LISTS, MONEY, OTHER_MEDICINE, ListFault, Need, Row
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.quarantine import RowNote
from drgpay.cases.sources import Piece, Source
from drgpay.errors import Bilingual, both

PIECE_ROWS = 16_384
THREADS = 2
WORTH_COLUMNS = 64  # lists from which on reading by columns is faster
Note = tuple[str, int, RowNote]  # file, number in it, fault


@dataclass
class _Part:
    """What one unit of bytes gave: rows that are good, and the faults of those that are not."""

    table: pa.Table
    files: list[str]
    numbers: NDArray[np.int64]  # of each row, counted in its unit's file from 1
    notes: list[Note]
    counts: dict[str, int]  # lists met in each file of the unit
    left_out: int  # diagnoses of traditional medicine


def open_lists(
    paths: list[Path],
    wanted: Sequence[str] | None,
    purpose: str,
    options: ReadOptions = AS_FOUND,
) -> Source:
    """Return the stream of cases of settlement lists: .json, .jsonl, folders and zips of them.

    `wanted` are our columns (all that a list can give when None). With purpose `settlement` a list without amounts (4101A) is a fault. `options.fund_types` says which
    fund_pay_type is which pool, `options.encoding` overrides UTF-8 else GB18030.

    Raises InputError for a file or zip that cannot be read at all.
    """
    settling = purpose in ("settlement", "history")
    need = Need.of(wanted, options.fund_types or FUND_TYPES, settling)
    broken: list[tuple[str, int, str]] = []
    notes: list[Bilingual] = []
    kinds: Kinds = {}
    names, units = units_of(paths, options.encoding)
    container = paths[0].name if len(paths) == 1 else paths[0].parent.name or "."

    def pieces() -> Iterator[Piece]:
        met: dict[str, int] = {}
        row = left_out = 0
        held: list[tuple[str, pa.Table, NDArray[np.int64]]] = []
        for part in _ahead((partial(_read, unit, need, kinds) for unit in units), THREADS):
            for file, number, note in part.notes:
                broken.append((file, met.get(file, 0) + number, note))
            before = met.get(part.files[0], 0) if part.files else 0
            for file, count in part.counts.items():
                met[file] = met.get(file, 0) + count
            left_out += part.left_out
            count = len(part.table)
            if len(part.files) == 1:
                name, numbers = part.files[0], part.numbers + before
            else:  # many small files: numbered through
                name, numbers = container, np.arange(row + 1, row + count + 1)
            row += count
            if held and (held[0][0] != name or sum(len(n) for *_, n in held) >= PIECE_ROWS):
                yield _piece(held)
                held = []
            if count:
                held.append((name, part.table, numbers))
        if held:
            yield _piece(held)
        if left_out:
            notes.append(
                both(
                    f"清单中有 {left_out:,} 个中医诊断（diag_type 2、3）没有读入",
                    f"{left_out:,} diagnoses of traditional medicine (diag_type 2, 3) are left out",
                )
            )

    return Source(pieces(), None, names, broken, notes=notes)


def _piece(parts: list[tuple[str, pa.Table, NDArray[np.int64]]]) -> Piece:
    table = pa.concat_tables([table for _, table, _ in parts]).combine_chunks()
    numbers = np.concatenate([own for *_, own in parts])
    return Piece(parts[0][0], int(numbers[0]), partial(_same, table), numbers)


def _same(table: pa.Table) -> pa.Table:
    return table


def _ahead(tasks: Iterable[Callable[[], _Part]], threads: int) -> Iterator[_Part]:
    """Run tasks on threads, a few ahead, and yield their results in order."""
    waiting: deque[Future[_Part]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for job in waiting:
                job.cancel()


@dataclass
class _Rows:
    """Collects rows and faults in the order of the lists."""

    need: Need
    rows: list[Row] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def add(self, file: str, parsed: Parsed) -> None:
        """Take one parsed list, or the fault that parsing it met."""
        number = self.counts.get(file, 0) + 1
        self.counts[file] = number
        if not self.files or self.files[-1] != file:
            self.files.append(file)
        if isinstance(parsed, RowNote):
            self.notes.append((file, number, parsed))
            return
        try:
            row = self.need.row(parsed)
        except ListFault as fault:
            self.notes.append((file, number, fault.note))
            return
        self.rows.append(row)
        self.numbers.append(number)

    def part(self) -> _Part:
        """Return what was collected."""
        table, left_out = _split(rows_table(self.rows, self.need))
        numbers = np.array(self.numbers, dtype=np.int64)
        return _Part(table, self.files, numbers, self.notes, self.counts, left_out)


def _read(unit: Lines | Small | Objects, need: Need, kinds: Kinds) -> _Part:
    if isinstance(unit, Lines) and len(unit.lines()) >= WORTH_COLUMNS:
        fast = fast_table(unit, need, kinds)
        if fast is not None:
            return _with_slow_rows(unit, need, *fast)
    rows = _Rows(need)
    if isinstance(unit, Lines):
        for line in unit.lines():
            rows.add(unit.file, parse_text(line, unit.encoding))
    elif isinstance(unit, Small):
        for file, parsed in unit.parsed():
            rows.add(file, parsed)
    else:
        for parsed in unit.items:
            rows.add(unit.file, parsed)
    return rows.part()


def _with_slow_rows(unit: Lines, need: Need, table: pa.Table, doubtful: NDArray[np.bool_]) -> _Part:
    """Return the fast reading of lines, the doubtful ones read again one by one."""
    count = len(table)
    numbers = np.arange(1, count + 1)
    notes: list[Note] = []
    if doubtful.any():
        again = _Rows(need)
        lines = unit.lines()
        rows = np.flatnonzero(doubtful)
        for row in rows.tolist():
            again.add(unit.file, parse_text(lines[row], unit.encoding))
        good = np.array(again.numbers, dtype=np.int64) - 1
        notes = [(file, int(rows[number - 1]) + 1, note) for file, number, note in again.notes]
        kept = np.flatnonzero(~doubtful)
        merged = pa.concat_tables([table.take(pa.array(kept)), rows_table(again.rows, need)])
        numbers = np.concatenate([kept, rows[good]]) + 1
        order = np.argsort(numbers, kind="stable")
        table, numbers = merged.take(pa.array(order)), numbers[order]
    table, left_out = _split(table)
    return _Part(table, [unit.file], numbers, notes, {unit.file: count}, left_out)


def _split(table: pa.Table) -> tuple[pa.Table, int]:
    """Return a table without the count of diagnoses left out, and their sum."""
    left_out = pc.sum(table[OTHER_MEDICINE]).as_py() or 0
    return table.drop_columns(OTHER_MEDICINE), int(left_out)


_TEXTS = pa.list_(pa.string())
_MONEY_TYPE = pa.decimal128(14, 2)


def column_type(column: str) -> pa.DataType:
    """Return the type that a column of lists has in a piece."""
    if column in MONEY:
        return _MONEY_TYPE
    if column == OTHER_MEDICINE:
        return pa.int32()
    return _TEXTS if column in LISTS else pa.string()


def rows_table(rows: list[Row], need: Need) -> pa.Table:
    """Return rows as a table of the wanted columns."""
    out: dict[str, Any] = {}
    for column in (*need.columns, OTHER_MEDICINE):
        values = [row.get(column) for row in rows]
        if column in MONEY:
            empty = np.array([value is None for value in values], dtype=np.bool_)
            fen = np.array([value or 0 for value in values], dtype=np.int64)
            out[column] = decimal_column(fen, 14, 2, empty)
        else:
            out[column] = pa.array(values, column_type(column))
    return pa.table(out)
