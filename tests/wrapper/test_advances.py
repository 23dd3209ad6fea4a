"""Money before it is due on the book: granted within its limit, returned, recovered; prepaid months."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.approvals import approve, check
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry, credit, debit
from drgpay.ledger.orders import propose_orders
from drgpay.ledger.postings import target_lines
from drgpay.ledger.verify import verify
from drgpay.wrapper.advances import (
    advances_draft,
    recovery_draft,
    repayments_draft,
    returns_draft,
)
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import index_month_draft, indices_draft
from drgpay.wrapper.planning import budget_policy
from reference.model import wrapper
from tests.wrapper.test_index_year import book as index_book
from tests.wrapper.test_index_year import month, set_indices, sums, write
from tests.wrapper.test_post_runs import passed

__all__ = ["index_book"]
POLICY = "testland-budget"
HEAD = "机构编码,险种,金额,年度指标,协议状态"


def granted(book: Book, folder: Path, kind: str, *rows: str) -> Entry:
    table = write(folder, "advances", HEAD, *rows) / "advances.csv"
    with book.reading() as reading:
        draft = advances_draft(reading, table, kind, 2026, POLICY, "甲")
    return passed(book, draft)


def returned(book: Book, kind: str, month_: int) -> Entry:
    with book.reading() as reading:
        draft = returns_draft(reading, kind, 2026, month_, POLICY, "甲")
    return passed(book, draft)


def test_advances__are_granted_within_a_months_index(index_book: Book, tmp_path: Path) -> None:
    book = index_book
    set_indices(book, tmp_path / "i")
    entry = granted(book, tmp_path, "working_capital", "H2,310,60000,,")
    assert entry.body["granted"][0]["limit_fen"] == 10_000_000
    assert sums(book, "payable") == {"H2": -6_000_000}
    with pytest.raises(InputError) as found:
        granted(book, tmp_path, "working_capital", "H2,310,40000.01,,", "H9,310,1,,", "H1,310,1,5,")
    told = [str(fault) for fault in found.value.faults]
    assert len(told) == 3 and "besides 60,000.00: the limit is 1 × a month" in told[0]
    assert "where the book has no index" in told[1] and "S0 31" in str(found.value)
    granted(book, tmp_path, "working_capital", "H2,310,40000,,")
    granted(book, tmp_path, "advance", "H9,310,100,1200,正常")  # paid by points: no index
    with pytest.raises(InputError, match="in breach of its agreement"):
        granted(book, tmp_path, "advance", "H2,310,100,,违规处理")


def test_advances__come_back_from_what_is_payable(index_book: Book, tmp_path: Path) -> None:
    book = index_book
    set_indices(book, tmp_path / "i")
    granted(book, tmp_path, "advance", "H2,310,90000,,")
    with book.writing() as turn:
        made = propose_orders(turn, 2026, "甲", "S0 31")
        check(turn, made.number, "乙")
        approve(turn, made.number, "丙")
    with pytest.raises(InputError, match="not due yet"):
        returned(book, "advance", 9)
    with pytest.raises(InputError, match="nothing payable"):  # all of it is on an order
        returned(book, "advance", 10)
    month(book, tmp_path / "m", "H1,310,0,0", "H2,310,50000,0")
    with pytest.raises(InputError, match="not due yet"):
        returned(book, "advance", 9)
    entry = returned(book, "advance", 10)
    (own,) = entry.body["returned"]
    assert (own["offset_fen"], own["outstanding_fen"]) == (5_000_000, 4_000_000)
    assert sums(book, "advance") == {"H2": 4_000_000}
    assert sums(book, "payable") == {"H2": -9_000_000}  # the order's


def test_recovery__takes_what_one_owes_off_its_own(index_book: Book, tmp_path: Path) -> None:
    book = index_book
    set_indices(book, tmp_path / "i")
    month(book, tmp_path / "m", "H1,310,1000,0", "H2,310,50000,0")
    owed = [
        line
        for name, fen in (("H1", 300_000), ("H2", 1))
        for line in (
            debit("receivable", "310", fen, name), credit("violations", "310", fen, name)
        )
    ]  # fmt: skip
    passed(book, Draft("recovery", 2025, "甲", "maker", {}, lines=tuple(owed)))
    with book.reading() as reading:
        draft = recovery_draft(reading, 2026, "甲")
    entry = passed(book, draft)
    assert [own["taken_fen"] for own in entry.body["recovered"]] == [100_000, 1]
    assert sums(book, "receivable") == {"H1": 200_000}
    assert sums(book, "payable") == {"H2": -4_999_999}
    with book.reading() as reading, pytest.raises(InputError, match="nothing that is owed"):
        recovery_draft(reading, 2026, "甲")


def test_repayment__is_taken_in_within_what_is_owed(index_book: Book, tmp_path: Path) -> None:
    book = index_book
    owed = debit("receivable", "310", 300_000, "H1"), credit("violations", "310", 300_000, "H1")
    passed(book, Draft("recovery", 2026, "甲", "maker", {}, lines=owed))
    head = "机构编码,险种,金额,支付日期,银行流水号"
    rows = ["H1,310,1000,2026-05-06,B1", "H1,310,2000.01,2026-05-07,B2", "H2,310,1,2026-05-07,B3"]
    table = write(tmp_path, "repayments", head, *rows) / "repayments.csv"
    with book.reading() as reading, pytest.raises(InputError) as found:
        repayments_draft(reading, table, 2026, "甲")
    assert [str(f).split(": ", 1)[1] for f in found.value.faults] == [
        "H1, pool 310, owes 3,000.00 yuan: 0.01 too much",
        "H2, pool 310, owes 0.00 yuan: 1.00 too much",
    ]
    write(tmp_path, "repayments", head, rows[0])
    with book.reading() as reading:
        draft = repayments_draft(reading, table, 2026, "甲")
    passed(book, draft)
    assert sums(book, "receivable") == {"H1": 200_000} and sums(book, "fund") == {"": 100_000}


@pytest.mark.parametrize("seed", range(3))
def test_months__are_prepaid_from_mean_and_real_figure(tmp_path: Path, seed: int) -> None:
    """S3 二(一)3, as the model has it; what it leaves is settled by the clearing to the fen."""
    rng, year, policy = random.Random(seed), 2014, "shangyu-budget"
    book = Book.create(tmp_path / "b", region_id="R", region_name="区", year=year, who="甲")
    lines = tuple(target_lines("310", 10**11, {"deposit": 600_000}, {}))
    passed(book, Draft("target", year, "甲", "maker", {}, lines=lines))
    folder = write(
        tmp_path / "i", "past_years", "机构编码,险种,上年指标,上年实际执行", "H,310,1200000,1200000"
    )
    with book.reading() as reading:
        draft = indices_draft(reading, folder, year, policy, "甲")
    own = passed(book, draft).body["indices"][0]
    rules = budget_policy(policy, year)
    paid, net = 0, 0
    for _ in range(12):
        claim, violation = rng.randrange(5 * 10**6, 2 * 10**7), rng.randrange(10**6)
        write(
            tmp_path / "m", "claims", "机构编码,险种,申报金额,违规费用",
            f"H,310,{claim / 100},{violation / 100}",
        )  # fmt: skip
        with book.reading() as reading:
            draft = index_month_draft(reading, tmp_path / "m", year, policy, "甲")
        (row,) = passed(book, draft).body["figures"]
        expected = wrapper.prepayment(own["monthly_fen"], claim - violation, rules)
        assert row["paid_fen"] == expected
        paid += expected
        net += claim - violation
    assert sums(book, "deferred") == {"H": paid - net}
    assert sums(book, "payable") == {"H": -paid}
    write(tmp_path / "y", "assessed", "机构编码,险种,score,考核指标达到情况", "H,310,1,全部达到")
    with book.reading() as reading:
        draft = index_clearing_draft(reading, tmp_path / "y", year, policy, "甲")
    (row,) = passed(book, draft).body["figures"]
    assert row["final_fen"] == row["due_fen"] - paid - row["forfeited_fen"]
    assert sums(book, "deferred") == {} and sums(book, "recorded") == {}
    assert verify(book).faults == ()
