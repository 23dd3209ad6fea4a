"""The command line in children of a server that has everything imported (server.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: a signal), what it said, its phases and times."""

    pid: int
    code: int
    out: str
    err: str
    times: dict[str, float]
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.times["start"]

    @property
    def phase(self) -> str:
        """The last phase that it entered."""
        return max(self.times, key=lambda name: self.times[name], default="start")


class Commands:
    """Runs commands in forked children; use it as a context manager."""

    def __init__(self, folder: Path, lang: str = "zh") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server", str(folder)],
            cwd=ROOT,
            env={**os.environ, "DRGPAY_LANG": lang},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, *reason: object) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _ask(self, **order: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def warm(self, *words: object) -> None:
        """Run a command in the server itself, whose children need not compile it again."""
        self._ask(do="warm", words=[str(word) for word in words])

    def run(self, *words: object, **options: Any) -> Ended:
        """Run a command to its end, or to that which the options bring about (server.py)."""
        return Ended(**self._ask(do="run", words=[str(word) for word in words], **options))

    def start(self, *words: object, **options: Any) -> int:
        """Start a command and return its process."""
        return int(self._ask(do="start", words=[str(word) for word in words], **options))

    def wait(self, pid: int) -> Ended:
        """Wait for a started command."""
        return Ended(**self._ask(do="wait", pid=pid))
