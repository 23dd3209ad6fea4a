"""What the reader of a year end must know, though nothing refused it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import POINT, points_text, round_half_away, yuan_text
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
from drgpay.settlement.doubts import BIT, holding
from drgpay.settlement.funds import FundResult, Held, drawn_of
from drgpay.settlement.point_value import (
    NO_POINTS,
    HospitalResult,
    Key,
    PoolResult,
    Sums,
    left_notes,
    unshared_notes,
)
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.quota import Quota
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
    found += [
        both(f"特病单议超出名额：{q.text.chinese}", f"special reviews beyond the quota: {q.text}")
        for q in quotas
        if q.granted > q.allowed
    ]
    found += _of_tables(region, policy)
    found += _of_levels(region, policy)
    found += _of_accounts(region, sums)
    found += _of_zero_points(base, region, policy)
    found += _of_new_technology(region, policy, year)
    found += _of_scheme(prepared.main, region)
    found += _of_provisions(pools)
    found += _of_findings(prepared, policy)
    found += _of_no_base(base, prepared.numbers.drgs, year.totals)
    found += _of_reviewed(year.totals)
    found += [note for pool in pools for note in _of_points_taken(pool)]
    for pool in pools:
        if pool.solution != NO_POINTS:
            found += _of_pool(pool)
    found += left_notes(pools, hospitals, region)
    found += unshared_notes(policy, hospitals)
    if "capitation" in extra:
        found += _of_capitation(extra["capitation"])
    found += prepared.codes.provisos()
    found += [*prepared.notes, *version_warnings(prepared.versions), *_of_history(base)]
    return found + _of_old_groups(prepared.main, base, prepared.numbers.drgs, year.moments)


def history_codes(prepared: Prepared) -> list[Bilingual]:
    """Note what is to be said first of the codes of past cases."""
    return [
        both(f"历史病例：{note.chinese}", f"past cases: {note}")
        for note in prepared.history_codes.first()
    ]


def case_notes(aside: SetAside, totals: Totals) -> list[Bilingual]:
    """Note the cases that are quarantined or held, why, and the money that hangs on them."""
    found = []
    if aside.cases:
        cost, fund = yuan_text(aside.total_cost_fen), yuan_text(aside.pool_fund_fen)
        found.append(
            both(
                f"{aside.cases} 例被隔离，未参加清算：可读出的总费用 {cost} 元，"
                f"统筹基金记账 {fund} 元，未计入任何机构",
                f"{aside.cases} cases are quarantined and not settled: readable total cost "
                f"{cost} yuan, recorded fund {fund} yuan, in nobody's account",
            )
        )
    for name, (cases, cost_fen, fund_fen) in totals.held_by_findings().items():
        cost, fund = yuan_text(cost_fen), yuan_text(fund_fen)
        found.append(
            both(
                f"{cases} 例因检查结果“{CHECKS[name].chinese}”（{name}）暂不支付：总费用 {cost} 元，"
                f"统筹基金记账 {fund} 元；更正数据，或在 reviews 表给出结论后重新清算",
                f"{cases} cases are held, unpaid, by the finding {name} ({CHECKS[name].english}): "
                f"cost {cost} yuan, recorded fund {fund} yuan; correct the data, or decide on them in "
                "table reviews, and settle again",
            )
        )
    held, by_findings = totals.held_cases, totals.held_by_findings()
    if held and not by_findings:
        fund = yuan_text(totals.held_fund_fen)
        found.append(
            both(
                f"{held} 例须经特病单议而未经准予，暂不支付：统筹基金记账 {fund} 元",
                f"{held} cases need a special review that was not granted and are held, unpaid: "
                f"recorded fund {fund} yuan",
            )
        )
    elif held > max((cases for cases, _, _ in by_findings.values()), default=0):
        fund = yuan_text(totals.held_fund_fen)
        found.append(
            both(
                f"暂不支付共 {held} 例（含须经特病单议而未经准予的，一例只计一次）：统筹基金记账 {fund} 元",
                f"{held} cases are held in all, unpaid (with those that need a special review that was "
                f"not granted, each once): recorded fund {fund} yuan",
            )
        )
    return found


def _of_history(base: BasePoints) -> list[Bilingual]:
    """Note years that base points should rest on and of which no past case counts."""
    absent = [str(year) for year in base.history_years if year not in base.years_found]
    if not absent:
        return []
    rest = "、".join(map(str, base.years_found))
    return [
        both(
            f"政策要求用 {len(base.history_years)} 年历史病例（history_years），其中 "
            f"{'、'.join(absent)} 年没有可用病例，基准点数只由 {rest} 年测算："
            "请在 history/ 补齐，或改 history_years",
            f"the policy asks for {len(base.history_years)} years of past cases (history_years), of "
            f"{', '.join(absent)} there is none that counts: base points rest on "
            f"{rest.replace('、', ', ')} alone; complete history/, or set history_years",
        )
    ]


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
    if not idle:
        return []
    return [
        both(
            f"按政策未使用的表：{'、'.join(idle)}",
            f"tables that the policy does not use: {', '.join(idle)}",
        )
    ]


def _of_levels(region: Region, policy: YearPolicy) -> list[Bilingual]:
    """Note levels of the tables that no hospital has."""
    levels = {h.level for h in region.hospitals}
    named = {rate.level for rate in region.bed_day_rates if rate.level}
    if policy.says("coef.source", "level", "given", "components"):
        named |= set(region.level_coefficients)
    found = [
        both(
            f"hospitals 表中“{one}”与“{other}”若为同一等级，请改成同一写法",
            f"table hospitals: write {one!r} and {other!r} in one way if they are one level",
        )
        for one, other in combinations(sorted(levels), 2)
        if alike(one, other)
    ]
    strange = sorted(named - levels)
    if not strange:
        return found
    return [
        *found,
        both(
            f"表中的等级 {'、'.join(strange)} 没有机构；机构的等级是 {'、'.join(sorted(levels))}",
            f"no hospital has the level {', '.join(strange)}; theirs are "
            f"{', '.join(sorted(levels))}",
        ),
    ]


def _of_accounts(region: Region, sums: Mapping[Key, Sums]) -> list[Bilingual]:
    """Note what the tables by hospital and pool lack, or take off beyond what is there."""
    found = []
    if region.prepaid and region.prepaid_by == HAND:
        found.append(
            both(
                "已预付表（prepaid.csv）不是月度结算写出的，只核对了上限（prepaid.limit）",
                "the table of prepayments (prepaid.csv) was not written by the months: only its "
                "bounds were checked (prepaid.limit)",
            )
        )
    unmatched = sum(len(amounts) for amounts in region.carried_by_hand.values())
    if unmatched:
        found.append(
            both(
                f"结转表（carried.csv）有 {unmatched} 笔没有注明所出自清算的摘要码，未与其核对"
                "（carried.unmatched）",
                f"{unmatched} amounts in carried.csv name no run by its digest and were held against "
                "none (carried.unmatched)",
            )
        )
    if region.prepaid:
        lacking = sorted(
            {f"{h}/{pool}" for h, pool in sums} - {f"{h}/{p}" for h, p in region.prepaid}
        )
        if lacking:
            shown = lacking[:10]
            found.append(
                both(
                    f"已预付表中没有 {len(lacking)} 家机构与险种，按政策比例计算：{'、'.join(shown)}"
                    + ("等" if len(lacking) > len(shown) else ""),
                    f"{len(lacking)} hospitals and pools are not in the table of prepayments and are "
                    f"computed by policy: {', '.join(shown)}",
                )
            )
    elif sums:
        found.append(
            both(
                "没有已预付表（prepaid.csv）：已预付按现有病例和政策重新计算，不一定是各月实际支付的数额；"
                "十二月份的月度结算（--earlier）写出实付的 prepaid.csv",
                "there is no table of prepayments (prepaid.csv): they are recomputed from today's "
                "cases by policy and may not be what the months paid; December's run of drgpay month "
                "with --earlier writes what was paid",
            )
        )
    for key, points in region.violation_points.items():
        own = sums[key].points if key in sums else 0
        if points > own:
            found.append(
                both(
                    f"机构 {key[0]} 险种 {key[1]} 应扣 {points_text(points)} 点，只有 "
                    f"{points_text(own)} 点可扣，其余未扣",
                    f"hospital {key[0]}, pool {key[1]}: {points_text(points)} points to deduct, "
                    f"{points_text(own)} there; the rest is not deducted",
                )
            )
    return found


def _of_findings(prepared: Prepared, policy: YearPolicy) -> list[Bilingual]:
    """Note what is paid though a finding says that it cannot be right: the dearest findings."""
    hold = holding(policy)
    rest = {
        name: sums
        for name, sums in prepared.errors.items()
        if not (name in BIT and BIT[name] & hold)
    }
    if not rest:
        return []
    dearest = sorted(rest.items(), key=lambda item: (-item[1][2], item[0]))[:5]
    chinese = "；".join(
        f"{CHECKS[name].chinese}（{name}）{cases} 例、记账 {yuan_text(fund)} 元"
        for name, (cases, _, fund) in dearest
    )
    english = "; ".join(
        f"{CHECKS[name].english} ({name}): {cases} cases, recorded fund {yuan_text(fund)} yuan"
        for name, (cases, _, fund) in dearest
    )
    return [
        both(
            f"有“错误”级检查结果而照付的病例（{len(rest)} 种，一例可有几种，列记账最多的）：{chinese}",
            f"paid though a finding is an error ({len(rest)} kinds, a case may have several; those of "
            f"the largest recorded fund): {english}",
        )
    ]


def _of_no_base(base: BasePoints, drgs: Sequence[str], totals: Totals) -> list[Bilingual]:
    """Note what hangs on groups without base points: paid by cost, by item or held by rule."""
    rows = {
        drg: (int(row[0]), int(row[1]), int(row[2]))
        for drg, row in zip(drgs, totals.by_group, strict=True)
        if row[0] and drg not in base.groups and drg != "0000" and not drg.endswith("QY")
    }
    if not rows:
        return []
    cases, points, cost = (sum(row[k] for row in rows.values()) for k in range(3))
    names = sorted(rows, key=lambda drg: (-rows[drg][2], drg))[:5]
    return [
        both(
            f"{cases} 例属于没有基准点数的 {len(rows)} 个病组，按非稳定病组计点（unstable.rule）：总费用 "
            f"{yuan_text(cost)} 元，点数 {points_text(points)}；费用最多的：{'、'.join(names)}",
            f"{cases} cases are in {len(rows)} groups without base points, paid by unstable.rule: cost "
            f"{yuan_text(cost)} yuan, points {points_text(points)}; the dearest: {', '.join(names)}",
        )
    ]


def _of_reviewed(totals: Totals) -> list[Bilingual]:
    """Note what hangs on special reviews that were granted."""
    cases, points, cost = totals.classes()["reviewed"]
    if not cases:
        return []
    return [
        both(
            f"{cases} 例按准予的特病单议计点：总费用 {yuan_text(cost)} 元，点数 {points_text(points)}",
            f"{cases} cases are scored by special reviews that were granted: cost {yuan_text(cost)} "
            f"yuan, points {points_text(points)}",
        )
    ]


def _of_points_taken(pool: PoolResult) -> list[Bilingual]:
    """Note what points of violations come to: they raise the value of all others."""
    if not pool.points_deducted or pool.solution == NO_POINTS:
        return []
    worth = yuan_text(round_half_away(pool.point_value_fen * pool.points_deducted / POINT))
    points = points_text(pool.points_deducted)
    return [
        both(
            f"险种 {pool.pool}：违规扣减 {points} 点，按点值合 {worth} 元，不退回基金，"
            "而使点值提高、由各机构分享",
            f"pool {pool.pool}: {points} points taken off by violations are worth {worth} yuan at the "
            "point value; they do not return to the fund but raise the value for all",
        )
    ]


def _of_provisions(pools: Sequence[PoolResult]) -> list[Bilingual]:
    """Note what is set aside for cases that are still to be settled."""
    return [
        both(
            f"险种 {pool.pool}：从可用预算中为被隔离和暂不支付的病例预提 "
            f"{yuan_text(pool.budget.provision_fen)} 元（provision），未分给其他病例",
            f"pool {pool.pool}: {yuan_text(pool.budget.provision_fen)} yuan of the budget are set aside "
            "for quarantined and held cases (provision) and not shared among the others",
        )
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
        return [
            both(
                f"新技术项目表有 {len(rows)} 行、{yuan_text(named)} 元，政策规定计入病例费用"
                "（new_technology.rule = in_cost），没有作用",
                f"the table of new technology has {len(rows)} rows, {yuan_text(named)} yuan, and no "
                "effect: the policy leaves them in the cost (new_technology.rule = in_cost)",
            )
        ]
    taken, apart = year.totals.new_technology_fen, year.totals.apart_fen
    found = [
        both(
            f"新技术项目：从病例费用中扣除 {yuan_text(taken)} 元，单独支付 {yuan_text(apart)} 元"
            "（在各险种清算总额之内）",
            f"new technology: {yuan_text(taken)} yuan taken out of costs, {yuan_text(apart)} yuan "
            "paid apart (inside the settled total of each pool)",
        )
    ]
    if apart and (
        region.ceiling is not None or any(p.control_target_fen is not None for p in region.pools)
    ):
        found.append(
            both(
                f"单独支付的新技术项目 {yuan_text(apart)} 元是应付的一部分，在已预付和本次支付之中计入总额控制目标，"
                "不另列支付",
                f"the {yuan_text(apart)} yuan paid apart for new technology are a part of the dues: "
                "they count against the control target within what is prepaid and payable now",
            )
        )
    if not region.has_base_points:
        found.append(
            both(
                "历史病例的费用没有扣除新技术项目：由历史测算的病组次均费用与基准点数含此项费用，"
                "而本年病例的费用不含；要避免，请给出已扣除的次均费用（base_points）或权重（weights）",
                "the costs of past cases are not cleared of new technology: means and base points by "
                "history have it, this year's costs have not; to avoid it give means (base_points) or "
                "weights without it",
            )
        )
    if taken != named:
        found.append(
            both(
                f"新技术项目表另有 {yuan_text(named - taken)} 元没有作用：病例不在已付病例中，"
                "或出院日不在项目的期间内",
                f"{yuan_text(named - taken)} yuan of the table of new technology have no effect: "
                "their cases are not paid ones, or the item was not listed on the day of discharge",
            )
        )
    return found


def _of_zero_points(base: BasePoints, region: Region, policy: YearPolicy) -> list[Bilingual]:
    """Note groups and bed-day classes that rounding left without points, where they are settled."""
    rates = ((r.bed_class, r.rate_fen) for r in region.bed_day_rates)
    zero = check_zero_points(base, rates, policy)
    if not zero:
        return []
    return [
        both(
            f"{len(zero)} 个病组或床日类别的基准点数取整后为 0，其病例得不到点数"
            f"（zero_base_points）：{'、'.join(zero[:10])}{'等' if len(zero) > 10 else ''}",
            f"base points of {len(zero)} groups or bed-day classes are 0 after rounding, their cases "
            f"have no points (zero_base_points): {', '.join(zero[:10])}"
            f"{' …' if len(zero) > 10 else ''}",
        )
    ]


def _of_cash(held: Held) -> list[Bilingual]:
    """Note what is drawn from reserves, waits, is to be recovered and moves between funds."""
    found = [
        both(
            f"支付超出可支付额，动用预留“{d.reserve.name}” {yuan_text(d.drawn_fen)} 元"
            f"（预留 {yuan_text(d.reserve.amount_fen)} 元）",
            f"payments are beyond what may be paid: {yuan_text(d.drawn_fen)} yuan are drawn from "
            f"{d.reserve.name} (of {yuan_text(d.reserve.amount_fen)} yuan)",
        )
        for d in drawn_of(held.funds, held.ceiling)
        if d.drawn_fen
    ]
    for fund in held.funds:
        own = fund.pool
        found += _of_waiting(fund)
        if fund.moved_fen:
            into = fund.moved_fen > 0
            found.append(
                both(
                    f"险种 {own}：合并点值下应付 {yuan_text(fund.due_fen + fund.residual_fen)} 元，单独清算为 "
                    f"{yuan_text(fund.alone_fen)} 元，{'多付' if into else '少付'} "
                    f"{yuan_text(abs(fund.moved_fen))} 元（combine_pools）",
                    f"pool {own}: under one value {yuan_text(fund.due_fen + fund.residual_fen)} yuan "
                    f"are due, by itself it would settle to {yuan_text(fund.alone_fen)}: "
                    f"{yuan_text(abs(fund.moved_fen))} {'more' if into else 'less'} (combine_pools)",
                )
            )
    if held.ceiling is None and not any(fund.ceiling for fund in held.funds):
        found.append(
            both(
                "region.toml 没有给出总额控制目标（[ceiling]），未与其核对",
                "region.toml gives no control target ([ceiling]); nothing was held against it",
            )
        )
    return found


def _of_waiting(fund: FundResult) -> list[Bilingual]:
    """Note what of a fund's payments waits, for which target, and for what is to be recovered."""
    if not fund.deferred_fen:
        return []
    by_region = fund.deferred_region_fen
    parts = [
        both(
            f"本险种控制目标 {yuan_text(fen)} 元", f"{yuan_text(fen)} yuan by the fund's own target"
        )
        for fen in [fund.deferred_fen - by_region]
        if fen
    ]
    parts += [
        both(f"全区控制目标 {yuan_text(fen)} 元", f"{yuan_text(fen)} yuan by the region's target")
        for fen in [by_region]
        if fen
    ]
    waits, owed, now = map(yuan_text, (fund.deferred_fen, fund.recover_fen, fund.payable_fen))
    return [
        both(
            f"险种 {fund.pool}：应支付中 {waits} 元待应收回的 {owed} 元收回后再付（ceiling.excess），"
            f"因超出{'、'.join(part.chinese for part in parts)}；其余可付 {now} 元",
            f"pool {fund.pool}: {waits} yuan wait until the {owed} to be recovered are in "
            f"(ceiling.excess), held by targets: {', '.join(map(str, parts))}; the other {now} may be paid",
        )
    ]


def readings_asked(region: Region) -> list[Bilingual]:
    """Return what is to be said of readings that the region chose in place of the scheme's own."""
    if not region.readings:
        return []
    asked, chinese = (readings_text(dict(region.readings), lang) for lang in ("en", "zh"))
    return [
        both(
            f"region.toml 选定的分组读法：{chinese}（方案未定，金额随之而变）",
            f"readings of the scheme chosen in region.toml: {asked} (the scheme leaves them open, "
            "amounts change with them)",
        )
    ]


def _of_scheme(main: Grouper, region: Region) -> list[Bilingual]:
    found, scheme = [], main.scheme
    found += readings_asked(region)
    start = scheme.manifest.get("effective", {}).get("from")
    if start is not None and start.year > region.year:
        found.append(
            both(
                f"分组方案 {scheme.id} 自 {start} 起施行，晚于清算年度 {region.year}",
                f"the scheme {scheme.id} is in force from {start}, after {region.year}",
            )
        )
    if scheme.draft:
        found.append(
            both(f"分组方案 {scheme.id} 是征求意见稿", f"the scheme {scheme.id} is a draft")
        )
    return found


def _of_pool(pool: PoolResult) -> list[Bilingual]:
    found = []
    if pool.budget.available_fen < 0 or pool.point_value_fen <= 0:
        found.append(
            both(
                f"险种 {pool.pool}：可用预算 {yuan_text(pool.budget.available_fen)} 元，"
                "点值不为正，请核对预算与异地就医基金",
                f"pool {pool.pool}: available budget {yuan_text(pool.budget.available_fen)} "
                "yuan, or a point value not above 0: check budget and care elsewhere",
            )
        )
    if pool.residual_fen < 0:
        more = yuan_text(-pool.residual_fen)
        found.append(
            both(
                f"险种 {pool.pool}：四舍五入使应付合计比清算总额多 {more} 元，由基金承担",
                f"pool {pool.pool}: rounding makes dues {more} yuan more than the settled total; the "
                "fund bears it",
            )
        )
    if pool.solution == "interval":
        found.append(
            both(
                f"险种 {pool.pool}：在上下限内有多个点值支付结果相同，取最小者",
                f"pool {pool.pool}: several point values pay the same within the bounds; the "
                "smallest is taken",
            )
        )
    return found


def _of_capitation(made: Any) -> list[Bilingual]:
    """Note what of capitation's tables was quarantined, and what its reader noted."""
    notes = list(made.notes)
    if len(made.quarantined):
        count = len(made.quarantined)
        notes.append(
            both(
                f"按人头付费的表中有 {count} 行被隔离，见 capitation_quarantine.csv",
                f"{count} rows of capitation are quarantined: capitation_quarantine.csv",
            )
        )
    return notes


def _of_old_groups(
    main: Grouper, base: BasePoints, drgs: Sequence[str], moments: Sequence[Moments]
) -> list[Bilingual]:
    """Note cases of groups that only an earlier version has: they are paid by cost."""
    known = {*main.numbers.drgs, *base.groups}
    cases = sum(m.n for drg, m in zip(drgs, moments, strict=True) if drg not in known)
    if not cases:
        return []
    return [
        both(
            f"{cases} 例属于 {main.scheme.id} 没有的病组，没有基准点数，按费用计点",
            f"{cases} cases are in groups that {main.scheme.id} lacks: without base points, they "
            "are paid by cost",
        )
    ]
