"""Abnormal records: which institutions have many of them, and why (S2 二(三)5).

A record is abnormal that the agency's own review marked, that is one of very many of a person at an
institution on a day, or that costs many times the usual. The expected count is the others' rate;
the count of an honest institution is gamma-Poisson about it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, both
from drgpay.monitoring.growth import percent
from drgpay.monitoring.sums import Sums
from drgpay.names.watch import ABNORMAL
from drgpay.policy import YearPolicy
from drgpay.signals.parameters import load_parameters
from drgpay.signals.peers import count_tail, judge, q_values

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SPREAD = 0.30  # by which the logs of honest institutions' rates are assumed to differ
LEAST_FLAGGED = 5
RATIO = 2.0  # of the expected


@dataclass(frozen=True, slots=True)
class Abnormal:
    """Abnormal records of H institutions in the year to date; NaN where not evaluable."""

    records: Ints
    flagged: Ints
    kinds: dict[str, Ints]
    expected: Floats
    ratio: Floats
    shrunk: Floats
    p: Floats
    q: Floats
    verdict: tuple[str, ...]


def abnormal(sums: Sums, records: Ints, policy: YearPolicy) -> Abnormal:
    """Return how many abnormal records institutions have beside what others make expected.

    `records` of each institution in the year to date. Leaves the table `flagged` for evidence.
    """
    multiple = policy["watch.abnormal_multiple"]
    limits = {care: int(fen * multiple) for care, fen in sums.medians().items() if fen}
    sums.flag_records(policy["watch.abnormal_per_day"], limits)
    found = sums.flagged()
    count = len(records)
    house = found["hospital"].astype(np.int64)
    own = {
        kind: np.bincount(house, weights=found[kind], minlength=count).astype(np.int64)
        for kind in ABNORMAL
    }
    each = found["records"].astype(float)
    flagged = np.bincount(house, weights=each, minlength=count)
    squares = np.bincount(house, weights=each**2, minlength=count)
    least, sure = policy["watch.min_visits"], float(policy["watch.confidence"])
    rest = records.sum() - records
    rate = np.divide(flagged.sum() - flagged, rest, out=np.zeros(count), where=rest > 0)
    mean = rate * records
    there = (records >= least) & (mean > 0)
    # who is abnormal ten times is not ten observations
    part = np.maximum(np.divide(squares, flagged, out=np.ones(count), where=flagged > 0), 1.0)
    log = np.log((flagged + 0.5) / (mean + 0.5))
    s2 = np.where(there, part / np.maximum(mean, 0.5), 1.0)
    settings = load_parameters()
    steady = there & (mean >= settings["tau.min_expected"])
    level = np.zeros(count, np.int64)
    tau, centre, wide = judge(log, s2, level, there, steady, settings, SPREAD)
    mu = np.maximum(mean * np.exp(centre), 1e-9)
    p = np.where(there, count_tail(flagged.astype(float), mu, part, tau, low=False), np.nan)
    a = 1 / wide**2
    shrunk = (flagged / part + a) / (mu / part + a)
    q = q_values(p)
    raised = there & (q < 1 - sure) & (flagged >= LEAST_FLAGGED) & (shrunk >= RATIO)
    ratio = np.where(there, flagged / mu, np.nan)
    verdict = [
        "too_few" if not there[at]
        else "raised" if raised[at]
        else "chance" if ratio[at] >= RATIO
        else "within"
        for at in range(count)
    ]  # fmt: skip
    return Abnormal(
        records, flagged.astype(np.int64), own, np.where(there, mu, np.nan), ratio,
        np.where(there, shrunk, np.nan), p, q, tuple(verdict),
    )  # fmt: skip


def abnormal_text(found: Abnormal, at: int, least: int) -> Bilingual:
    """Return in words why an institution's abnormal records raised a flag, or not."""
    records, flagged = int(found.records[at]), int(found.flagged[at])
    if found.verdict[at] == "too_few":
        return both(
            f"{records} 条记录，不足 {least}，或他处没有异常记录可比，不判断",
            f"{records} records, fewer than {least}, or none abnormal elsewhere: not judged",
        )
    share = percent(flagged / records)
    expected, ratio = f"{found.expected[at]:.1f}", f"{found.ratio[at]:.1f}"
    text = both(
        f"{records} 条记录中异常 {flagged} 条（{share}），按其他机构应有 {expected} 条，为其 {ratio} 倍",
        f"{flagged} of {records} records abnormal ({share}), {expected} expected: {ratio} times",
    )
    more = {
        "raised": both("", ""),
        "chance": both("；但不能排除偶然", "; but it may be chance"),
        "within": both(f"，不到 {RATIO:.0f} 倍", f", below {RATIO:.0f} times"),
    }[found.verdict[at]]
    return both(text.chinese + more.chinese, f"{text}{more}")
