"""Batches by upload: seconds to the last byte, CPU, against `drgpay group`; previews beside a job.

`python -m benchmarks.serve_batch [FOLDER]`: over a data folder with a published year, else over an
invented city.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.serving import Serving, demo, serving

CASES = 100_000
Answer = tuple[int, int, bytes]  # status, bytes, the first ones
LIMIT = 3.0  # seconds to the last byte, the aim
KINDS = (("csv", "csv"), ("csv", "json"), ("json", "json"), ("parquet", "parquet"))
MEDIA = {"csv": "text/csv", "json": "application/json", "parquet": "application/x-parquet"}
CASE = {
    "sex": "M", "age_years": 61, "diagnoses": ["I63.900", "E11.900"], "procedures": [],
    "los_days": 9, "total_cost": "14800.00", "pool": "310",
}  # fmt: skip
COLUMNS = (
    "case_id", "hospital_id", "pool", "sex", "age_years", "age_days", "birth_weight_g",
    "admission_date", "discharge_date", "los_days", "discharge_way", "icu", "department",
    "diagnoses", "procedures", "total_cost", "pool_fund", "payment_mode", "bed_day_class",
)  # fmt: skip


def files(region_cases: Path, folder: Path, count: int = CASES) -> dict[str, Path]:
    """Write so many cases of a region in each kind of file, each with an id of its own."""
    table = pq.read_table(region_cases)
    table = table.select([name for name in COLUMNS if name in table.column_names])
    parts = [table] * -(-count // len(table))
    table = pa.concat_tables(parts).slice(0, count)
    ids = pa.array([f"B{number:07d}" for number in range(count)])
    table = table.set_column(table.column_names.index("case_id"), "case_id", ids)
    texts = pa.table({name: _texts(table[name]) for name in table.column_names})
    made = {kind: folder / f"cases.{kind}" for kind in MEDIA}
    pq.write_table(table, made["parquet"])
    pa.csv.write_csv(texts, made["csv"])
    codes = ("diagnoses", "procedures")
    with open(made["json"], "w", encoding="utf-8") as out:
        for number, row in enumerate(texts.to_pylist()):
            own = {k: v.split("|") if k in codes else v for k, v in row.items() if v}
            out.write(("," if number else "[") + json.dumps(own, ensure_ascii=False))
        out.write("]")
    return made


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_list(column.type):
        return pa.chunked_array(
            [pa.array(["|".join(v or ()) for v in column.to_pylist()], pa.string())]
        )
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8()).cast(pa.string())
    return column.cast(pa.string())


def upload(served: Serving, path: Path, kind: str, wanted: str, prefer: str = "wait=60") -> Answer:
    """Send a file; return the status, the bytes of the answer, and its first ones."""
    place = urlsplit(served.base)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
    headers = {**served.headers, "Content-Type": MEDIA[kind], "Prefer": prefer}
    headers["Content-Length"] = str(path.stat().st_size)
    with open(path, "rb") as body:
        connection.request("POST", f"/v1/preview/batch?as={wanted}", body, headers)
        answer = connection.getresponse()
        head, size = b"", 0
        while block := answer.read(1 << 20):
            head = head or block[:300]
            size += len(block)
    connection.close()
    return answer.status, size, head


def timed(served: Serving, work: Callable[[], Answer]) -> tuple[float, float, Answer]:
    """Return the seconds of an upload, the server's CPU seconds for it, and the answer."""
    before, started = served.cpu_seconds(), time.perf_counter()
    answer = work()
    seconds = time.perf_counter() - started
    after = served.cpu_seconds()
    return seconds, sum(after[pid] - before.get(pid, 0.0) for pid in after), answer


def of_command(path: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds and CPU seconds of `drgpay group` inside a warm process."""
    code = (
        "import sys, time; from drgpay.grouper.stream import group_file\n"
        "from drgpay.grouper.versions import any_grouper\n"
        "g = any_grouper('zj-drg-2024'); w = lambda: group_file(sys.argv[1], sys.argv[2], g)\n"
        "w(); t, c = time.perf_counter(), time.process_time(); w()\n"
        "print(time.perf_counter() - t, time.process_time() - c)"
    )
    command = [sys.executable, "-c", code, str(path), str(folder / "grouped.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, cpu = done.stdout.split()[-2:]
    return float(seconds), float(cpu)


def previews(served: Serving, seconds: float) -> list[float]:
    """Ask for one preview after another; return the seconds of each."""
    place = urlsplit(served.base)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    body, made = json.dumps(CASE).encode(), []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        connection.request("POST", "/v1/preview", body, served.headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(answer.status)
        made.append(time.perf_counter() - started)
    connection.close()
    return made


def told(times: list[float]) -> str:
    """Return the median and the 99th percentile in milliseconds."""
    cuts = statistics.quantiles(times, n=100)
    return f"{len(times):,} previews, median {cuts[49] * 1e3:.2f} ms, 99 % {cuts[98] * 1e3:.2f} ms"


def beside(served: Serving, path: Path, seconds: float = 8.0) -> None:
    """Print what previews take alone, and while one job follows another."""
    previews(served, 1.0)
    alone = previews(served, seconds)
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            upload(served, path, "parquet", "parquet")

    thread = threading.Thread(target=work)
    thread.start()
    with_jobs = previews(served, seconds)
    over.set()
    thread.join()
    print(f"previews alone:            {told(alone)}")
    print(f"previews while jobs run:   {told(with_jobs)}")
    print(f"rate while jobs run:       {len(with_jobs) / len(alone):.2f} of that alone")


def measure(data: Path) -> None:
    """Measure over a folder with a published year."""
    with tempfile.TemporaryDirectory() as name, serving(data) as served:
        folder = Path(name)
        region = next(data.glob("demo/region/cases.parquet"))
        made = files(region, folder)
        upload(served, made["parquet"], "parquet", "csv")  # warm
        print(f"{'batch of 100,000 cases by upload':<34} seconds   server CPU   of `drgpay group`")
        commands = {k: of_command(made[k], folder) for k in ("csv", "parquet")}
        for kind, wanted in KINDS:
            send = partial(upload, served, made[kind], kind, wanted)
            seconds, cpu, (status, size, head) = timed(served, send)
            if status != 200:
                raise RuntimeError((status, head))
            own = commands.get(kind)
            ratio = f"x {cpu / own[1]:.1f} CPU, x {seconds / own[0]:.1f} time" if own else ""
            mark = "reached" if seconds <= LIMIT else "MISSED"
            line = f"{kind} in, {wanted} out ({size / 2**20:,.0f} MiB)"
            print(f"{line:<34} {seconds:7.2f} {cpu:12.2f}   {ratio:<28} {mark}", flush=True)
        beside(served, made["parquet"])


def measure_demo() -> None:
    """Measure over the city of the demo, invented and settled for it."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        data.mkdir(mode=0o700)
        demo(data)
        measure(data)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]).resolve())
    else:
        measure_demo()
