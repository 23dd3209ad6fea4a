"""What cells mean before they are read: nothings, words of closed lists, weights in kilograms.

Every table of cases passes here, whichever door it came through, so that a parser meets one way of
writing. What is read otherwise than written is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.arrays import bytes_of, is_text, numbers_of
from drgpay.cases.codes import Changes
from drgpay.cases.kernels import odd_codes, odd_numbers, short_words
from drgpay.cases.pseudonyms import PERSON, certificates_note, count_certificates
from drgpay.cases.values import (
    CHOICE_WORDS,
    EMPTY_WORDS,
    FLAG_WORDS,
    INVISIBLE,
    SEX_WORDS,
    bare,
    by_word,
    coded,
    is_empty,
)
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.names.columns import BY_NAME, both_names, whole_of
from drgpay.names.reasons import REASONS

EMPTY, ZERO, WORD, UNIT, KILOGRAMS = "empty_word", "zero", "coded_word", "unit", "kilograms"
BIRTH_DATE, NO_YEARS, FILLER = "birth_date", "age_from_days", "age_filler"
WHY: Mapping[str, Bilingual] = {
    EMPTY: both("占位符按空缺处理", "a word for nothing, read as empty"),
    ZERO: both("体重0按空缺处理", "a weight of 0, read as empty"),
    WORD: both("代码的另一种写法", "a code written in another way"),
    UNIT: both("去掉单位，换算为本列的单位", "its unit taken off, in the unit of the column"),
    KILOGRAMS: both("体重按千克理解，换算为克", "a weight taken as kilograms, in grams"),
    BIRTH_DATE: both("日龄由出生日期和入院日期算出", "days of age by the date of birth"),
    NO_YEARS: both("有日龄而没有年龄，年龄按0岁", "an age in days and none in years: 0 years"),
    FILLER: both("满一周岁者的日龄0按空缺处理", "days 0 of a person of a year or more: empty"),
}
WEIGHTS = ("birth_weight_g", "admission_weight_g")
_LONGEST = max(len(word.encode()) for word in EMPTY_WORDS) + 8
_FIRSTS = np.zeros(256, dtype=np.bool_)
for _word in (
    *EMPTY_WORDS,
    *(w.swapcase() for w in EMPTY_WORDS),
    *INVISIBLE,
    *" \t\r\n\v\f\u00a0\u3000\u2002",
):
    _FIRSTS[_word.encode()[0]] = True
_SHOWN = 3


class ReadAs:
    """Counts what was read otherwise than written; pieces may be shaped on several threads."""

    def __init__(self) -> None:
        self.changes: Changes = Changes()
        self.certificates = 0  # of persons, which stay as they are
        self._lock = Lock()

    def __getstate__(self) -> tuple[Changes, int]:
        return self.changes, self.certificates

    def __setstate__(self, state: tuple[Changes, int]) -> None:
        (self.changes, self.certificates), self._lock = state, Lock()

    def note_persons(self, column: pa.ChunkedArray) -> None:
        """Count the certificate numbers of a column of persons."""
        texts = [parse.flat(chunk).cast(pa.string()) for chunk in column.chunks]
        found = sum(map(count_certificates, texts))
        with self._lock:
            self.certificates += found

    def add(self, column: str, why: str, written: str, read: str, times: int) -> None:
        """Count a value of a column that was written one way and read as another."""
        with self._lock:
            self.changes[column, why, written, read] += times

    def notes(self) -> list[Bilingual]:
        """Return one note for each column and kind of change, with its number and examples."""
        found: dict[tuple[str, str], list[tuple[int, str, str]]] = {}
        with self._lock:
            items = list(self.changes.items())
        for (column, why, written, read), times in items:
            found.setdefault((column, why), []).append((times, written, read))
        out = [certificates_note(self.certificates)] if self.certificates else []
        for (column, why), some in sorted(found.items()):
            some.sort(key=lambda one: (-one[0], *one[1:]))
            shown = [f"“{w}”→“{r}”" if r else f"“{w}”" for _, w, r in some[:_SHOWN]]
            total = sum(times for times, *_ in some)
            more = " 等" if len(some) > _SHOWN else ""
            out.append(
                both(
                    f"{both_names(column)}：{total:,} 处{WHY[why].chinese}（{'、'.join(shown)}{more}）",
                    f"{column}: {total:,} times {WHY[why]} ({', '.join(shown)}"
                    f"{', …' if more else ''})",
                )
            )
        return out


def tidy_cells(name: str, column: pa.ChunkedArray, read_as: ReadAs) -> pa.ChunkedArray:
    """Return a column of ours, each cell written as its parser takes it."""
    kind = BY_NAME[whole_of(name)].kind
    if name == PERSON:
        read_as.note_persons(column)
    if kind == "codes" or not is_text(column.type):
        return _weighed(name, column, read_as) if name in WEIGHTS else column
    if name in WEIGHTS:
        return _weighed(name, column, read_as)
    if name == "planned_readmission":  # bare digits mean one thing here, another there
        return _chosen(name, column, {w: w for w in by_word(FLAG_WORDS)}, read_as, plain=True)
    if kind == "sex":
        return _chosen(name, column, by_word(SEX_WORDS), read_as)
    if kind == "flag":
        return _chosen(name, column, by_word(FLAG_WORDS), read_as)
    if name in CHOICE_WORDS:
        return _chosen(name, column, by_word(CHOICE_WORDS[name]), read_as, canonical=True)
    column = _emptied(name, column, read_as)
    return _whole_pools(name, column, read_as) if name == "pool" else column


def _emptied(name: str, column: pa.ChunkedArray, read_as: ReadAs) -> pa.ChunkedArray:
    """Return a column of texts with the words for nothing as empty texts."""
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())

    def read(word: str) -> tuple[str, str]:
        own = bare(word)
        return ("", EMPTY if own else "") if word.strip() and is_empty(own) else (word, "")

    chunks, changed = [], False
    for chunk in column.chunks:
        words = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        places = _empty_places(words)
        changed |= bool(len(places))
        if words is chunk:
            chunk = replaced(name, chunk, places, read, read_as)
        elif len(places):
            chunk = _reworded(name, chunk, read, read_as)
        chunks.append(chunk)
    return pa.chunked_array(chunks, column.type) if changed else column


def _empty_places(words: pa.Array) -> NDArray[np.int64]:
    """Return which texts of an array stand for nothing but are not empty themselves."""
    some = _looked_at(words, short_words, _FIRSTS, _LONGEST)
    if not len(some):
        return some
    encoded = words.take(pa.array(some)).dictionary_encode()
    empty = [is_empty(word) and bool(word.strip()) for word in encoded.dictionary.to_pylist()]
    if not any(empty):
        return some[:0]
    places: NDArray[np.int64] = some[np.array([*empty, False])[numbers_of(encoded)]]
    return places


def _looked_at(words: pa.Array, kernel: Callable[..., int], *more: Any) -> NDArray[np.int64]:
    """Return which texts of an array a kernel marks; missing ones are never among them."""
    starts, data = bytes_of(words)
    out = np.empty(len(words), dtype=np.int64)
    count = kernel(starts, data, *more, out) if len(data) else 0
    found: NDArray[np.int64] = out[:count]
    if words.null_count and len(found):
        found = found[~np.asarray(words.is_null())[found]]
    return found


def _chosen(
    name: str,
    column: pa.ChunkedArray,
    meant: Mapping[str, str],
    read_as: ReadAs,
    *,
    canonical: bool = False,
    plain: bool = False,
) -> pa.ChunkedArray:
    """Return a column of words of a closed list as a dictionary, other writings as the list has it.

    `canonical`: each word as what it means; else a word of the list stays. `plain`: no writing but
    the list's own is understood.
    """

    def read(word: str) -> tuple[str, str]:
        own = bare(word)
        if own in meant:
            return (meant[own] if canonical else word), ""
        if not word.strip():
            return word, ""
        if is_empty(word):
            return "", EMPTY if own else ""
        found = None if plain else coded(word, meant)
        return (word, "") if found is None else (found, WORD)

    return _by_word(name, column, read, read_as)


def _by_word(
    name: str,
    column: pa.ChunkedArray,
    read: Callable[[str], tuple[str, str]],
    read_as: ReadAs,
) -> pa.ChunkedArray:
    """Return a column of few words as a dictionary of what `read` makes of each, and why."""
    chunks = []
    for chunk in column.chunks:
        encoded = chunk
        if not pa.types.is_dictionary(chunk.type):
            encoded = chunk.cast(pa.string()).dictionary_encode()
        made = _reworded(name, encoded, read, read_as)
        words = made.dictionary.cast(pa.string())
        chunks.append(pa.DictionaryArray.from_arrays(made.indices.cast(pa.int32()), words))
    return pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string()))


def _reworded(
    name: str,
    chunk: pa.DictionaryArray,
    read: Callable[[str], tuple[str, str]],
    read_as: ReadAs,
) -> pa.DictionaryArray:
    """Return words as `read` makes them; what it gives a reason for is counted."""
    given = [word or "" for word in chunk.dictionary.to_pylist()]
    made = [read(word) for word in given]
    _count(name, given, made, chunk.indices.drop_null(), read_as)
    if [text for text, _ in made] == given:
        return chunk
    words = pa.array([text for text, _ in made], chunk.dictionary.type)
    return pa.DictionaryArray.from_arrays(chunk.indices, words)


def _count(
    name: str,
    given: list[str],
    made: list[tuple[str, str]],
    indices: pa.Array,
    read_as: ReadAs,
) -> None:
    """Count the words that were read otherwise, each as often as it is named."""
    if not any(why for _, why in made):
        return
    times = np.bincount(np.asarray(indices, dtype=np.int64), minlength=len(given))
    for word, (text, why), count in zip(given, made, times.tolist(), strict=True):
        if why and count:
            read_as.add(name, why, word.strip(), text, count)


def _whole_pools(name: str, column: pa.ChunkedArray, read_as: ReadAs) -> pa.ChunkedArray:
    """Return numbers of pools without the .0 that a table of numbers put behind them."""

    def read(word: str) -> tuple[str, str]:
        found = re.fullmatch(r"\s*(\d+)\.0+\s*", word, re.ASCII)
        return (word, "") if found is None else (found[1], WORD)

    return _by_word(name, column, read, read_as)


_WEIGHT = re.compile(r"(\d{1,6}(?:\.\d{1,4})?)\s*(kg|千克|公斤|g|克)?", re.ASCII | re.IGNORECASE)
_LEAST_KG, _MOST_KG = Decimal("0.2"), Decimal(10)


def weight_of(text: str) -> tuple[str, str] | None:
    """Return a weight of a newborn in grams and why it was read so; None where nothing changes.

    A number below ten with decimals is kilograms; a whole one without a unit may be anything.

    >>> weight_of("2.6"), weight_of("2600克"), weight_of("0"), weight_of("3")
    (('2600', 'kilograms'), ('2600', 'unit'), ('', 'zero'), None)
    """
    plain = bare(text)
    if is_empty(plain):
        return "", EMPTY if plain else ""
    found = _WEIGHT.fullmatch(plain)
    if found is None:
        return None
    number, unit = Decimal(found[1]), (found[2] or "").lower()
    if not number:
        return "", ZERO
    if unit in ("kg", "千克", "公斤"):
        return str(int(number * 1000)), UNIT
    if unit:
        return str(int(number)), UNIT
    if number != int(number) and _LEAST_KG <= number < _MOST_KG:
        return str(int(number * 1000)), KILOGRAMS
    return None


def grams_of(value: float | str | None) -> int | None:
    """Return a weight of a newborn in grams as a cell of it is read; raises InputError for none.

    >>> grams_of(2600), grams_of(2.6), grams_of(0), grams_of(None)
    (2600, 2600, None, None)
    """
    if value is None or value != value:
        return None
    text = value if isinstance(value, str) else _plain_number(float(value))
    made = weight_of(text)
    text = bare(text if made is None else made[0])
    if not text:
        return None
    grams, bad = parse.weights(pa.array([text]))
    if bad[0]:
        reason = REASONS["weight_invalid"]
        raise InputError(
            both(f"体重“{value}”：{reason.message.chinese}", f"weight {value!r}: {reason.message}"),
            remedy=reason.remedy,
        )
    return int(grams[0])


def _weighed(name: str, column: pa.ChunkedArray, read_as: ReadAs) -> pa.ChunkedArray:
    """Return a column of weights in grams, zeros empty."""
    column = numbers_as_texts(column, lambda values: (values == 0) | (values < 10))
    if not is_text(column.type):
        return column
    chunks, changed = [], False
    for given in column.chunks:
        chunk = given.cast(pa.string())
        rows = _looked_at(chunk, odd_numbers, 3, 5)
        made = replaced(name, chunk, rows, weight_of, read_as)
        changed |= made is not chunk
        chunks.append(made)
    return pa.chunked_array(chunks, pa.string()) if changed else column


def replaced(
    name: str,
    array: pa.Array,
    rows: NDArray[np.int64],
    read: Callable[[str], tuple[str, str] | None],
    read_as: ReadAs,
) -> pa.Array:
    """Return a text array with some rows read by their words; each change is counted."""
    if not len(rows):
        return array
    encoded = array.take(pa.array(rows)).dictionary_encode()
    given = encoded.dictionary.to_pylist()
    read_words = [read(word) for word in given]
    if not any(read_words):
        return array
    made = [(word, "") if one is None else one for word, one in zip(given, read_words, strict=True)]
    _count(name, given, made, encoded.indices, read_as)
    texts = pa.array([text for text, _ in made], array.type)
    mask = np.zeros(len(array), dtype=np.bool_)
    mask[rows] = True
    return pc.replace_with_mask(array, pa.array(mask), texts.take(encoded.indices))


def numbers_as_texts(
    column: pa.ChunkedArray, odd: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
) -> pa.ChunkedArray:
    """Return a column of numbers as texts, where any of its values is odd; other columns as given.

    `odd` says it of values; of whole numbers none is odd that is greater than one that is not.
    """
    kind = column.type
    is_number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
    if not (is_number or pa.types.is_decimal(kind)) or not len(column):
        return column
    if pa.types.is_integer(kind):  # odd are small ones, so that the least one tells
        least = pc.min_max(column)["min"].as_py()
        values = np.array([] if least is None else [least], dtype=np.float64)
    else:
        values = np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan), dtype=np.float64)
        values = values[~np.isnan(values)]
    if not odd(values).any():
        return column
    if pa.types.is_integer(kind):
        return column.cast(pa.string())
    plain = [
        "" if v is None or v != v else _plain_number(v)
        for v in column.cast(pa.float64()).to_pylist()
    ]
    return pa.chunked_array([pa.array(plain, pa.string())])


def _plain_number(value: float) -> str:
    return str(int(value)) if value == value // 1 and abs(value) < 1e15 else format(value, ".15g")


def looked_at(words: pa.Array, least: int, most: int) -> NDArray[np.int64]:
    """Return which texts are not plain numbers of some digits; empty ones are none of them."""
    return _looked_at(words, odd_numbers, least, most)


def without_shape(words: pa.Array, letter: bool, digits: tuple[int, int]) -> NDArray[np.int64]:
    """Return which texts are neither empty nor of the simplest shape of a code (`odd_codes`)."""
    return _looked_at(words, odd_codes, letter, *digits)


def merged(all_changes: Iterable[Changes]) -> Changes:
    """Return the sum of several counts."""
    total: Changes = Changes()
    for one in all_changes:
        total.update(one)
    return total
