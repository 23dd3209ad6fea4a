"""Flow charts: bands from groups on the left to groups on the right, as wide as their cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Outline

from .charts import _COLOURS, WIDTH_PX, _Canvas, _style, short_label

SLOT_PX = 19.0  # a label's height: no node stands closer to the next
BAR_PX = 12.0
MARGIN_PX = 300.0
LABEL_WIDTH = 36
TOP_PX = 34.0


@dataclass(frozen=True, slots=True)
class Node:
    """A group at one side: what it is called and how its label ends (its cases)."""

    key: str
    label: str
    value: str


def flow_chart(
    name: str,
    left: Sequence[Node],
    right: Sequence[Node],
    flows: Mapping[tuple[str, str], int],
    heads: tuple[str, str],
    label: str,
    body_px: float = 560.0,
) -> str:
    """Return a chart of flows (left key, right key) → cases as SVG.

    Bands between nodes of the same key are soft, the others strong. The chart grows where many
    nodes need room for their labels.
    """
    whole = sum(flows.values()) or 1
    scale = body_px / whole
    sides = [_slots(left, flows, 0, scale), _slots(right, flows, 1, scale)]
    height = TOP_PX + 10 + max(side[-1][1] if side else 0.0 for side in sides)
    with matplotlib.style.context(_style(name)):
        canvas = _Canvas(name, height)
        ax = canvas.axes(0, 0, 0, 0)
        ax.set_xlim(0, WIDTH_PX)
        ax.set_ylim(height, 0)
        places = [
            {
                node.key: TOP_PX + (top + bottom) / 2 - thick / 2
                for node, (top, bottom, thick) in zip(nodes, slots, strict=True)
            }
            for nodes, slots in zip((left, right), sides, strict=True)
        ]
        x_left, x_right = MARGIN_PX + BAR_PX, WIDTH_PX - MARGIN_PX - BAR_PX
        offset: tuple[dict[str, float], dict[str, float]] = (dict(places[0]), dict(places[1]))
        bands = []
        rank = [{node.key: i for i, node in enumerate(nodes)} for nodes in (left, right)]
        for (x, y), cases in sorted(
            flows.items(), key=lambda item: (rank[0][item[0][0]], rank[1][item[0][1]])
        ):
            start = offset[0][x]
            offset[0][x] += cases * scale
            bands.append((x, y, cases, start))
        ends: dict[tuple[str, str], float] = {}
        for x, y, cases, _ in sorted(bands, key=lambda band: (rank[1][band[1]], rank[0][band[0]])):
            ends[(x, y)] = offset[1][y]
            offset[1][y] += cases * scale
        for x, y, cases, start in sorted(bands, key=lambda band: band[0] != band[1]):
            thick = max(cases * scale, 0.8)
            colour = "accent-soft" if x == y else "series-2"
            _band(ax, x_left, x_right, start, ends[(x, y)], thick, _COLOURS[colour])
        for i, nodes in enumerate((left, right)):
            for node, (top, bottom, thick) in zip(nodes, sides[i], strict=True):
                y_px = TOP_PX + (top + bottom) / 2
                x_px = MARGIN_PX if i == 0 else x_right
                bar = Rectangle(
                    (x_px, y_px - thick / 2), BAR_PX, max(thick, 1.0), linewidth=0,
                    facecolor=_COLOURS["accent"],
                )  # fmt: skip
                ax.add_patch(bar)
                text = short_label(node.label, LABEL_WIDTH - len(node.value) - 2)
                place = MARGIN_PX - 8 if i == 0 else WIDTH_PX - MARGIN_PX + 8
                canvas.text(
                    ax,
                    place,
                    y_px,
                    f"{text}  {node.value}",
                    ha="right" if i == 0 else "left",
                    size=12.5,
                )
        canvas.text(ax, MARGIN_PX + BAR_PX, 12, heads[0], ha="right", colour="muted")
        canvas.text(ax, x_right, 12, heads[1], colour="muted")
        return canvas.svg(label)


def _slots(
    nodes: Sequence[Node], flows: Mapping[tuple[str, str], int], side: int, scale: float
) -> list[tuple[float, float, float]]:
    """Return top and bottom of each node's room, and how thick its bar is."""
    found = []
    at = 0.0
    for node in nodes:
        thick = sum(n for key, n in flows.items() if key[side] == node.key) * scale
        room = max(thick + 3, SLOT_PX)
        found.append((at, at + room, thick))
        at += room
    return found


def _band(ax: Axes, x0: float, x1: float, y0: float, y1: float, thick: float, colour: str) -> None:
    middle = (x0 + x1) / 2
    points = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + thick), (middle, y1 + thick), (middle, y0 + thick), (x0, y0 + thick), (x0, y0),
    ]  # fmt: skip
    codes = [
        Outline.MOVETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4,
        Outline.LINETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4, Outline.CLOSEPOLY,
    ]  # fmt: skip
    ax.add_patch(PathPatch(Outline(points, codes), facecolor=colour, alpha=0.62, linewidth=0))
