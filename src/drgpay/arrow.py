"""Integers to Arrow columns without loops: exact decimals, dictionaries of closed lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def decimal_column(units: NDArray[np.int64], precision: int, scale: int) -> pa.Array:
    """Return int64 units of 10^-scale as decimal128(precision, scale)."""
    pairs = np.empty((len(units), 2), dtype=np.int64)
    pairs[:, 0] = units
    pairs[:, 1] = units >> 63
    kind = pa.decimal128(precision, scale)
    return pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(pairs.tobytes())])


def dictionary_column(
    words: Sequence[str], index: NDArray[Any], null: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return a column of words by index, null where the mask says so."""
    indices = pa.array(index, pa.int16(), mask=null)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))
