"""What differs between two schemes: groups, rules, codes, severity; one table for each kind.

Groups and codes are matched by their codes. Exclusion lists have numbers of their own in each
scheme, so they are matched by the severity codes that name them and compared by their contents.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drgpay.ground.errors import Bilingual, both
from drgpay.schemes.rules import RuleSyntaxError, parse_rule
from drgpay.schemes.tables import DrgRow, Group, Scheme
from drgpay.schemes.words import rule_in_words

Row = tuple[str | int | Bilingual, ...]
ADDED, REMOVED = both("新增", "added"), both("删除", "removed")
ORDER = both("顺序改变", "order changed")
# what is compared of a group, and what a difference is called
CHANGED = {
    "name": both("改名", "renamed"),
    "mdc": both("移动", "moved"),
    "kind": both("类别改变", "kind changed"),
    "rule": both("规则改变", "rule changed"),
    "ambiguous": both("歧义组改变", "ambiguous group changed"),
    "sites": both("创伤部位改变", "trauma sites changed"),
}
RENAMED = CHANGED["name"]
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
COLUMNS = {
    "option": both("项目", "option"),
    "change": both("变化", "change"),
    "code": both("代码", "code"),
    "coded": both("编码", "code"),
    "name": both("名称", "name"),
    "former": both("原名称", "former name"),
    "from": both("前", "from"),
    "to": both("后", "to"),
    "group": both("组", "group"),
    "group_name": both("组名", "group name"),
    "list": both("列表", "list"),
    "added": both("增", "added"),
    "removed": both("删", "removed"),
    "list_from": both("前排除表", "list from"),
    "list_to": both("后排除表", "list to"),
    "codes": both("涉及的编码数", "codes"),
    "such_as": both("如", "such as"),
}
SECTIONS: Mapping[str, tuple[Bilingual, str]] = {
    "options": (both("选项与施行期", "Options and period"), "option from to"),
    "mdc": (both("MDC", "MDC"), "change code name from to"),
    "adrg": (both("ADRG", "ADRG"), "change code name from to"),
    "drg": (both("DRG", "DRG"), "change code name from to"),
    "split": (both("细分（DRG规则）", "Splits (DRG rules)"), "change code name from to"),
    "lists": (
        both("编码列表", "Code lists"), "change group group_name list from to added removed"
    ),
    "list_codes": (
        both("列表中的编码", "Codes of lists"), "change group group_name list coded name"
    ),
    "severity": (both("MCC与CC", "MCC and CC"), "change code name from to"),
    "exclusions": (
        both("排除表", "Exclusion lists"), "change list_from list_to codes such_as added removed"
    ),
    "excluded": (
        both("排除表中的主要诊断", "Principals of exclusion lists"),
        "change list_from list_to coded name",
    ),
    "valid": (both("有效手术操作", "Valid procedures"), "change coded name"),
    "diagnoses": (both("诊断编码库", "Diagnosis codes"), "change coded name former"),
    "procedures": (both("手术操作编码库", "Procedure codes"), "change coded name former"),
}  # fmt: skip
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


def _section(key: str, rows: Iterable[Row]) -> Section:
    title, columns = SECTIONS[key]
    return Section(key, title, tuple(COLUMNS[name] for name in columns.split()), tuple(rows))


def diff_schemes(a: Scheme, b: Scheme) -> SchemeDiff:
    """Return what differs from scheme `a` to scheme `b`."""
    books = _Book(a), _Book(b)
    valid, valid_now = (
        book.of("procedure", book.scheme.valid_procedures.tolist()) for book in books
    )
    sections = (
        _options(a, b),
        _mdcs(a, b),
        _adrgs(a, b),
        _drgs(a, b),
        _splits(a, b),
        *_lists(*books),
        _severity(a, b),
        *_exclusions(a, b),
        _section("valid", _added_and_removed(valid, valid_now)),
        _code_system("diagnosis", "diagnoses", *books),
        _code_system("procedure", "procedures", *books),
    )
    return SchemeDiff(a, b, _totals(a, b), sections)


def _totals(a: Scheme, b: Scheme) -> tuple[tuple[Bilingual, int, int], ...]:
    numbers: tuple[tuple[Bilingual, Callable[[Scheme], int]], ...] = (
        (both("MDC", "MDC"), lambda s: len(s.mdcs)),
        (both("ADRG", "ADRG"), lambda s: len({adrg.adrg for adrg in s.adrgs})),
        (both("DRG", "DRG"), lambda s: len({drg.drg for drg in s.drgs})),
        (both("列表行", "list rows"), lambda s: sum(len(ids) for ids in s.lists.values())),
        (both("并发症或合并症", "severity codes"), lambda s: s.severity.num_rows),
        (both("排除", "exclusions"), lambda s: s.exclusions.num_rows),
        (both("有效手术操作", "valid procedures"), lambda s: len(s.valid_procedures)),
    )
    return tuple((name, number(a), number(b)) for name, number in numbers)


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
    return _section(
        "options",
        ((OPTIONS.get(key, key), of_a[key], of_b[key]) for key in of_a if of_a[key] != of_b[key]),
    )


def _words(rule: str) -> Bilingual:
    """Return a rule in words, or as written when it cannot be read."""
    try:
        node = parse_rule(rule)
    except RuleSyntaxError:
        return both(rule, rule)
    return both(rule_in_words(node), rule_in_words(node, "en"))


def _rule_of(scheme: Scheme, row: Group) -> Bilingual:
    """Return a row's rule in words; of a scheme on a base, with the place where the row stands."""
    said = _words(row.rule)
    if not scheme.base:
        return said
    place = scheme.place(row.file, row.row)
    return both(f"{said.chinese} [{place}]", f"{said} [{place}]")


def _shown(scheme: Scheme, row: Group, field: str) -> str:
    """Return a fact of a group as it is compared."""
    if field == "rule":
        return _rule_of(scheme, row)
    value: str | tuple[str, ...] = getattr(row, field)
    if field == "ambiguous":
        return AMBIGUOUS.get(str(value), str(value))
    return value if isinstance(value, str) else "、".join(value)


def _changed(a: Scheme, b: Scheme, code: str, pair: tuple[Group, Group], *fields: str) -> list[Row]:
    """Return what differs of a group that both schemes have."""
    x, y = pair
    return [
        (CHANGED[field], code, y.name, _shown(a, x, field), _shown(b, y, field))
        for field in fields
        if getattr(x, field) != getattr(y, field)
    ]


def _mdcs(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = {m.mdc: m for m in a.mdcs}, {m.mdc: m for m in b.mdcs}
    rows: list[Row] = []
    for code in dict.fromkeys((*of_b, *of_a)):
        if code in of_a and code in of_b:
            pair = of_a[code], of_b[code]
            rows += _changed(a, b, code, pair, "name", "rule", "ambiguous", "sites")
        elif code in of_a:
            rows.append((REMOVED, code, of_a[code].name, "", ""))
        else:
            rows.append((ADDED, code, of_b[code].name, "", ""))
    for code, was, now in _moved(list(of_a), list(of_b)):
        rows.append((ORDER, code, of_b[code].name, _after(was), _after(now)))
    return _section("mdc", rows)


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


def _recoded(row: Group, others: Mapping[str, Group], own: Mapping[str, Group]) -> str:
    """Return which group that only the other scheme has is the only one of the same name."""
    alike = [code for code in others.keys() - own.keys() if others[code].name == row.name]
    return both(f"同名组：{alike[0]}", f"same name: {alike[0]}") if len(alike) == 1 else ""


def _groups(
    a: Scheme, b: Scheme, of_a: Mapping[str, Group], of_b: Mapping[str, Group], *fields: str
) -> list[Row]:
    """Return the groups that one scheme has alone, with their rules, and what differs of others."""
    rows: list[Row] = []
    for code in sorted({*of_a, *of_b}):
        if code in of_a and code in of_b:
            rows += _changed(a, b, code, (of_a[code], of_b[code]), *fields)
        elif code in of_b:
            row = of_b[code]
            rows.append((ADDED, code, row.name, _recoded(row, of_a, of_b), _rule_of(b, row)))
        else:
            row = of_a[code]
            rows.append((REMOVED, code, row.name, _rule_of(a, row), _recoded(row, of_b, of_a)))
    return rows


def _adrgs(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = {r.key: r for r in a.adrgs}, {r.key: r for r in b.adrgs}
    rows = _groups(a, b, of_a, of_b, "name", "mdc", "kind", "rule")
    for mdc in [m.mdc for m in b.mdcs]:
        before = [r.key for r in a.adrgs if r.mdc == mdc]
        after = [r.key for r in b.adrgs if r.mdc == mdc]
        for key, first, then in _moved(before, after):
            rows.append((ORDER, key, of_b[key].name, _after(first), _after(then)))
    return _section("adrg", rows)


def _drgs(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = ({r.drg: r for r in reversed(s.drgs)} for s in (a, b))
    return _section("drg", _groups(a, b, of_a, of_b, "name"))


def _splits(a: Scheme, b: Scheme) -> Section:
    """The DRGs of each ADRG rule, as a sequence of code and condition."""

    def said(rows: Sequence[DrgRow]) -> Bilingual:
        texts = [(row.drg, _words(row.rule)) for row in rows]
        return both(
            "；".join(f"{drg}（{text.chinese}）" for drg, text in texts),
            "; ".join(f"{drg} ({text})" for drg, text in texts),
        )

    names = {row.key: row.name for row in b.adrgs}
    rows: list[Row] = []
    for key in sorted(set(a.drgs_of) & set(b.drgs_of)):
        x, y = a.drgs_of[key], b.drgs_of[key]
        if [(r.drg, r.rule) for r in x] != [(r.drg, r.rule) for r in y]:
            rows.append((SPLIT, key, names.get(key, ""), said(x), said(y)))
    return _section("split", rows)


class _Book:
    """Codes and names of one scheme, as Python lists."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.words = {"diagnosis": scheme.diagnoses, "procedure": scheme.procedures}
        self.codes = {kind: words.codes.to_pylist() for kind, words in self.words.items()}
        self.names = {kind: words.names.to_pylist() for kind, words in self.words.items()}

    def of(self, kind: str, ids: Iterable[int]) -> dict[str, str]:
        codes, names = self.codes[kind], self.names[kind]
        return {codes[i - 1]: str(names[i - 1] or "") for i in ids if i}


def _added_and_removed(
    x: Mapping[str, str], y: Mapping[str, str], head: Row = (), tail: Row = ()
) -> list[Row]:
    """Return the codes that only one scheme has, with their names."""
    rows: list[Row] = [(ADDED, *head, code, y[code], *tail) for code in sorted(set(y) - set(x))]
    return rows + [(REMOVED, *head, code, x[code], *tail) for code in sorted(set(x) - set(y))]


def _lists(a: _Book, b: _Book) -> tuple[Section, Section]:
    group_names = {m.mdc: m.name for s in (a.scheme, b.scheme) for m in s.mdcs}
    group_names |= {r.key: r.name for s in (a.scheme, b.scheme) for r in s.adrgs}
    summary: list[Row] = []
    details: list[Row] = []
    for owner, name in sorted({*a.scheme.lists, *b.scheme.lists}):
        kind = "procedure" if name.startswith("proc") else "diagnosis"
        x, y = (book.of(kind, book.scheme.list_ids(owner, name).tolist()) for book in (a, b))
        new, gone = len(set(y) - set(x)), len(set(x) - set(y))
        if not gone and not new:
            continue
        head = (owner, group_names.get(owner, ""), name)
        change = ADDED if not x else REMOVED if not y else both("内容改变", "contents changed")
        summary.append((change, *head, len(x), len(y), new, gone))
        details += _added_and_removed(x, y, head)
    return _section("lists", summary), _section("list_codes", details)


def _by_code(scheme: Scheme, column: str) -> dict[str, str]:
    """Return a column of severity.csv by code."""
    table = scheme.severity
    return dict(zip(table["code"].to_pylist(), table[column].to_pylist(), strict=True))


def _severity(a: Scheme, b: Scheme) -> Section:
    of_a, of_b = (_by_code(s, "level") for s in (a, b))
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
    return _section("severity", rows)


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

    sets_a, sets_b = contents(a), contents(b)
    lists_a, lists_b = (_by_code(s, "exclusion_list") for s in (a, b))
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
    return _section("exclusions", summary), _section("excluded", details)


def _code_system(kind: str, key: str, a: _Book, b: _Book) -> Section:
    x, y = (book.of(kind, range(1, book.words[kind].named + 1)) for book in (a, b))
    rows = _added_and_removed(x, y, tail=("",))
    in_both = sorted(set(x) & set(y))
    rows += [(RENAMED, code, y[code], x[code]) for code in in_both if x[code] != y[code]]
    return _section(key, rows)
