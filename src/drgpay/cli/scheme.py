"""`drgpay scheme`: the commands on schemes."""

from __future__ import annotations

import click

from drgpay.cli.lang import t
from drgpay.cli.lazy import LazyGroup

COMMANDS = {
    "list": ("drgpay.cli.scheme_show", "list_schemes"),
    "check": ("drgpay.cli.scheme_show", "check"),
    "show": ("drgpay.cli.scheme_show", "show"),
    "diff": ("drgpay.cli.scheme_diff", "diff"),
    "impact": ("drgpay.cli.scheme_impact", "impact"),
    "import": ("drgpay.cli.scheme_import", "import_scheme"),
    "import-nhsa": ("drgpay.cli.scheme_import_nhsa", "import_nhsa"),
    "docs": ("drgpay.cli.scheme_docs", "docs"),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    help=t(
        "分组方案：列出、检查、查看、对比、影响测算、导入、说明手册",
        "Schemes: list, check, show, compare, measure, import, document",
    ),
)
def scheme() -> None:
    """Group of the scheme commands."""
