"""`drgpay year-end`: a region folder to a run folder."""

from __future__ import annotations

import time
from pathlib import Path

import click

from drgpay.cli.counts import counts_text
from drgpay.cli.lang import LANG, t
from drgpay.cli.options import threads_option
from drgpay.cli.progress import bar
from drgpay.errors import in_language


@click.command(
    "year-end",
    help=t(
        "年度清算：读取统筹区文件夹REGION_DIR，写出清算结果文件夹RUN_DIR（须是新文件夹）。",
        "Settle a year: read the region folder, write a new run folder.",
    ),
)
@click.argument("region_dir", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=t("结果文件夹", "run folder"),
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help=t(
        "试算：改变一项政策参数；结果处处标明试算",
        "trial: override one policy value; the run is marked as a trial everywhere",
    ),
)
@threads_option
def year_end(region_dir: Path, out: Path, overrides: tuple[str, ...], threads: int | None) -> None:
    """Settle a year."""
    from drgpay.money import decimal_text, yuan_text
    from drgpay.outputs import new_folder
    from drgpay.settlement.run_folder import write_run
    from drgpay.settlement.year_end import year_end as settle_year

    started = time.perf_counter()
    new_folder(out)
    titles = {"history": t("历史", "history"), "cases": t("本年", "cases")}
    run = settle_year(
        region_dir,
        overrides=overrides,
        threads=threads,
        lang=LANG,
        progress=lambda name, total: bar(titles[name], total),
    )
    from drgpay.report.html import write_report  # with charts: slow, and of no use to a refusal

    write_run(run, out, lang=LANG, finish=lambda folder: write_report(folder, lang=LANG))
    if run.policy.trial:
        click.echo(t("【试算】", "[TRIAL] ") + "; ".join(run.policy.trial))
    title = f"{run.region.name} {run.region.year}"
    click.echo(t(f"{title}年：", f"{title}: ") + counts_text(run.counts))
    for pool in run.pools:
        value = decimal_text(pool.point_value_fen / 100, 6)
        click.echo(
            t(
                f"{pool.name} {pool.pool}：点值 {value} 元，清算总额 {yuan_text(pool.settled_fen)} 元",
                f"{pool.pool}: point value {value} yuan, settled {yuan_text(pool.settled_fen)} yuan",
            )
        )
    if len(run.notes):
        click.echo(
            t(
                f"{len(run.notes)} 项特病单议未起作用，见 quarantine.csv",
                f"{len(run.notes)} reviews had no effect: see quarantine.csv",
            )
        )
    if run.checked.found:
        click.echo(
            t(
                f"首页质量问题 {run.checked.found:,} 处，见 findings.csv，按机构和月份见 findings_by_month.csv",
                f"{run.checked.found:,} findings of the front pages: findings.csv, "
                "findings_by_month.csv",
            )
        )
    for warning in run.warnings:
        click.echo(t("注意：", "note: ") + in_language(warning, LANG))
    seconds = time.perf_counter() - started
    click.echo(
        t(f"结果 {out}（{seconds:.1f} 秒），报告 {out / 'report.html'}",
          f"result {out} ({seconds:.1f} s), report {out / 'report.html'}")
    )  # fmt: skip
