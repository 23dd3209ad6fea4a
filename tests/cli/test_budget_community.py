"""`drgpay budget community`: a community's year by the command line."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from tests.cli.test_budget import Desk, last
from tests.wrapper.test_communities import (
    NAME,
    POLICY,
    REBALANCING,
    TRANSFER,
    YEAR,
    book,
    form,
    paper,
    transfer_rows,
)
from tests.wrapper.test_index_year import write

__all__ = ["book"]
OF_YEAR = ("--year", YEAR, "--policy", POLICY)


@pytest.fixture
def desk(book: Book, tmp_path: Path) -> Desk:
    book.close()
    return Desk(tmp_path / "b")


def filed(desk: Desk, folder: Path, id: str, name: str, *members: str) -> str:
    rows = [f"{m},机构{m},{'' if at else '牵头单位'}" for at, m in enumerate(members)]
    table = write(folder, id, "机构医保编码,机构名称,备注", *rows) / f"{id}.csv"
    papers = ("--approval", paper(folder, "批文.txt", "批文"), "--rules", paper(folder, "办法.txt"))
    return desk(
        "community", "file", table, "--id", id, "--name", name, *papers, *OF_YEAR,
        "--day", "2025-03-01", "--as", "院长",
    )  # fmt: skip


def step(desk: Desk, folder: Path, procedure: str, own: str, day: str, *papers: str) -> None:
    given = [x for p in papers for x in ("--paper", f"{p}={paper(folder, f'{p}.txt', p)}")]
    desk("done", procedure, own, *OF_YEAR, "--subject", NAME, "--day", day, "--as", "甲", *given)


def test_community__goes_through_its_year(desk: Desk, tmp_path: Path) -> None:
    assert f"--subject “{NAME}”" in filed(desk, tmp_path / "f", "C1", NAME, "L", "T1", "T2")
    with pytest.raises(InputError, match="was filed in"):
        filed(desk, tmp_path / "f", "C2", "城西医共体", "Z", "T1")
    step(desk, tmp_path, "community_filing", "receipt", "2025-03-02",
         "double_filing_check", "filing_receipt")  # fmt: skip
    assert "已备案" in desk("community", "list", "--year", YEAR)
    shown = desk("community", "show", "C1", "--year", YEAR)
    assert "城东医共体 险种 310" in shown and "721,000.00" in shown  # what members have together
    status = desk("status", *OF_YEAR)
    assert "报送调剂分配备案表" in status and "逾期未办" in status
    desk("community", "show", NAME, "--year", YEAR, "-o", tmp_path / "c.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "c.xlsx").active
    assert sheet is not None
    before = {
        str(row[0]): round(100 * float(row[3]))
        for row in sheet.iter_rows(min_row=3, max_row=5, values_only=True)
        if isinstance(row[3], int | float)
    }
    rows = transfer_rows(before, {"L": 2_000_000, "T1": -500_000, "T2": -1_500_000})
    by = ("--community", "C1", *OF_YEAR, "--by", "院长", "--as", "甲")
    assert "医共体调剂" in desk(
        "community", "transfer", form(tmp_path, "附件3.csv", TRANSFER, *rows),
        "--day", "2026-01-10", *by,
    )  # fmt: skip
    told = desk.passed(last(desk), "--day", "2026-01-21")
    assert "出具调剂分配备案回执·" in told and "调整成员预算指标·" in told and "已过期限" in told
    with pytest.raises(InputError, match="was done on 2026-01-21"):  # it is not asked twice
        step(desk, tmp_path, "community_year", "adjust", "2026-01-22", "adjusted_budgets")
    members = ("L", "T1", "T2")
    write(tmp_path / "s", "assessed", "机构编码,险种,score", *(f"{m},310,1" for m in members))
    write(tmp_path / "s", "community_allocation", "机构编码,险种,金额,原因", "T1,310,0,办法")
    settle = ("community", "settle", tmp_path / "s", "--community", NAME, *OF_YEAR, "--as", "甲")
    assert "年度清算 2025 城东医共体" in desk(*settle)
    assert "完成成员年终清算·" in desk.passed(last(desk), "--day", "2026-01-30")
    with Book.open(desk.book).reading() as reading:
        (entry,) = reading.entries(("clearing",), year=YEAR)
    amounts = {row["hospital_id"]: row["amount_fen"] for row in entry.body["sides"][0]["rows"]}
    after = {**amounts, "L": amounts["L"] - 100, "T1": 100}
    rows = [f",{m},310,{amounts[m] / 100},{after[m] / 100},签" for m in members]
    told = desk("community", "rebalance", form(tmp_path, "附件5.csv", REBALANCING, *rows), *by)
    assert "已逾期" in told and "最后一日 2026-02-10" in told
    assert "纳入清算拨付或月结算扣减·" in desk.passed(last(desk))
    assert "1.00" in desk("community", "show", "C1", "--year", YEAR)
    assert "无误" in desk("verify")


def test_filing__is_taken_back(desk: Desk, tmp_path: Path) -> None:
    filed(desk, tmp_path / "f", "C1", NAME, "L", "T1")
    with pytest.raises(InputError, match="C7"):
        desk("community", "withdraw", "C7", "--year", YEAR, "--why", "错", "--as", "院长")
    desk("community", "withdraw", "C1", "--year", YEAR, "--why", "撤并", "--as", "院长")
    assert "已撤销" in desk("community", "list", "--year", YEAR)
    filed(desk, tmp_path / "f", "C2", "城西医共体", "Z", "T1")
