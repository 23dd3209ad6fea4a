"""National settlement lists (4101, 4101A, 4103) as a source of cases: JSON files, folders and zips.

Lists are read in batches, so that memory does not grow with the file. A list that cannot be read
is left out with its file, number and fault; the others go on. How many lists came in is counted in
the bytes of each file before they are parsed. What the fields mean stands in `lists_columns`,
docs/lists.md says how sure each meaning is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.editions import COLUMN as EDITION_COLUMN
from drgpay.cases.editions import INSURANCE, edition_named
from drgpay.cases.lists_bytes import Lines, Objects, Small, Tally, units_of
from drgpay.cases.lists_codes import FUND_TYPES
from drgpay.cases.lists_columns import plain_table
from drgpay.cases.lists_fast import Kinds, fast_table
from drgpay.cases.lists_json import Seen, Span, spans_of
from drgpay.cases.lists_map import (
    OTHER_MEDICINE,
    ListFault,
    Need,
    case_id_of,
    lists_in,
    plain_nodes,
)
from drgpay.cases.mapping import Asked
from drgpay.cases.pieces import Piece, Source
from drgpay.cases.pseudonyms import NO_KEY, ONCE, key_for
from drgpay.cases.quarantine import BrokenRows, RowNote
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.threads import in_order

PIECE_ROWS = 16_384
THREADS = 2
WORTH_COLUMNS = 64  # lists from which on reading by columns is faster


@dataclass
class _Part:
    """What one unit of bytes gave: rows that are good, and the faults of those that are not."""

    table: pa.Table
    files: list[str]
    numbers: NDArray[np.int64]  # of each row, counted in its unit's file from 1
    notes: BrokenRows  # file, number in it, fault
    counts: dict[str, int]  # lists met in each file of the unit
    marks: dict[str, int]  # of these lists: those whose mark stands in the text
    left_out: int  # diagnoses of traditional medicine


def open_lists(paths: list[Path], asked: Asked) -> Source:
    """Return the stream of cases of settlement lists: .json, .jsonl, folders and zips of them.

    With purpose `settlement` a list without amounts (4101A) is a fault. The option `fund_types`
    says which fund_pay_type is which pool, `encoding` overrides UTF-8 else GB18030.

    Raises InputError for a file or zip that cannot be read at all.
    """
    wanted, options = asked.wanted, asked.options
    settling = asked.purpose in ("settlement", "history")
    # the interface has its codes in the insurance edition, whoever sends them
    edition = edition_named(options.codes or INSURANCE)
    if wanted is not None and EDITION_COLUMN not in wanted:
        edition = ""
    key = key_for(paths)
    need = Need.of(wanted, options.fund_types or FUND_TYPES, settling, key or ONCE)
    broken = BrokenRows()
    notes: list[Bilingual] = []
    kinds: Kinds = {}
    tally = Tally()
    names, units = units_of(paths, options.encoding, tally)
    container = paths[0].name if len(paths) == 1 else paths[0].parent.name or "."

    def pieces() -> Iterator[Piece]:
        met: dict[str, int] = {}
        marks: dict[str, int] = {}
        row = left_out = 0
        hidden = False
        held: list[tuple[str, pa.Table, NDArray[np.int64]]] = []
        for part in in_order((partial(_read, unit, need, kinds) for unit in units), THREADS):
            for file, number, note in part.notes:
                broken.append((file, met.get(file, 0) + number, note))
            before = met.get(part.files[0], 0) if part.files else 0
            for file, count in part.counts.items():
                met[file] = met.get(file, 0) + count
                marks[file] = marks.get(file, 0) + part.marks.get(file, 0)
            left_out += part.left_out
            if key is None and not hidden and "patient_id" in part.table.column_names:
                hidden = bool(pc.any(pc.starts_with(part.table["patient_id"], "#")).as_py())
            count = len(part.table)
            if len(part.files) == 1:
                name, numbers = part.files[0], part.numbers + before
            else:  # many small files: numbered through
                name, numbers = container, np.arange(row + 1, row + count + 1)
            row += count
            if held and (held[0][0] != name or sum(len(n) for *_, n in held) >= PIECE_ROWS):
                yield _piece(held, edition)
                held = []
            if count:
                held.append((name, part.table, numbers))
        if held:
            yield _piece(held, edition)
        for file, seen in tally.files.items():
            _account(file, seen, met.get(file, 0), marks.get(file, 0), broken)
            notes.extend(_of_brackets(file, seen))
        if hidden:
            notes.append(NO_KEY)
        if left_out:
            notes.append(
                both(
                    f"清单中有 {left_out:,} 个中医诊断（diag_type 2、3）没有读入",
                    f"{left_out:,} diagnoses of traditional medicine (diag_type 2, 3) are left out",
                )
            )

    return Source(pieces(), None, names, broken, notes=notes)


def one_list(
    raw: bytes, need: Need, encoding: str | None = None
) -> tuple[dict[str, Any] | None, list[RowNote]]:
    """Return the one list of a message as a row of our columns, texts as written; else its faults.

    The row is None where the message holds no list, several, or one that cannot be read.
    """
    rows = _Rows(need)
    for span in spans_of(raw, encoding):
        rows.add("", span)
    part = rows.part()
    notes = [n if isinstance(n, RowNote) else RowNote(n, "list_unreadable") for *_, n in part.notes]
    if notes or len(part.table) != 1:
        return None, notes
    return part.table.to_pylist()[0], []


def _account(file: str, seen: Seen, met: int, marks: int, broken: BrokenRows) -> None:
    """Add a fault for every list that a file announces and that no list or fault stands for."""
    missing = seen.marks - marks
    if missing > 0:
        told = f"{seen.marks} ≠ {marks}"
        broken.append((file, met + 1, RowNote(told, "list_uncounted", "JSON", "", missing)))


def _of_brackets(file: str, seen: Seen) -> Iterator[Bilingual]:
    """Yield what the brackets of a file say of its being whole."""
    if seen.open > 0:
        yield both(
            f"{file}：数组没有结束（缺少 {seen.open} 个“]”），文件可能在两份清单之间被截断",
            f"{file}: an array does not end ({seen.open} closing brackets are missing): the file "
            "may be cut off between two lists",
        )
    if seen.open < 0 or seen.strays:
        count = max(-seen.open, 0) + seen.strays
        yield both(
            f"{file}：清单之外有 {count} 个多余的括号",
            f"{file}: {count} brackets outside of any list close nothing",
        )


def _piece(parts: list[tuple[str, pa.Table, NDArray[np.int64]]], edition: str) -> Piece:
    table = pa.concat_tables([table for _, table, _ in parts]).combine_chunks()
    if edition:
        nothing = pa.array(np.zeros(len(table), dtype=np.int8))
        words = pa.DictionaryArray.from_arrays(nothing, pa.array([edition]))
        table = table.append_column(EDITION_COLUMN, words)
    numbers = np.concatenate([own for *_, own in parts])
    return Piece.held(parts[0][0], table, numbers)


@dataclass
class _Rows:
    """Collects lists and faults in their order."""

    need: Need
    lists: list[dict[str, Any]] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    notes: BrokenRows = field(default_factory=BrokenRows)

    def add(self, file: str, span: Span) -> None:
        """Take the lists of a stretch of text, or the faults of what it holds instead.

        There are as many as the text has marks of lists, at least one.
        """
        if not self.files or self.files[-1] != file:
            self.files.append(file)
        self.marks[file] = self.marks.get(file, 0) + span.marks
        if isinstance(span.parsed, RowNote):
            found: Sequence[Any] = (span.parsed, *span.others)
        else:
            found = lists_in(span.parsed)
        for one in found:
            self._add(file, one)
        if span.marks > len(found):
            lost = RowNote("", "list_uncounted", "JSON", "", span.marks - len(found))
            self.notes.append((file, self.counts.get(file, 0) + 1, lost))
            self.counts[file] = self.counts.get(file, 0) + span.marks - len(found)

    def _add(self, file: str, found: Any) -> None:
        number = self.counts.get(file, 0) + 1
        self.counts[file] = number + (found.times - 1 if isinstance(found, RowNote) else 0)
        if isinstance(found, RowNote):
            self.notes.append((file, number, found))
            return
        try:
            plain = plain_nodes(found, self.need)
        except ListFault as fault:
            fault.note.case_id = case_id_of(found)
            self.notes.append((file, number, fault.note))
            return
        self.lists.append(plain)
        self.places.append((file, number))

    def part(self) -> _Part:
        """Return what was collected: the good lists as rows, and the faults in order."""
        table, good, refused = plain_table(self.lists, self.need)
        for place, note in refused.items():
            self.notes.append((*self.places[place], note))
        order = {file: place for place, file in enumerate(self.files)}
        notes = BrokenRows(sorted(self.notes, key=lambda row: (order[row[0]], row[1])))
        numbers = np.array([number for _, number in self.places], dtype=np.int64)[good]
        table, left_out = _split(table)
        return _Part(table, self.files, numbers, notes, self.counts, self.marks, left_out)


def _read(unit: Lines | Small | Objects, need: Need, kinds: Kinds) -> _Part:
    if isinstance(unit, Lines) and len(unit.lines) >= WORTH_COLUMNS:
        fast = fast_table(unit, need, kinds)
        if fast is not None:
            return _with_slow_rows(unit, need, *fast)
    rows = _Rows(need)
    for file, span in unit.spans():
        rows.add(file, span)
    return rows.part()


def _with_slow_rows(unit: Lines, need: Need, table: pa.Table, doubtful: NDArray[np.bool_]) -> _Part:
    """Return the fast reading of lines, the doubtful ones read again one by one."""
    file, lines = unit.file, unit.lines
    fast, left_out = _split(table.filter(pa.array(~doubtful)))
    if not doubtful.any():
        count = len(lines)  # a line that is not doubtful has one mark
        numbers = np.arange(1, count + 1)
        return _Part(fast, [file], numbers, BrokenRows(), {file: count}, {file: count}, left_out)
    again = _Rows(need)
    rows = np.flatnonzero(doubtful)
    ends = []
    for row in rows.tolist():
        for span in spans_of(lines[row], unit.encoding):
            again.add(file, span)
        ends.append(again.counts.get(file, 0))
    slow = again.part()
    stops = np.array(ends, dtype=np.int64)
    held = np.ones(len(lines), dtype=np.int64)  # lists of each line
    held[rows] = np.diff(stops, prepend=0)
    first = np.cumsum(held) - held + 1  # number of the first one

    def placed(own: NDArray[np.int64]) -> NDArray[np.int64]:
        line = np.searchsorted(stops, own)  # of which doubtful line a list is
        return first[rows[line]] + own - (stops[line] - held[rows[line]]) - 1

    numbers = np.concatenate([first[~doubtful], placed(slow.numbers)])
    order = np.argsort(numbers, kind="stable")
    merged = pa.concat_tables([fast, slow.table]).take(pa.array(order))
    at = placed(np.array([number for _, number, _ in slow.notes], dtype=np.int64)).tolist()
    notes = BrokenRows((file, n, note) for n, (_, _, note) in zip(at, slow.notes, strict=True))
    marks = len(lines) - len(rows) + slow.marks.get(file, 0)
    left_out += slow.left_out
    counts = {file: int(held.sum())}
    return _Part(merged, [file], numbers[order], notes, counts, {file: marks}, left_out)


def _split(table: pa.Table) -> tuple[pa.Table, int]:
    """Return a table without the count of diagnoses left out, and their sum."""
    left_out = pc.sum(table[OTHER_MEDICINE]).as_py() or 0
    return table.drop_columns(OTHER_MEDICINE), int(left_out)
