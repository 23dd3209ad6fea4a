"""Where results may be written: never over an input, never over an earlier result's folder.

A single file (a comparison, a page) that is given a name in use replaces that file, unless it lies
in a folder of results. Folders and files grow in a work folder beside their place (remains.py) and
appear under their name only when whole. What a killed run leaves behind begins with a dot and ends
with its process and `.part`; the next run at that place deletes it.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from drgpay.ground.errors import InputError, both
from drgpay.ground.remains import clear, delete, mark, unlock

RECORD = "manifest.json"  # lies in each folder of results
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPILL = re.compile(r"drgpay-(\d+)-[a-z0-9_]{8}")
_PART = re.compile(r"\..+\.\d+\.part")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|index)(\..*)?", re.IGNORECASE)
_HELD: dict[Path, int | None] = {}  # spill folders of this process and their locks
WRITTEN: list[Path] = []  # what this process has brought to its place, whole


def new_folder(target: Path, *, empty: bool = False) -> None:
    """Fail early if a new folder cannot be made at `target`; raises InputError.

    `empty`: an empty folder may be there.
    """
    if empty and target.is_dir() and not any(target.iterdir()):
        return _to_be_written(target.parent)
    if target.exists() or target.is_symlink():
        raise InputError(
            both("文件夹不是空的", "the folder is not empty")
            if empty and target.is_dir()
            else both("此处已有文件或文件夹", "there is something at this place already"),
            where=target,
            remedy=both(
                "另取一个新文件夹名：已有的结果从不覆盖",
                "name a new folder: results are never overwritten",
            ),
        )
    _inside_a_folder(target)
    _to_be_written(target.parent)


@contextmanager
def whole_folder(target: Path, *, empty: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes the new folder `target` when all went well.

    It is on the disk before it gets its name. `empty`: an empty folder of that name may be there.
    Raises InputError when `target` is there already, when its parent is not, when another run was
    first, or when there is no room.
    """
    new_folder(target, empty=empty)
    with _work(target) as work:
        grown = work / target.name
        grown.mkdir()
        with room_for(target.parent, grown):
            yield grown
            _to_disk(grown)
        _give_name(grown, target)
        WRITTEN.append(target)


@contextmanager
def _work(target: Path) -> Iterator[Path]:
    """Give a marked work folder beside `target`, which nobody else may enter."""
    clear(target.parent, re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.part"))
    work = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with room_for(target.parent):
            work.mkdir(mode=0o700)
    except FileExistsError:
        raise _another_run(target) from None
    held = None
    try:
        with room_for(target.parent):
            held = mark(work)
        yield work
    finally:
        delete(work)
        unlock(held)


class Files:
    """Files that get their names together, each whole, when all are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._targets: list[Path] = []
        self._gone: list[Path] = []

    def at(self, target: Path) -> Path:
        """Return where the file that will be `target` is to be written."""
        if target not in self._targets:
            self._targets.append(target)
        return self.folder / target.name

    def aside(self, name: str) -> Path:
        """Return an empty file for what is needed only meanwhile; nobody else may read it."""
        path = self.folder / f"{name}.stage"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    def without(self, target: Path) -> None:
        """Let a file of an earlier result under these names vanish with it."""
        self._gone.append(target)

    def give_names(self) -> None:
        """Bring the files to the disk and to their places, the first asked for last."""
        there = [t for t in self._targets if (self.folder / t.name).is_file()]
        for target in there:
            _flush(self.folder / target.name)
        for target in self._gone:
            target.unlink(missing_ok=True)
        for target in reversed(there):
            (self.folder / target.name).replace(target)
            WRITTEN.append(target)


@contextmanager
def whole_files(target: Path) -> Iterator[Files]:
    """Give places to write `target` and the files beside it, which get their names when all is well.

    What was there before stays as it was until then. Raises InputError when there is no room, or
    nothing may be written there.
    """
    _inside_a_folder(target)
    _to_be_written(target.parent)
    with _work(target) as work, room_for(target.parent, work):
        files = Files(work)
        files.at(target)
        yield files
        files.give_names()


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a place to write `target`, which appears under its name only when it is whole."""
    with whole_files(target) as files:
        yield files.at(target)


def refuse_unfinished(folder: Path) -> None:
    """Refuse to read a folder that a run has not finished, or never will; raises InputError."""
    place = folder.absolute()
    if any(_PART.fullmatch(name) for name in (place.name, place.parent.name)):
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
    clear(place, _SPILL)
    with room_for(place):
        made = Path(tempfile.mkdtemp(prefix=f"drgpay-{os.getpid()}-", dir=place))
        _HELD[made] = None
        _HELD[made] = mark(made)
    return made


def drop_folder(folder: Path) -> None:
    """Delete a folder made by `spill_folder`."""
    delete(folder)
    unlock(_HELD.pop(folder, None))


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


def file_names(names: Iterable[str], suffix: str = ".html") -> dict[str, str]:
    """Return a file name for each name of the data that any file system takes, each once.

    None of them leads out of its folder.

    >>> file_names(["H1", "h1", "a/b", "..", "con"])
    {'H1': 'H1.html', 'h1': 'h1~2.html', 'a/b': 'a_b.html', '..': '_.html', 'con': '_con.html'}
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for own in names:
        base = re.sub(r"[^\w.-]", "_", own)[:60].strip(".") or "_"
        if _RESERVED.fullmatch(base):
            base = "_" + base
        name, number = base, 1
        while name.casefold() in used:
            number += 1
            name = f"{base}~{number}"
        used.add(name.casefold())
        found[own] = f"{name}{suffix}"
    return found


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


def _to_be_written(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(
            both("不能在此文件夹中写文件", "nothing can be written into this folder"),
            where=folder,
            remedy=both(
                "另选一个可写的文件夹，或请管理员给予写权限",
                "choose another folder, or have the permission to write granted",
            ),
        )


def _inside_a_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(
            both("没有这个文件夹", "no such folder"),
            where=target.parent,
            remedy=both("先建立该文件夹", "make the folder first"),
        )


def _to_disk(folder: Path) -> None:
    """Let the disk have all files of a folder, so that a power failure leaves none of them empty."""
    if sys.platform == "win32":
        return
    every = [folder, *folder.rglob("*")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_flush, every))


def _flush(path: Path) -> None:
    """Let the disk have a file."""
    if sys.platform == "win32":
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _give_name(temporary: Path, target: Path) -> None:
    try:
        if target.is_dir() and not target.is_symlink():
            target.rmdir()  # refuses one that is not empty
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
    full = _full_disk(error, place)
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


def _full_disk(error: Exception, place: Path) -> Path:
    """Return the folder whose disk is full: that of the file in the error, else the fuller one."""
    spill = Path(tempfile.gettempdir())
    name = getattr(error, "filename", None)
    if isinstance(name, str | bytes | os.PathLike):
        for folder in (spill, place):
            if Path(os.fsdecode(name)).absolute().is_relative_to(folder.absolute()):
                return folder
        return Path(os.fsdecode(name)).parent
    if getattr(error, "errno", None) == errno.EFBIG:
        return place
    return min((place, spill), key=_free)


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
