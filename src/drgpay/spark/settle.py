"""A year end on Spark: workers read, group and score; the driver keeps policy, pools and dues.

Stages: history → base points and coefficients; cases → read and grouped → copies of a case id out →
chains of referral → readmissions → points and prices; sums → point values and dues by the same code
as on one machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.cases.quarantine import Quarantine
from drgpay.ground.digests import SUMS, SUMS_KEY, describe_file
from drgpay.ground.errors import Bilingual, PolicyError, both
from drgpay.grouper.check import CheckRun
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.outcome import STATUSES, Counts
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.region.records import Region
from drgpay.region.region import read_region
from drgpay.runs.folder import manifest
from drgpay.settlement.checks import check_given_drgs, check_named_groups, require_targets
from drgpay.settlement.pieces import ReadPieces
from drgpay.settlement.point_value import HospitalResult, PoolResult
from drgpay.settlement.prepare import Prepared, refuse_ungrouped
from drgpay.settlement.referrals import referrals_of
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.settle_sums import settle_sums
from drgpay.settlement.totals import YearSums
from drgpay.settlement.year_end import YearEnd, with_referrals
from drgpay.settlement.year_rules import YearRules, year_rules
from drgpay.spark import workers
from drgpay.spark.engine import Folder, spark_module, without_pandas_notice
from drgpay.spark.faults import retold
from drgpay.spark.reading import Past, Reading, lean, lost
from drgpay.spark.schemas import ddl
from drgpay.spark.stays import ChainStays, chain_stays, with_chains, with_followed
from drgpay.spark.sums import bed_day_stays, items_of, reviewed_cases, totals_of, versions_of
from drgpay.spark.tables import carried_files, spark_tables
from drgpay.spark.workers import ScoreJob

BETWEEN_STAGES = ("_read", "_past", "_ordered", "_chained")


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

    @property
    def codes(self) -> CodesRead:
        """What became of the codes: `codes.line()` says how many are unknown and what stays ungrouped."""
        return self.run.prepared.codes


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
    require_targets(region, policy)
    if region.new_technology and not policy.says(
        "new_technology.rule", "in_cost", "paid_apart", "by_points"
    ):
        raise PolicyError(
            both(
                "Spark 上不支持新技术项目的扣除（new_technology.rule）",
                "new_technology.rule is not offered on Spark",
            ),
            where=policy.id,
            remedy=both(
                "用 drgpay year-end 清算，或设为 in_cost",
                "use drgpay year-end, or set it to in_cost",
            ),
        )
    folder = Folder(spark, out)
    with without_pandas_notice(), retold():
        try:
            run = _Run(spark, region, policy, folder)
            run.write(run.settle(loaded, cases, history))
            place = folder.finish()
        finally:
            folder.delete(folder.part)
    return SparkYearEnd(place, run.made)


class _Run(Reading):
    """One run, from its inputs to its folder."""

    made: YearEnd

    def __init__(self, spark: Any, region: Region, policy: YearPolicy, folder: Folder) -> None:
        super().__init__(spark, region, policy, folder)
        self.grouper = workers.grouper_of(region)
        self.main = workers.at_year_end(self.grouper, region.year)
        check_given_drgs(region, self.grouper)
        check_named_groups(policy, self.grouper)

    def settle(self, loaded: Policy, given: Any, past_given: Any) -> Any:
        """Settle the year and return its cases scored, which are written on the way."""
        past = self.past(past_given)
        if past.months:
            self.region = replace(self.region, last_year_months=past.months)
        region, policy = self.region, self.policy
        prepared = self._prepared(loaded, past)
        rules = year_rules(prepared, policy, region)
        cases, came = self.checked(given)
        bad = self.write_notes(cases, "quarantine")
        chained = with_chains(self, cases, rules.scoring)
        scored = self._scored(chained, rules)
        totals, facts = totals_of(scored, region, prepared.numbers.drgs)
        counts = Counts(*(facts.ends.get(name, 0) for name in STATUSES))
        if counts.total != came:
            raise lost(came, counts.total)
        if counts.quarantined != bad:
            raise lost(counts.quarantined, bad)
        prepared.counts = counts
        codes = self.codes_read("settlement", self.grouper.own_editions, came)
        refuse_ungrouped(codes, counts, policy, region)
        prepared.codes = codes
        prepared.history_codes = self.codes_read("history", self.main.own_editions, past.use.rows)
        prepared.quarantine.rows.extend(self.some_notes())
        self.notes.append(
            both(
                "在 Spark 上清算：没有核查病案首页，没有列出各病例的检查结果",
                "settled on Spark: no front-page checks were made",
            )
        )
        paid = counts.total - counts.quarantined
        prepared.unknown, prepared.notes = self.unknown, self.notes
        prepared.versions = versions_of(chained, self.grouper, paid)
        year = YearSums(
            totals,
            facts.aside,
            paid,
            reviewed_cases(scored, region),
            facts.moments,
            items_of(scored),
        )
        self.made = self._year(prepared, rules, year, chain_stays(self, chained, scored, prepared))
        return scored

    def _year(
        self, prepared: Prepared, rules: YearRules, year: YearSums, stays: ChainStays
    ) -> YearEnd:
        region, policy = self.region, self.policy
        settled = settle_sums(prepared, region, policy, rules.base, year)
        none = ScoredPieces(prepared.pieces, rules.scoring, Fraction(1), (), ())
        made = YearEnd.of(prepared, rules, none, year, settled)
        one_stay = policy.says("referral.rule", "one_stay", "separate")
        found = referrals_of(stays.chains, region, policy) if one_stay else []
        return with_referrals(made, found, stays.made_of)

    def _scored(self, cases: Any, rules: YearRules) -> Any:
        job = ScoreJob(
            self.key,
            lean(self.region),
            self.policy,
            rules.scoring,
            replace(rules.base, limits=None),
            rules.beds,
            "; ".join(self.policy.trial),
        )
        schema = workers.scored_schema(job)
        stage = with_followed(self, cases).mapInArrow(
            workers.score_cases(self.ship(job), schema), ddl(schema)
        )
        return self.folder.save(stage, "cases")

    def _prepared(self, loaded: Any, past: Past) -> Prepared:
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

    def write(self, scored: Any) -> None:
        """Write the small tables and the manifest; leave out what only the stages needed."""
        run = self.made
        bed_days = bed_day_stays(scored) if run.beds.classes else []
        for name, table in spark_tables(run, bed_days).items():
            self.folder.save_table(table, name)
        for name, content in carried_files(run).items():
            self.folder.save_bytes(content, name)
        facts = manifest(run)
        facts["front_page"] = None
        facts[SUMS_KEY] = SUMS
        facts["engine"] = f"Spark {self.spark.version}"
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        self.folder.save_bytes(text.encode() + b"\n", "manifest.json")
        for name in BETWEEN_STAGES:
            self.folder.delete(self.folder.at(name))
        self.folder.save_sums()


__all__ = ["SparkYearEnd", "settle_on_spark"]
