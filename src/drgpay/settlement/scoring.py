"""Class, points and price of cases: the rules of a year over what was read of them.

Points of one case depend on that case and on small tables, so a piece needs nothing of any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.ground.errors import InputError, PolicyError, both, unknown_choice
from drgpay.ground.money import POINT, points_text, round_half_away, yuan_text
from drgpay.names import codes
from drgpay.perdiem.points import BedDayTables
from drgpay.points.base import MAX_BASE_POINTS, MAX_COEFFICIENT, GroupTables
from drgpay.points.kernels import (
    COEF_ONE,
    DEDUCT,
    HELD,
    HIGH,
    MONEY,
    POINTS,
    REVIEWED,
    Options,
    score_range,
)
from drgpay.points.limits import CostLimits, cost_limits
from drgpay.policy import YearPolicy
from drgpay.policy.catalogue import CATALOGUE
from drgpay.settlement.doubts import holding
from drgpay.settlement.facts import Facts

Rows = NDArray[np.int64]
CASE_CLASSES, PAID_BY = tuple(codes.CASE_CLASSES), tuple(codes.PAID_BY)  # by the kernels' numbers
WAY_OF = {"transfer.rule": (2, 3), "against_order.rule": (4,), "death.rule": (5,)}


@dataclass(frozen=True)
class Rules:
    """All that scoring needs besides the cases, as the kernel takes it."""

    tables: GroupTables
    limits: CostLimits
    beds: BedDayTables
    coefficient: NDArray[np.int64]  # [H, G] or [H, 1]
    applies: NDArray[np.bool_]
    way_rule: NDArray[np.int8]
    options: Options
    hold: int = 0  # findings that hold a case, as bits (doubts.py)
    points_max: Fraction | None = None  # x points by cost: the most that experts may set

    new_share: Fraction = Fraction(0)  # of what new technology cost
    new_points: bool = False  # it is rewarded by points, not paid in money

    @property
    def step(self) -> int:
        """What points are rounded to, in 1/10,000."""
        return self.options.step

    @property
    def points_per_fen(self) -> Fraction:
        """Points by cost of one fen, in 1/10,000."""
        return Fraction(self.options.numerator, self.options.denominator)

    @classmethod
    def of(
        cls,
        policy: YearPolicy,
        tables: GroupTables,
        beds: BedDayTables,
        coefficient: NDArray[np.int64],
        all_mean_fen: int,
    ) -> Rules:
        """Return the rules of a year; raises InputError for numbers that do not fit 64 bits."""
        step = points_step(policy)
        # points of a fen: scale / all-DRG mean, in 1/10,000 point
        per_fen = Fraction(policy["point_scale"]) * POINT / all_mean_fen
        if (
            per_fen.numerator * MAX_COEFFICIENT >= 2**62
            or per_fen.denominator * COEF_ONE * step >= 2**62
            or per_fen * parse.MAX_MONEY_FEN > 10**15
            or beds.largest > MAX_BASE_POINTS
        ):
            raise _too_large(policy, all_mean_fen)
        names = set(policy["coef_applies_to"])
        if "high" in names:
            names.add("reviewed")
        way_rule = np.zeros(10, dtype=np.int8)
        for key, ways in WAY_OF.items():
            way_rule[list(ways)] = policy.number(key)
        long_days, short = policy["long_stay.days"], policy["short_stay.days"]
        by_item = policy.says("long_stay.rule", "by_item", "bed_day") and long_days is not None
        options = Options(
            numerator=per_fen.numerator,
            denominator=per_fen.denominator,
            step=step,
            long_days=long_days if by_item else -1,
            short_days=-1 if short is None else short,
            ungrouped=policy.number("ungrouped.rule"),
            ambiguous=policy.number("ambiguous.rule"),
            unstable=policy.number("unstable.rule"),
            low=policy.number("low.rule"),
            high=policy.number("high.rule"),
            exempt_surgery=policy["low.exempt_day_surgery"],
            high_first=policy.says("class_order", "high_first", "low_first"),
            whole_stay=policy.says("bed_day.mode", "whole_stay", "marginal"),
            in_money=policy.says("bed_day.payment", "money", "points"),
            by_weight=tables.by_weight,
        )
        return cls(
            tables=tables,
            limits=cost_limits(tables, policy, coefficient),
            beds=beds,
            coefficient=coefficient,
            applies=np.array([name in names for name in CASE_CLASSES]),
            way_rule=way_rule,
            options=options,
            hold=holding(policy),
            points_max=policy["review.points_max"],
            new_share=Fraction(policy["new_technology.share"]),
            new_points=policy.says("new_technology.rule", "by_points", "in_cost", "paid_apart"),
        )


def _too_large(policy: YearPolicy, all_mean_fen: int) -> InputError:
    return InputError(
        both(
            f"数值过大，点数无法计算：point_scale {policy['point_scale']}，全部病例次均费用 "
            f"{yuan_text(all_mean_fen)} 元，case_points_dp {policy['case_points_dp']}",
            f"points cannot be computed in 64 bits: point_scale {policy['point_scale']}, "
            f"all-DRG mean {yuan_text(all_mean_fen)} yuan, case_points_dp "
            f"{policy['case_points_dp']}",
        ),
        remedy=both(
            "核对全部病例次均费用、床日标准和 point_scale（点数基数）",
            "check the all-DRG mean, the bed-day rates and point_scale",
        ),
    )


def points_step(policy: YearPolicy) -> int:
    """Return what points are rounded to, in 1/10,000 point: `case_points_dp`, 4 when none."""
    places = policy["case_points_dp"]
    return 1 if places is None else int(10 ** (4 - places))


@dataclass(frozen=True)
class Reviews:
    """Decisions on N cases: 0 none, 1 granted, 2 refused; or arrays of no case at all."""

    decision: NDArray[np.int8]
    unreasonable: NDArray[np.int64]
    points: NDArray[np.int64]  # -1: experts set none


NO_REVIEWS = Reviews(np.zeros(0, np.int8), np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class Scores:
    """What N cases came to; points in 1/10,000, money in fen."""

    case_class: NDArray[np.int8]
    coefficient: NDArray[np.int32]
    points: NDArray[np.int64]
    paid_by: NDArray[np.int8]
    price: NDArray[np.int64]
    unreasonable: NDArray[np.int64]
    apart: NDArray[np.int64]  # part of the price that pays for new technology


def score(
    rules: Rules,
    status: NDArray[np.int8],
    drg: NDArray[np.int16],
    facts: Facts,
    reviews: Reviews = NO_REVIEWS,
) -> Scores:
    """Return class, coefficient used, points, price of N cases (docs/rules.md, rule 7)."""
    count = len(status)
    made = Scores(
        np.empty(count, dtype=np.int8),
        np.empty(count, dtype=np.int32),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int8),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.int64),
        np.zeros(count, dtype=np.int64),
    )
    t, b, limits = rules.tables, rules.beds, rules.limits
    unknown = score_range(
        0, count, status, drg, facts.hospital, facts.counted, reviews.unreasonable, reviews.decision,
        reviews.points, facts.day_surgery, facts.bed_class, facts.days, facts.way, t.mean, t.base,
        t.stable, t.high_multiple, t.high_fen, limits.low, limits.high, t.review,
        rules.coefficient, rules.applies, rules.way_rule, b.bands_of, b.start, b.points, b.rate,
        rules.options, made.case_class, made.coefficient, made.points, made.paid_by,
        made.price, made.unreasonable,
    )  # fmt: skip
    if unknown >= 0:
        raise _without_rule(rules, CASE_CLASSES[unknown])
    if rules.options.high == DEDUCT or t.by_weight:
        _exactly(rules, drg, facts.counted, made)
    if facts.apart is not None:
        for i in np.flatnonzero(facts.apart).tolist():
            points, fen = new_technology(rules, int(facts.apart[i]), int(made.paid_by[i]))
            made.points[i] += points
            made.price[i] += fen
            made.apart[i] = fen
    return made


def _without_rule(rules: Rules, name: str) -> PolicyError:
    """Return the fault of a rule that the kernel does not know, of cases of a class."""
    if name == "special_discharge":
        number = int(rules.way_rule.max())
        key = next(k for k, ways in WAY_OF.items() if rules.way_rule[ways[0]] == number)
    else:
        key, number = f"{name}.rule", getattr(rules.options, name)
    return unknown_choice(key, CATALOGUE[key].choices[number])


def new_technology(rules: Rules, cost: int, paid_by: int) -> tuple[int, int]:
    """Return points and fen of what new technology cost in a case, by what the case is paid by.

    Points go to cases paid by points alone; one that is held gets neither.
    """
    if paid_by not in (POINTS, MONEY):
        return 0, 0
    if rules.new_points and paid_by == POINTS:
        per_step = rules.points_per_fen / rules.step
        return round_half_away(cost * rules.new_share * per_step) * rules.step, 0
    return 0, round_half_away(cost * rules.new_share)


def check_given_points(
    rules: Rules, cost: NDArray[np.int64], reviews: Reviews, made: Scores, rows: Rows, ids: Any
) -> None:
    """Fail if experts set more points than the policy allows (`review.points_max`).

    `rows` of N cases are looked at, `ids` gives their case ids by row. Bound: the multiple x
    (cost − unreasonable cost) / all-DRG mean x scale. Raises InputError that names every case.
    """
    if rules.points_max is None or not len(reviews.points):
        return
    own = rows[(reviews.points[rows] >= 0) & (reviews.decision[rows] == 1)]
    own = own[made.case_class[own] == REVIEWED]
    faults = []
    for i in own.tolist():
        by_cost = (int(cost[i]) - int(reviews.unreasonable[i])) * rules.points_per_fen
        most = by_cost * rules.points_max
        if int(reviews.points[i]) > most:
            given = points_text(int(reviews.points[i]))
            plain, limit = (points_text(round_half_away(p)) for p in (by_cost, most))
            faults.append(
                both(
                    f"病例 {ids[i]}：核定点数（points）{given}，按费用计点 {plain}，最多 {limit}",
                    f"case {ids[i]}: points {given}, by cost {plain}, at most {limit}",
                )
            )
    if faults:
        raise InputError(
            both(
                f"单议核定的点数超过按费用计点的 {float(rules.points_max):g} 倍",
                f"experts set points above {float(rules.points_max):g} times those of the cost",
            ),
            where="reviews",
            faults=faults,
            remedy=both(
                "核对 reviews 表的点数，或由有权部门调整 review.points_max（单议点数上限倍数）",
                "check the points in table reviews, or have review.points_max changed by who may",
            ),
        )


def waiting(doubt: NDArray[np.uint8] | None, hold: int, reviews: Reviews) -> NDArray[np.bool_]:
    """Return which of N cases a finding holds: nobody has decided on them."""
    count = len(reviews.decision) if doubt is None else len(doubt)
    if doubt is None or not hold:
        return np.zeros(count, np.bool_)
    own: NDArray[np.bool_] = (doubt & hold) != 0
    if len(reviews.decision):
        own &= reviews.decision == 0
    return own


def hold_cases(doubt: NDArray[np.uint8] | None, hold: int, reviews: Reviews, made: Scores) -> None:
    """Leave cases that findings hold without points and price, as those held for review."""
    if doubt is None or not hold:
        return
    rows = np.flatnonzero(waiting(doubt, hold, reviews) & (made.paid_by >= 0))
    made.paid_by[rows] = HELD
    made.points[rows] = made.price[rows] = made.unreasonable[rows] = made.apart[rows] = 0
    made.coefficient[rows] = COEF_ONE


def _exactly(rules: Rules, drg: NDArray[np.int16], cost: NDArray[np.int64], made: Scores) -> None:
    """Work out what the kernel leaves: by cost less (K − 1) x base x coefficient (`deduct`), or
    base x coefficient with what the cost exceeds K times the mean by, of published weights.
    """
    t = rules.tables
    per_fen = rules.points_per_fen
    for i in np.flatnonzero(made.points < 0).tolist():
        g = int(drg[i])
        multiple, base = Fraction(int(t.high_multiple[g]), 10_000), int(t.base[g])
        normal = base * Fraction(int(made.coefficient[i]), COEF_ONE)
        by_cost = (int(cost[i]) - int(made.unreasonable[i])) * per_fen
        if made.case_class[i] == HIGH and rules.options.high == DEDUCT:
            exact = max(Fraction(0), by_cost - (multiple - 1) * normal)
        else:
            exact = normal + max(Fraction(0), by_cost - multiple * base)
        made.points[i] = round_half_away(exact / rules.step) * rules.step
