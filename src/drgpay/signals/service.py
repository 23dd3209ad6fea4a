"""Signals of service and of who pays: cost and days low, own shares and outpatient cost high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from drgpay.ground.errors import both
from drgpay.signals.data import Cases
from drgpay.signals.findings import NOTHING, Evidence, Finding
from drgpay.signals.outpatient import Visits, window_costs
from drgpay.signals.parameters import Parameters
from drgpay.signals.peers import Floats, Ints, Mask, averaged, dense, expected
from drgpay.signals.stays import age_band
from drgpay.signals.texts import SIGNALS

MOST = 1.5  # a log ratio further out counts as this much: one case is not to decide


@dataclass(frozen=True)
class Usual:
    """What peers' cases of the same DRG and age cost and last: logs, and whether there are peers."""

    rows: Ints
    cost: Floats
    days: Floats
    known: Mask

    def days_of(self, count: int) -> Floats:
        """Return the usual days of all N cases, NaN where there are no peers."""
        found = np.full(count, np.nan)
        found[self.rows] = np.where(self.known, np.exp(self.days) - 0.5, np.nan)
        return found


def usual(cases: Cases, count: int, settings: Parameters) -> Usual:
    """Return the peers' log means of cost and days."""
    rows = np.flatnonzero(cases.use & (cases.cost > 0))
    band = age_band(cases)[rows]
    groups = [dense(cases.adrg[rows]), dense(cases.drg[rows]), dense(cases.drg[rows], band)]
    hospital = cases.hospital[rows]
    cost, known = expected(np.log(cases.cost[rows]), hospital, count, groups, settings)
    days, _ = expected(_log_days(cases, rows), hospital, count, groups, settings)
    return Usual(rows, cost, days, known)


def _log_days(cases: Cases, rows: Ints) -> Floats:
    found: Floats = np.log(np.maximum(cases.days[rows], 0) + 0.5)
    return found


def low_service(cases: Cases, u: Usual, skip: Mask, level: Ints, settings: Parameters) -> Finding:
    """Return the signal that both cost and days are low."""
    left = ~skip[u.rows] & ~np.isin(cases.way[u.rows], (2, 5))
    rows, known = u.rows[left], u.known[left]
    hospital = cases.hospital[rows]
    by_cost = np.clip(np.log(cases.cost[rows]) - u.cost[left], -MOST, MOST)
    by_days = np.clip(_log_days(cases, rows) - u.days[left], -MOST, MOST)
    one = averaged(by_cost, known, hospital, level, settings, patient=cases.patient[rows], low=True)
    two = averaged(by_days, known, hospital, level, settings, patient=cases.patient[rows], low=True)
    # both departures together; where one of them is slight, the weaker alone decides
    rho = settings["low_service.correlation"]
    joint = (one.z + two.z) / np.sqrt(2 * (1 + rho))
    degrees = max(int(one.evaluable.sum()) - 1, 3)
    least = settings["low_service.least_z"]
    with np.errstate(invalid="ignore"):
        slight = (one.z > -least) | (two.z > -least)
    p = np.where(slight, np.maximum(one.p, two.p), stats.t.cdf(joint, degrees))
    result = replace(
        one,
        p=p,
        q=np.full(len(p), np.nan),
        z=np.where(slight, np.maximum(one.z, two.z), joint),
        shrunk=np.maximum(one.shrunk, two.shrunk),
    )
    signal = SIGNALS["low_service"]
    points = np.bincount(hospital[known], weights=cases.points[rows[known]], minlength=len(level))
    stake: Floats = np.maximum(1 - one.ratio, 0) * points

    def rows_of(number: int) -> Sequence[Evidence]:
        own = np.flatnonzero(known & (hospital == number))
        both_low = by_cost[own] + by_days[own]
        own = own[np.lexsort((own, both_low))]
        own = own[(by_cost[own] < 0) & (by_days[own] < 0)][: settings["evidence.max"]]
        found = []
        for k, case in zip(own.tolist(), cases.ids(rows[own]), strict=True):
            i = int(rows[k])
            drg = cases.drg_words[int(cases.drg[i])]
            cost, mean = cases.cost[i] / 100, float(np.exp(u.cost[left][k])) / 100
            days, usual_days = int(cases.days[i]), float(np.exp(u.days[left][k])) - 0.5
            found.append(
                Evidence(
                    case,
                    "",
                    drg,
                    float(cost),
                    mean,
                    both(
                        f"{drg}：费用 {cost:,.0f} 元、{days} 天；同侪同组通常 {mean:,.0f} 元、{usual_days:.1f} 天",
                        f"{drg}: {cost:,.0f} yuan, {days} days; usual at peers {mean:,.0f} yuan, "
                        f"{usual_days:.1f} days",
                    ),
                )
            )
        return found

    return Finding(
        signal,
        result,
        stake,
        stake * cases.point_value_yuan,
        evidence=rows_of,
    )


def patient_findings(cases: Cases, skip: Mask, level: Ints, settings: Parameters) -> list[Finding]:
    """Return the signals of what patients pay."""
    ok = cases.use & (cases.cost > 0) & ~skip
    rows = np.flatnonzero(ok)
    step = np.floor(np.log2(np.maximum(cases.cost[rows], 1)) * 4).astype(np.int64)
    pool, own_level = cases.pool[rows], cases.level[rows]
    groups = [dense(pool, step // 4), dense(pool, own_level), dense(pool, own_level, step)]
    share = (cases.cost[rows] - cases.fund[rows]) / cases.cost[rows]
    found = [_shares("patient_share", cases, rows, share, groups, level, settings)]
    named = rows[cases.own_paid[rows] >= 0]
    if len(named) < 0.5 * len(rows) or not len(named):
        text = both("病例没有个人自费（own_paid）这一列", "the cases have no column own_paid")
        found.append(absent("patient_own_paid", level, text))
        return found
    own = np.minimum(cases.own_paid[named] / cases.cost[named], 1.0)
    groups = [dense(cases.mdc[named]), dense(cases.adrg[named])]
    found.append(_shares("patient_own_paid", cases, named, own, groups, level, settings))
    return found


def outpatient_finding(
    cases: Cases, visits: Visits | None, skip: Mask, level: Ints, settings: Parameters
) -> Finding:
    """Return the signal of outpatient cost about the stays."""
    name = "outpatient_window"
    if visits is None or not len(visits.cost):
        text = both(
            "没有门诊记录，或其中没有住院患者在本统筹区机构的门诊",
            "there are no outpatient visits, or none of inpatients at the region's hospitals",
        )
        return absent(name, level, text)
    window = window_costs(cases, visits, settings["outpatient.days"])
    rows = np.flatnonzero(cases.use & (cases.patient >= 0) & (cases.group_mean > 0) & ~skip)
    part = np.minimum(window[rows] / cases.group_mean[rows], settings["outpatient.cap"])
    groups = [dense(cases.mdc[rows]), dense(cases.adrg[rows])]
    return _shares(name, cases, rows, part, groups, level, settings, cases.group_mean, window)


def _shares(
    name: str,
    cases: Cases,
    rows: Ints,
    share: Floats,
    groups: Sequence[Ints],
    level: Ints,
    settings: Parameters,
    whole: Ints | None = None,
    amount: Floats | None = None,
) -> Finding:
    """Compare a share of each case with its peers', in units of the region's mean share."""
    signal = SIGNALS[name]
    hospital = cases.hospital[rows]
    base, known = expected(share, hospital, len(level), groups, settings)
    mean = float(share.mean()) if len(share) else 0.0
    if mean <= 0:
        text = both("全部病例此项均为零", "it is zero in all cases")
        return absent(name, level, text)
    # relative to what is expected of the hospital, steadied by ten cases of the region
    n = np.bincount(hospital[known], minlength=len(level))
    usual_share = np.bincount(hospital[known], weights=base[known], minlength=len(level))
    scale = (usual_share + 10 * mean) / (n + 10)
    prior = "tau.prior_outpatient" if name == "outpatient_window" else "tau.prior_mean"
    values = (share - base) / scale[hospital]
    result = averaged(
        values,
        known,
        hospital,
        level,
        settings,
        patient=cases.patient[rows],
        prior=prior,
        relative=True,
    )
    # shares add where log ratios multiply: show observed and expected as shares
    n = np.maximum(n, 1)
    seen = np.bincount(hospital[known], weights=share[known], minlength=len(level)) / n
    meant = np.bincount(hospital[known], weights=base[known], minlength=len(level)) / n
    meant = np.where(result.evaluable, meant * np.exp(result.centre), np.nan)
    shown = np.maximum(meant, 1e-9)
    result = replace(result, observed=seen, expected=meant, ratio=seen / shown)
    money = cases.cost if whole is None else whole
    total = np.bincount(hospital[known], weights=money[rows[known]], minlength=len(level)) / 100
    stake = np.maximum(seen - meant, 0) * total

    def rows_of(number: int) -> Sequence[Evidence]:
        own = np.flatnonzero(known & (hospital == number))
        own = own[np.lexsort((own, -(share[own] - base[own]) * money[rows[own]]))]
        own = own[share[own] > base[own]][: settings["evidence.max"]]
        found = []
        for k, case in zip(own.tolist(), cases.ids(rows[own]), strict=True):
            i = int(rows[k])
            drg = cases.drg_words[int(cases.drg[i])]
            yuan = (share[k] * cases.cost[i] if amount is None else amount[i]) / 100
            found.append(
                Evidence(
                    case,
                    "",
                    drg,
                    float(share[k]),
                    float(base[k]),
                    both(
                        f"{drg}：{share[k]:.1%}（{yuan:,.0f} 元）；同侪 {base[k]:.1%}",
                        f"{drg}: {share[k]:.1%} ({yuan:,.0f} yuan); peers {base[k]:.1%}",
                    ),
                )
            )
        return found

    points = np.full(len(level), np.nan)
    return Finding(signal, result, points, stake, NOTHING, rows_of)


def absent(name: str, level: Ints, why: object) -> Finding:
    """Return a finding that says that a signal cannot be computed, and why."""
    from drgpay.ground.errors import Bilingual
    from drgpay.signals.peers import Result

    count = len(level)
    none = np.full(count, np.nan)
    result = Result(
        np.zeros(count, np.int64), none, none, none, none, none, none, none,
        np.zeros(count, np.bool_), 0.0, none,
    )  # fmt: skip
    text = why if isinstance(why, Bilingual) else NOTHING
    return Finding(SIGNALS[name], result, none, none, text)
