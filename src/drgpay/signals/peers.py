"""What peers make expected, how far honest hospitals differ, and how odd the rest is.

Everything here is statistics of arrays: no case is named, no money is settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from drgpay.signals.parameters import Parameters

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
CHI2_MEDIAN = 0.45493642311957  # of one degree of freedom
WIDEST_TAU2 = 4.0


def dense(*columns: Ints) -> Ints:
    """Return one number for each combination of values that occurs; -1 counts as a value."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        low = int(column.min(initial=0))
        span = int(column.max(initial=0)) - low + 1
        key = key * span + (column - low)
        met = np.flatnonzero(np.bincount(key, minlength=1))
        place = np.zeros(int(key.max(initial=0)) + 1, dtype=np.int64)
        place[met] = np.arange(len(met))
        key = place[key]
    return key


def expected(
    values: Floats, hospital: Ints, count: int, levels: Sequence[Ints], settings: Parameters
) -> tuple[Floats, Mask]:
    """Return of each case what its peers make expected, and whether it has peers enough.

    `levels` are group numbers, coarse to fine. The expected value of a group is the mean of the
    other hospitals' cases in it, with `peers.prior_cases` cases' worth of the coarser group's.
    A case is comparable when the finest or a coarser of its groups has `peers.min_cases` cases
    in at least `peers.min_hospitals` other hospitals.
    """
    prior = float(settings["peers.prior_cases"])
    least, others = settings["peers.min_cases"], settings["peers.min_hospitals"]
    size = np.bincount(hospital, minlength=count).astype(np.float64)
    sums = np.bincount(hospital, weights=values, minlength=count)
    rest = (values.sum() - sums) / np.maximum(len(values) - size, 1)
    found = rest[hospital]
    comparable = np.zeros(len(values), dtype=np.bool_)
    for group in levels:
        groups = int(group.max(initial=0)) + 1
        key = group * count + hospital
        own_n = np.bincount(key, minlength=groups * count)
        own_s = np.bincount(key, weights=values, minlength=groups * count)
        all_n = np.bincount(group, minlength=groups)
        all_s = np.bincount(group, weights=values, minlength=groups)
        houses = (own_n.reshape(groups, count) > 0).sum(axis=1)
        n = all_n[group] - own_n[key]
        s = all_s[group] - own_s[key]
        found = (s + prior * found) / (n + prior)
        comparable |= (n >= least) & (houses[group] - 1 >= others)
    return found, comparable


@dataclass(frozen=True)
class Result:
    """One signal for H hospitals. NaN where a hospital is not evaluable; q is set when all are in."""

    cases: Ints
    observed: Floats
    expected: Floats
    ratio: Floats
    shrunk: Floats
    z: Floats
    p: Floats
    evaluable: Mask
    tau: float
    centre: Floats
    # whether the hospital's level has enough hospitals for a centre of its own
    own_level: Mask | None = None
    q: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def surplus(self) -> Floats:
        """What is observed beyond the expected, 0 where it is less."""
        return np.maximum(self.observed - self.expected, 0)

    def masked(self) -> Result:
        """Return the result with NaN for hospitals that are not evaluable."""
        names = ("expected", "ratio", "shrunk", "z", "p")
        values: dict[str, Any] = {
            n: np.where(self.evaluable, getattr(self, n), np.nan) for n in names
        }
        return replace(self, **values, q=np.full(len(self.p), np.nan))


def q_values(p: Floats) -> Floats:
    """Return Benjamini-Hochberg q of p values; NaN stays NaN and is not counted.

    >>> [round(float(q), 3) for q in q_values(np.array([0.01, 0.04, np.nan, 0.5]))]
    [0.03, 0.06, nan, 0.5]
    """
    q = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = stats.false_discovery_control(p[known])
    return q


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    half = cumulated[-1] / 2
    place = int(np.searchsorted(cumulated, half))
    if place + 1 < len(order) and np.isclose(cumulated[place], half):
        return float((values[order[place]] + values[order[place + 1]]) / 2)
    return float(values[order[place]])


def _centres(y: Floats, s2: Floats, tau2: float, level: Ints, known: Mask, least: int) -> Floats:
    """Return the median log ratio of each hospital's level, of all where its level is small."""
    weights = 1 / (s2 + tau2)
    whole = _weighted_median(y[known], weights[known]) if known.any() else 0.0
    centre = np.full(len(y), whole)
    for number in np.unique(level):
        own = known & (level == number)
        if own.sum() >= least:
            centre[level == number] = _weighted_median(y[own], weights[own])
    return centre


def _robust_tau2(y: Floats, s2: Floats, level: Ints, known: Mask, least: int) -> float:
    """Return the variance between hospitals at which the median squared residual is as it should.

    The median is weighted by precision: what small hospitals' figures differ by is mostly chance.
    """

    def excess(tau2: float) -> float:
        centre = _centres(y, s2, tau2, level, known, least)
        lost = len(np.unique(level[known]))
        n = int(known.sum())
        whole = s2[known] + tau2
        squares = (y - centre)[known] ** 2 / whole
        return _weighted_median(squares, 1 / whole) * n / max(n - lost, 1) - CHI2_MEDIAN

    if known.sum() < 3 or excess(0.0) <= 0:
        return 0.0
    if excess(WIDEST_TAU2) > 0:
        return WIDEST_TAU2
    return float(optimize.bisect(excess, 0.0, WIDEST_TAU2, xtol=2e-12))


def judge(
    y: Floats,
    s2: Floats,
    level: Ints,
    evaluable: Mask,
    steady: Mask,
    settings: Parameters,
    prior: float,
) -> tuple[float, Floats, float]:
    """Return the honest spread tau, the centre of each hospital and the spread used to shrink.

    Tau is estimated from the middle of the hospitals (the median of squared residuals), so that
    one or two of ten that cheat do not widen it; it is averaged with the assumed spread. Only
    `steady` hospitals, whose figures are not mostly chance, take part in it.
    """
    least = settings["peers.min_level"]
    n = int(steady.sum())
    raw = _robust_tau2(y, s2, level, steady, least)
    weight = settings["tau.prior_hospitals"]
    tau2 = (n * raw + weight * prior**2) / (n + weight)
    tau2 = max(tau2, settings["tau.floor"] ** 2 if prior >= settings["tau.floor"] else prior**2)
    centre = _centres(y, s2, tau2, level, evaluable, least)
    residual = (y - centre)[steady]
    spread = float(np.mean(residual**2 - s2[steady])) if n else 0.0
    wide = max(spread, tau2, settings["shrink.tau_floor"] ** 2)
    return float(np.sqrt(tau2)), centre, float(np.sqrt(wide))


def counted(
    y: Mask | Floats,
    base: Floats,
    comparable: Mask,
    hospital: Ints,
    level: Ints,
    settings: Parameters,
    *,
    patient: Ints,
    low: bool = False,
    least: int | None = None,
) -> Result:
    """Compare counts: cases that show something with those expected of the peers.

    The count of an honest hospital is gamma-Poisson: mean = expected x centre of its level,
    variance = that of the draw + (tau x mean)^2; the draw's grows by as much as the stays of one
    patient are alike. `count_tail` says what p is.
    """
    count = len(level)
    h = hospital[comparable]
    cases = np.bincount(h, minlength=count)
    seen = np.asarray(y, dtype=np.float64)[comparable]
    observed: Floats = np.bincount(h, weights=seen, minlength=count).astype(np.float64)
    p = np.clip(base[comparable], 0, 1)
    mean = np.bincount(h, weights=p, minlength=count)
    draw = np.bincount(h, weights=p * (1 - p), minlength=count)
    evaluable = _evaluable(cases, hospital, count, settings, least) & (mean > 0)
    own_rate = np.divide(observed, mean, out=np.ones(count), where=mean > 0)
    residual = seen - p * own_rate[h]
    apart = np.bincount(h, weights=residual**2, minlength=count)
    alike = clustered(residual, h, patient[comparable], count)
    draw = draw * np.maximum(np.divide(alike, apart, out=np.ones(count), where=apart > 0), 1)
    part = np.divide(draw, mean, out=np.ones(count), where=mean > 0)
    log = np.log((observed + 0.5) / (mean + 0.5))
    s2 = part / np.maximum(mean, 0.5)
    steady = evaluable & (mean >= settings["tau.min_expected"])
    tau, centre, wide = judge(log, s2, level, evaluable, steady, settings, settings["tau.prior"])
    mu = np.maximum(mean * np.exp(centre), 1e-9)
    variance = mu * part + (tau * mu) ** 2
    tail = count_tail(observed, mu, part, tau, low)
    a = 1 / wide**2
    shrunk = (observed / np.maximum(part, 0.1) + a) / (mu / np.maximum(part, 0.1) + a)
    z = (observed - mu) / np.sqrt(variance)
    own = _own_level(level, evaluable, settings)
    ratio = observed / mu
    return Result(cases, observed, mu, ratio, shrunk, z, tail, evaluable, tau, centre, own).masked()


def count_tail(observed: Floats, mu: Floats, part: Floats, tau: float, low: bool) -> Floats:
    """Return how likely a count as far out is at an honest hospital.

    `part` is the variance of the draw over its mean. Where the whole variance is above the mean:
    the negative binomial with that mean and variance. Frequent events vary less: the gamma
    distribution with that mean and variance, half a case wider (small counts that are too low
    keep the negative binomial, the gamma's lower tail being too thin).
    """
    variance = mu * part + (tau * mu) ** 2
    more = np.maximum(variance - mu, (tau * mu) ** 2)
    size = mu**2 / np.maximum(more, 1e-12)
    chance = size / (size + mu)
    shape, scale = mu**2 / variance, variance / mu
    if low:
        rare = stats.nbinom.cdf(observed, size, chance)
        often = stats.gamma.cdf(observed + 0.5, shape, scale=scale)
        found: Floats = np.where((variance > mu) | (mu < 25), rare, often)
        return found
    rare = stats.nbinom.sf(observed - 1, size, chance)
    often = stats.gamma.sf(np.maximum(observed - 0.5, 0), shape, scale=scale)
    found = np.where(variance > mu, rare, often)
    return found


def clustered(residual: Floats, hospital: Ints, patient: Ints, count: int) -> Floats:
    """Return each hospital's sum of squared residuals summed by patient.

    The stays of one patient are alike: who comes ten times is not ten observations.
    """
    alone = np.arange(1, len(patient) + 1, dtype=np.int64)
    who = np.where(patient >= 0, patient, int(patient.max(initial=0)) + alone)
    _, place = np.unique(who * count + hospital, return_inverse=True)
    sums = np.bincount(place, weights=residual)
    home = np.zeros(len(sums), dtype=np.int64)
    home[place] = hospital
    return np.bincount(home, weights=sums**2, minlength=count).astype(np.float64)


def averaged(
    values: Floats,
    comparable: Mask,
    hospital: Ints,
    level: Ints,
    settings: Parameters,
    *,
    patient: Ints,
    low: bool = False,
    prior: str = "tau.prior_mean",
    relative: bool = False,
) -> Result:
    """Compare means of log ratios of cases to what their peers make expected.

    `relative`: the values are departures as a share of what is expected, not logs of ratios; the
    log is taken of their mean, so that half and double are equally far.

    An honest hospital's mean is normal about the centre of its level with variance
    s²/n + tau²; p is the tail of Student's t with as many degrees as hospitals.
    """
    count = len(level)
    h, v = hospital[comparable], values[comparable]
    cases = np.bincount(h, minlength=count)
    n = np.maximum(cases, 1)
    mean = np.bincount(h, weights=v, minlength=count) / n
    square = np.bincount(h, weights=v**2, minlength=count) / n
    whole = float(np.var(v)) if len(v) else 0.0
    s2 = (np.maximum(square - mean**2, 0) * n + 10 * whole) / (n + 10) / n
    s2 = np.maximum(s2, clustered(v - mean[h], h, patient[comparable], count) / n**2)
    if relative:
        share = np.maximum(1 + mean, 0.1)
        mean, s2 = np.log(share), s2 / share**2
    evaluable = _evaluable(cases, hospital, count, settings, None)
    tau, centre, wide = judge(mean, s2, level, evaluable, evaluable, settings, settings[prior])
    away = mean - centre
    z = away / np.sqrt(s2 + tau**2)
    degrees = max(int(evaluable.sum()) - 1, 3)
    tail = stats.t.cdf(z, degrees) if low else stats.t.sf(z, degrees)
    shrunk = np.exp(away * wide**2 / (wide**2 + s2))
    own = _own_level(level, evaluable, settings)
    seen, usual, ratio = np.exp(mean), np.exp(centre), np.exp(away)
    return Result(cases, seen, usual, ratio, shrunk, z, tail, evaluable, tau, centre, own).masked()


def _own_level(level: Ints, evaluable: Mask, settings: Parameters) -> Mask:
    numbers = np.bincount(level[evaluable], minlength=int(level.max(initial=0)) + 1)
    found: Mask = numbers[level] >= settings["peers.min_level"]
    return found


def _evaluable(
    cases: Ints, hospital: Ints, count: int, settings: Parameters, least: int | None
) -> Mask:
    whole = np.bincount(hospital, minlength=count)
    enough = settings["min_comparable"] if least is None else least
    share = cases / np.maximum(whole, 1)
    found: Mask = (cases >= enough) & (share >= settings["min_share_comparable"])
    return found
