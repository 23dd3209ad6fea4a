"""`drgpay budget community`: medical communities (医共体) through the year."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.budget_common import (
    day_option,
    day_or_today,
    needed,
    person_option,
    policy_option,
    propose_draft,
    shown,
    with_book,
)
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import PATH, option, out_option, year_option
from drgpay.cli.told import say, tell
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.ledger.book import Book

community_argument = click.argument("name", metavar="COMMUNITY")
by_option = option(
    "--by", "牵头单位经办人", "the person of the lead who hands it in", required=True
)


@click.group(
    help=t(
        "医共体：备案、成员预算、调剂、按总体盈亏清算、再平衡（渝医保发〔2018〕20号）",
        "Communities: filed, members' budgets, transfers, cleared on one side, rebalanced",
    )
)
def community() -> None:
    """Run a command on communities."""


@community.command(
    "file",
    help=t(
        "牵头单位备案：成员情况表（附件1）、成立批文、调剂使用办法；成员已备案在别处的，"
        "以该处名称和日期拒绝",
        "File a community: members (form 1), approval document, transfer rules; a member that is "
        "filed elsewhere is refused with that one's name and date",
    ),
)
@click.argument("members", type=PATH)
@option("--id", "community_id", "医共体编码", "id of the community", required=True)
@option("--name", "医共体名称", "its name", required=True)
@option("--approval", "成立批文（文件）", "document of its approval", type=PATH, required=True)
@option("--approved-by", "批准部门", "who approved it", default="")
@option("--founded", "成立日期", "the day on which it was founded", default="")
@option("--rules", "调剂使用办法（各成员签字盖章的文件）", "rules of transfer, signed by all members",
        type=PATH, required=True)  # fmt: skip
@option("--application", "备案申请书，默认就是成员情况表所在的附件1", "application, the table of members "
        "by default (form 1 has both)", type=PATH)  # fmt: skip
@year_option("年度", "the year")
@day_option
@policy_option
@person_option
@with_book
def file(
    book: Book, members: Path, community_id: str, name: str, approval: Path, approved_by: str,
    founded: str, rules: Path, application: Path | None, year: int | None, day: str, policy: str,
    who: str,
) -> None:  # fmt: skip
    """File a community."""
    from drgpay.wrapper.communities import Application, file_community
    from drgpay.wrapper.planning import budget_policy

    asked = Application(
        community_id=community_id, name=name, approved_by=approved_by, founded_on=founded,
        members=members, approval=approval, rules=rules, application=application,
        year=needed(year), day=day_or_today(day), who=who,
    )  # fmt: skip
    with book.writing(who) as turn:
        entry = file_community(turn, asked, budget_policy(policy, needed(year)))
    say(
        f"已登记备案申请，第 {entry.number} 号 {name}；待经办机构出具回执："
        f"drgpay budget done community_filing receipt --subject “{entry.body['subject']}”",
        f"the filing of {name} is entry {entry.number}; the agency's receipt is next: "
        f"drgpay budget done community_filing receipt --subject {entry.body['subject']!r}",
    )


@community.command("withdraw", help=t("撤销备案", "Take a filing back"))
@click.argument("community_id")
@year_option("自哪一年度起", "from which year on")
@option("--why", "理由", "the reason", required=True)
@person_option
@with_book
def withdraw(book: Book, community_id: str, year: int | None, why: str, who: str) -> None:
    """Take a filing back."""
    from drgpay.wrapper.communities import withdraw_community

    with book.writing(who) as turn:
        entry = withdraw_community(turn, needed(year), community_id, who, why)
    say(
        f"第 {entry.number} 号：{entry.subject} 的备案已撤销",
        f"entry {entry.number}: the filing of {entry.subject} is taken back",
    )


@community.command("list", help=t("列出备案的医共体", "List the communities on file"))
@year_option("年度", "the year")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def list_command(book: Book, year: int | None, out: Path | None) -> None:
    """List communities."""
    from drgpay.report.community_sheets import communities_sheet
    from drgpay.wrapper.filings import filed_communities

    with book.reading() as reading:
        found = filed_communities(reading, needed(year))
    shown(communities_sheet(found.values(), LANG), out, book)


@community.command(
    "show",
    help=t(
        "成员的预算、调剂、清算与再平衡，按险种，合计即医共体的数",
        "Members' budgets, transfer, clearing and rebalancing by pool; the sums are the community's",
    ),
)
@community_argument
@year_option("年度", "the year")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def show(book: Book, name: str, year: int | None, out: Path | None) -> None:
    """Show a community."""
    from drgpay.report.community_sheets import members_sheets
    from drgpay.wrapper.communities import member_years
    from drgpay.wrapper.filings import community

    with book.reading() as reading:
        own = community(reading, needed(year), name)
        found = member_years(reading, own, needed(year))
    shown(members_sheets(own, found, LANG), out, book)


@community.command(
    "form",
    help=t(
        "附件1至5：填上账中已有的数，写成可打印的 .html、填好再读回的 .xlsx（附件1、3、5）"
        "或按模板的 .docx",
        "Forms 1 to 5 with what the book has: a page to print (.html), a workbook that comes back "
        "filled (.xlsx, forms 1, 3 and 5), or a document by a template (.docx)",
    ),
)
@click.argument("number", type=click.IntRange(1, 5))
@option("--community", "name", "医共体编码或名称；未备案的只有空白的附件1",
        "id or name of the community; of one not on file form 1 alone, empty",
        required=True)  # fmt: skip
@year_option("年度", "the year")
@option("--why", "附件2：不同意备案的理由", "form 2: why the filing is not agreed to", default="")
@option("--template", "自己的 .docx 模板", "your own template, .docx", type=PATH)
@out_option("写入 .docx、.xlsx 或 .html 文件", "write a .docx, .xlsx or .html file", required=True)
@with_book
def form_of(
    book: Book, number: int, name: str, year: int | None, why: str, template: Path | None, out: Path
) -> None:
    """Write a form."""
    from drgpay.report.community_forms import FormFacts, form, write_form
    from drgpay.wrapper.communities import filed_on, member_years
    from drgpay.wrapper.filings import community, on_file

    own_year = needed(year)
    with book.reading() as reading:
        own = on_file(reading, own_year, name)
        if number > 2:
            own = community(reading, own_year, name)
        elif number == 2 and own is None:
            raise InputError(
                both(f"医共体“{name}”没有备案申请", f"community {name!r} has not applied"),
                remedy=both("先登记：drgpay budget community file", "first: community file"),
            )
        facts = FormFacts(
            year=own_year, region=book.facts["region_name"], name=own.name if own else name,
            own=own, members=member_years(reading, own, own_year) if own else (), why=why,
            transferred_on=filed_on(reading, own, own_year, "transfer") if own else "",
            rebalanced_on=filed_on(reading, own, own_year, "rebalance") if own else "",
            head="{}:{}".format(*reading.head()),
        )  # fmt: skip
    write_form(form(number, facts, LANG), out, LANG, template)
    say(f"已写入 {out}", f"written to {out}")


@community.command(
    "templates",
    help=t(
        "写出附件的 .docx 模板，改后用 form --template", "Write the forms' templates, to be edited"
    ),
)
@click.argument("folder", type=PATH)
def templates(folder: Path) -> None:
    """Write the templates."""
    from drgpay.report.community_forms import write_templates

    made = write_templates(folder)
    say(f"已写出 {len(made)} 个模板到 {folder}", f"{len(made)} templates are in {folder}")


@community.command(
    "settle",
    help=t(
        "由考核结果（assessed 表）和盈亏相反成员的分配（community_allocation 表）拟定成员年终清算，"
        "均按医共体总体的超支或结余",
        "Propose the members' clearing, all on the side of the whole, from the tables assessed and "
        "community_allocation (of members of the other side)",
    ),
)
@click.argument("folder", type=PATH)
@option("--community", "name", "医共体编码或名称", "id or name of the community", required=True)
@year_option("年度", "the year")
@policy_option
@person_option
@with_book
def settle(book: Book, folder: Path, name: str, year: int | None, policy: str, who: str) -> None:
    """Propose a community's clearing."""
    from drgpay.wrapper.communities import community_clearing_draft

    propose_draft(
        book,
        policy,
        lambda turn: community_clearing_draft(turn, folder, needed(year), name, policy, who),
    )


def form_command(name: str, chinese: str, english: str) -> Callable[..., Any]:
    """Make a command that puts a lead's form down and proposes what it comes to."""

    def make(filed: Callable[..., Any]) -> click.Command:
        @community.command(name, help=t(chinese, english))
        @click.argument("table", type=PATH)
        @option("--community", "name", "医共体编码或名称", "id or name of the community",
                required=True)  # fmt: skip
        @year_option("年度", "the year")
        @by_option
        @day_option
        @policy_option
        @person_option
        @with_book
        def run(
            book: Book, table: Path, name: str, year: int | None, by: str, day: str, policy: str,
            who: str,
        ) -> None:  # fmt: skip
            from drgpay.wrapper.planning import budget_policy

            rules = budget_policy(policy, needed(year))
            told: dict[str, Any] = {"by": by, "day": day_or_today(day), "who": who}
            draft = propose_draft(
                book, policy, lambda turn: filed()(turn, needed(year), name, table, rules, **told)
            )
            own = draft.body["filed"]
            if own["late"]:
                tell(
                    both(
                        f"已逾期：{own['day']} 报送，最后一日 {own['last_day']}",
                        f"late: filed on {own['day']}, the last day was {own['last_day']}",
                    )
                )

        return run

    return make


@form_command(
    "transfer",
    "登记调剂分配备案表（附件3，填好的 Excel 或 CSV），拟定成员指标的调整",
    "Put the table of transfers (form 3, filled) down and propose the members' budgets after it",
)
def transfer() -> Callable[..., Any]:
    """Propose a transfer."""
    from drgpay.wrapper.communities import file_transfer

    return file_transfer


@form_command(
    "rebalance",
    "登记再平衡分配备案表（附件5，填好的 Excel 或 CSV），拟定拨付与扣减的调整",
    "Put the table of rebalancing (form 5, filled) down and propose what it pays and deducts",
)
def rebalance() -> Callable[..., Any]:
    """Propose a rebalancing."""
    from drgpay.wrapper.communities import file_rebalancing

    return file_rebalancing
