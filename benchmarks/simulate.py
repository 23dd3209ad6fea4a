"""Ten policies over one year's cases: read once, settled eleven times."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

from benchmarks.measure import peak_mib

TRIALS = (
    "keep_ratio=0.7",
    "fund_share_of_overspend=0.3",
    "readmission.days=10",
    "readmission.days=none",
    "low.multiple=0.35",
    "high.bands=none:2",
    "high.rule=linear_add",
    "coef_applies_to=normal,high,low",
    "unstable.rule=by_item",
    "stable.cv_sd=population",
)


def ten_policies(region: str) -> dict[str, Any]:
    """Simulate ten policies of one changed parameter each; `read_seconds` is reading alone."""
    from drgpay.trials.simulate import simulate, trial_of

    started = time.perf_counter()
    marks: list[float] = []
    found = simulate(
        region,
        [trial_of(text, [text]) for text in TRIALS],
        causes=False,
        progress=lambda name, total: _mark(marks) if name == "runs" else lambda done: None,
    )
    seconds = time.perf_counter() - started
    gaps = [b - a for a, b in pairwise(marks)]
    return {
        "cases": found.counts["in"],
        "runs": found.runs,
        "readings": found.readings,
        "seconds": seconds,
        "first_seconds": marks[0] - started,
        "median_run_seconds": sorted(gaps)[len(gaps) // 2],
        "peak_mib": peak_mib(),
    }


def _mark(marks: list[float]) -> Any:
    return lambda done: marks.append(time.perf_counter())
