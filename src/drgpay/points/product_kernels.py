"""Products and sums of single cases, exact in 64 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel


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
def bed_day_sum(days: int, first: int, last: int, start: Any, amount: Any, whole: bool) -> int:
    """Return the sum over days of what a day is worth; bands first … last - 1 begin at `start`."""
    if whole:
        k = first
        while k + 1 < last and start[k + 1] <= days:
            k += 1
        return days * amount[k]  # type: ignore[no-any-return]
    total = np.int64(0)
    for k in range(first, last):
        end = days if k + 1 == last else min(days, start[k + 1] - 1)
        if end >= start[k]:
            total += (end - start[k] + 1) * amount[k]
    return total  # type: ignore[return-value]
