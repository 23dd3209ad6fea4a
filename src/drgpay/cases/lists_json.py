"""Parse the JSON of settlement lists: numbers stay texts, and every fault has a name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from drgpay.cases.lists_map import TWICE, number_text
from drgpay.cases.quarantine import RowNote

Parsed = Any  # an object, or the RowNote of its fault
MAX_LIST = 16 << 20
_SPACE = " \t\r\n"


class _NotANumber:
    """Stands for NaN and Infinity, which are no JSON; a fault where the field is read."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        seen: set[str] = set()
        out[TWICE] = tuple(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return out


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=number_text,
    parse_int=number_text,
    parse_constant=lambda word: _NotANumber(),
)


def decoded(raw: bytes, encoding: str | None) -> str | None:
    """Return text of bytes: UTF-8 with or without a mark, else GB18030, or the encoding given."""
    for name in (encoding,) if encoding else ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    return None


def parse_text(raw: bytes, encoding: str | None) -> Parsed:
    """Return the one JSON value of some bytes, or the note of its fault."""
    if len(raw) > MAX_LIST:
        return RowNote(str(len(raw)), "list_too_large", "JSON")
    text = decoded(raw, encoding)
    if text is None:
        return RowNote("", "list_encoding", "JSON")
    text = text.strip(_SPACE)
    parsed, end = parse_at(text, 0)
    if not isinstance(parsed, RowNote) and end < len(text):
        return RowNote(f"@{end + 1}", "list_unreadable", "JSON")
    return parsed


def parse_at(text: str, start: int) -> tuple[Parsed, int]:
    """Return the JSON value at a place and where it ends; with a fault, where that was met."""
    try:
        parsed, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return RowNote(f"@{error.pos + 1}", "list_unreadable", "JSON"), error.pos
    except RecursionError:
        return RowNote("", "list_too_large", "JSON"), start
    if not isinstance(parsed, dict):
        return RowNote("", "list_not_a_list", "JSON"), end
    return parsed, end


def values_of(text: str) -> Iterator[Parsed]:
    """Yield the lists of a whole text: one object, an array of them, or one behind the other."""
    place = _skip(text, 0)
    array = text.startswith("[", place)
    if array:
        place = _skip(text, place + 1)
    while place < len(text) and not (array and text[place] == "]"):
        parsed, end = parse_at(text, place)
        if isinstance(parsed, RowNote) and parsed.reason != "list_not_a_list":
            end = after_broken(text, place, end)
        yield parsed
        place = _skip(text, end, ",")


def _skip(text: str, place: int, also: str = "") -> int:
    while place < len(text) and text[place] in _SPACE + also:
        place += 1
    return place


def after_broken(text: str, start: int, met: int) -> int:
    """Return where to go on behind a value that cannot be parsed: at the next list.

    The next list is taken to begin where a brace is followed by the first field of a list or of
    its envelope, behind a comma or a line end.
    """
    found = _NEXT.search(text, max(met - 1, start + 1))
    return found.start(1) if found else len(text)


_NEXT = re.compile(r'[,\n]\s*(\{\s*"(?:setlinfo|infno|input|payinfo|psn_no)")', re.IGNORECASE)
