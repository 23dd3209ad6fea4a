"""One case that no run has settled, as a settled year would take it, priced in any group.

What is said of the case is read by the rules of docs/rules.md, 2, 6 and 7: days by policy, long
stays, classes of bed-days, modes of payment, findings that hold a case. Other stays of the patient
(readmission, referral), a review to come, violations and new technology are not known of one case.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.cases.checks.run import CheckSettings
from drgpay.cases.parse import MAX_COUNT
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import POINT, divide_rounded
from drgpay.grouper.changes import Price
from drgpay.grouper.outcome import UNGROUPABLE
from drgpay.names.columns import CODED
from drgpay.names.reasons import UNPRICED
from drgpay.points.kernels import BED_DAY, HELD, MONEY
from drgpay.region.together import ids_in
from drgpay.runs.pricing import Pricer
from drgpay.settlement.doubts import BIT
from drgpay.settlement.facts import Facts
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY, Reviews, score

# findings that one case shows by itself, of those by which a policy may hold it
SEEN_IN_ONE = ("day_surgery_with_long_stay", "stay_against_dates")


class Lack(NamedTuple):
    """Why a case has no points: what is not said, not known, or would be quarantined."""

    code: str
    text: Bilingual


class Priced(NamedTuple):
    """What a case earns in a group, and what it is paid by: points, money, or held."""

    price: Price
    paid_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCase:
    """A case as the year takes it; `days` None where neither days nor dates are said.

    `doubts`: findings by which the policy holds the case until somebody has looked at it.
    """

    hospital: int
    pool: str
    cost: int
    days: int | None
    day_surgery: bool
    bed_class: int
    way: int
    doubts: tuple[str, ...]


class OnePricer:
    """Reads and prices single cases by a settled run; may be asked on any thread."""

    def __init__(self, pricer: Pricer) -> None:
        self.pricer, policy = pricer, pricer.policy
        self.pools = {own for p in pricer.manifest["pools"] for own in ids_in(str(p["pool"]))}
        self.dates_win = policy.says("los_conflict", "dates", "hold", "given")
        self.plus_one = policy.says("los_convention", "plus_one", "difference")
        self.personal = policy.says("not_pool", "personal", "all")
        self.long_days = policy["long_stay.days"]
        self.long_by_day = policy.says("long_stay.rule", "bed_day", "by_item")
        self.long_class = policy["long_stay.class"]
        short = policy["short_stay.days"]
        self.short_days = -1 if short is None else int(short)
        bands = pricer.rules.beds.bands_of
        self.has_rate = (bands[:, :, 0] < bands[:, :, 1]).tolist() if bands.size else []
        self._buffers = threading.local()

    @property
    def only_pool(self) -> str | None:
        """The region's pool where it has but one."""
        return next(iter(self.pools)) if len(self.pools) == 1 else None

    def stay_days(
        self, given: int | None, admission: dt.date | None, discharge: dt.date | None
    ) -> int | None:
        """Return the days of a stay: those given, else by the dates (rule 2, `los_conflict`)."""
        known = admission is not None and discharge is not None
        if given is not None and not (self.dates_win and known):
            return given
        if admission is None or discharge is None:
            return None
        stay = (discharge - admission).days
        if given is not None and (stay < 0 or given in (stay, stay + 1)):
            return given
        return min(max(stay + self.plus_one, 0), MAX_COUNT)

    def read(
        self,
        *,
        hospital_id: str | None,
        pool: str | None,
        cost_fen: int | None,
        fund_fen: int | None = None,
        los_days: int | None = None,
        admission_date: dt.date | None = None,
        discharge_date: dt.date | None = None,
        payment_mode: str | None = None,
        bed_day_class: str | None = None,
        discharge_way: str | None = None,
    ) -> OneCase | list[Lack]:
        """Return a case as the year would take it, or all that stands in the way of its points."""
        lacks: list[Lack] = []
        pool = pool or self.only_pool
        own = None if hospital_id is None else self.pricer.hospitals.get(hospital_id)
        if cost_fen is None:
            lacks.append(_lack("no_cost"))
        elif fund_fen is not None and fund_fen > cost_fen:
            lacks.append(_lack("fund_above_cost"))
        if hospital_id is None:
            lacks.append(_lack("no_hospital"))
        elif own is None:
            lacks.append(_lack("hospital_unknown"))
        if pool is None:
            lacks.append(_lack("no_pool", sorted(self.pools)))
        elif pool not in self.pools:
            lacks.append(_lack("pool_unknown", sorted(self.pools)))
        stay = None
        if admission_date is not None and discharge_date is not None:
            stay = (discharge_date - admission_date).days
            if stay < 0:
                lacks.append(_lack("dates_reversed"))
        days = self.stay_days(los_days, admission_date, discharge_date)
        bed_class, lack = self._bed_class(days, payment_mode, bed_day_class, own)
        if lack is not None:
            lacks.append(lack)
        if lacks or own is None or pool is None or cost_fen is None:
            return lacks
        return OneCase(
            hospital=own,
            pool=pool,
            cost=cost_fen,
            days=days,
            day_surgery=payment_mode == "day_surgery",
            bed_class=bed_class,
            way=CODED["discharge_way"].get(discharge_way or "", 0),
            doubts=self._doubts(payment_mode, los_days, stay),
        )

    def _bed_class(
        self, days: int | None, mode: str | None, name: str | None, hospital: int | None
    ) -> tuple[int, Lack | None]:
        """Return the class of bed-days that pays a case, -1 none, or why none can be told."""
        long = self.long_days is not None and not name and (days or 0) > self.long_days
        if long and self.long_by_day:
            name = self.long_class
        elif long:
            return -1, None  # by item, whatever its mode
        if not name:
            return -1, _lack("bed_day_class_missing") if mode == "bed_day" else None
        found = self.pricer.bed_classes.get(name)
        if found is None or (hospital is not None and not self.has_rate[hospital][found]):
            classes = sorted(self.pricer.bed_classes)
            return -1, _lack("bed_day_rate_missing", classes)
        if days is None:
            return -1, _lack("no_days")
        return found, None

    def _doubts(self, mode: str | None, given: int | None, stay: int | None) -> tuple[str, ...]:
        """Return the findings by which the policy holds a case, of those that one case shows."""
        hold = self.pricer.rules.hold
        if not hold or stay is None or stay < 0:
            return ()
        most = CheckSettings().day_surgery_most_days
        met = {
            "day_surgery_with_long_stay": mode == "day_surgery" and stay > most,
            "stay_against_dates": given is not None and given not in (stay, stay + 1),
        }
        return tuple([name for name in SEEN_IN_ONE if met[name] and hold & BIT[name]])

    def prices(
        self, case: OneCase, drgs: Sequence[str], values: Mapping[str, Fraction] | None = None
    ) -> list[Priced]:
        """Return what a case earns in groups; `values`: yuan a point by pool, else the run's own.

        Where the days are not known, the stay counts as neither short nor long.
        """
        pricer, count = self.pricer, len(drgs)
        facts, reviews, status, numbers = self._filled(case, count)
        none = len(pricer.drgs)
        for i, drg in enumerate(drgs):
            numbers[i] = pricer.drgs.get(drg, none)
            status[i] = 2 if drg == UNGROUPABLE else 1 if drg[1:] == "QY" else 0
        scores = score(pricer.rules, status, numbers, facts, reviews)
        value = (values or pricer.point_values).get(case.pool)
        if value is None:
            value = pricer.point_values[case.pool]
        made = []
        for kind, points, paid_by, price in zip(
            scores.case_class.tolist(), scores.points.tolist(), scores.paid_by.tolist(),
            scores.price.tolist(), strict=True,
        ):  # fmt: skip
            if case.doubts:
                paid_by, points, price = HELD, 0, 0
            fen = price
            if paid_by != MONEY:
                fen = divide_rounded(value.numerator * points * 100, value.denominator * POINT)
            note = "bed_day" if kind == BED_DAY else ""
            made.append(Priced(Price(CASE_CLASSES[kind], points, fen, note), PAID_BY[paid_by]))
        return made

    def _filled(self, case: OneCase, count: int) -> tuple[Facts, Reviews, Any, Any]:
        """Return a case, as often as asked, as the kernel takes it: arrays that a thread keeps."""
        kept: dict[int, tuple[Facts, Reviews, Any, Any]] | None
        kept = getattr(self._buffers, "kept", None)
        if kept is None:
            kept = self._buffers.kept = {}
        found = kept.get(count)
        if found is None:
            found = kept[count] = _buffers(count)
        facts: Facts = found[0]
        facts.hospital[:] = case.hospital
        facts.cost[:] = case.cost
        facts.days[:] = self.short_days + 1 if case.days is None else case.days
        facts.day_surgery[:] = case.day_surgery
        facts.bed_class[:] = case.bed_class
        facts.way[:] = case.way
        return found


def _buffers(count: int) -> tuple[Facts, Reviews, Any, Any]:
    """Return arrays for a number of groups."""
    nothing = np.zeros(count, np.int32)
    facts = Facts(
        hospital=np.zeros(count, np.int32),
        pool=np.zeros(count, np.int8),
        admission=nothing,
        discharge=nothing,
        key_day=nothing,
        days=np.zeros(count, np.int32),
        cost=np.zeros(count, np.int64),
        fund=np.zeros(count, np.int64),
        day_surgery=np.zeros(count, np.bool_),
        bed_class=np.zeros(count, np.int16),
        way=np.zeros(count, np.int8),
        planned=np.zeros(count, np.bool_),
    )
    reviews = Reviews(
        np.zeros(count, np.int8), np.zeros(count, np.int64), np.full(count, -1, np.int64)
    )
    return facts, reviews, np.zeros(count, np.int8), np.zeros(count, np.int16)


def _lack(code: str, choices: Sequence[str] = ()) -> Lack:
    text = UNPRICED[code]
    more = both(f"；可填：{'、'.join(choices)}", f"; one of {', '.join(choices)}")
    return Lack(code, both(text.chinese + more.chinese, text + more) if choices else text)


def held_by(doubts: str) -> Bilingual:
    """Return what is said of a case that findings hold (joined by `|`), with what to do.

    >>> str(held_by("stay_against_dates")).partition(":")[0]
    'the days of the stay follow from the dates by neither convention'
    """
    found = [CHECKS[name] for name in doubts.split("|")]
    return both(
        "；".join(
            f"{one.message('zh')}：政策规定核实前暂不支付；{one.advice('zh')}" for one in found
        ),
        "; ".join(
            f"{one.message('en')}: the policy holds the case until somebody looks at it; "
            f"{one.advice('en')}"
            for one in found
        ),
    )
