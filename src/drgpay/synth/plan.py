"""Everything that is worked out once for a city, before the first case is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.grouper import Grouper
from drgpay.synth import clinical
from drgpay.synth.city import City, attraction, build_city
from drgpay.synth.menus import (
    COARSE,
    FINE,
    Menus,
    age_tables,
    build_menus,
    day_tables,
    table_of,
)
from drgpay.synth.profiles import (
    Floats,
    Frequencies,
    Ints,
    Profiles,
    build_profiles,
    drg_weights,
)
from drgpay.synth.words import Words, written

BLOCK = 131_072
# unknown codes as they are really typed: old forms, slips, empty
WRONG_CODES = ("", *"I63.9XX J18.9 Z99.999x999 K80.20O 待查 E11.9000 S72.0 N18.9?".split())
BED_DAY_CLASSES = ("PSY", "REH", "HOS")


@dataclass(frozen=True)
class Plan:
    """What blocks are drawn from; nothing in it changes."""

    seed: int
    year: int
    error_rate: float
    grouper: Grouper
    edition: str  # in which codes are written
    city: City
    profiles: Profiles
    menus: Menus
    profile_table: Ints  # [2^22]
    ages: Ints  # [A, 2^16]
    days: Mapping[int, Ints]  # year → [S, 2^16]
    drg_weight: Floats  # [outcomes]
    drg_drift: Mapping[int, Floats]  # year → [outcomes]
    hospital_edges: Floats  # [L * H] line + cumulated share
    los_mean: Floats  # [L]
    intensive: Floats  # [L] least chance of intensive care
    bed_day_mean: Floats  # [3] of BED_DAY_CLASSES
    bed_day_chance: Floats  # [L, H]
    bed_day_class: NDArray[np.int8]  # [L] of BED_DAY_CLASSES, -1 for none
    others: NDArray[np.int16]  # [H] another hospital of the same community, -1 for none
    # words of the output: all codes of the scheme (null: none in the edition), then wrong ones
    diagnosis_words: pa.Array
    procedure_words: pa.Array
    departments: pa.Array
    department_of_line: NDArray[np.int8]
    foreign_procedures: Ints  # [2^16] operations of other MDCs, for slips
    patients_of_stratum: int
    rows: Mapping[int, int]  # year → cases


def build_plan(
    grouper: Grouper,
    seed: int,
    year: int,
    rows: Mapping[int, int],
    error_rate: float,
    edition: str,
) -> Plan:
    """Return the plan of a city: `rows` says how many cases each year has.

    Only codes that have a word in the edition occur in it.
    """
    known = _of_scheme(grouper, edition)
    weights, profiles, freq = known.weights, known.profiles, known.frequencies
    diagnoses, procedures = known.diagnoses, known.procedures
    city = build_city(rows[year], seed)
    share = attraction(city, list(profiles.letters), profiles.weight, profiles.surgical)
    edges = np.cumsum(share, axis=1)
    edges /= edges[:, -1:]
    edges[:, -1] = 1.0
    edges += np.arange(len(edges))[:, None]
    departments = sorted({*clinical.DEPARTMENTS.values(), *clinical.SURGICAL_DEPARTMENTS.values()})
    chance, classes = _bed_days(profiles, city)
    scheme = grouper.scheme
    drift = {}
    for y in rows:
        rng = np.random.default_rng([seed, y, 0, 2])
        drift[y] = np.exp(0.03 * rng.standard_normal(len(weights)))
    valid = np.zeros(len(freq.procedure))
    valid[scheme.valid_procedures] = freq.procedure[scheme.valid_procedures]
    valid[~procedures.usable] = 0.0
    return Plan(
        seed=seed,
        year=year,
        error_rate=error_rate,
        grouper=grouper,
        edition=edition,
        city=city,
        profiles=profiles,
        menus=known.menus,
        profile_table=table_of(profiles.share, FINE),
        ages=age_tables(),
        days={y: day_tables(y) for y in rows},
        drg_weight=weights,
        drg_drift=drift,
        hospital_edges=edges.reshape(-1),
        los_mean=_los_means(profiles),
        intensive=np.array(
            [
                max((p for word, p in clinical.INTENSIVE.items() if word in name), default=0.0)
                for name in profiles.names
            ]
        ),
        bed_day_mean=np.array([48.0, 26.0, 18.0]),
        bed_day_chance=chance,
        bed_day_class=classes,
        others=_others(city),
        diagnosis_words=pa.concat_arrays([diagnoses.words, pa.array(WRONG_CODES, pa.string())]),
        procedure_words=procedures.words,
        departments=pa.array(departments, pa.string()),
        department_of_line=np.array(
            [departments.index(d) for d in _departments(profiles)], dtype=np.int8
        ),
        foreign_procedures=table_of(valid) if valid.any() else np.zeros(COARSE, dtype=np.int32),
        patients_of_stratum=max(3, rows[year] // 40),
        rows=dict(rows),
    )


@dataclass(frozen=True, slots=True)
class _OfScheme:
    """What all cities of a scheme whose codes are written in one edition have in common."""

    weights: Floats  # [outcomes]
    diagnoses: Words
    procedures: Words
    profiles: Profiles
    frequencies: Frequencies
    menus: Menus


@lru_cache(maxsize=4)
def _of_scheme(grouper: Grouper, edition: str) -> _OfScheme:
    """Return what neither seed nor year changes: it takes longer to make than a small city."""
    weights = drg_weights(grouper)
    diagnoses, procedures = written(grouper, edition)
    profiles, freq = build_profiles(grouper, weights, diagnoses.usable, procedures.usable)
    menus = build_menus(grouper, freq, diagnoses.usable, procedures.usable)
    return _OfScheme(weights, diagnoses, procedures, profiles, freq, menus)


def _departments(profiles: Profiles) -> list[str]:
    found = []
    for letter, cut in zip(profiles.letters, profiles.surgical.tolist(), strict=True):
        name = clinical.SURGICAL_DEPARTMENTS.get(letter) if cut else None
        found.append(name or clinical.DEPARTMENTS.get(letter, "普通内科"))
    return found


def _los_means(profiles: Profiles) -> Floats:
    """Return the usual length of a stay of each line, from its weight."""
    weight = profiles.weight
    days = np.where(profiles.surgical, 3.0 + 4.2 * weight**0.7, 3.5 + 4.6 * weight**0.7)
    own = {"T": 21.0, "U": 16.0, "X": 12.0, "C": 3.2, "O": 4.5, "P": 7.0}
    for i, letter in enumerate(profiles.letters):
        if letter in own:
            days[i] = own[letter]
        if "化学" in profiles.names[i] or "免疫治疗" in profiles.names[i]:
            days[i] = 4.0
    return np.minimum(days, 45.0)


def _bed_days(profiles: Profiles, city: City) -> tuple[Floats, NDArray[np.int8]]:
    """Return the chance of payment by bed-day in each line and hospital, and the line's class."""
    classes = np.full(len(profiles.letters), -1, dtype=np.int8)
    chance = np.zeros((len(profiles.letters), len(city)))
    kinds = np.array(city.speciality)
    for i, letter in enumerate(profiles.letters):
        name = profiles.names[i]
        if profiles.surgical[i]:
            continue
        if letter in "TU":
            classes[i] = 0
            chance[i] = np.where(kinds == "psychiatric", 0.75, 0.0)
        elif letter == "X" and "康复" in name:
            classes[i] = 1
            chance[i] = np.select([kinds == "rehabilitation", kinds == "tcm"], [0.8, 0.15], 0.0)
        elif letter in "RGHE" and ("肿瘤" in name or "恶性" in name):
            classes[i] = 2
            chance[i] = np.where(city.level == 1, 0.25, np.where(city.level == 2, 0.03, 0.0))
    return chance, classes


def _others(city: City) -> NDArray[np.int16]:
    """Return for each hospital the one that its community refers to: the lead, or a member."""
    others = np.full(len(city), -1, dtype=np.int16)
    for number, lead in enumerate(city.lead.tolist()):
        members = np.flatnonzero(city.community == number)
        others[members] = lead
        below = [m for m in members.tolist() if city.level[m] == 1]
        others[lead] = below[0] if below else -1
    return others
