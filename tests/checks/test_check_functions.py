"""Each check alone: a case that fails, one that does not, and what is unknown."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from drgpay.cases import parse
from drgpay.cases.checks import settle
from drgpay.cases.checks.catalogue import CODING, COSTS, PERSON, STAY
from drgpay.cases.checks.coding import kernels as coding
from drgpay.cases.checks.costs import kernels as costs
from drgpay.cases.checks.person import kernels as person
from drgpay.cases.checks.stay import kernels as stay

NO_DAY, NO_FEN, NO = int(parse.MISSING_DATE), int(parse.MISSING_MONEY), parse.MISSING_COUNT


def day(text: str) -> int:
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


IN, OUT = day("2024-06-12"), day("2024-06-15")

# check: cases that fail, cases that do not, cases where something is unknown
PERSONS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "age_days_beyond_a_year": ([(367,), (4000,)], [(366,), (0,)], [(NO,)]),
    "age_and_age_days_both": ([(1, 3)], [(0, 3), (60, 0)], [(60, NO), (NO, 3)]),
    "age_against_birth_date": (
        [(64, day("1960-06-13"), IN), (63, day("1960-06-12"), IN)],
        [(64, day("1960-06-12"), IN), (63, day("1960-06-13"), IN), (0, IN, IN)],
        [(64, NO_DAY, IN), (64, day("1970-01-01"), NO_DAY), (NO, day("1970-01-01"), IN)],
    ),
    "age_days_against_birth_date": (
        [(0, 5, IN - 7, IN)],
        [(0, 5, IN - 5, IN), (0, 5, IN - 6, IN), (3, 5, IN - 900, IN)],
        [(0, NO, IN - 7, IN), (0, 5, NO_DAY, IN), (0, 5, IN - 7, NO_DAY)],
    ),
    "birth_after_admission": ([(IN + 1, IN)], [(IN, IN)], [(NO_DAY, IN), (IN, NO_DAY)]),
    "infant_without_days": ([(0, NO)], [(0, 0), (1, NO)], [(NO, NO)]),
    "newborn_without_weight": (
        [(0, 0, NO), (0, 28, 0)],
        [(0, 29, NO), (0, 3, 3200)],
        [(0, NO, NO)],
    ),
    "newborn_without_admission_weight": (
        [(0, 0, NO)],
        [(0, 29, NO), (0, 3, 3200), (1, 3, NO)],
        [(NO, 3, NO), (0, NO, NO)],
    ),
    "birth_weight_absurd": (
        [(3, 300, 8000), (9000, 300, 8000)],
        [(3200, 300, 8000)],
        [(NO, 300, 8000)],
    ),
    "admission_weight_absurd": ([(3, 300, 15_000)], [(3200, 300, 15_000)], [(NO, 300, 15_000)]),
    "birth_weight_not_in_tens": ([(3201,)], [(3200,)], [(NO,), (0,)]),
    "birth_weight_beyond_infancy": (
        [(1, 3200, 2, 11, 55), (30, 3200, 1, 11, 55), (56, 3200, 2, 11, 55)],
        [(0, 3200, 1, 11, 55), (30, 3200, 2, 11, 55)],
        [(NO, 3200, 1, 11, 55), (30, NO, 1, 11, 55)],
    ),
    "age_very_high": ([(116, 115)], [(115, 115)], [(NO, 115)]),
}
STAYS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "stay_against_dates": ([(5, 3), (2, 3)], [(3, 3), (4, 3), (0, 0)], [(NO, 3), (5, -1)]),
    "stay_over_a_year": ([(367,)], [(366,)], [(-1,)]),
    "settlement_before_discharge": ([(OUT - 1, OUT)], [(OUT, OUT)], [(NO_DAY, OUT), (OUT, NO_DAY)]),
    "discharged_in_the_future": (
        [(IN, OUT, OUT - 1), (OUT, NO_DAY, OUT - 1)],
        [(IN, OUT, OUT)],
        [(NO_DAY, NO_DAY, OUT), (IN, OUT, NO_DAY)],
    ),
    "day_surgery_with_long_stay": (
        [(1, 3, 2)],
        [(1, 2, 2), (0, 9, 2), (2, 9, 2)],
        [(1, -1, 2), (-1, 9, 2)],
    ),
    "bed_day_without_days": ([(2, 0)], [(2, 1), (0, 0)], [(2, -1), (-1, 0)]),
    "discharge_way_unknown": ([(-2,)], [(1,), (9,)], [(-1,)]),
    "death_with_planned_readmission": ([(5, 1)], [(5, 0), (1, 1)], [(-1, 1)]),
    "procedure_outside_stay": (
        [(IN - 1, IN, OUT), (OUT + 1, IN, OUT)],
        [(IN, IN, OUT), (OUT, IN, OUT)],
        [(NO_DAY, IN, OUT), (IN - 9, NO_DAY, OUT), (OUT + 9, IN, NO_DAY)],
    ),
    "procedure_dates_differ_in_number": ([(2, 3), (1, 0)], [(3, 3)], [(0, 3)]),
    "ventilator_malformed": ([(-2,)], [(0,), (2244,)], [(-1,)]),
    "ventilator_longer_than_stay": ([(5761, 3)], [(5760, 3)], [(-1, 3), (9999, -1)]),
    "ventilator_without_procedure": ([(60, False)], [(60, True), (0, False)], [(-1, False)]),
    "long_ventilation_below_96_hours": ([(5759, True)], [(5760, True), (60, False)], [(-1, True)]),
    "short_ventilation_above_96_hours": (
        [(5760, True, False)],
        [(5759, True, False), (5760, True, True), (9999, False, False)],
        [(-1, True, False)],
    ),
}
CODES: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "sex_against_codes": (
        [(1, coding.FEMALE), (2, coding.MALE), (2, coding.MALE | coding.SYMPTOM)],
        [(1, coding.MALE), (2, coding.FEMALE), (1, 0)],
        [(0, coding.FEMALE), (0, coding.MALE)],
    ),
    "sex_against_mdc": ([(True,)], [(False,)], []),
    "unknown": ([(coding.UNKNOWN,)], [(coding.FEMALE,)], [(0,)]),
    "malformed": ([(coding.MALFORMED,)], [(coding.UNKNOWN,)], [(0,)]),
    "principal_not_allowed": ([(coding.NOT_PRINCIPAL,)], [(coding.SYMPTOM,)], [(0,)]),
    "principal_morphology": ([(coding.MORPHOLOGY,)], [(coding.FEMALE,)], [(0,)]),
    "principal_asterisk": ([(coding.ASTERISK,)], [(coding.FEMALE,)], [(0,)]),
    "asterisk_alone": ([(coding.ASTERISK, 0)], [(coding.ASTERISK, 1)], [(0, 0)]),
    "complication_alone": (
        [(coding.COMPLICATION, 1)],
        [(coding.COMPLICATION, 2), (0, 1)],
        [(0, 0)],
    ),
    "symptom_as_principal": ([(coding.SYMPTOM, 1)], [(coding.SYMPTOM, 0), (0, 1)], []),
    "principal_absent_on_admission": ([(4,)], [(1,), (3,)], [(-1,)]),
    "condition_unknown": ([(-2,)], [(1,)], [(-1,)]),
    "conditions_differ_in_number": ([(2, 3)], [(3, 3)], [(0, 3)]),
    "count_differs": ([(2, 3), (0, 1)], [(3, 3)], [(NO, 3)]),
    "obstetric_age": (
        [(coding.OBSTETRIC, 60, 11, 55), (coding.OBSTETRIC, 10, 11, 55)],
        [(coding.OBSTETRIC, 30, 11, 55), (0, 60, 11, 55)],
        [(coding.OBSTETRIC, NO, 11, 55)],
    ),
    "perinatal_beyond_infancy": (
        [(coding.PERINATAL, 1)],
        [(coding.PERINATAL, 0), (0, 9)],
        [(coding.PERINATAL, NO)],
    ),
    "newborn_aged_in_years": (
        [(coding.PERINATAL, 0, NO)],
        [(coding.PERINATAL, 0, 3), (0, 0, NO)],
        [(coding.PERINATAL, NO, NO)],
    ),
    "childhood_code_in_adult": (
        [(coding.CHILDHOOD, 18)],
        [(coding.CHILDHOOD, 17), (0, 40)],
        [(coding.CHILDHOOD, NO)],
    ),
    "old_age_code_in_child": (
        [(coding.OLD_AGE, 14)],
        [(coding.OLD_AGE, 15), (0, 3)],
        [(coding.OLD_AGE, NO)],
    ),
    "principal_against_operation": ([(True,)], [(False,)], []),
    "repeated": (
        [([5, 7, 5], 0, 3), ([9, 5, 7, 7], 1, 4)],
        [([5, 7, 5], 0, 2), ([5, 7, 8], 0, 3)],
        [([0, 0], 0, 2), ([], 0, 0)],
    ),
    "repeated_on_a_day": (
        [([5, 5], 0, 2, [IN, IN], 0)],
        [([5, 5], 0, 2, [IN, OUT], 0), ([5, 6], 0, 2, [IN, IN], 0)],
        [([5, 5], 0, 2, [NO_DAY, NO_DAY], 0), ([0, 0], 0, 2, [IN, IN], 0)],
    ),
}
MONEY: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "items_against_cost": ([(100, 101)], [(100, 100)], [(NO_FEN, 100), (100, NO_FEN)]),
    "payers_against_cost": (
        [(100, 50, 30, 19)],
        [(100, 50, 30, 20)],
        [(NO_FEN, 1, 1, 1), (100, 50, 30, NO_FEN)],
    ),
    "own_above_personal": ([(11, 10)], [(10, 10)], [(NO_FEN, 10), (11, NO_FEN)]),
    "part_negative": (
        [(-1, 0, 0, 0, 0), (0, -1, 0, 0, 0), (0, 0, -1, 0, 0), (0, 0, 0, -1, 0)],
        [(0, 0, 0, 0, 0), (-1, 0, 0, 0, 1)],
        [(NO_FEN, NO_FEN, NO_FEN, NO_FEN, 0)],
    ),
    "cost_zero": ([(0,)], [(1,)], [(NO_FEN,)]),
    "cost_tiny": ([(999, 1000)], [(1000, 1000), (0, 1000)], [(NO_FEN, 1000)]),
    "cost_absurd": (
        [(401, IN, OUT, 100)],
        [(400, IN, OUT, 100)],
        [(NO_FEN, IN, OUT, 100), (401, NO_DAY, OUT, 100), (401, IN, NO_DAY, 100)],
    ),
    "refund_not_negative": ([(1, 5)], [(1, -5), (0, 5)], [(1, NO_FEN)]),
}
SETTLE: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "date_missing": ([(NO_DAY,)], [(IN,)], []),
    "dates_reversed": ([(OUT, IN)], [(IN, OUT), (IN, IN)], [(NO_DAY, IN), (OUT, NO_DAY)]),
    "money_missing": ([(NO_FEN,)], [(0,), (-5,)], []),
    "money_negative": ([(-1, 0)], [(0, 0), (-1, 1)], [(NO_FEN, 0)]),
    "fund_above_cost": ([(11, 10)], [(10, 10)], [(NO_FEN, 10), (11, NO_FEN)]),
}
ALL = [
    (module, name, wanted, arguments)
    for module, table in (
        (person, PERSONS),
        (stay, STAYS),
        (coding, CODES),
        (costs, MONEY),
        (settle, SETTLE),
    )
    for name, (bad, good, unknown) in table.items()
    for wanted, some in ((True, bad), (False, good), (False, unknown))
    for arguments in some
]


def plain(function: Any) -> Any:
    """The function as plain Python, compiled or not."""
    return getattr(function, "py_func", function)


@pytest.mark.parametrize(("module", "name", "wanted", "arguments"), ALL)
def test_check__of_one_case(module: Any, name: str, wanted: bool, arguments: Any) -> None:
    assert bool(plain(getattr(module, name))(*arguments)) is wanted


def test_checks__each_begins_with_fail_if() -> None:
    for module, name, _, _ in ALL:
        assert plain(getattr(module, name)).__doc__.startswith("Fail if ")


def test_checks__none_is_without_a_test() -> None:
    alias = {
        "sex_against_diagnosis": "sex_against_codes",
        "sex_against_procedure": "sex_against_codes",
        "principal_unknown": "unknown",
        "diagnosis_unknown": "unknown",
        "procedure_unknown": "unknown",
        "code_malformed": "malformed",
        "t80_t88_alone": "complication_alone",
        "admission_condition_unknown": "condition_unknown",
        "diagnosis_twice": "repeated",
        "procedure_twice_same_day": "repeated_on_a_day",
        "diagnosis_count_differs": "count_differs",
        "procedure_count_differs": "count_differs",
    }
    tested = {name for _, name, wanted, _ in ALL if wanted}
    for name in (*PERSON, *STAY, *CODING, *COSTS):
        assert alias.get(name, name) in tested


@pytest.mark.parametrize(
    ("birth", "on", "years"),
    [
        ("2000-02-29", "2001-02-28", 0),
        ("2000-02-29", "2001-03-01", 1),
        ("1899-12-31", "2024-12-30", 124),
        ("1999-12-31", "2000-01-01", 0),
        ("1970-01-01", "1971-01-01", 1),
        ("2023-03-01", "2024-02-29", 0),
    ],
)
def test_completed_years__by_the_calendar(birth: str, on: str, years: int) -> None:
    assert person.completed_years(day(birth), day(on)) == years


def test_completed_years__against_the_calendar_of_python() -> None:
    first = datetime.date(1995, 12, 25)
    for step in range(0, 3000, 7):
        on = first + datetime.timedelta(step)
        for born in (datetime.date(1960, 2, 29), datetime.date(1995, 3, 1), first):
            expected = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
            got = person.completed_years(day(born.isoformat()), day(on.isoformat()))
            assert got == expected
