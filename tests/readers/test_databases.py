"""Tables of databases: SQLite, addresses of the others, faults without passwords."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from drgpay.cases import databases
from drgpay.cases.databases import read_address
from drgpay.cases.options import ReadOptions
from drgpay.ground.errors import InputError
from drgpay.grouper import group_file
from tests.readers.reading import ids, read

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEME = ROOT / "tests" / "schemes" / "ex1-tiny"


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
    url = address.url
    assert (address.reader, url.host, url.port) == (databases.ADBC, "db.example", 5433)
    assert (url.username, url.password, url.database) == ("zj", "p@ss:w", "his")
    assert address.table == "ods.cases" and "table" not in url.query
    assert address.shown == "postgresql://zj@db.example/his"


def test_address__mysql_and_its_marks() -> None:
    address = read_address("mariadb://u@/d?charset=utf8mb4", "a`b")
    assert (address.shown, address.table) == ("mysql://u@localhost/d", "a`b")
    assert address.url.render_as_string() == "mysql+pymysql://u@localhost/d?charset=utf8mb4"


@pytest.mark.parametrize("name", [*databases.KINDS, *databases.SYNONYMS])
def test_address__every_kind_has_a_reader_that_pip_installs(name: str) -> None:
    text = f"{name}:/tmp/a.db?table=t" if name == "sqlite" else f"{name}://u@h/d?table=t"
    assert databases.is_address(text)
    address = read_address(text, None)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = address.package.removeprefix("drgpay").strip("[]")
    assert not extra or extra in project["optional-dependencies"]
    assert address.reader == databases.ADBC or address.url.drivername == address.reader


def test_address__any_dialect_of_sqlalchemy_by_its_name() -> None:
    address = read_address("opengauss+psycopg2://u:w@h:5432/d?table=t", None)
    assert address.reader == address.url.drivername == "opengauss+psycopg2"
    assert not databases.is_address("C:/cases.csv") and not databases.is_address("a b:/c.csv")


@pytest.mark.parametrize("address", ["mysql://u@h:x/d?table=t", "mysql://u:sec@ret@h:x/d?table=t"])
def test_address__a_port_that_is_none(address: str) -> None:
    with pytest.raises(InputError, match="the port is no number") as caught:
        read_address(address, None)
    assert "ret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "driver", "remedy"),
    [
        ("postgresql://u:secret@h/d?table=t", "adbc_driver_postgresql", "drgpay[postgres]"),
        ("kingbase://u:secret@h/d?table=t", "adbc_driver_postgresql", "drgpay[postgres]"),
        ("oceanbase://u:secret@h/d?table=t", "pymysql", "drgpay[mysql]"),
        ("mssql://u:secret@h/d?table=t", "pymssql", "drgpay[mssql]"),
        ("oracle://u:secret@h/d?table=t", "oracledb", "drgpay[oracle]"),
        ("dm://u:secret@h/d?table=t", "dm", "drgpay[dm]"),
        ("nosuch://u:secret@h/d?table=t", "nosuch", "its dialect of SQLAlchemy"),
        (
            "postgresql+nosuch://u:secret@h/d?table=t",
            r"postgresql\+nosuch",
            "its dialect of SQLAlchemy",
        ),
    ],
)
def test_servers__what_reads_them_is_missing(
    address: str, driver: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(InputError, match=f"takes {driver}.*, which is not installed") as caught:
        read(address)
    told = str(caught.value) + caught.value.text("zh")
    assert remedy in told
    assert "secret" not in told


def test_servers__a_fault_never_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(address: databases.Address, seconds: int) -> None:
        raise RuntimeError(f"could not connect: {address.url.password} {address.url.query}")

    monkeypatch.setattr(databases, "_BySqlAlchemy", fails)
    with pytest.raises(InputError, match=r"could not connect: \*\*\*") as caught:
        read("mysql://u:s%20ecret@h/d?table=t&ssl_key_password=hidden")
    told = str(caught.value) + caught.value.text("zh")
    assert "s ecret" not in told and "hidden" not in told


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
