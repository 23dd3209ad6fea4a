"""Changes within the year: by the group's rule, out of the reserve first, never above the target."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from drgpay.budget.changes import Asked, fund_changes, hold_change_rules
from drgpay.budget.indices import GroupRule
from drgpay.ground.errors import InputError
from reference.model import wrapper
from tests.budget.years import policy

PRICES = {"policy_or_event": Fraction(1, 3), "overhaul": None}
GROUPS = [GroupRule("二级", ("A", "B"), PRICES), GroupRule("一级", ("C",), {})]
INDICES = {"A": 1_000, "B": 100, "C": 50}


def asked(name: str, cause: str, fen: int | None = None, ratio: Fraction | None = None) -> Asked:
    return Asked(hospital_id=name, cause=cause, amount_fen=fen, ratio=ratio, reason="价格")


def test_changes__of_a_groups_rule_hold_as_amounts_or_ratios() -> None:
    every = [
        asked("A", "policy_or_event", 333),
        asked("B", "policy_or_event", None, Fraction(1, 3)),
    ]
    own = [asked("B", "overhaul", -17), asked("C", "capacity", 40)]
    assert not hold_change_rules([*every, *own], INDICES, GROUPS, policy())
    assert not hold_change_rules(
        [*own[1:]], INDICES, [GroupRule("甲", ("A", "B", "C"), {})], policy()
    )


def test_change__of_one_institution_outside_its_rule_is_refused() -> None:
    some = [
        asked("A", "policy_or_event", 334),
        asked("C", "special", 5),
    ]
    with pytest.raises(InputError, match="no deal with one institution") as found:
        hold_change_rules(some, INDICES, GROUPS, policy())
    assert [f.split(":")[0] for f in map(str, found.value.faults)] == [
        "A (group '二级')", "B (group '二级')", "C (group '一级')",
    ]  # fmt: skip
    recorded = hold_change_rules(some, INDICES, GROUPS, policy(negotiation__deviation="record"))
    assert [(d.hospital_id, d.asked) for d in recorded] == [
        ("A", Fraction(334, 1000)), ("B", None), ("C", Fraction(1, 10)),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_money__comes_out_of_the_reserve_first_as_in_the_model(seed: int) -> None:
    rng = random.Random(seed)
    needed, reserve, free = (rng.choice((0, rng.randrange(-100, 100))) for _ in range(3))
    reserve = abs(reserve)
    try:
        model = wrapper.changes_funded(needed, reserve, free)
    except ValueError:
        with pytest.raises(InputError, match="too much"):
            fund_changes("310", needed, reserve, free)
        return
    made = fund_changes("310", needed, reserve, free)
    assert (made.reserve_fen, made.free_fen) == model
    assert made.reserve_fen + made.free_fen == needed and 0 <= made.reserve_fen <= reserve
    assert made.free_fen <= max(0, free)
