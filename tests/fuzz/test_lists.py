"""Mutated files of settlement lists: each id comes out once, as a case, or quarantined by id or place."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drgpay.cases import lists, lists_bytes
from drgpay.cases.lists import open_lists
from drgpay.cases.mapping import Asked
from drgpay.cases.quarantine import RowNote
from drgpay.ground.errors import InputError
from drgpay.grouper import group
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated
from tests.lists.bodies import SCHEMES, ex1_lists
from tests.lists.test_variants import answered, in_chinese

WORDS = tuple(
    word.encode()
    for word in ('"', "{", "}", "[", "]", ",", ":", "\n", "},{", "}]", '":"', '"setlinfo"', "null",
                 '"diseinfo"', '":', '",', "][", "}}", "{{", "1", "\\", "\\u0000", '"input":{')
)  # fmt: skip


def bodies(rng: random.Random) -> list[dict[str, Any]]:
    """Return some lists with ids of their own and nodes in any order."""
    out = []
    for place, body in enumerate(rng.choices(ex1_lists(), k=rng.choice((3, 12, 70)))):
        names = list(body)
        if rng.random() < 0.3:
            rng.shuffle(names)
        new = {name: body[name] for name in names}
        new["setlinfo"] = {**body["setlinfo"], "setl_id": f"id-{place:04d}"}
        out.append(rng.choice((new, new, new, answered(new), in_chinese(new))))
    return out


Shape = tuple[str, Callable[[list[str]], str]]
SHAPES: tuple[Shape, ...] = (
    (".jsonl", "\n".join),
    (".jsonl", "\r\n".join),
    (".jsonl", lambda texts: "\n".join(f"[{text}]" for text in texts)),
    (".jsonl", lambda texts: "\n".join(f'{{"infno":"4101","input":{text}}}' for text in texts)),
    (".json", lambda texts: "[" + ",".join(texts) + "]"),
    (".json", lambda texts: "[\n" + ",\n".join(texts) + "\n]\n"),
    (".json", lambda texts: "".join(texts)),
    (".json", lambda texts: f"[{','.join(texts[:2])}][{','.join(texts[2:])}]"),
    (".json", lambda texts: '{"infcode":0,"output":{"data":[' + ",".join(texts) + "]}}"),
    (".json", lambda texts: "[" + ",".join(f'{{"output":{text}}}' for text in texts) + "]"),
)


def read(path: Path) -> tuple[list[dict[str, Any]], list[tuple[int, Any]]] | str:
    """Return rows and faults with their numbers, or the refusal."""
    try:
        source = open_lists([path], Asked())
        rows = []
        for piece in source.pieces:
            table, numbers = piece.load().to_pylist(), piece.numbers
            assert numbers is not None
            rows += [{**row, "#": int(n)} for row, n in zip(table, numbers, strict=True)]
    except InputError as refusal:
        return refusal.text("en")
    return rows, [(number, note) for _, number, note in source.broken]


def one_try(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Counter[str]], None]:
    """Return a try: a file, changed, is read in both ways and held to the oracle."""

    def try_(number: int, counts: Counter[str]) -> None:
        rng = random.Random(number)
        some = bodies(rng)
        indent = rng.choice((None, None, None, 1))
        suffix, shape = rng.choice(SHAPES)
        indent = None if suffix == ".jsonl" else indent
        texts = [json.dumps(b, ensure_ascii=rng.random() < 0.2, indent=indent) for b in some]
        encoding = rng.choice(("utf-8", "utf-8", "gb18030"))
        whole = [text.encode(encoding) for text in texts]
        raw, changes = mutated(shape(texts).encode(encoding), rng, WORDS)
        path = folder / f"a{suffix}"
        path.write_bytes(raw)
        monkeypatch.setattr(lists_bytes, "SMALL_FILE", rng.choice((1 << 20, 100)))
        monkeypatch.setattr(lists_bytes, "BLOCK", rng.choice((4 << 20, 5_000)))
        found = []
        for worth in (1, 10**9):
            monkeypatch.setattr(lists, "WORTH_COLUMNS", worth)
            found.append(read(path))
        told = f"{changes} {suffix} {encoding}"
        assert same(found[0], found[1]), f"the fast reading differs: {told}"
        counts.update(changes)
        if isinstance(found[1], str):
            counts["refused"] += 1
            return
        rows, faults = found[1]
        check(rows, faults, whole, raw, counts, told)
        if number % 50 == 0:
            total = group(path, SCHEMES / "ex1-tiny").counts.total
            assert total == len(rows) + sum(note.times for _, note in faults), told

    return try_


def same(first: Any, second: Any) -> bool:
    if isinstance(first, str) or isinstance(second, str):
        return bool(first == second)
    return first[0] == second[0] and [(n, str(v), v.reason, v.case_id) for n, v in first[1]] == [
        (n, str(v), v.reason, v.case_id) for n, v in second[1]
    ]


_SETL_ID = re.compile(rb"id-\d{4}")


def check(
    rows: list[dict[str, Any]],
    faults: list[tuple[int, RowNote]],
    whole: list[bytes],
    raw: bytes,
    counts: Counter[str],
    told: str,
) -> None:
    """Fail if a list that is whole in the file comes out other than once, or another number twice."""
    numbers = [row["#"] for row in rows] + [number for number, _ in faults]
    assert len(set(numbers)) == len(numbers), told
    good = Counter(row["case_id"] for row in rows)
    named = Counter(note.case_id for _, note in faults if note.case_id)
    unnamed = sum(note.times for _, note in faults if not note.case_id)
    missing = 0
    for text in whole:
        found = _SETL_ID.search(text)
        assert found is not None
        own = found[0].decode()
        times = raw.count(text)
        out = good[own] + named[own]
        if times and raw.count(found[0]) == times:  # its id stands nowhere else
            assert out <= times, f"{own} comes out {out} times: {told}"
            missing += times - out
            counts["lists whole in the file"] += times
            counts["of them read"] += good[own]
            counts["of them quarantined by id"] += named[own]
    assert missing <= unnamed, f"{missing} lists are gone, {unnamed} stretches are named: {told}"
    counts["of them quarantined by place"] += missing
    counts["faults"] += sum(note.times for _, note in faults)


def test_mutated_lists__come_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = campaign("lists", one_try(tmp_path, monkeypatch), tries=10)
    assert counts["of them read"] > 0


@pytest.mark.long
def test_mutated_lists__come_out_once_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        counts = campaign("lists", one_try(tmp_path, monkeypatch))
    assert counts["tries"] > 0
