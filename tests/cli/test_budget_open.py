"""`drgpay budget watch`, `assess`, `publish`, `give` and the registers, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from drgpay.ground.digests import SUMS, file_digest, read_sums
from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.monitoring.filed import filed_rows, filed_watches
from drgpay.names.run_tables import WATCH_TABLES
from tests.cli.test_budget import Desk, last
from tests.monitoring.drawn import YEAR, House, book_of, draw, written
from tests.monitoring.test_assess import tables

POLICY = ("--policy", "testland-budget")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    book_of(tmp_path / "b", {"H1": 90_000_000, "H2": 50_000_000}).close()
    return Desk(tmp_path / "b")


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    houses = [House("H1", 60), House("H2", 50, cost=1.5)]
    return written(draw(houses, care=True), tmp_path / "visits.parquet")


def cells_of(path: Path) -> set[object]:
    book = openpyxl.load_workbook(path)
    return {cell.value for sheet in book for row in sheet.iter_rows() for cell in row}


def test_watch__writes_page_workbook_and_tables(desk: Desk, visits: Path, tmp_path: Path) -> None:
    out = tmp_path / "watch"
    words = ("watch", visits, "--year", YEAR, "--month", 6, *POLICY, "-o", out)
    told = desk(*words)
    assert "就诊记录" in told and "不是结论" in told
    facts = json.loads((out / "watch.json").read_text(encoding="utf-8"))
    assert facts["month"] == "2026-06" and facts["rows"] == facts["counted"]
    assert facts["book"]["number"] == last(desk) and facts["checks"][0]["passed"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "综合判断" in page and "指标使用" in page and "<script" not in page
    assert {"H1", "H2"} <= cells_of(out / "watch.xlsx")
    assert (out / "watch_growth.csv").is_file()
    sums = read_sums(out)
    assert sums is not None and "report.html" in sums and "watch.json" in sums
    with pytest.raises(InputError):
        desk(*words)


def test_watch__is_put_down_by_whom_it_names_and_by_nobody_else(
    desk: Desk, visits: Path, tmp_path: Path
) -> None:
    before = last(desk)
    words = ("watch", visits, "--year", YEAR, "--month", 6, *POLICY)
    assert "已登记" not in desk(*words, "-o", tmp_path / "seen") and last(desk) == before
    out = tmp_path / "filed"
    assert f"已登记，第 {before + 1} 号" in desk(*words, "-o", out, "--as", "经办人")
    with Book.open(desk.book).reading() as reading:
        (entry,) = filed_watches(reading, YEAR)
        assert entry.who == "经办人" and entry.body["sums"] == file_digest(out / SUMS)
        for table in WATCH_TABLES:
            rows = filed_rows(reading, entry, table, "zh")
            assert rows == pq.read_table(out / f"{table}.parquet").to_pylist(), table
        english = filed_rows(reading, entry, "watch_together", "en", "H2")
    assert [row["hospital_id"] for row in english] == ["H2"] and "grew by" in english[0]["text"]


def test_assessment__is_proposed_approved_and_shown(
    desk: Desk, visits: Path, tmp_path: Path
) -> None:
    folder = tables(
        tmp_path,
        "人次人头比,,,,5,60,\n投诉件数,,,,1,40,是",
        "H1,投诉件数,3,,台账\nH2,投诉件数,0,,台账",
    )
    told = desk("assess", "propose", folder, visits, "--year", YEAR, *POLICY, "--as", "经办人")
    assert "考核 2 家，一票否决 1 家" in told
    with pytest.raises(InputError, match="no assessment of 2026"):
        desk("assess", "show", "--year", YEAR)
    desk.passed(last(desk))
    assert "60.00%" in desk("assess", "show", "--year", YEAR)
    desk("assess", "show", "--year", YEAR, "-o", tmp_path / "a.xlsx")
    assert {"人次人头比", "投诉件数", "H1"} <= cells_of(tmp_path / "a.xlsx")
    with pytest.raises(InputError, match="not cleared"):
        desk("assess", "effects", "--year", YEAR, *POLICY)


def test_doctors__violations_are_put_down_and_listed(desk: Desk, tmp_path: Path) -> None:
    text = "医师编码,机构编码,日期,违规事由,记分,依据\nD1,H1,2026-03-01,超量开药,2,文1\n"
    (tmp_path / "doctor_points.csv").write_text(text, encoding="utf-8")
    assert "已登记 1 条" in desk("assess", "doctors", tmp_path, "--year", YEAR, "--as", "经办人")
    told = desk("assess", "record", "--year", YEAR, "--doctor", "D1")
    assert "超量开药" in told and "全年记分 2" in told and "不用于支付" in told


def test_publication__and_what_institutions_do_with_it(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "public"
    told = desk("publish", "--year", YEAR, *POLICY, "-o", out, "--as", "经办人")
    assert "已公开" in told
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "总额控制信息公开" in page and "900,000.00" in page and "<script" not in page
    assert json.loads((out / "publish.json").read_text(encoding="utf-8"))["year"] == YEAR
    with Book.open(desk.book).reading() as reading:
        kept = {d.name: d.digest for d in reading.entries(("published",))[-1].documents}
        assert sorted(kept) == ["index.html", "publish.xlsx"]
        for name, digest in kept.items():
            assert reading.document(digest) == (out / name).read_bytes()
    given = desk("give", "--year", YEAR, *POLICY, "-o", tmp_path / "own", "--as", "经办人")
    assert "2 家机构" in given and "异议截止" in given
    own = cells_of(tmp_path / "own" / "H1.xlsx")
    assert "900,000.00" in own and "500,000.00" not in own
    paper = tmp_path / "说明.pdf"
    paper.write_bytes(b"evidence")
    words = ("--year", YEAR, "--hospital", "H1", "--as", "院方")
    desk("objection", "add", *words, "--about", "index_fen", "--text", "少了", "--evidence", paper)
    number = last(desk)
    assert "待答复" in desk("objection", "list", "--year", YEAR, "--open")
    desk("objection", "answer", number, "--accepted", "--text", "属实", "--as", "经办人")
    desk("objection", "effect", number, "--text", "已更正", "--entry", 3, "--as", "经办人")
    listed = desk("objection", "list", "--year", YEAR)
    assert "已落实" in listed and "已更正（第 3 号）" in listed and "说明.pdf" in listed
    desk(
        "opinion",
        "add",
        *words,
        "--on",
        "weight",
        "--code",
        "BR21",
        "--text",
        "偏低",
        "--evidence",
        paper,
    )
    number = last(desk)
    desk("opinion", "answer", number, "--accepted", "--text", "采纳", "--as", "经办人")
    desk("opinion", "take-up", number, "--version", "2027版", "--as", "经办人")
    assert "2027版" in desk("opinion", "list", "--year", YEAR)


def test_agreements__are_filed_by_version(desk: Desk, tmp_path: Path) -> None:
    for number, name in enumerate(("协议.pdf", "补充协议.pdf"), start=1):
        (tmp_path / name).write_bytes(name.encode())
        told = desk(
            "agreement", "file", tmp_path / name, "--year", YEAR, "--hospital", "H1", *POLICY, "--as", "经办人"
        )  # fmt: skip
        assert f"第 {number} 版" in told
    listed = desk("agreement", "list", "--year", YEAR).splitlines()
    assert len(listed) == 3 and "900,000.00" in listed[1]


def test_notices__tell_what_a_month_deferred(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(
        "机构编码,险种,申报金额,违规费用\nH1,310,100000,0\nH2,310,10000,250.50\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match="not in the book"):
        desk("notices", "--year", YEAR, "--month", 1, "-o", tmp_path / "n")
    desk("index-month", tmp_path, "--year", YEAR, *POLICY, "--as", "经办人")
    desk.passed(last(desk))
    assert "通知 2 份" in desk("notices", "--year", YEAR, "--month", 1, "-o", tmp_path / "n")
    page = (tmp_path / "n" / "H1.html").read_text(encoding="utf-8")
    assert "25,000.00" in page and "缓付" in page  # 100,000 claimed, 75,000 a month
    assert "250.50" in (tmp_path / "n" / "H2.html").read_text(encoding="utf-8")
    assert "拒付" in cells_of(tmp_path / "n" / "notices.xlsx")
