"""The codes of tables with a row for each code, as columns of diagnoses and of procedures."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.arrays import trimmed
from drgpay.cases.values import FURTHER_ROWS, MAIN_ROWS, ROW_KINDS, by_word, coded
from drgpay.names.columns import ROW_ORDER, ROW_PARTS

UNREAD = "\x00"  # before the kind of a row that says neither diagnosis nor procedure
MAIN = "main"  # in the place of the order of a row whose code comes first among its kind
_MAIN_OF = {f"{MAIN} {whole}": words for whole, words in MAIN_ROWS.items()}
_KINDS = {
    **{whole: (*words, *FURTHER_ROWS[whole]) for whole, words in ROW_KINDS.items()},
    **_MAIN_OF,
}


def split_kinds(columns: dict[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
    """Return columns with the codes of rows as `diagnoses` and `procedures`, the order behind them.

    The kind of a row that is neither stands where no code can be read, so that its row is a fault.
    A row of the main diagnosis or procedure has `MAIN` for its order.
    """
    parts = {name: columns.pop(name) for name in ROW_PARTS if name in columns}
    for part, whole in (("diagnosis_of_row", "diagnoses"), ("procedure_of_row", "procedures")):
        if part in parts:
            columns[whole] = _texts(parts[part])
    if "code_of_row" in parts:
        codes, kinds = _texts(parts["code_of_row"]), _texts(parts["kind_of_row"])
        meant = by_word(_KINDS)
        words = kinds.combine_chunks().dictionary_encode()
        read = pa.array([coded(w or "", meant) or "" for w in words.dictionary.to_pylist()])
        kind = pc.fill_null(read.take(words.indices), "")
        main = pc.starts_with(kind, MAIN)
        if pc.any(main).as_py():
            order = parts.get(ROW_ORDER)
            given = pa.nulls(len(kind), pa.string()) if order is None else _texts(order)
            parts[ROW_ORDER] = pa.chunked_array([pc.if_else(main, MAIN, _one(given))])
            kind = pc.replace_substring(kind, f"{MAIN} ", "")
        for whole in ROW_KINDS:
            columns[whole] = pa.chunked_array([pc.if_else(pc.equal(kind, whole), codes, "")])
        unread = pc.and_(pc.equal(kind, ""), pc.greater(pc.binary_length(codes), 0))
        columns["diagnoses"] = pa.chunked_array(
            [pc.if_else(unread, _unread(kinds), columns["diagnoses"].combine_chunks())]
        )
    if ROW_ORDER in parts:
        columns[ROW_ORDER] = parts[ROW_ORDER]
    return columns


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    return column.combine_chunks().cast(pa.string())


def _unread(kinds: pa.ChunkedArray) -> pa.Array:
    return pc.binary_join_element_wise(UNREAD, _one(kinds), "")


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([pc.fill_null(trimmed(column), "")])
