"""`drgpay cases template`: an Excel file for hospitals to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import LANG, t


@click.command(
    short_help=t("生成病例填报模板（Excel）", "Write an Excel template for cases"),
    help=t(
        "生成病例填报模板（Excel）：填表说明、带下拉选项的病例表、虚构的示例。"
        "填好后可直接用于 drgpay group 等命令。",
        "Write an Excel template for cases: instructions, a sheet with drop-downs, invented "
        "examples. Filled in, it goes into drgpay group and the other commands as it is.",
    ),
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=t("模板文件，.xlsx；不覆盖已有文件", "the template, .xlsx; never overwrites a file"),
)
def template(out: Path) -> None:
    """Write the template."""
    from drgpay.cases.template import write_template

    write_template(out, LANG)
    click.echo(t(f"模板 {out}", f"template {out}"))
