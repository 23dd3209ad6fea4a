"""Plain cases of JSON made columns at once, without an object for each.

A case that is not plain (a number with an exponent, a list in the place of a text, a key twice, a
half of a pair of surrogates, anything that JSON does not allow) is left where it stands. Texts are
the bytes of the file, so that no number passes through a float. A test holds this and the parsing
one by one together.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.json_column_kernels import lists, texts
from drgpay.cases.json_scan_kernels import KEY, scan
from drgpay.cases.json_token_kernels import CUT, FALSE, LIST, NONE, TRUE

MOST_KEYS = 400  # different fields of one file; objects with more are parsed by themselves


class Fast:
    """Reads plain cases; keeps which fields the file has and how they follow each other."""

    def __init__(self, schema: pa.Schema, *, longest: int) -> None:
        """`schema` has its lists last; `longest` is the most bytes of a case."""
        self.schema, self.longest = schema, longest
        self.lists_from = sum(not pa.types.is_list(field.type) for field in schema)
        self.is_cut = False  # the last reading ended where the bytes do
        self._names: list[str] = []
        self._met = np.zeros(0, dtype=np.bool_)
        self._add(schema.names)

    def _add(self, names: list[str]) -> None:
        """Learn keys."""
        self._names += names
        own = [name.encode() for name in self._names]
        data = np.frombuffer(b"".join(own), dtype=np.uint8)
        starts = np.cumsum([0, *map(len, own)], dtype=np.int64)
        places = [self.schema.get_field_index(name) for name in self._names]
        self._met = np.append(self._met, np.zeros(len(names), dtype=np.bool_))
        follows = np.full(len(own) + 1, -1, dtype=np.int64)
        self._keys = (data, starts, np.array(places, dtype=np.int64), follows, self._met)

    def met(self) -> set[str]:
        """Return the fields met since this was asked the last time."""
        found = {name for name, met in zip(self._names, self._met, strict=True) if met}
        self._met[:] = False
        return found

    def read(self, raw: bytes, at: int, most: int, first: int) -> tuple[pa.RecordBatch | None, int]:
        """Return the plain cases from a place on, None where the next one is not, and the place behind.

        At most `most`; `first` is the number of the first one.
        """
        source = np.frombuffer(raw, dtype=np.uint8)
        shape = (most, len(self.schema))
        kind, begin, end = np.empty(shape, np.int8), np.empty(shape, np.int32), np.empty(shape, np.int32)  # fmt: skip
        room = len(raw) - at + 1  # each item takes a byte at least
        items = (np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int8))
        strange = np.zeros(2, np.int64)
        while True:
            rows, behind, why = scan(
                source, at, self.longest, self._keys, self.lists_from, kind, begin, end, items, strange
            )  # fmt: skip
            if why != KEY or rows or len(self._names) >= MOST_KEYS:
                break
            self._add([raw[strange[0] : strange[1]].decode()])
        self.is_cut = why == CUT
        if not rows:
            return None, at
        values = kind[:rows], begin[:rows], end[:rows]
        return self._batch(source, values, items, first), int(behind)

    def _batch(
        self,
        raw: NDArray[np.uint8],
        values: tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]],
        items: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]],
        first: int,
    ) -> pa.RecordBatch:
        rows = len(values[0])
        listed = values[0][:, self.lists_from :] == LIST
        used = int(values[2][:, self.lists_from :].max(where=listed, initial=0))
        room = int((items[1][:used] - items[0][:used]).sum(dtype=np.int64))
        arrays = []
        for place, field in enumerate(self.schema):
            kind = np.ascontiguousarray(values[0][:, place])
            begin = np.ascontiguousarray(values[1][:, place])
            end = np.ascontiguousarray(values[2][:, place])
            if place >= self.lists_from:
                arrays.append(_lists(raw, kind, begin, end, items, room))
                continue
            column = _texts(raw, kind, begin, end)
            if field.name == "case_id" and column.null_count:
                numbers = pa.array(np.arange(first, first + rows)).cast(pa.string())
                column = pc.coalesce(column, numbers)
            arrays.append(column)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _texts(
    raw: NDArray[np.uint8],
    kind: NDArray[np.int8],
    begin: NDArray[np.int32],
    end: NDArray[np.int32],
) -> pa.Array:
    """Return a column of texts, null where there is none or an empty one."""
    rows = len(kind)
    word = (kind == TRUE) | (kind == FALSE)
    sizes = np.where(kind == NONE, 0, np.where(word, 1, end - begin))
    out = np.empty(int(sizes.sum(dtype=np.int64)), np.uint8)
    ends, there = np.zeros(rows + 1, np.int32), np.zeros(rows, np.bool_)
    texts(raw, kind, begin, end, ends[1:], there, out)
    bits = None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(out), bits)


def _lists(
    raw: NDArray[np.uint8],
    kind: NDArray[np.int8],
    begin: NDArray[np.int32],
    end: NDArray[np.int32],
    items: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]],
    room: int,
) -> pa.Array:
    """Return a column of lists of texts, empty where there is none; `room`: bytes of all texts."""
    count = int((end - begin).sum(where=kind == LIST, dtype=np.int64))
    out, ends = np.empty(room, np.uint8), np.zeros(len(kind) + 1, np.int32)
    item_ends = np.zeros(count + 1, np.int32)
    _, size = lists(raw, kind, begin, end, items, ends[1:], item_ends[1:], out)
    own = pa.StringArray.from_buffers(
        count, pa.py_buffer(item_ends), pa.py_buffer(out[:size].copy())
    )
    return pa.ListArray.from_arrays(pa.array(ends), own)
