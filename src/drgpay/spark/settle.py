"""A year end on Spark: workers read, group and score; the driver keeps policy, pools and dues.

Stages: history → base points and coefficients; cases → read and grouped → copies of a case id told
→ all stays of a patient together, scored and added up as on one machine; sums → point values and
dues by the same code as on one machine.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from itertools import count
from operator import add
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.ground.digests import SUMS, SUMS_KEY
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.outcome import Counts
from drgpay.names.run_tables import of_trial
from drgpay.policy import load_policy
from drgpay.region.later import CARRIED
from drgpay.region.records import Region
from drgpay.region.region import read_region
from drgpay.runs.carried import write_negative
from drgpay.runs.folder import manifest
from drgpay.runs.year_tables import perdiem_table, small_tables
from drgpay.settlement.checks import check_given_drgs, check_named_groups, require_targets
from drgpay.settlement.kernels import CASES
from drgpay.settlement.point_value import CaseItems, HospitalResult, Key, PoolResult
from drgpay.settlement.prepare import Prepared, input_files, refuse_ungrouped, version_use
from drgpay.settlement.referrals import MADE, referrals_of
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.settle_sums import settle_sums
from drgpay.settlement.totals import YearSums, of_accounts, places_of
from drgpay.settlement.year_end import ScoredYear, YearEnd, with_referrals
from drgpay.settlement.year_rules import year_rules
from drgpay.spark.engine import STAGES, Folder, retold, without_pandas_notice
from drgpay.spark.reading import Reading, check_none_lost
from drgpay.spark.workers import COPY, PARTS, READ, Part, SettleJob, in_groups, unpacked

BUCKET_ROWS = 50_000  # rows of patients that are settled in one call
BOUNDED_CASES = 100_000_000  # cases with bounds of their own that the driver takes at once


@dataclass(frozen=True)
class SparkYearEnd:
    """A year settled on Spark: results by pool and hospital, and where the tables lie.

    `run` is the year end without its cases: these are in `place`, table `cases`.
    """

    place: str
    run: YearEnd
    pools: Sequence[PoolResult]
    hospitals: Sequence[HospitalResult]
    counts: Counts  # how many cases came in and what became of them
    warnings: Sequence[Bilingual]
    codes: CodesRead  # what became of the codes: `codes.line()` says how many are unknown


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
    elsewhere = [n for n, given in (("cases", cases), ("history", history)) if given is not None]
    region = read_region(Path(region_dir), overrides, elsewhere=elsewhere)
    loaded = load_policy(region.policy, region.path)
    policy = loaded.for_year(region.year, overrides)
    require_targets(region, policy)
    with without_pandas_notice(), retold(), Folder(spark, out) as folder:
        run = _Run(spark, region, policy, folder)
        check_given_drgs(region, run.grouper)
        check_named_groups(policy, run.grouper)
        year = Prepared.without_cases(region, loaded, policy, run.grouper)
        made, beds = run.settle(run.past(year, history), cases)
        _write(made, beds, folder, spark.version)
        place = folder.finish()
    return SparkYearEnd(
        place, made, made.pools, made.hospitals, made.counts, made.warnings, made.prepared.codes
    )


class _Run(Reading):
    """One run, from its inputs to the year and the tables of its cases."""

    def settle(self, year: Prepared, given: Any) -> tuple[YearEnd, pa.Table]:
        """Settle the year, whose cases are written on the way; return its per-diem stays, too."""
        rules = year_rules(year, self.policy, year.region)
        codes = CodesRead(self.grouper.own_editions)
        cases = self.checked(given, codes)
        came = cases.count()
        scored = self._scored(cases, came, SettleJob(year.region, year.loaded, self.policy, rules))
        part = added_up(scored)
        year = self._counted(year, part, codes, came)
        sums = replace(part.year, items_of=items_of(scored, part.year, year.region))
        settled = settle_sums(year, year.region, self.policy, rules.base, sums)
        none = ScoredPieces(year.pieces, rules.scoring, Fraction(1), (), ())
        scored_year = ScoredYear(
            prepared=year, region=year.region, policy=self.policy, rules=rules, pieces=none,
            totals=sums.totals,
        )  # fmt: skip
        made = YearEnd.of(scored_year, sums, settled)
        if year.has_referrals:
            number = count()
            chains = [
                tuple(replace(stay, place=next(number)) for stay in stays)
                for stays, _ in part.chains
            ]
            stays = {n: [v for _, own in part.chains for v in own[n]] for n in MADE}
            found = referrals_of(chains, year.region, self.policy)
            made = with_referrals(
                made, found, lambda at: {n: [v[i] for i in at.tolist()] for n, v in stays.items()}
            )
        return made, pa.concat_tables(part.beds)

    def _scored(self, cases: Any, came: int, job: SettleJob) -> Any:
        """Return the cases scored, with their sums; all stays of a patient meet in one bucket."""
        schema = replace(job).table(READ.append(pa.field(COPY, pa.bool_())).empty_table()).schema
        who = "coalesce(nullif(patient_id, ''), nullif(case_id, ''), string(row))"
        bucket = f"pmod(xxhash64({who}), {came // BUCKET_ROWS + 1})"
        buckets = cases.select(*READ.names, COPY).groupBy(self.f.expr(bucket).alias("bucket"))
        scored = buckets.applyInArrow(in_groups(job), self.schema(schema))
        scored = self.folder.save(scored, f"{STAGES}/scored")
        self.folder.save(scored.drop(*PARTS), "cases")
        return scored

    def _counted(self, year: Prepared, part: Part, codes: CodesRead, came: int) -> Prepared:
        """Return the year with its cases counted; raises BooksError if any is lost."""
        counts = part.year.counts
        check_none_lost(came, counts.total)
        check_none_lost(counts.quarantined, self.folder.saved("quarantine").count())
        refuse_ungrouped(codes, counts, self.policy, self.region)
        told = both(
            "在 Spark 上清算：没有核查病案首页，没有列出各病例的检查结果",
            "settled on Spark: no front-page checks were made",
        )
        return replace(
            year,
            inputs=input_files(replace(self.region, cases=(), history=()), year.loaded, {}, {}),
            counts=counts,
            quarantine=self.some_notes(),
            codes=codes,
            notes=[*self.notes, told],
            unknown=self.unknown,
            versions=version_use(self.grouper, part.versions, counts.total - counts.quarantined),
        )


def _write(run: YearEnd, beds: pa.Table, folder: Folder, version: str) -> None:
    """Write the small tables and the manifest; leave out what only the stages needed."""
    trial = "; ".join(run.policy.trial)
    tables = {**small_tables(run, "zh"), "review_notes": run.notes.table("zh")}
    if run.beds.classes:
        tables["perdiem"] = perdiem_table(run, beds)
    for name, table in tables.items():
        folder.save_table(of_trial(table, trial), name)
    with tempfile.TemporaryDirectory() as local:
        write_negative(run, Path(local, CARRIED), trial)
        for path in sorted(Path(local).iterdir()):
            folder.save_bytes(path.read_bytes(), path.name)
    engine = {"front_page": None, SUMS_KEY: SUMS, "engine": f"Spark {version}"}
    text = json.dumps({**manifest(run), **engine}, ensure_ascii=False, indent=1)
    folder.save_bytes(text.encode() + b"\n", "manifest.json")
    folder.delete(STAGES)
    folder.save_sums()


def added_up(scored: Any) -> Part:
    """Return the sum of the parts in a frame of scored cases; they come one after the other."""
    rows = scored.where("part IS NOT NULL").select("part").toLocalIterator()
    parts: Iterator[Part] = (unpacked(row["part"]) for row in rows)
    return reduce(add, parts)


def items_of(scored: Any, year: YearSums, region: Region) -> Callable[[Sequence[Key]], CaseItems]:
    """Return what gives the cases of some accounts that are paid by points.

    The driver unpacks what workers packed blob by blob: some 120 bytes a case while it solves.
    Raises InputError beyond BOUNDED_CASES.
    """

    def items(keys: Sequence[Key]) -> CaseItems:
        place = places_of(keys, region)
        cases = int(year.totals.by_account[place >= 0, CASES].sum())
        if cases > BOUNDED_CASES:
            raise _too_many(cases)
        rows = scored.where("items IS NOT NULL").select("items").toLocalIterator()
        return of_accounts((unpacked(row["items"]) for row in rows), place)

    return items


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
