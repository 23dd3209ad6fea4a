"""Tables of results: each column declared has a type, a word, a comment in the database, a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.names.run_columns import column_of
from drgpay.names.run_tables import TABLES, YEAR_TABLES, check_declared, kind_of, schema_of
from drgpay.runs.database import write_run_database
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.settlement.regions import EX1

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("formats.md", "capitation.md", "checks.md", "months.md", "signals.md", "reopening.md")
COLUMNS = [(table, column) for table in YEAR_TABLES for column in TABLES[table]]


def _ids(pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [".".join(pair) for pair in pairs]


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=_ids(COLUMNS))
def test_column__has_a_word_and_stands_in_the_documents(table: str, column: str) -> None:
    assert column_of(table, column) is not None, f"no word in names/run_columns.py: {column}"
    pages = (DOCS / page for page in PAGES)
    written = any(re.search(rf"\b{column}\b", page.read_text(encoding="utf-8")) for page in pages)
    assert written, f"{table}.{column} stands on none of {PAGES}"


def test_tables__of_a_run_are_those_declared_and_their_columns_have_comments(
    tmp_path: Path,
) -> None:
    folder = write_run(year_end(EX1), tmp_path / "run")
    found = [path.stem for path in folder.glob("*.parquet")]
    assert len(found) > 10
    for name in found:
        check_declared(name, pq.read_schema(folder / f"{name}.parquet"))
    with duckdb.connect(str(write_run_database(folder)), read_only=True) as database:
        bare = database.execute(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "WHERE comment IS NULL AND table_name IN (SELECT table_name FROM duckdb_tables() "
            "WHERE table_name <> 'run')"
        ).fetchall()
    assert bare == []


def test_table__with_another_column_or_type_is_a_fault_of_the_program() -> None:
    own = schema_of("hospitals")
    check_declared("hospitals", own)
    check_declared("hospitals", own.append(pa.field("trial", pa.string())))
    with pytest.raises(TypeError, match="hospitals has the columns"):
        check_declared("hospitals", own.append(pa.field("bonus_fen", pa.int64())))
    with pytest.raises(TypeError, match="hospitals has the columns"):
        check_declared("hospitals", own.remove(3))
    with pytest.raises(TypeError, match=r"hospitals\.cases is string"):
        check_declared("hospitals", own.set(2, pa.field("cases", pa.string())))
    with pytest.raises(TypeError, match="not declared"):
        check_declared("bonuses", own)


def test_kind__of_a_column_of_fen_is_an_integer() -> None:
    for table, columns in TABLES.items():
        for column in columns:
            if column.endswith("_fen") and not column.startswith(
                ("mean_", "peer_", "paid_per", "median_")
            ):
                assert kind_of(table, column).arrow == pa.int64(), (table, column)
