"""Sums of cases by hospital and pool, and the budget they share (docs/rules.md, rule 9)."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reference.model.exact import round_fen
from reference.model.policy import says
from reference.model.region import PoolBudget
from reference.model.stay import Parameters

HospitalPool = tuple[str, str]


@dataclass(frozen=True)
class Sums:
    """Points, recorded fund (F) and what the pool did not pay (N) of the paid cases.

    `points` are less `points_deducted`; `money_fen` is M: price - n of the cases paid in money,
    whose n is `not_pool_in_money_fen`.
    """

    cases: int
    points: Fraction
    recorded_fund_fen: int
    not_pool_fen: int
    money_fen: int = 0
    not_pool_in_money_fen: int = 0
    points_deducted: Fraction = Fraction(0)
    held_cases: int = 0
    held_fund_fen: int = 0

    @property
    def not_pool_by_points_fen(self) -> int:
        return self.not_pool_fen - self.not_pool_in_money_fen


def sums_of(rows: Iterable[Any], deducted: Fraction = Fraction(0)) -> Sums:
    """Sums of rows of cases; points of violations take a hospital's points to 0 at most."""
    rows = list(rows)
    paid = [row for row in rows if row.paid_by != "held"]
    held = [row for row in rows if row.paid_by == "held"]
    in_money = [row for row in paid if row.paid_by == "money"]
    points = sum((row.points for row in paid), Fraction(0))
    taken = min(points, deducted)
    return Sums(
        cases=len(paid),
        points=points - taken,
        recorded_fund_fen=sum(row.pool_fund_fen for row in paid),
        not_pool_fen=sum(row.not_pool_fen for row in paid),
        money_fen=money_of(paid),
        not_pool_in_money_fen=sum(row.not_pool_fen for row in in_money),
        points_deducted=taken,
        held_cases=len(held),
        held_fund_fen=sum(row.pool_fund_fen for row in held),
    )


def money_of(rows: Iterable[Any]) -> int:
    """M: price - n of the cases paid in money, and what the others are paid apart."""
    return sum(
        row.price_fen - (row.not_pool_fen if row.paid_by == "money" else 0)
        for row in rows
        if row.paid_by in ("money", "points")
    )


def reserve(budgets: Iterable[PoolBudget], p: Parameters) -> int:
    """The reserve (调剂金) that is kept back of the budgets together."""
    budget = sum(budget.budget_fen for budget in budgets)
    return budget - round_fen(budget * (1 - p["reserve_ratio"]))


def available_budget(budgets: Iterable[PoolBudget], p: Parameters) -> int:
    """B of rule 9: budget less reserve, less care outside when it is inside the budget."""
    budgets = list(budgets)
    available = sum(budget.budget_fen for budget in budgets) - reserve(budgets, p)
    if says(p, "out_of_area", "inside_budget", "deducted"):
        available -= sum(budget.out_of_area_fund_fen for budget in budgets)
    return available
