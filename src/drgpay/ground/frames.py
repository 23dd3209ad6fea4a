"""Results whose heart is a table: a pandas frame when asked for, short in shells and notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pyarrow as pa

from drgpay.ground.errors import Bilingual

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10  # rows in a notebook


class Framed:
    """What a result gives that has a table and can be summed up in a line."""

    def _table(self) -> pa.Table:
        raise NotImplementedError

    def _line(self) -> Bilingual:
        raise NotImplementedError

    def to_pandas(self) -> pd.DataFrame:
        """Return the result's table as a pandas DataFrame, one row a row, money in fen."""
        return self._table().to_pandas()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._line()}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the line, the first rows, how many there are."""
        table, line = self._table(), self._line()
        frame = table.slice(0, SHOWN).to_pandas()
        left = len(table) - len(frame)
        more = f"<p>… 另有{left:,}行 ({left:,} more rows)</p>" if left else ""
        said = f"<p>{html.escape(line.chinese)}<br>{html.escape(line)}</p>"
        shown: str = frame.to_html(index=False, border=0, na_rep="")
        return said + shown + more
