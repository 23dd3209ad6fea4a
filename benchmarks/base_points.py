"""Base points of a large history: adding, duplicates, sorting, statistics, other policies."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.measure import peak_mib

GROUPS, HOSPITALS, PIECE = 900, 300, 100_000
OTHERS = (
    "trim.when=always",
    "trim.method=winsorise",
    "trim.method=sd",
    "trim.method=multiples",
    "trim.quantile_type=6",
    "point_scale=1000",
    "stable.min_cases=15",
    "small_groups=borrow_adrg",
)


def base_points(n: str, memory_limit: str = "700MB") -> dict[str, Any]:
    """Make base points of n invented past cases with case and patient ids.

    `seconds` is all that a year end pays beyond reading: adding the cases, finding copies, sorting,
    statistics. `trial_seconds` is the mean of the base points of other policies on the same
    history, `hospital_seconds` the sums by hospital and group for coefficients.
    """
    import numpy as np
    import pyarrow as pa

    from drgpay.points.base import history_base_points
    from drgpay.points.history import History
    from drgpay.policy import load_policy

    rows = int(n)
    rng = np.random.default_rng(2024)
    mean = rng.lognormal(13.5, 0.8, GROUPS)
    drgs = [f"{chr(65 + g // 90)}{g % 90 // 9}{g % 9}{g}" for g in range(GROUPS)]
    adrg_of = {drg: drg[:3] for drg in drgs}
    policy = load_policy("testland")
    own = policy.for_year(2024)
    seconds = 0.0
    with History(memory_limit=memory_limit) as history:
        for start in range(0, rows, PIECE):
            count = min(PIECE, rows - start)
            group = np.minimum(rng.exponential(GROUPS / 4, count).astype(np.int64), GROUPS - 1)
            cost = (mean[group] * rng.lognormal(0, 0.5, count)).astype(np.int64) + 1
            numbers = np.arange(start, start + count).astype(str)
            columns = (
                np.where(rng.random(count) < 0.03, -1, group),
                cost,
                rng.integers(2022, 2024, count),
                rng.integers(-1, HOSPITALS, count),
                cost // 3,
                pa.array(np.char.add("3301", rng.integers(10**13, 10**13 + rows // 2, count).astype(str))),
                pa.array(np.char.add("B2024", numbers)),
            )  # fmt: skip
            begun = time.perf_counter()
            history.add(*columns)
            seconds += time.perf_counter() - begun
        add_seconds = seconds
        begun = time.perf_counter()
        copies = sum(len(part.rows) for part in history.duplicates())
        copies_seconds = time.perf_counter() - begun
        base = history_base_points(history, drgs, adrg_of, own, (2022, 2023))
        seconds += time.perf_counter() - begun
        begun = time.perf_counter()
        for other in OTHERS:
            trial = policy.for_year(2024, [other])
            history_base_points(history, drgs, adrg_of, trial, (2022, 2023))
        trial_seconds = (time.perf_counter() - begun) / len(OTHERS)
        begun = time.perf_counter()
        if base.limits is not None:
            history.hospitals(base.limits)
        hospital_seconds = time.perf_counter() - begun
    return {
        "cases": rows,
        "copies": copies,
        "groups": len(base.groups),
        "seconds": seconds,
        "add_seconds": add_seconds,
        "copies_seconds": copies_seconds,
        "trial_seconds": trial_seconds,
        "hospital_seconds": hospital_seconds,
        "peak_mib": peak_mib(),
    }
