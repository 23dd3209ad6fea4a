"""`drgpay policy parameters`: what each parameter takes."""

from __future__ import annotations

import click

from drgpay.cli.lang import LANG, t


@click.command(
    "parameters",
    help=t(
        "列出政策的全部参数：名称、单位、所在规则（docs/rules.md）、可取的值和选项",
        "List all parameters: name, unit, rule (docs/rules.md), what they take",
    ),
)
def parameters() -> None:
    """Print the catalogue."""
    from drgpay.report.policy_parameters import parameter_lines

    click.echo("\n".join(parameter_lines(LANG)))
