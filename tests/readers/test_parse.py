"""Values of one column: what each parser takes, what it calls missing and what bad."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drgpay.cases import parse
from drgpay.cases.parse import MISSING_COUNT, MISSING_DATE, MISSING_MONEY

GONE = "missing"
BAD = "bad"


def told(parsed: parse.Parsed, missing: int) -> list[Any]:
    """Values with `missing` and `bad` in words; a bad value is never also a value."""
    values, bad = parsed
    assert bad.dtype == np.bool_
    out: list[Any] = []
    for value, wrong in zip(values.tolist(), bad.tolist(), strict=True):
        assert not wrong or value == missing
        out.append(BAD if wrong else GONE if value == missing else value)
    return out


def counts(values: Any, kind: pa.DataType | None = None) -> list[Any]:
    return told(parse.counts(pa.array(values, kind)), MISSING_COUNT)


def money(values: Any, kind: pa.DataType | None = None) -> list[Any]:
    return told(parse.money(pa.array(values, kind)), MISSING_MONEY)


def dates(values: Any, kind: pa.DataType | None = None) -> list[Any]:
    days = told(parse.dates(pa.array(values, kind)), MISSING_DATE)
    epoch = dt.date(1970, 1, 1)
    return [d if isinstance(d, str) else str(epoch + dt.timedelta(d)) for d in days]


# --- counts


def test_counts__texts() -> None:
    texts = ["0", " 7 ", "3.9", "007", "1000000", "", "  ", None]
    assert counts(texts) == [0, 7, 3, 7, 1_000_000, GONE, GONE, GONE]
    wrong = ["-1", "1000001", "1e3", "x", "1,000", "+5", "1.23456", "３", "nan", "1.", ".5"]
    assert counts(wrong) == [BAD] * len(wrong)


def test_counts__integers() -> None:
    assert counts([0, 5, None, 1_000_000], pa.int32()) == [0, 5, GONE, 1_000_000]
    assert counts([-1, 1_000_001, 2**62], pa.int64()) == [BAD, BAD, BAD]
    assert counts([2**64 - 1, 3], pa.uint64()) == [BAD, 3]
    assert counts([255, None], pa.uint8()) == [255, GONE]


def test_counts__floats_are_cut_to_completed_units() -> None:
    values = [3.9, 0.0, float("nan"), None, float("inf"), -0.5, 1e300, -1e300]
    assert counts(values, pa.float64()) == [3, 0, GONE, GONE, BAD, BAD, BAD, BAD]
    assert counts([2.5], pa.float32()) == [2]


def test_counts__decimals() -> None:
    values = [Decimal("3.9"), None, Decimal("-0.1")]
    assert counts(values, pa.decimal128(10, 1)) == [3, GONE, BAD]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([3.0, 3.5, None, 0.1]),
        pa.array(["3.0", "3.5", "", ".1"]),
        pa.array([Decimal("3.0"), Decimal("3.5"), None, Decimal("0.1")]),
    ],
)
def test_days_of_age__are_whole_or_bad(column: pa.Array) -> None:
    values, bad = parse.read("age_days", "count", column)
    assert (values.tolist(), bad.tolist()) == ([3, -1, -1, -1], [False, True, False, True])


def test_counts__columns_of_another_kind_are_bad() -> None:
    assert counts([dt.date(2024, 1, 1), None], pa.date32()) == [BAD, GONE]
    assert counts([True, None], pa.bool_()) == [BAD, GONE]


# --- money


def test_money__texts() -> None:
    texts = ["0", "1", "1.5", "1.05", " 12.30 ", "-3.00", "1000000000.00", "", None]
    assert money(texts) == [0, 100, 150, 105, 1230, -300, 10**11, GONE, GONE]
    wrong = ["1.234", "1e3", "￥5", "+1", "1000000000.01", "99999999999.99", ".", "1.5E+04", "１２"]
    assert money(wrong) == [BAD] * len(wrong)


def test_money__thousands_and_the_unit() -> None:
    texts = ["1,234.56", "-1,000", "12,345,678.9", "5元", "1,234.50 元", "7", "", None]
    assert money(texts) == [123_456, -100_000, 1_234_567_890, 500, 123_450, 700, GONE, GONE]
    wrong = ["1,23", "12,34.50", "1234,567", ",123", "1,2345", "1，234", "5万元", "元", "1,234,"]
    assert money(wrong) == [BAD] * len(wrong)


def test_money__floats_are_taken_when_they_stand_for_two_decimals() -> None:
    values = [0.1 + 0.2, 1.1 * 3, 1234567.89, 999_999_999.99, 0.0, -0.07, 1e9]
    assert money(values) == [30, 330, 123_456_789, 99_999_999_999, 0, -7, 10**11]
    wrong = [0.005, 12.345, 1.001, float("inf"), -float("inf"), 1e12, 1e300]
    assert money(wrong) == [BAD] * len(wrong)
    assert money([float("nan"), None]) == [GONE, GONE]


def test_money__single_precision_that_lost_the_fen_is_bad() -> None:
    assert money([0.25, 1000.5, 12345.67], pa.float32()) == [25, 100_050, BAD]


@given(st.integers(-(10**11), 10**11))
def test_money__every_amount_survives_as_float_text_and_decimal(fen: int) -> None:
    exact = Decimal(fen) / 100
    assert money([float(exact)], pa.float64()) == [fen]
    assert money([str(exact)]) == [fen]
    assert money([exact], pa.decimal128(18, 2)) == [fen]
    assert money([exact], pa.decimal128(20, 5)) == [fen]


def test_money__decimals() -> None:
    values = [Decimal("1.230"), Decimal("1.234"), None, Decimal("-0.010"), Decimal("0.005")]
    assert money(values, pa.decimal128(10, 3)) == [123, BAD, GONE, -1, BAD]
    assert money([Decimal(12), None], pa.decimal128(10, 0)) == [1200, GONE]
    assert money([Decimal("12.5")], pa.decimal128(10, 1)) == [1250]


def test_money__a_bad_decimal_does_not_spoil_its_neighbours() -> None:
    values = [Decimal("0.010"), Decimal("0.011"), Decimal("99999.990")]
    assert money(values, pa.decimal128(38, 3)) == [1, BAD, 9_999_999]


def test_money__decimals_far_too_large_are_bad() -> None:
    values = [Decimal(10) ** 37, Decimal(-10) ** 37, Decimal(10) ** 9, Decimal(10) ** 9 + 1]
    assert money(values, pa.decimal128(38, 0)) == [BAD, BAD, 10**11, BAD]


def test_money__integers_at_the_ends_of_their_type() -> None:
    values = [0, 10**9, 10**9 + 1, -(2**63), 2**63 - 1, None]
    assert money(values, pa.int64()) == [0, 10**11, BAD, BAD, BAD, GONE]
    assert money([2**64 - 1, 7], pa.uint64()) == [BAD, 700]
    assert money([-5], pa.int8()) == [-500]


def test_money__columns_of_another_kind_are_bad() -> None:
    assert money([True, None], pa.bool_()) == [BAD, GONE]


def test_money__slices_of_decimals_start_where_they_say() -> None:
    column = pa.array([Decimal("1.00"), Decimal("2.00"), Decimal("3.00")], pa.decimal128(10, 2))
    assert told(parse.money(column.slice(1, 2)), MISSING_MONEY) == [200, 300]


# --- dates


def test_dates__texts_in_the_forms_that_are_taken() -> None:
    texts = [
        "2024-03-01",
        "2024/3/1",
        "2024/03/01",
        "2024-3-1",
        "20240301",
        " 2024-03-01 ",
        "2024-03-01 08:15:00",
        "2024-03-01T08:15:00",
        "2024/3/1 8:15",
        "2024年3月1日",
        "2024年03月01日 08:15:00",
        "2024年3月1日8时15分",
        "2024.3.1",
        "2024.03.01 08:15",
    ]
    assert dates(texts) == ["2024-03-01"] * len(texts)
    assert dates(["", None, " "]) == [GONE] * 3


def test_dates__texts_that_are_no_dates() -> None:
    wrong = [
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "20240230",
        "2024-3",
        "24/3/1",
        "1/3/2024",
        "2024年3月",
        "2024.3",
        "2024年3月1日左右",
        "２０２４年3月1日",
        "20240301081500",
        "yesterday",
        "2024-03-01-02",
        "２０２４0301",
        "0",
        "-2024-03-01",
        "45352",
    ]
    assert dates(wrong) == [BAD] * len(wrong)


def test_dates__leap_days() -> None:
    assert dates(["2024-02-29", "20000229"]) == ["2024-02-29", "2000-02-29"]
    assert dates(["1900-02-29", "2100-02-29"]) == [BAD, BAD]


def test_dates__from_1900_to_2199() -> None:
    assert dates(["1900-01-01", "2199-12-31"]) == ["1900-01-01", "2199-12-31"]
    assert dates(["1899-12-31", "2200-01-01", "0001-01-01", "9999-12-31"]) == [BAD] * 4


def test_dates__typed_columns() -> None:
    day = dt.date(2024, 3, 1)
    assert dates([day, None], pa.date32()) == ["2024-03-01", GONE]
    assert dates([day, None], pa.date64()) == ["2024-03-01", GONE]
    late = dt.datetime(2024, 3, 1, 23, 59, 59)
    for unit in ("s", "ms", "us", "ns"):
        assert dates([late, None], pa.timestamp(unit)) == ["2024-03-01", GONE]
    before = dt.datetime(1969, 12, 31, 23, 0)
    assert dates([before], pa.timestamp("us")) == ["1969-12-31"]
    assert dates([dt.date(1899, 12, 31)], pa.date32()) == [BAD]


def test_dates__columns_of_numbers_are_bad() -> None:
    assert dates([20240301, None], pa.int64()) == [BAD, GONE]


@given(st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31)))
def test_dates__every_day_in_every_form(day: dt.date) -> None:
    forms = [day.isoformat(), day.strftime("%Y%m%d"), f"{day.year}/{day.month}/{day.day}"]
    assert dates(forms) == [str(day)] * 3


# --- sex, flags, other closed lists


def test_sexes__the_words_that_are_understood() -> None:
    texts = ["M", "m", "男", "男性", "1", " 男 ", "F", "f", "女", "女性", "2"]
    values, bad = parse.sexes(pa.array(texts))
    assert values.tolist() == [1] * 6 + [2] * 5
    assert not bad.any()
    values, bad = parse.sexes(pa.array(["", None, "0", "9", "MF", "１", "未知", "男女", "3"]))
    assert values.tolist() == [0] * 9
    assert bad.tolist() == [False] * 4 + [True] * 5


def test_sexes__numbers() -> None:
    for kind in (pa.int8(), pa.int64(), pa.float64()):
        values, bad = parse.sexes(pa.array([1, 2, 0, 9, None, 3], kind))
        assert values.tolist() == [1, 2, 0, 0, 0, 0]
        assert bad.tolist() == [False] * 5 + [True]
    assert parse.sexes(pa.array([1.5, float("nan")]))[1].tolist() == [True, False]


def test_flags__what_exports_write() -> None:
    texts = ["0", "1", "true", "false", "True", "FALSE", "TRUE", "", None, "2", "yep"]
    values, bad = parse.flags(pa.array(texts))
    assert values.tolist() == [0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0]
    assert bad.tolist() == [False] * 9 + [True] * 2
    values, bad = parse.flags(
        pa.array(["是", "有", "Y", "y", "yes", "否", "无", "N", "n", "no", "不详"])
    )
    assert values.tolist() == [1] * 5 + [0] * 6
    assert bad.tolist() == [False] * 10 + [True]


def test_flags__typed_columns() -> None:
    values, bad = parse.flags(pa.array([True, False, None]))
    assert (values.tolist(), bad.any()) == ([1, 0, 0], False)
    values, bad = parse.flags(pa.array([1, 0, None, 2, -1], pa.int8()))
    assert values.tolist() == [1, 0, 0, 0, 0]
    assert bad.tolist() == [False, False, False, True, True]
    values, bad = parse.flags(pa.array([1.0, 0.0, None, float("nan"), 0.5, 1.5], pa.float64()))
    assert values.tolist() == [1, 0, 0, 0, 0, 0]
    assert bad.tolist() == [False] * 4 + [True] * 2


def test_choices__dictionaries_with_gaps_and_a_full_small_index() -> None:
    words = pa.array([f"w{i}" for i in range(127)] + ["M"])
    index = pa.array([127, None, 0], pa.int8())
    values, bad = parse.sexes(pa.DictionaryArray.from_arrays(index, words))
    assert values.tolist() == [1, 0, 0]
    assert bad.tolist() == [False, False, True]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_texts__every_kind_of_text_column(kind: pa.DataType) -> None:
    assert counts(["5", None], kind) == [5, GONE]
    assert money(["5.10", None], kind) == [510, GONE]
    assert dates(["2024-03-01", None], kind) == ["2024-03-01", GONE]
    values, bad = parse.sexes(pa.array(["F", None], kind))
    assert (values.tolist(), bad.tolist()) == ([2, 0], [False, False])


def test_texts__chunks_with_dictionaries_of_their_own() -> None:
    parts = [pa.array(["1.00", "2.00"]).dictionary_encode(), pa.array(["3.00"]).dictionary_encode()]
    column = pa.chunked_array(parts)
    assert told(parse.money(column), MISSING_MONEY) == [100, 200, 300]
    sexes = [pa.array(["M"]).dictionary_encode(), pa.array(["F", "M"]).dictionary_encode()]
    assert parse.sexes(pa.chunked_array(sexes))[0].tolist() == [1, 2, 1]


@pytest.mark.parametrize("name", sorted(parse.PARSERS))
def test_parsers__no_rows(name: str) -> None:
    for column in (pa.array([], pa.string()), pa.chunked_array([], pa.string())):
        values, bad = parse.PARSERS[name](column)
        assert (len(values), len(bad)) == (0, 0)


@pytest.mark.parametrize("name", sorted(parse.PARSERS))
def test_parsers__nothing_but_missing_values(name: str) -> None:
    for column in (pa.nulls(3), pa.array(["", None, " "]), pa.nulls(3, pa.float64())):
        values, bad = parse.PARSERS[name](column)
        assert not bad.any()
        assert len(set(values.tolist())) == 1
