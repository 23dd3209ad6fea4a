"""Codes as they are written: inner X in the right case, codes of the insurance edition, slips.

A code is changed only into one that the scheme knows, and each change is counted.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from drgpay.ground.errors import SchemeError, both
from drgpay.names.run_tables import schema_of

X_CASE, MAPPED, BACK, NO_TARGET = "x_case", "insurance_code", "clinical_code", "no_target"
MOST_NEAREST = 8
FEW = 4_000  # codes that are looked up one by one: by columns every code of a map is hashed first
MAX_NAMED = 20_000  # codes without a target that are named; all are counted
# (kind of code, why, as written, as read) → how often
Changes = Counter[tuple[str, str, str, str]]
CHANGES_SCHEMA = schema_of("code_changes")


def small_x(code: str) -> str:
    """Return a code with every X but the first letter's in lower case, as the dictionaries have it.

    >>> small_x("A35.X00X001"), small_x("X00.X00")
    ('A35.x00x001', 'X00.x00')
    """
    return code[:1] + code[1:].replace("X", "x")


def _small_x(codes: pa.Array) -> pa.Array:
    rest = pc.replace_substring(pc.utf8_slice_codeunits(codes, 1), "X", "x")
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(codes, 0, 1), rest, "")


def read_as(words: pa.DictionaryArray, texts: pa.Array) -> pa.DictionaryArray:
    """Return words, each entry of whose dictionary is read as one of the texts; each text once."""
    encoded = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(words.indices), encoded.dictionary)


@dataclass(frozen=True)
class Reading:
    """How codes of another edition become those of a scheme.

    `every`: each code is looked up, for the same code may mean another thing in each edition;
    else only those that the scheme does not know.
    """

    pairs: Mapping[str, str]
    why: str
    every: bool

    @cached_property
    def arrays(self) -> tuple[pa.Array, pa.Array]:
        """Codes of the other edition, and the scheme's."""
        return pa.array(self.pairs.keys(), pa.string()), pa.array(self.pairs.values(), pa.string())

    @cached_property
    def _places(self) -> dict[str, int]:
        return {code: place for place, code in enumerate(self.pairs)}

    def places(self, codes: pa.Array) -> pa.Array:
        """Return where codes of the other edition stand in `arrays`, null for nowhere."""
        if len(codes) <= FEW:
            return pa.array([self._places.get(code) for code in codes.to_pylist()], pa.int32())
        return pc.index_in(codes, value_set=self.arrays[0])


@dataclass(frozen=True)
class Recoder:
    """Reads the codes of one kind (`diagnosis` or `procedure`) as the scheme writes them.

    `encode` numbers the scheme's codes from 1, 0 for unknown ones; `size` is how many there are.
    `own` is the edition that the scheme is written in, `others` gives by name the editions that a
    map leads from, each read when it is first needed.
    """

    kind: str
    encode: Callable[[pa.Array], NDArray[np.int32]]
    size: int = 0
    own: str = ""
    others: Mapping[str, Callable[[], Reading]] = field(default_factory=dict)

    @property
    def editions(self) -> tuple[str, ...]:
        """The editions whose codes can be read, the scheme's own first."""
        return (self.own, *self.others)

    def reading(self, edition: str) -> Reading | None:
        """Return how codes of an edition are read, None for the scheme's own."""
        return self.others[edition]() if edition in self.others else None

    def targets(self, known: Container[str]) -> dict[str, str]:
        """Return code of another edition → the known code that its map leads to."""
        return {
            code: target
            for edition in self.others
            for code, target in self.others[edition]().pairs.items()
            if target in known
        }

    def one(self, code: str, known: Mapping[str, int], edition: str = "") -> str:
        """Return one code as it is read; `known` are the scheme's codes."""
        text = code.strip()
        lower = small_x(text)
        reading = self.reading(edition)
        if reading is not None and (reading.every or not {text, lower} & known.keys()):
            found = reading.pairs.get(text) or reading.pairs.get(lower)
            if found:
                return found
        return lower if text not in known and lower in known else text

    def dictionary(self, codes: pa.Array, edition: str = "") -> tuple[pa.Array, NDArray[np.str_]]:
        """Return trimmed codes as they are read, and why each was changed, empty where not."""
        why = np.zeros(len(codes), dtype="U16")
        codes = self._small_x(codes, why)
        reading = self.reading(edition)
        if reading is None or not len(codes):
            return codes, why
        _, values = reading.arrays
        lower = _small_x(codes)
        at = pc.coalesce(reading.places(codes), reading.places(lower))
        if not reading.every:
            unknown = pa.array(self.encode(codes) == 0)
            at = pc.if_else(unknown, at, pa.scalar(None, at.type))
        read = pc.coalesce(values.take(at), codes)
        changed = np.asarray(pc.fill_null(pc.not_equal(read, codes), False))
        by_case = np.asarray(pc.fill_null(pc.equal(read, lower), False))
        why[changed] = np.where(by_case[changed], X_CASE, reading.why)
        return read, why

    def _small_x(self, codes: pa.Array, why: NDArray[np.str_]) -> pa.Array:
        """Return codes with inner X in lower case where the scheme knows them only so."""
        doubtful = np.flatnonzero(
            np.asarray(
                pc.fill_null(pc.match_substring(pc.utf8_slice_codeunits(codes, 1), "X"), False)
            )
        )
        if not len(doubtful):
            return codes
        some = codes.take(pa.array(doubtful))
        lower = _small_x(some)
        better = (self.encode(some) == 0) & (self.encode(lower) > 0)
        if not better.any():
            return codes
        why[doubtful[better]] = X_CASE
        mask = np.zeros(len(codes), dtype=np.bool_)
        mask[doubtful[better]] = True
        return pc.replace_with_mask(codes, pa.array(mask), lower.filter(pa.array(better)))

    def knows(self, codes: pa.Array, edition: str = "") -> NDArray[np.bool_]:
        """Return which codes an edition knows, and the scheme with it."""
        read, _ = self.dictionary(codes, edition)
        known: NDArray[np.bool_] = self.encode(read) > 0
        reading = self.reading(edition)
        if reading is not None and reading.every:
            at = pc.coalesce(reading.places(codes), reading.places(_small_x(codes)))
            known &= np.asarray(at.is_valid())
        return known

    def words(
        self, words: pa.DictionaryArray, changes: Changes, edition: str = ""
    ) -> pa.DictionaryArray:
        """Return codes (a dictionary array) as they are read; what changed is added to `changes`.

        Codes of another edition that the scheme does not know after all are named there, too.
        """
        plain = words.dictionary
        read, why = self.dictionary(plain, edition)
        if edition in self.others:
            lost = (why == "") & (self.encode(read) == 0)
            why[lost & np.asarray(pc.greater(pc.binary_length(read), 0))] = NO_TARGET
        changed = np.flatnonzero(why != "")
        if not len(changed):
            return words
        index = np.asarray(words.indices.drop_null(), dtype=np.int64)
        times = np.bincount(index, minlength=len(plain))
        room = MAX_NAMED
        for i in changed.tolist():
            if not times[i]:
                continue
            reason, target = str(why[i]), read[i].as_py()
            if reason == NO_TARGET:
                target, room = "", room - 1
                if room < 0:
                    continue
            changes[(self.kind, reason, plain[i].as_py(), target)] += int(times[i])
        if (why[changed] == NO_TARGET).all():
            return words
        return read_as(words, read)

    def mixed(
        self,
        words: pa.DictionaryArray,
        changes: Changes,
        editions: Sequence[str],
        which: NDArray[np.int8],
    ) -> pa.DictionaryArray:
        """Return codes of several editions as they are read; `which` numbers each code's."""
        parts = []
        order = []
        for number, edition in enumerate(editions):
            rows = np.flatnonzero(which == number)
            if len(rows):
                part = words.take(pa.array(rows))
                parts.append(
                    self.words(part.dictionary_decode().dictionary_encode(), changes, edition)
                )
                order.append(rows)
        if not parts:
            return words
        place = np.empty(len(words), dtype=np.int64)
        place[np.concatenate(order)] = np.arange(len(words))
        texts = pa.concat_arrays([part.dictionary_decode().cast(pa.string()) for part in parts])
        return texts.take(pa.array(place)).dictionary_encode()


def insurance_map(code_system: Path, kind: str) -> dict[str, str]:
    """Return code of the insurance edition → code of a code system; `kind` as in `Recoder`.

    Raises SchemeError when the code system has no such map.
    """
    path = code_system / f"{kind}_map.csv"
    if not path.exists():
        raise SchemeError(
            both("没有医保版编码对照表", "no map from the codes of the insurance edition"),
            where=path,
            remedy=both(
                "补上这张表（列 insurance_code, code），或用与方案同一版本的编码",
                "add the table (columns insurance_code, code), or give codes of the scheme's own "
                "edition",
            ),
        )
    now = path.stat()
    return _map_read(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=8)
def _map_read(path: Path, _changed: int, _size: int) -> dict[str, str]:
    """Return the rows of a map; every grouper of a process shares them, and none changes them."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream)
        next(rows, None)
        return {row[0]: row[1].strip() for row in rows if len(row) > 1}


def backward(pairs: Mapping[str, str], known: Container[str]) -> dict[str, str]:
    """Return a map from codes of the edition that `pairs` lead to, to those that they come from.

    Only for codes that the other edition does not know: the one source of a code, where it has but
    one. A code that neither edition's table has and that the map leads to a known one goes there.

    >>> backward({"A1": "B1", "A2": "B1", "A3": "B3", "A4": "K1"}, {"A1", "A2", "A3", "K1"})
    {'A4': 'K1', 'B3': 'A3'}
    """
    sources: dict[str, list[str]] = {}
    for source, target in pairs.items():
        sources.setdefault(target, []).append(source)
    found = {a: b for a, b in pairs.items() if a not in known and b in known}
    for target, own in sources.items():
        if target not in known and len(own) == 1 and own[0] in known:
            found[target] = own[0]
    return found


def changes_table(changes: Changes) -> pa.Table:
    """Return what was changed as a table, in order."""
    rows = sorted(changes.items())
    columns = [[key[i] for key, _ in rows] for i in range(4)]
    return pa.table([*columns, [times for _, times in rows]], schema=CHANGES_SCHEMA)


def changed_codes(changes: Changes) -> int:
    """Return how many codes were read otherwise than written."""
    return sum(times for key, times in changes.items() if key[1] != NO_TARGET)


class NearestCodes:
    """Finds the known codes that an unknown one may have been meant as.

    First what a map of another edition makes of it (`targets`), then those of the same category:
    codes that differ in at most two letters, then the longest beginning in common first; last the
    codes of other categories that differ in at most two letters.

    >>> NearestCodes(["I63.900", "I63.901", "I63.000", "J18.900"]).of("i63900")
    ('I63.900', 'I63.901', 'I63.000')
    >>> NearestCodes(["J44.100", "J44.900"], {"J44.100x001": "J44.100"}).of("J44.100X001", 1)
    ('J44.100',)
    """

    def __init__(self, known: Iterable[str], targets: Mapping[str, str] | None = None) -> None:
        self.by_start = _by_start(tuple(known))
        self.seen: dict[str, tuple[str, ...]] = {}
        self.targets = targets or {}

    def of(self, code: str, count: int = 3) -> tuple[str, ...]:
        """Return up to `count` known codes (at most MOST_NEAREST), the nearest first."""
        if code not in self.seen:
            form = _folded(code)[:24]
            candidates = self.by_start.get(form[:2], [])
            target = self.targets.get(code) or self.targets.get(small_x(code))
            slips = process.extract(
                form,
                [known for known, _ in candidates],
                scorer=OSA.distance,
                score_cutoff=2,
                limit=MOST_NEAREST,
            )
            alike = [pair for pair in candidates if len(form) > 2 and pair[0][:3] == form[:3]]
            alike.sort(key=lambda pair: (-_common(pair[0], form), pair[1]))
            found = [target] if target else []
            own = set(alike)
            near = [candidates[at] for _, _, at in slips]
            found += [known for form, known in near if (form, known) in own]
            found += [known for _, known in alike[:MOST_NEAREST]]
            found += [known for _, known in near]
            self.seen[code] = tuple(dict.fromkeys(found))[:MOST_NEAREST]
        return self.seen[code][:count]


def _common(a: str, b: str) -> int:
    """Return how many letters two texts begin with in common."""
    for place, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return place
    return min(len(a), len(b))


@lru_cache(maxsize=8)
def _by_start(known: tuple[str, ...]) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return codes as they are compared, by their beginning; shared, as schemes share their codes."""
    found: dict[str, list[tuple[str, str]]] = {}
    for code in known:
        form = _folded(code)
        found.setdefault(form[:2], []).append((form, code))
    return found


def _folded(code: str) -> str:
    if code.isascii():
        return code.upper().replace(".", "").replace(" ", "")
    return unicodedata.normalize("NFKC", code).upper().replace(".", "").replace(" ", "")
