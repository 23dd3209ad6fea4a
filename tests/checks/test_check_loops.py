"""The loops over many cases against the small functions, case by case in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from drgpay.cases import parse
from drgpay.cases.checks.catalogue import CHECKS, CODING, COSTS, PERSON, STAY
from drgpay.cases.checks.coding import kernels as coding
from drgpay.cases.checks.costs import kernels as costs
from drgpay.cases.checks.person import kernels as person
from drgpay.cases.checks.stay import kernels as stay

N = 2000


def plain(function: Any) -> Any:
    return getattr(function, "py_func", function)


def drawn(rng: np.random.Generator, kind: str, *values: int) -> Any:
    return rng.choice(np.array(values), N).astype(kind)


def ragged(rng: np.random.Generator, most: int, kind: str, *values: int) -> tuple[Any, Any]:
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, most + 1, N))]).astype(np.int64)
    return offsets, rng.choice(np.array(values), int(offsets[-1]) + 1).astype(kind)


def names_of(word: Any, names: list[str]) -> set[str]:
    return {name for bit, name in enumerate(names) if int(word) >> bit & 1}


@pytest.fixture(params=range(3))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


DAYS = (int(parse.MISSING_DATE), 19_000, 19_001, 19_004, 19_400, 19_800)


def test_person_loop__is_its_functions(rng: np.random.Generator) -> None:
    years, days = drawn(rng, "i4", -1, 0, 1, 53, 116), drawn(rng, "i4", -1, 0, 3, 28, 29, 400)
    weight, later = drawn(rng, "i4", -1, 0, 3, 3200, 3201), drawn(rng, "i4", -1, 0, 3, 4000)
    birth, admission = drawn(rng, "i4", *DAYS, 0), drawn(rng, "i4", *DAYS)
    out = np.empty(N, np.uint64)
    limits = np.array([300, 8000, 300, 15_000, 115, 11, 55])
    sex = drawn(rng, "i1", 0, 1, 2)
    person.check_persons(sex, years, days, weight, later, birth, admission, limits, out)
    met = set()
    for i in range(N):
        y, d, w, a = int(years[i]), int(days[i]), int(weight[i]), int(later[i])
        b, on = int(birth[i]), int(admission[i])
        arguments = {
            "age_days_beyond_a_year": (d,),
            "age_and_age_days_both": (y, d),
            "infant_without_days": (y, d),
            "newborn_without_weight": (y, d, w),
            "newborn_without_admission_weight": (y, d, a),
            "birth_weight_absurd": (w, 300, 8000),
            "birth_weight_not_in_tens": (w,),
            "birth_weight_beyond_infancy": (y, w, int(sex[i]), 11, 55),
            "admission_weight_absurd": (a, 300, 15_000),
            "age_very_high": (y, 115),
            "birth_after_admission": (b, on),
            "age_against_birth_date": (y, b, on),
            "age_days_against_birth_date": (y, d, b, on),
        }
        expected = {n for n, given in arguments.items() if plain(getattr(person, n))(*given)}
        assert names_of(out[i], PERSON) == expected
        met |= expected
    assert met == set(PERSON)


def test_stay_loop__is_its_functions(rng: np.random.Generator) -> None:
    admission, discharge = drawn(rng, "i4", *DAYS), drawn(rng, "i4", *DAYS)
    settlement = drawn(rng, "i4", *DAYS)
    los, way = drawn(rng, "i4", -1, 0, 1, 3, 4, 5), drawn(rng, "i1", -2, -1, 1, 5)
    mode, planned = drawn(rng, "i1", -1, 0, 1, 2), drawn(rng, "i1", 0, 1)
    minutes = drawn(rng, "i4", -2, -1, 0, 60, 5759, 5760, 9999)
    px = ragged(rng, 2, "i4", 0, 1, 2, 3, 4)
    flags = np.array([coding.UNKNOWN, 8, 16, 32, coding.FEMALE], dtype=np.int32)
    dates = ragged(rng, 2, "i4", *DAYS)
    out = np.empty(N, np.uint64)
    stay.check_stays(
        admission, discharge, settlement, los, way, mode, planned, minutes, *px, flags, *dates,
        np.array([2, 19_500]), out,
    )  # fmt: skip
    met = set()
    for i in range(N):
        a, b = int(admission[i]), int(discharge[i])
        nights = plain(stay.nights)(a, b)
        codes = px[1][px[0][i] : px[0][i + 1]].tolist()
        some = dates[1][dates[0][i] : dates[0][i + 1]].tolist()
        m = int(minutes[i])
        kinds = [int(flags[c]) for c in codes]
        arguments: dict[str, Any] = {
            "stay_against_dates": (int(los[i]), nights),
            "stay_over_a_year": (nights,),
            "settlement_before_discharge": (int(settlement[i]), b),
            "discharged_in_the_future": (a, b, 19_500),
            "day_surgery_with_long_stay": (int(mode[i]), nights, 2),
            "bed_day_without_days": (int(mode[i]), nights),
            "discharge_way_unknown": (int(way[i]),),
            "death_with_planned_readmission": (int(way[i]), int(planned[i])),
            "procedure_dates_differ_in_number": (len(some), len(codes)),
            "ventilator_malformed": (m,),
            "ventilator_longer_than_stay": (m, nights),
            "ventilator_without_procedure": (m, bool(set(kinds) & {8, 16, 32})),
            "long_ventilation_below_96_hours": (m, 8 in kinds),
            "short_ventilation_above_96_hours": (m, 16 in kinds, 8 in kinds),
        }
        expected = {n for n, given in arguments.items() if plain(getattr(stay, n))(*given)}
        if any(plain(stay.procedure_outside_stay)(day, a, b) for day in some):
            expected.add("procedure_outside_stay")
        assert names_of(out[i], STAY) == expected
        met |= expected
    assert met == set(STAY)


def test_coding_loop__is_its_functions(rng: np.random.Generator) -> None:
    kinds = [
        coding.UNKNOWN, 0, 0, coding.FEMALE, coding.MALE, coding.OBSTETRIC | coding.FEMALE,
        coding.PERINATAL, coding.CHILDHOOD, coding.OLD_AGE | coding.MALE,
        coding.NOT_PRINCIPAL | coding.INDEFINITE, coding.ASTERISK,
        coding.SYMPTOM | coding.INDEFINITE, coding.COMPLICATION,
        coding.UNKNOWN | coding.MORPHOLOGY, coding.UNKNOWN | coding.MALFORMED,
    ]  # fmt: skip
    dx_flags = np.array(kinds, dtype=np.int32)
    px_flags = np.array([coding.UNKNOWN, 0, coding.FEMALE, coding.MALE], dtype=np.int32)
    dx = ragged(rng, 3, "i4", *range(len(kinds)), 10, 10, 10)
    px = ragged(rng, 3, "i4", 0, 1, 1, 2, 3)
    conditions = ragged(rng, 3, "i1", -2, -1, 1, 4)
    dates = ragged(rng, 3, "i4", int(parse.MISSING_DATE), 19_000)
    sex, years = drawn(rng, "i1", 0, 1, 2), drawn(rng, "i4", -1, 0, 1, 14, 30, 70)
    days = drawn(rng, "i4", -1, 0, 3)
    stated = drawn(rng, "i4", -1, 0, 1, 2), drawn(rng, "i4", -1, 0, 1, 2)
    status, reason = drawn(rng, "i1", 0, 1, 2), drawn(rng, "i1", 0, 5)
    out = np.empty(N, np.uint64)
    coding.check_codes(
        sex, years, days, *dx, dx_flags, *px, px_flags, *conditions, *dates, *stated, status,
        reason, 5, np.array([11, 55]), out,
    )  # fmt: skip
    met = set()
    for i in range(N):
        codes = dx[1][dx[0][i] : dx[0][i + 1]].tolist()
        operations = px[1][px[0][i] : px[0][i + 1]].tolist()
        given = conditions[1][conditions[0][i] : conditions[0][i + 1]].tolist()
        on = dates[1][dates[0][i] : dates[0][i + 1]].tolist()
        flags = [kinds[c] for c in codes]
        principal = flags[0] if flags else 0
        every = int(np.bitwise_or.reduce([0, *flags]))
        secondary = int(np.bitwise_or.reduce([0, *flags[1:]]))
        definite = [f for f in flags if not f & (coding.INDEFINITE | coding.ASTERISK)]
        beside = [f for f in flags[1:] if not f & (coding.INDEFINITE | coding.ASTERISK)]
        operated = int(np.bitwise_or.reduce([0, *(int(px_flags[c]) for c in operations)]))
        y, s = int(years[i]), int(sex[i])
        f = {name: plain(getattr(coding, name)) for name in dir(coding)}
        results = {
            "sex_against_diagnosis": f["sex_against_codes"](s, every),
            "sex_against_procedure": f["sex_against_codes"](s, operated),
            "sex_against_mdc": f["sex_against_mdc"](reason[i] == 5),
            "principal_unknown": f["unknown"](principal),
            "diagnosis_unknown": f["unknown"](secondary),
            "procedure_unknown": f["unknown"](operated),
            "code_malformed": f["malformed"](every),
            "principal_not_allowed": f["principal_not_allowed"](principal),
            "principal_morphology": f["principal_morphology"](principal),
            "principal_asterisk": f["principal_asterisk"](principal),
            "asterisk_alone": f["asterisk_alone"](every, len(definite)),
            "t80_t88_alone": f["complication_alone"](principal, len(codes)),
            "symptom_as_principal": f["symptom_as_principal"](principal, len(beside)),
            "principal_absent_on_admission": given and f["principal_absent_on_admission"](given[0]),
            "admission_condition_unknown": any(map(f["condition_unknown"], given)),
            "conditions_differ_in_number": f["conditions_differ_in_number"](len(given), len(codes)),
            "diagnosis_twice": f["repeated"](codes, 0, len(codes)),
            "procedure_twice_same_day": len(on) == len(operations)
            and f["repeated_on_a_day"](operations, 0, len(operations), on, 0),
            "diagnosis_count_differs": f["count_differs"](int(stated[0][i]), len(codes)),
            "procedure_count_differs": f["count_differs"](int(stated[1][i]), len(operations)),
            "obstetric_age": f["obstetric_age"](principal, y, 11, 55),
            "perinatal_beyond_infancy": f["perinatal_beyond_infancy"](principal, y),
            "newborn_aged_in_years": f["newborn_aged_in_years"](principal, y, int(days[i])),
            "childhood_code_in_adult": f["childhood_code_in_adult"](every, y),
            "old_age_code_in_child": f["old_age_code_in_child"](every, y),
            "principal_against_operation": f["principal_against_operation"](status[i] == 1),
        }
        expected = {name for name, failed in results.items() if failed}
        assert names_of(out[i], CODING) == expected
        met |= expected
    assert met == set(CODING)


def test_costs_loop__is_its_functions(rng: np.random.Generator) -> None:
    missing = int(parse.MISSING_MONEY)
    cost, fund, personal, other, items, own = (
        drawn(rng, "i8", missing, -5, 0, 400, 1000, 2000, 10**9) for _ in range(6)
    )
    refund = drawn(rng, "i1", 0, 1)
    admission, discharge = drawn(rng, "i4", *DAYS), drawn(rng, "i4", *DAYS)
    out = np.empty(N, np.uint64)
    costs.check_costs(
        cost, fund, personal, other, items, own, refund, admission, discharge,
        np.array([1000, 10**6]), out,
    )  # fmt: skip
    met = set()
    for i in range(N):
        c, p, o = int(cost[i]), int(personal[i]), int(other[i])
        arguments: dict[str, Any] = {
            "items_against_cost": (int(items[i]), c),
            "payers_against_cost": (c, int(fund[i]), p, o),
            "own_above_personal": (int(own[i]), p),
            "part_negative": (p, o, int(items[i]), int(own[i]), int(refund[i])),
            "cost_zero": (c,),
            "cost_tiny": (c, 1000),
            "cost_absurd": (c, int(admission[i]), int(discharge[i]), 10**6),
            "refund_not_negative": (int(refund[i]), c),
        }
        expected = {n for n, given in arguments.items() if plain(getattr(costs, n))(*given)}
        assert names_of(out[i], COSTS) == expected
        met |= expected
    assert met == set(COSTS)


def test_bits__all_fit_one_word_and_stand_in_the_catalogue() -> None:
    names = [*PERSON, *STAY, *CODING, *COSTS]
    assert len(names) == len(set(names)) <= 64
    assert set(names) <= set(CHECKS)
