"""`drgpay policy diff`: what differs between two policies."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import LANG, t


@click.command(
    "diff",
    help=t(
        "比较两份政策：逐项列出新增、取消、改变的参数和双方的依据",
        "Compare two policies: parameters added, removed, changed, with the sources of both",
    ),
)
@click.argument("a")
@click.argument("b")
@click.option(
    "--year",
    type=click.IntRange(1990, 2200),
    help=t("只比较这一年的值", "compare only the values in force in this year"),
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help=t("写入 .html 文件", "write an .html file"),
)
def diff(a: str, b: str, year: int | None, out: Path | None) -> None:
    """Print what differs, or write it as a page."""
    from drgpay.ground.outputs import not_an_input, result_file
    from drgpay.policy import load_policy
    from drgpay.report.policy_diff import diff_lines, diff_policies, write_diff_page

    if out is not None:
        result_file(out, (".html",))
        not_an_input([out], [a, b])
    found = diff_policies(load_policy(a, complete=False), load_policy(b, complete=False), year)
    if out is None:
        click.echo("\n".join(diff_lines(found, LANG)))
        return
    write_diff_page(found, out, LANG)
    number = len(found.changes)
    click.echo(t(f"{number:,} 项差别，已写入 {out}", f"{number:,} differences written to {out}"))
