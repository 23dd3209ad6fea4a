"""Arrow columns to numpy and back without pandas.

`pa.array`, `pa.scalar` and `np.asarray` of an Arrow array import pandas on first use, which costs
more than reading a scheme does; these read and write the buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def strings(values: Sequence[str]) -> pa.Array:
    """Return an Arrow array of strings."""
    encoded = [value.encode() for value in values]
    offsets = np.array([0, *accumulate(len(value) for value in encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(
        len(encoded), pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(encoded))
    )


def column(table: pa.Table, name: str) -> pa.Array:
    """Return a column of a table as one array."""
    return table[name].combine_chunks()


def _bits(buffer: pa.Buffer, array: pa.Array) -> NDArray[np.bool_]:
    raw = np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), bitorder="little")
    return raw[array.offset : array.offset + len(array)].astype(np.bool_)


def numbers(array: pa.Array, missing: int = -1) -> NDArray[np.int32]:
    """Return the values of an Arrow array of int32, `missing` for nulls."""
    validity, data = array.buffers()
    if data is None or not len(array):
        return np.full(len(array), missing, dtype=np.int32)
    values = np.frombuffer(data, dtype=np.int32)[array.offset : array.offset + len(array)]
    if validity is None or not array.null_count:
        return values.copy()
    return np.where(_bits(validity, array), values, missing).astype(np.int32)


def flags(array: pa.Array) -> NDArray[np.bool_]:
    """Return the values of an Arrow array of booleans without nulls."""
    if not len(array):
        return np.zeros(0, dtype=np.bool_)
    return _bits(array.buffers()[1], array)


def positions(values: pa.Array, value_set: pa.Array) -> NDArray[np.int32]:
    """Return where each value stands in a set, -1 for nowhere."""
    import pyarrow.compute as pc

    return numbers(pc.index_in(values, value_set=value_set))
