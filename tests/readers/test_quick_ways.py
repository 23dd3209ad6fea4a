"""What is read by a quick way is read as by the general one."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from drgpay.cases import codes, encodings, written
from drgpay.cases.ages import _rows, _rows_of_numbers
from drgpay.cases.codes import Changes, read_as
from drgpay.cases.written import DIAGNOSIS, PROCEDURE, read_cells
from drgpay.grouper import Grouper
from drgpay.schemes import tables

ODD = ["", "x", "A", "A00", "A00.", "12.", "12.34", "12.3456x1234", "12.345678", "a00.1", "Ａ00.1"]


@pytest.fixture(scope="module")
def grouper() -> Grouper:
    return Grouper("zj-drg-2022")


def _changed(words: list[str], seed: int) -> list[str | None]:
    rng = random.Random(seed)
    made: list[str | None] = [None]
    for word in words:
        at = rng.randrange(len(word) + 1)
        mark = rng.choice("0123456789.xXAz*+†/ 中")
        made.append(word[:at] + mark + word[at + rng.randrange(2) :])
    return made


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("has_days", [False, True])
def test_ages__as_numbers_need_what_they_need_as_texts(has_days: bool, dated: bool) -> None:
    values = [None, -1, 0, 1, 2, 60, 999, 1000, 12345]
    years, days = zip(*product(values, values), strict=True)
    columns = {"age_years": pa.array(years, pa.int16()), "age_days": pa.array(days, pa.int32())}
    texts = [
        pa.array([None if value is None else str(value) for value in some], pa.string())
        for some in (years, days)
    ]
    expected = _rows(texts[0], texts[1] if has_days else None, dated)
    found = _rows_of_numbers(pa.table(columns), has_days, dated)
    assert found.tolist() == expected.tolist() and len(found)


@pytest.mark.parametrize("kind", [DIAGNOSIS, PROCEDURE])
def test_codes__of_the_simplest_shape_are_those_of_the_pattern(grouper: Grouper, kind: str) -> None:
    scheme = grouper.scheme
    some = [*scheme.diagnoses.codes.to_pylist()[::20], *scheme.procedures.codes.to_pylist()[::10]]
    words = pa.array([*some, *_changed(some, 1), *_changed(some, 2), *ODD], pa.string())
    shape = written._SHAPES[DIAGNOSIS] if kind == DIAGNOSIS else written._PROCEDURE_ONLY
    matches = pc.match_substring_regex(words, f"^(?:{shape})$")
    empty = pc.equal(pc.binary_length(words), 0)
    expected = pc.fill_null(pc.or_(matches, empty), True).to_pylist()
    found = written._plain_words(kind, words, lambda rest: np.zeros(len(rest), np.bool_))
    assert found.tolist() == expected and not all(expected) and any(expected)


def test_codes__looked_up_one_by_one_are_those_of_the_table(
    grouper: Grouper, monkeypatch: pytest.MonkeyPatch
) -> None:
    recoder = grouper.recoders[0]
    known = grouper.scheme.diagnoses.codes.to_pylist()[::400]
    words = pa.array([*known, *_changed(known, 3), "A35.X00X001", "", "?"], pa.string())
    editions = recoder.editions
    assert len(words) < min(tables.FEW, codes.FEW) and len(editions) > 1

    def found() -> list[list[int]]:
        numbers = grouper.scheme.diagnoses.encode(words).tolist()
        return [numbers, *(recoder.knows(words, edition).tolist() for edition in editions)]

    one_by_one = found()
    monkeypatch.setattr(tables, "FEW", 0)
    monkeypatch.setattr(codes, "FEW", 0)
    assert one_by_one == found() and all(any(some) and not all(some) for some in one_by_one)


def test_words__read_as_others_keep_their_places() -> None:
    words = pa.array(["b", None, "a", "c", "a"]).dictionary_encode()
    made = read_as(words, pa.array(["x", "y", "x"]))
    assert made.to_pylist() == ["x", None, "y", "x", "y"]
    assert made.dictionary.to_pylist() == ["x", "y"]


def test_cells__with_unknown_codes_and_names_stay_where_they_are() -> None:
    words = pa.array(["K80.101", "待查", "E11.9?", "K80.101"]).dictionary_encode()
    changes: Changes = Changes()

    def known(some: pa.Array) -> np.ndarray:
        return np.isin(np.asarray(some), ["K80.101", "47.0900"])

    cells = read_cells(DIAGNOSIS, words, np.array([2, 0, 2]), known, changes)
    assert cells.words.equals(words) and not cells.faults and not changes
    words = pa.array(["47.0900", "阑尾切除", "阑尾切除", "47.09", None]).dictionary_encode()
    cells = read_cells(PROCEDURE, words, np.array([2, 0, 2, 1]), known, changes)
    assert cells.words.to_pylist() == ["47.0900", "阑尾切除", "阑尾切除", "47.0900", None]
    assert cells.lengths.tolist() == [2, 0, 2, 1]
    assert [(why, rows.tolist(), at.tolist()) for why, rows, at in cells.faults] == [
        ("code_is_name", [2], [0])
    ]
    assert sum(changes.values()) == 1


def test_cells__of_several_codes_and_none_move_what_follows() -> None:
    def known(some: pa.Array) -> np.ndarray:
        return np.isin(np.asarray(some), ["K80.101", "E11.900"])

    words = pa.array(["K80.101/E11.900", "无", None, "E11.900"]).dictionary_encode()
    cells = read_cells(DIAGNOSIS, words, np.array([1, 2, 1]), known, Changes())
    assert cells.words.to_pylist() == ["K80.101", "E11.900", "", None, "E11.900"]
    assert cells.lengths.tolist() == [2, 2, 1]


def test_utf8__is_what_python_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "CHUNK", 5)
    rng = random.Random(3)
    bits = [b"a", b"\n", "é".encode(), "中".encode(), "𠀀".encode(), b"\xef\xbb\xbf"]
    bad = [
        b"\x80",
        b"\xc3",
        b"\xe4\xb8",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
    ]
    path, seen = tmp_path / "one.csv", set()
    for _ in range(600):
        data = b"".join(
            rng.choices(bits, k=rng.randrange(9)) + rng.choices(bad, k=rng.random() < 0.5)
        )
        data += b"".join(rng.choices(bits, k=rng.randrange(6)))
        path.write_bytes(data)
        try:
            data.decode()
            at = None
        except UnicodeDecodeError as error:
            at = error.start
        assert encodings._is_utf8(path) == (at is None), data
        assert encodings._broken_at(path, "utf8") == at, data
        seen.add(at is None)
    assert seen == {True, False}


@pytest.mark.parametrize("ends", ["\n", "\n\r", "\r"])
def test_lines__are_counted_as_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(encodings, "CHUNK", 4)
    rng = random.Random(4)
    path, seen = tmp_path / "one.csv", set()
    for _ in range(400):
        text = "".join(rng.choices("ab" + ends, k=rng.randrange(14)))
        path.write_bytes(text.encode())
        lines = [line for line in text.replace("\r", "\n").split("\n") if line]
        assert encodings.filled_lines(path, "utf8", 0) == len(lines), text
        path.write_bytes(text.encode("utf-16"))
        assert encodings.filled_lines(path, "utf-16", 0) == len(lines), text
        for previous, pair in product(["", "a", *ends], [False, True]):
            found = encodings._pair_of_ends(text.encode(), previous.encode(), pair)
            whole = previous + text
            pairs = [i for i in range(len(whole)) if whole[i : i + 2] in ("\n\n", "\n\r", "\r\r")]
            first = 0 if pair else min(pairs, default=None)
            rest = "" if first is None else text[max(first - len(previous), 0) :]
            assert found == (first is not None, bool(rest.strip("\r\n"))), text
            seen.add(found)
    assert len(seen) == 3
