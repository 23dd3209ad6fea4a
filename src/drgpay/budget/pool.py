"""The budget of a pool and the fund total that a year settles to.

Sources: S0 13 and S2 二(二)1(2) (care outside the region), S2 一2 and S0 34-35 (what of a surplus
is kept, what of an overspend is shared), S2 一 (growth of spending). Ratios, tiers and caps are
parameters of the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from drgpay.ground.errors import Bilingual, InputError, PolicyError, both
from drgpay.ground.money import decimal_text, round_half_away, yuan_text
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
    reserve = budget_fen - round_half_away(budget_fen * (1 - Fraction(policy["reserve_ratio"])))
    outside = (
        out_of_area_fund_fen if says(policy, "out_of_area", "inside_budget", "deducted") else 0
    )
    available = budget_fen - reserve - outside - provision_fen
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

    @property
    def capped(self) -> bool:
        """Whether the reserve cut T."""
        return self.settled_fen < self.uncapped_fen

    @property
    def fund_beyond_budget_fen(self) -> int:
        """What T takes beyond B: the fund's share of an overspend, which the reserve has to pay."""
        return max(0, self.settled_fen - self.available_fen)

    @property
    def borne_by_institutions_fen(self) -> int:
        """What of an overspend institutions bear."""
        return max(0, self.recorded_fen - self.settled_fen)


def settled_total(
    recorded_fen: int, available_fen: int, policy: Rules, reserve_fen: int | None = None
) -> int:
    """Return the fund total T that the year settles to, in fen; `share` shows the way to it."""
    return share(recorded_fen, available_fen, policy, reserve_fen).settled_fen


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
    within = recorded_fen <= available_fen
    tiers = tiers_of(policy, "keep_tiers" if within else "overspend_tiers")
    parts = split(abs(available_fen - recorded_fen), available_fen, tiers)
    # the sum is rounded, not the share: a budget that care outside the region ate is negative
    shared = sum((part.share_fen for part in parts), Fraction(0))
    uncapped = round_half_away(min(recorded_fen, available_fen) + shared)
    cap = None
    if not within and says(policy, "overspend_cap", "reserve", "none"):
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
    settled = uncapped if cap is None else min(uncapped, cap)
    return Sharing(recorded_fen, available_fen, parts, uncapped, cap, settled)


_SINGLE = {"keep_tiers": "keep_ratio", "overspend_tiers": "fund_share_of_overspend"}


def tiers_of(policy: Rules, key: str) -> Tiers:
    """Return the tiers of a policy; the single ratio, where there are none, is one open tier.

    Raises PolicyError for tiers whose limits do not rise to one open end, and for ratios that are
    not 0 to 1.
    """
    tiers: Tiers | None = policy[key]
    if tiers is None:
        return ((None, Fraction(policy[_SINGLE[key]])),)
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


def split(amount_fen: int, available_fen: int, tiers: Tiers) -> tuple[TierPart, ...]:
    """Return the part of an amount in each tier; a budget of 0 or less leaves the open one alone.

    >>> [p.share_fen for p in split(150, 1000, [(Fraction("0.1"), Fraction(1)), (None, Fraction(0))])]
    [Fraction(100, 1), Fraction(0, 1)]
    """
    parts = []
    done = Fraction(0)
    for limit, ratio in tiers:
        end = Fraction(amount_fen)
        if limit is not None:
            end = min(end, limit * max(available_fen, 0))
        part = max(Fraction(0), end - done)
        parts.append(TierPart(limit, ratio, part, ratio * part))
        done += part
    return tuple(parts)


def explain_sharing(sharing: Sharing) -> tuple[Bilingual, ...]:
    """Return how T came about, a line for each step, in both languages."""
    f, b = yuan_text(sharing.recorded_fen), yuan_text(sharing.available_fen)
    difference = yuan_text(abs(sharing.recorded_fen - sharing.available_fen))
    over = sharing.overspent
    lines = [
        both(
            f"统筹基金记账 {f} 元，可用预算 {b} 元，{'超支' if over else '结余'} {difference} 元",
            f"recorded fund {f} yuan, available budget {b} yuan, "
            f"{'overspent' if over else 'surplus'} {difference} yuan",
        )
    ]
    for part in sharing.parts:
        if not part.part_fen:
            continue
        money, taken = (decimal_text(x / 100, 4) for x in (part.part_fen, part.share_fen))
        ratio = _percent(part.ratio)
        zh = "以上不限" if part.limit is None else f"至预算的 {_percent(part.limit)}"
        en = "without end" if part.limit is None else f"up to {_percent(part.limit)} of the budget"
        lines.append(
            both(
                f"{zh}的部分 {money} 元 × {'基金分担' if over else '机构留用'} {ratio} = {taken} 元",
                f"part {en}: {money} yuan x {'borne by the fund' if over else 'kept'} {ratio} = {taken}",
            )
        )
    if sharing.cap_fen is not None:
        cap = yuan_text(sharing.cap_fen)
        lines.append(
            both(f"超支以预算加调剂金 {cap} 元为限", f"capped at budget and reserve, {cap} yuan")
        )
    settled = yuan_text(sharing.settled_fen)
    return (*lines, both(f"清算总额 {settled} 元", f"settled total {settled} yuan"))


def _percent(ratio: Fraction) -> str:
    text = decimal_text(ratio * 100, 6).rstrip("0").rstrip(".")
    return f"{text} %"


def grown_budget(last_year_fen: int, rate: Fraction) -> int:
    """Return last year's fund expenditure grown by a rate, to the fen.

    >>> grown_budget(46789012345, Fraction("0.075"))
    50298188271
    """
    return round_half_away(last_year_fen * (1 + rate))


@dataclass(frozen=True, slots=True)
class Growth:
    """A pool's budget against last year's fund expenditure, in fen.

    `last_year_fen`, `allowed_fen` and `growth` are None when last year is not known (or was 0):
    then nothing was checked. `approval`: the document by which more is allowed.
    """

    pool: str
    budget_fen: int
    last_year_fen: int | None
    cap: Fraction
    allowed_fen: int | None
    approval: str

    @property
    def growth(self) -> Fraction | None:
        """Growth over last year, as a ratio."""
        if not self.last_year_fen:
            return None
        return Fraction(self.budget_fen - self.last_year_fen, self.last_year_fen)

    @property
    def excess_fen(self) -> int:
        """What is beyond the cap."""
        return 0 if self.allowed_fen is None else max(0, self.budget_fen - self.allowed_fen)


def check_growth(
    pool: str, budget_fen: int, last_year_fen: int | None, policy: Rules, approval: str = ""
) -> Growth:
    """Fail if a budget grows over last year's fund expenditure by more than `budget_growth_cap`.

    A named document of approval lets it pass, with the figures. The largest budget allowed is
    last year x (1 + cap), to the fen. Source: S2 一 (10 %), policy.

    Raises InputError with pool, budget, last year, cap and the largest budget allowed.
    """
    cap = Fraction(policy["budget_growth_cap"])
    allowed = None if last_year_fen is None else grown_budget(last_year_fen, cap)
    result = Growth(pool, budget_fen, last_year_fen, cap, allowed, approval.strip())
    if last_year_fen is None or allowed is None or not result.excess_fen or result.approval:
        return result
    budget, last, most = map(yuan_text, (budget_fen, last_year_fen, allowed))
    grown = "—" if result.growth is None else _percent(result.growth)
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
