"""Compile a scheme's rules into arrays for the grouper's kernel.

Every (MDC and ADRG) rule is put into disjunctive normal form; each conjunction is a *term*.
Terms stand in order of evaluation, so that grouping is: the first term that holds and one of
whose DRGs holds. A term's conditions on the principal diagnosis and the main procedure become
bit masks over terms, one row for each class of codes that no rule tells apart. All other
conditions are *facts*: bits that the kernel gathers once for a case and compares with what the
term needs and wants.

Fact words, 64 bits each: first those of numbers, sex, flags and trauma sites, then those of
diagnosis lists, then those of procedure lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.ground.errors import SchemeError, both
from drgpay.ground.jit import held
from drgpay.names.columns import GROUPING_MORE
from drgpay.schemes._arrow import column, flags, positions, strings
from drgpay.schemes.rules import (
    COMPARE,
    DIAGNOSIS_FACTS,
    REPEATED,
    Always,
    And,
    Compare,
    Count,
    Flag,
    Member,
    Node,
    Not,
    Or,
    RuleSyntaxError,
    StartsWith,
    parse_rule,
)
from drgpay.schemes.shortcuts import (
    ALWAYS_MARKED,
    DIAGNOSIS_PLACES,
    Words,
    first_terms,
    marks_of,
    marks_of_classes,
    terms_of_marks,
    usual_persons,
)
from drgpay.schemes.tables import OWN_GROUP, AdrgRow, DrgRow, MdcRow, Scheme, Vocabulary

MAX_TERMS_OF_A_RULE = 512
MAX_KEY_BITS = 8
MAX_PLACES = 8  # terms of one that asks where its procedures stand
NUMBERS = ("age_years", "age_days", "birth_weight_g", "los_days")

OF_PERSON = ("age_years", "age_days", "birth_weight_g", "sex")
OF_CODES = ("codes", "sites", REPEATED)  # facts of the first word that only certain codes set
NEWBORN = (0, 10, 3300)  # age in years and in days, birth weight in grams


class Program(NamedTuple):
    """What the kernel needs of a scheme; dimensions in brackets.

    D diagnosis codes and pseudo codes + 1, P procedure codes + 1 (row P is "no procedure"),
    T terms, W words of 64 terms, F fact words, G DRG terms, X rows of exclusion bits.
    """

    principal_info: Words  # [D] class | row of exclusion bits << 16 | marks << 32
    principal_terms: Words  # [classes, W]
    principal_first: Words  # [classes, W] those of them that an unmarked case of a usual person may
    # meet
    principal_usual: Words  # [classes, 3] facts of the person that the terms ask; those of them
    # that the usual person has; marks << 32 of the terms that hold for none but marked cases
    main_info: Words  # [P + 1] class | marks << 32
    main_terms: Words  # [classes, W]
    main_marks: Words  # [classes] marks << 32 of the terms that hold for none but marked cases
    other_marks: Words  # [P + 1] marks << 32 of a procedure that is not the main one
    first_term: NDArray[np.int16]  # [principal classes, main classes] of an unmarked case of a
    # usual person; T none
    mark_terms: Words  # [marks + 1, W] terms that hold for none but cases with a mark, the last for
    # those that need none
    any_terms: Words  # [P + 1, W] or [0, W]: terms that some procedure satisfies
    any_free: Words  # [W] terms without such a condition
    diagnosis_info: Words  # [D] level | exclusion list << 2 | marks << 32 as a secondary one
    diagnosis_facts: Words  # [D, Fd]
    principal_mask: Words  # [Fd] facts that the principal diagnosis may set
    secondary_mask: Words  # [Fd]
    procedure_facts: Words  # [P + 1, Fp]
    main_mask: Words  # [Fp]
    other_mask: Words  # [Fp]
    exclusion_bits: Words  # [X, words of lists]
    number_start: NDArray[np.int64]  # [N + 1] where each number's table begins: the four that all
    # schemes may ask, what this one asks more, the number of procedures
    number_facts: Words  # facts by value, the last entry of a table for all above
    sex_facts: Words  # [3] unknown, M, F
    icu_facts: Words  # [2]
    level_facts: Words  # [4] by the levels met: none, CC, MCC, both
    site_word: NDArray[np.int64]  # [S] fact word of the sites asked by test s
    site_mask: Words  # [S]
    site_least: NDArray[np.int64]  # [S] number of sites that sets the fact
    site_fact: Words  # [S]
    from_procedures: np.uint64  # scalar facts that follow from the procedures
    repeated_fact: np.uint64  # set when the second procedure is the main one again
    diagnosis_tests: NDArray[np.int64]  # [Q, 3] first entry counted, distinct, least number
    diagnosis_test_facts: Words  # [Q]
    diagnosis_counted: Words  # [D] or [0]: tests that count a code, as bits
    procedure_tests: NDArray[np.int64]  # [R, 3]
    procedure_test_facts: Words  # [R]
    procedure_counted: Words  # [P + 1] or [0]
    term_usual: Words  # [T + 1, 3] need and want of the first word; marks << 32 of cases for which
    # the term or its DRGs may not be as for others
    term_tabled: NDArray[np.bool_]  # [T] its DRG follows from the key facts where the case's codes
    # set none of the facts that it asks
    term_need: Words  # [T, F]
    term_want: Words  # [T, F]
    term_asks: Words  # [T, F] facts of codes that the DRGs of a term ask
    term_drg_start: NDArray[np.int32]  # [T + 1] DRG terms of a term
    drg_need: Words  # [G, F]
    drg_want: Words  # [G, F]
    drg_outcome: NDArray[np.int16]  # [G]
    key_mask: np.uint64  # facts that the DRG table is asked by: the lowest bits
    drg_table: NDArray[np.int16]  # [T + 1, key_mask + 1] outcome by key facts, -1 none
    none: int  # outcome of a case that no term takes
    retry: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A group that a case can end in: a DRG, an ambiguous group, or an MDC's bare acceptance.

    `rest`: what an MDC has left when none of its groups took the case, which counts as not grouped.
    `row` is the DRG's key as in drg.csv.
    """

    mdc: str
    adrg: str
    drg: str
    name: str
    ambiguous: bool = False
    adrg_key: str = ""
    rest: bool = False
    row: str = ""


@dataclass(frozen=True)
class Compiled:
    """A program with what is needed to encode cases for it and to decode its results."""

    program: Program
    outcomes: tuple[Outcome, ...]
    prefixes: tuple[str, ...]  # beginnings that rules ask of unknown diagnosis codes
    diagnoses: Vocabulary
    procedures: Vocabulary
    more: tuple[str, ...] = ()  # which of GROUPING_MORE the rules ask, in the kernel's order

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "held"}

    @cached_property
    def held(self) -> Any:
        """The program as kernels take it; of this process alone."""
        return held(self.program)

    @cached_property
    def no_facts(self) -> NDArray[np.int8]:
        """Of each outcome nothing, for who asks for the outcome alone."""
        return np.zeros((self.program.none + 1, 4), dtype=np.int8)

    def encode_diagnoses(self, codes: pa.Array) -> NDArray[np.int32]:
        """Return the numbers of diagnosis codes; unknown ones may still satisfy a prefix."""
        ids = self.diagnoses.encode(codes)
        for bit, prefix in enumerate(self.prefixes):
            unknown = ids == 0
            if unknown.any() or bit:
                starts = np.asarray(pc.fill_null(pc.starts_with(codes, prefix), False))
                pseudo = (ids == 0) | (ids > len(self.diagnoses))
                base = np.where(ids == 0, len(self.diagnoses), ids)
                ids = np.where(pseudo & starts, base + (1 << bit), ids)
        return ids.astype(np.int32)

    def encode_diagnosis(self, code: str) -> int:
        """Return the number of one diagnosis code."""
        number = self.diagnoses.index.get(code, 0)
        if number == 0 and self.prefixes:
            bits = sum(1 << i for i, p in enumerate(self.prefixes) if code.startswith(p))
            return len(self.diagnoses) + bits if bits else 0
        return number


@dataclass(frozen=True, slots=True)
class _Literal:
    """A condition in its simplest form: what is asked, of which set or number."""

    kind: str  # principal, main, secondary, any_diagnosis, any_procedure, bit
    key: Any  # number of a set, or the name of a scalar fact
    positive: bool


_Terms = list[frozenset[_Literal]]


@dataclass
class _Sets:
    """Sets of codes met in rules, each kept once, as a row of booleans over code numbers."""

    size: int
    rows: list[NDArray[np.bool_]] = field(default_factory=list)
    seen: dict[bytes, int] = field(default_factory=dict)

    def add(self, members: NDArray[np.bool_]) -> int:
        key = np.packbits(members).tobytes()
        if key not in self.seen:
            self.seen[key] = len(self.rows)
            self.rows.append(members)
        return self.seen[key]


class RuleCompiler:
    """Puts the rules of a scheme into terms, and numbers the sets of codes that they ask for."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.prefixes = self._prefixes()
        self.d_size = 1 + len(scheme.diagnoses) + (1 << len(self.prefixes)) - 1
        self.p_size = 1 + len(scheme.procedures) + 1  # the last one is "no procedure"
        self.d_sets = _Sets(self.d_size)
        self.p_sets = _Sets(self.p_size)
        self.named: dict[tuple[str, str], int] = {}
        self.bits: dict[tuple[str, Any], int] = {}

    def _prefixes(self) -> tuple[str, ...]:
        found: list[str] = []
        scheme = self.scheme
        rules = [row.rule for row in scheme.mdcs] + [row.rule for row in scheme.adrgs]
        for rule in (*rules, *(row.rule for row in scheme.drgs)):
            for prefix in _starts(parse_rule(rule)):
                if prefix not in found:
                    found.append(prefix)
        if len(found) > 8:
            raise SchemeError(
                both(
                    "规则中 startswith 的不同开头超过8个",
                    "more than 8 different startswith beginnings",
                ),
                where=self.scheme.path,
            )
        return tuple(found)

    # --- sets -----------------------------------------------------------------------------

    def set_of(self, node: Member | StartsWith, owner: str, mdc: MdcRow) -> int:
        """Return the number of the set of codes that a rule of `owner` asks for."""
        diagnosis = node.fact in DIAGNOSIS_FACTS
        key = (owner if isinstance(node, Member) else "", f"{diagnosis}{node}")
        if key in self.named:
            return self.named[key]
        members = np.zeros(self.d_size if diagnosis else self.p_size, dtype=np.bool_)
        words = self.scheme.diagnoses if diagnosis else self.scheme.procedures
        if isinstance(node, StartsWith):
            starts = flags(pc.starts_with(words.codes, node.prefix))
            members[1 : len(words) + 1] = starts
            if diagnosis:
                bit = 1 << self.prefixes.index(node.prefix)
                for pseudo in range(1, 1 << len(self.prefixes)):
                    members[len(words) + pseudo] = bool(pseudo & bit)
        elif node.codes:
            members[words.encode(strings(node.codes))] = True
        elif node.any_site:
            for ids in self.scheme.site_ids(mdc):
                members[ids] = True
        elif node.list_name == "valid_procedures":
            members[self.scheme.valid_procedures] = True
        else:
            # a list that the tables lack is a finding of the loader; it holds no code
            members[self.scheme.list_ids(owner, node.list_name or "")] = True
        members[0] = False
        self.named[key] = (self.d_sets if diagnosis else self.p_sets).add(members)
        return self.named[key]

    # --- rules to terms --------------------------------------------------------------------

    def terms(self, node: Node, owner: str, mdc: MdcRow, positive: bool = True) -> _Terms:
        """Return the disjunctive normal form of a rule: a list of conjunctions."""
        if isinstance(node, Not):
            return self.terms(node.item, owner, mdc, not positive)
        if isinstance(node, And | Or):
            parts = [self.terms(item, owner, mdc, positive) for item in node.items]
            if isinstance(node, And) == positive:
                return _conjunction(parts)
            return [term for part in parts for term in part]
        if _is_count(node) and node.operator != ">=":
            return self.terms(_at_least(node), owner, mdc, positive)
        if _is_count(node) and node.value <= 0:
            node = Always()
        if isinstance(node, Always):
            return [frozenset()] if positive else []
        return [frozenset({self._literal(node, owner, mdc, positive)})]

    def _literal(self, node: Any, owner: str, mdc: MdcRow, positive: bool) -> _Literal:
        if isinstance(node, Member | StartsWith):
            kind = {"main_procedure": "main"}.get(node.fact, node.fact)
            return _Literal(kind, self.set_of(node, owner, mdc), positive)
        if isinstance(node, Flag):
            return _Literal("bit", (node.name, None), positive)
        if isinstance(node, Count):
            number = self.set_of(node.member, owner, mdc)
            return _Literal(
                "bit", ("codes", (node.fact, number, node.distinct, node.value)), positive
            )
        if isinstance(node, Compare) and node.fact == "trauma_sites":
            return _Literal("bit", ("sites", (mdc.mdc, node.operator, node.value)), positive)
        return _Literal("bit", (node.fact, (node.operator, node.value)), positive)


def _is_count(node: Any) -> TypeGuard[Compare | Count]:
    """Return whether a node compares a number of codes or sites, which is always known."""
    return isinstance(node, Count) or (isinstance(node, Compare) and node.fact == "trauma_sites")


def _starts(node: Node) -> Iterable[str]:
    if isinstance(node, Not):
        yield from _starts(node.item)
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from _starts(item)
    elif isinstance(node, StartsWith) and node.fact in DIAGNOSIS_FACTS:
        yield node.prefix


def _at_least(node: Compare | Count) -> Node:
    """Return a comparison of a number of codes or sites in terms of `>=`."""
    this: Node = replace(node, operator=">=")
    more: Node = replace(node, operator=">=", value=node.value + 1)
    equal: Node = And((this, Not(more)))
    meaning: dict[str, Node] = {
        ">": more,
        "<": Not(this),
        "<=": Not(more),
        "==": equal,
        "!=": Not(equal),
    }
    return meaning[node.operator]


def _conjunction(parts: list[_Terms]) -> _Terms:
    count = 1
    for part in parts:
        count *= len(part)
    if count > MAX_TERMS_OF_A_RULE:
        raise RuleSyntaxError(
            both(
                f"规则的分支过多：{count}个，至多{MAX_TERMS_OF_A_RULE}个",
                f"too many alternatives: {count} of at most {MAX_TERMS_OF_A_RULE}",
            )
        )
    result = []
    for choice in product(*parts):
        term: frozenset[_Literal] = frozenset().union(*choice)
        negations = {_Literal(x.kind, x.key, not x.positive) for x in term}
        if not negations & term:
            result.append(term)
    return result


@dataclass
class _Facts:
    """Places of facts: bit numbers inside the three groups of words."""

    scalar: dict[Any, int] = field(default_factory=dict)
    diagnosis: dict[tuple[str, int], int] = field(default_factory=dict)
    procedure: dict[tuple[str, int], int] = field(default_factory=dict)
    site_base: dict[str, int] = field(default_factory=dict)
    diagnosis_bits: int = 0
    key_bits: int = 0

    def place(self, literal: _Literal, mdcs: dict[str, MdcRow]) -> None:
        if literal.kind == "bit":
            self.scalar.setdefault(literal.key, len(self.scalar))
            name, detail = literal.key
            if name == "sites" and detail[0] not in self.site_base:
                count = len(mdcs[detail[0]].sites)
                if count > 64:
                    raise SchemeError(
                        both(
                            f"{detail[0]} 有{count}个创伤部位，至多64个",
                            f"{detail[0]} names {count} trauma sites; at most 64",
                        )
                    )
                # the sites of one MDC stay inside one word, so that one popcount counts them
                if self.diagnosis_bits % 64 + count > 64:
                    self.diagnosis_bits += 64 - self.diagnosis_bits % 64
                self.site_base[detail[0]] = self.diagnosis_bits
                self.diagnosis_bits += count
        elif literal.kind in ("principal", "secondary", "any_diagnosis"):
            key = (literal.kind, literal.key)
            if key not in self.diagnosis:
                self.diagnosis[key] = self.diagnosis_bits
                self.diagnosis_bits += 1
        else:
            key = (literal.kind, literal.key)
            self.procedure.setdefault(key, len(self.procedure))


def _words(bits: int) -> int:
    return max(1, (bits + 63) // 64)


def _set_bit(row: Words, bit: int) -> None:
    row[bit // 64] |= np.uint64(1 << (bit % 64))


def _bit_rows(
    size: int, sets: list[NDArray[np.bool_]], conditions: list[list[tuple[int, bool]]]
) -> Words:
    """Return [codes, W] bits of the terms whose conditions (set, wanted) a code meets."""
    rows = np.zeros((size, _words(len(conditions))), dtype=np.uint64)
    codes_of: dict[int, NDArray[np.int64]] = {}
    for t, wanted in enumerate(conditions):
        # most terms ask for a set, and sets have few of all codes
        first = next((key for key, positive in wanted if positive), None)
        if first is None:
            codes = np.arange(size)
        elif first in codes_of:
            codes = codes_of[first]
        else:
            codes = codes_of[first] = np.flatnonzero(sets[first])
        for key, positive in wanted:
            if (key, positive) != (first, True):
                codes = codes[sets[key][codes] == positive]
        rows[codes, t // 64] |= np.uint64(1 << (t % 64))
    return rows


def _classes(rows: Words) -> tuple[NDArray[np.uint16], Words]:
    """Return the class of each row and the bit rows of the classes."""
    words = rows.shape[1]
    hashed = np.zeros(len(rows), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for w in range(words):
            hashed = (hashed ^ rows[:, w]) * np.uint64(0x9E3779B97F4A7C15)
            hashed ^= hashed >> np.uint64(29)
    _, first, inverse = np.unique(hashed, return_index=True, return_inverse=True)
    if not np.array_equal(rows[first][inverse], rows):  # a collision: do it the exact way
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return inverse.reshape(-1).astype(np.uint16), np.ascontiguousarray(rows[first])


@dataclass
class _Entry:
    """An ADRG's rule, or an ambiguous group, with its terms and its DRGs' terms."""

    terms: _Terms
    drgs: list[tuple[_Terms, Outcome]]
    source: AdrgRow | MdcRow


def _entries(compiler: RuleCompiler, only_mdc: bool) -> list[_Entry]:
    scheme = compiler.scheme
    entries: list[_Entry] = []
    for mdc, adrgs in scheme.in_order():
        mdc_terms = compiler.terms(scheme.read(mdc.rule), mdc.mdc, mdc)
        if only_mdc:
            entries.append(_Entry(mdc_terms, [([frozenset()], Outcome(mdc.mdc, "", "", ""))], mdc))
            continue
        for adrg in adrgs:
            if adrg is None:
                entries.append(_ambiguous(compiler, mdc, mdc_terms))
                continue
            own = compiler.terms(scheme.read(adrg.rule), adrg.key, mdc)
            drgs = [
                (
                    compiler.terms(scheme.read(drg.rule), scheme.lists_of(drg), mdc),
                    outcome_of(adrg, drg),
                )
                for drg in scheme.drgs_of.get(adrg.key, ())
            ]
            if not drgs and adrg.kind in OWN_GROUP:
                drgs = [([frozenset()], outcome_of(adrg, None))]
            entries.append(_Entry(_conjunction([mdc_terms, own]), drgs, adrg))
    return entries


def outcome_of(adrg: AdrgRow, drg: DrgRow | None) -> Outcome:
    """Return the group of a DRG's row, or of an ambiguous or rest ADRG that has none."""
    code = drg.drg if drg else adrg.adrg if adrg.kind == "ambiguous" else f"{adrg.adrg}0"
    return Outcome(
        adrg.mdc,
        "" if adrg.kind in OWN_GROUP else adrg.adrg,
        code,
        drg.name if drg else adrg.name,
        adrg.kind == "ambiguous",
        adrg.key,
        adrg.kind == "fallback",
        drg.key if drg else "",
    )


def _ambiguous(compiler: RuleCompiler, mdc: MdcRow, mdc_terms: _Terms) -> _Entry:
    rule, code, name = compiler.scheme.ambiguous_group(mdc)
    valid = compiler.terms(rule, mdc.mdc, mdc)
    outcome = Outcome(mdc.mdc, "", code, name, ambiguous=True)
    return _Entry(_conjunction([mdc_terms, valid]), [([frozenset()], outcome)], mdc)


def compile_scheme(scheme: Scheme, *, only_mdc: bool = False) -> Compiled:
    """Return the scheme as a program for the kernel.

    `only_mdc` compiles the MDCs' rules alone: its outcome is the first MDC that accepts a case.
    """
    compiler = RuleCompiler(scheme)
    entries = _entries(compiler, only_mdc)
    by_code = {mdc.mdc: mdc for mdc in scheme.mdcs}
    use_any_masks = scheme.surgical_match == "any"

    terms: list[tuple[frozenset[_Literal], int]] = [
        (part, i)
        for i, entry in enumerate(entries)
        for term in entry.terms
        for part in ([term] if use_any_masks else _by_place(term))
    ]
    facts = _Facts()
    residual: list[list[_Literal]] = []
    masked_any: list[int | None] = []
    for term, _ in terms:
        rest = [x for x in term if x.kind not in ("principal", "main")]
        chosen: int | None = None
        if use_any_masks:
            wanted = [x for x in rest if x.kind == "any_procedure" and x.positive]
            if wanted:
                smallest = min(wanted, key=lambda x: int(compiler.p_sets.rows[x.key].sum()))
                chosen = smallest.key
                rest.remove(smallest)
        masked_any.append(chosen)
        residual.append(rest)
    drg_terms = [
        [(term, outcome) for parts, outcome in entry.drgs for term in parts] for entry in entries
    ]
    # facts of DRG rules come first, those asked most often in front, so that they are the lowest
    # bits: the key of the DRG table
    in_drgs = [literal for parts in drg_terms for term, _ in parts for literal in term]
    often = Counter(str(x.key) for x in in_drgs if x.kind == "bit")
    in_order = sorted(in_drgs, key=lambda x: (-often[str(x.key)], str(x.key)))
    for literal in in_order:
        facts.place(literal, by_code)
    facts.key_bits = min(len(facts.scalar), MAX_KEY_BITS)
    for rest in residual:
        for literal in rest:
            facts.place(literal, by_code)
    return _assemble(scheme, compiler, terms, residual, masked_any, drg_terms, facts)


def _by_place(term: frozenset[_Literal]) -> _Terms:
    """Return a term as terms that ask the main procedure and the others apart.

    The class of the main procedure then tells the kernel at once which of them are open.
    """
    some = [x for x in term if x.kind == "any_procedure" and x.positive]
    if not some or 2 ** len(some) > MAX_PLACES:
        return [term]
    choices: list[_Terms] = [
        [
            frozenset({_Literal("main", x.key, True)}),
            frozenset({_Literal("main", x.key, False), _Literal("other_procedure", x.key, True)}),
        ]
        for x in some
    ]
    return _conjunction([[term.difference(some)], *choices])


def _assemble(
    scheme: Scheme,
    compiler: RuleCompiler,
    terms: list[tuple[frozenset[_Literal], int]],
    residual: list[list[_Literal]],
    masked_any: list[int | None],
    drg_terms: list[list[tuple[frozenset[_Literal], Outcome]]],
    facts: _Facts,
) -> Compiled:
    count = len(terms)
    words = _words(count)
    asked = {
        kind: [[(x.key, x.positive) for x in term if x.kind == kind] for term, _ in terms]
        for kind in ("principal", "main")
    }
    principal_rows = _bit_rows(compiler.d_size, compiler.d_sets.rows, asked["principal"])
    principal_rows[scheme.refused] = 0  # no term holds under them
    diagnosis_class, principal_terms = _classes(principal_rows)
    procedure_class, main_terms = _classes(
        _bit_rows(compiler.p_size, compiler.p_sets.rows, asked["main"])
    )

    any_free = np.zeros(words, dtype=np.uint64)
    for t, chosen in enumerate(masked_any):
        if chosen is None:
            _set_bit(any_free, t)
    any_terms = np.zeros((0, words), dtype=np.uint64)
    if any(chosen is not None for chosen in masked_any):
        wanted = [[] if chosen is None else [(chosen, True)] for chosen in masked_any]
        any_terms = _bit_rows(compiler.p_size, compiler.p_sets.rows, wanted) & ~any_free

    scalar_words = _words(len(facts.scalar))
    d_words, p_words = _words(facts.diagnosis_bits), _words(len(facts.procedure))
    fact_words = scalar_words + d_words + p_words
    if scalar_words > 1:
        raise SchemeError(
            both(
                "规则中关于年龄、出生体重、住院天数、性别、标志和创伤部位的不同条件超过64个",
                "more than 64 different conditions on age, weight, stay, sex, flags and sites",
            ),
            where=scheme.path,
        )

    def place(literal: _Literal) -> int:
        if literal.kind == "bit":
            return facts.scalar[literal.key]
        if literal.kind in ("principal", "secondary", "any_diagnosis"):
            return 64 * scalar_words + facts.diagnosis[(literal.kind, literal.key)]
        return 64 * (scalar_words + d_words) + facts.procedure[(literal.kind, literal.key)]

    def need_want(literals: Iterable[_Literal]) -> tuple[Words, Words]:
        need, want = np.zeros(fact_words, np.uint64), np.zeros(fact_words, np.uint64)
        for literal in literals:
            _set_bit(need, place(literal))
            if literal.positive:
                _set_bit(want, place(literal))
        return need, want

    term_pairs = [need_want(rest) for rest in residual]
    outcomes: list[Outcome] = []
    number_of: dict[Outcome, int] = {}
    drg_pairs: list[tuple[Words, Words]] = []
    drg_outcome: list[int] = []
    starts = [0]
    for _, entry in terms:
        for term, outcome in drg_terms[entry]:
            if outcome not in number_of:
                number_of[outcome] = len(outcomes)
                outcomes.append(outcome)
            drg_pairs.append(need_want(term))
            drg_outcome.append(number_of[outcome])
        starts.append(len(drg_pairs))

    d_facts = np.zeros((compiler.d_size, d_words), dtype=np.uint64)
    p_facts = np.zeros((compiler.p_size, p_words), dtype=np.uint64)
    masks = {name: np.zeros(d_words, np.uint64) for name in ("principal", "secondary")}
    for (kind, key), bit in facts.diagnosis.items():
        d_facts[compiler.d_sets.rows[key], bit // 64] |= np.uint64(1 << (bit % 64))
        for name in masks:
            if kind in (name, "any_diagnosis"):
                _set_bit(masks[name], bit)
    for mdc, base in facts.site_base.items():
        for bit, members in enumerate(scheme.site_ids(mdc), base):
            d_facts[members, bit // 64] |= np.uint64(1 << (bit % 64))
            for mask in masks.values():
                _set_bit(mask, bit)
    p_masks = {name: np.zeros(p_words, np.uint64) for name in ("main", "other")}
    for (kind, key), bit in facts.procedure.items():
        p_facts[compiler.p_sets.rows[key], bit // 64] |= np.uint64(1 << (bit % 64))
        for name, others in (("main", "other_procedure"), ("other", "main")):
            if kind != others:
                _set_bit(p_masks[name], bit)

    more = tuple(name for name in GROUPING_MORE if any(key[0] == name for key in facts.scalar))
    numbers, number_start = _number_tables(facts, (*NUMBERS, *more, "procedure_count"))
    flag_bits = {name: np.uint64(0) for name in ("icu", "mcc", "cc", REPEATED)}
    sex = np.zeros(3, dtype=np.uint64)
    sites: list[tuple[int, int, int, int]] = []
    for (name, detail), bit in facts.scalar.items():
        value = np.uint64(1 << bit)
        if name in flag_bits:
            flag_bits[name] |= value
        elif name == "sex":
            for code in (1, 2):
                if COMPARE[detail[0]](code, detail[1]):
                    sex[code] |= value
        elif name == "sites":
            mdc, _, least = detail
            base, number = facts.site_base[mdc], len(scheme.site_ids(mdc))
            site_bits = ((1 << number) - 1) << (base % 64)
            sites.append((scalar_words + base // 64, site_bits, least, int(value)))

    tests = {
        of_diagnoses: _count_tests(facts, sets, of_diagnoses)
        for of_diagnoses, sets in ((True, compiler.d_sets), (False, compiler.p_sets))
    }
    from_procedures = np.bitwise_or.reduce(tests[False][1], initial=flag_bits[REPEATED])
    for (name, _), bit in facts.scalar.items():
        if name == "procedure_count":
            from_procedures |= np.uint64(1 << bit)

    def stack(rows: list[Words]) -> Words:
        return np.array(rows, dtype=np.uint64).reshape(len(rows), fact_words)

    needs, wants = stack([need for need, _ in term_pairs]), stack([w for _, w in term_pairs])
    chosen_any = np.array([chosen is not None for chosen in masked_any])
    of_principal = np.array(
        [
            any(x.kind == "principal" and x.positive for x in term)
            and not any(outcome.ambiguous for _, outcome in drg_terms[entry])
            for term, entry in terms
        ]
    )
    of_codes = np.full(fact_words, ~np.uint64(0))
    of_codes[0] = sum(1 << bit for (name, _), bit in facts.scalar.items() if name in OF_CODES)
    key_bits = facts.key_bits
    tabled, drg_table = _drg_table(starts, drg_pairs, drg_outcome, key_bits)
    asked_by_drgs = _asked_by_drgs(starts, [need for need, _ in drg_pairs], fact_words)
    marks = marks_of(
        _sources(compiler, facts, 64 * scalar_words),
        (compiler.d_size, compiler.p_size),
        (needs & of_codes, wants & of_codes),
        asked_by_drgs & of_codes,
        tabled & ~chosen_any,
    )
    of_person, persons = _persons(facts, sex, numbers, number_start)
    usual = usual_persons(
        principal_terms,
        (needs[:, 0], wants[:, 0]),
        persons,
        of_person,
        of_principal,
        marks.of_condition == 0,
    )
    of_classes = marks_of_classes(principal_terms, marks.of_condition)
    term_usual = np.zeros((count + 1, 3), dtype=np.uint64)
    term_usual[:count] = np.stack([needs[:, 0], wants[:, 0], marks.of_term], axis=1)
    term_usual[count, 2] = ALWAYS_MARKED
    asked_by_drgs[:, 0] = 0
    info, exclusion_row, exclusion_bits = _severity(scheme, compiler.d_size)

    program = Program(
        principal_info=diagnosis_class.astype(np.uint64)
        | exclusion_row.astype(np.uint64) << np.uint64(16)
        | marks.of_codes["principal"],
        principal_terms=principal_terms,
        principal_first=usual.terms,
        principal_usual=np.column_stack([usual.person, of_classes]),
        main_info=procedure_class.astype(np.uint64) | marks.of_codes["main"],
        main_terms=main_terms,
        main_marks=marks_of_classes(main_terms, marks.of_condition),
        other_marks=marks.of_codes["other"],
        first_term=first_terms(usual.terms, main_terms, count),
        mark_terms=terms_of_marks(marks.of_condition, words),
        any_terms=any_terms,
        any_free=any_free,
        diagnosis_info=info | marks.of_codes["secondary"],
        diagnosis_facts=d_facts,
        principal_mask=masks["principal"],
        secondary_mask=masks["secondary"],
        procedure_facts=p_facts,
        main_mask=p_masks["main"],
        other_mask=p_masks["other"],
        exclusion_bits=exclusion_bits,
        number_start=number_start,
        number_facts=numbers,
        sex_facts=sex,
        icu_facts=np.array([0, flag_bits["icu"]], dtype=np.uint64),
        level_facts=np.array(
            [0, flag_bits["cc"], flag_bits["mcc"], flag_bits["cc"] | flag_bits["mcc"]],
            dtype=np.uint64,
        ),
        site_word=np.array([s[0] for s in sites], dtype=np.int64),
        site_mask=np.array([s[1] for s in sites], dtype=np.uint64),
        site_least=np.array([s[2] for s in sites], dtype=np.int64),
        site_fact=np.array([s[3] for s in sites], dtype=np.uint64),
        from_procedures=np.uint64(from_procedures),
        repeated_fact=flag_bits[REPEATED],
        diagnosis_tests=tests[True][0],
        diagnosis_test_facts=tests[True][1],
        diagnosis_counted=tests[True][2],
        procedure_tests=tests[False][0],
        procedure_test_facts=tests[False][1],
        procedure_counted=tests[False][2],
        term_usual=term_usual,
        term_tabled=tabled,
        term_need=needs,
        term_want=wants,
        term_asks=asked_by_drgs,
        term_drg_start=np.array(starts, dtype=np.int32),
        drg_need=stack([need for need, _ in drg_pairs]),
        drg_want=stack([want for _, want in drg_pairs]),
        drg_outcome=np.array(drg_outcome, dtype=np.int16),
        key_mask=np.uint64((1 << key_bits) - 1),
        drg_table=drg_table,
        none=len(outcomes),
        retry=scheme.retry,
    )
    return Compiled(
        program, tuple(outcomes), compiler.prefixes, scheme.diagnoses, scheme.procedures, more
    )


def _persons(
    facts: _Facts, sex: Words, numbers: Words, start: NDArray[np.int64]
) -> tuple[np.uint64, list[np.uint64]]:
    """Return which facts of the first word are a person's, and those of some persons.

    They are grown up or a newborn of usual weight, a man or a woman.
    """
    asked = np.uint64(sum(1 << bit for (name, _), bit in facts.scalar.items() if name in OF_PERSON))
    of_numbers = [numbers[start[n] : start[n + 1]] for n in range(3)]
    grown = of_numbers[0][-1]
    newborn = np.uint64(0)
    for table, value in zip(of_numbers, NEWBORN, strict=True):
        newborn |= table[min(value, len(table) - 1)]
    return asked, [(age | sex[code]) & asked for age in (grown, newborn) for code in (1, 2)]


def _sources(
    compiler: RuleCompiler, facts: _Facts, scalar_bits: int
) -> dict[int, list[tuple[str, NDArray[np.bool_]]]]:
    """Return by the bit of a fact of codes at which places which codes set it, or help to."""
    places = {
        "any_diagnosis": DIAGNOSIS_PLACES,
        "any_procedure": ("main", "other"),
        "other_procedure": ("other",),
    }
    diagnoses, procedures = compiler.d_sets.rows, compiler.p_sets.rows
    found: dict[int, list[tuple[str, NDArray[np.bool_]]]] = {}

    def note(bit: int, fact: str, codes: NDArray[np.bool_]) -> None:
        found[bit] = [(place, codes) for place in places.get(fact, (fact,))]

    for (fact, number), bit in facts.diagnosis.items():
        note(scalar_bits + bit, fact, diagnoses[number])
    behind = scalar_bits + 64 * _words(facts.diagnosis_bits)
    for (fact, number), bit in facts.procedure.items():
        note(behind + bit, fact, procedures[number])
    for (name, detail), bit in facts.scalar.items():
        if name == "codes":
            note(
                bit,
                detail[0],
                (diagnoses if detail[0] in DIAGNOSIS_FACTS else procedures)[detail[1]],
            )
        elif name == "sites":
            on = _sites_of_codes(compiler, detail[0])
            # a principal diagnosis of fewer sites than are asked needs a secondary one
            found[bit] = [("principal", on >= detail[2]), ("secondary", on > 0)]
        elif name == REPEATED:
            note(bit, "other_procedure", np.ones(compiler.p_size, dtype=np.bool_))
    return found


def _sites_of_codes(compiler: RuleCompiler, mdc: str) -> NDArray[np.int64]:
    """Return on how many of an MDC's trauma sites each diagnosis is."""
    on = np.zeros(compiler.d_size, dtype=np.int64)
    for members in compiler.scheme.site_ids(mdc):
        on[members] += 1
    return on


def _asked_by_drgs(starts: list[int], needs: list[Words], fact_words: int) -> Words:
    """Return the facts that the DRGs of each term ask."""
    asked = np.zeros((len(starts) - 1, fact_words), dtype=np.uint64)
    for t in range(len(asked)):
        for need in needs[starts[t] : starts[t + 1]]:
            asked[t] |= need
    return asked


def _drg_table(
    starts: list[int], pairs: list[tuple[Words, Words]], outcomes: list[int], key_bits: int
) -> tuple[NDArray[np.bool_], NDArray[np.int16]]:
    """Return which terms' DRGs follow from the key facts, and their outcome by key.

    Where a DRG asks facts of codes, the outcome is that of a case whose codes set none.
    """
    count = len(starts) - 1
    keys = np.arange(1 << key_bits, dtype=np.uint64)
    table = np.full((count + 1, len(keys)), -1, dtype=np.int16)
    tabled = np.ones(count, dtype=np.bool_)
    for t in range(count):
        for g in range(starts[t + 1] - 1, starts[t] - 1, -1):
            need, want = pairs[g]
            if int(need[0]) >> key_bits:
                tabled[t] = False
                break
            if not want[1:].any():
                table[t, (keys & need[0]) == want[0]] = outcomes[g]
    return tabled, table


def _count_tests(
    facts: _Facts, sets: _Sets, of_diagnoses: bool
) -> tuple[NDArray[np.int64], Words, Words]:
    """Return the tests that count codes: how, the fact that each sets, and by code who counts."""
    asked = [
        (detail, bit)
        for (name, detail), bit in facts.scalar.items()
        if name == "codes" and (detail[0] in DIAGNOSIS_FACTS) == of_diagnoses
    ]
    how = np.zeros((len(asked), 3), dtype=np.int64)
    sets_fact = np.zeros(len(asked), dtype=np.uint64)
    counted = np.zeros(sets.size if asked else 0, dtype=np.uint64)
    for q, ((fact, number, distinct, least), bit) in enumerate(asked):
        how[q] = (0 if fact.startswith("any_") else 1, distinct, least)
        sets_fact[q] = np.uint64(1 << bit)
        counted[sets.rows[number]] |= np.uint64(1 << q)
    return how, sets_fact, counted


def _number_tables(facts: _Facts, names: Iterable[str]) -> tuple[Words, NDArray[np.int64]]:
    """Return facts by value for each number; a table ends where nothing changes any more."""
    tables = []
    starts = [0]
    for name in names:
        asked = [(detail, bit) for (fact, detail), bit in facts.scalar.items() if fact == name]
        size = max((value + 2 for (_, value), _ in asked), default=1)
        table = np.zeros(size, dtype=np.uint64)
        values = np.arange(size)
        for (operator, value), bit in asked:
            table[COMPARE[operator](values, value)] |= np.uint64(1 << bit)
        tables.append(table)
        starts.append(starts[-1] + size)
    return np.concatenate(tables), np.array(starts, dtype=np.int64)


def diagnosis_info(level: Words, exclusion_list: Words) -> Words:
    """Return how the kernel is told the level (0, 1 CC, 2 MCC) and the exclusion list of codes."""
    return level | exclusion_list << np.uint64(2)


def levels_and_lists(info: Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the levels and the exclusion lists of codes from what the kernel is told of them."""
    lists = (info >> np.uint64(2)) & np.uint64((1 << 30) - 1)
    return (info & np.uint64(3)).astype(np.int64), lists.astype(np.int64)


def _severity(scheme: Scheme, d_size: int) -> tuple[Words, NDArray[np.uint16], Words]:
    """Return level and exclusion list of each code; exclusion bits of principals."""
    of_code = column(scheme.severity, "exclusion_list")
    of_principal = column(scheme.exclusions, "exclusion_list")
    names = pc.unique(pa.concat_arrays([of_code, of_principal]))
    info = np.zeros(d_size, dtype=np.uint64)
    ids = scheme.diagnoses.encode(column(scheme.severity, "code"))
    levels = positions(column(scheme.severity, "level"), strings(["CC", "MCC"])) + 1
    lists = positions(of_code, names)
    info[ids] = diagnosis_info(levels.astype(np.uint64), lists.astype(np.uint64))

    principals = scheme.diagnoses.encode(column(scheme.exclusions, "principal"))
    number = positions(of_principal, names)
    bits = np.zeros((d_size, _words(len(names))), dtype=np.uint64)
    values = np.left_shift(np.uint64(1), (number % 64).astype(np.uint64))
    np.bitwise_or.at(bits, (principals, number // 64), values)
    row, unique = _classes(bits)
    return info, row, unique
