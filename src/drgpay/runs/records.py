"""Run folders as records: which there are, whether their inputs are still there, how two differ.

Only manifests and tables of run folders are read (docs/formats.md, section 6).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from drgpay.ground.digests import SUMS, file_digest
from drgpay.ground.errors import DrgpayError, InputError, both
from drgpay.ground.inputs import read_toml
from drgpay.ground.outputs import RECORD
from drgpay.names.readings import readings_text, told_readings
from drgpay.policy import load_policy
from drgpay.runs.duck import connection, identifier, parquet
from drgpay.runs.manifest import MONTH, inputs_of, reopens, version_of
from drgpay.runs.reader import RunFolder

LISTED_CASES = 500
TABLES = (".csv", ".xlsx", ".xls")  # a region folder's own tables
CASES = (*TABLES, ".parquet", ".jsonl", ".json", ".zip")
BESIDE = (".quarantine.csv", ".changes.csv", ".findings.csv")  # what other commands leave
# columns of cases that are compared, in the order in which differences are told
CASE_COLUMNS = (
    "hospital_id", "pool", "status", "drg", "case_class", "coefficient", "total_cost_fen",
    "pool_fund_fen", "not_pool_fen", "unreasonable_fen", "points_before_readmission",
    "readmission", "points", "paid_by", "price_fen",
)  # fmt: skip


@dataclass(frozen=True)
class RunInfo:
    """A run folder by its manifest; `due_fen` of a month is what it paid.

    `reopened` names the folder of the reopened run where it was found with the digest it had; of
    several (copies) the one with the name that the manifest states, then the one beside the run.
    `inputs_match`: None when it was not asked or no region folder was found; `differing`: files.
    Differing are files added since, too: those that are not among `inputs`.
    `compared`: the region folders that the inputs were held against, with the files that differ in
    each; the inputs match when they do in one of them. `changed`: tables of the folder that are
    not those that the run wrote; None when that was not asked, or its manifest has no digests.
    """

    folder: Path
    name: str
    kind: str
    region_id: str
    region_name: str
    year: int
    month: str
    version: int
    reopens: str
    reopens_digest: str
    policy: str
    policy_digest: str
    scheme: str
    drgpay_version: str
    trial: tuple[str, ...]
    point_values: tuple[tuple[str, str], ...]
    due_fen: int
    digest: str
    inputs: Mapping[str, str]
    reopened: str = ""
    inputs_match: bool | None = None
    differing: tuple[str, ...] = ()
    compared: tuple[tuple[str, tuple[str, ...]], ...] = ()
    changed: tuple[str, ...] | None = None
    readings: str = ""

    @property
    def order(self) -> tuple[Any, ...]:
        """How runs are listed: region, year, month, version, folder."""
        return self.region_id, self.year, self.month, self.version, self.name


def read_run(folder: Path, name: str = "") -> RunInfo | None:
    """Return a run folder's record, None when its manifest is not one of a run."""
    try:
        return info_of(RunFolder(folder, ""), name)
    except DrgpayError:
        return None


def info_of(run: RunFolder, name: str = "") -> RunInfo:
    """Return the record of a run."""
    m, month = run.manifest, run.kind == MONTH
    reopened = reopens(m)
    with run.reading():
        return RunInfo(
            folder=run.folder,
            name=name or run.folder.name,
            kind=run.kind,
            region_id=str(m["region"]["id"]),
            region_name=str(m["region"]["name"]),
            year=int(m["region"]["year"]),
            month="1–12" if m.get("all_months") else str(m.get("month", "")),
            version=version_of(m),
            reopens=str(reopened.get("folder", "")),
            reopens_digest=str(reopened.get("manifest_sha256", "")),
            policy=str(m["policy"]["id"]),
            policy_digest=str(m["policy"]["digest"]),
            scheme=str(m["scheme"]["id"]),
            drgpay_version=str(m["drgpay_version"]),
            trial=tuple(run.trial),
            point_values=tuple(
                (str(p["pool"]), str(p["point_value"] or ""))
                for p in (m["months"] if month else m["pools"])
                if not month or p["month"] == m["month"]
            ),
            due_fen=_paid(run),
            digest=run.digest,
            inputs=inputs_of(m),
            readings=readings_text(told_readings(m["scheme"])),
        )


def _paid(run: RunFolder) -> int:
    month = run.kind == MONTH
    name, column = ("months_hospitals", "paid_fen") if month else ("hospitals", "due_fen")
    return int(pc.sum(run.table(name, [column])[column]).as_py() or 0)


def _folders(top: Path) -> Iterator[tuple[Path, list[str]]]:
    for place, folders, files in os.walk(top):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        yield Path(place), files


def list_runs(
    top: Path, *, verify: bool = False, regions: Sequence[Path] = ()
) -> tuple[list[RunInfo], list[Path]]:
    """Return the runs below a folder, and folders whose manifest.json is not one of a run.

    `verify`: hold each run's tables against their digests, and its inputs against the region folders of its region and year: those of
    `regions`, else those found below `top`. Raises InputError when `top` is no folder.
    """
    if not top.is_dir():
        raise InputError(both("没有这个文件夹", "no such folder"), where=top)
    found: list[RunInfo] = []
    strange: list[Path] = []
    known: list[Path] = []
    for folder, files in _folders(top):
        if "region.toml" in files:
            known.append(folder)
        if RECORD not in files:
            continue
        run = read_run(folder, str(folder.relative_to(top)))
        if run is None:
            strange.append(folder)
        else:
            found.append(run)
    found = [
        replace(run, reopened=_reopened(run, found)) if run.reopens else run
        for run in sorted(found, key=lambda run: run.order)
    ]
    if verify:
        named, near = _region_folders(regions), _region_folders(known)
        for i, run in enumerate(found):
            key = run.region_id, run.year
            changed = RunFolder(run.folder, run.kind).changed_files()
            run = replace(run, changed=None if changed is None else tuple(sorted(changed)))
            found[i] = _verified(run, named.get(key) or near.get(key) or [], top)
    return found, strange


def other_results(top: Path, runs: Sequence[RunInfo]) -> list[Path]:
    """Return the folders below a folder that have digests of their files and are no runs."""
    known = {run.folder for run in runs}
    return [folder for folder, files in _folders(top) if SUMS in files and folder not in known]


def _reopened(run: RunInfo, runs: Sequence[RunInfo]) -> str:
    """Return the folder that a run reopens; of several with its digest the one that has the name
    in the manifest comes first, then the one beside the run, then by name.
    """
    same = [other for other in runs if other.digest == run.reopens_digest]
    same.sort(
        key=lambda other: (
            other.folder.name != run.reopens,
            other.folder.parent != run.folder.parent,
            other.name,
        )
    )
    return same[0].name if same else ""


Place = tuple[Path, dict[str, Any]]


def _region_folders(folders: Sequence[Path]) -> dict[tuple[str, int], list[Place]]:
    """Return the region folders of each region and year, with the heads of their region.toml."""
    found: dict[tuple[str, int], list[Place]] = {}
    for folder in folders:
        try:
            head = read_toml(folder / "region.toml")["region"]
            found.setdefault((str(head["id"]), int(head["year"])), []).append((folder, head))
        except (OSError, ValueError, KeyError, TypeError, DrgpayError):
            continue
    return found


def _verified(run: RunInfo, places: Sequence[Place], top: Path) -> RunInfo:
    """Return a run with whether its inputs are what they were, in each region folder of its own."""
    if not places:
        return run
    compared = []
    for folder, head in places:
        differing = []
        for name, digest in run.inputs.items():
            path = _input_path(name, folder, head, run.policy)
            if path is None or not path.is_file() or file_digest(path) != digest:
                differing.append(name)
        differing += _added(run, folder, head)
        below = folder.relative_to(top) if folder.is_relative_to(top) else folder
        compared.append((str(below), tuple(differing)))
    least = min((differing for _, differing in compared), key=len)
    return replace(run, inputs_match=not least, differing=least, compared=tuple(sorted(compared)))


def _added(run: RunInfo, folder: Path, head: Mapping[str, Any]) -> list[str]:
    """Return the tables of a region folder that are new since a run: they would be read now.

    A month reads no capitation, and not the files of which all cases are later than its last day.
    """
    cases = head.get("cases")
    named = {folder / str(c) for c in cases} if isinstance(cases, list) else set()
    there = [p for p in folder.iterdir() if p.suffix.lower() in TABLES and p not in named]
    places = ["history"]
    if run.kind == "month":
        there = [p for p in there if p.stem != "cases"]
    else:
        there += [] if named else folder.glob("cases.*")
        places += ["capitation/**"] if named else ["capitation/**", "cases"]
    there += [p for place in places for p in folder.glob(f"{place}/*")]
    found = {
        str(p.relative_to(folder))
        for p in there
        if p.is_file()
        and p.suffix.lower() in CASES
        and p.name[0] not in "~."
        and not p.name.endswith(BESIDE)
    }
    return sorted(found - set(run.inputs))


def _input_path(name: str, folder: Path, head: Mapping[str, Any], policy: str) -> Path | None:
    """Return where an input of a run lies now: in the region folder, or as region.toml names it."""
    if name == f"{policy}.toml":
        try:
            return load_policy(str(head.get("policy", "")), folder).path
        except DrgpayError:
            return None
    if (folder / name).is_file():
        return folder / name
    cases = head.get("cases")
    named = [folder / str(c) for c in cases] if isinstance(cases, list) else []
    return next((path for path in named if path.name == name), None)


# --- two runs ----------------------------------------------------------------------------------


Rows = Mapping[tuple[str, ...], Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """A figure of two runs under a key; a or b is None where a run has no such row."""

    key: tuple[str, ...]
    column: str
    a: Any
    b: Any

    @property
    def difference(self) -> Any:
        """b − a of numbers, exact; a missing row counts 0; None for texts."""
        a, b = (0 if x is None else x for x in (self.a, self.b))
        if isinstance(a, str) or isinstance(b, str):
            return None
        return b - a


@dataclass(frozen=True)
class CaseChanges:
    """How many cases two runs have in common, how many differ, and in what."""

    only_a: int
    only_b: int
    same: int
    changed: int
    by_column: Mapping[str, int]
    listed: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class RunDiff:
    """All that differs between two runs of a year; `facts` of the head, e.g. version or scheme."""

    a: RunInfo
    b: RunInfo
    facts: Sequence[Change]
    inputs: Sequence[Change]
    parameters: Sequence[Change]
    pools: Sequence[Change]
    hospitals: Sequence[Change]
    classes: Sequence[Change]
    drgs: Sequence[Change]
    cases: CaseChanges
    names: Mapping[str, str] = field(default_factory=dict)
    drg_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether nothing of inputs, rules and amounts differs."""
        parts = (getattr(self, part) for part in PARTS if part != "facts")
        return not any(parts) and not (self.cases.changed or self.cases.only_a or self.cases.only_b)


POOL_COLUMNS = (
    "budget_fen", "available_budget_fen", "recorded_fund_fen", "not_pool_fen", "settled_fen",
    "points", "point_value_fraction", "money_fen", "residual_fen", "cases", "held_cases",
)  # fmt: skip
HOSPITAL_COLUMNS = (
    "cases", "points", "points_deducted", "recorded_fund_fen", "due_fen", "prepaid_fen",
    "forfeited_fen", "shared_fen", "violation_fen", "carried_fen", "final_fen",
)  # fmt: skip
DRG_COLUMNS = ("cases", "points", "total_cost_fen", "group_mean_fen", "base_points")
ENDS = ("cases_in", "paid", "held", "quarantined", "corrected", "replaced")
FACTS = (
    "version", "reopens", "policy", "policy_digest", "scheme", "readings", "drgpay_version", "trial",
)  # fmt: skip


def diff_runs(a: Path, b: Path, *, listed: int = LISTED_CASES) -> RunDiff:
    """Return all that differs between two run folders of a year.

    Raises InputError for a folder that is no run of a year, and for runs of other regions.
    """
    sides = [RunFolder(folder) for folder in (a, b)]
    one, two = (info_of(run) for run in sides)
    if one.region_id != two.region_id:
        raise InputError(
            both(
                f"不是同一地区的清算：{one.region_id}、{two.region_id}",
                f"runs of different regions: {one.region_id}, {two.region_id}",
            ),
            remedy=both("给出同一地区的两个结果文件夹", "give two runs of one region"),
        )
    return RunDiff(
        a=one,
        b=two,
        cases=case_changes(sides[0].path("cases"), sides[1].path("cases"), listed),
        names=_names(sides, "hospitals", "hospital_id"),
        drg_names=_names(sides, "drgs", "drg"),
        **{
            part: _changes([rows(run) for run in sides], columns)
            for part, (columns, rows) in PARTS.items()
        },
    )


def _facts(run: RunFolder) -> Rows:
    """Return what names a run, how many rows came in and what became of them, as texts."""
    info, m = info_of(run), run.manifest
    ends, later = m["ends"], m.get("later_cases") or {}
    counts = [m["counts"]["in"], *(ends.get(k, 0) for k in ("paid", "held", "quarantined"))]
    counts += [later.get("rows", 0), ends.get("replaced", 0)]
    told = {name: f"{int(n):,}" for name, n in zip(ENDS, counts, strict=True)}
    return {("",): {name: _text(getattr(info, name)) for name in FACTS} | told}


def _inputs(run: RunFolder) -> Rows:
    """Return the files that a run read with their digests, corrected cases included."""
    later = (run.manifest.get("later_cases") or {}).get("files", [])
    files = inputs_of(run.manifest) | {f["label"]: f["sha256"] for f in later}
    return {(name,): {"sha256": digest} for name, digest in files.items()}


def _parameters(run: RunFolder) -> Rows:
    return {(key,): {"value": _text(value)} for key, value in run.values.items()}


def _classes(run: RunFolder) -> Rows:
    classes = run.manifest["classes"].items()
    return {(name,): {**sums, "points": Fraction(sums["points"])} for name, sums in classes}


def _rows(name: str, *keys: str) -> Callable[[RunFolder], Rows]:
    """Return what reads a small table by key; decimals and fractions as exact numbers."""

    def exact(column: str, value: Any) -> Any:
        fraction = column == "point_value_fraction" and value is not None
        return Fraction(value) if fraction or isinstance(value, Decimal) else value

    def rows(run: RunFolder) -> Rows:
        return {
            tuple(str(row[key]) for key in keys): {c: exact(c, v) for c, v in row.items()}
            for row in run.table(name).to_pylist()
        }

    return rows


# what of two runs is compared, but for single cases: columns, and the rows of a run
PARTS: Mapping[str, tuple[Sequence[str], Callable[[RunFolder], Rows]]] = {
    "facts": ((*FACTS, *ENDS), _facts),
    "inputs": (("sha256",), _inputs),
    "parameters": (("value",), _parameters),
    "pools": (POOL_COLUMNS, _rows("pools", "pool")),
    "hospitals": (HOSPITAL_COLUMNS, _rows("hospitals", "hospital_id", "pool")),
    "classes": (("cases", "points", "total_cost_fen"), _classes),
    "drgs": (DRG_COLUMNS, _rows("drgs", "drg")),
}


def _names(sides: Sequence[RunFolder], table: str, key: str) -> dict[str, str]:
    """Return names by id, of the first run where both have one."""
    rows = [row for run in reversed(sides) for row in run.table(table, (key, "name")).to_pylist()]
    return {str(row[key]): str(row["name"] or "") for row in rows}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)


def _changes(sides: Sequence[Rows], columns: Sequence[str]) -> list[Change]:
    """Return the figures that differ, by key and column; rows that one side lacks, too.

    A column that an older run folder lacks counts 0.
    """
    a, b = sides
    found = []
    for key in sorted({*a, *b}):
        for column in columns:
            pair = [side[key].get(column, 0) if key in side else None for side in (a, b)]
            if pair[0] != pair[1]:
                found.append(Change(key, column, *pair))
    return found


def case_changes(a: Path, b: Path, listed: int = LISTED_CASES) -> CaseChanges:
    """Return how many settled cases of two runs differ, by column; points of those listed."""
    schemas = [set(pq.read_schema(path).names) for path in (a, b)]
    columns = [c for c in CASE_COLUMNS if all(c in names for names in schemas)]
    unequal = {c: f"a.{identifier(c)} IS DISTINCT FROM b.{identifier(c)}" for c in columns}
    any_unequal = " OR ".join(f"({text})" for text in unequal.values())
    joined = (
        f"(SELECT * FROM {parquet(a)} WHERE status <> 'quarantined') a "
        f"FULL JOIN (SELECT * FROM {parquet(b)} WHERE status <> 'quarantined') b "
        "ON a.case_id = b.case_id"
    )

    with tempfile.TemporaryDirectory() as spill, connection(spill=Path(spill)) as db:
        here = "a.case_id IS NOT NULL AND b.case_id IS NOT NULL"
        counts = [
            "count(*) FILTER (b.case_id IS NULL)",
            "count(*) FILTER (a.case_id IS NULL)",
            f"count(*) FILTER ({here} AND NOT ({any_unequal}))",
            f"count(*) FILTER ({here} AND ({any_unequal}))",
            *(f"count(*) FILTER ({here} AND {text})" for text in unequal.values()),
        ]
        told = db.execute(f"SELECT {', '.join(counts)} FROM {joined}").fetchall()[0]
        shown = ("drg", "case_class", "paid_by", "points")
        pairs = ", ".join(f"a.{c}, b.{c}" for c in shown)
        first = db.execute(
            f"SELECT coalesce(a.case_id, b.case_id) AS case_id, "
            f"coalesce(a.hospital_id, b.hospital_id), coalesce(a.pool, b.pool), {pairs} "
            f"FROM {joined} WHERE a.case_id IS NULL OR b.case_id IS NULL OR {any_unequal} "
            f"ORDER BY case_id LIMIT {int(listed)}"
        ).fetchall()
    names = ["case_id", "hospital_id", "pool"]
    names += [f"{c}_{side}" for c in shown for side in ("a", "b")]
    only_a, only_b, same, changed = (int(n) for n in told[:4])
    return CaseChanges(
        only_a,
        only_b,
        same,
        changed,
        {c: n for c, n in zip(columns, told[4:], strict=True) if n},
        [dict(zip(names, row, strict=True)) for row in first],
    )
