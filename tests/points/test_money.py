"""Exact money and points: rounding, texts, and the fen that are left over."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.ground.money import (
    decimal_fraction,
    decimal_text,
    fen_of_yuan,
    largest_remainder,
    points_text,
    round_half_away,
    round_to,
    yuan_text,
)

FRACTIONS = st.fractions(min_value=-(10**15), max_value=10**15, max_denominator=10**9)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (F(1, 2), 1),
        (F(-1, 2), -1),
        (F(3, 2), 2),
        (F(5, 2), 3),
        (F(-5, 2), -3),
        (F(49, 100), 0),
        (F(-49, 100), 0),
        (F(10**40 * 2 + 1, 2), 10**40 + 1),
    ],
)
def test_round_half_away__halves_and_their_neighbours(value: F, rounded: int) -> None:
    assert round_half_away(value) == rounded


@given(FRACTIONS)
def test_round_half_away__is_the_nearest_and_odd(value: F) -> None:
    rounded = round_half_away(value)
    assert abs(rounded - value) <= F(1, 2)
    assert round_half_away(-value) == -rounded
    if abs(rounded - value) == F(1, 2):
        assert abs(rounded) > abs(value)


@given(FRACTIONS, st.integers(0, 12))
def test_decimal_text__is_what_decimal_says(value: F, places: int) -> None:
    text = decimal_text(value, places)
    with localcontext() as context:
        context.prec = 80
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        due = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    assert Decimal(text) == due
    assert F(text) == round_to(value, places)
    assert len(text.partition(".")[2]) == places
    assert not text.startswith("-0") or F(text) != 0


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_yuan_text__back_to_the_same_fen(fen: int) -> None:
    assert fen_of_yuan(yuan_text(fen).replace(",", "")) == fen


@given(st.integers(-(10**18), 10**18))
def test_points_text__back_to_the_same_points(points: int) -> None:
    text = points_text(points)
    assert F(text) * 10_000 == points
    assert len(text.partition(".")[2]) == 4


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "0.00"), (-1, "-0.01"), (100, "1.00"), (-123456789, "-1,234,567.89")]
)
def test_yuan_text__signs_and_thousands(fen: int, text: str) -> None:
    assert yuan_text(fen) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", "1.234", "1,000", "1e3", "+1", "--1", ".5", "5.", "nan", "１２.x", "1 2", "0x10"],
)
def test_fen_of_yuan__refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount in yuan with at most two decimals"):
        fen_of_yuan(text)


def test_fen_of_yuan__one_two_or_no_decimals() -> None:
    amounts = [fen_of_yuan(text) for text in ("0", "1", "1.5", "1.05", " 7777.77 ", "-0.01")]
    assert amounts == [0, 100, 150, 105, 777_777, -1]


@pytest.mark.parametrize("value", [True, 0.85, None, [], "0,85", "", "1e-3", "1/3"])
def test_decimal_fraction__refuses_what_is_not_exact(value: object) -> None:
    with pytest.raises(ValueError, match="decimal"):
        decimal_fraction(value)  # type: ignore[arg-type]


def test_decimal_fraction__is_exact() -> None:
    assert decimal_fraction("0.85") == F(17, 20)
    assert decimal_fraction(" -2.50 ") == F(-5, 2)
    assert decimal_fraction(7) == 7


@st.composite
def shares(draw: st.DrawFn) -> tuple[dict[tuple[str, str], F], int]:
    """Exact amounts by hospital and pool that sum to a whole number of fen."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("ABCDE"), st.sampled_from("12")),
            unique=True,
            min_size=1,
            max_size=10,
        )
    )
    weights = draw(st.lists(st.integers(0, 50), min_size=len(keys), max_size=len(keys)))
    total = draw(st.integers(-(10**6), 10**9))
    points = sum(weights)
    if points == 0:
        weights[0] = points = 1
    taken = draw(st.lists(st.integers(0, 10**6), min_size=len(keys), max_size=len(keys)))
    value = F(total + sum(taken), points)
    exact = {key: value * w - n for key, w, n in zip(keys, weights, taken, strict=True)}
    return exact, total


@given(shares())
def test_largest_remainder__sums_and_stays_within_a_fen(case: tuple[dict, int]) -> None:
    exact, total = case
    whole = largest_remainder(exact, total)
    assert sum(whole.values()) == total
    assert list(whole) == list(exact)
    for key, value in exact.items():
        assert value - 1 < whole[key] < value + 1
        if value.denominator == 1:
            assert whole[key] == value


@given(shares())
def test_largest_remainder__the_extra_fen_go_to_the_largest_fractions(
    case: tuple[dict, int],
) -> None:
    exact, total = case
    whole = largest_remainder(exact, total)
    rest = {key: value - (value.numerator // value.denominator) for key, value in exact.items()}
    up = [key for key in exact if whole[key] > exact[key]]
    down = [key for key in exact if whole[key] <= exact[key]]
    for a in up:
        for b in down:
            assert (-rest[a], a) < (-rest[b], b)


@given(shares(), st.randoms())
def test_largest_remainder__order_of_keys_changes_nothing(
    case: tuple[dict, int], random: object
) -> None:
    exact, total = case
    keys = list(exact)
    random.shuffle(keys)  # type: ignore[attr-defined]
    assert largest_remainder({key: exact[key] for key in keys}, total) == largest_remainder(
        exact, total
    )


def test_largest_remainder__ties_go_to_the_smaller_hospital_then_pool() -> None:
    third = F(1, 3)
    exact = {("H2", "310"): third, ("H1", "390"): third, ("H1", "310"): third}
    assert largest_remainder(exact, 1) == {("H2", "310"): 0, ("H1", "390"): 0, ("H1", "310"): 1}


def test_largest_remainder__negative_amounts_are_floored() -> None:
    exact = {"a": F(-5, 2), "b": F(7, 2)}
    assert largest_remainder(exact, 1) == {"a": -2, "b": 3}


def test_largest_remainder__amounts_that_do_not_sum_are_refused() -> None:
    with pytest.raises(ValueError, match="do not sum to the total"):
        largest_remainder({"a": F(1, 2)}, 1)
