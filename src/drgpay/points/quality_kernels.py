"""Sums of costs by group, with squares in parts that fit in 64 bits.

Dimensions: N cases; G groups. A cost c < 2^44 is a x 2^22 + b.
"""

from __future__ import annotations

from typing import Any

from drgpay.ground.jit import kernel

PART_BITS = 22


@kernel
def add_costs(
    group: Any,  # [N] index of G, below 0: does not count
    cost: Any,  # [N] fen
    sums: Any,  # in and out [6, G] cases, cost, Σ a x a, Σ a x b, Σ b x b, carried b x b
) -> None:
    """Add cases to the sums of their groups."""
    mask = (1 << PART_BITS) - 1
    for i in range(group.shape[0]):
        g = group[i]
        if g >= 0:
            c = cost[i]
            a, b = c >> PART_BITS, c & mask
            sums[0, g] += 1
            sums[1, g] += c
            sums[2, g] += a * a
            sums[3, g] += a * b
            square = b * b + sums[4, g]
            sums[4, g] = square & mask
            sums[5, g] += square >> PART_BITS
