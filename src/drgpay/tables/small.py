"""The region's own small tables, CSV or Excel, with English or Chinese headers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from drgpay.cases.swallowed import SWALLOWED, first_swallowing
from drgpay.ground.csv_cells import restored_text
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.inputs import plain_file, read_input
from drgpay.names.columns import both_names

SUFFIXES = (".csv", ".xlsx", ".xls")
HEADERS: Mapping[str, tuple[str, ...]] = {
    "hospital_id": ("医疗机构编码", "机构编码"),
    "name": ("名称", "机构名称", "医疗机构名称"),
    "level": ("等级", "机构等级", "医保支付等级"),
    "community_id": ("医共体", "医共体编码"),
    "kind": ("类别", "机构类别"),
    "coefficient": ("差异系数", "系数"),
    "score": ("考核得分", "得分"),
    "drg": ("病组", "病组编码", "DRG", "DRG编码"),
    "group_mean_yuan": ("病组次均费用",),
    "weight": ("权重", "病组权重", "基准权重", "RW"),
    "stable": ("稳定病组", "是否稳定"),
    "bed_day_class": ("床日类别",),
    "rate_yuan": ("床日标准", "床日付费标准"),
    "case_id": ("病例号",),
    "decision": ("评审结论",),
    "unreasonable_yuan": ("不合理费用",),
    "note": ("备注",),
    "pool": ("险种",),
    "amount_yuan": ("金额", "扣减金额"),
    "reason": ("原因",),
    "prepaid_yuan": ("已预付", "预付金额"),
    "deposit_yuan": ("质量保证金", "保证金"),
    "standing": ("协议状态",),
    "component": ("组成部分",),
    "value": ("值",),
    "treatment_share": ("中治率",),
    "from_day": ("起始天数",),
    "points": ("点数",),
    "from": ("来源",),
    "month": ("月份",),
    "share": ("比重",),
    "fund_yuan": ("统筹基金",),
    "scheme": ("分组方案",),
    "from_date": ("起始日期", "开始日期"),
    "to_date": ("截止日期", "结束日期"),
    "item": ("项目", "项目编码", "目录编码"),
    "new_drg": ("更正病组", "更正后病组"),
    "document": ("文书", "文号"),
    "date": ("日期",),
    "region": ("统筹区",),
    "year": ("年度",),
    "months_sha256": ("月度结果摘要码",),
    "simulated": ("模拟",),
    "run_sha256": ("清算结果摘要码",),
    "sha256": ("本表摘要码",),
}
ENTRIES: Mapping[str, str] = {
    "id": "统筹区代号",
    "year": "清算年度",
    "policy": "政策",
    "scheme": "分组方案",
    "cases": "病例文件",
    "mapping": "对照文件",
    "all_drg_mean_yuan": "全部病例次均费用",
    "weight_rate_yuan": "费率",
    "budget_yuan": "年度预算总额",
    "out_of_area_fund_yuan": "异地就医基金",
    "last_year_fund_yuan": "上年基金支出",
    "control_target_yuan": "控制目标",
    "reserves": "预留",
    "payments": "其他支付",
    "inside_target": "在控制目标之内",
}
_MEANING = {
    **{name: name for name in HEADERS},
    **{chinese: name for name, several in HEADERS.items() for chinese in several},
}


class UnreadableTable(Exception):
    """A small table cannot be read as one; the text says why."""

    def __init__(self, text: Bilingual) -> None:
        self.text = text
        super().__init__(text)


def meaning(header: str) -> str:
    """Return the column that a header means, or the header itself.

    >>> meaning("差异系数"), meaning("金额（元）"), meaning("remark")
    ('coefficient', 'amount_yuan', 'remark')
    """
    text = header.strip().replace("(", "（").replace(")", "）").removesuffix("（元）")
    return _MEANING.get(text, header.strip())


def shown(name: str) -> str:
    """Return a column of a small table, or an entry of region.toml, as Chinese texts name it.

    >>> shown("rate_yuan"), shown("budget_yuan"), shown("remark")
    ('床日标准（rate_yuan）', '年度预算总额（budget_yuan）', 'remark')
    """
    return both_names(name, HEADERS[name][0] if name in HEADERS else ENTRIES.get(name, ""))


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return header and (line, fields) of a table; empty rows are left out.

    CSV is UTF-8 or GB18030; of an Excel file the first sheet counts. Raises UnreadableTable.
    """
    plain_file(path)
    rows = _excel_rows(path) if path.suffix.lower() != ".csv" else _csv_rows(path)
    if not rows:
        return [], []
    header = [meaning(word) for word in rows[0][1]]
    while header and not header[-1]:
        header.pop()
    return header, [(line, fields) for line, fields in rows[1:] if any(fields)]


def _csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    raw = read_input(path)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise UnreadableTable(
            both(
                "既不是UTF-8也不是GB18030编码，请另存为CSV UTF-8",
                "neither UTF-8 nor GB18030; save it as CSV UTF-8",
            )
        )
    if "\0" in text:
        raise UnreadableTable(
            both("含有空字节（NUL），请重新导出", "holds NUL bytes; export it again")
        )
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = [
            (n, [restored_text(field.strip()) for field in row]) for n, row in enumerate(reader, 1)
        ]
        swallowing = first_swallowing(rows)
    except csv.Error as error:
        raise UnreadableTable(both("不是CSV格式，请另存为CSV UTF-8", f"not CSV: {error}")) from None
    if swallowing is not None:
        raise UnreadableTable(
            both(f"第{swallowing}行：{SWALLOWED.chinese}", f"row {swallowing}: {SWALLOWED}")
        )
    return rows


def _excel_rows(path: Path) -> list[tuple[int, list[str]]]:
    from drgpay.cases.excel import first_sheet

    try:
        return [(line, [text.strip() for text in row]) for line, row in first_sheet(path)]
    except InputError as error:
        raise UnreadableTable(error.what) from None
