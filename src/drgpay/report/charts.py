"""Charts of the report as inline SVG.

Matplotlib places everything with placeholders: texts are ASCII tokens and colours are marker
values until the SVG is finished. So a chart never depends on the fonts of the machine that made
it, the browser sets the texts in its own font, and the colours follow the page's style sheet.
"""

import html
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from .amounts import percent

SERIES = 11
WIDTH_PX = 1000
_TEXT_PX = 13
_COLOURS = {
    "ink": "#0a0b01",
    "muted": "#0a0b02",
    "grid": "#0a0b03",
    "axis": "#0a0b04",
    "gain": "#0a0b05",
    "loss": "#0a0b06",
    "accent": "#0a0b07",
    "accent-soft": "#0a0b08",
    "panel": "#0a0b09",
    **{f"series-{n}": f"#0a0c{n:02x}" for n in range(1, SERIES + 1)},
    **{f"on-series-{n}": f"#0a0d{n:02x}" for n in range(1, SERIES + 1)},
}


class _Canvas:
    """A figure measured in pixels, with placeholder texts and colours."""

    def __init__(self, name: str, height_px: float) -> None:
        self.name = name
        self.height_px = height_px
        self.figure = Figure(figsize=(WIDTH_PX / 72, height_px / 72), dpi=72)
        FigureCanvasSVG(self.figure)
        self.figure.patch.set_visible(False)
        self.texts: list[str] = []

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Axes inside margins given in pixels, without any frame."""
        ax = self.figure.add_axes(
            (
                left / WIDTH_PX,
                bottom / self.height_px,
                (WIDTH_PX - left - right) / WIDTH_PX,
                (self.height_px - top - bottom) / self.height_px,
            )
        )
        ax.patch.set_visible(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.tick_params(length=0)
        ax.set_xticks([])
        ax.set_yticks([])
        return ax

    def text(
        self,
        ax: Axes,
        x: float,
        y: float,
        text: str,
        *,
        colour: str = "ink",
        ha: str = "left",
        dx: float = 0,
        dy: float = 0,
        axis_x: bool = False,
        axis_y: bool = False,
        size: float = _TEXT_PX,
    ) -> None:
        """A text at data (or axes-fraction) coordinates, moved by dx, dy pixels."""
        token = f"X{len(self.texts):04d}X"
        self.texts.append(text)
        ax.annotate(
            token,
            (x, y),
            xycoords=(
                "axes fraction" if axis_x else "data",
                "axes fraction" if axis_y else "data",
            ),
            xytext=(dx, dy),
            textcoords="offset points",
            ha=ha,
            va="center_baseline",
            fontsize=size,
            color=_COLOURS[colour],
            annotation_clip=False,
        )

    def svg(self, label: str) -> str:
        """The finished chart, to be put into the page as it is."""
        out = io.StringIO()
        self.figure.savefig(out, format="svg", metadata={"Date": None})
        svg = out.getvalue()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
        svg = re.sub(r"<style\b.*?</style>", "", svg, flags=re.S)
        svg = re.sub(r"<defs>\s*</defs>", "", svg)
        svg = svg.replace("xlink:href=", "href=")
        used = set(re.findall(r'(?:href="#|url\(#)([\w.-]+)', svg))

        def keep_id(match: re.Match[str]) -> str:
            return f' id="{self.name}-{match[1]}"' if match[1] in used else ""

        svg = re.sub(r'\sid="([^"]*)"', keep_id, svg)
        svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{self.name}-", svg)
        svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
        svg = re.sub(r" transform=\"rotate\(-?0 [^\"]*\"", "", svg)
        for name, colour in _COLOURS.items():
            svg = svg.replace(colour, f"var(--{name})")
        svg = re.sub(r"X(\d{4})X", lambda m: html.escape(self.texts[int(m[1])]), svg)
        svg = re.sub(
            r"<svg\b[^>]*>",
            f'<svg viewBox="0 0 {WIDTH_PX} {self.height_px:g}" role="img" preserveAspectRatio="xMinYMid meet" '
            f'aria-label="{html.escape(label)}">',
            svg,
            count=1,
        )
        return re.sub(r"\n\s*", "\n", svg).strip()


def _style(name: str) -> list[str | Path | dict[str, Any]]:
    return [
        "default",
        {
            "svg.fonttype": "none",
            "svg.hashsalt": f"drgpay-{name}",
            "font.family": ["DejaVu Sans"],
            "path.simplify": False,
        },
    ]


def short_label(text: str, width: int = 30) -> str:
    """Text cut to a display width, a Chinese character counting two, with an ellipsis."""
    used = 0
    for position, character in enumerate(text):
        used += 2 if ord(character) > 0x2E7F else 1
        if used > width:
            return text[:position] + "…"
    return text


def class_mix(
    bars: Sequence[tuple[str, Sequence[int]]], series: Sequence[int], names: Sequence[str]
) -> str:
    """Stacked bars of shares: one bar a measure, one segment a case class.

    bars: label and one integer a class; series: the colour number (1 to 11) of each class.
    """
    with matplotlib.style.context(_style("mix")):
        canvas = _Canvas("mix", 20 + 46 * len(bars))
        ax = canvas.axes(110, 4, 14, 16)
        ax.set_xlim(0, 1)
        ax.set_ylim(max(len(bars), 1) - 0.5, -0.5)
        for y, (label, values) in enumerate(bars):
            whole = sum(values)
            canvas.text(ax, 0, y, label, ha="right", dx=-12, axis_x=True)
            left = 0
            for value, colour in zip(values, series, strict=True):
                if value <= 0 or whole <= 0:
                    continue
                width = value / whole
                ax.barh(
                    y,
                    width,
                    left=left / whole,
                    height=0.66,
                    color=_COLOURS[f"series-{colour}"],
                    edgecolor=_COLOURS["panel"],
                    linewidth=1.5,
                )
                if width >= 0.05:
                    canvas.text(
                        ax,
                        (left + value / 2) / whole,
                        y,
                        percent(value, whole),
                        ha="center",
                        colour=f"on-series-{colour}",
                    )
                left += value
        return canvas.svg("; ".join(names))


def differences(bars: Sequence[tuple[str, int, str]], label: str, name: str = "diff") -> str:
    """Diverging bars, one a row: name, signed amount in fen and its text."""
    with matplotlib.style.context(_style(name)):
        row = 26
        canvas = _Canvas(name, 16 + row * max(len(bars), 1))
        ax = canvas.axes(250, 8, 10, 8)
        biggest = max((abs(fen) for _, fen, _ in bars), default=0) or 1
        below = max((-fen for _, fen, _ in bars), default=0) / biggest
        above = max((fen for _, fen, _ in bars), default=0) / biggest
        below, above = max(below, 0.0), max(above, 0.0)
        # The amounts stand at the bars' ends: 130 of the 740 pixels on each side that has bars.
        room = (below + above or 1) * 130 / 740 / (1 - 2 * 130 / 740)
        ax.set_xlim(-below - room, above + room)
        ax.set_ylim(max(len(bars), 1) - 0.5, -0.5)
        for y in range(0, len(bars), 2):
            ax.axhspan(y - 0.5, y + 0.5, color=_COLOURS["grid"], linewidth=0, alpha=0.45)
        for y, (title, fen, text) in enumerate(bars):
            colour = "loss" if fen < 0 else "gain"
            ax.barh(y, fen / biggest, height=0.62, color=_COLOURS[colour], linewidth=0)
            canvas.text(ax, 0, y, title, ha="right", dx=-10, axis_x=True)
            canvas.text(
                ax,
                fen / biggest,
                y,
                text,
                ha="right" if fen < 0 else "left",
                dx=-6 if fen < 0 else 6,
                colour=colour,
            )
        ax.axvline(0, color=_COLOURS["axis"], linewidth=1)
        return canvas.svg(label)


def pool_amounts(
    groups: Sequence[tuple[str, Sequence[tuple[str, int, str, str]]]], label: str
) -> str:
    """Bars of each pool on one scale: pool name, then (name, fen, text, colour) a bar."""
    with matplotlib.style.context(_style("pool")):
        gap = 0.5
        rows = sum(1 + len(bars) + gap for _, bars in groups) - gap
        canvas = _Canvas("pool", 12 + 27 * max(rows, 1.0))
        ax = canvas.axes(190, 6, 190, 6)
        biggest = max((fen for _, bars in groups for _, fen, _, _ in bars), default=0) or 1
        ax.set_xlim(0, 1)
        ax.set_ylim(max(rows, 1.0) - 0.5, -0.5)
        y = 0.0
        for pool, bars in groups:
            canvas.text(ax, 0, y, pool, dx=-180, axis_x=True)
            y += 1
            for name, fen, text, colour in bars:
                ax.barh(y, max(fen, 0) / biggest, height=0.7, color=_COLOURS[colour], linewidth=0)
                canvas.text(ax, 0, y, name, ha="right", dx=-10, axis_x=True, colour="muted")
                canvas.text(ax, max(fen, 0) / biggest, y, text, dx=7)
                y += 1
            bottom, top = y - 0.5, y - len(bars) - 0.5
            ax.plot([0, 0], [bottom, top], color=_COLOURS["axis"], linewidth=1)
            y += gap
        return canvas.svg(label)


def paid_dots(
    dots: Sequence[tuple[int, int, str]],
    names: tuple[str, str, str],
    label: str,
    unit_fen: int,
) -> str:
    """Dots of hospitals: cost (a logarithmic axis) and what was paid for each yuan of it.

    dots: cost and income in fen, and a name for the few that get one; names: what the axes and the
    line of cost covered are called; unit_fen: the unit of the cost axis.
    """
    with matplotlib.style.context(_style("paid")):
        canvas = _Canvas("paid", 430)
        ax = canvas.axes(64, 40, 40, 52)
        xs = [math.log10(cost / unit_fen) for cost, _, _ in dots] or [0.0]
        ratios = [income / cost for cost, income, _ in dots] or [1.0]
        left, right = min(xs), max(xs)
        pad = max(0.08, (right - left) * 0.05)
        reach = max(0.02, max(abs(r - 1) for r in ratios)) * 1.18
        reach = min(reach, 1.0)
        ax.set_xlim(left - pad, right + pad * 3)
        ax.set_ylim(1 - reach, 1 + reach)
        for power in range(math.ceil(left - pad), math.floor(right + pad * 3) + 1):
            ax.axvline(power, color=_COLOURS["grid"], linewidth=0.8, zorder=0)
            canvas.text(
                ax, power, 0, f"{10**power:,}" if power >= 0 else f"{10.0**power:g}", ha="center",
                dy=-16, axis_y=True, colour="muted",
            )  # fmt: skip
        step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if reach / s <= 5)
        for k in range(-math.floor(reach / step), math.floor(reach / step) + 1):
            y = 1 + k * step
            ax.axhline(y, color=_COLOURS["axis" if k == 0 else "grid"], linewidth=1, zorder=0)
            canvas.text(ax, 0, y, f"{100 * y:.4g}%", ha="right", dx=-8, axis_x=True, colour="muted")
        clipped = [min(max(r, 1 - reach), 1 + reach) for r in ratios]
        for good in (True, False):
            own = [(x, y) for x, y in zip(xs, clipped, strict=True) if (y >= 1) == good]
            if dots and own:
                ax.scatter(
                    [x for x, _ in own], [y for _, y in own], s=42, alpha=0.75,
                    color=_COLOURS["gain" if good else "loss"], linewidths=0, zorder=2,
                )  # fmt: skip
        span = (right - left + 4 * pad) or 1.0
        taken: list[tuple[float, float, float, float]] = []
        for (_, _, name), x, y in zip(dots, xs, clipped, strict=False):
            if not name:
                continue
            at_x, at_y = 896 * (x - left + pad) / span, 338 * (y - 1 + reach) / (2 * reach)
            half = 6.2 * sum(2 if ord(c) > 0x2E7F else 1 for c in name) / 2
            for dy in (13, -14, 28, -29) if y >= 1 else (-14, 13, -29, 28):
                box = (at_x - half, at_y + dy - 8, at_x + half, at_y + dy + 8)
                if not any(
                    a < box[2] and box[0] < c and b < box[3] and box[1] < d for a, b, c, d in taken
                ):
                    taken.append(box)
                    canvas.text(ax, x, y, name, ha="center", dy=dy, size=11.5)
                    break
        canvas.text(ax, 0, 1, names[1], axis_x=True, axis_y=True, dx=-56, dy=20, colour="muted")
        canvas.text(
            ax, 1, 0, names[0], ha="right", axis_x=True, axis_y=True, dy=-38, colour="muted"
        )
        canvas.text(ax, 1, 1, names[2], ha="right", axis_x=True, dx=-4, dy=9, colour="muted")
        return canvas.svg(label)


def gauge(parts: Sequence[tuple[str, int, str]], target: int, target_text: str, label: str) -> str:
    """A bar of what is paid in each way, one after the other, against a target."""
    with matplotlib.style.context(_style("gauge")):
        lines = (len(parts) + 2) // 3
        canvas = _Canvas("gauge", 108 + 24 * lines)
        ax = canvas.axes(10, 40, 10, 24 * lines + 14)
        whole = sum(fen for _, fen, _ in parts)
        top = max(whole, target, 1) * 1.06
        ax.set_xlim(0, top)
        ax.set_ylim(0, 1)
        ax.barh(0.5, target, height=0.92, color=_COLOURS["grid"], linewidth=0)
        left = 0
        for number, (_, fen, _) in enumerate(parts):
            colour = f"series-{number % SERIES + 1}"
            ax.barh(
                0.5, fen, left=left, height=0.62, color=_COLOURS[colour],
                edgecolor=_COLOURS["panel"], linewidth=1,
            )  # fmt: skip
            left += fen
        over = whole > target
        colour = "loss" if over else "ink"
        ax.plot([target, target], [-0.06, 1.12], color=_COLOURS[colour], linewidth=2, clip_on=False)
        canvas.text(ax, target, 1, target_text, ha="right", dx=4, dy=20, colour=colour)
        for number, (name, _, text) in enumerate(parts):
            x, y = (number % 3) * 320.0, -20.0 - 24 * (number // 3)
            mark = f"series-{number % SERIES + 1}"
            canvas.text(ax, 0, 0, "■", colour=mark, axis_x=True, axis_y=True, dx=x, dy=y)
            shown = f"{short_label(name, 26)} {text}"
            canvas.text(ax, 0, 0, shown, axis_x=True, axis_y=True, dx=x + 18, dy=y)
        return canvas.svg(label)


def cv_edges(limit: float | None) -> list[float]:
    """Edges of the classes of the coefficient of variation; the stability limit is one of them."""
    edges = {0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0}
    if limit is not None and limit > 0:
        edges.add(limit)
    return sorted(edges)


def cv_counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """How many values lie in each class (above an edge, up to and with the next one)."""
    counts = [0] * len(edges)
    for value in values:
        position = 0
        while position + 1 < len(edges) and value > edges[position + 1]:
            position += 1
        counts[position] += 1
    return counts


def cv_histogram(
    before: Sequence[float],
    after: Sequence[float],
    limit: float | None,
    names: tuple[str, str],
    limit_text: str,
    label: str,
) -> str:
    """Columns of how many DRGs have a CV in each class, before and after trimming."""
    edges = cv_edges(limit)
    counts = (cv_counts(before, edges), cv_counts(after, edges))
    with matplotlib.style.context(_style("cv")):
        canvas = _Canvas("cv", 300)
        ax = canvas.axes(30, 52, 30, 34)
        top = max(*counts[0], *counts[1], 1)
        ax.set_xlim(-0.5, len(edges) - 0.5)
        ax.set_ylim(0, top * 1.1)
        for step in range(1, 5):
            ax.axhline(top * step / 4, color=_COLOURS["grid"], linewidth=0.8, zorder=0)
        for number, (values, colour) in enumerate(
            zip(counts, ("accent-soft", "accent"), strict=True)
        ):
            for x, count in enumerate(values):
                place = x + (number - 0.5) * 0.38
                ax.bar(place, count, width=0.36, color=_COLOURS[colour], linewidth=0, zorder=2)
                canvas.text(ax, place, count, f"{count}", ha="center", dy=9, size=12)
            canvas.text(
                ax, 0, 1, "■", colour=colour, axis_x=True, axis_y=True, dx=170 * number, dy=36
            )
            canvas.text(
                ax, 0, 1, names[number], axis_x=True, axis_y=True, dx=18 + 170 * number, dy=36
            )
        for x, edge in enumerate(edges):
            last = x + 1 == len(edges)
            text = f"> {edge:g}" if last else f"{edge:g} – {edges[x + 1]:g}"
            canvas.text(ax, x, 0, text, ha="center", dy=-18, axis_y=True, colour="muted")
        ax.axhline(0, color=_COLOURS["axis"], linewidth=1)
        if limit is not None and limit in edges:
            place = edges.index(limit) - 0.5
            ax.axvline(place, color=_COLOURS["loss"], linewidth=1.2, linestyle=(0, (4, 3)))
            canvas.text(ax, place, 1, limit_text, dx=6, dy=12, axis_y=True, colour="loss")
        return canvas.svg(label)
