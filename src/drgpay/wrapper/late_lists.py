"""Settlement lists that were uploaded late (清单上传逾期), by institution: nothing is paid or refused by it.

A list is due so many working days after the settlement (`lists.upload_days`). One that is not uploaded
is late once its last day is past.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drgpay.ground.errors import Bilingual, InputError, both, fault_at
from drgpay.ledger.calendar import Calendar, Deadline
from drgpay.policy import YearPolicy
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.wrapper.filled import MEND, read_table

PARAMETER = "lists.upload_days"
UPLOADS = Table(
    "list_uploads",
    (
        Column("hospital_id", kinds.code),
        Column("case_id", kinds.code),
        Column("settlement_date", kinds.date),
        optional("uploaded_on", kinds.date, None),
    ),
    required=True,
    unique=("hospital_id", "case_id"),
    filled=True,
)


@dataclass(frozen=True, slots=True)
class LateList:
    """A list that is late; `uploaded` None: not there; `days`: how many after its last day."""

    hospital_id: str
    case_id: str
    settled: dt.date
    last_day: dt.date
    uploaded: dt.date | None
    days: int


@dataclass(frozen=True, slots=True)
class Uploads:
    """The lists of an institution: all, in time, late, missing after their last day, not due yet."""

    hospital_id: str
    lists: int
    in_time: int
    late: int
    missing: int
    waiting: int


@dataclass(frozen=True)
class LateLists:
    """What a table of uploads comes to on a day, and what its reader must know."""

    hospitals: Sequence[Uploads]
    late: Sequence[LateList]
    notes: Sequence[Bilingual]


def late_lists(table: Path, policy: YearPolicy, calendar: Calendar, today: dt.date) -> LateLists:
    """Return the lists of a year's settlements that are late on a day.

    Raises InputError for faults of the table, settlements of another year, uploads before the
    settlement or after the day.
    """
    rows = read_table(table, UPLOADS)
    _refuse(rows, table, policy.year, today)
    time = policy[PARAMETER]
    due = {day: calendar.counted(day, time) for day in {row["settlement_date"] for row in rows}}
    late: list[LateList] = []
    counts: dict[str, list[int]] = {}
    for row in rows:
        last, uploaded = due[row["settlement_date"]].day, row["uploaded_on"]
        until = uploaded or today
        is_late = until > last
        own = counts.setdefault(row["hospital_id"], [0, 0, 0, 0])
        own[(2 if is_late else 3) if uploaded is None else int(is_late)] += 1
        if is_late:
            days = (until - last).days
            place = row["hospital_id"], row["case_id"], row["settlement_date"]
            late.append(LateList(*place, last, uploaded, days))
    late.sort(key=lambda own: (own.hospital_id, own.last_day, own.case_id))
    hospitals = [Uploads(name, sum(own), *own) for name, own in sorted(counts.items())]
    return LateLists(hospitals, late, list(_notes(policy, due.values())))


def _refuse(rows: Sequence[Row], table: Path, year: int, today: dt.date) -> None:
    faults = []
    for row in rows:
        settled, uploaded = row["settlement_date"], row["uploaded_on"]
        if settled.year != year:
            faults.append(
                fault_at(row.where, f"结算日期 {settled} 不在 {year} 年", f"settled on {settled}")
            )
        if uploaded is not None and not settled <= uploaded <= today:
            faults.append(
                fault_at(
                    row.where,
                    f"上传日期 {uploaded} 早于结算日期 {settled} 或晚于今天 {today}",
                    f"uploaded on {uploaded}, settled on {settled}, and today is {today}",
                )
            )
    if faults:
        raise InputError(
            both("清单上传记录有误", "the records of uploads have faults"),
            where=table,
            faults=faults,
            remedy=MEND,
        )


def _notes(policy: YearPolicy, due: Iterable[Deadline]) -> Iterable[Bilingual]:
    own = policy.parameters[PARAMETER]
    if not own.verified:
        yield both(
            f"期限 {own.value} 个工作日（{PARAMETER}）未核实：{own.source_zh or own.source}",
            f"{own.value} working days ({PARAMETER}) are not verified: {own.source}",
        )
    years = sorted({year for last in due for year in last.unverified})
    if years:
        text = "、".join(map(str, years))
        yield both(
            f"{text} 年的工作日没有通知可核对", f"no notice of the working days of {text} was seen"
        )
