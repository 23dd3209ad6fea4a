"""What a year end must not go on with: groups that are not there, pools without cases, false sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drgpay.cases.quarantine import REASONS as QUARANTINE_REASONS
from drgpay.cases.quarantine import Quarantine
from drgpay.errors import BooksError, InputError, PolicyError, both
from drgpay.grouper.versions import AnyGrouper
from drgpay.policy import YearPolicy
from drgpay.settlement.point_value import HospitalResult, Key, PoolResult, Sums
from drgpay.settlement.region import Region
from drgpay.settlement.totals import Totals


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
    alone = policy["combine_pools"] or policy["pool_without_points"] == "leave"
    if alone and len(empty) < len(region.pools):
        return  # it is left unsettled, or has no part in the common value
    if not empty or not len(quarantine):
        return
    reasons: dict[str, list[int]] = {}
    for note in quarantine.rows:
        reasons.setdefault(note[5], []).append(note[1])
    raise InputError(
        both(
            f"险种 {'、'.join(empty)} 没有可清算的病例；{len(quarantine)} 例被隔离",
            f"pool {', '.join(empty)} has no case to settle; {len(quarantine)} are quarantined",
        ),
        where=region.path,
        faults=[
            both(
                f"{QUARANTINE_REASONS[code].chinese}：{len(rows)} 例，如第{rows[0]}行",
                f"{QUARANTINE_REASONS[code].english}: {len(rows)}, for one in row {rows[0]}",
            )
            for code, rows in sorted(reasons.items(), key=lambda item: -len(item[1]))
        ],
        remedy=both("更正这些病例", "correct these cases"),
    )


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
