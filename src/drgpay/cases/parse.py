"""Turn one column of text, numbers or dates into an integer array; say which values are bad.

Each parser returns the values (with a missing value, never an exception) and a mask of the
rows whose value is there but is not what the column holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases.values import FLAG_WORDS, SEX_WORDS, by_word

Mask = NDArray[np.bool_]
Parsed = tuple[NDArray[Any], Mask]

MISSING_COUNT = -1
MISSING_MONEY = np.iinfo(np.int64).min
MISSING_DATE = np.iinfo(np.int32).min
FIRST_DAY, LAST_DAY = -25_567, 84_005  # of 1900 to 2199
MAX_COUNT = 1_000_000
MAX_MONEY_FEN = 10**11  # a thousand million yuan: above it, an amount is a slip of the pen


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array without dictionary."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # several chunks of other dictionaries
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()) if pa.types.is_string_view(array.type) else array


def _nulls(array: pa.Array) -> Mask:
    if array.null_count == 0:
        return np.zeros(len(array), dtype=np.bool_)
    return np.asarray(array.is_null())


def _texts(array: pa.Array) -> tuple[pa.Array, Mask]:
    """Return trimmed text and the mask of empty or missing ones."""
    trimmed = pc.utf8_trim_whitespace(array.cast(pa.string()))
    empty = np.asarray(pc.fill_null(pc.equal(trimmed, ""), True))
    return trimmed, empty


def _masked_cast(texts: pa.Array, good: Mask, kind: pa.DataType) -> pa.Array:
    return pc.if_else(pa.array(good), texts, pa.scalar(None, pa.string())).cast(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _bounded(values: NDArray[Any], known: Mask, top: int) -> Mask:
    return known & ((values < 0) | (values > top))


def counts(column: pa.ChunkedArray | pa.Array, *, whole: bool = False) -> Parsed:
    """Read whole numbers of years, days or grams: int32, -1 when unknown.

    Decimals are cut to completed units (3.9 years are 3), or with `whole` are none. Bad: text,
    negative, above a million.
    """
    array = flat(column)
    kind = array.type
    empty = _nulls(array)
    bad = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_integer(kind):
        values = np.asarray(pc.fill_null(array, 0)).astype(np.int64)
    elif pa.types.is_floating(kind):
        raw = np.asarray(pc.fill_null(array.cast(pa.float64()), np.nan))
        empty |= np.isnan(raw)
        bad |= ~np.isfinite(raw) & ~empty
        raw = np.clip(np.nan_to_num(raw), -1e9, 1e9)
        values = np.floor(raw).astype(np.int64)
        bad |= whole & (raw != values)
    elif pa.types.is_decimal(kind):
        floor = pc.floor(array)
        values = np.asarray(pc.fill_null(floor.cast(pa.float64()), 0)).astype(np.int64)
        bad |= whole & np.asarray(pc.fill_null(pc.not_equal(floor, array), False))
    elif _is_text(kind):
        texts, empty = _texts(array)
        good = ~empty & np.asarray(
            pc.fill_null(pc.match_substring_regex(texts, r"^\d{1,9}(\.\d{1,4})?$"), False)
        )
        bad |= ~good & ~empty
        numbers = _masked_cast(texts, good, pa.float64())
        written = np.asarray(pc.fill_null(numbers, 0))
        values = np.floor(written).astype(np.int64)
        bad |= whole & (written != values)
    else:
        values = np.zeros(len(array), dtype=np.int64)
        bad |= ~empty
    bad |= _bounded(values, ~empty, MAX_COUNT)
    return np.where(empty | bad, MISSING_COUNT, values).astype(np.int32), bad


def money(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read yuan with at most two decimals as int64 fen; the lowest int64 when missing.

    Texts may have commas between groups of three digits, `1,234.56`, and 元 behind them. Bad: text, more than two decimals, more than 10^11 fen either way. Binary floats are taken
    only when they stand for an amount of two decimals.
    """
    array = flat(column)
    kind = array.type
    empty = _nulls(array)
    bad = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_decimal128(kind) and kind.scale == 2 and not array.null_count and len(array):
        low = _halves(array)[0::2]
        if kind.precision <= 18 and -MAX_MONEY_FEN <= low.min() <= low.max() <= MAX_MONEY_FEN:
            return np.ascontiguousarray(low), bad
    if pa.types.is_decimal(kind):
        values, bad = _decimal_fen(array, empty)
    elif pa.types.is_integer(kind):
        values = np.asarray(pc.fill_null(array, 0))
        if pa.types.is_uint64(kind):
            values = np.minimum(values, np.uint64(2**62))
        values = values.astype(np.int64)
        bad |= (values > MAX_MONEY_FEN // 100) | (values < -MAX_MONEY_FEN // 100)
        values = np.where(bad, 0, values) * 100
    elif pa.types.is_floating(kind):
        raw = np.asarray(pc.fill_null(array.cast(pa.float64()), np.nan))
        empty |= np.isnan(raw)
        bad |= ~empty & ~(np.abs(raw) <= MAX_MONEY_FEN / 100)
        scaled = np.where(empty | bad, 0.0, raw) * 100
        values = np.rint(scaled).astype(np.int64)
        bad |= np.abs(scaled - values) > 1e-6 * np.maximum(1.0, np.abs(scaled) * 1e-7)
    elif _is_text(kind):
        texts, empty = _texts(array)
        good = ~empty & np.asarray(
            pc.fill_null(pc.match_substring_regex(texts, f"^{_PLAIN}$"), False)
        )
        if (~good & ~empty).any():
            texts, good = _plain_amounts(texts, good)
        bad |= ~good & ~empty
        amounts = _masked_cast(texts, good, pa.decimal128(18, 2))
        values, _ = _decimal_fen(amounts, ~good)
    else:
        values = np.zeros(len(array), dtype=np.int64)
        bad |= ~empty
    bad |= ~empty & ((values > MAX_MONEY_FEN) | (values < -MAX_MONEY_FEN))
    return np.where(empty | bad, MISSING_MONEY, values), bad


_PLAIN = r"-?\d{1,11}(\.\d{1,2})?"
_GROUPED = r"-?\d{1,3}(,\d{3}){0,3}(\.\d{1,2})?"
_AMOUNT = re.compile(_PLAIN, re.ASCII)
_MARKED_AMOUNT = re.compile(rf"({_PLAIN}|{_GROUPED})\s*元?", re.ASCII)


def amount_text(text: str) -> str | None:
    """Return the plain number of one text that `money` takes for an amount, None for any other.

    >>> amount_text("14800.5"), amount_text("1,234.56元"), amount_text("1e3"), amount_text("1_000")
    ('14800.5', '1234.56', None, None)
    """
    bare = text.strip()
    if _AMOUNT.fullmatch(bare):
        return bare
    found = _MARKED_AMOUNT.fullmatch(bare)
    return None if found is None else found[1].replace(",", "")


def _plain_amounts(texts: pa.Array, good: Mask) -> tuple[pa.Array, Mask]:
    """Take 元 and the commas of whole groups of three digits out of the texts that are no numbers."""
    bare = pc.utf8_rtrim_whitespace(pc.replace_substring_regex(texts, r"元$", ""))
    grouped = np.asarray(pc.fill_null(pc.match_substring_regex(bare, f"^{_GROUPED}$"), False))
    plain = pc.match_substring_regex(bare, f"^{_PLAIN}$")
    fits = good | grouped | np.asarray(pc.fill_null(plain, False))
    return pc.replace_substring(bare, ",", ""), fits


def _decimal_fen(array: pa.Array, empty: Mask) -> Parsed:
    """Return hundredths of a decimal column; bad where there are more decimals or too many digits."""
    bad = np.zeros(len(array), dtype=np.bool_)
    try:
        exact = array.cast(pa.decimal128(38, 2))
    except pa.ArrowInvalid:
        rounded = pc.round(array, 2)
        bad = ~empty & np.asarray(pc.fill_null(pc.not_equal(rounded, array), False))
        exact = rounded.cast(pa.decimal128(38, 2), safe=False)
    if exact.buffers()[1] is None or not len(exact):
        return np.zeros(len(exact), dtype=np.int64), bad
    halves = _halves(exact)
    low, high = halves[0::2], halves[1::2]
    bad |= ~empty & (high != np.where(low < 0, -1, 0))
    return np.where(empty | bad, 0, low), bad


def _halves(array: pa.Array) -> NDArray[np.int64]:
    """Return the lower and the upper half of each decimal, one behind the other."""
    first, last = 2 * array.offset, 2 * (array.offset + len(array))
    return np.frombuffer(array.buffers()[1], dtype=np.int64)[first:last]


# when clocks in China went an hour ahead (1986 to 1991), in seconds since 1970 in UTC
_SUMMERS = (
    ("1986-05-03T18", "1986-09-13T17"), ("1987-04-11T18", "1987-09-12T17"),
    ("1988-04-16T18", "1988-09-10T17"), ("1989-04-15T18", "1989-09-16T17"),
    ("1990-04-14T18", "1990-09-15T17"), ("1991-04-13T18", "1991-09-14T17"),
)  # fmt: skip
_SUMMER = np.array([edge for span in _SUMMERS for edge in span], dtype="datetime64[s]").astype(
    np.int64
)
CHINA_SECONDS, HOUR, DAY = 8 * 3600, 3600, 86_400


def china_days(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the day in China of instants in seconds since 1970 in UTC, as days since 1970.

    >>> china_days(np.array([1_735_660_800])).astype("datetime64[D]").astype(str).tolist()
    ['2025-01-01']
    """
    ahead = np.searchsorted(_SUMMER, seconds, side="right") % 2
    days: NDArray[np.int64] = (seconds + CHINA_SECONDS + ahead * HOUR) // DAY
    return days


def dates(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read dates as int32 days since 1970-01-01; the lowest int32 when missing.

    Texts are `2024-03-01`, `2024/3/1`, `2024.3.1`, `2024年3月1日` or `20240301`, with or without a
    time of day behind. A time with a zone is an instant: its day is the one that China has then.
    Bad: anything else, and days before 1900 or after 2199.
    """
    array = flat(column)
    kind = array.type
    empty = _nulls(array)
    bad = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        instants = pc.fill_null(array.cast(pa.timestamp("s", tz="UTC"), safe=False), 0)
        values = china_days(np.asarray(instants.cast(pa.int64())))
    elif pa.types.is_date32(kind) and not array.null_count and len(array):
        values = np.asarray(array.view(pa.int32()))
        if FIRST_DAY <= values.min() <= values.max() <= LAST_DAY:
            return values.copy(), bad
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        days = array.cast(pa.date32(), safe=False).cast(pa.int32())
        values = np.asarray(pc.fill_null(days, 0))
    elif _is_text(kind):
        texts, empty = _texts(array)
        unique = texts.dictionary_encode()
        table, good = _days_of(unique.dictionary)
        index = np.asarray(pc.fill_null(unique.indices, len(unique.dictionary)))
        values = table[index]
        bad |= ~good[index] & ~empty
    else:
        values = np.zeros(len(array), dtype=np.int64)
        bad |= ~empty
    bad |= ~empty & ((values < FIRST_DAY) | (values > LAST_DAY))
    return np.where(empty | bad, MISSING_DATE, values).astype(np.int32), bad


_PLAIN_DAY = r"^\d{4}-\d{2}-\d{2}(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?$"


def _days_of(words: pa.Array) -> tuple[NDArray[np.int64], Mask]:
    """Return the day of each text, and which are dates; one more place stands for none."""
    table = np.zeros(len(words) + 1, dtype=np.int64)
    good = np.zeros(len(words) + 1, dtype=np.bool_)
    slow = np.arange(len(words))
    plain = np.asarray(pc.fill_null(pc.match_substring_regex(words, _PLAIN_DAY), False))
    if plain.any():
        heads = pc.utf8_slice_codeunits(words.filter(pa.array(plain)), 0, 10)
        try:
            days = heads.cast(pa.date32()).cast(pa.int32())
        except pa.ArrowInvalid:  # one of them is no day of the calendar
            pass
        else:
            rows = np.flatnonzero(plain)
            table[rows], good[rows] = np.asarray(days), True
            slow = np.flatnonzero(~plain)
    for i in slow.tolist():
        day = _day_of(words[i].as_py() or "")
        good[i], table[i] = day is not None, day or 0
    return table, good


_DAY = (
    r"(?:(?P<y>\d{4})(?P<mark>[-/.])(?P<m>\d{1,2})(?P=mark)(?P<d>\d{1,2})"
    r"|(?P<cy>\d{4})年(?P<cm>\d{1,2})月(?P<cd>\d{1,2})日|(?P<ey>\d{4})(?P<em>\d{2})(?P<ed>\d{2}))"
)
_CLOCK = (
    r"(?P<H>\d{1,2})(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]\d{1,9})?)?"
    r"|[时點点](?:(?P<cM>\d{1,2})分?(?:(?P<cS>\d{1,2})秒?)?)?)"
)
# what some programs leave of a zone of zero is a bare +
_ZONE = r"(?P<zone>Z|z|UTC|GMT|\+|[+-]\d{2}(?::?\d{2})?)"
_DAY_ZONE = r"(?P<dayzone>Z|[+-]\d{2}:\d{2})"  # of a date alone, as XML writes it
_MOMENT = re.compile(rf"{_DAY}(?:(?:[T ]\s*|(?<=日)){_CLOCK}\s*{_ZONE}?|{_DAY_ZONE})?", re.ASCII)


def _day_of(text: str) -> int | None:
    moment = _moment_of(text)
    if moment is None:
        return None
    days, seconds, offset = moment
    if offset is None:
        return days
    return int(china_days(np.array([days * DAY + (seconds or 0) - offset]))[0])


def moment_of(text: str) -> tuple[int, bool] | None:
    """Return a time as seconds since 1970 in UTC, and whether it has a time of day; None for none.

    A time without a zone is China's.

    >>> moment_of("2025-01-01 08:00"), moment_of("2025-01-01"), moment_of("soon")
    ((1735689600, True), (1735660800, False), None)
    """
    moment = _moment_of(text.strip())
    if moment is None:
        return None
    days, seconds, offset = moment
    ahead = CHINA_SECONDS if offset is None else offset
    return days * DAY + (seconds or 0) - ahead, seconds is not None


def _moment_of(text: str) -> tuple[int, int | None, int | None] | None:
    """Return the day, the second of the day if told, and the zone's seconds ahead of UTC if told."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    start = next(start for start in ("", "c", "e") if found[start + "y"])
    year, month, day = (found[start + part] for part in "ymd")
    try:
        stamp = np.datetime64(f"{int(year):04d}-{int(month):02d}-{int(day):02d}", "D")
    except ValueError:
        return None
    days = int(stamp.astype(np.int64))
    hour, minute, second = (
        int(found[k] or found[c] or 0) for k, c in (("H", "H"), ("M", "cM"), ("S", "cS"))
    )
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and minute + second > 0):
        return None
    seconds = hour * HOUR + minute * 60 + second if found["H"] else None
    zone = found["zone"] or found["dayzone"]
    if zone is None:
        return days, seconds, None
    offset = _offset(zone)
    return None if offset is None else (days, seconds, offset)


def _offset(zone: str) -> int | None:
    """Return the seconds by which a zone is ahead of UTC; None for one that no place has."""
    if zone[0] not in "+-" or len(zone) == 1:
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 14 or minutes > 59:
        return None
    seconds = hours * HOUR + minutes * 60
    return -seconds if zone[0] == "-" else seconds


def choices(column: pa.ChunkedArray | pa.Array, table: dict[str, int], missing: int) -> Parsed:
    """Read texts or booleans of a closed list as int8; `missing` for empty ones."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = flat(array)
    if pa.types.is_boolean(array.type):
        array = pa.DictionaryArray.from_arrays(array.cast(pa.int8()), pa.array(["0", "1"]))
    if not pa.types.is_dictionary(array.type):
        array = array.cast(pa.string()).dictionary_encode()
    words = array.dictionary.cast(pa.string()).to_pylist()
    codes = np.empty(len(words) + 1, dtype=np.int8)
    faulty = np.zeros(len(words) + 1, dtype=np.bool_)
    for i, word in enumerate(words):
        text = (word or "").strip()
        codes[i] = table.get(text, missing)
        faulty[i] = bool(text) and text not in table
    codes[-1] = missing
    indices = array.indices
    if array.null_count:
        # wide enough for one more than the numbers of a small dictionary
        index = np.asarray(pc.fill_null(indices.cast(pa.int64()), len(words)))
    else:
        index = np.asarray(indices)
    bad = faulty[index] if faulty.any() else np.zeros(len(index), dtype=np.bool_)
    return codes[index], bad


SEXES = {word: {"M": 1, "F": 2, "": 0}[sex] for word, sex in by_word(SEX_WORDS).items()}
FLAGS = {word: int(flag) for word, flag in by_word(FLAG_WORDS).items()}
PLANNED = {word: flag for word, flag in FLAGS.items() if not word.isdigit()}


def sexes(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read 男, 女, M, F, 1, 2 and their like as 1 and 2; 0 when missing, unknown or not stated."""
    return choices(_whole_words(column), SEXES, 0)


def flags(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read booleans, 0 and 1, 是 and 否 and their like; unknown is no."""
    return choices(_whole_words(column), FLAGS, 0)


def planned(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read 是 and 否, 有 and 无 and their like, or booleans; unknown is no.

    Bare digits are bad: the front page writes 1 for none and 2 for one, others 1 for yes.
    """
    if pa.types.is_boolean(column.type):
        return flags(column)
    return choices(_whole_words(column), PLANNED, 0)


def _whole_words(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return numbers as the texts of whole numbers; a fraction becomes a word that is none."""
    if pa.types.is_floating(column.type):
        array = flat(column)
        array = pc.if_else(pc.is_nan(array), None, array)
        whole = pc.equal(pc.floor(array), array)
        array = pc.if_else(whole, array, -1.0)  # half a flag is none
        return array.cast(pa.int64(), safe=False).cast(pa.string())
    if pa.types.is_integer(column.type):
        return flat(column).cast(pa.string())
    return column


LEAST_WEIGHT_G = 100


def weights(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read grams of newborns as `counts` does; 0 is none, below 100 it is some other unit: bad."""
    values, bad = counts(column)
    wrong = (values > 0) & (values < LEAST_WEIGHT_G)
    none = wrong | (values == 0)
    return np.where(none, MISSING_COUNT, values).astype(np.int32), bad | wrong


def days_of_age(column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read days of age as `counts` does; 3.5 may be months and is no number of days: bad."""
    return counts(column, whole=True)


PARSERS: dict[str, Callable[[pa.ChunkedArray | pa.Array], Parsed]] = {
    "count": counts,
    "money": money,
    "date": dates,
    "sex": sexes,
    "flag": flags,
}
BY_COLUMN: dict[str, Callable[[pa.ChunkedArray | pa.Array], Parsed]] = {
    "planned_readmission": planned,
    "age_days": days_of_age,
    "birth_weight_g": weights,
    "admission_weight_g": weights,
}
# what a value that is none of its column is a fault of, by kind or by column
FAULTS = {
    "count": "count_invalid",
    "money": "money_invalid",
    "date": "date_invalid",
    "flag": "flag_invalid",
    "sex": "sex_invalid",
    "age_years": "age_invalid",
    "age_days": "age_days_invalid",
    "birth_weight_g": "weight_invalid",
    "admission_weight_g": "weight_invalid",
}


def read(name: str, kind: str, column: pa.ChunkedArray | pa.Array) -> Parsed:
    """Read a column by its own parser, else by that of its kind."""
    parser = BY_COLUMN[name] if name in BY_COLUMN else PARSERS[kind]
    return parser(column)


_DURATION = re.compile(r"(\d{1,4})/(\d{1,2})/(\d{1,2})", re.ASCII)
MALFORMED = -2


def minutes_of(text: str) -> int:
    """Return minutes of a text `days/hours/minutes`; -1 for none, -2 for another text.

    >>> minutes_of("1/13/24"), minutes_of(""), minutes_of("37h")
    (2244, -1, -2)
    """
    plain = text.strip()
    if not plain:
        return -1
    found = _DURATION.fullmatch(plain)
    if not found:
        return MALFORMED
    days, hours, minutes = (int(part) for part in found.groups())
    return days * 1440 + hours * 60 + minutes if hours < 24 and minutes < 60 else MALFORMED
