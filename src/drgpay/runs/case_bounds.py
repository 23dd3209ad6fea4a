"""What the bounds of single cases (bound.level = case) make of the sums of cases.

Every case of a run folder is held against its bounds at its pool's point value by the functions
that settled it, so that hospitals, classes and groups are shown at what their cases brought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from operator import add, sub
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.budget.pool import Rules
from drgpay.cases.parse import flat
from drgpay.policy.year import says

KEYS = ("bound.level", "bound.never_below_zero", "bound.cost_share", "bound.case_within_cost")
LOW = -1
BATCH = 500_000
_UNITS = pa.scalar(Decimal(10_000), pa.decimal128(5, 0))


@dataclass(frozen=True)
class Held:
    """Cases that a bound holds: points in 1/10,000; n and what they are due in fen."""

    cases: int = 0
    points: int = 0
    not_pool: int = 0
    due: int = 0

    def __add__(self, other: Held) -> Held:
        return Held(*map(add, astuple(self), astuple(other)))

    def __sub__(self, other: Held) -> Held:
        return Held(*map(sub, astuple(self), astuple(other)))


@dataclass(frozen=True)
class Ends:
    """The cases of a set that their low bounds hold up and their high bounds hold down."""

    low: Held = field(default_factory=Held)
    high: Held = field(default_factory=Held)

    @property
    def both(self) -> Held:
        return self.low + self.high

    def __add__(self, other: Ends) -> Ends:
        return Ends(self.low + other.low, self.high + other.high)


NOBODY = Ends()
Part = tuple[str, str, str]


@dataclass(frozen=True)
class CaseBounds:
    """The held cases by hospital, pool and class, and by hospital, pool and group."""

    classes: Mapping[Part, Ends]
    groups: Mapping[Part, Ends]

    def of_class(self, hospital: str, pool: str, case_class: str) -> Ends:
        return self.classes.get((hospital, pool, case_class), NOBODY)

    def of_account(self, hospital: str, pool: str) -> Ends:
        """Return those of a hospital in a pool."""
        return self._accounts.get((hospital, pool), NOBODY)

    @cached_property
    def _accounts(self) -> dict[tuple[str, str], Ends]:
        made: dict[tuple[str, str], Ends] = defaultdict(Ends)
        for (hospital, pool, _), ends in self.classes.items():
            made[hospital, pool] += ends
        return dict(made)

    def of_group(self, hospital: str, pool: str, drg: str) -> Ends:
        return self.groups.get((hospital, pool, drg), NOBODY)


def bounded_by_case(rules: Rules) -> bool:
    """Whether the parameters of a run bound each case."""
    if not says(rules, "bound.level", "case", "none", "hospital"):
        return False
    return any(rules[key] not in (None, False) for key in KEYS[1:])


def case_bounds(folder: Path, rules: Rules, point_values: Mapping[str, Fraction]) -> CaseBounds:
    """Return which cases of a run folder their bounds hold; none where no case is bounded.

    `point_values` are yuan a point by pool.
    """
    classes: dict[Part, Ends] = defaultdict(Ends)
    groups: dict[Part, Ends] = defaultdict(Ends)
    if not bounded_by_case(rules):
        return CaseBounds(classes, groups)
    file = pq.ParquetFile(folder / "cases.parquet")
    names = [
        *("hospital_id", "pool", "case_class", "drg", "paid_by", "points"),
        *("not_pool_fen", "pool_fund_fen", "total_cost_fen"),
    ]
    for batch in file.iter_batches(columns=names, batch_size=BATCH):
        table = pa.Table.from_batches([batch])
        table = table.filter(pc.equal(table["paid_by"].cast(pa.string()), "points"))
        for pool, value in point_values.items():
            own = table.filter(pc.equal(table["pool"].cast(pa.string()), pool))
            for (*place, drg, end), held in _held(own, rules, value * 100):
                hospital, case_class = place
                ends = Ends(held) if end == LOW else Ends(high=held)
                classes[hospital, pool, case_class] += ends
                groups[hospital, pool, drg] += ends
    return CaseBounds(dict(classes), dict(groups))


def _held(
    table: pa.Table, rules: Rules, value: Fraction
) -> list[tuple[tuple[str, str, str, int], Held]]:
    """Return the held cases of one pool by hospital, class, group and end; value in fen a point."""
    import numpy as np

    from drgpay.budget.bounds import Items, states  # compiles: only where cases are bounded
    from drgpay.budget.limits import bounds_of

    if not len(table):
        return []
    points = np.asarray(pc.multiply(flat(table["points"]), _UNITS).cast(pa.int64()))
    n, fund, cost = (
        np.asarray(flat(table[name]))
        for name in ("not_pool_fen", "pool_fund_fen", "total_cost_fen")
    )
    low, high = bounds_of(rules, fund, cost, n)
    items = Items.of(points, n, low, np.maximum(low, high))
    state = states(items, value)
    chosen = np.flatnonzero(state)
    due = np.where(state > 0, items.high_fen, items.low_fen)
    keys = ["hospital_id", "case_class", "drg"]
    some = pa.table(
        {
            **{key: flat(table[key]).cast(pa.string()).take(chosen) for key in keys},
            "end": state[chosen],
            "points": points[chosen],
            "n": n[chosen],
            "due": due[chosen],
        }
    )
    sums = [(name, "sum") for name in ("points", "n", "due")]
    found = some.group_by([*keys, "end"]).aggregate([("end", "count"), *sums])
    return [
        (
            (r["hospital_id"] or "", r["case_class"] or "", r["drg"] or "", r["end"]),
            Held(r["end_count"], r["points_sum"], r["n_sum"], r["due_sum"]),
        )
        for r in found.to_pylist()
    ]
