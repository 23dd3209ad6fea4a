"""`drgpay budget`: the monitoring of a month, and the assessment of a year."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drgpay.cli.budget_common import (
    day_option,
    day_or_today,
    needed,
    policy_option,
    with_book,
)
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    PATH,
    new_folder_option,
    option,
    out_option,
    threads_option,
    year_option,
)
from drgpay.cli.told import notes, say, tell_sheets

if TYPE_CHECKING:
    from drgpay.ledger.book import Book
    from drgpay.monitoring.visits import Visits
    from drgpay.monitoring.watch import Watch


@click.command(
    "watch",
    help=t(
        "运行监控：由就诊记录和账上的指标，列出同比增长、指标使用与预计、参保个体前列、费用指标排序、"
        "异常记录和综合预警，逐项说明为何预警或不预警。预警只提示应当核查之处，不是结论。",
        "Monitoring of a month: growth over last year, use of indices with a forecast, highest persons, "
        "rankings, abnormal records, and what is unusual, each with why it was raised or not.",
    ),
)
@click.argument("visits", nargs=-1, required=True, type=PATH)
@year_option("年度", "the year")
@option("--month", "月份", "the month", type=click.IntRange(1, 12), required=True)
@option(
    "--institutions",
    "文件夹，其中 institutions 表列出机构名称、等级、是否异地",
    "a folder with the table institutions: name, level, whether elsewhere",
    type=PATH,
)
@policy_option
@new_folder_option
@threads_option
@option(
    "--as",
    "who",
    "经手人姓名；给出时结果登记在账，在服务的网页上可看",
    "who does it, by name: then the result is put down, and the service's pages show it",
    default="",
)
@with_book
def watch(
    book: Book, visits: tuple[Path, ...], year: int | None, month: int, institutions: Path | None,
    policy: str, out: Path, threads: int | None, who: str,
) -> None:  # fmt: skip
    """Watch a month."""
    from drgpay.ground.outputs import new_folder
    from drgpay.monitoring.results import manifest, write_watch
    from drgpay.monitoring.watch import read_institutions
    from drgpay.monitoring.watch import watch as found_of
    from drgpay.report.monitoring import PAGE, write_papers
    from drgpay.wrapper.planning import budget_policy

    started = time.perf_counter()
    new_folder(out)
    own = budget_policy(policy, needed(year))
    known = read_institutions(institutions)
    with book.reading() as reading:
        found = found_of(reading, visits, month, own, known, facts=book.facts, threads=threads)
    told = manifest(found)
    write_watch(
        found, told, out, LANG,
        lambda folder, tables: write_papers(folder, tables, told, LANG),
    )  # fmt: skip
    notes(found.visits.notes)
    grades, quarantined = told["grades"], sum(told["quarantined"].values())
    say(
        f"就诊记录 {told['rows']:,} 行：计入 {told['counted']:,}，隔离 {quarantined:,}；"
        f"机构 {told['hospitals']:,} 家",
        f"{told['rows']:,} rows of visits: {told['counted']:,} counted, {quarantined:,} quarantined; "
        f"{told['hospitals']:,} institutions",
    )
    say(
        f"重点预警 {grades['warn']}，关注 {grades['attend']}，未见异常 {grades['none']}，"
        f"不可判断 {grades['not_evaluable']}",
        f"warnings {grades['warn']}, to be looked at {grades['attend']}, nothing unusual "
        f"{grades['none']}, not evaluable {grades['not_evaluable']}",
    )
    say("预警只提示应当核查之处，不是结论", "a flag is a reason to look, not a verdict")
    if who:
        _filed(book, found, told, out, who)
    seconds = time.perf_counter() - started
    say(
        f"结果 {out}（{seconds:.1f} 秒），报告 {out / PAGE}",
        f"result {out} ({seconds:.1f} s), report {out / PAGE}",
    )


def _filed(book: Book, found: Watch, told: dict[str, Any], out: Path, who: str) -> None:
    """Put a monitoring down in the book, and say as which entry."""
    from drgpay.ground.digests import SUMS, file_digest
    from drgpay.monitoring.filed import file_watch

    with book.writing(who) as turn:
        entry = file_watch(turn, found, told, file_digest(out / SUMS), who)
    say(
        f"已登记，第 {entry.number} 号；网页 /budget/watch",
        f"put down as entry {entry.number}; page /budget/watch",
    )


def _read(paths: tuple[Path, ...], year: int) -> Visits:
    """Return the visits of a year and the one before, and say how many rows count."""
    from drgpay.monitoring.visits import read_visits

    found = read_visits(paths, year)
    notes([found.told, *found.notes])
    return found


@click.command(
    "unreferred",
    help=t(
        "未转诊外出就医：异地机构中没有转诊手续的就诊，个人自付比例是否比办理转诊的至少高出 "
        "referral.own_share_more，列出不足的件数和金额；只作核对",
        "Care elsewhere without a referral: whether patients bore at least so much more themselves "
        "than those with one (referral.own_share_more), and how many did not; a check alone",
    ),
)
@click.argument("visits", nargs=-1, required=True, type=PATH)
@year_option("年度", "the year")
@option(
    "--institutions",
    "文件夹，其中 institutions 表标明异地机构",
    "a folder with the table institutions, which says who is elsewhere",
    type=PATH,
    required=True,
)
@policy_option
@out_option("写入 .xlsx 文件", "write an .xlsx file")
def unreferred_command(
    visits: tuple[Path, ...], year: int | None, institutions: Path, policy: str, out: Path | None
) -> None:
    """Check care elsewhere."""
    from drgpay.ground.digests import file_digest
    from drgpay.monitoring.unreferred import unreferred
    from drgpay.monitoring.watch import read_institutions
    from drgpay.report.late_sheets import unreferred_sheet
    from drgpay.wrapper.planning import budget_policy

    own = budget_policy(policy, needed(year))
    read = _read(visits, own.year)
    found = unreferred(read, read_institutions(institutions), own)
    sheet = unreferred_sheet(found, LANG)
    tell_sheets([sheet], out, lambda: file_digest(visits[0]), visits)


@click.command(
    "volume",
    help=t(
        "有效服务量：由就诊记录统计各机构本年和上年的人次、重复就诊、重复住院、人头、人次人头比和"
        "有效服务量及其增长，供指标调整因素参考",
        "Effective volume: visits, repeated visits and stays, persons, visits per person of each "
        "institution, this year and last, with its growth, as a factor of indices",
    ),
)
@click.argument("visits", nargs=-1, required=True, type=PATH)
@year_option("年度", "the year")
@option(
    "--invalid",
    "无效人头表（invalid_heads：医疗机构编码、无效人头、无效人次）",
    "the table invalid_heads: institutions, invalid heads and their visits",
    type=PATH,
)
@policy_option
@out_option("写入 .xlsx 文件", "write an .xlsx file")
def volume(
    visits: tuple[Path, ...], year: int | None, invalid: Path | None, policy: str, out: Path | None
) -> None:
    """Count the effective volume."""
    from drgpay.ground.digests import file_digest
    from drgpay.monitoring.volume import read_invalid, volumes
    from drgpay.report.volume_sheets import volume_sheet
    from drgpay.wrapper.planning import budget_policy

    own = budget_policy(policy, needed(year))
    read = _read(visits, own.year)
    found = volumes(read, own, read_invalid(invalid) if invalid else None)
    given = [*visits, *([invalid] if invalid else ())]
    tell_sheets([volume_sheet(found, own, LANG)], out, lambda: file_digest(visits[0]), given)


@click.command(
    "late-lists",
    help=t(
        "逾期上传的结算清单：由 list_uploads 表（机构编码、病例号、结算日期、上传日期，未上传的空着），"
        "按工作日期限（lists.upload_days）列出各机构的件数和逾期的每一份",
        "Settlement lists uploaded late: of the table list_uploads, by working days "
        "(lists.upload_days), each institution's counts and each list that is late",
    ),
)
@click.argument("table", type=PATH)
@year_option("年度", "the year")
@policy_option
@day_option
@out_option("写入 .xlsx 文件", "write an .xlsx file")
def late_lists_command(
    table: Path, year: int | None, policy: str, day: str, out: Path | None
) -> None:
    """List what is late."""
    from drgpay.ground.digests import file_digest
    from drgpay.ledger.calendar import load_calendar
    from drgpay.report.late_sheets import late_sheets
    from drgpay.wrapper.late_lists import late_lists
    from drgpay.wrapper.planning import budget_policy

    own = budget_policy(policy, needed(year))
    found = late_lists(table, own, load_calendar(), day_or_today(day))
    notes(found.notes)
    tell_sheets(late_sheets(found, LANG), out, lambda: file_digest(table), [table])
    late, missing = (sum(getattr(o, key) for o in found.hospitals) for key in ("late", "missing"))
    say(
        f"逾期上传 {late} 份，逾期未上传 {missing} 份",
        f"{late} lists were late, {missing} are missing",
    )


@click.command(
    "notices",
    help=t(
        "一个月的拒付、缓付通知，逐家一页，写明数额、原因和依据（在账的月度结算）",
        "Notices of what a month refused or deferred: a page an institution, with reason and clause",
    ),
)
@year_option("年度", "the year")
@option("--month", "月份", "the month", type=click.IntRange(1, 12), required=True)
@new_folder_option
@with_book
def notices(book: Book, year: int | None, month: int, out: Path) -> None:
    """Write notices."""
    from drgpay.ground.digests import write_sums
    from drgpay.ground.outputs import new_folder, whole_folder
    from drgpay.report.notice_letters import notices_sheet, write_notices
    from drgpay.report.workbook import write_book
    from drgpay.wrapper.notices import month_notices

    new_folder(out)
    own = needed(year)
    with book.reading() as reading:
        found = month_notices(reading, own, month)
        number, digest = reading.head()
    with whole_folder(out) as folder:
        made = write_notices(folder, found, book.facts, f"{own}-{month:02d}", LANG)
        title = f"{book.facts['region_name']} {own}-{month:02d}"
        sheet = notices_sheet(found, LANG)
        write_book(folder / "notices.xlsx", [sheet], LANG, title=title, digest=f"{number}:{digest}")
        write_sums(folder)
    say(
        f"通知 {len(made)} 份，见 {out}",
        f"notices to {len(made)} institutions in {out}",
    )
