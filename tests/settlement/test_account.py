"""Formulas of pool and account: over fen, over numbers with their text, and as that text says."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from inspect import getmembers, isfunction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.budget import formulas
from drgpay.ground.errors import PolicyError
from drgpay.ground.numbers import Number, fixed, line, spreadsheet
from drgpay.region.standing import ENDED, NORMAL, PENALISED
from drgpay.settlement import account
from tests.why.formulas import Formula

MONEY = st.integers(-(10**9), 10**9).map(Fraction)  # fen
RATIO = st.integers(0, 100).map(lambda n: Fraction(n, 100))
FORMULAS: dict[str, tuple[Callable[..., Any], str]] = {
    "after_reserve": (formulas.after_reserve, "mr"),
    "grown": (formulas.grown, "mr"),
    "available": (formulas.available, "mmm"),
    "balance": (lambda f, b: formulas.balance(f, b, surplus=f <= b), "mm"),
    "shared": (
        lambda a, b, r, q: formulas.shared([(0, a), (1, b)], [(None, r), (None, q)]),
        "mmrr",
    ),
    "settled": (lambda f, share, cap: formulas.settled(f, share, cap), "mmm"),
    "for_points": (formulas.for_points, "mmm"),
    "residual": (formulas.residual, "mm"),
    "waits": (formulas.waits, "mmm"),
    "exact_due": (account.exact_due, "mmm"),
    "within": (lambda exact, low, high: account.within(exact, low, high), "mmm"),
    "prepaid": (account.prepaid, "mr"),
    "deposit": (account.deposit, "mmm"),
    "forfeited": (account.forfeited, "mr"),
    "final": (lambda *a: account.final(*a[:4], shared=a[4], carried=a[5]), "mmmmmm"),
    "payable": (account.payable, "mm"),
    "recover": (account.recover, "m"),
}
NOT_OF_MONEY_ALONE = {  # of points, of rules, or told by words
    "slices", "value", "worth", "high_bounds", "released_share", "why_no_share", "forfeits_share",
}  # fmt: skip


def test_formulas__are_all_held() -> None:
    own = {
        name
        for module in (formulas, account)
        for name, function in getmembers(module, isfunction)
        if function.__module__ == module.__name__
    }
    assert own == set(FORMULAS) | NOT_OF_MONEY_ALONE


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data())
def test_formula__says_the_same_of_fen_and_of_numbers_with_text(name: str, data: Any) -> None:
    formula, kinds = FORMULAS[name]
    values = [data.draw(MONEY if kind == "m" else RATIO) for kind in kinds]
    in_fen = formula(*values)
    pairs = zip(values, kinds, strict=True)
    shown: Number = formula(*(fixed(v / 100 if kind == "m" else v) for v, kind in pairs))
    assert shown.value * 100 == in_fen
    assert Formula(shown.text).values == [shown.value]


def test_slices__follow_the_tiers_as_far_as_the_balance_reaches() -> None:
    tiers = [
        (Fraction("0.1"), Fraction(1)),
        (Fraction("0.2"), Fraction("0.5")),
        (None, Fraction(0)),
    ]
    found = formulas.slices(Fraction(150), Fraction(1000), tiers)
    assert found == [(0, 100), (1, 50)] and formulas.shared(found, tiers) == 125
    assert formulas.slices(Fraction(50), Fraction(1000), tiers) == [(0, 50)]
    assert formulas.slices(Fraction(500), Fraction(1000), tiers) == [(0, 100), (1, 100), (2, 300)]
    assert formulas.slices(Fraction(500), Fraction(-1), tiers) == [(2, 500)]


def test_high_bounds__are_those_that_the_rules_have() -> None:
    rules = {
        "bound.cost_share": Fraction("0.9"), "bound.case_within_cost": True,
        "violator_no_increase": True,
    }  # fmt: skip
    recorded, share = Fraction(1001), Fraction("0.9")
    bounds = account.high_bounds(rules, recorded, share, within_cost=Fraction(7), held=True)
    assert bounds == [900, 7, 1001]
    assert account.high_bounds(rules, recorded, None) == []


@pytest.mark.parametrize(
    ("standing", "forfeited", "points", "why"),
    [
        (NORMAL, 0, 1, ""),
        (NORMAL, 0, 0, account.WITHOUT_POINTS),
        (NORMAL, 5, 1, account.FORFEITED),
        (PENALISED, 0, 1, PENALISED),
        (ENDED, 5, 0, ENDED),
    ],
)
def test_why_no_share__names_the_first_reason(
    standing: str, forfeited: int, points: int, why: str
) -> None:
    assert account.why_no_share(standing, forfeited, points) == why


def test_spreadsheet__of_a_final_payment() -> None:
    keys = ("due", "prepaid", "forfeited", "violation")
    made = account.final(*(line(key, 1) for key in keys), shared=line("shared", 1))
    assert spreadsheet(made) == "{due}-{prepaid}-{forfeited}+{shared}-{violation}"
    assert spreadsheet(account.payable(made, line("waits", 1))) == (
        "MAX(0,{due}-{prepaid}-{forfeited}+{shared}-{violation})-{waits}"
    )


@pytest.mark.parametrize("standing", [ENDED, NORMAL, PENALISED])
def test_released__without_bands_is_refused_whoever_is_assessed(standing: str) -> None:
    """A region all of whose agreements had ended was settled by a policy that says nothing."""
    rules = {"deposit_score": "bands", "deposit_bands": None}
    with pytest.raises(PolicyError, match="deposit_bands is none"):
        account.released_share(Fraction(9, 10), rules, standing)
