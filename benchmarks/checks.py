"""What the checks cost: grouping from file to file with every check made and every finding written.

Grouping alone, which it is compared with, is `group_file` of benchmarks.tasks.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measure import SCHEME, peak_mib


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
