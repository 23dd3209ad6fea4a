"""Groupers of several versions of a scheme: each case by the version in force at its discharge."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.codes import Changes
from drgpay.cases.editions import (
    CodeTally,
    EditionChoice,
    FoundEdition,
    RowsOfScheme,
    SchemesOf,
    read_edition,
)
from drgpay.cases.encode import Codes, EncodedCases, Faults, encode_cases
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.languages import is_chinese
from drgpay.ground.reference import resolve
from drgpay.grouper.engine import (
    REASON,
    GroupedCases,
    Grouper,
    GroupNumbers,
    cached_grouper,
)
from drgpay.grouper.outcome import QUARANTINED, Grouping
from drgpay.grouper.provisos import DATE_COLUMN, EPOCH, note_provisos, outside_period
from drgpay.names.readings import (
    READINGS,
    Readings,
    asked_readings,
    differing_readings,
    readings_text,
)
from drgpay.schemes import Scheme
from drgpay.schemes.checks import is_bundled
from drgpay.schemes.folders import Folder, read_folder
from drgpay.schemes.load import checked_scheme
from drgpay.schemes.program import Outcome
from drgpay.schemes.tables import options_of, scheme_of
from drgpay.schemes.versions import Family, Version, find_family


@dataclass(frozen=True, slots=True)
class VersionUse:
    """How many cases were grouped by a version."""

    scheme: str
    start: dt.date
    end: dt.date | None
    verified: bool
    digest: str
    cases: int
    readings: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts by name, for a manifest."""
        return {
            "id": self.scheme,
            "effective": str(self.start),
            "effective_to": "" if self.end is None else str(self.end),
            "verified": self.verified,
            "digest": self.digest,
            "cases": self.cases,
            "readings": dict(self.readings),
        }


class VersionedGrouper:
    """The groupers of a family; `today` is the day whose version groups cases without a day.

    A run asks for the day once (`for_run`) and passes it on, so that it cannot part when a version
    changes at midnight; without it, each call takes the day on which it comes.

    Outcomes of all versions stand in one list, the newest version's first, so that a group known
    by two names has the newer one. `0000` is the last.
    """

    def __init__(
        self,
        family: Family,
        *,
        readings: Mapping[str, str] | Readings | None = None,
        codes: str | None = None,
        today: dt.date | None = None,
    ) -> None:
        self.family, self.asked, self.day = family, asked_readings(readings), today
        self.groupers: tuple[Grouper, ...] = tuple(
            Grouper(version.path, readings=self.asked, codes=codes) for version in family.versions
        )
        self.codes = self.groupers[-1].codes
        own = tuple(o for grouper in reversed(self.groupers) for o in grouper.outcomes[:-1])
        self.outcomes: tuple[Outcome, ...] = (*own, self.groupers[-1].outcomes[-1])

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions, first to last."""
        return self.family.versions

    @property
    def scheme(self) -> Scheme:
        """The newest version's scheme."""
        return self.groupers[-1].scheme

    @property
    def readings(self) -> Mapping[str, str]:
        """The choice of each open reading; those of the versions by / where they differ."""
        return {
            name: "/".join(dict.fromkeys(grouper.readings[name] for grouper in self.groupers))
            for name in READINGS
        }

    def for_run(self) -> VersionedGrouper:
        """Return this grouper for a run: with the day of today, unless it has one."""
        if self.day is not None:
            return self
        settled = copy(self)
        settled.day = dt.date.today()
        return settled

    @property
    def own_editions(self) -> tuple[str, ...]:
        """The editions that the versions are written in, the newest version's first."""
        return tuple(dict.fromkeys(grouper.edition for grouper in reversed(self.groupers)))

    @property
    def editions(self) -> tuple[str, ...]:
        """The editions whose codes every version can read."""
        first, *others = (grouper.editions for grouper in reversed(self.groupers))
        return tuple(name for name in first if all(name in own for own in others))

    def edition_choice(self, declared: str | None = None) -> EditionChoice:
        """Return what tells the edition of files that do not say it; `declared` as `codes`."""
        given = self.codes if declared is None else read_edition(declared, self.editions)
        return EditionChoice(given, self.count_edition)

    def count_edition(self, table: pa.Table) -> FoundEdition:
        """Return the edition of a table's codes, counted with the version of most of its rows."""
        version = self.versions_of(table, Faults.of(table, "", 1))
        times = np.bincount(version[version >= 0], minlength=len(self.groupers))
        most = int(times.argmax()) if times.any() else len(self.groupers) - 1
        return self.groupers[most].count_edition(table)

    @property
    def today(self) -> int:
        """The number of the version in force today, of the nearest one when none is."""
        return self.family.near(self.day or dt.date.today())

    def at(self, day: dt.date) -> Grouper:
        """Return the grouper of the version in force on a day; raises InputError for none."""
        version = self.family.at(day)
        if version is None:
            raise InputError(
                both(
                    f"{day} 没有施行中的 {self.family.name} 版本",
                    f"no version of {self.family.name} was in force on {day}",
                ),
                remedy=both(
                    f"可用的版本：{self._periods('zh')}", f"there is {self._periods('en')}"
                ),
            )
        return self.groupers[self.versions.index(version)]

    def _periods(self, lang: str) -> str:
        if is_chinese(lang):
            return "、".join(f"{v.id}（{v.period.chinese}）" for v in self.versions)
        return ", ".join(f"{v.id} ({v.period})" for v in self.versions)

    @cached_property
    def more(self) -> tuple[str, ...]:
        """The columns that only some schemes ask and some version does."""
        return tuple(dict.fromkeys(name for g in self.groupers for name in g.more))

    @cached_property
    def mdc_codes(self) -> tuple[str, ...]:
        """The MDCs of all versions after an empty one for none."""
        return tuple(dict.fromkeys(code for g in reversed(self.groupers) for code in g.mdc_codes))

    @cached_property
    def numbers(self) -> GroupNumbers:
        """DRGs and ADRGs of all versions by number."""
        return GroupNumbers.of(self.outcomes)

    @cached_property
    def _maps(self) -> tuple[tuple[NDArray[np.int16], NDArray[np.int8]], ...]:
        """Of each version: its outcomes and MDCs as numbers among those of all versions."""
        number = {code: i for i, code in enumerate(self.mdc_codes)}
        found = []
        start = 0
        for grouper in reversed(self.groupers):
            own = np.arange(start, start + len(grouper.outcomes))
            own[-1] = len(self.outcomes) - 1
            mdcs = np.array([number[code] for code in grouper.mdc_codes], dtype=np.int8)
            found.append((own.astype(np.int16), mdcs))
            start += len(grouper.outcomes) - 1
        return tuple(reversed(found))

    def versions_of(self, table: pa.Table, faults: Faults) -> NDArray[np.int8]:
        """Return the number of the version in force for each row, -1 for a row noted as faulty.

        Of a table without the column, the version in force today.
        """
        if DATE_COLUMN not in table.column_names:
            return np.full(len(table), self.today, dtype=np.int8)
        days, bad = parse.dates(table[DATE_COLUMN])
        missing = bad | (days == parse.MISSING_DATE)
        faults.add(missing, DATE_COLUMN, "date_invalid")
        starts = np.array([(v.start - EPOCH).days for v in self.versions])
        version = np.searchsorted(starts, days, side="right").astype(np.int8) - np.int8(1)
        last = self.versions[-1].end
        if last is not None:
            version[days > (last - EPOCH).days] = -1
        version[missing] = -1
        faults.add((version < 0) & ~missing, DATE_COLUMN, "no_version_in_force")
        return version

    def schemes_of(self, table: pa.Table, tally: CodeTally) -> list[RowsOfScheme]:
        """Return the rows of a table by version, with what reads their codes, for `convert`.

        A row goes by its day of discharge, before the first version and after the last by that one,
        without a day by the version of today; both are counted in `tally`.
        """
        count = len(table)
        days = np.full(count, parse.MISSING_DATE, dtype=np.int32)
        if DATE_COLUMN in table.column_names:
            days, bad = parse.dates(table[DATE_COLUMN])
            days = np.where(bad, parse.MISSING_DATE, days)
        missing = days == parse.MISSING_DATE
        starts = np.array([(v.start - EPOCH).days for v in self.versions])
        version = np.maximum(np.searchsorted(starts, days, side="right") - 1, 0)
        version[missing] = self.today
        found = []
        for number in np.unique(version).tolist():
            rows, grouper = np.flatnonzero(version == number), self.groupers[number]
            if undated := int(np.count_nonzero(missing[rows])):
                tally.undated[grouper.scheme.id] += undated
            own = table.take(pa.array(rows))
            if outside := outside_period(own, grouper.scheme, ~missing[rows]):
                tally.outside[grouper.scheme.id] += outside
            found.append(RowsOfScheme(grouper.scheme.id, rows, grouper.recoders))
        return found

    def group_table(
        self, table: pa.Table, faults: Faults, edition: str = ""
    ) -> tuple[EncodedCases, GroupedCases, NDArray[np.int8]]:
        """Encode and group a table; return its cases, groups and versions by row.

        `edition`: of the codes of rows that do not say theirs; empty for each version's own.
        """
        version = self.versions_of(table, faults)
        edition = edition or self.codes or ""
        used = np.unique(version[faults.good & (version >= 0)]).tolist()
        main = used[-1] if used else len(self.groupers) - 1
        cases = _encode(table, self.groupers[main], faults, self.more, edition)
        if DATE_COLUMN not in table.column_names:
            cases.tally.undated[self.versions[main].id] += int(np.count_nonzero(cases.good))
        if len(used) <= 1:
            grouped = self.groupers[main].group_arrays(cases)
            note_provisos(table, cases, grouped, self.groupers[main])
            return cases, self._among_all(main, grouped), version
        count = len(cases)
        out = GroupedCases(
            group=np.full(count, len(self.outcomes) - 1, dtype=np.int16),
            mdc=np.zeros(count, dtype=np.int8),
            status=np.full(count, QUARANTINED, dtype=np.int8),
            reason=np.full(count, REASON["quarantined"], dtype=np.int8),
            level=np.zeros(count, dtype=np.uint8),
            deciding=np.zeros(count, dtype=np.int32),
        )
        changes, tally = Changes(), CodeTally()
        parts: list[tuple[NDArray[np.int64], EncodedCases]] = []
        for number in used:
            rows = np.flatnonzero((version == number) & cases.good)
            if not len(rows):
                continue
            own = Faults.of(table.take(pa.array(rows)), faults.file, 1)
            own.stay_days = None if faults.stay_days is None else faults.stay_days[rows]
            part = _encode(own.table, self.groupers[number], own, self.more, edition)
            alone = self.groupers[number].group_arrays(part)
            note_provisos(own.table, part, alone, self.groupers[number])
            changes.update(part.changes)
            tally.add(part.tally)
            parts.append((rows, part))
            grouped = self._among_all(number, alone)
            for name in ("group", "mdc", "status", "reason", "level", "deciding"):
                getattr(out, name)[rows] = getattr(grouped, name)
        diagnoses = _by_row(cases.diagnoses, [(rows, part.diagnoses) for rows, part in parts])
        procedures = _by_row(cases.procedures, [(rows, part.procedures) for rows, part in parts])
        cases = replace(
            cases, changes=changes, tally=tally, diagnoses=diagnoses, procedures=procedures
        )
        return cases, out, version

    def _among_all(self, number: int, grouped: GroupedCases) -> GroupedCases:
        """Return results of one version with the numbers of all versions."""
        groups, mdcs = self._maps[number]
        return replace(grouped, group=groups[grouped.group], mdc=mdcs[grouped.mdc])

    def use(self, counts: Sequence[int] | NDArray[np.int64]) -> tuple[VersionUse, ...]:
        """Return how many cases each version grouped, those without a case left out."""
        return tuple(
            VersionUse(
                v.id, v.start, v.end, v.verified, grouper.scheme.digest, int(n), grouper.readings
            )
            for v, grouper, n in zip(self.versions, self.groupers, counts, strict=True)
            if n
        )

    def count(self, version: NDArray[np.int8], status: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return the number of grouped cases by version, quarantined ones left out."""
        own = version[status != QUARANTINED]
        return np.bincount(own[own >= 0], minlength=len(self.versions))

    def group_case(self, *, discharge_date: dt.date | None = None, **case: Any) -> Grouping:
        """Group one case by the version in force on its discharge date, without one today's.

        Raises InputError.
        """
        return self.of_day(discharge_date).group_case(**case)

    def of_day(self, day: dt.date | None) -> Grouper:
        """Return the grouper of the version in force on a day, of today without one.

        Raises InputError for a day on which none was.
        """
        if day is None:
            return self.groupers[self.today]
        if not isinstance(day, dt.date) or isinstance(day, dt.datetime):
            raise InputError(
                both("出院日期须是日期（datetime.date）", "discharge_date must be a datetime.date")
            )
        return self.at(day)


AnyGrouper = Grouper | VersionedGrouper


def schemes_of(grouper: AnyGrouper) -> SchemesOf:
    """Return what tells by what scheme the codes of each row of a table are read, for `convert`.

    Rows discharged when it was not in force are counted in the tally.
    """
    if isinstance(grouper, VersionedGrouper):
        return grouper.schemes_of
    scheme, recoders = grouper.scheme, grouper.recoders

    def every(table: pa.Table, tally: CodeTally) -> list[RowsOfScheme]:
        rows = np.arange(len(table))
        if outside := outside_period(table, scheme, np.ones(len(table), dtype=np.bool_)):
            tally.outside[scheme.id] += outside
        return [RowsOfScheme(scheme.id, rows, recoders)]

    return every


def _by_row(whole: Codes, parts: Sequence[tuple[NDArray[np.int64], Codes]]) -> Codes:
    """Return the codes of a table's rows: of some rows those of a part, of the others the table's.

    Each row's numbers and words are those of the version that grouped it.
    """
    count = len(whole.offsets) - 1
    which, place = np.zeros(count, dtype=np.int64), np.arange(count)
    for number, (rows, _) in enumerate(parts, 1):
        which[rows], place[rows] = number, np.arange(len(rows))
    every = [whole, *(codes for _, codes in parts)]
    texts = [_texts(codes.words) for codes in every]
    base = np.cumsum([0, *map(len, texts)])[:-1]
    starts, lengths = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for number, codes in enumerate(every):
        mine = which == number
        at = place[mine]
        starts[mine] = base[number] + codes.offsets[at]
        lengths[mine] = codes.offsets[at + 1] - codes.offsets[at]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    index = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
    ids = np.concatenate([codes.ids[: codes.offsets[-1]] for codes in every])[index]
    words = pa.concat_arrays(texts).take(pa.array(index))
    return Codes(offsets, np.append(ids, np.int32(0)), words.dictionary_encode())


def _texts(words: pa.Array) -> pa.Array:
    return words.cast(pa.string())


def _encode(
    table: pa.Table, grouper: Grouper, faults: Faults, more: Sequence[str], edition: str
) -> EncodedCases:
    compiled = grouper.compiled
    return encode_cases(
        table,
        compiled.encode_diagnoses,
        compiled.procedures.encode,
        faults,
        grouper.recoders,
        more,
        edition,
    )


def version_warnings(use: Sequence[VersionUse]) -> list[Bilingual]:
    """Return what the reader must know: several versions, days of change that are not verified."""
    found: list[Bilingual] = []
    if len(use) > 1:
        named = "、".join(f"{u.scheme} {u.cases:,} 例" for u in use)
        english = ", ".join(f"{u.scheme} {u.cases:,} cases" for u in use)
        found.append(
            both(f"病例按出院日期用了不同版本：{named}", f"versions by discharge date: {english}")
        )
    for u in use:
        if not u.verified:
            found.append(
                both(
                    f"{u.scheme} 的施行日期 {u.start} 未经核实",
                    f"{u.scheme} is taken as in force from {u.start}, which is not verified",
                )
            )
    return found


def any_grouper(
    scheme: AnyGrouper | Scheme | str | Path,
    readings: Readings = (),
    codes: str | None = None,
    base: Path | None = None,
) -> AnyGrouper:
    """Return the grouper of a scheme, or of a family of versions, given in any form, for a run.

    What was compiled before, of the same tables, is kept. Paths are relative to `base`. A family's
    version of today is settled here. Raises InputError where a grouper is given that has other `readings`.
    """
    if isinstance(scheme, Grouper | VersionedGrouper):
        _refuse_other_readings(scheme, readings)
        return scheme.for_run() if isinstance(scheme, VersionedGrouper) else scheme
    if isinstance(scheme, Scheme):
        return Grouper(scheme, readings=readings, codes=codes)
    family = find_family(scheme, base)
    if family is not None and is_bundled(family.versions[0].path):
        return _cached(family, readings, codes).for_run()
    if family is not None:
        return VersionedGrouper(family, readings=readings, codes=codes).for_run()
    if isinstance(scheme, str) and base is None:
        return cached_grouper(scheme, readings, codes)
    path = resolve("schemes", scheme, base)
    if is_bundled(path):  # as a region's settings name it
        return cached_grouper(path.name, readings, codes)
    return _of_tables(_Tables.of(read_folder(path)), asked_readings(readings), codes)


@dataclass(frozen=True)
class _Tables:
    """A scheme's folder as it was read, equal to what is read later while nothing in it changes."""

    folder: Folder = field(compare=False)
    path: Path
    digest: str
    manifests: tuple[str, ...]

    @classmethod
    def of(cls, folder: Folder) -> _Tables:
        """Return what tells a folder from any other: the digest covers no manifest."""
        below, manifests = folder.base, [repr(folder.manifest)]
        while below is not None:
            manifests.append(repr(below.manifest))
            below = below.base
        return cls(folder, folder.path.resolve(), folder.digest, tuple(manifests))


@lru_cache(maxsize=4)  # the runs of a process, of months or of trials, mostly share one
def _of_tables(tables: _Tables, readings: Readings, codes: str | None) -> Grouper:
    folder = tables.folder
    scheme = scheme_of(folder, options_of(folder.manifest, folder.path, readings))
    return Grouper(checked_scheme(scheme), codes=codes)


@lru_cache(maxsize=4)
def _cached(family: Family, readings: Readings, codes: str | None) -> VersionedGrouper:
    return VersionedGrouper(family, readings=readings, codes=codes)


def _refuse_other_readings(grouper: AnyGrouper, readings: Readings) -> None:
    """Fail if readings are asked for beside a grouper that was made with others."""
    other = differing_readings(dict(readings), grouper.readings)
    if other:
        asked = {name: choice for name, (choice, _) in other.items()}
        has = {name: choice for name, (_, choice) in other.items()}
        raise InputError(
            both(
                f"所给的分组器用 {readings_text(has, 'zh')}，又要求 {readings_text(asked, 'zh')}",
                f"the grouper given has {readings_text(has)}, asked for is {readings_text(asked)}",
            ),
            remedy=both("在建立分组器时写明读法", "name the readings where the grouper is made"),
        )
