"""Stays that belong together across a year's cases: readmissions, and referrals in a community.

Both are found before anything is scored: they depend on who was where and when, and on the group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.duplicates import text_hashes
from drgpay.ground.errors import BooksError, both, unknown_choice
from drgpay.ground.outputs import drop_folder, spill_folder
from drgpay.ground.threads import in_order
from drgpay.grouper.outcome import GROUPED
from drgpay.points.readmission import followed_stays
from drgpay.policy import YearPolicy
from drgpay.settlement.doubts import NO_STAY
from drgpay.settlement.facts import one_stay
from drgpay.settlement.pieces import ReadPiece, ReadPieces
from drgpay.settlement.prepare import Prepared, without_patients

Rows = NDArray[np.int64]
PARTS = 16  # into which patients are divided by the first bits of their hashes
NOBODY = text_hashes(pa.array([""]))[0]
STAY_KEYS = (
    "readmission.days",
    "readmission.same",
    "readmission.exempt",
    "readmission.exempt_planned",
    "referral.rule",
    "referral.days",
)


@dataclass(frozen=True)
class Followed:
    """Of one piece: rows that a readmission follows, and that stay's day of rule 1."""

    rows: Rows
    day: NDArray[np.int32]


@dataclass(frozen=True)
class Chain:
    """Stays of one referral, in their order, as places counted over all pieces."""

    places: tuple[int, ...]


@dataclass(frozen=True)
class Places:
    """Turns places counted over all pieces into pieces and rows."""

    starts: NDArray[np.int64]

    @classmethod
    def of(cls, pieces: ReadPieces) -> Places:
        """Return the places of pieces."""
        return cls(np.cumsum([0, *(pieces.size(n) for n in range(len(pieces)))]))

    def by_piece(self, places: Rows) -> Iterator[tuple[int, Rows, Rows]]:
        """Yield (piece, rows, which of the places) of each piece that has some."""
        order = np.argsort(places, kind="stable")
        cuts = np.searchsorted(places[order], self.starts)
        for number in np.flatnonzero(np.diff(cuts)).tolist():
            mine = order[cuts[number] : cuts[number + 1]]
            yield number, places[mine] - self.starts[number], mine

    def texts(self, pieces: ReadPieces, places: Rows, name: str) -> list[Any]:
        """Return a text column of some places, in their order."""
        out: list[Any] = [None] * len(places)
        for number, rows, mine in self.by_piece(places):
            values = getattr(pieces[number], name).take(pa.array(rows)).to_pylist()
            for at, value in zip(mine.tolist(), values, strict=True):
                out[at] = value
        return out

    def numbers(self, pieces: ReadPieces, places: Rows, of: Callable[[ReadPiece], Any]) -> Any:
        """Return an array of the pieces at some places, in their order."""
        out: Any = None
        for number, rows, mine in self.by_piece(places):
            values = of(pieces[number])[rows]
            if out is None:
                out = np.zeros(len(places), dtype=values.dtype)
            out[mine] = values
        return np.zeros(0, np.int64) if out is None else out


def followed(prepared: Prepared, policy: YearPolicy, chains: Sequence[Chain]) -> list[Followed]:
    """Return of each piece the stays that a readmission follows (rule 8); kept for the next time."""
    key = ("followed", *(policy[name] for name in STAY_KEYS))
    if key not in prepared.cache:
        prepared.cache[key] = _followed(prepared, policy, chains)
    found: list[Followed] = prepared.cache[key]
    return found


def _followed(prepared: Prepared, policy: YearPolicy, chains: Sequence[Chain]) -> list[Followed]:
    pieces, days = prepared.pieces, policy["readmission.days"]
    none = Followed(np.zeros(0, np.int64), np.zeros(0, np.int32))
    out = [none] * len(pieces)
    if days is None or not len(pieces):
        return out
    if not prepared.has_patients:
        raise without_patients(pieces.file(0))
    places = Places.of(pieces)
    earlier, later = _pairs(prepared, policy, places)
    if policy["readmission.exempt_planned"] and len(earlier):
        planned = places.numbers(pieces, earlier, lambda piece: piece.facts.planned)
        earlier, later = earlier[~planned], later[~planned]
    day = places.numbers(pieces, later, lambda piece: piece.facts.key_day).astype(np.int32)
    earlier, day = _with_chains(earlier, later, day, chains)
    for number, rows, mine in places.by_piece(earlier):
        order = np.argsort(rows, kind="stable")
        out[number] = Followed(rows[order], day[mine][order])
    return out


def _with_chains(
    earlier: Rows, later: Rows, day: NDArray[np.int32], chains: Sequence[Chain]
) -> tuple[Rows, NDArray[np.int32]]:
    """Count a chain as one stay: its last is followed, its first follows, all of it loses."""
    if not chains:
        return earlier, day
    inner = {p for chain in chains for p in chain.places[:-1]}
    behind = {p for chain in chains for p in chain.places[1:]}
    members = {chain.places[-1]: chain.places for chain in chains}
    rows: list[int] = []
    days: list[int] = []
    for a, b, on in zip(earlier.tolist(), later.tolist(), day.tolist(), strict=True):
        if a in inner or b in behind:
            continue
        for place in members.get(a, (a,)):
            rows.append(place)
            days.append(on)
    return np.array(rows, dtype=np.int64), np.array(days, dtype=np.int32)


def _long(piece: ReadPiece, policy: YearPolicy) -> NDArray[np.bool_]:
    """Whether a case is a long stay that is paid by item."""
    limit = policy["long_stay.days"]
    if limit is None or not policy.says("long_stay.rule", "by_item", "bed_day"):
        return np.zeros(len(piece.status), np.bool_)
    return np.asarray(piece.facts.days > limit)


class Kinds:
    """Which stays take part, and what makes two of them of one kind."""

    def __init__(self, prepared: Prepared, policy: YearPolicy) -> None:
        numbers, exempt = prepared.numbers, set(policy["readmission.exempt"])
        self.exempt = np.array([d in exempt or d[:3] in exempt for d in numbers.drgs])
        self.same, self.policy = policy["readmission.same"], policy

    def eligible(self, piece: ReadPiece) -> NDArray[np.bool_]:
        """Return the mask of stays that take part, but for their patients."""
        out = (piece.status == GROUPED) & (piece.facts.bed_class < 0) & ~self.exempt[piece.drg]
        return np.asarray(out & ~_long(piece, self.policy))

    def of(self, piece: ReadPiece) -> NDArray[np.int32]:
        """Return the kind of each stay."""
        if self.same == "hospital_adrg":
            return piece.adrg.astype(np.int32)
        if self.same == "hospital_category" and piece.category is not None:
            return piece.category.astype(np.int32) + 1
        if self.same not in ("hospital_category", "hospital_drg"):
            raise unknown_choice("readmission.same", self.same)
        return piece.drg.astype(np.int32)


STAY = np.dtype(
    [
        ("patient", np.uint64),
        ("place", np.int64),
        ("hospital", np.int32),
        ("kind", np.int32),
        ("admission", np.int32),
        ("discharge", np.int32),
    ]
)


class _Parts:
    """Stays divided by their patients' hashes: lists in memory, or files where the cases lie."""

    def __init__(self, place: Path | None) -> None:
        self.folder = None if place is None else spill_folder(place)
        self.lists: list[list[NDArray[Any]]] = [[] for _ in range(PARTS)]

    def add(self, stays: NDArray[Any]) -> None:
        """Divide some more stays."""
        part = (stays["patient"] >> np.uint64(60)).astype(np.int8)
        order = np.argsort(part, kind="stable")
        cuts = np.searchsorted(part[order], np.arange(PARTS + 1))
        for n in range(PARTS):
            some = stays[order[cuts[n] : cuts[n + 1]]]
            if self.folder is None:
                self.lists[n].append(some)
            else:
                with (self.folder / f"stays-{n:02d}").open("ab") as file:
                    file.write(some.tobytes())

    def take(self, n: int) -> NDArray[Any]:
        """Return the stays of a part; they are not kept any longer."""
        if self.folder is not None:
            file = self.folder / f"stays-{n:02d}"
            return np.fromfile(file, dtype=STAY) if file.exists() else np.zeros(0, STAY)
        several, self.lists[n] = self.lists[n], []
        return np.concatenate(several) if several else np.zeros(0, STAY)

    def close(self) -> None:
        """Delete the files."""
        if self.folder is not None:
            drop_folder(self.folder)


def _pairs(prepared: Prepared, policy: YearPolicy, places: Places) -> tuple[Rows, Rows]:
    """Return the places of stays that a readmission follows, and of those that follow.

    Patients are told apart by their hashes; those of what is found are compared by their texts.
    """
    pieces, days = prepared.pieces, policy["readmission.days"]
    kinds = Kinds(prepared, policy)
    parts = _Parts(pieces.place)

    def of_piece(number: int) -> Callable[[], NDArray[Any]]:
        return lambda: _stays(pieces[number], kinds, int(places.starts[number]))

    def of_part(n: int) -> Callable[[], tuple[Rows, Rows]]:
        def work() -> tuple[Rows, Rows]:
            stays = parts.take(n)
            place = stays["place"].copy()

            def case_order(rows: Rows) -> Rows:
                texts = places.texts(pieces, place[rows], "case_id")
                rank = {text: number for number, text in enumerate(sorted(texts))}
                return np.array([rank[text] for text in texts], dtype=np.int64)

            _, patient = np.unique(stays["patient"], return_inverse=True)
            hospital, kind, admission, discharge = (
                stays[name].copy() for name in ("hospital", "kind", "admission", "discharge")
            )
            earlier, later = followed_stays(
                patient.astype(np.int32), hospital, kind, admission, discharge, case_order, days
            )
            return place[earlier], place[later]

        return work

    try:
        for stays in in_order((of_piece(n) for n in range(len(pieces))), prepared.threads):
            parts.add(stays)
        found = list(in_order((of_part(n) for n in range(PARTS)), prepared.threads))
    finally:
        parts.close()
    earlier = np.concatenate([a for a, _ in found])
    later = np.concatenate([b for _, b in found])
    who = places.texts(pieces, earlier, "patient_id")
    if who != places.texts(pieces, later, "patient_id"):
        raise BooksError(
            both("两名参保人的编号散列值相同，请报告给开发者", "two patients have one hash")
        )
    order = np.argsort(earlier, kind="stable")
    return earlier[order], later[order]


def _stays(piece: ReadPiece, kinds: Kinds, start: int) -> NDArray[Any]:
    """Return the stays of a piece that take part."""
    hashes = text_hashes(pc.fill_null(piece.patient_id, ""))
    own = np.flatnonzero(kinds.eligible(piece) & (hashes != NOBODY))
    stays = np.empty(len(own), dtype=STAY)
    stays["patient"], stays["place"] = hashes[own], own + start
    stays["hospital"], stays["kind"] = piece.facts.hospital[own], kinds.of(piece)[own]
    stays["admission"] = piece.facts.admission[own]
    stays["discharge"] = piece.facts.discharge[own]
    return stays


def stays_twice(piece: ReadPiece) -> Rows:
    """Return the rows whose stay stands under several ids, all stays of their patients given.

    A refund's stay is another row's, too (doubts.py).
    """
    f = piece.facts
    named = np.asarray(pc.fill_null(pc.not_equal(piece.patient_id, ""), False))
    own = np.flatnonzero(named if f.doubt is None else named & ((f.doubt & NO_STAY) == 0))
    numbers = {"hospital": f.hospital, "admission": f.admission, "discharge": f.discharge}
    keys = {name: pa.array(values[own]) for name, values in numbers.items()}
    stays = pa.table({"patient": piece.patient_id.take(pa.array(own)), **keys, "row": own})
    rows = stays.group_by([*keys, "patient"], use_threads=False).aggregate([("row", "list")])
    several = pc.greater(pc.list_value_length(rows["row_list"]), 1)
    return np.asarray(pc.list_flatten(rows["row_list"].filter(several)), dtype=np.int64)


def referral_chains(prepared: Prepared, policy: YearPolicy) -> list[Chain]:
    """Return the chains of referred stays that count as one (rule 7, C6); kept for the next time."""
    if not one_stay(policy):
        return []
    key = ("chains", policy["referral.days"])
    if key not in prepared.cache:
        communities = [h.community for h in prepared.region.hospitals]
        prepared.cache[key] = chains_of(prepared.pieces, communities, policy["referral.days"])
    chains: list[Chain] = prepared.cache[key]
    return chains


def chains_of(pieces: ReadPieces, communities: Sequence[str], days: int) -> list[Chain]:
    """Return the chains among some pieces; `communities` of the hospitals, by number."""
    in_one = np.array([bool(c) for c in communities] + [False])
    places = Places.of(pieces)
    stays: dict[tuple[str, str, str], list[tuple[int, int, str, int]]] = {}
    for number, piece in enumerate(pieces):
        if piece.referral is None:
            continue
        f = piece.facts
        named = np.asarray(pc.fill_null(pc.not_equal(piece.referral, ""), False))
        named &= np.asarray(pc.fill_null(pc.not_equal(piece.patient_id, ""), False))
        rows = np.flatnonzero(
            named & (piece.status == GROUPED) & (f.bed_class < 0) & in_one[f.hospital]
        )
        if not len(rows):
            continue
        at = pa.array(rows)
        for row, patient, referral, case in zip(
            rows.tolist(),
            piece.patient_id.take(at).to_pylist(),
            piece.referral.take(at).to_pylist(),
            piece.case_id.take(at).to_pylist(),
            strict=True,
        ):
            group = (patient, referral, communities[f.hospital[row]])
            at_all = int(places.starts[number]) + row
            stays.setdefault(group, []).append(
                (int(f.admission[row]), int(f.discharge[row]), case, at_all)
            )
    chains = []
    for several in stays.values():
        several.sort()
        chain = [several[0]]
        for stay in several[1:]:
            if 0 <= stay[0] - chain[-1][1] <= days:
                chain.append(stay)
                continue
            chains.append(chain)
            chain = [stay]
        chains.append(chain)
    return [Chain(tuple(stay[3] for stay in chain)) for chain in chains if len(chain) > 1]


def by_piece(values: Mapping[int, Any], places: Places) -> dict[int, dict[int, Any]]:
    """Return values by place as values by piece and row."""
    out: dict[int, dict[int, Any]] = {}
    for place, value in values.items():
        number = int(np.searchsorted(places.starts, place, side="right")) - 1
        out.setdefault(number, {})[place - int(places.starts[number])] = value
    return out
