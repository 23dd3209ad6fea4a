"""Primary groups by dated list and scheme; coefficients by hospital and DRG, and by five levels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import InputError
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from tests.months.folders import ex1
from tests.why.test_derivations import check_run

LEVELS = [
    ("一级", "0.9"),
    ("二级乙等", "0.95"),
    ("二级甲等", "1"),
    ("三级乙等", "1.05"),
    ("三级甲等", "1.1"),
]


def write(folder: Path, name: str, *rows: tuple[str, ...]) -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.fixture
def region(tmp_path: Path) -> Path:
    return ex1(tmp_path)


def used(run: YearEnd) -> dict[str, int]:
    """The coefficient that each case was multiplied with, in 1/1,000,000."""
    return {
        case: c
        for piece in run.pieces
        for case, c in zip(piece.case_id.to_pylist(), piece.coefficient.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("row", "primary"),
    [
        (("GB15", "", "", ""), ("GB15",)),
        (("GB15", "ex1-tiny", "2024-01-01", "2024-12-31"), ("GB15",)),
        (("GB15", "ex1-tiny", "2019-06-01", ""), ("GB15",)),
        (("GB15", "ex1-tiny", "", "2023-12-31"), ()),
        (("GB15", "ex1-tiny", "2025-01-01", ""), ()),
        (("ZZ19", "zj-drg-2022", "", ""), ()),  # of another scheme
    ],
)
def test_primary_groups__by_scheme_and_period(
    region: Path, tmp_path: Path, row: tuple[str, ...], primary: tuple[str, ...]
) -> None:
    write(region, "primary_groups.csv", ("病组", "分组方案", "起始日期", "截止日期"), row)
    run = year_end(region)
    assert run.coefficients.primary == primary
    # C03 and C11 are normal cases of GB15, of H1 (1.06) and H3 (0.91)
    made = used(run)
    assert (made["C03"], made["C11"]) == ((1_000_000,) * 2 if primary else (1_060_000, 910_000))
    assert made["C01"] == 1_060_000
    if primary:
        check_run(write_run(run, tmp_path / "run"))


def test_primary_groups__of_the_policy_may_name_a_scheme(region: Path) -> None:
    both = year_end(region, overrides=["primary_groups=ex1-tiny:GB15,zj-drg-2022:ZZ19"])
    assert both.coefficients.primary == ("GB15",)


FAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "not in the scheme": (("ZZ19", "", "", ""), "the scheme ex1-tiny has no group 'ZZ19'"),
    "no such scheme": (("GB15", "zj-2099", "", ""), "there is no scheme 'zj-2099'"),
    "within the year": (
        ("GB15", "", "2024-07-01", ""),
        "the period of 'GB15' begins or ends within 2024",
    ),
    "no date": (("GB15", "", "1 July", ""), "from_date: '1 July' is not a date like 2025-01-01"),
    "backwards": (("GB15", "", "2025-01-01", "2024-01-01"), "to_date 2024-01-01 is before"),
    "no group": (("", "ex1-tiny", "", ""), "drg is empty"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_primary_groups__faults_are_named(region: Path, name: str) -> None:
    row, text = FAULTS[name]
    write(region, "primary_groups.csv", ("drg", "scheme", "from_date", "to_date"), row)
    with pytest.raises(InputError) as caught:
        year_end(region)
    assert text in str(caught.value)
    assert "primary_groups.csv:2" in str(caught.value)


def test_primary_groups__of_the_policy_that_the_scheme_lacks_are_refused(region: Path) -> None:
    with pytest.raises(InputError, match=r"primary_groups: ZZ19: the scheme ex1-tiny has no"):
        year_end(region, overrides=["primary_groups=GB15,ZZ19"])


HEAD = ("hospital_id", "drg", "coefficient")
ROWS: list[Any] = [
    ("H1", "", "1.06"),
    ("H1", "GB15", "0.9"),
    ("H2", "", "0.98"),
    ("H3", "GB15", "0.91"),
]


def test_coefficients__by_drg_alone_are_refused_or_1_elsewhere(
    region: Path, tmp_path: Path
) -> None:
    write(region, "coefficients.csv", HEAD, *ROWS)
    with pytest.raises(InputError, match="no row for hospital 'H3'"):
        year_end(region)
    run = year_end(region, overrides=["coef.without_row=one"])
    made = used(run)
    assert (made["C03"], made["C01"]) == (900_000, 1_060_000)  # H1: of the group, else its own
    assert (made["C11"], made["C10"]) == (910_000, 1_000_000)  # H3: of the group, else 1
    check_run(write_run(run, tmp_path / "run"))


def test_coefficients__a_hospital_and_drg_twice_are_named(region: Path) -> None:
    write(region, "coefficients.csv", HEAD, *ROWS, ("H3", "GB15", "0.92"))
    with pytest.raises(InputError, match=r"coefficients\.csv:6: hospital_id 'H3' and drg 'GB15'"):
        year_end(region)


def test_coefficients__of_five_levels(region: Path) -> None:
    write(region, "level_coefficients.csv", ("等级", "差异系数"), *LEVELS)
    write(
        region,
        "hospitals.csv",
        ("hospital_id", "name", "level"),
        ("H1", "甲", "三级甲等"),
        ("H2", "乙", "二级乙等"),
        ("H3", "丙", "一级"),
    )
    made = used(year_end(region, overrides=["coef.source=level"]))
    assert (made["C01"], made["C06"], made["C10"]) == (1_100_000, 950_000, 900_000)
