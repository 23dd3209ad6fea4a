"""Every column of a case, declared once: name, kind, unit, meaning, Chinese headers.

Readers, checks, the synthetic region and the documents come from this table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from drgpay.names.interface import names_of

KINDS = ("text", "sex", "count", "money", "date", "flag", "codes", "dates", "words")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` decides how values are read; `unit` is empty for texts and codes.

    `also`: other headers, between blanks; a field of the settlement list stands for all its names.
    `required_for` is `grouping`, `settlement` or empty; a missing value elsewhere is unknown.
    `extra` marks what settlement and most schemes do not ask for: some schemes, checks, refunds
    and signals do.
    """

    name: str
    kind: str
    chinese: str
    meaning: str = ""
    also: str = ""
    unit: str = ""
    required_for: str = ""
    choices: tuple[str, ...] = ()
    extra: bool = False
    ordered: bool = False  # where several aliases are given, the first one counts

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other headers by which it is known, without its name and its Chinese header."""
        own = (self.name, self.chinese)
        return tuple(n for word in self.also.split() for n in names_of(word) if n not in own)


# fmt: off
CASE_COLUMNS: tuple[Column, ...] = (  # a table: name, kind, Chinese header, meaning, other headers
    Column("case_id", "text", "病例号", "一次住院的唯一编号", "setl_id mdtrt_id medcasno 住院号",
           required_for="grouping", ordered=True),
    Column("hospital_id", "text", "医疗机构编码", "定点医疗机构编码",
           "机构编码 医院编码 医疗机构代码 fixmedins_code", required_for="settlement"),
    Column("patient_id", "text", "参保人编号",
           "同一参保人各次住院相同，用于再住院判断，政策有该规则时清算须有此列；不要用身份证号",
           "psn_no hi_no 患者编号", ordered=True),
    Column("pool", "text", "险种", "310职工、390居民，或统筹区自定", "基金 insutype hi_type",
           required_for="settlement", ordered=True),
    Column("sex", "sex", "性别", "M男、F女", "gend", required_for="grouping"),
    Column("age_years", "count", "年龄", "入院时周岁", "周岁 年龄（岁） age", unit="years",
           required_for="grouping"),
    Column("age_days", "count", "不足一周岁年龄", "不足一周岁者的日龄",
           "日龄 年龄（天） 年龄不足1周岁的年龄 （年龄不足1周岁的）年龄 nwb_age", unit="days"),
    Column("birth_weight_g", "count", "新生儿出生体重", "克", "出生体重 nwb_bir_wt", unit="g"),
    Column("admission_date", "date", "入院日期", "", "adm_time", required_for="settlement"),
    Column("discharge_date", "date", "出院日期", "", "dscg_time", required_for="settlement"),
    Column("settlement_date", "date", "结算日期", "空缺时按出院日期", "setl_end_date setl_time",
           ordered=True),
    Column("los_days", "count", "住院天数", "空缺时由出入院日期推算", "act_ipt_days 实际住院（天）",
           unit="days"),
    Column("discharge_way", "text", "离院方式", "1医嘱离院 2转院 3转社区 4非医嘱 5死亡 9其他",
           "dscg_way"),
    Column("icu", "flag", "重症监护", "本次住院是否进入重症监护", "是否重症监护 是否进入重症监护"),
    Column("icu_hours", "count", "重症监护时长", "本次住院重症监护的小时数；仅部分分组方案用到",
           "重症监护小时数 重症监护合计时长 ICU时长", unit="hours", extra=True),
    Column("special_charge", "text", "特殊收费",
           "费用中含有的项目：1人工血管 2连续性血液净化 3血液透析超过5次；仅部分分组方案用到",
           choices=("1", "2", "3"), extra=True),
    Column("department", "text", "出院科别", "", "出院科室 dscg_caty", ordered=True),
    Column("diagnoses", "codes", "诊断编码", "主要诊断在前，以|分隔", "诊断",
           required_for="grouping"),
    Column("procedures", "codes", "手术操作编码", "主要手术在前，以|分隔", "手术操作"),
    Column("total_cost", "money", "总费用", "医疗总费用，元", "医疗总费用 medfee_sumamt",
           unit="yuan", required_for="settlement"),
    Column("pool_fund", "money", "统筹基金支付", "统筹基金记账，元",
           "统筹支付 统筹支付金额 统筹基金支付金额 hifp_pay", unit="yuan",
           required_for="settlement", ordered=True),
    Column("personal_paid", "money", "个人支付", "元", "psn_pay", unit="yuan", ordered=True),
    Column("other_paid", "money", "其他支付", "大病、公务员、救助等，元", "其他支付金额",
           unit="yuan"),
    Column("payment_mode", "text", "支付方式", "drg按病组、day_surgery日间手术、bed_day按床日",
           choices=("drg", "day_surgery", "bed_day")),
    Column("bed_day_class", "text", "床日类别",
           "按床日付费的类别代码，与床日标准中的相同，如PSY（精神科）"),
    Column("referral_group", "text", "转诊组", "医共体内视为一次住院的各次住院相同"),
    Column("birth_date", "date", "出生日期", "", "出生年月日 brdy", extra=True),
    Column("admission_weight_g", "count", "新生儿入院体重", "克", "入院体重 nwb_adm_wt", unit="g",
           extra=True),
    Column("admission_way", "text", "入院途径", "1急诊 2门诊 3转入 9其他", "adm_way", extra=True),
    Column("ventilator_time", "text", "呼吸机使用时长", "天/小时/分钟，如1/13/24", "vent_used_dura",
           extra=True),
    Column("procedure_dates", "dates", "手术操作日期", "与手术操作编码同序，以|分隔", extra=True),
    Column("admission_conditions", "words", "入院病情",
           "与诊断编码同序，以|分隔：1有 2临床未确定 3情况不明 4无", extra=True),
    Column("diagnosis_count", "count", "诊断代码计数", "首页填报的诊断个数", "diag_code_cnt",
           extra=True),
    Column("procedure_count", "count", "手术操作代码计数", "首页填报的手术操作个数",
           "oprn_oprt_code_cnt", extra=True),
    Column("items_total", "money", "收费项目合计", "各收费项目金额之和，元", unit="yuan",
           extra=True),
    Column("own_paid", "money", "个人自费", "目录外由个人负担，元", "个人自费金额 psn_ownpay",
           unit="yuan", extra=True),
    Column("deductible", "money", "起付线", "本次住院实际支付的起付线，元；用于转诊起付线核对",
           "act_pay_dedc 实际支付起付线金额 起付线金额", unit="yuan", extra=True),
    Column("planned_readmission", "flag", "31天内再住院计划", "是或否", extra=True),
    Column("refund", "flag", "退费标志", "本行冲减此前的一次结算", "refd_setl_flag", extra=True),
    Column("refund_of", "text", "原结算ID", "退费所冲减的病例号", "init_setl_id", extra=True,
           ordered=True),
    Column("stay_number", "count", "住院次数",
           "第几次住院；病例号取自病案号或住院号时，与之合成病例号", "第几次住院", extra=True),
    Column("code_system", "text", "编码版本", "诊断与手术编码所属的编码版本", extra=True),
)
# fmt: on

BY_NAME: Mapping[str, Column] = {column.name: column for column in CASE_COLUMNS}
# the last two of infants, whose days they say
GROUPING_COLUMNS = (
    "case_id", "sex", "age_years", "age_days", "birth_weight_g", "los_days", "icu", "diagnoses",
    "procedures", "code_system", "birth_date", "admission_date",
)  # fmt: skip
# the codes that a coded column may hold, and the numbers that stand for them
CODED: Mapping[str, Mapping[str, int]] = {
    "sex": {"M": 1, "F": 2},
    "discharge_way": {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "9": 9},
    "special_charge": {"1": 1, "2": 2, "3": 3},
}
# what only some schemes' rules ask besides
GROUPING_MORE = ("icu_hours", "admission_weight_g", "discharge_way", "special_charge")
STAY_NUMBER = "stay_number"
NUMBERED = {"diagnosis_": "diagnoses", "procedure_": "procedures"}
# what a table may hold in place of a column: the codes behind the main one, or one column each
PARTS = {
    "other_diagnoses": "diagnoses",
    "other_procedures": "procedures",
    "date_of_procedure_": "procedure_dates",
    "condition_of_diagnosis_": "admission_conditions",
}
# of a table with a row for each code: what a mapping file says that its columns are
ROW_ORDER = "order_of_row"
ROW_PARTS: Mapping[str, str] = {
    "diagnosis_of_row": "诊断编码",
    "procedure_of_row": "手术操作编码",
    "code_of_row": "编码",
    "kind_of_row": "类别",
    ROW_ORDER: "序号",
}
UNITS = {
    "yuan": ("元", "人民币元"),
    "years": ("岁", "周岁"),
    "days": ("天", "日"),
    "hours": ("小时", "时"),
    "g": ("克", "g"),
}
_CODE = "(?P<code>编码|代码|icd编码|icd-?10编码)?"
_CODE_AFTER = "(?P<after>编码|代码)?"
_SURGERY = r"手术(?:(?:及|和|与|/|、)?操作|\(操作\))?"
_OTHER = "(?:其他|其它|次要)"
# pattern, column, what is added to its number; without 编码 a header may mean the name of the code
_PATTERNS: tuple[tuple[re.Pattern[str], str, int], ...] = tuple(
    (re.compile(pattern), name, more)
    for pattern, name, more in (
        (r"diagnosis_(?P<n>\d+)(?P<code>)", "diagnosis_", 0),
        (r"procedure_(?P<n>\d+)(?P<code>)", "procedure_", 0),
        (r"diag_code_?(?P<n>\d+)(?P<code>)", "diagnosis_", 0),
        (r"oprn_oprt_code_?(?P<n>\d+)(?P<code>)", "procedure_", 0),
        (rf"(?:出院)?(?:主要|主|第一)(?:出院)?诊断{_CODE}", "diagnosis_1", 0),
        (rf"(?:出院)?{_OTHER}(?:出院)?诊断{_CODE}", "other_diagnoses", 0),
        (rf"(?:出院)?{_OTHER}(?:出院)?诊断{_CODE}(?P<n>\d+){_CODE_AFTER}", "diagnosis_", 1),
        (rf"(?:出院)?诊断{_CODE}(?P<n>\d+){_CODE_AFTER}", "diagnosis_", 0),
        (rf"(?:出院)?诊断{_CODE}", "diagnoses", 0),
        (r"diag_code(?P<code>)", "diagnoses", 0),
        (r"other_diagnoses(?P<code>)", "other_diagnoses", 0),
        (r"other_procedures(?P<code>)", "other_procedures", 0),
        (rf"(?:主要|主){_SURGERY}{_CODE}", "procedure_1", 0),
        (rf"{_OTHER}{_SURGERY}{_CODE}", "other_procedures", 0),
        (rf"{_OTHER}{_SURGERY}{_CODE}(?P<n>\d+){_CODE_AFTER}", "procedure_", 1),
        (rf"{_SURGERY}{_CODE}(?P<n>\d+){_CODE_AFTER}", "procedure_", 0),
        (r"手术(?:(?:及|和|与|/|、)?操作|\(操作\))(?P<code>编码|代码)?", "procedures", 0),
        (r"手术(?P<code>编码|代码)", "procedures", 0),
        (r"oprn_oprt_code(?P<code>)", "procedures", 0),
        (rf"{_SURGERY}日期(?P<n>\d+)(?P<code>)", "date_of_procedure_", 0),
        (r"入院病情(?P<n>\d+)(?P<code>)", "condition_of_diagnosis_", 0),
    )
)
MAX_NUMBER = 999
PART_HEADERS = {
    "other_diagnoses": "其他诊断编码",
    "other_procedures": "其他手术操作编码",
    "date_of_procedure_": "手术操作日期",
    "condition_of_diagnosis_": "入院病情",
}


@lru_cache(maxsize=65_536)  # read with every table, for its first rows as well
def normal_header(header: str) -> str:
    """Return a header as it is compared: no blanks, half width, small letters, no mark of duty.

    >>> normal_header(" 总费用 （元）*"), normal_header("Case ID"), normal_header("主要诊断\\n编码")
    ('总费用(元)', 'case_id', '主要诊断编码')
    """
    text = unicodedata.normalize("NFKC", header).replace("\ufeff", "").lower()
    words = text.replace("*", " ").rstrip(" :").split()
    return ("_" if text.isascii() else "").join(words)


_HEADERS: Mapping[str, tuple[str, int]] = {
    normal_header(header): (column.name, rank if column.ordered else 0)
    for column in CASE_COLUMNS
    if column.kind != "codes"
    for rank, header in enumerate((column.chinese, *column.aliases))
} | {column.name: (column.name, 0) for column in CASE_COLUMNS}


@lru_cache(maxsize=65_536)  # a table's headers are asked for several times, and may be many
def meaning(header: str) -> tuple[str, int] | None:
    """Return the column that a header means and its rank, or None for a column that is not ours.

    Of several headers of one meaning the lowest rank counts, when it stands alone: 诊断编码1 before
    诊断1, which may hold names; 结算ID before 病案号. A unit in brackets must be the column's own.

    >>> meaning("主要诊断编码"), meaning("主要诊断"), meaning("主要诊断名称")
    (('diagnosis_1', 0), ('diagnosis_1', 1), None)
    >>> meaning("总费用（元）"), meaning("总费用（万元）")
    (('total_cost', 0), None)
    """
    text = normal_header(header)
    if text in _HEADERS:
        return _HEADERS[text]
    for pattern, name, more in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        parts = found.groupdict()
        rank = 0 if parts["code"] is not None or parts.get("after") else 1
        if "n" not in parts:
            return name, rank
        number = int(parts["n"])
        return (f"{name}{number + more}", rank) if 1 <= number <= MAX_NUMBER else None
    with_unit = re.fullmatch(r"(.+)[(\[](.+)[)\]]", text)
    if with_unit is not None:
        named = _HEADERS.get(with_unit[1])
        if named is not None and with_unit[2] in UNITS.get(BY_NAME[named[0]].unit, ()):
            return named
    return None


def canonical_name(header: str) -> str | None:
    """Return the column that a header means, or None for a column that is not ours.

    >>> canonical_name("总费用"), canonical_name("诊断2"), canonical_name("remark")
    ('total_cost', 'diagnosis_2', None)
    """
    found = meaning(header)
    return None if found is None else found[0]


def whole_of(name: str) -> str:
    """Return the column of which a numbered column or another part is one.

    >>> whole_of("diagnosis_3"), whole_of("other_procedures"), whole_of("sex")
    ('diagnoses', 'procedures', 'sex')
    """
    if name in ROW_PARTS:
        return "procedures" if name == "procedure_of_row" else "diagnoses"
    base = name.rstrip("0123456789")
    return NUMBERED.get(base, PARTS.get(base, name))


def chinese_header(name: str) -> str:
    """Return the Chinese header of a column, of a numbered one with its number; else the name.

    >>> chinese_header("total_cost"), chinese_header("diagnosis_2"), chinese_header("remark")
    ('总费用', '诊断编码2', 'remark')
    """
    if name in ROW_PARTS:
        return ROW_PARTS[name]
    base = name.rstrip("0123456789")
    number = name[len(base) :]
    if base in PART_HEADERS:
        return PART_HEADERS[base] + number
    if base in NUMBERED and number:
        return BY_NAME[NUMBERED[base]].chinese + number
    return BY_NAME[name].chinese if name in BY_NAME else name


def both_names(name: str, header: str = "") -> str:
    """Return a column as Chinese texts name it: its header, and its name in brackets.

    `header` is that of a table which is not one of cases.

    >>> both_names("total_cost"), both_names("score", "考核得分"), both_names("remark")
    ('总费用（total_cost）', '考核得分（score）', 'remark')
    """
    header = header or chinese_header(name)
    return name if header == name else f"{header}（{name}）"


def required(columns: Iterable[str], purpose: str) -> list[str]:
    """Return the required columns of a purpose that are missing among `columns`.

    Numbered columns `diagnosis_1` … stand for `diagnoses`. Settlement requires grouping's too.
    """
    present = set(columns)
    present |= {NUMBERED[name.rstrip("0123456789")] for name in present if _numbered(name)}
    present |= {whole_of(name) for name in present if name in ROW_PARTS}
    purposes = {"grouping"} if purpose == "grouping" else {"grouping", "settlement"}
    return [c.name for c in CASE_COLUMNS if c.required_for in purposes and c.name not in present]


def _numbered(name: str) -> bool:
    return name.rstrip("0123456789") in NUMBERED and name[-1:].isdigit()
