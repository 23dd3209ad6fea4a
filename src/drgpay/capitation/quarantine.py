"""Rows of persons and visits that cannot be used: where, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.quarantine import MAX_SHOWN, Reason

Mask = NDArray[np.bool_]

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
        Reason(
            "stored_as_number",
            "编号被存为数字，超过15位的数字已经丢失",
            "an id is stored as a number: digits beyond the fifteenth are lost",
            "把这一列的格式设为文本，再从原系统重新导出",
            "format the column as text, then export it again",
        ),
        Reason("id_missing", "缺少编号", "no id", "补填编号", "fill in the id"),
        Reason(
            "kind_unknown",
            "人员类别缺失或不认识",
            "the kind of person is missing or unknown",
            "填居民、灵活就业、大学生或职工（resident、flexible、student、employee）",
            "enter resident, flexible, student or employee",
        ),
        Reason(
            "months_invalid",
            "参保月数缺失或不是1至12的整数",
            "months insured are missing or not a whole number from 1 to 12",
            "填本年度参保的月数，1至12；全年未参保的人不列入",
            "enter the months insured in the year, 1 to 12; leave out who was never insured",
        ),
        Reason(
            "sex_invalid",
            "性别不是男、女",
            "sex is not M or F",
            "填男或女（M或F、1或2），未知则留空",
            "enter M or F, 1 or 2, or nothing",
        ),
        Reason(
            "age_invalid",
            "年龄不是0至150的数",
            "age is not a number from 0 to 150",
            "填周岁数，未知则留空",
            "enter completed years, or nothing",
        ),
        Reason(
            "flag_invalid",
            "不是是或否",
            "not yes or no",
            "填是或否（1或0），未知则留空",
            "enter 0 or 1, or nothing",
        ),
        Reason(
            "community_unknown",
            "签约医共体不在communities表中",
            "the signed community is not in the table of communities",
            "更正签约医共体，或在communities表中增加",
            "correct it, or add it to the table of communities",
        ),
        Reason(
            "risk_cell_none",
            "没有一个风险单元适用于此人",
            "no risk cell fits the person",
            "核对此人的性别、年龄、慢性病类别，或补全risk_cells表",
            "check sex, age and chronic class, or complete the table of risk cells",
        ),
        Reason(
            "risk_cell_several",
            "有一个以上的风险单元适用于此人",
            "more than one risk cell fits the person",
            "使risk_cells表的各单元互不重叠",
            "make the risk cells disjoint",
        ),
        Reason(
            "person_double",
            "参保人编号重复",
            "the person stands more than once",
            "一人只留一行；年内变动类别的，按年末类别填，月数合并",
            "keep one row a person, with all months of the year",
        ),
        Reason(
            "visit_double",
            "就诊号重复",
            "the visit stands more than once",
            "一次就诊只留一行；退费先与原结算冲抵",
            "keep one row a visit; net refunds first",
        ),
        Reason(
            "date_invalid",
            "缺失或不是日期",
            "missing or not a date",
            "按2024-03-01的样式填写，数字用半角",
            "write it like 2024-03-01",
        ),
        Reason(
            "outside_year",
            "不属于本清算年度",
            "belongs to another year",
            "移至所属年度的数据中",
            "move it to the data of its year",
        ),
        Reason(
            "money_invalid",
            "缺失或不是最多两位小数的金额（元）",
            "missing or not an amount in yuan with at most two decimals",
            "改为以元为单位、最多两位小数的数，数字和标点用半角",
            "enter yuan with at most two decimals, in half-width digits",
        ),
        Reason(
            "money_negative",
            "金额为负",
            "negative amount",
            "退费先与原结算冲抵，只留净额",
            "net refunds with their settlements first",
        ),
        Reason(
            "fund_above_cost",
            "统筹基金支付大于总费用",
            "the pooled fund paid more than the total cost",
            "核对两项金额",
            "check both amounts",
        ),
    )
}
SCHEMA = pa.schema(
    [
        (name, pa.int64() if name == "row" else pa.string())
        for name in ("file", "row", "id", "column", "value", "reason", "message", "remedy")
    ]
)


@dataclass
class Quarantined:
    """Collects quarantined rows; `row` is the file's own, as Excel shows it."""

    rows: list[tuple[str, int, str, str, str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, file: str, row: int, key: str, column: str, value: str, reason: str) -> None:
        """Note one row."""
        shown = value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…"
        self.rows.append((file, row, key, column, shown, reason))

    def counts(self) -> dict[str, int]:
        """Return how many rows each reason took."""
        out: dict[str, int] = {}
        for row in self.rows:
            out[row[5]] = out.get(row[5], 0) + 1
        return dict(sorted(out.items()))

    def table(self, lang: str = "zh") -> pa.Table:
        """Return the rows by file and row, with message and remedy in the language asked for."""
        rows = sorted(self.rows, key=lambda row: row[:2])
        reasons = [REASONS[row[5]] for row in rows]
        messages = [r.chinese if lang == "zh" else r.english for r in reasons]
        remedies = [r.remedy_chinese if lang == "zh" else r.remedy_english for r in reasons]
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        return pa.table([*columns, messages, remedies], schema=SCHEMA)


@dataclass
class RowFaults:
    """Notes the first fault of each row of a piece, and keeps the mask of good rows."""

    file: str
    numbers: NDArray[np.int64]
    table: pa.Table
    ids: pa.Array
    quarantine: Quarantined
    good: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.good = np.ones(len(self.table), dtype=np.bool_)

    def add(self, bad: Mask, column: str, reason: str) -> None:
        """Quarantine the rows of a mask that had no fault before."""
        for row in np.flatnonzero(bad & self.good).tolist():
            value = self.table[column][row].as_py() if column in self.table.column_names else None
            shown = "" if value is None else str(value)
            key = self.ids[row].as_py() or ""
            self.quarantine.add(self.file, int(self.numbers[row]), key, column, shown, reason)
        self.good &= ~bad
