"""What a hospital or a case may get at least and at most, and the dues within these bounds.

Sources: S2 二(二)1(7) (`violator_no_increase`: no increase for an institution that was penalised);
the other bounds (`bound.*`) are choices of a region, no text at hand states one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drgpay.budget.bounds import (
    INTERVAL,
    NONE_TOO_HIGH,
    NONE_TOO_LOW,
    UNIQUE,
    Ints,
    Items,
    Solution,
    Stated,
    group_sums,
    payments,
    solve,
    states,
    states_above_all,
    whole_fen,
)
from drgpay.budget.kernels import NO_HIGH, NO_LOW
from drgpay.budget.pool import Rules
from drgpay.ground.errors import BooksError, InputError, PolicyError, both
from drgpay.ground.money import (
    remainder_by_party,
    round_half_away,
    round_to,
    yuan_text,
)
from drgpay.policy.year import says


def share_floor(share: Fraction, amounts: Ints) -> Ints:
    """Return the floor of share x amount, exactly.

    >>> share_floor(Fraction(23, 20), np.array([101, -101])).tolist()
    [116, -117]
    """
    a, b = share.numerator, share.denominator
    most = max(abs(int(amounts.min(initial=0))), abs(int(amounts.max(initial=0))))
    if a * b < 1 << 62 and (most // b + 1) * a < 1 << 62:
        whole, part = np.divmod(amounts, b)
        return np.asarray(whole * a + part * a // b, np.int64)
    return np.array([int(amount) * a // b for amount in amounts], np.int64)


def bounds_of(
    policy: Rules,
    recorded_fund_fen: ArrayLike,
    total_cost_fen: ArrayLike,
    not_pool_fen: ArrayLike,
    penalised: ArrayLike | None = None,
) -> tuple[Ints, Ints]:
    """Return low and high bound of each item in fen, NO_LOW and NO_HIGH where there is none.

    Items are cases when `bound.level` is `case`, else hospitals. Low is 0 with
    `bound.never_below_zero`. High is the smallest of: `bound.cost_share` x recorded fund, rounded
    down; cost less n with `bound.case_within_cost`; and with `violator_no_increase` the recorded
    fund of a penalised hospital (of cases it is a cap on their sum: `dues_within_bounds`).

    Raises PolicyError for bounds that `bound.level` gives no meaning.
    """
    check_bounds(policy)
    recorded = np.asarray(recorded_fund_fen, np.int64)
    low = np.full(recorded.shape, 0 if policy["bound.never_below_zero"] else NO_LOW, np.int64)
    high = np.full(recorded.shape, NO_HIGH, np.int64)
    if policy["bound.cost_share"] is not None:
        high = np.minimum(high, share_floor(Fraction(policy["bound.cost_share"]), recorded))
    if policy["bound.case_within_cost"]:
        cost = np.asarray(total_cost_fen, np.int64)
        high = np.minimum(high, cost - np.asarray(not_pool_fen, np.int64))
    if policy["violator_no_increase"] and penalised is not None and not by_case(policy):
        high = np.where(np.asarray(penalised, bool), np.minimum(high, recorded), high)
    return low, high


def caps_of(policy: Rules, recorded_fund_fen: ArrayLike, penalised: ArrayLike) -> Ints:
    """Return by hospital the most its bounded cases may get together, NO_HIGH where no cap holds.

    With `violator_no_increase` it is the recorded fund of a penalised hospital in the pool.
    """
    recorded = np.asarray(recorded_fund_fen, np.int64)
    holds = np.asarray(penalised, bool) & bool(policy["violator_no_increase"])
    return np.where(holds, recorded, NO_HIGH)


def by_case(policy: Rules) -> bool:
    """Whether each case is bounded, not each hospital."""
    return says(policy, "bound.level", "case", "none", "hospital")


def is_bounded(policy: Rules, anyone_penalised: bool) -> bool:
    """Whether dues must be solved within bounds; without any, V is (T + N) / Σ points."""
    check_bounds(policy)
    if policy["violator_no_increase"] and anyone_penalised:
        return True
    return any(policy[key] for key in ("bound.never_below_zero", "bound.case_within_cost")) or (
        policy["bound.cost_share"] is not None
    )


def check_bounds(policy: Rules) -> None:
    """Fail if a bound is given that `bound.level` gives no meaning."""
    level = policy["bound.level"]
    if by_case(policy):
        return
    idle = ["bound.case_within_cost"] if policy["bound.case_within_cost"] else []
    if level == "none":
        idle += ["bound.never_below_zero"] if policy["bound.never_below_zero"] else []
        idle += ["bound.cost_share"] if policy["bound.cost_share"] is not None else []
    if idle:
        raise PolicyError(
            both(
                f"bound.level 为“{level}”时，{'、'.join(idle)} 不起作用",
                f"{', '.join(idle)} has no meaning with bound.level {level!r}",
            ),
            where="bound.level",
            remedy=both(
                "将 bound.level 设为 hospital（按机构）或 case（按病例，case_within_cost 只能用于此），或取消该上下限",
                "set bound.level to hospital or case (case_within_cost needs case), or drop the bound",
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class BoundedDues(Stated):
    """What the groups of items, hospitals, are due within the bounds.

    `value`, `value_high`, `kind`: as of `Solution`, caps included. `point_value` is the value that
    dues are computed with: `value`, rounded when the policy says so. `state` of each item; `capped`
    of each group: its cap holds it down. `due_fen` by group; `residual_fen` stays in the fund.
    """

    kind: str
    target_fen: int
    value: Fraction
    value_high: Fraction | None
    point_value: Fraction
    lowest_fen: int | None
    highest_fen: int | None
    state: NDArray[np.int8]
    capped: NDArray[np.bool_]
    due_fen: Ints
    residual_fen: int


@dataclass(frozen=True, slots=True, eq=False)
class _Capped:
    """A solution of the items whose group is not held at its cap, and what holds for all."""

    inner: Solution
    value: Fraction
    exact: list[Fraction]
    capped: NDArray[np.bool_]
    cap_fen: int
    free: NDArray[np.bool_]

    @property
    def total_fen(self) -> int:
        return self.cap_fen + self.inner.total_fen


def _solve_capped(items: Items, target: int, group: Ints, cap: Ints) -> _Capped:
    """Solve with caps on the sums of groups.

    A group that reached its cap stays there when V rises, so it is paid its cap, and the value of
    the others, which does not fall, is solved again; at most once for every cap.
    """
    groups = len(cap)
    limits = [int(c) for c in cap]
    capped = np.zeros(groups, bool)
    while True:
        free = items.where(~capped[group]) if capped.any() else items
        held = sum(limits[g] for g in np.flatnonzero(capped))
        inner = solve(free, target - held)
        exact = group_sums(free, inner.state, inner.value, group[~capped[group]], groups)
        over = [g for g in np.flatnonzero((cap < NO_HIGH) & ~capped) if exact[g] >= limits[g]]
        if not over:
            break
        capped[over] = True
    at_cap = {g: items.where(group == g) for g in np.flatnonzero(capped)}
    value = max([inner.value, *(solve(own, limits[g]).value for g, own in at_cap.items())])
    free_groups = ~capped
    for g, own in at_cap.items():
        capped[g] = _beyond(own, value, limits[g], endless=not inner.solved)
        exact[g] = Fraction(limits[g])
    return _Capped(inner, value, exact, capped, held, free_groups)


def _beyond(items: Items, value: Fraction, cap: int, *, endless: bool) -> bool:
    """Whether the items of a group would get more than its cap, at a value or above all values."""
    if not endless:
        return _paid(items, value) > cap
    if ((items.high_fen == NO_HIGH) & (items.points > 0)).any():
        return True
    nobody = np.zeros(len(items), np.int64)
    return group_sums(items, states_above_all(items), Fraction(0), nobody, 1)[0] > cap


def _paid(items: Items, value: Fraction) -> Fraction:
    return group_sums(items, states(items, value), value, np.zeros(len(items), np.int64), 1)[0]


def _range(items: Items, group: Ints, cap: Ints) -> tuple[int, int | None]:
    """Return the lowest and the highest total; None when nothing bounds it."""
    zero = Fraction(0)
    lowest = _capped_total(group_sums(items, states(items, zero), zero, group, len(cap)), cap)
    endless = (items.high_fen == NO_HIGH) & (items.points > 0)
    without_end = np.bincount(group[endless], minlength=len(cap)) > 0
    if (without_end & (cap == NO_HIGH)).any():
        return lowest, None
    top = items.where(~without_end[group])
    sums = group_sums(top, states_above_all(top), zero, group[~without_end[group]], len(cap))
    for g in np.flatnonzero(without_end):
        sums[g] = Fraction(int(cap[g]))
    return lowest, _capped_total(sums, cap)


def _capped_total(sums: Sequence[Fraction], cap: Ints) -> int:
    return int(sum(min(x, Fraction(int(c))) for x, c in zip(sums, cap, strict=True)))


def dues_within_bounds(
    items: Items,
    target_fen: int,
    policy: Rules,
    name: str,
    *,
    group: NDArray[np.integer[Any]] | None = None,
    groups: int | None = None,
    cap_fen: ArrayLike | None = None,
    party: Sequence[int] | None = None,
    allotted: bool = False,
) -> BoundedDues:
    """Return point value and dues of a pool, by group (hospital) of items, in whole fen.

    `group` of each item numbers the `groups` hospitals in the order of their keys (ties of a fen
    go to the first); without it every item is its own. `cap_fen` bounds what a group gets in sum.
    `party` of each group: fen left over go to parties first, then to their groups.
    With `residual` = `largest_remainder`, or where the rest is always `allotted`, dues make up the
    target exactly; with `to_fund` the value is rounded to `value_dp` and dues are, and the rest
    stays in the fund.

    Raises InputError with all figures when no value pays the target, unless it is above what the
    bounds allow and `bound.unsolved` is `to_fund`: then all get the most they may; and for a pool
    without points.
    """
    if not items.points.any():
        raise _without_points(name)
    if group is None:
        if cap_fen is not None:
            items = Items.of(*items.arrays[:3], np.minimum(items.high_fen, cap_fen))
        solution = solve(items, target_fen)
        none = np.zeros(len(items), bool)
        found = _Capped(solution, solution.value, [], none, 0, ~none)
        lowest, highest = solution.lowest_fen, solution.highest_fen
        of, cap = np.arange(len(items)), np.full(len(items), NO_HIGH, np.int64)
    else:
        of = np.asarray(group, np.int64)
        count = int(of.max(initial=-1)) + 1 if groups is None else groups
        cap = np.broadcast_to(np.asarray(NO_HIGH if cap_fen is None else cap_fen, np.int64), count)
        found = _solve_capped(items, target_fen, of, cap)
        lowest, highest = _range(items, of, cap)
    inner = found.inner
    spill = inner.kind == NONE_TOO_HIGH and says(policy, "bound.unsolved", "to_fund", "refuse")
    if not (inner.solved or spill):
        raise _unsolved(found, target_fen, name, policy)
    state = states(items, found.value)
    if spill:
        state[found.free[of]] = inner.state
    value = found.value
    if allotted or says(policy, "residual", "largest_remainder", "to_fund") or spill:
        due = _whole(items, found, group is None, party)
        if sum(map(int, due)) != found.total_fen:
            raise _not_tied(name, due, found.total_fen)
    else:
        if policy["value_dp"] is not None:
            value = round_to(value / 100, policy["value_dp"]) * 100
        due = _rounded(items, value, of, cap)
    ends = inner.kind == INTERVAL and found.value == inner.value_high
    return BoundedDues(
        UNIQUE if ends else inner.kind,
        target_fen,
        found.value,
        inner.value_high,
        value,
        lowest,
        highest,
        state,
        found.capped,
        due,
        target_fen - sum(map(int, due)),
    )


def _whole(items: Items, found: _Capped, alone: bool, party: Sequence[int] | None) -> Ints:
    """Return what groups get in whole fen by largest remainder, of parties first where given."""
    inner, total = found.inner, found.total_fen
    if party is None:
        return payments(items, inner) if alone else whole_fen(found.exact, total)
    exact = found.exact
    if alone:
        exact = group_sums(items, inner.state, inner.value, np.arange(len(items)), len(items))
    shares = {(own, place): x for place, (own, x) in enumerate(zip(party, exact, strict=True))}
    return np.array(list(remainder_by_party(shares, total).values()), np.int64)


def _rounded(items: Items, value: Fraction, group: Ints, cap: Ints) -> Ints:
    exact = group_sums(items, states(items, value), value, group, len(cap))
    held = (min(x, Fraction(int(c))) for x, c in zip(exact, cap, strict=True))
    return np.array([round_half_away(x) for x in held], np.int64)


def _without_points(name: str) -> InputError:
    return InputError(
        both(
            f"险种 {name} 没有按点数支付的病例，求不出点值",
            f"pool {name} has no case that is paid by points: a point has no value",
        ),
        remedy=both("核对该险种的病例与支付规则", "check the pool's cases and how they are paid"),
    )


def _not_tied(name: str, due: Ints, total: int) -> BooksError:
    paid = sum(map(int, due))
    return BooksError(
        both(
            f"险种 {name} 应付合计 {paid} 分，不等于应分配的 {total} 分",
            f"dues of pool {name} are {paid} fen, not the {total} to be shared",
        )
    )


def _unsolved(found: _Capped, target: int, name: str, policy: Rules) -> InputError:
    inner, limit = found.inner, found.total_fen
    held = int(np.count_nonzero(found.capped))
    zh, en = [], []
    if inner.kind == NONE_TOO_LOW:
        zh.append(f"清算总额 {yuan_text(target)} 元低于各方最低支付之和 {yuan_text(limit)} 元")
        en.append(
            f"the settled {yuan_text(target)} yuan are below the {yuan_text(limit)} that must be paid"
        )
        remedy = both(
            "提高清算总额（预算、分担比例），或取消保底（bound.never_below_zero）",
            "raise the settled total (budget, ratios of sharing), or drop bound.never_below_zero",
        )
    else:
        zh.append(f"清算总额 {yuan_text(target)} 元高于各方封顶支付之和 {yuan_text(limit)} 元")
        en.append(
            f"the settled {yuan_text(target)} yuan are above the {yuan_text(limit)} that may be paid"
        )
        tight = {
            "bound.cost_share": policy["bound.cost_share"] is not None,
            "bound.case_within_cost": policy["bound.case_within_cost"],
            "violator_no_increase": policy["violator_no_increase"],
        }
        keys = [key for key, holds in tight.items() if holds]
        remedy = both(
            f"放宽封顶（{'、'.join(keys)}），或设 bound.unsolved = to_fund，余额留在基金",
            f"widen what holds from above ({', '.join(keys)}), or set bound.unsolved = to_fund, "
            "which leaves the rest in the fund",
        )
    gap = yuan_text(abs(target - limit))
    zh.append(f"相差 {gap} 元；保底 {inner.at_low} 项，封顶 {inner.at_high} 项")
    en.append(
        f"{gap} yuan apart; {inner.at_low} items at their low bound, {inner.at_high} at their high one"
    )
    if held:
        zh.append(f"另有违规机构 {held} 家以记账额封顶")
        en.append(f"besides, {held} penalised hospitals at their recorded fund")
    return InputError(
        both(
            f"险种 {name} 在上下限内求不出点值：{'；'.join(zh)}",
            f"pool {name} has no point value within the bounds: {'; '.join(en)}",
        ),
        remedy=remedy,
    )
