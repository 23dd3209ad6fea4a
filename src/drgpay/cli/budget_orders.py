"""`drgpay budget order`: payment orders, and what the bank says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import needed, person_option, policy_option, shown, with_book
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, flag, out_option, year_option
from drgpay.cli.told import say
from drgpay.ground.errors import both

if TYPE_CHECKING:
    from drgpay.ledger.book import Book


@click.group("order", help=t("拨付单", "Payment orders"))
def order() -> None:
    """Run a command on payment orders."""


@order.command("propose", help=t("为全部待拨付款项拟定拨付单", "Propose orders for all payable"))
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def order_propose(book: Book, year: int | None, policy: str, who: str) -> None:
    """Propose orders."""
    from drgpay.ledger.orders import propose_orders
    from drgpay.ledger.persons import PARAMETER
    from drgpay.wrapper.planning import budget_policy

    with book.writing(who) as turn:
        persons = budget_policy(policy, needed(year))[PARAMETER]
        made = propose_orders(turn, needed(year), who, "S0 29、33", persons)
        orders = made.draft.body["orders"]
        total = sum(own["amount_fen"] for own in orders)
    from drgpay.ground.money import yuan_text

    say(
        f"已拟定第 {made.number} 号：拨付单 {len(orders)} 张，共 {yuan_text(total)} 元，待复核",
        f"proposed as {made.number}: {len(orders)} orders, {yuan_text(total)} yuan",
    )


@order.command("list", help=t("列出拨付单及未付的天数", "List orders, with the age of unpaid ones"))
@year_option("只列这一年度", "of this year only")
@flag("--unpaid", "只列未付的", "unpaid ones only")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def order_list(book: Book, year: int | None, unpaid: bool, out: Path | None) -> None:
    """List orders."""
    from drgpay.ground.times import today
    from drgpay.ledger.orders import OPEN, orders
    from drgpay.report.ledger_sheets import orders_sheet

    with book.reading() as reading:
        found = [o for o in orders(reading, year=year) if not unpaid or o.state == OPEN]
    shown(orders_sheet(found, today(), LANG), out, book)


@order.command(
    "confirm",
    help=t(
        "读入银行回单（CSV 或 Excel），逐张核对后入账；有一张不符则全部不入",
        "Take in the bank's receipts (CSV or Excel), each held against its order; all or none",
    ),
)
@click.argument("receipts", type=PATH)
@year_option("年度", "the year")
@person_option
@with_book
def order_confirm(book: Book, receipts: Path, year: int | None, who: str) -> None:
    """Take in receipts."""
    from drgpay.ledger.orders import RECEIPTS, confirm
    from drgpay.tables.reader import Reader

    reader = Reader(receipts.parent)
    rows = reader.read(RECEIPTS, path=receipts, required=True)
    reader.refuse(
        receipts,
        both("银行回单读不懂", "the receipts cannot be read"),
        both("逐条改正后重新读入", "mend each and read them again"),
    )
    with book.writing(who) as turn:
        entry = confirm(turn, needed(year), who, rows)
    say(
        f"回单 {len(rows)} 张已入账，第 {entry.number} 号",
        f"{len(rows)} receipts are taken, as entry {entry.number}",
    )
