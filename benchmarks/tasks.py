"""One measurement each, run in a process of its own: `python -m benchmarks.tasks NAME ARGUMENT…`.

Each prints one line of JSON. Seconds are wall time; memory is the peak of the process.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import (
    base_points,
    bounded,
    checks,
    cleaning,
    explain,
    groupers,
    kernels,
    ledger,
    lists,
    monitoring,
    reading,
    simulate,
    spark,
)
from benchmarks import year_end as settling
from benchmarks.measure import SCHEME, median_seconds, peak_mib


def group_file(cases_file: str, out: str) -> dict[str, Any]:
    from drgpay.grouper import Grouper
    from drgpay.grouper import group_file as run

    grouper = Grouper(SCHEME)
    started = time.perf_counter()
    done = run(cases_file, out, grouper)
    seconds = time.perf_counter() - started
    return {"cases": done.counts.total, "seconds": seconds, "peak_mib": peak_mib()}


def pyarrow_only(cases_file: str, result_file: str, out: str) -> dict[str, Any]:
    """Read the grouping columns and write the result columns with pyarrow, and nothing else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from drgpay.names.columns import GROUPING_COLUMNS

    words = ["mdc", "adrg", "drg", "status", "reason", "severity", "severity_diagnosis"]
    ready = pq.ParquetFile(result_file, read_dictionary=words)
    results = [ready.read_row_group(i) for i in range(ready.num_row_groups)]
    probe = pq.ParquetFile(cases_file)
    columns = [name for name in GROUPING_COLUMNS if name in probe.schema_arrow.names]
    leaves = [probe.schema.column(i).path for i in range(len(probe.schema))]
    codes = [leaf for leaf in leaves if leaf.split(".")[0] in ("diagnoses", "procedures", "sex")]
    started = time.perf_counter()
    file = pq.ParquetFile(cases_file, read_dictionary=codes, memory_map=True)
    writer = pq.ParquetWriter(out, results[0].schema, compression="zstd", use_dictionary=words)
    rows = 0
    for i, result in enumerate(results):
        table: pa.Table = file.read_row_group(i, columns=columns)
        rows += len(table)
        writer.write_table(result)
    writer.close()
    return {"cases": rows, "seconds": time.perf_counter() - started, "peak_mib": peak_mib()}


def one_case() -> dict[str, Any]:
    """One case through the Python API, scheme loaded."""
    from drgpay import Grouper

    grouper = Grouper(SCHEME)
    facts: dict[str, Any] = {
        "sex": "M",
        "age_years": 61,
        "diagnoses": ["I63.900", "E11.900", "I10.x05", "J18.900"],
        "procedures": ["88.4100"],
    }
    grouper.group_case(**facts)

    def work() -> None:
        for _ in range(1000):
            grouper.group_case(**facts)

    return {"seconds": median_seconds(work, 7) / 1000}


def load(scheme: str = SCHEME) -> dict[str, Any]:
    """Load and compile a scheme in a fresh process, imports not counted."""
    from drgpay.grouper import Grouper

    started, on_clock = time.process_time(), time.perf_counter()
    Grouper(scheme)
    seconds = time.perf_counter() - on_clock
    return {"seconds": seconds, "cpu_seconds": time.process_time() - started}


def year_end(region: str, out: str) -> dict[str, Any]:
    from drgpay.report.html import write_report
    from drgpay.report.run import Run
    from drgpay.runs.folder import write_run
    from drgpay.settlement.year_end import year_end as settle

    def finish(folder: Path) -> None:
        write_report(folder, run=Run(folder, unfinished=True))

    started, on_clock = time.process_time(), time.perf_counter()
    run = settle(region)
    settled = time.perf_counter() - on_clock
    settled_cpu = time.process_time() - started
    write_run(run, out, finish=finish)
    return {
        "cases": run.counts.total,
        "history": run.prepared.past.rows,
        "settle_seconds": settled,
        "settle_cpu_seconds": settled_cpu,
        "seconds": time.perf_counter() - on_clock,
        "cpu_seconds": time.process_time() - started,
        "peak_mib": peak_mib(),
    }


def synth(out: str, cases: str, seed: str) -> dict[str, Any]:
    from drgpay.synth import synthesize

    started = time.perf_counter()
    synthesize(Path(out), int(cases), int(seed))
    seconds = time.perf_counter() - started
    return {"cases": _all_rows(Path(out)), "seconds": seconds, "peak_mib": peak_mib()}


def _all_rows(region: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in region.rglob("*.parquet"))


def first_cases(cases_file: str, out: str, count: str) -> dict[str, Any]:
    """Copy the first row groups of a file, about `count` cases."""
    import pyarrow.parquet as pq

    source = pq.ParquetFile(cases_file)
    size = source.metadata.row_group(0).num_rows
    groups = max(1, round(int(count) / size))
    with pq.ParquetWriter(out, source.schema_arrow, compression="zstd") as writer:
        for i in islice(range(source.num_row_groups), groups):
            writer.write_table(source.read_row_group(i))
    return {"cases": groups * size}


def exact_cases(cases_file: str, out: str, count: str) -> dict[str, Any]:
    """Copy exactly the first `count` cases of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = int(count)
    parts = []
    for batch in pq.ParquetFile(cases_file).iter_batches(wanted):
        parts.append(batch.slice(0, wanted - sum(map(len, parts))))
        if sum(map(len, parts)) == wanted:
            break
    pq.write_table(pa.Table.from_batches(parts), out)
    return {"cases": sum(map(len, parts))}


TASKS = {
    "kernels": kernels.kernels,
    "arrays": kernels.arrays,
    "group_file": group_file,
    "group_same_columns": checks.grouping_same_columns,
    "group_checked": checks.grouping_and_checks,
    "pyarrow_only": pyarrow_only,
    "cleaning": cleaning.cleaning,
    "one_case": one_case,
    "load": load,
    "year_end": year_end,
    "synth": synth,
    "first_cases": first_cases,
    "exact_cases": exact_cases,
    "csv_speed": reading.csv_speed,
    "gb18030_speed": reading.gb18030_speed,
    "excel_speed": reading.excel_speed,
    "lists_speed": lists.speed,
    "explain_one": explain.one,
    "explain_file": explain.file,
    "against_others": settling.against_others,
    "groupers": groupers.groupers,
    "large_region": settling.make_large_region,
    "stream": settling.stream_100m,
    "base_points": base_points.base_points,
    "bounded": bounded.bounded,
    "simulate": simulate.ten_policies,
    "book": ledger.book,
    "clearing": ledger.clearing,
    "visits": monitoring.make_visits,
    "watch": monitoring.watch,
    "spark": spark.spark_year_end,
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
