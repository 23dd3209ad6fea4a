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


@click.command(
    "month",
    help=t(
        "拟定一个月的结算入账（drgpay month 的结果文件夹）",
        "Propose the entry of a month (a folder that drgpay month wrote)",
    ),
)
@click.argument("folder", type=PATH)
@policy_option
@person_option
@with_book
def month(book: Book, folder: Path, policy: str, who: str) -> None:
    """Propose a month."""
    from drgpay.wrapper.post_runs import month_draft

    propose_draft(
        book, policy, lambda turn: month_draft(turn, folder, book.facts["region_id"], who)
    )


@click.command(
    "clear",
    help=t(
        "拟定年度清算入账（drgpay year-end 的结果文件夹）",
        "Propose the entry of a year's clearing (a folder that drgpay year-end wrote)",
    ),
)
@click.argument("folder", type=PATH)
@policy_option
@person_option
@with_book
def clear(book: Book, folder: Path, policy: str, who: str) -> None:
    """Propose a clearing."""
    from drgpay.wrapper.paid_cases import with_paid_cases
    from drgpay.wrapper.post_runs import year_draft

    def draft(turn: Turn) -> Draft:
        own = year_draft(turn, folder, book.facts["region_id"], who)
        return with_paid_cases(turn, own, folder)

    propose_draft(book, policy, draft)


@click.command("paid", help=t("查一个病例在哪一年度支付", "In which year a case was paid"))
@click.argument("hospital_id")
@click.argument("case_id")
@with_book
def paid(book: Book, hospital_id: str, case_id: str) -> None:
    """Look a case up in the register."""
    from drgpay.ledger.paid_cases import key_of, paid_before

    with book.reading() as reading:
        found = paid_before(reading, key_of(hospital_id, case_id))
    for own in found:
        say(
            f"{hospital_id} {case_id}：{own.entry.year} 年，第 {own.entry.number} 号",
            f"{hospital_id} {case_id}: {own.entry.year}, entry {own.entry.number}",
        )
    if not found:
        say(f"{hospital_id} {case_id}：未支付过", f"{hospital_id} {case_id}: not paid")


@click.command(
    "reopen",
    help=t(
        "拟定清算重开入账（drgpay year-end --reopens 的结果文件夹）：与账上前一版的差额",
        "Propose the entry of a reopened year (a folder that drgpay year-end --reopens wrote): what "
        "differs from the version in the book",
    ),
)
@click.argument("folder", type=PATH)
@policy_option
@person_option
@with_book
def reopen(book: Book, folder: Path, policy: str, who: str) -> None:
    """Propose a reopening."""
    from drgpay.wrapper.paid_cases import with_paid_cases
    from drgpay.wrapper.post_reopening import reopening_draft

    def draft(turn: Turn) -> Draft:
        own = reopening_draft(turn, folder, book.facts["region_id"], who)
        return with_paid_cases(turn, own, folder)

    propose_draft(book, policy, draft)


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
