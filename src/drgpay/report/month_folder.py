"""A month's folder as its workbook and its page read it: manifest and Parquet tables."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from pathlib import Path

from drgpay.names.run_tables import POINTS, kind_of
from drgpay.runs.manifest import MONTH
from drgpay.runs.reader import Record, RunFolder

from .amounts import units_of


class MonthFolder(RunFolder):
    """The tables of a month's run; points as units of 1/10,000, money in fen."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, MONTH, unfinished=True)

    @property
    def month(self) -> str:
        """The last month of the run, as `2025-03`."""
        return str(self.manifest["month"])

    @property
    def every(self) -> bool:
        """Whether all twelve months were run with the year end."""
        return bool(self.manifest["all_months"])

    def value_of(self, key: str) -> str:
        """Text of a parameter's value."""
        return str(self.values[key])

    @property
    def earlier(self) -> Record | None:
        """The folder of the month before, of which payments are taken; None without one."""
        found: Record | None = self.manifest.get("earlier")
        return found

    @property
    def used_parameters(self) -> list[Record]:
        """The parameters that the months hang on: unverified first, of them those of payment."""
        used = [p for p in self.parameters if p.get("used", True)]
        return sorted(
            used,
            key=lambda p: (bool(p["verified"]), not p["key"].startswith(("prepay_", "month."))),
        )

    @property
    def unverified(self) -> list[Record]:
        """Those of them whose source is not verified."""
        return [p for p in self.used_parameters if not p["verified"]]

    @property
    def by_fund(self) -> bool:
        """Whether payments are a share of the recorded fund."""
        return self.value_of("prepay_basis") == "recorded_fund"

    def _units(self, name: str) -> list[Record]:
        """Rows of a table; points as units."""
        rows: list[Record] = self.table(name).to_pylist()
        for row in rows:
            for column, value in row.items():
                if kind_of(name, column) is POINTS:
                    row[column] = units_of(value, 4)
        return rows

    @cached_property
    def pools(self) -> list[Record]:
        return self._units("months_pools")

    @cached_property
    def hospitals(self) -> list[Record]:
        return self._units("months_hospitals")

    @cached_property
    def suspended(self) -> list[Record]:
        return self._units("suspended")

    @cached_property
    def adjustments(self) -> list[Record]:
        return self._units("adjustments")

    @cached_property
    def corrections(self) -> list[Record]:
        return self._units("corrections")

    @cached_property
    def ties(self) -> list[Record]:
        return self._units("tie_out") if self.every else []

    def now(self, rows: list[Record]) -> list[Record]:
        """The rows of this month."""
        return [row for row in rows if row["month"] == self.month]


def value_fraction(row: Record) -> Fraction | None:
    """The exact provisional point value of a pool's month in yuan."""
    text = row["point_value_fraction"]
    return None if text is None else Fraction(text)
