"""Pools that have one point value: the joint id that they stand under, and who stands under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from drgpay.policy import YearPolicy
from drgpay.region.records import Pool

T = TypeVar("T")


def settled_together(
    pools: Sequence[Pool], policy: YearPolicy
) -> list[tuple[str, str, list[Pool]]]:
    """Return id, name and members of what has one point value."""
    if policy["combine_pools"]:
        ids, names = "+".join(pool.id for pool in pools), "+".join(pool.name for pool in pools)
        return [(ids, names, list(pools))]
    return [(pool.id, pool.name, [pool]) for pool in pools]


def ids_in(name: str) -> list[str]:
    """Return the ids of the pools that are settled under a name.

    >>> ids_in("310+390"), ids_in("310")
    (['310', '390'], ['310'])
    """
    return name.split("+")


def by_pool(settled: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Return what belongs to the name that each pool is settled under, by the pool's own id.

    >>> by_pool([("310+390", 7)])
    {'310': 7, '390': 7}
    """
    return {own: what for name, what in settled for own in ids_in(name)}
