"""`drgpay budget assess`: the assessment of a year, what it did to the money, doctors' violations."""

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
from drgpay.cli.told import say
from drgpay.ground.errors import InputError, both

if TYPE_CHECKING:
    from drgpay.ledger.book import Book, Turn
    from drgpay.ledger.entries import Draft, Entry


@click.group(
    "assess",
    help=t(
        "考核：指标、得分、一票否决，对资金的影响，医保医师违规记录",
        "The assessment: indicators, scores, gates, what they did to the money, doctors' violations",
    ),
)
def assess() -> None:
    """Run a command of the assessment."""


@assess.command(
    "propose",
    help=t(
        "由考核目标（assessment_targets 表）、填报数（assessment_entered 表）和就诊记录计算各机构得分，"
        "并拟定入账；清算时据此决定留用、分担和保证金",
        "Compute scores from the tables assessment_targets and assessment_entered and from records "
        "of visits, and propose them; the clearing goes by them",
    ),
)
@click.argument("folder", type=PATH)
@click.argument("visits", nargs=-1, type=PATH)
@year_option("年度", "the year")
@option("--month", "算到哪个月", "up to which month", type=click.IntRange(1, 12), default=12)
@option(
    "--institutions",
    "文件夹，其中 institutions 表列出机构等级",
    "a folder with the table institutions: their levels",
    type=PATH,
)
@policy_option
@person_option
@with_book
def propose_command(
    book: Book, folder: Path, visits: tuple[Path, ...], year: int | None, month: int,
    institutions: Path | None, policy: str, who: str,
) -> None:  # fmt: skip
    """Propose an assessment."""
    from drgpay.monitoring.assess import assess as found_of
    from drgpay.monitoring.assess import assessment_draft
    from drgpay.monitoring.indicators import indicators
    from drgpay.monitoring.watch import read_institutions
    from drgpay.names.ledger import ENTRY_KINDS
    from drgpay.wrapper.planning import budget_policy

    own = budget_policy(policy, needed(year))
    known = read_institutions(institutions)
    kinds = ENTRY_KINDS["assessment"].stands_on
    with book.reading() as reading:
        seen = reading.last(kinds, own.year)
        found = found_of(reading, folder, visits, own, known, month)

    def draft_of(turn: Turn) -> Draft:
        if turn.last(kinds, own.year) != seen:
            raise InputError(
                both("计算期间账上的指标或考核有变动", "indices or assessment changed meanwhile"),
                remedy=both("重新计算", "compute it again"),
            )
        return assessment_draft(found, own, who)

    if found.missing:
        names = "、".join(indicators()[name].name.chinese for name in found.missing)
        say(
            f"没有数据也没有填报，不可评价：{names}",
            f"neither in the records nor entered: {', '.join(found.missing)}",
        )
    missed = sum(bool(score.gates) for score in found.scores)
    say(
        f"考核 {len(found.scores)} 家，一票否决 {missed} 家",
        f"{len(found.scores)} institutions assessed, gates missed by {missed}",
    )
    propose_draft(book, policy, draft_of)


@assess.command("show", help=t("列出考核结果、各项指标和定义", "Scores, indicators, definitions"))
@year_option("年度", "the year")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def show(book: Book, year: int | None, out: Path | None) -> None:
    """Show an assessment."""
    from drgpay.report.assessment_sheets import definitions_sheet, indicators_sheet, scores_sheet

    entry = _assessment(book, needed(year))
    sheets = [scores_sheet(entry, LANG)]
    if out is not None:
        sheets += [indicators_sheet(entry, LANG), definitions_sheet(LANG)]
    shown(sheets, out, book)


def _assessment(book: Book, year: int) -> Entry:
    with book.reading() as reading:
        found = reading.entries(("assessment",), year=year)
    if not found:
        raise InputError(
            both(f"{year}年的考核还没有入账", f"there is no assessment of {year} in the book"),
            remedy=both(
                "先拟定：drgpay budget assess propose", "first: drgpay budget assess propose"
            ),
        )
    return found[-1]


@assess.command(
    "effects",
    help=t(
        "考核对资金的影响：留用、分担、保证金，与全部达标时相比",
        "What the assessment did to the money: kept, borne, deposit, beside all indicators met",
    ),
)
@year_option("年度", "the year")
@policy_option
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def effects_command(book: Book, year: int | None, policy: str, out: Path | None) -> None:
    """Show effects."""
    from drgpay.monitoring.assess import effects
    from drgpay.report.assessment_sheets import effects_sheet
    from drgpay.wrapper.planning import budget_policy

    own = budget_policy(policy, needed(year))
    with book.reading() as reading:
        found = effects(reading, own.year, own)
    shown(effects_sheet(found, LANG), out, book)


@assess.command(
    "doctors",
    help=t(
        "登记医保医师违规（doctor_points 表）。只记违规，不用于支付、限额或排名",
        "Put down violations of insured doctors (the table doctor_points): a record, and no more",
    ),
)
@click.argument("folder", type=PATH)
@year_option("年度", "the year")
@person_option
@with_book
def doctors(book: Book, folder: Path, year: int | None, who: str) -> None:
    """Put violations down."""
    from drgpay.monitoring.doctors import doctors_draft

    with book.writing(who) as turn:
        entry = turn.append(doctors_draft(turn, folder, needed(year), who))
    count = len(entry.body["violations"])
    say(
        f"已登记 {count} 条，第 {entry.number} 号",
        f"{count} violations put down as entry {entry.number}",
    )


@assess.command("record", help=t("列出医保医师违规记录", "The record of doctors' violations"))
@year_option("年度", "the year")
@option("--doctor", "只列这位医师", "of this doctor only", default="")
@out_option("写入 .xlsx 文件", "write an .xlsx file")
@with_book
def record(book: Book, year: int | None, doctor: str, out: Path | None) -> None:
    """List violations."""
    from drgpay.monitoring.doctors import points_of, violations
    from drgpay.report.assessment_sheets import doctors_sheet

    with book.reading() as reading:
        found = violations(reading, needed(year), doctor)
    shown(doctors_sheet(found, LANG), out, book)
    if doctor:
        points = points_of(found, doctor)
        say(f"全年记分 {float(points):g}", f"points of the year: {float(points):g}")
