"""Formulas of indices, months and clearing: over fen, over numbers with their text, as it says."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from inspect import getmembers, isfunction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.budget import index_formulas as f
from drgpay.budget.indices import percent
from drgpay.ground.numbers import Number, fixed
from tests.why.formulas import Formula

KINDS = {
    "m": st.integers(-(10**9), 10**9).map(Fraction),  # fen
    "r": st.integers(-100, 100).map(lambda n: Fraction(n, 100)),
    "n": st.integers(1, 12).map(Fraction),
}
FORMULAS: dict[str, tuple[Callable[..., Any], str]] = {
    "expenditure": (lambda a, b, c, d: f.expenditure(a, [b, c], d), "mmmm"),
    "set_aside": (f.set_aside, "mr"),
    "weighted_base": (f.weighted_base, "mmr"),
    "mean": (lambda a, b, c, n: f.mean([a, b, c], n), "mmmn"),
    "index": (f.index, "mr"),
    "in_month": (f.in_month, "mm"),
    "within": (f.within, "mm"),
    "months_worth": (f.months_worth, "mn"),
    "mean_and_actual": (f.mean_and_actual, "mmr"),
    "from_more_patients": (f.from_more_patients, "mmr"),
    "compensated": (f.compensated, "mrm"),
    "share_of": (f.share_of, "mr"),
    "after_transfer": (f.after_transfer, "mm"),
}
NOT_IN_FEN = {"fitted"}  # shared by largest remainder, not rounded


def test_formulas__are_all_held() -> None:
    own = {name for name, call in getmembers(f, isfunction) if call.__module__ == f.__name__}
    assert own == set(FORMULAS) | NOT_IN_FEN


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data())
def test_formula__says_the_same_of_fen_and_of_numbers_with_text(name: str, data: Any) -> None:
    formula, kinds = FORMULAS[name]
    values = [data.draw(KINDS[kind]) for kind in kinds]
    in_fen = formula(*values)
    pairs = zip(values, kinds, strict=True)
    shown: Number = formula(*(fixed(v / 100 if kind == "m" else v) for v, kind in pairs))
    assert shown.value * 100 == in_fen
    assert Formula(shown.text).values == [shown.value]


def test_texts__of_an_index_and_of_a_cut() -> None:
    made = f.index(fixed(Fraction(100)), fixed(Fraction(7, 200)))
    assert (made.text, made.value) == ("round(100 × (1 + 0.035), 2)", Fraction("103.50"))
    assert f.fitted(fixed(3), fixed(10), fixed(4)).text == "3 × 10 ÷ 4"
    assert percent(Fraction(7, 200)) == "3.5%"
