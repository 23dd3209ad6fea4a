"""`drgpay cases`: files of cases before anything is computed from them."""

from __future__ import annotations

import click

from drgpay.cli.lang import t
from drgpay.cli.lazy import LazyGroup

COMMANDS = {
    "template": ("drgpay.cli.cases_template", "template"),
    "check": ("drgpay.cli.cases_check", "check"),
    "convert": ("drgpay.cli.cases_convert", "convert"),
    "key": ("drgpay.cli.cases_key", "key"),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    help=t(
        "病例文件：生成填报模板、检查、转换。",
        "Files of cases: a template to fill in, checks, conversion.",
    ),
)
def cases() -> None:
    """Run a command on files of cases."""
