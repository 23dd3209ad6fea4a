"""A community's year on the book: filed once, moved, cleared on one side, rebalanced; what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from drgpay.budget.communities import SURPLUS
from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book, Turn
from drgpay.ledger.entries import Draft, Entry
from drgpay.ledger.postings import target_lines
from drgpay.ledger.verify import verify
from drgpay.wrapper.communities import (
    Application,
    community_clearing_draft,
    file_community,
    file_rebalancing,
    file_transfer,
    member_years,
    withdraw_community,
)
from drgpay.wrapper.filings import RECEIVED, RETURNED, community, filed_communities
from drgpay.wrapper.index_clearing import index_clearing_draft
from drgpay.wrapper.index_year import index_month_draft, indices_draft
from drgpay.wrapper.planning import budget_policy, kept_file, step_done
from tests.wrapper.test_index_year import sums, write
from tests.wrapper.test_post_runs import passed

YEAR, NAME, POLICY = 2025, "城东医共体", "chongqing-budget"
RULES = budget_policy(POLICY, YEAR)
FILED = dt.date(2025, 3, 1)
BUDGETS = {"L": 500_000, "T1": 120_000, "T2": 80_000, "Z": 100_000}


def clock() -> int:
    return int(dt.datetime(2026, 2, 20, 4, tzinfo=dt.UTC).timestamp())


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A book with a target, indices and twelve months of four institutions."""
    book = Book.create(
        tmp_path / "b", region_id="R", region_name="区", year=YEAR, who="甲", clock=clock
    )
    lines = tuple(target_lines("310", 100_000_000, {"deposit": 2_400_000}, {}))
    passed(book, Draft("target", YEAR, "甲", "maker", {}, lines=lines))
    rows = [f"{name},310,{fen},{fen}" for name, fen in BUDGETS.items()]
    write(tmp_path / "i", "past_years", "机构编码,险种,上年指标,上年实际执行", *rows)
    with book.reading() as reading:
        draft = indices_draft(reading, tmp_path / "i", YEAR, POLICY, "甲")
    passed(book, draft)
    for _ in range(12):
        write(
            tmp_path / "m", "claims", "机构编码,险种,申报金额",
            "L,310,40000", "T1,310,11000", "T2,310,5000", "Z,310,8000",
        )  # fmt: skip
        with book.reading() as reading:
            draft = index_month_draft(reading, tmp_path / "m", YEAR, POLICY, "甲")
        passed(book, draft)
    return book


def paper(folder: Path, name: str, text: str = "文") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def filed(
    book: Book, folder: Path, *names: str, id: str = "C1", name: str = NAME, lead: str = "L"
) -> Entry:
    rows = [f"{n},机构{n},{'牵头单位' if n == lead else ''}" for n in names]
    members = write(folder, f"members_{id}", "机构医保编码,机构名称,备注", *rows)
    asked = Application(
        community_id=id, name=name, approved_by="县政府", founded_on="2024-12-01",
        members=members / f"members_{id}.csv", approval=paper(folder, "批文.txt", "批文"),
        rules=paper(folder, "办法.txt"), application=None, year=YEAR, day=FILED, who="院长",
    )  # fmt: skip
    with book.writing() as turn:
        return file_community(turn, asked, RULES)


def receipt(book: Book, folder: Path, name: str = NAME) -> None:
    with book.writing() as turn:
        papers = {
            own: kept_file(turn, paper(folder, f"{own}.txt", own))
            for own in ("double_filing_check", "filing_receipt")
        }
        step_done(
            turn, "community_filing", YEAR, name, "receipt", RULES,
            role="maker", who="甲", day=FILED, papers=papers,
        )  # fmt: skip


def form(folder: Path, name: str, header: str, *rows: str) -> Path:
    """Write a form as it is printed: a title above, the line of totals and signatures below."""
    lines = ["医疗共同体备案表", "", header, *rows, "合     计", "制表：,复核："]
    return paper(folder, name, "\n".join(lines) + "\n")


TRANSFER = "序号,机构医保编码,险种,调剂前预算总额,调剂出让额,调剂后预算总额,机构负责人签字"
REBALANCING = "序号,机构医保编码,险种,再分配前不予支付额或结余留用额,再分配后不予支付额或结余留用额,机构负责人签字"


def handed_in(book: Book, what: Any, table: Path, day: dt.date = dt.date(2026, 1, 12)) -> Draft:
    def draft(turn: Turn) -> Draft:
        made: Draft = what(turn, YEAR, "C1", table, RULES, by="院长", day=day, who="甲")
        return made

    with book.writing() as turn:
        return draft(turn)


def budgets(book: Book) -> dict[str, int]:
    with book.reading() as reading:
        own = community(reading, YEAR, NAME)
        return {m.hospital_id: m.before_fen for m in member_years(reading, own, YEAR)}


def transfer_rows(before: dict[str, int], out: dict[str, int]) -> list[str]:
    return [
        f"{at},{name},310,{fen / 100},{out[name] / 100},{(fen - out[name]) / 100},签"
        for at, (name, fen) in enumerate(before.items(), 1)
    ]


def done(book: Book, step: str, day: dt.date, papers: dict[str, str], folder: Path) -> None:
    with book.writing() as turn:
        kept = {
            own: kept_file(turn, paper(folder, f"{own}.txt", text)) for own, text in papers.items()
        }
        step_done(
            turn, "community_year", YEAR, NAME, step, RULES,
            role="maker", who="甲", day=day, papers=kept,
        )  # fmt: skip


def moved(book: Book, folder: Path, out: dict[str, int]) -> Entry:
    table = form(folder, "附件3.csv", TRANSFER, *transfer_rows(budgets(book), out))
    entry = passed(book, handed_in(book, file_transfer, table))
    day = dt.date(2026, 1, 19)
    done(book, "receipt", day, {"transfer_receipt": "回执"}, folder)
    done(book, "adjust", day, {"adjusted_budgets": "预算"}, folder)
    return entry


def settled(book: Book, folder: Path, *allocations: str) -> Draft:
    names = ("L", "T1", "T2")
    write(folder, "assessed", "机构编码,险种,score,已交超支报告", *(f"{n},310,1,是" for n in names))
    write(folder, "community_allocation", "机构编码,险种,金额,原因", *allocations)
    with book.reading() as reading:
        return community_clearing_draft(reading, folder, YEAR, NAME, POLICY, "甲")


def test_filing__is_kept_with_its_papers_and_a_second_one_refused(
    book: Book, tmp_path: Path
) -> None:
    entry = filed(book, tmp_path / "f", "L", "T1", "T2")
    assert entry.body["lead"] == "L" and len(entry.documents) == 3
    assert entry.body["papers"]["founding_approval"] == entry.documents[1].digest
    with pytest.raises(InputError) as found:
        filed(book, tmp_path / "g", "T1", "Z", id="C2", name="城西医共体", lead="Z")
    assert (
        "T1 已于 2025-03-01 备案在“城东医共体”下，不得重复备案（S1 三(一)至(二)）"
        in found.value.text("zh")
    )
    with pytest.raises(InputError, match="exactly one lead"):
        filed(book, tmp_path / "g", "Z", id="C2", name="城西医共体", lead="X")
    with pytest.raises(InputError, match="is filed already"):
        filed(book, tmp_path / "g", "Z", id="C2", lead="Z")
    with book.reading() as reading, pytest.raises(InputError, match="no receipt yet"):
        community(reading, YEAR, NAME)
    receipt(book, tmp_path / "f")
    with book.reading() as reading:
        assert community(reading, YEAR, "C1").state == RECEIVED
        assert not filed_communities(reading, YEAR - 1)
    # moved to another community once the first one is taken back
    with book.writing() as turn:
        withdraw_community(turn, YEAR, "C1", "院长", "撤并")
    filed(book, tmp_path / "g", "T1", "Z", id="C2", name="城西医共体", lead="Z")
    filed(book, tmp_path / "h", "L", "T2")
    receipt(book, tmp_path / "h", f"{NAME} 2")
    with book.reading() as reading:
        assert community(reading, YEAR, "C1").filing.members == ("L", "T2")
    assert verify(book).faults == ()


def test_filing__that_is_sent_back_is_filed_again(book: Book, tmp_path: Path) -> None:
    filed(book, tmp_path / "f", "L", "T1")
    with pytest.raises(InputError, match="was done on"):
        filed(book, tmp_path / "f", "L", "T1", "T2")
    from drgpay.wrapper.planning import Asked, put_down

    with book.writing() as turn:
        put_down(
            turn,
            Asked(
                procedure="community_filing", step="receipt", year=YEAR, month=0, subject=NAME,
                day=FILED, role="maker", party="", papers=(), back="缺成员", who="甲",
            ),
            POLICY,
        )  # fmt: skip
    with book.reading() as reading:
        assert filed_communities(reading, YEAR)["C1"].state == RETURNED
    filed(book, tmp_path / "f", "L", "T1", "T2")
    receipt(book, tmp_path / "f")
    assert set(budgets(book)) == {"L", "T1", "T2"}


def test_year__is_moved_cleared_on_one_side_and_rebalanced(book: Book, tmp_path: Path) -> None:
    filed(book, tmp_path / "f", "L", "T1", "T2")
    receipt(book, tmp_path / "f")
    before = budgets(book)
    assert sum(before.values()) == 70_000_000 + 2_400_000 * 7 // 8  # indices, and their deposits
    allotted = sums(book, "allotted")
    moved(book, tmp_path, {"L": 2_000_000, "T1": -500_000, "T2": -1_500_000})
    now = sums(book, "allotted")
    assert sum(now.values()) == sum(allotted.values())
    assert {n: allotted[n] - now[n] for n in now if allotted[n] != now[n]} == {
        "L": 2_000_000, "T1": -500_000, "T2": -1_500_000,
    }  # fmt: skip
    with pytest.raises(InputError, match="members of the other side need an allocation"):
        settled(book, tmp_path / "s")
    # L and T2 saved, T1 did not; the community did: all are settled as in surplus
    draft = settled(book, tmp_path / "s", "T1,310,0,按调剂使用办法")
    (side,) = draft.body["sides"]
    assert side["side"] == SURPLUS and len(side["warnings"]) == 1
    cost = 12 * (4_000_000 + 1_100_000 + 500_000)
    assert side["amount_fen"] == sum(before.values()) - cost  # the whole surplus is retained
    amounts = {row["hospital_id"]: row["amount_fen"] for row in side["rows"]}
    assert amounts["T1"] == 0 and sum(amounts.values()) == side["amount_fen"]
    assert min(amounts["L"], amounts["T2"]) > 0
    entry = passed(book, draft)
    for own in entry.body["figures"]:
        assert own["due_fen"] == own["given"]["actual_fen"] + amounts[own["hospital_id"]]
    assert set(sums(book, "recorded")) == {"Z"}
    with pytest.raises(InputError, match="no index of 2025 waits"):
        settled(book, tmp_path / "s", "T1,310,0,无")
    write(tmp_path / "y", "assessed", "机构编码,险种,score", "Z,310,1")
    with book.reading() as reading:
        draft = index_clearing_draft(reading, tmp_path / "y", YEAR, POLICY, "甲")
    passed(book, draft)
    assert sums(book, "recorded") == {}
    _rebalanced(book, tmp_path, amounts)


def _rebalanced(book: Book, folder: Path, amounts: dict[str, int]) -> None:
    done(book, "clear", dt.date(2026, 1, 30), {"clearing_result": "清算"}, folder)
    after = {**amounts, "L": amounts["L"] - 600_000, "T1": 600_000}
    rows = [f",{n},310,{amounts[n] / 100},{after[n] / 100},签" for n in after]
    late = dt.date(2026, 2, 11)
    with pytest.raises(InputError) as found:
        table = form(folder, "错.csv", REBALANCING, *rows[:2], rows[2].replace("签", ""))
        handed_in(book, file_rebalancing, table, late)
    assert [str(f) for f in found.value.faults] == ["pool 310: T2 has not signed"]
    owed, payable = sums(book, "receivable"), sums(book, "payable")
    table = form(folder, "附件5.csv", REBALANCING, *rows)
    entry = passed(book, handed_in(book, file_rebalancing, table, late))
    assert sums(book, "receivable") == owed  # L has enough that is payable
    now = sums(book, "payable")
    assert now["T1"] == payable["T1"] - 600_000 and now["L"] == payable["L"] + 600_000
    assert sum(line.amount_fen for line in entry.lines) == 0
    with book.reading() as reading:
        own = community(reading, YEAR, NAME)
        years = member_years(reading, own, YEAR)
        steps = reading.entries(("step",), year=YEAR)
    assert {m.hospital_id: m.rebalanced_fen for m in years} == after
    assert steps[-1].body["late"]  # by 10 February
    with pytest.raises(InputError, match=r"is entry \d+"):
        handed_in(book, file_rebalancing, table, late)
    assert verify(book).faults == ()


def test_transfer__with_faults_is_refused_with_all_of_them(book: Book, tmp_path: Path) -> None:
    filed(book, tmp_path / "f", "L", "T1", "T2")
    receipt(book, tmp_path / "f")
    before = budgets(book)
    rows = transfer_rows(before, {"L": 100, "T1": -50, "T2": -49})
    rows[0] = rows[0].replace("签", "")
    rows[1] = rows[1].replace(f"310,{before['T1'] / 100}", "310,1.00")
    with pytest.raises(InputError) as found:
        handed_in(book, file_transfer, form(tmp_path, "t.csv", TRANSFER, *rows))
    told = found.value.text("zh")
    for text in (
        "调剂前预算总额 1.00 元，账上为",
        "L 未签字盖章",
        "调剂出让额合计 0.01 元",
        "附件3",
    ):
        assert text in told
    rows = transfer_rows(before, {"L": 0, "T1": 0, "T2": 0})
    below = [*rows[:2], "合计", rows[2]]
    with pytest.raises(InputError, match="below the line of totals"):
        handed_in(book, file_transfer, form(tmp_path, "t.csv", TRANSFER, *below))
    all_out = transfer_rows(before, {"L": -before["T1"], "T1": before["T1"], "T2": 0})
    with pytest.raises(InputError, match="less than its deposit"):
        handed_in(book, file_transfer, form(tmp_path, "t.csv", TRANSFER, *all_out))
    with pytest.raises(InputError, match="no other fund"):
        header, more = f"{TRANSFER},基金类型", [f"{row},个人账户" for row in rows]
        handed_in(book, file_transfer, form(tmp_path, "t.csv", header, *more))


def test_transfer__that_is_not_approved_holds_the_clearing_up(book: Book, tmp_path: Path) -> None:
    filed(book, tmp_path / "f", "L", "T1", "T2")
    receipt(book, tmp_path / "f")
    table = form(
        tmp_path, "t.csv", TRANSFER, *transfer_rows(budgets(book), {"L": 1, "T1": -1, "T2": 0})
    )
    first = handed_in(book, file_transfer, table)
    assert handed_in(book, file_transfer, table) == first  # the same form, proposed anew
    with pytest.raises(InputError, match="not adjusted yet"):
        settled(book, tmp_path / "s")
    with pytest.raises(InputError, match="was done on"):
        other = form(
            tmp_path, "u.csv", TRANSFER, *transfer_rows(budgets(book), {"L": 2, "T1": -2, "T2": 0})
        )
        handed_in(book, file_transfer, other)
