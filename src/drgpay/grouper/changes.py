"""What would have changed the group: a closed set of changes of a case's facts, all tried.

Single changes, in this order: one secondary diagnosis less; a CC more; an MCC more; the principal
diagnosis exchanged with a secondary one; one procedure less; the main procedure exchanged with
another; age, days of age, birth weight or stay across the nearest value that the scheme's rules ask
for; intensive care; the other sex. Then pairs: two secondary diagnoses that count less; one
that counts less and a CC more; an exchanged principal, a procedure less or an exchanged main
procedure, each with a CC or an MCC more; a procedure less with a counting secondary diagnosis less;
both exchanges together.

`CC` and `MCC` stand for any diagnosis of that level that counts and that no other rule asks for.
All variants of many cases are grouped by the kernel in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.grouper.engine import Grouper, kept_by_grouper, outcomes_of
from drgpay.grouper.trace import tracer_of
from drgpay.schemes.program import diagnosis_info, levels_and_lists
from drgpay.schemes.shortcuts import MARKS_AT

Ints = NDArray[np.int64]
# numbers of a case that a change may carry across a limit of the rules
VARIED = (
    "age_years", "age_days", "birth_weight_g", "los_days", "icu_hours", "admission_weight_g",
)  # fmt: skip
MOST = 8
MOST_CODES = 200  # of a case: variants grow with the square, and each copies the codes
_NO_WORDS = pa.array([], pa.string())


class Change(NamedTuple):
    """One change of facts.

    `kind`: secondary_less, cc_more, mcc_more, principal_exchanged, procedure_less, main_exchanged,
    number, icu, sex. `place` counts diagnoses or procedures from 0; `fact`, `before` and
    `after` are of a number (after: the nearest value beyond the limit), sex or intensive care.
    """

    kind: str
    place: int = 0
    code: str = ""
    fact: str = ""
    before: int = 0
    after: int = 0


class Price(NamedTuple):
    """What a case earns in a group: class, points in 1/10,000, points x point value in fen.

    `note`: `readmission` (the settled points were multiplied by a factor, these are not), `bed_day`
    (paid by days in any group), `reviewed` (the review of this case is taken as it was decided).
    """

    case_class: str
    points: int
    fen: int
    note: str = ""


class Nearest(NamedTuple):
    """Another group and the smallest change of facts that leads there.

    `step`: 0 the same ADRG, 1 the same MDC, 2 another MDC, 3 an ambiguous group or none.
    """

    drg: str
    name: str
    mdc: str
    adrg: str
    step: int
    changes: tuple[Change, ...]


_COLUMNS = ("less", "less2", "principal", "more", "px_less", "main", "number", "value")
_PLACE = {name: at for at, name in enumerate(_COLUMNS)}
_NOTHING = np.array([-1, -1, -1, 0, -1, -1, -1, 0])


@dataclass
class _Variants:
    """Variants of many cases: whose, how changed, where; -1 is nowhere."""

    case: list[Ints] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)

    def add(self, case: Ints, **columns: Any) -> None:
        """Add a variant for each of some cases, with some of `_COLUMNS`."""
        if len(case):
            self.case.append(case)
            self.columns.append(columns)

    def arrays(self) -> tuple[Ints, ...]:
        """Return case and all of `_COLUMNS`."""
        if not self.case:
            return tuple(np.zeros(0, np.int64) for _ in range(9))
        case = np.concatenate(self.case)
        made = np.empty((len(_COLUMNS), len(case)), np.int64)
        made[:] = _NOTHING[:, None]
        first = 0
        for some, columns in zip(self.case, self.columns, strict=True):
            last = first + len(some)
            for name, values in columns.items():
                made[_PLACE[name], first:last] = values
            first = last
        return (case, *made)


NUMBER_ICU, NUMBER_SEX = len(VARIED), len(VARIED) + 1


class Found(NamedTuple):
    """The nearest other groups of N cases: those of case i are `start[i]` … `start[i + 1] - 1`.

    `variant` are the columns of `_Variants` of each.
    """

    start: Ints
    outcome: NDArray[np.int16]
    step: Ints
    variant: tuple[Ints, ...]


class Changer:
    """Finds the nearest other groups of cases with a grouper."""

    def __init__(self, grouper: Grouper) -> None:
        p = grouper.compiled.program
        self.outcomes = grouper.outcomes
        self.drg_of = grouper.numbers.drg_of
        self.drgs = grouper.numbers.drgs
        adrgs = [_adrg_of(o.mdc, o.adrg) for o in grouper.outcomes]
        self.adrg_number = _numbered(adrgs)
        self.mdc_number = _numbered([o.mdc for o in grouper.outcomes])
        self.no_drg = np.array([o.ambiguous or o.rest or not o.mdc for o in grouper.outcomes])
        size = p.diagnosis_info.shape[0]
        unused = np.uint64(p.exclusion_bits.shape[1] * 64)  # a list on which nothing stands
        levels = diagnosis_info(np.array([1, 2], np.uint64), np.array(unused))
        self.generic = np.array([0, size, size + 1], np.int32)
        nothing = np.zeros((2, p.diagnosis_facts.shape[1]), np.uint64)
        column = np.zeros((p.exclusion_bits.shape[0], 1), np.uint64)
        self.program = p._replace(
            diagnosis_info=np.append(p.diagnosis_info, levels),
            diagnosis_facts=np.vstack([p.diagnosis_facts, nothing]),
            exclusion_bits=np.hstack([p.exclusion_bits, column]),
            diagnosis_counted=np.append(p.diagnosis_counted, np.zeros(2, np.uint64)),
        )
        level, _ = levels_and_lists(p.diagnosis_info)
        self.matters = (level > 0) | (p.diagnosis_info >> np.uint64(MARKS_AT) != 0)
        self.exchanges_main = grouper.scheme.surgical_match == "main"
        self.asks_icu = bool(p.icu_facts[1])
        self.asks_sex = bool(p.sex_facts[1] != p.sex_facts[2])
        cuts = tracer_of(grouper).cuts
        self.cuts = [np.array(cuts[name], np.int64) for name in VARIED]
        self.more = grouper.more

    def counting(self, cases: EncodedCases) -> NDArray[np.bool_]:
        """Return which diagnoses, end to end, are secondary ones that count as CC or MCC."""
        p = self.program
        d = cases.diagnoses
        lengths = np.diff(d.offsets)
        ids = d.ids[: d.offsets[-1]]
        level, number = levels_and_lists(p.diagnosis_info[ids])
        rows = (p.principal_info[d.ids[d.offsets[:-1]]] >> np.uint64(16)) & np.uint64(0xFFFF)
        row = np.repeat(rows.astype(np.int64), lengths)
        excluded = p.exclusion_bits[row, number >> 6] >> (number & 63).astype(np.uint64)
        result: NDArray[np.bool_] = (level > 0) & ((excluded & np.uint64(1)) == 0)
        result[d.offsets[:-1]] = False
        return result

    def variants(self, cases: EncodedCases) -> tuple[Ints, ...]:
        """Return every variant of the cases, smallest changes first."""
        d, x = cases.diagnoses, cases.procedures
        few = np.diff(d.offsets) + np.diff(x.offsets) <= MOST_CODES
        everyone = np.arange(len(cases))
        dx_case, dx_at = _places(d.offsets)
        px_case, px_at = _places(x.offsets)
        px_case, px_at = px_case[few[px_case]], px_at[few[px_case]]
        second = (dx_at > 0) & few[dx_case]
        sc, sj = dx_case[second], dx_at[second]
        kept = self.matters[d.ids[: d.offsets[-1]]][second]
        counts = self.counting(cases)[second]
        further = px_at > 0 if self.exchanges_main else np.zeros(len(px_at), np.bool_)
        mc, mk = px_case[further], px_at[further]
        v = _Variants()
        v.add(sc[kept], less=sj[kept])
        v.add(everyone[few], more=1)
        v.add(everyone[few], more=2)
        v.add(sc, principal=sj)
        v.add(px_case, px_less=px_at)
        v.add(mc, main=mk)
        self._numbers(v, cases, few)
        cc, cj = sc[counts], sj[counts]
        a, b = _pairs(cc, cc)
        a, b = a[cj[a] < cj[b]], b[cj[a] < cj[b]]
        v.add(cc[a], less=cj[a], less2=cj[b])
        v.add(cc, less=cj, more=1)
        for level in (1, 2):
            v.add(sc, principal=sj, more=level)
        for level in (1, 2):
            v.add(px_case, px_less=px_at, more=level)
        for level in (1, 2):
            v.add(mc, main=mk, more=level)
        a, b = _pairs(px_case, cc)
        v.add(px_case[a], px_less=px_at[a], less=cj[b])
        a, b = _pairs(sc, mc)
        v.add(sc[a], principal=sj[a], main=mk[b])
        return v.arrays()

    def _numbers(self, v: _Variants, cases: EncodedCases, few: NDArray[np.bool_]) -> None:
        everyone = np.arange(len(cases))
        values = [cases.number(name) for name in VARIED]
        for which, (given, cuts) in enumerate(zip(values, self.cuts, strict=True)):
            if not len(cuts):
                continue
            at = np.searchsorted(cuts, given, side="right")
            below = few & (given >= 0) & (at > 0)
            above = few & (given >= 0) & (at < len(cuts))
            v.add(everyone[below], number=which, value=cuts[at[below] - 1] - 1)
            v.add(everyone[above], number=which, value=cuts[at[above]])
        if self.asks_icu:
            v.add(everyone[few], number=NUMBER_ICU, value=1 - cases.icu[few].astype(np.int64))
        if self.asks_sex:
            v.add(everyone[few], number=NUMBER_SEX, value=3 - cases.sex[few].astype(np.int64))

    def changed(self, cases: EncodedCases, variants: tuple[Ints, ...]) -> EncodedCases:
        """Return the variants of cases as cases."""
        case, less, less2, principal, more, px_less, main, number, value = variants
        scalars = {
            name: getattr(cases, name)[case]
            for name in ("age_years", "age_days", "birth_weight_g", "los_days", "icu", "sex")
        }
        asked = {name: cases.number(name)[case] for name in self.more}
        for which, name in enumerate((*VARIED, "icu", "sex")):
            rows = np.flatnonzero(number == which)
            if len(rows):
                (asked if name in asked else scalars)[name][rows] = value[rows]
        return EncodedCases(
            diagnoses=self._diagnoses(cases.diagnoses, case, less, less2, principal, more),
            procedures=_procedures(cases.procedures, case, px_less, main),
            good=np.ones(len(case), np.bool_),
            more=asked,
            **scalars,
        )

    def _diagnoses(
        self, d: Codes, case: Ints, less: Ints, less2: Ints, principal: Ints, more: Ints
    ) -> Codes:
        """Return changed diagnoses: a code that is taken away becomes one that means nothing."""
        lengths = np.diff(d.offsets)[case] + 1  # one more place for a CC or an MCC
        offsets = np.zeros(len(case) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        source = np.repeat(d.offsets[case] - offsets[:-1], lengths) + np.arange(offsets[-1])
        last = offsets[1:] - 1
        source[last] = 0
        ids = d.ids[source]
        ids[last] = self.generic[more]
        first = offsets[:-1]
        for gone in (less, less2):
            rows = np.flatnonzero(gone >= 0)
            ids[first[rows] + gone[rows]] = 0
        rows = np.flatnonzero(principal >= 0)
        a, b = first[rows], first[rows] + principal[rows]
        ids[a], ids[b] = ids[b], ids[a]
        return Codes(offsets, np.append(ids, np.int32(0)), _NO_WORDS)

    def group(self, cases: EncodedCases) -> NDArray[np.int16]:
        """Return the outcome of each case."""
        return outcomes_of(self.program, cases, self.more)

    def nearest(self, cases: EncodedCases, outcome: NDArray[np.int16], most: int = MOST) -> Found:
        """Return at most `most` other groups of each case, nearest first.

        Nearest: fewer changes, then the same ADRG, the same MDC, another MDC, then no DRG, then
        the smaller change. `outcome` is that of the cases as they are.
        """
        variants = self.variants(cases)
        case = variants[0]
        reached = self.group(self.changed(cases, variants))
        drg, own = self.drg_of[reached].astype(np.int64), self.drg_of[outcome].astype(np.int64)
        other = np.flatnonzero(drg != own[case])
        # variants stand in the order of their size: the first that leads to a DRG is the smallest
        _, at = np.unique(case[other] * len(self.drgs) + drg[other], return_index=True)
        rows = other[at]
        here, there = outcome[case[rows]], reached[rows]
        step = np.where(
            self.no_drg[there],
            3,
            np.where(
                self.adrg_number[here] == self.adrg_number[there],
                0,
                np.where(self.mdc_number[here] == self.mdc_number[there], 1, 2),
            ),
        )
        double = (np.stack([c[rows] for c in variants[1:8]]) != _NOTHING[:7, None]).sum(axis=0) > 1
        order = np.lexsort((rows, step, double, case[rows]))
        rows, step = rows[order], step[order]
        start = np.searchsorted(case[rows], np.arange(len(cases) + 1))
        kept = np.arange(len(rows)) - np.repeat(start[:-1], np.diff(start)) < most
        start = np.concatenate([[0], np.cumsum(np.minimum(np.diff(start), most))])
        rows, step = rows[kept], step[kept]
        return Found(start, reached[rows], step, tuple(c[rows] for c in variants))

    @cached_property
    def _named(self) -> list[tuple[str, str, str, str]]:
        return [(o.drg, o.name, o.mdc, o.adrg) for o in self.outcomes]

    def listed(
        self,
        found: Found,
        diagnoses: Sequence[Sequence[str]],
        procedures: Sequence[Sequence[str]],
        numbers: Sequence[tuple[int, ...]],
    ) -> Iterator[tuple[Nearest, ...]]:
        """Yield the nearest groups of each case in words.

        `numbers` are those of `VARIED`, intensive care and sex of each case, -1 unknown.
        """
        rows = list(
            zip(
                found.outcome.tolist(),
                found.step.tolist(),
                *(column.tolist() for column in found.variant),
                strict=True,
            )
        )
        start = found.start.tolist()
        named = self._named
        for i, (dx, px, facts) in enumerate(zip(diagnoses, procedures, numbers, strict=True)):
            yield tuple(
                _nearest(named[row[0]], row[1], _changes(row[3:], dx, px, facts))
                for row in rows[start[i] : start[i + 1]]
            )


_FACTS = (*VARIED, "icu", "sex")
_CC, _MCC = Change("cc_more"), Change("mcc_more")


def _nearest(group: tuple[str, str, str, str], step: int, changes: tuple[Change, ...]) -> Nearest:
    drg, name, mdc, adrg = group
    return Nearest(drg, name, mdc, adrg, step, changes)


def _changes(
    row: Sequence[int], dx: Sequence[str], px: Sequence[str], facts: Sequence[int]
) -> tuple[Change, ...]:
    less, less2, principal, more, px_less, main, number, value = row
    made = []
    if principal >= 0:
        made.append(Change("principal_exchanged", principal, dx[principal]))
    if px_less >= 0:
        made.append(Change("procedure_less", px_less, px[px_less]))
    if main >= 0:
        made.append(Change("main_exchanged", main, px[main]))
    if less >= 0:
        made.append(Change("secondary_less", less, dx[less]))
    if less2 >= 0:
        made.append(Change("secondary_less", less2, dx[less2]))
    if more:
        made.append(_CC if more == 1 else _MCC)
    if number >= 0:
        fact = _FACTS[number]
        kind = fact if fact in ("icu", "sex") else "number"
        made.append(Change(kind, 0, "", fact, facts[number], value))
    return tuple(made)


def _adrg_of(mdc: str, adrg: str) -> str:
    """Return an ADRG with its MDC as one word."""
    return f"{mdc}/{adrg}"


def _numbered(words: Sequence[str]) -> Ints:
    number: dict[str, int] = {}
    return np.array([number.setdefault(word, len(number)) for word in words], np.int64)


def _places(offsets: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Return case and place of each code."""
    lengths = np.diff(offsets)
    case = np.repeat(np.arange(len(lengths)), lengths)
    return case, np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)


def _pairs(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """Return the places of all pairs of equal values of two sorted arrays."""
    first, last = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    counts = last - first
    left = np.repeat(np.arange(len(a)), counts)
    ends = np.cumsum(counts)
    right = np.arange(len(left)) - np.repeat(ends - counts - first, counts)
    return left, right


def _procedures(x: Codes, case: Ints, less: Ints, main: Ints) -> Codes:
    """Return changed procedures: one left out, or one exchanged with the main one."""
    lengths = np.diff(x.offsets)[case] - (less >= 0)
    offsets = np.zeros(len(case) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    gone = np.repeat(np.where(less >= 0, less, 1 << 30), lengths)
    source = np.repeat(x.offsets[case], lengths) + inside + (inside >= gone)
    ids = np.append(x.ids[source], np.int32(0))
    rows = np.flatnonzero(main >= 0)
    a, b = offsets[rows], offsets[rows] + main[rows]
    ids[a], ids[b] = ids[b], ids[a]
    return Codes(offsets, ids, _NO_WORDS)


changer_of = kept_by_grouper(Changer)
