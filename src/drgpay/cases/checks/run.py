"""Run the checks on one piece of cases: masks of failed checks, then the findings as rows."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import as_lists, blank, is_list, lengths_of, of_lengths, trimmed
from drgpay.cases.checks import catalogue
from drgpay.cases.checks.catalogue import BITS, CHECKS, CODING, NAMES, NUMBER, PERSON, STAY
from drgpay.cases.checks.codes_facts import (
    GREY,
    NO_GROUPING,
    Flags,
    diagnosis_flags,
    procedure_flags,
)
from drgpay.cases.checks.coding import kernels as coding
from drgpay.cases.checks.costs.kernels import check_costs
from drgpay.cases.checks.facts import READ_BY_GROUPING, CaseFacts
from drgpay.cases.checks.kernels import first_flagged, first_outside, second_of_repeated
from drgpay.cases.checks.person.kernels import check_persons
from drgpay.cases.checks.stay.kernels import check_stays
from drgpay.cases.encode import Codes, EncodedCases, Faults
from drgpay.cases.quarantine import MAX_SHOWN

Words = NDArray[np.uint64]
Rows = NDArray[np.int64]
_SHIFTS = np.cumsum([0, len(PERSON), len(STAY), len(CODING)]).tolist()


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Bounds that no rule states: named, and to be set where a place has its own.

    None of them is from a source; they are wide, to find slips of the pen and wrong units.
    """

    birth_weight_least_g: int = 300
    birth_weight_most_g: int = 8_000
    admission_weight_least_g: int = 300
    admission_weight_most_g: int = 15_000
    age_most_years: int = 115
    day_surgery_most_days: int = 2
    obstetric_age_least: int = 11
    obstetric_age_most: int = 55
    cost_least_fen: int = 1_000
    cost_most_a_day_fen: int = 10_000_000
    today: datetime.date | None = None

    @property
    def day(self) -> int:
        """Today as days since 1970-01-01."""
        today = self.today or datetime.date.today()
        return (today - datetime.date(1970, 1, 1)).days


@dataclass(frozen=True, slots=True)
class CodeTables:
    """What a scheme's codes are, by number."""

    diagnoses: Flags
    procedures: Flags


@dataclass(frozen=True, slots=True)
class Grouped:
    """What grouping said of N cases, as numbers, and the number of the reason "other sex"."""

    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    sex_conflict: int


@dataclass(frozen=True, slots=True)
class Coded:
    """Codes with their flags; each unknown code has a number of its own behind the known ones."""

    codes: Codes
    ids: NDArray[np.int32]
    flags: Flags


@dataclass(frozen=True, slots=True)
class Hits:
    """The findings of a piece: row of the table, check, column, value, position among codes."""

    rows: Rows
    checks: NDArray[np.int16]
    columns: pa.Array
    values: pa.Array
    positions: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.rows)


def coded(codes: Codes, flags: Flags, *, procedures: bool = False) -> Coded:
    """Return codes with their flags, those of unknown codes from their texts."""
    total = int(codes.offsets[-1])
    strange = (codes.ids[:total] - np.int32(1)).view(np.uint32) >= np.uint32(len(flags) - 1)
    at = np.flatnonzero(strange)
    if not len(at) or not len(codes.words):
        return Coded(codes, codes.ids, flags)
    words = codes.words.take(pa.array(at))
    words = words.cast(pa.string()) if pa.types.is_dictionary(words.type) else words
    unique = words.dictionary_encode()
    flags_of = procedure_flags if procedures else diagnosis_flags
    own = [flags_of(str(word), known=False) for word in unique.dictionary.to_pylist()]
    ids = codes.ids.copy()
    ids[at] = np.asarray(unique.indices) + np.int32(len(flags))
    return Coded(codes, ids, np.concatenate([flags, np.array(own, dtype=np.int32)]))


def masks(
    cases: EncodedCases,
    facts: CaseFacts,
    dx: Coded,
    px: Coded,
    grouped: Grouped,
    settings: CheckSettings,
) -> Words:
    """Return the failed checks of N cases as bits in the order of catalogue.BITS."""
    s, count = settings, len(cases)
    outs = [np.empty(count, dtype=np.uint64) for _ in range(4)]
    check_persons(
        cases.sex, cases.age_years, cases.age_days, cases.birth_weight_g, facts.admission_weight,
        facts.birth, facts.admission,
        np.array([s.birth_weight_least_g, s.birth_weight_most_g, s.admission_weight_least_g,
                  s.admission_weight_most_g, s.age_most_years, s.obstetric_age_least,
                  s.obstetric_age_most]),
        outs[0],
    )  # fmt: skip
    check_stays(
        facts.admission, facts.discharge, facts.settlement, facts.los_days, facts.discharge_way,
        facts.mode, facts.planned, facts.ventilator_minutes, px.codes.offsets, px.ids, px.flags,
        *facts.procedure_dates, np.array([s.day_surgery_most_days, s.day]), outs[1],
    )  # fmt: skip
    coding.check_codes(
        cases.sex, cases.age_years, cases.age_days, dx.codes.offsets, dx.ids, dx.flags,
        px.codes.offsets, px.ids, px.flags, *facts.conditions[:1], facts.conditions[1],
        *facts.procedure_dates, facts.diagnosis_count, facts.procedure_count, grouped.status,
        grouped.reason, grouped.sex_conflict,
        np.array([s.obstetric_age_least, s.obstetric_age_most]), outs[2],
    )  # fmt: skip
    check_costs(
        facts.cost, facts.fund, facts.personal, facts.other, facts.items, facts.own, facts.refund,
        facts.admission, facts.discharge, np.array([s.cost_least_fen, s.cost_most_a_day_fen]),
        outs[3],
    )  # fmt: skip
    word = outs[0]
    for out, shift in zip(outs[1:], _SHIFTS[1:], strict=True):
        word |= out << np.uint64(shift)
    return word & made(facts.present)


def made(present: frozenset[str]) -> np.uint64:
    """Return the bits of the checks whose columns a table has."""
    word = 0
    for bit, name in enumerate(BITS):
        if present.issuperset(CHECKS[name].needs):
            word |= 1 << bit
    return np.uint64(word)


_FLAGGED: Mapping[str, tuple[int, int]] = {
    "diagnosis_unknown": (coding.UNKNOWN, 1),
    "procedure_unknown": (coding.UNKNOWN, 0),
    "code_malformed": (coding.MALFORMED, 0),
    "asterisk_alone": (coding.ASTERISK, 0),
    "childhood_code_in_adult": (coding.CHILDHOOD, 0),
    "old_age_code_in_child": (coding.OLD_AGE, 0),
}
_OF_PRINCIPAL = frozenset(
    "principal_unknown principal_not_allowed principal_morphology principal_asterisk "
    "t80_t88_alone symptom_as_principal principal_against_operation".split()
)


_SAID_OF_PRINCIPAL = sum(
    1 << bit
    for bit, name in enumerate(BITS)
    if name in _OF_PRINCIPAL
    or name in ("sex_against_mdc", "obstetric_age", "perinatal_beyond_infancy")
    or name == "newborn_aged_in_years"
)


def without_principal(words: Words, faults: Faults) -> None:
    """Take back what was said of a principal diagnosis where there is none but a secondary one."""
    rows = [row for row, _, _, reason in faults.noted if reason == "principal_missing"]
    if rows:
        words[np.array(rows)] &= np.uint64(~_SAID_OF_PRINCIPAL & (1 << 64) - 1)


class Decoder:
    """Turns failed checks of a piece into findings with the value that is at fault."""

    def __init__(
        self, table: pa.Table, cases: EncodedCases, facts: CaseFacts, dx: Coded, px: Coded
    ) -> None:
        self.table, self.cases, self.facts, self.dx, self.px = table, cases, facts, dx, px
        self.parts: list[tuple[Rows, int, str, pa.Array, NDArray[np.int16]]] = []

    def add(self, rows: Rows, name: str, column: str, values: pa.Array, at: Any = None) -> None:
        """Note a finding of one check in some rows."""
        positions = np.full(len(rows), -1, np.int16) if at is None else at.astype(np.int16)
        self.parts.append((rows, NUMBER[name], column, values, positions))

    def failed(self, words: Words) -> None:
        """Note the checks whose bits are set."""
        rows = np.flatnonzero(words)
        if not len(rows):
            return
        some = words[rows]
        every = int(np.bitwise_or.reduce(some))
        for bit, name in enumerate(BITS):
            if every >> bit & 1:
                hit = rows[(some >> np.uint64(bit)) & np.uint64(1) != 0]
                self._one(hit, name)

    def _one(self, rows: Rows, name: str) -> None:
        column = CHECKS[name].columns[0]
        at = self._positions(rows, name)
        if at is not None and name == "procedure_outside_stay":
            offsets, days = self.facts.procedure_dates
            found = pa.array(days[offsets[rows] + at], pa.int32()).view(pa.date32())
            self.add(rows, name, column, found.cast(pa.string()), at)
        elif at is not None:
            codes = self._of(column).codes
            self.add(rows, name, column, self._codes(codes, rows, at), at)
        elif name == "part_negative":
            self._negative(rows)
        else:
            self.add(rows, name, column, self.cells(rows, column))

    def _positions(self, rows: Rows, name: str) -> NDArray[np.int64] | None:
        if name in _OF_PRINCIPAL:
            return np.zeros(len(rows), dtype=np.int64)
        out = np.empty(len(rows), dtype=np.int64)
        which = self._of(CHECKS[name].columns[0])
        if name in ("sex_against_diagnosis", "sex_against_procedure"):
            male = self.cases.sex[rows] == 1
            wanted, start = np.where(male, coding.FEMALE, coding.MALE), 0
        elif name in _FLAGGED:
            flag, start = _FLAGGED[name]
            wanted = np.full(len(rows), flag)
        elif name == "diagnosis_twice":
            second_of_repeated(rows, which.codes.offsets, which.ids, out)
            return out
        elif name == "procedure_outside_stay":
            offsets, days = self.facts.procedure_dates
            first_outside(rows, offsets, days, self.facts.admission, self.facts.discharge, out)
            return out
        else:
            return None
        first_flagged(rows, which.codes.offsets, which.ids, which.flags, wanted, start, out)
        return out

    def _of(self, column: str) -> Coded:
        return self.px if column == "procedures" else self.dx

    def _codes(self, codes: Codes, rows: Rows, at: NDArray[np.int64]) -> pa.Array:
        some = codes.words.take(pa.array(codes.offsets[rows] + at))
        return some.cast(pa.string())

    def _negative(self, rows: Rows) -> None:
        facts = self.facts
        parts = {
            "personal_paid": facts.personal,
            "other_paid": facts.other,
            "items_total": facts.items,
            "own_paid": facts.own,
        }
        for column, fen in parts.items():
            own = rows[(fen[rows] < 0) & (fen[rows] != parse.MISSING_MONEY)]
            if len(own):
                self.add(own, "part_negative", column, self.cells(own, column))

    def cells(self, rows: Rows, column: str) -> pa.Array:
        """Return cells as text, as they came in; codes of several columns joined."""
        if column not in self.table.column_names:
            if column in ("diagnoses", "procedures"):
                return self._joined(rows, self._of(column).codes)
            return pa.nulls(len(rows), pa.string())
        cells = parse.flat(self.table[column].take(pa.array(rows)))
        kind = cells.type
        if is_list(kind):
            texts = cells.flatten().cast(pa.string())
            cells = pc.binary_join(of_lengths(texts, lengths_of(cells)), "|")
        return cells.cast(pa.string())

    def marked(self) -> None:
        """Note grey codes, and codes that take no part in grouping in the first place."""
        principal = self.dx.codes.offsets[:-1]
        if len(self.dx.ids):
            of_first = self.dx.flags[self.dx.ids[principal]]
            some = np.diff(self.dx.codes.offsets) > 0
            rows = np.flatnonzero(some & (of_first & NO_GROUPING != 0))
            self._coded_at(rows, np.zeros(len(rows), np.int64), "principal_not_grouping")
        self._main_procedures()
        for which, name in ((self.dx, "diagnosis_grey"), (self.px, "procedure_grey")):
            total = int(which.codes.offsets[-1])
            at = np.flatnonzero(which.flags[which.ids[:total]] & GREY)
            if not len(at):
                continue
            rows = np.searchsorted(which.codes.offsets, at, side="right") - 1
            first = np.append(True, rows[1:] != rows[:-1])  # rows are in order
            rows, at = rows[first], at[first]
            self._coded_at(rows, at - which.codes.offsets[rows], name)

    def _main_procedures(self) -> None:
        """Note main procedures that take no part in grouping where another procedure does."""
        offsets = self.px.codes.offsets
        total = int(offsets[-1])
        flags = self.px.flags[self.px.ids[:total]]
        if not (flags & NO_GROUPING).any():
            return
        takes_part = np.concatenate([[0], np.cumsum(flags & (NO_GROUPING | coding.UNKNOWN) == 0)])
        some = offsets[1:] > offsets[:-1]
        main = np.zeros(len(some), dtype=np.bool_)
        main[some] = flags[offsets[:-1][some]] & NO_GROUPING != 0
        rows = np.flatnonzero(main & (takes_part[offsets[1:]] > takes_part[offsets[:-1]]))
        self._coded_at(rows, np.zeros(len(rows), np.int64), "main_procedure_not_grouping")

    def _coded_at(self, rows: Rows, at: NDArray[np.int64], name: str) -> None:
        """Note a finding about the code at a place of each row; quarantined rows are left out."""
        good = self.cases.good[rows]
        rows, at = rows[good], at[good]
        if len(rows):
            column = CHECKS[name].columns[0]
            codes = self._of(column).codes
            self.add(rows, name, column, self._codes(codes, rows, at), at)

    def ungrouped(self, words: Words, rows: Rows, reasons: Sequence[str]) -> None:
        """Note cases that no group took, by the reason of each, unless a check already says it."""
        names = []
        for row, reason in zip(rows.tolist(), reasons, strict=True):
            said = catalogue.REASON_CHECKS.get(reason)
            if reason in catalogue.UNGROUPED_REASONS:
                names.append(reason)
            elif said is not None and int(words[row]) >> BITS.index(said) & 1:
                names.append("")
            else:
                names.append(catalogue.NOT_GROUPED)
        of_name = np.array(names)
        for name in dict.fromkeys(names):
            some = rows[of_name == name]
            if name:
                at = np.zeros(len(some), dtype=np.int64)
                self.add(some, name, "diagnoses", self._codes(self.dx.codes, some, at), at)

    def no_patient(self) -> None:
        """Note cases without a patient, where others may have one: no rule of patients finds them."""
        if "patient_id" not in self.table.column_names:
            return
        rows = np.flatnonzero(blank(self.table["patient_id"]))
        if len(rows):
            self.add(rows, catalogue.NO_PATIENT, "patient_id", pa.nulls(len(rows), pa.string()))

    def _joined(self, rows: Rows, codes: Codes) -> pa.Array:
        first, last = codes.offsets[rows], codes.offsets[rows + 1]
        return pa.array(
            [
                "|".join(map(str, codes.words.slice(at, end - at).to_pylist()))
                for at, end in zip(first.tolist(), last.tolist(), strict=True)
            ],
            pa.string(),
        )

    def faults(self, faults: Faults) -> set[tuple[int, str]]:
        """Note what the quarantine refuses; return (row, column) of it."""
        by_kind: dict[tuple[str, str], tuple[list[int], list[str]]] = {}
        seen: set[tuple[int, str]] = set()
        for row, column, value, reason in dict.fromkeys(faults.noted):
            rows, values = by_kind.setdefault((column, reason), ([], []))
            rows.append(row)
            values.append(value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…")
            seen.add((row, column))
        for (column, reason), (rows, values) in by_kind.items():
            self.add(np.array(rows), reason, column, pa.array(values, pa.string()))
        return seen

    def unreadable(self, seen: set[tuple[int, str]]) -> None:
        """Note values that cannot be read and that the quarantine did not name already."""
        for column, bad in self.facts.unreadable.items():
            if column in READ_BY_GROUPING:
                continue
            rows = np.array(
                [row for row in np.flatnonzero(bad).tolist() if (row, column) not in seen],
                dtype=np.int64,
            )
            if len(rows):
                name = catalogue.VALUE_UNREADABLE
                self.add(rows, name, column, self.cells(rows, column))

    def capital_x(self) -> None:
        """Note codes that were written with a capital X and read with a small one."""
        kinds = {("diagnosis", "diagnoses"), ("procedure", "procedures")}
        for kind, name in kinds:
            written = {
                key[2] for key in self.cases.changes if key[0] == kind and key[1] == "x_case"
            }
            if not written:
                continue
            wanted = pa.array(sorted(written), pa.string())
            base = f"{kind}_"
            columns = [c for c in self.table.column_names if c == name or c.startswith(base)]
            for column in columns:
                self._written(column, name, wanted)

    def _written(self, column: str, name: str, wanted: pa.Array) -> None:
        cells: Any = self.table[column]
        words, lengths = cells, np.ones(len(cells), dtype=np.int64)
        if column == name:
            lists = as_lists(cells)
            words, lengths = lists.flatten(), lengths_of(lists)
        texts = trimmed(words)
        hit = np.flatnonzero(np.asarray(pc.is_in(texts, value_set=wanted)))
        rows, first = np.unique(np.repeat(np.arange(len(cells)), lengths)[hit], return_index=True)
        if len(rows):
            self.add(rows, catalogue.CAPITAL_X, column, texts.take(pa.array(hit[first])))

    def hits(self) -> Hits:
        """Return all findings in the order of rows."""
        if not self.parts:
            nothing = pa.array([], pa.string())
            none = np.zeros(0, np.int64)
            return Hits(none, none.astype(np.int16), nothing, nothing, none.astype(np.int16))
        rows = np.concatenate([part[0] for part in self.parts])
        sizes = [len(part[0]) for part in self.parts]
        checks = np.repeat(np.array([part[1] for part in self.parts], dtype=np.int16), sizes)
        order = np.lexsort((checks, rows))
        columns = pa.array([part[2] for part in self.parts])
        which = np.repeat(np.arange(len(self.parts)), sizes)[order]
        values = pa.concat_arrays([part[3].cast(pa.string()) for part in self.parts])
        return Hits(
            rows[order],
            checks[order],
            columns.take(pa.array(which)),
            values.take(pa.array(order)),
            np.concatenate([part[4] for part in self.parts])[order],
        )


def conventions(facts: CaseFacts) -> tuple[int, int]:
    """Return in how many cases the days are the dates' difference, and in how many one more."""
    if "los_days" not in facts.present or not {"admission_date", "discharge_date"} <= facts.present:
        return 0, 0
    stay = facts.discharge - facts.admission
    return int(np.count_nonzero(facts.los_days == stay)), int(
        np.count_nonzero(facts.los_days == stay + 1)
    )


__all__ = [
    "NAMES", "CheckSettings", "CodeTables", "Coded", "Decoder", "Grouped", "Hits", "coded",
    "conventions", "made", "masks", "without_principal",
]  # fmt: skip
