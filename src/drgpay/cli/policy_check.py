"""`drgpay policy check`: everything that is wrong with a policy file, and what rests on nothing."""

from __future__ import annotations

import sys

import click

from drgpay.cli.lang import LANG, t


@click.command(
    "check",
    help=t(
        "检查政策文件：列出全部错误和缺少的参数，统计已核实与未核实的参数",
        "Check a policy file: all faults, what is missing, how much of it is verified",
    ),
)
@click.argument("policy")
@click.option(
    "--year",
    type=click.IntRange(1990, 2200),
    help=t("并检查能否用于这一年", "and whether it can be used for this year"),
)
def check(policy: str, year: int | None) -> None:
    """Print the findings; exit code 4 when there are faults."""
    from drgpay.ground.errors import PolicyError
    from drgpay.report.policy_check import check_lines, check_policy

    found = check_policy(policy, year)
    click.echo("\n".join(check_lines(found, LANG)))
    if found.faulty:
        sys.exit(PolicyError.exit_code)
