"""What the commands of `drgpay budget` share: the book, its sheets, a proposal, their options."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.lang import t
from drgpay.cli.options import PATH, option, year_option
from drgpay.cli.told import say, tell_sheets
from drgpay.ground.errors import InputError, both, located
from drgpay.policy.budget import BUDGET_POLICY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drgpay.ledger.book import Book, Turn
    from drgpay.ledger.entries import Draft
    from drgpay.report.sheets import Sheet

policy_option = option(
    "--policy", "总额控制政策，也可用环境变量 DRGPAY_BUDGET_POLICY",
    "the budget policy, by name or file; or DRGPAY_BUDGET_POLICY in the environment",
    default=BUDGET_POLICY, envvar="DRGPAY_BUDGET_POLICY",
)  # fmt: skip
person_option = option("--as", "who", "经手人姓名", "who does it, by name", required=True)
number_argument = click.argument("number", type=click.IntRange(1))


day_option = option("--day", "办理日期，默认今天", "the day, today by default", default="")


def day_or_today(text: str) -> dt.date:
    """Return a day as it is given on the command line; raises InputError for what is none."""
    from drgpay.ground.times import today

    try:
        return dt.date.fromisoformat(text) if text else today()
    except ValueError:
        raise InputError(
            both(f"“{text}”不是日期", f"{text!r} is no date"),
            remedy=both("写作 2026-01-15", "as 2026-01-15"),
        ) from None


def yuan(text: str, name: str) -> int:
    """Return an amount that is given in yuan, in fen; raises InputError for what is none."""
    from drgpay.tables.kinds import amount

    try:
        return amount(text)
    except ValueError as error:
        raise InputError(
            located(name, error), remedy=both("写作 12345.67", "as 12345.67")
        ) from None


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


def shown(made: Sheet | Sequence[Sheet], out: Path | None, book: Book) -> None:
    """Print sheets, or write them as a workbook with the book's last digest."""
    from drgpay.report.sheets import Sheet

    def head() -> str:
        with book.reading() as reading:
            number, digest = reading.head()
        return f"{number}:{digest}"

    sheets = [made] if isinstance(made, Sheet) else made
    title = f"{book.facts['region_name']} {sheets[0].title if sheets else ''}"
    tell_sheets(sheets, out, head, title=title)


def needed(year: int | None) -> int:
    """Return --year; raises UsageError where it was not given."""
    if year is None:
        raise click.UsageError(t("须给出 --year", "--year is needed"))
    return year


def propose_draft(book: Book, policy: str, draft_of: Callable[[Turn], Draft]) -> Draft:
    """Propose the entry that is made within a turn of the book; the policy says by how many persons.

    Return it as it was proposed.
    """
    from drgpay.ledger.approvals import propose
    from drgpay.ledger.persons import PARAMETER
    from drgpay.names.ledger import ENTRY_KINDS
    from drgpay.wrapper.planning import budget_policy

    with book.writing() as turn:
        draft = draft_of(turn)
        persons = budget_policy(policy, draft.year)[PARAMETER]
        made = propose(turn, draft, ENTRY_KINDS[draft.kind].stands_on, persons)
    word = ENTRY_KINDS[draft.kind].word
    say(
        f"已拟定第 {made.number} 号：{word.chinese} {draft.subject}，待复核",
        f"proposed as {made.number}: {word} {draft.subject}; it waits for the checker",
    )
    return draft


def folder_command(name: str, chinese: str, english: str) -> Callable[..., Any]:
    """Make a command that proposes the entry of a folder of tables."""

    def make(draft_of: Callable[..., Any]) -> click.Command:
        @click.command(name, help=t(chinese, english))
        @click.argument("folder", type=PATH)
        @year_option("年度", "the year")
        @policy_option
        @person_option
        @with_book
        def run(book: Book, folder: Path, year: int | None, policy: str, who: str) -> None:
            propose_draft(
                book, policy, lambda turn: draft_of()(turn, folder, needed(year), policy, who)
            )

        return run

    return make
