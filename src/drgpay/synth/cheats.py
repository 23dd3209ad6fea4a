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


def _texts(column: pa.ChunkedArray) -> Array:
    """Return texts as an array, empty for none."""
    return np.array([word or "" for word in column.to_pylist()], dtype=np.str_)


def _block(
    city: _City, block: pa.Table, made: pa.Table, reviewed: pa.Array, rng: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    """Return a block with its cheats and honest differences, and the visits beside it."""
    rows = _Rows(city, block, made, reviewed, rng)
    rows.honest_amounts()
    rows.edges(made)
    rows.cut()
    rows.shift_to_patients()
    visits = [rows.honest_visits(), rows.shift_to_outpatients()]
    codes = rows.coded()
    rows.refuse(_texts(made["mdc"]).tolist())
    rows.split()
    pools = _texts(block["pool"])[rows.source]
    known = (rows.status != "quarantined")[rows.source]
    for pool in sorted(set(pools[known].tolist())):
        paid = int(rows.columns["pool_fund"][known & (pools == pool)].sum())
        city.fund[pool] = city.fund.get(pool, 0) + paid
    return rows.table(codes), pa.concat_tables(visits)


class _Rows:
    """A block being changed: arrays by column, and which row of the block each row came from.

    `free`: the cases that a cheat may touch; `status`, `classes` and `severity` as the honest run
    has them.
    """

    def __init__(
        self,
        city: _City,
        block: pa.Table,
        made: pa.Table,
        reviewed: pa.Array,
        rng: np.random.Generator,
    ) -> None:
        self.city, self.block, self.rng = city, block, rng
        place = {one: i for i, one in enumerate(city.ids)}
        hospital = np.array([place.get(w, -1) for w in block["hospital_id"].to_pylist()])
        self.home, self.hospital = hospital, hospital.copy()
        self.columns: dict[str, Array] = {name: parse.money(block[name])[0] for name in MONEY}
        for name in DATES:
            days = parse.flat(block[name]).cast(pa.int32())
            self.columns[name] = np.asarray(days).astype(np.int64)
        self.columns["los_days"] = np.asarray(parse.flat(block["los_days"])).astype(np.int64)
        self.source = np.arange(len(block))
        self.ids = [str(word) for word in block["case_id"].to_pylist()]
        self.way = np.array([str(w) for w in block["discharge_way"].to_pylist()], dtype="<U1")
        self.removed: set[int] = set()
        self.status, self.classes, self.severity = (
            _texts(made[n]) for n in ("status", "case_class", "severity")
        )
        free = (self.status == "grouped") & (self.classes != "bed_day") & (hospital >= 0)
        free &= ~np.asarray(pc.is_in(block["case_id"].cast(pa.string()), value_set=reviewed))
        free &= np.asarray(pc.is_null(block["referral_group"]))
        self.free = free & (_texts(block["payment_mode"]) == "drg")
        self.kind = np.where(hospital >= 0, city.kind[hospital], -1)

    def chosen(self, name: str, share: float) -> Array:
        """Return which cases of the hospitals that cheat so are drawn."""
        mine = self.free & (self.kind == KINDS.index(name))
        found: Array = mine & (self.rng.random(len(mine)) < share * self.city.strength)
        return found

    def touch(self, name: str, which: Array) -> None:
        """Note the truth: which cases a cheat touched."""
        found = self.city.touched.setdefault(KINDS.index(name), [])
        for i in np.asarray(which).tolist():
            found.append(f"{self.ids[i]},{self.city.ids[int(self.hospital[i])]}")

    def scale(self, which: Array, factor: Array) -> None:
        """Multiply the amounts of some rows, each payer alone, and add them up again."""
        c = self.columns
        parts = [np.rint(c[name][which] * factor).astype(np.int64) for name in MONEY[1:]]
        for name, part in zip(MONEY[1:], parts, strict=True):
            c[name][which] = part
        c["total_cost"][which] = np.sum(parts, axis=0)

    def stay(self, which: Array, days: Array) -> None:
        """Let some stays begin so many days before they end."""
        self.columns["los_days"][which] = days
        self.columns["admission_date"][which] = self.columns["discharge_date"][which] - days

    def shift(self, which: Array, fen: Array) -> None:
        """Let the patient pay what the pool paid."""
        self.columns["pool_fund"][which] -= fen
        self.columns["personal_paid"][which] += fen

    def honest_amounts(self) -> None:
        """Let hospitals differ in cost, days and what patients pay."""
        which = np.flatnonzero(self.free)
        h, c, honest = self.hospital[which], self.columns, self.city.honest
        self.scale(which, honest["cost"][h])
        days = c["los_days"][which]
        longer = days * honest["days"][h]
        new = np.floor(longer + self.rng.random(len(which))).astype(np.int64)
        new = np.where(days > 1, np.maximum(new, 1), days)
        self.stay(which, np.minimum(new, np.where(days <= 60, 60, days)))
        own = c["total_cost"][which] - c["pool_fund"][which]
        shift = np.rint(own * (honest["own"][h] - 1)).astype(np.int64)
        low, high = -c["personal_paid"][which] // 2, c["pool_fund"][which] // 2
        self.shift(which, np.clip(shift, low, high))

    def edges(self, made: pa.Table) -> None:
        """Fill the cost of some cases up to just beyond a limit."""
        city = self.city
        mean = np.asarray(pc.fill_null(made["group_mean_fen"], 0)).astype(np.float64)
        points = np.asarray(pc.fill_null(made["base_points"], 0).cast(pa.float64()))
        limit = multiples_of(points, city.policy)
        ratio = self.columns["total_cost"] / np.maximum(mean, 1)
        low = self.chosen("edge", LIFTED_LOW) & (self.classes == LOW)
        low &= (mean > 0) & (ratio < city.low)
        high = self.chosen("edge", LIFTED_HIGH) & (mean > 0)
        high &= (ratio > 0.75 * limit) & (ratio < limit)
        which = np.flatnonzero(low | high)
        beyond = 1.003 + 0.06 * self.rng.random(len(which))
        goal = np.where(low, city.low, limit)[which] * beyond
        self.scale(which, goal / ratio[which])
        self.touch("edge", which)

    def cut(self) -> None:
        """Cut service short: cost and days."""
        which = np.flatnonzero(self.chosen("low_service", CUT_SHARE))
        self.scale(which, np.full(len(which), CUT_COST))
        days = self.columns["los_days"][which]
        new = np.where(days > 1, np.maximum(1, np.rint(days * CUT_DAYS)), days).astype(np.int64)
        self.stay(which, new)
        self.touch("low_service", which)

    def shift_to_patients(self) -> None:
        """Let patients pay a part of what the pool paid."""
        which = np.flatnonzero(self.chosen("patient_shift", OWN_SHARE))
        c = self.columns
        part = OWN_MOVED * (0.6 + 0.8 * self.rng.random(len(which)))
        moved = (c["total_cost"][which] * part).astype(np.int64)
        self.shift(which, np.minimum(c["pool_fund"][which], moved))
        self.touch("patient_shift", which)

    def visits(self, source: Array, day: Array, fen: Array) -> pa.Table:
        """Return outpatient visits of the patients of some rows at the hospitals of these."""
        patients = self.block["patient_id"].cast(pa.string()).take(pa.array(source))
        names = pa.array(self.city.ids, pa.string()).take(pa.array(self.hospital[source]))
        amounts = (writer.money(fen), writer.money(fen * 15 // 100))
        columns = [patients.combine_chunks(), names, writer.days(day), *amounts]
        return pa.Table.from_arrays(columns, schema=_VISITS)

    def beside(self, which: Array, most: int, before: float) -> Array:
        """Return a day less than `most` days before (of so many) or after some stays."""
        c, away = self.columns, self.rng.integers(1, most, len(which))
        first = self.rng.random(len(which)) < before
        day: Array = np.where(
            first, c["admission_date"][which] - away, c["discharge_date"][which] + away
        )
        return day

    def honest_visits(self) -> pa.Table:
        """Return visits as everywhere, once a patient and hospital, however many stays there are."""
        own = np.flatnonzero((self.status != "quarantined") & (self.hospital >= 0))
        who = parse.flat(self.block["patient_id"]).cast(pa.string()).dictionary_encode().indices
        key = np.asarray(pc.fill_null(who, -1)).astype(np.int64)[own] * len(self.city.ids)
        _, first_stay = np.unique(key + self.hospital[own], return_index=True)
        own = own[np.sort(first_stay)]
        times = self.rng.poisson(1.5 * self.city.honest["visits"][self.hospital[own]])
        who = np.repeat(own, times)
        day = self.beside(who, 61, 0.4)
        fen = np.rint(np.exp(self.rng.normal(5.6, 0.7, len(who))) * 100).astype(np.int64)
        return self.visits(who, day, fen)

    def shift_to_outpatients(self) -> pa.Table:
        """Move a part of some stays' cost to visits beside them; return these."""
        which = np.flatnonzero(self.chosen("outpatient_shift", OUT_SHARE))
        before = self.columns["total_cost"][which].copy()
        self.scale(which, 1 - OUT_MOVED * (0.6 + 0.8 * self.rng.random(len(which))))
        fen = before - self.columns["total_cost"][which]
        made = self.visits(which, self.beside(which, 11, 0.6), fen)
        self.touch("outpatient_shift", which)
        return made

    def coded(self) -> list[list[str]]:
        """Return the diagnoses of all rows: codes added or, honestly, left out."""
        city, rng, hospital, free = self.city, self.rng, self.home, self.free
        lists: list[list[str]] = self.block["diagnoses"].to_pylist()
        n, count = len(lists), len(city.ids)
        factor = np.where(hospital >= 0, city.honest["severity"][hospital], 1.0)
        u, pick, which_list = rng.random(n), rng.integers(0, 1 << 30, n), rng.random(n)
        plain = free & (self.severity == "none")
        severe = free & (self.severity != "none")
        fewer = severe & (u < 1 - factor)
        # so many of the plain ones that the share of the severe grows by the factor
        home = np.maximum(hospital, 0)
        some = np.bincount(home[severe], minlength=count)
        none = np.bincount(home[plain], minlength=count)
        major_here = np.bincount(home[free & (self.severity == MCC)], minlength=count)
        more = plain & (u < (factor - 1) * (some / np.maximum(none, 1))[home])
        part = (major_here / np.maximum(some, 1))[home]
        planted = self.chosen("upcoding", UPCODED) & plain
        for i in np.flatnonzero(fewer).tolist():
            head, *rest = lists[i]
            lists[i] = [head, *(code for code in rest if code not in city.severe_codes)]
        for i in np.flatnonzero(more | planted).tolist():
            major = which_list[i] < (UPCODED_MCC if planted[i] else part[i])
            own = city.major if major else city.minor
            if planted[i]:  # a cheat has three favourites, honest coders take them all
                own = [own[(int(hospital[i]) * 5 + k) % len(own)] for k in range(3)]
            code = own[int(pick[i]) % len(own)]
            if code not in lists[i]:
                lists[i] = [*lists[i], code]
        self.touch("upcoding", np.flatnonzero(planted))
        return lists

    def cut_in_two(
        self, which: Array, first_days: Array, gap: Array, part: Array, to: Array
    ) -> None:
        """Make two stays of each: the first ends early, the second begins `gap` days later."""
        c, city = self.columns, self.city
        days, admission = c["los_days"][which].copy(), c["admission_date"][which]
        rest = {}
        for name in MONEY[1:]:
            first = np.floor(c[name][which] * part).astype(np.int64)
            rest[name] = c[name][which] - first
            c[name][which] = first
        rest["total_cost"] = np.sum([rest[name] for name in MONEY[1:]], axis=0)
        c["total_cost"][which] = np.sum([c[name][which] for name in MONEY[1:]], axis=0)
        c["los_days"][which] = first_days
        c["discharge_date"][which] = c["settlement_date"][which] = admission + first_days
        start = admission + first_days + gap
        rest["admission_date"], rest["los_days"] = start, days - first_days
        rest["discharge_date"] = rest["settlement_date"] = start + days - first_days
        numbers = np.arange(city.new, city.new + len(which)) + NEW_IDS
        city.new += len(which)
        self.ids += [str(word) for word in writer.case_ids(city.year, numbers).to_pylist()]
        self.source = np.concatenate([self.source, which])
        self.hospital = np.concatenate([self.hospital, to])
        for name, column in self.columns.items():
            self.columns[name] = np.concatenate([column, rest.get(name, column[which])])
        self.way = np.concatenate([self.way, self.way[which]])

    def split(self) -> None:
        """Cut stays in two: planted ones, and some honest returns everywhere."""
        planted = self.chosen("split", SPLIT_SHARE)
        n, rng, city = len(planted), self.rng, self.city
        c = {name: column[:n] for name, column in self.columns.items()}
        room = (c["los_days"] >= 4) & (c["discharge_date"] + 20 <= city.last_day)
        # a first half that ends in the year before would not be the run's
        room &= c["admission_date"] >= city.first_day
        room &= (self.way[:n] == "1") & ~np.isin(np.arange(n), list(self.removed))
        returns = city.honest["returns"][np.maximum(self.hospital[:n], 0)]
        honest = self.free & (rng.random(n) < returns)
        honest &= self.kind != KINDS.index("split")
        wait = rng.integers(0, 15, n)
        wait = np.where(planted, np.minimum(rng.integers(0, 5, n), rng.integers(0, 8, n)), wait)
        which = np.flatnonzero((planted | honest) & room)
        part = 0.35 + 0.3 * rng.random(len(which))
        days = c["los_days"][which]
        first = np.clip(np.rint(days * part), 1, days - 1).astype(np.int64)
        self.touch("split", which[planted[which]])
        self.cut_in_two(which, first, wait[which], part, self.hospital[which])

    def refuse(self, mdc: list[str]) -> None:
        """Send severe patients elsewhere: whole stays, or after a day."""
        city, rng = self.city, self.rng
        mask = self.chosen("refusal", REFUSED) & (self.severity == MCC)
        room = self.columns["discharge_date"][: len(mask)] + 3 <= city.last_day
        room &= self.columns["admission_date"][: len(mask)] >= city.first_day
        which = np.flatnonzero(mask & room)
        if not len(which):
            return
        order = sorted(set(mdc))
        goal = np.empty(len(which), dtype=np.int64)
        u = rng.random(len(which))
        for k, i in enumerate(which.tolist()):
            own = int(self.hospital[i])
            number = order.index(mdc[i])
            weights = city.size[min(number, len(city.size) - 1)].astype(np.float64) + 1e-6
            weights = np.where(city.level >= city.level[own], weights, 0.0)
            weights[own] = 0.0
            if not weights.sum():
                weights = np.ones(len(city.ids))
                weights[own] = 0.0
            goal[k] = int(np.searchsorted(np.cumsum(weights) / weights.sum(), u[k]))
        self.touch("refusal", which)
        self.removed |= set(which.tolist())
        moved = (rng.random(len(which)) < REFUSED_WHOLE) | (self.columns["los_days"][which] < 3)
        self.hospital[which[moved]] = goal[moved]
        sent = which[~moved]
        self.way[sent] = "2"
        one = np.ones(len(sent), dtype=np.int64)
        wait, part = rng.integers(0, 2, len(sent)), np.full(len(sent), 0.08)
        before = len(self.way)
        self.cut_in_two(sent, one, wait, part, goal[~moved])
        self.way[before:] = "1"

    def table(self, codes: list[list[str]]) -> pa.Table:
        """Return the changed block."""
        source = pa.array(self.source)
        table = self.block.take(source)
        names = pa.array(self.city.ids, pa.string())
        hospital = pa.array(self.hospital, mask=self.hospital < 0)
        kind = table.schema.field("diagnoses").type
        values: dict[str, pa.Array] = {
            "case_id": pa.array(self.ids, pa.string()),
            "hospital_id": names.take(hospital),
            "discharge_way": pa.array(self.way.tolist(), pa.string()),
            "los_days": pa.array(self.columns["los_days"].astype(np.int32)),
            "diagnoses": pa.array(codes, kind).take(source),
            **{name: writer.money(self.columns[name]) for name in MONEY},
            **{name: writer.days(self.columns[name]) for name in DATES},
        }
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
