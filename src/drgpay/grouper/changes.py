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
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.grouper.change_kernels import counting, nearest_of, variants_of
from drgpay.grouper.changed_kernels import changed_diagnoses, changed_numbers, changed_procedures
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
_NONE = pa.array([], pa.string())


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


class Found(NamedTuple):
    """The nearest other groups of N cases: those of case i are `start[i]` … `start[i + 1] - 1`.

    `variant` is [found, 8], as change_kernels.py has variants.
    """

    start: Ints
    outcome: NDArray[np.int16]
    step: Ints
    variant: Ints


class Changer:
    """Finds the nearest other groups of cases with a grouper."""

    def __init__(self, grouper: Grouper) -> None:
        compiled = grouper.compiled
        p = compiled.program
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
        self.compiled = replace(
            compiled,
            program=p._replace(
                diagnosis_info=np.append(p.diagnosis_info, levels),
                diagnosis_facts=np.vstack([p.diagnosis_facts, nothing]),
                exclusion_bits=np.hstack([p.exclusion_bits, column]),
                diagnosis_counted=np.append(p.diagnosis_counted, np.zeros(2, np.uint64)),
            ),
        )
        level, _ = levels_and_lists(p.diagnosis_info)
        self.matters = (level > 0) | (p.diagnosis_info >> np.uint64(MARKS_AT) != 0)
        self.exchanges_main = grouper.scheme.surgical_match == "main"
        self.asks_icu = bool(p.icu_facts[1])
        self.asks_sex = bool(p.sex_facts[1] != p.sex_facts[2])
        cuts = tracer_of(grouper).cuts
        self.cuts = np.array([cut for name in VARIED for cut in cuts[name]], np.int64)
        self.cut_start = np.cumsum([0, *(len(cuts[name]) for name in VARIED)]).astype(np.int64)
        self.place = np.stack([self.adrg_number, self.mdc_number, self.no_drg]).astype(np.int64)
        self.more = grouper.more
        self.asked = (*SCALARS, *self.more)
        # a number that the scheme does not ask has no limit to be carried across
        self.row_of = np.array(
            [self.asked.index(name) if name in self.asked else -1 for name in _FACTS], np.int64
        )

    def variants(self, cases: EncodedCases) -> tuple[Ints, Ints]:
        """Return where each case's variants begin, and every variant, smallest changes first."""
        p, d, x = self.compiled.program, cases.diagnoses, cases.procedures
        numbers = np.array([cases.number(name) for name in VARIED])
        counts = counting(d.offsets, d.ids, p.diagnosis_info, p.principal_info, p.exclusion_bits)
        start, made = variants_of(
            d.offsets, d.ids, x.offsets, x.ids, numbers, cases.icu, cases.sex, self.cuts,
            self.cut_start, self.matters, counts, self.exchanges_main, self.asks_icu,
            self.asks_sex, MOST_CODES,
        )  # fmt: skip
        return start, made

    def changed(self, cases: EncodedCases, start: Ints, made: Ints) -> EncodedCases:
        """Return the variants of cases as cases."""
        d, x = cases.diagnoses, cases.procedures
        given = np.array([cases.number(name) for name in self.asked], np.int32)
        numbers = changed_numbers(start, made, given, self.row_of)
        own = dict(zip(self.asked, numbers, strict=True))
        dx_offsets, dx = changed_diagnoses(start, made, d.offsets, d.ids, self.generic)
        px_offsets, px = changed_procedures(start, made, x.offsets, x.ids)
        return EncodedCases(
            age_years=own["age_years"],
            age_days=own["age_days"],
            birth_weight_g=own["birth_weight_g"],
            los_days=own["los_days"],
            icu=own["icu"].astype(np.int8),
            sex=own["sex"].astype(np.int8),
            diagnoses=Codes(dx_offsets, dx, _NONE),
            procedures=Codes(px_offsets, px, _NONE),
            good=np.ones(len(made), np.bool_),
            more={name: own[name] for name in self.more},
        )

    def group(self, cases: EncodedCases) -> NDArray[np.int16]:
        """Return the outcome of each case."""
        return outcomes_of(self.compiled, cases)

    def nearest(self, cases: EncodedCases, outcome: NDArray[np.int16], most: int = MOST) -> Found:
        """Return at most `most` other groups of each case, nearest first.

        Nearest: fewer changes, then the same ADRG, the same MDC, another MDC, then no DRG, then
        the smaller change. `outcome` is that of the cases as they are.
        """
        start, made = self.variants(cases)
        reached = self.group(self.changed(cases, start, made))
        begins, rows, step = nearest_of(
            start, made, reached, outcome, self.drg_of, self.place, most
        )
        return Found(begins, reached[rows], step, made[rows])

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
                found.variant.tolist(),
                strict=True,
            )
        )
        start = found.start.tolist()
        named = self._named
        for i, (dx, px, facts) in enumerate(zip(diagnoses, procedures, numbers, strict=True)):
            yield tuple(
                _nearest(named[group], step, _changes(changes, dx, px, facts))
                for group, step, changes in rows[start[i] : start[i + 1]]
            )


_FACTS = (*VARIED, "icu", "sex")  # by the numbers of variants
SCALARS = ("age_years", "age_days", "birth_weight_g", "los_days", "icu", "sex")
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


changer_of = kept_by_grouper(Changer)
