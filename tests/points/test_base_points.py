"""Quartiles, trimming, stability and base points of groups, against lists and fractions."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction as F
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drgpay.errors import InputError
from drgpay.points.base import (
    HistoryCosts,
    Moments,
    base_points_of,
    given_base_points,
    group_tables,
    history_base_points,
    middle_interval,
    multiple_of,
    quartiles_x4,
    ten_thousandths,
)
from drgpay.policy import YearPolicy, load_policy

COSTS = st.lists(st.integers(1, 10**11), min_size=1, max_size=40).map(sorted)
NEAR = st.lists(st.integers(1, 12), min_size=1, max_size=25).map(sorted)
FACTORS = st.sampled_from([F(0), F(1, 2), F(3, 2), F(333, 1000), F(10**9)])


def policy(**overrides: str) -> YearPolicy:
    texts = [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()]
    return load_policy("testland").for_year(2024, texts)


def array(costs: list[int]) -> Any:
    return np.array(costs, dtype=np.int64)


# --- quartiles


@pytest.mark.parametrize(
    ("costs", "kind", "quartiles"),
    [
        ([100, 200, 300, 400], "7", (F(175), F(325))),
        ([100, 200, 300, 400], "6", (F(125), F(375))),
        ([100, 200, 300, 400, 500], "7", (F(200), F(400))),
        ([100, 200, 300, 400, 500], "6", (F(150), F(450))),
        ([10, 20], "7", (F(25, 2), F(35, 2))),
        ([10, 20], "6", (F(10), F(20))),  # (n + 1) / 4 lies before the first: kept inside
        ([10, 20, 30], "6", (F(10), F(30))),
        ([77], "7", (F(77), F(77))),
        ([77], "6", (F(77), F(77))),
        ([5, 5, 5, 5, 5, 5], "7", (F(5), F(5))),
        ([1, 2, 3, 4, 5, 6, 7], "7", (F(5, 2), F(11, 2))),
        ([1, 2, 3, 4, 5, 6, 7], "6", (F(2), F(6))),
    ],
)
def test_quartiles__small_groups_by_hand(
    costs: list[int], kind: str, quartiles: tuple[F, F]
) -> None:
    assert tuple(F(q, 4) for q in quartiles_x4(array(costs), kind)) == quartiles


@given(COSTS, st.sampled_from("67"))
def test_quartiles__as_the_statistics_module(costs: list[int], kind: str) -> None:
    own = [F(q, 4) for q in quartiles_x4(array(costs), kind)]
    if len(costs) == 1:
        assert own == [costs[0], costs[0]]
        return
    method = "inclusive" if kind == "7" else "exclusive"
    first, _, third = statistics.quantiles([F(c) for c in costs], n=4, method=method)
    # "exclusive" reaches beyond the data in tiny groups; type 6 keeps inside
    inside = [min(max(q, F(costs[0])), F(costs[-1])) for q in (first, third)]
    assert own == inside


# --- middle interval


def kept_of(costs: list[int], lower: F, upper: F, kind: str) -> list[int]:
    q1, q3 = (F(q, 4) for q in quartiles_x4(array(costs), kind))
    least, most = q1 - lower * (q3 - q1), q3 + upper * (q3 - q1)
    return [cost for cost in costs if least <= cost <= most]


@given(COSTS | NEAR, FACTORS, FACTORS, st.sampled_from("67"))
@example([1, 10**11], F(10**9), F(10**9), "7")
@example([1, 4], F(0), F(0), "7")
def test_middle_interval__as_a_plain_list(costs: list[int], lower: F, upper: F, kind: str) -> None:
    kept = middle_interval(array(costs), lower, upper, kind)
    assert kept.tolist() == kept_of(costs, lower, upper, kind)


def test_middle_interval__fences_are_inclusive() -> None:
    # type 7 of 8 values: Q1 = 275, Q3 = 625, IQR = 350; fences 100 and 1150
    costs = [99, 100, 300, 400, 500, 600, 700, 1150]
    q1, q3 = (F(q, 4) for q in quartiles_x4(array(costs), "7"))
    assert (q1, q3) == (250, 625)
    lower, upper = (q1 - 100) / (q3 - q1), (F(1150) - q3) / (q3 - q1)
    assert middle_interval(array(costs), lower, upper, "7").tolist() == costs[1:]
    tighter = middle_interval(array(costs), lower, upper - F(1, 10**9), "7")
    assert tighter.tolist() == costs[1:-1]


def test_middle_interval__may_leave_nothing() -> None:
    assert middle_interval(array([10, 20]), F(0), F(0), "7").tolist() == []


# --- moments and the coefficient of variation


@given(st.lists(st.integers(0, 10**11), max_size=60).map(sorted))
def test_moments__exact_sums(costs: list[int]) -> None:
    moments = Moments.of(array(costs))
    assert (moments.n, moments.total) == (len(costs), sum(costs))
    assert moments.squares == sum(cost * cost for cost in costs)


def test_moments__many_large_costs_do_not_overflow() -> None:
    costs = [10**11 - 1] * 1_100_000
    moments = Moments.of(array(costs))
    assert moments.squares == 1_100_000 * (10**11 - 1) ** 2
    assert moments.cv_within(F(0), "sample")


@given(
    st.lists(st.integers(1, 10**11), min_size=1, max_size=30).map(sorted) | NEAR,
    st.sampled_from([F(0), F(1, 10), F(1, 2), F(1), F(3, 2), F(7071, 10_000)]),
    st.sampled_from(["sample", "population"]),
)
def test_cv_within__against_fractions(costs: list[int], limit: F, deviation: str) -> None:
    n, divisor = len(costs), len(costs) - (deviation == "sample")
    within = Moments.of(array(costs)).cv_within(limit, deviation)
    if divisor == 0:
        assert not within
        return
    mean = F(sum(costs), n)
    variance = sum((cost - mean) ** 2 for cost in costs) / divisor
    assert within == (variance <= limit**2 * mean**2)
    shown = Moments.of(array(costs)).cv(deviation)
    assert shown == pytest.approx(math.sqrt(variance) / mean, rel=1e-9, abs=1e-12)


def test_cv_within__exactly_at_the_limit() -> None:
    # population: mean 2, deviation 1, CV 1/2; sample: variance 2, CV = sqrt(2)/2
    moments = Moments.of(array([1, 3]))
    assert moments.cv_within(F(1, 2), "population")
    assert not moments.cv_within(F(1, 2) - F(1, 10**12), "population")
    assert not moments.cv_within(F(7071067811, 10**10), "sample")
    assert moments.cv_within(F(7071067812, 10**10), "sample")


def test_cv__there_is_none_of_one_case_or_no_case() -> None:
    one = Moments.of(array([500]))
    assert one.cv("sample") is None
    assert one.cv("population") == 0
    assert not one.cv_within(F(10), "sample")
    assert one.cv_within(F(0), "population")
    assert not Moments.of(array([])).cv_within(F(10), "population")


# --- base points


@pytest.mark.parametrize(
    ("mean", "base", "multiple"),
    [
        (1_250_000, 1_000_000, F(3)),
        (1_250_001, 1_000_001, F(2)),
        (3_750_000, 3_000_000, F(2)),
        (3_750_001, 3_000_001, F(3, 2)),
        (777_777, 622_222, F(3)),
        (40_000, 32_000, F(3)),
    ],
)
def test_base_points__bands_at_their_limits__t9(mean: int, base: int, multiple: F) -> None:
    p = policy()
    assert base_points_of(mean, 1_250_000, p) == base
    assert multiple_of(base, p["high.bands"]) == multiple


@pytest.mark.parametrize(
    ("places", "points"),
    [("4", 622_222), ("3", 622_220), ("2", 622_200), ("1", 622_000), ("0", 620_000)],
)
def test_base_points__decimals(places: str, points: int) -> None:
    assert base_points_of(777_777, 1_250_000, policy(base_points_dp=places)) == points


@given(
    st.integers(1, 10**11),
    st.integers(1, 10**9),
    st.integers(0, 4),
    st.sampled_from(["100", "1", "1000", "100.5"]),
)
def test_base_points__are_rounded_once(mean: int, all_mean: int, dp: int, scale: str) -> None:
    p = policy(base_points_dp=str(dp), point_scale=scale)
    exact = F(mean, all_mean) * F(scale)
    shown = F(base_points_of(mean, all_mean, p), 10_000)
    assert abs(shown - exact) <= F(1, 2 * 10**dp)
    assert (shown * 10**dp).denominator == 1
    if abs(shown - exact) == F(1, 2 * 10**dp):
        assert shown > exact


def test_ten_thousandths__more_than_four_decimals_are_refused() -> None:
    assert ten_thousandths(F(13333, 10_000), "K") == 13333
    with pytest.raises(InputError, match="K 26667/20000 has more than four decimals"):
        ten_thousandths(F(26667, 20_000), "K")


# --- means from history


def history(p: YearPolicy, **costs: list[int]) -> Any:
    names = sorted(costs)
    past = HistoryCosts()
    for number, name in enumerate(names):
        for part in (costs[name][::2], costs[name][1::2]):
            past.add(np.full(len(part), number), array(part))
    return history_base_points(past, names, p, (2022, 2023))


def test_history__means_counts_and_stability() -> None:
    made = history(policy(), AA11=[100, 200, 300, 400, 500, 601], BB11=[1000], CC11=[])
    assert made.all_mean_fen == 443  # (2101 + 1000) / 7
    assert list(made.groups) == ["AA11", "BB11"]
    a, b = made.groups["AA11"], made.groups["BB11"]
    assert (a.mean_fen, a.n_before, a.n_after, a.stable) == (350, 6, 6, True)
    assert a.base_points == 790_068  # 350/443 x 100 = 79.00677…
    assert (b.mean_fen, b.n_before, b.n_after, b.stable) == (1000, 1, 1, False)
    assert (b.cv_before, b.cv_after) == (None, None)
    assert made.history_cases == 7


@pytest.mark.parametrize(
    ("cases", "inclusive", "stable"),
    [(5, "false", False), (6, "false", True), (5, "true", True), (4, "true", False)],
)
def test_history__number_of_cases_at_its_limit(cases: int, inclusive: str, stable: bool) -> None:
    p = policy(**{"stable.inclusive": inclusive})
    assert history(p, AA11=[100] * cases).groups["AA11"].stable is stable


def test_history__trimmed_only_beyond_the_limit_of_cv() -> None:
    costs = [100] * 9 + [110, 10_000]
    wild = history(policy(), AA11=costs).groups["AA11"]
    assert (wild.n_before, wild.n_after, wild.mean_fen, wild.stable) == (11, 9, 100, True)
    tame = history(policy(**{"stable.cv_max": "4"}), AA11=costs).groups["AA11"]
    assert (tame.n_before, tame.n_after, tame.mean_fen) == (11, 11, 1001)
    always = policy(**{"stable.cv_max": "4", "trim.when": "always"})
    assert history(always, AA11=costs).groups["AA11"].n_after == 9
    never = policy(**{"trim.method": "none"})
    assert history(never, AA11=costs).groups["AA11"].n_after == 11
    assert not history(never, AA11=costs).groups["AA11"].stable


def test_history__quartile_type_changes_what_is_kept() -> None:
    costs = [100, 200, 300, 1000]
    # type 7: Q1 175, Q3 475, upper fence 925; type 6: Q1 125, Q3 825, upper fence 1875
    fences = {"trim.when": "always", "trim.lower_factor": "0.5", "trim.upper_factor": "1.5"}
    seven = history(policy(**fences, **{"trim.quantile_type": "7"}), AA11=costs).groups["AA11"]
    six = history(policy(**fences, **{"trim.quantile_type": "6"}), AA11=costs).groups["AA11"]
    assert (seven.n_after, seven.mean_fen) == (3, 200)
    assert (six.n_after, six.mean_fen) == (4, 400)


def test_history__sample_and_population_deviation_differ() -> None:
    costs = [1, 1, 1, 1, 1, 11]  # population CV 1.398, sample CV 1.531
    options = {"trim.method": "none", "stable.cv_max": "1.4"}
    population = policy(**options, **{"stable.cv_sd": "population"})
    assert history(population, AA11=costs).groups["AA11"].stable
    assert not history(policy(**options), AA11=costs).groups["AA11"].stable


def test_history__a_group_trimmed_away_is_as_one_without_history() -> None:
    options = {"trim.when": "always", "trim.lower_factor": "0", "trim.upper_factor": "0"}
    made = history(policy(**options), AA11=[10, 20], BB11=[500, 500])
    assert list(made.groups) == ["BB11"]
    assert made.all_mean_fen == 500


def test_history__nothing_to_stand_on_is_refused() -> None:
    with pytest.raises(InputError, match="the history holds no grouped case with a cost"):
        history(policy(), AA11=[])
    options = {"trim.when": "always", "trim.lower_factor": "0", "trim.upper_factor": "0"}
    with pytest.raises(InputError, match="trimming left no past case"):
        history(policy(**options), AA11=[10, 20])


# --- tables for the kernel


def test_group_tables__primary_groups_are_flat_even_without_base_points() -> None:
    p = policy(primary_groups="AA11,CC11")
    base = given_base_points({"AA11": (500, True), "BB11": (600, False)}, 500, p)
    tables = group_tables(base, ["0000", "AA11", "BB11", "CC11"], p, 1)
    assert tables.flat.tolist() == [False, True, False, True]
    assert tables.stable.tolist() == [False, True, False, False]
    assert tables.mean.tolist() == [0, 500, 600, 0]
    assert tables.base.tolist() == [0, 1_000_000, 1_200_000, 0]
    assert tables.high_multiple.tolist() == [0, 30_000, 20_000, 0]


@pytest.mark.parametrize(
    ("mean", "all_mean", "scale", "step"),
    [
        (10**15, 1, "100", 1),  # base points beyond 64 bits
        (5 * 10**10, 5 * 10**10, "100", 1),  # a group mean of 500 million yuan
        (5 * 10**8, 5 * 10**8, "100", 10_000),
        (100, 1, "1000000", 1),
    ],
)
def test_group_tables__too_large_to_compute_with_is_refused(
    mean: int, all_mean: int, scale: str, step: int
) -> None:
    p = policy(point_scale=scale)
    base = given_base_points({"AA11": (mean, True)}, all_mean, p)
    with pytest.raises(InputError, match=r"the mean of AA11, .* too large to compute with"):
        group_tables(base, ["AA11"], p, step)
