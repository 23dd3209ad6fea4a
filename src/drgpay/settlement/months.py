"""The months of a year (月度预付): provisional point value and prepayment (docs/formats.md, rule 13).

Sources: S0 28 (the year's budget by months), S2 二(二)1(6) (monthly point value, prepayment, an
abnormal rise suspends payment of the excess). Ratios, the pattern of months and the limit of growth
are parameters of the policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.arrow import decimal_column, dictionary_column
from drgpay.budget.ceiling import (
    DRG,
    OTHER,
    OUT_OF_AREA,
    Ceiling,
    Payment,
    Reserve,
    check_ceiling,
)
from drgpay.budget.pool import available_budget
from drgpay.errors import Bilingual, BooksError, PolicyError, both
from drgpay.money import POINT, round_half_away
from drgpay.points.kernels import POINTS
from drgpay.policy import YearPolicy
from drgpay.settlement.facts import month_in_year
from drgpay.settlement.kernels import (
    M_CASES,
    M_CORRECTION,
    M_FUND,
    M_MONEY,
    M_NOT_POOL,
    M_NOT_POOL_BY_POINTS,
    M_POINTS,
)
from drgpay.settlement.month_orders import Adjustment, Orders
from drgpay.settlement.point_value import NO_POINTS, Key, Sums
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.region import Pool, Region, other_payments
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.totals import Totals

if TYPE_CHECKING:
    from drgpay.settlement.year_end import YearEnd

MONTHS = 12
# parameters of the year end alone
NOT_OF_MONTHS = frozenset(
    (
        "keep_ratio", "keep_tiers", "fund_share_of_overspend", "overspend_tiers", "overspend_cap",
        "violator_no_increase", "value_dp", "residual", "deposit_score", "deposit_bands",
        "deposit_forfeited", "special_quota", "special_quota.scope", "special_quota.over",
        "rollover_pays_deferred", "negative_final", "community.opposite_sign", "fund_type_map",
        "budget_growth_cap", "referral.deductible", "referral.deductible_standards",
    )
)  # fmt: skip
NOT_OF_MONTHS_GROUPS = ("bound.", "capitation.")


class Year(Protocol):
    """What the months need of a scored or a settled year."""

    @property
    def prepared(self) -> Prepared: ...
    @property
    def region(self) -> Region: ...
    @property
    def policy(self) -> YearPolicy: ...
    @property
    def pieces(self) -> ScoredPieces: ...
    @property
    def month_sums(self) -> NDArray[np.int64]: ...
    @property
    def totals(self) -> Totals | None: ...


@dataclass(frozen=True, slots=True)
class MonthAccount:
    """A hospital and pool in one month; money in fen, points in 1/10,000.

    `n_fen` is the not-pool part of the cases by points. `due_fen` is exact, None without a point
    value of the month. `payment_fen` is what the policy prepays; of it `suspended_fen` is withheld,
    since the recorded fund is beyond `last_year_fen` x (1 + limit). `kept_fen` is left to the
    deposit (month_value alone). `adjustment_fen` is what the months before come out otherwise
    today; what would bring the payment below 0 is left to be set off (`setoff_after_fen`) by the
    months that follow.
    """

    month: int
    hospital_id: str
    pool: str
    cases: int
    points_before: int
    correction: int
    fund_fen: int
    not_pool_fen: int
    n_fen: int
    money_fen: int
    due_fen: Fraction | None
    last_year_fen: int | None
    payment_fen: int
    suspended_fen: int
    kept_fen: int
    fund_to_date_fen: int
    paid_before_fen: int
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


@dataclass(frozen=True, slots=True)
class MonthPool:
    """A pool (with `combine_pools` all together) in one month; `value_fen` a point, exact."""

    month: int
    pool: str
    name: str
    budget_fen: int
    cases: int
    points_before: int
    correction: int
    fund_fen: int
    not_pool_fen: int
    n_fen: int
    money_fen: int
    value_fen: Fraction | None
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


@dataclass(frozen=True)
class Months:
    """All months of a year, in order of pool, month and hospital.

    `adjustments`: all to date; `recomputed`: the same months as the cases of today alone give them.
    """

    pools: tuple[MonthPool, ...]
    accounts: tuple[MonthAccount, ...]
    adjustments: tuple[Adjustment, ...] = ()
    recomputed: tuple[MonthAccount, ...] | None = None


def month_budgets(available_fen: int, shares: Sequence[Fraction]) -> list[int]:
    """Return twelve budgets that add up to the year's: rounded as they add up.

    >>> month_budgets(100, [Fraction(1, 12)] * 12)
    [8, 9, 8, 8, 9, 8, 8, 9, 8, 8, 9, 8]
    """
    to_date = [round_half_away(available_fen * sum(shares[:m], Fraction(0))) for m in range(13)]
    return [after - before for before, after in pairwise(to_date)]


def month_shares(region: Region, policy: YearPolicy) -> Sequence[Fraction]:
    """Return the months' shares of the budget; raises PolicyError when they are not there."""
    if policy["month.pattern"] == "equal":
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


def settled_together(region: Region, policy: YearPolicy) -> list[tuple[str, str, list[Pool]]]:
    """Return id, name and members of what has one point value."""
    pools = list(region.pools)
    if policy["combine_pools"]:
        ids, names = "+".join(p.id for p in pools), "+".join(p.name for p in pools)
        return [(ids, names, pools)]
    return [(p.id, p.name, [p]) for p in pools]


def months_of(
    region: Region, policy: YearPolicy, by_month: NDArray[np.int64], orders: Orders | None = None
) -> Months:
    """Return the twelve months of the year's sums [account, 12, 7] (settlement/kernels.py).

    `orders`: what earlier months really paid; without it they are computed from the same sums.
    Raises PolicyError when the policy needs shares of months that are not given.
    """
    shares = month_shares(region, policy)
    pools: list[MonthPool] = []
    accounts: list[MonthAccount] = []
    place = {pool.id: number for number, pool in enumerate(region.pools)}
    for name, title, members in settled_together(region, policy):
        ordered = set() if orders is None else orders.keys
        keys = _accounts(region, by_month, [place[pool.id] for pool in members], ordered)
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
                fund = own_budget - total[M_MONEY] + total[M_NOT_POOL_BY_POINTS]
                value = Fraction(fund * POINT, points)
            made = [
                _account(month, key, row, value, to_date[number], region, policy)
                for (number, key), row in zip(keys, rows, strict=True)
            ]
            accounts += made
            pools.append(
                MonthPool(
                    month, name, title, own_budget, total[M_CASES], total[M_POINTS],
                    total[M_CORRECTION], total[M_FUND], total[M_NOT_POOL],
                    total[M_NOT_POOL_BY_POINTS], total[M_MONEY], value,
                    sum(a.payment_fen for a in made), sum(a.suspended_fen for a in made),
                    sum(a.kept_fen for a in made),
                )
            )  # fmt: skip
    months = Months(tuple(pools), tuple(accounts))
    return months if orders is None else with_orders(months, orders, region, policy)


def with_orders(months: Months, orders: Orders, region: Region, policy: YearPolicy) -> Months:
    """Return the months with what the earlier ones really paid.

    The month after them pays what they come out otherwise today; what brings it below 0 stays to be
    set off. The sums of cases are today's in every month.
    """
    computed = {(a.hospital_id, a.pool, a.month): a for a in months.accounts}
    now = orders.month + 1
    new: list[Adjustment] = []
    paid: dict[Key, int] = {}
    accounts: list[MonthAccount] = []
    for a in months.accounts:
        key = (a.hospital_id, a.pool)
        before = paid.get(key, 0)
        if a.month < now:
            o = orders.order(*key, a.month)
            made = replace(
                a, payment_fen=o.payment_fen, suspended_fen=o.suspended_fen, kept_fen=o.kept_fen,
                adjustment_fen=o.adjustment_fen, setoff_before_fen=o.setoff_before_fen,
                setoff_after_fen=o.setoff_after_fen, paid_before_fen=before,
            )  # fmt: skip
        elif a.month == now:
            found = _adjustments([computed[*key, m] for m in range(1, now)], orders)
            new += found
            adjusted = sum(x.adjustment_fen for x in found)
            open_fen = orders.order(*key, orders.month).setoff_after_fen
            left = a.payment_fen - a.suspended_fen + adjusted - open_fen
            made = replace(
                a, adjustment_fen=adjusted, setoff_before_fen=open_fen,
                setoff_after_fen=max(0, -left), paid_before_fen=before,
            )  # fmt: skip
        else:
            made = replace(a, paid_before_fen=before)
        paid[key] = before + made.paid_fen
        accounts.append(made)
    pool_of = {
        pool.id: name for name, _, members in settled_together(region, policy) for pool in members
    }
    own: dict[tuple[str, int], list[MonthAccount]] = {}
    for a in accounts:
        own.setdefault((pool_of[a.pool], a.month), []).append(a)
    names = ("payment_fen", "suspended_fen", "kept_fen", "adjustment_fen", "setoff_before_fen",
             "setoff_after_fen")  # fmt: skip
    pools = []
    for p in months.pools:
        rows = own.get((p.pool, p.month), ())
        pools.append(replace(p, **{name: sum(getattr(a, name) for a in rows) for name in names}))
    return Months(
        tuple(pools), tuple(accounts), (*orders.adjustments, *new), recomputed=months.accounts
    )


def _adjustments(before: Sequence[MonthAccount], orders: Orders) -> list[Adjustment]:
    """Return where the earlier months of an account come out otherwise than they are booked."""
    found = []
    for a in before:
        place = (a.hospital_id, a.pool, a.month)
        booked, order = orders.booked.get(place, (0, 0, 0)), orders.order(*place)
        if (a.payment_fen, a.suspended_fen, a.kept_fen) != booked:
            found.append(
                Adjustment(
                    orders.month + 1, a.month, a.hospital_id, a.pool, order.cases, a.cases,
                    order.fund_fen, a.fund_fen, booked[0], a.payment_fen, booked[1],
                    a.suspended_fen, booked[2], a.kept_fen,
                )
            )  # fmt: skip
    return found


def _accounts(
    region: Region, by_month: NDArray[np.int64], members: Sequence[int], ordered: set[Key]
) -> list[tuple[int, Key]]:
    """Return number and key of the accounts of some pools that have a case, in order of keys.

    `ordered`: those that earlier months name, with or without a case.
    """
    count = len(region.pools)
    some = by_month[:, :, M_CASES].sum(axis=1).tolist()
    found = [
        (h * count + p, (hospital.id, region.pools[p].id))
        for h, hospital in enumerate(region.hospitals)
        for p in members
        if some[h * count + p] or (hospital.id, region.pools[p].id) in ordered
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
        due = value * (row[M_POINTS] + row[M_CORRECTION]) / POINT
        due += row[M_MONEY] - row[M_NOT_POOL_BY_POINTS]
    ratio = Fraction(policy["prepay_ratio"])
    payment = kept = 0
    to_date[0] += row[M_FUND]
    if policy["prepay_basis"] == "recorded_fund":
        payment = round_half_away(ratio * to_date[0]) - to_date[1]
    elif due is not None and due > 0:
        payment = round_half_away(ratio * due)
        kept = round_half_away(due) - payment
    last = region.last_year_months.get((*key, month))
    suspended = suspended_fen(payment, row[M_FUND], last, policy["month.growth_limit"])
    before = to_date[2]
    to_date[1] += payment
    to_date[2] += payment - suspended
    return MonthAccount(
        month, key[0], key[1], row[M_CASES], row[M_POINTS], row[M_CORRECTION], row[M_FUND],
        row[M_NOT_POOL], row[M_NOT_POOL_BY_POINTS], row[M_MONEY], due, last, payment, suspended,
        kept, to_date[0], before,
    )  # fmt: skip


def suspended_fen(
    payment_fen: int, fund_fen: int, last_year_fen: int | None, limit: Fraction | None
) -> int:
    """Return what of a payment is withheld, as the fund grew abnormally (S2 二(二)1(6)).

    The payment is cut in the proportion of last year's fund x (1 + limit) to this month's; nothing
    is compared without a limit or without last year's fund.

    >>> suspended_fen(950, 1300, 1000, Fraction("0.1"))
    146
    """
    if limit is None or last_year_fen is None:
        return 0
    normal = last_year_fen * (1 + Fraction(limit))
    if fund_fen <= normal:
        return 0
    return payment_fen - round_half_away(payment_fen * normal / fund_fen)


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


# --- a month's run -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tie:
    """A sum of the months and what it has to be; `unit` is fen, points (1/10,000) or cases.

    `given`: the other side comes from prepaid.csv; a difference is shown, not refused.
    """

    name: Bilingual
    pool: str
    unit: str
    months: int
    expected: int
    given: bool = False


@dataclass(frozen=True)
class MonthRun:
    """The months of a year up to `month`; with `every` all twelve, tied out with the year end.

    `orders`: what the months before really paid; without it they are computed from today's cases.
    """

    year: Year
    month: int
    every: bool
    months: Months
    corrections: pa.Table
    ties: tuple[Tie, ...]
    ceiling: Ceiling | None
    orders: Orders | None = None

    @property
    def region(self) -> Region:
        """The region of the run."""
        return self.year.region

    @property
    def policy(self) -> YearPolicy:
        """The policy, with what the months used of it."""
        used = self.year.policy
        for key in ("month.pattern", "month.growth_limit"):
            used = used.using(key)
        if self.every:
            return used
        parameters = {
            key: replace(p, used=False)
            if key in NOT_OF_MONTHS or key.startswith(NOT_OF_MONTHS_GROUPS)
            else p
            for key, p in used.parameters.items()
        }
        return replace(used, parameters=parameters)

    @property
    def recomputed(self) -> list[int]:
        """Earlier months whose payments are computed from today's cases, not what was ordered."""
        if self.every or self.orders is None:
            return list(range(1, self.month))
        return list(self.orders.recomputed)

    @property
    def adjustments(self) -> list[Adjustment]:
        """What earlier months came out otherwise, found by this month or one before it."""
        return [a for a in self.months.adjustments if a.month <= self.month]

    @property
    def pools(self) -> list[MonthPool]:
        """Pools of the months up to this one."""
        return [p for p in self.months.pools if p.month <= self.month]

    @property
    def accounts(self) -> list[MonthAccount]:
        """Hospitals and pools of the months up to this one."""
        return [a for a in self.months.accounts if a.month <= self.month]

    @property
    def suspended(self) -> list[MonthAccount]:
        """Those of whose payment a part is withheld."""
        return [a for a in self.accounts if a.suspended_fen]

    def month_text(self, month: int) -> str:
        """Return a month as `2025-03`."""
        return f"{self.region.year}-{month:02d}"


def month_run(year: Year, month: int, orders: Orders | None = None) -> MonthRun:
    """Return the run of one month, with the months before it.

    `year`: a scored year of the cases up to the month's end, or a settled one. `orders`: what the
    months before really paid. Raises BooksError when the months do not add up to the year,
    InputError when the ceiling is passed.
    """
    return _run(year, month, every=False, orders=orders)


def all_months(year_end: YearEnd) -> MonthRun:
    """Return all twelve months of a settled year, held against the year end at zero tolerance."""
    return _run(year_end, MONTHS, every=True)


def _run(year: Year, month: int, *, every: bool, orders: Orders | None = None) -> MonthRun:
    months = months_of(year.region, year.policy, year.month_sums, orders)
    corrections = corrections_table(year, month)
    ties = tie_out(year, months, corrections if every else corrections_table(year, MONTHS))
    ceiling = _ceiling(year, months, month)
    return MonthRun(year, month, every, months, corrections, ties, ceiling, orders)


def corrections_table(year: Year, through: int) -> pa.Table:
    """Return the correction entries of readmissions up to a month, in the order of cases.

    One row a stay by points that a readmission followed: its case, its month, the month of the
    stay that followed, points before and after.
    """
    hospitals = [h.id for h in year.region.hospitals]
    pools = [p.id for p in year.region.pools]
    names = [f"{year.region.year}-{m:02d}" for m in range(1, MONTHS + 1)]

    def month_of(days: NDArray[np.int32]) -> NDArray[np.int8]:
        return month_in_year(days, year.region.year)

    parts = []
    for p in year.pieces:
        rows = np.flatnonzero((p.correction_day >= 0) & (p.paid_by == POINTS))
        rows = rows[month_of(p.correction_day[rows]) < through]
        f = p.facts
        parts.append(
            pa.table(
                {
                    "case_id": p.case_id.take(pa.array(rows)).cast(pa.string()),
                    "hospital_id": dictionary_column(hospitals, f.hospital[rows]),
                    "pool": dictionary_column(pools, f.pool[rows]),
                    "drg": dictionary_column(year.prepared.numbers.drgs, p.drg[rows]),
                    "month": dictionary_column(names, month_of(f.key_day[rows])),
                    "correction_month": dictionary_column(names, month_of(p.correction_day[rows])),
                    "points_before": decimal_column(p.points_before[rows], 20, 4),
                    "points_after": decimal_column(p.points[rows], 20, 4),
                    "correction_points": decimal_column(
                        p.points[rows] - p.points_before[rows], 20, 4
                    ),
                }
            )
        )
    return pa.concat_tables(parts)


def _ceiling(year: Year, months: Months, month: int) -> Ceiling | None:
    """Fail if what the months paid and pay, with what is paid in other ways, is beyond a target.

    Each fund is held against its own, then all against the region's. What region.toml gives in other
    ways is the year's and counts whole (B12).
    """
    region = year.region
    reserves = () if region.ceiling is None else region.ceiling.reserves
    left = {r.name: r.amount_fen for r in reserves}
    text = f"{region.year}-{month:02d}"
    for pool in region.pools:
        if pool.control_target_fen is None:
            continue
        own = [r for r in reserves if r.pool in ("", pool.id)]
        found = check_ceiling(
            _paid_to_date(year, months, month, [pool]),
            pool.control_target_fen,
            [
                Reserve(r.name, left[r.name], inside_target=bool(r.pool) and r.inside_target)
                for r in own
            ],
            where=f"{region.name} {text} {pool.name}",
        )
        for drawn in found.drawn:
            left[drawn.reserve.name] -= drawn.drawn_fen
    if region.ceiling is None:
        return None
    return check_ceiling(
        _paid_to_date(year, months, month, region.pools),
        region.ceiling.target_fen,
        region.ceiling.to_draw(),
        where=f"{region.name} {text}",
        drawn_before={r.name: r.amount_fen - left[r.name] for r in reserves},
    )


def _paid_to_date(year: Year, months: Months, month: int, pools: Sequence[Pool]) -> list[Payment]:
    """Return what the months paid of some pools, and what is paid in other ways."""
    region, ids = year.region, {pool.id for pool in pools}
    text = f"{region.year}-{month:02d}"
    own = [a for a in months.accounts if a.pool in ids]
    before = sum(a.paid_fen for a in own if a.month < month)
    payments = [Payment(DRG, sum(a.paid_fen for a in own if a.month == month), text)]
    if month > 1:
        first, last = f"{region.year}-01", f"{region.year}-{month - 1:02d}"
        payments.insert(0, Payment(DRG, before, first if month == 2 else f"{first} – {last}"))
    if year.policy["out_of_area"] == "inside_budget":
        payments.append(Payment(OUT_OF_AREA, sum(pool.out_of_area_fund_fen for pool in pools)))
    return payments + [Payment(OTHER, p.amount_fen, p.name) for p in other_payments(region, pools)]


# --- identities --------------------------------------------------------------------------------


def by_key(accounts: Sequence[MonthAccount]) -> dict[Key, list[MonthAccount]]:
    """Return the months of each hospital and pool."""
    found: dict[Key, list[MonthAccount]] = {}
    for a in accounts:
        found.setdefault((a.hospital_id, a.pool), []).append(a)
    return found


def year_sums(year: Year) -> Mapping[Key, Sums]:
    """Return what the cases of each hospital and pool add up to, of a scored or a settled year."""
    hospitals = getattr(year, "hospitals", None)
    if hospitals is not None or year.totals is None:
        return {(h.hospital_id, h.pool): h.sums for h in hospitals or ()}
    return year.totals.sums(year.region)


SUMS = (
    ("cases", both("病例数", "cases"), "cases", "cases"),
    ("points", both("点数（含冲正）", "points with corrections"), "points", "points"),
    ("fund_fen", both("统筹基金记账 F", "recorded fund F"), "fen", "recorded_fund_fen"),
    ("not_pool_fen", both("非统筹支付 N", "not-pool payments N"), "fen", "not_pool_fen"),
    ("n_fen", both("按点数病例的非统筹支付", "not-pool of cases by points"), "fen", "n_fen"),
    ("money_fen", both("点数外应付 M", "due outside of points M"), "fen", "money_fen"),
)


def tie_out(year: Year, months: Months, corrections: pa.Table) -> tuple[Tie, ...]:
    """Fail if the months are not the year: budgets, cases, points, F, N, M, prepayments.

    Each hospital and pool is compared at zero tolerance; what is returned are the pools' sums.
    Prepayments are compared with a settled year alone; where prepaid.csv gives them, a difference
    is shown. Nothing that was not compared has a row.
    """
    region, policy = year.region, year.policy
    sums = year_sums(year)
    own = by_key(months.accounts)
    computed = own if months.recomputed is None else by_key(months.recomputed)
    ties: list[Tie] = []
    for name, _, members in settled_together(region, policy):
        ids = {pool.id for pool in members}
        budget = available_budget(
            sum(pool.budget_fen for pool in members),
            sum(pool.out_of_area_fund_fen for pool in members),
            policy,
        )
        rows = [p for p in months.pools if p.pool == name]
        ties.append(
            Tie(both("预算 B", "budget B"), name, "fen", sum(p.budget_fen for p in rows),
                budget.available_fen)
        )  # fmt: skip
        keys = [key for key in sorted({*sums, *own}) if key[1] in ids]
        for attribute, text, unit, of_year in SUMS:
            pairs = [
                (
                    sum(getattr(a, attribute) for a in own.get(key, ())),
                    getattr(sums[key], of_year) if key in sums else 0,
                )
                for key in keys
            ]
            ties += _tie(text, name, unit, keys, pairs)
            of_pools = sum(getattr(p, attribute) for p in rows)
            if of_pools != ties[-1].months:
                _differ(text, name, of_pools, ties[-1].months)
        ties += _payments(year, name, keys, own, computed)
    _check_corrections(months, corrections)
    _each_equal(ties)
    return tuple(ties)


def _tie(
    name: Bilingual, pool: str, unit: str, keys: Sequence[Key], pairs: Sequence[tuple[int, int]]
) -> list[Tie]:
    """Return the sums of pairs as one row; fail at the first pair that differs."""
    for key, (months, expected) in zip(keys, pairs, strict=True):
        if months != expected:
            _differ(name, "、".join(key), months, expected)
    return [Tie(name, pool, unit, sum(a for a, _ in pairs), sum(b for _, b in pairs))]


def _payments(
    year: Year,
    pool: str,
    keys: Sequence[Key],
    own: Mapping[Key, Sequence[MonthAccount]],
    computed: Mapping[Key, Sequence[MonthAccount]],
) -> list[Tie]:
    """Hold the months' payments against the year end's prepayments and deposits.

    `computed`: the months as today's cases give them. What was really paid comes to the same, but
    for what is still to be set off.
    """
    region, policy = year.region, year.policy
    ratio = Fraction(policy["prepay_ratio"])
    by_fund = policy["prepay_basis"] == "recorded_fund"
    ties = []
    if by_fund:
        pairs = [
            (
                sum(a.payment_fen for a in computed.get(key, ())),
                round_half_away(ratio * sum(a.fund_fen for a in own.get(key, ()))),
            )
            for key in keys
        ]
        text = both("预付（含暂停）= 比例 × F", "prepaid with suspended = ratio x F")
        ties += _tie(text, pool, "fen", keys, pairs)
    really = {key: sum(a.paid_fen for a in own.get(key, ())) for key in keys}
    today = {key: sum(a.paid_fen for a in computed.get(key, ())) for key in keys}
    if own is not computed:
        pairs = [
            (
                really[key]
                - sum(a.setoff_after_fen - a.setoff_before_fen for a in own.get(key, ())),
                today[key],
            )
            for key in keys
        ]
        text = both(
            "实付累计 − 尚待冲抵 = 按现有病例应实付",
            "paid to date - still to be set off = what today's cases give",
        )
        ties += _tie(text, pool, "fen", keys, pairs)
    left = {p.pool for p in getattr(year, "pools", ()) if p.solution == NO_POINTS}
    hospitals = {
        (h.hospital_id, h.pool): h for h in getattr(year, "hospitals", ()) if h.pool not in left
    }
    by_policy = [key for key in keys if key in hospitals and key not in region.prepaid]
    given = [key for key in keys if key in hospitals and key in region.prepaid]
    if by_policy:
        paid = [(today[key], hospitals[key].prepaid_fen) for key in by_policy]
        text = both("实付合计 = 年终已预付", "really paid = prepaid of the year end")
        ties += _tie(text, pool, "fen", by_policy, paid)
    if given:
        text = both("实付合计与 prepaid.csv 的已预付", "really paid beside what prepaid.csv says")
        ties.append(
            Tie(text, pool, "fen", sum(really[key] for key in given),
                sum(hospitals[key].prepaid_fen for key in given), given=True)
        )  # fmt: skip
    if by_policy and not by_fund:
        kept = [
            (sum(a.kept_fen for a in computed.get(key, ())), hospitals[key].deposit_fen)
            for key in by_policy
        ]
        ties += _tie(both("年终保证金", "deposit of the year end"), pool, "fen", by_policy, kept)
    return ties


def _check_corrections(months: Months, corrections: pa.Table) -> None:
    """Fail if the listed correction entries are not the months' correction points."""
    listed = sum(int(x * POINT) for x in corrections["correction_points"].to_pylist())
    counted = sum(a.correction for a in months.accounts)
    if listed != counted:
        _differ(both("冲正点数", "correction points"), "", listed, counted)


def _each_equal(ties: Sequence[Tie]) -> None:
    for tie in ties:
        if tie.months != tie.expected and not tie.given:
            _differ(tie.name, tie.pool, tie.months, tie.expected)


def _differ(name: Bilingual, where: str, months: int, expected: int) -> NoReturn:
    raise BooksError(
        both(
            f"{where} {name.chinese}：各月合计 {months}，应为 {expected}",
            f"{where} {name}: the months add up to {months}, not {expected}",
        )
    )
