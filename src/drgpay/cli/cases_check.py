"""`drgpay cases check`: what a medical-record coder would look at, in files of cases."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.options import grouping_options, threads_option
from drgpay.cli.progress import bar
from drgpay.cli.reading import reading_options
from drgpay.cli.start import spare_imports
from drgpay.ground.errors import in_language
from drgpay.ground.outputs import not_an_input, result_file, whole_file

if TYPE_CHECKING:
    from drgpay.cases.options import ReadOptions
    from drgpay.names.readings import Readings

SUFFIXES = (".xlsx", ".json", ".csv", ".parquet")
FATAL_EXIT = 7


@click.command(
    short_help=t(
        "检查首页质量，逐行逐列指出问题和改法", "Check front pages, row by row, with advice"
    ),
    help=t(
        "检查病例文件的首页质量：年龄、日期、住院天数、诊断、手术、费用、重复等，"
        "逐行逐列指出问题和改法。CASES为一个或多个病例文件或其所在文件夹。",
        "Check front pages: ages, dates, days, diagnoses, procedures, costs, doubles; row by row, "
        "with advice. CASES are case files, or a folder of them.",
    ),
)
@click.argument("cases", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help=t(
        "报告：.xlsx 标出有问题的单元格，.json 供程序读取，.csv 或 .parquet 为全部问题清单",
        "report: .xlsx marks the faulty cells, .json for programs, .csv or .parquet all findings",
    ),
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["settlement", "grouping"]),
    default="settlement",
    show_default=True,
    help=t(
        "按哪一步判断隔离：settlement 清算，grouping 仅分组",
        "what quarantines a case: settlement, or grouping alone",
    ),
)
@click.option(
    "--strict",
    is_flag=True,
    help=t(
        f"有病例要隔离时，退出码为 {FATAL_EXIT}",
        f"exit with {FATAL_EXIT} when some case would be quarantined",
    ),
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
    if out is not None:
        result_file(out, SUFFIXES)
        not_an_input([out], cases)
    from drgpay.grouper.check import check_cases
    from drgpay.report.check_excel import ALL_ROWS_UP_TO, write_excel
    from drgpay.report.check_report import text_report, write_json

    started = time.perf_counter()
    suffix = "" if out is None else out.suffix.lower()
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
    for note in done.codes.first() if done.codes is not None else ():
        click.echo(t("注意：", "note: ") + in_language(note, LANG))
    click.echo(text_report(done, LANG))
    seconds = time.perf_counter() - started
    click.echo("")
    click.echo(t(f"用时 {seconds:.2f} 秒", f"took {seconds:.2f} s"))
    if out is not None:
        click.echo(t(f"报告 {out}", f"report {out}"))
    elif done.found:
        click.echo(
            t(
                "加 -o 报告.xlsx，可得到标出有问题单元格的表格",
                "add -o report.xlsx for a workbook with the faulty cells marked",
            )
        )
    if done.codes is not None:
        for note in done.codes.provisos():
            click.echo(t("注意：", "note: ") + in_language(note, LANG))
        click.echo(in_language(done.codes.line(), LANG))
    if strict and done.fatal:
        raise SystemExit(FATAL_EXIT)
