"""The year-end run: history → base points → cases → points → point value → dues.

Nothing is held of a case but some arrays; every total is checked at zero tolerance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.duplicates import repeated
from drgpay.cases.encode import Faults
from drgpay.cases.quarantine import REASONS as QUARANTINE_REASONS
from drgpay.cases.quarantine import Quarantine
from drgpay.cases.sources import Piece, open_source
from drgpay.errors import Bilingual, BooksError, InputError, PolicyError, both
from drgpay.grouper.check import Checked, CheckRun, PieceChecks
from drgpay.grouper.engine import Grouper, GroupNumbers
from drgpay.grouper.outcome import REASONS, Counts
from drgpay.grouper.stream import default_threads, group_piece, in_order, unused_columns
from drgpay.grouper.versions import (
    AnyGrouper,
    VersionedGrouper,
    VersionUse,
    any_grouper,
    version_warnings,
)
from drgpay.money import yuan_text
from drgpay.perdiem.points import bed_day_base_points
from drgpay.points.base import (
    BasePoints,
    HistoryCosts,
    given_base_points,
    group_tables,
    history_base_points,
)
from drgpay.points.readmission import earlier_stays, reduced_points
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.settlement.point_value import HospitalResult, Key, PoolResult, Sums, settle
from drgpay.settlement.region import LIST_SUFFIXES, InputFile, Region, describe_file, read_region
from drgpay.settlement.scoring import (
    CASE_CLASSES,
    HISTORY_WANTED,
    READMITTABLE,
    REVIEW_HAS_EFFECT,
    WANTED,
    CaseReader,
    Rules,
    ScoredPiece,
    ids_of,
    points_step,
    score_piece,
)

MAX_FINDINGS = 1_000_000  # kept of a run; all are counted
Progress = Callable[[str, int | None], Callable[[int], None]]


@dataclass(frozen=True)
class DrgSums:
    """Cases, points and cost of every DRG number."""

    cases: NDArray[np.int64]
    points: NDArray[np.int64]
    cost: NDArray[np.int64]


@dataclass(frozen=True)
class HistoryUse:
    """What became of the history's rows: all, used for means, quarantined."""

    rows: int = 0
    used: int = 0
    quarantined: int = 0


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


@dataclass(frozen=True)
class YearEnd:
    """A settled year, ready to be written as a run folder."""

    region: Region
    policy: YearPolicy
    policy_sources: Mapping[str, str]
    grouper: Grouper
    numbers: GroupNumbers
    base: BasePoints
    bed_base: Mapping[str, int]
    step: int
    pieces: Sequence[ScoredPiece]
    before_readmission: Sequence[NDArray[np.int64]]
    readmission: Sequence[NDArray[np.bool_]]
    counts: Counts
    class_sums: Mapping[str, tuple[int, int, int]]
    drg_sums: DrgSums
    pools: Sequence[PoolResult]
    hospitals: Sequence[HospitalResult]
    notes: Quarantine
    quarantine: Quarantine
    history_use: HistoryUse
    history_quarantine: Quarantine
    inputs: Sequence[InputFile]
    set_aside: SetAside
    warnings: Sequence[Bilingual]
    mdc_codes: Sequence[str]
    checked: Checked
    versions: Sequence[VersionUse] = ()  # of a family; `grouper` is that of the year's last day


def year_end(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    threads: int | None = None,
    lang: str = "zh",
    progress: Progress | None = None,
) -> YearEnd:
    """Settle the year of a region folder.

    `overrides`: `KEY=VALUE` texts of a trial run. `lang`: of the findings of the checks. `progress` is given a step's name and its number
    of cases and returns what is called with the cases done. The result does not depend on
    `threads` or the order of rows.

    Raises InputError, PolicyError or SchemeError for inputs that cannot be used, and BooksError
    when a total does not tie out. Source: S2 二(二)2, docs/formats.md 5.
    """
    workers = threads or default_threads()
    step_of = progress or (lambda name, rows: lambda done: None)
    region = read_region(Path(folder))
    loaded: Policy = load_policy(region.policy, region.path)
    policy = loaded.for_year(region.year, overrides)
    grouper = any_grouper(
        region.scheme, region.surgical_match, region.from_insurance_codes, region.path
    )
    # base points are those of the groups in force when the year ends
    main = (
        grouper.at(dt.date(region.year, 12, 31))
        if isinstance(grouper, VersionedGrouper)
        else grouper
    )
    numbers = grouper.numbers
    _check_given_drgs(region, grouper)
    _check_named_groups(policy, grouper)
    base, use, history_notes, history_rows = _base_points(
        region, policy, main, main.numbers, workers, step_of
    )
    step = points_step(policy)
    bed_base = bed_day_base_points(region.bed_day_rates, base.all_mean_fen, policy)
    tables = group_tables(base, numbers.drgs, policy, step)
    rules = Rules.of(policy, tables, bed_base, region, base.all_mean_fen, step)

    if any(path.suffix.lower() in LIST_SUFFIXES for path in region.cases):
        policy = policy.using("fund_type_map")
    reading = replace(region.reading, fund_types=_fund_types(policy))
    source = open_source(list(region.cases), WANTED, "settlement", reading)
    reader = CaseReader(region, policy, (region.year, region.year))
    review_ids = pa.array(sorted(region.reviews), pa.string())
    done = step_of("cases", source.rows)
    pieces: list[ScoredPiece] = []

    checks = CheckRun(grouper, lang=lang, keep_findings=MAX_FINDINGS)

    def task(piece: Piece) -> Callable[[], tuple[ScoredPiece, PieceChecks]]:
        return lambda: score_piece(
            piece, grouper, numbers, reader, region, rules, review_ids, checks
        )

    for scored, found in in_order((task(piece) for piece in source.pieces), workers):
        pieces.append(scored)
        checks.take(found)
        done(len(scored.status))
    broken = Quarantine()
    for file, row, text in source.broken:
        broken.add(file, row, None, "", text, "row_broken")

    _quarantine_duplicates(pieces)
    before = [piece.points.copy() for piece in pieces]
    readmission = _readmissions(pieces, policy, numbers, step)
    quarantine = Quarantine()
    for piece in pieces:
        quarantine.rows.extend(piece.quarantine.rows)
    quarantine.rows.extend(broken.rows)
    counts = _counts(pieces) + Counts(quarantined=len(broken))
    if counts.quarantined != len(quarantine):
        raise BooksError(
            both(
                f"隔离了 {counts.quarantined} 例，记录的却是 {len(quarantine)} 行",
                f"{counts.quarantined} cases are quarantined, {len(quarantine)} rows are noted",
            )
        )
    if source.rows is not None and source.rows + len(broken) != counts.total:
        raise BooksError(
            both(
                f"文件应有 {source.rows} 例，结果只有 {counts.total} 例",
                f"the files announce {source.rows} cases, {counts.total} ended",
            )
        )

    checked = checks.finish(source.broken, rows=source.rows)
    if (checked.counts.total, checked.counts.quarantined) != (counts.total, counts.quarantined):
        raise BooksError(
            both(
                f"清算 {counts.as_dict()}，检查 {checked.counts.as_dict()}，数目不符",
                f"settled {counts.as_dict()}, checked {checked.counts.as_dict()}",
            )
        )

    sums = _hospital_sums(pieces, region)
    _check_pools_have_cases(region, policy, sums, quarantine)
    pools, hospitals = settle(region, policy, sums)
    set_aside = _set_aside(pieces, len(broken))
    warnings = _warnings(region, policy, main, pools, set_aside, source.unknown)
    versions = _version_use(grouper, pieces)
    warnings += [*source.all_notes(), *version_warnings(versions)]
    warnings += _old_groups(main, base, numbers, pieces)
    class_sums, drg_sums = _class_sums(pieces), _drg_sums(pieces, len(numbers.drgs))
    _check_points(pieces, pools, hospitals, class_sums, drg_sums)
    inputs = _inputs(region, loaded, history_rows, _rows_by_file(pieces))
    return YearEnd(
        region,
        policy,
        loaded.sources,
        main,
        numbers,
        base,
        bed_base,
        step,
        pieces,
        before,
        readmission,
        counts,
        class_sums,
        drg_sums,
        pools,
        hospitals,
        _review_notes(pieces, region),
        quarantine,
        use,
        history_notes,
        inputs,
        set_aside,
        warnings,
        mdc_codes=grouper.mdc_codes,
        checked=checked,
        versions=versions,
    )


def _version_use(grouper: AnyGrouper, pieces: Sequence[ScoredPiece]) -> tuple[VersionUse, ...]:
    """Return how many paid cases each version of a family grouped; nothing for one scheme."""
    if not isinstance(grouper, VersionedGrouper):
        return ()
    total = np.zeros(len(grouper.versions), dtype=np.int64)
    for piece in pieces:
        if piece.version is not None:
            total += grouper.count(piece.version, piece.status)
    paid = sum(int((piece.status < 3).sum()) for piece in pieces)
    if int(total.sum()) != paid:
        raise BooksError(
            both(
                f"各版本共分组 {int(total.sum())} 例，清算的却是 {paid} 例",
                f"the versions grouped {int(total.sum())} cases, {paid} are settled",
            )
        )
    return grouper.use(total)


def _old_groups(
    main: Grouper, base: BasePoints, numbers: GroupNumbers, pieces: Sequence[ScoredPiece]
) -> list[Bilingual]:
    """Return a note on cases of groups that only an earlier version has: they are paid by cost."""
    known = {*main.numbers.drgs, *base.groups}
    old = np.array([drg not in known for drg in numbers.drgs])
    if not old.any():
        return []
    cases = sum(int(old[piece.drg[piece.status == 0]].sum()) for piece in pieces)
    return (
        [
            both(
                f"{cases} 例属于 {main.scheme.id} 没有的病组，没有基准点数，按费用计点",
                f"{cases} cases are in groups that {main.scheme.id} lacks: without base points, they "
                "are paid by cost",
            )
        ]
        if cases
        else []
    )


def _fund_types(policy: YearPolicy) -> tuple[tuple[str, str], ...]:
    return tuple((str(code), str(fund)) for code, fund in policy["fund_type_map"])


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


def _set_aside(pieces: Sequence[ScoredPiece], broken: int) -> SetAside:
    cases, cost, fund = broken, 0, 0
    for piece in pieces:
        bad = piece.status == 3
        cases += int(bad.sum())
        cost += int(piece.facts.cost[bad].sum())
        fund += int(piece.facts.fund[bad].sum())
    return SetAside(cases, cost, fund)


def _warnings(
    region: Region,
    policy: YearPolicy,
    grouper: Grouper,
    pools: Sequence[PoolResult],
    aside: SetAside,
    unknown: Sequence[str],
) -> list[Bilingual]:
    """Return what the reader of the run must know, though nothing refused it."""
    found: list[Bilingual] = []
    if unknown:
        found.append(unused_columns(unknown))
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
        if pool.budget.available_fen < 0 or pool.point_value_fen <= 0:
            found.append(
                both(
                    f"险种 {pool.pool}：可用预算 {yuan_text(pool.budget.available_fen)} 元，"
                    "点值不为正，请核对预算与异地就医基金",
                    f"pool {pool.pool}: available budget {yuan_text(pool.budget.available_fen)} "
                    "yuan, or a point value not above 0: check budget and care elsewhere",
                )
            )
    return found


def _check_given_drgs(region: Region, grouper: AnyGrouper) -> None:
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


def _base_points(
    region: Region,
    policy: YearPolicy,
    grouper: Grouper,
    numbers: GroupNumbers,
    workers: int,
    step_of: Progress,
) -> tuple[BasePoints, HistoryUse, Quarantine, dict[str, int]]:
    """Return base points of the year: given, or from the history's costs."""
    if region.group_means is not None and region.all_drg_mean_fen:
        base = given_base_points(region.group_means, region.all_drg_mean_fen, policy)
        return base, HistoryUse(), Quarantine(), {}
    years = (region.year - policy["history_years"], region.year - 1)
    reader = CaseReader(region, policy, years)
    source = open_source(list(region.history), HISTORY_WANTED, "history", region.reading)
    done = step_of("history", source.rows)
    costs, notes = HistoryCosts(), Quarantine()
    rows = 0
    rows_of: dict[str, int] = {}

    past: list[PastPiece] = []

    def task(piece: Piece) -> Callable[[], tuple[PastPiece, NDArray[np.int64], NDArray[np.int64]]]:
        def work() -> tuple[PastPiece, NDArray[np.int64], NDArray[np.int64]]:
            facts = []

            def check(faults: Faults) -> None:
                facts.append(reader.read(faults, history=True))

            part = group_piece(piece, grouper, check)
            f, g = facts[0], part.grouped
            counts = (g.status == 0) & (f.bed_class < 0) & (f.cost > 0)
            group = numbers.drg_of[g.group][counts].astype(np.int64)
            faults = part.faults
            kept = PastPiece(
                piece.file,
                faults.numbers,
                ids_of(part.table["case_id"]),
                g.status == 3,
                np.flatnonzero(counts),
                faults.close(),
            )
            return kept, group, f.cost[counts]

        return work

    for piece, group, cost in in_order((task(p) for p in source.pieces), workers):
        costs.add(group, cost)
        past.append(piece)
        rows += len(piece.bad)
        rows_of[piece.file] = rows_of.get(piece.file, 0) + len(piece.bad)
        done(len(piece.bad))
    for number, own in enumerate(_repeated_rows(past)):
        if len(own):
            costs.drop(number, np.isin(past[number].counted, own))
            past[number].quarantine_duplicates(own)
        notes.rows.extend(past[number].quarantine.rows)
    used = costs.count
    for file, row, text in source.broken:
        notes.add(file, row, None, "", text, "row_broken")
    base = history_base_points(costs, numbers.drgs, policy, tuple(range(years[0], years[1] + 1)))
    return base, HistoryUse(rows + len(source.broken), used, len(notes)), notes, rows_of


@dataclass(frozen=True)
class PastPiece:
    """N past cases: their ids, which rows are bad, which count for means, notes of the bad ones."""

    file: str
    numbers: NDArray[np.int64]
    case_id: pa.Array
    bad: NDArray[np.bool_]
    counted: NDArray[np.int64]
    quarantine: Quarantine

    def quarantine_duplicates(self, rows: NDArray[np.int64]) -> None:
        """Note rows whose case id stands more than once, unless they have a fault of their own."""
        for row in rows[~self.bad[rows]].tolist():
            case, number = self.case_id[row].as_py(), int(self.numbers[row])
            self.quarantine.add(self.file, number, case, "case_id", case, "duplicate_case")
        self.quarantine.rows.sort(key=lambda note: note[1])


def _repeated_rows(pieces: Sequence[ScoredPiece | PastPiece]) -> list[NDArray[np.int64]]:
    """Return of each piece the rows whose case id stands more than once in all of them."""
    ids = [piece.case_id for piece in pieces]
    named = [np.asarray(pc.fill_null(pc.not_equal(chunk, ""), False)) for chunk in ids]
    rows = repeated(ids, named)
    ends = np.cumsum([0, *(len(chunk) for chunk in ids)])
    cuts = np.searchsorted(rows, ends)
    return [rows[a:b] - start for a, b, start in zip(cuts, cuts[1:], ends, strict=False)]


def _quarantine_duplicates(pieces: Sequence[ScoredPiece]) -> None:
    """Quarantine every copy of a case id that stands more than once, also beside a faulty copy."""
    for piece, repeats in zip(pieces, _repeated_rows(pieces), strict=True):
        own = repeats[piece.status[repeats] < 3]  # the others are noted for a fault of their own
        if not len(own):
            continue
        piece.status[own] = 3
        piece.reason[own] = REASONS.index("duplicate_case")
        piece.points[own] = 0
        piece.case_class[own] = -1
        piece.coefficient[own] = 0
        piece.mdc[own] = 0
        piece.level[own] = 0
        piece.unreasonable[own] = 0
        for row in own.tolist():
            case = piece.case_id[row].as_py()
            number = int(piece.numbers[row])
            piece.quarantine.add(piece.file, number, case, "case_id", case, "duplicate_case")
        piece.quarantine.rows.sort(key=lambda note: note[1])


def _readmissions(
    pieces: Sequence[ScoredPiece], policy: YearPolicy, numbers: GroupNumbers, step: int
) -> list[NDArray[np.bool_]]:
    """Reduce the points of stays that a readmission follows; return which."""
    flags = [np.zeros(len(piece.status), dtype=np.bool_) for piece in pieces]
    days = policy["readmission.days"]
    if days is None or not pieces:
        return flags
    by_adrg = policy["readmission.same"] == "hospital_adrg"
    exempt = set(policy["readmission.exempt"])
    exempt_drg = np.array([d in exempt or d[:3] in exempt for d in numbers.drgs])
    patients = pa.chunked_array([piece.patient_id for piece in pieces]).dictionary_encode()
    kinds = np.array(sorted(READMITTABLE))
    columns: list[list[NDArray[np.int32]]] = [[], [], [], [], []]
    places: list[NDArray[np.int64]] = []
    start = 0
    for piece, chunk in zip(pieces, patients.chunks, strict=True):
        code = np.asarray(pc.fill_null(chunk.indices, -1))
        blank = np.asarray(pc.fill_null(pc.equal(chunk.dictionary, ""), True))
        known = (code >= 0) & ~np.append(blank, True)[code]
        eligible = (
            known & (piece.status == 0) & np.isin(piece.case_class, kinds) & ~exempt_drg[piece.drg]
        )
        own = np.flatnonzero(eligible)
        group = (piece.adrg if by_adrg else piece.drg)[own]
        f = piece.facts
        stays = (code[own], f.hospital[own], group, f.admission[own], f.discharge[own])
        for column, values in zip(columns, stays, strict=True):
            column.append(np.asarray(values, dtype=np.int32))
        places.append(own + start)
        start += len(piece.status)
    place = np.concatenate(places)
    ids = pa.chunked_array([piece.case_id for piece in pieces])

    def case_order(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        texts = ids.take(pa.array(place[rows])).to_pylist()
        rank = {text: number for number, text in enumerate(sorted(texts))}
        return np.array([rank[text] for text in texts], dtype=np.int64)

    arrays = [np.concatenate(column) for column in columns]
    hits = place[
        earlier_stays(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], case_order, days)
    ]
    start = 0
    for piece, flag in zip(pieces, flags, strict=True):
        own = hits[(hits >= start) & (hits < start + len(flag))] - start
        flag[own] = True
        piece.points[own] = reduced_points(piece.points[own], policy["readmission.factor"], step)
        start += len(flag)
    return flags


def _counts(pieces: Sequence[ScoredPiece]) -> Counts:
    total = np.zeros(4, dtype=np.int64)
    for piece in pieces:
        total += np.bincount(piece.status, minlength=4)
    return Counts(*(int(n) for n in total))


def _rows_by_file(pieces: Sequence[ScoredPiece]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for piece in pieces:
        rows[piece.file] = rows.get(piece.file, 0) + len(piece.status)
    return rows


def _hospital_sums(pieces: Sequence[ScoredPiece], region: Region) -> dict[Key, Sums]:
    """Return the sums of each hospital and pool that has a paid case."""
    pools = len(region.pools)
    totals = np.zeros((4, len(region.hospitals) * pools), dtype=np.int64)
    for piece in pieces:
        paid = piece.status < 3
        f = piece.facts
        key = (f.hospital.astype(np.int64) * pools + f.pool)[paid]
        np.add.at(totals[0], key, 1)
        np.add.at(totals[1], key, piece.points[paid])
        np.add.at(totals[2], key, (f.cost - f.fund)[paid])
        np.add.at(totals[3], key, f.fund[paid])
    return {
        (region.hospitals[place // pools].id, region.pools[place % pools].id): Sums(
            *(int(n) for n in totals[:, place])
        )
        for place in np.flatnonzero(totals[0]).tolist()
    }


def _class_sums(pieces: Sequence[ScoredPiece]) -> dict[str, tuple[int, int, int]]:
    """Return cases, points and cost in fen by class."""
    sums = {name: [0, 0, 0] for name in CASE_CLASSES}
    for piece in pieces:
        for number, name in enumerate(CASE_CLASSES):
            own = piece.case_class == number
            sums[name][0] += int(own.sum())
            sums[name][1] += int(piece.points[own].sum())
            sums[name][2] += int(piece.facts.cost[own].sum())
    return {name: (c, p, f) for name, (c, p, f) in sums.items()}


def _drg_sums(pieces: Sequence[ScoredPiece], count: int) -> DrgSums:
    totals = np.zeros((3, count), dtype=np.int64)
    for piece in pieces:
        paid = piece.status < 3
        drg = piece.drg[paid].astype(np.int64)
        np.add.at(totals[0], drg, 1)
        np.add.at(totals[1], drg, piece.points[paid])
        np.add.at(totals[2], drg, piece.facts.cost[paid])
    return DrgSums(totals[0], totals[1], totals[2])


def _check_points(
    pieces: Sequence[ScoredPiece],
    pools: Sequence[PoolResult],
    hospitals: Sequence[HospitalResult],
    class_sums: Mapping[str, tuple[int, int, int]],
    drg_sums: DrgSums,
) -> None:
    """Fail if points of cases, hospitals, pools, classes and DRGs are not the same sum."""
    totals = {
        "cases": sum(int(piece.points.sum()) for piece in pieces),
        "hospitals": sum(h.sums.points for h in hospitals),
        "pools": sum(p.points for p in pools),
        "classes": sum(points for _, points, _ in class_sums.values()),
        "drgs": int(drg_sums.points.sum()),
    }
    if len(set(totals.values())) > 1:
        raise BooksError(both(f"点数合计不符：{totals}", f"points do not tie out: {totals}"))
    cases = {
        "cases": sum(int((piece.status < 3).sum()) for piece in pieces),
        "hospitals": sum(h.sums.cases for h in hospitals),
        "pools": sum(p.cases for p in pools),
        "classes": sum(count for count, _, _ in class_sums.values()),
        "drgs": int(drg_sums.cases.sum()),
    }
    if len(set(cases.values())) > 1:
        raise BooksError(
            both(f"病例数合计不符：{cases}", f"numbers of cases do not tie out: {cases}")
        )


def _review_notes(pieces: Sequence[ScoredPiece], region: Region) -> Quarantine:
    """Return reviews that changed nothing: of cases of other classes, or of no paid case."""
    waiting = dict(region.reviews)
    notes = Quarantine()
    for piece in pieces:
        for row in np.flatnonzero(piece.reviewed).tolist():
            case = piece.case_id[row].as_py()
            if piece.status[row] == 3:
                continue
            review = waiting.pop(case, None)
            if review is not None and int(piece.case_class[row]) not in REVIEW_HAS_EFFECT:
                name = CASE_CLASSES[piece.case_class[row]]
                notes.add("reviews.csv", review.row, case, "case_id", name, "review_without_effect")
    for case, review in waiting.items():
        notes.add("reviews.csv", review.row, case, "case_id", case, "review_case_unknown")
    notes.rows.sort(key=lambda note: note[1])
    return notes


def _inputs(
    region: Region, policy: Policy, history_rows: Mapping[str, int], case_rows: Mapping[str, int]
) -> list[InputFile]:
    files = [describe_file(policy.path, f"{policy.id}.toml", None)]
    for path in (*region.files, *region.cases, *region.history):
        name = path.relative_to(region.path) if path.is_relative_to(region.path) else path.name
        rows = history_rows if path in region.history else case_rows
        files.append(describe_file(path, str(name), rows.get(path.name)))
    return files
