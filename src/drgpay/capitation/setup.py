"""The small tables of a capitation folder, checked: communities, areas, members, risk cells.

Their faults stop the run, all of them listed: one wrong row would silently move many people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from drgpay.capitation.files import SUFFIXES, Source, find, open_table
from drgpay.capitation.tables import (
    AREAS,
    BUDGET,
    COMMUNITIES,
    LARGE,
    MEMBERS,
    RISK_CELLS,
    SMALL,
    TABLES,
)
from drgpay.ground.errors import Bilingual, InputError, both, located, unknown_choice
from drgpay.tables.declared import Row
from drgpay.tables.reader import Reader

NO_CELL = "-"


@dataclass(frozen=True, slots=True)
class Cell:
    """A risk cell; None or empty stands for any, `chronic` "none" for no chronic disease."""

    id: str
    weight: Fraction
    kind: int | None = None
    sex: int | None = None
    age_from: int | None = None
    age_to: int | None = None
    chronic: str = ""
    inpatient: int | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """The region's communities with what belongs to them; `areas` of no community are None.

    `total_fen` is the sum to be shared, where the method is share_of_budget.
    """

    communities: Mapping[str, str]
    areas: Mapping[str, str | None]
    members: Mapping[str, str]
    cells: tuple[Cell, ...]
    total_fen: int | None
    persons: Source
    visits: Source
    files: tuple[Path, ...]
    notes: tuple[Bilingual, ...]


def read_setup(folder: Path, method: str) -> Setup:
    """Return the tables of a capitation folder; raises InputError that lists every fault."""
    r = Reader(folder, SUFFIXES)
    paths, found = find(folder)
    r.faults += found
    sources: dict[str, Source] = {}
    for table in LARGE:
        if paths[table.name]:
            try:
                sources[table.name] = open_table(table, paths[table.name])
            except InputError as error:
                where = Path(error.where).name if error.where else ""
                r.faults.append(located(where, error.what) if where else error.what)
    rows = {table: r.read(table) for table in SMALL}
    _check_budget(r, rows[BUDGET], method)
    r.refuse(
        folder,
        both("按人头付费的文件夹不能使用", "the folder of capitation cannot be used"),
        both(
            "逐项更正；各表的样式见 docs/capitation.zh-CN.md",
            "mend these; docs/capitation.md shows each table",
        ),
    )
    return Setup(
        communities={
            row["community_id"]: row["name"] or row["community_id"] for row in rows[COMMUNITIES]
        },
        areas={row["area"]: row["community_id"] for row in rows[AREAS]},
        members={row["hospital_id"]: row["community_id"] for row in rows[MEMBERS]},
        cells=tuple(map(_cell, rows[RISK_CELLS])) or (Cell(NO_CELL, Fraction(1)),),
        total_fen=next((row["pool_total_yuan"] for row in rows[BUDGET]), None),
        persons=sources["persons"],
        visits=sources["visits"],
        files=tuple(
            path
            for table in TABLES
            for path in (paths[table.name] if table.large else [r.path(table)])
            if path.exists()
        ),
        notes=tuple(note for table in LARGE for note in sources[table.name].notes),
    )


def _cell(row: Row) -> Cell:
    """Return a risk cell; where there is no table of them, everybody is in one of weight 1."""
    return row.record(Cell, id=row["cell"], inpatient=row["inpatient_last_year"])


def _check_budget(r: Reader, rows: Sequence[Row], method: str) -> None:
    """Fail unless share_of_budget has one sum to divide, and the other method none."""
    if method == "rate":
        if r.there(BUDGET):
            r.add(
                r.path(BUDGET).name,
                "人头预算方式（capitation.method）为按人头标准（rate）时，预算由标准算出，请移走此文件",
                "capitation.method = rate computes the budget: take this file away",
            )
    elif method != "share_of_budget":
        raise unknown_choice("capitation.method", method)
    elif len(rows) != 1 and BUDGET.name not in r.unsound:
        r.add(
            r.path(BUDGET).name,
            "人头预算方式（capitation.method）为预算份额（share_of_budget）时，须有 budget 表，"
            f"只一行：{BUDGET.shown('pool_total_yuan')}",
            "capitation.method = share_of_budget needs one row of pool_total_yuan",
        )
