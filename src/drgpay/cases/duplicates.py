"""Find case ids that stand more than once among millions, exactly and without a table of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.kernels import hash_texts


def text_hashes(texts: pa.Array) -> NDArray[np.uint64]:
    """Return a hash of each text of an array without nulls inside its data."""
    plain = texts.cast(pa.large_string())
    out = np.zeros(len(plain), dtype=np.uint64)
    if not len(plain):
        return out
    _, offsets, data = plain.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[plain.offset : plain.offset + len(plain) + 1]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(1, np.uint8)
    with np.errstate(over="ignore"):
        hash_texts(starts, raw, out)
    return out


def repeated(chunks: Sequence[pa.Array], valid: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Return the rows, counted over all chunks, whose text stands more than once among valid rows.

    Candidates are found by their hashes and confirmed by their texts.
    """
    if not chunks:
        return np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(np.concatenate(list(valid)))
    hashes = np.concatenate([text_hashes(chunk) for chunk in chunks])[rows]
    ordered = np.sort(hashes)
    doubled = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(doubled):
        return np.zeros(0, dtype=np.int64)
    candidates = rows[np.isin(hashes, doubled)]
    texts = pa.chunked_array(list(chunks)).take(pa.array(candidates))
    counts = pc.value_counts(texts)
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    found: NDArray[np.int64] = candidates[
        np.asarray(pc.is_in(texts, value_set=several).combine_chunks())
    ]
    return found
