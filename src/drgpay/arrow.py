"""Integers to Arrow columns without loops, and writers of tables as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


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


class CsvWriter:
    """Writes tables as CSV, dictionary columns as the texts that they stand for."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        from pyarrow import csv

        self.schema = pa.schema([(f.name, plain_type(f.type)) for f in schema])
        self.writer = csv.CSVWriter(path, self.schema)

    def write_table(self, table: pa.Table) -> None:
        """Write some more rows."""
        self.writer.write_table(table.cast(self.schema))

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values without its dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def table_writer(path: Path, schema: pa.Schema, suffix: str | None = None) -> Any:
    """Return a writer with `write_table` and `close` for .csv or .parquet, by the path's suffix."""
    if (suffix or path.suffix) == ".csv":
        return CsvWriter(path, schema)
    words = [f.name for f in schema if pa.types.is_dictionary(f.type)]
    return pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=words)
