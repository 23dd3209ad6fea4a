"""Planted cheats leave a whole region: amounts, ids and dates hold, the truth stands beside it."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.synth import synth
from drgpay.ground.errors import InputError
from drgpay.settlement.year_end import year_end
from drgpay.synth import Summary, synthesize
from drgpay.synth.cheats import KINDS, Cheats, cheats_of, plant

NAMED = tuple((f"SYN{i + 1:04d}", kind) for i, kind in enumerate(KINDS))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder = tmp_path_factory.mktemp("cheats") / "city"
    return synthesize(folder, 9_000, 3, history_years=1, cheats=Cheats(named=NAMED))


@pytest.fixture(scope="module")
def table(done: Summary) -> pa.Table:
    return pq.read_table(done.path / "cases.parquet")


def test_truth__names_every_cheat_with_its_cases(done: Summary, table: pa.Table) -> None:
    rows = [
        line.split(",")
        for line in (done.path / "truth" / "cheats.csv").read_text(encoding="utf-8").splitlines()
    ]
    assert rows[0] == ["hospital_id", "kind", "strength", "cases"]
    assert {(r[0], r[1]) for r in rows[1:]} == set(NAMED) and done.planted == len(KINDS)
    cases = (done.path / "truth" / "cases.csv").read_text(encoding="utf-8").splitlines()[1:]
    ids = set(table["case_id"].to_pylist())
    assert all(line.split(",")[0] in ids for line in cases)
    for hospital, kind, _, count in rows[1:]:
        assert int(count) == sum(line.endswith(f"{hospital},{kind}") for line in cases)
        assert int(count) > 0, kind


def test_region__is_read_and_settled_as_any_other(done: Summary, table: pa.Table) -> None:
    run = year_end(done.path)
    assert run.counts.total == len(table) == done.cases[2025]
    # both rows of a doubled id are out
    assert done.bad_rows <= run.counts.quarantined <= 2 * done.bad_rows
    paid = {p.pool: p.recorded_fund_fen for p in run.pools}
    assert paid == done.recorded_fund_fen


def test_amounts__payers_add_up_in_every_row(table: pa.Table) -> None:
    parts = pc.add(pc.add(table["pool_fund"], table["personal_paid"]), table["other_paid"])
    assert pc.all(pc.equal(parts, table["total_cost"].cast(parts.type))).as_py()
    for name in ("total_cost", "pool_fund", "personal_paid", "other_paid"):
        assert pc.min(table[name]).as_py() >= Decimal(0)


def test_split__new_stays_follow_their_first_halves(done: Summary, table: pa.Table) -> None:
    rows = table.to_pylist()
    by_patient: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        by_patient.setdefault(str(row["patient_id"]), []).append(row)
    new = [r for r in rows if str(r["case_id"]).startswith("S20259")]
    assert len(new) == len(table) - 9_000 > 30
    for row in new:
        before = [
            r
            for r in by_patient[str(row["patient_id"])]
            if r["discharge_date"] <= row["admission_date"] and r["diagnoses"] == row["diagnoses"]  # type: ignore[operator]
        ]
        assert before, row["case_id"]
        assert (row["discharge_date"] - row["admission_date"]).days == row["los_days"]  # type: ignore[operator]


def test_planting__same_bytes_again(done: Summary, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(done.path, tmp_path / name)
        assert plant(tmp_path / name, Cheats(share=0.3, min_cases=50), 4).cheats
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert Path("cases.parquet") in files and Path("outpatient.parquet") in files
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_command__plants_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "city"
    words = ["--cases", "600", "--seed", "1", "--history-years", "1", "-o", str(out)]
    ran = CliRunner().invoke(synth, [*words, "--cheats", "SYN0001=split"])
    assert ran.exit_code == 0, ran.output
    assert "预埋违规 1 处" in ran.output
    assert (out / "outpatient.parquet").exists()


@pytest.mark.parametrize("text", ["0.9", "-1", "SYN0001", "SYN0001=theft", "=split", ""])
def test_option__what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        cheats_of(text)
    assert "split" in caught.value.text("zh")


def test_hospital__that_is_not_there_is_refused(done: Summary) -> None:
    with pytest.raises(InputError, match="SYN9999"):
        plant(done.path, cheats_of("SYN9999=split"), 1)
