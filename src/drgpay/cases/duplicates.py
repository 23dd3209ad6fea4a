"""Find case ids that stand more than once among millions, exactly and without a table of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.arrays import bytes_of
from drgpay.cases.kernels import doubled, hash_texts, suspects

AT_ONCE = 25_000_000  # hashes that are sorted together


def text_hashes(texts: pa.Array) -> NDArray[np.uint64]:
    """Return a hash of each text of an array without nulls inside its data."""
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        texts = texts.cast(pa.string())
    out = np.zeros(len(texts), dtype=np.uint64)
    with np.errstate(over="ignore"):
        hash_texts(*bytes_of(texts), out)
    return out


def equal_hashes(parts: Sequence[NDArray[np.uint64]], at_once: int = AT_ONCE) -> NDArray[np.int64]:
    """Return the places, counted over all parts, of hashes that stand more than once.

    0 stands for none and is never among them. Some `at_once` are sorted together, whatever their
    number; parts are read several times then, and may lie on disk.
    """
    shares = 1 + sum(len(part) for part in parts) // at_once
    every = [_doubled_of_share(parts, share, shares) for share in range(shares)]
    several = np.concatenate(every)
    if not len(several):
        return np.zeros(0, dtype=np.int64)
    # a table of their low bits leaves few to be looked up
    table = np.zeros(1 << 20, dtype=np.bool_)
    table[several & np.uint64(len(table) - 1)] = True
    found, first = [], 0
    for hashes in parts:
        some = _written(suspects, np.int64, hashes, table)
        found.append(first + some[np.isin(hashes[some], several)])
        first += len(hashes)
    return np.concatenate(found)


def _doubled_of_share(
    parts: Sequence[NDArray[np.uint64]], share: int, shares: int
) -> NDArray[np.uint64]:
    """Return the hashes that stand more than once among those of one share."""
    ordered = np.concatenate([np.zeros(0, np.uint64), *_of_share(parts, share, shares)])
    ordered.sort()
    return _written(doubled, np.uint64, ordered)


def _of_share(
    parts: Sequence[NDArray[np.uint64]], share: int, shares: int
) -> Iterator[NDArray[np.uint64]]:
    for part in parts:
        if shares == 1:
            yield part
        else:
            yield part[(part >> np.uint64(20)) % np.uint64(shares) == np.uint64(share)]


def _written(kernel: Callable[..., int], kind: Any, *arrays: NDArray[Any]) -> NDArray[Any]:
    """Return what a kernel writes behind its arguments; most often that is little."""
    out = np.empty(10_000, dtype=kind)
    count = kernel(*arrays, out)
    if count > len(out):
        out = np.empty(count, dtype=kind)
        kernel(*arrays, out)
    return out[:count]


def repeated(chunks: Sequence[pa.Array], valid: Sequence[NDArray[np.bool_]]) -> NDArray[np.int64]:
    """Return the rows, counted over all chunks, whose text stands more than once among valid rows.

    Candidates are found by their hashes and confirmed by their texts.
    """
    if not chunks:
        return np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(np.concatenate(list(valid)))
    hashes = np.concatenate([text_hashes(chunk) for chunk in chunks])[rows]
    candidates = rows[equal_hashes([hashes | np.uint64(1 << 63)])]
    if not len(candidates):
        return candidates
    texts = pa.chunked_array(list(chunks)).take(pa.array(candidates))
    counts = pc.value_counts(texts)
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    found: NDArray[np.int64] = candidates[
        np.asarray(pc.is_in(texts, value_set=several).combine_chunks())
    ]
    return found
