"""Signals of coding: severity shares high or low, heaps beside the limits of rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drgpay.ground.errors import Bilingual, both
from drgpay.points.base import multiples_of
from drgpay.signals.data import MCC, NONE, Cases
from drgpay.signals.findings import Evidence, Finding
from drgpay.signals.parameters import Parameters
from drgpay.signals.peers import (
    Floats,
    Ints,
    Mask,
    Result,
    count_tail,
    counted,
    dense,
    expected,
)
from drgpay.signals.stays import age_band
from drgpay.signals.texts import SIGNALS


def severity_findings(cases: Cases, level: Ints, settings: Parameters) -> list[Finding]:
    """Return the signals of severity: shares too high, and severe cases too few."""
    rows = np.flatnonzero(cases.use)
    band = age_band(cases)[rows]
    hospital = cases.hospital[rows]
    groups = [dense(cases.mdc[rows], band), dense(cases.adrg[rows])]
    groups.append(dense(cases.adrg[rows], band))
    severity = cases.severity[rows]
    found = [_codes_finding(cases, rows, level, settings)]
    masks = (
        ("upcoding_mcc", severity == MCC),
        ("upcoding_any", severity > NONE),
        ("severe_share", (severity == MCC) | cases.icu[rows]),
    )
    for name, mask in masks:
        signal = SIGNALS[name]
        y = mask.astype(np.float64)
        base, known = expected(y, hospital, len(level), groups, settings)
        result = counted(
            y, base, known, hospital, level, settings, patient=cases.patient[rows], low=signal.low
        )
        gain = _gain(cases, rows, mask, len(level))
        stake = np.maximum(result.observed - result.expected, 0) * gain
        if signal.low:
            stake = np.full(len(level), np.nan)

        def rows_of(
            number: int,
            low: bool = signal.low,
            mask: Mask = mask,
            base: Floats = base,
        ) -> Sequence[Evidence]:
            if low:
                return _fewest(cases, rows, mask, base, number, settings)
            return _deciding(cases, rows, mask, number, settings)

        found.append(
            Finding(
                signal,
                result,
                stake,
                stake * cases.point_value_yuan,
                evidence=rows_of,
            )
        )
    return found


def _gain(cases: Cases, rows: Ints, mask: Mask, count: int) -> Floats:
    """Return the mean points that severity added at each hospital, beside the ADRG without any."""
    plain = rows[cases.severity[rows] == NONE]
    size = len(cases.adrg_words) + 1
    n = np.bincount(cases.adrg[plain] + 1, minlength=size)
    sums = np.bincount(cases.adrg[plain] + 1, weights=cases.points[plain], minlength=size)
    usual = sums / np.maximum(n, 1)
    own = rows[mask]
    more = np.maximum(cases.points[own] - usual[cases.adrg[own] + 1], 0)
    more = np.where(n[cases.adrg[own] + 1] > 0, more, 0)
    whole = np.bincount(cases.hospital[own], minlength=count)
    return np.bincount(cases.hospital[own], weights=more, minlength=count) / np.maximum(whole, 1)


def _fewest(
    cases: Cases, rows: Ints, mask: Mask, base: Floats, number: int, settings: Parameters
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
    return [
        Evidence(
            "",
            "",
            cases.adrg_words[i],
            float(seen[i]),
            float(meant[i]),
            both(
                f"核心病组 {cases.adrg_words[i]}：{n[i]} 例中重症 {seen[i]:.0f} 例，按同侪应有 {meant[i]:.1f} 例",
                f"ADRG {cases.adrg_words[i]}: {seen[i]:.0f} severe of {n[i]} cases, {meant[i]:.1f} by the peers",
            ),
        )
        for i in order.tolist()
        if lack[i] > 0
    ]


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


def _codes_finding(cases: Cases, rows: Ints, level: Ints, settings: Parameters) -> Finding:
    """Return the signal of single deciding codes: of each hospital the one that is oddest.

    Its p counts all codes of the hospital (Bonferroni), so that looking for the oddest is paid for.
    """
    signal = SIGNALS["upcoding_code"]
    marked = np.zeros(len(rows), dtype=np.bool_) | (cases.deciding[rows] >= 0)
    count, tau = len(level), settings["tau.code"]
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
        cases_of,
        seen,
        meant,
        ratio,
        shrunk,
        z,
        p,
        np.full(count, np.nan),
        evaluable,
        tau,
        np.zeros(count),
    )
    gain = _gain(cases, rows, cases.severity[rows] > NONE, count)
    stake: Floats = np.maximum(seen - np.nan_to_num(meant), 0) * gain
    return Finding(
        signal,
        result,
        stake,
        stake * cases.point_value_yuan,
        evidence=lambda number: _deciding(cases, rows, marked, number, settings),
    )


def _deciding(
    cases: Cases, rows: Ints, mask: Mask, number: int, settings: Parameters
) -> list[Evidence]:
    """Return the codes that stand far oftener than at peers, then their cheapest cases."""
    if not len(cases.deciding_words):
        return []
    seen, meant = _code_excess(cases, rows, mask, number)
    excess = (seen - meant) / np.sqrt(meant + 1)
    order = np.lexsort((np.arange(len(seen)), -excess))[: settings["evidence.codes"]]
    codes = [i for i in order.tolist() if seen[i] > meant[i] and seen[i] >= 2]
    found = [
        Evidence(
            "",
            "",
            cases.deciding_words[i],
            float(seen[i]),
            float(meant[i]),
            both(
                f"次要诊断 {cases.deciding_words[i]} 决定合并症等级 {seen[i]:.0f} 次，按同侪应为 {meant[i]:.1f} 次",
                f"secondary diagnosis {cases.deciding_words[i]} decides severity {seen[i]:.0f} times, "
                f"{meant[i]:.1f} by the peers",
            ),
        )
        for i in codes
    ]
    plain = rows[(cases.severity[rows] == NONE) & (cases.hospital[rows] != number)]
    size = len(cases.adrg_words) + 1
    n = np.bincount(cases.adrg[plain] + 1, minlength=size)
    cost = np.bincount(cases.adrg[plain] + 1, weights=cases.cost[plain], minlength=size)
    usual = cost / np.maximum(n, 1)
    own = rows[mask & (cases.hospital[rows] == number) & np.isin(cases.deciding[rows], codes)]
    own = own[n[cases.adrg[own] + 1] > 0]
    part = cases.cost[own] / np.maximum(usual[cases.adrg[own] + 1], 1)
    own = own[np.lexsort((own, part))][: max(settings["evidence.max"] - len(found), 0)]
    for i, case in zip(own.tolist(), cases.ids(own), strict=True):
        code = cases.deciding_words[int(cases.deciding[i])]
        mean = usual[cases.adrg[i] + 1] / 100
        spent = cases.cost[i] / 100
        drg = cases.drg_words[int(cases.drg[i])]
        found.append(
            Evidence(
                case,
                "",
                code,
                float(spent),
                float(mean),
                both(
                    f"{drg}，由 {code} 定级，费用 {spent:,.0f} 元；同侪同组无合并症者均费 {mean:,.0f} 元",
                    f"{drg}, severity by {code}, cost {spent:,.0f} yuan; peers' cases without any "
                    f"complication {mean:,.0f} yuan",
                ),
            )
        )
    return found


def edge_findings(cases: Cases, skip: Mask, level: Ints, settings: Parameters) -> list[Finding]:
    """Return the signals of heaps just beyond the limits of the rules."""
    window, band = settings["edge.window"], settings["edge.band"]
    found = []
    costed = cases.use & (cases.group_mean > 0) & ~skip
    standard = cases.policy.says("ratio_basis", "standard", "group_mean")
    ratio, low = ratio_and_low(cases)
    costed &= ratio > 0
    about = costed & (ratio > low * (1 - band)) & (ratio <= low * (1 + band))
    just = about & (ratio > low) & (ratio <= low * (1 + window))
    lift = np.where(just, (1 - low) * cases.base_points, 0.0)
    found.append(
        _edge("edge_low", cases, about, just, ratio, low, _times(standard), lift, level, settings)
    )

    high = _high_limits(cases)
    relative = ratio / high
    about = costed & (relative > 1 - band) & (relative <= 1 + band)
    just = about & (relative >= 1) & (relative <= 1 + window)
    none = np.full(len(cases), np.nan)
    found.append(
        _edge("edge_high", cases, about, just, relative, 1.0, _limits(), none, level, settings)
    )

    limit = cases.policy["long_stay.days"]
    days = cases.days.astype(np.float64)
    there = limit is not None
    top = float(limit) if there else 1.0
    stays = ~cases.by_day & (cases.adrg >= 0) & there
    about = stays & (days > top * (1 - band)) & (days <= top * (1 + band))
    just = about & (days > top) & (days <= top + settings["edge.long_stay_window_days"])
    unit = (both("天", "days"), 0)
    found.append(
        _edge("edge_long_stay", cases, about, just, days, top, unit, none, level, settings)
    )

    grams = cases.birth_weight.astype(np.float64)
    about, just = np.zeros(len(cases), np.bool_), np.zeros(len(cases), np.bool_)
    nearest = np.zeros(len(cases))
    for top in settings["edge.birth_weights_g"]:
        own = cases.use & (grams > top * (1 - band)) & (grams <= top * (1 + band))
        about |= own
        hit = own & (grams < top) & (grams >= top - settings["edge.birth_window_g"])
        just |= hit
        nearest = np.where(hit, top, nearest)
    unit = (both("克", "g"), 0)
    found.append(
        _edge("edge_birth_weight", cases, about, just, grams, nearest, unit, none, level, settings)
    )

    hours = cases.ventilator_hours.astype(np.float64)
    top = float(settings["edge.ventilator_hours"])
    about = cases.use & (hours > top * (1 - band)) & (hours <= top * (1 + band))
    just = about & (hours >= top) & (hours < top + settings["edge.ventilator_window_hours"])
    unit = (both("小时", "hours"), 0)
    found.append(
        _edge("edge_ventilator", cases, about, just, hours, top, unit, none, level, settings)
    )
    return found


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


def _times(standard: bool) -> tuple[Bilingual, int]:
    if standard:
        return both("倍病组均费×差异系数", "times the group's mean x coefficient"), 3
    return both("倍病组均费", "times the group's mean"), 3


def _limits() -> tuple[Bilingual, int]:
    return both("倍高倍率界限", "times the high limit"), 3


def _high_limits(cases: Cases) -> Floats:
    """Return K of each case by its base points."""
    return multiples_of(cases.base_points, cases.policy)


def _edge(
    name: str,
    cases: Cases,
    about: Mask,
    just: Mask,
    value: Floats,
    limit: float | Floats,
    unit: tuple[Bilingual, int],
    lift: Floats,
    level: Ints,
    settings: Parameters,
) -> Finding:
    rows = np.flatnonzero(about)
    y = just[rows].astype(np.float64)
    hospital = cases.hospital[rows]
    base, known = expected(y, hospital, len(level), [np.zeros(len(rows), np.int64)], settings)
    least = settings["edge.min_band_cases"]
    result = counted(
        y, base, known, hospital, level, settings, patient=cases.patient[rows], least=least
    )
    signal = SIGNALS[name]
    marked = np.flatnonzero(just)
    n = np.bincount(cases.hospital[marked], minlength=len(level))
    gain = np.bincount(cases.hospital[marked], weights=lift[marked], minlength=len(level))
    stake: Floats = gain / np.maximum(n, 1) * np.maximum(result.observed - result.expected, 0)
    limits = np.broadcast_to(np.asarray(limit, dtype=np.float64), (len(cases),))
    word, places = unit

    def rows_of(number: int) -> Sequence[Evidence]:
        own = marked[cases.hospital[marked] == number]
        beyond = np.abs(value[own] - limits[own])
        own = own[np.lexsort((own, beyond))][: settings["evidence.max"]]
        return [
            Evidence(
                case,
                "",
                cases.drg_words[int(cases.drg[i])],
                float(value[i]),
                float(limits[i]),
                both(
                    f"{cases.drg_words[int(cases.drg[i])]}：{value[i]:.{places}f} {word.chinese}，"
                    f"界限 {limits[i]:.{places}f}",
                    f"{cases.drg_words[int(cases.drg[i])]}: {value[i]:.{places}f} {word}, "
                    f"limit {limits[i]:.{places}f}",
                ),
            )
            for i, case in zip(own.tolist(), cases.ids(own), strict=True)
        ]

    return Finding(
        signal,
        result,
        stake,
        stake * cases.point_value_yuan,
        evidence=rows_of,
    )
