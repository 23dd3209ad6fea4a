"""The quality of a scheme on data, against plain numbers."""

from __future__ import annotations

import random
import statistics

import numpy as np
import pytest

from drgpay.points.base import BasePoints, GroupBase
from drgpay.points.quality import CostSums, Quality, quality
from drgpay.points.trimming import Moments

DRGS = ["0000", "AA11", "AA13", "BB11", "BQY", "CC11"]
MDC = {"AA11": "MDCA", "AA13": "MDCA", "BB11": "MDCB", "CC11": "MDCC"}
BASE = BasePoints(
    "given",
    500,
    {
        drg: GroupBase(drg, 500, 1_000_000, stable)
        for drg, stable in (("AA11", True), ("AA13", False), ("BB11", True))
    },
)


def measured(costs: dict[str, list[int]], deviation: str = "sample") -> list[Quality]:
    sums = CostSums(len(DRGS))
    rows = [(DRGS.index(drg), cost) for drg, own in costs.items() for cost in own]
    random.Random(0).shuffle(rows)
    for part in (rows[::2], rows[1::2]):
        table = np.array(part, dtype=np.int64).reshape(-1, 2)
        sums.add(table[:, 0].astype(np.int16), table[:, 1])
    return quality(sums.moments(), DRGS, MDC, BASE, deviation)


def test_quality__by_hand() -> None:
    every, a, b, c = measured(
        {"AA11": [100, 300], "AA13": [500, 700], "BB11": [400], "CC11": [800]}
    )
    # within: 20000 + 20000; all: mean 2800/6, Σ x² = 1640000
    assert every.riv == pytest.approx(1 - 40_000 / (1_640_000 - 2800**2 / 6))
    assert (every.mdc, every.cases, every.groups, every.stable_groups) == ("", 6, 4, 2)
    assert every.unstable_share == 0.5  # AA13 and CC11, which has no base points
    cv = [statistics.stdev([100, 300]) / 200, statistics.stdev([500, 700]) / 600]
    assert every.cv_mean == pytest.approx(sum(cv) / 2)
    assert (a.mdc, a.cases, a.groups, a.stable_groups) == ("MDCA", 4, 2, 1)
    assert a.riv == pytest.approx(1 - 40_000 / (840_000 - 1600**2 / 4))
    assert (b.riv, b.cv_mean, b.unstable_share) == (None, None, 0.0)
    assert (c.mdc, c.unstable_share) == ("MDCC", 1.0)


def test_quality__the_deviation_is_the_policys() -> None:
    sample, population = (
        measured({"AA11": [100, 300]}, kind)[0].cv_mean for kind in ("sample", "population")
    )
    assert sample == pytest.approx(2**0.5 / 2)
    assert population == pytest.approx(0.5)


def test_quality__cv_is_weighted_by_cases() -> None:
    own = {"AA11": [100, 300, 100, 300], "BB11": [500, 500]}
    assert measured(own, "population")[0].cv_mean == pytest.approx((4 * 0.5 + 2 * 0) / 6)


def test_quality__without_cases_there_is_nothing_to_say() -> None:
    assert measured({}) == [Quality("", 0, 0, 0, None, None, None)]
    assert measured({"AA11": [7, 7]})[0].riv is None


def test_quality__groups_alike_explain_nothing_and_groups_apart_everything() -> None:
    assert measured({"AA11": [1, 3], "BB11": [1, 3]})[0].riv == 0
    assert measured({"AA11": [1, 1], "BB11": [3, 3]})[0].riv == 1


def test_cost_sums__are_exact_beyond_64_bits() -> None:
    r = random.Random(4)
    costs = [r.choice([r.randint(0, 10**11), 10**11, 2**43 - 1, 1]) for _ in range(5000)]
    sums = CostSums(2)
    for start in range(0, 5000, 700):
        part = np.array(costs[start : start + 700], dtype=np.int64)
        sums.add(np.where(part == 1, -1, 1), part)
    own = [cost for cost in costs if cost != 1]
    assert sums.moments() == [
        Moments(0, 0, 0),
        Moments(len(own), sum(own), sum(cost * cost for cost in own)),
    ]
