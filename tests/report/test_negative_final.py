"""A negative final payment is taken from the next payments, and no paper asks for it twice."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from drgpay.ground.money import yuan_text
from drgpay.policy.catalogue import CATALOGUE
from drgpay.reopening.reopen import reopen
from drgpay.report.letters import write_letters
from drgpay.report.outputs import write_outputs
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import text, why
from tests.settlement.regions import EX1

DEMANDS = ("退回基金", "应退回", "由医疗机构退回", "由贵机构退回")


def finish(folder: Path) -> None:
    write_outputs(folder, letters=True, sheets_per_hospital=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("negative")
    return write_run(year_end(EX1), home / "run", finish=finish)


def owed(folder: Path) -> list[dict[str, str]]:
    with (folder / "carried.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def parameter(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return next(p for p in manifest["policy"]["parameters"] if p["key"] == "negative_final")


def workbook_texts(folder: Path) -> str:
    book = openpyxl.load_workbook(folder / "settlement.xlsx")
    return "\n".join(str(c.value) for sheet in book for row in sheet.iter_rows() for c in row)


def test_texts__say_what_the_only_choice_of_the_policy_is() -> None:
    assert CATALOGUE["negative_final"].choices == ("recover_next",)


def test_papers__set_a_negative_final_off_and_demand_nothing_back(run: Path) -> None:
    rows = owed(run)
    assert rows
    page = (run / "report.html").read_text(encoding="utf-8")
    whole = yuan_text(sum(round(float(r["amount_yuan"]) * 100) for r in rows))
    assert f"有 {len(rows)} 笔最终支付为负，合计 {whole} 元：在下期拨付中抵回" in page
    assert page.count('<span class="tag">下期抵回</span>') == len(rows)
    for row in rows:
        letter = (run / "letters" / f"{row['hospital_id']}.html").read_text(encoding="utf-8")
        fen = yuan_text(round(float(row["amount_yuan"]) * 100))
        assert f"最终支付 -{fen} 元：在下期拨付中抵回，贵机构无须另行退款" in letter
        assert "负数：在下期拨付中抵回，不另行退款" in letter
        told = text(why(run, "hospital", row["hospital_id"]), "zh")
        assert "负数：在下期拨付中抵回，不另行退款" in told
        assert "negative_final" in told
    index = (run / "letters" / "index.html").read_text(encoding="utf-8")
    assert "下期抵回" in index
    sheets = workbook_texts(run)
    assert "负数：在下期拨付中抵回，不另行退款" in sheets and "negative_final）" not in sheets
    papers = [page, sheets, *(p.read_text(encoding="utf-8") for p in (run / "letters").iterdir())]
    for paper in papers:
        assert not [demand for demand in DEMANDS if demand in paper]


def test_parameter__is_used_only_where_a_final_is_negative(run: Path, tmp_path: Path) -> None:
    assert parameter(run)["used"]
    letter = (run / "letters" / f"{owed(run)[0]['hospital_id']}.html").read_text(encoding="utf-8")
    assert parameter(run)["name"] in letter
    without = write_run(year_end(EX1, overrides=["prepay_ratio=0.5"]), tmp_path / "half")
    assert not (without / "carried.csv").exists()
    assert not parameter(without)["used"]


def test_reopened_year__says_that_its_table_takes_the_place_of_the_first(
    run: Path, tmp_path: Path
) -> None:
    later = tmp_path / "later.csv"
    later.write_text(
        "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date\n"
        "H3,310,100.00,,,,监察〔2025〕3号,2025-06-03\n",
        encoding="utf-8",
    )
    again = write_run(reopen(EX1, run, violations=later), tmp_path / "again", finish=finish)
    page = (again / "report.html").read_text(encoding="utf-8")
    assert "本版 carried.csv 已含这些数，取代以前各版的 carried.csv" in page
    assert "以前各版的 carried.csv 都尚未用于拨付的，用本版的 carried.csv" in page
    letter = (again / "letters" / "H3.html").read_text(encoding="utf-8")
    assert re.search(r"应追回 100\.00 元，在下期拨付中抵回", letter)
    for paper in (page, letter, workbook_texts(again)):
        assert not [demand for demand in DEMANDS if demand in paper]


def test_english_papers__say_the_same(run: Path, tmp_path: Path) -> None:
    letters = write_letters(run, tmp_path / "letters", "en")
    row = owed(run)[0]
    letter = (letters / f"{row['hospital_id']}.html").read_text(encoding="utf-8")
    assert "set off against the next payments; pay nothing back" in letter
    assert "To be returned" not in (letters / "index.html").read_text(encoding="utf-8")
