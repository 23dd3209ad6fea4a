"""One column as texts without blanks around them, whatever type a file has it in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse

Mask = NDArray[np.bool_]


EXACT = 1e15  # floats below it hold every digit of a whole number


def texts_of(column: pa.ChunkedArray) -> tuple[pa.Array, Mask]:
    """Return texts, empty for missing ones, and which ids are numbers that lost their digits."""
    array = parse.flat(column)
    lost = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_floating(array.type):
        raw = np.asarray(pc.fill_null(array.cast(pa.float64()), np.nan))
        there = ~np.isnan(raw)
        whole = there & (np.abs(raw) < EXACT) & (np.floor(raw) == np.where(there, raw, 0))
        lost = there & ~whole
        numbers = pa.array(np.where(whole, raw, 0).astype(np.int64)).cast(pa.string())
        texts = pc.if_else(pa.array(whole), numbers, array.cast(pa.string()))
        texts = pc.if_else(pa.array(there), texts, "")
    elif pa.types.is_boolean(array.type):
        texts = pc.if_else(array, "1", "0")
    elif pa.types.is_decimal(array.type):
        texts = pc.replace_substring_regex(array.cast(pa.string()), r"\.0+$", "")
    else:
        texts = pc.utf8_trim_whitespace(array.cast(pa.string()))
    return pc.fill_null(texts, ""), lost
