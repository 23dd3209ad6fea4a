"""Bed-day bands, classes, formulas, coefficients, referral chains: each number worked out by hand.

The groups are those of EX1: GB15 10,000.00 (base 80, K 3), FM13 31,250.00 (250, K 2), AH19
45,000.00 (360, K 1.5); the all-DRG mean is 12,500.00, so a yuan by cost is 0.008 points.
"""

from fractions import Fraction as F
from typing import Any

import pytest

from reference.model.chains import chains, lead_of, price_chain, readmitted, review_counts
from reference.model.coefficients import Coefficients
from reference.model.grouping import Grouping
from reference.model.history import Base
from reference.model.points import Setting, price_of
from reference.model.region import Case, Hospital, Region, Review
from tests.model.region_builder import (
    EMPTY,
    UNGROUPED,
    a_case,
    grouped,
    points,
    price,
    setting,
)

# T8: up to 30 days 450, up to 90 days 380, then 300
T8 = {("PSY", ""): ((1, 45_000), (31, 38_000), (91, 30_000))}
PSY: dict[str, Any] = {"payment_mode": "bed_day", "bed_day_class": "PSY"}


@pytest.mark.parametrize(
    ("days", "marginal", "whole_stay"),
    [
        (30, "13500", "13500"),
        (31, "13880", "11780"),
        (90, "36300", "34200"),
        (91, "36600", "27300"),
        (120, "45300", "36000"),
    ],
)
def test_bed_day__bands__t8(parameters, days: int, marginal: str, whole_stay: str) -> None:
    for mode, yuan in (("marginal", marginal), ("whole_stay", whole_stay)):
        p = parameters(bed_day__mode=mode, bed_day__payment="money")
        made = price(p, "GB15", "1.00", region={"bed_day_rates": T8}, los_days=days, **PSY)
        assert (made.case_class, made.paid_by) == ("bed_day", "money")
        assert (made.price_fen, made.points, made.base_points) == (int(yuan) * 100, 0, None)


def test_bed_day__bands_in_points(parameters) -> None:
    # 450, 380, 300 are 3.6, 3.04, 2.4 points a day: 31 days are 30 x 3.6 + 3.04
    region = {"bed_day_rates": T8}
    p = parameters()
    made = price(p, "GB15", "1.00", region=region, los_days=31, **PSY)
    assert (made.points, made.base_points) == (F("111.04"), F("3.04"))
    p = parameters(bed_day__mode="whole_stay", coef_applies_to="bed_day")
    made = price(p, "GB15", "1.00", "1.1", region=region, los_days=31, **PSY)
    assert made.points == F("103.664")  # 31 x 3.04 x 1.1


def test_bed_day__rate_of_the_level__else_that_of_all_others(parameters) -> None:
    rates = {("PSY", "3"): ((1, 50_000),), ("PSY", ""): ((1, 40_000),), ("REH", "2"): ((1, 1),)}
    p = parameters()
    own = price(p, "GB15", "1.00", region={"bed_day_rates": rates}, los_days=1, **PSY)
    assert own.points == 4  # 500 / 12,500 x 100: H is of level 3
    hospitals = {"H": Hospital("H", "1")}
    other = {"bed_day_rates": rates, "hospitals": hospitals}
    assert price(p, "GB15", "1.00", region=other, los_days=1, **PSY).points == F("3.2")
    with pytest.raises(ValueError, match="no rate of the bed-day class REH"):
        price(p, "GB15", "1.00", region=other, bed_day_class="REH")


def test_long_stay__by_item__not_bed_day_otherwise(parameters) -> None:
    p = parameters(long_stay__rule="by_item")
    made = price(p, "GB15", "9000.00", los_days=61)
    assert (made.case_class, made.paid_by, made.price_fen) == ("long_stay", "money", 900_000)
    assert price(p, "GB15", "9000.00", los_days=60).case_class == "normal"
    assert price(p, "GB15", "9000.00", los_days=61, **PSY).case_class == "bed_day"
    # declared as bed-day without a class: a long stay when it is one
    assert price(p, "GB15", "1.00", los_days=61, payment_mode="bed_day").case_class == "long_stay"
    with pytest.raises(ValueError, match="no bed_day_class"):
        price(p, "GB15", "1.00", los_days=60, payment_mode="bed_day")


def test_short_stay__up_to_the_limit__not_day_surgery(parameters) -> None:
    p = parameters(short_stay__days="2")
    made = price(p, "0000", "500.00", review=Review(False, 10_000), los_days=2)
    assert (made.case_class, made.price_fen, made.unreasonable_fen) == (
        "short_stay",
        40_000,
        10_000,
    )
    assert price(p, "GB15", "9000.00", los_days=3).case_class == "normal"
    assert price(p, "GB15", "9000.00", los_days=2, payment_mode="day_surgery").points == 80


# --- high


def test_high__linear_add__not_when_refused(parameters) -> None:
    p = parameters(high__rule="linear_add")
    # 360 x 1.06 + (90,000 / 45,000 - 1.5) x 360 = 381.6 + 180
    assert points(p, "AH19", "90000.00", "1.06") == ("high", F("561.6"))
    refused = price(p, "AH19", "90000.00", "1.06", Review(False, 225_000))
    assert (refused.points, refused.unreasonable_fen) == (F("381.6"), 0)


def test_high__deduct(parameters) -> None:
    p = parameters(high__rule="deduct")
    # 90,000 by cost is 720; less 0.5 x 360 x 1.06 = 190.8
    assert points(p, "AH19", "90000.00", "1.06") == ("high", F("529.2"))
    # 87,750 by cost is 702
    refused = price(p, "AH19", "90000.00", "1.06", Review(False, 225_000))
    assert (refused.points, refused.unreasonable_fen) == (F("511.2"), 225_000)
    # nothing reasonable is left: not below 0
    assert points(p, "AH19", "90000.00", "1", Review(False, 9_000_000)) == ("high", 0)


def test_high__cap(parameters) -> None:
    p = parameters(high__rule="cap")
    # min(2, 1.5) x 360 x 1.06
    assert points(p, "AH19", "90000.00", "1.06") == ("high", F("572.4"))
    # 45,000 are left: min(1, 1.5) x 381.6
    refused = Review(False, 4_500_000)
    assert points(p, "AH19", "90000.00", "1.06", refused) == ("high", F("381.6"))


def test_high__by_item__and_reviewed_whatever_the_rule(parameters) -> None:
    p = parameters(high__rule="by_item")
    made = price(p, "AH19", "90000.00", "1.06", Review(False, 225_000))
    assert (made.paid_by, made.price_fen, made.points) == ("money", 8_775_000, 0)
    assert (made.coefficient, made.base_points) == (1, 360)
    for rule in ("special_review", "linear_add", "deduct", "cap", "by_item"):
        granted = points(
            parameters(high__rule=rule), "AH19", "90000.00", "1.06", Review(True, 225_000)
        )
        assert granted == ("reviewed", F("543.6"))


# --- low, the order of low and high


def test_low__by_cost_and_by_item(parameters) -> None:
    p = parameters(low__rule="by_cost", coef_applies_to="low")
    # 2,500 x 0.008 x 1.06
    assert points(p, "GB15", "3500.00", "1.06", Review(False, 100_000)) == ("low", F("21.2"))
    made = price(parameters(low__rule="by_item"), "GB15", "3500.00", review=Review(False, 100_000))
    assert (made.case_class, made.paid_by, made.price_fen) == ("low", "money", 250_000)
    # the ratio knows no unreasonable cost
    made = price(parameters(), "GB15", "3500.00", review=Review(False, 100_000))
    assert (made.points, made.unreasonable_fen) == (28, 0)


def test_low__threshold_of_a_coefficient_below_one(parameters) -> None:
    p = parameters(low__threshold="lower_of_coefficient", coef_applies_to="none")
    # 0.4 x 10,000 x 0.91
    assert points(p, "GB15", "3640.00", "0.91")[0] == "low"
    assert points(p, "GB15", "3640.01", "0.91")[0] == "normal"
    assert points(p, "GB15", "4000.00", "1.06")[0] == "low"
    assert points(p, "GB15", "4000.01", "1.06")[0] == "normal"


def test_class_order__a_cost_that_is_both(parameters) -> None:
    both = {"low__multiple": "1", "high__bands": '[["none", "1"]]'}
    assert points(parameters(**both), "GB15", "10000.00")[0] == "low"
    p = parameters(class_order="high_first", **both)
    assert points(p, "GB15", "10000.00")[0] == "high"
    assert points(p, "GB15", "10000.00", review=Review(True, 0))[0] == "reviewed"
    assert points(p, "GB15", "9999.99")[0] == "low"


# --- the way of discharge


def test_discharge__rules_by_way(parameters) -> None:
    p = parameters(death__rule="by_cost", transfer__rule="by_item", against_order__rule="not_low")
    # 1,000 x 0.008; no coefficient unless the class has one
    assert points(p, "GB15", "1000.00", "1.06", discharge_way="5") == ("special_discharge", 8)
    for way in ("2", "3"):
        made = price(p, "GB15", "1000.00", review=Review(True, 10_000), discharge_way=way)
        assert (made.case_class, made.price_fen) == ("special_discharge", 90_000)
    assert points(p, "GB15", "1000.00", discharge_way="4") == ("normal", 80)
    assert points(p, "GB15", "1000.00", discharge_way="1") == ("low", 8)
    # before unstable, after ungrouped
    assert points(p, "GB15", "1000.00", stable=False, discharge_way="5")[0] == "special_discharge"
    assert points(p, "0000", "1000.00", discharge_way="5")[0] == "ungrouped"
    applied = parameters(death__rule="by_cost", coef_applies_to="special_discharge")
    assert points(applied, "GB15", "1000.00", "1.06", discharge_way="5")[1] == F("8.48")


# --- by cost, by item, held


@pytest.mark.parametrize(
    ("drg", "class_"), [("0000", "ungrouped"), ("BQY", "ambiguous"), ("XX19", "unstable")]
)
def test_by_cost_classes__special_review__by_item(parameters, drg: str, class_: str) -> None:
    p = parameters(**{f"{class_}__rule": "special_review", "coef_applies_to": class_})
    for review in (None, Review(False, 100_000)):
        held = price(p, drg, "18750.00", "1.06", review)
        assert (held.case_class, held.paid_by) == (class_, "held")
        assert (held.points, held.price_fen, held.unreasonable_fen) == (0, 0, 0)
    # 17,500 x 0.008 x 1.06
    granted = price(p, drg, "18750.00", "1.06", Review(True, 125_000))
    assert (granted.paid_by, granted.points) == ("points", F("148.4"))
    p = parameters(**{f"{class_}__rule": "by_item", "coef_applies_to": class_})
    item = price(p, drg, "18750.00", "1.06", Review(False, 125_000))
    assert (item.case_class, item.price_fen, item.coefficient) == (class_, 1_750_000, 1)


def test_small_groups__review__holds_cases_of_groups_with_few_past_cases(parameters) -> None:
    p = parameters(small_groups="review")
    own = setting(p, history=())
    few = Base("GB15", 1_000_000, F(80), False, n_before=5, n_after=5)
    own.bases["GB15"] = few
    assert price_of(a_case(), grouped("GB15"), own).paid_by == "held"
    assert price_of(a_case(), grouped("XX19"), own).paid_by == "held"  # no past case at all
    # unstable by its CV alone: by cost, as unstable.rule says
    own.bases["GB15"] = Base("GB15", 1_000_000, F(80), False, n_before=6, n_after=6)
    assert price_of(a_case(), grouped("GB15"), own).points == 80
    # means that were given have no past cases to count
    assert price(p, "XX19", "10000.00").paid_by == "points"


# --- points set by experts


def test_review_with_points__whatever_else_holds(parameters) -> None:
    p = parameters(case_points_dp="1", ungrouped__rule="special_review", coef_applies_to="high")
    review = Review(True, 100, F("123.4567"))
    for drg in ("GB15", "0000", "BQY", "XX19"):
        made = price(p, drg, "9000.00", "1.06", review, discharge_way="5")
        assert (made.case_class, made.points) == ("reviewed", F("123.4567"))
        assert (made.coefficient, made.unreasonable_fen) == (1, 0)
    assert points(p, "GB15", "9000.00", review=Review(False, 0, F(5))) == ("normal", 80)
    assert price(p, "GB15", "9000.00", review=review, los_days=61).case_class == "bed_day"
    short = parameters(short_stay__days="3")
    assert price(short, "GB15", "9000.00", review=review).case_class == "short_stay"


# --- coefficients


def coefficients(p: dict[str, Any], **region: Any) -> Coefficients:
    own = {"hospitals": {"H": Hospital("H", "3"), "H2": Hospital("H2", "2")}}
    return Coefficients(Region(**(EMPTY | own | region)), None, p)


def test_coefficient__given__a_row_of_the_group_overrides(parameters) -> None:
    given = {("H", ""): F("1.06"), ("H", "GB15"): F("1.2"), ("H2", ""): F("0.9")}
    own = coefficients(parameters(), coefficients=given)
    assert [own.of("H", "GB15"), own.of("H", "FM13"), own.of("H2", "GB15")] == [
        F("1.2"),
        F("1.06"),
        F("0.9"),
    ]
    with pytest.raises(ValueError, match="H2 has no coefficient"):
        coefficients(parameters(), coefficients={("H", ""): F(1), ("H2", "GB15"): F(1)})


def test_coefficient__by_level(parameters) -> None:
    p = parameters(coef__source="level")
    own = coefficients(p, level_coefficients={"2": F("0.95"), "3": F("1.05")})
    assert (own.of("H", "GB15"), own.of("H2", "GB15")) == (F("1.05"), F("0.95"))
    with pytest.raises(ValueError, match="no level 2 of H2"):
        coefficients(p, level_coefficients={"3": F(1)})


def test_coefficient__components_given__weights_floor_cap_rounding(parameters) -> None:
    some = {"coef__source": "components", "coef__components": "catalogue,cmi"}
    values = {("H", "catalogue"): F("1.2"), ("H", "cmi"): F("0.9")}
    values |= {("H2", "catalogue"): F("0.5"), ("H2", "cmi"): F("0.33333")}

    def both(**overrides: str) -> list[F]:
        own = coefficients(parameters(**some, **overrides), components=values)
        return [own.of("H", "GB15"), own.of("H2", "GB15")]

    # 0.75 x 1.2 + 0.25 x 0.9 = 1.125; 0.75 x 0.5 + 0.25 x 0.33333 = 0.4583325
    assert both(coef__weights="0.75,0.25") == [F("1.125"), F("0.4583")]
    assert both(coef__weights="0.75,0.25", coef__dp="2") == [F("1.13"), F("0.46")]
    limited = both(coef__weights="0.75,0.25", coef__floor="0.8", coef__cap="1.1")
    assert limited == [F("1.1"), F("0.8")]
    for weights in ("1", "0.5,0.6"):
        with pytest.raises(ValueError, match=r"coef\.weights"):
            both(coef__weights=weights)
    with pytest.raises(ValueError, match="H2 has no catalogue"):
        coefficients(
            parameters(**some, coef__weights="0.5,0.5"),
            components={key: value for key, value in values.items() if key[0] == "H"},
        )


def test_coefficient__tcm_tilt_at_the_gate__six_decimals(parameters) -> None:
    p = parameters(tcm__tilt="0.033333", tcm__gate="0.5")
    given = {("H", ""): F("1.06"), ("H2", ""): F("0.9")}
    shares = {"H": F("0.5"), "H2": F("0.499")}
    own = coefficients(p, coefficients=given, treatment_shares=shares)
    assert own.of("H", "GB15") == F("1.095333")  # 1.06 x 1.033333 = 1.09533298
    assert own.of("H2", "GB15") == F("0.9")


def test_coefficient__primary_groups_of_primary_levels(parameters) -> None:
    given = {("H", ""): F("1.06"), ("H2", ""): F("0.9")}
    p = parameters(primary_groups="GB15", primary_levels="2", tcm__tilt="1", tcm__gate="0")
    own = coefficients(p, coefficients=given, treatment_shares={"H2": F(1)})
    assert (own.of("H", "GB15"), own.of("H2", "GB15"), own.of("H2", "FM13")) == (
        F("1.06"),
        1,
        F("1.8"),
    )
    # c of the threshold of low cases is 1, too: 4,000 is low where 0.9 would make 3,600 of it
    low = parameters(primary_groups="GB15", low__threshold="lower_of_coefficient")
    assert points(low, "GB15", "4000.00", "0.9")[0] == "low"


# --- referral


def stay(case_id: str, hospital: str, drg: str, days: tuple[str, str], cost: str, **values: Any):
    case = a_case(
        case_id=case_id,
        hospital_id=hospital,
        patient_id="P",
        referral_group="R",
        admission_date=f"2024-04-{days[0]}",
        discharge_date=f"2024-04-{days[1]}",
        total_cost=cost,
        **values,
    )
    return case, grouped(drg)


def community(p: dict[str, Any], reviews: dict[str, Review] | None = None) -> Setting:
    """H (coefficient 1.06) and H2 (0.98) of one community, H3 of another."""
    hospitals = {
        "H": Hospital("H", "3", "Y"),
        "H2": Hospital("H2", "2", "Y"),
        "H3": Hospital("H3", "2", "Z"),
    }
    given = {("H", ""): F("1.06"), ("H2", ""): F("0.98"), ("H3", ""): F(1)}
    own = setting(p, hospitals=hospitals, coefficients=given, reviews=reviews or {})
    return own


def ids(found: list[list[tuple[Case, Grouping]]]) -> list[list[str]]:
    return [[case.case_id for case, _ in chain] for chain in found]


def test_referral__what_makes_a_chain(parameters) -> None:
    p = parameters(referral__rule="one_stay", referral__days="1")
    region = community(p).region
    a = stay("A", "H", "GB15", ("01", "03"), "4000.00")

    def found(*others: tuple[Case, Grouping]) -> list[list[str]]:
        return ids(chains([*others, a], region, p))

    after = ("03", "09")
    assert found(stay("B", "H2", "AH19", after, "1.00")) == [["A", "B"]]
    assert found(stay("B", "H2", "AH19", ("04", "09"), "1.00")) == [["A", "B"]]
    assert found(stay("B", "H2", "AH19", ("05", "09"), "1.00")) == []
    assert found(stay("B", "H2", "AH19", ("02", "09"), "1.00")) == []  # an overlap
    assert found(stay("B", "H3", "AH19", after, "1.00")) == []  # another community
    assert found(stay("B", "H2", "AH19", after, "1.00", bed_day_class="PSY")) == []
    other = (stay("B", "H2", "AH19", after, "1.00")[0], UNGROUPED)
    assert found(other) == []
    b = stay("B", "H2", "AH19", after, "1.00")
    c = stay("C", "H", "FM13", ("10", "12"), "1.00")
    d = stay("D", "H2", "FM13", ("14", "15"), "1.00")
    e = stay("E", "H", "FM13", ("15", "16"), "1.00")
    assert found(e, c, b, d) == [["A", "B", "C"], ["D", "E"]]
    assert chains([a, b], region, parameters()) == []


def test_referral__points_of_the_lead_divided_by_cost(parameters) -> None:
    p = parameters(referral__rule="one_stay")
    own = community(p)
    chain = [
        stay("A", "H", "GB15", ("01", "03"), "4000.00"),
        stay("B", "H2", "AH19", ("03", "09"), "56000.00"),
    ]
    assert lead_of(chain, own)[0].case_id == "B"
    made = price_chain(chain, own)
    # 60,000 is below 67,500: normal, 360 x 0.98 = 352.8, by 4,000 and 56,000 of 60,000
    assert {key: (x.case_class, x.points) for key, x in made.items()} == {
        "A": ("normal", F("23.52")),
        "B": ("normal", F("329.28")),
    }
    assert [x.coefficient for x in made.values()] == [F("0.98"), F("0.98")]
    assert [x.base_points for x in made.values()] == [80, 360]
    # 352.8 rounds to 353: 23.53 and 329.47; the larger fraction takes the step that is left
    whole = price_chain(chain, community(p | {"case_points_dp": 0}))
    assert [x.points for x in whole.values()] == [24, 329]


def test_referral__high_by_the_summed_cost__review_of_the_lead(parameters) -> None:
    chain = [
        stay("A", "H", "GB15", ("01", "03"), "30000.00"),
        stay("B", "H2", "AH19", ("03", "09"), "60000.00"),
    ]
    p = parameters(referral__rule="one_stay", high__rule="deduct")
    reviews = {"A": Review(False, 100_000), "B": Review(False, 125_000)}
    own = community(p, reviews)
    made = price_chain(chain, own)
    # 90,000 - 2,250: 702 - 0.5 x 352.8 = 525.6; a third and two thirds
    assert [x.points for x in made.values()] == [F("175.2"), F("350.4")]
    assert [x.unreasonable_fen for x in made.values()] == [100_000, 125_000]
    assert all(review_counts(x) for x in made.values())
    granted = community(p, {"A": Review(True, 0), "B": Review(True, 225_000)})
    # the lead's review is granted: 352.8 + (87,750 / 45,000 - 1.5) x 360 = 514.8
    assert [x.points for x in price_chain(chain, granted).values()] == [F("171.6"), F("343.2")]
    given = community(p | {"case_points_dp": 1}, {"B": Review(True, 0, F("100.0001"))})
    # points of experts are divided in steps of 0.0001: 33.33336..., 66.66673...
    assert [x.points for x in price_chain(chain, given).values()] == [F("33.3334"), F("66.6667")]


def test_referral__held_by_item_or_without_cost(parameters) -> None:
    chain = [
        stay("A", "H", "GB15", ("01", "03"), "4000.00"),
        stay("B", "H2", "GB15", ("03", "09"), "5000.00"),
    ]
    p = parameters(referral__rule="one_stay", low__rule="by_item", low__multiple="1")
    own = community(p, {"A": Review(False, 100_000)})
    assert lead_of(chain, own)[0].case_id == "B"  # a tie: the last
    made = price_chain(chain, own)
    assert [x.price_fen for x in made.values()] == [300_000, 500_000]
    assert {x.case_class for x in made.values()} == {"low"}
    none = [
        stay("A", "H", "GB15", ("01", "03"), "0", discharge_way="5"),
        stay("B", "H2", "XX19", ("03", "09"), "0"),
    ]
    p = parameters(referral__rule="one_stay", low__multiple="0", low__inclusive="false")
    assert lead_of(none, community(p))[0].case_id == "A"  # XX19 has no base points
    assert [x.points for x in price_chain(none, community(p)).values()] == [F("84.8"), 0]
    p = parameters(referral__rule="one_stay", unstable__rule="special_review")
    unstable = [(case, grouped("XX19")) for case, _ in chain]
    assert {x.paid_by for x in price_chain(unstable, community(p)).values()} == {"held"}


def test_readmission__a_chain_is_one_stay(parameters) -> None:
    p = parameters(referral__rule="one_stay")
    a = stay("A", "H", "GB15", ("01", "03"), "1.00")
    b = stay("B", "H2", "AH19", ("03", "09"), "1.00")
    found = [[a, b]]
    c = stay("C", "H2", "AH19", ("20", "21"), "1.00")  # after the chain's last stay
    d = stay("D", "H", "GB15", ("12", "13"), "1.00")  # after its first: of no account
    assert readmitted([a, b, c], p, found) == {"A": "C", "B": "C"}
    assert readmitted([a, b, d], p, found) == {}
    z = stay("Z", "H", "GB15", ("01", "01"), "1.00")  # before its first
    y = stay("Y", "H2", "AH19", ("01", "01"), "1.00")  # before its last: of no account
    assert readmitted([a, b, z], p, found) == {"Z": "A"}
    assert readmitted([a, b, y], p, found) == {}


def test_readmission__category_and_planned(parameters) -> None:
    p = parameters(readmission__same="hospital_category")
    a = stay("A", "H", "GB15", ("01", "03"), "1.00", diagnoses="I25.103|I10")
    b = stay("B", "H", "AH19", ("05", "09"), "1.00", diagnoses="I25.900")
    assert readmitted([a, b], p) == {"A": "B"}
    other = stay("B", "H", "GB15", ("05", "09"), "1.00", diagnoses="I24.900")
    assert readmitted([a, other], p) == {}
    planned = stay("A", "H", "GB15", ("01", "03"), "1.00", planned_readmission="yes")
    again = stay("B", "H", "GB15", ("05", "09"), "1.00")
    assert readmitted([planned, again], parameters()) == {"A": "B"}
    p = parameters(readmission__exempt_planned="true")
    assert readmitted([planned, again], p) == {}


def test_review__that_changes_nothing(parameters) -> None:
    def counts(drg: str, cost: str, review: Review, **rules: str) -> bool:
        return review_counts(price(parameters(**rules), drg, cost, review=review))

    granted, refused = Review(True, 0), Review(False, 0)
    assert not counts("GB15", "9000.00", granted)
    assert counts("GB15", "9000.00", Review(True, 0, F(1)))
    assert counts("AH19", "90000.00", granted)
    assert counts("AH19", "90000.00", refused)  # a refusal is a decision, too
    assert not counts("GB15", "100.00", refused)
    assert counts("GB15", "100.00", refused, low__rule="by_cost")
    assert counts("0000", "100.00", refused)
    assert counts("0000", "100.00", refused, ungrouped__rule="special_review")
