"""The rules of a scheme tried on one case: MDCs, ADRGs and DRGs in order, and what each lacked.

The rules are read as docs/formats.md, section 1, says; each becomes a function of the case's facts
that returns nothing when it holds, else the condition that failed first. Codes are looked up once:
what a case's codes are to the rules is the set of lists that they stand on, and cases that agree in
that and in the numbers that rules ask share one trace.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from drgpay.grouper.engine import Grouper, code_number, kept_by_grouper
from drgpay.names.columns import CODED, GROUPING_MORE
from drgpay.schemes.program import RuleCompiler, outcome_of
from drgpay.schemes.rules import (
    COMPARE,
    Always,
    And,
    Atom,
    Compare,
    Count,
    Flag,
    Member,
    Node,
    Not,
    Or,
    StartsWith,
    atoms,
    parse_rule,
)
from drgpay.schemes.tables import AdrgRow, MdcRow, Vocabulary

Sets = frozenset[int]
NO_SETS: Sets = frozenset()
MEMORY = 50_000  # traces kept
# numbers of a case, and codes by their numbers, that rules compare
CASE_NUMBERS = (
    "age_years", "age_days", "birth_weight_g", "los_days", *GROUPING_MORE, "procedure_count",
)  # fmt: skip
GIVEN_NUMBERS = CASE_NUMBERS[:-1]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a rule: the atom, whether it must hold, whose lists it names, and the MDC."""

    atom: Atom
    wanted: bool
    owner: str
    mdc: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a rule did not hold: its first condition that failed, of each alternative where several.

    `near`: another condition of the rule had held before.
    """

    conditions: tuple[Condition, ...]
    near: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a scheme: `kind` is mdc, an ADRG's kind or drg; `key` as in tables."""

    kind: str
    code: str
    key: str
    name: str
    text: str


class Tried(NamedTuple):
    """A rule tried on a case; `inner` are the rules tried inside it, in order.

    `took`: the case ended here. A rule may hold without taking the case: nothing inside it did.
    """

    rule: Rule
    failure: Failure | None
    inner: tuple[Tried, ...] = ()
    took: bool = False


class Attempt(NamedTuple):
    """The MDCs tried in order; `procedure` is the place of the procedure taken alone, or 0."""

    procedure: int
    mdcs: tuple[Tried, ...]


class Trace(NamedTuple):
    """All attempts on a case, the last one the one that counts."""

    attempts: tuple[Attempt, ...]

    @property
    def path(self) -> tuple[Tried, ...]:
        """What took the case, outermost first; empty when nothing did."""
        steps = self.attempts[-1].mdcs
        found: list[Tried] = []
        while steps and steps[-1].took:
            found.append(steps[-1])
            steps = steps[-1].inner
        return tuple(found)


@dataclass(slots=True)
class Facts:
    """A case as the rules see it: the lists its codes stand on, and numbers, None when unknown."""

    principal: Sets
    secondary: Sets
    any_diagnosis: Sets
    main_procedure: Sets
    other_procedure: Sets
    any_procedure: Sets
    counts: tuple[int, ...]
    sex: int
    age_years: int | None
    age_days: int | None
    birth_weight_g: int | None
    los_days: int | None
    icu_hours: int | None
    admission_weight_g: int | None
    discharge_way: int | None
    special_charge: int | None
    procedure_count: int
    repeated: bool
    icu: bool
    mcc: bool
    cc: bool


Check = Callable[[Facts], Failure | None]

# what a code may be in a case, and by which facts rules ask for it there
_ROLES: dict[str, tuple[str, ...]] = {
    "principal": ("principal", "any_diagnosis"),
    "secondary": ("secondary", "any_diagnosis"),
    "main": ("main_procedure", "any_procedure"),
    "further": ("other_procedure", "any_procedure"),
}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def opposite(operator: str) -> str:
    """Return the comparison that holds where this one does not.

    >>> opposite("<")
    '>='
    """
    return _OPPOSITE[operator]


class _Lists:
    """The sets of codes that rules name, numbered as the kernel's compiler does; who stands on them.

    All are added before the first code is looked up.
    """

    def __init__(self, grouper: Grouper) -> None:
        self.sets: RuleCompiler | None = RuleCompiler(grouper.scheme)
        self.encode = grouper.compiled.encode_diagnosis
        self.index = grouper.scheme.procedures.index
        self.of_code: dict[str, dict[str, Sets]] = {role: {} for role in _ROLES}
        self.asked: dict[str, set[int]] = {role: set() for role in _ROLES}
        self.counted: list[tuple[str, int, bool]] = []  # set, list, distinct: what rules count

    def count(self, atom: Count, owner: str, mdc: MdcRow) -> int:
        """Return the place of what an atom counts among all that rules count."""
        asked = (atom.fact, self.add(atom.member, owner, mdc), atom.distinct)
        if asked not in self.counted:
            self.counted.append(asked)
        return self.counted.index(asked)

    def counts(self, secondary: Sequence[str], principal: Sequence[str], main: Sequence[str],
               further: Sequence[str]) -> tuple[int, ...]:  # fmt: skip
        """Return how many codes of a case are what rules count, in the order of `counted`."""
        roles = {
            "secondary": (("secondary", secondary),),
            "any_diagnosis": (("principal", principal), ("secondary", secondary)),
            "other_procedure": (("further", further),),
            "any_procedure": (("main", main), ("further", further)),
        }
        found = []
        for fact, number, distinct in self.counted:
            met = [c for role, codes in roles[fact] for c in codes if number in self.of(c, role)]
            found.append(len(set(met)) if distinct else len(met))
        return tuple(found)

    def add(self, atom: Member | StartsWith, owner: str, mdc: MdcRow) -> int:
        """Return the number of the list that an atom asks for."""
        if self.sets is None:
            raise RuntimeError("codes were looked up already")
        number = self.sets.set_of(atom, owner, mdc)
        for role, facts in _ROLES.items():
            if atom.fact in facts:
                self.asked[role].add(number)
        return number

    def sites(self, mdc: MdcRow) -> tuple[int, ...]:
        """Return the numbers of an MDC's site lists."""
        names = [f"site_{i + 1}" for i in range(len(mdc.sites))]
        return tuple(self.add(Member("any_diagnosis", name), mdc.mdc, mdc) for name in names)

    @cached_property
    def _by_id(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """The sets on which each diagnosis and each procedure stands, by number."""
        found: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
        if self.sets is not None:
            for on, sets in zip(found, (self.sets.d_sets, self.sets.p_sets), strict=True):
                for number, members in enumerate(sets.rows):
                    for i in np.flatnonzero(members).tolist():
                        on.setdefault(i, []).append(number)
        self.sets = None
        return found

    def of(self, code: str, role: str) -> Sets:
        """Return the numbers of the lists on which a code in a role stands, of those asked for."""
        known = self.of_code[role]
        found = known.get(code)
        if found is None:
            if role in ("principal", "secondary"):
                on = self._by_id[0].get(self.encode(code), ())
            else:
                on = self._by_id[1].get(self.index.get(code, 0), ())
            if len(known) > MEMORY:
                known.clear()
            found = known[code] = frozenset(on) & self.asked[role]
        return found


class _Compiler:
    """Turns syntax trees into checks."""

    def __init__(self, lists: _Lists, mdc: MdcRow, owner: str) -> None:
        self.lists, self.mdc, self.owner = lists, mdc, owner

    def check(self, node: Node, wanted: bool = True, near: bool = False) -> Check:
        """Return the check of a tree that must hold, or must not."""
        if isinstance(node, Not):
            return self.check(node.item, not wanted, near)
        if isinstance(node, And | Or):
            if isinstance(node, And) == wanted:
                return _all(
                    [self.check(n, wanted, near or i > 0) for i, n in enumerate(node.items)]
                )
            return _some([self.check(n, wanted, near) for n in node.items])
        return self.literal(node, wanted, self._failure(node, wanted, near))

    def _failure(self, atom: Atom, wanted: bool, near: bool) -> Failure:
        return Failure((Condition(atom, wanted, self.owner, self.mdc.mdc),), near)

    def literal(self, atom: Atom, wanted: bool, failure: Failure) -> Check:
        if isinstance(atom, Always):
            return (lambda f: None) if wanted else (lambda f: failure)
        if isinstance(atom, Flag):
            flag = atom.name
            return lambda f: None if getattr(f, flag) == wanted else failure
        if isinstance(atom, Member | StartsWith):
            return _membership(
                atom.fact, self.lists.add(atom, self.owner, self.mdc), wanted, failure
            )
        holds, value = COMPARE[atom.operator], atom.value
        if isinstance(atom, Count):
            place = self.lists.count(atom, self.owner, self.mdc)
            return lambda f: None if holds(f.counts[place], value) == wanted else failure
        if atom.fact == "trauma_sites":
            sites = self.lists.sites(self.mdc)
            return lambda f: (
                None if holds(_met(sites, f.any_diagnosis), value) == wanted else failure
            )
        name = atom.fact

        def compare(f: Facts) -> Failure | None:
            number = getattr(f, name)
            return None if (number is not None and holds(number, value)) == wanted else failure

        return compare


def _met(sites: tuple[int, ...], on: Sets) -> int:
    """Return on how many of an MDC's site lists codes stand; two lists may be one set."""
    return sum([number in on for number in sites])


def _membership(fact: str, number: int, wanted: bool, failure: Failure) -> Check:
    if fact == "principal":
        if wanted:
            return lambda f: None if number in f.principal else failure
        return lambda f: failure if number in f.principal else None
    if fact == "main_procedure":
        if wanted:
            return lambda f: None if number in f.main_procedure else failure
        return lambda f: failure if number in f.main_procedure else None
    return lambda f: None if (number in getattr(f, fact)) == wanted else failure


def _all(checks: Sequence[Check]) -> Check:
    if len(checks) == 2:
        first, second = checks
        return lambda f: first(f) or second(f)

    def check(f: Facts) -> Failure | None:
        for one in checks:
            failure = one(f)
            if failure is not None:
                return failure
        return None

    return check


def _some(checks: Sequence[Check]) -> Check:
    joined: dict[tuple[Failure, ...], Failure] = {}

    def check(f: Facts) -> Failure | None:
        failures = []
        for one in checks:
            failure = one(f)
            if failure is None:
                return None
            failures.append(failure)
        key = tuple(failures)
        if key not in joined:
            conditions = tuple(dict.fromkeys(c for failure in key for c in failure.conditions))
            joined[key] = Failure(conditions, any(failure.near for failure in key))
        return joined[key]

    return check


class _Entry(NamedTuple):
    """An ADRG's rule, or an ambiguous group, with its DRGs."""

    rule: Rule
    check: Check
    drgs: tuple[tuple[Rule, Check], ...]
    failed: dict[Failure, Tried]  # made once for each way to fail


class _Mdc(NamedTuple):
    rule: Rule
    check: Check
    entries: tuple[_Entry, ...]
    failed: dict[Failure, Tried]


def _names(words: Vocabulary) -> dict[str, str | None]:
    return dict(zip(words.codes.to_pylist(), words.names.to_pylist(), strict=True))


class Tracer:
    """The rules of a grouper's scheme, ready to be tried on cases."""

    def __init__(self, grouper: Grouper) -> None:
        scheme = grouper.scheme
        self.scheme = scheme
        self.lists = _Lists(grouper)
        self.mdcs = self._compiled()
        self.sites = {m.mdc: self.lists.sites(m) for m in scheme.mdcs if m.sites}
        rules = [m.rule for m in scheme.mdcs] + [a.rule for a in scheme.adrgs]
        rules += [d.rule for d in scheme.drgs]
        self.cuts = cut_points(map(parse_rule, rules))
        self.diagnosis_names = _names(scheme.diagnoses)
        self.procedure_names = _names(scheme.procedures)
        code, level, exclusion = (column.to_pylist() for column in scheme.severity.columns)
        self.severity: dict[str, tuple[str, str]] = dict(
            zip(code, zip(level, exclusion, strict=True), strict=True)
        )
        self.excluded_under: dict[str, set[str]] = {}
        for number, principal in zip(
            *(column.to_pylist() for column in scheme.exclusions.columns), strict=True
        ):
            self.excluded_under.setdefault(principal, set()).add(number)
        self._kept: dict[tuple[object, ...], tuple[Tried, ...]] = {}

    def _compiled(self) -> tuple[_Mdc, ...]:
        scheme, found = self.scheme, []
        for mdc, adrgs in scheme.in_order():
            entries = tuple(self._entry(mdc, adrg) for adrg in adrgs)
            check = _Compiler(self.lists, mdc, mdc.mdc).check(scheme.read(mdc.rule))
            rule = Rule("mdc", mdc.mdc, mdc.mdc, mdc.name, mdc.rule)
            found.append(_Mdc(rule, check, entries, {}))
        return tuple(found)

    def _entry(self, mdc: MdcRow, adrg: AdrgRow | None) -> _Entry:
        """Return the entry of an ADRG's rule, of the MDC's ambiguous group without one."""
        scheme = self.scheme
        if adrg is None:
            atom, code, name = scheme.ambiguous_group(mdc)
            rule = Rule("ambiguous", code, code, name, f"{atom.fact} in {atom.list_name}")
            return _Entry(rule, _Compiler(self.lists, mdc, mdc.mdc).check(atom), (), {})
        own = _Compiler(self.lists, mdc, adrg.key)
        drgs = []
        for d in scheme.drgs_of.get(adrg.key, ()):
            inside = _Compiler(self.lists, mdc, scheme.lists_of(d))
            rule = Rule("drg", d.drg, d.key, d.name, d.rule)
            drgs.append((rule, inside.check(scheme.read(d.rule))))
        if not drgs and adrg.kind == "fallback":
            group = outcome_of(adrg, None)
            always = Rule("drg", group.drg, group.drg, group.name, "True")
            drgs.append((always, own.check(Always())))
        rule = Rule(adrg.kind, adrg.adrg, adrg.key, adrg.name, adrg.rule)
        return _Entry(rule, own.check(scheme.read(adrg.rule)), tuple(drgs), {})

    def levels(self, diagnoses: Sequence[str]) -> tuple[bool, bool]:
        """Return whether some secondary diagnosis counts as MCC, and as CC."""
        excluded = self.excluded_under.get(diagnoses[0], ())
        found = {
            entry[0]
            for entry in map(self.severity.get, diagnoses[1:])
            if entry is not None and entry[1] not in excluded
        }
        return "MCC" in found, "CC" in found

    def trace(
        self, *, diagnoses: Sequence[str], procedures: Sequence[str] = (), **facts: Any
    ) -> Trace:
        """Return what the rules say of a case whose codes are written as the scheme's are."""
        of = self.lists.of
        principal = of(diagnoses[0], "principal")
        secondary = NO_SETS.union(*[of(code, "secondary") for code in diagnoses[1:]])
        given: dict[str, Any] = {name: facts.get(name) for name in GIVEN_NUMBERS}
        if given["age_days"] == 0 and facts["age_years"] >= 1:
            given["age_days"] = None
        for name in ("birth_weight_g", "admission_weight_g"):
            given[name] = given[name] or None
        given |= {name: code_number(name, given[name]) for name in CODED.keys() & given.keys()}
        place = tuple(
            [
                -1 if value is None else bisect_right(self.cuts[name], value)
                for name, value in given.items()
            ]
        )
        sex, icu = 1 if facts["sex"] == "M" else 2, bool(facts.get("icu"))
        mcc, cc = self.levels(diagnoses)
        rest = (sex, place, icu, mcc, cc)
        known = self.scheme.procedures.index

        def attempt(at: int, codes: Sequence[str]) -> Attempt:
            main, other = NO_SETS, NO_SETS
            if codes:
                main = of(codes[0], "main")
                other = NO_SETS.union(*[of(code, "further") for code in codes[1:]])
            repeated = len(codes) > 1 and codes[0] == codes[1] and codes[0] in known
            counts = self.lists.counts(diagnoses[1:], diagnoses[:1], codes[:1], codes[1:])
            number = bisect_right(self.cuts["procedure_count"], len(codes))
            key = (principal, secondary, main, other, bool(codes), counts, number, repeated, rest)
            mdcs = self._kept.get(key)
            if mdcs is None:
                if len(self._kept) > MEMORY:
                    self._kept.clear()
                case = Facts(
                    principal=principal,
                    secondary=secondary,
                    any_diagnosis=principal | secondary,
                    main_procedure=main,
                    other_procedure=other,
                    any_procedure=main | other,
                    counts=counts,
                    sex=sex,
                    **given,
                    procedure_count=len(codes),
                    repeated=repeated,
                    icu=icu,
                    mcc=mcc,
                    cc=cc,
                )
                mdcs = self._kept[key] = self._placed(case)
            return Attempt(at, mdcs)

        first = attempt(0, procedures)
        if not procedures or not self.scheme.retry or first.mdcs[-1].took:
            return Trace((first,))
        alone: list[Attempt] = []
        for at, code in enumerate(procedures[1:], 1):
            alone.append(attempt(at, (code,)))
            if alone[-1].mdcs[-1].took:
                return Trace((first, *alone))
        # where none took the case, what stands is the case as it came
        return Trace((*alone, first))

    def site_counts(self, diagnoses: Sequence[str]) -> dict[str, int]:
        """Return how many trauma sites the diagnoses have in each MDC that asks for sites."""
        if not self.sites:
            return {}
        of = self.lists.of
        met = of(diagnoses[0], "principal").union(*[of(c, "secondary") for c in diagnoses[1:]])
        return {mdc: _met(sites, met) for mdc, sites in self.sites.items()}

    def _placed(self, facts: Facts) -> tuple[Tried, ...]:
        tried = []
        for mdc in self.mdcs:
            failure = mdc.check(facts)
            if failure is not None:
                if failure not in mdc.failed:
                    mdc.failed[failure] = Tried(mdc.rule, failure)
                tried.append(mdc.failed[failure])
                continue
            inner, took = _inside(mdc, facts)
            tried.append(Tried(mdc.rule, None, inner, took))
            if took:
                break
        return tuple(tried)


def _inside(mdc: _Mdc, facts: Facts) -> tuple[tuple[Tried, ...], bool]:
    tried = []
    for entry in mdc.entries:
        failure = entry.check(facts)
        if failure is not None:
            known = entry.failed.get(failure)
            if known is None:
                known = entry.failed[failure] = Tried(entry.rule, failure)
            tried.append(known)
            continue
        if entry.rule.kind == "ambiguous" and not entry.drgs:
            tried.append(Tried(entry.rule, None, (), True))
            return tuple(tried), True
        drgs = []
        for rule, check in entry.drgs:
            failure = check(facts)
            drgs.append(Tried(rule, failure, (), failure is None))
            if failure is None:
                break
        took = bool(drgs) and drgs[-1].took
        tried.append(Tried(entry.rule, None, tuple(drgs), took))
        if took:
            return tuple(tried), True
    return tuple(tried), False


def cut_points(rules: Iterable[Node]) -> dict[str, list[int]]:
    """Return for each number the values at which some comparison of the rules changes.

    >>> cut_points([parse_rule("age_years < 17 or age_days <= 28")])["age_days"]
    [29]
    """
    cuts: dict[str, set[int]] = {name: set() for name in CASE_NUMBERS}
    first = {"<": (0,), ">=": (0,), "<=": (1,), ">": (1,), "==": (0, 1), "!=": (0, 1)}
    for rule in rules:
        for atom in atoms(rule):
            if isinstance(atom, Compare) and atom.fact in cuts:
                cuts[atom.fact].update(atom.value + step for step in first[atom.operator])
    return {name: sorted(found - {0}) for name, found in cuts.items()}


tracer_of = kept_by_grouper(Tracer)
