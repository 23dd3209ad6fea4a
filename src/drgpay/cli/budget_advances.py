"""`drgpay budget advance`, `recover`: money before it is due, its return, and what is owed back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import needed, person_option, policy_option, propose_draft, with_book
from drgpay.cli.lang import t
from drgpay.cli.options import PATH, option, year_option

if TYPE_CHECKING:
    from drgpay.ledger.book import Book

KINDS = ("working_capital", "advance")  # accounts of the book
kind_option = option(
    "--kind", "working_capital 为周转金（经办规程第31条），advance 为预付金",
    "working_capital (S0 art. 31) or advance", type=click.Choice(KINDS), required=True,
)  # fmt: skip


@click.group(
    help=t("周转金、预付金：拨付与冲回", "Working capital and advances: granted, returned")
)
def advance() -> None:
    """Run a command on advances."""


@advance.command(
    "grant",
    help=t(
        "由 advances 表拟定拨付周转金或预付金，连同未收回的不超过规定的月数；违约机构不付预付金",
        "Propose working capital or advances from the table advances: with what is outstanding at "
        "most so many months of the index; none to institutions in breach",
    ),
)
@click.argument("table", type=PATH)
@kind_option
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def grant(book: Book, table: Path, kind: str, year: int | None, policy: str, who: str) -> None:
    """Propose advances."""
    from drgpay.wrapper.advances import advances_draft

    propose_draft(
        book, policy, lambda turn: advances_draft(turn, table, kind, needed(year), policy, who)
    )


@advance.command(
    "return",
    help=t(
        "拟定从未开拨付单的应付款中冲回周转金或预付金；预付金自规定的月份起",
        "Propose that what is payable and on no order gives them back; an advance from its month on",
    ),
)
@kind_option
@year_option("年度", "the year")
@option("--month", "月份", "the month", type=click.IntRange(1, 12), required=True)
@policy_option
@person_option
@with_book
def give_back(book: Book, kind: str, year: int | None, month: int, policy: str, who: str) -> None:
    """Propose returns."""
    from drgpay.wrapper.advances import returns_draft

    propose_draft(
        book, policy, lambda turn: returns_draft(turn, kind, needed(year), month, policy, who)
    )


@click.command(
    "recover",
    help=t(
        "拟定从未开拨付单的应付款中扣回各机构所欠（应收），逐家逐险种，不相抵；"
        "或按银行回单登记机构退回的款项（repayments 表）",
        "Propose that what institutions owe is taken off what is payable to them, each by itself; or "
        "what they paid back by the bank (table repayments)",
    ),
)
@option("--repaid", "table", "机构退回款项的表", "table of what institutions paid back", type=PATH)
@year_option("从哪一年度的应付款中扣", "of which year's payable")
@policy_option
@person_option
@with_book
def recover(book: Book, table: Path | None, year: int | None, policy: str, who: str) -> None:
    """Propose a recovery."""
    from drgpay.wrapper.advances import recovery_draft, repayments_draft

    if table is not None:
        paid = table
        propose_draft(book, policy, lambda turn: repayments_draft(turn, paid, needed(year), who))
        return
    propose_draft(book, policy, lambda turn: recovery_draft(turn, needed(year), who))
