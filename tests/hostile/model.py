"""What a kind of hostile input is: how it is made, and what must come of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch

Row = dict[str, str]

HEADERS = (
    "case_id hospital_id pool sex age_years admission_date discharge_date diagnoses procedures "
    "total_cost pool_fund"
).split()
# three cases of the invented scheme of EX1: a stomach operation, a child, an operation with a CC
DRGS = ("GB15", "GZ10", "GB13")
ROWS: tuple[Row, ...] = tuple(
    dict(zip(HEADERS, line.split(","), strict=True))
    for line in (
        "A1,H1,310,M,61,2024-03-01,2024-03-09,K25.900,43.7x00,12000.50,8000.25",
        "A2,H2,310,F,16,2024-04-02,2024-04-05,K25.900,,3000.00,2000.00",
        "A3,H1,390,M,70,2024-05-06,2024-05-20,K25.900|E11.900,43.7x00,25000.10,15000.01",
    )
)


@dataclass(frozen=True)
class Refused:
    """The whole input is refused: what the message says, in Chinese and English, and the exit code.

    `names` is the file that the message names, when it is not the one that is given.
    """

    zh: str
    en: str
    code: int = 5
    names: str = ""


@dataclass(frozen=True)
class Read:
    """The input is read: every one of `rows` rows is grouped, or quarantined for its reason.

    `drgs`: the groups of the rows of the table in order, None for a quarantined one, "0000" for an
    ungroupable one. `quarantined`: reason → rows. `values`: column → the values of the rows as they
    must stand after reading. `changes`: codes read otherwise than written, (written, read as).
    """

    rows: int = 3
    drgs: Sequence[str | None] | None = DRGS
    quarantined: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    changes: tuple[tuple[str, str], ...] = ()
    said: str = ""  # what the command must say of it in Chinese, besides the counts


@dataclass(frozen=True)
class Kind:
    """One kind of hostile input.

    `make` writes files into a folder (the current one) and returns the object to be grouped when
    it is no file. `given` are the arguments that name the input. `during` is called before the
    command and may change what happens while it runs. `area` says how it is run: `cases` by group,
    explain, cases check and cases convert; `year` by year-end; `object` by the library; `scheme`
    by scheme check and group; `out` by group alone.
    """

    name: str
    zh: str
    en: str
    make: Callable[[Path], Any]
    outcome: Refused | Read
    given: tuple[str, ...] = ("cases.csv",)
    area: str = "cases"
    during: Callable[[MonkeyPatch, Path], None] | None = None
    out: str = "out.csv"
    options: tuple[str, ...] = ()
    not_by: tuple[str, ...] = ()  # commands that have nothing to do with it
    alone: bool = False  # run as a process of its own with bounded memory
    long: bool = False
    issue: bool = False  # named by the issue


def with_cell(column: str, value: str, row: int = 1, rows: Sequence[Row] = ROWS) -> list[Row]:
    """Return rows with one cell changed."""
    changed = [dict(r) for r in rows]
    changed[row][column] = value
    return changed


def csv_text(
    rows: Iterable[Mapping[str, str]] = ROWS,
    headers: Sequence[str] = HEADERS,
    delimiter: str = ",",
    line_end: str = "\n",
    names: Mapping[str, str] | None = None,
) -> str:
    """Return rows as CSV; `names` gives headers other names."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=line_end)
    writer.writerow([(names or {}).get(header, header) for header in headers])
    writer.writerows([[row.get(header, "") for header in headers] for row in rows])
    return stream.getvalue()


def text(content: str, encoding: str = "utf-8", name: str = "cases.csv") -> Callable[[Path], None]:
    """Return a maker of one text file."""
    return raw(content.encode(encoding), name)


def raw(content: bytes, name: str = "cases.csv") -> Callable[[Path], None]:
    """Return a maker of one file of bytes."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return make
