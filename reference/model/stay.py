"""The year and the days of a stay, and what it costs (docs/rules.md, rules 1 to 3)."""

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from reference.model.exact import round_half_away
from reference.model.policy import says
from reference.model.region import Case

Parameters = Mapping[str, Any]


def key_day(case: Case, p: Parameters) -> dt.date:
    """Rule 1: the settlement date (else the discharge date), or the discharge date."""
    if says(p, "year_key", "setl_end_date", "discharge_date") and case.settlement is not None:
        return case.settlement
    return case.discharge


def year_of(case: Case, p: Parameters) -> int:
    return key_day(case, p).year


def length_of_stay(case: Case, p: Parameters) -> int:
    """Rule 2: the days given, else discharge minus admission, or one more."""
    if case.los_days_given is not None and not (
        says(p, "los_conflict", "dates", "hold", "given") and misfits(case)
    ):
        return case.los_days_given
    days = (case.discharge - case.admission).days
    return days + 1 if says(p, "los_convention", "plus_one", "difference") else days


def misfits(case: Case) -> bool:
    """Whether the days given follow from the dates by neither convention."""
    stay = (case.discharge - case.admission).days
    return case.los_days_given is not None and case.los_days_given not in (stay, stay + 1)


def is_long_stay(case: Case, p: Parameters) -> bool:
    """Rule 3: a stay of more than `long_stay.days`."""
    limit = p["long_stay.days"]
    return limit is not None and length_of_stay(case, p) > limit


def is_bed_day(case: Case, p: Parameters) -> bool:
    """Rule 3: paid by bed-day (按床日): so declared, with a bed-day class, or a long stay.

    A stay declared without a class is taken as a long stay when it is one, however those are paid.
    """
    if case.bed_day_class:
        return True
    if is_long_stay(case, p):
        return says(p, "long_stay.rule", "bed_day", "by_item")
    return case.payment_mode == "bed_day"


def bed_day_class(case: Case, p: Parameters) -> str:
    """Rule 3: the class by which a bed-day case is paid."""
    if case.bed_day_class:
        return case.bed_day_class
    if is_long_stay(case, p) and says(p, "long_stay.rule", "bed_day", "by_item"):
        return str(p["long_stay.class"])
    raise ValueError(f"case {case.case_id}: paid by bed-day, but it has no bed_day_class")


def paid_days(case: Case, p: Parameters) -> int:
    """Rule 3: a bed-day stay of 0 days counts 1 day."""
    return max(1, length_of_stay(case, p))


def days_by_rate(
    days: int, bands: tuple[tuple[int, int], ...], p: Parameters
) -> list[tuple[int, int]]:
    """Rule 3: how many days are paid at which rate, from the first day on.

    `marginal`: each day at the rate of its band; `whole_stay`: all at that of the last day.
    """
    if says(p, "bed_day.mode", "whole_stay", "marginal"):
        return [(days, [rate for first, rate in bands if first <= days][-1])]
    ends = [first - 1 for first, _ in bands[1:]] + [days]
    return [
        (min(end, days) - first + 1, rate)
        for (first, rate), end in zip(bands, ends, strict=True)
        if first <= days
    ]


def not_pool_fen(case: Case, p: Parameters) -> int:
    """n of rule 9: what the pool did not pay, or what the patient paid."""
    if says(p, "not_pool", "all", "personal"):
        return case.total_cost_fen - case.pool_fund_fen
    if case.personal_paid_fen is None:
        raise ValueError(f"case {case.case_id}: not_pool = personal, but personal_paid is empty")
    return case.personal_paid_fen


def round_points(points: Fraction, p: Parameters) -> Fraction:
    """Round to `case_points_dp` decimals, four when it is none."""
    return round_half_away(points, point_places(p))


def point_places(p: Parameters) -> int:
    places = p["case_points_dp"]
    return 4 if places is None else int(places)
