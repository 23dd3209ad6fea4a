"""The columns that checks ask for, read once: arrays, and which values cannot be read.

A column that the table lacks is a shared array of missing values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import is_list, lengths_of, numbers_of, trimmed
from drgpay.cases.parse import MALFORMED, minutes_of
from drgpay.names.columns import CODED, NUMBERED

Ragged = tuple[NDArray[np.int64], NDArray[Any]]
WAYS = dict(CODED["discharge_way"])
MODES = {"drg": 0, "day_surgery": 1, "bed_day": 2}
CONDITIONS = {"1": 1, "2": 2, "3": 3, "4": 4}
READ_BY_GROUPING = frozenset(("sex", "age_years", "age_days", "birth_weight_g", "icu"))


@dataclass(frozen=True)
class CaseFacts:
    """What the checks ask of N cases beyond grouping's arrays; see drgpay.cases.parse for units.

    `discharge_way` and `conditions` are -2, `ventilator_minutes` -2 for what is none of theirs.
    `unreadable` are values that are there but are not what their column holds.
    """

    admission: NDArray[np.int32]
    discharge: NDArray[np.int32]
    settlement: NDArray[np.int32]
    birth: NDArray[np.int32]
    los_days: NDArray[np.int32]
    admission_weight: NDArray[np.int32]
    diagnosis_count: NDArray[np.int32]
    procedure_count: NDArray[np.int32]
    ventilator_minutes: NDArray[np.int32]
    discharge_way: NDArray[np.int8]
    mode: NDArray[np.int8]
    planned: NDArray[np.int8]
    refund: NDArray[np.int8]
    cost: NDArray[np.int64]
    fund: NDArray[np.int64]
    personal: NDArray[np.int64]
    other: NDArray[np.int64]
    items: NDArray[np.int64]
    own: NDArray[np.int64]
    procedure_dates: Ragged
    conditions: Ragged
    present: frozenset[str]
    unreadable: dict[str, parse.Mask]


@lru_cache(maxsize=16)
def _missing_block(kind: str, value: int, count: int) -> NDArray[Any]:
    return np.full(count, value, dtype=kind)


def _missing(kind: str, value: int, count: int) -> NDArray[Any]:
    """Return an array of one value; those of all pieces share their memory."""
    size = 1 << max(10, (count - 1).bit_length())
    return _missing_block(kind, value, size)[:count].view()


def read_facts(table: pa.Table) -> CaseFacts:
    """Return the facts of a table with canonical column names."""
    count = len(table)
    names = set(table.column_names)
    present = names | {base for prefix, base in NUMBERED.items() if f"{prefix}1" in names}
    unreadable: dict[str, parse.Mask] = {}

    def read(name: str, kind: str, missing: int, parser: Any) -> NDArray[Any]:
        if name not in names:
            return _missing(kind, missing, count)
        values, bad = parser(table[name])
        if bad.any():
            unreadable[name] = bad
        # one type for the kernels: contiguous and writeable, whatever Arrow lent
        own: NDArray[Any] = np.require(values, dtype=kind, requirements=["C", "W"])
        return own

    def days(name: str) -> NDArray[np.int32]:
        return read(name, "i4", parse.MISSING_DATE, parse.dates)

    def number(name: str) -> NDArray[np.int32]:
        return read(name, "i4", parse.MISSING_COUNT, parse.counts)

    def fen(name: str) -> NDArray[np.int64]:
        return read(name, "i8", int(parse.MISSING_MONEY), parse.money)

    def choice(name: str, table_of: dict[str, int], strange: int) -> NDArray[np.int8]:
        if name not in names:
            return _missing("i1", -1, count)
        values, bad = parse.choices(table[name], table_of, -1)
        return np.where(bad, np.int8(strange), values).astype(np.int8) if bad.any() else values

    return CaseFacts(
        admission=days("admission_date"),
        discharge=days("discharge_date"),
        settlement=days("settlement_date"),
        birth=days("birth_date"),
        los_days=number("los_days"),
        admission_weight=read("admission_weight_g", "i4", parse.MISSING_COUNT, parse.weights),
        diagnosis_count=number("diagnosis_count"),
        procedure_count=number("procedure_count"),
        ventilator_minutes=_minutes(table, names),
        discharge_way=choice("discharge_way", WAYS, MALFORMED),
        mode=choice("payment_mode", MODES, -1),
        planned=read("planned_readmission", "i1", 0, parse.planned),
        refund=read("refund", "i1", 0, parse.flags),
        cost=fen("total_cost"),
        fund=fen("pool_fund"),
        personal=fen("personal_paid"),
        other=fen("other_paid"),
        items=fen("items_total"),
        own=fen("own_paid"),
        procedure_dates=_procedure_dates(table, names, unreadable),
        conditions=_conditions(table, names),
        present=frozenset(present),
        unreadable=unreadable,
    )


def _minutes(table: pa.Table, names: set[str]) -> NDArray[np.int32]:
    """Return the ventilator's time in minutes, -1 missing, -2 not days/hours/minutes."""
    if "ventilator_time" not in names:
        return _missing("i4", parse.MISSING_COUNT, len(table))
    words = parse.flat(table["ventilator_time"]).cast(pa.string()).dictionary_encode()
    values = [minutes_of(word) for word in words.dictionary.to_pylist()]
    minutes: NDArray[np.int32] = np.array([*values, -1], dtype=np.int32)[numbers_of(words)]
    return minutes


def _parts(table: pa.Table, name: str) -> tuple[NDArray[np.int64], pa.Array] | None:
    """Return a list column as offsets and texts; a text stands for its parts between `|`."""
    column = parse.flat(table[name])
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        column = column.cast(pa.list_(kind.value_type))
    elif not is_list(kind):
        plain = trimmed(column)
        column = pc.split_pattern(pc.if_else(pc.equal(plain, ""), None, plain), "|")
    offsets = np.zeros(len(column) + 1, dtype=np.int64)
    np.cumsum(lengths_of(column), out=offsets[1:])
    return (offsets, column.flatten()) if offsets[-1] else None


def _no_parts(count: int, kind: str) -> Ragged:
    return _missing("i8", 0, count + 1), np.zeros(1, dtype=kind)


def _procedure_dates(table: pa.Table, names: set[str], unreadable: dict[str, parse.Mask]) -> Ragged:
    found = _parts(table, "procedure_dates") if "procedure_dates" in names else None
    if found is None:
        return _no_parts(len(table), "i4")
    offsets, values = found
    days, bad = parse.dates(values)
    if bad.any():
        rows = np.searchsorted(offsets, np.flatnonzero(bad), side="right") - 1
        mask = np.zeros(len(table), dtype=np.bool_)
        mask[rows] = True
        unreadable["procedure_dates"] = mask
    return offsets, np.append(days, np.int32(parse.MISSING_DATE))


def _conditions(table: pa.Table, names: set[str]) -> Ragged:
    found = _parts(table, "admission_conditions") if "admission_conditions" in names else None
    if found is None:
        return _no_parts(len(table), "i1")
    offsets, values = found
    words, bad = parse.choices(values.cast(pa.string()), CONDITIONS, -1)
    return offsets, np.append(np.where(bad, np.int8(MALFORMED), words), np.int8(-1))
