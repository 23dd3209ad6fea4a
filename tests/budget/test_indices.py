"""Indices: bases, factors, fit, groups, changes within the year; what is refused and how."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from drgpay.budget.changes import Change, changed_index
from drgpay.budget.indices import (
    Adjustment,
    Base,
    GroupRule,
    PastYears,
    Volume,
    base_of,
    effective_volume,
    fit,
    hold_groups,
    index_of,
    volume_change,
)
from drgpay.ground.errors import InputError
from tests.budget.years import policy


def refused(call: Any, *args: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        call(*args)
    assert caught.value.remedy
    return caught.value


def past(name: str, index: int | None, spent: int | None, *years: int) -> PastYears:
    return PastYears(name, "310", "second", "general", index, spent, years)


EVERYBODY = [past("A", 100, 110, 80, 90, 101), past("B", 200, 205), past("C", None, None, 1, 2)]


def test_base__in_its_three_ways() -> None:
    weighted = base_of(EVERYBODY[0], EVERYBODY, policy(index__execution_weight=Fraction(1, 4)))
    assert (weighted.how, weighted.base_fen) == ("last_index_and_execution", 103)  # 102.5
    assert base_of(EVERYBODY[0], EVERYBODY, policy(index__base="three_years")).base_fen == 90
    assert base_of(EVERYBODY[0], EVERYBODY, policy(index__base="peers")).base_fen == 205
    new = base_of(EVERYBODY[2], EVERYBODY, policy(index__base_first="peers"))
    assert (new.base_fen, new.parts) == (158, (("A", 110, Fraction(1, 2)), ("B", 205, Fraction(1, 2))))  # fmt: skip
    error = refused(base_of, EVERYBODY[2], EVERYBODY, policy())
    assert "no base for C, pool 310: 2 years of cost, 3 are needed" in str(error)
    error = refused(base_of, EVERYBODY[2], EVERYBODY[2:], policy(index__base_first="peers"))
    assert "no other institution of its level and kind" in str(error)


BASE = Base("A", "310", "peers", (), 1000)


def test_index__is_told_factor_by_factor() -> None:
    three = [Adjustment(c, Fraction(1, 3000), "x") for c in ("scope", "kind", "mean_cost")]
    made = index_of(BASE, three, policy())
    assert (made.index_fen, made.steps) == (1001, (("scope", 0), ("kind", 1), ("mean_cost", 0)))


def test_index__of_strange_double_or_unbounded_factors_is_refused() -> None:
    some = [
        Adjustment("other_factor", Fraction(1, 10), "x"),
        Adjustment("scope", Fraction(1, 10), " "),
        Adjustment("kind", Fraction(1, 100), "x"),
        Adjustment("kind", Fraction(1, 100), "x"),
    ]
    rules = policy(index__change_max=Fraction(1, 5))
    assert refused(index_of, BASE, some, rules).faults == (
        "another factor: not one of index.factors",
        "scope of service: twice, or without a reason",
        "kind: twice, or without a reason",
        "kind: twice, or without a reason",
        "the factors add up to 22%, beyond ±20%",
    )
    lost = refused(index_of, BASE, [Adjustment("scope", Fraction(-11, 10), "x")], policy())
    assert lost.faults == ("the factors add up to -110%, beyond -100%",)


def test_volume__that_contradicts_itself_is_refused_and_growth_from_nothing_is_none() -> None:
    now, last = Volume(130, 10, 100), Volume(110, 10, 90)
    assert volume_change(now, last, policy()) == Fraction(1, 5)
    assert volume_change(now, Volume(0, 0, 0), policy()) is None
    for wrong in (Volume(1, 0, 2), Volume(2, 3, 1), Volume(2, 0, 1, 2), Volume(2, 1, 1, 0, 2)):
        assert "contradict each other" in str(refused(effective_volume, wrong, policy()))


ASKED = {"A": 100, "B": 200, "C": 33}
LEVELS = {"A": "primary", "B": "second", "C": "third"}


def test_fit__in_its_three_ways() -> None:
    assert fit("310", ASKED, 340, policy()).left_fen == 7
    error = refused(fit, "310", ASKED, 300, policy())
    assert "add up to 3.33 yuan, 0.33 more than the 3.00 to share out" in str(error)
    even = fit("310", ASKED, 300, policy(index__fit="proportional"))
    assert even.rows == (("A", 100, 90), ("B", 200, 180), ("C", 33, 30))  # 90.09, 180.18, 29.73
    rules = policy(index__fit="by_rule", index__fit_spared=("primary",))
    ruled = fit("310", ASKED, 300, rules, LEVELS)
    assert ruled.rows == (("A", 100, 100), ("B", 200, 172), ("C", 33, 28))  # 171.67, 28.33
    refused(fit, "310", ASKED, 99, rules, LEVELS)


GROUPS = [
    GroupRule("一级", ("A", "B"), {"scope": Fraction(1, 50), "effective_volume": None}),
    GroupRule("二级", ("C",), {}),
]


def test_groups__one_institution_alone_is_refused_or_recorded() -> None:
    own = Adjustment("effective_volume", Fraction(3, 100), "own visits")
    plans = {"A": [Adjustment("scope", Fraction(1, 50), "x"), own], "B": [own], "C": []}
    assert hold_groups({**plans, "B": plans["A"]}, GROUPS, policy()) == ()
    error = refused(hold_groups, {**plans, "C": [own]}, GROUPS, policy())
    assert error.faults == (
        "B (group '一级'): scope of service —, rule 2%",
        "C (group '二级'): effective volume 3%, rule —",
    )
    found = hold_groups(plans, GROUPS, policy(negotiation__deviation="record"))
    assert [(d.hospital_id, d.code, d.asked, d.rule) for d in found] == [
        ("B", "scope", None, Fraction(1, 50))
    ]
    error = refused(
        hold_groups, {**plans, "D": []}, [*GROUPS, GroupRule("另", ("C",), {})], policy()
    )
    assert "in no group, or in several: C, D" in str(error)


def test_change__within_the_year_needs_a_cause_and_a_document() -> None:
    made = changed_index(
        "A",
        "310",
        100,
        [Change("overhaul", -20, "批复1"), Change("capacity", 5, "批复2")],
        policy(),
    )
    assert (made.before_fen, made.after_fen) == (100, 85)
    wrong = [Change("wish", -101, "x"), Change("overhaul", 0, " "), Change("capacity", -1, "x")]
    assert refused(changed_index, "A", "310", 100, wrong, policy()).faults == (
        "wish: not a cause of change",
        "overhaul that closes services: no document decides it",
        "new capacity: below 0",
        "below 0: -0.02",
    )
