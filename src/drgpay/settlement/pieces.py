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
from drgpay.settlement.facts import Facts
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


ARRAYS = (
    "numbers", "drg", "adrg", "mdc", "status", "reason", "level", "version", "category",
    "deductible",
)  # fmt: skip
TEXTS = ("case_id", "patient_id", "severity_diagnosis", "referral")


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


def _write(path: Path, piece: ReadPiece) -> None:
    """Write a piece as an Arrow file: every array is a column."""
    columns: dict[str, pa.Array] = {}
    for name in ARRAYS:
        values = getattr(piece, name)
        if values is not None:
            columns[name] = pa.array(values)
    for name in TEXTS:
        texts = getattr(piece, name)
        if texts is not None:
            columns[name] = texts
    for own in fields(Facts):
        values = getattr(piece.facts, own.name)
        if values is not None:
            columns["facts." + own.name] = pa.array(
                values.view(np.uint8) if values.dtype == np.bool_ else values
            )
    if len(piece.reviews.decision):
        for own in fields(Reviews):
            columns["reviews." + own.name] = pa.array(getattr(piece.reviews, own.name))
    table = pa.table(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path, file: str, notes: Quarantine) -> ReadPiece:
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()

    def array(name: str, writable: bool = False) -> Any:
        if name not in table.column_names:
            return None
        values = table[name].combine_chunks().to_numpy(zero_copy_only=False)
        return values.copy() if writable else values

    columns: dict[str, Any] = {
        name: array(name, name in ("status", "reason", "mdc", "level", "drg", "adrg"))
        for name in ARRAYS
    }
    for name in TEXTS:
        columns[name] = table[name].combine_chunks() if name in table.column_names else None
    facts = {own.name: array("facts." + own.name) for own in fields(Facts)}
    for name in ("day_surgery", "planned"):
        facts[name] = facts[name].view(np.bool_)
    reviews = NO_REVIEWS
    if "reviews.decision" in table.column_names:
        reviews = Reviews(**{own.name: array("reviews." + own.name) for own in fields(Reviews)})
    return ReadPiece(file=file, facts=Facts(**facts), reviews=reviews, notes=notes, **columns)
