"""Every command of the Chinese pages runs as it stands there, and the pages name what there is."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import xlsxwriter
from click.testing import CliRunner

from drgpay.capitation.tables import TABLES as CAPITATION_TABLES
from drgpay.cli import cli
from drgpay.names.columns import chinese_header
from drgpay.names.table_headers import HEADERS
from drgpay.synth.people import people

ROOT = Path(__file__).parents[1]
EX1 = ROOT / "tests" / "cases" / "ex1"
PAGES = ("months", "reopening", "simulate", "capitation", "why")
FORBIDDEN_DATE = "2024-13-01"  # makes one case of the region faulty


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.zh-CN.md").read_text(encoding="utf-8")


def commands(name: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", page(name), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [found for found in words if found]


def drgpay(*words: str) -> str:
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 0, f"drgpay {' '.join(words)}\n{done.output}\n{done.exception!r}"
    return done.output


def excel(path: Path, rows: list[list[str]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                sheet.write_string(i, j, text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a clerk has it: a region, its result, and the tables that the pages speak of."""
    base = tmp_path_factory.mktemp("clerk")
    region = base / "某县2024"
    shutil.copytree(EX1, region, ignore=shutil.ignore_patterns("expected"))
    toml = region / "region.toml"
    schemes = ROOT / "tests" / "schemes"
    toml.write_text(
        toml.read_text(encoding="utf-8").replace("../../schemes", str(schemes)), encoding="utf-8"
    )
    with (region / "cases.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    at = header.index("admission_date")
    right = list(rows[-1])
    rows[-1][at] = FORBIDDEN_DATE
    for path, some in ((region / "cases.csv", rows), (base / "更正病例.csv", [right])):
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([header, *some])
    excel(
        base / "后来查实的违规.xlsx",
        [
            ["医疗机构编码", "险种", "金额", "点数", "病例号", "更正病组", "文书", "日期"],
            ["H1", "310", "52.00", "", "", "", "某医保处〔2025〕3号", "2025-06-01"],
            ["H2", "310", "", "", "C04", "移除", "某医保处〔2025〕4号", "2025-06-01"],
        ],
    )
    excel(
        base / "明年系数.xlsx",
        [["医疗机构编码", "差异系数"], ["H1", "1.1"], ["H2", "1"], ["H3", "0.9"]],
    )
    return base


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRGPAY_LANG", raising=False)
    yield tmp_path


@pytest.mark.parametrize("name", PAGES)
def test_page__commands_run(name: str, here: Path) -> None:
    if name == "why":
        drgpay("year-end", "某县2024", "-o", "某县2024结果")
    if name == "capitation":
        people(here / "某县2024", 60, 1, communities=2)
    given = commands(name)
    assert len(given) >= 2
    for words in given:
        assert words[0] == "drgpay"
        if words[1] == "explain":  # the scheme of EX1 is not a bundled one
            words += ["--scheme", str(ROOT / "tests" / "schemes" / "ex1-tiny")]
        drgpay(*words[1:])
        for place in (words.index("-o") + 1,) if "-o" in words else ():
            assert (here / words[place]).exists()


@pytest.mark.parametrize("name", PAGES)
def test_page__headers_are_understood(name: str) -> None:
    """The headers of the tables of files are headers that some table has."""
    known = {header for several in HEADERS.values() for header in several}
    known |= {h for table in CAPITATION_TABLES for c in table.columns for h in c.headers}
    known |= {chinese_header(column) for column in ("case_id", "hospital_id", "pool")}
    for line in page(name).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"`\w+\.xlsx`", cells[0]) and cells[0] != "`simulate.xlsx`":
            named = re.split("、", cells[1].replace("[", "").replace("]", ""))
            assert set(named) <= known, line


@pytest.mark.parametrize("name", PAGES)
def test_page__is_linked_and_names_files_that_are_there(name: str) -> None:
    text = page(name)
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / "docs" / link).exists(), link
    sister = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert f"({name}.zh-CN.md)" in sister
    assert f"(docs/{name}.zh-CN.md)" in (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
