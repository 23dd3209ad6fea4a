"""What the cases of a run folder add up to, asked of its Parquet file by DuckDB.

Columns of docs/formats.md section 6 that an older run folder lacks are taken as empty.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drgpay.ground.outputs import drop_folder, spill_folder
from drgpay.runs.duck import arrow, at_hand, connection, identifier, parquet, quoted

# what a column is where the file has none
_ABSENT = {
    "status": "'grouped'",
    "reason": "''",
    "hospital_id": "''",
    "pool": "''",
    "case_class": "''",
    "drg": "''",
    "paid_by": "CASE WHEN status = 'quarantined' THEN NULL ELSE 'points' END",
    "price_fen": "0",
    "days": "0",
    "total_cost_fen": "0",
    "pool_fund_fen": "0",
    "not_pool_fen": "0",
    "unreasonable_fen": "0",
    "readmission": "false",
    "month": "NULL",
    "doubts": "NULL",
}
SMALL_BYTES = 4 * 2**20  # of a file of cases that is asked at once: opening DuckDB takes longer
_ORDER = ("status", "case_id", "points_before_readmission", "points")


class CaseSums:
    """The cases of a run folder, to be asked for sums and for the few that a page lists."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self.folder, self.threads = folder, threads
        path = folder / "cases.parquet"
        self.small = path.stat().st_size <= SMALL_BYTES
        there = set(pq.ParquetFile(path).schema_arrow.names)
        names = list(dict.fromkeys([*_ORDER, *_ABSENT]))
        first = ", ".join(
            identifier(n) if n in there else f"{_ABSENT[n]} AS {n}"
            for n in names
            if n in there or n != "paid_by"
        )
        rest = "" if "paid_by" in there else f", {_ABSENT['paid_by']} AS paid_by"
        self.view = f"(SELECT *{rest} FROM (SELECT {first} FROM {parquet(path)}))"

    def ask(self, sql: str) -> pa.Table:
        """Return the result of a query on `cases`."""
        if self.small:
            with at_hand() as database:
                database.execute(f"CREATE TEMP VIEW cases AS FROM {self.view}")
                return arrow(database, sql)
        spill = spill_folder()
        try:
            with connection(threads=self.threads, spill=spill) as database:
                database.execute(f"CREATE VIEW cases AS FROM {self.view}")
                return arrow(database, sql)
        finally:
            drop_folder(spill)

    def by_class(self) -> pa.Table:
        """Return sums by hospital, pool, class and way of payment; held cases have rows, too."""
        return self.ask("""
            SELECT hospital_id, pool, case_class, paid_by, count(*) AS cases,
                sum(coalesce(days, 0)) AS days,
                sum(points_before_readmission) AS points_before, sum(points) AS points,
                count(*) FILTER (points <> points_before_readmission) AS cut,
                sum(coalesce(total_cost_fen, 0)) AS total_cost_fen,
                sum(coalesce(pool_fund_fen, 0)) AS pool_fund_fen,
                sum(coalesce(not_pool_fen, 0)) AS not_pool_fen,
                sum(coalesce(price_fen, 0)) AS price_fen
            FROM cases WHERE paid_by IS NOT NULL GROUP BY ALL
            ORDER BY hospital_id, pool, case_class, paid_by""")

    def of_group(self, drg: str) -> list[dict[str, Any]]:
        """Return sums of a group's cases by class and way of payment; held cases have rows, too."""
        if self.small:
            return self._of_each_group.get(drg, [])
        return list(self._of_groups(f"AND drg = {quoted(drg)}").to_pylist())

    @cached_property
    def _of_each_group(self) -> dict[str, list[dict[str, Any]]]:
        """The sums of all groups, where to ask for all of them takes no longer than for one."""
        made: dict[str, list[dict[str, Any]]] = {}
        for row in self._of_groups("").to_pylist():
            made.setdefault(row["drg"], []).append(row)
        return made

    def _of_groups(self, which: str) -> pa.Table:
        return self.ask(f"""
            SELECT drg, case_class, paid_by, count(*) AS cases, sum(points) AS points,
                sum(coalesce(total_cost_fen, 0)) AS total_cost_fen
            FROM cases WHERE paid_by IS NOT NULL {which} GROUP BY ALL
            ORDER BY drg, case_class, paid_by""")

    def paid_by_status(self) -> pa.Table:
        """Return how many cases of each status are paid: held ones are not."""
        return self.ask("""
            SELECT status, count(*) AS cases FROM cases WHERE paid_by IN ('points', 'money')
            GROUP BY status ORDER BY status""")

    def top_groups(self, number: int) -> pa.Table:
        """Return each hospital's groups of the highest cost, by pool, most cost first."""
        return self.ask(f"""
            WITH sums AS (
                SELECT hospital_id, drg, pool, count(*) AS cases, sum(points) AS points,
                    sum(coalesce(total_cost_fen, 0)) AS total_cost_fen,
                    sum(coalesce(price_fen, 0)) AS price_fen
                FROM cases WHERE paid_by IN ('points', 'money') GROUP BY ALL),
            ranked AS (
                SELECT hospital_id, drg, row_number() OVER (
                    PARTITION BY hospital_id ORDER BY sum(total_cost_fen) DESC, drg) AS place
                FROM sums GROUP BY hospital_id, drg QUALIFY place <= {number:d})
            SELECT s.*, place FROM sums s JOIN ranked USING (hospital_id, drg)
            ORDER BY hospital_id, place, pool""")

    def groups_of(self, hospital: str) -> pa.Table:
        """Return all groups of a hospital by pool, as `top_groups` does those of the highest cost."""
        return self.ask(f"""
            SELECT hospital_id, drg, pool, count(*) AS cases, sum(points) AS points,
                sum(coalesce(total_cost_fen, 0)) AS total_cost_fen,
                sum(coalesce(price_fen, 0)) AS price_fen
            FROM cases WHERE paid_by IN ('points', 'money') AND hospital_id = {quoted(hospital)}
            GROUP BY ALL ORDER BY drg, pool""")

    def held(self, number: int) -> pa.Table:
        """Return up to so many cases of each hospital that are held for review."""
        return self.ask(f"""
            SELECT hospital_id, pool, case_id, drg, case_class, total_cost_fen, pool_fund_fen, doubts
            FROM cases WHERE paid_by = 'held'
            QUALIFY row_number() OVER (PARTITION BY hospital_id ORDER BY case_id) <= {number:d}
            ORDER BY hospital_id, case_id""")

    def quarantined(self, number: int) -> pa.Table:
        """Return up to so many quarantined cases of each hospital, `in_all` being their number."""
        notes = parquet(self.folder / "quarantine.parquet")
        return self.ask(f"""
            WITH bad AS (
                SELECT hospital_id, case_id, reason,
                    count(*) OVER (PARTITION BY hospital_id) AS in_all,
                    row_number() OVER (PARTITION BY hospital_id ORDER BY case_id) AS place
                FROM cases WHERE status = 'quarantined' AND coalesce(hospital_id, '') <> ''
                QUALIFY place <= {number:d}),
            said AS (
                SELECT case_id, arg_min(message, "row") AS message, arg_min(remedy, "row") AS remedy
                FROM {notes} WHERE NOT starts_with(reason, 'review_') GROUP BY case_id)
            SELECT hospital_id, bad.case_id, reason, in_all, message, remedy
            FROM bad LEFT JOIN said USING (case_id) ORDER BY hospital_id, place""")

    def reviews(self, number: int) -> pa.Table:
        """Return the reviews with what became of their cases."""
        reviews = parquet(self.folder / "reviews.parquet")
        return self.ask(f"""
            SELECT r.*, c.hospital_id, c.pool, c.drg, c.case_class, c.paid_by, c.total_cost_fen,
                c.points AS case_points
            FROM {reviews} r LEFT JOIN (FROM cases WHERE paid_by IS NOT NULL) c USING (case_id)
            ORDER BY c.hospital_id NULLS LAST, r.case_id LIMIT {number:d}""")
