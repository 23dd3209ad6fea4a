"""`drgpay budget`: what changes a year while it runs: indices adjusted, very costly cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.budget_common import (
    needed,
    person_option,
    policy_option,
    propose_draft,
    with_book,
    yuan,
)
from drgpay.cli.lang import t
from drgpay.cli.options import PATH, option, year_option
from drgpay.cli.told import say

if TYPE_CHECKING:
    from drgpay.ledger.book import Book

application_option = option(
    "--application", "申请或事项的名称，同程序登记的 --subject",
    "its name, as the steps of the procedure have it (--subject)", required=True,
)  # fmt: skip


@click.command(
    "adjust",
    help=t(
        "由已审定的年中调整（adjustments、adjustment_rules 表）拟定机构指标的变动：四种情形和新增服务能力，"
        "须合其协商分组的规则，先用年中调整预留，不超控制目标",
        "Propose a mid-year adjustment that was decided, from the tables adjustments and "
        "adjustment_rules: by its group's rule, out of the reserve for it, within the target",
    ),
)
@click.argument("folder", type=PATH)
@application_option
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def adjust(
    book: Book, folder: Path, application: str, year: int | None, policy: str, who: str
) -> None:
    """Propose an adjustment."""
    from drgpay.wrapper.changes import adjustment_draft

    propose_draft(
        book,
        policy,
        lambda turn: adjustment_draft(turn, folder, needed(year), application, policy, who),
    )


@click.command(
    "costly",
    help=t(
        "将审核、复核、审批过的高额医疗费用病例（costly_cases 表，即审核所附的那张）入账，"
        "年终清算时在指标外结算；病例只认定一次",
        "Take up very costly cases that were reviewed, checked and approved (the table that the "
        "review has), to be settled outside the index; a case is taken up once",
    ),
)
@click.argument("table", type=PATH)
@application_option
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def costly(
    book: Book, table: Path, application: str, year: int | None, policy: str, who: str
) -> None:
    """Take costly cases up."""
    from drgpay.wrapper.changes import take_up_costly
    from drgpay.wrapper.planning import budget_policy

    rules = budget_policy(policy, needed(year))
    with book.writing(who) as turn:
        entry = take_up_costly(turn, table, needed(year), application, rules, who)
    count = len(entry.body["cases"])
    say(
        f"已入账 {count} 例，第 {entry.number} 号",
        f"{count} cases are taken up, as entry {entry.number}",
    )


@click.command(
    "draw",
    help=t(
        "拟定动用控制目标内的预留（年中调整、年终清算），附决定文件；质量保证金预留不得动用",
        "Propose to draw on a reserve of the control target (mid-year, year end), by a decision; "
        "never on the deposit's",
    ),
)
@option("--reserve", "哪项预留", "which reserve", type=click.Choice(("mid_year", "year_end")),
        required=True)  # fmt: skip
@option("--pool", "险种", "the pool", required=True)
@option("--amount", "金额（元）", "the amount, in yuan", required=True)
@option("--why", "理由", "the reason", required=True)
@option("--decision", "决定文件", "the decision's document", type=PATH, required=True)
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def draw(
    book: Book, reserve: str, pool: str, amount: str, why: str, decision: Path, year: int | None,
    policy: str, who: str,
) -> None:  # fmt: skip
    """Propose to draw on a reserve."""
    from drgpay.wrapper.reserves import draw_draft

    fen = yuan(amount, "--amount")
    propose_draft(
        book, policy,
        lambda turn: draw_draft(turn, needed(year), pool, reserve, fen, why, decision, who),
    )  # fmt: skip
