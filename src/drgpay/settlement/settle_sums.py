"""From what a year's cases add up to, to pools, hospitals, the control target and notes.

The cases may lie in this process or on a cluster (drgpay.spark): only their sums are asked for, and
with bounds on each case what their `items_of` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drgpay.budget.ceiling import Ceiling
from drgpay.cases.quarantine import Quarantine
from drgpay.ground.errors import Bilingual
from drgpay.points.base import BasePoints
from drgpay.points.quality import Quality, quality
from drgpay.policy import YearPolicy
from drgpay.region.provenance import HAND
from drgpay.region.records import Region
from drgpay.region.standing import ENDED
from drgpay.settlement.all_payments import capitation_fen, other_modes
from drgpay.settlement.by_month import payments_of_year
from drgpay.settlement.checks import (
    check_given_money,
    check_points,
    check_pools_have_cases,
    check_unsettled,
    provisions_by_pool,
    quarantined_fen,
)
from drgpay.settlement.funds import FundResult, hold_against_targets
from drgpay.settlement.notes import year_notes
from drgpay.settlement.point_value import HospitalResult, Key, PoolResult, settle
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.quota import Quota, quotas_of, review_notes
from drgpay.settlement.removed import (
    Returned,
    as_violations,
    points_in_money,
    to_fund,
    without_points,
)
from drgpay.settlement.totals import YearSums


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What a year's sums come to. `policy` has marked what was used on the way.

    `region`: with the violations as they were settled; `returned`: what cases brought too much.
    """

    region: Region
    policy: YearPolicy
    pools: Sequence[PoolResult]
    hospitals: Sequence[HospitalResult]
    notes: Quarantine
    quotas: Sequence[Quota]
    warnings: Sequence[Bilingual]
    quality: Sequence[Quality]
    ceiling: Ceiling | None
    extra: dict[str, Any]
    funds: Sequence[FundResult]
    returned: Sequence[Returned] = ()


# what cases bring too much, by pools and hospitals as they come to and what points of violations took
Returns = Callable[
    [Sequence[PoolResult], Sequence[HospitalResult], Mapping[Key, int]], Sequence[Returned]
]


def settle_sums(
    prepared: Prepared,
    region: Region,
    policy: YearPolicy,
    base: BasePoints,
    year: YearSums,
    returns: Returns | None = None,
) -> Settled:
    """Settle a year from the sums of its cases; `returns`: what is taken back of cases then.

    Of `prepared` only what it says of all cases together is asked: no piece of them. Raises
    InputError and PolicyError for a year that cannot be settled, BooksError when a total does not
    tie out.
    """
    totals = year.totals
    sums = totals.sums(region)
    check_pools_have_cases(region, policy, sums, prepared.quarantine)
    quotas = quotas_of(year.reviewed, totals.paid_cases(len(region.hospitals)), region, policy)
    used = policy
    monthly = _monthly(region, policy, year)
    if monthly is not None:
        used = used.using("month.growth_limit")
        if policy.says("prepay_basis", "month_value", "recorded_fund"):
            used = used.using("month.pattern")
    if any(pool.last_year_fund_fen is not None for pool in region.pools):
        used = used.using("budget_growth_cap")
    check_unsettled(region, policy, sums, year.aside, prepared.quarantine)

    def settled(own: Region) -> tuple[list[PoolResult], list[HospitalResult]]:
        return settle(
            own,
            policy,
            sums,
            items_of=year.items_of,
            monthly=monthly,
            quarantined=quarantined_fen(region, year.aside),
        )

    taken: dict[Key, int] = {}
    told: list[Bilingual] = []
    given = region
    if any(v.points for v in region.violations):
        used = used.using("removed_case")
        if to_fund(policy):
            region, taken, told = points_in_money(region, *settled(without_points(region)))
    pools, hospitals = settled(region)
    returned = [] if returns is None else returns(pools, hospitals, taken)
    if (
        returned
    ):  # money that is taken off changes no point value: the cases bring what they brought
        more = as_violations(returned, prepared.later)
        region = replace(region, violations=(*region.violations, *more))
        pools, hospitals = settled(region)
    if policy["combine_pools"]:
        used = used.using("combined_residual")
    ended = {h.id for h in region.hospitals if h.standing == ENDED}
    for owing in {h.hospital_id in ended for h in hospitals if h.final_fen < 0}:
        used = used.using("negative_final.ended" if owing else "negative_final")
    check_points(totals, year.counts.total - year.counts.quarantined, pools, hospitals)
    extra = other_modes(prepared, region, policy)
    if "capitation" in extra:
        for key in policy.parameters:
            if key.startswith("capitation."):
                used = used.using(key)
    check_given_money(region, policy, pools, hospitals)
    if region.carried_by_hand:
        used = used.using("carried.unmatched")
    if region.prepaid and region.prepaid_by == HAND:
        used = used.using("prepaid.limit")
    held = hold_against_targets(
        region,
        policy,
        pools,
        hospitals,
        capitation_fen(extra),
        provisions_by_pool(region, policy, sums, year.aside),
    )
    hospitals, ceiling = held.hospitals, held.ceiling
    if ceiling is not None or any(fund.ceiling is not None for fund in held.funds):
        used = used.using("ceiling.excess")
    mdc_of = {o.drg: o.mdc for o in prepared.grouper.outcomes if o.drg}
    notes = year_notes(
        prepared, given, policy, base, year, sums, quotas, pools, hospitals, held, extra
    )
    return Settled(
        region=region,
        policy=used,
        pools=pools,
        hospitals=hospitals,
        notes=review_notes(year.reviewed, region, policy),
        quotas=quotas,
        warnings=[*notes, *told],
        quality=quality(year.moments, prepared.numbers.drgs, mdc_of, base, policy["stable.cv_sd"]),
        ceiling=ceiling,
        extra=extra,
        funds=held.funds,
        returned=returned,
    )


def _monthly(
    region: Region, policy: YearPolicy, year: YearSums
) -> Mapping[Key, tuple[int, int, int]] | None:
    """Return what the months paid, where the policy prepays by them or suspends growth."""
    by_value = policy.says("prepay_basis", "month_value", "recorded_fund")
    if not by_value and policy["month.growth_limit"] is None:
        return None
    return payments_of_year(region, policy, year.totals.by_month)
