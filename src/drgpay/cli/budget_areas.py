"""`drgpay budget area`: care of people insured elsewhere, cleared with their areas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import (
    needed,
    person_option,
    policy_option,
    propose_draft,
    shown,
    with_book,
)
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, option, out_option, year_option

if TYPE_CHECKING:
    from drgpay.ledger.book import Book


@click.group(
    help=t("异地清算：外地参保人就医由就医地支付，向参保地清算",
           "People insured elsewhere: paid here, cleared with the area where they are insured")
)  # fmt: skip
def area() -> None:
    """Run a command on other areas."""


@area.command(
    "claim",
    help=t("由 area_claims 表拟定一个月外地参保人的就医费用入账：应付医疗机构，应收参保地",
           "Propose a month's care of people insured elsewhere (table area_claims): payable to "
           "institutions, owed by the areas"),
)  # fmt: skip
@click.argument("table", type=PATH)
@year_option("年度", "the year")
@option("--month", "月份", "the month", type=click.IntRange(1, 12), required=True)
@policy_option
@person_option
@with_book
def claim(book: Book, table: Path, year: int | None, month: int, policy: str, who: str) -> None:
    """Propose claims."""
    from drgpay.wrapper.areas import area_claims_draft

    propose_draft(
        book, policy, lambda turn: area_claims_draft(turn, table, needed(year), month, who)
    )


@area.command(
    "paid",
    help=t("由 area_payments 表拟定参保地付款入账，不超过其所欠",
           "Propose what areas paid (table area_payments), not more than they owe"),
)  # fmt: skip
@click.argument("table", type=PATH)
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def paid(book: Book, table: Path, year: int | None, policy: str, who: str) -> None:
    """Propose payments."""
    from drgpay.wrapper.areas import area_payments_draft

    propose_draft(book, policy, lambda turn: area_payments_draft(turn, table, needed(year), who))


@area.command(
    "list",
    help=t("各参保地应付、已付、未付及未付天数", "What areas owe, paid, and since when it is open"),
)
@year_option("年度", "the year")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def list_command(book: Book, year: int | None, out: Path | None) -> None:
    """List areas."""
    from drgpay.ground.times import today
    from drgpay.report.ledger_sheets import areas_sheet
    from drgpay.wrapper.areas import area_rows

    with book.reading() as reading:
        rows = area_rows(reading, needed(year), today())
    shown(areas_sheet(rows, LANG), out, book)
