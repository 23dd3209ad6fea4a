"""Sessions of browsers: a random cookie, its hash in a table, revocable one by one or all."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from drgpay.service.keys import digest_of
from drgpay.service.roles import Caller, Role
from drgpay.service.store import SESSIONS, Store, now

COOKIE = "drgpay_session"


def open_session(store: Store, secret: bytes, who: Caller, hours: int) -> str:
    """Begin a session and return what the cookie holds; what has ended long ago is dropped."""
    rest, at = secrets.token_urlsafe(32), now()
    with store.begin() as connection:
        connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at < at - 30 * 86_400))
        connection.execute(
            sa.insert(SESSIONS).values(
                digest=digest_of(secret, rest), who=who.id, role=str(who.role), name=who.name,
                hospital_id=who.hospital, made_at=at, expires_at=at + hours * 3_600,
            )
        )  # fmt: skip
    return rest


def find_session(store: Store, secret: bytes, cookie: str) -> Caller | None:
    """Return whose session a cookie opens, None for one that has ended or never was."""
    found = store.rows(
        sa.select(SESSIONS).where(
            SESSIONS.c.digest == digest_of(secret, cookie),
            SESSIONS.c.revoked_at.is_(None),
            SESSIONS.c.expires_at > now(),
        )
    )
    if not found:
        return None
    row = found[0]
    return Caller(row["who"], Role(row["role"]), row["name"], row["hospital_id"], by_session=True)


def close_session(store: Store, secret: bytes, cookie: str) -> None:
    """End one session."""
    _revoke(store, SESSIONS.c.digest == digest_of(secret, cookie))


def close_sessions_of(store: Store, who: str) -> None:
    """End every session of a key (`key:ID`) or user (`user:NAME`)."""
    _revoke(store, SESSIONS.c.who == who)


def _revoke(store: Store, which: sa.ColumnElement[bool]) -> None:
    store.write(
        sa.update(SESSIONS).where(which, SESSIONS.c.revoked_at.is_(None)).values(revoked_at=now())
    )
