"""What a year end must not go on with: groups that are not there, pools without cases, false sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from drgpay.cases.quarantine import Quarantine
from drgpay.ground.errors import Bilingual, BooksError, InputError, PolicyError, both
from drgpay.ground.money import decimal_text, yuan_text
from drgpay.grouper.versions import AnyGrouper
from drgpay.names.reasons import REASONS
from drgpay.policy import YearPolicy
from drgpay.region.provenance import HAND
from drgpay.region.records import Region
from drgpay.region.together import ids_in
from drgpay.settlement.point_value import (
    NO_POINTS,
    HospitalResult,
    Key,
    PoolResult,
    Sums,
    provision_of,
)
from drgpay.settlement.totals import SetAside, Totals


def check_given_drgs(region: Region, grouper: AnyGrouper) -> None:
    """Fail if a given mean or weight is of a DRG that no case can have: its cases would be unstable."""
    known = {o.drg for o in grouper.outcomes[:-1] if not o.ambiguous}
    strange = [drg for drg in region.group_means or region.weights or {} if drg not in known]
    if strange:
        raise InputError(
            both(
                f"有 {len(strange)} 个DRG不在分组方案 {grouper.scheme.id} 中",
                f"{len(strange)} of its DRGs are not in the scheme {grouper.scheme.id}",
            ),
            where=region.path / region.file_of("base_points" if region.group_means else "weights"),
            faults=[both(f"病组（drg）“{drg}”不在其中", f"drg {drg!r}") for drg in strange],
            remedy=both(
                "更正代码，或在 region.toml 中改用其所属的分组方案",
                "correct the codes, or name the scheme that they belong to in region.toml",
            ),
        )


def check_named_groups(policy: YearPolicy, grouper: AnyGrouper) -> None:
    """Fail if a trial names groups that the scheme does not have."""
    known = {*grouper.numbers.drgs, *grouper.numbers.adrgs}
    for key in ("readmission.exempt",):
        parameter = policy.parameters[key]
        strange = [code for code in parameter.value if code not in known]
        if parameter.trial and strange:
            raise PolicyError(
                both(
                    f"--set {key}：分组方案 {grouper.scheme.id} 中没有 {'、'.join(strange)}",
                    f"--set {key}: the scheme {grouper.scheme.id} has no {', '.join(strange)}",
                )
            )


def check_pools_have_cases(
    region: Region, policy: YearPolicy, sums: Mapping[Key, Sums], quarantine: Quarantine
) -> None:
    """Fail with the reasons of quarantine when they left a pool without a case."""
    empty = [p.id for p in region.pools if not any(key[1] == p.id for key in sums)]
    alone = policy["combine_pools"] or policy.says("pool_without_points", "leave", "refuse")
    if alone and len(empty) < len(region.pools):
        return  # it is left unsettled, or has no part in the common value
    if not empty or not len(quarantine):
        return
    raise InputError(
        both(
            f"险种 {'、'.join(empty)} 没有可清算的病例；{len(quarantine)} 例被隔离",
            f"pool {', '.join(empty)} has no case to settle; {len(quarantine)} are quarantined",
        ),
        where=region.path,
        faults=_reasons(quarantine),
        remedy=both("更正这些病例", "correct these cases"),
    )


def check_given_money(
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
) -> None:
    """Fail if prepayments, deposits or carried amounts that no run wrote cannot be right.

    What months and runs wrote was held against their digests when it was read. Of pools that are
    left unsettled nothing is taken.
    """
    left = {own for p in pools if p.solution == NO_POINTS for own in ids_in(p.pool)}
    faults = _of_carried(region, policy)
    limit = policy["prepaid.limit"]
    for h in hospitals if limit is not None and region.prepaid_by == HAND else ():
        prepaid, deposit = region.prepaid.get((h.hospital_id, h.pool), (None, None))
        if prepaid is None or h.pool in left:
            continue
        recorded = h.sums.recorded_fund_fen + h.sums.held_fund_fen
        most = max(0, recorded, h.due_fen)
        basis = both(
            f"统筹基金记账 {yuan_text(recorded)} 元、应付 {yuan_text(h.due_fen)} 元",
            f"recorded fund {yuan_text(recorded)} yuan, due {yuan_text(h.due_fen)}",
        )
        where = both(
            f"机构 {h.hospital_id} 险种 {h.pool}", f"hospital {h.hospital_id}, pool {h.pool}"
        )
        if prepaid > limit * most:
            times = decimal_text(limit, 2)
            faults.append(
                both(
                    f"{where.chinese}：已预付 {yuan_text(prepaid)} 元，而{basis.chinese}，"
                    f"至多为较大者的 {times} 倍（prepaid.limit）",
                    f"{where}: prepaid {yuan_text(prepaid)} yuan, but {basis}: at most {times} times "
                    "the larger one (prepaid.limit)",
                )
            )
        kept = max(0, most - prepaid)
        if deposit is not None and deposit > kept:
            faults.append(
                both(
                    f"{where.chinese}：保证金 {yuan_text(deposit)} 元，而{basis.chinese}，已预付 "
                    f"{yuan_text(prepaid)} 元，至多留存 {yuan_text(kept)} 元",
                    f"{where}: a deposit of {yuan_text(deposit)} yuan, but {basis}, prepaid "
                    f"{yuan_text(prepaid)}: at most {yuan_text(kept)} were held back",
                )
            )
    if faults:
        raise InputError(
            both("带入本年的金额不能使用", "amounts that come into the year cannot be used"),
            where=region.path,
            faults=faults,
            remedy=both(
                "用月度结算（十二月份，--earlier）写出的 prepaid.csv、原清算写出的 carried.csv，"
                "或更正手工编制的金额",
                "take the prepaid.csv of December's run of the months (--earlier) and the carried.csv "
                "of the run, or mend what was written by hand",
            ),
        )


def _of_carried(region: Region, policy: YearPolicy) -> list[Bilingual]:
    """Return carried amounts that name no run and that the policy does not take."""
    found = []
    refuses = policy.says("carried.unmatched", "refuse", "recover_only", "accept")
    recovers = policy.says("carried.unmatched", "recover_only", "refuse", "accept")
    for (hospital, pool), amounts in sorted(region.carried_by_hand.items()):
        for fen in amounts:
            if refuses or (recovers and fen < 0):
                kind = both("补付", "to be paid") if fen < 0 else both("扣回", "to be recovered")
                amount = yuan_text(abs(fen))
                found.append(
                    both(
                        f"carried 表：机构 {hospital} 险种 {pool} {kind.chinese} {amount} 元，"
                        "没有注明并符合其所出自的清算（carried.unmatched）",
                        f"table carried: hospital {hospital}, pool {pool}, {amount} yuan {kind}: names "
                        "no run that it matches (carried.unmatched)",
                    )
                )
    return found


def require_targets(region: Region, policy: YearPolicy) -> None:
    """Fail if an official run has no control target that the policy asks for; trials may go without."""
    if policy.trial or policy.says("ceiling.required", "none", "region", "fund"):
        return
    lacking = [pool.id for pool in region.pools if pool.control_target_fen is None]
    if policy.says("ceiling.required", "region", "fund", "none") or len(region.pools) == 1:
        lacking = []
    if region.ceiling is not None and not lacking:
        return
    pools = "、".join(lacking)
    raise InputError(
        both(
            "正式清算须有总额控制目标，region.toml 没有给出"
            + (
                f"险种 {pools} 的（[[pools]] 下的 control_target_yuan）"
                if lacking
                else "（[ceiling]）"
            ),
            "an official run needs a control target; region.toml gives none"
            + (
                f" for pool {pools} (control_target_yuan below [[pools]])"
                if lacking
                else " ([ceiling])"
            ),
        ),
        where=region.path / "region.toml",
        remedy=both(
            "写明控制目标；尚无目标时先试算（--set ceiling.required=none），结果注明是试算",
            "give it; where there is none yet, run a trial (--set ceiling.required=none), which is "
            "marked as one",
        ),
    )


def quarantined_fen(region: Region, aside: SetAside) -> dict[str, int]:
    """Return the recorded fund of this year's quarantined cases by pool."""
    return {p.id: fen for p, (_, fen) in zip(region.pools, aside.by_pool, strict=False)}


def provisions_by_pool(
    region: Region, policy: YearPolicy, sums: Mapping[Key, Sums], aside: SetAside
) -> dict[str, int]:
    """Return what is set aside in each pool for held and quarantined cases."""
    bad = quarantined_fen(region, aside)
    return {
        p.id: provision_of(
            {key: s for key, s in sums.items() if key[1] == p.id}, [bad.get(p.id, 0)], policy
        )
        for p in region.pools
    }


def check_unsettled(
    region: Region,
    policy: YearPolicy,
    sums: Mapping[Key, Sums],
    aside: SetAside,
    quarantine: Quarantine,
) -> None:
    """Fail if quarantined and held cases are too large a share, of cases or recorded fund.

    Of all cases, and of each pool's (`unsettled_share_max`): beyond it the value of a point is not
    that of the year. Cases of another year do not count.
    """
    limit = Fraction(policy["unsettled_share_max"])
    rows = [(p.id, [s for key, s in sums.items() if key[1] == p.id]) for p in region.pools]
    by_pool = aside.by_pool or ((0, 0),) * (len(region.pools) + 1)
    parts = [(name, own, [by_pool[n]]) for n, (name, own) in enumerate(rows)]
    parts.append(("", list(sums.values()), list(by_pool)))
    over = []
    for name, own, bad in parts:
        stopped, lost = sum(n for n, _ in bad), sum(fen for _, fen in bad)
        held, waiting = sum(s.held_cases for s in own), sum(s.held_fund_fen for s in own)
        cases = sum(s.cases for s in own) + held + stopped
        fund = sum(s.recorded_fund_fen for s in own) + waiting + lost
        if held + stopped > limit * cases or waiting + lost > limit * fund:
            of = both(f"险种 {name}", f"pool {name}") if name else both("全统筹区", "the region")
            all_fund, own_fund = yuan_text(fund), yuan_text(waiting + lost)
            over.append(
                both(
                    f"{of.chinese}：{cases} 例中隔离 {stopped} 例、暂不支付 {held} 例；"
                    f"统筹基金记账 {all_fund} 元中占 {own_fund} 元",
                    f"{of}: of {cases} cases {stopped} are quarantined and {held} held; "
                    f"{own_fund} yuan of the recorded fund of {all_fund}",
                )
            )
    if not over:
        return
    share = f"{float(limit * 100):g}"
    raise InputError(
        both(
            f"未清算的病例超过 {share} %（unsettled_share_max）：余下病例的点值不能代表全年",
            f"more than {share} % of cases or money would not be settled (unsettled_share_max): the "
            "value of the others would not be the year's",
        ),
        where=region.path,
        faults=[*over, *_reasons(quarantine)],
        remedy=both(
            "更正被隔离的病例，对暂不支付的病例在 reviews 表给出结论；"
            "drgpay cases check 逐例列出问题；确要清算，由有权部门调整 unsettled_share_max",
            "correct the quarantined cases and decide on the held ones in table reviews; drgpay cases "
            "check lists every fault; to settle all the same, have unsettled_share_max changed",
        ),
    )


def _reasons(quarantine: Quarantine) -> list[Bilingual]:
    """Return the reasons of quarantine, the most frequent first."""
    reasons: dict[str, list[int]] = {}
    for note in quarantine.rows:
        reasons.setdefault(note[5], []).append(note[1])
    return [
        both(
            f"{REASONS[code].message.chinese}：{len(rows)} 例，如第{rows[0]}行",
            f"{REASONS[code].message}: {len(rows)}, for one in row {rows[0]}",
        )
        for code, rows in sorted(reasons.items(), key=lambda item: -len(item[1]))
    ]


def check_points(
    totals: Totals,
    grouped: int,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
) -> None:
    """Fail if points of cases, hospitals, pools, classes and DRGs are not the same sum.

    `grouped`: how many cases are not quarantined.
    """
    classes, drgs = totals.classes(), totals.drgs()
    deducted = sum(h.sums.points_deducted for h in hospitals)
    points = {
        "cases": totals.case_points,
        "hospitals": sum(h.sums.net_points for h in hospitals) + deducted,
        "pools": sum(p.points for p in pools) + deducted,
        "classes": sum(points for _, points, _ in classes.values()),
        "drgs": int(drgs.points.sum()),
        "months": int(totals.by_month[:, :, [1, 6]].sum()),
    }
    if len(set(points.values())) > 1:
        raise BooksError(both(f"点数合计不符：{points}", f"points do not tie out: {points}"))
    cases = {
        "cases": grouped - totals.held_cases,
        "hospitals": sum(h.sums.cases for h in hospitals),
        "pools": sum(p.cases for p in pools),
        "classes": sum(count for count, _, _ in classes.values()),
        "drgs": int(drgs.cases.sum()),
        "months": int(totals.by_month[:, :, 0].sum()),
    }
    if len(set(cases.values())) > 1:
        raise BooksError(
            both(f"病例数合计不符：{cases}", f"numbers of cases do not tie out: {cases}")
        )
