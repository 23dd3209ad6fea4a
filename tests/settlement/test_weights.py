"""Base points of published weights: exact, refused with names, and the same in every place."""

from __future__ import annotations

import csv
import shutil
from fractions import Fraction as F
from pathlib import Path

import pyarrow as pa
import pytest
import xlsxwriter

from drgpay.ground.errors import InputError
from drgpay.points.base import group_tables, weighted_base_points
from drgpay.points.kernels import COEF_ONE
from drgpay.points.limits import cost_limits
from drgpay.policy import YearPolicy, load_policy
from drgpay.report.html import write_report
from drgpay.runs.folder import write_run
from drgpay.runs.pricing import Pricer
from drgpay.runs.year_tables import drgs_table
from drgpay.settlement.year_end import YearEnd, year_end
from tests.settlement.regions import EX1, SCHEMES
from tests.why.test_derivations import check_run

WEIGHTS = {"GB15": "0.8", "FM13": "2.5", "AH19": "3.60", "RW15": "0.622222"}
HEAD = ("drg", "weight")


def write(folder: Path, rows: list[tuple[str, ...]], head: tuple[str, ...] = HEAD) -> None:
    with (folder / "weights.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "region.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def region(tmp_path: Path) -> Path:
    """EX1 with weights in place of the means: 7,777.77 of 12,500 yuan is a weight of 0.622222."""
    folder = tmp_path / "region"
    shutil.copytree(EX1, folder)
    (folder / "base_points.csv").unlink()
    edit(folder, '"../../schemes/ex1-tiny"', f'"{SCHEMES["ex1-tiny"]}"')
    write(folder, list(WEIGHTS.items()))
    return folder


def dues(run: YearEnd) -> list[tuple[str, str, int]]:
    return [(h.hospital_id, h.pool, h.due_fen) for h in run.hospitals]


def test_weights__settle_ex1_to_the_fen(region: Path) -> None:
    run = year_end(region)
    assert dues(run) == dues(year_end(EX1))
    rows = {row["drg"]: row for row in drgs_table(run).to_pylist()}
    assert rows["RW15"]["base_points"] == F("62.2222")
    assert rows["RW15"]["weight"] == F("0.622222")
    assert rows["RW15"]["group_mean_fen"] == 777_778  # 7,777.775 yuan, shown to the fen
    assert {row["origin"] for row in rows.values() if row["weight"]} == {"weights"}


def test_weights__a_rate_in_place_of_the_mean(region: Path) -> None:
    edit(region, "all_drg_mean_yuan", "weight_rate_yuan")
    run = year_end(region)
    assert run.region.by_rate
    assert dues(run) == dues(year_end(EX1))


def test_weights__chinese_headers_and_excel(region: Path) -> None:
    (region / "weights.csv").unlink()
    with xlsxwriter.Workbook(region / "weights.xlsx") as book:
        sheet = book.add_worksheet()
        for n, row in enumerate([("病组编码", "权重", "是否稳定"), *WEIGHTS.items()]):
            sheet.write_row(n, 0, row)
        sheet.write(1, 2, "是")
    assert dues(year_end(region)) == dues(year_end(EX1))


FAULTS = {
    "a weight of 0": ([("GB15", "0")], "weights.csv:2: weight: '0' is not above 0"),
    "no number": ([("GB15", "1,2")], "weights.csv:2: weight: '1,2' is not a decimal"),
    "empty": ([("GB15", "")], "weights.csv:2: weight is empty"),
    "seven decimals": (
        [("GB15", "0.1234567")],
        "weights.csv:2: weight: '0.1234567' has more than six decimals",
    ),
    "twice": (
        [("GB15", "1"), ("GB15", "2")],
        "weights.csv:3: drg 'GB15' stands twice: row 2 has it",
    ),
    "unstable in other words": (
        [("GB15", "1", "maybe")],
        "weights.csv:2: stable: 'maybe' is not yes or no",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_weights__faults_are_named(region: Path, name: str) -> None:
    rows, text = FAULTS[name]
    write(region, rows, ("drg", "weight", "stable")[: len(rows[0])])
    with pytest.raises(InputError) as caught:
        year_end(region)
    assert text in str(caught.value)


def test_weights__a_group_that_the_scheme_lacks_is_refused(region: Path) -> None:
    write(region, [*WEIGHTS.items(), ("ZZ19", "1")])
    with pytest.raises(InputError, match=r"weights\.csv.*[\s\S]*drg 'ZZ19'"):
        year_end(region)


def test_weights__one_source_of_base_points_and_one_mean(region: Path) -> None:
    shutil.copy(EX1 / "base_points.csv", region)
    with pytest.raises(InputError, match=r"base_points\.csv and weights\.csv are both there"):
        year_end(region)
    (region / "base_points.csv").unlink()
    edit(region, "all_drg_mean_yuan", 'weight_rate_yuan = "1.00"\nall_drg_mean_yuan')
    with pytest.raises(InputError, match=r"one of them, with weights\.csv"):
        year_end(region)
    (region / "weights.csv").unlink()
    shutil.copy(EX1 / "base_points.csv", region)
    with pytest.raises(InputError, match=r"weight_rate_yuan goes with weights\.csv"):
        year_end(region)


def policy(**changes: str) -> YearPolicy:
    texts = [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]
    return load_policy("testland").for_year(2024, texts)


def test_weights__points_of_more_than_four_decimals_are_refused() -> None:
    given = {"AA11": (F("0.1234"), True), "BB11": (F("1.23456"), True)}
    made = weighted_base_points(
        {"AA11": given["AA11"]}, 100, policy(point_scale="1"), "weights.csv"
    )
    assert made.groups["AA11"].base_points == 1234
    with pytest.raises(InputError, match=r"drg 'BB11': weight 1\.234560 x 1 has more"):
        weighted_base_points(given, 100, policy(point_scale="1"), "weights.csv")


def test_weights__limits_are_of_the_exact_mean() -> None:
    # 0.3335 x 10.01 yuan = 333.8335 fen: the mean shown is 334
    base = weighted_base_points({"AA11": (F("0.3335"), True)}, 1001, policy(), "weights.csv")
    assert base.groups["AA11"].mean_fen == 334
    p = policy(low__multiple="1", high__bands="none:1", high__inclusive="false")
    tables = group_tables(base, ["AA11"], p, 1)
    limits = cost_limits(tables, p, pa.array([COEF_ONE]).to_numpy()[:, None])
    assert (limits.low[0, 0], limits.high[0, 0]) == (333, 334)
    assert base.exact_mean(base.groups["AA11"]) == F("333.8335")


def test_weights__why_report_and_prices_of_the_run_agree(region: Path, tmp_path: Path) -> None:
    run = year_end(region, overrides=["high.rule=linear_add", "ratio_basis=standard"])
    folder = write_run(run, tmp_path / "run")
    met = check_run(folder)  # each formula of `why` is computed again
    assert met["class high"] and met["class low"] and met["class reviewed"]
    price = Pricer(folder)
    for case in pa.concat_tables(
        [pa.table({"case_id": p.case_id}) for p in run.pieces]
    ).to_pylist():
        name = case["case_id"]
        drg = price.settled(pa.array([name])).drg[0]
        if drg and name not in ("C05",):  # C05's points are halved by its readmission
            found = price.case(name)(drg)
            piece = run.pieces[0]
            row = piece.case_id.to_pylist().index(name)
            assert found.points == int(piece.points[row])
    assert "公布的权重（weights.csv）" in write_report(folder).read_text("utf-8")
