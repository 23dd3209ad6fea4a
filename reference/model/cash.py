"""Rule 14: what leaves each fund in cash, and the control targets that hold it.

Nothing is netted: what one hospital owes back does not let another be paid, nor one fund another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeVar

from reference.model.exact import largest_remainder
from reference.model.policy import says
from reference.model.region import Region
from reference.model.stay import Parameters

Row = TypeVar("Row", bound=Any)  # a row of a hospital and pool


@dataclass(frozen=True)
class FundRow:
    """One fund: what it pays now, what waits, what it is owed; all that leaves it in cash.

    `alone_fen` is T of the fund by itself, `moved_fen` what one value for all pools adds to it.
    """

    pool: str
    alone_fen: int
    moved_fen: int
    prepaid_fen: int
    payable_fen: int
    deferred_fen: int
    recover_fen: int
    cash_fen: int
    drawn_fen: int


def outside(pools: Iterable[str], region: Region, p: Parameters) -> int:
    if not says(p, "out_of_area", "inside_budget", "deducted"):
        return 0
    return sum(region.pools[pool].out_of_area_fund_fen for pool in pools)


def others(pools: list[str], region: Region) -> list[tuple[str, int]]:
    """Other payments of these pools; those of no pool count where all pools are together."""
    ceiling = region.ceiling
    if ceiling is None:
        return []
    every = set(pools) == set(region.pools)
    return [
        (name, amount)
        for name, amount, pool in ceiling.payments
        if pool in pools or (every and pool == "")
    ]


def leaving(
    rows: Iterable[Any],
    pools: list[str],
    region: Region,
    p: Parameters,
    provisions: Mapping[str, int],
    more: tuple[tuple[str, int], ...] = (),
) -> list[tuple[str, int]]:
    """What leaves the funds of some pools in cash, by kind, and what is set aside of them."""
    own = [row for row in rows if row.pool in pools]
    aside = sum(provisions.get(pool, 0) for pool in pools)
    return [
        ("prepaid", sum(row.prepaid_fen for row in own)),
        ("payable", sum(max(0, row.final_fen) - row.deferred_fen for row in own)),
        ("out_of_area", outside(pools, region, p)),
        *more,
        *others(pools, region),
        *([("provision", aside)] if aside else []),
    ]


def wait(rows: list[Row], pools: list[str], excess: int, p: Parameters) -> list[Row]:
    """`ceiling.excess = defer`: what is beyond the target waits, as far as others owe back."""
    own = [row for row in rows if row.pool in pools]
    owed = sum(max(0, -row.final_fen) - row.deferred_fen for row in own)
    payable = {
        (row.hospital_id, row.pool): max(0, row.final_fen) - row.deferred_fen
        for row in own
        if max(0, row.final_fen) > row.deferred_fen
    }
    waits = min(excess, owed, sum(payable.values()))
    if says(p, "ceiling.excess", "refuse", "defer") or waits <= 0:
        return rows
    exact = {key: Fraction(waits * fen, sum(payable.values())) for key, fen in payable.items()}
    parts = largest_remainder(exact, waits)
    return [
        replace(row, deferred_fen=row.deferred_fen + parts.get((row.hospital_id, row.pool), 0))
        for row in rows
    ]


def draw(excess: int, names: Iterable[str], left: Mapping[str, int], what: str) -> dict[str, int]:
    """What reserves give, one after the other; a rest is refused."""
    drawn = {}
    for name in names:
        drawn[name] = min(max(0, excess), left[name])
        excess -= drawn[name]
    if excess > 0:
        raise ValueError(f"{what}: the control target is exceeded by {excess} fen")
    return drawn


def hold(
    rows: Iterable[Row],
    alone_fen: Mapping[str, int],
    region: Region,
    p: Parameters,
    capitation_fen: int = 0,
    provisions: Mapping[str, int] = MappingProxyType({}),
) -> tuple[tuple[Row, ...], tuple[FundRow, ...], tuple[tuple[str, int], ...]]:
    """Every fund against its own target, then all against the region's.

    Returns the rows with what waits, the funds, and of the region what counts and what was drawn.
    """
    held = list(rows)
    reserves = () if region.ceiling is None else region.ceiling.reserves
    left = {name: amount for name, amount, _, _ in reserves}
    of_fund: dict[str, int] = {}
    for pool, budget in region.pools.items():
        if budget.control_target_fen is None:
            continue
        aside = sum(amount for _, amount, inside, own in reserves if inside and own == pool)
        free = budget.control_target_fen - aside
        held = wait(held, [pool], _total(leaving(held, [pool], region, p, provisions)) - free, p)
        names = [name for name, _, _, own in reserves if own in ("", pool)]
        excess = _total(leaving(held, [pool], region, p, provisions)) - free
        drawn = draw(excess, names, left, f"pool {pool}")
        left = {name: amount - drawn.get(name, 0) for name, amount in left.items()}
        of_fund[pool] = sum(drawn.values())
    counted: tuple[tuple[str, int], ...] = ()
    if region.ceiling is not None:
        every = list(region.pools)
        capitation = (("capitation", capitation_fen),)
        free = region.ceiling.control_target_fen - sum(
            amount for _, amount, inside, _ in reserves if inside
        )
        before = sum(of_fund.values())
        excess = _total(leaving(held, every, region, p, provisions, capitation)) - free - before
        for pool in every:  # a fund waits for what it is owed itself
            before_it = sum(row.deferred_fen for row in held)
            held = wait(held, [pool], excess, p)
            excess -= sum(row.deferred_fen for row in held) - before_it
        all_paid = leaving(held, every, region, p, provisions, capitation)
        names = [name for name, _, _, _ in reserves]
        drawn = draw(_total(all_paid) - free - before, names, left, "the region")
        counted = (
            *all_paid,
            *((name, amount - left[name] + drawn[name]) for name, amount, _, _ in reserves),
        )
    one_value = p["combine_pools"] and len(region.pools) > 1
    funds = []
    for pool in region.pools:
        own = [row for row in held if row.pool == pool]
        due = sum(row.due_fen for row in own)
        funds.append(
            FundRow(
                pool=pool,
                alone_fen=alone_fen[pool],
                moved_fen=due - alone_fen[pool] if one_value else 0,
                prepaid_fen=sum(row.prepaid_fen for row in own),
                payable_fen=sum(max(0, row.final_fen) - row.deferred_fen for row in own),
                deferred_fen=sum(row.deferred_fen for row in own),
                recover_fen=sum(max(0, -row.final_fen) for row in own),
                cash_fen=_total(leaving(held, [pool], region, p, provisions)),
                drawn_fen=of_fund.get(pool, 0),
            )
        )
    return tuple(held), tuple(funds), counted


def _total(counted: Iterable[tuple[str, int]]) -> int:
    return sum(amount for _, amount in counted)
