"""Communities: one filing, transfers that sum to nothing, one side, rebalancing; what is refused."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drgpay.budget.communities import (
    Filing,
    MemberBudget,
    Transfer,
    check_filing,
    rebalance,
    settle_community,
    transfer,
)
from drgpay.budget.index_clearing import clear_pool
from drgpay.ground.errors import InputError
from drgpay.ground.money import largest_remainder
from reference.model import wrapper
from tests.budget.years import drawn_policy, drawn_year, policy

FILING = Filing("C1", "甲县医共体", "L", ("L", "T1", "T2"), dt.date(2024, 3, 1))


def member(name: str, before: int, out: int, **more: Any) -> MemberBudget:
    return MemberBudget(**{"hospital_id": name, "pool": "310", "fund": "pooled", "before_fen": before, "moved_out_fen": out, **more})  # fmt: skip


ROWS = [member("L", 500, 20), member("T1", 120, -15), member("T2", 80, -5)]


def faults(call: Any, *args: Any) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        call(*args)
    assert caught.value.remedy
    return caught.value.faults


def test_filing__a_member_of_an_earlier_community_is_refused_with_its_date() -> None:
    check_filing(FILING, [FILING])
    second = Filing("C2", "乙县医共体", "X", ("T1", "Z", "Z"), dt.date(2024, 4, 1))
    told = faults(check_filing, second, [FILING])
    assert told == (
        "the lead X is no member",
        "member Z stands twice",
        "T1 was filed in '甲县医共体' on 2024-03-01: one community only (S1 三(一)-(二))",
    )
    with pytest.raises(InputError) as caught:
        check_filing(second, [FILING])
    assert "T1 已于 2024-03-01 备案在“甲县医共体”下，不得重复备案" in caught.value.text("zh")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([*ROWS[:2], member("T2", 80, -4)], "what is moved adds up to 0.01 yuan, not 0"),
        (
            [*ROWS[:2], member("T2", 80, -5, pool="390")],
            "different pools cannot be mixed: 310, 390",
        ),
        ([*ROWS[:2], member("T2", 80, -5, fund="account")], "different fund types cannot be mixed"),
        ([*ROWS[:2], member("T2", 80, -5, signed=False)], "T2 has not signed"),
        ([member("L", 500, 15), ROWS[1]], "member T2 is missing"),
        ([*ROWS[:2], member("X", 80, -5)], "X is no member"),
        ([*ROWS, member("T2", 80, 0)], "T2 stands twice"),
        ([member("L", 5, 20), *ROWS[1:]], "L: 0.05 yuan before, -0.15 after: below 0"),
    ],
)
def test_transfer__that_does_not_hold_is_refused(rows: list[MemberBudget], fault: str) -> None:
    assert any(text.startswith(fault) for text in faults(transfer, FILING, rows))


def test_settlement__asks_for_an_allocation_and_holds_it_to_the_communitys_side() -> None:
    moved = transfer(FILING, ROWS)
    actual = {"L": 400, "T1": 200, "T2": 80}
    rules = policy(clearing__keep_ratio=Fraction(1))
    for given_, fault in (
        ({}, "T1: own difference -0.65 yuan, the community has a surplus of 0.20"),
        ({"T1": 0, "L": 5}, "L is on the community's side: nothing to give"),
        ({"T1": -1}, "allocations of -0.01 yuan must have the sign"),
        ({"T1": 21}, "allocations of 0.21 yuan must have the sign"),
    ):
        told = faults(settle_community, moved, actual, rules, given_)
        assert any(text.startswith(fault) for text in told), told
    made = settle_community(moved, actual, rules, {"T1": 4})
    assert {r.hospital_id: r.amount_fen for r in made.rows} == {"L": 15, "T1": 4, "T2": 1}
    assert [r.due_fen for r in made.rows] == [415, 204, 81]
    with pytest.raises(InputError, match="cost missing, of no member"):
        settle_community(moved, {"L": 1, "T1": 1}, rules, {})


def test_settlement__of_a_deficit_and_of_nothing() -> None:
    moved = transfer(FILING, ROWS)
    rules = policy(clearing__fund_share=Fraction(1, 4))
    made = settle_community(moved, {"L": 520, "T1": 175, "T2": 85}, rules, {})
    # 700 against 780: 80 over, of which the fund bears 20; own differences −40, −40, 0
    assert (made.side, made.amount_fen) == ("deficit", -60)
    assert [r.amount_fen for r in made.rows] == [-30, -30, 0]
    even = settle_community(moved, {"L": 480, "T1": 135, "T2": 85}, rules, {})
    assert (even.side, [r.amount_fen for r in even.rows]) == ("even", [0, 0, 0])


def test_rebalancing__ties_out_and_is_carried_into_payments() -> None:
    moved = transfer(FILING, ROWS)
    rules = policy(clearing__keep_ratio=Fraction(1))
    settled = settle_community(moved, {"L": 400, "T1": 200, "T2": 80}, rules, {"T1": 0})
    assert [r.amount_fen for r in settled.rows] == [19, 0, 1]
    amounts = {row.hospital_id: row.amount_fen for row in settled.rows}
    rows = rebalance(FILING, settled.side, amounts, {"L": 10, "T1": 8, "T2": 2}, FILING.members)
    assert [(r.paid_more_fen, r.deducted_fen) for r in rows] == [(0, 9), (8, 0), (1, 0)]
    told = faults(
        rebalance, FILING, settled.side, amounts, {"L": 22, "T1": -1, "T2": 0}, ["L", "T1"]
    )
    assert told == (
        "before 0.20 yuan, after 0.21: not equal",
        "T1: -0.01 yuan is not on the community's side",
        "T2 has not signed",
    )


def drawn_community(rng: random.Random) -> tuple[Filing, Transfer, dict[str, int]]:
    names = tuple(f"M{n}" for n in range(rng.randint(2, 7)))
    filing = Filing("C", "C", names[0], names, dt.date(2024, 1, 1))
    before = {name: rng.choice((rng.randint(0, 20), rng.randint(10**6, 10**9))) for name in names}
    out = {name: rng.randint(0, fen) // 4 for name, fen in before.items()}
    takes = rng.choice(names)  # one member takes what the others give
    out[takes] -= sum(out.values())
    moved = transfer(filing, [member(name, before[name], out[name]) for name in names])
    actual = {r.hospital_id: r.after_fen * rng.randint(60, 140) // 100 for r in moved.rows}
    return filing, moved, actual


def hold_community(seed: int) -> None:
    rng = random.Random(seed)
    rules = drawn_policy(rng)
    filing, moved, actual = drawn_community(rng)
    whole = moved.total_fen - sum(actual.values())
    own = {r.hospital_id: r.after_fen - actual[r.hospital_id] for r in moved.rows}
    allocation = dict.fromkeys((n for n, fen in own.items() if fen * whole < 0), 0)
    made = settle_community(moved, actual, rules, allocation)
    members = {r.hospital_id: (r.after_fen, actual[r.hospital_id]) for r in moved.rows}
    got = {r.hospital_id: r.amount_fen for r in made.rows}
    assert got == wrapper.community(members, allocation, rules)
    assert sum(got.values()) == made.amount_fen
    assert abs(made.amount_fen) <= abs(whole)
    assert all(fen * whole >= 0 for fen in got.values())
    assert len(made.warnings) == len(allocation)
    hold_members(rng, rules, members, got)
    even = Fraction(made.amount_fen, len(got))
    after = largest_remainder(dict.fromkeys(got, even), made.amount_fen)
    rows = rebalance(filing, made.side, got, after, filing.members)
    assert sum(r.paid_more_fen for r in rows) == sum(r.deducted_fen for r in rows)


def hold_members(
    rng: random.Random, rules: dict[str, Any], members: dict[str, tuple[int, int]], got: dict[str, int]
) -> None:  # fmt: skip
    """Clear members with an institution beside them: each as the model does, none lost."""
    years = [
        drawn_year(rng, name, *both, rng.randint(0, both[1]), both[0] // 20)
        for name, both in members.items()
    ]
    alone = drawn_year(rng, "Z", 1000, 900, 800)
    cleared = clear_pool("310", [*years, alone], rules, got)
    for row in cleared.rows:
        name = row.given.hospital_id
        model = (
            wrapper.clear_member(row.given, got[name], rules)
            if name in got
            else wrapper.clear(row.given, rules)
        )
        assert {key: getattr(row, key) for key in model} == model


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**48))
def test_communities__drawn_tie_out_and_are_the_models(seed: int) -> None:
    hold_community(seed)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(st.integers(0, 2**48))
def test_communities__by_the_thousand(seed: int) -> None:
    hold_community(seed)
