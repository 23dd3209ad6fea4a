"""The point value when payments are bounded: every breakpoint is sorted and tried.

Points are exact fractions of a point, amounts integer fen, values exact fen a point. What items get
together is a broken line that never falls; it bends only at breakpoints, so the value stands on one
of them or on the straight line between two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from reference.model.exact import largest_remainder, round_fen
from reference.model.policy import says

UNIQUE, INTERVAL = "unique", "interval"
NONE_TOO_LOW, NONE_TOO_HIGH = "none_too_low", "none_too_high"


@dataclass(frozen=True)
class Item:
    """A hospital or a case; a bound that is None does not hold. `group`: whose cap counts it."""

    points: Fraction
    not_pool_fen: int
    low_fen: int | None = None
    high_fen: int | None = None
    group: Any = None

    def unbounded(self, value: Fraction) -> Fraction:
        return self.points * value - self.not_pool_fen

    def payment(self, value: Fraction) -> Fraction:
        amount = self.unbounded(value)
        if self.low_fen is not None and amount < self.low_fen:
            return Fraction(self.low_fen)
        if self.high_fen is not None and amount > self.high_fen:
            return Fraction(self.high_fen)
        return amount

    def state(self, value: Fraction) -> int:
        """-1 when the low bound holds it up, 1 when the high one holds it down, else 0."""
        amount = self.unbounded(value)
        return (self.payment(value) < amount) - (self.payment(value) > amount)


Caps = Mapping[Any, int]  # of a group: its items get no more together


@dataclass(frozen=True)
class Solved:
    """`value` is the smallest that pays the target, or the total nearest to it; the largest is
    `value_high`, None when there is no end. `total_fen` is what is paid."""

    kind: str
    value: Fraction
    value_high: Fraction | None
    lowest_fen: Fraction
    highest_fen: Fraction | None
    total_fen: Fraction


def group_payments(items: Sequence[Item], value: Fraction, caps: Caps) -> dict[Any, Fraction]:
    """What each group gets at a value."""
    got: dict[Any, Fraction] = {}
    for item in items:
        got[item.group] = got.get(item.group, Fraction(0)) + item.payment(value)
    return {group: min(got[group], Fraction(caps.get(group, got[group]))) for group in got}


def paid(items: Sequence[Item], value: Fraction, caps: Caps) -> Fraction:
    """What all get together at a value."""
    return sum(group_payments(items, value, caps).values(), Fraction(0))


def bends(items: Sequence[Item], caps: Caps) -> list[Fraction]:
    """All values from 0 up at which what is paid may bend, in order."""
    found = {Fraction(0)}
    for item in items:
        for bound in (item.low_fen, item.high_fen):
            if bound is not None and item.points > 0:
                found.add((bound + item.not_pool_fen) / item.points)
    ordered = sorted(value for value in found if value >= 0)
    for group, cap in caps.items():
        own = [item for item in items if item.group == group]
        after = ordered[-1] + 1
        for a, b in pairwise([*ordered, after]):
            at_a, at_b = paid(own, a, {}), paid(own, b, {})
            if at_a < at_b and (at_a < cap < at_b or (b == after and at_a < cap)):
                found.add(a + (cap - at_a) / (at_b - at_a) * (b - a))
    return sorted(value for value in found if value >= 0)


def solve(items: Sequence[Item], target_fen: int, caps: Caps | None = None) -> Solved:
    """The value that pays the target, tried breakpoint by breakpoint."""
    caps = caps or {}
    ordered = bends(items, caps)
    totals = [paid(items, value, caps) for value in ordered]
    rise = paid(items, ordered[-1] + 1, caps) - totals[-1]  # beyond the last, for 1 fen a point
    lowest, highest = totals[0], totals[-1] if rise == 0 else None
    if target_fen < lowest:
        return Solved(NONE_TOO_LOW, Fraction(0), Fraction(0), lowest, highest, lowest)
    if highest is not None and target_fen > highest:
        first = ordered[totals.index(highest)]
        return Solved(NONE_TOO_HIGH, first, None, lowest, highest, highest)
    exact = [value for value, total in zip(ordered, totals, strict=True) if total == target_fen]
    if exact:
        last = None if exact[-1] == ordered[-1] and rise == 0 else exact[-1]
        kind = UNIQUE if exact[0] == last else INTERVAL
        return Solved(kind, exact[0], last, lowest, highest, Fraction(target_fen))
    value = ordered[-1] + (target_fen - totals[-1]) / rise if rise else Fraction(0)
    for (a, at_a), (b, at_b) in pairwise(zip(ordered, totals, strict=True)):
        if at_a < target_fen < at_b:
            value = a + (target_fen - at_a) / (at_b - at_a) * (b - a)
    return Solved(UNIQUE, value, value, lowest, highest, Fraction(target_fen))


def item_fen(items: Sequence[Item], solved: Solved) -> list[int]:
    """What each item gets in whole fen; ties of the largest remainder to the first."""
    exact = {at: item.payment(solved.value) for at, item in enumerate(items)}
    return list(largest_remainder(exact, int(solved.total_fen)).values())


def group_fen(items: Sequence[Item], solved: Solved, caps: Caps | None = None) -> dict[Any, int]:
    """What each group gets in whole fen; ties of the largest remainder in the order of groups."""
    return largest_remainder(group_payments(items, solved.value, caps or {}), int(solved.total_fen))


def bounds_of(
    p: Mapping[str, Any], recorded_fund_fen: int, total_cost_fen: int, not_pool_fen: int,
    penalised: bool = False,
) -> tuple[int | None, int | None]:  # fmt: skip
    """Low and high bound of a hospital, or of a case, as the policy's parameters say.

    A penalised hospital gets at most its recorded fund; of a hospital whose cases are bounded that
    is a cap on their sum (`solve`), not a bound of each.
    """
    level = p["bound.level"]
    if level == "none" or (level == "hospital" and p["bound.case_within_cost"]):
        given = p["bound.never_below_zero"] or p["bound.cost_share"] is not None
        if given or p["bound.case_within_cost"]:
            raise ValueError(f"bounds do not fit bound.level {level!r}")
    if level not in ("none", "hospital", "case"):
        raise ValueError(f"no bounds by bound.level = {level!r}")
    highs = []
    if p["bound.cost_share"] is not None:
        share = p["bound.cost_share"] * recorded_fund_fen
        highs.append(share.numerator // share.denominator)
    if p["bound.case_within_cost"]:
        highs.append(total_cost_fen - not_pool_fen)
    if p["violator_no_increase"] and penalised and level != "case":
        highs.append(recorded_fund_fen)
    low = 0 if p["bound.never_below_zero"] else None
    return low, min(highs, default=None)


def tiered(amount: Fraction, available_fen: int, tiers: Sequence[tuple[Any, Fraction]]) -> Fraction:
    """The share of a surplus or an overspend, each part of it at the ratio of its tier.

    A tier ends at its limit x the available budget; a limit None has no end.
    """
    share, done = Fraction(0), Fraction(0)
    for limit, ratio in tiers:
        end = amount if limit is None else min(amount, limit * max(available_fen, 0))
        share += ratio * max(end - done, Fraction(0))
        done = max(done, end)
    return share


def settled_total(
    fund_fen: int, budget_fen: int, p: Mapping[str, Any], reserve_fen: int | None = None
) -> int:
    """T of rule 9 with tiers and the cap of an overspend at budget and reserve."""
    if fund_fen <= budget_fen:
        tiers = p["keep_tiers"] or ((None, p["keep_ratio"]),)
        return round_fen(fund_fen + tiered(Fraction(budget_fen - fund_fen), budget_fen, tiers))
    tiers = p["overspend_tiers"] or ((None, p["fund_share_of_overspend"]),)
    settled = round_fen(budget_fen + tiered(Fraction(fund_fen - budget_fen), budget_fen, tiers))
    if says(p, "overspend_cap", "reserve", "none"):
        if reserve_fen is None:
            raise ValueError("the reserve that caps an overspend is not given")
        settled = min(settled, budget_fen + reserve_fen)
    return settled
