"""The server's side of jobs: one process that works on them on this machine, watched and woken."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from drgpay.ground.errors import both
from drgpay.service.job_process import settings_line
from drgpay.service.outer import LOG, where_of
from drgpay.service.problems import At, Problem, own_fault
from drgpay.service.rows import MIB
from drgpay.service.settings import Settings

try:
    import fcntl
except ImportError:  # Windows: one server works on the jobs of a folder
    fcntl = None  # type: ignore[assignment]

LOCK = "jobs.lock"
AGAIN_SECONDS = 2.0
LONGEST_LINE = 16 * MIB  # a problem may name 200 faults, each in both languages
_COMMAND = (sys.executable, "-P", "-m", "drgpay.service.job_process")


class Runner:
    """Starts the process of jobs when there is work, again when it ended, and tells what it told.

    Of several servers over one folder the one that holds the lock has the process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ready = False
        self._wanted = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._ended: dict[str, asyncio.Event] = {}
        self._rendering = asyncio.Semaphore(1)
        self._asked = 0
        self._answers: dict[str, asyncio.Future[str]] = {}

    def wake(self) -> None:
        """There is a job: start the process if it does not live, tell it if it does."""
        self._wanted.set()
        process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError, RuntimeError):
                process.stdin.write(b"\n")

    async def ended(self, job_id: str, seconds: float, look: Callable[[], Any]) -> Any:
        """Wait until `look`, asked on a thread, gives something, at most so long; None when not.

        The process tells what it has ended; of a process of another server it is looked for.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        event = self._ended.setdefault(job_id, asyncio.Event())
        pause = 0.05
        try:
            while True:
                found = await asyncio.to_thread(look)
                if found is not None or loop.time() >= until:
                    return found
                event.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), min(pause, until - loop.time()))
                pause = min(0.25, pause * 1.5)
        finally:
            self._ended.pop(job_id, None)

    async def run(self) -> None:
        """Keep the process alive, from the first job on, whatever its machine lacks meanwhile."""
        told = ""
        try:
            while True:
                await self._wanted.wait()
                try:
                    await self._held()
                    told = ""
                except OSError as error:  # no room, no process, not to be written
                    if told != (told := where_of(error)):
                        LOG.error("no process of jobs: %s", told)
                    await self._stopped()
                    self._forget()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            await self._stopped()

    async def _held(self) -> None:
        """Have the process as long as it lives, where no other server over this folder has it."""
        lock = _locked(self.settings.data / LOCK)
        if lock is None:
            return
        try:
            await self._watched()
        finally:
            _unlocked(lock)

    async def _watched(self) -> None:
        """Start the process and read what it tells until it ends."""
        process = self._process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            start_new_session=True,  # an interrupt of the terminal is the server's to pass on
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(settings_line(self.settings).encode())
        while line := await _line_of(process.stdout):
            word, _, rest = line.decode().strip().partition(" ")
            if word == "ready":
                self.ready = True
            elif word == "ended" and rest in self._ended:
                self._ended[rest].set()
            elif word == "rendered":
                number, _, text = rest.partition(" ")
                asked = self._answers.pop(number, None)
                if asked is not None and not asked.done():
                    asked.set_result(text)
            elif word != "ended":  # of a line that was too long: whose it was is lost
                self._answer_nothing()
        status = await process.wait()
        self._process = None
        self._forget()
        LOG.error("the process of jobs has ended: %s", status)

    def _forget(self) -> None:
        """Let nobody wait for a process that is gone."""
        self.ready = False
        self._answer_nothing()

    def _answer_nothing(self) -> None:
        for asked in self._answers.values():
            if not asked.done():
                asked.set_result("")
        self._answers.clear()

    async def _stopped(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()  # it ends when its standing input does
        with suppress(TimeoutError):  # what it still says is read: it does not end before
            await asyncio.wait_for(process.communicate(), 5.0)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def render(self, job_id: str, result: str, kind: str, lang: str) -> str:
        """Make a file of a result outside this process; return its name. Raises Problem."""
        process = self._process
        async with self._rendering:
            if self.ready and process is not None and process.stdin is not None:
                self._asked += 1
                answered = asyncio.get_running_loop().create_future()
                self._answers[str(self._asked)] = answered
                line = f"render {self._asked} {job_id} {result} {kind} {lang}\n"
                process.stdin.write(line.encode())
                text = await answered
            else:
                text = await self._by_another(job_id, result, kind, lang)
        answer = json.loads(text or b'{"problem": null}')
        if "file" not in answer:
            raise problem_of(answer["problem"])
        return Path(answer["file"]).name

    async def _by_another(self, *asked: str) -> bytes:
        """Let a process of its own make a file: where this server has none that works on jobs."""
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, *asked, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            line, _ = await process.communicate(settings_line(self.settings).encode())
        finally:
            if process.returncode is None:
                process.kill()
        return line


async def _line_of(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, a mere mark for one that is too long, nothing at the end."""
    try:
        return await stream.readline()
    except ValueError:
        return b"too long\n"


def problem_of(told: Any) -> Problem:
    """Return the problem that another process told in both languages."""
    if not told or "zh" not in told:
        return own_fault()
    zh, en = told["zh"], told["en"]
    faults = [
        At(z["field"], both(z["message"], e["message"]), both(z["remedy"], e["remedy"]))
        for z, e in zip(zh.get("errors", ()), en.get("errors", ()), strict=True)
    ]
    return Problem(
        zh["status"],
        str(zh["type"]).rpartition(":")[2],
        both(zh["title"], en["title"]),
        both(zh["detail"], en["detail"]) if "detail" in zh else "",
        faults=faults,
    )


def _locked(path: Path) -> int | None:
    """Return a lock of this machine on a folder's jobs, None where another server has it."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if fcntl is None:
        return number
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number


def _unlocked(number: int) -> None:
    os.close(number)
