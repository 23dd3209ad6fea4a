"""The few formulas that the workbook uses, calculated exactly from the cells that they name."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import openpyxl
from openpyxl.utils import coordinate_to_tuple, range_boundaries

_RANGE = r"(?:'((?:[^']|'')+)'!)?\$?([A-Z]+)\$?(\d+)(?::\$?([A-Z]+)\$?(\d+))?"
_SUM = re.compile(rf"SUM\({_RANGE}\)")
_PRODUCT = re.compile(rf'SUMPRODUCT\(\({_RANGE}="((?:[^"]|"")*)"\)\*{_RANGE}\)')
_CELL = re.compile(_RANGE)


class Calculator:
    """Values of a workbook's formulas, none of them taken from what the file has stored."""

    def __init__(self, path: Any) -> None:
        self.book = openpyxl.load_workbook(path)

    def value(self, sheet: str, place: str) -> Any:
        raw = self.book[sheet][place].value
        if isinstance(raw, str) and self.book[sheet][place].data_type == "f":
            return self.formula(sheet, raw)
        return Fraction(str(raw)) if isinstance(raw, int | float) else raw

    def formula(self, sheet: str, text: str) -> Any:
        found = re.fullmatch(r'=IF\((\w+)=0,"(.*)","(.*)"\)', text)
        if found:
            return found[2] if self.value(sheet, found[1]) == 0 else found[3]
        names: dict[str, Fraction] = {}

        def keep(number: Fraction) -> str:
            name = f"v{len(names)}"
            names[name] = number
            return name

        def cells(owner: str | None, *corners: str | None) -> list[Any]:
            where = owner.replace("''", "'") if owner else sheet
            a, b, c, d = corners
            left, top, right, bottom = range_boundaries(f"{a}{b}:{c or a}{d or b}")
            own = self.book[where]
            return [
                self.value(where, own.cell(row, column).coordinate)
                for row in range(top, bottom + 1)
                for column in range(left, right + 1)
            ]

        def product(m: re.Match[str]) -> str:
            wanted = m[6].replace('""', '"')
            pairs = zip(cells(*m.groups()[:5]), cells(*m.groups()[6:]), strict=True)
            return keep(sum((v for key, v in pairs if key == wanted), Fraction(0)))

        text = text.removeprefix("=")
        text = re.sub(
            r"MAX\(0,([^()]*)\)",
            lambda m: keep(max(Fraction(0), self.formula(sheet, "=" + m[1]))),
            text,
        )
        text = _PRODUCT.sub(product, text)
        text = _SUM.sub(
            lambda m: keep(sum((v or 0 for v in cells(*m.groups())), Fraction(0))), text
        )
        text = _CELL.sub(lambda m: keep(cells(*m.groups())[0] or Fraction(0)), text)
        text = re.sub(r"(?<![\w.])\d+\.\d+", lambda m: keep(Fraction(m[0])), text)
        text = re.sub(r"(?<![\w.])(\d+)(?![\w.])", lambda m: f"Fraction({m[1]})", text)
        scope = {**names, "Fraction": Fraction, "ROUND": _round}
        return eval(text, {"__builtins__": {}}, scope)


def _round(value: Fraction, places: Fraction) -> Fraction:
    scale = 10 ** int(places)
    double = (2 * abs(value * scale).numerator + abs(value * scale).denominator) // (
        2 * abs(value * scale).denominator
    )
    return Fraction(double if value >= 0 else -double, scale)


def formulas(path: Any) -> list[tuple[str, str, str]]:
    """Sheet, place and text of every formula of a workbook."""
    book = openpyxl.load_workbook(path)
    return [
        (sheet.title, cell.coordinate, cell.value)
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]


def place_of(coordinate: str) -> tuple[int, int]:
    row, column = coordinate_to_tuple(coordinate)
    return row, column
