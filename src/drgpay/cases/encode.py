"""Encode a table of cases into the integer arrays that the grouper's kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.ages import against_birth_date, without_filler
from drgpay.cases.arrays import blank, numbers_of
from drgpay.cases.codes import Changes, Recoder
from drgpay.cases.editions import COLUMN as EDITION_COLUMN
from drgpay.cases.editions import CodeTally, RowEditions, row_editions
from drgpay.cases.quarantine import Quarantine
from drgpay.cases.written import code_words, read_codes
from drgpay.names.columns import CODED, GROUPING_MORE
from drgpay.names.reasons import REASONS

Encoder = Callable[[pa.Array], NDArray[np.int32]]
# of cases that come from no table: shared by them, being empty for good
_NOT_READ = Changes(), CodeTally()


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of N cases, end to end: those of case i are `ids[offsets[i]:offsets[i + 1]]`.

    `ids` are numbers of the scheme; `words` the codes as given, same order (dictionary or text).
    """

    offsets: NDArray[np.int64]
    ids: NDArray[np.int32]
    words: pa.Array


@dataclass(frozen=True, slots=True)
class EncodedCases:
    """N cases as arrays; `good` is False for a row that is quarantined."""

    sex: NDArray[np.int8]
    age_years: NDArray[np.int32]
    age_days: NDArray[np.int32]
    birth_weight_g: NDArray[np.int32]
    los_days: NDArray[np.int32]
    icu: NDArray[np.int8]
    diagnoses: Codes
    procedures: Codes
    good: parse.Mask
    # codes read otherwise than written
    changes: Changes = field(default_factory=lambda: _NOT_READ[0])
    more: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)  # what few schemes ask
    tally: CodeTally = field(default_factory=lambda: _NOT_READ[1])

    def __len__(self) -> int:
        return len(self.sex)

    def number(self, name: str) -> NDArray[np.int32]:
        """Return a number of each case by its name, -1 where it is unknown."""
        if name in GROUPING_MORE:
            found = self.more.get(name)
            unknown = np.full(len(self), parse.MISSING_COUNT, dtype=np.int32)
            return unknown if found is None else found
        values: NDArray[np.int32] = getattr(self, name)
        return values

    def stacked(self, names: Sequence[str]) -> NDArray[np.int32]:
        """Return numbers by name as rows of one array, as the kernel takes them."""
        if not names:
            return np.empty((0, 0), dtype=np.int32)
        return np.stack([self.number(name) for name in names])


MAX_AGE_YEARS = 150
_AT_ONCE = 65_536  # values that are taken out of a column together
_REASON_NUMBER = {code: number for number, code in enumerate(REASONS)}


@dataclass
class Faults:
    """Notes the faults of the rows of one piece, and keeps the mask of good rows.

    The quarantine holds the first fault of a row. `noted` holds them as (row of the table, column,
    value, reason), with `every` also those that a row has beside its first.
    """

    table: pa.Table
    file: str
    numbers: NDArray[np.int64]
    quarantine: Quarantine
    good: parse.Mask
    why: NDArray[np.int8]  # number of the reason in the list of quarantine reasons, -1 good
    stay_days: NDArray[np.int32] | None = None  # by the region's rule, where a check knows it
    every: bool = False
    noted: list[tuple[int, str, str, str]] = field(default_factory=list)

    @classmethod
    def of(
        cls, table: pa.Table, file: str, first_row: int, numbers: NDArray[np.int64] | None = None
    ) -> Faults:
        """Return an empty note book for a table; rows are numbered from `first_row`."""
        good = np.ones(len(table), dtype=np.bool_)
        if numbers is None:
            numbers = np.arange(first_row, first_row + len(table))
        return cls(table, file, numbers, Quarantine(), good, np.full(len(table), -1, np.int8))

    def beside(self) -> Faults:
        """Return an empty note book for the same rows, whose faults stop none of these."""
        made = Faults.of(self.table, self.file, 0, self.numbers)
        made.every = True
        return made

    def add(self, bad: parse.Mask, column: str, reason: str) -> None:
        """Quarantine the rows of a mask that are still good; with `every` note the others, too."""
        fresh = np.flatnonzero(bad & self.good)
        again = np.flatnonzero(bad & ~self.good) if self.every else fresh[:0]
        if not len(fresh) and not len(again):
            return
        self.good[fresh] = False
        self.why[fresh] = _REASON_NUMBER[reason]
        rows = np.concatenate([fresh, again])
        values = self._values(column, rows)
        cases = self._values("case_id", fresh)
        self.noted += [
            (row, column, "" if value is None else str(value), reason)
            for row, value in zip(rows.tolist(), values, strict=True)
        ]
        for number, case, value in zip(self.numbers[fresh].tolist(), cases, values, strict=False):
            shown = None if case is None else str(case)
            self.quarantine.add(self.file, number, shown, column, value, reason)

    def _values(self, column: str, rows: NDArray[np.int64]) -> list[Any]:
        """Return the values of some rows; lists as texts with bars, nothing where it is no column."""
        if column not in self.table.column_names:
            return [None] * len(rows)
        values: list[Any] = []
        for start in range(0, len(rows), _AT_ONCE):
            values += self.table[column].take(pa.array(rows[start : start + _AT_ONCE])).to_pylist()
        return [
            "|".join("" if v is None else str(v) for v in value)
            if isinstance(value, list)
            else value
            for value in values
        ]

    def close(self) -> Quarantine:
        """Return the notes in the order of rows."""
        self.quarantine.rows.sort(key=lambda row: row[1])
        return self.quarantine


def encode_cases(
    table: pa.Table,
    diagnoses: Encoder,
    procedures: Encoder,
    faults: Faults,
    recoders: tuple[Recoder, Recoder] | None = None,
    more: Sequence[str] = (),
    edition: str = "",
) -> EncodedCases:
    """Return the grouping columns of a table as arrays; bad rows are noted in `faults`.

    Columns that the table lacks are unknown in every row. `recoders`, of diagnoses and of
    procedures, say how codes are read; `edition` is that of rows that do not say their own, empty
    for the scheme's. `more` are the columns that the scheme's rules ask besides.
    """
    changes: Changes = Changes()
    tally = CodeTally()
    editions = RowEditions((edition,))
    of_diagnoses, of_procedures = recoders or (None, None)
    count = len(table)
    faults.add(blank(table["case_id"]), "case_id", "case_id_missing")
    if of_diagnoses is not None:
        default = edition or of_diagnoses.own
        editions, strange = row_editions(table, default, of_diagnoses.editions)
        if strange is not None:
            faults.add(strange, EDITION_COLUMN, "code_system_differs")
        tally.count_rows(editions, count, of_diagnoses.own)
    sex, bad = parse.sexes(table["sex"])
    faults.add(bad | (sex == 0), "sex", "sex_invalid")
    age_years, bad = parse.counts(table["age_years"])
    faults.add(bad | (age_years < 0) | (age_years > MAX_AGE_YEARS), "age_years", "age_invalid")
    optional = {}
    for name in ("age_days", "birth_weight_g", "los_days"):
        if name in table.column_names:
            optional[name], bad = parse.read(name, "count", table[name])
            faults.add(bad, name, parse.FAULTS.get(name, parse.FAULTS["count"]))
        else:
            optional[name] = np.full(count, parse.MISSING_COUNT, dtype=np.int32)
    optional["age_days"] = without_filler(age_years, optional["age_days"])
    against = against_birth_date(table, age_years, optional["age_days"])
    faults.add(against, "age_days", "age_contradicts_dates")
    if faults.stay_days is not None:
        optional["los_days"] = faults.stay_days
    if "icu" in table.column_names:
        icu, bad = parse.flags(table["icu"])
        faults.add(bad, "icu", "flag_invalid")
    else:
        icu = np.zeros(count, dtype=np.int8)

    asked = {name: _asked(table, name, faults) for name in more}

    read = _Reading(editions, changes, tally)
    dx, missing = _codes(faults, "diagnoses", diagnoses, of_diagnoses, read)
    if missing.any():
        column = "diagnoses" if "diagnoses" in table.column_names else "diagnosis_1"
        faults.add(missing, column, "principal_missing")
    px, _ = _codes(faults, "procedures", procedures, of_procedures, read)
    return EncodedCases(
        sex=sex,
        age_years=age_years,
        icu=icu,
        diagnoses=dx,
        procedures=px,
        good=faults.good,
        changes=changes,
        more=asked,
        tally=tally,
        **optional,
    )


def _asked(table: pa.Table, name: str, faults: Faults) -> NDArray[np.int32]:
    """Return a number or the number of a code that only some schemes ask, -1 when unknown."""
    if name not in table.column_names:
        return np.full(len(table), parse.MISSING_COUNT, dtype=np.int32)
    if name in CODED:
        codes, bad = parse.choices(table[name], dict(CODED[name]), parse.MISSING_COUNT)
        faults.add(bad, name, "choice_invalid")
        return codes.astype(np.int32)
    numbers, bad = parse.read(name, "count", table[name])
    faults.add(bad, name, parse.FAULTS.get(name, parse.FAULTS["count"]))
    return numbers


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the codes of a table are read, and where it is noted what came of it."""

    editions: RowEditions
    changes: Changes
    tally: CodeTally


def _codes(
    faults: Faults,
    name: str,
    encode: Encoder,
    recoder: Recoder | None,
    read: _Reading,
) -> tuple[Codes, parse.Mask]:
    """Return the codes of a list, text or numbered columns, and which cases lack the first one."""
    table, count = faults.table, len(faults.table)
    found = read_codes(table, name, recoder, read.editions.known, read.changes, faults)
    if found is None:
        return _no_codes(count), np.ones(count, dtype=np.bool_)
    words, lengths = found
    if recoder is not None and len(words):
        words = read.editions.read(recoder, words, lengths, read.changes)
    offsets = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    ids, empty = _encode_words(words, encode, recoder, read.tally)
    missing = lengths == 0
    if empty is not None and empty.any():
        starts = offsets[:-1][~missing]
        missing = missing.copy()
        missing[np.flatnonzero(~missing)[empty[starts]]] = True
        kept = np.concatenate([[0], np.cumsum(~empty)])
        offsets = kept[offsets]
        ids = ids[~empty]
        words = words.filter(pa.array(~empty))
    # one more id, so that a case without diagnoses at the end stays inside the array
    return Codes(offsets, np.append(ids, np.int32(0)), words), missing


def distinct_codes(table: pa.Table, name: str) -> pa.Array:
    """Return the distinct codes of `diagnoses` or `procedures`, without blanks and empty ones."""
    words = code_words(table, name)
    if words is None or not len(words[0]):
        return pa.array([], pa.string())
    texts = pc.unique(words[0].drop_null())
    texts = texts.dictionary_decode() if pa.types.is_dictionary(texts.type) else texts
    texts = texts.cast(pa.string())
    return texts.filter(pc.greater(pc.binary_length(texts), 0))


def _no_codes(count: int) -> Codes:
    return Codes(
        np.zeros(count + 1, dtype=np.int64),
        np.zeros(1, dtype=np.int32),
        pa.array([], pa.string()),
    )


def _encode_words(
    words: pa.Array, encode: Encoder, recoder: Recoder | None, tally: CodeTally
) -> tuple[NDArray[np.int32], parse.Mask | None]:
    """Return the numbers of codes and which are empty (None when none is)."""
    if not len(words):
        return np.zeros(0, dtype=np.int32), None
    dictionary = words.dictionary.cast(pa.string())
    table = encode(dictionary)
    if recoder is not None:
        tally.note(recoder, words, table)
    empty = np.asarray(pc.equal(pc.binary_length(dictionary), 0))
    if words.null_count:
        table, empty = np.append(table, np.int32(0)), np.append(empty, True)
    index = numbers_of(words) if words.null_count else np.asarray(words.indices)
    return table[index], (empty[index] if empty.any() else None)
