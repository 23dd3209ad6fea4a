"""Monitoring of a month: ten million invented visits of two years, file to tables and papers."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import peak_mib

HOSPITALS, PERSONS, PIECE, YEAR, MONTH = 300, 1_500_000, 1_000_000, 2026, 6
INDEX_FEN = 60_000_000_00


def make_visits(path: str, n: str) -> dict[str, Any]:
    """Write n visits of all of last year and half of this one as Parquet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(2026)
    share = rng.pareto(1.2, HOSPITALS) + 0.1
    share /= share.sum()
    first = np.datetime64(f"{YEAR - 1}-01-01").astype("datetime64[D]")
    days = int((np.datetime64(f"{YEAR}-{MONTH + 1:02d}-01") - first).astype(int))
    rows, writer = int(n), None
    for start in range(0, rows, PIECE):
        count = min(PIECE, rows - start)
        cost = rng.lognormal(9.2, 0.9, count).astype(np.int64)
        numbers = np.arange(start, start + count)
        piece = pa.table(
            {
                "visit_id": pa.array(numbers).cast(pa.string()),
                "person_id": pa.array(
                    rng.integers(0, PERSONS, count) + 330_100_000_000_000_000
                ).cast(pa.string()),
                "hospital_id": pa.DictionaryArray.from_arrays(
                    rng.choice(HOSPITALS, count, p=share).astype(np.int32),
                    [f"H3301{number:07d}" for number in range(HOSPITALS)],
                ).cast(pa.string()),
                "visit_date": first + rng.integers(0, days, count),
                "total_cost": _yuan(cost),
                "pool_fund": _yuan(cost * 7 // 10),
                "care": pa.DictionaryArray.from_arrays(
                    (rng.random(count) < 0.05).astype(np.int8), ["门诊", "住院"]
                ).cast(pa.string()),
            }
        )
        writer = writer or pq.ParquetWriter(path, piece.schema, compression="zstd")
        writer.write_table(piece)
    if writer:
        writer.close()
    return {"rows": rows, "mib": Path(path).stat().st_size / 2**20}


def _yuan(fen: Any) -> Any:
    from drgpay.ground.arrow import decimal_column

    return decimal_column(fen, 14, 2)


def watch(path: str, work: str) -> dict[str, Any]:
    """Watch a month of the visits, with an index for each institution; `seconds` file to papers."""
    from drgpay.ledger.book import Book
    from drgpay.monitoring.results import manifest, write_watch
    from drgpay.monitoring.watch import watch as found_of
    from drgpay.policy import load_policy
    from drgpay.report.monitoring import write_papers

    policy = load_policy("testland-budget", catalogue="budget").for_year(YEAR)
    folder, book_file = Path(work) / "watch", Path(work) / "watch.sqlite"
    shutil.rmtree(folder, ignore_errors=True)
    book_file.unlink(missing_ok=True)
    book = Book.create(book_file, region_id="R", region_name="某市", year=YEAR, who="甲")
    _set_indices(book)
    seconds: dict[str, float] = {}
    started = before = time.perf_counter()
    cpu = time.process_time()
    with book.reading() as reading:
        found = found_of(reading, [Path(path)], MONTH, policy, {}, facts=book.facts)
    seconds["watch"] = time.perf_counter() - before
    before = time.perf_counter()
    told = manifest(found)
    write_watch(found, told, folder, "zh", lambda f, t: write_papers(f, t, told, "zh"))
    seconds["written"] = time.perf_counter() - before
    return {
        "rows": found.visits.rows, "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu, "parts": seconds, "peak_mib": peak_mib(),
        "grades": told["grades"],
    }  # fmt: skip


def _set_indices(book: Any) -> None:
    from drgpay.ledger.approvals import approve, check, propose
    from drgpay.ledger.entries import Draft
    from drgpay.ledger.postings import index_lines, target_lines

    rows = [
        {"hospital_id": f"H3301{number:07d}", "pool": "310", "index_fen": INDEX_FEN,
         "monthly_fen": INDEX_FEN, "deposit_fen": 0, "settlement_fen": 0}
        for number in range(HOSPITALS)
    ]  # fmt: skip
    own = [line for row in rows for line in index_lines("310", str(row["hospital_id"]), INDEX_FEN)]
    for kind, body, lines in (
        ("target", {}, list(target_lines("310", INDEX_FEN * HOSPITALS, {}, {}))),
        ("indices", {"indices": rows}, own),
    ):
        with book.writing() as turn:
            made = propose(turn, Draft(kind, YEAR, "甲", "maker", body, lines=tuple(lines)))
            check(turn, made.number, "乙")
            approve(turn, made.number, "丙")


if __name__ == "__main__":
    import json
    import sys

    print(json.dumps({"visits": make_visits, "watch": watch}[sys.argv[1]](*sys.argv[2:])))
