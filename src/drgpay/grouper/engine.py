"""The grouper over arrays: one scheme, compiled, and the batch function that groups cases with it.

`Grouper.group_arrays` has no state and takes only arrays, so that it runs in a thread, in a
stream or on another machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.errors import InputError
from drgpay.grouper.kernels import group_range
from drgpay.grouper.outcome import LEVELS, REASONS, UNGROUPABLE, Counts, Grouping
from drgpay.schemes import Scheme, compile_scheme, load_scheme
from drgpay.schemes.program import Compiled, Outcome, Program

REASON = {name: number for number, name in enumerate(REASONS)}
_NO_WORDS = pa.array([], pa.string())
SMALL = 10_000
GROUPED, AMBIGUOUS, NOT_GROUPED, QUARANTINED = range(4)


@dataclass(frozen=True, slots=True)
class GroupedCases:
    """Results of N cases: `group` indexes `Grouper.outcomes`, of which the last is `0000`.

    `mdc` indexes `Grouper.mdc_codes` (0 is none); `deciding` is the position of the secondary
    diagnosis that decided the level, 0 for none.
    """

    group: NDArray[np.int16]
    mdc: NDArray[np.int8]
    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    level: NDArray[np.uint8]
    deciding: NDArray[np.int32]

    def counts(self) -> Counts:
        """Return how many cases ended how."""
        n = np.bincount(self.status, minlength=4)
        return Counts(int(n[0]), int(n[1]), int(n[2]), int(n[3]))


class Grouper:
    """A scheme compiled for grouping.

    >>> grouper = Grouper("zj-drg-2022")
    >>> grouper.group_case(sex="M", age_years=60, diagnoses=["I63.900"]).adrg
    'BR2'
    """

    def __init__(self, scheme: Scheme | str | Path, *, surgical_match: str | None = None) -> None:
        self.scheme = (
            scheme
            if isinstance(scheme, Scheme)
            else load_scheme(scheme, surgical_match=surgical_match)
        )
        self.compiled = compile_scheme(self.scheme)
        self.outcomes: tuple[Outcome, ...] = (
            *self.compiled.outcomes,
            Outcome("", "", UNGROUPABLE, "未能入组"),
        )

    @cached_property
    def mdc_codes(self) -> tuple[str, ...]:
        """The MDCs in order of evaluation, after an empty one for none."""
        return ("", *(mdc.mdc for mdc in self.scheme.mdcs))

    @cached_property
    def _group_mdc(self) -> NDArray[np.int8]:
        number = {code: i for i, code in enumerate(self.mdc_codes)}
        return np.array([number[o.mdc] for o in self.outcomes], dtype=np.int8)

    @cached_property
    def _group_status(self) -> NDArray[np.int8]:
        statuses = [AMBIGUOUS if o.ambiguous else GROUPED for o in self.outcomes[:-1]]
        return np.array([*statuses, NOT_GROUPED], dtype=np.int8)

    @cached_property
    def _group_reason(self) -> NDArray[np.int8]:
        reasons = [REASON["no_surgical_adrg"] if o.ambiguous else 0 for o in self.outcomes]
        return np.array(reasons, dtype=np.int8)

    @cached_property
    def _acceptance(self) -> Compiled:
        """The MDCs' rules alone, for the reasons of cases that nothing took."""
        compiled = compile_scheme(self.scheme, only_mdc=True)
        return replace(compiled, program=compiled.program._replace(retry=False))

    @cached_property
    def _listed(self) -> NDArray[np.bool_]:
        """Which diagnoses some MDC lists."""
        listed = np.zeros(1 << 17, dtype=np.bool_)
        for mdc in self.scheme.mdcs:
            for (owner, name), ids in self.scheme.lists.items():
                if owner == mdc.mdc and not name.startswith("proc"):
                    listed[ids] = True
        listed[0] = False
        return listed

    def group_arrays(self, cases: EncodedCases, threads: int = 1) -> GroupedCases:
        """Group N encoded cases; the result does not depend on `threads`.

        Rows that are not `good` come out as quarantined.
        """
        count = len(cases)
        result = GroupedCases(
            group=np.empty(count, dtype=np.int16),
            mdc=np.empty(count, dtype=np.int8),
            status=np.empty(count, dtype=np.int8),
            reason=np.empty(count, dtype=np.int8),
            level=np.empty(count, dtype=np.uint8),
            deciding=np.empty(count, dtype=np.int32),
        )
        retried = np.empty(count, dtype=np.int32)
        if threads <= 1 or count < SMALL:
            self._group_range(cases, result, retried, 0, count)
            return result
        bounds = np.linspace(0, count, threads * 4 + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            jobs = [
                pool.submit(self._group_range, cases, result, retried, a, b)
                for a, b in zip(bounds, bounds[1:], strict=False)
            ]
            for job in jobs:
                job.result()
        return result

    def _group_range(
        self,
        cases: EncodedCases,
        out: GroupedCases,
        retried: NDArray[np.int32],
        first: int,
        last: int,
    ) -> None:
        """Group cases first … last - 1 into `out`."""
        program = self.compiled.program
        _run(program, cases, (out.group, out.level, out.deciding, retried), first, last)
        part = slice(first, last)
        group, good = out.group[part], cases.good[part]
        out.mdc[part] = self._group_mdc[group]
        out.status[part] = self._group_status[group]
        reason = self._group_reason[group]
        reason[(retried[part] > 0) & (reason == 0)] = REASON["further_procedure"]
        missed = np.flatnonzero((group == program.none) & good)
        if len(missed):
            out.mdc[first + missed], reason[missed] = self._reasons(cases, first + missed)
        out.reason[part] = reason
        bad = first + np.flatnonzero(~good)
        if len(bad):
            out.status[bad], out.reason[bad] = QUARANTINED, REASON["quarantined"]
            out.group[bad], out.mdc[bad] = program.none, 0
            out.level[bad], out.deciding[bad] = 0, 0

    def _reasons(
        self, cases: EncodedCases, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Return MDC and reason of cases that no group took."""
        accepted = self._first_mdc(cases, rows, cases.sex[rows])
        principal = cases.diagnoses.ids[cases.diagnoses.offsets[rows]]
        other_sex = self._first_mdc(cases, rows, (3 - cases.sex[rows]).astype(np.int8))
        reason = np.select(
            [
                accepted >= 0,
                principal == 0,
                other_sex >= 0,
                self._listed[principal],
            ],
            [
                REASON["no_adrg"],
                REASON["principal_unknown"],
                REASON["sex_conflict"],
                REASON["mdc_condition"],
            ],
            REASON["principal_in_no_mdc"],
        )
        return (accepted + 1).astype(np.int8), reason.astype(np.int8)

    def _first_mdc(
        self, cases: EncodedCases, rows: NDArray[np.int64], sex: NDArray[np.int8]
    ) -> NDArray[np.int16]:
        part = select(cases, rows, sex)
        out = (
            np.empty(len(rows), dtype=np.int16),
            np.empty(len(rows), dtype=np.uint8),
            np.empty(len(rows), dtype=np.int32),
            np.empty(len(rows), dtype=np.int32),
        )
        program = self._acceptance.program
        _run(program, part, out, 0, len(rows))
        return np.where(out[0] == program.none, -1, out[0]).astype(np.int16)

    def group_case(
        self,
        *,
        sex: str,
        age_years: int,
        diagnoses: Sequence[str],
        procedures: Sequence[str] = (),
        age_days: int | None = None,
        birth_weight_g: int | None = None,
        los_days: int | None = None,
        icu: bool = False,
    ) -> Grouping:
        """Group one case, principal diagnosis and main procedure first.

        Raises InputError for a sex other than M and F, an age out of 0 to 150, or no diagnosis.
        """
        if sex not in ("M", "F") or not 0 <= age_years <= 150 or not diagnoses:
            raise InputError(
                f"not a case: sex {sex!r}, age_years {age_years!r}, {len(diagnoses)} diagnoses",
                remedy="sex is M or F, age 0 to 150, the principal diagnosis comes first",
            )
        encode = self.compiled.encode_diagnosis
        index = self.scheme.procedures.index
        dx = np.array([encode(code) for code in diagnoses], dtype=np.int32)
        px = np.array([index.get(code, 0) for code in procedures], dtype=np.int32)
        scalars = np.array(
            [
                age_years,
                -1 if age_days is None else age_days,
                -1 if birth_weight_g is None else int(birth_weight_g),
                -1 if los_days is None else los_days,
            ],
            dtype=np.int32,
        )
        flags = np.array([1 if sex == "M" else 2, 1 if icu else 0], dtype=np.int8)
        group = np.empty(1, dtype=np.int16)
        level = np.empty(1, dtype=np.uint8)
        deciding = np.empty(1, dtype=np.int32)
        retried = np.empty(1, dtype=np.int32)
        group_range(
            0,
            1,
            flags[:1],
            scalars[:1],
            scalars[1:2],
            scalars[2:3],
            scalars[3:4],
            flags[1:],
            np.array([0, len(dx)], dtype=np.int64),
            dx,
            np.array([0, len(px)], dtype=np.int64),
            px,
            self.compiled.program,
            group,
            level,
            deciding,
            retried,
        )
        position = int(deciding[0])
        severity = LEVELS[level[0]]
        decided = diagnoses[position] if position else ""
        if group[0] != self.compiled.program.none:
            o = self.outcomes[group[0]]
            status = "ambiguous" if o.ambiguous else "grouped"
            reason = "no_surgical_adrg" if o.ambiguous else ""
            if retried[0] and not o.ambiguous:
                reason = "further_procedure"
            alone = procedures[retried[0]] if retried[0] else ""
            return Grouping(
                o.mdc, o.adrg, o.drg, o.name, status, reason, severity, decided, o.adrg_key, alone
            )
        case = EncodedCases(
            sex=flags[:1],
            age_years=scalars[:1],
            age_days=scalars[1:2],
            birth_weight_g=scalars[2:3],
            los_days=scalars[3:4],
            icu=flags[1:],
            diagnoses=Codes(np.array([0, len(dx)]), dx, _NO_WORDS),
            procedures=Codes(np.array([0, len(px)]), px, _NO_WORDS),
            good=np.ones(1, dtype=np.bool_),
        )
        mdc, why = self._reasons(case, np.zeros(1, dtype=np.int64))
        return Grouping(
            self.mdc_codes[mdc[0]],
            "",
            UNGROUPABLE,
            self.outcomes[-1].name,
            "ungroupable",
            REASONS[why[0]],
            severity,
            decided,
        )


def _run(
    program: Program, cases: EncodedCases, out: tuple[NDArray[Any], ...], first: int, last: int
) -> None:
    group_range(
        first, last, cases.sex, cases.age_years, cases.age_days, cases.birth_weight_g,
        cases.los_days, cases.icu, cases.diagnoses.offsets, cases.diagnoses.ids,
        cases.procedures.offsets, cases.procedures.ids, program, *out,
    )  # fmt: skip


def select(cases: EncodedCases, rows: NDArray[np.int64], sex: NDArray[np.int8]) -> EncodedCases:
    """Return some rows of cases with sexes of their own."""

    def codes(part: Codes) -> Codes:
        starts, ends = part.offsets[rows], part.offsets[rows + 1]
        lengths = ends - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        index = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Codes(offsets, np.append(part.ids[index], np.int32(0)), _NO_WORDS)

    return EncodedCases(
        sex=sex,
        age_years=cases.age_years[rows],
        age_days=cases.age_days[rows],
        birth_weight_g=cases.birth_weight_g[rows],
        los_days=cases.los_days[rows],
        icu=cases.icu[rows],
        diagnoses=codes(cases.diagnoses),
        procedures=codes(cases.procedures),
        good=cases.good[rows],
    )


@lru_cache(maxsize=8)
def cached_grouper(name: str, surgical_match: str | None = None) -> Grouper:
    """Return the grouper of a bundled scheme, compiled once for the life of the process."""
    return Grouper(name, surgical_match=surgical_match)
