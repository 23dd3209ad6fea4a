"""What a Spark run reads: past cases, the year's cases, copies of a case id, quarantined rows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.editions import SAMPLE, FoundEdition
from drgpay.cases.layout import Layout, select
from drgpay.cases.mapping import mapping_of
from drgpay.cases.pieces import Piece
from drgpay.ground.errors import Bilingual, BooksError, InputError, both
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.outcome import REASONS
from drgpay.names.columns import GROUPING_COLUMNS, GROUPING_MORE
from drgpay.names.reasons import REASONS as QUARANTINED
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.settlement.doubts import BIT, NO_STAY
from drgpay.settlement.facts import ALWAYS, HISTORY_WANTED, wanted
from drgpay.settlement.prepare import HistoryUse
from drgpay.spark import workers
from drgpay.spark.engine import Folder, spark_module, uri
from drgpay.spark.history import SparkHistory
from drgpay.spark.schemas import PAST, READ, ddl
from drgpay.spark.workers import FILE, ROW, ReadJob, Shipped

WANTED = (
    *GROUPING_COLUMNS,
    *(name for name in GROUPING_MORE if name != "discharge_way"),
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
PURPOSES = ("settlement", "history")
SHOWN_NOTES = 1_000  # quarantined rows that the driver looks at; all are written
MANY_COPIES = 1_000_000  # case ids that stand several times, beyond which they are not broadcast
DUPLICATE = REASONS.index("duplicate_case")


@dataclass(frozen=True)
class Past:
    """What became of the history; `months` are last year's sums by hospital, pool and month."""

    history: SparkHistory | None
    use: HistoryUse
    years: tuple[int, ...]
    months: dict[tuple[str, str, int], int]


class Reading:
    """The reading half of one run; what both halves share."""

    def __init__(self, spark: Any, region: Region, policy: YearPolicy, folder: Folder) -> None:
        self.spark, self.region, self.policy, self.folder = spark, region, policy, folder
        self.f = spark_module("pyspark.sql.functions")
        self.window = spark_module("pyspark.sql").Window
        self.key = uuid.uuid4().hex
        self.unknown: tuple[str, ...] = ()
        self.notes: list[Bilingual] = []
        self.found: dict[str, list[FoundEdition]] = {name: [] for name in PURPOSES}
        # each frame is read in one stage, which is kept: what workers add is added once, unless a
        # task is done again
        self.codes = {
            name: spark.sparkContext.accumulator(CodesRead(()), workers.CodesSum())
            for name in PURPOSES
        }

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
            editions = self.editions(frame, chosen, layout, purpose)
            own = replace(job, key=f"{job.key}-{number}", layout=layout, editions=editions)
            columns = [self.f.col(_quoted(column)) for column in (*chosen, FILE, ROW)]
            part = frame.select(*columns).mapInArrow(
                stage(self.ship(own), self.codes[purpose]), ddl(schema)
            )
            out = part if out is None else out.unionByName(part)
        return out, patients

    def editions(
        self, frame: Any, chosen: Sequence[str], layout: Layout, purpose: str
    ) -> dict[str, str]:
        """Return the editions of codes of files whose region does not declare it, by counting.

        The first rows of a file decide, as anywhere else; frames have no order and no first rows,
        so that theirs is the scheme's own.
        """
        past = purpose == "history"
        if (self.region.history_codes if past else self.region.codes) is not None:
            return {}
        grouper = workers.grouper_of(self.region)
        counting = workers.at_year_end(grouper, self.region.year) if past else grouper
        choice = counting.edition_choice()
        columns = [self.f.col(_quoted(column)) for column in (*chosen, FILE)]
        first = frame.where(self.f.col(ROW) <= SAMPLE).orderBy(FILE, ROW).select(*columns)
        table = first.toArrow().combine_chunks()
        found = {}
        for file in pc.unique(table[FILE]).to_pylist():
            rows = table.filter(pc.equal(table[FILE], file)).drop_columns([FILE])
            piece = Piece(file, 1, partial(layout.shape, rows))
            _, found[file] = choice.of(file).settle(piece)
        self.found[purpose] += choice.found
        return found

    def codes_read(self, purpose: str, own: tuple[str, ...], rows: int) -> CodesRead:
        """Return what became of the codes of so many rows, when their stage is done."""
        codes = CodesRead(own, found=self.found[purpose])
        codes.merge(self.codes[purpose].value)
        met = sum(codes.tally.rows.values())
        if met != rows:
            self.notes.append(
                both(
                    f"Spark 重做过部分任务：编码的计数按 {met:,} 行，实有 {rows:,} 行",
                    f"tasks were done again by Spark: codes are counted of {met:,} rows for {rows:,}",
                )
            )
        return codes

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

    def past(self, given: Any) -> Past:
        """Return the history read, grouped and sorted; nothing when base points are given."""
        region, f = self.region, self.f
        if region.has_base_points:
            return Past(None, HistoryUse(), (), {})
        first, last = region.year - self.policy["history_years"], region.year - 1
        months_given = any(path.stem == "last_year_months" for path in region.files)
        job = ReadJob(
            self.key,
            lean(region),
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
            raise lost(came, rows)
        history = SparkHistory(self.spark, past, ordered, rows, patients)
        pools = len(region.pools)
        months = {}
        sums = good.where(f.col("place").isNotNull()).groupBy("place").agg(f.sum("fund"))
        for place, fund in sums.collect():
            account, month = divmod(int(place), 12)
            key = (region.hospitals[account // pools].id, region.pools[account % pools].id)
            months[(*key, month + 1)] = int(fund)
        years = tuple(range(first, last + 1))
        return Past(history, HistoryUse(rows, history.used, bad), years, months)

    def write_notes(self, noted: Any, name: str) -> int:
        """Write the quarantined rows of a frame, with message and remedy; return their number."""
        f = self.f
        texts = self.spark.createDataFrame(
            pa.table(
                {
                    "reason": list(QUARANTINED),
                    "message": [r.message.chinese for r in QUARANTINED.values()],
                    "remedy": [r.remedy.chinese for r in QUARANTINED.values()],
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
        job = ReadJob(self.key, lean(self.region), self.policy, _NO_LAYOUT)
        more = [name for name in wanted(self.policy) if name not in ALWAYS]
        more += ["personal_paid"] if self.policy.says("not_pool", "personal", "all") else []
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
        noted = self.marked_twice(noted)
        return noted.drop("copy", "stop"), came

    def marked_twice(self, cases: Any) -> Any:
        """Return cases with the finding of stays that stand under several ids (doubts.py)."""
        f = self.f
        stay = self.window.partitionBy("patient_id", "hospital", "admission", "discharge", "counts")
        counts = f.coalesce("patient_id", f.lit("")) != ""
        counts = counts & (f.col("doubt").bitwiseAND(f.lit(NO_STAY)) == 0)
        several = f.col("counts") & ~f.col("copy") & (f.count(f.lit(1)).over(stay) > 1)
        bit = f.when(several, f.lit(BIT["stay_twice"])).otherwise(f.lit(0)).cast("smallint")
        with_key = cases.withColumn("counts", counts)
        return with_key.withColumn("doubt", f.col("doubt").bitwiseOR(bit)).drop("counts")

    def some_notes(self) -> list[tuple[str, int, str, str, str, str]]:
        """Return the first quarantined rows, for what is said of pools that have no case."""
        rows = self.spark.read.parquet(self.folder.at("quarantine")).limit(SHOWN_NOTES).collect()
        return [
            (r["file"], r["row"] or 0, r["case_id"], r["column"], r["value"], r["reason"])
            for r in rows
        ]


_NO_LAYOUT: Any = None


def lean(region: Region) -> Region:
    """Return a region without what no worker asks for."""
    return replace(
        region, group_means=None, weights=None, prepaid={}, carried={}, last_year_months={}
    )


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


def lost(came: int, ended: int) -> BooksError:
    return BooksError(
        both(f"收到 {came} 例，结果为 {ended} 例", f"{came} cases came in, {ended} went out"),
        remedy=both(
            "清算时不要改动输入；仍不符请报告给开发者",
            "check that nothing writes to the input; if so, please report it",
        ),
    )
