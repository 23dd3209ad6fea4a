"""The rules that public tables of seven cities compute by, as docs/policies.md writes them."""

from __future__ import annotations

import re
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pytest

from drgpay.perdiem.points import bed_day_tables
from drgpay.points.base import BasePoints, given_base_points, group_tables
from drgpay.points.kernels import COEF_ONE
from drgpay.policy import YearPolicy, load_policy
from drgpay.settlement.facts import Facts
from drgpay.settlement.scoring import CASE_CLASSES, Rules, points_step, score

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
MEAN = 1_000_000  # of all cases, in fen
# city: weight → K, low multiple, at the high limit is high
CITIES = {
    "杭州": ({"0.8": "3", "1": "3", "1.0001": "2", "3": "2", "3.0001": "1.5"}, "0.4", False),
    "宁波": ({"0.8": "3", "1": "3", "1.0001": "2", "3": "2", "3.0001": "1.5"}, "0.4", False),
    "丽水": ({"0.8": "3", "1": "3", "1.0001": "2", "3": "2", "3.0001": "1.5"}, "0.4", False),
    "金华": ({"1": "3", "1.0001": "2.5", "2": "2.5", "2.0001": "2", "9": "2"}, "0.4", False),
    "衢州": ({"1": "3", "1.0001": "2.5", "2": "2.5", "2.0001": "2", "9": "2"}, "0.35", False),
    "台州": ({"1": "2.5", "1.0001": "2", "2": "2", "2.0001": "1.8"}, "0.5", False),
    "嘉兴": ({"0.5": "2", "1": "2", "3.0001": "2"}, "0.4", True),
}


def city_policy(city: str) -> YearPolicy:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {city} ")]
    assert len(rows) == 1
    return load_policy("testland").for_year(2024, re.findall(r"`([^`]+)`", rows[0]))


def scored(p: YearPolicy, base: BasePoints, coefficient: str, cost: int) -> tuple[str, F]:
    """Class and points of a case of the group G."""
    coefficients = np.array([[int(F(coefficient) * COEF_ONE)]])
    tables = group_tables(base, ["G"], p, points_step(p))
    beds = bed_day_tables([], ["1"], base.all_mean_fen, p)
    rules = Rules.of(p, tables, beds, coefficients, base.all_mean_fen)
    none = np.zeros(1, np.int64)
    facts = Facts(
        none.astype(np.int32), none.astype(np.int8), none, none, none, none + 5,
        np.array([cost]), none, none.astype(np.bool_), none - 1, none, none.astype(np.bool_),
    )  # fmt: skip
    made = score(rules, none.astype(np.int8), none.astype(np.int16), facts)
    return CASE_CLASSES[made.case_class[0]], F(int(made.points[0]), 10_000)


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize("coefficient", ["0.9", "1", "1.25"])
def test_city__limits_and_points_by_hand(city: str, coefficient: str) -> None:
    bands, low_multiple, at_limit = CITIES[city]
    p, c = city_policy(city), F(coefficient)
    for weight, k in bands.items():
        w, multiple = F(weight), F(k)
        group = int(MEAN * w)
        base = given_base_points({"G": (group, True)}, MEAN, p)
        standard = group * c
        # the last cost on the one side of a limit, and the first on the other
        low, high = F(low_multiple) * standard, multiple * standard
        below, above = -(-low.numerator // low.denominator) - 1, int(high)
        if high == above and at_limit:
            above -= 1
        assert scored(p, base, coefficient, below) == ("low", rounded(F(below, MEAN) * 100))
        normal = rounded(100 * w * c)
        assert scored(p, base, coefficient, below + 1) == ("normal", normal)
        assert scored(p, base, coefficient, above) == ("normal", normal)
        added = max(F(0), F(above + 1, group) - multiple) * 100 * w
        high_points = rounded(100 * w * c + added)
        assert scored(p, base, coefficient, above + 1) == ("high", high_points)


def rounded(points: F) -> F:
    return F(int(points * 10_000 + F(1, 2)), 10_000)


def test_city__rows_are_those_of_one_value_or_of_one_a_fund() -> None:
    one = {city: city_policy(city)["combine_pools"] for city in CITIES}
    assert [city for city, combined in one.items() if not combined] == ["衢州", "嘉兴"]
    sources = {city: city_policy(city)["coef.source"] for city in CITIES}
    assert {city for city, source in sources.items() if source == "level"} == {"衢州"}


def test_jinhua__its_alternative_bands_are_those_of_the_table() -> None:
    bands = load_policy("jinhua").for_year(2024).parameters["high.bands"]
    assert bands.alternative == [["100", "3"], ["200", "2.5"], ["none", "2"]]
    assert not bands.verified
