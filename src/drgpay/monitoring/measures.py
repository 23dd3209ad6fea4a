"""What is counted of a year's visits for the assessment, by institution, this year and last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drgpay.monitoring.sums import Sums
from drgpay.monitoring.tables import OUTPATIENT
from drgpay.policy import YearPolicy

OUT, IN = f"care = {OUTPATIENT}", f"care <> {OUTPATIENT}"
# each measure: its sum, and the columns that records must have for it
PLAIN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "visits": ("count(*)", ()),
    "persons": ("count(DISTINCT person)", ()),
    "outpatient_visits": (f"count(*) FILTER ({OUT})", ("care",)),
    "admissions": (f"count(*) FILTER ({IN})", ("care",)),
    "cost": ("sum(cost)", ()),
    "outpatient_cost": (f"coalesce(sum(cost) FILTER ({OUT}), 0)", ("care",)),
    "inpatient_cost": (f"coalesce(sum(cost) FILTER ({IN}), 0)", ("care",)),
    "own_share": ("sum(own_share)", ("own_share",)),
    "outside_list": ("sum(outside_list)", ("outside_list",)),
    "drug_cost": ("sum(drug_cost)", ("drug_cost",)),
    "surgeries": (f"count(*) FILTER ({IN} AND surgery)", ("care", "surgery")),
    "elective": (
        f"count(*) FILTER ({IN} AND surgery AND elective)", ("care", "surgery", "elective"),
    ),
    "costly_stays": (f"count(*) FILTER ({IN} AND cost >= {{costly_fen}})", ("care",)),
    "referrals": ("count(*) FILTER (referred)", ("referred",)),
    "stay_days": (f"coalesce(sum(stay_days) FILTER ({IN}), 0)", ("care", "stay_days")),
}  # fmt: skip
# those that look at the visit before of the same person at the same institution
AFTER: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "repeat_visits": (OUT, "day - before <= {repeat_days}", ("care",)),
    "readmissions": (IN, "day - left_on <= {readmission_days}", ("care", "stay_days")),
}
Measured = Mapping[str, Mapping[str, tuple[int, int]]]


def measured(sums: Sums, policy: YearPolicy) -> Measured:
    """Return each measure of each institution, of this year to the month and the same of last year.

    Measures whose columns the records lack are not among them.
    """
    there = sums.visits.columns
    values = {
        "costly_fen": int(policy["assess.costly_yuan"] * 100),
        "repeat_days": policy["assess.repeat_days"],
        "readmission_days": policy["assess.readmission_days"],
    }
    plain = {
        name: sql.format(**values)
        for name, (sql, needs) in PLAIN.items()
        if there.issuperset(needs)
    }
    when = f"(month >= 12 AND month <= {sums.now} OR month <= {sums.last})"
    columns = ", ".join(f"({sql})::BIGINT AS {name}" for name, sql in plain.items())
    found: dict[str, dict[str, list[int]]] = {}
    _take(
        found, sums,
        sums.rows(
            f"SELECT hospital, month >= 12 AS now, {columns} FROM visits WHERE {when} GROUP BY ALL"
        ),
    )  # fmt: skip
    for name, (which, test, needs) in AFTER.items():
        if not there.issuperset(needs):
            continue
        stay = "stay_days" if "stay_days" in there else "0"
        own = sums.rows(
            f"""WITH own AS (SELECT hospital, month, day, cost,
                    lag(day) OVER w AS before, lag(day + {stay}) OVER w AS left_on
                FROM visits WHERE {which}
                WINDOW w AS (PARTITION BY hospital, person ORDER BY day, cost))
            SELECT hospital, month >= 12 AS now,
                count(*) FILTER ({test.format(**values)}) AS {name}
            FROM own WHERE {when} GROUP BY ALL"""
        )
        _take(found, sums, own)
    every = [*plain, *(name for name, own in AFTER.items() if there.issuperset(own[2]))]
    return {
        hospital: {name: _pair(own.get(name)) for name in every}
        for hospital, own in sorted(found.items())
    }


def _pair(own: list[int] | None) -> tuple[int, int]:
    return (own[0], own[1]) if own else (0, 0)


def _take(found: dict[str, dict[str, list[int]]], sums: Sums, rows: Mapping[str, Any]) -> None:
    for at, hospital in enumerate(rows["hospital"]):
        own = found.setdefault(sums.visits.hospitals[int(hospital)], {})
        for name, column in rows.items():
            if name not in ("hospital", "now"):
                pair = own.setdefault(name, [0, 0])
                pair[0 if bool(rows["now"][at]) else 1] = int(column[at])
