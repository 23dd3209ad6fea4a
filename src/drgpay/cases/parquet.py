"""Parquet and Arrow files of cases: whole row groups, or batches of very large ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.cases import pieces as source_pieces
from drgpay.cases.expansion import check_group, check_rows, check_size
from drgpay.cases.files import Unchanged, readable, unreadable
from drgpay.cases.layout import select
from drgpay.cases.mapping import Asked
from drgpay.cases.parquet_footer import chunks_of
from drgpay.cases.pieces import Piece, Source, of_batches
from drgpay.names.columns import CASE_COLUMNS, whole_of

_FRAME = 12  # bytes of a file that are neither rows nor footer: two marks, and the footer's length
MANY_GROUPS, TINY_GROUP = 100, 10_000
_DICTIONARY_COLUMNS = frozenset(
    column.name
    for column in CASE_COLUMNS
    if column.kind in ("codes", "sex") or column.name in ("pool", "hospital_id", "department")
) | {"payment_mode", "bed_day_class", "discharge_way"}


def open_parquet(path: Path, asked: Asked) -> Source:
    """Return the stream of cases of a Parquet file."""
    watch = Unchanged(path)
    probe = pq.ParquetFile(path)
    footer = probe.metadata  # read once: it grows with the number of groups
    headers = probe.schema_arrow.names
    layout = select(headers, str(path), asked)
    columns = [headers[position] for position in layout.positions]
    meant = dict(zip(columns, layout.names, strict=True))
    chunks = [[c for c in group if c.column in meant] for group in chunks_of(path)]
    growing = {chunk.path for group in chunks for chunk in group if chunk.grows}
    leaves = [probe.schema.column(i) for i in range(len(probe.schema))]
    texts = [
        leaf.path
        for leaf in leaves
        if leaf.physical_type == "BYTE_ARRAY"
        and leaf.path.split(".")[0] in meant
        and leaf.path not in growing  # which the library cannot read as dictionaries
    ]
    as_dictionary = [
        leaf for leaf in texts if whole_of(meant.get(leaf.split(".")[0], "")) in _DICTIONARY_COLUMNS
    ]

    def open_file(dictionaries: Sequence[str] = as_dictionary) -> pq.ParquetFile:
        return pq.ParquetFile(path, metadata=footer, read_dictionary=dictionaries, memory_map=True)

    def check(groups: Iterable[int], read: Sequence[str] = as_dictionary) -> None:
        with open_file(texts) as words:
            for group in groups if chunks else ():
                check_group(words, group, chunks[group], read, path)

    groups = [footer.row_group(i).num_rows for i in range(probe.num_row_groups)]
    rows = footer.num_rows
    beside = path.stat().st_size - footer.serialized_size - _FRAME
    probe.close()
    if sum(groups) != rows or (beside and not groups):
        raise unreadable(path, ValueError("its footer does not tell of all its rows"))
    check_rows(path, rows)

    def load_group(index: int) -> pa.Table:
        with watch, readable(path), open_file() as file:
            check([index])
            table = file.read_row_group(index, columns=columns, use_threads=False)
            check_texts(table)
            check_size(table, path)
        return layout.shape(table.select(columns))

    def by_group() -> Iterator[Piece]:
        first = 1
        for index, count in enumerate(groups):
            yield Piece(path.name, first, partial(load_group, index))
            first += count

    def by_batch(across: bool) -> Iterator[Piece]:
        """Batches of each group; of many tiny ones `across` them, as texts."""
        first = 1
        spans = [list(range(len(groups)))] if across else [[i] for i in range(len(groups))]
        read = [] if across else as_dictionary
        with watch, readable(path), open_file(read) as file:
            for span in spans:
                check(span, read)
                for batch in file.iter_batches(
                    source_pieces.BATCH_ROWS, row_groups=span, columns=columns
                ):
                    table = pa.Table.from_batches([batch]).select(columns)
                    check_texts(table)
                    check_size(table, path)
                    yield Piece(path.name, first, partial(layout.shape, table))
                    first += len(table)

    large = max(groups, default=0) > source_pieces.LARGE_ROW_GROUP
    tiny = len(groups) > MANY_GROUPS and rows < TINY_GROUP * len(groups)
    pieces = by_batch(across=tiny and not large) if large or tiny else by_group()
    return Source(pieces, rows, (str(path),), [], layout.unknown, list(layout.notes))


def check_texts(table: pa.Table) -> None:
    """Raise ArrowInvalid for texts that are not UTF-8, or are words that their dictionary has not.

    Each word of a dictionary is read once; kernels take its numbers without looking.
    """
    for column in table.columns:
        for chunk in column.chunks:
            while pa.types.is_list(chunk.type) or pa.types.is_large_list(chunk.type):
                chunk = chunk.values
            kind = chunk.type
            if (
                pa.types.is_dictionary(kind)
                or pa.types.is_string(kind)
                or pa.types.is_large_string(kind)
            ):
                chunk.validate(full=True)


def open_arrow(path: Path, asked: Asked) -> Source:
    """Return the stream of cases of an Arrow file."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
    return of_batches(batches, reader.schema, path.name, None, asked)
