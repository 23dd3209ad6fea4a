"""Mutated uploads of every kind: refused as a problem, or answered with every row counted once."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from drgpay.cases.case_json import open_case_json
from drgpay.cases.sources import open_source
from drgpay.ground.errors import InputError
from drgpay.grouper.versions import any_grouper
from drgpay.report.preview_files import FORMATS, write_preview
from drgpay.runs.folder import write_run
from drgpay.runs.priced import WANTED, Pricing, price_cases
from drgpay.runs.priced_sums import sums_of
from drgpay.runs.pricing import Pricer
from drgpay.service.problems import Problem
from drgpay.service.uploads import ENDINGS, JSON, kind_of, refuse_wide
from drgpay.settlement.year_end import year_end
from tests.fuzz.campaign import campaign
from tests.fuzz.mutations import mutated
from tests.service.conftest import EX1, SCHEME
from tests.service.test_batch import bodies

WORDS = (
    b'"', b",", b"\n", b"{", b"}", b"[", b"]", b":", b"|", b"null", b"1e999", b"-1", b"PAR1",
    b"PK\x03\x04", b"PK\x01\x02", b"\x15\x04", b"<c ", b"diagnoses", b"case_id",
)  # fmt: skip


@pytest.fixture(scope="module")
def pricing(tmp_path_factory: pytest.TempPathFactory) -> Pricing:
    """The worked example, settled."""
    folder = tmp_path_factory.mktemp("uploads") / "run"
    write_run(year_end(EX1), folder)
    pricer = Pricer(folder)
    return Pricing(pricer, pricer.point_values)


def one(number: int, counts: Counter[str], folder: Path, pricing: Pricing) -> None:
    """Break one upload and preview it."""
    rng = random.Random(number)
    name = rng.choice(sorted(BODIES))
    raw, changes = mutated(BODIES[name], rng, WORDS)
    part = folder / "part"
    part.write_bytes(raw)
    try:
        kind = kind_of(part)
        refuse_wide(part, kind)
        path = folder / f"cases{ENDINGS[kind]}"
        part.replace(path)
        source = open_case_json(path, WANTED) if kind == JSON else open_source(path, WANTED)
        done = price_cases(source, GROUPER, pricing, threads=1)
    except (InputError, Problem) as refused:
        assert str(refused), changes
        counts["refused"] += 1
        return
    finally:
        for path in folder.glob("cases.*"):
            path.unlink()
    table = done.table
    assert len(table) == done.counts.total, changes
    status = Counter(table.column("status").to_pylist())
    told = {k: v for k, v in done.counts.as_dict().items() if k != "in"}
    assert {k: status.get(k, 0) for k in told} == told, changes
    for own in table.select(["expected_fen", "total_cost_fen", "over_cost_fen"]).to_pylist():
        if own["expected_fen"] is not None:
            assert own["over_cost_fen"] == own["expected_fen"] - own["total_cost_fen"], changes
    as_kind = rng.choice([kind for kind in FORMATS if kind != "xlsx"])
    out = folder / f"out.{as_kind}"
    write_preview(table, {"counts": told}, sums_of(table, None), out, as_kind)
    if as_kind == "json":
        read = json.loads(out.read_bytes())
        assert len(read["cases"]) + len(read["quarantined"]) == done.counts.total, changes
    out.unlink()
    counts["answered"] += 1
    counts[f"answered {kind}"] += 1


def test_mutated_uploads__some(tmp_path: Path, pricing: Pricing) -> None:
    campaign("uploads", lambda n, c: one(n, c, tmp_path, pricing), tries=40)


@pytest.mark.long
def test_mutated_uploads__many(tmp_path: Path, pricing: Pricing) -> None:
    counts = campaign("uploads", lambda n, c: one(n, c, tmp_path, pricing), seconds=600)
    assert counts["refused"] and counts["answered"]


BODIES = bodies()
GROUPER = any_grouper(SCHEME)
