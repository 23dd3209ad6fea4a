"""Trimming, weighted years, small groups and computed coefficients: numbers worked out by hand."""

from fractions import Fraction as F
from typing import Any

import pytest

from reference.model.coefficients import Coefficients
from reference.model.grouping import Grouping
from reference.model.history import quantile, read_history, trimmed
from reference.model.region import Case, Hospital, Region
from tests.model.region_builder import EMPTY, a_case, grouped


@pytest.mark.parametrize(
    ("kind", "share", "expected"),
    [
        # type 7 stands at 4 q + 1, type 6 at 6 q, inside 1 to 5
        (7, "0.25", "20"),
        (7, "0.1", "14"),
        (7, "1", "100"),
        (6, "0.25", "15"),
        (6, "0.75", "70"),
        (6, "0.1", "10"),
        (6, "0.95", "100"),
        (7, "0", "10"),
    ],
)
def test_quantile__any_share(kind: int, share: str, expected: str) -> None:
    assert quantile([10, 20, 30, 40, 100], F(share), kind) == F(expected)


QUARTERS = {"trim__lower_percentile": "0.25", "trim__upper_percentile": "0.75"}


def test_trim__percentiles__limits_are_kept(parameters) -> None:
    p = parameters(trim__method="percentiles", **QUARTERS)
    assert trimmed([100, 20, 10, 40, 30], p) == [None, 20, None, 40, 30]
    p = parameters(trim__method="percentiles", trim__quantile_type="6", **QUARTERS)
    assert trimmed([100, 20, 10, 40, 30], p) == [None, 20, None, 40, 30]  # 15 to 70


def test_trim__winsorise__clips_to_whole_fen(parameters) -> None:
    p = parameters(trim__method="winsorise", **QUARTERS)
    assert trimmed([100, 20, 10, 40, 30], p) == [40, 20, 20, 40, 30]
    # type 7 of 4: place 3 q + 1 = 1.75 and 3.25: 10 + 0.75 x 7 = 15.25, 20 + 0.25 x 83 = 40.75
    assert trimmed([10, 17, 20, 103], p) == [15, 17, 20, 41]


def test_trim__standard_deviations(parameters) -> None:
    # mean 40, squares of deviations 900 + 400 + 100 + 0 + 3,600 = 5,000
    costs = [10, 20, 30, 40, 100]

    def kept(multiple: str, sd: str = "sample") -> list[int | None]:
        p = parameters(trim__method="sd", trim__sd_multiple=multiple, stable__cv_sd=sd)
        return trimmed(costs, p)

    assert kept("1") == [10, 20, 30, 40, None]  # sqrt(1,250) = 35.36
    assert kept("0.8") == [None, 20, 30, 40, None]  # 28.28
    assert kept("0.9", "population") == [None, 20, 30, 40, None]  # 0.9 x sqrt(1,000) = 28.46
    assert kept("0.9") == [10, 20, 30, 40, None]  # 31.82
    assert kept("0") == [None, None, None, 40, None]
    # exactly at the limit: mean 2, population deviation 1
    p = parameters(trim__method="sd", trim__sd_multiple="1", stable__cv_sd="population")
    assert trimmed([1, 3], p) == [1, 3]
    assert trimmed([7], parameters(trim__method="sd", trim__sd_multiple="0")) == [7]


def test_trim__multiples_of_the_untrimmed_mean(parameters) -> None:
    # mean 1,000: low up to 400; base 100 with an all-mean of 1,000 (K 3), 200 with 500 (K 2)
    costs = [400, 401, 1000, 199, 3000]
    p = parameters(trim__method="multiples")
    assert trimmed(costs, p, 1000) == [None, 401, 1000, None, None]
    assert trimmed([*costs[:-1], 2999, 1001], p, 1000)[4] == 2999
    assert trimmed([400, 600, 1000, 2000], p, 500) == [None, 600, 1000, None]
    open_ends = parameters(
        trim__method="multiples", low__inclusive="false", high__inclusive="false"
    )
    assert trimmed(costs, open_ends, 1000) == [400, 401, 1000, None, 3000]


def past(drg: str, *costs: str, year: int = 2023, hospital: str = "H", **values: Any):
    rows = []
    for number, cost in enumerate(costs):
        case = a_case(
            case_id=f"{hospital}-{drg}-{year}-{number}-{cost}",
            hospital_id=hospital,
            admission_date=f"{year}-03-01",
            discharge_date=f"{year}-03-05",
            total_cost=cost,
            **values,
        )
        rows.append((case, grouped(drg)))
    return rows


def means(rows: list[tuple[Case, Grouping]], p: dict[str, Any]) -> dict[str, int]:
    made = read_history(rows, 2024, p)
    return {"all": made.all_mean_fen} | {d: b.group_mean_fen for d, b in made.bases.items()}


def test_history__weighted_means_of_years(parameters) -> None:
    rows = past("GB15", "100.00", "200.00") + past("GB15", "300.00", year=2022)
    rows += past("FM13", "50.00", year=2022)
    p = parameters(trim__method="none")
    assert means(rows, p) == {"all": 16_250, "GB15": 20_000, "FM13": 5_000}
    p = parameters(
        trim__method="none",
        history__weighting="yearly_means",
        history__year_weights="3,1",
    )
    # GB15: (3 x 150 + 300) / 4 = 187.5; all: 2023 150, 2022 175: (450 + 175) / 4 = 156.25
    assert means(rows, p) == {"all": 15_625, "GB15": 18_750, "FM13": 5_000}
    thirds = {"history__weighting": "yearly_means", "history__year_weights": "0.5,1"}
    p = parameters(trim__method="none", **thirds)
    assert means(rows, p)["GB15"] == 25_000  # (75 + 300) / 1.5


def test_history__weights_that_are_lacking_or_zero(parameters) -> None:
    rows = past("GB15", "100.00") + past("FM13", "50.00", year=2022)
    own = {"trim__method": "none", "history__weighting": "yearly_means"}
    with pytest.raises(ValueError, match="fewer weights"):
        read_history(rows, 2024, parameters(history__year_weights="1", **own))
    with pytest.raises(ValueError, match="weight 0"):
        read_history(rows, 2024, parameters(history__year_weights="1,0", **own))
    mixed = past("GB15", "100.00") + past("GB15", "50.00", year=2022)
    assert means(mixed, parameters(history__year_weights="1,0", **own))["GB15"] == 10_000
    p = parameters(
        trim__method="percentiles", trim__lower_percentile="0.6", trim__upper_percentile="0.4"
    )
    with pytest.raises(ValueError, match="above trim"):
        read_history(rows, 2024, p)


def test_history__winsorised_costs_are_the_costs(parameters) -> None:
    p = parameters(trim__method="winsorise", trim__when="always", stable__min_cases="4", **QUARTERS)
    made = read_history(past("GB15", "1.00", "0.10", "0.20", "0.40", "0.30"), 2024, p)
    base = made.bases["GB15"]
    # 0.40 + 0.20 + 0.20 + 0.40 + 0.30 = 1.50
    assert (base.group_mean_fen, base.n_before, base.n_after, base.trimmed) == (30, 5, 5, 2)
    # deviations 10, -10, -10, 10, 0: 400 / 4 / 900
    assert base.cv_squared_after == F(1, 9)
    # of 1.00 0.10 0.20 0.40 0.30: mean 0.40
    assert (base.mean_before_fen, base.median_before_fen, base.median_after_fen) == (40, 30, 30)
    assert base.stable and base.origin == "history"


def test_small_groups__borrow_of_their_adrg(parameters) -> None:
    rows = past("GB15", "100.00", "200.00") + past("GB11", *["100.00"] * 6)
    p = parameters(trim__method="none", small_groups="borrow_adrg")
    made = read_history(rows, 2024, p)
    base = made.bases["GB15"]
    # (300 + 600) / 8 = 112.5, which is the all-DRG mean, too
    assert (base.group_mean_fen, base.base_points, base.origin) == (11_250, 100, "borrowed")
    assert (base.n_before, base.n_after, base.stable) == (2, 2, True)
    assert base.cv_squared_after == F(2, 9)  # its own: 5,000 / 150^2
    assert made.bases["GB11"].origin == "history"
    # together: 8 cases, squares 8,750 / 7 = 1,250; CV^2 0.0988
    assert not read_history(rows, 2024, p | {"stable.cv_max": F("0.31")}).bases["GB15"].stable
    assert read_history(rows, 2024, p | {"stable.cv_max": F("0.32")}).bases["GB15"].stable
    assert not read_history(rows, 2024, p | {"stable.min_cases": 8}).bases["GB15"].stable
    assert "GB13" not in made.bases
    alone = parameters(trim__method="none", small_groups="unstable")
    assert read_history(rows, 2024, alone).bases["GB15"].group_mean_fen == 15_000


def test_small_groups__all_trimmed_away__borrow_too(parameters) -> None:
    # type 7 of 1 and 100: 25.75 to 75.25 with factors 0: both are dropped
    own = {"trim__lower_factor": "0", "trim__upper_factor": "0", "trim__when": "always"}
    rows = past("GB15", "1.00", "100.00") + past("GB11", *["50.00"] * 6)
    base = read_history(rows, 2024, parameters(small_groups="borrow_adrg", **own)).bases["GB15"]
    assert (base.group_mean_fen, base.n_before, base.n_after, base.trimmed) == (5_000, 2, 0, 2)
    assert "GB15" not in read_history(rows, 2024, parameters(**own)).bases


def test_history__long_stays_do_not_count__however_they_are_paid(parameters) -> None:
    rows = past("GB15", "100.00") + past("GB15", "900.00", los_days=61)
    for rule in ("bed_day", "by_item"):
        assert means(rows, parameters(long_stay__rule=rule))["GB15"] == 10_000


# --- computed components

COSTS = [
    *past("GB15", "120.00", "120.00", hospital="H", patient_id="P1", pool_fund="60.00"),
    *past("GB15", "80.00", "100.00", hospital="H2", patient_id="P2", pool_fund="80.00"),
    *past("FM13", "200.00", hospital="H2", patient_id="P3", pool_fund="20.00"),
]


def coefficient(p: dict[str, Any], hospital: str, drg: str, level: str = "1", **region: Any) -> F:
    own = {"hospitals": {"H": Hospital("H", "3"), "H2": Hospital("H2", level)}, "history": ()}
    made = Region(**(EMPTY | own | region))
    return Coefficients(made, read_history(COSTS, 2024, p), p).of(hospital, drg)


def components(names: str, **overrides: str) -> dict[str, str]:
    equal = {1: "1", 2: "0.5,0.5"}[len(names.split(","))]
    own = {"coef__source": "components", "coef__components": names, "coef__weights": equal}
    return own | {"trim__method": "none", "coef__dp": "6"} | overrides


def test_component__history_by_group_and_by_hospital(parameters) -> None:
    p = parameters(**components("history", coef__scope="hospital_drg"))
    # the mean of GB15 is 420 / 4 = 105: 120 / 105 and 90 / 105
    assert coefficient(p, "H", "GB15") == F("1.142857")
    assert coefficient(p, "H2", "GB15") == F("0.857143")
    assert coefficient(p, "H", "FM13") == 1  # no case of its own
    assert coefficient(p, "H", "0000") == 1
    p = parameters(**components("history"))
    # 380 / (105 + 105 + 200)
    assert coefficient(p, "H2", "FM13") == coefficient(p, "H2", "XX19") == F("0.926829")
    few = parameters(**components("history", coef__min_cases="4"))
    assert coefficient(few, "H2", "FM13") == 1
    few = parameters(**components("history", coef__scope="hospital_drg", coef__min_cases="2"))
    assert (coefficient(few, "H2", "FM13"), coefficient(few, "H2", "GB15")) == (1, F("0.857143"))


def test_component__level_is_of_all_hospitals_of_the_level(parameters) -> None:
    p = parameters(**components("level", coef__scope="hospital_drg"))
    assert coefficient(p, "H", "GB15") == F("1.142857")
    assert coefficient(p, "H", "GB15", level="3") == 1  # both are of it
    p = parameters(**components("level,history"))
    # both of one level: level 1; 240 / 210 = 1.142857...: (1 + 8/7) / 2
    assert coefficient(p, "H", "GB15", level="3") == F("1.071429")


def test_component__cmi(parameters) -> None:
    # all-DRG mean 124: GB15 84.6774, FM13 161.2903; all: (4 x 84.6774 + 161.2903) / 5 = 99.99998
    p = parameters(**components("cmi"))
    assert coefficient(p, "H", "GB15") == F("0.846774")
    # H2: (2 x 84.6774 + 161.2903) / 3 = 110.215033...; / 99.99998
    assert coefficient(p, "H2", "GB15") == F("1.102151")


def test_component__visits_per_head(parameters) -> None:
    # H: 1 patient of 2 cases; H2: 2 of 3; the region: 3 of 5
    p = parameters(**components("visits_per_head"))
    assert coefficient(p, "H", "GB15") == F("0.833333")
    assert coefficient(p, "H2", "GB15") == F("1.111111")


def test_component__personal_burden(parameters) -> None:
    # not pool: H 120 of 240, H2 0 + 20 + 180 of 380, the region 320 of 620
    p = parameters(**components("personal_burden"))
    assert coefficient(p, "H", "GB15") == F("1.032258")  # (320 / 620) / (120 / 240)
    assert coefficient(p, "H2", "GB15") == F("0.980645")  # (320 / 620) / (200 / 380)


def test_component__given_beats_computed__without_history_it_must_be(parameters) -> None:
    p = parameters(**components("cmi"))
    given = {("H", "cmi"): F("1.5")}
    assert coefficient(p, "H", "GB15", components=given) == F("1.5")
    region = Region(**(EMPTY | {"components": given}))
    assert Coefficients(region, None, p).of("H", "GB15") == F("1.5")
    with pytest.raises(ValueError, match="H has no cmi"):
        Coefficients(Region(**EMPTY), None, p)
    with pytest.raises(ValueError, match="not above 0"):
        Coefficients(Region(**(EMPTY | {"components": {("H", "cmi"): F(0)}})), None, p)
