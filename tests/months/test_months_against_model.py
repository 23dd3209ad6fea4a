"""The months equal the plain model's, exactly, on drawn regions and policies."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from drgpay.ground.errors import DrgpayError, InputError
from drgpay.ground.money import POINT
from drgpay.months.folder import prepaid_rows, write_month
from drgpay.months.months import all_months, month_run
from drgpay.months.orders import read_orders
from drgpay.settlement.year_end import YearEnd
from reference.model.months import order_month
from reference.model.settlement import Settlement
from reference.model.sums import HospitalPool
from tests.settlement.test_settlements_drawn import both_of, policies, settle_both


def compare(fast: YearEnd, model: Settlement) -> Counter[str]:
    """Fail at the first difference of any month; count what was met."""
    met: Counter[str] = Counter()
    run = all_months(fast)
    expected = {(m.pool, m.month): m for m in model.months()}
    assert len(expected) == len(run.months.pools)
    rows = {(a.hospital_id, a.pool, a.month): a for a in run.months.accounts}
    of_model = 0
    for p in run.months.pools:
        m = expected[p.pool, p.month]
        assert p.budget_fen == m.budget_fen
        assert Fraction(p.points, POINT) == m.points
        assert Fraction(p.correction, POINT) == m.correction_points
        assert (None if p.value_fen is None else p.value_fen) == m.value_fen
        assert (p.fund_fen, p.not_pool_fen, p.money_fen) == (
            m.recorded_fund_fen,
            m.not_pool_fen,
            m.money_fen,
        )
        met["without value"] += p.value_fen is None
        met["corrections"] += p.correction < 0
        for h in m.hospitals:
            of_model += 1
            a = rows[h.hospital_id, h.pool, p.month]
            assert a.cases == h.cases
            assert Fraction(a.points, POINT) == h.points
            assert a.due_fen == h.due_fen
            assert (a.fund_fen, a.money_fen) == (h.recorded_fund_fen, h.money_fen)
            assert (a.payment_fen, a.suspended_fen, a.kept_fen) == (
                h.payment_fen,
                h.suspended_fen,
                h.kept_fen,
            )
            met["suspended"] += a.suspended_fen > 0
            met["kept"] += a.kept_fen > 0
            met["paid"] += a.paid_fen > 0
            met["nothing due"] += a.due_fen is not None and a.due_fen < 0
    assert of_model == len(rows)
    met["months"] += len(expected)
    met[str(fast.policy["prepay_basis"])] += 1
    met[str(fast.policy["month.pattern"])] += 1
    met["combined"] += bool(fast.policy["combine_pools"])
    return met


def compare_block(folder: Path, seeds: range, count: int) -> Counter[str]:
    met: Counter[str] = Counter()
    for seed in seeds:
        try:
            both = both_of(folder / "region", seed)
        except DrgpayError:  # a region that no policy can settle
            met["regions refused"] += 1
            continue
        last = bool(both.prepared.region.last_year_months)
        for number, values in enumerate(policies(both, seed, count)):
            fast, model = settle_both(both, values)
            if isinstance(fast, str) or isinstance(model, str):
                continue
            try:
                met += compare(fast, model)
            except InputError as error:  # the year is below the ceiling, its months are not
                assert "beyond the ceiling" in error.text("en")
                met["months beyond the ceiling"] += 1
                continue
            except AssertionError as error:
                pytest.fail(f"seed {seed}, policy {number}: {error}")
            met["runs"] += 1
            met["last year known"] += last
    return met


def chain(folder: Path, seed: int) -> Counter[str]:
    """Twelve months ordered one by one, each under another policy, engine against model."""
    met: Counter[str] = Counter()
    try:
        both = both_of(folder / "region", seed)
    except DrgpayError:  # a region that no policy can settle
        met["regions refused"] += 1
        return met
    both.prepared = replace(both.prepared, region=replace(both.prepared.region, ceiling=None))
    drawn = policies(both, seed, 60)
    paid: dict[HospitalPool, int] = {}
    before: Path | None = None
    for month in range(1, 13):
        fast: YearEnd | str = ""
        model: Settlement | str = ""
        while isinstance(fast, str) or isinstance(model, str):
            values = next(drawn, None)
            if values is None:
                return met
            fast, model = settle_both(both, values)
        orders = None
        if before is not None:
            orders = read_orders(before, fast.region, fast.policy, month)
        try:
            run = month_run(fast, month, orders)
        except InputError as error:  # what no order may pay ends the year
            assert "beyond the ceiling" in str(error)
            met["beyond the ceiling"] += 1
            return met
        expected = order_month(model.months(), month, paid)
        rows = {(a.hospital_id, a.pool): a for a in run.accounts if a.month == month}
        assert set(rows) == set(expected)
        for key, order in expected.items():
            a = rows[key]
            assert (a.paid_fen, a.setoff_after_fen) == (order.paid_fen, order.setoff_fen)
            assert a.adjustment_fen - a.setoff_before_fen == order.adjustment_fen
            assert a.paid_before_fen == paid.get(key, 0)
            met["paid more"] += a.adjustment_fen > 0
            met["paid less"] += a.adjustment_fen < 0
            met["left to set off"] += a.setoff_after_fen > 0
            met["set off"] += 0 < a.setoff_before_fen > a.setoff_after_fen
            paid[key] = paid.get(key, 0) + order.paid_fen
        before = write_month(run, folder / f"{month:02d}")
        if month == 12:
            assert {(h, p): fen for h, p, fen, _ in prepaid_rows(run)} == paid
            met["years"] += 1
    return met


def test_orders__drawn_regions_whose_policy_changes(tmp_path: Path) -> None:
    met: Counter[str] = Counter()
    wanted = ("paid more", "paid less", "left to set off", "set off")
    for seed in range(7_100, 7_130):
        (tmp_path / str(seed)).mkdir()
        met += chain(tmp_path / str(seed), seed)
        if met["years"] >= 3 and all(met[name] for name in wanted):
            break
    assert met["years"] >= 3
    assert not [name for name in wanted if not met[name]]


@pytest.mark.long
@pytest.mark.parametrize("block", range(5))
def test_orders__many_drawn_regions(block: int, tmp_path: Path) -> None:
    years = 0
    for seed in range(8_500 + block * 20, 8_520 + block * 20):
        (tmp_path / str(seed)).mkdir()
        years += chain(tmp_path / str(seed), seed)["years"]
    assert years >= 10


def test_months__drawn_regions_and_policies(tmp_path: Path) -> None:
    met = compare_block(tmp_path, range(7_000, 7_008), 6)
    assert met["runs"] >= 25
    missing = [
        name
        for name in (
            "without value", "corrections", "suspended", "kept", "paid", "nothing due",
            "recorded_fund", "month_value", "equal", "given", "combined", "last year known",
        )
        if not met[name]
    ]  # fmt: skip
    assert not missing


@pytest.mark.long
@pytest.mark.parametrize("block", range(10))
def test_months__many_drawn_regions(block: int, tmp_path: Path) -> None:
    first = 8_000 + block * 20
    assert compare_block(tmp_path, range(first, first + 20), 40)["runs"] >= 250
