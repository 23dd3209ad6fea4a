"""The communities' forms 1 to 5: a printable page, a workbook that comes back filled, a document.

All three are made of the same texts, values and rows. Documents (DOCX) are rendered into templates
that the agency edits; those in the package are made from the texts (assets/form_templates.py).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.outputs import whole_file
from drgpay.names.table_headers import HEADERS
from drgpay.wrapper.communities import MemberYear
from drgpay.wrapper.filings import Filed

from .amounts import yuan
from .form_texts import AGREED, FORMS, HEADINGS, REFUSED
from .pages import grid, rendered
from .sheets import Field, Sheet, page_table
from .workbook import write_book

TEMPLATES = Path(__file__).parent / "templates" / "forms"
KINDS: Mapping[str, str] = {
    "row_number": "code", "hospital_id": "code", "name": "wide", "phone": "code",
    **dict.fromkeys(
        ("before_yuan", "moved_out_yuan", "after_yuan", "amount_before_yuan", "amount_after_yuan"),
        "yuan",
    ),
}  # fmt: skip
FORMULAS: Mapping[str, str] = {"after_yuan": "{before_yuan}-{moved_out_yuan}"}
EMPTY_ROWS = 8  # of form 1, where nobody is on file yet
BLANK = both("　　　　", "________")
DOCX_EXTRA = "forms"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFacts:
    """What forms are filled with: the community (None: not on file yet), its year, the agency.

    `why`: of a filing that is refused. `head`: the book's last number and digest, printed below.
    """

    year: int
    region: str
    name: str
    head: str
    own: Filed | None = None
    members: Sequence[MemberYear] = ()
    transferred_on: str = ""
    rebalanced_on: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form ready to be shown in a language: its texts with their values, its tables by pool."""

    number: int
    title: str
    before: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    after: tuple[str, ...]
    head: str
    values: Mapping[str, Any]


def values(number: int, facts: FormFacts, lang: str) -> dict[str, Any]:
    """Return what the texts' names stand for in a form; a blank for what is not on file."""
    blank = BLANK.of(lang)
    own = facts.own
    names = {m["hospital_id"]: m["name"] or m["hospital_id"] for m in own.members} if own else {}
    decision = REFUSED.of(lang).format(why=facts.why) if facts.why else AGREED.of(lang)
    return {
        "agency": both(f"{facts.region}医疗保障局", f"the agency of {facts.region}").of(lang),
        "community": facts.name, "year": facts.year, "decision": decision,
        "members": both("、", ", ").of(lang).join(names.values()) or blank,
        "count": len(names) or blank,
        "lead": names.get(own.filing.lead, blank) if own else blank,
        "filed_on": own.filing.filed_on.isoformat() if own else blank,
        "founded_on": (own.facts["founded_on"] if own else "") or blank,
        "approved_by": (own.facts["approved_by"] if own else "") or blank,
        "transferred_on": facts.transferred_on or blank,
        "form_date": {3: facts.transferred_on, 5: facts.rebalanced_on}.get(number) or blank,
    }  # fmt: skip


def form(number: int, facts: FormFacts, lang: str) -> Form:
    """Return a form filled with what the book has; raises InputError for a number that is none."""
    texts = FORMS.get(number)
    if texts is None:
        raise InputError(
            both(f"没有附件{number}", f"there is no form {number}"),
            remedy=both("1 至 5", "1 to 5"),
        )
    told = values(number, facts, lang)
    title = texts.title.of(lang).format(**told)
    sheets = []
    for pool, rows in _rows(number, facts).items():
        lead = both(f"险种 {pool}", f"pool {pool}").of(lang) if pool else ""
        fields = [field_of(key, number, lang) for key in texts.columns]
        total = both("合计", "Total").of(lang) if any(f.total for f in fields) else ""
        sheets.append(Sheet(title, fields, rows, lead=(lead,) * bool(lead), total=total))
    before, after = (
        tuple(text.of(lang).format(**told) for text in part) for part in (texts.before, texts.after)
    )
    return Form(number, title, before, tuple(sheets), after, facts.head, told)


def field_of(key: str, number: int, lang: str) -> Field:
    """Return a column of a form, headed as S1 heads it."""
    heading = HEADINGS.get(f"{key}.{number}") or HEADINGS.get(key) or HEADERS[key][0]
    heading = both(heading, key).of(lang)
    kind = KINDS.get(key, "text")
    return Field(key, heading, kind, FORMULAS.get(key, ""), total=kind == "yuan")


def _rows(number: int, facts: FormFacts) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a form's table by pool; what is to be filled in is None or empty."""
    if not FORMS[number].columns:
        return {}
    if number == 1:
        return {"": _member_rows(facts.own)}
    found: dict[str, list[dict[str, Any]]] = {}
    for own in facts.members:
        rows = found.setdefault(own.pool, [])
        out = own.moved_out_fen
        rows.append(
            {
                **asdict(own), "row_number": str(len(rows) + 1), "signed_by": "",
                "before_yuan": own.before_fen, "moved_out_yuan": out,
                "after_yuan": own.before_fen - (out or 0),
                "amount_before_yuan": own.amount_fen, "amount_after_yuan": own.rebalanced_fen,
            }
        )  # fmt: skip
    return found


def _member_rows(own: Filed | None) -> list[dict[str, Any]]:
    if own is None:
        keys = FORMS[1].columns
        return [
            {**dict.fromkeys(keys, ""), "row_number": str(at)} for at in range(1, EMPTY_ROWS + 1)
        ]
    return [
        {
            **member,
            "row_number": str(at),
            "note": "牵头单位" if member["hospital_id"] == own.filing.lead else "",
        }
        for at, member in enumerate(own.members, 1)
    ]


# --- written


def write_form(form: Form, out: Path, lang: str, template: Path | None = None) -> Path:
    """Write a form as a page (.html), a workbook (.xlsx) or a document (.docx, by a template).

    Raises InputError for another ending, a form without a table as a workbook, a template that does
    not fit.
    """
    kind = out.suffix.lower()
    if kind == ".html":
        return _write_page(form, out, lang)
    if kind == ".xlsx":
        return _write_workbook(form, out, lang)
    if kind == ".docx":
        return write_docx(form, out, template or TEMPLATES / f"form_{form.number}.docx")
    raise InputError(
        both("表格写成 .docx、.xlsx 或 .html", "forms are .docx, .xlsx or .html"),
        where=out,
        remedy=both("换一个文件名", "give it another name"),
    )


def _write_page(form: Form, out: Path, lang: str) -> Path:
    tables = [(sheet.lead, grid(page_table(sheet, "dense"))) for sheet in form.sheets]
    text = rendered(
        "community_form.html.j2",
        lang,
        form=form,
        tables=tables,
        print_mark="",
        run_digest=form.head,
    )
    with whole_file(out) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return out


def _write_workbook(form: Form, out: Path, lang: str) -> Path:
    """Write the table, all pools in one sheet, as it is read again when it comes back filled."""
    if not form.sheets:
        raise InputError(
            both(f"附件{form.number}没有表格，不写成 .xlsx", f"form {form.number} has no table"),
            where=out,
            remedy=both("写成 .docx 或 .html", "write it as .docx or .html"),
        )
    first = form.sheets[0]
    rows = [row for sheet in form.sheets for row in sheet.rows]
    lead = (form.title, *form.before) if form.number != 1 else (form.title,)
    sheet = Sheet(first.title, first.fields, rows, lead=lead, total=first.total)
    return write_book(out, [sheet], lang, title=form.title, digest=form.head)


def write_docx(form: Form, out: Path, template: Path) -> Path:
    """Render a form into a template, whose names are those of the texts, `tables` and `head`."""
    try:
        from docx.opc.exceptions import OpcError
        from docxtpl import DocxTemplate
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import SandboxedEnvironment
    except ImportError:
        raise InputError(
            both("没有安装 docxtpl，不能写 .docx", "docxtpl is not installed: no .docx is written"),
            remedy=both(
                f"安装：pip install 'drgpay[{DOCX_EXTRA}]'；或写成 .html、.xlsx",
                f"pip install 'drgpay[{DOCX_EXTRA}]', or write .html or .xlsx",
            ),
        ) from None
    if not template.is_file():
        raise InputError(both("没有这个模板", "there is no such template"), where=template)
    made = io.BytesIO()
    try:
        document = DocxTemplate(str(template))
        # a template comes from people: it may fill in values, and run nothing
        environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
        document.render(_context(form), environment)
        document.save(made)
    except (TemplateError, OpcError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            both(f"模板不能用：{error}", f"the template does not work: {error}"),
            where=template,
            remedy=both(
                "照原模板改（drgpay budget community templates 写出原样）",
                "change it after the one that drgpay budget community templates writes",
            ),
        ) from None
    with whole_file(out) as part:
        part.write_bytes(without_times(made.getvalue()))
    return out


def _context(form: Form) -> dict[str, Any]:
    tables = []
    for sheet in form.sheets:
        rows: list[Mapping[str, Any]] = list(sheet.rows)
        kinds = {field.key: field.kind for field in sheet.fields}
        sums = {
            key: yuan(sum(row[key] or 0 for row in rows))
            for key, kind in kinds.items()
            if kind == "yuan"
        }
        tables.append(
            {
                "pool": "".join(sheet.lead),
                "rows": [
                    {key: _shown(row[key], kind) for key, kind in kinds.items()} for row in rows
                ],
                "total": dict.fromkeys(kinds, "") | sums,
            }
        )
    return {**form.values, "title": form.title, "tables": tables, "head": form.head}


def _shown(value: Any, kind: str) -> str:
    if value is None:
        return ""
    return yuan(value) if kind == "yuan" else str(value)


def without_times(content: bytes) -> bytes:
    """Return a document whose parts bear no time: the same form gives the same bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(name))
    return made.getvalue()


def write_templates(folder: Path) -> list[Path]:
    """Write the package's templates into a folder, to be edited; raises InputError for one there."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for template in sorted(TEMPLATES.glob("*.docx")):
        out = folder / template.name
        if out.exists():
            raise InputError(
                both("已有这个模板，不会覆盖", "the template is there already"),
                where=out,
                remedy=both("换一个文件夹", "choose another folder"),
            )
        out.write_bytes(template.read_bytes())
        made.append(out)
    return made


def words_of(text: Bilingual, lang: str) -> str:
    """Return a text as a template has it: its names in the template's marks."""
    names = ("agency community year decision members count lead filed_on founded_on approved_by "
             "transferred_on form_date").split()  # fmt: skip
    marks = {name: f"{{{{ {name} }}}}" for name in names}
    return text.of(lang).replace("!r}", "}").format(**marks)
