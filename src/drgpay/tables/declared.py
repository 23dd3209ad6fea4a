"""What a small table is: its columns with their kinds and headers, what is unique, what it links to.

A table is declared once; `reader` reads it, `writer` writes it, a test holds the documents to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final, TypeVar, cast

from drgpay.ground.errors import Bilingual
from drgpay.names.columns import both_names, normal_header
from drgpay.names.table_headers import HEADERS, shown
from drgpay.tables.kinds import Kind, text

T = TypeVar("T")

UNITS = ("(元)", "(岁)", "(月)")  # that headers may end in
NOTHING = Bilingual("", "")
FILLED: Final = object()  # an empty cell is a fault


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `empty`: what an empty cell counts as; without it, an empty cell is a fault.

    `optional` columns may be left out of the header, their cells count as empty. `link`: the table
    (or another list that the reader is given) which has every value of this column, in a column of
    the same name; `hint` is added to the fault of one that it has not. `header`: the key of its
    Chinese headers, where it is not the name.
    """

    name: str
    kind: Kind = text
    empty: Any = FILLED
    optional: bool = False
    link: str = ""
    hint: Bilingual = NOTHING
    header: str = ""

    @property
    def headers(self) -> tuple[str, ...]:
        """The Chinese headers by which it is known too."""
        return HEADERS.get(self.header or self.name, ())

    @property
    def shown(self) -> str:
        """The column as Chinese texts name it."""
        headers = self.headers  # those of another column may be its own
        return both_names(self.name, headers[0]) if headers else shown(self.name)


def optional(
    name: str, kind: Kind = text, empty: Any = "", *, link: str = "", header: str = ""
) -> Column:
    """Return a column that may be left out of the header."""
    return Column(name, kind, empty, optional=True, link=link, header=header)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read: its place, its number in the file, and the value of each column.

    A row with a faulty cell is not `sound`; the value of such a cell is None.
    """

    where: Bilingual | str
    number: int
    cells: Mapping[str, Any]
    sound: bool = True

    def __getitem__(self, name: str) -> Any:
        """Return the value of a column."""
        return self.cells[name]

    def of(self, *names: str) -> tuple[Any, ...]:
        """Return the values of some columns."""
        return tuple(self.cells[name] for name in names)

    def record(self, kind: type[T], **given: Any) -> T:
        """Return a record of the row: `given` fields, others by their column; `_fen` is of `_yuan`."""
        columns = {name.replace("_yuan", "_fen"): value for name, value in self.cells.items()}
        names = [own.name for own in fields(cast(Any, kind))]
        return kind(**{name: columns[name] for name in names if name in columns} | given)


# what is wrong with a sound row by itself; what is wrong with a file's rows together, placed
RowRule = Callable[[Row], Bilingual | None]
Rule = Callable[[str, Sequence[Row]], Iterator[Bilingual]]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of a folder, by the name of its file without the ending.

    `unique` columns together are different in each row; `twice` is added to the fault of a row
    that is like another. `linked`: the column that other tables
    link to. `each`: a column of which every value that it may link to needs a row, `filled`: there
    must be a row; both where the table is required. `large`: read as a stream, faulty rows are
    quarantined, columns that mean nothing passed over. `form`: a printed form that comes back filled:
    lines above the header, and from the line of totals on, are passed over.
    """

    name: str
    columns: tuple[Column, ...]
    required: bool = False
    unique: tuple[str, ...] = ()
    twice: Bilingual = NOTHING
    linked: str = ""
    each: str = ""
    filled: bool = False
    row_rules: tuple[RowRule, ...] = ()
    rules: tuple[Rule, ...] = ()
    large: bool = False
    form: bool = False

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)

    def shown(self, name: str) -> str:
        """Return a column as Chinese texts name it; what is no column of this table as it is."""
        return next((c.shown for c in self.columns if c.name == name), name)

    @property
    def needed(self) -> list[str]:
        """The columns that the header must have."""
        return [column.name for column in self.columns if not column.optional]

    def meaning(self, header: str) -> str | None:
        """Return the column that a header means, or None."""
        plain = normal_header(header)
        for unit in UNITS:
            plain = plain.removesuffix(unit)
        return _by_header(self).get(plain)


@cache
def _by_header(table: Table) -> Mapping[str, str]:
    return {
        normal_header(header): column.name
        for column in table.columns
        for header in (column.name, *column.headers)
    }
