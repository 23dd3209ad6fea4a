"""What a year's cases in Spark add up to, as settlement/kernels.py adds them up, and what the driver
takes of them: reviewed cases, per-diem stays, and with bounds on each case all that are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.errors import InputError, both
from drgpay.ground.money import POINT
from drgpay.grouper.outcome import STATUSES
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, VersionUse
from drgpay.points.trimming import Moments
from drgpay.region.records import Region
from drgpay.settlement.doubts import DOUBTS
from drgpay.settlement.kernels import (
    ACCOUNT_COLUMNS,
    CASES,
    COST,
    FUND,
    HELD_CASES,
    HELD_COST,
    HELD_FUND,
    M_CORRECTION,
    MONEY,
    MONTH_COLUMNS,
    NOT_POOL,
    NOT_POOL_BY_POINTS,
    POINTS,
)
from drgpay.settlement.point_value import CaseItems, Key
from drgpay.settlement.prepare import version_use
from drgpay.settlement.quota import Reviewed
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY
from drgpay.settlement.totals import SetAside, Totals
from drgpay.spark import workers
from drgpay.spark.engine import spark_module
from drgpay.spark.history import WIDE
from drgpay.spark.reading import lost
from drgpay.spark.schemas import ITEMS, PACKED, ddl

BOUNDED_CASES = 100_000_000  # cases with bounds of their own that the driver takes at once


@dataclass(frozen=True)
class Facts:
    """Of all cases: how they ended, what was set aside, cost moments of the grouped by group."""

    ends: Mapping[str, int]
    aside: SetAside
    moments: list[Moments]


def reviewed_cases(scored: Any, region: Region) -> Reviewed:
    """Return the cases with a review, as far as quotas and notes ask for them."""
    columns = ("case_id", "hospital_id", "status", "case_class", "paid_by", "review", "doubts")
    rows = scored.where("review > 0").select(*columns).collect() if region.reviews else []
    hospitals = {h.id: i for i, h in enumerate(region.hospitals)}
    classes = {name: i for i, name in enumerate(CASE_CLASSES)}
    paid = {name: i for i, name in enumerate(PAID_BY)}

    def of(make: Any) -> NDArray[np.int64]:
        return np.array([make(r) for r in rows], dtype=np.int64)

    return Reviewed(
        [r["case_id"] for r in rows],
        of(lambda r: hospitals.get(r["hospital_id"], -1)),
        of(lambda r: STATUSES.index(r["status"])),
        of(lambda r: classes.get(r["case_class"], -1)),
        of(lambda r: paid.get(r["paid_by"], -1)),
        of(lambda r: r["review"]),
        of(lambda r: bool(r["doubts"])),
    )


def _units(points: Any) -> int:
    return 0 if points is None else int(points * POINT)


def totals_of(scored: Any, region: Region, drgs: Sequence[str]) -> tuple[Totals, Facts]:
    """Return the sums over all cases as settlement/kernels.py adds them up, by exact aggregations."""
    f = spark_module("pyspark.sql.functions")
    pools = len(region.pools)
    hospital = {h.id: i for i, h in enumerate(region.hospitals)}
    pool = {p.id: i for i, p in enumerate(region.pools)}
    accounts = len(region.hospitals) * pools
    by_account = np.zeros((accounts, ACCOUNT_COLUMNS), dtype=np.int64)
    by_month = np.zeros((accounts, 12, MONTH_COLUMNS), dtype=np.int64)
    paid = scored.where(f.col("paid_by").isNotNull())
    number, price = f.count(f.lit(1)), f.coalesce("price_fen", f.lit(0))
    rows = (
        paid.groupBy("hospital_id", "pool", "month", "paid_by")
        .agg(
            number.alias("n"),
            f.sum("points").alias("points"),
            f.sum("points_before_readmission").alias("before"),
            f.sum("not_pool_fen").alias("not_pool"),
            f.sum("pool_fund_fen").alias("fund"),
            f.sum("total_cost_fen").alias("cost"),
            f.sum(price).alias("price"),
        )
        .collect()
    )
    for r in rows:
        a = hospital[r["hospital_id"]] * pools + pool[r["pool"]]
        n, fund, cost, not_pool = r["n"], r["fund"], r["cost"], r["not_pool"]
        if r["paid_by"] == "held":
            by_account[a, [HELD_CASES, HELD_FUND, HELD_COST]] += (n, fund, cost)
            continue
        by_points = not_pool if r["paid_by"] == "points" else 0
        money = r["price"] - not_pool if r["paid_by"] == "money" else 0
        places = [CASES, POINTS, NOT_POOL, FUND, NOT_POOL_BY_POINTS, MONEY, COST]
        by_account[a, places] += (n, _units(r["points"]), not_pool, fund, by_points, money, cost)
        month = int(r["month"][-2:]) - 1
        by_month[a, month, :6] += (n, _units(r["before"]), not_pool, fund, by_points, money)
    corrections = (
        paid.where(f.col("correction_month").isNotNull() & (f.col("paid_by") != "held"))
        .groupBy("hospital_id", "pool", "correction_month")
        .agg(f.sum(f.col("points") - f.col("points_before_readmission")).alias("points"))
        .collect()
    )
    for r in corrections:
        a = hospital[r["hospital_id"]] * pools + pool[r["pool"]]
        by_month[a, int(r["correction_month"][-2:]) - 1, M_CORRECTION] += _units(r["points"])
    by_class, by_group, case_points, by_item, facts = _by_kind(f, scored, drgs)
    aside = replace(facts.aside, by_pool=_quarantined(f, scored, pool))
    facts = replace(facts, aside=aside)
    by_doubt = _by_doubt(f, paid)
    totals = Totals(by_account, by_month, by_class, by_group, case_points, by_item, by_doubt)
    return totals, facts


def _quarantined(f: Any, scored: Any, pool: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    """Return cases and fund of this year's quarantined cases by pool, the last of no known pool."""
    bad = (f.col("status") == "quarantined") & (f.col("reason") != "outside_year")
    found = [[0, 0] for _ in range(len(pool) + 1)]
    sums = (f.count(f.lit(1)), f.sum(f.coalesce("pool_fund_fen", f.lit(0))))
    for name, cases, fund in scored.where(bad).groupBy("pool").agg(*sums).collect():
        own = found[pool.get(name, len(pool))]
        own[0], own[1] = own[0] + cases, own[1] + fund
    return tuple((cases, fund) for cases, fund in found)


def _by_doubt(f: Any, paid: Any) -> NDArray[np.int64]:
    """Return what each finding holds: cases, cost, recorded fund."""
    held = (f.col("paid_by") == "held") & f.col("doubts").isNotNull() & (f.col("review") == 0)
    sums = (f.count(f.lit(1)), f.sum("total_cost_fen"), f.sum("pool_fund_fen"))
    found = np.zeros((len(DOUBTS), 3), dtype=np.int64)
    for r in paid.where(held).groupBy("doubts").agg(*sums).collect():
        for name in r[0].split("|"):
            found[DOUBTS.index(name)] += (r[1], r[2], r[3])
    return found


def _by_kind(
    f: Any, scored: Any, drgs: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int, Facts]:
    """Return sums by class and by group, points of all cases, money by item, and the facts."""
    cost = f.col("total_cost_fen")
    rows = (
        scored.groupBy("status", "drg", "case_class", "paid_by")
        .agg(
            f.count(f.lit(1)).alias("n"),
            f.sum("points").alias("points"),
            f.sum(cost).alias("cost"),
            f.sum(cost.cast(WIDE) * cost.cast(WIDE)).alias("squares"),
            f.sum("pool_fund_fen").alias("fund"),
            f.sum(f.col("price_fen") - f.col("not_pool_fen")).alias("money"),
        )
        .collect()
    )
    group = {drg: g for g, drg in enumerate(drgs)}
    classes = {name: c for c, name in enumerate(CASE_CLASSES)}
    by_class = np.zeros((len(CASE_CLASSES), 3), dtype=np.int64)
    by_group = np.zeros((len(drgs), 3), dtype=np.int64)
    moments = [Moments() for _ in drgs]
    ends: dict[str, int] = {}
    case_points = by_item = 0
    aside = [0, 0, 0]
    for r in rows:
        n, points = r["n"], _units(r["points"])
        ends[r["status"]] = ends.get(r["status"], 0) + n
        if r["status"] == "grouped":
            moments[group[r["drg"]]] += Moments(n, int(r["cost"]), int(r["squares"]))
        if r["paid_by"] is None:
            aside = [x + (y or 0) for x, y in zip(aside, (n, r["cost"], r["fund"]), strict=True)]
        elif r["paid_by"] != "held":
            by_class[classes[r["case_class"]]] += (n, points, r["cost"])
            by_group[group[r["drg"]]] += (n, points, r["cost"])
            if r["paid_by"] == "points":
                case_points += points
            elif r["case_class"] != "bed_day":
                by_item += r["money"]
    return (
        by_class,
        by_group,
        case_points,
        by_item,
        Facts(ends, SetAside(aside[0], aside[1], aside[2]), moments),
    )


def items_of(scored: Any) -> Callable[[Sequence[Key]], CaseItems]:
    """Return what gives the cases of some accounts that are paid by points.

    Workers pack them, the driver unpacks blob by blob: some 120 bytes a case while it solves.
    Raises InputError beyond BOUNDED_CASES.
    """
    f = spark_module("pyspark.sql.functions")

    def items(keys: Sequence[Key]) -> CaseItems:
        places = pa.table(
            {
                "hospital_id": [hospital for hospital, _ in keys],
                "pool": [pool for _, pool in keys],
                "account": pa.array(range(len(keys)), pa.int64()),
            }
        )
        frame = f.broadcast(scored.sparkSession.createDataFrame(places))
        own = scored.where(f.col("paid_by") == "points").join(frame, ["hospital_id", "pool"])
        columns = (
            (f.col("points") * POINT).cast("bigint").alias("points"),
            f.col("not_pool_fen").alias("not_pool"),
            f.col("pool_fund_fen").alias("fund"),
            f.col("total_cost_fen").alias("cost"),
            f.col("account"),
        )
        count = own.count()
        if count > BOUNDED_CASES:
            raise _too_many(count)
        packed = own.select(*columns).mapInArrow(workers.pack, ddl(PACKED)).persist()
        try:
            packed.count()  # on all workers, before the driver asks one part after the other
            return _unpacked((bytes(row["packed"]) for row in packed.toLocalIterator()), count)
        finally:
            packed.unpersist()

    return items


def _unpacked(blobs: Iterable[bytes], count: int) -> CaseItems:
    """Return so many cases; what is unpacked is one blob at a time."""
    found = [np.empty(count, np.int64) for _ in ITEMS.names]
    start = 0
    for blob in blobs:
        table = workers.unpack(blob)
        end = start + len(table)
        if end > count:
            raise lost(count, end)
        for values, name in zip(found, ITEMS.names, strict=True):
            values[start:end] = table[name].to_numpy()
        start = end
    if start != count:
        raise lost(count, start)
    return CaseItems(*found)


def versions_of(cases: Any, grouper: AnyGrouper, paid: int) -> tuple[VersionUse, ...]:
    """Return how many paid cases each version of a family grouped; nothing for one scheme."""
    if not isinstance(grouper, VersionedGrouper):
        return ()
    total = np.zeros(len(grouper.versions), dtype=np.int64)
    for row in cases.where("status < 3 and version >= 0").groupBy("version").count().collect():
        total[row["version"]] += row["count"]
    return version_use(grouper, total, paid)


def _too_many(count: int) -> InputError:
    return InputError(
        both(
            f"按病例的上下限：{count:,} 例超出驱动端一次可算的 {BOUNDED_CASES:,} 例",
            f"bounds on each case: {count:,} cases are more than the {BOUNDED_CASES:,} that the "
            "driver solves at once",
        ),
        where="bound.level",
        remedy=both(
            "将 bound.level 设为 hospital，或分险种清算（combine_pools = false）",
            "set bound.level to hospital, or settle pools apart (combine_pools = false)",
        ),
    )


def bed_day_stays(scored: Any) -> list[Mapping[str, Any]]:
    """Return the per-diem stays, those alike in one row: `stays` of them, with the sum of cost."""
    f = spark_module("pyspark.sql.functions")
    alike = (
        "hospital_id", "pool", "bed_day_class", "days", "discharge_way", "paid_by", "points",
        "price_fen",
    )  # fmt: skip
    rows = (
        scored.where((f.col("case_class") == "bed_day") & (f.col("paid_by") != "held"))
        .groupBy(*alike)
        .agg(f.count(f.lit(1)).alias("stays"), f.sum("total_cost_fen").alias("cost"))
        .collect()
    )
    return [row.asDict() for row in rows]
