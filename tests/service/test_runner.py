"""The server's side of jobs: its process is started again whatever befell it, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from drgpay.service import job_runner
from drgpay.service.job_runner import Runner
from drgpay.service.problems import Problem
from drgpay.service.settings import Settings

# reads its settings and says that it is ready; makes of each file a problem of many faults
PROCESS = """
import json, sys
sys.stdin.readline()
print("ready", flush=True)
fault = {"field": "x", "message": "字" * 900, "remedy": ""}
told = {"type": "urn:x:input", "title": "错", "status": 422, "errors": [fault] * 20}
for line in sys.stdin:
    if line.startswith("render"):
        print("rendered", line.split()[1], json.dumps({"problem": {"zh": told, "en": told}}), flush=True)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a small process in the place of the real one, and short pauses."""
    monkeypatch.setattr(job_runner, "_COMMAND", (sys.executable, "-c", PROCESS))
    monkeypatch.setattr(job_runner, "AGAIN_SECONDS", 0.01)


def run(settings: Settings, act: Callable[[Runner], Awaitable[None]]) -> None:
    """Run a runner while something is done with it."""

    async def both() -> None:
        runner = Runner(settings)
        task = asyncio.create_task(runner.run())
        runner.wake()
        try:
            await asyncio.wait_for(act(runner), 30)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(both())


async def until(holds: Callable[[], bool]) -> None:
    """Give way until something holds."""
    while not holds():
        await asyncio.sleep(0.01)


def test_runner__whose_folder_cannot_be_written_tries_on_and_tells_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"  # not there: no lock can be made in it

    async def act(runner: Runner) -> None:
        await until(lambda: bool(caplog.records))
        await asyncio.sleep(0.1)
        data.mkdir()
        await until(lambda: runner.ready)

    with caplog.at_level(logging.ERROR):
        run(Settings(data=data), act)
    told = [r.getMessage() for r in caplog.records if "no process of jobs" in r.getMessage()]
    assert len(told) == 1 and "FileNotFoundError" in told[0]


def test_runner__is_told_a_problem_longer_than_a_line_of_asyncio(tmp_path: Path) -> None:
    async def act(runner: Runner) -> None:
        await until(lambda: runner.ready)
        with pytest.raises(Problem) as found:
            await runner.render("0" * 24, "result", "csv", "zh")
        assert found.value.status == 422 and len(found.value.faults) == 20

    run(Settings(data=tmp_path), act)


def test_runner__of_a_line_that_is_too_long_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "LONGEST_LINE", 4096)

    async def act(runner: Runner) -> None:
        await until(lambda: runner.ready)
        first = runner._process
        for _ in range(2):
            with pytest.raises(Problem) as found:
                await runner.render("0" * 24, "result", "csv", "zh")
            assert found.value.status == 500
        assert runner.ready and runner._process is first

    run(Settings(data=tmp_path), act)
