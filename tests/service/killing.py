"""A server in a process of its own, to be killed under load; and a log of what was ended, by the store."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from drgpay.service.keys import add_key
from drgpay.service.published import publish
from drgpay.service.roles import Role
from drgpay.service.settings import STORE, Settings, secret_of
from drgpay.service.store import Store, private_folder
from tests.service.conftest import EX1, SCHEME

SERVER, JOBS = "server", "process of jobs"
CASES = (EX1 / "cases.csv").read_bytes()
CASES_IN = CASES.count(b"\n") - 1
# each time that a job gets an end, the store itself notes it
NOTES = (
    "create table ended_log (id text, state text)",
    """create trigger ended_note after update of state on jobs
    when new.state in ('done', 'failed') and old.state not in ('done', 'failed')
    begin insert into ended_log values (new.id, new.state); end""",
)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Killed:
    """A server over one folder, started again after each kill; `accepted` are the jobs it took."""

    data: Path
    key: str
    port: int = field(default_factory=free_port)
    accepted: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server."""
        self.process = subprocess.Popen(
            [
                sys.executable, "-c", "from drgpay.cli import main; main()", "serve",
                "--data", str(self.data), "--port", str(self.port), "--scheme", SCHEME,
                "--rate", "batch=100000/minute",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self, which: str) -> None:
        """Kill the server where it stands, or only its process of jobs."""
        assert self.process is not None
        self.kills[which] += 1
        if which == SERVER:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.start()
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for child in children.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def worked(self) -> int:
        """Return how many jobs were begun."""
        with closing(sqlite3.connect(self.data / STORE, timeout=20)) as store:
            return int(store.execute("select coalesce(sum(tries), 0) from jobs").fetchone()[0])

    def stop(self) -> None:
        """End the server in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Return the answer as JSON, None where the server does not answer."""
        own = {"Authorization": f"Bearer {self.key}", **headers}
        request = urllib.request.Request(self.base + path, body, own, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"null")
        except (OSError, ValueError, EOFError):  # refused, broken off, cut short
            return None

    def send(self) -> None:
        """Send an upload, and note the job where it is accepted."""
        told = self.ask(
            "POST", "/v1/preview/batch", CASES, Prefer="respond-async",
            **{"Content-Type": "text/csv"},
        )  # fmt: skip
        if told is not None and "id" in told:
            self.accepted.append(told["id"])

    def until_up(self, seconds: float = 90) -> None:
        """Wait until the server answers."""
        until = time.monotonic() + seconds
        while self.ask("GET", "/healthz") is None:
            assert time.monotonic() < until, "the server does not come up"
            time.sleep(0.05)


def made(data: Path, run: Path) -> Killed:
    """Return a server that is not started, with the worked example published."""
    settings = Settings(data=private_folder(data))
    store = Store(settings.url)
    store.upgrade()
    publish(store, run, "test")
    key = add_key(store, secret_of(data), Role.AGENCY, "test")
    with store.begin() as connection:
        for line in NOTES:
            connection.execute(sa.text(line))
    store.close()
    return Killed(data, key)


def under_load(
    served: Killed,
    kinds: Iterable[str],
    rng: random.Random,
    *,
    senders: int = 2,
    pause: float = 0.15,
) -> None:
    """Send uploads all the time, and kill by kind at moments of chance, mostly while jobs are worked on."""
    over = threading.Event()

    def send() -> None:
        while not over.wait(pause):
            served.send()

    threads = [threading.Thread(target=send) for _ in range(senders)]
    served.start()
    served.until_up()
    for thread in threads:
        thread.start()
    try:
        for number, which in enumerate(kinds):
            before = served.worked()
            until = time.monotonic() + 60
            # each fourth time at once, else when the process of jobs is at work again
            while number % 4 != 3 and served.worked() == before and time.monotonic() < until:
                time.sleep(0.1)
            time.sleep(rng.uniform(0.0, 0.3))
            served.kill(which)
            served.until_up()
    finally:
        over.set()
        for thread in threads:
            thread.join()


def settled(served: Killed, seconds: float) -> dict[str, list[str]]:
    """Wait until every job is ended; return the ends that the store noted, by job."""
    settings = Settings(data=served.data)
    store = Store(settings.url)
    until = time.monotonic() + seconds
    try:
        while True:
            with store.begin() as connection:
                left = connection.execute(
                    sa.text("select count(*) from jobs where state in ('waiting', 'running')")
                ).scalar_one()
                rows = connection.execute(sa.text("select id, state from ended_log")).all()
            if not left:
                break
            assert time.monotonic() < until, f"{left} jobs are not ended"
            time.sleep(0.2)
    finally:
        store.close()
    found: dict[str, list[str]] = {}
    for job_id, state in rows:
        found.setdefault(job_id, []).append(state)
    return found


def tries_of(served: Killed) -> dict[str, int]:
    """Return how often each job was begun."""
    store = Store(Settings(data=served.data).url)
    with store.begin() as connection:
        found = dict(connection.execute(sa.text("select id, tries from jobs")).all())  # type: ignore[arg-type]
    store.close()
    return found


def check(served: Killed, seconds: float = 120) -> str:
    """Fail unless each accepted job is done, once, with its whole result; return what there was."""
    ends = settled(served, seconds)
    lost = [job_id for job_id in served.accepted if job_id not in ends]
    assert not lost, f"{len(lost)} of {len(served.accepted)} accepted jobs are lost"
    twice = {job_id: states for job_id, states in ends.items() if len(states) > 1}
    assert not twice, f"ended twice: {twice}"
    assert {state for states in ends.values() for state in states} == {"done"}
    tries, begun_again = tries_of(served), 0
    for job_id in served.accepted:
        begun_again += tries[job_id] > 1
    for job_id in random.Random(1).sample(served.accepted, min(20, len(served.accepted))):
        told = served.ask("GET", f"/v1/jobs/{job_id}/result?as=json")
        assert told is not None and told["counts"]["in"] == CASES_IN == len(told["cases"])
    return (
        f"{dict(served.kills)} killed, {len(served.accepted)} jobs accepted and done, "
        f"{begun_again} begun again, {len(ends) - len(served.accepted)} whose answer was cut"
    )
