"""Past cases as Spark holds them, behind the questions that base points and coefficients ask.

The answers are those of `points.history.History`: sums are exact integers, order statistics are
costs at places of the sorted groups, so that every method of trimming gives the same fen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from drgpay.points.history import Heads, History, HospitalGroup, KeptYear, Limits, _kept_years
from drgpay.points.trimming import Moments
from drgpay.spark.engine import spark_module

WIDE = "decimal(18,0)"  # of costs; their squares and sums are decimals of 38 digits


class SparkHistory(History):
    """Cases of a history that count, in a frame `past` (group, year, cost, hospital, …).

    `ordered` is grp, place, cost: the costs of each group by their place among the sorted ones.
    """

    def __init__(self, spark: Any, past: Any, ordered: Any, rows: int, has_patients: bool) -> None:
        super().__init__()
        self.spark, self.past, self.ordered = spark, past, ordered
        self.has_patients = has_patients
        self._all_rows = rows
        self.f = spark_module("pyspark.sql.functions")

    @property
    def rows(self) -> int:
        """The number of rows that came in."""
        return self._all_rows

    @property
    def used(self) -> int:
        """The number of cases that count."""
        return sum(m.n for m in self.moments().values())

    def _sums(self) -> tuple[Any, Any, Any]:
        f = self.f
        cost = f.col("cost").cast(WIDE)
        return f.count(f.lit(1)), f.sum(cost), f.sum(cost * cost)

    def moments(self) -> dict[int, Moments]:
        """Return the moments of all costs of each group that has any, by number."""
        if "moments" not in self.cache:
            rows = self.past.groupBy("grp").agg(*self._sums()).collect()
            self.cache["moments"] = {
                int(g): Moments(int(n), int(total), int(squares))
                for g, n, total, squares in sorted(rows)
            }
        found: dict[int, Moments] = self.cache["moments"]
        return found

    def costs_at(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Return the cost at places: (group, place among its sorted costs from 0)."""
        wanted = set(places)
        known: dict[tuple[int, int], int] = self.cache.setdefault("places", {})
        missing = sorted(wanted - set(known))
        if missing:
            asked = pa.table(
                {
                    "grp": pa.array([g for g, _ in missing], pa.int32()),
                    "place": pa.array([place for _, place in missing], pa.int32()),
                }
            )
            frame = self.f.broadcast(self.spark.createDataFrame(asked))
            rows = self.ordered.join(frame, ["grp", "place"]).collect()
            known.update({(int(r["grp"]), int(r["place"])): int(r["cost"]) for r in rows})
        return {place: known[place] for place in wanted}

    def _within(self, limits: Limits) -> Any:
        return self.past.join(self.f.broadcast(self.spark.createDataFrame(limits.table())), "grp")

    def kept(self, limits: Limits) -> list[KeptYear]:
        """Return what trimming leaves, by group and year in order."""
        key = ("kept", limits.key)
        if key not in self.cache:
            f = self.f
            side = (f.col("cost") > f.col("high")).cast("int") - (
                f.col("cost") < f.col("low")
            ).cast("int")
            frame = self._within(limits).withColumn("side", side)
            rows = frame.groupBy("grp", "year", "side").agg(*self._sums()).collect()
            self.cache[key] = _kept_years(
                [tuple(int(value) for value in row) for row in rows],  # type: ignore[misc]
                limits,
            )
        found: list[KeptYear] = self.cache[key]
        return found

    def _left(self, limits: Limits) -> Any:
        f, frame = self.f, self._within(limits)
        if limits.clip:
            clipped = f.least(f.greatest("cost", "low"), "high")
            return frame.withColumn("cost", clipped)
        return frame.where(f.col("cost").between(f.col("low"), f.col("high")))

    def hospitals(self, limits: Limits) -> list[HospitalGroup]:
        """Return what trimming leaves by hospital and group, in order; the last is remembered."""
        if self.cache.get("hospitals", (None,))[0] != limits.key:
            f = self.f
            rows = (
                self._left(limits)
                .groupBy("hospital", "grp")
                .agg(f.count(f.lit(1)), f.sum("cost"), f.sum("not_pool"))
                .collect()
            )
            self.cache["hospitals"] = (
                limits.key,
                [HospitalGroup(*(int(value) for value in row)) for row in sorted(rows)],
            )
        found: list[HospitalGroup] = self.cache["hospitals"][1]
        return found

    def heads(self, limits: Limits) -> Heads:
        """Return cases with a patient id and different patients; the last is remembered."""
        if self.cache.get("heads", (None,))[0] != limits.key:
            f = self.f
            visits = (
                self._left(limits)
                .where(f.col("patient_id") != "")
                .groupBy("hospital", "patient_id")
                .agg(f.count(f.lit(1)).alias("cases"))
            )
            rows = visits.groupBy("hospital").agg(f.sum("cases"), f.count(f.lit(1))).collect()
            patients = visits.select("patient_id").distinct().count()
            by_hospital = {int(h): (int(cases), int(heads)) for h, cases, heads in rows}
            cases = sum(n for n, _ in by_hospital.values())
            self.cache["heads"] = limits.key, Heads(by_hospital, cases, patients)
        found: Heads = self.cache["heads"][1]
        return found

    def close(self) -> None:
        """Nothing is held outside of Spark."""
