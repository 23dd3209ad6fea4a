"""The columns of previewed cases, declared once: type, words, meaning.

Files of previews have them in this order; amounts are whole fen, but in workbooks, where they are
yuan, and points have four decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from drgpay.ground.errors import Bilingual, both
from drgpay.names.run_tables import POINTS

WORD = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column of previews; `rows` of quarantined rows alone."""

    kind: pa.DataType
    name: Bilingual
    meaning: str = ""


PREVIEW_COLUMNS: Mapping[str, PreviewColumn] = {
    name: PreviewColumn(kind, both(zh, en), *meaning)
    for name, kind, zh, en, *meaning in (
        ("row", pa.int64(), "行", "Row", "在上传文件中的行号"),
        ("case_id", pa.string(), "病例号", "Case id"),
        ("hospital_id", WORD, "医疗机构编码", "Hospital id"),
        ("pool", WORD, "险种", "Pool"),
        ("department", WORD, "出院科别", "Department"),
        ("discharge_date", pa.date32(), "出院日期", "Discharged"),
        ("days", pa.int32(), "住院天数", "Days", "按已发布政策的规则计"),
        ("mdc", WORD, "MDC", "MDC"),
        ("mdc_name", WORD, "MDC名称", "Name of the MDC"),
        ("adrg", WORD, "ADRG", "ADRG"),
        ("adrg_name", WORD, "ADRG名称", "Name of the ADRG"),
        ("drg", WORD, "DRG", "DRG"),
        ("drg_name", WORD, "病组名称", "Name of the DRG"),
        ("status", WORD, "分组状态", "Status"),
        ("reason", WORD, "原因", "Reason"),
        ("severity", WORD, "严重程度", "Severity"),
        ("severity_diagnosis", WORD, "决定严重程度的诊断", "Diagnosis that decides the severity"),
        ("scheme", WORD, "分组方案", "Scheme"),
        ("case_class", WORD, "病例类型", "Class"),
        ("paid_by", WORD, "计付方式", "Paid by", "按点数、按金额，或暂不支付"),
        ("doubts", WORD, "存疑的检查结果", "Findings that hold", "政策规定核实前暂不支付的"),
        ("points", POINTS.arrow, "点数", "Points", "四位小数；暂不支付的为0"),
        (
            "expected_fen",
            pa.int64(),
            "预计支付",
            "Expected payment",
            "点数×最新公布的点值；暂不支付的为空",
        ),
        ("total_cost_fen", pa.int64(), "总费用", "Total cost"),
        ("over_cost_fen", pa.int64(), "支付减费用", "Payment less cost", "预计支付减总费用"),
        ("payment_over_cost", POINTS.arrow, "支付比费用", "Payment over cost", "四位小数"),
        ("due_fen", pa.int64(), "预计应付", "Expected due", "预计支付减非统筹支付"),
        ("unpriced", WORD, "无点数的原因", "Why no points"),
        ("fault_column", pa.string(), "有误的列", "Faulty column"),
        ("fault_value", pa.string(), "有误的值", "Faulty value"),
    )
}
PREVIEW_SCHEMA = pa.schema([(name, column.kind) for name, column in PREVIEW_COLUMNS.items()])
