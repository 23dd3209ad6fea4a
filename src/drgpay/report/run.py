"""The run folder as the report reads it: its manifest and its Parquet tables, nothing else."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .amounts import units_of
from .texts import CLASSES

Record = dict[str, Any]


@dataclass
class Amounts:
    """What a hospital has in a pool, and what any set of such rows adds up to."""

    cases: int = 0
    points: int = 0
    not_pool: int = 0
    recorded: int = 0
    due: int = 0
    prepaid: int = 0
    deposit: int = 0
    forfeited: int = 0
    violation: int = 0
    final: int = 0

    @property
    def difference(self) -> int:
        return self.due - self.recorded

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class ClassSum:
    """What the cases of one class add up to."""

    name: str
    cases: int
    points: int
    cost: int


@dataclass(frozen=True)
class Account:
    """A hospital in a pool."""

    hospital: str
    pool: str
    amounts: Amounts


def total_of(accounts: Iterable[Account]) -> Amounts:
    """Sum of the accounts' amounts."""
    return sum((a.amounts for a in accounts), Amounts())


class Run:
    """The run folder's manifest and tables, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        raw = (folder / "manifest.json").read_bytes()
        self.digest = hashlib.sha256(raw).hexdigest()
        self.manifest: Record = json.loads(raw, parse_float=Decimal)
        self.parameters: list[Record] = self.manifest["policy"]["parameters"]
        self.values: Record = {p["key"]: p["value"] for p in self.parameters}
        self.hospitals: dict[str, Record] = {
            h["hospital_id"]: h for h in self.manifest["hospitals"]
        }
        self.pools: list[Record] = self.manifest["pools"]
        self.classes: list[ClassSum] = self._classes()

    def table(self, name: str) -> pa.Table:
        return pq.read_table(self.folder / f"{name}.parquet")

    def _classes(self) -> list[ClassSum]:
        """Each class that has cases."""
        given: Record = self.manifest["classes"]
        names = [c for c in CLASSES if c in given] + sorted(set(given) - set(CLASSES))
        found = []
        for name in names:
            facts = given[name]
            if facts["cases"]:
                points, cost = units_of(facts["points"], 4), int(facts["total_cost_fen"])
                found.append(ClassSum(name, int(facts["cases"]), points, cost))
        return found

    @cached_property
    def accounts(self) -> list[Account]:
        """Every hospital and pool, most points first."""
        found = []
        for r in self.table("hospitals").to_pylist():
            found.append(
                Account(
                    r["hospital_id"],
                    r["pool"],
                    Amounts(
                        cases=r["cases"],
                        points=units_of(r["points"], 4),
                        not_pool=r["not_pool_fen"],
                        recorded=r["recorded_fund_fen"],
                        due=r["due_fen"],
                        prepaid=r["prepaid_fen"],
                        deposit=r["deposit_fen"],
                        forfeited=r["forfeited_fen"],
                        violation=r["violation_fen"],
                        final=r["final_fen"],
                    ),
                )
            )
        return sorted(found, key=lambda a: (-a.amounts.points, a.hospital, a.pool))

    @cached_property
    def by_hospital(self) -> list[Account]:
        """Every hospital over all pools, most points first."""
        sums: dict[str, Amounts] = {}
        for account in self.accounts:
            sums[account.hospital] = sums.get(account.hospital, Amounts()) + account.amounts
        found = [Account(hospital, "", amounts_) for hospital, amounts_ in sums.items()]
        return sorted(found, key=lambda a: (-a.amounts.points, a.hospital))

    @cached_property
    def total(self) -> Amounts:
        return total_of(self.accounts)

    def fraction(self, key: str) -> Fraction | None:
        """A numeric parameter, or None when the manifest has no such number."""
        value = self.values.get(key)
        if value is None or isinstance(value, (bool, float, list, dict)):
            return None
        try:
            return Fraction(value)
        except ValueError:
            return None

    def settled_in(self, pool: str) -> str:
        """The row of the pools table that settles a pool: itself, or the combined "310+390"."""
        for p in self.pools:
            if pool == p["pool"] or pool in p["pool"].split("+"):
                return str(p["pool"])
        return pool

    @cached_property
    def combined(self) -> bool:
        return any(self.settled_in(a.pool) != a.pool for a in self.accounts)

    def hospital_name(self, hospital: str) -> str:
        return str(self.hospitals.get(hospital, {}).get("name") or hospital)

    def pool_name(self, pool: str, code: bool = True) -> str:
        for p in self.pools:
            if p["pool"] == pool and p.get("name"):
                return f"{p['name']} {pool}" if code else str(p["name"])
        return pool

    def readmissions(self) -> tuple[int, int]:
        """Cases whose points the readmission rule lowered, and by how many points in all."""
        count, lost = 0, 0
        columns = ["points_before_readmission", "points"]
        for batch in pq.ParquetFile(self.folder / "cases.parquet").iter_batches(columns=columns):
            cut = pc.subtract(batch.column(0), batch.column(1))
            count += pc.sum(pc.not_equal(batch.column(0), batch.column(1))).as_py() or 0
            lost += units_of(pc.sum(cut).as_py() or 0, 4)
        return count, lost
