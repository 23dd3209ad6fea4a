"""The cases of a year, piece by piece: in memory, or on disk when they are very many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.duplicates import equal_hashes, repeated, text_hashes
from drgpay.cases.quarantine import Quarantine
from drgpay.ground.outputs import drop_folder, room_for, spill_folder
from drgpay.settlement.facts import NOT_GIVEN, Facts
from drgpay.settlement.scoring import NO_REVIEWS, Reviews


@dataclass(frozen=True)
class ReadPiece:
    """N cases, read and grouped: what a settlement needs of them, and what its tables show."""

    file: str
    numbers: NDArray[np.int64]
    case_id: pa.Array
    patient_id: pa.Array
    severity_diagnosis: pa.Array
    facts: Facts
    drg: NDArray[np.int16]
    adrg: NDArray[np.int16]
    mdc: NDArray[np.int8]
    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    level: NDArray[np.uint8]
    reviews: Reviews
    notes: Quarantine
    version: NDArray[np.int8] | None = None  # of a family of schemes, by row
    category: NDArray[np.int16] | None = None  # of the principal diagnosis
    referral: pa.Array | None = None
    deductible: NDArray[np.int64] | None = None  # in fen, below 0 where none can be read


# the arrays of a piece, of its facts and of its reviews, as columns of one table
ARRAYS: Mapping[str, Any] = {
    "numbers": np.int64,
    "drg": np.int16,
    "adrg": np.int16,
    "mdc": np.int8,
    "status": np.int8,
    "reason": np.int8,
    "level": np.uint8,
    "version": np.int8,
    "category": np.int16,
    "deductible": np.int64,
    "hospital": np.int32,
    "pool": np.int8,
    "admission": np.int32,
    "discharge": np.int32,
    "key_day": np.int32,
    "days": np.int32,
    "cost": np.int64,
    "fund": np.int64,
    "day_surgery": np.bool_,
    "bed_class": np.int16,
    "way": np.int8,
    "planned": np.bool_,
    "personal": np.int64,
    "doubt": np.uint8,
    "apart": np.int64,
    "decision": np.int8,
    "unreasonable": np.int64,
    "points": np.int64,
}
TEXTS = ("case_id", "patient_id", "severity_diagnosis", "referral")
COLUMNS = pa.schema(  # as they travel: single bytes as int8
    [
        *((name, pa.string()) for name in TEXTS),
        *(
            (n, pa.from_numpy_dtype(np.int8 if k(0).itemsize == 1 else k))
            for n, k in ARRAYS.items()
        ),
    ]
)
FACTS = tuple(own.name for own in fields(Facts))
REVIEWS = tuple(own.name for own in fields(Reviews))
# what a piece need not have, with what stands for none where other rows of its table have some
NEED_NOT = {
    "version": -1, "category": -1, "deductible": NOT_GIVEN, "personal": 0, "doubt": 0, "apart": 0,
    "decision": 0, "unreasonable": 0, "points": -1,
}  # fmt: skip
CHANGED = ("status", "reason", "mdc", "level", "drg", "adrg", "doubt")  # after they were read


class ReadPieces(Sequence[ReadPiece]):
    """Pieces in the order of the input; on disk they lie as one Arrow file each."""

    def __init__(self, folder: Path | None = None, *, on_disk: bool = False) -> None:
        self._kept: list[ReadPiece] = []
        self._folder: Path | None = None
        if on_disk:
            self._folder = spill_folder(folder)
        self._files: list[str] = []
        self._sizes: list[int] = []
        self._ends: list[NDArray[np.int64]] = []
        self._notes: list[Quarantine] = []
        self._stopped: dict[int, tuple[NDArray[np.int64], int]] = {}
        self._marked: dict[int, list[tuple[NDArray[np.int64], int]]] = {}
        self._regrouped: dict[int, list[tuple[int, int, int, int]]] = {}
        self._hashes: list[NDArray[np.uint64]] = []
        self._base: ReadPieces | None = None  # the pieces with the files, of a copy

    @property
    def place(self) -> Path | None:
        """The folder in which the pieces lie, None in memory."""
        return self._folder

    @property
    def on_disk(self) -> bool:
        """Whether the pieces lie on disk."""
        return self._folder is not None

    def append(self, piece: ReadPiece) -> None:
        """Add a piece; pieces come in the order of the input."""
        if self._folder is None:
            self._kept.append(piece)
        else:
            with room_for(self._folder.parent, self._folder):
                _write(self._path(len(self._files)), piece)
            self._hashes.append(text_hashes(pc.fill_null(piece.case_id, "")))
        self._files.append(piece.file)
        self._sizes.append(len(piece.status))
        self._ends.append(np.bincount(piece.status, minlength=4).astype(np.int64))
        self._notes.append(piece.notes)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if self._folder is None:
            return self._kept[number]
        piece = _read(self._path(number), self._files[number], self._notes[number])
        if number in self._stopped:
            _stop(piece, *self._stopped[number])
        for change in self._regrouped.get(number, ()):
            _regroup(piece, *change)
        if number in self._marked and piece.facts.doubt is not None:
            doubt = piece.facts.doubt.copy()
            for rows, bit in self._marked[number]:
                doubt[rows] |= bit
            piece = replace(piece, facts=replace(piece.facts, doubt=doubt))
        return piece

    def __iter__(self) -> Iterator[ReadPiece]:
        for number in range(len(self)):
            yield self[number]

    def file(self, number: int) -> str:
        """Return the file of a piece."""
        return self._files[number]

    def size(self, number: int) -> int:
        """Return the number of cases of a piece."""
        return self._sizes[number]

    def ends(self, number: int) -> NDArray[np.int64]:
        """Return how many cases of a piece are grouped, ambiguous, ungroupable, quarantined."""
        return self._ends[number]

    def quarantine(self, number: int) -> Quarantine:
        """Return the notes on the quarantined rows of a piece."""
        return self._notes[number]

    def mark(self, number: int, rows: NDArray[np.int64], bit: int) -> None:
        """Give rows of a piece a finding that may hold them (doubts.py)."""
        if self._folder is not None:
            self._marked.setdefault(number, []).append((rows, bit))
            return
        doubt = self._kept[number].facts.doubt
        if doubt is not None:
            doubt[rows] |= bit

    def stop(self, number: int, rows: NDArray[np.int64], reason: int) -> None:
        """Quarantine rows of a piece that had been good."""
        status = self[number].status[rows]
        self._ends[number] -= np.bincount(status, minlength=4).astype(np.int64)
        self._ends[number][3] += len(rows)
        if self._folder is None:
            _stop(self._kept[number], rows, reason)
        else:
            self._stopped[number] = (rows, reason)

    def regroup(self, number: int, row: int, drg: int, adrg: int, mdc: int) -> None:
        """Put a case that is not quarantined into another DRG (reopening)."""
        self._ends[number][self[number].status[row]] -= 1
        self._ends[number][0] += 1
        if self._folder is None:
            _regroup(self._kept[number], row, drg, adrg, mdc)
        else:
            self._regrouped.setdefault(number, []).append((row, drg, adrg, mdc))

    def regrouped(self, changes: Mapping[int, Sequence[tuple[int, int, int, int]]]) -> ReadPieces:
        """Return these pieces with some cases in other groups; these here stay as they are.

        `changes`: by piece (row, DRG, ADRG, MDC). What lies on disk stays with these pieces.
        """
        made = copy(self)
        made._base = self
        made._kept, made._ends = list(self._kept), [own.copy() for own in self._ends]
        made._regrouped = {number: list(own) for number, own in self._regrouped.items()}
        for number, own in changes.items():
            if self._folder is None:
                made._kept[number] = _own_groups(self._kept[number])
            for change in own:
                made.regroup(number, *change)
        return made

    def repeated_cases(self) -> list[NDArray[np.int64]]:
        """Return of each piece the rows whose case id stands more than once in all of them."""
        ends = np.cumsum([0, *self._sizes])
        if self._folder is None:
            ids = [piece.case_id for piece in self._kept]
            named = [np.asarray(pc.fill_null(pc.not_equal(chunk, ""), False)) for chunk in ids]
            rows = repeated(ids, named)
        else:
            rows = self._repeated_on_disk(ends)
        cuts = np.searchsorted(rows, ends)
        return [rows[a:b] - start for a, b, start in zip(cuts, cuts[1:], ends, strict=False)]

    def _repeated_on_disk(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `repeated`, but texts are read again only of the pieces with equal hashes."""
        candidates = equal_hashes([h | np.uint64(1 << 63) for h in self._hashes])
        self._hashes = []
        if not len(candidates):
            return candidates
        which = np.searchsorted(ends, candidates, side="right") - 1
        texts = []
        for number in np.unique(which).tolist():
            ids = self[number].case_id
            texts.append(
                pc.fill_null(ids.take(pa.array(candidates[which == number] - ends[number])), "")
            )
        every = pa.chunked_array(texts)
        counts = pc.value_counts(every)
        several = counts.field("values").filter(
            pc.and_(pc.greater(counts.field("counts"), 1), pc.not_equal(counts.field("values"), ""))
        )
        found: NDArray[np.int64] = candidates[
            np.asarray(pc.is_in(every, value_set=several).combine_chunks())
        ]
        return found

    def close(self) -> None:
        """Delete what lies on disk."""
        if self._base is not None:
            self._base.close()
        elif self._folder is not None:
            drop_folder(self._folder)

    def __del__(self) -> None:
        if getattr(self, "_folder", None) is not None and self._base is None:
            self.close()

    def _path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{number:06d}.arrow"


def _stop(piece: ReadPiece, rows: NDArray[np.int64], reason: int) -> None:
    piece.status[rows] = 3
    piece.reason[rows] = reason
    piece.mdc[rows] = 0
    piece.level[rows] = 0


def _own_groups(piece: ReadPiece) -> ReadPiece:
    """Return a piece whose groups may be changed without changing those of the piece given."""
    names = ("drg", "adrg", "mdc", "status", "reason")
    return replace(piece, **{name: getattr(piece, name).copy() for name in names})


def _regroup(piece: ReadPiece, row: int, drg: int, adrg: int, mdc: int) -> None:
    piece.drg[row], piece.adrg[row], piece.mdc[row] = drg, adrg, mdc
    piece.status[row] = piece.reason[row] = 0


def piece_columns(piece: ReadPiece) -> dict[str, pa.Array]:
    """Return what a piece has of COLUMNS."""
    columns: dict[str, pa.Array] = {}
    for name in TEXTS:
        texts = getattr(piece, name)
        if texts is not None:
            columns[name] = texts
    for name in ARRAYS:
        of: Any = piece.facts if name in FACTS else piece.reviews if name in REVIEWS else piece
        values = getattr(of, name)
        if values is not None and len(values) == len(piece.status):
            columns[name] = pa.array(values.view(np.int8) if values.itemsize == 1 else values)
    return columns


def piece_of(table: pa.Table, file: str, notes: Quarantine) -> ReadPiece:
    """Return rows of the columns of pieces as one piece; null stands for what a row has not."""

    def array(name: str) -> Any:
        if name not in table.column_names:
            return None
        column, kind = table[name], ARRAYS[name]
        if column.null_count:
            if name in NEED_NOT and column.null_count == len(table):
                return None
            column = pc.fill_null(column, NEED_NOT.get(name, 0))
        values = column.combine_chunks().to_numpy(zero_copy_only=False)
        values = values.view(kind) if values.itemsize == 1 else values
        return values.copy() if name in CHANGED else values

    arrays = {name: array(name) for name in ARRAYS}
    facts = Facts(**{name: arrays.pop(name) for name in FACTS})
    decided = {name: arrays.pop(name) for name in REVIEWS}
    columns: dict[str, Any] = dict.fromkeys(TEXTS)
    columns |= {n: table[n].combine_chunks() for n in TEXTS if n in table.column_names}
    return ReadPiece(
        file=file,
        facts=facts,
        reviews=NO_REVIEWS if decided["decision"] is None else Reviews(**decided),
        notes=notes,
        **arrays,
        **columns,
    )


def _write(path: Path, piece: ReadPiece) -> None:
    """Write a piece as an Arrow file."""
    table = pa.table(piece_columns(piece))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path, file: str, notes: Quarantine) -> ReadPiece:
    with pa.memory_map(str(path)) as source:
        return piece_of(pa.ipc.open_file(source).read_all(), file, notes)
