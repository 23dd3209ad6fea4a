"""Which groups of a scheme some case can reach, and which ADRG rules leave nothing to the rest.

Cases are not tried one by one. A case is a class of principal diagnoses that no rule tells apart,
a class of main procedures (or none), and a *cell*: a combination of age, sex, birth weight, stay,
intensive care and severity at the constants of the rules. A conjunction of a rule holds in a
block of classes x classes x cells, so walking the rules in their order and striking out of a
table of bits what each DRG takes tells exactly what is left for the next.

Proven: every group called reached has a witness, a concrete case that ends in it. Every group
called unreachable is reached by no case that has at most one procedure and, besides its principal
diagnosis, only secondary diagnoses that no rule asks for (they set its severity).

Searched: for groups still unreached, the same walk with companions: secondary diagnoses and
further procedures out of the lists that the group's own rule names, one of each class, and codes
that make an earlier "not in" fail. At most `MAX_TRIES` sets of companions are tried for a
conjunction, so a group behind a more roundabout case may be called unreachable though it is not.

Left out: an unknown sex or age in years; an age in days that contradicts the age in years; of birth
weight, stay, hours of intensive care, weight on admission, way of discharge and special charge
those pairs that no conjunction of the rules asks together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, islice, product

import numpy as np
from numpy.typing import NDArray

from drgpay.names.columns import CODED
from drgpay.schemes.program import (
    RuleCompiler,
    _bit_rows,
    _classes,
    _entries,
    _Entry,
    _Literal,
    _severity,
    _words,
    levels_and_lists,
)
from drgpay.schemes.rules import COMPARE, DIAGNOSIS_FACTS, REPEATED
from drgpay.schemes.shortcuts import Words
from drgpay.schemes.tables import AdrgRow, DrgRow, MdcRow, Scheme

MAX_TRIES = 3_000
MAX_CLASSES_OF_A_LIST = 60
MAX_SHIFTS = 20
MOST_AT_ONCE = 4_000_000  # words of the table of undecided cases
# numbers and codes that stand in few rules, and facts that follow from a case's codes
SPECIAL = (
    "birth_weight_g", "los_days", "icu_hours", "admission_weight_g", "discharge_way",
    "special_charge",
)  # fmt: skip
OF_CODES = ("sites", "codes", "procedure_count", REPEATED)
OTHERS = ("secondary", "any_diagnosis", "other_procedure", "any_procedure")
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Term = frozenset[_Literal]
CC, MCC = 1, 2


@dataclass(frozen=True, slots=True)
class Unreached:
    """A row that no case reaches; `takers` are the groups that take what its rule accepts."""

    source: AdrgRow | MdcRow | DrgRow
    takers: tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """What a scheme's cases cannot reach, and the rules that leave nothing to the rest."""

    adrgs: tuple[Unreached, ...]
    drgs: tuple[Unreached, ...]
    ambiguous: tuple[Unreached, ...]
    takes_everything: tuple[AdrgRow, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of the facts that are not codes."""

    age_years: int
    age_days: int | None
    sex: int
    icu: bool
    levels: int  # CC | MCC of the secondary diagnoses
    special: Mapping[str, int]  # of `SPECIAL` those that are known

    def holds(self, literal: _Literal) -> bool:
        name, detail = literal.key
        if name == "icu":
            return self.icu
        if name in ("cc", "mcc"):
            return bool(self.levels & (CC if name == "cc" else MCC))
        operator, value = detail
        known = self.special.get(name) if name in SPECIAL else getattr(self, name)
        return known is not None and bool(COMPARE[operator](known, value))


@dataclass(frozen=True)
class Companions:
    """Secondary diagnoses and further procedures that stand beside every case of a walk."""

    diagnoses: tuple[int, ...] = ()
    procedures: tuple[int, ...] = ()


@dataclass
class _Universe:
    """Principal diagnoses (rows), main procedures (columns): one code of each class."""

    rows: Numbers
    columns: Numbers


@dataclass
class Found:
    """Where a walk met a group first: codes and cell."""

    principal: int
    main: int
    cell: int
    companions: Companions


@dataclass
class Walk:
    """What a walk met, and what each entry took."""

    reached: dict[tuple[int, int], Found] = field(default_factory=dict)
    takers: dict[int, int] = field(default_factory=dict)  # how many cases each entry took


def _scalars(entries: Iterable[_Entry]) -> list[_Literal]:
    found: dict[_Literal, None] = {}
    for entry in entries:
        for terms in (entry.terms, *(terms for terms, _ in entry.drgs)):
            for term in terms:
                for x in term:
                    if x.kind == "bit" and x.key[0] not in OF_CODES:
                        found[_Literal("bit", x.key, True)] = None
    return list(found)


def _values(scalars: list[_Literal], name: str) -> list[int]:
    constants = {x.key[1][1] for x in scalars if x.key[0] == name}
    return sorted({v for c in constants for v in (c - 1, c, c + 1) if v >= 0})


def _together(entries: Iterable[_Entry]) -> set[tuple[str, str]]:
    """Return which two of the special facts some conjunction asks."""
    found: set[tuple[str, str]] = set()
    for entry in entries:
        of_drgs = [frozenset[_Literal](), *(t for terms, _ in entry.drgs for t in terms)]
        for term, drg_term in product(entry.terms, of_drgs):
            asked = {x.key[0] for x in (*term, *drg_term) if x.kind == "bit"}
            found |= set(combinations([name for name in SPECIAL if name in asked], 2))
    return found


def _specials(
    scalars: list[_Literal], together: set[tuple[str, str]]
) -> Iterator[Mapping[str, int]]:
    """Yield values of the special facts: none known, each alone, and pairs asked together."""
    values = {
        name: list(CODED[name].values()) if name in CODED else _values(scalars, name)
        for name in SPECIAL
    }
    asked = {x.key[0] for x in scalars}
    yield {}
    for name in SPECIAL:
        if name in asked:
            yield from ({name: value} for value in values[name])
    for a, b in sorted(together):
        yield from ({a: x, b: y} for x, y in product(values[a], values[b]))


def _cells(scalars: list[_Literal], together: set[tuple[str, str]]) -> list[Cell]:
    """Return one cell for each combination of facts that the rules tell apart."""
    years = [y for y in {0, 40, *_values(scalars, "age_years")} if y <= 150]
    days = _values(scalars, "age_days")
    ages: list[tuple[int, int | None]] = []
    for y in sorted(years):
        own = {d for d in (*days, y * 365 + 180) if d // 366 <= y <= d // 365}
        ages += [(y, None), *((y, d) for d in sorted(own))]
    specials = list(_specials(scalars, together))
    found: dict[tuple[bool, ...], Cell] = {}
    for age, special, sex, icu, levels in product(ages, specials, (1, 2), (False, True), range(4)):
        cell = Cell(age[0], age[1], sex, icu, levels, special)
        key = (*(cell.holds(x) for x in scalars), bool(levels & CC), bool(levels & MCC))
        found.setdefault(key, cell)
    return list(found.values())


class Searcher:
    """The classes of codes and the cells of a scheme, and what walks through them."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.compiler = RuleCompiler(scheme)
        self.entries = _entries(self.compiler, False)
        info, exclusion_row, self.exclusion_bits = _severity(scheme, self.compiler.d_size)
        self.levels, self.exclusion_list = levels_and_lists(info)
        self.exclusion_row = exclusion_row.astype(np.int64)
        self.site_rows = self._sites()
        self.possible = self._possible()
        self.scalars = _scalars(self.entries)
        self.cells = _cells(self.scalars, _together(self.entries))
        self.cell_words = _words(len(self.cells))
        self.cell_bits = {x.key: self._pack([c.holds(x) for c in self.cells]) for x in self.scalars}
        self.all_cells = self._pack([True] * len(self.cells))
        self.level_cells = [self._pack([c.levels == n for c in self.cells]) for n in range(4)]
        self.d_class, self.p_class = self._code_classes()
        self.neutral = self._neutral()

    # --- the universe -----------------------------------------------------------------------

    def _beginning(self, number: int) -> str:
        """Return the longest beginning that a code unknown to the scheme is asked to have."""
        bits = number - len(self.scheme.diagnoses)
        met = [p for i, p in enumerate(self.compiler.prefixes) if bits >> i & 1]
        return max(met, key=len, default="")

    def _possible(self) -> Bools:
        """Return which numbers stand for a code: one cannot begin both P07. and Z37."""
        possible = np.ones(self.compiler.d_size, dtype=np.bool_)
        for number in range(len(self.scheme.diagnoses) + 1, self.compiler.d_size):
            longest = self._beginning(number)
            bits = sum(
                1 << i for i, p in enumerate(self.compiler.prefixes) if longest.startswith(p)
            )
            possible[number] = bits == number - len(self.scheme.diagnoses)
        return possible

    def _pack(self, holds: list[bool]) -> Words:
        bits = np.zeros(self.cell_words * 64, dtype=np.bool_)
        bits[: len(self.cells)] = holds
        return np.packbits(bits, bitorder="little").view("<u8")

    def _sites(self) -> dict[str, list[Bools]]:
        """Return the members of each site list, by MDC."""
        found: dict[str, list[Bools]] = {}
        for mdc in self.scheme.mdcs:
            for ids in self.scheme.site_ids(mdc):
                members = np.zeros(self.compiler.d_size, dtype=np.bool_)
                members[ids] = True
                members[0] = False
                found.setdefault(mdc.mdc, []).append(members)
        return found

    def _code_classes(self) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Return the class of each diagnosis and procedure code that no rule tells apart."""
        sets = [*self.compiler.d_sets.rows, *(s for rows in self.site_rows.values() for s in rows)]
        each: list[list[tuple[int, bool]]] = [[(i, True)] for i in range(len(sets))]
        d_class, _ = _classes(_bit_rows(self.compiler.d_size, sets, each))
        sets = self.compiler.p_sets.rows
        each = [[(i, True)] for i in range(len(sets))]
        p_class, _ = _classes(_bit_rows(self.compiler.p_size, sets, each))
        return d_class, p_class

    def _neutral(self) -> NDArray[np.int64]:
        """Return for each exclusion row (row, level) a code of that level that no rule asks for.

        The code is not excluded under the principal diagnoses of that row; 0 when there is none.
        """
        asked = np.zeros(self.compiler.d_size, dtype=np.bool_)
        for entry in self.entries:
            for terms in (entry.terms, *(terms for terms, _ in entry.drgs)):
                for term in terms:
                    for x in term:
                        if x.kind in ("secondary", "any_diagnosis"):
                            asked |= self.compiler.d_sets.rows[x.key]
                        elif x.kind == "bit" and x.key[0] == "codes":
                            fact, number, _, _ = x.key[1]
                            if fact in DIAGNOSIS_FACTS:
                                asked |= self.compiler.d_sets.rows[number]
        for rows in self.site_rows.values():
            for members in rows:
                asked |= members
        found = np.zeros((len(self.exclusion_bits), 3), dtype=np.int64)
        for level in (CC, MCC):
            codes = np.flatnonzero((self.levels == level) & ~asked)
            _, first = np.unique(self.exclusion_list[codes], return_index=True)
            for code in codes[first]:
                free = ~self._excluded(int(code))
                found[free & (found[:, level] == 0), level] = code
        return found

    def _excluded(self, code: int) -> Bools:
        """Return for each exclusion row whether the code does not count under it."""
        number = int(self.exclusion_list[code])
        bits = self.exclusion_bits[:, number // 64] >> np.uint64(number % 64)
        return (bits & np.uint64(1)).astype(np.bool_)

    def universe(self, refined: bool) -> _Universe:
        """Return one code of each class; refined: told apart by exclusions too."""
        available = (self.neutral[:, CC] > 0) + 2 * (self.neutral[:, MCC] > 0)
        second = self.exclusion_row if refined else available[self.exclusion_row]
        key = self.d_class.astype(np.int64) * 65_536 + second
        grouping = self.possible.copy()
        grouping[self.scheme.refused] = False
        codes = np.flatnonzero(grouping)
        rows = codes[np.unique(key[codes], return_index=True)[1]]
        _, columns = np.unique(self.p_class, return_index=True)
        return _Universe(rows, columns)

    # --- where a conjunction holds ------------------------------------------------------------

    def box(
        self, term: Term, universe: _Universe, beside: Companions
    ) -> tuple[Bools, Bools, Words]:
        """Return the rows, columns and cells in which a conjunction holds."""
        rows = np.ones(len(universe.rows), dtype=np.bool_)
        columns = np.ones(len(universe.columns), dtype=np.bool_)
        cells = self.all_cells
        others, further = list(beside.diagnoses), list(beside.procedures)
        for x in term:
            if x.kind == "bit" and x.key[0] == "sites":
                rows &= self._enough_sites(x, universe, others) == x.positive
            elif x.kind == "bit" and x.key[0] in OF_CODES:
                met = self._counted(x, universe, beside)
                if x.key[0] == "codes" and x.key[1][0] in DIAGNOSIS_FACTS:
                    rows &= met == x.positive
                else:
                    columns &= met == x.positive
            elif x.kind == "bit":
                bits = self.cell_bits[x.key]
                cells = cells & (bits if x.positive else ~bits)
            elif x.kind in ("main", "other_procedure", "any_procedure"):
                members = self.compiler.p_sets.rows[x.key]
                beyond = x.kind != "main" and bool(members[further].any())
                main = members[universe.columns] & (x.kind != "other_procedure")
                columns &= (main | beyond) == x.positive
            else:
                members = self.compiler.d_sets.rows[x.key]
                beyond = x.kind != "principal" and bool(members[others].any())
                own = members[universe.rows] & (x.kind != "secondary")
                rows &= (own | beyond) == x.positive
        return rows, columns, cells

    def _counted(self, x: _Literal, universe: _Universe, beside: Companions) -> Bools:
        """Return for each row or column whether a number of codes is as asked.

        Companions are different codes, so that counting them once or each time is the same, but
        for a main procedure that is its own companion.
        """
        name, detail = x.key
        mains, further = universe.columns, list(beside.procedures)
        has_main = (mains != self.compiler.p_size - 1) | bool(further)
        if name == REPEATED:
            second = further[0] if further else -1
            return np.asarray(has_main & (mains == second) & (mains > 0))
        if name == "procedure_count":
            operator, value = detail
            return np.asarray(COMPARE[operator](has_main + len(further), value))
        fact, number, distinct, least = detail
        if fact in DIAGNOSIS_FACTS:
            members = self.compiler.d_sets.rows[number]
            own = members[universe.rows] & (fact == "any_diagnosis")
            return np.asarray(own + int(members[list(beside.diagnoses)].sum()) >= least)
        members = self.compiler.p_sets.rows[number]
        own = members[mains] & (fact == "any_procedure")
        if distinct:
            own &= ~np.isin(mains, further)
        return np.asarray(own + int(members[further].sum()) >= least)

    def _enough_sites(self, x: _Literal, universe: _Universe, others: list[int]) -> Bools:
        mdc, _, least = x.key[1]
        met = [
            members[universe.rows] | members[others].any()
            for members in self.site_rows.get(mdc, ())
        ]
        count = np.zeros(len(universe.rows), dtype=np.int64)
        for site in met:
            count += site
        enough: Bools = count >= int(least)
        return enough

    def _start(self, universe: _Universe, beside: Companions) -> Words:
        """Return the table of undecided cases: cells whose severity the rows can have."""
        row = self.exclusion_row[universe.rows]
        forced = np.zeros(len(row), dtype=np.int64)
        for code in beside.diagnoses:
            if self.levels[code]:
                forced |= np.where(self._excluded(code)[row], 0, self.levels[code])
        possible = (self.neutral[row, CC] > 0) * CC + (self.neutral[row, MCC] > 0) * MCC
        cells = np.zeros((len(row), self.cell_words), dtype=np.uint64)
        for added in range(4):
            for n in range(4):
                meets = ((possible & added) == added) & ((forced | added) == n)
                cells[meets] |= self.level_cells[n]
        return np.repeat(cells[:, None, :], len(universe.columns), axis=1)

    def walk(
        self, universe: _Universe, beside: Companions, order: Iterable[int], walk: Walk
    ) -> None:
        """Give the cases of a universe to the entries in order and note who takes what."""
        most = max(1, MOST_AT_ONCE // (len(universe.columns) * self.cell_words))
        if len(universe.rows) > most:
            every = list(order)
            for first in range(0, len(universe.rows), most):
                part = _Universe(universe.rows[first : first + most], universe.columns)
                self.walk(part, beside, every, walk)
            return
        left = self._start(universe, beside)
        for e in order:
            entry = self.entries[e]
            for term in entry.terms:
                rows, columns, cells = self.box(term, universe, beside)
                if not (rows.any() and columns.any() and cells.any()):
                    continue
                block = np.ix_(np.flatnonzero(rows), np.flatnonzero(columns))
                here = left[block] & cells
                if not here.any():
                    continue
                before = here.copy()
                for d, (terms, _) in enumerate(entry.drgs):
                    for drg_term in terms:
                        d_rows, d_columns, d_cells = self.box(drg_term, universe, beside)
                        fits = d_rows[rows][:, None] & d_columns[columns][None, :]
                        hit = np.where(fits[:, :, None], here & d_cells, np.uint64(0))
                        if (e, d) not in walk.reached and hit.any():
                            walk.reached[(e, d)] = self._found(hit, block, universe, beside)
                        here &= ~hit
                taken = before & ~here
                if taken.any():
                    many = int(np.bitwise_count(taken).sum())
                    walk.takers[e] = walk.takers.get(e, 0) + many
                    left[block] &= ~taken

    def _found(
        self,
        hit: Words,
        block: tuple[NDArray[np.intp], ...],
        universe: _Universe,
        beside: Companions,
    ) -> Found:
        r, c, w = (int(index[0]) for index in np.nonzero(hit))
        bit = int(hit[r, c, w])
        cell = w * 64 + ((bit & -bit).bit_length() - 1)
        return Found(
            int(universe.rows[block[0][r, 0]]),
            int(universe.columns[block[1][0, c]]),
            cell,
            beside,
        )

    # --- companions ---------------------------------------------------------------------------

    def _representatives(self, members: Bools, diagnosis: bool) -> list[int]:
        """Return codes of a set, one of each class, those without severity first."""
        ids = np.flatnonzero(members)
        if diagnosis:
            ids = ids[self.possible[ids]]
            # two codes of a class may differ in severity: the plain one and one of each level
            key = self.d_class[ids].astype(np.int64) * 4 + self.levels[ids]
        else:
            key = self.p_class[ids].astype(np.int64)
        _, first = np.unique(key, return_index=True)
        chosen = ids[first]
        if diagnosis:
            chosen = chosen[np.argsort(self.levels[chosen], kind="stable")]
        return [int(code) for code in chosen[:MAX_CLASSES_OF_A_LIST]]

    def _dodges(self, before: Iterable[int]) -> list[_Literal]:
        """Return what earlier entries ask to be absent from the other diagnoses or procedures."""
        found: dict[tuple[str, int], _Literal] = {}
        for e in before:
            for term in self.entries[e].terms:
                for x in term:
                    if not x.positive and x.kind in OTHERS:
                        found[(x.kind, x.key)] = x
        return list(found.values())

    def companions(self, term: Term, drg_term: Term, before: list[int]) -> Iterator[Companions]:
        """Yield sets of companions that may bring a conjunction about."""
        choices: list[list[tuple[tuple[int, ...], tuple[int, ...]]]] = []
        nothing: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        wanted = {*term, *drg_term}
        # a main procedure that is repeated stands first among the further ones
        for x in sorted(wanted, key=lambda x: (x.key != (REPEATED, None), repr(x))):
            if not x.positive:
                continue
            if x.kind in ("secondary", "any_diagnosis"):
                codes = self._representatives(self.compiler.d_sets.rows[x.key], True)
                choices.append([nothing] * (x.kind != "secondary") + [((c,), ()) for c in codes])
            elif x.kind in ("other_procedure", "any_procedure"):
                codes = self._representatives(self.compiler.p_sets.rows[x.key], False)
                alone = [nothing] * (x.kind != "other_procedure")
                choices.append([*alone, *(((), (c,)) for c in codes)])
            elif x.kind == "bit" and x.key[0] == REPEATED:
                choices.append([((), (c,)) for c in self._mains(wanted)])
            elif x.kind == "bit" and x.key[0] == "codes":
                choices.append(self._so_many(*x.key[1]))
            elif x.kind == "bit" and x.key[0] == "sites":
                choices.append([(codes, ()) for codes in self._site_choices(x)])
        for x in self._dodges(before):
            diagnosis = x.kind in DIAGNOSIS_FACTS
            sets = self.compiler.d_sets if diagnosis else self.compiler.p_sets
            codes = self._representatives(sets.rows[x.key], diagnosis)
            if any(not y.positive and y.key == x.key and y.kind == x.kind for y in wanted):
                continue
            choices.append([nothing, *(((c,), ()) if diagnosis else ((), (c,)) for c in codes)])
        for choice in islice(product(*choices), MAX_TRIES):
            yield Companions(
                tuple(dict.fromkeys(c for part, _ in choice for c in part)),
                tuple(dict.fromkeys(c for _, part in choice for c in part)),
            )

    def _mains(self, wanted: set[_Literal]) -> list[int]:
        """Return codes of the lists on which the main procedure has to stand."""
        of_main = ("main", "any_procedure")
        sets = [
            self.compiler.p_sets.rows[x.key] for x in wanted if x.kind in of_main and x.positive
        ]
        return [code for members in sets for code in self._representatives(members, False)]

    def _so_many(
        self, fact: str, number: int, distinct: bool, least: int
    ) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Return companions that are so many different codes of a list, or one less."""
        diagnosis = fact in DIAGNOSIS_FACTS
        members = (self.compiler.d_sets if diagnosis else self.compiler.p_sets).rows[number]
        codes = [int(code) for code in np.flatnonzero(members)[: least + MAX_SHIFTS]]
        own = fact.startswith("any_")
        some = [
            tuple(codes[first : first + many])
            for many in range(least - own, least + 1)
            for first in range(MAX_SHIFTS)
        ]
        return [(part, ()) if diagnosis else ((), part) for part in dict.fromkeys(some)]

    def _site_choices(self, x: _Literal) -> Iterator[tuple[int, ...]]:
        mdc, _, least = x.key[1]
        lists = [
            self._representatives(members, True)[:8] for members in self.site_rows.get(mdc, ())
        ]
        for count in (least - 1, least):
            for some in combinations(lists, count):
                yield from product(*some)

    def search(self, e: int, walk: Walk) -> None:
        """Look for cases with companions for the DRGs of an entry that are still unreached."""
        entry = self.entries[e]
        for term in entry.terms:
            codes = frozenset(x for x in term if x.kind in ("principal", "main"))
            plain, refined = (self._part(codes, self.universe(r)) for r in (False, True))
            if not len(plain.rows) or not len(plain.columns):
                continue
            order = [i for i in range(e) if self._may_meet(i, plain)] + [e]
            tried: set[Companions] = set()
            for d, (terms, _) in enumerate(entry.drgs):
                for drg_term in terms:
                    for beside in self.companions(term, drg_term, order[:-1]):
                        if (e, d) in walk.reached:
                            break
                        if beside in tried:
                            continue
                        tried.add(beside)
                        # exclusions matter only to companions that have a severity
                        severe = any(self.levels[code] for code in beside.diagnoses)
                        part = self._part(term, refined if severe else plain, beside)
                        if len(part.rows) and len(part.columns):
                            self.walk(part, beside, order, walk)

    def _part(self, term: Term, universe: _Universe, beside: Companions | None = None) -> _Universe:
        rows, columns, _ = self.box(term, universe, beside or Companions())
        return _Universe(universe.rows[rows], universe.columns[columns])

    def _may_meet(self, e: int, part: _Universe) -> bool:
        for term in self.entries[e].terms:
            codes = frozenset(x for x in term if x.kind in ("principal", "main"))
            rows, columns, _ = self.box(codes, part, Companions())
            if rows.any() and columns.any():
                return True
        return False

    # --- results ------------------------------------------------------------------------------

    def takes_everything(self, universe: _Universe) -> Iterator[AdrgRow]:
        """Yield the ADRG rows whose rule holds for all that their MDC accepts."""
        beside = Companions()
        for mdc in self.scheme.mdcs:
            mdc_terms = self.compiler.terms(self.scheme.read(mdc.rule), mdc.mdc, mdc)
            accepted: Words | None = None
            for adrg in self.scheme.adrgs:
                if adrg.mdc != mdc.mdc:
                    continue
                own = self.compiler.terms(self.scheme.read(adrg.rule), adrg.key, mdc)
                if frozenset() in own:
                    yield adrg
                    continue
                simple = [t for t in own if all(x.positive or not _of_others(x) for x in t)]
                if accepted is None:
                    accepted = self._held(mdc_terms, universe)
                    sides = [np.asarray(accepted.any(axis=axes)) for axes in ((1, 2), (0, 2))]
                boxes = [self.box(term, universe, beside) for term in simple]
                if not sides[0].any() or not boxes or _leaves_out(boxes, sides):
                    continue
                rest = accepted.copy()
                for rows, columns, cells in boxes:
                    rest[np.ix_(np.flatnonzero(rows), np.flatnonzero(columns))] &= ~cells
                if not rest.any():
                    yield adrg

    def _held(self, terms: list[Term], universe: _Universe) -> Words:
        held = np.zeros((len(universe.rows), len(universe.columns), self.cell_words), np.uint64)
        for term in terms:
            rows, columns, cells = self.box(term, universe, Companions())
            held[np.ix_(np.flatnonzero(rows), np.flatnonzero(columns))] |= cells
        return held


def _leaves_out(boxes: list[tuple[Bools, Bools, Words]], sides: list[Bools]) -> bool:
    """Return whether a rule leaves some accepted diagnosis or procedure out, whatever the cells.

    Most rules do: no table of cases is needed to see it.
    """
    return any(
        bool((side & ~np.any([box[i] for box in boxes], axis=0)).any())
        for i, side in enumerate(sides)
    )


def _of_others(x: _Literal) -> bool:
    return x.kind in OTHERS or (x.kind == "bit" and x.key[0] in (*OF_CODES, "mcc", "cc"))


def reach(scheme: Scheme) -> Reach:
    """Return what the cases of a scheme can reach; its rules must parse.

    The module's docstring says what of it is proven and what is searched.
    """
    searcher, walk = walked(scheme)
    adrgs: list[Unreached] = []
    drgs: list[Unreached] = []
    ambiguous: list[Unreached] = []
    for e, entry in enumerate(searcher.entries):
        missed = [d for d in range(len(entry.drgs)) if (e, d) not in walk.reached]
        if not missed:
            continue
        if len(missed) < len(entry.drgs):
            rows = scheme.drgs_of[entry.source.named]
            drgs += [Unreached(rows[d], ()) for d in missed]
            continue
        unreached = Unreached(entry.source, _takers(searcher, e))
        (adrgs if isinstance(entry.source, AdrgRow) else ambiguous).append(unreached)
    everything = tuple(searcher.takes_everything(searcher.universe(refined=False)))
    return Reach(tuple(adrgs), tuple(drgs), tuple(ambiguous), everything)


def walked(scheme: Scheme) -> tuple[Searcher, Walk]:
    """Return the searcher of a scheme, and the walk that holds what its cases were found to reach.

    `reached` has by the places of an entry and of its DRG the codes and the cell that ended there.
    """
    searcher, walk = Searcher(scheme), Walk()
    universe = searcher.universe(refined=False)
    searcher.walk(universe, Companions(), range(len(searcher.entries)), walk)
    for e, entry in enumerate(searcher.entries):
        if any((e, d) not in walk.reached for d in range(len(entry.drgs))):
            searcher.search(e, walk)
    return searcher, walk


def _takers(searcher: Searcher, e: int) -> tuple[str, ...]:
    """Return the groups that take what an unreached entry's rule accepts.

    Those of its own MDC come first, and of these the ones that take most.
    """
    universe = searcher.universe(refined=False)
    own = searcher.entries[e].source.mdc
    taken: Counter[int] = Counter()
    for term in searcher.entries[e].terms:
        part = searcher._part(term, universe)
        if len(part.rows) and len(part.columns):
            walk = Walk()
            searcher.walk(part, Companions(), range(e), walk)
            taken.update(walk.takers)
    sources = {i: searcher.entries[i].source for i in taken}
    order = sorted(taken, key=lambda i: (sources[i].mdc != own, -taken[i], -i))
    names = (
        source.key if isinstance(source, AdrgRow) else f"{source.letter}QY"
        for source in (sources[i] for i in order)
    )
    return tuple(dict.fromkeys(names))
