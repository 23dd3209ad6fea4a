"""A hospital's account in a pool, from its points to its final payment: each formula once.

A formula is written over anything that adds: the engine gives it whole fen and exact fractions,
`why` figures of tables that carry their text, letters and workbooks their lines and cells. Sources:
S2 二(二)2(3); S0 13 and S4 (7)-(8) (quality deposit); what is assumed: docs/formats.md, rules 10, 11.
"""

from __future__ import annotations

from fractions import Fraction

from drgpay.budget.deposit import released_by
from drgpay.budget.formulas import Q
from drgpay.budget.formulas import forfeited as forfeited
from drgpay.budget.pool import Rules
from drgpay.ground.numbers import (
    N,
    above_zero,
    fen_below,
    largest,
    less,
    smallest,
    whole_fen,
)
from drgpay.region.standing import ENDED, NORMAL

FORFEITED, WITHOUT_POINTS = "forfeited", "points"  # why nothing is shared, beside the standing


def worth(points: Q, value: Q) -> Q:
    """Return what points are worth: what is due for them, and n."""
    return points * value


def exact_due(worth: N, not_pool: N, *others: N) -> N:
    """Return what is due before it is rounded: points x V − n, and what is due outside of points.

    Of bounded cases points and n are those inside their bounds; what the others get is due besides.
    """
    made = worth - not_pool
    for part in others:
        made = made + part
    return made


def high_bounds(
    rules: Rules, recorded: Q, share: Q | None, *, within_cost: Q | None = None, held: bool = False
) -> list[Q]:
    """Return what a due, or what a case brings, may be at most (docs/point-value.md).

    `share` x recorded fund, rounded down; cost less n, of a case; the recorded fund where a
    penalised hospital is `held`.
    """
    found = []
    if share is not None and rules["bound.cost_share"] is not None:
        found.append(fen_below(share * recorded))
    if within_cost is not None and rules["bound.case_within_cost"]:
        found.append(within_cost)
    if held and rules["violator_no_increase"]:
        found.append(recorded)
    return found


def within(exact: N, low: N | None, high: N | None) -> N:
    """Return an amount within its bounds; the low one is the stronger."""
    made = exact if high is None else smallest(exact, high)
    return made if low is None else largest(made, low)


def prepaid(recorded: Q, ratio: Q) -> Q:
    """Return what is prepaid of the recorded fund (预付)."""
    return whole_fen(ratio * recorded)


def deposit(recorded: N, *paid: N) -> N:
    """Return the quality deposit (质量保证金): recorded fund less prepaid and suspended."""
    return above_zero(less(recorded, *paid))


def released_share(score: Fraction, rules: Rules, standing: str = NORMAL) -> Fraction:
    """Return what of the deposit a score releases; an ended agreement is not assessed.

    Raises PolicyError when the bands of the policy are missing, whoever is assessed.
    """
    released = released_by(score, rules)
    return Fraction(1) if standing == ENDED else released


def why_no_share(standing: str, forfeited: int, points: Fraction | int) -> str:
    """Return why a hospital has no part of others' forfeited deposits; empty where it has one."""
    if standing != NORMAL:
        return standing
    if forfeited:
        return FORFEITED
    return "" if points > 0 else WITHOUT_POINTS


def forfeits_share(forfeits: Q, points: Q, sharing: Q) -> Q:
    """Return a part of the forfeited deposits, by the points of those that share; not rounded."""
    return forfeits * points / sharing


def final(
    due: N,
    prepaid: N,
    forfeited: N,
    violation: N,
    *,
    shared: N | None = None,
    carried: N | None = None,
) -> N:
    """Return the final payment; below 0 where money comes back. What does not apply is left out."""
    made = less(due, prepaid, forfeited)
    made = less(made if shared is None else made + shared, violation)
    return made if carried is None else less(made, carried)


def payable(final: N, deferred: N | None = None) -> N:
    """Return what leaves the fund now: the final payment less what waits for others' money."""
    return above_zero(final) if deferred is None else less(above_zero(final), deferred)


def recover(final: N) -> N:
    """Return what a hospital owes back; never netted with what others, or its other pools, get."""
    return above_zero(-final)
