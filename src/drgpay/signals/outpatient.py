"""Outpatient visits: a table beside the region, read as those of capitation are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.capitation.files import SUFFIXES, Piece, open_table
from drgpay.capitation.tables import HOSPITAL_ID, TOTAL_COST, VISIT_DATE
from drgpay.cases import parse
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.settlement.prepare import ids_of
from drgpay.signals.data import Cases
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table

VISITS = Table(
    "outpatient",
    (
        Column("patient_id", kinds.code, header="person_id"),
        HOSPITAL_ID,
        VISIT_DATE,
        TOTAL_COST,
    ),
    large=True,
)
SHOWN = 5  # faults of a column that are named


@dataclass(frozen=True)
class Visits:
    """V visits of patients that have a stay; `rows` and `left_out` count those of the file."""

    patient: NDArray[np.int64]
    hospital: NDArray[np.int64]
    day: NDArray[np.int64]
    cost: NDArray[np.int64]
    rows: int
    left_out: int


def read_visits(path: Path, cases: Cases) -> Visits:
    """Return the visits of a file. Rows whose hospital is not of the region are left out, counted.

    Raises InputError for a missing column and for rows that cannot be read, with their numbers.
    """
    named = "、".join(SUFFIXES), ", ".join(SUFFIXES)
    if not path.is_file():
        raise InputError(
            both("没有这个文件", "no such file"),
            where=path,
            remedy=both(f"给出门诊记录的文件（{named[0]}）", f"name a file of visits ({named[1]})"),
        )
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            both("不能读这种文件", "no kind of file that is read"),
            where=path,
            remedy=both(f"另存为 {named[0]}", f"save it as one of {named[1]}"),
        )
    hospitals = pa.array([h.id for h in cases.region.hospitals], pa.string())
    patients = cases.patient_words.cast(pa.string())
    parts: list[tuple[NDArray[np.int64], ...]] = [(np.zeros(0, np.int64),) * 4]
    faults: list[Bilingual] = []
    rows = left_out = bad_rows = 0
    for piece in open_table(VISITS, (path,)).pieces():
        day, bad_day = parse.dates(piece.table["visit_date"])
        cost, bad_cost = parse.money(piece.table["total_cost"])
        bad = {
            "visit_date": bad_day | (day == parse.MISSING_DATE),
            "total_cost": bad_cost | (cost == parse.MISSING_MONEY) | (cost < 0),
        }
        for place, name in piece.lost:  # digits that a workbook dropped: whose visit is not known
            bad.setdefault(name, np.zeros(len(day), np.bool_))[place] = True
        faults += _faults(piece, bad)
        bad_rows += int(np.any([*bad.values()], axis=0).sum()) + len(piece.broken)
        hospital = _place(piece.table["hospital_id"], hospitals)
        patient = _place(piece.table["patient_id"], patients)
        rows, left_out = rows + len(day), left_out + int((hospital < 0).sum())
        kept = (hospital >= 0) & (patient >= 0)
        parts.append((patient[kept], hospital[kept], day[kept].astype(np.int64), cost[kept]))
    if faults:
        raise InputError(
            both(f"有 {bad_rows} 行门诊记录不能使用", f"{bad_rows} outpatient rows cannot be used"),
            where=path,
            faults=faults,
            remedy=both(
                "更正这些行：日期如 2024-03-01，金额为不小于0的元，至多两位小数；编号在Excel中存为文本",
                "mend them: dates like 2024-03-01, amounts in yuan of 0 or above, two decimals; ids "
                "in Excel as text",
            ),
        )
    patient, hospital, day, cost = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Visits(patient, hospital, day, cost, rows, left_out)


def _faults(piece: Piece, bad: dict[str, NDArray[np.bool_]]) -> list[Bilingual]:
    """Return the first rows that cannot be read, by column."""
    found = [(number, both("整行", "the row"), text) for number, text in piece.broken[:SHOWN]]
    for name, mask in bad.items():
        for row in np.flatnonzero(mask)[:SHOWN].tolist():
            shown = both(VISITS.shown(name), name)
            found.append((int(piece.numbers[row]), shown, str(piece.table[name][row].as_py())))
    return [
        both(
            f"第{number}行 {column.chinese}：“{text}”读不懂",
            f"row {number}, {column}: {text!r} cannot be read",
        )
        for number, column, text in found
    ]


def _place(column: pa.ChunkedArray, known: pa.Array) -> NDArray[np.int64]:
    found = pc.index_in(ids_of(column), value_set=known)
    return np.asarray(pc.fill_null(found, -1)).astype(np.int64)


def window_costs(cases: Cases, visits: Visits, days: int) -> NDArray[np.float64]:
    """Return each stay's outpatient cost in fen at its hospital within `days` before and after it."""
    count = len(cases.region.hospitals)
    key = visits.patient * count + visits.hospital
    low = int(min(visits.day.min(initial=0), cases.admission.min(initial=0))) - days - 1
    span = int(max(visits.day.max(initial=0), cases.discharge.max(initial=0))) + days + 2 - low
    place = key * span + (visits.day - low)
    order = np.argsort(place, kind="stable")
    place = place[order]
    sums = np.concatenate([[0], np.cumsum(visits.cost[order])])
    own = np.where(cases.patient >= 0, cases.patient * count + cases.hospital, 0) * span - low

    def between(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
        left = np.searchsorted(place, own + first, side="left")
        right = np.searchsorted(place, own + last, side="right")
        return np.asarray(sums[right] - sums[left])

    found = between(cases.admission - days, cases.admission - 1)
    found = found + between(cases.discharge + 1, cases.discharge + days)
    return np.where(cases.patient >= 0, found, 0).astype(np.float64)
