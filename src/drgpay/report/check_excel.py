"""What checks found, as an Excel file: the faulty cells marked where they stand."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from drgpay.cases.checks.catalogue import CHECKS, SEVERITIES
from drgpay.ground.languages import choosing, is_chinese
from drgpay.grouper.check import Checked
from drgpay.names.columns import NUMBERED

from .check_report import (
    column_text,
    convention_line,
    counts_line,
    finding_advice,
    lacking_line,
    not_made_line,
    severity_text,
)
from .workbook import letters

ALL_ROWS_UP_TO = 100_000
MAX_FINDINGS = 20_000  # rows of the list, and so of comments and links
COLOURS = {"fatal": "#F8CBAD", "error": "#FFE699", "warning": "#FFF2CC", "note": "#DDEBF7"}
_ROW, _FILE = ("行", "row"), ("文件", "file")
Place = tuple[str, int]


def write_excel(done: Checked, path: Path, lang: str = "zh") -> None:
    """Write the workbook: summary, findings, cases with marked cells, hospitals by month."""
    import xlsxwriter

    options = {
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "default_date_format": "yyyy-mm-dd",
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties(
            {"created": datetime.datetime(2000, 1, 1)}
        )  # the same cases, same bytes
        _Book(book, done, lang).write()


class _Book:
    """The sheets of one workbook."""

    def __init__(self, book: Any, done: Checked, lang: str) -> None:
        self.book, self.done, self.lang, self.t = book, done, lang, choosing(lang)
        self.many = len({kept.file for kept in done.kept}) > 1
        self.findings = done.findings.slice(0, MAX_FINDINGS).to_pylist()
        self.header = book.add_format(
            {"bold": True, "bg_color": "#D9D9D9", "border": 1, "text_wrap": True, "valign": "top"}
        )
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.share = book.add_format({"num_format": "0.00%"})
        self.number = book.add_format({"num_format": "#,##0"})
        self.link = book.add_format({"font_color": "#0563C1", "underline": 1})
        self.fills = {s: book.add_format({"bg_color": COLOURS[s]}) for s in SEVERITIES}
        self.sheets = {
            name: book.add_worksheet(self.t(*titles))
            for name, titles in {
                "summary": ("汇总", "summary"),
                "findings": ("问题清单", "findings"),
                "cases": ("病例", "cases"),
                "profile": ("机构月度", "hospitals by month"),
            }.items()
        }

    def write(self) -> None:
        """Write all sheets."""
        self._summary()
        places, columns = self._cases()
        self._findings(places, columns)
        self._profile()
        for sheet in self.sheets.values():
            sheet.set_landscape()
            sheet.set_paper(9)  # A4
            if sheet is not self.sheets["cases"]:  # too wide for one page
                sheet.fit_to_pages(1, 0)
            if sheet is not self.sheets["summary"]:
                sheet.repeat_rows(0)

    def _head(self, sheet: Any, row: int, heads: Sequence[tuple[str, str, int]]) -> None:
        for place, (chinese, english, width) in enumerate(heads):
            sheet.write_string(row, place, self.t(chinese, english), self.header)
            sheet.set_column(place, place, width)
        sheet.set_row(row, 30)  # headers of two lines

    def _summary(self) -> None:
        sheet, done = self.sheets["summary"], self.done
        sheet.write_string(0, 0, self.t("病案首页质量检查", "check of front pages"), self.title)
        lines = [
            self.t("文件：", "files: ") + self.t("、", ", ").join(done.files),
            self.t("分组方案：", "scheme: ") + done.scheme,
            counts_line(done, self.lang),
            lacking_line(done, self.lang),
            convention_line(done, self.lang),
            not_made_line(done, self.lang),
            self._shown(),
        ]
        row = 1
        for line in filter(None, lines):
            sheet.merge_range(row, 0, row, 7, line, self.wrap)
            sheet.set_row(row, 15 * (1 + len(line) // 100))
            row += 1
        row += 1
        self._head(
            sheet,
            row,
            (
                ("严重程度", "severity", 10),
                ("检查项", "check", 32),
                ("例数", "cases", 10),
                ("占比", "share", 9),
                ("问题", "what", 44),
                ("建议", "advice", 44),
                ("依据", "source", 40),
                ("依据已核实", "source read", 12),
            ),
        )
        for name, number in done.by_check.items():
            row += 1
            check, share = CHECKS[name], number / max(1, done.counts.total)
            yes = self.t("是", "yes") if check.verified else self.t("否", "no")
            severity = severity_text(check.severity, self.lang)
            texts = (check.message(self.lang), check.advice(self.lang), check.source)
            forms = {0: self.fills[check.severity], 2: self.number, 3: self.share}
            forms |= dict.fromkeys((4, 5, 6), self.wrap)
            _line(sheet, row, (severity, name, number, share, *texts, yes), forms)

    def _shown(self) -> str:
        done = self.done
        parts = []
        if done.found > len(self.findings):
            parts.append(
                self.t(
                    f"问题清单只列前 {len(self.findings):,} 条，共 {done.found:,} 条；"
                    "全部问题请输出到 .csv",
                    f"the list shows the first {len(self.findings):,} of {done.found:,} findings; "
                    "write to .csv for all",
                )
            )
        if not done.all_rows_kept:
            parts.append(
                self.t(
                    "病例表只列有问题的行，列前若干行",
                    "the sheet of cases shows rows with findings alone, the first of them",
                )
            )
        return self.t("；", "; ").join(parts)

    def _cases(self) -> tuple[dict[Place, int], list[str]]:
        """Write rows as they came in; return where each stands, and the columns."""
        sheet = self.sheets["cases"]
        columns = list(
            dict.fromkeys(name for kept in self.done.kept for name in kept.table.column_names)
        )
        heads = [(*_ROW, 8)] + ([(*_FILE, 18)] if self.many else [])
        heads += [(column_text(name, "zh"), name, 16) for name in columns]
        self._head(sheet, 0, heads)
        first = 2 if self.many else 1
        sheet.freeze_panes(1, first + 1)
        marks = self._marks(columns)
        places: dict[Place, int] = {}
        at = 0
        for kept in self.done.kept:
            for number, row in zip(kept.numbers.tolist(), kept.table.to_pylist(), strict=True):
                place = (kept.file, int(number))
                if not self.done.all_rows_kept and place not in marks:
                    continue
                at += 1
                places[place] = at
                sheet.write_number(at, 0, number)
                if self.many:
                    sheet.write_string(at, 1, kept.file)
                self._row(sheet, at, first, row, columns, marks.get(place, []))
        if at:
            sheet.autofilter(0, 0, at, first + len(columns) - 1)
        return places, columns

    def _marks(self, columns: list[str]) -> dict[Place, list[dict[str, Any]]]:
        """Return the findings of each row."""
        marks: dict[Place, list[dict[str, Any]]] = {}
        for finding in self.findings:
            marks.setdefault((finding["file"], finding["row"]), []).append(finding)
        return marks

    def _row(
        self,
        sheet: Any,
        at: int,
        first: int,
        row: dict[str, Any],
        columns: list[str],
        findings: list[dict[str, Any]],
    ) -> None:
        colours: dict[str, str] = {}
        comments: dict[str, list[str]] = {}
        for finding in findings:
            own = cell_of(finding, columns, row)
            comments.setdefault(own, []).append(self._comment(finding))
            others = [name for name in CHECKS[finding["check"]].columns if name in columns]
            for name in (own, *others):
                if name not in colours or SEVERITIES.index(finding["severity"]) < (
                    SEVERITIES.index(colours[name])
                ):
                    colours[name] = finding["severity"]
        for place, name in enumerate(columns, first):
            form = self.fills[colours[name]] if name in colours else None
            _cell(sheet, at, place, row.get(name), form)
            if name in comments:
                text = "\n".join(comments[name])
                sheet.write_comment(
                    at, place, text, {"x_scale": 2.2, "y_scale": 0.5 + 0.55 * len(comments[name])}
                )

    def _comment(self, finding: dict[str, Any]) -> str:
        severity = severity_text(finding["severity"], self.lang)
        near = finding_advice(finding, self.lang)
        value = finding["value"] or ""
        if is_chinese(self.lang):
            text = f"【{severity}】{finding['message']}" + (f"（{value}）" if value else "")
            return f"{text}。{finding['advice']}" + (f"。可核对的编码：{near}" if near else "")
        text = f"[{severity}] {finding['message']}" + (f" ({value})" if value else "")
        return f"{text}. {finding['advice']}" + (f". Codes to look at: {near}" if near else "")

    def _findings(self, places: dict[Place, int], columns: list[str]) -> None:
        sheet = self.sheets["findings"]
        heads = [("行（点击跳到该格）", "row (click to go there)", 11)]
        heads += [(*_FILE, 18)] if self.many else []
        heads += [
            ("病例号", "case_id", 20),
            ("医疗机构", "hospital_id", 16),
            ("出院月份", "month", 10),
            ("严重程度", "severity", 9),
            ("列", "column", 18),
            ("值", "value", 26),
            ("问题", "what", 44),
            ("建议", "advice", 44),
            ("相近的、可入组的编码", "nearest codes, those that would group", 44),
            ("检查项", "check", 30),
        ]
        self._head(sheet, 0, heads)
        sheet.freeze_panes(1, 0)
        first = 2 if self.many else 1
        rows = {
            (kept.file, int(number)): (kept, index)
            for kept in self.done.kept
            for index, number in enumerate(kept.numbers.tolist())
        }
        for at, finding in enumerate(self.findings, 1):
            place = (finding["file"], finding["row"])
            if place in places:
                kept, index = rows[place]
                row = kept.table.slice(index, 1).to_pylist()[0]
                column = first + columns.index(cell_of(finding, columns, row))
                sheet.write_url(
                    at, 0,
                    f"internal:'{self.t('病例', 'cases')}'!{letters(column)}{places[place] + 1}",
                    self.link, str(finding["row"]),
                )  # fmt: skip
            else:
                sheet.write_number(at, 0, finding["row"])
            head = [finding["file"]] if self.many else []
            head += [finding[key] for key in ("case_id", "hospital_id", "month")]
            texts = (
                severity_text(finding["severity"], self.lang),
                column_text(finding["column"], self.lang),
                *(finding[key] for key in ("value", "message", "advice")),
                finding_advice(finding, self.lang),
                finding["check"],
            )
            forms = {1 + len(head): self.fills[finding["severity"]]}
            _line(sheet, at, [text or "" for text in (*head, *texts)], forms, first=1)
        sheet.autofilter(0, 0, max(1, len(self.findings)), len(heads) - 1)

    def _profile(self) -> None:
        sheet = self.sheets["profile"]
        self._head(
            sheet,
            0,
            (
                ("医疗机构", "hospital_id", 16),
                ("出院月份", "month", 10),
                ("严重程度", "severity", 9),
                ("问题", "what", 48),
                ("有问题例数", "cases with it", 12),
                ("全部例数", "all cases", 10),
                ("占比", "share", 10),
                ("检查项", "check", 32),
            ),
        )
        sheet.freeze_panes(1, 0)
        rows = self.done.profile.slice(0, 1_000_000).to_pylist()
        for at, row in enumerate(rows, 1):
            severity, what = row["severity"], CHECKS[row["check"]].message(self.lang)
            facts = (row["hospital_id"], row["month"], severity_text(severity, self.lang), what)
            counts = (row["cases_with"], row["cases"], row["share"])
            forms = {2: self.fills[severity], 4: self.number, 5: self.number, 6: self.share}
            _line(sheet, at, (*facts, *counts, row["check"]), forms)
        if rows:
            sheet.conditional_format(
                1, 6, len(rows), 6,
                {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#F4B084"},
            )  # fmt: skip
            sheet.autofilter(0, 0, len(rows), 7)


def cell_of(finding: dict[str, Any], columns: list[str], row: dict[str, Any]) -> str:
    """Return the column whose cell a finding is about, among those that the row has."""
    name = finding["column"]
    if name in columns:
        return str(name)
    for prefix, base in NUMBERED.items():
        if base == name:
            own = [column for column in columns if column.startswith(prefix)]
            for column in own:
                if finding["value"] and str(row.get(column) or "").strip() == finding["value"]:
                    return column
            if own:
                return own[0]
    others = [other for other in CHECKS[finding["check"]].columns if other in columns]
    return others[0] if others else "case_id"


def _line(
    sheet: Any, at: int, values: Sequence[Any], forms: Mapping[int, Any], first: int = 0
) -> None:
    """Write values from a column on; `forms`: the formats of columns that have one."""
    for place, value in enumerate(values, first):
        _cell(sheet, at, place, value, forms.get(place))


def _cell(sheet: Any, row: int, column: int, value: Any, form: Any) -> None:
    if value is None:
        sheet.write_blank(row, column, None, form)
    elif isinstance(value, bool):
        sheet.write_string(row, column, "1" if value else "0", form)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(row, column, value, form)
    elif isinstance(value, list):
        sheet.write_string(row, column, "|".join("" if v is None else str(v) for v in value), form)
    elif isinstance(value, datetime.datetime):
        sheet.write_string(row, column, value.isoformat(" "), form)
    else:
        sheet.write_string(row, column, str(value), form)
