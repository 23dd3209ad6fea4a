"""Work folders: where results grow until they are whole, and what killed processes leave of them.

Each holds a file that says whose it is: process, its start, the start of the machine, its name.
Nothing is ever taken for a remain, and deleted, that does not hold this file: a name proves nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import stat
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import fcntl

MARK = ".drgpay-work"
_LONGEST = 4096  # bytes of a mark
_KIND = "drgpay work folder"


def mark(folder: Path) -> int | None:
    """Mark a new folder as work of this process; returns its lock, None where it cannot be had."""
    text = json.dumps({"kind": _KIND, **_facts(os.getpid())}, ensure_ascii=False)
    lock = _lock(folder)
    with (folder / MARK).open("x", encoding="utf-8") as stream:
        stream.write(text + "\n")
    return lock


def unlock(lock: int | None) -> None:
    """Give up a lock."""
    if lock is not None:
        os.close(lock)


def delete(folder: Path) -> None:
    """Delete a work folder, its mark last: who is killed meanwhile leaves what can be told."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != MARK:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def clear(parent: Path, name: re.Pattern[str]) -> None:
    """Delete marked work folders of this user's processes that are no more.

    `name`: what they are called, the process in its first group. The lock tells them from those of
    processes that cannot be seen from here (containers). One that a process was killed before or
    after it was marked holds nothing, and may not be entered by others.
    """
    if sys.platform == "win32":
        return
    try:
        remains = [path for path in parent.iterdir() if name.fullmatch(path.name)]
    except OSError:
        return
    for path in remains:
        found = name.fullmatch(path.name)
        lock = None if found is None else _lock(path)
        if found is None or lock is None:
            continue
        facts = os.fstat(lock)
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid():
            if _left_by_the_dead(lock, int(found[1])):
                delete(path)
            elif facts.st_mode & 0o777 == 0o700 and not _lives({"process": int(found[1])}):
                with suppress(OSError):
                    path.rmdir()  # refuses one that is not empty
        unlock(lock)


def _left_by_the_dead(folder: int, process: int) -> bool:
    """Whether an opened folder holds the mark of a process of this number that is no more."""
    try:
        opened = os.open(MARK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return False
    try:
        facts = os.fstat(opened)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            return False
        said = json.loads(os.read(opened, _LONGEST))
    except (OSError, ValueError, RecursionError):
        return False
    finally:
        os.close(opened)
    if not isinstance(said, dict) or said.get("kind") != _KIND or said.get("process") != process:
        return False
    return not _lives(said)


def _lives(said: dict[str, Any]) -> bool:
    """Whether the process of a mark still runs, as far as can be known; in doubt it does."""
    number = int(said["process"])
    boot = _boot()
    if said.get("boot") and boot and said["boot"] != boot:
        return said.get("host") != platform.node()  # another machine's, on a shared disk
    if number == os.getpid() and said.get("start", "") in ("", _start(number)):
        return True  # its own
    if said.get("start") and (started := _start(number)):
        return bool(said["start"] == started)
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _facts(process: int) -> dict[str, Any]:
    return {
        "process": process,
        "start": _start(process),
        "boot": _boot(),
        "host": platform.node(),
    }


def _start(process: int) -> str:
    """Return when a process started, in ticks since the machine did; empty where it is not told."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return ""
    fields = text.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


@cache
def _boot() -> str:
    """Return what the machine calls this start of itself; empty where it has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


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
