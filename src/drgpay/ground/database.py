"""A database of our own: SQLite beside the data, or PostgreSQL by URL for many writers.

SQLite is in WAL, every commit on disk; the same statements in both.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from drgpay.ground.errors import Bilingual, InputError, both

# SQLite counts up by itself only what it calls INTEGER
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

REMEDY = both(
    "检查数据库是否在运行、地址和密码是否对、磁盘是否有空间、是否可写",
    "is the database running, are address and password right, is there room, may it be written?",
)


REMEDY_OF_TABLES = both(
    "重新启动服务即升级数据库；不是 drgpay 的库，改用另一个",
    "start the service again, which upgrades them; name another database where it is not drgpay's",
)


def lacks_tables(error: sa.exc.SQLAlchemyError) -> bool:
    """Whether a statement failed because the tables are not those that this version makes."""
    text = str(getattr(error, "orig", error)).lower()
    if isinstance(error, sa.exc.ProgrammingError):  # PostgreSQL
        return "does not exist" in text
    return any(words in text for words in ("no such table", "no such column", "has no column"))


def remedy_of(error: sa.exc.SQLAlchemyError) -> Bilingual:
    """Return what to do about what is amiss with a database."""
    return REMEDY_OF_TABLES if lacks_tables(error) else REMEDY


def what_fails(error: sa.exc.SQLAlchemyError) -> Bilingual:
    """Return what is amiss with a database, in words that show neither a statement nor a value."""
    text = str(getattr(error, "orig", error)).lower()
    if lacks_tables(error):
        return both(
            "数据库的表缺失、是旧版的，或不是 drgpay 的",
            "tables are missing, of an older drgpay, or not drgpay's",
        )
    for words, told in (
        (
            ("disk is full", "no space left"),
            both("数据库所在的磁盘已满", "the disk of the database is full"),
        ),
        (
            ("readonly", "read-only"),
            both("数据库只能读，不能写", "the database can be read only, not written"),
        ),
        (("locked",), both("数据库忙", "the database is busy")),
        (
            ("malformed", "not a database"),
            both("数据库文件已损坏", "the file of the database is damaged"),
        ),
    ):
        if any(word in text for word in words):
            return told
    return both("数据库暂时无法访问", "the database cannot be reached just now")


class Database:
    """A database with our tables; every write is one transaction that is on disk when it returns.

    `what` names it in faults (both languages), `wait_seconds` is how long it waits for a writer.
    """

    what = both("数据库", "the database")
    wait_seconds = 20

    def __init__(self, url: str | sa.URL) -> None:
        self.url = _usual(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if not self.is_sqlite and self.url.get_backend_name() != "postgresql":
            raise InputError(
                both(
                    f"{self.what.chinese}须为 SQLite 或 PostgreSQL",
                    f"{self.what} is SQLite or PostgreSQL",
                ),
                where=self.url.render_as_string(),
                remedy=both("postgresql://用户@主机/库名", "postgresql://USER@HOST/DATABASE"),
            )
        more: dict[str, Any] = {}
        if not self.is_sqlite:  # nobody waits long for a machine that does not answer
            away = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
            more = {"pool_size": 4, "max_overflow": 4, "pool_timeout": 10, "connect_args": away}
        self.engine = sa.create_engine(self.url, pool_pre_ping=not self.is_sqlite, **more)
        if self.is_sqlite:
            event.listen(self.engine, "connect", self._safely)
            event.listen(self.engine, "begin", _immediately)

    def _safely(self, connection: Any, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver
        connection.execute(f"PRAGMA busy_timeout={1000 * self.wait_seconds}")
        until = time.monotonic() + self.wait_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError:  # another begins it: SQLite does not wait for that one
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction."""
        with self.engine.begin() as connection:
            yield connection

    def rows(self, statement: sa.Select[Any]) -> list[dict[str, Any]]:
        """Return the rows of a question."""
        with self.engine.connect() as connection:
            reading = connection.execution_options(drgpay_reads=True)
            return [dict(row) for row in reading.execute(statement).mappings()]

    def write(self, statement: sa.Insert | sa.Update | sa.Delete, rows: Any = None) -> int:
        """Carry out one statement; return how many rows it touched."""
        with self.begin() as connection:
            found = (
                connection.execute(statement)
                if rows is None
                else connection.execute(statement, rows)
            )
            return int(found.rowcount)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def _usual(text: str | sa.URL) -> sa.URL:
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise InputError(
            both("不是数据库地址", "not the address of a database"),
            where="--database",
            remedy=both("postgresql://用户@主机/库名", "postgresql://USER@HOST/DATABASE"),
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    return url


def _immediately(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("drgpay_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
