"""The store: tables of keys, users, sessions, audit, published runs, jobs and saved previews.

SQLite (WAL, every commit on disk) beside the data, or PostgreSQL by URL for many workers; the same
statements in both. Times are UTC, as seconds since 1970.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from drgpay.ground.errors import InputError, both

META = sa.MetaData()
_TEXT = sa.Text()

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
)
# who asked for what; never a diagnosis, a name or a case id
AUDIT = sa.Table(
    "audit",
    META,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
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
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
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
        more: dict[str, Any] = {} if self.is_sqlite else {"pool_size": 4, "max_overflow": 4}
        self.engine = sa.create_engine(self.url, pool_pre_ping=not self.is_sqlite, **more)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _safely)
            event.listen(self.engine, "begin", _immediately)

    def upgrade(self) -> None:
        """Bring the tables to the newest form; what is there is kept."""
        from drgpay.service.migrations import upgrade

        upgrade(self.engine)

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
    for line in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=20000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {line}")


def _immediately(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("drgpay_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
