"""Policies: dated parameters, each with unit, period, source and whether it is verified.

`CATALOGUE` says which parameters the engine knows, of which kind and unit, and which choices it
offers. Values live in policy files only. An unknown key, a missing one, an overlap, a gap inside
a year, a date before the first period, a missing source: each is an error, never a default.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from drgpay.ground.errors import (
    Bilingual,
    InputError,
    PolicyError,
    both,
    located,
    quoted,
)
from drgpay.ground.inputs import TOML_BYTES, parse_toml, read_input, read_toml
from drgpay.ground.money import decimal_fraction, fen_of_yuan
from drgpay.ground.reference import bundled, resolve
from drgpay.names.choices import word_of

UNITS = frozenset(
    "point decimal_places years cases days ratio multiple choice switch list bands "
    "quartile_type table yuan tiers weights".split()
)
NONE = "none"
PAIRED = ("bands", "pairs", "tiers", "amounts")
CLASSES = (
    "normal",
    "high",
    "low",
    "unstable",
    "ungrouped",
    "ambiguous",
    "bed_day",
    "special_discharge",
)
COMPONENTS = ("history", "level", "cmi", "visits_per_head", "personal_burden", "catalogue")
BY_COST_RULES = ("by_cost", "special_review", "by_item")
# findings by which a policy may hold a case, besides days against dates (`los_conflict`)
FINDINGS = (
    "patient_id_missing",
    "stay_twice",
    "day_surgery_with_long_stay",
    "settlement_before_discharge",
)
DISCHARGE_RULES = ("as_others", "not_low", "by_cost", "by_item")


@dataclass(frozen=True, slots=True)
class Known:
    """What the engine knows of a parameter.

    `kind`: count, decimal, choice, switch, text, list, weights, bands, tiers, pairs or amounts.
    `low`, `high` bound a number; `choices` are all that this version offers; `optional` admits
    `none`.
    """

    key: str
    kind: str
    unit: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 10**9
    optional: bool = False


CATALOGUE: Mapping[str, Known] = {
    known.key: known
    for known in (
        Known("point_scale", "decimal", "point", low=1),
        Known("base_points_dp", "count", "decimal_places", high=4),
        Known("zero_base_points", "choice", "choice", ("refuse", "settle")),
        Known("case_points_dp", "count", "decimal_places", high=4, optional=True),
        Known("group_mean_dp", "count", "decimal_places", low=2, high=2),
        Known("grouped.share_min", "decimal", "ratio", high=1),
        Known("history_years", "count", "years", low=1, high=10),
        Known("history.weighting", "choice", "choice", ("pooled", "yearly_means")),
        Known("history.year_weights", "weights", "weights"),
        Known("stable.min_cases", "count", "cases"),
        Known("stable.inclusive", "switch", "switch"),
        Known("stable.cv_max", "decimal", "ratio"),
        Known("stable.cv_sd", "choice", "choice", ("sample", "population")),
        Known("small_groups", "choice", "choice", ("unstable", "borrow_adrg", "review")),
        Known(
            "trim.method",
            "choice",
            "choice",
            ("middle_interval", "none", "winsorise", "sd", "percentiles", "multiples"),
        ),
        Known("trim.when", "choice", "choice", ("cv_above", "always")),
        Known("trim.lower_factor", "decimal", "multiple"),
        Known("trim.upper_factor", "decimal", "multiple"),
        Known("trim.lower_percentile", "decimal", "ratio", high=1),
        Known("trim.upper_percentile", "decimal", "ratio", high=1),
        Known("trim.sd_multiple", "decimal", "multiple"),
        Known("trim.quantile_type", "choice", "quartile_type", ("7", "6")),
        Known("ratio_basis", "choice", "choice", ("group_mean", "standard")),
        Known("high.bands", "bands", "bands"),
        Known("high.bands_unit", "choice", "choice", ("points", "weight")),
        Known("high.bands_inclusive", "switch", "switch"),
        Known("high.inclusive", "switch", "switch"),
        Known(
            "high.rule",
            "choice",
            "choice",
            ("special_review", "linear_add", "deduct", "cap", "by_item"),
        ),
        Known("low.multiple", "decimal", "multiple", high=1),
        Known("low.inclusive", "switch", "switch"),
        Known("low.threshold", "choice", "choice", ("fixed", "lower_of_coefficient")),
        Known("low.rule", "choice", "choice", ("ratio", "by_cost", "by_item")),
        Known("low.exempt_day_surgery", "switch", "switch"),
        Known("class_order", "choice", "choice", ("low_first", "high_first")),
        Known("ungrouped.rule", "choice", "choice", BY_COST_RULES),
        Known("unstable.rule", "choice", "choice", BY_COST_RULES),
        Known("ambiguous.rule", "choice", "choice", BY_COST_RULES),
        Known("death.rule", "choice", "choice", DISCHARGE_RULES),
        Known("transfer.rule", "choice", "choice", DISCHARGE_RULES),
        Known("against_order.rule", "choice", "choice", DISCHARGE_RULES),
        Known("special_quota", "decimal", "ratio", high=1),
        Known("special_quota.scope", "choice", "choice", ("region", "hospital")),
        Known("special_quota.over", "choice", "choice", ("refuse", "warn")),
        Known("review.points_max", "decimal", "multiple", optional=True),
        Known("readmission.days", "count", "days", high=366, optional=True),
        Known("readmission.factor", "decimal", "ratio", high=1),
        Known(
            "readmission.same",
            "choice",
            "choice",
            ("hospital_drg", "hospital_adrg", "hospital_category"),
        ),
        Known("readmission.exempt", "list", "list"),
        Known("readmission.exempt_planned", "switch", "switch"),
        Known("readmission.across_years", "choice", "choice", ("ignore",)),
        Known("referral.rule", "choice", "choice", ("separate", "one_stay")),
        Known("referral.days", "count", "days", high=366),
        Known("referral.deductible", "choice", "choice", ("highest_paid", "standards")),
        Known("referral.deductible_standards", "amounts", "yuan"),
        Known("short_stay.days", "count", "days", optional=True),
        Known("long_stay.days", "count", "days", optional=True),
        Known("long_stay.rule", "choice", "choice", ("bed_day", "by_item")),
        Known("long_stay.class", "text", "choice"),
        Known("bed_day.mode", "choice", "choice", ("marginal", "whole_stay")),
        Known("bed_day.payment", "choice", "choice", ("points", "money")),
        Known("coef.source", "choice", "choice", ("given", "level", "components")),
        Known("coef.scope", "choice", "choice", ("hospital", "hospital_drg")),
        Known("coef.without_row", "choice", "choice", ("refuse", "one")),
        Known("coef.components", "list", "list", COMPONENTS),
        Known("coef.weights", "weights", "weights"),
        Known("coef.floor", "decimal", "ratio", optional=True),
        Known("coef.cap", "decimal", "ratio", optional=True),
        Known("coef.dp", "count", "decimal_places", high=6),
        Known("coef.min_cases", "count", "cases"),
        Known("coef_applies_to", "list", "list", CLASSES),
        Known("primary_groups", "list", "list"),
        Known("primary_levels", "list", "list"),
        Known("new_technology.rule", "choice", "choice", ("in_cost", "paid_apart", "by_points")),
        Known("new_technology.share", "decimal", "ratio", high=1),
        Known("tcm.tilt", "decimal", "ratio", high=1, optional=True),
        Known("tcm.gate", "decimal", "ratio", high=1),
        Known("keep_ratio", "decimal", "ratio", high=1),
        Known("keep_tiers", "tiers", "tiers", optional=True),
        Known("fund_share_of_overspend", "decimal", "ratio", high=1),
        Known("overspend_tiers", "tiers", "tiers", optional=True),
        Known("overspend_cap", "choice", "choice", ("none", "reserve")),
        Known("reserve_ratio", "decimal", "ratio", high=1),
        Known("not_pool", "choice", "choice", ("all", "personal")),
        Known("bound.level", "choice", "choice", ("none", "hospital", "case")),
        Known("bound.never_below_zero", "switch", "switch"),
        Known("bound.cost_share", "decimal", "ratio", optional=True),
        Known("bound.case_within_cost", "switch", "switch"),
        Known("bound.unsolved", "choice", "choice", ("refuse", "to_fund")),
        Known("violator_no_increase", "switch", "switch"),
        Known("removed_case", "choice", "choice", ("to_fund", "shared")),
        Known("value_dp", "count", "decimal_places", high=12, optional=True),
        Known("residual", "choice", "choice", ("largest_remainder", "to_fund")),
        Known("combined_residual", "choice", "choice", ("hospital_first", "by_account")),
        Known("value_not_positive", "choice", "choice", ("refuse", "settle")),
        Known("pool_without_points", "choice", "choice", ("leave", "refuse")),
        Known("combine_pools", "switch", "switch"),
        Known("prepay_ratio", "decimal", "ratio", high=1),
        Known("prepay_basis", "choice", "choice", ("recorded_fund", "month_value")),
        Known("deposit_score", "choice", "choice", ("linear", "bands")),
        Known("deposit_bands", "tiers", "tiers", optional=True),
        Known("deposit_forfeited", "choice", "choice", ("fund", "share")),
        Known("out_of_area", "choice", "choice", ("inside_budget", "deducted")),
        Known("ceiling.required", "choice", "choice", ("fund", "region", "none")),
        Known("ceiling.excess", "choice", "choice", ("defer", "refuse")),
        Known("prepaid.limit", "decimal", "multiple", optional=True),
        Known("carried.unmatched", "choice", "choice", ("recover_only", "accept", "refuse")),
        Known("budget_growth_cap", "decimal", "ratio"),
        Known("year_key", "choice", "choice", ("setl_end_date", "discharge_date")),
        Known("los_convention", "choice", "choice", ("difference", "plus_one")),
        Known("los_conflict", "choice", "choice", ("hold", "dates", "given")),
        Known("findings.hold", "list", "list", FINDINGS),
        Known("provision", "choice", "choice", ("recorded_fund", "none")),
        Known("unsettled_share_max", "decimal", "ratio", high=1),
        Known("month.pattern", "choice", "choice", ("equal", "given")),
        Known("month.growth_limit", "decimal", "ratio", optional=True),
        Known("rollover_pays_deferred", "switch", "switch"),
        Known("negative_final", "choice", "choice", ("recover_next",)),
        Known("negative_final.ended", "choice", "choice", ("demand_back",)),
        Known("community.opposite_sign", "choice", "choice", ("require_allocation",)),
        Known("capitation.method", "choice", "choice", ("rate", "share_of_budget")),
        Known("capitation.rate_yuan", "decimal", "yuan", optional=True),
        Known(
            "capitation.area_of_resident",
            "choice",
            "choice",
            ("registered", "usual", "usual_then_registered"),
        ),
        Known("capitation.invalid_cost", "choice", "choice", ("charged", "excluded")),
        Known("capitation.special_factors", "list", "list"),
        Known("capitation.keep_ratio", "decimal", "ratio", high=1),
        Known("capitation.deficit_share", "decimal", "ratio", high=1),
        Known("fund_type_map", "pairs", "table"),
    )
}
# of months, communities, capitation and settlement lists: a year-end run says `using` when it does
NOT_YET_USED = frozenset(
    key
    for key in CATALOGUE
    if key.startswith(
        (
            "capitation.",
            "month.",
            "community.",
            "referral.deductible",
            "ceiling.",
            "prepaid.",
            "carried.",
        )
    )
    or key in ("rollover_pays_deferred", "fund_type_map", "budget_growth_cap", "negative_final")
    or key in ("combined_residual", "negative_final.ended", "removed_case")
)

Bands = tuple[tuple[Fraction | None, Fraction], ...]


def read_value(known: Known, value: Any) -> Any:
    """Return a parameter's value as its kind says; raises ValueError that says what fits.

    Counts are int, decimals Fraction, `none` is None, lists are tuples of texts, bands are
    (limit or None, multiple), rising, with one open band at the end.
    """
    if known.optional and value == NONE:
        return None
    if known.kind == "count":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(both(f"{quoted(value)}不是整数", f"{value!r} is not a whole number"))
        return _within(known, value, value)
    if known.kind == "decimal":
        return _within(known, decimal_fraction(value), value)
    if known.kind == "switch":
        if not isinstance(value, bool):
            raise ValueError(
                both(f"{quoted(value)}不是 true 或 false", f"{value!r} is not true or false")
            )
        return value
    if known.kind == "choice":
        if str(value) not in known.choices:
            raise ValueError(_not_offered(value, known))
        return str(value)
    if known.kind == "text":
        if not isinstance(value, str) or not value:
            raise ValueError(both(f"{quoted(value)}不是文本", f"{value!r} is not a text"))
        return value
    if known.kind == "list":
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(
                both(f"{quoted(value)}不是文本的列表", f"{value!r} is not a list of texts")
            )
        strange = [item for item in value if known.choices and item not in known.choices]
        if strange:
            raise ValueError(_not_offered(strange[0], known))
        return tuple(value)
    if known.kind == "weights":
        if not isinstance(value, list):
            raise ValueError(
                both(f"{quoted(value)}不是数的列表", f"{value!r} is not a list of numbers")
            )
        weights = tuple(decimal_fraction(item) for item in value)
        if any(weight < 0 for weight in weights):
            raise ValueError(both("权重不得为负", "a weight is negative"))
        return weights
    if known.kind == "tiers":
        return _tiers(value)
    if known.kind == "pairs":
        if not isinstance(value, list) or not all(
            isinstance(item, list) and len(item) == 2 for item in value
        ):
            raise ValueError(
                both(
                    f"{quoted(value)}不是 [代码, 去向] 的列表",
                    f"{value!r} is not a list of [code, meaning]",
                )
            )
        return tuple((str(a), str(b)) for a, b in value)
    if known.kind == "amounts":
        return _amounts(value)
    return _bands(value)


def _amounts(value: Any) -> tuple[tuple[str, int], ...]:
    """Return (name, fen) of a list of [name, yuan]; each name once, no amount below 0."""
    if not isinstance(value, list) or not all(
        isinstance(item, list) and len(item) == 2 and isinstance(item[1], str) for item in value
    ):
        raise ValueError(
            both(
                f'{quoted(value)}不是 [等级, "金额"] 的列表',
                f'{value!r} is not a list of [level, "amount"]',
            )
        )
    names = [str(name).strip() for name, _ in value]
    if "" in names or len(set(names)) < len(names):
        raise ValueError(both("名称空着，或重复", "a name is empty or stands twice"))
    amounts = [fen_of_yuan(text) for _, text in value]
    if any(fen < 0 for fen in amounts):
        raise ValueError(both("金额不得为负", "an amount is negative"))
    return tuple(zip(names, amounts, strict=True))


def _not_offered(value: object, known: Known) -> Bilingual:
    def offered(code: str) -> str:
        word = word_of(known.key, code)
        return f"{code}（{word}）" if word else code

    return both(
        f"没有{quoted(value)}这个选项；可选：{'、'.join(map(offered, known.choices))}",
        f"{value!r} is not offered; offered: {', '.join(known.choices)}",
    )


def _within(known: Known, number: Any, shown: Any) -> Any:
    if not known.low <= number <= known.high:
        raise ValueError(
            both(
                f"{shown} 不在 {known.low} 至 {known.high} 之间",
                f"{shown} is not between {known.low} and {known.high}",
            )
        )
    return number


def _bands(value: Any) -> Bands:
    """Return [limit, multiple] of high-cost cases."""
    bands = _steps(value)
    if any(multiple < 1 for _, multiple in bands):
        raise ValueError(
            both("高倍率的倍数不得小于1", "a multiple below 1 is not one of high-cost cases")
        )
    return bands


def _tiers(value: Any) -> Bands:
    """Return [limit, ratio] with ratios from 0 to 1."""
    tiers = _steps(value)
    if any(not 0 <= ratio <= 1 for _, ratio in tiers):
        raise ValueError(both("各档比例须在0与1之间", "a ratio is not between 0 and 1"))
    return tiers


def _steps(value: Any) -> Bands:
    if not isinstance(value, list) or not value:
        raise ValueError(
            both(
                f"{quoted(value)}不是 [上限, 倍数] 的列表",
                f"{value!r} is not a list of [limit, multiple]",
            )
        )
    bands: list[tuple[Fraction | None, Fraction]] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2:
            raise ValueError(
                both(f"{quoted(item)}不是 [上限, 倍数]", f"{item!r} is not [limit, multiple]")
            )
        limit = None if item[0] == NONE else decimal_fraction(item[0])
        bands.append((limit, decimal_fraction(item[1])))
    limits = [limit for limit, _ in bands]
    if limits[-1] is not None or None in limits[:-1]:
        raise ValueError(
            both(
                '最后一档的上限须为 "none"，其余各档不得为 "none"',
                'the last band, and only the last, has the limit "none"',
            )
        )
    closed = [limit for limit in limits[:-1] if limit is not None]
    if any(a >= b for a, b in pairwise(closed)):
        raise ValueError(both("各档上限须逐档增大", "the limits of bands must rise"))
    return tuple(bands)


@dataclass(frozen=True, slots=True)
class Period:
    """A value of a parameter and the days on which it is in force, both ends included.

    `alternative` is the nearest other value, as written; None when the file names none.
    """

    start: dt.date
    end: dt.date
    raw: Any
    value: Any
    source: str
    verified: bool
    source_zh: str = ""
    alternative: Any = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a policy with all its periods."""

    key: str
    name: str
    description: str
    unit: str
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """The value of a parameter in a year, with its source; `trial` when `--set` overrode it."""

    key: str
    name: str
    unit: str
    raw: Any
    value: Any
    source: str
    verified: bool
    start: str
    end: str
    trial: bool = False
    used: bool = True
    source_zh: str = ""
    alternative: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return the parameter as the manifest of a run shows it."""
        return {
            "key": self.key,
            "name": self.name,
            "value": self.raw,
            "unit": self.unit,
            "source": self.source,
            "source_zh": self.source_zh,
            "verified": self.verified,
            "from": self.start,
            "to": self.end,
            "trial": self.trial,
            "used": self.used,
            "alternative": self.alternative,
        }


def shown(raw: Any) -> str:
    """Return a value as a person writes it, on one line.

    >>> shown([["100", "3"], ["none", "2"]]), shown(False)
    ('100: 3; none: 2', 'false')
    """
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, list):
        return "; ".join(": ".join(map(str, i)) if isinstance(i, list) else str(i) for i in raw)
    return str(raw)


@dataclass(frozen=True)
class YearPolicy:
    """The parameters in force in one year."""

    id: str
    title: str
    digest: str
    year: int
    parameters: Mapping[str, InForce]

    def __getitem__(self, key: str) -> Any:
        return self.parameters[key].value

    @property
    def trial(self) -> list[str]:
        """The overrides of a trial run, as `key=value`."""
        return [f"{p.key}={shown(p.raw)}" for p in self.parameters.values() if p.trial]

    def with_value(self, key: str, raw: Any) -> YearPolicy:
        """Return a trial of the same policy with one value changed; `raw` as a policy file has it.

        Raises ValueError that says what fits.
        """
        old, day = self.parameters[key], f"{self.year}-{{}}"
        new = replace(
            old, raw=raw, value=read_value(CATALOGUE[key], raw), source="--set", source_zh="",
            verified=False, start=day.format("01-01"), end=day.format("12-31"), trial=True,
        )  # fmt: skip
        return replace(self, parameters={**self.parameters, key: new})

    def using(self, key: str) -> YearPolicy:
        """Return the same policy with a parameter marked as one that amounts hang on."""
        return replace(
            self, parameters={**self.parameters, key: replace(self.parameters[key], used=True)}
        )


OPEN_END = dt.date(9999, 12, 31)


@dataclass(frozen=True)
class Policy:
    """A policy file, checked."""

    id: str
    title: str
    path: Path
    digest: str
    sources: Mapping[str, str]
    parameters: Mapping[str, Parameter]

    def for_year(self, year: int, overrides: Sequence[str] = ()) -> YearPolicy:
        """Return the values in force from 1 January to 31 December of a year.

        `overrides` are texts `KEY=VALUE` of a trial run. Raises PolicyError for a parameter without
        one single value in that year, and for an override that does not fit.
        """
        faults: list[Bilingual] = []
        chosen: dict[str, InForce] = {}
        first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
        for key, parameter in self.parameters.items():
            covering = [p for p in parameter.periods if p.start <= first and p.end >= last]
            if not covering:
                touching = [p for p in parameter.periods if p.start <= last and p.end >= first]
                begin = parameter.periods[0].start
                what = (
                    both(
                        "年内有变动，年度清算只能用一个值",
                        "changes within the year; a year-end run needs one value",
                    )
                    if touching
                    else both(
                        f"{year}年没有值，最早的一段自 {begin} 起",
                        f"has no value in {year}; its first period begins {begin}",
                    )
                )
                faults.append(located(_named(key, parameter.name), what))
                continue
            p = covering[0]
            chosen[key] = InForce(
                key,
                parameter.name,
                parameter.unit,
                p.raw,
                p.value,
                p.source,
                p.verified,
                p.start.isoformat(),
                "" if p.end == OPEN_END else p.end.isoformat(),
                used=key not in NOT_YET_USED,
                source_zh=p.source_zh,
                alternative=p.alternative,
            )
        if len(faults) == len(self.parameters) and len(faults) > 1:
            starts = min(p.periods[0].start for p in self.parameters.values())
            faults = [
                both(
                    f"{len(self.parameters)} 项参数在{year}年都没有值，最早的一段自 {starts} 起",
                    f"none of its {len(self.parameters)} parameters has a value in {year}; "
                    f"the first period begins {starts}",
                )
            ]
        if faults:
            raise PolicyError(
                both(f"政策不能用于{year}年", f"the policy cannot be used for {year}"),
                where=self.path,
                faults=faults,
            )
        for text in overrides:
            key, value = _override(text, faults)
            if key in chosen and chosen[key].trial:
                faults.append(
                    located(f"--set {text}", both(f"{key} 已设过一次", f"{key} is set twice"))
                )
            elif key in chosen:
                old = chosen[key]
                chosen[key] = InForce(
                    key, old.name, old.unit, value[0], value[1], "--set", False,
                    first.isoformat(), last.isoformat(), trial=True, used=old.used,
                    alternative=old.alternative,
                )  # fmt: skip
        if faults:
            raise PolicyError(
                both("试算的参数设置有误", "the trial's settings do not fit"),
                faults=faults,
                remedy=both(
                    "写作 参数=值，如 keep_ratio=0.7；各参数的含义见清算报告的“政策参数”一节和 docs/glossary.md",
                    "write KEY=VALUE, as keep_ratio=0.7; docs/glossary.md explains the keys",
                ),
            )
        return YearPolicy(self.id, self.title, self.digest, year, chosen)


def _override(text: str, faults: list[Bilingual]) -> tuple[str, tuple[Any, Any]]:
    """Return key and (raw, read) value of `KEY=VALUE`; notes what does not fit."""
    key, equals, word = text.partition("=")
    key, word = key.strip(), word.strip()
    known = CATALOGUE.get(key)
    if not equals or known is None:
        what = both(
            f"没有政策参数“{key}”；可用：{'、'.join(CATALOGUE)}"
            if known is None
            else f"缺少等号；写成 {key}=值",
            f"no parameter {key!r}; known: {', '.join(CATALOGUE)}",
        )
        faults.append(located(f"--set {text}", what))
        return "", ("", None)
    raw: Any = word
    if known.kind == "count" and word.lstrip("-").isdigit():
        raw = int(word)
    elif known.kind == "switch" and word in ("true", "false"):
        raw = word == "true"
    elif known.kind in ("list", "weights", *PAIRED) and word.startswith("["):
        try:
            raw = parse_toml(f"value = {word}".encode(), Path(key))["value"]
        except InputError:
            raw = word  # refused below, as not a list
    elif known.kind in ("list", "weights") or (known.kind == "amounts" and word in ("", NONE)):
        raw = [] if word in ("", NONE) else [item.strip() for item in word.split(",")]
    elif known.kind in PAIRED and not (known.optional and word == NONE):
        raw = [[part.strip() for part in item.split(":")] for item in word.split(",")]
        if any(len(parts) != 2 for parts in raw):
            faults.append(located(f"--set {text}", _written(known)))
            return "", ("", None)
    try:
        return key, (raw, read_value(known, raw))
    except ValueError as error:
        faults.append(located(f"--set {text}", error))
        return "", ("", None)


def _written(known: Known) -> Bilingual:
    """Return how a value of pairs is written on the command line."""
    chinese, english, example = {
        "tiers": ("上限:比例", "LIMIT:RATIO", "0.1:1,none:0.5"),
        "bands": ("上限:倍数", "LIMIT:MULTIPLE", "100:3,none:2"),
        "pairs": ("代码:基金", "CODE:FUND", "310100:310,*:other"),
        "amounts": ("等级:金额", "LEVEL:YUAN", "三级:600,二级:400"),
    }[known.kind]
    last = known.kind in ("tiers", "bands")
    return both(
        f"写作 {known.key}={chinese},{chinese}，如 {known.key}={example}"
        + ("；最后一档的上限写 none" if last else ""),
        f"write {known.key}={english},{english}, as {known.key}={example}"
        + ("; the last limit is none" if last else ""),
    )


@cache
def _names() -> dict[str, str]:
    """Return the Chinese names of parameters, as the bundled policies give them."""
    found: dict[str, str] = {}
    for name in bundled("policies", ".toml"):
        data = read_toml(resolve("policies", name, None, ".toml"))
        for key, entry in data["parameters"].items():
            found.setdefault(key, str(entry.get("name", "")))
    return found


def _named(key: str, name: str) -> Bilingual:
    return both(f"{key}（{name}）" if name else key, key)


def missing_parameter(key: str) -> Bilingual:
    """Return the fault of a policy that lacks a parameter."""
    return located(_named(key, _names().get(key, "")), both("缺少", "missing"))


def load_policy(name: str | Path, base: Path | None = None, *, complete: bool = True) -> Policy:
    """Return the policy of a bundled name or a file (relative to `base`), every parameter checked.

    Raises PolicyError that lists all faults at once, each with its key; missing parameters are
    none with `complete=False`, which is for looking at a policy, never for a run.
    """
    path = resolve("policies", name, base, ".toml")
    raw = read_input(path, PolicyError, TOML_BYTES)
    data = parse_toml(raw, path, PolicyError)
    head, entries = data.get("policy", {}), data.get("parameters", {})
    faults: list[Bilingual] = []
    if not isinstance(head, dict) or not isinstance(entries, dict):
        raise PolicyError(
            both("policy 和 parameters 都须是表", "policy and parameters must be tables"),
            where=path,
        )
    faults += [
        both(f"[policy] 缺少 {word}", f"[policy] has no {word}")
        for word in ("id", "title")
        if word not in head
    ]
    if not isinstance(head.get("sources", {}), dict):
        faults.append(located("[policy.sources]", NOT_A_TABLE))
    unknown = both("没有这个参数", "unknown parameter")
    faults += [located(key, unknown) for key in entries if key not in CATALOGUE]
    if complete:
        missing = [missing_parameter(key) for key in CATALOGUE if key not in entries]
        faults += missing
    parameters = {}
    for key, entry in entries.items():
        if key in CATALOGUE:
            parameter = _parameter(CATALOGUE[key], entry, faults)
            if parameter is not None:
                parameters[key] = parameter
    if faults:
        raise PolicyError(
            both("政策不完整", "the policy is not complete"),
            where=path,
            faults=faults,
            remedy=both(
                "参数的写法见 docs/formats.md 第4节",
                "docs/formats.md, section 4, shows the form of an entry",
            ),
        )
    ordered = {key: parameters[key] for key in CATALOGUE if key in parameters}
    digest = hashlib.sha256(raw).hexdigest()
    sources = {str(k): str(v) for k, v in head.get("sources", {}).items()}
    return Policy(str(head["id"]), str(head["title"]), path, digest, sources, ordered)


def _unknown_entry(word: str) -> Bilingual:
    return both(f"没有“{word}”这一项", f"unknown entry {word!r}")


NOT_A_TABLE = both("不是表", "not a table")


def _parameter(known: Known, entry: Any, faults: list[Bilingual]) -> Parameter | None:
    before = len(faults)
    key = known.key
    own = entry.get("name") if isinstance(entry, dict) else None
    named = _named(key, str(own or _names().get(key, "")))
    if not isinstance(entry, dict):
        faults.append(located(named, NOT_A_TABLE))
        return None
    unit = entry.get("unit")
    if unit != known.unit:
        what = both(
            f"unit {'未写' if unit is None else '是' + quoted(unit)}，应为“{known.unit}”",
            f"unit is {unit!r}, must be {known.unit!r}",
        )
        faults.append(located(named, what))
    if not entry.get("name"):
        faults.append(located(named, both("缺少 name（中文名称）", "no Chinese name")))
    strange = set(entry) - {"name", "description", "unit", "values"}
    faults.extend(located(named, _unknown_entry(word)) for word in sorted(strange))
    periods = []
    values = entry.get("values", [])
    if not isinstance(values, list):
        what = both(
            f"值须写在 [[parameters.{key}.values]] 之下",
            "values must stand under [[parameters.….values]]",
        )
        faults.append(located(named, what))
        return None
    for number, item in enumerate(values, start=1):
        where = both(f"{named.chinese} 第{number}个值", f"{key}, value {number}")
        period = _period(known, item, where, faults)
        if period is not None:
            periods.append(period)
    if not values:
        faults.append(located(named, both("没有值", "no values")))
    periods.sort(key=lambda p: p.start)
    for a, b in pairwise(periods):
        if b.start <= a.end:
            what = both(
                f"自 {a.start} 与自 {b.start} 的两段日期重叠",
                f"the periods from {a.start} and from {b.start} overlap",
            )
            faults.append(located(named, what))
        elif b.start != a.end + dt.timedelta(days=1):
            what = both(
                f"{a.end} 与 {b.start} 之间没有值", f"no value between {a.end} and {b.start}"
            )
            faults.append(located(named, what))
    if len(faults) > before:
        return None
    return Parameter(
        key, str(entry["name"]), str(entry.get("description", "")), known.unit, tuple(periods)
    )


def _is_day(value: Any) -> bool:
    return isinstance(value, dt.date) and not isinstance(value, dt.datetime)


def _period(known: Known, item: Any, where: Bilingual, faults: list[Bilingual]) -> Period | None:
    if not isinstance(item, dict):
        faults.append(located(where, NOT_A_TABLE))
        return None
    before = len(faults)
    start, end = item.get("from"), item.get("to", OPEN_END)
    if not _is_day(start) or not _is_day(end):
        what = both("from 和 to 须是日期，如 2024-01-01", "from and to must be dates")
        faults.append(located(where, what))
    elif start > end:
        faults.append(located(where, both("to 早于 from", "ends before it begins")))
    if not str(item.get("source", "")).strip():
        what = both(
            "没有 source；写文件与条款，或 assumed: 理由",
            "no source; give document and clause, or 'assumed: <reason>'",
        )
        faults.append(located(where, what))
    if not isinstance(item.get("verified"), bool):
        what = both("verified 须为 true 或 false", "verified must be true or false")
        faults.append(located(where, what))
    elif item["verified"] and str(item.get("source", "")).startswith("assumed"):
        what = both("source 为 assumed 的值不能 verified", "an assumed value cannot be verified")
        faults.append(located(where, what))
    strange = set(item) - {
        "from", "to", "value", "source", "source_zh", "verified", "alternative",
    }  # fmt: skip
    faults.extend(located(where, _unknown_entry(word)) for word in sorted(strange))
    value = None
    try:
        if "value" not in item:
            raise ValueError(both("缺少 value", "no value"))
        value = read_value(known, item["value"])
    except (ValueError, TypeError) as error:
        faults.append(located(where, error))
    if "alternative" in item:
        _alternative(known, item, value, where, faults)
    if len(faults) > before or not isinstance(start, dt.date) or not isinstance(end, dt.date):
        return None  # isinstance again for the type checker
    return Period(
        start,
        end,
        item["value"],
        value,
        str(item["source"]),
        bool(item["verified"]),
        str(item.get("source_zh", "")),
        item.get("alternative"),
    )


def _alternative(
    known: Known, item: Any, value: Any, where: Bilingual, faults: list[Bilingual]
) -> None:
    """Note what is wrong with the alternative of a value."""
    try:
        other = read_value(known, item["alternative"])
        if "value" in item and other == value:
            raise ValueError(both("与 value 相同", "the same as the value"))
    except (ValueError, TypeError) as error:
        faults.append(located(where, located("alternative", error)))
