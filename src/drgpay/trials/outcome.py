"""What a settlement comes to, small enough to keep of many: pools, hospitals, groups of cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, BooksError, DrgpayError, both, in_language, located
from drgpay.ground.money import POINT, largest_remainder, round_half_away
from drgpay.grouper.outcome import QUARANTINED
from drgpay.points.kernels import MONEY, POINTS
from drgpay.policy import YearPolicy
from drgpay.region.together import by_pool
from drgpay.settlement.point_value import HospitalResult, Key, PoolResult, Sums
from drgpay.settlement.scoring import CASE_CLASSES
from drgpay.settlement.year_end import YearEnd

Ints = NDArray[np.int64]
LEVEL, MDC, CLASS = "level", "mdc", "class"
KINDS = (LEVEL, MDC, CLASS)
FAULTS_NAMED = 5


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """Paid cases of a level, an MDC or a class, over all pools; `points` are those of the cases."""

    cases: int
    points: int
    due_fen: int


NO_GROUP = GroupOutcome(0, 0, 0)
NO_HOSPITAL = HospitalResult("", "", Sums(0, 0, 0, 0), 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Outcome:
    """What a settlement under some settings comes to; `groups` by kind and code."""

    scheme: str
    policy: YearPolicy
    pools: tuple[PoolResult, ...]
    hospitals: Mapping[Key, HospitalResult]
    groups: Mapping[tuple[str, str], GroupOutcome]
    mdc_names: Mapping[str, str]

    @property
    def settled_fen(self) -> int:
        """T of all pools."""
        return sum(pool.settled_fen for pool in self.pools)

    @property
    def due_fen(self) -> int:
        """What all hospitals are due."""
        return sum(h.due_fen for h in self.hospitals.values())

    def values(self) -> dict[str, Fraction]:
        """Return the point value of each pool, also where several are settled together."""
        return by_pool((pool.pool, pool.point_value_fen) for pool in self.pools)

    def due_by_hospital(self) -> dict[str, int]:
        """Return what each hospital is due of all pools."""
        return self._by_hospital(lambda h: h.due_fen)

    def due_by_pool(self) -> dict[str, int]:
        """Return what each fund pays of its hospitals' dues, also under one value for several."""
        found: dict[str, int] = {}
        for (_, pool), h in sorted(self.hospitals.items()):
            found[pool] = found.get(pool, 0) + h.due_fen
        return found

    def cash(self, pool: str | None = None) -> tuple[int, int, int]:
        """Return what is paid now, what waits and what is owed back, of a pool or of all."""
        own = [h for (_, p), h in self.hospitals.items() if pool in (None, p)]
        return (
            sum(h.payable_fen for h in own),
            sum(h.deferred_fen for h in own),
            sum(h.recover_fen for h in own),
        )

    def final_by_hospital(self) -> dict[str, int]:
        """Return what is still to be paid to each hospital, of all pools."""
        return self._by_hospital(lambda h: h.final_fen)

    def _by_hospital(self, fen: Callable[[HospitalResult], int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for (hospital, _), h in self.hospitals.items():
            found[hospital] = found.get(hospital, 0) + fen(h)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """What another setting does to the money, in fen.

    `due_fen` and `final_fen` are signed sums over all hospitals: what the fund pays more or less.
    `due_moved_fen` and `final_moved_fen` are what some hospitals lose and others gain. The final
    payments by what becomes of them: `payable_fen` paid now, `deferred_fen` waiting, `recover_fen`
    owed back.
    """

    due_fen: int
    due_moved_fen: int
    final_fen: int
    final_moved_fen: int
    payable_fen: int = 0
    deferred_fen: int = 0
    recover_fen: int = 0

    @property
    def largest_fen(self) -> int:
        """The largest of the four, without its sign."""
        return max(abs(self.due_fen), self.due_moved_fen, abs(self.final_fen), self.final_moved_fen)


def changes(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what each hospital has more or less."""
    return {h: after.get(h, 0) - before.get(h, 0) for h in sorted({*before, *after})}


def moved_between(changed: Mapping[str, int]) -> int:
    """Return what some hospitals lose and others gain (机构之间转移), in fen.

    (The sum of all changes, as absolute amounts, less the absolute amount of their sum) ÷ 2: what
    all of them gain or lose together is the fund's.

    >>> moved_between({"a": 3, "b": -3}), moved_between({"a": 8}), moved_between({"a": 5, "b": -2})
    (3, 0, 2)
    """
    fen = changed.values()
    return (sum(abs(change) for change in fen) - abs(sum(fen))) // 2


def change_of(before: Outcome, after: Outcome) -> Change:
    """Return what the money does between two settlements."""
    due = changes(before.due_by_hospital(), after.due_by_hospital())
    final = changes(before.final_by_hospital(), after.final_by_hospital())
    cash = (b - a for a, b in zip(before.cash(), after.cash(), strict=True))
    return Change(
        sum(due.values()), moved_between(due), sum(final.values()), moved_between(final), *cash
    )


def refusal(error: DrgpayError) -> Bilingual:
    """Return on one line why something cannot be settled: where, what, the faults."""
    what = located(error.where, error.what) if error.where else error.what
    faults = list(error.faults[:FAULTS_NAMED])
    more = len(error.faults) - len(faults)
    if more:
        faults.append(both(f"另有 {more} 处", f"{more} more"))
    if not faults:
        return what
    listed = both(
        "；".join(in_language(fault, "zh") for fault in faults),
        "; ".join(in_language(fault, "en") for fault in faults),
    )
    return located(what, listed)


def outcome_of(run: YearEnd, *, groups: bool = True) -> Outcome:
    """Return what is kept of a run; `groups` asks for levels, MDCs and classes, too."""
    hospitals = {(h.hospital_id, h.pool): h for h in run.hospitals}
    names = {row.mdc: row.name for row in run.grouper.scheme.mdcs}
    found = _groups(run) if groups else {}
    made = Outcome(run.grouper.scheme.id, run.policy, tuple(run.pools), hospitals, found, names)
    if groups:
        for kind in KINDS:
            due = sum(g.due_fen for (k, _), g in found.items() if k == kind)
            if due != made.due_fen:
                raise BooksError(
                    both(
                        f"按{kind}分列的应付合计 {due} 分，不等于应付 {made.due_fen} 分",
                        f"dues by {kind} add up to {due} fen, dues are {made.due_fen} fen",
                    )
                )
    return made


@dataclass(frozen=True)
class _Cells:
    """Sums of the paid cases by [hospital, pool, MDC, class]."""

    cases: Ints
    points: Ints
    fixed: Ints  # due apart from points × value: money − what the pool did not pay


def _cells(run: YearEnd) -> _Cells:
    shape = (
        len(run.region.hospitals),
        len(run.region.pools),
        len(run.prepared.grouper.mdc_codes),
        len(CASE_CLASSES),
    )
    size = int(np.prod(shape))
    cases, points, fixed = (np.zeros(size, dtype=np.int64) for _ in range(3))
    for piece in run.pieces:
        paid = (piece.paid_by == POINTS) | (piece.paid_by == MONEY)
        rows = np.flatnonzero(paid & (piece.status < QUARANTINED))
        f = piece.facts
        key = np.ravel_multi_index(
            (
                f.hospital[rows].astype(np.int64),
                f.pool[rows].astype(np.int64),
                piece.mdc[rows].astype(np.int64),
                piece.case_class[rows].astype(np.int64),
            ),
            shape,
        )
        cases += np.bincount(key, minlength=size)
        np.add.at(points, key, piece.points[rows])
        money = np.where(piece.paid_by[rows] == MONEY, piece.price[rows], 0)
        np.add.at(fixed, key, money - f.not_pool[rows])
    return _Cells(*(array.reshape(shape) for array in (cases, points, fixed)))


def _groups(run: YearEnd) -> dict[tuple[str, str], GroupOutcome]:
    cells = _cells(run)
    levels = {h.id: h.level for h in run.region.hospitals}
    found: dict[tuple[str, str], GroupOutcome] = {}

    def add(kind: str, code: str, cases: int, points: int, due: int) -> None:
        old = found.get((kind, code), NO_GROUP)
        found[kind, code] = GroupOutcome(old.cases + cases, old.points + points, old.due_fen + due)

    for h in run.hospitals:
        add(LEVEL, levels[h.hospital_id], h.sums.cases, h.sums.points, h.due_fen)
    values = by_pool((p.pool, p.point_value_fen) for p in run.pools)
    for number, pool in enumerate(run.region.pools):
        own = [h for h in run.hospitals if h.pool == pool.id]
        if not own:
            continue
        extra = _beyond_value(run, cells, number, values[pool.id], own)
        for kind, axes, codes in (
            (MDC, (0, 2), list(run.prepared.grouper.mdc_codes)),
            (CLASS, (0, 1), list(CASE_CLASSES)),
        ):
            cases, points, fixed = (
                array[:, number].sum(axis=axes)
                for array in (cells.cases, cells.points, cells.fixed)
            )
            more = extra.sum(axis=axes)
            total = sum(h.due_fen for h in own)
            due = _divided(points, fixed + more, values[pool.id], total)
            for i, code in enumerate(codes):
                if cases[i] or due[i]:
                    add(kind, code, int(cases[i]), int(points[i]), due[i])
    return found


def _beyond_value(
    run: YearEnd, cells: _Cells, pool: int, value: Fraction, own: Sequence[HospitalResult]
) -> Ints:
    """Return [hospital, MDC, class]: whole fen of a due that points × value do not explain.

    They come from bounds and from points that violations cost; each hospital's are divided by the
    points of its cases.
    """
    shape = cells.points[:, pool].shape
    extra = np.zeros(shape, dtype=np.int64)
    places = {h.id: i for i, h in enumerate(run.region.hospitals)}
    for h in own:
        at = places[h.hospital_id]
        points = cells.points[at, pool]
        exact = value * int(points.sum()) / POINT + int(cells.fixed[at, pool].sum())
        beyond = round_half_away(h.due_fen - exact)
        if abs(h.due_fen - exact) < 1 or not beyond:
            continue
        weights = points if points.any() else cells.cases[at, pool]
        if not weights.any():
            extra[at, 0, 0] += beyond
            continue
        flat = weights.ravel()
        cell = np.flatnonzero(flat)
        whole = int(flat.sum())
        shares = {int(i): Fraction(beyond * int(flat[i]), whole) for i in cell}
        for i, fen in largest_remainder(shares, beyond).items():
            extra[at].flat[i] += fen
    return extra


def _divided(points: Ints, fixed: Ints, value: Fraction, total: int) -> list[int]:
    """Return dues that sum to `total`; what rounding left is spread by points."""
    exact = {
        i: value * int(p) / POINT + int(f)
        for i, (p, f) in enumerate(zip(points, fixed, strict=True))
    }
    rest = total - sum(exact.values(), Fraction(0))
    whole = int(points.sum())
    if whole:
        exact = {i: e + rest * int(points[i]) / whole for i, e in exact.items()}
    else:
        exact[0] += rest
    made = largest_remainder(exact, total)
    return [made[i] for i in range(len(points))]
