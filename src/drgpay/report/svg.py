"""A drawing in a page: inline SVG, colours and font of the page's style sheet, no library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

SERIES = 11  # colours of the style sheet: series-1 to series-11
WIDTH = 1000
TEXT = 13
ANCHORS = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}


def short_label(text: str, width: int = 30) -> str:
    """Text cut to a display width, a Chinese character counting two, with an ellipsis."""
    used = 0
    for position, character in enumerate(text):
        used += 2 if ord(character) > 0x2E7F else 1
        if used > width:
            return text[:position] + "…"
    return text


class Drawing:
    """Shapes in pixels inside of margins; `x` and `y` say where the values of its scales stand.

    `across` and `upwards`: the values at the left and right, and at the lower and upper margin.
    Colours are names of the style sheet, so that a drawing is dark on dark pages.
    """

    def __init__(
        self,
        height: float,
        margins: tuple[float, float, float, float] = (0, 0, 0, 0),
        across: tuple[float, float] = (0, 1),
        upwards: tuple[float, float] = (0, 1),
    ) -> None:
        self.height = height
        self.left, self.top = margins[0], margins[1]
        self.right, self.bottom = WIDTH - margins[2], height - margins[3]
        self.across, self.upwards = across, upwards
        self.shapes: list[str] = []

    def x(self, value: float) -> float:
        """Pixels from the left of a value."""
        low, high = self.across
        return self.left + (self.right - self.left) * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Pixels from the top of a value."""
        low, high = self.upwards
        return self.bottom - (self.bottom - self.top) * (value - low) / (high - low)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = "ink",
        anchor: str = "left",
        size: float = TEXT,
    ) -> None:
        """A text whose middle is at the height y."""
        self.shapes.append(
            f'<text x="{x:.5g}" y="{y + 0.36 * size:.5g}" font-size="{size:g}"{ANCHORS[anchor]}'
            f' style="fill:var(--{colour})">{escape(text)}</text>'
        )

    def bar(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        colour: str,
        opacity: float = 1,
        edge: float = 0,
    ) -> None:
        """A rectangle between two x and two y; `edge` is the width of a line that parts it from others."""
        left, right = sorted(x)
        top, bottom = sorted(y)
        self._shape(
            f'rect x="{left:.5g}" y="{top:.5g}" width="{right - left:.5g}"'
            f' height="{bottom - top:.5g}"',
            colour,
            opacity,
            f";stroke:var(--panel);stroke-width:{edge:g}" if edge else "",
        )

    def dot(self, x: float, y: float, radius: float, colour: str, opacity: float = 1) -> None:
        self._shape(f'circle cx="{x:.5g}" cy="{y:.5g}" r="{radius:g}"', colour, opacity)

    def area(self, path: str, colour: str, opacity: float) -> None:
        """What a closed path of SVG encloses."""
        self._shape(f'path d="{path}"', colour, opacity)

    def _shape(self, shape: str, colour: str, opacity: float, more: str = "") -> None:
        faint = f";opacity:{opacity:.3g}" if opacity != 1 else ""
        self.shapes.append(f'<{shape} style="fill:var(--{colour}){faint}{more}"/>')

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        width: float = 1,
        dashed: bool = False,
    ) -> None:
        """A line through points."""
        path = " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
        dash = ";stroke-dasharray:5 4" if dashed else ""
        self.shapes.append(
            f'<polyline points="{path}"'
            f' style="fill:none;stroke:var(--{colour});stroke-width:{width:g}{dash}"/>'
        )

    def level(self, value: float, colour: str, width: float = 1, dashed: bool = False) -> None:
        """A line across at a value of the upward scale."""
        self.line([(self.left, self.y(value)), (self.right, self.y(value))], colour, width, dashed)

    def legend(self, x: float, y: float, colour: str, text: str, sign: str = "■") -> None:
        self.text(x, y, sign, colour)
        self.text(x + 18, y, text)

    def svg(self, label: str) -> str:
        """The finished drawing, to be put into a page as it is; `label` is its accessible name."""
        return (
            f'<svg viewBox="0 0 {WIDTH} {self.height:g}" role="img" '
            f'preserveAspectRatio="xMinYMid meet" aria-label="{escape(label)}">\n'
            + "\n".join(self.shapes)
            + "\n</svg>"
        )
