"""The class of a case, its points or its price (docs/rules.md, rule 7).

Points and base points are exact fractions of a point (they have at most four decimals), money
is integer fen, and nothing is rounded except where a rule says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from reference.model.coefficients import Coefficients
from reference.model.exact import round_fen
from reference.model.grouping import Grouping
from reference.model.history import Base, base_points, enough_cases, high_multiple
from reference.model.policy import says
from reference.model.region import Case, Region, Review
from reference.model.stay import (
    Parameters,
    bed_day_class,
    days_by_rate,
    is_bed_day,
    is_long_stay,
    length_of_stay,
    paid_days,
    round_points,
)

BY_POINTS, BY_MONEY, HELD = "points", "money", "held"
BY_COST = ("ungrouped", "ambiguous", "unstable")
# the ways of discharge that have a rule of their own
DISCHARGES = {"5": "death", "2": "transfer", "3": "transfer", "4": "against_order"}
# formulas that take the unreasonable cost off; one that is held would do so when granted
NAME_UNREASONABLE = (
    "by_cost",
    "by_item",
    "special_review_by_cost",
    "added",
    "linear_add",
    "deduct",
    "cap",
)
NO_COEFFICIENT = ("by_item", "given_points", "bed_day_in_money")
ONE, ZERO = Fraction(1), Fraction(0)


@dataclass(frozen=True)
class Setting:
    """What the rules of one run look up."""

    region: Region
    p: Parameters
    all_mean_fen: int
    bases: Mapping[str, Base]
    coefficients: Coefficients

    def base(self, grouping: Grouping) -> Base | None:
        return self.bases.get(grouping.drg) if grouping.status == "grouped" else None

    def mean(self, base: Base) -> Fraction:
        """The mean of a group; of a published weight mean x weight, not rounded."""
        if base.weight is not None:
            return base.weight * self.all_mean_fen
        return Fraction(base.group_mean_fen)

    def new_technology(self, case: Case) -> int:
        """What new technology cost: of items on the list on the day of discharge (rule 7)."""
        if says(self.p, "new_technology.rule", "in_cost", "paid_apart", "by_points"):
            return 0
        amount = sum(
            fen
            for item, fen in self.region.new_technology.get(case.case_id, ())
            if any(a <= case.discharge <= b for a, b in self.region.new_items[item])
        )
        if amount > case.total_cost_fen:
            raise ValueError(f"new_technology.csv: {case.case_id} has more than its cost")
        return amount

    def counted(self, case: Case) -> int:
        """The cost that class and points go by."""
        return case.total_cost_fen - self.new_technology(case)

    def must_be_reviewed(self, grouping: Grouping) -> bool:
        """Rule 4: `small_groups = review` of a group with too few past cases."""
        if (
            not says(self.p, "small_groups", "review", "unstable", "borrow_adrg")
            or self.region.history is None
        ):
            return False
        base = self.base(grouping)
        return not enough_cases(base.n_after or 0 if base else 0, self.p)


@dataclass(frozen=True)
class Price:
    """What a case is paid by, before the readmission rule, and what that is made of."""

    case_class: str
    formula: str
    paid_by: str  # points, money or held
    points: Fraction
    price_fen: int  # of a case paid in money
    coefficient: Fraction  # the one that was multiplied: 1 where none applies
    base_points: Fraction | None  # a bed-day case: per day
    unreasonable_fen: int  # what was taken off


# --- the class


def discharge_rule(case: Case, p: Parameters) -> str:
    kind = DISCHARGES.get(case.discharge_way)
    return "as_others" if kind is None else str(p[f"{kind}.rule"])


def case_class(
    case: Case, grouping: Grouping, review: Review | None, setting: Setting, cost_fen: int
) -> str:
    """Rule 7, in its order; `cost_fen` is that of the whole chain of a referral."""
    p = setting.p
    if is_bed_day(case, p):
        return "bed_day"
    if is_long_stay(case, p):
        return "long_stay"
    shortest = p["short_stay.days"]
    day_surgery = case.payment_mode == "day_surgery"
    if shortest is not None and not day_surgery and length_of_stay(case, p) <= shortest:
        return "short_stay"
    if review is not None and review.granted and review.points is not None:
        return "reviewed"
    if grouping.status == "ungroupable":
        return "ungrouped"
    if grouping.status == "ambiguous":
        return "ambiguous"
    rule = discharge_rule(case, p)
    if rule in ("by_cost", "by_item"):
        return "special_discharge"
    if rule not in ("as_others", "not_low"):
        raise ValueError(f"case {case.case_id}: no rule {rule!r} for the way it was discharged")
    base = setting.base(grouping)
    if base is None or not base.stable:
        return "unstable"
    coefficient = setting.coefficients.of(case.hospital_id, grouping.drg)
    low = (
        not (day_surgery and p["low.exempt_day_surgery"])
        and rule != "not_low"
        and is_low(cost_fen, base, coefficient, setting)
    )
    high = is_high(cost_fen, base, coefficient, setting)
    if low and (says(p, "class_order", "low_first", "high_first") or not high):
        return "low"
    if high:
        return "reviewed" if review is not None and review.granted else "high"
    return "normal"


def is_low(cost_fen: int, base: Base, coefficient: Fraction, setting: Setting) -> bool:
    p = setting.p
    if p["low.multiple"] is None:
        return False
    limit = p["low.multiple"] * compared_with(base, coefficient, setting)
    if says(p, "low.threshold", "lower_of_coefficient", "fixed"):
        limit *= min(ONE, coefficient)
    return bool(cost_fen < limit or (cost_fen == limit and p["low.inclusive"]))


def compared_with(base: Base, coefficient: Fraction, setting: Setting) -> Fraction:
    """What a cost is held against: the group's mean, or its standard (mean x coefficient)."""
    mean = setting.mean(base)
    return mean * coefficient if says(setting.p, "ratio_basis", "standard", "group_mean") else mean


def is_high(cost_fen: int, base: Base, coefficient: Fraction, setting: Setting) -> bool:
    p = setting.p
    multiple = high_multiple(base.base_points, p)
    if multiple is None:
        return False
    limit = multiple * compared_with(base, coefficient, setting)
    return bool(cost_fen > limit or (cost_fen == limit and p["high.inclusive"]))


# --- the formula


def formula_of(
    class_: str, case: Case, grouping: Grouping, review: Review | None, setting: Setting
) -> str:
    """The formula by which a case of a class is paid."""
    p = setting.p
    if class_ == "bed_day":
        return "bed_day" if says(p, "bed_day.payment", "points", "money") else "bed_day_in_money"
    if class_ in ("long_stay", "short_stay"):
        return "by_item"
    if class_ == "special_discharge":
        return discharge_rule(case, p)
    if class_ == "reviewed":
        assert review is not None
        return "added" if review.points is None else "given_points"
    if class_ in BY_COST:
        rule = p[f"{class_}.rule"]
        if class_ == "unstable" and setting.must_be_reviewed(grouping):
            rule = "special_review"
        return "special_review_by_cost" if rule == "special_review" else str(rule)
    if class_ == "low":
        return {"ratio": "low_ratio"}.get(p["low.rule"], str(p["low.rule"]))
    if class_ == "high":
        return {"special_review": "base"}.get(p["high.rule"], str(p["high.rule"]))
    return "base"


def price_of(
    case: Case,
    grouping: Grouping,
    setting: Setting,
    cost_fen: int | None = None,
    unreasonable_fen: int | None = None,
) -> Price:
    """Rule 7 for a case, or for the lead of a chain with the chain's costs."""
    p, review = setting.p, setting.region.reviews.get(case.case_id)
    if cost_fen is None or unreasonable_fen is None:
        cost_fen = setting.counted(case)
        unreasonable_fen = review.unreasonable_fen if review else 0
    class_ = case_class(case, grouping, review, setting, cost_fen)
    formula = formula_of(class_, case, grouping, review, setting)
    refused = review is not None and not review.granted
    granted = review is not None and review.granted
    taken = unreasonable_fen if formula in NAME_UNREASONABLE else 0
    if formula == "linear_add" and refused:
        formula, taken = "base_as_refused", 0
    base = setting.base(grouping)
    shown = None if base is None else base.base_points

    if formula == "special_review_by_cost" and not granted:
        return Price(class_, formula, HELD, ZERO, 0, ONE, shown, 0)
    if formula == "by_item":
        return Price(class_, formula, BY_MONEY, ZERO, cost_fen - taken, ONE, shown, taken)
    parts = []
    if class_ == "bed_day":
        parts = days_by_rate(paid_days(case, p), bands_of(case, setting), p)
        if formula == "bed_day_in_money":
            price = sum(days * rate for days, rate in parts)
            return Price(class_, formula, BY_MONEY, ZERO, price, ONE, None, 0)
    if formula == "given_points":
        assert review is not None and review.points is not None
        by_cost = Fraction(cost_fen - unreasonable_fen, setting.all_mean_fen) * p["point_scale"]
        most = p["review.points_max"]
        if most is not None and review.points > most * by_cost:
            raise ValueError(f"case {case.case_id}: points above {most} x those of its cost")
        return Price(class_, formula, BY_POINTS, review.points, 0, ONE, shown, 0)

    coefficient = ONE
    if ("high" if class_ == "reviewed" else class_) in p["coef_applies_to"]:
        coefficient = setting.coefficients.of(case.hospital_id, grouping.drg)
    by_cost = Fraction(cost_fen - taken, setting.all_mean_fen) * p["point_scale"]
    if class_ == "bed_day":
        each = [(days, base_points(rate, setting.all_mean_fen, p)) for days, rate in parts]
        shown = each[-1][1]
        exact = sum((days * points for days, points in each), ZERO) * coefficient
    elif formula in ("by_cost", "special_review_by_cost"):
        exact = by_cost * coefficient
    else:
        if base is None:
            raise ValueError(f"case {case.case_id}: nothing to score {class_} by {formula!r} from")
        ratio = (cost_fen - taken) / setting.mean(base)
        multiple = high_multiple(base.base_points, p) or ZERO
        normal = base.base_points * coefficient
        formulas = {
            "base": lambda: normal,
            "base_as_refused": lambda: normal,
            "added": lambda: normal + max(ZERO, ratio - multiple) * base.base_points,
            "linear_add": lambda: normal + max(ZERO, ratio - multiple) * base.base_points,
            "deduct": lambda: max(ZERO, by_cost - (multiple - 1) * normal),
            "cap": lambda: min(ratio, multiple) * normal,
            "low_ratio": lambda: min(ONE, ratio) * normal,
        }
        if formula not in formulas:
            raise ValueError(f"case {case.case_id}: no formula {formula!r} for {class_}")
        exact = formulas[formula]()
    points = round_points(exact, p)
    return Price(class_, formula, BY_POINTS, points, 0, coefficient, shown, taken)


def held(price: Price) -> Price:
    """The price of a case that a finding holds: its class alone stays."""
    base = None if price.case_class == "bed_day" else price.base_points
    return Price(price.case_class, price.formula, HELD, ZERO, 0, ONE, base, 0)


def with_new_technology(price: Price, case: Case, setting: Setting) -> Price:
    """Rule 7: what was taken out of the cost is paid apart, or rewarded by points."""
    review = setting.region.reviews.get(case.case_id)
    if review is not None and review.unreasonable_fen > setting.counted(case):
        raise ValueError(f"case {case.case_id}: unreasonable cost above what is left of its cost")
    amount = setting.new_technology(case) * setting.p["new_technology.share"]
    if not amount or price.paid_by == HELD:
        return price
    if (
        says(setting.p, "new_technology.rule", "by_points", "in_cost", "paid_apart")
        and price.paid_by == BY_POINTS
    ):
        reward = round_points(amount / setting.all_mean_fen * setting.p["point_scale"], setting.p)
        return replace(price, points=price.points + reward)
    return replace(price, price_fen=price.price_fen + round_fen(amount))


def bands_of(case: Case, setting: Setting) -> tuple[tuple[int, int], ...]:
    """Rule 3: the rates of a class for the hospital's level, else for all other levels."""
    class_ = bed_day_class(case, setting.p)
    level = setting.region.hospitals[case.hospital_id].level
    rates = setting.region.bed_day_rates
    for where in ((class_, level), (class_, "")):
        if where in rates:
            return rates[where]
    raise ValueError(f"case {case.case_id}: no rate of the bed-day class {class_}")
