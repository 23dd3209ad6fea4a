"""What a year's cases are scored by: base points, coefficients, bed-day tables, rules."""

from __future__ import annotations

from dataclasses import dataclass

from drgpay.perdiem.points import BedDayTables, bed_day_tables
from drgpay.points.base import (
    BasePoints,
    check_zero_points,
    given_base_points,
    group_tables,
    history_base_points,
    weighted_base_points,
)
from drgpay.points.coefficients import Coefficients, GivenTables, coefficients
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.primary import primary_groups
from drgpay.settlement.scoring import Rules, points_step


@dataclass(frozen=True)
class YearRules:
    """Base points, coefficients and bed-day tables of a year, and the rules made of them."""

    base: BasePoints
    coefficients: Coefficients
    beds: BedDayTables
    scoring: Rules


def year_rules(prepared: Prepared, policy: YearPolicy, region: Region) -> YearRules:
    """Return the rules of a year; its cases are not asked for, its history is."""
    base = _base_points(prepared, policy, region)
    check_zero_points(base, ((r.bed_class, r.rate_fen) for r in region.bed_day_rates), policy)
    drgs, levels = prepared.numbers.drgs, [h.level for h in region.hospitals]
    beds = bed_day_tables(region.bed_day_rates, levels, base.all_mean_fen, policy)
    tables = group_tables(base, drgs, policy, points_step(policy))
    primary = primary_groups(policy, region, prepared.main, prepared.grouper)
    coefs = coefficients(
        policy,
        [h.id for h in region.hospitals],
        levels,
        drgs,
        GivenTables(
            {h.id: h.coefficient for h in region.hospitals if h.coefficient is not None},
            region.drg_coefficients,
            region.level_coefficients,
            region.components,
            region.tcm_shares,
        ),
        prepared.past.history,
        base,
        primary,
    )
    rules = Rules.of(policy, tables, beds, coefs.values, base.all_mean_fen)
    return YearRules(base, coefs, beds, rules)


def _base_points(prepared: Prepared, policy: YearPolicy, region: Region) -> BasePoints:
    """Return base points of the year: given, or from the history's costs."""
    if region.weights is not None:
        mean = region.all_drg_mean_fen or 0
        return weighted_base_points(region.weights, mean, policy, region.file_of("weights"))
    if prepared.past.history is None:
        return given_base_points(region.group_means or {}, region.all_drg_mean_fen or 0, policy)
    drgs = prepared.numbers.drgs
    adrg_of = {drg: drg[:3] for drg in drgs}
    return history_base_points(prepared.past.history, drgs, adrg_of, policy, prepared.past.years)
