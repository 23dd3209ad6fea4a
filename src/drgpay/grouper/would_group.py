"""Which codes of the same category would have grouped a case that no group took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple
from weakref import ref

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.ground.languages import choose, is_chinese
from drgpay.grouper.changed_kernels import exchanged
from drgpay.grouper.changes import SCALARS
from drgpay.grouper.engine import Grouper, kept_by_grouper
from drgpay.schemes import Scheme

MOST = 5  # codes that are named
SAME_PROCEDURE = 4  # letters of a procedure's category: 35.7
AT_ONCE = 2_000  # cases whose codes are tried in one go
Categories = Mapping[str, list[str]]
_NO_CODES: NDArray[np.int32] = np.empty(0, dtype=np.int32)
_NO_WORDS = pa.array([], pa.string())


@dataclass(frozen=True, slots=True)
class Would:
    """What would group a case: principal diagnoses, main procedures, and the DRG without any.

    `without` is empty where the case has no procedure or stays ungrouped without it. `both`:
    principal diagnoses that would group it without its procedures, where nothing less would.
    `contradiction`: (ADRG, MDC) where the ADRG lists the principal diagnosis and its MDC refuses it.
    """

    diagnoses: tuple[str, ...]
    procedures: tuple[str, ...]
    without: str
    contradiction: tuple[tuple[str, str], ...] = ()
    both: tuple[str, ...] = ()

    def text(self, scheme: Scheme, lang: str) -> str:
        """Return it as a clerk reads it, the codes with their names.

        >>> from drgpay.schemes import load_scheme
        >>> Would(("I63.900",), (), "").text(load_scheme("chs-drg-1.1"), "zh")
        '同类目下可入组的主要诊断：I63.900 脑梗死'
        """
        zh = is_chinese(lang)
        parts = []
        if self.contradiction:
            parts.append(contradiction_text(self.contradiction)[0 if zh else 1])
        if self.diagnoses:
            head = "同类目下可入组的主要诊断：" if zh else "principal diagnoses: "
            parts.append(head + named(scheme, "diagnoses", self.diagnoses, lang))
        if self.procedures:
            head = "同类下可入组的主要手术：" if zh else "main procedures: "
            parts.append(head + named(scheme, "procedures", self.procedures, lang))
        if self.without:
            own = self.without
            parts.append(f"不计手术操作则入{own}" if zh else f"without procedures {own}")
        if self.both:
            head = (
                "本例的手术操作不被接受；不计手术操作时，同类目下可入组的主要诊断："
                if zh
                else "no group takes the procedures; without them, principal diagnoses: "
            )
            parts.append(head + named(scheme, "diagnoses", self.both, lang))
        if not parts:
            return "同类目没有可入组的编码" if zh else "no code of the category would group it"
        return ("；" if zh else "; ").join(parts)


def named(scheme: Scheme, column: str, codes: Sequence[str], lang: str) -> str:
    """Return codes with their names, one behind the other."""
    known = scheme.procedures if column == "procedures" else scheme.diagnoses
    texts = [f"{code} {known.name(code)}".rstrip() for code in codes]
    return choose(lang, "、", ", ").join(texts)


class WouldGroup:
    """Tries the codes of the same category in the place of a case's principal diagnosis.

    Nothing that the record does not say is proposed: a code is named because its category is the
    one that was coded, sub-codes of the code itself first.
    """

    def __init__(self, grouper: Grouper) -> None:
        self._of = ref(grouper)  # the kept one lives as long as its grouper, and no longer
        self._kept: tuple[dict[str, _Alike], dict[str, _Alike]] = ({}, {})

    @property
    def grouper(self) -> Grouper:
        """The grouper that tries."""
        found = self._of()
        if found is None:
            raise RuntimeError("the grouper is gone")
        return found

    @cached_property
    def _categories(self) -> tuple[Categories, Categories]:
        scheme = self.grouper.scheme
        return (
            _by_category(tuple(scheme.diagnoses.codes.to_pylist()), 3),
            _by_category(tuple(scheme.procedures.codes.to_pylist()), SAME_PROCEDURE),
        )

    def _alike(self, which: int, code: str) -> _Alike:
        """Return the other codes of a code's category in the order in which they are tried."""
        kept = self._kept[which]
        if code not in kept:
            letters = SAME_PROCEDURE if which else 3
            codes = _ordered(self._categories[which].get(code[:letters], []), code)
            kept[code] = _Alike(tuple(codes), self._numbers(which, codes))
        return kept[code]

    def _numbers(self, which: int, codes: Sequence[str]) -> NDArray[np.int32]:
        compiled = self.grouper.compiled
        if which:
            index = compiled.procedures.index
            return np.array([index.get(code, 0) for code in codes], dtype=np.int32)
        return np.array([compiled.encode_diagnosis(code) for code in codes], dtype=np.int32)

    def of(
        self,
        cases: EncodedCases,
        rows: Sequence[int],
        diagnoses: Sequence[Sequence[str]],
        procedures: Sequence[Sequence[str]],
    ) -> list[Would]:
        """Return what would group cases; `cases` gives sex, ages and stay, by `rows`."""
        found: list[Would] = []
        for first in range(0, len(rows), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            found += self._some(cases, rows[part], diagnoses[part], procedures[part])
        return found

    def _some(
        self,
        cases: EncodedCases,
        rows: Sequence[int],
        diagnoses: Sequence[Sequence[str]],
        procedures: Sequence[Sequence[str]],
    ) -> list[Would]:
        tried = [
            _Tried(
                row,
                self._numbers(0, dx),
                self._numbers(1, px),
                self._alike(0, dx[0]),
                self._alike(1, px[0]) if px else _NONE_ALIKE,
            )
            for row, dx, px in zip(rows, diagnoses, procedures, strict=True)
        ]
        found = []
        for one, groups in zip(tried, self._groups(cases, tried, bare=False), strict=True):
            first, others = len(one.alike.codes), len(one.alike.codes) + len(one.mains.codes)
            good, ops = one.alike.of(groups[:first]), one.mains.of(groups[first:others])
            own_drg = self._drg(int(groups[others])) if len(one.procedures) else ""
            listed = self.grouper.contradictions.of(int(one.diagnoses[0]))
            found.append(Would(good, ops, own_drg, listed))
        # two changes where one helps nothing: another principal, and no procedures
        lost = [
            at
            for at, would in enumerate(found)
            if len(tried[at].procedures)
            and not (would.diagnoses or would.procedures or would.without)
        ]
        helpless = [tried[at] for at in lost]
        for at, groups in zip(lost, self._groups(cases, helpless, bare=True), strict=True):
            found[at] = replace(found[at], both=tried[at].alike.of(groups))
        return found

    def _drg(self, group: int) -> str:
        return self.grouper.outcomes[group].drg if group >= 0 else ""

    def _groups(
        self, cases: EncodedCases, tried: Sequence[_Tried], *, bare: bool
    ) -> list[NDArray[np.int16]]:
        """Return by case the groups of its tries (`exchanged`), -1 where a code groups nothing."""
        if not tried:
            return []
        names = (*SCALARS, *self.grouper.more)
        given = np.array([cases.number(name) for name in names], np.int32)
        rows = [one.row for one in tried]
        start, numbers, dx_offsets, dx, px_offsets, px = exchanged(
            given if rows == [*range(len(cases))] else np.ascontiguousarray(given[:, rows]),
            *_end_to_end([one.diagnoses for one in tried]),
            *_end_to_end([one.procedures for one in tried]),
            *_end_to_end([one.alike.numbers for one in tried]),
            *_end_to_end([one.mains.numbers for one in tried]),
            bare,
        )
        own = dict(zip(names, numbers, strict=True))
        made = EncodedCases(
            age_years=own["age_years"],
            age_days=own["age_days"],
            birth_weight_g=own["birth_weight_g"],
            los_days=own["los_days"],
            icu=own["icu"].astype(np.int8),
            sex=own["sex"].astype(np.int8),
            diagnoses=Codes(dx_offsets, dx, _NO_WORDS),
            procedures=Codes(px_offsets, px, _NO_WORDS),
            good=np.ones(numbers.shape[1], np.bool_),
            more={name: own[name] for name in self.grouper.more},
        )
        groups = self.grouper.groups(made)
        return [groups[a:b] for a, b in pairwise(start.tolist())]


@dataclass(frozen=True, slots=True)
class _Alike:
    """The other codes of a code's category in the order of trying, and their numbers."""

    codes: tuple[str, ...]
    numbers: NDArray[np.int32]

    def of(self, groups: NDArray[np.int16]) -> tuple[str, ...]:
        """Return the first codes that have a group."""
        return tuple([self.codes[at] for at in np.flatnonzero(groups >= 0)[:MOST].tolist()])


_NONE_ALIKE = _Alike((), _NO_CODES)


class _Tried(NamedTuple):
    """A case that is tried: its row, its own codes, and those in whose place others are tried."""

    row: int
    diagnoses: NDArray[np.int32]
    procedures: NDArray[np.int32]
    alike: _Alike
    mains: _Alike


def _end_to_end(
    parts: Sequence[NDArray[np.int32]],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return where each part begins and the last one ends, and all parts as one."""
    if len(parts) == 1:
        return np.array([0, len(parts[0])]), parts[0]
    return np.cumsum([0, *map(len, parts)]), np.concatenate(parts)


@lru_cache(maxsize=8)
def _by_category(codes: tuple[str, ...], letters: int) -> Categories:
    """Return codes by their first letters; shared by schemes of the same codes."""
    found: dict[str, list[str]] = {}
    for code in codes:
        found.setdefault(code[:letters], []).append(code)
    return found


would_group = kept_by_grouper(WouldGroup)


def _ordered(codes: Sequence[str], code: str) -> list[str]:
    """Return the other codes of a category, those that begin as a code does first."""
    stem = code.split("x")[0].rstrip("0") if code else code
    others = [one for one in codes if one != code]
    return sorted(others, key=lambda one: (not one.startswith(stem), one))


def contradiction_text(groups: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return in Chinese and English that a scheme contradicts itself on a principal diagnosis."""
    zh = "、".join(f"{adrg}（属{mdc}）" for adrg, mdc in groups)
    en = ", ".join(f"{adrg} of {mdc}" for adrg, mdc in groups)
    return (
        f"分组方案自相矛盾：{zh}的主要诊断列有此编码，所属MDC却不收它；不是病例的错误，请向方案发布机构反映",
        f"the scheme contradicts itself: {en} lists this principal diagnosis and the MDC refuses "
        "it; the case is not at fault, tell the scheme's publisher",
    )
