"""How a year by index ends on the book: outcomes, compensation, standing; amounts worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import target_lines
from drgpay.ledger.verify import verify
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import index_month_draft, indices_draft
from tests.wrapper.test_index_year import sums, write
from tests.wrapper.test_post_runs import passed

INDEX = 120_000_000  # of each institution, in fen


def ended(
    folder: Path,
    policy: str,
    year: int,
    claims: Mapping[str, int],
    head: str,
    rows: Sequence[str],
    before: Callable[[Book], object] = lambda book: None,
) -> tuple[Book, dict[str, dict[str, Any]]]:
    """Post a year in which each claims so many yuan a month; return the book and its clearing.

    `before`: what is done with the book when its months are settled.
    """
    book = Book.create(folder / "b", region_id="R", region_name="区", year=year, who="甲")
    lines = tuple(target_lines("310", 10**10, {}, {}))
    passed(book, Draft("target", year, "甲", "maker", {}, lines=lines))
    past = [f"{name},310,1200000,1200000" for name in claims]
    write(folder / "i", "past_years", "机构编码,险种,上年指标,上年实际执行", *past)
    with book.reading() as reading:
        draft = indices_draft(reading, folder / "i", year, policy, "甲")
    passed(book, draft)
    asked = [f"{name},310,{yuan},0" for name, yuan in claims.items()]
    write(folder / "m", "claims", "机构编码,险种,申报金额,违规费用", *asked)
    for _ in range(12):
        with book.reading() as reading:
            draft = index_month_draft(reading, folder / "m", year, policy, "甲")
        passed(book, draft)
    before(book)
    write(folder / "y", "assessed", head, *rows)
    with book.reading() as reading:
        draft = index_clearing_draft(reading, folder / "y", year, policy, "甲")
    entry = passed(book, draft)
    assert verify(book).faults == ()
    assert sums(book, "recorded") == {} and sums(book, "deferred") == {}
    return book, {own["hospital_id"]: own for own in entry.body["figures"]}


def test_overspending__is_carried_by_what_the_indicators_came_to(tmp_path: Path) -> None:
    """S3 3: 240,000 over, 60,000 of it outside the city: none, 30 and 10 in a hundred, or all."""
    _, own = ended(
        tmp_path, "shangyu-budget", 2014, dict.fromkeys("ABC", 120_000) | {"D": 90_000},
        "机构编码,险种,score,考核指标达到情况,其中市外指标,其中市外费用",
        ["A,310,1,全部达到,200000,260000", "B,310,1,未全部达到,200000,260000",
         "C,310,1,全部未达到,200000,260000", "D,310,1,全部达到,0,0"],
    )  # fmt: skip
    assert {h: row["given"]["index_fen"] for h, row in own.items()} == dict.fromkeys("ABCD", INDEX)
    assert [own[h]["borne_fen"] for h in "ABC"] == [0, 5_400_000 + 600_000, 24_000_000]
    assert [own[h]["fund_fen"] for h in "ABC"] == [24_000_000, 18_000_000, 0]
    # 120,000 saved, of which 30 % are the reward
    assert (own["D"]["reward_fen"], own["D"]["borne_fen"]) == (3_600_000, 0)


def test_overspending__from_many_more_patients_is_compensated_within_the_cap(
    tmp_path: Path,
) -> None:
    """S4 (5): a fifth more patients explain 240,000, half is 120,000, five in a hundred 60,000."""
    book, own = ended(
        tmp_path, "testland-budget", 2026, {"A": 120_000, "B": 120_000, "C": 102_000},
        "机构编码,险种,score,已交超支报告,本年人数,上年人数",
        ["A,310,1,是,1200,1000", "B,310,1,是,1099,1000", "C,310,1,是,1500,1000"],
    )  # fmt: skip
    assert [own[h]["compensation_fen"] for h in "ABC"] == [6_000_000, 0, 1_200_000]
    # the rest is shared, 15 in a hundred by the fund: 180,000, 240,000 and 12,000
    assert [own[h]["fund_fen"] for h in "ABC"] == [2_700_000, 3_600_000, 180_000]
    assert [own[h]["borne_fen"] for h in "ABC"] == [15_300_000, 20_400_000, 1_020_000]
    paid = {h: INDEX + own[h]["compensation_fen"] + own[h]["fund_fen"] for h in "ABC"}
    assert sums(book, "payable") == {h: -fen for h, fen in paid.items()}


def test_surplus__of_one_penalised_or_ended_is_not_kept(tmp_path: Path) -> None:
    _, own = ended(
        tmp_path, "testland-budget", 2026, dict.fromkeys("ABC", 90_000),
        "机构编码,险种,score,协议状态",
        ["A,310,1,正常", "B,310,1,违规处理", "C,310,,已解除"],
    )  # fmt: skip
    assert [own[h]["kept_fen"] for h in "ABC"] == [10_200_000, 0, 0]  # 85 of a hundred
    assert len({own[h]["outcome"] for h in "ABC"}) == 3
