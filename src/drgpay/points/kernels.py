"""Class and points of each case, in integers.

Dimensions: N cases; G groups (drg number of a case indexes them); H hospitals; B bed-day classes.
Points are integers of 1/10,000, coefficients of 1/1,000,000, multiples of 1/10,000, money fen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay._jit import kernel

NORMAL, HIGH, REVIEWED, LOW, UNSTABLE, UNGROUPED, AMBIGUOUS, BED_DAY = range(8)
COEF_ONE = 1_000_000
GRANTED = 1


@kernel
def mul_div_round(a: int, b: int, d: int) -> int:
    """Return a x b / d rounded half up, exactly; a, b >= 0, 0 < d < 2^62, result < 2^62.

    Multiplies bit by bit, so that the product never has to fit in 64 bits.
    """
    whole, rest = b // d, b % d
    q = np.int64(0)
    r = np.int64(0)
    bits = 0
    left = a
    while left > 0:
        bits += 1
        left >>= 1
    for k in range(bits - 1, -1, -1):
        q *= 2
        r *= 2
        if r >= d:
            r -= d
            q += 1
        if (a >> k) & 1:
            q += whole
            r += rest
            if r >= d:
                r -= d
                q += 1
    if 2 * r >= d:
        q += 1
    return q  # type: ignore[return-value]  # an int64, inside and outside of numba


@kernel
def score_range(
    first: int,
    last: int,
    status: Any,  # [N] 0 grouped, 1 ambiguous, 2 ungroupable, 3 quarantined
    group: Any,  # [N] index of G
    hospital: Any,  # [N] index of H
    cost: Any,  # [N] fen
    unreasonable: Any,  # [N] fen
    review: Any,  # [N] 0 none, 1 granted, 2 refused
    day_surgery: Any,  # [N]
    bed_class: Any,  # [N] index of B, -1 not paid by bed-day
    days: Any,  # [N]
    mean: Any,  # [G] fen, 0 when there is none
    base: Any,  # [G] points
    stable: Any,  # [G]
    high_multiple: Any,  # [G]
    flat: Any,  # [G] 1: the coefficient is 1 (primary groups)
    bed_base: Any,  # [B] points a day
    coefficient: Any,  # [H]
    applies: Any,  # [8] by class: the coefficient multiplies it
    low_multiple: int,
    low_inclusive: bool,
    high_inclusive: bool,
    exempt_day_surgery: bool,
    by_cost_numerator: int,  # points of a fen of cost = numerator / denominator
    by_cost_denominator: int,
    step: int,  # points are rounded to multiples of this
    case_class: Any,  # out [N]
    used: Any,  # out [N] coefficient that multiplied
    points: Any,  # out [N]
) -> None:
    """Classify and score cases first … last - 1; quarantined ones get 0 points and class -1."""
    for i in range(first, last):
        if status[i] == 3:
            case_class[i] = -1
            used[i] = 0
            points[i] = 0
            continue
        g = group[i]
        granted = review[i] == GRANTED
        if bed_class[i] >= 0:
            kind = BED_DAY
        elif status[i] == 2:
            kind = UNGROUPED
        elif status[i] == 1:
            kind = AMBIGUOUS
        elif not stable[g]:
            kind = UNSTABLE
        else:
            kind = NORMAL
            scaled = cost[i] * 10_000
            low_limit = low_multiple * mean[g]
            high_limit = high_multiple[g] * mean[g]
            if not (day_surgery[i] and exempt_day_surgery) and (
                scaled < low_limit or (low_inclusive and scaled == low_limit)
            ):
                kind = LOW
            elif scaled > high_limit or (high_inclusive and scaled == high_limit):
                kind = REVIEWED if granted else HIGH
        c = COEF_ONE
        if applies[kind]:
            c = coefficient[hospital[i]]
            if flat[g]:
                c = COEF_ONE
        if kind == BED_DAY:
            p = mul_div_round(bed_base[bed_class[i]] * max(days[i], 1), c, COEF_ONE * step)
        elif kind in (UNGROUPED, AMBIGUOUS, UNSTABLE):
            p = mul_div_round(
                cost[i] - unreasonable[i],
                by_cost_numerator * c,
                by_cost_denominator * COEF_ONE * step,
            )
        elif kind == LOW:
            p = mul_div_round(base[g] * c, cost[i], mean[g] * COEF_ONE * step)
        elif kind == REVIEWED:
            over = (cost[i] - unreasonable[i]) * 10_000 - high_multiple[g] * mean[g]
            share = c * mean[g] + max(over, 0) * 100
            p = mul_div_round(base[g], share, mean[g] * COEF_ONE * step)
        else:
            value = base[g] * c
            divisor = COEF_ONE * step
            p = (2 * value + divisor) // (2 * divisor)
        case_class[i] = kind
        used[i] = c
        points[i] = p * step
