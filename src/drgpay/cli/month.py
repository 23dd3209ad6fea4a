"""`drgpay month`: a month's provisional point value and prepayments, or all twelve."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.counts import counts_text, tell_quarantined
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import new_folder_option, region_argument, threads_option, trial_option
from drgpay.cli.progress import bar
from drgpay.ground.errors import in_language


@click.command(
    "month",
    help=t(
        "月度结算：读取统筹区文件夹REGION_DIR，算出某月的暂定点值和预付，写入新文件夹；"
        "--all 一次算十二个月，并与年终清算对账。",
        "A month of a region folder: provisional point value and prepayments in a new folder; "
        "--all runs all twelve and ties them out with the year end.",
    ),
)
@region_argument
@click.option(
    "--month",
    metavar="YYYY-MM",
    help=t("月份，如 2025-03；晚于该月的病例不计入", "the month; later cases are left aside"),
)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help=t(
        "按现有病例一次模拟十二个月，并写出 prepaid.csv 和与年终的对账表",
        "all twelve at once, simulated from today's cases, with prepaid.csv and the tie-out",
    ),
)
@click.option(
    "--earlier",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help=t(
        "上月的结果文件夹：以前各月以其中的实付为准，差额计入本月",
        "the folder of the month before: what it paid counts, the difference goes into this month",
    ),
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
        raise click.UsageError(
            t("须给出 --month 2025-03 或 --all，二者其一", "give either --month 2025-03 or --all")
        )
    if every and earlier is not None:
        raise click.UsageError(
            t(
                "--all 一次模拟十二个月，不用 --earlier；逐月办理的用 --month 和 --earlier",
                "--all simulates twelve months at once and takes no --earlier; month by month it is "
                "--month with --earlier",
            )
        )
    started = time.perf_counter()
    new_folder(out)
    titles = {"history": t("历史", "history"), "cases": t("本年", "cases")}
    options = {
        "overrides": overrides,
        "threads": threads,
        "lang": LANG,
        "progress": lambda name, total: bar(titles[name], total),
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
    for note in first:
        click.echo(t("注意：", "note: ") + in_language(note, LANG))
    if run.policy.trial:
        from drgpay.policy.choice_words import setting_text

        settings = "; ".join(setting_text(text, LANG) for text in run.policy.trial)
        click.echo(t("【试算】", "[TRIAL] ") + settings)
    click.echo(f"{run.region.name}{t('：', ': ')}" + counts_text(run.year.prepared.counts))
    for pool in run.pools:
        if not run.every and pool.month != run.month:
            continue
        value = "—" if pool.value_fen is None else decimal_text(pool.value_fen / 100, 6)
        text = run.month_text(pool.month)
        paid, cut = yuan_text(pool.paid_fen), yuan_text(pool.suspended_fen)
        more = yuan_text(pool.adjustment_fen)
        click.echo(
            t(
                f"{text} {pool.name} {pool.pool}：暂定点值 {value} 元，实付 {paid} 元，暂停 {cut} 元"
                + (f"，其中以前月份调整 {more} 元" if pool.adjustment_fen else ""),
                f"{text} {pool.pool}: provisional value {value} yuan, paid {paid}, suspended {cut}"
                + (f", adjustments of earlier months {more}" if pool.adjustment_fen else ""),
            )
        )
    tell_quarantined(out / "quarantine.csv", Why.of(run.year.prepared.quarantine))
    for warning in warnings(run):
        if warning in first:
            continue
        click.echo(t("注意：", "note: ") + in_language(warning, LANG))
    click.echo(in_language(run.year.prepared.codes.line(), LANG))
    seconds = time.perf_counter() - started
    click.echo(
        t(f"结果 {out}（{seconds:.1f} 秒），{out / 'month.xlsx'}，{out / 'month.html'}",
          f"result {out} ({seconds:.1f} s), {out / 'month.xlsx'}, {out / 'month.html'}")
    )  # fmt: skip
