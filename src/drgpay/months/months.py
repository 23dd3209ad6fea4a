"""A month's run: what the months before paid, the ceiling to date, and the months held against the year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.budget.ceiling import DRG, OTHER, OUT_OF_AREA, Ceiling, Payment, Reserve, check_ceiling
from drgpay.budget.pool import available_budget
from drgpay.ground.arrow import decimal_column, dictionary_column
from drgpay.ground.errors import Bilingual, BooksError, both
from drgpay.ground.money import POINT, round_half_away
from drgpay.months.orders import Orders
from drgpay.points.kernels import MONEY, POINTS
from drgpay.policy import YearPolicy
from drgpay.region.records import Pool, Region, other_payments
from drgpay.region.together import settled_together
from drgpay.settlement.by_month import (
    MONTHS,
    Adjustment,
    MonthAccount,
    MonthPool,
    Months,
    months_of,
)
from drgpay.settlement.facts import month_in_year
from drgpay.settlement.point_value import NO_POINTS, Key, Sums
from drgpay.settlement.year_end import ScoredYear, YearEnd

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
        pool.id: name
        for name, _, members in settled_together(region.pools, policy)
        for pool in members
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


@dataclass(frozen=True, slots=True)
class Tie:
    """A sum of the months and what it has to be; `unit` is fen, points (1/10,000) or cases.

    `given`: the other side comes from prepaid.csv; a difference is shown, not refused. `whole`: of
    all twelve months in every run; others go as far as the run's month.
    """

    name: Bilingual
    pool: str
    unit: str
    months: int
    expected: int
    given: bool = False
    whole: bool = False


@dataclass(frozen=True)
class MonthRun:
    """The months of a year up to `month`; with `every` all twelve, tied out with the year end.

    `orders`: what the months before really paid; without it they are computed from today's cases.
    """

    year: ScoredYear
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


def month_run(year: ScoredYear, month: int, orders: Orders | None = None) -> MonthRun:
    """Return the run of one month, with the months before it.

    `year`: a scored year of the cases up to the month's end, or a settled one. `orders`: what the
    months before really paid. Raises BooksError when the months do not add up to the year,
    InputError when the ceiling is passed.
    """
    return _run(year, month, every=False, orders=orders)


def all_months(year_end: YearEnd) -> MonthRun:
    """Return all twelve months of a settled year, held against the year end at zero tolerance."""
    return _run(year_end, MONTHS, every=True)


def _run(year: ScoredYear, month: int, *, every: bool, orders: Orders | None = None) -> MonthRun:
    named = () if orders is None else orders.keys
    months = months_of(year.region, year.policy, year.totals.by_month, named)
    if orders is not None:
        months = with_orders(months, orders, year.region, year.policy)
    corrections = corrections_table(year, month)
    ties = tie_out(year, months, corrections if every else corrections_table(year, MONTHS))
    ceiling = _ceiling(year, months, month)
    return MonthRun(year, month, every, months, corrections, ties, ceiling, orders)


def paid_cases_table(year: ScoredYear, through: int) -> pa.Table:
    """Return the cases by points or money of the months up to one, in the order of cases.

    One row a case: hospital, case, the month in which it counts. Held ones are not among them.
    """
    hospitals = [h.id for h in year.region.hospitals]
    names = [f"{year.region.year}-{m:02d}" for m in range(1, MONTHS + 1)]
    parts = []
    for p in year.pieces:
        months = month_in_year(p.facts.key_day, year.region.year)
        rows = np.flatnonzero(((p.paid_by == POINTS) | (p.paid_by == MONEY)) & (months < through))
        parts.append(
            pa.table(
                {
                    "hospital_id": dictionary_column(hospitals, p.facts.hospital[rows]),
                    "case_id": p.case_id.take(pa.array(rows)).cast(pa.string()),
                    "month": dictionary_column(names, months[rows]),
                }
            )
        )
    return pa.concat_tables(parts)


def corrections_table(year: ScoredYear, through: int) -> pa.Table:
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


def _ceiling(year: ScoredYear, months: Months, month: int) -> Ceiling | None:
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


def _paid_to_date(
    year: ScoredYear, months: Months, month: int, pools: Sequence[Pool]
) -> list[Payment]:
    """Return what the months paid of some pools, and what is paid in other ways."""
    region, ids = year.region, {pool.id for pool in pools}
    text = f"{region.year}-{month:02d}"
    own = [a for a in months.accounts if a.pool in ids]
    before = sum(a.paid_fen for a in own if a.month < month)
    payments = [Payment(DRG, sum(a.paid_fen for a in own if a.month == month), text)]
    if month > 1:
        first, last = f"{region.year}-01", f"{region.year}-{month - 1:02d}"
        payments.insert(0, Payment(DRG, before, first if month == 2 else f"{first} – {last}"))
    if year.policy.says("out_of_area", "inside_budget", "deducted"):
        payments.append(Payment(OUT_OF_AREA, sum(pool.out_of_area_fund_fen for pool in pools)))
    return payments + [Payment(OTHER, p.amount_fen, p.name) for p in other_payments(region, pools)]


def by_key(accounts: Sequence[MonthAccount]) -> dict[Key, list[MonthAccount]]:
    """Return the months of each hospital and pool."""
    found: dict[Key, list[MonthAccount]] = {}
    for a in accounts:
        found.setdefault((a.hospital_id, a.pool), []).append(a)
    return found


def year_sums(year: ScoredYear) -> Mapping[Key, Sums]:
    """Return what the cases of each hospital and pool add up to, of a scored or a settled year."""
    hospitals = getattr(year, "hospitals", None)
    if hospitals is not None:
        return {(h.hospital_id, h.pool): h.sums for h in hospitals}
    return year.totals.sums(year.region)


SUMS = (
    ("cases", both("病例数", "cases"), "cases", "cases"),
    ("points", both("点数（含冲正）", "points with corrections"), "points", "points"),
    ("fund_fen", both("统筹基金记账 F", "recorded fund F"), "fen", "recorded_fund_fen"),
    ("not_pool_fen", both("非统筹支付 N", "not-pool payments N"), "fen", "not_pool_fen"),
    ("n_fen", both("按点数病例的非统筹支付", "not-pool of cases by points"), "fen", "n_fen"),
    ("money_fen", both("点数外应付 M", "due outside of points M"), "fen", "money_fen"),
)


def tie_out(year: ScoredYear, months: Months, corrections: pa.Table) -> tuple[Tie, ...]:
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
    for name, _, members in settled_together(region.pools, policy):
        ids = {pool.id for pool in members}
        budget = available_budget(
            sum(pool.budget_fen for pool in members),
            sum(pool.out_of_area_fund_fen for pool in members),
            policy,
        )
        rows = [p for p in months.pools if p.pool == name]
        ties.append(
            Tie(both("预提之前的预算 B", "budget B before provisions"), name, "fen",
                sum(p.budget_fen for p in rows), budget.available_fen, whole=True)
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
    year: ScoredYear,
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
    by_fund = policy.says("prepay_basis", "recorded_fund", "month_value")
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
