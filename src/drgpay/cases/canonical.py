"""A table of cases in our columns and types: what `drgpay cases convert` writes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.ages import against_birth_date
from drgpay.cases.arrays import (
    as_lists,
    blank,
    is_text,
    lengths_of,
    numbers_of,
    of_lengths,
    sums_of,
    trimmed,
)
from drgpay.cases.codes import Changes, Recoder
from drgpay.cases.editions import COLUMN as EDITION_COLUMN
from drgpay.cases.editions import CodeTally, RowEditions, row_editions
from drgpay.cases.encode import Faults
from drgpay.cases.refunds import FILE, ROW
from drgpay.cases.written import read_codes
from drgpay.ground.arrow import decimal_column
from drgpay.names.columns import CASE_COLUMNS, Column

_TEXTS = pa.list_(pa.string())
TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "sex": pa.string(),
    "count": pa.int32(),
    "money": pa.decimal128(12, 2),
    "date": pa.date32(),
    "flag": pa.bool_(),
    "codes": _TEXTS,
    "dates": _TEXTS,
    "words": _TEXTS,
}
SCHEMA = pa.schema([(column.name, TYPES[column.kind]) for column in CASE_COLUMNS])
STAGED = SCHEMA.append(pa.field(FILE, pa.string())).append(pa.field(ROW, pa.int64()))
_ALIGNED = {"admission_conditions": "diagnoses", "procedure_dates": "procedures"}
Mask = NDArray[np.bool_]


def canonical(
    faults: Faults,
    recoders: tuple[Recoder, Recoder] | None,
    changes: Changes,
    cut: Counter[str],
    edition: str = "",
    tally: CodeTally | None = None,
) -> tuple[pa.Table, set[str]]:
    """Return the good rows of a piece in our types, all columns, and which of them it has.

    `recoders` read the codes of diagnoses and procedures as a scheme writes them, and `changes`
    counts what they changed, `tally` what stayed unknown; codes of another edition than the
    scheme's (`edition` where a row does not say its own) become the scheme's, and the row says so.
    `cut` counts decimals dropped from whole numbers, by column. What is
    there but is not what its column holds is a fault of its row.
    """
    table, count = faults.table, len(faults.table)
    faults.add(blank(table["case_id"]), "case_id", "case_id_missing")
    editions = RowEditions((edition,))
    own = recoders[0].own if recoders is not None else ""
    if recoders is not None:
        editions, strange = row_editions(table, edition or own, recoders[0].editions)
        if strange is not None:
            faults.add(strange, EDITION_COLUMN, "code_system_differs")
    out: dict[str, Any] = {}
    cuts: list[tuple[str, Mask]] = []
    kept: dict[str, tuple[NDArray[np.int64], Mask]] = {}
    recoder_of = dict(zip(("diagnoses", "procedures"), recoders or (None, None), strict=True))
    codes: dict[str, tuple[pa.Array, NDArray[np.int64], Mask]] = {}
    for name in recoder_of:
        found = read_codes(table, name, recoder_of[name], editions.known, changes, faults)
        if found is None:
            continue
        words, lengths = found
        empty = _blank_words(words)
        kept[name] = lengths, ~empty
        if name == "diagnoses":  # else the next one would take its place
            led_by_none = _first(empty, lengths) & (sums_of(~empty, lengths) > 0)
            faults.add(led_by_none, name, "principal_missing")
        codes[name] = words, lengths, ~empty
    for column in CASE_COLUMNS:
        if column.name in codes or column.name not in table.column_names:
            continue
        if column.kind in ("dates", "words"):
            out[column.name] = _aligned(table, column.name, kept)
        else:
            out[column.name], dropped = _plain(column, table[column.name], faults)
            if dropped is not None and dropped.any():
                cuts.append((column.name, dropped))
    if "age_years" in out and "age_days" in out:
        years, days = (
            np.asarray(pc.fill_null(out[name], parse.MISSING_COUNT))
            for name in ("age_years", "age_days")
        )
        faults.add(against_birth_date(table, years, days), "age_days", "age_contradicts_dates")
        filler = (years >= 1) & (days == 0)
        out["age_days"] = pc.if_else(pa.array(filler), pa.scalar(None, pa.int32()), out["age_days"])
    for name, (words, lengths, keep) in codes.items():
        recoder = recoder_of[name]
        if recoder is not None:
            of_good = np.repeat(faults.good, lengths)
            of_rows = editions.rows(faults.good)
            words = of_rows.read(
                recoder, words.filter(pa.array(of_good)), lengths[faults.good], changes
            )
            lengths, keep = np.where(faults.good, lengths, 0), keep[of_good]
            if tally is not None:
                tally.note(recoder, words, recoder.encode(words.dictionary.cast(pa.string())))
        out[name] = _lists(words, lengths, keep)
    for name, dropped in cuts:
        cut[name] += int((dropped & faults.good).sum())
    mapped = editions.others(own, count) if recoders is not None else None
    if mapped is not None:
        before = out.get(EDITION_COLUMN, pa.nulls(count, pa.string()))
        out[EDITION_COLUMN] = pc.if_else(pa.array(mapped), pa.scalar(own), before)
    if tally is not None:
        kept_rows = editions.rows(faults.good)
        tally.count_rows(kept_rows, int(faults.good.sum()), own)
    have = set(out)
    full = [out.get(f.name, pa.nulls(count, f.type)) for f in SCHEMA]
    full += [pa.array([faults.file] * count, pa.string()), pa.array(faults.numbers)]
    whole = pa.table(full, schema=STAGED)
    return whole.filter(pa.array(faults.good)), have


def _plain(column: Column, values: Any, faults: Faults) -> tuple[pa.Array, Mask | None]:
    """Return a column of one value a row in its type, and where decimals were dropped."""
    empty = blank(values)
    if column.kind == "text":
        return _nulled(trimmed(values), empty), None
    read, bad = parse.read(column.name, column.kind, values)
    reason = parse.FAULTS.get(column.name, parse.FAULTS[column.kind])
    faults.add(bad, column.name, reason)
    null = empty | bad
    if column.kind == "sex":
        words = pa.array(["M", "M", "F"]).take(pa.array(np.asarray(read, dtype=np.int8)))
        return _nulled(words, null | (read == 0)), None
    if column.kind == "count":
        null |= read == parse.MISSING_COUNT
        return pa.array(read, pa.int32(), mask=null), _decimals(values) & ~null
    if column.kind == "money":
        null |= read == parse.MISSING_MONEY
        over = ~null & (np.abs(np.where(null, 0, read)) >= 10**12)
        faults.add(over, column.name, reason)
        return decimal_column(np.where(null | over, 0, read), 12, 2, null | over), None
    if column.kind == "date":
        null |= read == parse.MISSING_DATE
        days = pa.array(np.where(null, 0, read).astype(np.int32), pa.int32(), mask=null)
        return days.view(pa.date32()), None
    return pa.array(read == 1, pa.bool_(), mask=null), None


def _nulled(texts: pa.Array, null: Mask) -> pa.Array:
    return pc.if_else(pa.array(null), pa.scalar(None, pa.string()), texts)


def _decimals(values: Any) -> Mask:
    """Return where a number has decimals that a whole one has not."""
    array = parse.flat(values)
    kind = array.type
    if is_text(kind):
        found = pc.match_substring_regex(array, r"\.\d*[1-9]")
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        found = pc.not_equal(pc.floor(array), array)
    else:
        return np.zeros(len(array), dtype=np.bool_)
    return np.asarray(pc.fill_null(found, False))


def _blank_words(words: pa.Array) -> Mask:
    empty = np.asarray(pc.equal(pc.binary_length(words.dictionary.cast(pa.string())), 0))
    found: Mask = np.append(empty, True)[numbers_of(words)]
    return found


def _first(mask: Mask, lengths: NDArray[np.int64]) -> Mask:
    """Return whether the mask holds for the first entry of each row."""
    starts = np.cumsum(lengths) - lengths
    out = np.zeros(len(lengths), dtype=np.bool_)
    some = lengths > 0
    out[some] = mask[starts[some]]
    return out


def _lists(words: pa.Array, lengths: NDArray[np.int64], keep: Mask) -> pa.Array:
    texts = words.filter(pa.array(keep))
    texts = texts.dictionary.take(texts.indices).cast(pa.string())
    return of_lengths(texts, sums_of(keep, lengths))


def _aligned(
    table: pa.Table, name: str, kept: dict[str, tuple[NDArray[np.int64], Mask]]
) -> pa.Array:
    """Return a list column that goes with codes, without what stands at their empty places."""
    lists = as_lists(table[name])
    lengths = lengths_of(lists)
    texts = pc.fill_null(trimmed(lists.flatten()), "")
    keep = np.ones(len(texts), dtype=np.bool_)
    if _ALIGNED[name] in kept:
        of_codes, there = kept[_ALIGNED[name]]
        same = lengths == of_codes
        keep[np.repeat(same, lengths)] = there[np.repeat(same, of_codes)]
    found = of_lengths(texts.filter(pa.array(keep)), sums_of(keep, lengths))
    unknown = np.asarray(lists.is_null())
    return pc.if_else(pa.array(unknown), pa.scalar(None, _TEXTS), found) if unknown.any() else found
