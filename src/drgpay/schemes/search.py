"""Codes and groups of a scheme found by a part of their code, their name or its pinyin initials.

All pairs of characters that stand side by side are numbered, each with the entries that hold it:
what is asked is looked for among the entries of its rarest pair alone, as it stands. Two characters
find as well as twenty, and nothing is written to disk.
"""

from __future__ import annotations

import csv
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.reference import reference_dir
from drgpay.schemes.tables import Scheme

KINDS = ("diagnosis", "procedure", "mdc", "adrg", "drg")
TABLE = "pinyin_initials.csv"
MOST_TERMS = 8
MOST_LOOKED_AT = 200  # entries that are put in order: beyond them a question is too wide
MANY = 2_000  # entries that hold one character: so common that looking through all ends soon
_BITS = 21  # of a character
_GAP = "\n"


@dataclass(frozen=True, slots=True)
class Found:
    """A code or a group; `level` is MCC or CC of a diagnosis that counts as one."""

    kind: str
    code: str
    name: str
    level: str = ""


@cache
def _letters() -> Mapping[str, str]:
    """Return the pinyin initials of characters, and of pairs that are read otherwise."""
    path = reference_dir() / "code_systems" / TABLE
    with path.open(encoding="utf-8", newline="") as file:
        return {row["text"]: row["initials"] for row in csv.DictReader(file)}


def initials(name: str) -> str:
    """Return the pinyin initials of a name; other letters and digits as they are, in small ones.

    >>> initials("脑梗死"), initials("2型糖尿病伴高血糖")
    ('ngs', '2xtnbbgxt')
    """
    known, made, place = _letters(), [], 0
    while place < len(name):
        pair = known.get(name[place : place + 2]) if place + 1 < len(name) else None
        if pair is not None:
            made.append(pair)
            place += 2
            continue
        c = name[place]
        made.append(known.get(c) or (c if c.isalnum() else ""))
        place += 1
    return "".join(made).casefold()


def plain(text: str) -> str:
    """Return a text as it is compared: full-width signs as plain ones, small letters."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


class CodeSearch:
    """Finds in one scheme; reading it takes some tenths of a second, asking it some microseconds.

    >>> from drgpay.schemes import load_scheme
    >>> search = CodeSearch(load_scheme("zj-drg-2022"))
    >>> [one.code for one in search.find("ngs", limit=1)]
    ['I63.900']
    """

    def __init__(self, scheme: Scheme) -> None:
        self.entries = sorted(_entries(scheme), key=lambda e: (len(e.name), e.code))
        codes = [plain(e.code) for e in self.entries]
        names = [plain(e.name) for e in self.entries]
        self._codes, self._names = codes, names
        self._initials = [initials(name) for name in names]
        self._texts = [
            _GAP.join((code, code.replace(".", ""), name, letters))
            for code, name, letters in zip(codes, names, self._initials, strict=True)
        ]
        order = sorted(range(len(codes)), key=codes.__getitem__)
        self._by_code = np.array(order, np.int32)
        self._sorted = [codes[i] for i in order]
        self._pairs, self._start, self._rows = _pairs_of(self._texts)

    def find(self, asked: str, *, kinds: Iterable[str] = KINDS, limit: int = 20) -> list[Found]:
        """Return what holds every word asked for, at most `limit`, the likeliest first.

        Likeliest: a code that begins so, a name, initials; then the shorter name. Empty for a
        question without any letter.
        """
        words = [w for w in plain(asked).split() if any(c.isalnum() for c in w)][:MOST_TERMS]
        if not words:
            return []
        wanted, first = frozenset(kinds), words[0]
        hits = [i for i in self._matching(words) if self.entries[i].kind in wanted]
        hits.sort(key=lambda i: (self._step(i, first), len(self._names[i]), self._codes[i]))
        return [self.entries[i] for i in hits[:limit]]

    def _step(self, i: int, word: str) -> int:
        """Return how far an entry is from what was asked."""
        code = self._codes[i]
        if code == word:
            return 0
        if code.startswith(word) or self._texts[i].startswith(word, len(code) + 1):
            return 1
        if self._names[i].startswith(word):
            return 2
        return 3 if word in self._names[i] else 4 if self._initials[i].startswith(word) else 5

    def _matching(self, words: list[str]) -> Iterator[int]:
        """Yield entries that hold all words, codes that begin with the only one before others."""
        texts = self._texts
        rows = min((self._holding(word) for word in words), key=len)
        begun = self._beginning(words[0]) if len(words) == 1 else []
        yield from begun
        matching = (i for i in rows if words[0] in texts[i])
        if len(words) > 1:
            matching = (i for i in matching if all(w in texts[i] for w in words))
        elif begun:
            seen = set(begun)
            matching = (i for i in matching if i not in seen)
        yield from islice(matching, MOST_LOOKED_AT)

    def _beginning(self, word: str) -> list[int]:
        """Return entries whose code begins with a word, in the order of codes."""
        place = bisect_left(self._sorted, word)
        last = min(bisect_left(self._sorted, f"{word}\U0010ffff"), place + MOST_LOOKED_AT)
        return [int(i) for i in self._by_code[place:last]]

    def _holding(self, word: str) -> Sequence[int]:
        """Return the entries that hold the rarest pair of a word; shortest names first."""
        chars = [ord(c) for c in word]
        if len(chars) == 1:
            low, high = np.searchsorted(
                self._pairs, [chars[0] << _BITS, (chars[0] + 1) << _BITS]
            ).tolist()
            first, last = self._start[low], self._start[high]
            if last - first > MANY:
                return range(len(self._texts))
            rows: list[int] = np.unique(self._rows[first:last]).tolist()
            return rows
        pairs = np.array([(a << _BITS) + b for a, b in pairwise(chars)])
        places = np.searchsorted(self._pairs, pairs)
        places[places == len(self._pairs)] = 0
        if not (self._pairs[places] == pairs).all():
            return []
        sizes = self._start[places + 1] - self._start[places]
        own = places[int(sizes.argmin())]
        rows = self._rows[self._start[own] : self._start[own + 1]].tolist()
        return rows


def _pairs_of(
    texts: list[str],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Return all pairs of characters in order, where the rows of each start, and the rows."""
    joined = _GAP.join(texts) + _GAP  # so that the last character of a text has a pair, too
    chars = np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.int64)
    lengths = np.array([len(text) + 1 for text in texts])
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)[:-1]
    pairs = (chars[:-1] << _BITS) + chars[1:]
    order = np.argsort(pairs, kind="stable")
    pairs, rows = pairs[order], rows[order]
    new = np.ones(len(pairs), np.bool_)
    new[1:] = (pairs[1:] != pairs[:-1]) | (rows[1:] != rows[:-1])
    pairs, rows = pairs[new], rows[new]
    starts = np.flatnonzero(np.diff(pairs, prepend=-1))
    return pairs[starts], np.append(starts, len(pairs)), rows


def _entries(scheme: Scheme) -> Iterator[Found]:
    level = dict(zip(*(scheme.severity[c].to_pylist() for c in ("code", "level")), strict=True))
    for kind, known in (("diagnosis", scheme.diagnoses), ("procedure", scheme.procedures)):
        own = level if kind == "diagnosis" else {}
        for code, name in zip(known.codes.to_pylist(), known.names.to_pylist(), strict=True):
            yield Found(kind, code, name or "", own.get(code, ""))
    groups = {("mdc", m.mdc): m.name for m in scheme.mdcs}
    groups |= {("adrg", a.adrg): a.name for a in reversed(scheme.adrgs)}
    groups |= {("drg", d.drg): d.name for d in reversed(scheme.drgs)}
    for (kind, code), name in groups.items():
        yield Found(kind, code, name)
