"""What manifest.json of a result says: read and written here alone (docs/formats.md, section 6)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from drgpay.budget.ceiling import Ceiling
from drgpay.ground.digests import InputFile
from drgpay.ground.errors import Bilingual, in_language
from drgpay.names.readings import told_readings
from drgpay.policy import YearPolicy
from drgpay.region.records import Region
from drgpay.region.together import by_pool
from drgpay.schemes import Scheme

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


def settled_values(manifest: Manifest) -> list[tuple[str, Fraction]]:
    """Return yuan a point, exact, by the name that a pool is settled under ("310+390").

    Of a year, or of the last month of a month's folder, where pools without points have none.
    """
    if kind_of(manifest) != MONTH:
        return [(p["pool"], Fraction(p["point_value_fraction"])) for p in manifest["pools"]]
    return [
        (p["pool"], Fraction(p["point_value_fraction"]))
        for p in manifest["months"]
        if p["month"] == manifest["month"] and p["point_value_fraction"] is not None
    ]


def point_values(manifest: Manifest) -> dict[str, Fraction]:
    """Return yuan a point, exact, by pool, also where several have one value."""
    return by_pool(settled_values(manifest))


# --- what manifests of several kinds say alike


def named(of: object, names: str) -> dict[str, Any]:
    """Return attributes of a record by their names, which stand in one text."""
    return {name: getattr(of, name) for name in names.split()}


def region_facts(region: Region) -> dict[str, Any]:
    """Return which region and year a result is of."""
    return named(region, "id name year")


def policy_facts(policy: YearPolicy, sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy in force with every parameter; `policy_of` reads it."""
    return {
        **named(policy, "id title digest"),
        "sources": dict(sources),
        "parameters": [p.as_dict() for p in policy.parameters.values()],
    }


def scheme_facts(scheme: Scheme) -> dict[str, Any]:
    """Return the scheme that cases were grouped by, with its readings."""
    return {
        **named(scheme, "id title digest"),
        "readings": dict(scheme.options),
        "effective": str(scheme.manifest.get("effective", {}).get("from", "")),
        "draft": scheme.draft,
    }


def input_facts(inputs: Iterable[InputFile]) -> list[dict[str, Any]]:
    """Return the files that a run read; `inputs_of` reads it."""
    return [{"file": f.name, **named(f, "rows bytes sha256")} for f in inputs]


def ceiling_facts(ceiling: Ceiling | None) -> dict[str, Any] | None:
    """Return what leaves the funds against the control target; None when none was given."""
    if ceiling is None:
        return None
    return {
        "control_target_fen": ceiling.target_fen,
        **named(ceiling, "free_fen total_fen excess_fen"),
        "reserves": [
            {
                **named(drawn.reserve, "name amount_fen"),
                "drawn_fen": drawn.drawn_fen,
                "inside_target": drawn.reserve.inside_target,
            }
            for drawn in ceiling.drawn
        ],
        "payments": [named(payment, "mode name amount_fen") for payment in ceiling.payments],
    }


def two_languages(text: Bilingual) -> dict[str, str]:
    """Return a text in both languages."""
    return {lang: in_language(text, lang) for lang in ("zh", "en")}


def check_fact(
    name: str, text: Bilingual, detail: str | None = None, *, passed: bool = True
) -> dict[str, Any]:
    """Return an identity that a result was held to: one that failed leaves no result."""
    told = {"name": name, "text_zh": in_language(text, "zh"), "text_en": in_language(text, "en")}
    return {**told, "passed": passed, **({} if detail is None else {"detail": detail})}


def write_manifest(path: Path, facts: Manifest) -> None:
    """Write what a manifest says."""
    path.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
