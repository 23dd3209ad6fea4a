"""Base points, the class of a case and its points (docs/formats.md section 5, rules 1 to 8).

Points and base points are exact fractions of a point (they have at most four decimals), money
is integer fen, and nothing is rounded except where a rule says so.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from reference.model.exact import round_fen, round_half_away
from reference.model.grouping import Grouping
from reference.model.policy import BandList
from reference.model.region import Case, GivenMean, Review

Parameters = Mapping[str, Any]
BY_COST = ("ungrouped", "ambiguous", "unstable")


# --- rules 1 to 3: year, length of stay, bed-day cases


def year_of(case: Case, p: Parameters) -> int:
    """Rule 1: the year of the settlement date (else of discharge), or of the discharge date."""
    if p["year_key"] == "setl_end_date" and case.settlement is not None:
        return case.settlement.year
    return case.discharge.year


def length_of_stay(case: Case, p: Parameters) -> int:
    """Rule 2: the days given, else discharge minus admission, or one more."""
    if case.los_days_given is not None:
        return case.los_days_given
    days = (case.discharge - case.admission).days
    return days + 1 if p["los_convention"] == "plus_one" else days


def is_long_stay(case: Case, p: Parameters) -> bool:
    """Rule 3: a stay of more than `long_stay.days`."""
    limit = p["long_stay.days"]
    return limit is not None and length_of_stay(case, p) > limit


def is_bed_day(case: Case, p: Parameters) -> bool:
    """Rule 3: paid by bed-day (按床日): so declared, with a bed-day class, or a long stay."""
    return case.payment_mode == "bed_day" or bool(case.bed_day_class) or is_long_stay(case, p)


def bed_day_class(case: Case, p: Parameters) -> str:
    """Rule 3: the class by which a bed-day case is paid."""
    if case.bed_day_class:
        return case.bed_day_class
    if is_long_stay(case, p):
        return str(p["long_stay.class"])
    raise ValueError(f"case {case.case_id}: paid by bed-day, but it has no bed_day_class")


# --- rule 4: means and stability from past cases


@dataclass(frozen=True)
class Base:
    """A DRG's mean and base points (基准点数). The counts and variations are of its history.

    `cv_squared_*` is the exact square of the coefficient of variation.
    """

    drg: str
    group_mean_fen: int
    base_points: Fraction
    stable: bool
    n_before: int | None = None
    n_after: int | None = None
    cv_squared_before: Fraction | None = None
    cv_squared_after: Fraction | None = None


def cv_squared(costs: list[int], sd: str) -> Fraction | None:
    """The squared coefficient of variation, exact: no root is taken, so CV <= limit is certain.

    None when there is none: no case, or one case with the sample deviation (n - 1).
    """
    divisor = len(costs) - 1 if sd == "sample" else len(costs)
    if divisor < 1:
        return None
    mean = Fraction(sum(costs), len(costs))
    squares = sum(((cost - mean) * (cost - mean) for cost in costs), Fraction(0))
    return squares / divisor / (mean * mean)


def quartile(ordered: list[int], quarter: int, kind: int) -> Fraction:
    """The first or third quartile of ordered costs, type 7 or 6, exact.

    Type 7 stands at (n - 1) q + 1, type 6 at (n + 1) q, counted from 1 and kept inside 1 to n;
    between two costs it is interpolated.
    """
    n = len(ordered)
    share = Fraction(quarter, 4)
    place = (n - 1) * share + 1 if kind == 7 else (n + 1) * share
    place = min(max(place, Fraction(1)), Fraction(n))
    below = int(place)
    if below == n:
        return Fraction(ordered[-1])
    return ordered[below - 1] + (place - below) * (ordered[below] - ordered[below - 1])


def trimmed(costs: list[int], p: Parameters) -> list[int]:
    """Middle interval (中间区段法): Q1 - lower x IQR <= cost <= Q3 + upper x IQR is kept."""
    ordered = sorted(costs)
    kind = int(p["trim.quantile_type"])
    first, third = quartile(ordered, 1, kind), quartile(ordered, 3, kind)
    lowest = first - p["trim.lower_factor"] * (third - first)
    highest = third + p["trim.upper_factor"] * (third - first)
    return [cost for cost in ordered if lowest <= cost <= highest]


def is_stable(n: int, variation: Fraction | None, p: Parameters) -> bool:
    """Stable (稳定病组): enough cases, and a CV not above the limit."""
    enough = n >= p["stable.min_cases"] if p["stable.inclusive"] else n > p["stable.min_cases"]
    return enough and variation is not None and variation <= p["stable.cv_max"] ** 2


def base_from_history(
    history: Iterable[tuple[Case, Grouping]], year: int, p: Parameters
) -> tuple[int, dict[str, Base]]:
    """Rule 4 and 5: the all-DRG mean in fen, and every DRG that the past years know."""
    costs_of: dict[str, list[int]] = {}
    for case, grouping in history:
        recent = year - p["history_years"] <= year_of(case, p) < year
        counts = grouping.status == "grouped" and not is_bed_day(case, p)
        if recent and counts and case.total_cost_fen > 0:
            costs_of.setdefault(grouping.drg, []).append(case.total_cost_fen)

    kept_of: dict[str, list[int]] = {}
    for drg, costs in costs_of.items():
        variation = cv_squared(costs, p["stable.cv_sd"])
        wild = variation is not None and variation > p["stable.cv_max"] ** 2
        trim = p["trim.method"] != "none" and (p["trim.when"] == "always" or wild)
        kept_of[drg] = trimmed(costs, p) if trim else costs
    all_kept = [cost for kept in kept_of.values() for cost in kept]
    if not all_kept:
        raise ValueError(f"no past case counts for {year}: there is no all-DRG mean")
    all_mean_fen = round_fen(Fraction(sum(all_kept), len(all_kept)))

    bases = {}
    for drg, kept in sorted(kept_of.items()):
        if not kept:
            continue  # trimmed away entirely: as a DRG without history
        after = cv_squared(kept, p["stable.cv_sd"])
        mean_fen = round_fen(Fraction(sum(kept), len(kept)))
        bases[drg] = Base(
            drg=drg,
            group_mean_fen=mean_fen,
            base_points=base_points(mean_fen, all_mean_fen, p),
            stable=is_stable(len(kept), after, p),
            n_before=len(costs_of[drg]),
            n_after=len(kept),
            cv_squared_before=cv_squared(costs_of[drg], p["stable.cv_sd"]),
            cv_squared_after=after,
        )
    return all_mean_fen, bases


# --- rule 5


def base_points(mean_fen: int, all_mean_fen: int, p: Parameters) -> Fraction:
    """Group mean / all-DRG mean x scale, rounded; of a bed-day rate likewise."""
    exact = Fraction(mean_fen, all_mean_fen) * p["point_scale"]
    return round_half_away(exact, p["base_points_dp"])


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


# --- rule 6: the class of a case


def high_multiple(points: Fraction, p: Parameters) -> Fraction | None:
    """K: the multiple of the first band whose limit is not below the base points."""
    bands: BandList = p["high.bands"] or ()
    for limit, multiple in bands:
        if limit is None or points <= limit:
            return multiple
    return None


def case_class(
    case: Case, grouping: Grouping, base: Base | None, review: Review | None, p: Parameters
) -> str:
    """Rule 6, in its order: bed-day, ungrouped, ambiguous, unstable, low, high, normal."""
    if is_bed_day(case, p):
        return "bed_day"
    if grouping.status == "ungroupable":
        return "ungrouped"
    if grouping.status == "ambiguous":
        return "ambiguous"
    if base is None or not base.stable:
        return "unstable"

    cost, mean = case.total_cost_fen, base.group_mean_fen
    exempt = case.payment_mode == "day_surgery" and p["low.exempt_day_surgery"]
    if p["low.multiple"] is not None and not exempt:
        limit = p["low.multiple"] * mean
        if cost < limit or (cost == limit and p["low.inclusive"]):
            return "low"
    multiple = high_multiple(base.base_points, p)
    if multiple is not None:
        limit = multiple * mean
        if cost > limit or (cost == limit and p["high.inclusive"]):
            return "reviewed" if review is not None and review.granted else "high"
    return "normal"


# --- rule 7: the points of a case


@dataclass(frozen=True)
class Points:
    """The points of a case before the readmission rule, and what they were made of."""

    points: Fraction
    coefficient: Fraction  # the one that was multiplied: 1 where none applies
    base_points: Fraction | None  # a bed-day case: per day
    unreasonable_fen: int  # what a review took off


def points_of_case(
    case: Case,
    case_class: str,
    grouping: Grouping,
    base: Base | None,
    review: Review | None,
    hospital_coefficient: Fraction,
    bed_day_rates_fen: Mapping[str, int],
    all_mean_fen: int,
    p: Parameters,
) -> Points:
    """Rule 7: exact points of the class, times the coefficient where it applies, rounded once."""
    coefficient = Fraction(1)
    applies_to = "high" if case_class == "reviewed" else case_class
    if applies_to in p["coef_applies_to"] and grouping.drg not in p["primary_groups"]:
        coefficient = hospital_coefficient
    unreasonable = 0
    if review is not None and case_class in ("reviewed", *BY_COST):
        unreasonable = review.unreasonable_fen
        if unreasonable > case.total_cost_fen:
            raise ValueError(f"case {case.case_id}: unreasonable cost above the total cost")
    cost = case.total_cost_fen - unreasonable
    base_shown = None if base is None else base.base_points

    if case_class == "bed_day":
        class_ = bed_day_class(case, p)
        if class_ not in bed_day_rates_fen:
            raise ValueError(f"case {case.case_id}: no rate of the bed-day class {class_}")
        base_shown = base_points(bed_day_rates_fen[class_], all_mean_fen, p)
        exact = paid_days(case, p) * base_shown * coefficient
    elif case_class in BY_COST:
        exact = Fraction(cost, all_mean_fen) * p["point_scale"] * coefficient
    elif base is None:
        raise ValueError(f"case {case.case_id}: class {case_class} without base points")
    else:
        exact = base.base_points * coefficient
        ratio = Fraction(cost, base.group_mean_fen)
        if case_class == "low":
            exact *= min(Fraction(1), ratio)
        elif case_class == "reviewed":
            multiple = high_multiple(base.base_points, p) or Fraction(0)
            exact += max(Fraction(0), ratio - multiple) * base.base_points
    return Points(round_points(exact, p), coefficient, base_shown, unreasonable)


def paid_days(case: Case, p: Parameters) -> int:
    """Rule 3: a bed-day stay of 0 days counts 1 day."""
    return max(1, length_of_stay(case, p))


def round_points(points: Fraction, p: Parameters) -> Fraction:
    """Round to `case_points_dp` decimals, four when it is none."""
    places = p["case_points_dp"]
    return round_half_away(points, 4 if places is None else places)


# --- rule 8: readmission


def readmitted(stays: Iterable[tuple[Case, Grouping]], p: Parameters) -> set[str]:
    """Rule 8: the case_ids of the stays that were followed too soon by another of the same kind.

    The earlier stay is the one that loses points. Days run from its discharge to the next
    admission; an overlap (a negative gap) is no readmission.
    """
    days = p["readmission.days"]
    if days is None:
        return set()
    chains: dict[tuple[str, str, str], list[tuple[dt.date, dt.date, str]]] = {}
    for case, grouping in stays:
        exempt = {grouping.drg, grouping.adrg} & set(p["readmission.exempt"])
        if (
            case.patient_id
            and grouping.status == "grouped"
            and not is_bed_day(case, p)
            and not exempt
        ):
            group = grouping.drg if p["readmission.same"] == "hospital_drg" else grouping.adrg
            chain = chains.setdefault((case.patient_id, case.hospital_id, group), [])
            chain.append((case.admission, case.discharge, case.case_id))
    earlier = set()
    for chain in chains.values():
        chain.sort()
        for (_, discharge, case_id), (admission, _, _) in pairwise(chain):
            if 0 <= (admission - discharge).days <= days:
                earlier.add(case_id)
    return earlier
