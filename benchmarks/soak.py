"""Mixed load for some minutes: no fault of the server, and its memory flat.

`python -m benchmarks.soak [--minutes 20] [--data FOLDER]`, or `make soak`: previews with and without
explanation, batches at once and as jobs, look-ups and pages, and senders that are slow.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serve_batch import CASE, files
from benchmarks.serving import Serving, demo, serving

SLOW = 500
GROWTH = 1.10  # the last third of the time over the second one, of memory
PATHS = ("/healthz", "/v1/me", "/v1/codes?q=I63", "/v1/schemes", "/v1/jobs", "/", "/metrics")


class Load:
    """What was asked, and what was answered."""

    def __init__(self, served: Serving, made: dict[str, Path]) -> None:
        self.served, self.made = served, made
        self.over = threading.Event()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.times: dict[str, list[float]] = {}
        self.lock = threading.Lock()

    def ask(
        self, what: str, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Ask, and note status and seconds; 0 where the connection broke."""
        place = urlsplit(self.served.base)
        started = time.perf_counter()
        try:
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
            connection.request(method, path, body, {**self.served.headers, **headers})
            answer = connection.getresponse()
            status, text = answer.status, answer.read()
            connection.close()
        except (OSError, http.client.HTTPException):
            status, text = 0, b""
        with self.lock:
            self.answers[what, status] += 1
            self.times.setdefault(what, []).append(time.perf_counter() - started)
        return status, text

    def previews(self, explained: bool) -> None:
        """Ask for one preview after another."""
        rng = random.Random(1)
        path = "/v1/preview?explain=true" if explained else "/v1/preview"
        while not self.over.wait(0.01 if not explained else 0.05):
            case = {**CASE, "age_years": rng.randrange(1, 95), "los_days": rng.randrange(1, 60)}
            self.ask(
                "explanation" if explained else "preview", "POST", path, json.dumps(case).encode()
            )

    def batches(self) -> None:
        """Send one batch after another, in and out in every kind, one in three as a job."""
        rng = random.Random(2)
        bodies = {kind: path.read_bytes() for kind, path in self.made.items()}
        while not self.over.wait(0.2):
            kind, wanted = rng.choice(list(bodies)), rng.choice(("csv", "json", "parquet"))
            as_job = rng.random() < 0.34
            prefer = "respond-async" if as_job else "wait=60"
            status, text = self.ask(
                "batch", "POST", f"/v1/preview/batch?as={wanted}", bodies[kind], Prefer=prefer
            )
            if status == 202:
                self.fetched(json.loads(text)["id"], wanted)

    def fetched(self, job_id: str, wanted: str) -> None:
        """Follow a job to its end, and take its result."""
        base = f"/v1/jobs/{job_id}"
        until = time.monotonic() + 60
        while time.monotonic() < until:
            _, text = self.ask("job", "GET", base)
            if text and json.loads(text).get("state") in ("done", "failed"):
                break
            time.sleep(0.2)
        self.ask("result", "GET", f"{base}/result?as={wanted}")
        self.ask("summary", "GET", f"{base}/summary")
        self.ask("events", "GET", f"{base}/events")
        self.ask("delete", "DELETE", base)

    def pages(self) -> None:
        """Look at pages and look things up."""
        rng = random.Random(3)
        while not self.over.wait(0.05):
            self.ask("page", "GET", rng.choice(PATHS))

    def broken(self) -> None:
        """Break off in the middle of an upload."""
        while not self.over.wait(0.5):
            with suppress(OSError), slow_sender(self.served) as own:
                own.send(b"case_id,sex\n" * 50)


def slow_sender(served: Serving) -> socket.socket:
    """Return a connection that has begun an upload."""
    place = urlsplit(served.base)
    own = socket.create_connection((place.hostname or "", place.port or 0), timeout=20)
    own.sendall(
        f"POST /v1/preview/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key}\r\n"
        "Content-Type: text/csv\r\nContent-Length: 100000\r\n\r\n".encode()
    )
    return own


def slowly(served: Serving, over: threading.Event, number: int = SLOW) -> None:
    """Let so many senders send a byte a second each, new ones in place of those cut off."""
    senders: list[socket.socket] = []
    while not over.is_set():
        while len(senders) < number and not over.is_set():
            try:
                senders.append(slow_sender(served))
            except OSError:
                break
        left = []
        for own in senders:
            try:
                own.sendall(b"x")
                left.append(own)
            except OSError:
                own.close()
        senders = left
        over.wait(1.0)
    for own in senders:
        own.close()


def beside_slow(load: Load, seconds: float = 10.0) -> float:
    """Print what a preview takes alone and beside slow senders; return how many times as long."""
    medians = []
    for name, number in (("alone", 0), (f"beside {SLOW} slow senders", SLOW)):
        over = threading.Event()
        thread = threading.Thread(target=slowly, args=(load.served, over, number))
        thread.start()
        time.sleep(3.0)
        times, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            started = time.perf_counter()
            load.ask("fast", "POST", "/v1/preview", json.dumps(CASE).encode())
            times.append(time.perf_counter() - started)
        over.set()
        thread.join()
        cuts = statistics.quantiles(times, n=100)
        medians.append(cuts[49])
        print(f"preview {name:<26} median {cuts[49] * 1e3:7.2f} ms, 99 % {cuts[98] * 1e3:8.2f} ms")
    return medians[1] / medians[0]


def soak(load: Load, minutes: float) -> bool:
    """Load the server for so long; print what there was, and return whether all was well."""
    works = [
        threading.Thread(target=load.previews, args=(False,)),
        threading.Thread(target=load.previews, args=(True,)),
        threading.Thread(target=load.batches),
        threading.Thread(target=load.pages),
        threading.Thread(target=load.broken),
        threading.Thread(target=slowly, args=(load.served, load.over, 50)),
    ]
    for work in works:
        work.start()
    memory: list[dict[int, float]] = []
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        time.sleep(min(5.0, minutes * 2))
        memory.append(load.served.memory_mib())
    load.over.set()
    for work in works:
        work.join()
    for what, times in sorted(load.times.items()):
        counts = {status: n for (name, status), n in sorted(load.answers.items()) if name == what}
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 100
        print(
            f"{what:<12} {len(times):>7,} asked, answers {counts}, median {cuts[49] * 1e3:,.1f} ms, "
            f"99 % {cuts[98] * 1e3:,.1f} ms"
        )
    faults = sum(n for (_, status), n in load.answers.items() if status >= 500 or not status)
    return flat(memory, load.served.process.pid) and not faults


def flat(memory: list[dict[int, float]], server: int) -> bool:
    """Print the memory of each process by thirds of the time; whether it did not grow."""
    well = True
    third = max(1, len(memory) // 3)
    for pid in memory[-1]:
        own = [sample[pid] for sample in memory if pid in sample]
        if len(own) < 2 * third:
            continue
        parts = [max(own[k * third : (k + 1) * third] or own[-1:]) for k in range(3)]
        grown = parts[2] / parts[1]
        well &= grown <= GROWTH
        name = "server" if pid == server else "its process"
        shown = " → ".join(f"{part:,.0f}" for part in parts)
        print(f"memory of the {name:<12} {shown} MiB (most of each third), x {grown:.2f}")
    return well


def main() -> None:
    """Soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--cases", type=int, default=5_000, help="of one batch")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = given.data or Path(name) / "data"
        if given.data is None:
            data.mkdir(mode=0o700)
            demo(data)
        with serving(data.resolve()) as served:
            region = next(data.glob("demo/region/cases.parquet"))
            load = Load(served, files(region, Path(name), given.cases))
            for _ in range(200):
                load.ask("warm", "POST", "/v1/preview", json.dumps(CASE).encode())
            ratio = beside_slow(load)
            print(f"slow senders make a fast one {ratio:.2f} times as slow")
            well = soak(load, given.minutes)
    print("all is well" if well and ratio <= 2 else "NOT WELL")
    sys.exit(0 if well and ratio <= 2 else 1)


if __name__ == "__main__":
    main()
