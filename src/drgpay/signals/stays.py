"""Signals of how stays follow each other: split stays, early discharge, patients sent away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from drgpay.ground.errors import Bilingual, both
from drgpay.signals.data import MCC, Cases
from drgpay.signals.findings import Evidence, Finding, compared, finding
from drgpay.signals.parameters import Parameters
from drgpay.signals.peers import Floats, Ints, Mask, dense

AGE_FROM = np.array([1, 6, 18, 45, 60, 70, 80])
MOVED = (2, 3)


@dataclass(frozen=True)
class Follow:
    """Of each case the patient's next stay (-1 none) and the days to it."""

    next: Ints
    gap: Ints


def age_band(cases: Cases) -> Ints:
    """Return the band of age of each case, 0 for unknown."""
    band = np.digitize(cases.age, AGE_FROM) + 1
    return np.where(cases.age < 0, 0, band).astype(np.int64)


def follow(cases: Cases) -> Follow:
    """Return what follows each stay; stays of one patient stand in order of admission."""
    order = np.lexsort((cases.discharge, cases.admission, cases.patient))
    order = order[cases.patient[order] >= 0]
    earlier, later = order[:-1], order[1:]
    same = cases.patient[earlier] == cases.patient[later]
    after = np.full(len(cases), -1, dtype=np.int64)
    after[earlier[same]] = later[same]
    gap = np.where(after >= 0, cases.admission[after] - cases.discharge, -1)
    return Follow(after, np.where(gap < 0, -1, gap))


def _exempt(cases: Cases) -> Mask:
    names = set(cases.policy["readmission.exempt"])
    adrgs = np.array([w in names for w in cases.adrg_words] + [False])
    drgs = np.array([w in names for w in cases.drg_words] + [False])
    found: Mask = adrgs[cases.adrg] | drgs[cases.drg]
    return found


@dataclass(frozen=True)
class Splits:
    """Which stays were followed by a return that has no leave; `parts` are both halves."""

    watched: Mask
    returned: Mask
    next_day: Mask

    @staticmethod
    def once(cases: Cases, mask: Mask) -> Mask:
        """Return the mask with one stay of each patient and hospital: the first one.

        Who comes every other week is one patient, not a dozen findings.
        """
        rows = np.flatnonzero(mask)
        rows = rows[np.argsort(cases.admission[rows], kind="stable")]
        key = cases.patient[rows] * cases.hospitals + cases.hospital[rows]
        _, first = np.unique(key, return_index=True)
        found = np.zeros(len(mask), dtype=np.bool_)
        found[rows[first]] = True
        return found

    def parts(self, f: Follow) -> Mask:
        """Return the stays of pairs, the earlier and the later ones."""
        first = self.returned | self.next_day
        both_halves = first.copy()
        both_halves[f.next[first]] = True
        return both_halves


def splits(cases: Cases, f: Follow, settings: Parameters) -> Splits:
    """Return the stays that look like one stay cut in two."""
    watched = cases.use & (cases.patient >= 0) & ~_exempt(cases) & ~cases.referred
    after = f.next
    back = watched & (f.gap >= 0) & (cases.hospital[after] == cases.hospital)
    back &= ~cases.planned & ~cases.planned[after] & cases.use[after]
    same = cases.adrg[after] == cases.adrg
    returned = back & same & (f.gap <= settings["split.days"])
    related = cases.mdc[after] == cases.mdc
    next_day = back & related & (f.gap <= settings["split.next_days"])
    return Splits(watched, returned, next_day)


def split_findings(cases: Cases, f: Follow, s: Splits, settings: Parameters) -> list[Finding]:
    """Return the two signals of split stays."""
    rows = np.flatnonzero(s.watched)
    band = age_band(cases)[rows]
    groups = [dense(cases.mdc[rows], band), dense(cases.adrg[rows])]
    groups.append(dense(cases.adrg[rows], band))
    found = []
    for name, mask in (("split_return", s.returned), ("split_next_day", s.next_day)):
        result, base = compared(cases, rows, Splits.once(cases, mask), groups, settings)
        peer = np.full(len(cases), np.nan)
        peer[rows] = base
        pairs = np.flatnonzero(mask)
        stake = result.surplus * mean_of(
            cases.points[pairs], cases.hospital[pairs], cases.hospitals
        )
        evidence = partial(_pairs, cases, f, pairs, peer, settings)
        found.append(finding(name, cases, result, stake, evidence))
    return found


def _pairs(
    cases: Cases, f: Follow, pairs: Ints, peer: Floats, settings: Parameters, hospital: int
) -> list[Evidence]:
    own = pairs[cases.hospital[pairs] == hospital]
    own = own[np.lexsort((own, -cases.points[own], f.gap[own]))][: settings["evidence.max"]]
    later = f.next[own]
    found = []
    for i, j, one, two in zip(
        own.tolist(), later.tolist(), cases.ids(own), cases.ids(later), strict=True
    ):
        first, then = cases.drg_of(i), cases.drg_of(j)
        text = both(
            f"出院后 {f.gap[i]} 天又入住本院，{first} → {then}；同侪同类住院的再入院率 {peer[i]:.2%}",
            f"back after {f.gap[i]} days, {first} → {then}; rate of such returns at peers "
            f"{peer[i]:.2%}",
        )
        found.append(Evidence(text, first, float(f.gap[i]), float(peer[i]), one, two))
    return found


def mean_of(values: Floats, hospital: Ints, count: int) -> Floats:
    """Return the mean of each hospital, 0 where it has none."""
    n = np.bincount(hospital, minlength=count)
    return np.bincount(hospital, weights=values, minlength=count) / np.maximum(n, 1)


def early_finding(cases: Cases, f: Follow, usual_days: Floats, settings: Parameters) -> Finding:
    """Return the signal of stays cut short whose patient lies elsewhere a few days later."""
    watched = cases.use & (cases.patient >= 0) & ~cases.referred & np.isfinite(usual_days)
    watched &= ~np.isin(cases.way, (*MOVED, 5)) & (cases.days > 0)
    short = cases.days <= settings["early.los_share"] * np.nan_to_num(usual_days)
    mask = watched & short & _elsewhere(cases, f, settings["early.days"])
    return _moves("early_discharge", cases, f, watched, mask, settings, usual_days)


def away_finding(cases: Cases, f: Follow, settings: Parameters) -> Finding:
    """Return the signal of severe patients who are in another hospital soon."""
    severe = (cases.severity == MCC) | cases.icu
    watched = (cases.patient >= 0) & ~cases.referred & cases.use
    away = _elsewhere(cases, f, settings["away.days"]) & severe[f.next]
    mask = watched & (away | ((cases.way == 2) & severe))
    return _moves("severe_away", cases, f, watched, mask, settings, None)


def _elsewhere(cases: Cases, f: Follow, days: int) -> Mask:
    """Return the stays whose patient is in another hospital within so many days."""
    there = cases.hospital[f.next] != cases.hospital
    found: Mask = (f.gap >= 0) & (f.gap <= days) & there & ~cases.referred[f.next]
    return found


def _moves(
    name: str,
    cases: Cases,
    f: Follow,
    watched: Mask,
    mask: Mask,
    settings: Parameters,
    usual_days: Floats | None,
) -> Finding:
    rows = np.flatnonzero(watched)
    groups = [age_band(cases)[rows], dense(cases.mdc[rows])]
    result, _ = compared(cases, rows, mask, groups, settings)
    marked = np.flatnonzero(mask)
    stake = result.surplus * mean_of(cases.points[marked], cases.hospital[marked], cases.hospitals)

    def moved(number: int) -> list[Evidence]:
        own = marked[cases.hospital[marked] == number]
        order = np.lexsort((own, -cases.base_points[own], np.where(f.gap[own] < 0, 99, f.gap[own])))
        own = own[order][: settings["evidence.max"]]
        later = f.next[own]
        found = []
        for i, j, one, two in zip(
            own.tolist(),
            later.tolist(),
            cases.ids(own),
            cases.ids(np.maximum(later, 0)),
            strict=True,
        ):
            gone = j >= 0 and cases.hospital[j] != number and f.gap[i] >= 0
            text = _told_move(cases, i, j, int(f.gap[i])) if gone else _told_transfer(cases, i)
            usual = None if usual_days is None else float(usual_days[i])
            if usual is not None:
                text = both(
                    f"{text.chinese}；同侪通常 {usual:.1f} 天",
                    f"{text}; usual at peers {usual:.1f} days",
                )
            days = float(cases.days[i])
            found.append(Evidence(text, cases.drg_of(i), days, usual, one, two if gone else ""))
        return found

    return finding(name, cases, result, stake, moved)


def _told_move(cases: Cases, i: int, j: int, days: int) -> Bilingual:
    drg, then = cases.drg_of(i), cases.drg_of(j)
    where = cases.region.hospitals[int(cases.hospital[j])].id
    return both(
        f"{drg}，住院 {cases.days[i]} 天，{days} 天后入住 {where}（{then}）",
        f"{drg}, {cases.days[i]} days, {days} days later in {where} ({then})",
    )


def _told_transfer(cases: Cases, i: int) -> Bilingual:
    drg = cases.drg_of(i)
    return both(
        f"{drg}，住院 {cases.days[i]} 天，重症转院离开",
        f"{drg}, {cases.days[i]} days, severe, left by transfer",
    )
