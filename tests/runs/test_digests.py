"""Tables of a run folder that were changed after the run: what reads them refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.letters import letters
from drgpay.errors import BooksError
from drgpay.settlement.run_folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.store.digests import file_digest
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
