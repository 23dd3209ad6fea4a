"""Read a region folder: region.toml and its small tables, all faults at once.

docs/formats.md, section 3, lists the files. Their faults stop the run: a hospital's coefficient
or a violation that is wrong would silently change what everybody gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drgpay.cases.sources import IN_FOLDERS
from drgpay.ground.errors import DrgpayError, InputError, PolicyError, both, located
from drgpay.policy import load_policy
from drgpay.region import tables as t
from drgpay.region.levels import differently_written, written_twice
from drgpay.region.provenance import CARRIED_ORIGIN, HAND, MONTHS
from drgpay.region.records import (
    Hospital,
    NewItem,
    Primary,
    Rate,
    Region,
    Review,
    Settings,
    Violation,
)
from drgpay.region.settings import BESIDE, CASES, TOML, read_settings
from drgpay.region.table_rules import carried_as_written, prepaid_as_written
from drgpay.tables.declared import Row, Table
from drgpay.tables.reader import Reader
from drgpay.tables.rows import SUFFIXES

Rows = Mapping[Table, Sequence[Row]]


def read_region(
    folder: Path, overrides: Sequence[str] = (), *, elsewhere: Sequence[str] = ()
) -> Region:
    """Return the region of a folder; `overrides` are those of a trial run.

    `elsewhere` names what does not lie in the folder, and is not looked for: cases, history.

    Raises InputError that lists every fault of region.toml and of the tables, each with file,
    row, column, value and what would be right.
    """
    if not (folder / TOML).exists():
        raise InputError(
            both("没有 region.toml，不是统筹区文件夹", "no region.toml"),
            where=folder,
            remedy=both(
                "统筹区文件夹的样式见 docs/region.zh-CN.md",
                "docs/formats.md, section 3, shows a region folder",
            ),
        )
    r = Reader(folder)
    settings = read_settings(r, elsewhere)
    given = _given_coefficients(settings, overrides)
    rows = {
        table: r.read(table, required=given if table is t.COEFFICIENTS else None)
        for table in t.TABLES
    }
    prepaid_file = r.path(t.PREPAID).name
    r.faults += carried_as_written(rows[t.CARRIED], settings.id)
    r.faults += prepaid_as_written(prepaid_file, rows[t.PREPAID], settings.id, str(settings.year))
    _check_levels(r, rows)
    _check_files(r, settings)
    r.refuse(
        folder,
        both("统筹区文件夹不能使用", "the region folder cannot be used"),
        both(
            "逐项更正；各文件的样式见 docs/region.zh-CN.md",
            "mend these; docs/formats.md, section 3, shows each file",
        ),
    )
    return _region(settings, rows, r)


def _given_coefficients(settings: Settings, overrides: Sequence[str]) -> bool:
    """Whether the policy takes coefficients from coefficients.csv.

    A faulty policy asks for nothing here: whoever loads it next says what is wrong with it.
    """
    try:
        policy = load_policy(settings.policy, settings.path)
        year_policy = policy.for_year(settings.year, overrides)
        return year_policy.says("coef.source", "given", "level", "components")
    except PolicyError:
        return False
    except (DrgpayError, OSError, ValueError, TypeError, KeyError, OverflowError):
        return True


def _check_levels(r: Reader, rows: Rows) -> None:
    """Fail if a table writes a level of the hospitals in another way than they do."""
    own = {row["level"] for row in rows[t.HOSPITALS]}
    hospitals = r.path(t.HOSPITALS).name
    for table in (t.LEVEL_COEFFICIENTS, t.BED_DAY_RATES):
        file, levels = r.path(table).name, {row["level"] for row in rows[table]}
        r.faults += [
            located(file, differently_written(hospitals, mine, file, other))
            for mine, other in written_twice(own - {None}, levels - {None})
        ]


def _check_files(r: Reader, settings: Settings) -> None:
    """Fail if the folder has a table that is none of a region's."""
    names = [*(table.name for table in t.TABLES), CASES]
    known = {r.folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES}
    known |= set(settings.cases)
    loose = {path for suffix in SUFFIXES for path in r.folder.glob(f"[!~.]*{suffix}")}
    loose |= {path for path in r.folder.glob("cases.*") if path.suffix.lower() in IN_FOLDERS}
    for path in sorted(loose - known):
        if not path.name.endswith(BESIDE):
            r.add(
                path.name,
                f"不认识的文件，请移出；可有的表：{'、'.join(names)}",
                f"unknown file; known: {', '.join(f'{name}.csv' for name in names)}",
            )


def _by(rows: Sequence[Row], keys: tuple[str, ...], value: str) -> dict[Any, Any]:
    """Return the values of a column by one other, or by a tuple of several."""
    return {row[keys[0]] if len(keys) == 1 else row.of(*keys): row[value] for row in rows}


def coefficients_of(rows: Sequence[Row]) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return given coefficients by hospital and DRG, and by hospital."""
    of_groups = [row for row in rows if row["drg"]]
    of_hospitals = [row for row in rows if not row["drg"]]
    return (
        _by(of_groups, ("hospital_id", "drg"), "coefficient"),
        _by(of_hospitals, ("hospital_id",), "coefficient"),
    )


def _region(settings: Settings, rows: Rows, r: Reader) -> Region:
    """Return the records of rows without a fault."""
    by_drg, by_hospital = coefficients_of(rows[t.COEFFICIENTS])
    scores = _by(rows[t.SCORES], ("hospital_id",), "score")
    months = next((row["months_sha256"] for row in rows[t.PREPAID]), "")
    return Region(
        **vars(settings),
        files=(settings.path / TOML, *r.files),
        hospitals=tuple(
            row.record(
                Hospital,
                id=row["hospital_id"],
                community=row["community_id"],
                coefficient=by_hospital.get(row["hospital_id"]),
                score=scores[row["hospital_id"]],
            )
            for row in sorted(rows[t.HOSPITALS], key=lambda row: row["hospital_id"])
        ),
        group_means=_by_drg(r, rows, t.BASE_POINTS, "group_mean_yuan"),
        weights=_by_drg(r, rows, t.WEIGHTS, "weight"),
        bed_day_rates=tuple(
            row.record(Rate, bed_class=row["bed_day_class"])
            for row in sorted(
                rows[t.BED_DAY_RATES], key=lambda row: row.of("bed_day_class", "level", "from_day")
            )
        ),
        reviews={row["case_id"]: row.record(Review, row=row.number) for row in rows[t.REVIEWS]},
        violations=tuple(row.record(Violation) for row in rows[t.VIOLATIONS]),
        prepaid={
            row.of("hospital_id", "pool"): row.of("prepaid_yuan", "deposit_yuan")
            for row in rows[t.PREPAID]
        },
        prepaid_by=MONTHS if months else HAND,
        prepaid_months=months,
        drg_coefficients=by_drg,
        level_coefficients=_by(rows[t.LEVEL_COEFFICIENTS], ("level",), "coefficient"),
        components=_by(rows[t.GIVEN_COMPONENTS], ("hospital_id", "component"), "value"),
        tcm_shares=_by(rows[t.TCM], ("hospital_id",), "treatment_share"),
        **_carried(rows[t.CARRIED]),
        month_shares=tuple(
            row["share"] for row in sorted(rows[t.MONTH_SHARES], key=lambda row: row["month"])
        ),
        last_year_months=_by(
            rows[t.LAST_YEAR_MONTHS], ("hospital_id", "pool", "month"), "fund_yuan"
        ),
        primary_groups=tuple(
            row.record(Primary, where=str(row.where), first=row["from_date"], last=row["to_date"])
            for row in rows[t.PRIMARY_GROUPS]
        ),
        new_technology=_new_technology(rows),
    )


def _by_drg(r: Reader, rows: Rows, table: Table, column: str) -> dict[str, Any] | None:
    """Return a value of each DRG and whether it is a stable group; None without the table."""
    if not r.there(table):
        return None
    return {row["drg"]: row.of(column, "stable") for row in rows[table]}


def _carried(rows: Sequence[Row]) -> dict[str, Any]:
    """Return amounts to recover from this payment, the runs that they come from, and those that no
    run wrote.
    """
    sums: dict[tuple[str, str], int] = {}
    said: dict[tuple[str, str], list[str]] = {}
    by_hand: dict[tuple[str, str], tuple[int, ...]] = {}
    for row in rows:
        key, fen = (row["hospital_id"], row["pool"]), row["amount_yuan"]
        sums[key] = sums.get(key, 0) + fen
        said.setdefault(key, []).extend([row["from"]] if row["from"] else [])
        if not any(row.of(*CARRIED_ORIGIN)):
            by_hand[key] = (*by_hand.get(key, ()), fen)
    return {
        "carried": sums,
        "carried_from": {key: "; ".join(texts) for key, texts in said.items()},
        "carried_by_hand": by_hand,
    }


def _new_technology(rows: Rows) -> dict[str, tuple[NewItem, ...]]:
    """Return what items of new technology cost, by case, with the days on which they are listed."""
    listed: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows[t.NEW_TECHNOLOGY_ITEMS]:
        listed.setdefault(row["item"], []).append(row.of("from_date", "to_date"))
    found: dict[str, list[NewItem]] = {}
    for row in rows[t.NEW_TECHNOLOGY]:
        found.setdefault(row["case_id"], []).append(
            row.record(NewItem, where=str(row.where), periods=tuple(listed[row["item"]]))
        )
    return {case: tuple(items) for case, items in found.items()}
