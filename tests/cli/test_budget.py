"""`drgpay budget`: a book from its opening to a payment that the bank confirmed, by the command line."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from drgpay.cli import cli
from drgpay.ground.errors import BooksError, DrgpayError, InputError
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import target_lines
from drgpay.runs.reader import RunFolder
from tests.ledger.conftest import settled
from tests.wrapper.test_post_runs import TARGETS, year

__all__ = ["year"]
Year = tuple[Path, Path, Path, str]


class Desk:
    """The command line with a book."""

    def __init__(self, book: Path) -> None:
        self.book = book

    def __call__(self, *words: object, book: bool = True) -> str:
        return self.result(*words, book=book).output

    def result(self, *words: object, book: bool = True) -> Result:
        place = ["--book", self.book] if book else []
        given = ["budget", *map(str, [*words, *place])]
        found = CliRunner().invoke(cli, given, catch_exceptions=False, standalone_mode=False)
        assert found.exit_code == 0, found.output
        return found

    def passed(self, number: int, *more: object) -> str:
        self("check", number, "--as", "复核人")
        return self("approve", number, "--as", "审批人", *more)


@pytest.fixture
def desk(tmp_path: Path, year: Year) -> Desk:
    desk = Desk(tmp_path / "账.sqlite")
    made = desk(
        "init", desk.book, "--region", year[3], "--name", "例一区", "--year", 2024, "--as", "张三",
        book=False,
    )  # fmt: skip
    assert "已建账" in made
    book = Book.open(desk.book)
    for pool, fen in TARGETS.items():
        lines = tuple(target_lines(pool, fen, {}, {}))
        settled(book, Draft("target", 2024, "张三", "maker", {}, lines=lines))
    book.close()
    return desk


def test_month__is_posted_ordered_and_paid(desk: Desk, year: Year, tmp_path: Path) -> None:
    for month in (1, 2, 3):
        assert "待复核" in desk("month", year[1] / f"2024-{month:02d}", "--as", "经办人")
        desk.passed(last(desk))
    assert "应付医疗机构款  390" in desk("balances", "--year", 2024)
    assert "H1" in desk("balances", "--hospital", "H1")
    assert "记账凭证" not in desk("voucher", last(desk)) and "待清算费用" in desk(
        "voucher", last(desk)
    )
    told = desk("order", "propose", "--year", 2024, "--as", "经办人")
    rows = RunFolder(year[1] / "2024-03", "month").table("months_hospitals").to_pylist()
    paid = sum(row["paid_fen"] for row in rows)
    assert f"拨付单 3 张，共 {paid / 100:,.2f} 元" in told
    desk.passed(last(desk))
    assert desk("order", "list", "--unpaid").count("未付 ") == 3
    receipts = tmp_path / "回单.csv"
    receipts.write_text(
        "拨付单号,金额,支付日期,银行流水号,退票\n2024-000001,19000.00,2024-04-08,B77,否\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="19,000"):
        desk("order", "confirm", receipts, "--year", 2024, "--as", "出纳")
    listed = desk("order", "list").splitlines()[1].split()
    amount = listed[3].replace(",", "")
    text = receipts.read_text(encoding="utf-8").replace("19000.00", amount)
    receipts.write_text(text, encoding="utf-8")
    assert "回单 1 张已入账" in desk("order", "confirm", receipts, "--year", 2024, "--as", "出纳")
    assert "已付" in desk("order", "list") and "B77" in desk("order", "list")
    desk("order", "list", "-o", tmp_path / "o.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "o.xlsx").active
    assert sheet is not None
    cells = [cell.value for row in sheet.iter_rows() for cell in row]
    assert "2024-000001" in cells and float(amount) in cells


def last(desk: Desk) -> int:
    """Return the number of the last entry."""
    return int(desk("entries").splitlines()[-1].split()[0])


def test_proposal__goes_back_or_is_withdrawn(desk: Desk, year: Year) -> None:
    for words in (
        ("return", "--why", "金额有误", "--as", "复核人"),
        ("withdraw", "--as", "经办人"),
    ):
        desk("month", year[1] / "2024-01", "--as", "经办人")
        number = last(desk)
        desk(words[0], number, *words[1:])
        with pytest.raises(InputError):
            desk("check", number, "--as", "复核人")


def test_year__without_months_is_cleared(desk: Desk, year: Year) -> None:
    assert "年度清算 2024" in desk("clear", year[2], "--as", "经办人")
    desk.passed(last(desk))
    assert "医疗费用支出" in desk("balances")


def test_book__is_verified_backed_up_and_restored(desk: Desk, tmp_path: Path) -> None:
    sound = desk("verify")
    assert "无误" in sound
    head = sound.split()[-1]
    assert "无误" in desk("verify", "--head", f"{last(desk)}:{head.upper()}")
    with pytest.raises(BooksError, match="the paper"):
        desk("verify", "--head", f"{last(desk)}:{'0' * 64}")
    with pytest.raises(InputError, match="NUMBER:DIGEST"):
        desk("verify", "--head", "x")
    assert head in desk("backup", tmp_path / "b.zip")
    assert head in desk("restore", tmp_path / "b.zip", tmp_path / "again.sqlite", book=False)
    other = Desk(tmp_path / "again.sqlite")
    assert other("entries") == desk("entries")
    desk("entries", "-o", tmp_path / "e.xlsx")
    assert (tmp_path / "e.xlsx").stat().st_size > 4_000


def test_book__is_named_by_the_environment_or_missed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DrgpayError, match="no book is named"):
        desk("entries", book=False)
    monkeypatch.setenv("DRGPAY_BOOK", str(desk.book))
    assert desk("entries", book=False) == desk("entries")


FACTORS = """险种,因素,金额,依据,提出人
310,本年度基金收入测算,520000000.00,征缴计划,基金科
310,上年度基金实际支出,467890123.45,决算,基金科
310,参保人群与待遇政策变动,20000000,参保人数增长,待遇科
310,卫生、物价政策变动,5000000,价格调整,价格科
310,医疗卫生资源发展,4000000,新院区,规划科
310,趸交保费跨年度分配,0,无,基金科
310,应对支出风险的储备,3109876.55,预留,基金科
310,其他影响支出的情况,0,无,基金科
"""
OUTSIDE = """险种,扣除项目,金额
310,定点零售药店购药,42000000
310,统筹区域外就医,35500000.50
310,离休人员就医,6200000
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "budget_factors.csv").write_text(FACTORS, encoding="utf-8")
    (tmp_path / "plan" / "target_deductions.csv").write_text(OUTSIDE, encoding="utf-8")
    return tmp_path / "plan"


def test_plan__comes_to_a_control_target(desk: Desk, tables: Path) -> None:
    """Care outside the region stays inside Hangzhou's budget: 500,000,000 less 48,200,000."""
    told = desk("plan", tables, "--year", 2026, "--as", "张三")
    assert "支出预算 500,000,000.00 元，控制目标 451,800,000.00 元" in told
    assert "未核实参数" in told
    number = last(desk)
    assert "待" in desk("status", "--year", 2026)
    desk.passed(number)
    with Book.open(desk.book).reading() as reading:
        (entry,) = reading.entries(["target"], year=2026)
        sums = {(b.account, b.detail): b.amount_fen for b in reading.balances(year=2026)}
    (own,) = entry.body["targets"]
    assert own["reserves"] == [
        [code, share, sums["reserve", code]] for code, share, _ in own["reserves"]
    ]
    assert sums["available", ""] == own["free_fen"]
    assert sums["target", ""] == -own["target_fen"] == -45_180_000_000


def test_plan__with_faults_is_refused_with_all_of_them(desk: Desk, tables: Path) -> None:
    text = FACTORS.replace("4000000,新院区", "四百万,新院区").replace("310,其他", "390,无名")
    (tables / "budget_factors.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as found:
        desk("plan", tables, "--year", 2026, "--as", "张三")
    assert len(found.value.faults) == 2 and "budget_factors.csv:6" in str(found.value)
    more = FACTORS.replace("20000000,参", "90000000,参")
    (tables / "budget_factors.csv").write_text(more, encoding="utf-8")
    with pytest.raises(InputError, match="more than its revenue"):
        desk("plan", tables, "--year", 2026, "--as", "张三")


def test_steps__are_put_down_and_shown(desk: Desk, tables: Path, tmp_path: Path) -> None:
    paper = f"base_data={tables / 'budget_factors.csv'}"
    told = desk("done", "yearly_plan", "data", "--year", 2024, "--as", "张三", "--paper", paper)
    assert "已登记" in told
    desk("status", "--year", 2024, "--procedure", "yearly_plan", "--all", "-o", tmp_path / "s.xlsx")
    assert "已办" in desk("status", "--year", 2024, "--procedure", "yearly_plan", "--all")
    for words, says in (
        (("yearly_plan", "data", "--paper", "base_data"), "CODE=FILE"),
        (("yearly_plan", "data", "--day", "昨天"), "is no date"),
        (("nothing", "data"), "no procedure"),
    ):
        with pytest.raises(InputError, match=says):
            desk("done", *words, "--year", 2024, "--as", "张三")
    with pytest.raises(InputError, match="no procedure"):
        desk("status", "--year", 2024, "--procedure", "nothing")
