"""Ages as front pages have them: years, days, and what is written of infants in months.

A month counts thirty days, as the national front page writes 3 10/30 for three months and ten
days; where the dates of birth and admission are known, they say how many days it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import blank, is_text
from drgpay.cases.kernels import odd_ages
from drgpay.cases.tidy import (
    BIRTH_DATE,
    NO_YEARS,
    UNIT,
    ReadAs,
    looked_at,
    numbers_as_texts,
    tidy_cells,
)
from drgpay.cases.values import bare, is_empty

DAYS_A_MONTH = 30
NEWBORN_DAYS = 28
YEAR_DAYS = 366
NEAR_DAYS, NEAR_MONTH = 3, 31  # how far a count may be from what the dates say
_AGE = re.compile(
    r"(?:(?P<years>\d{1,3})(?:周?岁|[Yy]))?"
    r"(?:零?(?P<months>\d{1,2})(?:个?月(?:龄)?|[Mm])|(?P<of>\d{1,2})\s+(?=\d{1,2}/30))?"
    r"(?:零?(?P<days>\d{1,4})(?:天|日(?:龄)?|[Dd])|(?P<part>\d{1,2})/30)?"
    r"(?:(?P<hours>\d{1,4})(?:个?小时|[Hh]))?",
    re.ASCII,
)
_FRACTION = re.compile(r"0?\.(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Age:
    """An age as it was written: years, and of infants the days; `exact` when no month is in it."""

    years: int
    days: int | None
    exact: bool


def age_of(text: str) -> Age | None:
    """Return what an age with its units says, None for what is no such age.

    >>> age_of("3月"), age_of("3 10/30").days, age_of("2岁3月").years, age_of("28天").days
    (Age(years=0, days=90, exact=False), 100, 2, 28)
    >>> age_of("3周"), age_of("3")
    (None, None)
    """
    plain = bare(text).replace("个 月", "个月")
    found = _AGE.fullmatch(plain)
    if not plain or found is None:
        return None
    years, months, of, days, part, hours = (
        None if found[name] is None else int(found[name])
        for name in ("years", "months", "of", "days", "part", "hours")
    )
    if years:
        return Age(years, None, True)
    months = months if months is not None else of
    days = days if days is not None else part
    if months is None and days is None and hours is None:
        return None if years is None else Age(0, None, True)
    total = DAYS_A_MONTH * (months or 0) + (days or 0) + (hours or 0) // 24
    exact = months is None and part is None
    return Age(total // 365 if exact else (months or 0) // 12, total, exact)


def _years_of(text: str) -> Age | None:
    """Return what a word of the column of years says; a fraction below one has days, too."""
    fraction = _FRACTION.fullmatch(bare(text))
    if fraction is None:
        return age_of(text)
    days = int(Decimal(f"0.{fraction[1]}") * 365)
    return Age(0, days, False) if days else None


def tidy(table: pa.Table, read_as: ReadAs) -> pa.Table:
    """Return a table of our columns, each cell written as its parser takes it, row by row.

    Every door hands its tables on so: column by column, then the ages, which look at several.
    """
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        made = tidy_cells(name, column, read_as)
        if made is not column:
            table = table.set_column(place, name, made)
    return _tidy_ages(table, read_as)


def _tidy_ages(table: pa.Table, read_as: ReadAs) -> pa.Table:
    """Return a table whose ages are numbers of years and of days, as far as they can be known.

    Days of infants that are written in months, or not at all, come from the dates of birth and
    admission where both are given.
    """
    if "age_years" not in table.column_names:
        return table
    has_days = "age_days" in table.column_names
    dated = "birth_date" in table.column_names and "admission_date" in table.column_names
    years = days = None
    if all(_is_whole(table, name) for name in ("age_years", "age_days")[: 1 + has_days]):
        rows = _rows_of_numbers(table, has_days, dated)
    else:
        years = _texts(table, "age_years", 1)
        days = _texts(table, "age_days", 0) if has_days else None
        rows = _rows(years, days, dated)
    if not len(rows):
        return table
    work = _Rows(table, rows, years, days, dated, read_as)
    return work.written()


def _texts(table: pa.Table, name: str, least: int) -> pa.Array | None:
    """Return a column of ages as texts, or None when all are plain numbers."""
    column = table[name]
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_boolean(kind) or pa.types.is_nested(kind) or pa.types.is_temporal(kind):
        return None
    column = numbers_as_texts(
        column, lambda v: (v < 1) | (v != np.floor(v)) if least else v != np.floor(v)
    )
    if column.null_count and not is_text(column.type):
        column = column.cast(pa.string())
    return parse.flat(column).cast(pa.string()) if is_text(column.type) else None


def _is_whole(table: pa.Table, name: str) -> bool:
    """Return whether a column is of whole numbers that fit into 64 bits with a sign."""
    kind = table[name].type
    return bool(pa.types.is_integer(kind)) and kind != pa.uint64()


def _rows_of_numbers(table: pa.Table, has_days: bool, dated: bool) -> NDArray[np.int64]:
    """Return the rows that may need more than their numbers, where all are whole numbers.

    They are those that `_rows` returns of the same numbers as texts.
    """
    missing = -(2**63)
    years, days = (
        np.asarray(table[name].cast(pa.int64()).fill_null(missing), dtype=np.int64)
        for name in ("age_years", "age_days" if has_days else "age_years")
    )
    out = np.empty(len(years), dtype=np.int64)
    return out[: odd_ages(years, days, has_days, dated, missing, out)]


def _rows(years: pa.Array | None, days: pa.Array | None, dated: bool) -> NDArray[np.int64]:
    """Return the rows that may need more than their numbers."""
    parts = [np.zeros(0, dtype=np.int64)]
    if years is not None:
        odd = looked_at(years, 1, 3)
        zero = np.asarray(pc.fill_null(pc.equal(years.take(pa.array(odd)), "0"), False))
        if dated:  # days that are not written come from the dates
            zero &= ~blank(days.take(pa.array(odd))) if days is not None else False
        parts.append(odd[~zero])
        if days is not None:
            parts.append(np.flatnonzero(blank(years)))
    if days is not None:
        odd = looked_at(days, 1, 4)
        plain = np.asarray(pc.fill_null(pc.equal(days.take(pa.array(odd)), "0"), False))
        parts.append(odd[~plain])
    return np.unique(np.concatenate(parts))


class _Rows:
    """The rows of one table whose ages are looked at one by one."""

    def __init__(
        self,
        table: pa.Table,
        rows: NDArray[np.int64],
        years: pa.Array | None,
        days: pa.Array | None,
        dated: bool,
        read_as: ReadAs,
    ) -> None:
        self.table, self.rows, self.read_as = table, rows, read_as
        self.years, self.days = years, days
        self.some = pa.array(rows)
        self.by_birth = np.full(len(rows), -1, dtype=np.int64)
        if dated:
            born, came = (
                parse.dates(table[name].take(self.some))[0].astype(np.int64)
                for name in ("birth_date", "admission_date")
            )
            span = came - born
            known = (born != parse.MISSING_DATE) & (came != parse.MISSING_DATE)
            self.by_birth = np.where(known & (span >= 0) & (span <= YEAR_DAYS), span, -1)

    def written(self) -> pa.Table:
        """Return the table with both columns as they are read."""
        year_words = self._words(self.years, "age_years")
        day_words = self._words(self.days, "age_days")
        out_years, out_days = list(year_words), list(day_words)
        for i, (year, day) in enumerate(zip(year_words, day_words, strict=True)):
            age = None if year.isdigit() and year.isascii() else _years_of(year)
            own = None if day.isdigit() and day.isascii() else age_of(day)
            by_birth = int(self.by_birth[i])
            if age is not None:
                out_years[i] = str(age.years)
                if out_years[i] != year and not _FRACTION.fullmatch(bare(year)):
                    self.read_as.add("age_years", UNIT, year.strip(), out_years[i], 1)
            if own is not None and own.days is not None:
                out_days[i] = self._days(own, by_birth)
                self.read_as.add("age_days", UNIT, day.strip(), out_days[i], 1)
            elif is_empty(day):
                out_days[i] = self._missing_days(out_years[i], age, by_birth, year)
            if is_empty(year) and out_days[i].isdigit() and 0 <= int(out_days[i]) <= YEAR_DAYS:
                out_years[i] = "0"
                self.read_as.add("age_years", NO_YEARS, "", "0", 1)
        table = self._put(self.table, "age_years", self.years, year_words, out_years)
        return self._put(table, "age_days", self.days, day_words, out_days)

    def _words(self, texts: pa.Array | None, name: str) -> list[str]:
        if texts is not None:
            return [word or "" for word in texts.take(self.some).to_pylist()]
        if name not in self.table.column_names:
            return [""] * len(self.rows)
        values = self.table[name].take(self.some).to_pylist()
        return ["" if v is None or v != v else str(v).removesuffix(".0") for v in values]

    def _days(self, age: Age, by_birth: int) -> str:
        """Return the days of an infant: of months those that the dates say, when they agree."""
        assert age.days is not None
        if not age.exact and by_birth >= 0 and abs(by_birth - age.days) <= NEAR_MONTH:
            return str(by_birth)
        return str(age.days)

    def _missing_days(self, years: str, age: Age | None, by_birth: int, written: str) -> str:
        if age is not None and age.days is not None and not age.years:
            made = self._days(age, by_birth)
            self.read_as.add("age_days", UNIT, written.strip(), made, 1)
            return made
        if years == "0" and by_birth >= 0:
            self.read_as.add("age_days", BIRTH_DATE, "", str(by_birth), 1)
            return str(by_birth)
        return ""

    def _put(
        self, table: pa.Table, name: str, texts: pa.Array | None, before: list[str], now: list[str]
    ) -> pa.Table:
        """Return a table with the new words of a column at the rows looked at."""
        if before == now:
            return table
        count = len(table)
        if texts is None and name in table.column_names:
            column = table[name].combine_chunks()
            texts = pc.if_else(column.is_null(), "", column.cast(pa.string()))
        elif texts is None:
            texts = pa.array([""] * count, pa.string())
        mask = np.zeros(count, dtype=np.bool_)
        mask[self.rows] = True
        made = pc.replace_with_mask(texts, pa.array(mask), pa.array(now, pa.string()))
        column = pa.chunked_array([made])
        if name not in table.column_names:
            return table.append_column(name, column)
        return table.set_column(table.column_names.index(name), name, column)


def without_filler(years: NDArray[np.int32], days: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return days of age, missing where a 0 stands for a person of a year or more."""
    return np.where((days == 0) & (years >= 1), parse.MISSING_COUNT, days).astype(np.int32)


def against_birth_date(
    table: pa.Table, years: NDArray[np.int32], days: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return the infants whose days make newborns of them, or none, against their dates.

    The dates of birth and admission say another thing by more than a few days: most often months
    stand in the column of days.
    """
    out = np.zeros(len(table), dtype=np.bool_)
    if not {"birth_date", "admission_date"} <= set(table.column_names):
        return out
    rows = np.flatnonzero((years == 0) & (days >= 0))
    if not len(rows):
        return out
    some = pa.array(rows)
    born, came = (
        parse.dates(table[name].take(some))[0].astype(np.int64)
        for name in ("birth_date", "admission_date")
    )
    span = came - born
    known = (born != parse.MISSING_DATE) & (came != parse.MISSING_DATE) & (span >= 0)
    own = days[rows]
    crossed = (own <= NEWBORN_DAYS) != (span <= NEWBORN_DAYS)
    out[rows] = known & crossed & (np.abs(span - own) > NEAR_DAYS)
    return out
