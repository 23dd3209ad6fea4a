"""Parts of a year that stand by themselves, drawn: engine and model alike, sums held."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drgpay.budget.blocks import CITY, CityHospital, plan_blocks
from drgpay.budget.index_months import changed_months, month_budgets
from drgpay.budget.indices import Volume, effective_volume, volume_change
from drgpay.budget.prepayment import advance, offset, working_capital
from drgpay.budget.targets import (
    CHANGES,
    BudgetFactor,
    CountyPlan,
    covered,
    fund_budget,
    split_budget,
)
from drgpay.ground.errors import InputError
from drgpay.names.plan import BLOCKS, CARE, HOSPITAL_PARTS, PAYERS
from reference.model import wrapper
from tests.budget.years import drawn_policy, policy, ratio

SEEDS = st.integers(0, 2**48)
drawn = settings(max_examples=40, deadline=None, derandomize=True)


@drawn
@given(SEEDS)
def test_budget__split_and_coverage(seed: int) -> None:
    rng = random.Random(seed)
    last, reserve = rng.randint(0, 10**12), rng.randint(0, 10**9)
    changes = {code: rng.randint(-(10**9), 10**9) for code in CHANGES}
    cap = ratio(rng)
    rules = drawn_policy(rng) | {"budget_growth_cap": cap}
    budget = wrapper.expenditure(last, list(changes.values()), reserve)
    figures = {**changes, "last_year": last, "risk_reserve": reserve, "revenue": 10**13}
    factors = [BudgetFactor(code, fen, "x", "y") for code, fen in figures.items()]
    if budget > wrapper.grown(last, cap):
        with pytest.raises(InputError, match="more than the cap"):
            fund_budget("310", factors, rules)
    else:
        made = fund_budget("310", factors, rules)
        assert (made.budget_fen, made.budget_fen + made.surplus_fen) == (budget, 10**13)
    counties = [
        CountyPlan(f"C{n}", rng.randint(10**6, 10**9), rng.randint(0, 10**6), rng.randint(0, 10**6))
        for n in range(rng.randint(0, 6))
    ]
    whole = 10**10 + rng.randint(0, 10**10)
    split = split_budget("310", whole, counties)
    rows = [(c.benefits_fen, c.subsidy_fen, c.paid_up_fen) for c in counties]
    assert (split.city_own_fen, [c.own_fen for c in counties]) == wrapper.split(whole, rows)
    assert split.city_benefits_fen + sum(c.benefits_fen for c in counties) == whole
    amounts = {(care, payer): rng.randint(0, 10**6) for care in CARE for payer in PAYERS}
    part = covered(amounts, rules)
    assert part.covered_fen == wrapper.covered(amounts, rules)
    assert part.covered_fen + part.left_out_fen == sum(amounts.values())


@drawn
@given(SEEDS)
def test_blocks__are_shared_whole(seed: int) -> None:
    rng = random.Random(seed)
    blocks = {code: rng.randint(0, 10**9) for code in BLOCKS if code != CITY}
    hospitals = [
        CityHospital(
            f"H{n}",
            {part: rng.randint(0, 10**9) for part in HOSPITAL_PARTS},
            rng.choice((0, rng.randint(1, 10**9))) if n else 1,
        )
        for n in range(rng.randint(1, 8))
    ]
    made = plan_blocks("390", blocks, hospitals, 10**13, policy())
    shares = {h.hospital_id: h.outside_fen for h in made.hospitals}
    incomes = {h.hospital_id: h.income_fen for h in hospitals}
    assert shares == wrapper.outside_shares(blocks["out_of_prefecture"], incomes)
    others = sum(fen for code, fen in blocks.items() if code != "out_of_prefecture")
    assert made.total_fen == others + sum(h.control_fen for h in made.hospitals)


@drawn
@given(SEEDS)
def test_volume__and_its_growth(seed: int) -> None:
    rng = random.Random(seed)
    rules = drawn_policy(rng)
    found = []
    for _ in range(2):
        visits = rng.randint(0, 5000)
        repeated = rng.randint(0, visits)
        heads = rng.randint(0, visits)
        invalid = rng.randint(0, heads), rng.randint(0, visits - repeated)
        volume = Volume(visits, repeated, heads, *invalid)
        made = effective_volume(volume, rules)
        assert made == wrapper.effective(visits, repeated, heads, invalid, rules) >= 0
        found.append((volume, made))
    (now, after), (last, before) = found
    change = volume_change(now, last, rules)
    assert change == (Fraction(after - before, before) if before else None)


@drawn
@given(SEEDS)
def test_months__of_a_changed_index_add_up_to_it(seed: int) -> None:
    rng = random.Random(seed)
    parts = [rng.choice((0, rng.randint(1, 100))) for _ in range(12)]
    parts[0] += 1
    shares = [Fraction(part, sum(parts)) for part in parts]
    months = month_budgets(rng.randint(0, 10**10), shares)
    first = rng.randint(1, 12)
    gone = sum(months[: first - 1])
    index = gone + rng.choice((0, rng.randint(0, 10**10)))
    with pytest.raises(InputError, match=r"had .* yuan, more than the changed index"):
        changed_months(months, gone - 1, first, shares)
    made = changed_months(months, index, first, shares)
    assert min(made) >= 0
    assert (len(made), sum(made), made[: first - 1]) == (12, index, months[: first - 1])


@drawn
@given(SEEDS)
def test_advances__come_back_whole_and_never_more(seed: int) -> None:
    rng = random.Random(seed)
    rules = drawn_policy(rng) | {"advance.return_month": rng.randint(1, 12)}
    index = rng.randint(12, 10**10)
    limit = wrapper.limit(index, rules["advance.months"])
    granted = advance("H1", "310", limit, index, rules)
    assert granted.limit_fen == limit
    with pytest.raises(InputError):
        working_capital("H1", "310", 1, index, rules, wrapper.limit(index, Fraction(1)))
    outstanding, back = granted.outstanding_fen, 0
    for month in range(1, 13):
        made = offset(outstanding, rng.randint(-(10**6), index // 6), month, rules)
        assert made.offset_fen == 0 or month >= rules["advance.return_month"]
        assert 0 <= made.offset_fen <= max(0, made.payable_fen)
        outstanding, back = made.outstanding_fen, back + made.offset_fen
    assert outstanding >= 0 and outstanding + back == granted.amount_fen
