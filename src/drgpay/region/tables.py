"""The small tables of a region folder (docs/formats.md, section 3)."""

from __future__ import annotations

from drgpay.ground.errors import both
from drgpay.names.codes import COMPONENTS
from drgpay.points.kernels import COEF_ONE
from drgpay.region.provenance import CARRIED_ORIGIN, PREPAID_ORIGIN, SIMULATED
from drgpay.region.records import GRANTED, REFUSED
from drgpay.region.standing import ENDED, NORMAL, PENALISED
from drgpay.region.table_rules import (
    carried_once,
    from_day_one,
    once_a_day,
    period_in_order,
    really_prepaid,
    twelve_shares,
)
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table, optional

FIRST_DAY, LAST_DAY = kinds.date("0001-01-01"), kinds.date("9999-12-31")
_coefficient = kinds.number(above=0, most=100, six_places=True)


def coefficient(cell: str) -> int:
    """Return a coefficient in 1/1,000,000."""
    return int(_coefficient(cell) * COEF_ONE)


# --- the tables; a table that others link to stands before them


HOSPITAL = Column("hospital_id", kinds.code, link="hospitals")
POOL = Column("pool", kinds.code, link="pools")
DRG = Column("drg", kinds.code)
AMOUNT = Column("amount_yuan", kinds.amount)
STABLE = optional("stable", kinds.yes_no, True)
PERIOD = (optional("from_date", kinds.date, FIRST_DAY), optional("to_date", kinds.date, LAST_DAY))
STANDINGS = kinds.choice(
    {NORMAL: (NORMAL, "正常"), PENALISED: (PENALISED, "违规处理"), ENDED: (ENDED, "已解除")}
)
LEFT = both(
    "；已退出或关闭的机构要扣回或补付，仍须列在机构表中，协议状态（standing）写 ended（已解除），"
    "并在 scores 等逐家填写的表中留一行",
    "; one that left or closed stays there with the standing ended, and in scores and the other "
    "tables that have a row for each hospital",
)

HOSPITALS = Table(
    "hospitals",
    (
        Column("hospital_id", kinds.code),
        Column("name", empty=""),
        Column("level", empty=""),
        optional("community_id", kinds.code),
        optional("kind"),
        optional("standing", STANDINGS, NORMAL),
    ),
    required=True,
    unique=("hospital_id",),
    linked="hospital_id",
    filled=True,
)
COEFFICIENTS = Table(
    "coefficients",
    (HOSPITAL, Column("coefficient", coefficient), optional("drg", kinds.code)),
    unique=("hospital_id", "drg"),
    each="hospital_id",
)
LEVEL_COEFFICIENTS = Table(
    "level_coefficients",
    (Column("level"), Column("coefficient", coefficient)),
    unique=("level",),
)
GIVEN_COMPONENTS = Table(
    "components",
    (
        HOSPITAL,
        Column("component", kinds.choice({name: (name,) for name in COMPONENTS})),
        Column("value", kinds.number(least=0)),
    ),
    unique=("hospital_id", "component"),
)
TCM = Table("tcm", (HOSPITAL, Column("treatment_share", kinds.share)), unique=("hospital_id",))
CARRIED = Table(
    "carried",
    (
        Column("hospital_id", kinds.code, link="hospitals", hint=LEFT),
        POOL,
        Column("amount_yuan", kinds.signed_amount),
        optional("from"),
        *(optional(name) for name in CARRIED_ORIGIN),
    ),
    rules=(carried_once,),
)
MONTH_SHARES = Table(
    "month_shares",
    (Column("month", kinds.month), Column("share", kinds.share)),
    unique=("month",),
    rules=(twelve_shares,),
)
LAST_YEAR_MONTHS = Table(
    "last_year_months",
    (HOSPITAL, POOL, Column("month", kinds.month), Column("fund_yuan", kinds.amount)),
    unique=("hospital_id", "pool", "month"),
)
SCORES = Table(
    "scores",
    (HOSPITAL, Column("score", kinds.share)),
    required=True,
    unique=("hospital_id",),
    each="hospital_id",
)
BASE_POINTS = Table(
    "base_points",
    (DRG, Column("group_mean_yuan", kinds.amount_above_zero), STABLE, optional("name")),
    unique=("drg",),
)
WEIGHTS = Table(
    "weights",
    (
        DRG,
        Column("weight", kinds.number(above=0, six_places=True, hint="，没有权重的病组请删去此行")),
        STABLE,
        optional("name"),
    ),
    unique=("drg",),
)
PRIMARY_GROUPS = Table(
    "primary_groups",
    (DRG, optional("scheme"), *PERIOD, optional("name")),
    row_rules=(period_in_order,),
    rules=(once_a_day("scheme", "drg"),),
)
NEW_TECHNOLOGY_ITEMS = Table(
    "new_technology_items",
    (Column("item", kinds.code), optional("name"), *PERIOD),
    linked="item",
    row_rules=(period_in_order,),
    rules=(once_a_day("item"),),
)
NEW_TECHNOLOGY = Table(
    "new_technology",
    (
        Column("case_id", kinds.code),
        Column("item", kinds.code, link="new_technology_items"),
        AMOUNT,
    ),
    unique=("case_id", "item"),
)
BED_DAY_RATES = Table(
    "bed_day_rates",
    (
        Column("bed_day_class", kinds.code),
        Column("rate_yuan", kinds.amount),
        optional("name"),
        optional("level"),
        optional("from_day", kinds.day_of_stay, 1),
    ),
    unique=("bed_day_class", "level", "from_day"),
    rules=(from_day_one,),
)
REVIEWS = Table(
    "reviews",
    (
        Column("case_id", kinds.code),
        Column(
            "decision", kinds.choice({"granted": (GRANTED, "准予"), "refused": (REFUSED, "不予")})
        ),
        Column("unreasonable_yuan", kinds.amount, 0),
        optional("points", kinds.points, -1),
        optional("note"),
    ),
    unique=("case_id",),
)
VIOLATIONS = Table(
    "violations", (HOSPITAL, POOL, AMOUNT, optional("points", kinds.points, 0), optional("reason"))
)
PREPAID = Table(
    "prepaid",
    (
        HOSPITAL,
        POOL,
        Column("prepaid_yuan", kinds.amount),
        optional("deposit_yuan", kinds.amount, None),
        *(optional(name) for name in (*PREPAID_ORIGIN, SIMULATED)),
    ),
    unique=("hospital_id", "pool"),
    rules=(really_prepaid,),
)
TABLES = (
    HOSPITALS, SCORES, BASE_POINTS, WEIGHTS, VIOLATIONS, CARRIED, PREPAID, COEFFICIENTS,
    BED_DAY_RATES, REVIEWS, LEVEL_COEFFICIENTS, GIVEN_COMPONENTS, TCM, MONTH_SHARES,
    LAST_YEAR_MONTHS, PRIMARY_GROUPS, NEW_TECHNOLOGY_ITEMS, NEW_TECHNOLOGY,
)  # fmt: skip
