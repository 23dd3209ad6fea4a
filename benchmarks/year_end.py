"""The year end against what an analyst would write; a hundred million cases.

That is DuckDB SQL and polars (`benchmarks.rivals`) and, here, vectorised pandas: money in int64
fen, points in 1/10,000 and the point value a Fraction. They take cases and history that are grouped
already and know the rules of the policy `hangzhou` alone; their fen must be ours.
"""

from __future__ import annotations

import re
import shutil
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.measure import SCHEME, median_seconds, peak_mib
from benchmarks.rivals import by_duckdb, by_polars

COLUMNS = (
    "case_id hospital_id patient_id pool admission_date discharge_date settlement_date los_days "
    "total_cost pool_fund payment_mode bed_day_class"
).split()
WORDS = ("hospital_id", "pool", "payment_mode", "bed_day_class")
EXPECTED = {
    "point_scale": 100,
    "base_points_dp": 4,
    "case_points_dp": 4,
    "history_years": 2,
    "trim.method": "middle_interval",
    "trim.when": "cv_above",
    "stable.min_cases": 5,
    "low.rule": "ratio",
    "high.rule": "special_review",
    "unstable.rule": "by_cost",
    "class_order": "low_first",
    "readmission.days": 15,
    "readmission.same": "hospital_drg",
    "long_stay.days": 60,
    "bed_day.mode": "marginal",
    "coef.source": "given",
    "coef_applies_to": ("normal", "high"),
    "bound.level": "none",
    "reserve_ratio": 0,
    "findings.hold": (),
    "provision": "none",
}
# rules of the policy that the rival in plain pandas does not know
PLAIN = ["findings.hold=none", "provision=none"]


def _table(cases: Path, groups: Path) -> Any:
    """Return cases with their groups: money in fen, days as numbers, words in dictionaries."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(cases, columns=COLUMNS, read_dictionary=list(WORDS))
    for name in ("total_cost", "pool_fund"):
        hundred = pa.scalar(100, pa.decimal128(3, 0))
        fen = pa.compute.multiply(table[name], hundred).cast(pa.int64(), safe=False)
        table = table.set_column(table.column_names.index(name), name, fen)
    for name in ("admission_date", "discharge_date", "settlement_date"):
        days = table[name].cast(pa.int32())
        table = table.set_column(table.column_names.index(name), name, days)
    found = pq.read_table(groups, columns=["drg", "adrg", "status"])
    for name in found.column_names:
        table = table.append_column(name, found[name])
    return table


def _kept(frame: Any, years: tuple[int, int], rates: Any) -> Any:
    """Return the cases that can be settled, with day of rule 1, days and bed-day class."""
    import numpy as np

    first = np.datetime64(f"{years[0]}-01-01", "D").astype(int)
    last = np.datetime64(f"{years[1]}-12-31", "D").astype(int)
    f = frame[~frame.case_id.duplicated(keep=False)]
    key = f.settlement_date.fillna(f.discharge_date)
    good = (f.status != "quarantined") & (f.discharge_date >= f.admission_date)
    good &= key.between(first, last) & f.total_cost.ge(0)
    f = f[good].copy()
    f["key"] = key[good]
    stay = f.discharge_date - f.admission_date
    f["days"] = f.los_days.where(f.los_days >= 0, stay).fillna(stay).astype("int64")
    given = f.bed_day_class.astype("string").fillna("")
    long = (given == "") & (f.days > 60)
    f["bed"] = given.mask(long, "LONG")
    f["by_day"] = (f.bed != "") | (f.payment_mode == "bed_day")
    return f


def _by_word(values: Any, words: Any) -> Any:
    """Return the value of each row's word, 0 where there is none; words are categories."""
    filled = values.reindex(words.cat.categories).fillna(0).astype(values.dtype)
    return filled.to_numpy()[words.cat.codes]


def _base_points(past: Any) -> tuple[Any, int]:
    """Return mean, base points and stability by DRG, and the mean of all kept cases."""
    past = past[(past.status == "grouped") & ~past.by_day & (past.total_cost > 0)]
    past = past[["drg", "total_cost"]]
    by = past.groupby("drg", observed=True).total_cost
    spread = by.std() / by.mean()
    q1, q3 = by.quantile(0.25), by.quantile(0.75)
    low, high = q1 - 0.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    trimmed = spread > 1
    low, high = low.where(trimmed, 0), high.where(trimmed, 2.0**62)
    inside = past.total_cost.between(_by_word(low, past.drg), _by_word(high, past.drg))
    kept = past[inside].groupby("drg", observed=True).total_cost
    n, total = kept.count(), kept.sum()
    all_mean = int((2 * total.sum() + n.sum()) // (2 * n.sum()))
    mean = (2 * total + n) // (2 * n)
    made = mean.to_frame("mean")
    made["base"] = (2 * mean * 1_000_000 + all_mean) // (2 * all_mean)
    made["stable"] = (n > 5) & (kept.std() / kept.mean() <= 1)
    return made, all_mean


def _reviewed_points(case: Any) -> int:
    """Return base x c + max(0, (cost - unreasonable) / mean - K) x base, rounded once."""
    above = Fraction(int(case.total_cost - case.less), int(case["mean"])) - Fraction(
        case.twice_k, 2
    )
    exact = Fraction(int(case.base) * int(case.c), 1_000_000) + max(Fraction(0), above) * int(
        case.base
    )
    return int((2 * exact.numerator + exact.denominator) // (2 * exact.denominator))


def by_pandas(region: Any, cases: Any, past: Any) -> Any:
    """Return the sums of hospital and pool, by pandas alone."""
    import numpy as np
    import pandas as pd

    cases, past = cases.to_pandas(), past.to_pandas()

    year = region.year
    rates = {rate.bed_class: rate.rate_fen for rate in region.bed_day_rates}
    base, all_mean = _base_points(_kept(past, (year - 2, year - 1), rates))
    f = _kept(cases, (year, year), rates)
    hospitals = {h.id: h for h in region.hospitals}
    pools = {p.id: p for p in region.pools}
    f = f[f.hospital_id.isin(hospitals) & f.pool.isin(pools) & f.pool_fund.between(0, f.total_cost)]
    f = f[~f.by_day | f.bed.isin(rates)].copy()
    for name in ("mean", "base", "stable"):
        f[name] = _by_word(base[name], f.drg)
    c = pd.Series({h: hospital.coefficient for h, hospital in hospitals.items()})
    f["c"] = _by_word(c, f.hospital_id)
    ids = {case: review for case, review in region.reviews.items()}
    asked = f.case_id.isin(ids)
    f["less"] = f.case_id.where(asked).map({k: v.unreasonable_fen for k, v in ids.items()})
    f["less"] = f.less.fillna(0).astype("int64")
    granted = f.case_id.isin({k for k, v in ids.items() if v.decision == 1})
    f["twice_k"] = np.select([f.base <= 1_000_000, f.base <= 3_000_000], [6, 4], 3)
    surgery = f.payment_mode == "day_surgery"
    by_day = f.by_day
    grouped = f.status == "grouped"
    low = ~surgery & (5 * f.total_cost <= 2 * f["mean"])
    high = 2 * f.total_cost >= f.twice_k * f["mean"]
    by_cost = ~by_day & (~grouped | ~f.stable)
    f["kind"] = np.select(
        [by_day, by_cost, low, high & granted, high],
        ["bed_day", "by_cost", "low", "reviewed", "high"],
        "normal",
    )
    day = {b: (2 * rate * 1_000_000 + all_mean) // (2 * all_mean) for b, rate in rates.items()}
    points = (2 * f.base * f.c + 1_000_000) // 2_000_000
    own = f.kind == "low"
    mean = f["mean"].where(f["mean"] > 0, 1)
    points = points.mask(own, (2 * f.base * f.total_cost + mean) // (2 * mean))
    cost = f.total_cost - f.less
    points = points.mask(by_cost, (2 * cost * 1_000_000 + all_mean) // (2 * all_mean))
    each = f.bed.map(day).fillna(0).astype("int64")
    points = points.mask(by_day, f.days.clip(lower=1) * each)
    f["points"] = points
    reviewed = f[f.kind == "reviewed"]
    if len(reviewed):
        f.loc[reviewed.index, "points"] = reviewed.apply(_reviewed_points, axis=1)
    exempt = f.adrg.isin(["RB1", "RC1", "RE1", "RU1", "RV1"])
    stays = f[grouped & ~by_day & ~exempt & f.patient_id.notna()]
    stays = stays.assign(hospital=stays.hospital_id.cat.codes, group=stays.drg.cat.codes)
    who = ["patient_id", "hospital", "group"]
    stays = stays[[*who, "admission_date", "discharge_date", "case_id"]].sort_values(
        [*who, "admission_date", "discharge_date", "case_id"]
    )
    following = stays.shift(-1)
    same = np.logical_and.reduce([stays[w] == following[w] for w in who])
    gap = following.admission_date - stays.discharge_date
    again = stays.index[same & gap.between(0, 15)]
    f.loc[again, "points"] = (f.loc[again, "points"] + 1) // 2
    f["not_pool"] = f.total_cost - f.pool_fund
    return (
        f.groupby(["hospital_id", "pool"], observed=True)
        .agg(
            cases=("points", "size"),
            points=("points", "sum"),
            fund=("pool_fund", "sum"),
            not_pool=("not_pool", "sum"),
        )
        .reset_index()
    )


def _settled(region: Any, sums: Any) -> tuple[dict[str, Fraction], list[tuple[str, str, int, int]]]:
    """Return point values, and hospital, pool, due and final payment of each account."""
    import pandas as pd

    values, rows = {}, []
    for pool in region.pools:
        own_rows = sums[sums.pool == pool.id].sort_values("hospital_id")
        value, due = _dues(pool, own_rows)
        values[pool.id] = value
        rows.append(own_rows.assign(due=due))
    table = pd.concat(rows, ignore_index=True)
    table = _finals(table, region, {h.id: h for h in region.hospitals})
    columns = zip(table.hospital_id, table.pool, table.due, table.final, strict=True)
    return values, sorted((h, p, int(d), int(f)) for h, p, d, f in columns)


def _half_away(value: Fraction) -> int:
    sign = -1 if value < 0 else 1
    value = abs(value)
    return sign * int((2 * value.numerator + value.denominator) // (2 * value.denominator))


def _dues(pool: Any, rows: Any) -> tuple[Fraction, list[int]]:
    """Return the point value in fen a point, and dues by largest remainder."""
    available = pool.budget_fen - pool.out_of_area_fund_fen
    fund, not_pool = int(rows.fund.sum()), int(rows.not_pool.sum())
    if fund <= available:
        total = fund + _half_away(Fraction(17, 20) * (available - fund))
    else:
        total = available + _half_away(Fraction(3, 20) * (fund - available))
    value = Fraction((total + not_pool) * 10_000, int(rows.points.sum()))
    exact = [
        value * int(p) / 10_000 - int(n) for p, n in zip(rows.points, rows.not_pool, strict=True)
    ]
    due = [e.numerator // e.denominator for e in exact]
    order = sorted(range(len(due)), key=lambda i: (due[i] - exact[i], i))
    for i in order[: total - sum(due)]:
        due[i] += 1
    return value, due


def _finals(table: Any, region: Any, hospitals: Any) -> Any:
    """Add prepayment, forfeited deposit, violations and the final payment."""
    taken = region.violation_fen
    prepaid = [_half_away(Fraction(19, 20) * int(f)) for f in table.fund]
    forfeited = [
        _half_away((int(f) - p) * (1 - hospitals[h].score))
        for f, p, h in zip(table.fund, prepaid, table.hospital_id, strict=True)
    ]
    violation = [taken.get(key, 0) for key in zip(table.hospital_id, table.pool, strict=True)]
    parts = zip(table.due, prepaid, forfeited, violation, strict=True)
    return table.assign(final=[d - p - f - v for d, p, f, v in parts])


def _grouped_files(region: Any, work: Path) -> tuple[Path, list[Path]]:
    from drgpay.grouper import Grouper, group_file

    work.mkdir(parents=True, exist_ok=True)
    grouper = Grouper(SCHEME)
    found = []
    for number, path in enumerate((*region.cases, *region.history)):
        out = work / f"groups-{number}.parquet"
        if not out.exists():
            group_file(path, out, grouper)
        found.append(out)
    return found[0], found[1:]


RIVALS = {"duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas}


def against_others(region_dir: str, work: str) -> dict[str, Any]:
    """The same grouped cases settled by DuckDB SQL, polars and pandas and by us; the same fen.

    `NAME_seconds` and `seconds` are of grouped cases in memory to hospitals, base points from the
    history included; `read_seconds` is reading cases and groups; `files_seconds` is all of ours from
    the same files: reading, front-page checks, grouping and settling.
    """
    import pyarrow as pa

    from drgpay.ground.errors import BooksError, both
    from drgpay.settlement.year_end import prepare_year, settle_prepared

    started = time.perf_counter()
    prepared = prepare_year(region_dir, overrides=PLAIN)
    prepared_seconds = time.perf_counter() - started
    started = time.perf_counter()
    ours = settle_prepared(prepared, prepared.policy)
    seconds = time.perf_counter() - started
    again = median_seconds(lambda: settle_prepared(prepared, prepared.policy), 3)
    region = ours.region
    wrong = {k: v for k, v in EXPECTED.items() if prepared.policy[k] != v}
    if wrong:
        raise BooksError(both(f"政策已变：{wrong}", f"the policy is another one now: {wrong}"))
    groups, past_groups = _grouped_files(region, Path(work))
    started = time.perf_counter()
    cases = _table(region.cases[0], groups)
    parts = [_table(p, g) for p, g in zip(region.history, past_groups, strict=True)]
    past = pa.concat_tables(parts).unify_dictionaries()
    found = {"read_seconds": time.perf_counter() - started}
    mine = sorted(
        (h.hospital_id, h.pool, h.due_fen, h.final_fen) for h in ours.hospitals if h.sums.cases
    )
    points = {p.pool: p.point_value_fen for p in ours.pools}
    for name, sums in RIVALS.items():
        started = time.perf_counter()
        values, theirs = _settled(region, sums(region, cases, past))
        found[f"{name}_seconds"] = time.perf_counter() - started
        if mine != theirs or values != points:
            different = [(a, b) for a, b in zip(mine, theirs, strict=False) if a != b][:2]
            raise BooksError(
                both(
                    f"{name} 的结果不同：{different}", f"the results of {name} differ: {different}"
                )
            )
    return {
        "cases": ours.counts.total,
        "history": ours.prepared.past.rows,
        "seconds": seconds,
        "again_seconds": again,
        "files_seconds": prepared_seconds + seconds,
        "peak_mib": peak_mib(),
        **found,
    }


# --- a hundred million cases


def make_large_region(out: str, cases: str, parts: str = "10") -> dict[str, Any]:
    """Make a region of many cases: one invented city, `parts` times over with ids of their own.

    Hospitals, budgets and reviews are those of the city; budgets and base points fit the larger
    number. Base points are given, made from the city's own history.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from drgpay.settlement.year_end import year_end
    from drgpay.synth import synthesize
    from drgpay.synth.writer import case_file

    folder, count = Path(out), int(parts)
    each = int(cases) // count
    started = time.perf_counter()
    shutil.rmtree(folder, ignore_errors=True)
    city = folder / "city"
    synthesize(city, each, 1, history_years=1)
    made = year_end(_few(city, folder / "few"), overrides=["history_years=1"])
    for table in city.glob("*.csv"):
        shutil.copy(table, folder)
    reviews = (city / "reviews.csv").read_text(encoding="utf-8").splitlines()
    lines = [reviews[0], *(f"00{line}" for line in reviews[1:])]
    (folder / "reviews.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "cases").mkdir()
    source = pq.ParquetFile(city / "cases.parquet")
    for part in range(count):
        with case_file(folder / "cases" / f"{part:02d}.parquet") as file:
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                for name in ("case_id", "patient_id", "referral_group"):
                    values = pc.binary_join_element_wise(pa.scalar(f"{part:02d}"), table[name], "")
                    table = table.set_column(table.column_names.index(name), name, values)
                file.write(table)
    source.close()
    base = made.base
    rows = [
        f"{g.drg},{_yuan(g.mean_fen)},{'yes' if g.stable else 'no'}" for g in base.groups.values()
    ]
    text = "\n".join(["drg,group_mean_yuan,stable", *rows])
    (folder / "base_points.csv").write_text(text + "\n", encoding="utf-8")
    toml = (city / "region.toml").read_text(encoding="utf-8")
    names = ", ".join(f'"cases/{part:02d}.parquet"' for part in range(count))
    mean = f'all_drg_mean_yuan = "{_yuan(base.all_mean_fen)}"'
    toml = re.sub(
        r'(\w+_yuan) = "(\d+)\.(\d\d)"',
        lambda m: f'{m[1]} = "{_yuan(int(m[2] + m[3]) * count)}"',
        toml,
    )
    toml = toml.replace('cases = ["cases.parquet"]', f"cases = [{names}]\n{mean}")
    (folder / "region.toml").write_text(toml, encoding="utf-8")
    shutil.rmtree(city)
    shutil.rmtree(folder / "few")
    size = sum(p.stat().st_size for p in (folder / "cases").iterdir())
    return {
        "cases": each * count,
        "seconds": time.perf_counter() - started,
        "bytes_per_case": size / (each * count),
        "peak_mib": peak_mib(),
    }


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _few(city: Path, out: Path) -> Path:
    """Return a copy of a city with its first cases only, and all of its history."""
    import pyarrow.parquet as pq

    shutil.copytree(city, out, ignore=shutil.ignore_patterns("cases.parquet", "reviews.csv"))
    source = pq.ParquetFile(city / "cases.parquet")
    pq.write_table(source.read_row_group(0), out / "cases.parquet")
    source.close()
    return out


def stream_100m(region: str, spool: str, out: str = "") -> dict[str, Any]:
    """Settle a region of very many cases, what was read of them on disk; write its run folder to `out`."""
    from drgpay.runs.folder import write_run
    from drgpay.settlement.year_end import prepare_year, settle_prepared

    Path(spool).mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    prepared = prepare_year(region, spool=Path(spool), memory_cases=0)
    read = time.perf_counter() - started
    reading_peak = peak_mib()
    run = settle_prepared(prepared, prepared.policy)
    settled = time.perf_counter() - started
    if out:
        write_run(run, out)
    seconds = time.perf_counter() - started
    prepared.close()
    return {
        "cases": run.counts.total,
        "read_seconds": read,
        "settle_seconds": settled - read,
        "seconds": seconds,
        "reading_peak_mib": reading_peak,
        "peak_mib": peak_mib(),
    }
