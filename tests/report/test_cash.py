"""What is payable now, waits and is to be recovered: one figure under one name in every paper.

H1 is due 14,500.00 and had 28,500.00; H2 16,500.00 and had 950.00. The target of 31,000.00 leaves
1,550.00 of H2's 15,550.00; the rest waits for the 14,000.00 that H1 owes back.
"""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest

from drgpay.report.html import write_report
from drgpay.report.letters import write_letters
from drgpay.report.notes import first_notes
from drgpay.report.run import Run
from drgpay.report.settlement_excel import write_settlement_excel
from drgpay.report.texts import Words
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.report.formulas import Calculator
from tests.report.test_report_html import Reader
from tests.settlement.regions import EX1
from tests.settlement.small import case, small_region
from tests.settlement.test_money import OWES, target

NOW, WAITS, OWED, FINAL = "1,550.00", "14,000.00", "14,000.00", "15,550.00"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("cash")
    cases = [*OWES, case("C9", "H1", "10.00", "5.00", "390")]
    folder = small_region(
        base / "region", cases, {"310": "31000.00", "390": "5.00"},
        more=target("31005.00"),
    )  # fmt: skip
    return write_run(year_end(folder), base / "run")


def test_report__names_what_is_paid_waits_and_is_owed_and_nets_nothing(run: Path) -> None:
    html = write_report(run).read_text(encoding="utf-8")
    made = Run(run)
    a = made.total
    reader = Reader(html)
    for row in reader.rows_of("H2医院 H2 · 等级 3"):
        assert FINAL not in row  # never as what is paid
    payments = [r for r in reader.rows_of("H2医院 H2 · 等级 3") if len(r) == 10]
    assert [r[-3:] for r in payments] == [[NOW, WAITS, "0.00"]]
    totals = [r[-3:] for r in reader.rows_of("合计") if len(r) in (10, 11)]
    whole = [f"{fen / 100:,.2f}" for fen in (a.payable, a.waits, a.recover)]
    assert whole in totals
    cells = [[c.strip() for c in r] for r in reader.rows]
    lines = {r[1].split(" ")[0]: r for r in cells if len(r) == 5}
    assert lines["本次支付"][2] == NOW and lines["待收回后再付"][2] == WAITS
    assert lines["应收回"][2] == OWED
    assert set(lines["核对（应为"][2:]) == {"0.00"}


def test_letter__is_headed_by_what_is_paid_now_and_ends_with_it(run: Path, tmp_path: Path) -> None:
    out = write_letters(run, tmp_path / "letters")
    html = (out / "H2.html").read_text(encoding="utf-8")
    heads = re.findall(r'class="result [a-z]+">([^<]*)<', html)
    assert f"本次支付贵机构 {NOW} 元；另有 {WAITS} 元超出总额控制目标" in heads[0]
    assert not any(FINAL in head for head in heads)
    steps = [[c.strip() for c in r] for r in Reader(html).rows if len(r) == 4]
    last = [(r[1].split(" ")[0], r[2], r[3]) for r in steps if r[0].isdigit()][-3:]
    names, amounts = [r[0] for r in last], [r[2] for r in last]
    assert names == ["最终支付", "减：待收回后再付", "本次支付"]
    assert amounts == [FINAL, WAITS, NOW]
    index = Reader((out / "index.html").read_text(encoding="utf-8"))
    assert index.rows_of("H2医院 H2")[0][4:7] == [NOW, WAITS, "0.00"]


def test_workbook__has_them_apart_as_formulas(run: Path) -> None:
    path = write_settlement_excel(run, sheets_per_hospital=True)
    calculator, book = Calculator(path), openpyxl.load_workbook(path)
    sheet = book["机构清算"]
    at = {cell.value: cell.column for cell in sheet[1]}
    places = {"本次支付": "payable", "待收回后再付": "waits", "应收回": "recover"}
    for row in range(2, sheet.max_row):
        account = next(
            a.amounts
            for a in Run(run).accounts
            if (a.hospital, a.pool) == (sheet.cell(row, 1).value, sheet.cell(row, 4).value)
        )
        for name, key in places.items():
            value = calculator.value("机构清算", sheet.cell(row, at[name]).coordinate)
            assert value * 100 == getattr(account, key)
    whole = book["机构合计"]
    heads = [cell.value for cell in whole[1]]
    assert "最终支付" not in heads  # over the funds it would net them
    assert {"本次支付", "待收回后再付", "应收回"} <= set(heads)
    own = book["H1医院"]
    rows = {own.cell(row, 1).value: own.cell(row, 3).coordinate for row in range(1, own.max_row)}
    assert calculator.value("H1医院", rows["应收回：全部险种"]) * 100 == 1_400_000


def test_notes_and_codes__stand_in_workbook_and_report(run: Path) -> None:
    notes = Run(run).manifest["warnings"]
    book = openpyxl.load_workbook(write_settlement_excel(run))
    told = [row[1] for row in book["须知"].iter_rows(min_row=2, values_only=True)]
    assert told == [note["zh"] for note in notes]
    assert any(f"{WAITS} 元待应收回的 {OWED} 元收回后再付" in note for note in told)
    html = write_report(run).read_text(encoding="utf-8")
    assert "诊断 6 个中不认识的 0 个" in html and "未入组 0 例" in html


def test_pools_under_one_value__keep_their_names(tmp_path: Path) -> None:
    run = write_run(year_end(EX1, overrides=["combine_pools=true"]), tmp_path / "run")
    html = (write_letters(run, tmp_path / "letters") / "H1.html").read_text(encoding="utf-8")
    assert "职工医保 310：本次支付贵机构" in html and "居民医保 390：" in html


def test_ended_agreement__is_told_with_what_it_owes(tmp_path: Path) -> None:
    """H1 is due 6,500.00 and had 6,650.00; its agreement has ended, there is no next payment."""
    folder = small_region(tmp_path / "r", standings={"H1": "ended"})
    made = write_run(year_end(folder), tmp_path / "run")
    (told,) = first_notes(Run(made), Words("zh"))
    assert "其中 1 笔应退回基金，共 150.00 元（demanded.csv" in told
    out = write_letters(made, tmp_path / "letters")
    html = (out / "H1.html").read_text(encoding="utf-8")
    assert 'class="result demand"' in html and ".result.demand" in html
