"""Read a scheme folder into tables: text as written, codes as integers.

Codes are numbered once: 0 is an unknown code, 1 … n the codes of the code system, of the
scheme's extra codes and of its lists, in that order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, SchemeError, both
from drgpay.names.readings import Readings, chosen_readings
from drgpay.schemes._arrow import column, flags, numbers, positions, strings
from drgpay.schemes.folders import Folder, Place, codes_of_system, read_folder, small_table
from drgpay.schemes.rules import Member, Node, any_procedure_reading, parse_rule

Ids = NDArray[np.int32]

EVERY_OWNER = "*"  # owner of a list that every rule may name
# kinds of ADRG that stand behind an MDC's ambiguous group, and those that are a group themselves
BEHIND_AMBIGUOUS = ("medical", "fallback")
OWN_GROUP = ("ambiguous", "fallback")


@dataclass(frozen=True, slots=True)
class MdcRow:
    """One MDC (主要诊断大类); `row` is its line in mdc.csv."""

    file: ClassVar = "mdc.csv"
    level: ClassVar = "MDC"
    row: int
    order: int
    mdc: str
    name: str
    rule: str
    ambiguous: str
    sites: tuple[str, ...]

    @property
    def named(self) -> str:
        """What the group is called among all of its table."""
        return self.mdc

    @property
    def parent(self) -> str:
        """What the group belongs to: to nothing but all MDCs."""
        return self.level

    @property
    def letter(self) -> str:
        """The MDC's letter, the last character of its code."""
        return self.mdc[-1]


@dataclass(frozen=True, slots=True)
class AdrgRow:
    """One rule of an ADRG (核心疾病诊断相关组); `key` carries the suffix of several rules."""

    file: ClassVar = "adrg.csv"
    level: ClassVar = "ADRG"
    row: int
    mdc: str
    order: int
    key: str
    kind: str
    rule: str
    name: str

    @property
    def named(self) -> str:
        """What the group is called among all of its table."""
        return self.key

    @property
    def parent(self) -> str:
        """The MDC that the group belongs to."""
        return self.mdc

    @property
    def adrg(self) -> str:
        """The ADRG's own code: the first three characters of its key."""
        return self.key[:3]


@dataclass(frozen=True, slots=True)
class DrgRow:
    """One rule of a DRG (细分组) of an ADRG's rule; `key` carries the suffix of several rules."""

    file: ClassVar = "drg.csv"
    level: ClassVar = "DRG"
    row: int
    adrg_key: str
    order: int
    key: str
    rule: str
    name: str

    @property
    def named(self) -> str:
        """What the group is called among all of its table."""
        return f"{self.adrg_key}.{self.key}"

    @property
    def parent(self) -> str:
        """The ADRG's rule that the group belongs to."""
        return self.adrg_key

    @property
    def drg(self) -> str:
        """The DRG's own code: its key without the suffix."""
        return self.key.partition("_")[0]


Group = MdcRow | AdrgRow | DrgRow


@dataclass(frozen=True, slots=True)
class NamedCondition:
    """A condition that a group's name states: the rule with it, and the tabled one without.

    `row` is its line in named_conditions.csv, `words` are those of the name that state it,
    `source` is the scheme that it is taken over from.
    """

    row: int
    group: str
    rule: str
    words: str
    source: str
    note: str
    tabled: str

    def told(self) -> Bilingual:
        """Return in words that the rule of the group is assumed, and from where.

        >>> str(NamedCondition(2, "FC1", "…", "伴PTCA", "x-drg", "", "True").told())
        "assumed condition “伴PTCA”: the group's name states it, the published tables lack it; taken over from x-drg (named_conditions.csv:2)"
        """
        return both(
            f"假定的条件“{self.words}”：病组名称所述，公布的列表没有，取自 {self.source}"
            f"（named_conditions.csv 第{self.row}行）",
            f"assumed condition “{self.words}”: the group's name states it, the published tables "
            f"lack it; taken over from {self.source} (named_conditions.csv:{self.row})",
        )


FEW = 4_000  # codes that are looked up one by one


@dataclass(frozen=True)
class Vocabulary:
    """Codes and names of one kind, numbered from 1."""

    codes: pa.Array
    names: pa.Array
    named: int

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def index(self) -> dict[str, int]:
        """Code to number, as a dictionary for single look-ups."""
        return {code: i + 1 for i, code in enumerate(self.codes.to_pylist())}

    def encode(self, codes: pa.Array) -> Ids:
        """Return the numbers of codes, 0 for those unknown."""
        if len(codes) <= FEW:  # looking them all up by columns first hashes every code there is
            return np.array([self.index.get(code, 0) for code in codes.to_pylist()], dtype=np.int32)
        return positions(codes, self.codes) + np.int32(1)

    def name(self, code: str) -> str:
        """Return the name of a code, empty when it has none."""
        found = self._asked.get(code)
        if found is None:
            number = self.index.get(code, 0)
            if not number:
                return ""
            found = self._asked[code] = str(self.names[number - 1].as_py() or "")
        return found

    @cached_property
    def _asked(self) -> dict[str, str]:
        """The names that were asked for, by their codes."""
        return {}


@dataclass(frozen=True)
class Scheme:
    """A DRG scheme (分组方案) as its tables say it, checked.

    `options` are the readings that its tables leave open, each with its choice; see docs/formats.md.
    `refused` are the principal diagnoses that group nowhere, none where that is not the reading.
    """

    path: Path
    manifest: dict[str, Any]
    options: Mapping[str, str]
    retry: bool
    mdcs: tuple[MdcRow, ...]
    adrgs: tuple[AdrgRow, ...]
    drgs: tuple[DrgRow, ...]
    lists: dict[tuple[str, str], Ids]
    valid_procedures: Ids
    severity: pa.Table
    exclusions: pa.Table
    diagnoses: Vocabulary
    procedures: Vocabulary
    folder: Folder
    refused: Ids

    @property
    def surgical_match(self) -> str:
        """The reading of which procedures count: main or any."""
        return self.options["surgical_match"]

    @property
    def digest(self) -> str:
        """The digest of its tables, those of its base included."""
        return self.folder.digest

    @property
    def base(self) -> str:
        """The id of the scheme that it stands on, empty for one of its own."""
        return self.folder.base.path.name if self.folder.base else ""

    def place(self, file: str, row: int) -> Place:
        """Return where a row of a table stands: in this scheme's folder or its base's."""
        return self.folder.place(file, row)

    @property
    def id(self) -> str:
        """The scheme's name: that of its folder."""
        return self.path.name

    @property
    def title(self) -> str:
        """The scheme's title."""
        return str(self.manifest.get("title", self.id))

    @property
    def period(self) -> tuple[dt.date | None, dt.date | None]:
        """The first and the last day on which the scheme is in force, None where not stated."""
        effective = self.manifest.get("effective", {})
        first, last = effective.get("from"), effective.get("to")
        return (
            first if type(first) is dt.date else None,
            last if type(last) is dt.date else None,
        )

    @property
    def draft(self) -> bool:
        """Whether the manifest calls the scheme a draft."""
        return bool(self.manifest.get("draft", False))

    def list_ids(self, owner: str, name: str) -> Ids:
        """Return the code numbers of a list, none when the tables lack the list."""
        found = self.list_owner(owner, name)
        return np.zeros(0, dtype=np.int32) if found is None else self.lists[(found, name)]

    def site_ids(self, mdc: MdcRow | str) -> list[Ids]:
        """Return the code numbers of each trauma site of an MDC, given by its row or code."""
        if isinstance(mdc, str):
            mdc = next(row for row in self.mdcs if row.mdc == mdc)
        return [self.list_ids(mdc.mdc, f"site_{i + 1}") for i in range(len(mdc.sites))]

    def list_owner(self, owner: str, name: str) -> str | None:
        """Return whose list a rule of `owner` means: its own, else the one for all, else None."""
        for one in (owner, EVERY_OWNER):
            if (one, name) in self.lists:
                return one
        return None

    def lists_of(self, drg: DrgRow) -> str:
        """Return whose lists a DRG's rule names: its own if it has any, else its ADRG's."""
        return drg.key if drg.key in self._owners else drg.adrg_key

    @cached_property
    def drgs_of(self) -> Mapping[str, Sequence[DrgRow]]:
        """The DRGs of each ADRG's rule, in their order."""
        return _by((drg.adrg_key, drg) for drg in self.drgs)

    def in_order(self) -> Iterator[tuple[MdcRow, list[AdrgRow | None]]]:
        """Yield MDCs with their ADRGs in order of evaluation, None for the ambiguous group."""
        adrgs_of = _by((adrg.mdc, adrg) for adrg in self.adrgs)
        for mdc in self.mdcs:
            found: list[AdrgRow | None] = list(adrgs_of.get(mdc.mdc, ()))
            if mdc.ambiguous != "no":
                behind = (i for i, a in enumerate(found) if a and a.kind in BEHIND_AMBIGUOUS)
                found.insert(next(behind, len(found)), None)
            yield mdc, found

    def ambiguous_group(self, mdc: MdcRow) -> tuple[Member, str, str]:
        """Return the rule, the code and the name of an MDC's ambiguous group."""
        main = mdc.ambiguous == "main" and self.surgical_match == "main"
        fact = "main_procedure" if main else "any_procedure"
        rule = Member(fact, list_name="valid_procedures")
        return rule, f"{mdc.letter}QY", f"{mdc.name}：歧义组"

    def read(self, rule: str) -> Node:
        """Return the tree of a rule as `surgical_match` reads it; raises RuleSyntaxError."""
        node = parse_rule(rule)
        return any_procedure_reading(node) if self.surgical_match == "any" else node

    @cached_property
    def _owners(self) -> frozenset[str]:
        return frozenset(owner for owner, _ in self.lists)

    @cached_property
    def named_conditions(self) -> Mapping[str, NamedCondition]:
        """Conditions that the name of a group states and the tables lack, by MDC or ADRG.

        Taken over from a scheme that has them, so assumed; none in the reading `tabled`.
        """
        if self.options["conditions"] != "named":
            return {}
        tabled = {row["mdc"]: row["rule"] for _, row in self.folder.small["mdc.csv"]}
        tabled |= {row["adrg"]: row["rule"] for _, row in self.folder.small["adrg.csv"]}
        return {
            row["group"]: NamedCondition(line, tabled=tabled.get(row["group"], ""), **row)
            for line, row in self.folder.small.get("named_conditions.csv", [])
        }

    @cached_property
    def drg_names(self) -> dict[str, str]:
        """Name of each DRG code."""
        return {row.drg: row.name for row in reversed(self.drgs)}

    @cached_property
    def weights(self) -> dict[str, float]:
        """Relative weights when the scheme has them: for sample data, never for payment."""
        rows = self.folder.small.get("weights.csv", [])
        return {row["drg"]: float(row["weight"]) for _, row in rows}

    @cached_property
    def not_grouping(self) -> Mapping[str, frozenset[str]]:
        """Codes that group nothing (不作为分组规则), of `diagnosis` and of `procedure`."""
        return by_kind(self.folder.large.get("not_grouping.csv"))

    @cached_property
    def grey_codes(self) -> Mapping[str, frozenset[str]]:
        """Codes not to be used in settlement lists (医保灰码), of `diagnosis` and `procedure`."""
        return by_kind(self.folder.large.get("grey_codes.csv"))

    @cached_property
    def doubts(self) -> tuple[Mapping[str, str], ...]:
        """Groups whose name and rule do not agree in the scheme's source: drg, name, rule, remark."""
        path = self.path / "doubts.csv"
        return tuple(row for _, row in small_table(path, "doubts.csv")) if path.exists() else ()


T = TypeVar("T")


def _by(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def by_kind(table: pa.Table | None) -> Mapping[str, frozenset[str]]:
    """Return the codes of a table of kind and code by their kind, none where there is no table."""
    found: dict[str, frozenset[str]] = {"diagnosis": frozenset(), "procedure": frozenset()}
    if table is not None:
        kinds, codes = column(table, "kind").to_pylist(), column(table, "code").to_pylist()
        for kind in found:
            found[kind] = frozenset(c for k, c in zip(kinds, codes, strict=True) if k == kind)
    return found


def _vocabulary(system: pa.Table, extra: list[tuple[str, str]], listed: pa.Array) -> Vocabulary:
    codes, names = (
        pa.concat_arrays([column(system, field), strings([row[i] for row in extra])])
        for i, field in enumerate(("code", "name"))
    )
    unique = pc.unique(listed)
    nameless = unique.filter(pc.invert(pc.is_in(unique, value_set=codes)))
    blank = strings([""] * len(nameless))
    return Vocabulary(
        pa.concat_arrays([codes, nameless]), pa.concat_arrays([names, blank]), len(codes)
    )


def _by_list(owner: pa.Array, name: pa.Array, ids: Ids) -> dict[tuple[str, str], Ids]:
    owners, names = owner.dictionary_encode(), name.dictionary_encode()
    width = len(names.dictionary)
    which = numbers(owners.indices).astype(np.int64) * width + numbers(names.indices)
    order = np.argsort(which, kind="stable")
    ids, which = ids[order], which[order]
    starts = np.flatnonzero(np.diff(which, prepend=-1))
    owner_codes, list_names = owners.dictionary.to_pylist(), names.dictionary.to_pylist()
    found = {}
    for first, last in zip(starts, [*starts[1:], len(which)], strict=True):
        owner_number, name_number = divmod(int(which[first]), width)
        found[(owner_codes[owner_number], list_names[name_number])] = np.sort(ids[first:last])
    return found


def read_tables(path: Path, readings: Readings = ()) -> Scheme:
    """Return the scheme of a folder, its tables read but not yet checked.

    `readings` are those asked for in place of the manifest's. Raises SchemeError for what cannot be
    read at all: `drgpay.schemes.load_scheme` checks the rest.
    """
    folder = read_folder(path)
    return scheme_of(folder, options_of(folder.manifest, path, readings))


def options_of(manifest: Mapping[str, Any], path: Path, readings: Readings = ()) -> dict[str, str]:
    """Return the choice of each reading under a manifest; raises SchemeError."""
    return chosen_readings(manifest.get("options", {}), readings, path / "manifest.toml")


def scheme_of(folder: Folder, options: Mapping[str, str]) -> Scheme:
    """Return the scheme that a folder's tables make under some readings."""
    lists, severity = folder.large["lists.csv"], folder.large["severity.csv"]
    exclusions = folder.large["exclusions.csv"]
    name = column(lists, "list")
    is_procedure = pc.starts_with(name, "proc")
    code = column(lists, "code")
    valid = _valid(folder, options["valid_procedures"])
    extra = [row for _, row in folder.small.get("codes_extra.csv", [])]
    vocabularies = {}
    known = codes_of_system(folder.system)
    for kind, listed in (
        (
            "diagnosis",
            [
                code.filter(pc.invert(is_procedure)),
                column(severity, "code"),
                column(exclusions, "principal"),
            ],
        ),
        ("procedure", [code.filter(is_procedure), valid]),
    ):
        vocabularies[kind] = _vocabulary(
            known[kind],
            [(row["code"], row["name"]) for row in extra if row["kind"] == kind],
            pa.concat_arrays(listed),
        )
    diagnoses, procedures = vocabularies["diagnosis"], vocabularies["procedure"]
    numbers_of_codes = np.where(
        flags(is_procedure), procedures.encode(code), diagnoses.encode(code)
    ).astype(np.int32)
    mdcs, adrgs, drgs = _groups(folder, _rules_read(folder, options))
    if options["sex_and_newborn"] == "passed_on":
        adrgs, drgs = _passed_on(adrgs, drgs)
    match = options["surgical_match"]
    retry = bool(folder.manifest.get("options", {}).get("retry_further_procedures", False))
    return Scheme(
        path=folder.path,
        manifest=folder.manifest,
        options=options,
        retry=retry and match == "main",
        mdcs=tuple(sorted(mdcs, key=lambda m: m.order)),
        adrgs=tuple(sorted(adrgs, key=lambda a: a.order)),
        drgs=tuple(sorted(drgs, key=lambda d: d.order)),
        lists=_by_list(column(lists, "owner"), name, numbers_of_codes),
        valid_procedures=np.sort(procedures.encode(valid)),
        severity=severity,
        exclusions=exclusions,
        diagnoses=diagnoses,
        procedures=procedures,
        folder=folder,
        refused=_refused(folder, diagnoses, options["ungroupable_principals"] == "refused"),
    )


def _valid(folder: Folder, reading: str) -> pa.Array:
    """Return the valid procedures, as tabled or with the later changes."""
    tabled = column(folder.large["valid_procedures.csv"], "code")
    later = folder.large.get("valid_procedures_later.csv")
    if reading == "tabled" or later is None:
        return tabled
    changed, valid = column(later, "code"), pc.equal(column(later, "valid"), "yes")
    kept = tabled.filter(pc.invert(pc.is_in(tabled, value_set=changed)))
    return pa.concat_arrays([kept, changed.filter(valid)])


def _refused(folder: Folder, diagnoses: Vocabulary, refused: bool) -> Ids:
    """Return the numbers of the principal diagnoses that are refused at once."""
    found = []
    for name in ("not_grouping.csv", "grey_codes.csv"):
        if refused and name in folder.large:
            table = folder.large[name]
            codes = column(table, "code").filter(pc.equal(column(table, "kind"), "diagnosis"))
            found.append(diagnoses.encode(codes))
    numbers_of_codes = np.unique(np.concatenate([*found, np.zeros(1, dtype=np.int32)]))
    return numbers_of_codes[numbers_of_codes > 0].astype(np.int32)


def _rules_read(folder: Folder, options: Mapping[str, str]) -> dict[str, str]:
    """Return the rules that a reading puts in place of the tabled ones, by MDC or ADRG."""
    rules: dict[str, str] = {}
    if options["sex_and_newborn"] == "passed_on":
        rules |= {row["mdc"]: row["rule"] for _, row in folder.small.get("passed_on.csv", [])}
    if options["conditions"] == "named":
        named = folder.small.get("named_conditions.csv", [])
        rules |= {row["group"]: row["rule"] for _, row in named}
    return rules


def _groups(
    folder: Folder, rules: Mapping[str, str]
) -> tuple[list[MdcRow], list[AdrgRow], list[DrgRow]]:
    """Return the groups as tabled, with `rules` in place of those of some MDCs and ADRGs."""

    def rows(file: str, group: str = "") -> Iterator[dict[str, Any]]:
        """Yield the rows of a table as the records have them; `group` names whose rules may go."""
        for line, row in folder.small[file]:
            if not row["order"].isdigit():
                raise SchemeError(
                    both(f"order 的值是“{row['order']}”", f"order is {row['order']!r}"),
                    where=folder.place(file, line).path,
                    remedy=both("改为整数", "write a whole number"),
                )
            rule = rules.get(row.get(group, ""), row["rule"])
            yield {**row, "row": line, "order": int(row["order"]), "rule": rule}

    return (
        [MdcRow(sites=_sites(r.pop("sites")), **r) for r in rows("mdc.csv", "mdc")],
        [AdrgRow(key=r.pop("adrg"), **r) for r in rows("adrg.csv", "adrg")],
        [DrgRow(adrg_key=r.pop("adrg"), key=r.pop("drg"), **r) for r in rows("drg.csv")],
    )


def _sites(cell: str) -> tuple[str, ...]:
    return tuple(site for site in cell.split("|") if site)


def _passed_on(adrgs: list[AdrgRow], drgs: list[DrgRow]) -> tuple[list[AdrgRow], list[DrgRow]]:
    """Return the groups without the ambiguous ones that have a rule of their own."""
    dropped = {adrg.key for adrg in adrgs if adrg.kind == "ambiguous"}
    return (
        [adrg for adrg in adrgs if adrg.key not in dropped],
        [drg for drg in drgs if drg.adrg_key not in dropped],
    )
