"""Reads declared tables of a folder, and collects all their faults: file, row, column, value."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from drgpay.cases.layout import two_columns
from drgpay.ground.errors import Bilingual, InputError, both, fault_at, located
from drgpay.tables.declared import FILLED, Column, Row, Table
from drgpay.tables.kinds import code
from drgpay.tables.rows import SUFFIXES, Line, UnreadableTable, read_lines

TOTALS = ("合计", "总计", "total")
NUMBER = "row_number"  # of a form's rows: one with nothing else is an empty one


@dataclass(frozen=True, slots=True)
class _Linked:
    """Values that a column may link to, and the file that has them."""

    values: Collection[Any]
    of: str


class Reader:
    """Reads the tables of a folder, one after the other; those that are linked to come first.

    `faults` has whatever is wrong, `files` what was read, `unsound` the tables that could not be
    read as tables: what is not in them is no fault of its own. Who has read all tables refuses them
    together.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str] = SUFFIXES) -> None:
        self.folder = folder
        self.suffixes = suffixes
        self.faults: list[Bilingual] = []
        self.files: list[Path] = []
        self.unsound: set[str] = set()
        self._given: dict[str, _Linked] = {}
        self._paths: dict[str, Path] = {}

    def add(self, where: object, chinese: str, english: str) -> None:
        """Note a fault."""
        self.faults.append(fault_at(where, chinese, english))

    def refuse(self, where: Path, what: Bilingual, remedy: Bilingual) -> None:
        """Raise InputError with all faults, if there are any."""
        if self.faults:
            raise InputError(what, where=where, faults=self.faults, remedy=remedy)

    def give(self, name: str, values: Collection[Any], of: str) -> None:
        """Say which values columns that link to `name` may have, and which file has them."""
        self._given[name] = _Linked(values, of)

    def there(self, table: Table) -> bool:
        """Whether a table has a file."""
        return self.path(table).exists()

    def path(self, table: Table) -> Path:
        """Return the file of a table: its CSV, or another file of the same name."""
        if table.name not in self._paths:
            self._paths[table.name] = self._find(table)
        return self._paths[table.name]

    def _find(self, table: Table) -> Path:
        paths = [self.folder / f"{table.name}{suffix}" for suffix in self.suffixes]
        found = [path for path in paths if path.exists()]
        if len(found) > 1:
            names = [path.name for path in found]
            self.add(
                f"{table.name}.csv",
                f"同一张表有几个文件：{'、'.join(names)}，只留其一",
                f"keep one of {', '.join(names)}",
            )
            self.unsound.add(table.name)
        return found[0] if found else self.folder / f"{table.name}.csv"

    def read(
        self, table: Table, *, path: Path | None = None, required: bool | None = None
    ) -> list[Row]:
        """Return the rows of a table; none where it is not there. `path`: a file of any name."""
        if path is not None:
            self._paths[table.name] = path
        path, before = self.path(table), len(self.faults)
        must = table.required if required is None else required
        rows: list[Row] = []
        if path.exists():
            self.files.append(path)
            places, lines = self._lines(table, path)
            if not places:
                self.unsound.add(table.name)
            rows = [
                self._row(
                    table,
                    f"{path.name}:{line.number}",
                    line.number,
                    {name: line.fields[place] for name, place in places.items()},
                    [name for name, place in places.items() if place in line.lost],
                )
                for line in lines
            ]
        elif must:
            chinese = "、".join(table.shown(name) for name in table.needed)
            self.add(
                either(table),
                f"缺少这个文件，表头为 {chinese}",
                f"missing; columns {', '.join(table.needed)}",
            )
            self.unsound.add(table.name)
        if table.filled and path.exists() and not rows and len(self.faults) == before:
            self.add(path.name, "没有一行", "no row")
            self.unsound.add(table.name)
        self._rows_together(table, path.name, rows, must)
        return rows

    def entries(
        self,
        table: Table,
        entries: Sequence[Mapping[str, Any]],
        where: Sequence[Bilingual],
        file: str,
    ) -> list[Row]:
        """Return entries of a TOML file as the rows of a table, each at its place."""
        rows = []
        for number, (entry, place) in enumerate(zip(entries, where, strict=True), start=1):
            known = {column.name for column in table.columns}
            for word in sorted(set(entry) - known):
                self.add(place, f"没有“{word}”这一项", f"unknown entry {word!r}")
            cells = {
                name: str(value).lower() if isinstance(value, bool) else str(value).strip()
                for name, value in entry.items()
            }
            rows.append(self._row(table, place, number, cells))
        self._rows_together(table, file, rows, False)
        return rows

    def _lines(self, table: Table, path: Path) -> tuple[dict[str, int], list[Line]]:
        """Return where each column stands, and the rows below the header; none with a fault."""
        try:
            lines = read_lines(path, lambda header: table.meaning(header) is not None)
        except UnreadableTable as error:
            self.faults.append(located(path.name, error.text))
            return {}, []
        if table.form:
            lines = self._form_lines(table, path.name, lines)
        headers = [word.strip() for word in lines[0].fields] if lines else []
        while headers and not headers[-1]:
            headers.pop()
        names = [table.meaning(word) or word for word in headers]
        doubled = [
            two_columns(table.shown(name), name, headers[names.index(name)], headers[place])
            for place, name in enumerate(names)
            if name in names[:place]
        ]
        if doubled:
            for fault in doubled:
                self.add(path.name, f"{fault.chinese}，只留其一", f"{fault}: keep one")
            return {}, []
        lacking = [name for name in table.needed if name not in names]
        strange = [name for name in names if name not in {c.name for c in table.columns}]
        if lacking or strange:
            self._refuse_header(table, path.name, names, lacking, strange)
            return {}, []
        whole = []
        for line in lines[1:]:
            if len(line.fields) < len(names) or any(line.fields[len(names) :]):
                self.add(f"{path.name}:{line.number}", "字段数与表头不符", "wrong number of fields")
            else:
                whole.append(line)
        return {name: place for place, name in enumerate(names)}, whole

    def _form_lines(self, table: Table, file: str, lines: list[Line]) -> list[Line]:
        """Return header and rows of a form, without what is printed above and below them.

        A row below the line of totals is a fault: it would be lost.
        """
        needed = set(table.needed)
        top = next(
            (at for at, line in enumerate(lines) if needed <= set(map(table.meaning, line.fields))),
            0,
        )
        own = lines[top:]
        end = next((at for at, line in enumerate(own) if at and _is_total(line)), len(own))
        for line in own[end + 1 :]:
            if sum(map(bool, line.fields)) > len(needed):
                self.add(
                    f"{file}:{line.number}",
                    "合计行以下还有内容，请移到合计行之上",
                    "a row below the line of totals: move it above",
                )
        number = [table.meaning(field) == NUMBER for field in own[0].fields] if own else []
        return own[:1] + [
            line
            for line in own[1:end]
            if any(field for field, counts in zip_longest(line.fields, number) if not counts)
        ]

    def _refuse_header(
        self, table: Table, file: str, names: list[str], lacking: list[str], strange: list[str]
    ) -> None:
        may = [column.name for column in table.columns if column.optional]
        found, needed, allowed, missing, more = (
            "、".join(map(table.shown, words))
            for words in (names, table.needed, may, lacking, strange)
        )
        self.add(
            file,
            f"表头是 {found or '空的'}，应为 {needed}"
            + (f"，另可有 {allowed}" if allowed else "")
            + (f"；请补上 {missing}" if lacking else "")
            + (f"；请删去 {more}" if strange else ""),
            f"columns are {', '.join(names)}; must be {', '.join(table.needed)}"
            + (f", and may be {', '.join(may)}" if may else ""),
        )

    def _row(
        self,
        table: Table,
        where: Bilingual | str,
        number: int,
        cells: Mapping[str, str],
        lost: Sequence[str] = (),
    ) -> Row:
        before = len(self.faults)
        for name in lost:
            if table.column(name).kind is code:
                self.add(
                    where,
                    f"{table.shown(name)}被存为数字，超过15位的数字已经丢失",
                    f"{name} is stored as a number: digits beyond the fifteenth are lost",
                )
        values = {c.name: self.cell(c, where, cells.get(c.name)) for c in table.columns}
        row = Row(where, number, values, len(self.faults) == before)
        if row.sound:
            found = (rule(row) for rule in table.row_rules)
            self.faults += [located(where, fault) for fault in found if fault is not None]
        return row

    def cell(self, column: Column, where: Bilingual | str, cell: str | None) -> Any:
        """Return the value of a cell; None, with its fault noted, when it has none."""
        if cell is None and column.empty is FILLED:
            self.add(where, f"缺少{column.shown}", f"no {column.name}")
            return None
        if not cell:
            if column.empty is FILLED:
                self.add(where, f"{column.shown}是空的", f"{column.name} is empty")
            return None if column.empty is FILLED else column.empty
        try:
            value = column.kind(cell)
        except ValueError as error:
            place = both(column.shown, column.name)
            self.faults.append(located(where, located(place, error)))
            return None
        if column.link and not self._links(column, value):
            of = self._given[column.link].of
            self.add(
                where,
                f"{column.shown}“{cell}”不在 {of} 中{column.hint.chinese}",
                f"{column.name} {cell!r} is not in {of}{column.hint}",
            )
            return None
        return value

    def _links(self, column: Column, value: Any) -> bool:
        """Whether a value is where it must be; what cannot be read says so itself."""
        return column.link in self.unsound or value in self._given[column.link].values

    def _rows_together(self, table: Table, file: str, rows: Sequence[Row], must: bool) -> None:
        """Note the faults that rows have together, and keep what other tables may link to."""
        first: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = row.of(*table.unique)
            named = [(name, row[name]) for name in table.unique if row[name] not in (None, "")]
            if named and first.setdefault(key, row.number) != row.number:
                chinese = "、".join(f"{table.shown(name)}“{value}”" for name, value in named)
                english = " and ".join(f"{name} {value!r}" for name, value in named)
                stands = "stand" if named[1:] else "stands"
                self.add(
                    row.where,
                    f"{chinese}重复，第{first[key]}行已有{table.twice.chinese}",
                    f"{english} {stands} twice: row {first[key]} has it{table.twice}",
                )
        if must and table.each and table.name not in self.unsound:
            own, linked = {row[table.each] for row in rows}, table.column(table.each).link
            if linked not in self.unsound:
                for value in sorted(set(self._given[linked].values) - own):
                    self.add(
                        file,
                        f"没有{table.shown(table.each)}“{value}”的行，每个须有一行",
                        f"no row for {table.each} {value!r}; each needs one",
                    )
        for rule in table.rules:
            self.faults += rule(file, rows)
        if table.linked:
            self.give(table.name, {row[table.linked] for row in rows}, file)


def _is_total(line: Line) -> bool:
    """Whether a line of a form begins with its totals."""
    first = next((field for field in line.fields if field), "")
    return "".join(first.split()).casefold() in TOTALS


def either(table: Table) -> Bilingual:
    """Return how a table that is not there may be called."""
    name = table.name
    return both(f"{name}.xlsx 或 {name}.csv", f"{name}.xlsx or {name}.csv")
