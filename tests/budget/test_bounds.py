"""The value within bounds: as the model finds it, exact, and without surprises."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drgpay.budget.bounds import (
    INTERVAL,
    LARGEST,
    NO_HIGH,
    NO_LOW,
    NONE_TOO_HIGH,
    NONE_TOO_LOW,
    UNIQUE,
    Items,
    exact_payment,
    group_sums,
    payments,
    solve,
    states,
    whole_fen,
)
from drgpay.budget.kernels import compare_products
from drgpay.ground.errors import InputError
from drgpay.ground.money import POINT
from reference.model import bounded
from tests.budget.problems import Problem, difference, drawn


def check(problem: Problem) -> str:
    """Compare a problem with the model and hold its payments to what they must be."""
    items = problem.engine
    found = solve(items, problem.target)
    wrong = difference(problem, found)
    assert not wrong, wrong
    paid = payments(items, found)
    model = bounded.solve(problem.model, problem.target)
    assert paid.tolist() == bounded.item_fen(problem.model, model), problem
    assert int(paid.sum()) == found.total_fen
    assert (paid >= items.low_fen).all() and (paid <= items.high_fen).all()
    group = np.array(problem.group)
    exact = group_sums(items, found.state, found.value, group, 3)
    wanted = bounded.group_payments(problem.model, model.value, {})
    assert exact == [wanted.get(g, Fraction(0)) for g in range(3)], problem
    assert int(whole_fen(exact, found.total_fen).sum()) == found.total_fen
    return found.kind


def test_solve__finds_what_the_model_finds() -> None:
    rng = random.Random(20240101)
    kinds = [check(drawn(rng)) for _ in range(600)]
    for kind in (UNIQUE, INTERVAL, NONE_TOO_LOW, NONE_TOO_HIGH):
        assert kinds.count(kind) > 30, kind


@pytest.mark.long
def test_solve__finds_what_the_model_finds_in_many_problems() -> None:
    rng = random.Random(7)
    for _ in range(150_000):
        check(drawn(rng))


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**13),
            st.integers(-(10**15), 10**15),
            st.integers(-(10**15), 10**15),
            st.integers(0, 10**15),
        ),
        min_size=1,
        max_size=8,
    ),
    st.integers(-(10**16), 10**16),
)
def test_solve__with_amounts_of_a_nation_is_exact(
    rows: list[tuple[int, int, int, int]], target: int
) -> None:
    points, not_pool, low, width = (list(column) for column in zip(*rows, strict=True))
    high = [a + b for a, b in zip(low, width, strict=True)]
    check(Problem(points, not_pool, [*low], [*high], [0] * len(rows), {}, target))


def test_solve__with_the_largest_figures_leaves_64_bits_and_stays_exact() -> None:
    size, big = 9, LARGEST
    points = [big - k * k for k in range(size)]
    not_pool = [big - 7 * k for k in range(size)]
    for bound in (None, big):
        low: list[int | None] = [None if bound is None else -bound] * size
        for target in (1, 12345678901234567):
            problem = Problem(points, not_pool, low, [bound] * size, [0, 1, 2] * 3, {}, target)
            assert check(problem) == UNIQUE
            assert solve(problem.engine, target).value.numerator > 1 << 62


def test_payments__too_large_for_whole_fen_are_refused() -> None:
    items = Items.of([1, LARGEST], [0, 0], [NO_LOW, -5], [NO_HIGH, LARGEST])
    with pytest.raises(InputError) as refused:
        payments(items, solve(items, 9 * LARGEST))
    assert "点值" in refused.value.text("zh")


@settings(max_examples=500)
@given(*[st.integers(0, (1 << 62) - 1)] * 4)
def test_compare_products__is_exact(a: int, b: int, c: int, d: int) -> None:
    assert compare_products(a, b, c, d) == (a * b > c * d) - (a * b < c * d)
    assert compare_products(a, b, b, a) == 0
    if a:
        assert compare_products(a, d, a, max(d - 1, 0)) == (d > 0)


def test_solve__without_bounds_is_the_plain_point_value() -> None:
    items = Items.of([2_650_000, 1_204_000], [70_000, 31_111])
    found = solve(items, 123_457)
    assert found.kind == UNIQUE
    assert found.value == Fraction((123_457 + 101_111) * POINT, 3_854_000)
    assert (found.at_low, found.at_high, found.highest_fen) == (0, 0, None)


def test_solve__by_hand() -> None:
    """A hospital is held up at 0, one held down at 1000; the third takes the rest.

    500 x V − 4000 < 0, 100 x V − 0 > 1000, 200 x V − 100 = 1900 − 1000 − 0 at V = 5 is 900.
    """
    items = Items.of([5_000_000, 3_000_000, 2_000_000], [4000, 0, 100], 0, [NO_HIGH, 1000, NO_HIGH])
    found = solve(items, 1900)
    assert (found.kind, found.value) == (UNIQUE, Fraction(5))
    assert found.state.tolist() == [-1, 1, 0]
    assert payments(items, found).tolist() == [0, 1000, 900]
    assert exact_payment(items, found.state, found.value, 2) == 900
    assert (found.at_low, found.at_high) == (1, 1)


def test_solve__on_a_flat_stretch_takes_the_smallest_value() -> None:
    """100 points reach their 1000 fen at V = 10; 200 points leave their 500 at V = 20."""
    items = Items.of([1_000_000, 2_000_000], [0, 3500], [0, 500], [1000, 9000])
    found = solve(items, 1500)
    assert (found.kind, found.value, found.value_high) == (INTERVAL, 10, 20)
    assert payments(items, found).tolist() == [1000, 500]


def test_solve__when_all_values_pay_the_target_takes_nought() -> None:
    found = solve(Items.of([10_000], [0], 700, 700), 700)
    assert (found.kind, found.value, found.value_high) == (INTERVAL, 0, None)
    assert solve(Items.of([], []), 0).kind == INTERVAL


def test_solve__with_a_target_out_of_reach_names_the_nearest_total() -> None:
    items = Items.of([1_000_000, 2_000_000], [100, 100], 0, [1000, 500])
    high = solve(items, 1501)
    assert (high.kind, high.total_fen, high.highest_fen) == (NONE_TOO_HIGH, 1500, 1500)
    assert high.value == 11 and high.state.tolist() == [1, 1]  # 100 x 11 − 100
    assert payments(items, high).tolist() == [1000, 500]
    low = solve(items, -1)
    assert (low.kind, low.total_fen, low.lowest_fen, low.value) == (NONE_TOO_LOW, 0, 0, 0)
    assert not low.solved and not high.solved


def test_solve__with_a_negative_total_finds_no_negative_value() -> None:
    assert solve(Items.of([10_000], [50]), -51).kind == NONE_TOO_LOW
    assert solve(Items.of([10_000], [50]), -50).value == 0


def test_solve__does_not_depend_on_the_order_of_items() -> None:
    rng = random.Random(3)
    for _ in range(300):
        problem = drawn(rng)
        order = list(range(len(problem.points)))
        rng.shuffle(order)
        items = problem.engine
        shuffled = Items(*(column[order] for column in items.arrays))
        a, b = solve(items, problem.target), solve(shuffled, problem.target)
        assert (a.kind, a.value, a.value_high) == (b.kind, b.value, b.value_high)
        assert a.state[order].tolist() == b.state.tolist()


def test_payments__more_points_never_mean_less_pay() -> None:
    rng = random.Random(11)
    for _ in range(2000):
        problem = drawn(rng)
        items = problem.engine
        i = rng.randrange(len(items))
        more = items.points.copy()
        more[i] += rng.choice((1, 7, 10**6))
        richer = Items.of(more, *items.arrays[1:])
        before, after = solve(items, problem.target), solve(richer, problem.target)
        if before.solved and after.solved:
            had = exact_payment(items, before.state, before.value, i)
            assert exact_payment(richer, after.state, after.value, i) >= had, (problem, i)


def test_payments__ties_go_to_the_item_that_stands_first() -> None:
    items = Items.of([10_000] * 4, [0] * 4)
    assert payments(items, solve(items, 402)).tolist() == [101, 101, 100, 100]


def test_states__of_a_bound_just_reached_are_inside() -> None:
    items = Items.of([10_000, 10_000, 0, 0, 0], [0, 0, 5, 5, 5], [3, 0, -5, -4, NO_LOW],
                     [9, 3, 9, 9, -6])  # fmt: skip
    assert states(items, Fraction(3)).tolist() == [0, 0, 0, -1, 1]


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (([-1], [0], 0, 5), "点数小于0"),
        (([1], [0], 6, 5), "保底高于封顶"),
        (([1], [LARGEST + 1], 0, 5), "超出可计算范围"),
        (([1], [0], NO_LOW + 1, 5), "超出可计算范围"),
    ],
)
def test_items__that_cannot_be_paid_are_refused(columns: tuple[object, ...], word: str) -> None:
    with pytest.raises(InputError) as refused:
        Items.of(*columns)  # type: ignore[arg-type]
    assert word in refused.value.text("zh")


def test_solve__of_a_million_cases_is_exact() -> None:
    rng = np.random.default_rng(5)
    n = 1_000_000
    points = (rng.lognormal(0, 0.8, n) * 1_000_000).astype(np.int64)
    points[rng.random(n) < 0.01] = 0
    cost = (points * rng.lognormal(0.4, 0.4, n)).astype(np.int64) + 50_000
    fund = (cost * rng.uniform(0.5, 0.9, n)).astype(np.int64)
    items = Items.of(points, cost - fund, 0, np.where(rng.random(n) < 0.1, NO_HIGH, fund * 6 // 5))
    target = int(fund.sum()) * 98 // 100
    found = solve(items, target)
    assert found.kind == UNIQUE and found.at_low > 1000 and found.at_high > 100_000
    unit = found.value / POINT
    raw = (
        points.astype(object) * unit.numerator
        - items.not_pool_fen.astype(object) * unit.denominator
    )
    low = items.low_fen.astype(object) * unit.denominator
    high = items.high_fen.astype(object) * unit.denominator
    exact = np.minimum(np.maximum(raw, low), high)
    assert sum(exact.tolist()) == target * unit.denominator
    assert (found.state == (raw > high).astype(int) - (raw < low).astype(int)).all()
    paid = payments(items, found)
    assert int(paid.sum()) == target
    off = paid.astype(object) * unit.denominator - exact
    assert (abs(off) < unit.denominator).all()
    hospital = np.arange(n) % 97
    assert sum(group_sums(items, found.state, found.value, hospital, 97)) == target
