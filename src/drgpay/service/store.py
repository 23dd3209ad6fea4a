"""The store: tables of keys, users, sessions, audit, published runs, jobs and saved previews.

SQLite (WAL, every commit on disk) beside the data, or PostgreSQL by URL for many workers; the same
statements in both. Times are UTC, as seconds since 1970.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from drgpay.ground.errors import Bilingual, InputError, both

META = sa.MetaData()
_TEXT = sa.Text()
# SQLite counts up by itself only what it calls INTEGER
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

KEYS = sa.Table(
    "keys",
    META,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),  # HMAC-SHA256 of the secret
    sa.Column("role", _TEXT, nullable=False),
    sa.Column("name", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),  # empty for other roles
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("made_by", _TEXT, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
)
USERS = sa.Table(
    "users",
    META,
    sa.Column("name", _TEXT, primary_key=True),
    sa.Column("password", _TEXT, nullable=False),  # argon2id; empty: logs in elsewhere (OIDC)
    sa.Column("role", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("locked_at", sa.BigInteger),
)
SESSIONS = sa.Table(
    "sessions",
    META,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("who", _TEXT, nullable=False),  # key:ID or user:NAME
    sa.Column("role", _TEXT, nullable=False),
    sa.Column("name", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Index("sessions_who", "who"),
)
# who asked for what; never a diagnosis, a name or a case id
AUDIT = sa.Table(
    "audit",
    META,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("who", _TEXT, nullable=False),
    sa.Column("role", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("action", _TEXT, nullable=False),
    sa.Column("subject", _TEXT, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("request_id", _TEXT, nullable=False),
    sa.Index("audit_at", "at"),
)
PUBLISHED = sa.Table(
    "published",
    META,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("kind", _TEXT, nullable=False),  # year or month
    sa.Column("region_id", _TEXT, nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("month", sa.Integer, nullable=False),  # 0 of a year
    sa.Column("folder", _TEXT, nullable=False),
    sa.Column("digest", _TEXT, nullable=False),  # of its manifest
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("published_by", _TEXT, nullable=False),
    sa.Column("withdrawn_at", sa.BigInteger),
    sa.Column("signals", _TEXT),  # folder of the signals of its cases, where they are shown
)
JOBS = sa.Table(
    "jobs",
    META,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("who", _TEXT, nullable=False),
    sa.Column("role", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("kind", _TEXT, nullable=False),
    sa.Column("asked", sa.JSON, nullable=False),
    sa.Column("state", _TEXT, nullable=False),  # waiting, running, done, failed, withdrawn
    sa.Column("direct", sa.Boolean, nullable=False),  # somebody waits for the answer
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes that came in
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("holder", _TEXT, nullable=False),  # who works on it, empty for nobody
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("result", sa.JSON),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index("jobs_who", "who", "made_at"),
    sa.Index("jobs_state", "state", "made_at"),
)
PREVIEWS = sa.Table(
    "previews",  # saved because somebody asked for it
    META,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("who", _TEXT, nullable=False),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("title", _TEXT, nullable=False),
    sa.Column("asked", sa.JSON, nullable=False),
    sa.Column("saved_at", sa.BigInteger, nullable=False),
)
OBJECTIONS = sa.Table(
    "objections",
    META,
    sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("hospital_id", _TEXT, nullable=False),
    sa.Column("run_id", _TEXT, nullable=False),
    sa.Column("about", _TEXT, nullable=False),
    sa.Column("text", _TEXT, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("made_by", _TEXT, nullable=False),
    sa.Column("answer", _TEXT, nullable=False),
    sa.Column("accepted", sa.Boolean),  # empty until it is answered
    sa.Column("answered_at", sa.BigInteger),
    sa.Column("answered_by", _TEXT, nullable=False),
)


REMEDY = both(
    "检查数据库是否在运行、地址和密码是否对、磁盘是否有空间、是否可写",
    "is the database running, are address and password right, is there room, may it be written?",
)


def what_fails(error: sa.exc.SQLAlchemyError) -> Bilingual:
    """Return what is amiss with the store, in words that show neither a statement nor a value."""
    text = str(getattr(error, "orig", error)).lower()
    for words, told in (
        (
            ("disk is full", "no space left"),
            both("数据库所在的磁盘已满", "the store's disk is full"),
        ),
        (
            ("readonly", "read-only"),
            both("数据库只能读，不能写", "the store can be read only, not written"),
        ),
        (("locked",), both("数据库忙", "the store is busy")),
        (("malformed", "not a database"), both("数据库文件已损坏", "the store's file is damaged")),
    ):
        if any(word in text for word in words):
            return told
    return both("数据库暂时无法访问", "the store cannot be reached just now")


def now() -> int:
    """Return the time as the store keeps it."""
    return int(time.time())


class Store:
    """A database with our tables; every write is one transaction that is on disk when it returns."""

    def __init__(self, url: str) -> None:
        self.url = _usual(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if not self.is_sqlite and self.url.get_backend_name() != "postgresql":
            raise InputError(
                both("服务的数据库须为 SQLite 或 PostgreSQL", "the store is SQLite or PostgreSQL"),
                where=self.url.render_as_string(),
                remedy=both("postgresql://用户@主机/库名", "postgresql://USER@HOST/DATABASE"),
            )
        more: dict[str, Any] = {}
        if not self.is_sqlite:  # nobody waits long for a machine that does not answer
            away = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
            more = {"pool_size": 4, "max_overflow": 4, "pool_timeout": 10, "connect_args": away}
        self.engine = sa.create_engine(self.url, pool_pre_ping=not self.is_sqlite, **more)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _safely)
            event.listen(self.engine, "begin", _immediately)

    def upgrade(self) -> None:
        """Bring the tables to the newest form; what is there is kept."""
        from drgpay.service.migrations import upgrade

        try:
            upgrade(self.engine)
        except sa.exc.SQLAlchemyError as error:
            raise InputError(
                what_fails(error), where=self.url.render_as_string(), remedy=REMEDY
            ) from error

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


def _usual(text: str) -> sa.URL:
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


def _safely(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver
    connection.execute("PRAGMA busy_timeout=20000")
    until = time.monotonic() + 20
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


def _immediately(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("drgpay_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
