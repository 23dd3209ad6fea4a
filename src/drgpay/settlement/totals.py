"""What a year's cases add up to: by account, month, class and group, and what was set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drgpay.cases.checks.catalogue import NAMES
from drgpay.ground.threads import in_order
from drgpay.grouper.outcome import GROUPED, QUARANTINED, REASONS, Counts
from drgpay.points.kernels import HELD, POINTS
from drgpay.points.quality import CostSums
from drgpay.points.trimming import Moments
from drgpay.region.records import Region
from drgpay.settlement.doubts import BIT, DOUBTS
from drgpay.settlement.facts import month_in_year
from drgpay.settlement.kernels import (
    ACCOUNT_COLUMNS,
    CASES,
    COST,
    FUND,
    HELD_CASES,
    HELD_FUND,
    MONTH_COLUMNS,
    NOT_POOL,
    NOT_POOL_BY_POINTS,
    add_up,
)
from drgpay.settlement.kernels import MONEY as MONEY_COLUMN
from drgpay.settlement.kernels import POINTS as POINTS_COLUMN
from drgpay.settlement.pieces import ReadPieces
from drgpay.settlement.point_value import CaseItems, ItemsOf, Key, Sums
from drgpay.settlement.prepare import Prepared, count_ends
from drgpay.settlement.quota import Reviewed, reviewed_cases
from drgpay.settlement.scored import ScoredPiece, ScoredPieces
from drgpay.settlement.scoring import CASE_CLASSES

UNSTABLE = CASE_CLASSES.index("unstable")
OUTSIDE_YEAR = REASONS.index("outside_year")


@dataclass(frozen=True)
class DrgSums:
    """Cases, points and cost of every DRG number."""

    cases: NDArray[np.int64]
    points: NDArray[np.int64]
    cost: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SetAside:
    """What the quarantined cases carry, as far as it can be read; money in fen.

    `by_pool` [pools + 1]: cases and fund of this year's by pool, the last row of no known pool;
    without those of another year, whose money is not this year's.
    """

    cases: int
    total_cost_fen: int
    pool_fund_fen: int
    by_pool: tuple[tuple[int, int], ...] = ()

    def __add__(self, other: SetAside) -> SetAside:
        pairs = zip(self.by_pool, other.by_pool, strict=True)
        return SetAside(
            self.cases + other.cases,
            self.total_cost_fen + other.total_cost_fen,
            self.pool_fund_fen + other.pool_fund_fen,
            tuple((a + more, b + fund) for (a, b), (more, fund) in pairs),
        )

    def as_dict(self) -> dict[str, int]:
        """Return the sums by name."""
        return {
            "cases": self.cases,
            "total_cost_fen": self.total_cost_fen,
            "pool_fund_fen": self.pool_fund_fen,
        }


@dataclass(frozen=True)
class Totals:
    """Sums over all cases by account, month, class and group (settlement/kernels.py)."""

    by_account: NDArray[np.int64]
    by_month: NDArray[np.int64]
    by_class: NDArray[np.int64]
    by_group: NDArray[np.int64]
    case_points: int
    unstable: NDArray[np.int64]  # as by_group, of the class alone
    by_doubt: NDArray[np.int64]  # [finding, cases cost fund] of cases that it holds
    held_errors: NDArray[np.int64]  # [check, cases cost fund] of held cases with an error
    apart_fen: int  # of money_fen, what pays for new technology
    new_technology_fen: int  # taken out of the cost of cases that are paid

    @classmethod
    def none(cls, region: Region, groups: int) -> Totals:
        """Return the sums over no case."""
        accounts = len(region.hospitals) * len(region.pools)
        return cls(
            by_account=np.zeros((accounts, ACCOUNT_COLUMNS), dtype=np.int64),
            by_month=np.zeros((accounts, 12, MONTH_COLUMNS), dtype=np.int64),
            by_class=np.zeros((len(CASE_CLASSES), 3), dtype=np.int64),
            by_group=np.zeros((groups, 3), dtype=np.int64),
            case_points=0,
            unstable=np.zeros((groups, 3), dtype=np.int64),
            held_errors=np.zeros((len(NAMES), 3), dtype=np.int64),
            by_doubt=np.zeros((len(DOUBTS), 3), dtype=np.int64),
            apart_fen=0,
            new_technology_fen=0,
        )

    def __add__(self, other: Totals) -> Totals:
        own = {name: getattr(self, name) + getattr(other, name) for name in SUMMED}
        return Totals(**own)

    @property
    def held_cases(self) -> int:
        """How many cases wait for a special review."""
        return int(self.by_account[:, HELD_CASES].sum())

    @property
    def held_fund_fen(self) -> int:
        """The recorded fund of those."""
        return int(self.by_account[:, HELD_FUND].sum())

    def paid_cases(self, hospitals: int) -> NDArray[np.int64]:
        """Return how many cases of each hospital are paid."""
        paid = self.by_account[:, CASES].reshape(hospitals, -1).sum(axis=1)
        return np.asarray(paid, dtype=np.int64)

    def sums(self, region: Region) -> dict[Key, Sums]:
        """Return the sums of each hospital and pool that has a paid or held case."""
        pools = len(region.pools)
        some = np.flatnonzero(self.by_account[:, CASES] + self.by_account[:, HELD_CASES])
        found = {}
        for place in some.tolist():
            a = [int(x) for x in self.by_account[place]]
            key = (region.hospitals[place // pools].id, region.pools[place % pools].id)
            found[key] = Sums(
                a[CASES], a[POINTS_COLUMN], a[NOT_POOL], a[FUND], a[NOT_POOL_BY_POINTS],
                a[MONEY_COLUMN], 0, a[HELD_CASES], a[HELD_FUND], a[COST],
            )  # fmt: skip
        return found

    def held_by_findings(self) -> dict[str, tuple[int, int, int]]:
        """Return cases, cost and recorded fund in fen that each finding holds, if any."""
        rows = zip(DOUBTS, self.by_doubt.tolist(), strict=True)
        return {name: (row[0], row[1], row[2]) for name, row in rows if row[0]}

    def classes(self) -> dict[str, tuple[int, int, int]]:
        """Return cases, points and cost in fen by class."""
        return {
            name: (int(row[0]), int(row[1]), int(row[2]))
            for name, row in zip(CASE_CLASSES, self.by_class, strict=True)
        }

    def drgs(self) -> DrgSums:
        """Return cases, points and cost by group."""
        return DrgSums(*(self.by_group[:, k].copy() for k in range(3)))


SUMMED = tuple(own.name for own in fields(Totals))


@dataclass(frozen=True)
class YearSums:
    """All that a settlement asks of a year's cases, wherever they lie.

    `counts`: how they ended, but for rows that could not be read; `moments`: of the costs of those that have a group, by
    its number; `items_of`: the cases, for bounds on each.
    """

    totals: Totals
    aside: SetAside
    counts: Counts
    reviewed: Reviewed
    moments: Sequence[Moments]
    items_of: ItemsOf | None = None

    def __add__(self, other: YearSums) -> YearSums:
        """Return the sums of both but for the cases themselves, which lie in two places then."""
        return YearSums(
            self.totals + other.totals,
            self.aside + other.aside,
            self.counts + other.counts,
            self.reviewed + other.reviewed,
            [own + more for own, more in zip(self.moments, other.moments, strict=True)],
        )


def add_up_pieces(scored: ScoredPieces, prepared: Prepared, region: Region) -> Totals:
    """Score all pieces and add them up; pieces that fit stay in memory."""
    groups = len(prepared.numbers.drgs)

    def task(number: int) -> Callable[[], Totals]:
        wrong = prepared.wrong.get(number)
        return lambda: _added_up(scored.score(number), region, groups, scored.rules.hold, wrong)

    total = Totals.none(region, groups)
    for own in in_order((task(n) for n in range(len(scored))), prepared.threads):
        total += own
    return total


def _added_up(
    p: ScoredPiece, region: Region, groups: int, hold: int, wrong: NDArray[np.int64] | None
) -> Totals:
    """Return the sums over the cases of a piece; `wrong` are its errors (Prepared)."""
    own, f = Totals.none(region, groups), p.facts
    later = month_in_year(p.correction_day, region.year)
    later[p.correction_day < 0] = -1
    add_up(
        f.hospital, f.pool, len(region.pools), p.drg, p.case_class, p.paid_by, p.points_before,
        p.points, month_in_year(f.key_day, region.year), later, f.cost, f.fund, f.not_pool, p.price,
        own.by_account, own.by_month, own.by_class, own.by_group,
    )  # fmt: skip
    _add_doubts(own.by_doubt, p, hold)
    paid = (p.paid_by >= 0) & (p.paid_by != HELD)
    some = np.flatnonzero(paid & (p.case_class == UNSTABLE))
    np.add.at(own.unstable, p.drg[some], _columns(np.ones(len(some)), p.points[some], f.cost[some]))
    if wrong is not None:
        rows, checks = wrong // len(NAMES), wrong % len(NAMES)
        held = p.paid_by[rows] == HELD
        rows, checks = rows[held], checks[held]
        sums = _columns(np.ones(len(rows)), f.cost[rows], f.fund[rows])
        np.add.at(own.held_errors, checks, sums)
    return replace(
        own,
        case_points=int(p.points[p.paid_by == POINTS].sum()),
        apart_fen=int(p.apart.sum()),
        new_technology_fen=0 if f.apart is None else int(f.apart[paid].sum()),
    )


def _columns(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """Return columns as rows of integers."""
    return np.stack(columns, axis=1).astype(np.int64)


def _add_doubts(out: NDArray[np.int64], p: ScoredPiece, hold: int) -> None:
    """Add the cases that findings hold to the sums of each finding."""
    f = p.facts
    if f.doubt is None or not hold:
        return
    held = (p.paid_by == HELD) & ((f.doubt & hold) != 0)
    if len(p.reviews.decision):
        held &= p.reviews.decision == 0
    for place, name in enumerate(DOUBTS) if held.any() else ():
        own = held & ((f.doubt & hold & BIT[name]) != 0)
        out[place] += (int(own.sum()), int(f.cost[own].sum()), int(f.fund[own].sum()))


def items_of(scored: ScoredPieces, region: Region) -> Callable[[Sequence[Key]], CaseItems]:
    """Return what gives the cases of some accounts that are paid by points."""
    pools = len(region.pools)
    return lambda keys: of_accounts(
        (piece_items(p, pools) for p in scored), places_of(keys, region)
    )


def piece_items(p: ScoredPiece, pools: int) -> CaseItems:
    """Return the cases of a piece that are paid by points; accounts are numbered as the region's."""
    own, f = np.flatnonzero(p.paid_by == POINTS), p.facts
    account = f.hospital[own].astype(np.int64) * pools + f.pool[own]
    return CaseItems(p.points[own], f.not_pool[own], f.fund[own], f.cost[own], account)


def of_accounts(parts: Iterable[CaseItems], place: NDArray[np.int64]) -> CaseItems:
    """Return the cases of the accounts that have a place among some keys, numbered by it."""
    names = [own.name for own in fields(CaseItems)]
    found: list[list[NDArray[np.int64]]] = [[np.zeros(0, np.int64)] for _ in names]
    for part in parts:
        kept = replace(part, account=place[part.account])
        own = np.flatnonzero(kept.account >= 0)
        for columns, name in zip(found, names, strict=True):
            columns.append(getattr(kept, name)[own])
    return CaseItems(*(np.concatenate(columns) for columns in found))


def accounts_of(region: Region) -> list[Key]:
    """Return hospital and pool of each account, in the order that numbers them."""
    return [(h.id, p.id) for h in region.hospitals for p in region.pools]


def places_of(keys: Sequence[Key], region: Region) -> NDArray[np.int64]:
    """Return by account (hospital x pools + pool) its place among some keys, -1 for others."""
    pools = len(region.pools)
    place = np.full(len(region.hospitals) * pools, -1, dtype=np.int64)
    hospital = {h.id: i for i, h in enumerate(region.hospitals)}
    pool = {p.id: i for i, p in enumerate(region.pools)}
    for number, key in enumerate(keys):
        place[hospital[key[0]] * pools + pool[key[1]]] = number
    return place


def set_aside(pieces: ReadPieces, broken: int, pools: int) -> SetAside:
    """Return the sums of quarantined cases; `broken` could not be read at all."""
    cases, cost, fund = broken, 0, 0
    by_pool = np.zeros((pools + 1, 2), dtype=np.int64)
    by_pool[pools, 0] = broken
    for piece in pieces:
        bad = piece.status == QUARANTINED
        if bad.any():
            cases += int(bad.sum())
            cost += int(piece.facts.cost[bad].sum())
            fund += int(piece.facts.fund[bad].sum())
            own = bad & (piece.reason != OUTSIDE_YEAR)
            np.add.at(by_pool[:, 0], piece.facts.pool[own], 1)
            np.add.at(by_pool[:, 1], piece.facts.pool[own], piece.facts.fund[own])
    return SetAside(cases, cost, fund, tuple((int(n), int(fen)) for n, fen in by_pool))


def cost_moments(prepared: Prepared) -> list[Moments]:
    """Return the moments of the costs of grouped cases by group; kept for the next time."""
    if "moments" not in prepared.cache:
        sums = CostSums(len(prepared.numbers.drgs))
        for piece in prepared.pieces:
            own = piece.status == GROUPED
            sums.add(piece.drg[own], piece.facts.cost[own])
        prepared.cache["moments"] = sums.moments()
    found: list[Moments] = prepared.cache["moments"]
    return found


def sums_of(scored: ScoredPieces, totals: Totals, prepared: Prepared, region: Region) -> YearSums:
    """Return what a settlement asks of scored pieces, whose sums are `totals`."""
    return YearSums(
        totals,
        set_aside(prepared.pieces, len(prepared.broken), len(region.pools)),
        count_ends(prepared.pieces, 0),
        reviewed_cases(scored, region),
        cost_moments(prepared),
        items_of(scored, region),
    )
