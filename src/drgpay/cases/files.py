"""Files of cases: what of a folder is read, what cannot be read, and what changes meanwhile."""

from __future__ import annotations

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from drgpay.ground.errors import Bilingual, InputError, both

# every way in which the reader of zips fails on a damaged one, but for faults of the system
ZIP_FAULTS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError,
    RuntimeError, ValueError, KeyError, AssertionError, OverflowError,
)  # fmt: skip
SHOWN = 5
_LEFT_LYING = ("~$", "._", ".~")  # begin the names of what programs leave lying about
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", ".ds_store", "__macosx", "_success")


def left_lying(name: str) -> bool:
    """Whether a file or folder is what programs and systems leave lying about.

    >>> left_lying("~$cases.xlsx"), left_lying("Thumbs.db"), left_lying(".cases.csv")
    (True, True, False)
    """
    return name.startswith(_LEFT_LYING) or name.lower() in _LEFT_BY_SYSTEMS


def of_folder(folder: Path, suffixes: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the files of a folder that are to be read, and what must not be passed over.

    Hidden files and folders are no cases, unless they end as files of cases do.
    """
    read: list[Path] = []
    strange: list[Path] = []
    for path in sorted(folder.iterdir()):
        known = path.suffix.lower() in suffixes
        if left_lying(path.name) or (path.name.startswith(".") and not known):
            continue
        fits = known and not path.name.startswith(".") and not path.is_dir()
        (read if fits else strange).append(path)
    return read, strange


def not_passed_over(paths: Sequence[Path]) -> Bilingual:
    """Return what is said of files and folders among the cases that are none."""
    names = [path.name + ("/" if path.is_dir() else "") for path in paths]
    some = "、".join(names[:SHOWN]) + (f" 等{len(names)}项" if len(names) > SHOWN else "")
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return both(
        f"病例文件夹中有读不了的文件或子文件夹：{some}",
        f"files or folders among the cases that cannot be read: {', '.join(names[:SHOWN])}{more}",
    )


OUT_OF_THE_FOLDER = both(
    "移出或改名；子文件夹单独给出，或把其中的文件移上来",
    "take them out or rename them; give a folder inside on its own, or move its files up",
)


def no_file(path: Path) -> InputError:
    """Return the fault of a file that is not there."""
    remedy = both("核对路径", "check the path")
    return InputError(both("没有这个文件", "no such file"), where=path, remedy=remedy)


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
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None


@contextmanager
def whole_zip(path: Path) -> Iterator[None]:
    """Turn every fault of a damaged zip into an InputError."""
    try:
        yield
    except ZIP_FAULTS as error:
        raise _damaged_zip(path) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place before the beginning of the file
            raise _damaged_zip(path) from error
        raise unreadable(path, error) from error


def _damaged_zip(path: Path) -> InputError:
    return InputError(
        both("压缩包损坏或格式不支持", "the zip is damaged or of an unsupported kind"),
        where=path,
        remedy=both("重新压缩为普通zip", "pack it again as a plain zip"),
    )


class Unchanged:
    """Remembers size and time of a file; `check` raises when they are others.

    As a context it checks at the end, and before another refusal: a file that was replaced can look
    damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = self._state()

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    def __enter__(self) -> Unchanged:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None or issubclass(kind, InputError):
            self.check()

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
