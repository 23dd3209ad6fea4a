"""Read a scheme folder into tables: text as written, codes as integers.

Codes are numbered once: 0 is an unknown code, 1 … n the codes of the code system, of the
scheme's extra codes and of its lists, in that order.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from drgpay._reference import reference_dir
from drgpay.errors import Bilingual, SchemeError, both
from drgpay.inputs import plain_file, read_input, read_toml
from drgpay.schemes._arrow import column, flags, numbers, positions, strings

Ids = NDArray[np.int32]

TABLES = {
    "mdc.csv": ("order", "mdc", "name", "rule", "ambiguous", "sites"),
    "adrg.csv": ("mdc", "order", "adrg", "kind", "rule", "name"),
    "drg.csv": ("adrg", "order", "drg", "rule", "name"),
    "lists.csv": ("owner", "list", "code"),
    "severity.csv": ("code", "level", "exclusion_list"),
    "exclusions.csv": ("exclusion_list", "principal"),
    "valid_procedures.csv": ("code",),
}
OPTIONAL_TABLES = {
    "codes_extra.csv": ("kind", "code", "name"),
    "weights.csv": ("drg", "weight"),
    "known_findings.csv": ("check", "file", "subject", "note"),
}
SURGICAL_MATCH = ("main", "any")
# the types of what a manifest may state; tables by their own name, what is in them dotted
ENTRIES: dict[str, type] = {
    "title": str,
    "title_en": str,
    "publisher": str,
    "family": str,
    "digest": str,
    "draft": bool,
    "effective": dict,
    "effective.verified": bool,
    "code_system": dict,
    "code_system.name": str,
    "code_system.path": str,
    "options": dict,
    "options.surgical_match": str,
    "options.retry_further_procedures": bool,
    "counts": dict,
    "known_findings": dict,
    "known_differences": dict,
}
KINDS: dict[type, Bilingual] = {
    str: both("带引号的文字", "a text in quotes"),
    bool: both("true 或 false", "true or false"),
    dict: both("一节 […]", "a table […]"),
}
MISSING = both("缺少这张表", "table is missing")


@dataclass(frozen=True, slots=True)
class MdcRow:
    """One MDC (主要诊断大类); `row` is its line in mdc.csv."""

    row: int
    order: int
    mdc: str
    name: str
    rule: str
    ambiguous: str
    sites: tuple[str, ...]

    @property
    def letter(self) -> str:
        """The MDC's letter, the last character of its code."""
        return self.mdc[-1]


@dataclass(frozen=True, slots=True)
class AdrgRow:
    """One rule of an ADRG (核心疾病诊断相关组); `key` carries the suffix of several rules."""

    row: int
    mdc: str
    order: int
    key: str
    kind: str
    rule: str
    name: str

    @property
    def adrg(self) -> str:
        """The ADRG's own code: the first three characters of its key."""
        return self.key[:3]


@dataclass(frozen=True, slots=True)
class DrgRow:
    """One DRG (细分组) of an ADRG's rule."""

    row: int
    adrg_key: str
    order: int
    drg: str
    rule: str
    name: str


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
        return positions(codes, self.codes) + np.int32(1)

    def name(self, code: str) -> str:
        """Return the name of a code, empty when it has none."""
        number = self.index.get(code, 0)
        return str(self.names[number - 1].as_py() or "") if number else ""


@dataclass(frozen=True)
class Scheme:
    """A DRG scheme (分组方案) as its tables say it, checked.

    `surgical_match` is the reading of which procedures count; see docs/formats.md.
    """

    path: Path
    manifest: dict[str, Any]
    surgical_match: str
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
    digest: str

    @property
    def id(self) -> str:
        """The scheme's name: that of its folder."""
        return self.path.name

    @property
    def title(self) -> str:
        """The scheme's title."""
        return str(self.manifest.get("title", self.id))

    @property
    def draft(self) -> bool:
        """Whether the manifest calls the scheme a draft."""
        return bool(self.manifest.get("draft", False))

    def list_ids(self, owner: str, name: str) -> Ids:
        """Return the code numbers of a list, none when the tables lack the list."""
        return self.lists.get((owner, name), np.zeros(0, dtype=np.int32))

    @cached_property
    def drg_names(self) -> dict[str, str]:
        """Name of each DRG code."""
        return {row.drg: row.name for row in reversed(self.drgs)}

    @cached_property
    def weights(self) -> dict[str, float]:
        """Relative weights when the scheme has them: for sample data, never for payment."""
        path = self.path / "weights.csv"
        if not path.exists():
            return {}
        return {row["drg"]: float(row["weight"]) for _, row in small_table(path, "weights.csv")}


def small_table(path: Path, name: str) -> list[tuple[int, dict[str, str]]]:
    """Return (line number, row) of a CSV table whose columns are checked.

    Raises SchemeError for a missing file, other columns, or a row of the wrong width.
    """
    columns = TABLES.get(name) or OPTIONAL_TABLES[name]
    try:
        with io.StringIO(read_input(path, SchemeError).decode("utf-8"), newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            if tuple(header) != columns:
                raise SchemeError(
                    both(
                        f"表头为 {', '.join(header) or '空'}",
                        f"columns are {', '.join(header) or 'missing'}",
                    ),
                    where=path,
                    remedy=_columns(columns),
                )
            rows = []
            for row in reader:
                if len(row) != len(columns):
                    raise SchemeError(
                        both(
                            f"这一行有{len(row)}个字段，应有{len(columns)}个",
                            f"{len(row)} fields where {len(columns)} belong",
                        ),
                        where=f"{path}:{reader.line_num}",
                        remedy=both("含逗号的内容加引号", "quote fields that contain commas"),
                    )
                rows.append((reader.line_num, dict(zip(columns, row, strict=True))))
            return rows
    except FileNotFoundError:
        raise SchemeError(MISSING, where=path) from None
    except UnicodeDecodeError as error:
        raise SchemeError(
            both("不是UTF-8编码", "not UTF-8"),
            where=path,
            remedy=both("另存为CSV UTF-8", str(error)),
        ) from None
    except csv.Error as error:
        raise SchemeError(both("不是CSV格式", f"not CSV: {error}"), where=path) from None


def large_table(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Return a CSV table of strings; raises SchemeError like `small_table`."""
    if not path.exists():
        raise SchemeError(MISSING, where=path)
    plain_file(path, SchemeError)
    try:
        table = arrow_csv.read_csv(
            path,
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in columns}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise SchemeError(
            both("读不懂：各行字段数不一，或不是UTF-8编码的CSV", f"unreadable: {error}"), where=path
        ) from None
    if tuple(table.column_names) != columns:
        raise SchemeError(
            both(
                f"表头为 {', '.join(table.column_names)}",
                f"columns are {', '.join(table.column_names)}",
            ),
            where=path,
            remedy=_columns(columns),
        )
    return table.combine_chunks()


def _columns(columns: tuple[str, ...]) -> Bilingual:
    names = ", ".join(columns)
    return both(f"表头应为 {names}", f"the columns must be {names}")


def digest_of(path: Path, code_system: Path) -> str:
    """Return the SHA-256 over the scheme's tables and its code system."""
    total = hashlib.sha256()
    for folder in (path, code_system):
        for table in sorted(folder.glob("*.csv")):
            total.update(table.name.encode())
            total.update(hashlib.sha256(read_input(table, SchemeError)).digest())
    return total.hexdigest()


def code_system_dir(path: Path, manifest: dict[str, Any]) -> Path:
    """Return the folder of the scheme's code system."""
    section = manifest.get("code_system", {})
    if "path" in section:
        folder = path / str(section["path"])
    elif "name" in section:
        folder = reference_dir() / "code_systems" / str(section["name"])
    else:
        raise SchemeError(
            both("没有写明编码版本", "no code system named"),
            where=path / "manifest.toml",
            remedy=both(
                '增加 [code_system]，写 name = "…" 或 path = "…"',
                'add [code_system] with name = "…" or path = "…"',
            ),
        )
    if not folder.is_dir():
        raise SchemeError(
            both(f"没有编码版本“{folder.name}”", f"no code system at {folder.name}"),
            where=path / "manifest.toml",
        )
    return folder


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a scheme folder; raises SchemeError."""
    file = path / "manifest.toml"
    if not file.exists():
        raise SchemeError(
            both("没有 manifest.toml，不是分组方案的文件夹", "no manifest.toml"),
            where=path,
            remedy=both("见 docs/formats.md 第1节", "see docs/formats.md, section 1"),
        )
    manifest = read_toml(file, SchemeError)
    if "title" not in manifest:
        raise SchemeError(
            both("没有 title（方案名称）", "no title"),
            where=file,
            remedy=both('增加 title = "…"', 'add title = "…"'),
        )
    faults = [
        both(f"{key} 须是{KINDS[kind].chinese}", f"{key} must be {KINDS[kind]}")
        for key, kind in ENTRIES.items()
        if (value := _entry(manifest, key)) is not None and type(value) is not kind
    ]
    if faults:
        raise SchemeError(
            both("manifest.toml 中有的值不能用", "values of manifest.toml cannot be used"),
            where=file,
            faults=faults,
            remedy=both("见 docs/formats.md 第1节", "see docs/formats.md, section 1"),
        )
    return manifest


def _entry(manifest: dict[str, Any], key: str) -> Any:
    """Return an entry by its dotted key, None when it is not there."""
    found: Any = manifest
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _vocabulary(system: pa.Table, extra: list[tuple[str, str]], listed: pa.Array) -> Vocabulary:
    codes = pa.concat_arrays(
        [
            column(system, "code"),
            strings([code for code, _ in extra]),
        ]
    )
    names = pa.concat_arrays(
        [
            column(system, "name"),
            strings([name for _, name in extra]),
        ]
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


def _order(text: str, path: Path, row: int) -> int:
    if not text.isdigit():
        raise SchemeError(
            both(f"order 的值是“{text}”", f"order is {text!r}"),
            where=f"{path}:{row}",
            remedy=both("改为整数", "write a whole number"),
        )
    return int(text)


def read_tables(path: Path, surgical_match: str | None = None) -> Scheme:
    """Return the scheme of a folder, its tables read but not yet checked.

    Raises SchemeError for what cannot be read at all: `drgpay.schemes.load_scheme` checks the rest.
    """
    if not path.is_dir():
        raise SchemeError(both("不是分组方案的文件夹", "not a scheme folder"), where=path)
    manifest = read_manifest(path)
    options = manifest.get("options", {})
    match = surgical_match or str(options.get("surgical_match", "main"))
    if match not in SURGICAL_MATCH:
        raise SchemeError(
            both(f"surgical_match 的值是“{match}”", f"surgical_match is {match!r}"),
            where=path / "manifest.toml",
            remedy=both("改为 main 或 any", "write main or any"),
        )
    system = code_system_dir(path, manifest)
    lists = large_table(path / "lists.csv", TABLES["lists.csv"])
    severity = large_table(path / "severity.csv", TABLES["severity.csv"])
    exclusions = large_table(path / "exclusions.csv", TABLES["exclusions.csv"])
    valid = large_table(path / "valid_procedures.csv", TABLES["valid_procedures.csv"])
    extra = (
        [row for _, row in small_table(path / "codes_extra.csv", "codes_extra.csv")]
        if (path / "codes_extra.csv").exists()
        else []
    )
    name = column(lists, "list")
    is_procedure = pc.starts_with(name, "proc")
    code = column(lists, "code")
    vocabularies = {}
    for kind, listed in (
        (
            "diagnosis",
            [
                code.filter(pc.invert(is_procedure)),
                column(severity, "code"),
                column(exclusions, "principal"),
            ],
        ),
        ("procedure", [code.filter(is_procedure), column(valid, "code")]),
    ):
        plural = "diagnoses" if kind == "diagnosis" else "procedures"
        vocabularies[kind] = _vocabulary(
            large_table(system / f"{plural}.csv", ("code", "name")),
            [(row["code"], row["name"]) for row in extra if row["kind"] == kind],
            pa.concat_arrays(listed),
        )
    diagnoses, procedures = vocabularies["diagnosis"], vocabularies["procedure"]

    numbers_of_codes = np.where(
        flags(is_procedure), procedures.encode(code), diagnoses.encode(code)
    ).astype(np.int32)
    by_list = _by_list(column(lists, "owner"), name, numbers_of_codes)

    mdcs = tuple(
        MdcRow(
            line,
            _order(row["order"], path / "mdc.csv", line),
            row["mdc"],
            row["name"],
            row["rule"],
            row["ambiguous"],
            tuple(site for site in row["sites"].split("|") if site),
        )
        for line, row in small_table(path / "mdc.csv", "mdc.csv")
    )
    adrgs = tuple(
        AdrgRow(
            line,
            row["mdc"],
            _order(row["order"], path / "adrg.csv", line),
            row["adrg"],
            row["kind"],
            row["rule"],
            row["name"],
        )
        for line, row in small_table(path / "adrg.csv", "adrg.csv")
    )
    drgs = tuple(
        DrgRow(
            line,
            row["adrg"],
            _order(row["order"], path / "drg.csv", line),
            row["drg"],
            row["rule"],
            row["name"],
        )
        for line, row in small_table(path / "drg.csv", "drg.csv")
    )
    return Scheme(
        path=path,
        manifest=manifest,
        surgical_match=match,
        retry=bool(options.get("retry_further_procedures", False)) and match == "main",
        mdcs=tuple(sorted(mdcs, key=lambda m: m.order)),
        adrgs=tuple(sorted(adrgs, key=lambda a: a.order)),
        drgs=tuple(sorted(drgs, key=lambda d: d.order)),
        lists=by_list,
        valid_procedures=np.sort(procedures.encode(column(valid, "code"))),
        severity=severity,
        exclusions=exclusions,
        diagnoses=diagnoses,
        procedures=procedures,
        digest=digest_of(path, system),
    )
