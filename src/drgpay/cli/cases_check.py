"""`drgpay cases check`: what a medical-record coder would look at, in files of cases."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import (
    cases_argument,
    command,
    flag,
    grouping_options,
    option,
    out_option,
    threads_option,
)
from drgpay.cli.progress import bar
from drgpay.cli.reading import reading_options
from drgpay.cli.start import spare_imports
from drgpay.cli.told import notes, paper_of, say, tell
from drgpay.ground.outputs import whole_file

if TYPE_CHECKING:
    from drgpay.cases.options import ReadOptions
    from drgpay.names.readings import Readings

FATAL_EXIT = 7


@command(
    "检查病例文件的首页质量：年龄、日期、住院天数、诊断、手术、费用、重复等，"
    "逐行逐列指出问题和改法。CASES为一个或多个病例文件或其所在文件夹。",
    "Check front pages: ages, dates, days, diagnoses, procedures, costs, doubles; row by row, "
    "with advice. CASES are case files, or a folder of them.",
    short=("检查首页质量，逐行逐列指出问题和改法", "Check front pages, row by row, with advice"),
)
@cases_argument
@out_option(
    "报告：.xlsx 标出有问题的单元格，.json 供程序读取，.csv 或 .parquet 为全部问题清单",
    "report: .xlsx marks the faulty cells, .json for programs, .csv or .parquet all findings",
)
@option(
    "--for",
    "purpose",
    "按哪一步判断隔离：settlement 清算，grouping 仅分组",
    "what quarantines a case: settlement, or grouping alone",
    type=click.Choice(["settlement", "grouping"]),
    default="settlement",
)
@flag(
    "--strict",
    f"有病例要隔离时，退出码为 {FATAL_EXIT}",
    f"exit with {FATAL_EXIT} when some case would be quarantined",
)
@reading_options
@grouping_options
@threads_option
def check(
    cases: tuple[str, ...],
    out: Path | None,
    purpose: str,
    strict: bool,
    scheme: str,
    readings: Readings,
    codes: str | None,
    threads: int | None,
    reading: ReadOptions,
) -> None:
    """Check files."""
    spare_imports()
    suffix = paper_of(out, (".xlsx", ".json", ".csv", ".parquet"), cases)
    from drgpay.grouper.check import check_cases
    from drgpay.report.check_excel import ALL_ROWS_UP_TO, write_excel
    from drgpay.report.check_report import text_report, write_json

    started = time.perf_counter()
    listed = suffix in (".csv", ".parquet")
    with nullcontext() if out is None else whole_file(out) as part:
        done = check_cases(
            list(cases),
            scheme,
            readings=readings,
            codes=codes,
            options=reading,
            purpose=purpose,
            threads=threads,
            lang=LANG,
            findings_file=part if listed else None,
            keep_rows=ALL_ROWS_UP_TO if suffix == ".xlsx" else 0,
            progress=lambda total: bar(t("检查", "checking"), total),
        )
        if part is not None and suffix == ".xlsx":
            write_excel(done, part, LANG)
        elif part is not None and suffix == ".json":
            write_json(done, part, LANG)
    if done.codes is not None:
        notes(done.codes.first())
    click.echo(text_report(done, LANG))
    seconds = time.perf_counter() - started
    click.echo("")
    say(f"用时 {seconds:.2f} 秒", f"took {seconds:.2f} s")
    if out is not None:
        say(f"报告 {out}", f"report {out}")
    elif done.found:
        say(
            "加 -o 报告.xlsx，可得到标出有问题单元格的表格",
            "add -o report.xlsx for a workbook with the faulty cells marked",
        )
    if done.codes is not None:
        notes(done.codes.provisos())
        tell(done.codes.line())
    if strict and done.fatal:
        raise SystemExit(FATAL_EXIT)
