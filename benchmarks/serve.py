"""Load on the service, open loop: `python -m benchmarks.serve [SECONDS]` (needs Debian's h2load).

Invents a small city, settles and publishes it, starts `drgpay serve` with one worker beside the
client on this machine, and asks for previews at fixed rates (`h2load --h1 -c64 --rps`), in two ways:
64 clients that keep step ask all at once, wait, and ask again, so that the last waits for 63 others;
64 clients that began one after the other ask one after the other, as people do who know nothing of
each other. Prints for each: requests answered a second, failures, times in ms within which 50, 90
and 99 % were answered, and the server's CPU time a request, since machines are noisy. Bodies: three
cases, one after the other, so that no figure is that of one case. Then batches of 100,000 cases by
upload (serve_batch).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.serve_batch import measure_demo
from benchmarks.serving import Serving, serving

CLIENTS = 64
CASES = 3_000
BODIES = (
    (["I63.900", "E11.900", "I10.x00x002"], ["00.4500"], "14800.00", 9),
    (["K80.000", "E11.900"], ["51.2300"], "18200.00", 6),
    (["J18.900", "J96.900", "E87.600", "I50.900"], ["96.7201"], "42100.00", 14),
)
RUNS = (("without explanation", "", 1_500), ("with explanation", "?explain=true", 500))


@dataclass(frozen=True)
class Load:
    """What came of one rate: answers a second, failures, times in ms, server CPU in µs."""

    rate: float
    failed: int
    p50: float
    p90: float
    p99: float
    cpu: float


def city(data: Path) -> None:
    """Invent, settle and publish a small city."""
    from drgpay.runs.folder import write_run
    from drgpay.service.published import publish
    from drgpay.service.settings import Settings
    from drgpay.service.store import Store, private_folder
    from drgpay.settlement.year_end import year_end
    from drgpay.synth import synthesize

    settings = Settings(data=private_folder(data))
    store = Store(settings.url)
    store.upgrade()
    synthesize(data / "region", CASES, 11, history_years=1)
    write_run(year_end(data / "region"), data / "run")
    publish(store, data / "run", "benchmark")
    store.close()


def loaded(server: Serving, query: str, body: Path, rate: int, seconds: int, in_step: bool) -> Load:
    """Ask at a rate for some seconds; times are those of every request, the first second too."""
    how = ["-D", str(seconds)]
    if not in_step:  # a client more each 64th of the time that passes between a client's requests
        how = ["-n", str(rate * seconds), "-r", "1", f"--rate-period={round(1000 / rate) or 1}ms"]
    log = body.with_suffix(".log")
    log.unlink(missing_ok=True)
    own = server.process.pid
    before, started = server.cpu_seconds()[own], time.monotonic()
    subprocess.run(
        ["h2load", "--h1", f"-c{CLIENTS}", f"--rps={rate / CLIENTS:g}", *how,
         "-d", str(body), "-H", f"Authorization: Bearer {server.key}", "-H",
         "Content-Type: application/json", f"--log-file={log}",
         f"{server.base}/v1/preview{query}"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    taken, cpu = time.monotonic() - started, server.cpu_seconds()[own] - before
    rows = [line.split() for line in log.read_text(encoding="ascii").splitlines()]
    times = sorted(int(row[2]) / 1000 for row in rows) or [0.0]
    failed = sum(row[1] != "200" for row in rows)

    def within(share: float) -> float:
        return times[min(len(times) - 1, int(len(times) * share))]

    return Load(
        len(rows) / taken, failed, within(0.5), within(0.9), within(0.99),
        cpu / max(1, len(rows)) * 1e6,
    )  # fmt: skip


def main() -> None:
    """Measure, and print one line for each rate and case."""
    parser = argparse.ArgumentParser(description="load on the service, then batches by upload")
    parser.add_argument("seconds", nargs="?", type=int, default=10, help="of each load (10)")
    seconds = parser.parse_args().seconds
    if shutil.which("h2load") is None:
        raise SystemExit("needs h2load: apt-get install nghttp2-client")
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        city(data)
        manifest = json.loads((data / "run" / "manifest.json").read_text(encoding="utf-8"))
        own = manifest["hospitals"][0]["hospital_id"]
        with serving(data) as server:
            print(
                "what                             asked/s  answered/s failed   p50 ms   p90 ms   "
                "p99 ms  CPU µs"
            )
            for (what, query, rate), in_step in product(RUNS, (True, False)):
                what += ", all at once" if in_step else ", in turn"
                for number, (diagnoses, procedures, cost, days) in enumerate(BODIES):
                    body = Path(place) / f"{number}.json"
                    case = {
                        "sex": "M", "age_years": 61, "diagnoses": diagnoses,
                        "procedures": procedures, "total_cost": cost, "los_days": days,
                        "pool": "310", "hospital_id": own, "discharge_date": "2025-03-31",
                    }  # fmt: skip
                    body.write_text(json.dumps(case), encoding="utf-8")
                    made = loaded(server, query, body, rate, seconds, in_step)
                    print(
                        f"{what:32} {rate:7,} {made.rate:11,.0f} {made.failed:6} {made.p50:8.1f} "
                        f"{made.p90:8.1f} {made.p99:8.1f} {made.cpu:7.0f}",
                        flush=True,
                    )
    measure_demo()


if __name__ == "__main__":
    main()
