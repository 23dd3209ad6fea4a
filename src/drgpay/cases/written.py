"""Codes as cells hold them: nothings, names beside codes, several in a cell, codes as numbers.

A cell is taken apart where each of its parts is a code. A code is read otherwise than written only
as one that is known, or where nothing but its name or a mark was taken from it, and each change is
counted; what cannot be read is a fault of its row or stays, unknown, as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import as_lists, lengths_of, numbers_of
from drgpay.cases.codes import Changes, Recoder, read_as, small_x
from drgpay.cases.tidy import EMPTY, without_shape
from drgpay.cases.values import INVISIBLE, bare, is_empty
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.names.columns import NUMBERED
from drgpay.names.reasons import REASONS

NUMBER, NAME, SEVERAL, FORM = "number_restored", "name_left_out", "several_in_cell", "code_form"
WHY: dict[str, Bilingual] = {
    NUMBER: both("存成数字的编码还原", "a code that was stored as a number"),
    NAME: both("去掉编码旁的名称", "the name beside a code left out"),
    SEVERAL: both("一格中的几个编码分开", "several codes of a cell taken apart"),
    FORM: both(
        "全角、大小写、不可见字符或小数点的写法", "width, case, invisible characters or point"
    ),
}
DIAGNOSIS, PROCEDURE = "diagnosis", "procedure"
Known = Callable[[pa.Array], NDArray[np.bool_]]
# the shapes of codes, loosely: what else is written like this is an unknown code, and no other thing
_SHAPES = {
    DIAGNOSIS: r"[A-Z]\d{2}(?:\.[0-9xX]{1,3}(?:[xX]\d{1,3})?)?(?:[+†][A-Z]\d{2}(?:\.\d{1,4})?\*?)?\*?",
    PROCEDURE: r"\d{2}\.\d{2,5}(?:[xX]\d{1,4})?|\d{2}\.\d{1,3}[A-Zx]\d{1,4}(?:x\d{3})?",
}
# parts of a longer text that may be codes
_TOKENS = {
    DIAGNOSIS: re.compile(r"(?<![0-9A-Za-z.])[A-Za-z]\d{2}(?:\.[0-9A-Za-z]+)?(?:\+[A-Z]\d{2}(?:\.\d+)?\*)?(?![0-9A-Za-z])"),
    PROCEDURE: re.compile(r"(?<![0-9A-Za-z.])\d{1,2}\.\d{1,5}(?:[0-9A-Za-z]*)(?![0-9A-Za-z.])"),
}  # fmt: skip
_PLAIN = {kind: re.compile(shape) for kind, shape in _SHAPES.items()}
_BETWEEN = re.compile(r"[\s/\\#&+,，;；、:：|]+")
_ZEROS = re.compile(r"0*\.?0*")
_DIGITS = re.compile(r"\d{1,6}(?:\.\d{0,4})?", re.ASCII)
_WHOLE_PROCEDURE = re.compile(r"\d{2}\.\d{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell's word is read as: codes in order, and why; `fault` is the reason of a fault."""

    codes: tuple[str, ...]
    why: str = ""
    fault: str = ""


class Reader:
    """Reads words of one kind of code; `known` says which codes the data may hold."""

    def __init__(self, kind: str, known: Known) -> None:
        self.kind, self.known = kind, known

    def knows(self, *codes: str) -> list[bool]:
        """Return which codes are known as they stand or with a small inner x."""
        both_ways = pa.array([*codes, *map(small_x, codes)], pa.string())
        found = self.known(both_ways)
        half = len(codes)
        return [bool(found[i] or found[half + i]) for i in range(half)]

    def read(self, word: str) -> Reading:
        """Return what one word that is not known as it stands is read as.

        >>> def two(codes): return np.isin(np.asarray(codes), ["47.0900", "K80.101"])
        >>> Reader("procedure", two).read("47.09").codes
        ('47.0900',)
        >>> Reader("diagnosis", two).read("K80.101 胆囊结石").codes
        ('K80.101',)
        """
        plain = bare(word)
        if is_empty(plain) or _ZEROS.fullmatch(plain):
            return Reading(("",), EMPTY if plain else "")
        if self.knows(plain)[0]:
            return Reading((plain,), FORM if plain != word.strip() else "")
        folded = self._folded(plain)
        if folded is not None:
            return Reading((folded,), FORM)
        if _PLAIN[self.kind].fullmatch(plain) and not self._is_number(plain):
            return Reading((plain,))
        if self._is_number(plain):
            return self._restored(plain)
        return self._apart(plain)

    def _is_number(self, text: str) -> bool:
        return (
            self.kind == PROCEDURE
            and _DIGITS.fullmatch(text) is not None
            and not _WHOLE_PROCEDURE.fullmatch(text)
        )

    def _folded(self, text: str) -> str | None:
        """Return the one known code that a text is but for width, case, marks and its point."""
        form = unicodedata.normalize("NFKC", text).replace("。", ".")
        form = form.translate({ord(mark): None for mark in INVISIBLE}).strip(" .'\"`*“”‘’")
        if self.kind == DIAGNOSIS:
            form = form[:1].upper() + form[1:]
        forms = [form]
        if self.kind == DIAGNOSIS and re.fullmatch(r"[A-Z]\d{5}(?:[xX]\d{3})?", form):
            forms.append(f"{form[:3]}.{form[3:]}")
        good = [f for f, known in zip(forms, self.knows(*forms), strict=True) if known]
        return good[0] if len(good) == 1 else None

    def _restored(self, text: str) -> Reading:
        """Return the one known code whose number this is; else a fault."""
        whole, _, rest = text.partition(".")
        if len(whole) > 2 and not rest.strip("0"):  # 5123 and 5123.0 are 51.23 without its point
            forms = [(whole[:2], whole[2:]), ("0" + whole[:1], whole[1:])]
        elif len(whole) > 2:
            forms = []
        else:
            forms = [(whole.zfill(2), rest)]
        tried = {f"{head}.{(tail + '0' * 4)[:width]}" for head, tail in forms
                 for width in (2, 3, 4) if len(tail.rstrip("0")) <= width}  # fmt: skip
        candidates = sorted(tried)
        known = self.knows(*candidates) if candidates else []
        good = [code for code, is_known in zip(candidates, known, strict=True) if is_known]
        if len(good) == 1:
            return Reading((good[0],), NUMBER)
        return Reading((text,), fault="code_as_number")

    def _apart(self, text: str) -> Reading:
        """Return the codes of a text that holds several, or names beside them."""
        parts = [part for part in _BETWEEN.split(text) if part]
        if len(parts) > 1:
            read = [self._part(part) for part in parts]
            if all(read):
                return self._sum([one for one in read if one], SEVERAL)
        if text.isascii():
            return Reading((text,))
        form = unicodedata.normalize("NFKC", text)
        tokens = [found[0] for found in _TOKENS[self.kind].finditer(form)]
        read = [self._part(token) for token in tokens]
        codes = [one for one in read if one]
        if codes:
            return self._sum(codes, NAME)
        return Reading((text,), fault="code_is_name" if _is_name(text) else "")

    def _part(self, part: str) -> Reading | None:
        """Return what a part of a text is read as when it is a code, known or by its whole shape."""
        if self.knows(part)[0]:
            return Reading((part,))
        folded = self._folded(part)
        if folded is not None:
            return Reading((folded,))
        if self._is_number(part):
            return self._restored(part) if "." in part else None
        if "." in part and _PLAIN[self.kind].fullmatch(part):
            return Reading((part,))
        return None

    def _sum(self, parts: list[Reading], why: str) -> Reading:
        codes = tuple(code for part in parts for code in part.codes)
        fault = next((part.fault for part in parts if part.fault), "")
        return Reading(codes, why, fault)


def _is_name(text: str) -> bool:
    """Whether a text is words of Chinese and nothing that could be a code."""
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def code_words(table: pa.Table, name: str) -> tuple[pa.DictionaryArray, NDArray[np.int64]] | None:
    """Return the codes of all rows end to end, trimmed, and how many each row has.

    None when the table has no such column, neither one of all nor numbered ones.
    """
    numbered = numbered_columns(table, name)
    if name in table.column_names:
        lists = as_lists(table[name])
        lengths, words = lengths_of(lists), lists.flatten()
        if pa.types.is_string_view(words.type):
            words = words.cast(pa.string())
    elif numbered:
        words = _interleave([parse.flat(table[c]).cast(pa.string()) for c in numbered])
        lengths = np.full(len(table), len(numbered), dtype=np.int64)
    else:
        return None
    return _trimmed(words), lengths


def read_codes(
    table: pa.Table,
    name: str,
    recoder: Recoder | None,
    known: Callable[[Recoder], Known],
    changes: Changes,
    faults: Any,
) -> tuple[pa.DictionaryArray, NDArray[np.int64]] | None:
    """Return what `code_words` does, the cells read where a scheme says how; faults are noted."""
    found = code_words(table, name)
    if found is None or recoder is None or not len(found[0]):
        return found
    cells = read_cells(recoder.kind, *found, known(recoder), changes)
    cells.note(faults, table, name)
    return cells.words, cells.lengths


def one_case(kind: str, codes: Sequence[str], index: Mapping[str, int], known: Known) -> list[str]:
    """Return the codes of one case as they are read; empty ones only where the first one is.

    `index` holds the scheme's codes. Raises InputError for a code that cannot be read.
    """
    reader = Reader(kind, known)
    out: list[str] = []
    strange = {plain for code in codes if (plain := code.strip()) not in index}
    as_written = {code for code in strange if _SHAPE[kind].fullmatch(code)}
    if others := [*strange - as_written]:
        plain_ones = _plain_words(kind, pa.array(others, pa.string()), known)
        as_written |= {code for code, plain in zip(others, plain_ones, strict=True) if plain}
    made: dict[str, Reading] = {}
    for place, code in enumerate(codes):
        plain = code.strip()
        if plain in index or plain in as_written:
            out.append(plain)
            continue
        if plain not in made:
            made[plain] = reader.read(code)
        read = made[plain]
        if read.fault and (read.fault != "code_is_name" or (kind == PROCEDURE and not place)):
            reason = REASONS[read.fault]
            raise InputError(
                both(f"“{code}”：{reason.message.chinese}", f"{code!r}: {reason.message}"),
                remedy=reason.remedy,
            )
        out += read.codes
    return [code for place, code in enumerate(out) if code or (not place and kind == DIAGNOSIS)]


def numbered_columns(table: pa.Table, name: str) -> list[str]:
    """Return the numbered columns of a table for `diagnoses` or `procedures`, in order."""
    base = next(prefix for prefix, whole in NUMBERED.items() if whole == name)
    return sorted(
        (c for c in table.column_names if c.startswith(base) and c[len(base) :].isdigit()),
        key=lambda c: int(c[len(base) :]),
    )


@dataclass(frozen=True, slots=True)
class Cells:
    """Codes end to end as cells are read, how many each row has, and its faults.

    A fault is a reason, the rows that have it, and the place of the word in each row from 0.
    """

    words: pa.DictionaryArray
    lengths: NDArray[np.int64]
    faults: tuple[tuple[str, NDArray[np.int64], NDArray[np.int64]], ...] = ()

    def note(self, faults: Any, table: pa.Table, name: str) -> None:
        """Note the rows that a word is a fault of, at the column where it stands."""
        numbered = [] if name in table.column_names else numbered_columns(table, name)
        for reason, rows, places in self.faults:
            for place in np.unique(places).tolist() if numbered else (-1,):
                mask = np.zeros(len(table), dtype=np.bool_)
                mask[rows if place < 0 else rows[places == place]] = True
                faults.add(mask, name if place < 0 else numbered[place], reason)


def read_cells(
    kind: str,
    words: pa.DictionaryArray,
    lengths: NDArray[np.int64],
    known: Known,
    changes: Changes,
) -> Cells:
    """Return codes as their cells are read; each word is looked at once, known ones not at all."""
    dictionary = words.dictionary.cast(pa.string())
    odd = np.flatnonzero(~_plain_words(kind, dictionary, known))
    if not len(odd):
        return Cells(words, lengths)
    reader = Reader(kind, known)
    given = dictionary.take(pa.array(odd)).to_pylist()
    read = [reader.read(word or "") for word in given]
    # of procedures the main one; names among the others, and diagnoses, count as unknown codes
    faulty = [
        one.fault if kind == PROCEDURE else one.fault.replace("code_is_name", "") for one in read
    ]
    as_written = all(one.codes == (word,) for word, one in zip(given, read, strict=True))
    if as_written and not any(faulty):
        return Cells(words, lengths)
    index = numbers_of(words)
    times = np.bincount(index, minlength=len(dictionary) + 1)
    for place, word, one in zip(odd.tolist(), given, read, strict=True):
        if one.why and not one.fault and times[place]:
            written = word.strip() if one.why == EMPTY else word
            changes[kind, one.why, written, "|".join(one.codes)] += int(times[place])
    starts = np.cumsum(lengths) - lengths
    faults = []
    for reason in ("code_as_number", "code_is_name"):
        of_reason = np.zeros(len(dictionary) + 1, dtype=np.bool_)
        of_reason[odd] = [fault == reason for fault in faulty]
        if not of_reason.any():
            continue
        hit = np.flatnonzero(of_reason[index])
        rows = np.searchsorted(starts + lengths, hit, side="right")
        places = hit - starts[rows]
        if reason == "code_is_name":
            rows, places = rows[places == 0], places[places == 0]
        if len(rows):
            faults.append((reason, rows, places))
    if as_written:
        return Cells(words, lengths, tuple(faults))
    return _spread(words, lengths, index, odd, read, tuple(faults))


def _spread(
    words: pa.DictionaryArray,
    lengths: NDArray[np.int64],
    index: NDArray[np.int64],
    odd: NDArray[np.int64],
    read: list[Reading],
    faults: tuple[tuple[str, NDArray[np.int64], NDArray[np.int64]], ...],
) -> Cells:
    """Put the codes that words are read as in their places."""
    dictionary = words.dictionary.cast(pa.string())
    size = len(dictionary)
    counts = np.ones(size + 1, dtype=np.int64)
    first = np.arange(size + 1, dtype=np.int32)
    more: list[str] = []
    for place, one in zip(odd.tolist(), read, strict=True):
        counts[place], first[place] = len(one.codes), size + len(more)
        more += one.codes
    texts = pa.concat_arrays([dictionary, pa.array(more, pa.string())])
    if (counts == 1).all():
        return Cells(read_as(words, texts.take(pa.array(first[:size]))), lengths, faults)
    own = counts[index]
    places = np.repeat(first[index], own)
    starts = np.cumsum(own) - own
    places += (np.arange(len(places)) - np.repeat(starts, own)).astype(np.int32)
    missing = np.repeat(index == size, own)
    indices = pa.array(np.where(missing, np.int32(0), places), mask=missing)
    taken = read_as(pa.DictionaryArray.from_arrays(indices, texts), texts)
    ends = np.concatenate([[0], np.cumsum(own)])
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    return Cells(taken, ends[bounds[1:]] - ends[bounds[:-1]], faults)


def _plain_words(kind: str, dictionary: pa.Array, known: Known) -> NDArray[np.bool_]:
    """Return which words are codes by their shape or known, or empty: nothing is to be read."""
    good = np.ones(len(dictionary), dtype=np.bool_)
    rest = without_shape(dictionary, kind == DIAGNOSIS, (1, 3) if kind == DIAGNOSIS else (4, 5))
    if len(rest):  # nearly all codes are of one shape; the others of it are looked for among few
        some = dictionary.take(pa.array(rest))
        shaped = np.asarray(pc.match_substring_regex(some, f"^(?:{_SHAPE[kind].pattern})$"))
        rest = rest[~shaped]
        if len(rest):
            good[rest] = known(dictionary.take(pa.array(rest)))
    return good


_PROCEDURE_ONLY = r"\d{2}\.\d{4,5}(?:[xX]\d{1,4})?"

# the shapes of codes in which nothing is to be read
_SHAPE = {
    DIAGNOSIS: re.compile(_SHAPES[DIAGNOSIS], re.ASCII),
    PROCEDURE: re.compile(_PROCEDURE_ONLY, re.ASCII),
}


def _interleave(columns: list[pa.Array]) -> pa.Array:
    """Return the values of numbered columns row by row."""
    count = len(columns[0])
    stacked = pa.concat_arrays(columns)
    order = np.arange(count * len(columns)).reshape(len(columns), count).T.reshape(-1)
    return stacked.take(pa.array(order))


def _trimmed(words: pa.Array) -> pa.DictionaryArray:
    """Return codes as a dictionary array without blanks around them."""
    if not pa.types.is_dictionary(words.type):
        words = words.cast(pa.string()).dictionary_encode()
    dictionary = words.dictionary.cast(pa.string())
    plain = pc.utf8_trim_whitespace(dictionary)
    if plain.equals(dictionary):
        return words
    return read_as(words, plain)
