"""Plant cheats in an invented city, with the truth written beside it, and honest variation.

The invented hospitals differ in cost and level only; real ones also differ honestly in coding,
days, own shares, returns and outpatient visits. Both are put in here, in one streamed pass over
the year's finished cases. Amounts of every row still add up; the history stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.ground.errors import InputError, both
from drgpay.points.base import multiples_of
from drgpay.policy import YearPolicy
from drgpay.runs.year_tables import case_tables
from drgpay.settlement.facts import year_bounds
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.synth import writer
from drgpay.synth.words import written

Array = NDArray[Any]
KINDS = tuple("split upcoding edge low_service patient_shift outpatient_shift refusal".split())
TRUTH = "truth"
OUTPATIENT = "outpatient.parquet"
NEW_IDS = 900_000_000
MONEY = ("total_cost", "pool_fund", "personal_paid", "other_paid")
DATES = ("admission_date", "discharge_date", "settlement_date")
LOW, MCC = "low", "MCC"
# what a cheat of strength 1 does: shares of the cases that it can touch
SPLIT_SHARE = 0.06
UPCODED, UPCODED_MCC = 0.20, 0.6
LIFTED_LOW, LIFTED_HIGH = 0.9, 0.6
CUT_SHARE, CUT_COST, CUT_DAYS = 0.7, 0.65, 0.60
OWN_SHARE, OWN_MOVED = 0.8, 0.20
OUT_SHARE, OUT_MOVED = 0.5, 0.15
REFUSED, REFUSED_WHOLE = 0.7, 0.5
# honest variation between hospitals: standard deviations, of logs but for the returns
HONEST = {"severity": 0.12, "days": 0.06, "cost": 0.03, "own": 0.06, "visits": 0.25}
HONEST_RETURNS = 0.003


@dataclass(frozen=True, slots=True)
class Cheats:
    """What to plant: hospitals and kinds by name, or a share of the hospitals.

    `strength` multiplies the shares of touched cases, `variation` the honest differences.
    Hospitals with fewer cases than `min_cases` (grouped, not by bed-day) cheat only when named,
    those below `min_cases_edge` not at limits, where they have hardly a case.
    """

    share: float = 0.15
    named: tuple[tuple[str, str], ...] = ()
    strength: float = 1.0
    variation: float = 1.0
    min_cases: int = 400
    min_cases_edge: int = 1000


def cheats_of(text: str, strength: float = 1.0) -> Cheats:
    """Return what a text asks for: `0.15`, or `SYN0003=split,SYN0007=upcoding`.

    >>> cheats_of("0.2").share, cheats_of("SYN0003=split").named
    (0.2, (('SYN0003', 'split'),))
    """
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if 0 <= share <= 0.5:
        return Cheats(share=share, strength=strength)
    pairs = [tuple(part.strip() for part in word.partition("=")[::2]) for word in text.split(",")]
    wrong = [f"{one}={kind}" for one, kind in pairs if not one or kind not in KINDS]
    if share >= 0 or wrong:
        raise InputError(
            both(f"--cheats“{text}”不能使用", f"--cheats {text!r} cannot be used"),
            remedy=both(
                f"给出机构比例（0至0.5），或 机构=种类，以逗号分隔；种类：{'、'.join(KINDS)}",
                f"give a share of hospitals (0 to 0.5) or hospital=kind,…; kinds: {', '.join(KINDS)}",
            ),
        )
    return Cheats(named=tuple((one, kind) for one, kind in pairs), strength=strength)


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted cheat and how many cases it touched."""

    hospital_id: str
    kind: str
    strength: float
    cases: int


@dataclass
class _City:
    """What the pass needs of the whole city."""

    ids: list[str]
    level: Array
    size: Array  # [mdc + 1, H] cases
    kind: Array  # [H] number of the cheat, -1 honest
    honest: dict[str, Array]  # [H] factors
    seed: int
    strength: float
    major: list[str]
    minor: list[str]
    severe_codes: frozenset[str]
    low: float
    policy: YearPolicy
    year: int
    first_day: int
    last_day: int
    touched: dict[int, list[str]] = field(default_factory=dict)
    fund: dict[str, int] = field(default_factory=dict)
    new: int = 0


@dataclass(frozen=True, slots=True)
class Planting:
    """What was planted, how many cases that added, and what the pools paid of all good rows."""

    cheats: tuple[Planted, ...]
    added: int
    recorded_fund_fen: dict[str, int]


def plant(folder: Path, cheats: Cheats, seed: int) -> Planting:
    """Plant cheats in a finished region folder.

    Writes `truth/cheats.csv` (hospital_id, kind, strength, cases), `truth/cases.csv` (case_id,
    hospital_id, kind) and `outpatient.parquet`. Raises InputError for unknown hospitals.
    """
    run = year_end(folder)
    path = folder / "cases.parquet"
    city = _city(run, cheats, seed)
    reviewed = pa.array(sorted(run.region.reviews), pa.string())
    before = after = 0
    results = _tables(run)
    with (
        writer.BlockFile(folder / OUTPATIENT) as visits,
        writer.case_file(path) as file,
        pq.ParquetFile(path) as source,  # closed before it is replaced
    ):
        for number in range(source.num_row_groups):
            block = source.read_row_group(number)
            made = results.slice(before, len(block))
            rng = np.random.default_rng([seed, number, 5])
            changed, outside = _block(city, block, made, reviewed, rng)
            file.write(changed)
            visits.write(outside)
            before, after = before + len(block), after + len(changed)
    return Planting(tuple(_truth(folder, city, cheats)), after - before, city.fund)


_VISITS = pa.schema(
    [
        ("patient_id", pa.string()),
        ("hospital_id", pa.string()),
        ("visit_date", pa.date32()),
        ("total_cost", pa.decimal128(12, 2)),
        ("own_paid", pa.decimal128(12, 2)),
    ]
)
_RUN = """
    case_id mdc adrg status severity severity_diagnosis case_class group_mean_fen base_points
""".split()


def _tables(run: YearEnd) -> pa.Table:
    """Return what the honest run made of the cases, in their order."""
    parts = [table.select(_RUN) for table in case_tables(run)]
    return pa.concat_tables(
        pa.table({name: parse.flat(part[name]) for name in part.column_names}) for part in parts
    )


def _city(run: YearEnd, cheats: Cheats, seed: int) -> _City:
    region = run.region
    ids = [h.id for h in region.hospitals]
    hospital = np.concatenate([p.facts.hospital for p in run.pieces])
    good = np.concatenate([(p.status == 0) & (p.facts.bed_class < 0) for p in run.pieces])
    mdc = np.concatenate([p.mdc for p in run.pieces]).astype(np.int64)
    rows = np.bincount(hospital[good], minlength=len(ids))
    groups = int(mdc.max(initial=0)) + 1
    size = np.bincount(mdc[good] * len(ids) + hospital[good], minlength=groups * len(ids))
    rng = np.random.default_rng([seed, 0, 6])
    factors = {
        name: np.exp(sigma * cheats.variation * rng.standard_normal(len(ids)))
        for name, sigma in HONEST.items()
    }
    factors["returns"] = HONEST_RETURNS * cheats.variation * np.abs(rng.standard_normal(len(ids)))
    kind = np.full(len(ids), -1, dtype=np.int64)
    if cheats.named:
        strange = [one for one, _ in cheats.named if one not in ids]
        if strange:
            raise InputError(
                both(
                    f"没有这些机构：{'、'.join(strange)}",
                    f"no such hospitals: {', '.join(strange)}",
                ),
                remedy=both(f"机构：{ids[0]} 至 {ids[-1]}", f"hospitals: {ids[0]} to {ids[-1]}"),
            )
        for one, name in cheats.named:
            kind[ids.index(one)] = KINDS.index(name)
    else:
        large = np.flatnonzero(rows >= cheats.min_cases)
        count = min(len(large), round(cheats.share * len(ids)))
        chosen = rng.choice(large, count, replace=False) if count else large[:0]
        turn = int(rng.integers(0, len(KINDS)))
        kinds = (turn + np.arange(count)) % len(KINDS)
        edge = KINDS.index("edge")
        small = rows[chosen] < cheats.min_cases_edge
        # a large hospital takes the limits over from a small one, where there is one
        for i in np.flatnonzero((kinds == edge) & small).tolist():
            others = np.flatnonzero(~small & (kinds != edge))
            if len(others):
                kinds[i], kinds[others[0]] = kinds[others[0]], edge
            else:
                kinds[i] = (edge + 1) % len(KINDS)
        kind[chosen] = kinds
    scheme = run.prepared.main.scheme
    words, _ = written(run.prepared.main, region.codes or run.prepared.main.edition)
    word_of = dict(zip(scheme.diagnoses.codes.to_pylist(), words.words.to_pylist(), strict=True))
    major, minor = _favourites(run, word_of)
    codes = [word_of.get(code) for code in scheme.severity["code"].cast(pa.string()).to_pylist()]
    levels = np.array([int(h.level) if h.level.isdigit() else 0 for h in region.hospitals])
    first, last = year_bounds(region.year)
    return _City(
        ids,
        levels,
        size.reshape(groups, len(ids)),
        kind,
        factors,
        seed,
        cheats.strength,
        major,
        minor,
        frozenset(code for code in codes if code),
        float(run.policy["low.multiple"]),
        run.policy,
        region.year,
        first,
        last,
    )


def _favourites(run: YearEnd, word_of: Mapping[str, str | None]) -> tuple[list[str], list[str]]:
    """Return the codes that most often make a case MCC and CC in the city, as it writes them."""
    found = []
    for wanted in (2, 1):
        words = [
            p.severity_diagnosis.filter(pa.array((p.level == wanted) & (p.status == 0)))
            for p in run.pieces
        ]
        counted = pc.value_counts(
            pa.concat_arrays([parse.flat(w).cast(pa.string()) for w in words])
        )
        pairs = sorted(
            (-c["counts"], word)
            for c in counted.to_pylist()
            if (word := word_of.get(str(c["values"])))
        )
        found.append([word for _, word in pairs[:12]])
    return found[0], found[1]


@dataclass
class _Rows:
    """A block being changed: arrays by column, and which row of the block each row came from."""

    source: Array
    ids: list[str]
    hospital: Array
    columns: dict[str, Array]
    way: Array
    added: dict[int, list[str]]
    removed: set[int]

    def append(
        self, rows: Array, new_ids: list[str], hospital: Array, values: dict[str, Array]
    ) -> None:
        self.source = np.concatenate([self.source, rows])
        self.ids += new_ids
        self.hospital = np.concatenate([self.hospital, hospital])
        for name, column in self.columns.items():
            self.columns[name] = np.concatenate([column, values.get(name, column[rows])])
        self.way = np.concatenate([self.way, self.way[rows]])


def _block(
    city: _City, block: pa.Table, made: pa.Table, reviewed: pa.Array, rng: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    n = len(block)
    place = {one: i for i, one in enumerate(city.ids)}
    hospital = np.array([place.get(w, -1) for w in block["hospital_id"].to_pylist()])
    columns: dict[str, Array] = {name: parse.money(block[name])[0] for name in MONEY}
    for name in DATES:
        columns[name] = np.asarray(parse.flat(block[name]).cast(pa.int32())).astype(np.int64)
    columns["los_days"] = np.asarray(parse.flat(block["los_days"])).astype(np.int64)
    ids = [str(word) for word in block["case_id"].to_pylist()]
    way = np.array([str(w) for w in block["discharge_way"].to_pylist()], dtype="<U1")
    rows = _Rows(np.arange(n), ids, hospital.copy(), columns, way, {}, set())
    status, classes, severity = (_texts(made[n]) for n in ("status", "case_class", "severity"))
    free = (status == "grouped") & (classes != "bed_day") & (hospital >= 0)
    free &= ~np.asarray(pc.is_in(block["case_id"].cast(pa.string()), value_set=reviewed))
    free &= np.asarray(pc.is_null(block["referral_group"]))
    free &= _texts(block["payment_mode"]) == "drg"
    mean = np.asarray(pc.fill_null(made["group_mean_fen"], 0)).astype(np.float64)
    points = np.asarray(pc.fill_null(made["base_points"], 0).cast(pa.float64()))
    kind = np.where(hospital >= 0, city.kind[hospital], -1)

    def chosen(name: str, share: float) -> Array:
        mine = free & (kind == KINDS.index(name))
        found: Array = mine & (rng.random(n) < share * city.strength)
        return found

    _honest_amounts(city, rows, free, rng)
    _touch(city, rows, "edge", _edges(city, rows, chosen, classes, mean, points, rng))
    _touch(city, rows, "low_service", _cut(rows, chosen("low_service", CUT_SHARE)))
    _touch(city, rows, "patient_shift", _own(rows, chosen("patient_shift", OWN_SHARE), rng))
    visits = _honest_visits(city, rows, status, block, rng)
    moved = chosen("outpatient_shift", OUT_SHARE)
    visits.append(_outpatient(rows, moved, block, city, rng))
    _touch(city, rows, "outpatient_shift", np.flatnonzero(moved))
    codes = _codes(city, block, chosen, free, severity, hospital, rng, rows)
    mdc = _texts(made["mdc"]).tolist()
    _refuse(city, rows, chosen("refusal", REFUSED) & (severity == MCC), mdc, rng)
    _split(city, rows, chosen("split", SPLIT_SHARE), free, kind, rng)
    pools = _texts(block["pool"])[rows.source]
    known = (status != "quarantined")[rows.source]
    for pool in sorted(set(pools[known].tolist())):
        paid = int(rows.columns["pool_fund"][known & (pools == pool)].sum())
        city.fund[pool] = city.fund.get(pool, 0) + paid
    return _table(city, block, rows, codes), pa.concat_tables(visits)


def _texts(column: pa.ChunkedArray) -> Array:
    """Return texts as an array, empty for none."""
    return np.array([word or "" for word in column.to_pylist()], dtype=np.str_)


def _touch(city: _City, rows: _Rows, name: str, which: Array) -> None:
    found = city.touched.setdefault(KINDS.index(name), [])
    for i in np.asarray(which).tolist():
        found.append(f"{rows.ids[i]},{city.ids[int(rows.hospital[i])]}")


def _scale(columns: dict[str, Array], which: Array, factor: Array) -> None:
    """Multiply the amounts of some rows, each payer alone, and add them up again."""
    parts = [np.rint(columns[name][which] * factor).astype(np.int64) for name in MONEY[1:]]
    for name, part in zip(MONEY[1:], parts, strict=True):
        columns[name][which] = part
    columns["total_cost"][which] = np.sum(parts, axis=0)


def _stay(columns: dict[str, Array], which: Array, days: Array) -> None:
    """Let some stays begin so many days before they end."""
    columns["los_days"][which] = days
    columns["admission_date"][which] = columns["discharge_date"][which] - days


def _honest_amounts(city: _City, rows: _Rows, free: Array, rng: np.random.Generator) -> None:
    which = np.flatnonzero(free)
    h, c = rows.hospital[which], rows.columns
    _scale(c, which, city.honest["cost"][h])
    days = c["los_days"][which]
    longer = days * city.honest["days"][h]
    new = np.floor(longer + rng.random(len(which))).astype(np.int64)
    new = np.where(days > 1, np.maximum(new, 1), days)
    new = np.minimum(new, np.where(days <= 60, 60, days))
    _stay(c, which, new)
    own = c["total_cost"][which] - c["pool_fund"][which]
    shift = np.rint(own * (city.honest["own"][h] - 1)).astype(np.int64)
    shift = np.clip(shift, -c["personal_paid"][which] // 2, c["pool_fund"][which] // 2)
    c["pool_fund"][which] -= shift
    c["personal_paid"][which] += shift


def _edges(
    city: _City,
    rows: _Rows,
    chosen: Any,
    classes: Array,
    mean: Array,
    points: Array,
    rng: np.random.Generator,
) -> Array:
    c = rows.columns
    limit = multiples_of(points, city.policy)
    ratio = c["total_cost"] / np.maximum(mean, 1)
    low = chosen("edge", LIFTED_LOW) & (classes == LOW) & (mean > 0) & (ratio < city.low)
    high = chosen("edge", LIFTED_HIGH) & (mean > 0) & (ratio > 0.75 * limit) & (ratio < limit)
    which = np.flatnonzero(low | high)
    goal = np.where(low, city.low, limit)[which] * (1.003 + 0.06 * rng.random(len(which)))
    _scale(c, which, goal / ratio[which])
    return which


def _cut(rows: _Rows, mask: Array) -> Array:
    which = np.flatnonzero(mask)
    c = rows.columns
    _scale(c, which, np.full(len(which), CUT_COST))
    days = c["los_days"][which]
    new = np.where(days > 1, np.maximum(1, np.rint(days * CUT_DAYS)), days).astype(np.int64)
    _stay(c, which, new)
    return which


def _own(rows: _Rows, mask: Array, rng: np.random.Generator) -> Array:
    which = np.flatnonzero(mask)
    c = rows.columns
    part = OWN_MOVED * (0.6 + 0.8 * rng.random(len(which)))
    moved = np.minimum(c["pool_fund"][which], (c["total_cost"][which] * part).astype(np.int64))
    c["pool_fund"][which] -= moved
    c["personal_paid"][which] += moved
    return which


def _visit_table(
    block: pa.Table, city: _City, source: Array, hospital: Array, day: Array, fen: Array
) -> pa.Table:
    patients = block["patient_id"].cast(pa.string()).take(pa.array(source))
    names = pa.array(city.ids, pa.string()).take(pa.array(hospital))
    columns = [
        patients.combine_chunks(),
        names,
        writer.days(day),
        writer.money(fen),
        writer.money(fen * 15 // 100),
    ]
    return pa.Table.from_arrays(columns, schema=_VISITS)


def _beside(rows: _Rows, which: Array, most: int, before: float, rng: np.random.Generator) -> Array:
    """Return a day less than `most` days before (of so many) or after some stays."""
    c, away = rows.columns, rng.integers(1, most, len(which))
    first = rng.random(len(which)) < before
    day: Array = np.where(
        first, c["admission_date"][which] - away, c["discharge_date"][which] + away
    )
    return day


def _honest_visits(
    city: _City, rows: _Rows, status: Array, block: pa.Table, rng: np.random.Generator
) -> list[pa.Table]:
    # once a patient and hospital, however many stays there are
    own = np.flatnonzero((status != "quarantined") & (rows.hospital >= 0))
    who = parse.flat(block["patient_id"]).cast(pa.string()).dictionary_encode().indices
    key = np.asarray(pc.fill_null(who, -1)).astype(np.int64)[own] * len(city.ids)
    _, first_stay = np.unique(key + rows.hospital[own], return_index=True)
    own = own[np.sort(first_stay)]
    times = rng.poisson(1.5 * city.honest["visits"][rows.hospital[own]])
    who = np.repeat(own, times)
    day = _beside(rows, who, 61, 0.4, rng)
    fen = np.rint(np.exp(rng.normal(5.6, 0.7, len(who))) * 100).astype(np.int64)
    return [_visit_table(block, city, who, rows.hospital[who], day, fen)]


def _outpatient(
    rows: _Rows, mask: Array, block: pa.Table, city: _City, rng: np.random.Generator
) -> pa.Table:
    which = np.flatnonzero(mask)
    c = rows.columns
    before = c["total_cost"][which].copy()
    _scale(c, which, 1 - OUT_MOVED * (0.6 + 0.8 * rng.random(len(which))))
    fen = before - c["total_cost"][which]
    day = _beside(rows, which, 11, 0.6, rng)
    return _visit_table(block, city, which, rows.hospital[which], day, fen)


def _codes(
    city: _City,
    block: pa.Table,
    chosen: Any,
    free: Array,
    severity: Array,
    hospital: Array,
    rng: np.random.Generator,
    rows: _Rows,
) -> list[list[str]]:
    """Return the diagnoses of all rows: codes added or, honestly, left out."""
    lists: list[list[str]] = block["diagnoses"].to_pylist()
    n = len(lists)
    factor = np.where(hospital >= 0, city.honest["severity"][hospital], 1.0)
    u, pick, which_list = rng.random(n), rng.integers(0, 1 << 30, n), rng.random(n)
    plain = free & (severity == "none")
    fewer = free & (severity != "none") & (u < 1 - factor)
    # so many of the plain ones that the share of the severe grows by the factor
    count = len(city.ids)
    home = np.maximum(hospital, 0)
    some = np.bincount(home[free & (severity != "none")], minlength=count)
    none = np.bincount(home[plain], minlength=count)
    major_here = np.bincount(home[free & (severity == MCC)], minlength=count)
    more = plain & (u < (factor - 1) * (some / np.maximum(none, 1))[home])
    part = (major_here / np.maximum(some, 1))[home]
    planted = chosen("upcoding", UPCODED) & plain
    for i in np.flatnonzero(fewer).tolist():
        head, *rest = lists[i]
        lists[i] = [head, *(code for code in rest if code not in city.severe_codes)]
    for i in np.flatnonzero(more | planted).tolist():
        major = which_list[i] < (UPCODED_MCC if planted[i] else part[i])
        menu = city.major if major else city.minor
        # a cheat has three favourites, honest coders take them all
        own = (
            [menu[(int(hospital[i]) * 5 + k) % len(menu)] for k in range(3)] if planted[i] else menu
        )
        code = own[int(pick[i]) % len(own)]
        if code not in lists[i]:
            lists[i] = [*lists[i], code]
    _touch(city, rows, "upcoding", np.flatnonzero(planted))
    return lists


def _new_ids(city: _City, count: int) -> list[str]:
    numbers = np.arange(city.new, city.new + count) + NEW_IDS
    city.new += count
    return [str(word) for word in writer.case_ids(city.year, numbers).to_pylist()]


def _divide(rows: _Rows, which: Array, part: Array) -> dict[str, Array]:
    """Leave `part` of the amounts in the rows; return the rest by column."""
    c = rows.columns
    rest = {}
    for name in MONEY[1:]:
        first = np.floor(c[name][which] * part).astype(np.int64)
        rest[name] = c[name][which] - first
        c[name][which] = first
    rest["total_cost"] = np.sum([rest[name] for name in MONEY[1:]], axis=0)
    c["total_cost"][which] = np.sum([c[name][which] for name in MONEY[1:]], axis=0)
    return rest


def _cut_in_two(
    city: _City, rows: _Rows, which: Array, first_days: Array, gap: Array, part: Array, to: Array
) -> None:
    """Make two stays of each: the first ends early, the second begins `gap` days later."""
    c = rows.columns
    days, admission = c["los_days"][which].copy(), c["admission_date"][which]
    rest = _divide(rows, which, part)
    c["los_days"][which] = first_days
    c["discharge_date"][which] = admission + first_days
    c["settlement_date"][which] = admission + first_days
    start = admission + first_days + gap
    rest["admission_date"] = start
    rest["los_days"] = days - first_days
    rest["discharge_date"] = start + days - first_days
    rest["settlement_date"] = rest["discharge_date"]
    rows.append(which, _new_ids(city, len(which)), to, rest)


def _split(
    city: _City, rows: _Rows, planted: Array, free: Array, kind: Array, rng: np.random.Generator
) -> None:
    """Cut stays in two: planted ones, and some honest returns everywhere."""
    n = len(planted)
    c = {name: column[:n] for name, column in rows.columns.items()}
    room = (c["los_days"] >= 4) & (c["discharge_date"] + 20 <= city.last_day)
    # a first half that ends in the year before would not be the run's
    room &= c["admission_date"] >= city.first_day
    room &= (rows.way[:n] == "1") & ~np.isin(np.arange(n), list(rows.removed))
    honest = free & (rng.random(n) < city.honest["returns"][np.maximum(rows.hospital[:n], 0)])
    honest &= kind != KINDS.index("split")
    wait = rng.integers(0, 15, n)
    wait = np.where(planted, np.minimum(rng.integers(0, 5, n), rng.integers(0, 8, n)), wait)
    which = np.flatnonzero((planted | honest) & room)
    part = 0.35 + 0.3 * rng.random(len(which))
    days = c["los_days"][which]
    first = np.clip(np.rint(days * part), 1, days - 1).astype(np.int64)
    own = rows.hospital[which]
    _touch(city, rows, "split", which[planted[which]])
    _cut_in_two(city, rows, which, first, wait[which], part, own)


def _refuse(
    city: _City, rows: _Rows, mask: Array, mdc: list[str], rng: np.random.Generator
) -> None:
    """Send severe patients elsewhere: whole stays, or after a day."""
    room = rows.columns["discharge_date"][: len(mask)] + 3 <= city.last_day
    room &= rows.columns["admission_date"][: len(mask)] >= city.first_day
    which = np.flatnonzero(mask & room)
    if not len(which):
        return
    order = sorted(set(mdc))
    goal = np.empty(len(which), dtype=np.int64)
    u = rng.random(len(which))
    for k, i in enumerate(which.tolist()):
        own = int(rows.hospital[i])
        number = order.index(mdc[i])
        weights = city.size[min(number, len(city.size) - 1)].astype(np.float64) + 1e-6
        weights = np.where(city.level >= city.level[own], weights, 0.0)
        weights[own] = 0.0
        if not weights.sum():
            weights = np.ones(len(city.ids))
            weights[own] = 0.0
        goal[k] = int(np.searchsorted(np.cumsum(weights) / weights.sum(), u[k]))
    _touch(city, rows, "refusal", which)
    rows.removed |= set(which.tolist())
    moved = (rng.random(len(which)) < REFUSED_WHOLE) | (rows.columns["los_days"][which] < 3)
    rows.hospital[which[moved]] = goal[moved]
    sent = which[~moved]
    rows.way[sent] = "2"
    one = np.ones(len(sent), dtype=np.int64)
    wait = rng.integers(0, 2, len(sent))
    part = np.full(len(sent), 0.08)
    before = rows.way.copy()
    _cut_in_two(city, rows, sent, one, wait, part, goal[~moved])
    rows.way[len(before) :] = "1"


def _table(city: _City, block: pa.Table, rows: _Rows, codes: list[list[str]]) -> pa.Table:
    table = block.take(pa.array(rows.source))
    names = pa.array(city.ids, pa.string())
    hospital = pa.array(rows.hospital, mask=rows.hospital < 0)
    values: dict[str, pa.Array] = {
        "case_id": pa.array(rows.ids, pa.string()),
        "hospital_id": names.take(hospital),
        "discharge_way": pa.array(rows.way.tolist(), pa.string()),
        "los_days": pa.array(rows.columns["los_days"].astype(np.int32)),
        "diagnoses": pa.array(codes, table.schema.field("diagnoses").type).take(
            pa.array(rows.source)
        ),
    }
    for name in MONEY:
        values[name] = writer.money(rows.columns[name])
    for name in DATES:
        values[name] = writer.days(rows.columns[name])
    for name, column in values.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), column)
    return table


def _truth(folder: Path, city: _City, cheats: Cheats) -> list[Planted]:
    target = folder / TRUTH
    target.mkdir(exist_ok=True)
    counts: dict[tuple[str, str], int] = {}
    lines = []
    for number, found in sorted(city.touched.items()):
        for line in found:
            case, hospital = line.split(",")
            name = KINDS[number]
            counts[hospital, name] = counts.get((hospital, name), 0) + 1
            lines.append((case, hospital, name))
    planted = [
        Planted(city.ids[h], KINDS[k], cheats.strength, counts.get((city.ids[h], KINDS[k]), 0))
        for h, k in enumerate(city.kind.tolist())
        if k >= 0
    ]
    writer.write_csv(
        target / "cheats.csv",
        "hospital_id,kind,strength,cases",
        ((p.hospital_id, p.kind, p.strength, p.cases) for p in planted),
    )
    writer.write_csv(target / "cases.csv", "case_id,hospital_id,kind", lines)
    return planted
