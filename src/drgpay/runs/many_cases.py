"""Many cases that no run has settled, read as `OnePricer.read` reads one: in arrays.

Findings and days come from the functions of the settlement. What of other stays, of the patient or
of the day of settlement would hold a case is not known of one case and holds none here, either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.checks.facts import MODES, CaseFacts
from drgpay.cases.encode import Faults
from drgpay.names.reasons import UNPRICED
from drgpay.runs.one_case import SEEN_IN_ONE, OnePricer
from drgpay.settlement.doubts import BIT, doubts_of
from drgpay.settlement.facts import given_days, indexed, stay_days

REASONS = tuple(UNPRICED)  # by the numbers of `why`
_NUMBER = {name: number for number, name in enumerate(REASONS)}
_SEEN = sum(BIT[name] for name in SEEN_IN_ONE)
Rows = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class ManyCases:
    """N cases as the year takes them; money in fen.

    `why` numbers the first of `REASONS` that stands in the way of points, 0 none. `days` are those
    that points go by, `days_known` whether somebody said them. `doubts`: bits of findings that the
    policy lets hold a case.
    """

    why: NDArray[np.int16]
    hospital: NDArray[np.int64]
    pool: list[str | None]
    cost: NDArray[np.int64]
    cost_known: Rows
    due_less: NDArray[np.int64]
    due_known: Rows
    days: NDArray[np.int32]
    days_known: Rows
    day_surgery: Rows
    bed_class: NDArray[np.int16]
    way: NDArray[np.int8]
    doubts: NDArray[np.uint8]


class ManyReader:
    """Reads tables of cases; `hospital`: whose cases alone have points, and whose others are."""

    def __init__(self, one: OnePricer, hospital: str = "") -> None:
        self.one, self.hospital = one, hospital
        self.pools = sorted(one.pools)
        self.bed_classes = one.pricer.bed_classes
        self.has_rate = np.array(one.has_rate or [[False]], dtype=np.bool_)

    def set_days(self, faults: Faults) -> None:
        """Let cases be grouped by the days of their stay as the policy has them."""
        table, dates = faults.table, []
        for name in ("admission_date", "discharge_date"):
            if name in table.column_names:
                dates.append(parse.dates(table[name])[0])
            else:
                dates.append(np.full(len(table), parse.MISSING_DATE, np.int32))
        given = given_days(table)
        known = (given >= 0) | ((dates[0] != parse.MISSING_DATE) & (dates[1] != parse.MISSING_DATE))
        days = stay_days(self.one.pricer.policy, given, *dates)
        faults.stay_days = np.where(known, days, parse.MISSING_COUNT).astype(np.int32)

    def read(self, table: pa.Table, facts: CaseFacts, days: NDArray[np.int32]) -> ManyCases:
        """Return the cases of a table and what they lack, in the order of `OnePricer.read`.

        `days` are those that `set_days` found.
        """
        count, one = len(table), self.one
        why, known = np.zeros(count, np.int16), days != parse.MISSING_COUNT
        mode = self._unreadable(table, facts, why)
        cost_known = (facts.cost != parse.MISSING_MONEY) & (facts.cost >= 0)
        fund_known = (facts.fund != parse.MISSING_MONEY) & (facts.fund >= 0)
        _say(why, ~cost_known, "no_cost")
        _say(why, fund_known & (facts.fund > facts.cost), "fund_above_cost")
        hospital = self._hospitals(table, why)
        pool = self._pools(table, why)
        dated = (facts.admission != parse.MISSING_DATE) & (facts.discharge != parse.MISSING_DATE)
        _say(why, dated & (facts.discharge < facts.admission), "dates_reversed")
        bed_class = self._beds(table, mode, days, hospital, why)
        cost = np.where(cost_known, facts.cost, 0)
        less, less_known = cost - np.where(fund_known, facts.fund, 0), fund_known
        if one.personal:
            less_known = (facts.personal != parse.MISSING_MONEY) & (facts.personal >= 0)
            less = np.where(less_known, facts.personal, 0)
        settled = np.full(count, parse.MISSING_DATE, np.int32)
        doubts = doubts_of(
            table, facts.admission, facts.discharge, settled, given_days(table), mode,
            np.zeros(count, np.bool_),
        )  # fmt: skip
        return ManyCases(
            why=why,
            hospital=hospital,
            pool=pool,
            cost=cost,
            cost_known=cost_known,
            due_less=less,
            due_known=less_known,
            days=np.where(known, days, one.short_days + 1).astype(np.int32),
            days_known=known,
            day_surgery=mode == 1,
            bed_class=bed_class,
            way=np.maximum(facts.discharge_way, 0).astype(np.int8),
            doubts=doubts & np.uint8(_SEEN & one.pricer.rules.hold),
        )

    def _unreadable(
        self, table: pa.Table, facts: CaseFacts, why: NDArray[np.int16]
    ) -> NDArray[np.int8]:
        """Note cells that say something else than their column holds; return modes of payment."""
        wrong = facts.unreadable
        negative = (facts.cost < 0) & (facts.cost != parse.MISSING_MONEY)
        _say(why, wrong.get("total_cost", False) | negative, "cost_invalid")
        negative = (facts.fund < 0) & (facts.fund != parse.MISSING_MONEY)
        _say(why, wrong.get("pool_fund", False) | negative, "fund_invalid")
        for name in ("admission_date", "discharge_date"):
            _say(why, wrong.get(name, False), "date_invalid")
        if "payment_mode" not in table.column_names:
            return np.zeros(len(table), np.int8)
        mode, strange = parse.choices(table["payment_mode"], {"": 0, **MODES}, 0)
        _say(why, strange, "payment_mode_unknown")
        return np.asarray(mode, dtype=np.int8)

    def _hospitals(self, table: pa.Table, why: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return the run's number of each case's hospital; -1 where there is none."""
        hospitals = self.one.pricer.hospitals
        numbers, strange = _found(table, "hospital_id", hospitals, -1)
        if not self.hospital:
            _say(why, strange, "hospital_unknown")
            _say(why, numbers < 0, "no_hospital")
            return numbers
        own = hospitals.get(self.hospital, -1)
        numbers = np.where((numbers < 0) & ~strange, own, numbers)
        _say(why, strange | (numbers != own), "other_hospital")
        _say(why, numbers < 0, "hospital_unknown")
        return numbers

    def _pools(self, table: pa.Table, why: NDArray[np.int16]) -> list[str | None]:
        known = {name: number for number, name in enumerate(self.pools)}
        numbers, strange = _found(table, "pool", known, -1)
        if len(self.pools) == 1:
            numbers = np.where(strange, -1, 0)
        _say(why, strange, "pool_unknown")
        _say(why, numbers < 0, "no_pool")
        return [None if number < 0 else self.pools[number] for number in numbers.tolist()]

    def _beds(
        self,
        table: pa.Table,
        mode: NDArray[np.int8],
        days: NDArray[np.int32],
        hospital: NDArray[np.int64],
        why: NDArray[np.int16],
    ) -> NDArray[np.int16]:
        """Return the run's number of each case's class of bed-days, -1 none; `days` -1 unknown."""
        one = self.one
        numbers, strange = _found(table, "bed_day_class", self.bed_classes, -1)
        by_item = np.zeros(len(table), np.bool_)
        if one.long_days is not None:
            long = (numbers < 0) & ~strange & (days > int(one.long_days))
            if one.long_by_day:
                numbers = np.where(long, self.bed_classes.get(str(one.long_class), -1), numbers)
                strange = strange | (long & (numbers < 0))
            else:
                by_item = long
        _say(why, (mode == 2) & (numbers < 0) & ~strange & ~by_item, "bed_day_class_missing")
        rated = self.has_rate[np.maximum(hospital, 0), np.maximum(numbers, 0)]
        _say(why, strange | ((numbers >= 0) & (hospital >= 0) & ~rated), "bed_day_rate_missing")
        _say(why, (numbers >= 0) & (days < 0), "no_days")
        return numbers.astype(np.int16)


def _found(
    table: pa.Table, name: str, known: dict[str, int], missing: int
) -> tuple[NDArray[np.int64], Rows]:
    """Return the number of each word of a column, and which words there are not."""
    if name not in table.column_names:
        return np.full(len(table), missing, np.int64), np.zeros(len(table), np.bool_)
    return indexed(table[name], known, missing)


def _say(why: NDArray[np.int16], rows: Any, name: str) -> None:
    """Note why some cases have no points, the first reason of each."""
    why[np.asarray(rows, dtype=np.bool_) & (why == 0)] = _NUMBER[name]
