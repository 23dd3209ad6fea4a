"""`drgpay scheme`: list, check, show, compare, measure, import, document."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import LANG, t
from drgpay.cli.lazy import LazyGroup
from drgpay.cli.options import command, flag, out_option
from drgpay.cli.told import paper_of, say

scheme = LazyGroup(
    "scheme",
    lazy={
        "list": ("drgpay.cli.scheme_show", "list_schemes"),
        "check": ("drgpay.cli.scheme_show", "check"),
        "show": ("drgpay.cli.scheme_show", "show"),
        "diff": ("drgpay.cli.scheme", "diff"),
        "impact": ("drgpay.cli.scheme_impact", "impact"),
        "import": ("drgpay.cli.scheme_import", "import_scheme"),
        "import-nhsa": ("drgpay.cli.scheme_import", "import_nhsa"),
        "docs": ("drgpay.cli.scheme", "docs"),
    },
    help=t(
        "分组方案：列出、检查、查看、对比、影响测算、导入、说明手册",
        "Schemes: list, check, show, compare, measure, import, document",
    ),
)


@command(
    "比较两个分组方案：组、规则、编码、MCC与CC、排除表",
    "Compare two schemes: groups, rules, codes, severity, exclusions",
)
@click.argument("a")
@click.argument("b")
@out_option("写入 .xlsx 或 .html 文件", "write an .xlsx or .html file")
@flag("--all", "everything", "文本中列出全部差别", "list every difference in the text")
def diff(a: str, b: str, out: Path | None, everything: bool) -> None:
    """Print what differs, or write it as Excel or HTML."""
    from drgpay.report.scheme_diff import diff_lines, write_diff_excel, write_diff_page
    from drgpay.schemes.diff import diff_schemes
    from drgpay.schemes.load import load_scheme

    suffix = paper_of(out, (".xlsx", ".html"), [a, b])
    found = diff_schemes(load_scheme(a, check=False), load_scheme(b, check=False))
    if out is None:
        click.echo("\n".join(diff_lines(found, LANG, 10**9 if everything else 12)))
        return
    write = write_diff_excel if suffix == ".xlsx" else write_diff_page
    write(found, out, LANG)
    number = sum(len(section.rows) for section in found.sections)
    say(f"{number:,} 项差别，已写入 {out}", f"{number:,} differences written to {out}")


@command(
    "写出分组方案的定义手册（HTML，可检索，不需要网络）",
    "Write a scheme's definitions manual (HTML with search, no network)",
)
@click.argument("name")
@out_option("新文件夹", "a new folder", required=True)
def docs(name: str, out: Path) -> None:
    """Write the manual."""
    from drgpay.report.scheme_manual import write_manual
    from drgpay.schemes.load import load_scheme

    number = write_manual(load_scheme(name), out, LANG)
    say(
        f"{number} 个文件，从 {out / 'index.html'} 看起",
        f"{number} files; begin with {out / 'index.html'}",
    )
