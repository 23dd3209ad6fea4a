"""The control target, and all payments together against it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.budget.ceiling import (
    Payment,
    Reserve,
    check_ceiling,
)
from drgpay.ground.errors import InputError
from drgpay.names.codes import MODES

PAYMENTS = [
    Payment("drg", 60_000, "职工"),
    Payment("drg", 20_000, "居民"),
    Payment("per_diem", 5_000),
    Payment("by_item", 3_000),
    Payment("capitation", 7_000),
    Payment("out_of_area", 4_000),
    Payment("other", 1_000, "特殊病例补偿"),
]


def test_ceiling__lists_modes_and_what_is_left() -> None:
    result = check_ceiling(PAYMENTS, 120_000)
    assert result.total_fen == 100_000 and result.left_fen == 20_000


def test_ceiling__that_is_just_reached_draws_nothing() -> None:
    result = check_ceiling(PAYMENTS, 100_000, [Reserve("风险金", 9)])
    assert (result.excess_fen, result.left_fen) == (0, 0)
    assert result.drawn[0].drawn_fen == 0


def test_ceiling__draws_reserves_in_order() -> None:
    reserves = [
        Reserve("调剂金", 3_000),
        Reserve("年终清算", 50_000, covers_overspend=False),
        Reserve("风险金", 4_000),
        Reserve("上年结余", 9_000),
    ]
    result = check_ceiling(PAYMENTS, 95_000, reserves)
    assert result.excess_fen == 5_000
    assert [d.drawn_fen for d in result.drawn] == [3_000, 0, 2_000, 0]
    assert result.drawn[2].left_fen == 2_000


def test_ceiling__reserve_inside_the_target_is_drawn_before_the_target_is_passed() -> None:
    inside = [Reserve("调剂金", 5_000, inside_target=True)]
    result = check_ceiling([Payment("drg", 98_000)], 100_000, inside)
    assert (result.free_fen, result.excess_fen, result.drawn[0].drawn_fen) == (95_000, 3_000, 3_000)
    with pytest.raises(InputError):
        check_ceiling([Payment("drg", 100_001)], 100_000, inside)


def test_ceiling__refuses_with_all_figures() -> None:
    reserves = [Reserve("调剂金", 1_000), Reserve("年终清算", 50_000, covers_overspend=False)]
    with pytest.raises(InputError) as refused:
        check_ceiling(PAYMENTS, 95_000, reserves, where="2024-06")
    for text in (refused.value.text("zh"), refused.value.text("en")):
        for figure in (
            "2024-06", "600.00", "200.00", "50.00", "30.00", "70.00", "40.00", "10.00",
            "1,000.00", "950.00", "500.00",
        ):  # fmt: skip
            assert figure in text
    assert "动用预留后仍缺 40.00 元" in refused.value.text("zh")
    assert "不可用于超支" in refused.value.text("zh")


@pytest.mark.parametrize(
    ("payments", "reserves"),
    [
        ([Payment("cash", 1)], []),
        ([], [Reserve("a", -1)]),
        ([], [Reserve("a", 1), Reserve("a", 2)]),
        ([], [Reserve(" ", 1)]),
    ],
)
def test_ceiling__of_strange_input_is_refused(
    payments: list[Payment], reserves: list[Reserve]
) -> None:
    with pytest.raises(InputError):
        check_ceiling(payments, 100, reserves)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(MODES)), st.integers(-500, 10_000)), max_size=8),
    st.integers(0, 40_000),
    st.lists(st.tuples(st.integers(0, 3_000), st.booleans(), st.booleans()), max_size=4),
)
def test_ceiling__never_lets_more_pass_than_target_and_reserves(
    paid: list[tuple[str, int]], target: int, given_reserves: list[tuple[int, bool, bool]]
) -> None:
    reserves = [Reserve(f"r{i}", a, c, t) for i, (a, c, t) in enumerate(given_reserves)]
    payments = [Payment(mode, amount) for mode, amount in paid]
    total = sum(amount for _, amount in paid)
    free = target - sum(r.amount_fen for r in reserves if r.inside_target)
    covering = sum(r.amount_fen for r in reserves if r.covers_overspend)
    if total > free + covering:
        with pytest.raises(InputError):
            check_ceiling(payments, target, reserves)
        return
    result = check_ceiling(payments, target, reserves)
    assert result.total_fen == total
    assert sum(d.drawn_fen for d in result.drawn) == result.excess_fen == max(0, total - free)
    assert all(0 <= d.drawn_fen <= d.reserve.amount_fen for d in result.drawn)
    assert Fraction(total) <= target + sum(r.amount_fen for r in reserves if not r.inside_target)
