"""Parse the JSON of settlement lists: numbers stay texts, every fault has a name, and every
character of a text is part of a value, a separator, or a stretch that is named by its place.

How many lists a text holds is counted by their mark, the key of the node that each list has once,
and not by what could be parsed: a stretch that cannot be read counts as many lists as it has marks.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from drgpay.cases.lists_map import TWICE, case_id_of, lists_in, number_text
from drgpay.cases.quarantine import RowNote
from drgpay.names.interface import (
    ENVELOPE,
    FIELDS,
    NODES,
    SETLINFO,
    WRAPPERS,
    node_names,
    other_names,
)

Parsed = Any  # a JSON value, or the RowNote of its fault
MAX_LIST = 16 << 20
_SPACE = " \t\r\n"
_KEPT = 512  # characters that a search looks at again when more text has come
_BEHIND = 64  # characters that are kept behind
_DEEP = 500  # characters that are surely read before JSON is too deep
_FREE_TRIALS = 1 << 20


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


LOST = "drgpay-lost"  # how a decoder marks bytes that are no text: by half a character
codecs.register_error(LOST, lambda fault: ("\udcff", fault.end))  # type: ignore[attr-defined]


def likely_encoding(raw: bytes) -> str:
    """Return the encoding in which the fewest bytes at the beginning of a file are no text."""
    return min(
        ("utf-8-sig", "gb18030"),
        key=lambda name: codecs.getincrementaldecoder(name)(LOST).decode(raw).count("\udcff"),
    )


def parse_at(text: str, start: int) -> tuple[Parsed, int]:
    """Return the JSON value at a place and where it ends; with a fault, where that was met."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return RowNote("", "list_unreadable", "JSON"), error.pos
    except RecursionError:
        return RowNote("", "list_too_large", "JSON"), min(start + _DEEP, len(text))


# --- counting ---------------------------------------------------------------------------------

_MARKS = (*node_names(SETLINFO), json.dumps(NODES[SETLINFO])[1:-1])
_MARK = re.compile(f'"(?:{"|".join(map(re.escape, _MARKS))})"[ \\t\\r\\n]*:')
_BYTE_MARKS = tuple(
    dict.fromkeys(f'"{mark}"'.encode(name) for mark in _MARKS for name in ("utf-8", "gb18030"))
)
# marks that differ in capitals alone are looked for once
_FOLDED_MARKS = tuple(dict.fromkeys(mark.lower() for mark in _BYTE_MARKS))
_BLANKS = b" \t\r\n"
LONGEST_MARK = max(map(len, _BYTE_MARKS)) + 64  # with blanks before the colon
_ID = re.compile(r'"(?:setl_id|SETL_ID|结算ID)"\s*:\s*"?([\w.-]{1,64})"?', re.ASCII)
_NEAR = 4_000


def marks_of(raw: bytes) -> int:
    """Return how many lists some bytes say they hold, without parsing them.

    >>> marks_of(b'[{"setlinfo": {}}, {"diseinfo": [], "SETLINFO":{}}, {"setlinfo'), marks_of(b"{}")
    (2, 0)
    """
    count = 0
    folded = raw.lower()
    for mark in _FOLDED_MARKS:
        start = folded.find(mark)
        while start >= 0:
            place = start + len(mark)
            behind = raw[place : place + 1]
            if behind != b":" and behind and behind in _BLANKS:
                behind = raw[place : place + 64].lstrip(_BLANKS)[:1]
            if behind == b":" and raw[start:place] in _BYTE_MARKS:
                count += 1
            start = folded.find(mark, place - 1)  # its last quote may begin another one
    return count


@dataclass(slots=True)
class Span:
    """A stretch of text: the value that it holds, or the fault; and the marks of lists in it.

    `others` are the notes of the lists of a faulty stretch behind the first one.
    """

    parsed: Parsed
    marks: int
    others: tuple[RowNote, ...] = ()


# --- finding ----------------------------------------------------------------------------------

_SEPARATORS = re.compile(r"[ \t\r\n,\[\]\ufeff]*")
_CLOSERS = re.compile(r"[ \t\r\n,\]}]*")
_SCALAR = re.compile(
    r'(?:-?[0-9][0-9.eE+-]{0,400}|true|false|null|"[^"\\\n]{0,400}")[ \t\r\n]*(?=[,\]\n{\[]|\Z)'
)
FEW = 10_000  # values one behind the other that are noted one by one
_SCALARS = re.compile(f"(?:{_SCALAR.pattern}[ \\t\\r\\n,]*){{1,{FEW + 1}}}")
_START = re.compile(r'\{[ \t\r\n]*"([^"\\{}\[\]:,]{1,80})"[ \t\r\n]*:')
_TOP = {
    word
    for name in (*NODES, *WRAPPERS, *ENVELOPE)
    for word in (node_names(name) if name in NODES else (name, name.upper()))
}
_INNER = {field.name for field in FIELDS} | {
    word for node in NODES for word in other_names(node)
}  # fmt: skip


class Scanner:
    """Finds the values of a text that may come in parts; see `spans`.

    `more` gives the next part, an empty one at the end. `open` is what is left of opening brackets
    over closing ones, `strays` the closing braces that close nothing, `torn` whether a stretch
    could not be read.
    """

    def __init__(self, text: str, more: Callable[[], str] = str, limit: int = 0) -> None:
        self.text, self.place, self.gone = text, 0, 0
        self.more, self.limit, self.ended = more, limit or MAX_LIST, False
        self.open = self.strays = 0
        self.torn = False
        self.inside = False  # of an array whose beginning could not be read
        self.trials = _FREE_TRIALS
        self.held: Span | None = None

    def spans(self) -> Iterator[Span]:
        """Yield every value and every faulty stretch, in order."""
        while True:
            if self.place > self.limit:
                self._drop()
            end = _SEPARATORS.match(self.text, self.place).end()  # type: ignore[union-attr]
            self.open += self.text.count("[", self.place, end) - self.text.count(
                "]", self.place, end
            )
            self.place = end
            if len(self.text) - self.place < _KEPT and self._fetch():
                continue
            if self.place >= len(self.text):
                break
            if self.text[self.place] == "}":
                end = _CLOSERS.match(self.text, self.place).end()  # type: ignore[union-attr]
                self.open -= self.text.count("]", self.place, end)
                self.strays += self.text.count("}", self.place, end)
                self.place = end
                continue
            yield from self._value()
        if self.held is not None:
            yield self.held

    def _fetch(self) -> bool:
        """Get more text and drop what was read, but for a little; return whether there was any."""
        if self.ended:
            return False
        part = self.more()
        self.ended = not part
        if part:
            self._drop()
            self.text += part
        return bool(part)

    def _drop(self) -> None:
        dropped = max(self.place - _BEHIND, 0)
        self.gone += dropped
        self.text = self.text[dropped:]
        self.place -= dropped

    def _longer(self, place: int) -> bool:
        """Get more text for a value that may only be cut off; return whether there was any."""
        if self.ended or len(self.text) - place > self.limit:
            return False
        part = self.more()
        self.ended = not part
        self.text += part
        return bool(part)

    def _value(self) -> Iterator[Span]:
        start = self.place
        if self.text[start] != "{":
            run = _SCALARS.match(self.text, start)
            if run is None:
                yield from self._broken("list_unreadable", start, own=False)
                return
            count = len(_SCALAR.findall(run[0]))
            for times in (1,) * count if count <= FEW else (count,):
                note = RowNote("" if times == 1 else f"×{times}", "list_not_a_list", "JSON")
                note.times = times
                yield from self._good(note, 0, run.end())
            return
        parsed, end = parse_at(self.text, start)
        while isinstance(parsed, RowNote) and self._longer(start):
            parsed, end = parse_at(self.text, start)
        if not isinstance(parsed, RowNote):
            marks = sum(1 for _ in _MARK.finditer(self.text, start, end))
            if end - start > self.limit and marks < 2:
                parsed = RowNote(f"@{self.gone + start + 1}", "list_too_large", "JSON")
            yield from self._good(parsed, marks, end)
            return
        self.trials -= end - start
        yield from self._broken(parsed.reason, end, own=True)

    def _good(self, parsed: Parsed, marks: int, end: int) -> Iterator[Span]:
        if self.held is not None:
            yield self.held
        self.trials += 4 * (end - self.place)
        self.held, self.place = Span(parsed, marks), end

    def _broken(self, reason: str, met: int, *, own: bool) -> Iterator[Span]:
        """Yield what was held, and the faulty stretch from here up to the next list.

        A stretch that does not begin as a list of its `own` may be the rest of the value before
        it: that one is taken back, since a part of it would be missing.
        """
        self.torn = True
        begun = self.gone + self.place
        place = self.gone + met
        notes: list[RowNote] = []
        structure = False
        search = self.place + 1
        if self.trials < 0:  # too much was read in vain: not again what was met already
            while met > search and self.text[met - 1] in " \t\r\n,[":
                met -= 1
            search = met
        while True:
            found = self._next(search)
            whole = self.ended or found is not None
            end = max(len(self.text) - _KEPT, self.place) if not whole else len(self.text)
            end = end if found is None else found
            notes += self._lost(end, reason)
            structure = structure or self.text.find(":", self.place, end) >= 0
            self.trials += end - self.place
            self.place = end
            if whole:
                break
            self._fetch()
            search = self.place
        self.inside = self.inside or self._opened()
        marks = len(notes)
        held, self.held = self.held, None
        if held is not None:
            rest = not marks and structure and not self.inside
            if not own and (rest or not held.marks):
                notes = [*_notes_of(held.parsed, reason), *notes]
                marks += held.marks
            else:
                yield held
        if own and self.gone + self.place - begun > self.limit:
            reason = "list_too_large"
        if reason == "list_too_large":
            place = begun
        first = notes[0].case_id if notes else ""
        yield Span(RowNote(f"@{place + 1}", reason, "JSON", first), marks, tuple(notes[1:]))

    def _opened(self) -> bool:
        """Whether what could not be read ends by opening an array."""
        before = self.text[max(self.place - _BEHIND, 0) : self.place].rstrip(_SPACE)
        return self.place < len(self.text) and before.endswith("[")

    def _lost(self, end: int, reason: str) -> list[RowNote]:
        """Return a note of every mark in a stretch, with the id of the list where it stands."""
        found = _MARK.finditer(self.text, self.place, min(end + _KEPT, len(self.text)))
        places = [mark.start() for mark in found if mark.start() < end]
        notes = []
        for place, behind in zip(places, [*places[1:], end], strict=False):
            named = _ID.search(self.text, place, min(behind, place + _NEAR))
            case_id = named[1] if named else ""
            notes.append(RowNote(f"@{self.gone + place + 1}", reason, "JSON", case_id))
        return notes

    def _next(self, start: int) -> int | None:
        """Return where the next list or message begins, None when there is none in this text.

        It is an object behind a comma, a bracket or a line end that begins with a node of a list
        or a field of a message; or, whatever it begins with, one that can be read as a list.
        """
        while (found := _START.search(self.text, start)) is not None:
            place, key = found.start(), found[1]
            start = place + 1
            if (key in _INNER and key not in _TOP) or not self._free(place):
                continue
            if key in _TOP:
                return place
            if self.trials <= 0:
                continue
            parsed, end = parse_at(self.text, place)
            while isinstance(parsed, RowNote) and self._longer(place):
                parsed, end = parse_at(self.text, place)
            self.trials -= end - place
            if isinstance(parsed, RowNote):
                continue
            if any(not isinstance(one, RowNote) for one in lists_in(parsed)):
                return place
            start = end
        return None

    def _free(self, place: int) -> bool:
        """Whether an object at a place may be one of its own, not the value of a field."""
        before = place
        while before > 0 and self.text[before - 1] in _SPACE:
            before -= 1
        return not before or self.text[before - 1] in ",[}]" or "\n" in self.text[before:place]


def _notes_of(parsed: Parsed, reason: str) -> list[RowNote]:
    """Return the notes of the lists of a value that was taken back."""
    if isinstance(parsed, RowNote):
        return []
    lists = [one for one in lists_in(parsed) if not isinstance(one, RowNote)]
    return [RowNote("", reason, "JSON", case_id_of(one)) for one in lists]


@dataclass
class Seen:
    """What the bytes of a file say before they are parsed, and its brackets afterwards."""

    marks: int = 0
    open: int = 0
    strays: int = 0


def spans_of(raw: bytes, encoding: str | None, seen: Seen | None = None) -> Iterator[Span]:
    """Yield the values and faulty stretches of some bytes; an empty text is a fault."""
    text = decoded(raw, encoding)
    if text is None:
        marks = marks_of(raw)
        if not marks:
            yield Span(RowNote("", "list_encoding", "JSON"), 0)
            return
        text = raw.decode(encoding or likely_encoding(raw), errors=LOST)
    met, seen = False, seen or Seen()
    for span, _ in spans_of_text(text.strip(_SPACE), str, seen):
        met = True
        yield span
    if not met and (seen.open or "[" not in text):
        yield Span(RowNote("", "list_unreadable", "JSON"), 0)


def spans_of_text(text: str, more: Callable[[], str], seen: Seen) -> Iterator[tuple[Span, int]]:
    """Yield the values and faulty stretches of a text that may come in parts, with their sizes."""
    scanner, before = Scanner(text, more), 0
    for span in scanner.spans():
        now = scanner.gone + scanner.place
        yield span, now - before
        before = now
    seen.strays += scanner.strays
    seen.open += 0 if scanner.torn else scanner.open
