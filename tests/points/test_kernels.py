"""Class and points of single cases, integer for integer against fractions."""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drgpay.ground.money import round_half_away
from drgpay.points import kernels
from drgpay.points.base import GroupTables
from drgpay.points.kernels import (
    AMBIGUOUS,
    BED_DAY,
    COEF_ONE,
    HIGH,
    LOW,
    NORMAL,
    REVIEWED,
    UNGROUPED,
    UNSTABLE,
    Options,
    score_range,
)
from drgpay.points.limits import CostLimits, cost_limits
from drgpay.points.product_kernels import mul_div_round

TOP = 2**62 - 1


def half_up(value: F) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


@st.composite
def products(draw: st.DrawFn) -> tuple[int, int, int]:
    """a, b and d with a result below 2^62, often at the ends of what fits."""
    any_size = st.one_of(st.integers(0, 100), st.integers(0, TOP), st.integers(TOP - 9, TOP))
    d = max(1, draw(any_size))
    b = draw(any_size)
    a = draw(st.integers(0, max(1, TOP * d // b if b else TOP)))
    return min(a, TOP, (TOP * d // b) if b else TOP), b, d


@given(products())
@settings(max_examples=500)
@example((TOP, TOP, TOP))
@example((TOP, 1, 1))
@example((1, TOP, 2))
@example((TOP, 1, 2))
@example((0, TOP, 7))
@example((3, 1, 2))
@example((1, 1, 3))
@example((TOP - 1, TOP, TOP))
def test_mul_div_round__is_the_exact_quotient_rounded_half_up(case: tuple[int, int, int]) -> None:
    a, b, d = case
    assert mul_div_round(a, b, d) == half_up(F(a * b, d))


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**6))
def test_mul_div_round__halves_go_up(a: int, b: int, d: int) -> None:
    # numerator / (2 x odd) meets halves exactly
    assert mul_div_round(2 * a + 1, 1, 2) == a + 1
    assert mul_div_round(a, b, d) == round_half_away(F(a * b, d))


@given(products())
@settings(max_examples=50)
def test_mul_div_round__is_the_same_in_plain_python(case: tuple[int, int, int]) -> None:
    plain = getattr(mul_div_round, "py_func", mul_div_round)
    a, b, d = (np.int64(value) for value in case)
    assert int(plain(a, b, d)) == mul_div_round(*case)


FACTS: dict[str, Any] = {
    "status": 0,
    "cost": 1_000_000,
    "unreasonable": 0,
    "review": 0,
    "set_points": -1,
    "day_surgery": 0,
    "bed_class": -1,
    "days": 5,
    "way": 1,
    "mean": 3_125_000,
    "base": 2_500_000,
    "stable": True,
    "high_multiple": 20_000,
    "to_review": False,
    "flat": False,
    "bands": ((1, 32_000, 40_000),),  # first day, points, fen
    "coefficient": 1_020_000,
    "applies": (NORMAL, HIGH, REVIEWED),
    "low_multiple": 4_000,
    "low_inclusive": True,
    "high_inclusive": True,
    "exempt_day_surgery": True,
    "lower_of_coefficient": False,
    "high_first": False,
    "low_rule": 0,
    "high_rule": 0,
    "ungrouped": 0,
    "ambiguous": 0,
    "unstable": 0,
    "way_rules": (0,) * 10,
    "whole_stay": False,
    "bed_money": False,
    "long_days": -1,
    "short_days": -1,
    "ratio_basis": "group_mean",
    "by_weight": False,
    "by_cost": F(100 * 10_000, 1_250_000),
    "step": 1,
}


def limits_of(f: dict[str, Any]) -> tuple[Any, CostLimits]:
    """K x mean in whole fen, and the limits of the classes, as the run makes them."""
    one = {name: np.array([f[name]]) for name in ("base", "high_multiple", "stable", "to_review")}
    mean = F(f["mean"])
    high_fen = np.array([int(mean * f["high_multiple"] / 10_000)])
    tables = GroupTables(
        np.array([int(mean)]), (mean,), one["base"], one["stable"], one["high_multiple"],
        high_fen, bool(f["by_weight"]), one["to_review"],
    )  # fmt: skip
    policy: Any = {
        "ratio_basis": f["ratio_basis"],
        "low.multiple": F(f["low_multiple"], 10_000),
        "low.threshold": "lower_of_coefficient" if f["lower_of_coefficient"] else "fixed",
        "low.inclusive": f["low_inclusive"],
        "high.inclusive": f["high_inclusive"],
    }
    return high_fen, cost_limits(tables, policy, np.array([[f["coefficient"]]]))


def scored(**given: Any) -> dict[str, int]:
    """Everything that one case comes to; EX1's figures unless given otherwise."""
    assert not set(given) - set(FACTS)
    f = {**FACTS, **given}
    names = ("case_class", "used", "points", "paid_by", "price", "taken")
    kinds = (np.int8, np.int32, np.int64, np.int8, np.int64, np.int64)
    out = {name: np.zeros(1, kind) for name, kind in zip(names, kinds, strict=True)}
    one = {
        name: np.array([value])
        for name, value in f.items()
        if np.ndim(value) == 0 and name != "by_cost"
    }
    starts, points, rates = (np.array([band[k] for band in f["bands"]]) for k in range(3))
    coefficient = COEF_ONE if f["flat"] else f["coefficient"]
    options = Options(
        f["by_cost"].numerator, f["by_cost"].denominator, f["step"], f["long_days"],
        f["short_days"], f["ungrouped"], f["ambiguous"], f["unstable"], f["low_rule"],
        f["high_rule"], f["exempt_day_surgery"], f["high_first"], f["whole_stay"], f["bed_money"],
        f["by_weight"],
    )  # fmt: skip
    high_fen, limits = limits_of(f)
    nowhere = np.zeros(1, np.int64)
    out["unknown"] = np.zeros(1, np.int64)
    out["unknown"][0] = score_range(
        0, 1, one["status"], nowhere, nowhere, one["cost"], one["unreasonable"], one["review"],
        one["set_points"], one["day_surgery"], one["bed_class"], one["days"], one["way"],
        one["mean"], one["base"], one["stable"], one["high_multiple"], high_fen,
        limits.low, limits.high, one["to_review"], np.array([[coefficient]]), np.array([kind in f["applies"] for kind in range(11)]),
        np.array(f["way_rules"]), np.array([[[0, len(f["bands"])]]]), starts, points, rates,
        options, *[out[name] for name in names],
    )  # fmt: skip
    return {name: int(values[0]) for name, values in out.items()}


def score(**given: Any) -> tuple[int, int, int]:
    """Class, coefficient used and points of one case."""
    made = scored(**given)
    return made["case_class"], made["used"], made["points"]


def test_low__points_follow_the_cost__t11() -> None:
    # T11: a cost of 10,000 yuan of a group of 31,250 (ratio 0.32, base 250)
    assert score() == (LOW, COEF_ONE, 800_000)
    assert score(applies=(LOW,)) == (LOW, 1_020_000, 816_000)
    by_item = score(stable=False)
    assert by_item == (UNSTABLE, COEF_ONE, 800_000)


def test_rules__that_the_kernel_does_not_know_are_told() -> None:
    assert scored()["unknown"] == -1
    assert scored(low_rule=3)["unknown"] == LOW
    assert scored(cost=7_000_000, high_rule=5)["unknown"] == HIGH
    assert scored(status=2, ungrouped=3)["unknown"] == UNGROUPED
    assert scored(status=1, ambiguous=3)["unknown"] == AMBIGUOUS
    assert scored(stable=False, unstable=3)["unknown"] == UNSTABLE
    assert scored(way_rules=(4,) * 10)["unknown"] == kernels.SPECIAL_DISCHARGE
    assert scored(low_rule=3, stable=False)["unknown"] == -1  # no low case


def test_low__at_its_limit_and_one_fen_beside() -> None:
    limit = 1_250_000  # 0.4 x 31,250 yuan
    assert score(cost=limit)[0] == LOW
    assert score(cost=limit + 1)[0] == NORMAL
    assert score(cost=limit, low_inclusive=False)[0] == NORMAL
    assert score(cost=limit - 1, low_inclusive=False)[0] == LOW


def test_low__a_mean_that_no_limit_divides() -> None:
    # 0.3333 x 7,777.77 yuan = 2,592.330741 yuan: no cost lies on it
    facts = {"mean": 777_777, "low_multiple": 3_333}
    assert score(cost=259_233, **facts, low_inclusive=False)[0] == LOW
    assert score(cost=259_234, **facts)[0] == NORMAL


def test_low__day_surgery_is_exempt_when_the_policy_says_so() -> None:
    assert score(day_surgery=1) == (NORMAL, 1_020_000, 2_550_000)
    assert score(day_surgery=1, exempt_day_surgery=False)[0] == LOW


def test_low__a_case_without_cost_has_no_points() -> None:
    assert score(cost=0) == (LOW, COEF_ONE, 0)
    assert score(cost=0, day_surgery=1) == (NORMAL, 1_020_000, 2_550_000)


def test_high__at_its_limit_and_one_fen_beside() -> None:
    limit = 6_250_000
    assert score(cost=limit) == (HIGH, 1_020_000, 2_550_000)
    assert score(cost=limit - 1)[0] == NORMAL
    assert score(cost=limit, high_inclusive=False)[0] == NORMAL
    assert score(cost=limit + 1, high_inclusive=False)[0] == HIGH


def test_high__low_is_asked_first() -> None:
    both = {"low_multiple": 10_000, "high_multiple": 10_000, "cost": 3_125_000}
    assert score(**both)[0] == LOW
    assert score(**both, low_inclusive=False)[0] == HIGH


def test_reviewed__added_points_are_of_the_reasonable_cost() -> None:
    # EX1, C02: 360 x 1.06 + ((90,000 - 2,250) / 45,000 - 1.5) x 360 = 543.6
    facts = {
        "mean": 4_500_000,
        "base": 3_600_000,
        "high_multiple": 15_000,
        "cost": 9_000_000,
        "unreasonable": 225_000,
        "review": 1,
        "coefficient": 1_060_000,
    }
    assert score(**facts) == (REVIEWED, 1_060_000, 5_436_000)
    assert score(**{**facts, "review": 2}) == (HIGH, 1_060_000, 3_816_000)
    # less than K times the mean is left: nothing is added, nothing taken off
    assert score(**{**facts, "unreasonable": 9_000_000}) == (REVIEWED, 1_060_000, 3_816_000)
    assert score(**facts, flat=True) == (REVIEWED, COEF_ONE, 5_220_000)
    assert score(**facts, applies=()) == (REVIEWED, COEF_ONE, 5_220_000)


def test_reviewed__a_granted_review_of_a_normal_case_changes_nothing() -> None:
    assert score(cost=3_000_000, review=1, unreasonable=100) == (NORMAL, 1_020_000, 2_550_000)
    assert score(review=1, unreasonable=100) == (LOW, COEF_ONE, 800_000)


@pytest.mark.parametrize(
    ("facts", "kind"),
    [({"status": 2}, UNGROUPED), ({"status": 1}, AMBIGUOUS), ({"stable": False}, UNSTABLE)],
)
def test_by_cost__ungrouped_ambiguous_unstable(facts: dict[str, Any], kind: int) -> None:
    # EX1, C09: (18,750 - 1,250) / 12,500 x 100 = 140
    facts = {**facts, "cost": 1_875_000, "unreasonable": 125_000}
    assert score(**facts) == (kind, COEF_ONE, 1_400_000)
    assert score(**facts, applies=(kind,)) == (kind, 1_020_000, 1_428_000)
    assert score(**facts, applies=(kind,), flat=True) == (kind, COEF_ONE, 1_400_000)
    assert score(**{**facts, "unreasonable": 1_875_000}) == (kind, COEF_ONE, 0)


def test_bed_day__days_times_the_points_of_a_day() -> None:
    assert score(bed_class=0, days=60) == (BED_DAY, COEF_ONE, 1_920_000)
    assert score(bed_class=0, days=0) == (BED_DAY, COEF_ONE, 32_000)
    assert score(bed_class=0, days=1) == (BED_DAY, COEF_ONE, 32_000)
    assert score(bed_class=0, days=2, applies=(BED_DAY,)) == (BED_DAY, 1_020_000, 65_280)
    # before every other class
    assert score(bed_class=0, days=1, status=2)[0] == BED_DAY
    assert score(bed_class=0, days=1, status=1)[0] == BED_DAY
    assert score(bed_class=0, days=1, stable=False)[0] == BED_DAY


def test_quarantined__no_class_and_no_points() -> None:
    assert score(status=3, bed_class=0) == (-1, 0, 0)


@given(
    st.integers(0, 10**9),
    st.integers(1, 10**8),
    st.integers(0, 10**8),
    st.sampled_from([1, 10, 100, 1000, 10_000]),
    st.integers(1, 10 * COEF_ONE),
    st.sampled_from([(NORMAL,), (HIGH, REVIEWED), (LOW,), (UNSTABLE,), tuple(range(8))]),
    st.booleans(),
    st.integers(0, 2),
)
@settings(max_examples=400)
def test_points__each_class_against_fractions(
    cost: int,
    mean: int,
    base: int,
    step: int,
    coefficient: int,
    applies: tuple[int, ...],
    stable: bool,
    review: int,
) -> None:
    unreasonable = cost // 7
    kind, used, points = score(
        cost=cost,
        mean=mean,
        base=base,
        step=step,
        coefficient=coefficient,
        applies=applies,
        stable=stable,
        review=review,
        unreasonable=unreasonable,
    )
    ratio = F(cost, mean)
    due = UNSTABLE if not stable else LOW if ratio <= F(2, 5) else NORMAL
    if stable and due == NORMAL and ratio >= 2:
        due = REVIEWED if review == 1 else HIGH
    assert kind == due
    c = F(used, COEF_ONE)
    assert used == (coefficient if kind in applies else COEF_ONE)
    exact = base * c
    if kind == LOW:
        exact *= ratio
    elif kind == REVIEWED:
        exact += max(F(0), F(cost - unreasonable, mean) - 2) * base
    elif kind == UNSTABLE:
        exact = (cost - unreasonable) * F(100 * 10_000, 1_250_000) * c
    assert points == round_half_away(exact / step) * step


def test_kernels__more_cost_never_means_fewer_points_within_a_class() -> None:
    for facts in ({}, {"stable": False}, {"review": 1}):
        points: dict[int, list[int]] = {}
        for cost in range(0, 20_000_000, 50_021):
            kind, _, value = score(cost=cost, **facts)
            points.setdefault(kind, []).append(value)
        for values in points.values():
            assert values == sorted(values)


def test_classes__have_one_number_each() -> None:
    numbers = [NORMAL, HIGH, REVIEWED, LOW, UNSTABLE, UNGROUPED, AMBIGUOUS, BED_DAY]
    numbers += [kernels.SPECIAL_DISCHARGE, kernels.LONG_STAY, kernels.SHORT_STAY]
    assert numbers == list(range(11))
    assert kernels.GRANTED == 1


# --- rules that other places have

HIGH_CASE = {
    "mean": 4_500_000,
    "base": 3_600_000,
    "high_multiple": 15_000,
    "cost": 9_000_000,
    "coefficient": 1_060_000,
}


def test_high__each_rule_by_hand() -> None:
    # base 360, coefficient 1.06, cost 90,000 of a mean of 45,000, K 1.5, all-DRG mean 12,500
    assert scored(**HIGH_CASE, high_rule=1)["points"] == 5_616_000  # 381.6 + (2 - 1.5) x 360
    assert scored(**HIGH_CASE, high_rule=1, review=2)["points"] == 3_816_000
    assert scored(**HIGH_CASE, high_rule=3)["points"] == 5_724_000  # 1.5 x 360 x 1.06
    by_item = scored(**HIGH_CASE, high_rule=4, unreasonable=100, review=2)
    assert (by_item["points"], by_item["price"], by_item["paid_by"]) == (0, 8_999_900, 1)
    assert (by_item["taken"], by_item["used"]) == (100, COEF_ONE)
    # what is left of the cost is below K: min(0.5, 1.5) x 360 x 1.06
    less = scored(**HIGH_CASE, high_rule=3, unreasonable=6_750_000, review=2)
    assert (less["points"], less["taken"]) == (1_908_000, 6_750_000)
    assert scored(**HIGH_CASE, high_rule=2)["points"] == -1  # left to the caller


def test_low__each_rule_by_hand() -> None:
    assert scored(low_rule=1, applies=(LOW,))["points"] == 816_000
    by_item = scored(low_rule=2, unreasonable=7, review=2)
    assert (by_item["points"], by_item["price"], by_item["paid_by"]) == (0, 999_993, 1)
    # 0.4 x 31,250 x min(1, 0.8) = 10,000 yuan
    facts = {"lower_of_coefficient": True, "coefficient": 800_000}
    assert scored(**facts, cost=1_000_000)["case_class"] == LOW
    assert scored(**facts, cost=1_000_001)["case_class"] == NORMAL
    assert scored(lower_of_coefficient=True, cost=1_250_000)["case_class"] == LOW  # 1.02 counts 1
    assert scored(lower_of_coefficient=True, cost=1_250_001)["case_class"] == NORMAL


def test_class_order__where_both_limits_meet() -> None:
    both = {"low_multiple": 10_000, "high_multiple": 10_000, "cost": 3_125_000}
    assert score(**both, high_first=True)[0] == HIGH
    assert score(**both, high_first=False)[0] == LOW


@pytest.mark.parametrize(
    ("facts", "rule"),
    [({"status": 2}, "ungrouped"), ({"status": 1}, "ambiguous"), ({"stable": False}, "unstable")],
)
def test_by_cost_rules__review_and_item(facts: dict[str, Any], rule: str) -> None:
    facts = {**facts, "cost": 1_875_000, "unreasonable": 125_000}
    held = scored(**facts, **{rule: 1})
    assert (held["points"], held["paid_by"], held["taken"]) == (0, kernels.HELD, 0)
    assert scored(**facts, **{rule: 1}, review=2)["paid_by"] == kernels.HELD
    granted = scored(**facts, **{rule: 1}, review=1)
    assert (granted["points"], granted["paid_by"]) == (1_400_000, kernels.POINTS)
    by_item = scored(**facts, **{rule: 2})
    assert (by_item["points"], by_item["price"]) == (0, 1_750_000)


def test_small_group__held_until_reviewed() -> None:
    assert scored(stable=False, to_review=True)["paid_by"] == kernels.HELD
    assert scored(stable=False, to_review=True, review=1)["points"] == 800_000
    assert scored(stable=True, to_review=True)["case_class"] == LOW


def test_discharge__death_and_transfer_by_their_rules() -> None:
    rules = (0, 0, 2, 0, 3, 1, 0, 0, 0, 0)  # transfer by cost, against order by item, death not low
    assert scored(way=2, way_rules=rules)["case_class"] == kernels.SPECIAL_DISCHARGE
    assert scored(way=2, way_rules=rules, cost=5_000_000)["points"] == 4_000_000
    assert scored(way=4, way_rules=rules)["price"] == 1_000_000
    assert score(way=5, way_rules=rules) == (NORMAL, 1_020_000, 2_550_000)
    assert score(way=1, way_rules=rules)[0] == LOW
    assert scored(way=2, way_rules=rules, status=2)["case_class"] == UNGROUPED
    assert scored(way=2, way_rules=rules, stable=False)["case_class"] == kernels.SPECIAL_DISCHARGE


def test_stays__long_and_short_ones_by_item() -> None:
    assert scored(days=61, long_days=60)["case_class"] == kernels.LONG_STAY
    assert scored(days=60, long_days=60)["case_class"] == LOW
    assert scored(days=2, short_days=2)["case_class"] == kernels.SHORT_STAY
    assert scored(days=2, short_days=2, day_surgery=1)["case_class"] == NORMAL
    assert scored(days=3, short_days=2)["case_class"] == LOW
    assert scored(days=61, long_days=60, bed_class=0)["case_class"] == BED_DAY
    assert scored(days=61, long_days=60, review=1, set_points=5)["case_class"] == kernels.LONG_STAY
    assert scored(days=61, long_days=60, unreasonable=9, review=2)["price"] == 999_991


def test_review__experts_set_points() -> None:
    made = scored(review=1, set_points=1_234_567, unreasonable=5, status=2)
    assert (made["case_class"], made["points"], made["used"], made["taken"]) == (
        REVIEWED,
        1_234_567,
        COEF_ONE,
        0,
    )
    assert scored(review=2, set_points=1_234_567)["case_class"] == LOW
    assert scored(review=1, set_points=0, stable=False)["points"] == 0


BANDS = ((1, 36_000, 45_000), (31, 30_400, 38_000), (91, 24_000, 30_000))  # T8


@pytest.mark.parametrize(
    ("days", "marginal", "whole"),
    [
        (30, 1_350_000, 1_350_000),
        (31, 1_388_000, 1_178_000),
        (90, 3_630_000, 3_420_000),
        (91, 3_660_000, 2_730_000),
        (120, 4_530_000, 3_600_000),
    ],
)
def test_bed_day__bands_of_t8_in_money(days: int, marginal: int, whole: int) -> None:
    facts = {"bed_class": 0, "days": days, "bands": BANDS, "bed_money": True}
    assert scored(**facts)["price"] == marginal
    assert scored(**facts, whole_stay=True)["price"] == whole
    assert scored(**facts)["points"] == 0
    points = {"bed_class": 0, "days": days, "bands": BANDS}
    assert scored(**points)["points"] * 5 == marginal * 4  # 8 points for 10 fen here
    assert scored(**points, whole_stay=True)["points"] * 5 == whole * 4
