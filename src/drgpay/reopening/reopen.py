"""Reopen a settled year (清算重开): later violations, on inputs that are those of the earlier run.

Inputs are held by digest: a file that is no longer what the earlier run read refuses the reopening,
but for the tables that a new assessment changes (重新考核清算).
The earlier run folder is only read. Source: S2 二(二)1(6); docs/reopening.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay import __version__
from drgpay.ground.digests import describe_file
from drgpay.ground.errors import Bilingual, InputError, both, located
from drgpay.ground.money import POINT, yuan_text
from drgpay.grouper.outcome import QUARANTINED
from drgpay.names.readings import differing_readings, other_text, told_readings
from drgpay.points.kernels import HELD
from drgpay.policy import Policy
from drgpay.region.corrected import (
    CORRECTED,
    PLACE,
    REPLACED_SCHEMA,
    CorrectedCases,
    CorrectionFile,
)
from drgpay.region.later import REMOVE, LaterViolation, Reopening, replaced_by, standing_rows
from drgpay.region.provenance import RUN
from drgpay.region.records import Region, Violation
from drgpay.reopening.corrected_files import read_corrected
from drgpay.reopening.violations import read_later
from drgpay.runs.manifest import inputs_of, later_rows, point_values, reopens, version_of
from drgpay.runs.reader import Record, RunFolder
from drgpay.settlement.point_value import NO_POINTS
from drgpay.settlement.prepare import Prepared, Reading
from drgpay.settlement.removed import removed_notes
from drgpay.settlement.year_end import OpenYear, YearEnd, open_year, settle_prepared

# tables that a reopening may bring anew; of hospitals the standing alone
MAY_CHANGE = ("violations", "scores", "reviews", "hospitals")
# tables of the earlier run
READ = ("hospitals", "quarantine", "corrected", "recovery", "inputs/corrected_cases")


class Earlier(RunFolder):
    """A run folder that is to be reopened: what its manifest and its table of hospitals say."""

    @cached_property
    def _hospitals(self) -> dict[tuple[str, str], Record]:
        return {(r["hospital_id"], r["pool"]): r for r in self.table("hospitals").to_pylist()}

    @property
    def finals(self) -> dict[tuple[str, str], int]:
        """Its final payments in fen, by hospital and pool."""
        return {key: r["final_fen"] for key, r in self._hospitals.items()}

    @property
    def prepaid(self) -> dict[tuple[str, str], tuple[int, int]]:
        """What had been prepaid and what was kept as deposit, in fen."""
        return {key: (r["prepaid_fen"], r["deposit_fen"]) for key, r in self._hospitals.items()}

    @cached_property
    def paid(self) -> dict[tuple[str, str], int]:
        """What the first version paid out, in fen; a negative final payment is carried instead.

        A version that an earlier drgpay made has no such column: that of the second follows from
        what it reopened, later ones are refused.
        """
        columns, rows = ("payable_fen", "final_fen"), list(self._hospitals.values())
        if self.version > 1:
            rows = self.records("recovery")
            columns = ("paid_first_fen", "final_before_fen" if self.version == 2 else "")
        column = next((name for name in columns if rows and name in rows[0]), "")
        if self.version > 1 and not column:
            raise InputError(
                both(
                    "这一版由较早的 drgpay 得出，没有记第1版付了多少（recovery 表的 paid_first_fen）",
                    "this version was made by an earlier drgpay, which did not write what version 1 "
                    "paid out (paid_first_fen in the table recovery)",
                ),
                where=self.folder,
                remedy=both(
                    "从第1版的结果文件夹起逐版重开，再重开这一版",
                    "reopen from version 1 on, one version after the other, then this one",
                ),
            )
        return {(r["hospital_id"], r["pool"]): max(0, r[column]) for r in rows}

    @property
    def first_values(self) -> dict[str, Fraction]:
        """The point values in yuan of the first version, as far as they are known."""
        if self.version == 1:
            return point_values(self.manifest)
        told = reopens(self.manifest).get("first_values", {})
        return {pool: Fraction(value) for pool, value in told.items()}

    @property
    def version(self) -> int:
        """Its version; runs before there were versions are the first."""
        return version_of(self.manifest)

    @property
    def later(self) -> list[LaterViolation]:
        """The later violations that it took in already."""
        names = [own.name for own in fields(LaterViolation)]
        return [
            LaterViolation(
                **{name: r[name] for name in names} | {"points": int(Fraction(r["points"]) * POINT)}
            )
            for r in later_rows(self.manifest)
        ]

    @property
    def corrected(self) -> CorrectedCases | None:
        """The corrected cases that it took in; None when there are none."""
        told = self.manifest.get("later_cases")
        if not told:
            return None
        with self.reading():
            rows = pq.read_table(self.folder / PLACE)
        replaced = self.table(CORRECTED, REPLACED_SCHEMA.names).cast(REPLACED_SCHEMA)
        files = [
            CorrectionFile(f["version"], f["label"], f["file"], f["sha256"], f["rows"])
            for f in told["files"]
        ]
        return CorrectedCases(rows, files, replaced)


def read_earlier(folder: Path) -> Earlier:
    """Return the run of a folder; raises InputError when it is no whole run of a year."""
    earlier = Earlier(folder)
    earlier.refuse_changed([f"{name}.parquet" for name in READ])
    if earlier.trial:
        raise InputError(
            both("这是试算，不是正式清算", "it is a trial, not a settlement"),
            where=folder,
            remedy=both("重开正式的清算结果", "reopen a run that is not a trial"),
        )
    unsettled = [p["pool"] for p in earlier.manifest["pools"] if p.get("solution") == NO_POINTS]
    if unsettled:
        raise InputError(
            both(
                f"这次清算搁置了没有点数的险种 {'、'.join(unsettled)}，不能重开",
                f"the run left pool {', '.join(unsettled)} unsettled and cannot be reopened",
            ),
            where=folder,
            remedy=both(
                "补上该险种的病例，重新运行 drgpay year-end",
                "give the pool's cases and run drgpay year-end again",
            ),
        )
    _ = earlier.paid  # an old version is refused before the year is read
    return earlier


def present_inputs(region: Region, loaded: Policy, before: Collection[str]) -> dict[str, str]:
    """Return the digests of what a year end of the folder would read now, by name.

    `before`: names of what the earlier run read, of which those of capitation are looked up.
    """
    found = {f"{loaded.id}.toml": describe_file(loaded.path, "", None).sha256}
    for path in (*region.files, *region.cases, *region.history):
        name = path.relative_to(region.path) if path.is_relative_to(region.path) else path.name
        found[str(name)] = describe_file(path, "", None).sha256
    for other in before:
        path = region.path / other
        if other not in found and Path(other).parts[0] == "capitation" and path.is_file():
            found[other] = describe_file(path, "", None).sha256
    return found


def compare_inputs(earlier: Earlier, region: Region, loaded: Policy) -> dict[str, tuple[str, str]]:
    """Return the tables that a reopening may change and that changed, with their digests before
    and after (empty: no such file); fail for any other file.
    """
    told = earlier.manifest["region"]
    if (told["id"], told["year"]) != (region.id, region.year):
        raise InputError(
            both(
                f"清算结果属于 {told['id']} {told['year']} 年，统筹区文件夹是 {region.id} {region.year} 年",
                f"the run is of {told['id']} {told['year']}, the region folder of {region.id} "
                f"{region.year}",
            ),
            where=earlier.folder,
            remedy=both(
                "给出同一地区、同一年度的文件夹", "give the folder of that region and year"
            ),
        )
    told_of = earlier.manifest.get("hospitals", [])
    before = inputs_of(earlier.manifest)
    now = present_inputs(region, loaded, before)
    allowed: dict[str, tuple[str, str]] = {}
    faults: list[Bilingual] = []
    present = {Path(name).stem for name in now if "/" not in name}
    for name in sorted({*before, *now}):
        if before.get(name) == now.get(name):
            continue
        stem = Path(name).stem if "/" not in name else ""
        if stem in MAY_CHANGE and (stem in present or stem == "violations"):
            allowed[name] = (before.get(name, ""), now.get(name, ""))
            if name in now and stem == "hospitals":
                faults += [located(name, text) for text in _other_than_standing(told_of, region)]
            continue
        faults.append(located(name, _difference(before.get(name), now.get(name))))
    if faults:
        raise InputError(
            both(
                "输入与原清算不同，不能重开",
                "the inputs are not those of the run: it cannot be reopened",
            ),
            where=region.path,
            faults=faults,
            remedy=both(
                "恢复这些文件；后来查实的违规写在 --violations 的文件中；可以变动的只有 violations、"
                "scores、reviews 三表和 hospitals 的协议状态（standing）",
                "restore these files; violations found later go into the file of --violations; "
                "violations, scores, reviews and the standing in hospitals alone may change",
            ),
        )
    return allowed


def _other_than_standing(told: Sequence[Mapping[str, Any]], region: Region) -> list[Bilingual]:
    """Return the hospitals of which more than the standing is not what the run's manifest has."""
    names = ("name", "level", "kind", "community_id")
    before = {h["hospital_id"]: tuple(h.get(name) for name in names) for h in told}
    now = {h.id: (h.name, h.level, h.kind, h.community) for h in region.hospitals}
    other = [h for h in sorted({*before, *now}) if before.get(h) != now.get(h)]
    return [
        both(
            f"机构 {h} 不只是协议状态（standing）变了",
            f"hospital {h}: more than its standing changed",
        )
        for h in other
    ]


def _difference(before: str | None, now: str | None) -> Bilingual:
    if now is None:
        return both("现已没有这个文件", "is no longer there")
    if before is None:
        return both("原清算没有这个文件", "was not there when the run was made")
    return both(
        f"内容已变：原 SHA-256 {before[:12]}…，现 {now[:12]}…",
        f"changed: SHA-256 was {before[:12]}…, is {now[:12]}…",
    )


def reopen(
    folder: str | Path,
    earlier_run: str | Path,
    violations: str | Path | None = None,
    *,
    corrected: Sequence[str | Path] = (),
    **how: Unpack[Reading],
) -> YearEnd:
    """Return a region's year, settled again with violations that were found later.

    The inputs must be those that `earlier_run` read, but for violations, scores, reviews and the
    standing of hospitals. `how`: as of `year_end`. `corrected`: files of cases that it quarantined, mended. What had been
    prepaid and kept as deposit stays as the earlier run has it. Raises InputError naming each file
    that differs, and every fault of the table `violations` and of the corrected cases.
    """
    earlier = read_earlier(Path(earlier_run))
    with open_year(folder) as opened:
        reopening = _reopening(earlier, opened, violations, [Path(file) for file in corrected])
        prepared = opened.prepare(
            _laid_over(opened.region, earlier, reopening), official=True, **how
        )
    _check_scheme(earlier, prepared)
    prepared, first_groups = correct_cases(prepared, reopening.later)
    reopening = replace(reopening, first_groups=first_groups)
    if reopening.corrected is not None:
        region = _nothing_prepaid(prepared, reopening.corrected)
        prepared = replace(prepared, region=region)
    run = settle_prepared(prepared, prepared.policy)
    if reopening.corrected is not None:
        ends = corrected_ends(run, reopening.corrected)
        reopening = replace(reopening, corrected=replace(reopening.corrected, ends=ends))
    told = removed_notes(reopening, run.policy, run.returned, run.pools, run.hospitals)
    warnings = [*run.warnings, *_notes(reopening), *told]
    return replace(run, reopening=reopening, warnings=warnings)


def _reopening(
    earlier: Earlier, opened: OpenYear, violations: str | Path | None, corrected: Sequence[Path]
) -> Reopening:
    """Return what makes the run a new version; raises InputError where nothing is new, or wrong."""
    region, version = opened.region, earlier.version + 1
    changed = compare_inputs(earlier, region, opened.loaded)
    later, name, digest = earlier.later, "", ""
    if violations is not None:
        path = Path(violations)
        later += read_later(path, region, version, earlier.later)
        name, digest = path.name, describe_file(path, path.name, None).sha256
    elif not changed and not corrected:
        raise InputError(
            both(
                "没有新的违规、考核或更正的病例，无须重开",
                "there is nothing new: no need to reopen",
            ),
            where=earlier.folder,
            remedy=both(
                "用 --violations 给出后来查实的违规，用 --corrected 给出更正的病例，"
                "或更新 scores、reviews、协议状态",
                "give --violations, --corrected, or new scores, reviews or standings",
            ),
        )
    cases = earlier.corrected
    if corrected:
        earlier.refuse_changed(["cases.parquet"])
        policy = opened.loaded.for_year(region.year)
        cases = read_corrected(corrected, region, policy, version, earlier, cases)
    return Reopening(
        version=version,
        folder=earlier.folder.resolve().name,
        manifest_sha256=earlier.digest,
        drgpay_version=earlier.manifest["drgpay_version"],
        finals=earlier.finals,
        later=tuple(later),
        file=name,
        file_sha256=digest,
        changed=tuple(changed),
        digests=changed,
        corrected=cases,
        paid=earlier.paid,
        values=point_values(earlier.manifest),
        first_values=earlier.first_values,
    )


def _laid_over(region: Region, earlier: Earlier, reopening: Reopening) -> Region:
    """Return the region with later violations, corrected cases, and what the earlier run prepaid."""
    more = [
        Violation(v.hospital_id, v.pool, v.amount_fen, v.points, v.document)
        for v in standing_rows(reopening.later)
        if v.amount_fen or v.points
    ]
    return replace(
        region,
        violations=(*region.violations, *more),
        prepaid=earlier.prepaid,
        prepaid_by=RUN,
        corrected=reopening.corrected,
    )


def _nothing_prepaid(prepared: Prepared, corrected: CorrectedCases) -> Region:
    """Return the region in which an account that only corrected cases open was prepaid nothing."""
    region = prepared.region
    paid = dict(region.prepaid)
    for number in range(len(prepared.pieces)):
        if prepared.pieces.file(number) not in corrected.labels:
            continue
        piece = prepared.pieces[number]
        for row in np.flatnonzero(piece.status < QUARANTINED).tolist():
            account = int(piece.facts.hospital[row]), int(piece.facts.pool[row])
            paid.setdefault((region.hospitals[account[0]].id, region.pools[account[1]].id), (0, 0))
    return replace(region, prepaid=paid)


def corrected_ends(run: YearEnd, corrected: CorrectedCases) -> dict[str, int]:
    """Return how many corrected cases are paid, held, quarantined again; and superseded since."""
    pieces = run.prepared.pieces
    ends = {"paid": 0, "held": 0, "quarantined": 0}
    for number in range(len(pieces)):
        if pieces.file(number) in corrected.labels:
            piece = run.pieces[number]
            ends["quarantined"] += int((piece.status == QUARANTINED).sum())
            ends["held"] += int((piece.paid_by == HELD).sum())
            ends["paid"] += int(((piece.paid_by >= 0) & (piece.paid_by != HELD)).sum())
    return {**ends, "replaced": len(corrected.rows) - sum(ends.values())}


def _notes(reopening: Reopening) -> Iterator[Bilingual]:
    new = [v for v in reopening.later if v.version == reopening.version]
    files = [] if reopening.corrected is None else reopening.corrected.of_version(reopening.version)
    documents = "、".join([*sorted({v.document for v in new}), *(file.file for file in files)])
    yield both(
        f"这是第 {reopening.version} 版，重开自 {reopening.folder}"
        f"（manifest.json {reopening.manifest_sha256[:12]}），依据：{documents or '—'}",
        f"this is version {reopening.version}; it reopens {reopening.folder} "
        f"(manifest.json {reopening.manifest_sha256[:12]}) by {documents or '-'}",
    )
    now = {v.case_id: v for v in new if v.case_id}
    for v, by in zip(reopening.later, replaced_by(reopening.later), strict=True):
        if by == reopening.version and v.amount_fen:
            old, fen = yuan_text(v.amount_fen), yuan_text(now[v.case_id].amount_fen)
            yield both(
                f"病例 {v.case_id}：{v.document}（第 {v.version} 版）的扣款 {old} 元已由 "
                f"{now[v.case_id].document} 取代，现扣 {fen} 元",
                f"case {v.case_id}: the {old} yuan taken off by {v.document} (version "
                f"{v.version}) are replaced by {now[v.case_id].document}: {fen} yuan now",
            )
    if reopening.digests:
        tables = "；".join(reopening.changed_texts())
        yield both(
            f"与原清算不同的表（SHA-256 原 → 现）：{tables}",
            f"tables that differ from the reopened run (SHA-256 before → after): {tables}",
        )
    if reopening.corrected is not None:
        ends, labels = reopening.corrected.ends, [f.label for f in reopening.corrected.files]
        rows, gone = len(reopening.corrected.rows), len(reopening.corrected.replaced)
        yield both(
            f"更正的病例 {rows} 行（{'、'.join(labels)}）：支付 {ends['paid']}，暂不支付 {ends['held']}，"
            f"仍被隔离 {ends['quarantined']}，已由后来的更正替代 {ends['replaced']}；"
            f"它们替代原来隔离的 {gone} 行，见 corrected.csv",
            f"{rows} corrected cases ({', '.join(labels)}): {ends['paid']} paid, "
            f"{ends['held']} held, {ends['quarantined']} quarantined again, {ends['replaced']} "
            f"replaced by later ones; they take the place of {gone} rows: corrected.csv",
        )
    if reopening.drgpay_version != __version__:
        yield both(
            f"原清算由 drgpay {reopening.drgpay_version} 得出，本次由 {__version__}：差额中可能有程序的差别",
            f"the run was made by drgpay {reopening.drgpay_version}, this one by {__version__}: "
            "differences may be the program's",
        )


def _check_scheme(earlier: Earlier, prepared: Prepared) -> None:
    """Fail if the scheme is not the one that the run was grouped by."""
    scheme, told = prepared.main.scheme, earlier.manifest["scheme"]
    other = differing_readings(told_readings(told), scheme.options)
    if other:
        raise InputError(
            both(
                f"分组方案 {scheme.id} 的读法与原清算所用的不同：{other_text(other, 'zh')}",
                f"the readings of the scheme {scheme.id} are not those of the run: "
                f"{other_text(other, 'en')}",
            ),
            where=earlier.folder,
            remedy=both(
                "在 region.toml 的 [region] 中恢复原来的读法",
                "restore the readings under [region] of region.toml",
            ),
        )
    if scheme.digest != told["digest"]:
        raise InputError(
            both(
                f"分组方案 {scheme.id} 与原清算所用的不同（{told['id']} {told['digest'][:12]}…）",
                f"the scheme {scheme.id} is not that of the run ({told['id']} {told['digest'][:12]}…)",
            ),
            where=earlier.folder,
            remedy=both("恢复原分组方案", "restore the scheme"),
        )


def correct_cases(
    prepared: Prepared, later: Sequence[LaterViolation]
) -> tuple[Prepared, dict[str, str]]:
    """Return the year with the cases named whose group is wrong or that are removed; of a case the
    last row counts. Returns also the groups that the cases have.

    Raises InputError for cases that are not in the run, quarantined or of another hospital or pool,
    and for groups that the scheme does not have.
    """
    waiting = {v.case_id: v for v in later if v.case_id}
    first: dict[str, str] = {}
    if not waiting:
        return replace(prepared, later=tuple(later), removed={}, regrouped={}), first
    groups = _groups(prepared)
    ids = pa.array(list(waiting), pa.string())
    faults: list[Bilingual] = []
    removed: dict[int, list[int]] = {}
    regrouped: dict[int, list[tuple[int, int, int, int]]] = {}
    region, missing = prepared.region, dict(waiting)
    for number, piece in enumerate(prepared.pieces):
        for row in np.flatnonzero(np.asarray(pc.is_in(piece.case_id, value_set=ids))).tolist():
            if piece.status[row] == QUARANTINED:
                continue  # also every copy of an id that stands more than once
            v = waiting[piece.case_id[row].as_py()]
            missing.pop(v.case_id, None)
            first[v.case_id] = prepared.numbers.drgs[int(piece.drg[row])]
            own = (
                region.hospitals[int(piece.facts.hospital[row])].id,
                region.pools[int(piece.facts.pool[row])].id,
            )
            if own != (v.hospital_id, v.pool):
                faults.append(
                    both(
                        f"病例 {v.case_id} 属于 {own[0]}、{own[1]}，不是 {v.hospital_id}、{v.pool}",
                        f"case {v.case_id} is of {own[0]} and {own[1]}, not {v.hospital_id} and {v.pool}",
                    )
                )
            elif v.new_drg == REMOVE:
                removed.setdefault(number, []).append(row)
            elif v.new_drg in groups:
                regrouped.setdefault(number, []).append((row, *groups[v.new_drg]))
            else:
                faults.append(
                    both(
                        f"病例 {v.case_id}：分组方案中没有病组“{v.new_drg}”",
                        f"case {v.case_id}: the scheme has no group {v.new_drg!r}",
                    )
                )
    faults += [
        both(
            f"病例 {case} 不在参加清算的病例中（没有，或被隔离）",
            f"case {case} is not among the cases settled (absent, or quarantined)",
        )
        for case in sorted(missing)
    ]
    if faults:
        raise InputError(
            both("后来查实的违规与病例不符", "the later violations do not fit the cases"),
            where=prepared.region.path,
            faults=faults,
            remedy=both("更正这些行", "correct these rows"),
        )
    made = replace(
        prepared,
        later=tuple(later),
        removed={n: np.array(rows, np.int64) for n, rows in removed.items()},
        regrouped=regrouped,
    )
    return made, first


def _groups(prepared: Prepared) -> dict[str, tuple[int, int, int]]:
    """Return numbers of DRG, ADRG and MDC of each group that a case can be corrected to."""
    numbers, outcomes = prepared.numbers, prepared.grouper.outcomes
    mdcs = {code: i for i, code in enumerate(prepared.grouper.mdc_codes)}
    found: dict[str, tuple[int, int, int]] = {}
    for place, outcome in enumerate(outcomes[:-1]):
        if outcome.mdc and not outcome.ambiguous and outcome.drg not in found:
            found[outcome.drg] = (
                int(numbers.drg_of[place]), int(numbers.adrg_of[place]), mdcs[outcome.mdc]
            )  # fmt: skip
    return found
