"""Any balance of the book is told by its entries, figures, rules and parameters, in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.approvals import proposals
from drgpay.ledger.book import Book
from drgpay.ledger.entries import Entry
from drgpay.names.book_figures import FIGURES, SECTIONS
from drgpay.names.ledger import ACCOUNTS
from drgpay.report.book_why import (
    Asked,
    account_of,
    figure_rows,
    sections_of,
    why_account,
    why_entry,
)
from drgpay.report.sheets import text_lines
from tests.cli.test_budget import Desk
from tests.wrapper import test_changes, test_communities
from tests.wrapper.test_communities import book

__all__ = ["book"]
RULES = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
CHINESE = re.compile("[一-鿿]")


@pytest.fixture
def year(book: Book, tmp_path: Path) -> Book:
    """A community's whole year."""
    test_communities.test_year__is_moved_cleared_on_one_side_and_rebalanced(book, tmp_path)
    return book


def entries(book: Book) -> list[Entry]:
    with book.reading() as reading:
        return reading.entries()


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


def hold_words(found: list[Entry]) -> None:
    """Every figure that an entry holds has its word, every section its rules, which there are."""
    posted = [e for e in found if e.kind not in ("proposed", "opened", "step")]
    for entry in posted:
        for key, word, rules, rows in sections_of(entry):
            assert word.chinese != key, (entry.kind, key)
            assert keys_of(rows) <= set(FIGURES), (entry.kind, keys_of(rows) - set(FIGURES))
            assert all(f"#### {rule} " in RULES for rule in rules), rules


def test_figures__of_a_communitys_year_have_words_and_rules(year: Book) -> None:
    hold_words(entries(year))
    for _, rules in SECTIONS.values():
        assert all(f"#### {rule} " in RULES for rule in rules)


def test_figures__of_changes_have_words_and_rules(tmp_path: Path) -> None:
    book = test_changes.three(tmp_path)
    test_changes.test_adjustment__is_decided_funded_and_shared_by_later_months(book, tmp_path)
    table = test_communities.write(
        tmp_path / "c", "costly", test_changes.CASES, "H1,310,A1,3,2,移植"
    )
    test_changes.reviewed(book, tmp_path / "c", "一季度", table / "costly.csv")
    test_changes.taken_up(book, table / "costly.csv")
    hold_words(entries(book))


def test_balance__is_the_sum_of_what_is_told(year: Book) -> None:
    with year.reading() as reading:
        people = {own.number: own for own in proposals(reading)}
        balances = reading.balances()
        for own in balances:
            asked = Asked(
                account=own.account, pool=own.pool, hospital=own.hospital_id, detail=own.detail
            )
            for lang in ("zh", "en"):
                lines, figures, *_ = why_account(reading, asked, people, lang)
                rows = list(lines.rows)
                assert rows[-1]["balance"] == own.amount_fen
                assert sum(r["debit"] - r["credit"] for r in rows) == own.amount_fen
            if own.hospital_id:
                places = {row["place"].split(" ")[0] for row in figures.rows}
                assert places <= {own.hospital_id, own.pool, ""}
            assert {row["number"] for row in figures.rows} <= {row["number"] for row in rows}
        asked = Asked(account="payable", hospital="T1")
        shown = "\n".join(
            line for s in why_account(reading, asked, people, "zh") for line in text_lines(s)
        )
    for text in (
        "医共体再平衡",
        "21.3",
        "结算额",
        "随医共体清算",
        "clearing.keep_ratio",
        "渝",
        "审批人",
        "6,000.00",
    ):
        assert text in shown or text == "渝", text


def test_entry__is_told_in_both_languages(year: Book) -> None:
    with year.reading() as reading:
        people = {own.number: own for own in proposals(reading)}
        (entry,) = reading.entries(["transfer"])
    english = [line for s in why_entry(entry, people, "en", "T1") for line in text_lines(s)]
    chinese = [line for s in why_entry(entry, people, "zh", "T1") for line in text_lines(s)]
    assert any("moved out" in line and "-5,000.00" in line for line in english)
    assert any("调剂出让额" in line and "-5,000.00" in line for line in chinese)
    assert any(entry.documents[0].digest in line for line in english)
    assert not any("T2·" in line for line in english)
    told = [row for row in figure_rows(entry, "", "", "en")]
    assert not [row for row in told if CHINESE.search(row["figure"])]


def test_account__by_any_of_its_names(year: Book, tmp_path: Path) -> None:
    for code, account in ACCOUNTS.items():
        assert {account_of(n) for n in (code, account.word.chinese, str(account.word))} == {code}
    with pytest.raises(InputError, match="no account 'gold'"):
        account_of("gold")
    year.close()
    desk = Desk(tmp_path / "b")
    told = desk("why", "应付医疗机构款", "--hospital", "T1", "--year", test_communities.YEAR)
    assert "余额 -" in told and "医共体再平衡" in told
    desk("why", "payable", "-o", tmp_path / "w.xlsx")
    assert (tmp_path / "w.xlsx").stat().st_size > 8_000
    assert "控制目标" in desk("why", 5)
    with pytest.raises(InputError, match="no such line"):
        desk("why", "payable", "--hospital", "H0")
    with pytest.raises(InputError, match="no entry"):
        desk("why", 9999)
