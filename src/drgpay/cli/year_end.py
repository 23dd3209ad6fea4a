"""`drgpay year-end`: a region folder to a run folder."""

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
    "年度清算：读取统筹区文件夹REGION_DIR，写出清算结果文件夹RUN_DIR（须是新文件夹）。",
    "Settle a year: read the region folder, write a new run folder.",
    name="year-end",
)
@region_argument
@new_folder_option
@trial_option
@flag(
    "--sensitivity",
    "sensitive",
    "未核实的参数逐项改用备选值重新清算，报告各涉及多少钱（耗时较长）",
    "settle again with the alternative of each value that is not verified: how much money "
    "hangs on it (takes longer)",
)
@flag(
    "--letters",
    "另写每家机构的清算通知书（letters/）",
    "write a letter to each hospital, too (letters/)",
)
@flag(
    "--sheets-per-hospital",
    "settlement.xlsx 中每家机构另有一张工作表",
    "a sheet for each hospital in settlement.xlsx",
)
@option(
    "--reopens",
    "重开：RUN是原清算的结果文件夹；输入须与其一致，结果是新的一版，并列出应追回的差额",
    "reopen the run of a year: the inputs must be its own; the result is a new version with "
    "what is to be recovered",
    type=PATH,
    metavar="RUN",
)
@option(
    "--violations",
    "与 --reopens 同用：后来查实的违规（CSV或Excel）",
    "with --reopens: violations found later (CSV or Excel)",
    type=PATH,
    metavar="FILE",
)
@option(
    "--corrected",
    "与 --reopens 同用：原清算隔离、现已更正的病例（列与病例文件相同；可多次给出）",
    "with --reopens: cases that the run had quarantined, corrected (columns as in the case "
    "files; may be repeated)",
    multiple=True,
    type=PATH,
    metavar="FILE",
)
@threads_option
def year_end(
    region_dir: Path,
    out: Path,
    overrides: tuple[str, ...],
    sensitive: bool,
    letters: bool,
    sheets_per_hospital: bool,
    reopens: Path | None,
    violations: Path | None,
    corrected: tuple[Path, ...],
    threads: int | None,
) -> None:
    """Settle a year."""
    from drgpay.ground.money import decimal_text, yuan_text
    from drgpay.ground.outputs import new_folder
    from drgpay.runs.folder import write_run
    from drgpay.settlement.year_end import year_end as settle_year

    if violations is not None and reopens is None:
        raise wrong_use("--violations 须与 --reopens 同用", "--violations needs --reopens")
    if corrected and reopens is None:
        raise wrong_use("--corrected 须与 --reopens 同用", "--corrected needs --reopens")
    if reopens is not None and overrides:
        raise wrong_use("重开清算不能试算（--set）", "--reopens and --set exclude each other")
    started = time.perf_counter()
    new_folder(out)
    if reopens is not None:
        from drgpay.reopening.reopen import reopen

        run = reopen(
            region_dir,
            reopens,
            violations,
            corrected=corrected,
            threads=threads,
            lang=LANG,
            progress=bar_of,
        )
    else:
        run = settle_year(
            region_dir,
            overrides=overrides,
            threads=threads,
            lang=LANG,
            progress=bar_of,
        )
    from drgpay.report.outputs import write_outputs  # with charts: slow, of no use to a refusal

    def finish(folder: Path) -> None:
        if sensitive:
            from drgpay.trials.sensitivity import write_sensitivity

            write_sensitivity(run, folder, LANG, progress=bar_of)
        write_outputs(
            folder, LANG, letters=letters, sheets_per_hospital=sheets_per_hospital, threads=threads
        )

    write_run(run, out, lang=LANG, finish=finish)
    from drgpay.cases.quarantine import Why

    first = run.prepared.codes.first()
    tell_first(first, run.policy.trial)
    title = f"{run.region.name} {run.region.year}"
    click.echo(t(f"{title}年：", f"{title}: ") + counts_text(run.counts))
    for pool in run.pools:
        value = decimal_text(pool.point_value_fen / 100, 6)
        say(
            f"{pool.name} {pool.pool}：点值 {value} 元，清算总额 {yuan_text(pool.settled_fen)} 元",
            f"{pool.pool}: point value {value} yuan, settled {yuan_text(pool.settled_fen)} yuan",
        )
    tell_quarantined(out / "quarantine.csv", Why.of(run.quarantine))
    if len(run.notes):
        say(
            f"{len(run.notes)} 项特病单议未起作用，见 quarantine.csv",
            f"{len(run.notes)} reviews had no effect: see quarantine.csv",
        )
    if run.prepared.checked.found:
        say(
            f"首页质量问题 {run.prepared.checked.found:,} 处，见 findings.csv，按机构和月份见 findings_by_month.csv",
            f"{run.prepared.checked.found:,} findings of the front pages: findings.csv, "
            "findings_by_month.csv",
        )
    if run.reopening is not None:
        from drgpay.runs.carried import differences

        rows, last = differences(run.reopening, run), run.reopening.version - 1
        back = yuan_text(sum(max(0, before - after) for *_, before, after in rows))
        more = yuan_text(sum(max(0, after - before) for *_, before, after in rows))
        say(
            f"第 {run.reopening.version} 版：与第 {last} 版相比应追回 {back} 元，应补付 {more} 元，见 recovery.csv",
            f"version {run.reopening.version}: to recover {back} yuan, to add {more} yuan: "
            f"recovery.csv (against version {last})",
        )
        say(
            f"结转：以前各版的 carried.csv 都尚未用于拨付 → 用 {out / 'carried.csv'}（全部，取代以前各版）；"
            f"已办到第 {last} 版 → 用 carried_difference.csv（仅差额，改名为 carried.csv）。两者只用其一",
            "to carry: no carried.csv of an earlier version put into a payment yet → "
            f"{out / 'carried.csv'} (the whole, replaces all versions before); version {last} "
            "carried → carried_difference.csv (only the difference, renamed to carried.csv); "
            "never both",
        )
    notes(run.warnings, said=first)
    tell(run.prepared.codes.line())
    seconds = time.perf_counter() - started
    say(f"结果 {out}（{seconds:.1f} 秒），报告 {out / 'report.html'}", f"result {out} ({seconds:.1f} s), report {out / 'report.html'}")  # fmt: skip
