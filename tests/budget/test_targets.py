"""Fund budget, its split, what the control target leaves out and contains, the ceiling in cash."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from drgpay.budget.cash import cash_ceiling
from drgpay.budget.ceiling import OUT_OF_AREA, Payment
from drgpay.budget.deposit import hold_deposits
from drgpay.budget.targets import (
    BudgetFactor,
    CountyPlan,
    control_target,
    covered,
    fund_budget,
    split_budget,
)
from drgpay.ground.errors import InputError
from drgpay.names.plan import BUDGET_FACTORS
from reference.model import wrapper
from tests.budget.years import policy

FIGURES = {
    "revenue": 115_00, "last_year": 100_00, "insured_and_benefits": 6_00, "health_and_prices": -2_00,
    "resources": 1_00, "prepaid_premiums": 0, "risk_reserve": 4_00, "other": 50,
}  # fmt: skip


def factors(**changes: int) -> list[BudgetFactor]:
    figures = FIGURES | changes
    return [BudgetFactor(code, fen, "报表", "基金科") for code, fen in figures.items()]


def refused(call: Any, *args: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*args)
    assert caught.value.remedy
    return caught.value


def test_fund_budget__is_last_year_its_changes_and_the_risk_reserve() -> None:
    made = fund_budget("310", factors(), policy())
    assert (made.budget_fen, made.changes_fen, made.surplus_fen) == (109_50, 5_50, 5_50)
    assert wrapper.expenditure(100_00, [6_00, -2_00, 1_00, 0, 50], 4_00) == 109_50
    assert (made.most_fen, made.growth_cap) == (110_00, Fraction(1, 10))
    assert [f.code for f in made.factors] == list(BUDGET_FACTORS)


def test_fund_budget__beyond_revenue_or_the_cap_is_refused() -> None:
    error = refused(fund_budget, "310", factors(revenue=109_49), policy())
    assert "109.50 yuan, is 0.01 more than its revenue of 109.49" in str(error)
    error = refused(fund_budget, "310", factors(other=1_01), policy())
    assert "at most 110.00" in str(error)
    approved = fund_budget("310", factors(other=1_01), policy(), "某发〔2024〕1号")
    assert (approved.budget_fen, approved.approval) == (110_01, "某发〔2024〕1号")


def test_fund_budget__needs_each_factor_once_with_basis_and_author() -> None:
    some = [*factors(risk_reserve=-1)[1:], BudgetFactor("luck", 1, "x", "y")]
    some[0] = BudgetFactor("last_year", 100_00, " ", "基金科")
    told = refused(fund_budget, "310", [*some, some[1]], policy()).faults
    assert told == (
        "estimated revenue of the year: give it exactly once",
        "insured persons and benefits: give it exactly once",
        "last year's actual expenditure: no basis, or nobody gave it",
        "reserve for spending risk: -0.01 yuan is below 0",
        "no factor 'luck'",
    )


def test_split__the_city_has_what_the_counties_have_not() -> None:
    counties = [CountyPlan("甲县", 300, 50, 10), CountyPlan("乙县", 200, 0, 30)]
    made = split_budget("310", 1000, counties)
    assert (made.city_benefits_fen, made.subsidies_down_fen, made.payments_up_fen) == (500, 50, 40)
    assert (made.city_own_fen, [c.own_fen for c in made.counties]) == (510, [260, 230])
    rows = [(c.benefits_fen, c.subsidy_fen, c.paid_up_fen) for c in counties]
    assert wrapper.split(1000, rows) == (510, [260, 230])


def test_split__that_does_not_hold_is_refused() -> None:
    told = refused(
        split_budget, "310", 100, [CountyPlan("甲", 60, 61), CountyPlan("甲", 50)]
    ).faults
    assert told == (
        "'甲': twice, or without a name",
        "'甲': twice, or without a name",
        "'甲': an amount is below 0, or the subsidy exceeds what it pays for (own money -0.01 yuan)",
        "after the counties the city has benefits of -0.10 yuan and own money of 0.51: below 0",
    )


OUTSIDE = {"out_of_area": 0, "retail_pharmacies": 10, "retired_cadres": 5}


def test_target__names_what_lacks_what_is_strange_and_what_does_not_fit() -> None:
    told = refused(control_target, "310", 100, {"retired_cadres": -1, "other": 3}, policy()).faults
    assert told == (
        "care outside the region: not given",
        "retail pharmacies: not given",
        "care of retired cadres: -0.01 yuan is below 0",
        "other deductions: not one of target.deductions",
    )
    error = refused(control_target, "310", 15, OUTSIDE | {"out_of_area": 1}, policy())
    assert "care outside the region inside it 0.01, left after reserves 0.00" in str(error)


def test_deposits__are_taken_off_once() -> None:
    indices = {"A": 100_00, "B": 200_00, "C": 0}
    beside = hold_deposits(indices, policy(), 10_00)  # the target contains them
    assert [(h.deposit_fen, h.monthly_fen, h.control_fen) for h in beside] == [
        (333, 100_00, 103_33), (667, 200_00, 206_67), (0, 0, 0),
    ]  # fmt: skip
    inside = hold_deposits(indices, policy(), None)
    assert [(h.deposit_fen, h.monthly_fen, h.control_fen) for h in inside] == [
        (5_00, 95_00, 100_00), (10_00, 190_00, 200_00), (0, 0, 0),
    ]  # fmt: skip


AMOUNTS = {
    ("inpatient", "pooled_fund"): 100, ("inpatient", "personal_account"): 20,
    ("inpatient", "other_cost"): 3, ("outpatient", "pooled_fund"): 4000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("care", "money", "inside"),
    [
        (("inpatient",), "pooled_fund", 100),
        (("inpatient",), "fund_and_account", 120),
        (("inpatient",), "all_cost", 123),
        (("inpatient", "outpatient"), "all_cost", 4123),
    ],
)
def test_coverage__of_care_and_money(care: tuple[str, ...], money: str, inside: int) -> None:
    rules = policy(coverage__care=care, coverage__money=money)
    made = covered(AMOUNTS, rules)
    assert (made.covered_fen, made.left_out_fen) == (inside, 4123 - inside)
    assert wrapper.covered(AMOUNTS, rules) == inside
    with pytest.raises(InputError, match="no such kind of cost: dental/pooled_fund"):
        covered({("dental", "pooled_fund"): 1}, rules)


def test_cash__what_one_owes_back_does_not_raise_what_others_get() -> None:
    target = control_target("310", 1015_00, OUTSIDE | {"retail_pharmacies": 10_00, "retired_cadres": 5_00}, policy())  # fmt: skip
    assert [r.amount_fen for r in target.reserves] == [20_00, 30_00, 50_00]
    paid = {"A": 700_00, "B": 100_00}
    held = target.target_fen, target.for_ceiling()
    within = cash_ceiling(
        *held, paid, {"A": -40_00, "B": 90_00}, [Payment(OUT_OF_AREA, 5_00)], 5_00
    )
    assert (within.total_fen, within.free_fen, within.left_fen) == (900_00, 900_00, 0)
    drawn = cash_ceiling(*held, paid, {"A": -40_00, "B": 150_00})
    assert [d.drawn_fen for d in drawn.drawn] == [20_00, 30_00, 0]  # the deposit covers nothing
    owed = {"A": -40_00, "B": 190_00}  # 40.00 of the deposit were released
    freed = cash_ceiling(target.target_fen, target.for_ceiling(40_00), paid, owed)
    assert (freed.free_fen, [d.drawn_fen for d in freed.drawn]) == (940_00, [20_00, 30_00, 0])
    with pytest.raises(InputError, match=r"50\.01 yuan of deposit released, 50\.00 set"):
        target.for_ceiling(50_01)
    error = refused(cash_ceiling, *held, paid, {"A": -40_00, "B": 150_01})
    assert "0.01 more than reserves cover" in str(error)
    with pytest.raises(InputError, match="paid or provided below 0: A"):
        cash_ceiling(*held, {"A": -1}, {})
