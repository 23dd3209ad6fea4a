"""Charts of sweeps: lines over one parameter, a heat map over two."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import matplotlib.style

from .charts import _COLOURS, SERIES, WIDTH_PX, _Canvas, _style

GRID_LINES = 4


def number(text: str) -> Fraction | None:
    """The number that a parameter's value stands for, or None."""
    try:
        return Fraction(text.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


def places(values: Sequence[str]) -> list[float]:
    """Where values stand on an axis: by their size, or evenly when one is no number."""
    numbers = [number(value) for value in values]
    if any(n is None for n in numbers):
        return [float(i) for i in range(len(values))]
    return [float(n) for n in numbers if n is not None]


def lines(
    name: str,
    values: Sequence[str],
    series: Sequence[tuple[str, Sequence[float | None], Sequence[str]]],
    today: tuple[str, float] | None,
    axis: str,
    label: str,
) -> str:
    """Lines over one parameter: (name, heights, texts) a line; None leaves a gap.

    `today`: what the dashed line is called, and its height; `axis`: the parameter.
    """
    with matplotlib.style.context(_style(name)):
        canvas = _Canvas(name, 330)
        ax = canvas.axes(30, 58, 60, 62)
        xs = places(values)
        heights = [y for _, ys, _ in series for y in ys if y is not None]
        if today is not None:
            heights.append(today[1])
        low, high = min(heights), max(heights)
        room = (high - low) * 0.18 or abs(high) * 0.01 or 1.0
        width = max(xs) - min(xs) or 1.0
        ax.set_xlim(min(xs) - 0.06 * width, max(xs) + 0.06 * width)
        ax.set_ylim(low - room, high + room)
        for step in range(GRID_LINES + 1):
            y = low - room + (high - low + 2 * room) * step / GRID_LINES
            ax.axhline(y, color=_COLOURS["grid"], linewidth=0.8, zorder=0)
        if today is not None:
            ax.axhline(
                today[1], color=_COLOURS["muted"], linewidth=1.2, linestyle=(0, (4, 3)), zorder=1
            )
            canvas.text(ax, 1, today[1], today[0], axis_x=True, dx=6, colour="muted", size=12)
        for i, (title, ys, texts) in enumerate(series):
            colour = f"series-{i % SERIES + 1}"
            known = [(x, y) for x, y in sorted(zip(xs, ys, strict=True)) if y is not None]
            ax.plot(
                [x for x, _ in known],
                [y for _, y in known],
                color=_COLOURS[colour],
                linewidth=2,
                marker="o",
                markersize=6,
                zorder=3,
            )
            for x, height, text in zip(xs, ys, texts, strict=True):
                if height is not None:
                    canvas.text(ax, x, height, text, ha="center", dy=13, size=12)
            canvas.text(ax, 0, 1, "●", colour=colour, axis_x=True, axis_y=True, dx=200 * i, dy=40)
            canvas.text(ax, 0, 1, title, axis_x=True, axis_y=True, dx=18 + 200 * i, dy=40)
        for x, value in zip(xs, values, strict=True):
            canvas.text(ax, x, 0, value, ha="center", axis_y=True, dy=-18, colour="muted")
        canvas.text(ax, 0.5, 0, axis, ha="center", axis_x=True, axis_y=True, dy=-44)
        ax.axhline(low - room, color=_COLOURS["axis"], linewidth=1)
        return canvas.svg(label)


def heat_map(
    name: str,
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[Sequence[tuple[float, str] | None]],
    axes: tuple[str, str],
    label: str,
) -> str:
    """A heat map: rows × columns of (height, text); None is a combination that was refused."""
    with matplotlib.style.context(_style(name)):
        height = 34
        canvas = _Canvas(name, 76 + height * len(rows))
        ax = canvas.axes(190, 62, 14, 10)
        ax.set_xlim(-0.5, len(columns) - 0.5)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        known = [cell[0] for row in cells for cell in row if cell is not None]
        low, span = min(known), max(known) - min(known)
        wide = (WIDTH_PX - 204) / max(len(columns), 1) >= 88
        for y, row in enumerate(cells):
            canvas.text(ax, 0, y, rows[y], ha="right", dx=-12, axis_x=True, colour="muted")
            for x, cell in enumerate(row):
                share = 0.0 if cell is None or not span else (cell[0] - low) / span
                ax.barh(
                    y,
                    0.97,
                    left=x - 0.485,
                    height=0.92,
                    color=_COLOURS["grid" if cell is None else "accent"],
                    alpha=0.25 if cell is None else 0.05 + 0.4 * share,
                    linewidth=0,
                )
                text = "—" if cell is None else cell[1]
                canvas.text(ax, x, y, text, ha="center", size=13 if wide else 10)
        for x, value in enumerate(columns):
            canvas.text(ax, x, 1, value, ha="center", axis_y=True, dy=14, colour="muted")
        canvas.text(ax, 0.5, 1, axes[0], ha="center", axis_x=True, axis_y=True, dy=42)
        canvas.text(ax, 0, 1, axes[1], ha="right", axis_x=True, axis_y=True, dx=-12, dy=14)
        return canvas.svg(label)
