"""Point value (点值) and what each hospital is due, exact.

Sources: S2 二(二)2(3) (the region fixes the value from its points and its budget; institutions are
paid by their points); the formulas V = (T + N) / Σ points and due = points x V − N are assumed,
as docs/formats.md 5.9-5.11 says; S0 13 and S4 (7)-(8) (quality deposit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from drgpay.budget.pool import PoolBudget, available_budget, settled_total
from drgpay.errors import BooksError, InputError, both
from drgpay.money import POINT, largest_remainder, round_half_away, round_to
from drgpay.policy import YearPolicy
from drgpay.settlement.region import Pool, Region

Key = tuple[str, str]  # hospital, pool


@dataclass(frozen=True, slots=True)
class Sums:
    """What the cases of one hospital and pool add up to; points in 1/10,000, money in fen."""

    cases: int
    points: int
    not_pool_fen: int
    recorded_fund_fen: int


@dataclass(frozen=True, slots=True)
class PoolResult:
    """A settled pool. `point_value_fen` is exact, in fen per point."""

    pool: str
    name: str
    budget: PoolBudget
    cases: int
    points: int
    recorded_fund_fen: int
    not_pool_fen: int
    settled_fen: int
    point_value_fen: Fraction
    residual_fen: int


@dataclass(frozen=True, slots=True)
class HospitalResult:
    """What a hospital gets of a pool, in fen; final = due − prepaid − forfeited − violation."""

    hospital_id: str
    pool: str
    sums: Sums
    due_fen: int
    prepaid_fen: int
    deposit_fen: int
    forfeited_fen: int
    violation_fen: int

    @property
    def final_fen(self) -> int:
        """What is still to be paid; negative when money comes back."""
        return self.due_fen - self.prepaid_fen - self.forfeited_fen - self.violation_fen


def dues(
    sums: Mapping[Key, Sums], settled_fen: int, policy: YearPolicy, name: str
) -> tuple[Fraction, dict[Key, int], int]:
    """Return point value in fen per point, dues by hospital and pool, and the residual in fen.

    Raises InputError when nothing earned a point: then there is no value.
    """
    points = sum(s.points for s in sums.values())
    not_pool = sum(s.not_pool_fen for s in sums.values())
    if points == 0:
        raise InputError(
            both(
                f"险种 {name} 有预算而没有点数，求不出点值",
                f"pool {name} has a budget but no points: a point has no value",
            ),
            remedy=both(
                "核对该险种的病例是否在内、是否全被隔离",
                "check that the pool's cases are there and not all quarantined",
            ),
        )
    value = Fraction((settled_fen + not_pool) * POINT, points)
    if policy["residual"] == "largest_remainder":
        exact = {k: value * s.points / POINT - s.not_pool_fen for k, s in sums.items()}
        return value, largest_remainder(exact, settled_fen), 0
    if policy["value_dp"] is not None:
        value = round_to(value / 100, policy["value_dp"]) * 100
    due = {k: round_half_away(value * s.points / POINT - s.not_pool_fen) for k, s in sums.items()}
    return value, due, settled_fen - sum(due.values())


def settle(
    region: Region, policy: YearPolicy, sums: Mapping[Key, Sums]
) -> tuple[list[PoolResult], list[HospitalResult]]:
    """Settle all pools of a region: point values, dues, prepaid, deposits, forfeits, finals.

    `sums` holds hospitals with cases; those with only a violation or a prepayment are added.
    """
    empty = Sums(0, 0, 0, 0)
    named = set(region.violations) | set(region.prepaid)
    everyone = {key: sums.get(key, empty) for key in sorted(set(sums) | named)}
    pools: list[PoolResult] = []
    due: dict[Key, int] = {}
    for name, title, members in _settled_together(region.pools, policy):
        ids = {pool.id for pool in members}
        own = {key: s for key, s in everyone.items() if key[1] in ids}
        budget = available_budget(
            sum(pool.budget_fen for pool in members),
            sum(pool.out_of_area_fund_fen for pool in members),
            policy,
        )
        recorded = sum(s.recorded_fund_fen for s in own.values())
        settled = settled_total(recorded, budget.available_fen, policy)
        value, amounts, residual = dues(own, settled, policy, name)
        due.update(amounts)
        pools.append(
            PoolResult(
                name,
                title,
                budget,
                sum(s.cases for s in own.values()),
                sum(s.points for s in own.values()),
                recorded,
                sum(s.not_pool_fen for s in own.values()),
                settled,
                value,
                residual,
            )
        )
    scores = {h.id: h.score for h in region.hospitals}
    hospitals = [
        _hospital(key, s, due[key], scores[key[0]], region, policy) for key, s in everyone.items()
    ]
    _check(pools, hospitals)
    return pools, hospitals


def _settled_together(
    pools: Sequence[Pool], policy: YearPolicy
) -> list[tuple[str, str, list[Pool]]]:
    if policy["combine_pools"]:
        ids = "+".join(pool.id for pool in pools)
        return [(ids, "+".join(pool.name for pool in pools), list(pools))]
    return [(pool.id, pool.name, [pool]) for pool in pools]


def _hospital(
    key: Key, sums: Sums, due: int, score: Fraction, region: Region, policy: YearPolicy
) -> HospitalResult:
    prepaid, deposit = region.prepaid.get(key, (None, None))
    if prepaid is None:
        prepaid = round_half_away(sums.recorded_fund_fen * Fraction(policy["prepay_ratio"]))
    if deposit is None:
        deposit = max(0, sums.recorded_fund_fen - prepaid)
    return HospitalResult(
        key[0],
        key[1],
        sums,
        due,
        prepaid,
        deposit,
        round_half_away(deposit * (1 - score)),
        region.violations.get(key, 0),
    )


def _check(pools: Sequence[PoolResult], hospitals: Sequence[HospitalResult]) -> None:
    """Fail if what hospitals are due and what is left does not make up what was settled."""
    due = sum(h.due_fen for h in hospitals)
    rest = sum(p.residual_fen for p in pools)
    settled = sum(p.settled_fen for p in pools)
    if due + rest != settled:
        raise BooksError(
            both(
                f"应付金额 {due} 分与尾差 {rest} 分之和不等于清算总额 {settled} 分",
                f"dues {due} and residual {rest} fen are not the settled {settled} fen",
            )
        )
    paid = sum(h.final_fen + h.prepaid_fen + h.forfeited_fen + h.violation_fen for h in hospitals)
    if paid != due:
        raise BooksError(
            both(
                f"支付与扣减合计 {paid} 分，不等于应付金额 {due} 分",
                f"payments and deductions of {paid} fen are not the dues of {due} fen",
            )
        )
