"""Invented visits of the demo's city, and the monitoring of a month by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from drgpay.ledger.book import Book

SEED, MONTH = 2024, 11
A_MONTH = 60  # visits of an institution
GREW, MARKED = 1.5, 0.15  # of the last institution: visits over last year's, share that is marked
USUAL = 0.02  # share that is marked elsewhere


def file_demo_watch(book: Book, hospitals: Sequence[str], year: int, who: str) -> None:
    """Watch November by visits of two years, of which the last institution's are unusual."""
    import pyarrow.parquet as pq

    from drgpay.monitoring.filed import file_watch
    from drgpay.monitoring.results import manifest
    from drgpay.monitoring.watch import watch
    from drgpay.policy.budget import BUDGET_POLICY
    from drgpay.wrapper.planning import budget_policy

    policy = budget_policy(BUDGET_POLICY, year)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "visits.parquet"
        pq.write_table(_visits(hospitals, year), path)
        with book.reading() as reading:
            found = watch(reading, [path], MONTH, policy, {}, facts=book.facts)
        told = manifest(found)
    with book.writing(who) as turn:
        file_watch(turn, found, told, "", who)


def _visits(hospitals: Sequence[str], year: int) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    from drgpay.ground.arrow import decimal_column

    rng = np.random.default_rng(SEED)
    houses, persons, days, odd = [], [], [], []
    for number, hospital in enumerate(hospitals):
        last = number == len(hospitals) - 1
        for of_year in (year - 1, year):
            for month in range(1, 13 if of_year < year else MONTH + 1):
                many = A_MONTH * (GREW if last and of_year == year else 1)
                count = int(rng.poisson(many))
                houses += [hospital] * count
                persons.append(number * 10_000 + rng.integers(0, 4 * A_MONTH, count))
                first = np.datetime64(f"{of_year}-{month:02d}", "D")
                days.append(first + rng.integers(0, 28, count))
                odd.append(rng.random(count) < (MARKED if last else USUAL))
    count = len(houses)
    fen = np.rint(rng.lognormal(10, 0.7, count)).astype(np.int64)
    return pa.table(
        {
            "visit_id": [f"V{at}" for at in range(count)],
            "person_id": [f"DEMO{at:06d}" for at in np.concatenate(persons).tolist()],
            "hospital_id": houses,
            "visit_date": np.concatenate(days),
            "total_cost": decimal_column(fen, 14, 2),
            "pool_fund": decimal_column(fen * 7 // 10, 14, 2),
            "care": np.where(rng.random(count) < 0.1, "住院", "门诊").tolist(),
            "marked": np.concatenate(odd),
        }
    )
