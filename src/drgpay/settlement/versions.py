"""Versions of a settled year: what a later violation took away, and what is recovered by it.

Source: S2 二(二)1(6) (violations found later reopen the settlements of the years they distorted,
the difference is recovered). docs/reopening.md.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from drgpay.csv_cells import neutral_text
from drgpay.money import points_text, yuan_text
from drgpay.settlement.provenance import CARRIED_ORIGIN, rows_digest
from drgpay.settlement.standing import ENDED

if TYPE_CHECKING:
    from drgpay.settlement.corrected import CorrectedCases
    from drgpay.settlement.year_end import YearEnd

CARRIED = "carried.csv"
DEMANDED = "demanded.csv"  # what hospitals owe whose agreement has ended
CARRIED_DIFFERENCE = "carried_difference.csv"
# how `from` of these files begins: region, year, version (none: the first), which of both files
SOURCE = re.compile(r"^(?P<run>.+ \d{4})(?: v(?P<version>\d+)(?P<whole>（全部| \(the whole)?.*)?$")
REMOVE = "remove"


def case_mark(case_id: str) -> str:
    """Return what names a case in the reason of a violation that takes its money back."""
    return f"病例 {case_id}，"


CORRECTED = "corrected"  # the table of what corrected cases took the place of, and its columns
REPLACED = ("case_id", "version", "correction_file", "correction_row", "file", "row", "column",
            "value", "reason")  # fmt: skip


@dataclass(frozen=True, slots=True)
class LaterViolation:
    """A violation found after the settlement: money (fen), points (1/10,000), or a case.

    `new_drg`: the group that the case belongs to, or `remove`: it keeps no points. `version`: of
    the run that took it in first. A later row of the same case takes the place of this one.
    """

    version: int
    hospital_id: str
    pool: str
    amount_fen: int
    points: int
    case_id: str
    new_drg: str
    document: str
    date: str

    @property
    def removes(self) -> bool:
        """Whether the case is left out of the settlement."""
        return bool(self.case_id) and self.new_drg == REMOVE

    def as_dict(self) -> dict[str, Any]:
        """Return it as the manifest shows it."""
        return {
            "version": self.version,
            "hospital_id": self.hospital_id,
            "pool": self.pool,
            "amount_fen": self.amount_fen,
            "points": points_text(self.points),
            "case_id": self.case_id,
            "new_drg": self.new_drg,
            "document": self.document,
            "date": self.date,
        }


def replaced_by(later: Sequence[LaterViolation]) -> list[int]:
    """Return of each row the version whose row of the same case counts instead; 0: it stands."""
    last = {v.case_id: place for place, v in enumerate(later) if v.case_id}
    counts = [last.get(v.case_id, place) for place, v in enumerate(later)]
    return [0 if at == place else later[at].version for place, at in enumerate(counts)]


def standing_rows(later: Sequence[LaterViolation]) -> list[LaterViolation]:
    """Return the rows that count: of each case the last one, and all that name no case."""
    return [v for v, by in zip(later, replaced_by(later), strict=True) if not by]


@dataclass(frozen=True)
class Reopening:
    """What makes a run a new version of another one, which stays as it is.

    `finals`: final payments in fen of the reopened run, by hospital and pool, `paid`: what the
    first version paid out, negative final payments being none. `changed`: tables of
    the region folder that are not those of the reopened run, `digests` their SHA-256 before and
    after (empty: no such file). `corrected`: cases that had been quarantined, of all versions.
    `first_groups`: of cases in `later` the groups that they had of themselves. `values`: point
    values in yuan of the reopened run by pool, `first_values` those of the first version.
    """

    version: int
    folder: str
    manifest_sha256: str
    drgpay_version: str
    finals: Mapping[tuple[str, str], int]
    later: Sequence[LaterViolation]
    file: str = ""
    file_sha256: str = ""
    changed: Sequence[str] = ()
    digests: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    corrected: CorrectedCases | None = None
    paid: Mapping[tuple[str, str], int] = field(default_factory=dict)
    first_groups: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Fraction] = field(default_factory=dict)
    first_values: Mapping[str, Fraction] = field(default_factory=dict)

    def correction_texts(self) -> list[str]:
        """Return each file of corrected cases that this version took in, digest shortened."""
        if self.corrected is None:
            return []
        own = self.corrected.of_version(self.version)
        return [f"{file.name} {file.sha256[:12]}" for file in own]

    def changed_texts(self) -> list[str]:
        """Return each changed table with its digests before and after, shortened."""
        return [
            f"{name} {before[:12] or '—'} → {after[:12] or '—'}"
            for name, (before, after) in sorted(self.digests.items())
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys of the manifest."""
        return {
            "version": self.version,
            "reopens": {
                "folder": self.folder,
                "manifest_sha256": self.manifest_sha256,
                "drgpay_version": self.drgpay_version,
                "first_values": {pool: str(value) for pool, value in self.first_values.items()},
            },
            "later_violations": {
                "file": self.file,
                "sha256": self.file_sha256,
                "changed_tables": list(self.changed),
                "changed": [
                    {"file": name, "sha256_before": before, "sha256_after": after}
                    for name, (before, after) in sorted(self.digests.items())
                ],
                "rows": [
                    v.as_dict()
                    | {"replaced_by": by or None, "first_drg": self.first_groups.get(v.case_id, "")}
                    for v, by in zip(self.later, replaced_by(self.later), strict=True)
                ],
            },
            **({} if self.corrected is None else {"later_cases": self.corrected.as_dict()}),
        }

    def differences(self, run: YearEnd) -> list[tuple[str, str, int, int]]:
        """Return final payments before and after, by hospital and pool."""
        after = {(h.hospital_id, h.pool): h.final_fen for h in run.hospitals}
        keys = sorted({*after, *self.finals})
        return [(*key, self.finals.get(key, 0), after.get(key, 0)) for key in keys]

    def to_carry(self, run: YearEnd) -> list[tuple[str, str, int]]:
        """Return by hospital and pool what brings what version 1 paid out to this version's final.

        It is the whole, negative finals that stand included: positive to recover, negative to add.
        """
        return [
            (hospital, pool, self.paid.get((hospital, pool), 0) - after)
            for hospital, pool, _, after in self.differences(run)
        ]


def recovery_table(reopening: Reopening, run: YearEnd) -> pa.Table:
    """Return final payments before and after, what is to be recovered and what to be added."""
    rows = reopening.differences(run)
    names = {h.id: h.name for h in run.region.hospitals}
    tables = "; ".join([*reopening.changed_texts(), *reopening.correction_texts()])
    return pa.table(
        {
            "hospital_id": pa.array([r[0] for r in rows], pa.string()),
            "pool": pa.array([r[1] for r in rows], pa.string()),
            "final_before_fen": pa.array([r[2] for r in rows], pa.int64()),
            "final_after_fen": pa.array([r[3] for r in rows], pa.int64()),
            "difference_fen": pa.array([r[3] - r[2] for r in rows], pa.int64()),
            "to_recover_fen": pa.array([max(0, r[2] - r[3]) for r in rows], pa.int64()),
            "to_add_fen": pa.array([max(0, r[3] - r[2]) for r in rows], pa.int64()),
            "paid_first_fen": pa.array(
                [reopening.paid.get((r[0], r[1]), 0) for r in rows], pa.int64()
            ),
            "to_carry_fen": pa.array([fen for *_, fen in reopening.to_carry(run)], pa.int64()),
            "changed_tables": pa.array([tables] * len(rows), pa.string()),
            "name": pa.array([names[r[0]] for r in rows], pa.string()),
        }
    )


def write_carried(reopening: Reopening, run: YearEnd, folder: Path, lang: str = "zh") -> None:
    """Write what the next payment takes: carried.csv, the whole as of this version, in place of
    those of earlier versions; carried_difference.csv, what changed against the version before, for
    whoever has put that one's carried.csv into a payment already.

    Positive amounts are recovered, negative ones added; hospitals without an amount are left out.
    `from` names year, version, which of both it is, the hospital's documents, and what else changed.
    """
    before = reopening.version - 1
    files = [] if reopening.corrected is None else reopening.corrected.files
    own = [v for v in reopening.later if v.version == reopening.version]
    own_files = [file for file in files if file.version == reopening.version]
    now = {name: p.point_value_fen / 100 for p in run.pools for name in p.pool.split("+")}
    for name, rows, kind, later, corrections, values in (
        (
            CARRIED,
            reopening.to_carry(run),
            _in(lang, "（全部，取代以前各版）", " (the whole, replaces all versions before)"),
            reopening.later,
            files,
            reopening.first_values,
        ),
        (
            CARRIED_DIFFERENCE,
            [(h, pool, old - new) for h, pool, old, new in reopening.differences(run)],
            _in(lang, f"（仅与 v{before} 的差额）", f" (only the difference to v{before})"),
            own,
            own_files,
            reopening.values,
        ),
    ):
        source = f"{run.region.id} {run.region.year} v{reopening.version}{kind}"
        changed = [*sorted(reopening.changed), *(file.name for file in corrections)]
        others = _in(
            lang,
            "其他机构的更正使点值变动",
            "corrections of other hospitals changed the point value",
        )
        moved = {pool for pool, value in now.items() if values.get(pool) != value}
        said = {}
        for hospital, pool, _ in rows:
            own_documents = {
                v.document for v in later if (v.hospital_id, v.pool) == (hospital, pool)
            }
            # said of the rows that it concerns alone: of a pool whose value did not move nobody's
            # payment hangs on the others
            by_others = pool in moved and any(
                v.hospital_id != hospital for v in later if v.pool in _together(run, pool)
            )
            texts = [source, *sorted(own_documents), *([others] if by_others else []), *changed]
            said[hospital, pool] = "; ".join(texts)
        _write_carried(run, folder / name, [(*row, said[row[0], row[1]]) for row in rows if row[2]])


def _together(run: YearEnd, pool: str) -> list[str]:
    """Return the pools that are settled with one."""
    names = (p.pool.split("+") for p in run.pools)
    return next((own for own in names if pool in own), [pool])


class Sources:
    """The runs that amounts to carry come from, by `from`; finds what would be carried twice."""

    def __init__(self) -> None:
        self._wholes: dict[str, int] = {}
        self._differences: dict[str, list[int]] = {}

    def add(self, said: str) -> tuple[str, int, int] | None:
        """Take a row in; return run and versions (a whole, and another) that do not go together."""
        found = SOURCE.match(said.split("; ")[0])
        if found is None:
            return None
        run, version = found["run"], int(found["version"] or 1)
        if found["version"] and not found["whole"]:
            self._differences.setdefault(run, []).append(version)
            whole = self._wholes.get(run, 0)
            return (run, whole, version) if version <= whole else None
        whole = self._wholes.setdefault(run, version)
        if whole != version:
            return run, max(whole, version), min(whole, version)
        within = [v for v in self._differences.get(run, []) if v <= version]
        return (run, version, within[0]) if within else None

    def gaps(self) -> list[tuple[str, int, int, int]]:
        """Return run, version of the whole, the first missing version and the next that is there."""
        found = []
        for run, whole in sorted(self._wholes.items()):
            last = whole
            for version in sorted({*self._differences.get(run, [])}):
                if version > last + 1:
                    found.append((run, whole, last + 1, version))
                    break
                last = version
        return found


def source_key(said: str) -> str:
    """Return what tells a source from others: region, year, version and which of both files, or,
    where no version is named, all of `from`.
    """
    found = SOURCE.match(said.split("; ")[0])
    if found is None or not found["version"]:
        return said
    return f"{found['run']} v{int(found['version'])} {'whole' if found['whole'] else 'difference'}"


def _in(lang: str, chinese: str, english: str) -> str:
    return chinese if lang == "zh" else english


def write_negative(run: YearEnd, path: Path, trial: str = "") -> None:
    """Write carried.csv with what negative final payments leave to recover, and (negative) what of
    others waits for it; nothing without one.

    Those whose agreement has ended have no next payment: what they owe is demanded back and stands
    in demanded.csv beside it (`negative_final.ended`). A trial's has a last column that a region
    folder refuses.
    """
    ended = {h.id for h in run.region.hospitals if h.standing == ENDED}
    said = f"{run.region.id} {run.region.year}"
    for name, demanded in ((path.name, False), (DEMANDED, True)):
        rows = [
            (h.hospital_id, h.pool, h.recover_fen - h.deferred_fen, said)
            for h in run.hospitals
            if (h.recover_fen or h.deferred_fen)
            if (h.hospital_id in ended and h.recover_fen > 0) == demanded
        ]
        if rows:
            _write_carried(run, path.with_name(name), rows, trial)


def identity(run: YearEnd) -> str:
    """Return what tells a run from others in what it hands on: a digest of what all are paid."""
    return rows_digest(
        [run.region.id, str(run.region.year), run.policy.digest],
        [(h.hospital_id, h.pool, h.final_fen, h.deferred_fen) for h in run.hospitals],
    )


def _write_carried(
    run: YearEnd, path: Path, rows: Sequence[tuple[str, str, int, str]], trial: str = ""
) -> None:
    """Write amounts to carry, each with its origin: region, run, and a digest of all of them."""
    head = (run.region.id, identity(run))
    last = (*head, rows_digest(head, rows), *((trial,) if trial else ()))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            (
                *("hospital_id", "pool", "amount_yuan", "from", *CARRIED_ORIGIN),
                *(["trial"] if trial else []),
            )
        )
        for hospital, pool, fen, said in rows:
            yuan = yuan_text(fen).replace(",", "")
            writer.writerow(
                (neutral_text(hospital), neutral_text(pool), yuan, neutral_text(said), *last)
            )
