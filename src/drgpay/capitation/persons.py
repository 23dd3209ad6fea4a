"""Insured people: to which community each belongs, in which risk cell, for how many months.

Who signed with a family doctor belongs to that doctor's community; the others go by area: residents
and flexible employees by registered or usual address, students by their school's place, employees
by their employer's (S2 3, H1). Whom no area leads to a community stays unassigned, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.capitation.files import Piece
from drgpay.capitation.quarantine import Quarantined, RowFaults
from drgpay.capitation.rules import Rules
from drgpay.capitation.setup import Cell, Setup
from drgpay.capitation.tables import KIND_WORDS, KINDS, MAX_AGE, NO_CHRONIC
from drgpay.capitation.texts import Words, column_of, is_empty
from drgpay.cases import parse
from drgpay.cases.duplicates import repeated
from drgpay.ground.errors import unknown_choice
from drgpay.names.run_tables import schema_of

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

UNASSIGNED = ("no_area", "area_without_community")
_EMPTY, _NOWHERE = -2, -1  # of an area: none given, one that leads to no community
_FLAGS = {**parse.FLAGS, "yes": 1, "no": 0}
_MONTHS = {
    form.format(month): month
    for month in range(1, 13)
    for form in ("{}", "{:02d}", "{}.0", "{}个月")
}
_UNASSIGNED_SCHEMA = schema_of("capitation_unassigned_persons")


@dataclass(frozen=True, slots=True)
class Places:
    """Numbers of where a visit's cost goes: communities, unassigned by reason and kind, others."""

    communities: int

    @property
    def quarantined(self) -> int:
        """Visits of a person whose own row is quarantined."""
        return self.communities + len(UNASSIGNED) * len(KINDS)

    @property
    def unknown(self) -> int:
        """Visits of somebody who is not among the persons."""
        return self.quarantined + 1

    def unassigned(self, place: int) -> tuple[str, str]:
        """Return reason and kind of a place of the unassigned."""
        reason, kind = divmod(place - self.communities, len(KINDS))
        return UNASSIGNED[reason], KINDS[kind]


@dataclass(frozen=True, slots=True)
class People:
    """N persons in the order of their files; `invalid` numbers the reason, 0 for a valid head."""

    ids: pa.Array
    good: Mask
    place: Ints
    months: Ints
    cell: Ints
    kind: Ints
    invalid: Ints
    reasons: tuple[str, ...]
    unassigned: pa.Table
    rows: int


@dataclass
class _Part:
    """The persons of one piece."""

    file: str
    numbers: Ints
    ids: pa.Array
    good: Mask
    place: Ints
    months: Ints
    cell: Ints
    kind: Ints
    invalid: Ints
    area: pa.Array


@dataclass
class _Reader:
    setup: Setup
    rules: Rules
    quarantine: Quarantined
    chronic: Words = field(default_factory=Words)
    reasons: Words = field(default_factory=Words)

    def __post_init__(self) -> None:
        names = list(self.setup.communities)
        self.communities = pa.array(names, pa.string())
        self.area_names = pa.array(list(self.setup.areas), pa.string())
        number = {name: place for place, name in enumerate(names)}
        leads = [_NOWHERE if c is None else number[c] for c in self.setup.areas.values()]
        self.area_places = np.array([*leads, _NOWHERE], dtype=np.int64)

    def part(self, piece: Piece) -> _Part:
        """Return the persons of a piece; faulty rows are quarantined."""
        table, faults = piece.table, RowFaults(piece, "person_id", self.quarantine)
        kind = _choice(faults, "kind", KIND_WORDS, "kind_unknown", must=True)
        months = _choice(faults, "months", _MONTHS, "months_invalid", must=True)
        sex = _choice(faults, "sex", parse.SEXES, "sex_invalid", missing=0)
        age, bad_age = parse.counts(column_of(table, "age")[0])
        faults.add(bad_age | (age > MAX_AGE), "age", "age_invalid")
        inpatient = _choice(faults, "inpatient_last_year", _FLAGS, "flag_invalid", missing=0)
        invalid = _choice(faults, "invalid", _FLAGS, "flag_invalid", missing=0)
        signed = self._signed(faults)
        by_area, area = self._by_area(faults, kind)
        count = len(self.setup.communities)
        elsewhere = count + np.where(by_area == _EMPTY, 0, 1) * len(KINDS) + np.maximum(kind, 0)
        place = np.where(signed >= 0, signed, np.where(by_area >= 0, by_area, elsewhere))
        cell = self._cells(faults, kind, sex, age.astype(np.int64), inpatient)
        why = self.reasons.of(
            pc.if_else(pa.array(invalid == 1), column_of(table, "invalid_reason")[0], "")
        )
        why = np.where(invalid == 1, why + 1, 0)
        return _Part(
            piece.file, piece.numbers, faults.ids, faults.good, place, months, cell, kind, why, area
        )

    def _signed(self, faults: RowFaults) -> Ints:
        """Return the community that each signed with, -1 for none."""
        texts = faults.codes("signed_community")
        found = pc.fill_null(pc.index_in(texts, value_set=self.communities), -1)
        place = np.asarray(found).astype(np.int64)
        faults.add(~is_empty(texts) & (place < 0), "signed_community", "community_unknown")
        return place

    def _by_area(self, faults: RowFaults, kind: Ints) -> tuple[Ints, pa.Array]:
        """Return the community that the area of each leads to, or why none, and the area."""
        registered, registered_text = self._area(faults, "registered_area")
        usual, usual_text = self._area(faults, "usual_area")
        rule = self.rules.area_of_resident
        if rule == "registered":
            home, text = registered, registered_text
        elif rule == "usual":
            home, text = usual, usual_text
        elif rule == "usual_then_registered":  # the first of the two that leads to a community
            second = (usual < 0) & (registered >= 0)
            home = np.where(second, registered, np.maximum(usual, np.minimum(registered, _NOWHERE)))
            text = pc.if_else(pa.array(usual == _EMPTY), registered_text, usual_text)
        else:
            raise unknown_choice("capitation.area_of_resident", rule)
        school, school_text = self._area(faults, "school_area")
        employer, employer_text = self._area(faults, "employer_area")
        student, employee = kind == KINDS.index("student"), kind == KINDS.index("employee")
        place = np.where(student, school, np.where(employee, employer, home))
        text = pc.if_else(pa.array(student), school_text, text)
        return place, pc.if_else(pa.array(employee), employer_text, text)

    def _area(self, faults: RowFaults, name: str) -> tuple[Ints, pa.Array]:
        texts = faults.codes(name)
        found = np.asarray(pc.fill_null(pc.index_in(texts, value_set=self.area_names), -1))
        return np.where(is_empty(texts), _EMPTY, self.area_places[found]), texts

    def _cells(self, faults: RowFaults, kind: Ints, sex: Ints, age: Ints, inpatient: Ints) -> Ints:
        """Return the risk cell of each; who fits none or several is quarantined."""
        chronic = column_of(faults.table, "chronic")[0]
        none = pc.is_in(chronic, value_set=pa.array(NO_CHRONIC))
        chronic_number = self.chronic.of(pc.if_else(none, "", chronic))
        words = self.chronic.words()
        ages = MAX_AGE + 2
        profile = kind
        for values, size in (
            (sex, 3),
            (np.where(age < 0, MAX_AGE + 1, age), ages),
            (chronic_number, len(words)),
            (inpatient, 2),
        ):
            profile = profile * size + values
        profile = np.where(faults.good, profile, 0)
        distinct, place = np.unique(profile, return_inverse=True)
        rest, its_inpatient = np.divmod(distinct, 2)
        rest, its_chronic = np.divmod(rest, len(words))
        rest, its_age = np.divmod(rest, ages)
        its_kind, its_sex = np.divmod(rest, 3)
        matches = np.zeros(len(distinct), dtype=np.int64)
        first = np.full(len(distinct), -1, dtype=np.int64)
        for number, cell in enumerate(self.setup.cells):
            fits = _fits(cell, its_kind, its_sex, its_age, its_inpatient)
            if cell.chronic:
                wanted = "" if cell.chronic == NO_CHRONIC[0] else cell.chronic
                fits &= its_chronic == (words.index(wanted) if wanted in words else -1)
            matches += fits
            first = np.where(fits, number, first)
        faults.add(matches[place] == 0, "chronic", "risk_cell_none")
        faults.add(matches[place] > 1, "chronic", "risk_cell_several")
        return first[place]


def _fits(cell: Cell, kind: Ints, sex: Ints, age: Ints, inpatient: Ints) -> Mask:
    fits = np.ones(len(kind), dtype=np.bool_)
    if cell.kind is not None:
        fits &= kind == cell.kind
    if cell.sex is not None:
        fits &= sex == cell.sex
    if cell.inpatient is not None:
        fits &= inpatient == cell.inpatient
    if cell.age_from is not None or cell.age_to is not None:
        low = 0 if cell.age_from is None else cell.age_from
        high = MAX_AGE if cell.age_to is None else cell.age_to
        fits &= (age >= low) & (age <= high)  # an unknown age is above all
    return fits


def _choice(
    faults: RowFaults,
    name: str,
    words: Mapping[str, int],
    reason: str,
    must: bool = False,
    missing: int = -1,
) -> Ints:
    """Return the numbers of a column's words; `missing` where there is none."""
    texts, _ = column_of(faults.table, name)
    values, bad = parse.choices(texts, dict(words), missing)
    if must:
        bad = bad | (values == missing)
    faults.add(bad, name, reason)
    return values.astype(np.int64)


def read_people(setup: Setup, rules: Rules, quarantine: Quarantined) -> People:
    """Return all persons; who stands more than once is quarantined in every row."""
    reader = _Reader(setup, rules, quarantine)
    parts: list[_Part] = []
    broken = 0
    for piece in setup.persons.pieces():
        broken += quarantine.broken(piece)
        if len(piece.table):
            parts.append(reader.part(piece))
    _quarantine_doubles(parts, quarantine)
    texts = [part.ids for part in parts]
    good = _joined([part.good for part in parts]).astype(np.bool_)
    places = Places(len(setup.communities))
    place = _joined([part.place for part in parts])
    reasons = tuple(word or "-" for word in reader.reasons.words())
    return People(
        pa.concat_arrays(texts) if texts else pa.array([], pa.string()),
        good,
        np.where(good, place, places.quarantined),
        _joined([part.months for part in parts]),
        _joined([part.cell for part in parts]),
        _joined([part.kind for part in parts]),
        np.where(good, _joined([part.invalid for part in parts]), 0),
        ("", *reasons),
        _unassigned(parts, places),
        len(good) + broken,
    )


def _joined(arrays: Sequence[NDArray[np.int64] | Mask]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def _quarantine_doubles(parts: list[_Part], quarantine: Quarantined) -> None:
    ids = [part.ids for part in parts]
    doubles = repeated(ids, [~is_empty(texts) for texts in ids])
    starts = np.cumsum([0, *(len(part.ids) for part in parts)])
    for part, start, end in zip(parts, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        for row in (doubles[(doubles >= start) & (doubles < end)] - start).tolist():
            if part.good[row]:
                key = part.ids[row].as_py()
                number = int(part.numbers[row])
                quarantine.add(part.file, number, key, "person_id", key, "person_double")
                part.good[row] = False


def _unassigned(parts: list[_Part], places: Places) -> pa.Table:
    """Return the valid persons whom no signature and no area leads to a community."""
    tables = []
    kinds, reasons = pa.array(KINDS), pa.array(UNASSIGNED)
    for part in parts:
        rows = np.flatnonzero(part.good & (part.invalid == 0) & (part.place >= places.communities))
        if len(rows):
            reason = (part.place[rows] - places.communities) // len(KINDS)
            tables.append(
                pa.table(
                    [
                        part.ids.take(pa.array(rows)),
                        kinds.take(pa.array(part.kind[rows])),
                        part.area.take(pa.array(rows)),
                        pa.array(part.months[rows]),
                        reasons.take(pa.array(reason)),
                        pa.array([part.file] * len(rows), pa.string()),
                        pa.array(part.numbers[rows]),
                    ],
                    schema=_UNASSIGNED_SCHEMA,
                )
            )
    return pa.concat_tables(tables) if tables else _UNASSIGNED_SCHEMA.empty_table()
