"""What a signal says of each hospital: figures, confidence, what is at stake, evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, both
from drgpay.signals.data import Cases
from drgpay.signals.parameters import Parameters
from drgpay.signals.peers import Floats, Ints, Mask, Result, counted, expected, q_values
from drgpay.signals.texts import SIGNALS, Signal

LEVELS = ("none", "low", "middle", "high")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row of evidence: a case (or a group, where cases are missing) beside the peers' figure."""

    text: Bilingual
    code: str
    value: float
    peer: float | None
    case_id: str = ""
    related_case_id: str = ""


NOTHING = both("", "")
Proof = Callable[[int], Sequence[Evidence]]


@dataclass(frozen=True)
class Finding:
    """One signal over all hospitals."""

    signal: Signal
    result: Result
    stake_points: Floats
    stake_yuan: Floats
    missing: Bilingual = NOTHING  # why the signal could not be computed at all
    evidence: Proof = field(default=lambda hospital: ())
    # index of LEVELS, -1 not evaluable; set by `judged`
    confidence: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))


def finding(name: str, cases: Cases, result: Result, points: Floats, evidence: Proof) -> Finding:
    """Return what a signal found; the points at stake count by the mean point value."""
    yuan = points * cases.point_value_yuan
    return Finding(SIGNALS[name], result, points, yuan, evidence=evidence)


def compared(
    cases: Cases,
    rows: Ints,
    hits: Mask,
    groups: Sequence[Ints],
    settings: Parameters,
    low: bool = False,
    least: int | None = None,
) -> tuple[Result, Floats]:
    """Return how many hits each hospital has beside its peers, and what peers make expected of rows.

    `hits` marks those of all cases; `groups` are numbers of the rows, coarse to fine.
    """
    y, hospital = hits[rows].astype(np.float64), cases.hospital[rows]
    base, known = expected(y, hospital, cases.hospitals, groups, settings)
    level, patient = cases.hospital_level, cases.patient[rows]
    found = counted(
        y, base, known, hospital, level, settings, patient=patient, low=low, least=least
    )
    return found, base


# how severe patients are, and how fully they are coded, goes with the level of the hospital
DIFFERS_BY_LEVEL = frozenset(("severe_share", "upcoding_mcc", "upcoding_any"))


def judged(findings: Sequence[Finding], settings: Parameters) -> tuple[Finding, ...]:
    """Return the findings with q and confidence.

    q is Benjamini-Hochberg over all hospitals and all signals of the region together: the list is
    read as a whole, and of the whole list the share of false findings is to be small.
    """
    whole = q_values(np.concatenate([f.result.p for f in findings]))
    count = len(whole) // max(len(findings), 1)
    found = []
    for number, one in enumerate(findings):
        result = replace(one.result, q=whole[number * count : (number + 1) * count])
        found.append(
            replace(one, result=result, confidence=confidence(one.signal, result, settings))
        )
    return tuple(found)


def confidence(signal: Signal, r: Result, settings: Parameters) -> NDArray[np.int8]:
    """Return 0 none, 1 low, 2 middle, 3 high for each hospital, -1 where it is not evaluable.

    What differs by level is at most low where the level has too few hospitals to be compared with.
    Low needs q and a few cases; middle and high need the least ratio, too, and for counts an excess of
    cases, so that neither a tiny nor a rare difference is called a finding.
    """
    name = "mean" if signal.family == "mean" else "count"
    with np.errstate(invalid="ignore"):
        excess = r.observed - r.expected
        strong = r.shrunk >= settings[f"min_ratio.{name}"]
        if signal.low:
            strong, excess = r.shrunk <= settings[f"max_ratio.{name}"], -excess
        counted = signal.family == "count"
        enough = (excess >= settings["min_excess"]) | (not counted)
        plenty = (excess >= settings["confidence.high_excess"]) | (not counted)
        many = r.cases >= settings["confidence.high_cases"]
        right = r.ratio < 1 if signal.low else r.ratio > 1
        found = np.zeros(len(r.cases), dtype=np.int8)
        some = (excess >= settings["confidence.low_excess"]) | (not counted)
        found[(r.q <= settings["confidence.low_q"]) & right & some] = 1
        middle = (r.q <= settings["confidence.middle_q"]) & strong & enough
        found[middle] = 2
        found[middle & (r.q <= settings["confidence.high_q"]) & plenty & many] = 3
    if signal.id in DIFFERS_BY_LEVEL and r.own_level is not None:
        found[~r.own_level] = np.minimum(found[~r.own_level], 1)
    found[~r.evaluable] = -1
    return found
