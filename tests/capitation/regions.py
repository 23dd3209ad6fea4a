"""Small invented regions of capitation, drawn from seeds, and what the engine must share."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.capitation.result import Capitation
from drgpay.ground.money import decimal_fraction
from reference.model import capitation as model

Row = dict[str, str]
POLICY: dict[str, Any] = {
    "capitation.method": "rate",
    "capitation.rate_yuan": "600",
    "capitation.area_of_resident": "registered",
    "capitation.invalid_cost": "charged",
    "capitation.special_factors": ["migration", "disease"],
    "capitation.keep_ratio": "0.8",
    "capitation.deficit_share": "0.25",
}


def write(folder: Path, name: str, rows: Sequence[Mapping[str, str]], header: str = "") -> Path:
    """Write a table of a capitation folder as CSV."""
    path = folder / "capitation" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True, parents=True)
    columns = header.split(",") if header else list(dict.fromkeys(k for row in rows for k in row))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def person(person_id: str, kind: str = "resident", months: int = 12, **more: str) -> Row:
    return {"person_id": person_id, "kind": kind, "months": str(months), **more}


def visit(visit_id: str, person_id: str, hospital_id: str, fund: str, **more: str) -> Row:
    row = {"visit_id": visit_id, "person_id": person_id, "hospital_id": hospital_id}
    return {**row, "visit_date": "2024-05-06", "total_cost": fund, "pool_fund": fund, **more}


def write_region(
    folder: Path,
    persons: Sequence[Row],
    visits: Sequence[Row],
    *,
    communities: Sequence[str] = ("A", "B"),
    areas: Mapping[str, str] | None = None,
    members: Mapping[str, str] | None = None,
    cells: Sequence[Row] = (),
    total_yuan: str = "",
) -> Path:
    """Write a region: by default communities A and B with areas a, b and hospitals HA, HB."""
    areas = {c.lower(): c for c in communities} if areas is None else areas
    members = {f"H{c}": c for c in communities} if members is None else members
    write(folder, "communities", [{"community_id": c, "name": f"医共体{c}"} for c in communities])
    write(
        folder,
        "areas",
        [{"area": a, "community_id": c} for a, c in areas.items()],
        "area,community_id",
    )
    write(
        folder,
        "community_members",
        [{"community_id": c, "hospital_id": h} for h, c in members.items()],
        "community_id,hospital_id",
    )
    write(folder, "persons", persons, "" if persons else "person_id,kind,months")
    write(
        folder,
        "visits",
        visits,
        "" if visits else "visit_id,person_id,hospital_id,visit_date,total_cost,pool_fund",
    )
    for name, rows in (
        ("risk_cells", cells),
        ("budget", [{"pool_total_yuan": total_yuan}] if total_yuan else []),
    ):
        if rows:
            write(folder, name, rows)
    return folder


def engine_policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy as the engine is given it: decimals exact, lists as tuples."""
    out = dict(policy)
    for key in ("capitation.rate_yuan", "capitation.keep_ratio", "capitation.deficit_share"):
        out[key] = None if out[key] == "none" else decimal_fraction(out[key])
    out["capitation.special_factors"] = tuple(out["capitation.special_factors"])
    return out


# --- drawn regions ----------------------------------------------------------------------------


def draw_policy(rng: random.Random) -> dict[str, Any]:
    method = rng.choice(["rate", "rate", "share_of_budget"])
    return {
        "capitation.method": method,
        "capitation.rate_yuan": rng.choice(["0", "612.34", "0.07", "1000"])
        if method == "rate"
        else rng.choice(["none", "500"]),
        "capitation.area_of_resident": rng.choice(["registered", "usual", "usual_then_registered"]),
        "capitation.invalid_cost": rng.choice(["charged", "excluded"]),
        "capitation.special_factors": rng.choice([[], ["migration"], ["migration", "disease"]]),
        "capitation.keep_ratio": rng.choice(["0", "1", "0.7", "0.333"]),
        "capitation.deficit_share": rng.choice(["0", "1", "0.15", "0.667"]),
    }


def draw_cells(rng: random.Random) -> list[Row]:
    """Draw cells that do not overlap and leave nobody out, or none at all."""
    if rng.random() < 0.3:
        return []
    parts: list[Row] = [{}]
    for column, values in (
        ("sex", ["M", "F"]),
        ("kind", ["resident", "flexible", "student", "employee"]),
        ("chronic", ["none", "D1", "D2"]),
        ("inpatient_last_year", ["yes", "no"]),
    ):
        if rng.random() < 0.5:
            parts = [{**part, column: value} for part in parts for value in values]
    if rng.random() < 0.6:
        cut = rng.randint(1, 90)
        bands = [{"age_from": "", "age_to": str(cut)}, {"age_from": str(cut + 1), "age_to": ""}]
        parts = [{**part, **band} for part in parts for band in bands]
    weights = ["0", "1", "0.5", "1.25", "3", "0.000001", "2.718281"]
    return [
        {"cell": f"c{number}", "weight": rng.choice(weights), **part}
        for number, part in enumerate(parts)
    ]


def draw_region(folder: Path, seed: int) -> tuple[Path, dict[str, Any]]:
    """Write the region of a seed, clean as the model wants it, and return it with its policy."""
    rng = random.Random(seed)
    policy = draw_policy(rng)
    communities = [f"G{i}" for i in rng.sample(range(20), rng.randint(1, 5))]
    areas = {f"area{i}": rng.choice([*communities, ""]) for i in range(rng.randint(0, 8))}
    hospitals = [f"H{i}" for i in range(rng.randint(1, 9))]
    members = {h: rng.choice(communities) for h in hospitals if rng.random() < 0.8}
    cells = draw_cells(rng)
    ids = [f"P{i:04d}" for i in rng.sample(range(500), rng.randint(1, 60))]
    some_areas = [*areas, "", "elsewhere"]
    persons = [
        {
            "person_id": name,
            "kind": rng.choice(["resident", "flexible", "student", "employee"]),
            "months": str(rng.randint(1, 12)),
            "signed_community": rng.choice(communities) if rng.random() < 0.4 else "",
            **{
                column: rng.choice(some_areas)
                for column in ("registered_area", "usual_area", "school_area", "employer_area")
            },
            "sex": rng.choice("MF"),
            "age": str(rng.choice([0, 1, 17, 45, 60, 90, 91, 150])),
            "chronic": rng.choice(["", "none", "D1", "D2"]),
            "inpatient_last_year": rng.choice(["", "yes", "no"]),
            "invalid": rng.choice(["yes"] + ["no", ""] * 4),
            "invalid_reason": rng.choice(["", "已死亡", "重复参保"]),
        }
        for name in ids
    ]
    visits = []
    for number in range(rng.randint(0, 200)):
        fund = rng.choice([0, rng.randint(1, 99), rng.randint(1, 5_000_000)])
        cost = fund + rng.randint(0, 10_000)
        visits.append(
            {
                "visit_id": f"V{number}",
                "person_id": rng.choice([*ids, "P9999"]),
                "hospital_id": rng.choice([*hospitals, "OUT"]),
                "visit_date": f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
                "total_cost": f"{cost // 100}.{cost % 100:02d}",
                "pool_fund": f"{fund // 100}.{fund % 100:02d}",
                "special_factor": rng.choice(["", "", "migration", "disease", "other"]),
                "document": rng.choice(["", "文号1"]),
            }
        )
    total = f"{rng.randint(0, 10**8) / 100:.2f}" if policy["capitation.method"] != "rate" else ""
    if total and not _somebody(persons, areas, policy, cells):
        total = "0"
    path = write_region(
        folder,
        persons,
        visits,
        communities=communities,
        areas=areas,
        members=members,
        cells=cells,
        total_yuan=total,
    )
    return path, policy


def _somebody(
    persons: Sequence[Row], areas: dict[str, str], policy: Mapping[str, Any], cells: list[Row]
) -> bool:
    """Whether some valid person with a weight belongs to a community."""
    return any(
        row["invalid"] != "yes"
        and model.community_of(row, areas, policy)[0]
        and model.weight_of(row, cells) > 0
        for row in persons
    )


# --- comparison -------------------------------------------------------------------------------


def compare(fast: Capitation, plain: model.Capitation) -> int:
    """Assert that both came to the same figures; return how many were compared."""
    count = 0
    rows = {row["community_id"]: row for row in fast.communities.to_pylist()}
    assert set(rows) == set(plain.communities)
    for name, one in plain.communities.items():
        for field in fields(one):
            expected = getattr(one, field.name)
            got = rows[name][field.name]
            if isinstance(expected, Fraction):
                got = Fraction(got)
            assert got == expected, (name, field.name, got, expected)
            count += 1
    buckets = {(row["reason"], row["kind"]): row for row in fast.unassigned.to_pylist()}
    count += _same(buckets, plain.unassigned)
    heads = {(row["community_id"] or "", row["reason"]): row for row in fast.invalid.to_pylist()}
    count += _same(heads, plain.invalid)
    totals = fast.totals
    assert totals["visits_invalid"] == plain.invalid_not_charged.visits
    assert totals["fund_invalid_fen"] == plain.invalid_not_charged.pool_fund_fen
    assert totals["visits_unknown_person"] == plain.unknown.visits
    assert totals["fund_unknown_person_fen"] == plain.unknown.pool_fund_fen
    assert not len(fast.quarantined)
    return count + 4


def _same(rows: Mapping[Any, Row], plain: Mapping[Any, model.Bucket]) -> int:
    assert set(rows) == set(plain)
    for key, bucket in plain.items():
        for field in fields(bucket):
            assert rows[key][field.name] == getattr(bucket, field.name), (key, field.name)
    return len(plain) * 5
