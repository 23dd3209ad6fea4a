"""What the checks cost: grouping from file to file with every check made and every finding written.

Grouping alone, which it is compared with, is `group_file` of benchmarks.tasks; what of the cost is
reading the columns that only checks ask for shows beside `grouping_same_columns`.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measure import SCHEME, peak_mib


def grouping_same_columns(cases_file: str, out: str) -> dict[str, Any]:
    """Group a file to a file, reading the columns that checks ask for without checking them."""
    from pathlib import Path

    from drgpay.cases.pieces import Piece
    from drgpay.cases.sources import open_source
    from drgpay.ground.arrow import table_writer
    from drgpay.ground.threads import default_threads, in_order
    from drgpay.grouper import Grouper
    from drgpay.grouper.check import WANTED
    from drgpay.grouper.pieces import group_piece, result_table

    grouper = Grouper(SCHEME)
    started = time.perf_counter()
    writer = None
    rows = 0

    def task(piece: Piece) -> Any:
        return lambda: result_table(group_piece(piece, grouper), grouper)

    for table in in_order(map(task, open_source(cases_file, WANTED).pieces), default_threads()):
        writer = writer or table_writer(Path(out), table.schema)
        writer.write_table(table)
        rows += len(table)
    assert writer is not None
    writer.close()
    return {"cases": rows, "seconds": time.perf_counter() - started, "peak_mib": peak_mib()}


def grouping_and_checks(cases_file: str, out: str) -> dict[str, Any]:
    """Group a file to a file and check it on the way; findings go to a Parquet file."""
    from drgpay.grouper import Grouper, group_file

    grouper = Grouper(SCHEME)
    started = time.perf_counter()
    done = group_file(cases_file, out, grouper, check=True)
    assert done.checked is not None
    return {
        "cases": done.counts.total,
        "findings": done.checked.found,
        "seconds": time.perf_counter() - started,
        "peak_mib": peak_mib(),
    }
