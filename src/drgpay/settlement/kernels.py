"""Sums of settled cases, in integers.

Dimensions: N cases; A accounts (a hospital in a pool); C classes; G groups. Points are integers of
1/10,000, money is fen.
"""

from __future__ import annotations

from typing import Any

from drgpay.ground.jit import kernel

CASES, POINTS, NOT_POOL, FUND, NOT_POOL_BY_POINTS, MONEY, COST = range(7)
HELD_CASES, HELD_FUND, HELD_COST = range(7, 10)
ACCOUNT_COLUMNS = 10
M_CASES, M_POINTS, M_NOT_POOL, M_FUND, M_NOT_POOL_BY_POINTS, M_MONEY, M_CORRECTION = range(7)
MONTH_COLUMNS = 7


@kernel
def add_up(
    hospital: Any,  # [N]
    pool: Any,  # [N]
    pools: int,
    group: Any,  # [N]
    case_class: Any,  # [N] -1 quarantined
    paid_by: Any,  # [N] 0 points, 1 money, 2 held, -1 quarantined
    before: Any,  # [N] points before the readmission rule
    points: Any,  # [N]
    month: Any,  # [N] 0 to 11
    correction: Any,  # [N] month of the stay that followed, -1 for none
    cost: Any,  # [N]
    fund: Any,  # [N]
    not_pool: Any,  # [N]
    price: Any,  # [N]
    by_account: Any,  # out [A, 10]
    by_month: Any,  # out [A, 12, 7]
    by_class: Any,  # out [C, 3] cases, points, cost
    by_group: Any,  # out [G, 3] the same
) -> None:
    """Add cases to their account, class and group; held ones to their account alone."""
    for i in range(len(paid_by)):
        if paid_by[i] < 0:
            continue
        a = hospital[i] * pools + pool[i]
        if paid_by[i] == 2:
            by_account[a, HELD_CASES] += 1
            by_account[a, HELD_FUND] += fund[i]
            by_account[a, HELD_COST] += cost[i]
            continue
        by_account[a, CASES] += 1
        by_account[a, POINTS] += points[i]
        by_account[a, NOT_POOL] += not_pool[i]
        by_account[a, FUND] += fund[i]
        by_account[a, COST] += cost[i]
        m = month[i]
        by_month[a, m, M_CASES] += 1
        by_month[a, m, M_POINTS] += before[i]
        by_month[a, m, M_NOT_POOL] += not_pool[i]
        by_month[a, m, M_FUND] += fund[i]
        if paid_by[i] == 0:
            by_account[a, NOT_POOL_BY_POINTS] += not_pool[i]
            by_month[a, m, M_NOT_POOL_BY_POINTS] += not_pool[i]
            by_account[a, MONEY] += price[i]
            by_month[a, m, M_MONEY] += price[i]
        else:
            by_account[a, MONEY] += price[i] - not_pool[i]
            by_month[a, m, M_MONEY] += price[i] - not_pool[i]
        if correction[i] >= 0:
            by_month[a, correction[i], M_CORRECTION] += points[i] - before[i]
        c, g = case_class[i], group[i]
        by_class[c, 0] += 1
        by_class[c, 1] += points[i]
        by_class[c, 2] += cost[i]
        by_group[g, 0] += 1
        by_group[g, 1] += points[i]
        by_group[g, 2] += cost[i]
