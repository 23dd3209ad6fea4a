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
    explain,
    lists,
    reading,
    simulate,
    spark,
)
from benchmarks import year_end as settling
from benchmarks.measure import SCHEME, median_seconds, peak_mib


def _encoded(path: Path, limit: int, scheme: str = SCHEME) -> Any:
    """Return the first cases of a file as one set of arrays."""
    import numpy as np
    import pyarrow as pa

    from drgpay.cases.encode import Codes, EncodedCases, Faults, encode_cases
    from drgpay.cases.sources import open_source
    from drgpay.columns import GROUPING_COLUMNS
    from drgpay.grouper import Grouper

    grouper = Grouper(scheme)
    parts = []
    rows = 0
    for piece in open_source(path, GROUPING_COLUMNS).pieces:
        table = piece.load()
        faults = Faults.of(table, piece.file, piece.first_row)
        compiled = grouper.compiled
        parts.append(
            encode_cases(table, compiled.encode_diagnoses, compiled.procedures.encode, faults)
        )
        rows += len(table)
        if rows >= limit:
            break

    def codes(name: str) -> Codes:
        some = [getattr(part, name) for part in parts]
        lengths = np.concatenate([np.diff(c.offsets) for c in some])
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = np.concatenate([c.ids[: c.offsets[-1]] for c in some] + [np.zeros(1, np.int32)])
        return Codes(offsets, ids.astype(np.int32), pa.array([], pa.string()))

    names = ("sex", "age_years", "age_days", "birth_weight_g", "los_days", "icu", "good")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    cases = EncodedCases(diagnoses=codes("diagnoses"), procedures=codes("procedures"), **columns)
    return grouper, cases


def kernel(cases_file: str, limit: str, scheme: str = SCHEME) -> dict[str, Any]:
    """The kernel alone on one core, then grouping of arrays on all cores."""
    import numpy as np

    from drgpay.grouper.engine import _run
    from drgpay.grouper.stream import default_threads

    grouper, cases = _encoded(Path(cases_file), int(limit), scheme)
    n = len(cases)
    more = cases.stacked(grouper.compiled.more)
    kinds = (np.int16, np.int8, np.int8, np.int8, np.uint8, np.int32, np.int32)
    out = tuple(np.empty(n, kind) for kind in kinds)

    def one_core() -> None:
        _run(grouper.compiled.program, cases, more, grouper._facts_of, out, 0, n)

    one_core()
    threads = default_threads()
    grouper.group_arrays(cases, threads)
    return {
        "cases": n,
        "codes_per_case": float(cases.diagnoses.offsets[-1] + cases.procedures.offsets[-1]) / n,
        "kernel_seconds": median_seconds(one_core, 7),
        "arrays_seconds": median_seconds(lambda: grouper.group_arrays(cases, threads), 7),
        "threads": threads,
    }


def model(cases_file: str, limit: str) -> dict[str, Any]:
    """The readable model, one case at a time, on the file's first cases already in memory."""
    import pyarrow.parquet as pq

    from reference.model import group_case, load_scheme

    names = "sex age_years age_days birth_weight_g los_days icu diagnoses procedures".split()
    batch = next(pq.ParquetFile(cases_file).iter_batches(int(limit), columns=names))
    rows = [
        row
        for row in batch.to_pylist()
        if row["sex"] in ("M", "F")
        and row["age_years"] is not None
        and row["diagnoses"]
        and row["diagnoses"][0]
    ]
    scheme = load_scheme(Path("reference/schemes") / SCHEME)
    for row in rows:
        row["procedures"] = row["procedures"] or []
        row["icu"] = bool(row["icu"])

    def work() -> None:
        for row in rows:
            group_case(scheme, **row)

    return {"cases": len(rows), "seconds": median_seconds(work, 3)}


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

    from drgpay.columns import GROUPING_COLUMNS

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


def load() -> dict[str, Any]:
    """Load and compile a scheme in a fresh process, imports not counted."""
    from drgpay.schemes import compile_scheme, load_scheme

    started = time.perf_counter()
    compile_scheme(load_scheme(SCHEME))
    return {"seconds": time.perf_counter() - started}


def year_end(region: str, out: str) -> dict[str, Any]:
    from drgpay.report.html import write_report
    from drgpay.settlement.run_folder import write_run
    from drgpay.settlement.year_end import year_end as settle

    started = time.perf_counter()
    run = settle(region)
    settled = time.perf_counter() - started
    write_run(run, out, finish=write_report)
    return {
        "cases": run.counts.total,
        "history": run.prepared.history_use.rows,
        "settle_seconds": settled,
        "seconds": time.perf_counter() - started,
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
    "kernel": kernel,
    "model": model,
    "group_file": group_file,
    "group_same_columns": checks.grouping_same_columns,
    "group_checked": checks.grouping_and_checks,
    "pyarrow_only": pyarrow_only,
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
    "against_pandas": settling.against_pandas,
    "against_model": settling.against_model,
    "large_region": settling.make_large_region,
    "stream": settling.stream_100m,
    "base_points": base_points.base_points,
    "bounded": bounded.bounded,
    "simulate": simulate.ten_policies,
    "spark": spark.spark_year_end,
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
