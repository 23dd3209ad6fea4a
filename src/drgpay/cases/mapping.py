"""Mapping files: which header means which column, and which word of an area which value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from drgpay.cases.options import AS_FOUND, ReadOptions
from drgpay.cases.tidy import ReadAs
from drgpay.ground.errors import Bilingual, InputError, both, located, quoted
from drgpay.ground.inputs import read_input, read_toml
from drgpay.ground.reference import reference_dir, resolve
from drgpay.names.columns import (
    BY_NAME,
    CASE_COLUMNS,
    NUMBERED,
    ROW_PARTS,
    STAY_NUMBER,
    both_names,
    canonical_name,
    meaning,
    normal_header,
)

KEYS = ("columns", "values", "ignore", "rows", "verified", "source")
ROLES = {name.removesuffix("_of_row"): name for name in ROW_PARTS}
NOT_TRANSLATED = ("codes", "dates", "words")
_SHOWN = both("写法见 docs/cases.md", "docs/cases.md shows how to write one")
CSV_HEADERS = (("header", "column"), ("表头", "列名"))


@dataclass(frozen=True, slots=True)
class HeaderMapping:
    """What a mapping file says; headers are compared as `normal_header` gives them.

    It is made anew for each reading, and takes note of what was used and read otherwise.
    """

    path: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    used_headers: set[str] = field(default_factory=set)
    used_words: dict[str, set[str]] = field(default_factory=dict)
    read_as: ReadAs = field(default_factory=ReadAs)  # of what is read with it
    rows: Mapping[str, str] = field(default_factory=dict)  # of a row for each code: header → part
    bundled: str = ""  # its name, of one that comes with the program and serves many files
    verified: bool = True

    def meaning(self, header: str) -> tuple[str, int] | None:
        """Return the column that a header means and its rank; the file's word goes before ours."""
        key = normal_header(header)
        if key in self.ignore:
            self.used_headers.add(key)
            return None
        if key in self.rows:
            return self.rows[key], -1
        if key in self.columns:
            self.used_headers.add(key)
            return self.columns[key], -1
        return meaning(header)

    def ignores(self, header: str) -> bool:
        """Whether the file says that a header is not to be read."""
        return normal_header(header) in self.ignore

    @property
    def names_stays(self) -> bool:
        """Whether the file says itself which columns are the number of a patient and of a stay."""
        return {"case_id", STAY_NUMBER} <= set(self.columns.values())

    def note_use(self, column: str) -> set[str]:
        """Return the set that takes the words of a column as they are met."""
        return self.used_words.setdefault(column, set())

    def unused(self) -> list[Bilingual]:
        """Return one note for each entry that no file had any use for."""
        if self.bundled:
            return [] if self.verified else [_unverified(self.bundled)]
        notes = []
        for header in [*self.columns, *sorted(self.ignore)]:
            if header not in self.used_headers:
                notes.append(
                    both(
                        f"对照文件中的列“{header}”在文件里没有",
                        f"the mapping's header {header!r} is in no file",
                    )
                )
        for column, words in self.values.items():
            if column not in self.used_words:  # a column that was not asked for
                continue
            for word in words:
                if word not in self.used_words[column]:
                    notes.append(
                        both(
                            f"对照文件中{both_names(column)}的值“{word}”没有出现",
                            f"the mapping's value {word!r} of {column} does not occur",
                        )
                    )
        return [located(self.path.name, note) for note in notes] if self.path else notes

    def late(self) -> list[Bilingual]:
        """Return what is known when every row has been read."""
        return [*self.read_as.notes(), *self.unused()]


def _unverified(name: str) -> Bilingual:
    return both(
        f"内置的对照文件 {name} 未经官方文本核实：请抽查几份病例的列",
        f"the bundled mapping {name} is not verified: look at the columns of a few cases",
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of files of cases: our columns (all known ones when None), and for what.

    `purpose` is grouping, settlement or history; `options` and `mapping` say how files are read.
    """

    wanted: Sequence[str] | None = None
    purpose: str = "grouping"
    options: ReadOptions = AS_FOUND
    mapping: HeaderMapping = field(default_factory=HeaderMapping)

    @classmethod
    def of(
        cls, wanted: Sequence[str] | None, purpose: str, options: ReadOptions = AS_FOUND
    ) -> Asked:
        """Return what is asked, with the mapping that the options name, or one that maps nothing."""
        named = options.mapping
        mapping = HeaderMapping() if named is None else read_mapping(named)
        return cls(wanted, purpose, options, mapping)


def mapping_path(given: str | Path, base: Path | None = None) -> Path:
    """Return the file of a mapping given by path (relative to `base`) or by a bundled name.

    Raises InputError when there is neither.
    """
    path = Path(given) if base is None else base / given
    if path.is_file() or path.suffix or "/" in str(given):
        return path
    return resolve("mappings", str(given), suffix=".toml")


_ENOUGH = 4  # headers that tell whose file it is


def bundled_for(headers: Iterable[str]) -> str:
    """Return the bundled mapping that is made for some headers, empty when there is none.

    >>> bundled_for(["P3", "P5", "P7", "P321", "P490"]), bundled_for(["病案号", "P3"])
    ('hqms', '')
    """
    keys = {normal_header(header) for header in headers}
    for path in sorted((reference_dir() / "mappings").glob("*.toml")):
        if len(keys.intersection(read_mapping(path.stem).columns)) >= _ENOUGH:
            return path.stem
    return ""


def read_mapping(given: str | Path) -> HeaderMapping:
    """Return what a mapping file (.toml, or .csv with header and column) says, or a bundled one.

    Raises InputError that lists every fault of the file.
    """
    path = mapping_path(given)
    if not path.is_file():
        raise InputError(
            both("没有这个对照文件", "no such mapping file"),
            where=path,
            remedy=both("核对路径", "check the path"),
        )
    content = _csv_content(path) if path.suffix.lower() == ".csv" else _toml_content(path)
    faults: list[Bilingual] = []
    for key in content:
        if key not in KEYS:
            faults.append(
                both(
                    f"不认识“{key}”，可用：{'、'.join(KEYS)}",
                    f"unknown key {key!r}: use {', '.join(KEYS)}",
                )
            )
    columns = _columns(content.get("columns", {}), faults)
    values = _values(content.get("values", {}), faults)
    ignore = _ignored(content.get("ignore", []), columns, faults)
    rows = _rows(content.get("rows", {}), faults)
    if faults:
        raise InputError(
            both("对照文件不能用", "the mapping file cannot be used"),
            where=path,
            faults=faults,
            remedy=_SHOWN,
        )
    own = path.parent == reference_dir() / "mappings"
    return HeaderMapping(
        path,
        columns,
        values,
        ignore,
        rows=rows,
        bundled=path.stem if own else "",
        verified=content.get("verified", True) is True,
    )


def _toml_content(path: Path) -> dict[str, Any]:
    return read_toml(path, remedy=_SHOWN)


def _csv_content(path: Path) -> dict[str, Any]:
    import csv

    data = read_input(path)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise InputError(
            both("既不是UTF-8也不是GB18030编码", "neither UTF-8 nor GB18030"),
            where=path,
            remedy=both("另存为CSV UTF-8", "save the file as CSV UTF-8"),
        )
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
    rows = [row for row in rows if any(row)]
    if not rows or tuple(rows[0][:2]) not in CSV_HEADERS:
        raise InputError(
            both("第一行应为 表头,列名", "the first row must be header,column"),
            where=path,
            remedy=_SHOWN,
        )
    columns: dict[str, str] = {}
    ignore = []
    faults = []
    for number, row in enumerate(rows[1:], 2):
        header, column = ([*row, ""])[:2]
        if header in columns or header in ignore:
            faults.append(
                located(
                    f"{path.name}:{number}", both(f"“{header}”写了两次", f"{header!r} stands twice")
                )
            )
        elif column:
            columns[header] = column
        else:
            ignore.append(header)
    if faults:
        raise InputError(
            both("对照文件不能用", "the mapping file cannot be used"),
            where=path,
            faults=faults,
            remedy=both("每个表头只写一行", "write one row for each header"),
        )
    return {"columns": columns, "ignore": ignore}


def _known(name: str) -> str | None:
    """Return the column that a target names: its own name, its Chinese one, or a numbered one."""
    if name in BY_NAME:
        return name
    return canonical_name(name)


def _no_column(name: object) -> Bilingual:
    names = [text for c in CASE_COLUMNS for text in (c.name, c.chinese)] + list(NUMBERED)
    near = get_close_matches(str(name), names, 1)
    hint_zh = f"，是否应为“{near[0]}”" if near else ""
    hint_en = f"; did you mean {near[0]!r}" if near else ""
    return both(f"没有列 {quoted(name)}{hint_zh}", f"there is no column {name!r}{hint_en}")


def _columns(given: object, faults: list[Bilingual]) -> dict[str, str]:
    if not isinstance(given, dict):
        faults.append(
            both("[columns] 应为表头与列名的对照", "[columns] must map headers to columns")
        )
        return {}
    out: dict[str, str] = {}
    for header, target in given.items():
        name = _known(target) if isinstance(target, str) else None
        if name is None:
            faults.append(located(f"columns “{header}”", _no_column(target)))
            continue
        key = normal_header(header)
        if key in out:
            faults.append(both(f"columns “{header}”写了两次", f"columns {header!r} stands twice"))
        out[key] = name
    return out


def _values(given: object, faults: list[Bilingual]) -> dict[str, dict[str, str]]:
    if not isinstance(given, dict):
        faults.append(both("[values] 应为 [values.列名]", "[values] must be [values.<column>]"))
        return {}
    out: dict[str, dict[str, str]] = {}
    for column, words in given.items():
        name = _known(column)
        if column == "kind_of_row" and isinstance(words, dict):
            out[column] = {str(word).strip(): str(value) for word, value in words.items()}
        elif name is None or name not in BY_NAME:
            faults.append(located(f"values.{column}", _no_column(column)))
        elif BY_NAME[name].kind in NOT_TRANSLATED:
            faults.append(
                both(
                    f"values.{column}：编码列的值不能对照",
                    f"values.{column}: codes are not mapped by words",
                )
            )
        elif not isinstance(words, dict) or not all(isinstance(v, str) for v in words.values()):
            faults.append(
                both(
                    f'values.{column} 应写作 "原值" = "改为"，改为的值加引号',
                    f'values.{column}: write "word" = "value", the value in quotes',
                )
            )
        else:
            out[name] = {word.strip(): value for word, value in words.items()}
    return out


def _rows(given: object, faults: list[Bilingual]) -> dict[str, str]:
    """Return header → part of a row, of a table with a row for each code."""
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        faults.append(both("[rows] 应为角色与表头的对照", "[rows] must map roles to headers"))
        return {}
    roles = set(given)
    whole = roles & {"diagnosis", "procedure"}
    if roles - set(ROLES) or (roles and not whole and not {"code", "kind"} <= roles):
        faults.append(
            both(
                "[rows] 用 diagnosis、procedure（各一列编码），或 code 和 kind（编码和类别），"
                "可加 order（序号）",
                "[rows] takes diagnosis, procedure (a column of codes each), or code and kind, and "
                "order",
            )
        )
        return {}
    return {normal_header(header): ROLES[role] for role, header in given.items()}


def _ignored(given: object, columns: Mapping[str, str], faults: list[Bilingual]) -> frozenset[str]:
    if not isinstance(given, list) or not all(isinstance(header, str) for header in given):
        faults.append(both("ignore 应为表头的列表", "ignore must be a list of headers"))
        return frozenset()
    keys = {normal_header(header): header for header in given}
    for key, header in keys.items():
        if key in columns:
            faults.append(
                both(
                    f"“{header}”既在 columns 中又在 ignore 中",
                    f"{header!r} is both in columns and in ignore",
                )
            )
    return frozenset(keys)
