"""Cases as JSON: made columns at once, as they are when each is parsed by itself."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from drgpay.cases import case_json
from drgpay.cases.case_json import open_case_json
from drgpay.cases.case_json_fast import Fast
from drgpay.ground.errors import InputError
from drgpay.runs.priced import WANTED
from tests.fuzz.mutations import mutated

ROOT = Path(__file__).parents[2]
LETTERS = ("surrogates", "not in UTF-8")  # what is told of letters, not of JSON
Found = tuple[list[dict[str, Any]], tuple[str, ...]]
GOOD = '{"case_id": "1", "sex": "M", "diagnoses": ["I63.900", "E11.900"], "total_cost": 12.30}'
TEXTS = (
    "", "M", "脑梗死", "I63.900", "I63.900|E11.900", "|", " 7 ", '"', "\\", "\n\t\b\f\r/", "\x7f", "é",
    "\U0001f3e5", "1e3", "x" * 300,
)  # fmt: skip
NUMBERS = ("0", "-0", "7", "12.30", "-1.5", "1e3", "1E+2", "12300e-2", "1e400", "9" * 40, "0.10")
ODD = ("NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "-", "tru", "nul", "'a'", "", "[,]",
       '"\x01"', '"\\x"', '"\\u12"', '"\\u12g4"', "{", "[1,]", '{"a":1,}')  # fmt: skip
WORDS = (
    b'"', b",", b"\n", b"{", b"}", b"[", b"]", b":", b"|", b"null", b"true", b"1e999", b"-1", b"0",
    b"\\", b"\\u", b"\\ud800", b"\xff", b"\xe4\xb8", b"diagnoses", b"case_id", b"\xef\xbb\xbf",
)  # fmt: skip


def read(path: Path) -> Found | str:
    """Return the rows of a file and its notes, or why it is refused."""
    try:
        source = open_case_json(path, WANTED)
        made = pa.concat_tables([piece.load() for piece in source.pieces]).to_pylist()
        # what tidying makes of ages hangs on the cells beside them: an empty cell or none at all
        rows = [{k: None if v == "" else v for k, v in row.items()} for row in made]
    except InputError as error:
        return f"{error} {error.remedy}"
    except pa.ArrowInvalid:  # no piece at all
        rows = []
    return rows, tuple(note.chinese for note in source.all_notes())


def slowly(path: Path, monkeypatch: pytest.MonkeyPatch) -> Found | str:
    """Return the same, each case parsed by itself."""
    with monkeypatch.context() as own:
        own.setattr(Fast, "read", lambda self, raw, at, most, first: (None, at))
        return read(path)


def value(rng: random.Random, odd: float, deep: int = 0) -> str:
    """Return some value as JSON, and sometimes as none."""
    draw = rng.random()
    if draw < odd:
        return rng.choice(ODD)
    if draw < odd + 0.01:
        return json.dumps(rng.choice(("\ud800", "\udc00\ud800")))
    if draw < 0.45:
        return json.dumps(rng.choice(TEXTS), ensure_ascii=rng.random() < 0.5)
    if draw < 0.7:
        return rng.choice(NUMBERS)
    if draw < 0.8 or deep > 2:
        return rng.choice(("true", "false", "null"))
    items = [value(rng, odd, deep + 1) for _ in range(rng.randrange(4))]
    if draw < 0.93:
        return f"[{gap(rng)}{','.join(items)}{gap(rng)}]"
    return "{" + ",".join(f'"k{n}":{item}' for n, item in enumerate(items)) + "}"


def gap(rng: random.Random) -> str:
    """Return blanks, mostly none."""
    return rng.choice(("", "", "", " ", "\n", "\t\r\n "))


def codes(rng: random.Random) -> str:
    """Return codes as most files have them."""
    return json.dumps([rng.choice(TEXTS[1:5]) for _ in range(rng.randrange(4))])


def document(rng: random.Random) -> bytes:
    """Return a file of some cases, mostly plain, some odd, some broken."""
    odd = rng.choice((0.0, 0.0, 0.01, 0.1))
    own = [*WANTED, "strange", "另一栏", 'q"k', "\ud800", "ward"]
    made = []
    for _ in range(rng.randrange(8)):
        names = rng.sample(own, rng.randrange(1, 9))
        names += rng.choices(names, k=rng.random() < 0.1)
        fields = [
            f"{gap(rng)}{json.dumps(name)}{gap(rng)}:{gap(rng)}"
            + (codes(rng) if name in ("diagnoses", "procedures") and rng.random() < 0.7
               else value(rng, odd)) + gap(rng)
            for name in names
        ]  # fmt: skip
        made.append("{" + ",".join(fields) + "}")
    text = rng.choice((",", "\n", ", ")).join(made)
    text = f"{gap(rng)}[{text}]{gap(rng)}" if rng.random() < 0.7 else text
    raw = (rng.choice(("", "", "\ufeff")) + text).encode("utf-8", "surrogatepass")
    return mutated(raw, rng, WORDS)[0] if raw and rng.random() < 0.4 else raw


def both_ways(number: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Hold the two ways together over one drawn file; return whether it was taken."""
    rng = random.Random(number)
    path.write_bytes(document(rng))
    with monkeypatch.context() as own:
        own.setattr(case_json, "_BLOCK", rng.choice((4 << 20, 64, 7)))
        alone = slowly(path, monkeypatch)
        own.setattr(case_json, "AT_ONCE", rng.choice((16_384, 3)))
        own.setattr(case_json, "FEW", rng.choice((64, 1)))
        found = read(path)
    if isinstance(found, str) and isinstance(alone, str) and found != alone:
        # of two faults of a file the one that is met first is told
        assert {kind for kind in LETTERS if kind in found + alone}, (number, found, alone)
    else:
        assert found == alone, (number, path.read_bytes())
    return not isinstance(found, str)


def test_cases__are_read_as_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = sum(both_ways(n, tmp_path / "cases.json", monkeypatch) for n in range(200))
    assert 60 < taken < 190


@pytest.mark.long
def test_cases__are_read_as_one_by_one_many_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1_000, 40_000):
        both_ways(number, tmp_path / "cases.json", monkeypatch)


@pytest.mark.parametrize("block", [4 << 20, 7, 1])
@pytest.mark.parametrize(
    ("raw", "place"),
    [(b" [ \t", 5), (b"\n\n [{} ,", 9), (b"  [{}] x", 6), (b"   7", 4), (b" " * 20 + b"[1]", 22)],
)
def test_fault__is_told_at_its_place_in_the_file_whatever_was_read_at_once(
    raw: bytes, place: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place was counted from what was read last, and blanks at the head were not counted."""
    monkeypatch.setattr(case_json, "_BLOCK", block)
    (tmp_path / "cases.json").write_bytes(raw)
    assert f"near character {place}:" in str(read(tmp_path / "cases.json"))


def test_cases__behind_more_blanks_than_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_of(tmp_path, b'[{"case_id":"1"}]')
    monkeypatch.setattr(case_json, "_BLOCK", 7)
    assert read_of(tmp_path, b"\n" * 20 + b'[{"case_id":"1"}]') == whole


def read_of(folder: Path, raw: bytes) -> object:
    (folder / "cases.json").write_bytes(raw)
    return read(folder / "cases.json")


def test_plain_cases__are_never_parsed_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_json._Text, "one", lambda self: None)  # it would end here
    path = tmp_path / "cases.json"
    one = {
        "case_id": "1", "sex": "男", "age_years": 61, "icu": False, "department": '心"内',
        "diagnoses": ["I63.900"], "procedures": None, "total_cost": "14800.00", "other": 1e3,
    }  # fmt: skip
    for ascii_only in (True, False):
        path.write_text(
            json.dumps([one] * 40, ensure_ascii=ascii_only), encoding="utf-8", newline=""
        )
        rows, notes = read(path)
        assert len(rows) == 40 and notes == ("没有用到的字段：other",)
        told = ("sex", "age_years", "icu", "department", "diagnoses", "procedures", "total_cost")
        assert [rows[-1][name] for name in told] == [
            "男", "61", "0", '心"内', ["I63.900"], [], "14800.00"
        ]  # fmt: skip


@pytest.mark.parametrize("number", ["0.1000000000000000055", "-0", "12.30", "9" * 40])
def test_number__is_the_text_of_the_file(number: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text("[" + ",".join([GOOD.replace("12.30", number)] * 3) + "]", encoding="utf-8")
    rows, _ = read(path)
    assert [row["total_cost"] for row in rows] == [number] * 3


def test_codes__that_are_no_texts_are_codes_of_no_scheme_and_not_the_end_of_the_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cases.json"
    odd = GOOD.replace('"E11.900"', 'true, 7, [1], {"a": null}')
    path.write_text(f"[{GOOD},{odd}]", encoding="utf-8")
    rows, _ = read(path)
    assert rows[1]["diagnoses"] == ["I63.900", "true", "7", '["1"]', '{"a": null}']


def test_case__too_long_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    for before in (0, 40_000):
        long = GOOD.replace("I63.900", "x" * case_json.MOST_OF_ONE)
        path.write_text("[" + f"{GOOD}," * before + f"{long}]", encoding="utf-8")
        assert f"near character {2 + before * (len(GOOD) + 1)}:" in read(path)


def test_many_odd_cases__are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    odd = GOOD.replace("12.30", "1e3")
    made = [(odd if n % 3 == 0 else GOOD).replace('"1"', f'"{n}"', 1) for n in range(3_000)]
    path.write_text("\n".join(made), encoding="utf-8")
    rows, _ = read(path)
    assert [row["case_id"] for row in rows] == [str(n) for n in range(3_000)]
    assert [row["total_cost"] for row in rows[:4]] == ["1000", "12.30", "12.30", "1000"]


SCRIPT = """
import sys
from pathlib import Path
import pytest
from drgpay.ground.jit import JIT_DISABLED
from tests.readers.test_case_json import both_ways
if not JIT_DISABLED:
    sys.exit("the kernels are compiled")
patch = pytest.MonkeyPatch()
print(sum(both_ways(n, Path(sys.argv[1]), patch) for n in range(500)))
"""


@pytest.mark.long
def test_kernels__as_plain_python_read_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path / "cases.json")],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 100
