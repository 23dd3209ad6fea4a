"""Versions of a settled year: what a later violation took away, and what is recovered by it.

Source: S2 二(二)1(6) (violations found later reopen the settlements of the years they distorted,
the difference is recovered). docs/reopening.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from drgpay.ground.money import points_text
from drgpay.region.corrected import CorrectedCases

CARRIED = "carried.csv"
DEMANDED = "demanded.csv"  # what hospitals owe whose agreement has ended
CARRIED_DIFFERENCE = "carried_difference.csv"
# how `from` of these files begins: region, year, version (none: the first), which of both files
SOURCE = re.compile(r"^(?P<run>.+ \d{4})(?: v(?P<version>\d+)(?P<whole>（全部| \(the whole)?.*)?$")
REMOVE = "remove"


def case_mark(case_id: str) -> str:
    """Return what names a case in the reason of a violation that takes its money back."""
    return f"病例 {case_id}，"


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
        return {**asdict(self), "points": points_text(self.points)}


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
        return [f"{file.file} {file.sha256[:12]}" for file in own]

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
