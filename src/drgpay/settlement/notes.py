"""What the reader of a year end must know, though nothing refused it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from drgpay.cases.checks.catalogue import CHECKS, NAMES
from drgpay.ground.errors import Bilingual, both, joined
from drgpay.ground.money import POINT, round_half_away
from drgpay.grouper.engine import Grouper
from drgpay.grouper.stream import unused_columns
from drgpay.grouper.versions import version_warnings
from drgpay.names.readings import readings_text
from drgpay.points.base import BasePoints, check_zero_points
from drgpay.points.trimming import Moments
from drgpay.policy import YearPolicy
from drgpay.region.levels import alike
from drgpay.region.provenance import HAND
from drgpay.region.records import Region
from drgpay.region.together import ids_in
from drgpay.settlement.doubts import BIT, holding
from drgpay.settlement.funds import FundResult, Held, drawn_of
from drgpay.settlement.point_value import (
    NO_POINTS,
    HospitalResult,
    Key,
    PoolResult,
    Sums,
    forfeits,
    without_points,
)
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.quota import Quota
from drgpay.settlement.said import note
from drgpay.settlement.totals import SetAside, Totals, YearSums


def year_notes(
    prepared: Prepared,
    region: Region,
    policy: YearPolicy,
    base: BasePoints,
    year: YearSums,
    sums: Mapping[Key, Sums],
    quotas: Sequence[Quota],
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    held: Held,
    extra: Mapping[str, Any],
) -> list[Bilingual]:
    """Return all notes of a settled year; `sums` are those of `year` by hospital and pool."""
    found = [*prepared.codes.first(), *history_codes(prepared)]
    found += _of_cash(held)
    found += [unused_columns(prepared.unknown)] if prepared.unknown else []
    found += case_notes(year.aside, year.totals)
    found += [note("quota", quota=q.text) for q in quotas if q.granted > q.allowed]
    found += _of_tables(region, policy)
    found += _of_levels(region, policy)
    found += _of_accounts(region, sums)
    found += _of_zero_points(base, region, policy)
    found += _of_new_technology(region, policy, year)
    found += _of_scheme(prepared.main, region)
    found += _of_provisions(pools)
    found += _of_findings(prepared, policy, year.totals)
    found += _of_no_base(base, prepared.numbers.drgs, year.totals)
    found += _of_reviewed(year.totals)
    found += [told for pool in pools for told in _of_points_taken(pool)]
    for pool in pools:
        if pool.solution != NO_POINTS:
            found += _of_pool(pool)
    found += _of_left_pools(pools, hospitals, region)
    found += _of_unshared(policy, hospitals)
    if "capitation" in extra:
        found += _of_capitation(extra["capitation"])
    found += prepared.codes.provisos()
    found += [*prepared.notes, *version_warnings(prepared.versions), *_of_history(base)]
    return found + _of_old_groups(prepared.main, base, prepared.numbers.drgs, year.moments)


def _finding(name: str) -> Bilingual:
    """Return what a check finds."""
    return both(CHECKS[name].chinese, CHECKS[name].english)


def history_codes(prepared: Prepared) -> list[Bilingual]:
    """Note what is to be said first of the codes of past cases."""
    return [note("codes_of_past", note=told) for told in prepared.past.codes.first()]


def case_notes(aside: SetAside, totals: Totals) -> list[Bilingual]:
    """Note the cases that are quarantined or held, why, and the money that hangs on them."""
    found = [note("set_aside", **aside.as_dict())] if aside.cases else []
    by_findings = totals.held_by_findings()
    for name, (cases, cost, fund) in by_findings.items():
        text = _finding(name)
        found.append(
            note(
                "held_by_finding",
                cases=cases,
                finding=text,
                name=name,
                cost_fen=cost,
                fund_fen=fund,
            )
        )
    held, fund = totals.held_cases, totals.held_fund_fen
    if held and not by_findings:
        found.append(note("held_for_review", held=held, fund_fen=fund))
    elif held > max((cases for cases, _, _ in by_findings.values()), default=0):
        found.append(note("held_in_all", held=held, fund_fen=fund))
    return found


def _of_history(base: BasePoints) -> list[Bilingual]:
    """Note years that base points should rest on and of which no past case counts."""
    absent = [str(year) for year in base.history_years if year not in base.years_found]
    if not absent:
        return []
    wanted = len(base.history_years)
    return [note("history_absent", wanted=wanted, absent=absent, rest=list(base.years_found))]


def _of_tables(region: Region, policy: YearPolicy) -> list[Bilingual]:
    """Note tables of the region that the policy leaves aside."""
    given = {path.stem for path in region.files}
    unused = {
        "coefficients": not policy.says("coef.source", "given", "level", "components"),
        "level_coefficients": not policy.says("coef.source", "level", "given", "components"),
        "components": not policy.says("coef.source", "components", "given", "level"),
        "tcm": policy["tcm.tilt"] is None,
        "month_shares": not policy.says("month.pattern", "given", "equal"),
    }
    idle = [name for name, is_idle in unused.items() if is_idle and name in given]
    return [note("tables_unused", tables=idle)] if idle else []


def _of_levels(region: Region, policy: YearPolicy) -> list[Bilingual]:
    """Note levels of the tables that no hospital has."""
    levels = {h.level for h in region.hospitals}
    named = {rate.level for rate in region.bed_day_rates if rate.level}
    if policy.says("coef.source", "level", "given", "components"):
        named |= set(region.level_coefficients)
    found = [
        note("levels_alike", one=one, other=other)
        for one, other in combinations(sorted(levels), 2)
        if alike(one, other)
    ]
    strange = sorted(named - levels)
    if strange:
        found.append(note("levels_of_nobody", strange=strange, levels=sorted(levels)))
    return found


def _of_accounts(region: Region, sums: Mapping[Key, Sums]) -> list[Bilingual]:
    """Note what the tables by hospital and pool lack, or take off beyond what is there."""
    found = []
    if region.prepaid and region.prepaid_by == HAND:
        found.append(note("prepaid_by_hand"))
    unmatched = sum(len(amounts) for amounts in region.carried_by_hand.values())
    if unmatched:
        found.append(note("carried_unmatched", amounts=unmatched))
    if region.prepaid:
        lacking = sorted(
            {f"{h}/{pool}" for h, pool in sums} - {f"{h}/{p}" for h, p in region.prepaid}
        )
        if lacking:
            found.append(note("prepaid_lacking", **_first_ten(lacking, "等", "")))
    elif sums:
        found.append(note("prepaid_absent"))
    for (hospital, pool), points in region.violation_points.items():
        own = sums[hospital, pool].points if (hospital, pool) in sums else 0
        if points > own:
            found.append(
                note(
                    "points_not_there", hospital=hospital, pool=pool, points=points, own_points=own
                )
            )
    return found


def _first_ten(names: Sequence[str], chinese: str, english: str) -> dict[str, Any]:
    """Return the facts of a note that names ten of many."""
    more = both(chinese, english) if len(names) > 10 else ""
    return {"count": len(names), "shown": list(names[:10]), "more": more}


def errors_of(
    prepared: Prepared, policy: YearPolicy, totals: Totals
) -> dict[str, tuple[int, int, int]]:
    """Return cases, cost and fund of each error: of one that holds a case all, else those paid."""
    hold = holding(policy)
    found = {}
    for name, (cases, cost, fund) in prepared.errors.items():
        less = totals.held_errors[NAMES.index(name)].tolist()
        if name in BIT and BIT[name] & hold:
            found[name] = (cases, cost, fund)
        elif cases > less[0]:
            found[name] = (cases - less[0], cost - less[1], fund - less[2])
    return found


def _of_findings(prepared: Prepared, policy: YearPolicy, totals: Totals) -> list[Bilingual]:
    """Note what is paid though a finding says that it cannot be right: the dearest findings."""
    hold = holding(policy)
    rest = {
        name: sums
        for name, sums in errors_of(prepared, policy, totals).items()
        if not (name in BIT and BIT[name] & hold)
    }
    if not rest:
        return []
    dearest = sorted(rest.items(), key=lambda item: (-item[1][2], item[0]))[:5]
    findings = [
        note("finding_paid", finding=_finding(name), name=name, cases=cases, fund_fen=fund)
        for name, (cases, _, fund) in dearest
    ]
    told = joined(findings)
    return [note("paid_with_error", kinds=len(rest), findings=told)]


def _of_no_base(base: BasePoints, drgs: Sequence[str], totals: Totals) -> list[Bilingual]:
    """Note what hangs on groups without base points whose cases are paid as unstable."""
    rows = {
        drg: (int(row[0]), int(row[1]), int(row[2]))
        for drg, row in zip(drgs, totals.unstable, strict=True)
        if row[0] and drg not in base.groups
    }
    if not rows:
        return []
    cases, points, cost = (sum(row[k] for row in rows.values()) for k in range(3))
    names = sorted(rows, key=lambda drg: (-rows[drg][2], drg))[:5]
    return [
        note(
            "no_base_points", cases=cases, groups=len(rows), cost_fen=cost, points=points,
            names=names,
        )
    ]  # fmt: skip


def _of_reviewed(totals: Totals) -> list[Bilingual]:
    """Note what hangs on special reviews that were granted."""
    cases, points, cost = totals.classes()["reviewed"]
    return [note("reviewed", cases=cases, cost_fen=cost, points=points)] if cases else []


def _of_points_taken(pool: PoolResult) -> list[Bilingual]:
    """Note what points of violations come to: they raise the value of all others."""
    if not pool.points_deducted or pool.solution == NO_POINTS:
        return []
    points = pool.points_deducted
    worth = round_half_away(pool.point_value_fen * points / POINT)
    return [note("points_taken", pool=pool.pool, points=points, worth_fen=worth)]


def _of_provisions(pools: Sequence[PoolResult]) -> list[Bilingual]:
    """Note what is set aside for cases that are still to be settled."""
    return [
        note("provision", pool=pool.pool, provision_fen=pool.budget.provision_fen)
        for pool in pools
        if pool.budget.provision_fen
    ]


def _of_new_technology(region: Region, policy: YearPolicy, year: YearSums) -> list[Bilingual]:
    """Note what was taken out of costs, and what the table names without an effect."""
    rows = [item for items in region.new_technology.values() for item in items]
    if not rows:
        return []
    named = sum(item.amount_fen for item in rows)
    if policy.says("new_technology.rule", "in_cost", "paid_apart", "by_points"):
        return [note("new_technology_idle", rows=len(rows), named_fen=named)]
    taken, apart = year.totals.new_technology_fen, year.totals.apart_fen
    found = [note("new_technology", taken_fen=taken, apart_fen=apart)]
    if apart and (
        region.ceiling is not None or any(p.control_target_fen is not None for p in region.pools)
    ):
        found.append(note("new_technology_in_target", apart_fen=apart))
    if not region.has_base_points:
        found.append(note("new_technology_in_past"))
    if taken != named:
        found.append(note("new_technology_unused", unused_fen=named - taken))
    return found


def _of_zero_points(base: BasePoints, region: Region, policy: YearPolicy) -> list[Bilingual]:
    """Note groups and bed-day classes that rounding left without points, where they are settled."""
    rates = ((r.bed_class, r.rate_fen) for r in region.bed_day_rates)
    zero = check_zero_points(base, rates, policy)
    return [note("zero_base_points", **_first_ten(zero, "等", " …"))] if zero else []


def _of_cash(held: Held) -> list[Bilingual]:
    """Note what is drawn from reserves, waits, is to be recovered and moves between funds."""
    found = [
        note(
            "reserve_drawn", reserve=d.reserve.name, drawn_fen=d.drawn_fen,
            amount_fen=d.reserve.amount_fen,
        )
        for d in drawn_of(held.funds, held.ceiling)
        if d.drawn_fen
    ]  # fmt: skip
    for fund in held.funds:
        found += _of_waiting(fund)
        if fund.moved_fen:
            found.append(
                note(
                    "moved_more" if fund.moved_fen > 0 else "moved_less", pool=fund.pool,
                    due_fen=fund.due_fen + fund.residual_fen, alone_fen=fund.alone_fen,
                    moved_fen=abs(fund.moved_fen),
                )
            )  # fmt: skip
    if held.ceiling is None and not any(fund.ceiling for fund in held.funds):
        found.append(note("no_target"))
    return found


def _of_waiting(fund: FundResult) -> list[Bilingual]:
    """Note what of a fund's payments waits, for which target, and for what is to be recovered."""
    if not fund.deferred_fen:
        return []
    by_region = fund.deferred_region_fen
    held_by = {"waits_own": fund.deferred_fen - by_region, "waits_region": by_region}
    return [
        note(
            "waits", pool=fund.pool, waits_fen=fund.deferred_fen, owed_fen=fund.recover_fen,
            now_fen=fund.payable_fen,
            targets=[note(name, by_fen=fen) for name, fen in held_by.items() if fen],
        )
    ]  # fmt: skip


def readings_asked(region: Region) -> list[Bilingual]:
    """Return what is to be said of readings that the region chose in place of the scheme's own."""
    if not region.readings:
        return []
    english, chinese = (readings_text(dict(region.readings), lang) for lang in ("en", "zh"))
    return [note("readings", readings=both(chinese, english))]


def _of_scheme(main: Grouper, region: Region) -> list[Bilingual]:
    found, scheme = [], main.scheme
    found += readings_asked(region)
    start = scheme.manifest.get("effective", {}).get("from")
    if start is not None and start.year > region.year:
        found.append(note("scheme_later", scheme=scheme.id, start=start, year=region.year))
    if scheme.draft:
        found.append(note("scheme_draft", scheme=scheme.id))
    return found


def _of_pool(pool: PoolResult) -> list[Bilingual]:
    found = []
    if pool.budget.available_fen < 0 or pool.point_value_fen <= 0:
        found.append(note("not_positive", pool=pool.pool, available_fen=pool.budget.available_fen))
    if pool.residual_fen < 0:
        found.append(note("rounded_up", pool=pool.pool, more_fen=-pool.residual_fen))
    if pool.solution == "interval":
        found.append(note("many_values", pool=pool.pool))
    return found


def _of_left_pools(
    pools: Sequence[PoolResult], hospitals: Sequence[HospitalResult], region: Region
) -> list[Bilingual]:
    """Note pools left unsettled: the cause, and what is not done with them."""
    paid = {key: fen for key, (fen, _) in region.prepaid.items()}
    amounts = {
        "prepaid_fen": paid, "taken_fen": region.violation_fen, "carried_fen": region.carried
    }  # fmt: skip
    found = []
    for pool in pools:
        if pool.solution != NO_POINTS:
            continue
        members = Sums.of(h.sums for h in hospitals if h.pool in ids_in(pool.pool))
        refusal = without_points(pool.pool, members)
        sums = {
            name: sum(fen for key, fen in of.items() if key[1] == pool.pool)
            for name, of in amounts.items()
        }
        budget = pool.budget.budget_fen
        found.append(
            note(
                "left_unsettled", refusal=refusal.what, remedy=refusal.remedy, budget_fen=budget,
                **sums,
            )
        )  # fmt: skip
    return found


def _of_unshared(policy: YearPolicy, hospitals: Sequence[HospitalResult]) -> list[Bilingual]:
    """Note what was forfeited and to be shared, but by nobody: it stays in the fund."""
    if not policy.says("deposit_forfeited", "share", "fund"):
        return []
    given = {h.pool for h in hospitals if h.shared_fen}
    return [
        note("forfeits_unshared", pool=pool, forfeited_fen=fen)
        for pool, fen in forfeits(hospitals).items()
        if pool not in given
    ]


def _of_capitation(made: Any) -> list[Bilingual]:
    """Note what of capitation's tables was quarantined, and what its reader noted."""
    notes = list(made.notes)
    if len(made.quarantined):
        notes.append(note("capitation_quarantined", count=len(made.quarantined)))
    return notes


def _of_old_groups(
    main: Grouper, base: BasePoints, drgs: Sequence[str], moments: Sequence[Moments]
) -> list[Bilingual]:
    """Note cases of groups that only an earlier version has: they are paid by cost."""
    known = {*main.numbers.drgs, *base.groups}
    cases = sum(m.n for drg, m in zip(drgs, moments, strict=True) if drg not in known)
    return [note("old_groups", cases=cases, scheme=main.scheme.id)] if cases else []
