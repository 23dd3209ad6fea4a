"""The sentence that every command ends with: what came in and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drgpay.cli.lang import t

if TYPE_CHECKING:
    from drgpay.grouper.outcome import Counts


def counts_text(c: Counts) -> str:
    """Return in = grouped + ambiguous + ungroupable + quarantined."""
    return t(
        f"收到 {c.total:,} = 入组 {c.grouped:,} + 歧义 {c.ambiguous:,} + 未入组 "
        f"{c.ungroupable:,} + 隔离 {c.quarantined:,}",
        f"in {c.total:,} = grouped {c.grouped:,} + ambiguous {c.ambiguous:,} + ungroupable "
        f"{c.ungroupable:,} + quarantined {c.quarantined:,}",
    )
