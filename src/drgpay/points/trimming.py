"""Trimming (裁剪) of a group's costs: exact moments and quantiles, and what each method keeps.

Whatever the method, what it keeps of the sorted costs is one interval, so its result is two
limits in fen, both inclusive. Methods and fences: P11; which one a place uses is a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from drgpay.ground.errors import PolicyError, both, unknown_choice
from drgpay.ground.money import round_half_away
from drgpay.policy import YearPolicy

FARTHEST = 2**62  # a limit beyond every cost


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum and sum of squares of costs in fen, exact."""

    n: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> Fraction:
        """The exact mean."""
        return Fraction(self.total, self.n)

    def variance(self, deviation: str) -> Fraction | None:
        """Return the exact variance, `sample` (n - 1) or `population`; None when there is none."""
        divisor = {"sample": self.n - 1, "population": self.n}.get(deviation)
        if divisor is None:
            raise unknown_choice("stable.cv_sd", deviation)
        if divisor < 1:
            return None
        return Fraction(self.n * self.squares - self.total**2, self.n * divisor)

    def cv_within(self, limit: Fraction, deviation: str) -> bool:
        """Whether the coefficient of variation is at most `limit`, exactly.

        One case has no sample deviation: then it is not.
        """
        variance = self.variance(deviation)
        if variance is None:
            return False
        return variance * self.n**2 <= limit**2 * self.total**2

    def cv(self, deviation: str) -> float | None:
        """Return the coefficient of variation for showing; None when there is none."""
        variance = self.variance(deviation)
        if variance is None or not self.total:
            return None
        return math.sqrt(variance) * self.n / self.total


def quantile_place(n: int, share: Fraction, quantile_type: str) -> Fraction:
    """Return where a quantile of n sorted values lies, counted from 0.

    Type 7 stands at (n - 1) p, type 6 at (n + 1) p - 1, kept inside; numbers of Hyndman and Fan.

    >>> quantile_place(4, Fraction(1, 4), "7"), quantile_place(4, Fraction(1, 4), "6")
    (Fraction(3, 4), Fraction(1, 4))
    """
    place = {"7": (n - 1) * share, "6": (n + 1) * share - 1}.get(quantile_type)
    if place is None:
        raise unknown_choice("trim.quantile_type", quantile_type)
    return min(max(place, Fraction(0)), Fraction(n - 1))


def places_of(place: Fraction) -> tuple[int, int]:
    """Return the two neighbours of a place between which it is interpolated, or it twice."""
    return math.floor(place), math.ceil(place)


def interpolated(place: Fraction, below: int, above: int) -> Fraction:
    """Return the value at a place, from those of its neighbours."""
    return below + (place - math.floor(place)) * (above - below)


def shares_wanted(policy: YearPolicy) -> tuple[Fraction, ...]:
    """Return the quantiles that the method of trimming asks of a group, lower and upper.

    Raises PolicyError when the lower percentile is above the upper one.
    """
    method = policy["trim.method"]
    if method == "middle_interval":
        return Fraction(1, 4), Fraction(3, 4)
    if method not in ("percentiles", "winsorise"):
        return ()
    lower, upper = policy["trim.lower_percentile"], policy["trim.upper_percentile"]
    if lower > upper:
        raise PolicyError(
            both(
                f"下百分位 {float(lower):g} 大于上百分位 {float(upper):g}",
                f"the lower percentile {float(lower):g} is above the upper one {float(upper):g}",
            ),
            where="trim.lower_percentile",
            remedy=both(
                "更正 trim.lower_percentile 与 trim.upper_percentile",
                "correct trim.lower_percentile and trim.upper_percentile",
            ),
        )
    return lower, upper


@dataclass(frozen=True, slots=True)
class GroupCosts:
    """What trimming knows of a group: its moments and the quantiles of `shares_wanted`."""

    moments: Moments
    quantiles: tuple[Fraction, ...]


Limits = tuple[int, int]
EVERYTHING: Limits = (0, FARTHEST)
MultipleOf = Callable[[int], Fraction]  # mean of a group in fen → K of high-cost cases


def everything(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return limits that no cost is beyond (不裁剪)."""
    return EVERYTHING


def middle_interval(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return Q1 - lower x IQR … Q3 + upper x IQR (中间区段法).

    Source: P11 names the fences; that Zhejiang uses them is not verified.
    """
    first, third = group.quantiles
    spread = third - first
    least = first - policy["trim.lower_factor"] * spread
    most = third + policy["trim.upper_factor"] * spread
    return math.ceil(least), math.floor(most)


def percentiles(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return P(lower) … P(upper) (百分位法)."""
    lower, upper = group.quantiles
    return math.ceil(lower), math.floor(upper)


def winsorise(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return the fen to which costs below P(lower) and above P(upper) are set (缩尾)."""
    lower, upper = group.quantiles
    return round_half_away(lower), round_half_away(upper)


def deviations(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return mean -/+ multiple x standard deviation (标准差法); without one, everything.

    |cost - S/n| <= k s is |n cost - S| <= sqrt(k² s² n²), whose left side is whole.
    """
    m = group.moments
    variance = m.variance(policy["stable.cv_sd"])
    if variance is None:
        return EVERYTHING
    reach = math.isqrt(math.floor(policy["trim.sd_multiple"] ** 2 * variance * m.n**2))
    return -((reach - m.total) // m.n), (m.total + reach) // m.n


def multiples(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return the limits between low-cost and high-cost cases (倍率法), by the untrimmed mean."""
    mean = round_half_away(group.moments.mean)
    low, high = policy["low.multiple"] * mean, multiple_of(mean) * mean
    return (
        math.floor(low) + 1 if policy["low.inclusive"] else math.ceil(low),
        math.ceil(high) - 1 if policy["high.inclusive"] else math.floor(high),
    )


METHODS: Mapping[str, Callable[[GroupCosts, YearPolicy, MultipleOf], Limits]] = {
    "none": everything,
    "middle_interval": middle_interval,
    "percentiles": percentiles,
    "winsorise": winsorise,
    "sd": deviations,
    "multiples": multiples,
}


def limits_of(group: GroupCosts, policy: YearPolicy, multiple_of: MultipleOf) -> Limits:
    """Return the lowest and highest cost that stays as it is, both inclusive, 0 … 2^62."""
    cv_max, deviation = Fraction(policy["stable.cv_max"]), policy["stable.cv_sd"]
    tame = group.moments.n < 2 or group.moments.cv_within(cv_max, deviation)
    if policy.says("trim.when", "cv_above", "always") and tame:
        return EVERYTHING
    method = policy["trim.method"]
    if method not in METHODS:
        raise unknown_choice("trim.method", method)
    low, high = METHODS[method](group, policy, multiple_of)
    if low > high:
        return FARTHEST, FARTHEST  # nothing is left
    return max(0, low), min(max(high, -1), FARTHEST)
