"""Invented insured people and their outpatient visits, as the capitation folder of a region.

Everything is made up: areas, signatures, chronic classes, risk weights and costs come from random
draws. They stand for no place, and the weights for no statistics.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.capitation.tables import AREAS, COMMUNITIES, MEMBERS, RISK_CELLS
from drgpay.ground.errors import InputError, both
from drgpay.ground.outputs import new_folder
from drgpay.synth.writer import BlockFile, days, money, numbered, write_text
from drgpay.tables.writer import write_rows

BLOCK = 250_000
AREAS_A_COMMUNITY = 4
KINDS = ("resident", "flexible", "student", "employee")
CHRONIC = ("", "I级", "II级")
# cell, sex, from, to, chronic, weight: invented, see the module's docstring
CELLS = tuple(
    (f"{name}-{chronic or '无'}", "", low, high, chronic or "none", f"{weight * factor / 100:.2f}")
    for name, low, high, weight in (
        ("少儿", 0, 17, 70),
        ("成人", 18, 59, 100),
        ("老年", 60, "", 160),
    )
    for chronic, factor in ((CHRONIC[0], 0.8), (CHRONIC[1], 1.6), (CHRONIC[2], 2.4))
)


@dataclass(frozen=True, slots=True)
class People:
    """What `people` wrote: where, and how many."""

    path: Path
    seed: int
    persons: int
    visits: int
    communities: int


def people(
    folder: str | Path,
    persons: int,
    seed: int,
    *,
    communities: int | Mapping[str, Sequence[str]] = 6,
    visits_per_person: float = 5.0,
    year: int = 2024,
) -> People:
    """Write `capitation/` into a folder: persons and visits as Parquet, the small tables as CSV.

    `communities` maps each community to its hospitals; of a number, communities and hospitals are
    taken from `hospitals.csv` where it names communities, else made up. One seed, the same bytes.

    Raises InputError for a folder that holds capitation already, or numbers that make no region.
    """
    if persons < 1 or visits_per_person < 0:
        raise InputError(
            both(
                "人数须大于0，就诊次数不得为负", "give one person or more, and visits of 0 or more"
            )
        )
    target = Path(folder) / "capitation"
    new_folder(target)
    of = _communities(Path(folder), communities)
    target.mkdir()
    areas = [
        (f"{name}-{number}", name) for name in of for number in range(1, AREAS_A_COMMUNITY + 1)
    ]
    names = [(name, f"{name}医共体") for name in of]
    members = [(name, hospital) for name, hospitals in of.items() for hospital in hospitals]
    for table, columns, rows in (
        (COMMUNITIES, ("community_id", "name"), names),
        (AREAS, ("area", "community_id"), areas),
        (MEMBERS, ("community_id", "hospital_id"), members),
        (RISK_CELLS, ("cell", "sex", "age_from", "age_to", "chronic", "weight"), CELLS),
    ):
        write_rows(target / f"{table.name}.csv", table, columns, rows)
    words = _Words(
        pa.array([*of], pa.string()),
        pa.array([area for area, _ in areas], pa.string()),
        pa.array([hospital for _, hospital in members] + ["OUT0001"], pa.string()),
        np.array([list(of).index(name) for name, _ in members] + [-1]),
    )
    visits = 0
    with (
        BlockFile(target / "persons.parquet") as people_file,
        BlockFile(target / "visits.parquet") as file,
    ):
        for number, first in enumerate(range(0, persons, BLOCK)):
            rng = np.random.default_rng([seed, number])
            count = min(BLOCK, persons - first)
            block, place, age = _persons(rng, words, first, count)
            people_file.write(block)
            some = _visits(rng, words, first, place, age, visits, visits_per_person, year)
            file.write(some)
            visits += len(some)
    told = {"seed": seed, "persons": persons, "visits": visits}
    write_text(target / "README.txt", "people.txt", **told)
    return People(target, seed, persons, visits, len(of))


@dataclass(frozen=True, slots=True)
class _Words:
    """Communities, areas (so many a community, in their order), hospitals and whose they are."""

    communities: pa.Array
    areas: pa.Array
    hospitals: pa.Array
    owner: NDArray[np.int64]


def _communities(
    folder: Path, communities: int | Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    if not isinstance(communities, int):
        found = {name: list(hospitals) for name, hospitals in communities.items()}
    else:
        found = {}
        path = folder / "hospitals.csv"
        if path.is_file():
            with path.open(encoding="utf-8-sig", newline="") as stream:
                for row in csv.DictReader(stream):
                    if row.get("community_id"):
                        found.setdefault(row["community_id"], []).append(row["hospital_id"])
        if not found:
            found = {
                f"YG{number:02d}": [f"H{number:02d}{place:02d}" for place in range(1, 6)]
                for number in range(1, communities + 1)
            }
    if not found or not all(found.values()):
        raise InputError(
            both("须有医共体，且每个都有医疗机构", "give communities, each with a hospital")
        )
    return dict(sorted(found.items()))


def _pick(rng: np.random.Generator, shares: Sequence[float], count: int) -> NDArray[np.int64]:
    """Return numbers drawn by their shares."""
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(count), side="right")


def _persons(
    rng: np.random.Generator, words: _Words, first: int, count: int
) -> tuple[pa.Table, NDArray[np.int64], NDArray[np.int64]]:
    """Return some persons, the community where each lives and the age of each."""
    kind = _pick(rng, (0.5, 0.08, 0.05, 0.37), count)
    place = rng.integers(0, len(words.communities), count)
    age = np.clip(rng.normal(42, 22, count), 0, 99).astype(np.int64)
    age = np.where(kind == 2, rng.integers(18, 24, count), age)
    age = np.where((kind == 3) | (kind == 1), np.clip(age, 18, 99), age)
    chronic = _pick(rng, (0.82, 0.13, 0.05), count)
    home = place * AREAS_A_COMMUNITY + rng.integers(0, AREAS_A_COMMUNITY, count)
    elsewhere = rng.integers(0, len(words.areas), count)
    registered = np.where(rng.random(count) < 0.85, home, elsewhere)
    signed = rng.random(count) < 0.6
    lost = rng.random(count) < 0.02  # no area known
    invalid = rng.random(count) < 0.002
    months = np.where(rng.random(count) < 0.93, 12, rng.integers(1, 13, count))
    table = pa.table(
        {
            "person_id": numbered("R", np.arange(first + 1, first + count + 1), 10),
            "kind": pa.array(KINDS).take(pa.array(kind)),
            "signed_community": words.communities.take(pa.array(place, mask=~signed)),
            "registered_area": words.areas.take(pa.array(registered, mask=lost)),
            "usual_area": words.areas.take(pa.array(home, mask=lost)),
            "school_area": words.areas.take(pa.array(home, mask=lost | (kind != 2))),
            "employer_area": words.areas.take(pa.array(home, mask=lost | (kind != 3))),
            "months": pa.array(months.astype(np.int8)),
            "sex": pa.array(["M", "F"]).take(pa.array(rng.integers(0, 2, count))),
            "age": pa.array(age.astype(np.int16)),
            "chronic": pa.array(CHRONIC).take(pa.array(chronic)),
            "inpatient_last_year": pa.array(rng.random(count) < 0.12),
            "invalid": pa.array(invalid),
            "invalid_reason": pa.array(["虚构的无效人头"]).take(
                pa.array(np.zeros(count, np.int64), mask=~invalid)
            ),
        }
    )
    return table, place, age


def _visits(
    rng: np.random.Generator,
    words: _Words,
    first: int,
    place: NDArray[np.int64],
    age: NDArray[np.int64],
    done: int,
    each: float,
    year: int,
) -> pa.Table:
    """Return the visits of some persons; older ones come more often."""
    often = rng.poisson(each * (0.5 + age / 84))
    person = np.repeat(np.arange(len(place)), often)
    count = len(person)
    order = np.argsort(words.owner, kind="stable")
    starts = np.searchsorted(words.owner[order], np.arange(len(words.communities)))
    sizes = np.bincount(words.owner[words.owner >= 0], minlength=len(words.communities))
    own = order[starts[place[person]] + rng.integers(0, 1 << 30, count) % sizes[place[person]]]
    away = rng.random(count) < 0.18
    hospital = np.where(away, rng.integers(0, len(words.hospitals), count), own)
    cost = np.clip(rng.lognormal(9.6, 0.9, count), 300, 5_000_000).astype(np.int64)
    fund = cost * rng.integers(30, 75, count) // 100
    special = away & (rng.random(count) < 0.05)
    proved = special & (rng.random(count) < 0.9)
    start = np.datetime64(f"{year}-01-01", "D").astype(np.int64)
    length = int(np.datetime64(f"{year + 1}-01-01", "D").astype(np.int64) - start)
    day = start + rng.integers(0, length, count)
    zero = np.zeros(count, dtype=np.int64)
    return pa.table(
        {
            "visit_id": numbered(f"M{year}", np.arange(done + 1, done + count + 1), 10),
            "person_id": numbered("R", person + first + 1, 10),
            "hospital_id": words.hospitals.take(pa.array(hospital)),
            "visit_date": days(day),
            "total_cost": money(cost),
            "pool_fund": money(fund),
            "special_factor": pa.array(["migration", "disease"]).take(
                pa.array(rng.integers(0, 2, count), mask=~special)
            ),
            "document": pa.array(["虚构文号"]).take(pa.array(zero, mask=~proved)),
        }
    )
