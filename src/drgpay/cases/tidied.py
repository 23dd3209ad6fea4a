"""Tables as every door hands them on: column by column, then the ages, which look at several."""

from __future__ import annotations

import pyarrow as pa

from drgpay.cases.ages import tidy_ages
from drgpay.cases.tidy import ReadAs, tidy_cells


def tidy(table: pa.Table, read_as: ReadAs) -> pa.Table:
    """Return a table of our columns, each cell written as its parser takes it, row by row."""
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        made = tidy_cells(name, column, read_as)
        if made is not column:
            table = table.set_column(place, name, made)
    return tidy_ages(table, read_as)
