"""Columns of any type as plain texts, lists and numbers: what several readers do to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.parse import Mask, flat

EXACT = 1e15  # floats below it hold every digit of a whole number


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is that of texts, in a dictionary or not."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    one_of = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_it(kind) for is_it in one_of)


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is that of lists."""
    one_of = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_it(kind) for is_it in one_of)


def trimmed(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array of texts without blanks around them."""
    return pc.utf8_trim_whitespace(flat(column).cast(pa.string()))


def blank(column: pa.ChunkedArray | pa.Array) -> Mask:
    """Return which values of a column are missing or texts without a visible character."""
    if not is_text(column.type):
        return np.asarray(column.is_null())
    if pa.types.is_dictionary(column.type) or pa.types.is_string_view(column.type):
        column = flat(column)  # others need no copy in one piece
    return np.asarray(pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True))


def numbers_of(words: pa.DictionaryArray) -> NDArray[np.int64]:
    """Return the number of each word in the dictionary; one more than there are where missing."""
    indices = words.indices.cast(pa.int64())  # wide enough for one more than a small type holds
    return np.asarray(pc.fill_null(indices, len(words.dictionary)) if words.null_count else indices)


def bytes_of(texts: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return where each text begins, the end of the last one behind, and the bytes of all."""
    _, offsets, data = texts.buffers()
    wide = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    if offsets is None or not len(texts):
        return np.zeros(len(texts) + 1, dtype=wide), np.zeros(0, dtype=np.uint8)
    starts = np.frombuffer(offsets, dtype=wide)[texts.offset : texts.offset + len(texts) + 1]
    some = data is not None and data.size
    return starts, np.frombuffer(data, np.uint8) if some else np.zeros(0, np.uint8)


def as_lists(column: pa.ChunkedArray) -> Any:
    """Return a list array of a list column or of texts `A|B|C`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.unify_dictionaries() if column.num_chunks > 1 else column
        array = column.combine_chunks()
        if pa.types.is_string(array.type.value_type):
            parts = pc.split_pattern(array.dictionary, "|")
            return parts.take(array.indices)
        array = array.dictionary_decode()
        return as_lists(pa.chunked_array([array]))
    if pa.types.is_fixed_size_list(kind):
        kind = pa.list_(kind.value_type)
        column = column.cast(kind)
    if is_list(kind):
        if column.num_chunks > 1:
            column = column.unify_dictionaries()
        array = column.combine_chunks()
        return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    return pc.split_pattern(flat(column).cast(pa.string()), "|")


def lengths_of(lists: pa.Array) -> NDArray[np.int64]:
    """Return how many entries each list has, none where it is missing."""
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0), dtype=np.int64)


def of_lengths(values: pa.Array, lengths: NDArray[np.int64]) -> pa.ListArray:
    """Return values that stand end to end as lists of so many."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def sums_of(values: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of values that stand end to end for each list of so many."""
    running = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    ends = np.cumsum(lengths)
    found: NDArray[np.int64] = running[ends] - running[ends - lengths]
    return found


def texts_of(column: pa.ChunkedArray) -> tuple[pa.Array, Mask]:
    """Return texts, empty for missing ones, and which ids are numbers that lost their digits."""
    array = flat(column)
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
        texts = trimmed(array)
    return pc.fill_null(texts, ""), lost
