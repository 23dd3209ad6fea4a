"""Small regions with every setting drawn at random, and the comparison with the plain model.

A drawn region holds only clean cases and cases of another year: what the engine quarantines for
other reasons the model does not read. Its costs, dates and ids sit on the limits of the rules.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import DrgpayError
from drgpay.grouper.versions import any_grouper
from drgpay.names.choices import CLASSES
from drgpay.names.codes import COMPONENTS
from drgpay.names.readings import READINGS, Readings, asked_readings
from drgpay.policy.catalogue import CATALOGUE, FINDINGS
from drgpay.policy.constraints import Amounts, Bands, Names, Pairs, Switch, Tiers, Weights
from drgpay.region.provenance import CARRIED_ORIGIN, PREPAID_ORIGIN, rows_digest
from drgpay.runs.year_tables import case_tables, drgs_table, pools_table
from drgpay.settlement import prepare
from drgpay.settlement import year_end as engine
from drgpay.settlement.year_end import YearEnd, hospitals_table
from reference.model import Scheme, group_case, settle_region
from reference.model import load_scheme as load_model_scheme
from reference.model.settlement import Settlement

TESTS = Path(__file__).resolve().parent.parent
EX1 = TESTS / "cases" / "ex1"
SCHEMES = {
    "ex1-tiny": str(TESTS / "schemes" / "ex1-tiny"),
    "testland-tiny": str(TESTS / "schemes" / "testland-tiny"),
    "zj-drg-2022": "zj-drg-2022",
}
YEAR = 2024
LEVELS = ("1", "2", "3")
CASE_COLUMNS = (
    "case_id hospital_id patient_id pool sex age_years age_days birth_weight_g admission_date "
    "discharge_date settlement_date los_days icu diagnoses procedures total_cost pool_fund "
    "personal_paid payment_mode bed_day_class discharge_way planned_readmission referral_group "
    "deductible"
).split()
WORDS = (
    "hospital_id pool sex payment_mode bed_day_class patient_id discharge_way "
    "planned_readmission referral_group"
).split()
Row = dict[str, str]


# --- schemes, compiled once for all settlements of a test run


@lru_cache
def model_scheme(name: str, readings: Readings = ()) -> Scheme:
    return load_model_scheme(SCHEMES[name], options=dict(readings))


@lru_cache
def _kept(name: str, readings: Readings, codes: str | None) -> Any:
    return any_grouper(name, readings, codes)


def keep_schemes(patch: pytest.MonkeyPatch) -> None:
    """Let the year-end run load and compile each scheme once: loading is not what is tested."""

    def grouper(name: str, readings: Readings, codes: str | None, base: Path) -> Any:
        relative = base / name
        path = str(relative.resolve()) if "/" in name and relative.exists() else name
        return _kept(path, readings, codes)

    patch.setattr(prepare, "any_grouper", grouper)


# --- policies


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def options(key: str, **more: int) -> list[str]:
    """Every choice of a parameter, some more often than once."""
    return [code for code in CATALOGUE[key].choices for _ in range(1 + more.get(code, 0))]


def draw_policy(r: random.Random, drgs: list[str]) -> dict[str, Any]:
    """A value for every parameter of the catalogue, as a policy file writes it.

    Most fit together; some do not, and both engine and model must refuse them.
    """
    groups = sorted({d[:3] for d in drgs} | set(drgs))
    limits = sorted(r.sample(range(20, 400), r.randint(0, 3)))
    bands = [[str(x), r.choice(["3", "2.5", "2", "1.5"])] for x in limits]
    bands.append(["none", r.choice(["1", "1.2", "1.5", "2", "1.3333"])])
    lower = r.choice(["0", "0.01", "0.05", "0.25", "0.5"])
    upper = r.choice(["0.5", "0.75", "0.9", "0.95", "1"])
    if r.random() < 0.01:
        lower, upper = "0.6", "0.4"  # refused where it matters
    years = r.choice([1, 2, 3])
    components, weights = _components(r)
    values: dict[str, Any] = {
        "point_scale": r.choice([100, 100, 1, 1000, "100.5", "37"]),
        "base_points_dp": r.choice([4, 4, 3, 2, 1, 0]),
        "case_points_dp": r.choice(["none", 4, 4, 3, 2, 1, 0]),
        "group_mean_dp": 2,
        "history_years": years,
        "history.weighting": r.choice(options("history.weighting", pooled=1)),
        "history.year_weights": draw_weights(r, years),
        "stable.min_cases": r.choice([0, 1, 2, 3, 3, 5, 8]),
        "stable.inclusive": r.random() < 0.5,
        "stable.cv_max": r.choice(["1", "0.5", "0.3", "0.1", "0", "2", "0.7071"]),
        "stable.cv_sd": r.choice(options("stable.cv_sd")),
        "small_groups": r.choice(options("small_groups", borrow_adrg=1)),
        "trim.method": r.choice(options("trim.method", middle_interval=1)),
        "trim.when": r.choice(options("trim.when")),
        "trim.lower_factor": r.choice(["0.5", "0", "1.5", "0.25", "0.333"]),
        "trim.upper_factor": r.choice(["1.5", "0", "0.5", "3", "0.123"]),
        "trim.lower_percentile": lower,
        "trim.upper_percentile": upper,
        "trim.sd_multiple": r.choice(["3", "2", "1", "0.5", "0", "1.414214"]),
        "trim.quantile_type": r.choice([7, 6, "7", "6"]),
        **_bases(r),
        "high.bands": bands,
        "high.inclusive": r.random() < 0.5,
        "high.rule": r.choice(options("high.rule")),
        "low.multiple": r.choice(["0.4", "0.35", "0.5", "1", "0", "0.3333"]),
        "low.inclusive": r.random() < 0.5,
        "low.threshold": r.choice(options("low.threshold")),
        "low.rule": r.choice(options("low.rule", ratio=1)),
        "low.exempt_day_surgery": r.random() < 0.5,
        "class_order": r.choice(options("class_order")),
        "ungrouped.rule": r.choice(options("ungrouped.rule", by_cost=3)),
        "unstable.rule": r.choice(options("unstable.rule", by_cost=3)),
        "ambiguous.rule": r.choice(options("ambiguous.rule", by_cost=3)),
        "death.rule": r.choice(options("death.rule", as_others=3, not_low=1, by_cost=1)),
        "transfer.rule": r.choice(options("transfer.rule", as_others=3, not_low=1, by_cost=1)),
        "against_order.rule": r.choice(
            options("against_order.rule", as_others=3, not_low=1, by_cost=1)
        ),
        "special_quota": r.choice(["1", "1", "0.5", "0.3", "0.05", "0"]),
        "special_quota.scope": r.choice(options("special_quota.scope")),
        "special_quota.over": r.choice(options("special_quota.over", warn=6)),
        "readmission.days": r.choice([15, 15, 10, 0, 3, 31, "none"]),
        "readmission.factor": r.choice(["0.5", "0", "1", "0.3333", "0.75"]),
        "readmission.same": r.choice(options("readmission.same")),
        "readmission.exempt": r.sample(groups, r.choice([0, 0, 1, 2])),
        "readmission.exempt_planned": r.random() < 0.5,
        "readmission.across_years": "ignore",
        "referral.rule": r.choice(options("referral.rule", one_stay=1)),
        "referral.days": r.choice([0, 1, 1, 3, 15]),
        **_deductible_rule(r),
        "short_stay.days": r.choice(["none"] * 6 + [0, 1, 2, 4]),
        "long_stay.days": r.choice([60] * 6 + [30, 30, 7, 7, 0, "none", "none", "none"]),
        "long_stay.rule": r.choice(options("long_stay.rule")),
        "long_stay.class": r.choice(["LONG", "PSY"]),
        "bed_day.mode": r.choice(options("bed_day.mode")),
        "bed_day.payment": r.choice(options("bed_day.payment", points=1)),
        "coef.source": r.choice(options("coef.source", components=1)),
        "coef.scope": r.choice(options("coef.scope")),
        "coef.without_row": "refuse" if r.getstate()[1][0] % 3 else "one",
        "coef.components": components,
        "coef.weights": weights,
        "coef.floor": r.choice(["none", "0.8", "0.95", "0.99999"]),
        "coef.cap": r.choice(["none", "1.2", "1.05", "1"]),
        "coef.dp": r.choice([0, 1, 2, 3, 4, 4, 6]),
        "coef.min_cases": r.choice([0, 1, 1, 2, 3, 10]),
        "coef_applies_to": r.sample(CLASSES, r.randint(0, len(CLASSES))),
        "primary_groups": r.sample([*drgs, "0000"], r.choice([0, 1, min(3, len(drgs))])),
        "primary_levels": r.sample(LEVELS, r.choice([0, 0, 1, 2])),
        **_new_rule(r),
        "tcm.tilt": r.choice(["none", "0.05", "0.033333", "1", "0"]),
        "tcm.gate": r.choice(["0.5", "0", "0.25", "1"]),
        "keep_ratio": r.choice(["0.85", "1", "0", "0.7", "0.333333"]),
        "keep_tiers": _tiers(r, ["1", "0.85", "0.5", "0.333333", "0"]),
        "fund_share_of_overspend": r.choice(["0.15", "0", "1", "0.7", "0.666667"]),
        "overspend_tiers": _tiers(r, ["0.5", "0.15", "0.666667", "0"]),
        "overspend_cap": r.choice(options("overspend_cap")),
        "reserve_ratio": r.choice(["0", "0.05", "0.033333", "0.05", "1"]),
        "not_pool": r.choice(options("not_pool", all=1)),
        **_bounds(r),
        "violator_no_increase": r.random() < 0.5,
        "value_dp": r.choice(["none", "none", 0, 2, 4, 6, 12]),
        "residual": r.choice(options("residual", largest_remainder=1)),
        "combine_pools": r.random() < 0.3,
        **_money_rules(r),
        "prepay_ratio": r.choice(["0.95", "0.97", "0", "1", "0.33333"]),
        "prepay_basis": r.choice(options("prepay_basis")),
        **_deposit(r),
        "out_of_area": r.choice(options("out_of_area")),
        "budget_growth_cap": r.choice(["0.10", "0.1", "0.075", "0"]),
        "year_key": r.choice(options("year_key")),
        "los_convention": r.choice(options("los_convention")),
        "month.pattern": r.choice(options("month.pattern")),
        "month.growth_limit": r.choice(["none", "0", "0.1", "0.333333"]),
        "rollover_pays_deferred": r.random() < 0.5,
        "negative_final": "recover_next",
        "community.opposite_sign": "require_allocation",
        "capitation.method": r.choice(options("capitation.method")),
        "capitation.rate_yuan": r.choice(["none", "312.50"]),
        "capitation.area_of_resident": r.choice(options("capitation.area_of_resident")),
        "capitation.invalid_cost": r.choice(options("capitation.invalid_cost")),
        "capitation.special_factors": r.sample(["migration", "disease"], r.randint(0, 2)),
        "capitation.keep_ratio": r.choice(["1", "0.5"]),
        "capitation.deficit_share": r.choice(["0", "0.5"]),
        "negative_final.ended": "demand_back",
        **_refusals(r),
        "fund_type_map": [["310100", "310"], ["*", "other"]],
    }
    assert set(values) == set(CATALOGUE), set(values) ^ set(CATALOGUE)
    return values


def _new_rule(r: random.Random) -> dict[str, Any]:
    own = random.Random(f"new {r.getstate()[1][:4]}")
    return {
        "new_technology.rule": own.choice(options("new_technology.rule", paid_apart=1)),
        "new_technology.share": own.choice(["1", "1", "0.7", "0.333333", "0"]),
    }


def _bases(r: random.Random) -> dict[str, Any]:
    """Drawn apart: what a cost is compared with, and how the bands of K are read."""
    own = random.Random(f"bases {r.getstate()[1][:4]}")
    return {
        "ratio_basis": own.choice(options("ratio_basis", group_mean=1)),
        "high.bands_unit": own.choice(options("high.bands_unit", points=1)),
        "high.bands_inclusive": own.random() < 0.7,
    }


def _components(r: random.Random) -> tuple[list[str], list[str]]:
    """Components of a coefficient and weights that, but for a slip now and then, add up to 1."""
    names = r.sample(COMPONENTS, r.choice([1, 1, 2, 3, 6]))
    parts = [r.randint(0, 10) for _ in names[1:]]
    rest = 40 - sum(parts) if len(names) < 6 else 50 - sum(parts)
    whole = rest + sum(parts)
    weights = [str(Decimal(part) / whole) for part in (rest, *parts)]
    if whole == 50:
        weights = [str(Decimal(part * 2) / 100) for part in (rest, *parts)]
    if r.random() < 0.02:
        weights = weights[1:]
    return names, weights


def draw_weights(r: random.Random, years: int) -> list[str]:
    count = years + r.choice([0, 0, 0, 1])
    if r.random() < 0.02:
        count = years - 1
    return [r.choice(["1", "2", "3", "7", "0.5", "0.333", "0" if i else "5"]) for i in range(count)]


def _tiers(r: random.Random, ratios: list[str]) -> Any:
    """Tiers of a surplus or an overspend, or none."""
    if r.random() < 0.5:
        return "none"
    limits = sorted(r.sample(["0.01", "0.05", "0.1", "0.2", "0.5", "1"], r.randint(0, 3)))
    return [[limit, r.choice(ratios)] for limit in [*limits, "none"]]


def _bounds(r: random.Random) -> dict[str, Any]:
    level = r.choice(options("bound.level", none=1))
    some = level != "none" or r.random() < 0.02
    within = level == "case" or r.random() < 0.01
    return {
        "bound.level": level,
        "bound.never_below_zero": some and r.random() < 0.5,
        "bound.cost_share": r.choice(["none", "1", "1.1", "1.2", "2", "0.9"]) if some else "none",
        "bound.case_within_cost": within and r.random() < 0.4,
        "bound.unsolved": r.choice(options("bound.unsolved", to_fund=4)),
    }


def _money_rules(r: random.Random) -> dict[str, Any]:
    """Drawn apart, so that the keys behind stay as they were."""
    own = random.Random(f"money {r.getstate()[1][:4]}")
    return {
        "combined_residual": own.choice(options("combined_residual", hospital_first=1)),
        "ceiling.excess": own.choice(options("ceiling.excess", defer=1)),
        "ceiling.required": own.choice(options("ceiling.required", none=5)),
        "prepaid.limit": own.choice(["none", "1", "1.2", "1.2", "2.5"]),
        "carried.unmatched": own.choice(options("carried.unmatched", recover_only=1, accept=5)),
    }


def _deductible_rule(r: random.Random) -> dict[str, Any]:
    """Drawn apart: the keys behind stay as they were. A level may lack its standard."""
    own = random.Random(str(r.getstate()[1][:4]))
    standards = [[level, own.choice(["0", "300.00", "500", "800.01"])] for level in LEVELS]
    if own.random() < 0.05:
        standards.pop()
    own.shuffle(standards)
    return {
        "referral.deductible": own.choice(options("referral.deductible")),
        "referral.deductible_standards": standards,
    }


def _refusals(r: random.Random) -> dict[str, Any]:
    """Drawn apart, too: what is refused is mostly settled here, lest few regions be compared."""
    own = random.Random(f"refusals {r.getstate()[1][:4]}")
    return {
        "los_conflict": own.choice(options("los_conflict", dates=1, given=4)),
        "findings.hold": own.sample(FINDINGS, own.choice([0] * 7 + [1, 1, 4])),
        "removed_case": own.choice(options("removed_case")),
        "provision": own.choice(options("provision")),
        "unsettled_share_max": own.choice(["1"] * 12 + ["0.3", "0.05", "0"]),
        "zero_base_points": own.choice(options("zero_base_points", settle=14)),
        "value_not_positive": own.choice(options("value_not_positive", settle=14)),
        "pool_without_points": own.choice(options("pool_without_points", leave=6)),
        "review.points_max": own.choice(["none"] * 16 + ["2", "1", "1.5", "0"]),
        "grouped.share_min": own.choice(["0"] * 24 + ["0.3", "0.6"]),
    }


def _deposit(r: random.Random) -> dict[str, Any]:
    bands: Any = [["0.6", "0"], ["0.8333", "0.5"], ["0.9", "0.95"], ["none", "1"]]
    if r.random() < 0.3:
        bands = r.choice([[["none", "0.5"]], [["0.9", "0"], ["1", "0.333333"], ["none", "1"]]])
    score = r.choice(options("deposit_score"))
    if r.random() < (0.02 if score == "bands" else 0.5):
        bands = "none"
    return {
        "deposit_score": score,
        "deposit_bands": bands,
        "deposit_forfeited": r.choice(options("deposit_forfeited")),
    }


def policy_text(values: Mapping[str, Any], r: random.Random | None = None) -> str:
    """A policy file with these values in force in YEAR; with `r` also of other years around it."""
    lines = ["[policy]", 'id = "drawn"', 'title = "随机参数（虚构）"', ""]
    for key, value in values.items():
        name = f'"{key}"' if "." in key else key
        lines += [f"[parameters.{name}]", f'name = "{key} 的名称"']
        lines += [f'unit = "{CATALOGUE[key].unit}"']
        periods = [("2019-01-01", None, value)]
        if r is not None and r.random() < 0.3:
            # the neighbouring periods end and begin right beside the year
            periods = [
                ("2015-01-01", f"{YEAR - 1}-12-31", value),
                (f"{YEAR}-01-01", f"{YEAR}-12-31", value),
                (f"{YEAR + 1}-01-01", None, value),
            ]
            r.shuffle(periods)
        for start, end, own in periods:
            lines += [f"[[parameters.{name}.values]]", f"from = {start}"]
            lines += [f"to = {end}"] if end else []
            lines += [f"value = {json.dumps(own, ensure_ascii=False)}"]
            lines += ['source = "assumed: drawn for a test"', "verified = false"]
        lines.append("")
    return "\n".join(lines)


def draw_overrides(r: random.Random, values: dict[str, Any], drgs: list[str]) -> dict[str, str]:
    """Some values of another policy as `--set` texts; `values` is what they override."""
    other = draw_policy(r, drgs)
    texts = {}
    for key in r.sample(sorted(other), r.randint(1, 8)):
        known = CATALOGUE[key]
        if isinstance(known.takes, Pairs | Amounts) or key.startswith(
            ("bound.", "deposit_", "coef.")
        ):
            continue  # written in other ways for the two, or of no use alone
        value = other[key]
        if isinstance(known.takes, Bands | Tiers):
            texts[key] = json.dumps(value) if value != "none" else "none"
        elif isinstance(known.takes, Names | Weights):
            texts[key] = ",".join(value) or "none"
        elif isinstance(known.takes, Switch):
            texts[key] = "true" if value else "false"
        else:
            texts[key] = str(value)
        values[key] = value
    return texts


# --- cases


@dataclass(frozen=True)
class Profile:
    """The facts of a stay that decide its group, and the group they have in an ordinary stay."""

    sex: str
    age_years: int
    age_days: int | None
    birth_weight_g: int | None
    icu: str
    diagnoses: tuple[str, ...]
    procedures: tuple[str, ...]
    drg: str


@lru_cache
def profiles(name: str) -> tuple[Profile, ...]:
    """Profiles of a scheme: of as many of its groups as chance finds, ambiguous and none too."""
    scheme = model_scheme(name)
    r = random.Random(7)
    grouper = _kept(SCHEMES[name], (), None)
    tables = grouper.scheme
    dx: list[str] = tables.diagnoses.codes.to_pylist()
    px: list[str] = tables.procedures.codes.to_pylist()
    lists = {
        key: [(px if key[1].startswith("proc") else dx)[i - 1] for i in ids.tolist() if i]
        for key, ids in tables.lists.items()
    }

    def of(owner: str, kind: str) -> list[str]:
        return [c for (o, n), codes in lists.items() if o == owner and n[:4] == kind for c in codes]

    severe = tables.severity["code"].to_pylist()
    every_dx = sorted({c for (_, n), codes in lists.items() if n[:4] != "proc" for c in codes})
    every_px = sorted({c for (_, n), codes in lists.items() if n[:4] == "proc" for c in codes})
    found: dict[str, list[Profile]] = {}
    for turn in range(1500 if name != "zj-drg-2022" else 1200):
        adrg = r.choice(tables.adrgs)
        principals = of(adrg.key, "dx") or of(adrg.mdc, "dx") or every_dx
        main = of(adrg.key, "proc") or every_px
        if turn % 3 == 0:
            principals, main = every_dx, every_px
        diagnoses = [r.choice(principals), *r.sample(severe, r.choice([0, 0, 1, 2]))]
        procedures = [r.choice(main)] if r.random() < 0.6 else []
        procedures += r.sample(every_px, r.choice([0, 0, 1]))
        age = r.choice([0, 0, 5, 17, 45, 80])
        profile = Profile(
            r.choice("MF"),
            age,
            r.choice([3, 28, 200]) if age == 0 else None,
            r.choice([None, 1499, 1500, 2600]) if age == 0 else None,
            r.choice(["", "0", "1", "true"]),
            tuple(diagnoses),
            tuple(procedures),
            "",
        )
        drg = group_case(
            scheme,
            profile.sex,
            profile.age_years,
            profile.diagnoses,
            profile.procedures,
            age_days=profile.age_days,
            birth_weight_g=profile.birth_weight_g,
            los_days=5,
            icu=profile.icu in ("1", "true"),
        ).drg
        kept = found.setdefault(drg, [])
        if len(kept) < (6 if drg.endswith("QY") or drg == "0000" else 3):
            facts = {key: getattr(profile, key) for key in profile.__dataclass_fields__}
            kept.append(Profile(**{**facts, "drg": drg}))
    return tuple(profile for kept in found.values() for profile in kept)


@dataclass
class Drawn:
    """A region folder with what the model needs besides it."""

    folder: Path
    scheme: str
    readings: Readings
    values: dict[str, Any]
    overrides: dict[str, str]
    cases: list[Row]
    history: list[Row] | None
    notes: Counter[str] = field(default_factory=Counter)


def _weighted(r: random.Random, name: str) -> list[Profile]:
    """A few profiles, so that groups have many cases; grouped ones mostly."""
    every = profiles(name)
    odd = [p for p in every if p.drg == "0000" or p.drg.endswith("QY")]
    plain = [p for p in every if p not in odd]
    first = r.choice(plain)
    same_adrg = [p for p in plain if p.drg[:3] == first.drg[:3]]
    return [
        *r.sample(plain, min(len(plain), r.randint(1, 5))),
        *r.sample(same_adrg, min(len(same_adrg), r.randint(1, 3))),
        *r.sample(odd, r.choice([0, 0, 1, 1, 2])),
    ]


def _cost(r: random.Random, profile: Profile, means: Mapping[str, int]) -> int:
    """A cost in fen: on, or one fen beside, a limit of the group's mean; or anything; or 0."""
    mean = means.get(profile.drg, 800_000)
    kind = r.random()
    if kind < 0.06:
        return 0
    if kind < 0.5:
        multiple = r.choice("0.4 0.35 0.5 0.3333 1 1.2 1.3333 1.5 2 2.5 3 0.4 1.5 2 3".split())
        exact = Fraction(multiple) * mean
        return max(0, math.floor(exact) + r.choice([-1, 0, 0, 0, 1]))
    if kind < 0.95:
        return min(399_999_999, int(mean * math.exp(r.gauss(0, r.choice([0.2, 0.5, 1.5])))))
    return r.choice([1, 2, 99, 100, 50_000_000, 399_999_999])


def _draw_rows(
    r: random.Random,
    count: int,
    chosen: list[Profile],
    hospitals: list[str],
    pools: list[str],
    means: Mapping[str, int],
    values: Mapping[str, Any],
    prefix: str,
    year: int,
) -> list[Row]:
    patients = [f"P{i}" for i in range(max(1, count // r.choice([1, 3, 8])))]
    same_day = r.random() < 0.3  # many ties of admission and discharge
    ways = ["", "1", "1", "1", "2", "3", "4", "5", "9"]
    limit = values["long_stay.days"]
    near = [0, 1, 3, 10, 15, 31]
    rows: list[Row] = []
    profile_of: dict[str, Profile] = {}
    ids = [f"{prefix}{i:04d}" for i in range(count)]
    r.shuffle(ids)
    for case_id in ids:
        profile, hospital = r.choice(chosen), r.choice(hospitals)
        patient = r.choice(patients) if r.random() < 0.9 else ""
        if same_day:
            admission = dt.date(year, 5, 1) + dt.timedelta(r.choice([0, 0, 2, 5]))
        else:
            admission = dt.date(year, 1, 1) + dt.timedelta(r.randint(-12, 350))
        days = r.choice([0, 1, 2, 3, 4, 5, 7, 8, 12, 20])
        if limit != "none" and r.random() < 0.1:
            days = max(0, limit + r.choice([-1, 0, 1, 2, 25]))
        discharge = admission + dt.timedelta(days)
        referral = r.choice(["", "", "", "", "G1"])
        if rows and r.random() < 0.35:
            # right behind an earlier stay of somebody, so many days that a limit is met
            before = r.choice(rows)
            gap = r.choice([*near, *near, -1, 2, 16, 32])
            start = dt.date.fromisoformat(before["discharge_date"]) + dt.timedelta(gap)
            admission, discharge = start, start + dt.timedelta(min(days, 20))
            patient = before["patient_id"]
            if patient and r.random() < 0.4:  # referred, to another hospital mostly
                start = dt.date.fromisoformat(before["discharge_date"])
                admission = start + dt.timedelta(r.choice([0, 0, 1, 1, 2, 3, -1, 16]))
                discharge = admission + dt.timedelta(min(days, 20))
                before["referral_group"] = referral = before["referral_group"] or f"R{case_id}"
            elif r.random() < 0.9:
                hospital, profile = before["hospital_id"], profile_of[before["case_id"]]
                if r.random() < 0.3:  # another group of the same ADRG, perhaps
                    profile = r.choice([p for p in chosen if p.drg[:3] == profile.drg[:3]])
        settlement = ""
        if r.random() < 0.7:
            settled = discharge + dt.timedelta(r.choice([0, 0, 0, 1, 20]))
            if days and random.Random(f"settled {case_id} {admission}").random() < 0.05:
                settled = discharge - dt.timedelta(1)  # drawn apart: a finding that may hold it
            settlement = settled.isoformat()
        los = ""
        if r.random() < 0.5:
            given = (discharge - admission).days + r.choice([0, 0, 0, 1, 3])
            los = str(given)
        cost = _cost(r, profile, means)
        fund = r.choice([0, cost, cost // 2, int(cost * 0.7), r.randint(0, cost)])
        personal = r.choice([cost - fund, cost - fund, (cost - fund) // 2, 0])
        mode, bed_class = r.choice(["", "drg", "drg", "drg"]), ""
        if r.random() < 0.12:
            mode = "day_surgery"
        elif r.random() < 0.08:
            mode, bed_class = r.choice(["bed_day", "bed_day", "drg", ""]), r.choice(["PSY", "REH"])
        profile_of[case_id] = profile
        rows.append(
            {
                "case_id": case_id,
                "hospital_id": hospital,
                "patient_id": patient,
                # each pool has a case, lest most small regions be refused
                "pool": pools[len(rows)] if len(rows) < len(pools) else r.choice(pools),
                "sex": profile.sex,
                "age_years": str(profile.age_years),
                "age_days": "" if profile.age_days is None else str(profile.age_days),
                "birth_weight_g": (
                    "" if profile.birth_weight_g is None else str(profile.birth_weight_g)
                ),
                "admission_date": admission.isoformat(),
                "discharge_date": discharge.isoformat(),
                "settlement_date": settlement,
                "los_days": los,
                "icu": profile.icu,
                "diagnoses": "|".join(profile.diagnoses),
                "procedures": "|".join(profile.procedures),
                "total_cost": yuan(cost),
                "pool_fund": yuan(fund),
                "personal_paid": yuan(personal),
                "payment_mode": mode,
                "bed_day_class": bed_class,
                "discharge_way": r.choice(ways),
                "planned_readmission": r.choice(["", "否", "否", "是"]),
                "referral_group": referral,
                "deductible": _deductible(case_id, cost),
            }
        )
    return rows


def _deductible(case_id: str, cost: int) -> str:
    """A deductible in yuan or none; drawn apart, so that other columns stay as they were."""
    r = random.Random(f"{case_id} {cost}")
    return r.choice(["", "0", "300.00", "300", "500.00", "800.00", "800.01", yuan(cost)])


def _past(r: random.Random, rows: list[Row]) -> list[Row]:
    """Past cases: some groups with equal costs, some with one case, cases of years too far back."""
    equal = r.random() < 0.25
    for row in rows:
        year = YEAR - r.choice([1, 1, 1, 2, 2, 3, 4])
        for name in ("admission_date", "discharge_date", "settlement_date"):
            if row[name]:
                day = dt.date.fromisoformat(row[name])
                row[name] = day.replace(year=year, day=min(day.day, 28)).isoformat()
        if 0 < _fen(row["total_cost"]) < 10_000:  # an all-DRG mean below 1 yuan is refused
            row["total_cost"] = yuan(_fen(row["total_cost"]) + 10_000)
        if row["discharge_date"] < row["admission_date"]:
            row["admission_date"] = row["discharge_date"]
        if equal:
            row["total_cost"] = yuan(800_000)
            fund = r.randint(0, 800_000)
            row["pool_fund"], row["personal_paid"] = yuan(fund), yuan(800_000 - fund)
    return rows


# --- folders


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(header), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _number(text: str) -> int | None:
    return int(text) if text else None


def typed_table(rows: list[Row], r: random.Random) -> pa.Table:
    """The cases as a typed table: dates, decimals, integers, lists; each of them or as text."""
    columns: dict[str, Any] = {}
    for name in CASE_COLUMNS:
        texts = [row[name] for row in rows]
        columns[name] = pa.array(texts, pa.string())
        if r.random() < 0.3:
            continue
        if name in ("age_years", "age_days", "birth_weight_g", "los_days"):
            kind = r.choice([pa.int32(), pa.int64(), pa.float64()])
            columns[name] = pa.array([_number(text) for text in texts], kind)
        elif name.endswith("_date"):
            dates = [dt.date.fromisoformat(text) if text else None for text in texts]
            kind = r.choice([pa.date32(), pa.timestamp("ms")])
            columns[name] = pa.array(dates, pa.date32()).cast(kind)
        elif name in ("total_cost", "pool_fund", "personal_paid", "deductible"):
            amounts = [Decimal(text) if text else None for text in texts]
            if r.random() < 0.5:
                columns[name] = pa.array(amounts, pa.decimal128(14, r.choice([2, 4])))
            else:
                floats = [None if x is None else float(x) for x in amounts]
                columns[name] = pa.array(floats, pa.float64())
        elif name in ("diagnoses", "procedures"):
            columns[name] = pa.array([text.split("|") if text else [] for text in texts])
            columns[name] = columns[name].cast(pa.list_(pa.string()))
        elif name in WORDS:
            columns[name] = pa.array([text or None for text in texts], pa.string())
            if r.random() < 0.5:
                columns[name] = columns[name].dictionary_encode()
    return pa.table(columns)


def write_cases(folder: Path, stem: str, rows: list[Row], r: random.Random) -> list[str]:
    """Write cases as one or two files of one or the other kind; return their names."""
    folder.mkdir(exist_ok=True)
    cut = r.randint(0, len(rows)) if r.random() < 0.3 else len(rows)
    names = []
    for number, part in enumerate((rows[:cut], rows[cut:])):
        if not part:
            continue
        if r.random() < 0.5:
            names.append(f"{stem}{number}.csv")
            write_csv(folder / names[-1], CASE_COLUMNS, part)
        else:
            names.append(f"{stem}{number}.parquet")
            size = max(1, len(part) // r.choice([1, 1, 2, 5]))
            pq.write_table(typed_table(part, r), folder / names[-1], row_group_size=size)
    return names


def draw_region(folder: Path, seed: int, scheme: str | None = None) -> Drawn:
    """Write a region drawn from a seed."""
    r = random.Random(seed)
    name = scheme or r.choice(
        ["ex1-tiny", "ex1-tiny", "testland-tiny", "testland-tiny", "zj-drg-2022"]
    )
    chosen = _weighted(r, name)
    drgs = sorted({p.drg for p in chosen if p.drg != "0000" and not p.drg.endswith("QY")})
    values = draw_policy(r, drgs)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "policy.toml").write_text(policy_text(values, r), encoding="utf-8")
    overrides = draw_overrides(r, values, drgs) if r.random() < 0.4 else {}

    hospitals = [f"H{i}" for i in range(1, r.randint(2, 7))]
    idle = [f"IDLE{i}" for i in range(r.choice([0, 1, 2]))]  # hospitals without a case
    everyone = hospitals + idle
    r.shuffle(everyone)
    pools = r.choice([["310"], ["310"], ["310", "390"], ["390", "310"], ["X1", "310", "390"]])
    means = {
        drg: r.choice([1_000_000, 777_777, 3_125_000, r.randint(50_000, 9_000_000)]) for drg in drgs
    }

    count = r.choice([r.randint(5, 12), r.randint(12, 60), r.randint(12, 60)])
    rows = _draw_rows(r, count, chosen, hospitals, pools, means, values, "C", YEAR)
    history: list[Row] | None = None
    lines = ["[region]", f'id = "drawn-{seed}"', f'name = "第{seed}区（虚构）"', f"year = {YEAR}"]
    lines += ['policy = "policy.toml"', f"scheme = {json.dumps(SCHEMES[name])}"]
    surgical_match = r.choice([None, None, "main", "any"])
    readings = _draw_readings(seed, surgical_match)
    lines += [f'{reading} = "{choice}"' for reading, choice in readings]
    if r.random() < 0.5:
        given = [
            {
                "drg": drg,
                "group_mean_yuan": yuan(means[drg]),
                "stable": r.choice(["yes", "yes", "yes", "", "no"]),
            }
            for drg in drgs
            if r.random() < 0.9
        ]
        all_mean = r.choice([1_250_000, 1_000_000, r.randint(300_000, 3_000_000)])
        word = "all_drg_mean_yuan"
        own = random.Random(f"weights {seed}")
        if own.random() < 0.5:
            word = own.choice([word, "weight_rate_yuan"])
            _write_weights(folder, own, given, all_mean, values["point_scale"])
        else:
            write_csv(folder / "base_points.csv", ("drg", "group_mean_yuan", "stable"), given)
        lines.append(f'{word} = "{yuan(all_mean)}"')
    else:
        drawn = _draw_rows(
            r,
            r.choice([6, 20, 20, 60, 60, 120]),
            chosen,
            hospitals,
            pools,
            means,
            values,
            "V",
            YEAR - 1,
        )
        history = _past(r, drawn)
        write_cases(folder / "history", "past", history, r)
    names = write_cases(folder, "cases", rows, r)
    lines.append(f"cases = {json.dumps(names)}")
    recorded = {
        pool: sum(_fen(row["pool_fund"]) for row in rows if row["pool"] == pool) for pool in pools
    }
    budgets = 0
    targets: dict[str, int] = {}
    for pool in pools:
        budget = r.choice([recorded[pool], int(recorded[pool] * r.uniform(0.4, 1.7)) + 1])
        budgets += budget
        lines += ["", "[[pools]]", f'pool = "{pool}"', f'budget_yuan = "{yuan(budget)}"']
        if r.random() < 0.5:
            outside = r.choice([1, budget // 20, budget // 3])
            lines.append(f'out_of_area_fund_yuan = "{yuan(outside)}"')
        if r.random() < 0.3:
            last = r.choice([budget, -(-budget * 10 // 11), budget * 10 // 11 - 2, budget * 2])
            lines.append(f'last_year_fund_yuan = "{yuan(max(0, last))}"')
            lines += ['growth_approval = "批复（虚构）"'] if r.random() < 0.9 else []
        own_target = _own_target(seed, pool, budget)
        if own_target is not None:
            targets[pool] = own_target
            lines.append(f'control_target_yuan = "{yuan(own_target)}"')
    if r.random() < 0.4:
        lines += _ceiling(r, budgets, pools, targets)
    (folder / "region.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_tables(folder, r, everyone, drgs, rows, pools, recorded, history is not None)
    return Drawn(folder, name, readings, values, overrides, rows, history)


def _draw_readings(seed: int, surgical_match: str | None) -> Readings:
    """Some of the readings that a scheme leaves open; drawn apart, so that the rest stays the same."""
    r = random.Random(f"{seed} readings")
    others = {name: r.choice(choices) for name, choices in READINGS.items() if r.random() < 0.3}
    others.pop("surgical_match", None)
    return asked_readings(others, surgical_match)


def _write_primary(folder: Path, r: random.Random, drgs: list[str]) -> None:
    """A dated list of primary groups now and then: of this scheme, of another, of another year."""
    if r.random() < 0.6:
        return
    head = ("drg", "scheme", "from_date", "to_date")
    periods = [("", ""), (f"{YEAR}-01-01", ""), ("", f"{YEAR - 1}-12-31"), ("2019-07-01", "")]
    rows = [
        (drg, r.choice(["", "", "chs-drg-1.1"]), *r.choice(periods))
        for drg in r.sample(drgs, min(len(drgs), 2))
    ]
    write_csv(folder / "primary_groups.csv", head, [dict(zip(head, x, strict=True)) for x in rows])


def _write_new_technology(folder: Path, r: random.Random, rows: list[Row]) -> None:
    """Items of new technology: dated, and of some cases, of nobody, or of a day outside the list."""
    if r.random() < 0.5:
        return
    head = ("item", "from_date", "to_date")
    listed = [("N1", "", ""), ("N2", f"{YEAR}-04-01", f"{YEAR}-06-30"), ("N2", f"{YEAR}-09-01", "")]
    write_csv(
        folder / "new_technology_items.csv", head, [dict(zip(head, x, strict=True)) for x in listed]
    )
    some = []
    for row in rows:
        if r.random() < 0.4:
            cost = _fen(row["total_cost"])
            first = r.choice([0, 1, cost // 3, cost // 2, min(12_345, cost // 2)]) if cost else 0
            parts = [("N1", min(first, cost)), ("N2", r.choice([0, cost // 4, 1]) if cost else 0)]
            some += [
                {"case_id": row["case_id"], "item": item, "amount_yuan": yuan(fen)}
                for item, fen in parts
                if fen + parts[0][1] <= cost and r.random() < 0.8
            ]
    some.append({"case_id": "NOBODY", "item": "N1", "amount_yuan": "5.00"})
    write_csv(folder / "new_technology.csv", ("case_id", "item", "amount_yuan"), some)


def _write_weights(
    folder: Path, r: random.Random, given: list[dict[str, str]], all_mean: int, scale: Any
) -> None:
    """Weights near the means that costs are drawn around, in as many decimals as are published."""
    places = r.choice([2, 2, 3, 4] if r.random() < 0.1 or scale != "100.5" else [2, 3])
    rows = []
    for row in given:
        exact = Fraction(row["group_mean_yuan"]) * 100 / all_mean
        weight = max(Decimal(1).scaleb(-places), round(Decimal(float(exact)), places))
        rows.append({"drg": row["drg"], "weight": str(weight), "stable": row["stable"]})
    write_csv(folder / "weights.csv", ("drg", "weight", "stable"), rows)


def _own_target(seed: int, pool: str, budget: int) -> int | None:
    """A control target of a pool, drawn apart: often as much as is due, so that something waits."""
    own = random.Random(f"target {seed} {pool}")
    if random.Random(f"targets {seed}").random() < 0.5 or own.random() < 0.1:
        return None
    return own.choice([budget, budget * 11 // 10, budget * 3 // 2, budget * 3, budget * 9])


def _ceiling(
    r: random.Random, budgets: int, pools: list[str], targets: Mapping[str, int]
) -> list[str]:
    """The region's target: never below the pools' own, nor below the reserves inside it."""
    lines = ["", "[ceiling]"]
    target = r.choice([budgets * 4, budgets * 3, budgets * 2, budgets])
    own = random.Random(f"ceiling {target} {r.getstate()[1][:4]}")
    target = max(target * own.choice([1, 1, 3]), sum(targets.values()))
    lines.append(f'control_target_yuan = "{yuan(target)}"')
    room = {pool: fen // 2 for pool, fen in targets.items()} | {"": target // 2}
    for kind, amounts in (
        ("reserves", [0, budgets // 10, budgets * 5, budgets * 5]),
        ("payments", [1, 50_000, budgets // 5]),
    ):
        for i in range(r.randint(0, 2) + (kind == "reserves")):
            amount = r.choice(amounts)
            pool = own.choice(pools) if own.random() < 0.4 else ""
            lines += [f"[[ceiling.{kind}]]", f'name = "{kind}-{i}"']
            lines.append(f'amount_yuan = "{yuan(amount)}"')
            lines += [f'pool = "{pool}"'] if pool else []
            if kind == "payments":
                continue
            fits = all(amount <= room.get(place, amount) for place in ("", pool))
            if fits and r.random() < 0.7:
                lines += ["inside_target = true"] if r.random() < 0.5 else []
                room = {p: left - amount * (p in ("", pool)) for p, left in room.items()}
            else:
                lines.append("inside_target = false")
    return lines


def _write_tables(
    folder: Path,
    r: random.Random,
    everyone: list[str],
    drgs: list[str],
    rows: list[Row],
    pools: list[str],
    recorded: Mapping[str, int],
    has_history: bool,
) -> None:
    """All small tables of a region: of every source of coefficients, and what hospitals owe."""
    standings = ["", "normal", "normal", "normal", "penalised", "ended"]
    write_csv(
        folder / "hospitals.csv",
        ("hospital_id", "name", "level", "community_id", "standing"),
        [
            {
                "hospital_id": h,
                "name": f"{h}医院（虚构）",
                "level": r.choice(LEVELS),
                "community_id": r.choice(["", "Y1", "Y1", "Y2"]),
                "standing": r.choice(standings),
            }
            for h in everyone
        ],
    )
    numbers = ["1", "1.06", "0.98", "0.910000", "0.87654", "1.123457"]
    own = [{"hospital_id": h, "coefficient": r.choice(numbers)} for h in everyone]
    for h in everyone:
        some = r.sample([*drgs, "0000"], min(len(drgs), r.choice([0, 0, 1, 2])))
        own += [{"hospital_id": h, "drg": d, "coefficient": r.choice(numbers)} for d in some]
    apart = random.Random(f"primary {rows[0]}")
    own = [row for row in own if "drg" in row or apart.random() < 0.97]
    _write_primary(folder, apart, drgs)
    r.shuffle(own)
    write_csv(folder / "coefficients.csv", ("hospital_id", "coefficient", "drg"), own)
    levels = [{"level": level, "coefficient": r.choice(numbers)} for level in LEVELS]
    write_csv(folder / "level_coefficients.csv", ("level", "coefficient"), levels)
    given = ["catalogue"] if r.random() < 0.95 else []
    # without a history a component that is not given cannot be told
    given = list(COMPONENTS) if r.random() < (0.2 if has_history else 0.9) else given
    some = [(h, c) for h in everyone for c in COMPONENTS if c in given or r.random() < 0.1]
    values = ["1", "1.2", "0.8", "0.333333", "1.0625"] * 4 + ["0"]
    components = [{"hospital_id": h, "component": c, "value": r.choice(values)} for h, c in some]
    write_csv(folder / "components.csv", ("hospital_id", "component", "value"), components)
    shares = ["0", "0.25", "0.5", "0.499999", "1"]
    tcm = [{"hospital_id": h, "treatment_share": r.choice(shares)} for h in everyone]
    write_csv(
        folder / "tcm.csv",
        ("hospital_id", "treatment_share"),
        [row for row in tcm if r.random() < 0.6],
    )
    write_csv(
        folder / "scores.csv",
        ("hospital_id", "score"),
        [
            {"hospital_id": h, "score": r.choice(["1", "0.9", "0", "0.8333", "0.95", "0.6"])}
            for h in r.sample(everyone, len(everyone))
        ],
    )
    rates = [40_000, 33_333, 1, 120_050]
    bands = []
    for name in ("REH", "PSY", "LONG"):
        for level in ("", *r.sample(LEVELS, r.choice([0, 0, 1, 2]))):
            starts = [1, *r.sample([2, 4, 5, 8, 31, 61], r.choice([0, 0, 1, 2]))]
            bands += [
                {
                    "bed_day_class": name,
                    "level": level,
                    "from_day": start,
                    "rate_yuan": yuan(r.choice(rates)),
                }
                for start in starts
            ]
    r.shuffle(bands)
    write_csv(
        folder / "bed_day_rates.csv", ("bed_day_class", "rate_yuan", "level", "from_day"), bands
    )
    reviews = [
        {
            "case_id": row["case_id"],
            "decision": r.choice(["granted", "granted", "refused"]),
            "unreasonable_yuan": yuan(
                r.choice([0, _fen(row["total_cost"]), _fen(row["total_cost"]) // 7])
            ),
            "points": r.choice(["", "", "", "", "0", "123.4567", "80.5"]),
        }
        for row in rows
        if r.random() < 0.4
    ]
    if r.random() < 0.3:
        reviews.append({"case_id": "NOBODY", "decision": "granted", "unreasonable_yuan": "1.00"})
    if reviews:
        header = ("case_id", "decision", "unreasonable_yuan", "points")
        write_csv(folder / "reviews.csv", header, reviews)
    spent = {row["case_id"] for row in reviews if _fen(row["unreasonable_yuan"]) > 100}
    costs = {row["case_id"]: _fen(row["total_cost"]) for row in rows}
    whole = {
        row["case_id"]
        for row in reviews
        if row["case_id"] in spent
        and _fen(row["unreasonable_yuan"]) * 2 > costs.get(row["case_id"], 0)
    }
    _write_new_technology(
        folder,
        random.Random(f"new technology {rows[0]}"),
        [row for row in rows if row["case_id"] not in whole],
    )
    pairs = [(h, p) for h in everyone for p in pools]
    if r.random() < 0.6:
        write_csv(
            folder / "violations.csv",
            ("hospital_id", "pool", "amount_yuan", "points"),
            [
                {
                    "hospital_id": h,
                    "pool": p,
                    "amount_yuan": yuan(r.choice([0, 1, 50_000, 123_456])),
                    "points": r.choice(["", "", "", "", "0", "1.5", "37.0001", "100000"]),
                }
                for h, p in r.choices(pairs, k=r.randint(1, 4))
            ],
        )
    head = (f"drawn-{folder_seed(folder)}",)
    if r.random() < 0.4:
        written = r.random() < 0.5  # by a run, as its digest says; else by hand
        amounts = [
            (h, p, r.choice([10_000, 1, -25_000, 0]), f"drawn-x 2023 ({number})")
            for number, (h, p) in enumerate(r.choices(pairs, k=r.randint(1, 3)), start=1)
        ]
        origin = (*head, "f" * 64, rows_digest((*head, "f" * 64), amounts))
        write_csv(
            folder / "carried.csv",
            ("hospital_id", "pool", "amount_yuan", "from", *CARRIED_ORIGIN),
            [
                {
                    "hospital_id": h,
                    "pool": p,
                    "amount_yuan": f"{'-' if fen < 0 else ''}{yuan(abs(fen))}",
                    "from": said,
                    **(dict(zip(CARRIED_ORIGIN, origin, strict=True)) if written else {}),
                }
                for h, p, fen, said in amounts
            ],
        )
    if r.random() < 0.6:
        own_fund = dict.fromkeys(pairs, 0)
        for row in rows:
            own_fund[row["hospital_id"], row["pool"]] += _fen(row["pool_fund"])
        by_months = r.random() < 0.4
        sums: list[tuple[str, str, int, int | None]] = []
        for h, p in r.sample(pairs, r.randint(1, len(pairs))):
            fund = own_fund[h, p]
            paid = r.choice([0, fund, fund * 19 // 20] + [recorded[p], 1] * by_months)
            kept = r.choice([None, 0, (fund - paid) // 2 if fund > paid else 0])
            if r.random() < 0.02:
                paid, kept = fund + 1, 33_333
            sums.append((h, p, paid, kept if kept is not None or not by_months else 7))
        months = (*head, str(YEAR), "e" * 64)
        origin = (*months, rows_digest(months, sums))
        write_csv(
            folder / "prepaid.csv",
            ("hospital_id", "pool", "prepaid_yuan", "deposit_yuan", *PREPAID_ORIGIN),
            [
                {
                    "hospital_id": h,
                    "pool": p,
                    "prepaid_yuan": yuan(paid),
                    "deposit_yuan": "" if kept is None else yuan(kept),
                    **(dict(zip(PREPAID_ORIGIN, origin, strict=True)) if by_months else {}),
                }
                for h, p, paid, kept in sums
            ],
        )
    shares = ["0.08"] * 11 + ["0.12"]
    r.shuffle(shares)
    write_csv(
        folder / "month_shares.csv",
        ("month", "share"),
        [{"month": month, "share": share} for month, share in enumerate(shares, start=1)],
    )
    if r.random() < 0.4:
        months = [(h, p, m) for h, p in pairs for m in range(1, 13) if r.random() < 0.5]
        write_csv(
            folder / "last_year_months.csv",
            ("hospital_id", "pool", "month", "fund_yuan"),
            [
                {
                    "hospital_id": h,
                    "pool": p,
                    "month": m,
                    "fund_yuan": yuan(r.choice([0, 700_000, recorded[p] // 3])),
                }
                for h, p, m in months or [(everyone[0], pools[0], 1)]
            ],
        )


def folder_seed(folder: Path) -> int:
    """The seed of a drawn region, by its id."""
    text = (folder / "region.toml").read_text(encoding="utf-8")
    return int(text.split('id = "drawn-')[1].split('"')[0])


def _fen(text: str) -> int:
    return int(Fraction(text) * 100)


# --- comparison


def run_both(drawn: Drawn, threads: int = 1) -> tuple[YearEnd, Settlement] | None:
    """Settle a drawn region twice; None when both refuse it. Fails when only one does."""
    fast: YearEnd | str
    model: Settlement | str
    texts = [f"{key}={value}" for key, value in drawn.overrides.items()]
    try:
        fast = engine.year_end(drawn.folder, overrides=texts, threads=threads)
    except DrgpayError as error:
        fast = str(error)
    try:
        model = settle_region(
            drawn.folder,
            scheme=model_scheme(drawn.scheme, drawn.readings),
            overrides=drawn.overrides,
            cases=drawn.cases,
            history=drawn.history,
        )
    except ValueError as error:
        model = str(error)
    if isinstance(fast, str) and isinstance(model, str):
        drawn.notes["refused: " + fast.splitlines()[0][:60]] += 1
        return None
    assert not isinstance(fast, str), f"{drawn.folder}: only the engine refuses: {fast}"
    assert not isinstance(model, str), f"{drawn.folder}: only the model refuses: {model}"
    return fast, model


def exact(value: Any) -> Any:
    return Fraction(value) if isinstance(value, Decimal) else value


HOSPITAL_COLUMNS = (
    "hospital_id pool cases points not_pool_fen recorded_fund_fen due_fen prepaid_fen "
    "deposit_fen forfeited_fen shared_fen violation_fen carried_fen final_fen points_deducted money_fen "
    "held_cases held_fund_fen bound deferred_fen"
).split()
POOL_COLUMNS = (
    "pool budget_fen settled_fen points point_value_fraction residual_fen cases "
    "recorded_fund_fen not_pool_fen available_budget_fen provision_fen points_deducted money_fen held_cases "
    "solution"
).split()
DRG_COLUMNS = (
    "drg cases points total_cost_fen group_mean_fen base_points stable n_before n_after trimmed "
    "origin"
).split()
COMPARED = (
    "hospital_id pool mdc adrg drg status severity severity_diagnosis case_class coefficient days "
    "total_cost_fen pool_fund_fen not_pool_fen unreasonable_fen points_before_readmission points "
    "readmission group_mean_fen base_points month correction_month paid_by price_fen chain"
).split()


def _rows(table: pa.Table, columns: Iterable[str]) -> list[tuple[Any, ...]]:
    lists = [[exact(v) for v in table[name].to_pylist()] for name in columns]
    return list(zip(*lists, strict=True))


def same(what: str, own: Any, due: Any) -> None:
    """Fail if two values differ; says where, as this module's asserts are not rewritten."""
    if own == due:
        return
    if isinstance(own, list) and isinstance(due, list):
        gone = [row for row in due if row not in own]
        new = [row for row in own if row not in due]
        raise AssertionError(f"{what}: only the model {gone[:5]}, only the engine {new[:5]}")
    raise AssertionError(f"{what}: engine {own!r}, model {due!r}")


REFERRAL_FIELDS = (
    "chain_number chain stay_number hospital_id level community_id drg lead total_cost_fen points "
    "deductible_fen excess_fen chain_stays chain_paid_fen chain_due_fen"
).split()


def fast_referrals(run: YearEnd) -> dict[str, Any]:
    """The table `referrals` by case, as pairs of name and value."""
    if "referrals" not in run.extra:
        return {}
    rows = run.extra["referrals"].tables()["referrals"].to_pylist()
    return {
        row["case_id"]: tuple((name, exact(row[name])) for name in REFERRAL_FIELDS) for row in rows
    }


def model_referrals(model: Settlement) -> dict[str, Any]:
    return {
        row.case_id: tuple((name, getattr(row, name)) for name in REFERRAL_FIELDS)
        for row in model.referrals
    }


FUND_FIELDS = (
    "alone_fen moved_fen prepaid_fen payable_fen deferred_fen recover_fen cash_fen"
).split()


def fast_funds(run: YearEnd) -> dict[str, Any]:
    """What leaves each fund, as pairs of name and value."""
    return {
        f.pool: (
            *((name, getattr(f, name)) for name in FUND_FIELDS),
            ("drawn", sum(d.drawn_fen for d in f.ceiling.drawn) if f.ceiling else 0),
        )
        for f in run.funds
    }


def model_funds(model: Settlement) -> dict[str, Any]:
    return {
        f.pool: (*((name, getattr(f, name)) for name in FUND_FIELDS), ("drawn", f.drawn_fen))
        for f in model.funds
    }


def compare(fast: YearEnd, model: Settlement) -> int:
    """Fail at the first difference; return the number of cases compared."""
    expected_cases = {row.case_id: row for row in model.cases}
    paid = 0
    for table in case_tables(fast):
        columns = {name: table[name].to_pylist() for name in ("case_id", *COMPARED)}
        for i, case_id in enumerate(columns["case_id"]):
            if columns["status"][i] == "quarantined":
                continue
            paid += 1
            row = expected_cases[case_id]
            for name in COMPARED:
                own, due = exact(columns[name][i]), row[name]
                if name in ("mdc", "adrg", "severity_diagnosis"):
                    own = own or ""
                    if name == "mdc" and row.status == "ungroupable":
                        continue  # the engine names the MDC that accepted the case, too
                if name == "group_mean_fen" and row.case_class == "bed_day":
                    due = None  # what a day is paid by does not come from the group
                if name in ("correction_month", "chain"):
                    own = own or ""
                if name == "price_fen":
                    own = own or 0
                assert own == due, f"{case_id}, {name}: engine {own!r}, model {due!r}"
    same("cases", paid, len(model.cases))
    same("reviews without effect", sorted(n[2] for n in fast.notes.rows), [*model.idle_reviews])
    outside = sorted(n[2] for n in fast.quarantine.rows if n[5] == "outside_year")
    same("cases of another year", outside, sorted(model.outside_year))
    for name, table, columns, rows in (
        ("hospitals", hospitals_table(fast), HOSPITAL_COLUMNS, model.hospitals),
        ("pools", pools_table(fast), POOL_COLUMNS, model.pools),
        ("drgs", drgs_table(fast), DRG_COLUMNS, model.drgs),
    ):
        due_rows = [tuple(row[c] for c in columns) for row in rows]
        if name == "drgs":  # a group without base points has no origin
            due_rows = [(*row[:-1], row[-1] or None) for row in due_rows]
        same(name, _rows(table, columns), due_rows)
    values = [p.point_value_fen / 100 for p in fast.pools]
    same("point values", values, [p.point_value for p in model.pools])
    same("all-DRG mean", fast.base.all_mean_fen, model.all_drg_mean_fen)
    same("funds", fast_funds(fast), model_funds(model))
    same("referrals", fast_referrals(fast), model_referrals(model))
    drgs = drgs_table(fast)
    for name in ("cv_before", "cv_after"):
        for own, row in zip(drgs[name].to_pylist(), model.drgs, strict=True):
            due = row[name]
            close = own == due if None in (own, due) else math.isclose(own, due, abs_tol=1e-12)
            assert close, f"{row.drg}, {name}: engine {own!r}, model {due!r}"
    return paid
