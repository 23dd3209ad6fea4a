"""Damaged files of settlement lists: every line is a row or a named fault, and nothing else."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.lists.bodies import PERSONAL, ex1_lists, read


def _damaged(raw: bytes, rng: random.Random) -> bytes:
    out = bytearray(raw)
    for _ in range(rng.randrange(1, 6)):
        kind, place = rng.randrange(4), rng.randrange(max(len(out), 1))
        if kind == 0 and out:
            out[place % len(out)] = rng.randrange(256)
        elif kind == 1:
            del out[place : place + rng.randrange(1, 200)]
        elif kind == 2:
            bits = b'{}[]",:\\0\n\x00\xff'
            out[place:place] = bytes(rng.choice(bits) for _ in range(rng.randrange(1, 5)))
        elif rng.random() < 0.2:
            del out[place:]
    return bytes(out)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_lines__are_rows_or_faults(seed: int, tmp_path: Path) -> None:
    raw = "".join(json.dumps(body, ensure_ascii=False) + "\n" for body in ex1_lists()).encode()
    damaged = _damaged(raw, random.Random(seed))
    path = tmp_path / "a.jsonl"
    path.write_bytes(damaged)
    rows, faults, _ = read(path)
    lines = [line for line in damaged.split(b"\n") if line.strip(b" \t\r\n")]
    assert len(rows) + len(faults) == len(lines)
    numbers = [row["_row"] for row in rows] + [fault[1] for fault in faults]
    assert sorted(numbers) == list(range(1, len(lines) + 1))
    for *_, value in faults:
        assert len(value) < 200 and not any(word in value for word in PERSONAL)


@pytest.mark.parametrize("small", [True, False], ids=["small", "large"])
@pytest.mark.parametrize("seed", range(15))
def test_damaged_array__keeps_what_is_whole(
    seed: int, small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr("drgpay.cases.lists_bytes.SMALL_FILE", 100)
    lists = ex1_lists()
    texts = [json.dumps(body, ensure_ascii=False) for body in lists]
    rng = random.Random(seed)
    hit = rng.randrange(len(texts))
    texts[hit] = texts[hit].replace('": "', '": ', 1)  # one quotation mark is lost
    path = tmp_path / "a.json"
    path.write_text("[" + ",\n".join(texts) + "]", encoding="utf-8")
    rows, faults, _ = read(path)
    assert [f[2] for f in faults] == ["list_unreadable"]
    ids = [body["setlinfo"]["setl_id"] for body in lists]
    assert [row["case_id"] for row in rows] == ids[:hit] + ids[hit + 1 :]
