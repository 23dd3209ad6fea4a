"""A DRG scheme, read from its folder of tables (docs/formats.md section 1)."""

import csv
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from reference.model.rules import CodeList, Names, Question, RuleError, parse_rule

REFERENCE = Path(__file__).resolve().parent.parent
COLUMNS: dict[str, tuple[str, ...]] = {
    "mdc.csv": ("order", "mdc", "name", "rule", "ambiguous", "sites"),
    "adrg.csv": ("mdc", "order", "adrg", "kind", "rule", "name"),
    "drg.csv": ("adrg", "order", "drg", "rule", "name"),
    "lists.csv": ("owner", "list", "code"),
    "severity.csv": ("code", "level", "exclusion_list"),
    "exclusions.csv": ("exclusion_list", "principal"),
    "valid_procedures.csv": ("code",),
    "valid_procedures_later.csv": ("code", "valid"),
    "not_grouping.csv": ("kind", "code"),
    "grey_codes.csv": ("kind", "code"),
    "passed_on.csv": ("mdc", "rule"),
    "named_conditions.csv": ("group", "rule", "words", "source", "note"),
    "codes_extra.csv": ("kind", "code", "name"),
}
# what names a row, where an overlay says what differs from its base
KEYS: dict[str, tuple[str, ...]] = {
    **COLUMNS,
    "mdc.csv": ("mdc",),
    "adrg.csv": ("adrg",),
    "drg.csv": ("adrg", "drg"),
    "severity.csv": ("code",),
    "valid_procedures_later.csv": ("code",),
    "passed_on.csv": ("mdc",),
    "named_conditions.csv": ("group",),
    "codes_extra.csv": ("kind", "code"),
}
MAY_BE_MISSING = (
    "valid_procedures_later.csv",
    "not_grouping.csv",
    "grey_codes.csv",
    "passed_on.csv",
    "named_conditions.csv",
    "codes_extra.csv",
)
# readings that tables leave open: the choices, the first where a manifest says nothing
READINGS: dict[str, tuple[str, ...]] = {
    "surgical_match": ("main", "any"),
    "sex_and_newborn": ("ambiguous", "passed_on"),
    "ungroupable_principals": ("tried", "refused"),
    "valid_procedures": ("tabled", "later"),
    "conditions": ("named", "tabled"),
}
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Drg:
    """A DRG (细分组) and the rule of its case."""

    code: str
    name: str
    rule: Question


@dataclass(frozen=True)
class Adrg:
    """An adjacent DRG (核心疾病诊断相关组); `code` has three characters, without the suffix.

    `kind`: surgical, medical; ambiguous (歧义组) or fallback (an MDC's rest), groups themselves.
    """

    code: str
    kind: str
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
    refused_principals: CodeList  # diagnoses that group nowhere as the principal one
    drg_names: dict[str, str]
    ambiguous_groups: frozenset[str]
    known_procedures: CodeList  # of the code system, of lists and of extra codes
    missing_lists: tuple[tuple[str, str], ...]  # owner and list: named by a rule, no code at all


@dataclass(frozen=True)
class CodeSystem:
    """Names of codes, and the codes of the insurance version (医保版) mapped to them."""

    diagnoses: dict[str, str]
    procedures: dict[str, str]
    diagnosis_map: dict[str, str]
    procedure_map: dict[str, str]


def load_scheme(
    path: str | Path,
    surgical_match: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Scheme:
    """Read a scheme folder, or a bundled scheme by its name.

    `surgical_match` ("main" or "any") and other `options` override the manifest's. Raises ValueError when a table
    is missing or contradicts itself, RuleError when a rule cannot be read. A list without any code
    is empty and stands in `missing_lists`: its rule can never hold (or, with `not in`, always).
    """
    folder = find_folder(path, "schemes")
    asked = dict(options or {}) | ({"surgical_match": surgical_match} if surgical_match else {})
    if folder.parent == REFERENCE / "schemes":
        return _bundled_scheme(folder, tuple(sorted(asked.items())))
    return _scheme(folder, asked)


@lru_cache(maxsize=16)
def _bundled_scheme(folder: Path, asked: tuple[tuple[str, str], ...]) -> Scheme:
    """A scheme whose tables stay as they are."""
    return _scheme(folder, dict(asked))


def _scheme(folder: Path, asked: Mapping[str, str]) -> Scheme:
    manifest, composed = _tables(folder)
    tables = dict(composed)  # some readings put others in their place
    codes = manifest.get("code_system", {})
    chosen = _readings(folder, manifest.get("options", {}), asked)
    reading = chosen["surgical_match"]
    retry = manifest.get("options", {}).get("retry_further_procedures", False)
    if not isinstance(retry, bool):
        raise ValueError(f"{folder}: retry_further_procedures is true or false, not {retry!r}")

    valid = frozenset(row["code"] for row in tables["valid_procedures.csv"])
    if chosen["valid_procedures"] == "later":
        later = tables["valid_procedures_later.csv"]
        gone = {row["code"] for row in later}
        valid = valid - gone | {row["code"] for row in later if row["valid"] == "yes"}
    if chosen["sex_and_newborn"] == "passed_on":
        _pass_on(tables)
    if chosen["conditions"] == "named":
        _add_named_conditions(tables)
    refused: set[str] = set()
    if chosen["ungroupable_principals"] == "refused":
        for file in ("not_grouping.csv", "grey_codes.csv"):
            refused |= {row["code"] for row in tables[file] if row["kind"] == "diagnosis"}
    lists: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in tables["lists.csv"]:
        lists[row["owner"]][row["list"]].add(row["code"])
    everyone = lists.get("*", {})  # lists that every rule may name

    all_names: dict[str, Names] = {}

    def names(owner: str, sites: tuple[CodeList, ...]) -> Names:
        own = {name: frozenset(codes) for name, codes in {**everyone, **lists[owner]}.items()}
        own["valid_procedures"] = valid
        all_names[owner] = Names(own, sites, any_procedure=reading == "any")
        return all_names[owner]

    drg_rows = _grouped(tables["drg.csv"], "adrg")
    adrg_rows = _grouped(tables["adrg.csv"], "mdc")
    mdcs = []
    for row in _in_order(tables["mdc.csv"]):
        sites = _site_lists(row, lists[row["mdc"]])
        adrgs = []
        for adrg in _in_order(adrg_rows.pop(row["mdc"], [])):
            own_names = names(adrg["adrg"], sites)
            drgs = tuple(
                Drg(
                    drg["drg"].partition("_")[0],
                    drg["name"],
                    _rule(
                        folder,
                        drg["drg"],
                        drg["rule"],
                        # a list named in a DRG's rule is its own where it has any
                        names(drg["drg"], sites) if drg["drg"] in lists else own_names,
                    ),
                )
                for drg in _in_order(drg_rows.pop(adrg["adrg"], []))
            )
            if adrg["kind"] not in ("surgical", "medical", "ambiguous", "fallback"):
                raise ValueError(f"{folder}: kind of {adrg['adrg']} is {adrg['kind']!r}")
            question = _rule(folder, adrg["adrg"], adrg["rule"], own_names)
            if not drgs and adrg["kind"] in ("ambiguous", "fallback"):
                code = adrg["adrg"][:3] + ("0" if adrg["kind"] == "fallback" else "")
                drgs = (Drg(code, adrg["name"], lambda _facts: True),)
            adrgs.append(Adrg(adrg["adrg"][:3], adrg["kind"], question, drgs))
        if row["ambiguous"] not in ("no", "yes", "main"):
            raise ValueError(f"{folder}: ambiguous of {row['mdc']} is {row['ambiguous']!r}")
        behind = [adrg.kind == "medical" for adrg in adrgs if adrg.kind in ("surgical", "medical")]
        if row["ambiguous"] != "no" and behind != sorted(behind):
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
    for row in tables["severity.csv"]:
        if row["level"] not in ("MCC", "CC") or row["code"] in severity:
            raise ValueError(f"{folder}: severity.csv: {row['code']} twice, or not MCC or CC")
        severity[row["code"]] = (row["level"], row["exclusion_list"])
    exclusions = defaultdict(set)
    for row in tables["exclusions.csv"]:
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
        refused_principals=frozenset(refused),
        ambiguous_groups=frozenset(
            [mdc.ambiguous_code for mdc in mdcs if mdc.ambiguous != "no"]
            + [d.code for mdc in mdcs for a in mdc.adrgs if a.kind == "ambiguous" for d in a.drgs]
        ),
        known_procedures=_known_procedures(folder, codes, valid, lists, tables["codes_extra.csv"]),
        drg_names={drg.code: drg.name for mdc in mdcs for adrg in mdc.adrgs for drg in adrg.drgs},
        missing_lists=tuple(
            (owner, name) for owner, own in all_names.items() for name in sorted(own.missing)
        ),
    )


def _composed(folder: Path) -> tuple[dict[str, Any], dict[str, Rows]]:
    """A scheme's manifest and tables, put together with those of the scheme it stands on.

    A table that an overlay lacks is the base's; a table with a column `change` adds or replaces
    rows (+) or takes them away (-), by their key; another one takes the base's place.
    """
    manifest: dict[str, Any] = {}
    if (folder / "manifest.toml").exists():
        manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    below: dict[str, Rows] = {}
    if "base" in manifest:
        under = find_folder(manifest["base"], "schemes", folder)
        base, below = _tables(under)
        own = manifest.get("options", {})
        manifest = {**manifest, "options": {**base.get("options", {}), **own}}
        system = dict(base.get("code_system", {}))
        if "path" in system:
            system["path"] = str((under / system["path"]).resolve())
        manifest.setdefault("code_system", system)
    tables = {}
    for file, columns in COLUMNS.items():
        if (folder / file).exists():
            rows = _rows(folder, file, columns)
            tables[file] = rows
            if rows and "change" in rows[0]:
                tables[file] = _changed(folder / file, below[file], rows, KEYS[file])
        elif file in below:
            tables[file] = below[file]
        elif file in MAY_BE_MISSING:
            tables[file] = []
        else:
            raise ValueError(f"{folder}: {file} is missing")
    return manifest, tables


def _tables(folder: Path) -> tuple[dict[str, Any], dict[str, Rows]]:
    return _bundled(folder) if folder.parent == REFERENCE / "schemes" else _composed(folder)


@lru_cache(maxsize=2)  # a scheme, and the one below it, on which many others stand
def _bundled(folder: Path) -> tuple[dict[str, Any], dict[str, Rows]]:
    """The same of a bundled scheme: nobody changes its rows."""
    return _composed(folder)


def _changed(path: Path, before: Rows, changes: Rows, key: tuple[str, ...]) -> Rows:
    key_of = itemgetter(*key)
    held = set(map(key_of, before))
    replaced = set()
    for row in changes:
        named = key_of(row)
        if row["change"] not in ("+", "-") or named in replaced:
            raise ValueError(f"{path}: {named} twice, or neither + nor -")
        if row["change"] == "-" and named not in held:
            raise ValueError(f"{path}: {named} is not there to be taken away")
        replaced.add(named)
    kept = [row for row in before if key_of(row) not in replaced]
    return kept + [row for row in changes if row["change"] == "+"]


def _readings(
    folder: Path, stated: Mapping[str, object], asked: Mapping[str, str]
) -> dict[str, str]:
    """The choice of each reading: as asked, as the manifest says, else the first."""
    chosen = {}
    for name, choices in READINGS.items():
        chosen[name] = str(asked.get(name) or stated.get(name, choices[0]))
        if chosen[name] not in choices:
            raise ValueError(f"{folder}: {name} is {' or '.join(choices)}, not {chosen[name]!r}")
    return chosen


def _pass_on(tables: dict[str, Rows]) -> None:
    """No ambiguous group of its own for newborns and for a sex that does not fit."""
    rules = {row["mdc"]: row["rule"] for row in tables["passed_on.csv"]}
    tables["mdc.csv"] = [
        {**row, "rule": rules.get(row["mdc"], row["rule"])} for row in tables["mdc.csv"]
    ]
    gone = {row["adrg"] for row in tables["adrg.csv"] if row["kind"] == "ambiguous"}
    tables["adrg.csv"] = [row for row in tables["adrg.csv"] if row["adrg"] not in gone]
    tables["drg.csv"] = [row for row in tables["drg.csv"] if row["adrg"] not in gone]


def _add_named_conditions(tables: dict[str, Rows]) -> None:
    """Rules with the condition that a group's name states in place of those without it."""
    rules = {row["group"]: row["rule"] for row in tables["named_conditions.csv"]}
    for file, key in (("mdc.csv", "mdc"), ("adrg.csv", "adrg")):
        tables[file] = [{**row, "rule": rules.get(row[key], row["rule"])} for row in tables[file]]


def _known_procedures(
    folder: Path,
    codes: dict[str, str],
    valid: CodeList,
    lists: Mapping[str, Mapping[str, set[str]]],
    extra: Rows,
) -> CodeList:
    """All procedures that a scheme knows: its code system's, its lists' and its extra ones."""
    known = set(valid)
    for owned in lists.values():
        for name, listed in owned.items():
            if name.startswith("proc"):
                known |= listed
    if codes:
        system = folder / codes["path"] if "path" in codes else codes["name"]
        place = find_folder(system, "code_systems")
        bundled = place.parent == REFERENCE / "code_systems"
        known |= _bundled_procedures(place) if bundled else _procedures(place)
    known |= {row["code"] for row in extra if row["kind"] == "procedure"}
    return frozenset(known)


def _procedures(system: Path) -> CodeList:
    return frozenset(_pairs(system, "procedures.csv", "code", "name"))


@lru_cache
def _bundled_procedures(system: Path) -> CodeList:
    """The procedures of a code system whose tables stay as they are."""
    return _procedures(system)


def load_code_system(path: str | Path) -> CodeSystem:
    """Read a code system's folder, or a bundled one by its name."""
    folder = find_folder(path, "code_systems")
    return CodeSystem(
        diagnoses=_pairs(folder, "diagnoses.csv", "code", "name"),
        procedures=_pairs(folder, "procedures.csv", "code", "name"),
        diagnosis_map=_map(folder, "diagnosis_map.csv"),
        procedure_map=_map(folder, "procedure_map.csv"),
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
        reader = csv.reader(stream)
        header = next(reader, [])
        missing = set(columns) - set(header)
        if missing:
            raise ValueError(f"{folder}: {file} lacks the columns {sorted(missing)}")
        return [dict(zip(header, row, strict=True)) for row in reader if row]


def _pairs(folder: Path, file: str, key: str, value: str) -> dict[str, str]:
    return {row[key]: row[value] for row in _rows(folder, file, (key, value))}


def _map(folder: Path, file: str) -> dict[str, str]:
    """Insurance codes to the system's; the insurance edition itself has no map."""
    if not (folder / file).exists():
        return {}
    return _pairs(folder, file, "insurance_code", "code")


def _grouped(rows: list[dict[str, str]], column: str) -> dict[str, list[dict[str, str]]]:
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row[column], []).append(row)
    return grouped


def _in_order(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: int(row["order"]))
