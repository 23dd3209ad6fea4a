"""`drgpay scheme docs`: a scheme's definitions manual."""

from __future__ import annotations

from pathlib import Path

import click

from drgpay.cli.lang import LANG, t


@click.command(
    "docs",
    help=t(
        "写出分组方案的定义手册（HTML，可检索，不需要网络）",
        "Write a scheme's definitions manual (HTML with search, no network)",
    ),
)
@click.argument("name")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help=t("新文件夹", "a new folder"),
)
def docs(name: str, out: Path) -> None:
    """Write the manual."""
    from drgpay.report.scheme_manual import write_manual
    from drgpay.schemes.load import load_scheme

    number = write_manual(load_scheme(name), out, LANG)
    click.echo(
        t(
            f"{number} 个文件，从 {out / 'index.html'} 看起",
            f"{number} files; begin with {out / 'index.html'}",
        )
    )
