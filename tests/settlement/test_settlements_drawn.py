"""Drawn regions, each settled under many drawn policies, engine against model to the last fen.

A region is written and read once, its cases are grouped once; what changes from policy to policy
is every parameter but those by which cases are read (`READING`).
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from drgpay.ground.errors import DrgpayError
from drgpay.ground.money import POINT
from drgpay.grouper.versions import any_grouper
from drgpay.points.kernels import COEF_ONE
from drgpay.policy import Policy, YearPolicy, load_policy
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.constraints import NONE, Names, Switch
from drgpay.policy.year import InForce
from drgpay.region.later import REMOVE, LaterViolation
from drgpay.region.region import read_region
from drgpay.reopening.reopen import correct_cases
from drgpay.settlement.by_month import months_of
from drgpay.settlement.doubts import BIT, holding
from drgpay.settlement.prepare import READING, Prepared, prepare
from drgpay.settlement.scoring import CASE_CLASSES, PAID_BY
from drgpay.settlement.year_end import YearEnd, settle_prepared
from reference.model import Groupings, Scheme, Settlement, group_region, settle
from reference.model.policy import Policy as ModelPolicy
from reference.model.policy import load_policy as load_model_policy
from reference.model.region import Region as ModelRegion
from reference.model.region import read_region as read_model_region
from reference.model.stay import year_of
from tests.settlement.regions import (
    SCHEMES,
    YEAR,
    Drawn,
    draw_policy,
    draw_region,
    draw_weights,
    fast_funds,
    fast_referrals,
    model_funds,
    model_referrals,
    model_scheme,
    policy_text,
)

# --- one region, read once by both


@dataclass
class Both:
    """A drawn region as engine and model hold it."""

    drawn: Drawn
    prepared: Prepared
    region: ModelRegion
    scheme: Scheme
    groupings: Groupings
    like: ModelPolicy
    reading: Mapping[str, Any]
    drgs: list[str]


def year_policy(values: Mapping[str, Any]) -> YearPolicy:
    """The engine's policy of these values, as if it were read from a file."""
    parameters = {
        key: InForce(
            key, key, CATALOGUE[key].unit, raw, CATALOGUE[key].read(raw),
            "assumed: drawn", False, "2019-01-01", "",
        )
        for key, raw in values.items()
    }  # fmt: skip
    return YearPolicy("drawn", "", "", YEAR, parameters)


def model_policy(values: Mapping[str, Any], like: ModelPolicy) -> dict[str, Any]:
    """The model's parameters of these values; `like` was read from a file."""
    periods = {
        key: tuple(
            type(own[0])(own[0].first, own[0].last, values[key], "drawn", False) for _ in "1"
        )
        for key, own in like.parameters.items()
    }
    return ModelPolicy("drawn", "", periods).for_year(YEAR)


_GROUPERS: dict[tuple[str, Any], Any] = {}


@cache
def _loaded() -> tuple[Policy, ModelPolicy]:
    """A policy as both read it from a file; the values of each region take the place of its own."""
    with tempfile.TemporaryDirectory() as place:
        values = draw_policy(random.Random(0), ["GB15"])
        (Path(place) / "policy.toml").write_text(policy_text(values), encoding="utf-8")
        folder = Path(place)
        return load_policy("policy.toml", folder), load_model_policy("policy.toml", folder)


def both_of(folder: Path, seed: int) -> Both:
    """Draw, write and read a region; the policy it is read with lets every rule be tried."""
    drawn = draw_region(folder, seed)
    values = dict(drawn.values)
    # what a reading under these two keeps serves all policies
    values |= {"readmission.same": "hospital_category", "referral.rule": "one_stay"}
    values["readmission.days"] = 15
    values["grouped.share_min"] = "0"  # it refuses a region before any policy is tried on it
    loaded, like = _loaded()
    loaded = replace(loaded, path=folder / "policy.toml")  # its digest is of no interest here
    key = (drawn.scheme, drawn.readings)
    if key not in _GROUPERS:
        _GROUPERS[key] = any_grouper(SCHEMES[drawn.scheme], drawn.readings, None, folder)
    region = read_region(folder)
    policy = year_policy(values)
    prepared = prepare(region, loaded, policy, grouper=_GROUPERS[key], threads=1)
    own = read_model_region(folder, drawn.cases, drawn.history)
    scheme = model_scheme(*key)
    groupings = group_region(own, model_policy(values, like), scheme)
    drgs = sorted({g.drg for g in groupings.cases.values() if g.status == "grouped"})
    return Both(drawn, prepared, own, scheme, groupings, like, values, drgs)


def policies(both: Both, seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Drawn policies that read the cases as the region was read."""
    assert set(both.like.parameters) == set(CATALOGUE)
    r = random.Random(seed * 1_000_003 + 1)
    for _ in range(count):
        values = draw_policy(r, both.drgs or ["GB15"])
        values |= {key: both.reading[key] for key in READING}
        # asked where the cases are read
        values["grouped.share_min"] = both.reading["grouped.share_min"]
        values["history.year_weights"] = draw_weights(r, values["history_years"])
        yield values


# --- one settlement


def draw_later(both: Both, r: random.Random) -> dict[str, str]:
    """Groups that later violations put some cases into, `remove` included; mostly none."""
    if r.random() < 0.6:
        return {}
    p = model_policy(both.reading, both.like)
    cases = sorted(c.case_id for c in both.region.cases if year_of(c, p) == YEAR)
    kept = ("surgical", "medical")
    groups = [d.code for m in both.scheme.mdcs for a in m.adrgs if a.kind in kept for d in a.drgs]
    kinds = [REMOVE, *both.drgs, r.choice(groups)]
    some = r.sample(cases, min(len(cases), r.choice([1, 1, 2, 5])))
    return {case: r.choice(kinds) for case in some}


def reopen_prepared(both: Both, later: Mapping[str, str]) -> None:
    """Let the prepared cases be those of a reopened year."""
    own = {case.case_id: case for case in both.region.cases}
    both.prepared, _ = correct_cases(
        both.prepared,
        [
            LaterViolation(
                2, own[i].hospital_id, own[i].pool, 0, 0, i, drg, f"文书 {i}", "2025-03-01"
            )
            for i, drg in later.items()
        ],
    )


def settle_both(
    both: Both, values: Mapping[str, Any], later: Mapping[str, str] | None = None
) -> tuple[Any, Any]:
    """The two results, reopened with `later` corrections; a text where one refuses."""
    fast: YearEnd | str
    model: Settlement | str
    later = later or {}
    reopen_prepared(both, later)
    removed = [case for case, drg in later.items() if drg == REMOVE]
    regrouped = {case: drg for case, drg in later.items() if drg != REMOVE}
    try:
        fast = settle_prepared(both.prepared, year_policy(values))
    except DrgpayError as error:
        fast = str(error)
    try:
        model = settle(
            both.region,
            model_policy(values, both.like),
            both.scheme,
            both.groupings,
            removed=removed,
            regrouped=regrouped,
        )
    except ValueError as error:
        model = str(error)
    return fast, model


def differences(fast: YearEnd, model: Settlement) -> list[str]:
    """All that differs: cases, groups, hospitals, pools, reviews without effect."""
    found = []
    for what, own, due in (
        ("case", fast_cases(fast), model_cases(model)),
        ("drg", fast_drgs(fast), model_drgs(model)),
        ("hospital", fast_hospitals(fast), model_hospitals(model)),
        ("pool", fast_pools(fast), model_pools(model)),
        ("idle", {n[2]: () for n in fast.notes.rows}, {x: () for x in model.idle_reviews}),
        ("all-DRG mean", {"": fast.base.all_mean_fen}, {"": model.all_drg_mean_fen}),
        (
            "over quota",
            {"": _over(fast)},
            {"": tuple(x.replace("region", "") for x in model.over_quota)},
        ),
        ("coefficient", *coefficients(fast, model)),
        ("month", fast_months(fast), model_months(model)),
        ("ceiling", fast_ceiling(fast), model_ceiling(model)),
        ("fund", fast_funds(fast), model_funds(model)),
        ("referral", fast_referrals(fast), model_referrals(model)),
    ):
        if own == due:
            continue
        for key in sorted(set(own) | set(due), key=str):
            if own.get(key) != due.get(key):
                found.append(f"{what} {key}: {_unlike(own.get(key), due.get(key))}")
    return found


def _over(fast: YearEnd) -> tuple[str, ...]:
    return tuple(sorted(q.hospital for q in fast.quotas if q.granted > q.allowed))


def coefficients(fast: YearEnd, model: Settlement) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Of every hospital and every group that has a case or a history."""
    place = {drg: i for i, drg in enumerate(fast.numbers.drgs)}
    names = list(enumerate(fast.coefficients.hospitals))
    keys = [(h, name, d.drg) for h, name in names for d in model.drgs]
    own = {(name, drg): int(fast.coefficients.values[h, place[drg]]) for h, name, drg in keys}
    return own, {(name, drg): model.coefficients.of(name, drg) * COEF_ONE for _, name, drg in keys}


MONTH_FIELDS = "points fund not_pool money due payment suspended kept".split()
MONTH_POOL_FIELDS = "budget value points correction".split()


def fast_months(run: YearEnd) -> dict[Any, Any]:
    months = months_of(run.region, run.policy, run.totals.by_month)
    rows: dict[Any, Any] = {
        (a.month, a.hospital_id, a.pool): tuple(
            zip(
                MONTH_FIELDS,
                (
                    a.points,
                    a.fund_fen,
                    a.not_pool_fen,
                    a.money_fen,
                    a.due_fen,
                    a.payment_fen,
                    a.suspended_fen,
                    a.kept_fen,
                ),
                strict=True,
            )
        )
        for a in months.accounts
    }
    for p in months.pools:
        own = (p.budget_fen, p.value_fen, p.points, p.correction)
        rows[p.month, "", p.pool] = tuple(zip(MONTH_POOL_FIELDS, own, strict=True))
    return rows


def model_months(model: Settlement) -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    for m in model.months():
        own = (m.budget_fen, m.value_fen, m.points * POINT, m.correction_points * POINT)
        rows[m.month, "", m.pool] = tuple(zip(MONTH_POOL_FIELDS, own, strict=True))
        for h in m.hospitals:
            rows[m.month, h.hospital_id, h.pool] = tuple(
                zip(
                    MONTH_FIELDS,
                    (
                        h.points * POINT,
                        h.recorded_fund_fen,
                        h.not_pool_fen,
                        h.money_fen,
                        h.due_fen,
                        h.payment_fen,
                        h.suspended_fen,
                        h.kept_fen,
                    ),
                    strict=True,
                )
            )
    return rows


def fast_ceiling(run: YearEnd) -> dict[str, Any]:
    if run.ceiling is None:
        return {}
    drawn = {d.reserve.name: d.drawn_fen for d in run.ceiling.drawn}
    return {"total": run.ceiling.total_fen, "drawn": {k: v for k, v in drawn.items() if v}}


def model_ceiling(model: Settlement) -> dict[str, Any]:
    if not model.ceiling:
        return {}
    ceiling = model.region.ceiling
    assert ceiling is not None
    cut = len(model.ceiling) - len(ceiling.reserves)
    total = sum(amount for _, amount in model.ceiling[:cut])
    return {"total": total, "drawn": {k: v for k, v in model.ceiling[cut:] if v}}


def _unlike(own: Any, due: Any) -> str:
    """The fields that differ of two rows (pairs of name and value)."""
    if isinstance(own, tuple) and isinstance(due, tuple) and len(own) == len(due):
        return "; ".join(
            f"{a[0]} engine {a[1]}, model {b[1]}" for a, b in zip(own, due, strict=True) if a != b
        )
    return f"engine {own}, model {due}"


CASE_FIELDS = (
    "hospital pool drg class coefficient before points readmission month correction paid_by "
    "price unreasonable chain not_pool"
).split()


def _rows(names: list[str], keys: list[Any], *columns: Any) -> dict[Any, tuple[Any, ...]]:
    values = zip(*columns, strict=True)
    return {key: tuple(zip(names, row, strict=True)) for key, row in zip(keys, values, strict=True)}


def _month(days: Any) -> list[str]:
    texts = days.astype("datetime64[D]").astype("datetime64[M]").astype(str).tolist()
    return ["" if day < 0 else text for day, text in zip(days.tolist(), texts, strict=True)]


def fast_cases(run: YearEnd) -> dict[str, Any]:
    hospitals = [h.id for h in run.region.hospitals]
    pools = [p.id for p in run.region.pools]
    rows: dict[str, Any] = {}
    for piece in run.pieces:
        f, paid = piece.facts, (piece.status != 3).nonzero()[0]
        chain = [piece.chain.get(row, "") for row in paid.tolist()]
        rows |= _rows(
            CASE_FIELDS,
            piece.case_id.take(paid).to_pylist(),
            [hospitals[i] for i in f.hospital[paid].tolist()],
            [pools[i] for i in f.pool[paid].tolist()],
            [run.numbers.drgs[i] for i in piece.drg[paid].tolist()],
            [CASE_CLASSES[i] for i in piece.case_class[paid].tolist()],
            piece.coefficient[paid].tolist(),
            piece.points_before[paid].tolist(),
            piece.points[paid].tolist(),
            piece.readmission[paid].tolist(),
            _month(f.key_day[paid]),
            _month(piece.correction_day[paid]),
            [PAID_BY[i] for i in piece.paid_by[paid].tolist()],
            piece.price[paid].tolist(),
            piece.unreasonable[paid].tolist(),
            chain,
            f.not_pool[paid].tolist(),
        )
    return rows


def model_cases(model: Settlement) -> dict[str, Any]:
    return {
        row.case_id: tuple(
            zip(
                CASE_FIELDS,
                (
                    row.hospital_id,
                    row.pool,
                    row.drg,
                    row.case_class,
                    row.coefficient * COEF_ONE,
                    row.points_before_readmission * POINT,
                    row.points * POINT,
                    row.readmission,
                    row.month,
                    row.correction_month,
                    row.paid_by,
                    row.price_fen,
                    row.unreasonable_fen,
                    row.chain,
                    row.not_pool_fen,
                ),
                strict=True,
            )
        )
        for row in model.cases
    }


DRG_FIELDS = "cases points cost".split()
BASE_FIELDS = (
    "mean base_points stable n_before n_after trimmed origin mean_before median_before median_after"
).split()


def fast_drgs(run: YearEnd) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    sums = run.totals.drgs()
    for i in sums.cases.nonzero()[0].tolist():
        own = (int(sums.cases[i]), int(sums.points[i]), int(sums.cost[i]))
        rows[run.numbers.drgs[i]] = tuple(zip(DRG_FIELDS, own, strict=True))
    for drg, g in run.base.groups.items():
        rows.setdefault(drg, tuple(zip(DRG_FIELDS, (0, 0, 0), strict=True)))
        base = (g.mean_fen, g.base_points, g.stable, g.n_before, g.n_after, g.trimmed, g.origin)
        before = (g.mean_before_fen, g.median_before_fen, g.median_after_fen)
        rows[drg] += tuple(zip(BASE_FIELDS, (*base, *before), strict=True))
    return rows


def model_drgs(model: Settlement) -> dict[str, Any]:
    rows = {}
    for d in model.drgs:
        own = zip(DRG_FIELDS, (d.cases, d.points * POINT, d.total_cost_fen), strict=True)
        rows[d.drg] = tuple(own)
        if d.base_points is not None:
            base = (d.group_mean_fen, d.base_points * POINT, d.stable, d.n_before, d.n_after)
            before = (d.mean_before_fen, d.median_before_fen, d.median_after_fen)
            base += (d.trimmed, d.origin, *before)
            rows[d.drg] += tuple(zip(BASE_FIELDS, base, strict=True))
    return rows


HOSPITAL_FIELDS = (
    "cases points not_pool fund due prepaid deposit forfeited shared violation carried final "
    "deducted "
    "money held held_fund bound deferred"
).split()


def fast_hospitals(run: YearEnd) -> dict[str, Any]:
    return {
        f"{h.hospital_id} {h.pool}": tuple(
            zip(
                HOSPITAL_FIELDS,
                (
                    h.sums.cases,
                    h.sums.net_points,
                    h.sums.not_pool_fen,
                    h.sums.recorded_fund_fen,
                    h.due_fen,
                    h.prepaid_fen,
                    h.deposit_fen,
                    h.forfeited_fen,
                    h.shared_fen,
                    h.violation_fen,
                    h.carried_fen,
                    h.final_fen,
                    h.sums.points_deducted,
                    h.sums.money_fen,
                    h.sums.held_cases,
                    h.sums.held_fund_fen,
                    h.bound,
                    h.deferred_fen,
                ),
                strict=True,
            )
        )
        for h in run.hospitals
    }


def model_hospitals(model: Settlement) -> dict[str, Any]:
    return {
        f"{h.hospital_id} {h.pool}": tuple(
            zip(
                HOSPITAL_FIELDS,
                (
                    h.cases,
                    h.points * POINT,
                    h.not_pool_fen,
                    h.recorded_fund_fen,
                    h.due_fen,
                    h.prepaid_fen,
                    h.deposit_fen,
                    h.forfeited_fen,
                    h.shared_fen,
                    h.violation_fen,
                    h.carried_fen,
                    h.final_fen,
                    h.points_deducted * POINT,
                    h.money_fen,
                    h.held_cases,
                    h.held_fund_fen,
                    h.bound,
                    h.deferred_fen,
                ),
                strict=True,
            )
        )
        for h in model.hospitals
    }


POOL_FIELDS = (
    "budget available settled points value residual cases fund not_pool deducted money held "
    "solution value_high"
).split()


def fast_pools(run: YearEnd) -> dict[str, Any]:
    return {
        p.pool: tuple(
            zip(
                POOL_FIELDS,
                (
                    p.budget.budget_fen,
                    p.budget.available_fen,
                    p.settled_fen,
                    p.points,
                    p.point_value_fen,
                    p.residual_fen,
                    p.cases,
                    p.recorded_fund_fen,
                    p.not_pool_fen,
                    p.points_deducted,
                    p.money_fen,
                    p.held_cases,
                    p.solution,
                    p.value_high_fen if p.solution == "interval" else None,
                ),
                strict=True,
            )
        )
        for p in run.pools
    }


def model_pools(model: Settlement) -> dict[str, Any]:
    return {
        p.pool: tuple(
            zip(
                POOL_FIELDS,
                (
                    p.budget_fen,
                    p.available_budget_fen,
                    p.settled_fen,
                    p.points * POINT,
                    p.point_value * 100,
                    p.residual_fen,
                    p.cases,
                    p.recorded_fund_fen,
                    p.not_pool_fen,
                    p.points_deducted * POINT,
                    p.money_fen,
                    p.held_cases,
                    p.solution,
                    _times(p.value_high, 100) if p.solution == "interval" else None,
                ),
                strict=True,
            )
        )
        for p in model.pools
    }


def _times(value: Fraction | None, factor: int) -> Fraction | None:
    return None if value is None else value * factor


# --- many


def settle_many(folder: Path, seeds: Iterable[int], count: int) -> Counter[str]:
    """Settle each seed's region under `count` policies; fail at the first that differs."""
    met: Counter[str] = Counter()
    for seed in seeds:
        try:
            both = both_of(folder / "region", seed)
        except DrgpayError:  # a history in which nothing counts
            met["regions refused"] += 1
            continue
        met["regions"] += 1
        for number, values in enumerate(policies(both, seed, count)):
            later = draw_later(both, random.Random(f"later {seed} {number}"))
            fast, model = settle_both(both, values, later)
            met["settlements"] += 1
            where = f"seed {seed}, policy {number}, {both.drawn.scheme}"
            if isinstance(fast, str) or isinstance(model, str):
                if isinstance(fast, str) != isinstance(model, str):
                    pytest.fail(f"{where}: engine {fast!r}\nmodel {model!r}"[:2000])
                met["refused by both"] += 1
                continue
            found = differences(fast, model)
            if found:
                pytest.fail(f"{where}:\n" + "\n".join(found[:20]))
            count_met(met, model)
            count_held(met, fast)
            met.update(options_of(values))
            taken = any(r.amount_fen for r in fast.returned)
            met["removed, to the fund"] += taken and REMOVE in later.values()
            met["regrouped, to the fund"] += taken and REMOVE not in later.values()
            met["regrouped, paid by the fund"] += any(r.amount_fen < 0 for r in fast.returned)
            met["corrected, shared"] += bool(later) and values["removed_case"] == "shared"
            met["points of violations, to the fund"] += any(
                "按点值合" in v.reason and v.amount_fen for v in fast.region.violations
            )
        both.prepared.close()
    return met


def options_of(values: Mapping[str, Any]) -> Iterator[str]:
    """The options that a policy takes, each as `parameter = option`; of numbers only `none`."""
    for key, value in values.items():
        known = CATALOGUE[key]
        taken = value if isinstance(known.takes, Names) and known.choices else [value]
        if isinstance(known.takes, Switch) or known.choices:
            yield from (f"{key} = {option}" for option in taken)
        if known.none:
            yield f"{key} = {NONE if value == NONE else 'some'}"


def every_option() -> set[str]:
    """What `options_of` may say of the rules that settle a year or its months."""
    found = set()
    for key, known in CATALOGUE.items():
        if key.startswith(("capitation.", "community.")):
            continue  # settled elsewhere: tests/capitation, tests/budget
        found |= {f"{key} = {option}" for option in known.choices}
        if isinstance(known.takes, Switch):
            found |= {f"{key} = {option}" for option in (True, False)}
        if known.none:
            found |= {f"{key} = {NONE}", f"{key} = some"}
    return found


def count_held(met: Counter[str], fast: YearEnd) -> None:
    """Which findings held a case of a settlement."""
    for piece in fast.pieces:
        doubt = piece.facts.doubt
        if doubt is not None:
            held = doubt[piece.paid_by == PAID_BY.index("held")] & holding(fast.policy)
            met.update(f"held by {name}" for name, bit in BIT.items() if (held & bit).any())


def count_met(met: Counter[str], model: Settlement) -> None:
    met["cases"] += len(model.cases)
    met.update(row.case_class for row in model.cases)
    met.update(f"paid by {row.paid_by}" for row in model.cases)
    met["chain"] += sum(bool(row.chain) for row in model.cases)
    met["readmission"] += sum(row.readmission for row in model.cases)
    met.update(f"bound {row.bound}" for row in model.hospitals if row.bound)
    met.update(f"solution {row.solution}" for row in model.pools)
    met["borrowed"] += sum(row.origin == "borrowed" for row in model.drgs)
    met["points deducted"] += any(row.points_deducted for row in model.hospitals)
    met["carried"] += any(row.carried_fen for row in model.hospitals)
    shares = model.parameters["deposit_forfeited"] == "share"
    for pool in model.region.pools:
        own = [row for row in model.hospitals if row.pool == pool]
        given = any(row.shared_fen for row in own)
        met["forfeits shared"] += given
        met["forfeits shared by none"] += (
            shares and not given and any(row.forfeited_fen for row in own)
        )
    met["over quota"] += bool(model.over_quota)
    met["ceiling"] += bool(model.ceiling)
    met["waits for others"] += any(f.deferred_fen for f in model.funds)
    met["drawn for a fund"] += any(f.drawn_fen for f in model.funds)
    met["moved between funds"] += any(f.moved_fen for f in model.funds)
    met["owes back while others are paid"] += any(
        f.recover_fen and f.payable_fen for f in model.funds
    )
    met["excess deductible"] += any(row.excess_fen for row in model.referrals)
    met["deductible within the standard"] += any(
        row.chain_due_fen and row.chain_paid_fen and row.chain_paid_fen < row.chain_due_fen
        for row in model.referrals
    )
    met["month_value"] += model.parameters["prepay_basis"] == "month_value"


MUST_MEET = (
    *CASE_CLASSES,
    "paid by points",
    "paid by money",
    "paid by held",
    "chain",
    "readmission",
    "bound low",
    "bound high",
    "solution unique",
    "solution interval",
    "solution to_fund",
    "borrowed",
    "points deducted",
    "carried",
    "forfeits shared",
    "forfeits shared by none",
    "over quota",
    "ceiling",
    "waits for others",
    "drawn for a fund",
    "moved between funds",
    "owes back while others are paid",
    "excess deductible",
    "month_value",
    "removed, to the fund",
    "regrouped, to the fund",
    "regrouped, paid by the fund",
    "corrected, shared",
    "points of violations, to the fund",
    "solution no_points",
    "refused by both",
)


def unmet(met: Counter[str]) -> list[str]:
    """What no settlement met that both settled: kinds of cases, rules, and every option by name."""
    held = [f"held by {name}" for name in BIT]
    return [name for name in (*MUST_MEET, *held, *sorted(every_option())) if not met[name]]


# regions whose policies, 24 each, take every option and meet every kind of case
SEEDS = (0, 1, 3, 7, 11, 13, 2002, 2008, 2011)


def test_settlements__drawn_regions_under_many_policies(tmp_path: Path) -> None:
    met = settle_many(tmp_path, SEEDS, 24)
    assert met["regions"] >= 8
    assert met["refused by both"] < met["settlements"] * 0.65
    for seed in range(3000, 3060):
        if not unmet(met):
            break
        # what these regions no longer draw is looked for in some more
        met += settle_many(tmp_path, [seed], 24)
    assert not unmet(met)


@pytest.mark.long
@pytest.mark.parametrize("block", range(50))
def test_settlements__five_thousand_regions(block: int, tmp_path: Path) -> None:
    """5,500 seeds of regions, some of whose histories count nothing and are refused."""
    first = 200_000 + block * 110
    met = settle_many(tmp_path, range(first, first + 110), 2)
    assert met["regions"] >= 100


@pytest.mark.long
@pytest.mark.parametrize("block", range(12))
def test_settlements__regions_under_forty_policies(block: int, tmp_path: Path) -> None:
    first = 500_000 + block * 14
    met = settle_many(tmp_path, range(first, first + 14), 40)
    assert met["settlements"] > 10 * 40


if __name__ == "__main__":  # python -m tests.settlement.test_settlements_drawn FIRST LAST [COUNT]
    import sys

    first, last, *more = map(int, sys.argv[1:])
    begin = time.time()
    done = settle_many(Path(tempfile.mkdtemp()), range(first, last), more[0] if more else 4)
    print("unmet:", unmet(done))
    print(dict(done), round(done["settlements"] / (time.time() - begin), 1), "a second")
