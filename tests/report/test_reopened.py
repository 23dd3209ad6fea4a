"""Papers of a reopened year: the difference first, and no second payment."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest

from drgpay.ground.money import fen_of_yuan, yuan_text
from drgpay.reopening.reopen import reopen
from drgpay.report.letters import write_letters
from drgpay.report.outputs import write_outputs
from drgpay.report.reopened import differences, recovery_table
from drgpay.report.run import Run
from drgpay.report.texts import Words
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.settlement.small import small_region

EX1 = Path(__file__).resolve().parents[1] / "cases" / "ex1"
HEAD = "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date"
LATER = "H3,310,100.00,2.5,,,监察〔2025〕3号,2025-06-03"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A year's run folder, and that of the same year reopened."""
    home = tmp_path_factory.mktemp("reopened")
    region = EX1

    def finish(folder: Path) -> None:
        write_outputs(folder, letters=True)

    first = write_run(year_end(region), home / "v1", finish=finish)
    later = home / "later.csv"
    later.write_text(f"{HEAD}\n{LATER}\n", encoding="utf-8")
    again = reopen(region, first, violations=later)
    return first, write_run(again, home / "v2", finish=finish)


def test_letter__of_a_reopened_year_is_headed_by_the_difference(
    papers: tuple[Path, Path],
) -> None:
    _, again = papers
    rows = pq.read_table(again / "recovery.parquet").to_pylist()
    own = next(r for r in rows if (r["hospital_id"], r["pool"]) == ("H3", "310"))
    assert own["to_recover_fen"] > 0
    html = (again / "letters" / "H3.html").read_text(encoding="utf-8")
    before, after = yuan_text(own["final_before_fen"]), yuan_text(own["final_after_fen"])
    line = (
        f"前一版最终支付 {before} 元，本版 {after} 元，应追回 {yuan_text(own['to_recover_fen'])} 元"
    )
    assert line in html
    assert "支付贵机构" not in html
    assert "第 2 版 · 文书：监察〔2025〕3号" in html
    assert "监察〔2025〕3号 100.00 元" in html
    assert "监察〔2025〕3号 2.5000 点" in html


def test_letter__names_documents_of_its_own_hospital_alone(
    papers: tuple[Path, Path], tmp_path: Path
) -> None:
    first, again = papers
    for other in ("H1", "H2"):
        html = (again / "letters" / f"{other}.html").read_text(encoding="utf-8")
        assert "监察〔2025〕3号" not in html
        assert "文书：其他机构的更正使点值变动" in html
    later = tmp_path / "later.csv"
    removed = "H1,390,,,C03,remove,监察〔2025〕1号,2025-06-01"
    grouped = "H2,310,,,C06,FM15,监察〔2025〕2号,2025-06-02"
    later.write_text(f"{HEAD}\n{removed}\n{grouped}\n", encoding="utf-8")
    run = write_run(reopen(EX1, first, violations=later), tmp_path / "v2")
    letters = write_letters(run, tmp_path / "letters")
    html = (letters / "H1.html").read_text(encoding="utf-8")
    assert "文书：监察〔2025〕1号（病例 C03：GB15 → 移除）；其他机构的更正使点值变动" in html
    assert "监察〔2025〕2号" not in html
    html = (letters / "H2.html").read_text(encoding="utf-8")
    assert "监察〔2025〕2号（病例 C06：GB15 → FM15）" in html
    back = tmp_path / "back.csv"
    back.write_text(f"{HEAD}\nH1,390,,,C03,GB15,复议〔2025〕1号,2025-09-01\n", encoding="utf-8")
    run = write_run(reopen(EX1, run, violations=back), tmp_path / "v3")
    html = (write_letters(run, tmp_path / "more") / "H1.html").read_text(encoding="utf-8")
    assert "第 3 版 · 文书：复议〔2025〕1号（病例 C03：移除 → GB15）" in html


def test_report__has_a_row_of_the_accounts_that_did_not_change(
    papers: tuple[Path, Path],
) -> None:
    _, again = papers
    run, w = Run(again), Words("zh")
    found = differences(run)
    same = [d for d in found if not d.fen and not d.to_carry]
    table = recovery_table(run, w)
    assert table is not None and same
    texts = [[cell.text for cell in r.cells] for r in table.rows]
    assert texts[-2][0] == f"未变动：{len(same)} 个账户"
    assert len(texts) == len(found) - len(same) + 2
    assert texts[-1][2:5] == ["—"] * 3  # sums of finals would net payments with what is owed
    for column in range(5, len(texts[0])):
        fen = [fen_of_yuan(r[column].replace(",", "")) for r in texts]
        assert sum(fen[:-1]) == fen[-1] and min(fen) >= 0


def test_letter__of_others_says_nothing_moved_where_nothing_did(tmp_path: Path) -> None:
    """What a removed case brought returns to the fund: H2's value and payment stay as they were."""
    region = small_region(tmp_path / "r", policy={"removed_case": '"to_fund"'})
    first = write_run(year_end(region), tmp_path / "v1")
    later = tmp_path / "later.csv"
    later.write_text(f"{HEAD}\nH1,310,,,C1,remove,监察〔2025〕1号,2025-06-01\n", encoding="utf-8")
    run = write_run(reopen(region, first, violations=later), tmp_path / "v2")
    out = write_letters(run, tmp_path / "letters")
    assert "点值变动" not in (out / "H2.html").read_text(encoding="utf-8")
    assert "监察〔2025〕1号（病例 C1：" in (out / "H1.html").read_text(encoding="utf-8")


def test_index_and_report__begin_with_what_is_recovered_and_added(
    papers: tuple[Path, Path],
) -> None:
    _, again = papers
    rows = pq.read_table(again / "recovery.parquet").to_pylist()
    back = yuan_text(sum(r["to_recover_fen"] for r in rows))
    more = yuan_text(sum(r["to_add_fen"] for r in rows))
    said = f"合计应追回 {back} 元，合计应补付 {more} 元"
    for page in ("report.html", "letters/index.html"):
        assert said in (again / page).read_text(encoding="utf-8"), page
    html = (again / "report.html").read_text(encoding="utf-8")
    first = html.index("<strong>")
    assert html[first:].startswith("<strong>重新清算（第 2 版）：不是再次付款")
    assert '<section id="reopened">' in html


def test_workbook__of_a_reopened_year_has_the_recovery(papers: tuple[Path, Path]) -> None:
    first, again = papers
    rows = pq.read_table(again / "recovery.parquet").to_pylist()
    book = openpyxl.load_workbook(again / "settlement.xlsx", data_only=True)
    assert book.sheetnames[1] == "重新清算"
    cells = [[c.value for c in r] for r in book["重新清算"].iter_rows()]
    for number, r in enumerate(rows, start=1):
        assert cells[number][0] == r["hospital_id"]
        assert round(cells[number][6] * 100) == r["to_recover_fen"]
        assert round(cells[number][5] * 100) == r["difference_fen"]
    assert "不是再次付款" in str(book["清算汇总"]["A2"].value)
    plain = openpyxl.load_workbook(first / "settlement.xlsx", data_only=True)
    assert "重新清算" not in plain.sheetnames


def test_ordinary_run__says_nothing_of_reopening(papers: tuple[Path, Path]) -> None:
    first, _ = papers
    for path in (first / "report.html", *(first / "letters").iterdir()):
        assert "重新清算" not in path.read_text(encoding="utf-8"), path.name
