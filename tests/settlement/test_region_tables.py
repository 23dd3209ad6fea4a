"""The region's small tables: Chinese headers, Excel files, GB18030, and what is refused."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import xlsxwriter

from drgpay import year_end
from drgpay.ground.errors import InputError
from drgpay.names.table_headers import HEADERS
from drgpay.region.region import read_region

EX1 = Path(__file__).parents[1] / "cases" / "ex1"
TABLES = ("hospitals", "coefficients", "scores", "base_points", "bed_day_rates", "reviews")


@pytest.fixture
def region(tmp_path: Path) -> Path:
    folder = tmp_path / "region"
    shutil.copytree(EX1, folder)
    text = (folder / "region.toml").read_text(encoding="utf-8")
    schemes = (EX1 / "../../schemes").resolve()
    policies = schemes.parents[1] / "reference" / "policies"
    text = text.replace("../../schemes", str(schemes))
    text = text.replace('"testland"', f'"{policies / "testland.toml"}"')
    (folder / "region.toml").write_text(text, encoding="utf-8")
    return folder


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def in_chinese(rows: list[list[str]]) -> list[list[str]]:
    return [[HEADERS[word][0] for word in rows[0]], *rows[1:]]


def to_excel(path: Path, rows: list[list[str]]) -> None:
    with xlsxwriter.Workbook(path.with_suffix(".xlsx")) as book:
        sheet = book.add_worksheet("表")
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                sheet.write_string(i, j, text)
    path.unlink()


def dues(folder: Path) -> list[tuple[str, str, int, int]]:
    run = year_end(folder)
    return [(h.hospital_id, h.pool, h.due_fen, h.final_fen) for h in run.hospitals]


def test_tables__in_excel_with_chinese_headers_settle_alike(region: Path) -> None:
    expected = dues(EX1)
    for name in (*TABLES, "violations", "prepaid"):
        path = region / f"{name}.csv"
        if path.exists():
            to_excel(path, in_chinese(rows_of(path)))
    assert not [p for p in region.glob("*.csv") if p.stem != "cases"]
    assert dues(region) == expected


def test_tables__in_gb18030_settle_alike(region: Path) -> None:
    expected = dues(EX1)
    for name in TABLES:
        path = region / f"{name}.csv"
        if path.exists():
            text = "\r\n".join(",".join(row) for row in in_chinese(rows_of(path)))
            path.write_bytes(text.encode("gb18030"))
    assert dues(region) == expected


def test_tables__fault_names_the_excel_file_and_row(region: Path) -> None:
    path = region / "scores.csv"
    rows = in_chinese(rows_of(path))
    rows[2][1] = "1.5"
    to_excel(path, rows)
    with pytest.raises(InputError) as caught:
        read_region(region)
    assert "scores.xlsx:3: score: '1.5' is not between 0 and 1" in caught.value.text()
    assert "scores.xlsx 第3行：考核得分（score）：“1.5”不在0与1之间" in caught.value.text("zh")


def test_tables__twice_in_two_forms_are_refused(region: Path) -> None:
    rows = rows_of(region / "scores.csv")
    shutil.copy(region / "scores.csv", region / "kept.csv")
    to_excel(region / "scores.csv", rows)
    (region / "kept.csv").rename(region / "scores.csv")
    with pytest.raises(InputError, match=r"keep one of scores\.csv, scores\.xlsx"):
        read_region(region)


def test_tables__unknown_excel_file_is_refused(region: Path) -> None:
    (region / "x.csv").write_text("a\n", encoding="utf-8")
    to_excel(region / "x.csv", [["a"]])
    with pytest.raises(InputError, match=r"x\.xlsx: unknown file"):
        read_region(region)


def test_tables__no_workbook_behind_the_ending(region: Path) -> None:
    (region / "scores.csv").rename(region / "scores.xlsx")
    with pytest.raises(InputError, match=r"scores\.xlsx: "):
        read_region(region)


def test_cases__two_files_are_refused(region: Path) -> None:
    text = (region / "region.toml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("cases")]
    (region / "region.toml").write_text("\n".join(kept), encoding="utf-8")
    (region / "cases.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(InputError, match="several files of cases"):
        read_region(region)


def with_levels(folder: Path, hospitals: str, table: str, name: str = "level_coefficients") -> None:
    path = folder / "hospitals.csv"
    rows = rows_of(path)
    at = rows[0].index("level")
    for row in rows[1:]:
        row[at] = hospitals
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    text = {
        "level_coefficients": f"等级,差异系数\n{table},1.05\n",
        "bed_day_rates": f"床日类别,床日标准,等级\npsychiatric,300,\npsychiatric,320,{table}\n",
    }[name]
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", ["level_coefficients", "bed_day_rates"])
@pytest.mark.parametrize(
    ("hospitals", "table"),
    [("二级", "2级"), ("三级甲等", "三甲"), ("Ⅱ级", "2"), ("3A", "三级甲等医院")],
)
def test_levels__written_in_two_ways_are_refused(
    region: Path, hospitals: str, table: str, name: str
) -> None:
    with_levels(region, hospitals, table, name)
    with pytest.raises(InputError) as caught:
        read_region(region)
    assert (
        f"{name}.csv：等级的写法不一致：hospitals.csv 写作“{hospitals}”，{name}.csv 写作“{table}”"
        in caught.value.text("zh")
    )
    assert f"{hospitals!r} in hospitals.csv, {table!r} in {name}.csv" in caught.value.text()


@pytest.mark.parametrize(
    ("hospitals", "table"), [("三级", "三级甲等"), ("二级", "三级"), ("", "一级")]
)
def test_levels__that_say_different_things_are_none_of_these(
    region: Path, hospitals: str, table: str
) -> None:
    with_levels(region, hospitals, table)
    assert read_region(region).level_coefficients.keys() == {table}


def test_levels__of_hospitals_written_in_two_ways_are_noted(region: Path) -> None:
    text = (region / "hospitals.csv").read_text(encoding="utf-8").splitlines()
    level = text[1].split(",")[2]
    other = text[2].split(",")
    other[2] = f"{level}级医院"
    (region / "hospitals.csv").write_text(
        "\n".join([*text[:2], ",".join(other), *text[3:]]), "utf-8"
    )
    notes = [note.chinese for note in year_end(region).warnings]
    assert f"hospitals 表中“{level}”与“{level}级医院”若为同一等级，请改成同一写法" in notes


def test_tables__rows_count_as_in_excel_behind_line_ends_in_a_cell(region: Path) -> None:
    (region / "violations.csv").write_text(
        '医疗机构编码,险种,金额,原因\nH1,310,5.00,"串换\n项目"\n\nH1,310,五元,\n', encoding="utf-8"
    )
    with pytest.raises(InputError) as caught:
        read_region(region)
    assert "violations.csv 第4行：金额（amount_yuan）：" in caught.value.text("zh")
