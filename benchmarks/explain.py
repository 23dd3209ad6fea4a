"""How fast cases are explained: one, and a file of many."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.measure import SCHEME, median_seconds, peak_mib


def one() -> dict[str, Any]:
    """One case through the Python API with its text, the scheme loaded and compiled."""
    from drgpay import Grouper
    from drgpay.grouper.explain import explain

    grouper = Grouper(SCHEME)
    facts: list[dict[str, Any]] = [
        {
            "sex": "M",
            "age_years": 61,
            "diagnoses": ["I63.900", "E11.900", "I10.x05", "J18.900"],
            "procedures": ["88.4100"],
        },
        {
            "sex": "F",
            "age_years": 70,
            "diagnoses": ["C16.900", "J96.900x001", "E11.900", "I10.x05", "D64.900", "K76.000"],
            "procedures": ["43.9901", "93.9601", "99.0400"],
        },
    ]
    for some in facts:
        explain(grouper, **some).text()

    def work() -> None:
        for _ in range(100):
            for some in facts:
                explain(grouper, **some).text()

    return {"seconds": median_seconds(work, 7) / (100 * len(facts))}


def file(cases_file: str, out: str, workers: str) -> dict[str, Any]:
    """All cases of a file to Parquet, reading, starting processes and loading the scheme in it."""
    from drgpay.cli.start import spare_imports

    spare_imports()
    started = time.perf_counter()
    from drgpay.grouper import Grouper
    from drgpay.grouper.explain_file import explain_file

    done = explain_file(cases_file, out, Grouper(SCHEME), workers=int(workers))
    return {
        "cases": done.counts.total,
        "seconds": time.perf_counter() - started,
        "peak_mib": peak_mib(),
        "mib": Path(out).stat().st_size / 2**20,
    }
