"""Coefficients: given, by level, of weighted components; by hand and against plain fractions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction as F
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from drgpay.ground.errors import InputError, PolicyError
from drgpay.names.codes import COMPONENTS
from drgpay.names.run_columns import label
from drgpay.points.base import BasePoints, given_base_points, history_base_points
from drgpay.points.coefficients import (
    COMPUTED,
    GIVEN,
    TOO_FEW,
    Coefficients,
    Component,
    GivenTables,
    coefficients,
)
from drgpay.points.history import History
from drgpay.policy import YearPolicy, load_policy

TESTLAND = load_policy("testland")
HOSPITALS, LEVELS = ("H1", "H2", "H3"), ("三级", "三级", "二级")
DRGS = ("0000", "AA11", "AA13", "BB11")
Row = tuple[int, str, int, int, str]  # hospital number, drg, cost, not pool, patient


def policy(*changes: str, **overrides: str) -> YearPolicy:
    texts = [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()]
    return TESTLAND.for_year(2024, [*texts, *changes])


def components(*names: str, weights: str = "", **overrides: str) -> YearPolicy:
    return policy(
        coef__source="components",
        coef__components=",".join(names),
        coef__weights=weights or ",".join([str(1 / len(names))] * len(names)),
        **overrides,
    )


def past(rows: Sequence[Row]) -> History:
    h = History()
    h.add(
        np.array([DRGS.index(row[1]) for row in rows]),
        np.array([row[2] for row in rows]),
        2023,
        np.array([row[0] for row in rows]),
        np.array([row[3] for row in rows]),
        pa.array([row[4] for row in rows], pa.string()),
    )
    return h


def made(
    p: YearPolicy, rows: Sequence[Row] = (), given: GivenTables | None = None
) -> tuple[Coefficients, BasePoints]:
    tables = given or GivenTables()
    if not rows:
        base = given_base_points({"AA11": (500, True)}, 500, p)
        return coefficients(p, HOSPITALS, LEVELS, DRGS, tables, None, base), base
    with past(rows) as h:
        base = history_base_points(h, DRGS, {}, p, (2023,))
        return coefficients(p, HOSPITALS, LEVELS, DRGS, tables, h, base), base


def values(p: YearPolicy, *rows: Row, given: GivenTables | None = None) -> list[list[int]]:
    found: list[list[int]] = made(p, rows, given)[0].values.tolist()
    return found


# --- given and by level


def test_given__a_row_with_a_drg_overrides_that_group_alone() -> None:
    tables = GivenTables(
        {"H1": 1_100_000, "H2": 900_000, "H3": 1_000_000}, {("H2", "AA13"): 870_001}
    )
    found, _ = made(policy(), given=tables)
    assert found.values.tolist() == [[1_100_000] * 4, [900_000, 900_000, 870_001, 900_000],
                                     [1_000_000] * 4]  # fmt: skip
    assert [(r.hospital_id, r.drg, r.coefficient, r.components) for r in found.rows()] == [
        ("H1", "", 1_100_000, ()),
        ("H2", "", 900_000, ()),
        ("H2", "AA13", 870_001, ()),
        ("H3", "", 1_000_000, ()),
    ]
    assert found.values.flags.c_contiguous


def test_given__a_hospital_without_a_row_is_refused() -> None:
    with pytest.raises(InputError, match=r"coefficients.csv: (.|\n)*no row for hospital 'H3'"):
        made(policy(), given=GivenTables({"H1": 1, "H2": 1}))


def test_given__an_unknown_drg_is_refused() -> None:
    tables = GivenTables(dict.fromkeys(HOSPITALS, 1_000_000), {("H1", "ZZ99"): 1_000_000})
    with pytest.raises(InputError, match=r"coefficients.csv: (.|\n)*drg 'ZZ99'"):
        made(policy(), given=tables)


def test_level__every_hospital_has_that_of_its_level() -> None:
    p = policy(coef__source="level")
    given = GivenTables(by_level={"三级": 1_100_000, "二级": 950_000})
    assert [row[0] for row in values(p, given=given)] == [1_100_000, 1_100_000, 950_000]
    with pytest.raises(InputError, match=r"no row for level '二级' of hospital 'H3'"):
        made(p, given=GivenTables(by_level={"三级": 1_100_000}))


# --- components by hand

#   AA11: 100 200 | 300 | 400 → mean 250; BB11: 1000 | 2000 → mean 1500; all: mean 4000/6 = 667
ROWS: tuple[Row, ...] = (
    (0, "AA11", 100, 10, "a"),
    (0, "AA11", 200, 20, "a"),
    (1, "AA11", 300, 90, "b"),
    (-1, "AA11", 400, 0, "c"),
    (1, "BB11", 1000, 500, "d"),
    (2, "BB11", 2000, 180, "d"),
)


def test_history__mean_of_hospital_in_group_by_mean_of_group() -> None:
    p = components("history", coef__scope="hospital_drg", trim__method="none")
    assert values(p, *ROWS) == [
        [1_000_000, 600_000, 1_000_000, 1_000_000],  # 150 / 250
        [1_000_000, 1_200_000, 1_000_000, 666_700],  # 300 / 250, 1000 / 1500 to four decimals
        [1_000_000, 1_000_000, 1_000_000, 1_333_300],
    ]


def test_history__of_a_hospital_is_its_cost_by_what_it_would_cost_at_the_means() -> None:
    p = components("history", trim__method="none")
    found, _ = made(p, ROWS)
    assert [row[0] for row in found.values.tolist()] == [600_000, 742_900, 1_333_300]
    assert found.components(1, None) == (Component(F(1300, 1750), COMPUTED),)
    assert [row.drg for row in found.rows()] == ["", "", ""]


def test_level__of_all_hospitals_of_the_level() -> None:
    by_group = components("level", coef__scope="hospital_drg", trim__method="none")
    assert values(by_group, *ROWS) == [
        [1_000_000, 800_000, 1_000_000, 666_700],  # (100 + 200 + 300) / 3 / 250
        [1_000_000, 800_000, 1_000_000, 666_700],
        [1_000_000, 1_000_000, 1_000_000, 1_333_300],
    ]
    found, _ = made(components("level", trim__method="none"), ROWS)
    assert found.components(0, None)[0].value == F(1600, 3 * 250 + 1500)


def test_cmi__base_points_a_case_by_those_of_all() -> None:
    found, base = made(components("cmi", trim__method="none"), ROWS)
    a, b = (base.groups[drg].base_points for drg in ("AA11", "BB11"))
    every = F(4 * a + 2 * b, 6)
    assert [found.components(h, None)[0].value for h in range(3)] == [
        F(a) / every,
        F(a + b, 2) / every,
        F(b) / every,
    ]


def test_visits_per_head__patients_of_the_region_count_once() -> None:
    rows = [*ROWS, (2, "BB11", 2000, 180, "")]  # without a patient: not among these cases
    found, _ = made(components("visits_per_head", trim__method="none"), rows)
    region = F(4, 6)
    assert [found.components(h, None)[0].value for h in range(3)] == [
        F(1, 2) / region,
        F(2, 2) / region,
        F(1, 1) / region,
    ]


def test_personal_burden__of_the_region_by_that_of_the_hospital() -> None:
    found, _ = made(components("personal_burden", trim__method="none"), ROWS)
    region = F(800, 4000)
    assert [found.components(h, None)[0].value for h in range(3)] == [
        region / F(30, 300),
        region / F(590, 1300),
        region / F(180, 2000),
    ]
    nothing = [(h, drg, cost, 0 if h == 0 else n, who) for h, drg, cost, n, who in ROWS]
    found, _ = made(components("personal_burden", trim__method="none"), nothing)
    assert found.components(0, None) == (Component(F(1), TOO_FEW),)  # divided by 0


def test_components__winsorised_costs_count_at_their_limit() -> None:
    p = components(
        "history",
        trim__method="winsorise",
        trim__when="always",
        trim__lower_percentile="0",
        trim__upper_percentile="0.5",
    )
    found, _ = made(p, ROWS)  # AA11: 100 200 250 250, mean 200; BB11: 1000 1500, mean 1250
    assert found.components(1, None)[0].value == F(250 + 1000, 200 + 1250)


def test_components__too_few_cases_count_as_1() -> None:
    p = components("history", "cmi", coef__min_cases="2", trim__method="none")
    found, _ = made(p, ROWS)
    assert found.components(2, None) == (Component(F(1), TOO_FEW),) * 2
    assert found.components(0, None)[0].origin == COMPUTED
    by_group = components(
        "history", coef__min_cases="2", coef__scope="hospital_drg", trim__method="none"
    )
    assert values(by_group, *ROWS)[1] == [1_000_000] * 4  # one case in each group
    assert values(by_group, *ROWS)[0][1] == 600_000


def test_components__are_weighted_and_given_ones_beat_computed_ones() -> None:
    p = components(
        "history", "catalogue", "cmi", weights="0.5,0.3,0.2",
        coef__scope="hospital_drg", coef__dp="6", trim__method="none",
    )  # fmt: skip
    given = GivenTables(
        components={
            **{(h, "catalogue"): F(11, 10) for h in HOSPITALS},
            ("H1", "history"): F(9, 10),
            ("H1", "cmi"): F(1),
        }
    )
    found, _ = made(p, ROWS, given)
    assert found.values[0].tolist() == [980_000] * 4  # 0.45 + 0.33 + 0.2 in every group
    assert [part.origin for part in found.components(0, 1)] == [GIVEN] * 3
    mine = [part.value for part in found.components(1, 1)]
    assert mine[:2] == [F(6, 5), F(11, 10)]
    exact = F(1, 2) * mine[0] + F(3, 10) * mine[1] + F(1, 5) * mine[2]
    assert abs(F(int(found.values[1, 1]), 10**6) - exact) <= F(1, 2 * 10**6)
    rows = [(row.hospital_id, row.drg) for row in found.rows()]
    assert rows == [("H1", ""), ("H2", ""), ("H2", "AA11"), ("H2", "BB11"), ("H3", ""),
                    ("H3", "BB11")]  # fmt: skip


def test_components__given_ones_alone_need_no_history() -> None:
    given = GivenTables(components={(h, "cmi"): F(k, 10) for k, h in enumerate(HOSPITALS, 9)})
    assert [row[0] for row in values(components("cmi"), given=given)] == [
        900_000,
        1_000_000,
        1_100_000,
    ]


@pytest.mark.parametrize(
    ("floor", "cap", "dp", "coefficient"),
    [
        ("none", "none", "4", 742_900),
        ("none", "none", "2", 740_000),
        ("none", "none", "6", 742_857),
        ("0.85", "none", "4", 850_000),
        ("none", "0.7", "4", 700_000),
        ("0.75", "0.75", "4", 750_000),
        ("0.7428", "0.7429", "3", 743_000),
    ],
)
def test_components__floor_cap_and_decimals(
    floor: str, cap: str, dp: str, coefficient: int
) -> None:
    p = components("history", coef__floor=floor, coef__cap=cap, coef__dp=dp, trim__method="none")
    assert values(p, *ROWS)[1][0] == coefficient


def test_components__halves_are_rounded_up() -> None:
    given = GivenTables(components={(h, "cmi"): F("0.98765") for h in HOSPITALS})
    assert values(components("cmi"), given=given)[0][0] == 987_700


# --- tilt and primary groups


def test_tilt__hospitals_that_reach_the_gate() -> None:
    tables = GivenTables(
        {"H1": 1_000_001, "H2": 900_000, "H3": 1_000_000},
        {("H1", "AA11"): 1_100_003},
        treatment_share={"H1": F(1, 2), "H2": F(499, 1000)},
    )
    p = policy(tcm__tilt="0.05", tcm__gate="0.5")
    assert values(p, given=tables) == [
        [1_050_001, 1_155_003, 1_050_001, 1_050_001],
        [900_000] * 4,
        [1_000_000] * 4,
    ]
    assert values(policy(), given=tables)[0][0] == 1_000_001


def test_primary_groups__one_price_after_everything_else() -> None:
    tables = GivenTables(
        dict.fromkeys(HOSPITALS, 1_200_000), treatment_share=dict.fromkeys(HOSPITALS, F(1))
    )
    p = policy(tcm__tilt="0.05", primary_groups="AA13,BB11", primary_levels="三级")
    usual, one = 1_260_000, 1_000_000
    assert values(p, given=tables) == [[usual, usual, one, one]] * 2 + [[usual] * 4]
    everywhere = policy(tcm__tilt="0.05", primary_groups="AA13,BB11")
    assert values(everywhere, given=tables) == [[usual, usual, one, one]] * 3


# --- refusals


@pytest.mark.parametrize(
    ("names", "weights", "message"),
    [
        ("history,cmi", "1", "coef.components has 2 entries, coef.weights 1"),
        ("history,cmi", "0.5,0.4", "coef.weights add up to 9/10, not to 1"),
        ("cmi,cmi", "0.5,0.5", "coef.components names one twice"),
        ("", "", "coef.weights add up to 0, not to 1"),
    ],
)
def test_refused__weights_that_do_not_fit(names: str, weights: str, message: str) -> None:
    p = policy(coef__source="components", coef__components=names, coef__weights=weights)
    with pytest.raises(PolicyError, match=message) as caught:
        made(p, ROWS)
    assert "每一组成部分一个权重" in caught.value.text("zh")


def test_refused__floor_above_cap() -> None:
    with pytest.raises(PolicyError, match=r"coef\.floor 6/5 > coef\.cap 11/10"):
        made(components("cmi", coef__floor="1.2", coef__cap="1.1"), ROWS)


def test_refused__a_component_without_data() -> None:
    with pytest.raises(InputError, match="there is no history/ to compute it from: missing of H1"):
        made(components("cmi"))
    given = GivenTables(components={("H1", "catalogue"): F(1)})
    with pytest.raises(InputError, match="catalogue can only be given: missing of H2, H3"):
        made(components("catalogue"), ROWS, given)
    p = components("visits_per_head")
    with History() as h:
        h.add(np.array([1]), np.array([5]), 2023, np.array([0]))
        base = history_base_points(h, DRGS, {}, p, (2023,))
        with pytest.raises(InputError, match="history/ has no patient_id"):
            coefficients(p, HOSPITALS, LEVELS, DRGS, GivenTables(), h, base)


def test_refused__a_coefficient_of_0_or_above_100() -> None:
    for value in (F(1, 10**6), F(101)):
        given = GivenTables(components={(h, "cmi"): value for h in HOSPITALS})
        with pytest.raises(InputError, match="must be above 0 and at most 100"):
            made(components("cmi"), given=given)


# --- against plain fractions


def plain(p: YearPolicy, rows: Sequence[Any], base: BasePoints, h: int, drg: str) -> F:
    """Return the weighted sum of a hospital's components of rows that trimming left alone."""

    def costs(own: Sequence[Any]) -> F:
        if p["coef.scope"] == "hospital_drg":
            own = [row for row in own if row[1] == drg]
        if len(own) < max(1, p["coef.min_cases"]):
            return F(1)
        expected = F(0)
        for row in own:
            group = [other[2] for other in rows if other[1] == row[1]]
            expected += F(sum(group), len(group))
        return sum(row[2] for row in own) / expected

    def one(name: str) -> F:
        own = [row for row in rows if row[0] == h]
        if name == "history":
            return costs(own)
        if name == "level":
            return costs([row for row in rows if row[0] >= 0 and LEVELS[row[0]] == LEVELS[h]])
        every = list(rows)
        if name == "visits_per_head":
            own, every = ([row for row in some if row[4]] for some in (own, every))
        if len(own) < max(1, p["coef.min_cases"]):
            return F(1)
        if name == "cmi":
            mix = [F(sum(base.groups[r[1]].base_points for r in s), len(s)) for s in (own, every)]
            return mix[0] / mix[1]
        if name == "visits_per_head":
            heads = [F(len({r[4] for r in s}), len(s)) for s in (own, every)]
            return heads[0] / heads[1]
        share = [F(sum(r[3] for r in s), sum(r[2] for r in s)) for s in (own, every)]
        return share[1] / share[0] if share[0] else F(1)

    weights = zip(p["coef.weights"], p["coef.components"], strict=True)
    return sum((weight * one(name) for weight, name in weights), F(0))


@pytest.mark.parametrize("seed", range(20))
def test_components__against_plain_fractions(seed: int) -> None:
    r = random.Random(seed)
    rows = [
        (r.randint(-1, 2), r.choice(DRGS[1:]), r.randint(1, 10**6), r.randint(0, 1) * 77,
         r.choice(["", "p", "q", "s", "t"]))
        for _ in range(r.randint(1, 40))
    ]  # fmt: skip
    p = components(
        "history", "level", "cmi", "visits_per_head", "personal_burden",
        weights="0.3,0.3,0.2,0.1,0.1", coef__scope=r.choice(["hospital", "hospital_drg"]),
        coef__min_cases=str(r.randint(0, 4)), coef__dp="6", trim__method="none",
    )  # fmt: skip
    found, base = made(p, rows)
    for h in range(3):
        for g, drg in enumerate(DRGS):
            exact = plain(p, rows, base, h, drg)
            assert abs(F(int(found.values[h, g]), 10**6) - exact) <= F(1, 2 * 10**6)


@pytest.mark.parametrize("component", COMPONENTS)
def test_component__has_words_for_its_columns(component: str) -> None:
    for name in (component, f"{component}_origin"):
        assert label("coefficients", name, "zh") and label("coefficients", name, "en")
