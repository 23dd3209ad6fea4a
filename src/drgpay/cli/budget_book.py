"""`drgpay budget`: the book itself: opened, shown, verified, kept safe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import needed, number_argument, person_option, shown, with_book
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, flag, option, out_option, year_option
from drgpay.cli.told import say, tell
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.ledger.book import Book


@click.command("init", help=t("建账", "Open a new book"))
@click.argument("address", metavar="BOOK")
@option(
    "--region", "统筹区编码，同 region.toml", "id of the region, as in region.toml", required=True
)
@option("--name", "统筹区名称", "name of the region", required=True)
@year_option("第一个年度", "the first year")
@person_option
@flag("--sm3", "摘要用国密 SM3 而不是 SHA-256", "digests by SM3 instead of SHA-256")
def init(address: str, region: str, name: str, year: int | None, who: str, sm3: bool) -> None:
    """Open a book."""
    from drgpay.ledger.book import Book

    digest = "sm3" if sm3 else "sha256"
    book = Book.create(
        address, region_id=region, region_name=name, year=needed(year), who=who, digest=digest
    )
    with book.reading() as reading:
        number, head = reading.head()
    book.close()
    say(f"已建账 {address}，第 {number} 号 {head}", f"the book {address} is open, {number} {head}")


@click.command("entries", help=t("列出账目", "List the entries"))
@year_option("只列这一年度", "of this year only")
@option("--after", "只列此号之后的", "after this number only", type=click.IntRange(0), default=0)
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def entries(book: Book, year: int | None, after: int, out: Path | None) -> None:
    """List entries."""
    from drgpay.report.ledger_sheets import entries_sheet

    with book.reading() as reading:
        found = reading.entries(year=year, after=after)
    shown(entries_sheet(found, LANG), out, book)


@click.command("voucher", help=t("一笔记录的记账凭证", "The voucher of an entry"))
@number_argument
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def voucher(book: Book, number: int, out: Path | None) -> None:
    """Show an entry's posting."""
    from drgpay.report.ledger_sheets import voucher_sheet

    with book.reading() as reading:
        entry = reading.entry(number)
    shown(voucher_sheet(entry, LANG), out, book)


@click.command("balances", help=t("科目余额", "Balances of the accounts"))
@year_option("只算这一年度", "of this year only")
@option("--hospital", "只列这家医疗机构", "of this institution only")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def balances(book: Book, year: int | None, hospital: str | None, out: Path | None) -> None:
    """Show balances."""
    from drgpay.report.ledger_sheets import balances_sheet

    with book.reading() as reading:
        found = reading.balances(year=year, hospital=hospital)
    shown(balances_sheet(found, LANG), out, book)


@click.command(
    "why",
    help=t(
        "说明一笔记录（号）或一个科目的余额从何而来：分录、所依据的数、计算规则、参数、依据和附件",
        "Why an entry (its number) or an account's balance is what it is: lines, figures, rules, "
        "parameters, clauses and papers",
    ),
)
@click.argument("what", metavar="NUMBER|ACCOUNT")
@option("--pool", "只看这一险种", "of this pool only", default="")
@option("--hospital", "只看这家医疗机构", "of this institution only", default="")
@option("--detail", "只看这一明细", "of this detail only", default="")
@year_option("只看这一年度", "of this year only")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def why(
    book: Book, what: str, pool: str, hospital: str, detail: str, year: int | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Explain an entry or a balance."""
    from drgpay.ledger.approvals import proposals
    from drgpay.report.book_why import Asked, account_of, why_account, why_entry

    with book.reading() as reading:
        people = {own.number: own for own in proposals(reading)}
        if what.isdecimal():
            sheets = why_entry(reading.entry(int(what)), people, LANG, hospital)
        else:
            asked = Asked(
                account=account_of(what), pool=pool, hospital=hospital, detail=detail, year=year
            )
            sheets = why_account(reading, asked, people, LANG)
    shown(sheets, out, book)


# --- kept safe


@click.command(
    "verify",
    help=t(
        "核对全账：摘要、次序、借贷、附件、触发器；有问题时以状态码 6 结束",
        "Look through the whole book: digests, order, balances, documents, triggers",
    ),
)
@option("--head", "heads", "文书上印的 号:摘要，可多次给出", "NUMBER:DIGEST as a paper has it",
        multiple=True, metavar="NUMBER:DIGEST")  # fmt: skip
@with_book
def verify_command(book: Book, heads: tuple[str, ...]) -> None:
    """Verify a book."""
    from drgpay.ground.errors import BooksError
    from drgpay.ledger.verify import verify

    found = verify(book, dict(_head(text) for text in heads))
    for notice in found.notices:
        tell(notice)
    if found.faults:
        raise BooksError(
            both("账与当初所记不符", "the book is not as it was written"),
            where=os.path.basename(str(book.store.url.database)),
            faults=found.faults,
            remedy=both(
                "停止付款，用备份和文书核对：drgpay budget restore",
                "pay nothing; hold it against backups and papers: drgpay budget restore",
            ),
        )
    say(
        f"无误：记录 {found.entries:,} 号，分录 {found.postings:,} 行，附件 {found.documents:,} 件，"
        f"末号摘要 {found.head}",
        f"sound: {found.entries:,} entries, {found.postings:,} lines, {found.documents:,} documents, "
        f"head {found.head}",
    )


def _head(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not (number.isdigit() and digest):
        raise InputError(
            both(f"--head {text} 不是 号:摘要", f"--head {text} is no NUMBER:DIGEST"),
            remedy=both("照文书所印填写，如 128:3fa9…", "as the paper has it: 128:3fa9…"),
        )
    return int(number), digest.strip().lower()


@click.command("backup", help=t("把全账备份为一个文件", "Write the whole book into one file"))
@click.argument("file", type=PATH)
@with_book
def backup_command(book: Book, file: Path) -> None:
    """Back a book up."""
    from drgpay.ledger.backup import backup

    found = backup(book, file)
    say(
        f"已备份 {found.entries:,} 号记录到 {file}，末号摘要 {found.head}",
        f"{found.entries:,} entries are kept in {file}, head {found.head}",
    )


@click.command("restore", help=t("由备份文件恢复成一本新账", "Make a new book of a backup"))
@click.argument("file", type=PATH)
@click.argument("address", metavar="BOOK")
def restore_command(file: Path, address: str) -> None:
    """Restore a book."""
    from drgpay.ledger.backup import restore

    found = restore(file, address)
    say(
        f"已恢复 {found.entries:,} 号记录到 {address}，末号摘要 {found.head}",
        f"{found.entries:,} entries are in {address}, head {found.head}",
    )
    for fault in found.faults:
        tell(fault)
