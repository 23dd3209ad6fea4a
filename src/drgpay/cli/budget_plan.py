"""`drgpay budget`: the plan, the indices, and where the year stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.budget_common import (
    day_option,
    day_or_today,
    folder_command,
    needed,
    person_option,
    policy_option,
    propose_draft,
    shown,
    with_book,
)
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, flag, option, out_option, year_option
from drgpay.cli.told import say, tell

if TYPE_CHECKING:
    from drgpay.ledger.book import Book, Turn
    from drgpay.ledger.entries import Draft


@click.command(
    "plan",
    help=t(
        "由支出预算八项因素和扣除项目（文件夹中的 budget_factors、target_deductions 两张表）"
        "计算支出预算、总额控制目标与预留资金，并拟定入账；可另有市县分解（county_budgets）、"
        "覆盖范围（target_coverage）、额度块（budget_blocks、city_hospitals）",
        "Compute the expenditure budget, control target and reserves from the tables budget_factors "
        "and target_deductions of a folder, and propose them; it may have county_budgets, "
        "target_coverage, budget_blocks and city_hospitals as well",
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
    from drgpay.wrapper.plan_parts import told
    from drgpay.wrapper.planning import plan_draft

    draft = plan_draft(folder, needed(year), policy, who, approval)
    for own in draft.body["targets"]:
        say(
            f"险种 {own['pool']}：支出预算 {yuan_text(own['budget_fen'])} 元，"
            f"控制目标 {yuan_text(own['target_fen'])} 元，预留后 {yuan_text(own['free_fen'])} 元",
            f"pool {own['pool']}: budget {yuan_text(own['budget_fen'])} yuan, target "
            f"{yuan_text(own['target_fen'])}, less reserves {yuan_text(own['free_fen'])}",
        )
    for line in told(draft.body):
        tell(line)
    for text in draft.body["assumed"]:
        say(f"未核实参数：{text}", f"not verified: {text}")
    propose_draft(book, policy, lambda turn: draft)


@click.command(
    "settlement-plan",
    help=t(
        "拟定清算方案：年终清算所用的各项参数（留用、分担、补偿等），审批后清算须与之一致",
        "Propose the settlement plan: the parameters that the year is cleared by (shares, compensation); "
        "once approved, the clearing is held to it",
    ),
)
@year_option("年度", "the year")
@policy_option
@option("--points-policy", "按点数付费的政策，方案连同其参数", "policy of what is paid by points, for its "
        "parameters to be held too", default="")  # fmt: skip
@person_option
@with_book
def settlement_plan(
    book: Book, year: int | None, policy: str, points_policy: str, who: str
) -> None:
    """Propose a settlement plan."""
    from drgpay.wrapper.settlement_plan import settlement_plan_draft, told

    def draft_of(turn: Turn) -> Draft:
        made = settlement_plan_draft(turn, needed(year), policy, who, points_policy)
        for line in told(made.body):
            tell(line)
        return made

    propose_draft(book, policy, draft_of)


@click.command(
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
    from drgpay.wrapper.filings import filed_communities, in_force
    from drgpay.wrapper.planning import standing

    with book.reading() as reading:
        waits = waiting(proposals(reading, year=needed(year)))
        names = [own.name for own in in_force(filed_communities(reading, needed(year)))]
        rows = standing(StepLog().of_year(reading, needed(year)), needed(year), policy,
                        procedures, communities=names, everything=everything)  # fmt: skip
    if out is None and any(waits.values()):
        for line in text_lines(proposals_sheet(waits, LANG)):
            click.echo(line)
    tell(headline(rows))
    shown(status_sheet(rows, LANG), out, book)


@click.command(
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
@day_option
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
    day: str, role: str, party: str, papers: tuple[str, ...], back: str, policy: str,
    who: str,
) -> None:  # fmt: skip
    """Put a step down."""
    from drgpay.wrapper.planning import Asked, put_down

    asked = Asked(
        procedure=procedure, step=step, year=needed(year), month=month or 0, subject=subject,
        day=day_or_today(day), role=role, party=party, papers=papers, back=back, who=who,
    )  # fmt: skip
    with book.writing(who) as turn:
        found = put_down(turn, asked, policy)
    for text in found.notes:
        tell(text)
    say(
        f"已登记，第 {found.entry.number} 号：{found.entry.subject}",
        f"put down as entry {found.entry.number}: {found.entry.subject}",
    )


@folder_command(
    "indices",
    "由往年指标和费用（past_years 表，按历年各月分配的另有 past_months 表）与调整因素"
    "（index_factors、group_rules 表）拟定各机构指标",
    "Propose the institutions' indices from the tables past_years, index_factors and group_rules, "
    "with past_months where months share them as in past years",
)
def indices() -> Callable[..., Any]:
    """Propose indices."""
    from drgpay.wrapper.index_year import indices_draft

    return indices_draft
