"""Writes declared tables as CSV or Excel, as `reader` reads them again."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from drgpay.ground.csv_cells import neutral_text
from drgpay.ground.money import points_text, yuan_text
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table

_AMOUNTS = (kinds.amount, kinds.signed_amount, kinds.amount_above_zero)


def write_rows(
    path: Path,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    chinese: bool = False,
    more: Sequence[str] = (),
) -> None:
    """Write rows of some columns of a table: CSV, or Excel where the file's ending says so.

    Values are those of the columns' kinds, or texts as they read them. `chinese`: with Chinese
    headers. `more`: columns of texts that stand last and that the table has not, so that whoever
    reads it refuses it.
    """
    declared = [table.column(name) for name in columns] + [Column(name) for name in more]
    header = [c.headers[0] if chinese and c.headers else c.name for c in declared]
    texts = ([_text(c, value) for c, value in zip(declared, row, strict=True)] for row in rows)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows([neutral_text(cell) for cell in row] for row in texts)
        return
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet(table.name)
        for number, row in enumerate([header, *texts]):
            for place, cell in enumerate(row):
                sheet.write_string(number, place, cell)


def _text(column: Column, value: object) -> str:
    if isinstance(value, int) and column.kind in _AMOUNTS:
        return yuan_text(value).replace(",", "")
    if isinstance(value, int) and column.kind is kinds.points:
        return points_text(value)
    return "" if value is None else str(value)
