"""`drgpay scheme diff`: what differs between two schemes."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import LANG, t

WRITTEN = (".xlsx", ".html")


@click.command(
    "diff",
    help=t(
        "比较两个分组方案：组、规则、编码、MCC与CC、排除表",
        "Compare two schemes: groups, rules, codes, severity, exclusions",
    ),
)
@click.argument("a")
@click.argument("b")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help=t("写入 .xlsx 或 .html 文件", "write an .xlsx or .html file"),
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help=t("文本中列出全部差别", "list every difference in the text"),
)
def diff(a: str, b: str, out: Path | None, everything: bool) -> None:
    """Print what differs, or write it as Excel or HTML."""
    from drgpay.ground.outputs import not_an_input, result_file
    from drgpay.report.scheme_diff import diff_lines, write_diff_excel, write_diff_page
    from drgpay.schemes.diff import diff_schemes
    from drgpay.schemes.load import load_scheme

    if out is not None:
        result_file(out, WRITTEN)
        not_an_input([out], [a, b])
    found = diff_schemes(load_scheme(a, check=False), load_scheme(b, check=False))
    if out is None:
        click.echo("\n".join(diff_lines(found, LANG, 10**9 if everything else 12)))
        return
    write = write_diff_excel if out.suffix.lower() == ".xlsx" else write_diff_page
    write(found, out, LANG)
    number = sum(len(section.rows) for section in found.sections)
    click.echo(t(f"{number:,} 项差别，已写入 {out}", f"{number:,} differences written to {out}"))
