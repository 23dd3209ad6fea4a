"""A year end on Spark: workers read, group and score; the driver keeps policy, pools and dues.

Stages: history → base points and coefficients; cases → read and grouped → copies of a case id out →
readmissions → points and prices; sums → point values and dues by the same code as on one machine.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.layout import select
from drgpay.cases.mapping import mapping_of
from drgpay.cases.quarantine import REASONS as QUARANTINE_REASONS
from drgpay.cases.quarantine import Quarantine
from drgpay.columns import GROUPING_COLUMNS
from drgpay.errors import Bilingual, BooksError, InputError, PolicyError, both
from drgpay.grouper.check import CheckRun
from drgpay.grouper.outcome import REASONS, STATUSES, Counts
from drgpay.money import POINT
from drgpay.perdiem.points import bed_day_tables
from drgpay.points.base import group_tables
from drgpay.points.coefficients import coefficients
from drgpay.points.trimming import Moments
from drgpay.policy import YearPolicy, load_policy
from drgpay.settlement import year_end as whole
from drgpay.settlement.facts import HISTORY_WANTED
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
from drgpay.settlement.pieces import ReadPieces
from drgpay.settlement.point_value import HospitalResult, PoolResult, settle
from drgpay.settlement.prepare import HistoryUse, Prepared
from drgpay.settlement.region import InputFile, Region, describe_file, read_region
from drgpay.settlement.run_folder import (
    ceiling_table,
    coefficients_table,
    drgs_table,
    hospitals_table,
    manifest,
    months_table,
    pools_table,
    quality_table,
)
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY, Rules, points_step
from drgpay.settlement.year_end import YearEnd
from drgpay.spark import workers
from drgpay.spark.engine import Folder, spark_module, uri, without_pandas_notice
from drgpay.spark.faults import retold
from drgpay.spark.history import WIDE, SparkHistory
from drgpay.spark.schemas import PAST, READ, ddl
from drgpay.spark.workers import FILE, ROW, ReadJob, ScoreJob, Shipped

WANTED = (
    *GROUPING_COLUMNS,
    "patient_id",
    "hospital_id",
    "pool",
    "admission_date",
    "discharge_date",
    "settlement_date",
    "total_cost",
    "pool_fund",
    "payment_mode",
    "bed_day_class",
    "discharge_way",
    "planned_readmission",
    "refund",
)
SHOWN_NOTES = 1_000  # quarantined rows that the driver looks at; all are written
MANY_COPIES = 1_000_000  # case ids that stand several times, beyond which they are not broadcast
DUPLICATE = REASONS.index("duplicate_case")


@dataclass(frozen=True)
class SparkYearEnd:
    """A year settled on Spark: results by pool and hospital, and where the tables lie.

    `run` is the year end without its cases: these are in `place`, table `cases`.
    """

    place: str
    run: YearEnd

    @property
    def pools(self) -> Sequence[PoolResult]:
        """Results by pool."""
        return self.run.pools

    @property
    def hospitals(self) -> Sequence[HospitalResult]:
        """Results by hospital and pool."""
        return self.run.hospitals

    @property
    def counts(self) -> Counts:
        """How many cases came in and what became of them."""
        return self.run.counts

    @property
    def warnings(self) -> Sequence[Bilingual]:
        """What the reader of the run must know."""
        return self.run.warnings


def settle_on_spark(
    spark: Any,
    region_dir: str | Path,
    *,
    out: str | Path,
    cases: Any = None,
    history: Any = None,
    overrides: Sequence[str] = (),
) -> SparkYearEnd:
    """Settle the year of a region on a Spark session and write the folder `out`.

    `cases`, `history`: a frame of Spark, or the place of Parquet files (`hdfs://…`, `s3a://…`, a
    local path or a list of them); by default the Parquet files of the region folder. Results are
    those of `year_end`, to the fen. docs/spark.md says what is not done here.

    Raises InputError, PolicyError or SchemeError for inputs that cannot be used, and BooksError
    when a total does not tie out.
    """
    spark_module("pyspark.sql")
    elsewhere = [n for n, given in (("cases", cases), ("history", history)) if given is not None]
    region = read_region(Path(region_dir), overrides, elsewhere=elsewhere)
    loaded = load_policy(region.policy, region.path)
    policy = loaded.for_year(region.year, overrides)
    _refuse(policy)
    folder = Folder(spark, out)
    with without_pandas_notice(), retold():
        try:
            run = _Run(spark, region, policy, folder)
            past = run.past(history)
            made = run.settle(loaded, past, cases)
            run.write(made)
            place = folder.finish()
        finally:
            folder.delete(folder.part)
    return SparkYearEnd(place, made)


def _refuse(policy: YearPolicy) -> None:
    """Fail if the policy asks for what is not done on Spark."""
    asked = []
    if policy["referral.rule"] == "one_stay":
        asked.append(("referral.rule", both("转诊合并计算", "stays of a referral as one")))
    if policy["bound.level"] == "case":
        asked.append(("bound.level", both("按病例的上下限", "bounds on each case")))
    for key, what in asked:
        raise PolicyError(
            both(f"Spark 上不做：{what.chinese}", f"not done on Spark: {what}"),
            where=key,
            remedy=both("用单机清算：drgpay year-end", "settle on one machine: drgpay year-end"),
        )


@dataclass(frozen=True)
class _Past:
    history: SparkHistory | None
    use: HistoryUse
    years: tuple[int, ...]
    months: dict[tuple[str, str, int], int]


class _Run:
    """One run: what all of its stages share."""

    def __init__(self, spark: Any, region: Region, policy: YearPolicy, folder: Folder) -> None:
        self.spark, self.region, self.policy, self.folder = spark, region, policy, folder
        self.f = spark_module("pyspark.sql.functions")
        self.window = spark_module("pyspark.sql").Window
        self.key = uuid.uuid4().hex
        self.grouper = workers.grouper_of(region)
        self.main = workers.at_year_end(self.grouper, region.year)
        whole.check_given_drgs(region, self.grouper)
        whole._check_named_groups(policy, self.grouper)
        self.unknown: tuple[str, ...] = ()
        self.notes: list[Bilingual] = []
        self.inputs: list[InputFile] = []

    # --- reading

    def ship(self, job: Any) -> Shipped[Any]:
        """Return a job as all workers get it, once each."""
        return Shipped(self.spark.sparkContext.broadcast(job))

    def frames(self, given: Any, files: Sequence[Path], name: str) -> list[tuple[Any, str]]:
        """Return the frames of cases with their names, each with file and row of its rows."""
        if given is not None and not isinstance(given, str | Path | list | tuple):
            frame = given.withColumn(FILE, self.f.lit(name)).withColumn(
                ROW, self.f.lit(None).cast("bigint")
            )
            return [(frame, name)]
        places = files if given is None else given if isinstance(given, list | tuple) else [given]
        found = []
        for place in places:
            suffix = Path(str(place)).suffix.lower()
            if suffix not in ("", ".parquet", ".pq"):
                raise InputError(
                    both("Spark 上只读 Parquet", "only Parquet is read on Spark"),
                    where=str(place),
                    remedy=both(
                        "先用 drgpay cases convert 转换，或给出 DataFrame",
                        "convert it (drgpay cases convert), or give a frame",
                    ),
                )
            frame = self.spark.read.parquet(uri(place))
            own = [self.f.col(_quoted(column)) for column in frame.columns]
            frame = frame.select(
                *own,
                self.f.col("_metadata.file_name").alias(FILE),
                (self.f.col("_metadata.row_index") + 1).alias(ROW),
            )
            found.append((frame, str(place)))
        return found

    def read(
        self,
        frames: Sequence[tuple[Any, str]],
        stage: Any,
        wanted: Sequence[str],
        purpose: str,
        schema: pa.Schema,
        job: ReadJob,
    ) -> tuple[Any, bool]:
        """Return all frames as a stage reads them, and whether all have patients."""
        out, patients = None, True
        for number, (frame, name) in enumerate(frames):
            headers = [column for column in frame.columns if column not in (FILE, ROW)]
            layout = select(headers, wanted, name, purpose, mapping_of(self.region.reading))
            chosen = [headers[i] for i in layout.positions]
            _check_times(frame, chosen, name)
            patients &= "patient_id" in layout.names
            if purpose == "settlement":
                self.unknown = tuple(dict.fromkeys((*self.unknown, *layout.unknown)))
                self.notes += layout.notes
            layout = replace(layout, positions=tuple(range(len(chosen))))
            own = replace(job, key=f"{job.key}-{number}", layout=layout)
            columns = [self.f.col(_quoted(column)) for column in (*chosen, FILE, ROW)]
            part = frame.select(*columns).mapInArrow(stage(self.ship(own)), ddl(schema))
            out = part if out is None else out.unionByName(part)
        return out, patients

    def copies(self, frame: Any) -> Any:
        """Return a frame with `copy`: whether the case id stands more than once in it."""
        f = self.f
        ids = frame.where(f.col("case_id") != "").groupBy("case_id").count()
        several = ids.where(f.col("count") > 1).select("case_id").withColumn("copy", f.lit(True))
        several = several.persist()
        count = several.count()
        if not count:
            return frame.withColumn("copy", f.lit(False))
        if count <= MANY_COPIES:
            several = f.broadcast(several)
        joined = frame.join(several, "case_id", "left")
        return joined.withColumn("copy", f.coalesce(f.col("copy"), f.lit(False)))

    # --- history

    def past(self, given: Any) -> _Past:
        """Return the history read, grouped and sorted; nothing when base points are given."""
        region, f = self.region, self.f
        if region.group_means is not None and region.all_drg_mean_fen:
            return _Past(None, HistoryUse(), (), {})
        first, last = region.year - self.policy["history_years"], region.year - 1
        months_given = any(path.stem == "last_year_months" for path in region.files)
        job = ReadJob(
            self.key,
            _lean(region),
            self.policy,
            _NO_LAYOUT,
            (first, last),
            None if months_given else last,
        )
        frames = self.frames(given, region.history, "history")
        stage, patients = self.read(
            frames, workers.read_history, HISTORY_WANTED, "history", PAST, job
        )
        came = sum(frame.count() for frame, _ in frames)
        read = self.folder.save(stage, "_past")
        marked = self.copies(read)
        fresh = f.col("copy") & f.col("note_reason").isNull()
        noted = _noted(f, marked, fresh)
        good = noted.where(~f.col("copy"))
        past = good.where(f.col("grp") >= 0)
        by_cost = self.window.partitionBy("grp").orderBy("cost")
        ordered = past.select("grp", (f.row_number().over(by_cost) - 1).alias("place"), "cost")
        ordered = self.folder.save(ordered, "_ordered")
        bad = self.write_notes(noted, "history_quarantine")
        rows = read.count()
        if rows != came:
            raise _lost(came, rows)
        history = SparkHistory(self.spark, past, ordered, rows, patients)
        pools = len(region.pools)
        months = {}
        sums = good.where(f.col("place").isNotNull()).groupBy("place").agg(f.sum("fund"))
        for place, fund in sums.collect():
            account, month = divmod(int(place), 12)
            key = (region.hospitals[account // pools].id, region.pools[account % pools].id)
            months[(*key, month + 1)] = int(fund)
        years = tuple(range(first, last + 1))
        return _Past(history, HistoryUse(rows, history.used, bad), years, months)

    def write_notes(self, noted: Any, name: str) -> int:
        """Write the quarantined rows of a frame, with message and remedy; return their number."""
        f = self.f
        texts = self.spark.createDataFrame(
            pa.table(
                {
                    "reason": [r.code for r in QUARANTINE_REASONS.values()],
                    "message": [r.chinese for r in QUARANTINE_REASONS.values()],
                    "remedy": [r.remedy_chinese for r in QUARANTINE_REASONS.values()],
                }
            )
        )
        notes = noted.where(f.col("note_reason").isNotNull()).select(
            "file",
            "row",
            f.coalesce("case_id", f.lit("")).alias("case_id"),
            f.col("note_column").alias("column"),
            f.col("note_value").alias("value"),
            f.col("note_reason").alias("reason"),
        )
        return int(self.folder.save(notes.join(f.broadcast(texts), "reason", "left"), name).count())

    # --- cases

    def checked(self, given: Any) -> tuple[Any, int]:
        """Return the year's cases read, grouped, copies quarantined, and how many came in."""
        f = self.f
        job = ReadJob(self.key, _lean(self.region), self.policy, _NO_LAYOUT)
        more = ("personal_paid",) if self.policy["not_pool"] == "personal" else ()
        frames = self.frames(given, self.region.cases, "cases")
        stage, _ = self.read(frames, workers.read_cases, (*WANTED, *more), "settlement", READ, job)
        came = sum(frame.count() for frame, _ in frames)
        marked = self.copies(self.folder.save(stage, "_read"))
        marked = marked.withColumn("stop", f.col("copy") & (f.col("status") < 3))
        noted = _noted(f, marked, f.col("stop"))
        for column, value in (("status", 3), ("reason", DUPLICATE), ("mdc", 0), ("level", 0)):
            own = f.lit(value).cast(noted.schema[column].dataType)
            noted = noted.withColumn(column, f.when(f.col("stop"), own).otherwise(f.col(column)))
        noted = noted.withColumn("kind", f.when(~f.col("copy"), f.col("kind")))
        return noted.drop("copy", "stop"), came

    def followed(self, cases: Any) -> Any:
        """Return cases with the day of rule 1 of the stay that followed, -1 where none did (rule 8)."""
        f, policy = self.f, self.policy
        days = policy["readmission.days"]
        none = f.lit(-1).cast("int")
        if days is None:
            return cases.withColumn("correction_day", none)
        stays = self.window.partitionBy("patient_id", "hospital", "kind").orderBy(
            "admission", "discharge", "case_id"
        )
        gap = f.lead("admission").over(stays) - f.col("discharge")
        hit = gap.between(0, days)
        if policy["readmission.exempt_planned"]:
            hit = hit & ~f.col("planned")
        day = f.when(hit, f.lead("key_day").over(stays)).otherwise(none)
        some = cases.where(f.col("kind").isNotNull()).withColumn("correction_day", day)
        rest = cases.where(f.col("kind").isNull()).withColumn("correction_day", none)
        return some.unionByName(rest)

    # --- the year

    def settle(self, loaded: Any, past: _Past, given: Any) -> YearEnd:
        """Return the settled year; the tables of cases and of quarantine are written on the way."""
        region, policy = self.region, self.policy
        if past.months:
            region = self.region = replace(region, last_year_months=past.months)
        prepared = self._prepared(loaded, past)
        base = whole._base_points(prepared, policy, region)
        numbers = self.grouper.numbers
        levels = [h.level for h in region.hospitals]
        step = points_step(policy)
        beds = bed_day_tables(region.bed_day_rates, levels, base.all_mean_fen, policy)
        coefs = coefficients(
            policy,
            [h.id for h in region.hospitals],
            levels,
            numbers.drgs,
            whole._given(region),
            past.history,
            base,
        )
        rules = Rules.of(
            policy,
            group_tables(base, numbers.drgs, policy, step),
            beds,
            coefs.values,
            base.all_mean_fen,
        )
        cases, came = self.checked(given)
        bad = self.write_notes(cases, "quarantine")
        job = ScoreJob(
            self.key,
            _lean(region),
            policy,
            rules,
            replace(base, limits=None),
            beds,
            "; ".join(policy.trial),
        )
        schema = workers.scored_schema(job)
        stage = self.followed(cases).mapInArrow(
            workers.score_cases(self.ship(job), schema), ddl(schema)
        )
        scored = self.folder.save(stage, "cases")
        totals, facts = _totals(self.f, scored, region, numbers.drgs)
        counts = Counts(*(facts.ends.get(name, 0) for name in STATUSES))
        if counts.total != came:
            raise _lost(came, counts.total)
        if counts.quarantined != bad:
            raise _lost(counts.quarantined, bad)
        prepared.counts = counts
        prepared.cache["moments"] = facts.moments
        prepared.quarantine.rows.extend(self._some_notes())
        return self._year(prepared, base, coefs, beds, step, totals, facts, scored)

    def _prepared(self, loaded: Any, past: _Past) -> Prepared:
        inputs = [describe_file(loaded.path, f"{loaded.id}.toml", None)]
        for path in self.region.files:
            name = (
                path.relative_to(self.region.path)
                if path.is_relative_to(self.region.path)
                else path.name
            )
            inputs.append(describe_file(path, str(name), None))
        return Prepared(
            self.region,
            loaded,
            self.policy,
            self.grouper,
            self.main,
            self.grouper.numbers,
            ReadPieces(),
            past.history,
            past.use,
            Quarantine(),
            past.years,
            Counts(),
            Quarantine(),
            Quarantine(),
            CheckRun(self.grouper).finish(),
            inputs,
            (),
            self.notes,
            self.unknown,
            1,
            True,
            False,
            False,
        )

    def _some_notes(self) -> list[tuple[str, int, str, str, str, str]]:
        """Return the first quarantined rows, for what is said of pools that have no case."""
        rows = self.spark.read.parquet(self.folder.at("quarantine")).limit(SHOWN_NOTES).collect()
        return [
            (r["file"], r["row"] or 0, r["case_id"], r["column"], r["value"], r["reason"])
            for r in rows
        ]

    def _year(
        self,
        prepared: Prepared,
        base: Any,
        coefs: Any,
        beds: Any,
        step: int,
        totals: Any,
        facts: _Facts,
        scored: Any,
    ) -> YearEnd:
        region, policy = self.region, self.policy
        prepared.unknown, prepared.notes = self.unknown, self.notes
        sums = totals.sums(region)
        whole._check_pools_have_cases(region, policy, sums, prepared.quarantine)
        reviewed: Any = _reviewed(scored, region)
        quotas = whole._quotas(reviewed, region, policy, totals)
        monthly, used = None, policy
        by_value = policy["prepay_basis"] == "month_value"
        if by_value or policy["month.growth_limit"] is not None:
            from drgpay.settlement.months import payments_of_year

            monthly = payments_of_year(region, policy, totals.by_month)
            used = used.using("month.growth_limit")
            if by_value:
                used = used.using("month.pattern")
        if any(pool.last_year_fund_fen is not None for pool in region.pools):
            used = used.using("budget_growth_cap")
        pools, hospitals = settle(region, policy, sums, monthly=monthly)
        class_sums, drg_sums = totals.classes(), totals.drgs()
        ends: Any = _Ends(prepared.counts)
        whole._check_points(ends, totals, pools, hospitals, class_sums, drg_sums)
        extra = whole._other_modes(prepared, region, policy)
        ceiling = whole._ceiling(region, policy, pools, hospitals, totals, extra)
        warnings = whole._warnings(
            region, policy, prepared, pools, facts.aside, totals, quotas, ceiling
        )
        warnings.append(
            both(
                "在 Spark 上清算：没有核查病案首页，没有列出各病例的检查结果",
                "settled on Spark: no front-page checks were made",
            )
        )
        return YearEnd(
            prepared,
            region,
            used,
            base,
            coefs,
            beds,
            step,
            ScoredPieces(prepared.pieces, cast(Any, None), Fraction(1), (), ()),
            class_sums,
            drg_sums,
            totals.by_month,
            pools,
            hospitals,
            whole._review_notes(reviewed, region, policy),
            quotas,
            facts.aside,
            [*warnings, *self.notes],
            whole._quality(prepared, base, policy),
            ceiling,
            int(totals.by_account[:, HELD_CASES].sum()),
            extra,
        )

    def write(self, made: YearEnd) -> None:
        """Write the small tables and the manifest; leave out what only the stages needed."""
        trial = "; ".join(made.policy.trial)
        tables = {
            "hospitals": hospitals_table(made, trial),
            "pools": pools_table(made, trial),
            "drgs": drgs_table(made, trial),
            "coefficients": coefficients_table(made, trial),
            "quality": quality_table(made, trial),
            "months": months_table(made, trial),
            "review_notes": made.notes.table("zh"),
        }
        ceiling = ceiling_table(made, trial)
        for name, table in {**tables, **({} if ceiling is None else {"ceiling": ceiling})}.items():
            self.folder.save_table(table, name)
        facts = manifest(made)
        facts["front_page"] = None
        facts["engine"] = f"Spark {self.spark.version}"
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        self.folder.save_bytes(text.encode() + b"\n", "manifest.json")
        for name in ("_read", "_past", "_ordered"):
            self.folder.delete(self.folder.at(name))


_NO_LAYOUT: Any = None


def _lean(region: Region) -> Region:
    """Return a region without what no worker asks for."""
    return replace(region, group_means=None, prepaid={}, carried={}, last_year_months={})


def _quoted(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"


def _check_times(frame: Any, columns: Sequence[str], name: str) -> None:
    """Fail if a column is a point in time: its day would hang on the session's time zone."""
    wrong = [c for c in columns if frame.schema[c].dataType.typeName() == "timestamp"]
    if wrong:
        names = "、".join(wrong)
        raise InputError(
            both(f"列 {names} 是带时区的时间", f"points in time: {', '.join(wrong)}"),
            where=name,
            remedy=both("先转换为 DATE 或文字", "cast them to DATE or text first"),
        )


def _noted(f: Any, marked: Any, copies: Any) -> Any:
    """Return a frame whose copies of a case id, as far as they are good otherwise, are noted."""
    columns = {
        "note_column": f.lit("case_id"),
        "note_value": f.col("case_id"),
        "note_reason": f.lit("duplicate_case"),
    }
    kept = [f.when(copies, value).otherwise(f.col(n)).alias(n) for n, value in columns.items()]
    return marked.select(*(c for c in marked.columns if c not in columns), *kept)


def _lost(came: int, ended: int) -> BooksError:
    return BooksError(
        both(f"收到 {came} 例，结果为 {ended} 例", f"{came} cases came in, {ended} went out"),
        remedy=both(
            "清算时不要改动输入；仍不符请报告给开发者",
            "check that nothing writes to the input; if so, please report it",
        ),
    )


# --- sums


@dataclass(frozen=True)
class _Facts:
    """Of all cases: how they ended, what was set aside, cost moments of the grouped by group."""

    ends: Mapping[str, int]
    aside: whole.SetAside
    moments: list[Moments]


@dataclass(frozen=True)
class _Ends:
    """Stands for scored pieces where only their ends are asked for."""

    counts: Counts

    @property
    def pieces(self) -> _Ends:
        """Itself."""
        return self

    def __len__(self) -> int:
        return 1

    def ends(self, number: int) -> NDArray[np.int64]:
        """Return how many cases are grouped, ambiguous, ungroupable, quarantined."""
        c = self.counts
        return np.array([c.grouped, c.ambiguous, c.ungroupable, c.quarantined])


def _reviewed(scored: Any, region: Region) -> list[Any]:
    """Return the cases with a review as one piece, as far as quotas and notes ask for them."""
    if not region.reviews:
        return []
    columns = ("case_id", "hospital_id", "status", "case_class", "paid_by", "review")
    rows = scored.where("review > 0").select(*columns).collect()
    hospitals = {h.id: i for i, h in enumerate(region.hospitals)}
    classes = {name: i for i, name in enumerate(CASE_CLASSES)}
    paid = {name: i for i, name in enumerate(PAID_BY)}

    def of(make: Any) -> NDArray[np.int64]:
        return np.array([make(r) for r in rows], dtype=np.int64)

    return [
        SimpleNamespace(
            case_id=pa.array([r["case_id"] for r in rows], pa.string()),
            status=of(lambda r: STATUSES.index(r["status"])),
            case_class=of(lambda r: classes.get(r["case_class"], -1)),
            paid_by=of(lambda r: paid.get(r["paid_by"], -1)),
            facts=SimpleNamespace(hospital=of(lambda r: hospitals.get(r["hospital_id"], -1))),
            reviews=SimpleNamespace(decision=of(lambda r: r["review"])),
        )
    ]


def _units(points: Any) -> int:
    return 0 if points is None else int(points * POINT)


def _totals(f: Any, scored: Any, region: Region, drgs: Sequence[str]) -> tuple[Any, _Facts]:
    """Return the sums over all cases as settlement/kernels.py adds them up, by exact aggregations."""
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
    totals = whole._Totals(by_account, by_month, by_class, by_group, case_points, by_item)
    return totals, facts


def _by_kind(
    f: Any, scored: Any, drgs: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int, _Facts]:
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
    return by_class, by_group, case_points, by_item, _Facts(ends, whole.SetAside(*aside), moments)


__all__ = ["SparkYearEnd", "settle_on_spark"]
