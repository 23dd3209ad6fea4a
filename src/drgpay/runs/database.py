"""A run folder as one DuckDB database: its tables, and Chinese views with amounts in yuan."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.names.codes import CODES
from drgpay.names.run_columns import TABLES, column_of, label
from drgpay.runs.duck import MEMORY_LIMIT, connection, identifier, parquet, quoted
from drgpay.runs.reader import RunFolder

if TYPE_CHECKING:
    import duckdb

NAME = "run.duckdb"
COPIED_UP_TO = 20_000_000  # cases: more stay in their Parquet file
ORDERED_UP_TO = 1_000_000  # rows: larger tables are written faster in any order
# tables that the manifest carries: name, place in it, columns
_LISTS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "institutions": (("hospitals",), ("hospital_id", "name", "level", "coefficient", "score")),
    "parameters": (
        ("policy", "parameters"),
        ("key", "name", "value", "unit", "source", "verified", "from", "to", "used", "trial"),
    ),
    "checks": (("checks",), ("name", "text_zh", "text_en", "passed", "detail")),
}
_DECIMALS = {"coefficient": pa.decimal128(12, 6), "score": pa.decimal128(12, 6)}


def write_run_database(
    folder: Path,
    *,
    memory_limit: str = MEMORY_LIMIT,
    threads: int | None = None,
    copied_up_to: int = COPIED_UP_TO,
) -> Path:
    """Write `run.duckdb` into a run folder from its Parquet tables and manifest; return its path.

    Every table of the folder becomes a table of the same name, its columns with their Chinese
    meaning as comments; `institutions`, `parameters`, `checks` and `run` come from the manifest.
    Each has a view with Chinese names (机构清算, 病例 …), amounts in yuan and codes as words.
    More than `copied_up_to` cases are not copied: `cases` is then a view on `cases.parquet` by its
    name alone, for whoever works in the folder or sets DuckDB's `file_search_path` to it.
    The file is replaced only when it is whole. Its bytes differ from run to run; its contents do not.
    """
    manifest = RunFolder(folder, unfinished=True).manifest
    target = folder / NAME
    # DuckDB takes what follows a question mark for options of the path
    elsewhere = Path(tempfile.mkdtemp()) if "?" in str(folder.absolute()) else None
    part = (elsewhere or folder) / f".{NAME}.{os.getpid()}.part"
    spill = folder / f".{NAME}.{os.getpid()}.spill"
    part.unlink(missing_ok=True)
    try:
        with connection(part, memory_limit=memory_limit, threads=threads, spill=spill) as database:
            database.execute(f"SET file_search_path = {quoted(folder.absolute())}")
            names = []
            for path in sorted(folder.glob("*.parquet")):
                outside = path.stem == "cases" and rows_of(path) > copied_up_to
                _take(database, path, outside)
                names.append(path.stem)
            for name, (place, columns) in _LISTS.items():
                _put(database, name, _list(manifest, place, columns))
                names.append(name)
            _put(database, "run", _facts(manifest))
            for name in names:
                _view(database, name)
            database.execute("CHECKPOINT")
        if elsewhere is None:
            part.replace(target)
        else:
            copy = folder / part.name
            shutil.copyfile(part, copy)
            copy.replace(target)
    finally:
        part.unlink(missing_ok=True)
        Path(f"{part}.wal").unlink(missing_ok=True)
        shutil.rmtree(spill, ignore_errors=True)
        if elsewhere is not None:
            shutil.rmtree(elsewhere, ignore_errors=True)
    return target


def rows_of(path: Path) -> int:
    """Return the number of rows of a Parquet file."""
    return int(pq.ParquetFile(path).metadata.num_rows)


def _take(database: duckdb.DuckDBPyConnection, path: Path, outside: bool) -> None:
    name = identifier(path.stem)
    if outside:
        database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({quoted(path.name)})")
        note = f"在同一文件夹的 {path.name} 中；请在该文件夹内打开，或先设 file_search_path"
        database.execute(f"COMMENT ON VIEW {name} IS {quoted(note)}")
    else:
        ordered = "true" if rows_of(path) <= ORDERED_UP_TO else "false"
        database.execute(f"SET preserve_insertion_order = {ordered}")
        database.execute(f"CREATE TABLE {name} AS SELECT * FROM {parquet(path)}")
        _describe(database, path.stem)


def _describe(database: duckdb.DuckDBPyConnection, name: str) -> None:
    title = TABLES.get(name, (name, name))[0]
    database.execute(f"COMMENT ON TABLE {identifier(name)} IS {quoted(title)}")
    for column, _ in _columns(database, name):
        known = column_of(name, column)
        text = known.zh + (f"：{known.meaning}" if known.meaning else "")
        text += "（单位：分）" if column.endswith("_fen") else ""
        place = f"{identifier(name)}.{identifier(column)}"
        database.execute(f"COMMENT ON COLUMN {place} IS {quoted(text)}")


def _columns(database: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, str]]:
    rows = database.execute(f"DESCRIBE {identifier(name)}").fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


def _list(manifest: Mapping[str, Any], place: Sequence[str], columns: Sequence[str]) -> pa.Table:
    rows: Any = manifest
    for key in place:
        rows = rows.get(key, [])
    arrays = {}
    for column in columns:
        values = [row.get(column) for row in rows]
        if all(isinstance(v, bool | None) for v in values) and column not in _DECIMALS:
            arrays[column] = pa.array(values, pa.bool_())
        else:
            texts = pa.array([None if v is None else _text(v) for v in values], pa.string())
            arrays[column] = texts.cast(_DECIMALS.get(column, pa.string()))
    return pa.table(arrays)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _facts(manifest: Mapping[str, Any]) -> pa.Table:
    """Return what names the run: region, year, policy, scheme, version, trial."""
    region, policy, scheme = (manifest.get(k, {}) for k in ("region", "policy", "scheme"))
    facts = {
        "region_id": region.get("id"),
        "region_name": region.get("name"),
        "year": region.get("year"),
        "policy": policy.get("id"),
        "policy_digest": policy.get("digest"),
        "scheme": scheme.get("id"),
        "scheme_digest": scheme.get("digest"),
        "drgpay_version": manifest.get("drgpay_version"),
        "trial": "; ".join(str(t) for t in manifest.get("trial", ())),
        "synthetic": "true" if manifest.get("synthetic") else "false",
    }
    return pa.table(
        {
            "key": pa.array(list(facts), pa.string()),
            "value": pa.array([None if v is None else str(v) for v in facts.values()], pa.string()),
        }
    )


def _put(database: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    database.register("_given", table)
    database.execute(f"CREATE TABLE {identifier(name)} AS SELECT * FROM _given")
    database.unregister("_given")
    _describe(database, name)


def _view(database: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make the Chinese view of a table: yuan for fen, words for codes, the hospital's name."""
    title = TABLES.get(name, (name, name))[0]
    if title == name:
        return
    parts, used = [], set()
    for column, kind in _columns(database, name):
        text = label(name, column, "zh")
        if text in used or not text:
            text = column
        used.add(text)
        parts.append(f"{_shown(name, column, kind)} AS {identifier(text)}")
        if column == "hospital_id" and name != "institutions" and "医疗机构" not in used:
            used.add("医疗机构")
            parts.append('i.name AS "医疗机构"')
    source = f"FROM {identifier(name)} t"
    if "医疗机构" in used:
        source += " LEFT JOIN institutions i ON i.hospital_id = t.hospital_id"
    database.execute(f"CREATE VIEW {identifier(title)} AS SELECT {', '.join(parts)} {source}")


def _shown(table: str, column: str, kind: str) -> str:
    place = f"t.{identifier(column)}"
    if column.endswith("_fen"):
        # exact: an integer becomes a decimal before the point is moved
        exact = f"CAST({place} AS DECIMAL(19, 0))" if kind in ("BIGINT", "INTEGER") else place
        return f"{exact} * 0.01"
    codes = CODES.get(f"{table}.{column}") or CODES.get(column)
    if codes and kind == "VARCHAR":
        cases = " ".join(
            f"WHEN {quoted(code)} THEN {quoted(word.chinese)}" for code, word in codes.items()
        )
        return f"CASE {place} {cases} ELSE {place} END"
    return place
