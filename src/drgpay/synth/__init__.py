"""An invented Chinese city as a region folder: hospitals, three years of cases, budgets.

Everything is made up; see the README.txt of the folder that `synthesize` writes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from drgpay.cases.editions import read_edition
from drgpay.ground.errors import InputError, both
from drgpay.ground.outputs import whole_folder
from drgpay.ground.reference import DEFAULT_SCHEME, bundled
from drgpay.ground.threads import default_threads, in_order
from drgpay.grouper.versions import VersionedGrouper, any_grouper
from drgpay.region import tables
from drgpay.schemes.versions import bundled_families
from drgpay.synth import writer
from drgpay.synth.cases import Array, Block, draw_block
from drgpay.synth.cheats import Cheats, plant
from drgpay.synth.city import BED_DAY_NAMES, BED_DAY_RATES_FEN, CASE_GROWTH, CITY, POOLS
from drgpay.synth.plan import BLOCK, Plan, build_plan
from drgpay.tables.writer import write_rows

__all__ = ["Summary", "synthesize"]

DEFAULT_YEAR = 2025
MOST_CASES = 900_000_000
_SLIPS = (
    "",
    *"""
    principal_unknown principal_missing sex_conflict procedure_unfit wrong_order secondary_unknown
""".split(),
)
# per mille of what the pools paid: one budget is a little too large, one a little too small
_BUDGETS = {"310": 1016, "390": 972}
_OUT_OF_AREA = {"310": 38, "390": 52}
_GROWTH = 107  # budgets in per cent of what was spent the year before
_BY_ITEM, _RESERVE = 240, 20  # outpatient care, and the reserve, in per mille of the budgets
_HIGH_BANDS = ((100.0, 3.0), (300.0, 2.0), (float("inf"), 1.5))
_MOST_REVIEWS = 50_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What `synthesize` wrote.

    `scheme` is what region.toml names, `version` the scheme that the cases were drawn for and
    `codes` the edition of their codes. `cases` counts the rows of each year; `slips` the coding
    errors put into the run's year, by kind; `bad_rows` those of its rows that reading will
    quarantine, a doubled id counted once; `planted` the cheats.
    """

    path: Path
    seed: int
    scheme: str
    version: str
    codes: str
    year: int
    hospitals: int
    cases: dict[int, int]
    slips: dict[str, int]
    bad_rows: int
    recorded_fund_fen: dict[str, int]
    planted: int = 0

    @property
    def total(self) -> int:
        """All cases, years of history included."""
        return sum(self.cases.values())


@dataclass
class _Totals:
    """What the small tables need of the run's year."""

    hospitals: int
    fund: Array = field(init=False)
    slips: Array = field(default_factory=lambda: np.zeros(len(_SLIPS), dtype=np.int64))
    bad: int = 0
    reviews: list[tuple[str, str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fund = np.zeros((self.hospitals, len(POOLS)), dtype=np.int64)

    def add(self, part: _Part) -> None:
        self.fund += part.fund
        self.slips += part.slips
        self.bad += part.bad
        self.reviews += part.reviews[: _MOST_REVIEWS - len(self.reviews)]


@dataclass(frozen=True, slots=True)
class _Part:
    """One block, ready to be written, with what is kept of it."""

    table: pa.Table
    fund: Array
    slips: Array
    bad: int
    reviews: list[tuple[str, str, str, str]]


def synthesize(
    out_dir: str | Path,
    cases: int,
    seed: int,
    *,
    scheme: str | Path = DEFAULT_SCHEME,
    year: int = DEFAULT_YEAR,
    codes: str | None = None,
    history_years: int = 2,
    error_rate: float = 0.01,
    threads: int | None = None,
    progress: Callable[[int], Callable[[int], None]] | None = None,
    cheats: Cheats | None = None,
) -> Summary:
    """Write an invented city with so many cases in its year as a region folder.

    Of a family of schemes the version in force on the last day of the year groups the cases, those
    of the history too. `codes` is the edition in which codes are written, by default the scheme's
    own; another one has only those codes that are read back as what they were. The years before
    are a little smaller each and lie in `history/`. `error_rate` is the share of cases with a
    coding error. `progress` is given the number of all cases and returns what is called with the
    cases done at each step. One seed gives the same bytes, whatever `threads`. `cheats` are planted
    in the finished year (see `drgpay.synth.cheats`); stays cut in two add cases. The folder appears
    under its name only when whole.

    Raises InputError for a folder that is not empty or arguments that make no city, SchemeError.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     synthesize(folder + "/city", 200, 1, history_years=1).cases
    {2024: 192, 2025: 200}
    """
    _check(cases, seed, year, history_years, error_rate)
    target = Path(out_dir)
    with whole_folder(target if target.name else target.resolve(), empty=True) as path:
        found = any_grouper(scheme)
        grouper = found.at(dt.date(year, 12, 31)) if isinstance(found, VersionedGrouper) else found
        edition = grouper.edition if codes is None else read_edition(codes, found.editions)
        rows = {
            y: max(1, round(cases / (1 + CASE_GROWTH) ** (year - y)))
            for y in range(year - history_years, year + 1)
        }
        plan = build_plan(grouper, seed, year, rows, error_rate, edition)
        (path / "history").mkdir()
        step = progress(sum(rows.values())) if progress is not None else None
        totals = _Totals(len(plan.city))
        for y in rows:
            file = path / "cases.parquet" if y == year else path / "history" / f"{y}.parquet"
            _write_year(plan, y, file, totals, threads or default_threads(), step)
        named = str(scheme) in bundled("schemes") or str(scheme) in bundled_families()
        name = str(scheme) if named else Path(scheme).resolve().as_posix()
        _small_tables(plan, path, totals)
        _readme(plan, path, name, rows)
        _region(plan, path, name, totals)
        fund = totals.fund.sum(axis=0).tolist()
        done = Summary(
            path=target,
            seed=seed,
            scheme=name,
            version=grouper.scheme.id,
            codes=edition,
            year=year,
            hospitals=len(plan.city),
            cases=rows,
            slips=dict(zip(_SLIPS[1:], totals.slips[1:].tolist(), strict=True)),
            bad_rows=totals.bad,
            recorded_fund_fen={pool: f for (pool, _), f in zip(POOLS, fund, strict=True)},
        )
        if cheats is None:
            return done
        planted = plant(path, cheats, seed)
        return replace(
            done,
            cases={**rows, year: rows[year] + planted.added},
            recorded_fund_fen=planted.recorded_fund_fen,
            planted=len(planted.cheats),
        )


def _check(cases: int, seed: int, year: int, history_years: int, error_rate: float) -> None:
    asked = {
        "cases": (cases, 1, MOST_CASES),
        "year": (year, 1990, 2100),
        "history_years": (history_years, 1, 10),
        "error_rate": (error_rate, 0, 0.5),
    }
    faults = [
        both(f"{name} 为 {value}，应在 {low} 至 {high} 之间", f"{name} is {value}: {low} to {high}")
        for name, (value, low, high) in asked.items()
        if not low <= value <= high
    ]
    if not 0 <= seed < 1 << 63:
        faults.append(
            both(f"seed 为 {seed}，应不小于0、小于2^63", f"seed is {seed}: 0 or above, below 2^63")
        )
    if faults:
        raise InputError(both("不能据此生成城市", "no city can be made of this"), faults=faults)


def _write_year(
    plan: Plan,
    year: int,
    path: Path,
    totals: _Totals,
    threads: int,
    step: Callable[[int], None] | None,
) -> None:
    blocks = -(-plan.rows[year] // BLOCK)

    def task(number: int) -> Callable[[], _Part]:
        return lambda: _part(plan, year, number)

    with writer.case_file(path) as file:
        for part in in_order((task(i) for i in range(blocks)), threads):
            file.write(part.table)
            if year == plan.year:
                totals.add(part)
            if step is not None:
                step(len(part.table))


def _part(plan: Plan, year: int, number: int) -> _Part:
    block = draw_block(plan, year, number)
    # both rows of a doubled id are out
    out = block.bad > 0
    out[:-1] |= block.bad[1:] == 3
    place = block.hospital.astype(np.int64) * len(POOLS) + block.pool
    size = len(plan.city) * len(POOLS)
    paid = np.bincount(place, weights=np.where(out, 0, block.fund), minlength=size)
    return _Part(
        table=writer.table(plan, block),
        fund=np.rint(paid).astype(np.int64).reshape(len(plan.city), len(POOLS)),
        slips=np.bincount(block.slip, minlength=len(_SLIPS)),
        bad=int((block.bad > 0).sum()),
        reviews=_reviews(plan, block, out) if year == plan.year else [],
    )


def _reviews(plan: Plan, block: Block, out: Array) -> list[tuple[str, str, str, str]]:
    """Return decisions on some of the dearest cases and on some that no group takes."""
    rng = np.random.default_rng([plan.seed, block.year, block.first, 3])
    base = block.weight * 100
    multiple = np.select(
        [base <= limit for limit, _ in _HIGH_BANDS], [k for _, k in _HIGH_BANDS], 1.5
    )
    dear = (block.ratio >= 1.15 * multiple) & (block.slip == 0)
    lost = (block.slip == 1) & (block.mode == 0)
    u = rng.random(len(block))
    asked = np.flatnonzero(~out & ((dear & (u < 0.35)) | (lost & (u < 0.2))))
    found = []
    for i, draw in zip(asked.tolist(), rng.random((len(asked), 2)).tolist(), strict=True):
        granted = draw[0] < 0.7
        share = draw[1] * (0.08 if granted else 0.3)
        unreasonable = int(int(block.total[i]) * share) // 100 * 100
        note = "危重复杂，准予" if granted else "不符合特病单议条件"
        if lost[i]:
            note = "未入组，扣除不合理费用"
        case = writer.case_ids(block.year, block.case_number[i : i + 1])[0].as_py()
        found.append((case, "granted" if granted else "refused", writer.yuan(unreasonable), note))
    return found


def _small_tables(plan: Plan, path: Path, totals: _Totals) -> None:
    city = plan.city
    hospitals = list(zip(city.ids, city.names, city.level.tolist(), city.community, strict=True))
    written = {
        tables.HOSPITALS: (
            ("hospital_id", "name", "level", "community_id"),
            [(i, n, level, f"YGT{c + 1:02d}" if c >= 0 else "") for i, n, level, c in hospitals],
        ),
        tables.COEFFICIENTS: (
            ("hospital_id", "coefficient"),
            zip(city.ids, city.coefficient, strict=True),
        ),
        tables.SCORES: (("hospital_id", "score"), zip(city.ids, city.score, strict=True)),
        tables.BED_DAY_RATES: (
            ("bed_day_class", "rate_yuan", "name"),
            [(c, rate, BED_DAY_NAMES[c]) for c, rate in BED_DAY_RATES_FEN.items()],
        ),
        tables.REVIEWS: (("case_id", "decision", "unreasonable_yuan", "note"), totals.reviews),
        tables.VIOLATIONS: (
            ("hospital_id", "pool", "amount_yuan", "reason"),
            _violations(plan, totals),
        ),
    }
    for table, (columns, rows) in written.items():
        write_rows(path / f"{table.name}.csv", table, columns, rows)


def _violations(plan: Plan, totals: _Totals) -> list[tuple[str, str, str, str]]:
    city = plan.city
    rng = np.random.default_rng([plan.seed, 0, 4])
    reasons = ("高套编码（虚构）", "分解住院（虚构）", "超标准收费（虚构）")
    rows = []
    count = max(1, len(city) // 12)
    for h in sorted(rng.choice(len(city), count, replace=False).tolist()):
        pool = int(rng.integers(0, len(POOLS)))
        per_mille = int(rng.integers(1, 6))
        amount = int(totals.fund[h, pool]) * per_mille // 2000
        reason = reasons[int(rng.integers(0, len(reasons)))]
        rows.append((city.ids[h], POOLS[pool][0], writer.yuan(amount), reason))
    return rows


def _readme(plan: Plan, path: Path, scheme: str, rows: dict[int, int]) -> None:
    version = plan.grouper.scheme.id
    writer.write_text(
        path / "README.txt",
        "city.txt",
        seed=plan.seed,
        scheme=scheme if scheme == version else f"{scheme} ({version})",
        codes=plan.edition,
        year=plan.year,
        cases=rows[plan.year],
        history=", ".join(str(y) for y in rows if y != plan.year),
        errors=f"{plan.error_rate * 100:g} %",
    )


def _per_mille(fen: int, share: int) -> int:
    """Return a share of an amount in whole yuan."""
    return fen * share // 1000 // 100 * 100


def _region(plan: Plan, path: Path, scheme: str, totals: _Totals) -> None:
    pools, every = "", 0
    for (pool, name), paid in zip(POOLS, totals.fund.sum(axis=0).tolist(), strict=True):
        elsewhere = _per_mille(paid, _OUT_OF_AREA[pool])
        budget = _per_mille(paid, _BUDGETS[pool]) + elsewhere
        pools += writer.filled(
            "pool.toml",
            pool=pool,
            name=name,
            budget=writer.yuan(budget),
            target=writer.yuan(budget + _per_mille(budget, _RESERVE)),
            elsewhere=writer.yuan(elsewhere),
            last_year=writer.yuan(budget * 100 // _GROWTH // 100 * 100),
        )
        every += budget
    by_item = _per_mille(every, _BY_ITEM)
    reserve = _per_mille(every, _RESERVE)  # the target contains it
    writer.write_text(
        path / "region.toml",
        "region.toml",
        seed=plan.seed,
        city=CITY,
        year=plan.year,
        scheme=scheme,
        codes=plan.edition,
        pools=pools,
        target=writer.yuan(every + by_item + reserve),
        reserve=writer.yuan(reserve),
        by_item=writer.yuan(by_item),
    )
