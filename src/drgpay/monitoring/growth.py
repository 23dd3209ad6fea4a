"""Growth over the same months of last year, judged so that small numbers do not raise a flag.

What is drawn: persons come by chance, each with his visits and his cost. The variance of a sum is
that of its persons' sums squared (compound Poisson), the same persons of two years are taken as
different ones, which makes intervals wider. Of numbers of persons the interval is exact
(Clopper-Pearson). How far honest institutions differ is estimated from the middle of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drgpay.ground.errors import Bilingual, both
from drgpay.monitoring.sums import Span
from drgpay.names.watch import GROWTH
from drgpay.policy import YearPolicy
from drgpay.signals.parameters import load_parameters
from drgpay.signals.peers import judge, q_values

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
MEANS = ("visits_per_person", "mean_cost")  # a share of the whole: their limit is another
SPREAD = 0.10  # by which growth of honest institutions is assumed to differ, as a log


@dataclass(frozen=True, slots=True)
class Growth:
    """An indicator's growth at P places; NaN where it is not evaluable.

    `ratio` is this year's over last year's, `low` and `high` its interval, `shrunk` drawn towards
    `usual`, that of the places in the middle, by what of it may be chance. `p`: how likely it is
    that the true growth is within the limit; `q` of all places together (Benjamini-Hochberg).
    """

    indicator: str
    limit: Fraction
    now: Floats
    last: Floats
    ratio: Floats
    low: Floats
    high: Floats
    usual: Floats
    shrunk: Floats
    p: Floats
    q: Floats
    verdict: tuple[str, ...]

    @property
    def raised(self) -> Mask:
        """Where a flag is raised."""
        return np.array([word == "raised" for word in self.verdict])


def grown(now: Span, last: Span, policy: YearPolicy) -> dict[str, Growth]:
    """Return the growth of each indicator between two spans."""
    least = policy["watch.min_visits"]
    few = (now.n < least) | (last.n < least) | (now.persons < 2) | (last.persons < 2)
    return {name: _grown(name, now, last, few, policy) for name in GROWTH}


def limit_of(indicator: str, policy: YearPolicy) -> Fraction:
    """Return the growth above which an indicator is looked at."""
    key = "watch.mean_growth_limit" if indicator in MEANS else "watch.growth_limit"
    return Fraction(policy[key])


def figures(indicator: str, span: Span) -> tuple[Floats, Floats]:
    """Return an indicator's values and the variances of their logs."""
    n, persons, c, f = span.n, span.persons, span.c, span.f
    with np.errstate(divide="ignore", invalid="ignore"):
        if indicator == "persons":
            return persons, 1 / persons
        if indicator == "visits":
            return n, span.nn / n**2
        if indicator == "cost":
            return c, span.cc / c**2
        if indicator == "fund":
            return f, span.ff / f**2
        if indicator == "visits_per_person":
            return n / persons, np.maximum(span.nn - n**2 / persons, 0) / n**2
        if indicator == "mean_cost":
            mean = c / n
            apart = span.cc - 2 * mean * span.cn + mean**2 * span.nn
            return mean, np.maximum(apart, 0) / c**2
        if indicator == "cost_per_person":
            return c / persons, np.maximum(span.cc - c**2 / persons, 0) / c**2
    raise KeyError(indicator)


def _grown(name: str, now: Span, last: Span, few: Mask, policy: YearPolicy) -> Growth:
    limit, sure = limit_of(name, policy), float(policy["watch.confidence"])
    value, own = figures(name, now)
    before, others = figures(name, last)
    there = ~few & (value > 0) & (before > 0)
    ratio = np.divide(value, before, out=np.full(len(value), np.nan), where=there)
    y = np.where(there, np.log(np.where(there, ratio, 1)), 0.0)
    s2 = np.where(there, np.maximum(own + others, 1e-12), 1.0)
    settings = load_parameters()
    level = np.zeros(len(y), np.int64)
    _, centre, wide = judge(y, s2, level, there, there, settings, SPREAD)
    shrunk = np.exp(centre + (y - centre) * wide**2 / (wide**2 + s2))
    edge = np.log1p(float(limit))
    if name == "persons":
        low, high, p = _exact(value, before, float(limit), sure, there)
    else:
        degrees = np.maximum(np.minimum(now.persons, last.persons) - 1, 1)
        half = stats.t.ppf((1 + sure) / 2, degrees) * np.sqrt(s2)
        low, high = np.exp(y - half), np.exp(y + half)
        p = stats.t.sf((y - edge) / np.sqrt(s2), degrees)
    p = np.where(there, p, np.nan)
    q = q_values(p)
    raised = there & (shrunk > np.exp(edge)) & (q < 1 - sure)
    verdict = [
        "no_last_year" if not last.n[at] and now.n[at]
        else "too_few" if not there[at]
        else "raised" if raised[at]
        else "chance" if ratio[at] > 1 + float(limit)
        else "within"
        for at in range(len(y))
    ]  # fmt: skip
    masked = {
        key: np.where(there, values, np.nan)
        for key, values in (
            ("ratio", ratio), ("low", low), ("high", high), ("usual", np.exp(centre)),
            ("shrunk", shrunk),
        )
    }  # fmt: skip
    return Growth(
        indicator=name, limit=limit, now=value, last=before, p=p, q=q, verdict=tuple(verdict),
        **masked,
    )  # fmt: skip


def _exact(
    now: Floats, last: Floats, limit: float, sure: float, there: Mask
) -> tuple[Floats, Floats, Floats]:
    """Return interval and p of a ratio of two Poisson counts, by the binomial of one of them."""
    a, b = np.where(there, now, 1), np.where(there, last, 1)
    tail = (1 - sure) / 2
    low = stats.beta.ppf(tail, a, b + 1)
    high = stats.beta.ppf(1 - tail, a + 1, b)
    share = (1 + limit) / (2 + limit)
    p = stats.binom.sf(a - 1, a + b, share)
    return low / (1 - low), high / (1 - high), p


def growth_text(
    growth: Growth, at: int, now_visits: int, last_visits: int, least: int
) -> Bilingual:
    """Return in words why a flag was raised at a place, or not."""
    word, limit = growth.verdict[at], percent(float(growth.limit))
    if word == "no_last_year":
        return both(
            f"今年 {now_visits} 人次，上年同期没有记录，无从比较",
            f"{now_visits} visits, none in the same months of last year",
        )
    if word == "too_few":
        return both(
            f"今年 {now_visits} 人次、上年 {last_visits} 人次，不足 {least} 或只有一人，不判断",
            f"{now_visits} visits, {last_visits} last year: fewer than {least}, or of one person",
        )
    grew = percent(growth.ratio[at] - 1)
    low, high = percent(growth.low[at] - 1), percent(growth.high[at] - 1)
    usual = percent(growth.usual[at] - 1)
    if word == "within":
        return both(
            f"增长 {grew}，未超 {limit}；各机构一般为 {usual}",
            f"grew by {grew}, limit {limit}; usual {usual}",
        )
    if word == "chance":
        return both(
            f"增长 {grew} 超过 {limit}，但区间 {low} 至 {high}，连同各机构一并看（一般 {usual}）不能排除偶然",
            f"grew by {grew}, limit {limit}, but {low} to {high}: beside the others (usual {usual}) "
            "it may be chance",
        )
    return both(
        f"增长 {grew}（区间 {low} 至 {high}），超过 {limit}；各机构一般为 {usual}",
        f"grew by {grew} ({low} to {high}), limit {limit}; usual {usual}",
    )


def percent(share: Any) -> str:
    """Return a share in per cent.

    >>> percent(0.1234), percent(-0.02)
    ('12.3%', '-2.0%')
    """
    return f"{float(share) * 100:.1f}%"
