"""The months of a year: provisional point value and prepayment (docs/rules.md, rule 13)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from reference.model.exact import round_fen
from reference.model.policy import says
from reference.model.region import Region
from reference.model.stay import Parameters, key_day
from reference.model.sums import HospitalPool, available_budget, money_of

ZERO = Fraction(0)


@dataclass(frozen=True)
class MonthHospital:
    """One hospital and pool in one month. `due_fen` is exact and None without a month's value.

    `payment_fen` is before the cut of abnormal growth, of which `suspended_fen` is not paid out;
    `kept_fen` is what `month_value` leaves to the deposit.
    """

    hospital_id: str
    pool: str
    cases: int
    points: Fraction
    recorded_fund_fen: int
    not_pool_fen: int
    money_fen: int
    due_fen: Fraction | None
    payment_fen: int
    suspended_fen: int
    kept_fen: int

    @property
    def paid_fen(self) -> int:
        return self.payment_fen - self.suspended_fen


@dataclass(frozen=True)
class Month:
    """One month of a pool (with `combine_pools`, of all); `value_fen` is None without points."""

    month: int
    pool: str
    budget_fen: int
    points: Fraction
    correction_points: Fraction  # part of `points`, not above 0
    value_fen: Fraction | None
    recorded_fund_fen: int
    not_pool_fen: int
    money_fen: int
    hospitals: tuple[MonthHospital, ...]


def number(month: str) -> int:
    """2024-03: 3."""
    return int(month[5:])


def month_budgets(available_fen: int, shares: Sequence[Fraction]) -> list[int]:
    """The budgets of twelve months, that add up to the year's: rounded as they add up."""
    to_date = [round_fen(available_fen * sum(shares[:month], ZERO)) for month in range(13)]
    return [after - before for before, after in pairwise(to_date)]


def shares_of(region: Region, p: Parameters) -> Sequence[Fraction]:
    if says(p, "month.pattern", "equal", "given"):
        return [Fraction(1, 12)] * 12
    if region.month_shares is None:
        raise ValueError("month.pattern = given, but month_shares.csv is missing")
    return region.month_shares


def last_year(region: Region, p: Parameters) -> dict[tuple[str, str, int], int]:
    """The recorded fund of last year's months: of the table, else of the history."""
    if region.last_year_months_fen is not None:
        return region.last_year_months_fen
    funds: dict[tuple[str, str, int], int] = {}
    for case in region.history or ():
        day = key_day(case, p)
        if day.year == region.year - 1:
            key = (case.hospital_id, case.pool, day.month)
            funds[key] = funds.get(key, 0) + case.pool_fund_fen
    return funds


def suspended(payment_fen: int, fund_fen: int, last_fen: int | None, p: Parameters) -> int:
    """What of a payment is not paid out, as the fund grew by more than the limit."""
    if p["month.growth_limit"] is None or last_fen is None:
        return 0
    normal = last_fen * (1 + p["month.growth_limit"])
    if fund_fen <= normal:
        return 0
    return payment_fen - round_fen(payment_fen * normal / fund_fen)


def months_of(rows: Iterable[Any], region: Region, p: Parameters) -> tuple[Month, ...]:
    """The twelve months of every pool, in order of pool and month."""
    rows = [row for row in rows if row.paid_by != "held"]
    before = last_year(region, p)
    shares = shares_of(region, p)
    together = [list(region.pools)] if p["combine_pools"] else [[x] for x in region.pools]
    found = []
    for pools in together:
        own = [row for row in rows if row.pool in pools]
        available = available_budget([region.pools[pool] for pool in pools], p)
        keys = sorted({(row.hospital_id, row.pool) for row in own})
        fund_to_date, paid_to_date = dict.fromkeys(keys, 0), dict.fromkeys(keys, 0)
        for month, budget in enumerate(month_budgets(available, shares), start=1):
            cases = [row for row in own if number(row.month) == month]
            cuts = [
                row for row in own if row.correction_month and number(row.correction_month) == month
            ]
            points = sum((row.points_before_readmission for row in cases), ZERO)
            corrections = sum((row.points - row.points_before_readmission for row in cuts), ZERO)
            by_points = [row for row in cases if row.paid_by == "points"]
            money = money_of(cases)
            value = None
            if points + corrections > 0:
                share = budget - money + sum(row.not_pool_fen for row in by_points)
                value = share / (points + corrections)
            hospitals = []
            for key in keys:
                made = _hospital(key, cases, cuts, value, fund_to_date, paid_to_date, p)
                cut = suspended(
                    made["payment_fen"], made["recorded_fund_fen"], before.get((*key, month)), p
                )
                hospitals.append(MonthHospital(*key, **made, suspended_fen=cut))
            found.append(
                Month(
                    month=month,
                    pool="+".join(pools),
                    budget_fen=budget,
                    points=points + corrections,
                    correction_points=corrections,
                    value_fen=value,
                    recorded_fund_fen=sum(row.pool_fund_fen for row in cases),
                    not_pool_fen=sum(row.not_pool_fen for row in cases),
                    money_fen=money,
                    hospitals=tuple(hospitals),
                )
            )
    return tuple(found)


def _hospital(
    key: HospitalPool,
    cases: Iterable[Any],
    cuts: Iterable[Any],
    value: Fraction | None,
    fund_to_date: dict[HospitalPool, int],
    paid_to_date: dict[HospitalPool, int],
    p: Parameters,
) -> dict[str, Any]:
    """Sums and payment of one hospital and pool; moves on what is to date."""
    cases = [row for row in cases if (row.hospital_id, row.pool) == key]
    cuts = [row for row in cuts if (row.hospital_id, row.pool) == key]
    points = sum((row.points_before_readmission for row in cases), ZERO)
    points += sum((row.points - row.points_before_readmission for row in cuts), ZERO)
    fund = sum(row.pool_fund_fen for row in cases)
    in_money = [row for row in cases if row.paid_by == "money"]
    money = money_of(cases)
    not_pool = sum(row.not_pool_fen for row in cases)
    by_points = not_pool - sum(row.not_pool_fen for row in in_money)
    due = None if value is None else points * value - by_points + money
    payment, kept = 0, 0
    if says(p, "prepay_basis", "recorded_fund", "month_value"):
        fund_to_date[key] += fund
        payment = round_fen(p["prepay_ratio"] * fund_to_date[key]) - paid_to_date[key]
        paid_to_date[key] += payment
    elif due is not None and due > 0:
        payment = round_fen(p["prepay_ratio"] * due)
        kept = round_fen(due) - payment
    return {
        "cases": len(cases),
        "points": points,
        "recorded_fund_fen": fund,
        "not_pool_fen": not_pool,
        "money_fen": money,
        "due_fen": due,
        "payment_fen": payment,
        "kept_fen": kept,
    }


@dataclass(frozen=True)
class Order:
    """What a month orders: `paid_fen`, of which `adjustment_fen` makes up for the months before;
    `setoff_fen` was paid too much and is more than the month's payment."""

    paid_fen: int
    adjustment_fen: int
    setoff_fen: int


def order_month(
    months: Iterable[Month], now: int, paid_before: Mapping[HospitalPool, int]
) -> dict[HospitalPool, Order]:
    """What the month `now` orders when the months before it really paid `paid_before`.

    With it, all that was paid comes to what the cases of today give the months up to it.
    """
    before: dict[HospitalPool, int] = dict.fromkeys(paid_before, 0)
    own: dict[HospitalPool, int] = dict.fromkeys(paid_before, 0)
    for month in months:
        for row in month.hospitals:
            key = (row.hospital_id, row.pool)
            if month.month <= now:
                sums = own if month.month == now else before
                sums[key] = sums.get(key, 0) + row.paid_fen
    found = {}
    for key in sorted({*before, *own}):
        adjustment = before.get(key, 0) - paid_before.get(key, 0)
        left = own.get(key, 0) + adjustment
        found[key] = Order(max(0, left), adjustment, max(0, -left))
    return found


def hospital_months(months: Iterable[Month]) -> dict[HospitalPool, tuple[int, int]]:
    """What the months paid and kept back of each hospital and pool."""
    sums: dict[HospitalPool, tuple[int, int]] = {}
    for month in months:
        for row in month.hospitals:
            paid, kept = sums.get((row.hospital_id, row.pool), (0, 0))
            sums[row.hospital_id, row.pool] = (paid + row.paid_fen, kept + row.kept_fen)
    return sums


def hospital_suspended(months: Iterable[Month]) -> dict[HospitalPool, int]:
    """What the months suspended of the payments of each hospital and pool."""
    sums: dict[HospitalPool, int] = {}
    for month in months:
        for row in month.hospitals:
            key = (row.hospital_id, row.pool)
            sums[key] = sums.get(key, 0) + row.suspended_fen
    return sums
