"""Class and points of each case, in integers.

Dimensions: N cases; G groups (drg number of a case indexes them); H hospitals; B bed-day classes.
Points are integers of 1/10,000, coefficients of 1/1,000,000, multiples of 1/10,000, money fen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from drgpay.ground.jit import kernel
from drgpay.points.product_kernels import bed_day_sum, mul_div_round

(
    NORMAL, HIGH, REVIEWED, LOW, UNSTABLE, UNGROUPED, AMBIGUOUS, BED_DAY, SPECIAL_DISCHARGE,
    LONG_STAY, SHORT_STAY,
) = range(11)  # fmt: skip
COEF_ONE = 1_000_000
GRANTED, REFUSED = 1, 2
POINTS, MONEY, HELD = range(3)  # what a case is paid by; -1 of quarantined cases
# choices by their place in the catalogue
BY_COST, IF_REVIEWED, BY_ITEM = range(3)  # ungrouped.rule, ambiguous.rule, unstable.rule
AS_OTHERS, NOT_LOW, COST_RULE, ITEM_RULE = range(4)  # death.rule and other ways to leave
ON_REVIEW, LINEAR_ADD, DEDUCT, CAP, HIGH_BY_ITEM = range(5)  # high.rule
RATIO, LOW_BY_COST, LOW_BY_ITEM = range(3)  # low.rule
LOW_WITHOUT_REVIEW = (RATIO,)  # those whose formula takes no unreasonable cost off


class Options(NamedTuple):
    """The rules of a year that are one number each."""

    numerator: int  # of the points of a fen, by cost, in 1/10,000
    denominator: int
    step: int  # what points are rounded to
    long_days: int  # a longer stay is by item, -1 none
    short_days: int  # a stay up to this is by item, -1 none
    ungrouped: int
    ambiguous: int
    unstable: int
    low: int
    high: int
    exempt_surgery: bool  # day surgery is never low
    high_first: bool
    whole_stay: bool  # all days of a stay at the rate of the last
    in_money: bool  # bed-days are paid in money
    by_weight: bool  # cost / mean of the group x base is what the cost is worth itself


@kernel
def score_range(
    first: int,
    last: int,
    status: Any,  # [N] 0 grouped, 1 ambiguous, 2 ungroupable, 3 quarantined
    group: Any,  # [N] index of G
    hospital: Any,  # [N] index of H
    cost: Any,  # [N] fen
    unreasonable: Any,  # [N] fen, or [0] when there is none
    review: Any,  # [N] 0 none, 1 granted, 2 refused, or [0]
    set_points: Any,  # [N] points that experts set, -1 none, or [0]
    day_surgery: Any,  # [N]
    bed_class: Any,  # [N] index of B, -1 not paid by bed-day
    days: Any,  # [N]
    way: Any,  # [N] index of W, how the patient left
    mean: Any,  # [G] whole fen, 0 when there is none
    base: Any,  # [G] points
    stable: Any,  # [G]
    high_multiple: Any,  # [G]
    high_fen: Any,  # [G] whole fen of K x mean
    low_limit: Any,  # [H, G] or [1, G] highest cost in fen of a low case
    high_limit: Any,  # [H, G] or [1, G] lowest cost in fen of a high case
    to_review: Any,  # [G] too small: paid only on review
    coefficient: Any,  # [H, G] or [H, 1]
    applies: Any,  # [11] by class: the coefficient multiplies it
    way_rule: Any,  # [W]
    bands_of: Any,  # [H, B, 2] first and last + 1 of the bands of a class in a hospital
    band_start: Any,  # [K] first day of a band
    band_points: Any,  # [K] points a day
    band_rate: Any,  # [K] fen a day
    options: Options,
    case_class: Any,  # out [N]
    used: Any,  # out [N] coefficient that multiplied
    points: Any,  # out [N] −1: worked out by the caller
    paid_by: Any,  # out [N]
    price: Any,  # out [N] fen, of what is paid in money
    taken: Any,  # out [N] unreasonable cost taken off
) -> int:
    """Classify and score cases first … last - 1; quarantined ones get 0 points and class -1.

    Return a class whose rule is none of those here, -1 when every case had one.
    """
    numerator, denominator, step = options.numerator, options.denominator, options.step
    long_days, short_days, by_weight = options.long_days, options.short_days, options.by_weight
    by_group, by_hospital = coefficient.shape[1] > 1, low_limit.shape[0] > 1
    unknown = -1
    for i in range(first, last):
        used[i], points[i], price[i], taken[i] = 0, 0, 0, 0
        if status[i] == 3:
            case_class[i], paid_by[i] = -1, -1
            continue
        g = group[i]
        granted = refused = False
        less = set_to = np.int64(0)
        if len(review):
            granted, refused = review[i] == 1, review[i] == 2
            less, set_to = unreasonable[i], set_points[i]
        c = coefficient[hospital[i], g if by_group else 0]
        surgery = bool(day_surgery[i])
        leaving = way_rule[way[i]]
        rule = 0  # of the classes that are paid by cost
        if bed_class[i] >= 0:
            kind = BED_DAY
        elif long_days >= 0 and days[i] > long_days:
            kind = LONG_STAY
        elif days[i] <= short_days and not surgery:
            kind = SHORT_STAY
        elif granted and set_to >= 0:
            kind = REVIEWED
        elif status[i] == 2:
            kind, rule = UNGROUPED, options.ungrouped
        elif status[i] == 1:
            kind, rule = AMBIGUOUS, options.ambiguous
        elif leaving >= COST_RULE:
            kind = SPECIAL_DISCHARGE
        elif not stable[g]:
            kind, rule = UNSTABLE, IF_REVIEWED if to_review[g] else options.unstable
        else:
            kind = NORMAL
            limits = hospital[i] if by_hospital else 0
            is_low = cost[i] <= low_limit[limits, g]
            if (surgery and options.exempt_surgery) or leaving == NOT_LOW:
                is_low = False
            is_high = cost[i] >= high_limit[limits, g]
            if is_low and not (is_high and options.high_first):
                kind = LOW
            elif is_high:
                kind = REVIEWED if granted else HIGH
        if not applies[kind]:
            c = np.int64(COEF_ONE)
        case_class[i], paid_by[i], used[i] = kind, POINTS, c
        by_cost = item = plain = False
        if kind == BED_DAY:
            bands = bands_of[hospital[i], bed_class[i]]
            stay = max(days[i], 1)
            if options.in_money:
                paid_by[i], used[i] = MONEY, COEF_ONE
                price[i] = bed_day_sum(
                    stay, bands[0], bands[1], band_start, band_rate, options.whole_stay
                )
            else:
                p = bed_day_sum(
                    stay, bands[0], bands[1], band_start, band_points, options.whole_stay
                )
                points[i] = mul_div_round(p, c, COEF_ONE * step) * step
        elif kind == REVIEWED and set_to >= 0:
            points[i], used[i] = set_to, COEF_ONE
        elif kind in (UNSTABLE, UNGROUPED, AMBIGUOUS):
            if rule == IF_REVIEWED and not granted:
                paid_by[i], used[i] = HELD, COEF_ONE
                continue
            by_cost, item = rule in (BY_COST, IF_REVIEWED), rule == BY_ITEM
            if not (by_cost or item):
                unknown = kind
        elif kind == SPECIAL_DISCHARGE:
            by_cost, item = leaving == COST_RULE, leaving == ITEM_RULE
            if not (by_cost or item):
                unknown = kind
        elif kind in (LONG_STAY, SHORT_STAY):
            item = True
        elif kind == LOW:
            by_cost, item = options.low == LOW_BY_COST, options.low == LOW_BY_ITEM
            if options.low == RATIO and cost[i] > mean[g]:
                plain = True
            elif options.low == RATIO and by_weight:
                points[i] = step * mul_div_round(
                    cost[i], numerator * c, denominator * COEF_ONE * step
                )
            elif options.low == RATIO:
                points[i] = mul_div_round(base[g] * c, cost[i], mean[g] * COEF_ONE * step) * step
            elif not (by_cost or item):
                unknown = kind
        elif kind == REVIEWED or (kind == HIGH and options.high == LINEAR_ADD and not refused):
            taken[i] = less
            if by_weight:
                points[i] = -1
            else:
                over = (cost[i] - less) * 10_000 - high_multiple[g] * mean[g]
                share = c * mean[g] + max(over, 0) * 100
                points[i] = mul_div_round(base[g], share, mean[g] * COEF_ONE * step) * step
        elif kind == HIGH and options.high == DEDUCT:
            taken[i], points[i] = less, -1
        elif kind == HIGH and options.high == CAP:
            taken[i] = less
            if cost[i] - less <= high_fen[g] and by_weight:
                by_cost = True
            elif cost[i] - less <= high_fen[g]:
                points[i] = step * mul_div_round(
                    base[g] * c, cost[i] - less, mean[g] * COEF_ONE * step
                )
            else:
                points[i] = step * mul_div_round(
                    base[g] * c, high_multiple[g], 10_000 * COEF_ONE * step
                )
        elif kind == HIGH and options.high == HIGH_BY_ITEM:
            item = True
        else:
            plain = True
            if kind == HIGH and options.high not in (ON_REVIEW, LINEAR_ADD):
                unknown = kind
        if plain:
            value = base[g] * c
            divisor = COEF_ONE * step
            points[i] = (2 * value + divisor) // (2 * divisor) * step
        if by_cost:
            taken[i] = less
            points[i] = step * mul_div_round(
                cost[i] - less, numerator * c, denominator * COEF_ONE * step
            )
        if item:
            paid_by[i], used[i] = MONEY, COEF_ONE
            taken[i], price[i] = less, cost[i] - less
    return unknown
