"""Files of cases: what cannot be read, and what changes while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from drgpay.errors import InputError, both


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the fault of a file that is not what its ending says."""
    first = (str(error) or type(error).__name__).splitlines()[0]
    chinese = "没有读取权限" if isinstance(error, PermissionError) else "文件读不出来"
    return InputError(
        both(chinese, f"cannot be read: {first}"),
        where=path,
        remedy=both(
            "核对文件是否完整、内容是否与扩展名相符",
            "check that the file is whole and is what its ending says",
        ),
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn a fault inside a file, met while its rows are read, into an InputError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from None


class Unchanged:
    """Remembers size and time of a file; `check` raises when they are others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = self._state()

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    def check(self) -> None:
        """Raise InputError when the file has changed since it was opened."""
        if self._state() != self.state:
            raise InputError(
                both("文件在读取过程中被改动", "the file changed while it was read"),
                where=self.path,
                remedy=both(
                    "读取时不要改动这些文件，然后重做",
                    "leave it alone while it is read; do it again",
                ),
            )
