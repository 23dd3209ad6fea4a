"""What manifest.json of a result says: read and written here alone (docs/formats.md, section 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.ground.digests import record
from drgpay.ground.outputs import RECORD
from drgpay.names.readings import told_readings
from drgpay.region.together import by_pool

Manifest = Mapping[str, Any]
YEAR, MONTH = "year", "month"  # kinds of runs: a settled year, a month or all twelve


def kind_of(manifest: Manifest) -> str:
    """Return what kind of result it is: a year has none named."""
    return str(manifest.get("kind", YEAR))


def check_manifest(manifest: Manifest, kind: str = "") -> None:
    """Fail if a manifest is not that of a run (of a kind), or lacks what all who read one need.

    Raises KeyError, TypeError, ValueError or AttributeError, as its content was changed by hand.
    """
    own = kind_of(manifest)
    if own not in (YEAR, MONTH) or own != (kind or own):
        raise ValueError(f"it is of the kind {own}")
    region, policy, scheme = (manifest[name] for name in ("region", "policy", "scheme"))
    told = [region["id"], region["name"], int(region["year"]), manifest["drgpay_version"]]
    told += [policy["id"], policy["digest"], scheme["id"], scheme["digest"]]
    told += [p["key"] for p in policy["parameters"] if "value" in p]
    told += inputs_of(manifest).values()
    if None in told or not isinstance(manifest["trial"], list):
        raise ValueError("what names the run is empty")
    told_readings(scheme)
    if own == MONTH:
        months = [manifest["month"], *manifest.get("recomputed_months", ())]
        _ = [int(text[5:]) for text in months], bool(manifest["all_months"]), manifest["months"]
    else:
        _ = point_values(manifest), manifest["hospitals"], manifest["classes"]


def inputs_of(manifest: Manifest) -> dict[str, str]:
    """Return the files that a run read, with their SHA-256."""
    return {str(f["file"]): str(f["sha256"]) for f in manifest["inputs"]}


def values_of(manifest: Manifest) -> dict[str, Any]:
    """Return the parameters of a run by key, each as its policy file has it."""
    return {p["key"]: p["value"] for p in manifest["policy"]["parameters"]}


def version_of(manifest: Manifest) -> int:
    """Return the version of a settled year; runs before there were versions are the first."""
    return int(manifest.get("version", 1))


def reopens(manifest: Manifest) -> Manifest:
    """Return what the run says of the one that it reopens; empty where it reopens none."""
    told: Manifest = manifest.get("reopens") or {}
    return told


def later_rows(manifest: Manifest) -> list[Manifest]:
    """Return the later violations that a reopened run took in."""
    return list((manifest.get("later_violations") or {}).get("rows", []))


def point_values(manifest: Manifest) -> dict[str, Fraction]:
    """Return yuan a point, exact, by pool, also where several have one value."""
    return by_pool((p["pool"], Fraction(p["point_value_fraction"])) for p in manifest["pools"])


def write_manifest(folder: Path, facts: Manifest, name: str = RECORD) -> None:
    """Write the manifest of a folder whose tables are all there, with the digest of each."""
    text = json.dumps({**facts, **record(folder)}, ensure_ascii=False, indent=1)
    (folder / name).write_text(text + "\n", encoding="utf-8")
