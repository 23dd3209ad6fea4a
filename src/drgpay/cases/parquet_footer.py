"""What the footer of a Parquet file says of its column chunks, read without the library.

The library ends the whole process over some damaged footers when it is asked for a chunk. A footer
is one record of Thrift's compact protocol; only what `expansion` needs is kept of it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

from drgpay.cases.files import unreadable

MOST_BYTES: Final = 4 << 20  # of a footer that is looked at: the file before it is no small one
_BYTE_ARRAY, _DELTA_BYTE_ARRAY = 6, 7
_STRUCT, _LIST, _SET, _MAP, _TEXT, _DOUBLE = 12, 9, 10, 11, 8, 7
_DEEPEST = 16


class Chunk(NamedTuple):
    """A column of a row group: its place in the schema, what it holds, and how many bytes."""

    path: str
    is_text: bool
    grows: bool  # each word may be the one before and a little more
    values: int
    stored: int  # bytes when unpacked
    packed: int

    @property
    def column(self) -> str:
        """The column that it is a part of."""
        return self.path.split(".")[0]


def chunks_of(path: Path) -> list[list[Chunk]]:
    """Return the chunks of each row group; none for a footer that is too large to be looked at.

    Raises InputError for a footer that cannot be understood.
    """
    with path.open("rb") as stream:
        stream.seek(-8, 2)
        (size,) = struct.unpack("<I", stream.read(4))
        if size > MOST_BYTES:
            return []
        stream.seek(-8 - size, 2)
        raw = stream.read(size)
    try:
        footer = _Record(raw).struct()
        return [[_chunk(one) for one in group.get(1, [])] for group in footer.get(4, [])]
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, struct.error):
        raise unreadable(path, ValueError("its footer is damaged")) from None


def _chunk(one: dict[int, Any]) -> Chunk:
    meta = one[3]
    path = b".".join(meta[3]).decode("utf-8")
    grows = _DELTA_BYTE_ARRAY in meta[2]
    return Chunk(path, meta[1] == _BYTE_ARRAY, grows, int(meta[5]), int(meta[6]), int(meta[7]))


class _Record:
    """Reads a record of Thrift's compact protocol: fields by their numbers."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read fields to the mark of their end."""
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else self._signed()
            found[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (4, 5, 6):
            return self._signed()
        if kind == _TEXT:
            return self._bytes(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == _MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._value(kinds >> 4, depth + 1)
                self._value(kinds & 15, depth + 1)
            return None
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind in (1, 2, 3):
            return self._byte()
        raise ValueError(f"unknown kind {kind}")

    def _byte(self) -> int:
        self.at += 1
        return self.raw[self.at - 1]

    def _bytes(self, count: int) -> bytes:
        self.at += count
        if self.at > len(self.raw):
            raise IndexError(count)
        return self.raw[self.at - count : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 70:
                return value

    def _signed(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
