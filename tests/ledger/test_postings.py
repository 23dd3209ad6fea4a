"""Postings balance and leave nothing over, whatever the figures."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.ground.errors import BooksError
from drgpay.ledger.book import Balance
from drgpay.ledger.entries import Draft, Line, check_draft
from drgpay.ledger.postings import (
    ClearingFigures,
    MonthFigures,
    clearing_lines,
    month_lines,
    rebalancing_lines,
    target_lines,
    transfer_lines,
)

FEN = st.integers(0, 10**13)
ANY_FEN = st.integers(-(10**13), 10**13)
PLACES = [(h, p) for h in ("H1", "H2", "H3") for p in ("310", "390")]
MONTHS = st.lists(
    st.builds(
        MonthFigures, st.sampled_from(["H1", "H2", "H3"]), st.sampled_from(["310", "390"]),
        FEN, FEN, FEN, FEN, ANY_FEN,
    ),
    max_size=30,
)  # fmt: skip


def balances(lines: list[Line]) -> Counter[tuple[str, str, str]]:
    sums: Counter[tuple[str, str, str]] = Counter()
    for line in lines:
        sums[line.account, line.pool, line.hospital_id] += line.amount_fen
    return sums


def standing_of(lines: list[Line]) -> list[Balance]:
    return [Balance(x.account, x.pool, x.hospital_id, x.detail, x.amount_fen) for x in lines]


def draft(*lines: Line) -> Draft:
    return Draft("month", 2026, "x", "approver", {}, lines=lines)


@given(
    months=MONTHS,
    settled=st.lists(st.tuples(FEN, FEN, FEN, FEN, FEN), min_size=6, max_size=6),
)
def test_year__is_cleared_to_the_fen(
    months: list[MonthFigures], settled: list[tuple[int, int, int, int, int]]
) -> None:
    lines = list(month_lines(months))
    check_draft(draft(*lines))
    standing = standing_of(lines)
    results = []
    for (hospital, pool), (points, item, forfeited, violations, shared) in zip(
        PLACES, settled, strict=True
    ):
        paid = sum(m.paid_fen for m in months if (m.hospital_id, m.pool) == (hospital, pool))
        before = sum(
            m.violations_fen for m in months if (m.hospital_id, m.pool) == (hospital, pool)
        )
        # settled - what was paid - forfeited - all violations
        final = points + item + shared - paid - before - forfeited - violations
        results.append(
            ClearingFigures(
                hospital,
                pool,
                {"drg": points, "by_item": item},
                forfeited,
                violations,
                final,
                waiting_fen=max(0, final) // 2,
                shared_fen=shared,
            )
        )
    made = list(clearing_lines(results, standing))
    check_draft(draft(*made))
    after = balances(lines + made)
    for hospital, pool in PLACES:
        assert not after["recorded", pool, hospital]
        assert not after["deposit", pool, hospital] and not after["setoff", pool, hospital]
        due = next(r for r in results if (r.hospital_id, r.pool) == (hospital, pool))
        assert after["deferred", pool, hospital] == -due.waiting_fen
    assert sum(after.values()) == 0


def test_clearing__that_does_not_meet_the_months_is_refused() -> None:
    lines = list(month_lines([MonthFigures("H1", "310", 95, 5), MonthFigures("H2", "310", 9)]))
    standing = standing_of(lines)
    wrong = ClearingFigures("H1", "310", {"drg": 100}, 1, 0, 5)
    with pytest.raises(BooksError) as found:
        list(clearing_lines([wrong], standing))
    assert [str(fault) for fault in found.value.faults] == [
        "H1, pool 310: 0.04 yuan by the book, 0.05 by the result",
        "H2, pool 310: no result",
    ]


@given(st.integers(0, 10**13), st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**9)))
def test_target__is_what_may_be_spent_and_what_is_reserved(
    fen: int, reserves: dict[str, int]
) -> None:
    lines = target_lines("310", fen, reserves, {})
    check_draft(Draft("target", 2026, "x", "approver", {}, lines=tuple(lines)))
    sums = balances(lines)
    assert sums["available", "310", ""] == fen - sum(reserves.values())
    assert sums["target", "310", ""] == -fen


def test_transfer__moves_budget_and_makes_none() -> None:
    given_away = {"L": 20_000_000, "T1": -15_000_000, "T2": -5_000_000}
    sums = balances(transfer_lines("310", given_away))
    assert sums == {
        ("allotted", "310", "L"): -20_000_000,
        ("allotted", "310", "T1"): 15_000_000,
        ("allotted", "310", "T2"): 5_000_000,
    }
    with pytest.raises(BooksError, match=r"0\.01 yuan over"):
        transfer_lines("310", {"L": 1})


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8),
    st.lists(st.integers(-(10**12), 10**12), min_size=9, max_size=9),
)
def test_rebalancing__takes_what_is_payable_first_and_nothing_of_others(
    moved: list[int], standing: list[int]
) -> None:
    more = {f"H{n}": fen for n, fen in enumerate([*moved, -sum(moved)])}
    payable = {name: standing[n] for n, name in enumerate(more)}
    lines = list(rebalancing_lines("310", more, payable))
    check_draft(draft(*[line for line in lines if line.amount_fen]))
    sums = balances(lines)
    for name, fen in more.items():
        taken = sums["payable", "310", name]
        assert sums["expense", "310", name] == fen
        if fen >= 0:
            assert (taken, sums["receivable", "310", name]) == (-fen, 0)
        else:
            assert taken == min(-fen, max(0, payable[name]))
            assert sums["receivable", "310", name] == -fen - taken >= 0
    if any(moved):
        with pytest.raises(BooksError, match="leaves"):
            list(rebalancing_lines("310", {**more, "H0": more["H0"] + 1}, payable))
