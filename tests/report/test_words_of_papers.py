"""Chinese papers say codes in Chinese, and counts with held cases add up."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest

from drgpay.names.codes import word
from drgpay.report.html import write_report
from drgpay.report.run import Run
from drgpay.report.sections import counts_table, parameter_value, source_title
from drgpay.report.settlement_excel import write_settlement_excel
from drgpay.report.texts import Words
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import text, why
from tests.cli.test_language import region
from tests.report.test_report_html import Reader

HELD = ["ungrouped.rule=special_review"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EX1 with a held case, a penalised hospital and bed-day classes that have names."""
    home = tmp_path_factory.mktemp("words")
    place = region(home)
    text = "hospital_id,name,level,standing\nH1,甲,3,penalised\nH2,乙,2,normal\nH3,丙,2,normal\n"
    (place / "hospitals.csv").write_text(text, encoding="utf-8")
    rates = (place / "bed_day_rates.csv").read_text(encoding="utf-8").splitlines()
    named = [rates[0] + ",name", *(f"{line},精神{i}" for i, line in enumerate(rates[1:]))]
    (place / "bed_day_rates.csv").write_text("\n".join(named) + "\n", encoding="utf-8")
    return write_run(year_end(place, overrides=HELD), home / "run")


def count(text: str) -> int:
    return int(text.replace(",", ""))


def test_counts__of_what_is_paid_add_up_without_held_cases(run: Path) -> None:
    shown = Run(run)
    assert shown.manifest["ends"]["held"] == 1
    rows = {
        r.cells[0].text.strip(): count(r.cells[1].text)
        for r in counts_table(shown, Words("zh")).rows
    }
    parts = [n for name, n in rows.items() if name.startswith("其中：")]
    assert len(parts) == 3
    assert sum(parts) == rows["参与清算"] == shown.manifest["ends"]["paid"]
    assert "未列明（应为 0）" not in rows
    gone = rows["减：隔离（不参与清算）"] + rows["减：暂不支付（待特病单议或核实）"]
    assert rows["输入病例"] == rows["参与清算"] + gone


def test_why__says_severity_and_standing_in_chinese(run: Path) -> None:
    plain = next(c for c in Run(run).records("cases") if c["severity"] == "none")
    assert "严重程度：无\n" in text(why(run, "case", plain["case_id"]), "zh")
    assert "severity: none\n" in text(why(run, "case", plain["case_id"]), "en")
    assert "协议状态：违规处理" in text(why(run, "hospital", "H1"), "zh")
    assert "协议状态：正常" in text(why(run, "hospital", "H2"), "zh")
    assert "standing: penalised" in text(why(run, "hospital", "H1"), "en")


def test_why__names_the_bed_day_class_as_the_region_does(run: Path) -> None:
    bed = next(c for c in Run(run).records("cases") if c["case_class"] == "bed_day")
    told = text(why(run, "case", bed["case_id"]), "zh")
    assert re.search(rf"床日类别 {bed['bed_day_class']} 精神\d", told)


def test_why__the_last_fen_names_the_rule_that_gave_it(tmp_path: Path) -> None:
    for number, (settings, words) in enumerate(
        (
            ([], "尾差：点值不取整，余下的分按最大余数法分配"),
            (["residual=to_fund", "value_dp=2"], "四舍五入到分，尾差留在基金"),
            (["bound.level=case", "bound.cost_share=1.3"], "不论 residual 为何"),
        )
    ):
        home = tmp_path / str(number)
        folder = write_run(year_end(region(home), overrides=settings), home / "run")
        told = text(why(folder, "hospital", "H2"), "zh")
        assert words in told
        for key in ("residual", "value_dp"):
            assert re.search(rf"^  {key} ", told, re.MULTILINE), (settings, key)


def test_report__names_bed_day_classes_and_documents_in_chinese(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    codes = {r["bed_day_class"] for r in Run(run).records("perdiem")}
    cells = {c.strip() for r in Reader(page).rows for c in r}
    assert codes
    assert not codes & cells
    assert {c for c in cells if re.fullmatch(r"精神\d（\w+）", c)}
    book = openpyxl.load_workbook(write_settlement_excel(run))
    values = {str(c.value) for r in book["床日审核"].iter_rows() for c in r}
    assert not codes & values
    documents = page[page.index("依据所引文件") :]
    listed = re.findall(r"<dd>(.*?)</dd>", documents[: documents.index("</dl>")])
    assert listed
    assert not [title for title in listed if re.search(r"[a-z]{4,} [a-z]{2,}", title)]
    english = write_report(run, "en").read_text(encoding="utf-8")
    assert not re.findall(r"<dd>[^<]*[\u4e00-\u9fff][^<]* \([A-Za-z][^<]*\)</dd>", english)


@pytest.mark.parametrize(
    ("title", "zh", "en"),
    [
        ("办法（试行） (rules on trial)", "办法（试行）", "rules on trial"),
        ("医院 2022;38(6):443-447 (of 11 cities)", "医院 2022;38(6):443-447", "of 11 cities"),
        ("只有中文", "只有中文", "只有中文"),
        ("English only (a draft)", "English only (a draft)", "English only (a draft)"),
        ("文件 (3)", "文件 (3)", "文件 (3)"),
    ],
)
def test_source_title__is_parted_by_language(title: str, zh: str, en: str) -> None:
    assert (source_title(title, "zh"), source_title(title, "en")) == (zh, en)


def test_codes_without_choices__have_words() -> None:
    w = Words("zh")
    pairs = [["310100", "310"], ["310200", "account"], ["*", "other"]]
    shown = parameter_value(pairs, "table", w, "fund_type_map")
    assert shown == "310100 → 310；310200 → 个人账户（account）；* → 其他（other）"
    factors = parameter_value(["migration", "disease"], "list", w, "capitation.special_factors")
    assert factors == "人口流动（migration）、疾病（disease）"
    assert word("reason", "no_area", "zh", "capitation_books") == "没有区域"
    assert word("reason", "no_area", "en", "capitation_books") == "no area"
