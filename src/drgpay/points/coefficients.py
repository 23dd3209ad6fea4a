"""Coefficients (差异系数) of hospitals and groups: given, by level, or weighted components.

Structure: P2 (weighted components, weights a place's own), P1 (Jinhua's cost coefficient); every
weight, floor, cap and scope is a parameter. Sums of the history are exact, so are the components.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.errors import Bilingual, InputError, PolicyError, both, unknown_choice
from drgpay.ground.money import divide_rounded, round_half_away
from drgpay.names.choices import word_of
from drgpay.names.columns import both_names
from drgpay.points.base import MAX_COEFFICIENT, BasePoints
from drgpay.points.history import History, HospitalGroup, Limits
from drgpay.points.kernels import COEF_ONE
from drgpay.policy import YearPolicy

GIVEN, COMPUTED, TOO_FEW = "given", "computed", "too_few"
ONE = Fraction(1)
BY_GROUP = ("history", "level")  # components that may differ from group to group


@dataclass(frozen=True, slots=True)
class Component:
    """A component before weighting; `origin`: given, computed, or 1 because of too few cases."""

    value: Fraction
    origin: str


@dataclass(frozen=True, slots=True)
class CoefficientRow:
    """A row of the table of coefficients; `drg` empty: all groups without a row of their own.

    `coefficient` in 1/1,000,000; `components` in the order of the policy.
    """

    hospital_id: str
    drg: str
    coefficient: int
    components: tuple[Component, ...]


@dataclass(frozen=True)
class GivenTables:
    """What the region's tables say; coefficients in 1/1,000,000.

    `components` by hospital and component; `treatment_share`: the share of Chinese medicine
    (中治率) by hospital.
    """

    coefficients: Mapping[str, int] = field(default_factory=dict)
    by_drg: Mapping[tuple[str, str], int] = field(default_factory=dict)
    by_level: Mapping[str, int] = field(default_factory=dict)
    components: Mapping[tuple[str, str], Fraction] = field(default_factory=dict)
    treatment_share: Mapping[str, Fraction] = field(default_factory=dict)


NOTHING_GIVEN = GivenTables()


@dataclass(frozen=True)
class Coefficients:
    """The coefficients of H hospitals and G groups, in 1/1,000,000, and what they are made of."""

    source: str
    values: NDArray[np.int64]  # [H, G]
    general: NDArray[np.int64]  # [H] of a group without history of its own
    names: tuple[str, ...]  # of the components
    hospitals: tuple[str, ...]
    drgs: tuple[str, ...]
    parts: tuple[_Part, ...] = field(default=(), repr=False)
    primary: tuple[str, ...] = ()  # groups of one price

    def components(self, hospital: int, group: int | None) -> tuple[Component, ...]:
        """Return the components of a hospital (by number) and group, or outside of any."""
        return tuple(part.of(hospital, group) for part in self.parts)

    def rows(self) -> Iterator[CoefficientRow]:
        """Yield a row for each hospital, then one for each group that differs from it."""
        by_group = [part.groups() for part in self.parts]
        for h, hospital_id in enumerate(self.hospitals):
            usual = self.components(h, None)
            yield CoefficientRow(hospital_id, "", int(self.general[h]), usual)
            own = set(np.flatnonzero(self.values[h] != self.general[h]).tolist())
            own.update(*(groups[h] for groups in by_group))
            for g in sorted(own):
                made = self.components(h, g)
                if made != usual or self.values[h, g] != self.general[h]:
                    yield CoefficientRow(hospital_id, self.drgs[g], int(self.values[h, g]), made)


@dataclass(frozen=True)
class _Part:
    """One component: what is given of a hospital, else computed of it, or of it and a group.

    `row` says which row of the computed values is a hospital's: its own, or its level's.
    """

    given: Mapping[int, Fraction]
    row: Sequence[int]
    computed: Mapping[int, Fraction]
    by_group: Mapping[int, Mapping[int, Fraction]]

    def of(self, hospital: int, group: int | None) -> Component:
        if hospital in self.given:
            return Component(self.given[hospital], GIVEN)
        row = self.row[hospital]
        found = self.computed.get(row)
        if found is None and group is not None:
            found = self.by_group.get(row, {}).get(group)
        return Component(ONE, TOO_FEW) if found is None else Component(found, COMPUTED)

    def groups(self) -> list[Iterable[int]]:
        """Return of each hospital the groups that have a value of their own."""
        return [
            () if h in self.given else self.by_group.get(row, {}).keys()
            for h, row in enumerate(self.row)
        ]


def coefficients(
    policy: YearPolicy,
    hospitals: Sequence[str],
    levels: Sequence[str],
    drgs: Sequence[str],
    given: GivenTables = NOTHING_GIVEN,
    history: History | None = None,
    base: BasePoints | None = None,
    primary: Collection[str] | None = None,
) -> Coefficients:
    """Return the coefficient of every hospital in every group (docs/rules.md, rule 6).

    `hospitals` and `levels` in the order of the numbers in the history, `drgs` in that of its
    groups. A history goes with the base points made from it. `primary`: the primary groups, those
    of the policy when None.

    Raises PolicyError for parameters that do not fit together, InputError for tables that lack a
    row, and for a coefficient that is 0 or above 100.
    """
    shape = (len(hospitals), len(drgs))
    source = policy["coef.source"]
    parts: tuple[_Part, ...] = ()
    names: tuple[str, ...] = ()
    if source == "components":
        names = policy["coef.components"]
        _check_weights(policy)
        parts = _parts(policy, hospitals, levels, drgs, given, history, base)
        general, values = _weighted(policy, parts, shape)
    elif source not in ("given", "level"):
        raise unknown_choice("coef.source", source)
    else:
        table, key_of, file = (
            (given.coefficients, hospitals, "coefficients.csv")
            if source == "given"
            else (given.by_level, levels, "level_coefficients.csv")
        )
        if source == "given" and policy.says("coef.without_row", "one", "refuse"):
            table = {**{h: COEF_ONE for h, _ in given.by_drg}, **table}
        _check_rows(table, hospitals, key_of, file)
        general = np.array([table[key] for key in key_of], dtype=np.int64)
        values = np.repeat(general[:, None], shape[1], axis=1)
        if source == "given":
            _override(values, hospitals, drgs, given.by_drg)
    tilted = _tilted(policy, hospitals, given.treatment_share)
    if tilted:
        factor = 1 + policy["tcm.tilt"]
        general, values = general.copy(), values.copy()
        for h in tilted:
            general[h] = _times(general[h], factor)
            steps, where = np.unique(values[h], return_inverse=True)
            values[h] = np.array([_times(c, factor) for c in steps.tolist()])[where]
    own = policy["primary_groups"] if primary is None else primary
    _same_price(policy, own, levels, drgs, values)
    if source == "components" or tilted:
        _check_size(hospitals, general, values)
    return Coefficients(
        source,
        np.ascontiguousarray(values),
        general,
        names,
        tuple(hospitals),
        tuple(drgs),
        parts,
        tuple(sorted(own)),
    )


def _times(coefficient: int, factor: Fraction) -> int:
    return round_half_away(int(coefficient) * factor)


def _tilted(
    policy: YearPolicy, hospitals: Sequence[str], share: Mapping[str, Fraction]
) -> list[int]:
    """Return the hospitals whose share of Chinese medicine (中治率) reaches the gate."""
    if policy["tcm.tilt"] is None:
        return []
    gate = policy["tcm.gate"]
    return [h for h, name in enumerate(hospitals) if name in share and share[name] >= gate]


def _same_price(
    policy: YearPolicy,
    primary: Collection[str],
    levels: Sequence[str],
    drgs: Sequence[str],
    values: NDArray[np.int64],
) -> None:
    """Set the coefficient of primary groups (基层病组, 同病同价) to 1."""
    among, own = policy["primary_levels"], set(primary)
    groups = [g for g, drg in enumerate(drgs) if drg in own]
    rows = [h for h, level in enumerate(levels) if not among or level in among]
    values[np.ix_(rows, groups)] = COEF_ONE


def _override(
    values: NDArray[np.int64],
    hospitals: Sequence[str],
    drgs: Sequence[str],
    by_drg: Mapping[tuple[str, str], int],
) -> None:
    rows = {name: h for h, name in enumerate(hospitals)}
    groups = {drg: g for g, drg in enumerate(drgs)}
    strange = sorted({drg for _, drg in by_drg} - set(groups))
    if strange:
        raise InputError(
            both("有的DRG不在分组方案中", "DRGs that the scheme does not have"),
            where="coefficients.csv",
            faults=[both(f"drg“{drg}”", f"drg {drg!r}") for drg in strange],
            remedy=both("更正代码，或删去这些行", "correct the codes or leave the rows out"),
        )
    for (hospital, drg), coefficient in by_drg.items():
        if hospital in rows:
            values[rows[hospital], groups[drg]] = coefficient


# --- refusals


def _check_weights(policy: YearPolicy) -> None:
    """Fail if weights do not fit the components, or the floor is above the cap."""
    names, weights = policy["coef.components"], policy["coef.weights"]
    faults: list[Bilingual] = []
    if len(names) != len(weights):
        faults.append(
            both(
                f"coef.components 有 {len(names)} 项，coef.weights 有 {len(weights)} 项",
                f"coef.components has {len(names)} entries, coef.weights {len(weights)}",
            )
        )
    if len(set(names)) < len(names):
        faults.append(both("coef.components 有重复的项", "coef.components names one twice"))
    total = sum(weights, Fraction(0))
    if total != 1:
        faults.append(
            both(f"coef.weights 合计 {total}，应为1", f"coef.weights add up to {total}, not to 1")
        )
    floor, cap = policy["coef.floor"], policy["coef.cap"]
    if floor is not None and cap is not None and floor > cap:
        faults.append(
            both(f"coef.floor {floor} 高于 coef.cap {cap}", f"coef.floor {floor} > coef.cap {cap}")
        )
    if faults:
        raise PolicyError(
            both("差异系数的参数有误", "the parameters of coefficients do not fit"),
            where=policy.id,
            faults=faults,
            remedy=both(
                "每一组成部分一个权重，合计为1", "give one weight a component, adding up to 1"
            ),
        )


def _check_rows(
    table: Mapping[str, int], hospitals: Sequence[str], keys: Sequence[str], file: str
) -> None:
    """Fail if a hospital, or its level, has no row."""
    missing = [(name, key) for name, key in zip(hospitals, keys, strict=True) if key not in table]
    if missing:
        raise InputError(
            both("有的机构没有系数", "hospitals without a coefficient"),
            where=file,
            faults=[
                both(f"没有机构“{name}”的行", f"no row for hospital {name!r}")
                if name == key
                else both(
                    f"没有等级“{key}”的行（机构“{name}”）",
                    f"no row for level {key!r} of hospital {name!r}",
                )
                for name, key in missing
            ],
            remedy=both(f"在 {file} 中补上这些行", f"add these rows to {file}"),
        )


def _check_data(
    policy: YearPolicy,
    hospitals: Sequence[str],
    given: GivenTables,
    history: History | None,
) -> None:
    """Fail if a component is neither given nor can be computed."""
    faults: list[Bilingual] = []
    for name in policy["coef.components"]:
        lacking = [h for h in hospitals if (h, name) not in given.components]
        if not lacking:
            continue
        if name == "catalogue":
            why = both("只能给定", "can only be given")
        elif history is None:
            why = both("没有 history/，无从算出", "there is no history/ to compute it from")
        elif name == "visits_per_head" and not history.has_patients:
            why = both(f"history/ 没有{both_names('patient_id')}", "history/ has no patient_id")
        else:
            continue
        chinese, some = "、".join(lacking[:5]), ", ".join(lacking[:5])
        more = both(f"等{len(lacking)}家", f" and {len(lacking) - 5} more")
        many = len(lacking) > 5
        faults.append(
            both(
                f"{word_of('coef.components', name)}（{name}）{why.chinese}，缺机构 {chinese}"
                + (more.chinese if many else ""),
                f"{name} {why}: missing of {some}" + (str(more) if many else ""),
            )
        )
    if faults:
        raise InputError(
            both("差异系数的组成部分缺数据", "components of the coefficient lack data"),
            where="components.csv",
            faults=faults,
            remedy=both(
                "在 components.csv 中为每一机构给出，或提供历史病例",
                "give them in components.csv for each hospital, or give past cases",
            ),
        )


def _check_size(
    hospitals: Sequence[str], general: NDArray[np.int64], values: NDArray[np.int64]
) -> None:
    """Fail if a coefficient is 0 or too large."""
    every = np.column_stack([general, values])
    wrong = np.flatnonzero(((every <= 0) | (every > MAX_COEFFICIENT)).any(axis=1)).tolist()
    if wrong:
        raise InputError(
            both(
                "算出的差异系数须大于0且不大于100",
                "computed coefficients must be above 0 and at most 100",
            ),
            faults=[both(f"机构“{hospitals[h]}”", f"hospital {hospitals[h]!r}") for h in wrong],
            remedy=both(
                "核对 components.csv，或设 coef.floor 与 coef.cap",
                "check components.csv, or set coef.floor and coef.cap",
            ),
        )


# --- weighted components


def _weighted(
    policy: YearPolicy, parts: Sequence[_Part], shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    weights: tuple[Fraction, ...] = policy["coef.weights"]
    general = np.zeros(shape[0], dtype=np.int64)
    by_group = [part.groups() for part in parts]
    for h in range(shape[0]):
        general[h] = _sum(policy, weights, [part.of(h, None).value for part in parts])
    values = np.repeat(general[:, None], shape[1], axis=1)
    for h in range(shape[0]):
        for g in set().union(*(groups[h] for groups in by_group)):
            values[h, g] = _sum(policy, weights, [part.of(h, g).value for part in parts])
    return general, values


def _sum(policy: YearPolicy, weights: Sequence[Fraction], values: Sequence[Fraction]) -> int:
    """Return Σ weight x component between floor and cap, rounded, in 1/1,000,000."""
    top, bottom = 0, 1
    for weight, value in zip(weights, values, strict=True):
        divisor = weight.denominator * value.denominator
        top = top * divisor + weight.numerator * value.numerator * bottom
        bottom *= divisor
    floor, cap, places = policy["coef.floor"], policy["coef.cap"], policy["coef.dp"]
    if floor is not None and top * floor.denominator < floor.numerator * bottom:
        top, bottom = floor.numerator, floor.denominator
    if cap is not None and top * cap.denominator > cap.numerator * bottom:
        top, bottom = cap.numerator, cap.denominator
    rounded = divide_rounded(top * 10**places, bottom)
    return int(rounded * (COEF_ONE // 10**places))


@dataclass(frozen=True, slots=True)
class _Total:
    """Cases, cost and cost outside of the pool of some cases."""

    n: int = 0
    total: int = 0
    not_pool: int = 0

    def __add__(self, other: _Total | HospitalGroup) -> _Total:
        return _Total(self.n + other.n, self.total + other.total, self.not_pool + other.not_pool)


def _parts(
    policy: YearPolicy,
    hospitals: Sequence[str],
    levels: Sequence[str],
    drgs: Sequence[str],
    given: GivenTables,
    history: History | None,
    base: BasePoints | None,
) -> tuple[_Part, ...]:
    _check_data(policy, hospitals, given, history)
    names = policy["coef.components"]
    level_names = sorted(set(levels))
    row_of = {
        "level": [level_names.index(level) for level in levels],
        "": list(range(len(hospitals))),
    }
    made: dict[str, tuple[Mapping[int, Fraction], Mapping[int, Mapping[int, Fraction]]]] = {}
    if history is not None and base is not None and base.limits is not None:
        sums = _Sums(policy, history, base.limits, _points_of(base, drgs), row_of["level"])
        made = {name: sums.component(name) for name in names if name != "catalogue"}
    return tuple(
        _Part(
            {
                h: given.components[hospital, name]
                for h, hospital in enumerate(hospitals)
                if (hospital, name) in given.components
            },
            row_of.get(name, row_of[""]),
            *made.get(name, ({}, {})),
        )
        for name in names
    )


def _points_of(base: BasePoints, drgs: Sequence[str]) -> dict[int, int]:
    return {g: base.groups[drg].base_points for g, drg in enumerate(drgs) if drg in base.groups}


class _Sums:
    """Sums of the history's kept cases, by hospital or level, and the components from them."""

    def __init__(
        self,
        policy: YearPolicy,
        history: History,
        limits: Limits,
        points: Mapping[int, int],
        level_of: Sequence[int],
    ) -> None:
        self.history, self.limits, self.points = history, limits, points
        self.least = max(policy["coef.min_cases"], 1)
        self.by_drg = policy.says("coef.scope", "hospital_drg", "hospital")
        self.level_of = level_of
        self.cells = history.hospitals(limits)
        self.of_group: dict[int, _Total] = {}
        for cell in self.cells:
            self.of_group[cell.group] = self.of_group.get(cell.group, _Total()) + cell

    def component(
        self, name: str
    ) -> tuple[Mapping[int, Fraction], Mapping[int, Mapping[int, Fraction]]]:
        """Return the values by row, and those by row and group."""
        if name in BY_GROUP:
            cells = self._rows(levels=name == "level")
            if self.by_drg:
                return {}, {row: self._of_groups(own) for row, own in cells.items()}
            return self._of_rows(cells), {}
        if name == "visits_per_head":
            return self._heads(), {}
        cells = self._rows(levels=False)
        value = self._case_mix if name == "cmi" else self._burden
        found = {row: value(own) for row, own in cells.items() if self._cases(own) >= self.least}
        return {row: value for row, value in found.items() if value is not None}, {}

    def _rows(self, levels: bool) -> dict[int, dict[int, _Total]]:
        """Return the totals by hospital or level, then by group; none of unknown hospitals."""
        rows: dict[int, dict[int, _Total]] = {}
        for cell in self.cells:
            if cell.hospital >= 0:
                row = self.level_of[cell.hospital] if levels else cell.hospital
                own = rows.setdefault(row, {})
                own[cell.group] = own.get(cell.group, _Total()) + cell
        return rows

    @staticmethod
    def _cases(own: Mapping[int, _Total]) -> int:
        return sum(total.n for total in own.values())

    def _of_groups(self, own: Mapping[int, _Total]) -> dict[int, Fraction]:
        """Return mean cost in a group / the group's mean cost (成本系数, P1)."""
        found = {}
        for g, total in own.items():
            every = self.of_group[g]
            if total.n >= self.least and every.total:
                found[g] = Fraction(total.total * every.n, total.n * every.total)
        return found

    def _of_rows(self, cells: Mapping[int, Mapping[int, _Total]]) -> dict[int, Fraction]:
        """Return cost / what the same cases would have cost at the means of their groups.

        With the common multiple M of the numbers of cases, n x mean is n x (total x M / N) / M.
        """
        common = math.lcm(*(total.n for total in self.of_group.values()))
        mean = {g: total.total * (common // total.n) for g, total in self.of_group.items()}
        found = {}
        for row, own in cells.items():
            expected = sum(total.n * mean[g] for g, total in own.items())
            if self._cases(own) >= self.least and expected:
                cost = sum(total.total for total in own.values())
                found[row] = Fraction(cost * common, expected)
        return found

    def _case_mix(self, own: Mapping[int, _Total]) -> Fraction | None:
        """Return base points a case / those of all cases (CMI)."""
        points = self._points(self.of_group)
        if not points:
            return None
        return Fraction(self._points(own) * self._cases(self.of_group), self._cases(own) * points)

    def _points(self, own: Mapping[int, _Total]) -> int:
        return sum(total.n * self.points[g] for g, total in own.items())

    def _burden(self, own: Mapping[int, _Total]) -> Fraction | None:
        """Return the share of cost outside of the pool in the region / that of the hospital."""
        every = sum(self.of_group.values(), _Total())
        here = sum(own.values(), _Total())
        if not here.not_pool or not every.total:
            return None
        return Fraction(every.not_pool * here.total, every.total * here.not_pool)

    def _heads(self) -> dict[int, Fraction]:
        """Return patients a case (人头人次比) / those of the region."""
        heads = self.history.heads(self.limits)
        return {
            h: Fraction(patients * heads.cases, cases * heads.patients)
            for h, (cases, patients) in heads.by_hospital.items()
            if h >= 0 and cases >= self.least
        }
