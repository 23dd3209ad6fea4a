"""Several workers on one PostgreSQL: they start, are replaced when one dies, and end together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from drgpay.service.keys import add_key
from drgpay.service.roles import Role
from drgpay.service.settings import secret_of
from drgpay.service.store import Store, private_folder
from tests.command import drgpay
from tests.readers import servers
from tests.service.conftest import SCHEME
from tests.service.stores import database, need_postgresql

CASE = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"]}


def children(pid: int) -> list[int]:
    """Return the processes that answer, of a supervisor."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            words = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in words:
            found.append(int(path.parent.name))
    return found


def answered(client: httpx2.Client, key: str) -> bool:
    try:
        headers = {"Authorization": f"Bearer {key}"}
        return client.post("/v1/preview", json=CASE, headers=headers).status_code == 200
    except httpx2.TransportError:
        return False


def wait(true: object, seconds: float, what: str) -> None:
    assert callable(true)
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.2)


def test_workers__of_sqlite_are_refused(tmp_path: Path) -> None:
    made = drgpay("serve", "--data", tmp_path, "--workers", "2")
    assert made.returncode == 5 and "PostgreSQL" in made.stderr
    made = drgpay(
        "serve", "--data", tmp_path, "--workers", "2", "--database", f"sqlite:///{tmp_path}/x"
    )
    assert made.returncode == 5 and "PostgreSQL" in made.stderr


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")
def test_workers__are_replaced_and_end_together(tmp_path: Path) -> None:
    need_postgresql()
    data = private_folder(tmp_path / "data")
    with servers.postgresql_server() as server, database(server) as url:
        store = Store(url)
        store.upgrade()
        key = add_key(store, secret_of(data), Role.AGENCY, "a")
        store.close()
        words = ["serve", "--data", data, "--database", url, "--workers", "2", "--port", "0"]
        running = subprocess.Popen(
            [sys.executable, "-m", "drgpay", *map(str, words), "--scheme", SCHEME],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            assert running.stdout is not None
            port = re.search(r":(\d+)/", running.stdout.readline())
            assert port is not None
            with httpx2.Client(base_url=f"http://127.0.0.1:{port[1]}", timeout=30) as client:
                wait(lambda: answered(client, key), 240, "nobody answers")
                wait(lambda: len(children(running.pid)) == 2, 60, "there are not two workers")
                first = children(running.pid)
                os.kill(first[0], signal.SIGKILL)
                wait(
                    lambda: len(set(children(running.pid)) - {first[0]}) == 2, 120,
                    "the dead worker is not replaced",
                )  # fmt: skip
                wait(lambda: answered(client, key), 120, "nobody answers any more")
                workers = children(running.pid)
            running.send_signal(signal.SIGTERM)
            assert running.wait(90) in (0, -signal.SIGTERM)
            assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        finally:
            if running.poll() is None:
                for pid in [running.pid, *children(running.pid)]:
                    os.kill(pid, signal.SIGKILL)
                running.wait(30)
            assert running.stdout is not None
            running.stdout.close()
