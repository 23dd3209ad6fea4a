"""`drgpay scheme import`: plain tables of a region to a scheme folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t

if TYPE_CHECKING:
    from drgpay.schemes.importer import Imported

SHOWN = 200


@click.command(
    "import",
    short_help=t("由普通CSV表生成分组方案；也写出填报模板", "Build a scheme from plain CSV tables"),
    help=t(
        "由一个文件夹中的普通CSV表（UTF-8或GB18030）生成分组方案，逐行指出全部错误。"
        "--template 写出填报模板，--like 以已有方案为模板。",
        "Build a scheme from a folder of plain CSV tables (UTF-8 or GB18030), every fault named. "
        "--template writes tables to fill in, --like those of a scheme that exists.",
    ),
)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help=t("新的方案文件夹", "the new scheme folder"),
)
@click.option(
    "--keep",
    is_flag=True,
    help=t(
        "检查项有问题也写出（不封存），以便更正或列为已知问题",
        "write the scheme, unsealed, even when checks of the whole find something",
    ),
)
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    help=t("把填报模板写入此空文件夹", "write the tables to fill in into this empty folder"),
)
@click.option("--like", help=t("模板取自此方案", "fill the template with this scheme"))
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


def report_import(done: Imported, source: Path, out: Path) -> None:
    """Say what an import made; its faults go to a list beside `out` and end the command."""
    from drgpay.ground.errors import SchemeError, both, in_language
    from drgpay.schemes import importer
    from drgpay.schemes.checks import counts

    for note in done.unused:
        click.echo(t("注意：", "note: ") + in_language(note, LANG))
    if done.scheme is not None:
        number = counts(done.scheme)
        click.echo(
            t(
                f"已写出 {out}：MDC {number['mdc']}，ADRG {number['adrg']}，DRG {number['drg']}",
                f"written {out}: MDC {number['mdc']}, ADRG {number['adrg']}, DRG {number['drg']}",
            )
        )
    if not done.faults:
        return
    report = importer.write_faults(done.faults, out.with_name(out.name + ".faults.csv"), LANG)
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
