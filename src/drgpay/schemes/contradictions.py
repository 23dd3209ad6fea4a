"""Where a scheme contradicts itself: principal diagnoses that a group lists and its MDC refuses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drgpay.schemes.program import RuleCompiler
from drgpay.schemes.rules import And, Member, Node, Not, Or, parse_rule
from drgpay.schemes.tables import Scheme


def wanted_principals(node: Node, positive: bool = True) -> Iterator[str]:
    """Yield the lists in which a rule wants the principal diagnosis to be."""
    if isinstance(node, Not):
        yield from wanted_principals(node.item, not positive)
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from wanted_principals(item, positive)
    elif isinstance(node, Member) and node.fact == "principal" and node.list_name and positive:
        yield node.list_name


def refused_by_mdc(scheme: Scheme) -> Iterator[tuple[str, str, str, frozenset[int]]]:
    """Yield ADRG, its MDC, a list of principal diagnoses and which of them the MDC refuses.

    Diagnoses are the scheme's numbers; lists without such codes are left out. The rules must parse.
    """
    compiler = RuleCompiler(scheme)
    accepted_by: dict[str, NDArray[np.bool_]] = {}
    for mdc in scheme.mdcs:
        accepted = np.zeros(compiler.d_size, dtype=np.bool_)
        for term in compiler.terms(parse_rule(mdc.rule), mdc.mdc, mdc):
            fits = np.ones(compiler.d_size, dtype=np.bool_)
            for x in term:
                if x.kind == "principal":
                    fits &= compiler.d_sets.rows[x.key] == x.positive
            accepted |= fits
        accepted_by[mdc.mdc] = accepted
    for adrg in scheme.adrgs:
        if adrg.mdc not in accepted_by:
            continue
        for name in dict.fromkeys(wanted_principals(parse_rule(adrg.rule))):
            ids = scheme.list_ids(adrg.key, name)
            lost = frozenset(ids[~accepted_by[adrg.mdc][ids]].tolist())
            if lost:
                yield adrg.key, adrg.mdc, name, lost


class Contradictions:
    """The ADRGs that list a diagnosis as principal and whose MDCs refuse it; found when asked."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme

    @cached_property
    def _by_diagnosis(self) -> Mapping[int, tuple[tuple[str, str], ...]]:
        found: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for adrg, mdc, _, lost in refused_by_mdc(self.scheme):
            for number in lost:
                if (adrg, mdc) not in found[number]:
                    found[number].append((adrg, mdc))
        return {number: tuple(groups) for number, groups in found.items()}

    def of(self, number: int) -> tuple[tuple[str, str], ...]:
        """Return (ADRG, MDC) of a diagnosis by its number, none where nothing contradicts."""
        return self._by_diagnosis.get(number, ())
