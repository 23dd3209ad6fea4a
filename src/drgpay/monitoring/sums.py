"""Sums of visits by institution and pool, exact, and how much they owe to single persons.

Squares are summed by person: who comes ten times is not ten observations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.outputs import drop_folder, spill_folder
from drgpay.monitoring.tables import OUTPATIENT
from drgpay.monitoring.visits import MONTHS, Visits
from drgpay.runs.duck import connection

if TYPE_CHECKING:
    import duckdb

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEMORY = "4GB"


@dataclass(frozen=True, slots=True)
class Span:
    """Sums of a span of time, an entry a place: visits n, persons, cost c, fund f, in fen.

    `nn`, `cc`, `ff`, `cn` are sums over persons of the products of their own sums.
    """

    n: Floats
    persons: Floats
    c: Floats
    f: Floats
    nn: Floats
    cc: Floats
    ff: Floats
    cn: Floats


FIELDS = tuple(Span.__slots__)
# of persons' own sums n, c, f; whole numbers, so that no thread's order is seen
OUTER = [
    f"{sql} AS {name}_sum"
    for name, sql in {
        "n": "sum(n)", "persons": "count(*)", "c": "sum(c)", "f": "sum(f)",
        "nn": "sum(n::HUGEINT * n)", "cc": "sum(c::HUGEINT * c)", "ff": "sum(f::HUGEINT * f)",
        "cn": "sum(c::HUGEINT * n)",
    }.items()
]  # fmt: skip


class Sums:
    """Questions to the visits of a year up to a month. A place is institution × pools + pool."""

    def __init__(self, visits: Visits, month: int, db: duckdb.DuckDBPyConnection) -> None:
        self.visits, self.month, self.db = visits, month, db
        self.pools = len(visits.pools)
        self.places = len(visits.hospitals) * self.pools
        self.last, self.now = month - 1, 12 + month - 1  # the month among those of two years
        db.register("visits", visits.table)

    def rows(self, sql: str) -> dict[str, NDArray[Any]]:
        """Return the columns of a query's result."""
        found: dict[str, NDArray[Any]] = dict(self.db.sql(sql).fetchnumpy())
        return found

    def spans(self) -> Mapping[str, tuple[Span, Span]]:
        """Return the sums of the month and of the year to date, each beside last year's."""
        when = {
            "month": f"month IN ({self.now}, {self.last})",
            "to_date": f"month <= {self.now} AND (month >= 12 OR month <= {self.last})",
        }
        made = {}
        for scope, test in when.items():
            found = self.rows(
                f"""WITH own AS (
                    SELECT hospital * {self.pools} + pool AS place, month >= 12 AS now, person,
                        count(*) AS n, sum(cost)::BIGINT AS c, sum(fund)::BIGINT AS f
                    FROM visits WHERE {test} GROUP BY ALL)
                SELECT place, now, {", ".join(OUTER)} FROM own GROUP BY place, now"""
            )
            now = found["now"].astype(bool)
            made[scope] = (
                _span(found, now, self.places),
                _span(found, ~now, self.places),
            )
        return made

    def months(self) -> Mapping[str, Ints]:
        """Return visits, cost and fund of each place [place, month of two years]."""
        found = self.rows(
            f"""SELECT hospital * {self.pools} + pool AS place, month, count(*) AS visits,
                sum(cost)::BIGINT AS cost, sum(fund)::BIGINT AS fund FROM visits GROUP BY ALL"""
        )
        made = {}
        for name in ("visits", "cost", "fund"):
            made[name] = np.zeros((self.places, MONTHS), np.int64)
            made[name][found["place"].astype(np.int64), found["month"]] = found[name]
        return made

    def by_care(self) -> Mapping[int, Span]:
        """Return the sums of the year to date by kind of care, an entry an institution."""
        found = self.rows(
            f"""WITH own AS (
                SELECT hospital AS place, care, person, count(*) AS n,
                    sum(cost)::BIGINT AS c, sum(fund)::BIGINT AS f
                FROM visits WHERE month >= 12 AND month <= {self.now} GROUP BY ALL)
            SELECT place, care, {", ".join(OUTER)} FROM own GROUP BY place, care"""
        )
        count = len(self.visits.hospitals)
        return {
            int(care): _span(found, found["care"] == care, count)
            for care in np.unique(found["care"])
        }

    def persons(self) -> dict[str, NDArray[Any]]:
        """Return the persons of the month with their visits, cost and fund."""
        return self.rows(
            f"""SELECT person, count(*) FILTER (care = {OUTPATIENT}) AS visits,
                sum(cost)::BIGINT AS cost,
                coalesce(sum(cost) FILTER (care <> {OUTPATIENT}), 0)::BIGINT AS inpatient_cost,
                count(*) AS n, sum(fund)::BIGINT AS fund
            FROM visits WHERE month = {self.now} GROUP BY person ORDER BY person"""
        )

    def of_persons(self, persons: Sequence[int]) -> dict[int, tuple[int, int, int]]:
        """Return of some persons' month: institutions, days, most visits on one day."""
        named = ", ".join(map(str, persons)) or "-1"
        found = self.rows(
            f"""WITH own AS (SELECT person, hospital, day, count(*) AS n FROM visits
                WHERE month = {self.now} AND person IN ({named}) GROUP BY ALL),
            days AS (SELECT person, day, sum(n) AS n FROM own GROUP BY ALL)
            SELECT person, count(*) AS days, max(n)::BIGINT AS most,
                (SELECT count(DISTINCT hospital) FROM own o WHERE o.person = d.person) AS houses
            FROM days d GROUP BY person"""
        )
        return {
            int(person): (int(houses), int(days), int(most))
            for person, houses, days, most in zip(
                *(found[name] for name in ("person", "houses", "days", "most")), strict=True
            )
        }

    def medians(self) -> dict[int, int]:
        """Return the median cost of a visit of the year to date by kind of care."""
        found = self.rows(
            f"""SELECT care, quantile_disc(cost, 0.5) AS cost FROM visits
            WHERE month >= 12 AND month <= {self.now} GROUP BY care"""
        )
        return {int(care): int(fen) for care, fen in zip(found["care"], found["cost"], strict=True)}

    def flag_records(self, most_a_day: int, limits: Mapping[int, int]) -> None:
        """Make the table `flagged` of abnormal records of the year to date.

        `limits`: the cost in fen above which a visit is very costly, by kind of care.
        """
        marked = "v.marked" if "marked" in self.visits.columns else "false"
        costly = " OR ".join(
            f"(v.care = {care} AND v.cost > {fen})" for care, fen in limits.items()
        )
        self.db.execute(
            f"""CREATE OR REPLACE TEMP TABLE flagged AS
            WITH days AS (SELECT hospital, person, day FROM visits
                WHERE month >= 12 AND month <= {self.now}
                GROUP BY ALL HAVING count(*) >= {most_a_day}),
            own AS (SELECT v.hospital, v.person, v.day, v.care, v.cost, {marked} AS marked,
                    ({costly or "false"}) AS costly, d.day IS NOT NULL AS many_a_day
                FROM visits v LEFT JOIN days d
                    ON v.hospital = d.hospital AND v.person = d.person AND v.day = d.day
                WHERE v.month >= 12 AND v.month <= {self.now})
            SELECT * FROM own WHERE marked OR costly OR many_a_day"""
        )

    def flagged(self) -> dict[str, NDArray[Any]]:
        """Return how many abnormal records each institution and person has, by what they are."""
        return self.rows(
            """SELECT hospital, person, count(*) AS records, count(*) FILTER (marked) AS marked,
                count(*) FILTER (many_a_day) AS many_a_day, count(*) FILTER (costly) AS costly
            FROM flagged GROUP BY hospital, person ORDER BY hospital, person"""
        )

    def evidence(self, hospitals: Sequence[int], most: int) -> dict[str, NDArray[Any]]:
        """Return the costliest abnormal records of some institutions."""
        named = ", ".join(map(str, hospitals)) or "-1"
        return self.rows(
            f"""SELECT * FROM flagged WHERE hospital IN ({named})
            QUALIFY row_number() OVER (PARTITION BY hospital
                ORDER BY cost DESC, day, person, marked, many_a_day) <= {most}
            ORDER BY hospital, cost DESC, day, person, marked, many_a_day"""
        )


def _span(found: Mapping[str, NDArray[Any]], rows: NDArray[np.bool_], count: int) -> Span:
    made = {}
    for name in FIELDS:
        made[name] = np.zeros(count)
        made[name][found["place"][rows].astype(np.int64)] = found[f"{name}_sum"][rows].astype(float)
    return Span(**made)


@contextmanager
def asked(visits: Visits, month: int, threads: int | None = None) -> Iterator[Sums]:
    """Open the visits to questions."""
    spill = spill_folder()
    try:
        with connection(memory_limit=MEMORY, threads=threads, spill=spill) as db:
            yield Sums(visits, month, db)
    finally:
        drop_folder(spill)
