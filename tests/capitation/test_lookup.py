"""The hash table of persons finds whom a dictionary finds, even where all hashes are equal."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from drgpay.capitation import lookup
from drgpay.capitation.lookup import Lookup

ROOT = Path(__file__).resolve().parents[2]


def draw(rng: random.Random, count: int) -> list[str]:
    letters = ["0", "1", "A", "参", "\U00020000", " "]
    return [
        "".join(rng.choices(letters, k=rng.choice([0, 1, 2, 7, 8, 9, 30]))) for _ in range(count)
    ]


def expect(persons: list[str], visits: list[str]) -> list[int]:
    first: dict[str, int] = {}
    for place, name in enumerate(persons):
        first.setdefault(name, place)
    return [first.get(name, -1) for name in visits]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("one_hash", [False, True])
def test_lookup__finds_what_a_dictionary_finds(
    seed: int, one_hash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if one_hash:
        monkeypatch.setattr(lookup, "text_hashes", lambda ids: np.full(len(ids), 7, np.uint64))
    rng = random.Random(seed)
    persons = draw(rng, rng.choice([0, 1, 15, 16, 17, 200]))
    visits = draw(rng, 50) + rng.choices(persons, k=50) if persons else draw(rng, 5)
    whole = pa.array(["beside", *visits], pa.string())
    found = Lookup.of(pa.array(persons, pa.string())).places(whole.slice(1))
    assert found.tolist() == expect(persons, visits)


def test_lookup__runs_without_compiling() -> None:
    script = (
        "import pyarrow as pa\n"
        "from drgpay.capitation.lookup import Lookup\n"
        "found = Lookup.of(pa.array(['a', 'bb', '参保', 'a'])).places(pa.array(['bb', '参保', 'b', 'a']))\n"
        "print(found.tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONIOENCODING": "utf-8"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[1, 2, -1, 0]", done.stderr
