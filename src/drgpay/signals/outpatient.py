"""Outpatient visits: a small table beside the region, Parquet or CSV, Chinese headers too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.swallowed import refuse_swallowed
from drgpay.ground.errors import InputError, both
from drgpay.settlement.prepare import ids_of
from drgpay.signals.data import Cases

HEADERS: dict[str, tuple[str, ...]] = {
    "patient_id": ("参保人编号", "人员编号"),
    "hospital_id": ("医疗机构编码", "机构编码"),
    "visit_date": ("就诊日期", "就诊时间"),
    "total_cost": ("总费用", "医疗总费用"),
    "own_paid": ("个人自费",),
}
REQUIRED = ("patient_id", "hospital_id", "visit_date", "total_cost")


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
    table = _table(path)
    chosen: dict[str, str] = {}
    for header in table.column_names:
        text = header.strip().lstrip("\ufeff")
        for name, chinese in HEADERS.items():
            if text == name or text in chinese:
                chosen.setdefault(name, header)
    missing = [name for name in REQUIRED if name not in chosen]
    if missing:
        names = "、".join(f"{name}（{HEADERS[name][0]}）" for name in missing)
        raise InputError(
            both(f"缺少列：{names}", f"missing columns: {', '.join(missing)}"),
            where=path,
            remedy=both(
                f"现有的列：{', '.join(table.column_names)}",
                f"found: {', '.join(table.column_names)}",
            ),
        )
    day, bad_day = parse.dates(table[chosen["visit_date"]])
    cost, bad_cost = parse.money(table[chosen["total_cost"]])
    bad_day |= day == parse.MISSING_DATE
    bad_cost |= (cost == parse.MISSING_MONEY) | (cost < 0)
    faults = []
    for bad, name in ((bad_day, "visit_date"), (bad_cost, "total_cost")):
        for row in np.flatnonzero(bad)[:5].tolist():
            value = table[chosen[name]][row].as_py()
            faults.append(
                both(
                    f"第{row + 1}行 {chosen[name]}：“{value}”读不懂",
                    f"row {row + 1}, {chosen[name]}: {value!r} cannot be read",
                )
            )
    if faults:
        count = int((bad_day | bad_cost).sum())
        raise InputError(
            both(f"有 {count} 行门诊记录不能使用", f"{count} outpatient rows cannot be used"),
            where=path,
            faults=faults,
            remedy=both(
                "更正这些行：日期如 2024-03-01，金额为不小于0的元，至多两位小数",
                "mend them: dates like 2024-03-01, amounts in yuan of 0 or above, two decimals",
            ),
        )
    known = pa.array([h.id for h in cases.region.hospitals], pa.string())
    hospital = _place(table[chosen["hospital_id"]], known)
    patient = _place(table[chosen["patient_id"]], cases.patient_words.cast(pa.string()))
    kept = (hospital >= 0) & (patient >= 0)
    return Visits(
        patient[kept],
        hospital[kept],
        day[kept].astype(np.int64),
        cost[kept],
        len(table),
        int((hospital < 0).sum()),
    )


def _place(column: pa.ChunkedArray, known: pa.Array) -> NDArray[np.int64]:
    found = pc.index_in(ids_of(column), value_set=known)
    return np.asarray(pc.fill_null(found, -1)).astype(np.int64)


def _table(path: Path) -> pa.Table:
    if not path.is_file():
        raise InputError(
            both("没有这个文件", "no such file"),
            where=path,
            remedy=both("给出门诊记录的 .parquet 或 .csv 文件", "name a .parquet or .csv file"),
        )
    try:
        if path.suffix.lower() == ".parquet":
            return pq.read_table(path)
        from pyarrow import csv

        headers = csv.open_csv(path).schema.names
        table = csv.read_csv(
            path,
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(headers, pa.string())),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(
            both("读不出来", f"cannot be read: {str(error).splitlines()[0]}"),
            where=path,
            remedy=both("存为 Parquet 或 CSV UTF-8", "save it as Parquet or CSV UTF-8"),
        ) from None
    return refuse_swallowed(table, path)


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
