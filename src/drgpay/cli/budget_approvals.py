"""`drgpay budget`: what is proposed is checked and approved, sent back or withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import (
    day_option,
    day_or_today,
    number_argument,
    person_option,
    with_book,
)
from drgpay.cli.lang import t
from drgpay.cli.options import option
from drgpay.cli.told import say, tell

if TYPE_CHECKING:
    from drgpay.ledger.book import Book

APPROVERS = ("approver", "authority")
SENDERS = ("checker", "approver", "authority")


@click.command("check", help=t("复核一件拟定", "Check a proposal"))
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


@click.command(
    "approve",
    help=t(
        "审批一件已复核的拟定，随即入账；由这一记录办成的程序步骤随之登记（--day 为办理日期）",
        "Approve a checked proposal; steps of procedures that its entry does are put down with it "
        "(--day is their day)",
    ),
)
@number_argument
@person_option
@option("--role", "审批人的角色", "role of who approves", type=click.Choice(APPROVERS),
        default="approver")  # fmt: skip
@day_option
@option("--policy", "登记程序步骤所依的总额控制政策，默认为拟定时的",
        "the budget policy that steps are put down by; by default that of the proposal",
        default="", envvar="DRGPAY_BUDGET_POLICY")  # fmt: skip
@with_book
def approve(book: Book, number: int, who: str, role: str, day: str, policy: str) -> None:
    """Approve a proposal, and put the steps down that it does."""
    from drgpay.ledger.approvals import approve
    from drgpay.wrapper.own_steps import put_down_own_steps

    with book.writing(who) as turn:
        entry = approve(turn, number, who, role)
        notes = put_down_own_steps(turn, entry, day_or_today(day), policy)
    say(
        f"第 {number} 号已审批，入账为第 {entry.number} 号 {entry.digest}",
        f"{number} is approved: entry {entry.number} {entry.digest}",
    )
    for note in notes:
        tell(note)


@click.command("return", help=t("退回一件拟定", "Send a proposal back"))
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


@click.command("withdraw", help=t("撤回一件拟定", "Withdraw a proposal"))
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
