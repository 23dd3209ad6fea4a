"""Cases as JSON objects in bytes: where each value of each case is.

Only what is plain is read here: whatever is odd stops the scan before its object, which is then
parsed, or refused, the slow way. Nothing is taken here that JSON does not allow.

Dimensions: B bytes; K keys, key k being `keys[start[k]:start[k + 1]]`; R rows, C columns, the last
ones lists; I items of lists.
"""

from __future__ import annotations

from typing import Any

from drgpay.cases.json_token_kernels import (
    CUT,
    ESCAPED,
    LIST,
    NONE,
    ODD,
    TEXT,
    behind_blanks,
    number_end,
    text_end,
    word_end,
)
from drgpay.ground.jit import kernel

ENOUGH, KEY = 0, -3  # why a scan stops, besides ODD and CUT


@kernel
def is_key(raw: Any, first: int, last: int, k: int, keys: Any, key_start: Any) -> bool:
    """Return whether bytes are those of a key."""
    start = key_start[k]
    if key_start[k + 1] - start != last - first:
        return False
    j = first
    while j < last and raw[j] == keys[start + j - first]:
        j += 1
    return j == last


@kernel
def find_key(
    raw: Any, first: int, last: int, before: int, keys: Any, start: Any, next_key: Any
) -> Any:
    """Return which key some bytes are, -1 for none; `before`: the key that stood before it.

    `next_key` remembers what stood behind each key, as it does in most objects of a file.
    """
    guess = next_key[before]
    if guess >= 0 and is_key(raw, first, last, guess, keys, start):
        return guess
    for k in range(start.shape[0] - 1):
        if is_key(raw, first, last, k, keys, start):
            next_key[before] = k
            return k
    return -1


@kernel
def list_end(raw: Any, at: int, end: int, item: int, first: Any, last: Any, escaped: Any) -> Any:
    """Return where a list of texts ends, or ODD or CUT, and the number of items so far."""
    at = behind_blanks(raw, at + 1, end)
    if at < end and raw[at] == 93:
        return at + 1, item
    while at < end:
        if raw[at] != 34:
            return ODD, item
        stop, written = text_end(raw, at + 1, end)
        if stop < 0 or written == 2:
            return min(stop, ODD), item
        first[item], last[item], escaped[item] = at + 1, stop, written
        item += 1
        at = behind_blanks(raw, stop + 1, end)
        if at < end and raw[at] == 93:
            return at + 1, item
        if at < end and raw[at] != 44:
            return ODD, item
        at = behind_blanks(raw, at + 1, end)
    return CUT, item


@kernel
def split(raw: Any, at: int, end: int, item: int, first: Any, last: Any, escaped: Any) -> int:
    """Note the parts of a text between | as items; return the number of items so far."""
    first[item] = at
    for j in range(at, end):
        if raw[j] == 124:
            last[item], escaped[item] = j, 0
            item += 1
            first[item] = j + 1
    last[item], escaped[item] = end, 0
    return item + 1


@kernel
def scan_value(
    raw: Any, at: int, end: int, is_list: bool, row_kind: Any, row_first: Any, row_last: Any,
    column: int, item: int, items: Any,
) -> Any:  # fmt: skip
    """Note a value; return where it ends, or ODD or CUT, and the number of items so far."""
    byte, kind, first, last, begun = raw[at], NONE, at, at, item
    if byte == 34:
        last, written = text_end(raw, at + 1, end)
        first, kind, stop = at + 1, ESCAPED if written else TEXT, last + 1
        if last < 0 or (column >= 0 and (written == 2 or (is_list and written))):
            return min(last, ODD), begun
        if is_list:
            item = split(raw, first, last, item, items[0], items[1], items[2])
    elif byte == 45 or 48 <= byte <= 57:
        stop, powered = number_end(raw, at, end)
        kind, last = TEXT, stop
        if stop >= 0 and column >= 0 and (powered or is_list):
            return ODD, begun
    elif byte == 91 and is_list:
        stop, item = list_end(raw, at, end, item, items[0], items[1], items[2])
    else:
        stop, kind = word_end(raw, at, end)
        if is_list and kind != NONE:
            return ODD, begun
    if stop < 0 or column < 0:
        return stop, begun
    if is_list:
        kind, first, last = LIST, begun, item
    row_kind[column], row_first[column], row_last[column] = kind, first, last
    return stop, item


@kernel
def scan_object(
    raw: Any, at: int, end: int, keys: Any, lists_from: int, row_kind: Any, row_first: Any,
    row_last: Any, item: int, items: Any, strange: Any,
) -> Any:  # fmt: skip
    """Note the values of an object; return where it ends, or ODD, CUT or KEY, and the items.

    `keys`: bytes, starts, columns (-1: not read), what stood behind each, whether it was met.
    `strange` is where a key that is none of them begins and ends.
    """
    before = keys[2].shape[0]
    row_kind[:] = NONE
    at = behind_blanks(raw, at + 1, end)
    if at < end and raw[at] == 125:
        return at + 1, item
    while at < end:
        if raw[at] != 34:
            return ODD, item
        stop, written = text_end(raw, at + 1, end)
        if stop < 0 or written:
            return min(stop, ODD), item
        key = find_key(raw, at + 1, stop, before, keys[0], keys[1], keys[3])
        if key < 0:
            strange[0], strange[1] = at + 1, stop
            return KEY, item
        keys[4][key] = True
        before, column = key, keys[2][key]
        at = behind_blanks(raw, stop + 1, end)
        if at < end and raw[at] != 58:
            return ODD, item
        at = behind_blanks(raw, at + 1, end)
        if at >= end:
            return CUT, item
        if column >= 0 and row_kind[column] != NONE:
            return ODD, item  # the same key again
        at, item = scan_value(
            raw, at, end, column >= lists_from, row_kind, row_first, row_last, column, item, items
        )
        if at < 0:
            return at, item
        at = behind_blanks(raw, at, end)
        if at < end and raw[at] == 125:
            return at + 1, item
        if at < end and raw[at] != 44:
            return ODD, item
        at = behind_blanks(raw, at + 1, end)
    return CUT, item


@kernel
def scan(
    raw: Any, at: int, longest: int, keys: Any, lists_from: int, kind: Any, first: Any, last: Any,
    items: Any, strange: Any,
) -> Any:  # fmt: skip
    """Note the values of objects; return the rows, where the next object begins, and why it ends.

    ENOUGH: all rows are full. `longest`: bytes of an object.
    """
    end, item = raw.shape[0], 0
    for row in range(kind.shape[0]):
        while at < end and (raw[at] == 44 or raw[at] <= 32):
            if raw[at] <= 32 and behind_blanks(raw, at, at + 1) == at:
                return row, at, ODD
            at += 1
        if at >= end:
            return row, at, CUT
        if raw[at] != 123:
            return row, at, ODD
        stop, item = scan_object(
            raw, at, end, keys, lists_from, kind[row], first[row], last[row], item, items, strange
        )
        if stop < 0:
            return row, at, stop
        if stop - at > longest:
            return row, at, ODD
        at = stop
    return kind.shape[0], at, ENOUGH
