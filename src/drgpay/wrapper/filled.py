"""Tables that people fill in for the budget's year: a folder of them, or one file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from drgpay.ground.errors import both
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table
from drgpay.tables.reader import Reader

Place = TypeVar("Place", bound=Hashable)
WHO = (Column("hospital_id", kinds.code), Column("pool", kinds.code))
FAULTY = both("表格有误", "the tables have faults")
MEND = both("逐条改正后重试", "mend each and try again")


def read_tables(folder: Path, *tables: Table) -> list[list[Row]]:
    """Return the rows of tables of a folder; raises InputError with all faults."""
    reader = Reader(folder)
    rows = [reader.read(table) for table in tables]
    reader.refuse(folder, FAULTY, MEND)
    return rows


def read_table(path: Path, table: Table) -> Sequence[Row]:
    """Return the rows of a table in a file of any name; raises InputError with all faults."""
    reader = Reader(path.parent)
    rows = reader.read(table, path=path, required=True)
    reader.refuse(path, FAULTY, MEND)
    return rows


def paid_beyond(
    owed: Mapping[Place, int], paid: Iterable[tuple[Row, Place, int]]
) -> Iterator[tuple[Row, Place, int]]:
    """Yield each row by which a place has paid more than it owes, with what is too much, in fen.

    Rows of one place add up in their order.
    """
    left = dict(owed)
    for row, place, fen in paid:
        left[place] = left.get(place, 0) - fen
        if left[place] < 0:
            yield row, place, -left[place]
