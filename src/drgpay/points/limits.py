"""Between which costs a case is neither low nor high (低倍率、高倍率界限), in whole fen.

A limit is a multiple of the group's mean, or of its standard: mean x coefficient of the hospital
(`ratio_basis`). It is an exact fraction of a fen; a cost is whole fen, so the last cost below or
at it and the first one above or at it say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.points.base import GroupTables
from drgpay.points.kernels import COEF_ONE
from drgpay.policy import YearPolicy
from drgpay.policy.year import says

LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class CostLimits:
    """The highest cost of a low case and the lowest of a high one; [H, G], or [1, G] for all."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]


def cost_limits(
    tables: GroupTables, policy: YearPolicy, coefficient: NDArray[np.int64]
) -> CostLimits:
    """Return the limits of every group; `coefficient` [H, G] or [H, 1] in 1/1,000,000.

    Source: policy of the region; `low.inclusive` and `high.inclusive` say whose a cost at a limit
    is.
    """
    standard = says(policy, "ratio_basis", "standard", "group_mean")
    lower = says(policy, "low.threshold", "lower_of_coefficient", "fixed")
    rows = len(coefficient) if standard or lower else 1
    low = np.full((rows, len(tables.exact)), -1, dtype=np.int64)
    high = np.full((rows, len(tables.exact)), LARGEST, dtype=np.int64)
    at_most, at_least = policy["low.inclusive"], policy["high.inclusive"]
    for g in np.flatnonzero(tables.stable).tolist():
        mean = tables.exact[g]
        at_low = policy["low.multiple"] * mean / COEF_ONE**2
        at_high = Fraction(int(tables.high_multiple[g]), 10_000) * mean / COEF_ONE
        own = coefficient[:rows, g if coefficient.shape[1] > 1 else 0]
        steps, where = np.unique(own, return_inverse=True)
        lows, highs = [], []
        for c in steps.tolist():
            share = c if standard else COEF_ONE
            less = min(c, COEF_ONE) if lower else COEF_ONE
            lows.append(_below(at_low.numerator * share * less, at_low.denominator, at_most))
            highs.append(-_below(-at_high.numerator * share, at_high.denominator, at_least))
        low[:, g], high[:, g] = np.array(lows)[where], np.array(highs)[where]
    return CostLimits(low, high)


def _below(top: int, bottom: int, inclusive: bool) -> int:
    """Return the largest whole number below top / bottom, or at it; within 64 bits."""
    whole = top // bottom if inclusive else -(-top // bottom) - 1
    return max(-LARGEST, min(LARGEST, whole))
