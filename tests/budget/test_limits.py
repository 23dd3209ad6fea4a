"""Bounds as the policy says them, caps on the sums of hospitals, dues and refusals."""

import random
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.budget.bounds import INTERVAL, NO_HIGH, NO_LOW, NONE_TOO_HIGH, UNIQUE, Items
from drgpay.budget.limits import (
    bounds_of,
    caps_of,
    dues_within_bounds,
    is_bounded,
    share_floor,
)
from drgpay.ground.errors import InputError, PolicyError
from reference.model import bounded
from tests.budget.problems import drawn

POLICY: dict[str, Any] = {
    "bound.level": "none",
    "bound.never_below_zero": False,
    "bound.cost_share": None,
    "bound.case_within_cost": False,
    "bound.unsolved": "refuse",
    "violator_no_increase": False,
    "residual": "largest_remainder",
    "value_dp": None,
}


def policy(**changes: Any) -> dict[str, Any]:
    """A policy without bounds, with some parameters changed; `_0_` in a name stands for a dot."""
    return POLICY | {key.replace("_0_", "."): value for key, value in changes.items()}


CASE = policy(bound_0_level="case")
TO_FUND = policy(bound_0_unsolved="to_fund")


def test_dues__with_caps_are_those_of_the_model() -> None:
    rng = random.Random(99)
    kinds: list[str] = []
    held = 0
    for _ in range(2000):
        problem = drawn(rng, capped=True)
        caps = [problem.caps.get(g, NO_HIGH) for g in range(3)]
        model = bounded.solve(problem.model, problem.target, problem.caps)
        if not any(problem.points):
            continue

        group = np.array(problem.group)
        settle = partial(
            dues_within_bounds,
            problem.engine,
            problem.target,
            name="310",
            group=group,
            groups=3,
            cap_fen=caps,
        )
        if model.kind == bounded.NONE_TOO_LOW:
            with pytest.raises(InputError):
                settle(policy=TO_FUND)
            kinds.append(model.kind)
            continue
        if model.kind == NONE_TOO_HIGH:
            with pytest.raises(InputError):
                settle(policy=POLICY)
        found = settle(policy=TO_FUND)
        assert (found.kind, found.value) == (model.kind, model.value), problem
        assert (found.lowest_fen, found.highest_fen) == (model.lowest_fen, model.highest_fen)
        if model.kind != NONE_TOO_HIGH:
            assert found.value_high == model.value_high, problem
            raw = bounded.group_payments(problem.model, model.value, {})
            over = [raw.get(g, Fraction(0)) > caps[g] for g in range(3)]
            assert found.capped.tolist() == over, problem
            assert found.state.tolist() == [item.state(model.value) for item in problem.model]
        wanted = bounded.group_fen(problem.model, model, problem.caps)
        assert found.due_fen.tolist() == [wanted.get(g, 0) for g in range(3)], problem
        assert int(found.due_fen.sum()) + found.residual_fen == problem.target
        assert all(due <= cap for due, cap in zip(found.due_fen.tolist(), caps, strict=True))
        kinds.append(found.kind)
        held += bool(found.capped.any())
    assert held > 200
    for kind in (UNIQUE, INTERVAL, NONE_TOO_HIGH, bounded.NONE_TOO_LOW):
        assert kinds.count(kind) > 60, kind


def test_dues__of_items_without_groups_are_their_payments() -> None:
    items = Items.of([1_000_000] * 3, [0] * 3, 0, [100, NO_HIGH, NO_HIGH])
    found = dues_within_bounds(items, 401, POLICY, "310")
    assert found.due_fen.tolist() == [100, 151, 150]
    assert (found.value, found.at_high, found.residual_fen) == (Fraction(301, 200), 1, 0)
    capped = dues_within_bounds(items, 401, POLICY, "310", cap_fen=[NO_HIGH, 120, NO_HIGH])
    assert capped.due_fen.tolist() == [100, 120, 181]


def test_dues__of_a_penalised_hospital_stop_at_its_recorded_fund() -> None:
    """100 points each, T = 300: V = 3 would give 150 each of two; capped at 90 the other gets 210."""
    items = Items.of([500_000, 500_000, 1_000_000], [0, 0, 0], 0, NO_HIGH)
    hospital = np.array([0, 0, 1])
    cap = caps_of(policy(violator_no_increase=True), [90, 80], [True, False])
    assert cap.tolist() == [90, NO_HIGH]
    found = dues_within_bounds(items, 300, CASE, "310", group=hospital, groups=2, cap_fen=cap)
    assert found.due_fen.tolist() == [90, 210]
    assert found.capped.tolist() == [True, False]
    assert found.value == Fraction(21, 10)


def test_dues__rounded_to_the_fund_leave_a_residual() -> None:
    rules = policy(residual="to_fund", value_dp=2)
    items = Items.of([30_000, 30_000, 10_000], [0, 0, 0], 0, [NO_HIGH, NO_HIGH, 10])
    found = dues_within_bounds(items, 1000, rules, "310")
    assert found.value == 165 and found.point_value == 165  # 990 fen on 6 points: 1.65 yuan
    coarse = dues_within_bounds(items, 1000, rules | {"value_dp": 1}, "310")
    assert coarse.value == 165 and coarse.point_value == 170
    assert coarse.due_fen.tolist() == [510, 510, 10] and coarse.residual_fen == -30
    group = np.array([0, 1, 1])
    grouped = dues_within_bounds(
        items, 1000, rules | {"value_dp": 1}, "310", group=group, groups=2, cap_fen=[NO_HIGH, 515]
    )
    assert grouped.due_fen.tolist() == [510, 515] and grouped.residual_fen == -25


def test_dues__above_all_bounds_stay_in_the_fund_or_are_refused() -> None:
    items = Items.of([1_000_000, 2_000_000], [100, 100], 0, [1000, 500])
    with pytest.raises(InputError) as refused:
        dues_within_bounds(items, 150_000, POLICY, "310")
    chinese, english = refused.value.text("zh"), refused.value.text("en")
    for figure in ("1,500.00", "15.00", "1,485.00", "310"):
        assert figure in chinese and figure in english
    assert "封顶 2 项" in chinese
    found = dues_within_bounds(items, 150_000, TO_FUND, "310")
    assert found.due_fen.tolist() == [1000, 500] and found.residual_fen == 148_500
    assert found.value == 11 and found.at_high == 2


def test_dues__below_all_bounds_are_refused_whatever_the_policy() -> None:
    items = Items.of([1_000_000], [0], 900, NO_HIGH)
    with pytest.raises(InputError) as refused:
        dues_within_bounds(items, 800, TO_FUND, "390")
    assert "8.00" in refused.value.text("zh") and "9.00" in refused.value.text("zh")


def test_dues__of_a_pool_without_points_are_refused() -> None:
    with pytest.raises(InputError, match="no case that is paid by points"):
        dues_within_bounds(Items.of([0, 0], [1, 1]), 5, TO_FUND, "310")


def test_bounds__are_those_of_the_policy() -> None:
    recorded, cost, not_pool = [1001, 999, 0], [1500, 1200, 30], [499, 201, 30]
    low, high = bounds_of(POLICY, recorded, cost, not_pool)
    assert low.tolist() == [NO_LOW] * 3 and high.tolist() == [NO_HIGH] * 3
    rules = policy(
        bound_0_level="hospital", bound_0_never_below_zero=True, bound_0_cost_share=Fraction("1.15"),
        violator_no_increase=True,
    )  # fmt: skip
    low, high = bounds_of(rules, recorded, cost, not_pool, [False, True, False])
    assert low.tolist() == [0, 0, 0]
    assert high.tolist() == [1151, 999, 0]  # floor(1151.15); the penalised one its recorded fund
    rules = policy(
        bound_0_level="case", bound_0_cost_share=Fraction("0.9"), bound_0_case_within_cost=True,
        violator_no_increase=True,
    )  # fmt: skip
    low, high = bounds_of(rules, recorded, cost, not_pool, [True, True, True])
    assert high.tolist() == [900, 899, 0]
    rules["bound.cost_share"] = Fraction(2)
    assert bounds_of(rules, recorded, cost, not_pool)[1].tolist() == [1001, 999, 0]


def test_bounds__agree_with_the_model() -> None:
    rng = random.Random(4)
    for _ in range(300):
        level = rng.choice(("hospital", "case"))
        rules = policy(
            bound_0_level=level,
            bound_0_never_below_zero=rng.random() < 0.5,
            bound_0_cost_share=rng.choice((None, Fraction("1.2"), Fraction("0.333"))),
            bound_0_case_within_cost=level == "case" and rng.random() < 0.5,
            violator_no_increase=rng.random() < 0.5,
        )
        recorded, not_pool = rng.randrange(10**6), rng.randrange(10**6)
        penalised = rng.random() < 0.5
        low, high = bounds_of(rules, [recorded], [recorded + not_pool], [not_pool], [penalised])
        wanted = bounded.bounds_of(rules, recorded, recorded + not_pool, not_pool, penalised)
        assert (NO_LOW if wanted[0] is None else wanted[0]) == low[0]
        assert (NO_HIGH if wanted[1] is None else wanted[1]) == high[0]


@pytest.mark.parametrize(
    "rules",
    [
        policy(bound_0_never_below_zero=True),
        policy(bound_0_cost_share=Fraction(1)),
        policy(bound_0_case_within_cost=True),
        policy(bound_0_level="hospital", bound_0_case_within_cost=True),
    ],
)
def test_bounds__without_a_level_for_them_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refused:
        bounds_of(rules, [1], [1], [0])
    assert "bound.level" in refused.value.text("zh")


def test_is_bounded__asks_whether_anything_can_hold() -> None:
    assert not is_bounded(POLICY, True)
    assert not is_bounded(policy(violator_no_increase=True), False)
    assert is_bounded(policy(violator_no_increase=True), True)
    assert is_bounded(policy(bound_0_level="case", bound_0_case_within_cost=True), False)
    assert is_bounded(policy(bound_0_level="hospital", bound_0_cost_share=Fraction(0)), False)


@given(
    st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=5),
    st.fractions(0, 1000, max_denominator=10**15),
)
def test_share_floor__is_exact(amounts: list[int], share: Fraction) -> None:
    wanted = [amount * share.numerator // share.denominator for amount in amounts]
    assert share_floor(share, np.array(amounts)).tolist() == wanted
