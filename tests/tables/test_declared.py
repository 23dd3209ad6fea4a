"""Every declared small table: headers, documents, faults and what is written is read again."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from drgpay.capitation import tables as capitation
from drgpay.names.table_headers import HEADERS
from drgpay.region import tables as region
from drgpay.region.settings import PAYMENTS, POOLS, RESERVES
from drgpay.reopening.violations import LATER, right_group
from drgpay.tables import kinds
from drgpay.tables.declared import FILLED, Column, Table
from drgpay.tables.reader import Reader
from drgpay.tables.writer import write_rows

DOCS = Path(__file__).parents[2] / "docs"
FILES = (*region.TABLES, LATER, *capitation.SMALL)
OTHERS = (POOLS, RESERVES, PAYMENTS, *capitation.LARGE)
ANY_TEXT = (kinds.text, kinds.code, right_group, capitation.chronic)
TEXTS = {
    "hospital_id": "H1", "pool": "310", "item": "N1", "component": "cmi", "standing": "ended",
    "decision": "granted", "inside_target": "false", "stable": "no", "date": "2025-03-01",
    "from_date": "2025-01-01", "to_date": "2025-12-31", "new_drg": "GB15", "case_id": "C01",
    "points": "2.5", "month": "12", "from_day": "3", "community_id": "A", "sex": "F", "age_from": "1",
    "age_to": "2", "kind": "大学生", "inpatient_last_year": "是",
}  # fmt: skip
WHOLE = {"bed_day_rates": {"from_day": "1"}, "later": {"points": "0"}}  # what a rule asks for
ANY = ("甲", "0.5", "1", "2025-06-30", "true")  # whatever a column is, one of these it takes
NAMES = [table.name for table in FILES]


def text_of(table: Table, column: Column) -> str:
    """A cell that the column takes."""
    told = WHOLE.get(table.name, {}).get(column.name) or TEXTS.get(column.name)
    return told or next(cell for cell in ANY if taken(column.kind, cell))


def taken(kind: kinds.Kind, cell: str) -> bool:
    """Whether a kind takes a cell."""
    try:
        kind(cell)
    except ValueError:
        return False
    return True


def rows_of(table: Table) -> list[list[str]]:
    if table is region.MONTH_SHARES:
        return [[str(month), "0.125" if month < 5 else "0.0625"] for month in range(1, 13)]
    own = [
        "" if column.name in ("simulated", *region.CARRIED_ORIGIN) else text_of(table, column)
        for column in table.columns
    ]
    return [own]


def reader(folder: Path) -> Reader:
    found = Reader(folder)
    found.give("hospitals", {"H1"}, "hospitals.csv")
    found.give("pools", {"310"}, "region.toml")
    found.give("communities", {"A"}, "communities.csv")
    found.give("new_technology_items", {"N1"}, "new_technology_items.csv")
    return found


@pytest.mark.parametrize("table", FILES, ids=NAMES)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("chinese", [False, True])
def test_table__that_is_written_is_read_again(
    table: Table, suffix: str, chinese: bool, tmp_path: Path
) -> None:
    names = [column.name for column in table.columns]
    write_rows(tmp_path / f"{table.name}{suffix}", table, names, rows_of(table), chinese=chinese)
    read = reader(tmp_path)
    rows = read.read(table)
    assert not read.faults
    assert [path.name for path in read.files] == [f"{table.name}{suffix}"]
    for row, texts in zip(rows, rows_of(table), strict=True):
        for column, cell in zip(table.columns, texts, strict=True):
            assert row[column.name] == (column.kind(cell) if cell else column.empty)


@pytest.mark.parametrize("table", FILES, ids=NAMES)
def test_table__of_a_faulty_cell_names_file_row_column_and_value(
    table: Table, tmp_path: Path
) -> None:
    names, rows = [column.name for column in table.columns], rows_of(table)
    for place, column in enumerate(table.columns):
        if column.kind in ANY_TEXT and not column.link:
            continue
        faulty = [*rows[0]]
        faulty[place] = "?!"
        write_rows(tmp_path / f"{table.name}.csv", table, names, [faulty])
        read = reader(tmp_path)
        read.read(table)
        faults = [f for f in read.faults if "'?!'" in f]
        assert len(faults) == 1 and faults[0].startswith(f"{table.name}.csv:2: {column.name}")
        told = faults[0].chinese
        assert told.startswith(f"{table.name}.csv 第2行：{column.shown}") and "“?!”" in told


@pytest.mark.parametrize("table", FILES, ids=NAMES)
def test_table__of_an_empty_cell_or_a_column_too_few(table: Table, tmp_path: Path) -> None:
    names, rows = [column.name for column in table.columns], rows_of(table)
    for place, column in enumerate(table.columns):
        emptied = [*rows[0]]
        emptied[place] = ""
        write_rows(tmp_path / f"{table.name}.csv", table, names, [emptied])
        read = reader(tmp_path)
        read.read(table)
        said = f"{table.name}.csv:2: {column.name} is empty"
        alone = len(names) == 1  # an empty row, which is none
        assert (said in read.faults) == (column.empty is FILLED and not alone), column.name
        write_rows(
            tmp_path / f"{table.name}.csv",
            table,
            [name for name in names if name != column.name],
            [[cell for at, cell in enumerate(rows[0]) if at != place]],
        )
        read = reader(tmp_path)
        read.read(table)
        lacking = [f for f in read.faults if f"请补上 {column.shown}" in f.chinese]
        assert bool(lacking) == (not column.optional), column.name


@pytest.mark.parametrize("table", [t for t in FILES if t.unique], ids=lambda t: t.name)
def test_table__of_a_row_that_stands_twice_names_both(table: Table, tmp_path: Path) -> None:
    names, rows = [column.name for column in table.columns], rows_of(table)
    write_rows(tmp_path / f"{table.name}.csv", table, names, [*rows, rows[0]])
    read = reader(tmp_path)
    read.read(table)
    (fault,) = [f for f in read.faults if "twice" in f]
    assert fault.startswith(f"{table.name}.csv:{len(rows) + 2}: ") and "row 2 has it" in fault
    assert "重复，第2行已有" in fault.chinese


@pytest.mark.parametrize("table", (*FILES, *OTHERS), ids=lambda t: t.name)
def test_declaration__holds_together(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert {*table.unique, table.linked, table.each} - {""} <= set(names)
    assert not table.each or table.column(table.each).link
    words: dict[str, str] = {}
    for column in table.columns:
        if table in FILES:  # those of region.toml have keys alone
            assert column.headers, f"names/table_headers.py lacks {column.name}"
        assert not column.optional or column.empty is not FILLED
        for header in (column.name, *column.headers):
            assert words.setdefault(header, column.name) == column.name
            for said in (header, f" {header} ", f"{header}（元）"):
                assert table.meaning(said) == column.name


@pytest.mark.parametrize("table", (*FILES, *capitation.LARGE), ids=lambda t: t.name)
def test_documents__name_every_column(table: Table) -> None:
    """The documents have each table with its columns, and each column's Chinese header."""
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    if table not in region.TABLES:
        page = "reopening.md" if table is LATER else "capitation.md"
        text = (DOCS / page).read_text(encoding="utf-8")
        for column in table.columns:
            told = (column.name, column.headers[0])
            assert " ".join(told) in text.replace("`", "") or table is LATER, column.name
            assert all(word in text for word in told), column.name
        return
    (line,) = [line for line in text.splitlines() if line.startswith(f"{table.name}.csv ")]
    told = re.findall(r"\[?,?([a-z_]+)\]?", line.split()[1])
    beside = {*region.PREPAID_ORIGIN, *region.CARRIED_ORIGIN, "simulated"}  # of files of a run
    assert set(told) == {c.name for c in table.columns} - beside
    assert told[: len(table.needed)] == table.needed
    for column in table.columns:
        if column.name not in beside:
            assert f"`{column.name}` {column.headers[0]}" in text


def test_headers__are_those_of_columns() -> None:
    for key, headers in HEADERS.items():
        assert headers and len(set(headers)) == len(headers), key


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (kinds.date, "2025-03-01 00:00:00", dt.date(2025, 3, 1)),
        (kinds.points, "1.25", 12_500),
        (kinds.amount, "1.2", 120),
        (kinds.signed_amount, "-1.2", -120),
        (region.coefficient, "1.05", 1_050_000),
        (kinds.yes_no, "否", False),
    ],
)
def test_kind__reads(kind: kinds.Kind, cell: str, value: Any) -> None:
    assert kind(cell) == value


@pytest.mark.parametrize("cell", ["", "0", "13", "x", "1.5", "-1", "１"])
def test_kind__refuses_what_is_no_month(cell: str) -> None:
    with pytest.raises(ValueError, match="whole number from 1 to 12"):
        kinds.month(cell)
