"""Base points from past cases (docs/rules.md, rules 4 and 5).

Costs are integer fen, points exact fractions; squares stand where a comparison needs no root.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from reference.model.exact import round_fen, round_half_away
from reference.model.grouping import Grouping
from reference.model.policy import BandList, says
from reference.model.region import Case, GivenMean
from reference.model.stay import Parameters, is_bed_day, is_long_stay, year_of


@dataclass(frozen=True)
class Base:
    """A DRG's mean and base points (基准点数). The counts and variations are of its own history.

    `cv_squared_*` is the exact square of the coefficient of variation; `origin` is history, given
    or borrowed (from the ADRG).
    """

    drg: str
    group_mean_fen: int
    base_points: Fraction
    stable: bool
    n_before: int | None = None
    n_after: int | None = None
    cv_squared_before: Fraction | None = None
    cv_squared_after: Fraction | None = None
    mean_before_fen: int | None = None
    median_before_fen: Fraction | None = None
    median_after_fen: Fraction | None = None
    trimmed: int | None = None  # cases dropped or clipped
    origin: str = "given"
    weight: Fraction | None = None  # the published one; the mean above is then shown to the fen


@dataclass(frozen=True)
class Past:
    """A past case that counts, with the cost that counts (clipped, when winsorised)."""

    case: Case
    grouping: Grouping
    year: int
    cost_fen: int


@dataclass(frozen=True)
class History:
    """What the past years say: rule 4."""

    all_mean_fen: int
    bases: Mapping[str, Base]
    kept: Mapping[str, Sequence[Past]]  # by DRG, after trimming


# --- statistics, exact


def cv_squared(costs: Sequence[int], sd: str) -> Fraction | None:
    """The squared coefficient of variation, exact: no root is taken, so CV <= limit is certain.

    None when there is none: no case, or one case with the sample deviation (n - 1).
    """
    n, total = len(costs), sum(costs)
    if sd not in ("sample", "population"):
        raise ValueError(f"no deviation by stable.cv_sd = {sd!r}")
    divisor = n - 1 if sd == "sample" else n
    if divisor < 1:
        return None
    # n x (sum of squared deviations) = n x (sum of squares) - total^2; the mean is total / n
    return Fraction((n * sum(cost * cost for cost in costs) - total * total) * n, divisor) / (
        total * total
    )


def quantile(ordered: Sequence[int], share: Fraction, kind: int) -> Fraction:
    """A quantile of ordered costs, type 7 or 6, exact.

    Type 7 stands at (n - 1) q + 1, type 6 at (n + 1) q, counted from 1 and kept inside 1 to n;
    between two costs it is interpolated.
    """
    n = len(ordered)
    place = {7: (n - 1) * share + 1, 6: (n + 1) * share}[kind]
    place = min(max(place, Fraction(1)), Fraction(n))
    below = int(place)
    if below == n:
        return Fraction(ordered[-1])
    return ordered[below - 1] + (place - below) * (ordered[below] - ordered[below - 1])


def median(costs: Sequence[int]) -> Fraction | None:
    return quantile(sorted(costs), Fraction(1, 2), 7) if costs else None


def high_multiple(points: Fraction, p: Parameters) -> Fraction | None:
    """K: the multiple of the first band that the base points, or the weight, belong to."""
    bands: BandList = p["high.bands"] or ()
    own = points / p["point_scale"] if says(p, "high.bands_unit", "weight", "points") else points
    for limit, multiple in bands:
        if limit is None or own < limit or (own == limit and p["high.bands_inclusive"]):
            return multiple
    return None


# --- rule 4: trimming


def percentiles(costs: Sequence[int], p: Parameters) -> tuple[Fraction, Fraction]:
    ordered, kind = sorted(costs), int(p["trim.quantile_type"])
    lower = quantile(ordered, p["trim.lower_percentile"], kind)
    return lower, quantile(ordered, p["trim.upper_percentile"], kind)


def trimmed(
    costs: Sequence[int], p: Parameters, all_untrimmed_mean_fen: int = 0
) -> list[int | None]:
    """The cost of each case that counts after trimming, None for a case that is dropped."""
    method = p["trim.method"]
    if method == "winsorise":
        lower, upper = (round_fen(limit) for limit in percentiles(costs, p))
        return [min(max(cost, lower), upper) for cost in costs]
    keeps = {
        "none": _all,
        "middle_interval": _middle_interval,
        "percentiles": _percentiles,
        "sd": _deviations,
    }
    if method == "multiples":
        kept = _multiples(costs, p, all_untrimmed_mean_fen)
    elif method in keeps:
        kept = keeps[method](costs, p)
    else:
        raise ValueError(f"no way to trim by trim.method = {method!r}")
    return [cost if keep else None for cost, keep in zip(costs, kept, strict=True)]


def _all(costs: Sequence[int], p: Parameters) -> list[bool]:
    return [True for _ in costs]


def _middle_interval(costs: Sequence[int], p: Parameters) -> list[bool]:
    """Middle interval (中间区段法): Q1 - lower x IQR <= cost <= Q3 + upper x IQR is kept."""
    ordered, kind = sorted(costs), int(p["trim.quantile_type"])
    first, third = quantile(ordered, Fraction(1, 4), kind), quantile(ordered, Fraction(3, 4), kind)
    lowest = first - p["trim.lower_factor"] * (third - first)
    highest = third + p["trim.upper_factor"] * (third - first)
    return [lowest <= cost <= highest for cost in costs]


def _percentiles(costs: Sequence[int], p: Parameters) -> list[bool]:
    lower, upper = percentiles(costs, p)
    return [lower <= cost <= upper for cost in costs]


def _deviations(costs: Sequence[int], p: Parameters) -> list[bool]:
    """Mean +- a multiple of the standard deviation; without a deviation all are kept."""
    variation = cv_squared(costs, p["stable.cv_sd"])
    if variation is None:
        return _all(costs, p)
    mean = Fraction(sum(costs), len(costs))
    widest = p["trim.sd_multiple"] ** 2 * variation * mean**2
    return [(cost - mean) ** 2 <= widest for cost in costs]


def _multiples(costs: Sequence[int], p: Parameters, all_mean_fen: int) -> list[bool]:
    """What would be neither low nor high, by the group's untrimmed mean."""
    mean = round_fen(Fraction(sum(costs), len(costs)))
    lower = None if p["low.multiple"] is None else p["low.multiple"] * mean
    multiple = high_multiple(base_points(mean, all_mean_fen, p), p)
    upper = None if multiple is None else multiple * mean

    def kept(cost: int) -> bool:
        low = lower is not None and (cost < lower or (cost == lower and p["low.inclusive"]))
        high = upper is not None and (cost > upper or (cost == upper and p["high.inclusive"]))
        return not low and not high

    return [kept(cost) for cost in costs]


# --- rule 4: means and stability


def mean_of(cases: Sequence[Past], year: int, p: Parameters) -> int:
    """The mean cost of kept cases in fen, pooled or of the weighted means of the years."""
    if says(p, "history.weighting", "pooled", "yearly_means"):
        return round_fen(Fraction(sum(past.cost_fen for past in cases), len(cases)))
    costs_of: dict[int, list[int]] = {}
    for past in cases:
        costs_of.setdefault(past.year, []).append(past.cost_fen)
    weights = {own: p["history.year_weights"][year - 1 - own] for own in costs_of}
    if sum(weights.values()) == 0:
        raise ValueError("history.year_weights: a group has cases only in years of weight 0")
    weighted = sum(weights[own] * Fraction(sum(c), len(c)) for own, c in costs_of.items())
    return round_fen(weighted / sum(weights.values()))


def enough_cases(n: int, p: Parameters) -> bool:
    limit: int = p["stable.min_cases"]
    return n >= limit if p["stable.inclusive"] else n > limit


def is_stable(costs: Sequence[int], p: Parameters) -> bool:
    """Stable (稳定病组): enough cases, and a CV not above the limit."""
    variation = cv_squared(costs, p["stable.cv_sd"])
    calm = variation is not None and variation <= p["stable.cv_max"] ** 2
    return enough_cases(len(costs), p) and calm


def counted(history: Iterable[tuple[Case, Grouping]], year: int, p: Parameters) -> list[Past]:
    """The past cases that count: of the right years, grouped, neither bed-day nor long, not free."""
    return [
        Past(case, grouping, year_of(case, p), case.total_cost_fen)
        for case, grouping in history
        if year - p["history_years"] <= year_of(case, p) < year
        and grouping.status == "grouped"
        and not is_bed_day(case, p)
        and not is_long_stay(case, p)
        and case.total_cost_fen > 0
    ]


def keep(before: Mapping[str, Sequence[Past]], p: Parameters) -> dict[str, list[Past]]:
    """The cases of each group that trimming leaves."""
    costs = [past.cost_fen for cases in before.values() for past in cases]
    all_mean_fen = round_fen(Fraction(sum(costs), len(costs)))
    kept = {}
    for drg, cases in before.items():
        own = [past.cost_fen for past in cases]
        variation = cv_squared(own, p["stable.cv_sd"])
        wild = variation is not None and variation > p["stable.cv_max"] ** 2
        counts: Sequence[int | None] = own
        if says(p, "trim.when", "always", "cv_above") or wild:
            counts = trimmed(own, p, all_mean_fen)
        kept[drg] = [
            replace(past, cost_fen=cost)
            for past, cost in zip(cases, counts, strict=True)
            if cost is not None
        ]
    return kept


def read_history(history: Iterable[tuple[Case, Grouping]], year: int, p: Parameters) -> History:
    """Rules 4 and 5: the all-DRG mean, every DRG that the past years know, its kept cases."""
    check_history_rules(p)
    before: dict[str, list[Past]] = {}
    for past in counted(history, year, p):
        before.setdefault(past.grouping.drg, []).append(past)
    if not before:
        raise ValueError(f"no past case counts for {year}: there is no all-DRG mean")
    kept = keep(before, p)
    all_kept = [past for cases in kept.values() for past in cases]
    if not all_kept:
        raise ValueError(f"no past case counts for {year}: there is no all-DRG mean")
    all_mean_fen = mean_of(all_kept, year, p)
    bases = {}
    for drg, cases in sorted(kept.items()):
        mean_fen = mean_of(cases, year, p) if cases else None
        stable = is_stable([past.cost_fen for past in cases], p)
        origin = "history"
        if says(p, "small_groups", "borrow_adrg", "unstable", "review") and not enough_cases(
            len(cases), p
        ):
            adrg = before[drg][0].grouping.adrg
            lent = [past for past in all_kept if past.grouping.adrg == adrg]
            if lent:
                origin, mean_fen = "borrowed", mean_of(lent, year, p)
                stable = is_stable([past.cost_fen for past in lent], p)
        if mean_fen is None:
            continue  # trimmed away entirely: as a DRG without history
        costs_before = [past.cost_fen for past in before[drg]]
        costs_after = [past.cost_fen for past in cases]
        changed = sum(
            past.cost_fen != past.case.total_cost_fen for past in cases
        )  # clipped by winsorising
        bases[drg] = Base(
            drg=drg,
            group_mean_fen=mean_fen,
            base_points=base_points(mean_fen, all_mean_fen, p),
            stable=stable,
            n_before=len(costs_before),
            n_after=len(cases),
            cv_squared_before=cv_squared(costs_before, p["stable.cv_sd"]),
            cv_squared_after=cv_squared(costs_after, p["stable.cv_sd"]),
            mean_before_fen=round_fen(Fraction(sum(costs_before), len(costs_before))),
            median_before_fen=median(costs_before),
            median_after_fen=median(costs_after),
            trimmed=len(costs_before) - len(cases) + changed,
            origin=origin,
        )
    return History(all_mean_fen, bases, kept)


def check_history_rules(p: Parameters) -> None:
    """Raises ValueError for parameters that cannot stand together."""
    weights = p["history.year_weights"]
    if says(p, "history.weighting", "yearly_means", "pooled") and len(weights) < p["history_years"]:
        raise ValueError("history.year_weights: fewer weights than history_years")
    lower, upper = p["trim.lower_percentile"], p["trim.upper_percentile"]
    if p["trim.method"] in ("percentiles", "winsorise") and lower > upper:
        raise ValueError("trim.lower_percentile is above trim.upper_percentile")


# --- rule 5


def base_points(mean_fen: int, all_mean_fen: int, p: Parameters) -> Fraction:
    """Group mean / all-DRG mean x scale, rounded; of a bed-day rate likewise."""
    exact = Fraction(mean_fen, all_mean_fen) * p["point_scale"]
    return round_half_away(exact, p["base_points_dp"])


def base_from_weights(
    weights: Mapping[str, tuple[Fraction, bool]], all_mean_fen: int, p: Parameters
) -> dict[str, Base]:
    """Rule 5 for the weights of weights.csv: weight x scale, not rounded."""
    bases = {}
    for drg, (weight, stable) in sorted(weights.items()):
        points = weight * p["point_scale"]
        if (points * 10_000).denominator != 1:
            raise ValueError(f"weights.csv, {drg}: points of more than four decimals")
        mean_fen = round_fen(weight * all_mean_fen)
        bases[drg] = Base(drg, mean_fen, points, stable, origin="weights", weight=weight)
    return bases


def base_from_means(
    means: Mapping[str, GivenMean], all_mean_fen: int, p: Parameters
) -> dict[str, Base]:
    """Rule 5 for the means of base_points.csv."""
    return {
        drg: Base(
            drg=drg,
            group_mean_fen=given.group_mean_fen,
            base_points=base_points(given.group_mean_fen, all_mean_fen, p),
            stable=given.stable,
        )
        for drg, given in sorted(means.items())
    }
