"""`drgpay scheme import`: plain tables of a region to a scheme folder."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG
from drgpay.cli.options import PATH, command, flag, option, out_option
from drgpay.cli.told import notes, say

if TYPE_CHECKING:
    from drgpay.schemes.building import Imported

SHOWN = 200


@command(
    "由一个文件夹中的普通CSV表（UTF-8或GB18030）生成分组方案，逐行指出全部错误。"
    "--template 写出填报模板，--like 以已有方案为模板。",
    "Build a scheme from a folder of plain CSV tables (UTF-8 or GB18030), every fault named. "
    "--template writes tables to fill in, --like those of a scheme that exists.",
    name="import",
    short=("由普通CSV表生成分组方案；也写出填报模板", "Build a scheme from plain CSV tables"),
)
@click.argument("folder", required=False, type=PATH)
@out_option("新的方案文件夹", "the new scheme folder")
@flag(
    "--keep",
    "检查项有问题也写出（不封存），以便更正或列为已知问题",
    "write the scheme, unsealed, even when checks of the whole find something",
)
@option(
    "--template",
    "把填报模板写入此空文件夹",
    "write the tables to fill in into this empty folder",
    type=PATH,
)
@option("--like", "模板取自此方案", "fill the template with this scheme")
def import_scheme(
    folder: Path | None, out: Path | None, keep: bool, template: Path | None, like: str | None
) -> None:
    """Import a scheme, or write what an import starts from."""
    from drgpay.ground.errors import InputError, both
    from drgpay.schemes import importer, plain
    from drgpay.schemes.load import load_scheme

    if template is not None:
        if like is not None:
            written = plain.write_plain(load_scheme(like, check=False), template, LANG)
        else:
            written = plain.write_template(template)
        for path in written:
            click.echo(str(path))
        return
    if folder is None or out is None:
        raise InputError(
            both("缺少源文件夹或 -o 方案文件夹", "the source folder or -o is missing"),
            remedy=both(
                "写成 drgpay scheme import 源文件夹 -o 新文件夹；模板用 --template",
                "write: drgpay scheme import FOLDER -o NEW_FOLDER; or --template DIR",
            ),
        )
    report_import(importer.import_scheme(folder, out, keep=keep), folder, out)


@command(
    "读取官方《按病组（DRG）付费3.0版分组方案配置信息》工作簿（MDC、ADRG、DRG、集合、CC、排除表"
    "六张表），逐行指出全部错误，生成分组方案文件夹。之后可用 scheme impact 在旧病例上试算。",
    "Read the official workbook of the national scheme 3.0 (six sheets), name every fault, and "
    "build a scheme folder. scheme impact then tries it on the cases of the year before.",
    name="import-nhsa",
    short=(
        "由国家分组方案工作簿（3.0版）生成分组方案",
        "Build a scheme from the national workbook",
    ),
)
@click.argument("workbook", type=PATH)
@out_option("新的方案文件夹", "the new scheme folder", required=True)
@option("--title", "方案名称", "title of the scheme", default="", show_default=False)
@option(
    "--from",
    "effective",
    "施行日期（默认2027-01-01）",
    "first day in force (2027-01-01)",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2027-01-01",
    show_default=False,
)
@option("--family", "所属的族", "the family it belongs to", default="", show_default=False)
@option(
    "--amend/--no-amend",
    "是否补入“排除表”所缺而方案正文有的行（默认补入，来源未核实）",
    "add the rows that the sheet of exclusions lacks and the scheme's text has (default: yes; not verified)",
    default=True,
    show_default=False,
)
@flag(
    "--strict",
    "整体检查发现的问题也算错误，不列为已知问题",
    "what the checks of the whole scheme find is a fault too",
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


def report_import(done: Imported, source: Path, out: Path) -> None:
    """Say what an import made; its faults go to a list beside `out` and end the command."""
    from drgpay.ground.errors import SchemeError, both
    from drgpay.schemes.building import write_faults
    from drgpay.schemes.checks import counts

    notes(done.unused)
    if done.scheme is not None:
        number = counts(done.scheme)
        say(
            f"已写出 {out}：MDC {number['mdc']}，ADRG {number['adrg']}，DRG {number['drg']}",
            f"written {out}: MDC {number['mdc']}, ADRG {number['adrg']}, DRG {number['drg']}",
        )
    if not done.faults:
        return
    report = write_faults(done.faults, out.with_name(out.name + ".faults.csv"), LANG)
    error = SchemeError(
        both(f"有{len(done.faults)}个错误", f"{len(done.faults)} faults"),
        where=source,
        faults=[fault.placed for fault in done.faults[:SHOWN]],
        remedy=both(f"全部错误见 {report}", f"all of them are in {report}"),
    )
    if done.scheme is None:
        raise error
    click.echo(error.text(LANG), err=True)
    sys.exit(SchemeError.exit_code)
