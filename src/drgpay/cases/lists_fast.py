"""The fast way to settlement lists, one a line: parsed by Arrow, where nothing is odd.

It marks every list doubtful in which it meets anything but the plain case; those are parsed again
one by one. A test holds the two ways together.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from drgpay.cases.lists_bytes import Lines
from drgpay.cases.lists_columns import Lists, Mask
from drgpay.cases.lists_json import MAX_LIST, marks_of
from drgpay.cases.lists_map import NUMBERS, Need, other_fields
from drgpay.names.interface import SETLINFO

LOOKED_AT = 16  # lists from which the kinds of fields are learned
_NUMBER = pa.decimal128(38, 6)
_CHANGED = re.compile(r"Column\(/([^)]*)\) changed from string to number")


Kinds = dict[tuple[str, str], bool]  # (node, field) → whether it holds only texts


def fast_table(unit: Lines, need: Need, kinds: Kinds) -> tuple[pa.Table, Mask] | None:
    """Return the rows of some lines and which are doubtful; None when the lines are not for it.

    A doubtful row's values mean nothing. The table has the wanted columns and `other_medicine`.
    `kinds` is what has been learned of the fields, and grows.
    """
    if unit.encoding not in (None, "utf-8-sig"):
        return None
    lines = unit.lines
    if max(map(len, lines), default=0) > MAX_LIST:
        return None
    try:
        _check_utf8(unit.raw)
        path = _learn(lines[:LOOKED_AT], need, kinds)
    except (ValueError, RecursionError, _Odd):
        return None
    table = None
    flipped: set[tuple[str, str]] = set()
    while table is None:
        try:
            table = _parsed(unit.raw, _schema(need, kinds, path))
        except (pa.ArrowException, ValueError) as error:
            field = _other_kind(error, path)
            if field is None or field in flipped or field not in need.places:
                return None
            flipped.add(field)
            kinds[field] = False
    if len(table) != len(lines):
        return None
    top = table.combine_chunks().to_struct_array()
    top = top.chunk(0) if isinstance(top, pa.ChunkedArray) else top
    for name in path:
        top = pc.struct_field(top, name)
    lists = Lists(top, need, lines)
    lists.odd(_odd_lines(unit))
    return lists.table(), lists.doubtful


# a key whose name is not in small letters of ASCII: another name of a field, perhaps
_ODD_KEY = re.compile(rb'(?:[\x80-\xffA-Z]|\\u[0-9a-fA-F]{4})"[ \t\r]*:')


def _odd_lines(unit: Lines) -> Mask:
    """Return which lines have other than one mark of a list, or keys that columns do not see."""
    lines = unit.lines
    odd = np.zeros(len(lines), dtype=np.bool_)
    if _has_odd_keys(unit.raw):
        odd |= np.array([_ODD_KEY.search(line) is not None for line in lines])
    if unit.raw.count(_MARK) != len(lines) or odd.any():
        odd |= np.array([marks_of(line) != 1 for line in lines])
    return odd


_MARK = f'"{SETLINFO}"'.encode()
# bytes that no plain key ends with as one letter, and blanks as the colon that may stand behind them
_FOLDED = bytes(
    0x80 if n >= 0x80 or 0x41 <= n <= 0x5A else ord(":") if n in b" \t\r" else n for n in range(256)
)
_IS_ODD = np.frombuffer(_FOLDED, dtype=np.uint8) == 0x80
_IS_BLANK = np.array([n in b" \t\r" for n in range(256)])


def _has_odd_keys(raw: bytes) -> bool:
    """Whether a key may have another name than one in small letters of ASCII."""
    if b"\\" in raw and b"\\u" in raw:  # one byte alone is found much faster
        return True
    byte = np.frombuffer(raw, dtype=np.uint8)
    # from the colons backwards: they are few, and every key has one
    colons = np.flatnonzero(byte == ord(":"))
    colons = colons[colons > 1]
    before = byte[colons - 1]
    if _IS_BLANK[before].any():
        return raw.translate(_FOLDED).find(b'\x80":') >= 0
    return bool(_IS_ODD[byte[colons[before == ord('"')] - 2]].any())


def _check_utf8(raw: bytes) -> None:
    """Raise ValueError for bytes that are not UTF-8."""
    ends = np.array([0, len(raw)], dtype=np.int32)
    whole = [None, pa.py_buffer(ends), pa.py_buffer(raw)]
    pa.Array.from_buffers(pa.binary(), 1, whole).cast(pa.string())


class _Odd(Exception):
    """The first lists are not of a kind that columns can be made of."""


def _learn(lines: list[bytes], need: Need, kinds: Kinds) -> tuple[str, ...]:
    """Return where the nodes stand, as some lists say; notes what kinds their fields are of."""
    path: tuple[str, ...] | None = None
    for line in lines:
        body = json.loads(line, parse_float=float, parse_int=_some_number)
        own: tuple[str, ...] = ()
        if isinstance(body, dict) and SETLINFO not in body and "input" in body:
            body, own = body["input"], ("input",)
        if not isinstance(body, dict) or SETLINFO not in body or path not in (None, own):
            raise _Odd
        path = own
        for node, fields in need.fields.items():
            value = body.get(node)
            for entry in value if isinstance(value, list) else [value]:
                values: dict[str, Any] = entry if isinstance(entry, dict) else {}
                for field in NUMBERS.intersection(fields):
                    if values.get(field) is not None:
                        kinds.setdefault((node, field), isinstance(values[field], str))
    if path is None:
        raise _Odd
    return path


def _schema(need: Need, kinds: Kinds, path: tuple[str, ...]) -> pa.Schema:
    """Return the fields to read with their kinds."""
    nodes = []
    for node, fields in need.fields.items():
        kind = pa.struct(
            [
                (field, pa.string() if kinds.get((node, field), True) else _NUMBER)
                for field in fields
            ]
            + [(name, pa.string()) for name in other_fields(need, node)]
        )
        nodes.append((node, kind if node == SETLINFO else pa.list_(kind)))
    inner = pa.schema(nodes)
    return pa.schema([("input", pa.struct(list(inner)))]) if path else inner


def _parsed(raw: bytes, schema: pa.Schema) -> pa.Table:
    from pyarrow import json as arrow_json

    return arrow_json.read_json(
        io.BytesIO(raw),
        arrow_json.ReadOptions(use_threads=False, block_size=len(raw) + 64),
        arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )


def _other_kind(error: Exception, path: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the field that an error says is of the other kind, None for other errors."""
    found = _CHANGED.search(str(error))
    parts = found[1].split("/") if found else []
    parts = [part for part in parts[len(path) :] if part not in ("", "[]")]
    return (parts[0], parts[1]) if len(parts) == 2 and parts[1] in NUMBERS else None


def _some_number(text: str) -> float:
    return 0.0
