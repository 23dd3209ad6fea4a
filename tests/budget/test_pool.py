"""What a year settles to: single ratios, tiers, the reserve, growth of budgets."""

import random
from fractions import Fraction
from typing import Any

import pytest

from drgpay.budget import formulas
from drgpay.budget.pool import (
    Tiers,
    available_budget,
    check_growth,
    share,
)
from drgpay.ground.errors import InputError, PolicyError
from reference.model import bounded


def settled_total(recorded: int, available: int, policy: Any, reserve: int | None = None) -> int:
    return share(recorded, available, policy, reserve).settled_fen


POLICY: dict[str, Any] = {
    "keep_ratio": Fraction("0.85"),
    "fund_share_of_overspend": Fraction("0.15"),
    "keep_tiers": None,
    "overspend_tiers": None,
    "overspend_cap": "none",
    "reserve_ratio": Fraction("0.05"),
    "out_of_area": "inside_budget",
    "budget_growth_cap": Fraction("0.10"),
}
KEEP: Tiers = (
    (Fraction("0.1"), Fraction("0.8")),
    (Fraction("0.2"), Fraction("0.5")),
    (None, Fraction(0)),
)
BEAR: Tiers = (
    (Fraction("0.05"), Fraction("0.7")),
    (Fraction("0.1"), Fraction("0.3")),
    (None, Fraction(0)),
)


@pytest.mark.parametrize(
    ("recorded", "settled"),
    [
        (90_000, 98_500),  # 90,000 + 0.85 x 10,000
        (100_000, 100_000),
        (110_000, 101_500),  # 100,000 + 0.15 x 10,000
        (99_999, 100_000),  # 99,999.85
    ],
)
def test_settled_total__with_single_ratios(recorded: int, settled: int) -> None:
    assert settled_total(recorded, 100_000, POLICY) == settled


@pytest.mark.parametrize(
    ("under_fen", "reward_fen"),
    [(8_765_433, 2_629_630)],  # 30 % of 87,654.33 is 26,296.30
)
def test_settled_total__of_a_surplus_rewarded_with_30_percent(
    under_fen: int, reward_fen: int
) -> None:
    policy = POLICY | {"keep_tiers": ((None, Fraction("0.3")),)}
    assert settled_total(50_000_000, 50_000_000 + under_fen, policy) == 50_000_000 + reward_fen


@pytest.mark.parametrize(
    ("recorded", "settled"),
    [
        # B = 1,000,000: surplus in tiers of 100,000 at 0.8, the next 100,000 at 0.5, the rest at 0
        (950_000, 990_000),  # 950,000 + 0.8 x 50,000
        (900_000, 980_000),  # + 80,000
        (899_999, 980_000),  # + 80,000 + 0.5 x 1 = 979,999.5
        (850_000, 955_000),  # + 80,000 + 25,000
        (700_000, 830_000),  # + 80,000 + 50,000 + 0
        # overspend in tiers of 50,000 at 0.7, the next 50,000 at 0.3, the rest at 0
        (1_040_000, 1_028_000),  # 1,000,000 + 0.7 x 40,000
        (1_050_000, 1_035_000),
        (1_080_000, 1_044_000),  # + 35,000 + 0.3 x 30,000
        (1_300_000, 1_050_000),  # + 35,000 + 15,000 + 0
    ],
)
def test_settled_total__with_tiers(recorded: int, settled: int) -> None:
    policy = POLICY | {"keep_tiers": KEEP, "overspend_tiers": BEAR}
    assert settled_total(recorded, 1_000_000, policy) == settled


def test_share__lists_each_tier_and_ties_out() -> None:
    result = share(1_080_000, 1_000_000, POLICY | {"overspend_tiers": BEAR})
    assert [(p.part_fen, p.share_fen) for p in result.parts] == [
        (50_000, 35_000), (30_000, 9_000), (0, 0),
    ]  # fmt: skip
    assert result.overspent and result.settled_fen == result.uncapped_fen == 1_044_000


def test_share__of_an_overspend_stops_at_the_reserve() -> None:
    policy = POLICY | {"fund_share_of_overspend": Fraction("0.5"), "overspend_cap": "reserve"}
    capped = share(1_200_000, 1_000_000, policy, 50_000)
    assert (capped.uncapped_fen, capped.cap_fen, capped.settled_fen) == (
        1_100_000,
        1_050_000,
        1_050_000,
    )
    assert settled_total(1_080_000, 1_000_000, policy, 50_000) == 1_040_000
    assert settled_total(900_000, 1_000_000, policy) == 985_000  # a surplus needs no reserve
    with pytest.raises(PolicyError, match="reserve"):
        settled_total(1_080_000, 1_000_000, policy)


def test_share__with_a_budget_that_is_eaten_leaves_the_open_tier_alone() -> None:
    result = share(100, -1000, POLICY | {"overspend_tiers": ((Fraction("0.1"), Fraction(1)), (None, Fraction("0.25")))})  # fmt: skip
    assert [p.part_fen for p in result.parts] == [0, 1100]
    assert result.settled_fen == -725


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        ((Fraction("0.1"), Fraction(1)),),
        ((Fraction("0.2"), Fraction(1)), (Fraction("0.1"), Fraction(1)), (None, Fraction(0))),
        ((Fraction(0), Fraction(1)), (None, Fraction(0))),
        ((None, Fraction(1)), (None, Fraction(0))),
        ((Fraction("0.1"), Fraction("1.1")), (None, Fraction(0))),
        ((None, Fraction(-1)),),
    ],
)
def test_tiers__that_do_not_rise_to_an_open_end_are_refused(tiers: Tiers) -> None:
    with pytest.raises(PolicyError):
        settled_total(1, 2, POLICY | {"keep_tiers": tiers})


def test_settled_total__agrees_with_the_model_and_never_falls() -> None:
    rng = random.Random(8)
    for _ in range(2000):
        limits = sorted(rng.sample(range(1, 40), rng.randint(0, 3)))
        tiers = tuple((Fraction(limit, 100), Fraction(rng.randint(0, 20), 20)) for limit in limits)
        policy = POLICY | {
            rng.choice(("keep_tiers", "overspend_tiers")): (*tiers, (None, Fraction(rng.randint(0, 9), 9))),
            "overspend_cap": rng.choice(("none", "reserve")),
        }  # fmt: skip
        budget = rng.randint(-1000, 10**6)
        a, b = sorted((rng.randint(0, 2 * 10**6), rng.randint(0, 2 * 10**6)))
        reserve = rng.randint(0, 10**5)
        one, two = (settled_total(f, budget, policy, reserve) for f in (a, b))
        assert one == bounded.settled_total(a, budget, policy, reserve)
        assert two == bounded.settled_total(b, budget, policy, reserve)
        assert one <= two


def test_available_budget__takes_off_reserve_and_care_outside() -> None:
    result = available_budget(1_000_001, 30_000, POLICY)
    assert (result.reserve_fen, result.available_fen) == (50_000, 920_001)
    assert (
        available_budget(1_000_001, 30_000, POLICY | {"out_of_area": "deducted"}).available_fen
        == 950_001
    )


@pytest.mark.parametrize(("rate", "grown"), [("0.075", 50_298_188_271), ("0.10", 51_467_913_580)])
def test_grown__of_467_890_123_45_yuan(rate: str, grown: int) -> None:
    assert formulas.grown(Fraction(46_789_012_345), Fraction(rate)) == grown


def test_check_growth__holds_a_budget_to_the_cap() -> None:
    last, most = 46_789_012_345, 51_467_913_580
    check_growth("310", most, last, POLICY)
    with pytest.raises(InputError) as refused:
        check_growth("310", most + 1, last, POLICY)
    for text in (refused.value.text("zh"), refused.value.text("en")):
        for figure in ("310", "514,679,135.81", "467,890,123.45", "10 %", "514,679,135.80"):
            assert figure in text
    check_growth("310", most + 1, last, POLICY, "某市政函〔2024〕1号")


def test_check_growth__without_last_year_checks_nothing() -> None:
    check_growth("310", 5, None, POLICY)
    with pytest.raises(InputError, match="at most"):
        check_growth("310", 5, 0, POLICY)
