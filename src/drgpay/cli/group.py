"""`drgpay group`: cases from files to a file of groups."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    cases_argument,
    command,
    flag,
    grouping_options,
    out_option,
    threads_option,
)
from drgpay.cli.progress import bar
from drgpay.cli.reading import reading_options
from drgpay.cli.start import spare_imports
from drgpay.cli.told import counts_text, notes, say, tell, tell_quarantined
from drgpay.names.readings import readings_text

if TYPE_CHECKING:
    from drgpay.cases.options import ReadOptions
    from drgpay.names.readings import Readings


@command(
    "为病例文件分组。CASES为一个或多个病例文件（Parquet、CSV、Excel、结算清单JSON等）、"
    "其所在文件夹或数据库地址。有误的行写入 OUT.quarantine.csv，其余照常分组。",
    "Group case files (Parquet, CSV, Excel, settlement lists …), a folder of them or a "
    "database. Faulty rows go to OUT.quarantine.csv, the others go on.",
    short=("为病例文件分组，有误的行另列", "Group case files, a folder of them or a database"),
)
@cases_argument
@out_option("结果文件，.parquet 或 .csv", "result file, .parquet or .csv", required=True)
@flag(
    "--check",
    "同时检查首页质量，问题写入 OUT.findings.parquet 或 .csv",
    "check the front pages as well; findings go to OUT.findings.parquet or .csv",
)
@grouping_options
@reading_options
@threads_option
def group(
    cases: tuple[str, ...],
    out: Path,
    check: bool,
    scheme: str,
    readings: Readings,
    codes: str | None,
    reading: ReadOptions,
    threads: int | None,
) -> None:
    """Group files."""
    spare_imports()
    from drgpay.ground.outputs import room_for
    from drgpay.grouper.stream import group_file

    started = time.perf_counter()
    with room_for(out.parent):
        done = group_file(
            list(cases),
            out,
            scheme,
            readings=readings,
            codes=codes,
            reading=reading,
            check=check,
            threads=threads,
            lang=LANG,
            progress=lambda total: bar(t("分组", "grouping"), total),
        )
    c, seconds = done.counts, time.perf_counter() - started
    notes(done.codes.first())
    say(
        f"方案 {done.scheme}（{readings_text(done.readings, 'zh')}）",
        f"scheme {done.scheme} ({readings_text(done.readings)})",
    )
    for version in done.versions:
        say(
            f"  其中按版本 {version.scheme} 分组 {version.cases:,} 例",
            f"  of these by version {version.scheme}: {version.cases:,}",
        )
    click.echo(counts_text(c) + t(f"；{seconds:.2f} 秒", f"; {seconds:.2f} s"))
    say(f"结果 {done.path}", f"result {done.path}")
    tell_quarantined(done.quarantine, done.why)
    if done.changes is not None:
        say(
            f"读法与写法不同的编码 {done.changes}",
            f"codes read otherwise than written {done.changes}",
        )
    if done.findings is not None and done.checked is not None:
        say(
            f"首页质量问题 {done.checked.found:,} 处，见 {done.findings}",
            f"{done.checked.found:,} findings of the front pages: {done.findings}",
        )
    notes(done.warnings)
    tell(done.codes.line())
