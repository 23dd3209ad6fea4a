"""A plan's divisions on the book: city and counties, coverage, blocks, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Draft
from drgpay.report.book_why import sections_of
from drgpay.wrapper.plan_parts import TABLES, told
from drgpay.wrapper.planning import plan_draft
from tests.cli.test_budget import FACTORS, OUTSIDE, Desk, desk, last, year
from tests.report.test_book_why import hold_words

__all__ = ["desk", "year"]
COUNTIES = """险种,区域,待遇支出,上级补助,上解支出
310,甲县,120000000.00,8000000.00,3000000.05
310,乙县,80000000.00,,1000000
"""
COVERAGE = """险种,就医类别,支付来源,金额
310,住院,统筹基金,300000000.01
310,门诊,统筹基金,90000000
310,住院,个人账户,20000000
310,住院,其余医疗费用,110000000
"""
BLOCKS = """险种,额度块,金额
310,新增医疗定点单位,1000000
310,乡镇卫生院（站）,50000000
310,地市外医院,10000001.00
310,本市外地市内医院,4000000
310,在外地突发疾病,500000
"""
HOSPITALS = """医疗机构编码,险种,普通门诊,一般住院,特殊病种门诊,业务收入,转诊人次,住院人次
H1,310,20000000,60000000,5000000,200000000,1500,10000
H2,310,10000000,30000000,0,100000000,151,1000
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the tables of a budget of 500,000,000.00 yuan, and all of its divisions."""
    place = tmp_path / "plan"
    place.mkdir()
    for name, text in (
        ("budget_factors", FACTORS), ("target_deductions", OUTSIDE), ("county_budgets", COUNTIES),
        ("target_coverage", COVERAGE), ("budget_blocks", BLOCKS), ("city_hospitals", HOSPITALS),
    ):  # fmt: skip
        (place / f"{name}.csv").write_text(text, encoding="utf-8")
    return place


def draft(folder: Path, policy: str = "shangyu-budget") -> Draft:
    return plan_draft(folder, 2026, policy, "张三", "会议纪要〔2026〕1号")


def test_split__the_city_has_what_the_counties_have_not(folder: Path) -> None:
    """500,000,000 less 200,000,000 of benefits; 8,000,000 down, 4,000,000.05 up."""
    rows = draft(folder).body["split"]
    assert [(r["area"], r["benefits_fen"], r["own_fen"]) for r in rows] == [
        ("市本级", 300_000_000_00, 303_999_999_95),
        ("甲县", 120_000_000_00, 115_000_000_05),
        ("乙县", 80_000_000_00, 81_000_000_00),
    ]
    assert sum(r["own_fen"] for r in rows) == 500_000_000_00


def test_coverage__is_told_by_care_and_payer_against_the_target(folder: Path) -> None:
    body = draft(folder, "hangzhou-budget").body
    *parts, whole = body["coverage"]
    covered = [(p["care"], p["payer"]) for p in parts if p["covered"]]
    money = {(p["care"], p["payer"]): p["amount_fen"] for p in parts}
    assert whole["covered_fen"] == sum(money[key] for key in covered)
    assert whole["covered_fen"] + whole["left_out_fen"] == sum(money.values()) == 520_000_000_01
    assert whole["left_fen"] == body["targets"][0]["target_fen"] - whole["covered_fen"]
    asked = {p["key"] for p in body["policy"]["parameters"]}
    assert {"coverage.care", "coverage.money"} <= asked


def test_blocks__care_outside_the_prefecture_is_carried_by_income(folder: Path) -> None:
    """10,000,001.00 yuan by 2 : 1 are 6,666,667.33 and 3,333,333.67."""
    body = draft(folder).body
    assert {r["block"]: r["amount_fen"] for r in body["blocks"]}["city_hospitals"] == (
        125_000_000_00
    )
    first, second = body["city_hospitals"]
    assert (first["outside_fen"], second["outside_fen"]) == (6_666_667_33, 3_333_333_67)
    assert (first["control_fen"], second["control_fen"]) == (91_666_667_33, 43_333_333_67)
    assert (first["referral_rate"], first["within_rate"]) == ("15%", True)
    assert (second["referral_rate"], second["within_rate"]) == ("15.1%", False)
    assert sum("转诊率 15.1% 超过上限" in line.chinese for line in told(body)) == 1


def test_blocks__above_last_year_or_above_the_budget_are_refused(folder: Path) -> None:
    more = BLOCKS.replace("50000000", "400000000")
    (folder / "budget_blocks.csv").write_text(more, encoding="utf-8")
    with pytest.raises(InputError, match="more than last year's"):
        draft(folder)
    with pytest.raises(InputError, match="more than its budget of 500,000,000"):
        draft(folder, "hangzhou-budget")


def test_parts__of_a_pool_without_a_budget_are_refused_with_their_place(folder: Path) -> None:
    (folder / "county_budgets.csv").write_text(COUNTIES.replace("310,乙", "390,乙"), "utf-8")
    (folder / "target_coverage.csv").write_text(COVERAGE.replace("个人账户", "个人"), "utf-8")
    with pytest.raises(InputError) as found:
        draft(folder)
    text = found.value.text("zh")
    assert len(found.value.faults) == 2
    assert "county_budgets.csv 第3行" in text and "“390”不在" in text
    assert "target_coverage.csv 第4行" in text and "“个人”不是" in text


def test_plan__without_divisions_holds_none(folder: Path) -> None:
    for table in TABLES:
        (folder / f"{table.name}.csv").unlink()
    assert not {"split", "coverage", "blocks", "city_hospitals"} & set(draft(folder).body)


def test_command__tells_the_divisions_and_the_book_why(desk: Desk, folder: Path) -> None:
    said = desk(
        "plan",
        folder,
        "--year",
        2026,
        "--as",
        "张三",
        "--policy",
        "shangyu-budget",
        "--approval",
        "会议纪要〔2026〕1号",
    )
    assert "甲县：待遇支出 120,000,000.00 元，自有资金 115,000,000.05 元" in said
    assert "转诊率 15.1% 超过上限" in said
    number = last(desk)
    desk.passed(number)
    with Book.open(desk.book).reading() as reading:
        (entry,) = reading.entries(["target"], year=2026)
    why = desk("why", entry.number)
    for word in ("市县分解", "覆盖范围", "额度块", "市级医院控制额", "地市外医院", "10,000,001.00"):
        assert word in why
    assert {key for key, _, _, _ in sections_of(entry)} == {
        "targets", "split", "coverage", "blocks", "city_hospitals",
    }  # fmt: skip
    hold_words([entry])
