"""Yearly points of insured doctors (医保医师积分): a record of violations, and of nothing else.

No payment, limit or ranking hangs on it (S2 二(三)4: points and a file of honesty).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from drgpay.ground.errors import InputError, both, fault_at
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft
from drgpay.monitoring.tables import DOCTORS
from drgpay.tables.reader import Reader
from drgpay.wrapper.filled import MEND

KIND = "doctor_points"


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation on the record: whose, where, when, what for, points, document, entry's number."""

    doctor_id: str
    hospital_id: str
    date: str
    violation: str
    deducted: Fraction
    document: str
    entry: int


def doctors_draft(reading: Reading, folder: Path, year: int, who: str) -> Draft:
    """Return the entry of violations of a folder's table `doctor_points`.

    Raises InputError for faults, for days of another year and for what is on the record already.
    """
    reader = Reader(Path(folder))
    rows = reader.read(DOCTORS)
    there = {(v.doctor_id, v.date, v.document) for v in violations(reading, year)}
    for row in rows:
        if not row.sound:
            continue
        day: dt.date = row["date"]
        if day.year != year:
            reader.faults.append(
                fault_at(row.where, f"{day} 不在{year}年", f"{day} is not in {year}")
            )
        if (row["doctor_id"], day.isoformat(), row["document"]) in there:
            reader.faults.append(
                fault_at(row.where, "这一条已经记录", "this one is on the record already")
            )
    reader.refuse(
        Path(folder),
        both("积分表有误", "the table of points has faults"),
        MEND,
    )
    body = {
        "violations": [
            {
                "doctor_id": row["doctor_id"], "hospital_id": row["hospital_id"],
                "date": row["date"].isoformat(), "violation": row["violation"],
                "deducted": str(row["deducted"]), "document": row["document"],
            }
            for row in rows
        ]
    }  # fmt: skip
    return Draft(KIND, year, who, "maker", body, clause="S2 二(三)4", subject=f"{year}")


def violations(reading: Reading, year: int, doctor: str = "") -> list[Violation]:
    """Return the record of a year, of one doctor where one is named, by institution, doctor, day."""
    found = [
        Violation(
            own["doctor_id"], own["hospital_id"], own["date"], own["violation"],
            Fraction(own["deducted"]), own["document"], entry.number,
        )
        for entry in reading.entries((KIND,), year=year)
        for own in entry.body["violations"]
        if doctor in ("", own["doctor_id"])
    ]  # fmt: skip
    return sorted(found, key=lambda v: (v.hospital_id, v.doctor_id, v.date, v.document))


def points_of(record: Sequence[Violation], doctor: str) -> Fraction:
    """Return the points of a doctor's violations; raises InputError for one who has none."""
    own = [v.deducted for v in record if v.doctor_id == doctor]
    if not own:
        raise InputError(
            both(f"医师 {doctor} 没有违规记录", f"{doctor} has no violation on the record")
        )
    return sum(own, Fraction(0))
