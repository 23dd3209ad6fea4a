"""Stays that belong together, on Spark: chains of referral (rule 7), then readmissions (rule 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.ground.money import POINT
from drgpay.settlement.facts import NOT_GIVEN
from drgpay.settlement.prepare import Prepared
from drgpay.settlement.referrals import Stay
from drgpay.settlement.scoring import PAID_BY, Rules
from drgpay.spark import workers
from drgpay.spark.reading import Reading, lean
from drgpay.spark.schemas import CHAIN, CHAINED, ddl
from drgpay.spark.workers import ChainJob

BUCKET_ROWS = 50_000  # stays of patients that one call looks through for chains
MADE = ("drg", "cost", "points", "paid_by", "chain")


def with_chains(reading: Reading, cases: Any, rules: Rules) -> Any:
    """Return cases with the columns CHAIN: all stays of a patient meet in one bucket."""
    f = reading.f
    kinds = {field.name: ddl(pa.schema([field])).split(" ", 1)[1] for field in CHAIN}
    none = [f.lit(None).cast(kind).alias(name) for name, kind in kinds.items()]
    if not reading.policy.says("referral.rule", "one_stay", "separate"):
        return cases.select("*", *none)
    named = (f.coalesce("referral", f.lit("")) != "") & (f.coalesce("patient_id", f.lit("")) != "")
    named = named & (f.col("status") == 0) & (f.col("bed_class") < 0)
    buckets = cases.where(named).count() // BUCKET_ROWS + 1
    bucket = f.pmod(f.xxhash64("patient_id"), f.lit(buckets))
    job = ChainJob(reading.key, lean(reading.region), reading.policy, rules)
    asked = cases.where(named).withColumn("bucket", bucket).groupBy("bucket")
    found = asked.applyInArrow(workers.find_chains(reading.ship(job)), ddl(CHAINED))
    rest = cases.where(~named).select(*(c for c in cases.columns), *none)
    return reading.folder.save(found.unionByName(rest), "_chained")


def with_followed(reading: Reading, cases: Any) -> Any:
    """Return cases with the day of rule 1 of the stay that followed, -1 where none did (rule 8).

    A chain is one stay: its last is followed, its first follows, all of it loses.
    """
    f, policy = reading.f, reading.policy
    days = policy["readmission.days"]
    none = f.lit(-1).cast("int")
    if days is None:
        return cases.withColumn("correction_day", none)
    stays = reading.window.partitionBy("patient_id", "hospital", "kind").orderBy(
        "admission", "discharge", "case_id"
    )
    gap = f.lead("admission").over(stays) - f.col("discharge")
    hit = gap.between(0, days)
    hit = hit & f.coalesce("chain_last", f.lit(True))
    hit = hit & f.lead(f.coalesce("chain_first", f.lit(True))).over(stays)
    if policy["readmission.exempt_planned"]:
        hit = hit & ~f.col("planned")
    day = f.when(hit, f.lead("key_day").over(stays)).otherwise(none)
    some = cases.where(f.col("kind").isNotNull()).withColumn("correction_day", day)
    rest = cases.where(f.col("kind").isNull()).withColumn("correction_day", none)
    every = some.unionByName(rest)
    if not policy.says("referral.rule", "one_stay", "separate"):
        return every
    of_chain = f.max("correction_day").over(reading.window.partitionBy("chain"))
    inside = every.where(f.col("chain").isNotNull()).withColumn("correction_day", of_chain)
    return every.where(f.col("chain").isNull()).unionByName(inside)


@dataclass(frozen=True)
class ChainStays:
    """The stays of chains, and by name what they came to, in one order."""

    chains: list[tuple[Stay, ...]]
    made: dict[str, list[Any]]

    def made_of(self, places: NDArray[np.int64]) -> dict[str, list[Any]]:
        """Return by name what the stays at some places came to."""
        return {name: [own[i] for i in places.tolist()] for name, own in self.made.items()}


def chain_stays(reading: Reading, cases: Any, scored: Any, prepared: Prepared) -> ChainStays:
    """Return the stays of all chains; the driver holds them, as far as they are shown."""
    stays: dict[str, list[Stay]] = {}
    made: dict[str, list[Any]] = {name: [] for name in MADE}
    if reading.policy.says("referral.rule", "one_stay", "separate"):
        f, number = reading.f, {drg: i for i, drg in enumerate(prepared.numbers.drgs)}
        given = cases.where(f.col("chain").isNotNull()).select(
            "case_id", "hospital", "admission", "discharge", "deductible"
        )
        shown = scored.where(f.col("chain").isNotNull()).select(
            "case_id", "chain", "drg", "total_cost_fen", "points", "paid_by"
        )
        for r in (
            given.join(shown, "case_id").orderBy("admission", "discharge", "case_id").collect()
        ):
            paid = NOT_GIVEN if r["deductible"] is None else r["deductible"]
            own = (r["case_id"], r["hospital"], r["admission"], r["discharge"], paid)
            stays.setdefault(r["chain"], []).append(Stay(len(made["drg"]), *own))
            values = (
                number[r["drg"]], r["total_cost_fen"], int(r["points"] * POINT),
                PAID_BY.index(r["paid_by"]), r["chain"],
            )  # fmt: skip
            for name, value in zip(MADE, values, strict=True):
                made[name].append(value)
    return ChainStays([tuple(own) for own in stays.values()], made)
