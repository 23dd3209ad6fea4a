"""Read, check and group the cases of a year once; rules of points are applied to what is kept.

What is kept of a case depends on the region, the scheme and a few parameters of reading
(`READING`), so that trial runs of all other parameters need not read the files again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.checks.catalogue import CHECKS, NAMES
from drgpay.cases.checks.run import CheckSettings
from drgpay.cases.codes import CHANGES_SCHEMA, Changes, changes_table
from drgpay.cases.editions import CodeTally, merge_changes
from drgpay.cases.encode import Faults
from drgpay.cases.pieces import Piece, Source
from drgpay.cases.quarantine import Quarantine
from drgpay.cases.sources import open_source
from drgpay.ground.digests import InputFile, describe_file
from drgpay.ground.errors import Bilingual, BooksError, InputError, both, located
from drgpay.ground.money import yuan_text
from drgpay.ground.threads import default_threads, in_order
from drgpay.grouper.check import Checked, CheckRun, PieceChecks
from drgpay.grouper.codes_read import CodesRead
from drgpay.grouper.engine import Grouper, GroupNumbers
from drgpay.grouper.outcome import GROUPED, QUARANTINED, REASONS, Counts
from drgpay.grouper.pieces import GroupedPiece, deciding_diagnoses, group_piece
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, VersionUse, any_grouper
from drgpay.names.columns import whole_of
from drgpay.points.history import History, Repeats
from drgpay.policy import Policy, YearPolicy
from drgpay.region.corrected import SetAside
from drgpay.region.later import LaterViolation
from drgpay.region.records import Region
from drgpay.region.settings import LIST_SUFFIXES
from drgpay.settlement.doubts import BIT
from drgpay.settlement.facts import (
    HISTORY_WANTED,
    CaseReader,
    Facts,
    deductibles,
    kept_columns,
    month_in_year,
    one_stay,
    wanted,
)
from drgpay.settlement.pieces import ReadPiece, ReadPieces
from drgpay.settlement.scoring import NO_REVIEWS, Reviews

MAX_FINDINGS = 1_000_000  # kept of a run; all are counted
MEMORY_CASES = 25_000_000  # beyond this many cases what is read lies on disk
Progress = Callable[[str, int | None], Callable[[int], None]]


class Reading(TypedDict, total=False):
    """How the cases of a year are read; no result depends on it, but for the language of findings.

    `progress` is given a step's name and its number of cases, and returns what is called with the
    cases done. More than `memory_cases` cases are kept in files in `spool` (by default a folder in
    the system's temporary one).
    """

    threads: int | None
    lang: str
    progress: Progress | None
    spool: Path | None
    memory_cases: int | None


READING = (
    "year_key",
    "los_convention",
    "los_conflict",
    "grouped.share_min",
    "long_stay.days",
    "long_stay.rule",
    "long_stay.class",
    "not_pool",
    "history_years",
    "fund_type_map",
    "new_technology.rule",
)


@dataclass(frozen=True, kw_only=True)
class Past:
    """The history, read and grouped: what base points and coefficients stand on.

    Of `rows` that were read some are `quarantined`. `months`: recorded fund in fen of last year's
    months by hospital, pool and month; `rows_of` each file.
    """

    codes: CodesRead
    history: History | None = None
    years: tuple[int, ...] = ()
    rows: int = 0
    quarantined: int = 0
    quarantine: Quarantine = field(default_factory=Quarantine)
    code_changes: pa.Table = field(default_factory=CHANGES_SCHEMA.empty_table)
    months: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    rows_of: Mapping[str, int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        """How many rows count for the means."""
        return 0 if self.history is None else self.history.used


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A region's cases and history, read, checked and grouped.

    `errors`: cases, cost and recorded fund in fen of each finding that says "cannot be right", of
    cases that are not quarantined; `wrong`: by piece, row and check of each (row x checks + check).
    `cache` keeps what several settlements share: readmissions, base points.
    """

    region: Region
    loaded: Policy
    policy: YearPolicy
    grouper: AnyGrouper
    main: Grouper  # of the year's last day
    pieces: ReadPieces
    checked: Checked
    past: Past
    counts: Counts = field(default_factory=Counts)
    broken: Quarantine = field(default_factory=Quarantine)
    quarantine: Quarantine = field(default_factory=Quarantine)
    inputs: Sequence[InputFile] = ()
    versions: tuple[VersionUse, ...] = ()
    notes: Sequence[Bilingual] = ()
    unknown: Sequence[str] = ()
    threads: int = 1
    has_patients: bool = True
    has_categories: bool = False
    has_referrals: bool = False
    left_aside: int = 0  # cases after the last day that counts
    codes: CodesRead = field(default_factory=lambda: CodesRead(()))
    code_changes: pa.Table = field(default_factory=CHANGES_SCHEMA.empty_table)
    removed: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)  # rows without points
    # by piece: rows that violations found later put into other groups, with DRG, ADRG and MDC
    regrouped: Mapping[int, list[tuple[int, int, int, int]]] = field(default_factory=dict)
    later: Sequence[LaterViolation] = ()  # of a reopened year
    errors: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)  # of findings
    wrong: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def without_cases(
        cls, region: Region, loaded: Policy, policy: YearPolicy, grouper: AnyGrouper
    ) -> Prepared:
        """Return a year before its cases, which lie elsewhere or come later."""
        return cls(
            region=region,
            loaded=loaded,
            policy=policy,
            grouper=grouper,
            main=at_year_end(grouper, region.year),
            pieces=ReadPieces(),
            checked=CheckRun(grouper).finish(),
            past=Past(codes=CodesRead(())),
            has_categories=by_category(policy),
            has_referrals=one_stay(policy),
        )

    @property
    def numbers(self) -> GroupNumbers:
        """Numbers and names of all groups."""
        return self.grouper.numbers

    def fits(self, policy: YearPolicy) -> bool:
        """Whether a policy reads the cases alike, so that what is kept serves it, too."""
        if any(policy[key] != self.policy[key] for key in READING):
            return False
        if by_category(policy) and not self.has_categories:
            return False
        return self.has_referrals or not one_stay(policy)

    def changed_codes(self) -> dict[str, pa.Table]:
        """Return the codes read otherwise than written, of cases and of history, where there are."""
        tables = {"code_changes": self.code_changes, "history_code_changes": self.past.code_changes}
        return {name: table for name, table in tables.items() if len(table)}

    def corrected(self) -> Prepared:
        """Return this with the cases that later violations put into other groups in those."""
        if not self.regrouped:
            return self
        pieces = self.pieces.regrouped(self.regrouped)
        return replace(
            self, pieces=pieces, counts=count_ends(pieces, len(self.broken)), regrouped={}, cache={}
        )

    def close(self) -> None:
        """Delete what lies on disk."""
        self.pieces.close()
        if self.past.history is not None:
            self.past.history.close()


def prepare(
    region: Region,
    loaded: Policy,
    policy: YearPolicy,
    *,
    grouper: AnyGrouper | None = None,
    threads: int | None = None,
    lang: str = "zh",
    progress: Progress | None = None,
    spool: Path | None = None,
    memory_cases: int | None = None,
    until: dt.date | None = None,
) -> Prepared:
    """Return the cases of a region's year as a settlement needs them; see `Reading`.

    `until`: cases whose day of rule 1 is later are left aside, as if they were not in the files.
    Raises InputError or SchemeError for inputs that cannot be used, BooksError when counts do not
    tie out.
    """
    workers = threads or default_threads()
    step_of = progress or (lambda name, rows: lambda done: None)
    if grouper is None:
        grouper = grouper_of(region)
    main = at_year_end(grouper, region.year)
    past = read_past(region, policy, main, grouper.numbers, workers, step_of, spool)
    if any(path.suffix.lower() in LIST_SUFFIXES for path in region.cases):
        policy = policy.using("fund_type_map")
    reading = replace(region.reading, fund_types=_fund_types(policy))
    source = open_source(list(region.cases), wanted(policy), "settlement", reading)
    most = MEMORY_CASES if memory_cases is None else memory_cases
    large = source.rows is not None and source.rows > most
    reader = PieceReader(region, policy, grouper, until)
    # not after the day of the run: the same inputs give the same findings on any day
    settings = CheckSettings(today=until or dt.date(region.year, 12, 31))
    checks = CheckRun(
        grouper, settings, lang=lang, keep_findings=MAX_FINDINGS, on_disk=large, folder=spool
    )
    pieces = ReadPieces(spool, on_disk=large)
    done = step_of("cases", source.rows)
    codes, changes, errors, wrong = _read_cases(
        source.pieces, reader, checks, pieces, workers, done
    )
    no_rows = source.broken if reader.aside is None else reader.aside.broken(source.broken)
    broken, quarantine = _quarantine(no_rows, pieces)
    counts = count_ends(pieces, len(broken))
    rows = _rows_expected(source, reader, counts, len(no_rows))
    _check_counts(rows, counts, quarantine, len(broken))
    checked = checks.finish(no_rows, rows=rows)
    _check_checked(checked, counts)
    for number, twice in checked.twice.items():
        pieces.mark(number, np.array(twice, dtype=np.int64), BIT["stay_twice"])
    refuse_ungrouped(codes, counts, policy, region)
    if past.months:
        region = replace(region, last_year_months=past.months)
    rows_of = _rows_of(pieces, reader)
    unread = {file for file, _ in reader.left_aside if not rows_of.get(file)}
    return Prepared(
        region=region,
        loaded=loaded,
        policy=policy,
        grouper=grouper,
        main=main,
        pieces=pieces,
        checked=checked,
        past=past,
        counts=counts,
        broken=broken,
        quarantine=quarantine,
        inputs=input_files(region, loaded, past.rows_of, rows_of, unread),
        versions=version_use(
            grouper, versions_grouped(grouper, pieces), counts.total - counts.quarantined
        ),
        notes=source.all_notes(),
        unknown=source.unknown,
        threads=workers,
        has_patients=reader.has_patients,
        has_categories=reader.categories,
        has_referrals=reader.referrals,
        left_aside=sum(reader.left_aside.values()),
        codes=codes,
        errors=errors,
        wrong=wrong,
        code_changes=changes_table(changes),
    )


def _read_cases(
    given: Iterable[Piece],
    reader: PieceReader,
    checks: CheckRun,
    pieces: ReadPieces,
    workers: int,
    done: Callable[[int], None],
) -> tuple[CodesRead, Changes, dict[str, tuple[int, int, int]], dict[int, NDArray[np.int64]]]:
    """Read, check and group all pieces into `pieces`; return what became of their codes, and the
    sums and the places of the findings that are errors.
    """
    grouper, corrected = reader.grouper, reader.region.corrected
    choice = grouper.edition_choice()

    def task(piece: Piece) -> Callable[[], tuple[ReadPiece, PieceChecks]]:
        file = choice.of(piece.file)

        def work() -> tuple[ReadPiece, PieceChecks]:
            read, part = reader.read(*file.settle(piece))
            return read, checks.piece(part)

        return work

    every = chain(given, () if corrected is None else corrected.pieces())
    present: frozenset[str] | None = None
    codes, changes = CodesRead(grouper.own_editions), Changes()
    errors: dict[str, tuple[int, int, int]] = {}
    wrong: dict[int, NDArray[np.int64]] = {}
    for read, found in in_order((task(piece) for piece in every), workers):
        if (reader.left_aside or reader.aside is not None) and not len(read.status):
            continue  # all of them are later, or replaced
        if corrected is not None:
            # the copies of corrected cases lack what only the checks read
            own = read.file in corrected.labels
            found = replace(found, present=present) if own and present is not None else found
            present = found.present
        pieces.append(read)
        checks.take(found)
        once = _add_errors(errors, read, found)
        if len(once):
            wrong[len(pieces) - 1] = once
        codes.add(found.tally, found.changes, found.status, found.reason)
        merge_changes(changes, found.changes)
        done(len(read.status))
    if reader.left_aside and not len(pieces):
        raise InputError(
            both(f"到 {reader.until} 为止没有病例", f"there are no cases up to {reader.until}"),
            where=reader.region.path,
            remedy=both("核对月份和病例文件", "check the month and the files of cases"),
        )
    # of files whose rows are all left aside (a month's later ones) nothing was read
    read_files = {pieces.file(number) for number in range(len(pieces))}
    codes.found = [found for found in choice.found if found.file in read_files]
    return codes, changes, errors, wrong


def _quarantine(
    no_rows: Sequence[tuple[str, int, str]], pieces: ReadPieces
) -> tuple[Quarantine, Quarantine]:
    """Return the notes on rows that are no table rows, and on all quarantined ones."""
    broken, quarantine = Quarantine(), Quarantine()
    for file, row, text in no_rows:
        broken.add(file, row, None, "", text, "row_broken")
    quarantine_duplicates(pieces)
    for number in range(len(pieces)):
        quarantine.take(pieces.quarantine(number))
    quarantine.take(broken)
    return broken, quarantine


def _rows_expected(source: Source, reader: PieceReader, counts: Counts, no_rows: int) -> int | None:
    """Return how many rows the files announce, less those left aside or replaced; None if unknown.

    Fail if there is none at all, or the corrected cases do not fit the year's.
    """
    region, corrected = reader.region, reader.region.corrected
    if not counts.total and corrected is None:
        names = [path.name for path in region.cases]
        raise InputError(
            both(
                f"病例文件没有一行病例：{'、'.join(names)}",
                f"the files of cases hold no case: {', '.join(names)}",
            ),
            where=region.path,
            remedy=both(
                "文件只有表头或是空的；放入病例，或核对 region.toml 的 cases",
                "they have a header only, or nothing: put the cases in, or check cases in region.toml",
            ),
        )
    rows = None if source.rows is None else source.rows - sum(reader.left_aside.values())
    if corrected is not None and reader.aside is not None:
        corrected.refuse_missing(frozenset(reader.columns), kept_columns(reader.policy))
        replaced = reader.aside.replaced() + len(source.broken) - no_rows
        reader.aside.check(replaced, len(source.broken), counts.total)
        if rows is not None:
            rows += len(corrected.rows) - reader.aside.replaced()
    return rows


def _check_checked(checked: Checked, counts: Counts) -> None:
    """Fail if the checks of front pages saw other cases than the settlement."""
    if (checked.counts.total, checked.counts.quarantined) != (counts.total, counts.quarantined):
        raise BooksError(
            both(
                f"清算 {counts.as_dict()}，检查 {checked.counts.as_dict()}，数目不符",
                f"settled {counts.as_dict()}, checked {checked.counts.as_dict()}",
            )
        )


def _rows_of(pieces: ReadPieces, reader: PieceReader) -> dict[str, int]:
    """Return how many rows of each file were read, those that corrections replaced included."""
    rows_of: dict[str, int] = {}
    read = [(pieces.file(number), pieces.size(number)) for number in range(len(pieces))]
    for file, number in read + ([] if reader.aside is None else reader.aside.dropped):
        rows_of[file] = rows_of.get(file, 0) + number
    return rows_of


def by_category(policy: YearPolicy) -> bool:
    """Whether readmissions are told by the category of the principal diagnosis."""
    return policy.says("readmission.same", "hospital_category", "hospital_drg", "hospital_adrg")


def grouper_of(region: Region) -> AnyGrouper:
    """Return the grouper of a region's scheme."""
    return any_grouper(region.scheme, region.readings, region.codes, region.path)


def at_year_end(grouper: AnyGrouper, year: int) -> Grouper:
    """Return the grouper in force when a year ends, whose groups base points are of."""
    if isinstance(grouper, VersionedGrouper):
        return grouper.at(dt.date(year, 12, 31))
    return grouper


def refuse_ungrouped(codes: CodesRead, counts: Counts, policy: YearPolicy, region: Region) -> None:
    """Refuse a region of whose cases too few group: its codes are most likely of another edition.

    Raises InputError that says why they do not group, and what to do. Source: assumed.
    """
    cases = counts.grouped + counts.ambiguous + counts.ungroupable
    share = policy["grouped.share_min"]
    if not cases or counts.grouped + counts.ambiguous >= share * cases:
        return
    grouped = Fraction(100 * (counts.grouped + counts.ambiguous), cases)
    advice = codes.first() or [codes.line()]
    raise InputError(
        both(
            f"{cases:,} 例中只有 {float(grouped):.1f}% 能入组，低于 {share} 的下限（grouped.share_min）",
            f"only {float(grouped):.1f} % of {cases:,} cases group, less than the least share "
            f"{share} (grouped.share_min)",
        ),
        where=region.path,
        faults=[*advice, *([codes.line()] if codes.first() else [])],
        remedy=both(
            '核对编码版本（region.toml 的 codes = "insurance-2.0" 等）、分组方案和年度；'
            "确实如此的，在政策中调低 grouped.share_min",
            'check the edition of the codes (codes = "insurance-2.0" … in region.toml), the scheme '
            "and the year; if it is so, lower grouped.share_min in the policy",
        ),
    )


ERRORS = np.array([check.severity == "error" for check in CHECKS.values()])


def _add_errors(
    sums: dict[str, tuple[int, int, int]], read: ReadPiece, found: PieceChecks
) -> NDArray[np.int64]:
    """Add the cases that findings of errors concern to the sums of each finding; return which."""
    hits = found.hits
    own = ERRORS[hits.checks] & (read.status[hits.rows] < QUARANTINED)
    once: NDArray[np.int64] = np.unique(hits.rows[own] * len(NAMES) + hits.checks[own])
    rows, checks = once // len(NAMES), once % len(NAMES)
    for number in np.unique(checks).tolist():
        some = rows[checks == number]
        cases, cost, fund = sums.get(NAMES[number], (0, 0, 0))
        sums[NAMES[number]] = (
            cases + len(some),
            cost + int(read.facts.cost[some].sum()),
            fund + int(read.facts.fund[some].sum()),
        )
    return once


class PieceReader:
    """Reads, checks and groups pieces of the year's cases; may be called on any thread."""

    def __init__(
        self,
        region: Region,
        policy: YearPolicy,
        grouper: AnyGrouper,
        until: dt.date | None = None,
    ) -> None:
        self.region, self.policy, self.grouper = region, policy, grouper
        self.until = until
        self.left_aside: dict[tuple[str, int], int] = {}  # of each piece that lost rows by `until`
        self.aside = None if region.corrected is None else SetAside(region.corrected)
        self.columns: set[str] = set()  # of the case files, where corrected cases are to have them
        self.facts = CaseReader(region, policy, (region.year, region.year))
        self.review_ids = pa.array(sorted(region.reviews), pa.string())
        self.new_ids = pa.array(sorted(region.new_technology), pa.string())
        self.has_patients = True
        self.categories = by_category(policy)
        self.referrals = one_stay(policy)

    def read(self, piece: Piece, edition: str) -> tuple[ReadPiece, GroupedPiece]:
        """Return what a settlement needs of a piece, and the piece grouped, for the checks.

        `edition`: of the codes of rows that do not say theirs.
        """
        found: dict[str, Any] = {}

        def check(faults: Faults) -> None:
            if "patient_id" not in faults.table.column_names:
                self._without_patients(piece.file)
            faults.every = True
            facts = self.facts.read(faults)
            found["facts"] = self._new_technology(faults, facts)
            found["reviews"] = _reviews(faults, found["facts"], self.region, self.review_ids)

        if self.until is not None:
            piece = self._up_to(piece, self.until)
        if self.aside is not None:
            piece = self.aside.without(piece)
        part: GroupedPiece = group_piece(piece, self.grouper, check, edition)
        g, table, numbers = part.grouped, part.table, self.grouper.numbers
        names = table.column_names
        if self.region.corrected is not None and piece.file not in self.region.corrected.labels:
            self.columns.update(map(whole_of, names))
        read = ReadPiece(
            file=piece.file,
            numbers=part.faults.numbers,
            case_id=ids_of(table["case_id"]),
            patient_id=(
                ids_of(table["patient_id"])
                if "patient_id" in names
                else pa.nulls(len(table), pa.string())
            ),
            severity_diagnosis=deciding_diagnoses(part),
            facts=found["facts"],
            drg=numbers.drg_of[g.group],
            adrg=numbers.adrg_of[g.group],
            mdc=g.mdc,
            status=g.status,
            reason=g.reason,
            level=g.level,
            reviews=found["reviews"],
            notes=part.faults.close(),
            version=part.version,
            category=_categories(part) if self.categories else None,
            referral=(
                ids_of(table["referral_group"])
                if self.referrals and "referral_group" in names
                else None
            ),
            deductible=(
                deductibles(table["deductible"])
                if self.referrals and "deductible" in names
                else None
            ),
        )
        return read, part

    def _new_technology(self, faults: Faults, facts: Facts) -> Facts:
        """Return facts with what is taken out of the cost of each case, where the policy does so."""
        amounts = self.region.new_technology
        if not amounts or self.policy.says(
            "new_technology.rule", "in_cost", "paid_apart", "by_points"
        ):
            return facts
        ids = ids_of(faults.table["case_id"])
        rows = np.flatnonzero(np.asarray(pc.is_in(ids, value_set=self.new_ids)))
        if not len(rows):
            return facts
        apart, over = np.zeros(len(facts.cost), np.int64), []
        for row in rows[faults.good[rows]].tolist():
            case = ids[row].as_py()
            day = dt.date(1970, 1, 1) + dt.timedelta(int(facts.discharge[row]))
            apart[row] = sum(i.amount_fen for i in amounts[case] if i.in_force(day))
            if apart[row] > facts.cost[row]:
                over.append(
                    located(
                        amounts[case][-1].where,
                        both(
                            f"{case}：新技术项目 {yuan_text(int(apart[row]))} 元 > 总费用 "
                            f"{yuan_text(int(facts.cost[row]))} 元",
                            f"{case}: new technology {yuan_text(int(apart[row]))} > cost "
                            f"{yuan_text(int(facts.cost[row]))}",
                        ),
                    )
                )
        if over:
            raise InputError(
                both("新技术项目的费用大于总费用", "new technology of more than the total cost"),
                where=self.region.file_of("new_technology"),
                faults=over,
                remedy=both("更正这些金额", "correct these amounts"),
            )
        return replace(facts, apart=apart)

    def _up_to(self, piece: Piece, until: dt.date) -> Piece:
        """Return a piece without the cases whose day of rule 1 is later."""
        table = piece.load()
        numbers = piece.numbers
        if numbers is None:
            numbers = np.arange(piece.first_row, piece.first_row + len(table))
        later = self.facts.later_than(table, (until - dt.date(1970, 1, 1)).days)
        if later.any():
            self.left_aside[piece.file, piece.first_row] = int(later.sum())
            table, numbers = table.filter(pa.array(~later)), numbers[~later]
        kept = table
        return replace(piece, load=lambda: kept, numbers=numbers)

    def _without_patients(self, file: str) -> None:
        if self.policy["readmission.days"] is not None:
            raise without_patients(file)
        self.has_patients = False


def without_patients(file: str) -> InputError:
    """Return the refusal of cases without patients under a readmission rule."""
    return InputError(
        both("缺少列：参保人编号（patient_id）", "missing column: patient_id"),
        where=file,
        remedy=both(
            "再住院规则需要它；补上此列，或以 --set readmission.days=none 试算",
            "the readmission rule needs it; add it, or try --set readmission.days=none",
        ),
    )


def ids_of(column: pa.ChunkedArray) -> pa.Array:
    """Return ids as texts without blanks around them, as hospital and pool are read, too."""
    return pc.utf8_trim_whitespace(parse.flat(column).cast(pa.string()))


def _categories(part: GroupedPiece) -> NDArray[np.int16]:
    """Return the three-character category of each principal diagnosis as a number, -1 for none."""
    words, offsets = part.cases.diagnoses.words, part.cases.diagnoses.offsets
    some = np.diff(offsets) > 0
    out = np.full(len(some), -1, dtype=np.int16)
    if not some.any():
        return out
    first = words.take(pa.array(offsets[:-1][some]))
    if not pa.types.is_dictionary(first.type):
        first = first.dictionary_encode()
    texts = [str(word or "").strip()[:3].upper() for word in first.dictionary.to_pylist()]
    known: dict[str, int] = {}
    for text in texts:
        if len(text) == 3 and text[0].isascii() and text[0].isalpha() and text[1:].isdecimal():
            known[text] = (ord(text[0]) - 65) * 100 + int(text[1:])
    table = np.array([known.get(text, -1) for text in texts] + [-1], dtype=np.int16)
    out[some] = table[np.asarray(pc.fill_null(first.indices.cast(pa.int64()), len(texts)))]
    return out


def _reviews(faults: Faults, facts: Facts, region: Region, review_ids: pa.Array) -> Reviews:
    """Return the decisions on the cases of a piece."""
    if not len(review_ids):
        return NO_REVIEWS
    ids = ids_of(faults.table["case_id"])
    where = np.asarray(pc.fill_null(pc.index_in(ids, value_set=review_ids), -1))
    rows = np.flatnonzero(where >= 0)
    if not len(rows):
        return NO_REVIEWS
    count = len(faults.table)
    decision, points = np.zeros(count, np.int8), np.full(count, -1, np.int64)
    unreasonable = np.zeros(count, np.int64)
    for row in rows.tolist():
        review = region.reviews[review_ids[int(where[row])].as_py()]
        unreasonable[row], decision[row] = review.unreasonable_fen, review.decision
        points[row] = review.points
    over = np.flatnonzero((unreasonable > facts.counted) & faults.good)
    if len(over):
        raise InputError(
            both("不合理费用大于总费用", "unreasonable cost above the total cost"),
            where=region.reviews_file,
            faults=[
                located(
                    f"{region.reviews_file}:{region.reviews[ids[row].as_py()].row}",
                    _over_text(ids[row].as_py(), unreasonable[row], facts.counted[row]),
                )
                for row in over.tolist()
            ],
            remedy=both(
                f"更正 {region.reviews_file} 中的金额",
                f"correct the amounts in {region.reviews_file}",
            ),
        )
    return Reviews(decision, np.minimum(unreasonable, facts.counted), points)


def _over_text(case: str, unreasonable: int, cost: int) -> Bilingual:
    amounts = f"unreasonable_yuan {yuan_text(int(unreasonable))} > {yuan_text(int(cost))}"
    return both(f"{case}：{amounts}", f"{case}: {amounts}")


def _fund_types(policy: YearPolicy) -> tuple[tuple[str, str], ...]:
    return tuple((str(code), str(fund)) for code, fund in policy["fund_type_map"])


def quarantine_duplicates(pieces: ReadPieces) -> None:
    """Quarantine every copy of a case id that stands more than once, also beside a faulty copy."""
    for number, repeats in enumerate(pieces.repeated_cases()):
        if not len(repeats):
            continue
        piece = pieces[number]
        own = repeats[
            piece.status[repeats] < QUARANTINED
        ]  # the others are noted for a fault of their own
        if not len(own):
            continue
        notes = pieces.quarantine(number)
        for row in own.tolist():
            case = piece.case_id[row].as_py()
            notes.add(piece.file, int(piece.numbers[row]), case, "case_id", case, "duplicate_case")
        notes.rows.sort(key=lambda note: note[1])
        pieces.stop(number, own, REASONS.index("duplicate_case"))


def count_ends(pieces: ReadPieces, broken: int) -> Counts:
    """Return what became of all cases; `broken` rows of the files are quarantined, too."""
    total = np.zeros(4, dtype=np.int64)
    for number in range(len(pieces)):
        total += pieces.ends(number)
    return Counts(*(int(n) for n in total)) + Counts(quarantined=broken)


def _check_counts(rows: int | None, counts: Counts, quarantine: Quarantine, broken: int) -> None:
    if counts.quarantined != len(quarantine):
        raise BooksError(
            both(
                f"隔离了 {counts.quarantined} 例，记录的却是 {len(quarantine)} 行",
                f"{counts.quarantined} cases are quarantined, {len(quarantine)} rows are noted",
            )
        )
    if rows is not None and rows + broken != counts.total:
        raise BooksError(
            both(
                f"文件应有 {rows} 例，结果只有 {counts.total} 例",
                f"the files announce {rows} cases, {counts.total} ended",
            )
        )


def versions_grouped(grouper: AnyGrouper, pieces: ReadPieces) -> NDArray[np.int64]:
    """Return how many cases each version of a family grouped; no number for one scheme."""
    if not isinstance(grouper, VersionedGrouper):
        return np.zeros(0, np.int64)
    total = np.zeros(len(grouper.versions), dtype=np.int64)
    for piece in pieces:
        if piece.version is not None:
            total += grouper.count(piece.version, piece.status)
    return total


def version_use(grouper: AnyGrouper, total: NDArray[np.int64], paid: int) -> tuple[VersionUse, ...]:
    """Return the versions that grouped cases; `total` of each, `paid`: of all that are settled."""
    if not isinstance(grouper, VersionedGrouper):
        return ()
    if int(total.sum()) != paid:
        raise BooksError(
            both(
                f"各版本共分组 {int(total.sum())} 例，清算的却是 {paid} 例",
                f"the versions grouped {int(total.sum())} cases, {paid} are settled",
            )
        )
    return grouper.use(total)


def input_files(
    region: Region,
    policy: Policy,
    history_rows: Mapping[str, int],
    case_rows: Mapping[str, int],
    unread: Collection[str] = (),
) -> list[InputFile]:
    """Return the files of a region that a run read, with the rows of those of cases."""
    files = [describe_file(policy.path, f"{policy.id}.toml", None)]
    for path in (*region.files, *region.cases, *region.history):
        if path in region.cases and path.name in unread:
            continue  # all of its cases are later than the run's last day
        name = path.relative_to(region.path) if path.is_relative_to(region.path) else path.name
        rows = history_rows if path in region.history else case_rows
        files.append(describe_file(path, str(name), rows.get(path.name)))
    return files


def read_past(
    region: Region,
    policy: YearPolicy,
    grouper: Grouper,
    numbers: GroupNumbers,
    workers: int,
    step_of: Progress,
    spool: Path | None,
) -> Past:
    """Return the history of a region, nothing where base points are given."""
    codes, changes = CodesRead(grouper.own_editions), Changes()
    if region.has_base_points:
        return Past(codes=codes)
    reader = PastReader(region, policy, grouper, numbers)
    source = open_source(list(region.history), HISTORY_WANTED, "history", region.reading)
    done = step_of("history", source.rows)
    history, files = History(folder=spool), list[PastPiece]()
    choice = grouper.edition_choice(region.history_codes)

    def task(piece: Piece) -> Callable[[], tuple[PastPiece, dict[str, Any]]]:
        file = choice.of(piece.file)
        return lambda: reader.read(*file.settle(piece))

    rows_of: dict[str, int] = {}
    for kept, columns in in_order((task(p) for p in source.pieces), workers):
        history.add(**columns)
        files.append(kept)
        codes.add(*kept.codes)
        merge_changes(changes, kept.codes[1])
        rows_of[kept.file] = rows_of.get(kept.file, 0) + len(kept.bad)
        done(len(kept.bad))
    months: dict[tuple[str, str, int], int] = {}
    notes = Quarantine()
    for kept, repeats in zip(files, history.duplicates(), strict=True):
        kept.quarantine_duplicates(repeats)
        kept.add_funds(repeats.rows, region, months)
        notes.take(kept.quarantine)
    for file, row, text in source.broken:
        notes.add(file, row, None, "", text, "row_broken")
    codes.found = choice.found
    return Past(
        codes=codes,
        history=history,
        years=tuple(range(reader.first, reader.last + 1)),
        rows=sum(rows_of.values()) + len(source.broken),
        quarantined=len(notes),
        quarantine=notes,
        code_changes=changes_table(changes),
        months=months,
        rows_of=rows_of,
    )


@dataclass(frozen=True)
class PastPiece:
    """N past cases: which rows are bad, notes of the bad ones, what they count to of last year."""

    file: str
    numbers: NDArray[np.int64]
    bad: NDArray[np.bool_]
    quarantine: Quarantine
    codes: tuple[CodeTally, Changes, NDArray[np.int8], NDArray[np.int8]]
    place: NDArray[np.int64]  # last year's account x 12 + month, -1: none
    fund: NDArray[np.int64]

    def add_funds(
        self, repeated: NDArray[np.int64], region: Region, sums: dict[tuple[str, str, int], int]
    ) -> None:
        """Add the recorded fund of last year's good rows to the sums by hospital, pool, month."""
        good = ~self.bad & (self.place >= 0)
        good[repeated] = False
        place, fund = self.place[good], self.fund[good]
        pools = len(region.pools)
        size = len(region.hospitals) * pools * 12
        some = np.bincount(place, minlength=size)
        funds = np.zeros(size, dtype=np.int64)
        np.add.at(funds, place, fund)
        for number in np.flatnonzero(some).tolist():
            account, month = divmod(number, 12)
            key = (region.hospitals[account // pools].id, region.pools[account % pools].id)
            sums[(*key, month + 1)] = sums.get((*key, month + 1), 0) + int(funds[number])

    def quarantine_duplicates(self, repeats: Repeats) -> None:
        """Note rows whose case id stands more than once, unless they have a fault of their own."""
        for row, case in zip(repeats.rows.tolist(), repeats.case_ids, strict=True):
            if self.bad[row]:
                continue
            number = int(self.numbers[row])
            self.quarantine.add(self.file, number, case, "case_id", case, "duplicate_case")
        self.quarantine.rows.sort(key=lambda note: note[1])


class PastReader:
    """Reads and groups pieces of past cases; may be called on any thread.

    `grouper` is that of the year's end, `numbers` are those of the year's cases: of a family they
    may be of several versions.
    """

    def __init__(
        self, region: Region, policy: YearPolicy, grouper: Grouper, numbers: GroupNumbers
    ) -> None:
        self.first, self.last = region.year - policy["history_years"], region.year - 1
        self.facts = CaseReader(region, policy, (self.first, self.last))
        given = any(path.stem == "last_year_months" for path in region.files)
        self.of_year = None if given else self.last
        self.grouper = grouper
        number_of = {drg: i for i, drg in enumerate(numbers.drgs)}
        self.group_of = np.array(
            [number_of[grouper.numbers.drgs[i]] for i in grouper.numbers.drg_of.tolist()],
            dtype=np.int64,
        )

    def read(self, piece: Piece, edition: str) -> tuple[PastPiece, dict[str, Any]]:
        """Return a piece, read and grouped: what is bad, and columns for a history."""
        facts: list[Facts] = []

        def check(faults: Faults) -> None:
            facts.append(self.facts.read(faults, history=True))

        part = group_piece(piece, self.grouper, check, edition)
        f, g, table = facts[0], part.grouped, part.table
        counts = (g.status == GROUPED) & (f.bed_class < 0) & (f.cost > 0)
        year = f.key_day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        kept = PastPiece(
            piece.file,
            part.faults.numbers,
            g.status == QUARANTINED,
            part.faults.close(),
            (part.cases.tally, part.cases.changes, g.status, g.reason),
            self._places(f, year),
            f.fund,
        )
        columns = {
            "group": np.where(counts, self.group_of[g.group], -1),
            "year": np.where(counts, year, 0).astype(np.int32),
            "cost": f.cost,
            "hospital": f.hospital,
            "not_pool": f.not_pool,
            "patient_id": ids_of(table["patient_id"])
            if "patient_id" in table.column_names
            else None,
            "case_id": ids_of(table["case_id"]),
        }
        return kept, columns

    def _places(self, f: Facts, year: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return account x 12 + month of last year's cases, -1 for others."""
        if self.of_year is None:
            return np.full(len(year), -1)
        own = (year == self.of_year) & (f.hospital >= 0) & (f.pool >= 0)
        account = f.hospital.astype(np.int64) * len(self.facts.pools) + f.pool
        return np.where(own, account * 12 + month_in_year(f.key_day, self.of_year), -1)
