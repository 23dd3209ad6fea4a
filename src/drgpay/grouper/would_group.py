"""Which codes of the same category would have grouped a case that no group took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from weakref import ref

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.encode import Codes, EncodedCases
from drgpay.ground.languages import choose, is_chinese
from drgpay.grouper.engine import Grouper, kept_by_grouper, select
from drgpay.schemes import Scheme

MOST = 5  # codes that are named
SAME_PROCEDURE = 4  # letters of a procedure's category: 35.7
AT_ONCE = 2_000  # cases whose codes are tried in one go
Categories = Mapping[str, list[str]]
_NO_CODES: NDArray[np.int32] = np.empty(0, dtype=np.int32)


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
        tries, helpless = _Tries(), _Tries()
        like = [self._alike(0, codes[0]) for codes in diagnoses]
        mains = [
            self._alike(1, codes[0]) if codes else _Alike((), _NO_CODES) for codes in procedures
        ]
        own = [
            (self._numbers(0, dx), self._numbers(1, px))
            for dx, px in zip(diagnoses, procedures, strict=True)
        ]
        for row, (dx, px), one, main in zip(rows, own, like, mains, strict=True):
            tries.add(row, dx, px, 0, one.numbers)
            tries.add(row, dx, px, 1, main.numbers)
            tries.add(row, dx, _NO_CODES, 0, dx[:1] if len(px) else _NO_CODES)
        took = iter(self._groups(cases, tries))
        found = []
        for (dx, _), one, main in zip(own, like, mains, strict=True):
            good, ops, last = one.of(next(took)), main.of(next(took)), next(took)
            listed = self.grouper.contradictions.of(int(dx[0]))
            own_drg = self._drg(int(last[0])) if len(last) else ""
            found.append(Would(good, ops, own_drg, listed))
        # two changes where one helps nothing: another principal, and no procedures
        lost = [
            at
            for at, would in enumerate(found)
            if len(own[at][1]) and not (would.diagnoses or would.procedures or would.without)
        ]
        for at in lost:
            helpless.add(rows[at], own[at][0], _NO_CODES, 0, like[at].numbers)
        for at, groups in zip(lost, self._groups(cases, helpless), strict=True):
            found[at] = replace(found[at], both=like[at].of(groups))
        return found

    def _drg(self, group: int) -> str:
        return self.grouper.outcomes[group].drg if group >= 0 else ""

    def _groups(self, cases: EncodedCases, tries: _Tries) -> list[NDArray[np.int64]]:
        """Return by try the groups, -1 where a code groups nothing."""
        rows = np.repeat(np.array(tries.rows, dtype=np.int64), tries.counts)
        if not len(rows):
            return [np.empty(0, dtype=np.int64) for _ in tries.counts]
        made = replace(
            select(cases, rows, cases.sex[rows]),
            diagnoses=tries.codes(0),
            procedures=tries.codes(1),
            good=np.ones(len(rows), dtype=np.bool_),
        )
        groups = self.grouper.groups(made).astype(np.int64)
        ends = np.cumsum([0, *tries.counts]).tolist()
        return [groups[a:b] for a, b in pairwise(ends)]


@dataclass(frozen=True, slots=True)
class _Alike:
    """The other codes of a code's category in the order of trying, and their numbers."""

    codes: tuple[str, ...]
    numbers: NDArray[np.int32]

    def of(self, groups: NDArray[np.int64]) -> tuple[str, ...]:
        """Return the first codes that have a group."""
        return tuple([self.codes[at] for at in np.flatnonzero(groups >= 0)[:MOST].tolist()])


class _Tries:
    """Cases with one code exchanged, end to end as the kernel takes them."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.counts: list[int] = []
        self._own: tuple[list[NDArray[np.int32]], ...] = ([], [])
        self._which: list[int] = []
        self._firsts: list[NDArray[np.int32]] = []

    def add(
        self,
        row: int,
        diagnoses: NDArray[np.int32],
        procedures: NDArray[np.int32],
        which: int,
        firsts: NDArray[np.int32],
    ) -> None:
        """Add a case once for each of some first codes: diagnoses (0) or procedures (1)."""
        self.rows.append(row)
        self.counts.append(len(firsts))
        self._own[0].append(diagnoses)
        self._own[1].append(procedures)
        self._which.append(which)
        self._firsts.append(firsts)

    def codes(self, which: int) -> Codes:
        """Return the diagnoses (0) or procedures (1)."""
        own = self._own[which]
        sizes = np.array([len(ids) for ids in own], dtype=np.int64)
        lengths = np.repeat(sizes, self.counts)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(np.cumsum(sizes) - sizes, self.counts)
        index = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        ids = np.append(np.concatenate(own)[index], np.int32(0))
        exchanged = np.repeat(np.array(self._which) == which, self.counts)
        ids[offsets[:-1][exchanged]] = np.concatenate(self._firsts)[exchanged]
        return Codes(offsets, ids, pa.array([], pa.string()))


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
