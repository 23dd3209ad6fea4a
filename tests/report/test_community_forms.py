"""Forms 1 to 5: as pages, workbooks that are read back, documents by templates; the templates' texts."""

from __future__ import annotations

import io
import runpy
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

from drgpay.ground.errors import InputError
from drgpay.ledger.book import Book
from drgpay.report.community_forms import TEMPLATES, FormFacts, form, write_form, write_templates
from drgpay.report.form_texts import FILLED, FORMS
from drgpay.tables.declared import Table
from drgpay.wrapper.communities import (
    MEMBERS,
    REBALANCING,
    TRANSFER,
    file_transfer,
    member_years,
)
from drgpay.wrapper.filings import community
from drgpay.wrapper.filled import read_table
from tests.wrapper import test_communities as own
from tests.wrapper.test_communities import book
from tests.wrapper.test_post_runs import passed

__all__ = ["book"]
ROOT = Path(__file__).parents[2]
NUMBERS = sorted(FORMS)


def facts(book: Book) -> FormFacts:
    with book.reading() as reading:
        one = community(reading, own.YEAR, "C1")
        return FormFacts(
            year=own.YEAR, region="某市", name=one.name, own=one, head="7:abc",
            members=member_years(reading, one, own.YEAR), transferred_on="2026-01-12",
        )  # fmt: skip


@pytest.fixture
def filed(book: Book, tmp_path: Path) -> FormFacts:
    own.filed(book, tmp_path / "f", "L", "T1", "T2")
    own.receipt(book, tmp_path / "f")
    return facts(book)


def text_of(path: Path) -> str:
    with zipfile.ZipFile(path) as parts:
        return parts.read("word/document.xml").decode("utf-8")


@pytest.mark.parametrize("number", NUMBERS)
def test_form__says_the_same_on_paper_and_as_a_document(
    filed: FormFacts, number: int, tmp_path: Path
) -> None:
    pytest.importorskip("docxtpl")
    for lang in ("zh", "en"):
        page = write_form(form(number, filed, lang), tmp_path / f"{lang}.html", lang)
        assert (
            "7:abc" in page.read_text(encoding="utf-8")
            and "{" not in form(number, filed, lang).title
        )
    made = form(number, filed, "zh")
    document = text_of(write_form(made, tmp_path / "f.docx", "zh"))
    page = (tmp_path / "zh.html").read_text(encoding="utf-8")
    for line in (made.title, *made.before, *made.after):
        assert line in page and line in document
    assert "{{" not in document and "{%" not in document
    rows = [row for sheet in made.sheets for row in sheet.rows]
    assert len(rows) == (3 if FORMS[number].columns else 0)
    for row in rows:
        assert f">{row['hospital_id']}<" in document
    again = write_form(made, tmp_path / "g.docx", "zh")
    assert again.read_bytes() == (tmp_path / "f.docx").read_bytes()


def test_workbook__comes_back_filled(book: Book, filed: FormFacts, tmp_path: Path) -> None:
    tables: dict[str, Table] = {t.name: t for t in (MEMBERS, TRANSFER, REBALANCING)}
    for number, name in FILLED.items():
        path = write_form(form(number, filed, "zh"), tmp_path / f"{number}.xlsx", "zh")
        if number == 1:
            rows = read_table(path, tables[name])
            assert [r["hospital_id"] for r in rows] == ["L", "T1", "T2"] and rows[0]["note"]
        else:  # what is to be filled in is asked for
            with pytest.raises(InputError, match="is empty"):
                read_table(path, tables[name])
    filled = openpyxl.load_workbook(tmp_path / "3.xlsx")
    sheet = filled.active
    assert sheet is not None
    (top,) = (row[0].row for row in sheet.iter_rows() if row[1].value == "机构医保编码")
    heads = {cell.value: cell.column for cell in sheet[top]}
    for at, out in enumerate((20_000, -5_000, -15_000), 1):
        sheet.cell(top + at, heads["调剂出让额"]).value = out
        sheet.cell(top + at, heads["机构负责人签字"]).value = "签"
        after = heads["调剂后预算总额"]  # openpyxl computes no formula; Excel would
        sheet.cell(top + at, after).value = (
            sheet.cell(top + at, heads["调剂前预算总额"]).value - out
        )
    filled.save(tmp_path / "3.xlsx")
    entry = passed(book, own.handed_in(book, file_transfer, tmp_path / "3.xlsx"))
    moved = {r["hospital_id"]: r["moved_out_fen"] for r in entry.body["transfers"][0]["rows"]}
    assert moved == {"L": 2_000_000, "T1": -500_000, "T2": -1_500_000}
    again = form(3, facts(book), "zh")
    assert [r["after_yuan"] for r in again.sheets[0].rows] == [
        r["before_fen"] - r["moved_out_fen"] for r in entry.body["transfers"][0]["rows"]
    ]


def test_form__of_one_not_on_file_is_empty(tmp_path: Path) -> None:
    made = form(1, FormFacts(year=2025, region="某市", name="新医共体", head="1:a"), "zh")
    assert "新医共体" in made.before[1]
    path = write_form(made, tmp_path / "1.xlsx", "zh")
    with pytest.raises(InputError, match="no row"):
        read_table(path, MEMBERS)


def test_templates__are_made_of_the_texts() -> None:
    """Whoever changes a text makes the templates anew: python assets/form_templates.py."""
    pytest.importorskip("docx")
    made = runpy.run_path(str(ROOT / "assets" / "form_templates.py"))
    for number, texts in FORMS.items():
        with zipfile.ZipFile(TEMPLATES / f"form_{number}.docx") as parts:
            before = parts.read("word/document.xml")
        with zipfile.ZipFile(io.BytesIO(made["template"](number, texts))) as parts:
            assert parts.read("word/document.xml") == before


def test_template__of_the_agency_is_used_and_a_broken_one_told(
    filed: FormFacts, tmp_path: Path
) -> None:
    docx = pytest.importorskip("docx")
    made = write_templates(tmp_path / "t")
    assert [path.name for path in made] == [f"form_{n}.docx" for n in NUMBERS]
    with pytest.raises(InputError, match="there already"):
        write_templates(tmp_path / "t")
    document = docx.Document(str(made[1]))
    document.add_paragraph("本局电话 12345，{{ community }}")
    document.save(str(made[1]))
    out = write_form(form(2, filed, "zh"), tmp_path / "2.docx", "zh", made[1])
    assert f"本局电话 12345，{own.NAME}" in text_of(out)
    for broken in ("{{ nobody }}", "{{ community.__class__ }}", "{% for x %}"):
        document = docx.Document(str(made[3]))
        document.add_paragraph(broken)
        document.save(str(tmp_path / "b.docx"))
        with pytest.raises(InputError, match="does not work"):
            write_form(form(4, filed, "zh"), tmp_path / "4.docx", "zh", tmp_path / "b.docx")
    (tmp_path / "n.docx").write_text("no document", encoding="utf-8")
    with pytest.raises(InputError, match="does not work"):
        write_form(form(4, filed, "zh"), tmp_path / "4.docx", "zh", tmp_path / "n.docx")
    with pytest.raises(InputError, match="no such template"):
        write_form(form(4, filed, "zh"), tmp_path / "4.docx", "zh", tmp_path / "m.docx")


def test_form__that_cannot_be_is_told(
    filed: FormFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name, says in ((2, "f.xlsx", "has no table"), (2, "f.pdf", "forms are")):
        with pytest.raises(InputError, match=says):
            write_form(form(number, filed, "zh"), tmp_path / name, "zh")
    with pytest.raises(InputError, match="no form 6"):
        form(6, filed, "zh")
    monkeypatch.setitem(sys.modules, "docxtpl", None)
    with pytest.raises(InputError, match=r"drgpay\[forms\]"):
        write_form(form(2, filed, "zh"), tmp_path / "f.docx", "zh")
