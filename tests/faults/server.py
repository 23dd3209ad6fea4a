"""A process that has imported everything once and forks a child for each command to be disturbed.

Orders come as lines of JSON on standard input, answers go back the same way. A child is the command
line itself (`drgpay.cli.main`); it notes the phase it is in where its parent can see it.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import mmap
import os
import pathlib
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any

PHASES = (
    "start", "reading", "settling", "writing", "manifest", "excel", "database", "report",
    "naming", "named",
)  # fmt: skip
HOOKS = {
    "reading": ("drgpay.settlement.year_end", "prepare_year"),
    "settling": ("drgpay.settlement.year_end", "settle_prepared"),
    "writing": ("drgpay.runs.writer", "write_table"),
    "manifest": ("drgpay.runs.folder", "manifest"),
    "excel": ("drgpay.report.settlement_excel", "write_settlement_excel"),
    "database": ("drgpay.runs.database", "write_run_database"),
    "report": ("drgpay.report.html", "write_report"),
}
PAUSE = 0.005  # around the renaming, an instant that no signal from outside would meet
SLOT = struct.Struct("d")


class Track:
    """Which phases a child has entered and when, in memory that its parent shares."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SLOT.size * len(PHASES))

    def clear(self) -> None:
        """Forget the last child."""
        self.memory[:] = bytes(len(self.memory))

    def enter(self, phase: str) -> None:
        """Note that a phase begins, unless it did before."""
        place = SLOT.size * PHASES.index(phase)
        if not SLOT.unpack_from(self.memory, place)[0]:
            SLOT.pack_into(self.memory, place, time.monotonic())

    def times(self) -> dict[str, float]:
        """Return when each phase that was entered began."""
        found = {}
        for number, phase in enumerate(PHASES):
            at = SLOT.unpack_from(self.memory, SLOT.size * number)[0]
            if at:
                found[phase] = at
        return found


def watch(track: Track) -> None:
    """Let the functions that begin a phase note it."""

    def noting(phase: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def call(*given: Any, **named: Any) -> Any:
            track.enter(phase)
            return work(*given, **named)

        return call

    prepare: Any = importlib.import_module("drgpay.settlement.prepare")
    prepare.any_grouper = functools.lru_cache(prepare.any_grouper)  # loading is not disturbed
    for phase, (module, name) in HOOKS.items():
        owner = importlib.import_module(module)
        setattr(owner, name, noting(phase, getattr(owner, name)))
    rename = pathlib.Path.rename

    def renaming(self: pathlib.Path, target: Any) -> Any:
        if not self.is_dir():
            return rename(self, target)
        track.enter("naming")
        time.sleep(PAUSE)
        found = rename(self, target)
        track.enter("named")
        time.sleep(PAUSE)
        return found

    pathlib.Path.rename = renaming  # type: ignore[assignment,method-assign]


def child(order: dict[str, Any], track: Track, out: str, err: str) -> None:
    """Become the command; never returns."""
    from drgpay import cli

    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(order.get("env", {}))
    tempfile.tempdir = None
    time.tzset()
    os.umask(order.get("umask", 0o022))
    if "cwd" in order:
        os.chdir(order["cwd"])
    if "hook" in order:
        module, name = order["hook"].split(":")
        getattr(importlib.import_module(module), name)(*order.get("given", ()))
    if "fsize" in order:
        sys.dont_write_bytecode = True  # Python would cut it short, for all who import it later
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["fsize"], order["fsize"]))
    if "uid" in order:
        os.setgroups([])
        os.setgid(order["uid"])
        os.setuid(order["uid"])
    sys.argv = ["drgpay", *order["words"]]
    code = 0
    track.enter("start")
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    # what an interpreter does when it ends, but for libraries whose threads a fork does not have
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Server:
    """Forks, kills and reports."""

    def __init__(self, folder: str) -> None:
        self.folder, self.track = folder, Track()
        self.started: dict[int, tuple[str, str]] = {}

    def start(self, order: dict[str, Any]) -> int:
        """Fork a child and return its number."""
        number = len(self.started)
        out, err = (os.path.join(self.folder, f"{number}.{name}") for name in ("out", "err"))
        pid = os.fork()
        if not pid:
            child(order, self.track, out, err)
        self.started[pid] = out, err
        return pid

    def strike(self, pid: int, order: dict[str, Any]) -> None:
        """Send the signal when the child has been in the phase aimed at for so many seconds."""
        while order["aim"] not in self.track.times():
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.0003)
        time.sleep(order["seconds"])
        os.kill(pid, getattr(signal, order.get("signal", "SIGKILL")))

    def finish(self, pid: int) -> dict[str, Any]:
        """Wait for a child and return what became of it."""
        _, status = os.waitpid(pid, 0)
        out, err = self.started[pid]
        with open(out, encoding="utf-8") as stream, open(err, encoding="utf-8") as errors:
            texts = stream.read(), errors.read()
        return {
            "pid": pid,
            "code": os.waitstatus_to_exitcode(status),
            "out": texts[0],
            "err": texts[1],
            "times": self.track.times(),
            "ended": time.monotonic(),
        }

    def answer(self, order: dict[str, Any]) -> Any:
        """Do what a line says."""
        if order["do"] == "wait":
            return self.finish(order["pid"])
        self.track.clear()
        pid = self.start(order)
        if order["do"] == "start":
            return pid
        if "aim" in order:
            self.strike(pid, order)
        return self.finish(pid)


def main() -> None:
    """Serve until standard input ends."""
    import drgpay.cli

    server = Server(sys.argv[1])
    watch(server.track)
    drgpay.cli.cli  # noqa: B018
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "warm":
            # in this very process: compiled kernels and schemes are inherited by all children
            with open(os.devnull, "w") as nothing:
                stdout, sys.stdout = sys.stdout, nothing
                drgpay.cli.cli.main(order["words"], standalone_mode=False)
                sys.stdout = stdout
            found: Any = server.track.times()
        else:
            found = server.answer(order)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
