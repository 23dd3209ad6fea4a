"""Base points, classes and points: policy.md 12.1, 12.2 and 13 (T9, T11), one rule at a time."""

import datetime as dt
from fractions import Fraction as F
from typing import Any

import pytest

from reference.model.chains import readmitted as followed_by
from reference.model.exact import largest_remainder, round_half_away
from reference.model.grouping import Grouping
from reference.model.history import Base, base_points, cv_squared, quantile, read_history, trimmed
from reference.model.points import price_of
from reference.model.region import Case, Review, read_cases
from reference.model.stay import bed_day_class, is_bed_day, length_of_stay, year_of
from tests.model.region_builder import MEAN, UNGROUPED, a_case, grouped, points, setting


def readmitted(stays: Any, p: dict[str, Any]) -> set[str]:
    return set(followed_by(stays, p))


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (1_000_000, "80"),
        (3_125_000, "250"),
        (4_500_000, "360"),
        (777_777, "62.2222"),
        (40_000, "3.2"),
        (1_250_000, "100"),
        (1_250_001, "100.0001"),
        (3_750_000, "300"),
        (3_750_001, "300.0001"),
    ],
)
def test_base_points__ex1_and_t9(parameters, mean: int, expected: str) -> None:
    assert base_points(mean, MEAN, parameters()) == F(expected)


@pytest.mark.parametrize(
    ("mean", "multiple"),
    [(1_250_000, "3"), (1_250_001, "2"), (3_750_000, "2"), (3_750_001, "1.5")],
)
def test_class__high_band_edges__t9(parameters, mean: int, multiple: str) -> None:
    p = parameters()
    own = setting(p)
    own.bases["GB15"] = Base("GB15", mean, base_points(mean, MEAN, p), True)
    limit = int(-(-F(multiple) * mean // 1))
    for cost, expected in ((limit, "high"), (limit - 1, "normal")):
        made = price_of(a_case(total_cost=F(cost, 100)), grouped("GB15"), own)
        assert made.case_class == expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (("FM13", "30000.00", "1.06"), ("normal", "265")),
        (("GB15", "9500.50", "1.06"), ("normal", "84.8")),
        (("GB15", "3500.00", "0.98"), ("low", "28")),
        (("GB15", "11000.00", "0.98"), ("normal", "78.4")),
        (("RW15", "8123.45", "0.98"), ("normal", "60.9778")),
        (("FM13", "61999.99", "0.91"), ("normal", "227.5")),
        (("AH19", "67500.00", "1.06"), ("high", "381.6")),
        (("0000", "18750.00", "0.91"), ("ungrouped", "150")),
        (("BQY", "18750.00", "0.91"), ("ambiguous", "150")),
        (("XX19", "18750.00", "0.91"), ("unstable", "150")),
        (("GB15", "4000.00", "1.06"), ("low", "32")),
        (("GB15", "4000.01", "1.06"), ("normal", "84.8")),
        (("GB15", "0", "1.06"), ("low", "0")),
    ],
)
def test_points__classes_of_ex1(parameters, case: tuple, expected: tuple) -> None:
    assert points(parameters(), *case) == (expected[0], F(expected[1]))


def test_points__granted_review__adds_the_excess_without_coefficient(parameters) -> None:
    p = parameters()
    granted, refused = Review(True, 225_000), Review(False, 225_000)
    assert points(p, "AH19", "90000.00", "1.06", granted) == ("reviewed", F("543.6"))
    assert points(p, "AH19", "90000.00", "1.06", refused) == ("high", F("381.6"))
    # all of the excess is unreasonable: nothing is added, nothing taken
    assert points(p, "AH19", "67500.00", "1.06", granted) == ("reviewed", F("381.6"))
    # neither high nor by cost: the review changes nothing
    assert points(p, "AH19", "50000.00", "1.06", granted) == ("normal", F("381.6"))


def test_points__unreasonable_cost__comes_off_whatever_the_decision(parameters) -> None:
    for granted in (True, False):
        for drg, class_ in (("0000", "ungrouped"), ("BQY", "ambiguous"), ("XX19", "unstable")):
            review = Review(granted, 125_000)
            assert points(parameters(), drg, "18750.00", review=review) == (class_, F(140))


def test_points__coefficient__multiplies_exactly_the_named_classes(parameters) -> None:
    p = parameters(coef_applies_to="low,ungrouped,bed_day")
    assert points(p, "GB15", "4000.00", "1.02") == ("low", F("32.64"))
    assert points(p, "0000", "12500.00", "1.02") == ("ungrouped", F(102))
    assert points(p, "GB15", "9000.00", "1.02") == ("normal", F(80))
    assert points(p, "AH19", "90000.00", "1.02", Review(True, 0)) == ("reviewed", F(540))
    psy = points(p, "GB15", "9.00", "1.02", bed_day_class="PSY", los_days=10)
    assert psy == ("bed_day", F("32.64"))
    nowhere = parameters(coef_applies_to="none")
    assert points(nowhere, "GB15", "9000.00", "1.02") == ("normal", F(80))


def test_points__primary_groups__have_coefficient_one(parameters) -> None:
    p = parameters(primary_groups="GB15")
    assert points(p, "GB15", "9000.00", "1.06") == ("normal", F(80))
    assert points(p, "FM13", "30000.00", "1.06") == ("normal", F(265))


def test_class__inclusive_switches_off__at_the_limit(parameters) -> None:
    p = parameters(low__inclusive="false", high__inclusive="false")
    assert points(p, "GB15", "4000.00")[0] == "normal"
    assert points(p, "AH19", "67500.00")[0] == "normal"
    assert points(p, "AH19", "67500.01")[0] == "high"


def test_class__day_surgery__is_no_low_case_when_exempt(parameters) -> None:
    assert points(parameters(), "GB15", "100.00", payment_mode="day_surgery")[0] == "normal"
    p = parameters(low__exempt_day_surgery="false")
    assert points(p, "GB15", "100.00", payment_mode="day_surgery")[0] == "low"


def test_class__rules_switched_off(parameters) -> None:
    p = parameters(low__multiple="none", high__bands="none", long_stay__days="none")
    assert points(p, "GB15", "0.01")[0] == "normal"
    assert points(p, "GB15", "9999999.00", los_days=400)[0] == "normal"


def test_class__unstable_stands_before_low_and_high(parameters) -> None:
    assert points(parameters(), "GB15", "100.00", stable=False) == ("unstable", F("0.8"))


def test_points__low_case_of_a_rounded_base__t11(parameters) -> None:
    p = parameters(case_points_dp="none", low__multiple="1")
    case = ("RW15", "5555.55")
    assert points(p, *case) == (
        "low",
        round_half_away(F("62.2222") * F("5555.55") / F("7777.77"), 4),
    )


def test_bed_day__days_class_and_rounding(parameters) -> None:
    p = parameters()
    psy = {"payment_mode": "bed_day", "bed_day_class": "PSY"}
    assert points(p, "0000", "24000.00", los_days=60, **psy) == ("bed_day", F(192))
    assert points(p, "GB15", "10.00", los_days=0, **psy) == ("bed_day", F("3.2"))  # counts 1 day
    assert points(p, "GB15", "10.00", los_days=60)[0] == "low"
    assert points(p, "GB15", "10.00", los_days=61) == ("bed_day", F("48.8"))  # LONG 0.8 a day
    assert bed_day_class(a_case(los_days=61, **psy), p) == "PSY"
    assert is_bed_day(a_case(bed_day_class="PSY"), p)
    with pytest.raises(ValueError, match="no bed_day_class"):
        points(p, "GB15", "10.00", payment_mode="bed_day")
    with pytest.raises(ValueError, match="no rate of the bed-day class REHAB"):
        points(p, "GB15", "10.00", bed_day_class="REHAB")


def test_length_of_stay__t15(parameters) -> None:
    difference, plus_one = parameters(), parameters(los_convention="plus_one")
    assert length_of_stay(a_case(), difference) == 3
    assert length_of_stay(a_case(), plus_one) == 4
    assert length_of_stay(a_case(discharge_date="2024-06-12"), difference) == 0
    assert length_of_stay(a_case(los_days=9), plus_one) == 9


def test_year__settlement_date_else_discharge(parameters) -> None:
    case = a_case(settlement_date="2025-01-03")
    assert year_of(case, parameters()) == 2025
    assert year_of(case, parameters(year_key="discharge_date")) == 2024
    assert year_of(a_case(settlement_date=None), parameters()) == 2024


# --- history


def test_quartiles__types_7_and_6() -> None:
    ordered = [10, 20, 30, 40, 50, 70]
    assert [quantile(ordered, F(q, 4), 7) for q in (1, 3)] == [F("22.5"), F("47.5")]
    assert [quantile(ordered, F(q, 4), 6) for q in (1, 3)] == [F("17.5"), F(55)]
    assert [quantile([5], F(q, 4), t) for q in (1, 3) for t in (6, 7)] == [5, 5, 5, 5]
    assert [quantile([5, 9], F(q, 4), 6) for q in (1, 3)] == [5, 9]


def test_cv__sample_and_population_exact() -> None:
    assert cv_squared([1, 3], "sample") == F(1, 2)
    assert cv_squared([1, 3], "population") == F(1, 4)
    assert cv_squared([7], "sample") is None
    assert cv_squared([7], "population") == 0


def test_trim__fences_are_inclusive(parameters) -> None:
    costs = [1, 10, 20, 30, 40, 88]
    # type 7: Q1 12.5, Q3 37.5, IQR 25: 0 to 75
    assert trimmed(costs, parameters()) == [1, 10, 20, 30, 40, None]
    assert trimmed([0, 10, 20, 30, 40, 75], parameters()) == [0, 10, 20, 30, 40, 75]
    # type 6: Q1 17.5, Q3 55, IQR 37.5: -1.25 to 111.25
    costs = [10, 20, 30, 40, 50, 70]
    assert trimmed(costs, parameters(trim__quantile_type="6")) == costs


def history(costs: list[str], drg: str = "GB15", **values: Any) -> list[tuple[Case, Grouping]]:
    return [
        (
            a_case(
                total_cost=cost,
                **{"discharge_date": "2023-05-01", "admission_date": "2023-04-28"} | values,
            ),
            grouped(drg),
        )
        for cost in costs
    ]


def test_history__years_bed_day_ungrouped_and_free_cases__do_not_count(parameters) -> None:
    p = parameters()
    counted = history(["100.00"] * 6)
    others = [
        *history(["900.00"], bed_day_class="PSY"),
        *history(["900.00"], los_days=61),
        *history(["0"]),
        *history(["900.00"], settlement_date="2024-01-01"),
        *history(["900.00"], admission_date="2021-12-01", discharge_date="2021-12-31"),
        (a_case(discharge_date="2023-05-01", admission_date="2023-05-01"), UNGROUPED),
    ]
    edge = history(["200.00"], admission_date="2022-01-01", discharge_date="2022-01-01")
    past = read_history([*counted, *others, *edge], 2024, p)
    all_mean, bases = past.all_mean_fen, past.bases
    assert (all_mean, bases["GB15"].n_before) == (11_429, 7)
    assert bases["GB15"].group_mean_fen == 11_429  # 800 / 7 = 114.2857


def test_history__stability__more_than_five_and_cv(parameters) -> None:
    def stable(costs: list[str], **overrides: str) -> bool:
        p = parameters(**overrides)
        return read_history(history(costs), 2024, p).bases["GB15"].stable

    assert not stable(["1.00"] * 5)
    assert stable(["1.00"] * 6)
    assert stable(["1.00"] * 5, stable__inclusive="true")
    assert not stable(["1.00"], stable__min_cases="0")  # no sample deviation
    assert stable(["1.00"], stable__min_cases="0", stable__cv_sd="population")


def test_history__trimmed_only_when_cv_is_above(parameters) -> None:
    wild = history(["1.00"] * 9 + ["100.00"])
    calm = history(["90.00"] * 9 + ["100.00"], "FM13")

    def n_after(**overrides: str) -> tuple[int | None, int | None]:
        bases = read_history(wild + calm, 2024, parameters(**overrides)).bases
        return bases["GB15"].n_after, bases["FM13"].n_after

    assert n_after() == (9, 10)
    assert n_after(trim__when="always") == (9, 9)
    assert n_after(trim__method="none") == (10, 10)
    past = read_history(wild + calm, 2024, parameters())
    all_mean, bases = past.all_mean_fen, past.bases
    assert all_mean == 4837  # (9 x 1 + 9 x 90 + 100) / 19 = 48.3684 yuan
    assert bases["GB15"].cv_squared_before is not None


def test_history__nothing_counts__is_refused(parameters) -> None:
    with pytest.raises(ValueError, match="no past case"):
        read_history([], 2024, parameters())


# --- readmission


def stay(case_id: str, admission: str, discharge: str, drg: str = "GB15", **values: Any):
    values = {"patient_id": "P", "los_days": 2} | values
    case = a_case(case_id=case_id, admission_date=admission, discharge_date=discharge, **values)
    return case, grouped(drg)


def test_readmission__window_is_0_to_15_days_after_discharge(parameters) -> None:
    first = stay("A", "2024-04-01", "2024-04-08")
    for day, expected in (("08", {"A"}), ("23", {"A"}), ("24", set()), ("07", set())):
        assert (
            readmitted([stay("B", f"2024-04-{day}", "2024-04-30"), first], parameters()) == expected
        )


def test_readmission__chain_and_exceptions(parameters) -> None:
    p = parameters()
    a = stay("A", "2024-04-01", "2024-04-08")
    b = stay("B", "2024-04-10", "2024-04-12")
    c = stay("C", "2024-04-14", "2024-04-16")
    assert readmitted([c, a, b], p) == {"A", "B"}
    assert readmitted([a, b, c], parameters(readmission__days="none")) == set()
    dates = ("2024-04-10", "2024-04-12")
    assert readmitted([a, stay("B", *dates, hospital_id="H9")], p) == set()
    assert readmitted([a, stay("B", *dates, patient_id="")], p) == set()
    assert readmitted([a, stay("B", *dates, "GB11")], p) == set()
    adrg = parameters(readmission__same="hospital_adrg")
    assert readmitted([a, stay("B", *dates, "GB11")], adrg) == {"A"}
    assert readmitted([a, stay("B", *dates, bed_day_class="PSY")], p) == set()
    for exempt in ("GB15", "GB1", '["XX1", "GB1"]'):
        assert readmitted([a, b], parameters(readmission__exempt=exempt)) == set()
    nobody = [
        stay("A", "2024-04-01", "2024-04-08", patient_id=""),
        stay("B", *dates, patient_id=""),
    ]
    assert readmitted(nobody, p) == set()


# --- exact numbers


def test_round__half_away_from_zero() -> None:
    assert [round_half_away(F(x)) for x in ("0.5", "-0.5", "1.49", "-2.5")] == [1, -1, 1, -3]
    assert round_half_away(F("60.977756"), 4) == F("60.9778")
    assert round_half_away(F("0.00005"), 4) == F("0.0001")


def test_largest_remainder__ties_go_by_key() -> None:
    thirds = {("H2", "1"): F(1, 3), ("H1", "2"): F(1, 3), ("H1", "1"): F(1, 3)}
    assert largest_remainder(thirds, 1) == {("H1", "1"): 1, ("H1", "2"): 0, ("H2", "1"): 0}
    negative = {"A": F(-7, 2), "B": F(9, 2)}
    assert largest_remainder(negative, 1) == {"A": -3, "B": 4}
    with pytest.raises(ArithmeticError):
        largest_remainder({"A": F(1, 2)}, 1)


def test_cases__that_are_not_clean__are_refused_with_row_and_reason() -> None:
    bad = [
        ({"discharge_date": "2024-06-11"}, "before admission"),
        ({"admission_date": "12.06.2024"}, "not a date"),
        ({"total_cost": "1.001"}, "more than two decimals"),
        ({"total_cost": 1.5}, "not an exact decimal"),
        ({"total_cost": "-1"}, "negative"),
        ({"pool_fund": "10000.01"}, "above total_cost"),
        ({"diagnoses": "|D1"}, "principal"),
        ({"sex": "X"}, "sex"),
        ({"age_years": "4.5"}, "age_years"),
        ({"payment_mode": "item"}, "payment_mode"),
        ({"icu": "maybe"}, "icu"),
    ]
    for values, message in bad:
        with pytest.raises(ValueError, match=rf"cases, row 1, case C: .*{message}"):
            a_case(**values)
    with pytest.raises(ValueError, match="twice"):
        row = {
            "case_id": "C",
            "hospital_id": "H",
            "admission_date": dt.date(2024, 1, 1),
            "discharge_date": dt.datetime(2024, 1, 2, 8, 30),
            "total_cost": 10,
            "pool_fund": 0,
            "diagnosis_1": "D1",
            "diagnosis_10": "D3",
            "diagnosis_2": "D2",
            "procedures": None,
        }
        assert read_cases([row], "cases")[0].diagnoses == ("D1", "D2", "D3")
        read_cases([row, row], "cases")
