"""The sentence that every command ends with: what came in and how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drgpay.cli.lang import LANG, t

if TYPE_CHECKING:
    from drgpay.cases.quarantine import Why
    from drgpay.grouper.outcome import Counts


def counts_text(c: Counts) -> str:
    """Return in = grouped + ambiguous + ungroupable + quarantined."""
    return t(
        f"收到 {c.total:,} = 入组 {c.grouped:,} + 歧义 {c.ambiguous:,} + 未入组 "
        f"{c.ungroupable:,} + 隔离 {c.quarantined:,}",
        f"in {c.total:,} = grouped {c.grouped:,} + ambiguous {c.ambiguous:,} + ungroupable "
        f"{c.ungroupable:,} + quarantined {c.quarantined:,}",
    )


def tell_quarantined(file: Path, why: Why) -> None:
    """Say where the quarantined rows lie, and for which reasons; nothing where there are none."""
    lines = why.lines(LANG)
    if lines:
        click.echo(t(f"隔离的行 {file}", f"quarantined rows {file}"))
    for line in lines:
        click.echo(f"  {line}")
