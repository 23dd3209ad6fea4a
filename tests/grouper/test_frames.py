"""pandas in use: frames go in wherever cases do, results come out as frames and are short to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay import group, group_file, year_end
from drgpay.cases.convert import convert
from drgpay.ground.frames import SHOWN
from drgpay.grouper.check import check_cases
from drgpay.grouper.explain_file import explain_file
from drgpay.runs.folder import write_run
from drgpay.runs.reader import RunFolder
from drgpay.trials.impact import measure

EX1 = Path(__file__).resolve().parent.parent / "cases" / "ex1"
SCHEME = EX1.parent.parent / "schemes" / "ex1-tiny"


def _frame(rows: int = 30) -> pd.DataFrame:
    """Cases as pandas knows them: missing texts, whole numbers as floats, a date, a category."""
    frame = pd.DataFrame(
        {
            "病例号": [f"<{n}>" for n in range(rows)],
            "sex": pd.Categorical(["男", "女"] * (rows // 2)),
            "age_years": [61.0] * rows,
            "diagnoses": ["I63.900", None] * (rows // 2),
            "procedures": [""] * rows,
            "discharge_date": pd.Timestamp("2024-03-01"),
            "total_cost": [100.25] * rows,
            "hospital_id": ["H1", "H2"] * (rows // 2),
        },
        index=pd.RangeIndex(7, 7 + rows),
    )
    return frame


DOORS: dict[str, Callable[[Any, Path], object]] = {
    "group": lambda cases, out: group(cases, "zj-drg-2024").counts,
    "group_file": lambda cases, out: group_file(cases, out / "g.csv", "zj-drg-2024").counts,
    "check_cases": lambda cases, out: check_cases(cases, "zj-drg-2024").by_check,
    "explain_file": lambda cases, out: explain_file(cases, out / "e.parquet", "zj-drg-2024").counts,
    "convert": lambda cases, out: convert(cases, out / "c.parquet").rows,
    "impact": lambda cases, out: measure("zj-drg-2022", "zj-drg-2024", cases).moves,
}


@pytest.mark.parametrize("door", DOORS)
def test_frames__go_in_wherever_cases_do(door: str, tmp_path: Path) -> None:
    frame = _frame()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in "ab":
        (tmp_path / name).mkdir()
    found = DOORS[door](frame, tmp_path / "a")
    assert found == DOORS[door](table, tmp_path / "b")
    for path in (tmp_path / "a").glob("?.*"):
        if "quarantine" in path.name:
            continue  # names the source: DataFrame or Table
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_group__comes_out_as_a_frame_and_is_short_to_see() -> None:
    found = group(_frame(), "zj-drg-2024")
    frame = found.to_pandas()
    assert frame["case_id"].tolist() == [f"<{n}>" for n in range(30)]
    assert frame["drg"].dropna().unique().tolist() == ["BR25"]
    line = "zj-drg-2024, 30 cases = 15 grouped + 0 ambiguous + 0 ungroupable + 15 quarantined"
    assert repr(found) == f"<GroupResult: {line}>"
    page = found._repr_html_()
    assert line in page and "收到30例" in page
    assert "&lt;0&gt;" in page and "<0>" not in page
    assert page.count("<tr") == SHOWN + 1 and f"另有{30 - SHOWN}行" in page


def test_check__comes_out_as_a_frame() -> None:
    found = check_cases(_frame(), "zj-drg-2024")
    frame = found.to_pandas()
    assert len(frame) == found.found > 0 and "check" in frame.columns
    assert repr(found).startswith("<Checked: 30 cases = ") and len(repr(found)) < 120
    assert "<table" in found._repr_html_()


def test_group_file__is_short_to_see(tmp_path: Path) -> None:
    found = group_file(_frame(), tmp_path / "g.parquet", "zj-drg-2024")
    assert repr(found).startswith(f"<GroupedFile {tmp_path / 'g.parquet'}: zj-drg-2024, 30 cases")


def test_year_end__comes_out_as_a_frame_as_its_folder_does(tmp_path: Path) -> None:
    run = year_end(EX1)
    frame = run.to_pandas()
    write_run(run, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    kept = folder.to_pandas("hospitals")
    assert kept.equals(pq.read_table(tmp_path / "run" / "hospitals.parquet").to_pandas())
    for name in frame.columns:
        assert frame[name].tolist() == kept[name].tolist()
    assert repr(run).startswith("<YearEnd: year 2") and len(repr(run)) < 120
    assert repr(folder) == f"<RunFolder {tmp_path / 'run'}>"
    assert "年清算" in run._repr_html_()
