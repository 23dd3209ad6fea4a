"""What a Spark run reads: past cases, the year's cases, copies of a case id, quarantined rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.editions import SAMPLE, FoundEdition
from drgpay.cases.layout import Layout, select
from drgpay.cases.mapping import Asked
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import Quarantine
from drgpay.ground.errors import Bilingual, BooksError, InputError, both
from drgpay.grouper.codes_read import CodesRead
from drgpay.names.columns import GROUPING_MORE
from drgpay.names.reasons import REASONS
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.settlement.facts import HISTORY_WANTED, kept_columns
from drgpay.settlement.prepare import Past, Prepared, at_year_end, grouper_of
from drgpay.settlement.totals import accounts_of
from drgpay.spark.engine import STAGES, Folder, spark_module, uri
from drgpay.spark.history import SparkHistory
from drgpay.spark.workers import COPY, FILE, NOTE, ROW, PastJob, ReadJob, in_batches, unpacked

SHOWN_NOTES = 1_000  # quarantined rows that the driver looks at; all are written
MANY_COPIES = 1_000_000  # case ids that stand several times, beyond which they are not broadcast


class Reading:
    """The reading half of one run; what both halves share."""

    def __init__(self, spark: Any, region: Region, policy: YearPolicy, folder: Folder) -> None:
        self.spark, self.region, self.policy, self.folder = spark, region, policy, folder
        self.f = spark_module("pyspark.sql.functions")
        self.grouper = grouper_of(region)
        self.main = at_year_end(self.grouper, region.year)
        self.job = (region, policy, Layout((), ()))
        self.unknown: tuple[str, ...] = ()
        self.notes: list[Bilingual] = []

    def schema(self, schema: pa.Schema) -> Any:
        """Return an Arrow schema as Spark has it."""
        return self.spark.createDataFrame(pa.Table.from_pylist([{}], schema)).schema

    def frames(self, given: Any, files: Sequence[Path], name: str) -> list[tuple[Any, str]]:
        """Return the frames of cases with their names, each with file and row of its rows."""
        if given is not None and not isinstance(given, str | Path | list | tuple):
            none = self.f.lit(None).cast("bigint")
            return [(given.withColumns({FILE: self.f.lit(name), ROW: none}), name)]
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
            where = [f"_metadata.file_name AS {FILE}", f"_metadata.row_index + 1 AS {ROW}"]
            frame = frame.selectExpr(*map(_quoted, frame.columns), *where)
            found.append((frame, str(place)))
        return found

    def read(
        self,
        frames: Sequence[tuple[Any, str]],
        wanted: Sequence[str],
        job: ReadJob,
        codes: CodesRead,
    ) -> tuple[Any, bool]:
        """Return the rows of all frames as a job reads them, and whether all have patients.

        What became of their codes is added to `codes`. Every row must come out.
        """
        past = isinstance(job, PastJob)
        purpose = "history" if past else "settlement"
        out, patients, came = None, True, 0
        for frame, name in frames:
            headers = [column for column in frame.columns if column not in (FILE, ROW)]
            layout = select(headers, name, Asked.of(wanted, purpose, self.region.reading))
            chosen = [headers[i] for i in layout.positions]
            _check_times(frame, chosen, name)
            patients &= "patient_id" in layout.names
            if not past:
                self.unknown = tuple(dict.fromkeys((*self.unknown, *layout.unknown)))
                self.notes += layout.notes
            layout = replace(layout, positions=tuple(range(len(chosen))))
            found = self.editions(frame, chosen, layout, past)
            codes.found += found
            own = replace(job, layout=layout, editions={f.file: f.edition for f in found})
            own_columns = frame.select(*map(_quoted, (*chosen, FILE, ROW)))
            part = own_columns.mapInArrow(in_batches(own), self.schema(job.schema))
            out = part if out is None else out.unionByName(part)
            came += frame.count()
        read = self.folder.save(out, f"{STAGES}/{purpose}")
        for row in read.where("codes IS NOT NULL").select("codes").collect():
            codes.merge(unpacked(row["codes"]))
        check_none_lost(came, read.count())
        return read, patients

    def editions(
        self, frame: Any, chosen: Sequence[str], layout: Layout, past: bool
    ) -> list[FoundEdition]:
        """Return the editions of codes of files whose region does not declare it, by counting.

        The first rows of a file decide, as anywhere else; frames have no order and no first rows,
        so that theirs is the scheme's own.
        """
        if (self.region.history_codes if past else self.region.codes) is not None:
            return []
        choice = (self.main if past else self.grouper).edition_choice()
        first = frame.where(self.f.col(ROW) <= SAMPLE).orderBy(FILE, ROW)
        table = first.select(*map(_quoted, (*chosen, FILE))).toArrow().combine_chunks()
        for file in pc.unique(table[FILE]).to_pylist():
            rows = table.filter(pc.equal(table[FILE], file)).drop_columns([FILE])
            choice.of(file).settle(Piece(file, 1, partial(layout.shape, rows)))
        return choice.found

    def copies(self, frame: Any) -> Any:
        """Return a frame with `copy`: whether the case id stands more than once in it."""
        f = self.f
        ids = frame.where("case_id <> ''").groupBy("case_id").count().where("count > 1")
        several = ids.select("case_id", f.lit(True).alias(COPY)).persist()
        if several.count() <= MANY_COPIES:
            several = several.hint("broadcast")
        joined = frame.join(several, "case_id", "left")
        return joined.withColumn(COPY, f.coalesce(COPY, f.lit(False)))

    # --- history

    def past(self, year: Prepared, given: Any) -> Prepared:
        """Return the year with its history read, grouped and sorted, unless base points are given."""
        region, f = self.region, self.f
        codes = CodesRead(self.main.own_editions)
        if region.has_base_points:
            return replace(year, past=Past(codes=codes))
        frames = self.frames(given, region.history, "history")
        read, patients = self.read(frames, HISTORY_WANTED, PastJob(*self.job), codes)
        noted = _noted(f, self.copies(read), f.expr("copy AND note_reason IS NULL"))
        good = noted.where(~f.col(COPY))
        past = good.where("grp >= 0")
        place = f.expr("row_number() OVER (PARTITION BY grp ORDER BY cost) - 1").alias("place")
        ordered = self.folder.save(past.select("grp", place, "cost"), f"{STAGES}/ordered")
        bad = self.write_notes(noted, "history_quarantine")
        rows = read.count()
        history = SparkHistory(self.spark, past, ordered, rows, patients)
        months, accounts = {}, accounts_of(region)
        sums = good.where("place >= 0").groupBy("place").agg(f.sum("fund"))
        for where, fund in sums.collect():
            account, month = divmod(int(where), 12)
            months[(*accounts[account], month + 1)] = int(fund)
        return replace(
            year,
            region=replace(region, last_year_months=months) if months else region,
            past=Past(
                codes=codes,
                history=history,
                years=tuple(range(region.year - self.policy["history_years"], region.year)),
                rows=rows,
                quarantined=bad,
            ),
        )

    def write_notes(self, noted: Any, name: str) -> int:
        """Write the quarantined rows of a frame, with message and remedy; return their number."""
        every = Quarantine([("", 0, "", "", "", code) for code in REASONS]).table()
        texts = self.spark.createDataFrame(every.select(["reason", "message", "remedy"]))
        notes = noted.where("note_reason IS NOT NULL").selectExpr(
            "file",
            "row",
            "coalesce(case_id, '') AS case_id",
            *(f"{name} AS {name.removeprefix('note_')}" for name in NOTE),
        )
        saved = self.folder.save(notes.join(texts.hint("broadcast"), "reason", "left"), name)
        return int(saved.count())

    # --- cases

    def checked(self, given: Any, codes: CodesRead) -> Any:
        """Return the year's cases read and grouped, with `copy`; the quarantined ones are written."""
        wanted = (*kept_columns(self.policy), *GROUPING_MORE)
        frames = self.frames(given, self.region.cases, "cases")
        cases = self.copies(self.read(frames, wanted, ReadJob(*self.job), codes)[0])
        self.write_notes(_noted(self.f, cases, self.f.expr("copy AND status < 3")), "quarantine")
        return cases

    def some_notes(self) -> Quarantine:
        """Return the first quarantined rows, for what is said of pools that have no case."""
        names = ("file", "row", "case_id", "column", "value", "reason")
        rows = self.folder.saved("quarantine").fillna(0, "row").select(*names).limit(SHOWN_NOTES)
        return Quarantine([tuple(row) for row in rows.collect()])


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
    texts = (f.lit("case_id"), f.col("case_id"), f.lit("duplicate_case"))
    kept = {
        n: f.when(copies, text).otherwise(f.col(n)) for n, text in zip(NOTE, texts, strict=True)
    }
    return marked.withColumns(kept)


def check_none_lost(came: int, ended: int) -> None:
    """Fail if other cases went out of a stage than came in."""
    if came != ended:
        raise BooksError(
            both(f"收到 {came} 例，结果为 {ended} 例", f"{came} cases came in, {ended} went out"),
            remedy=both(
                "清算时不要改动输入；仍不符请报告给开发者",
                "check that nothing writes to the input; if so, please report it",
            ),
        )
