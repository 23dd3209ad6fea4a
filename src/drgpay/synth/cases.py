"""Draw one block of cases: arrays in, arrays out, no loop over cases.

A block has its own stream of random numbers (PCG64 seeded by seed, year, block), so that blocks
may be drawn in any order and on any thread. A person is a number: sex, year of birth, insurance
and a place in the register follow from it by arithmetic, in every block and year alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import EncodedCases
from drgpay.synth import clinical
from drgpay.synth.city import BASE_COST_YUAN, BED_DAY_RATES_FEN, COST_GROWTH
from drgpay.synth.menus import FINE
from drgpay.synth.plan import BED_DAY_CLASSES, BLOCK, WRONG_CODES, Plan
from drgpay.synth.profiles import WEIGHT_FROM, WEIGHT_TO, as_codes, flatten

Array = NDArray[Any]
MAX_SECONDARY, MAX_PROCEDURES = 11, 6
READMISSION, REFERRAL = 0.022, 0.004
NEWBORN_NUMBERS = 1 << 40
MOTHER, NEWBORN = (1 + clinical.SPECIAL.index(kind) for kind in ("mother", "newborn"))


@dataclass(frozen=True, slots=True)
class Block:
    """N cases of one year. Money is fen, dates are days since 1970-01-01.

    `bad` rows are quarantined on reading: 1 no sex, 2 dates reversed, 3 doubled case id, 4 no
    principal diagnosis. `slip` says which coding error was put in (0 none). `group` indexes the
    grouper's outcomes before errors; `ratio` is cost over what its group costs in the city.
    """

    year: int
    first: int
    hospital: Array
    patient: Array
    pool: Array
    sex: Array
    age_years: Array
    age_days: Array
    birth_weight_g: Array
    admission: Array
    discharge: Array
    settlement: Array
    los_days: Array
    discharge_way: Array
    icu: Array
    department: Array
    dx_offsets: Array
    dx_words: Array
    px_offsets: Array
    px_words: Array
    total: Array
    fund: Array
    personal: Array
    other: Array
    mode: Array  # 0 drg, 1 day surgery, 2 bed-day
    bed_day_class: Array
    referral: Array  # -1 or a number of the group
    case_number: Array
    bad: Array
    slip: Array
    group: Array
    ratio: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.hospital)


def mix(values: Array) -> Array:
    """Return well mixed 64-bit numbers (the finaliser of splitmix64)."""
    z = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _bits(key: Array, place: int) -> Array:
    """Return 16 bits of a key as an index."""
    return ((key >> np.uint64(16 * place)) & np.uint64(0xFFFF)).astype(np.int32)


def _unit(key: Array) -> Array:
    """Return a number in [0, 1) from a key."""
    return (key >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _icu_department(plan: Plan) -> int:
    return int(plan.departments.index(pa.scalar(clinical.DEPARTMENTS["A"])).as_py())


def _swap(words: Array, at: Array) -> None:
    one, two = words[at].copy(), words[at + 1].copy()
    words[at], words[at + 1] = two, one


def draw_block(plan: Plan, year: int, number: int) -> Block:
    """Return block `number` of a year."""
    d = _Draw(plan, year, number)
    p, n, first, line, source, follow = plan.profiles, d.n, d.first, d.line, d.source, d.follow
    key, visit = d.persons()
    key, visit = key[source], visit[source]
    hospital = d.hospitals(key)[source]
    away = follow == 2
    other = plan.others[hospital]
    moved = away & (other >= 0)
    follow[away & ~moved] = 1
    hospital = np.where(moved, other, hospital).astype(np.int16)

    los, mode, bed_class = d.stays(hospital)
    admission, discharge, settlement, los = d.dates(key, visit, los, mode)
    who = d.register(key, admission)
    age = who["age_years"]
    young = p.birth_class[d.q] > 0

    severe, dx, kept = d.diagnoses(age, hospital, who["sex"])
    usual = 0.006 + 0.06 * (severe == 2) + 0.02 * np.maximum(0, p.weight[line] - 1.5)
    icu = d.chance() < np.maximum(plan.intensive[line], np.minimum(0.6, usual))
    icu &= (mode == 0) & (plan.city.level[hospital] > 1)
    icu = icu[source]
    px, operations = d.procedures(icu)

    dx_offsets, dx_ids = flatten(dx, kept)
    px_offsets, px_ids = flatten(px, np.arange(MAX_PROCEDURES) < operations[:, None])
    birth_weight = np.where(young, who["birth_weight_g"], -1).astype(np.int32)
    grouped = plan.grouper.group_arrays(
        EncodedCases(
            sex=who["sex"],
            age_years=age,
            age_days=who["age_days"],
            birth_weight_g=birth_weight,
            los_days=los,
            icu=icu.astype(np.int8),
            diagnoses=as_codes(dx_offsets, dx_ids),
            procedures=as_codes(px_offsets, px_ids),
            good=np.ones(n, dtype=np.bool_),
        )
    )
    cost = d.costs(grouped, hospital, los, mode, bed_class)
    pool = who["pool"]
    fund, personal, aid = d.payers(cost["total"], pool, hospital)

    dx_words = dx_ids - 1
    px_words = px_ids - 1
    sex = who["sex"].copy()
    slip, bad = d.slips(sex, dx_offsets, dx_words, px_offsets, px_words)
    days = [admission.copy(), discharge]
    reversed_dates = bad == 2
    days[0][reversed_dates] = discharge[reversed_dates] + 3
    sex[bad == 1] = 0
    case_number = np.arange(first, first + n, dtype=np.int64)
    case_number[bad == 3] -= 1
    referral = np.full(n, -1, dtype=np.int64)
    pairs = np.flatnonzero(moved)
    referral[pairs] = first + pairs
    referral[pairs - 1] = first + pairs
    return Block(
        year=year,
        first=first,
        hospital=hospital,
        patient=who["patient"],
        pool=pool,
        sex=sex,
        age_years=age,
        age_days=np.where(age == 0, who["age_days"], -1).astype(np.int32),
        birth_weight_g=birth_weight,
        admission=days[0],
        discharge=discharge,
        settlement=settlement,
        los_days=los,
        discharge_way=d.ways(age, severe, cost["early"], moved, plan.city.level[hospital], mode),
        icu=icu,
        department=np.where(
            icu & (severe == 2), _icu_department(plan), plan.department_of_line[line]
        ),
        dx_offsets=dx_offsets,
        dx_words=dx_words,
        px_offsets=px_offsets,
        px_words=px_words,
        total=cost["total"],
        fund=fund,
        personal=personal,
        other=aid,
        mode=mode,
        bed_day_class=bed_class,
        referral=referral,
        case_number=case_number,
        bad=bad,
        slip=slip,
        group=grouped.group,
        ratio=cost["ratio"],
        weight=cost["weight"],
    )


class _Draw:
    """The cases of a block, drawn step by step from one generator.

    `q`: the profile of each, `line` that of its ADRG. `follow`: those who come back after the stay
    before theirs, 1 readmission, 2 referral; `source`: whose profile and person each has.
    """

    def __init__(self, plan: Plan, year: int, number: int) -> None:
        self.plan, self.year, self.number, self.first = plan, year, number, number * BLOCK
        self.n = n = min(BLOCK, plan.rows[year] - self.first)
        self.rng = rng = np.random.default_rng([plan.seed, year, number])
        p = plan.profiles
        q = plan.profile_table[rng.integers(0, FINE, n, dtype=np.int32)]
        u = self.chance()
        back = np.where(u < READMISSION, 1, np.where(u < READMISSION + REFERRAL, 2, 0))
        follow = back.astype(np.int8)
        follow[0] = 0
        follow[1:][follow[:-1] > 0] = 0
        # the first of two neighbours may be a follower only when the one before is not
        alone = p.surgical[p.line[q[:-1]]] | (p.special[q[:-1]] == MOTHER)
        follow[1:][(follow[1:] > 0) & alone] = 0
        self.follow, self.source, self.followers = follow, np.arange(n), np.flatnonzero(follow)
        self.source[self.followers] -= 1
        self.q = q[self.source]
        self.line = p.line[self.q].astype(np.int64)

    def chance(self) -> Array:
        """Return a number in [0, 1) for each case."""
        return self.rng.random(self.n, dtype=np.float32)

    def persons(self) -> tuple[Array, Array]:
        """Return a key of each case's person and, for returning patients, the stay of the year.

        Returning patients of a profile are numbered; a block takes the next ones, those of rare
        profiles go on over blocks, and the same ones come in every year.
        """
        plan, rng, q, n = self.plan, self.rng, self.q, self.n
        follow, number = self.follow, self.number
        p = plan.profiles
        key = rng.integers(0, 1 << 64, n, dtype=np.uint64)
        visit = np.full(n, -1, dtype=np.int32)
        returning = np.flatnonzero((self.chance() < p.again[q]) & (follow == 0))
        if len(returning):
            own = q[returning]
            order = np.argsort(own, kind="stable")
            ordered = own[order]
            starts = np.flatnonzero(np.diff(ordered, prepend=-1))
            rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(starts, append=len(ordered)))
            visits = p.visits[ordered]
            in_block = p.share[ordered] * BLOCK * p.again[ordered] / visits
            person = rank // visits + np.floor(number * in_block).astype(np.int64)
            code = (ordered.astype(np.uint64) << np.uint64(32)) | person.astype(np.uint64)
            places = returning[order]
            key[places] = mix(code ^ mix(np.array([plan.seed + 1], dtype=np.uint64)))
            visit[places] = ((rank + number) % visits).astype(np.int32)
        return key, visit

    def hospitals(self, key: Array) -> Array:
        """Return hospitals: four times of five the person's own for this kind of illness."""
        plan, rng, line, n = self.plan, self.rng, self.line, self.n
        usual = self.chance() < 0.8
        u = np.where(usual, _unit(mix(key ^ np.uint64(77))), rng.random(n))
        place = np.searchsorted(plan.hospital_edges, line + np.minimum(u, 1 - 1e-9), side="right")
        own: Array = (place - line * len(plan.city)).astype(np.int16)
        return own

    def stays(self, hospital: Array) -> tuple[Array, Array, Array]:
        """Return days, payment mode and bed-day class (-1 none)."""
        plan, rng, q, line, follow, n = self.plan, self.rng, self.q, self.line, self.follow, self.n
        z = rng.standard_normal(n, dtype=np.float32)
        u = self.chance()
        days = plan.los_mean[line] * np.exp(0.42 * z)
        mode = np.zeros(n, dtype=np.int8)
        day_surgery = (u < plan.profiles.day_surgery[q]) & (plan.city.level[hospital] > 1)
        mode[day_surgery] = 1
        bed = (self.chance() < plan.bed_day_chance[line, hospital]) & (follow == 0)
        mode[bed] = 2
        bed_class = np.where(bed, plan.bed_day_class[line], -1).astype(np.int8)
        days = np.where(bed, plan.bed_day_mean[bed_class] * np.exp(0.75 * z), days)
        # very long stays: wards that cannot discharge
        v = self.chance()
        long = (v < 0.0022) & (mode == 0) & (follow == 0) & (plan.los_mean[line] > 6)
        days = np.where(long, 61 + 30 * v * 1000 / 2.2, days)
        days = np.where(day_surgery, z > 0, np.maximum(1, np.rint(days)))
        days = np.where(follow > 0, np.minimum(days, 45), np.minimum(days, 366))
        # the one before a follower must leave room for it
        days[:-1] = np.where(follow[1:] > 0, np.minimum(days[:-1], 45), days[:-1])
        return days.astype(np.int32), mode, bed_class

    def dates(
        self, key: Array, visit: Array, los: Array, mode: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Return admission, discharge, settlement and days; the second and third are in the year."""
        plan, rng, q, n = self.plan, self.rng, self.q, self.n
        follow, followers, year = self.follow, self.followers, self.year
        p = plan.profiles
        first = int(np.datetime64(f"{year}-01-01", "D").astype(np.int64))
        last = int(np.datetime64(f"{year + 1}-01-01", "D").astype(np.int64)) - 1
        days = last - first + 1
        discharge = plan.days[year][p.season[q], rng.integers(0, 1 << 16, n, dtype=np.int32)]
        again = np.flatnonzero((visit >= 0) & (p.visits[q] > 1))
        if len(again):
            gap = days / p.visits[q[again]]
            phase = _unit(mix(key[again] ^ np.uint64(5)))
            swing = rng.random(len(again)) * 0.2
            discharge[again] = first + np.floor(
                gap * ((visit[again] + phase + swing) % p.visits[q[again]])
            )
        lag = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 3], dtype=np.int32)[
            rng.integers(0, 10, n, dtype=np.int8)
        ]
        # who has an operation planned comes on a Monday rather than at the weekend
        weekday = (discharge - los + 3) % 7
        planned = p.surgical[p.line[q]] & (los >= 3) & (mode == 0) & (self.chance() < 0.7)
        los = (
            los
            - (planned & (weekday == 6)).astype(np.int32)
            - 2 * (planned & (weekday == 5) & (los > 4))
        )
        los = np.maximum(los, 0).astype(np.int32)
        if len(followers):
            wait = rng.integers(0, 26, len(followers), dtype=np.int32)
            wait = np.where(follow[followers] == 2, wait % 2, wait)
            before = followers - 1
            latest = last - 3 - wait - los[followers]
            discharge[before] = np.minimum(discharge[before], latest)
            discharge[followers] = discharge[before] + wait + los[followers]
        settlement = np.minimum(discharge + lag, last)
        admission = discharge - los
        return (
            admission.astype(np.int32),
            discharge.astype(np.int32),
            settlement.astype(np.int32),
            los,
        )

    def register(self, key: Array, admission: Array) -> dict[str, Array]:
        """Return who the patient is: number, sex, ages, pool, birth weight.

        The number holds year of birth, insurance, sex and place in the register; the day of birth
        follows from the rest of it. Newborns have numbers of their own.
        """
        plan, q, source, year, first = self.plan, self.q, self.source, self.year, self.first
        p = plan.profiles
        wanted = plan.ages[p.age_class[q], _bits(key, 0)]
        sex = np.where(_bits(key, 1) < p.female[q] * 65536, 2, 1)
        sex = np.where(p.sex[q] > 0, p.sex[q], sex).astype(np.int8)
        employed = np.select([wanted < 16, wanted < 24, wanted < 60], [0, 13_000, 41_000], 29_000)
        pool = np.where(_bits(key, 2) < employed, 0, 1).astype(np.int8)
        place = mix(key) % np.uint64(plan.patients_of_stratum)
        # one half of the register is ill oftener than the other
        place = np.where(_bits(key, 3) < 20_000, place // np.uint64(2), place).astype(np.int64)
        birthday = (mix((place * 4 + pool * 2 + sex).astype(np.uint64)) % np.uint64(365)).astype(
            np.int32
        )
        dates = admission.astype("datetime64[D]")
        years = dates.astype("datetime64[Y]")
        today = (dates - years.astype("datetime64[D]")).astype(np.int32)
        now = years.astype(np.int32) + 1970
        late = (birthday > today).astype(np.int32)
        returning = p.again[q] > 0
        # the age of returning patients is counted from the run's year, so that it is one in all years
        born = np.where(returning, plan.year - wanted, now - wanted - late)
        age = np.maximum(0, now - born - late)
        number = (((born - 1850).astype(np.int64) * 2 + pool) * 2 + (sex - 1)) * (1 << 27) + place
        age_days = np.where(age == 0, (today - birthday) % 365, -1)

        class_name = clinical.AGE_CLASSES
        newborn = p.age_class[q] == class_name.index("newborn")
        infant = p.age_class[q] == class_name.index("infant")
        some = _bits(key, 3).astype(np.int64)
        first_days = np.minimum(28, (some * some // 65_536 * 29) >> 16)
        born_here = _bits(key, 2) < 45_000  # on the ward from birth
        first_days = np.where(born_here, 0, first_days)
        age = np.where(newborn | infant, 0, age)
        age_days = np.where(newborn, first_days, np.where(infant, 29 + some % 336, age_days))
        child = newborn | infant
        cases = first + source
        number = np.where(child, NEWBORN_NUMBERS + (year - 1900) * (1 << 30) + cases, number)
        pool = np.where(child, 1, pool).astype(np.int8)
        least = np.array(WEIGHT_FROM)[p.birth_class[q]]
        most = np.array(WEIGHT_TO)[p.birth_class[q]]
        spread = (_bits(mix(key), 1) + _bits(mix(key), 2)) / 131_072  # about the middle
        grams = least + np.floor((most - least - 1) / 10 * spread).astype(np.int32) * 10
        return {
            "patient": number,
            "sex": sex,
            "age_years": age.astype(np.int32),
            "age_days": age_days.astype(np.int32),
            "pool": pool,
            "birth_weight_g": grams.astype(np.int32),
        }

    def diagnoses(self, age: Array, hospital: Array, sex: Array) -> tuple[Array, Array, Array]:
        """Return severity (0, 1, 2), diagnoses [N, 1 + secondary] and which of them there are."""
        plan, rng, q, line, source, n = self.plan, self.rng, self.q, self.line, self.source, self.n
        p, menus = plan.profiles, plan.menus
        band = np.digitize(age, clinical.BAND_FROM[1:])
        level = plan.city.level[hospital]
        special = p.special[q]
        menu = np.where(special > 0, len(clinical.BANDS) + special - 1, band)
        # how severe: by age, level and how grave the illness is
        by_level = np.array([1.0, 0.45, 0.9, 1.2])[level]
        by_level = by_level * np.where(p.surgical[line] & (p.weight[line] < 1.2), 0.6, 1.0)
        u = self.chance()
        major = np.array(clinical.CHANCE_MCC)[band] * by_level
        minor = np.array(clinical.CHANCE_CC)[band] * by_level
        severe = np.where(u < major, 2, np.where(u < major + minor, 1, 0)).astype(np.int8)
        mean = np.array(clinical.MEAN_SECONDARY)[band] * np.array([1.0, 0.7, 1.0, 1.25])[level]
        spread = rng.standard_normal(n, dtype=np.float32)
        count = np.rint(mean + np.sqrt(mean) * spread).astype(np.int32)
        count = np.clip(np.maximum(count, severe > 0) + (special == MOTHER), 0, MAX_SECONDARY - 1)

        # one table after the other: what is common, then what makes the stay severe, in any place
        draws = rng.integers(0, 1 << 16, (MAX_SECONDARY, n), dtype=np.uint16)
        codes = np.zeros((MAX_SECONDARY + 1, n), dtype=np.int32)
        codes[0] = p.principal[q]
        for i in range(MAX_SECONDARY - 1):
            some = np.flatnonzero(count > i)
            if not len(some):
                break
            codes[i + 1, some] = menus.common[menu[some], draws[i, some]]
        for wanted, table in ((1, menus.complication), (2, menus.major)):
            some = np.flatnonzero(severe == wanted)
            place = 1 + draws[-1, some].astype(np.int64) * count[some] // 65_536
            codes[place, some] = table[menu[some], mix(draws[-1, some]).astype(np.uint16)]
        fixed = np.flatnonzero(p.secondary[q] > 0)
        if len(fixed):
            count[fixed] = np.minimum(count[fixed] + 1, MAX_SECONDARY)
            codes[count[fixed], fixed] = p.secondary[q[fixed]]

        # no code twice, none of the other sex
        keep = codes > 0
        own = menus.sex[codes]
        keep[1:] &= (own[1:] == 0) | (own[1:] == sex[None, :])
        for i in range(1, MAX_SECONDARY + 1):
            some = np.flatnonzero(keep[i])
            if not len(some):
                continue
            mine = codes[i, some]
            double = np.zeros(len(some), dtype=np.bool_)
            for j in range(i):
                double |= mine == codes[j, some]
            keep[i, some[double]] = False
        # two thirds of those who come back have the same other illnesses as before
        back = np.flatnonzero((source < np.arange(n)) & (self.chance() < 0.67))
        codes[:, back], keep[:, back] = codes[:, back - 1], keep[:, back - 1]
        severe[back] = severe[back - 1]
        return severe, np.ascontiguousarray(codes.T), np.ascontiguousarray(keep.T)

    def procedures(self, icu: Array) -> tuple[Array, Array]:
        """Return procedures [N, MAX_PROCEDURES], the main one first, and how many there are."""
        plan, rng, q, source, n = self.plan, self.rng, self.q, self.source, self.n
        p = plan.profiles
        asked = p.procedures[q]
        codes = np.zeros((n, MAX_PROCEDURES), dtype=np.int32)
        codes[:, :3] = asked
        count = (asked > 0).sum(axis=1)
        more = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3], dtype=np.int8)[
            rng.integers(0, 10, n, dtype=np.int8)
        ] + (icu & (self.chance() < 0.5))
        draws = rng.integers(0, 1 << 16, (3, n), dtype=np.uint16)
        rows = np.arange(n)
        for i in range(3):
            some = (more > i) & (count < MAX_PROCEDURES)
            new = plan.menus.examinations[draws[i]]
            some &= new > 0
            for j in range(MAX_PROCEDURES - 1):
                some &= new != codes[:, j]
            codes[rows[some], count[some]] = new[some]
            count = count + some
        return codes[source], count[source]

    def costs(
        self, grouped: Any, hospital: Array, los: Array, mode: Array, bed_class: Array
    ) -> dict[str, Array]:
        """Return total cost in fen, its ratio to the group's usual cost, and who left early.

        Cost is log-normal about weight × city base × drift × hospital, wider for light groups, with a
        few very dear and very cheap stays; by bed-day it is days × rate.
        """
        plan, rng, line, year, n = self.plan, self.rng, self.line, self.year, self.n
        none = grouped.status != 0
        weight = np.where(none, plan.profiles.weight[line], plan.drg_weight[grouped.group])
        drift = np.where(none, 1.0, plan.drg_drift[year][grouped.group])
        usual = BASE_COST_YUAN * (1 + COST_GROWTH) ** (year - plan.year) * weight * drift
        sigma = np.clip(0.34 - 0.04 * weight, 0.15, 0.34)
        z = rng.standard_normal(n)
        typical = plan.los_mean[line]
        z = 0.9 * z + 0.42 * np.clip(np.log((los + 0.5) / (typical + 0.5)) / 0.42, -2, 2)
        factor = np.exp(sigma * z - 0.5 * sigma**2)
        factor *= plan.city.cost_factor[hospital]
        u = rng.random(n)
        early = (u < 0.016) & (mode == 0)
        factor = np.where(early, 0.10 + 0.30 * u / 0.016, factor)
        dear = (u > 0.98) & (mode == 0) & (weight < 6)
        more = (u - 0.98) / 0.02 * np.where(weight < 1.1, 3.6, 1.2)
        factor = np.where(dear, factor * (np.where(weight < 1.1, 1.8, 1.3) + more), factor)
        factor = np.where(mode == 1, factor * 0.78, factor)
        yuan = usual * factor
        # above 60 days cost goes with days
        long = (los > 60) & (mode == 0)
        yuan = np.where(long, np.maximum(yuan, los * 780.0 * np.exp(0.25 * z)), yuan)
        rate = np.array([BED_DAY_RATES_FEN[name] for name in BED_DAY_CLASSES]) / 100
        daily = rate[bed_class] * (1 + COST_GROWTH) ** (year - plan.year)
        yuan = np.where(mode == 2, daily * np.maximum(los, 1) * np.exp(0.12 * z), yuan)
        total = np.maximum(30_000, np.rint(np.minimum(yuan, 3_000_000.0) * 100)).astype(np.int64)
        ratio = np.where((mode == 2) | long | none, 0.0, total / (usual * 100))
        return {"total": total, "ratio": ratio, "weight": weight, "early": early}

    def payers(self, total: Array, pool: Array, hospital: Array) -> tuple[Array, Array, Array]:
        """Return what the pool, the patient and others pay, in fen; the three add up to the total."""
        plan, rng, n = self.plan, self.rng, self.n
        level = plan.city.level[hospital]
        outside = rng.integers(20, 180, n)  # per mille that no insurance covers
        threshold = np.array([0, 30_000, 60_000, 100_000])[level]
        share = np.array([[0, 880, 840, 800], [0, 800, 720, 640]])[pool, level]
        covered = total * (1000 - outside) // 1000
        fund = np.maximum(0, covered - threshold) * share // 1000
        rest = total - fund
        major = np.maximum(0, rest - 2_000_000) * 55 // 100
        aid = np.where(self.chance() < 0.07, (rest - major) * 35 // 100, 0)
        other = major + aid
        return fund, rest - other, other

    def slips(
        self, sex: Array, dx_offsets: Array, dx_words: Array, px_offsets: Array, px_words: Array
    ) -> tuple[Array, Array]:
        """Put errors in, in place; return which kind each case got and which rows are bad.

        Kinds: 1 unknown principal, 2 none, 3 other sex, 4 an operation that does not fit, 5 wrong
        order, 6 unknown secondary. Bad rows: see `Block`.
        """
        plan, rng, line, n = self.plan, self.rng, self.line, self.n
        u = rng.random(n)
        slip = np.zeros(n, dtype=np.int8)
        chosen = np.flatnonzero(u < plan.error_rate)
        kind = rng.choice(
            np.array([1, 2, 3, 4, 5, 6], dtype=np.int8),
            len(chosen),
            p=[0.2, 0.08, 0.1, 0.22, 0.3, 0.1],
        )
        # the sex is noticed only where the MDC asks for it; without procedures none can be wrong
        letters = np.array([letter in "MN" for letter in plan.profiles.letters])
        operations = np.diff(px_offsets)[chosen]
        secondary = np.diff(dx_offsets)[chosen] - 1
        kind = np.where((kind == 4) & (operations == 0), 5, kind)
        kind = np.where((kind == 5) & (secondary == 0) & (operations < 2), 1, kind)
        kind = np.where((kind == 6) & (secondary == 0), 1, kind)
        sexed = letters[line[chosen]]
        kind = np.where((kind == 3) & ~sexed, 5, np.where((kind > 3) & sexed, 3, kind))
        kind = np.where((kind == 5) & (secondary == 0) & (operations < 2), 1, kind)
        slip[chosen] = kind
        words = len(plan.diagnosis_words)
        wrong = words - len(WRONG_CODES)

        def garbage(count: int) -> Array:
            return wrong + 1 + rng.integers(0, len(WRONG_CODES) - 1, count)

        rows = np.flatnonzero(slip == 1)
        dx_words[dx_offsets[rows]] = garbage(len(rows))
        rows = np.flatnonzero(slip == 2)
        dx_words[dx_offsets[rows]] = wrong
        rows = np.flatnonzero(slip == 3)
        sex[rows] = 3 - sex[rows]
        rows = np.flatnonzero(slip == 4)
        px_words[px_offsets[rows]] = (
            plan.foreign_procedures[rng.integers(0, 1 << 16, len(rows))] - 1
        )
        rows = np.flatnonzero((slip == 5) & (np.diff(px_offsets) > 1))
        _swap(px_words, px_offsets[rows])
        rows = np.flatnonzero((slip == 5) & (np.diff(px_offsets) < 2))
        _swap(dx_words, dx_offsets[rows])
        rows = np.flatnonzero(slip == 6)
        dx_words[dx_offsets[rows] + 1] = garbage(len(rows))

        bad = np.zeros(n, dtype=np.int8)
        bad[slip == 2] = 4
        rate = 0.06 * plan.error_rate
        v = rng.random(n)
        rows = np.flatnonzero((v < rate) & (bad == 0))
        which = rng.integers(1, 4, len(rows))
        # a double stands after its original, in the same block; neighbours of followers stay whole
        which = np.where((which == 3) & (rows == 0), 1, which)
        bad[rows] = which
        alone = np.flatnonzero((bad[1:] == 3) & (bad[:-1] > 0)) + 1
        bad[alone] = 1
        return slip, bad

    def ways(
        self, age: Array, severe: Array, early: Array, moved: Array, level: Array, mode: Array
    ) -> Array:
        """Return how the patient left: 1 on order, 2 and 3 moved, 4 without order, 5 died, 9 other."""
        n = self.n
        u = self.chance()
        dying = np.where(severe == 2, 0.03, 0.001) * np.where(
            age > 79, 2.5, np.where(age < 45, 0.4, 1.0)
        )
        way = np.select(
            [(u < dying) & (mode == 0), u > 0.995, u > 0.975, u > 0.965], [5, 9, 4, 2], 1
        ).astype(np.int8)
        way = np.where(early & (way == 1), np.where(u < 0.5, 4, 2), way)
        before = np.zeros(n, dtype=np.bool_)
        before[:-1] = moved[1:]
        after_level = np.append(level[1:], level[-1:])
        return np.where(before, np.where(after_level < level, 3, 2), way).astype(np.int8)
