"""Base points (基准点数) of every group, from history or from given means.

Source: S2 二(二)2(2) (all treatment cost of the whole prefecture); formula P1. Every number of the
trimming and of stability is a parameter of the policy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.errors import InputError, both
from drgpay.money import POINT, points_text, round_half_away, yuan_text
from drgpay.points.kernels import COEF_ONE
from drgpay.policy import Bands, YearPolicy

COST_BITS = 44
# what the kernel's 64-bit integers hold: coefficients up to 100, base points up to 4 million
MAX_COEFFICIENT = 100 * COEF_ONE
MAX_BASE_POINTS = 4 * 10**10


@dataclass(frozen=True, slots=True)
class GroupBase:
    """Base points of one DRG and how they came about; costs in fen, points in 1/10,000.

    `n_*` and `cv_*` are of the history before and after trimming; None when means were given.
    """

    drg: str
    mean_fen: int
    base_points: int
    stable: bool
    n_before: int | None = None
    n_after: int | None = None
    cv_before: float | None = None
    cv_after: float | None = None


@dataclass(frozen=True)
class BasePoints:
    """Base points of all groups of a year, and the mean of all DRG cases that they stand on."""

    source: str
    all_mean_fen: int
    groups: Mapping[str, GroupBase]
    history_cases: int = 0
    history_years: tuple[int, ...] = ()


def base_points_of(mean_fen: int, all_mean_fen: int, policy: YearPolicy) -> int:
    """Return group mean / all-DRG mean x scale, rounded to `base_points_dp`, in 1/10,000 point.

    Source: P1; scale, decimals: parameters `point_scale`, `base_points_dp`.
    """
    places: int = policy["base_points_dp"]
    exact: Fraction = Fraction(mean_fen, all_mean_fen) * policy["point_scale"]
    return int(round_half_away(exact * 10**places) * POINT // 10**places)


def given_base_points(
    means: Mapping[str, tuple[int, bool]], all_mean_fen: int, policy: YearPolicy
) -> BasePoints:
    """Return base points of given group means: drg → (mean in fen, stable)."""
    groups = {
        drg: GroupBase(drg, mean, base_points_of(mean, all_mean_fen, policy), stable)
        for drg, (mean, stable) in means.items()
    }
    return BasePoints("given", all_mean_fen, groups)


class HistoryCosts:
    """Costs of past cases by group number, kept as one sorted-to-be integer a case."""

    def __init__(self) -> None:
        self.parts: list[NDArray[np.int64]] = []

    def add(self, group: NDArray[np.int64], cost_fen: NDArray[np.int64]) -> None:
        """Add a part: group number and cost in fen, of cases that count."""
        self.parts.append((group.astype(np.int64) << COST_BITS) | cost_fen)

    @property
    def count(self) -> int:
        """The number of cases."""
        return sum(len(part) for part in self.parts)

    def drop(self, part: int, gone: NDArray[np.bool_]) -> None:
        """Take cases of a part away again."""
        self.parts[part] = self.parts[part][~gone]

    def sorted(self) -> NDArray[np.int64]:
        """Return all cases sorted by group and cost."""
        together = np.concatenate(self.parts) if self.parts else np.zeros(0, dtype=np.int64)
        self.parts = []
        together.sort()
        return together


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum and sum of squares of costs, exact."""

    n: int
    total: int
    squares: int

    @classmethod
    def of(cls, costs: NDArray[np.int64]) -> Moments:
        """Return the moments of sorted costs."""
        if not len(costs):
            return cls(0, 0, 0)
        high, low = costs >> 20, costs & ((1 << 20) - 1)
        top = int(high[-1])
        if top * top * len(costs) < 2**62 and len(costs) < 2**20:
            squares = (int(high @ high) << 40) + (int(high @ low) << 21) + int(low @ low)
        else:
            squares = sum(value * value for value in costs.tolist())
        return cls(len(costs), int(costs.sum()), squares)

    def cv_within(self, limit: Fraction, deviation: str) -> bool:
        """Whether the coefficient of variation is at most `limit`, exactly.

        One case has no sample deviation: then it is not.
        """
        spread = self.n * self.squares - self.total**2
        p, q = limit.numerator, limit.denominator
        if deviation == "sample":
            return self.n > 1 and q * q * self.n * spread <= p * p * self.total**2 * (self.n - 1)
        return self.n > 0 and q * q * spread <= p * p * self.total**2

    def cv(self, deviation: str) -> float | None:
        """Return the coefficient of variation for showing; None when there is none."""
        divisor = self.n - 1 if deviation == "sample" else self.n
        if divisor <= 0 or not self.total:
            return None
        variance = Fraction(self.n * self.squares - self.total**2, self.n * divisor)
        return math.sqrt(variance) * self.n / self.total


def quartiles_x4(costs: NDArray[np.int64], quantile_type: str) -> tuple[int, int]:
    """Return four times the first and third quartile of sorted costs, exact.

    Type 7 interpolates at (n - 1) p from the first value, type 6 at (n + 1) p, kept inside.
    """
    n = len(costs)
    result = []
    for quarter in (1, 3):
        place = quarter * (n - 1) if quantile_type == "7" else quarter * (n + 1) - 4
        place = min(max(place, 0), 4 * (n - 1))
        j, r = divmod(place, 4)
        upper = int(costs[min(j + 1, n - 1)])
        result.append(int(costs[j]) * (4 - r) + upper * r)
    return result[0], result[1]


def middle_interval(
    costs: NDArray[np.int64], lower: Fraction, upper: Fraction, quantile_type: str
) -> NDArray[np.int64]:
    """Return the sorted costs inside Q1 - lower x IQR … Q3 + upper x IQR (中间区段法).

    Source: P11 names the fences; that Zhejiang uses them is not verified.
    """
    q1, q3 = quartiles_x4(costs, quantile_type)
    # kept inside 64 bits; what lies beyond the smallest and the largest cost cuts nothing off
    least = max(math.ceil((q1 - lower * (q3 - q1)) / 4), int(costs[0]))
    most = min(math.floor((q3 + upper * (q3 - q1)) / 4), int(costs[-1]))
    first = int(np.searchsorted(costs, least, side="left"))
    last = int(np.searchsorted(costs, most, side="right"))
    return costs[first:last]


def history_base_points(
    history: HistoryCosts, drgs: Sequence[str], policy: YearPolicy, years: tuple[int, ...]
) -> BasePoints:
    """Return base points from past costs; `drgs` names the group numbers of the history.

    Raises InputError when there is no past case to stand on.
    """
    cases = history.sorted()
    if not len(cases):
        raise InputError(
            both(
                "历史数据中没有已入组且有费用的病例",
                "the history holds no grouped case with a cost",
            ),
            remedy=both(
                "在 history/ 中放入历史病例，或改用 base_points.csv 并写 all_drg_mean_yuan",
                "give past cases in history/, or base_points.csv with all_drg_mean_yuan",
            ),
        )
    mask = (1 << COST_BITS) - 1
    bounds = np.searchsorted(cases, np.arange(len(drgs) + 1, dtype=np.int64) << COST_BITS)
    deviation, limit = policy["stable.cv_sd"], Fraction(policy["stable.cv_max"])
    kept: dict[str, tuple[Moments, Moments]] = {}
    for number, drg in enumerate(drgs):
        costs = cases[bounds[number] : bounds[number + 1]] & mask
        if not len(costs):
            continue
        before = after = Moments.of(costs)
        wide = before.n > 1 and not before.cv_within(limit, deviation)
        if policy["trim.method"] == "middle_interval" and (wide or policy["trim.when"] == "always"):
            after = Moments.of(
                middle_interval(
                    costs,
                    policy["trim.lower_factor"],
                    policy["trim.upper_factor"],
                    policy["trim.quantile_type"],
                )
            )
        kept[drg] = (before, after)
    total = sum(after.total for _, after in kept.values())
    number_kept = sum(after.n for _, after in kept.values())
    if not total:
        raise InputError(
            both("裁剪后没有剩下历史病例", "trimming left no past case"),
            remedy=both("核对 trim（裁剪）各参数", "check the trim parameters"),
        )
    all_mean = round_half_away(Fraction(total, number_kept))
    least = policy["stable.min_cases"]
    groups = {}
    for drg, (before, after) in kept.items():
        if not after.n:
            continue  # trimmed away entirely: as a group without history
        mean = round_half_away(Fraction(after.total, after.n))
        enough = after.n >= least if policy["stable.inclusive"] else after.n > least
        groups[drg] = GroupBase(
            drg,
            mean,
            base_points_of(mean, all_mean, policy),
            enough and mean > 0 and after.cv_within(limit, deviation),
            before.n,
            after.n,
            before.cv(deviation),
            after.cv(deviation),
        )
    return BasePoints("history", all_mean, groups, len(cases), years)


@dataclass(frozen=True, slots=True)
class GroupTables:
    """Base points as the kernel's arrays; index is the number of the DRG in `drgs`."""

    mean: NDArray[np.int64]
    base: NDArray[np.int64]
    stable: NDArray[np.bool_]
    high_multiple: NDArray[np.int64]
    flat: NDArray[np.bool_]


def multiple_of(base_points: int, bands: Bands) -> Fraction:
    """Return K of the first band whose limit the base points do not exceed.

    >>> from fractions import Fraction as F
    >>> bands = ((F(100), F(3)), (F(300), F(2)), (None, F(3, 2)))
    >>> [str(multiple_of(p, bands)) for p in (1000000, 1000001, 3000000, 3000001)]
    ['3', '2', '2', '3/2']
    """
    for limit, multiple in bands:
        if limit is None or Fraction(base_points, POINT) <= limit:
            return multiple
    raise ValueError("no open band")


def ten_thousandths(value: Fraction, what: str) -> int:
    """Return a decimal as an integer of 1/10,000; raises InputError when it has more decimals."""
    scaled = value * 10_000
    if scaled.denominator != 1:
        raise InputError(
            both(f"{what} {value} 超过四位小数", f"{what} {value} has more than four decimals"),
            remedy=both("改为最多四位小数", "round it"),
        )
    return int(scaled)


def group_tables(
    base: BasePoints, drgs: Sequence[str], policy: YearPolicy, step: int
) -> GroupTables:
    """Return base points by number of DRG; groups without base points are unstable.

    Raises InputError for a mean so large that points would overflow.
    """
    count = len(drgs)
    mean, points = np.zeros(count, np.int64), np.zeros(count, np.int64)
    stable, multiple = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    flat = np.zeros(count, np.bool_)
    primary = set(policy["primary_groups"])
    for i, drg in enumerate(drgs):
        flat[i] = drg in primary
        group = base.groups.get(drg)
        if group is None:
            continue
        k = ten_thousandths(multiple_of(group.base_points, policy["high.bands"]), "K")
        widest = max(COEF_ONE * step, MAX_COEFFICIENT, k)
        if group.mean_fen * widest >= 2**62 or group.base_points > MAX_BASE_POINTS:
            raise InputError(
                both(
                    f"病组 {drg} 的次均费用 {yuan_text(group.mean_fen)} 元或基准点数 "
                    f"{points_text(group.base_points)} 过大，无法计算",
                    f"the mean of {drg}, {yuan_text(group.mean_fen)} yuan, or its base points, "
                    f"{points_text(group.base_points)}, are too large to compute with",
                ),
                remedy=both(
                    "核对病组次均费用、全部病例次均费用和 point_scale（点数基数）",
                    "check the group's mean cost, the all-DRG mean and point_scale",
                ),
            )
        mean[i], points[i], multiple[i] = group.mean_fen, group.base_points, k
        stable[i] = group.stable and group.mean_fen > 0
    return GroupTables(mean, points, stable, multiple, flat)
