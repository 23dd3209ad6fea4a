"""Excel workbooks of cases: every sheet that holds cases, its header found, values as they stand.

The number of a row is the sheet's own. Formulas count by the value that Excel stored.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from drgpay.cases.excel_elsewhere import try_elsewhere
from drgpay.cases.excel_safety import SheetMarks, Workbook, encrypted, inspect
from drgpay.cases.files import Unchanged, unreadable
from drgpay.cases.layout import Layout, select
from drgpay.cases.mapping import Asked
from drgpay.cases.pieces import Piece, Source
from drgpay.cases.pseudonyms import shown
from drgpay.cases.quarantine import BrokenRows, RowNote
from drgpay.cases.tables import HEADER_AMONG, find_header, second_header, two_headers
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.names.columns import BY_NAME, whole_of

ROWS_A_PIECE = 20_000
EXAMPLE_SHEETS = ("示例", "Examples")
LOST_DIGITS = 1e15  # Excel keeps fifteen digits of a number
FIRST_SERIAL, AFTER_SERIAL = 61, 2_958_466  # 1900-03-01 to 9999-12-31 in the 1900 system
SHOWN = 5
Row = list[Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that holds cases: its header row (counted from 0) and which columns are read."""

    name: str
    sheet: Any
    header: int
    cells: tuple[str, ...]
    layout: Layout
    marks: SheetMarks


def open_excel(path: Path, asked: Asked) -> Source:
    """Return the stream of cases of a workbook (.xlsx, .xlsm, .xls, .xlsb, .ods).

    Sheets without a header of cases, hidden sheets and the examples of our template are left out
    and named in the notes, unless the option `sheet` names one. Raises InputError for a workbook that
    must not or cannot be opened, or holds no case.
    """
    watch = Unchanged(path)
    book = inspect(path)
    workbook = opened(path, book)
    notes: list[Bilingual] = []
    names = _chosen_names(path, workbook, asked.options.sheet, notes)
    sheets: list[Sheet] = []
    without: list[tuple[str, Any, SheetMarks]] = []
    for name in names:
        marks = book.marks.get(name, SheetMarks())
        sheet = _guarded(path, partial(workbook.get_sheet_by_name, name))
        top = [_texts(row) for _, row in islice(_rows(sheet, marks), HEADER_AMONG)]
        header, _ = find_header(top, asked.mapping)
        if header < 0:
            without.append((name, sheet, marks))
            continue
        again = second_header(top, header, asked.mapping)
        if again is not None:
            raise two_headers(f"{path}[{name}]", *again)
        cells = tuple(top[header])
        layout = select(cells, f"{path}[{name}]", asked)
        sheets.append(Sheet(name, sheet, header, cells, layout, marks))
        notes += [*layout.notes, *_formula_notes(path, name, marks)]
    filled = [(name, sheet, marks) for name, sheet, marks in without if sheet.height]
    if not sheets:
        _refuse_headers(path, filled, asked)
    notes += [_skipped(path, name, "没有病例的表头", "no header of cases") for name, *_ in filled]
    if not any(True for sheet in sheets for _ in _cases(sheet)):
        raise InputError(
            both("表头下面没有病例", "there are no cases below the header"),
            where=f"{path}[{sheets[0].name}]",
            remedy=both(
                f"在工作表“{sheets[0].name}”第{sheets[0].header + 2}行起填写病例",
                f"fill in cases from row {sheets[0].header + 2} of sheet {sheets[0].name!r}",
            ),
        )

    broken: list[tuple[str, int, str]] = BrokenRows()

    def pieces() -> Iterator[Piece]:
        for sheet in sheets:
            yield from _pieces(path, sheet, book, broken)
        watch.check()

    unknown = tuple(dict.fromkeys(header for sheet in sheets for header in sheet.layout.unknown))
    return Source(pieces(), None, (str(path),), broken, unknown, notes)


def opened(path: Path, book: Workbook) -> Any:
    """Return an inspected workbook as its reader has it; raises InputError where that cannot be.

    Where the sizes of its sheets are not known beforehand, another process reads it first.
    """
    from python_calamine import CalamineWorkbook

    raw = path.read_bytes()
    if not book.bounded:
        try_elsewhere(path, raw)
    # by content, not by ending: exports are often called .xls and are not
    workbook = _guarded(path, lambda: CalamineWorkbook.from_filelike(BytesIO(raw)))
    if book.bounded and list(book.bounded) != workbook.sheet_names:
        try_elsewhere(path, raw)
    return workbook


def _guarded(path: Path, work: Callable[[], Any]) -> Any:
    """Return what `work` reads; every way in which the reader fails is an InputError."""
    from python_calamine import CalamineError, PasswordError

    try:
        return work()
    except PasswordError:
        raise encrypted(path) from None
    except (CalamineError, OSError, ValueError) as error:
        raise unreadable(path, error) from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise unreadable(path, ValueError("the workbook is damaged")) from None
        raise


def _chosen_names(
    path: Path, workbook: Any, wanted: str | None, notes: list[Bilingual]
) -> list[str]:
    """Return the sheets to look at; those that are left out are noted."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    found = [m for m in workbook.sheets_metadata if m.typ == SheetTypeEnum.WorkSheet]
    if wanted is not None:
        if wanted not in [m.name for m in found]:
            listed = [m.name for m in found]
            raise InputError(
                both(f"没有工作表“{wanted}”", f"there is no sheet {wanted!r}"),
                where=path,
                remedy=both(
                    f"现有的工作表：{'、'.join(listed)}", f"the sheets are: {', '.join(listed)}"
                ),
            )
        return [wanted]
    names = []
    for sheet in found:
        if sheet.visible != SheetVisibleEnum.Visible:
            notes.append(_skipped(path, sheet.name, "是隐藏的", "it is hidden"))
        elif sheet.name in EXAMPLE_SHEETS:
            notes.append(_skipped(path, sheet.name, "是示例", "it holds examples"))
        else:
            names.append(sheet.name)
    return names


def _skipped(path: Path, name: str, chinese: str, english: str) -> Bilingual:
    return both(
        f"{path.name}：工作表“{name}”未读，{chinese}；要读时用 --sheet 指明",
        f"{path.name}: sheet {name!r} was not read, {english}; --sheet names one to read",
    )


def _formula_notes(path: Path, name: str, marks: SheetMarks) -> list[Bilingual]:
    places = marks.uncalculated
    if not places:
        return []
    some = "、".join(places[:SHOWN])
    return [
        both(
            f"{path.name}[{name}]：{len(places)}个公式单元格没有计算结果，按空白处理（{some}"
            f"{' 等' if len(places) > SHOWN else ''}）；用Excel打开并保存一次即有结果",
            f"{path.name}[{name}]: {len(places)} formulas were never calculated and count as empty "
            f"({', '.join(places[:SHOWN])}); open and save the file in Excel once",
        )
    ]


def _refuse_headers(path: Path, filled: list[tuple[str, Any, SheetMarks]], asked: Asked) -> None:
    """Raise InputError for a workbook without a header of cases, naming what was found."""
    if len(filled) == 1:
        name, sheet, marks = filled[0]
        first = next(_texts(row) for _, row in _rows(sheet, marks) if _holds(row))
        select(first, f"{path}[{name}]", asked)
    listed = [name for name, *_ in filled]
    raise InputError(
        both(
            "没有一张工作表有病例的表头" if listed else "工作簿是空的",
            "no sheet has a header of cases" if listed else "the workbook is empty",
        ),
        where=path,
        remedy=both(
            f"表头至少写病例号、性别、年龄、诊断编码；看过的工作表：{'、'.join(listed) or '无'}",
            "the header names at least case_id, sex, age_years and diagnoses; sheets looked at: "
            f"{', '.join(listed) or 'none'}",
        ),
    )


def _rows(sheet: Any, marks: SheetMarks) -> Iterator[tuple[int, Row]]:
    """Yield (row, cells) of a sheet, both counted from 0; columns begin where the sheet's do."""
    if not sheet.height:
        return
    left = sheet.start[1]
    for index, row in enumerate(sheet.iter_rows()):
        if index in marks.errors:
            for column, text in marks.errors[index].items():
                if 0 <= column - left < len(row):
                    row[column - left] = text
        yield index, row


def _holds(row: Row) -> bool:
    return any(type(cell) is not str or (cell and not cell.isspace()) for cell in row)


def _texts(row: Row) -> list[str]:
    return [cell if type(cell) is str else cell_text(cell, "text", None) for cell in row]


def _cases(sheet: Sheet) -> Iterator[tuple[int, Row]]:
    """Yield the rows below the header that hold anything."""
    for index, row in _rows(sheet.sheet, sheet.marks):
        if index > sheet.header and _holds(row):
            yield index, row


def _pieces(
    path: Path, sheet: Sheet, book: Workbook, broken: list[tuple[str, int, str]]
) -> Iterator[Piece]:
    """Yield the pieces of a sheet; rows whose ids or codes lost digits go to `broken`."""
    file = f"{path.name}[{sheet.name}]"
    rows = _cases(sheet)
    kinds = [BY_NAME[whole_of(name)].kind for name in sheet.layout.names]
    while some := list(islice(rows, ROWS_A_PIECE)):
        lost: dict[int, RowNote] = {}
        for position, name, kind in zip(
            sheet.layout.positions, sheet.layout.names, kinds, strict=True
        ):
            if kind == "text":
                for i in lost_digits([row[position] for _, row in some]):
                    value = cell_text(some[i][1][position], "text", None)
                    lost.setdefault(i, RowNote(shown(name, value), "stored_as_number", name))
        broken += [(file, some[i][0] + 1, note) for i, note in sorted(lost.items())]
        kept = [numbered for i, numbered in enumerate(some) if i not in lost] if lost else some
        if not kept:
            continue
        numbers = np.fromiter((index + 1 for index, _ in kept), np.int64, len(kept))
        columns = [
            pa.array(
                [
                    cell if type(cell) is str else cell_text(cell, kind, book.date_1904)
                    for cell in (row[position] for _, row in kept)
                ],
                pa.string(),
            )
            for position, kind in zip(sheet.layout.positions, kinds, strict=True)
        ]
        table = pa.table(columns, names=[str(i) for i in range(len(columns))])
        yield Piece(file, int(numbers[0]), partial(sheet.layout.shape, table), numbers)


def lost_digits(cells: list[Any]) -> list[int]:
    """Return which cells are numbers beyond fifteen digits, which no longer say what was typed."""
    return [
        i for i, cell in enumerate(cells) if type(cell) in (float, int) and abs(cell) >= LOST_DIGITS
    ]


def cell_text(cell: Any, kind: str, date_1904: bool | None) -> str:
    """Return a cell that is no text as the text that its column's parser takes.

    A number in a date column is a serial number, where the workbook's date system is known.

    >>> cell_text(1001.0, "text", False), cell_text(45352.0, "date", False)
    ('1001', '2024-03-01')
    >>> cell_text(0.1 + 0.2, "money", False), cell_text(True, "flag", False)
    ('0.3', 'TRUE')
    """
    if type(cell) is bool:
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        if kind == "date" and date_1904 is not None:
            day = _day_of_serial(float(cell), date_1904)
            if day is not None:
                return day
        whole = cell == cell // 1 and abs(cell) < 1e17
        return str(int(cell)) if whole else format(cell, ".15g")
    if isinstance(cell, dt.datetime) and kind == "date":
        return cell.date().isoformat()
    return str(cell)


def _day_of_serial(serial: float, date_1904: bool) -> str | None:
    first, start = (0, dt.date(1904, 1, 1)) if date_1904 else (FIRST_SERIAL, dt.date(1899, 12, 30))
    if not first <= serial < AFTER_SERIAL - (1462 if date_1904 else 0):
        return None
    return (start + dt.timedelta(days=int(serial))).isoformat()


def first_sheet(path: Path) -> list[tuple[int, list[str], list[int]]]:
    """Return the rows of a workbook's first visible sheet that hold anything: row, texts, and the
    places of numbers that lost digits. For small tables.
    """
    _, rows = first_cells(path)
    return [(index + 1, _texts(row), lost_digits(row)) for index, row in rows]


def first_cells(path: Path) -> tuple[Workbook, Iterator[tuple[int, Row]]]:
    """Return a workbook, and the rows of its first visible sheet that hold anything, from 0.

    Raises InputError for a workbook that must not or cannot be opened.
    """
    try:
        book = inspect(path)
    except zlib.error as error:
        raise unreadable(path, error) from None
    workbook = opened(path, book)
    names = _chosen_names(path, workbook, None, [])
    if not names:
        raise InputError(
            both("没有可见的工作表", "there is no visible sheet"),
            where=path,
            remedy=both("取消隐藏要读的工作表", "show the sheet to be read"),
        )
    return book, _sheet_rows(path, book, workbook, names[0])


def every_sheet(path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """Return the rows of every sheet of a workbook that hold anything, by name of the sheet.

    Columns are counted from the sheet's own first, an empty one included. Raises InputError for a workbook that must not or cannot be opened.
    """
    book = inspect(path)
    workbook = opened(path, book)
    found = {}
    for name in workbook.sheet_names:
        start = _guarded(path, partial(workbook.get_sheet_by_name, name)).start
        left = [""] * (start[1] if start else 0)
        rows = _sheet_rows(path, book, workbook, name)
        found[name] = [(index + 1, left + _texts(row)) for index, row in rows]
    return found


def _sheet_rows(path: Path, book: Workbook, workbook: Any, name: str) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a sheet that hold anything, counted from 0."""
    sheet = _guarded(path, partial(workbook.get_sheet_by_name, name))
    rows = _rows(sheet, book.marks.get(name, SheetMarks()))
    return ((index, row) for index, row in rows if _holds(row))
