"""The codes of tables with a row for each code, as columns of diagnoses and of procedures."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases import parse
from drgpay.cases.values import ROW_KINDS, by_word, coded
from drgpay.columns import ROW_ORDER, ROW_PARTS

UNREAD = "\x00"  # in the place of a code whose row says neither diagnosis nor procedure


def split_kinds(columns: dict[str, pa.ChunkedArray]) -> dict[str, pa.ChunkedArray]:
    """Return columns with the codes of rows as `diagnoses` and `procedures`, the order behind them.

    A code of a kind that is neither stands where no code can be read, so that its row is a fault.
    """
    parts = {name: columns.pop(name) for name in ROW_PARTS if name in columns}
    for part, whole in (("diagnosis_of_row", "diagnoses"), ("procedure_of_row", "procedures")):
        if part in parts:
            columns[whole] = _texts(parts[part])
    if "code_of_row" in parts:
        codes, kinds = _texts(parts["code_of_row"]), _texts(parts["kind_of_row"])
        meant = by_word(ROW_KINDS)
        words = kinds.combine_chunks().dictionary_encode()
        read = pa.array([coded(w or "", meant) or "" for w in words.dictionary.to_pylist()])
        kind = pc.fill_null(read.take(words.indices), "")
        for whole in ROW_KINDS:
            columns[whole] = pa.chunked_array([pc.if_else(pc.equal(kind, whole), codes, "")])
        unread = pc.and_(pc.equal(kind, ""), pc.greater(pc.binary_length(codes), 0))
        columns["diagnoses"] = pa.chunked_array(
            [pc.if_else(unread, UNREAD, columns["diagnoses"].combine_chunks())]
        )
    if ROW_ORDER in parts:
        columns[ROW_ORDER] = parts[ROW_ORDER]
    return columns


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    flat = parse.flat(column).cast(pa.string())
    return pa.chunked_array([pc.fill_null(pc.utf8_trim_whitespace(flat), "")])
