"""A year that changes: indices adjusted as decided, costly cases outside the index; what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.postings import target_lines
from drgpay.ledger.verify import verify
from drgpay.wrapper.changes import adjustment_draft, take_up_costly
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import held_indices, index_month_draft, indices_draft
from drgpay.wrapper.planning import budget_policy, kept_file, step_done
from drgpay.wrapper.reserves import draw_draft
from tests.wrapper.test_communities import paper
from tests.wrapper.test_index_year import sums, write
from tests.wrapper.test_post_runs import passed

YEAR, POLICY = 2026, "testland-budget"
RULES = budget_policy(POLICY, YEAR)
DAY = dt.date(2026, 6, 1)


def clock() -> int:
    return int(dt.datetime(2027, 1, 20, 4, tzinfo=dt.UTC).timestamp())


def three(tmp_path: Path) -> Book:
    """A book with three institutions in two groups, 50,000 yuan in the mid-year reserve."""
    book = Book.create(
        tmp_path / "b", region_id="R", region_name="区", year=YEAR, who="甲", clock=clock
    )
    inside = {"deposit": 600_000, "mid_year": 5_000_000}
    lines = tuple(target_lines("310", 450_600_000, inside, {}))
    passed(book, Draft("target", YEAR, "甲", "maker", {}, lines=lines))
    write(
        tmp_path / "i", "past_years", "机构编码,险种,上年指标,上年实际执行,协商分组",
        "H1,310,1200000,1200000,二级", "H2,310,1200000,1200000,二级", "H3,310,1200000,1200000,一级",
    )  # fmt: skip
    with book.reading() as reading:
        draft = indices_draft(reading, tmp_path / "i", YEAR, POLICY, "甲")
    passed(book, draft)
    return book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return three(tmp_path)


def months(book: Book, folder: Path, count: int, claim: int = 95_000) -> Entry:
    rows = [f"{name},310,{claim}" for name in ("H1", "H2", "H3")]
    for _ in range(count):
        write(folder, "claims", "机构编码,险种,申报金额", *rows)
        with book.reading() as reading:
            draft = index_month_draft(reading, folder, YEAR, POLICY, "甲")
        entry = passed(book, draft)
    return entry


def step(book: Book, folder: Path, procedure: str, name: str, own: str, role: str, who: str,
         **papers: Path | str) -> None:  # fmt: skip
    with book.writing() as turn:
        kept = {
            key: kept_file(turn, file if isinstance(file, Path) else paper(folder, key, file))
            for key, file in papers.items()
        }
        step_done(
            turn, procedure, YEAR, name, own, RULES, role=role, who=who, day=DAY, papers=kept
        )  # fmt: skip


def decided(book: Book, folder: Path, name: str = "价格调整") -> None:
    folder.mkdir(exist_ok=True)
    step(book, folder, "mid_year", name, "propose", "maker", "甲",
         adjustment_plan="计划", cause_evidence="依据")  # fmt: skip
    step(book, folder, "mid_year", name, "decide", "authority", "局长", decision_minutes="纪要")


def adjusted(
    book: Book, folder: Path, rows: list[str], rules: list[str], name: str = "价格调整"
) -> Draft:
    write(folder, "adjustments", "机构编码,险种,调整情形,金额,百分比,原因", *rows)
    write(folder, "adjustment_rules", "协商分组,调整情形,百分比", *rules)
    with book.reading() as reading:
        return adjustment_draft(reading, folder, YEAR, name, POLICY, "甲")


PRICES = [f"{name},310,重大政策调整、突发事件或价格大幅变动,,2,价格" for name in ("H1", "H2")]
RULE = ["二级,重大政策调整、突发事件或价格大幅变动,2"]


def test_adjustment__is_decided_funded_and_shared_by_later_months(
    book: Book, tmp_path: Path
) -> None:
    months(book, tmp_path / "m", 6)
    with pytest.raises(InputError, match="not decided by the authority"):
        adjusted(book, tmp_path / "a", PRICES, RULE)
    decided(book, tmp_path / "a")
    free = sums(book, "available")[""]
    entry = passed(book, adjusted(book, tmp_path / "a", PRICES, RULE))
    assert entry.body["decision"]["day"] == DAY.isoformat()
    assert entry.body["raised_by"] == "agency"
    assert [c["amount_fen"] for c in entry.body["changes"]] == [2_400_000, 2_400_000]
    # 48,000 yuan come out of the reserve, 2,000 stay in it
    assert sums(book, "reserve") == {"": 200_000} and sums(book, "available")[""] == free
    with book.reading() as reading:
        held = held_indices(reading, YEAR)
    assert held["H1", "310"]["monthly_fen"] == 122_400_000
    assert held["H3", "310"]["monthly_fen"] == 120_000_000
    own = months(book, tmp_path / "m", 1).body["figures"][0]
    assert own["months"][:6] == [10_000_000] * 6 and own["months"][6:] == [10_400_000] * 6
    with pytest.raises(InputError, match=r"is entry \d+"):
        adjusted(book, tmp_path / "a", PRICES, RULE)
    # the next one takes what is left of the reserve, and the rest of what is free
    decided(book, tmp_path / "a", "再调")
    more = ["H3,310,其他特殊情况,5000,,疫情"]
    own_figure = ["一级,其他特殊情况,"]
    entry = passed(book, adjusted(book, tmp_path / "a", more, own_figure, "再调"))
    assert entry.body["funding"][0]["reserve_fen"] == 200_000
    assert sums(book, "reserve") == {} and sums(book, "available")[""] == free - 300_000
    assert verify(book).faults == ()


def test_adjustment__that_cannot_be_is_refused(book: Book, tmp_path: Path) -> None:
    decided(book, tmp_path / "a")
    for rows, rules, says in (
        (PRICES[:1], RULE, "no deal with one institution alone"),
        (["H3,310,其他特殊情况,5000,,疫情"], [], "no deal with one institution alone"),
        (["H3,310,其他特殊情况,99999999,,疫情"], ["一级,其他特殊情况,"], "not allotted"),
        (["H3,310,其他特殊情况,-1300000,,停业"], ["一级,其他特殊情况,"], "cannot be changed so"),
        (["H9,310,其他特殊情况,1,,无"], [], "cannot be changed"),
        (["H3,310,其他特殊情况,1,1,无"], [], "faults"),
    ):
        with pytest.raises(InputError, match=says):
            adjusted(book, tmp_path / "a", rows, rules)
    months(book, tmp_path / "m", 6)
    with pytest.raises(InputError, match="cannot be changed so"):  # six months had 600,000
        adjusted(
            book, tmp_path / "a", ["H3,310,其他特殊情况,-700000,,停业"], ["一级,其他特殊情况,"]
        )


def test_capacity__is_in_the_years_settlement_alone(book: Book, tmp_path: Path) -> None:
    decided(book, tmp_path / "a", "新技术")
    rows = ["H3,310,新增服务能力或新技术,30000,,新开展介入"]
    passed(book, adjusted(book, tmp_path / "a", rows, [], "新技术"))
    months(book, tmp_path / "m", 12, 102_000)
    with book.reading() as reading:
        held = held_indices(reading, YEAR)["H3", "310"]
    assert (held["monthly_fen"], held["settlement_fen"]) == (120_000_000, 3_000_000)
    entry = cleared(book, tmp_path / "y")
    given = {own["hospital_id"]: own["given"] for own in entry.body["figures"]}
    assert given["H3"]["index_fen"] - given["H2"]["index_fen"] == 3_000_000


def cleared(book: Book, folder: Path, costly: str = "") -> Entry:
    rows = [f"{name},310,1,{costly if name == 'H1' else ''}" for name in ("H1", "H2", "H3")]
    write(folder, "assessed", "机构编码,险种,score,指标外高额费用", *rows)
    with book.reading() as reading:
        draft = index_clearing_draft(reading, folder, YEAR, POLICY, "甲")
    return passed(book, draft)


def taken_up(book: Book, table: Path, name: str = "一季度") -> Entry:
    with book.writing() as turn:
        return take_up_costly(turn, table, YEAR, name, RULES, "甲")


def reviewed(book: Book, folder: Path, name: str, table: Path) -> None:
    folder.mkdir(exist_ok=True)
    steps: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("apply", "institution", "院长", {"written_application": "申请", "case_record": "病例"}),
        ("review", "maker", "甲", {"review_opinion": table}),
        ("check", "checker", "乙", {"check_record": "复核"}),
        ("approve", "approver", "丙", {"decision": "决定"}),
    )
    for own, role, who, papers in steps:
        step(book, folder, "costly_cases", name, own, role, who, **papers)


CASES = "机构编码,险种,病例号,申报金额,认定金额,原因"


def test_costly_cases__are_settled_outside_the_index(book: Book, tmp_path: Path) -> None:
    table = write(tmp_path / "c", "costly", CASES, "H1,310,A1,300000,250000,移植") / "costly.csv"
    with pytest.raises(InputError, match="not reviewed, checked and approved"):
        taken_up(book, table)
    reviewed(book, tmp_path / "c", "一季度", table)
    other = write(tmp_path / "c", "other", CASES, "H1,310,A1,300000,290000,移植") / "other.csv"
    with pytest.raises(InputError, match="another table was reviewed"):
        taken_up(book, other)
    taken_up(book, table)
    reviewed(book, tmp_path / "c", "二季度", table)
    with pytest.raises(InputError) as found:
        taken_up(book, table, "二季度")
    assert "case A1 was taken up by entry" in str(found.value.faults[0])
    months(book, tmp_path / "m", 12, 115_000)
    with pytest.raises(InputError, match="not those of the book"):
        cleared(book, tmp_path / "y", "240000")
    entry = cleared(book, tmp_path / "y", "250000")
    own = {row["hospital_id"]: row for row in entry.body["figures"]}
    assert own["H1"]["given"]["costly_fen"] == 25_000_000
    assert own["H1"]["given"]["actual_fen"] == own["H2"]["given"]["actual_fen"] - 25_000_000
    # under its index without them, H2 above it
    assert (own["H1"]["difference_fen"] > 0, own["H2"]["difference_fen"] > 0) == (True, False)


def test_reserve__is_drawn_within_what_it_has_and_never_the_deposits(
    book: Book, tmp_path: Path
) -> None:
    def drawn(reserve: str, fen: int) -> Draft:
        with book.writing() as turn:
            file = paper(tmp_path, "决定.txt")
            return draw_draft(turn, YEAR, "310", reserve, fen, "超支分担", file, "甲")

    free = sums(book, "available")[""]
    entry = passed(book, drawn("mid_year", 1_000_000))
    assert sums(book, "reserve") == {"": 4_000_000}
    assert sums(book, "available") == {"": free + 1_000_000} and len(entry.documents) == 1
    for reserve, fen in (("mid_year", 4_000_001), ("mid_year", 0), ("year_end", 1), ("deposit", 1)):
        with pytest.raises(InputError, match="cannot be drawn"):
            drawn(reserve, fen)
