"""What a source of cases gives: pieces, each with where its rows stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.expansion import check_size
from drgpay.cases.files import unreadable
from drgpay.cases.layout import select
from drgpay.cases.mapping import Asked
from drgpay.cases.quarantine import BrokenRows
from drgpay.cases.tidy import ReadAs
from drgpay.ground.errors import Bilingual, DrgpayError

BATCH_ROWS = 262_144
LARGE_ROW_GROUP = 1_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive cases of one file: `load` reads them, on whatever thread calls it."""

    file: str
    first_row: int
    load: Callable[[], pa.Table]
    numbers: NDArray[np.int64] | None = None  # of each row, where rows of the file are left out

    @classmethod
    def held(cls, file: str, table: pa.Table, numbers: NDArray[np.int64]) -> Piece:
        """Return a piece that has been loaded already."""
        return cls(file, int(numbers[0]), lambda: table, numbers)


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of pieces; `rows` is the number of cases when it is known beforehand.

    `broken` fills while the stream is read: (file, row, text) of rows that are no table rows.
    `unknown` are the headers that mean none of our columns. `notes`, whole after the stream has
    been read, say what else the user should know: sheets that were skipped, columns that gave way.
    `late` gives those that are known only when every piece has been loaded; `read_as` counts the
    cells that were read otherwise than written.
    """

    pieces: Iterable[Piece]
    rows: int | None
    names: tuple[str, ...]
    broken: list[tuple[str, int, str]] = field(default_factory=BrokenRows)
    unknown: tuple[str, ...] = ()
    notes: list[Bilingual] = field(default_factory=list)
    late: Callable[[], list[Bilingual]] = list
    read_as: ReadAs = field(default_factory=ReadAs)

    def all_notes(self) -> list[Bilingual]:
        """Return every note once; to be asked for when all pieces have been loaded."""
        return list(dict.fromkeys([*self.notes, *self.late()]))


def _sound(batches: Iterable[pa.RecordBatch], name: str) -> Iterator[pa.RecordBatch]:
    """Yield whole batches of valid texts; whatever a stream raises on its way is an InputError."""
    stream = iter(batches)
    while True:
        try:
            batch = next(stream)
            batch.validate(full=True)
        except StopIteration:
            return
        except (DrgpayError, MemoryError):
            raise
        except Exception as error:
            raise unreadable(Path(name), error) from None
        yield batch


def of_batches(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    name: str,
    rows: int | None,
    asked: Asked,
) -> Source:
    """Return the stream of cases of Arrow batches of one schema."""
    layout = select(schema.names, name, asked)
    places = list(layout.positions)

    def pieces() -> Iterator[Piece]:
        first = 1
        for batch in _sound(batches, name):
            check_size(batch.select(places), name)
            for start in range(0, len(batch), BATCH_ROWS):
                part = pa.Table.from_batches([batch.slice(start, BATCH_ROWS)]).select(places)
                yield Piece(name, first, partial(layout.shape, part))
                first += len(part)

    return Source(pieces(), rows, (name,), [], layout.unknown, list(layout.notes))
