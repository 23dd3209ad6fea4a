"""How well the groups of a scheme divide the cases of a year: RIV, CV, share of unstable groups.

RIV (reduction in variance, 方差减小量): which part of the variance of costs is one between groups:
1 - Σ of squares within the groups / Σ of squares about the mean of all. These are statistics:
floats, made from exact sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drgpay.points.base import BasePoints
from drgpay.points.quality_kernels import PART_BITS, add_costs
from drgpay.points.trimming import Moments


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of the groups of an MDC; `mdc` empty: of all.

    `unstable_share`: of cases; `cv_mean`: of groups that have a CV, weighted by their cases;
    `riv` None when all costs are the same or there is none.
    """

    mdc: str
    cases: int
    groups: int
    stable_groups: int
    unstable_share: float | None
    cv_mean: float | None
    riv: float | None


class CostSums:
    """Number, sum and sum of squares of costs by group, exact, piece by piece."""

    def __init__(self, groups: int) -> None:
        self.sums = np.zeros((6, groups), dtype=np.int64)

    def add(self, group: NDArray[Any], cost: NDArray[np.int64]) -> None:
        """Add N cases: number of the group (below 0: does not count) and cost in fen."""
        add_costs(np.ascontiguousarray(group), np.ascontiguousarray(cost), self.sums)

    def moments(self) -> list[Moments]:
        """Return the moments of each group."""
        return [
            Moments(
                n,
                total,
                (aa << 2 * PART_BITS) + (ab << PART_BITS + 1) + (bb_high << PART_BITS) + bb,
            )
            for n, total, aa, ab, bb, bb_high in self.sums.T.tolist()
        ]


def quality(
    moments: Sequence[Moments],
    drgs: Sequence[str],
    mdc_of: Mapping[str, str],
    base: BasePoints,
    deviation: str,
) -> list[Quality]:
    """Return the quality of all groups, then by MDC in order.

    `moments` of the year's grouped cases by group number, `drgs` names the numbers; `deviation`:
    sample or population, as the policy's `stable.cv_sd`. A group is stable as its base points say.
    """
    own = {drg: m for drg, m in zip(drgs, moments, strict=True) if m.n}
    by_mdc: dict[str, dict[str, Moments]] = {}
    for drg, m in own.items():
        by_mdc.setdefault(mdc_of.get(drg, ""), {})[drg] = m
    found = [_quality("", own, base, deviation)]
    found += [_quality(mdc, by_mdc[mdc], base, deviation) for mdc in sorted(by_mdc) if mdc]
    return found


def _quality(mdc: str, groups: Mapping[str, Moments], base: BasePoints, deviation: str) -> Quality:
    stable = {drg for drg in groups if drg in base.groups and base.groups[drg].stable}
    every = sum(groups.values(), Moments())
    unstable = sum(m.n for drg, m in groups.items() if drg not in stable)
    spreads = [(m.n, cv) for m in groups.values() if (cv := m.cv(deviation)) is not None]
    weight = sum(n for n, _ in spreads)
    return Quality(
        mdc,
        every.n,
        len(groups),
        len(stable),
        unstable / every.n if every.n else None,
        sum(n * cv for n, cv in spreads) / weight if weight else None,
        reduction_in_variance(list(groups.values())),
    )


def reduction_in_variance(groups: Sequence[Moments]) -> float | None:
    """Return 1 - Σ within / Σ total; None when there is nothing to divide.

    >>> reduction_in_variance([Moments(2, 2, 2), Moments(2, 6, 18)])  # 1 1 | 3 3
    1.0
    >>> reduction_in_variance([Moments(2, 4, 10), Moments(2, 4, 10)])  # 1 3 | 1 3
    0.0
    """
    total = _squares_about_mean(sum(groups, Moments()))
    if not total:
        return None
    within = sum((_squares_about_mean(m) for m in groups), Fraction(0))
    return float(1 - within / total)


def _squares_about_mean(m: Moments) -> Fraction:
    return m.squares - Fraction(m.total**2, m.n) if m.n else Fraction(0)
