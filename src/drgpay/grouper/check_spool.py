"""What checks keep of each case until cases are compared: in memory, or on disk when very many."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.outputs import drop_folder, room_for, spill_folder

KINDS: dict[str, Any] = {
    "case_hashes": np.uint64,
    "stay_hashes": np.uint64,
    "hospital": np.int32,
    "month": np.int16,
}
Hashes = Literal["case_hashes", "stay_hashes"]


@dataclass
class Held:
    """A piece in memory, some 50 bytes a case; `numbers` None: rows follow `first`."""

    file: str
    first: int
    numbers: NDArray[np.int64] | None
    case_ids: pa.Array
    case_hashes: NDArray[np.uint64]
    stay_hashes: NDArray[np.uint64]
    hospital: NDArray[np.int32]
    month: NDArray[np.int16]
    state: NDArray[np.uint8]

    def numbers_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of rows in their file."""
        return rows + self.first if self.numbers is None else self.numbers[rows]


@dataclass
class HeldOnDisk:
    """The same piece, of which only the state is in memory; the rest is read when asked for."""

    spool: CheckSpool
    start: int  # cases before it
    offset: int  # offsets of texts before it
    text: int  # bytes of texts before it
    size: int  # bytes of its texts
    file: str
    first: int
    numbers: NDArray[np.int64] | None
    state: NDArray[np.uint8]

    @property
    def case_ids(self) -> pa.Array:
        """Ids of the cases."""
        count = len(self.state)
        ends = self.spool.read("offsets", np.int32, self.offset, count + 1)
        data = self.spool.read("texts", np.uint8, self.text, self.size)
        return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(data))

    @property
    def case_hashes(self) -> NDArray[np.uint64]:
        """Hashes of the ids."""
        return self._column("case_hashes")

    @property
    def stay_hashes(self) -> NDArray[np.uint64]:
        """Hashes of the stays."""
        return self._column("stay_hashes")

    @property
    def hospital(self) -> NDArray[np.int32]:
        """Numbers of the hospitals."""
        return self._column("hospital")

    @property
    def month(self) -> NDArray[np.int16]:
        """Months of discharge."""
        return self._column("month")

    def _column(self, name: str) -> NDArray[Any]:
        return self.spool.read(name, KINDS[name], self.start, len(self.state))

    def numbers_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of rows in their file."""
        return rows + self.first if self.numbers is None else self.numbers[rows]


class CheckSpool:
    """A folder with one file a column, to which pieces are appended; `close` deletes it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = spill_folder(folder)
        self._open: dict[str, BinaryIO] = {}
        self._cases = self._offsets = self._texts = 0

    def keep(self, held: Held) -> HeldOnDisk:
        """Write a piece and return what stays in memory of it."""
        count = len(held.state)
        ids = held.case_ids.cast(pa.string())
        _, offsets, data = ids.buffers()
        ends = np.zeros(1, np.int32)
        if count:
            ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + count + 1]
        first, last = int(ends[0]), int(ends[-1])
        letters = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
        kept = HeldOnDisk(
            self, self._cases, self._offsets, self._texts, last - first, held.file, held.first,
            held.numbers, held.state,
        )  # fmt: skip
        self._append("offsets", ends - np.int32(first))
        self._append("texts", letters[first:last])
        for name, kind in KINDS.items():
            self._append(name, np.ascontiguousarray(getattr(held, name), dtype=kind))
        self._cases += count
        self._offsets += len(ends)
        self._texts += last - first
        return kept

    def _append(self, name: str, values: NDArray[Any]) -> None:
        if name not in self._open:
            self._open[name] = (self.folder / name).open("wb")
        with room_for(self.folder.parent, self.folder):
            self._open[name].write(values.tobytes())

    def read(self, name: str, kind: Any, start: int, count: int) -> NDArray[Any]:
        """Return some values of a column."""
        if name in self._open:
            with room_for(self.folder.parent, self.folder):
                self._open[name].flush()
        width = np.dtype(kind).itemsize
        return np.fromfile(self.folder / name, kind, count, offset=start * width)

    def close(self) -> None:
        """Delete the files."""
        for file in self._open.values():
            with suppress(OSError):  # what a full disk did not take is not wanted any more
                file.close()
        self._open = {}
        drop_folder(self.folder)

    def __del__(self) -> None:
        if hasattr(self, "_open"):
            self.close()


class HashParts(Sequence[NDArray[np.uint64]]):
    """The hashes of all pieces, one array a piece, read when asked for."""

    def __init__(self, held: Sequence[Held | HeldOnDisk], name: Hashes) -> None:
        self._held, self._name = held, name

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        return getattr(self._held[place], self._name)
