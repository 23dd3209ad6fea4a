"""Derivations of a run that was opened again for violations found later."""

from __future__ import annotations

from pathlib import Path

from drgpay.reopening.reopen import reopen
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import text, why
from tests.settlement.regions import EX1
from tests.why.test_derivations import check_run


def test_why__a_reopened_run_holds_too(tmp_path: Path) -> None:
    later = tmp_path / "later.csv"
    later.write_text(
        "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date\n"
        "H2,310,100.00,10,,,文书一,2025-03-01\n"
        "H1,310,,,C02,remove,文书二,2025-03-01\n"
        "H3,310,,,C11,RW15,文书三,2025-03-01\n",
        encoding="utf-8",
    )
    first = write_run(year_end(EX1), tmp_path / "first")
    folder = write_run(reopen(EX1, first, later), tmp_path / "again")
    met = check_run(folder)
    assert met["case"] == 12
    assert met["step points.removed"] == 1
    assert met["step points.deducted"] == 1
    told = text(why(folder, "hospital", "H1"), "zh")
    assert "沿用被重开版本（第 1 版）的数" in told
    assert "prepaid.csv 给定" not in told
    assert "later violation: 文书二" in text(why(folder, "case", "C02"), "en")
