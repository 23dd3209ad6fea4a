"""The review of per-diem stays: figures worked out by hand, and a plain loop over drawn stays."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pyarrow as pa
import pytest

from drgpay.ground.errors import InputError
from drgpay.perdiem.review import review

COLUMNS = ("hospital_id", "bed_day_class", "days", "total_cost_fen", "discharge_way", "paid_fen")


def table(rows: list[tuple[Any, ...]], columns: tuple[str, ...] = COLUMNS) -> pa.Table:
    return pa.table(
        {
            name: pa.array(
                [row[place] for row in rows],
                pa.int64() if name == "days" or name.endswith("_fen") else pa.string(),
            )
            for place, name in enumerate(columns)
        }
    )


HAND = table(
    [
        # H1: 10 + 20 + 60 = 90 days, cost 45,000 yuan, so 500 a day; median 20; paid 400 a day
        ("H1", "psychiatric", 10, 500_000, "1", 400_000),
        ("H1", "psychiatric", 60, 3_000_000, "4", 2_400_000),
        ("H1", "psychiatric", 20, 1_000_000, "2", 800_000),
        # H2: 30 + 70 = 100 days, cost 40,000 yuan, 400 a day; median 50
        ("H2", "psychiatric", 30, 1_000_000, "1", 1_200_000),
        ("H2", "psychiatric", 70, 3_000_000, "5", 2_800_000),
        # alone in its class
        ("H1", "hospice", 8, 400_000, None, 0),
        # no per-diem stays
        ("H1", None, 5, 999_999, "1", 0),
        ("H2", "", 5, 999_999, "1", 0),
    ]
)


def by_key(result: pa.Table) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["hospital_id"], row["bed_day_class"]): row for row in result.to_pylist()}


def test_review__of_hand_worked_stays() -> None:
    rows = by_key(review(HAND))
    assert list(rows) == [("H1", "hospice"), ("H1", "psychiatric"), ("H2", "psychiatric")]
    h1 = rows["H1", "psychiatric"]
    assert (h1["stays"], h1["days"], h1["total_cost_fen"]) == (3, 90, 4_500_000)
    assert (h1["mean_stay_days"], h1["median_stay_days"]) == (30, 20)
    assert h1["mean_daily_cost_fen"] == 50_000
    assert (h1["paid_fen"], h1["paid_per_day_fen"], h1["cost_paid_ratio"]) == (
        3_600_000,
        40_000,
        1.25,
    )
    assert [h1[k] for k in ("ordered", "transferred", "against_order", "died", "other")] == [
        1,
        1,
        1,
        0,
        0,
    ]
    assert (h1["peers"], h1["peer_stays"], h1["peer_days"]) == (1, 2, 100)
    assert (h1["peer_mean_stay_days"], h1["peer_mean_daily_cost_fen"]) == (50, 40_000)
    assert h1["stay_difference"] == pytest.approx(-0.4)
    assert h1["daily_cost_difference"] == pytest.approx(0.25)
    assert h1["peer_died_share"] == 0.5
    h2 = rows["H2", "psychiatric"]
    assert h2["median_stay_days"] == 50
    assert h2["died_share"] == 0.5
    assert h2["stay_difference"] == pytest.approx(20 / 30)


def test_review__of_an_institution_without_peers_has_no_difference() -> None:
    row = by_key(review(HAND))["H1", "hospice"]
    assert row["peers"] == row["peer_stays"] == 0
    assert row["stay_difference"] is None and row["peer_mean_daily_cost_fen"] is None
    assert row["other"] == 1
    assert row["cost_paid_ratio"] is None, "nothing was paid"


def test_review__takes_peers_of_the_same_level_only() -> None:
    columns = (*COLUMNS[:5], "level")
    stays = table(
        [
            ("H1", "rehab", 10, 100_000, "1", "3"),
            ("H2", "rehab", 20, 100_000, "1", "3"),
            ("H3", "rehab", 90, 900_000, "1", "2"),
        ],
        columns,
    )
    rows = {row["hospital_id"]: row for row in review(stays).to_pylist()}
    assert rows["H1"]["peer_mean_stay_days"] == 20
    assert rows["H3"]["peers"] == 0
    assert "paid_fen" not in rows["H1"]


def test_review__of_no_stays_is_empty() -> None:
    assert len(review(HAND.slice(0, 0))) == 0
    assert review(HAND.slice(0, 0)).column_names == review(HAND).column_names


def test_review__keeps_sums_exact_beyond_floats() -> None:
    cost = 9_007_199_254_740_993  # no float holds it
    row = review(table([("H1", "c", 1, cost, "1", 0)])).to_pylist()[0]
    assert row["total_cost_fen"] == cost


@pytest.mark.parametrize(
    ("stays", "word"),
    [
        (HAND.drop_columns(["days"]), "days"),
        (table([("H1", "c", None, 1, "1", 0)]), "days"),
        (table([("H1", "c", -1, 1, "1", 0)]), "days"),
        (table([("H1", "c", 1, None, "1", 0)]), "total_cost_fen"),
        (table([(None, "c", 1, 1, "1", 0)]), "hospital_id"),
    ],
)
def test_review__refuses_stays_that_it_cannot_count(stays: pa.Table, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        review(stays)
    assert word in caught.value.text("zh")


@pytest.mark.parametrize("seed", range(20))
def test_review__equals_a_plain_loop(seed: int) -> None:
    rng = random.Random(seed)
    columns = (*COLUMNS, "level")
    levels = {f"H{i}": rng.choice(["2", "3"]) for i in range(6)}
    stays = []
    for _ in range(rng.randint(1, 200)):
        hospital = rng.choice(list(levels))
        stays.append(
            (
                hospital,
                rng.choice(["a", "b", "c", None]),
                rng.randint(0, 400),
                rng.randint(0, 10**8),
                rng.choice(["1", "2", "3", "4", "5", "9", "", None]),
                rng.randint(0, 10**8),
                levels[hospital],
            )
        )
    given = table(stays, columns)
    result = review(given)
    assert result.equals(review(given.take(pa.array(rng.sample(range(len(stays)), len(stays))))))
    groups: dict[tuple[str, str, str], list[tuple[Any, ...]]] = {}
    for stay in stays:
        if stay[1]:
            groups.setdefault((stay[0], stay[6], stay[1]), []).append(stay)
    rows = result.to_pylist()
    assert len(rows) == len(groups)
    for row in rows:
        own = groups[row["hospital_id"], row["level"], row["bed_day_class"]]
        assert row["stays"] == len(own)
        assert row["days"] == sum(stay[2] for stay in own)
        assert row["median_stay_days"] == statistics.median(stay[2] for stay in own)
        assert row["transferred"] == sum(stay[4] in ("2", "3") for stay in own)
        assert row["other"] == sum(stay[4] in ("9", "", None) for stay in own)
        others = {
            key: some
            for key, some in groups.items()
            if key[1:] == (row["level"], row["bed_day_class"]) and key[0] != row["hospital_id"]
        }
        flat = [stay for some in others.values() for stay in some]
        assert (row["peers"], row["peer_stays"]) == (len(others), len(flat))
        if sum(stay[2] for stay in flat):
            daily = sum(stay[3] for stay in flat) / sum(stay[2] for stay in flat)
            assert row["peer_mean_daily_cost_fen"] == pytest.approx(daily)


@pytest.mark.parametrize("seed", range(5))
def test_review__of_stays_that_are_alike_in_one_row(seed: int) -> None:
    rng = random.Random(seed)
    rows = [
        (
            rng.choice(["H1", "H2"]),
            rng.choice(["a", "b"]),
            rng.randint(1, 6),
            rng.randint(0, 10**6),
            rng.choice(["1", "4", "5", None]),
            rng.randint(0, 10**6),
        )
        for _ in range(rng.randint(1, 60))
    ]
    alike: dict[tuple[Any, ...], list[int]] = {}
    for hospital, kind, days, cost, way, paid in rows:
        own = alike.setdefault((hospital, kind, days, way), [0, 0, 0])
        own[0], own[1], own[2] = own[0] + cost, own[1] + paid, own[2] + 1
    short = table([(h, k, d, c, w, p) for (h, k, d, w), (c, p, _) in alike.items()])
    short = short.append_column("stays", pa.array([n for _, _, n in alike.values()], pa.int64()))
    assert review(short).equals(review(table(rows)))
