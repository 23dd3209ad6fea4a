"""Signals of service and of who pays: cost and days low, own shares and outpatient cost high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from drgpay.ground.errors import Bilingual, both
from drgpay.signals.data import Cases
from drgpay.signals.findings import NOTHING, Evidence, Finding, finding
from drgpay.signals.outpatient import Visits, window_costs
from drgpay.signals.parameters import Parameters
from drgpay.signals.peers import Floats, Ints, Mask, Result, averaged, dense, expected
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


def usual(cases: Cases, settings: Parameters) -> Usual:
    """Return the peers' log means of cost and days."""
    rows = np.flatnonzero(cases.use & (cases.cost > 0))
    band = age_band(cases)[rows]
    groups = [dense(cases.adrg[rows]), dense(cases.drg[rows]), dense(cases.drg[rows], band)]
    hospital, count = cases.hospital[rows], cases.hospitals
    cost, known = expected(np.log(cases.cost[rows]), hospital, count, groups, settings)
    days, _ = expected(_log_days(cases, rows), hospital, count, groups, settings)
    return Usual(rows, cost, days, known)


def _log_days(cases: Cases, rows: Ints) -> Floats:
    found: Floats = np.log(np.maximum(cases.days[rows], 0) + 0.5)
    return found


def low_service(cases: Cases, u: Usual, skip: Mask, settings: Parameters) -> Finding:
    """Return the signal that both cost and days are low."""
    left = ~skip[u.rows] & ~np.isin(cases.way[u.rows], (2, 5))
    rows, known = u.rows[left], u.known[left]
    hospital, level, patient = cases.hospital[rows], cases.hospital_level, cases.patient[rows]
    by_cost = np.clip(np.log(cases.cost[rows]) - u.cost[left], -MOST, MOST)
    by_days = np.clip(_log_days(cases, rows) - u.days[left], -MOST, MOST)
    one, two = (
        averaged(values, known, hospital, level, settings, patient=patient, low=True)
        for values in (by_cost, by_days)
    )
    # both departures together; where one of them is slight, the weaker alone decides
    rho = settings["low_service.correlation"]
    joint = (one.z + two.z) / np.sqrt(2 * (1 + rho))
    degrees = max(int(one.evaluable.sum()) - 1, 3)
    least = settings["low_service.least_z"]
    with np.errstate(invalid="ignore"):
        slight = (one.z > -least) | (two.z > -least)
    result = replace(
        one,
        p=np.where(slight, np.maximum(one.p, two.p), stats.t.cdf(joint, degrees)),
        z=np.where(slight, np.maximum(one.z, two.z), joint),
        shrunk=np.maximum(one.shrunk, two.shrunk),
    )
    points = np.bincount(
        hospital[known], weights=cases.points[rows[known]], minlength=cases.hospitals
    )

    def cheapest(number: int) -> list[Evidence]:
        own = np.flatnonzero(known & (hospital == number))
        own = own[np.lexsort((own, by_cost[own] + by_days[own]))]
        own = own[(by_cost[own] < 0) & (by_days[own] < 0)][: settings["evidence.max"]]
        found = []
        for k, case in zip(own.tolist(), cases.ids(rows[own]), strict=True):
            i = int(rows[k])
            drg, days = cases.drg_of(i), int(cases.days[i])
            cost, mean = cases.cost[i] / 100, float(np.exp(u.cost[left][k])) / 100
            usual_days = float(np.exp(u.days[left][k])) - 0.5
            text = both(
                f"{drg}：费用 {cost:,.0f} 元、{days} 天；同侪同组通常 {mean:,.0f} 元、{usual_days:.1f} 天",
                f"{drg}: {cost:,.0f} yuan, {days} days; usual at peers {mean:,.0f} yuan, "
                f"{usual_days:.1f} days",
            )
            found.append(Evidence(text, drg, float(cost), mean, case))
        return found

    stake: Floats = np.maximum(1 - one.ratio, 0) * points
    return finding("low_service", cases, result, stake, cheapest)


def patient_findings(cases: Cases, skip: Mask, settings: Parameters) -> list[Finding]:
    """Return the signals of what patients pay."""
    ok = cases.use & (cases.cost > 0) & ~skip
    rows = np.flatnonzero(ok)
    step = np.floor(np.log2(np.maximum(cases.cost[rows], 1)) * 4).astype(np.int64)
    pool, own_level = cases.pool[rows], cases.hospital_level[cases.hospital[rows]]
    groups = [dense(pool, step // 4), dense(pool, own_level), dense(pool, own_level, step)]
    share = (cases.cost[rows] - cases.fund[rows]) / cases.cost[rows]
    found = [_shares("patient_share", cases, rows, share, groups, settings)]
    named = rows[cases.own_paid[rows] >= 0]
    if len(named) < 0.5 * len(rows) or not len(named):
        text = both("病例没有个人自费（own_paid）这一列", "the cases have no column own_paid")
        found.append(absent("patient_own_paid", cases, text))
        return found
    own = np.minimum(cases.own_paid[named] / cases.cost[named], 1.0)
    groups = [dense(cases.mdc[named]), dense(cases.adrg[named])]
    found.append(_shares("patient_own_paid", cases, named, own, groups, settings))
    return found


def outpatient_finding(
    cases: Cases, visits: Visits | None, skip: Mask, settings: Parameters
) -> Finding:
    """Return the signal of outpatient cost about the stays."""
    name = "outpatient_window"
    if visits is None or not len(visits.cost):
        text = both(
            "没有门诊记录，或其中没有住院患者在本统筹区机构的门诊",
            "there are no outpatient visits, or none of inpatients at the region's hospitals",
        )
        return absent(name, cases, text)
    window = window_costs(cases, visits, settings["outpatient.days"])
    rows = np.flatnonzero(cases.use & (cases.patient >= 0) & (cases.group_mean > 0) & ~skip)
    part = np.minimum(window[rows] / cases.group_mean[rows], settings["outpatient.cap"])
    groups = [dense(cases.mdc[rows]), dense(cases.adrg[rows])]
    return _shares(name, cases, rows, part, groups, settings, cases.group_mean, window)


def _shares(
    name: str,
    cases: Cases,
    rows: Ints,
    share: Floats,
    groups: Sequence[Ints],
    settings: Parameters,
    whole: Ints | None = None,
    amount: Floats | None = None,
) -> Finding:
    """Compare a share of each case with its peers', in units of the region's mean share."""
    hospital, count = cases.hospital[rows], cases.hospitals
    base, known = expected(share, hospital, count, groups, settings)
    mean = float(share.mean()) if len(share) else 0.0
    if mean <= 0:
        return absent(name, cases, both("全部病例此项均为零", "it is zero in all cases"))
    home = hospital[known]
    # relative to what is expected of the hospital, steadied by ten cases of the region
    n = np.bincount(home, minlength=count)
    usual_share = np.bincount(home, weights=base[known], minlength=count)
    scale = (usual_share + 10 * mean) / (n + 10)
    result = averaged(
        (share - base) / scale[hospital],
        known,
        hospital,
        cases.hospital_level,
        settings,
        patient=cases.patient[rows],
        prior="tau.prior_outpatient" if name == "outpatient_window" else "tau.prior_mean",
        relative=True,
    )
    # shares add where log ratios multiply: show observed and expected as shares
    n = np.maximum(n, 1)
    seen = np.bincount(home, weights=share[known], minlength=count) / n
    meant = usual_share / n
    meant = np.where(result.evaluable, meant * np.exp(result.centre), np.nan)
    result = replace(result, observed=seen, expected=meant, ratio=seen / np.maximum(meant, 1e-9))
    money = cases.cost if whole is None else whole
    total = np.bincount(home, weights=money[rows[known]], minlength=count) / 100

    def most(number: int) -> list[Evidence]:
        own = np.flatnonzero(known & (hospital == number))
        own = own[np.lexsort((own, -(share[own] - base[own]) * money[rows[own]]))]
        own = own[share[own] > base[own]][: settings["evidence.max"]]
        found = []
        for k, case in zip(own.tolist(), cases.ids(rows[own]), strict=True):
            i = int(rows[k])
            drg, own_part, usual_part = cases.drg_of(i), float(share[k]), float(base[k])
            yuan = (share[k] * cases.cost[i] if amount is None else amount[i]) / 100
            text = both(
                f"{drg}：{own_part:.1%}（{yuan:,.0f} 元）；同侪 {usual_part:.1%}",
                f"{drg}: {own_part:.1%} ({yuan:,.0f} yuan); peers {usual_part:.1%}",
            )
            found.append(Evidence(text, drg, own_part, usual_part, case))
        return found

    return Finding(
        SIGNALS[name], result, np.full(count, np.nan), result.surplus * total, NOTHING, most
    )


def absent(name: str, cases: Cases, why: Bilingual) -> Finding:
    """Return a finding that says that a signal cannot be computed, and why."""
    none = np.full(cases.hospitals, np.nan)
    nobody = np.zeros(cases.hospitals, np.int64)
    result = Result(
        nobody, none, none, none, none, none, none, evaluable=nobody > 0, tau=0.0, centre=none
    )
    return Finding(SIGNALS[name], result, none, none, why)
