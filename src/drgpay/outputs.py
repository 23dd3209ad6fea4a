"""Where results may be written: never over an input, never over an earlier result's folder.

A single file (a comparison, a page) that is given a name in use replaces that file, unless it lies
in a folder of results. Folders appear under their name only when whole. What a killed run leaves behind begins with a dot
and ends with its process and `.part`; the next run at that place deletes it.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from drgpay.errors import InputError, both

if sys.platform != "win32":
    import fcntl

RECORD = "manifest.json"  # lies in each folder of results
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPILL = re.compile(r"drgpay-(\d+)-.+")
_PART = re.compile(r"\..+\.\d+\.part")
_HELD: dict[Path, int | None] = {}  # spill folders of this process and their locks


def new_folder(target: Path) -> None:
    """Fail early if a new folder cannot be made at `target`; raises InputError."""
    if target.exists():
        raise InputError(
            both("此处已有文件或文件夹", "there is something at this place already"),
            where=target,
            remedy=both(
                "另取一个新文件夹名：已有的结果从不覆盖",
                "name a new folder: results are never overwritten",
            ),
        )
    _inside_a_folder(target)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(
            both("不能在此文件夹中写文件", "nothing can be written into this folder"),
            where=target.parent,
            remedy=both(
                "另选一个可写的文件夹，或请管理员给予写权限",
                "choose another folder, or have the permission to write granted",
            ),
        )


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes the new folder `target` when all went well.

    It is on the disk before it gets its name. Raises InputError when `target` is there already,
    when its parent is not, when another run was first, or when there is no room.
    """
    new_folder(target)
    name = re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.part")
    _clear(target.parent, name)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.mkdir()
    except FileExistsError:
        raise _another_run(target) from None
    held = _lock(temporary)
    try:
        with room_for(target.parent, temporary):
            yield temporary
            _to_disk(temporary)
        _give_name(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        _unlock(held)


def refuse_unfinished(folder: Path) -> None:
    """Refuse to read a folder that a run has not finished, or never will; raises InputError."""
    if _PART.fullmatch(folder.absolute().name):
        raise InputError(
            both("这是没有写完的结果，不能使用", "this is an unfinished result, not to be used"),
            where=folder,
            remedy=both(
                "重新运行；同一处的下一次运行会清除它",
                "run again: the next run at that place deletes it",
            ),
        )


@contextmanager
def room_for(place: Path, written: Path | None = None) -> Iterator[None]:
    """Turn a fault for want of room on the disk of `place` into an InputError that says so.

    `written`: the folder that is being filled.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if not _for_want_of_room(error):
            raise
        raise no_room(error, place, written) from None


def spill_folder(parent: Path | None = None) -> Path:
    """Make a folder for what does not fit in memory, in `parent` or the system's temporary folder.

    Those of processes that were killed are deleted. `drop_folder` deletes it.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    _clear(place, _SPILL)
    with room_for(place):
        made = Path(tempfile.mkdtemp(prefix=f"drgpay-{os.getpid()}-", dir=place))
    _HELD[made] = _lock(made)
    return made


def drop_folder(folder: Path) -> None:
    """Delete a folder made by `spill_folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    _unlock(_HELD.pop(folder, None))


@atexit.register
def _drop_own() -> None:
    """Delete what an interrupted process has not; a forked one leaves its parent's."""
    for folder in list(_HELD):
        if folder.name.startswith(f"drgpay-{os.getpid()}-"):
            drop_folder(folder)


def result_file(path: Path, suffixes: Sequence[str]) -> str:
    """Return the ending of a file to be written; raises InputError unless it is one of these.

    A file of an earlier result's folder is refused; any other file of that name is replaced.
    """
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise InputError(
            both(
                f"不能写扩展名为 {suffix} 的文件" if suffix else "结果文件没有扩展名",
                f"cannot write {suffix or 'a file without ending'}",
            ),
            where=path,
            remedy=both(
                f"扩展名用 {' 或 '.join(suffixes)}", f"end the name with {' or '.join(suffixes)}"
            ),
        )
    _inside_a_folder(path)
    if path.exists() and any((f / RECORD).is_file() for f in path.absolute().parents[:2]):
        raise InputError(
            both("此处是已有结果中的文件", "this is a file of an earlier result"),
            where=path,
            remedy=both(
                "另取一个名称或文件夹：已有的结果从不覆盖",
                "choose another name or folder: results are never overwritten",
            ),
        )
    return suffix


def not_an_input(targets: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Refuse to write over an input or a folder; raises InputError."""
    given = {os.path.realpath(name) for name in inputs}
    for target in targets:
        if os.path.realpath(target) in given:
            raise InputError(
                both("结果文件与一个输入文件相同", "the output is one of the inputs"),
                where=target,
                remedy=both("另取一个名称", "choose another name"),
            )
        if target.is_dir():
            raise InputError(
                both("此处是一个文件夹", "this is a folder"),
                where=target,
                remedy=both("另取一个名称", "choose another name"),
            )


def _inside_a_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(
            both("没有这个文件夹", "no such folder"),
            where=target.parent,
            remedy=both("先建立该文件夹", "make the folder first"),
        )


def _lock(folder: Path) -> int | None:
    """Return a lock on a folder that ends with its process; None where it cannot be had."""
    if sys.platform == "win32":
        return None
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _clear(parent: Path, name: re.Pattern[str]) -> None:
    """Delete the folders of this user's processes that are no more.

    The lock tells them from those of processes that cannot be seen from here (containers).
    """
    if sys.platform == "win32":
        return
    try:
        remains = [path for path in parent.iterdir() if name.fullmatch(path.name)]
    except OSError:
        return
    for path in remains:
        found = name.fullmatch(path.name)
        if found is None or _runs(int(found[1])):
            continue
        lock = _lock(path)
        if lock is None:
            continue
        facts = os.fstat(lock)
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid():
            shutil.rmtree(path, ignore_errors=True)
        _unlock(lock)


def _runs(process: int) -> bool:
    """Whether another process of this number runs."""
    if process == os.getpid():
        return False  # its own folders hold their locks
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _to_disk(folder: Path) -> None:
    """Let the disk have all files of a folder, so that a power failure leaves none of them empty."""
    if sys.platform == "win32":
        return
    every = [folder, *folder.rglob("*")]

    def flush(path: Path) -> None:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(flush, every))


def _give_name(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise _another_run(target) from None


def _another_run(target: Path) -> InputError:
    return InputError(
        both(
            "另一次运行同时在写这一结果，本次结果没有写出",
            "another run has been writing this result at the same time; this one wrote nothing",
        ),
        where=target,
        remedy=both(
            "核对那一次的结果，或另取一个文件夹名再运行",
            "see the other run's result, or run again with another name",
        ),
    )


def _for_want_of_room(error: BaseException | None) -> bool:
    """Whether an error, or what led to it, is a full disk; libraries tell it by text alone."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return True
        text = str(error)
        if any(os.strerror(number) in text for number in NO_ROOM):
            return True
        error = error.__cause__ or error.__context__
    return False


def no_room(error: Exception, place: Path, written: Path | None = None) -> InputError:
    """Return the refusal: which disk is full, how much was written, how much is left."""
    spill = Path(tempfile.gettempdir())
    full = min((place, spill), key=_free)
    done = 0 if written is None else _size(written)
    name = getattr(error, "filename", None)
    at = [both(f"写到 {Path(name).name}", f"at {Path(name).name}")] if name else []
    return InputError(
        both("磁盘已满，结果没有写出", "the disk is full; no result was written"),
        where=full,
        faults=[
            *at,
            both(
                f"至此已写 {_megabytes(done)} MB，此盘只剩 {_megabytes(_free(full))} MB；"
                "单个文件的大小也可能受到限制",
                f"{_megabytes(done)} MB were written, {_megabytes(_free(full))} MB are left there; "
                "the size of a file may be limited, too",
            ),
        ],
        remedy=both(
            "腾出磁盘空间后重新运行；或把结果写到另一磁盘，或以环境变量 TMPDIR 另指临时文件夹",
            "make room and run again; or write to another disk, or let TMPDIR name another folder "
            "for temporary files",
        ),
    )


def _free(place: Path) -> int:
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return 0


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError:
        return 0


def _megabytes(size: int) -> str:
    return f"{size // 10**6:,}.{size // 10**5 % 10}"
