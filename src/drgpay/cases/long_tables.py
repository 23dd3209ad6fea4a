"""Tables with a row for each diagnosis or procedure, made into tables with a row for each case.

A mapping file says which columns they are (`[rows]`). All rows of a file are held at once, so that
those of a case may stand anywhere in it; what they say beside their codes must be one thing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import of_lengths
from drgpay.cases.pieces import BATCH_ROWS, Piece, Source
from drgpay.cases.quarantine import RowNote
from drgpay.cases.row_kinds import MAIN, UNREAD
from drgpay.ground.errors import both
from drgpay.names.columns import ROW_ORDER

_CODES = ("diagnoses", "procedures")
MAIN_WORD = "主要（main）"  # shown where a case has several of a kind


def folded(source: Source) -> Source:
    """Return the stream of cases of a long table; rows of a case that differ put it aside."""
    broken = source.broken

    def pieces() -> Iterator[Piece]:
        parts = list(source.pieces)
        if not parts:
            return
        tables = [part.load() for part in parts]
        numbers = np.concatenate(
            [
                part.numbers
                if part.numbers is not None
                else np.arange(part.first_row, part.first_row + len(table))
                for part, table in zip(parts, tables, strict=True)
            ]
        )
        plain = [_plain(table) for table in tables]
        table = pa.concat_tables(plain).combine_chunks()
        cases, rows, notes = _folded(table, numbers)
        file = parts[0].file
        for row, note in sorted(notes, key=lambda one: one[0]):
            broken.append((file, row, note))
        source.notes.append(
            both(
                f"{file}：{len(table):,} 行合为 {len(cases) + len(notes):,} 例",
                f"{file}: {len(table):,} rows make {len(cases) + len(notes):,} cases",
            )
        )
        for start in range(0, len(cases), BATCH_ROWS):
            some = cases.slice(start, BATCH_ROWS)
            own = rows[start : start + BATCH_ROWS]
            yield Piece.held(file, some, own)

    return Source(pieces(), None, source.names, broken, source.unknown, source.notes)


def _plain(table: pa.Table) -> pa.Table:
    columns = {
        name: parse.flat(table[name]) for name in table.column_names
    }  # chunks of one table may have other dictionaries than those of the next
    return pa.table({n: c if n in _CODES else c.cast(pa.string()) for n, c in columns.items()})


def _folded(
    table: pa.Table, numbers: NDArray[np.int64]
) -> tuple[pa.Table, NDArray[np.int64], list[tuple[int, RowNote]]]:
    count = len(table)
    ids = pc.fill_null(pc.utf8_trim_whitespace(table["case_id"]).combine_chunks(), "")
    case = np.asarray(ids.dictionary_encode().indices, dtype=np.int64)
    blank = np.asarray(pc.equal(ids, ""))
    case[blank] = count + np.flatnonzero(blank)  # rows without an id are no case together
    _, first, case = np.unique(case, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # cases in the order of their first rows
    case = rank[case]
    place = np.zeros(count)
    main = np.zeros(count, dtype=np.bool_)
    if ROW_ORDER in table.column_names:
        main = np.asarray(pc.fill_null(pc.equal(table[ROW_ORDER], MAIN), False))
        order, bad = parse.counts(table[ROW_ORDER])
        place = np.where(bad | (order < 0), parse.MAX_COUNT + 1, order).astype(np.float64)
        place[main] = -1
        table = table.drop_columns(ROW_ORDER)
    rows = np.lexsort((np.arange(count), place, case))
    lead = np.sort(first)  # of each case its first row in the file
    good = np.ones(len(lead), dtype=np.bool_)
    notes: list[tuple[int, RowNote]] = []
    for name in table.column_names:
        if name in _CODES:
            if name == "diagnoses":
                lost = np.asarray(pc.fill_null(pc.starts_with(table[name], UNREAD), False))
                _put_aside(table, numbers, case, lost, "kind_of_row", good, notes)
            several = _several_mains(
                case,
                main
                & np.asarray(pc.fill_null(pc.greater(pc.binary_length(table[name]), 0), False)),
            )
            _put_aside(table, numbers, case, several, "kind_of_row", good, notes)
            continue
        values = pc.fill_null(table[name].combine_chunks(), "")
        words = np.asarray(values.dictionary_encode().indices)
        differs = words != words[lead[case]]
        _put_aside(table, numbers, case, differs, name, good, notes)
    columns = {}
    for name in table.column_names:
        if name not in _CODES:
            columns[name] = table[name].take(pa.array(lead))
            continue
        texts = pc.fill_null(table[name].combine_chunks().take(pa.array(rows)), "")
        there = np.asarray(pc.greater(pc.binary_length(texts), 0))
        lengths = np.bincount(case[rows][there], minlength=len(lead))
        columns[name] = of_lengths(texts.filter(pa.array(there)).cast(pa.string()), lengths)
    kept = pa.array(np.flatnonzero(good))
    return pa.table(columns).take(kept), numbers[lead][good], notes


def _several_mains(case: NDArray[np.int64], main: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows are a main one of a case behind another one of its kind."""
    rows = np.flatnonzero(main)
    _, first = np.unique(case[rows], return_index=True)
    found = main.copy()
    found[rows[first]] = False
    return found


def _put_aside(
    table: pa.Table,
    numbers: NDArray[np.int64],
    case: NDArray[np.int64],
    bad: NDArray[np.bool_],
    column: str,
    good: NDArray[np.bool_],
    notes: list[tuple[int, RowNote]],
) -> None:
    """Note each case that has a bad row, once, at the first one."""
    for row in np.flatnonzero(bad).tolist():
        if good[case[row]]:
            good[case[row]] = False
            value = table[column][row].as_py() if column in table.column_names else ""
            if column == "kind_of_row":
                code = str(table["diagnoses"][row].as_py() or "")
                value = code.removeprefix(UNREAD) if code.startswith(UNREAD) else MAIN_WORD
            note = RowNote(value or "", "rows_differ", column, table["case_id"][row].as_py() or "")
            notes.append((int(numbers[row]), note))
