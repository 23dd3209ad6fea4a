"""Class and points of single cases, integer for integer against fractions."""

from __future__ import annotations

from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drgpay.money import round_half_away
from drgpay.points import kernels
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
    mul_div_round,
    score_range,
)

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


def score(**given: Any) -> tuple[int, int, int]:
    """Class, coefficient used and points of one case; EX1's figures unless given otherwise."""
    facts = {
        "status": 0,
        "cost": 1_000_000,
        "unreasonable": 0,
        "review": 0,
        "day_surgery": 0,
        "bed_class": -1,
        "days": 5,
        "mean": 3_125_000,
        "base": 2_500_000,
        "stable": True,
        "high_multiple": 20_000,
        "flat": False,
        "bed_base": 32_000,
        "coefficient": 1_020_000,
        "applies": (NORMAL, HIGH, REVIEWED),
        "low_multiple": 4_000,
        "low_inclusive": True,
        "high_inclusive": True,
        "exempt_day_surgery": True,
        "by_cost": F(100 * 10_000, 1_250_000),
        "step": 1,
        **given,
    }
    one = {name: np.array([value]) for name, value in facts.items() if name not in ("applies",)}
    out = np.zeros(1, np.int8), np.zeros(1, np.int32), np.zeros(1, np.int64)
    score_range(
        0,
        1,
        one["status"],
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        one["cost"],
        one["unreasonable"],
        one["review"],
        one["day_surgery"],
        one["bed_class"],
        one["days"],
        one["mean"],
        one["base"],
        one["stable"],
        one["high_multiple"],
        one["flat"],
        one["bed_base"],
        one["coefficient"],
        np.array([kind in facts["applies"] for kind in range(8)]),
        facts["low_multiple"],
        facts["low_inclusive"],
        facts["high_inclusive"],
        facts["exempt_day_surgery"],
        facts["by_cost"].numerator,
        facts["by_cost"].denominator,
        facts["step"],
        *out,
    )
    return int(out[0][0]), int(out[1][0]), int(out[2][0])


def test_low__points_follow_the_cost__t11() -> None:
    # T11: a cost of 10,000 yuan of a group of 31,250 (ratio 0.32, base 250)
    assert score() == (LOW, COEF_ONE, 800_000)
    assert score(applies=(LOW,)) == (LOW, 1_020_000, 816_000)
    by_item = score(stable=False)
    assert by_item == (UNSTABLE, COEF_ONE, 800_000)


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
    assert numbers == list(range(8))
    assert kernels.GRANTED == 1
