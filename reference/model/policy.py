"""A region's dated parameters (docs/formats.md section 4) and what the model can do with each."""

import datetime as dt
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from reference.model.exact import decimal, fen
from reference.model.scheme import REFERENCE

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
BandList = tuple[tuple[Fraction | None, Fraction], ...]


def says(p: Mapping[str, Any], key: str, word: str, *others: str) -> bool:
    """Whether the choice of a parameter is `word` and not one of `others`, which are all there are.

    Raises ValueError for any other: it is never taken for one of them.
    """
    if p[key] != word and p[key] not in others:
        raise ValueError(f"{key} = {p[key]!r}: the model has no such rule here")
    return bool(p[key] == word)


# --- how the text of a value becomes a value; each refuses what the model cannot calculate


def _number(lowest: int = 0, highest: int | None = None) -> Callable[[Any], Fraction]:
    def read(value: Any) -> Fraction:
        number = decimal(value, "value")
        if number < lowest or (highest is not None and number > highest):
            raise ValueError(f"{value!r} is below {lowest} or above {highest}")
        return number

    return read


def _count(lowest: int, highest: int | None = None) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = _number(lowest, highest)(value)
        if number.denominator != 1:
            raise ValueError(f"{value!r} is not a whole number")
        return int(number)

    return read


def _positive(value: Any) -> Fraction:
    number = decimal(value, "value")
    if number <= 0:
        raise ValueError(f"{value!r} is not above 0")
    return number


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The text "none" switches the rule off."""
    return lambda value: None if value == "none" else read(value)


def _switch(value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise ValueError(f"{value!r} is not true or false")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a name")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    """A list of names; also "A,B" and "none"."""
    if isinstance(value, str):
        value = [] if value == "none" else [part.strip() for part in value.split(",")]
    elif isinstance(value, int) and not isinstance(value, bool):  # one name of digits
        value = [str(value)]
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of names")
    return tuple(_text(part) for part in value)


def _names(*known: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        names = _texts(value)
        for name in names:
            if name not in known:
                raise ValueError(f"{name!r} is not one of {', '.join(known)}")
        return names

    return read


def _weights(value: Any) -> tuple[Fraction, ...]:
    """["0.5", "0.5"]; also "0.5,0.5" and "none"."""
    if isinstance(value, str):
        value = [] if value == "none" else value.split(",")
    elif isinstance(value, int):  # one weight, as typed after `--set`
        value = [value]
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of weights")
    weights = tuple(decimal(part, "weight") for part in value)
    if any(weight < 0 for weight in weights):
        raise ValueError(f"{value!r}: a weight is negative")
    return weights


def _steps(value: Any, kind: str, read: Callable[[Any], Fraction]) -> BandList:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{value!r} is not a list of [limit, {kind}]")
    steps = []
    for row in value:
        if not isinstance(row, list) or len(row) != 2:
            raise ValueError(f"{row!r} is not [limit, {kind}]")
        steps.append((_or_none(_positive)(row[0]), read(row[1])))
    limits = [limit for limit, _ in steps]
    if limits[-1] is not None or None in limits[:-1] or limits[:-1] != sorted(set(limits[:-1])):
        raise ValueError(f"{value!r}: limits must rise and only the last one be 'none'")
    return tuple(steps)


def _bands(value: Any) -> BandList:
    """[["100", "3"], ["300", "2"], ["none", "1.5"]]: limits rise, the last one is none."""
    return _steps(value, "multiple", _number(1))


def _tiers(value: Any) -> BandList:
    """[["0.1", "0.85"], ["none", "0.5"]]: ratios from 0 to 1."""
    return _steps(value, "ratio", _number(0, 1))


def _amounts(value: Any) -> dict[str, int]:
    """[["3", "800.00"], ["2", "500"]]: an amount in fen by name."""
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of [name, yuan]")
    amounts: dict[str, int] = {}
    for row in value:
        if not isinstance(row, list) or len(row) != 2 or not str(row[0]).strip():
            raise ValueError(f"{row!r} is not [name, yuan]")
        name, amount = str(row[0]).strip(), fen(row[1], "amount")
        if name in amounts or amount < 0:
            raise ValueError(f"{value!r}: {name} stands twice or is below 0")
        amounts[name] = amount
    return amounts


def _only(*known: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in known:
            raise ValueError(f"the model only calculates with {known}, not {value!r}")
        return value

    return read


FINDINGS = (
    "patient_id_missing",
    "stay_twice",
    "day_surgery_with_long_stay",
    "settlement_before_discharge",
)
RATIO = _number(0, 1)
NEEDED: dict[str, Callable[[Any], Any]] = {
    "point_scale": _positive,
    "base_points_dp": _count(0, 4),
    "zero_base_points": _text,
    "case_points_dp": _or_none(_count(0, 4)),
    # rules 1 to 3
    "year_key": _text,
    "los_convention": _text,
    "los_conflict": _text,
    "findings.hold": _names(*FINDINGS),
    "provision": _text,
    "unsettled_share_max": RATIO,
    "long_stay.days": _or_none(_count(0)),
    "long_stay.rule": _text,
    "long_stay.class": _text,
    "short_stay.days": _or_none(_count(0)),
    "bed_day.mode": _text,
    "bed_day.payment": _text,
    # rule 4
    "grouped.share_min": _number(0, 1),
    "history_years": _count(1),
    "history.weighting": _text,
    "history.year_weights": _weights,
    "stable.min_cases": _count(0),
    "stable.inclusive": _switch,
    "stable.cv_max": _number(),
    "stable.cv_sd": _text,
    "small_groups": _text,
    "trim.method": _text,
    "trim.when": _text,
    "trim.lower_factor": _number(),
    "trim.upper_factor": _number(),
    "trim.lower_percentile": RATIO,
    "trim.upper_percentile": RATIO,
    "trim.sd_multiple": _number(),
    "trim.quantile_type": _only(7, 6, "7", "6"),
    # rule 6
    "coef.source": _text,
    "coef.scope": _text,
    "coef.without_row": _text,
    "coef.components": _names(*COMPONENTS),
    "coef.weights": _weights,
    "coef.floor": _or_none(_number()),
    "coef.cap": _or_none(_number()),
    "coef.dp": _count(0, 6),
    "coef.min_cases": _count(0),
    "coef_applies_to": _names(*CLASSES),
    "primary_groups": _texts,
    "primary_levels": _texts,
    "new_technology.rule": _text,
    "new_technology.share": RATIO,
    "tcm.tilt": _or_none(RATIO),
    "tcm.gate": RATIO,
    # rule 7
    "ratio_basis": _text,
    "high.bands": _or_none(_bands),
    "high.bands_unit": _text,
    "high.bands_inclusive": _switch,
    "high.inclusive": _switch,
    "high.rule": _text,
    "low.multiple": _or_none(RATIO),
    "low.inclusive": _switch,
    "low.threshold": _text,
    "low.rule": _text,
    "low.exempt_day_surgery": _switch,
    "class_order": _text,
    "ungrouped.rule": _text,
    "unstable.rule": _text,
    "ambiguous.rule": _text,
    "death.rule": _text,
    "transfer.rule": _text,
    "against_order.rule": _text,
    "special_quota": RATIO,
    "special_quota.scope": _text,
    "special_quota.over": _text,
    "review.points_max": _or_none(_number()),
    "referral.rule": _text,
    "referral.days": _count(0, 366),
    "referral.deductible": _text,
    "referral.deductible_standards": _amounts,
    # rule 8
    "readmission.days": _or_none(_count(0, 366)),
    "readmission.factor": RATIO,
    "readmission.same": _text,
    "readmission.exempt": _texts,
    "readmission.exempt_planned": _switch,
    # rules 9 to 11
    "keep_ratio": RATIO,
    "keep_tiers": _or_none(_tiers),
    "fund_share_of_overspend": RATIO,
    "overspend_tiers": _or_none(_tiers),
    "overspend_cap": _text,
    "reserve_ratio": RATIO,
    "not_pool": _text,
    "combine_pools": _switch,
    "out_of_area": _text,
    "budget_growth_cap": _number(),
    "ceiling.excess": _text,
    "ceiling.required": _text,
    "prepaid.limit": _or_none(_number()),
    "carried.unmatched": _text,
    "value_dp": _or_none(_count(0)),
    "residual": _text,
    "combined_residual": _text,
    "value_not_positive": _text,
    "pool_without_points": _text,
    "bound.level": _text,
    "bound.never_below_zero": _switch,
    "bound.cost_share": _or_none(_number()),
    "bound.case_within_cost": _switch,
    "bound.unsolved": _text,
    "violator_no_increase": _switch,
    "removed_case": _text,
    "prepay_ratio": RATIO,
    "prepay_basis": _text,
    "deposit_score": _text,
    "deposit_bands": _or_none(_tiers),
    "deposit_forfeited": _text,
    # rule 13
    "month.pattern": _text,
    "month.growth_limit": _or_none(_number()),
}


def _any(value: Any) -> Any:
    return value


# may be absent: they say what the rules do anyway, or belong to other things than the year end
OTHERS: dict[str, Callable[[Any], Any]] = {
    "group_mean_dp": _only(2, "2"),
    "readmission.across_years": _only("ignore"),
    "negative_final": _only("recover_next"),
    "negative_final.ended": _only("demand_back"),
    "community.opposite_sign": _only("require_allocation"),
    "rollover_pays_deferred": _any,
    "fund_type_map": _any,
}
CAPITATION = "capitation."


@dataclass(frozen=True)
class Period:
    """One value of a parameter and the days on which it holds (both included)."""

    first: dt.date
    last: dt.date
    value: Any
    source: str
    verified: bool


@dataclass(frozen=True)
class Policy:
    """The parameters of a region, each with its values by period."""

    id: str
    title: str
    parameters: dict[str, tuple[Period, ...]]

    def for_year(self, year: int, overrides: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The one value of each parameter from 1 January to 31 December, read and checked.

        `overrides` are texts as on the command line. Raises ValueError for a parameter that is
        missing, changes inside the year, or has a value that the model cannot calculate.
        """
        overrides = dict(overrides or {})
        capitation = {key: _any for key in self.parameters if key.startswith(CAPITATION)}
        known = NEEDED | OTHERS | capitation
        unknown = sorted(set(overrides) - set(known))
        if unknown:
            raise ValueError(f"policy {self.id}: no parameter {unknown} to override")
        values = {}
        for key, read in known.items():
            if key in overrides:
                value = _override(overrides[key])
            elif key in self.parameters:
                value = self._value(key, year)
            elif key in OTHERS:
                continue
            else:
                raise ValueError(f"policy {self.id}: the parameter {key} is missing")
            try:
                values[key] = read(value)
            except ValueError as error:
                raise ValueError(f"policy {self.id}, {key}, {year}: {error}") from None
        return values

    def _value(self, key: str, year: int) -> Any:
        first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
        for period in self.parameters[key]:
            if period.first <= first and last <= period.last:
                return period.value
        raise ValueError(f"policy {self.id}: {key} has no single value for the whole of {year}")


def load_policy(path: str | Path, beside: Path | None = None) -> Policy:
    """Read a policy file, or a bundled policy by its name."""
    file = REFERENCE / "policies" / f"{path}.toml"
    if not (isinstance(path, str) and file.is_file()):
        file = (beside or Path()) / path
    if not file.is_file():
        raise ValueError(f"{path}: neither bundled in reference/policies nor a file ({file})")
    return _policy(file, file.read_text(encoding="utf-8"))


@lru_cache(maxsize=16)  # most files are asked for again and again, unchanged
def _policy(file: Path, text: str) -> Policy:
    document = tomllib.loads(text)
    parameters = {}
    for key, parameter in document.get("parameters", {}).items():
        if not isinstance(parameter.get("values"), list):
            raise ValueError(f"{file}: {key} has no values (a dotted key is written in quotes)")
        parameters[key] = _periods(f"{file}: {key}", parameter["values"])
    head = document.get("policy", {})
    return Policy(head.get("id", file.stem), head.get("title", ""), parameters)


def _periods(where: str, rows: list[dict[str, Any]]) -> tuple[Period, ...]:
    periods = []
    for row in rows:
        if "value" not in row or "from" not in row or not row.get("source"):
            raise ValueError(f"{where}: every value needs value, from and source")
        period = Period(
            first=row["from"],
            last=row.get("to", dt.date.max),
            value=row["value"],
            source=row["source"],
            verified=row.get("verified", False),
        )
        if period.last < period.first:
            raise ValueError(f"{where}: a period ends before it begins ({period.first})")
        periods.append(period)
    periods.sort(key=lambda period: period.first)
    for before, after in pairwise(periods):
        if after.first - before.last != dt.timedelta(1):
            raise ValueError(f"{where}: a gap or an overlap before {after.first}")
    return tuple(periods)


def _override(text: str) -> Any:
    """A value as typed after `--set key=`: TOML if it reads as such, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}", parse_float=str)["value"]
    except tomllib.TOMLDecodeError:
        return text
