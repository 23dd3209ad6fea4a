"""The year's cases as arrays: what the region's files say beside what the run made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.sources import open_source
from drgpay.ground.errors import BooksError, InputError, both
from drgpay.policy import YearPolicy, load_policy
from drgpay.region.records import Region
from drgpay.region.region import read_region
from drgpay.runs.reader import RunFolder
from drgpay.runs.year_tables import case_tables, coefficients_table
from drgpay.settlement.prepare import Progress, ids_of
from drgpay.settlement.year_end import year_end

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RUN_COLUMNS = """
    case_id hospital_id mdc adrg drg status severity severity_diagnosis case_class group_mean_fen
    base_points days total_cost_fen pool_fund_fen points pool new_technology_fen
""".split()
# what settlement asks for stands here, too, so that the same rows are found broken
WANTED = """
    case_id hospital_id patient_id pool sex age_years birth_weight_g admission_date discharge_date
    discharge_way icu total_cost pool_fund diagnoses own_paid planned_readmission ventilator_time
    referral_group payment_mode bed_day_class
""".split()
NONE, CC, MCC = 0, 1, 2


@dataclass(frozen=True)
class Cases:
    """N cases that were not quarantined; -1 stands for unknown, money is fen, dates are days.

    `use` marks those that are compared: grouped and not paid by bed-day. `by_day` are those that the
    hospital reported as paid by bed-day; long stays become so by themselves. `counted` is the cost
    that classes go by, without new technology; `coefficient` that of hospital and group.
    """

    region: Region
    policy: YearPolicy
    counts: dict[str, int]
    case_id: pa.Array
    hospital: Ints
    patient: Ints
    patient_words: pa.Array
    pool: Ints
    admission: Ints
    discharge: Ints
    days: Ints
    age: Ints
    birth_weight: Ints
    way: Ints
    icu: Mask
    planned: Mask
    referred: Mask
    by_day: Mask
    ventilator_hours: Ints
    cost: Ints
    fund: Ints
    own_paid: Ints
    mdc: Ints
    adrg: Ints
    drg: Ints
    adrg_words: Sequence[str]
    drg_words: Sequence[str]
    severity: Ints
    deciding: Ints
    deciding_words: Sequence[str]
    case_class: Ints
    class_words: Sequence[str]
    counted: Ints
    coefficient: Floats
    group_mean: Ints
    base_points: Floats
    points: Floats
    point_value_yuan: float
    use: Mask

    def __len__(self) -> int:
        return len(self.hospital)

    @property
    def hospitals(self) -> int:
        """How many hospitals the region has."""
        return len(self.region.hospitals)

    @cached_property
    def hospital_level(self) -> Ints:
        """The level of each hospital, numbered in the order of their names."""
        names = sorted({h.level for h in self.region.hospitals})
        return np.array([names.index(h.level) for h in self.region.hospitals], dtype=np.int64)

    def drg_of(self, row: int) -> str:
        """Return the group of a case."""
        return self.drg_words[int(self.drg[row])]

    def ids(self, rows: Ints) -> list[str]:
        """Return the case ids of some rows."""
        return [str(word) for word in self.case_id.take(pa.array(rows)).to_pylist()]


def load_cases(
    folder: str | Path,
    run_dir: str | Path | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Cases:
    """Return the cases of a region folder with the results of a run.

    Without `run_dir` the year is settled in this process. Raises InputError when the run is not
    one of this region's cases, and what reading and settling raise.
    """
    if run_dir is None:
        run = year_end(folder, threads=threads, progress=progress)
        region, policy = run.region, run.policy
        made = pa.concat_tables(t.select(RUN_COLUMNS) for t in case_tables(run))
        value = _mean_value([(p.points, float(p.point_value_fen) / 100) for p in run.pools])
        given = coefficients_table(run)
    else:
        region = read_region(Path(folder))
        policy = load_policy(region.policy, region.path).for_year(region.year)
        made, value, given = _of_folder(Path(run_dir), region)
    found = _read_source(region)
    _same_cases(found["case_id"], made["case_id"], region, run_dir)
    return _cases(region, policy, found, made, value, given)


def _mean_value(pools: Iterable[tuple[int, float]]) -> float:
    rows = list(pools)
    whole = sum(points for points, _ in rows)
    return sum(points * value for points, value in rows) / whole if whole else 0.0


def _of_folder(run_dir: Path, region: Region) -> tuple[pa.Table, float, pa.Table]:
    run = RunFolder(run_dir)
    made = run.table("cases", RUN_COLUMNS)
    given = run.table("coefficients", ("hospital_id", "drg", "coefficient"))
    own = run.manifest["region"]
    with run.reading():
        pools = [
            (int(Decimal(p["points"]) * 10_000), float(p["point_value"]))
            for p in run.manifest["pools"]
        ]
    named = (own["id"], own["year"])
    if named != (region.id, region.year):
        raise InputError(
            both(
                f"是 {named[0]} {named[1]} 年的清算，统筹区文件夹却是 {region.id} {region.year} 年",
                f"a run of {named[0]} {named[1]}, the region folder is {region.id} {region.year}",
            ),
            where=run_dir,
            remedy=both("给出同一统筹区同一年的清算结果", "name a run of this region and year"),
        )
    return made, _mean_value(pools), given


def _coefficients(given: pa.Table, places: Mapping[str, int], drgs: Sequence[str]) -> Floats:
    """Return coefficients [hospital, group] by a run's table; the last group stands for none."""
    rows = given.select(["hospital_id", "drg", "coefficient"]).to_pylist()
    made = np.ones((len(places) + 1, len(drgs) + 1))
    at = {drg: i for i, drg in enumerate(drgs)}
    for whole in (True, False):  # rows of a hospital and group come after those of the hospital
        for r in rows:
            if whole != (not r["drg"]) or r["hospital_id"] not in places:
                continue
            where = slice(None) if whole else at.get(r["drg"])
            if where is not None:
                made[places[r["hospital_id"]], where] = float(r["coefficient"])
    return made


def _read_source(region: Region) -> dict[str, Any]:
    """Return the columns that only the region's own files have."""
    source = open_source(list(region.cases), WANTED, "settlement")
    parts: dict[str, list[Any]] = {name: [] for name in _READERS}
    for piece in source.pieces:
        table = piece.load()
        for name in _READERS:
            parts[name].append(_column(table, name))
    return {
        name: pa.chunked_array(chunks, pa.string())
        if chunks and isinstance(chunks[0], pa.Array)
        else np.concatenate([*chunks, np.zeros(0, np.int64)]).astype(np.int64)
        for name, chunks in parts.items()
    }


def _column(table: pa.Table, name: str) -> Any:
    if name in table.column_names:
        return _READERS[name](table[name])
    texts = name in ("case_id", "patient_id")
    return pa.nulls(len(table), pa.string()) if texts else np.full(len(table), -1, np.int64)


def _money(column: pa.ChunkedArray) -> Ints:
    values, bad = parse.money(column)
    return np.where(bad | (values < 0), -1, values)


def _numbered(read: Callable[[Any], tuple[Any, Any]], column: pa.ChunkedArray) -> Ints:
    values: Ints = read(column)[0].astype(np.int64)
    return values


def _is(column: pa.ChunkedArray, holds: Callable[[pa.Array], pa.Array]) -> Ints:
    return np.asarray(pc.fill_null(holds(ids_of(column)), False)).astype(np.int64)


def _by_word(read: Callable[[str], int], column: pa.ChunkedArray) -> Ints:
    coded = ids_of(column).dictionary_encode()
    table = np.array([read(w or "") for w in coded.dictionary.to_pylist()] + [-1], dtype=np.int64)
    found: Ints = table[np.asarray(pc.fill_null(coded.indices, len(coded.dictionary)))]
    return found


def _way(word: str) -> int:
    return int(word) if len(word) == 1 and word.isascii() and word.isdigit() else -1


def _hours(word: str) -> int:
    """Return whole hours of days/hours/minutes."""
    parts = word.split("/")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() for p in parts):
        return -1
    return int(parts[0]) * 24 + int(parts[1])


# how each column of the region's own files is read: ids as texts, all else as numbers, -1 for none
_READERS: Mapping[str, Callable[[pa.ChunkedArray], Any]] = {
    **dict.fromkeys(("case_id", "patient_id"), ids_of),
    **dict.fromkeys(("admission_date", "discharge_date"), partial(_numbered, parse.dates)),
    **dict.fromkeys(("total_cost", "pool_fund", "own_paid"), _money),
    **dict.fromkeys(("age_years", "birth_weight_g"), partial(_numbered, parse.counts)),
    "planned_readmission": partial(_numbered, parse.planned),
    "icu": partial(_numbered, parse.flags),
    **dict.fromkeys(
        ("referral_group", "bed_day_class"), partial(_is, holds=lambda word: pc.not_equal(word, ""))
    ),
    "payment_mode": partial(_is, holds=lambda word: pc.equal(word, "bed_day")),
    "discharge_way": partial(_by_word, _way),
    "ventilator_time": partial(_by_word, _hours),
}


def _same_cases(
    own: pa.ChunkedArray, run: pa.ChunkedArray, region: Region, run_dir: str | Path | None
) -> None:
    own, run = pc.fill_null(own, ""), pc.fill_null(run.cast(pa.string()), "")
    run = pc.utf8_trim_whitespace(run)
    if len(own) == len(run) and own.combine_chunks().equals(run.combine_chunks()):
        return
    raise InputError(
        both(
            f"清算结果与病例对不上：病例 {len(own)} 行，清算 {len(run)} 行，或病例号次序不同",
            f"the run is not of these cases: {len(own)} rows of cases, {len(run)} in the run, "
            "or the case ids are in another order",
        ),
        where=run_dir or region.path,
        remedy=both("重新清算后再试，或不给 --run", "settle again, or leave --run out"),
    )


def _indexed(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return the number of each word, -1 for none, and the words in their order."""
    flat = parse.flat(column).cast(pa.string())
    coded = flat.dictionary_encode()
    words = [str(w) for w in coded.dictionary.to_pylist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(len(words) + 1, dtype=np.int64)
    rank[order] = np.arange(len(words))
    rank[-1] = -1
    index = np.asarray(pc.fill_null(coded.indices, len(words)))
    return rank[index], [words[i] for i in order]


def _numbers(column: pa.ChunkedArray) -> Any:
    filled = pc.fill_null(parse.flat(column), 0)
    return np.asarray(filled.cast(pa.float64()) if pa.types.is_decimal(filled.type) else filled)


def _cases(
    region: Region,
    policy: YearPolicy,
    found: dict[str, Any],
    made: pa.Table,
    value: float,
    given: pa.Table,
) -> Cases:
    status = parse.flat(made["status"]).cast(pa.string())
    good = np.asarray(pc.not_equal(status, "quarantined"))
    total = len(made)
    # in the order of ids, so that no sum depends on the order of rows
    kept = np.flatnonzero(good)
    ids = parse.flat(made["case_id"]).cast(pa.string()).take(pa.array(kept))
    keep = pa.array(kept[np.asarray(pc.sort_indices(ids))])
    made = made.take(keep)
    rows = np.asarray(keep)
    own = {
        name: column.take(keep) if isinstance(column, pa.ChunkedArray) else column[rows]
        for name, column in found.items()
    }
    places = {h.id: i for i, h in enumerate(region.hospitals)}
    number, words = _indexed(made["hospital_id"])
    hospital = np.array([places[w] for w in words] + [-1], dtype=np.int64)[number]
    patients = pc.if_else(
        pc.equal(parse.flat(own["patient_id"]), ""), None, parse.flat(own["patient_id"])
    )
    coded = patients.dictionary_encode()
    patient = np.asarray(pc.fill_null(coded.indices, -1)).astype(np.int64)
    pool, _ = _indexed(made["pool"])
    mdc, _ = _indexed(made["mdc"])
    adrg, adrg_words = _indexed(made["adrg"])
    drg, drg_words = _indexed(made["drg"])
    case_class, class_words = _indexed(made["case_class"])
    level_number, level_words = _indexed(made["severity"])
    by_name = {"none": NONE, "CC": CC, "MCC": MCC}
    severity = np.array([by_name.get(w, NONE) for w in level_words] + [NONE])[level_number]
    deciding, deciding_words = _indexed(made["severity_diagnosis"])
    deciding = np.where(severity > NONE, deciding, -1)
    grouped = np.asarray(pc.equal(parse.flat(made["status"]).cast(pa.string()), "grouped"))
    bed = np.array([w == "bed_day" for w in class_words] + [False])[case_class]
    use = grouped & ~bed
    counts = {
        "in": total,
        "compared": int(use.sum()),
        "bed_day": int((grouped & bed).sum()),
        "not_grouped": int((~grouped).sum()),
        "quarantined": total - len(made),
    }
    if total != sum(count for name, count in counts.items() if name != "in"):
        raise BooksError(both(f"病例数对不上：{counts}", f"cases do not add up: {counts}"))
    return Cases(
        region=region,
        policy=policy,
        counts=counts,
        case_id=parse.flat(made["case_id"]).cast(pa.string()),
        hospital=hospital,
        patient=patient,
        patient_words=coded.dictionary,
        pool=pool,
        admission=own["admission_date"],
        discharge=own["discharge_date"],
        days=_numbers(made["days"]).astype(np.int64),
        age=own["age_years"],
        birth_weight=own["birth_weight_g"],
        way=own["discharge_way"],
        icu=own["icu"] == 1,
        planned=own["planned_readmission"] == 1,
        referred=own["referral_group"] == 1,
        by_day=(own["payment_mode"] == 1) | (own["bed_day_class"] == 1),
        ventilator_hours=own["ventilator_time"],
        cost=_numbers(made["total_cost_fen"]).astype(np.int64),
        fund=_numbers(made["pool_fund_fen"]).astype(np.int64),
        own_paid=own["own_paid"],
        mdc=mdc,
        adrg=adrg,
        drg=drg,
        adrg_words=adrg_words,
        drg_words=drg_words,
        severity=severity,
        deciding=deciding,
        deciding_words=deciding_words,
        case_class=case_class,
        class_words=class_words,
        counted=(_numbers(made["total_cost_fen"]) - _numbers(made["new_technology_fen"])).astype(
            np.int64
        ),
        coefficient=_coefficients(given, places, drg_words)[hospital, drg],
        group_mean=_numbers(made["group_mean_fen"]).astype(np.int64),
        base_points=_numbers(made["base_points"]).astype(np.float64),
        points=_numbers(made["points"]).astype(np.float64),
        point_value_yuan=value,
        use=use,
    )
