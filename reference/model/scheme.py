"""A DRG scheme, read from its folder of tables (docs/formats.md section 1)."""

import csv
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.model.rules import CodeList, Names, Question, RuleError, parse_rule

REFERENCE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Drg:
    """A DRG (细分组) and the rule of its case."""

    code: str
    name: str
    rule: Question


@dataclass(frozen=True)
class Adrg:
    """An adjacent DRG (核心疾病诊断相关组); `code` has three characters, without the suffix."""

    code: str
    surgical: bool
    rule: Question
    drgs: tuple[Drg, ...]


@dataclass(frozen=True)
class Mdc:
    """A major diagnostic category (主要诊断大类); `ambiguous` is no, yes or main."""

    code: str
    name: str
    rule: Question
    ambiguous: str
    adrgs: tuple[Adrg, ...]

    @property
    def ambiguous_code(self) -> str:
        """The code of its ambiguous group (歧义组): MDCB -> BQY."""
        return self.code[3] + "QY"


@dataclass(frozen=True)
class Scheme:
    """A scheme's rules, ready to be asked."""

    path: Path
    title: str
    code_system: str  # a bundled name, or the path of a folder
    surgical_match: str
    retry_further_procedures: bool
    mdcs: tuple[Mdc, ...]
    severity: dict[str, tuple[str, str]]  # code -> MCC or CC, exclusion list
    exclusions: dict[str, frozenset[str]]  # principal diagnosis -> exclusion lists it stands on
    valid_procedures: CodeList
    drg_names: dict[str, str]
    missing_lists: tuple[tuple[str, str], ...]  # owner and list: named by a rule, no code at all


@dataclass(frozen=True)
class CodeSystem:
    """Names of codes, and the codes of the insurance version (医保版) mapped to them."""

    diagnoses: dict[str, str]
    procedures: dict[str, str]
    diagnosis_map: dict[str, str]
    procedure_map: dict[str, str]


def load_scheme(path: str | Path, surgical_match: str | None = None) -> Scheme:
    """Read a scheme folder, or a bundled scheme by its name.

    `surgical_match` ("main" or "any") overrides the manifest's. Raises ValueError when a table
    is missing or contradicts itself, RuleError when a rule cannot be read. A list without any code
    is empty and stands in `missing_lists`: its rule can never hold (or, with `not in`, always).
    """
    folder = find_folder(path, "schemes")
    manifest: dict[str, Any] = {}
    if (folder / "manifest.toml").exists():
        manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    options = manifest.get("options", {})
    codes = manifest.get("code_system", {})
    reading = surgical_match or options.get("surgical_match", "main")
    if reading not in ("main", "any"):
        raise ValueError(f"{folder}: surgical_match is 'main' or 'any', not {reading!r}")
    retry = options.get("retry_further_procedures", False)
    if not isinstance(retry, bool):
        raise ValueError(f"{folder}: retry_further_procedures is true or false, not {retry!r}")

    valid = frozenset(row["code"] for row in _rows(folder, "valid_procedures.csv", ("code",)))
    lists: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in _rows(folder, "lists.csv", ("owner", "list", "code")):
        lists[row["owner"]][row["list"]].add(row["code"])

    all_names: dict[str, Names] = {}

    def names(owner: str, sites: tuple[CodeList, ...]) -> Names:
        own = {name: frozenset(codes) for name, codes in lists[owner].items()}
        own["valid_procedures"] = valid
        all_names[owner] = Names(own, sites, any_procedure=reading == "any")
        return all_names[owner]

    drg_rows = _grouped(_rows(folder, "drg.csv", ("adrg", "order", "drg", "rule", "name")), "adrg")
    adrg_rows = _grouped(
        _rows(folder, "adrg.csv", ("mdc", "order", "adrg", "kind", "rule", "name")), "mdc"
    )
    mdcs = []
    for row in _in_order(
        _rows(folder, "mdc.csv", ("order", "mdc", "name", "rule", "ambiguous", "sites"))
    ):
        sites = _site_lists(row, lists[row["mdc"]])
        adrgs = []
        for adrg in _in_order(adrg_rows.pop(row["mdc"], [])):
            own_names = names(adrg["adrg"], sites)
            drgs = tuple(
                Drg(drg["drg"], drg["name"], _rule(folder, drg["drg"], drg["rule"], own_names))
                for drg in _in_order(drg_rows.pop(adrg["adrg"], []))
            )
            if adrg["kind"] not in ("surgical", "medical"):
                raise ValueError(f"{folder}: kind of {adrg['adrg']} is {adrg['kind']!r}")
            question = _rule(folder, adrg["adrg"], adrg["rule"], own_names)
            adrgs.append(Adrg(adrg["adrg"][:3], adrg["kind"] == "surgical", question, drgs))
        if row["ambiguous"] not in ("no", "yes", "main"):
            raise ValueError(f"{folder}: ambiguous of {row['mdc']} is {row['ambiguous']!r}")
        surgical = [adrg.surgical for adrg in adrgs]
        if row["ambiguous"] != "no" and surgical != sorted(surgical, reverse=True):
            raise ValueError(
                f"{folder}: {row['mdc']} has an ambiguous group, so its surgical ADRGs must "
                "come before its medical ones"
            )
        question = _rule(folder, row["mdc"], row["rule"], names(row["mdc"], sites))
        mdcs.append(Mdc(row["mdc"], row["name"], question, row["ambiguous"], tuple(adrgs)))
    if adrg_rows or drg_rows:
        lost = sorted((*adrg_rows, *drg_rows))
        raise ValueError(f"{folder}: rows of adrg.csv or drg.csv without their parent: {lost}")

    severity = {}
    for row in _rows(folder, "severity.csv", ("code", "level", "exclusion_list")):
        if row["level"] not in ("MCC", "CC") or row["code"] in severity:
            raise ValueError(f"{folder}: severity.csv: {row['code']} twice, or not MCC or CC")
        severity[row["code"]] = (row["level"], row["exclusion_list"])
    exclusions = defaultdict(set)
    for row in _rows(folder, "exclusions.csv", ("exclusion_list", "principal")):
        exclusions[row["principal"]].add(row["exclusion_list"])
    return Scheme(
        path=folder,
        title=manifest.get("title", folder.name),
        code_system=str(folder / codes["path"]) if "path" in codes else codes.get("name", ""),
        surgical_match=reading,
        retry_further_procedures=retry,
        mdcs=tuple(mdcs),
        severity=severity,
        exclusions={principal: frozenset(on) for principal, on in exclusions.items()},
        valid_procedures=valid,
        drg_names={drg.code: drg.name for mdc in mdcs for adrg in mdc.adrgs for drg in adrg.drgs},
        missing_lists=tuple(
            (owner, name) for owner, own in all_names.items() for name in sorted(own.missing)
        ),
    )


def load_code_system(path: str | Path) -> CodeSystem:
    """Read a code system's folder, or a bundled one by its name."""
    folder = find_folder(path, "code_systems")
    return CodeSystem(
        diagnoses=_pairs(folder, "diagnoses.csv", "code", "name"),
        procedures=_pairs(folder, "procedures.csv", "code", "name"),
        diagnosis_map=_pairs(folder, "diagnosis_map.csv", "insurance_code", "code"),
        procedure_map=_pairs(folder, "procedure_map.csv", "insurance_code", "code"),
    )


def find_folder(name: str | Path, bundled: str, beside: Path | None = None) -> Path:
    """A bundled folder of that name, else the path (relative to `beside` when given)."""
    if isinstance(name, str) and (REFERENCE / bundled / name).is_dir():
        return REFERENCE / bundled / name
    folder = (beside or Path()) / name
    if not folder.is_dir():
        raise ValueError(f"{name}: neither bundled in reference/{bundled} nor a folder ({folder})")
    return folder


def _rule(folder: Path, owner: str, text: str, names: Names) -> Question:
    try:
        return parse_rule(text, names)
    except RuleError as error:
        raise RuleError(f"{folder.name}: {owner}: {error}") from None


def _site_lists(row: dict[str, str], lists: dict[str, set[str]]) -> tuple[CodeList, ...]:
    """The lists site_1, site_2 ... of an MDC that names trauma sites."""
    count = len(row["sites"].split("|")) if row["sites"] else 0
    missing = [f"site_{i}" for i in range(1, count + 1) if f"site_{i}" not in lists]
    if missing:
        raise ValueError(f"lists.csv lacks {missing} of {row['mdc']}")
    return tuple(frozenset(lists[f"site_{i}"]) for i in range(1, count + 1))


def _rows(folder: Path, file: str, columns: Iterable[str]) -> list[dict[str, str]]:
    if not (folder / file).exists():
        raise ValueError(f"{folder}: {file} is missing")
    with open(folder / file, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{folder}: {file} lacks the columns {sorted(missing)}")
        return list(reader)


def _pairs(folder: Path, file: str, key: str, value: str) -> dict[str, str]:
    return {row[key]: row[value] for row in _rows(folder, file, (key, value))}


def _grouped(rows: list[dict[str, str]], column: str) -> dict[str, list[dict[str, str]]]:
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row[column], []).append(row)
    return grouped


def _in_order(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: int(row["order"]))
