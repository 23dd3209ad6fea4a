"""Find the persons of visits: a hash table over the persons' ids, built once.

Dimensions: N persons and V visits, id i is `data[offsets[i]:offsets[i + 1]]`; the table has a power
of two slots, at least 2 N, each a person or -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel


@kernel
def fill_table(hashes: Any, table: Any) -> None:
    """Put each person into the first free slot behind the one that its hash names."""
    mask = np.uint64(table.shape[0] - 1)
    for i in range(hashes.shape[0]):
        slot = hashes[i] & mask
        while table[np.int64(slot)] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table[np.int64(slot)] = i


@kernel
def look_up(
    table: Any,
    hashes: Any,
    offsets: Any,
    data: Any,
    their_hashes: Any,
    their_offsets: Any,
    their_data: Any,
    out: Any,
) -> None:
    """Write the person of each visit, -1 for none; ids are compared byte by byte."""
    mask = np.uint64(table.shape[0] - 1)
    for i in range(their_hashes.shape[0]):
        slot = their_hashes[i] & mask
        first, end = np.int64(their_offsets[i]), np.int64(their_offsets[i + 1])
        found = np.int64(-1)
        while found < 0:
            person = np.int64(table[np.int64(slot)])
            if person < 0:
                break
            begin = np.int64(offsets[person])
            if (
                hashes[person] == their_hashes[i]
                and np.int64(offsets[person + 1]) - begin == end - first
            ):
                found = person
                for k in range(end - first):
                    if data[begin + k] != their_data[first + k]:
                        found = np.int64(-1)
                        break
            slot = (slot + np.uint64(1)) & mask
        out[i] = found
