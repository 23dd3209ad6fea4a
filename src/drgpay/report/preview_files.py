"""Previewed cases as files: CSV and Parquet for programs, a workbook for people, JSON for the API.

CSV and Parquet have the columns of names/preview_columns.py, codes as they are and whole fen. The
workbook has words, yuan, and sums by class, department and group.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.ground.csv_cells import NeutralCsvWriter
from drgpay.ground.errors import in_language
from drgpay.ground.languages import choose
from drgpay.ground.money import decimal_text
from drgpay.names.codes import CASE_CLASSES, PAID_BY, STATUSES
from drgpay.names.preview_columns import PREVIEW_COLUMNS
from drgpay.names.reasons import GROUPING_REASONS, QUARANTINED, UNPRICED
from drgpay.policy.catalogue import CATALOGUE
from drgpay.runs.one_case import held_by
from drgpay.runs.priced_sums import INDICATORS

FORMATS = ("json", "csv", "xlsx", "parquet")
_STYLES = {
    "yuan": "#,##0.00;[Red]-#,##0.00;0.00",
    "points": "#,##0.0000",
    "count": "#,##0",
    "day": "yyyy-mm-dd",
}
_PART = 10_000


def with_words(table: pa.Table, lang: str) -> pa.Table:
    """Return previewed cases with the words of their codes, and messages of quarantined rows."""
    words: Mapping[str, Mapping[str, Any]] = {
        "status": STATUSES,
        "case_class": CASE_CLASSES,
        "paid_by": PAID_BY,
        "unpriced": UNPRICED,
        "reason": {**GROUPING_REASONS, **{n: r.message for n, r in QUARANTINED.items()}},
    }
    for name, own in words.items():
        table = table.append_column(f"{name}_name", _worded(table[name], own, lang))
    held = {text: held_by(text) for text in _plain(table["doubts"]).unique().to_pylist() if text}
    table = table.append_column("doubts_name", _worded(table["doubts"], held, lang))
    remedies = {name: reason.remedy for name, reason in QUARANTINED.items()}
    return table.append_column("remedy", _worded(table["reason"], remedies, lang))


def _worded(column: pa.ChunkedArray, words: Mapping[str, Any], lang: str) -> pa.Array:
    """Return the words of codes, by the dictionary of their column."""
    made = column.unify_dictionaries().combine_chunks()
    own = made.chunk(0) if isinstance(made, pa.ChunkedArray) else made
    texts = [in_language(words[c], lang) if c in words else "" for c in own.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(own.indices, pa.array(texts, pa.string()))


def write_preview(
    table: pa.Table,
    about: Mapping[str, Any],
    sums: Mapping[str, Any],
    path: Path,
    kind: str,
    lang: str = "zh",
) -> None:
    """Write previewed cases in one of `FORMATS`; `about` is told beside the cases in JSON."""
    writers: Mapping[str, Callable[[], None]] = {
        "json": lambda: _write_json(with_words(table, lang), about, path),
        "csv": lambda: _write_csv(table, path),
        "parquet": lambda: pq.write_table(table, path, compression="zstd"),
        "xlsx": lambda: _Book(with_words(table, lang), about, sums, lang).write(path),
    }
    writers[kind]()


def _write_csv(table: pa.Table, path: Path) -> None:
    with NeutralCsvWriter(path, table.schema) as writer:
        writer.write_table(table)


_GOOD = """select row, case_id, hospital_id::varchar as hospital_id, pool::varchar as pool,
    department::varchar as department, discharge_date::varchar as discharge_date, days,
    {'code': mdc::varchar, 'name': mdc_name::varchar} as mdc,
    {'code': adrg::varchar, 'name': adrg_name::varchar} as adrg,
    {'code': drg::varchar, 'name': drg_name::varchar} as drg,
    {'code': status::varchar, 'name': status_name::varchar} as status,
    case when coalesce(reason::varchar, '') = '' then null
        else {'code': reason::varchar, 'name': reason_name::varchar} end as reason,
    severity::varchar as severity, severity_diagnosis::varchar as severity_diagnosis,
    scheme::varchar as scheme,
    case when case_class is null then null
        else {'code': case_class::varchar, 'name': case_class_name::varchar} end as case_class,
    case when paid_by is null then null
        else {'code': paid_by::varchar, 'name': paid_by_name::varchar} end as paid_by,
    points::varchar as points, total_cost_fen, expected_fen, over_cost_fen,
    payment_over_cost::varchar as payment_over_cost, due_fen,
    [{'code': n.code, 'text': n.text} for n in [
        {'code': unpriced::varchar, 'text': unpriced_name::varchar},
        {'code': 'held', 'text': doubts_name::varchar}] if coalesce(n.text, '') <> ''] as notes
    from cases where status::varchar <> 'quarantined'"""
_BAD = """select row, case_id, fault_column as "column", fault_value as value,
    reason::varchar as reason, reason_name::varchar as message, remedy::varchar as remedy
    from cases where status::varchar = 'quarantined'"""


def _write_json(table: pa.Table, about: Mapping[str, Any], path: Path) -> None:
    """Write one object: what is told, `cases` and `quarantined`, rows in the order of the file."""
    import duckdb

    with duckdb.connect() as db, open(path, "wb") as out:
        db.register("cases", table)
        head = json.dumps(about, ensure_ascii=False, separators=(",", ":"))
        out.write(head[:-1].encode())
        for name, question in (("cases", _GOOD), ("quarantined", _BAD)):
            part = path.with_name(f"{path.name}.{name}")
            db.execute(f"copy ({question}) to '{part}' (format json, array true)")
            out.write(f',"{name}":'.encode())
            with open(part, "rb") as stream:
                if stream.read(1):
                    stream.seek(0)
                    shutil.copyfileobj(stream, out)
                else:
                    out.write(b"[]")
            part.unlink()
        out.write(b"}")


class _Book:
    """The sheets of a workbook of previewed cases."""

    def __init__(
        self, table: pa.Table, about: Mapping[str, Any], sums: Mapping[str, Any], lang: str
    ) -> None:
        self.table, self.about, self.sums, self.lang = table, about, sums, lang

    def t(self, chinese: str, english: str) -> str:
        return choose(self.lang, chinese, english)

    def write(self, path: Path) -> None:
        """Write the workbook."""
        import xlsxwriter

        options = {
            "constant_memory": True,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "strings_to_formulas": False,
            "tmpdir": str(path.parent),
        }
        with xlsxwriter.Workbook(str(path), options) as book:
            self.header = book.add_format(
                {"bold": True, "bg_color": "#D9D9D9", "border": 1, "text_wrap": True}
            )
            self.styles = {n: book.add_format({"num_format": f}) for n, f in _STYLES.items()}
            self._summary(book.add_worksheet(self.t("汇总", "summary")))
            for key, chinese, english in (
                ("departments", "科室", "departments"),
                ("groups", "病组", "groups"),
            ):
                self._sums(book.add_worksheet(self.t(chinese, english)), key)
            good = self.table.filter(pc.not_equal(_plain(self.table["status"]), "quarantined"))
            bad = self.table.filter(pc.equal(_plain(self.table["status"]), "quarantined"))
            self._cases(book.add_worksheet(self.t("病例", "cases")), good)
            self._faults(book.add_worksheet(self.t("隔离", "quarantined")), bad)

    def _summary(self, sheet: Any) -> None:
        lines: list[tuple[str, Any]] = [(str(self.about.get("promise", "")), None)]
        lines += [(str(note["text"]), None) for note in self.about.get("notes", ())]
        row = 0
        for text, _ in lines:
            if text:
                sheet.write_string(row, 0, text)
                row += 1
        total = self.sums["total"]
        for chinese, english, value, style in (
            ("病例数", "cases", total["cases"], "count"),
            ("有预计支付的病例", "cases with a payment", total["priced"], "count"),
            ("点数", "points", float(total["points"]), "points"),
            ("预计支付（元）", "expected, yuan", total["expected_fen"] / 100, "yuan"),
            (
                "总费用（有预计支付的，元）",
                "cost of those with a payment, yuan",
                total["cost_fen"] / 100,
                "yuan",
            ),
            ("支付减费用（元）", "payment less cost, yuan", total["over_cost_fen"] / 100, "yuan"),
            ("暂不支付的病例", "cases held", total["held"], "count"),
            ("暂不支付的总费用（元）", "their cost, yuan", total["held_cost_fen"] / 100, "yuan"),
        ):
            sheet.write_string(row, 0, self.t(chinese, english))
            sheet.write_number(row, 1, value, self.styles[style])
            row += 1
        for status in self.sums["statuses"]:
            sheet.write_string(row, 0, in_language(STATUSES[status["status"]], self.lang))
            sheet.write_number(row, 1, status["cases"], self.styles["count"])
            row += 1
        for own in self.sums.get("indicators", ()):
            name, meaning = INDICATORS[own["indicator"]]
            sheet.write_string(row, 0, in_language(name, self.lang))
            sheet.write_string(row, 1, own["value"] or "")
            sheet.write_string(row, 2, in_language(meaning, self.lang))
            row += 1
        row = self._table(sheet, row + 1, "classes")
        for word, told in self._basis():
            row += 1
            sheet.write_string(row, 0, word)
            sheet.write_string(row, 1, told)
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 9, 16)

    def _basis(self) -> Iterator[tuple[str, str]]:
        """Yield what the figures rest on: point values, versions, what no text confirms."""
        t, about = self.t, self.about
        for pool, own in about.get("point_values", {}).items():
            value = decimal_text(Fraction(own["fraction"]), 12)
            kind = t("月度结算（暂定）", "month, provisional") if own["provisional"] else t("年度清算", "settled year")  # fmt: skip
            yield (
                t(f"点值 {pool}（元/点）", f"point value {pool}, yuan"),
                f"{value} · {own['period']} {kind}",
            )
        versions = about.get("versions", {})
        for name, word in (
            ("scheme", t("分组方案", "scheme")), ("policy", t("政策参数", "policy")),
            ("run", t("清算结果", "settled result")), ("engine", t("引擎", "engine")),
        ):  # fmt: skip
            own = versions.get(name)
            if own:
                yield word, own if isinstance(own, str) else str(own.get("period") or own["id"])
        if about.get("unverified"):
            names = [
                choose(self.lang, CATALOGUE[key].name if key in CATALOGUE else key, key)
                for key in about["unverified"]
            ]
            count = t(f"{len(names)} 项：", f"{len(names)}: ")
            yield t("未核实的参数", "unverified parameters"), count + t("、", ", ").join(names)

    def _sums(self, sheet: Any, key: str) -> None:
        self._table(sheet, 0, key)
        sheet.set_column(0, 1, 24)
        sheet.set_column(2, 9, 16)
        sheet.freeze_panes(1, 0)

    def _table(self, sheet: Any, row: int, key: str) -> int:
        """Write the sums by some key from a row on; return the row behind."""
        heads = {
            "classes": (("case_class", "病例类型", "class"),),
            "departments": (("department", "科室", "department"),),
            "groups": (("drg", "DRG", "DRG"), ("drg_name", "病组名称", "name")),
        }[key]
        columns = [
            *((name, self.t(zh, en), "") for name, zh, en in heads),
            ("cases", self.t("病例数", "cases"), "count"),
            ("points", self.t("点数", "points"), "points"),
            ("expected_fen", self.t("预计支付（元）", "expected, yuan"), "yuan"),
            ("cost_fen", self.t("总费用（元）", "cost, yuan"), "yuan"),
            ("over_cost_fen", self.t("支付减费用（元）", "payment less cost, yuan"), "yuan"),
            ("gaining", self.t("有结余的病例", "cases above cost"), "count"),
            ("losing", self.t("亏损的病例", "cases below cost"), "count"),
        ]
        for place, (_, head, _) in enumerate(columns):
            sheet.write_string(row, place, head, self.header)
        total = {
            **self.sums["total"],
            "cases": sum(own["cases"] for own in self.sums[key]),  # none that are quarantined
            heads[0][0]: self.t("合计", "total"),
            "drg_name": "",
        }
        for own in [*self.sums[key], total]:
            row += 1
            for place, (name, _, style) in enumerate(columns):
                value = own[name]
                if own is not total and name == "case_class" and value:
                    value = in_language(CASE_CLASSES[value], self.lang)
                if not style:
                    sheet.write_string(row, place, str(value or ""))
                else:
                    number = value / 100 if style == "yuan" else float(value)
                    sheet.write_number(row, place, number, self.styles[style])
        return row + 1

    def _cases(self, sheet: Any, table: pa.Table) -> None:
        names = [
            n
            for n in PREVIEW_COLUMNS
            if not n.startswith("fault_") and n not in ("mdc_name", "adrg_name")
        ]
        self._rows(sheet, table, names)

    def _faults(self, sheet: Any, table: pa.Table) -> None:
        heads = {"remedy": self.t("改法", "remedy")}
        names = ["row", "case_id", "fault_column", "fault_value", "reason", "remedy"]
        self._rows(sheet, table, names, heads)

    def _rows(
        self, sheet: Any, table: pa.Table, names: list[str], heads: Mapping[str, str] | None = None
    ) -> None:
        sheet.freeze_panes(1, 2)
        for place, name in enumerate(names):
            told = (heads or {}).get(name)
            if told is None:
                unit = self.t("（元）", ", yuan") if name.endswith("_fen") else ""
                told = in_language(PREVIEW_COLUMNS[name].name, self.lang) + unit
            sheet.write_string(0, place, told, self.header)
            sheet.set_column(place, place, 14)
        shown = [f"{n}_name" if f"{n}_name" in table.column_names and n not in ("mdc", "adrg", "drg")
                 else n for n in names]  # fmt: skip
        row = 0
        for start in range(0, len(table), _PART):
            part = table.slice(start, _PART)
            columns = [_plain(part[name]).to_pylist() for name in shown]
            for values in zip(*columns, strict=True):
                row += 1
                for place, (name, value) in enumerate(zip(names, values, strict=True)):
                    if value is None or value == "":
                        continue
                    if name.endswith("_fen"):
                        sheet.write_number(row, place, value / 100, self.styles["yuan"])
                    elif name in ("points", "payment_over_cost"):
                        sheet.write_number(row, place, float(value), self.styles["points"])
                    elif name == "discharge_date":
                        sheet.write_datetime(row, place, value, self.styles["day"])
                    elif isinstance(value, int):
                        sheet.write_number(row, place, value)
                    else:
                        sheet.write_string(row, place, str(value))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without a dictionary."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
