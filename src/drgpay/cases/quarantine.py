"""Rows that cannot go on: where they stand, what is wrong with them and what to do.

One visible list of reasons; each names its column, so that a clerk finds the cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is quarantined, and the remedy, in Chinese and English."""

    code: str
    chinese: str
    english: str
    remedy_chinese: str
    remedy_english: str


REASONS: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason(
            "row_broken",
            "这一行的字段数与表头不符",
            "the row has another number of fields than the header",
            "含逗号或换行的内容加引号，补齐字段",
            "quote fields with commas or line ends; complete the row",
        ),
        Reason("case_id_missing", "缺少病例号", "no case id", "补填病例号", "fill in the case id"),
        Reason(
            "sex_invalid",
            "性别缺失或不是M、F",
            "sex is missing or not M or F",
            "按病案首页填M或F",
            "enter M or F as on the front page",
        ),
        Reason(
            "age_invalid",
            "年龄缺失或不是0至150的数",
            "age is missing or not a number from 0 to 150",
            "填入院时的周岁数，不足一周岁填0并另填日龄",
            "enter completed years; 0 below one year, with age_days",
        ),
        Reason(
            "principal_missing",
            "缺少主要诊断",
            "no principal diagnosis",
            "补填主要诊断编码，放在第一位",
            "enter the principal diagnosis first",
        ),
        Reason(
            "count_invalid",
            "不是0至1000000的数",
            "not a number from 0 to 1,000,000",
            "改为整数，未知则留空",
            "enter a whole number, or leave it empty",
        ),
        Reason(
            "flag_invalid",
            "不是0或1",
            "not 0 or 1",
            "改为0或1，未知则留空",
            "enter 0 or 1, or nothing",
        ),
        Reason(
            "date_invalid",
            "缺失或不是日期",
            "missing or not a date",
            "按2024-03-01的样式填写",
            "write it like 2024-03-01",
        ),
        Reason(
            "dates_reversed",
            "出院早于入院",
            "discharged before admitted",
            "核对出入院日期",
            "check both dates",
        ),
        Reason(
            "money_invalid",
            "缺失或不是最多两位小数的金额（元）",
            "missing or not an amount in yuan with at most two decimals",
            "改为以元为单位、最多两位小数的数",
            "enter yuan with at most two decimals",
        ),
        Reason(
            "money_negative",
            "金额为负",
            "negative amount",
            "退费应与原结算冲抵后上报",
            "net refunds with the settlement they belong to",
        ),
        Reason(
            "fund_above_cost",
            "统筹基金支付大于总费用",
            "the pooled fund paid more than the total cost",
            "核对两项金额",
            "check both amounts",
        ),
        Reason(
            "hospital_unknown",
            "医疗机构不在hospitals.csv中",
            "hospital not in hospitals.csv",
            "更正编码，或在hospitals.csv中增加该机构",
            "correct the id or add the hospital",
        ),
        Reason(
            "pool_unknown",
            "险种不在region.toml中",
            "pool not in region.toml",
            "更正险种，或在region.toml中增加",
            "correct the pool or add it",
        ),
        Reason(
            "payment_mode_unknown",
            "支付方式不认识",
            "unknown payment mode",
            "填drg、day_surgery或bed_day",
            "enter drg, day_surgery or bed_day",
        ),
        Reason(
            "bed_day_class_missing",
            "按床日付费但没有床日类别",
            "paid by bed-day without a class",
            "补填床日类别",
            "enter the bed-day class",
        ),
        Reason(
            "bed_day_rate_missing",
            "床日类别没有标准",
            "no rate for the bed-day class",
            "在bed_day_rates.csv中增加该类别",
            "add the class to bed_day_rates.csv",
        ),
        Reason(
            "outside_year",
            "不属于本清算年度",
            "belongs to another year",
            "移至所属年度的数据中",
            "move it to the data of its year",
        ),
        Reason(
            "duplicate_case",
            "病例号重复",
            "the case id stands more than once",
            "删去重复的行，或更正病例号",
            "remove the double row or correct the id",
        ),
    )
}

REVIEW_NOTES: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason(
            "review_without_effect",
            "特病单议的病例既不是高倍率也不是未入组，评审不起作用",
            "the reviewed case is neither high-cost nor outside a stable group: no effect",
            "核对评审结果",
            "check the decision",
        ),
        Reason(
            "review_case_unknown",
            "特病单议的病例不在已支付病例中",
            "the reviewed case is not among the paid cases",
            "核对病例号",
            "check the case id",
        ),
    )
}

SCHEMA = pa.schema(
    [
        (name, pa.int64() if name == "row" else pa.string())
        for name in ("file", "row", "case_id", "column", "value", "reason", "message", "remedy")
    ]
)
MAX_SHOWN = 120


@dataclass
class Quarantine:
    """Collects quarantined rows as they are met; `rows` is in the order of the input."""

    rows: list[tuple[str, int, str, str, str, str]] = field(default_factory=list)

    def add(
        self, file: str, row: int, case_id: str | None, column: str, value: object, reason: str
    ) -> None:
        """Note one row: `row` counts from 1 for the first case of the file."""
        shown = "" if value is None else str(value)
        if len(shown) > MAX_SHOWN:
            shown = shown[:MAX_SHOWN] + "…"
        self.rows.append((file, row, case_id or "", column, shown, reason))

    def __len__(self) -> int:
        return len(self.rows)

    def table(self, lang: str = "zh") -> pa.Table:
        """Return the rows with message and remedy in the language asked for."""
        known = {**REASONS, **REVIEW_NOTES}
        reasons = [known[row[5]] for row in self.rows]
        messages = [r.chinese if lang == "zh" else r.english for r in reasons]
        remedies = [r.remedy_chinese if lang == "zh" else r.remedy_english for r in reasons]
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * 6
        return pa.table([*columns, messages, remedies], schema=SCHEMA)
