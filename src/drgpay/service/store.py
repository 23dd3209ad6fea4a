"""The store: tables of keys, users, sessions, audit, published runs, jobs and saved previews.

SQLite (WAL, every commit on disk) beside the data, or PostgreSQL by URL for many workers; the same
statements in both. Times are UTC, as seconds since 1970.
"""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from drgpay.ground.database import NUMBER, Database, remedy_of, what_fails
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
    sa.Index("sessions_who", "who"),
)
# who asked for what; never a diagnosis, a name or a case id
AUDIT = sa.Table(
    "audit",
    META,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
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
    sa.Index(
        "published_once",
        "region_id",
        "year",
        "month",
        unique=True,
        sqlite_where=sa.text("withdrawn_at IS NULL"),
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    ),
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
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
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


class Store(Database):
    """The database of the service."""

    what = both("服务的数据库", "the store")

    def upgrade(self) -> None:
        """Bring the tables to the newest form; what is there is kept."""
        from drgpay.service.migrations import upgrade

        try:
            upgrade(self.engine, META.tables)
        except sa.exc.SQLAlchemyError as error:
            raise InputError(
                what_fails(error), where=self.url.render_as_string(), remedy=remedy_of(error)
            ) from error


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
