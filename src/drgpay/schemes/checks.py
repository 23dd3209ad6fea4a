"""The facts that a scheme's tables must keep, one small function each, all in `CHECKS`.

A check yields findings; it never raises for what the tables say. Which findings are accepted
stands in the scheme's `known_findings.csv`, so a finding's `check`, `file` and `subject` together
name it for good: no row number is part of them, and where many codes share a fault their count is.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, SchemeError, both, in_language, located, quoted
from drgpay.ground.reference import reference_dir
from drgpay.names.readings import READINGS
from drgpay.schemes._arrow import column, flags, numbers, positions, strings
from drgpay.schemes.contradictions import refused_by_mdc
from drgpay.schemes.folders import large_table
from drgpay.schemes.program import RuleCompiler, _conjunction, compile_scheme
from drgpay.schemes.reach import Reach, reach
from drgpay.schemes.rules import (
    DIAGNOSIS_FACTS,
    Compare,
    Member,
    Node,
    RuleSyntaxError,
    atoms,
    members,
    parse_rule,
)
from drgpay.schemes.tables import (
    BEHIND_AMBIGUOUS,
    EVERY_OWNER,
    OWN_GROUP,
    AdrgRow,
    DrgRow,
    Group,
    MdcRow,
    Scheme,
)

DIAGNOSIS_SHAPE = r"^[A-Z]\d{2}\.(?:\d{3}|x\d{2})(?:x\d{3})?(?:\+[A-Z]\d{2}(?:\.\d)?\*)?$"
PROCEDURE_SHAPE = (
    r"^\d{2}\.(?:\d{4}(?:x\d{3})?|\dx\d{2}(?:x\d{3})?|\d{5}|\d{3}[A-Z]\d|\d{3}x\d{4})$"
)
MDC_SHAPE = re.compile(r"MDC[A-Z]")
ADRG_SHAPE = re.compile(r"[A-Z][A-Z]\d(_\d+)?")
# the codes of ambiguous groups and of what an MDC has left
OWN_GROUP_SHAPES = {
    "ambiguous": re.compile(r"[A-Z]QY(_\d+)?"),
    "fallback": re.compile(r"[A-Z]00(_\d+)?"),
}
AMBIGUOUS = ("no", "yes", "main")
KINDS = ("surgical", "medical", "ambiguous", "fallback")
LEVELS = ("MCC", "CC")
OPTIONS = (*READINGS, "retry_further_procedures")
EXAMPLES = 5
NAMED = "named_conditions.csv"

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `row` is a line of the file, 0 for the file as a whole.

    `folder` is the scheme whose file it is when that is another than the one checked: its base.
    """

    check: str
    file: str
    row: int
    subject: str
    text: Bilingual
    folder: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What known_findings.csv knows it by."""
        return (self.check, self.file, self.subject)

    @property
    def placed(self) -> Bilingual:
        """The text behind its file and line, in both languages."""
        file = f"{self.folder}/{self.file}" if self.folder else self.file
        return located(f"{file}:{self.row}" if self.row else file, self.text)

    def __str__(self) -> str:
        return str(self.placed)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule where it stands: its owner's lists are the ones it names."""

    file: str
    row: int
    named: str
    owner: str
    mdc: MdcRow | None
    text: str


class Subject:
    """A scheme under test, with its large tables row by row, read when first asked for."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.system: Path = scheme.folder.system
        # a bundled code system is checked with the bundled schemes, not with everyone's own
        self.owns_system = is_bundled(scheme.path) or self.system.is_relative_to(scheme.path)
        self.mdc_of = {mdc.mdc: mdc for mdc in reversed(scheme.mdcs)}
        self.adrg_of = {adrg.key: adrg for adrg in reversed(scheme.adrgs)}

    @cached_property
    def lists(self) -> pa.Table:
        """The code lists as written."""
        return self.scheme.folder.large["lists.csv"]

    @cached_property
    def valid_procedures(self) -> pa.Table:
        """The procedures that count, as written."""
        return self.scheme.folder.large["valid_procedures.csv"]

    @cached_property
    def extra(self) -> list[tuple[int, dict[str, str]]]:
        """The scheme's extra codes, with their lines."""
        return list(self.scheme.folder.small.get("codes_extra.csv", []))

    @cached_property
    def list_is_procedure(self) -> NDArray[np.bool_]:
        """Which rows of lists.csv hold procedures."""
        return flags(pc.starts_with(column(self.lists, "list"), "proc"))

    @cached_property
    def list_rows(self) -> dict[tuple[str, str], Rows]:
        """Lines of lists.csv by owner and list."""
        owner, name = self.lists["owner"].to_pylist(), self.lists["list"].to_pylist()
        found: dict[tuple[str, str], list[int]] = {}
        for i, key in enumerate(zip(owner, name, strict=True)):
            found.setdefault(key, []).append(i + 2)
        return {key: np.array(rows, dtype=np.int64) for key, rows in found.items()}

    @property
    def groups(self) -> tuple[Group, ...]:
        """All MDCs, ADRGs and DRGs."""
        return (*self.scheme.mdcs, *self.scheme.adrgs, *self.scheme.drgs)

    @cached_property
    def by_line(self) -> list[Group]:
        """All groups in the order of their files and lines."""
        return sorted(self.groups, key=lambda group: (group.file, group.row))

    @cached_property
    def rules(self) -> list[RuleRow]:
        """All rules: of MDCs, ADRGs and DRGs."""
        scheme, found = self.scheme, []
        for group in self.groups:
            adrg: AdrgRow | MdcRow | None
            adrg = self.adrg_of.get(group.parent) if isinstance(group, DrgRow) else group
            mdc = self.mdc_of.get(adrg.mdc) if adrg else None
            owner = scheme.lists_of(group) if isinstance(group, DrgRow) else group.named
            file, row = group.file, group.row
            if group.named in scheme.named_conditions:
                file, row = NAMED, scheme.named_conditions[group.named].row
            found.append(RuleRow(file, row, group.named, owner, mdc, group.rule))
        return found

    @cached_property
    def readable(self) -> list[tuple[RuleRow, Node]]:
        """The rules that parse, with their trees."""
        found = []
        for rule in self.rules:
            try:
                found.append((rule, parse_rule(rule.text)))
            except RuleSyntaxError:
                continue
        return found

    @cached_property
    def used_lists(self) -> set[tuple[str, str]]:
        """Owner and name of the lists that rules ask for."""
        used: set[tuple[str, str]] = set()
        for rule, node in self.readable:
            for member in members(node):
                owner = self.scheme.list_owner(rule.owner, member.list_name or "")
                if member.list_name and owner:
                    used.add((owner, member.list_name))
            for atom in atoms(node):
                if asks_sites(atom) and rule.mdc:
                    used |= {(rule.mdc.mdc, f"site_{i + 1}") for i in range(len(rule.mdc.sites))}
        # the other reading names the lists of the tabled rules
        for group, condition in self.scheme.named_conditions.items():
            try:
                asked = list(members(parse_rule(condition.tabled)))
            except RuleSyntaxError:
                continue
            used |= {(group, member.list_name) for member in asked if member.list_name}
        return used

    @cached_property
    def owners(self) -> set[str]:
        """Who may own a list: MDCs, ADRGs, DRGs with their suffixes, and all together."""
        drgs = (drg.key for drg in self.scheme.drgs)
        return {EVERY_OWNER, *self.mdc_of, *self.adrg_of, *drgs}

    @cached_property
    def compiles(self) -> bool:
        """Whether the rules can be compiled and walked."""
        if any(True for check in _BEFORE_REACH for _ in check(self)):
            return False
        try:
            compile_scheme(self.scheme)
        except SchemeError:
            return False
        return True

    @cached_property
    def reach(self) -> Reach | None:
        """What cases can reach, None when the rules cannot be compiled."""
        return reach(self.scheme) if self.compiles else None


Check = Callable[[Subject], Iterator[Finding]]


def asks_sites(node: Node) -> bool:
    """Return whether an atom asks for the trauma sites of its MDC."""
    return (isinstance(node, Member) and node.any_site) or (
        isinstance(node, Compare) and node.fact == "trauma_sites"
    )


def _finding(file: str, row: int, subject: str, text: Bilingual) -> Finding:
    """Return a finding of the check at hand, whose name `run_checks` adds."""
    return Finding("", file, row, subject, text)


def _of(row: Group | RuleRow, text: Bilingual, more: str = "") -> Finding:
    """Return a finding of a group's row or of a rule; `more` stands behind what it is called."""
    return Finding("", row.file, row.row, f"{row.named}{more}", text)


def _of_manifest(key: str, chinese: str, english: str) -> Finding:
    return Finding("", "manifest.toml", 0, key, both(chinese, english))


def _some(codes: Sequence[str]) -> str:
    more = f" and {len(codes) - EXAMPLES} more" if len(codes) > EXAMPLES else ""
    return ", ".join(codes[:EXAMPLES]) + more


def _several(codes: Sequence[str]) -> str:
    """As `_some`, in Chinese."""
    more = f" 等{len(codes)}个" if len(codes) > EXAMPLES else ""
    return "、".join(codes[:EXAMPLES]) + more


def _verb(found: Sized, one: str, many: str) -> str:
    return one if len(found) == 1 else many


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- manifest ---------------------------------------------------------------------------------


def counts(scheme: Scheme) -> dict[str, int]:
    """Return how much of everything a scheme holds, as its manifest states it."""
    return {
        "mdc": len({mdc.mdc for mdc in scheme.mdcs}),
        "adrg": len({adrg.adrg for adrg in scheme.adrgs if adrg.kind not in OWN_GROUP}),
        "drg": len({drg.drg for drg in scheme.drgs}),
        "rules": len(scheme.mdcs) + len(scheme.adrgs) + len(scheme.drgs),
        "list_rows": sum(len(ids) for ids in scheme.lists.values()),
        "severity": scheme.severity.num_rows,
        "exclusions": scheme.exclusions.num_rows,
        "valid_procedures": len(scheme.valid_procedures),
        "ambiguous_groups": len(
            {mdc.letter for mdc in scheme.mdcs if mdc.ambiguous != "no"}
            | {adrg.key[0] for adrg in scheme.adrgs if adrg.kind == "ambiguous"}
        ),
    }


def is_bundled(path: Path) -> bool:
    """Return whether a scheme folder is one of those that come with drgpay."""
    return path.resolve().parent == (reference_dir() / "schemes").resolve()


def tables_changed_since_seal(subject: Subject) -> Iterator[Finding]:
    """Fail if the digest of the tables is not the manifest's, or a bundled scheme has none."""
    scheme = subject.scheme
    stated = scheme.manifest.get("digest")
    if stated is None and not is_bundled(scheme.path):
        return
    if stated is None:
        yield _of_manifest(
            "digest",
            "内置方案的清单必须封存；请运行 drgpay scheme check --seal",
            "a bundled scheme's manifest must be sealed; run drgpay scheme check --seal",
        )
    elif stated != scheme.digest:
        yield _of_manifest(
            "digest",
            "封存以后表有改动；请运行 drgpay scheme check --seal",
            "tables changed since the manifest was sealed; run drgpay scheme check --seal",
        )


def count_differs_from_manifest(subject: Subject) -> Iterator[Finding]:
    """Fail if the manifest states other counts than the tables have."""
    stated = subject.scheme.manifest.get("counts")
    if stated is None:
        return
    actual = counts(subject.scheme)
    for name in sorted({*stated, *actual}):
        if stated.get(name) != actual.get(name):
            yield _of_manifest(
                name,
                f"[counts] {name} 写为 {stated.get(name, '（未写）')}，表中为 "
                f"{actual.get(name, '（无此项）')}",
                f"[counts] {name} is {stated.get(name, 'missing')}, the tables have "
                f"{actual.get(name, 'no such count')}",
            )


def manifest_value_unusable(subject: Subject) -> Iterator[Finding]:
    """Fail if an option is unknown, or the effective period is no date."""
    manifest = subject.scheme.manifest
    for name in manifest.get("options", {}):
        if name not in OPTIONS:
            yield _of_manifest(
                f"options.{name}",
                f"没有选项 {name}；可写的选项：{'、'.join(OPTIONS)}",
                f"option {name} is unknown; the options are {', '.join(OPTIONS)}",
            )
    effective = manifest.get("effective", {})
    first, last = effective.get("from"), effective.get("to")
    if type(first) is not datetime.date:
        yield _of_manifest(
            "effective.from",
            "没有施行日期；在 [effective] 下写 from = YYYY-MM-DD",
            "no first day in force; write from = YYYY-MM-DD under [effective]",
        )
    if last is not None and (
        type(last) is not datetime.date or (type(first) is datetime.date and last < first)
    ):
        yield _of_manifest(
            "effective.to",
            f"截止日期 {last} 不是日期，或早于施行日期；写 to = YYYY-MM-DD，仍在施行的不写",
            f"last day {last} is no date, or before the first; write to = YYYY-MM-DD, or "
            "leave it out while the scheme is in force",
        )


# --- groups -----------------------------------------------------------------------------------


def order_twice(subject: Subject) -> Iterator[Finding]:
    """Fail if two MDCs, two ADRGs of an MDC or two DRGs of an ADRG rule have the same order."""
    first: dict[tuple[str, str, int], int] = {}
    for group in subject.by_line:
        before = first.setdefault((group.file, group.parent, group.order), group.row)
        if before != group.row:
            place = f"{group.parent} {group.order}"
            text = both(
                f"{group.parent} 的顺序 {group.order} 与第{before}行重复",
                f"order {group.order} of {group.parent} stands in line {before} too",
            )
            yield _finding(group.file, group.row, place, text)


def group_twice(subject: Subject) -> Iterator[Finding]:
    """Fail if an MDC, an ADRG's rule or a DRG of an ADRG's rule stands twice."""
    first: dict[tuple[str, str], int] = {}
    for group in subject.by_line:
        name = group.named
        before = first.setdefault((group.file, name), group.row)
        if before != group.row:
            yield _of(
                group, both(f"{name} 与第{before}行重复", f"{name} stands in line {before} too")
            )


def group_code_impossible(subject: Subject) -> Iterator[Finding]:
    """Fail if an MDC is not MDC and a letter, an ADRG not AA1 or AA1_1, a DRG not its ADRG's."""
    for mdc in subject.scheme.mdcs:
        if not MDC_SHAPE.fullmatch(mdc.mdc):
            text = both(
                f"MDC代码“{mdc.mdc}”不是 MDC 加一个字母", f"MDC {mdc.mdc!r} is not MDC and a letter"
            )
            yield _of(mdc, text)
    for adrg in subject.scheme.adrgs:
        shape = OWN_GROUP_SHAPES.get(adrg.kind)
        if shape is not None and not shape.fullmatch(adrg.key):
            text = both(
                f"ADRG代码“{adrg.key}”：歧义组为字母加 QY，其余组为字母加 00",
                f"ADRG {adrg.key!r}: an ambiguous group is a letter and QY, a rest group "
                "a letter and 00",
            )
            yield _of(adrg, text)
        elif shape is None and not ADRG_SHAPE.fullmatch(adrg.key):
            text = both(
                f"ADRG代码“{adrg.key}”不是两个字母加一个数字（多条规则另加 _1、_2 …）",
                f"ADRG {adrg.key!r} is not two letters and a digit, with _1, _2 … for more rules",
            )
            yield _of(adrg, text)
    for drg in subject.scheme.drgs:
        shape = re.compile(r"[A-Z]QY|\w{4}(_\d+)?")
        if not (drg.drg.startswith(drg.adrg_key[:3]) and shape.fullmatch(drg.key)):
            text = both(
                f"DRG代码“{drg.key}”不是 {drg.adrg_key[:3]} 加一个字符",
                f"DRG {drg.key!r} is not {drg.adrg_key[:3]} and one more sign",
            )
            yield _of(drg, text)


def name_missing(subject: Subject) -> Iterator[Finding]:
    """Fail if an MDC, ADRG or DRG has no name."""
    for group in subject.groups:
        if not group.name.strip():
            yield _of(group, both(f"{group.named} 没有名称", f"{group.named} has no name"))


def parent_unknown(subject: Subject) -> Iterator[Finding]:
    """Fail if an ADRG belongs to an MDC, or a DRG to an ADRG, that the tables lack."""
    for group in subject.groups:
        if isinstance(group, MdcRow):
            continue
        drg = isinstance(group, DrgRow)
        above, known = ("ADRG", subject.adrg_of.keys()) if drg else ("MDC", subject.mdc_of.keys())
        if group.parent not in known:
            code = f"{group.level} {group.drg if isinstance(group, DrgRow) else group.key}"
            file = f"{above.lower()}.csv"
            text = both(
                f"{code} 所属的{above}“{group.parent}”不在 {file} 中",
                f"{code} belongs to {above} {group.parent!r}, which {file} lacks",
            )
            yield _of(group, text)


def group_without_members(subject: Subject) -> Iterator[Finding]:
    """Fail if an MDC has no ADRG or an ADRG's rule no DRG."""
    scheme = subject.scheme
    parents = {"MDC": {a.mdc for a in scheme.adrgs}, "ADRG": {d.adrg_key for d in scheme.drgs}}
    for group in subject.groups:
        if isinstance(group, DrgRow) or getattr(group, "kind", "") in OWN_GROUP:
            continue
        if group.named not in parents[group.level]:
            name = f"{group.level} {group.named}"
            below = "ADRG" if isinstance(group, MdcRow) else "DRG"
            yield _of(group, both(f"{name} 之下没有{below}", f"{name} has no {below}"))


def ambiguous_not_a_choice(subject: Subject) -> Iterator[Finding]:
    """Fail if an MDC's `ambiguous` is not no, yes or main."""
    for mdc in subject.scheme.mdcs:
        if mdc.ambiguous not in AMBIGUOUS:
            text = both(
                f"{mdc.mdc} 的 ambiguous 是“{mdc.ambiguous}”，应为 {'、'.join(AMBIGUOUS)} 之一",
                f"ambiguous of {mdc.mdc} is {mdc.ambiguous!r}; write {', '.join(AMBIGUOUS)}",
            )
            yield _of(mdc, text)


def kind_not_a_choice(subject: Subject) -> Iterator[Finding]:
    """Fail if an ADRG's `kind` is not surgical, medical, ambiguous or fallback."""
    for adrg in subject.scheme.adrgs:
        if adrg.kind not in KINDS:
            text = both(
                f"{adrg.key} 的 kind 是“{adrg.kind}”，应为 {' 或 '.join(KINDS)}",
                f"kind of {adrg.key} is {adrg.kind!r}; write {' or '.join(KINDS)}",
            )
            yield _of(adrg, text)


def medical_before_surgical(subject: Subject) -> Iterator[Finding]:
    """Fail if a surgical ADRG stands behind a medical one in an MDC with an ambiguous group."""
    for mdc in subject.scheme.mdcs:
        if mdc.ambiguous == "no":
            continue
        medical: AdrgRow | None = None
        for adrg in subject.scheme.adrgs:
            if adrg.mdc != mdc.mdc:
                continue
            if adrg.kind in BEHIND_AMBIGUOUS:
                medical = medical or adrg
            elif medical and adrg.kind == "surgical":
                text = both(
                    f"外科组 {adrg.key} 排在内科组 {medical.key} 之后，其病例会进入 {mdc.mdc} 的歧义组",
                    f"surgical {adrg.key} stands behind medical {medical.key}, so the ambiguous "
                    f"group of {mdc.mdc} takes its cases",
                )
                yield _of(adrg, text)


def site_without_list(subject: Subject) -> Iterator[Finding]:
    """Fail if a trauma site of an MDC has no list, or a rule asks sites of an MDC without any."""
    for mdc in subject.scheme.mdcs:
        listed = subject.scheme.site_ids(mdc)
        for i, (site, ids) in enumerate(zip(mdc.sites, listed, strict=True), 1):
            if not len(ids):
                text = both(
                    f"{mdc.mdc} 的第{i}个创伤部位（{site}）在 lists.csv 中没有列表 site_{i}",
                    f"site {i} of {mdc.mdc} ({site}) has no list site_{i} in lists.csv",
                )
                yield _finding("mdc.csv", mdc.row, f"{mdc.mdc}.site_{i}", text)
    for rule, node in subject.readable:
        if any(asks_sites(atom) for atom in atoms(node)) and not (rule.mdc and rule.mdc.sites):
            text = both(
                f"{rule.named} 的规则用到创伤部位，其MDC却没有",
                f"the rule of {rule.named} asks for trauma sites; its MDC names none",
            )
            yield _of(rule, text)


# --- rules ------------------------------------------------------------------------------------


def rule_unreadable(subject: Subject) -> Iterator[Finding]:
    """Fail if a rule does not parse."""
    for rule in subject.rules:
        try:
            parse_rule(rule.text)
        except RuleSyntaxError as error:
            text = both(
                f"{rule.named} 的规则读不懂：{in_language(error, 'zh')}",
                f"the rule of {rule.named} does not parse: {error}",
            )
            yield _of(rule, text)


def rule_too_wide(subject: Subject) -> Iterator[Finding]:
    """Fail if a rule, with its MDC's, has more alternatives than can be compiled."""
    if any(True for _ in list_of_other_kind(subject)):
        return
    try:
        compiler = RuleCompiler(subject.scheme)
    except RuleSyntaxError:
        return
    for rule, node in subject.readable:
        if rule.mdc is None:
            continue
        try:
            own = compiler.terms(node, rule.owner, rule.mdc)
            if rule.file == "adrg.csv":
                mdc = compiler.terms(parse_rule(rule.mdc.rule), rule.mdc.mdc, rule.mdc)
                _conjunction([mdc, own])
        except RuleSyntaxError as error:
            text = both(in_language(error, "zh"), str(error))
            yield _of(rule, text)


def list_unknown(subject: Subject) -> Iterator[Finding]:
    """Fail if a rule names a list that its owner does not have."""
    seen: set[tuple[str, str]] = set()
    for rule, node in subject.readable:
        for member in members(node):
            if member.list_name in (None, "valid_procedures"):
                continue
            key = (rule.owner, str(member.list_name))
            if key not in seen and subject.scheme.list_owner(*key) is None:
                seen.add(key)
                text = both(
                    f"{rule.named} 的规则引用 {key[0]} 的列表“{key[1]}”，lists.csv 中没有，按空列表计",
                    f"the rule of {rule.named} asks for the list {key[1]!r} of {key[0]}, which "
                    "lists.csv lacks: it counts as empty",
                )
                yield _finding(rule.file, rule.row, ".".join(key), text)


def list_of_other_kind(subject: Subject) -> Iterator[Finding]:
    """Fail if a rule looks for a diagnosis in a list of procedures or the other way round."""
    for rule, node in subject.readable:
        for atom in members(node):
            if atom.codes:
                continue
            name = "any site" if atom.any_site else str(atom.list_name)
            procedures = name == "valid_procedures" or name.startswith("proc")
            if procedures == (atom.fact in DIAGNOSIS_FACTS):
                kind = "procedures" if procedures else "diagnoses"
                text = both(
                    f"{rule.named} 的规则在{'手术操作' if procedures else '诊断'}列表 {name} 中查找 "
                    f"{atom.fact}",
                    f"the rule of {rule.named} looks for {atom.fact} in {name}, a list of {kind}",
                )
                yield _of(rule, text, f" {name}")


def _codes_of_rules(subject: Subject) -> Iterator[tuple[RuleRow, bool, str]]:
    """Yield (rule, whether it is a diagnosis, code) of every code that is quoted in a rule."""
    for rule, node in subject.readable:
        for atom in atoms(node):
            if isinstance(atom, Member):
                yield from ((rule, atom.fact in DIAGNOSIS_FACTS, code) for code in atom.codes)


def code_in_rule_unknown(subject: Subject) -> Iterator[Finding]:
    """Fail if a code quoted in a rule is neither in the code system nor in a list."""
    for rule, diagnosis, code in _codes_of_rules(subject):
        words = subject.scheme.diagnoses if diagnosis else subject.scheme.procedures
        if code not in words.index:
            text = both(
                f"{rule.named} 的规则中的编码“{code}”不存在",
                f"the rule of {rule.named} asks for {code!r}, a code nobody knows",
            )
            yield _of(rule, text, f" {code}")


# --- codes ------------------------------------------------------------------------------------


def _code_columns(subject: Subject) -> Iterator[tuple[str, bool, pa.Array, Rows]]:
    """Yield (file, of diagnoses, codes, lines) of every column of codes."""
    codes = column(subject.lists, "code")
    is_procedure = subject.list_is_procedure
    for diagnosis in (True, False):
        rows = np.flatnonzero(is_procedure != diagnosis)
        yield "lists.csv", diagnosis, codes.take(pa.array(rows)), rows + 2
    scheme = subject.scheme
    for file, diagnosis, codes in (
        ("severity.csv", True, column(scheme.severity, "code")),
        ("exclusions.csv", True, column(scheme.exclusions, "principal")),
        ("valid_procedures.csv", False, column(subject.valid_procedures, "code")),
    ):
        yield file, diagnosis, codes, np.arange(len(codes), dtype=np.int64) + 2


def _no_code(code: str, kind: str) -> Bilingual:
    chinese = "诊断" if kind == "diagnosis" else "手术操作"
    return both(f"“{code}”不是{chinese}编码的格式", f"{code!r} cannot be a {kind} code")


def code_impossible(subject: Subject) -> Iterator[Finding]:
    """Fail if a code has a shape that no diagnosis or procedure code has."""
    seen: set[tuple[str, str]] = set()
    for file, diagnosis, codes, rows in _code_columns(subject):
        shape = DIAGNOSIS_SHAPE if diagnosis else PROCEDURE_SHAPE
        wrong = ~flags(pc.match_substring_regex(codes, shape))
        for i in np.flatnonzero(wrong):
            code = str(codes[int(i)].as_py())
            if (file, code) not in seen:
                seen.add((file, code))
                text = _no_code(code, "diagnosis" if diagnosis else "procedure")
                yield _finding(file, int(rows[i]), code, text)
    for line, row in subject.extra:
        shape = DIAGNOSIS_SHAPE if row["kind"] == "diagnosis" else PROCEDURE_SHAPE
        if not re.match(shape, row["code"]):
            text = _no_code(row["code"], row["kind"])
            yield _finding("codes_extra.csv", line, row["code"], text)
    for rule, diagnosis, code in _codes_of_rules(subject):
        if not re.match(DIAGNOSIS_SHAPE if diagnosis else PROCEDURE_SHAPE, code):
            text = both(
                f"{rule.named} 的规则中的“{code}”不是编码的格式",
                f"{code!r} in the rule of {rule.named} cannot be a code",
            )
            yield _of(rule, text, f" {code}")


def _repeated(table: pa.Table, names: Sequence[str]) -> Rows:
    """Return the places of rows whose values in some columns stood before."""
    key = np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        encoded = column(table, name).dictionary_encode()
        key = key * max(1, len(encoded.dictionary)) + numbers(encoded.indices)
    first = np.unique(key, return_index=True)[1]
    again = np.ones(table.num_rows, dtype=np.bool_)
    again[first] = False
    return np.flatnonzero(again)


def row_twice(subject: Subject) -> Iterator[Finding]:
    """Fail if a code stands twice in a list, in severity, as an exclusion, or in a code table.

    One finding a list.
    """
    scheme = subject.scheme
    tables: list[tuple[str, pa.Table, tuple[str, ...]]] = [
        ("lists.csv", subject.lists, ("owner", "list", "code")),
        ("severity.csv", scheme.severity, ("code",)),
        ("exclusions.csv", scheme.exclusions, ("exclusion_list", "principal")),
        ("valid_procedures.csv", subject.valid_procedures, ("code",)),
    ]
    for file, name in _SYSTEM_TABLES if subject.owns_system else ():
        path = subject.system / file
        if path.exists():
            tables.append((file, large_table(path, (name, _SYSTEM_TABLES[file, name])), (name,)))
    for file, table, names in tables:
        again: dict[str, list[tuple[str, int]]] = {}
        for i in _repeated(table, names):
            *place, code = (str(table[name][int(i)].as_py()) for name in names)
            again.setdefault(".".join(place), []).append((code, int(i) + 2))
        for name, found in again.items():
            what = f"{name}: " * bool(name) + _count(len(found), "row")
            some = _some([f"{code} (line {line})" for code, line in found])
            lines = _several([f"{code}（第{line}行）" for code, line in found])
            text = both(
                f"{name}：" * bool(name) + f"{len(found)}行重复：{lines}",
                f"{what} that {_verb(found, 'stands', 'stand')} here again: {some}",
            )
            yield _finding(file, found[0][1], what, text)
    known: dict[tuple[str, str], str] = {}
    for kind, words in (("diagnosis", "diagnoses"), ("procedure", "procedures")):
        path = subject.system / f"{words}.csv"
        for code in large_table(path, ("code", "name"))["code"].to_pylist():
            known[(kind, code)] = f"{words}.csv"
    for line, row in subject.extra:
        before = known.get((row["kind"], row["code"]))
        if before:
            text = both(
                f"{row['code']} 已在 {before} 中", f"{row['code']} stands in {before} already"
            )
            yield _finding("codes_extra.csv", line, row["code"], text)
        known[(row["kind"], row["code"])] = "codes_extra.csv"


_SYSTEM_TABLES = {
    ("diagnoses.csv", "code"): "name",
    ("procedures.csv", "code"): "name",
    ("diagnosis_map.csv", "insurance_code"): "code",
    ("procedure_map.csv", "insurance_code"): "code",
}


def extra_kind_not_a_choice(subject: Subject) -> Iterator[Finding]:
    """Fail if an extra code is neither a diagnosis nor a procedure."""
    for line, row in subject.extra:
        if row["kind"] not in ("diagnosis", "procedure"):
            text = both(
                f"{row['code']} 的 kind 是“{row['kind']}”，应为 diagnosis 或 procedure",
                f"kind of {row['code']} is {row['kind']!r}; write diagnosis or procedure",
            )
            yield _finding("codes_extra.csv", line, row["code"], text)


def named_condition_of_no_group(subject: Subject) -> Iterator[Finding]:
    """Fail if a condition taken over belongs to no group, states no words of its name or source."""
    for group, condition in subject.scheme.named_conditions.items():
        if group not in subject.mdc_of and group not in subject.adrg_of:
            text = both(f"没有MDC或ADRG“{group}”", f"there is no MDC or ADRG {group!r}")
        elif not condition.source or not condition.words:
            text = both(
                f"{group} 的条件没有写明名称中的词或来源",
                f"the condition of {group} names no words or no source",
            )
        else:
            continue
        yield _finding(NAMED, condition.row, group, text)


def code_without_name(subject: Subject) -> Iterator[Finding]:
    """Fail if codes of a table have no name in the code system: one finding a table and kind."""
    for file, diagnosis, codes, rows in _code_columns(subject):
        words = subject.scheme.diagnoses if diagnosis else subject.scheme.procedures
        number = words.encode(codes)
        nameless = np.flatnonzero(number > words.named)
        if len(nameless):
            found = sorted({str(codes[int(i)].as_py()) for i in nameless})
            what = _count(len(found), "diagnosis code" if diagnosis else "procedure code")
            text = both(
                f"{len(found)}个{'诊断' if diagnosis else '手术操作'}编码在编码版本中没有名称："
                f"{_several(found)}",
                f"{what} without a name in the code system: {_some(found)}",
            )
            yield _finding(file, int(rows[nameless[0]]), what, text)
    blank = [(line, row["code"]) for line, row in subject.extra if not row["name"].strip()]
    for line, code in blank:
        text = both(f"{code} 没有名称", f"{code} has no name")
        yield _finding("codes_extra.csv", line, code, text)


def map_to_unknown_code(subject: Subject) -> Iterator[Finding]:
    """Fail if a map from insurance codes leads to codes nobody knows: one finding a map."""
    if not subject.owns_system:
        return
    for file, words in (
        ("diagnosis_map.csv", subject.scheme.diagnoses),
        ("procedure_map.csv", subject.scheme.procedures),
    ):
        path = subject.system / file
        if not path.exists():
            continue
        table = large_table(path, ("insurance_code", "code"))
        codes = column(table, "code")
        lost = np.flatnonzero(words.encode(codes) == 0)
        if len(lost):
            found = sorted({str(codes[int(i)].as_py()) for i in lost})
            what = f"{len(lost)} {_verb(lost, 'entry', 'entries')}"
            leads = _verb(lost, "leads to a code", "lead to codes")
            text = both(
                f"{len(lost)}项映射到不存在的编码：{_several([quoted(code) for code in found])}",
                f"{what} that {leads} nobody knows: {_some([repr(code) for code in found])}",
            )
            yield _finding(file, int(lost[0]) + 2, what, text)


# --- lists ------------------------------------------------------------------------------------


def list_unused(subject: Subject) -> Iterator[Finding]:
    """Fail if no rule asks for a list, or its owner is no group of the scheme."""
    for (owner, name), rows in subject.list_rows.items():
        if (owner, name) in subject.used_lists:
            continue
        known = owner in subject.owners
        why = (
            both("该组的规则没有引用", "no rule of its owner names it")
            if known
            else both(f"“{owner}”不是MDC、ADRG或DRG", f"{owner!r} is no MDC, ADRG or DRG")
        )
        text = both(
            f"{owner} 的列表“{name}”（{len(rows)}个编码）未被引用：{why.chinese}",
            f"list {name!r} of {owner} ({_count(len(rows), 'code')}) is never asked for: {why}",
        )
        yield _finding("lists.csv", int(rows[0]), f"{owner}.{name}", text)


def principal_outside_mdc(subject: Subject) -> Iterator[Finding]:
    """Fail if an ADRG's rule lists principal diagnoses that its MDC does not accept."""
    if not subject.compiles:
        return
    scheme = subject.scheme
    codes = column(subject.lists, "code")
    for adrg, mdc, name, lost in refused_by_mdc(scheme):
        rows = subject.list_rows[(scheme.list_owner(adrg, name) or adrg, name)]
        found = [
            (int(row), str(codes[int(row) - 2].as_py()))
            for row in rows
            if scheme.diagnoses.index[str(codes[int(row) - 2].as_py())] in lost
        ]
        what = _count(len(lost), "code")
        text = both(
            f"{adrg} 所列的主要诊断中有{len(lost)}个编码不能进入 {mdc}："
            f"{_several([code for _, code in found])}",
            f"{adrg} lists {what} as principal diagnosis that {mdc} does not accept: "
            f"{_some([code for _, code in found])}",
        )
        subject_text = f"{adrg}.{name}: {what}"
        yield _finding("lists.csv", found[0][0], subject_text, text)


# --- severity ---------------------------------------------------------------------------------


def level_not_a_choice(subject: Subject) -> Iterator[Finding]:
    """Fail if a severity level is not MCC or CC."""
    table = subject.scheme.severity
    levels = column(table, "level")
    for i in np.flatnonzero(positions(levels, strings(LEVELS)) < 0):
        code, level = table["code"][int(i)].as_py(), levels[int(i)].as_py()
        text = both(
            f"{code} 的 level 是“{level}”，应为 {' 或 '.join(LEVELS)}",
            f"level of {code} is {level!r}; write {' or '.join(LEVELS)}",
        )
        yield _finding("severity.csv", int(i) + 2, str(code), text)


def exclusion_list_unused(subject: Subject) -> Iterator[Finding]:
    """Fail if no code of severity.csv is on an exclusion list."""
    used = column(subject.scheme.severity, "exclusion_list")
    yield from _first_rows(
        "exclusions.csv",
        column(subject.scheme.exclusions, "exclusion_list"),
        used,
        both(
            "severity.csv 中没有编码引用排除表{}",
            "exclusion list {} is named by no code of severity.csv",
        ),
    )


def exclusion_list_without_principal(subject: Subject) -> Iterator[Finding]:
    """Fail if an exclusion list of severity.csv has no principal diagnosis."""
    known = column(subject.scheme.exclusions, "exclusion_list")
    yield from _first_rows(
        "severity.csv",
        column(subject.scheme.severity, "exclusion_list"),
        known,
        both(
            "排除表{}在 exclusions.csv 中没有主要诊断，其编码永不排除",
            "exclusion list {} has no principal diagnosis in exclusions.csv: "
            "nothing excludes its codes",
        ),
    )


def _first_rows(file: str, names: pa.Array, known: pa.Array, text: Bilingual) -> Iterator[Finding]:
    seen: set[str] = set()
    for i in np.flatnonzero(positions(names, pc.unique(known)) < 0):
        name = str(names[int(i)].as_py())
        if name not in seen:
            seen.add(name)
            own = both(text.chinese.format(quoted(name)), text.format(name or "''"))
            yield _finding(file, int(i) + 2, name, own)


def weight_unusable(subject: Subject) -> Iterator[Finding]:
    """Fail if weights.csv names a DRG that is not there, or twice, or a weight that is no number."""
    seen: set[str] = set()
    for line, row in subject.scheme.folder.small.get("weights.csv", []):
        drg, weight = row["drg"], row["weight"]
        if drg not in subject.scheme.drg_names:
            text = both(f"{drg} 不是本方案的DRG", f"{drg} is no DRG of the scheme")
        elif drg in seen:
            text = both(f"{drg} 在此重复", f"{drg} stands here again")
        elif not re.fullmatch(r"\d+(\.\d+)?", weight) or float(weight) <= 0:
            text = both(
                f"{drg} 的权重是“{weight}”，应为大于0的数",
                f"weight of {drg} is {weight!r}; write a number above 0",
            )
        else:
            seen.add(drg)
            continue
        yield _finding("weights.csv", line, drg, text)


# --- reach ------------------------------------------------------------------------------------


def adrg_unreachable(subject: Subject) -> Iterator[Finding]:
    """Fail if no case can end in an ADRG: earlier groups take all, or its rule never holds."""
    for found in subject.reach.adrgs if subject.reach else ():
        if isinstance(found.source, AdrgRow):
            adrg = found.source
            why = (
                both(
                    f"符合的病例都先进入 {_several(found.takers)}",
                    f"all it accepts goes to {_some(found.takers)}",
                )
                if found.takers
                else both("其规则永不成立", "its rule never holds")
            )
            text = both(
                f"没有病例能进入ADRG {adrg.key}：{why.chinese}",
                f"no case can reach ADRG {adrg.key}: {why}",
            )
            yield _of(adrg, text)


def drg_unreachable(subject: Subject) -> Iterator[Finding]:
    """Fail if no case can end in a DRG of an ADRG that others reach."""
    drgs = {drg.row: drg for drg in subject.scheme.drgs}
    for found in subject.reach.drgs if subject.reach else ():
        drg = drgs[found.source.row]
        before = [
            other.drg
            for other in subject.scheme.drgs
            if other.adrg_key == drg.adrg_key and other.order < drg.order
        ]
        text = both(
            f"没有病例能进入DRG {drg.drg}：都先进入 {_several(before) or '其他组'}",
            f"no case can reach DRG {drg.drg}: all goes to {_some(before) or 'others'}",
        )
        yield _of(drg, text)


def ambiguous_unreachable(subject: Subject) -> Iterator[Finding]:
    """Fail if no case can end in an ambiguous group that an MDC announces."""
    for found in subject.reach.ambiguous if subject.reach else ():
        if isinstance(found.source, MdcRow):
            mdc = found.source
            text = both(
                f"没有病例能进入 {mdc.mdc} 的歧义组 {mdc.letter}QY",
                f"no case can reach the ambiguous group {mdc.letter}QY of {mdc.mdc}",
            )
            yield _finding("mdc.csv", mdc.row, f"{mdc.letter}QY", text)


def adrg_takes_everything(subject: Subject) -> Iterator[Finding]:
    """Fail if an ADRG's rule holds for every case that its MDC accepts and it is no rest group."""
    for adrg in subject.reach.takes_everything if subject.reach else ():
        if adrg.kind == "fallback":
            continue
        text = both(
            f"{adrg.key} 的规则收下 {adrg.mdc} 余下的全部病例",
            f"the rule of {adrg.key} takes every case that {adrg.mdc} has left",
        )
        yield _of(adrg, text)


_BEFORE_REACH: tuple[Check, ...] = (rule_unreadable, list_of_other_kind, rule_too_wide)

CHECKS: tuple[Check, ...] = (
    # the manifest and the small tables: repeated whenever a scheme is loaded
    tables_changed_since_seal,
    count_differs_from_manifest,
    manifest_value_unusable,
    order_twice,
    group_twice,
    group_code_impossible,
    name_missing,
    parent_unknown,
    group_without_members,
    ambiguous_not_a_choice,
    kind_not_a_choice,
    medical_before_surgical,
    site_without_list,
    rule_unreadable,
    list_unknown,
    list_of_other_kind,
    # the large tables and what follows from the rules: skipped while the digest is the manifest's
    rule_too_wide,
    code_in_rule_unknown,
    code_impossible,
    row_twice,
    extra_kind_not_a_choice,
    named_condition_of_no_group,
    code_without_name,
    map_to_unknown_code,
    list_unused,
    principal_outside_mdc,
    level_not_a_choice,
    exclusion_list_unused,
    exclusion_list_without_principal,
    weight_unusable,
    adrg_unreachable,
    drg_unreachable,
    ambiguous_unreachable,
    adrg_takes_everything,
)
ALWAYS = CHECKS[: CHECKS.index(rule_too_wide)]


def run_checks(scheme: Scheme, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """Return the findings of checks, in the order of the checks."""
    subject = Subject(scheme)
    return [
        _placed(finding, check.__name__, scheme) for check in checks for finding in check(subject)
    ]


def _placed(finding: Finding, check: str, scheme: Scheme) -> Finding:
    """Return a finding of a check with the file and line where its row really stands."""
    place = scheme.place(finding.file, finding.row)
    other = place.folder.resolve() != scheme.path.resolve()
    return replace(finding, check=check, row=place.line, folder=place.folder.name if other else "")
