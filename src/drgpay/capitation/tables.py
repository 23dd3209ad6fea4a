"""The tables of a capitation folder: their columns, kinds, links and rules (docs/capitation.md)."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.cases import parse
from drgpay.ground.errors import Bilingual, both
from drgpay.names.table_headers import shown
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional

FOLDER = "capitation"
MAX_WEIGHT = 1000
MAX_AGE = 150
MAX_TOTAL_FEN = 10**15
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
UNKNOWN_SEX = ("0", "9")


def factor(word: str) -> str:
    """Return a special factor under the one name that the policy and the visits share.

    >>> factor(" 人口迁移 "), factor("migration"), factor("急诊")
    ('migration', 'migration', '急诊')
    """
    text = word.strip()
    return FACTORS.get(text, text)


def chronic(cell: str) -> str:
    """Return a chronic disease in the region's own word, `none` for none."""
    return NO_CHRONIC[0] if cell in NO_CHRONIC else cell


def total(cell: str) -> int:
    """Return the sum to be shared, in fen."""
    fen = kinds.amount(cell)
    if fen > MAX_TOTAL_FEN:
        raise ValueError(both(f"“{cell}”过大", f"{cell!r} is too large"))
    return fen


def ages_in_order(row: Row) -> Bilingual | None:
    """Fail if a cell ends at a lower age than it begins."""
    first, last = row.of("age_from", "age_to")
    if first is None or last is None or first <= last:
        return None
    return both(f"{shown('age_from')}大于{shown('age_to')}", "age_from is above age_to")


PERSON_ID = Column("person_id", kinds.code)
HOSPITAL_ID = Column("hospital_id", kinds.code)
VISIT_DATE, TOTAL_COST = Column("visit_date"), Column("total_cost")
# what every table of visits has, whatever it is read for
VISIT = (
    Column("visit_id", kinds.code), PERSON_ID, HOSPITAL_ID, VISIT_DATE, TOTAL_COST,
    Column("pool_fund"),
)  # fmt: skip
COMMUNITY_ID = Column("community_id", kinds.code)
COMMUNITIES = Table(
    "communities",
    (COMMUNITY_ID, Column("name", empty="")),
    required=True,
    unique=("community_id",),
    linked="community_id",
    filled=True,
)
AREAS = Table(
    "areas",
    (Column("area", kinds.code), Column("community_id", kinds.code, None, link="communities")),
    required=True,
    unique=("area",),
)
MEMBERS = Table(
    "community_members",
    (Column("community_id", kinds.code, link="communities"), HOSPITAL_ID),
    required=True,
    unique=("hospital_id",),
    twice=both("；一家机构只能属于一个医共体", "; a hospital may be in one community only"),
)
SEXES = kinds.words({word: sex for word, sex in parse.SEXES.items() if word not in UNKNOWN_SEX})
AGE = kinds.whole(0, MAX_AGE)
RISK_CELLS = Table(
    "risk_cells",
    (
        Column("cell", kinds.code),
        Column("weight", kinds.number(least=0, most=MAX_WEIGHT, six_places=True)),
        optional("kind", kinds.words(KIND_WORDS), None, header="person.kind"),
        optional("sex", SEXES, None),
        optional("age_from", AGE, None),
        optional("age_to", AGE, None),
        optional("chronic", chronic),
        optional("inpatient_last_year", kinds.words({**parse.FLAGS, "yes": 1, "no": 0}), None),
    ),
    unique=("cell",),
    filled=True,
    row_rules=(ages_in_order,),
)
BUDGET = Table("budget", (Column("pool_total_yuan", total),))
PERSONS = Table(
    "persons",
    (
        PERSON_ID,
        Column("kind", header="person.kind"),
        Column("months"),
        optional("signed_community", kinds.code),
        optional("registered_area", kinds.code),
        optional("usual_area", kinds.code),
        optional("school_area", kinds.code),
        optional("employer_area", kinds.code),
        optional("sex"),
        optional("age"),
        optional("chronic"),
        optional("inpatient_last_year"),
        optional("invalid"),
        optional("invalid_reason"),
    ),
    required=True,
    large=True,
)
VISITS = Table(
    "visits",
    (
        *VISIT,
        optional("special_factor"),
        optional("document", header="visit.document"),
    ),
    required=True,
    large=True,
)
LARGE = (PERSONS, VISITS)
SMALL = (COMMUNITIES, AREAS, MEMBERS, RISK_CELLS, BUDGET)
TABLES = (PERSONS, VISITS, AREAS, COMMUNITIES, MEMBERS, RISK_CELLS, BUDGET)
