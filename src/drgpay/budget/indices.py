"""Indices of institutions (总额控制指标): base, adjustment, effective volume, fit, groups.

Sources: S0 15-24 and 37-40, S2 二(二)1(3) and (5), S3 二(三)3 (new capacity). Amounts in fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drgpay.budget import index_formulas
from drgpay.budget.pool import Rules
from drgpay.budget.sums import tie
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.ground.money import decimal_text, largest_remainder, round_half_away, yuan_text
from drgpay.names.plan import CHANGES, INDEX_FACTORS
from drgpay.policy.year import says

YEARS = 3  # S0 art. 18: the cost of the last three years


def percent(ratio: Fraction) -> str:
    """Return a ratio as per cent, at most six decimals."""
    return decimal_text(ratio * 100, 6).rstrip("0").rstrip(".") + "%"


# --- the base A


@dataclass(frozen=True, slots=True)
class PastYears:
    """What is known of an institution in one pool, in fen; None without an index last year.

    `years_fen`: its cost of the last three years, the latest last.
    """

    hospital_id: str
    pool: str
    level: str
    kind: str
    last_index_fen: int | None
    last_execution_fen: int | None
    years_fen: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Base:
    """A (基数) in fen: how it was found, and the figures with their weights."""

    hospital_id: str
    pool: str
    how: str
    parts: tuple[tuple[str, int, Fraction], ...]
    base_fen: int


def base_of(one: PastYears, everybody: Sequence[PastYears], policy: Rules) -> Base:
    """Return A: last year's index and execution; or the mean of three years, or of peers.

    `index.base`, of an institution without an index last year `index.base_first`. Peers: all others
    of the pool with the same level and kind. Source: S0 18. Raises InputError where figures lack.
    """
    how = _how(one, policy)
    if how == "three_years":
        return _of_years(one)
    if how == "peers":
        return _of_peers(one, everybody)
    weight = Fraction(policy["index.execution_weight"])
    index, spent = int(one.last_index_fen or 0), int(one.last_execution_fen or 0)
    parts = (("execution", spent, weight), ("index", index, 1 - weight))
    base = index_formulas.weighted_base(Fraction(index), Fraction(spent), weight)
    return Base(one.hospital_id, one.pool, how, parts, int(base))


def _how(one: PastYears, policy: Rules) -> str:
    """Return how the base of an institution is found: the first time, or as always."""
    if one.last_index_fen is None or one.last_execution_fen is None:
        by_years = says(policy, "index.base_first", "three_years", "peers")
    elif says(policy, "index.base", "last_index_and_execution", "three_years", "peers"):
        return "last_index_and_execution"
    else:
        by_years = says(policy, "index.base", "three_years", "peers", "last_index_and_execution")
    return "three_years" if by_years else "peers"


def _of_years(one: PastYears) -> Base:
    if len(one.years_fen) != YEARS:
        raise _no_base(
            one,
            f"只有 {len(one.years_fen)} 年的费用，须有 {YEARS} 年",
            f"{len(one.years_fen)} years of cost, {YEARS} are needed",
        )
    return _mean(one, "three_years", [(f"year {n}", fen) for n, fen in enumerate(one.years_fen, 1)])


def _of_peers(one: PastYears, everybody: Sequence[PastYears]) -> Base:
    peers = [
        (other.hospital_id, other.last_execution_fen)
        for other in everybody
        if (other.pool, other.level, other.kind) == (one.pool, one.level, one.kind)
        and other.hospital_id != one.hospital_id
        and other.last_execution_fen is not None
    ]
    if not peers:
        raise _no_base(
            one,
            f"没有同级同类（{one.level}、{one.kind}）的其他机构",
            f"no other institution of its level and kind ({one.level}, {one.kind})",
        )
    return _mean(one, "peers", [(name, int(fen or 0)) for name, fen in sorted(peers)])


def _mean(one: PastYears, how: str, figures: Sequence[tuple[str, int]]) -> Base:
    weight = Fraction(1, len(figures))
    base = index_formulas.mean([Fraction(fen) for _, fen in figures], Fraction(len(figures)))
    parts = tuple((name, fen, weight) for name, fen in figures)
    return Base(one.hospital_id, one.pool, how, parts, int(base))


def _no_base(one: PastYears, chinese: str, english: str) -> InputError:
    return InputError(
        both(
            f"机构 {one.hospital_id}（险种 {one.pool}）定不了基数：{chinese}",
            f"no base for {one.hospital_id}, pool {one.pool}: {english}",
        ),
        remedy=both(
            "补齐费用，或改用另一种基数（index.base、index.base_first）",
            "give its cost, or choose another base (index.base, index.base_first)",
        ),
    )


# --- the adjustment N and the index


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A named factor of N (调整系数): its ratio, up or down, and the reason with its figures."""

    code: str
    ratio: Fraction
    reason: str


@dataclass(frozen=True, slots=True)
class Index:
    """An institution's index in fen: A × (1 + N).

    `steps`: what each factor brings, in the order given; with A they add up to the index.
    """

    base: Base
    adjustments: tuple[Adjustment, ...]
    change: Fraction
    steps: tuple[tuple[str, int], ...]
    index_fen: int


def index_of(base: Base, adjustments: Sequence[Adjustment], policy: Rules) -> Index:
    """Return A × (1 + N), N the sum of its named factors. Source: S0 17 and 19.

    Raises InputError for a factor that `index.factors` does not name, twice or without a reason,
    and for N beyond `index.change_max` or below −100 %.
    """
    change = sum((a.ratio for a in adjustments), Fraction(0))
    _check_adjustments(base, adjustments, change, policy)
    whole = int(index_formulas.index(Fraction(base.base_fen), change))
    steps: list[tuple[str, int]] = []
    reached, before = Fraction(0), base.base_fen
    for a in adjustments:  # rounded as they add up, so that they end at the index
        reached += a.ratio
        after = round_half_away(base.base_fen * (1 + reached))
        steps.append((a.code, after - before))
        before = after
    tie(
        both("基数与各因素", "base and factors"),
        whole,
        base.base_fen + sum(fen for _, fen in steps),
    )
    return Index(base, tuple(adjustments), change, tuple(steps), whole)


def _check_adjustments(
    base: Base, adjustments: Sequence[Adjustment], change: Fraction, policy: Rules
) -> None:
    codes = [a.code for a in adjustments]
    faults: list[Bilingual] = []
    for a in adjustments:
        word = INDEX_FACTORS.get(a.code, both(a.code, a.code))
        if a.code not in policy["index.factors"]:
            faults.append(
                both(f"因素“{word.chinese}”不在政策之列", f"{word}: not one of index.factors")
            )
        if codes.count(a.code) > 1 or not a.reason.strip():
            faults.append(
                both(f"因素“{word.chinese}”重复或没有理由", f"{word}: twice, or without a reason")
            )
    most = policy["index.change_max"]
    if change < -1 or (most is not None and abs(change) > most):
        limit = "-100%" if most is None else f"±{percent(Fraction(most))}"
        faults.append(
            both(
                f"调整系数合计 {percent(change)}，超出 {limit}",
                f"the factors add up to {percent(change)}, beyond {limit}",
            )
        )
    if faults:
        raise InputError(
            both(
                f"机构 {base.hospital_id}（险种 {base.pool}）的调整系数有误",
                f"the adjustment of {base.hospital_id}, pool {base.pool}, does not hold",
            ),
            faults=faults,
            remedy=both(
                "每个因素写一次，给出比例和理由；因素由 index.factors 规定",
                "give each factor once, with ratio and reason; index.factors names them",
            ),
        )


# --- effective service volume


@dataclass(frozen=True, slots=True)
class Volume:
    """An institution's visits (or stays) of a period and the persons behind them (人头)."""

    visits: int
    repeated: int
    heads: int
    invalid_heads: int = 0
    invalid_visits: int = 0

    @property
    def visits_per_head(self) -> Fraction | None:
        """Visits per person (人次人头比); None without persons: not evaluable."""
        return Fraction(self.visits, self.heads) if self.heads else None

    @property
    def repeat_rate(self) -> Fraction | None:
        """(visits − persons) ÷ visits; None without visits: not evaluable."""
        return Fraction(self.visits - self.heads, self.visits) if self.visits else None


def effective_volume(volume: Volume, policy: Rules) -> int:
    """Return the effective volume: visits less repeated ones, or persons; invalid heads taken out.

    `volume.measure`, `volume.invalid_heads`. Source: S0 19, S2 二(二)1(5). Raises InputError for
    counts that contradict each other.
    """
    v = volume
    if (
        min(v.visits, v.repeated, v.heads, v.invalid_heads, v.invalid_visits) < 0
        or v.heads > v.visits
        or v.repeated + v.invalid_visits > v.visits
        or v.invalid_heads > v.heads
    ):
        raise InputError(
            both(
                f"人次 {v.visits}、重复 {v.repeated}、人头 {v.heads}、无效人头 {v.invalid_heads}"
                f"（人次 {v.invalid_visits}）互相矛盾",
                f"{v.visits} visits, {v.repeated} repeated, {v.heads} persons, {v.invalid_heads} "
                f"invalid with {v.invalid_visits} visits: they contradict each other",
            ),
            remedy=both("核对就诊数据", "check the counts"),
        )
    invalid = bool(policy["volume.invalid_heads"])
    if says(policy, "volume.measure", "less_repeated", "per_head"):
        return v.visits - v.repeated - (v.invalid_visits if invalid else 0)
    return v.heads - (v.invalid_heads if invalid else 0)


def volume_change(now: Volume, last: Volume, policy: Rules) -> Fraction | None:
    """Return by how much the effective volume grew; None where last year's is 0."""
    before = effective_volume(last, policy)
    return Fraction(effective_volume(now, policy), before) - 1 if before else None


# --- all indices within the target


@dataclass(frozen=True, slots=True)
class Fit:
    """Indices held against what may be shared out, in fen, by institution: asked and fitted.

    `excess_fen`: by how much they were too many; `left_fen`: what is still free.
    """

    pool: str
    available_fen: int
    asked_fen: int
    excess_fen: int
    how: str
    rows: tuple[tuple[str, int, int], ...]
    left_fen: int


def fit(
    pool: str,
    asked: Mapping[str, int],
    available_fen: int,
    policy: Rules,
    levels: Mapping[str, str] | None = None,
) -> Fit:
    """Return indices that fit what is available; those that do are left as they are.

    `asked`, in fen by institution. Beyond it, by `index.fit`: refused with the difference;
    cut in proportion; or by rule: levels of `index.fit_spared` keep theirs, the others share the
    rest. Whole fen by largest remainder. Source: S0 15-16; how is the policy's. Raises InputError.
    """
    together = sum(asked.values())
    if together <= available_fen:
        rows = tuple((name, fen, fen) for name, fen in sorted(asked.items()))
        return Fit(pool, available_fen, together, 0, "fits", rows, available_fen - together)
    if says(policy, "index.fit", "refuse", "proportional", "by_rule"):
        raise _too_much(pool, together, available_fen)
    spared: set[str] = set()
    how = "proportional"
    if says(policy, "index.fit", "by_rule", "proportional", "refuse"):
        how = "by_rule"
        spared = {n for n in asked if (levels or {}).get(n) in policy["index.fit_spared"]}
    rest = available_fen - sum(asked[name] for name in spared)
    cut = {name: fen for name, fen in asked.items() if name not in spared}
    whole = sum(cut.values())
    if rest < 0 or not whole:
        raise _too_much(pool, together, available_fen)
    exact = {
        name: index_formulas.fitted(Fraction(fen), Fraction(rest), Fraction(whole))
        for name, fen in cut.items()
    }
    made = largest_remainder(exact, rest) | {name: asked[name] for name in spared}
    tie(both("指标合计", "indices"), available_fen, sum(made.values()))
    rows = tuple((name, asked[name], made[name]) for name in sorted(asked))
    return Fit(pool, available_fen, together, together - available_fen, how, rows, 0)


def _too_much(pool: str, together: int, available: int) -> InputError:
    return InputError(
        both(
            f"险种 {pool} 的指标合计 {yuan_text(together)} 元，超出可分配额 {yuan_text(available)} 元 "
            f"{yuan_text(together - available)} 元",
            f"the indices of pool {pool} add up to {yuan_text(together)} yuan, "
            f"{yuan_text(together - available)} more than the {yuan_text(available)} to share out",
        ),
        remedy=both(
            "调低调整系数，或按政策压减（index.fit 设为 proportional 或 by_rule）",
            "lower the adjustments, or let the policy fit them (index.fit: proportional, by_rule)",
        ),
    )


# --- negotiation in groups


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What a group of institutions agreed on (协商分组): factors with their ratio.

    None: each member's own figure, with its reason.
    """

    name: str
    members: tuple[str, ...]
    factors: Mapping[str, Fraction | None]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A factor of an institution that is not its group's rule; None where one has none."""

    hospital_id: str
    group: str
    code: str
    asked: Fraction | None
    rule: Fraction | None

    @property
    def text(self) -> Bilingual:
        """The deviation in words."""
        word = {**INDEX_FACTORS, **CHANGES}.get(self.code, both(self.code, self.code))
        asked, rule = ("—" if x is None else percent(x) for x in (self.asked, self.rule))
        return both(
            f"机构 {self.hospital_id}（组“{self.group}”）：{word.chinese} {asked}，规则 {rule}",
            f"{self.hospital_id} (group {self.group!r}): {word} {asked}, rule {rule}",
        )


def hold_groups(
    plans: Mapping[str, Sequence[Adjustment]], groups: Sequence[GroupRule], policy: Rules
) -> tuple[Deviation, ...]:
    """Return where an institution's factors are not its group's; refused by `negotiation.deviation`.

    Every institution stands in exactly one group. Source: S0 37-40. Raises InputError.
    """
    of: dict[str, list[GroupRule]] = {name: [] for name in plans}
    for group in groups:
        for name in group.members:
            of.setdefault(name, []).append(group)
    astray = [name for name, found in sorted(of.items()) if len(found) != 1]
    if astray:
        raise InputError(
            both(
                f"机构须属且只属一个协商分组：{'、'.join(astray)}",
                f"these stand in no group, or in several: {', '.join(astray)}",
            ),
            remedy=both("改正分组名单", "correct the groups' members"),
        )
    found: list[Deviation] = []
    for name, adjustments in sorted(plans.items()):
        group = of[name][0]
        own = {a.code: a.ratio for a in adjustments}
        for code in dict.fromkeys([*group.factors, *own]):
            rule: Any = group.factors.get(code)
            fixed = code in group.factors and rule is not None
            if code not in group.factors or (fixed and own.get(code) != rule):
                found.append(Deviation(name, group.name, code, own.get(code), rule))
    if found and says(policy, "negotiation.deviation", "refuse", "record"):
        raise InputError(
            both(
                "不可“一院一谈”：有机构的因素偏离其分组的规则",
                "no deal with one institution alone: factors that are not their group's rule",
            ),
            faults=[deviation.text for deviation in found],
            remedy=both(
                "改为分组的规则，或由分组重新协商后改规则",
                "take the group's rule, or let the group agree on another",
            ),
        )
    return tuple(found)
