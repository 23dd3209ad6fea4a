"""The small tables of a capitation folder, checked: communities, areas, members, risk cells.

Their faults stop the run, all of them listed: one wrong row would silently move many people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.capitation.columns import (
    AREAS,
    BUDGET,
    COMMUNITIES,
    KIND_WORDS,
    MEMBERS,
    NO_CHRONIC,
    PERSONS,
    RISK_CELLS,
    VISITS,
    Table,
)
from drgpay.capitation.files import Source, find, open_table
from drgpay.cases import parse
from drgpay.cases.texts import texts_of
from drgpay.ground.errors import Bilingual, InputError, both, located, unknown_choice
from drgpay.ground.money import decimal_fraction, fen_of_yuan

WEIGHT_DP = 6
MAX_WEIGHT = 1000
MAX_AGE = 150
MAX_TOTAL_FEN = 10**15
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


@dataclass
class _Faults:
    found: list[Bilingual] = field(default_factory=list)

    def add(self, where: str, chinese: str, english: str) -> None:
        self.found.append(located(where, both(chinese, english)))

    def value(
        self, where: str, table: Table, column: str, text: str, read: Callable[[str], Any]
    ) -> Any:
        try:
            return read(text)
        except ValueError as error:
            place = both(table.shown(column), column)
            self.found.append(located(where, located(place, error)))
            return None


def read_setup(folder: Path, method: str) -> Setup:
    """Return the tables of a capitation folder; raises InputError that lists every fault."""
    paths, found = find(folder)
    f = _Faults(list(found))
    sources: dict[str, Source] = {}
    for table in (PERSONS, VISITS, COMMUNITIES, AREAS, MEMBERS, RISK_CELLS, BUDGET):
        if paths[table.name]:
            try:
                sources[table.name] = open_table(table, paths[table.name])
            except InputError as error:
                if table.large:
                    f.found.append(_told(error))
                else:
                    f.found.append(located(paths[table.name][0].name, error.what))
                    paths[table.name] = ()
    communities: dict[str, str] = {}
    for where, row in _rows(COMMUNITIES, sources, paths, f):
        if row["community_id"] in communities:
            f.add(
                where, f"医共体“{row['community_id']}”重复", f"{row['community_id']!r} stands twice"
            )
        communities[row["community_id"]] = row["name"] or row["community_id"]
    areas: dict[str, str | None] = {}
    for where, row in _rows(AREAS, sources, paths, f, may_be_empty=("community_id",)):
        if row["area"] in areas:
            f.add(where, f"区域“{row['area']}”重复", f"area {row['area']!r} stands twice")
        areas[row["area"]] = row["community_id"] or None
        if row["community_id"]:
            _known(f, where, row["community_id"], communities)
    members: dict[str, str] = {}
    for where, row in _rows(MEMBERS, sources, paths, f):
        if row["hospital_id"] in members:
            f.add(
                where,
                f"医疗机构“{row['hospital_id']}”已属于一个医共体，只能属于一个",
                f"hospital {row['hospital_id']!r} is in a community already, it may be in one only",
            )
        members[row["hospital_id"]] = row["community_id"]
        _known(f, where, row["community_id"], communities)
    cells = _cells(sources, paths, f)
    total = _total(sources, paths, f, method)
    if not communities and not f.found:
        f.add("communities", "没有医共体", "there is no community")
    if f.found:
        raise InputError(
            both("按人头付费的文件夹不能使用", "the folder of capitation cannot be used"),
            where=folder,
            faults=f.found,
            remedy=both(
                "逐项更正；各表的样式见 docs/capitation.zh-CN.md",
                "mend these; docs/capitation.md shows each table",
            ),
        )
    files = tuple(path for table in paths.values() for path in table)
    notes = tuple(note for name in ("persons", "visits") for note in sources[name].notes)
    return Setup(
        communities,
        areas,
        members,
        cells,
        total,
        sources["persons"],
        sources["visits"],
        files,
        notes,
    )


def _told(error: InputError) -> Bilingual:
    where = Path(error.where).name if error.where else ""
    return located(where, error.what) if where else error.what


def _known(f: _Faults, where: str, community: str, communities: Mapping[str, str]) -> None:
    if community not in communities:
        f.add(
            where,
            f"医共体“{community}”不在 communities 表中",
            f"community {community!r} is not in the table of communities",
        )


def _rows(
    table: Table,
    sources: Mapping[str, Source],
    paths: Mapping[str, tuple[Path, ...]],
    f: _Faults,
    may_be_empty: tuple[str, ...] = (),
) -> list[tuple[str, dict[str, str]]]:
    """Return (place, texts by column) of a small table's rows; empty rows are left out."""
    if table.name not in sources:
        return []
    source, rows = sources[table.name], []
    path = paths[table.name][0]
    wanted = [c.name for c in table.columns if c.required and c.name not in may_be_empty]
    try:
        for piece in source.pieces():
            for number, _ in piece.broken:
                f.add(f"{path.name}:{number}", "字段数与表头不符", "wrong number of fields")
            lost = {place for place, _ in piece.lost}
            columns = {
                name: texts_of(piece.table[name])[0].to_pylist()
                for name in piece.table.column_names
            }
            for place, number in enumerate(piece.numbers.tolist()):
                row = {name: column[place] for name, column in columns.items()}
                if not any(row.values()):
                    continue
                where = f"{path.name}:{number}"
                if place in lost:
                    f.add(
                        where,
                        "编号被存为数字，超过15位的数字已经丢失",
                        "an id is stored as a number: digits beyond the fifteenth are lost",
                    )
                empty = [name for name in wanted if not row[name] and name != "name"]
                for name in empty:
                    f.add(where, f"{table.shown(name)}是空的", f"{name} is empty")
                if not empty:
                    rows.append((where, row))
    except InputError as error:
        f.found.append(_told(error))
    return rows


def _cells(
    sources: Mapping[str, Source], paths: Mapping[str, tuple[Path, ...]], f: _Faults
) -> tuple[Cell, ...]:
    """Return the risk cells; one of weight 1 for everybody where there is no table of them."""
    if "risk_cells" not in sources:
        return (Cell(NO_CELL, Fraction(1)),)
    cells: dict[str, Cell] = {}
    rows = _rows(RISK_CELLS, sources, paths, f)
    for where, row in rows:
        if row["cell"] in cells:
            f.add(where, f"风险单元“{row['cell']}”重复", f"cell {row['cell']!r} stands twice")
        chronic = row.get("chronic", "")
        first = f.value(where, RISK_CELLS, "age_from", row.get("age_from", ""), _age)
        last = f.value(where, RISK_CELLS, "age_to", row.get("age_to", ""), _age)
        if first is not None and last is not None and first > last:
            f.add(
                where,
                f"{RISK_CELLS.shown('age_from')}大于{RISK_CELLS.shown('age_to')}",
                "age_from is above age_to",
            )
        cells[row["cell"]] = Cell(
            row["cell"],
            f.value(where, RISK_CELLS, "weight", row["weight"], _weight) or Fraction(0),
            f.value(where, RISK_CELLS, "kind", row.get("kind", ""), _of(KIND_WORDS)),
            f.value(
                where,
                RISK_CELLS,
                "sex",
                row.get("sex", ""),
                _of({**parse.SEXES, "0": None, "9": None}),
            ),
            first,
            last,
            NO_CHRONIC[0] if chronic in NO_CHRONIC else chronic,
            f.value(
                where,
                RISK_CELLS,
                "inpatient_last_year",
                row.get("inpatient_last_year", ""),
                _of(_FLAGS),
            ),
        )
    if not rows and not f.found:
        f.add(paths["risk_cells"][0].name, "没有风险单元", "there is no risk cell")
    return tuple(cells.values())


_FLAGS: Mapping[str, int | None] = {**parse.FLAGS, "yes": 1, "no": 0}


def _of(words: Mapping[str, int | None]) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        if not text:
            return None
        if words.get(text) is None:
            raise ValueError(both(f"“{text}”不认识", f"{text!r} is unknown"))
        return words[text]

    return read


def _age(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= MAX_AGE):
        raise ValueError(
            both(f"“{text}”不是0至150的整数", f"{text!r} is not a whole number from 0 to 150")
        )
    return int(text)


def _weight(text: str) -> Fraction:
    value = decimal_fraction(text)
    if (value * 10**WEIGHT_DP).denominator != 1:
        raise ValueError(both(f"“{text}”超过六位小数", f"{text!r} has more than six decimals"))
    if not 0 <= value <= MAX_WEIGHT:
        raise ValueError(
            both(f"“{text}”不在0至{MAX_WEIGHT}之间", f"{text!r} is not between 0 and {MAX_WEIGHT}")
        )
    return value


def _total(
    sources: Mapping[str, Source],
    paths: Mapping[str, tuple[Path, ...]],
    f: _Faults,
    method: str,
) -> int | None:
    """Return the sum that share_of_budget divides, in fen; the other method must not have one."""
    rows = _rows(BUDGET, sources, paths, f)
    if method == "rate":
        if "budget" in sources:
            f.add(
                paths["budget"][0].name,
                "人头预算方式（capitation.method）为按人头标准（rate）时，预算由标准算出，请移走此文件",
                "capitation.method = rate computes the budget: take this file away",
            )
        return None
    if method != "share_of_budget":
        raise unknown_choice("capitation.method", method)
    if len(rows) != 1:
        if not any("budget" in str(fault) for fault in f.found):
            f.add(
                "budget.csv",
                "人头预算方式（capitation.method）为预算份额（share_of_budget）时，须有 budget 表，"
                f"只一行：{BUDGET.shown('pool_total_yuan')}",
                "capitation.method = share_of_budget needs one row of pool_total_yuan",
            )
        return None
    where, row = rows[0]
    found = f.value(where, BUDGET, "pool_total_yuan", row["pool_total_yuan"], fen_of_yuan)
    if found is not None and not 0 <= found <= MAX_TOTAL_FEN:
        f.add(
            where,
            f"{BUDGET.shown('pool_total_yuan')}为负或过大",
            "the total is negative or too large",
        )
    return None if found is None else int(found)
