"""What every measurement needs: the scheme, the median of some runs, the peak of memory."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable

SCHEME = "zj-drg-2024"  # in force in the year of the drawn city
SCHEMES = ("zj-drg-2022", SCHEME)  # the provincial scheme by date


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median of the wall times of some runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def peak_mib() -> float:
    """Return the peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
