"""The command line: thin commands, imported only when called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from drgpay import __version__
from drgpay.cli.lang import LANG, t
from drgpay.errors import DrgpayError

COMMANDS = {
    "group": ("drgpay.cli.group", "group"),
    "explain": ("drgpay.cli.explain", "explain"),
    "year-end": ("drgpay.cli.year_end", "year_end"),
    "scheme": ("drgpay.cli.scheme", "scheme"),
    "synth": ("drgpay.cli.synth", "synth"),
    "demo": ("drgpay.cli.demo", "demo"),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(
    cls=LazyGroup,
    help=t(
        "DRG点数法付费：分组、计点、求点值、年度清算。",
        "DRG point-value payment: group cases, compute points, solve the point value, settle a year.",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--lang",
    type=click.Choice(["zh", "en"]),
    help=t("界面语言", "language of texts"),
    expose_value=False,
)
@click.version_option(__version__, "--version", message="drgpay %(version)s")
def cli() -> None:
    """Run a command."""


def main() -> None:
    """Run the command line; faults are printed as text, the exit code tells their kind."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(t("已中断", "interrupted"), err=True)
        sys.exit(130)
    except DrgpayError as error:
        click.echo(t("错误：", "error: ") + error.text(LANG), err=True)
        sys.exit(error.exit_code)
