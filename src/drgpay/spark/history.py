"""Past cases as Spark holds them, behind the questions that base points and coefficients ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from drgpay.points.history import History


class SparkHistory(History):
    """A history that asks Spark: sums are exact, order statistics costs at places of sorted groups.

    `past`: the cases that count (grp, year, cost, hospital, not_pool, patient_id); `ordered`: grp,
    place, cost, the costs of each group by their place among the sorted ones from 0.
    """

    wide = "DECIMAL(18, 0)"

    def __init__(self, spark: Any, past: Any, ordered: Any, rows: int, has_patients: bool) -> None:
        super().__init__()
        self.spark = spark
        self.frames = {"past": past, "ordered": past, "places": ordered}
        self.has_patients, self._ends, self._sorted = has_patients, [rows], True

    def _ask(self, sql: str, given: pa.Table | None) -> Any:
        """Return the frame of a statement, which names the frames as tables."""
        frames = dict(self.frames)
        if given is not None:
            kinds = ", ".join(f"{name} bigint" for name in given.column_names)
            frames["given"] = self.spark.createDataFrame(given, kinds).hint("broadcast")
        named = ", ".join(f"{name} AS (SELECT * FROM {{{name}}})" for name in frames)
        return self.spark.sql(f"WITH {named} {sql}", **frames)

    def _rows(
        self,
        sql: str,
        given: pa.Table | None = None,
        fetch: Callable[[Any], Any] = lambda frame: frame.collect(),
    ) -> Any:
        return [tuple(map(int, row)) for row in fetch(self._ask(sql, given))]

    def _keep(self, name: str, sql: str, given: pa.Table) -> None:
        self.frames[name] = self._ask(sql, given)

    def _drop(self, name: str) -> None:
        del self.frames[name]

    def _costs(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        columns = [list(numbers) for numbers in zip(*places, strict=True)]
        sql = "SELECT grp, place, cost FROM places JOIN given USING (grp, place)"
        found: list[tuple[int, int, int]] = self._rows(sql, pa.table(columns, ["grp", "place"]))
        return found
