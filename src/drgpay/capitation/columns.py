"""The tables of a capitation folder: their columns, with the Chinese headers, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drgpay.names.columns import both_names, normal_header

FOLDER = "capitation"
UNITS = ("(元)", "(岁)", "(月)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `is_id` marks numbers that are names, never sums."""

    name: str
    chinese: tuple[str, ...]
    required: bool = False
    is_id: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the folder. `large`: faulty rows are quarantined; else they stop the run."""

    name: str
    columns: tuple[Column, ...]
    required: bool = True
    large: bool = False

    def meaning(self, header: str) -> str | None:
        """Return the column that a header means, or None.

        >>> PERSONS.meaning("参保月数（月）"), PERSONS.meaning("Person_ID"), PERSONS.meaning("备注")
        ('months', 'person_id', None)
        """
        text = normal_header(header)
        for unit in UNITS:
            text = text.removesuffix(unit)
        for column in self.columns:
            if text == column.name or text in column.chinese:
                return column.name
        return None

    def shown(self, name: str) -> str:
        """Return a column as Chinese texts name it."""
        return both_names(name, self.column(name).chinese[0])

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)


PERSON_ID = Column("person_id", ("参保人编号", "人员编号", "psn_no"), True, True)
HOSPITAL_ID = Column("hospital_id", ("医疗机构编码", "机构编码", "fixmedins_code"), True, True)
KIND = ("人员类别", "参保类别")
CHRONIC = ("慢性病类别", "慢病类别", "慢性病")
INPATIENT = ("上年住院", "上年是否住院")
COMMUNITY = Column("community_id", ("医共体编码", "医共体", "community"), True, True)

PERSONS = Table(
    "persons",
    (
        PERSON_ID,
        Column("kind", KIND, True),
        Column("months", ("参保月数",), True),
        Column("signed_community", ("签约医共体", "签约医共体编码"), is_id=True),
        Column("registered_area", ("户籍地", "户籍所在地"), is_id=True),
        Column("usual_area", ("常住地", "居住地"), is_id=True),
        Column("school_area", ("学校所在地", "高校所在地"), is_id=True),
        Column("employer_area", ("单位所在地", "用人单位所在地"), is_id=True),
        Column("sex", ("性别",)),
        Column("age", ("年龄", "周岁")),
        Column("chronic", CHRONIC),
        Column("inpatient_last_year", INPATIENT),
        Column("invalid", ("无效人头", "是否无效人头")),
        Column("invalid_reason", ("无效原因", "无效人头原因")),
    ),
    large=True,
)
VISITS = Table(
    "visits",
    (
        Column("visit_id", ("就诊号", "就诊id", "mdtrt_id", "结算id"), True, True),
        PERSON_ID,
        HOSPITAL_ID,
        Column("visit_date", ("就诊日期", "就诊时间"), True),
        Column("total_cost", ("总费用", "医疗总费用"), True),
        Column("pool_fund", ("统筹基金支付", "统筹支付", "统筹支付金额"), True),
        Column("special_factor", ("特殊因素",)),
        Column("document", ("依据", "依据文件", "佐证材料")),
    ),
    large=True,
)
AREAS = Table("areas", (Column("area", ("区域", "地区"), True, True), COMMUNITY))
COMMUNITIES = Table("communities", (COMMUNITY, Column("name", ("名称", "医共体名称"), True)))
MEMBERS = Table("community_members", (COMMUNITY, HOSPITAL_ID))
RISK_CELLS = Table(
    "risk_cells",
    (
        Column("cell", ("风险单元", "风险组"), True, True),
        Column("weight", ("权重", "风险权重"), True),
        Column("kind", KIND),
        Column("sex", ("性别",)),
        Column("age_from", ("年龄起", "起始年龄")),
        Column("age_to", ("年龄止", "截止年龄")),
        Column("chronic", CHRONIC),
        Column("inpatient_last_year", INPATIENT),
    ),
    required=False,
)
BUDGET = Table("budget", (Column("pool_total_yuan", ("人头费总额", "总额"), True),), required=False)
TABLES = (PERSONS, VISITS, AREAS, COMMUNITIES, MEMBERS, RISK_CELLS, BUDGET)

KINDS = ("resident", "flexible", "student", "employee")
KIND_WORDS: Mapping[str, int] = {
    word: number
    for number, words in enumerate(
        (
            ("resident", "居民", "城乡居民"),
            ("flexible", "灵活就业", "灵活就业人员"),
            ("student", "大学生", "在校大学生"),
            ("employee", "职工", "在职职工"),
        )
    )
    for word in words
}
NO_CHRONIC = ("none", "无")
FACTORS: Mapping[str, str] = {
    "迁移": "migration",
    "人口迁移": "migration",
    "人口流动": "migration",
    "疾病": "disease",
}


def factor(word: str) -> str:
    """Return a special factor under the one name that the policy and the visits share.

    >>> factor(" 人口迁移 "), factor("migration"), factor("急诊")
    ('migration', 'migration', '急诊')
    """
    text = word.strip()
    return FACTORS.get(text, text)
