"""What children of the server do before their command begins (server.py)."""

from __future__ import annotations

import datetime
import importlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any


def on_disk() -> None:
    """Let the cases of the year and the history lie on disk, however few they are."""
    prepare: Any = importlib.import_module("drgpay.settlement.prepare")
    history: Any = importlib.import_module("drgpay.points.history")
    prepare.prepare.__kwdefaults__["memory_cases"] = 0
    history.ROWS_IN_HAND = 10


def asked_in_query(name: str) -> None:
    """Let the run be in a query of DuckDB that would not end when it is asked to."""
    year_end: Any = importlib.import_module("drgpay.settlement.year_end")

    def unending(*given: object, **named: object) -> None:
        from drgpay.runs.duck import connection

        with connection(threads=1) as connected:
            # once the connection stands: what comes while libraries load may be swallowed there
            ask = threading.Timer(0.2, os.kill, (os.getpid(), getattr(signal, name)))
            ask.start()
            connected.execute(
                "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b"
            )

    year_end.prepare_year = unending


def clock(seconds: float) -> None:
    """Let every clock that Python code can ask run so much ahead, or behind when negative."""
    real, real_ns = time.time, time.time_ns

    class Kind(type):
        """Dates made before are dates still."""

        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, cls.__mro__[1])

    class Shifted(datetime.datetime, metaclass=Kind):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real_time.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return real_time.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return real_time.fromtimestamp(time.time())

    class Day(datetime.date, metaclass=Kind):
        @classmethod
        def today(cls) -> Any:
            return real_day.fromtimestamp(time.time())

    real_time, real_day = datetime.datetime, datetime.date
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 10**9)
    datetime.datetime, datetime.date = Shifted, Day  # type: ignore[misc]


def slip() -> None:
    """Set the clock back by a day each time that it is asked."""
    real, asked = time.time, iter(range(10**9))
    time.time = lambda: real() - 86400 * next(asked)


def _before(module: str, name: str, act: Any) -> None:
    """Let something happen once, right before a function is called."""
    owner: Any = importlib.import_module(module)
    work = getattr(owner, name)
    waiting = [act]

    def call(*given: Any, **named: Any) -> Any:
        if waiting:
            waiting.pop()()
        return work(*given, **named)

    setattr(owner, name, call)


def _meddle(path: Path, how: str) -> None:
    if how == "deleted":
        path.unlink()
    elif how == "cut":
        with path.open("rb+") as stream:
            stream.truncate(path.stat().st_size // 2)
    elif how == "longer":
        with path.open("ab") as stream:
            stream.write(b"\n")
    elif how == "replaced":
        other = path.with_name("~new")
        other.write_bytes(path.read_bytes())
        other.replace(path)
    else:
        data = path.read_bytes()
        path.write_bytes(data.replace(b"H1", b"H2"))
        facts = path.stat()
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))


def meddle(path: str, how: str, when: str) -> None:
    """Change or delete an input while it is being read, or when it has been."""
    act = lambda: _meddle(Path(path), how)  # noqa: E731
    if when == "opened":
        _before("drgpay.settlement.prepare", "open_source", act)
    elif when == "reading":
        _before("drgpay.settlement.prepare", "group_piece", act)
    else:
        _before("drgpay.settlement.prepare", "input_files", act)


def at_the_end(path: str) -> None:
    """Let another run take the name right before this one would."""

    def act() -> None:
        os.mkdir(path)
        Path(path, "other").write_text("the other run's", encoding="utf-8")

    _before("drgpay.ground.outputs", "_give_name", act)


def open_to_all(folder: str) -> None:
    """Let everybody write into a folder."""
    os.chmod(folder, 0o777)


def killed_when_staged() -> None:
    """Die, as by a lack of memory, when the cases to be converted lie aside."""
    _before("drgpay.cases.convert", "net_refunds", lambda: os.kill(os.getpid(), signal.SIGKILL))
