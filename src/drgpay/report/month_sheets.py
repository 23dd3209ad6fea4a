"""The tables of a month's payments, each said once for page and workbook."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from drgpay.ground.languages import choosing
from drgpay.names.codes import MODES
from drgpay.names.run_columns import label
from drgpay.runs.reader import Record

from . import amounts
from .month_folder import MonthFolder, value_fraction
from .sections import ceiling_lines, ceiling_sheet, parameter_rows
from .sheets import Field, Sheet
from .texts import Words

# columns that mean something of their own here: Chinese, English
OWN = {"name": ("医疗机构", "Hospital"), "value": ("暂定点值", "Provisional value")}
# kinds of columns that are not in yuan; all others are codes
KINDS = {
    "name": "wide", "value": "value", "cases": "count", "cases_before": "count", "cases_now": "count",
    "points_before": "points", "correction_points": "points", "points": "points",
}  # fmt: skip
ADJUSTED = ("adjustment_fen", "setoff_before_fen", "setoff_after_fen")
VALUE_FORMULA = "({budget_fen}-{money_fen}+{not_pool_by_points_fen})/{points}"
SUMMED = ("yuan", "points", "count")


class MonthSheets:
    """The sheets of one month's folder, or of twelve months, in one language."""

    def __init__(self, run: MonthFolder, w: Words) -> None:
        self.run, self.w, self.t = run, w, choosing(w.lang)

    def _field(self, key: str, table: str = "months_pools", **more: Any) -> Field:
        kind = "yuan" if key.endswith("_fen") else KINDS.get(key, "code")
        name = self.t(*OWN[key]) if key in OWN else label(table, key, self.w.lang)
        more.setdefault("total", kind in SUMMED)
        return Field(key, name, kind, **more)

    def _fields(self, keys: str) -> list[Field]:
        return [self._field(key) for key in keys.split()]

    def _paid(self, *, balances: bool = False) -> list[Field]:
        """Adjustments and what is paid; what is to be set off is not summed over months."""
        formula = "{payment_fen}-{suspended_fen}"
        if self.run.earlier is None:
            return [self._field("paid_fen", formula=formula)]
        formula += "+{adjustment_fen}-{setoff_before_fen}+{setoff_after_fen}"
        offs = [self._field(key, total=balances) for key in ADJUSTED[1:]]
        return [self._field(ADJUSTED[0]), *offs, self._field("paid_fen", formula=formula)]

    def pools(self) -> Sheet:
        """Each pool's month: what the provisional value is made of and what was paid."""
        fields = [
            *self._fields("month pool"),
            Field("name", self.t("险种名称", "Pool name"), width=18),
            *self._fields("budget_fen cases points_before correction_points"),
            self._field("points", formula="{points_before}+{correction_points}"),
            self._field("recorded_fund_fen", only="book"),
            *self._fields("not_pool_by_points_fen money_fen"),
            self._field("value", formula=VALUE_FORMULA),
            *self._fields("payment_fen suspended_fen"),
            *self._paid(),
            self._field("kept_fen", only="book"),
        ]
        rows = [{**r, "value": value_fraction(r)} for r in self.run.pools]
        return Sheet(self.t("险种各月", "Pools by month"), fields, rows, total=self.w("total"))

    def hospitals(self) -> Sheet:
        """Each hospital's month in each pool."""
        fields = [
            *self._fields("month hospital_id name pool cases points_before correction_points"),
            self._field("points", formula="{points_before}+{correction_points}"),
            *self._fields("recorded_fund_fen not_pool_by_points_fen money_fen provisional_due_fen"),
            self._field("last_year_fund_fen", total=False),
            *self._fields("payment_fen suspended_fen"),
            *self._paid(),
            self._field("kept_fen"),
        ]
        title = self.t("机构各月", "Hospitals by month")
        return Sheet(title, fields, self.run.hospitals, total=self.w("total"))

    def payments(self) -> Sheet:
        """What each hospital is paid: of the month, or of all months together."""
        fields = [
            self._field("hospital_id", only="book"),
            *self._fields("name pool cases points recorded_fund_fen"),
            self._field("recorded_fund_to_date_fen", only="book"),
            *self._fields("not_pool_by_points_fen provisional_due_fen payment_fen suspended_fen"),
            *self._paid(balances=True),
            self._field("paid_before_fen"),
            self._field("paid_to_date_fen", formula="{paid_before_fen}+{paid_fen}"),
            self._field("kept_fen", only="book"),
        ]
        rows = self._by_hospital() if self.run.every else self.run.now(self.run.hospitals)
        title = self.t(f"{self.run.month} 拨付", f"{self.run.month} payments")
        return Sheet(title, fields, rows, total=self.w("total"))

    def _by_hospital(self) -> list[Record]:
        """The sums of twelve months by hospital and pool."""
        sums: dict[tuple[str, str], Record] = {}
        for row in self.run.hospitals:
            own = sums.setdefault((row["pool"], row["hospital_id"]), {**row, "paid_before_fen": 0})
            if own["month"] != row["month"]:
                for key in (
                    "cases", "points", "recorded_fund_fen", "not_pool_by_points_fen",
                    "payment_fen", "suspended_fen", "paid_fen",
                ):  # fmt: skip
                    own[key] += row[key]
                dues = own["provisional_due_fen"], row["provisional_due_fen"]
                if dues != (None, None):
                    own["provisional_due_fen"] = sum(fen or 0 for fen in dues)
                own["paid_to_date_fen"] = row["paid_to_date_fen"]
        return [sums[key] for key in sorted(sums)]

    def suspended(self) -> Sheet:
        """Payments cut because the recorded fund grew abnormally."""
        limit = Field("limit", self.t("增幅上限", "Growth limit"), "ratio", only="book")
        growth = Field("growth", self.t("增长", "Growth"), "percent", only="page")
        fields = [
            self._field("month"),
            self._field("hospital_id", only="book"),
            *self._fields("name pool recorded_fund_fen last_year_fund_fen"),
            growth,
            limit,
            *self._fields("normal_fund_fen payment_fen suspended_fen"),
            self._field("paid_fen", formula="{payment_fen}-{suspended_fen}"),
        ]
        rows = [
            {
                **r,
                "limit": Fraction(r["growth_limit"]),
                "growth": amounts.percent(
                    r["recorded_fund_fen"] - r["last_year_fund_fen"],
                    r["last_year_fund_fen"], 2, signed=True,
                ),
            }
            for r in self.run.suspended
        ]  # fmt: skip
        return Sheet(self.t("暂停支付", "Suspended"), fields, rows, total=self.w("total"))

    def corrections(self) -> Sheet:
        """Points corrected because a readmission followed."""
        t = self.t
        fields = [
            Field("case_id", t("病例号", "Case"), "code", width=24),
            *self._fields("hospital_id pool"),
            Field("drg", t("病组", "DRG"), "code"),
            Field("month", t("病例月份", "Month of the stay"), "code"),
            Field("correction_month", t("冲正月份", "Month of the correction"), "code"),
            Field("points_before", t("原点数", "Points before"), "points", total=True),
            Field("correction_points", t("冲正点数", "Correction"), "points", total=True),
            Field(
                "points_after", t("冲正后点数", "Points after"), "points",
                "{points_before}+{correction_points}", total=True,
            ),
        ]  # fmt: skip
        title = t("再住院冲正", "Corrections")
        return Sheet(title, fields, self.run.corrections, total=self.w("total"))

    def adjustments(self) -> Sheet:
        """Where earlier months came out otherwise than they were booked."""
        formula = (
            "{payment_now_fen}-{suspended_now_fen}-{payment_before_fen}+{suspended_before_fen}"
        )
        own = partial(self._field, table="adjustments")
        compared = "cases_before cases_now recorded_fund_before_fen recorded_fund_now_fen"
        parts = "payment_before_fen payment_now_fen suspended_before_fen suspended_now_fen"
        fields = [
            own("month", only="book"),
            own("of_month"),
            own("hospital_id", only="book"),
            *self._fields("name pool"),
            *(own(key, total=False) for key in compared.split()),
            *(own(key, only="book") for key in parts.split()),
            *(own(key, total=False, only="page") for key in ("paid_before_fen", "paid_now_fen")),
            self._field("adjustment_fen", formula=formula),
            *(own(key, only="book") for key in ("kept_before_fen", "kept_now_fen")),
        ]
        title = self.t("以前月份调整", "Adjustments")
        return Sheet(title, fields, self.run.adjustments, total=self.w("total"))

    def ties(self) -> Sheet:
        """The sums of the months beside the year's."""
        t = self.t
        fields = [
            Field("name", t("项目", "What"), "wide", width=44),
            self._field("pool"),
            Field("months", t("各月合计", "Months"), "row"),
            Field("year", t("全年", "Year"), "row"),
            Field("difference", t("差额", "Difference"), "row", "{months}-{year}"),
        ]
        kinds = {"fen": "yuan", "points": "points", "cases": "count"}
        rows = [
            {**r, "name": t(r["name"], r["name_en"]), "kind": kinds[r["unit"]]}
            for r in self.run.ties
        ]
        return Sheet(t("各月与全年", "Months and year"), fields, rows)

    def ceiling(self) -> Sheet | None:
        """What is paid beside the control target, reserves inside it taken off."""
        found = self.run.manifest["ceiling"]
        if found is None:
            return None
        paid = [
            (f"{MODES[p['mode']].of(self.w.lang)} {p['name']}".strip(), p["amount_fen"])
            for p in found["payments"]
        ]
        lines = ceiling_lines(paid, found["control_target_fen"], found["reserves"], self.w)
        return ceiling_sheet(lines, self.w)

    def parameters(self, chosen: Sequence[Record]) -> Sheet:
        """Parameters that the months hang on."""
        w = self.w
        fields = [
            Field("name", w("p_name"), "wide"),
            Field("key", self.t("代码", "Key"), "code", width=24),
            Field("value", w("p_value"), "wide"),
            Field("unit", w("p_unit"), width=12),
            Field("verified", w("x_verified"), width=9, only="book"),
            Field("source", w("p_source"), "long"),
            Field("period", w("p_period"), width=24),
        ]
        rows = parameter_rows(chosen, w)
        for row, p in zip(rows, chosen, strict=True):
            if p.get("trial"):
                row["value"] += f"{w('colon')}{w('p_trial')}"
        return Sheet(w("x_parameters"), fields, rows)

    def checks(self) -> Sheet:
        t = self.t
        fields = [
            Field("name", t("核对", "Check"), "long"),
            Field("detail", t("数目", "Figures"), "wide"),
            Field("result", t("结果", "Result")),
        ]
        rows = [
            {
                "name": c[f"text_{self.w.lang}"],
                "detail": c["detail"],
                "result": t("通过", "passed") if c["passed"] else t("未通过", "FAILED"),
            }
            for c in self.run.manifest["checks"]
        ]
        return Sheet(t("核对", "Checks"), fields, rows)
