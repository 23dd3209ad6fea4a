"""Tables of databases: SQLite for real, addresses of the others, faults without passwords."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drgpay.cases import databases
from drgpay.cases.databases import read_address
from drgpay.cases.options import ReadOptions
from drgpay.ground.errors import InputError
from drgpay.grouper import group_file
from tests.readers.reading import ids, read

SCHEME = Path(__file__).resolve().parent.parent / "schemes" / "ex1-tiny"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "医院.db"
    connection = sqlite3.connect(path)
    connection.execute(
        'create table "病例 2024" (病例号, 性别 text, 年龄 int, 诊断编码 text, 总费用 real, x blob)'
    )
    rows = [
        ("a", "男", 61, "K25.900", 8123.45, b"\x01"),
        (1001, "女", "62", "I50.900;E11.900", 0.1 + 0.2, None),
        (None, "2", None, "", 1e9, None),
    ]
    connection.executemany('insert into "病例 2024" values (?, ?, ?, ?, ?, ?)', rows)
    connection.execute('create view v as select * from "病例 2024" where 年龄 is not null')
    connection.commit()
    connection.close()
    return path


def test_sqlite__a_table_by_path_or_address(database: Path) -> None:
    table = "病例 2024"
    for cases, options in (
        (database, ReadOptions(table=table)),
        (f"sqlite:{database}?table={table}", ReadOptions()),
        (Path(f"sqlite:{database}"), ReadOptions(table=table)),
        (f"sqlite:///{database}?table={table}", ReadOptions()),
    ):
        rows, source = read(cases, options, None)
        assert [row["case_id"] for _, row in rows] == ["a", "1001", None]
        assert [number for number, _ in rows] == [1, 2, 3]
        assert [row["total_cost"] for _, row in rows] == ["8123.45", "0.3", "1000000000"]
        assert rows[1][1]["diagnoses"] == "I50.900|E11.900"
        assert source.unknown == ("x",)


def test_sqlite__a_view_in_portions(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "ROWS_A_BATCH", 1)
    rows, _ = read(database, ReadOptions(table="v"))
    assert ids(rows) == [(1, "a"), (2, "1001")]


def test_sqlite__from_table_to_file(database: Path, tmp_path: Path) -> None:
    done = group_file(f"sqlite:{database}?table=病例 2024", tmp_path / "out.csv", SCHEME, threads=2)
    assert done.counts.as_dict()["quarantined"] == 1
    notes = done.quarantine.read_text(encoding="utf-8")
    assert "医院.db[病例 2024]" in notes


ENDLESS = """create view endless as with recursive n(i) as (select 1 union all select i + 1 from n)
select 'A' || i as case_id, 'M' as sex, 61 as age_years, 'K25.900' as diagnoses, '' as procedures
from n where {}"""


def test_sqlite__a_view_that_gives_no_rows_is_left(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(ENDLESS.format("i < 0"))
    start = time.monotonic()
    with pytest.raises(InputError, match="no further rows came within 1 seconds") as refusal:
        read(database, ReadOptions(table="endless", wait=1))
    assert time.monotonic() - start < 30
    assert "--wait" in refusal.value.text("zh")


def test_sqlite__a_view_is_left_that_stops_giving_rows(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "ROWS_A_BATCH", 2)
    with sqlite3.connect(database) as connection:
        connection.execute(ENDLESS.format("i < 4"))
    with pytest.raises(InputError, match="no further rows came"):
        read(database, ReadOptions(table="endless", wait=1))


def test_clock__counts_only_while_it_waits() -> None:
    clock = databases.Clock(1)
    clock.begin()
    clock.until = 0
    assert clock.is_over()
    clock = databases.Clock(1)
    interrupted = threading.Event()
    clock.begin(interrupted.set)
    clock.end()
    assert not clock.is_over() and not interrupted.wait(1.2)
    clock.begin(interrupted.set)
    assert interrupted.wait(20) and clock.late


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.long
def test_sqlite__ctrl_c_ends_a_view_without_end(database: Path, tmp_path: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute(ENDLESS.format("i < 0"))
    words = ["group", database, "--table", "endless", "-o", tmp_path / "g.csv"]
    run = subprocess.Popen(
        [sys.executable, "-m", "drgpay", *map(str, words)], stderr=subprocess.PIPE, text=True
    )
    time.sleep(8)
    run.send_signal(signal.SIGINT)
    assert "已中断" in run.communicate(timeout=60)[1]
    assert run.returncode == 130


def test_sqlite__is_only_read(database: Path) -> None:
    before = database.read_bytes()
    read(database, ReadOptions(table="v"))
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def test_sqlite__what_cannot_be_read(database: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table is named"):
        read(database)
    with pytest.raises(InputError, match="table 'nope' cannot be read"):
        read(database, ReadOptions(table="nope"))
    with pytest.raises(InputError, match="table 'v\"; drop table x' cannot be read"):
        read(database, ReadOptions(table='v"; drop table x'))
    with pytest.raises(InputError, match="no such file"):
        read(f"sqlite:{tmp_path}/none.db?table=t")
    (tmp_path / "a.db").write_bytes(b"not a database")
    with pytest.raises(InputError, match="not a SQLite database"):
        read(tmp_path / "a.db", ReadOptions(table="t"))
    (tmp_path / "b.db").write_bytes(databases.SQLITE_HEAD + b"x" * 500)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "b.db", ReadOptions(table="t"))


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://zj:p%40ss%3Aw@db.example:5433/his?table=ods.cases",
        "postgres:/zj:p%40ss%3Aw@db.example:5433/his?table=ods.cases",  # as a path, one slash
    ],
)
def test_address__of_a_server(text: str) -> None:
    address = read_address(text, None)
    assert (address.kind, address.host, address.port) == ("postgresql", "db.example", 5433)
    assert (address.user, address.password, address.database) == ("zj", "p@ss:w", "his")
    assert address.quoted_table() == '"ods"."cases"'
    assert "p@ss" not in address.shown and "p%40ss" not in address.shown


def test_address__mysql_and_its_marks() -> None:
    address = read_address("mariadb://u@h/d", "a`b")
    assert (address.kind, address.table, address.port) == ("mysql", "a`b", None)
    assert address.quoted_table("`") == "`a``b`"


def test_address__a_port_that_is_none() -> None:
    with pytest.raises(InputError, match="the port is no number"):
        read_address("mysql://u@h:x/d?table=t", None)


@pytest.mark.parametrize(
    ("address", "driver"),
    [("postgresql://u:secret@h/d?table=t", "psycopg"), ("mysql://u:secret@h/d?table=t", "pymysql")],
)
def test_servers__nothing_that_reads_them(
    address: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    monkeypatch.setattr(databases, "_by_duckdb", lambda address, clock, fetch: None)
    with pytest.raises(InputError, match=f"DuckDB's extension or {driver}") as caught:
        read(address)
    told = str(caught.value) + caught.value.text("zh")
    assert "pip install" in told
    assert "secret" not in told


def test_servers__a_fault_never_shows_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(address: databases.Address, clock: databases.Clock, fetch: bool) -> None:
        raise RuntimeError(f"could not connect: host=h password={address.password}")

    monkeypatch.setattr(databases, "_by_duckdb", fails)
    with pytest.raises(InputError, match=r"password=\*\*\*") as caught:
        read("postgresql://u:s%20ecret@h/d?table=t")
    assert "s ecret" not in str(caught.value) + caught.value.text("zh")


def test_sqlite__a_view_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "create view t as with recursive n(i) as (select 1 union all select i + 1 from n) "
        "select 'A' || i as case_id, 'M' as sex, 61 as age_years, 'K25.900' as diagnoses from n"
    )
    connection.close()
    monkeypatch.setattr(databases, "VIEW_ROWS", 10_000)
    monkeypatch.setattr(databases, "ROWS_A_BATCH", 4_000)
    with pytest.raises(InputError, match="more than 10,000 rows") as caught:
        read(f"sqlite:{path}", options=ReadOptions(table="t"))
    assert "没有尽头" in caught.value.text("zh")
