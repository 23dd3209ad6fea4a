"""Sheets of an accountants' workbook: exact amounts, formulas with their values, print setup.

Texts of data are written as strings always, so that none becomes a formula.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.ground.languages import choose
from drgpay.ground.outputs import drop_folder, spill_folder, whole_file

from . import amounts
from .sheets import PLACES, Field, Sheet, exact, kind_of
from .tables import Cell

MAX_ROWS = 1_048_576
MAX_TEXT = 32_767
PAGE_WIDTH = 200  # characters of a list that one page in landscape still shows legibly
SHEET_NAME = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

# kind: number format, width
KINDS: Mapping[str, tuple[str, int]] = {
    "text": ("", 14),
    "code": ("", 14),
    "row": ("", 22),
    "wide": ("", 34),
    "long": ("", 60),
    "count": ("#,##0", 10),
    "yuan": ("#,##0.00;[Red]-#,##0.00;0.00", 16),
    "change": ("#,##0.00;[Red]-#,##0.00;0.00", 16),
    "points": ("#,##0.0000", 16),
    "value": ("#,##0.000000000000", 19),
    "mark": ("", 14),
    "ratio": ("0.0000", 10),
    "decimal": ("0.00", 12),
    "percent": ("0.00%", 10),
}
KEPT_IN_SIGHT = 4


@dataclass(frozen=True)
class Total:
    """Where a sheet's rows and their total stand, for formulas of other sheets."""

    sheet: str
    first: int  # as Excel counts them
    last: int
    columns: Mapping[str, int]
    values: Mapping[str, Fraction]

    def cell(self, key: str) -> str:
        """The total's cell of a column, as other sheets name it."""
        return f"{quoted(self.sheet)}!{letters(self.columns[key])}{self.last + 1}"

    def range(self, key: str) -> str:
        """The rows' cells of a column."""
        column = letters(self.columns[key])
        return f"{quoted(self.sheet)}!${column}${self.first}:${column}${self.last}"


def quoted(sheet: str) -> str:
    """A sheet's name as formulas write it."""
    return "'" + sheet.replace("'", "''") + "'"


def letters(column: int) -> str:
    """A column's letters, counted from 0.

    >>> letters(0), letters(25), letters(26), letters(701)
    ('A', 'Z', 'AA', 'ZZ')
    """
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def sheet_names(wanted: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Names that Excel takes, each once whatever the case of its letters.

    >>> sheet_names(["a/b:c", "A B C", "", "'x'", "History"])
    ['a b c', 'A B C~2', '_', 'x', 'History_']
    """
    used = {name.casefold() for name in taken}
    found = []
    for name in wanted:
        base = " ".join(_FORBIDDEN.sub(" ", name).split()).strip("'").strip() or "_"
        if base.casefold() in ("history", "历史记录"):
            base += "_"
        text, number = cut(base, SHEET_NAME).rstrip("'").strip(), 1
        while text.casefold() in used:
            number += 1
            mark = f"~{number}"
            text = cut(base, SHEET_NAME - len(mark)) + mark
        used.add(text.casefold())
        found.append(text)
    return found


def cut(text: str, units: int) -> str:
    """The beginning of a text, counted as Excel counts it: in UTF-16 units."""
    found, used = [], 0
    for letter in text:
        used += 2 if ord(letter) > 0xFFFF else 1
        if used > units:
            break
        found.append(letter)
    return "".join(found)


def printed(text: str) -> str:
    """A text as headers and footers of pages take it."""
    return text.replace("&", "&&")


class Book:
    """A workbook with its formats; sheets are written row after row."""

    def __init__(
        self, path: str, *, title: str, mark: str, digest: str, page: str, streamed: bool = True,
        short_mark: str = "",
    ) -> None:  # fmt: skip
        import datetime as dt

        import xlsxwriter

        spill = spill_folder()
        self._drop = weakref.finalize(self, drop_folder, spill)
        self.book = xlsxwriter.Workbook(
            path,
            {
                "constant_memory": streamed,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "strings_to_formulas": False,
                "tmpdir": str(spill),
            },
        )
        facts = {"title": cut(title, 255), "created": dt.datetime(2000, 1, 1), "comments": mark}
        self.book.set_properties(facts)
        self.book.set_calc_mode("auto")
        self.title, self.digest, self.page = title, digest, page
        self.mark = short_mark or mark
        self._formats: dict[tuple[Any, ...], Any] = {}

    def format(self, kind: str = "text", **more: Any) -> Any:
        """A cell format of a kind, made once."""
        key = (kind, *sorted(more.items()))
        if key not in self._formats:
            facts: dict[str, Any] = {"valign": "top", "font_size": 10, **more}
            if kind == "mark":
                facts["align"] = "fill"  # a long text does not run over the print's edge
            if KINDS[kind][0]:
                facts["num_format"] = KINDS[kind][0]
            self._formats[key] = self.book.add_format(facts)
        return self._formats[key]

    @property
    def head(self) -> Any:
        return self.format(
            bold=True, bg_color="#DDE8E9", border=1, border_color="#9AA7A8", text_wrap=True,
            align="center",
        )  # fmt: skip

    def sheet(self, name: str, repeat: int | None = 0, portrait: bool = False) -> Any:
        """A new sheet, set up to be printed on A4; row `repeat` stands on every page."""
        sheet = self.book.add_worksheet(name)
        sheet.set_paper(9)
        if not portrait:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.75, bottom=0.6)
        middle = f"&C&K9C1C1C{printed(cut(self.mark, 60))}" if self.mark else ""
        sheet.set_header(f"&L{printed(cut(self.title, 44))}{middle}&R{printed(name)}")
        sheet.set_footer(f"&L{self.digest}&R{self.page}")
        if repeat is not None:
            sheet.repeat_rows(repeat)
        if self.mark:
            sheet.set_tab_color("#B3261E")
        return sheet

    def close(self) -> None:
        """Write the file; raises OSError when the place cannot be written."""
        from xlsxwriter.exceptions import FileCreateError

        try:
            self.book.close()
        except FileCreateError as error:
            cause = error.args[0] if error.args else None
            raise cause if isinstance(cause, OSError) else OSError(str(error)) from error
        finally:
            self._drop()

    def put(self, sheet: Any, row: int, column: int, value: Any, kind: str, **more: Any) -> None:
        """Write a value of a kind: yuan as fen, points as units, the rest as they are."""
        form = self.format(kind, **more)
        if isinstance(value, Cell):
            value = f"{value.text} {value.note}".rstrip()
        if value is None:
            sheet.write_blank(row, column, None, form)
        elif isinstance(value, str):
            sheet.write_string(row, column, cut(value, MAX_TEXT), form)
        elif isinstance(value, bool):
            sheet.write_string(row, column, "1" if value else "0", form)
        else:
            sheet.write_number(row, column, number(value, kind), form)

    def formula(
        self, sheet: Any, row: int, column: int, text: str, value: Fraction | str, kind: str,
        **more: Any,
    ) -> None:  # fmt: skip
        """Write a formula with the value that it has."""
        form = self.format(kind, bg_color="#F1F3F3", **more)
        shown = value if isinstance(value, str) else float(value)
        sheet.write_formula(row, column, text, form, shown)

    def listing(
        self,
        name: str,
        fields: Sequence[Field],
        rows: Iterable[Mapping[str, Any]],
        *,
        note: Callable[[int], str] = lambda shown: "",
        total: str = "",
        lead: Sequence[str] = (),
        limit: int = MAX_ROWS - 3,
    ) -> Total:
        """Write a list with its header, formulas, filter and total; `note` stands below it.

        Lines of `lead` stand above it, the first as a title. Rows beyond `limit` are not written:
        `note` is told how many were.
        """
        top = len(lead)
        sheet = self.sheet(name, repeat=top)
        for line, text in enumerate(lead):
            strong: dict[str, Any] = {} if line else {"bold": True, "font_size": 13}
            if text:
                sheet.write_string(line, 0, text, self.format(**strong))
        places = {field.key: place for place, field in enumerate(fields)}
        for place, field in enumerate(fields):
            sheet.write_string(top, place, field.label, self.head)
            sheet.set_column(place, place, field.width or KINDS[field.kind][1])
        sheet.set_row(top, 32)
        fixed = sum(1 for field in fields[:2] if field.kind in ("text", "wide", "code"))
        if fixed and "pool" in places and places["pool"] < KEPT_IN_SIGHT:
            fixed = max(fixed, places["pool"] + 1)  # a hospital's rows are told apart by it
        sheet.freeze_panes(top + 1, fixed)
        pages = -(-sum(field.width or KINDS[field.kind][1] for field in fields) // PAGE_WIDTH)
        sheet.fit_to_pages(pages, 0)
        if pages > 1 and fixed:
            sheet.repeat_columns(0, fixed - 1)
        sums: dict[str, Fraction] = {field.key: Fraction(0) for field in fields if field.total}
        at = top
        for record in limited(rows, limit):
            at += 1
            for place, field in enumerate(fields):
                value, kind = record.get(field.key), kind_of(field, record)
                if field.formula:
                    if value is None:
                        self.put(sheet, at, place, None, kind)
                    else:
                        text = "=" + field.formula.format(
                            **{key: f"{letters(column)}{at + 1}" for key, column in places.items()}
                        )
                        self.formula(sheet, at, place, text, exact(value, kind), kind)
                else:
                    more = {"text_wrap": True} if kind == "long" else {}
                    self.put(sheet, at, place, value, kind, **more)
                if field.total and value is not None:
                    sums[field.key] += exact(value, kind)
        if at > top:
            sheet.autofilter(top, 0, at, len(fields) - 1)
        if total:
            self._total(sheet, (top, at), fields, sums, total, places)
        text = note(at - top)
        if text:
            sheet.write_string(at + 2, 0, text, self.format(font_color="#9C1C1C"))
        return Total(name, top + 2, at + 1, places, sums)

    def add(self, sheet: Sheet) -> Total:
        """Write a sheet."""
        return self.listing(
            sheet_names([sheet.title])[0],
            sheet.shown_in("book"),
            sheet.rows,
            note=lambda shown: sheet.note,
            total=sheet.total,
            lead=sheet.lead,
        )

    def _total(
        self, sheet: Any, rows: tuple[int, int], fields: Sequence[Field], sums: Mapping[str, Fraction],
        label: str, places: Mapping[str, int],
    ) -> None:  # fmt: skip
        top, last = rows
        for place, field in enumerate(fields):
            style: dict[str, Any] = {"bold": True, "top": 1, "bottom": 6}
            if field.total and last > top:
                column = letters(place)
                text = f"=SUM({column}{top + 2}:{column}{last + 1})"
                value = sums[field.key]
                self.formula(sheet, last + 1, place, text, value, field.kind, **style)
            elif place == 0:
                sheet.write_string(last + 1, 0, label, self.format(bg_color="#F1F3F3", **style))
            else:
                sheet.write_blank(last + 1, place, None, self.format(bg_color="#F1F3F3", **style))


def write_book(
    path: Path,
    sheets: Iterable[Sheet | None],
    lang: str,
    *,
    title: str,
    digest: str,
    mark: str = "",
) -> Path:
    """Write a workbook of the sheets that there are and return its path; it appears when it is whole."""
    with whole_file(path) as part:
        page = choose(lang, "第 &P 页，共 &N 页", "Page &P of &N")
        book = Book(str(part), title=title, mark=mark, digest=digest, page=page)
        for sheet in sheets:
            if sheet is not None:
                book.add(sheet)
        book.close()
    return path


def limited(rows: Iterable[Mapping[str, Any]], limit: int) -> Iterator[Mapping[str, Any]]:
    for at, record in enumerate(rows):
        if at >= limit:
            return
        yield record


def number(value: Any, kind: str) -> float:
    """The nearest number of Excel, whose shortest decimal text is the exact one."""
    places = PLACES.get(kind, 0)
    if isinstance(value, int):
        return float(value / 10**places)  # of whole numbers the nearest one, as through a fraction
    if isinstance(value, Decimal) and not places:
        return float(value)
    return float(exact(value, kind))


def points_units(value: Any) -> int:
    """Units of 1/10,000 of points given as decimal, nothing counting as 0."""
    return amounts.units_of(value or 0, 4)
