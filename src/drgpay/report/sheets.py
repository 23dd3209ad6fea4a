"""A table said once: named columns with kinds, rows of values; a page, a workbook, a terminal show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import amounts
from .tables import Cell, Column, Row, Table

# places of a kind's integers; other kinds stand for themselves
PLACES: Mapping[str, int] = {"yuan": 2, "change": 2, "points": 4}
# what pages call the kinds of texts; all others are numbers
TEXTS: Mapping[str, str] = {
    "text": "text",
    "wide": "text",
    "long": "wide",
    "code": "code",
    "mark": "text",
}
VALUE_PLACES = 6


@dataclass(frozen=True)
class Field:
    """A column: key, heading, kind; a formula of keys in braces makes it a formula in each row.

    The kind `row`: each row says its own under `kind`. `only`: "page" or "book" where the other does
    not show it.
    """

    key: str
    label: str
    kind: str = "text"
    formula: str = ""
    total: bool = False
    width: int = 0
    only: str = ""


@dataclass(frozen=True)
class Sheet:
    """Title, columns, rows by key; lines before them, a note below, what the row of totals is called."""

    title: str
    fields: Sequence[Field]
    rows: Iterable[Mapping[str, Any]]
    lead: Sequence[str] = ()
    note: str = ""
    total: str = ""

    def shown_in(self, place: str) -> list[Field]:
        """The columns that a page or a book shows."""
        return [field for field in self.fields if field.only in ("", place)]


def exact(value: Any, kind: str) -> Fraction:
    """The number that a value of a kind stands for: fen as yuan, units as points."""
    whole = Fraction(value) if isinstance(value, int | Fraction) else Fraction(str(value))
    return whole / Fraction(10 ** PLACES.get(kind, 0))


def shown(value: Any, kind: str) -> str:
    """A value of a kind as people read it; a dash for none, texts as they are."""
    if value is None:
        return "—"
    if isinstance(value, str):
        return value
    if kind in PLACES:
        return amounts.fixed(value, PLACES[kind], signed=kind == "change")
    if kind == "value":
        return amounts.fixed(amounts.rounded(value, VALUE_PLACES), VALUE_PLACES)
    if kind == "percent":
        part = Fraction(str(value))
        return amounts.percent(part.numerator, part.denominator, 2)
    return f"{value:,}" if isinstance(value, int) else str(value)


def kind_of(field: Field, record: Mapping[str, Any]) -> str:
    """The kind of a field in a row."""
    return str(record["kind"]) if field.kind == "row" else field.kind


def page_table(sheet: Sheet, css: str = "") -> Table:
    """The table that a page shows of a sheet."""
    fields = sheet.shown_in("page")
    columns = [Column(f.label, TEXTS.get(f.kind, "num")) for f in fields]
    sums: dict[str, int] = {field.key: 0 for field in fields if field.total}
    rows = []
    for record in sheet.rows:
        for key in sums:
            sums[key] += record[key] or 0
        rows.append(Row([_cell(record[field.key], kind_of(field, record)) for field in fields]))
    if sheet.total:
        made = [_cell(sums[f.key], f.kind) if f.total else Cell("") for f in fields]
        rows.append(Row([Cell(sheet.total), *made[1:]], "total"))
    return Table(sheet.title, columns, rows, css=css)


def cells(kinds: str, values: Iterable[Any]) -> list[Cell]:
    """Cells of a page's row, each value shown by its kind; texts as they are."""
    return [_cell(value, kind) for kind, value in zip(kinds.split(), values, strict=True)]


def _cell(value: Any, kind: str) -> Cell:
    if isinstance(value, Cell):
        return value
    mark = "" if kind != "change" or not value else "loss" if value < 0 else "gain"
    return Cell(shown(value, kind), mark=mark)


def text_lines(sheet: Sheet) -> Iterator[str]:
    """The lines that a terminal shows of a sheet: columns in line, the last one as long as it is."""
    fields = sheet.shown_in("page")
    lines = [[field.label for field in fields]]
    lines += [
        [shown(record[field.key], kind_of(field, record)) for field in fields]
        for record in sheet.rows
    ]
    widths = [max(amounts.display_width(line[i]) for line in lines) for i in range(len(fields) - 1)]
    for line in lines:
        padded = [amounts.padded(text, width) for text, width in zip(line, widths, strict=False)]
        yield "  ".join([*padded, line[-1]])
