"""Integers to Arrow columns without loops, and writers of tables as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.ground.csv_cells import NeutralCsvWriter


def decimal_column(
    units: NDArray[np.int64], precision: int, scale: int, null: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return int64 units of 10^-scale as decimal128(precision, scale), null where the mask says."""
    pairs = np.empty((len(units), 2), dtype=np.int64)
    pairs[:, 0] = units
    pairs[:, 1] = units >> 63
    kind = pa.decimal128(precision, scale)
    valid = None
    if null is not None and null.any():
        valid = pa.py_buffer(np.packbits(~null, bitorder="little").tobytes())
    return pa.Array.from_buffers(kind, len(units), [valid, pa.py_buffer(pairs.tobytes())])


def dictionary_column(
    words: Sequence[str], index: NDArray[Any], null: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return a column of words by index, null where the mask says so."""
    indices = pa.array(index, pa.int16(), mask=null)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


def plain_column(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece, without a dictionary."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def table_writer(path: Path, schema: pa.Schema, suffix: str | None = None) -> Any:
    """Return a writer with `write_table` and `close` for .csv or .parquet, by the path's suffix."""
    if (suffix or path.suffix) == ".csv":
        return NeutralCsvWriter(path, schema)
    words = [f.name for f in schema if pa.types.is_dictionary(f.type)]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=words)
