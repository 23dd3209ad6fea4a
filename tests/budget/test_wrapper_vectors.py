"""The small vectors of the global budget, worked out by hand, to the fen: engine and model."""

from __future__ import annotations

from fractions import Fraction

import pytest

from drgpay.budget.blocks import CityHospital, plan_blocks, referral_rate
from drgpay.budget.communities import (
    MemberBudget,
    same_sign_warnings,
    settle_community,
    transfer,
)
from drgpay.budget.index_clearing import IndexYear, clear
from drgpay.budget.index_months import index_shares, month_budgets, settle_months
from drgpay.budget.indices import Adjustment, Base, Volume, effective_volume, index_of
from drgpay.budget.pool import check_growth
from drgpay.budget.prepayment import (
    advance,
    month_prepayment,
    offset,
    paid_within_index,
    working_capital,
)
from drgpay.budget.targets import control_target
from drgpay.ground.errors import InputError
from drgpay.ground.money import decimal_text, fen_of_yuan
from drgpay.policy import YearPolicy, load_policy
from reference.model import wrapper
from tests.budget.test_communities import FILING
from tests.budget.years import policy

Y = fen_of_yuan
SHANGYU: YearPolicy = load_policy("shangyu-budget", catalogue="budget").for_year(2013)


@pytest.mark.parametrize(("change", "yuan"), [("0.035", "12777777.66"), ("-0.0125", "12191357.91")])
def test_t1__index_of_base_and_adjustment(change: str, yuan: str) -> None:
    base = Base("H1", "310", "three_years", (), Y("12345678.90"))
    made = index_of(base, [Adjustment("scope", Fraction(change), "given")], policy())
    assert made.index_fen == Y(yuan) == wrapper.index(base.base_fen, [Fraction(change)])


T2 = [("90000", "0"), ("115000", "1000"), ("97000", "0"), ("104000.55", "200.05")]


@pytest.mark.parametrize(
    ("pays_deferred", "paid", "carry", "deferred"),
    [
        (
            False,
            ["90000.00", "110000.00", "97000.00", "103000.00"],
            ["10000", "0", "3000", "0"],
            ["0", "4000", "4000", "4800.50"],
        ),
        (
            True,
            ["90000.00", "110000.00", "100000.00", "100000.00"],
            ["10000", "0", "0", "0"],
            ["0", "4000", "1000", "4800.50"],
        ),
    ],
)
def test_t2__months_roll_on_and_defer(
    pays_deferred: bool, paid: list[str], carry: list[str], deferred: list[str]
) -> None:
    rules = policy(rollover_pays_deferred=pays_deferred)
    rows = [(Y("100000"), Y(claim), Y(violation), None) for claim, violation in T2]
    made = settle_months([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], rules)
    assert [m.paid_fen for m in made] == [Y(text) for text in paid]
    assert [m.carry_fen for m in made] == [Y(text) for text in carry]
    assert [m.deferred_total_fen for m in made] == [Y(text) for text in deferred]
    columns = zip(paid, carry, deferred, strict=True)
    assert wrapper.months(rows, rules) == [(Y(a), Y(b), Y(c), 0, 0) for a, b, c in columns]


CONTROL = Y("1000000")


def test_t3__a_saving_is_rewarded_with_30_percent_by_the_treasury() -> None:
    year = IndexYear(
        hospital_id="H1", pool="390", index_fen=CONTROL, actual_fen=CONTROL - Y("87654.33")
    )
    made = clear(year, SHANGYU)
    assert (made.reward_fen, made.treasury_fen) == (Y("26296.30"), Y("26296.30"))
    assert made.due_fen == year.actual_fen  # the fund pays no reward
    assert wrapper.clear(year, SHANGYU)["treasury_fen"] == Y("26296.30")


@pytest.mark.parametrize(
    ("met", "borne", "fund"),
    [
        ("some", "41604.93", "127530.80"),  # 37,037.03 + 4,567.90; 86,419.75 + 41,111.05
        ("all", "0.00", "169135.73"),
        ("no_indicator", "169135.73", "0.00"),
    ],
)
def test_t3b__overspending_is_shared_by_outcome_inside_and_outside(
    met: str, borne: str, fund: str
) -> None:
    inside, outside = Y("123456.78"), Y("45678.95")
    year = IndexYear(
        hospital_id="H1",
        pool="390",
        index_fen=CONTROL,
        actual_fen=CONTROL + inside + outside,
        outside_index_fen=Y("200000"),
        outside_actual_fen=Y("200000") + outside,
        met=met,
    )
    made = clear(year, SHANGYU)
    assert (made.excess_inside_fen, made.excess_outside_fen) == (inside, outside)
    assert (made.borne_fen, made.fund_fen) == (Y(borne), Y(fund))
    assert wrapper.clear(year, SHANGYU)["borne_fen"] == Y(borne)
    assert made.due_fen == CONTROL + Y(fund)


def test_t4__community_transfer_and_the_same_side() -> None:
    rows = [
        MemberBudget("L", "310", "pooled", Y("5000000"), Y("200000")),
        MemberBudget("T1", "310", "pooled", Y("1200000"), Y("-150000")),
        MemberBudget("T2", "310", "pooled", Y("800000"), Y("-50000")),
    ]
    moved = transfer(FILING, rows)
    assert [r.after_fen for r in moved.rows] == [Y("4800000"), Y("1350000"), Y("850000")]
    assert moved.total_fen == Y("7000000")
    actual = {"L": Y("4700000"), "T1": Y("1400000"), "T2": Y("830000")}
    (warning,) = same_sign_warnings(moved, actual)
    assert warning.chinese.startswith("T1 自身差额 -50,000.00 元，医共体总体结余 70,000.00 元")
    rules = policy(clearing__keep_ratio=Fraction(1))
    made = settle_community(moved, actual, rules, {"T1": 0})
    assert (made.side, made.amount_fen) == ("surplus", Y("70000"))
    # 70,000 between own surpluses of 100,000 and 20,000
    assert [r.amount_fen for r in made.rows] == [Y("58333.33"), 0, Y("11666.67")]


def test_t5__control_target() -> None:
    rules = policy(
        out_of_area="deducted",
        target__deductions=("retail_pharmacies", "retired_cadres"),
        target__reserves=("deposit",),
    )
    outside = {
        "retail_pharmacies": Y("42000000"),
        "out_of_area": Y("35500000.50"),
        "retired_cadres": Y("6200000"),
    }
    made = control_target("310", Y("500000000"), outside, rules)
    assert made.target_fen == Y("416299999.50")
    assert made.reserves[0].amount_fen == Y("20814999.98")  # 5 % is 20,814,999.975
    assert made.free_fen == Y("395484999.52")
    inside = control_target(
        "310", Y("500000000"), outside, rules | {"out_of_area": "inside_budget"}
    )
    assert (inside.target_fen, inside.inside_fen) == (Y("451800000"), Y("35500000.50"))


@pytest.mark.parametrize(("cap", "most"), [("0.075", "502981882.71"), ("0.10", "514679135.80")])
def test_t6__growth(cap: str, most: str) -> None:
    rules = policy(budget_growth_cap=Fraction(cap))
    check_growth("310", Y(most), Y("467890123.45"), rules)
    with pytest.raises(InputError, match="more than the cap"):
        check_growth("310", Y(most) + 1, Y("467890123.45"), rules)
    assert wrapper.grown(Y("467890123.45"), Fraction(cap)) == Y(most)


def test_t12__visits_and_persons() -> None:
    volume = Volume(visits=1523, repeated=0, heads=1207)
    assert volume.visits_per_head is not None and volume.repeat_rate is not None
    assert decimal_text(volume.visits_per_head, 4) == "1.2618"
    assert decimal_text(volume.repeat_rate * 100, 2) == "20.75"
    nothing = Volume(visits=0, repeated=0, heads=0)
    assert (nothing.visits_per_head, nothing.repeat_rate) == (None, None)


def test_volume__less_repeated_or_persons_less_invalid_ones() -> None:
    volume = Volume(visits=1523, repeated=200, heads=1207, invalid_heads=7, invalid_visits=23)
    for measure, invalid, effective in (
        ("less_repeated", True, 1300), ("less_repeated", False, 1323),
        ("per_head", True, 1200), ("per_head", False, 1207),
    ):  # fmt: skip
        rules = policy(volume__measure=measure, volume__invalid_heads=invalid)
        assert effective_volume(volume, rules) == effective
        assert wrapper.effective(1523, 200, 1207, (7, 23), rules) == effective


# --- others by hand


def test_months__of_an_index_equal_or_as_past_years() -> None:
    assert sum(month_budgets(100_01, index_shares(policy()))) == 100_01
    rules = policy(month_index__pattern="past_years")
    past = [[1] * 11 + [13], [1] * 11 + [13]]  # December is 26 of 48
    made = month_budgets(48_00, index_shares(rules, past))
    assert made == [2_00] * 11 + [26_00]


def test_shangyu__blocks_carry_care_outside_by_income() -> None:
    blocks = {
        "new_institutions": 10_00, "township_centres": 20_00, "out_of_prefecture": 100_00,
        "in_prefecture": 5_00, "emergencies": 1_00,
    }  # fmt: skip
    parts = {"outpatient": 30_00, "inpatient": 60_00, "special_disease": 10_00}
    hospitals = [CityHospital("A", parts, 2), CityHospital("B", parts, 1)]
    made = plan_blocks("390", blocks, hospitals, 336_00, SHANGYU)
    assert [(h.outside_fen, h.control_fen) for h in made.hospitals] == [
        (6667, 16667),
        (3333, 13333),
    ]
    assert wrapper.outside_shares(100_00, {"A": 2, "B": 1}) == {"A": 6667, "B": 3333}
    assert made.total_fen == 336_00
    with pytest.raises(InputError, match=r"336\.00 yuan, 0\.01 more than last year's 335\.99"):
        plan_blocks("390", blocks, hospitals, 335_99, SHANGYU)
    assert referral_rate("A", 15, 100, SHANGYU).within is True
    assert referral_rate("A", 16, 100, SHANGYU).within is False
    assert referral_rate("A", 0, 0, SHANGYU).within is None


def test_money__before_it_is_due() -> None:
    rules = policy()
    index = Y("1200000.07")  # a month of it is 100,000.0058
    assert working_capital("H1", "310", Y("100000"), index, rules).limit_fen == Y("100000.00")
    assert wrapper.limit(index, Fraction(1)) == Y("100000")
    with pytest.raises(
        InputError, match=r"limit is 1 × a month of its index, 100,000\.00"
    ) as caught:
        working_capital("H1", "310", Y("60000"), index, rules, Y("40000.01"))
    assert "可拨 59,999.99 元以内" in caught.value.text("zh")
    with pytest.raises(InputError, match="is in breach of its agreement"):
        advance("H1", "310", 1, index, rules, breach=True)
    granted = advance(
        "H1", "310", Y("100000"), index, rules | {"advance.breach": "allow"}, breach=True
    )
    assert granted.outstanding_fen == Y("100000")
    assert offset(Y("100000"), Y("60000"), 9, rules).offset_fen == 0
    back = offset(Y("100000"), Y("60000"), 10, rules)
    assert (back.paid_fen, back.outstanding_fen) == (0, Y("40000"))
    rest = offset(back.outstanding_fen, Y("60000"), 11, rules)
    assert (rest.paid_fen, rest.outstanding_fen) == (Y("20000"), 0)
    assert offset(Y("5"), -Y("3"), 12, rules).paid_fen == -Y("3")
    assert paid_within_index(rules) and not paid_within_index(SHANGYU)
    half = month_prepayment(Y("1200000"), Y("90000.01"), rules)
    assert half.prepaid_fen == Y("95000.01")  # (100,000 + 90,000.01) ÷ 2 = 95,000.005
