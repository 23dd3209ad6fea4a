"""Families of schemes: versions of one scheme, each in force for a time, none overlapping.

A family is named by `family` in the manifests of the bundled schemes, or is a folder whose
subfolders are the schemes of one family. Drafts belong to no time and are never chosen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual, SchemeError, both, located
from drgpay.ground.reference import reference_dir
from drgpay.schemes.folders import read_manifest

ONE_DAY = dt.timedelta(days=1)
OPEN = both("至今", "open")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a scheme and when it is in force; `end` is its last day, None when open."""

    id: str
    path: Path
    start: dt.date
    end: dt.date | None
    verified: bool

    @property
    def period(self) -> Bilingual:
        """The period in words."""
        if self.end is None:
            return both(f"{self.start} {OPEN.chinese}", f"{self.start} – {OPEN}")
        return both(f"{self.start} 至 {self.end}", f"{self.start} – {self.end}")


@dataclass(frozen=True, slots=True)
class Family:
    """The versions of one scheme by date, first to last, without gap or overlap."""

    name: str
    versions: tuple[Version, ...]

    def at(self, day: dt.date) -> Version | None:
        """Return the version in force on a day, None when none was."""
        for version in self.versions:
            if version.start <= day and (version.end is None or day <= version.end):
                return version
        return None

    def near(self, day: dt.date) -> int:
        """Return the number of the version in force on a day, else of the first or the last."""
        found = self.at(day)
        if found is not None:
            return self.versions.index(found)
        return 0 if day < self.versions[0].start else len(self.versions) - 1

    @property
    def unverified(self) -> tuple[Version, ...]:
        """The versions whose first day is not known for sure."""
        return tuple(version for version in self.versions if not version.verified)


def find_family(name: str | Path, base: Path | None = None) -> Family | None:
    """Return the family that a name or a folder (relative to `base`) means, None when it is none.

    A bundled scheme's own name always means that scheme. Raises SchemeError when the versions
    overlap, leave a gap, or none of them is in force.
    """
    text = str(name)
    if "/" not in text and (reference_dir() / "schemes" / text).is_dir():
        return None
    if "/" not in text and (paths := _bundled_families().get(text)):
        return _family(text, paths)
    folder = Path(name) if base is None else base / Path(name)
    if not folder.is_dir() or (folder / "manifest.toml").exists():
        return None
    inside = sorted(path.parent for path in folder.glob("*/manifest.toml"))
    return _family(folder.name, inside) if inside else None


def bundled_families() -> dict[str, Family]:
    """Return the bundled families by name."""
    return {name: _family(name, paths) for name, paths in sorted(_bundled_families().items())}


@lru_cache(maxsize=1)
def _bundled_families() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted((reference_dir() / "schemes").iterdir()):
        if (path / "manifest.toml").exists():
            family = read_manifest(path).get("family")
            if isinstance(family, str):
                found.setdefault(family, []).append(path)
    return found


def _family(name: str, paths: Iterable[Path]) -> Family:
    faults: list[Bilingual] = []
    versions: list[Version] = []
    families: dict[str, str] = {}
    for path in paths:
        manifest = read_manifest(path)
        if manifest.get("draft", False):
            continue
        if isinstance(manifest.get("family"), str):
            families.setdefault(str(manifest["family"]), path.name)
        version, wrong = _version(path, manifest)
        faults += wrong
        if version is not None:
            versions.append(version)
    if len(families) > 1:
        named = [f"{scheme}（{family}）" for family, scheme in families.items()]
        english = [f"{scheme} ({family})" for family, scheme in families.items()]
        faults.append(
            both(
                f"文件夹中有不同的族：{'、'.join(named)}",
                f"schemes of different families: {', '.join(english)}",
            )
        )
    versions.sort(key=lambda version: (version.start, version.id))
    joints = _joints(versions)
    faults += joints
    if not versions and not faults:
        faults.append(both("没有正式施行的版本（草案不用）", "no version is in force but drafts"))
    if faults:
        raise SchemeError(
            both(f"方案族“{name}”的各版本不能按日期选用", f"family {name!r} cannot be dated"),
            where=name,
            faults=faults,
            remedy=both(
                "在各版本 manifest.toml 的 [effective] 下改正 from、to，使前后相接",
                "correct from and to under [effective] of the manifests, so that one follows "
                "the other",
            ),
        )
    return Family(name, tuple(versions))


def _version(path: Path, manifest: dict[str, Any]) -> tuple[Version | None, list[Bilingual]]:
    effective = manifest.get("effective", {})
    start, end = effective.get("from"), effective.get("to")
    wrong: list[Bilingual] = []
    for key, value, needed in (("from", start, True), ("to", end, False)):
        if (value is None and not needed) or type(value) is dt.date:
            continue
        wrong.append(
            located(
                f"{path.name}/manifest.toml",
                both(
                    f"effective.{key} 不是日期，写 {key} = YYYY-MM-DD",
                    f"effective.{key} is no date: write {key} = YYYY-MM-DD",
                ),
            )
        )
    if not wrong and end is not None and end < start:
        wrong.append(
            located(
                f"{path.name}/manifest.toml",
                both(f"to {end} 早于 from {start}", f"to {end} is before from {start}"),
            )
        )
    if wrong:
        return None, wrong
    return Version(path.name, path, start, end, bool(effective.get("verified", True))), []


def _joints(versions: list[Version]) -> list[Bilingual]:
    """Return what is wrong where one version follows another."""
    faults = []
    for i, later in enumerate(versions):
        for before in versions[:i]:
            if before.end is None or before.end >= later.start:
                faults.append(
                    both(
                        f"{before.id}（{before.period.chinese}）与 {later.id}"
                        f"（{later.period.chinese}）重叠",
                        f"{before.id} ({before.period}) and {later.id} ({later.period}) overlap",
                    )
                )
        if i and (end := versions[i - 1].end) is not None and end + ONE_DAY < later.start:
            faults.append(
                both(
                    f"{end + ONE_DAY} 至 {later.start - ONE_DAY} 没有版本"
                    f"（{versions[i - 1].id} 与 {later.id} 之间）",
                    f"no version from {end + ONE_DAY} to {later.start - ONE_DAY} "
                    f"(between {versions[i - 1].id} and {later.id})",
                )
            )
    return faults
