"""A scheme folder's tables as rows of text, put together with those of the scheme it stands on.

A folder whose manifest names a `base` is an overlay: a table that it lacks is the base's; one with
the header of that table takes its place; one whose first column is `change` says row by row what
differs: `+` adds a row or replaces the one of the same key, `-` takes away the row of that key.
Where every row stands, in which folder's file and line, is kept.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from drgpay.cases.swallowed import holds_rows, refuse_swallowed, swallowed
from drgpay.ground.errors import Bilingual, InputError, SchemeError, both, located
from drgpay.ground.inputs import plain_file, read_input, read_toml
from drgpay.ground.reference import reference_dir, resolve
from drgpay.names.readings import READINGS
from drgpay.schemes._arrow import column, flags, positions

CODE_TABLE = ("code", "name")  # columns of the tables of a code system
AMENDED = ("list", "code", "source")  # columns of what is known to be lacking in a workbook


@dataclass(frozen=True, slots=True)
class SchemeTable:
    """A table of a scheme folder: its columns, and those that name a row for an overlay's changes.

    `small` tables are read row by row; the others are too long for that.
    """

    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    small: bool = False
    required: bool = False


def _required(columns: str, key: str, small: bool = False) -> SchemeTable:
    return SchemeTable(tuple(columns.split()), tuple(key.split()), small, required=True)


def _optional(columns: str, key: str = "", small: bool = False) -> SchemeTable:
    return SchemeTable(tuple(columns.split()), tuple(key.split()), small)


TABLES: Mapping[str, SchemeTable] = {
    "mdc.csv": _required("order mdc name rule ambiguous sites", "mdc", small=True),
    "adrg.csv": _required("mdc order adrg kind rule name", "adrg", small=True),
    "drg.csv": _required("adrg order drg rule name", "adrg drg", small=True),
    "lists.csv": _required("owner list code", "owner list code"),
    "severity.csv": _required("code level exclusion_list", "code"),
    "exclusions.csv": _required("exclusion_list principal", "exclusion_list principal"),
    "valid_procedures.csv": _required("code", "code"),
    "codes_extra.csv": _optional("kind code name", "kind code", small=True),
    "weights.csv": _optional("drg weight", "drg", small=True),
    "valid_procedures_later.csv": _optional("code valid", "code"),
    "not_grouping.csv": _optional("kind code", "kind code"),
    "grey_codes.csv": _optional("kind code", "kind code"),
    "passed_on.csv": _optional("mdc rule", "mdc", small=True),
    "named_conditions.csv": _optional("group rule words source note", "group", small=True),
    # remarks on the tables, which an overlay does not change
    "doubts.csv": _optional("drg name rule remark"),
    "known_findings.csv": _optional("check file subject note"),
}
CHANGE = "change"
PLUS, MINUS = "+", "-"
MAX_BASES = 8
# the types of what a manifest may state; tables by their own name, what is in them dotted
ENTRIES: dict[str, type] = {
    "title": str,
    "title_en": str,
    "publisher": str,
    "family": str,
    "base": str,
    "digest": str,
    "draft": bool,
    "effective": dict,
    "effective.verified": bool,
    "code_system": dict,
    "code_system.name": str,
    "code_system.path": str,
    "code_system.edition": str,
    "options": dict,
    **{f"options.{name}": str for name in READINGS},
    "options.retry_further_procedures": bool,
    "counts": dict,
    "known_findings": dict,
    "known_differences": dict,
    "source": dict,
    "readings": dict,
    "verification": dict,
    "repairs": dict,
}
KINDS: dict[type, Bilingual] = {
    str: both("带引号的文字", "a text in quotes"),
    bool: both("true 或 false", "true or false"),
    dict: both("一节 […]", "a table […]"),
}
MISSING = both("缺少这张表", "table is missing")

Rows = list[tuple[int, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: the folder of its scheme, the file, the line."""

    folder: Path
    file: str
    line: int

    @property
    def path(self) -> str:
        """The file and line, as faults name them."""
        return f"{self.folder / self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.folder.name}/{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the rows of a table stand: row r, counted from line 2, in `which` file at `lines`.

    Without them the table is one file, and a row's number is its line.
    """

    folders: tuple[Path, ...]
    which: NDArray[np.int8] | None = None
    lines: NDArray[np.int32] | None = None

    def place(self, file: str, row: int) -> Place:
        """Return the place of a row."""
        if self.which is None or self.lines is None or not 0 <= row - 2 < len(self.which):
            return Place(self.folders[-1], file, row)
        return Place(self.folders[self.which[row - 2]], file, int(self.lines[row - 2]))


@dataclass(frozen=True)
class Folder:
    """The tables of a scheme, composed; `small` with row numbers, `large` as arrow tables.

    `row` numbers are lines of the file where a table is one file, else places in the composed
    table counted from 2; `place` tells where a row really stands.
    """

    path: Path
    manifest: dict[str, Any]
    system: Path
    base: Folder | None
    small: Mapping[str, Rows]
    large: Mapping[str, pa.Table]
    origins: Mapping[str, Origins]
    digest: str

    def place(self, file: str, row: int) -> Place:
        """Return where a row of a table stands."""
        origins = self.origins.get(file)
        return Place(self.path, file, row) if origins is None else origins.place(file, row)

    def comes_from(self, file: str, row: int) -> str:
        """Return the scheme whose table holds a row."""
        return self.place(file, row).folder.name


def read_folder(path: Path, above: tuple[Path, ...] = ()) -> Folder:
    """Return the tables of a scheme folder, composed with those of its base.

    Raises SchemeError for what cannot be read, and for changes that do not fit the base's tables,
    all of them named.
    """
    if not path.is_dir():
        raise SchemeError(both("不是分组方案的文件夹", "not a scheme folder"), where=path)
    manifest = read_manifest(path)
    base = _base_of(path, manifest, above)
    if base is not None:
        manifest = {
            **manifest,
            "code_system": manifest.get("code_system", {"path": str(base.system.resolve())}),
            "options": {**base.manifest.get("options", {}), **manifest.get("options", {})},
        }
    system = code_system_dir(path, manifest)
    small: dict[str, Rows] = {}
    large: dict[str, pa.Table] = {}
    origins: dict[str, Origins] = {}
    faults: list[Bilingual] = []
    for name, table in TABLES.items():
        if not table.key:
            continue
        own = path / name
        held = base is not None and (name in base.small or name in base.large)
        if name == "weights.csv" and (path / "drg.csv").exists():
            held = False  # weights are of the base's own groups
        if not own.exists() and not held and not table.required:
            continue
        composer = _small if table.small else _large
        rows, where, wrong = composer(name, own, base if held else None)
        faults += wrong
        origins[name] = where
        if isinstance(rows, pa.Table):
            large[name] = rows
        else:
            small[name] = rows
    if faults:
        raise SchemeError(
            both(
                f"与基础方案 {manifest.get('base')} 合不到一起：{len(faults)}处",
                f"does not fit its base {manifest.get('base')}: "
                f"{len(faults)} fault{'s' if len(faults) > 1 else ''}",
            ),
            where=path,
            faults=faults,
            remedy=both(
                "更正 change 列：+ 增加或替换同一键的行，- 删去基础方案中有的行",
                "correct the column change: + adds or replaces the row of a key, - takes away a "
                "row that the base has",
            ),
        )
    return Folder(path, manifest, system, base, small, large, origins, _digest(path, system, base))


def _base_of(path: Path, manifest: dict[str, Any], above: tuple[Path, ...]) -> Folder | None:
    """Return the folder that an overlay stands on, None for a scheme of its own."""
    name = manifest.get("base")
    if name is None:
        return None
    file = path / "manifest.toml"
    chain = (*above, path.resolve())
    try:
        found = resolve("schemes", name, path)
    except InputError as error:
        raise SchemeError(
            both(f"基础方案：{error.what.chinese}", f"base: {error.what}"),
            where=file,
            remedy=error.remedy,
        ) from None
    if found.resolve() in chain or len(chain) > MAX_BASES:
        names = " → ".join(folder.name for folder in (*chain, found))
        raise SchemeError(
            both(
                f"基础方案绕回自身，或层数过多：{names}", f"bases in a circle or too deep: {names}"
            ),
            where=file,
        )
    return read_folder(found, chain)


def _header(path: Path) -> tuple[str, ...]:
    """Return the header of a CSV file, empty when it cannot be read: the reader will say why."""
    if not path.exists():
        return ()
    plain_file(path, SchemeError)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return tuple(next(csv.reader(stream), []))
    except (UnicodeDecodeError, csv.Error, OSError):
        return ()


def _changes_of(name: str, own: Path, base: Folder | None) -> bool:
    """Return whether a file says what differs from its base; raises SchemeError without one."""
    if _header(own)[:1] != (CHANGE,):
        return False
    if base is None:
        raise SchemeError(
            both(
                f"有 change 列，基础方案却没有 {name}",
                f"has a column change, but there is no {name} of a base",
            ),
            where=own,
            remedy=both("去掉 change 列，写出整张表", "drop the column and write the whole table"),
        )
    return True


Composed = tuple[Any, Origins, list[Bilingual]]


def _small(name: str, own: Path, base: Folder | None) -> Composed:
    columns, key = TABLES[name].columns, TABLES[name].key
    if base is not None and not own.exists():
        return base.small[name], base.origins[name], []
    if not _changes_of(name, own, base) or base is None:
        return small_table(own, name), Origins((own.parent,)), []
    changes = rows_of(own, (CHANGE, *columns))
    places = {tuple(row[c] for c in key): i for i, (_, row) in enumerate(base.small[name])}
    faults, gone, added = _sorted_changes(
        [(line, row[CHANGE], tuple(row[c] for c in key)) for line, row in changes], places, own
    )
    kept = [i for i in range(len(base.small[name])) if i not in gone]
    rows = [base.small[name][i][1] for i in kept]
    rows += [{c: changes[i][1][c] for c in columns} for i in added]
    old = np.array([base.small[name][i][0] for i in kept], dtype=np.int64)
    origins = _joined(base.origins[name], old, own.parent, [changes[i][0] for i in added])
    return [(i, row) for i, row in enumerate(rows, 2)], origins, faults


def _large(name: str, own: Path, base: Folder | None) -> Composed:
    columns, key = TABLES[name].columns, TABLES[name].key
    if base is not None and not own.exists():
        return base.large[name], base.origins[name], []
    if not _changes_of(name, own, base) or base is None:
        return large_table(own, columns), Origins((own.parent,)), []
    changes = large_table(own, (CHANGE, *columns))
    before = base.large[name]
    keys, old_keys = (_joined_key(table, key) for table in (changes, before))
    at = positions(keys, old_keys)
    listed = zip(column(changes, CHANGE).to_pylist(), keys.to_pylist(), strict=True)
    rows = [(i + 2, sign, tuple(named.split("\x1f"))) for i, (sign, named) in enumerate(listed)]
    places = {row[2]: int(place) for row, place in zip(rows, at, strict=True) if place >= 0}
    faults, _, added = _sorted_changes(rows, places, own)
    kept = ~flags(pc.is_in(old_keys, value_set=keys))
    new = changes.select(list(columns)).take(pa.array(np.array(added, dtype=np.int64)))
    table = pa.concat_tables([before.filter(pa.array(kept)), new]).combine_chunks()
    old = np.flatnonzero(kept) + 2
    return table, _joined(base.origins[name], old, own.parent, [i + 2 for i in added]), faults


def _joined_key(table: pa.Table, names: tuple[str, ...]) -> pa.Array:
    parts = [column(table, name) for name in names]
    return pc.binary_join_element_wise(*parts, "\x1f") if len(parts) > 1 else parts[0]


def _sorted_changes(
    changes: list[tuple[int, str, tuple[str, ...]]],
    places: Mapping[tuple[str, ...], int],
    own: Path,
) -> tuple[list[Bilingual], set[int], list[int]]:
    """Return the faults of changes, which rows of the base go, and which changes are new rows."""
    faults: list[Bilingual] = []
    gone: set[int] = set()
    added: list[int] = []
    first: dict[tuple[str, ...], int] = {}
    for i, (line, sign, key) in enumerate(changes):
        named = " ".join(key)
        text: Bilingual | None = None
        if sign not in (PLUS, MINUS):
            text = both(f"change 是“{sign}”，应为 + 或 -", f"change is {sign!r}; write + or -")
        elif first.setdefault(key, line) != line:
            text = both(
                f"{named} 与第{first[key]}行重复", f"{named} stands in line {first[key]} too"
            )
        elif sign == MINUS and key not in places:
            text = both(
                f"要删去的 {named} 不在基础方案中", f"{named}, to be taken away, is not in the base"
            )
        if text is not None:
            faults.append(located(f"{own.name}:{line}", text))
            continue
        if key in places:
            gone.add(places[key])
        if sign == PLUS:
            added.append(i)
    return faults, gone, added


def _joined(before: Origins, old: NDArray[np.int64], folder: Path, lines: list[int]) -> Origins:
    """Return the origins of rows of a base, by their numbers, followed by rows of an overlay."""
    if before.which is None or before.lines is None:
        which, at = np.zeros(len(old), dtype=np.int8), old.astype(np.int32)
    else:
        which, at = before.which[old - 2], before.lines[old - 2]
    own = np.full(len(lines), len(before.folders), dtype=np.int8)
    return Origins(
        (*before.folders, folder),
        np.concatenate([which, own]),
        np.concatenate([at, np.array(lines, dtype=np.int32)]),
    )


def codes_of_system(folder: Path) -> dict[str, pa.Table]:
    """Return the codes of a code system and their names, by kind; raises SchemeError."""
    return {
        kind: large_table(folder / f"{plural}.csv", CODE_TABLE)
        for kind, plural in (("diagnosis", "diagnoses"), ("procedure", "procedures"))
    }


def small_table(path: Path, name: str) -> list[tuple[int, dict[str, str]]]:
    """Return (line number, row) of a CSV table whose columns are checked.

    Raises SchemeError for a missing file, other columns, or a row of the wrong width.
    """
    return rows_of(path, TABLES[name].columns)


def rows_of(path: Path, columns: tuple[str, ...]) -> Rows:
    """Return (line number, row) of a CSV table that has these columns; see `small_table`."""
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
                if any(holds_rows(field, ",", len(columns)) for field in row):
                    raise swallowed(f"{path}:{reader.line_num}", SchemeError)
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
    return refuse_swallowed(table, path, SchemeError).combine_chunks()


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


def _digest(path: Path, system: Path, base: Folder | None) -> str:
    """Return the digest of a scheme; that of an overlay covers its base's."""
    if base is None:
        return digest_of(path, system)
    return hashlib.sha256(f"{base.digest}{digest_of(path, system)}".encode()).hexdigest()


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
