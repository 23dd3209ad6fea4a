"""Every byte of a file of lists is accounted for: counted before it is parsed, found again, or named."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from drgpay.cases import quarantine
from drgpay.cases.lists import open_lists
from drgpay.cases.lists_json import _MARK, Scanner, marks_of
from drgpay.cases.mapping import Asked
from drgpay.cases.quarantine import BrokenRows, Quarantine, RowNote
from tests.hostile.runner import drgpay
from tests.lists.bodies import SCHEMES, c07, read, write

TINY = str(SCHEMES / "ex1-tiny")


def texts(count: int, order: tuple[str, ...] = ()) -> list[str]:
    """Return some lists, their nodes in another order where one is given."""
    out = []
    for place in range(count):
        body = c07(setl_id=f"S{place}")
        names = [*order, *(name for name in body if name not in order)]
        out.append(json.dumps({name: body[name] for name in names}, ensure_ascii=False))
    return out


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read a file whole, or as if it were large, block by block."""
    if request.param == "large":
        monkeypatch.setattr("drgpay.cases.lists_bytes.SMALL_FILE", 100)
        monkeypatch.setattr("drgpay.cases.lists_bytes.BLOCK", 1_000)
    return str(request.param)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["case_id"] for row in rows]


AROUND: dict[str, tuple[str, int, int]] = {
    "two_arrays": ("[{0},{1}][{2},{3}]", 4, 0),
    "arrays_on_lines": ("[{0}]\n[{1},{2}]\n[{3}]\n", 4, 0),
    "array_and_lists": ("[{0},{1}]\n{2}\n{3}", 4, 0),
    "lists_side_by_side": ("{0}{1} {2}\n{3}", 4, 0),
    "array_and_words": ("[{0},{1}]，完", 2, 1),
    "words_between": ("[{0},{1}] abc [{2},{3}]", 4, 1),
    "end_of_a_list_behind_it": ('[{0},{1}, "oprninfo": []}}, {2}]', 2, 1),
    "beginning_lost": ('[{0}, "x": 1, "setlinfo": {{"setl_id": "S9"}}}}, {1}]', 2, 1),
}


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_around_lists__nothing_vanishes(name: str, suffix: str, size: str, tmp_path: Path) -> None:
    pattern, good, faulty = AROUND[name]
    path = tmp_path / f"a{suffix}"
    path.write_text(pattern.format(*texts(4)), encoding="utf-8")
    rows, faults, _ = read(path)
    assert (len(rows), len(faults)) == (good, faulty)
    if name == "end_of_a_list_behind_it":  # its operations are cut off: it is not grouped without
        assert ids(rows) == ["S0", "S2"]
    if name == "beginning_lost":
        assert ids(rows) == ["S0", "S1"]


ORDERS = {
    "as_sent": (),
    "diseinfo_first": ("diseinfo", "oprninfo"),
    "iteminfo_first": ("iteminfo",),
    "unknown_first": ("remark",),
}


@pytest.mark.parametrize("hits", [(0, 58), pytest.param((17, 59), marks=pytest.mark.long)])
@pytest.mark.parametrize("order", ORDERS)
def test_lost_quotation_mark__the_rest_is_found_whatever_comes_first(
    order: str, size: str, hits: tuple[int, ...], tmp_path: Path
) -> None:
    first = ORDERS[order]
    lists = texts(60, tuple(name for name in first if name != "remark"))
    if order == "unknown_first":
        lists = ['{"remark": {"a": [1]}, ' + text[1:] for text in lists]
    rng = random.Random(order)
    for hit in hits:
        broken = list(lists)
        places = [place for place, letter in enumerate(lists[hit]) if letter == '"']
        place = rng.choice(places)
        broken[hit] = lists[hit][:place] + lists[hit][place + 1 :]
        path = tmp_path / "a.json"
        path.write_text("[" + ", ".join(broken) + "]", encoding="utf-8")
        rows, faults, _ = read(path)
        assert len(faults) == 1, (hit, place)
        expected = [f"S{i}" for i in range(60) if i != hit]
        assert ids(rows) == expected, (hit, place, broken[hit][place - 30 : place + 30])


def test_stretch__counts_as_many_lists_as_it_has_marks(tmp_path: Path) -> None:
    lists = texts(6)
    # no list of the middle can be read: every brace of theirs is lost
    middle = ",".join(text.replace("{", "").replace("}", "") for text in lists[2:4])
    path = tmp_path / "a.json"
    path.write_text(f"[{lists[0]},{lists[1]},{middle},{lists[4]},{lists[5]}]", encoding="utf-8")
    rows, faults, _ = read(path)
    assert ids(rows) == ["S0", "S1", "S4", "S5"]
    assert [f[2] for f in faults] == ["list_unreadable"] * 2
    assert [f[1] for f in faults] == [3, 4]


def test_stretch__is_named_by_id_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lists = texts(3)
    text = f"[{lists[0]},{lists[1][:-1]},{lists[2]}]"  # its last brace is lost
    Path("a.json").write_text(text, encoding="utf-8")
    told = drgpay(["group", "a.json", "-o", "o.csv", "--scheme", TINY], monkeypatch, capfd)
    assert told.code == 0, told.all
    assert "收到 3 = " in told.stdout
    noted = Path("o.csv.quarantine.csv").read_text(encoding="utf-8").splitlines()[1]
    place = len(f"[{lists[0]},{lists[1][:-1]},") + 1
    assert noted.startswith(f'"a.json",2,"S1","JSON","\'@{place}","list_unreadable"')


def test_file__that_announces_more_than_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count does not come from what was found: a reader that loses a list is caught."""
    kept = Scanner._good

    def forgetful(self: Any, parsed: Any, marks: int, end: int) -> Any:
        if self.gone + self.place > 1_000:
            self.place = end
            return
        yield from kept(self, parsed, marks, end)

    monkeypatch.setattr(Scanner, "_good", forgetful)
    path = tmp_path / "a.json"
    path.write_text("[" + ",".join(texts(5)) + "]", encoding="utf-8")
    rows, faults, _ = read(path)
    assert len(rows) == 1
    assert [f[2:] for f in faults] == [("list_uncounted", "JSON", "5 ≠ 1")]


@pytest.mark.parametrize("width", [1, 7, 64, 1_000])
def test_marks__are_counted_over_the_seams_of_blocks(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drgpay.cases.lists_bytes import Tally, units_of

    monkeypatch.setattr("drgpay.cases.lists_bytes.BLOCK", width)
    monkeypatch.setattr("drgpay.cases.lists_bytes.SMALL_FILE", 10)
    raw = ("[" + ",".join(texts(3)) + "]").replace('"setlinfo":', '"setlinfo"  :')
    path = tmp_path / "a.json"
    path.write_text(raw, encoding="utf-8")
    tally = Tally()
    for _ in units_of([path], None, tally)[1]:
        pass
    assert tally.files["a.json"].marks == marks_of(raw.encode()) == 3


_PARTS = ["setlinfo", "SETLINFO", "setlInfo", "SETLinfo", "结算清单信息", "diseinfo", "\\u7ed3",
          '"', '"', '":', '":', ":", " ", "\t\n", "A"]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_marks__of_bytes_are_those_of_the_text(encoding: str) -> None:
    rng = random.Random(encoding)
    met = 0
    for _ in range(3_000):
        text = "".join(rng.choices(_PARTS, k=rng.randint(3, 14)))
        marks = len(_MARK.findall(text))
        assert marks_of(text.encode(encoding)) == marks, text
        met += marks
    assert met > 50
    assert marks_of('"结算清单信息" :"SETLinfo":"SetlInfo":'.encode(encoding)) == 2


def test_brackets__that_do_not_close_are_said(size: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" + ",".join(texts(3)) + ",", encoding="utf-8")
    rows, faults, notes = read(path)
    assert (len(rows), len(faults)) == (3, 0)
    assert ["cut off between two lists" in note for note in notes] == [True]
    path.write_text("[" + ",".join(texts(3)) + "]}}", encoding="utf-8")
    rows, faults, notes = read(path)
    assert (len(rows), len(faults)) == (3, 0)
    assert ["2 brackets outside of any list" in note for note in notes] == [True]


def test_one_line__of_many_lists_larger_than_a_list_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lists_bytes", "lists_json", "lists_fast"):
        monkeypatch.setattr(f"drgpay.cases.{module}.MAX_LIST", 10_000)
    monkeypatch.setattr("drgpay.cases.lists_bytes.BLOCK", 2_000)
    page = '{"infcode": 0, "output": [' + ",".join(texts(30)) + "]}"
    path = write(tmp_path / "a.jsonl", c07(setl_id="before"), page, c07(setl_id="behind"))
    rows, faults, _ = read(path)
    assert ids(rows) == ["before", *(f"S{i}" for i in range(30)), "behind"]
    assert {f[2] for f in faults} <= {"list_unreadable", "list_too_large"}
    assert len(faults) == 1


def test_bytes__that_are_no_text_spoil_their_list_alone(size: str, tmp_path: Path) -> None:
    raw = ("[" + ",".join(texts(5)) + "]").encode()
    damaged = raw.replace(b'"H33010000002"', b'"H330100\xff\xfe0002"', 1)
    path = tmp_path / "a.json"
    path.write_bytes(damaged)
    rows, faults, _ = read(path)
    assert ids(rows) == ["S1", "S2", "S3", "S4"]
    assert [f[1:4] for f in faults] == [(1, "list_encoding", "fixmedins_code")]


def test_pretty_lines__in_a_file_of_lines(tmp_path: Path) -> None:
    bodies = [c07(setl_id=f"S{i}") for i in range(3)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(b, indent=1) for b in bodies), encoding="utf-8")
    rows, faults, _ = read(path)
    assert not faults
    assert ids(rows) == ["S0", "S1", "S2"]


# --- limits -------------------------------------------------------------------------------------


def test_broken_rows__beyond_a_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MAX_LISTED", 10)
    rows = BrokenRows(("a.json", n, RowNote("", "list_unreadable")) for n in range(1, 101))
    rows += [("b.csv", n, "x,y") for n in range(1, 51)]
    assert len(rows) == 150
    assert sum(1 for _ in rows) == 12
    moved = BrokenRows(rows)
    assert len(moved) == 150
    notes = Quarantine()
    for file, row, text in moved:
        notes.add(file, row, None, "", text, "row_broken")
    assert len(notes) == 150
    values = [row["value"] for row in notes.table().to_pylist()]
    assert [value for value in values if value.startswith("×")] == ["×90", "×50"]


def test_junk__of_many_lines_is_counted_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quarantine, "MAX_LISTED", 100)
    monkeypatch.chdir(tmp_path)
    good = texts(2)
    Path("a.jsonl").write_text(good[0] + "\n" + "x\n" * 5_000 + good[1] + "\n", encoding="utf-8")
    for words in (
        ["group", "a.jsonl", "-o", "o.csv", "--scheme", TINY],
        ["cases", "check", "a.jsonl", "-o", "r.json", "--scheme", TINY],
        ["cases", "convert", "a.jsonl", "-o", "c.csv"],
    ):
        told = drgpay(words, monkeypatch, capfd)
        assert told.code == 0, told.all
        assert "5,002" in told.all, told.all
    lines = Path("o.csv.quarantine.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 300
    assert '"×' in lines[-1]


LINEAR = {
    "brackets": "[" * 3_000_000,
    "objects": '{"a":' * 400_000,
    "messages": '[{"data":[' * 200_000,
    "unknown": '[{"x":[' * 300_000,
    "unclosed": '[{"x":' * 500 + '[{"y":1},' * 100_000,
    "blanks": "\n" * 3_000_000,
    "braces": '{  "' * 500_000,
    "scalars": "[" + "1," * 300_000 + "]",
    "closers": "}" * 3_000_000,
    "digits": '{"setlinfo": {"age": ' + "9" * 3_000_000 + "}}",
    "text": '{"setlinfo": {"setl_id": "' + "x" * 3_000_000,
}


@pytest.mark.parametrize("name", LINEAR)
def test_junk__ends_in_time_that_follows_its_size(name: str, tmp_path: Path) -> None:
    """A reader that were quadratic would not end here."""
    path = tmp_path / "a.json"
    path.write_text(LINEAR[name] + "\n" + ",".join(texts(2)), encoding="utf-8")
    source = open_lists([path], Asked())
    found = [value for piece in source.pieces for value in piece.load()["case_id"].to_pylist()]
    named = [note.case_id for *_, note in source.broken if isinstance(note, RowNote)]
    assert sorted(one for one in (*found, *named) if one and one[0] == "S") == ["S0", "S1"]
    if name != "messages":  # there too much was read in vain before
        assert found == ["S0", "S1"]


def test_deep_json__among_many_lines(tmp_path: Path) -> None:
    lists = texts(80)
    lists[70] = '{"setlinfo": ' + '{"a":' * 2_000_000
    rows, faults, _ = read(write(tmp_path / "a.jsonl", *lists))
    assert len(rows) == 79
    assert [(f[1], f[2]) for f in faults] == [(71, "list_too_large")]
