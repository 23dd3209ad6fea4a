"""Which codes of the same category would have grouped a case that no group took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from weakref import WeakKeyDictionary, ref

import numpy as np
import pyarrow as pa

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.grouper.engine import GROUPED, Grouper, select

MOST = 5  # codes that are named
SAME_PROCEDURE = 4  # letters of a procedure's category: 35.7


@dataclass(frozen=True, slots=True)
class Would:
    """What would group a case: principal diagnoses, main procedures, and the DRG without any.

    `without` is empty where the case has no procedure or stays ungrouped without it.
    `contradiction`: (ADRG, MDC) where the ADRG lists the principal diagnosis and its MDC refuses it.
    """

    diagnoses: tuple[str, ...]
    procedures: tuple[str, ...]
    without: str
    contradiction: tuple[tuple[str, str], ...] = ()


class WouldGroup:
    """Tries the codes of the same category in the place of a case's principal diagnosis.

    Nothing that the record does not say is proposed: a code is named because its category is the
    one that was coded, sub-codes of the code itself first.
    """

    def __init__(self, grouper: Grouper) -> None:
        self._of = ref(grouper)  # the kept one lives as long as its grouper, and no longer

    @property
    def grouper(self) -> Grouper:
        """The grouper that tries."""
        found = self._of()
        if found is None:
            raise RuntimeError("the grouper is gone")
        return found

    @cached_property
    def _categories(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        scheme = self.grouper.scheme
        found: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
        for own, known, letters in zip(
            found, (scheme.diagnoses, scheme.procedures), (3, SAME_PROCEDURE), strict=True
        ):
            for code in known.codes.to_pylist():
                own.setdefault(code[:letters], []).append(code)
        return found

    def of(
        self, case: EncodedCases, row: int, diagnoses: Sequence[str], procedures: Sequence[str]
    ) -> Would:
        """Return what would group a case; `case` gives its sex, ages and stay, by `row`."""
        by_diagnosis, by_procedure = self._categories
        principal = _ordered(by_diagnosis.get(diagnoses[0][:3], []), diagnoses[0])
        tried = [([code, *diagnoses[1:]], list(procedures)) for code in principal]
        mains: list[str] = []
        if procedures:
            mains = _ordered(by_procedure.get(procedures[0][:SAME_PROCEDURE], []), procedures[0])
            tried += [(list(diagnoses), [code, *procedures[1:]]) for code in mains]
            tried.append((list(diagnoses), []))
        number = self.grouper.scheme.diagnoses.index.get(diagnoses[0], 0)
        listed = self.grouper.contradictions.of(number)
        if not tried:
            return Would((), (), "", listed)
        groups = self._groups(case, row, tried)
        cut = len(principal)
        good = [code for code, drg in zip(principal, groups, strict=False) if drg]
        ops = [code for code, drg in zip(mains, groups[cut:], strict=False) if drg]
        last = groups[-1] if procedures else ""
        return Would(tuple(good[:MOST]), tuple(ops[:MOST]), last, listed)

    def _groups(
        self, case: EncodedCases, row: int, tried: Sequence[tuple[list[str], list[str]]]
    ) -> list[str]:
        """Return the DRG of a case with other codes, empty where it is not grouped."""
        g, count = self.grouper, len(tried)

        encode, index = g.compiled.encode_diagnosis, g.compiled.procedures.index

        def codes(which: int) -> Codes:
            lists = [one[which] for one in tried]
            offsets = np.cumsum([0, *map(len, lists)])
            ids = [
                encode(code) if which == 0 else index.get(code, 0) for own in lists for code in own
            ]
            return Codes(offsets, np.array([*ids, 0], dtype=np.int32), pa.array([], pa.string()))

        rows = np.full(count, row, dtype=np.int64)
        made = replace(
            select(case, rows, case.sex[rows]),
            diagnoses=codes(0),
            procedures=codes(1),
            good=np.ones(count, dtype=np.bool_),
        )
        grouped = g.group_arrays(made)
        drgs = [g.outcomes[i].drg for i in grouped.group.tolist()]
        taken = (grouped.status == GROUPED).tolist()
        return [drg if ok else "" for drg, ok in zip(drgs, taken, strict=True)]


_KEPT: WeakKeyDictionary[Grouper, WouldGroup] = WeakKeyDictionary()


def would_group(grouper: Grouper) -> WouldGroup:
    """Return what tells it for a grouper, made on first use."""
    found = _KEPT.get(grouper)
    if found is None:
        found = _KEPT[grouper] = WouldGroup(grouper)
    return found


def _ordered(codes: Sequence[str], code: str) -> list[str]:
    """Return the other codes of a category, those that begin as a code does first."""
    stem = code.split("x")[0].rstrip("0") if code else code
    others = [one for one in codes if one != code]
    return sorted(others, key=lambda one: (not one.startswith(stem), one))
