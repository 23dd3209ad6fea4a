"""Trimming, stability, weighting and base points of groups, against lists and fractions."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drgpay.ground.errors import InputError, PolicyError
from drgpay.ground.money import round_half_away
from drgpay.points.base import (
    BasePoints,
    GroupBase,
    base_points_of,
    given_base_points,
    group_tables,
    history_base_points,
    multiple_of,
    ten_thousandths,
)
from drgpay.points.history import History
from drgpay.points.trimming import (
    EVERYTHING,
    GroupCosts,
    Moments,
    interpolated,
    limits_of,
    places_of,
    quantile_place,
    shares_wanted,
)
from drgpay.policy import YearPolicy, load_policy

COSTS = st.lists(st.integers(1, 10**11), min_size=1, max_size=40).map(sorted)
NEAR = st.lists(st.integers(1, 12), min_size=1, max_size=25).map(sorted)
FACTORS = st.sampled_from(["0", "0.5", "1.5", "0.333", "1000000000"])
SHARES = st.sampled_from(["0", "0.05", "0.1", "0.25", "0.333", "0.5"])
TESTLAND = load_policy("testland")


def policy(**overrides: str) -> YearPolicy:
    texts = [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()]
    return TESTLAND.for_year(2024, texts)


def moments(costs: Sequence[int]) -> Moments:
    return Moments(len(costs), sum(costs), sum(cost * cost for cost in costs))


def quantile(costs: Sequence[int], share: F, kind: str) -> F:
    place = quantile_place(len(costs), share, kind)
    below, above = places_of(place)
    return interpolated(place, costs[below], costs[above])


def limits(costs: Sequence[int], p: YearPolicy) -> tuple[int, int]:
    kind = p["trim.quantile_type"]
    group = GroupCosts(
        moments(costs), tuple(quantile(costs, share, kind) for share in shares_wanted(p))
    )
    return limits_of(group, p, lambda mean: F(3))


def kept(costs: Sequence[int], p: YearPolicy) -> list[int]:
    low, high = limits(costs, p)
    return [cost for cost in costs if low <= cost <= high]


# --- quantiles


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
    assert tuple(quantile(costs, F(q, 4), kind) for q in (1, 3)) == quartiles


@given(COSTS, st.sampled_from("67"), st.sampled_from([4, 20, 100]))
def test_quantiles__as_the_statistics_module(costs: list[int], kind: str, parts: int) -> None:
    own = [quantile(costs, F(k, parts), kind) for k in range(1, parts)]
    if len(costs) == 1:
        assert set(own) == {F(costs[0])}
        return
    method = "inclusive" if kind == "7" else "exclusive"
    theirs = statistics.quantiles([F(c) for c in costs], n=parts, method=method)
    # "exclusive" reaches beyond the data in tiny groups; type 6 keeps inside
    assert own == [min(max(q, F(costs[0])), F(costs[-1])) for q in theirs]


def test_quantiles__ends_are_the_smallest_and_the_largest() -> None:
    for kind in "67":
        assert quantile([3, 5, 9], F(0), kind) == 3
        assert quantile([3, 5, 9], F(1), kind) == 9


# --- methods of trimming


@given(COSTS | NEAR, FACTORS, FACTORS, st.sampled_from("67"))
@example([1, 10**11], "1000000000", "1000000000", "7")
@example([1, 4], "0", "0", "7")
def test_middle_interval__as_a_plain_list(
    costs: list[int], lower: str, upper: str, kind: str
) -> None:
    p = policy(
        trim__when="always",
        trim__lower_factor=lower,
        trim__upper_factor=upper,
        trim__quantile_type=kind,
    )
    q1, q3 = (quantile(costs, F(q, 4), kind) for q in (1, 3))
    least, most = q1 - F(lower) * (q3 - q1), q3 + F(upper) * (q3 - q1)
    assert kept(costs, p) == [cost for cost in costs if least <= cost <= most]


def test_middle_interval__fences_are_inclusive() -> None:
    # type 7 of 8 values: Q1 = 250, Q3 = 625, IQR = 375; fences 100 and 1150
    costs = [99, 100, 300, 400, 500, 600, 700, 1150]
    assert (quantile(costs, F(1, 4), "7"), quantile(costs, F(3, 4), "7")) == (250, 625)
    exact = policy(trim__when="always", trim__lower_factor="0.4", trim__upper_factor="1.4")
    assert kept(costs, exact) == costs[1:]
    tighter = policy(
        trim__when="always", trim__lower_factor="0.4", trim__upper_factor="1.399999999"
    )
    assert kept(costs, tighter) == costs[1:-1]


def test_middle_interval__may_leave_nothing() -> None:
    p = policy(trim__when="always", trim__lower_factor="0", trim__upper_factor="0")
    assert kept([10, 20], p) == []


@given(COSTS | NEAR, SHARES, st.sampled_from(["0.5", "0.667", "0.95", "1"]), st.sampled_from("67"))
def test_percentiles__as_a_plain_list(costs: list[int], lower: str, upper: str, kind: str) -> None:
    p = policy(
        trim__method="percentiles",
        trim__when="always",
        trim__lower_percentile=lower,
        trim__upper_percentile=upper,
        trim__quantile_type=kind,
    )
    least, most = quantile(costs, F(lower), kind), quantile(costs, F(upper), kind)
    assert kept(costs, p) == [cost for cost in costs if least <= cost <= most]


def test_percentiles__lower_above_upper_is_refused() -> None:
    for method in ("percentiles", "winsorise"):
        p = policy(trim__method=method, trim__lower_percentile="0.96")
        with pytest.raises(PolicyError, match=r"0\.96 is above the upper one 0\.95"):
            shares_wanted(p)
    assert shares_wanted(policy(trim__method="sd", trim__lower_percentile="0.96")) == ()


@given(
    COSTS | NEAR,
    st.sampled_from(["0", "1", "1.5", "2", "3", "0.707106781"]),
    st.sampled_from(["sample", "population"]),
)
def test_deviations__as_fractions(costs: list[int], multiple: str, deviation: str) -> None:
    p = policy(
        trim__method="sd",
        trim__when="always",
        trim__sd_multiple=multiple,
        stable__cv_sd=deviation,
    )
    divisor = len(costs) - (deviation == "sample")
    if not divisor:
        assert limits(costs, p) == EVERYTHING
        return
    mean = F(sum(costs), len(costs))
    variance = sum((cost - mean) ** 2 for cost in costs) / divisor
    near = [cost for cost in costs if (cost - mean) ** 2 <= F(multiple) ** 2 * variance]
    assert kept(costs, p) == near


def test_deviations__exactly_one_deviation_away_is_kept() -> None:
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, population deviation 2
    costs = [2, 4, 4, 4, 5, 5, 7, 9]
    p = policy(
        trim__method="sd", trim__when="always", trim__sd_multiple="1", stable__cv_sd="population"
    )
    assert limits(costs, p) == (3, 7)
    wider = policy(
        trim__method="sd", trim__when="always", trim__sd_multiple="1", stable__cv_sd="sample"
    )
    assert limits(costs, wider) == (3, 7)  # 5 -/+ 2.138


@pytest.mark.parametrize(
    ("low_inclusive", "high_inclusive", "limits_"),
    [
        ("true", "true", (401, 2999)),
        ("false", "true", (400, 2999)),
        ("true", "false", (401, 3000)),
        ("false", "false", (400, 3000)),
    ],
)
def test_multiples__a_cost_at_a_limit_is_what_its_class_would_be(
    low_inclusive: str, high_inclusive: str, limits_: tuple[int, int]
) -> None:
    p = policy(
        trim__method="multiples",
        trim__when="always",
        low__inclusive=low_inclusive,
        high__inclusive=high_inclusive,
    )
    costs = [400, 600, 1000, 1000, 2000]  # mean 1000, 0.4 x = 400, 3 x = 3000
    assert limits(costs, p) == limits_


def test_trimming__only_of_groups_whose_cv_is_above_the_limit() -> None:
    costs = [100, 100, 100, 100, 10_000]  # sample CV 2.1
    assert limits(costs, policy()) != EVERYTHING
    assert limits(costs, policy(stable__cv_max="3")) == EVERYTHING
    assert limits(costs, policy(stable__cv_max="3", trim__when="always")) != EVERYTHING
    assert limits([100], policy()) == EVERYTHING  # one case has no sample deviation


# --- moments and the coefficient of variation


@given(
    st.lists(st.integers(1, 10**11), min_size=1, max_size=30) | NEAR,
    st.sampled_from([F(0), F(1, 10), F(1, 2), F(1), F(3, 2), F(7071, 10_000)]),
    st.sampled_from(["sample", "population"]),
)
def test_cv_within__against_fractions(costs: list[int], limit: F, deviation: str) -> None:
    n, divisor = len(costs), len(costs) - (deviation == "sample")
    within = moments(costs).cv_within(limit, deviation)
    if divisor == 0:
        assert not within
        return
    mean = F(sum(costs), n)
    variance = sum((cost - mean) ** 2 for cost in costs) / divisor
    assert within == (variance <= limit**2 * mean**2)
    shown = moments(costs).cv(deviation)
    assert shown == pytest.approx(math.sqrt(variance) / mean, rel=1e-9, abs=1e-12)


def test_cv_within__exactly_at_the_limit() -> None:
    # population: mean 2, deviation 1, CV 1/2; sample: variance 2, CV = sqrt(2)/2
    own = moments([1, 3])
    assert own.cv_within(F(1, 2), "population")
    assert not own.cv_within(F(1, 2) - F(1, 10**12), "population")
    assert not own.cv_within(F(7071067811, 10**10), "sample")
    assert own.cv_within(F(7071067812, 10**10), "sample")


def test_cv__there_is_none_of_one_case_or_no_case() -> None:
    one = moments([500])
    assert one.cv("sample") is None
    assert one.cv("population") == 0
    assert not one.cv_within(F(10), "sample")
    assert one.cv_within(F(0), "population")
    assert not Moments().cv_within(F(10), "population")


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
    assert multiple_of(base, p) == multiple


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

Past = Mapping[str, Mapping[int, Sequence[int]]]  # drg → year → costs
YEARS = (2022, 2023)


def base_of(p: YearPolicy, past: Past, years: tuple[int, ...] = YEARS) -> BasePoints:
    names = sorted(past)
    rows = [
        (g, year, c) for g, drg in enumerate(names) for year in past[drg] for c in past[drg][year]
    ]
    random.Random(len(rows)).shuffle(rows)
    with History() as history:
        for part in (rows[::2], rows[1::2]):
            table = np.array(part, dtype=np.int64).reshape(-1, 3)
            history.add(table[:, 0], table[:, 2], table[:, 1])
        return history_base_points(history, names, {n: n[:3] for n in names}, p, years)


def history(p: YearPolicy, **costs: list[int]) -> BasePoints:
    return base_of(p, {drg: {2023: own} for drg, own in costs.items()})


def test_history__means_counts_and_stability() -> None:
    made = history(policy(), AA11=[100, 200, 300, 400, 500, 601], BB11=[1000], CC11=[])
    assert made.all_mean_fen == 443  # (2101 + 1000) / 7
    assert list(made.groups) == ["AA11", "BB11"]
    a, b = made.groups["AA11"], made.groups["BB11"]
    assert (a.mean_fen, a.n_before, a.n_after, a.stable) == (350, 6, 6, True)
    assert a.base_points == 790_068  # 350/443 x 100 = 79.00677…
    assert (a.mean_before_fen, a.median_before_fen, a.median_after_fen) == (350, 350, 350)
    assert (a.trimmed, a.origin, a.review) == (0, "history", False)
    assert (b.mean_fen, b.n_before, b.n_after, b.stable) == (1000, 1, 1, False)
    assert (b.cv_before, b.cv_after) == (None, None)
    assert made.history_cases == 7


@pytest.mark.parametrize(
    ("cases", "inclusive", "stable"),
    [(5, "false", False), (6, "false", True), (5, "true", True), (4, "true", False)],
)
def test_history__number_of_cases_at_its_limit(cases: int, inclusive: str, stable: bool) -> None:
    p = policy(stable__inclusive=inclusive)
    assert history(p, AA11=[100] * cases).groups["AA11"].stable is stable


def test_history__trimmed_only_beyond_the_limit_of_cv() -> None:
    costs = [100] * 9 + [110, 10_000]
    wild = history(policy(), AA11=costs).groups["AA11"]
    assert (wild.n_before, wild.n_after, wild.mean_fen, wild.stable) == (11, 9, 100, True)
    assert (wild.trimmed, wild.mean_before_fen) == (2, 1001)
    tame = history(policy(stable__cv_max="4"), AA11=costs).groups["AA11"]
    assert (tame.n_before, tame.n_after, tame.mean_fen) == (11, 11, 1001)
    always = policy(stable__cv_max="4", trim__when="always")
    assert history(always, AA11=costs).groups["AA11"].n_after == 9
    never = policy(trim__method="none")
    assert history(never, AA11=costs).groups["AA11"].n_after == 11
    assert not history(never, AA11=costs).groups["AA11"].stable


def test_history__quartile_type_changes_what_is_kept__t7() -> None:
    costs = [100, 200, 300, 1000]
    # type 7: Q1 175, Q3 475, upper fence 925; type 6: Q1 125, Q3 825, upper fence 1875
    always = {"trim__when": "always"}
    seven = history(policy(**always, trim__quantile_type="7"), AA11=costs).groups["AA11"]
    six = history(policy(**always, trim__quantile_type="6"), AA11=costs).groups["AA11"]
    assert (seven.n_after, seven.mean_fen, seven.median_after_fen) == (3, 200, 200)
    assert (six.n_after, six.mean_fen, six.median_after_fen) == (4, 400, 250)


def test_history__sample_and_population_deviation_differ__t7() -> None:
    costs = [1, 1, 1, 1, 1, 11]  # population CV 1.398, sample CV 1.531
    options = {"trim__method": "none", "stable__cv_max": "1.4"}
    assert history(policy(**options, stable__cv_sd="population"), AA11=costs).groups["AA11"].stable
    assert not history(policy(**options), AA11=costs).groups["AA11"].stable


def test_history__winsorised_costs_count_at_the_limit() -> None:
    # type 7 of 6 values: P10 at 0.5: 150, P90 at 4.5: 5250; both ends are clipped
    p = policy(
        trim__method="winsorise",
        trim__when="always",
        trim__lower_percentile="0.1",
        trim__upper_percentile="0.9",
    )
    own = history(p, AA11=[100, 200, 300, 400, 500, 10_000]).groups["AA11"]
    assert own.mean_fen == round((150 + 200 + 300 + 400 + 500 + 5250) / 6)
    assert (own.n_before, own.n_after, own.trimmed) == (6, 6, 2)
    assert (own.median_before_fen, own.median_after_fen) == (350, 350)
    assert own.cv_after == pytest.approx(
        statistics.stdev([150, 200, 300, 400, 500, 5250]) / 6800 * 6
    )


def test_history__a_median_may_be_half_a_fen_and_may_be_clipped() -> None:
    p = policy(trim__method="none")
    assert history(p, AA11=[1, 4]).groups["AA11"].median_before_fen == F(5, 2)
    clip = policy(
        trim__method="winsorise",
        trim__when="always",
        trim__lower_percentile="0.5",
        trim__upper_percentile="1",
    )
    assert history(clip, AA11=[1, 4]).groups["AA11"].median_after_fen == F(7, 2)  # 3 and 4


def test_history__a_group_trimmed_away_is_as_one_without_history() -> None:
    options = {"trim__when": "always", "trim__lower_factor": "0", "trim__upper_factor": "0"}
    made = history(policy(**options), AA11=[10, 20], BB11=[500, 500])
    assert list(made.groups) == ["BB11"]
    assert made.all_mean_fen == 500


def test_history__nothing_to_stand_on_is_refused() -> None:
    with pytest.raises(InputError, match="the history holds no grouped case with a cost"):
        history(policy(), AA11=[])
    options = {"trim__when": "always", "trim__lower_factor": "0", "trim__upper_factor": "0"}
    with pytest.raises(InputError, match="trimming left no past case"):
        history(policy(**options), AA11=[10, 20])


# --- years


def test_years__means_of_years_by_weight() -> None:
    past = {"AA11": {2022: [100, 200, 300], 2023: [600]}, "BB11": {2022: [1000]}}
    pooled = base_of(policy(), past)
    assert (pooled.groups["AA11"].mean_fen, pooled.all_mean_fen) == (300, 440)
    p = policy(history__weighting="yearly_means", history__year_weights="3,1")
    made = base_of(p, past)
    assert made.groups["AA11"].mean_fen == 500  # (3 x 600 + 1 x 200) / 4
    assert made.groups["BB11"].mean_fen == 1000  # only the years in which it has cases
    assert made.all_mean_fen == 550  # (3 x 600 + 1 x 400) / 4


def test_years__too_few_weights_are_refused() -> None:
    p = policy(history__weighting="yearly_means", history__year_weights="1")
    with pytest.raises(PolicyError, match="the history has 2 years, there are 1 weights"):
        base_of(p, {"AA11": {2023: [1]}})
    assert base_of(p, {"AA11": {2023: [7]}}, (2023,)).all_mean_fen == 7


def test_years__a_group_with_cases_only_in_years_without_weight_is_refused() -> None:
    p = policy(history__weighting="yearly_means", history__year_weights="1,0")
    past = {"AA11": {2022: [5], 2023: [9]}, "BB11": {2022: [1000]}}
    with pytest.raises(PolicyError, match="BB11: every year with cases has the weight 0"):
        base_of(p, past)
    assert base_of(p, {"AA11": past["AA11"]}).groups["AA11"].mean_fen == 9
    lent = policy(
        history__weighting="yearly_means",
        history__year_weights="1,0",
        small_groups="borrow_adrg",
    )
    with pytest.raises(PolicyError, match="AA13: every year"):
        base_of(lent, {"AA11": {2023: [5] * 9}, "AA13": {2022: [7]}})


# --- small groups

SMALL = {"AA11": {2023: [100] * 6}, "AA13": {2023: [400, 460]}, "BB11": {2023: [900]}}


def test_small_groups__unstable() -> None:
    own = base_of(policy(), SMALL).groups["AA13"]
    assert (own.mean_fen, own.stable, own.origin, own.review) == (430, False, "history", False)


def test_small_groups__borrow_the_mean_of_the_adrg() -> None:
    made = base_of(policy(small_groups="borrow_adrg"), SMALL)
    lent, alone, rich = made.groups["AA13"], made.groups["BB11"], made.groups["AA11"]
    assert (lent.mean_fen, lent.origin, lent.stable) == (183, "borrowed", True)  # 1460 / 8
    assert (lent.n_before, lent.n_after, lent.mean_before_fen) == (2, 2, 430)
    assert lent.base_points == base_points_of(183, made.all_mean_fen, policy())
    assert (alone.mean_fen, alone.origin, alone.stable) == (900, "borrowed", False)
    assert (rich.mean_fen, rich.origin, rich.stable) == (100, "history", True)
    assert made.all_mean_fen == base_of(policy(), SMALL).all_mean_fen


def test_small_groups__too_wild_together_lends_a_mean_and_no_stability() -> None:
    p = policy(small_groups="borrow_adrg", trim__method="none", stable__cv_max="0.5")
    lent = base_of(p, {"AA11": {2023: [100] * 6}, "AA13": {2023: [5000]}}).groups["AA13"]
    assert (lent.mean_fen, lent.origin, lent.stable) == (800, "borrowed", False)


def test_small_groups__cv_alone_borrows_nothing() -> None:
    p = policy(small_groups="borrow_adrg", trim__method="none")
    wild = {"AA11": {2023: [1, 1, 1, 1, 1, 1, 100]}, "AA13": {2023: [50] * 9}}
    own = base_of(p, wild).groups["AA11"]
    assert (own.origin, own.stable) == ("history", False)


def test_small_groups__trimmed_away_borrows_too() -> None:
    options = {"trim__when": "always", "trim__lower_factor": "0", "trim__upper_factor": "0"}
    past = {"AA11": {2023: [100] * 6}, "AA13": {2023: [10, 20]}}
    assert list(base_of(policy(**options), past).groups) == ["AA11"]
    lent = base_of(policy(**options, small_groups="borrow_adrg"), past).groups["AA13"]
    assert (lent.mean_fen, lent.n_before, lent.n_after, lent.trimmed) == (100, 2, 0, 2)
    assert (lent.stable, lent.median_after_fen, lent.cv_after) == (True, None, None)


def test_small_groups__weights_of_years_hold_for_what_is_borrowed() -> None:
    p = policy(
        small_groups="borrow_adrg",
        history__weighting="yearly_means",
        history__year_weights="1,3",
        trim__method="none",
    )
    past = {"AA11": {2022: [100] * 6}, "AA13": {2022: [800], 2023: [600, 600]}}
    lent = base_of(p, past).groups["AA13"]
    assert lent.mean_fen == 300  # (1 x 600 + 3 x 200) / 4


def test_small_groups__review() -> None:
    p = policy(small_groups="review")
    made = base_of(p, SMALL)
    assert [made.groups[d].review for d in ("AA11", "AA13", "BB11")] == [False, True, True]
    assert not made.groups["AA13"].stable
    tables = group_tables(made, ["AA11", "AA13", "BB11", "CC11"], p, 1)
    assert tables.review.tolist() == [False, True, True, True]  # CC11 has no past case at all
    given_ = given_base_points({"AA11": (500, True)}, 500, p)
    assert not group_tables(given_, ["AA11", "CC11"], p, 1).review.any()


# --- against plain lists


def plain(p: YearPolicy, past: Past) -> dict[str, tuple[int, int, int, bool]]:
    """Return mean, n before and after, stability of each group by plain lists and fractions."""

    def cv_squared(costs: Sequence[F]) -> F | None:
        d = len(costs) - (p["stable.cv_sd"] == "sample")
        if d < 1:
            return None
        mean = sum(costs, F(0)) / len(costs)
        return sum(((c - mean) ** 2 for c in costs), F(0)) / d / mean**2

    everything = [c for own in past.values() for costs in own.values() for c in costs]
    all_mean = round_half_away(F(sum(everything), len(everything)))
    found = {}
    for drg, own in past.items():
        costs = sorted(c for some in own.values() for c in some)
        if not costs:
            continue
        cv = cv_squared([F(c) for c in costs])
        left = list(costs)
        if p["trim.when"] == "always" or (cv is not None and cv > p["stable.cv_max"] ** 2):
            method, kind = p["trim.method"], p["trim.quantile_type"]
            low, high = (
                quantile(costs, p[f"trim.{side}_percentile"], kind) for side in ("lower", "upper")
            )
            if method == "middle_interval":
                q1, q3 = quantile(costs, F(1, 4), kind), quantile(costs, F(3, 4), kind)
                low = q1 - p["trim.lower_factor"] * (q3 - q1)
                high = q3 + p["trim.upper_factor"] * (q3 - q1)
            mean = F(sum(costs), len(costs))
            if method == "winsorise":
                low, high = F(round_half_away(low)), F(round_half_away(high))
                left = [int(min(max(c, low), high)) for c in costs]
            elif method in ("middle_interval", "percentiles"):
                left = [c for c in costs if low <= c <= high]
            elif method == "sd" and cv is not None:
                widest = p["trim.sd_multiple"] ** 2 * cv * mean**2
                left = [c for c in costs if (c - mean) ** 2 <= widest]
            elif method == "multiples":
                m = round_half_away(mean)
                k = multiple_of(base_points_of(m, all_mean, p), p)
                left = [c for c in costs if p["low.multiple"] * m < c < k * m]
        if not left:
            continue
        after = cv_squared([F(c) for c in left])
        stable = len(left) > p["stable.min_cases"] and after is not None
        stable = stable and after <= p["stable.cv_max"] ** 2
        found[drg] = (round_half_away(F(sum(left), len(left))), len(costs), len(left), stable)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_history__against_plain_lists(seed: int) -> None:
    r = random.Random(seed)
    p = policy(
        trim__method=r.choice(
            ["middle_interval", "percentiles", "winsorise", "sd", "multiples", "none"]
        ),
        trim__when=r.choice(["always", "cv_above"]),
        trim__quantile_type=r.choice("67"),
        trim__sd_multiple=r.choice(["0.5", "1", "2"]),
        trim__lower_percentile=r.choice(["0", "0.1", "0.25"]),
        trim__upper_percentile=r.choice(["1", "0.9", "0.75"]),
        stable__cv_max=r.choice(["0.3", "0.5", "1"]),
        stable__cv_sd=r.choice(["sample", "population"]),
        stable__min_cases=str(r.choice([1, 5])),
    )
    past = {
        f"{adrg}1{k}": {
            year: [max(1, round(r.lognormvariate(8 + k, r.choice([0.1, 1, 2])))) for _ in range(n)]
            for year, n in ((2022, r.randint(0, 12)), (2023, r.randint(0, 12)))
        }
        for adrg in ("AA", "BB")
        for k in range(3)
    }
    past["CC11"] = {2023: [10**11, 10**11 - 1, 1, 5, 5, 5, 5, 5]}
    made = base_of(p, past)
    assert {
        drg: (own.mean_fen, own.n_before, own.n_after, own.stable)
        for drg, own in made.groups.items()
    } == plain(p, past)


# --- tables for the kernel


def test_group_tables__by_number() -> None:
    p = policy()
    base = given_base_points({"AA11": (500, True), "BB11": (600, False)}, 500, p)
    tables = group_tables(base, ["0000", "AA11", "BB11", "CC11"], p, 1)
    assert tables.stable.tolist() == [False, True, False, False]
    assert tables.mean.tolist() == [0, 500, 600, 0]
    assert tables.base.tolist() == [0, 1_000_000, 1_200_000, 0]
    assert tables.high_multiple.tolist() == [0, 30_000, 20_000, 0]
    assert base.groups["AA11"] == GroupBase("AA11", 500, 1_000_000, True)
    assert base.groups["AA11"].origin == "given"


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
