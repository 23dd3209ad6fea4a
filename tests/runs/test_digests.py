"""Tables of a run folder that were changed after the run: what reads them refuses."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.cli.letters import letters
from drgpay.ground.digests import file_digest
from drgpay.ground.errors import BooksError
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.months.folders import ex1


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """EX1's run."""
    home = tmp_path_factory.mktemp("settled")
    yield write_run(year_end(ex1(home)), home / "v1")


def copied(settled: Path, tmp_path: Path) -> Path:
    run = tmp_path / "run"
    shutil.copytree(settled, run)
    return run


def test_manifest__has_the_digest_of_every_table(settled: Path) -> None:
    told = json.loads((settled / "manifest.json").read_bytes())["tables"]
    tables = {path.name for path in settled.glob("*.parquet")}
    assert {"cases.parquet", "hospitals.parquet", "quarantine.parquet"} <= tables
    assert tables == {name for name in told if name.endswith(".parquet")}
    assert {path.name for path in settled.glob("*.csv")} <= told.keys()
    assert all(file_digest(settled / name) == digest for name, digest in told.items())


def test_letters__of_tables_as_they_were(settled: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(letters, [str(settled), "-o", str(tmp_path / "letters")])
    assert done.exit_code == 0, done.output
    assert "摘要码" not in done.output


def test_letters__of_a_changed_amount_are_refused(settled: Path, tmp_path: Path) -> None:
    run = copied(settled, tmp_path)
    table = pq.read_table(run / "hospitals.parquet")
    more = pc.add(table["final_fen"], pa.scalar(100, pa.int64()))
    place = table.column_names.index("final_fen")
    pq.write_table(table.set_column(place, "final_fen", more), run / "hospitals.parquet")
    done = CliRunner().invoke(letters, [str(run), "-o", str(tmp_path / "letters")])
    assert isinstance(done.exception, BooksError)
    assert "hospitals.parquet: was changed" in done.exception.text("en")
    assert not (tmp_path / "letters").exists()


def test_letters__of_a_table_that_is_gone_are_refused(settled: Path, tmp_path: Path) -> None:
    run = copied(settled, tmp_path)
    (run / "reviews.parquet").unlink()
    done = CliRunner().invoke(letters, [str(run), "-o", str(tmp_path / "letters")])
    assert isinstance(done.exception, BooksError)
    assert "reviews.parquet: is gone" in done.exception.text("en")


def test_letters__of_a_run_without_digests_say_so(settled: Path, tmp_path: Path) -> None:
    run = copied(settled, tmp_path)
    facts = json.loads((run / "manifest.json").read_bytes())
    del facts["tables"]
    (run / "manifest.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    done = CliRunner().invoke(letters, [str(run), "-o", str(tmp_path / "letters")])
    assert done.exit_code == 0, done.output
    assert "没有各表的摘要码" in done.output


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results of every kind, with all that goes with them."""
    home = tmp_path_factory.mktemp("city")
    region = ex1(home)
    made = home / "made"
    made.mkdir()
    for words in (
        ["year-end", region, "-o", made / "year"],
        ["month", region, "--month", "2024-03", "-o", made / "month"],
        ["month", region, "--all", "-o", made / "months"],
        ["simulate", region, "-o", made / "trial", "--set", "keep_ratio=0.5"],
        ["letters", made / "year", "-o", made / "letters"],
        ["letters", made / "year", "-o", made / "year" / "later"],
        ["signals", region, "-o", made / "signals"],
    ):
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, (words, done.output, done.exception)
    return made


def verified(top: Path) -> str:
    done = CliRunner().invoke(cli, ["runs", "list", str(top), "--verify"])
    assert done.exit_code == 0, done.output
    return done.output


RESULTS = ("year", "month", "months", "trial", "letters", "year/later", "signals")


@pytest.mark.parametrize("name", RESULTS)
def test_verify__any_file_of_any_result_that_changed_is_found(
    city: Path, tmp_path: Path, name: str
) -> None:
    top = tmp_path / "copy"
    shutil.copytree(city, top)
    assert "被改动" not in verified(top) and "已不在" not in verified(top)
    every = [p for p in (top / name).rglob("*") if p.is_file() and "later" not in p.parts[-2:-1]]
    if name == "year/later":
        every = [p for p in (top / name).iterdir() if p.is_file()]
    names = {p.name for p in every}
    assert "SHA256SUMS" in names and len(names) > 2
    kept = {path: path.read_bytes() for path in every}
    for path, content in kept.items():  # all but one byte as they were
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    told = verified(top)
    missing = [p.name for p in every if p.name != "SHA256SUMS" and p.name not in told]
    # a manifest that is none is said by the folder's name
    assert [n for n in missing if n not in ("manifest.json",)] == [], told
    for path, content in kept.items():
        path.write_bytes(content)
    assert "被改动" not in verified(top)


@pytest.mark.parametrize("file", ["hospitals.csv", "report.html", "cases.parquet", "run.duckdb"])
def test_why_and_verify__one_file_changed_gone_or_added(
    city: Path, tmp_path: Path, file: str
) -> None:
    top = tmp_path / "copy"
    shutil.copytree(city / "year", top / "year")
    path = top / "year" / file
    content = path.read_bytes()
    facts = path.stat()
    if file != "cases.parquet":  # a table that cannot be read says so itself
        path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    else:
        pq.write_table(pq.read_table(path), path, compression="gzip")
    assert file in verified(top)
    done = CliRunner().invoke(cli, ["why", str(top / "year"), "--pool", "310"])
    assert isinstance(done.exception, BooksError) and file in done.exception.text("zh")
    path.write_bytes(content)
    assert CliRunner().invoke(cli, ["why", str(top / "year"), "--pool", "310"]).exit_code == 0
    (top / "year" / "more.csv").write_text("x", encoding="utf-8")
    assert "more.csv" in verified(top)
    (top / "year" / "more.csv").unlink()
    (top / "year" / "SHA256SUMS").unlink()
    assert "SHA256SUMS" in verified(top)


def test_sums__are_those_that_sha256sum_checks(city: Path) -> None:
    lines = (city / "year" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    later = {"SHA256SUMS"} | {
        p.relative_to(city / "year").as_posix() for p in (city / "year" / "later").iterdir()
    }
    there = {
        p.relative_to(city / "year").as_posix() for p in (city / "year").rglob("*") if p.is_file()
    }
    assert told.keys() == there - later
    assert all(file_digest(city / "year" / name) == digest for name, digest in told.items())
