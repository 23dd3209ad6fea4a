"""What checks keep of each case until cases are compared: in memory, or on disk when very many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import feather

from drgpay.ground.outputs import drop_folder, room_for, spill_folder

COLUMNS = ("case_ids", "case_hashes", "stay_hashes", "hospital", "month")
Hashes = Literal["case_hashes", "stay_hashes"]


class _Rows:
    """Rows of a file; without `numbers` they follow `first`."""

    first: int
    numbers: NDArray[np.int64] | None

    def numbers_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of rows in their file."""
        return rows + self.first if self.numbers is None else self.numbers[rows]


@dataclass
class Held(_Rows):
    """A piece in memory, some 50 bytes a case."""

    file: str
    first: int
    numbers: NDArray[np.int64] | None
    case_ids: pa.Array
    case_hashes: NDArray[np.uint64]
    stay_hashes: NDArray[np.uint64]
    hospital: NDArray[np.int32]
    month: NDArray[np.int16]
    state: NDArray[np.uint8]


class HeldOnDisk(_Rows):
    """The same piece, of which only the state is in memory; `COLUMNS` are read when asked for."""

    def __init__(self, held: Held, path: Path) -> None:
        self.file, self.first, self.numbers = held.file, held.first, held.numbers
        self.state, self._path = held.state, path
        table = pa.table({name: getattr(held, name) for name in COLUMNS})
        feather.write_feather(table, path, compression="uncompressed")

    def __getattr__(self, name: str) -> Any:
        if name not in COLUMNS:
            raise AttributeError(name)
        column = feather.read_table(self._path, [name])[name].combine_chunks()
        return column if name == "case_ids" else column.to_numpy()


class CheckSpool:
    """A folder with a file a piece; `close` deletes it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = spill_folder(folder)
        self._pieces = 0

    def keep(self, held: Held) -> HeldOnDisk:
        """Write a piece and return what stays in memory of it."""
        self._pieces += 1
        with room_for(self.folder.parent, self.folder):
            return HeldOnDisk(held, self.folder / f"{self._pieces}.arrow")

    def close(self) -> None:
        """Delete the files."""
        drop_folder(self.folder)

    def __del__(self) -> None:
        if hasattr(self, "_pieces"):
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
