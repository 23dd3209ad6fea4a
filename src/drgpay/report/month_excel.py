"""month.xlsx: a month's payments for accountants, made from the month's folder alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.ground.languages import choosing
from drgpay.runs.reader import Record

from .month_folder import MonthFolder, value_fraction
from .month_page import ceiling_lines
from .sections import parameter_value, source_text
from .sheets import Field, exact
from .texts import UNITS, Words
from .workbook import Book, Total

NAME = "month.xlsx"


def write_month_excel(folder: Path, lang: str = "zh") -> Path:
    """Write `month.xlsx` into a month's folder and return its path.

    Amounts equal their fen; sums are formulas that carry their values. The same folder gives the
    same bytes.
    """
    target = folder / NAME
    part = folder / f".{NAME}.{os.getpid()}.part"
    try:
        _Workbook(MonthFolder(folder), Words(lang), part).write()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


class _Workbook:
    """The sheets of one workbook."""

    def __init__(self, run: MonthFolder, w: Words, path: Path) -> None:
        self.run, self.w, self.t = run, w, choosing(w.lang)
        m = run.manifest
        marks = [w("print_trial") + w("colon") + w("semicolon").join(m["trial"])] * bool(m["trial"])
        marks += [w("print_synthetic")] if m["synthetic"] else []
        what = self.t("各月结算", "months") if run.every else self.t("月度结算", "monthly payment")
        month = str(m["region"]["year"]) if run.every else run.month
        self.title = f"{m['region']['name']} {month} {what}"
        self.book = Book(
            str(path),
            title=self.title,
            mark=" · ".join(marks),
            digest=f"{w('run_id')} {run.digest[:12]}",
            page=w("x_page"),
        )

    def write(self) -> None:
        """Write all sheets and close the file."""
        total = self.w("x_all")
        if not self.run.every:
            self._payment(total)
        self.book.listing(
            self.t("险种各月", "Pools by month"),
            self._pool_fields(),
            [self._pool(row) for row in self.run.pools],
            total=total,
        )
        self.book.listing(
            self.t("机构各月", "Hospitals by month"),
            self._hospital_fields(),
            [self._hospital(row) for row in self.run.hospitals],
            total=total,
        )
        self._suspended(total)
        self._corrections(total)
        if self.run.earlier is not None:
            self._adjustments(total)
        if self.run.every:
            self._ties()
        self._ceiling()
        self._parameters()
        self._checks()
        self.book.close()

    def _payment(self, total: str) -> Total:
        """This month's payments: one row a hospital and pool."""
        t = self.t
        fields = [
            Field("hospital_id", t("医疗机构编码", "Hospital id")),
            Field("name", t("医疗机构", "Hospital"), "wide"),
            Field("pool", t("险种", "Pool")),
            Field("recorded", t("本月统筹基金记账", "Recorded fund"), "yuan", total=True),
            Field("to_date", t("累计统筹基金记账", "Recorded to date"), "yuan", total=True),
            Field("payment", t("本月应预付", "Payment"), "yuan", total=True),
            Field("suspended", t("其中暂停支付", "Suspended"), "yuan", total=True),
            *self._adjusted_fields(one_month=True),
            Field("paid", t("本月实付", "Paid now"), "yuan", self._paid, total=True),
            Field("before", t("以前各月已付", "Paid before"), "yuan", total=True),
            Field("sum", t("累计已付", "Paid to date"), "yuan", "{before}+{paid}", total=True),
            Field("kept", t("本月留存保证金", "Kept as deposit"), "yuan", total=True),
        ]
        rows = [
            {
                "hospital_id": r["hospital_id"],
                "name": r["name"],
                "pool": r["pool"],
                "recorded": r["recorded_fund_fen"],
                "to_date": r["recorded_fund_to_date_fen"],
                "payment": r["payment_fen"],
                "suspended": r["suspended_fen"],
                **self._adjusted(r),
                "paid": r["paid_fen"],
                "before": r["paid_before_fen"],
                "sum": r["paid_to_date_fen"],
                "kept": r["kept_fen"],
            }
            for r in self.run.now(self.run.hospitals)
        ]
        name = t(f"{self.run.month} 拨付", f"{self.run.month} payments")
        return self.book.listing(name, fields, rows, total=total)

    @property
    def _paid(self) -> str:
        """The formula of what is paid."""
        own = "{payment}-{suspended}"
        return own if self.run.earlier is None else f"{own}+{{adjustment}}-{{open}}+{{left}}"

    def _adjusted_fields(self, *, one_month: bool = False) -> list[Field]:
        """Columns of adjustments; what is to be set off is a balance, not summed over months."""
        if self.run.earlier is None:
            return []
        t = self.t
        return [
            Field("adjustment", t("以前月份调整", "Adjustments"), "yuan", total=True),
            Field("open", t("上月结转待抵", "To set off"), "yuan", total=one_month),
            Field("left", t("结转下月待抵", "Left to set off"), "yuan", total=one_month),
        ]

    def _adjusted(self, row: Record) -> Record:
        if self.run.earlier is None:
            return {}
        return {
            "adjustment": row["adjustment_fen"],
            "open": row["setoff_before_fen"],
            "left": row["setoff_after_fen"],
        }

    def _pool_fields(self) -> list[Field]:
        t = self.t
        return [
            Field("month", t("月份", "Month")),
            Field("pool", t("险种", "Pool")),
            Field("name", t("险种名称", "Pool name"), width=18),
            Field("budget", t("月度预算", "Budget of the month"), "yuan", total=True),
            Field("cases", t("病例数", "Cases"), "count", total=True),
            Field("before", t("病例点数", "Points of cases"), "points", total=True),
            Field("correction", t("再住院冲正点数", "Correction points"), "points", total=True),
            Field("points", t("点数", "Points"), "points", "{before}+{correction}", total=True),
            Field("recorded", t("统筹基金记账", "Recorded fund"), "yuan", total=True),
            Field("not_pool", t("按点数病例非统筹支付", "Not-pool, by points"), "yuan", total=True),
            Field("money", t("点数外应付", "Due outside of points"), "yuan", total=True),
            Field("value", t("暂定点值", "Provisional value"), "value", VALUE_FORMULA),
            Field("payment", t("应预付", "Payment"), "yuan", total=True),
            Field("suspended", t("其中暂停支付", "Suspended"), "yuan", total=True),
            *self._adjusted_fields(),
            Field("paid", t("实付", "Paid"), "yuan", self._paid, total=True),
            Field("kept", t("留存保证金", "Kept as deposit"), "yuan", total=True),
        ]

    def _pool(self, row: Record) -> Mapping[str, Any]:
        return {
            "month": row["month"],
            "pool": row["pool"],
            "name": row["name"],
            "budget": row["budget_fen"],
            "cases": row["cases"],
            "before": row["points_before"],
            "correction": row["correction_points"],
            "points": row["points"],
            "recorded": row["recorded_fund_fen"],
            "not_pool": row["not_pool_by_points_fen"],
            "money": row["money_fen"],
            "value": value_fraction(row),
            "payment": row["payment_fen"],
            "suspended": row["suspended_fen"],
            **self._adjusted(row),
            "paid": row["paid_fen"],
            "kept": row["kept_fen"],
        }

    def _hospital_fields(self) -> list[Field]:
        t = self.t
        fields = [
            Field("month", t("月份", "Month")),
            Field("hospital_id", t("医疗机构编码", "Hospital id")),
            Field("name", t("医疗机构", "Hospital"), "wide"),
            Field("pool", t("险种", "Pool")),
            Field("cases", t("病例数", "Cases"), "count", total=True),
            Field("before", t("病例点数", "Points of cases"), "points", total=True),
            Field("correction", t("再住院冲正点数", "Correction points"), "points", total=True),
            Field("points", t("点数", "Points"), "points", "{before}+{correction}", total=True),
            Field("recorded", t("统筹基金记账", "Recorded fund"), "yuan", total=True),
            Field("not_pool", t("按点数病例非统筹支付", "Not-pool, by points"), "yuan", total=True),
            Field("money", t("点数外应付", "Due outside of points"), "yuan", total=True),
            Field("due", t("暂定应付", "Provisional due"), "yuan", total=True),
            Field("last_year", t("上年同月记账", "Last year's month"), "yuan"),
            Field("payment", t("应预付", "Payment"), "yuan", total=True),
            Field("suspended", t("其中暂停支付", "Suspended"), "yuan", total=True),
            *self._adjusted_fields(),
            Field("paid", t("实付", "Paid"), "yuan", self._paid, total=True),
            Field("kept", t("留存保证金", "Kept as deposit"), "yuan", total=True),
        ]
        return fields

    def _hospital(self, row: Record) -> Mapping[str, Any]:
        return {
            **self._pool({**row, "budget_fen": 0, "point_value_fraction": None}),
            "hospital_id": row["hospital_id"],
            "due": row["provisional_due_fen"],
            "last_year": row["last_year_fund_fen"],
        }

    def _suspended(self, total: str) -> None:
        t = self.t
        fields = [
            Field("month", t("月份", "Month")),
            Field("hospital_id", t("医疗机构编码", "Hospital id")),
            Field("name", t("医疗机构", "Hospital"), "wide"),
            Field("pool", t("险种", "Pool")),
            Field("recorded", t("统筹基金记账", "Recorded fund"), "yuan", total=True),
            Field("last", t("上年同月记账", "Last year's month"), "yuan", total=True),
            Field("limit", t("增幅上限", "Growth limit"), "ratio"),
            Field("normal", t("正常额度", "Normal up to"), "yuan", total=True),
            Field("payment", t("应预付", "Payment"), "yuan", total=True),
            Field("suspended", t("暂停支付", "Suspended"), "yuan", total=True),
            Field("paid", t("实付", "Paid"), "yuan", "{payment}-{suspended}", total=True),
        ]
        rows = [
            {
                "month": r["month"],
                "hospital_id": r["hospital_id"],
                "name": r["name"],
                "pool": r["pool"],
                "recorded": r["recorded_fund_fen"],
                "last": r["last_year_fund_fen"],
                "limit": Fraction(r["growth_limit"]),
                "normal": r["normal_fund_fen"],
                "payment": r["payment_fen"],
                "suspended": r["suspended_fen"],
                "paid": r["paid_fen"],
            }
            for r in self.run.suspended
        ]
        self.book.listing(t("暂停支付", "Suspended"), fields, rows, total=total)

    def _corrections(self, total: str) -> None:
        t = self.t
        fields = [
            Field("case_id", t("病例号", "Case"), width=24),
            Field("hospital_id", t("医疗机构编码", "Hospital id")),
            Field("pool", t("险种", "Pool")),
            Field("drg", t("病组", "DRG")),
            Field("month", t("病例月份", "Month of the stay")),
            Field("correction_month", t("冲正月份", "Month of the correction")),
            Field("points_before", t("原点数", "Points before"), "points", total=True),
            Field("correction_points", t("冲正点数", "Correction"), "points", total=True),
            Field(
                "points_after", t("冲正后点数", "Points after"), "points",
                "{points_before}+{correction_points}", total=True,
            ),
        ]  # fmt: skip
        self.book.listing(t("再住院冲正", "Corrections"), fields, self.run.corrections, total=total)

    def _adjustments(self, total: str) -> None:
        t = self.t
        fields = [
            Field("month", t("计入月份", "In month")),
            Field("of_month", t("所属月份", "Of month")),
            Field("hospital_id", t("医疗机构编码", "Hospital id")),
            Field("name", t("医疗机构", "Hospital"), "wide"),
            Field("pool", t("险种", "Pool")),
            Field("cases_before", t("原病例数", "Cases then"), "count"),
            Field("cases_now", t("现病例数", "Cases now"), "count"),
            Field("recorded_fund_before_fen", t("原记账", "Recorded then"), "yuan"),
            Field("recorded_fund_now_fen", t("现记账", "Recorded now"), "yuan"),
            Field("payment_before_fen", t("原应预付", "Payment then"), "yuan", total=True),
            Field("payment_now_fen", t("现应预付", "Payment now"), "yuan", total=True),
            Field("suspended_before_fen", t("原暂停", "Suspended then"), "yuan", total=True),
            Field("suspended_now_fen", t("现暂停", "Suspended now"), "yuan", total=True),
            Field(
                "adjustment_fen", t("调整", "Adjustment"), "yuan",
                "{payment_now_fen}-{suspended_now_fen}-{payment_before_fen}+{suspended_before_fen}",
                total=True,
            ),
            Field("kept_before_fen", t("原留存保证金", "Kept then"), "yuan", total=True),
            Field("kept_now_fen", t("现留存保证金", "Kept now"), "yuan", total=True),
        ]  # fmt: skip
        self.book.listing(
            t("以前月份调整", "Adjustments"), fields, self.run.adjustments, total=total
        )

    def _ceiling(self) -> None:
        """What is paid beside the control target, reserves inside it taken off."""
        t, found = self.t, self.run.manifest["ceiling"]
        if found is None:
            return
        from drgpay.names.codes import MODES

        rows = []
        for p in found["payments"]:
            mode = MODES[p["mode"]]
            name = f"{mode.of(self.w.lang)} {p['name']}".strip()
            rows.append({"name": name, "amount": p["amount_fen"]})
        rows.append({"name": t("合计", "together"), "amount": found["total_fen"]})
        target = t("总额控制目标", "control target")
        rows.append({"name": target, "amount": found["control_target_fen"]})
        rows += [{"name": text, "amount": fen} for text, fen in ceiling_lines(found, t)]
        fields = [
            Field("name", t("项目", "What"), "long"),
            Field("amount", t("金额", "Amount"), "yuan"),
        ]
        self.book.listing(t("总额控制", "Ceiling"), fields, rows)

    def _parameters(self) -> None:
        """The parameters that the months hang on, those without a verified source first."""
        w = self.w
        fields = [
            Field("name", w("p_name"), "wide"),
            Field("key", self.t("代码", "Key"), width=24),
            Field("value", w("p_value"), "wide"),
            Field("unit", w("p_unit"), width=12),
            Field("verified", w("x_verified"), width=9),
            Field("source", w("p_source"), "long"),
            Field("period", w("p_period"), width=24),
        ]
        rows = [
            {
                "name": str(p.get("name") or p["key"]),
                "key": p["key"],
                "value": parameter_value(p["value"], p.get("unit") or "", w, p["key"]),
                "unit": w.of(UNITS, p.get("unit") or ""),
                "verified": w("yes" if p["verified"] else "no"),
                "source": source_text(p, w),
                "period": f"{p.get('from') or ''} – {p.get('to') or w('open_end')}",
            }
            for p in self.run.used_parameters
        ]
        self.book.listing(w("x_parameters"), fields, rows)

    def _ties(self) -> None:
        """The sums of the months beside the year's, with differences as formulas."""
        t, book = self.t, self.book
        name = t("各月与全年", "Months and year")
        sheet = book.sheet(name)
        heads = [t("项目", "What"), t("险种", "Pool"), t("各月合计", "Months"), t("全年", "Year"),
                 t("差额", "Difference")]  # fmt: skip
        sheet.set_column(0, 0, 44)
        sheet.set_column(1, 1, 14)
        sheet.set_column(2, 4, 22)
        for column, text in enumerate(heads):
            sheet.write_string(0, column, text, book.head)
        sheet.freeze_panes(1, 1)
        kinds = {"fen": "yuan", "points": "points", "cases": "count"}
        for line, row in enumerate(self.run.ties, start=1):
            kind = kinds[row["unit"]]
            book.put(sheet, line, 0, self.t(row["name"], row["name_en"]), "text")
            book.put(sheet, line, 1, row["pool"], "text")
            book.put(sheet, line, 2, row["months"], kind)
            book.put(sheet, line, 3, row["year"], kind)
            value = exact(row["difference"], kind)
            book.formula(sheet, line, 4, f"=C{line + 1}-D{line + 1}", value, kind)

    def _checks(self) -> None:
        t, lang = self.t, self.w.lang
        rows: Sequence[Mapping[str, Any]] = [
            {
                "name": c[f"text_{lang}"],
                "detail": c["detail"],
                "result": t("通过", "passed") if c["passed"] else t("未通过", "FAILED"),
            }
            for c in self.run.manifest["checks"]
        ]
        fields = [
            Field("name", t("核对", "Check"), "long"),
            Field("detail", t("数目", "Figures"), "wide"),
            Field("result", t("结果", "Result")),
        ]
        self.book.listing(t("核对", "Checks"), fields, rows)


VALUE_FORMULA = "({budget}-{money}+{not_pool})/{points}"
