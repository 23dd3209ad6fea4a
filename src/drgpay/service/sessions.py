"""Sessions of browsers: a random cookie, its hash in a table, revocable one by one or all.

A session that a key opened ends with the key. What is known of a session is asked again after a
second, so that one that was ended elsewhere opens nothing for longer.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict

import sqlalchemy as sa

from drgpay.service.keys import KeyRing, digest_of, end_sessions
from drgpay.service.roles import Caller, Role
from drgpay.service.store import SESSIONS, Store, now

COOKIE = "drgpay_session"
KNOWN_SECONDS = 1.0
MOST_KNOWN = 20_000
LONGEST_COOKIE = 128


class Sessions:
    """The sessions of a service."""

    def __init__(self, store: Store, secret: bytes, keys: KeyRing) -> None:
        self.store, self.secret, self.keys = store, secret, keys
        # digest: who, when it ends, when that was read
        self._known: OrderedDict[bytes, tuple[Caller, int, float]] = OrderedDict()
        self._changing = threading.Lock()

    def open(self, who: Caller, hours: int) -> str:
        """Begin a session and return what the cookie holds; what has ended long ago is dropped."""
        rest, at = secrets.token_urlsafe(32), now()
        with self.store.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at < at - 30 * 86_400))
            connection.execute(
                sa.insert(SESSIONS).values(
                    digest=digest_of(self.secret, rest), who=who.id, role=str(who.role),
                    name=who.name, hospital_id=who.hospital, made_at=at,
                    expires_at=at + hours * 3_600,
                )
            )  # fmt: skip
        return rest

    def known(self, cookie: str) -> Caller | None:
        """Return whose session a cookie opens, where that was read within the last second."""
        digest = digest_of(self.secret, cookie)
        found = self._known.get(digest)
        if found is None:
            return None
        caller, until, read_at = found
        if time.monotonic() - read_at > KNOWN_SECONDS or until <= now():
            return None
        return caller if self._stands(caller) else None

    def find(self, cookie: str) -> Caller | None:
        """Return whose session a cookie opens, None for one that has ended or never was."""
        if len(cookie) > LONGEST_COOKIE:
            return None
        digest, read_at = digest_of(self.secret, cookie), time.monotonic()
        found = self.store.rows(
            sa.select(SESSIONS).where(
                SESSIONS.c.digest == digest,
                SESSIONS.c.revoked_at.is_(None),
                SESSIONS.c.expires_at > now(),
            )
        )
        if not found:
            self._forget(digest)
            return None
        row = found[0]
        caller = Caller(
            row["who"], Role(row["role"]), row["name"], row["hospital_id"], by_session=True
        )
        if not self._stands(caller):
            return None
        with self._changing:
            self._known[digest] = (caller, row["expires_at"], read_at)
            self._known.move_to_end(digest)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return caller

    def close(self, cookie: str) -> None:
        """End one session."""
        digest = digest_of(self.secret, cookie)
        self._forget(digest)
        with self.store.begin() as connection:
            end_sessions(connection, SESSIONS.c.digest == digest)

    def _forget(self, digest: bytes) -> None:
        with self._changing:
            self._known.pop(digest, None)

    def _stands(self, caller: Caller) -> bool:
        kind, _, name = caller.id.partition(":")
        return kind != "key" or self.keys.is_valid(name)
