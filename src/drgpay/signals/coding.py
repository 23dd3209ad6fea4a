"""Signals of coding: severity shares high or low, heaps beside the limits of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from drgpay.ground.errors import Bilingual, both
from drgpay.points.base import multiples_of
from drgpay.signals.data import MCC, NONE, Cases
from drgpay.signals.findings import Evidence, Finding, compared, finding
from drgpay.signals.parameters import Parameters
from drgpay.signals.peers import Floats, Ints, Mask, Result, count_tail, dense
from drgpay.signals.stays import age_band, mean_of
from drgpay.signals.texts import SIGNALS


def severity_findings(cases: Cases, settings: Parameters) -> list[Finding]:
    """Return the signals of severity: shares too high, and severe cases too few."""
    rows = np.flatnonzero(cases.use)
    band = age_band(cases)[rows]
    groups = [dense(cases.mdc[rows], band), dense(cases.adrg[rows])]
    groups.append(dense(cases.adrg[rows], band))
    found = [_codes_finding(cases, rows, settings)]
    hits = {
        "upcoding_mcc": cases.severity == MCC,
        "upcoding_any": cases.severity > NONE,
        "severe_share": (cases.severity == MCC) | cases.icu,
    }
    for name, hit in hits.items():
        low, mask = SIGNALS[name].low, hit[rows]
        result, base = compared(cases, rows, hit, groups, settings, low)
        stake = result.surplus * _gain(cases, rows, mask)
        if low:
            stake = np.full(cases.hospitals, np.nan)
        evidence = (
            partial(_fewest, cases, rows, mask, base, settings)
            if low
            else partial(_deciding, cases, rows, mask, settings)
        )
        found.append(finding(name, cases, result, stake, evidence))
    return found


def _gain(cases: Cases, rows: Ints, mask: Mask) -> Floats:
    """Return the mean points that severity added at each hospital, beside the ADRG without any."""
    n, usual = _usual(cases, rows[cases.severity[rows] == NONE], cases.points)
    own, count = rows[mask], cases.hospitals
    more = np.maximum(cases.points[own] - usual[cases.adrg[own] + 1], 0)
    more = np.where(n[cases.adrg[own] + 1] > 0, more, 0)
    whole = np.bincount(cases.hospital[own], minlength=count)
    return np.bincount(cases.hospital[own], weights=more, minlength=count) / np.maximum(whole, 1)


def _usual(cases: Cases, rows: Ints, values: Ints | Floats) -> tuple[Ints, Floats]:
    """Return how many of some cases each ADRG has, and their mean; index is its number + 1."""
    size = len(cases.adrg_words) + 1
    n = np.bincount(cases.adrg[rows] + 1, minlength=size)
    sums = np.bincount(cases.adrg[rows] + 1, weights=values[rows], minlength=size)
    return n, sums / np.maximum(n, 1)


def _fewest(
    cases: Cases, rows: Ints, mask: Mask, base: Floats, settings: Parameters, number: int
) -> list[Evidence]:
    """Return the ADRGs whose severe cases are missing most."""
    own = cases.hospital[rows] == number
    size = len(cases.adrg_words)
    adrg = cases.adrg[rows][own]
    n = np.bincount(adrg, minlength=size)
    seen = np.bincount(adrg, weights=mask[own], minlength=size)
    meant = np.bincount(adrg, weights=base[own], minlength=size)
    lack = meant - seen
    order = np.lexsort((np.arange(size), -lack))[: settings["evidence.max"]]
    found = []
    for i in order[lack[order] > 0].tolist():
        adrg = cases.adrg_words[i]
        text = both(
            f"核心病组 {adrg}：{n[i]} 例中重症 {seen[i]:.0f} 例，按同侪应有 {meant[i]:.1f} 例",
            f"ADRG {adrg}: {seen[i]:.0f} severe of {n[i]} cases, {meant[i]:.1f} by the peers",
        )
        found.append(Evidence(text, adrg, float(seen[i]), float(meant[i])))
    return found


def _code_excess(cases: Cases, rows: Ints, mask: Mask, number: int) -> tuple[Floats, Floats]:
    """Return how often each deciding code stands at a hospital, and how often peers' cases would."""
    codes = len(cases.deciding_words)
    marked = rows[mask & (cases.deciding[rows] >= 0)]
    mdc = cases.mdc + 1
    groups = int(mdc.max(initial=0)) + 1
    own = cases.hospital[marked] == number
    key = mdc[marked] * codes + cases.deciding[marked]
    every = np.bincount(key, minlength=groups * codes).reshape(groups, codes)
    here = np.bincount(key[own], minlength=groups * codes).reshape(groups, codes)
    n = np.bincount(mdc[rows], minlength=groups)
    mine = np.bincount(mdc[rows][cases.hospital[rows] == number], minlength=groups)
    rate = (every - here) / np.maximum(n - mine, 1)[:, None]
    return here.sum(axis=0).astype(np.float64), mine @ rate


def _codes_finding(cases: Cases, rows: Ints, settings: Parameters) -> Finding:
    """Return the signal of single deciding codes: of each hospital the one that is oddest.

    Its p counts all codes of the hospital (Bonferroni), so that looking for the oddest is paid for.
    """
    marked = cases.deciding[rows] >= 0
    count, tau = cases.hospitals, settings["tau.code"]
    seen, meant, p = np.zeros(count), np.full(count, np.nan), np.full(count, np.nan)
    cases_of = np.bincount(cases.hospital[rows], minlength=count)
    evaluable = cases_of >= settings["min_comparable"]
    for number in np.flatnonzero(evaluable).tolist() if len(cases.deciding_words) else []:
        own, mean = _code_excess(cases, rows, marked, number)
        met = np.flatnonzero(own > 0)
        if not len(met):
            p[number], meant[number] = 1.0, 0.0
            continue
        mu = np.maximum(mean[met], 0.5)
        tails = count_tail(own[met], mu, np.ones(len(met)), tau, False)
        best = int(np.argmin(tails))
        seen[number], meant[number] = own[met][best], mu[best]
        p[number] = min(1.0, float(tails[best]) * len(own))
    size = 1 / tau**2
    ratio = seen / np.maximum(meant, 1e-9)
    shrunk = (seen + size) / (meant + size)
    z = (seen - meant) / np.sqrt(meant + (tau * meant) ** 2)
    result = Result(
        cases_of, seen, meant, ratio, shrunk, z, p, evaluable, tau, centre=np.zeros(count)
    )
    gain = _gain(cases, rows, cases.severity[rows] > NONE)
    stake: Floats = np.maximum(seen - np.nan_to_num(meant), 0) * gain
    evidence = partial(_deciding, cases, rows, marked, settings)
    return finding("upcoding_code", cases, result, stake, evidence)


def _deciding(
    cases: Cases, rows: Ints, mask: Mask, settings: Parameters, number: int
) -> list[Evidence]:
    """Return the codes that stand far oftener than at peers, then their cheapest cases."""
    if not len(cases.deciding_words):
        return []
    seen, meant = _code_excess(cases, rows, mask, number)
    excess = (seen - meant) / np.sqrt(meant + 1)
    order = np.lexsort((np.arange(len(seen)), -excess))[: settings["evidence.codes"]]
    codes = [i for i in order.tolist() if seen[i] > meant[i] and seen[i] >= 2]
    found = []
    for i in codes:
        code = cases.deciding_words[i]
        text = both(
            f"次要诊断 {code} 决定合并症等级 {seen[i]:.0f} 次，按同侪应为 {meant[i]:.1f} 次",
            f"secondary diagnosis {code} decides severity {seen[i]:.0f} times, "
            f"{meant[i]:.1f} by the peers",
        )
        found.append(Evidence(text, code, float(seen[i]), float(meant[i])))
    plain = rows[(cases.severity[rows] == NONE) & (cases.hospital[rows] != number)]
    n, usual = _usual(cases, plain, cases.cost)
    own = rows[mask & (cases.hospital[rows] == number) & np.isin(cases.deciding[rows], codes)]
    own = own[n[cases.adrg[own] + 1] > 0]
    part = cases.cost[own] / np.maximum(usual[cases.adrg[own] + 1], 1)
    own = own[np.lexsort((own, part))][: max(settings["evidence.max"] - len(found), 0)]
    for i, case in zip(own.tolist(), cases.ids(own), strict=True):
        code = cases.deciding_words[int(cases.deciding[i])]
        spent, mean = cases.cost[i] / 100, usual[cases.adrg[i] + 1] / 100
        text = both(
            f"{cases.drg_of(i)}，由 {code} 定级，费用 {spent:,.0f} 元；同侪同组无合并症者均费 {mean:,.0f} 元",
            f"{cases.drg_of(i)}, severity by {code}, cost {spent:,.0f} yuan; peers' cases without any "
            f"complication {mean:,.0f} yuan",
        )
        found.append(Evidence(text, code, float(spent), float(mean), case))
    return found


@dataclass(frozen=True)
class _Edge:
    """A limit of the rules: the values of cases, those about it and of these those just beyond.

    `lift`: points that being beyond is worth, NaN where nobody can say. `places`: decimals shown.
    """

    name: str
    value: Floats
    limit: float | Floats
    about: Mask
    just: Mask
    unit: Bilingual
    places: int = 0
    lift: Floats | float = np.nan


def edge_findings(cases: Cases, skip: Mask, settings: Parameters) -> list[Finding]:
    """Return the signals of heaps just beyond the limits of the rules."""
    return [_heap(edge, cases, settings) for edge in _edges(cases, skip, settings)]


def _edges(cases: Cases, skip: Mask, settings: Parameters) -> Iterator[_Edge]:
    window, band = settings["edge.window"], settings["edge.band"]

    def near(value: Floats, limit: float | Floats) -> Mask:
        found: Mask = (value > limit * (1 - band)) & (value <= limit * (1 + band))
        return found

    ratio, low = ratio_and_low(cases)
    costed = cases.use & (cases.group_mean > 0) & ~skip & (ratio > 0)
    about = costed & near(ratio, low)
    just = about & (ratio > low) & (ratio <= low * (1 + window))
    unit = both("倍病组均费", "times the group's mean")
    if cases.policy.says("ratio_basis", "standard", "group_mean"):
        unit = both("倍病组均费×差异系数", "times the group's mean x coefficient")
    lift = np.where(just, (1 - low) * cases.base_points, 0.0)
    yield _Edge("edge_low", ratio, low, about, just, unit, 3, lift)

    relative = ratio / multiples_of(cases.base_points, cases.policy)
    about = costed & near(relative, 1.0)
    just = about & (relative >= 1) & (relative <= 1 + window)
    unit = both("倍高倍率界限", "times the high limit")
    yield _Edge("edge_high", relative, 1.0, about, just, unit, 3)

    limit = cases.policy["long_stay.days"]
    days, top = cases.days.astype(np.float64), 1.0 if limit is None else float(limit)
    about = ~cases.by_day & (cases.adrg >= 0) & (limit is not None) & near(days, top)
    just = about & (days > top) & (days <= top + settings["edge.long_stay_window_days"])
    yield _Edge("edge_long_stay", days, top, about, just, both("天", "days"))

    grams = cases.birth_weight.astype(np.float64)
    about, just = np.zeros(len(cases), np.bool_), np.zeros(len(cases), np.bool_)
    nearest = np.zeros(len(cases))
    for top in settings["edge.birth_weights_g"]:
        own = cases.use & near(grams, top)
        about |= own
        hit = own & (grams < top) & (grams >= top - settings["edge.birth_window_g"])
        just |= hit
        nearest = np.where(hit, top, nearest)
    yield _Edge("edge_birth_weight", grams, nearest, about, just, both("克", "g"))

    hours = cases.ventilator_hours.astype(np.float64)
    top = float(settings["edge.ventilator_hours"])
    about = cases.use & near(hours, top)
    just = about & (hours >= top) & (hours < top + settings["edge.ventilator_window_hours"])
    yield _Edge("edge_ventilator", hours, top, about, just, both("小时", "hours"))


def ratio_and_low(cases: Cases) -> tuple[Floats, Floats]:
    """Return cost / basis of each case, 0 without one, and the multiple up to which it is low.

    The basis is the group's mean, or mean x coefficient (`ratio_basis = standard`).
    """
    basis = cases.group_mean.astype(np.float64)
    if cases.policy.says("ratio_basis", "standard", "group_mean"):
        basis = basis * cases.coefficient
    ratio = np.where(basis > 0, cases.counted / np.where(basis > 0, basis, 1.0), 0.0)
    low = np.full(len(cases), float(cases.policy["low.multiple"]))
    if cases.policy.says("low.threshold", "lower_of_coefficient", "fixed"):
        low *= np.minimum(cases.coefficient, 1.0)
    return ratio, low


def _heap(edge: _Edge, cases: Cases, settings: Parameters) -> Finding:
    """Return the signal of those just beyond a limit among those about it."""
    rows, one_group = np.flatnonzero(edge.about), [np.zeros(int(edge.about.sum()), np.int64)]
    least = settings["edge.min_band_cases"]
    result, _ = compared(cases, rows, edge.just, one_group, settings, least=least)
    marked = np.flatnonzero(edge.just)
    lift, limit = (
        np.broadcast_to(np.asarray(v, dtype=np.float64), (len(cases),))
        for v in (edge.lift, edge.limit)
    )
    stake = mean_of(lift[marked], cases.hospital[marked], cases.hospitals) * result.surplus
    value, places, unit = edge.value, edge.places, edge.unit

    def nearest(number: int) -> list[Evidence]:
        own = marked[cases.hospital[marked] == number]
        own = own[np.lexsort((own, np.abs(value[own] - limit[own])))][: settings["evidence.max"]]
        found = []
        for i, case in zip(own.tolist(), cases.ids(own), strict=True):
            drg, has, top = cases.drg_of(i), f"{value[i]:.{places}f}", f"{limit[i]:.{places}f}"
            text = both(
                f"{drg}：{has} {unit.chinese}，界限 {top}", f"{drg}: {has} {unit}, limit {top}"
            )
            found.append(Evidence(text, drg, float(value[i]), float(limit[i]), case))
        return found

    return finding(edge.name, cases, result, stake, nearest)
