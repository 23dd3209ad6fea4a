"""Base points (基准点数) of every group, from history or from given means.

Source: S2 二(二)2(2) (all treatment cost of the whole prefecture); formula P1. Every number of the
trimming and of stability is a parameter of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.errors import InputError, PolicyError, both, in_language
from drgpay.ground.money import POINT, decimal_text, points_text, round_half_away, yuan_text
from drgpay.points.kernels import COEF_ONE
from drgpay.points.trimming import (
    GroupCosts,
    Moments,
    interpolated,
    limits_of,
    places_of,
    quantile_place,
    shares_wanted,
)
from drgpay.policy import YearPolicy
from drgpay.policy.year import says

if TYPE_CHECKING:
    from drgpay.points.history import History, KeptYear, Limits

# what the kernel's 64-bit integers hold: coefficients up to 100, base points up to 4 million
MAX_COEFFICIENT = 100 * COEF_ONE
MAX_BASE_POINTS = 4 * 10**10
HALF = Fraction(1, 2)
GIVEN, FROM_HISTORY, BORROWED, BY_WEIGHT = "given", "history", "borrowed", "weights"
# the parameters that base points hang on
MATTERS = """
    point_scale base_points_dp history_years history.weighting history.year_weights stable.min_cases
    stable.inclusive stable.cv_max stable.cv_sd small_groups trim.method trim.when trim.lower_factor
    trim.upper_factor trim.lower_percentile trim.upper_percentile trim.sd_multiple
    trim.quantile_type
""".split()
MATTERS_FOR_MULTIPLES = """
    high.bands high.bands_unit high.bands_inclusive high.inclusive low.multiple low.inclusive
""".split()


@dataclass(frozen=True, slots=True)
class GroupBase:
    """Base points of one DRG and how they came about; costs in fen, points in 1/10,000.

    `n_*`, `cv_*`, `mean_before_fen` and `median_*` are of its own history before and after
    trimming, None when means were given; `trimmed` cases were dropped or clipped. `origin`:
    given, weights, history or borrowed (of its ADRG); `review`: its cases need special review (特病单议).
    `weight`: the published one (权重), of which `mean_fen` is the mean rounded to the fen.
    """

    drg: str
    mean_fen: int
    base_points: int
    stable: bool
    n_before: int | None = None
    n_after: int | None = None
    cv_before: float | None = None
    cv_after: float | None = None
    mean_before_fen: int | None = None
    median_before_fen: Fraction | None = None
    median_after_fen: Fraction | None = None
    trimmed: int | None = None
    origin: str = GIVEN
    review: bool = False
    weight: Fraction | None = None


@dataclass(frozen=True)
class BasePoints:
    """Base points of all groups of a year, and the mean of all DRG cases that they stand on.

    `history_years` are those asked for, `years_found` those of which the history has a case that
    counts. `limits`: what trimming left of the history, for whoever counts the same cases again.
    """

    source: str
    all_mean_fen: int
    groups: Mapping[str, GroupBase]
    history_cases: int = 0
    history_years: tuple[int, ...] = ()
    years_found: tuple[int, ...] = ()
    limits: Limits | None = field(default=None, repr=False, compare=False)

    def exact_mean(self, group: GroupBase) -> Fraction:
        """Return the mean of a group in fen; of a published weight mean x weight, not rounded."""
        if group.weight is None:
            return Fraction(group.mean_fen)
        return group.weight * self.all_mean_fen


def base_points_of(mean_fen: int, all_mean_fen: int, policy: YearPolicy) -> int:
    """Return group mean / all-DRG mean x scale, rounded to `base_points_dp`, in 1/10,000 point.

    Source: P1; scale, decimals: parameters `point_scale`, `base_points_dp`.
    """
    places: int = policy["base_points_dp"]
    exact: Fraction = Fraction(mean_fen, all_mean_fen) * policy["point_scale"]
    return int(round_half_away(exact * 10**places) * POINT // 10**places)


def check_zero_points(
    base: BasePoints, rates: Iterable[tuple[str, int]], policy: YearPolicy
) -> tuple[str, ...]:
    """Return groups and bed-day classes whose base points rounding took to 0; fail by policy.

    `rates`: class and rate in fen a day of bed-days. Their cases would be paid nothing by points
    (`zero_base_points`). Raises PolicyError that names them.
    """
    zero = [g.drg for g in base.groups.values() if g.mean_fen > 0 and not g.base_points]
    if policy.says("bed_day.payment", "points", "money"):
        zero += [
            name
            for name, fen in rates
            if fen > 0 and not base_points_of(fen, base.all_mean_fen, policy)
        ]
    found = tuple(dict.fromkeys(zero))
    if found and policy.says("zero_base_points", "refuse", "settle"):
        scale, places = policy["point_scale"], policy["base_points_dp"]
        shown = "、".join(found[:10])
        raise PolicyError(
            both(
                f"{len(found)} 个病组或床日类别的基准点数取整后为 0，其病例得不到点数："
                f"{shown}{'等' if len(found) > 10 else ''}（point_scale {scale}，base_points_dp {places}）",
                f"base points of {len(found)} groups or bed-day classes are 0 after rounding, their "
                f"cases would have no points: {', '.join(found[:10])}"
                f"{' …' if len(found) > 10 else ''} (point_scale {scale}, base_points_dp {places})",
            ),
            where="base_points_dp",
            remedy=both(
                "增加 base_points_dp 的小数位或用更大的 point_scale；确要照算，将 zero_base_points 设为 settle",
                "give more decimals in base_points_dp or a larger point_scale; to settle all the same, "
                "set zero_base_points to settle",
            ),
        )
    return found


def given_base_points(
    means: Mapping[str, tuple[int, bool]], all_mean_fen: int, policy: YearPolicy
) -> BasePoints:
    """Return base points of given group means: drg → (mean in fen, stable)."""
    groups = {
        drg: GroupBase(drg, mean, base_points_of(mean, all_mean_fen, policy), stable)
        for drg, (mean, stable) in means.items()
    }
    return BasePoints("given", all_mean_fen, groups)


def weighted_base_points(
    weights: Mapping[str, tuple[Fraction, bool]], mean_fen: int, policy: YearPolicy, where: str
) -> BasePoints:
    """Return base points of published weights (权重): drg → (weight, stable); weight x scale, exact.

    `mean_fen` is what a weight of 1 stands for: the city's mean cost, or its rate (费率). The mean
    of a group, mean x weight, is not rounded where costs are compared with it; `GroupBase.mean_fen`
    shows it to the fen. Source: P5 (payment standard = weight x rate), a region's own table.

    Raises InputError for weights whose points would have more than four decimals.
    """
    scale = Fraction(policy["point_scale"])
    exact = {drg: weight * scale * POINT for drg, (weight, _) in weights.items()}
    faults = [
        both(
            f"病组（drg）“{drg}”：权重 {decimal_text(weights[drg][0], 6)} × {policy['point_scale']}"
            " 的点数超过四位小数",
            f"drg {drg!r}: weight {decimal_text(weights[drg][0], 6)} x {policy['point_scale']} "
            "has more than four decimals of a point",
        )
        for drg, points in exact.items()
        if points.denominator != 1
    ]
    if faults:
        raise InputError(
            both("权重乘点数基数不是四位小数的点数", "weights that are no points of four decimals"),
            where=where,
            faults=faults,
            remedy=both(
                "把权重写到公布的小数位，或改 point_scale（点数基数）",
                "write the weights as published, or change point_scale",
            ),
        )
    groups = {
        drg: GroupBase(
            drg,
            round_half_away(weight * mean_fen),
            int(exact[drg]),
            stable,
            origin=BY_WEIGHT,
            weight=weight,
        )
        for drg, (weight, stable) in weights.items()
    }
    return BasePoints(BY_WEIGHT, mean_fen, groups)


def history_base_points(
    history: History,
    drgs: Sequence[str],
    adrg_of: Mapping[str, str],
    policy: YearPolicy,
    years: tuple[int, ...],
) -> BasePoints:
    """Return base points from past costs (docs/base-points.md).

    `drgs` names the group numbers of the history, `adrg_of` the ADRG of each DRG; `years` are the
    history's, rising. The history keeps the result for other policies that do not differ in it.

    Raises InputError when there is no past case to stand on, PolicyError for percentiles or
    weights of years that cannot be used.
    """
    multiples = policy.says(
        "trim.method", "multiples", "middle_interval", "none", "winsorise", "sd", "percentiles"
    )
    matters = MATTERS + (MATTERS_FOR_MULTIPLES if multiples else [])
    key = ("base", tuple(drgs), years, *(policy[name] for name in matters))
    if key not in history.cache:
        history.cache[key] = _history_base_points(history, drgs, adrg_of, policy, years)
    found: BasePoints = history.cache[key]
    return found


def _history_base_points(
    history: History,
    drgs: Sequence[str],
    adrg_of: Mapping[str, str],
    policy: YearPolicy,
    years: tuple[int, ...],
) -> BasePoints:
    weights, before = _weights(policy, years), history.moments()
    if not before:
        raise InputError(
            both(
                "历史数据中没有已入组且有费用的病例",
                "the history holds no grouped case with a cost",
            ),
            remedy=both(
                "在 history/ 中放入历史病例，或改用 base_points.csv 或 weights.csv 并写 all_drg_mean_yuan",
                "give past cases in history/, or base_points.csv or weights.csv with all_drg_mean_yuan",
            ),
        )
    limits, medians = _limits(history, policy)
    cells: dict[int, list[KeptYear]] = {}
    for cell in history.kept(limits):
        cells.setdefault(cell.group, []).append(cell)
    kept = {g: _together(own) for g, own in cells.items()}
    if not any(moments.total for moments in kept.values()):
        raise InputError(
            both("裁剪后没有剩下历史病例", "trimming left no past case"),
            remedy=both("核对 trim（裁剪）各参数", "check the trim parameters"),
        )
    every = [cell for own in cells.values() for cell in own]
    all_mean = _mean(every, weights, both("全部病例", "all cases"))
    medians_after = _medians_after(history, limits, cells, kept)
    families: dict[str, list[KeptYear]] = {}
    for cell in every:
        families.setdefault(adrg_of.get(drgs[cell.group], ""), []).append(cell)

    deviation = policy["stable.cv_sd"]
    borrows = policy.says("small_groups", "borrow_adrg", "unstable", "review")
    reviews = policy.says("small_groups", "review", "unstable", "borrow_adrg")
    groups = {}
    for g, drg in enumerate(drgs):
        if g not in before:
            continue
        after = kept[g]
        few = not _enough(after.n, policy)
        family = families.get(adrg_of.get(drg, ""), []) if adrg_of.get(drg) else []
        lent = few and borrows and _together(family).n > 0
        if not after.n and not lent:
            continue  # trimmed away entirely: as a group without history
        source = family if lent else cells[g]
        own_mean = _mean(cells[g], weights, drg) if after.n else 0  # refused even if not used
        mean = _mean(family, weights, drg) if lent else own_mean
        groups[drg] = GroupBase(
            drg,
            mean,
            base_points_of(mean, all_mean, policy),
            mean > 0 and _is_stable(_together(source), policy),
            before[g].n,
            after.n,
            before[g].cv(deviation),
            after.cv(deviation),
            round_half_away(before[g].mean),
            medians[g],
            medians_after.get(g),
            sum(cell.below + cell.above for cell in cells[g]),
            BORROWED if lent else FROM_HISTORY,
            few and reviews,
        )
    found = tuple(sorted({cell.year for cell in every}))
    return BasePoints(FROM_HISTORY, all_mean, groups, history.used, years, found, limits)


def _weights(policy: YearPolicy, years: tuple[int, ...]) -> Mapping[int, Fraction] | None:
    """Return the weight of each past year; None when all years count together."""
    if policy.says("history.weighting", "pooled", "yearly_means"):
        return None
    given: tuple[Fraction, ...] = policy["history.year_weights"]
    if len(given) < len(years):
        raise PolicyError(
            both(
                f"历史数据有 {len(years)} 年，权重只有 {len(given)} 个",
                f"the history has {len(years)} years, there are {len(given)} weights",
            ),
            where="history.year_weights",
            remedy=both(
                "为每一历史年度写一个权重，由近及远", "give a weight a year, the latest first"
            ),
        )
    return dict(zip(reversed(years), given, strict=False))


def _mean(cells: Iterable[KeptYear], weights: Mapping[int, Fraction] | None, what: str) -> int:
    """Return the mean of what is left in fen: pooled, or of the years' means by weight.

    A year that is not one of the history's counts as the latest.
    """
    if weights is None:
        return round_half_away(_together(cells).mean)
    latest = max(weights)
    by_year: dict[int, Moments] = {}
    for cell in cells:
        year = cell.year if cell.year in weights else latest
        by_year[year] = by_year.get(year, Moments()) + cell.kept
    used = {year: moments for year, moments in by_year.items() if moments.n}
    divisor = sum(weights[year] for year in used)
    if not divisor:
        raise PolicyError(
            both(
                f"{in_language(what, 'zh')}有病例的各年权重都是0",
                f"{what}: every year with cases has the weight 0",
            ),
            where="history.year_weights",
            remedy=both("给这些年度大于0的权重", "give these years a weight above 0"),
        )
    exact = sum((weights[year] * moments.mean for year, moments in used.items()), Fraction(0))
    return round_half_away(exact / divisor)


def _together(cells: Iterable[KeptYear]) -> Moments:
    return sum((cell.kept for cell in cells), Moments())


def _enough(n: int, policy: YearPolicy) -> bool:
    least: int = policy["stable.min_cases"]
    return n >= least if policy["stable.inclusive"] else n > least


def _is_stable(moments: Moments, policy: YearPolicy) -> bool:
    """Whether a group is stable (稳定病组): enough cases and a CV within the limit."""
    limit, deviation = Fraction(policy["stable.cv_max"]), policy["stable.cv_sd"]
    return _enough(moments.n, policy) and moments.cv_within(limit, deviation)


def _limits(history: History, policy: YearPolicy) -> tuple[Limits, dict[int, Fraction]]:
    """Return the limits of trimming by group, and each group's median before it."""
    from drgpay.points.history import Limits

    before, kind = history.moments(), policy["trim.quantile_type"]
    shares = (*shares_wanted(policy), HALF)
    places = {
        g: [quantile_place(moments.n, share, kind) for share in shares]
        for g, moments in before.items()
    }
    values = _values_at(history, places)
    everything = sum(before.values(), Moments())
    all_mean = round_half_away(everything.mean)

    def high_multiple(mean: int) -> Fraction:
        return multiple_of(base_points_of(mean, all_mean, policy), policy)

    own = [
        limits_of(GroupCosts(moments, values[g][:-1]), policy, high_multiple)
        for g, moments in before.items()
    ]
    limits = Limits(
        np.array(list(before), dtype=np.int32),
        np.array([low for low, _ in own], dtype=np.int64),
        np.array([high for _, high in own], dtype=np.int64),
        policy.says(
            "trim.method", "winsorise", "middle_interval", "none", "sd", "percentiles", "multiples"
        ),
    )
    return limits, {g: values[g][-1] for g in before}


def _values_at(
    history: History,
    places: Mapping[int, Sequence[Fraction]],
    clipped: Callable[[int, int], int] = lambda group, cost: cost,
) -> dict[int, tuple[Fraction, ...]]:
    """Return each group's costs at places among its sorted ones, interpolated."""
    costs = history.costs_at(
        (g, near) for g, own in places.items() for place in own for near in places_of(place)
    )
    return {
        g: tuple(
            interpolated(place, *(clipped(g, costs[g, near]) for near in places_of(place)))
            for place in own
        )
        for g, own in places.items()
    }


def _medians_after(
    history: History,
    limits: Limits,
    cells: Mapping[int, Sequence[KeptYear]],
    kept: Mapping[int, Moments],
) -> dict[int, Fraction]:
    """Return the median of what is left of each group of which something is."""
    places = {}
    for g, own in cells.items():
        if kept[g].n:
            first = 0 if limits.clip else sum(cell.below for cell in own)
            places[g] = [first + quantile_place(kept[g].n, HALF, "7")]
    row = {g: i for i, g in enumerate(limits.groups.tolist())}

    def clipped(g: int, cost: int) -> int:
        return min(max(cost, int(limits.lower[row[g]])), int(limits.upper[row[g]]))

    # costs that stand between the limits are not changed by clipping
    return {g: value for g, (value,) in _values_at(history, places, clipped).items()}


@dataclass(frozen=True, slots=True)
class GroupTables:
    """Base points as the kernel's arrays; index is the number of the DRG in `drgs`."""

    mean: NDArray[np.int64]  # whole fen of `exact`
    exact: tuple[Fraction, ...]
    base: NDArray[np.int64]
    stable: NDArray[np.bool_]
    high_multiple: NDArray[np.int64]
    high_fen: NDArray[np.int64]  # whole fen of K x mean
    by_weight: bool  # base points are weight x scale, means mean x weight
    review: NDArray[np.bool_]  # too few past cases, and the policy has such cases reviewed


def multiple_of(base_points: int, policy: Mapping[str, Any] | YearPolicy) -> Fraction:
    """Return K of the first band of `high.bands` that the base points, or the weight, belong to.

    A limit belongs to its own band, or with `high.bands_inclusive` off to the next one; the weight
    is base points / `point_scale`.

    >>> from fractions import Fraction as F
    >>> bands = ((F(100), F(3)), (F(300), F(2)), (None, F(3, 2)))
    >>> p = {"high.bands": bands, "high.bands_unit": "points", "high.bands_inclusive": True}
    >>> [str(multiple_of(x, p)) for x in (1000000, 1000001, 3000000, 3000001)]
    ['3', '2', '2', '3/2']
    >>> str(multiple_of(1000000, {**p, "high.bands_inclusive": False}))
    '2'
    """
    own = Fraction(base_points, POINT)
    if says(policy, "high.bands_unit", "weight", "points"):
        own /= policy["point_scale"]
    for limit, multiple in policy["high.bands"]:
        if limit is None or own < limit or (policy["high.bands_inclusive"] and own == limit):
            return Fraction(multiple)
    raise ValueError("no open band")


def multiples_of(base_points: NDArray[np.float64], policy: YearPolicy) -> NDArray[np.float64]:
    """Return K of each of many base points, as statistics take it."""
    steps, where = np.unique(np.rint(base_points * POINT).astype(np.int64), return_inverse=True)
    return np.array([float(multiple_of(p, policy)) for p in steps.tolist()], np.float64)[where]


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

    Coefficients, 1 of primary groups among them, are those of `points.coefficients`.

    Raises InputError for a mean so large that points would overflow.
    """
    count = len(drgs)
    mean, points = np.zeros(count, np.int64), np.zeros(count, np.int64)
    stable, multiple = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    exact, high_fen = [Fraction(0)] * count, np.zeros(count, np.int64)
    # a group without past cases has too few of them
    none_is_enough = policy["stable.inclusive"] and policy["stable.min_cases"] == 0
    small = policy.says("small_groups", "review", "unstable", "borrow_adrg") and not none_is_enough
    review = np.full(count, small and base.source == FROM_HISTORY)
    for i, drg in enumerate(drgs):
        group = base.groups.get(drg)
        if group is None:
            continue
        review[i] = group.review
        k = ten_thousandths(multiple_of(group.base_points, policy), "K")
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
        exact[i] = base.exact_mean(group)
        mean[i], points[i], multiple[i] = int(exact[i]), group.base_points, k
        high_fen[i] = int(exact[i] * k / 10_000)
        stable[i] = group.stable and exact[i] > 0
    by_weight = base.source == BY_WEIGHT
    return GroupTables(mean, tuple(exact), points, stable, multiple, high_fen, by_weight, review)
