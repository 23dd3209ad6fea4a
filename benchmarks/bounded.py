"""The point value of a pool whose cases are bounded: invented cases, one core."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from benchmarks.measure import median_seconds, peak_mib

HOSPITALS = 300
POLICY = {"residual": "largest_remainder", "value_dp": None, "bound.unsolved": "refuse"}


def bounded(n: str) -> dict[str, Any]:
    """Solve n cases never below zero nor above 115 % of their recorded fund; some hospitals capped.

    `seconds` is the whole way from arrays to the dues of hospitals, `solve_seconds` the value alone,
    `case_seconds` what every case gets in whole fen.
    """
    import numpy as np

    from drgpay.budget.bounds import NO_HIGH, Items, payments, solve
    from drgpay.budget.limits import dues_within_bounds, share_floor
    from drgpay.ground.errors import BooksError, both

    cases = int(n)
    rng = np.random.default_rng(2024)
    points = (rng.lognormal(0.0, 0.8, cases) * 1_000_000).astype(np.int64)
    cost = (points * rng.lognormal(0.4, 0.4, cases)).astype(np.int64) + 50_000
    fund = (cost * rng.uniform(0.5, 0.9, cases)).astype(np.int64)
    hospital = rng.integers(0, HOSPITALS, cases)
    items = Items.of(points, cost - fund, 0, share_floor(Fraction("1.15"), fund))
    target = int(fund.sum()) * 98 // 100
    recorded = np.zeros(HOSPITALS, np.int64)
    np.add.at(recorded, hospital, fund)
    cap = np.where(np.arange(HOSPITALS) < 5, recorded * 9 // 10, NO_HIGH)

    def whole() -> Any:
        again = Items.of(*items.arrays)
        return dues_within_bounds(
            again, target, POLICY, "310", group=hospital, groups=HOSPITALS, cap_fen=cap
        )

    found, solution = whole(), solve(items, target)
    paid = payments(items, solution)
    if int(found.due_fen.sum()) != target or int(paid.sum()) != target:
        raise BooksError(both("合计不符", "the sums do not tie out"))
    return {
        "cases": cases,
        "seconds": median_seconds(whole, 5),
        "solve_seconds": median_seconds(lambda: solve(items, target), 5),
        "case_seconds": median_seconds(lambda: payments(items, solution), 5),
        "at_low": found.at_low,
        "at_high": found.at_high,
        "capped": int(found.capped.sum()),
        "peak_mib": peak_mib(),
    }
