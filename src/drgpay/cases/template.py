"""The Excel template that hospitals fill in: instructions, an empty sheet of cases, examples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drgpay.cases.excel import EXAMPLE_SHEETS
from drgpay.cases.values import CHOICE_WORDS, FLAG_WORDS, SEX_WORDS
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.languages import choose, is_chinese
from drgpay.ground.outputs import result_file, whole_file
from drgpay.names.columns import BY_NAME, Column

LAST_ROW = 50_000  # drop-downs and checks of what is typed reach down to here
DISCHARGE_WAYS = ("1", "2", "3", "4", "5", "9")


@dataclass(frozen=True, slots=True)
class Kind:
    """How columns of a kind are written: in words, in which format and width, and what is allowed."""

    how: Bilingual
    form: str
    width: int = 9
    rule: Mapping[str, Any] = field(default_factory=dict)


_DAYS = {"minimum": dt.date(1900, 3, 1), "maximum": dt.date(2199, 12, 31)}
KINDS: Mapping[str, Kind] = {
    "text": Kind(both("文本", "text"), "@", 16),
    "codes": Kind(both("编码（文本）", "codes"), "@", 22),
    "sex": Kind(both("男或女", "M or F"), "@"),
    "flag": Kind(both("是或否", "1 or 0"), "@"),
    "count": Kind(
        both("整数", "a whole number"),
        "0",
        rule={"validate": "integer", "minimum": 0, "maximum": 1_000_000},
    ),
    "money": Kind(
        both("元，最多两位小数", "yuan, at most two decimals"),
        "0.00",
        14,
        {"validate": "decimal", "minimum": -1e9, "maximum": 1e9},
    ),
    "date": Kind(both("2024-03-01", "2024-03-01"), "yyyy-mm-dd", 12, {"validate": "date", **_DAYS}),
}
MOST = {"age_years": 150}  # of a count that has a bound of its own
# header and meaning of columns that stand for a part of codes
CODE_COLUMNS: Mapping[str, tuple[str, Bilingual]] = {
    "diagnosis_1": ("主要诊断编码", both("只填编码，不填名称", "the code alone, no name")),
    "other_diagnoses": (
        "其他诊断编码",
        both(
            "各编码之间用 | 分隔，按病案首页的次序",
            "codes with | between them, in the order of the front page",
        ),
    ),
    "procedure_1": (
        "主要手术操作编码",
        both("只填编码；没有则留空", "the code alone; empty when none"),
    ),
    "other_procedures": (
        "其他手术操作编码",
        both("各编码之间用 | 分隔", "codes with | between them"),
    ),
}
LEFT_OUT = ("diagnoses", "procedures", "procedure_dates", "admission_conditions", "code_system")
NEEDED: Mapping[str, Bilingual] = {
    "grouping": both("分组必填", "for grouping"),
    "settlement": both("清算必填", "for settlement"),
    "": both("选填", "optional"),
}
COLOURS = {"grouping": "#F4B6A6", "settlement": "#FBE3B0", "": "#E3E8EE"}
LINES = (
    both(
        "在“病例”表中从第2行起填写，一次住院一行；“示例”表是虚构的病例，不会被读取。",
        "Fill in sheet Cases from row 2, one stay a row; the cases of sheet Examples are "
        "invented and are not read.",
    ),
    both(
        "不要填写姓名、身份证号、电话和住址；参保人编号用医保人员编号或脱敏后的编号。",
        "Enter no names, identity numbers, telephones or addresses.",
    ),
    both(
        "编号和编码的列已设为文本：粘贴时请选“只粘贴值”，以免丢失开头和末尾的0。",
        "Ids and codes are text: paste values only, or zeros at their ends are lost.",
    ),
    both(
        "数字、字母和标点用半角；日期写作2024-03-01；金额以元为单位，最多两位小数。",
        "Dates are written like 2024-03-01, money in yuan with at most two decimals.",
    ),
    both(
        "选填的列可以留空或整列删去；列的次序可以改变，列名不要改。",
        "Optional columns may be left empty or removed; keep the headers.",
    ),
)
TITLES = both("列名,英文列名,是否必填,写法,说明", "header,column,needed,how,meaning")
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
            for name, need in ((main, column.required_for), (f"other_{column.name}", "")):
                header, meaning = CODE_COLUMNS[name]
                out.append(Field(name, "codes", choose(lang, header, name), need, meaning.of(lang)))
        if column.name not in LEFT_OUT:
            out.append(_field(column, lang))
    return out


def _field(column: Column, lang: str) -> Field:
    if is_chinese(lang):
        also = f"列名也可写作{'、'.join(column.aliases)}" if column.aliases else ""
        meaning = "；".join(part for part in (column.meaning, also) if part)
    else:
        meaning = str(KINDS[column.kind].how) + (f" ({column.unit})" if column.unit else "")
    header = choose(lang, column.chinese, column.name)
    choices = _choices(column, lang)
    return Field(column.name, column.kind, header, column.required_for, meaning, choices)


def _choices(column: Column, lang: str) -> tuple[str, ...]:
    """Return what a drop-down offers: of each understood value one word."""
    if column.name == "discharge_way":
        return DISCHARGE_WAYS
    values = {"sex": ("M", "F"), "flag": ("1", "0")}.get(column.kind, column.choices)
    return tuple(_word(column.name, value, lang) for value in values)


def _word(name: str, value: str, lang: str) -> str:
    """Return a canonical value as the template writes it."""
    kind = BY_NAME[name].kind if name in BY_NAME else ""
    words = {"sex": SEX_WORDS, "flag": FLAG_WORDS}.get(kind) or CHOICE_WORDS.get(name, {})
    chinese = next((word for word in words.get(value, ()) if not word.isascii()), value)
    return choose(lang, chinese, value)


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
        font = {"font_name": choose(lang, "Microsoft YaHei", "Calibri"), "font_size": 10}
        head = {**font, "bold": True, "border": 1, "valign": "vcenter", "text_wrap": True}
        self.heads = {
            need: book.add_format({**head, "bg_color": colour}) for need, colour in COLOURS.items()
        }
        self.plain = book.add_format({**font, "valign": "top", "text_wrap": True})
        self.strong = book.add_format({**font, "bold": True, "font_size": 14})
        self.cells = {
            name: book.add_format({**font, "num_format": kind.form}) for name, kind in KINDS.items()
        }

    def write(self) -> None:
        """Write the sheets, that of cases in front."""
        self.instructions()
        cases = self.cases_sheet(both("病例", "Cases"))
        examples = self.cases_sheet(both(*EXAMPLE_SHEETS))
        for number, example in enumerate(EXAMPLES, 1):
            self.example(examples, number, example)
        for sheet in self.book.worksheets():
            sheet.set_landscape()
            sheet.set_paper(9)  # A4
        self.book.worksheets()[0].fit_to_pages(1, 0)
        cases.activate()
        cases.set_first_sheet()

    def instructions(self) -> None:
        """Write what to fill in, and of each column how."""
        sheet = self.book.add_worksheet(both("填表说明", "How to fill in").of(self.lang))
        sheet.hide_gridlines(2)
        for place, width in enumerate((20, 22, 18, 18, 64)):
            sheet.set_column(place, place, width)
        title = both("病例填报模板：填表说明", "Template for cases")
        sheet.write(0, 0, title.of(self.lang), self.strong)
        for row, line in enumerate(LINES, 2):
            sheet.write(row, 0, f"{row - 1}. {line.of(self.lang)}")
        top = len(LINES) + 3
        sheet.write_row(top, 0, TITLES.of(self.lang).split(","), self.heads[""])
        for row, one in enumerate(self.fields, top + 1):
            how = "、".join(one.choices) if one.choices else KINDS[one.kind].how.of(self.lang)
            sheet.write(row, 0, one.header, self.heads[one.need])
            needed = NEEDED[one.need].of(self.lang)
            sheet.write_row(row, 1, (one.name, needed, how, one.meaning), self.plain)
        sheet.freeze_panes(top + 1, 0)

    def cases_sheet(self, name: Bilingual) -> Any:
        """Return a sheet with the headers of cases, and what may be typed below them."""
        sheet = self.book.add_worksheet(name.of(self.lang))
        sheet.freeze_panes(1, 1)
        sheet.set_row(0, 32)
        for place, one in enumerate(self.fields):
            letters = 2 * len(one.header) // choose(self.lang, 1, 2)
            width = max(KINDS[one.kind].width, 2 + letters)
            sheet.set_column(place, place, width, self.cells[one.kind])
            sheet.write(0, place, one.header, self.heads[one.need])
            note = f"{NEEDED[one.need].of(self.lang)}\n{one.meaning}"
            sheet.write_comment(0, place, note, {"x_scale": 1.6, "font_size": 9})
            rule = self.rule(one)
            if rule:
                sheet.data_validation(1, place, LAST_ROW, place, rule)
        return sheet

    def rule(self, one: Field) -> dict[str, Any]:
        """Return what may be typed into a column; blanks may stand everywhere."""
        rule = {"criteria": "between", **KINDS[one.kind].rule}
        if one.choices:
            rule = {"validate": "list", "source": list(one.choices)}
        elif "validate" not in rule:
            return {}
        elif one.name in MOST:
            rule["maximum"] = MOST[one.name]
        message = both("此列的写法见“填表说明”。", "See the first sheet.")
        title = both("请核对", "please check")
        return rule | {
            "error_title": title.of(self.lang),
            "error_message": message.of(self.lang),
        }

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
        for place, one in enumerate(self.fields):
            value = case.get(one.name)
            if isinstance(value, str):
                value = _word(one.name, value, self.lang)
                sheet.write_string(number, place, value, self.cells[one.kind])
            elif value is not None:
                sheet.write(number, place, value, self.cells[one.kind])
