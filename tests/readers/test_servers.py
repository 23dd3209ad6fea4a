"""PostgreSQL and MariaDB for real, where they are installed: values, streams, views, passwords."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from drgpay.cases import databases
from drgpay.cases.options import ReadOptions
from drgpay.ground.errors import InputError
from tests.readers import servers
from tests.readers.reading import ids, read

pytestmark = pytest.mark.xdist_group("database servers")

COLUMNS = """case_id varchar(20), sex char(3), age_years int, diagnoses varchar(200),
total_cost numeric(12,2), personal_paid {real}, birth_date date, admission_date timestamp, photo {bytes}"""
ROWS = """
insert into cases values ('a', '男', 61, 'K25.900', 8123.45, 123456.7, '1963-01-02',
  '2024-01-02 03:04:05', 'x');
insert into cases values ('0007', '2', 62, 'I50.900;E11.900', 0.30, 1e9, null, null, null);
"""
POSTGRESQL = f"""
create table cases ({COLUMNS.format(real="real", bytes="bytea")});{ROWS}
create type kind as enum ('1', '2');
create view odd as select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid as case_id,
  '1'::kind as sex, 61::smallint as age_years, array['K25.900', 'I10.x00'] as diagnoses;
create schema ods;
create view ods."A ""b"" 1%" as select * from cases;
create view slow as select cases.*, pg_sleep(60)::text as s from cases;
create table written (n int);
create function writes() returns text as 'insert into written values (1) returning ''1'''
  language sql;
create view writing as select cases.*, writes() as s from cases;
create view many as select i::text as case_id, '1' as sex, 61 as age_years, 'K25.900' as diagnoses,
  repeat('x', 400) as note
  from generate_series(1, 60000) i
"""
MARIADB = f"""
create table cases ({COLUMNS.format(real="double", bytes="blob")}) charset utf8mb4;{ROWS}
create view `A ``b`` 1%` as select * from cases;
create view slow as select cases.*, sleep(60) as s from cases;
create view many as select seq as case_id, '1' as sex, 61 as age_years, 'K25.900' as diagnoses,
  repeat('x', 400) as note
  from seq_1_to_60000
"""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    if not servers.program("initdb"):
        pytest.skip("PostgreSQL is not installed")
    with servers.postgresql(POSTGRESQL) as address:
        yield address


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    if not servers.program("mariadb-install-db"):
        pytest.skip("MariaDB is not installed")
    with servers.mariadb(MARIADB) as address:
        yield address


@pytest.fixture(params=["postgresql", "postgresql+psycopg", "mariadb", "tidb"])
def address(request: pytest.FixtureRequest) -> str:
    """An address of each server, by each way to read it."""
    server = "postgresql" if request.param.startswith("postgresql") else "mariadb"
    return f"{request.param}://{request.getfixturevalue(server)}"


def test_servers__give_the_values_of_a_table(address: str) -> None:
    rows, source = read(address, ReadOptions(table="cases"), None)
    assert ids(rows) == [(1, "a"), (2, "0007")]
    first, second = (row for _, row in rows)
    assert [str(first[name]).strip() for name in ("sex", "age_years", "total_cost", "birth_date")] == [
        "男", "61", "8123.45", "1963-01-02"
    ]  # fmt: skip
    assert [str(row["personal_paid"]) for row in (first, second)] == ["123456.7", "1000000000"]
    assert str(first["admission_date"]).startswith("2024-01-02 03:04:05")
    assert second["diagnoses"] == "I50.900|E11.900" and second["birth_date"] is None
    assert source.unknown == ("photo",)


def test_servers__stream_a_view_in_portions(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "ROWS_A_BATCH", 20_000)
    rows, _ = read(f"{address}?table=many")
    assert len(rows) == 60_000 and ids(rows)[-1] == (60_000, "60000")


def test_servers__a_stream_can_be_left_half_read(address: str) -> None:
    query = databases._Patient(databases.read_address(address, "many"), 60)
    query.begin()
    batches = query.batches()
    assert 0 < len(next(batches)) < 60_000
    batches.close()
    assert query.query is None


def test_servers__names_are_only_names(address: str) -> None:
    name = 'ods.A "b" 1%' if address.startswith("postgresql") else "A `b` 1%"
    rows, _ = read(address, ReadOptions(table=name))
    assert len(rows) == 2
    with pytest.raises(InputError, match="cannot be read") as caught:
        read(address, ReadOptions(table='cases"; drop table cases; --'))
    assert "没有这张表或视图" in caught.value.text("zh")


def test_servers__a_view_that_gives_no_rows_is_left(address: str) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match="no further rows came within 1 seconds"):
        read(address, ReadOptions(table="slow", wait=1))
    assert time.monotonic() - start < 30


def test_servers__no_message_shows_a_password(address: str) -> None:
    wrong = address.replace(servers.QUOTED, "se%20cret%23")
    for where, words in (
        (wrong, "用户名或密码不对"),
        ("{}://zj:se%20cret%23@127.0.0.1:1/d".format(address.partition(":")[0]), "连接不上数据库"),
    ):
        with pytest.raises(InputError) as caught:
            read(where, ReadOptions(table="cases"))
        told = str(caught.value) + caught.value.text("zh")
        assert words in told and "zj@127.0.0.1/" in told
        assert "se cret" not in told and "se%20cret" not in told


def test_postgresql__kinds_without_a_name_in_arrow_come_as_text(postgresql: str) -> None:
    rows, _ = read(f"postgresql://{postgresql}?table=odd")
    assert rows == [
        (
            1,
            {
                "case_id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "sex": "1",
                "age_years": 61,
                "diagnoses": ["K25.900", "I10.x00"],
            },
        )
    ]


@pytest.mark.parametrize("way", ["postgresql", "postgresql+psycopg"])
def test_postgresql__is_only_read(postgresql: str, way: str) -> None:
    with pytest.raises(InputError, match="read-only transaction"):
        read(f"{way}://{postgresql}?table=writing")
