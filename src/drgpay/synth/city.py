"""The invented city: its hospitals, their levels, specialities, communities and coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CITY = "合成市"
POOLS = (("310", "职工医保"), ("390", "居民医保"))
BED_DAY_RATES_FEN = {"PSY": 32_000, "REH": 46_000, "HOS": 52_000, "LONG": 68_000}
BED_DAY_NAMES = {"PSY": "精神", "REH": "康复", "HOS": "安宁疗护", "LONG": "长期住院"}
BASE_COST_YUAN = 10_600.0  # of a case of weight 1 in the run's year
COST_GROWTH = 0.03
CASE_GROWTH = 0.04

_DISTRICTS = ("云岫区", "明澄区", "临漪区", "安汐区", "澜川县", "竹陵县", "青屿县", "宁芷县")
# name, level, speciality, size
_TOP = (
    ("第一人民医院", 3, "general", 15.0),
    ("中心医院", 3, "general", 11.0),
    ("妇幼保健院", 3, "maternity", 5.0),
    ("中医院", 3, "tcm", 6.0),
    ("肿瘤医院", 3, "cancer", 5.0),
    ("第二人民医院", 3, "general", 8.0),
    ("第七人民医院", 2, "psychiatric", 3.0),
    ("骨科医院", 2, "orthopaedic", 2.5),
    ("儿童医院", 3, "children", 4.0),
    ("康复医院", 2, "rehabilitation", 2.0),
    ("眼科医院", 2, "eye", 1.2),
    ("第三人民医院", 3, "general", 6.0),
)
_FEW = (
    ("第一人民医院", 3, "general", 12.0),
    ("妇幼保健院", 3, "maternity", 3.0),
    ("第七人民医院", 2, "psychiatric", 2.0),
    ("云岫区人民医院", 2, "general", 4.0),
    ("云岫区中医院", 2, "tcm", 3.0),
    ("云岫区镜湖街道社区卫生服务中心", 1, "primary", 1.5),
)
_PRIMARY = ("镜湖", "石桥", "东渡", "柳浦", "新亭", "花坞", "望溪", "松岭", "荷田", "白塔")

# speciality → MDC letters and how much likelier their cases are here than in a general hospital
_FITS: dict[str, dict[str, float]] = {
    "maternity": {"O": 8, "N": 4, "P": 8},
    "children": {"P": 5, "E": 0.6, "G": 0.4, "D": 0.5, "B": 0.2, "S": 0.8, "Q": 0.4},
    "cancer": {
        "R": 6,
        "E": 0.6,
        "G": 0.6,
        "H": 0.6,
        "J": 0.7,
        "N": 0.6,
        "L": 0.3,
        "D": 0.5,
        "K": 0.4,
    },
    "psychiatric": {"T": 60, "U": 60},
    "orthopaedic": {"I": 6, "V": 2, "Z": 2, "X": 0.5},
    "rehabilitation": {"X": 8, "B": 0.6, "I": 0.4},
    "eye": {"C": 14},
    "tcm": {"B": 1.3, "I": 1.6, "F": 1.1, "X": 1.6, "O": 0.2, "P": 0.2, "R": 0.7, "A": 0.3},
    "primary": {"O": 0.05, "P": 0.05, "T": 0.3, "A": 0.0, "Z": 0.0, "W": 0.2, "R": 0.3},
    "general": {"T": 0.15, "U": 0.3},
}
_ELSEWHERE = {
    **dict.fromkeys(("tcm", "primary", "general"), 1.0),
    **dict.fromkeys(("maternity", "children", "rehabilitation"), 0.02),
    **{"cancer": 0.05, "psychiatric": 0.002, "orthopaedic": 0.03, "eye": 0.0},
}


@dataclass(frozen=True, slots=True)
class City:
    """H hospitals; `community` is -1 for none, else the number of the medical community.

    `lead` names the leading hospital of each community; `cost_factor` is what a like case costs
    there compared with the city.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    level: NDArray[np.int8]
    speciality: tuple[str, ...]
    size: NDArray[np.float64]
    community: NDArray[np.int16]
    lead: NDArray[np.int16]
    coefficient: tuple[str, ...]
    score: tuple[str, ...]
    cost_factor: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


def hospital_count(cases: int) -> int:
    """Return how many hospitals a city with so many stays a year has.

    >>> [hospital_count(n) for n in (200, 10_000, 300_000, 10_000_000)]
    [6, 12, 60, 250]
    """
    known = np.log([500, 10_000, 300_000, 10_000_000])
    return round(float(np.exp(np.interp(np.log(max(cases, 1)), known, np.log([6, 12, 60, 250])))))


def _hospitals(count: int) -> list[tuple[str, int, str, float]]:
    """Return name, level, speciality and size of each hospital, the large ones first."""
    rows: list[tuple[str, int, str, float]]
    if count < 12:
        rows = [(CITY + row[0], *row[1:]) for row in _FEW]
    else:
        top = _TOP if count >= 30 else _TOP[:7]
        rows = [(CITY + row[0], *row[1:]) for row in top]
    district = 0
    more = 4
    while len(rows) < count:
        place = CITY + _DISTRICTS[district % len(_DISTRICTS)]
        turn = district // len(_DISTRICTS)
        number = "" if turn == 0 else f"第{'一二三四五六七八九十'[turn % 10]}"
        rows.append((f"{place}{number}人民医院", 2, "general", 3.0 / (1 + 0.4 * turn)))
        rows.append((f"{place}{number}中医院", 2, "tcm", 1.8 / (1 + 0.4 * turn)))
        if turn == 0:
            rows.append((f"{place}妇幼保健院", 2, "maternity", 0.8))
        for i in range(3):
            name = _PRIMARY[(3 * turn + i) % len(_PRIMARY)]
            kind = "街道社区卫生服务中心" if "区" in place[len(CITY) :] else "镇中心卫生院"
            rows.append((f"{place}{name}{'' if turn < 3 else turn}{kind}", 1, "primary", 0.9))
        if district % 4 == 3:
            rows.append((f"{CITY}第{more}附属医院", 3, "general", 5.0))
            more += 1
        district += 1
    return rows[:count]


def build_city(cases: int, seed: int) -> City:
    """Return the city's hospitals for a number of stays a year."""
    rng = np.random.default_rng([seed, 0, 1])
    rows = _hospitals(hospital_count(cases))
    level = np.array([row[1] for row in rows], dtype=np.int8)
    places = [row[0][len(CITY) :][:3] for row in rows]
    community = np.full(len(rows), -1, dtype=np.int16)
    lead: list[int] = []
    for place in _DISTRICTS:
        members = [i for i, p in enumerate(places) if p == place]
        general = [i for i in members if level[i] == 2]
        if general and any(level[i] == 1 for i in members):
            community[[i for i in members if rows[i][2] in ("general", "tcm", "primary")]] = len(
                lead
            )
            lead.append(general[0])
    base = np.array([0.0, 0.87, 0.98, 1.06])[level]
    coefficient = base + rng.integers(-400, 401, len(rows)) / 10_000
    noise = np.exp(0.05 * rng.standard_normal(len(rows)))
    size = np.array([row[3] for row in rows]) * np.exp(0.15 * rng.standard_normal(len(rows)))
    score = np.minimum(100, 84 + rng.integers(0, 19, len(rows)))
    return City(
        ids=tuple(f"SYN{i + 1:04d}" for i in range(len(rows))),
        names=tuple(row[0] for row in rows),
        level=level,
        speciality=tuple(row[2] for row in rows),
        size=size,
        community=community,
        lead=np.array(lead, dtype=np.int16),
        coefficient=tuple(f"{value:.4f}" for value in coefficient.tolist()),
        score=tuple(f"{value / 100:.2f}" for value in score.tolist()),
        cost_factor=np.array([0.0, 0.86, 0.96, 1.05])[level] * noise,
    )


def attraction(
    city: City, letters: list[str], weights: NDArray[np.float64], surgical: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how the cases of L groups spread over H hospitals: [L, H], rows sum to 1.

    `letters` are the groups' MDCs, `weights` their expected relative weights: heavy and surgical
    groups go to hospitals of level 3, light ones stay below.
    """
    fit = np.empty((len(letters), len(city)))
    for h, kind in enumerate(city.speciality):
        fits = _FITS[kind]
        fit[:, h] = [fits.get(letter, _ELSEWHERE[kind]) for letter in letters]
    heavy = np.maximum(0.0, weights - 0.7)[:, None]
    light = np.maximum(0.0, 0.7 - weights)[:, None]
    cut = surgical[:, None]
    level = city.level[None, :]
    pull = np.where(
        level == 3,
        np.exp(-1.2 * light),
        np.where(
            level == 2,
            np.exp(-0.35 * heavy),
            np.exp(-2.2 * heavy) * np.where(cut, 0.15, 1.0),
        ),
    )
    share = fit * pull * city.size[None, :] + 1e-9 * city.size[None, :]
    shares: NDArray[np.float64] = share / share.sum(axis=1, keepdims=True)
    return shares
