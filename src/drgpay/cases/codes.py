"""Codes as they are written: inner X in the right case, codes of the insurance edition, slips.

A code is changed only into one that the scheme knows, and each change is counted.
"""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from drgpay.errors import SchemeError, both

INSURANCE_SYSTEMS = ("insurance", "insurance-2.0", "医保版", "医保2.0", "医保版2.0")
X_CASE, MAPPED = "x_case", "insurance_code"
# (kind of code, why, as written, as read) → how often
Changes = Counter[tuple[str, str, str, str]]
CHANGES_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("why", pa.string()),
        ("written", pa.string()),
        ("read_as", pa.string()),
        ("times", pa.int64()),
    ]
)


def small_x(code: str) -> str:
    """Return a code with every X but the first letter's in lower case, as the dictionaries have it.

    >>> small_x("A35.X00X001"), small_x("X00.X00")
    ('A35.x00x001', 'X00.x00')
    """
    return code[:1] + code[1:].replace("X", "x")


def _small_x(codes: pa.Array) -> pa.Array:
    rest = pc.replace_substring(pc.utf8_slice_codeunits(codes, 1), "X", "x")
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(codes, 0, 1), rest, "")


@dataclass(frozen=True)
class Recoder:
    """Reads the codes of one kind (`diagnosis` or `procedure`) as the scheme writes them.

    `encode` numbers the scheme's codes, 0 for unknown ones. `mapping`, when given, is from codes of
    the insurance edition to the scheme's: the same code may mean another thing in each, so that
    every code is looked up.
    """

    kind: str
    encode: Callable[[pa.Array], NDArray[np.int32]]
    mapping: dict[str, str] | None = None
    systems: tuple[str, ...] = ()  # what a file may call the code system of its codes

    @cached_property
    def _mapped(self) -> tuple[pa.Array, pa.Array]:
        pairs = self.mapping or {}
        return pa.array(pairs.keys(), pa.string()), pa.array(pairs.values(), pa.string())

    def one(self, code: str, known: Mapping[str, int]) -> str:
        """Return one code as it is read; `known` are the scheme's codes."""
        text = code.strip()
        if self.mapping is not None:
            return self.mapping.get(text) or self.mapping.get(small_x(text), text)
        lower = small_x(text)
        return lower if text not in known and lower in known else text

    def dictionary(self, codes: pa.Array) -> tuple[pa.Array, NDArray[np.str_]]:
        """Return trimmed codes as they are read, and why each was changed, empty where not."""
        why = np.zeros(len(codes), dtype="U16")
        if self.mapping is not None:
            keys, values = self._mapped
            at = pc.index_in(codes, value_set=keys)
            lower = _small_x(codes)
            at = pc.coalesce(at, pc.index_in(lower, value_set=keys))
            read = pc.coalesce(values.take(at), codes)
            changed = np.asarray(pc.fill_null(pc.not_equal(read, codes), False))
            by_case = np.asarray(pc.fill_null(pc.equal(read, lower), False))
            why[changed] = np.where(by_case[changed], X_CASE, MAPPED)
            return read, why
        doubtful = np.flatnonzero(
            np.asarray(
                pc.fill_null(pc.match_substring(pc.utf8_slice_codeunits(codes, 1), "X"), False)
            )
        )
        if not len(doubtful):
            return codes, why
        some = codes.take(pa.array(doubtful))
        lower = _small_x(some)
        better = (self.encode(some) == 0) & (self.encode(lower) > 0)
        if not better.any():
            return codes, why
        why[doubtful[better]] = X_CASE
        mask = np.zeros(len(codes), dtype=np.bool_)
        mask[doubtful[better]] = True
        return pc.replace_with_mask(codes, pa.array(mask), lower.filter(pa.array(better))), why

    def words(self, words: pa.DictionaryArray, changes: Changes) -> pa.DictionaryArray:
        """Return codes (a dictionary array) as they are read; what changed is added to `changes`."""
        plain = words.dictionary
        read, why = self.dictionary(plain)
        changed = np.flatnonzero(why != "")
        if not len(changed):
            return words
        index = np.asarray(words.indices.drop_null(), dtype=np.int64)
        times = np.bincount(index, minlength=len(plain))
        for i in changed.tolist():
            if times[i]:
                key = (self.kind, str(why[i]), plain[i].as_py(), read[i].as_py())
                changes[key] += int(times[i])
        return read.take(words.indices).dictionary_encode()


def other_system(column: pa.ChunkedArray, systems: Sequence[str]) -> NDArray[np.bool_]:
    """Return the rows whose codes are said to be of another code system; empty says nothing."""
    words = column.cast(pa.string())
    allowed = pa.array([*systems, ""], pa.string())
    known = pc.is_in(pc.utf8_trim_whitespace(words), value_set=allowed)
    return np.asarray(pc.and_(pc.invert(known), pc.is_valid(words)))


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
                "补上这张表（列 insurance_code, code），或不用 --from-insurance-codes",
                "add the table (columns insurance_code, code) or leave out --from-insurance-codes",
            ),
        )
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["insurance_code"]: row["code"].strip() for row in csv.DictReader(stream)}


def changes_table(changes: Changes) -> pa.Table:
    """Return what was changed as a table, in order."""
    rows = sorted(changes.items())
    columns = [[key[i] for key, _ in rows] for i in range(4)]
    return pa.table([*columns, [times for _, times in rows]], schema=CHANGES_SCHEMA)


class NearestCodes:
    """Finds the known codes that an unknown one may have been meant as.

    >>> NearestCodes(["I63.900", "I63.901", "J18.900"]).of("i63900")
    ('I63.900', 'I63.901')
    """

    def __init__(self, known: Iterable[str]) -> None:
        self.by_start: dict[str, list[tuple[str, str]]] = {}
        self.seen: dict[str, tuple[str, ...]] = {}
        for code in known:
            form = _folded(code)
            self.by_start.setdefault(form[:2], []).append((form, code))

    def of(self, code: str, count: int = 3) -> tuple[str, ...]:
        """Return up to `count` known codes with at most two slips, the nearest first."""
        if code not in self.seen:
            form = _folded(code)[:24]
            candidates = self.by_start.get(form[:2], [])
            found = process.extract(
                form,
                [known for known, _ in candidates],
                scorer=OSA.distance,
                score_cutoff=2,
                limit=count,
            )
            self.seen[code] = tuple(candidates[at][1] for _, _, at in found)
        return self.seen[code][:count]


def _folded(code: str) -> str:
    if code.isascii():
        return code.upper().replace(".", "").replace(" ", "")
    return unicodedata.normalize("NFKC", code).upper().replace(".", "").replace(" ", "")
