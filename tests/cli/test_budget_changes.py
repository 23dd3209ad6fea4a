"""`drgpay budget adjust`, `costly`, `advance`, `recover` by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from tests.cli.test_budget import Desk, last
from tests.wrapper.test_changes import (
    CASES,
    POLICY,
    PRICES,
    RULE,
    YEAR,
    book,
    decided,
    months,
    reviewed,
)
from tests.wrapper.test_index_year import write

__all__ = ["book"]
OF_YEAR = ("--year", YEAR, "--policy", POLICY, "--as", "经办人")


def test_year__is_changed_advanced_and_recovered(book: Book, tmp_path: Path) -> None:
    decided(book, tmp_path / "a")
    table = write(tmp_path / "c", "costly", CASES, "H1,310,A1,300000,250000,移植") / "costly.csv"
    reviewed(book, tmp_path / "c", "一季度", table)
    months(book, tmp_path / "m", 1)
    book.close()
    desk = Desk(tmp_path / "b")
    write(tmp_path / "a", "adjustments", "机构编码,险种,调整情形,金额,百分比,原因", *PRICES)
    write(tmp_path / "a", "adjustment_rules", "协商分组,调整情形,百分比", *RULE)
    told = desk("adjust", tmp_path / "a", "--application", "价格调整", *OF_YEAR)
    assert "年中调整 2026 价格调整，待复核" in told
    desk.passed(last(desk))
    assert "已入账 1 例" in desk("costly", table, "--application", "一季度", *OF_YEAR)
    granted = write(tmp_path, "advances", "机构编码,险种,金额", "H1,310,102000") / "advances.csv"
    grant = ("advance", "grant", granted, "--kind", "working_capital", *OF_YEAR)
    desk(*grant)  # a month of the index as it was adjusted
    desk.passed(last(desk))
    with pytest.raises(InputError, match="the limit is 1"):
        desk(*grant)
    desk("advance", "return", "--kind", "working_capital", "--month", 2, *OF_YEAR)
    desk.passed(last(desk))
    assert "周转金" not in desk("balances", "--year", YEAR)
    with pytest.raises(InputError, match="nothing that is owed"):
        desk("recover", "--year", YEAR, "--as", "经办人")
    draw = ("draw", "--reserve", "mid_year", "--pool", "310", "--why", "超支", "--decision", table)
    assert "预留资金 2026 年中调整预留" in desk(*draw, "--amount", "1000.00", *OF_YEAR)
    with pytest.raises(InputError, match="--amount"):
        desk(*draw, "--amount", "许多", *OF_YEAR)
    assert "无误" in desk("verify")
