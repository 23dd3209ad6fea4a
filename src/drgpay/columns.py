"""Every column of a case, declared once: name, kind, unit, meaning, Chinese headers.

Readers, checks, the synthetic region and the documents come from this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

KINDS = ("text", "sex", "count", "money", "date", "flag", "codes")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` decides how values are read; `unit` is empty for texts and codes.

    `required_for` is `grouping`, `settlement` or empty; a missing value elsewhere is unknown.
    """

    name: str
    kind: str
    unit: str
    chinese: str
    meaning: str
    required_for: str = ""
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


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
)

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
