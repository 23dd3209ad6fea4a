"""What a year's cases add up to: by account, month, class and group, and what was set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drgpay.grouper.outcome import GROUPED, QUARANTINED, REASONS
from drgpay.grouper.pieces import in_order
from drgpay.points.kernels import BED_DAY, HELD, MONEY, POINTS
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
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.quota import Reviewed, reviewed_cases
from drgpay.settlement.scored import ScoredPiece, ScoredPieces
from drgpay.settlement.scoring import CASE_CLASSES

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
    by_item_fen: int  # of money_fen, what is neither bed-days nor new technology
    by_doubt: NDArray[np.int64] | None = None  # [finding, cases cost fund] of cases that it holds
    apart_fen: int = 0  # of money_fen, what pays for new technology
    new_technology_fen: int = 0  # taken out of the cost of cases that are paid

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
        if self.by_doubt is None:
            return {}
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


@dataclass(frozen=True)
class YearSums:
    """All that a settlement asks of a year's cases, wherever they lie.

    `grouped`: how many are not quarantined; `moments`: of the costs of those that have a group, by
    its number; `items_of`: the cases, for bounds on each.
    """

    totals: Totals
    aside: SetAside
    grouped: int
    reviewed: Reviewed
    moments: Sequence[Moments]
    items_of: ItemsOf | None = None


def add_up_pieces(scored: ScoredPieces, prepared: Prepared, region: Region) -> Totals:
    """Score all pieces and add them up; pieces that fit stay in memory."""
    pools, year = len(region.pools), region.year
    accounts = len(region.hospitals) * pools
    shapes = (
        (accounts, ACCOUNT_COLUMNS),
        (accounts, 12, MONTH_COLUMNS),
        (len(CASE_CLASSES), 3),
        (len(prepared.numbers.drgs), 3),
        (len(DOUBTS), 3),
    )
    sums = [np.zeros(shape, dtype=np.int64) for shape in shapes]
    points = by_item = apart = out_of_cost = 0

    def task(
        number: int,
    ) -> Callable[[], tuple[list[NDArray[np.int64]], int, tuple[int, int, int]]]:
        def work() -> tuple[list[NDArray[np.int64]], int, tuple[int, int, int]]:
            p = scored.score(number)
            own = [np.zeros(shape, dtype=np.int64) for shape in shapes]
            f = p.facts
            later = month_in_year(p.correction_day, year)
            later[p.correction_day < 0] = -1
            add_up(
                f.hospital, f.pool, pools, p.drg, p.case_class, p.paid_by, p.points_before,
                p.points, month_in_year(f.key_day, year), later, f.cost, f.fund, f.not_pool, p.price, *own[:4],
            )  # fmt: skip
            _add_doubts(own[4], p, scored.rules.hold)
            item = (p.paid_by == MONEY) & (p.case_class != BED_DAY)
            money = int((p.price - p.apart - f.not_pool)[item].sum()) if item.any() else 0
            taken = (
                0 if f.apart is None else int(f.apart[(p.paid_by >= 0) & (p.paid_by != HELD)].sum())
            )
            return own, int(p.points[p.paid_by == POINTS].sum()), (money, int(p.apart.sum()), taken)

        return work

    for own, some, (money, new, taken) in in_order(
        (task(n) for n in range(len(scored))), prepared.threads
    ):
        for total, part in zip(sums, own, strict=True):
            total += part
        points += some
        by_item += money
        apart += new
        out_of_cost += taken
    return Totals(sums[0], sums[1], sums[2], sums[3], points, by_item, sums[4], apart, out_of_cost)


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

    def items(keys: Sequence[Key]) -> CaseItems:
        pools, place = len(region.pools), places_of(keys, region)
        parts: list[list[NDArray[np.int64]]] = [[], [], [], [], []]
        for p in scored:
            f = p.facts
            own = np.flatnonzero(p.paid_by == POINTS)
            account = place[f.hospital[own].astype(np.int64) * pools + f.pool[own]]
            own, account = own[account >= 0], account[account >= 0]
            columns = (p.points[own], f.not_pool[own], f.fund[own], f.cost[own], account)
            for part, values in zip(parts, columns, strict=True):
                part.append(values)
        return CaseItems(*(np.concatenate(part) for part in parts))

    return items


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
        sum(int(prepared.pieces.ends(n)[:3].sum()) for n in range(len(scored))),
        reviewed_cases(scored, region),
        cost_moments(prepared),
        items_of(scored, region),
    )
