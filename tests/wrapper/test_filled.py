"""Every table that people fill in for the budget's year: Chinese headers, told in the document, read."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from drgpay import wrapper
from drgpay.ledger.orders import RECEIPTS
from drgpay.names.table_headers import HEADERS
from drgpay.tables.declared import Column, Table
from drgpay.tables.reader import Reader
from drgpay.tables.writer import write_rows
from drgpay.wrapper.filled import read_table

DOCUMENT = (Path(__file__).parents[2] / "docs" / "budget-year.zh-CN.md").read_text(encoding="utf-8")
# whatever a column is, one of these it takes
CELLS = ("甲", "0.5", "1", "2024", "2025-06-30", "true", "all", "是")


def tables() -> dict[str, Table]:
    found = {RECEIPTS.name: RECEIPTS}
    for module in pkgutil.iter_modules(wrapper.__path__):
        for value in vars(importlib.import_module(f"drgpay.wrapper.{module.name}")).values():
            if isinstance(value, Table):
                found[value.name] = value
    return found


TABLES = tables()


def cell(column: Column) -> str:
    words = [own.cell_contents for own in getattr(column.kind, "__closure__", None) or ()]
    codes = [word for own in words if isinstance(own, dict) for word in own]
    for text in (*CELLS, *codes):
        try:
            column.kind(text)
        except ValueError:
            continue
        return text
    raise AssertionError(column.name)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_table__has_chinese_headers_that_the_document_tells(name: str) -> None:
    for column in TABLES[name].columns:
        assert column.headers and column.headers is HEADERS[column.header or column.name]
        assert any(header in DOCUMENT for header in column.headers), (name, column.name)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("name", sorted(TABLES))
def test_table__that_is_written_is_read(name: str, suffix: str, tmp_path: Path) -> None:
    table = TABLES[name]
    columns = [c for c in table.columns if not (name == "adjustments" and c.name == "percent")]
    linked = {column.link: column for column in columns if column.link}
    path = tmp_path / (f"{name}{suffix}" if linked else f"表{suffix}")
    names = [column.name for column in columns]
    write_rows(path, table, names, [[cell(column) for column in columns]], chinese=True)
    if linked:  # one of a folder of tables
        reader = Reader(tmp_path)
        for link, column in linked.items():
            reader.give(link, {column.kind(cell(column))}, link)
        (row,) = reader.read(table)
        assert not reader.faults
    else:
        (row,) = read_table(path, table)
    assert all(row[column.name] is not None for column in columns)
