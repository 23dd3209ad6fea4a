"""What leaves each fund (险种基金) in cash, and how far its control target lets it leave.

Sources: S0 2-3 (payment controlled by total), S0 13 (reserves inside the target), S2 一2 (each fund
is settled by itself). That the target holds in cash, and that what is beyond it waits until what
others owe back is in (`ceiling.excess`), is our reading. docs/point-value.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from drgpay.budget import formulas
from drgpay.budget.ceiling import (
    CAPITATION,
    OTHER,
    OUT_OF_AREA,
    PAYABLE,
    PREPAID,
    PROVISION,
    Ceiling,
    Drawn,
    Payment,
    Reserve,
    check_ceiling,
)
from drgpay.budget.pool import available_budget, share
from drgpay.ground.money import largest_remainder
from drgpay.policy import YearPolicy
from drgpay.region.records import Ceiling as Given
from drgpay.region.records import Named, Pool, Region, other_payments
from drgpay.settlement.point_value import HospitalResult, Key, PoolResult


@dataclass(frozen=True, slots=True)
class FundResult:
    """What a fund pays and is owed, in fen; nothing is netted between hospitals.

    `alone_fen`: its settled total by itself; `moved_fen`: what one value for all pools lets it pay
    beyond that (below 0: others are paid with it). `deferred_fen` waits for what is to be recovered,
    `deferred_region_fen` of it since the region's target, not the fund's own, holds it.
    `cash_fen`: all that leaves it; `ceiling`: held against its own target, where it has one.
    """

    pool: str
    name: str
    alone_fen: int
    due_fen: int
    residual_fen: int
    moved_fen: int
    prepaid_fen: int
    forfeited_fen: int
    shared_fen: int
    violation_fen: int
    carried_fen: int
    payable_fen: int
    deferred_fen: int
    deferred_region_fen: int
    recover_fen: int
    out_of_area_fen: int
    other_fen: int
    provision_fen: int
    cash_fen: int
    ceiling: Ceiling | None = None


@dataclass(frozen=True)
class Held:
    """What was held against the targets: hospitals with what waits, funds, the region's ceiling."""

    hospitals: list[HospitalResult]
    funds: list[FundResult]
    ceiling: Ceiling | None


def hold_against_targets(
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    capitation_fen: int | None,
    provisions: Mapping[str, int],
) -> Held:
    """Fail if what leaves a fund, or all of them, in cash is beyond a target and its reserves.

    First each fund is held against its own target, then all against the region's. With
    `ceiling.excess = defer` what is beyond it waits, as far as others owe back; what still is beyond
    is drawn from reserves. `provisions`: money set aside by pool.
    """
    left = {r.name: r.amount_fen for r in _reserves(region)}
    made = {(h.hospital_id, h.pool): h for h in hospitals}
    ceilings: dict[str, Ceiling] = {}
    for pool in region.pools:
        if pool.control_target_fen is None:
            continue
        keys = [key for key in made if key[1] == pool.id]
        own = [r for r in _reserves(region) if r.pool in ("", pool.id)]
        free = pool.control_target_fen - sum(
            r.amount_fen for r in own if r.pool and r.inside_target
        )
        payments = _payments(region, policy, [pool], made, None, provisions)
        made |= _deferred(made, keys, sum(p.amount_fen for p in payments) - free, policy)
        ceilings[pool.id] = found = check_ceiling(
            _payments(region, policy, [pool], made, None, provisions),
            pool.control_target_fen,
            [
                Reserve(r.name, left[r.name], inside_target=bool(r.pool) and r.inside_target)
                for r in own
            ],
            where=f"{region.name} {region.year} {pool.name}",
        )
        for drawn in found.drawn:
            left[drawn.reserve.name] -= drawn.drawn_fen
    ceiling, by_own = None, made
    if region.ceiling is not None:
        ceiling, made = _of_region(
            region, region.ceiling, policy, made, capitation_fen, provisions, left
        )
    found_hospitals = [made[h.hospital_id, h.pool] for h in hospitals]
    waits = _by_pool({k: h.deferred_fen - by_own[k].deferred_fen for k, h in made.items()})
    funds = [
        _fund(
            region, policy, pool, pools, found_hospitals, provisions, ceilings.get(pool.id),
            waits.get(pool.id, 0),
        )
        for pool in region.pools
    ]  # fmt: skip
    return Held(found_hospitals, funds, ceiling)


def _by_pool(amounts: Mapping[Key, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, pool), fen in amounts.items():
        found[pool] = found.get(pool, 0) + fen
    return found


def _reserves(region: Region) -> Sequence[Named]:
    return () if region.ceiling is None else region.ceiling.reserves


def _of_region(
    region: Region,
    given: Given,
    policy: YearPolicy,
    made: dict[Key, HospitalResult],
    capitation_fen: int | None,
    provisions: Mapping[str, int],
    left: Mapping[str, int],
) -> tuple[Ceiling, dict[Key, HospitalResult]]:
    """Return the region's ceiling and what waits for it; `left`: of reserves, behind the funds."""
    before = {r.name: r.amount_fen - left[r.name] for r in given.reserves}
    free = given.target_fen - sum(r.amount_fen for r in given.reserves if r.inside_target)
    payments = _payments(region, policy, region.pools, made, capitation_fen, provisions)
    excess = sum(p.amount_fen for p in payments) - free - sum(before.values())
    for pool in region.pools:  # a fund waits for what it is owed itself
        waits = _deferred(made, [key for key in made if key[1] == pool.id], excess, policy)
        excess -= sum(h.deferred_fen - made[key].deferred_fen for key, h in waits.items())
        made = made | waits
    ceiling = check_ceiling(
        _payments(region, policy, region.pools, made, capitation_fen, provisions),
        given.target_fen,
        given.to_draw(),
        where=f"{region.name} {region.year}",
        drawn_before=before,
    )
    return ceiling, made


def _deferred(
    made: Mapping[Key, HospitalResult], keys: Sequence[Key], excess_fen: int, policy: YearPolicy
) -> dict[Key, HospitalResult]:
    """Return the hospitals whose payment waits in part: as much as others owe back and did not
    hold up already, by what each is to be paid, in whole fen by largest remainder.
    """
    if excess_fen <= 0 or not policy.says("ceiling.excess", "defer", "refuse"):
        return {}
    payable = {key: made[key].payable_fen for key in keys if made[key].payable_fen}
    owed = sum(made[key].recover_fen - made[key].deferred_fen for key in keys)
    whole = sum(payable.values())
    waits = formulas.waits(excess_fen, owed, whole)
    if waits <= 0:
        return {}
    parts = largest_remainder(
        {k: Fraction(waits * fen, whole) for k, fen in payable.items()}, waits
    )
    return {
        key: replace(made[key], deferred_fen=made[key].deferred_fen + fen)
        for key, fen in parts.items()
    }


def _payments(
    region: Region,
    policy: YearPolicy,
    pools: Sequence[Pool],
    made: Mapping[Key, HospitalResult],
    capitation_fen: int | None,
    provisions: Mapping[str, int],
) -> list[Payment]:
    """Return what leaves some funds in cash, by kind; what names no pool with all of them."""
    ids = {pool.id for pool in pools}
    own = [h for (_, pool), h in made.items() if pool in ids]
    found = [
        Payment(PREPAID, sum(h.prepaid_fen for h in own)),
        Payment(PAYABLE, sum(h.payable_fen for h in own)),
    ]
    if policy.says("out_of_area", "inside_budget", "deducted"):
        found.append(Payment(OUT_OF_AREA, sum(pool.out_of_area_fund_fen for pool in pools)))
    if capitation_fen is not None:
        found.append(Payment(CAPITATION, capitation_fen))
    found += [Payment(OTHER, p.amount_fen, p.name) for p in other_payments(region, pools)]
    aside = sum(fen for pool, fen in provisions.items() if pool in ids)
    return [*found, Payment(PROVISION, aside)] if aside else found


# what a fund pays and is owed is the sum of its hospitals'
OF_HOSPITALS = (
    "due_fen", "prepaid_fen", "forfeited_fen", "shared_fen", "violation_fen", "carried_fen",
    "payable_fen", "deferred_fen", "recover_fen",
)  # fmt: skip


def _fund(
    region: Region,
    policy: YearPolicy,
    pool: Pool,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    provisions: Mapping[str, int],
    ceiling: Ceiling | None,
    deferred_region_fen: int,
) -> FundResult:
    own = [h for h in hospitals if h.pool == pool.id]
    sums = {name: sum(getattr(h, name) for h in own) for name in OF_HOSPITALS}
    aside = provisions.get(pool.id, 0)
    budget = available_budget(pool.budget_fen, pool.out_of_area_fund_fen, policy, aside)
    recorded = sum(h.sums.recorded_fund_fen for h in own)
    alone = share(recorded, budget.available_fen, policy, budget.reserve_fen).settled_fen
    settled = next((p for p in pools if p.pool == pool.id), None)
    residual = 0 if settled is None else settled.residual_fen
    outside = (
        pool.out_of_area_fund_fen if policy.says("out_of_area", "inside_budget", "deducted") else 0
    )
    other = sum(p.amount_fen for p in other_payments(region, [pool]))
    return FundResult(
        pool=pool.id,
        name=pool.name,
        alone_fen=alone,
        **sums,
        residual_fen=residual,
        moved_fen=sums["due_fen"] - alone if settled is None else 0,  # one value for all pools
        deferred_region_fen=deferred_region_fen,
        out_of_area_fen=outside,
        other_fen=other,
        provision_fen=aside,
        cash_fen=sums["prepaid_fen"] + sums["payable_fen"] + outside + other + aside,
        ceiling=ceiling,
    )


def drawn_of(funds: Sequence[FundResult], ceiling: Ceiling | None) -> Sequence[Drawn]:
    """Return what was drawn from each reserve, for a fund or for the region."""
    if ceiling is not None:
        return ceiling.drawn
    return [drawn for fund in funds if fund.ceiling is not None for drawn in fund.ceiling.drawn]
