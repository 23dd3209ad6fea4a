"""Hashes of texts, to find equal ones without a table of all of them.

Dimensions: N texts, text i is `data[offsets[i]:offsets[i + 1]]`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay._jit import kernel


@kernel
def hash_texts(offsets: Any, data: Any, out: Any) -> None:
    """Write a 64-bit hash of each text; equal texts have equal hashes."""
    prime = np.uint64(0x9FB21C651E98DF25)
    shift = np.uint64(29)
    for i in range(out.shape[0]):
        h = np.uint64(0x2545F491)
        for j in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[j])) * prime
            h ^= h >> shift
        out[i] = h
