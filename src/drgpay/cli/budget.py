"""`drgpay budget`: the budget's year on the book, step by step."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, flag, option, out_option, year_option
from drgpay.cli.told import paper_of, say, tell
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drgpay.ledger.book import Book
    from drgpay.report.sheets import Sheet

APPROVERS = ("approver", "authority")
SENDERS = ("checker", "approver", "authority")
number_argument = click.argument("number", type=click.IntRange(1))
person_option = option("--as", "who", "经手人姓名", "who does it, by name", required=True)


@click.group(
    help=t(
        "年度总额预算：建账、拟定与审批、按月和年度清算入账、拨付、核对。"
        "账是一个文件（或 PostgreSQL 地址），用 --book 或环境变量 DRGPAY_BOOK 指出。",
        "The budget's year: open a book, propose and approve, post months and the clearing, pay, "
        "verify. The book is a file (or an address of PostgreSQL), named by --book or DRGPAY_BOOK.",
    )
)
def budget() -> None:
    """Run a command on the book."""


def with_book(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --book; the command gets the open book first, which is closed after it."""

    @wraps(command)
    def run(*args: Any, address: str, **asked: Any) -> Any:
        with opened(address) as book:
            return command(book, *args, **asked)

    add = option("--book", "address", "账的文件或地址", "file or address of the book", default="")
    return add(run)


@contextmanager
def opened(address: str) -> Iterator[Book]:
    """Open the book that is named, or that of the environment."""
    from drgpay.ground.environment import environment
    from drgpay.ledger.book import Book

    place = address or environment().get("DRGPAY_BOOK", "")
    if not place:
        raise InputError(
            both("没有指出账在哪里", "no book is named"),
            remedy=both(
                "加 --book 文件，或设环境变量 DRGPAY_BOOK", "give --book FILE, or set DRGPAY_BOOK"
            ),
        )
    book = Book.open(place)
    try:
        yield book
    finally:
        book.close()


def shown(sheet: Sheet, out: Path | None, book: Book) -> None:
    """Print a sheet, or write it as a workbook with the book's last digest."""
    from drgpay.report.sheets import text_lines
    from drgpay.report.workbook import write_book

    if out is None:
        for line in (*sheet.lead, *text_lines(sheet)):
            click.echo(line)
        return
    paper_of(out, (".xlsx",))
    with book.reading() as reading:
        number, digest = reading.head()
    title = f"{book.facts['region_name']} {sheet.title}"
    write_book(out, [sheet], LANG, title=title, digest=f"{number}:{digest}")
    say(f"已写入 {out}", f"written to {out}")


@budget.command("init", help=t("建账", "Open a new book"))
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
        address, region_id=region, region_name=name, year=_needed(year), who=who, digest=digest
    )
    with book.reading() as reading:
        number, head = reading.head()
    book.close()
    say(f"已建账 {address}，第 {number} 号 {head}", f"the book {address} is open, {number} {head}")


@budget.command("entries", help=t("列出账目", "List the entries"))
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


@budget.command("voucher", help=t("一笔记录的记账凭证", "The voucher of an entry"))
@number_argument
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def voucher(book: Book, number: int, out: Path | None) -> None:
    """Show an entry's posting."""
    from drgpay.report.ledger_sheets import voucher_sheet

    with book.reading() as reading:
        entry = reading.entry(number)
    shown(voucher_sheet(entry, LANG), out, book)


@budget.command("balances", help=t("科目余额", "Balances of the accounts"))
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


# --- the plan, and where the year stands

BUDGET_POLICY = "hangzhou-budget"
policy_option = option(
    "--policy", "总额控制政策", "the budget policy, by name or file", default=BUDGET_POLICY
)


@budget.command(
    "plan",
    help=t(
        "由支出预算八项因素和扣除项目（文件夹中的 budget_factors、target_deductions 两张表）"
        "计算支出预算、总额控制目标与预留资金，并拟定入账",
        "Compute the expenditure budget, control target and reserves from the tables budget_factors "
        "and target_deductions of a folder, and propose them",
    ),
)
@click.argument("folder", type=PATH)
@year_option("年度", "the year")
@policy_option
@option("--approval", "超过增长上限时的批准文件", "document that approves growth above the cap",
        default="")  # fmt: skip
@person_option
@with_book
def plan(book: Book, folder: Path, year: int | None, policy: str, approval: str, who: str) -> None:
    """Propose a plan."""
    from drgpay.ground.money import yuan_text
    from drgpay.wrapper.planning import plan_draft

    draft = plan_draft(folder, _needed(year), policy, who, approval)
    for own in draft.body["targets"]:
        say(
            f"险种 {own['pool']}：支出预算 {yuan_text(own['budget_fen'])} 元，"
            f"控制目标 {yuan_text(own['target_fen'])} 元，预留后 {yuan_text(own['free_fen'])} 元",
            f"pool {own['pool']}: budget {yuan_text(own['budget_fen'])} yuan, target "
            f"{yuan_text(own['target_fen'])}, less reserves {yuan_text(own['free_fen'])}",
        )
    for text in draft.body["assumed"]:
        say(f"未核实参数：{text}", f"not verified: {text}")
    _propose(book, lambda turn: draft)


@budget.command(
    "status",
    help=t(
        "年度进度：待复核、待审批的拟定，各程序逾期、待办的步骤，谁在何时之前办什么",
        "Where the year stands: proposals that wait, steps that are overdue or due, by whom and when",
    ),
)
@year_option("年度", "the year")
@policy_option
@option("--procedure", "procedures", "只看这一程序，可多次给出", "of this procedure only",
        multiple=True)  # fmt: skip
@flag("--all", "everything", "连同已办的和未到的", "with what is done, and what is not due")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def status(
    book: Book, year: int | None, policy: str, procedures: tuple[str, ...], everything: bool,
    out: Path | None,
) -> None:  # fmt: skip
    """Tell where the year stands."""
    from drgpay.ledger.approvals import proposals, waiting
    from drgpay.ledger.status import headline
    from drgpay.ledger.steps import StepLog
    from drgpay.report.ledger_sheets import proposals_sheet, status_sheet
    from drgpay.report.sheets import text_lines
    from drgpay.wrapper.planning import standing

    with book.reading() as reading:
        waits = waiting(proposals(reading, year=_needed(year)))
        rows = standing(StepLog().of_year(reading, _needed(year)), _needed(year), policy,
                        procedures, everything=everything)  # fmt: skip
    if out is None and any(waits.values()):
        for line in text_lines(proposals_sheet(waits, LANG)):
            click.echo(line)
    tell(headline(rows))
    shown(status_sheet(rows, LANG), out, book)


@budget.command(
    "done",
    help=t(
        "登记程序的一步已办：谁、哪一天、附哪些文件。次序、角色、期限不合的不予登记或注明",
        "Put down that a step of a procedure was done: by whom, on which day, on which papers",
    ),
)
@click.argument("procedure")
@click.argument("step")
@year_option("年度", "the year")
@option("--month", "月份（按月的程序）", "the month, of a procedure by months",
        type=click.IntRange(1, 12))  # fmt: skip
@option("--subject", "医共体或申请的名称", "the community or the application", default="")
@option("--day", "办理日期，默认今天", "the day, today by default")
@option("--role", "角色", "role", default="maker")
@option("--party", "医疗机构编码（逐家办理的步骤）", "the institution it was done for", default="")
@option("--paper", "papers", "所附文件，写作 文件代码=文件，可多次给出", "a paper, as CODE=FILE",
        multiple=True, metavar="CODE=FILE")  # fmt: skip
@option("--back", "退回的理由（退回时）", "why it is sent back, where it is", default="")
@policy_option
@person_option
@with_book
def done(
    book: Book, procedure: str, step: str, year: int | None, month: int | None, subject: str,
    day: str | None, role: str, party: str, papers: tuple[str, ...], back: str, policy: str,
    who: str,
) -> None:  # fmt: skip
    """Put a step down."""
    from drgpay.wrapper.planning import Asked, put_down

    asked = Asked(
        procedure=procedure, step=step, year=_needed(year), month=month or 0, subject=subject,
        day=day or "", role=role, party=party, papers=papers, back=back, who=who,
    )  # fmt: skip
    with book.writing(who) as turn:
        found = put_down(turn, asked, policy)
    for text in found.notes:
        tell(text)
    say(
        f"已登记，第 {found.entry.number} 号：{found.entry.subject}",
        f"put down as entry {found.entry.number}: {found.entry.subject}",
    )


# --- paid by an index


def index_command(name: str, chinese: str, english: str) -> Callable[..., Any]:
    """Make a command that proposes the entry of a folder of tables."""

    def make(draft_of: Callable[..., Any]) -> click.Command:
        @budget.command(name, help=t(chinese, english))
        @click.argument("folder", type=PATH)
        @year_option("年度", "the year")
        @policy_option
        @person_option
        @with_book
        def run(book: Book, folder: Path, year: int | None, policy: str, who: str) -> None:
            _propose(book, lambda turn: draft_of()(turn, folder, _needed(year), policy, who))

        return run

    return make


@index_command(
    "indices",
    "由往年指标和费用（past_years 表）与调整因素（index_factors、group_rules 表）拟定各机构指标",
    "Propose the institutions' indices from the tables past_years, index_factors and group_rules",
)
def indices() -> Callable[..., Any]:
    """Propose indices."""
    from drgpay.wrapper.index_year import indices_draft

    return indices_draft


@index_command(
    "index-month",
    "由各机构申报（claims 表）拟定按指标结算的下一个月",
    "Propose the next month of what is paid by index, from the table claims",
)
def index_month() -> Callable[..., Any]:
    """Propose a month."""
    from drgpay.wrapper.index_year import index_month_draft

    return index_month_draft


@index_command(
    "index-clear",
    "由考核结果（assessed 表）拟定按指标付费的年终清算",
    "Propose the clearing of what is paid by index, from the table assessed",
)
def index_clear() -> Callable[..., Any]:
    """Propose a clearing."""
    from drgpay.wrapper.index_year import index_clearing_draft

    return index_clearing_draft


# --- proposed, checked, approved


@budget.command(
    "month",
    help=t(
        "拟定一个月的结算入账（drgpay month 的结果文件夹）",
        "Propose the entry of a month (a folder that drgpay month wrote)",
    ),
)
@click.argument("folder", type=PATH)
@person_option
@with_book
def month(book: Book, folder: Path, who: str) -> None:
    """Propose a month."""
    from drgpay.wrapper.post_runs import month_draft

    _propose(book, lambda turn: month_draft(turn, folder, book.facts["region_id"], who))


@budget.command(
    "clear",
    help=t(
        "拟定年度清算入账（drgpay year-end 的结果文件夹）",
        "Propose the entry of a year's clearing (a folder that drgpay year-end wrote)",
    ),
)
@click.argument("folder", type=PATH)
@person_option
@with_book
def clear(book: Book, folder: Path, who: str) -> None:
    """Propose a clearing."""
    from drgpay.wrapper.post_runs import year_draft

    _propose(book, lambda turn: year_draft(turn, folder, book.facts["region_id"], who))


def _propose(book: Book, draft_of: Callable[..., Any]) -> None:
    from drgpay.ledger.approvals import propose
    from drgpay.names.ledger import ENTRY_KINDS

    with book.writing() as turn:
        draft = draft_of(turn)
        made = propose(turn, draft, [draft.kind])
    word = ENTRY_KINDS[draft.kind].word
    say(
        f"已拟定第 {made.number} 号：{word.chinese} {draft.subject}，待复核",
        f"proposed as {made.number}: {word} {draft.subject}; it waits for the checker",
    )


@budget.command("check", help=t("复核一件拟定", "Check a proposal"))
@number_argument
@person_option
@option("--note", "说明", "a note", default="")
@with_book
def check(book: Book, number: int, who: str, note: str) -> None:
    """Check a proposal."""
    from drgpay.ledger.approvals import check

    with book.writing(who) as turn:
        check(turn, number, who, note)
    say(f"第 {number} 号已复核，待审批", f"{number} is checked and waits for approval")


@budget.command("approve", help=t("审批一件已复核的拟定，随即入账", "Approve a checked proposal"))
@number_argument
@person_option
@option("--role", "审批人的角色", "role of who approves", type=click.Choice(APPROVERS),
        default="approver")  # fmt: skip
@with_book
def approve(book: Book, number: int, who: str, role: str) -> None:
    """Approve a proposal."""
    from drgpay.ledger.approvals import approve

    with book.writing(who) as turn:
        entry = approve(turn, number, who, role)
    say(
        f"第 {number} 号已审批，入账为第 {entry.number} 号 {entry.digest}",
        f"{number} is approved: entry {entry.number} {entry.digest}",
    )


@budget.command("return", help=t("退回一件拟定", "Send a proposal back"))
@number_argument
@person_option
@option("--role", "角色", "role", type=click.Choice(SENDERS), default="checker")
@option("--why", "理由", "the reason", required=True)
@with_book
def return_command(book: Book, number: int, who: str, role: str, why: str) -> None:
    """Send a proposal back."""
    from drgpay.ledger.approvals import send_back

    with book.writing(who) as turn:
        send_back(turn, number, who, role, why)
    say(f"第 {number} 号已退回", f"{number} is sent back")


@budget.command("withdraw", help=t("撤回一件拟定", "Withdraw a proposal"))
@number_argument
@person_option
@option("--why", "理由", "the reason", default="")
@with_book
def withdraw(book: Book, number: int, who: str, why: str) -> None:
    """Withdraw a proposal."""
    from drgpay.ledger.approvals import withdraw

    with book.writing(who) as turn:
        withdraw(turn, number, who, why)
    say(f"第 {number} 号已撤回", f"{number} is withdrawn")


# --- payment orders


@budget.group("order", help=t("拨付单", "Payment orders"))
def order() -> None:
    """Run a command on payment orders."""


@order.command("propose", help=t("为全部待拨付款项拟定拨付单", "Propose orders for all payable"))
@year_option("年度", "the year")
@person_option
@with_book
def order_propose(book: Book, year: int | None, who: str) -> None:
    """Propose orders."""
    from drgpay.ledger.orders import propose_orders

    with book.writing(who) as turn:
        made = propose_orders(turn, _needed(year), who, "S0 29、33")
        orders = made.draft.body["orders"]
        total = sum(own["amount_fen"] for own in orders)
    from drgpay.ground.money import yuan_text

    say(
        f"已拟定第 {made.number} 号：拨付单 {len(orders)} 张，共 {yuan_text(total)} 元，待复核",
        f"proposed as {made.number}: {len(orders)} orders, {yuan_text(total)} yuan",
    )


def _needed(year: int | None) -> int:
    if year is None:
        raise click.UsageError(t("须给出 --year", "--year is needed"))
    return year


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
        entry = confirm(turn, _needed(year), who, rows)
    say(
        f"回单 {len(rows)} 张已入账，第 {entry.number} 号",
        f"{len(rows)} receipts are taken, as entry {entry.number}",
    )


# --- kept safe


@budget.command(
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


@budget.command("backup", help=t("把全账备份为一个文件", "Write the whole book into one file"))
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


@budget.command("restore", help=t("由备份文件恢复成一本新账", "Make a new book of a backup"))
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
