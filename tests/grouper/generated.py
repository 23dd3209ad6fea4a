"""Cases that put every rule of a scheme to the test, and the comparison with the plain model."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

import pyarrow as pa

from drgpay.grouper import Grouper, group
from drgpay.names.columns import CODED
from drgpay.schemes.rules import (
    REPEATED,
    And,
    Compare,
    Count,
    Flag,
    Member,
    Node,
    Not,
    Or,
    StartsWith,
    parse_rule,
)
from drgpay.schemes.tables import MdcRow
from reference.model import group_case
from reference.model.grouping import Grouping

Case = dict[str, Any]
ListKey = tuple[str, str]
NUMBERS = ("age_days", "birth_weight_g", "los_days", "icu_hours", "admission_weight_g")
CODES = ("discharge_way", "special_charge")
FIELDS = Grouping._fields  # the columns that the model tells too


def case(
    sex: str, age_years: int, diagnoses: list[str], procedures: list[str], **more: Any
) -> Case:
    return {
        "sex": sex,
        "age_years": age_years,
        "diagnoses": diagnoses,
        "procedures": procedures,
        "age_days": None,
        "birth_weight_g": None,
        "los_days": None,
        "icu": False,
        "icu_hours": None,
        "admission_weight_g": None,
        "discharge_way": None,
        "special_charge": None,
        **more,
    }


class Tables:
    """A scheme's codes as lists, for drawing cases from them."""

    def __init__(self, grouper: Grouper, seed: int) -> None:
        s = grouper.scheme
        self.random = random.Random(seed)
        self.diagnoses: list[str] = s.diagnoses.codes.to_pylist()
        self.procedures: list[str] = s.procedures.codes.to_pylist()
        dx, px = self.diagnoses, self.procedures
        self.lists = {
            key: [(px if key[1].startswith("proc") else dx)[i - 1] for i in ids.tolist() if i]
            for key, ids in s.lists.items()
        }
        self.scheme = s
        self.adrgs = s.adrgs
        self.mdcs = s.mdcs
        self.kept: dict[Any, list[str]] = {}
        self.drgs_of: dict[str, list[Any]] = {}
        for drg in s.drgs:
            self.drgs_of.setdefault(drg.adrg_key, []).append(drg)
        valid = [px[i - 1] for i in s.valid_procedures.tolist()]
        self.lists[("", "valid_procedures")] = valid
        self.mdc_of = {adrg.key: adrg.mdc for adrg in s.adrgs}
        self.severity = list(
            zip(
                s.severity["code"].to_pylist(),
                s.severity["exclusion_list"].to_pylist(),
                strict=True,
            )
        )
        self.of_level: dict[str, list[str]] = {"MCC": [], "CC": []}
        for (code, _), level in zip(self.severity, s.severity["level"].to_pylist(), strict=True):
            self.of_level[level].append(code)
        self.principals: dict[str, list[str]] = {}
        for code, number in zip(
            s.exclusions["principal"].to_pylist(),
            s.exclusions["exclusion_list"].to_pylist(),
            strict=True,
        ):
            self.principals.setdefault(number, []).append(code)
        self.named: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        for (owner, name), codes in self.lists.items():
            self.named[owner].append((name, codes))
        self.owners_of: dict[str, list[str]] = {}
        for (owner, name), codes in self.lists.items():
            if name.startswith("proc"):
                for code in codes:
                    self.owners_of.setdefault(code, []).append(owner)

    def of(self, owner: str, kind: str) -> list[str]:
        return [c for name, codes in self.named[owner] if name.startswith(kind) for c in codes]

    def beginning(self, prefix: str) -> list[str]:
        """The diagnoses whose code begins so."""
        if prefix not in self.kept:
            self.kept[prefix] = [c for c in self.diagnoses if c.startswith(prefix)]
        return self.kept[prefix]

    def each_principal(self) -> Iterator[Case]:
        """Each diagnosis as principal, of both sexes."""
        for i, code in enumerate(self.diagnoses):
            for sex in "MF":
                yield case(sex, (0, 1, 16, 17, 60)[i % 5], [code], [])

    def each_main_procedure(self) -> Iterator[Case]:
        """Each procedure as main, with a principal of an MDC that knows it and with any."""
        by_mdc = {mdc.mdc: self.of(mdc.mdc, "dx") + self.of(mdc.mdc, "site") for mdc in self.mdcs}
        r = self.random
        for code in self.procedures:
            owners = self.owners_of.get(code, [])
            fitting = by_mdc.get(self.mdc_of.get(r.choice(owners), ""), []) if owners else []
            for pool in (fitting or self.diagnoses, self.diagnoses):
                yield case(r.choice("MF"), r.choice((0, 30, 70)), [r.choice(pool)], [code])

    def each_severity(self) -> Iterator[Case]:
        """Each MCC and CC code beside a principal on its exclusion list and beside one off it."""
        r = self.random
        for code, number in self.severity:
            own = self.principals.get(number, [])
            if own:
                yield case(r.choice("MF"), r.choice((10, 40)), [r.choice(own), code], [])
            yield case(r.choice("MF"), r.choice((10, 40)), [r.choice(self.diagnoses), code], [])
        for number, principals in self.principals.items():
            codes = [code for code, other in self.severity if other == number]
            for principal in principals[:3]:
                for code in codes[:3]:
                    other = r.choice(self.severity)[0]
                    yield case("M", 50, [principal, code, other], [])

    def site_pairs(self) -> Iterator[Case]:
        """All pairs of trauma sites, both ways round, and each site twice."""
        r = self.random
        for mdc in self.mdcs:
            sites = [self.lists[(mdc.mdc, f"site_{i + 1}")] for i in range(len(mdc.sites))]
            for a in sites:
                for b in sites:
                    for _ in range(4):
                        px = r.sample(self.procedures, r.randint(0, 2))
                        middle = r.sample(self.diagnoses, r.randint(0, 2))
                        yield case("M", 33, [r.choice(a), *middle, r.choice(b)], px)

    def boundaries(self) -> Iterator[Case]:
        """Ages in days and years, weights and intensive care at and around every limit."""
        r = self.random
        newborn = [c for mdc in self.mdcs if mdc.letter == "P" for c in self.of(mdc.mdc, "dx")]
        newborn += [
            c for a in self.adrgs if self.mdc_of[a.key][-1] == "P" for c in self.of(a.key, "dx")
        ]
        surgical = [
            c for a in self.adrgs if self.mdc_of[a.key][-1] == "P" for c in self.of(a.key, "proc")
        ]
        for code in r.choices(newborn or self.diagnoses, k=40):
            for days in (None, 0, 27, 28, 29, 364):
                for grams in (None, 0, 1499, 1500, 1999, 2000, 2499, 2500, 2501, 9000):
                    px = [r.choice(surgical)] if surgical and r.random() < 0.3 else []
                    yield case("F", 0, [code], px, age_days=days, birth_weight_g=grams)
        for adrg in self.adrgs:
            codes = self.of(adrg.key, "dx") or self.of(adrg.mdc, "dx") or self.diagnoses
            for age in (0, 1, 16, 17, 18, 150):
                more = [r.choice(self.severity)[0]] if r.random() < 0.5 else []
                px = self.of(adrg.key, "proc")
                yield case(
                    r.choice("MF"),
                    age,
                    [r.choice(codes), *more],
                    [r.choice(px)] if px else [],
                    icu=r.random() < 0.5,
                    los_days=r.choice((None, 0, 1, 60, 61)),
                )

    def drawn(self, count: int) -> Iterator[Case]:
        """Random cases, most of them near some ADRG, with unknown codes and values among them."""
        r = self.random
        weighted = [a for a in self.adrgs]
        for _ in range(count):
            adrg = r.choice(weighted)
            dx = self.of_cached(adrg.key, "dx") or self.of_cached(adrg.mdc, "dx") or self.diagnoses
            if r.random() < 0.2:
                dx = self.diagnoses
            px = self.of_cached(adrg.key, "proc") or self.procedures
            drgs = self.drgs_of.get(adrg.key)
            if drgs and r.random() < 0.5:
                owner = r.choice(drgs).key
                dx = self.of_cached(owner, "dx") or dx
                px = px + self.of_cached(owner, "proc")
            diagnoses = [r.choice(dx)]
            for _ in range(r.choice((0, 0, 1, 1, 2, 3, 5, 12))):
                pool = r.random()
                diagnoses.append(
                    r.choice(self.severity)[0]
                    if pool < 0.5
                    else r.choice(self.diagnoses)
                    if pool < 0.95
                    else r.choice(("X99.999", "P07.9zz", "Z37.zzz", "?", diagnoses[0]))
                )
            if r.random() < 0.01:
                diagnoses[0] = r.choice(("A99.999", "P07.unknown", "Z37.9"))
            procedures = []
            for _ in range(r.choice((0, 0, 0, 1, 1, 2, 3, 6))):
                procedures.append(r.choice(px if r.random() < 0.6 else self.procedures))
            if procedures and r.random() < 0.02:
                procedures[r.randrange(len(procedures))] = "99.zzzz"
            age = r.choice((0, 0, 0, 1, 5, 16, 17, 30, 45, 60, 75, 90))
            yield case(
                r.choice("MF"),
                age,
                diagnoses,
                procedures,
                age_days=r.choice((None, r.randint(0, 40), 28, 29, 200)) if age == 0 else None,
                birth_weight_g=r.choice((None, r.randint(400, 4500))),
                los_days=r.choice((None, r.randint(0, 90))),
                icu=r.random() < 0.1,
                icu_hours=r.choice((None, 0, 1, 119, 120, 121)),
                admission_weight_g=r.choice((None, 999, 1000, 1500)),
                discharge_way=r.choice((None, "1", "2", "4", "5", "9")),
                special_charge=r.choice((None, None, "1", "2", "3")),
            )

    def aimed(
        self, each: int, spoilt: float = 0.3, only: Collection[str] | None = None
    ) -> Iterator[Case]:
        """Cases built to satisfy the rules of each ADRG and DRG, so many for each, some spoilt.

        `only`: of these DRGs alone.
        """
        mdc_of = {mdc.mdc: mdc for mdc in self.mdcs}
        for adrg in self.adrgs:
            mdc = mdc_of[adrg.mdc]
            above = [(mdc.rule, mdc.mdc), (adrg.rule, adrg.key)]
            drgs = [
                (d.rule, self.scheme.lists_of(d))
                for d in self.drgs_of.get(adrg.key, [])
                if only is None or d.drg in only
            ]
            for own in drgs or [("True", adrg.key)] * (only is None):
                for _ in range(each):
                    made = _Wanted(self, mdc).of([*above, own])
                    yield self.spoil(made) if self.random.random() < spoilt else made

    def spoil(self, made: Case) -> Case:
        """A case with one thing changed: it may miss what it was built for, or meet another."""
        r = self.random
        what = r.randrange(6)
        if what == 0:
            made["diagnoses"] = [*made["diagnoses"], r.choice(self.diagnoses)]
        elif what == 1:
            made["procedures"] = [*made["procedures"], r.choice(self.procedures)]
        elif what == 2 and made["procedures"]:
            made["procedures"] = made["procedures"][1:]
        elif what == 3:
            made["age_years"] = r.choice((0, 6, 7, 12, 13, 14, 16, 17, 18, 60, 65, 70, 71))
        elif what == 4:
            made["icu"] = not made["icu"]
        else:
            made["sex"] = "F" if made["sex"] == "M" else "M"
        return made

    def of_cached(self, owner: str, kind: str) -> list[str]:
        memo = self.__dict__.setdefault("_memo", {})
        if (owner, kind) not in memo:
            memo[(owner, kind)] = self.of(owner, kind)
        return memo[(owner, kind)]


_OPERATORS = {"==": 0, "!=": 1, "<": -1, "<=": 0, ">": 1, ">=": 0}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class _Wanted:
    """What a case must have for some rules to hold, one alternative of each `or` taken."""

    def __init__(self, tables: Tables, mdc: MdcRow) -> None:
        self.tables, self.mdc, self.random = tables, mdc, tables.random
        self.principal: list[ListKey] = []
        self.not_principal: list[ListKey] = []
        self.main: list[ListKey] = []
        self.secondary: list[str] = []
        self.others: list[str] = []
        self.facts: dict[str, Any] = {}
        self.levels: set[str] = set()
        self.repeated = False
        self.most = 0

    def list_key(self, member: Member, owner: str) -> ListKey:
        """Where the codes of a rule's list stand among the tables' lists."""
        lists = self.tables.lists
        if member.codes or member.any_site:
            key = ("", "|".join(member.codes) or f"sites of {self.mdc.mdc}")
            sites = (self.site(i) for i in range(len(self.mdc.sites)))
            lists.setdefault(key, list(member.codes) or [c for s in sites for c in lists[s]])
            return key
        if member.list_name == "valid_procedures":
            return ("", "valid_procedures")
        name = member.list_name or ""
        return (self.tables.scheme.list_owner(owner, name) or "", name)

    def site(self, number: int) -> ListKey:
        return (self.mdc.mdc, f"site_{number + 1}")

    def take(self, node: Node, owner: str, wanted: bool = True) -> None:
        r = self.random
        if isinstance(node, Not):
            self.take(node.item, owner, not wanted)
        elif isinstance(node, And | Or):
            every = isinstance(node, And) == wanted
            for item in node.items if every else [r.choice(node.items)]:
                self.take(item, owner, wanted)
        elif isinstance(node, Member):
            self.member(node, owner, wanted)
        elif isinstance(node, StartsWith) and wanted:
            begins = self.tables.beginning(node.prefix)
            self.secondary.append(r.choice(begins or [node.prefix + "zz"]))
        elif isinstance(node, Flag):
            self.flag(node.name, wanted)
        elif isinstance(node, Count) and wanted:
            codes = self.tables.lists.get(self.list_key(node.member, owner), [])
            many = node.value + _OPERATORS[node.operator]
            some = r.sample(codes, min(many, len(codes)))
            (self.secondary if node.fact in ("secondary", "any_diagnosis") else self.others).extend(
                some
            )
        elif isinstance(node, Compare):
            self.compare(node, wanted)

    def member(self, node: Member, owner: str, wanted: bool) -> None:
        key = self.list_key(node, owner)
        codes = self.tables.lists.get(key)
        if not codes:
            return
        as_principal = node.fact == "any_diagnosis" and self.random.random() < 0.5
        if node.fact == "principal" or (wanted and as_principal):
            (self.principal if wanted else self.not_principal).append(key)
        elif wanted and node.fact == "main_procedure":
            self.main.append(key)
        elif wanted and node.fact in ("secondary", "any_diagnosis"):
            self.secondary.append(self.random.choice(codes))
        elif wanted:
            self.others.append(self.random.choice(codes))

    def flag(self, name: str, wanted: bool) -> None:
        if name == "icu":
            self.facts["icu"] = wanted
        elif name == REPEATED:
            self.repeated = wanted
        elif wanted:
            self.levels.add(name.upper())

    def compare(self, node: Compare, wanted: bool) -> None:
        operator = node.operator if wanted else _NEGATED[node.operator]
        if node.fact in CODED:
            codes = [
                c for c, n in CODED[node.fact].items() if (n == node.value) == (operator == "==")
            ]
            self.facts[node.fact] = self.random.choice(codes)
        elif node.fact == "trauma_sites":
            some = self.random.sample(range(len(self.mdc.sites)), min(2, len(self.mdc.sites)))
            if wanted and len(some) == 2:
                self.principal.append(self.site(some[0]))
                self.secondary.append(self.random.choice(self.tables.lists[self.site(some[1])]))
        elif node.fact == "procedure_count":
            self.most = node.value + _OPERATORS[operator]
        else:
            before = self.facts.get(node.fact)
            value = max(0, node.value + _OPERATORS[operator])
            if before is not None and operator in ("<", "<="):
                value = min(before, value)
            self.facts[node.fact] = max(before or 0, value) if operator in (">", ">=") else value

    def of(self, rules: list[tuple[str, str]]) -> Case:
        r = self.random
        for text, owner in rules:
            self.take(_parsed(text), owner)
        principal = r.choice(
            self.common(self.principal, self.not_principal) or self.tables.diagnoses
        )
        procedures = []
        if self.main or self.others:
            procedures = [r.choice(self.common(self.main, []) or self.others)]
        if self.repeated and self.others and not self.main:
            procedures = [r.choice(self.others)]
        procedures += procedures[:1] if self.repeated else []
        procedures += r.sample(self.others, len(self.others))
        while len(procedures) < self.most:
            procedures.append(r.choice(procedures or self.tables.procedures))
        secondary = list(self.secondary)
        secondary += [r.choice(self.tables.of_level[level]) for level in sorted(self.levels)]
        r.shuffle(secondary)
        facts = dict(self.facts)
        age = facts.pop("age_years", None)
        days = facts.get("age_days")
        if age is None:
            age = 0 if days is not None else r.choice((0, 20, 40, 60, 80))
        if age == 0 and days is None:
            facts["age_days"] = r.choice((None, 3, 28, 29, 100))
        sex = facts.pop("sex", None) or r.choice("MF")
        return case(sex, age, [principal, *secondary], procedures, **facts)

    def common(self, keys: list[ListKey], but: list[ListKey]) -> list[str]:
        """Codes on all of the lists, else on the shortest: a rule asks its own and its MDC's."""
        if not keys:
            return []
        kept = self.tables.kept
        key = (frozenset(keys), frozenset(but))
        if key not in kept:
            lists = self.tables.lists
            sets = [set(lists[k]) for k in keys]
            others = set().union(*(lists[k] for k in but))
            kept[key] = sorted(set.intersection(*sets) - others or min(sets, key=len) - others)
        return kept[key]


@cache
def _parsed(rule: str) -> Node:
    return parse_rule(rule)


def as_table(cases: list[Case]) -> pa.Table:
    columns: dict[str, Any] = {
        "case_id": [f"c{i}" for i in range(len(cases))],
        "sex": [c["sex"] for c in cases],
        "age_years": pa.array([c["age_years"] for c in cases], pa.int32()),
        "diagnoses": pa.array([c["diagnoses"] for c in cases], pa.list_(pa.string())),
        "procedures": pa.array([c["procedures"] for c in cases], pa.list_(pa.string())),
        "icu": pa.array([c["icu"] for c in cases], pa.bool_()),
    }
    for name in CODES:
        columns[name] = pa.array([c[name] for c in cases], pa.string())
    for name in NUMBERS:
        columns[name] = pa.array([c[name] for c in cases], pa.int32())
    return pa.table(columns)


def differences(grouper: Grouper, model: Any, cases: list[Case]) -> list[str]:
    """Return a line for each case that the engine and the model group differently."""
    table = group(as_table(cases), grouper).table
    wrong = []
    told = zip(*(table[name].to_pylist() for name in FIELDS), strict=True)
    for c, fast in zip(cases, told, strict=True):
        mdc, adrg, drg, status, severity, deciding = fast
        mdc = (mdc or "") if status != "ungroupable" else ""
        mine = (mdc, adrg or "", drg, status, severity, deciding or "")
        plain = group_case(model, **c)
        if mine != plain:
            wrong.append(f"{c}: engine {mine}, model {plain}")
    return wrong
