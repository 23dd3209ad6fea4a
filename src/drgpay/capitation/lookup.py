"""Which person each visit is of, among millions of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.capitation.kernels import fill_table, look_up
from drgpay.cases.duplicates import text_hashes


@dataclass(frozen=True, slots=True)
class Lookup:
    """The ids of N persons, to be found; of equal ids the first counts."""

    hashes: NDArray[np.uint64]
    offsets: NDArray[Any]
    data: NDArray[np.uint8]
    table: NDArray[np.int32]

    @classmethod
    def of(cls, ids: pa.Array) -> Lookup:
        """Return the lookup of ids without missing ones."""
        ids = ids.cast(pa.large_string())
        hashes = text_hashes(ids)
        size = 1 << max(4, (2 * len(ids)).bit_length())
        table = np.full(size, -1, dtype=np.int32)
        fill_table(hashes, table)
        offsets, data = _buffers(ids)
        return cls(hashes, offsets, data, table)

    def places(self, ids: pa.Array) -> NDArray[np.int64]:
        """Return the place of each id among the persons, -1 for none."""
        ids = ids.cast(pa.large_string())
        out = np.empty(len(ids), dtype=np.int64)
        offsets, data = _buffers(ids)
        look_up(
            self.table, self.hashes, self.offsets, self.data, text_hashes(ids), offsets, data, out
        )
        return out


def _buffers(ids: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    _, offsets, data = ids.buffers()
    if not len(ids):
        return np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.uint8)
    starts = np.frombuffer(offsets, dtype=np.int64)[ids.offset : ids.offset + len(ids) + 1]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else None
    return starts, np.zeros(1, dtype=np.uint8) if raw is None else raw
