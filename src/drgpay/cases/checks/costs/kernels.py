"""Checks of money, and their loop.

Money is int64 fen, unknown below -10^12. The bits of a case stand in the order of
drgpay.cases.checks.catalogue.COSTS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel


@kernel
def known_fen(fen: Any) -> bool:
    """Return whether an amount is given."""
    return bool(fen > -1_000_000_000_000)


@kernel
def items_against_cost(items: Any, cost: Any) -> bool:
    """Fail if the sum of the items charged is not the total cost."""
    return bool(known_fen(items) and known_fen(cost) and items != cost)


@kernel
def payers_against_cost(cost: Any, fund: Any, personal: Any, other: Any) -> bool:
    """Fail if pooled fund, person and other payers together did not pay the total cost."""
    if not (known_fen(cost) and known_fen(fund) and known_fen(personal) and known_fen(other)):
        return False
    return bool(fund + personal + other != cost)


@kernel
def own_above_personal(own: Any, personal: Any) -> bool:
    """Fail if what the person paid outside the catalogue is more than all the person paid."""
    return bool(known_fen(own) and known_fen(personal) and own > personal >= 0)


@kernel
def part_negative(personal: Any, other: Any, items: Any, own: Any, refund: Any) -> bool:
    """Fail if a part of the cost is negative, but for a refund."""
    if refund == 1:
        return False
    return bool(
        (known_fen(personal) and personal < 0)
        or (known_fen(other) and other < 0)
        or (known_fen(items) and items < 0)
        or (known_fen(own) and own < 0)
    )


@kernel
def cost_zero(cost: Any) -> bool:
    """Fail if the total cost is nothing."""
    return bool(cost == 0)


@kernel
def cost_tiny(cost: Any, least: Any) -> bool:
    """Fail if the total cost is above nothing, but less than any stay costs."""
    return bool(0 < cost < least)


@kernel
def cost_absurd(cost: Any, admission: Any, discharge: Any, most_a_day: Any) -> bool:
    """Fail if a day costs more than a bound, both ends of the stay counted."""
    if admission <= -1_000_000 or discharge < admission:
        return False
    return bool(cost > (np.int64(discharge) - admission + 1) * most_a_day)


@kernel
def refund_not_negative(refund: Any, cost: Any) -> bool:
    """Fail if a row is marked as a refund, but its cost is above 0."""
    return bool(refund == 1 and cost > 0)


@kernel
def at(bit: Any, failed: Any) -> Any:
    """Return a word with one bit set when a check failed."""
    return np.uint64(failed) << np.uint64(bit)


@kernel
def check_costs(
    cost: Any,
    fund: Any,
    personal: Any,
    other: Any,
    items: Any,
    own: Any,
    refund: Any,
    admission: Any,
    discharge: Any,
    limits: Any,
    out: Any,
) -> None:
    """Write the bits of failed checks of N cases.

    `limits` [2]: least cost of a stay, most cost of a day, fen.
    """
    for i in range(out.shape[0]):
        total = cost[i]
        word = at(0, items_against_cost(items[i], total))
        word |= at(1, payers_against_cost(total, fund[i], personal[i], other[i]))
        word |= at(2, own_above_personal(own[i], personal[i]))
        word |= at(3, part_negative(personal[i], other[i], items[i], own[i], refund[i]))
        word |= at(4, cost_zero(total)) | at(5, cost_tiny(total, limits[0]))
        word |= at(6, cost_absurd(total, admission[i], discharge[i], limits[1]))
        word |= at(7, refund_not_negative(refund[i], total))
        out[i] = word
