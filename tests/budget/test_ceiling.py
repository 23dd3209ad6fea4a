"""The control target, and all payments together against it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.budget.ceiling import (
    MODES,
    Payment,
    Reserve,
    check_ceiling,
    control_target,
)
from drgpay.ground.errors import InputError

DEDUCTIONS = [("定点零售药店购药", 42_000_000_00), ("离休", 6_200_000_00)]
PAYMENTS = [
    Payment("drg", 60_000, "职工"),
    Payment("drg", 20_000, "居民"),
    Payment("per_diem", 5_000),
    Payment("by_item", 3_000),
    Payment("capitation", 7_000),
    Payment("out_of_area", 4_000),
    Payment("other", 1_000, "特殊病例补偿"),
]


def test_control_target__of_500_million() -> None:
    target = control_target(500_000_000_00, DEDUCTIONS, 35_500_000_50)
    assert target.target_fen == 416_299_999_50
    assert [name for name, _ in target.deductions][-1] == MODES["out_of_area"]


def test_control_target__with_care_outside_inside_it() -> None:
    target = control_target(500_000_000_00, DEDUCTIONS, 35_500_000_50, out_of_area="inside_budget")
    assert target.target_fen == 451_800_000_00


def test_control_target__sets_reserves_aside_but_not_the_deposit_twice() -> None:
    reserves = [Reserve("年中调整", 10_000), Reserve("年终清算", 5_000)]
    target = control_target(1_000_000, [], 0, reserves=reserves, deposit_fen=50_000)
    assert target.target_fen == 1_000_000
    assert target.free_fen == 985_000
    assert all(reserve.inside_target for reserve in target.reserves)
    full = check_ceiling([Payment("drg", 985_000)], target.target_fen, target.reserves)
    assert (full.excess_fen, full.left_fen, full.free_fen) == (0, 0, 985_000)


def test_control_target__that_cannot_hold_its_reserves_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        control_target(100, [], 0, reserves=[Reserve("年终清算", 60)], deposit_fen=41)
    assert "1.01" in refused.value.text("zh") and "年终清算 0.60 元" in refused.value.text("zh")
    with pytest.raises(InputError, match="below 0"):
        control_target(100, [("离休", -1)])


def test_ceiling__lists_modes_and_what_is_left() -> None:
    result = check_ceiling(PAYMENTS, 120_000)
    assert result.total_fen == 100_000 and result.left_fen == 20_000
    assert result.by_mode == {
        "drg": 80_000, "per_diem": 5_000, "by_item": 3_000, "capitation": 7_000,
        "out_of_area": 4_000, "other": 1_000,
    }  # fmt: skip
    lines = [line.chinese for line in result.explain()]
    assert "DRG点数付费（职工） 600.00 元" in lines
    assert lines[-1] == "未超出，尚可支付 200.00 元"


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
    lines = [line.chinese for line in result.explain()]
    assert "动用预留“风险金” 20.00 元，余 20.00 元" in lines
    assert lines[-1] == "超出可支付额 50.00 元，由预留承担"


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
    assert sum(result.by_mode.values()) == result.total_fen == total
    assert sum(d.drawn_fen for d in result.drawn) == result.excess_fen == max(0, total - free)
    assert all(0 <= d.drawn_fen <= d.reserve.amount_fen for d in result.drawn)
    assert Fraction(total) <= target + sum(r.amount_fen for r in reserves if not r.inside_target)
