"""The charts of reports: bars, shares, dots, a gauge, columns, lines, a heat map, flows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .amounts import percent
from .svg import SERIES, WIDTH, Drawing, short_label

GRID_LINES = 4


def series(number: int) -> str:
    """The colour of a series, counted from 0; after the last the first comes again."""
    return f"series-{number % SERIES + 1}"


# --- bars, one a row


def class_mix(bars: Sequence[tuple[str, Sequence[int]]], colours: Sequence[int], label: str) -> str:
    """Stacked bars of shares: one bar a measure, one segment a case class.

    bars: label and one integer a class; colours: the colour number (1 to 11) of each class.
    """
    d = Drawing(20 + 46 * len(bars), (110, 4, 14, 16), upwards=(max(len(bars), 1) - 0.5, -0.5))
    for row, (title, values) in enumerate(bars):
        whole = sum(values)
        d.text(d.left - 12, d.y(row), title, anchor="right")
        done = 0
        for value, colour in zip(values, colours, strict=True):
            if value <= 0 or whole <= 0:
                continue
            x = d.x(done / whole), d.x((done + value) / whole)
            d.bar(x, (d.y(row - 0.33), d.y(row + 0.33)), f"series-{colour}", edge=1.5)
            if value / whole >= 0.05:
                d.text(sum(x) / 2, d.y(row), percent(value, whole), f"on-series-{colour}", "center")
            done += value
    return d.svg(label)


def differences(bars: Sequence[tuple[str, int, str]], label: str) -> str:
    """Diverging bars, one a row: name, signed amount in fen and its text."""
    biggest = max((abs(fen) for _, fen, _ in bars), default=0) or 1
    below = max(0.0, max((-fen for _, fen, _ in bars), default=0) / biggest)
    above = max(0.0, max((fen for _, fen, _ in bars), default=0) / biggest)
    # The amounts stand at the bars' ends: 130 of the 740 pixels on each side that has bars.
    room = (below + above or 1) * 130 / 740 / (1 - 2 * 130 / 740)
    rows = max(len(bars), 1)
    scale = (-below - room, above + room)
    d = Drawing(16 + 26 * rows, (250, 8, 10, 8), scale, (rows - 0.5, -0.5))
    for row in range(0, len(bars), 2):
        d.bar((d.left, d.right), (d.y(row - 0.5), d.y(row + 0.5)), "grid", 0.45)
    for row, (title, fen, text) in enumerate(bars):
        colour, end = "loss" if fen < 0 else "gain", d.x(fen / biggest)
        d.bar((d.x(0), end), (d.y(row - 0.31), d.y(row + 0.31)), colour)
        d.text(d.left - 10, d.y(row), title, anchor="right")
        d.text(end + (-6 if fen < 0 else 6), d.y(row), text, colour, "right" if fen < 0 else "left")
    d.line([(d.x(0), d.top), (d.x(0), d.bottom)], "axis")
    return d.svg(label)


def pool_amounts(
    groups: Sequence[tuple[str, Sequence[tuple[str, int, str, str]]]], label: str
) -> str:
    """Bars of each pool on one scale: pool name, then (name, fen, text, colour) a bar."""
    gap = 0.5
    rows = max(sum(1 + len(bars) + gap for _, bars in groups) - gap, 1.0)
    biggest = max((fen for _, bars in groups for _, fen, _, _ in bars), default=0) or 1
    d = Drawing(12 + 27 * rows, (190, 6, 190, 6), upwards=(rows - 0.5, -0.5))
    row = 0.0
    for pool, bars in groups:
        d.text(10, d.y(row), pool)
        row += 1
        for name, fen, text, colour in bars:
            end = d.x(max(fen, 0) / biggest)
            d.bar((d.left, end), (d.y(row - 0.35), d.y(row + 0.35)), colour)
            d.text(d.left - 10, d.y(row), name, "muted", "right")
            d.text(end + 7, d.y(row), text)
            row += 1
        d.line([(d.left, d.y(row - len(bars) - 0.5)), (d.left, d.y(row - 0.5))], "axis")
        row += gap
    return d.svg(label)


def gauge(parts: Sequence[tuple[str, int, str]], target: int, target_text: str, label: str) -> str:
    """A bar of what is paid in each way, one after the other, against a target."""
    lines = (len(parts) + 2) // 3
    whole = sum(fen for _, fen, _ in parts)
    scale = (0.0, max(whole, target, 1) * 1.06)
    d = Drawing(108 + 24 * lines, (10, 40, 10, 24 * lines + 14), scale)
    d.bar((d.left, d.x(target)), (d.y(0.04), d.y(0.96)), "grid")
    done = 0
    for number, (name, fen, text) in enumerate(parts):
        d.bar((d.x(done), d.x(done + fen)), (d.y(0.19), d.y(0.81)), series(number), edge=1)
        done += fen
        x, y = d.left + 320 * (number % 3), d.bottom + 20 + 24 * (number // 3)
        d.legend(x, y, series(number), f"{short_label(name, 26)} {text}")
    colour = "loss" if whole > target else "ink"
    d.line([(d.x(target), d.y(-0.06)), (d.x(target), d.y(1.12))], colour, 2)
    d.text(d.x(target) + 4, d.top - 20, target_text, colour, "right")
    return d.svg(label)


def month_bars(bars: Sequence[tuple[str, Fraction | None, str]], title: str) -> str:
    """One bar a month: its name, height and text; a month without a height stays empty."""
    most = max((value for _, value, _ in bars if value is not None), default=Fraction(0))
    d = Drawing(194, (0, 40, 0, 44), (0, max(len(bars), 1)))
    d.text(0, 10, title, size=14)
    for at, (month, value, text) in enumerate(bars):
        if value is not None:
            top = d.y(float(max(value, Fraction(0)) / most) if most > 0 else 0)
            d.bar((d.x(at + 0.18), d.x(at + 0.82)), (top, d.bottom), "series-1")
            d.text(d.x(at + 0.5), top - 9, text, anchor="center", size=12)
        d.text(d.x(at + 0.5), d.bottom + 14, month, "muted", "center", 12)
    d.level(0, "axis")
    return d.svg(title)


# --- dots


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
    xs = [math.log10(cost / unit_fen) for cost, _, _ in dots] or [0.0]
    ratios = [income / cost for cost, income, _ in dots] or [1.0]
    pad = max(0.08, (max(xs) - min(xs)) * 0.05)
    reach = min(max(0.02, max(abs(r - 1) for r in ratios)) * 1.18, 1.0)
    left, right = min(xs) - pad, max(xs) + pad * 3
    d = Drawing(430, (64, 40, 40, 52), (left, right), (1 - reach, 1 + reach))
    for power in range(math.ceil(left), math.floor(right) + 1):
        d.line([(d.x(power), d.top), (d.x(power), d.bottom)], "grid", 0.8)
        text = f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"
        d.text(d.x(power), d.bottom + 16, text, "muted", "center")
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if reach / s <= 5)
    for k in range(-math.floor(reach / step), math.floor(reach / step) + 1):
        d.level(1 + k * step, "grid" if k else "axis")
        d.text(d.left - 8, d.y(1 + k * step), f"{100 * (1 + k * step):.4g}%", "muted", "right")
    places = [
        (d.x(x), d.y(min(max(r, 1 - reach), 1 + reach)), r >= 1)
        for x, r in zip(xs, ratios, strict=True)
    ]
    for (x, y, good), _ in zip(places, dots, strict=False):
        d.dot(x, y, 4.6, "gain" if good else "loss", 0.75)
    taken: list[tuple[float, float, float, float]] = []
    for (x, y, good), (_, _, name) in zip(places, dots, strict=False):
        half = 6.2 * sum(2 if ord(c) > 0x2E7F else 1 for c in name) / 2
        for up in ((13, -14, 28, -29) if good else (-14, 13, -29, 28)) if name else ():
            box = (x - half, y - up - 8, x + half, y - up + 8)
            if not any(
                a < box[2] and box[0] < c and b < box[3] and box[1] < e for a, b, c, e in taken
            ):
                taken.append(box)
                d.text(x, y - up, name, anchor="center", size=11.5)
                break
    d.text(d.left - 56, d.top - 20, names[1], "muted")
    d.text(d.right, d.bottom + 38, names[0], "muted", "right")
    d.text(d.right - 4, d.y(1) - 9, names[2], "muted", "right")
    return d.svg(label)


def deviations(
    dots: Sequence[tuple[int, float, str, str]], band: float, axis: str, label: str
) -> str:
    """Dots of hospitals: cases (a logarithmic axis) and standard deviations from expected upwards.

    dots: cases, deviation, colour, and a name for those to be noticed; band: the range, shaded, in
    which most stand; axis: what the cases are called.
    """
    sizes = [math.log10(cases) for cases, _, _, _ in dots]
    heights = [z for _, z, _, _ in dots]
    left, right = min(sizes) - 0.08, max(sizes) + 0.08
    low, high = min(-4.0, min(heights) - 0.8), max(4.0, max(heights) + 0.8)
    d = Drawing(250, (56, 14, 150, 40), (left, right), (low, high))
    for tick in (-8, -6, -4, -2, 2, 4, 6, 8):
        if low < tick < high:
            d.level(tick, "grid", 0.8)
    d.bar((d.left, d.right), (d.y(-band), d.y(band)), "accent-soft", 0.35)
    d.level(0, "axis")
    for tick in (-8, -4, -2, 0, 2, 4, 8):
        if low < tick < high:
            d.text(d.left - 8, d.y(tick), f"{tick:+d}" if tick else "0", "muted", "right")
    for place in (step * 10**power for power in range(8) for step in (1, 3)):
        if left < math.log10(place) < right:
            d.text(d.x(math.log10(place)), d.bottom + 14, f"{place:,}", "muted", "center")
    d.text(d.right + 10, d.bottom + 14, axis, "muted")
    used: list[tuple[float, float]] = []
    for size, (_, z, colour, name) in sorted(
        zip(sizes, dots, strict=True), key=lambda dot: -abs(dot[1][1])
    ):
        x, y = d.x(size), d.y(z)
        d.dot(x, y, 4.5 if name else 3, colour, 1 if name else 0.75)
        if name and all(abs(y - b) > 15 or abs(x - a) > 175 for a, b in used):
            used.append((x, y))
            d.text(x + 9, y, name, colour)
    return d.svg(label)


# --- columns


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
    top = max(*counts[0], *counts[1], 1)
    d = Drawing(300, (30, 52, 30, 34), (-0.5, len(edges) - 0.5), (0, top * 1.1))
    for step in range(1, GRID_LINES + 1):
        d.level(top * step / GRID_LINES, "grid", 0.8)
    for number, colour in enumerate(("accent-soft", "accent")):
        for at, count in enumerate(counts[number]):
            middle = at + (number - 0.5) * 0.38
            d.bar((d.x(middle - 0.18), d.x(middle + 0.18)), (d.y(0), d.y(count)), colour)
            d.text(d.x(middle), d.y(count) - 9, f"{count}", anchor="center", size=12)
        d.legend(d.left + 170 * number, d.top - 36, colour, names[number])
    for at, edge in enumerate(edges):
        last = at + 1 == len(edges)
        text = f"> {edge:g}" if last else f"{edge:g} – {edges[at + 1]:g}"
        d.text(d.x(at), d.bottom + 18, text, "muted", "center")
    d.level(0, "axis")
    if limit is not None and limit in edges:
        place = d.x(edges.index(limit) - 0.5)
        d.line([(place, d.top), (place, d.bottom)], "loss", 1.2, dashed=True)
        d.text(place + 6, d.top - 12, limit_text, "loss")
    return d.svg(label)


# --- sweeps


def places(values: Sequence[str]) -> list[float]:
    """Where values stand on an axis: by their size, or evenly when one is no number."""
    try:
        return [float(Fraction(value.replace(",", ""))) for value in values]
    except (ValueError, ZeroDivisionError):
        return [float(i) for i in range(len(values))]


def lines(
    values: Sequence[str],
    curves: Sequence[tuple[str, Sequence[float | None], Sequence[str]]],
    today: tuple[str, float] | None,
    axis: str,
    label: str,
) -> str:
    """Lines over one parameter: (name, heights, texts) a line; None leaves a gap.

    `today`: what the dashed line is called, and its height; `axis`: the parameter.
    """
    xs = places(values)
    heights = [y for _, ys, _ in curves for y in ys if y is not None]
    heights += [] if today is None else [today[1]]
    room = (max(heights) - min(heights)) * 0.18 or abs(max(heights)) * 0.01 or 1.0
    low, high = min(heights) - room, max(heights) + room
    wide = 0.06 * (max(xs) - min(xs) or 1.0)
    d = Drawing(330, (30, 58, 60, 62), (min(xs) - wide, max(xs) + wide), (low, high))
    for step in range(GRID_LINES + 1):
        d.level(low + (high - low) * step / GRID_LINES, "grid" if step else "axis", 0.8)
    if today is not None:
        d.level(today[1], "muted", 1.2, dashed=True)
        d.text(d.right + 6, d.y(today[1]), today[0], "muted", size=12)
    for i, (title, ys, texts) in enumerate(curves):
        known = [(d.x(x), d.y(y)) for x, y in sorted(zip(xs, ys, strict=True)) if y is not None]
        d.line(known, series(i), 2)
        for x, y in known:
            d.dot(x, y, 3.5, series(i))
        for value, height, text in zip(xs, ys, texts, strict=True):
            if height is not None:
                d.text(d.x(value), d.y(height) - 13, text, anchor="center", size=12)
        d.legend(d.left + 200 * i, d.top - 40, series(i), title, "●")
    for value, shown in zip(xs, values, strict=True):
        d.text(d.x(value), d.bottom + 18, shown, "muted", "center")
    d.text((d.left + d.right) / 2, d.bottom + 44, axis, anchor="center")
    return d.svg(label)


def heat_map(
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[Sequence[tuple[float, str] | None]],
    axes: tuple[str, str],
    label: str,
) -> str:
    """A heat map: rows × columns of (height, text); None is a combination that was refused."""
    scale = (-0.5, len(columns) - 0.5), (len(rows) - 0.5, -0.5)
    d = Drawing(76 + 34 * len(rows), (190, 62, 14, 10), *scale)
    known = [cell[0] for row in cells for cell in row if cell is not None]
    low, span = min(known), max(known) - min(known)
    size = 13 if (d.right - d.left) / max(len(columns), 1) >= 88 else 10
    for y, row in enumerate(cells):
        d.text(d.left - 12, d.y(y), rows[y], "muted", "right")
        for x, cell in enumerate(row):
            share = 0.0 if cell is None or not span else (cell[0] - low) / span
            place = (d.x(x - 0.485), d.x(x + 0.485)), (d.y(y - 0.46), d.y(y + 0.46))
            if cell is None:
                d.bar(*place, "grid", 0.25)
            else:
                d.bar(*place, "accent", 0.05 + 0.4 * share)
            d.text(d.x(x), d.y(y), "—" if cell is None else cell[1], anchor="center", size=size)
    for x, value in enumerate(columns):
        d.text(d.x(x), d.top - 14, value, "muted", "center")
    d.text((d.left + d.right) / 2, d.top - 42, axes[0], anchor="center")
    d.text(d.left - 12, d.top - 14, axes[1], anchor="right")
    return d.svg(label)


# --- flows

SLOT = 19.0  # a label's height: no node stands closer to the next
NODE = 12.0
SIDE = 300.0
HEAD = 34.0
LABEL_WIDTH = 36


@dataclass(frozen=True, slots=True)
class Node:
    """A group at one side: what it is called and how its label ends (its cases)."""

    key: str
    label: str
    value: str


def flow_chart(
    left: Sequence[Node],
    right: Sequence[Node],
    flows: Mapping[tuple[str, str], int],
    heads: tuple[str, str],
    label: str,
    body: float = 560.0,
) -> str:
    """Bands from groups on the left to groups on the right, as wide as their cases.

    flows: (left key, right key) → cases. Bands between nodes of the same key are soft, the others
    strong. The chart grows where many nodes need room for their labels.
    """
    scale = body / (sum(flows.values()) or 1)
    sides = [_slots(left, flows, 0, scale), _slots(right, flows, 1, scale)]
    d = Drawing(HEAD + 10 + max(side[-1][0] + side[-1][1] if side else 0.0 for side in sides))
    rank = [{node.key: i for i, node in enumerate(nodes)} for nodes in (left, right)]
    tops: list[dict[tuple[str, str], float]] = [{}, {}]  # of each band, at either side
    for i, nodes in enumerate((left, right)):
        bands = sorted((rank[i][key[i]], rank[1 - i][key[1 - i]], key) for key in flows)
        at = {
            node.key: HEAD + top + (room - thick) / 2
            for node, (top, room, thick) in zip(nodes, sides[i], strict=True)
        }
        for _, _, key in bands:
            tops[i][key] = at[key[i]]
            at[key[i]] += flows[key] * scale
    for key in sorted(tops[0], key=lambda key: key[0] != key[1]):
        path = _band(tops[0][key], tops[1][key], max(flows[key] * scale, 0.8))
        d.area(path, "accent-soft" if key[0] == key[1] else "series-2", 0.62)
    for i, nodes in enumerate((left, right)):
        x = SIDE if i == 0 else WIDTH - SIDE - NODE
        for node, (top, room, thick) in zip(nodes, sides[i], strict=True):
            y = HEAD + top + room / 2
            d.bar((x, x + NODE), (y - thick / 2, y - thick / 2 + max(thick, 1.0)), "accent")
            text = short_label(node.label, LABEL_WIDTH - len(node.value) - 2)
            place = (SIDE - 8, "right") if i == 0 else (WIDTH - SIDE + 8, "left")
            d.text(place[0], y, f"{text}  {node.value}", anchor=place[1], size=12.5)
    d.text(SIDE + NODE, 12, heads[0], "muted", "right")
    d.text(WIDTH - SIDE - NODE, 12, heads[1], "muted")
    return d.svg(label)


def _slots(
    nodes: Sequence[Node], flows: Mapping[tuple[str, str], int], side: int, scale: float
) -> list[tuple[float, float, float]]:
    """Top and height of each node's room, and how thick its bar is."""
    found, at = [], 0.0
    for node in nodes:
        thick = sum(n for key, n in flows.items() if key[side] == node.key) * scale
        room = max(thick + 3, SLOT)
        found.append((at, room, thick))
        at += room
    return found


def _band(start: float, end: float, thick: float) -> str:
    """The outline of a band from a height at the left to one at the right."""
    x0, x1, mid = SIDE + NODE, WIDTH - SIDE - NODE, WIDTH / 2
    below = start + thick, end + thick
    return (
        f"M{x0:g} {start:.5g}C{mid:g} {start:.5g} {mid:g} {end:.5g} {x1:g} {end:.5g}"
        f"V{below[1]:.5g}C{mid:g} {below[1]:.5g} {mid:g} {below[0]:.5g} {x0:g} {below[0]:.5g}Z"
    )
