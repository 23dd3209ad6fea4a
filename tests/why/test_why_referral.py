"""`drgpay why` of a referred stay: the stays of its referral and the one deductible."""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.runs.folder import write_run
from drgpay.why import text, why
from tests.settlement.test_referrals import STANDARDS, region, settled
from tests.why.formulas import Tables, check_derivation
from tests.why.test_derivations import check_run, formula


@pytest.fixture(scope="module")
def highest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("referral")
    return write_run(settled(region(folder / "region")), folder / "run")


def test_why__every_stay_of_a_referral_is_named(highest: Path) -> None:
    assert check_run(highest)["step deductible.excess"] == 7
    told = text(why(highest, "case", "R11"), "zh")
    assert "第 1 次住院：R11（本例）" in told
    assert "第 2 次住院：R12：H1，等级 3，2024-03-05 – 2024-03-15，GB15，起付线 800.00 元" in told
    assert "第 3 次住院：R13（主要住院）" in told and "未给出起付线" in told
    told = text(why(highest, "case", "R13"), "en")
    assert formula(told, "due once") == "max(300.00, 800.00) = 800.00 yuan"
    assert formula(told, "too much, to be checked and returned") == (
        "max(0, 1100.00 − 800.00) = 300.00 yuan"
    )


def test_why__of_the_standards_of_the_levels(tmp_path: Path) -> None:
    run = settled(region(tmp_path / "region"), "referral.deductible=standards", STANDARDS)
    folder = write_run(run, tmp_path / "run")
    made = why(folder, "case", "R21")
    check_derivation(made.as_dict(), Tables(folder))
    told = text(made, "en")
    assert formula(told, "due once") == "max(300.00, 800.00) = 800.00 yuan"
    assert formula(told, "too much, to be checked and returned") == (
        "max(0, 800.00 − 800.00) = 0.00 yuan"
    )


def test_why__without_a_deductible_nothing_was_checked(highest: Path) -> None:
    told = text(why(highest, "case", "R41"), "zh")
    assert "起付线是否重复收取：未核对" in told
    assert "第 2 次住院：R42（主要住院）" in told


def test_why__other_cases_have_no_such_section(highest: Path) -> None:
    assert "起付线" not in text(why(highest, "case", "C01"), "zh")


def test_why__a_changed_excess_is_noticed(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = write_run(settled(region(tmp_path / "region")), tmp_path / "run")
    path = folder / "referrals.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("excess_fen")
    values = [None if v is None else v + 1 for v in table["excess_fen"].to_pylist()]
    pq.write_table(table.set_column(place, "excess_fen", pa.array(values, pa.int64())), path)
    assert why(folder, "case", "R11").disagreements
