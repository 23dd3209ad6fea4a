"""How much of an index is used against the time that is gone, and what the year may come to.

A year's pattern is that of last year, each institution's drawn towards its pool's by how few visits
it rests on; without a whole last year it is twelve equal months. Months so far are the pattern
times one rate, with a variance in proportion to the month: what the rest comes to has the rate's
own uncertainty and its months'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import yuan_text
from drgpay.monitoring.growth import percent
from drgpay.monitoring.sums import Span
from drgpay.policy import YearPolicy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PRIOR_MONTHS = 6.0  # months' worth of the pool's unrest in each institution's
YEAR = 12


@dataclass(frozen=True, slots=True)
class Use:
    """An index and its use at a place, in fen; shares of the index and of the year's pattern.

    `low` and `high`: between them the year ends with the policy's confidence. `exceeds`: how likely
    it ends above the index. `by_last_year`: whether the pattern is last year's.
    """

    place: int
    index_fen: int
    used_fen: int
    used_share: float
    expected_share: float
    forecast_fen: int
    low_fen: int
    high_fen: int
    exceeds: float
    by_last_year: bool
    verdict: str


def patterns(months: Mapping[str, Ints], pools: int, least: int) -> tuple[Floats, bool]:
    """Return each place's share of the year by month [place, 12], and whether it is last year's."""
    last = months["fund"][:, :YEAR].astype(float)
    visits = months["visits"][:, :YEAR].sum(axis=1)
    pool = np.arange(len(last)) % pools
    own = np.zeros((pools, YEAR))
    np.add.at(own, pool, last)
    if not (own > 0).all():
        return np.full((len(last), YEAR), 1 / YEAR), False
    own /= own.sum(axis=1, keepdims=True)
    whole = last.sum(axis=1, keepdims=True)
    shares = np.divide(last, whole, out=own[pool].copy(), where=whole > 0)
    weight = np.where(whole[:, 0] > 0, visits / (visits + YEAR * least), 0.0)[:, None]
    found: Floats = weight * shares + (1 - weight) * own[pool]
    return found, True


def _unrest(paid: Floats, shares: Floats, rate: Floats, span: Span) -> Floats:
    """Return the variance of a month over its expected amount, at each place.

    At least what persons who come by chance make; how far months differ beyond it is averaged with
    the other places'.
    """
    months = paid.shape[1]
    chance = np.divide(span.ff, span.f, out=np.zeros(len(rate)), where=span.f > 0)
    expected = rate[:, None] * shares
    squares = np.divide(
        (paid - expected) ** 2, expected, out=np.zeros_like(paid), where=expected > 0
    ).sum(axis=1)
    there = (chance > 0) & (rate > 0)
    beyond = np.ones(len(rate))
    if months > 1 and there.any():
        own = squares[there] / (months - 1) / chance[there]
        middle = max(float(np.median(own)), 1.0)
        beyond[there] = (PRIOR_MONTHS * middle + squares[there] / chance[there]) / (
            PRIOR_MONTHS + months - 1
        )
    unrest: Floats = chance * np.maximum(beyond, 1.0)
    return unrest


def uses(
    index_fen: Mapping[int, int], months: Mapping[str, Ints], span: Span, month: int, pools: int,
    policy: YearPolicy,
) -> list[Use]:  # fmt: skip
    """Return the use of each index up to a month; `index_fen` by place, `span` the year to date."""
    shares, by_last = patterns(months, pools, policy["watch.min_visits"])
    paid = months["fund"][:, YEAR : YEAR + month].astype(float)
    gone = shares[:, :month].sum(axis=1)
    used = paid.sum(axis=1)
    rate = used / gone
    unrest = _unrest(paid, shares[:, :month], rate, span)
    rest = 1 - gone
    # the months to come, and the rate that they are carried on by
    spread = np.sqrt(unrest * rate * rest * (1 + rest / gone))
    sure = float(policy["watch.confidence"])
    degrees = PRIOR_MONTHS + month - 1
    half = stats.t.ppf((1 + sure) / 2, degrees) * spread
    found = []
    for place, index in sorted(index_fen.items()):
        end = used[place] + rate[place] * rest[place]
        if spread[place] > 0:
            exceeds = float(stats.t.sf((index - end) / spread[place], degrees))
        else:
            exceeds = float(end > index)
        share = used[place] / index if index else 0.0
        ahead = share > gone[place] * (1 + float(policy["watch.used_margin"]))
        verdict = "within"
        if int(span.n[place]) < policy["watch.min_visits"]:
            verdict = "too_few"
        elif ahead:
            verdict = "raised" if exceeds >= sure else "chance"
        found.append(
            Use(
                place, index, int(used[place]), float(share), float(gone[place]), round(end),
                round(max(used[place], end - half[place])), round(end + half[place]), exceeds,
                by_last, verdict,
            )
        )  # fmt: skip
    return found


def use_text(use: Use, visits: int, policy: YearPolicy) -> Bilingual:
    """Return in words why a flag was raised on the use of an index, or not."""
    share, gone, likely = map(percent, (use.used_share, use.expected_share, use.exceeds))
    if use.verdict == "too_few":
        least = policy["watch.min_visits"]
        return both(
            f"今年 {visits} 人次，不足 {least}，不判断",
            f"{visits} visits, fewer than {least}: not judged",
        )
    way = both("按上年各月", "by last year's months")
    if not use.by_last_year:
        way = both("按各月相等", "by equal months")
    text = both(
        f"指标已用 {share}，时间进度 {gone}（{way.chinese}），预计全年 {yuan_text(use.forecast_fen)} 元"
        f"（{yuan_text(use.low_fen)} 至 {yuan_text(use.high_fen)}），超指标的可能 {likely}",
        f"{share} of the index used, {gone} of the time gone ({way}); the year may come to "
        f"{yuan_text(use.forecast_fen)} ({yuan_text(use.low_fen)} to {yuan_text(use.high_fen)}) "
        f"yuan; above the index: {likely}",
    )
    margin = percent(policy["watch.used_margin"])
    if use.verdict == "within":
        more = both(f"，未比进度快 {margin}", f"; not ahead by {margin}")
    elif use.verdict == "chance":
        more = both(
            f"，比进度快 {margin} 以上，但全年未必超出", f"; ahead by {margin}, may not exceed"
        )
    else:
        more = both(f"，比进度快 {margin} 以上", f"; ahead by more than {margin}")
    return both(text.chinese + more.chinese, f"{text}{more}")
