"""A case as it comes in by the API, made from the declaration of the columns of cases.

`Case` is what the engine is asked with: plain values, money in fen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    create_model,
)
from pydantic_core import PydanticCustomError

from drgpay.cases.parse import MAX_MONEY_FEN, amount_text
from drgpay.cases.values import CHOICE_WORDS, SEX_WORDS, by_word, coded
from drgpay.ground.errors import both
from drgpay.grouper.engine import MOST
from drgpay.names.columns import BY_NAME, Column

MOST_CODES = 200  # of one case, diagnoses and procedures each
LONGEST_TEXT = 64
MOST_YUAN = MAX_MONEY_FEN // 100  # as files of cases have it
# what of a case bears on its group, points and payment, in the order of the registry
ASKED = (
    "case_id", "hospital_id", "pool", "sex", "age_years", "age_days", "birth_weight_g",
    "admission_date", "discharge_date", "los_days", "discharge_way", "icu", "icu_hours",
    "special_charge", "diagnoses", "procedures", "total_cost", "pool_fund", "payment_mode",
    "bed_day_class", "admission_weight_g", "code_system", "birth_date", "personal_paid",
)  # fmt: skip
_REQUIRED = ("sex", "age_years", "diagnoses")
_FLAGS = ("icu",)
_MONEY = ("total_cost", "pool_fund", "personal_paid")
_WORDS = {"sex": SEX_WORDS, **CHOICE_WORDS}


def _amount(value: Any) -> Any:
    """Return a text of an amount as files of cases are read; numbers as they are."""
    if not isinstance(value, str):
        return value
    found = amount_text(value)
    if found is None:
        raise PydanticCustomError("decimal_parsing", "no amount")
    return found


Yuan = Annotated[
    Decimal,
    Field(ge=0, le=MOST_YUAN, decimal_places=2),
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": MOST_YUAN},
                {"type": "string", "pattern": r"^\d{1,10}(\.\d{1,2})?$"},
            ]
        },
        mode="validation",
    ),
]
Code = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Codes = Annotated[list[Code], Field(max_length=MOST_CODES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case; None where nothing was said, money in fen."""

    sex: str
    age_years: int
    diagnoses: list[str]
    procedures: list[str]
    case_id: str | None = None
    hospital_id: str | None = None
    pool: str | None = None
    age_days: int | None = None
    birth_weight_g: int | None = None
    admission_weight_g: int | None = None
    admission_date: dt.date | None = None
    discharge_date: dt.date | None = None
    los_days: int | None = None
    discharge_way: str | None = None
    icu: bool = False
    icu_hours: int | None = None
    special_charge: str | None = None
    total_cost_fen: int | None = None
    pool_fund_fen: int | None = None
    personal_paid_fen: int | None = None
    birth_date: dt.date | None = None
    payment_mode: str | None = None
    bed_day_class: str | None = None
    code_system: str | None = None


def _meant(name: str) -> Callable[[Any], Any]:
    """Return what reads a word of a closed list, as files of cases have it."""
    words = by_word(_WORDS[name])

    def read(value: Any) -> Any:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        found = coded(text, words) if isinstance(text, str) else None
        if not found:
            choices = [word for word in _WORDS[name] if word]
            raise ValueError(
                both(f"须为其中之一：{'、'.join(choices)}", f"must be one of {', '.join(choices)}")
            )
        return found

    return read


def _kind(column: Column) -> Any:
    """Return the type of a column's values."""
    match column.kind:
        case "sex":
            return Annotated[Literal["M", "F"], BeforeValidator(_meant("sex"))]
        case "count":
            return Annotated[int, Field(ge=0, le=150 if column.name == "age_years" else MOST)]
        case "money":
            return Yuan
        case "date":
            return dt.date
        case "flag":
            return bool
        case "codes":
            least = 1 if column.name in _REQUIRED else 0
            return Annotated[Codes, Field(min_length=least)]
        case "text" if column.name in _WORDS:
            choices = tuple(_WORDS[column.name])
            return Annotated[Literal[choices], BeforeValidator(_meant(column.name))]
        case "text":
            return Annotated[str, Field(max_length=LONGEST_TEXT)]
    raise ValueError(column.kind)


def _fields() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in ASKED:
        column, usual = BY_NAME[name], None
        kind: Any = _kind(column)
        said = f"{column.chinese}：{column.meaning}" if column.meaning else column.chinese
        if name in _REQUIRED:
            made[name] = (kind, Field(description=said))
        elif name in _FLAGS:
            made[name] = (kind, Field(False, description=said))
        elif name == "procedures":
            made[name] = (kind, Field(default_factory=list, description=said))
        else:
            made[name] = (kind | None, Field(usual, description=said))
    return made


EXAMPLE: dict[str, Any] = {
    "sex": "M", "age_years": 61, "diagnoses": ["I63.900", "E11.900"], "procedures": [],
    "los_days": 9, "total_cost": "14800.00", "pool": "310", "discharge_date": "2025-03-31",
}  # fmt: skip
CaseIn: type[BaseModel] = create_model(
    "CaseIn",
    __doc__="一个病例：只有性别、年龄和诊断必填；没有费用等就没有点数与金额。",
    __config__=ConfigDict(
        extra="forbid", json_schema_extra={"examples": [EXAMPLE]}, str_strip_whitespace=True
    ),
    **_fields(),
)


def fen(yuan: Decimal | None) -> int | None:
    """Return yuan of at most two decimals in fen."""
    return None if yuan is None else int(yuan * 100)


def case_of(model: BaseModel) -> Case:
    """Return the case that a model holds."""
    told = dict(model.__dict__)  # in the order of ASKED, already checked
    for name in _MONEY:
        told[f"{name}_fen"] = fen(told.pop(name))
    return Case(**told)
