"""What charts are drawn from: figures for lengths, and beside each the text that is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Series:
    """A series of a chart: `values` are lengths alone, `texts` what a reader is shown."""

    name: str
    values: Sequence[float | None]
    texts: Sequence[str]
    dashed: bool = False


def chart(
    kind: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    label: str,
    unit: str = "",
    **more: Any,
) -> str:
    """Return a chart as the page's script draws it: sides, lines, columns or a gauge.

    `label` says in words what is seen, for those who do not see it.
    """
    told = {
        "kind": kind, "labels": list(labels), "label": label, "unit": unit,
        "series": [
            {"name": s.name, "values": list(s.values), "texts": list(s.texts), "dashed": s.dashed}
            for s in series
        ],
        **more,
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False)


def lengths(fen: Sequence[int | None]) -> list[float | None]:
    """Return amounts as lengths in 10,000 yuan: for drawing, never for reckoning."""
    return [None if one is None else one / 1_000_000 for one in fen]
