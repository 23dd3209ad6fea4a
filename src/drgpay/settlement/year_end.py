"""The year-end run: prepared cases → base points → coefficients → points → point value → dues.

`prepare` reads, checks and groups; `settle_prepared` applies a policy to what it kept, so that
trial runs need not read again. Every total is checked at zero tolerance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.quarantine import Quarantine
from drgpay.ground.digests import InputFile, describe_file
from drgpay.ground.errors import Bilingual, PolicyError, both
from drgpay.ground.frames import Framed
from drgpay.grouper.engine import Grouper, GroupNumbers
from drgpay.grouper.outcome import QUARANTINED, REASONS, Counts
from drgpay.names.run_tables import rows_table
from drgpay.perdiem.points import BedDayTables
from drgpay.points.base import BasePoints
from drgpay.points.coefficients import Coefficients
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.region.later import Reopening
from drgpay.region.records import Region
from drgpay.region.region import read_region
from drgpay.settlement.checks import check_given_drgs, check_named_groups, require_targets
from drgpay.settlement.doubts import BIT
from drgpay.settlement.pieces import ReadPiece, ReadPieces
from drgpay.settlement.prepare import Prepared, Reading, grouper_of, prepare
from drgpay.settlement.referrals import (
    DEDUCTIBLE_KEYS,
    Referral,
    Referrals,
    made_of,
    referral_notes,
    referrals,
)
from drgpay.settlement.removed import returned_cases, to_fund
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.settle_sums import Settled, settle_sums
from drgpay.settlement.stays import followed, referral_chains, stays_twice
from drgpay.settlement.totals import (
    SetAside,
    Totals,
    YearSums,
    add_up_pieces,
    sums_of,
)
from drgpay.settlement.unchanged import unchanged
from drgpay.settlement.year_rules import YearRules, year_rules


@dataclass(frozen=True, kw_only=True)
class ScoredYear:
    """Prepared cases with their points under a policy, added up; the point value comes later."""

    prepared: Prepared
    region: Region
    policy: YearPolicy
    rules: YearRules
    pieces: ScoredPieces
    totals: Totals

    @property
    def base(self) -> BasePoints:
        """Base points of the year."""
        return self.rules.base

    @property
    def coefficients(self) -> Coefficients:
        """Coefficients of hospitals and groups."""
        return self.rules.coefficients

    @property
    def beds(self) -> BedDayTables:
        """Bed-day tables of the year."""
        return self.rules.beds

    @property
    def numbers(self) -> GroupNumbers:
        """Numbers and names of all groups."""
        return self.prepared.numbers


@dataclass(frozen=True, kw_only=True, repr=False)
class YearEnd(Framed, ScoredYear, Settled):
    """A settled year, ready to be written as a run folder."""

    set_aside: SetAside
    reopening: Reopening | None = None

    @classmethod
    def of(cls, scored: ScoredYear, year: YearSums, settled: Settled) -> YearEnd:
        """Return the year that was settled from the sums of its scored cases."""
        return cls(**vars(scored) | vars(settled), set_aside=year.aside)

    def _table(self) -> pa.Table:
        """Return the accounts; run folders hold them with all their columns (hospitals.parquet)."""
        shown = "hospital_id name pool cases points due_fen prepaid_fen final_fen payable_fen"
        return hospitals_table(self).select([*shown.split(), "recover_fen"])

    def _line(self) -> Bilingual:
        cases, year = self.counts.total, self.region.year
        return both(
            f"{year}年清算，病例{cases:,}，机构账户{len(self.hospitals):,}，险种{len(self.pools):,}",
            f"year {year}, {cases:,} cases, {len(self.hospitals):,} accounts of hospitals, "
            f"{len(self.pools):,} pools",
        )

    @property
    def grouper(self) -> Grouper:
        """The grouper of the year's last day."""
        return self.prepared.main

    @property
    def counts(self) -> Counts:
        """How many cases came in and what became of them."""
        return self.prepared.counts

    @property
    def quarantine(self) -> Quarantine:
        """The quarantined rows."""
        return self.prepared.quarantine

    @property
    def inputs(self) -> Sequence[InputFile]:
        """The files that the run read, those of capitation included."""
        capitation = self.extra.get("capitation")
        if capitation is None:
            return self.prepared.inputs
        folder = self.region.path
        more = [describe_file(p, str(p.relative_to(folder)), None) for p in capitation.inputs]
        return [*self.prepared.inputs, *more]


def hospitals_table(run: YearEnd) -> pa.Table:
    """Return hospitals: one row a hospital and pool, money in fen."""
    names = {h.id: h.name for h in run.region.hospitals}
    return rows_table(
        "hospitals",
        run.hospitals,
        cases="sums.cases",
        points="sums.net_points",
        not_pool_fen="sums.not_pool_fen",
        recorded_fund_fen="sums.recorded_fund_fen",
        points_deducted="sums.points_deducted",
        money_fen="sums.money_fen",
        not_pool_by_points_fen="sums.n_fen",
        held_cases="sums.held_cases",
        held_fund_fen="sums.held_fund_fen",
        name=lambda h: names[h.hospital_id],
    )


def year_end(
    folder: str | Path, *, overrides: Sequence[str] = (), **how: Unpack[Reading]
) -> YearEnd:
    """Settle the year of a region folder.

    `overrides`: `KEY=VALUE` texts of a trial run. `how`: threads, lang, progress, spool and
    memory_cases, as `Reading` says. The result does not depend on threads, memory or the order of
    rows.

    Raises InputError, PolicyError or SchemeError for inputs that cannot be used, and BooksError
    when a total does not tie out. Source: S2 二(二)2, docs/rules.md.
    """
    prepared = prepare_year(folder, overrides=overrides, official=True, **how)
    return settle_prepared(prepared, prepared.policy)


@dataclass(frozen=True)
class OpenYear:
    """A region folder as it was read; its files must stay as they are while it is open."""

    region: Region
    loaded: Policy
    overrides: Sequence[str]
    name_inputs: Callable[[Iterable[Path]], None]

    def prepare(
        self,
        region: Region | None = None,
        *,
        until: dt.date | None = None,
        official: bool = False,
        **how: Unpack[Reading],
    ) -> Prepared:
        """Return the prepared cases, as `year_end` settles them.

        `region`: with other tables than those read (reopening); `until`: the last day of rule 1
        that counts (months). `official`: what comes out is paid, unless it is a trial.
        """
        region = region or self.region
        self.name_inputs([self.loaded.path, *region.files, *region.cases, *region.history])
        policy = self.loaded.for_year(region.year, self.overrides)
        if official:
            require_targets(region, policy)
        grouper = grouper_of(region)
        check_given_drgs(region, grouper)
        check_named_groups(policy, grouper)
        return prepare(region, self.loaded, policy, grouper=grouper, until=until, **how)


@contextmanager
def open_year(folder: str | Path, overrides: Sequence[str] = ()) -> Iterator[OpenYear]:
    """Give the region of a folder with its policy; refuse what was read when files change."""
    with unchanged(Path(folder)) as name_inputs:
        region = read_region(Path(folder), overrides)
        yield OpenYear(region, load_policy(region.policy, region.path), overrides, name_inputs)


def prepare_year(folder: str | Path, *, overrides: Sequence[str] = (), **how: Any) -> Prepared:
    """Return the prepared cases of a region folder; `how` is that of `OpenYear.prepare`."""
    with open_year(folder, overrides) as opened:
        return opened.prepare(**how)


def score_prepared(
    prepared: Prepared,
    policy: YearPolicy,
    *,
    region: Region | None = None,
    rules: YearRules | None = None,
) -> ScoredYear:
    """Return class, points and price of prepared cases, and their sums; see `settle_prepared`.

    `rules`: those of the year, where they are known; else they are made of the history.
    """
    if not prepared.fits(policy):
        raise PolicyError(
            both("这一政策读取病例的方式不同，须重新读取", "the policy reads the cases otherwise"),
            remedy=both("重新运行", "prepare the cases again with it"),
        )
    region = region or prepared.region
    check_named_groups(policy, prepared.grouper)
    rules = rules or year_rules(prepared, policy, region)
    chains = referral_chains(prepared, policy)
    scored = ScoredPieces(
        prepared.pieces,
        rules.scoring,
        Fraction(policy["readmission.factor"]),
        followed(prepared, policy, chains),
        chains,
        None if to_fund(policy) else prepared.removed,
    )
    totals = add_up_pieces(scored, prepared, region)
    return ScoredYear(
        prepared=prepared, region=region, policy=policy, rules=rules, pieces=scored, totals=totals
    )


def score_stays(
    year: Prepared, read: ReadPiece, copies: NDArray[np.int64], rules: YearRules
) -> ScoredYear:
    """Return all stays of some patients scored, without those of others.

    `copies`: the rows whose case id stands more than once in the year.
    """
    pieces = ReadPieces()
    pieces.append(read)
    pieces.mark(0, np.setdiff1d(stays_twice(read), copies), BIT["stay_twice"])
    pieces.stop(0, copies[read.status[copies] < QUARANTINED], REASONS.index("duplicate_case"))
    return score_prepared(
        replace(year, pieces=pieces, wrong={}, cache={}), year.policy, rules=rules
    )


def settle_prepared(
    prepared: Prepared, policy: YearPolicy, *, region: Region | None = None
) -> YearEnd:
    """Settle prepared cases under a policy that reads them alike (`Prepared.fits`).

    `region` may have other budgets, coefficients, scores … than the one prepared; hospitals,
    pools, files and reviews must be the same.
    """
    later = bool(prepared.removed or prepared.regrouped)
    corrected = None
    if not to_fund(policy):
        prepared = prepared.corrected()
    elif prepared.regrouped:
        corrected = score_prepared(prepared.corrected(), policy, region=region).pieces
    made = score_prepared(prepared, policy, region=region)
    year = sums_of(made.pieces, made.totals, prepared, made.region)
    returns = None
    if later and to_fund(policy):
        returns = partial(returned_cases, prepared, made.pieces, corrected, made.region, policy)
    settled = settle_sums(prepared, made.region, policy, made.rules.base, year, returns)
    run = YearEnd.of(made, year, settled)
    if later:
        run = replace(run, policy=run.policy.using("removed_case"))
    found = referrals(run.prepared, run.region, run.policy)
    return with_referrals(run, found, partial(made_of, run.pieces))


def with_referrals(
    run: YearEnd,
    found: Sequence[Referral],
    scored: Callable[[NDArray[np.int64]], dict[str, list[Any]]],
) -> YearEnd:
    """Return a run with what was found of deductibles paid in chains of referral.

    `scored` gives by name what stays at some places came to.
    """
    if not found:
        return run
    used = run.policy
    for key in DEDUCTIBLE_KEYS:
        used = used.using(key)
    warnings = [*run.warnings, *referral_notes(found, run.region, run.policy)]
    table = Referrals(found, run.region, scored, run.numbers.drgs)
    return replace(run, policy=used, warnings=warnings, extra={**run.extra, "referrals": table})
