"""The grouper over arrays: one scheme, compiled, and the batch function that groups cases with it.

`Grouper.group_arrays` has no state and takes only arrays, so that it runs in a thread, in a
stream or on another machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property, lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drgpay.cases.codes import BACK, MAPPED, NearestCodes, Reading, Recoder, backward, insurance_map
from drgpay.cases.editions import (
    INSURANCE,
    KINDS,
    EditionChoice,
    FoundEdition,
    counted,
    read_edition,
)
from drgpay.cases.encode import Codes, EncodedCases, distinct_codes
from drgpay.cases.tidy import grams_of
from drgpay.cases.values import CHOICE_WORDS, by_word, coded, is_empty
from drgpay.cases.written import one_case
from drgpay.ground.errors import InputError, both, located
from drgpay.ground.reference import bundled, reference_dir
from drgpay.grouper.kernels import group_range, reasons_of
from drgpay.grouper.outcome import (
    AMBIGUOUS,
    GROUPED,
    LEVELS,
    NOT_GROUPED,
    QUARANTINED,
    REASONS,
    UNGROUPABLE,
    Counts,
    Grouping,
)
from drgpay.names.columns import CODED, both_names
from drgpay.names.readings import Readings, asked_readings
from drgpay.schemes import Scheme, compile_scheme, load_scheme
from drgpay.schemes.contradictions import Contradictions
from drgpay.schemes.program import Compiled, Outcome
from drgpay.schemes.rules import DIAGNOSIS_FACTS, Member, StartsWith, atoms, parse_rule
from drgpay.schemes.tables import scheme_of

REASON = {name: number for number, name in enumerate(REASONS)}
# of cases that no group took, in the order of `reasons_of`
_WITHOUT_GROUP = np.array(
    [
        REASON[name]
        for name in (
            "principal_unknown", "principal_refused", "no_adrg", "sex_conflict", "mdc_condition",
            "principal_in_no_mdc",
        )
    ],
    np.int8,
)  # fmt: skip
T = TypeVar("T")
_NO_WORDS = pa.array([], pa.string())
_ONE = np.ones(1, dtype=np.bool_)
_FLAG = [np.array([value], dtype=np.int8) for value in range(3)]  # of one case
SMALL = 10_000
MOST = 2**31 - 1  # of a number of one case
# group, MDC, status, reason, level, deciding, retried, as the kernel writes them
_COLUMNS = (np.int16, np.int8, np.int8, np.int8, np.uint8, np.int32, np.int32)


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

    def take(self, rows: NDArray[Any]) -> GroupedCases:
        """Return the results of some cases."""
        return GroupedCases(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def counts(self) -> Counts:
        """Return how many cases ended how."""
        n = np.bincount(self.status, minlength=4)
        return Counts(int(n[0]), int(n[1]), int(n[2]), int(n[3]))


@dataclass(frozen=True)
class GroupNumbers:
    """DRGs and ADRGs of a scheme by number, each code once; `*_of` turn outcomes into numbers."""

    drgs: tuple[str, ...]
    adrgs: tuple[str, ...]
    names: tuple[str, ...]
    drg_of: NDArray[np.int16]
    adrg_of: NDArray[np.int16]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> GroupNumbers:
        """Return the numbers of outcomes, codes in order; of two names the first counts."""
        name_of = {o.drg: o.name for o in reversed(outcomes)}
        drgs = {drg: i for i, drg in enumerate(sorted(name_of))}
        adrgs = {adrg: i for i, adrg in enumerate(sorted({o.adrg for o in outcomes}))}
        return cls(
            tuple(drgs),
            tuple(adrgs),
            tuple(name_of[drg] for drg in drgs),
            np.array([drgs[o.drg] for o in outcomes], dtype=np.int16),
            np.array([adrgs[o.adrg] for o in outcomes], dtype=np.int16),
        )


def refuse_case_types(
    codes: Mapping[str, object], numbers: Mapping[str, object], flags: Mapping[str, object]
) -> None:
    """Fail if the facts of one case are not lists of codes, whole numbers, and true or false.

    A set has no order, so that its principal diagnosis would be one by chance.
    """
    faults = []
    for name, value in codes.items():
        if not isinstance(value, list | tuple | np.ndarray) or not all(
            isinstance(code, str) for code in value
        ):
            text = both(
                "须是编码的列表，第一个在先", "must be a list of codes, the first one first"
            )
            faults.append(located(name, text))
    for name, value in numbers.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is None and name != "age_years":
            continue
        if not whole or not -1 <= int(value) <= MOST:  # type: ignore[call-overload]
            faults.append(located(name, both("须是整数", "must be a whole number")))
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool_):
            faults.append(located(name, both("须是 True 或 False", "must be True or False")))
    if faults:
        raise InputError(
            both("一例的事实类型不对", "facts of a case are of wrong types"),
            faults=faults,
            remedy=both("见 Grouper.group_case 的说明", "see the text of Grouper.group_case"),
        )


class Grouper:
    """A scheme compiled for grouping.

    >>> grouper = Grouper("zj-drg-2022")
    >>> grouper.group_case(sex="M", age_years=60, diagnoses=["I63.900"]).adrg
    'BR2'
    """

    def __init__(
        self,
        scheme: Scheme | str | Path,
        *,
        surgical_match: str | None = None,
        readings: Mapping[str, str] | Readings | None = None,
        codes: str | None = None,
    ) -> None:
        asked = asked_readings(readings, surgical_match)
        if not isinstance(scheme, Scheme):
            scheme = load_scheme(scheme, readings=asked)
        elif asked:
            scheme = scheme_of(scheme.folder, {**scheme.options, **dict(asked)})
        self.scheme = scheme
        self.codes = None if codes is None else read_edition(codes, self.editions)
        self.compiled = compile_scheme(self.scheme)
        self.outcomes: tuple[Outcome, ...] = (
            *self.compiled.outcomes,
            Outcome("", "", UNGROUPABLE, "未能入组"),
        )

    @cached_property
    def contradictions(self) -> Contradictions:
        """Where the scheme contradicts itself on a principal diagnosis."""
        return Contradictions(self.scheme)

    @cached_property
    def as_tabled(self) -> Grouper | None:
        """The grouper without the conditions that names of groups state, None where none is read."""
        if not self.scheme.named_conditions:
            return None
        return Grouper(self.scheme, readings={"conditions": "tabled"}, codes=self.codes)

    @cached_property
    def procedures_of_conditions(self) -> NDArray[np.bool_]:
        """Which procedures the conditions taken over, or the tabled rules beside them, name."""
        met = np.zeros(len(self.scheme.procedures) + 1, dtype=np.bool_)
        for group, condition in self.scheme.named_conditions.items():
            for atom in (*atoms(parse_rule(condition.rule)), *atoms(parse_rule(condition.tabled))):
                if not isinstance(atom, Member) or atom.fact in DIAGNOSIS_FACTS:
                    continue
                if atom.list_name is None:
                    met[[self.scheme.procedures.index.get(code, 0) for code in atom.codes]] = True
                elif atom.list_name != "valid_procedures":
                    met[self.scheme.list_ids(group, atom.list_name)] = True
        met[0] = False
        return met

    @property
    def readings(self) -> Mapping[str, str]:
        """The choice of each reading that schemes leave open."""
        return self.scheme.options

    @property
    def more(self) -> tuple[str, ...]:
        """The columns that only some schemes ask and this one does."""
        return self.compiled.more

    @cached_property
    def recoders(self) -> tuple[Recoder, Recoder]:
        """How diagnoses and procedures are read, of the scheme's edition and of others."""
        scheme = self.scheme
        own = edition_of(scheme)
        of_diagnoses, of_procedures = (
            Recoder(kind, known.encode, len(known), own, _readings(scheme, kind))
            for kind, known in zip(KINDS, (scheme.diagnoses, scheme.procedures), strict=True)
        )
        return of_diagnoses, of_procedures

    @cached_property
    def nearest(self) -> tuple[NearestCodes, NearestCodes]:
        """What tells which known diagnoses and procedures are nearest to an unknown code."""
        of_diagnoses, of_procedures = (
            NearestCodes(known.codes.to_pylist(), recoder.targets(known.index))
            for recoder, known in zip(
                self.recoders, (self.scheme.diagnoses, self.scheme.procedures), strict=True
            )
        )
        return of_diagnoses, of_procedures

    @property
    def edition(self) -> str:
        """The edition that the scheme is written in."""
        return self.recoders[0].own

    @property
    def own_editions(self) -> tuple[str, ...]:
        """The edition of the scheme, as `VersionedGrouper` gives those of its versions."""
        return (self.edition,)

    @property
    def editions(self) -> tuple[str, ...]:
        """The editions whose codes can be read, the scheme's own first."""
        return self.recoders[0].editions

    def edition_choice(self, declared: str | None = None) -> EditionChoice:
        """Return what tells the edition of files that do not say it; `declared` as `codes`."""
        given = self.codes if declared is None else read_edition(declared, self.editions)
        return EditionChoice(given, self.count_edition)

    def count_edition(self, table: pa.Table) -> FoundEdition:
        """Return the edition of a table's codes, as counting finds it."""
        words = distinct_codes(table, "diagnoses"), distinct_codes(table, "procedures")
        return counted(self.recoders, words)

    def read_codes(
        self, diagnoses: Sequence[str], procedures: Sequence[str], edition: str | None = None
    ) -> tuple[list[str], list[str]]:
        """Return the codes of one case as they are read: trimmed, inner X in lower case, mapped.

        `edition` is that of the codes, by default the one given to the grouper, else the scheme's.
        """
        edition = self.codes or "" if edition is None else edition
        made = []
        for recoder, codes, index in zip(
            self.recoders,
            (diagnoses, procedures),
            (self.scheme.diagnoses.index, self.scheme.procedures.index),
            strict=True,
        ):
            if recoder.reading(edition) is None and all(map(index.__contains__, codes)):
                made.append([*codes])  # written as the scheme's are: there is nothing to read
                continue
            known = partial(recoder.knows, edition=edition)
            read = one_case(recoder.kind, codes, index, known)
            made.append([recoder.one(code, index, edition) for code in read])
        return made[0], made[1]

    @cached_property
    def mdc_codes(self) -> tuple[str, ...]:
        """The MDCs in order of evaluation, after an empty one for none."""
        return ("", *(mdc.mdc for mdc in self.scheme.mdcs))

    @cached_property
    def numbers(self) -> GroupNumbers:
        """DRGs and ADRGs by number."""
        return GroupNumbers.of(self.outcomes)

    @cached_property
    def _facts_of(self) -> NDArray[np.int8]:
        """MDC, status, reason, reason after a retry, by outcome, as the kernel takes it."""
        number = {code: i for i, code in enumerate(self.mdc_codes)}
        rows = []
        for o in self.outcomes[:-1]:
            reason = REASON["no_surgical_adrg"] if o.ambiguous else 0
            status = AMBIGUOUS if o.ambiguous else NOT_GROUPED if o.rest else GROUPED
            reason = REASON["no_adrg"] if o.rest else reason
            rows.append((number[o.mdc], status, reason, reason or REASON["further_procedure"]))
        return np.array([*rows, (0, NOT_GROUPED, 0, 0)], dtype=np.int8)

    @cached_property
    def _acceptance(self) -> Compiled:
        """The MDCs' rules alone, for the reasons of cases that nothing took."""
        compiled = compile_scheme(self.scheme, only_mdc=True)
        return replace(compiled, program=compiled.program._replace(retry=False))

    @property
    def _none(self) -> int:
        """The outcome of a case that no group took."""
        return self.compiled.program.none

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

    @cached_property
    def _refused(self) -> NDArray[np.bool_]:
        """Which diagnoses group nowhere as the principal one."""
        refused = np.zeros(1 << 17, dtype=np.bool_)
        refused[self.scheme.refused] = True
        return refused

    @cached_property
    def _by_procedure(self) -> NDArray[np.bool_]:
        """Which MDCs, by place in the order, ask for no diagnosis at all."""
        return np.array([not _asks_diagnosis(mdc.rule) for mdc in self.scheme.mdcs], np.bool_)

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
        more = cases.stacked(self.compiled.more)
        if threads <= 1 or count < SMALL:
            self._group_range(cases, more, result, retried, 0, count)
            return result
        bounds = np.linspace(0, count, threads * 4 + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            jobs = [
                pool.submit(self._group_range, cases, more, result, retried, a, b)
                for a, b in pairwise(bounds)
            ]
            for job in jobs:
                job.result()
        return result

    def _group_range(
        self,
        cases: EncodedCases,
        more: NDArray[np.int32],
        out: GroupedCases,
        retried: NDArray[np.int32],
        first: int,
        last: int,
    ) -> None:
        """Group cases first … last - 1 into `out`."""
        columns = (out.group, out.mdc, out.status, out.reason, out.level, out.deciding, retried)
        missed = _run(self.compiled, cases, more, self._facts_of, columns, first, last)
        good = cases.good[first:last]
        if missed:
            rows = first + np.flatnonzero((out.group[first:last] == self._none) & good)
            out.reason[rows] = self._reasons(cases, rows)
        if good.all():
            return
        bad = first + np.flatnonzero(~good)
        if len(bad):
            out.status[bad], out.reason[bad] = QUARANTINED, REASON["quarantined"]
            out.group[bad], out.mdc[bad] = self._none, 0
            out.level[bad], out.deciding[bad] = 0, 0

    def _reasons(self, cases: EncodedCases, rows: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return the reasons of cases that no group took."""
        part = cases if len(rows) == len(cases) else select(cases, rows, cases.sex[rows])
        accepted = self._accepting_mdc(part)
        if_other = self._accepting_mdc(replace(part, sex=3 - part.sex))
        found: NDArray[np.int8] = reasons_of(
            part.diagnoses.ids[part.diagnoses.offsets[:-1]], accepted, if_other, self._listed,
            self._refused, self._by_procedure, len(self.scheme.diagnoses), _WITHOUT_GROUP,
        )  # fmt: skip
        return found

    def _accepting_mdc(self, part: EncodedCases) -> NDArray[np.int16]:
        """Return the first MDC, by place in the order, whose rule each case satisfies, or -1."""
        group = outcomes_of(self._acceptance, part)
        group[group == self._acceptance.program.none] = -1
        return group

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
        icu_hours: int | None = None,
        admission_weight_g: int | None = None,
        discharge_way: str | None = None,
        special_charge: str | None = None,
    ) -> Grouping:
        """Group one case, principal diagnosis and main procedure first.

        Raises InputError for a sex other than M and F, an age out of 0 to 150, no diagnosis, codes
        that are no list of texts, numbers that are none, or a code that is none of its fact's.
        """
        refuse_case_types(
            {"diagnoses": diagnoses, "procedures": procedures},
            {
                "age_years": age_years,
                "age_days": age_days,
                "birth_weight_g": birth_weight_g,
                "los_days": los_days,
                "icu_hours": icu_hours,
                "admission_weight_g": admission_weight_g,
            },
            {"icu": icu},
        )
        more: dict[str, Any] = {
            "icu_hours": icu_hours,
            "admission_weight_g": grams_of(admission_weight_g),
            "discharge_way": discharge_way,
            "special_charge": special_charge,
        }
        if discharge_way is not None or special_charge is not None:  # refused though none asks it
            code_number("discharge_way", discharge_way)
            code_number("special_charge", special_charge)
        diagnoses, procedures = [*map(str, diagnoses)], [*map(str, procedures)]
        if (
            not isinstance(sex, str)
            or sex not in ("M", "F")
            or not 0 <= age_years <= 150
            or not len(diagnoses)
        ):
            raise InputError(
                both(
                    f"不是一个病例：性别 {sex}，年龄 {age_years}，诊断 {len(diagnoses)} 个",
                    f"not a case: sex {sex!r}, age_years {age_years!r}, {len(diagnoses)} diagnoses",
                ),
                remedy=both(
                    "性别为 M 或 F，年龄为0至150，主要诊断写在最前",
                    "sex is M or F, age 0 to 150, the principal diagnosis comes first",
                ),
            )
        diagnoses, procedures = self.read_codes(diagnoses, procedures)
        if not diagnoses[0]:
            raise InputError(
                both("缺少主要诊断", "no principal diagnosis"),
                remedy=both("主要诊断写在最前", "the principal diagnosis comes first"),
            )
        facts = {
            "sex": sex,
            "age_years": age_years,
            "age_days": age_days,
            "birth_weight_g": grams_of(birth_weight_g),
            "los_days": los_days,
            "icu": icu,
            **more,
            "diagnoses": diagnoses,
            "procedures": procedures,
        }
        return self.group_read(encode_case(self.compiled, facts), diagnoses, procedures)

    def groups(self, cases: EncodedCases) -> NDArray[np.int16]:
        """Return the outcome of each of N good cases that are grouped, -1 of others; no reasons."""
        found = outcomes_of(self.compiled, cases)
        return np.where(self._facts_of[found, 1] == GROUPED, found, -1).astype(np.int16)

    def outcome_of(self, facts: Mapping[str, Any]) -> Outcome:
        """Return in what one case ends whose facts were looked at and whose codes were read."""
        found = outcomes_of(self.compiled, encode_case(self.compiled, facts))
        return self.outcomes[int(found[0])]

    def group_read(
        self, case: EncodedCases, diagnoses: Sequence[str], procedures: Sequence[str]
    ) -> Grouping:
        """Group one case whose facts were looked at and whose codes were read already."""
        columns = tuple([np.empty(1, of) for of in _COLUMNS])
        asked = case.stacked(self.compiled.more)
        missed = _run(self.compiled, case, asked, self._facts_of, columns, 0, 1)
        group, _, _, reason, level, at, alone = [column.item() for column in columns]
        if missed:
            reason = self._reasons(case, np.zeros(1, np.int64)).item()
        return grouping(
            self.outcomes[group],
            reason,
            level,
            diagnoses[at] if at else "",
            procedures[alone] if alone else "",
        )


def grouping(o: Outcome, reason: int, level: int, decided: str, alone: str = "") -> Grouping:
    """Return what a case ended in, in words; `alone` is the procedure that grouped it by itself."""
    status = "ambiguous" if o.ambiguous else "grouped" if o.mdc and not o.rest else "ungroupable"
    by_procedure = "" if o.rest else alone
    return Grouping(
        o.mdc, o.adrg, o.drg, o.name, status, REASONS[reason], LEVELS[level], decided,
        o.adrg_key, by_procedure,
    )  # fmt: skip


def encode_case(compiled: Compiled, facts: Mapping[str, Any]) -> EncodedCases:
    """Return one case as cases: facts by name, codes written as the scheme's are."""
    index, more = compiled.procedures.index, compiled.more
    dx = [*map(compiled.encode_diagnosis, facts["diagnoses"]), 0]
    px = [*[index.get(code, 0) for code in facts["procedures"]], 0]
    years, days = facts["age_years"], facts["age_days"]
    days = None if days == 0 and years >= 1 else days
    given = [years, days, facts["birth_weight_g"], facts["los_days"]]
    for name in more:
        given.append(code_number(name, facts[name]) if name in CODED else facts[name])
    numbers = [-1 if value is None else value for value in given]
    at, last = len(numbers), len(numbers) + len(dx)
    values = np.array([*numbers, *dx, *px], dtype=np.int32)  # one array, being for one case
    return EncodedCases(
        sex=_FLAG[1 if facts["sex"] == "M" else 2],
        age_years=values[:1],
        age_days=values[1:2],
        birth_weight_g=values[2:3],
        los_days=values[3:4],
        icu=_FLAG[bool(facts["icu"])],
        diagnoses=Codes(_span(len(dx) - 1), values[at:last], _NO_WORDS),
        procedures=Codes(_span(len(px) - 1), values[last:], _NO_WORDS),
        good=_ONE,
        more={name: values[4 + i : 5 + i] for i, name in enumerate(more)},
    )


@lru_cache(maxsize=1024)
def _span(count: int) -> NDArray[np.int64]:
    """Return the offsets of the codes of one case."""
    return np.array([0, count])


def kept_by_grouper(make: Callable[[Grouper], T]) -> Callable[[Grouper], T]:
    """Return `make` so that what it makes of a grouper is made once and kept as long as that is."""
    kept: WeakKeyDictionary[Grouper, T] = WeakKeyDictionary()

    def of(grouper: Grouper) -> T:
        found = kept.get(grouper)
        if found is None:
            found = kept[grouper] = make(grouper)
        return found

    return of


def edition_of(scheme: Scheme) -> str:
    """Return the edition of codes that a scheme is written in, as its manifest declares it."""
    said = scheme.manifest.get("code_system", {}).get("edition")
    return str(said) if said else scheme.folder.system.name


def _readings(scheme: Scheme, kind: str) -> dict[str, Callable[[], Reading]]:
    """Return the editions other than a scheme's that a map leads from, and how each is read."""
    folder, own = scheme.folder.system, edition_of(scheme)
    known = scheme.diagnoses if kind == KINDS[0] else scheme.procedures
    found: dict[str, Callable[[], Reading]] = {}
    if own != INSURANCE and (folder / f"{kind}_map.csv").exists():
        found[INSURANCE] = cache(lambda: Reading(insurance_map(folder, kind), MAPPED, True))
    if own == INSURANCE:
        for name in bundled("code_systems"):
            place = reference_dir() / "code_systems" / name
            if name != own and (place / f"{kind}_map.csv").exists():
                found[name] = cache(
                    lambda place=place: Reading(
                        backward(insurance_map(place, kind), known.index), BACK, False
                    )
                )
    return found


def _asks_diagnosis(rule: str) -> bool:
    facts = {atom.fact for atom in atoms(parse_rule(rule)) if isinstance(atom, Member | StartsWith)}
    return bool(facts & set(DIAGNOSIS_FACTS))


def _run(
    compiled: Compiled,
    cases: EncodedCases,
    more: NDArray[np.int32],
    facts_of: NDArray[np.int8],
    out: tuple[NDArray[Any], ...],
    first: int,
    last: int,
) -> int:
    return group_range(
        first, last, cases.sex, cases.age_years, cases.age_days, cases.birth_weight_g,
        cases.los_days, cases.icu, more, cases.diagnoses.offsets, cases.diagnoses.ids,
        cases.procedures.offsets, cases.procedures.ids, compiled.held, facts_of, *out,
    )  # fmt: skip


def outcomes_of(compiled: Compiled, cases: EncodedCases) -> NDArray[np.int16]:
    """Return the outcome of each case by its number and nothing else."""
    count = len(cases)
    columns: tuple[Any, ...] = tuple([np.empty(count, of) for of in _COLUMNS])
    _run(compiled, cases, cases.stacked(compiled.more), compiled.no_facts, columns, 0, count)
    group: NDArray[np.int16] = columns[0]
    return group


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
        more={name: values[rows] for name, values in cases.more.items()},
    )


def code_number(fact: str, code: str | None) -> int | None:
    """Return the number of a coded fact's code; raises InputError for one that it does not have."""
    if code is None or (isinstance(code, str) and is_empty(code)):
        return None
    numbers = CODED[fact]
    if isinstance(code, str):
        code = coded(code, by_word(CHOICE_WORDS[fact])) or code
    if not isinstance(code, str) or code not in numbers:
        raise InputError(
            both(
                f"{both_names(fact)} 的值是“{code}”",
                f"{fact} is {code!r}",
            ),
            remedy=both(f"可填：{'、'.join(numbers)}", f"write one of {', '.join(numbers)}"),
        )
    return numbers[code]


@lru_cache(maxsize=8)
def cached_grouper(name: str, readings: Readings = (), codes: str | None = None) -> Grouper:
    """Return the grouper of a bundled scheme, compiled once for the life of the process."""
    return Grouper(name, readings=readings, codes=codes)
