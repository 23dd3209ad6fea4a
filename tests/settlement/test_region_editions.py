"""Regions whose codes are of another edition: declared, per history, listed; too few group: refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end

EX1 = Path(__file__).parents[1] / "cases" / "ex1"
SCHEME = (EX1.parents[1] / "schemes" / "ex1-tiny").resolve()


def region(tmp_path: Path, *lines: str, diagnosis: str = "") -> Path:
    """Return a copy of a small region, with more lines in [region] and another principal."""
    folder = tmp_path / "region"
    shutil.copytree(EX1, folder, dirs_exist_ok=True)
    text = (folder / "region.toml").read_text(encoding="utf-8")
    text = text.replace("../../schemes/ex1-tiny", str(SCHEME))
    head, rest = text.split("\n[[", 1)
    (folder / "region.toml").write_text(
        "\n".join([head, *lines]) + "\n\n[[" + rest, encoding="utf-8"
    )
    if diagnosis:
        path = folder / "cases.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        for row in rows:
            row["diagnoses"] = diagnosis
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def test_region__of_which_too_few_cases_group_is_refused_with_advice(tmp_path: Path) -> None:
    folder = region(tmp_path, 'codes = "clinical-2022"', diagnosis="J44.100x001")
    with pytest.raises(InputError, match="less than the least share") as caught:
        year_end(folder)
    said = str(caught.value.faults)
    assert "--codes insurance-2.0" in said and "16.7 %" in str(caught.value)
    run = year_end(folder, overrides=["grouped.share_min=0"])
    assert run.prepared.codes.ungrouped == run.counts.ungroupable > 0
    assert run.warnings[0] == run.prepared.codes.first()[0]


def test_region__mapped_codes_are_listed_in_the_run(tmp_path: Path) -> None:
    folder = region(tmp_path, 'codes = "医保版"', diagnosis="J44.100x001")
    run = year_end(folder, overrides=["grouped.share_min=0"])
    out = write_run(run, tmp_path / "out")
    with (out / "code_changes.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = list(csv.DictReader(stream))
    assert (row["written"], row["read_as"]) == ("J44.100x001", "J44.100")
    facts = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert facts["codes"]["changed"] == int(row["times"]) == run.prepared.codes.changed
    assert facts["codes"]["cases_by_codes"] == {"insurance-2.0": int(row["times"])}
    assert facts["codes"]["unknown"] == {"diagnosis": 0, "procedure": 0}


def test_region__older_word_for_the_insurance_edition(tmp_path: Path) -> None:
    one = year_end(region(tmp_path / "a", "from_insurance_codes = true"))
    two = year_end(region(tmp_path / "b", 'codes = "insurance-2.0"'))
    assert one.region.codes == two.region.codes == "insurance-2.0"
    assert one.region.history_codes == "insurance-2.0"
    assert [p.due_fen for p in one.hospitals] == [p.due_fen for p in two.hospitals]


def test_region__history_may_have_an_edition_of_its_own(tmp_path: Path) -> None:
    folder = region(tmp_path, 'codes = "insurance-2.0"', 'history_codes = "clinical-2022"')
    run = year_end(folder)
    assert (run.region.codes, run.region.history_codes) == ("insurance-2.0", "clinical-2022")


@pytest.mark.parametrize(
    "lines", [["codes = 2"], ['codes = "clinical-2022"', "from_insurance_codes = true"]]
)
def test_region__contradictions_are_refused(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        year_end(region(tmp_path, *lines))
    assert "codes" in str(caught.value)
