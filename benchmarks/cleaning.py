"""What the cleaning of cells costs, file to file: with it and without it, turn by turn, in one run.

Cleaning is what a cell passes before its parser meets it, the ages, the codes of a cell, and the
two dates that tell an infant's days: without it, functions of this process do nothing instead and
the dates are not read. The files hold no cell that needs cleaning, so that both group alike.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.kernels import Timed
from benchmarks.measure import SCHEME
from benchmarks.reading import cases_table

DATES = ("birth_date", "admission_date")


def without_cleaning() -> ExitStack:
    """Return a context in which nothing is cleaned."""
    import numpy as np

    from drgpay.cases.written import Cells
    from drgpay.grouper import stream

    plain = tuple(name for name in stream.GROUPING_COLUMNS if name not in DATES)
    instead: dict[str, Any] = {
        "drgpay.cases.layout.tidy": lambda table, read_as: table,
        "drgpay.cases.written.read_cells": lambda kind, words, lengths, *_: Cells(words, lengths),
        "drgpay.cases.encode.without_filler": lambda years, days: days,
        "drgpay.cases.encode.against_birth_date": lambda table, *_: np.zeros(len(table), np.bool_),
        "drgpay.grouper.stream.GROUPING_COLUMNS": plain,
    }
    stack = ExitStack()
    for name, other in instead.items():
        stack.enter_context(patch(name, other))
    return stack


def with_birth_dates(cases_file: str, count: int) -> Any:
    """Return the first cases of a file with dates of birth that fit their ages."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    batches, rows = [], 0
    for batch in pq.ParquetFile(cases_file).iter_batches():
        batches.append(batch.slice(0, count - rows))
        rows += len(batches[-1])
        if rows >= count:
            break
    table = pa.Table.from_batches(batches)
    years, days = (
        np.asarray(pc.fill_null(table[name].cast(pa.int64()), 0))
        for name in ("age_years", "age_days")
    )
    came = np.asarray(pc.fill_null(table["admission_date"].cast(pa.date32()), 0))
    born = came.astype("datetime64[D]") - np.where(years > 0, years * 366 + 100, days)
    return table.append_column("birth_date", pa.array(born))


def make_file(cases_file: str, folder: str, kind: str, count: int) -> Path:
    """Write cases with dates of birth as a CSV or Parquet file."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    path = Path(folder) / f"births-{count}.{kind}"
    source = Path(folder) / f"births-{count}.parquet"
    if not source.exists():
        pq.write_table(with_birth_dates(cases_file, count), source, row_group_size=131_072)
    if not path.exists():
        csv.write_csv(cases_table(source, count), path)
    return path


def cleaning(cases_file: str, folder: str, kind: str, count: str, repeats: str) -> dict[str, Any]:
    """Group a file to a file on one thread, cells cleaned or not; processor time."""
    from drgpay.grouper import Grouper, group_file

    file = make_file(cases_file, folder, kind, int(count))
    out = file.with_suffix(".out.parquet")

    grouper = Grouper(SCHEME)
    counts = []

    def group() -> None:
        counts.append(group_file(file, out, grouper, threads=1).counts)

    cleaned, plain = Timed(group), Timed(group)
    group()
    for _ in range(int(repeats)):
        cleaned.run()
        with without_cleaning():
            plain.run()
    if len(set(counts)) > 1:
        raise SystemExit(f"cleaning changed what came out: {set(counts)}")
    pairs = zip(cleaned.cpu, plain.cpu, strict=True)
    return {
        "cases": counts[0].total,
        "cleaned": statistics.median(cleaned.cpu),
        "plain": statistics.median(plain.cpu),
        "ratio": statistics.median(a / b for a, b in pairs),
        "best": min(cleaned.cpu) / min(plain.cpu),
    }
