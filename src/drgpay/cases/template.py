"""The Excel template that hospitals fill in: instructions, an empty sheet of cases, examples."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drgpay.cases.excel import EXAMPLE_SHEETS
from drgpay.cases.values import CHOICE_WORDS, FLAG_WORDS, SEX_WORDS
from drgpay.ground.errors import InputError, both
from drgpay.ground.languages import choose, choosing, is_chinese
from drgpay.ground.outputs import result_file, whole_file
from drgpay.names.columns import BY_NAME, Column

LAST_ROW = 50_000  # drop-downs and checks of what is typed reach down to here
DISCHARGE_WAYS = ("1", "2", "3", "4", "5", "9")
WIDTHS = {"text": 16, "codes": 22, "date": 12, "money": 14}
# name, Chinese header, Chinese and English explanation of columns that stand for a part of codes
CODE_COLUMNS = {
    "diagnosis_1": ("主要诊断编码", "只填编码，不填名称", "the code alone, no name"),
    "other_diagnoses": (
        "其他诊断编码",
        "各编码之间用 | 分隔，按病案首页的次序",
        "codes with | between them, in the order of the front page",
    ),
    "procedure_1": ("主要手术操作编码", "只填编码；没有则留空", "the code alone; empty when none"),
    "other_procedures": (
        "其他手术操作编码",
        "各编码之间用 | 分隔",
        "codes with | between them",
    ),
}
LEFT_OUT = ("diagnoses", "procedures", "procedure_dates", "admission_conditions", "code_system")
ENGLISH_KINDS = {
    "text": "text",
    "sex": "M or F",
    "count": "a whole number",
    "money": "yuan, at most two decimals",
    "date": "2024-03-01",
    "flag": "1 or 0",
    "codes": "codes",
}
CHINESE_KINDS = {
    "text": "文本",
    "sex": "男或女",
    "count": "整数",
    "money": "元，最多两位小数",
    "date": "2024-03-01",
    "flag": "是或否",
    "codes": "编码（文本）",
}
NEEDED = {
    "grouping": ("分组必填", "for grouping"),
    "settlement": ("清算必填", "for settlement"),
    "": ("选填", "optional"),
}
_DAY = dt.date(2024, 3, 1)
EXAMPLES: tuple[dict[str, Any], ...] = (
    {"sex": "M", "age_years": 68, "diagnosis_1": "I63.900", "other_diagnoses": "E11.900|I10.x05",
     "los_days": 9, "total_cost": 12500.5, "pool_fund": 8100},
    {"sex": "F", "age_years": 31, "diagnosis_1": "O82.000", "other_diagnoses": "O34.201",
     "procedure_1": "74.1x01", "los_days": 5, "total_cost": 8650, "pool_fund": 5900},
    {"sex": "M", "age_years": 24, "diagnosis_1": "K35.800x001", "procedure_1": "47.0100",
     "los_days": 4, "total_cost": 10380.2, "pool_fund": 6400},
    {"sex": "F", "age_years": 72, "diagnosis_1": "H25.900", "procedure_1": "13.4100x001",
     "other_procedures": "13.7100x001", "los_days": 1, "total_cost": 6900, "pool_fund": 4700,
     "payment_mode": "day_surgery"},
    {"sex": "F", "age_years": 0, "age_days": 3, "birth_weight_g": 3200, "diagnosis_1": "P22.900",
     "los_days": 6, "total_cost": 9800, "pool_fund": 5200, "icu": "1"},
    {"sex": "M", "age_years": 45, "diagnosis_1": "F20.900", "los_days": 90, "total_cost": 27000,
     "pool_fund": 19800, "payment_mode": "bed_day", "bed_day_class": "PSY"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the template: its header, how it is typed, and what it says of itself."""

    name: str
    kind: str
    header: str
    need: str
    meaning: str
    choices: tuple[str, ...] = ()


def fields(lang: str) -> list[Field]:
    """Return the columns of the template in a language, in the order of `columns.py`."""
    out: list[Field] = []
    for column in BY_NAME.values():
        if column.name in ("diagnoses", "procedures"):
            main = "diagnosis_1" if column.name == "diagnoses" else "procedure_1"
            other = "other_" + column.name
            out += [_code_field(main, column.required_for, lang), _code_field(other, "", lang)]
        if column.name not in LEFT_OUT:
            out.append(_field(column, lang))
    return out


def _code_field(name: str, need: str, lang: str) -> Field:
    header, chinese, english = CODE_COLUMNS[name]
    if not is_chinese(lang):
        return Field(name, "codes", name, need, english)
    return Field(name, "codes", header, need, chinese)


def _field(column: Column, lang: str) -> Field:
    choices = _choices(column, lang)
    if not is_chinese(lang):
        meaning = ENGLISH_KINDS[column.kind] + (f" ({column.unit})" if column.unit else "")
        return Field(column.name, column.kind, column.name, column.required_for, meaning, choices)
    parts = [part for part in (column.meaning, _also(column)) if part]
    return Field(
        column.name, column.kind, column.chinese, column.required_for, "；".join(parts), choices
    )


def _also(column: Column) -> str:
    return f"列名也可写作{'、'.join(column.aliases)}" if column.aliases else ""


def _choices(column: Column, lang: str) -> tuple[str, ...]:
    """Return what a drop-down offers: of each understood value one word."""
    if column.kind == "sex":
        return choose(lang, ("男", "女"), ("M", "F"))
    if column.kind == "flag":
        return choose(lang, ("是", "否"), ("1", "0"))
    if column.name == "discharge_way":
        return DISCHARGE_WAYS
    return tuple(_word(column.name, value, lang) for value in column.choices)


def _word(name: str, value: str, lang: str) -> str:
    """Return a canonical value as the template writes it."""
    if not is_chinese(lang):
        return value
    if name == "sex":
        return next(w for w in SEX_WORDS[value] if not w.isascii())
    if name in CHOICE_WORDS:
        return next((w for w in CHOICE_WORDS[name][value] if not w.isascii()), value)
    if BY_NAME[name].kind == "flag" if name in BY_NAME else False:
        return next(w for w in FLAG_WORDS[value] if not w.isascii())
    return value


def write_template(path: Path, lang: str = "zh") -> None:
    """Write the template as .xlsx in Chinese or English; raises InputError for an unfit path."""
    import xlsxwriter

    result_file(path, (".xlsx",))
    if path.exists():
        raise InputError(
            both("文件已存在，不覆盖", "the file exists and is not overwritten"),
            where=path,
            remedy=both(
                "另取一个名称，已填写的病例不会丢失",
                "choose another name; what was filled in stays",
            ),
        )
    with whole_file(path) as part, xlsxwriter.Workbook(part, {"tmpdir": str(part.parent)}) as book:
        _Writer(book, lang).write()


class _Writer:
    """Writes the three sheets of the template."""

    def __init__(self, book: Any, lang: str) -> None:
        self.book, self.lang, self.fields = book, lang, fields(lang)
        self.t = choosing(lang)
        self.t = choosing(lang)
        self.t = choosing(lang)
        self.t = choosing(lang)
        self.t = choosing(lang)
        self.t = choosing(lang)
        font = {"font_name": choose(lang, "Microsoft YaHei", "Calibri"), "font_size": 10}
        head = {**font, "bold": True, "border": 1, "valign": "vcenter", "text_wrap": True}
        colours = {"grouping": "#F4B6A6", "settlement": "#FBE3B0", "": "#E3E8EE"}
        self.heads = {
            need: book.add_format({**head, "bg_color": colour}) for need, colour in colours.items()
        }
        self.plain = book.add_format({**font, "valign": "top", "text_wrap": True})
        self.strong = book.add_format({**font, "bold": True, "font_size": 14})
        formats = {"text": "@", "codes": "@", "sex": "@", "flag": "@", "count": "0"}
        formats |= {"money": "0.00", "date": "yyyy-mm-dd"}
        self.cells = {
            kind: book.add_format({**font, "num_format": form}) for kind, form in formats.items()
        }

    def write(self) -> None:
        self.instructions()
        cases = self.cases(self.t("病例", "Cases"))
        examples = self.cases(self.t(*EXAMPLE_SHEETS))
        for number, example in enumerate(EXAMPLES, 1):
            self.example(examples, number, example)
        for sheet in self.book.worksheets():
            sheet.set_landscape()
            sheet.set_paper(9)  # A4
        self.book.worksheets()[0].fit_to_pages(1, 0)
        cases.activate()
        cases.set_first_sheet()

    def instructions(self) -> None:
        sheet = self.book.add_worksheet(self.t("填表说明", "How to fill in"))
        sheet.hide_gridlines(2)
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 1, 22)
        sheet.set_column(2, 3, 18)
        sheet.set_column(4, 4, 64)
        sheet.write(0, 0, self.t("病例填报模板：填表说明", "Template for cases"), self.strong)
        lines = [
            self.t(
                "在“病例”表中从第2行起填写，一次住院一行；“示例”表是虚构的病例，不会被读取。",
                "Fill in sheet Cases from row 2, one stay a row; the cases of sheet Examples are "
                "invented and are not read.",
            ),
            self.t(
                "不要填写姓名、身份证号、电话和住址；参保人编号用医保人员编号或脱敏后的编号。",
                "Enter no names, identity numbers, telephones or addresses.",
            ),
            self.t(
                "编号和编码的列已设为文本：粘贴时请选“只粘贴值”，以免丢失开头和末尾的0。",
                "Ids and codes are text: paste values only, or zeros at their ends are lost.",
            ),
            self.t(
                "数字、字母和标点用半角；日期写作2024-03-01；金额以元为单位，最多两位小数。",
                "Dates are written like 2024-03-01, money in yuan with at most two decimals.",
            ),
            self.t(
                "选填的列可以留空或整列删去；列的次序可以改变，列名不要改。",
                "Optional columns may be left empty or removed; keep the headers.",
            ),
        ]
        for row, line in enumerate(lines, 2):
            sheet.write(row, 0, f"{row - 1}. {line}")
        top = len(lines) + 3
        titles = self.t(
            "列名,英文列名,是否必填,写法,说明", "header,column,needed,how,meaning"
        ).split(",")
        for column, title in enumerate(titles):
            sheet.write(top, column, title, self.heads[""])
        kinds = choose(self.lang, CHINESE_KINDS, ENGLISH_KINDS)
        for row, field in enumerate(self.fields, top + 1):
            how = "、".join(field.choices) if field.choices else kinds[field.kind]
            texts = (field.header, field.name, self.t(*NEEDED[field.need]), how, field.meaning)
            for column, text in enumerate(texts):
                sheet.write(
                    row, column, text, self.heads[field.need] if column == 0 else self.plain
                )
        sheet.freeze_panes(top + 1, 0)

    def cases(self, name: str) -> Any:
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        sheet.set_row(0, 32)
        for column, field in enumerate(self.fields):
            width = max(WIDTHS.get(field.kind, 9), 2 + 2 * len(field.header) // self.t_width())
            sheet.set_column(column, column, width, self.cells[field.kind])
            sheet.write(0, column, field.header, self.heads[field.need])
            note = f"{self.t(*NEEDED[field.need])}\n{field.meaning}"
            sheet.write_comment(0, column, note, {"x_scale": 1.6, "font_size": 9})
            rule = self.rule(field)
            if rule:
                sheet.data_validation(1, column, LAST_ROW, column, rule)
        return sheet

    def t_width(self) -> int:
        return choose(self.lang, 1, 2)

    def rule(self, field: Field) -> dict[str, Any]:
        """Return what may be typed into a column; blanks may stand everywhere."""
        told = {
            "error_title": self.t("请核对", "please check"),
            "error_message": self.t("此列的写法见“填表说明”。", "See the first sheet."),
        }
        if field.choices:
            return {"validate": "list", "source": list(field.choices), **told}
        if field.kind == "date":
            days = {"minimum": dt.date(1900, 3, 1), "maximum": dt.date(2199, 12, 31)}
            return {"validate": "date", "criteria": "between", **days, **told}
        if field.kind == "count":
            most = 150 if field.name == "age_years" else 1_000_000
            return {
                "validate": "integer",
                "criteria": "between",
                "minimum": 0,
                "maximum": most,
                **told,
            }
        if field.kind == "money":
            return {
                "validate": "decimal",
                "criteria": "between",
                "minimum": -1e9,
                "maximum": 1e9,
                **told,
            }
        return {}

    def example(self, sheet: Any, number: int, given: dict[str, Any]) -> None:
        """Write one invented case; what it does not say follows from its number."""
        paid = given["total_cost"] - given["pool_fund"]
        case = {
            "case_id": f"S2024{number:06d}",
            "hospital_id": "H00000000001",
            "patient_id": f"P{number:08d}",
            "pool": "310" if number % 2 else "390",
            "admission_date": _DAY,
            "discharge_date": _DAY + dt.timedelta(days=given["los_days"]),
            "settlement_date": _DAY + dt.timedelta(days=given["los_days"]),
            "discharge_way": "1",
            "icu": "0",
            "personal_paid": round(paid, 2),
            "payment_mode": "drg",
        } | given
        for column, field in enumerate(self.fields):
            value = case.get(field.name)
            if isinstance(value, dt.date):
                sheet.write_datetime(number, column, value, self.cells["date"])
            elif isinstance(value, str):
                word = _word(field.name, value, self.lang)
                sheet.write_string(number, column, word, self.cells[field.kind])
            elif value is not None:
                sheet.write_number(number, column, value, self.cells[field.kind])
