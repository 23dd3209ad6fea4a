"""Whole years drawn: every sum ties out, and engine and model say the same to the fen."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drgpay.budget.deposit import Held, hold_deposits
from drgpay.budget.index_clearing import IndexYear, clear_pool
from drgpay.budget.index_months import index_shares, settle_months
from drgpay.budget.indices import base_of, fit, index_of
from drgpay.budget.pool import share
from drgpay.budget.prepayment import month_prepayment, prepaid_month
from drgpay.budget.targets import control_target
from drgpay.ground.errors import InputError
from reference.model import wrapper
from tests.budget.years import Drawn, drawn, drawn_year

PEERLESS = "no base"
SEEDS = st.integers(0, 2**48)
MANY = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


def indices_of(year: Drawn) -> dict[str, int]:
    """Return every institution's index, held to the model's; those without a base are left out."""
    made = {}
    for one in year.past:
        peers = [
            o.last_execution_fen
            for o in year.past
            if o.level == one.level and o is not one and o.last_execution_fen is not None
        ]
        last = one.last_index_fen
        key = "index.base_first" if last is None else "index.base"
        if year.policy[key] == "peers" and not peers:
            with pytest.raises(InputError, match=PEERLESS):
                base_of(one, year.past, year.policy)
            continue
        base = base_of(one, year.past, year.policy)
        pair = None if last is None else (last, int(one.last_execution_fen or 0))
        assert base.base_fen == wrapper.base(pair, one.years_fen, peers, year.policy)
        index = index_of(base, year.adjustments[one.hospital_id], year.policy)
        changes = [a.ratio for a in index.adjustments]
        assert index.index_fen == wrapper.index(base.base_fen, changes)
        assert base.base_fen + sum(fen for _, fen in index.steps) == index.index_fen
        made[one.hospital_id] = index.index_fen
    return made


def fitted(year: Drawn, asked: dict[str, int], free: int) -> dict[str, int] | None:
    try:
        model = wrapper.fit(asked, free, year.policy, year.levels)
    except ValueError:
        with pytest.raises(InputError, match="more than the"):
            fit("310", asked, free, year.policy, year.levels)
        return None
    found = fit("310", asked, free, year.policy, year.levels)
    assert {name: after for name, _, after in found.rows} == model
    assert sum(model.values()) + found.left_fen == free
    assert all(fen >= 0 for fen in model.values())
    return model


def paid_in_months(rng: random.Random, year: Drawn, index: int) -> tuple[int, int]:
    """Return what the twelve months paid of an index, and what they claimed less violations."""
    past = [[rng.randint(0, 10**6) for _ in range(12)] for _ in range(3)]
    shares = index_shares(year.policy, past)
    parts = wrapper.parts_of_year(index, shares)
    assert sum(parts) == index
    mean = index // 12
    most = rng.choice((120, 160, 200))
    claims = [mean * rng.randint(50, most) // 100 for _ in range(12)]
    violations = [rng.choice((*[0] * 11, rng.randint(0, 2 * mean + 1))) for _ in range(12)]
    last_year = [rng.choice((None, 0, fen, fen * 9 // 10, fen * 7 // 10)) for fen in claims]
    made = settle_months(parts, claims, violations, year.policy, last_year)
    rows = list(zip(parts, claims, violations, last_year, strict=True))
    assert [
        (m.paid_fen, m.carry_fen, m.deferred_total_fen, m.owed_fen, m.suspended_total_fen)
        for m in made
    ] == wrapper.months(rows, year.policy)
    assert all(m.paid_fen + m.suspended_fen <= m.room_fen and m.carry_fen >= 0 for m in made)
    before = None
    for m, was in zip(made, last_year, strict=True):
        found = month_prepayment(index, m.claim_fen, year.policy)
        assert found.prepaid_fen == wrapper.prepayment(index, m.claim_fen, year.policy)
        before = prepaid_month(
            before, m.month, m.index_fen, index, m.claim_fen, m.violation_fen, year.policy, was
        )
        whole = wrapper.prepayment(index, before.net_fen, year.policy)
        cut = wrapper.abnormal(whole, m.claim_fen, was, year.policy)
        assert (before.paid_fen, before.suspended_fen) == (whole - cut, cut)
        assert before.net_fen == whole + before.deferred_fen
    return sum(m.paid_fen for m in made), max(0, sum(claims) - sum(violations))


def deposits_of(year: Drawn, indices: dict[str, int], set_aside: int | None) -> tuple[Held, ...]:
    """Return the deposits, held to the model's; what was set aside is shared whole, and only once."""
    if set_aside is not None and not sum(indices.values()):
        with pytest.raises(InputError, match="no index shares them"):
            hold_deposits(indices, year.policy, set_aside)
        return ()
    made = hold_deposits(indices, year.policy, set_aside)
    assert {h.hospital_id: h.deposit_fen for h in made} == wrapper.deposits(
        indices, set_aside, year.policy
    )
    control = sum(h.control_fen for h in made)
    assert control == sum(indices.values()) + (set_aside or 0)
    return made


def hold_clearing(year: Drawn, rows: list[IndexYear], met: Counter[str]) -> None:
    cleared = clear_pool("310", rows, year.policy)
    assert [row.given.hospital_id for row in cleared.rows] == sorted(r.hospital_id for r in rows)
    for row in cleared.rows:
        model = wrapper.clear(row.given, year.policy)
        assert {name: getattr(row, name) for name in model} == model, row
        assert 0 <= row.borne_fen <= max(0, -row.difference_fen)
        assert 0 <= row.waiting_fen <= row.fund_fen
        met[row.outcome] += 1
        met["compensated"] += row.compensation is not None and row.compensation.paid_fen > 0
        met["recovered"] += row.recover_fen > 0
        met["treasury"] += row.treasury_fen > 0
        met["waiting"] += row.waiting_fen > 0


def hold_year(seed: int, met: Counter[str]) -> None:
    rng = random.Random(seed)
    year = drawn(rng)
    target = control_target("310", year.budget_fen, year.outside, year.policy)
    model = wrapper.target(year.budget_fen, year.outside, year.policy)
    assert (target.target_fen, [r.amount_fen for r in target.reserves], target.free_fen) == model
    asked = indices_of(year)
    met["no base"] += len(year.past) - len(asked)
    indices = fitted(year, asked, target.free_fen)
    met["refused"] += indices is None
    rows = []
    for held in deposits_of(year, indices or asked, target.deposit_fen):
        paid, net = paid_in_months(rng, year, held.monthly_fen)
        row = drawn_year(rng, held.hospital_id, held.control_fen, net, paid, held.deposit_fen)
        rows.append(row)
    hold_clearing(year, rows, met)


WANTED = (
    "no base", "refused", "not_assessed", "passed", "failed", "no_increase", "overspent",
    "compensated", "recovered", "treasury", "waiting",
)  # fmt: skip


def test_years__drawn_tie_out_and_are_the_models() -> None:
    met: Counter[str] = Counter()

    @settings(max_examples=60, **MANY)
    @given(SEEDS)
    def hold(seed: int) -> None:
        hold_year(seed, met)

    hold()
    assert [name for name in WANTED if not met[name]] == []


@pytest.mark.long
def test_years__by_the_thousand() -> None:
    met: Counter[str] = Counter()

    @settings(max_examples=1500, **MANY)
    @given(SEEDS)
    def hold(seed: int) -> None:
        hold_year(seed, met)

    hold()
    assert [name for name in WANTED if met[name] < 30] == []


@settings(max_examples=100, **MANY)
@given(st.integers(-(10**9), 10**12), st.integers(0, 10**12), SEEDS)
def test_tiers__of_the_model_are_the_pools(available: int, recorded: int, seed: int) -> None:
    """Clearing takes the sharing of a pool; the model computes its tiers by itself."""
    rng = random.Random(seed)
    steps = (
        (Fraction(rng.randint(1, 9), 100), Fraction(rng.randint(0, 7), 7)),
        (None, Fraction(1, 3)),
    )
    rules = {
        "keep_ratio": Fraction(0), "keep_tiers": steps, "fund_share_of_overspend": Fraction(0),
        "overspend_tiers": steps, "overspend_cap": "none",
    }  # fmt: skip
    found = share(recorded, available, rules)
    balance = abs(recorded - available)
    exact = wrapper.by_tiers(balance, available, steps)
    assert found.settled_fen == wrapper.round_fen(min(recorded, available) + exact)
