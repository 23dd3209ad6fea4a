"""What a running service is told at its start."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.errors import InputError, both

SECRET = "secret.key"
STORE = "service.sqlite"


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
    `rates` are overridden limits by name (rates.py), as `limits` writes them: `600/minute`.
    """

    data: Path
    database: str = ""
    scheme: str = ""
    region: str = ""
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
    given = os.environ.get("DRGPAY_SECRET", "")
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
