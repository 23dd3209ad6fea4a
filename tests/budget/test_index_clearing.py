"""Months and clearing of an index: gates, ratios, compensation, deposits, notices; refusals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from drgpay.budget.index_clearing import IndexYear, clear, clear_pool, excess_by_place
from drgpay.budget.index_months import (
    changed_months,
    index_shares,
    month_budgets,
    notices,
    settle_months,
)
from drgpay.ground.errors import InputError
from tests.budget.years import TIERS, policy

RULES = policy(
    clearing__keep_ratio=Fraction(1, 2),
    clearing__fund_share=Fraction(1, 4),
    patients__growth_min=Fraction(1, 10),
    patients__ratio=Fraction(1, 2),
    patients__cap=Fraction(1, 50),
)


def year(actual: int, **more: Any) -> IndexYear:
    return IndexYear(hospital_id="A", pool="310", index_fen=1000, actual_fen=actual, **more)


@pytest.mark.parametrize(
    ("given", "outcome", "due"),
    [
        ({"actual": 900}, "passed", 950),
        ({"actual": 900, "score": Fraction(3, 5)}, "passed", 950),  # the gate is 0.6
        ({"actual": 900, "score": Fraction(59, 100)}, "failed", 900),
        ({"actual": 900, "score": Fraction(1), "gates_passed": False}, "failed", 900),
        ({"actual": 900, "penalised": True}, "no_increase", 900),
        ({"actual": 900, "ended": True}, "not_assessed", 900),
        ({"actual": 1200, "ended": True}, "not_assessed", 1000),
        ({"actual": 1200, "report": True}, "overspent", 1050),
        ({"actual": 1200}, "overspent", 1000),  # the fund's 50 wait for the report
        ({"actual": 1200, "report": True, "costly_fen": 70}, "overspent", 1120),
    ],
)
def test_clearing__by_gate_standing_and_report(given: Any, outcome: str, due: int) -> None:
    made = clear(year(**given), RULES)
    assert (made.outcome, made.due_fen) == (outcome, due)


def test_clearing__compensates_many_more_patients_first() -> None:
    more = {"report": True, "patients_last": 100}
    # 15 % more patients explain 150 of 200; half is 75, capped at 2 % of the index; 25 % of 180
    made = clear(year(1200, patients=115, **more), RULES)
    assert made.compensation is not None
    assert (made.compensation.reasonable_fen, made.compensation.paid_fen) == (150, 20)
    assert (made.fund_fen, made.borne_fen, made.due_fen) == (45, 135, 1065)
    open_ = clear(year(1200, patients=115, **more), RULES | {"patients.cap": None})
    assert (open_.due_fen, open_.borne_fen) == (1000 + 75 + 31, 94)  # 25 % of 125 is 31.25
    assert clear(year(1200, patients=109, **more), RULES).compensation is None
    assert clear(year(1200, patients=110, **more), RULES).compensation is not None
    assert clear(year(1200, patients=115, patients_last=0), RULES).compensation is None


def test_clearing__in_tiers() -> None:
    rules = RULES | {"clearing.keep_tiers": TIERS, "clearing.overspend_tiers": TIERS}
    # of 120: 50 at 3/4, 50 at 1/3, 20 at 0 is 54.17
    assert clear(year(880), rules).kept_fen == 54
    assert clear(year(1120, report=True), rules).fund_fen == 54


def test_clearing__ends_in_what_is_paid_or_owed() -> None:
    facts = {"paid_fen": 940, "advances_fen": 30, "deposit_fen": 50, "violation_fen": 7}
    made = clear(year(900, score=Fraction(7, 10), **facts), RULES)
    # due 950 − 940 − 30 − 15 − 7
    assert (made.forfeited_fen, made.final_fen) == (15, -42)
    assert (made.payable_fen, made.recover_fen) == (0, 42)
    other = IndexYear(hospital_id="B", pool="310", index_fen=500, actual_fen=500, paid_fen=480)
    both = clear_pool("310", [other, made.given], RULES)
    assert (both.sums["payable_fen"], both.sums["recover_fen"], both.sums["final_fen"]) == (
        20,
        42,
        -22,
    )
    with pytest.raises(InputError, match="institutions twice, missing, or of another pool: A, B"):
        clear_pool("310", [made.given, made.given, IndexYear(hospital_id="B", pool="390", index_fen=1, actual_fen=1)], RULES)  # fmt: skip


def test_clearing__of_a_member_is_what_its_community_says() -> None:
    rows = clear_pool("310", [year(1100, paid_fen=1000)], RULES, {"A": -30}).rows
    assert (rows[0].outcome, rows[0].due_fen, rows[0].final_fen) == ("of_community", 1070, 70)
    (saved,) = clear_pool("310", [year(900)], RULES, {"A": -30}).rows  # of a community in deficit
    assert (saved.due_fen, saved.borne_fen) == (870, 30)
    with pytest.raises(InputError, match="missing, or of another pool: B"):
        clear_pool("310", [year(900)], RULES, {"B": 0})


def test_clearing__of_figures_that_contradict_each_other_is_refused() -> None:
    wrong = year(-1, outside_actual_fen=5, score=Fraction(2), met="most")
    with pytest.raises(InputError) as caught:
        clear(wrong, RULES)
    assert caught.value.faults == (
        "actual_fen: -0.01 yuan is below 0",
        "the part outside the city exceeds the whole",
        "score 2: not 0 to 1",
        "no outcome 'most'",
    )


@pytest.mark.parametrize(
    ("outside_index", "outside_actual", "parts"),
    [
        (100, 130, (70, 30)),
        (100, 50, (100, 0)),
        (100, 350, (0, 100)),
        (100, 99, (100, 0)),
        (100, 201, (0, 100)),
    ],
)
def test_excess__of_one_place_is_lessened_by_the_other(
    outside_index: int, outside_actual: int, parts: tuple[int, int]
) -> None:
    given = year(1100, outside_index_fen=outside_index, outside_actual_fen=outside_actual)
    assert excess_by_place(given) == parts


def test_reward__is_the_funds_where_the_policy_says_so() -> None:
    rules = RULES | {"clearing.method": "three_outcomes", "clearing.reward_payer": "insurance_fund"}
    made = clear(year(900), rules)
    assert (made.reward_fen, made.treasury_fen, made.due_fen) == (30, 0, 930)


# --- months


def test_months__violations_beyond_a_claim_are_taken_off_later_ones() -> None:
    made = settle_months([100, 100], [50, 130], [80, 0], RULES)
    assert [(m.paid_fen, m.owed_fen, m.carry_fen) for m in made] == [(0, 30, 100), (100, 0, 100)]
    told = [(n.kind, n.amount_fen) for m in made for n in notices(m)]
    assert told == [("refused", 80), ("owed", 30)]


def test_notices__say_what_was_deferred_and_paid_late() -> None:
    rules = RULES | {"rollover_pays_deferred": True}
    made = settle_months([100_00, 100_00], [120_00, 90_00], [0, 0], rules)
    first, second = (notices(m) for m in made)
    assert [(n.kind, n.amount_fen) for n in (*first, *second)] == [
        ("deferred", 20_00),
        ("deferred_paid", 10_00),
    ]
    assert (
        first[0].reason.chinese
        == "扣除违规后 120.00 元，超出本月可结算额 100.00 元，年终清算时审核"
    )
    with pytest.raises(InputError, match="one is below 0"):
        settle_months([1], [-1], [0], rules)


def test_notices__tell_what_is_suspended_with_its_own_clause() -> None:
    rules = RULES | {"month.growth_limit": Fraction(1, 10)}
    made = settle_months([100_00, 100_00], [120_00, 20_00], [0, 0], rules, [50_00, None])
    told = [(n.kind, n.amount_fen, n.clause) for m in made for n in notices(m)]
    # 100 of 120 are within the room; of them 55 / 120 are paid
    assert told == [
        ("deferred", 20_00, "S0 29-30"),
        ("suspended", 54_17, "S2 二(二)1(6)"),
    ]
    assert [(m.paid_fen, m.carry_fen) for m in made] == [(45_83, 0), (20_00, 80_00)]


def test_changed_months__leave_past_ones_as_they_were() -> None:
    shares = index_shares(RULES)
    parts = month_budgets(1200, shares)
    made = changed_months(parts, 1500, 7, shares)
    assert made == [100] * 6 + [150] * 6
    assert changed_months(parts, 1101, 12, shares) == [100] * 11 + [1]
    with pytest.raises(InputError, match="the twelve months of past years are needed"):
        index_shares(RULES | {"month_index.pattern": "past_years"}, [[1] * 11])
    with pytest.raises(InputError, match="a month is below 0, or all are 0"):
        index_shares(RULES | {"month_index.pattern": "past_years"}, [[0] * 12])
