"""Rows that cannot go on: where they stand, what is wrong with them and what to do.

One visible list of reasons; each names its column, so that a clerk finds the cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import pyarrow as pa

from drgpay.ground.languages import choose, is_chinese
from drgpay.names.columns import both_names
from drgpay.names.interface import FIELDS, NODES
from drgpay.names.reasons import QUARANTINED
from drgpay.names.run_tables import schema_of


class RowNote(str):
    """What is shown of a row that never became a row of a table, and which fault it has.

    A reader puts it in `Source.broken` where the fault is another than `row_broken`.
    """

    reason: str
    column: str
    case_id: str
    times: int  # rows that it stands for

    def __new__(
        cls, value: str, reason: str, column: str = "", case_id: str = "", times: int = 1
    ) -> RowNote:
        """Make the note; as a plain string it is the value."""
        note = super().__new__(cls, value)
        note.reason, note.column, note.case_id, note.times = reason, column, case_id, times
        return note


MAX_LISTED = 100_000


class BrokenRows(list[tuple[str, int, str]]):
    """Rows that are no table rows, as (file, row, text): the first ones one by one, the rest counted.

    Behind `MAX_LISTED` the faults of one file and reason are one entry, so that a file of nothing
    but faults takes no more memory than a good one. `len` counts them all.
    """

    def __init__(self, rows: Iterable[tuple[str, int, str]] = ()) -> None:
        super().__init__()
        self.more = 0
        self.counted: dict[tuple[str, str], int] = {}  # file and reason → place of their entry
        self.extend(rows)

    def append(self, row: tuple[str, int, str]) -> None:
        """Add a row, or count it with others."""
        file, number, text = row
        times, reason = 1, _BROKEN
        if isinstance(text, RowNote):
            times, reason = text.times, text.reason
        if super().__len__() < MAX_LISTED:
            self.more += times - 1
            super().append(row)
            return
        key = (file, reason) if len(self.counted) < _MOST_FILES else ("", reason)
        place = self.counted.get(key)
        if place is None:
            self.counted[key] = super().__len__()
            self.more += times - 1
            super().append((file, number, RowNote(f"×{times}", reason, times=times)))
            return
        file, number, last = self[place]
        times += last.times if isinstance(last, RowNote) else 1
        self[place] = (file, number, RowNote(f"×{times}", reason, times=times))
        self.more = self.more + (text.times if isinstance(text, RowNote) else 1)

    def extend(self, rows: Iterable[tuple[str, int, str]]) -> None:
        """Add rows."""
        for row in rows:
            self.append(row)

    def __len__(self) -> int:
        return super().__len__() + self.more

    def __iadd__(self, rows: Iterable[tuple[str, int, str]]) -> Self:  # type: ignore[override, misc]
        self.extend(rows)
        return self


_MOST_FILES = 1_000
_BROKEN = "row_broken"


SCHEMA = schema_of("quarantine")
MAX_SHOWN = 120


@dataclass
class Quarantine:
    """Collects quarantined rows as they are met; `rows` is in the order of the input."""

    rows: list[tuple[str, int, str, str, str, str]] = field(default_factory=list)
    more: int = 0  # rows that share a note with another

    def add(
        self, file: str, row: int, case_id: str | None, column: str, value: object, reason: str
    ) -> None:
        """Note one row: `row` is the number that the file shows it with (docs/formats.md)."""
        if isinstance(value, RowNote):
            case_id, column, reason = value.case_id, value.column, value.reason
            self.more += value.times - 1
        shown = "" if value is None else str(value)
        if len(shown) > MAX_SHOWN:
            shown = shown[:MAX_SHOWN] + "…"
        self.rows.append((file, row, case_id or "", column, shown, reason))

    def take(self, other: Quarantine) -> None:
        """Add the rows of another."""
        self.rows.extend(other.rows)
        self.more += other.more

    def __len__(self) -> int:
        return len(self.rows) + self.more

    def table(self, lang: str = "zh") -> pa.Table:
        """Return the rows with message and remedy in the language asked for."""
        reasons = [QUARANTINED[row[5]] for row in self.rows]
        messages = [r.message.of(lang) for r in reasons]
        remedies = [r.remedy.of(lang) for r in reasons]
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * 6
        return pa.table([*columns, messages, remedies], schema=SCHEMA)


MOST_WHY = 10  # reasons that a command tells at its end


@dataclass
class Why:
    """How many rows each reason took, and the first of them: what a command tells at its end."""

    seen: dict[tuple[str, str], tuple[int, tuple[str, int, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, notes: Quarantine) -> Self:
        """Return why the rows of one quarantine are in it."""
        why = cls()
        why.add(notes)
        return why

    def add(self, notes: Quarantine) -> None:
        """Count the rows of a quarantine."""
        for file, row, _, column, value, reason in notes.rows:
            count, first = self.seen.get((reason, column), (0, (file, row, value)))
            self.seen[reason, column] = (count + _times(value), first)

    def lines(self, lang: str = "zh") -> list[str]:
        """Return a line a reason, the most frequent first: column, what, how many, where, remedy.

        >>> notes = Quarantine()
        >>> notes.add("a.csv", 7, "c6", "age_years", "abc", "age_invalid")
        >>> why = Why(); why.add(notes); why.lines("en")
        ["age_years: age is missing or not a number from 0 to 150: 1 row, as a.csv:7 'abc' (enter completed years in half-width digits; 0 below one year, with age_days)"]
        """
        order = sorted(self.seen.items(), key=lambda item: -item[1][0])
        made = [_why_line(*key, *found, lang) for key, found in order[:MOST_WHY]]
        rest = sum(count for _, (count, _) in order[MOST_WHY:])
        if rest:
            made.append(choose(lang, f"其余原因 {rest:,} 行", f"other reasons: {rest:,} rows"))
        return made


def _why_line(reason: str, column: str, count: int, first: tuple[str, int, str], lang: str) -> str:
    file, row, value = first
    what = QUARANTINED[reason]
    several = _times(value) > 1
    if is_chinese(lang):
        head = f"{both_names(column, _title(column))}：" if column else ""
        shown = "" if several else f" “{value}”" if value else " 空缺"
        return f"{head}{what.message.chinese}，{count:,} 行，如 {file} 第{row}行{shown}；{what.remedy.chinese}"
    head = f"{column}: " if column else ""
    rows = "row" if count == 1 else "rows"
    shown = "" if several else f" {value!r}" if value else " empty"
    return f"{head}{what.message}: {count:,} {rows}, as {file}:{row}{shown} ({what.remedy})"


def _title(column: str) -> str:
    """Return the Chinese title of a field or node of a settlement list, empty for others."""
    titles = (field.chinese for field in FIELDS if field.name == column)
    return NODES.get(column) or next(titles, "")


def _times(value: str) -> int:
    """Return for how many rows a note stands: its value is ×n for several."""
    return int(value[1:]) if value[:1] == "×" and value[1:].isdecimal() else 1
