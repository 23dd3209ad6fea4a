"""Versions of a settled year: what a later violation took away, and what is recovered by it.

Source: S2 二(二)1(6) (violations found later reopen the settlements of the years they distorted,
the difference is recovered). docs/reopening.md.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from drgpay.money import points_text, yuan_text

if TYPE_CHECKING:
    from drgpay.settlement.year_end import YearEnd

CARRIED = "carried.csv"
REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class LaterViolation:
    """A violation found after the settlement: money (fen), points (1/10,000), or a case.

    `new_drg`: the group that the case belongs to, or `remove`: it keeps no points. `version`: of
    the run that took it in first.
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


@dataclass(frozen=True)
class Reopening:
    """What makes a run a new version of another one, which stays as it is.

    `finals`: final payments in fen of the reopened run, by hospital and pool. `changed`: tables of
    the region folder that are not those of the reopened run, `digests` their SHA-256 before and
    after (empty: no such file).
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
            },
            "later_violations": {
                "file": self.file,
                "sha256": self.file_sha256,
                "changed_tables": list(self.changed),
                "changed": [
                    {"file": name, "sha256_before": before, "sha256_after": after}
                    for name, (before, after) in sorted(self.digests.items())
                ],
                "rows": [v.as_dict() for v in self.later],
            },
        }

    def differences(self, run: YearEnd) -> list[tuple[str, str, int, int]]:
        """Return final payments before and after, by hospital and pool."""
        after = {(h.hospital_id, h.pool): h.final_fen for h in run.hospitals}
        keys = sorted({*after, *self.finals})
        return [(*key, self.finals.get(key, 0), after.get(key, 0)) for key in keys]


def recovery_table(reopening: Reopening, run: YearEnd) -> pa.Table:
    """Return final payments before and after, what is to be recovered and what to be added."""
    rows = reopening.differences(run)
    names = {h.id: h.name for h in run.region.hospitals}
    tables = "; ".join(reopening.changed_texts())
    return pa.table(
        {
            "hospital_id": pa.array([r[0] for r in rows], pa.string()),
            "pool": pa.array([r[1] for r in rows], pa.string()),
            "final_before_fen": pa.array([r[2] for r in rows], pa.int64()),
            "final_after_fen": pa.array([r[3] for r in rows], pa.int64()),
            "difference_fen": pa.array([r[3] - r[2] for r in rows], pa.int64()),
            "to_recover_fen": pa.array([max(0, r[2] - r[3]) for r in rows], pa.int64()),
            "to_add_fen": pa.array([max(0, r[3] - r[2]) for r in rows], pa.int64()),
            "changed_tables": pa.array([tables] * len(rows), pa.string()),
            "name": pa.array([names[r[0]] for r in rows], pa.string()),
        }
    )


def write_carried(reopening: Reopening, run: YearEnd, path: Path) -> None:
    """Write carried.csv as the region folder of the next payment takes it.

    Positive amounts are recovered, negative ones added; hospitals without a difference are left
    out. `from` names year, version, documents and tables that changed.
    """
    own = sorted({v.document for v in reopening.later if v.version == reopening.version})
    source = f"{run.region.id} {run.region.year} v{reopening.version}"
    said = "; ".join([source, *own, *sorted(reopening.changed)])
    rows = [
        (hospital, pool, before - after)
        for hospital, pool, before, after in reopening.differences(run)
        if before != after
    ]
    _write_carried(path, rows, said)


def write_negative(run: YearEnd, path: Path, trial: str = "") -> None:
    """Write carried.csv with what negative final payments leave to recover; nothing without one.

    A trial's has a last column that a region folder refuses.
    """
    rows = [(h.hospital_id, h.pool, -h.final_fen) for h in run.hospitals if h.final_fen < 0]
    if rows:
        _write_carried(path, rows, f"{run.region.id} {run.region.year}", trial)


def _write_carried(
    path: Path, rows: Sequence[tuple[str, str, int]], said: str, trial: str = ""
) -> None:
    last = (trial,) if trial else ()
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            ("hospital_id", "pool", "amount_yuan", "from", *(["trial"] if trial else []))
        )
        for hospital, pool, fen in rows:
            writer.writerow((hospital, pool, yuan_text(fen).replace(",", ""), said, *last))
