"""The year-end run: prepared cases → base points → coefficients → points → point value → dues.

`prepare` reads, checks and groups; `settle_prepared` applies a policy to what it kept, so that
trial runs need not read again. Every total is checked at zero tolerance.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drgpay.budget.ceiling import (
    BY_ITEM,
    CAPITATION,
    DRG,
    OTHER,
    OUT_OF_AREA,
    PER_DIEM,
    Ceiling,
    Payment,
    check_ceiling,
)
from drgpay.cases.quarantine import REASONS as QUARANTINE_REASONS
from drgpay.cases.quarantine import Quarantine
from drgpay.errors import Bilingual, BooksError, InputError, PolicyError, both
from drgpay.grouper.check import Checked
from drgpay.grouper.engine import Grouper, GroupNumbers
from drgpay.grouper.outcome import Counts
from drgpay.grouper.stream import in_order, unused_columns
from drgpay.grouper.versions import AnyGrouper, VersionUse, any_grouper, version_warnings
from drgpay.money import points_text, yuan_text
from drgpay.perdiem.points import BedDayTables, bed_day_tables
from drgpay.points.base import (
    BasePoints,
    given_base_points,
    group_tables,
    history_base_points,
)
from drgpay.points.coefficients import Coefficients, GivenTables, coefficients
from drgpay.points.kernels import (
    BED_DAY,
    HELD,
    MONEY,
    POINTS,
    SPECIAL_DISCHARGE,
)
from drgpay.points.quality import CostSums, Quality, quality
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.settlement.facts import month_in_year
from drgpay.settlement.kernels import (
    ACCOUNT_COLUMNS,
    CASES,
    COST,
    FUND,
    HELD_CASES,
    HELD_FUND,
    MONTH_COLUMNS,
    NOT_POOL,
    NOT_POOL_BY_POINTS,
    add_up,
)
from drgpay.settlement.kernels import MONEY as MONEY_COLUMN
from drgpay.settlement.kernels import POINTS as POINTS_COLUMN
from drgpay.settlement.pieces import ReadPieces
from drgpay.settlement.point_value import (
    CaseItems,
    HospitalResult,
    Key,
    PoolResult,
    Sums,
    settle,
)
from drgpay.settlement.prepare import HistoryUse, Prepared, Progress, prepare
from drgpay.settlement.region import GRANTED, InputFile, Region, describe_file, read_region
from drgpay.settlement.scored import ScoredPiece, ScoredPieces
from drgpay.settlement.scoring import CASE_CLASSES, Rules, points_step
from drgpay.settlement.stays import followed, referral_chains
from drgpay.settlement.unchanged import unchanged
from drgpay.settlement.versions import Reopening


@dataclass(frozen=True)
class DrgSums:
    """Cases, points and cost of every DRG number."""

    cases: NDArray[np.int64]
    points: NDArray[np.int64]
    cost: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SetAside:
    """What the quarantined cases carry, as far as it can be read; money in fen."""

    cases: int
    total_cost_fen: int
    pool_fund_fen: int

    def as_dict(self) -> dict[str, int]:
        """Return the sums by name."""
        return {
            "cases": self.cases,
            "total_cost_fen": self.total_cost_fen,
            "pool_fund_fen": self.pool_fund_fen,
        }


@dataclass(frozen=True, slots=True)
class Quota:
    """Reviews granted of paid cases against the quota; `hospital` empty for the region."""

    hospital: str
    granted: int
    paid: int
    allowed: int


@dataclass(frozen=True)
class YearEnd:
    """A settled year, ready to be written as a run folder.

    `month_sums`: [account, month, column] of settlement/kernels.py; accounts are hospital x pools +
    pool, numbered as in the region.
    """

    prepared: Prepared
    region: Region
    policy: YearPolicy
    base: BasePoints
    coefficients: Coefficients
    beds: BedDayTables
    step: int
    pieces: ScoredPieces
    class_sums: Mapping[str, tuple[int, int, int]]
    drg_sums: DrgSums
    month_sums: NDArray[np.int64]
    pools: Sequence[PoolResult]
    hospitals: Sequence[HospitalResult]
    notes: Quarantine
    quotas: Sequence[Quota]
    set_aside: SetAside
    warnings: Sequence[Bilingual]
    quality: Sequence[Quality]
    ceiling: Ceiling | None
    held: int
    extra: dict[str, Any] = field(default_factory=dict)  # tables of other modes of payment
    reopening: Reopening | None = None

    @property
    def policy_sources(self) -> Mapping[str, str]:
        """The documents that the policy's sources name."""
        return self.prepared.loaded.sources

    @property
    def grouper(self) -> Grouper:
        """The grouper of the year's last day."""
        return self.prepared.main

    @property
    def numbers(self) -> GroupNumbers:
        """Numbers and names of all groups."""
        return self.prepared.numbers

    @property
    def counts(self) -> Counts:
        """How many cases came in and what became of them."""
        return self.prepared.counts

    @property
    def quarantine(self) -> Quarantine:
        """The quarantined rows."""
        return self.prepared.quarantine

    @property
    def history_use(self) -> HistoryUse:
        """What became of the history's rows."""
        return self.prepared.history_use

    @property
    def history_quarantine(self) -> Quarantine:
        """The quarantined rows of the history."""
        return self.prepared.history_quarantine

    @property
    def inputs(self) -> Sequence[InputFile]:
        """The files that the run read, those of capitation included."""
        capitation = self.extra.get("capitation")
        if capitation is None:
            return self.prepared.inputs
        folder = self.region.path
        more = [describe_file(p, str(p.relative_to(folder)), None) for p in capitation.inputs]
        return [*self.prepared.inputs, *more]

    @property
    def mdc_codes(self) -> Sequence[str]:
        """Codes of the MDCs by number."""
        return self.prepared.grouper.mdc_codes

    @property
    def checked(self) -> Checked:
        """What the checks of front pages found."""
        return self.prepared.checked

    @property
    def versions(self) -> Sequence[VersionUse]:
        """Versions of a family of schemes that grouped cases."""
        return self.prepared.versions


def year_end(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    threads: int | None = None,
    lang: str = "zh",
    progress: Progress | None = None,
    spool: Path | None = None,
    memory_cases: int | None = None,
) -> YearEnd:
    """Settle the year of a region folder.

    `overrides`: `KEY=VALUE` texts of a trial run. `lang`: of the findings of the checks. `progress`
    is given a step's name and its number of cases and returns what is called with the cases done.
    More than `memory_cases` cases are kept in files in `spool`. The result does not depend on
    `threads`, memory or the order of rows.

    Raises InputError, PolicyError or SchemeError for inputs that cannot be used, and BooksError
    when a total does not tie out. Source: S2 二(二)2, docs/formats.md 5.
    """
    prepared = prepare_year(
        folder,
        overrides=overrides,
        threads=threads,
        lang=lang,
        progress=progress,
        spool=spool,
        memory_cases=memory_cases,
    )
    return settle_prepared(prepared, prepared.policy)


def prepare_year(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    threads: int | None = None,
    lang: str = "zh",
    progress: Progress | None = None,
    spool: Path | None = None,
    memory_cases: int | None = None,
    until: dt.date | None = None,
    change: Callable[[Region, Policy], Region] | None = None,
) -> Prepared:
    """Return the prepared cases of a region folder, as `year_end` settles them.

    `until`: the last day of rule 1 that counts (months); `change` gives the region, as read, other
    tables before its cases are read (reopening), or refuses it.
    """
    with unchanged(Path(folder)) as name_inputs:
        region = read_region(Path(folder), overrides)
        loaded = load_policy(region.policy, region.path)
        if change is not None:
            region = change(region, loaded)
        name_inputs([loaded.path, *region.files, *region.cases, *region.history])
        policy = loaded.for_year(region.year, overrides)
        grouper = any_grouper(
            region.scheme, region.surgical_match, region.from_insurance_codes, region.path
        )
        check_given_drgs(region, grouper)
        _check_named_groups(policy, grouper)
        more = {} if memory_cases is None else {"memory_cases": memory_cases}
        return prepare(
            region,
            loaded,
            policy,
            grouper=grouper,
            threads=threads,
            lang=lang,
            progress=progress,
            spool=spool,
            until=until,
            **more,
        )


@dataclass(frozen=True)
class ScoredYear:
    """Prepared cases with their points under a policy, added up; the point value comes later."""

    prepared: Prepared
    region: Region
    policy: YearPolicy
    base: BasePoints
    coefficients: Coefficients
    beds: BedDayTables
    step: int
    pieces: ScoredPieces
    totals: _Totals

    @property
    def month_sums(self) -> NDArray[np.int64]:
        """Sums by account and month (settlement/kernels.py)."""
        return self.totals.by_month


def score_prepared(
    prepared: Prepared, policy: YearPolicy, *, region: Region | None = None
) -> ScoredYear:
    """Return class, points and price of prepared cases, and their sums; see `settle_prepared`."""
    if not prepared.fits(policy):
        raise PolicyError(
            both("这一政策读取病例的方式不同，须重新读取", "the policy reads the cases otherwise"),
            remedy=both("重新运行", "prepare the cases again with it"),
        )
    region = region or prepared.region
    base = _base_points(prepared, policy, region)
    numbers, pieces = prepared.numbers, prepared.pieces
    _check_named_groups(policy, prepared.grouper)
    step = points_step(policy)
    beds = bed_day_tables(
        region.bed_day_rates, [h.level for h in region.hospitals], base.all_mean_fen, policy
    )
    tables = group_tables(base, numbers.drgs, policy, step)
    coefs = coefficients(
        policy,
        [h.id for h in region.hospitals],
        [h.level for h in region.hospitals],
        numbers.drgs,
        _given(region),
        prepared.history,
        base,
    )
    rules = Rules.of(policy, tables, beds, coefs.values, base.all_mean_fen)
    chains = referral_chains(prepared, policy)
    scored = ScoredPieces(
        pieces,
        rules,
        Fraction(policy["readmission.factor"]),
        followed(prepared, policy, chains),
        chains,
        prepared.removed,
    )
    totals = _add_up(scored, prepared, region)
    return ScoredYear(prepared, region, policy, base, coefs, beds, step, scored, totals)


def settle_prepared(
    prepared: Prepared, policy: YearPolicy, *, region: Region | None = None
) -> YearEnd:
    """Settle prepared cases under a policy that reads them alike (`Prepared.fits`).

    `region` may have other budgets, coefficients, scores … than the one prepared; hospitals,
    pools, files and reviews must be the same.
    """
    made = score_prepared(prepared, policy, region=region)
    region, base, scored, totals = made.region, made.base, made.pieces, made.totals
    pieces, numbers = prepared.pieces, prepared.numbers
    sums = totals.sums(region)
    _check_pools_have_cases(region, policy, sums, prepared.quarantine)
    quotas = _quotas(scored, region, policy, totals)
    monthly = None
    used = policy
    by_value = policy["prepay_basis"] == "month_value"
    if by_value or policy["month.growth_limit"] is not None:
        from drgpay.settlement.months import payments_of_year

        monthly = payments_of_year(region, policy, totals.by_month)
        used = used.using("month.growth_limit")
        if by_value:
            used = used.using("month.pattern")
    if any(pool.last_year_fund_fen is not None for pool in region.pools):
        used = used.using("budget_growth_cap")
    pools, hospitals = settle(
        region, policy, sums, items_of=_items_of(scored, region), monthly=monthly
    )
    class_sums, drg_sums = totals.classes(), totals.drgs()
    _check_points(scored, totals, pools, hospitals, class_sums, drg_sums)
    extra = _other_modes(prepared, region, policy)
    if "capitation" in extra:
        for key in policy.parameters:
            if key.startswith("capitation."):
                used = used.using(key)
    ceiling = _ceiling(region, policy, pools, hospitals, totals, extra)
    aside = _set_aside(pieces, len(prepared.broken))
    warnings = _warnings(region, policy, prepared, pools, aside, totals, quotas, ceiling)
    if "capitation" in extra:
        warnings += _capitation_notes(extra["capitation"])
    warnings += [*prepared.notes, *version_warnings(prepared.versions)]
    warnings += _old_groups(prepared.main, base, numbers, pieces)
    return YearEnd(
        prepared,
        region,
        used,
        base,
        made.coefficients,
        made.beds,
        made.step,
        scored,
        class_sums,
        drg_sums,
        totals.by_month,
        pools,
        hospitals,
        _review_notes(scored, region, policy),
        quotas,
        aside,
        warnings,
        _quality(prepared, base, policy),
        ceiling,
        int(totals.by_account[:, HELD_CASES].sum()),
        extra,
    )


def _given(region: Region) -> GivenTables:
    return GivenTables(
        {h.id: h.coefficient for h in region.hospitals if h.coefficient is not None},
        region.drg_coefficients,
        region.level_coefficients,
        region.components,
        region.tcm_shares,
    )


def _base_points(prepared: Prepared, policy: YearPolicy, region: Region) -> BasePoints:
    """Return base points of the year: given, or from the history's costs."""
    if prepared.history is None:
        return given_base_points(region.group_means or {}, region.all_drg_mean_fen or 0, policy)
    drgs = prepared.numbers.drgs
    adrg_of = {drg: drg[:3] for drg in drgs}
    return history_base_points(prepared.history, drgs, adrg_of, policy, prepared.history_years)


@dataclass(frozen=True)
class _Totals:
    """Sums over all cases by account, month, class and group (settlement/kernels.py)."""

    by_account: NDArray[np.int64]
    by_month: NDArray[np.int64]
    by_class: NDArray[np.int64]
    by_group: NDArray[np.int64]
    case_points: int
    by_item_fen: int  # of money_fen, what is not bed-days

    def sums(self, region: Region) -> dict[Key, Sums]:
        """Return the sums of each hospital and pool that has a paid or held case."""
        pools = len(region.pools)
        some = np.flatnonzero(self.by_account[:, CASES] + self.by_account[:, HELD_CASES])
        found = {}
        for place in some.tolist():
            a = [int(x) for x in self.by_account[place]]
            key = (region.hospitals[place // pools].id, region.pools[place % pools].id)
            found[key] = Sums(
                a[CASES], a[POINTS_COLUMN], a[NOT_POOL], a[FUND], a[NOT_POOL_BY_POINTS],
                a[MONEY_COLUMN], 0, a[HELD_CASES], a[HELD_FUND], a[COST],
            )  # fmt: skip
        return found

    def classes(self) -> dict[str, tuple[int, int, int]]:
        """Return cases, points and cost in fen by class."""
        return {
            name: (int(row[0]), int(row[1]), int(row[2]))
            for name, row in zip(CASE_CLASSES, self.by_class, strict=True)
        }

    def drgs(self) -> DrgSums:
        """Return cases, points and cost by group."""
        return DrgSums(*(self.by_group[:, k].copy() for k in range(3)))


def _add_up(scored: ScoredPieces, prepared: Prepared, region: Region) -> _Totals:
    """Score all pieces and add them up; pieces that fit stay in memory."""
    pools, year = len(region.pools), region.year
    accounts = len(region.hospitals) * pools
    shapes = (
        (accounts, ACCOUNT_COLUMNS),
        (accounts, 12, MONTH_COLUMNS),
        (len(CASE_CLASSES), 3),
        (len(prepared.numbers.drgs), 3),
    )
    sums = [np.zeros(shape, dtype=np.int64) for shape in shapes]
    points = by_item = 0

    def task(number: int) -> Callable[[], tuple[list[NDArray[np.int64]], int, int]]:
        def work() -> tuple[list[NDArray[np.int64]], int, int]:
            p = scored.score(number)
            own = [np.zeros(shape, dtype=np.int64) for shape in shapes]
            f = p.facts
            later = month_in_year(p.correction_day, year)
            later[p.correction_day < 0] = -1
            add_up(
                f.hospital, f.pool, pools, p.drg, p.case_class, p.paid_by, p.points_before,
                p.points, month_in_year(f.key_day, year), later, f.cost, f.fund, f.not_pool, p.price, *own,
            )  # fmt: skip
            item = (p.paid_by == MONEY) & (p.case_class != BED_DAY)
            money = int((p.price - f.not_pool)[item].sum()) if item.any() else 0
            return own, int(p.points[p.paid_by == POINTS].sum()), money

        return work

    for own, some, money in in_order((task(n) for n in range(len(scored))), prepared.threads):
        for total, part in zip(sums, own, strict=True):
            total += part
        points += some
        by_item += money
    return _Totals(sums[0], sums[1], sums[2], sums[3], points, by_item)


def _items_of(scored: ScoredPieces, region: Region) -> Callable[[Sequence[Key]], CaseItems]:
    """Return what gives the cases of some accounts that are paid by points."""

    def items(keys: Sequence[Key]) -> CaseItems:
        pools = len(region.pools)
        place = np.full(len(region.hospitals) * pools, -1, dtype=np.int64)
        hospital = {h.id: i for i, h in enumerate(region.hospitals)}
        pool = {p.id: i for i, p in enumerate(region.pools)}
        for number, key in enumerate(keys):
            place[hospital[key[0]] * pools + pool[key[1]]] = number
        parts: list[list[NDArray[np.int64]]] = [[], [], [], [], []]
        for p in scored:
            f = p.facts
            own = np.flatnonzero(p.paid_by == POINTS)
            account = place[f.hospital[own].astype(np.int64) * pools + f.pool[own]]
            own, account = own[account >= 0], account[account >= 0]
            columns = (p.points[own], f.not_pool[own], f.fund[own], f.cost[own], account)
            for part, values in zip(parts, columns, strict=True):
                part.append(values)
        return CaseItems(*(np.concatenate(part) for part in parts))

    return items


def _other_modes(prepared: Prepared, region: Region, policy: YearPolicy) -> dict[str, Any]:
    """Return what is paid in other modes from the region folder: capitation."""
    folder = region.path / "capitation"
    if not folder.is_dir():
        return {}
    values = {key: p.value for key, p in policy.parameters.items()}
    own = ("capitation", *(str(v) for key, v in values.items() if key.startswith("capitation.")))
    if own not in prepared.cache:
        from drgpay.capitation.run import capitate

        prepared.cache[own] = capitate(region.path, values, region.year)
    return {"capitation": prepared.cache[own]}


def _ceiling(
    region: Region,
    policy: YearPolicy,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    totals: _Totals,
    extra: Mapping[str, Any],
) -> Ceiling | None:
    """Fail if all that is paid, in any way, is beyond the control target (B12)."""
    given = region.ceiling
    if given is None:
        return None
    due = sum(h.due_fen for h in hospitals)
    money = sum(p.money_fen for p in pools)
    payments = [Payment(DRG, due - money)]
    if money - totals.by_item_fen:
        payments.append(Payment(PER_DIEM, money - totals.by_item_fen))
    if totals.by_item_fen:
        payments.append(Payment(BY_ITEM, totals.by_item_fen))
    if policy["out_of_area"] == "inside_budget":
        outside = sum(pool.out_of_area_fund_fen for pool in region.pools)
        payments.append(Payment(OUT_OF_AREA, outside))
    if "capitation" in extra:
        payments.append(Payment(CAPITATION, extra["capitation"].totals["fund_paid_fen"]))
    payments += [Payment(OTHER, p.amount_fen, p.name) for p in given.payments]
    reserves = given.to_draw()
    return check_ceiling(payments, given.target_fen, reserves, where=f"{region.name} {region.year}")


def _quality(prepared: Prepared, base: BasePoints, policy: YearPolicy) -> list[Quality]:
    """Return the quality of the scheme on the year's grouped cases, all and by MDC."""
    numbers = prepared.numbers
    if "moments" not in prepared.cache:
        sums = CostSums(len(numbers.drgs))
        for piece in prepared.pieces:
            own = piece.status == 0
            sums.add(piece.drg[own], piece.facts.cost[own])
        prepared.cache["moments"] = sums.moments()
    mdc_of = {o.drg: o.mdc for o in prepared.grouper.outcomes if o.drg}
    return quality(prepared.cache["moments"], numbers.drgs, mdc_of, base, policy["stable.cv_sd"])


def _capitation_notes(made: Any) -> list[Bilingual]:
    """Return what of capitation's tables was quarantined, and what its reader noted."""
    notes = list(made.notes)
    if len(made.quarantined):
        count = len(made.quarantined)
        notes.append(
            both(
                f"按人头付费的表中有 {count} 行被隔离，见 capitation_quarantine.csv",
                f"{count} rows of capitation are quarantined: capitation_quarantine.csv",
            )
        )
    return notes


def _old_groups(
    main: Grouper, base: BasePoints, numbers: GroupNumbers, pieces: ReadPieces
) -> list[Bilingual]:
    """Return a note on cases of groups that only an earlier version has: they are paid by cost."""
    known = {*main.numbers.drgs, *base.groups}
    old = np.array([drg not in known for drg in numbers.drgs])
    if not old.any():
        return []
    cases = sum(int(old[piece.drg[piece.status == 0]].sum()) for piece in pieces)
    if not cases:
        return []
    return [
        both(
            f"{cases} 例属于 {main.scheme.id} 没有的病组，没有基准点数，按费用计点",
            f"{cases} cases are in groups that {main.scheme.id} lacks: without base points, they "
            "are paid by cost",
        )
    ]


def _check_named_groups(policy: YearPolicy, grouper: AnyGrouper) -> None:
    """Fail if a trial names groups that the scheme does not have."""
    known = {*grouper.numbers.drgs, *grouper.numbers.adrgs}
    for key in ("readmission.exempt", "primary_groups"):
        parameter = policy.parameters[key]
        strange = [code for code in parameter.value if code not in known]
        if parameter.trial and strange:
            raise PolicyError(
                both(
                    f"--set {key}：分组方案 {grouper.scheme.id} 中没有 {'、'.join(strange)}",
                    f"--set {key}: the scheme {grouper.scheme.id} has no {', '.join(strange)}",
                )
            )


def _check_pools_have_cases(
    region: Region, policy: YearPolicy, sums: Mapping[Key, Sums], quarantine: Quarantine
) -> None:
    """Fail with the reasons of quarantine when they left a pool without a case."""
    empty = [p.id for p in region.pools if not any(key[1] == p.id for key in sums)]
    alone = not policy["combine_pools"] or len(empty) == len(region.pools)
    if not empty or not alone or not len(quarantine):
        return
    reasons: dict[str, list[int]] = {}
    for note in quarantine.rows:
        reasons.setdefault(note[5], []).append(note[1])
    raise InputError(
        both(
            f"险种 {'、'.join(empty)} 没有可清算的病例；{len(quarantine)} 例被隔离",
            f"pool {', '.join(empty)} has no case to settle; {len(quarantine)} are quarantined",
        ),
        where=region.path,
        faults=[
            both(
                f"{QUARANTINE_REASONS[code].chinese}：{len(rows)} 例，如第{rows[0]}行",
                f"{QUARANTINE_REASONS[code].english}: {len(rows)}, for one in row {rows[0]}",
            )
            for code, rows in sorted(reasons.items(), key=lambda item: -len(item[1]))
        ],
        remedy=both("更正这些病例", "correct these cases"),
    )


def _set_aside(pieces: ReadPieces, broken: int) -> SetAside:
    cases, cost, fund = broken, 0, 0
    for piece in pieces:
        bad = piece.status == 3
        if bad.any():
            cases += int(bad.sum())
            cost += int(piece.facts.cost[bad].sum())
            fund += int(piece.facts.fund[bad].sum())
    return SetAside(cases, cost, fund)


def _quotas(
    scored: ScoredPieces, region: Region, policy: YearPolicy, totals: _Totals
) -> list[Quota]:
    """Return reviews granted against the quota (特病单议名额); fail if they are more."""
    granted = np.zeros(len(region.hospitals), dtype=np.int64)
    named = np.array([*_names_unreasonable(policy), False])  # the last: quarantined
    if region.reviews:
        for p in scored:
            decision = p.reviews.decision
            if len(decision):
                own = (decision == GRANTED) & (p.paid_by >= 0) & (p.paid_by != HELD)
                own &= named[p.case_class]
                granted += np.bincount(p.facts.hospital[own], minlength=len(granted))
    paid = totals.by_account[:, CASES].reshape(len(region.hospitals), -1).sum(axis=1)
    share = Fraction(policy["special_quota"])
    if policy["special_quota.scope"] == "region":
        rows = [("", int(granted.sum()), int(paid.sum()))]
    else:
        rows = [
            (h.id, int(g), int(n)) for h, g, n in zip(region.hospitals, granted, paid, strict=True)
        ]
    quotas = [Quota(name, g, n, math.ceil(share * n)) for name, g, n in rows]
    over = [q for q in quotas if q.granted > q.allowed]
    if over and policy["special_quota.over"] == "refuse":
        raise InputError(
            both(
                "准予的特病单议超出名额", "more special reviews are granted than the quota allows"
            ),
            where=region.path / "reviews.csv",
            faults=[both(_quota_text(q).chinese, str(_quota_text(q))) for q in over],
            remedy=both(
                "减少准予的单议，或由有权部门调整 special_quota（名额）",
                "grant fewer, or have special_quota changed by who may",
            ),
        )
    return quotas


def _quota_text(q: Quota) -> Bilingual:
    return both(
        f"{q.hospital or '全统筹区'}：准予 {q.granted} 例，支付 {q.paid} 例，名额 {q.allowed} 例",
        f"{q.hospital or 'the region'}: {q.granted} granted, {q.paid} paid, {q.allowed} allowed",
    )


def _warnings(
    region: Region,
    policy: YearPolicy,
    prepared: Prepared,
    pools: Sequence[PoolResult],
    aside: SetAside,
    totals: _Totals,
    quotas: Sequence[Quota],
    ceiling: Ceiling | None,
) -> list[Bilingual]:
    """Return what the reader of the run must know, though nothing refused it."""
    found: list[Bilingual] = []
    grouper = prepared.main
    if prepared.unknown:
        found.append(unused_columns(prepared.unknown))
    if aside.cases:
        cost, fund = yuan_text(aside.total_cost_fen), yuan_text(aside.pool_fund_fen)
        found.append(
            both(
                f"{aside.cases} 例被隔离，未参加清算：可读出的总费用 {cost} 元，"
                f"统筹基金记账 {fund} 元，未计入任何机构",
                f"{aside.cases} cases are quarantined and not settled: readable total cost "
                f"{cost} yuan, recorded fund {fund} yuan, in nobody's account",
            )
        )
    held = int(totals.by_account[:, HELD_CASES].sum())
    if held:
        fund = yuan_text(int(totals.by_account[:, HELD_FUND].sum()))
        found.append(
            both(
                f"{held} 例须经特病单议而未经准予，暂不支付：统筹基金记账 {fund} 元",
                f"{held} cases need a special review that was not granted and are held, unpaid: "
                f"recorded fund {fund} yuan",
            )
        )
    found += [
        both(
            f"特病单议超出名额：{_quota_text(q).chinese}",
            f"special reviews beyond the quota: {_quota_text(q)}",
        )
        for q in quotas
        if q.granted > q.allowed
    ]
    found += _region_notes(region, policy, totals)
    if ceiling is not None:
        found += [
            both(
                f"各种方式支付之和超出可支付额，动用“{d.reserve.name}” {yuan_text(d.drawn_fen)} 元",
                f"payments are beyond what may be paid: {yuan_text(d.drawn_fen)} yuan are drawn from "
                f"{d.reserve.name}",
            )
            for d in ceiling.drawn
            if d.drawn_fen
        ]
    if ceiling is None:
        found.append(
            both(
                "region.toml 没有给出总额控制目标（[ceiling]），未与其核对",
                "region.toml gives no control target ([ceiling]); nothing was held against it",
            )
        )
    start = grouper.scheme.manifest.get("effective", {}).get("from")
    if start is not None and start.year > region.year:
        found.append(
            both(
                f"分组方案 {grouper.scheme.id} 自 {start} 起施行，晚于清算年度 {region.year}",
                f"the scheme {grouper.scheme.id} is in force from {start}, after {region.year}",
            )
        )
    if grouper.scheme.draft:
        found.append(
            both(
                f"分组方案 {grouper.scheme.id} 是征求意见稿",
                f"the scheme {grouper.scheme.id} is a draft",
            )
        )
    for pool in pools:
        found += _pool_warnings(pool)
    return found


def _region_notes(region: Region, policy: YearPolicy, totals: _Totals) -> list[Bilingual]:
    """Return what of the region's tables was not used, does not fit, or was filled in."""
    found: list[Bilingual] = []
    given = {path.stem for path in region.files}
    unused = {
        "coefficients": policy["coef.source"] != "given",
        "level_coefficients": policy["coef.source"] != "level",
        "components": policy["coef.source"] != "components",
        "tcm": policy["tcm.tilt"] is None,
        "month_shares": policy["month.pattern"] != "given",
    }
    idle = [name for name, is_idle in unused.items() if is_idle and name in given]
    if idle:
        found.append(
            both(
                f"按政策未使用的表：{'、'.join(idle)}",
                f"tables that the policy does not use: {', '.join(idle)}",
            )
        )
    levels = {h.level for h in region.hospitals}
    named = {rate.level for rate in region.bed_day_rates if rate.level}
    if policy["coef.source"] == "level":
        named |= set(region.level_coefficients)
    strange = sorted(named - levels)
    if strange:
        found.append(
            both(
                f"表中的等级 {'、'.join(strange)} 没有机构；机构的等级是 {'、'.join(sorted(levels))}",
                f"no hospital has the level {', '.join(strange)}; theirs are "
                f"{', '.join(sorted(levels))}",
            )
        )
    sums = totals.sums(region)
    if region.prepaid:
        lacking = sorted(
            {f"{h}/{pool}" for h, pool in sums} - {f"{h}/{p}" for h, p in region.prepaid}
        )
        if lacking:
            shown = lacking[:10]
            found.append(
                both(
                    f"已预付表中没有 {len(lacking)} 家机构与险种，按政策比例计算：{'、'.join(shown)}"
                    + ("等" if len(lacking) > len(shown) else ""),
                    f"{len(lacking)} hospitals and pools are not in the table of prepayments and are "
                    f"computed by policy: {', '.join(shown)}",
                )
            )
    for key, points in region.violation_points.items():
        own = sums[key].points if key in sums else 0
        if points > own:
            found.append(
                both(
                    f"机构 {key[0]} 险种 {key[1]} 应扣 {points_text(points)} 点，只有 "
                    f"{points_text(own)} 点可扣，其余未扣",
                    f"hospital {key[0]}, pool {key[1]}: {points_text(points)} points to deduct, "
                    f"{points_text(own)} there; the rest is not deducted",
                )
            )
    return found


def _pool_warnings(pool: PoolResult) -> list[Bilingual]:
    found = []
    if pool.budget.available_fen < 0 or pool.point_value_fen <= 0:
        found.append(
            both(
                f"险种 {pool.pool}：可用预算 {yuan_text(pool.budget.available_fen)} 元，"
                "点值不为正，请核对预算与异地就医基金",
                f"pool {pool.pool}: available budget {yuan_text(pool.budget.available_fen)} "
                "yuan, or a point value not above 0: check budget and care elsewhere",
            )
        )
    if pool.residual_fen < 0:
        more = yuan_text(-pool.residual_fen)
        found.append(
            both(
                f"险种 {pool.pool}：四舍五入使应付合计比清算总额多 {more} 元，由基金承担",
                f"pool {pool.pool}: rounding makes dues {more} yuan more than the settled total; the "
                "fund bears it",
            )
        )
    if pool.solution == "interval":
        found.append(
            both(
                f"险种 {pool.pool}：在上下限内有多个点值支付结果相同，取最小者",
                f"pool {pool.pool}: several point values pay the same within the bounds; the "
                "smallest is taken",
            )
        )
    return found


def check_given_drgs(region: Region, grouper: AnyGrouper) -> None:
    """Fail if base_points.csv names a DRG that no case can have: its cases would be unstable."""
    known = {o.drg for o in grouper.outcomes[:-1] if not o.ambiguous}
    strange = [drg for drg in region.group_means or {} if drg not in known]
    if strange:
        raise InputError(
            both(
                f"有 {len(strange)} 个DRG不在分组方案 {grouper.scheme.id} 中",
                f"{len(strange)} of its DRGs are not in the scheme {grouper.scheme.id}",
            ),
            where=region.path / "base_points.csv",
            faults=[both(f"drg“{drg}”不在其中", f"drg {drg!r}") for drg in strange],
            remedy=both(
                "更正代码，或在 region.toml 中改用其所属的分组方案",
                "correct the codes, or name the scheme that they belong to in region.toml",
            ),
        )


def _check_points(
    scored: ScoredPieces,
    totals: _Totals,
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    class_sums: Mapping[str, tuple[int, int, int]],
    drg_sums: DrgSums,
) -> None:
    """Fail if points of cases, hospitals, pools, classes and DRGs are not the same sum."""
    deducted = sum(h.sums.points_deducted for h in hospitals)
    points = {
        "cases": totals.case_points,
        "hospitals": sum(h.sums.net_points for h in hospitals) + deducted,
        "pools": sum(p.points for p in pools) + deducted,
        "classes": sum(points for _, points, _ in class_sums.values()),
        "drgs": int(drg_sums.points.sum()),
        "months": int(totals.by_month[:, :, [1, 6]].sum()),
    }
    if len(set(points.values())) > 1:
        raise BooksError(both(f"点数合计不符：{points}", f"points do not tie out: {points}"))
    paid = sum(int(scored.pieces.ends(n)[:3].sum()) for n in range(len(scored)))
    cases = {
        "cases": paid - int(totals.by_account[:, HELD_CASES].sum()),
        "hospitals": sum(h.sums.cases for h in hospitals),
        "pools": sum(p.cases for p in pools),
        "classes": sum(count for count, _, _ in class_sums.values()),
        "drgs": int(drg_sums.cases.sum()),
        "months": int(totals.by_month[:, :, 0].sum()),
    }
    if len(set(cases.values())) > 1:
        raise BooksError(
            both(f"病例数合计不符：{cases}", f"numbers of cases do not tie out: {cases}")
        )


def _review_notes(scored: ScoredPieces, region: Region, policy: YearPolicy) -> Quarantine:
    """Return reviews that changed nothing: of cases of other classes, or of no paid case."""
    waiting = dict(region.reviews)
    notes = Quarantine()
    names_cost = _names_unreasonable(policy)
    for piece in scored if region.reviews else ():
        decision = piece.reviews.decision
        if not len(decision):
            continue
        for row in np.flatnonzero(decision).tolist():
            if piece.status[row] == 3:
                continue
            case = piece.case_id[row].as_py()
            review = waiting.pop(case, None)
            kind = int(piece.case_class[row])
            if review is None or names_cost[kind]:
                continue
            name = CASE_CLASSES[kind]
            notes.add("reviews.csv", review.row, case, "case_id", name, "review_without_effect")
    for case, review in waiting.items():
        notes.add("reviews.csv", review.row, case, "case_id", case, "review_case_unknown")
    notes.rows.sort(key=lambda note: note[1])
    return notes


def _names_unreasonable(policy: YearPolicy) -> list[bool]:
    """Return by class whether a review may change something: a refusal of a high case counts, too."""
    named = {"high", "reviewed", "unstable", "ungrouped", "ambiguous", "long_stay", "short_stay"}
    if policy["low.rule"] != "ratio":
        named.add("low")
    named.add(CASE_CLASSES[SPECIAL_DISCHARGE])
    return [name in named for name in CASE_CLASSES]


__all__ = ["Progress", "ScoredPiece", "YearEnd", "settle_prepared", "year_end"]
