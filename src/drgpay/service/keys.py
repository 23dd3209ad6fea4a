"""Keys: made, listed, revoked, and known again in two microseconds.

A key is `dp_`, its id, `_`, and 256 random bits, shown once. Stored is the HMAC-SHA256 of those
bits under the service's secret: they cannot be guessed, so that no slow hash is called for.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.service.hospitals import refuse_unknown
from drgpay.service.roles import Caller, Role
from drgpay.service.store import KEYS, SESSIONS, Store, now

MARK = "dp_"
DAY = 86_400
LONGEST_DAYS = 3_660
STATES: Mapping[str, Bilingual] = {
    "valid": both("有效", "valid"),
    "expired": both("过期", "expired"),
    "revoked": both("已吊销", "revoked"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the store has it."""

    id: str
    role: Role
    name: str
    hospital: str
    made_at: int
    made_by: str
    expires_at: int | None
    revoked_at: int | None

    def state(self, at: int) -> str:
        """Return its state at a time, a key of STATES."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "valid"


def digest_of(secret: bytes, text: str) -> bytes:
    """Return what is stored of a key's or a session's random part."""
    made = _keyed(secret).copy()  # `hmac.digest` looks SHA-256 up in OpenSSL at each request
    made.update(text.encode())
    return made.digest()


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> hmac.HMAC:
    return hmac.new(secret, digestmod="sha256")


def add_key(
    store: Store,
    secret: bytes,
    role: Role,
    name: str,
    *,
    hospital: str = "",
    days: int | None = 365,
    by: str = "",
    anyway: bool = False,
) -> str:
    """Make a key and return it, the only time that it is seen; raises InputError.

    A hospital's key names its hospital, one of those published unless `anyway`, no other does;
    `days` until it expires, None for never.
    """
    if not name.strip():
        raise InputError(
            both("密钥没有名称", "the key has no name"),
            remedy=both("写明交给谁用", "say who it is for"),
        )
    if (role is Role.HOSPITAL) != bool(hospital):
        raise InputError(
            both(
                "医疗机构的密钥须写明机构编码，其他角色的不写",
                "a hospital's key names its hospital, no other does",
            ),
            where="--hospital",
            remedy=both("医疗机构的填机构编码，其他留空", "its id for a hospital, else nothing"),
        )
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise InputError(
            both(f"有效天数为 {days}", f"{days} days"),
            where="--days",
            remedy=both(f"1至{LONGEST_DAYS}天", f"1 to {LONGEST_DAYS} days"),
        )
    if hospital and not anyway:
        refuse_unknown(store, hospital)
    own, rest = secrets.token_hex(6), secrets.token_urlsafe(32)
    at = now()
    row = {
        "id": own, "digest": digest_of(secret, rest), "role": str(role), "name": name.strip(),
        "hospital_id": hospital, "made_at": at, "made_by": by,
        "expires_at": None if days is None else at + days * DAY,
    }  # fmt: skip
    store.write(sa.insert(KEYS).values(**row))
    return f"{MARK}{own}_{rest}"


def list_keys(store: Store) -> list[Key]:
    """Return all keys, oldest first, without anything that opens a door."""
    rows = store.rows(sa.select(KEYS).order_by(KEYS.c.made_at, KEYS.c.id))
    return [_key(row) for row in rows]


def revoke_key(store: Store, key_id: str) -> None:
    """End a key and its sessions; raises InputError for one that is not there, or ended already."""
    with store.begin() as connection:
        found = connection.execute(
            sa.update(KEYS)
            .where(KEYS.c.id == key_id, KEYS.c.revoked_at.is_(None))
            .values(revoked_at=now())
        )
        if found.rowcount:
            end_sessions(connection, SESSIONS.c.who == f"key:{key_id}")
            return
    raise InputError(
        both(f"没有可以吊销的密钥 {key_id}", f"there is no key {key_id} to revoke"),
        remedy=both("编号见密钥列表：drgpay keys list", "ids are listed: drgpay keys list"),
    )


def end_sessions(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """End sessions that have not ended, inside a transaction."""
    connection.execute(
        sa.update(SESSIONS).where(which, SESSIONS.c.revoked_at.is_(None)).values(revoked_at=now())
    )


def _key(row: Mapping[str, Any]) -> Key:
    return Key(
        id=row["id"], role=Role(row["role"]), name=row["name"], hospital=row["hospital_id"],
        made_at=row["made_at"], made_by=row["made_by"], expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )  # fmt: skip


class KeyRing:
    """The keys in memory, read again when asked: a request never waits for the store."""

    def __init__(self, store: Store, secret: bytes) -> None:
        self.store, self.secret = store, secret
        self._known: dict[str, tuple[bytes, Key]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the keys again."""
        rows = self.store.rows(sa.select(KEYS))
        self._known = {row["id"]: (row["digest"], _key(row)) for row in rows}

    def is_valid(self, key_id: str) -> bool:
        """Whether a key, by its id, still opens what it is for."""
        found = self._known.get(key_id)
        return found is not None and found[1].state(now()) == "valid"

    def find(self, text: str) -> Caller | None:
        """Return who a key belongs to, None for one that opens nothing."""
        head, _, rest = text.removeprefix(MARK).partition("_")
        if not text.startswith(MARK) or not rest:
            return None
        digest, key = self._known.get(head, (b"", None))
        same = hmac.compare_digest(digest, digest_of(self.secret, rest))
        if key is None or not same or key.state(now()) != "valid":
            return None
        return Caller(f"key:{key.id}", key.role, key.name, key.hospital)
