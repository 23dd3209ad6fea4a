"""Columns made of values whose places in the bytes of JSON are known.

Dimensions: B bytes; R rows; I items of lists.
"""

from __future__ import annotations

from typing import Any

from drgpay.cases.json_token_kernels import ESCAPED, LIST, NONE, TEXT, TRUE, hex_of
from drgpay.ground.jit import kernel


@kernel
def copied(raw: Any, first: int, last: int, escaped: bool, out: Any, to: int) -> int:
    """Copy the bytes of a text, its escapes resolved; return the place behind them."""
    j = first
    while j < last:
        byte = raw[j]
        if not escaped or byte != 92:
            out[to] = byte
            to, j = to + 1, j + 1
            continue
        mark = raw[j + 1]
        if mark != 117:
            out[to] = resolved(mark)
            to, j = to + 1, j + 2
            continue
        unit = hex_of(raw, j + 2)
        j += 6
        if 0xD800 <= unit < 0xDC00:
            unit = 0x10000 + ((unit - 0xD800) << 10) + hex_of(raw, j + 2) - 0xDC00
            j += 6
        to = utf8(unit, out, to)
    return to


@kernel
def resolved(mark: int) -> int:
    """Return the byte that the letter behind a backslash stands for."""
    if mark == 98:
        return 8
    if mark == 102:
        return 12
    if mark == 110:
        return 10
    if mark == 114:
        return 13
    return 9 if mark == 116 else mark


@kernel
def utf8(unit: int, out: Any, to: int) -> int:
    """Write a character in UTF-8; return the place behind it."""
    if unit < 0x80:
        out[to] = unit
        return to + 1
    more = 1 if unit < 0x800 else 2 if unit < 0x10000 else 3
    mark = 0xC0 if more == 1 else 0xE0 if more == 2 else 0xF0
    out[to] = mark | unit >> 6 * more
    for k in range(1, more + 1):
        out[to + k] = 0x80 | (unit >> 6 * (more - k)) & 0x3F
    return to + more + 1


@kernel
def texts(raw: Any, kind: Any, first: Any, last: Any, ends: Any, there: Any, out: Any) -> None:
    """Write the texts of a column: R places behind each, whether it is there, and the bytes."""
    to = 0
    for i in range(kind.shape[0]):
        begun = to
        if kind[i] == TEXT or kind[i] == ESCAPED:
            to = copied(raw, first[i], last[i], kind[i] == ESCAPED, out, to)
        elif kind[i] != NONE:
            out[to] = 49 if kind[i] == TRUE else 48
            to += 1
        ends[i], there[i] = to, to > begun


@kernel
def lists(
    raw: Any, kind: Any, first: Any, last: Any, items: Any, ends: Any, item_ends: Any, out: Any
) -> Any:
    """Write the lists of a column: R places behind each, the items' places, and their bytes."""
    to = item = 0
    for i in range(kind.shape[0]):
        if kind[i] == LIST:
            for j in range(first[i], last[i]):
                to = copied(raw, items[0][j], items[1][j], items[2][j] != 0, out, to)
                item_ends[item] = to
                item += 1
        ends[i] = item
    return item, to
