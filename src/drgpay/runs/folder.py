"""A settled year as a run folder: what its manifest says of it, and its writing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay import __version__
from drgpay.ground.money import decimal_text, points_text
from drgpay.names.run_tables import VALUE_PLACES, fraction_text
from drgpay.points.base import base_points_of
from drgpay.points.kernels import COEF_ONE
from drgpay.region.later import CARRIED
from drgpay.runs.carried import identity, write_carried, write_negative
from drgpay.runs.checks import checks, payment_facts, replaced
from drgpay.runs.manifest import (
    ceiling_facts,
    input_facts,
    named,
    policy_facts,
    region_facts,
    scheme_facts,
    two_languages,
)
from drgpay.runs.writer import write_result
from drgpay.runs.year_tables import funds_table, year_tables
from drgpay.settlement.doubts import BIT, holding
from drgpay.settlement.notes import errors_of
from drgpay.settlement.point_value import PoolResult
from drgpay.settlement.year_end import YearEnd

PARTS = "ratio part_fen share_fen"
MEMBER = "name budget_fen out_of_area_fund_fen last_year_fund_fen growth_approval"


def _pool_facts(p: PoolResult) -> dict[str, Any]:
    value = p.point_value_fen / 100
    return {
        **named(p, "pool name"),
        **named(p.budget, "budget_fen out_of_area_fund_fen reserve_fen provision_fen"),
        "available_budget_fen": p.budget.available_fen,
        **named(p, "recorded_fund_fen not_pool_fen settled_fen"),
        "points": points_text(p.points),
        "point_value_fraction": fraction_text(value),
        "point_value": decimal_text(value, VALUE_PLACES),
        **named(p, "residual_fen cases"),
        "points_deducted": points_text(p.points_deducted),
        **named(p, "money_fen not_pool_by_points_fen held_cases solution"),
        "value_high": None if p.value_high_fen is None else fraction_text(p.value_high_fen / 100),
        **named(p, "at_low at_high"),
        "sharing": _sharing(p),
    }


def _sharing(p: PoolResult) -> dict[str, Any]:
    """Return how recorded fund and budget became the settled total."""
    if p.sharing is None:
        return {}
    return {
        **named(p.sharing, "overspent uncapped_fen cap_fen"),
        "parts": [
            {
                "limit": None if part.limit is None else str(part.limit),
                **{name: str(value) for name, value in named(part, PARTS).items()},
            }
            for part in p.sharing.parts
        ],
    }


def _region_facts(run: YearEnd) -> dict[str, Any]:
    """Return what the region's tables gave, as far as amounts hang on it."""
    region, beds = run.region, run.beds
    points_of = {
        (rate.bed_class, rate.level, rate.from_day): base_points_of(
            rate.rate_fen, run.base.all_mean_fen, run.policy
        )
        for rate in region.bed_day_rates
    }
    return {
        "bed_days": [
            {
                "bed_day_class": rate.bed_class,
                **named(rate, "level from_day name rate_fen"),
                "points": points_text(points_of[rate.bed_class, rate.level, rate.from_day]),
            }
            for rate in region.bed_day_rates
        ],
        "bed_day_points": {
            name: points_text(points_of[name, level, day])
            for name in beds.classes
            for level, day in [
                min((r.level, r.from_day) for r in region.bed_day_rates if r.bed_class == name)
            ]
        },
        "members": [{"pool": pool.id, **named(pool, MEMBER)} for pool in region.pools],
        "violations": [
            {
                **named(v, "hospital_id pool amount_fen"),
                "points": points_text(v.points),
                "reason": v.reason,
            }
            for v in region.violations
        ],
        "carried": [
            {
                "hospital_id": key[0],
                "pool": key[1],
                "amount_fen": fen,
                "from": region.carried_from.get(key, ""),
            }
            for key, fen in sorted(region.carried.items())
        ],
        "prepaid_given": [
            {"hospital_id": key[0], "pool": key[1], "prepaid_fen": paid, "deposit_fen": deposit}
            for key, (paid, deposit) in sorted(region.prepaid.items())
        ],
        "level_coefficients": {
            level: decimal_text(Fraction(c, COEF_ONE), 6)
            for level, c in sorted(region.level_coefficients.items())
        },
        "tcm": {h: str(share) for h, share in sorted(region.tcm_shares.items())},
        "quotas": [
            {"hospital_id": q.hospital, **named(q, "granted paid allowed")} for q in run.quotas
        ],
    }


def manifest(run: YearEnd) -> dict[str, Any]:
    """Return what a run was made of and what came out, for manifest.json: no date, no path."""
    prepared, region = run.prepared, run.region
    stable = sum(1 for g in run.base.groups.values() if g.stable)
    versions = [use.as_dict() for use in prepared.versions]
    return {
        "drgpay_version": __version__,
        "region": region_facts(region),
        **(run.reopening.as_dict() if run.reopening else {"version": 1}),
        "synthetic": region.synthetic,
        "trial": run.policy.trial,
        "policy": policy_facts(run.policy, prepared.loaded.sources),
        "scheme": scheme_facts(run.grouper.scheme) | ({"versions": versions} if versions else {}),
        "inputs": input_facts(run.inputs),
        "counts": run.counts.as_dict(),
        "ends": {
            "paid": run.counts.total - run.counts.quarantined - run.totals.held_cases,
            "held": run.totals.held_cases,
            "quarantined": run.counts.quarantined,
            **replaced(run),
        },
        "classes": {
            name: {"cases": cases, "points": points_text(points), "total_cost_fen": cost}
            for name, (cases, points, cost) in run.totals.classes().items()
        },
        "base_points": {
            "source": run.base.source,
            "all_drg_mean_fen": run.base.all_mean_fen,
            "by_rate": run.region.by_rate,
            "history_cases": run.base.history_cases,
            "history_years": list(run.base.history_years),
            "history_years_found": list(run.base.years_found),
            "history_rows": prepared.past.rows,
            "history_quarantined": prepared.past.quarantined,
            "drgs": len(run.base.groups),
            "stable_drgs": stable,
        },
        "primary_groups": list(run.coefficients.primary),
        **_region_facts(run),
        "run_sha256": identity(run),
        "payments": payment_facts(run),
        "funds": funds_table(run).to_pylist(),
        "ceiling": ceiling_facts(run.ceiling),
        "pools": [_pool_facts(p) for p in run.pools],
        "hospitals": [
            {
                "hospital_id": h.id,
                "name": h.name,
                "level": h.level,
                "coefficient": decimal_text(Fraction(int(c), COEF_ONE), 6),
                "coefficient_given": None
                if h.coefficient is None
                else decimal_text(Fraction(h.coefficient, COEF_ONE), 6),
                "score": decimal_text(h.score, 4),
                "kind": h.kind,
                "community_id": h.community,
                "standing": h.standing,
            }
            for h, c in zip(run.region.hospitals, run.coefficients.general, strict=True)
        ],
        "front_page": _front_page(run),
        "codes": prepared.codes.as_dict() | {"line": two_languages(prepared.codes.line())},
        "history_codes": prepared.past.codes.as_dict(),
        "review_notes": len(run.notes),
        "quarantined": run.set_aside.as_dict(),
        "warnings": [two_languages(warning) for warning in run.warnings],
        "checks": checks(run),
    }


def _front_page(run: YearEnd) -> dict[str, Any]:
    """Return what the checks of front pages found."""
    checked = run.prepared.checked
    errors = errors_of(run.prepared, run.policy, run.totals)
    return {
        "counts": checked.counts.as_dict(),
        "findings": checked.found,
        "kept": len(checked.findings),
        "by_check": checked.by_check,
        "not_made": list(checked.not_made),
        "errors": {
            name: {"cases": cases, "total_cost_fen": cost, "pool_fund_fen": fund}
            for name, (cases, cost, fund) in errors.items()
        },
        "holding": [name for name, bit in BIT.items() if bit & holding(run.policy)],
    }


def write_run(
    run: YearEnd,
    out: str | Path,
    *,
    lang: str = "zh",
    finish: Callable[[Path], object] | None = None,
) -> Path:
    """Write the run folder `out`, which must not exist yet; `finish` may add files to it.

    Raises InputError when `out` is there already or its parent is not, or when the disk is full.
    """

    def beside(folder: Path) -> None:
        if run.reopening is None:
            write_negative(run, folder / CARRIED, "; ".join(run.policy.trial))
            return
        write_carried(run.reopening, run, folder, lang)
        if run.reopening.corrected is not None:
            run.reopening.corrected.write(folder)

    return write_result(
        out, year_tables(run, lang), lambda: manifest(run), beside=beside, finish=finish
    )
