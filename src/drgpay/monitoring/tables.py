"""The tables of monitoring: records of visits, and what is known of institutions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from drgpay.capitation.tables import HOSPITAL_ID, VISIT
from drgpay.monitoring.indicators import indicators
from drgpay.names.assessed import DIRECTIONS
from drgpay.names.plan import CARE
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table, optional

# care as records name it, by its place among those of names/plan.py; an empty cell is outpatient
CARE_KINDS = tuple(CARE)
OUTPATIENT = CARE_KINDS.index("outpatient")
CARE_WORDS: Mapping[str, int] = {
    word: place
    for place, (code, name) in enumerate(CARE.items())
    for word in (code, name.chinese, name.chinese + "就诊")
}
AMOUNTS = ("own_share", "outside_list", "drug_cost")  # in yuan, 0 where empty
FLAGS = ("surgery", "elective", "referred", "with_referral", "marked")  # 0 where empty
DAYS = "stay_days"
VISITS = Table(
    "visits",
    (
        *VISIT,
        optional("pool", kinds.code),
        optional("care"),
        *(optional(name) for name in (*AMOUNTS, *FLAGS, DAYS)),
    ),
    required=True,
    large=True,
)
INSTITUTIONS = Table(
    "institutions",
    (
        HOSPITAL_ID,
        optional("name"),
        optional("level"),
        optional("remote", kinds.yes_no, False),
    ),
    required=True,
    unique=("hospital_id",),
    filled=True,
)
SIGNED = kinds.number(least=-1_000_000)  # growth may be below 0
INDICATOR = kinds.coded({name: own.name for name, own in indicators().items()})
TARGETS = Table(
    "assessment_targets",
    (
        Column("indicator", INDICATOR),
        optional("level"),
        optional("direction", kinds.coded(DIRECTIONS)),
        optional("target_low", SIGNED, None),
        optional("target_high", SIGNED, None),
        optional("full_points", kinds.number(least=0), Fraction(0)),
        optional("gate", kinds.yes_no, False),
    ),
    required=True,
    unique=("indicator", "level"),
    filled=True,
)
ENTERED = Table(
    "assessment_entered",
    (
        HOSPITAL_ID,
        Column("indicator", INDICATOR),
        Column("numerator", kinds.number(least=0)),
        optional("denominator", kinds.number(least=0), Fraction(1)),
        optional("document", header="visit.document"),
    ),
    unique=("hospital_id", "indicator"),
)
DOCTORS = Table(
    "doctor_points",
    (
        Column("doctor_id", kinds.code),
        HOSPITAL_ID,
        Column("date", kinds.date),
        Column("violation"),
        Column("deducted", kinds.number(least=0)),
        Column("document", header="visit.document"),
    ),
    required=True,
    unique=("doctor_id", "date", "document"),
    filled=True,
)
