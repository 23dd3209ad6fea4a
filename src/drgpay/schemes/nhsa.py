"""Build a scheme from the national workbook of grouping rules (按病组付费分组方案配置信息).

Six sheets: MDC, ADRG, DRG with a rule a row, 集合 with the code sets that rules name, CC with the
levels of secondary diagnoses, 排除表 with the principal diagnoses that an exclusion table holds.
Columns are found by their words, since editions place them differently. Every fault is named with
sheet, row, column, value and remedy; what the workbook becomes is an ordinary scheme folder.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drgpay.cases.excel import every_sheet
from drgpay.ground.errors import Bilingual, InputError, both, located
from drgpay.ground.outputs import new_folder
from drgpay.ground.reference import reference_dir
from drgpay.schemes.building import (
    Imported,
    SchemeBuilder,
    SourceRow,
    manifest_lines,
    publish,
    quoted_toml,
    write_code_system,
    write_csv,
)
from drgpay.schemes.folders import AMENDED, codes_of_system, large_table
from drgpay.schemes.nhsa_rules import (
    ALL_VALID,
    LEVELS,
    FormulaError,
    is_procedure_set,
    list_name,
    translate,
)

IN_FORCE_3_0 = dt.date(2027, 1, 1)
UNGROUPED = ("0000", "000")  # the workbook's own rows for cases that nothing takes
HEADER_AMONG_ROWS = 5
EVERYWHERE = "*"  # owner of a list that any rule may name
AMENDMENTS = ("amendments", "chs-drg-3.0.csv")
_AMBIGUOUS = re.compile(r"[A-Z]QY")
_FALLBACK = re.compile(r"[A-Z]00")
_ESCAPES = re.compile(r"_x000[9AaDd]_")
_BLANKS = re.compile(r"[\s\u00a0\u3000\u200b]+")


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column of a sheet: our name, the words that may head it, where it stood first."""

    name: str
    words: tuple[str, ...]
    place: int


SHEETS: Mapping[str, tuple[SheetColumn, ...]] = {
    "MDC": (
        SheetColumn("code", ("MDC编码",), 0),
        SheetColumn("name", ("MDC名称",), 1),
        SheetColumn("rule", ("MDC规则",), 2),
        SheetColumn("order", ("排序",), 3),
    ),
    "ADRG": (
        SheetColumn("code", ("ADRG编码",), 1),
        SheetColumn("name", ("ADRG名称",), 2),
        SheetColumn("rule", ("ADRG规则",), 3),
        SheetColumn("parent", ("所属MDC编码",), 4),
        SheetColumn("order", ("MDC内排序", "排序"), 5),
    ),
    "DRG": (
        SheetColumn("code", ("DRG编码", "DRG"), 0),
        SheetColumn("name", ("DRG名称",), 1),
        SheetColumn("rule", ("DRG规则",), 2),
        SheetColumn("parent", ("所属ADRG编码",), 3),
        SheetColumn("mdc", ("所属MDC编码",), 4),
        SheetColumn("order", ("排序",), 5),
    ),
    "集合": (
        SheetColumn("set", ("集合编号",), 0),
        SheetColumn("code", ("ICD编码",), 1),
        SheetColumn("name", ("ICD名称",), 2),
        SheetColumn("kind", ("类型编号", "类型"), 3),
    ),
    "CC": (
        SheetColumn("code", ("疾病编码", "ICD编码"), 0),
        SheetColumn("name", ("疾病名称", "ICD名称"), 1),
        SheetColumn("list", ("排除表",), 2),
        SheetColumn("level", ("类型编号", "类型"), 3),
    ),
    "排除表": (
        SheetColumn("list", ("集合编号",), 0),
        SheetColumn("code", ("ICD编码",), 1),
        SheetColumn("name", ("ICD名称",), 2),
    ),
}
MAY_BE_EMPTY = {"name", "rule", "kind", "mdc"}
IN_CAPITALS = {"code", "set", "list", "parent", "mdc", "level"}


@dataclass(frozen=True, slots=True)
class Group:
    """An MDC, ADRG or DRG of the workbook, its rule put into our language."""

    row: SourceRow
    order: int
    rule: str

    @property
    def code(self) -> str:
        """The group's code."""
        return self.row["code"]


def import_nhsa(
    workbook: str | Path,
    out: str | Path,
    *,
    title: str = "",
    effective: dt.date = IN_FORCE_3_0,
    family: str = "",
    amend: bool = True,
    strict: bool = False,
) -> Imported:
    """Build the scheme folder `out` from a national grouping workbook, checked and sealed.

    A fault of the workbook is returned and nothing is written. What the checks of whole schemes
    find in sound tables (a group that an earlier one hides, a list that no rule names) is accepted
    as a row of known_findings.csv and returned in `unused`; with `strict` it is a fault as well.
    `amend` adds the rows of 排除表 that the scheme's text has and the workbook lacks. Raises
    InputError when the file or the folder cannot be used.
    """
    source, target = Path(workbook), Path(out)
    builder = _Builder(source, title, effective, family)
    new_folder(target)
    builder.read(amend)
    return publish(target, builder, accept=not strict)


def clean(text: str) -> str:
    """Return a cell's text without Excel's escapes, blanks of every kind folded into one.

    >>> clean("QTZD in MCC_x000D_\\n　and  NL>=70")
    'QTZD in MCC and NL>=70'
    """
    return _BLANKS.sub(" ", _ESCAPES.sub(" ", text)).strip()


class _Builder(SchemeBuilder):
    """Reads the sheets."""

    remedy = both("对照分组方案正文核对", "compare with the text of the scheme")

    def __init__(self, path: Path, title: str, effective: dt.date, family: str) -> None:
        super().__init__()
        self.path, self.title, self.effective, self.family = path, title, effective, family
        self.amended: list[tuple[str, str, str]] = []

    def read(self, amend: bool) -> None:
        """Read the workbook into the tables of a scheme; faults are noted."""
        sheets = every_sheet(self.path)
        for name in SHEETS:
            self.rows[name] = self._sheet(name, sheets)
        if self.noted:
            return
        sets = self._sets()
        used: set[str] = set()
        groups = {name: self._groups(name, sets, used) for name in ("MDC", "ADRG", "DRG")}
        self._parents(groups)
        self._group_tables(groups)
        self._lists(sets, used)
        self._severity(amend)

    def file(self, sheet: str) -> str:
        """Return what a sheet is called in faults."""
        return f"{self.path.name}[{sheet}]"

    def of_sheet(
        self, sheet: str, text: Bilingual, remedy: Bilingual, column: str = "", line: int = 0
    ) -> None:
        """Note a fault of a sheet."""
        self.add(self.file(sheet), line, column, "", text, remedy)

    def note(self, sheet: str, chinese: str, english: str) -> None:
        """Note what is no fault and must be known."""
        self.unused.append(located(self.file(sheet), both(chinese, english)))

    # --- sheets ----------------------------------------------------------------------------

    def _sheet(
        self, name: str, sheets: Mapping[str, list[tuple[int, list[str]]]]
    ) -> list[SourceRow]:
        if name not in sheets:
            self.of_sheet(
                name, both("缺少这张工作表", "the sheet is missing"),
                both(
                    f"工作簿应有：{'、'.join(SHEETS)}", f"the workbook has {', '.join(SHEETS)}"
                ),
            )  # fmt: skip
            return []
        found = sheets[name]
        columns = SHEETS[name]
        head, places = self._head(name, found, columns)
        if places is None:
            return []
        rows = []
        for line, cells in found[head + 1 :]:
            values = {
                column.name: clean(cells[place]) if place < len(cells) else ""
                for column, place in zip(columns, places, strict=True)
            }
            for key in IN_CAPITALS & values.keys():
                values[key] = values[key].upper() if key != "code" else _code(values[key])
            if not any(values.values()):
                continue
            row = SourceRow(self.file(name), line, values)
            rows.append(row)
            for column in columns:
                if not values[column.name] and column.name not in MAY_BE_EMPTY:
                    self.at(row, column.name, both("未填写", "empty"), both("补填", "fill it in"))
        if not rows:
            self.of_sheet(
                name, both("表头下面没有内容", "nothing below the header"),
                both("换用完整的工作簿", "use a whole workbook"),
            )  # fmt: skip
        return rows

    def _head(
        self, name: str, found: list[tuple[int, list[str]]], columns: Sequence[SheetColumn]
    ) -> tuple[int, list[int] | None]:
        """Return which row is the header and where each column stands, None where one lacks."""
        best: tuple[int, list[int | None]] = (0, [None] * len(columns))
        for index, (_, cells) in enumerate(found[:HEADER_AMONG_ROWS]):
            words = [clean(cell) for cell in cells]
            places = [
                next((words.index(word) for word in column.words if word in words), None)
                for column in columns
            ]
            if sum(p is not None for p in places) > sum(p is not None for p in best[1]):
                best = (index, places)
        line = found[best[0]][0] if found else 0
        missing = [c for c, place in zip(columns, best[1], strict=True) if place is None]
        for column in missing:
            self.of_sheet(
                name, both("缺少这一列", "the column is missing"),
                both(
                    f"表头应有“{'”或“'.join(column.words)}”",
                    f"the header must name {' or '.join(column.words)}",
                ),
                column.words[0], line,
            )  # fmt: skip
        if missing:
            return best[0], None
        found_at: list[int] = [place for place in best[1] if place is not None]
        cells = [clean(cell) for cell in found[best[0]][1]]
        moved = []
        for column, place in zip(columns, found_at, strict=True):
            self.heads[self.file(name), column.name] = cells[place]
            if place != column.place:
                moved.append((cells[place], column.place + 1, place + 1))
        if moved:
            self.note(
                name,
                "列的位置与初版不同，已按表头读取："
                + "、".join(f"{word}（第{old}列→第{new}列）" for word, old, new in moved),
                "columns stand elsewhere than in the first edition, read by their headers: "
                + ", ".join(f"{word} (column {old} -> {new})" for word, old, new in moved),
            )
        return best[0], found_at

    def _sets(self) -> dict[str, dict[str, SourceRow]]:
        """Return the code sets: the rows of each by code."""
        sets: dict[str, dict[str, SourceRow]] = defaultdict(dict)
        twice = 0
        for row in self.rows["集合"]:
            name = row["set"]
            if not name.startswith(("DI", "OP")):
                self.at(
                    row, "set", both("集合编号不以DI或OP开头", "neither DI nor OP begins the set"),
                    both("核对该行", "check the row"),
                )  # fmt: skip
            twice += row["code"] in sets[name]
            sets[name].setdefault(row["code"], row)
        if twice:
            self.note(
                "集合", f"{twice}行与同一集合的前面各行重复，只计一次",
                f"{twice} rows repeat a code of their set and count once",
            )  # fmt: skip
        return dict(sets)

    # --- groups ----------------------------------------------------------------------------

    def _groups(
        self, name: str, sets: Mapping[str, Mapping[str, SourceRow]], used: set[str]
    ) -> list[Group]:
        """Return the groups of a sheet in their order, the workbook's row for none left out."""
        groups = []
        seen: dict[str, int] = {}
        for row in self.rows[name]:
            if row["code"] in UNGROUPED:
                continue
            if row["code"] in seen:
                self.at(
                    row, "code",
                    both(f"编码与第{seen[row['code']]}行重复", f"also in row {seen[row['code']]}"),
                    both("只留一行", "keep one row"),
                )  # fmt: skip
            seen.setdefault(row["code"], row.line)
            order = self._order(row)
            try:
                rule, named = translate(row["rule"], sets)
            except FormulaError as error:
                self.at(
                    row, "rule", error.text,
                    both("对照分组方案正文更正", "correct it by the text of the scheme"),
                )  # fmt: skip
                continue
            used.update(named)
            groups.append(Group(row, order, rule))
        # equal numbers stand in the order of the rows: sorting is stable
        return sorted(groups, key=lambda group: group.order)

    def _order(self, row: SourceRow) -> int:
        try:
            number = float(row["order"])
            if number == int(number) and number >= 0:
                return int(number)
        except (ValueError, OverflowError):
            pass
        if row["order"]:  # an empty one is noted with the sheet
            self.at(
                row, "order", both("不是整数", "not a whole number"),
                both("写整数", "write a whole number"),
            )  # fmt: skip
        return 0

    def _parents(self, groups: Mapping[str, list[Group]]) -> None:
        for name, above in (("ADRG", "MDC"), ("DRG", "ADRG")):
            known = {row["code"] for row in self.rows[above]}
            children = {group.row["parent"] for group in groups[name]}
            for group in groups[name]:
                if group.row["parent"] not in known:
                    self.at(
                        group.row, "parent",
                        both(f"{above} 表中没有这个编码", f"the sheet {above} has no such code"),
                        both(f"更正，或在 {above} 表中补上", f"correct it, or add it to {above}"),
                    )  # fmt: skip
            for group in groups[above]:
                if group.code not in children:
                    self.at(
                        group.row, "code",
                        both(f"没有所属的{name}", f"no {name} belongs to it"),
                        both(f"在 {name} 表中补上", f"add it to the sheet {name}"),
                    )  # fmt: skip

    def _group_tables(self, groups: Mapping[str, list[Group]]) -> None:
        self.tables["mdc.csv"] = [
            ([str(place), g.code, g.row["name"], g.rule, "no", ""], g.row)
            for place, g in enumerate(groups["MDC"], 1)
        ]
        kinds = {g.code: _kind(g) for g in groups["ADRG"]}
        self.tables["adrg.csv"] = []
        for parent, members in _by_parent(groups["ADRG"]):
            # what takes the rest stands last whatever its number says
            last = [g for g in members if kinds[g.code] == "fallback"]
            ordered = [g for g in members if kinds[g.code] != "fallback"] + last
            for place, g in enumerate(ordered, 1):
                name = g.row["name"] or _plain_name(kinds[g.code], g.code)
                cells = [parent, str(place), g.code, kinds[g.code], g.rule, name]
                self.tables["adrg.csv"].append((cells, g.row))
        self.tables["drg.csv"] = []
        for parent, members in _by_parent(groups["DRG"]):
            rest = [g for g in members if not g.row["rule"]]
            ordered = [g for g in members if g.row["rule"]] + rest
            if ordered != members:
                self.note(
                    "DRG",
                    f"{parent}：无规则的细分组 {'、'.join(g.code for g in rest)} 不在最后，已排到最后",
                    f"{parent}: the rest group {', '.join(g.code for g in rest)} was not the last "
                    "and is put there",
                )
            for g in rest[1:]:
                self.at(
                    g.row, "rule", both("同一ADRG有两个无规则的细分组", "a second group without rule"),
                    both("补上规则", "add its rule"),
                )  # fmt: skip
            for place, g in enumerate(ordered, 1):
                name = g.row["name"] or _plain_name(kinds.get(parent, ""), g.code)
                self.tables["drg.csv"].append(([parent, str(place), g.code, g.rule, name], g.row))

    # --- code lists ------------------------------------------------------------------------

    def _lists(self, sets: Mapping[str, Mapping[str, SourceRow]], used: set[str]) -> None:
        self.tables["lists.csv"] = [
            ([EVERYWHERE, list_name(name), code], row)
            for name in sorted(sets)
            if name in used
            for code, row in sorted(sets[name].items())
        ]
        self.tables["valid_procedures.csv"] = [
            ([code], row) for code, row in sorted(sets.get(ALL_VALID, {}).items())
        ]
        if ALL_VALID not in sets:
            self.of_sheet(
                "集合", both("没有这个集合", "the set is missing"),
                both("它是全部有效手术操作，须补上", "it holds all valid procedures; add it"),
                ALL_VALID,
            )  # fmt: skip
        unused = sorted(set(sets) - used - {ALL_VALID})
        if unused:
            self.note(
                "集合", f"没有规则用到的集合{len(unused)}个：{_some(unused)}",
                f"{len(unused)} sets that no rule names: {_some(unused)}",
            )  # fmt: skip

    def _severity(self, amend: bool) -> None:
        exclusions = {(row["list"], row["code"]): row for row in reversed(self.rows["排除表"])}
        members: dict[tuple[str, str], SourceRow | None] = dict(exclusions)
        lists = {name for name, _ in exclusions}
        if amend:
            for name, code, label in _amendments():
                if name in lists and (name, code) not in members:
                    members[name, code] = None
                    self.amended.append((name, code, label))
        if self.amended:
            self.note(
                "排除表",
                "按方案正文补入工作簿所缺的行（来源未核实）："
                + "、".join(f"{name} {code}" for name, code, _ in self.amended),
                "rows that the scheme's text has and the workbook lacks are added (source not "
                "verified): " + ", ".join(f"{name} {code}" for name, code, _ in self.amended),
            )
        self.tables["exclusions.csv"] = [([*key], members[key]) for key in sorted(members)]
        seen: dict[str, SourceRow] = {}
        for row in self.rows["CC"]:
            if row["level"] not in LEVELS:
                self.at(
                    row, "level", both("不是MCC或CC", "neither MCC nor CC"),
                    both("写MCC或CC", "write MCC or CC"),
                )  # fmt: skip
            if row["list"] not in lists:
                self.at(
                    row, "list", both("“排除表”中没有这张表", "the sheet 排除表 has no such table"),
                    both("更正，或在“排除表”中补上", "correct it, or add it to 排除表"),
                )  # fmt: skip
            if row["code"] in seen:
                self.at(
                    row, "code",
                    both(
                        f"编码与第{seen[row['code']].line}行重复",
                        f"also in row {seen[row['code']].line}",
                    ),
                    both("只留一行", "keep one row"),
                )  # fmt: skip
            seen.setdefault(row["code"], row)
        self.tables["severity.csv"] = [
            ([code, row["level"], row["list"]], row) for code, row in sorted(seen.items())
        ]

    # --- writing ---------------------------------------------------------------------------

    def write_codes(self, target: Path) -> str:
        """Write what codes the folder has of its own; return the code system's line."""
        names, known = self._names(), _bundled_codes()
        if known is None:
            codes = {
                kind: [(code, name) for own, code, name in names if own == kind]
                for kind in ("diagnosis", "procedure")
            }
            return write_code_system(target, codes)
        extra = sorted(row for row in names if row[1] not in known[row[0]])
        if extra:
            write_csv(target / "codes_extra.csv", ("kind", "code", "name"), extra)
        return 'name = "insurance-2.0"'

    def _names(self) -> list[tuple[str, str, str]]:
        """Return (kind, code, name) of every code, the first name that a sheet gives."""
        found: dict[tuple[str, str], str] = {}
        for sheet in ("集合", "CC", "排除表"):
            for row in self.rows[sheet]:
                procedure = sheet == "集合" and is_procedure_set(row["set"])
                key = ("procedure" if procedure else "diagnosis", row["code"])
                if row["name"] or key not in found:
                    found[key] = found.get(key) or row["name"]
        for _, code, label in self.amended:
            found.setdefault(("diagnosis", code), label)
        return [(kind, code, name or code) for (kind, code), name in found.items()]

    def manifest(self, code_system: str) -> list[str]:
        """Return the lines of the manifest."""
        title = self.title or f"按病组付费分组方案（{self.path.stem}）"
        named = {"title": title, "family": self.family, "publisher": "国家医疗保障局"}
        note = 'note = "the day was given when the workbook was imported"'
        effective = [f"from = {self.effective}", "verified = false", note]
        lines = manifest_lines(named, effective, code_system)
        if self.amended:
            rows = [quoted_toml(" ".join(item)) for item in self.amended]
            lines += ["", "[repairs]", "exclusions_added = [", *(f"    {r}," for r in rows), "]"]
        return lines


def _code(text: str) -> str:
    """Return a code in capitals; the small letter x of code extensions stays small."""
    return re.sub(r"(?<=[\d.])X(?=\d)", "x", text.upper()) if text else text


def _kind(group: Group) -> str:
    """Return which kind of ADRG a group is, by its code and by what its rule asks."""
    if _AMBIGUOUS.fullmatch(group.code):
        return "ambiguous"
    if not group.row["rule"] or _FALLBACK.fullmatch(group.code):
        return "fallback"
    asks = re.search(r"(main|other|any)_procedure (?!not in)", group.rule)
    return "surgical" if asks else "medical"


def _plain_name(kind: str, code: str) -> str:
    return f"{code[0]}_歧义组" if kind == "ambiguous" else f"{code[0]}_未入组"


def _by_parent(groups: Iterable[Group]) -> Iterator[tuple[str, list[Group]]]:
    found: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        found[group.row["parent"]].append(group)
    yield from found.items()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _amendments() -> list[tuple[str, str, str]]:
    """Return the rows of exclusion tables known to be lacking: table, code, why."""
    table = large_table(reference_dir().joinpath(*AMENDMENTS), AMENDED)
    return list(zip(*(table[name].to_pylist() for name in AMENDED), strict=True))


def _bundled_codes() -> dict[str, set[str]] | None:
    """Return the bundled insurance codes by kind, None where they are not bundled."""
    folder = reference_dir() / "code_systems" / "insurance-2.0"
    if not folder.is_dir():
        return None
    return {kind: set(own["code"].to_pylist()) for kind, own in codes_of_system(folder).items()}


def workbook_of(path: Path) -> Path:
    """Return a workbook's path; raises InputError for what is not an Excel file by its name."""
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".xlsb"):
        return path
    raise InputError(
        both("不是Excel工作簿", "not an Excel workbook"),
        where=path,
        remedy=both("换用官方的 .xlsx 文件", "give the official .xlsx file"),
    )
