"""What differs between two schemes: groups, rules, codes, severity; one table for each kind.

Groups and codes are matched by their codes. Exclusion lists have numbers of their own in each
scheme, so they are matched by the severity codes that name them and compared by their contents.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drgpay.ground.errors import Bilingual, both
from drgpay.schemes.rules import RuleSyntaxError, parse_rule
from drgpay.schemes.tables import AdrgRow, DrgRow, MdcRow, Scheme, Vocabulary
from drgpay.schemes.words import rule_in_words

Row = tuple[str | int | Bilingual, ...]
ADDED, REMOVED = both("新增", "added"), both("删除", "removed")
RENAMED, MOVED = both("改名", "renamed"), both("移动", "moved")
RULE, KIND = both("规则改变", "rule changed"), both("类别改变", "kind changed")
AMBIGUOUS_CHANGED = both("歧义组改变", "ambiguous group changed")
AMBIGUOUS = {
    "no": both("无", "none"),
    "yes": both("任一手术", "any procedure"),
    "main": both("主要手术", "main procedure"),
}
OPTIONS = {
    "base": both("基础方案", "base"),
    "surgical_match": both("手术匹配", "surgical_match"),
    "sex_and_newborn": both("性别与新生儿", "sex_and_newborn"),
    "ungroupable_principals": both("不能入组的主要诊断", "ungroupable_principals"),
    "valid_procedures": both("有效手术操作的读法", "valid_procedures"),
    "retry_further_procedures": both("其他手术再试", "retry_further_procedures"),
    "code_system": both("编码版本", "code_system"),
    "effective.from": both("施行日期", "effective.from"),
    "effective.to": both("截止日期", "effective.to"),
    "draft": both("草案", "draft"),
}
SITES_CHANGED = both("创伤部位改变", "trauma sites changed")
ORDER = both("顺序改变", "order changed")
SPLIT = both("细分改变", "split changed")
UP, DOWN = both("等级上升", "level up"), both("等级下降", "level down")
NEW, GONE = both("新列入", "new"), both("不再列入", "gone")
LEVELS = {"": 0, "CC": 1, "MCC": 2}
EXAMPLES = 5


@dataclass(frozen=True)
class Section:
    """One kind of difference; `counts` by change stand before the rows."""

    key: str
    title: Bilingual
    columns: tuple[Bilingual, ...]
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each change."""
        return dict(Counter(change for row in self.rows if isinstance(change := row[0], str)))


@dataclass(frozen=True)
class SchemeDiff:
    """All differences of two schemes, sections without a difference included."""

    a: Scheme
    b: Scheme
    totals: tuple[tuple[Bilingual, int, int], ...]
    sections: tuple[Section, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not any(section.rows for section in self.sections)

    def section(self, key: str) -> Section:
        """Return a section by its key."""
        return next(section for section in self.sections if section.key == key)


def diff_schemes(a: Scheme, b: Scheme) -> SchemeDiff:
    """Return what differs from scheme `a` to scheme `b`."""
    lists, listed = _lists(a, b)
    exclusions, excluded = _exclusions(a, b)
    sections = (
        _options(a, b),
        _mdcs(a, b),
        _adrgs(a, b),
        _drgs(a, b),
        _splits(a, b),
        lists,
        listed,
        _severity(a, b),
        exclusions,
        excluded,
        _codes_of_set(
            "valid",
            both("有效手术操作", "Valid procedures"),
            (a.procedures, a.valid_procedures),
            (b.procedures, b.valid_procedures),
        ),
        _code_system("diagnoses", both("诊断编码库", "Diagnosis codes"), a.diagnoses, b.diagnoses),
        _code_system(
            "procedures", both("手术操作编码库", "Procedure codes"), a.procedures, b.procedures
        ),
    )
    return SchemeDiff(a, b, _totals(a, b), sections)


def _totals(a: Scheme, b: Scheme) -> tuple[tuple[Bilingual, int, int], ...]:
    def numbers(s: Scheme) -> tuple[int, ...]:
        return (
            len(s.mdcs),
            len({adrg.adrg for adrg in s.adrgs}),
            len({drg.drg for drg in s.drgs}),
            sum(len(ids) for ids in s.lists.values()),
            s.severity.num_rows,
            s.exclusions.num_rows,
            len(s.valid_procedures),
        )

    names = (
        both("MDC", "MDC"),
        both("ADRG", "ADRG"),
        both("DRG", "DRG"),
        both("列表行", "list rows"),
        both("并发症或合并症", "severity codes"),
        both("排除", "exclusions"),
        both("有效手术操作", "valid procedures"),
    )
    return tuple(zip(names, numbers(a), numbers(b), strict=True))


def _options(a: Scheme, b: Scheme) -> Section:
    def facts(s: Scheme) -> dict[str, str]:
        system = s.manifest.get("code_system", {})
        effective = s.manifest.get("effective", {})
        return {
            "base": s.base,
            **s.options,
            "retry_further_procedures": str(s.retry).lower(),
            "code_system": str(system.get("name", system.get("path", ""))),
            "effective.from": str(effective.get("from", "")),
            "effective.to": str(effective.get("to", "")),
            "draft": str(s.draft).lower(),
        }

    of_a, of_b = facts(a), facts(b)
    rows = tuple(
        (OPTIONS.get(key, key), of_a[key], of_b[key]) for key in of_a if of_a[key] != of_b[key]
    )
    columns = (both("项目", "option"), both("前", "from"), both("后", "to"))
    return Section("options", both("选项与施行期", "Options and period"), columns, rows)


GROUP_COLUMNS = (
    both("变化", "change"),
    both("代码", "code"),
    both("名称", "name"),
    both("前", "from"),
    both("后", "to"),
)


def _words(rule: str) -> Bilingual:
    """Return a rule in words, or as written when it cannot be read."""
    try:
        node = parse_rule(rule)
    except RuleSyntaxError:
        return both(rule, rule)
    return both(rule_in_words(node), rule_in_words(node, "en"))


def _rule_of(scheme: Scheme, file: str, row: MdcRow | AdrgRow | DrgRow) -> Bilingual:
    """Return a row's rule in words; of a scheme on a base, with the place where the row stands."""
    said = _words(row.rule)
    if not scheme.base:
        return said
    place = scheme.place(file, row.row)
    return both(f"{said.chinese} [{place}]", f"{said} [{place}]")


def _mdcs(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = {m.mdc: m for m in a.mdcs}, {m.mdc: m for m in b.mdcs}
    rows: list[Row] = []
    for code in dict.fromkeys((*of_b, *of_a)):
        x, y = of_a.get(code), of_b.get(code)
        if x is None or y is None:
            one = x or y
            assert one is not None
            rows.append((REMOVED if y is None else ADDED, code, one.name, "", ""))
            continue
        if x.name != y.name:
            rows.append((RENAMED, code, y.name, x.name, y.name))
        if x.rule != y.rule:
            rules = _rule_of(a, "mdc.csv", x), _rule_of(b, "mdc.csv", y)
            rows.append((RULE, code, y.name, *rules))
        if x.ambiguous != y.ambiguous:
            was, now = (
                AMBIGUOUS.get(x.ambiguous, x.ambiguous),
                AMBIGUOUS.get(y.ambiguous, y.ambiguous),
            )
            rows.append((AMBIGUOUS_CHANGED, code, y.name, was, now))
        if x.sites != y.sites:
            rows.append((SITES_CHANGED, code, y.name, "、".join(x.sites), "、".join(y.sites)))
    for code, was, now in _moved(list(of_a), list(of_b)):
        rows.append((ORDER, code, of_b[code].name, _after(was), _after(now)))
    return Section("mdc", both("MDC", "MDC"), GROUP_COLUMNS, tuple(rows))


def _after(code: str) -> Bilingual:
    return both(f"{code}之后", f"after {code}") if code else both("最前", "first")


def _moved(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what must move, with what stood before it: the rest keeps its order (longest run)."""
    common = [code for code in before if code in set(after)]
    place = {code: i for i, code in enumerate(after)}
    stay = _longest_rising([place[code] for code in common])
    staying = {common[i] for i in stay}
    left = [code for code in after if code in set(common)]
    for code in left:
        if code not in staying:
            i, j = common.index(code), left.index(code)
            yield code, common[i - 1] if i else "", left[j - 1] if j else ""


def _longest_rising(values: Sequence[int]) -> list[int]:
    """Return the places of a longest rising run of values, left to right."""
    best: list[int] = []
    before = [-1] * len(values)
    for i, value in enumerate(values):
        low = int(np.searchsorted([values[k] for k in best], value))
        before[i] = best[low - 1] if low else -1
        best[low : low + 1] = [i]
    chain = []
    at = best[-1] if best else -1
    while at >= 0:
        chain.append(at)
        at = before[at]
    return chain[::-1]


def _same_name(rows: Iterable[AdrgRow | DrgRow], gone: set[str]) -> dict[str, str]:
    """Return code by name of groups that only one scheme has, where the name is one's own."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        code = row.key if isinstance(row, AdrgRow) else row.drg
        if code in gone and code not in found[row.name]:
            found[row.name].append(code)
    return {name: codes[0] for name, codes in found.items() if len(codes) == 1}


def _recoded(name: str, others: Mapping[str, str]) -> Bilingual | str:
    if name not in others:
        return ""
    return both(f"同名组：{others[name]}", f"same name: {others[name]}")


def _adrgs(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = {r.key: r for r in a.adrgs}, {r.key: r for r in b.adrgs}
    only_a = _same_name(a.adrgs, set(of_a) - set(of_b))
    only_b = _same_name(b.adrgs, set(of_b) - set(of_a))
    rows: list[Row] = []
    for key in sorted({*of_a, *of_b}):
        x, y = of_a.get(key), of_b.get(key)
        if x is None:
            assert y is not None
            now = _rule_of(b, "adrg.csv", y)
            rows.append((ADDED, key, y.name, _recoded(y.name, only_a), now))
        elif y is None:
            was = _rule_of(a, "adrg.csv", x)
            rows.append((REMOVED, key, x.name, was, _recoded(x.name, only_b)))
        else:
            if x.name != y.name:
                rows.append((RENAMED, key, y.name, x.name, y.name))
            if x.mdc != y.mdc:
                rows.append((MOVED, key, y.name, x.mdc, y.mdc))
            if x.kind != y.kind:
                rows.append((KIND, key, y.name, x.kind, y.kind))
            if x.rule != y.rule:
                was, now = _rule_of(a, "adrg.csv", x), _rule_of(b, "adrg.csv", y)
                rows.append((RULE, key, y.name, was, now))
    for mdc in [m.mdc for m in b.mdcs]:
        before = [r.key for r in a.adrgs if r.mdc == mdc]
        after = [r.key for r in b.adrgs if r.mdc == mdc]
        for key, first, then in _moved(before, after):
            rows.append((ORDER, key, of_b[key].name, _after(first), _after(then)))
    return Section("adrg", both("ADRG", "ADRG"), GROUP_COLUMNS, tuple(rows))


def _drgs(a: Scheme, b: Scheme) -> Section:
    of_a = {r.drg: r for r in reversed(a.drgs)}
    of_b = {r.drg: r for r in reversed(b.drgs)}
    only_a = _same_name(a.drgs, set(of_a) - set(of_b))
    only_b = _same_name(b.drgs, set(of_b) - set(of_a))
    rows: list[Row] = []
    for code in sorted({*of_a, *of_b}):
        x, y = of_a.get(code), of_b.get(code)
        if x is None:
            assert y is not None
            now = _rule_of(b, "drg.csv", y)
            rows.append((ADDED, code, y.name, _recoded(y.name, only_a), now))
        elif y is None:
            was = _rule_of(a, "drg.csv", x)
            rows.append((REMOVED, code, x.name, was, _recoded(x.name, only_b)))
        elif x.name != y.name:
            rows.append((RENAMED, code, y.name, x.name, y.name))
    return Section("drg", both("DRG", "DRG"), GROUP_COLUMNS, tuple(rows))


def _splits(a: Scheme, b: Scheme) -> Section:
    """The DRGs of each ADRG rule, as a sequence of code and condition."""

    def split(s: Scheme) -> dict[str, list[DrgRow]]:
        found: dict[str, list[DrgRow]] = defaultdict(list)
        for row in s.drgs:
            found[row.adrg_key].append(row)
        return found

    def said(rows: Sequence[DrgRow], lang: int) -> str:
        texts = [_words(row.rule) for row in rows]
        parts = [
            f"{row.drg}（{text.chinese}）" if lang == 0 else f"{row.drg} ({text})"
            for row, text in zip(rows, texts, strict=True)
        ]
        return ("；" if lang == 0 else "; ").join(parts)

    of_a, of_b = split(a), split(b)
    names = {row.key: row.name for row in b.adrgs}
    rows: list[Row] = []
    for key in sorted(set(of_a) & set(of_b)):
        x, y = of_a[key], of_b[key]
        if [(r.drg, r.rule) for r in x] != [(r.drg, r.rule) for r in y]:
            rows.append(
                (
                    SPLIT,
                    key,
                    names.get(key, ""),
                    both(said(x, 0), said(x, 1)),
                    both(said(y, 0), said(y, 1)),
                )
            )
    return Section(
        "split", both("细分（DRG规则）", "Splits (DRG rules)"), GROUP_COLUMNS, tuple(rows)
    )


def _names(words: Vocabulary) -> list[str]:
    return [str(name or "") for name in words.names.to_pylist()]


class _Book:
    """Codes and names of one scheme, as Python lists."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.codes = {
            "diagnosis": scheme.diagnoses.codes.to_pylist(),
            "procedure": scheme.procedures.codes.to_pylist(),
        }
        self.names = {
            "diagnosis": _names(scheme.diagnoses),
            "procedure": _names(scheme.procedures),
        }

    def of(self, kind: str, ids: Iterable[int]) -> dict[str, str]:
        codes, names = self.codes[kind], self.names[kind]
        return {codes[i - 1]: names[i - 1] for i in ids if i}


def _lists(a: Scheme, b: Scheme) -> tuple[Section, Section]:
    books = (_Book(a), _Book(b))
    group_names = {m.mdc: m.name for s in (a, b) for m in s.mdcs}
    group_names |= {r.key: r.name for s in (a, b) for r in s.adrgs}
    summary: list[Row] = []
    details: list[Row] = []
    for owner, name in sorted({*a.lists, *b.lists}):
        kind = "procedure" if name.startswith("proc") else "diagnosis"
        x, y = (book.of(kind, book.scheme.list_ids(owner, name).tolist()) for book in books)
        gone, new = sorted(set(x) - set(y)), sorted(set(y) - set(x))
        if not gone and not new:
            continue
        title = group_names.get(owner, "")
        change = ADDED if not x else REMOVED if not y else both("内容改变", "contents changed")
        summary.append((change, owner, title, name, len(x), len(y), len(new), len(gone)))
        details += [(ADDED, owner, title, name, code, y[code]) for code in new]
        details += [(REMOVED, owner, title, name, code, x[code]) for code in gone]
    head = (
        both("变化", "change"),
        both("组", "group"),
        both("组名", "group name"),
        both("列表", "list"),
    )
    return (
        Section(
            "lists",
            both("编码列表", "Code lists"),
            (
                *head,
                both("前", "from"),
                both("后", "to"),
                both("增", "added"),
                both("删", "removed"),
            ),
            tuple(summary),
        ),
        Section(
            "list_codes",
            both("列表中的编码", "Codes of lists"),
            (*head, both("编码", "code"), both("名称", "name")),
            tuple(details),
        ),
    )


def _severity(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = (
        dict(zip(s.severity["code"].to_pylist(), s.severity["level"].to_pylist(), strict=True))
        for s in (a, b)
    )
    rows: list[Row] = []
    for code in sorted({*of_a, *of_b}):
        x, y = of_a.get(code, ""), of_b.get(code, "")
        if x == y:
            continue
        change = (
            NEW if not x else GONE if not y else UP if LEVELS.get(y, 0) > LEVELS.get(x, 0) else DOWN
        )
        name = b.diagnoses.name(code) or a.diagnoses.name(code)
        rows.append((change, code, name, x, y))
    return Section("severity", both("MCC与CC", "MCC and CC"), GROUP_COLUMNS, tuple(rows))


def _exclusions(a: Scheme, b: Scheme) -> tuple[Section, Section]:
    def contents(s: Scheme) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        pairs = zip(
            s.exclusions["exclusion_list"].to_pylist(),
            s.exclusions["principal"].to_pylist(),
            strict=True,
        )
        for number, principal in pairs:
            found[number].add(principal)
        return {number: frozenset(codes) for number, codes in found.items()}

    def named(s: Scheme) -> dict[str, str]:
        return dict(
            zip(
                s.severity["code"].to_pylist(),
                s.severity["exclusion_list"].to_pylist(),
                strict=True,
            )
        )

    sets_a, sets_b = contents(a), contents(b)
    lists_a, lists_b = named(a), named(b)
    codes_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code in sorted(set(lists_a) & set(lists_b)):
        codes_of[(lists_a[code], lists_b[code])].append(code)
    summary: list[Row] = []
    details: list[Row] = []
    none: frozenset[str] = frozenset()
    for (x, y), codes in sorted(codes_of.items(), key=lambda item: item[0]):
        before, after = sets_a.get(x, none), sets_b.get(y, none)
        if before == after:
            continue
        new, gone = sorted(after - before), sorted(before - after)
        shown = "、".join(codes[:EXAMPLES]) + (" …" if len(codes) > EXAMPLES else "")
        change = both("排除表改变", "exclusion list changed")
        summary.append((change, x, y, len(codes), shown, len(new), len(gone)))
        for sign, principals, scheme in ((ADDED, new, b), (REMOVED, gone, a)):
            details += [(sign, x, y, code, scheme.diagnoses.name(code)) for code in principals]
    lists = (both("前排除表", "list from"), both("后排除表", "list to"))
    return (
        Section(
            "exclusions",
            both("排除表", "Exclusion lists"),
            (
                both("变化", "change"),
                *lists,
                both("涉及的编码数", "codes"),
                both("如", "such as"),
                both("增", "added"),
                both("删", "removed"),
            ),
            tuple(summary),
        ),
        Section(
            "excluded",
            both("排除表中的主要诊断", "Principals of exclusion lists"),
            (both("变化", "change"), *lists, both("编码", "code"), both("名称", "name")),
            tuple(details),
        ),
    )


CODE_COLUMNS = (both("变化", "change"), both("编码", "code"), both("名称", "name"))


def _codes_of_set(
    key: str, title: Bilingual, of_a: tuple[Vocabulary, Any], of_b: tuple[Vocabulary, Any]
) -> Section:
    def named(words: Vocabulary, ids: Any) -> dict[str, str]:
        codes, names = words.codes.to_pylist(), _names(words)
        return {codes[i - 1]: names[i - 1] for i in ids.tolist() if i}

    x, y = named(*of_a), named(*of_b)
    rows: list[Row] = [(ADDED, code, y[code]) for code in sorted(set(y) - set(x))]
    rows += [(REMOVED, code, x[code]) for code in sorted(set(x) - set(y))]
    return Section(key, title, CODE_COLUMNS, tuple(rows))


def _code_system(key: str, title: Bilingual, a: Vocabulary, b: Vocabulary) -> Section:
    def named(words: Vocabulary) -> dict[str, str]:
        codes, names = words.codes.to_pylist(), _names(words)
        return dict(zip(codes[: words.named], names[: words.named], strict=True))

    x, y = named(a), named(b)
    rows: list[Row] = [(ADDED, code, y[code], "") for code in sorted(set(y) - set(x))]
    rows += [(REMOVED, code, x[code], "") for code in sorted(set(x) - set(y))]
    both_have = set(x) & set(y)
    rows += [(RENAMED, code, y[code], x[code]) for code in sorted(both_have) if x[code] != y[code]]
    return Section(key, title, (*CODE_COLUMNS, both("原名称", "former name")), tuple(rows))
