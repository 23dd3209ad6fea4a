"""Tokens of JSON in bytes: where blanks, texts, numbers and words end.

Nothing is taken here that JSON does not allow. Dimensions: B bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from drgpay.ground.jit import kernel

NONE, TEXT, ESCAPED, TRUE, FALSE, LIST = 0, 1, 2, 3, 4, 5  # what a value is
ODD, CUT = -1, -2  # no such token, or one that goes on behind the bytes


@kernel
def behind_blanks(raw: Any, at: int, end: int) -> int:
    """Return the place behind blanks."""
    while at < end and (raw[at] == 32 or raw[at] == 10 or raw[at] == 13 or raw[at] == 9):
        at += 1
    return at


@kernel
def hex_of(raw: Any, at: int) -> Any:
    """Return the number that four hexadecimal digits stand for; -1 for others."""
    number = np.int64(0)
    for j in range(at, at + 4):
        byte = np.int64(raw[j])
        if 48 <= byte <= 57:
            number = number * 16 + byte - 48
        elif 65 <= byte <= 70 or 97 <= byte <= 102:
            number = number * 16 + (byte | 32) - 87
        else:
            return -1
    return number


@kernel
def text_end(raw: Any, at: int, end: int) -> Any:
    """Return where the closing quote of a text is, or ODD or CUT, and how it is written.

    `at` is behind the opening quote. 0: as it is; 1: with escapes; 2: with half of a pair of
    surrogates.
    """
    written = 0
    high = False  # what stood before was the first half of a pair
    while at < end:
        byte = raw[at]
        if byte == 34:
            return at, 2 if high else written
        if byte < 32:
            return ODD, 0
        low = False
        if byte != 92:
            at += 1
            was, high = high, False
        else:
            if at + 6 > end:
                return CUT, 0
            written = max(written, 1)
            was, high = high, False
            mark = raw[at + 1]
            if mark == 117:
                unit = hex_of(raw, at + 2)
                if unit < 0:
                    return ODD, 0
                high = 0xD800 <= unit < 0xDC00
                low = 0xDC00 <= unit < 0xE000
                at += 6
            elif mark in (34, 92, 47, 98, 102, 110, 114, 116):
                at += 2
            else:
                return ODD, 0
        if was != low:
            written = 2
    return CUT, 0


@kernel
def number_end(raw: Any, at: int, end: int) -> Any:
    """Return where a number ends, or ODD or CUT, and whether it has an exponent."""
    at += raw[at] == 45
    whole = at
    while at < end and 48 <= raw[at] <= 57:
        at += 1
    if at < end and (at == whole or (raw[whole] == 48 and at > whole + 1)):
        return ODD, False
    if at < end and raw[at] == 46:
        at += 1
        first = at
        while at < end and 48 <= raw[at] <= 57:
            at += 1
        if at < end and at == first:
            return ODD, False
    powered = at < end and (raw[at] | 32) == 101
    if powered:
        at += 1
        at += at < end and (raw[at] == 43 or raw[at] == 45)
        first = at
        while at < end and 48 <= raw[at] <= 57:
            at += 1
        if at < end and at == first:
            return ODD, False
    return (at, powered) if at < end else (CUT, False)


@kernel
def word_end(raw: Any, at: int, end: int) -> Any:
    """Return where true, false or null ends, or ODD or CUT, and which one it is."""
    if at + 5 > end:
        return CUT, NONE
    a, b, c, d = raw[at], raw[at + 1], raw[at + 2], raw[at + 3]
    if a == 116 and b == 114 and c == 117 and d == 101:
        return at + 4, TRUE
    if a == 110 and b == 117 and c == 108 and d == 108:
        return at + 4, NONE
    if a == 102 and b == 97 and c == 108 and d == 115 and raw[at + 4] == 101:
        return at + 5, FALSE
    return ODD, NONE
