"""Users of the pages: a name and a password, kept as argon2id; or known by a log-in elsewhere (OIDC).

Checking a password takes some 0.1 s and 64 MiB on purpose: it is done in a thread, two at a time.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.service.hospitals import refuse_unknown
from drgpay.service.keys import end_sessions
from drgpay.service.roles import Caller, Role
from drgpay.service.store import SESSIONS, USERS, Store, now

SHORTEST, LONGEST = 12, 128  # letters of a password
LONGEST_NAME = 64
USER_STATES: Mapping[bool, Bilingual] = {  # by whether it is locked
    False: both("有效", "valid"),
    True: both("停用", "locked"),
}
ELSEWHERE = "oidc:"  # how the names of users begin that log in elsewhere


@dataclass(frozen=True, slots=True)
class User:
    """A user as the store has it; `local`: with a password here."""

    name: str
    role: Role
    hospital: str
    made_at: int
    locked_at: int | None
    local: bool

    @property
    def caller(self) -> Caller:
        """The user as who asks."""
        return Caller(f"user:{self.name}", self.role, self.name, self.hospital, by_session=True)


def add_user(
    store: Store,
    name: str,
    role: Role,
    password: str,
    *,
    hospital: str = "",
    anyway: bool = False,
) -> None:
    """Make a user; raises InputError for a name that is taken or none, or a weak password.

    A hospital's user names its hospital, one of those published unless `anyway`.
    """
    name = own_name(name)
    if name.startswith(ELSEWHERE):
        raise InputError(
            both(f"用户名不能以 {ELSEWHERE} 开头", f"a name does not begin with {ELSEWHERE}"),
            remedy=both("换一个名称", "choose another name"),
        )
    if (role is Role.HOSPITAL) != bool(hospital):
        raise InputError(
            both(
                "医疗机构的用户须写明机构编码，其他角色的不写",
                "a hospital's user names its hospital, no other does",
            ),
            where="--hospital",
            remedy=both("医疗机构的填机构编码，其他留空", "its id for a hospital, else nothing"),
        )
    if hospital and not anyway:
        refuse_unknown(store, hospital)
    row = {
        "name": name, "password": hashed(name, password), "role": str(role),
        "hospital_id": hospital, "made_at": now(),
    }  # fmt: skip
    try:
        store.write(sa.insert(USERS).values(**row))
    except sa.exc.IntegrityError:
        raise InputError(
            both(f"已有用户 {name}", f"there is a user {name} already"),
            remedy=both("换一个名称", "choose another name"),
        ) from None


def list_users(store: Store) -> list[User]:
    """Return all users by name, without their passwords."""
    rows = store.rows(sa.select(USERS).order_by(USERS.c.name))
    return [
        User(
            name=row["name"], role=Role(row["role"]), hospital=row["hospital_id"],
            made_at=row["made_at"], locked_at=row["locked_at"], local=bool(row["password"]),
        )
        for row in rows
    ]  # fmt: skip


def lock_user(store: Store, name: str) -> None:
    """Let a user in no more, and end the sessions; raises InputError for one that there is not."""
    _change(store, name, locked_at=now())


def set_password(store: Store, name: str, password: str) -> None:
    """Give a user a new password, unlock it, and end its sessions; raises InputError."""
    _change(store, name, password=hashed(own_name(name), password), locked_at=None)


def _change(store: Store, name: str, **values: str | int | None) -> None:
    name = own_name(name)
    with store.begin() as connection:
        found = connection.execute(sa.update(USERS).where(USERS.c.name == name).values(**values))
        if found.rowcount:
            end_sessions(connection, SESSIONS.c.who == f"user:{name}")
            return
    raise InputError(
        both(f"没有用户 {name}", f"there is no user {name}"),
        remedy=both("用户列表：drgpay keys user list", "users are listed: drgpay keys user list"),
    )


def own_name(text: str) -> str:
    """Return a user's name as it is compared; raises InputError for none."""
    name = unicodedata.normalize("NFKC", text).strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InputError(
            both("用户名不合要求", "this cannot be the name of a user"),
            remedy=both(f"1至{LONGEST_NAME}个可见字符", f"1 to {LONGEST_NAME} visible letters"),
        )
    return name


def counted_name(text: str) -> str:
    """Return under which name log-ins are counted: the same however a name is written."""
    try:
        return own_name(text)
    except InputError:
        return ""  # of no user


def hashed(name: str, password: str) -> str:
    """Return what is stored of a password; raises InputError for a weak one."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            both(
                f"密码须为{SHORTEST}至{LONGEST}个字符",
                f"a password has {SHORTEST} to {LONGEST} letters",
            ),
            remedy=both("换一个密码", "choose another password"),
        )
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise InputError(
            both("密码太容易猜到", "this password is easy to guess"),
            remedy=both(
                "不含用户名，至少五种不同字符", "not with the name in it, five letters that differ"
            ),
        )
    return _hasher().hash(password)


def check_password(store: Store, name: str, password: str) -> tuple[User | None, bool]:
    """Return the user of a name, and whether the password opens the door.

    It takes as long for a user that there is not, or that is locked.
    """
    name = counted_name(name)
    rows = store.rows(sa.select(USERS).where(USERS.c.name == name))
    kept = rows[0]["password"] if rows else ""
    opens = _is_right(kept or _no_password(), password[: LONGEST + 1])
    if not rows:
        return None, False
    row = rows[0]
    user = User(
        name=name, role=Role(row["role"]), hospital=row["hospital_id"], made_at=row["made_at"],
        locked_at=row["locked_at"], local=bool(kept),
    )  # fmt: skip
    opens = bool(opens and kept and user.locked_at is None)
    if opens and _hasher().check_needs_rehash(kept):
        new = _hasher().hash(password)
        store.write(sa.update(USERS).where(USERS.c.name == name).values(password=new))
    return user, opens


def _is_right(kept: str, password: str) -> bool:
    try:
        return bool(_hasher().verify(kept, password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # RFC 9106, for machines of little memory


@cache
def _no_password() -> str:
    return _hasher().hash(secrets.token_hex(16))
