"""What changing the scheme would do: the same cases grouped by two schemes.

Weights are measured on these very cases, under each scheme by itself: mean cost of a group over
the mean of all, trimmed as the policy says. Points are a hospital's cases times base points; cases
without stable base points count by their cost. No coefficient, no high or low multiple, no review
and no readmission takes part, so that what differs is due to the schemes alone. Points under the
second scheme are scaled to the sum of the first one, since only shares of points are worth money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.encode import Faults
from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.pieces import Piece
from drgpay.cases.quarantine import Quarantine
from drgpay.cases.sources import open_source
from drgpay.ground.arrow import dictionary_column
from drgpay.ground.errors import Bilingual, BooksError, InputError, both
from drgpay.ground.money import POINT, largest_remainder, round_half_away
from drgpay.ground.threads import default_threads, in_order
from drgpay.grouper.outcome import GROUPED, QUARANTINED, UNGROUPABLE, Counts
from drgpay.grouper.pieces import group_piece
from drgpay.grouper.versions import AnyGrouper, VersionedGrouper, any_grouper
from drgpay.names.columns import BY_NAME, GROUPING_COLUMNS, GROUPING_MORE
from drgpay.names.readings import Readings, readings_text
from drgpay.points.base import BasePoints, history_base_points
from drgpay.points.history import History
from drgpay.policy import YearPolicy, load_policy
from drgpay.runs.writer import write_table

DEFAULT_POLICY = "hangzhou"
NEEDED = ("hospital_id", "total_cost")
WANTED = (*GROUPING_COLUMNS, *GROUPING_MORE, "discharge_date", *NEEDED)
FIRST_YEAR, LAST_YEAR = 1990, 2199
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One of the two schemes with what these cases make of it; index is the number of the DRG."""

    id: str
    title: Bilingual
    draft: bool
    drgs: tuple[str, ...]
    names: tuple[str, ...]
    mdc_of: tuple[str, ...]
    mdc_names: Mapping[str, str]
    adrg_of: tuple[str, ...]
    adrg_names: Mapping[str, str]
    counts: Counts
    base: BasePoints
    cases: Ints
    cost: Ints
    readings: Mapping[str, str]

    def weight(self, number: int) -> Fraction | None:
        """Return a group's mean cost over the mean of all; None when it has no mean."""
        group = self.base.groups.get(self.drgs[number])
        return None if group is None else Fraction(group.mean_fen, self.base.all_mean_fen)


@dataclass(frozen=True, slots=True)
class HospitalImpact:
    """A hospital under both schemes; points in 1/10,000, `scaled` on the first scheme's sum."""

    id: str
    cases: int
    cost_fen: int
    cmi: tuple[float | None, float | None]
    points: tuple[int, int]
    scaled: int

    @property
    def change(self) -> int:
        """Points won or lost."""
        return self.scaled - self.points[0]

    @property
    def change_share(self) -> float:
        """Points won or lost, as a share of those under the first scheme."""
        return self.change / self.points[0] if self.points[0] else 0.0


@dataclass(frozen=True)
class Impact:
    """What `measure` found. `moves`: (number in a, number in b) → (cases, cost in fen)."""

    a: Side
    b: Side
    policy: YearPolicy
    year: int
    rows: int
    counted: int
    quarantine: Quarantine
    moves: Mapping[tuple[int, int], tuple[int, int]]
    hospitals: Sequence[HospitalImpact]
    unknown: Sequence[str] = field(default=())

    def flows(self, level: str) -> dict[tuple[str, str], int]:
        """Return cases from group to group at a level: drg, adrg or mdc."""
        keys = [
            side.drgs if level == "drg" else side.adrg_of if level == "adrg" else side.mdc_of
            for side in (self.a, self.b)
        ]
        found: dict[tuple[str, str], int] = {}
        for (x, y), (cases, _) in self.moves.items():
            pair = (keys[0][x], keys[1][y])
            found[pair] = found.get(pair, 0) + cases
        return found

    def staying(self, level: str) -> int:
        """Return how many cases keep their group's code at a level."""
        return sum(n for (x, y), n in self.flows(level).items() if x == y)


@dataclass
class _Sums:
    """Cases and cost of hospital and group, growing with the hospitals met."""

    groups: int
    cases: Ints = field(init=False)
    cost: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.cases = np.zeros((0, self.groups), dtype=np.int64)
        self.cost = np.zeros((0, self.groups), dtype=np.int64)

    def add(self, hospital: Ints, group: Ints, cost: Ints, hospitals: int) -> None:
        if hospitals > len(self.cases):
            more = max(hospitals, 2 * len(self.cases)) - len(self.cases)
            empty = np.zeros((more, self.groups), dtype=np.int64)
            self.cases = np.concatenate([self.cases, empty])
            self.cost = np.concatenate([self.cost, empty])
        np.add.at(self.cases, (hospital, group), 1)
        np.add.at(self.cost, (hospital, group), cost)


@dataclass(frozen=True)
class _Part:
    """What one piece gives: of its good cases group numbers, costs, hospitals; counts of all."""

    rows: int
    group: tuple[Ints, Ints]
    grouped: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    cost: Ints
    hospital: Ints
    hospitals: list[str]
    counts: tuple[Counts, Counts]
    years: Ints
    notes: Quarantine


def measure(
    a: AnyGrouper | str | Path,
    b: AnyGrouper | str | Path,
    cases: Any,
    *,
    policy: str | Path = DEFAULT_POLICY,
    year: int | None = None,
    threads: int | None = None,
    reading: ReadOptions = AS_FOUND,
    readings: tuple[Readings, Readings] = ((), ()),
    progress: Callable[[int | None], Callable[[int], None]] | None = None,
) -> Impact:
    """Group cases by two schemes and return how they move and what it does to the hospitals.

    `readings` are those asked for of each scheme. `year` chooses the policy's values; without it, the year of most discharges does. Of a case
    only a few integers are held. Cases quarantined by one scheme count under neither.

    Raises InputError for columns that lack, PolicyError, SchemeError, and BooksError when counts
    do not add up.
    """
    groupers = (any_grouper(a, readings[0]), any_grouper(b, readings[1]))
    loaded = load_policy(policy)
    numbers = (groupers[0].numbers, groupers[1].numbers)
    sizes = (len(numbers[0].drgs), len(numbers[1].drgs))
    source = open_source(cases, WANTED, options=reading)
    step = progress(source.rows) if progress is not None else None

    choices = tuple(grouper.edition_choice() for grouper in groupers)

    def task(piece: Piece) -> Callable[[], _Part]:
        files = tuple(choice.of(piece.file) for choice in choices)

        def work() -> _Part:
            loaded, first = files[0].settle(piece)
            _, second = files[1].settle(loaded)
            return _part(loaded, groupers, (first, second))

        return work

    hospitals: dict[str, int] = {}
    sums = (_Sums(sizes[0]), _Sums(sizes[1]))
    costs = (History(), History())
    moved = np.zeros((2, sizes[0] * sizes[1]), dtype=np.int64)
    counts = [Counts(), Counts()]
    quarantine = Quarantine()
    years = np.zeros(LAST_YEAR + 1, dtype=np.int64)
    rows = counted = 0
    for part in in_order((task(p) for p in source.pieces), threads or default_threads()):
        own = np.array(
            [hospitals.setdefault(name, len(hospitals)) for name in part.hospitals] or [0],
            dtype=np.int64,
        )
        hospital = own[part.hospital]
        key = part.group[0] * sizes[1] + part.group[1]
        np.add.at(moved[0], key, 1)
        np.add.at(moved[1], key, part.cost)
        for i in range(2):
            sums[i].add(hospital, part.group[i], part.cost, len(hospitals))
            use = part.grouped[i] & (part.cost > 0)
            costs[i].add(np.where(use, part.group[i], -1), part.cost)
            counts[i] += part.counts[i]
        quarantine.take(part.notes)
        years += part.years
        rows += part.rows
        counted += len(part.cost)
        if step is not None:
            step(part.rows)
    for file, row, text in source.broken:
        quarantine.add(file, row, None, "", text, "row_broken")
        rows += 1
    if int(moved[0].sum()) != counted or counted + len(quarantine) != rows:
        raise BooksError(
            both(
                f"读入 {rows} 例，测算 {counted} 例，隔离 {len(quarantine)} 例，数目不符",
                f"{rows} cases came in, {counted} are measured, {len(quarantine)} quarantined",
            )
        )
    chosen = year if year is not None else _year(years, rows)
    in_force = loaded.for_year(chosen)
    sides = tuple(
        _side(groupers[i], counts[i], costs[i], sums[i], in_force, chosen) for i in range(2)
    )
    moves = {
        (int(k) // sizes[1], int(k) % sizes[1]): (int(moved[0, k]), int(moved[1, k]))
        for k in np.flatnonzero(moved[0])
    }
    return Impact(
        sides[0],
        sides[1],
        in_force,
        chosen,
        rows,
        counted,
        quarantine,
        moves,
        _hospitals(list(hospitals), (sides[0], sides[1]), sums, in_force),
        source.unknown,
    )


def _year(years: Ints, rows: int) -> int:
    if not years.any():
        raise InputError(
            both(f"{rows} 例都没有出院日期，不知道是哪一年的病例", "no case has a discharge date"),
            remedy=both("用 --year 写明年度", "name the year with --year"),
        )
    return int(np.argmax(years))


def _part(
    piece: Piece, groupers: tuple[AnyGrouper, AnyGrouper], editions: tuple[str, str]
) -> _Part:
    table = piece.load()
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        lacking = "、".join(f"{BY_NAME[name].chinese}（{name}）" for name in missing)
        raise InputError(
            both(f"缺少列：{lacking}", f"missing column: {', '.join(missing)}"),
            where=piece.file,
            remedy=both("测算需要医疗机构和总费用", "hospital and total cost are needed"),
        )
    once = Piece(piece.file, piece.first_row, lambda: table, piece.numbers)
    found: dict[str, Any] = {}

    def check(faults: Faults) -> None:
        cost, bad = parse.money(table["total_cost"])
        lacking = bad | (cost == parse.MISSING_MONEY)
        faults.add(lacking, "total_cost", "money_invalid")
        faults.add(~lacking & (cost < 0), "total_cost", "money_negative")
        found["cost"] = cost

    parts = [
        group_piece(once, grouper, check, edition)
        for grouper, edition in zip(groupers, editions, strict=True)
    ]
    g = [part.grouped for part in parts]
    good = (g[0].status < QUARANTINED) & (g[1].status < QUARANTINED)
    notes = parts[0].faults.close()
    seen = {row[1] for row in notes.rows}
    notes.rows.extend(row for row in parts[1].faults.close().rows if row[1] not in seen)
    notes.rows.sort(key=lambda row: row[1])
    hospital, names = _hospital_numbers(table["hospital_id"])
    cost = np.where(good, found["cost"], 0)
    group = [groupers[i].numbers.drg_of[g[i].group][good].astype(np.int64) for i in range(2)]
    status = [g[i].status[good] for i in range(2)]
    ends = [np.bincount(s, minlength=3).tolist() for s in status]
    bad = len(good) - int(good.sum())
    return _Part(
        len(good),
        (group[0], group[1]),
        (status[0] == GROUPED, status[1] == GROUPED),
        cost[good].astype(np.int64),
        hospital[good],
        names,
        (Counts(*(*ends[0], bad)), Counts(*(*ends[1], bad))),
        _years(table),
        notes,
    )


def _years(table: pa.Table) -> Ints:
    found = np.zeros(LAST_YEAR + 1, dtype=np.int64)
    if "discharge_date" in table.column_names:
        days, bad = parse.dates(table["discharge_date"])
        days = days[~bad & (days != parse.MISSING_DATE)]
        year = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        year = year[(year >= FIRST_YEAR) & (year <= LAST_YEAR)]
        np.add.at(found, year, 1)
    return found


def _hospital_numbers(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    texts = pc.fill_null(pc.utf8_trim_whitespace(parse.flat(column).cast(pa.string())), "")
    words = texts.dictionary_encode()
    return np.asarray(words.indices).astype(np.int64), words.dictionary.to_pylist()


def _side(
    grouper: AnyGrouper,
    counts: Counts,
    costs: History,
    sums: _Sums,
    policy: YearPolicy,
    year: int,
) -> Side:
    numbers = grouper.numbers
    outcome_of = {o.drg: o for o in reversed(grouper.outcomes)}
    outcomes = [outcome_of[drg] for drg in numbers.drgs]
    schemes = (
        [g.scheme for g in grouper.groupers]
        if isinstance(grouper, VersionedGrouper)
        else [grouper.scheme]
    )
    return Side(
        grouper.family.name if isinstance(grouper, VersionedGrouper) else grouper.scheme.id,
        both(
            grouper.scheme.title,
            str(grouper.scheme.manifest.get("title_en", grouper.scheme.title)),
        ),
        any(scheme.draft for scheme in schemes),
        numbers.drgs,
        numbers.names,
        tuple(o.mdc or UNGROUPABLE for o in outcomes),
        {mdc.mdc: mdc.name for scheme in schemes for mdc in scheme.mdcs},
        tuple(o.adrg or o.drg for o in outcomes),
        {
            **{o.drg: o.name for o in outcomes if not o.adrg},
            **{row.adrg: row.name for scheme in schemes for row in reversed(scheme.adrgs)},
        },
        counts,
        replace(
            history_base_points(
                costs, numbers.drgs, {drg: drg[:3] for drg in numbers.drgs}, policy, (0,)
            ),
            history_years=(year,),
        ),
        sums.cases.sum(axis=0),
        sums.cost.sum(axis=0),
        dict(grouper.readings),
    )


def _hospitals(
    names: Sequence[str],
    sides: tuple[Side, Side],
    sums: tuple[_Sums, _Sums],
    policy: YearPolicy,
) -> list[HospitalImpact]:
    found: list[tuple[tuple[float | None, int], tuple[float | None, int]]] = []
    for h in range(len(names)):
        of_a, of_b = (
            _hospital(sides[i], sums[i].cases[h], sums[i].cost[h], policy) for i in range(2)
        )
        found.append((of_a, of_b))
    totals = [sum(pair[i][1] for pair in found) for i in range(2)]
    scaled: dict[int, int] = dict.fromkeys(range(len(names)), 0)
    if totals[1]:
        factor = Fraction(totals[0], totals[1])
        scaled = largest_remainder(
            {h: pair[1][1] * factor for h, pair in enumerate(found)}, totals[0]
        )
    return sorted(
        (
            HospitalImpact(
                name,
                int(sums[0].cases[h].sum()),
                int(sums[0].cost[h].sum()),
                (found[h][0][0], found[h][1][0]),
                (found[h][0][1], found[h][1][1]),
                scaled[h],
            )
            for h, name in enumerate(names)
            if sums[0].cases[h].any()
        ),
        key=lambda hospital: hospital.id,
    )


def _hospital(side: Side, cases: Ints, cost: Ints, policy: YearPolicy) -> tuple[float | None, int]:
    """Return CMI and points of a hospital under one scheme."""
    points, weighted, of_cases = 0, Fraction(0), 0
    per_fen = Fraction(policy["point_scale"]) * POINT / side.base.all_mean_fen
    for number in np.flatnonzero(cases).tolist():
        n = int(cases[number])
        group = side.base.groups.get(side.drgs[number])
        if group is not None:
            weighted += n * Fraction(group.mean_fen, side.base.all_mean_fen)
            of_cases += n
        if group is not None and group.stable:
            points += n * group.base_points
        else:
            points += round_half_away(int(cost[number]) * per_fen)
    return (float(weighted / of_cases) if of_cases else None), points


# --- tables ----------------------------------------------------------------------------------


def move_table(impact: Impact) -> pa.Table:
    """Return cases and cost from DRG to DRG, most cases first."""
    order = sorted(impact.moves.items(), key=lambda item: (-item[1][0], item[0]))
    a, b = impact.a, impact.b
    x = np.array([key[0] for key, _ in order], dtype=np.int64)
    y = np.array([key[1] for key, _ in order], dtype=np.int64)
    return pa.table(
        {
            "drg_a": dictionary_column(a.drgs, x),
            "name_a": dictionary_column(a.names, x),
            "drg_b": dictionary_column(b.drgs, y),
            "name_b": dictionary_column(b.names, y),
            "cases": pa.array([n for _, (n, _) in order], pa.int64()),
            "total_cost_fen": pa.array([c for _, (_, c) in order], pa.int64()),
        }
    )


def hospital_table(impact: Impact) -> pa.Table:
    """Return the hospitals; points are integers of 1/10,000 point."""
    whole, real = pa.int64(), pa.float64()
    return _columns(
        impact.hospitals,
        hospital_id=(pa.string(), lambda h: h.id),
        cases=(whole, lambda h: h.cases),
        total_cost_fen=(whole, lambda h: h.cost_fen),
        cmi_a=(real, lambda h: h.cmi[0]),
        cmi_b=(real, lambda h: h.cmi[1]),
        points_a_10000=(whole, lambda h: h.points[0]),
        points_b_10000=(whole, lambda h: h.points[1]),
        points_b_scaled_10000=(whole, lambda h: h.scaled),
        change_10000=(whole, lambda h: h.change),
        change_share=(real, lambda h: h.change_share),
    )


def group_table(impact: Impact) -> pa.Table:
    """Return the groups of both schemes that have a case, with their weights."""
    rows = [
        (side, i, side.base.groups.get(side.drgs[i]))
        for side in (impact.a, impact.b)
        for i in np.flatnonzero(side.cases).tolist()
    ]
    text, whole = pa.string(), pa.int64()
    return _columns(
        rows,
        scheme=(text, lambda r: r[0].id),
        drg=(text, lambda r: r[0].drgs[r[1]]),
        name=(text, lambda r: r[0].names[r[1]]),
        cases=(whole, lambda r: int(r[0].cases[r[1]])),
        total_cost_fen=(whole, lambda r: int(r[0].cost[r[1]])),
        mean_fen=(whole, lambda r: r[2] and r[2].mean_fen),
        weight=(pa.float64(), lambda r: r[2] and float(r[0].weight(r[1]))),
        stable=(pa.bool_(), lambda r: r[2] is not None and r[2].stable),
        cases_after_trimming=(whole, lambda r: r[2] and r[2].n_after),
    )


def _columns(
    rows: Sequence[Any], **columns: tuple[pa.DataType, Callable[[Any], object]]
) -> pa.Table:
    return pa.table(
        {name: pa.array([of(row) for row in rows], kind) for name, (kind, of) in columns.items()}
    )


def mdc_rows(
    impact: Impact,
) -> Iterator[tuple[str, str, int, int, int, float | None, float | None]]:
    """Yield MDC, name, cases under each scheme, cases that stay, and CMI under each."""
    flows = impact.flows("mdc")
    order = dict.fromkeys((*impact.a.mdc_names, *impact.b.mdc_names, UNGROUPABLE))
    for mdc in order:
        before = sum(n for (x, _), n in flows.items() if x == mdc)
        after = sum(n for (_, y), n in flows.items() if y == mdc)
        if before or after:
            name = impact.b.mdc_names.get(mdc) or impact.a.mdc_names.get(mdc, "")
            stay = flows.get((mdc, mdc), 0)
            yield mdc, name, before, after, stay, _cmi(impact.a, mdc), _cmi(impact.b, mdc)


def _cmi(side: Side, mdc: str) -> float | None:
    total, cases = Fraction(0), 0
    for i in np.flatnonzero(side.cases).tolist():
        weight = side.weight(i)
        if side.mdc_of[i] == mdc and weight is not None:
            total += weight * int(side.cases[i])
            cases += int(side.cases[i])
    return float(total / cases) if cases else None


def write_tables(impact: Impact, folder: Path, lang: str = "zh") -> None:
    """Write moves, hospitals, groups and quarantine as Parquet and CSV."""
    for name, table in {
        "moves": move_table(impact),
        "hospitals": hospital_table(impact),
        "groups": group_table(impact),
        "quarantine": impact.quarantine.table(lang),
    }.items():
        write_table(folder, name, table, declared=False)


def notes(impact: Impact) -> list[Bilingual]:
    """Return what the figures rest on."""
    policy, sides = impact.policy, (impact.a, impact.b)
    return [
        both(
            f"权重取自这批病例本身：病组次均费用÷全部病例次均费用，裁剪与稳定组按政策 {policy.id} "
            f"{impact.year}年的参数",
            "weights are those of these cases: group mean over the mean of all, trimmed and judged "
            f"stable by the policy {policy.id} of {impact.year}",
        ),
        both(
            "点数=病例数×基准点数，不含机构系数、高低倍率、特病单议和再住院规则；"
            "非稳定病组、歧义组、未入组按费用计点",
            "points are cases times base points, without coefficients, high and low multiples, "
            "reviews and readmissions; unstable, ambiguous and ungrouped cases count by cost",
        ),
        both(
            "后一方案的点数按前一方案的点数总和折算，增减只反映机构之间的份额变化",
            "points under the second scheme are scaled to the first one's sum: changes are shares",
        ),
        both(
            "方案未定的读法："
            + "；".join(f"{s.id} {readings_text(s.readings, 'zh')}" for s in sides),
            "readings that are open: "
            + "; ".join(f"{s.id} {readings_text(s.readings)}" for s in sides),
        ),
    ]
