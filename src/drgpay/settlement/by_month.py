"""The months of a year (月度预付): provisional point value and prepayment (docs/rules.md, rule 13).

Sources: S0 28 (the year's budget by months), S2 二(二)1(6) (monthly point value, prepayment, an
abnormal rise suspends payment of the excess). Ratios, the pattern of months and the limit of growth
are parameters of the policy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.budget import formulas
from drgpay.budget.index_months import month_budgets, suspended_fen
from drgpay.budget.pool import available_budget
from drgpay.ground.errors import PolicyError, both
from drgpay.ground.money import POINT, round_half_away
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.region.together import settled_together
from drgpay.settlement import account
from drgpay.settlement.kernels import (
    M_CASES,
    M_CORRECTION,
    M_FUND,
    M_MONEY,
    M_NOT_POOL,
    M_NOT_POOL_BY_POINTS,
    M_POINTS,
)
from drgpay.settlement.point_value import Key

MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfMonth:
    """What a month comes to; money in fen, points in 1/10,000.

    `n_fen` is the not-pool part of the cases by points. `payment_fen` is what the policy prepays;
    of it `suspended_fen` is withheld. `kept_fen` is left to the deposit (month_value alone).
    `adjustment_fen` is what the months before come out otherwise today; what would bring the
    payment below 0 is left to be set off (`setoff_after_fen`) by the months that follow.
    """

    month: int
    pool: str
    cases: int
    points_before: int
    correction: int
    fund_fen: int
    not_pool_fen: int
    n_fen: int
    money_fen: int
    payment_fen: int
    suspended_fen: int
    kept_fen: int
    adjustment_fen: int = 0
    setoff_before_fen: int = 0
    setoff_after_fen: int = 0

    @property
    def points(self) -> int:
        """Points of the month, with correction entries."""
        return self.points_before + self.correction

    @property
    def paid_fen(self) -> int:
        """What is really paid in the month."""
        own = self.payment_fen - self.suspended_fen + self.adjustment_fen
        return own - self.setoff_before_fen + self.setoff_after_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthAccount(_OfMonth):
    """A hospital and pool in one month.

    `due_fen` is exact, None without a point value of the month. Payment is suspended where the
    recorded fund is beyond `last_year_fen` x (1 + limit).
    """

    hospital_id: str
    due_fen: Fraction | None
    last_year_fen: int | None
    fund_to_date_fen: int
    paid_before_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPool(_OfMonth):
    """A pool (with `combine_pools` all together) in one month; `value_fen` a point, exact."""

    name: str
    budget_fen: int
    value_fen: Fraction | None


def _sums(row: Sequence[int]) -> dict[str, int]:
    """Return what a row of the year's sums (settlement/kernels.py) says of a month."""
    return {
        "cases": row[M_CASES],
        "points_before": row[M_POINTS],
        "correction": row[M_CORRECTION],
        "fund_fen": row[M_FUND],
        "not_pool_fen": row[M_NOT_POOL],
        "n_fen": row[M_NOT_POOL_BY_POINTS],
        "money_fen": row[M_MONEY],
    }


@dataclass(frozen=True)
class Months:
    """All months of a year, in order of pool, month and hospital.

    `adjustments`: all to date; `recomputed`: the same months as the cases of today alone give them.
    """

    pools: tuple[MonthPool, ...]
    accounts: tuple[MonthAccount, ...]
    adjustments: tuple[Adjustment, ...] = ()
    recomputed: tuple[MonthAccount, ...] | None = None


def month_shares(region: Region, policy: YearPolicy) -> Sequence[Fraction]:
    """Return the months' shares of the budget; raises PolicyError when they are not there."""
    if policy.says("month.pattern", "equal", "given"):
        return (Fraction(1, MONTHS),) * MONTHS
    if not region.month_shares:
        raise PolicyError(
            both(
                "month.pattern 为 given（按给定比重），但没有 month_shares.csv",
                "month.pattern is given, but there is no month_shares.csv",
            ),
            where=region.path,
            remedy=both(
                "补上 month_shares.csv（月份、比重，合计为1），或将 month.pattern 设为 equal",
                "add month_shares.csv (month, share; adding up to 1), or set month.pattern to equal",
            ),
        )
    return region.month_shares


def months_of(
    region: Region, policy: YearPolicy, by_month: NDArray[np.int64], named: Collection[Key] = ()
) -> Months:
    """Return the twelve months of the year's sums [account, 12, 7] (settlement/kernels.py).

    `named`: accounts that are shown with or without a case.
    Raises PolicyError when the policy needs shares of months that are not given.
    """
    shares = month_shares(region, policy)
    pools: list[MonthPool] = []
    accounts: list[MonthAccount] = []
    place = {pool.id: number for number, pool in enumerate(region.pools)}
    for name, title, members in settled_together(region.pools, policy):
        keys = _accounts(region, by_month, [place[pool.id] for pool in members], named)
        budget = available_budget(
            sum(pool.budget_fen for pool in members),
            sum(pool.out_of_area_fund_fen for pool in members),
            policy,
        )
        to_date = {number: [0, 0, 0] for number, _ in keys}  # fund, payment, paid
        for month, own_budget in enumerate(month_budgets(budget.available_fen, shares), start=1):
            rows = [[int(x) for x in by_month[number, month - 1]] for number, _ in keys]
            total = [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * 7
            points = total[M_POINTS] + total[M_CORRECTION]
            value = None
            if points > 0:
                fund = formulas.for_points(own_budget, total[M_NOT_POOL_BY_POINTS], total[M_MONEY])
                value = formulas.value(Fraction(fund), Fraction(points, POINT))
            made = [
                _account(month, key, row, value, to_date[number], region, policy)
                for (number, key), row in zip(keys, rows, strict=True)
            ]
            accounts += made
            pools.append(
                MonthPool(
                    month=month,
                    pool=name,
                    name=title,
                    budget_fen=own_budget,
                    value_fen=value,
                    payment_fen=sum(a.payment_fen for a in made),
                    suspended_fen=sum(a.suspended_fen for a in made),
                    kept_fen=sum(a.kept_fen for a in made),
                    **_sums(total),
                )
            )
    return Months(tuple(pools), tuple(accounts))


def _accounts(
    region: Region, by_month: NDArray[np.int64], members: Sequence[int], named: Collection[Key]
) -> list[tuple[int, Key]]:
    """Return number and key of the accounts of some pools that have a case, in order of keys.

    `named`: those that are shown with or without a case.
    """
    count = len(region.pools)
    some = by_month[:, :, M_CASES].sum(axis=1).tolist()
    found = [
        (h * count + p, (hospital.id, region.pools[p].id))
        for h, hospital in enumerate(region.hospitals)
        for p in members
        if some[h * count + p] or (hospital.id, region.pools[p].id) in named
    ]
    return sorted(found, key=lambda item: item[1])


def _account(
    month: int,
    key: Key,
    row: Sequence[int],
    value: Fraction | None,
    to_date: list[int],
    region: Region,
    policy: YearPolicy,
) -> MonthAccount:
    """Return one account's month, and move on what is to date: fund, payments, paid."""
    due = None
    if value is not None:
        worth = account.worth(Fraction(row[M_POINTS] + row[M_CORRECTION], POINT), value)
        n, money = Fraction(row[M_NOT_POOL_BY_POINTS]), Fraction(row[M_MONEY])
        due = account.exact_due(worth, n, money)
    ratio = Fraction(policy["prepay_ratio"])
    payment = kept = 0
    to_date[0] += row[M_FUND]
    if policy.says("prepay_basis", "recorded_fund", "month_value"):
        payment = int(account.prepaid(Fraction(to_date[0]), ratio)) - to_date[1]
    elif due is not None and due > 0:
        payment = int(account.prepaid(due, ratio))
        kept = round_half_away(due) - payment
    last = region.last_year_months.get((*key, month))
    suspended = suspended_fen(payment, row[M_FUND], last, policy["month.growth_limit"])
    before = to_date[2]
    to_date[1] += payment
    to_date[2] += payment - suspended
    return MonthAccount(
        month=month,
        hospital_id=key[0],
        pool=key[1],
        due_fen=due,
        last_year_fen=last,
        payment_fen=payment,
        suspended_fen=suspended,
        kept_fen=kept,
        fund_to_date_fen=to_date[0],
        paid_before_fen=before,
        **_sums(row),
    )


def payments_of_year(
    region: Region, policy: YearPolicy, by_month: NDArray[np.int64]
) -> dict[Key, tuple[int, int, int]]:
    """Return what the twelve months really paid, kept back and suspended, in fen."""
    sums: dict[Key, tuple[int, int, int]] = {}
    for a in months_of(region, policy, by_month).accounts:
        paid, kept, withheld = sums.get((a.hospital_id, a.pool), (0, 0, 0))
        sums[a.hospital_id, a.pool] = (
            paid + a.paid_fen,
            kept + a.kept_fen,
            withheld + a.suspended_fen,
        )
    return sums


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What the run of `month` found of an earlier month: booked until then, and computed now."""

    month: int
    of_month: int
    hospital_id: str
    pool: str
    cases_before: int
    cases_now: int
    fund_before_fen: int
    fund_now_fen: int
    payment_before_fen: int
    payment_now_fen: int
    suspended_before_fen: int
    suspended_now_fen: int
    kept_before_fen: int
    kept_now_fen: int

    @property
    def paid_before_fen(self) -> int:
        """What was booked as paid of the earlier month."""
        return self.payment_before_fen - self.suspended_before_fen

    @property
    def paid_now_fen(self) -> int:
        """What the cases of today give the earlier month."""
        return self.payment_now_fen - self.suspended_now_fen

    @property
    def adjustment_fen(self) -> int:
        """What the present month pays more, or less, for it."""
        return self.paid_now_fen - self.paid_before_fen
