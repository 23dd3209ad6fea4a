"""Cases, groups and regions of one hospital H with the group means of EX1, for the model's tests."""

from fractions import Fraction as F
from pathlib import Path
from typing import Any

from reference.model.coefficients import Coefficients
from reference.model.grouping import Grouping
from reference.model.history import Base, base_points
from reference.model.points import Price, Setting, price_of
from reference.model.region import Case, Hospital, Region, Review, read_cases

MEAN = 1_250_000  # 12,500.00, the all-DRG mean of EX1
MEANS = {"GB15": 1_000_000, "FM13": 3_125_000, "AH19": 4_500_000, "RW15": 777_777}
UNGROUPED = Grouping("", "", "0000", "ungroupable", "none", "")
AMBIGUOUS = Grouping("MDCB", "", "BQY", "ambiguous", "none", "")


def a_case(**values: Any) -> Case:
    row = {
        "case_id": "C",
        "hospital_id": "H",
        "pool": "310",
        "admission_date": "2024-06-12",
        "discharge_date": "2024-06-15",
        "total_cost": "10000.00",
        "pool_fund": "0",
        "diagnoses": "D1",
        "procedures": "",
    }
    return read_cases([row | values], "cases")[0]


def grouped(drg: str) -> Grouping:
    return Grouping("MDC" + drg[0], drg[:3], drg, "grouped", "none", "")


EMPTY: dict[str, Any] = {
    "id": "t",
    "name": "",
    "year": 2024,
    "policy": "",
    "scheme": "",
    "readings": {},
    "folder": Path(),
    "pools": {},
    "all_drg_mean_fen": MEAN,
    "given_means": {},
    "hospitals": {"H": Hospital("H", "3")},
    "coefficients": {},
    "level_coefficients": {},
    "components": {},
    "treatment_shares": {},
    "scores": {"H": F(1)},
    "bed_day_rates": {("PSY", ""): ((1, 40_000),), ("LONG", ""): ((1, 10_000),)},
    "reviews": {},
    "violations_fen": {},
    "violation_points": {},
    "carried_fen": {},
    "prepaid_fen": {},
    "month_shares": None,
    "last_year_months_fen": None,
    "ceiling": None,
    "carried_by_hand_fen": (),
    "prepaid_by_hand": True,
    "cases": (),
    "history": None,
}


def setting(
    p: dict[str, Any],
    coefficient: str = "1",
    review: Review | None = None,
    stable: bool = True,
    **region: Any,
) -> Setting:
    """A region of one hospital H with EX1's groups."""
    own = {"coefficients": {("H", ""): F(coefficient)}}
    own["reviews"] = {"C": review} if review else {}
    made = Region(**(EMPTY | own | region))
    bases = {
        drg: Base(drg, mean, base_points(mean, MEAN, p), stable) for drg, mean in MEANS.items()
    }
    return Setting(made, p, MEAN, bases, Coefficients(made, None, p))


def price(
    p: dict[str, Any],
    drg: str,
    cost: str,
    coefficient: str = "1",
    review: Review | None = None,
    stable: bool = True,
    region: dict[str, Any] | None = None,
    **values: Any,
) -> Price:
    """What a case of EX1's groups is paid by."""
    grouping = {"0000": UNGROUPED, "BQY": AMBIGUOUS}.get(drg) or grouped(drg)
    case = a_case(total_cost=cost, **values)
    return price_of(case, grouping, setting(p, coefficient, review, stable, **region or {}))


def points(*args: Any, **values: Any) -> tuple[str, F]:
    """Class and points of a case of EX1's groups."""
    made = price(*args, **values)
    assert (made.paid_by, made.price_fen) == ("points", 0)
    return made.case_class, made.points
