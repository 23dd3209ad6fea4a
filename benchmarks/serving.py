"""A server to be measured: `drgpay serve` over a folder that has a published year, and its CPU time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from drgpay.service.keys import add_key
from drgpay.service.roles import Role
from drgpay.service.settings import Settings, secret_of
from drgpay.service.store import Store, private_folder

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Serving:
    """A running server: where it listens, a key of the agency, its processes."""

    base: str
    key: str
    process: subprocess.Popen[bytes]

    @property
    def headers(self) -> dict[str, str]:
        """What a request of the agency carries."""
        return {"Authorization": f"Bearer {self.key}"}

    def pids(self) -> list[int]:
        """The server and the processes below it."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
                left += [int(child) for child in children.split()]
        return found

    def cpu_seconds(self) -> dict[int, float]:
        """CPU seconds of each process so far."""
        made = {}
        for pid in self.pids():
            with suppress(OSError):
                parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                made[pid] = (int(parts[11]) + int(parts[12])) / TICKS
        return made

    def memory_mib(self) -> dict[int, float]:
        """What each process holds in memory that is its own."""
        made = {}
        for pid in self.pids():
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                kib = next(line for line in lines if line.startswith("RssAnon"))
                made[pid] = int(kib.split()[1]) / 1024
        return made


def demo(data: Path) -> None:
    """Let a folder have a published year: an invented city, where nothing is published yet."""
    from drgpay.cli.serve_demo import demo_city

    settings = Settings(data=private_folder(data))
    store = Store(settings.url)
    store.upgrade()
    demo_city(settings, store)
    store.close()


@contextmanager
def serving(data: Path, *more: str) -> Iterator[Serving]:
    """Start a server over a folder, wait until it is warm, and end it."""
    settings = Settings(data=data)
    store = Store(settings.url)
    key = add_key(store, secret_of(data), Role.AGENCY, "measured", days=1)
    store.close()
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", "from drgpay.cli import main; main()", "serve", "--data", str(data),
         "--port", str(port), "--rate", "preview=100000000/minute",
         "--rate", "batch=100000000/minute", "--rate", "usual=100000000/minute", *more],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 300
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"{base}/readyz", timeout=5).close()
                break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError("the server does not get warm")
            time.sleep(0.2)
        yield Serving(base, key, process)
    finally:
        process.terminate()
        process.wait(60)
