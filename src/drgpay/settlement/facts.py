"""The settlement columns of cases: read, checked, quarantined where they cannot be settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.checks.facts import WAYS
from drgpay.cases.encode import Faults
from drgpay.ground.errors import InputError, both
from drgpay.grouper.check import WANTED as CHECKED
from drgpay.grouper.check import months_of
from drgpay.names.columns import GROUPING_MORE
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.settlement.doubts import conflicts, doubts_of

ALWAYS = tuple(
    dict.fromkeys(
        (*CHECKED, "patient_id", "pool", "settlement_date", "payment_mode", "bed_day_class",
         "discharge_way", "planned_readmission")
    )
)  # fmt: skip
HISTORY_WANTED = (
    "case_id",
    "sex",
    "age_years",
    "age_days",
    "birth_weight_g",
    "admission_date",
    "discharge_date",
    "settlement_date",
    "hospital_id",
    "patient_id",
    "pool",
    "pool_fund",
    "personal_paid",
    "los_days",
    "icu",
    *GROUPING_MORE,
    "diagnoses",
    "procedures",
    "total_cost",
    "payment_mode",
    "bed_day_class",
    "code_system",
    "refund",
)


NOT_GIVEN, UNREADABLE = -1, -2  # of a deductible, which changes no amount


def one_stay(policy: YearPolicy) -> bool:
    """Whether the stays of a referral inside a community count as one (rule 7, C6)."""
    return policy.says("referral.rule", "one_stay", "separate")


def wanted(policy: YearPolicy) -> tuple[str, ...]:
    """Return the columns of cases that a settlement under a policy reads."""
    more = []
    if policy.says("not_pool", "personal", "all"):
        more.append("personal_paid")
    if one_stay(policy):
        more += ["referral_group", "deductible"]
    return (*ALWAYS, *more)


@dataclass(frozen=True)
class Facts:
    """The settlement columns of N cases as arrays; money in fen, dates in days since 1970.

    `key_day` is the day by which a case belongs to a year and a month; `personal` stands only
    where the policy counts personal payments instead of all that the pool did not pay, `apart`
    (cost of new technology, not counted for class and points) where some case has any.
    """

    hospital: NDArray[np.int32]
    pool: NDArray[np.int8]
    admission: NDArray[np.int32]
    discharge: NDArray[np.int32]
    key_day: NDArray[np.int32]
    days: NDArray[np.int32]
    cost: NDArray[np.int64]
    fund: NDArray[np.int64]
    day_surgery: NDArray[np.bool_]
    bed_class: NDArray[np.int16]
    way: NDArray[np.int8]
    planned: NDArray[np.bool_]
    personal: NDArray[np.int64] | None = None
    doubt: NDArray[np.uint8] | None = None  # findings that may hold a case (doubts.py), as bits
    apart: NDArray[np.int64] | None = None

    @property
    def counted(self) -> NDArray[np.int64]:
        """The cost that class and points go by, in fen."""
        return self.cost if self.apart is None else self.cost - self.apart

    @property
    def not_pool(self) -> NDArray[np.int64]:
        """What the pool did not pay, as the policy counts it, in fen."""
        return self.cost - self.fund if self.personal is None else self.personal


def deductibles(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return deductibles in fen, NOT_GIVEN where empty, UNREADABLE where no amount from 0."""
    values, bad = parse.money(column)
    out = np.where(values < 0, UNREADABLE, values)
    out = np.where(values == parse.MISSING_MONEY, NOT_GIVEN, out)
    return np.where(bad, UNREADABLE, out).astype(np.int64)


def year_bounds(year: int) -> tuple[int, int]:
    """Return the first and last day of a year in days since 1970."""
    first = np.datetime64(f"{year}-01-01", "D").astype(int)
    after = np.datetime64(f"{year + 1}-01-01", "D").astype(int)
    return int(first), int(after) - 1


def month_in_year(days: NDArray[np.int32], year: int) -> NDArray[np.int8]:
    """Return the month of a year, 0 to 11, of days since 1970; days outside go to its ends."""
    months = months_of(days).astype(np.int32) - (year - 1900) * 12
    return np.clip(months, 0, 11).astype(np.int8)


class CaseReader:
    """Reads the settlement columns of a piece and quarantines what cannot be settled."""

    def __init__(self, region: Region, policy: YearPolicy, years: tuple[int, int]) -> None:
        self.hospitals = {h.id: i for i, h in enumerate(region.hospitals)}
        self.pools = {p.id: i for i, p in enumerate(region.pools)}
        self.bed_classes = {name: i for i, name in enumerate(bed_classes(region))}
        self.has_rate = _has_rate(region, self.bed_classes)  # [H + 1, B]
        self.policy = policy
        self.personal = policy.says("not_pool", "personal", "all")
        self.first_day = year_bounds(years[0])[0]
        self.last_day = year_bounds(years[1])[1]

    def read(self, faults: Faults, *, history: bool = False) -> Facts:
        """Return the facts of the piece in `faults`; its bad rows are noted there.

        History needs no pool, hospital or fund, and its rows of other years are no fault: they
        come out with cost 0.
        """
        table, count = faults.table, len(faults.table)
        admission = self._date(faults, "admission_date")
        discharge = self._date(faults, "discharge_date")
        settled, bad = (
            parse.dates(table["settlement_date"])
            if "settlement_date" in table.column_names
            else (np.full(count, parse.MISSING_DATE, np.int32), np.zeros(count, np.bool_))
        )
        faults.add(bad, "settlement_date", "date_invalid")
        faults.add(discharge < admission, "discharge_date", "dates_reversed")
        refund = np.zeros(count, np.bool_)
        if "refund" in table.column_names:
            refunds, bad = parse.flags(table["refund"])
            refund = refunds == 1
            faults.add(bad, "refund", "flag_invalid")
            faults.add(refund, "refund", "refund_not_netted")
        cost = self._money(faults, "total_cost")
        if not cost.all():
            amounts = parse.money(table["total_cost"])[0]
            refund = refund | ((amounts < 0) & (amounts != parse.MISSING_MONEY))
        given = given_days(table)
        days = stay_days(self.policy, given, admission, discharge)
        faults.stay_days = days
        mode, bed_class = self._modes(faults, days, history)
        key = self._key(discharge, settled)
        outside = (key < self.first_day) | (key > self.last_day)
        way = np.zeros(count, np.int8)
        if "discharge_way" in table.column_names:
            way = np.maximum(parse.choices(table["discharge_way"], WAYS, 0)[0], 0).astype(np.int8)
        planned = np.zeros(count, np.bool_)
        if "planned_readmission" in table.column_names:
            planned = parse.planned(table["planned_readmission"])[0] == 1
        if history:
            cost = np.where(outside, 0, cost)
            hospital, pool, fund, personal = self._of_past(table, cost)
        else:
            by_settlement = key != discharge  # otherwise the discharge date shows it, too
            faults.add(outside & by_settlement, "settlement_date", "outside_year")
            faults.add(outside & ~by_settlement, "discharge_date", "outside_year")
            hospital = self._lookup(faults, "hospital_id", self.hospitals, "hospital_unknown")
            pool = self._lookup(faults, "pool", self.pools, "pool_unknown")
            fund = self._money(faults, "pool_fund")
            faults.add(fund > cost, "pool_fund", "fund_above_cost")
            personal = self._personal(faults, cost) if self.personal else None
            none = (bed_class >= 0) & ~self.has_rate[hospital, np.maximum(bed_class, 0)]
            faults.add(none & (hospital >= 0), "bed_day_class", "bed_day_rate_missing")
        return Facts(
            hospital=hospital.astype(np.int32),
            pool=pool.astype(np.int8),
            admission=admission,
            discharge=discharge,
            key_day=key.astype(np.int32),
            days=days,
            cost=cost,
            fund=fund,
            day_surgery=mode == 1,
            bed_class=bed_class,
            way=way,
            planned=planned,
            personal=personal,
            doubt=None
            if history
            else doubts_of(table, admission, discharge, settled, given, mode, refund),
        )

    def _key(self, discharge: NDArray[np.int32], settled: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the day by which a case belongs to a year and a month (rule 1)."""
        if not self.policy.says("year_key", "setl_end_date", "discharge_date"):
            return discharge
        return np.where(settled == parse.MISSING_DATE, discharge, settled)

    def later_than(self, table: pa.Table, last_day: int) -> NDArray[np.bool_]:
        """Return which rows have a readable day of rule 1 after a day since 1970."""
        discharge, bad = parse.dates(table["discharge_date"])
        settled = np.full(len(table), parse.MISSING_DATE, np.int32)
        if "settlement_date" in table.column_names:
            settled, unread = parse.dates(table["settlement_date"])
            bad = bad | unread
        key = self._key(discharge, settled)
        return np.asarray(~bad & (key != parse.MISSING_DATE) & (key > last_day))

    def _of_past(
        self, table: pa.Table, cost: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]:
        """Return hospital, pool, fund and personal payments of past cases; what they lack is -1, or
        no money.
        """

        def place(name: str, known: Mapping[str, int]) -> NDArray[np.int64]:
            if name not in table.column_names:
                return np.full(len(table), -1, np.int64)
            return indexed(table[name], known, -1)[0]

        def money(name: str) -> NDArray[np.int64] | None:
            if name not in table.column_names:
                return None
            values, bad = parse.money(table[name])
            return np.where(bad | (values < 0), 0, np.minimum(values, cost))

        fund = money("pool_fund")
        return (
            place("hospital_id", self.hospitals),
            place("pool", self.pools),
            np.zeros(len(table), np.int64) if fund is None else fund,
            money("personal_paid") if self.personal else None,
        )

    def _personal(self, faults: Faults, cost: NDArray[np.int64]) -> NDArray[np.int64]:
        if "personal_paid" not in faults.table.column_names:
            raise InputError(
                both("缺少列：个人支付（personal_paid）", "missing column: personal_paid"),
                where=faults.file,
                remedy=both(
                    "政策 not_pool = personal 需要它；补上此列，或改用 not_pool = all",
                    "the policy's not_pool = personal needs it; add it, or use not_pool = all",
                ),
            )
        personal = self._money(faults, "personal_paid")
        faults.add(personal > cost, "personal_paid", "personal_above_cost")
        return personal

    def _date(self, faults: Faults, name: str) -> NDArray[np.int32]:
        values, bad = parse.dates(faults.table[name])
        faults.add(bad | (values == parse.MISSING_DATE), name, "date_invalid")
        return values

    def _money(self, faults: Faults, name: str) -> NDArray[np.int64]:
        values, bad = parse.money(faults.table[name])
        missing = bad | (values == parse.MISSING_MONEY)
        faults.add(missing, name, "money_invalid")
        faults.add(~missing & (values < 0), name, "money_negative")
        return np.where(missing | (values < 0), 0, values)

    def _modes(
        self, faults: Faults, days: NDArray[np.int32], history: bool
    ) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
        """Return payment mode (0 drg, 1 day surgery, 2 bed-day) and bed-day class (-1 none)."""
        table, count = faults.table, len(days)
        mode = np.zeros(count, dtype=np.int8)
        if "payment_mode" in table.column_names:
            names = {"": 0, "drg": 0, "day_surgery": 1, "bed_day": 2}
            mode, bad = parse.choices(table["payment_mode"], names, 0)
            faults.add(bad, "payment_mode", "payment_mode_unknown")
        none, missing_rate = -1, -2
        bed_class = np.full(count, none, dtype=np.int16)
        if "bed_day_class" in table.column_names:
            known = {"": none, **self.bed_classes}
            values, unknown = indexed(table["bed_day_class"], known, none)
            bed_class = np.where(unknown, missing_rate, values).astype(np.int16)
        limit = self.policy["long_stay.days"]
        if limit is not None:
            long = (bed_class == none) & (days > limit)
            if self.policy.says("long_stay.rule", "bed_day", "by_item"):
                own = self.bed_classes.get(self.policy["long_stay.class"], missing_rate)
                bed_class = np.where(long, own, bed_class).astype(np.int16)
            elif history:  # takes no part in base points either
                bed_class = np.where(long, 0, bed_class).astype(np.int16)
            else:
                mode = np.where(long & (mode == 2), 0, mode).astype(np.int8)
        if not history:
            nameless = (mode == 2) & (bed_class == none)
            faults.add(nameless, "bed_day_class", "bed_day_class_missing")
            faults.add(bed_class == missing_rate, "bed_day_class", "bed_day_rate_missing")
        else:
            # a bed-day case of the past takes no part, whatever its class
            bed_class = np.where((bed_class != none) | (mode == 2), 0, none).astype(np.int16)
        return mode, bed_class

    def _lookup(
        self, faults: Faults, name: str, known: Mapping[str, int], reason: str
    ) -> NDArray[np.int64]:
        values, unknown = indexed(faults.table[name], known, -1)
        faults.add(unknown | (values < 0), name, reason)
        return values


def given_days(table: pa.Table) -> NDArray[np.int32]:
    """Return the days of the stay that cases give, -1 where none."""
    if "los_days" not in table.column_names:
        return np.full(len(table), -1, np.int32)
    return np.maximum(parse.counts(table["los_days"])[0], -1).astype(np.int32)


def stay_days(
    policy: YearPolicy,
    given: NDArray[np.int32],
    admission: NDArray[np.int32],
    discharge: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Return the days of the stay: those given, else by the dates (rule 2, `los_conflict`)."""
    known = (admission != parse.MISSING_DATE) & (discharge != parse.MISSING_DATE)
    days = np.where(known, discharge.astype(np.int64) - admission, 0)
    if policy.says("los_convention", "plus_one", "difference"):
        days = np.where(known, days + 1, days)
    days = np.clip(days, 0, parse.MAX_COUNT)
    taken = given >= 0
    if policy.says("los_conflict", "dates", "hold", "given"):
        wrong = np.zeros(len(given), np.bool_)
        conflicts(admission, discharge, given, wrong)
        taken &= ~wrong
    return np.where(taken, given, days).astype(np.int32)


def indexed(
    column: pa.ChunkedArray, known: Mapping[str, int], missing: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the number of each text, and which texts are not known."""
    if column.num_chunks > 1 and pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = parse.flat(array)
    if not pa.types.is_dictionary(array.type):
        array = array.cast(pa.string()).dictionary_encode()
    words = [str(w or "").strip() for w in array.dictionary.cast(pa.string()).to_pylist()]
    table = np.array([known.get(w, missing) for w in words] + [missing], dtype=np.int64)
    strange = np.array([bool(w) and w not in known for w in words] + [False], dtype=np.bool_)
    index = np.asarray(pc.fill_null(array.indices.cast(pa.int64()), len(words)))
    return table[index], strange[index]


def bed_classes(region: Region) -> list[str]:
    """Return the names of the bed-day classes, in the order that numbers them."""
    return sorted({rate.bed_class for rate in region.bed_day_rates})


def _has_rate(region: Region, classes: Mapping[str, int]) -> NDArray[np.bool_]:
    """Return [H + 1, B] whether a class has a rate for a hospital's level; the last row is none."""
    found = np.zeros((len(region.hospitals) + 1, max(len(classes), 1)), dtype=np.bool_)
    levels = {(rate.bed_class, rate.level) for rate in region.bed_day_rates}
    for h, hospital in enumerate(region.hospitals):
        for name, number in classes.items():
            found[h, number] = (name, "") in levels or (name, hospital.level) in levels
    return found


# what only the checks of front pages read, under any policy: such facts are not copied
CHECKED_ONLY = frozenset(
    {"birth_date", "procedure_dates", "ventilator_time", "diagnosis_count",
     "admission_conditions", "procedure_count", "items_total", "other_paid", "own_paid",
     "department", "admission_way", "refund_of"}
)  # fmt: skip


def kept_columns(policy: YearPolicy) -> tuple[str, ...]:
    """Return the columns of cases that a settlement reads and that are copied."""
    return tuple(dict.fromkeys(c for c in wanted(policy) if c not in CHECKED_ONLY))
