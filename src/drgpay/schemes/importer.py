"""Build a scheme from the plain CSV tables that a region makes, every fault named at once.

The plain form has Chinese or English headers, UTF-8 or GB18030, no numbering and no rule language:
order is the order of rows, conditions are words of a closed list (drgpay.schemes.words). What it
becomes is an ordinary scheme folder, on which all checks are run; their findings are told by the
row of the plain table that they came from.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from drgpay.cases.swallowed import STRAY_MARK, SWALLOWED, first_swallowing
from drgpay.ground.errors import Bilingual, InputError, both, located
from drgpay.ground.inputs import read_input
from drgpay.ground.outputs import new_folder
from drgpay.ground.reference import bundled, reference_dir
from drgpay.schemes.building import (
    LEVELS,
    Imported,
    SchemeBuilder,
    SourceRow,
    manifest_lines,
    publish,
    write_code_system,
)
from drgpay.schemes.checks import ADRG_SHAPE, MDC_SHAPE
from drgpay.schemes.folders import codes_of_system
from drgpay.schemes.plain import ITEMS, TABLES, PlainTable
from drgpay.schemes.rules import Always, Compare, Member, RuleSyntaxError, atoms, parse_rule
from drgpay.schemes.words import rule_of_words

YES = {"是": True, "yes": True, "true": True, "否": False, "no": False, "false": False}
MATCHES = {"主要手术": "main", "main": "main", "任一手术": "any", "any": "any"}
AMBIGUOUS = {
    "": "no",
    "无": "no",
    "no": "no",
    "任一手术": "yes",
    "yes": "yes",
    "主要手术": "main",
    "main": "main",
}
KINDS = {
    "外科": "surgical", "手术": "surgical", "操作": "surgical", "surgical": "surgical",
    "内科": "medical", "medical": "medical",
}  # fmt: skip
DEFAULTS = {
    "mdc": "principal in dx",
    "surgical": "main_procedure in proc",
    "medical": "principal in dx",
}
_LIST = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def import_scheme(source: str | Path, out: str | Path, *, keep: bool = False) -> Imported:
    """Build the scheme folder `out` from the plain tables of a folder, checked and sealed.

    With faults nothing is written, unless `keep` and only checks of the whole scheme found them:
    then the folder is left unsealed, to be mended or its findings accepted. Raises InputError when
    the folders cannot be used; faults of the tables are returned, not raised.
    """
    folder, target = Path(source), Path(out)
    if not folder.is_dir():
        raise InputError(
            both("没有这个文件夹", "no such folder"),
            where=folder,
            remedy=both("核对路径", "check the path"),
        )
    new_folder(target)
    builder = _Builder(folder)
    builder.read()
    return publish(target, builder, keep=keep)


class _Builder(SchemeBuilder):
    """Reads the plain tables."""

    remedy = both(
        "更正各表，或用 --keep 写出后在 known_findings.csv 中说明",
        "correct the tables, or write them with --keep and accept it in known_findings.csv",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.items: dict[str, str] = {}
        self.files: dict[str, str] = {}

    # --- reading ---------------------------------------------------------------------------

    def read(self) -> None:
        found = {path.name: path for path in self.folder.iterdir() if path.is_file()}
        known = {name for table in TABLES.values() for name in table.names}
        for name in sorted(set(found) - known):
            ending = Path(name).suffix.lower()
            remedy = (
                both("另存为CSV，文件名见说明", "save it as CSV under the name it should have")
                if ending in (".xlsx", ".xls")
                else both("改为所需的文件名，或移走", "rename it, or move it away")
            )
            if ending in (".csv", ".xlsx", ".xls"):
                self.add(name, 0, "", "", both("不认识的文件", "unknown file"), remedy)
        for key, table in TABLES.items():
            own = [name for name in table.names if name in found]
            if own:
                self.rows[key] = self._read(table, found[own[0]])
            else:
                self.rows[key] = []
                if table.required:
                    text = both("缺少这个文件", "the file is missing")
                    names = f"{table.names[0]}（{table.names[1]}）"
                    remedy = both(
                        f"补上 {names}，列为 {'、'.join(c[0] for c in table.columns)}",
                        f"add {table.names[1]} with {', '.join(c[1] for c in table.columns)}",
                    )
                    self.add(table.names[0], 0, "", "", text, remedy)
        self._scheme_items()
        system = self._code_system()
        groups = self._groups()
        lists = self._lists(groups, system)
        self._conditions(lists)
        self._severity(system)

    def _read(self, table: PlainTable, path: Path) -> list[SourceRow]:
        self.files[table.key] = path.name
        text = _decoded(read_input(path))
        if text is None:
            self.add(
                path.name, 0, "", "",
                both("编码不是UTF-8，也不是GB18030", "neither UTF-8 nor GB18030"),
                both("另存为CSV UTF-8", "save as CSV UTF-8"),
            )  # fmt: skip
            return []
        lines = list(csv.reader(io.StringIO(text, newline="")))
        swallowing = first_swallowing(enumerate(lines, 1))
        if swallowing is not None:
            self.add(path.name, swallowing, "", "", SWALLOWED, STRAY_MARK)
            return []
        header = [cell.strip() for cell in lines[0]] if lines else []
        meaning = {word: english for c in table.columns for english in [c[1]] for word in c[:2]}
        names = [meaning.get(cell) for cell in header]
        self.heads |= {(path.name, n): h for n, h in zip(names, header, strict=True) if n}
        lacking = [c for c in table.columns if c[2] and c[1] not in names]
        for chinese, english, _ in lacking:
            self.add(
                path.name, 1, chinese, "",
                both("缺少这一列", "the column is missing"),
                both("在表头补上此列", f"add it to the header as {english}"),
            )  # fmt: skip
        if lacking:
            return []
        self.unused += [
            located(path.name, both(f"未使用的列“{cell}”", f"column {cell!r} is not used"))
            for cell, name in zip(header, names, strict=True)
            if name is None and cell
        ]
        required = [c[1] for c in table.columns if c[2]]
        found: list[SourceRow] = []
        for line, cells in enumerate(lines[1:], 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                self.add(
                    path.name, line, "", "",
                    both(
                        f"这一行有{len(cells)}个字段，表头有{len(header)}个",
                        f"{len(cells)} fields where the header has {len(header)}",
                    ),
                    both("含逗号的内容加引号", "quote what contains commas"),
                )  # fmt: skip
                continue
            padded = [*cells, *[""] * len(header)]
            row = SourceRow(
                path.name,
                line,
                {n: cell.strip() for n, cell in zip(names, padded, strict=False) if n},
            )
            blank = [name for name in required if not row[name]]
            for name in blank:
                self.at(row, name, both("未填写", "empty"), both("补填", "fill it in"))
            if not blank:
                found.append(row)
        return found

    def _scheme_items(self) -> None:
        by_english = {english: english for english in ITEMS.values()}
        for row in self.rows["scheme"]:
            key = ITEMS.get(row["item"]) or by_english.get(row["item"])
            if key is None:
                names = "、".join(ITEMS)
                self.at(
                    row, "item", both("没有这个项目", "unknown item"),
                    both(f"可写：{names}", f"write one of {', '.join(by_english)}"),
                )  # fmt: skip
                continue
            if key in self.items:
                self.at(
                    row, "item", both("项目重复", "stands twice"), both("只留一行", "keep one row")
                )
            self.items[key] = row["value"]
            self._item(row, key)
        if "scheme" not in self.files:
            return
        for key in ("title", "from"):
            if not self.items.get(key):
                chinese = next(word for word, english in ITEMS.items() if english == key)
                self.add(
                    self.files["scheme"], 0, chinese, "",
                    both("缺少这个项目", "the item is missing"),
                    both("补一行", f"add a row for {key}"),
                )  # fmt: skip

    def _item(self, row: SourceRow, key: str) -> None:
        value = row["value"]
        if not value:
            return
        wrong: tuple[Bilingual, Bilingual] | None = None
        if key in ("from", "to") and _date(value) is None:
            wrong = both("不是日期", "no date"), both("写成 2024-01-01", "write it like 2024-01-01")
        elif key in ("draft", "verified", "retry") and value.lower() not in YES:
            wrong = (
                both("不是“是”或“否”", "neither yes nor no"),
                both("写是或否", "write yes or no"),
            )
        elif key == "surgical_match" and value not in MATCHES:
            wrong = (
                both("不是主要手术或任一手术", "neither main nor any"),
                both("写主要手术或任一手术", "write main or any"),
            )
        elif key == "code_system" and value not in bundled("code_systems"):
            names = bundled("code_systems")
            wrong = (
                both("没有这个编码版本", "no such code system"),
                both(
                    f"可写：{'、'.join(names)}；或另附诊断编码.csv与手术编码.csv",
                    f"write {', '.join(names)}",
                ),
            )
        if wrong is not None:
            self.at(row, "value", *wrong)

    def _code_system(self) -> dict[str, set[str]]:
        """Return the known codes by kind: of the folder's own tables, or of the named system."""
        own = [key for key in ("diagnoses", "procedures") if key in self.files]
        name = self.items.get("code_system")
        known: dict[str, set[str]] = {"diagnoses": set(), "procedures": set()}
        if name and own:
            self.add(
                self.files[own[0]], 0, "", "",
                both("已写编码版本，又附编码表", "a code system is named besides these tables"),
                both("两者只留其一", "keep one of the two"),
            )  # fmt: skip
        if name in bundled("code_systems"):
            tables = codes_of_system(reference_dir() / "code_systems" / str(name))
            codes = (set(table["code"].to_pylist()) for table in tables.values())
            return dict(zip(known, codes, strict=True))
        for kind in known:
            if kind not in self.files and not name:
                table = TABLES[kind]
                self.add(
                    table.names[0], 0, "", "",
                    both("没有写明编码版本，也没有编码表", "neither code system nor code table"),
                    both(
                        f"在方案.csv中写编码版本，或补上 {table.names[0]}",
                        f"name the code system in scheme.csv, or add {table.names[1]}",
                    ),
                )  # fmt: skip
            seen: dict[str, int] = {}
            for row in self.rows[kind]:
                self._once(row, "code", seen)
                known[kind].add(row["code"])
        return known

    def _once(self, row: SourceRow, name: str, seen: dict[str, int], key: str = "") -> bool:
        """Note a row whose key stands above already; return whether it is the first."""
        first = seen.setdefault(key or row[name], row.line)
        if first == row.line:
            return True
        self.at(
            row, name, both(f"与第{first}行重复", f"stands in line {first} too"),
            both("删去其中一行", "remove one of them"),
        )  # fmt: skip
        return False

    def _groups(self) -> set[str]:
        """Check MDCs, ADRGs and DRGs against one another; return the owners of lists."""
        mdcs: dict[str, int] = {}
        for row in self.rows["mdc"]:
            self._once(row, "mdc", mdcs)
            if not MDC_SHAPE.fullmatch(row["mdc"]):
                self.at(
                    row, "mdc", both("不是MDC加一个字母", "not MDC and a letter"),
                    both("写成 MDCF 的样式", "write it like MDCF"),
                )  # fmt: skip
            if row["ambiguous"] not in AMBIGUOUS:
                self.at(
                    row, "ambiguous", both("不认识", "unknown"),
                    both("写无、任一手术或主要手术", "write no, yes or main"),
                )  # fmt: skip
        adrgs: dict[str, int] = {}
        for row in self.rows["adrg"]:
            self._once(row, "adrg", adrgs)
            if not ADRG_SHAPE.fullmatch(row["adrg"]):
                self.at(
                    row, "adrg",
                    both("不是两个字母加一个数字", "not two letters and a digit"),
                    both("写成 FR1 的样式，多条规则写 FR1_1、FR1_2", "write FR1, or FR1_1, FR1_2"),
                )  # fmt: skip
            if row["mdc"] not in mdcs and self.rows["mdc"]:
                self.at(
                    row, "mdc", both("MDC表中没有", "not in the MDC table"),
                    both("更正代码，或在MDC表中增加", "correct it, or add it there"),
                )  # fmt: skip
            if row["kind"] not in KINDS:
                self.at(
                    row, "kind", both("不认识的类型", "unknown kind"),
                    both("写外科或内科", "write surgical or medical"),
                )  # fmt: skip
        seen: dict[str, int] = {}
        used: set[str] = set()
        for row in self.rows["drg"]:
            parents = self._parents(row)
            if not parents and self.rows["adrg"]:
                self.at(
                    row, "adrg" if row["adrg"] else "drg",
                    both("ADRG表中没有", "not in the ADRG table"),
                    both("更正代码，或在ADRG表中增加", "correct it, or add it there"),
                )  # fmt: skip
            used |= set(parents)
            for parent in parents:
                self._once(row, "drg", seen, f"{parent}.{row['drg']}")
        for row in self.rows["adrg"]:
            if row["adrg"] not in used and self.rows["drg"]:
                self.at(
                    row, "adrg", both("DRG表中没有它的DRG", "has no DRG"),
                    both("至少写一个DRG", "give it at least one DRG"),
                )  # fmt: skip
        return set(mdcs) | set(adrgs)

    def _parents(self, row: SourceRow) -> list[str]:
        """Return the ADRGs' rules that a DRG belongs to: of the ADRG it names, else of its code."""
        keys = dict.fromkeys(adrg["adrg"] for adrg in self.rows["adrg"])
        if row["adrg"] in keys:
            return [row["adrg"]]
        return [key for key in keys if key[:3] == (row["adrg"] or row["drg"][:3])]

    def _lists(self, groups: set[str], system: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Check the code lists; return the names of the lists of each group."""
        lists: dict[str, set[str]] = defaultdict(set)
        self.tables["lists.csv"] = []
        found = self.tables["lists.csv"]
        for key, kind, default in (("dx", "diagnoses", "dx"), ("px", "procedures", "proc")):
            seen: dict[str, int] = {}
            for row in self.rows[key]:
                name = row["list"] or default
                if row["group"] not in groups:
                    self.at(
                        row, "group", both("MDC表和ADRG表中都没有这个组", "no such group"),
                        both("更正代码", "correct it"),
                    )  # fmt: skip
                if not _LIST.fullmatch(name) or name.startswith("proc") != (key == "px"):
                    self.at(
                        row, "list", both("列表名不可用", "no name for a list"),
                        both("诊断写dx、dx2，手术写proc、proc2", "write dx, dx2 or proc, proc2"),
                    )  # fmt: skip
                self._known(row, "code", system[kind], kind)
                if self._once(row, "code", seen, f"{row['group']} {name} {row['code']}"):
                    lists[row["group"]].add(name)
                    found.append(([row["group"], name, row["code"]], row))
        self._sites(system, found)
        seen = {}
        self.tables["valid_procedures.csv"] = []
        for row in self.rows["valid"]:
            self._known(row, "code", system["procedures"], "procedures")
            if self._once(row, "code", seen):
                self.tables["valid_procedures.csv"].append(([row["code"]], row))
        found.sort(key=lambda item: item[0])
        return lists

    def _sites(
        self, system: Mapping[str, set[str]], found: list[tuple[list[str], SourceRow | None]]
    ) -> None:
        self.sites: dict[str, list[str]] = defaultdict(list)
        mdcs = {row["mdc"] for row in self.rows["mdc"]}
        seen: dict[str, int] = {}
        for row in self.rows["sites"]:
            if row["mdc"] not in mdcs:
                self.at(
                    row, "mdc", both("MDC表中没有", "not in the MDC table"),
                    both("更正代码", "correct it"),
                )  # fmt: skip
            self._known(row, "code", system["diagnoses"], "diagnoses")
            names = self.sites[row["mdc"]]
            if row["site"] not in names:
                names.append(row["site"])
            place = names.index(row["site"]) + 1
            if self._once(row, "code", seen, f"{row['mdc']} {place} {row['code']}"):
                found.append(([row["mdc"], f"site_{place}", row["code"]], row))

    def _known(self, row: SourceRow, name: str, codes: set[str], kind: str) -> None:
        if codes and row[name] not in codes:
            words = ("诊断", "diagnosis") if kind == "diagnoses" else ("手术", "procedure")
            self.at(
                row, name,
                both(f"不在{words[0]}编码库中", f"not among the {words[1]} codes"),
                both("更正编码，或在编码表中增加", "correct it, or add it to the code table"),
            )  # fmt: skip

    def _conditions(self, lists: Mapping[str, set[str]]) -> None:
        """Turn conditions into rules and check the lists that they name."""
        sites = {mdc for mdc, names in self.sites.items() if names}
        mdc_rows: list[tuple[list[str], SourceRow | None]] = []
        for i, row in enumerate(self.rows["mdc"], 1):
            rule = self._rule(row, DEFAULTS["mdc"], row["mdc"], lists, row["mdc"] in sites)
            names = "|".join(self.sites.get(row["mdc"], []))
            ambiguous = AMBIGUOUS.get(row["ambiguous"], "no")
            mdc_rows.append(([str(i), row["mdc"], row["name"], rule, ambiguous, names], row))
        adrg_rows: list[tuple[list[str], SourceRow | None]] = []
        order: dict[str, int] = defaultdict(int)
        by_mdc: dict[str, list[SourceRow]] = defaultdict(list)
        for row in self.rows["adrg"]:
            by_mdc[row["mdc"]].append(row)
        known = [row["mdc"] for row in self.rows["mdc"]]
        for row in [row for mdc in dict.fromkeys((*known, *by_mdc)) for row in by_mdc[mdc]]:
            kind = KINDS.get(row["kind"], "medical")
            rule = self._rule(row, DEFAULTS[kind], row["adrg"], lists, row["mdc"] in sites)
            order[row["mdc"]] += 1
            cells = [row["mdc"], str(order[row["mdc"]]), row["adrg"], kind, rule, row["name"]]
            adrg_rows.append((cells, row))
        self.tables["mdc.csv"], self.tables["adrg.csv"] = mdc_rows, adrg_rows
        self._drg_rows(lists, sites)

    def _drg_rows(self, lists: Mapping[str, set[str]], sites: set[str]) -> None:
        adrgs = {row["adrg"]: row for row in self.rows["adrg"]}
        by_adrg: dict[str, list[tuple[str, SourceRow]]] = defaultdict(list)
        for row in self.rows["drg"]:
            parents = self._parents(row)
            if not parents:
                self._written(row, "True")
            for parent in parents:
                with_sites = adrgs[parent]["mdc"] in sites
                rule = self._rule(row, "True", parent, lists, with_sites)
                by_adrg[parent].append((rule, row))
        found: list[tuple[list[str], SourceRow | None]] = []
        for parent in adrgs:
            rest: SourceRow | None = None
            for i, (rule, row) in enumerate(by_adrg[parent], 1):
                if rest is not None:
                    self.at(
                        rest, "condition",
                        both(
                            f"收下其余全部病例，却排在 {row['drg']} 之前",
                            f"takes all the rest, but stands before {row['drg']}",
                        ),
                        both("移到本ADRG各DRG的最后", "move it to the end of its ADRG"),
                    )  # fmt: skip
                    rest = None
                if _always(rule):
                    rest = row
                found.append(([parent, str(i), row["drg"], rule, row["name"]], row))
        self.tables["drg.csv"] = found

    def _rule(
        self,
        row: SourceRow,
        default: str,
        owner: str,
        lists: Mapping[str, set[str]],
        with_sites: bool,
    ) -> str:
        rule = self._written(row, default)
        if not rule:
            return rule
        node = parse_rule(rule)
        for atom in atoms(node):
            if isinstance(atom, Member) and atom.list_name not in (None, "valid_procedures"):
                name = str(atom.list_name)
                if name not in lists.get(owner, set()):
                    file = TABLES["px" if name.startswith("proc") else "dx"].names
                    self.at(
                        row, "condition",
                        both(f"{owner} 没有列表 {name}", f"{owner} has no list {name}"),
                        both(f"在 {file[0]} 中补上，或改条件", f"add it to {file[1]}, or change this"),
                    )  # fmt: skip
            asks = (isinstance(atom, Member) and atom.any_site) or (
                isinstance(atom, Compare) and atom.fact == "trauma_sites"
            )
            if asks and not with_sites:
                self.at(
                    row, "condition", both("MDC没有创伤部位", "its MDC has no trauma sites"),
                    both("补上创伤部位.csv", "add trauma_sites.csv"),
                )  # fmt: skip
        return rule

    def _written(self, row: SourceRow, default: str) -> str:
        """Return the rule of a row's condition; one that cannot be read is noted, and empty."""
        written = row["condition"]
        try:
            rule = rule_of_words(written) if written else default
            parse_rule(rule)
        except RuleSyntaxError as error:
            said = error.args[0]
            text = said if isinstance(said, Bilingual) else both(str(said), str(said))
            remedy = both(
                "用条件词表中的词写：drgpay scheme import --template 有例子",
                "use the words of the list: see drgpay scheme import --template",
            )
            self.at(row, "condition", text, remedy)
            return ""
        return rule

    def _severity(self, system: Mapping[str, set[str]]) -> None:
        seen: dict[str, int] = {}
        lists: set[str] = set()
        self.tables["exclusions.csv"] = []
        for row in self.rows["exclusions"]:
            self._known(row, "principal", system["diagnoses"], "diagnoses")
            key = f"{row['exclusion_list']} {row['principal']}"
            if self._once(row, "principal", seen, key):
                cells = [row["exclusion_list"], row["principal"]]
                self.tables["exclusions.csv"].append((cells, row))
            lists.add(row["exclusion_list"])
        seen = {}
        self.tables["severity.csv"] = []
        for row in self.rows["cc"]:
            self._known(row, "code", system["diagnoses"], "diagnoses")
            if row["level"] not in LEVELS:
                self.at(
                    row, "level", both("不是MCC或CC", "neither MCC nor CC"),
                    both("写MCC或CC", "write MCC or CC"),
                )  # fmt: skip
            if row["exclusion_list"] not in lists and self.rows["exclusions"]:
                self.at(
                    row, "exclusion_list", both("排除表中没有", "no such exclusion list"),
                    both("更正，或在排除表.csv中增加", "correct it, or add it to exclusions.csv"),
                )  # fmt: skip
            if self._once(row, "code", seen):
                cells = [row["code"], LEVELS.get(row["level"], ""), row["exclusion_list"]]
                self.tables["severity.csv"].append((cells, row))
        for name in ("severity.csv", "exclusions.csv"):
            self.tables[name].sort(key=lambda item: item[0])

    # --- writing ---------------------------------------------------------------------------

    def write_codes(self, target: Path) -> str:
        """Write what codes the folder has of its own; return the code system's line."""
        system = self.items.get("code_system")
        if system:
            return f'name = "{system}"'
        kinds = (("diagnosis", "diagnoses"), ("procedure", "procedures"))
        codes = {
            kind: [(row["code"], row["name"]) for row in self.rows[plural]]
            for kind, plural in kinds
        }
        return write_code_system(target, codes)

    def manifest(self, code_system: str) -> list[str]:
        """Return the lines of the manifest."""
        items = self.items
        effective = [f"from = {_date(items['from'])}"]
        if items.get("to"):
            effective.append(f"to = {_date(items['to'])}")
        effective.append(f"verified = {str(self.flag('verified')).lower()}")
        return manifest_lines(
            {key: items.get(key, "") for key in ("title", "title_en", "publisher", "family")},
            effective,
            code_system,
            draft=self.flag("draft"),
            surgical_match=MATCHES.get(items.get("surgical_match", ""), "main"),
            retry=self.flag("retry"),
        )

    def flag(self, key: str) -> bool:
        """Return an item that is yes or no; no where it is not there."""
        return YES.get(self.items.get(key, "").lower(), False)


def _decoded(raw: bytes) -> str | None:
    """Return the text of a file, None where it is in none of the encodings that are known."""
    for encoding in ("utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return None


def _always(rule: str) -> bool:
    try:
        return isinstance(parse_rule(rule), Always)
    except RuleSyntaxError:
        return False


def _date(text: str) -> dt.date | None:
    match = re.fullmatch(r"(\d{4})[-/年.](\d{1,2})[-/月.](\d{1,2})日?", text.strip())
    if match is None:
        return None
    try:
        return dt.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
