"""CSV that clerks open: no cell is a formula, numbers stay numbers, every value comes back."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import drgpay
from drgpay.cli import cli
from drgpay.ground.csv_cells import NeutralCsvWriter, neutral, neutral_text, restored, restored_text
from tests.months.folders import take_prepaid

ROOT = Path(__file__).resolve().parents[2]
EX1 = ROOT / "tests" / "cases" / "ex1"
TINY = ROOT / "tests" / "schemes" / "ex1-tiny"
RISKY = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
TEXTS = st.text(st.sampled_from("=+-@'＝\t 1.a9\r\"中"), max_size=8)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=20))
def test_cells__every_text_is_neutral_and_comes_back(texts: list[str]) -> None:
    written = neutral(pa.table({"a": pa.array(texts, pa.string())}))["a"]
    assert written.to_pylist() == [neutral_text(text) for text in texts]
    assert restored(written).to_pylist() == texts == [*map(restored_text, written.to_pylist())]
    for text in written.to_pylist():
        assert not text.startswith(RISKY) or text.lstrip("+-").replace(".", "", 1).isdigit(), text


def test_cells__numbers_and_nulls_stay_as_they_are(tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": pa.array([-5, None]),
            "b": pa.array(["-5.20", None]).dictionary_encode(),
            "c": pa.array(["=1+1", None]).dictionary_encode(),
        }
    )
    with NeutralCsvWriter(tmp_path / "a.csv", table.schema) as writer:
        writer.write_table(table)
    assert (tmp_path / "a.csv").read_text().splitlines() == [
        '"a","b","c"', '-5,"-5.20","\'=1+1"', ",,",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view()])
def test_cells__of_any_kind_of_text_are_neutral(kind: pa.DataType, tmp_path: Path) -> None:
    texts = pa.array(["=1+1", "ok", None]).cast(kind)
    columns = {"a": texts}
    if pa.types.is_large_string(kind):
        columns["b"] = texts.dictionary_encode()
    table = pa.table(columns)
    with NeutralCsvWriter(tmp_path / "a.csv", table.schema) as writer:
        writer.write_table(table)
    first = (tmp_path / "a.csv").read_text().splitlines()[1]
    assert first == ",".join(['"\'=1+1"'] * len(columns))


def cells_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [cell for row in csv.reader(stream) for cell in row]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands write of a region whose ids, names and reasons begin like formulas."""
    home = tmp_path_factory.mktemp("formulas")
    region = home / "region"
    shutil.copytree(EX1, region, ignore=shutil.ignore_patterns("expected"))
    for path in region.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        for number, sign in enumerate("=+-@", 1):
            text = text.replace(f"C0{number}", f"{sign}C0{number}").replace(
                f"P0{number}", f"{sign}P(0{number})"
            )
        text = re.sub(r"\bH1\b", "=H1", re.sub(r"\bH2\b", "@H2", text))
        path.write_text(text, encoding="utf-8")
    head = (region / "region.toml").read_text(encoding="utf-8")
    head = head.replace('"../../schemes/ex1-tiny"', f'"{TINY}"')
    (region / "region.toml").write_text(head, encoding="utf-8")
    cases, made = region / "cases.csv", home / "made"
    made.mkdir()
    for words in (
        ["group", cases, "--scheme", TINY, "--check", "-o", made / "g.csv"],
        ["group", cases, "--scheme", TINY, "-o", made / "g.parquet"],
        ["cases", "convert", cases, "-o", made / "c.csv"],
        ["cases", "convert", cases, "-o", made / "c.parquet"],
        ["cases", "check", cases, "--scheme", TINY, "-o", made / "f.csv"],
        ["year-end", region, "-o", made / "year"],
        ["month", region, "--all", "-o", made / "months"],
        ["simulate", region, "-o", made / "trial", "--set", "keep_ratio=0.5"],
        ["signals", region, "-o", made / "signals"],
    ):
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, (words, done.output, done.exception)
    return home


def test_outputs__no_cell_of_any_csv_is_a_formula(outputs: Path) -> None:
    files = list((outputs / "made").rglob("*.csv"))
    assert len(files) >= 30
    kept = 0
    for path in files:
        for cell in cells_of(path):
            number = cell.lstrip("+-").replace(".", "", 1).isdigit()
            assert number or not cell.startswith(RISKY), (path, cell)
            kept += cell.startswith(("'=", "'@", "'+", "'-"))
    assert kept > 100


def test_outputs__read_back_every_value_is_as_it_was(outputs: Path) -> None:
    made = outputs / "made"
    results = [drgpay.group(p, TINY).table["case_id"].to_pylist() for p in (
        outputs / "region" / "cases.csv", made / "c.csv", made / "c.parquet",
    )]  # fmt: skip
    assert results[0] == results[1] == results[2] and "=C01" in results[0]
    told = pacsv.read_csv(made / "g.csv")["case_id"].to_pylist()
    assert [restored_text(text) for text in told] == results[0]
    # what the months hand on names the hospitals as the region does
    shutil.copytree(outputs / "region", outputs / "again")
    take_prepaid(made / "months", outputs / "again")
    done = CliRunner().invoke(
        cli, ["year-end", str(outputs / "again"), "-o", str(outputs / "second")]
    )
    assert done.exit_code == 0, done.output + str(done.exception)
