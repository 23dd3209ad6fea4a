"""The budget of a pool and the fund total that a year settles to.

Sources: S0 13 and S2 二(二)1(2) (care outside the region), S2 一2 and S0 34-35 (what of a surplus
is kept, what of an overspend is shared), S2 一 (growth of spending). Ratios, tiers and caps are
parameters of the policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from drgpay.budget import formulas
from drgpay.budget.formulas import RATIOS, TIERS
from drgpay.ground.errors import InputError, PolicyError, both
from drgpay.ground.money import decimal_text, yuan_text
from drgpay.policy.year import says

Tiers = Sequence[tuple[Fraction | None, Fraction]]


class Rules(Protocol):
    """Parameters by key: a YearPolicy, or a mapping."""

    def __getitem__(self, key: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class PoolBudget:
    """Budget of one pool, in fen: decided, care outside the region, reserve, left for local care.

    `provision_fen`: set aside for cases that are still to be settled, in no part of what is left.
    """

    budget_fen: int
    out_of_area_fund_fen: int
    reserve_fen: int
    available_fen: int
    provision_fen: int = 0


def available_budget(
    budget_fen: int, out_of_area_fund_fen: int, policy: Rules, provision_fen: int = 0
) -> PoolBudget:
    """Return what is left of a pool's budget for local stays.

    The reserve (`reserve_ratio`) is kept back; care outside the region is taken off when it is
    inside the budget (`out_of_area`), S2 二(二)1(2), and a provision (`provision`) for cases that are
    quarantined or held.
    """
    local = int(formulas.after_reserve(Fraction(budget_fen), Fraction(policy["reserve_ratio"])))
    reserve = budget_fen - local
    outside = (
        out_of_area_fund_fen if says(policy, "out_of_area", "inside_budget", "deducted") else 0
    )
    available = formulas.available(local, outside, provision_fen)
    return PoolBudget(budget_fen, out_of_area_fund_fen, reserve, available, provision_fen)


@dataclass(frozen=True, slots=True)
class TierPart:
    """The part of a surplus or an overspend in one tier, its ratio and the share; fen, exact.

    The tier ends at `limit` x the available budget; None: it has no end.
    """

    limit: Fraction | None
    ratio: Fraction
    part_fen: Fraction
    share_fen: Fraction


@dataclass(frozen=True, slots=True)
class Sharing:
    """How recorded fund F and available budget B become the settled total T, in fen.

    `parts`: of the surplus, each with what institutions keep, or of the overspend, each with what
    the fund bears. `uncapped_fen` is T before `overspend_cap`; `cap_fen` is B + reserve, or None.
    """

    recorded_fen: int
    available_fen: int
    parts: tuple[TierPart, ...]
    uncapped_fen: int
    cap_fen: int | None
    settled_fen: int

    @property
    def overspent(self) -> bool:
        """Whether more was recorded than is available."""
        return self.recorded_fen > self.available_fen


def share(
    recorded_fen: int, available_fen: int, policy: Rules, reserve_fen: int | None = None
) -> Sharing:
    """Return what a surplus or an overspend comes to.

    Recorded F within the budget B: T = F + Σ ratio x part of B − F in each of `keep_tiers`; beyond
    it: T = B + Σ ratio x part of F − B in each of `overspend_tiers`. A tier reaches from the limit
    of the one before, x B, to its own. Without tiers the single ratio holds: `keep_ratio`,
    `fund_share_of_overspend`. With `overspend_cap` = `reserve` T is at most B + reserve.

    Raises PolicyError when the reserve caps T and none is given.
    """
    surplus = recorded_fen <= available_fen
    tiers = tiers_of(policy, TIERS[surplus])
    recorded, available = Fraction(recorded_fen), Fraction(available_fen)
    balance = formulas.balance(recorded, available, surplus=surplus)
    reached = formulas.slices(balance, available, tiers)
    shared = formulas.shared(reached, tiers)
    smaller = recorded if surplus else available
    cap = None
    if not surplus and says(policy, "overspend_cap", "reserve", "none"):
        if reserve_fen is None:
            raise PolicyError(
                both(
                    "超支以调剂金为限（reserve），但没有给出调剂金",
                    "an overspend is capped at the reserve, and no reserve is given",
                ),
                where="overspend_cap",
                remedy=both(
                    "设定 reserve_ratio，或将 overspend_cap 设为 none",
                    "set reserve_ratio, or overspend_cap to none",
                ),
            )
        cap = available_fen + reserve_fen
    return Sharing(
        recorded_fen,
        available_fen,
        _parts(tiers, dict(reached)),
        int(formulas.settled(smaller, shared)),
        cap,
        int(formulas.settled(smaller, shared, None if cap is None else Fraction(cap))),
    )


def _parts(tiers: Tiers, reached: Mapping[int, Fraction]) -> tuple[TierPart, ...]:
    """Return every tier with its part of the balance, 0 where that does not reach it."""
    return tuple(
        TierPart(limit, ratio, part, ratio * part)
        for place, (limit, ratio) in enumerate(tiers)
        for part in (reached.get(place, Fraction(0)),)
    )


def tiers_of(policy: Rules, key: str) -> Tiers:
    """Return the tiers of a policy; the single ratio, where there are none, is one open tier.

    Raises PolicyError for tiers whose limits do not rise to one open end, and for ratios that are
    not 0 to 1.
    """
    tiers: Tiers | None = policy[key]
    if tiers is None:
        return ((None, Fraction(policy[RATIOS[key == TIERS[True]]])),)
    limits = [limit for limit, _ in tiers]
    closed = [limit for limit in limits[:-1] if limit is not None]
    rising = all(a < b for a, b in zip([Fraction(0), *closed], closed, strict=False))
    if not limits or limits[-1] is not None or len(closed) + 1 != len(limits) or not rising:
        raise PolicyError(
            both(
                "各档上限须大于0并逐档增大，只有最后一档没有上限",
                "the limits of tiers must rise from above 0, and only the last has none",
            ),
            where=key,
        )
    if not all(0 <= ratio <= 1 for _, ratio in tiers):
        raise PolicyError(
            both("各档比例须在0至1之间", "the ratios of tiers must be 0 to 1"), where=key
        )
    return tiers


def _percent(ratio: Fraction) -> str:
    text = decimal_text(ratio * 100, 6).rstrip("0").rstrip(".")
    return f"{text} %"


def check_growth(
    pool: str, budget_fen: int, last_year_fen: int | None, policy: Rules, approval: str = ""
) -> None:
    """Fail if a budget grows over last year's fund expenditure by more than `budget_growth_cap`.

    A named document of approval lets it pass, and so does a last year that is not known. The largest
    budget allowed is last year x (1 + cap), to the fen. Source: S2 一 (10 %), policy.

    Raises InputError with pool, budget, last year, cap and the largest budget allowed.
    """
    if last_year_fen is None or approval.strip():
        return
    cap = Fraction(policy["budget_growth_cap"])
    allowed = int(formulas.grown(Fraction(last_year_fen), cap))
    if budget_fen <= allowed:
        return
    grown = "—"
    if last_year_fen:
        grown = _percent(Fraction(budget_fen - last_year_fen, last_year_fen))
    budget, last, most = map(yuan_text, (budget_fen, last_year_fen, allowed))
    raise InputError(
        both(
            f"险种 {pool} 的预算 {budget} 元比上年基金支出 {last} 元增长 {grown}，超过增幅上限 {_percent(cap)}；最多 {most} 元",
            f"budget of pool {pool}, {budget} yuan, grows by {grown} over last year's {last}, "
            f"more than the cap of {_percent(cap)}; at most {most}",
        ),
        remedy=both(
            f"将预算降至 {most} 元以内，或注明批准文件",
            f"lower the budget to {most} yuan, or name the document that approves it",
        ),
    )
