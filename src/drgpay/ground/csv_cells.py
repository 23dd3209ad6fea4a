"""CSV that a clerk may open: texts that a spreadsheet would take for a formula are neutral.

One rule for all CSV files that we write but tables of schemes and invented regions: a text that
begins with = + - @, a tab or a carriage return, and is no plain number, gets an apostrophe before it;
one that begins with apostrophes and such a sign gets one more. Read back, one apostrophe is taken
away again, so that every value comes back as it was. Parquet and Excel files hold texts as they are.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_BEGINS = "'*[=+\\-@\t\r＝＋－＠]"
_NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?"  # stays a number in every program
_UNSAFE = re.compile(_BEGINS)
_PLAIN = re.compile(_NUMBER)
_NEUTRAL = re.compile(f"'{_BEGINS}")


def neutral_text(text: str) -> str:
    """Return a text as it is written to CSV.

    >>> [neutral_text(text) for text in ("=1+1", "-5.20", "-a", "'=x", "H1", "'tis")]
    ["'=1+1", '-5.20', "'-a", "''=x", 'H1', "'tis"]
    """
    if _UNSAFE.match(text) and not _PLAIN.fullmatch(text):
        return "'" + text
    return text


def restored_text(text: str) -> str:
    """Return a text that was read from CSV as it was before it was written.

    >>> [restored_text(text) for text in ("'=1+1", "-5.20", "''=x", "'tis", "")]
    ['=1+1', '-5.20', "'=x", "'tis", '']
    """
    return text[1:] if _NEUTRAL.match(text) else text


def neutral(table: pa.Table) -> pa.Table:
    """Return a table as it is written to CSV: texts neutral, numbers as they are, no dictionaries."""
    columns = [_written(table.column(place)) for place in range(table.num_columns)]
    return pa.table(columns, names=table.column_names)


def _written(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is written to CSV; a dictionary's words are looked at once each."""
    if plain_type(column.type) != pa.string():
        return column.cast(plain_type(column.type))
    if not pa.types.is_dictionary(column.type):
        return _neutral(column.cast(pa.string()))
    made = [
        pa.DictionaryArray.from_arrays(chunk.indices, _neutral(chunk.dictionary.cast(pa.string())))
        for chunk in column.chunks
    ]
    kind = pa.dictionary(column.type.index_type, pa.string())
    return pa.chunked_array(made, kind).cast(pa.string())


def _neutral(texts: Any) -> Any:
    """Return texts, an array or a column, as they are written to CSV."""
    found = pc.match_substring_regex(texts, "^" + _BEGINS)
    if not pc.any(found).as_py():
        return texts
    found = pc.and_not(found, pc.match_substring_regex(texts, f"^{_NUMBER}$"))
    return pc.if_else(found, pc.binary_join_element_wise("'", texts, ""), texts)


def restored(column: Any) -> Any:
    """Return a column of text that was read from CSV as it was before it was written."""
    if not pc.any(pc.starts_with(column, "'")).as_py():
        return column
    found = pc.match_substring_regex(column, f"^'{_BEGINS}")
    return pc.if_else(found, pc.utf8_slice_codeunits(column, 1), column)


class NeutralCsvWriter:
    """Writes tables as CSV, dictionary columns as the texts that they stand for."""

    def __init__(self, path: Any, schema: pa.Schema) -> None:
        from pyarrow import csv

        self.schema = pa.schema([(f.name, plain_type(f.type)) for f in schema])
        self.writer = csv.CSVWriter(path, self.schema)

    def __enter__(self) -> NeutralCsvWriter:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def write_table(self, table: pa.Table) -> None:
        """Write some more rows."""
        self.writer.write_table(neutral(table).cast(self.schema))

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values in CSV: no dictionary, one kind of text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_large_string, pa.types.is_string_view)
    return pa.string() if any(is_text(kind) for is_text in texts) else kind
