"""Parquet and Arrow files of cases: whole row groups, or batches of very large ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.cases import sources
from drgpay.cases.files import Unchanged, readable
from drgpay.cases.layout import select
from drgpay.cases.mapping import HeaderMapping
from drgpay.cases.sources import Piece, Source, of_batches
from drgpay.columns import CASE_COLUMNS, whole_of

MANY_GROUPS, TINY_GROUP = 100, 10_000
_DICTIONARY_COLUMNS = frozenset(
    column.name
    for column in CASE_COLUMNS
    if column.kind in ("codes", "sex") or column.name in ("pool", "hospital_id", "department")
) | {"payment_mode", "bed_day_class", "discharge_way"}


def open_parquet(
    path: Path, wanted: Sequence[str] | None, purpose: str, mapping: HeaderMapping
) -> Source:
    """Return the stream of cases of a Parquet file."""
    watch = Unchanged(path)
    probe = pq.ParquetFile(path)
    headers = probe.schema_arrow.names
    layout = select(headers, wanted, str(path), purpose, mapping)
    columns = [headers[position] for position in layout.positions]
    meant = dict(zip(columns, layout.names, strict=True))
    leaves = [probe.schema.column(i) for i in range(len(probe.schema))]
    as_dictionary = [
        leaf.path
        for leaf in leaves
        if whole_of(meant.get(leaf.path.split(".")[0], "")) in _DICTIONARY_COLUMNS
        and leaf.physical_type == "BYTE_ARRAY"
    ]

    def open_file(dictionaries: bool = True) -> pq.ParquetFile:
        wanted = as_dictionary if dictionaries else []
        return pq.ParquetFile(path, read_dictionary=wanted, memory_map=True)

    groups = [probe.metadata.row_group(i).num_rows for i in range(probe.num_row_groups)]
    rows = probe.metadata.num_rows
    probe.close()

    def load_group(index: int) -> pa.Table:
        with readable(path), open_file() as file:
            table = file.read_row_group(index, columns=columns, use_threads=False)
            check_texts(table)
        watch.check()
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
        with readable(path), open_file(dictionaries=not across) as file:
            for span in spans:
                for batch in file.iter_batches(
                    sources.BATCH_ROWS, row_groups=span, columns=columns
                ):
                    table = pa.Table.from_batches([batch]).select(columns)
                    check_texts(table)
                    yield Piece(path.name, first, partial(layout.shape, table))
                    first += len(table)
        watch.check()

    large = max(groups, default=0) > sources.LARGE_ROW_GROUP
    # each piece reads the file's footer, which grows with the number of groups
    tiny = len(groups) > MANY_GROUPS and rows < TINY_GROUP * len(groups)
    pieces = by_batch(across=tiny and not large) if large or tiny else by_group()
    return Source(pieces, rows, (str(path),), [], layout.unknown, list(layout.notes))


def check_texts(table: pa.Table) -> None:
    """Raise ArrowInvalid for texts that are not UTF-8; each word of a dictionary is read once."""
    for column in table.columns:
        for chunk in column.chunks:
            while pa.types.is_list(chunk.type) or pa.types.is_large_list(chunk.type):
                chunk = chunk.values
            words = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
            if pa.types.is_string(words.type) or pa.types.is_large_string(words.type):
                words.validate(full=True)


def open_arrow(
    path: Path, wanted: Sequence[str] | None, purpose: str, mapping: HeaderMapping
) -> Source:
    """Return the stream of cases of an Arrow file."""
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
    return of_batches(batches, reader.schema, path.name, None, wanted, purpose, mapping)
