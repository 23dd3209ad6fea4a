"""A year end on Spark in local mode: seconds, processor time, bytes shuffled and kept per case."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")


def _processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of what it started and outlived, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def _descendants(pid: int) -> list[int]:
    """Return the processes below a process, whichever of its threads started them."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _shuffled(folder: Path) -> dict[str, int]:
    """Return what the tasks of the event log add up to."""
    sums = {"shuffle_bytes": 0, "spilled_bytes": 0}
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8", errors="ignore").splitlines():
            if '"SparkListenerTaskEnd"' not in line[:60]:
                continue
            metrics = json.loads(line).get("Task Metrics") or {}
            write = metrics.get("Shuffle Write Metrics", {})
            sums["shuffle_bytes"] += write.get("Shuffle Bytes Written", 0)
            sums["spilled_bytes"] += metrics.get("Disk Bytes Spilled", 0)
    return sums


def spark_year_end(region: str, cores: str = "2") -> dict[str, Any]:
    """Settle a region folder of Parquet files on `local[cores]`, then on this machine; compare."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from drgpay.settlement.year_end import year_end
    from drgpay.spark import settle_on_spark
    from drgpay.spark.engine import spark_module

    work = Path(tempfile.mkdtemp(prefix="drgpay-spark-"))
    (work / "events").mkdir()
    builder = spark_module("pyspark.sql").SparkSession.builder.master(f"local[{cores}]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "8",
        "spark.local.dir": str(work),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (work / "events").as_uri(),
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        started = time.perf_counter()
        many = settle_on_spark(spark, region, out=work / "run")
        seconds = time.perf_counter() - started
        own = {pid: _processor_seconds(pid) for pid in _descendants(os.getpid())}
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in own}
        tables = {
            p.name: sum(f.stat().st_size for f in p.rglob("*.parquet"))
            for p in (work / "run").iterdir()
            if p.is_dir()
        }
    finally:
        spark.stop()
    sums = _shuffled(work / "events")
    shutil.rmtree(work)
    one = year_end(region)
    same = list(one.pools) == list(many.pools) and list(one.hospitals) == list(many.hospitals)
    cases = many.counts.total + many.run.prepared.past.rows
    return {
        "cases": many.counts.total,
        "history": many.run.prepared.past.rows,
        "seconds": seconds,
        "jvm_cpu_seconds": sum(s for pid, s in own.items() if names[pid] == "java"),
        "python_cpu_seconds": sum(s for pid, s in own.items() if names[pid] != "java"),
        "shuffle_bytes_per_case": sums["shuffle_bytes"] / cases,
        "spilled_bytes": sums["spilled_bytes"],
        "case_table_bytes_per_case": tables["cases"] / many.counts.total,
        "same_fen": same,
    }


if __name__ == "__main__":
    print(json.dumps(spark_year_end(*sys.argv[1:])))
