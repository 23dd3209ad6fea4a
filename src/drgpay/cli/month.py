"""`drgpay month`: a month's provisional point value and prepayments, or all twelve."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    PATH,
    command,
    flag,
    new_folder_option,
    option,
    region_argument,
    threads_option,
    trial_option,
)
from drgpay.cli.progress import bar_of
from drgpay.cli.told import counts_text, notes, say, tell, tell_first, tell_quarantined, wrong_use


@command(
    "月度结算：读取统筹区文件夹REGION_DIR，算出某月的暂定点值和预付，写入新文件夹；"
    "--all 一次算十二个月，并与年终清算对账。",
    "A month of a region folder: provisional point value and prepayments in a new folder; "
    "--all runs all twelve and ties them out with the year end.",
)
@region_argument
@option(
    "--month",
    "月份，如 2025-03；晚于该月的病例不计入",
    "the month; later cases are left aside",
    metavar="YYYY-MM",
)
@flag(
    "--all",
    "every",
    "按现有病例一次模拟十二个月，并写出 prepaid.csv 和与年终的对账表",
    "all twelve at once, simulated from today's cases, with prepaid.csv and the tie-out",
)
@option(
    "--earlier",
    "上月的结果文件夹：以前各月以其中的实付为准，差额计入本月",
    "the folder of the month before: what it paid counts, the difference goes into this month",
    type=PATH,
    metavar="RUN",
)
@new_folder_option
@trial_option
@threads_option
def month(
    region_dir: Path,
    month: str | None,
    every: bool,
    earlier: Path | None,
    out: Path,
    overrides: tuple[str, ...],
    threads: int | None,
) -> None:
    """Run a month."""
    from drgpay.ground.money import decimal_text, yuan_text
    from drgpay.ground.outputs import new_folder
    from drgpay.months.folder import warnings, write_month
    from drgpay.months.run import run_all_months, run_month

    if (month is None) == (not every):
        raise wrong_use(
            "须给出 --month 2025-03 或 --all，二者其一", "give either --month 2025-03 or --all"
        )
    if every and earlier is not None:
        raise wrong_use(
            "--all 一次模拟十二个月，不用 --earlier；逐月办理的用 --month 和 --earlier",
            "--all simulates twelve months at once and takes no --earlier; month by month it is "
            "--month with --earlier",
        )
    started = time.perf_counter()
    new_folder(out)
    options = {
        "overrides": overrides,
        "threads": threads,
        "lang": LANG,
        "progress": bar_of,
    }
    if month is None:
        run, _ = run_all_months(region_dir, **options)
    else:
        run = run_month(region_dir, month, earlier=earlier, **options)  # type: ignore[arg-type]

    def finish(folder: Path) -> None:
        from drgpay.report.month_excel import write_month_excel
        from drgpay.report.month_page import write_month_page

        write_month_excel(folder, LANG)
        write_month_page(folder, LANG)

    write_month(run, out, lang=LANG, finish=finish)
    from drgpay.cases.quarantine import Why

    first = run.year.prepared.codes.first()
    tell_first(first, run.policy.trial)
    click.echo(f"{run.region.name}{t('：', ': ')}" + counts_text(run.year.prepared.counts))
    for pool in run.pools:
        if not run.every and pool.month != run.month:
            continue
        value = "—" if pool.value_fen is None else decimal_text(pool.value_fen / 100, 6)
        text = run.month_text(pool.month)
        paid, cut = yuan_text(pool.paid_fen), yuan_text(pool.suspended_fen)
        more = yuan_text(pool.adjustment_fen)
        say(
            f"{text} {pool.name} {pool.pool}：暂定点值 {value} 元，实付 {paid} 元，暂停 {cut} 元"
            + (f"，其中以前月份调整 {more} 元" if pool.adjustment_fen else ""),
            f"{text} {pool.pool}: provisional value {value} yuan, paid {paid}, suspended {cut}"
            + (f", adjustments of earlier months {more}" if pool.adjustment_fen else ""),
        )
    tell_quarantined(out / "quarantine.csv", Why.of(run.year.prepared.quarantine))
    notes(warnings(run), said=first)
    tell(run.year.prepared.codes.line())
    seconds = time.perf_counter() - started
    say(f"结果 {out}（{seconds:.1f} 秒），{out / 'month.xlsx'}，{out / 'month.html'}", f"result {out} ({seconds:.1f} s), {out / 'month.xlsx'}, {out / 'month.html'}")  # fmt: skip
