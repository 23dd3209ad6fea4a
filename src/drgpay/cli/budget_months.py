"""`drgpay budget`: months and the clearing, by points and by index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.budget_common import (
    folder_command,
    person_option,
    policy_option,
    propose_draft,
    with_book,
)
from drgpay.cli.lang import t
from drgpay.cli.options import PATH
from drgpay.cli.told import say

if TYPE_CHECKING:
    from drgpay.ledger.book import Book, Turn
    from drgpay.ledger.entries import Draft


def _result_command(name: str, chinese: str, english: str) -> Callable[..., click.Command]:
    """Make a command that proposes the entry of a result folder."""

    def make(draft_of: Callable[[], Callable[..., Draft]]) -> click.Command:
        @click.command(name, help=t(chinese, english))
        @click.argument("folder", type=PATH)
        @policy_option
        @person_option
        @with_book
        def propose(book: Book, folder: Path, policy: str, who: str) -> None:
            made, region = draft_of(), book.facts["region_id"]
            propose_draft(book, policy, lambda turn: made(turn, folder, region, who))

        return propose

    return make


def _with_cases(draft_of: Callable[..., Draft]) -> Callable[..., Draft]:
    """Let an entry hold the cases that it pays, too."""
    from drgpay.wrapper.paid_cases import with_paid_cases

    def draft(turn: Turn, folder: Path, *more: str) -> Draft:
        return with_paid_cases(turn, draft_of(turn, folder, *more), folder)

    return draft


@_result_command(
    "month",
    "拟定一个月的结算入账（drgpay month 的结果文件夹）",
    "Propose the entry of a month (a folder that drgpay month wrote)",
)
def month() -> Callable[..., Draft]:
    """Propose a month."""
    from drgpay.wrapper.post_runs import month_draft

    return _with_cases(month_draft)


@_result_command(
    "clear",
    "拟定年度清算入账（drgpay year-end 的结果文件夹）",
    "Propose the entry of a year's clearing (a folder that drgpay year-end wrote)",
)
def clear() -> Callable[..., Draft]:
    """Propose a clearing."""
    from drgpay.wrapper.post_runs import year_draft

    return _with_cases(year_draft)


@click.command(
    "paid", help=t("查一个病例在哪个月或年度支付", "In which month or year a case was paid")
)
@click.argument("hospital_id")
@click.argument("case_id")
@with_book
def paid(book: Book, hospital_id: str, case_id: str) -> None:
    """Look a case up in the register."""
    from drgpay.ledger.paid_cases import key_of, paid_before, paid_told

    with book.reading() as reading:
        found = paid_before(reading, key_of(hospital_id, case_id))
    for text in paid_told(found, hospital_id, case_id):
        say(text.chinese, str(text))


@_result_command(
    "reopen",
    "拟定清算重开入账（drgpay year-end --reopens 的结果文件夹）：与账上前一版的差额",
    "Propose the entry of a reopened year (a folder that drgpay year-end --reopens wrote): what "
    "differs from the version in the book",
)
def reopen() -> Callable[..., Draft]:
    """Propose a reopening."""
    from drgpay.wrapper.post_reopening import reopening_draft

    return _with_cases(reopening_draft)


@folder_command(
    "index-month",
    "由各机构申报（claims 表）拟定按指标结算的下一个月",
    "Propose the next month of what is paid by index, from the table claims",
)
def index_month() -> Callable[..., Any]:
    """Propose a month."""
    from drgpay.wrapper.index_year import index_month_draft

    return index_month_draft


@folder_command(
    "index-clear",
    "由考核结果（assessed 表）拟定按指标付费的年终清算",
    "Propose the clearing of what is paid by index, from the table assessed",
)
def index_clear() -> Callable[..., Any]:
    """Propose a clearing."""
    from drgpay.wrapper.index_clearing import index_clearing_draft

    return index_clearing_draft
