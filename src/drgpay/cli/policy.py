"""`drgpay policy`: the parameters of payment, each with value, period and source."""

from __future__ import annotations

import click

from drgpay.cli.lang import t
from drgpay.cli.lazy import LazyGroup

COMMANDS = {
    "parameters": ("drgpay.cli.policy_parameters", "parameters"),
    "show": ("drgpay.cli.policy_show", "show"),
    "check": ("drgpay.cli.policy_check", "check"),
    "diff": ("drgpay.cli.policy_diff", "diff"),
}


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    help=t(
        "支付政策：列出参数可取的值、查看参数及其依据、检查政策文件、比较两份政策。",
        "Payment policies: list what parameters take, look at them and their sources, check a file, compare two.",
    ),
)
def policy() -> None:
    """Run a command on policies."""
