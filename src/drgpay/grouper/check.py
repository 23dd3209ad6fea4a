"""Check cases: findings beside grouping, a stream of pieces, totals by check and by hospital.

`CheckRun` takes pieces that were grouped anyway (`piece` on any thread, then `take` in order, then
`finish`); `check_cases` does all of it from files.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.checks.catalogue import (
    CASE_TWICE,
    CHECK_COLUMNS,
    CHECKS,
    NAMES,
    NOT_GROUPED,
    NUMBER,
    REASON_CHECKS,
    SEVERITIES,
    STAY_TWICE,
    UNGROUPED_REASONS,
)
from drgpay.cases.checks.codes_facts import Flags, flag_table
from drgpay.cases.checks.facts import CaseFacts, read_facts
from drgpay.cases.checks.kernels import hash_stays
from drgpay.cases.checks.run import (
    CheckSettings,
    Coded,
    Decoder,
    Grouped,
    Hits,
    coded,
    conventions,
    masks,
    without_principal,
)
from drgpay.cases.checks.settle import note_settlement_faults
from drgpay.cases.codes import Changes
from drgpay.cases.duplicates import equal_hashes, text_hashes
from drgpay.cases.editions import KINDS, CodeTally
from drgpay.cases.encode import Codes, Faults
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import RowNote
from drgpay.cases.sources import open_source
from drgpay.ground.arrow import table_writer
from drgpay.ground.errors import Bilingual, BooksError, both
from drgpay.ground.frames import Framed
from drgpay.ground.reference import DEFAULT_SCHEME
from drgpay.ground.threads import default_threads, in_order
from drgpay.grouper.check_spool import CheckSpool, HashParts, Held, HeldOnDisk
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.coding_lists import marked
from drgpay.grouper.engine import REASON, Grouper
from drgpay.grouper.outcome import NOT_GROUPED as NO_GROUP
from drgpay.grouper.outcome import REASONS
from drgpay.grouper.pieces import GroupedPiece, group_piece, scheme_name
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, any_grouper
from drgpay.grouper.would_group import named, would_group
from drgpay.names.columns import GROUPING_COLUMNS, GROUPING_MORE
from drgpay.names.readings import Readings, asked_readings
from drgpay.names.run_tables import schema_of
from drgpay.schemes import Scheme

WANTED: tuple[str, ...] = tuple(
    dict.fromkeys((*GROUPING_COLUMNS, *GROUPING_MORE, *CHECK_COLUMNS, "hospital_id", "pool"))
)
KEPT_FINDINGS = 200_000
MOST_WOULD = 50_000  # ungrouped cases of which it is told what would group them
MOST_NEAREST = 5_000  # unknown codes of which the nearest known ones are told
KEPT_ROWS = 20_000  # with findings, of files that are too long to be kept whole
CLEAN, FOUND, STOPPED = range(3)
_UNKNOWN_CODES = (  # checks of unknown diagnoses and procedures
    [NUMBER["principal_unknown"], NUMBER["diagnosis_unknown"]],
    [NUMBER["procedure_unknown"]],
)
_NOT_GROUPED = [NUMBER[n] for n in (*UNGROUPED_REASONS, NOT_GROUPED, *REASON_CHECKS.values())]
_UNKNOWN_MONTH = -1
FINDINGS_SCHEMA = schema_of("findings", words="file check severity message advice")
PLAIN_FINDINGS = schema_of("findings")
PROFILE_SCHEMA = schema_of("findings_by_month")


@lru_cache(maxsize=1)
def _months() -> NDArray[np.int16]:
    """Return months since January 1900 by day since 1900."""
    days = np.arange(-25_567, 84_006).astype("datetime64[D]")
    return (days.astype("datetime64[M]").astype(np.int64) + 840).astype(np.int16)


def months_of(days: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return months since January 1900, -1 for an unknown day."""
    known = days != parse.MISSING_DATE
    if known.all():
        return _months()[days + 25_567]
    found: NDArray[np.int16] = np.where(
        known, _months()[np.where(known, days, 0) + 25_567], np.int16(_UNKNOWN_MONTH)
    )
    return found


def month_text(month: int) -> str:
    """Return a month as text, empty for an unknown one.

    >>> month_text(1490), month_text(-1)
    ('2024-03', '')
    """
    return "" if month < 0 else f"{1900 + month // 12}-{month % 12 + 1:02d}"


@dataclass(frozen=True)
class PieceChecks:
    """What the checks found in one piece, and what comparing its cases with others needs."""

    file: str
    numbers: NDArray[np.int64]
    table: pa.Table
    hits: Hits
    state: NDArray[np.uint8]  # [rows] CLEAN, FOUND, STOPPED
    case_ids: pa.Array
    case_hashes: NDArray[np.uint64]
    stay_hashes: NDArray[np.uint64]
    hospitals: pa.Array  # of this piece, by number
    hospital: NDArray[np.int32]
    month: NDArray[np.int16]
    present: frozenset[str]
    conventions: tuple[int, int]
    tally: CodeTally
    changes: Changes
    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    would: Mapping[int, str]  # by row, what would group a case that no group took
    version: NDArray[np.int8]  # by row, the number of the version of a family


@dataclass(frozen=True)
class CheckCounts:
    """How many cases came in and what became of them; `total` is their sum."""

    clean: int = 0
    with_findings: int = 0
    quarantined: int = 0

    @property
    def total(self) -> int:
        """All cases."""
        return self.clean + self.with_findings + self.quarantined

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {
            "total": self.total,
            "clean": self.clean,
            "with_findings": self.with_findings,
            "quarantined": self.quarantined,
        }


@dataclass(frozen=True, repr=False)
class Checked(Framed):
    """The outcome of checking.

    `by_check`: cases with each finding, severest checks first. `findings`: the first
    `KEPT_FINDINGS` of them in the order of the input, `found` how many there were. `profile`: cases
    with a finding by hospital, month of discharge and check, and all cases. `not_made`: checks
    whose columns the files lack. `nearest`: unknown code → known ones, with their `names`. `twice`:
    by piece, the rows whose stay has several ids.
    """

    counts: CheckCounts
    by_check: dict[str, int]
    found: int
    findings: pa.Table
    profile: pa.Table
    conventions: tuple[int, int]
    not_made: tuple[str, ...]
    nearest: Mapping[tuple[str, str], tuple[str, ...]]
    scheme: str
    files: tuple[str, ...]
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    unknown_columns: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()  # those that all files have
    columns_differ: bool = False  # whether some file or sheet has more of them
    purpose: str = "settlement"
    kept: tuple[Kept, ...] = ()
    all_rows_kept: bool = False
    notes: tuple[Bilingual, ...] = ()  # of the reader
    codes: CodesRead | None = None  # how the codes were read, where the checks read the cases
    twice: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def _table(self) -> pa.Table:
        return self.findings

    def _line(self) -> Bilingual:
        n = self.counts
        return both(
            f"{n.total:,}例 = 无问题{n.clean:,} + 有问题{n.with_findings:,} + 隔离{n.quarantined:,}；"
            f"问题{self.found:,}条",
            f"{n.total:,} cases = {n.clean:,} clean + {n.with_findings:,} with findings + "
            f"{n.quarantined:,} quarantined; {self.found:,} findings",
        )

    def of_severity(self, severity: str) -> int:
        """Return how many findings have a severity."""
        return sum(n for name, n in self.by_check.items() if CHECKS[name].severity == severity)

    @property
    def fatal(self) -> bool:
        """Whether some case would be quarantined."""
        return self.counts.quarantined > 0


@dataclass(frozen=True)
class Kept:
    """Rows of a file as they came in, with the row numbers in it."""

    file: str
    numbers: NDArray[np.int64]
    table: pa.Table


@dataclass
class CheckRun:
    """Checks of a stream of grouped pieces.

    `purpose`: whether a case is quarantined by what grouping refuses, or settlement, too. `write`
    gets every finding as tables of FINDINGS_SCHEMA; without it only the first ones are kept.
    `on_disk`: what is kept to compare cases lies in `folder` (default: the system's temporary one).
    """

    grouper: AnyGrouper
    settings: CheckSettings = field(default_factory=CheckSettings)
    purpose: str = "settlement"
    lang: str = "zh"
    write: Callable[[pa.Table], None] | None = None
    keep_findings: int = KEPT_FINDINGS
    keep_rows: int = 0
    on_disk: bool = False
    folder: Path | None = None

    def __post_init__(self) -> None:
        self._spool = CheckSpool(self.folder) if self.on_disk else None
        # asked once, so that a check over midnight has one day of today
        today = self.settings.today or datetime.date.today()
        self.settings = replace(self.settings, today=today)
        self._flags: dict[
            tuple[int, str], Flags
        ] = {}  # by version of a family (0: no family), kind
        self._facts: dict[int, CaseFacts] = {}  # of pieces under way
        self._held: list[Held | HeldOnDisk] = []
        self._hospitals: dict[str, int] = {}
        self._counted: list[NDArray[np.int64]] = []
        self._twice: dict[int, tuple[int, ...]] = {}  # by piece, rows whose stay has several ids
        self._cases: list[NDArray[np.int64]] = []
        self._by_check = np.zeros(len(NAMES), dtype=np.int64)
        self._findings: list[pa.Table] = []
        self._kept_rows: list[Kept] = []
        self._all_rows: list[Kept] | None = [] if self.keep_rows else None
        self._found = self._kept_findings = 0
        self._conventions = [0, 0]
        self._told_would = 0  # cases of which it was told what would group them
        # by version, column and unknown code
        self._near: dict[tuple[int, str, str], tuple[str, ...]] = {}
        self._present: frozenset[str] | None = None
        self._differ = False  # whether files or sheets have other columns than the others
        self._texts = _text_columns(self.lang)

    def before(self, faults: Faults) -> None:
        """Note every fault of a row, and what a settlement refuses where one follows."""
        faults.every = True
        facts = self._facts[id(faults)] = read_facts(faults.table)
        if self.purpose == "settlement":
            note_settlement_faults(faults, facts)

    def piece(self, part: GroupedPiece) -> PieceChecks:
        """Return the findings of a grouped piece; may be called on any thread."""
        table, cases = part.table, part.cases
        facts = self._facts.pop(id(part.faults), None) or read_facts(table)
        dx = self._coded(part, cases.diagnoses, KINDS[0])
        px = self._coded(part, cases.procedures, KINDS[1])
        grouped = Grouped(part.grouped.status, part.grouped.reason, REASON["sex_conflict"])
        words = masks(cases, facts, dx, px, grouped, self.settings)
        without_principal(words, part.faults)
        decoder = Decoder(table, cases, facts, dx, px)
        decoder.failed(words)
        decoder.no_patient()
        lost = np.flatnonzero((part.grouped.status == NO_GROUP) & cases.good)
        if len(lost):
            reasons = [REASONS[i] for i in part.grouped.reason[lost].tolist()]
            decoder.ungrouped(words, lost, reasons)
        decoder.marked()
        seen = decoder.faults(part.faults)
        if self.purpose == "grouping":
            # what a settlement will refuse is told here, too, though the case is grouped
            later = part.faults.beside()
            note_settlement_faults(later, facts)
            told = set(part.faults.noted)
            later.noted = [note for note in later.noted if note not in told]
            seen |= decoder.faults(later)
        decoder.unreadable(seen)
        decoder.capital_x()
        hits = decoder.hits()
        state = np.zeros(len(table), dtype=np.uint8)
        state[hits.rows] = FOUND
        state[~cases.good] = STOPPED
        return self._piece(part, facts, hits, state, self._would(part, lost))

    def _would(self, part: GroupedPiece, rows: NDArray[np.int64]) -> dict[int, str]:
        """Return by row what would have grouped a case, in words; for `MOST_WOULD` cases a run."""
        room = max(0, MOST_WOULD - self._told_would)  # pieces under way may tell a few more
        cases = part.cases
        some = rows[:room]
        of_cases = zip(
            _codes_of(cases.diagnoses, some), _codes_of(cases.procedures, some), strict=True
        )
        codes = dict(zip(some.tolist(), of_cases, strict=True))
        found: dict[int, str] = {}
        for grouper, own in self._by_grouper(part, [row for row, (dx, _) in codes.items() if dx]):
            diagnoses, procedures = zip(*(codes[row] for row in own), strict=True)
            made = would_group(grouper).of(cases, own, diagnoses, procedures)
            # many cases have the same: each is put into words once
            texts = {would: would.text(grouper.scheme, self.lang) for would in set(made)}
            found |= {row: texts[would] for row, would in zip(own, made, strict=True)}
        return found

    def _by_grouper(
        self, part: GroupedPiece, rows: Sequence[int]
    ) -> Iterator[tuple[Grouper, list[int]]]:
        """Yield the grouper of each version with the rows that it grouped."""
        grouper = self.grouper
        if not isinstance(grouper, VersionedGrouper):
            if rows:
                yield grouper, list(rows)
            return
        for number, one in enumerate(grouper.groupers):
            own = [row for row in rows if part.version is None or part.version[row] == number]
            if own and (part.version is not None or one is grouper.groupers[-1]):
                yield one, own

    def _one(self, number: int) -> Grouper:
        """Return the grouper of a version, by its number in a family."""
        grouper = self.grouper
        return grouper.groupers[number] if isinstance(grouper, VersionedGrouper) else grouper

    def _flags_of(self, number: int, kind: str) -> Flags:
        """Return what a version's codes of a kind are: its own lists, made when first needed."""
        found = self._flags.get((number, kind))
        if found is None:
            scheme, procedures = self._one(number).scheme, kind == KINDS[1]
            known = scheme.procedures if procedures else scheme.diagnoses
            flags = flag_table(known.codes.to_pylist(), procedures=procedures)
            found = self._flags[number, kind] = marked(scheme, kind, flags)
        return found

    def _coded(self, part: GroupedPiece, codes: Codes, kind: str) -> Coded:
        """Return codes with their flags, each row's by the lists of the version of its day."""
        procedures = kind == KINDS[1]
        version = _versions_of(part)
        used = np.unique(version).tolist() or [0]
        if len(used) == 1:
            return coded(codes, self._flags_of(used[0], kind), procedures=procedures)
        tables = [self._flags_of(number, kind) for number in used]
        bounds = [len(flags) - 1 for flags in tables]
        before = np.zeros(max(used) + 1, dtype=np.int32)
        size = np.zeros(max(used) + 1, dtype=np.int32)
        before[used] = np.cumsum([0, *bounds[:-1]])
        size[used] = bounds
        of_code = np.repeat(version, np.diff(codes.offsets))
        ids = codes.ids.copy()
        own = ids[: len(of_code)]
        known = (own > 0) & (own <= size[of_code])
        own[:] = np.where(known, own + before[of_code], 0)
        flags = np.concatenate([tables[0], *(table[1:] for table in tables[1:])])
        return coded(Codes(codes.offsets, ids, codes.words), flags, procedures=procedures)

    def _piece(
        self,
        part: GroupedPiece,
        facts: CaseFacts,
        hits: Hits,
        state: NDArray[np.uint8],
        would: Mapping[int, str],
    ) -> PieceChecks:
        table = part.table
        ids = _trimmed(parse.flat(table["case_id"]).cast(pa.string()))
        filled = pc.fill_null(ids, "") if ids.null_count else ids
        hashes = text_hashes(filled) | np.uint64(1 << 63)
        blank = np.asarray(pc.equal(pc.binary_length(filled), 0))
        if blank.any():
            hashes[blank] = 0
        hospitals, hospital = _numbered(table, "hospital_id")
        return PieceChecks(
            file=part.faults.file,
            numbers=part.faults.numbers,
            table=table,
            hits=hits,
            state=state,
            case_ids=filled,
            case_hashes=hashes,
            stay_hashes=_stay_hashes(table, facts, hospitals, hospital),
            hospitals=hospitals,
            hospital=hospital,
            month=months_of(facts.discharge),
            present=facts.present,
            conventions=conventions(facts),
            tally=part.cases.tally,
            changes=part.cases.changes,
            status=part.grouped.status,
            reason=part.grouped.reason,
            would=would,
            version=_versions_of(part),
        )

    def take(self, part: PieceChecks) -> None:
        """Add a piece; pieces come in the order of the input."""
        number = np.array(
            [
                self._hospitals.setdefault(str(name), len(self._hospitals))
                for name in part.hospitals.to_pylist()
            ],
            dtype=np.int32,
        )
        hospital = number[part.hospital]
        numbers = part.numbers
        first = int(numbers[0]) if len(numbers) else 1
        in_sequence = not len(numbers) or int(numbers[-1]) - first == len(numbers) - 1
        held = Held(
            part.file, first, None if in_sequence else numbers, part.case_ids, part.case_hashes,
            part.stay_hashes, hospital, part.month, part.state,
        )  # fmt: skip
        self._held.append(self._spool.keep(held) if self._spool else held)
        self._cases.append(_tally(hospital, part.month))
        self._told_would += len(part.would)
        self._conventions[0] += part.conventions[0]
        self._conventions[1] += part.conventions[1]
        if self._present is not None and part.present != self._present:
            self._differ = True
        self._present = part.present if self._present is None else self._present & part.present
        hits = part.hits
        self._note(held, hits, part.would, part.version)
        if self._all_rows is not None:
            self._all_rows.append(Kept(part.file, part.numbers, part.table))
            if sum(len(kept.numbers) for kept in self._all_rows) > self.keep_rows:
                self._all_rows = None
        if self.keep_rows and len(hits):
            room = min(self.keep_rows, KEPT_ROWS) - sum(
                len(kept.numbers) for kept in self._kept_rows
            )
            rows = np.unique(hits.rows)[:room]
            if len(rows):
                some = part.table.take(pa.array(rows))
                self._kept_rows.append(Kept(part.file, part.numbers[rows], some))

    def _note(
        self,
        held: Held | HeldOnDisk,
        hits: Hits,
        would: Mapping[int, str] | None = None,
        version: NDArray[np.int8] | None = None,
    ) -> None:
        """Count findings of one piece, write them and keep the first ones."""
        if not len(hits):
            return
        once = _once(hits.rows * len(NAMES) + hits.checks)
        rows, checks = once // len(NAMES), once % len(NAMES)
        self._by_check += np.bincount(checks, minlength=len(NAMES))
        self._counted.append(_tally(held.hospital[rows], held.month[rows], checks))
        self._found += len(hits)
        room = self.keep_findings - self._kept_findings
        if self.write is None and room <= 0:
            return
        table = self._table(held, hits, would or {}, version)
        if self.write is not None:
            self.write(table)
        if room > 0:
            self._findings.append(table.slice(0, room))
            self._kept_findings += min(room, len(table))

    def _table(
        self,
        held: Held | HeldOnDisk,
        hits: Hits,
        would: Mapping[int, str],
        version: NDArray[np.int8] | None,
    ) -> pa.Table:
        names = pa.array(list(self._hospitals), pa.string())
        months = held.month[hits.rows].astype(np.int64) - _UNKNOWN_MONTH
        met = np.flatnonzero(np.bincount(months))
        place = np.zeros(int(met[-1]) + 1, dtype=np.int64)
        place[met] = np.arange(len(met))
        texts = pa.array([month_text(n + _UNKNOWN_MONTH) for n in met.tolist()], pa.string())
        checks = pa.array(hits.checks)

        def word(texts: pa.DictionaryArray) -> pa.Array:
            return pa.DictionaryArray.from_arrays(texts.indices.take(checks), texts.dictionary)

        file = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(hits), np.int16)), pa.array([held.file], pa.string())
        )
        positions = pa.array(hits.positions, mask=hits.positions < 0)
        columns = [
            file,
            pa.array(held.numbers_of(hits.rows)),
            held.case_ids.take(pa.array(hits.rows)),
            names.take(pa.array(held.hospital[hits.rows])),
            texts.take(pa.array(place[months])),
            word(self._texts["check"]),
            word(self._texts["severity"]),
            hits.columns,
            positions,
            hits.values,
            word(self._texts["message"]),
            word(self._texts["advice"]),
            self._nearest(hits, version),
            _of_rows(hits, would),
        ]
        return pa.table(columns, schema=FINDINGS_SCHEMA)

    def finish(
        self,
        broken: Sequence[tuple[str, int, str]] = (),
        *,
        rows: int | None = None,
        files: tuple[str, ...] = (),
        unknown_columns: tuple[str, ...] = (),
        notes: Sequence[Bilingual] = (),
    ) -> Checked:
        """Compare cases with each other, add the rows that are no table rows, return the outcome.

        Raises BooksError when cases in are not clean + with findings + quarantined.
        """
        self._compare()
        for file, row, text in broken:
            self._broken(file, row, text)
        ends = np.zeros(3, dtype=np.int64)
        for held in self._held:
            ends += np.bincount(held.state, minlength=3)
        more = len(broken) - sum(1 for _ in broken)  # rows that share a note with another
        counts = CheckCounts(int(ends[CLEAN]), int(ends[FOUND]), int(ends[STOPPED]) + more)
        expected = sum(len(held.state) for held in self._held) + more
        if rows is not None:
            expected = rows + len(broken)
        if counts.total != expected:
            raise BooksError(
                both(
                    f"收到 {expected} 例，检查了 {counts.total} 例，数目不符",
                    f"{expected} cases came in, {counts.total} were checked",
                ),
                remedy=both(
                    "检查时不要改动这些文件，然后重做；仍不符请报告给开发者",
                    "check that nothing writes to the files; if so, please report it",
                ),
            )
        order = sorted(np.flatnonzero(self._by_check).tolist(), key=self._rank)
        findings = _joined(self._findings)
        present = self._present or frozenset()
        missing = tuple(
            name
            for name, check in CHECKS.items()
            if self._present is not None and not present.issuperset(check.needs)
        )
        if self._spool is not None:
            self._spool.close()
        nearest: dict[tuple[str, str], tuple[str, ...]] = {}
        for (_, column, code), near in self._near.items():
            nearest.setdefault((column, code), near)
        everything = self._all_rows is not None
        kept = self._all_rows if self._all_rows is not None else self._kept_rows
        return Checked(
            counts=counts,
            by_check={NAMES[number]: int(self._by_check[number]) for number in order},
            found=self._found,
            findings=findings,
            profile=self._profile(),
            conventions=(self._conventions[0], self._conventions[1]),
            not_made=missing,
            nearest=nearest,
            names=self._names(nearest),
            scheme=scheme_name(self.grouper),
            files=files,
            unknown_columns=unknown_columns,
            columns=present,
            columns_differ=self._differ,
            purpose=self.purpose,
            kept=tuple(kept),
            all_rows_kept=everything,
            notes=tuple(notes),
            twice=self._twice,
        )

    def _rank(self, number: int) -> tuple[int, int, int]:
        severity = SEVERITIES.index(CHECKS[NAMES[number]].severity)
        return severity, -int(self._by_check[number]), number

    def _compare(self) -> None:
        """Note cases with one id, and stays that have several."""
        if not self._held:
            return
        starts = np.cumsum([0, *(len(held.state) for held in self._held)])
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(
                equal_hashes,
                (HashParts(self._held, "case_hashes"), HashParts(self._held, "stay_hashes")),
            )
            ids, stays = found
        ids = ids[_several(self._ids(ids, starts))]
        stays = stays[~np.isin(stays, ids)]
        which = np.searchsorted(starts, np.concatenate([ids, stays]), side="right") - 1
        names = np.repeat([NUMBER[CASE_TWICE], NUMBER[STAY_TWICE]], [len(ids), len(stays)])
        local = np.concatenate([ids, stays]) - starts[which]
        for place in np.unique(which).tolist():
            held, mine = self._held[place], which == place
            rows, checks = local[mine], names[mine].astype(np.int16)
            twice = checks == NUMBER[CASE_TWICE]
            if not twice.all():
                self._twice[place] = tuple(rows[~twice].tolist())
            columns = pa.array(["case_id"] * len(rows), pa.string())
            values = held.case_ids.take(pa.array(rows))
            self._note(held, Hits(rows, checks, columns, values, np.full(len(rows), -1, np.int16)))
            held.state[rows] = np.maximum(held.state[rows], FOUND)
            if self.purpose == "settlement":
                held.state[rows[twice]] = STOPPED

    def _ids(self, rows: NDArray[np.int64], starts: NDArray[np.int64]) -> pa.Array:
        which = np.searchsorted(starts, rows, side="right") - 1
        parts = [
            self._held[place].case_ids.take(pa.array(rows[which == place] - starts[place]))
            for place in np.unique(which).tolist()
        ]
        return pa.concat_arrays(parts) if parts else pa.array([], pa.string())

    def _broken(self, file: str, row: int, text: str) -> None:
        number = self._hospitals.setdefault("", len(self._hospitals))
        held = Held(
            file,
            row,
            None,
            pa.array([text.case_id if isinstance(text, RowNote) else ""]),
            np.zeros(1, np.uint64),
            np.zeros(1, np.uint64),
            np.array([number], dtype=np.int32),
            np.full(1, _UNKNOWN_MONTH, np.int16),
            np.full(1, STOPPED, np.uint8),
        )
        self._held.append(held)
        self._cases.append(_tally(held.hospital, held.month))
        note = text if isinstance(text, RowNote) else RowNote(text, "row_broken")
        check = np.array([NUMBER[note.reason]], dtype=np.int16)
        column = pa.array([note.column], pa.string())
        shown = pa.array([text[:120]], pa.string())
        none = np.full(1, -1, np.int16)
        self._note(held, Hits(np.zeros(1, np.int64), check, column, shown, none))

    def _profile(self) -> pa.Table:
        """Return cases with a finding by hospital, month and check, with the cases in all."""
        if not self._counted:
            return PROFILE_SCHEMA.empty_table()
        cases = _summed(np.concatenate(self._cases))
        found = _summed(np.concatenate(self._counted))
        all_cases = dict(zip(map(tuple, cases[:, :2].tolist()), cases[:, 3].tolist(), strict=True))
        names = list(self._hospitals)
        rows = []
        for hospital, month, check, number in found.tolist():
            total = all_cases[(hospital, month)]
            name = NAMES[check]
            where = (names[hospital], month_text(month))
            rows.append((*where, name, CHECKS[name].severity, number, total, number / total))
        rows.sort(key=lambda row: (row[0], row[1], NUMBER[row[2]]))
        return pa.table([list(column) for column in zip(*rows, strict=True)], schema=PROFILE_SCHEMA)

    def _nearest(self, hits: Hits, version: NDArray[np.int8] | None) -> pa.Array:
        """Return of each finding of an unknown code the nearest known ones, with their names.

        They are those that the version of the case's day knows.
        """
        rows: list[int] = []
        texts: list[str | None] = []
        for place, column in enumerate(("diagnoses", "procedures")):
            wanted = np.flatnonzero(np.isin(hits.checks, _UNKNOWN_CODES[place]))
            if not len(wanted):
                continue
            codes = hits.values.take(pa.array(wanted)).to_pylist()
            for at, code in zip(wanted.tolist(), codes, strict=True):
                number = 0 if version is None else int(version[hits.rows[at]])
                key, grouper = (number, column, str(code)), self._one(number)
                if code and key not in self._near and len(self._near) < MOST_NEAREST:
                    self._near[key] = grouper.nearest[place].of(code)
                near = self._near.get(key)
                if near:
                    rows.append(at)
                    texts.append(named(grouper.scheme, column, near, self.lang))
        return _spread(len(hits), np.array(rows, dtype=np.int64), texts)

    def _names(
        self, nearest: Mapping[tuple[str, str], tuple[str, ...]]
    ) -> dict[tuple[str, str], str]:
        """Return the names of the nearest codes, by column and code."""
        codes = {(column, code) for (column, _), near in nearest.items() for code in near}
        grouper = self.grouper
        own = grouper.groupers if isinstance(grouper, VersionedGrouper) else (grouper,)
        schemes = [one.scheme for one in reversed(own)]

        def name(column: str, code: str) -> str:
            known = (s.diagnoses if column == "diagnoses" else s.procedures for s in schemes)
            return next(filter(None, (vocabulary.name(code) for vocabulary in known)), "")

        return {key: name(*key) for key in codes}


def _versions_of(part: GroupedPiece) -> NDArray[np.int8]:
    """Return the number of each row's version; a row that has none has the last that others have."""
    if part.version is None:
        return np.zeros(len(part.table), dtype=np.int8)
    last = max(int(part.version.max(initial=0)), 0)
    return np.where(part.version >= 0, part.version, np.int8(last))


def _of_rows(hits: Hits, would: Mapping[int, str]) -> pa.Array:
    """Return the texts of rows beside the findings that say why a case is not grouped."""
    if not would:
        return pa.nulls(len(hits), pa.string())
    says_why = np.flatnonzero(np.isin(hits.checks, _NOT_GROUPED))
    return _spread(len(hits), says_why, [would.get(row) for row in hits.rows[says_why].tolist()])


def _spread(count: int, rows: NDArray[np.int64], texts: Sequence[str | None]) -> pa.Array:
    """Return a column of `count` rows that has texts in some of them."""
    place = np.full(count, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    return pa.array(texts, pa.string()).take(pa.array(place, mask=place < 0))


def _codes_of(codes: Codes, rows: NDArray[np.int64]) -> list[list[str]]:
    """Return the codes of some cases as they are read."""
    first, last = codes.offsets[rows], codes.offsets[rows + 1]
    ends = np.cumsum(last - first)
    index = np.repeat(last - ends, last - first) + np.arange(ends[-1] if len(ends) else 0)
    words = [str(word) for word in codes.words.take(pa.array(index)).to_pylist()]
    return [words[at:end] for at, end in pairwise([0, *ends.tolist()])]


def _trimmed(texts: pa.Array) -> pa.Array:
    """Return texts without blanks around them; those without any are left as they are."""
    data = texts.buffers()[2]
    letters = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    plain = not len(letters) or (letters.min() > ord(" ") and letters.max() < 128)
    return texts if plain else pc.utf8_trim_whitespace(texts)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return findings as one table; its dictionaries in the order of first use."""
    if not tables:
        return FINDINGS_SCHEMA.empty_table()
    table = pa.concat_tables([part.cast(PLAIN_FINDINGS) for part in tables]).combine_chunks()
    columns = [
        table[f.name].dictionary_encode().cast(f.type)
        if pa.types.is_dictionary(f.type)
        else table[f.name]
        for f in FINDINGS_SCHEMA
    ]
    return pa.table(columns, schema=FINDINGS_SCHEMA)


def _text_columns(lang: str) -> dict[str, pa.DictionaryArray]:
    """Return what is said of each check, each text once: twice, the bytes of Parquet would vary."""
    own = list(CHECKS.values())
    texts = {
        "check": [check.name for check in own],
        "severity": [check.severity for check in own],
        "message": [check.message(lang) for check in own],
        "advice": [check.advice(lang) for check in own],
    }
    kind = pa.dictionary(pa.int16(), pa.string())
    return {
        name: pa.array(values, pa.string()).dictionary_encode().cast(kind)
        for name, values in texts.items()
    }


def _numbered(table: pa.Table, name: str) -> tuple[pa.Array, NDArray[np.int32]]:
    """Return the texts of a column and their numbers by row; empty where there is none."""
    if name not in table.column_names:
        return pa.array([""], pa.string()), np.zeros(len(table), dtype=np.int32)
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = parse.flat(column)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    words = pc.fill_null(column.dictionary.cast(pa.string()), "").to_pylist()
    index = np.asarray(pc.fill_null(column.indices.cast(pa.int32()), len(words)))
    return pa.array([*words, ""], pa.string()), index


def _stay_hashes(
    table: pa.Table, facts: CaseFacts, hospitals: pa.Array, hospital: NDArray[np.int32]
) -> NDArray[np.uint64]:
    """Return a hash of patient, hospital and dates, 0 where one is not known or of a refund."""
    out = np.zeros(len(table), dtype=np.uint64)
    if not {"patient_id", "admission_date", "discharge_date"} <= set(table.column_names):
        return out
    patients = parse.flat(table["patient_id"]).cast(pa.string())
    if patients.null_count:
        patients = pc.fill_null(patients, "")
    nobody = text_hashes(pa.array([""]))[0]
    with np.errstate(over="ignore"):
        hash_stays(
            text_hashes(patients), nobody, text_hashes(hospitals), hospital, facts.admission,
            facts.discharge, out,
        )  # fmt: skip
    out[(facts.refund == 1) | ((facts.cost < 0) & (facts.cost != parse.MISSING_MONEY))] = 0
    return out


def _several(texts: pa.Array) -> NDArray[np.bool_]:
    """Return which texts stand more than once."""
    if not len(texts):
        return np.zeros(0, dtype=np.bool_)
    counts = pc.value_counts(texts)
    several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return np.asarray(pc.is_in(texts, value_set=several))


def _tally(
    hospital: NDArray[np.int32], month: NDArray[np.int16], checks: Any = None
) -> NDArray[np.int64]:
    """Return rows of hospital, month, check, number."""
    if not len(hospital):
        return np.zeros((0, 4), dtype=np.int64)
    width = len(NAMES) if checks is not None else 1
    low = int(month.min())
    span = int(month.max()) - low + 1
    key = hospital * np.int64(span) + (month - np.int16(low))
    if checks is not None:
        key = key * width + checks
    values, numbers = _counted(key)
    place, check = np.divmod(values, width)
    hospitals, months = np.divmod(place, span)
    return np.stack([hospitals, months + low, check, numbers], axis=1)


def _once(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values of an array in order, each once, quickly where they are in order."""
    step = np.diff(key)
    if len(step) and int(step.min()) < 0:
        return np.unique(key)
    first = np.append(np.ones(min(len(key), 1), dtype=np.bool_), step > 0)
    once: NDArray[np.int64] = key[first]
    return once


def _counted(key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the values of an array and how often each stands, quickly where they are small."""
    if int(key.max()) < 4 * len(key) + 65_536:
        numbers = np.bincount(key)
        met = np.flatnonzero(numbers)
        return met, numbers[met]
    values, counts = np.unique(key, return_counts=True)
    return values, counts


def _summed(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows with equal first three columns once, their numbers added up."""
    key = (rows[:, 0] << 32) + ((rows[:, 1] + 1) << 16) + rows[:, 2]
    keys, inverse = np.unique(key, return_inverse=True)
    numbers = np.bincount(inverse, weights=rows[:, 3]).astype(np.int64)
    return np.column_stack([keys >> 32, (keys >> 16 & 0xFFFF) - 1, keys & 0xFFFF, numbers])


def check_cases(
    cases: Any,
    scheme: AnyGrouper | Scheme | str | Path = DEFAULT_SCHEME,
    *,
    surgical_match: str | None = None,
    readings: Mapping[str, str] | Readings | None = None,
    codes: str | None = None,
    options: ReadOptions = AS_FOUND,
    settings: CheckSettings | None = None,
    purpose: str = "settlement",
    threads: int | None = None,
    lang: str = "zh",
    findings_file: str | Path | None = None,
    keep_rows: int = 0,
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> Checked:
    """Check cases of files, tables or data frames, and return what was found.

    `purpose`: `settlement` counts a case as quarantined for what a settlement refuses before it
    knows the region, `grouping` for what grouping refuses. `findings_file` (.csv, .parquet) gets
    every finding. `keep_rows`: up to so many rows are kept as they came in, for a report.

    Raises InputError (files, columns), SchemeError, and BooksError when counts do not add up.
    """
    grouper = any_grouper(scheme, asked_readings(readings, surgical_match), codes)
    choice = grouper.edition_choice()
    wanted = None if keep_rows else WANTED
    source = open_source(cases, wanted, "grouping", options.with_codes(codes))
    step = progress(source.rows) if progress is not None else None
    writer = None
    if findings_file is not None:
        writer = table_writer(Path(findings_file), FINDINGS_SCHEMA)
    run = CheckRun(
        grouper,
        settings or CheckSettings(),
        purpose,
        lang,
        write=writer.write_table if writer is not None else None,
        keep_rows=keep_rows,
    )

    read = CodesRead(grouper.own_editions)

    def task(piece: Piece) -> Callable[[], PieceChecks]:
        file = choice.of(piece.file)

        def work() -> PieceChecks:
            own, edition = file.settle(piece)
            return run.piece(group_piece(own, grouper, run.before, edition))

        return work

    try:
        for part in in_order((task(p) for p in source.pieces), threads or default_threads()):
            run.take(part)
            read.add(part.tally, part.changes, part.status, part.reason)
            if step is not None:
                step(len(part.numbers))
        read.found = choice.found
        done = run.finish(
            source.broken,
            rows=source.rows,
            files=source.names,
            unknown_columns=source.unknown,
            notes=source.all_notes(),
        )
        return replace(done, codes=read)
    finally:
        if writer is not None:
            writer.close()
