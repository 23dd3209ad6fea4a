"""Every column of a case, declared once: name, kind, unit, meaning, Chinese headers.

Readers, checks, the synthetic region and the documents come from this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

KINDS = ("text", "sex", "count", "money", "date", "flag", "codes", "dates", "words")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` decides how values are read; `unit` is empty for texts and codes.

    `required_for` is `grouping`, `settlement` or empty; a missing value elsewhere is unknown.
    `extra` marks what neither grouping nor settlement asks for: checks, refunds and signals do.
    """

    name: str
    kind: str
    unit: str
    chinese: str
    meaning: str
    required_for: str = ""
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    extra: bool = False


CASE_COLUMNS: tuple[Column, ...] = (
    Column("case_id", "text", "", "病例号", "一次住院的唯一编号", "grouping", ("结算ID", "病案号")),
    Column(
        "hospital_id", "text", "", "医疗机构编码", "定点医疗机构编码", "settlement", ("机构编码",)
    ),
    Column(
        "patient_id",
        "text",
        "",
        "参保人编号",
        "同一参保人各次住院相同，用于再入院判断",
        "",
        ("人员编号",),
    ),
    Column(
        "pool",
        "text",
        "",
        "险种",
        "310职工、390居民，或统筹区自定",
        "settlement",
        ("基金", "险种类型"),
    ),
    Column("sex", "sex", "", "性别", "M男、F女", "grouping"),
    Column("age_years", "count", "years", "年龄", "入院时周岁", "grouping", ("周岁", "年龄（岁）")),
    Column(
        "age_days",
        "count",
        "days",
        "不足一周岁年龄",
        "不足一周岁者的日龄",
        "",
        ("日龄", "年龄（天）"),
    ),
    Column("birth_weight_g", "count", "g", "新生儿出生体重", "克", "", ("出生体重",)),
    Column("admission_date", "date", "", "入院日期", "", "settlement", ("入院时间",)),
    Column("discharge_date", "date", "", "出院日期", "", "settlement", ("出院时间",)),
    Column("settlement_date", "date", "", "结算日期", "空缺时按出院日期", "", ("结算结束日期",)),
    Column(
        "los_days", "count", "days", "住院天数", "空缺时由出入院日期推算", "", ("实际住院天数",)
    ),
    Column("discharge_way", "text", "", "离院方式", "1医嘱离院 2转院 3转社区 4非医嘱 5死亡 9其他"),
    Column("icu", "flag", "", "重症监护", "本次住院是否进入重症监护"),
    Column("department", "text", "", "出院科别", ""),
    Column("diagnoses", "codes", "", "诊断编码", "主要诊断在前，以|分隔", "grouping", ("诊断",)),
    Column("procedures", "codes", "", "手术操作编码", "主要手术在前，以|分隔", "", ("手术操作",)),
    Column(
        "total_cost", "money", "yuan", "总费用", "医疗总费用，元", "settlement", ("医疗总费用",)
    ),
    Column(
        "pool_fund",
        "money",
        "yuan",
        "统筹基金支付",
        "统筹基金记账，元",
        "settlement",
        ("统筹支付",),
    ),
    Column("personal_paid", "money", "yuan", "个人支付", "元"),
    Column("other_paid", "money", "yuan", "其他支付", "大病、公务员、救助等，元"),
    Column(
        "payment_mode",
        "text",
        "",
        "支付方式",
        "drg按病组、day_surgery日间手术、bed_day按床日",
        choices=("drg", "day_surgery", "bed_day"),
    ),
    Column("bed_day_class", "text", "", "床日类别", "按床日付费的类别"),
    Column("referral_group", "text", "", "转诊组", "医共体内视为一次住院的各次住院相同"),
    Column("birth_date", "date", "", "出生日期", "", extra=True),
    Column("admission_weight_g", "count", "g", "新生儿入院体重", "克", extra=True),
    Column("admission_way", "text", "", "入院途径", "1急诊 2门诊 3转入 9其他", extra=True),
    Column("ventilator_time", "text", "", "呼吸机使用时长", "天/小时/分钟，如1/13/24", extra=True),
    Column(
        "procedure_dates", "dates", "", "手术操作日期", "与手术操作编码同序，以|分隔", extra=True
    ),
    Column(
        "admission_conditions",
        "words",
        "",
        "入院病情",
        "与诊断编码同序，以|分隔：1有 2临床未确定 3情况不明 4无",
        extra=True,
    ),
    Column("diagnosis_count", "count", "", "诊断代码计数", "首页填报的诊断个数", extra=True),
    Column(
        "procedure_count", "count", "", "手术操作代码计数", "首页填报的手术操作个数", extra=True
    ),
    Column("items_total", "money", "yuan", "收费项目合计", "各收费项目金额之和，元", extra=True),
    Column("own_paid", "money", "yuan", "个人自费", "目录外由个人负担，元", extra=True),
    Column("planned_readmission", "flag", "", "31天内再住院计划", "", extra=True),
    Column("refund", "flag", "", "退费标志", "本行冲减此前的一次结算", extra=True),
    Column("refund_of", "text", "", "原结算ID", "退费所冲减的病例号", extra=True),
    Column("code_system", "text", "", "编码版本", "诊断与手术编码所属的编码版本", extra=True),
)
CORE_COLUMNS: tuple[Column, ...] = tuple(column for column in CASE_COLUMNS if not column.extra)

BY_NAME: Mapping[str, Column] = {column.name: column for column in CASE_COLUMNS}
GROUPING_COLUMNS = (
    "case_id",
    "sex",
    "age_years",
    "age_days",
    "birth_weight_g",
    "los_days",
    "icu",
    "diagnoses",
    "procedures",
)
_HEADERS: Mapping[str, str] = {
    header: column.name
    for column in CASE_COLUMNS
    for header in (column.name, column.chinese, *column.aliases)
}
NUMBERED = {"diagnosis_": "diagnoses", "procedure_": "procedures"}
NUMBERED_CHINESE = {
    "诊断": "diagnosis_",
    "诊断编码": "diagnosis_",
    "手术操作": "procedure_",
    "手术操作编码": "procedure_",
}


def canonical_name(header: str) -> str | None:
    """Return the column that a header means, or None for a column that is not ours.

    >>> canonical_name("总费用"), canonical_name("诊断2"), canonical_name("remark")
    ('total_cost', 'diagnosis_2', None)
    """
    text = header.strip().lstrip("\ufeff")
    if text in _HEADERS:
        return _HEADERS[text]
    for chinese, prefix in NUMBERED_CHINESE.items():
        if text.startswith(chinese) and text[len(chinese) :].isdigit():
            return f"{prefix}{int(text[len(chinese) :])}"
    for prefix in NUMBERED:
        if text.startswith(prefix) and text[len(prefix) :].isdigit():
            return text
    return None


def required(columns: Iterable[str], purpose: str) -> list[str]:
    """Return the required columns of a purpose that are missing among `columns`.

    Numbered columns `diagnosis_1` … stand for `diagnoses`. Settlement requires grouping's too.
    """
    present = set(columns)
    present |= {NUMBERED[name.rstrip("0123456789")] for name in present if _numbered(name)}
    purposes = {"grouping"} if purpose == "grouping" else {"grouping", "settlement"}
    return [c.name for c in CASE_COLUMNS if c.required_for in purposes and c.name not in present]


def _numbered(name: str) -> bool:
    return name.rstrip("0123456789") in NUMBERED and name[-1:].isdigit()
