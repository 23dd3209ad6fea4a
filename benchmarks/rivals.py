"""The year end as an analyst would write it today, in DuckDB SQL and in polars.

Like the one in pandas (`benchmarks.year_end`) they take cases and history that are grouped already,
as Arrow tables with money in fen and days as numbers, and know the rules of the policy `hangzhou`
alone. Each gives the sums of hospital and pool, whose fen must be ours.
"""

from __future__ import annotations

from typing import Any

EXEMPT = ("RB1", "RC1", "RE1", "RU1", "RV1")  # ADRGs whose readmissions count whole
SCALE, TOP = 1_000_000, 2**62

# --- plain DuckDB SQL

KEPT = """
SELECT *, bed <> '' OR coalesce(payment_mode = 'bed_day', false) AS by_day FROM (
  SELECT *, CASE WHEN given = '' AND days > 60 THEN 'LONG' ELSE given END AS bed FROM (
    SELECT *, coalesce(bed_day_class, '') AS given,
      CASE WHEN los_days >= 0 THEN los_days ELSE discharge_date - admission_date END AS days
    FROM {table}
    WHERE status <> 'quarantined' AND discharge_date >= admission_date AND total_cost >= 0
      AND coalesce(settlement_date, discharge_date) BETWEEN {first} AND {last}
      AND case_id NOT IN (SELECT case_id FROM {table} GROUP BY case_id HAVING count(*) > 1)))
"""

BASE = """
CREATE TEMP TABLE base AS
WITH kept AS (SELECT drg, total_cost AS cost FROM ({past})
    WHERE status = 'grouped' AND NOT by_day AND total_cost > 0),
  spread AS (SELECT drg, coalesce(stddev_samp(cost) / avg(cost) > 1, false) AS trimmed,
    quantile_cont(cost, 0.25) AS q1, quantile_cont(cost, 0.75) AS q3 FROM kept GROUP BY drg),
  inside AS (SELECT drg, cost FROM kept JOIN spread USING (drg) WHERE NOT trimmed
    OR cost BETWEEN q1 - 0.5 * (q3 - q1) AND q3 + 1.5 * (q3 - q1)),
  means AS (SELECT drg, count(*) AS n, sum(cost)::BIGINT AS total,
    stddev_samp(cost) / avg(cost) AS cv FROM inside GROUP BY drg),
  whole AS (SELECT ((2 * sum(total) + sum(n)) // (2 * sum(n)))::BIGINT AS all_mean FROM means)
SELECT drg, all_mean, (2 * total + n) // (2 * n) AS mean,
  (2 * ((2 * total + n) // (2 * n)) * 1000000 + all_mean) // (2 * all_mean) AS base,
  n > 5 AND coalesce(cv <= 1, false) AS stable
FROM means, whole
"""

SUMS = """
WITH kept AS ({cases}),
  joined AS (
    SELECT kept.*, coalesce(mean, 0) AS mean, coalesce(base, 0) AS base,
      coalesce(stable, false) AS stable, (SELECT any_value(all_mean) FROM base) AS all_mean,
      hospitals.c, coalesce(reviews.less, 0) AS less, coalesce(reviews.granted, false) AS granted,
      rates.rate,
      CASE WHEN coalesce(base, 0) <= 1000000 THEN 6 WHEN base <= 3000000 THEN 4 ELSE 3 END AS k
    FROM kept JOIN hospitals ON hospitals.id = hospital_id JOIN pools ON pools.id = pool
      LEFT JOIN base USING (drg) LEFT JOIN reviews ON reviews.id = case_id
      LEFT JOIN rates ON rates.bed = kept.bed
    WHERE pool_fund BETWEEN 0 AND total_cost AND (NOT by_day OR rates.rate IS NOT NULL)),
  pointed AS (
    SELECT *, CASE
      WHEN by_day THEN greatest(days, 1) * ((2 * rate * 1000000 + all_mean) // (2 * all_mean))
      WHEN status <> 'grouped' OR NOT stable
        THEN (2 * (total_cost - less) * 1000000 + all_mean) // (2 * all_mean)
      WHEN coalesce(payment_mode <> 'day_surgery', true) AND 5 * total_cost <= 2 * mean
        THEN (2 * base * total_cost + mean) // (2 * mean)
      WHEN 2 * total_cost >= k * mean AND granted
        THEN (base::HUGEINT * c * mean * 4
          + greatest(0, 2 * (total_cost - less) - k * mean)::HUGEINT * base * 2000000
          + mean::HUGEINT * 2000000) // (mean::HUGEINT * 4000000)
      ELSE (2 * base * c + 1000000) // 2000000 END AS points,
      status = 'grouped' AND NOT by_day AND patient_id IS NOT NULL
        AND adrg NOT IN {exempt} AS counts
    FROM joined),
  followed AS (
    SELECT *, coalesce(counts AND lead(admission_date) OVER (
      PARTITION BY patient_id, hospital_id, drg, counts
      ORDER BY admission_date, discharge_date, case_id) - discharge_date BETWEEN 0 AND 15,
      false) AS again
    FROM pointed)
SELECT hospital_id, pool, count(*) AS cases,
  sum(CASE WHEN again THEN (points + 1) // 2 ELSE points END)::BIGINT AS points,
  sum(pool_fund)::BIGINT AS fund, sum(total_cost - pool_fund)::BIGINT AS not_pool
FROM followed GROUP BY hospital_id, pool
"""


def _days(year: int, past_years: int) -> dict[str, int]:
    import datetime as dt

    zero = dt.date(1970, 1, 1)
    first = dt.date(year - past_years, 1, 1)
    last = dt.date(year - 1 if past_years else year, 12, 31)
    return {"first": (first - zero).days, "last": (last - zero).days}


def _tables(region: Any) -> dict[str, Any]:
    """Return the region's small tables: hospitals, pools, reviews, rates of bed-days."""
    import pyarrow as pa

    reviews = region.reviews.items()
    kept = [h for h in region.hospitals]
    return {
        "hospitals": pa.table({"id": [h.id for h in kept], "c": [h.coefficient for h in kept]}),
        "pools": pa.table({"id": [p.id for p in region.pools]}),
        "reviews": pa.table(
            {
                "id": pa.array([case for case, _ in reviews], pa.string()),
                "less": pa.array([review.unreasonable_fen for _, review in reviews], pa.int64()),
                "granted": pa.array([review.decision == 1 for _, review in reviews], pa.bool_()),
            }
        ),
        "rates": pa.table(
            {
                "bed": pa.array([r.bed_class for r in region.bed_day_rates], pa.string()),
                "rate": pa.array([r.rate_fen for r in region.bed_day_rates], pa.int64()),
            }
        ),
    }


def by_duckdb(region: Any, cases: Any, past: Any) -> Any:
    """Return the sums of hospital and pool (pandas), by DuckDB SQL alone."""
    import duckdb

    with duckdb.connect() as database:
        for name, table in {**_tables(region), "cases": cases, "past": past}.items():
            database.register(name, table)
        of_past = KEPT.format(table="past", **_days(region.year, 2))
        database.execute(BASE.format(past=of_past))
        of_cases = KEPT.format(table="cases", **_days(region.year, 0))
        return database.execute(SUMS.format(cases=of_cases, exempt=EXEMPT)).df()


# --- polars


def _kept(frame: Any, first: int, last: int) -> Any:
    import polars as pl

    stay = pl.col("discharge_date") - pl.col("admission_date")
    key = pl.coalesce("settlement_date", "discharge_date")
    rows = frame.lazy().filter(
        pl.col("case_id").is_unique()
        & (pl.col("status") != "quarantined")
        & (stay >= 0)
        & (pl.col("total_cost") >= 0)
        & key.is_between(first, last)
    )
    given = pl.col("bed_day_class").fill_null("")
    days = pl.when(pl.col("los_days") >= 0).then(pl.col("los_days")).otherwise(stay)
    rows = rows.with_columns(days=days.cast(pl.Int64), given=given)
    long = (pl.col("given") == "") & (pl.col("days") > 60)
    rows = rows.with_columns(bed=pl.when(long).then(pl.lit("LONG")).otherwise("given"))
    by_day = (pl.col("bed") != "") | (pl.col("payment_mode") == "bed_day").fill_null(False)
    return rows.with_columns(by_day=by_day)


def _base(past: Any) -> tuple[Any, int]:
    import polars as pl

    cost = pl.col("cost")
    kept = past.filter(
        (pl.col("status") == "grouped") & ~pl.col("by_day") & (pl.col("total_cost") > 0)
    ).select("drg", cost="total_cost")
    cv = cost.std() / cost.mean()
    q1, q3 = (cost.quantile(q, interpolation="linear") for q in (0.25, 0.75))
    spread = kept.group_by("drg").agg(trimmed=(cv > 1).fill_null(False), q1=q1, q3=q3)
    wide = pl.col("q3") - pl.col("q1")
    inside = cost.is_between(pl.col("q1") - 0.5 * wide, pl.col("q3") + 1.5 * wide)
    rows = kept.join(spread, on="drg").filter(~pl.col("trimmed") | inside)
    means = rows.group_by("drg").agg(n=pl.len().cast(pl.Int64), total=cost.sum(), cv=cv).collect()
    n, total = int(means["n"].sum()), int(means["total"].sum())
    all_mean = (2 * total + n) // (2 * n)
    made = means.with_columns(mean=(2 * pl.col("total") + pl.col("n")) // (2 * pl.col("n")))
    return made.select(
        "drg",
        "mean",
        base=(2 * pl.col("mean") * SCALE + all_mean) // (2 * all_mean),
        stable=(pl.col("n") > 5) & (pl.col("cv") <= 1).fill_null(False),
    ).lazy(), all_mean


def _points(all_mean: int) -> Any:
    """Return the points of a case, as an expression of its columns."""
    import polars as pl

    mean, base, cost, k = (pl.col(name) for name in ("mean", "base", "total_cost", "k"))
    some = pl.when(mean > 0).then(mean).otherwise(1)
    above = pl.max_horizontal(pl.lit(0), 2 * (cost - pl.col("less")) - k * mean)
    wide = pl.Int128
    reviewed = (
        base.cast(wide) * pl.col("c") * mean * 4
        + above.cast(wide) * base * (2 * SCALE)
        + some.cast(wide) * (2 * SCALE)
    ) // (some.cast(wide) * (4 * SCALE))
    own_day = (2 * pl.col("rate").fill_null(0) * SCALE + all_mean) // (2 * all_mean)
    surgery = (pl.col("payment_mode") == "day_surgery").fill_null(False)
    return (
        pl.when("by_day")
        .then(pl.max_horizontal(pl.col("days"), 1) * own_day)
        .when((pl.col("status") != "grouped") | ~pl.col("stable"))
        .then((2 * (cost - pl.col("less")) * SCALE + all_mean) // (2 * all_mean))
        .when(~surgery & (5 * cost <= 2 * mean))
        .then((2 * base * cost + some) // (2 * some))
        .when((2 * cost >= k * mean) & pl.col("granted"))
        .then(reviewed.cast(pl.Int64))
        .otherwise((2 * base * pl.col("c") + SCALE) // (2 * SCALE))
    )


def by_polars(region: Any, cases: Any, past: Any) -> Any:
    """Return the sums of hospital and pool (pandas), by polars alone."""
    import polars as pl

    cases, past = (
        pl.from_arrow(table).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
        for table in (cases, past)
    )
    small = {name: pl.from_arrow(table).lazy() for name, table in _tables(region).items()}
    base, all_mean = _base(_kept(past, **_days(region.year, 2)))
    rows = _kept(cases, **_days(region.year, 0))
    rows = (
        rows.join(small["hospitals"], left_on="hospital_id", right_on="id")
        .join(small["pools"], left_on="pool", right_on="id")
        .join(base, on="drg", how="left")
        .join(small["reviews"], left_on="case_id", right_on="id", how="left")
        .join(small["rates"], on="bed", how="left")
        .filter(
            pl.col("pool_fund").is_between(0, pl.col("total_cost"))
            & (~pl.col("by_day") | pl.col("rate").is_not_null())
        )
        .with_columns(
            pl.col("mean", "base", "less").fill_null(0),
            pl.col("stable", "granted").fill_null(False),
        )
    )
    k = pl.when(pl.col("base") <= SCALE).then(6).when(pl.col("base") <= 3 * SCALE).then(4)
    rows = rows.with_columns(k=k.otherwise(3).cast(pl.Int64))
    counts = (
        (pl.col("status") == "grouped")
        & ~pl.col("by_day")
        & pl.col("patient_id").is_not_null()
        & ~pl.col("adrg").is_in(EXEMPT).fill_null(False)
    )
    rows = rows.with_columns(points=_points(all_mean), counts=counts)
    following = pl.col("admission_date").shift(-1).over(
        "patient_id", "hospital_id", "drg", "counts",
        order_by=["admission_date", "discharge_date", "case_id"],
    )  # fmt: skip
    gap = following - pl.col("discharge_date")
    again = pl.col("counts") & gap.is_between(0, 15).fill_null(False)
    points = pl.when(again).then((pl.col("points") + 1) // 2).otherwise("points")
    sums = (
        rows.with_columns(points=points)
        .group_by("hospital_id", "pool")
        .agg(
            cases=pl.len(),
            points=pl.col("points").sum(),
            fund=pl.col("pool_fund").sum(),
            not_pool=(pl.col("total_cost") - pl.col("pool_fund")).sum(),
        )
        .collect()
    )
    return sums.to_pandas()
