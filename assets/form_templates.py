"""Make the templates of the communities' forms (DOCX) from their texts: `python assets/form_templates.py`.

They are what an agency edits; the package holds them so that no document is made without one.
"""

from __future__ import annotations

import io

from docx import Document
from docx.document import Document as Made
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from drgpay.report.community_forms import TEMPLATES, field_of, without_times, words_of
from drgpay.report.form_texts import FORMS, FormTexts

LANG = "zh"  # the forms are those of Chinese agencies; an agency edits them as it likes
FONT = "仿宋"


def template(number: int, texts: FormTexts) -> bytes:
    """Return the template of a form."""
    document = Document()
    _set_up(document, wide=len(texts.columns) > 8)
    title = document.add_paragraph()
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = title.add_run(words_of(texts.title, LANG))
    run.bold, run.font.size = True, Pt(16)
    for text in texts.before:
        document.add_paragraph(words_of(text, LANG))
    if texts.columns:
        _table(document, number, texts.columns)
    for text in texts.after:
        document.add_paragraph(words_of(text, LANG))
    document.add_paragraph("账末号与摘要：{{ head }}").runs[0].font.size = Pt(8)
    made = io.BytesIO()
    document.save(made)
    return without_times(made.getvalue())


def _set_up(document: Made, *, wide: bool) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    if wide:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = Cm(29.7), Cm(21)
    section.left_margin = section.right_margin = Cm(2)
    style = document.styles["Normal"]
    style.font.name, style.font.size = FONT, Pt(12)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)


def _table(document: Made, number: int, columns: tuple[str, ...]) -> None:
    """Add a table for each pool: its header, its rows, and its totals where it has amounts."""
    fields = [field_of(key, number, LANG) for key in columns]
    money = any(field.total for field in fields)
    document.add_paragraph("{%p for table in tables %}")
    document.add_paragraph("{{ table.pool }}")
    rows = [
        [field.label for field in fields],
        ["{%tr for row in table.rows %}"],
        [f"{{{{ row.{key} }}}}" for key in columns],
        ["{%tr endfor %}"],
        *[["合计", *(f"{{{{ table.total.{key} }}}}" for key in columns[1:])]] * money,
    ]
    made = document.add_table(rows=len(rows), cols=len(columns), style="Table Grid")
    for row, cells in zip(made.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=False):
            cell.text = text
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(10)
    document.add_paragraph("{%p endfor %}")


def main() -> None:
    """Write all of them into the package."""
    TEMPLATES.mkdir(parents=True, exist_ok=True)
    for number, texts in FORMS.items():
        (TEMPLATES / f"form_{number}.docx").write_bytes(template(number, texts))


if __name__ == "__main__":
    main()
