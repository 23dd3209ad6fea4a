"""run.duckdb: everything of a run folder, with Chinese views in yuan."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.runs.database import write_run_database
from drgpay.runs.duck import at_hand, connection, glob_safe, os_error, parquet
from drgpay.runs.sums import CaseSums
from tests.report.folders import CASE_FIELDS, CASES, full_run, write_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = full_run(tmp_path_factory.mktemp("runs") / "run's [1]*")
    write_run_database(folder)
    return folder


def test_database__is_written_into_a_folder_with_a_question_mark(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "what?")
    path = write_run_database(folder)
    assert path.stat().st_size > 10_000
    assert not list(folder.glob(".*"))


@pytest.fixture
def database(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(folder / "run.duckdb"), read_only=True)


def test_database__has_every_table_row_for_row(
    folder: Path, database: duckdb.DuckDBPyConnection
) -> None:
    files = sorted(folder.glob("*.parquet"))
    assert len(files) >= 9
    for path in files:
        kept = database.sql(f'SELECT * FROM "{path.stem}"').fetchall()
        table = pq.read_table(path)
        assert kept == [tuple(r.values()) for r in table.to_pylist()], path.stem


def test_database__has_the_manifest_s_lists(database: duckdb.DuckDBPyConnection) -> None:
    assert database.sql("SELECT name FROM institutions WHERE hospital_id = 'H0002'").fetchall() == [
        ("第2医院",)
    ]
    found = database.sql("SELECT value, verified FROM parameters WHERE key = 'high.bands'")
    assert found.fetchall() == [('[["100", "3"], ["300", "2"], ["none", "1.5"]]', False)]
    assert database.sql("SELECT value FROM run WHERE key = 'year'").fetchall() == [("2024",)]
    assert database.sql("SELECT passed FROM checks").fetchall() == [(True,)]


def test_views__show_yuan_exactly_names_and_words(
    folder: Path, database: duckdb.DuckDBPyConnection
) -> None:
    found = database.sql('SELECT 医疗机构编码, 医疗机构, 险种, 应付, 最终支付 FROM "机构清算"')
    rows = {(r[0], r[2]): r for r in found.fetchall()}
    for r in pq.read_table(folder / "hospitals.parquet").to_pylist():
        own = rows[r["hospital_id"], r["pool"]]
        assert own[1] == f"第{int(r['hospital_id'][1:])}医院"
        assert own[3:] == (Decimal(r["due_fen"]) / 100, Decimal(r["final_fen"]) / 100)
    kinds = dict(zip(found.columns, map(str, found.types), strict=True))
    assert kinds["应付"].startswith("DECIMAL")
    classes = database.sql('SELECT DISTINCT 病例类别, 计付方式 FROM "病例"').fetchall()
    assert ("长期住院病例", "按金额") in classes
    assert ("非稳定病组病例", "暂不支付") in classes


def test_views__keep_fen_beyond_what_a_float_holds(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    path = folder / "ceiling.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["amount_fen"] = 9_007_199_254_740_993
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    write_run_database(folder)
    with duckdb.connect(str(folder / "run.duckdb"), read_only=True) as database:
        found = database.execute('SELECT 金额 FROM "总额控制"').fetchone()
    assert found == (Decimal("90071992547409.93"),)


def test_columns__carry_their_chinese_meaning(database: duckdb.DuckDBPyConnection) -> None:
    rows = database.sql(
        "SELECT column_name, comment FROM duckdb_columns() "
        "WHERE table_name IN ('cases', 'hospitals', 'pools', 'drgs') "
        "AND NOT internal"
    ).fetchall()
    assert len(rows) > 50
    assert [name for name, comment in rows if not comment] == []
    assert dict(rows)["due_fen"].endswith("（单位：分）")


def test_cases__that_are_too_many_stay_in_their_file_and_survive_a_move(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    write_run_database(folder, copied_up_to=3)
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    whole = pq.read_metadata(moved / "cases.parquet").num_rows
    with duckdb.connect(str(moved / "run.duckdb"), read_only=True) as database:
        database.execute(f"SET file_search_path = '{moved}'")
        assert database.execute("SELECT count(*) FROM cases").fetchone() == (whole,)
        assert database.execute('SELECT count(*) FROM "病例"').fetchone() == (whole,)
    here = Path.cwd()
    os.chdir(moved)
    try:
        with duckdb.connect("run.duckdb", read_only=True) as database:
            assert database.execute("SELECT count(*) FROM cases").fetchone() == (whole,)
            found = database.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'cases'")
            assert "file_search_path" in str(found.fetchone())
    finally:
        os.chdir(here)


def test_database__leaves_nothing_beside_it_and_replaces_itself(folder: Path) -> None:
    before = sorted(p.name for p in folder.iterdir())
    write_run_database(folder, memory_limit="256MB", threads=1)
    assert sorted(p.name for p in folder.iterdir()) == before
    assert not [name for name in before if name.startswith(".")]


def test_database__keeps_the_old_one_when_a_table_is_broken(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run")
    write_run_database(folder)
    first = (folder / "run.duckdb").read_bytes()
    (folder / "zz.parquet").write_bytes(b"no parquet")
    with pytest.raises(pa.ArrowInvalid):
        write_run_database(folder)
    assert (folder / "run.duckdb").read_bytes() == first
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("small", [4 * 2**20, 0])
def test_sums__tell_points_money_and_held_apart(
    folder: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the database at hand, and of one of its own."""
    monkeypatch.setattr("drgpay.runs.sums.SMALL_BYTES", small)
    rows = CaseSums(folder).by_class().to_pylist()
    kinds = {(r["case_class"], r["paid_by"]) for r in rows}
    assert kinds == {
        ("normal", "points"), ("low", "points"), ("bed_day", "points"), ("long_stay", "money"),
        ("unstable", "held"),
    }  # fmt: skip
    assert sum(r["cases"] for r in rows) == 4 * 2 * 6
    normal = next(r for r in rows if r["case_class"] == "normal")
    assert (normal["cases"], normal["cut"]) == (2, 1)
    assert normal["points_before"] - normal["points"] == 40


def test_sums__of_an_older_run_folder_take_all_cases_as_paid_by_points(tmp_path: Path) -> None:
    fields = {k: v for k, v in CASE_FIELDS.items() if k not in ("paid_by", "price_fen", "month")}
    write_table(tmp_path, "cases", [{k: c[k] for k in fields} for c in CASES], fields)
    rows = CaseSums(tmp_path).by_class().to_pylist()
    assert {r["paid_by"] for r in rows} == {"points"}
    assert sum(r["total_cost_fen"] for r in rows) == 34_337_394


def test_lists__are_cut_for_each_hospital(folder: Path) -> None:
    sums = CaseSums(folder)
    held = sums.held(1).to_pylist()
    assert [r["hospital_id"] for r in held] == ["H0001", "H0002", "H0003", "H0004"]
    bad = sums.quarantined(5).to_pylist()[0]
    assert (bad["case_id"], bad["in_all"], bad["message"]) == ("Q0", 1, "性别缺失")
    top = sums.top_groups(2).to_pylist()
    assert {r["place"] for r in top} == {1, 2}
    reviews = {r["case_id"]: r for r in sums.reviews(10).to_pylist()}
    assert reviews["N0-310"]["hospital_id"] == "H0001"
    assert reviews["U0-310"]["paid_by"] == "held"


@pytest.mark.parametrize("opened", [connection, at_hand])
def test_faults_of_the_disk__are_told_as_such(
    opened: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]], tmp_path: Path
) -> None:
    with pytest.raises(OSError, match=r"cases\.parquet") as found, opened() as database:
        database.execute(f"FROM {parquet(tmp_path / 'cases.parquet')}")
    assert found.value.errno is not None
    assert os_error("IO Error: Permission denied", "x").errno == errno.EACCES


def test_paths__with_wildcards_are_taken_literally() -> None:
    assert glob_safe("a*b?c[d]") == "a[*]b[?]c[[]d]"
    assert parquet(Path("it's")) == "read_parquet(['it''s'])"
