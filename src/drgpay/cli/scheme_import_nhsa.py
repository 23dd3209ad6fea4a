"""`drgpay scheme import-nhsa`: the official workbook of grouping rules to a scheme folder."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from drgpay.cli.lang import t


@click.command(
    "import-nhsa",
    short_help=t(
        "由国家分组方案工作簿（3.0版）生成分组方案", "Build a scheme from the national workbook"
    ),
    help=t(
        "读取官方《按病组（DRG）付费3.0版分组方案配置信息》工作簿（MDC、ADRG、DRG、集合、CC、排除表"
        "六张表），逐行指出全部错误，生成分组方案文件夹。之后可用 scheme impact 在旧病例上试算。",
        "Read the official workbook of the national scheme 3.0 (six sheets), name every fault, and "
        "build a scheme folder. scheme impact then tries it on the cases of the year before.",
    ),
)
@click.argument("workbook", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=t("新的方案文件夹", "the new scheme folder"),
)
@click.option("--title", default="", help=t("方案名称", "title of the scheme"))
@click.option(
    "--from",
    "effective",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2027-01-01",
    help=t("施行日期（默认2027-01-01）", "first day in force (2027-01-01)"),
)
@click.option("--family", default="", help=t("所属的族", "the family it belongs to"))
@click.option(
    "--amend/--no-amend",
    default=True,
    help=t(
        "是否补入“排除表”所缺而方案正文有的行（默认补入，来源未核实）",
        "add the rows that the sheet of exclusions lacks and the scheme's text has (default: yes; not verified)",
    ),
)
@click.option(
    "--strict",
    is_flag=True,
    help=t(
        "整体检查发现的问题也算错误，不列为已知问题",
        "what the checks of the whole scheme find is a fault too",
    ),
)
def import_nhsa(
    workbook: Path,
    out: Path,
    title: str,
    effective: dt.datetime,
    family: str,
    amend: bool,
    strict: bool,
) -> None:
    """Import the official workbook."""
    from drgpay.cli.scheme_import import report_import
    from drgpay.schemes import nhsa

    done = nhsa.import_nhsa(
        nhsa.workbook_of(workbook),
        out,
        title=title,
        effective=effective.date(),
        family=family,
        amend=amend,
        strict=strict,
    )
    report_import(done, workbook, out)
