"""What a running service is told at its start."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from drgpay.ground.environment import environment
from drgpay.ground.errors import InputError, both
from drgpay.policy.budget import BUDGET_POLICY
from drgpay.service.roles import Role

SECRET = "secret.key"
STORE = "service.sqlite"


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """A log-in elsewhere: the provider, who we are to it, and which claims say what a user may.

    `roles`: words of the role claim with our roles, as `医保经办=agency`; each role's own name is one.
    `redirect`: our address of /login/callback, where requests do not tell it.
    """

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    name: str = ""
    role_claim: str = "drgpay_role"
    hospital_claim: str = "drgpay_hospital"
    roles: tuple[tuple[str, str], ...] = ()
    redirect: str = ""

    @property
    def roles_of(self) -> dict[str, str]:
        """The role that a word of the claim stands for."""
        return {**{str(role): str(role) for role in Role}, **dict(self.roles)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`data` holds the store, what was uploaded and what came of it.

    `database` is a SQLAlchemy URL (PostgreSQL for many workers), empty for SQLite inside `data`.
    `upload_bytes` and `batch_cases` bound one upload; what takes longer than `direct_seconds` becomes
    a job, whose result is kept for `keep_days`. `waiting_jobs`: the most of one caller at a time.
    `job_process`: whether this service works on jobs, in a process of its own, which
    is started by the first job, or with the service where `jobs_at_once`.
    `scheme`: name or folder of the published results' scheme, where it is not a bundled one.
    `region`: the folder of the region that the agency tries on, empty for none.
    `book`: the year's book (a file, or an address of PostgreSQL), empty for none, read by `budget_policy`.
    `rates` are overridden limits by name (rates.py), as `limits` writes them: `600/minute`.
    """

    data: Path
    database: str = ""
    scheme: str = ""
    region: str = ""
    book: str = ""
    budget_policy: str = BUDGET_POLICY
    upload_bytes: int = 512 * 1024 * 1024
    batch_cases: int = 200_000
    direct_seconds: float = 10.0
    keep_days: int = 7
    waiting_jobs: int = 100
    job_process: bool = True
    jobs_at_once: bool = False
    session_hours: int = 12
    secure_cookies: bool = False
    behind_proxy: bool = False
    oidc: Oidc | None = None
    rates: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        """The address of the store's database."""
        return self.database or f"sqlite:///{self.data / STORE}"

    @property
    def uploads(self) -> Path:
        """Where uploads and their results lie."""
        return self.data / "uploads"


def secret_of(data: Path) -> bytes:
    """Return the secret that keys and sessions are hashed with, made on first use, for its owner only.

    `DRGPAY_SECRET` (64 hexadecimal digits) takes its place where several machines share a store.
    Raises InputError for a secret that is none, or a file that others may read.
    """
    given = environment().get("DRGPAY_SECRET", "")
    if given:
        return _read(given, "DRGPAY_SECRET")
    path = data / SECRET
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError(
                both("别的用户能读到这一密钥文件", "other users can read this secret"),
                where=path,
                remedy=both("chmod 600，再启动", "chmod 600, then start again"),
            ) from None
        return _read(path.read_text(encoding="ascii").strip(), str(path))
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return _read(path.read_text(encoding="ascii").strip(), str(path))


def _read(text: str, where: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) < 32:
        raise InputError(
            both("不是64位十六进制数", "not 64 hexadecimal digits"),
            where=where,
            remedy=both(
                "恢复备份的文件；换新的则所有密钥作废",
                "restore the file; with a new one every key is void",
            ),
        )
    return found


def oidc_of(given: Mapping[str, str]) -> Oidc | None:
    """Return the log-in elsewhere that the environment (DRGPAY_OIDC_…) names; raises InputError."""
    said = {
        name.removeprefix("DRGPAY_OIDC_").lower(): value
        for name, value in given.items()
        if name.startswith("DRGPAY_OIDC_") and value
    }
    if not said:
        return None
    pairs = [pair.partition("=") for pair in said.pop("roles", "").split(",") if pair]
    said["secret"] = said.pop("client_secret", "")
    known = {field.name for field in fields(Oidc)}
    lacking = [n for n in ("issuer", "client_id", "secret") if not said.get(n)]
    strange = [n for n in said if n not in known]
    wrong = [role for _, _, role in pairs if role not in set(Role)]
    if lacking or strange or wrong:
        amiss = ", ".join([*lacking, *strange, *wrong])
        raise InputError(
            both(f"统一认证的设置缺少或不认识：{amiss}", f"lacking or unknown of OIDC: {amiss}"),
            where="DRGPAY_OIDC_*",
            remedy=both("见 docs/service.md", "see docs/service.md"),
        )
    parts = urlsplit(said["issuer"])
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise InputError(
            both("统一认证须经HTTPS", "the log-in elsewhere must be reached by HTTPS"),
            where="DRGPAY_OIDC_ISSUER",
        )
    return Oidc(**said, roles=tuple((word, role) for word, _, role in pairs))
