"""The budget of a pool and the fund total that a year settles to.

Sources: S0 13 and S2 二(二)1(2) (care outside the region), S2 一2 and S0 34-35 (what of a surplus
is kept, what of an overspend is shared). The ratios are parameters of the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from drgpay.money import round_half_away
from drgpay.policy import YearPolicy


@dataclass(frozen=True, slots=True)
class PoolBudget:
    """Budget of one pool, in fen: decided, care outside the region, reserve, left for local care."""

    budget_fen: int
    out_of_area_fund_fen: int
    reserve_fen: int
    available_fen: int


def available_budget(budget_fen: int, out_of_area_fund_fen: int, policy: YearPolicy) -> PoolBudget:
    """Return what is left of a pool's budget for local stays.

    The reserve (`reserve_ratio`) is kept back; care outside the region is taken off when it is
    inside the budget (`out_of_area`), S2 二(二)1(2).
    """
    reserve = budget_fen - round_half_away(budget_fen * (1 - Fraction(policy["reserve_ratio"])))
    outside = out_of_area_fund_fen if policy["out_of_area"] == "inside_budget" else 0
    return PoolBudget(budget_fen, out_of_area_fund_fen, reserve, budget_fen - reserve - outside)


def settled_total(recorded_fen: int, available_fen: int, policy: YearPolicy) -> int:
    """Return the fund total T that the year settles to, in fen.

    Recorded F within the budget B: F + keep_ratio x (B - F); beyond it: B +
    fund_share_of_overspend x (F - B).
    """
    if recorded_fen <= available_fen:
        share = Fraction(policy["keep_ratio"]) * (available_fen - recorded_fen)
        return round_half_away(recorded_fen + share)
    share = Fraction(policy["fund_share_of_overspend"]) * (recorded_fen - available_fen)
    # the sum is rounded, not the share: a budget that care outside the region ate is negative
    return round_half_away(available_fen + share)
