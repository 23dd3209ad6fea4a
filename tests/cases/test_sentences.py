"""Cases that people of the field write and read: tests/cases/<area>/<effective date>/<sentence>.yaml.

README.md beside them says, in Chinese, how one is written. Names of tables, columns, parameters and
codes are checked against the words that the program declares, so that a word has one meaning here, too.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from drgpay.ground.errors import DrgpayError
from drgpay.grouper.stream import group
from drgpay.months.folder import write_month
from drgpay.months.run import run_all_months
from drgpay.names.codes import CODES as WORDS
from drgpay.names.columns import CASE_COLUMNS
from drgpay.names.run_columns import TABLES, label
from drgpay.policy.catalogues import EVERY
from drgpay.region import tables as region_tables
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from reference.model import group_case, load_scheme, settle_region
from tests.cases import budget_sentences
from tests.settlement.regions import compare
from tests.settlement.small import small_region

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*/*.yaml"))
AREAS = (
    "ceiling",
    "global-budget",
    "grouping",
    "hospital-account",
    "months",
    "point-value",
    "points",
)
KEYS = {"情形", "依据", "算式", "政策", "设置", "方案", "算什么", "给定", "应得"}
# the groups of the invented scheme of the small regions: principal and other diagnoses, procedures
CODES = {
    "GB15": ("K25.900", "43.7x00"),
    "GB13": ("K25.900|K92.208", "43.7x00"),
    "FM13": ("I25.103|E11.900", "36.0700"),
    "RW15": ("Z08.000", ""),
    "0000": ("R69.x00", ""),
}
GIVEN = {
    "医疗机构": "hospitals", "差异系数": "coefficients", "考核得分": "scores", "特病单议": "reviews",
    "违规扣减": "violations", "结转": "carried", "已预付": "prepaid", "病组": "base_points",
    "床日标准": "bed_day_rates", "新技术项目": "new_technology", "月份比重": "month_shares",
    "上年各月": "last_year_months",
}  # fmt: skip
RESULTS = {
    **{chinese: name for name, (chinese, _) in TABLES.items()},
    "各月机构": "months_hospitals",
    "各月险种": "months_pools",
}
kept_scheme = lru_cache(load_scheme)
CASE_NAMES = {column.chinese: column.name for column in CASE_COLUMNS}


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict), path
    return found


def settings(case: dict[str, Any]) -> dict[str, str]:
    """Return parameters by key, as policy files write them; each is named in Chinese and by key."""
    found = {}
    for name, value in case.get("设置", {}).items():
        chinese, _, key = name.rpartition(" ")
        assert key in EVERY, f"no parameter {key!r}"
        known = EVERY[key].name
        assert chinese == known, f"{key} is called {known}, not {chinese}"
        found[key] = json.dumps(value, ensure_ascii=False)
    return found


def column(table: str, chinese: str, names: list[str]) -> str:
    """Return the column of a result table that has a Chinese name."""
    found = [name for name in names if label(table, name, "zh") == chinese]
    assert len(found) == 1, f"{table}: columns named {chinese!r}: {found}"
    return found[0]


def shown(column: str, text: str) -> str:
    """Return a value of a result table as people read it: yuan, and words for codes."""
    if column.endswith("_fen") and text:
        return yuan(int(text))
    words = WORDS.get(column, {})
    return words[text].chinese if text in words else text


def yuan(fen: int) -> str:
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def given_cases(case: dict[str, Any]) -> list[dict[str, str]]:
    rows = []
    for number, told in enumerate(case["给定"]["病例"], start=1):
        row = {
            "case_id": f"C{number}", "hospital_id": "H1", "patient_id": f"P{number}", "pool": "310",
            "sex": "M", "age_years": "50", "admission_date": "2024-03-01",
            "discharge_date": "2024-03-08", "settlement_date": "", "diagnoses": "", "procedures": "",
            "total_cost": "", "pool_fund": "",
        }  # fmt: skip
        row["diagnoses"], row["procedures"] = CODES[told.get("病组", "GB15")]
        for chinese, value in told.items():
            if chinese != "病组":
                row[CASE_NAMES[chinese]] = str(value)
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name, "") for name in names} for row in rows]


def meaning(table: str, header: str) -> str:
    """Return the column that a Chinese header of a table of the region means."""
    declared = next(t for t in region_tables.TABLES if t.name == table)
    found = declared.meaning(header)
    assert found is not None, f"{table}: {header}"
    return found


def region_of(case: dict[str, Any], folder: Path) -> Path:
    given = case["给定"]
    tables = {
        GIVEN[name]: [{meaning(GIVEN[name], k): str(v) for k, v in row.items()} for row in rows]
        for name, rows in given.items()
        if name not in ("病例", "预算", "统筹区")
    }
    more = "\n".join(given.get("统筹区", []))
    return small_region(
        folder, given_cases(case), given["预算"], tables=tables, policy=settings(case), more=more
    )


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def hold(case: dict[str, Any], folder: Path) -> None:
    """Fail if a row of the expected tables is not among those of a result folder."""
    for chinese, wanted in case["应得"].items():
        table = RESULTS[chinese]
        rows = rows_of(folder, table)
        for want in wanted:
            names = {name: column(table, name, list(rows[0])) for name in want}
            own = [{name: shown(names[name], row[names[name]]) for name in want} for row in rows]
            assert {k: str(v) for k, v in want.items()} in own, f"{chinese}: {own}"


def hold_grouping(case: dict[str, Any]) -> None:
    """Fail if engine or model put the case into another group than the one expected."""
    told = {CASE_NAMES[chinese]: str(value) for chinese, value in case["给定"].items()}
    codes = {name: told.get(name, "").split("|") for name in ("diagnoses", "procedures")}
    facts = {"sex": "M", "age_years": 50, **codes, "icu": told.get("icu") == "1"}
    rows = group(pa.Table.from_pylist([{"case_id": "C1", **facts}]), case["方案"]).table.to_pylist()
    wanted = {column("cases", name, list(rows[0])): text for name, text in case["应得"].items()}
    assert {name: shown(name, rows[0][name]) for name in wanted} == wanted
    assert group_case(kept_scheme(case["方案"]), **facts).drg == wanted["drg"]


def hold_budget(case: dict[str, Any]) -> None:
    """Fail if engine or model say another amount of the global budget than the one expected."""
    told = {key: json.loads(text) for key, text in settings(case).items()}
    if "拒绝" in case["应得"]:
        with pytest.raises(DrgpayError) as caught:
            budget_sentences.found(case, told)
        for text in case["应得"]["拒绝"]:
            assert text in caught.value.text("zh")
        return
    own = budget_sentences.found(case, told)
    assert {word: own[word] for word in case["应得"]} == case["应得"]


def test_sentence__stands_where_it_belongs() -> None:
    assert len(FILES) >= 40
    assert {path.parts[-3] for path in FILES} <= {*AREAS}
    for path in FILES:
        case = read(path)
        assert not {*case} - KEYS, f"{path.name}: {set(case) - KEYS}"
        assert {"情形", "依据", "算式", "给定", "应得"} <= {*case}, path.name
        dt.date.fromisoformat(path.parts[-2])


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_sentence__holds(path: Path, tmp_path: Path) -> None:
    case = read(path)
    area = path.parts[-3]
    if area == "grouping":
        hold_grouping(case)
        return
    if area == "global-budget":
        hold_budget(case)
        return
    region = region_of(case, tmp_path / "region")
    if "拒绝" in case["应得"]:
        with pytest.raises(DrgpayError) as caught:
            year_end(region)
        for text in case["应得"]["拒绝"]:
            assert text in caught.value.text("zh")
        with pytest.raises(ValueError):
            settle_region(region)
    elif area == "months":
        run, _ = run_all_months(region)
        hold(case, write_month(run, tmp_path / "out"))
    else:
        run = year_end(region)
        hold(case, write_run(run, tmp_path / "out"))
        compare(run, settle_region(region))
