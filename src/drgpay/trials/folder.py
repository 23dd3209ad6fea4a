"""The folder of a simulation: tables as Parquet and CSV, manifest.json; every row says its trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drgpay import __version__
from drgpay.ground.errors import BooksError, both, in_language
from drgpay.names.run_tables import records_table
from drgpay.policy import YearPolicy
from drgpay.policy.year import InForce
from drgpay.runs.manifest import check_fact, input_facts, named, region_facts, two_languages
from drgpay.runs.writer import write_result
from drgpay.trials.outcome import (
    NO_GROUP,
    NO_HOSPITAL,
    Change,
    GroupOutcome,
    Outcome,
    change_of,
    refusal,
)
from drgpay.trials.simulate import (
    Simulation,
    TrialResult,
    setting_rows,
)

Record = dict[str, Any]


def unverified(policy: YearPolicy) -> list[InForce]:
    """Return the parameters that amounts hang on and that no text at hand states."""
    return [p for p in policy.parameters.values() if p.used and not p.verified]


def trial_text(result: TrialResult) -> str:
    """Return the settings of a trial on one line, as every row of it carries them."""
    return "; ".join(setting.text for setting in result.trial.settings)


def settings_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield what each trial changes."""
    for result in simulation.trials:
        for row in setting_rows(simulation, result.trial.settings):
            yield {
                "name": result.trial.name,
                "cause": row.setting.cause,
                "cause_name": row.name.chinese,
                "before": row.before,
                "after": row.after,
                "trial": trial_text(result),
            }


def pool_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield each pool before and after; pools settled together stand under their joint name."""
    base = {pool.pool: pool for pool in simulation.base.pools}
    for result, outcome in _done(simulation):
        after = {pool.pool: pool for pool in outcome.pools}
        for name in sorted({*base, *after}):
            sides = (base.get(name), after.get(name))
            row: Record = {
                "name": result.trial.name,
                "pool": name,
                "pool_name": next(side.name for side in sides if side),
            }
            for when, p in zip(("before", "after"), sides, strict=True):
                row |= {
                    f"cases_{when}": p.cases if p else None,
                    f"points_{when}": p.points if p else None,
                    f"available_{when}_fen": p.budget.available_fen if p else None,
                    f"settled_{when}_fen": p.settled_fen if p else None,
                    f"point_value_{when}": p.point_value_fen / 100 if p else None,
                    f"residual_{when}_fen": p.residual_fen if p else None,
                }
            settled = [side.settled_fen if side else 0 for side in sides]
            row["settled_change_fen"] = settled[1] - settled[0]
            row["trial"] = trial_text(result)
            yield row


CASH = ("payable", "deferred", "recover")  # what becomes of final payments; nothing is netted


def fund_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield what each fund pays before and after, also where one value joins several: of dues, now,
    later, and what it is owed back.
    """
    before = simulation.base.due_by_pool()
    for result, outcome in _done(simulation):
        after = outcome.due_by_pool()
        for pool in sorted({*before, *after}):
            yield {
                "name": result.trial.name,
                "pool": pool,
                "due_before_fen": before.get(pool, 0),
                "due_after_fen": after.get(pool, 0),
                "change_fen": after.get(pool, 0) - before.get(pool, 0),
                **{
                    f"{name}_{when}_fen": fen
                    for when, side in (("before", simulation.base), ("after", outcome))
                    for name, fen in zip(CASH, side.cash(pool), strict=True)
                },
                "trial": trial_text(result),
            }


def hospital_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield each hospital and pool before and after."""
    base = simulation.base
    known = {h.id: h for h in simulation.region.hospitals}
    for result, outcome in _done(simulation):
        whole = (base.due_fen, outcome.due_fen)
        for key in sorted({*base.hospitals, *outcome.hospitals}):
            sides = [side.hospitals.get(key, NO_HOSPITAL) for side in (base, outcome)]
            yield {
                "name": result.trial.name,
                "hospital_id": key[0],
                "hospital_name": known[key[0]].name,
                "level": known[key[0]].level,
                "pool": key[1],
                **_pairs(
                    [GroupOutcome(h.sums.cases, h.sums.net_points, h.due_fen) for h in sides], whole
                ),
                "recorded_fund_before_fen": sides[0].sums.recorded_fund_fen,
                "recorded_fund_after_fen": sides[1].sums.recorded_fund_fen,
                **{
                    f"{name}_{when}_fen": getattr(side, f"{name}_fen")
                    for name in CASH
                    for when, side in zip(("before", "after"), sides, strict=True)
                },
                "trial": trial_text(result),
            }


def group_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield levels, MDCs and classes before and after, over all pools."""
    base = simulation.base
    for result, outcome in _done(simulation):
        whole = (base.due_fen, outcome.due_fen)
        names = {**base.mdc_names, **outcome.mdc_names}
        for kind, code in sorted({*base.groups, *outcome.groups}):
            sides = [side.groups.get((kind, code), NO_GROUP) for side in (base, outcome)]
            yield {
                "name": result.trial.name,
                "kind": kind,
                "code": code,
                "code_name": names.get(code, "") if kind == "mdc" else "",
                **_pairs(sides, whole),
                "trial": trial_text(result),
            }


def _pairs(sides: Sequence[GroupOutcome], whole: tuple[int, int]) -> Record:
    """Return cases, points, dues and shares of all dues, before and after."""
    row: Record = {}
    for when, side, total in zip(("before", "after"), sides, whole, strict=True):
        row[f"cases_{when}"] = side.cases
        row[f"points_{when}"] = side.points
        row[f"due_{when}_fen"] = side.due_fen
        row[f"due_share_{when}"] = side.due_fen / total if total else None
    row["change_fen"] = sides[1].due_fen - sides[0].due_fen
    return row


def cause_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield the change of each hospital and pool by cause."""
    for result, _ in _done(simulation):
        for (hospital, pool), parts in (result.parts or {}).items():
            for cause, fen in parts.items():
                yield {
                    "name": result.trial.name,
                    "hospital_id": hospital,
                    "pool": pool,
                    "cause": cause,
                    "change_fen": fen,
                    "trial": trial_text(result),
                }


def sweep_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield each place of the sweep and pool."""
    for point, head in _places(simulation):
        if point.outcome is None:
            refused = in_language(refusal(point.refused), "zh") if point.refused else ""
            yield {**head, "refused": refused, "trial": _at(simulation, point.values)}
            continue
        change = change_of(simulation.base, point.outcome)
        for pool in point.outcome.pools:
            yield {
                **head,
                "pool": pool.pool,
                "settled_after_fen": pool.settled_fen,
                "point_value_after": pool.point_value_fen / 100,
                "points_after": pool.points,
                **money_of(change),
                "refused": "",
                "trial": _at(simulation, point.values),
            }


def money_of(change: Change) -> Record:
    """Return a change of money, all pools together, as tables and manifest name it."""
    return {
        "due_change_fen": change.due_fen,
        "moved_fen": change.due_moved_fen,
        "payable_change_fen": change.payable_fen,
        "deferred_change_fen": change.deferred_fen,
        "recover_change_fen": change.recover_fen,
    }


def sweep_hospital_rows(simulation: Simulation) -> Iterator[Record]:
    """Yield each place of the sweep, hospital and pool."""
    base = simulation.base.hospitals
    for point, head in _places(simulation):
        if point.outcome is not None:
            for key in sorted({*base, *point.outcome.hospitals}):
                after = point.outcome.hospitals.get(key, NO_HOSPITAL).due_fen
                yield {
                    **head,
                    "hospital_id": key[0],
                    "pool": key[1],
                    "due_after_fen": after,
                    "change_fen": after - base.get(key, NO_HOSPITAL).due_fen,
                    "trial": _at(simulation, point.values),
                }


def _places(simulation: Simulation) -> Iterator[tuple[Any, Record]]:
    for point in simulation.points:
        head: Record = {}
        for number, (sweep, value) in enumerate(
            zip(simulation.sweeps, point.values, strict=True), start=1
        ):
            head |= {f"cause_{number}": sweep.cause, f"value_{number}": value}
        yield point, head


def _at(simulation: Simulation, values: Sequence[str]) -> str:
    pairs = zip(simulation.sweeps, values, strict=True)
    return "; ".join(f"{sweep.cause}={value}" for sweep, value in pairs)


def _done(simulation: Simulation) -> Iterator[tuple[TrialResult, Outcome]]:
    for result in simulation.trials:
        if result.outcome is not None:
            yield result, result.outcome


TABLES: Mapping[str, Callable[[Simulation], Iterator[Record]]] = {
    "settings": settings_rows,
    "pools": pool_rows,
    "funds": fund_rows,
    "hospitals": hospital_rows,
    "groups": group_rows,
    "causes": cause_rows,
    "sweep": sweep_rows,
    "sweep_hospitals": sweep_hospital_rows,
}


IDENTITIES = {
    "dues": both(
        "各试算：应付之和 + 尾差 = 清算总额，逐分相符",
        "of every trial: dues + residual = settled total, to the fen",
    ),
    "changes": both(
        "机构、等级、MDC、病例类别的增减各自合计 = 应付的增减",
        "changes by hospital, level, MDC and class each add up to the change of dues",
    ),
    "causes": both(
        "各原因之和 = 每家机构每一险种应付的增减",
        "causes add up to the change of every hospital and pool",
    ),
}


def check(simulation: Simulation) -> list[dict[str, Any]]:
    """Return the identities that the tables were held to; raises BooksError when one fails."""
    base = simulation.base
    for result, outcome in _done(simulation):
        change = outcome.due_fen - base.due_fen
        for side in (base, outcome):
            rest = sum(pool.residual_fen for pool in side.pools)
            _hold(side.due_fen + rest == side.settled_fen, result.trial.name)
        by_kind: dict[str, int] = {}
        for kind, code in {*base.groups, *outcome.groups}:
            sides = [side.groups.get((kind, code), NO_GROUP).due_fen for side in (base, outcome)]
            by_kind[kind] = by_kind.get(kind, 0) + sides[1] - sides[0]
        _hold(all(found == change for found in by_kind.values()), result.trial.name)
        if result.parts is not None:
            parts = sum(fen for by in result.parts.values() for fen in by.values())
            _hold(parts == change, result.trial.name)
    return [check_fact(name, text) for name, text in IDENTITIES.items()]


def _hold(fact: bool, name: str) -> None:
    if not fact:
        raise BooksError(
            both(f"试算“{name}”的分列合计与应付不符", f"the parts of {name!r} do not add up")
        )


def manifest(simulation: Simulation) -> dict[str, Any]:
    """Return what a simulation was made of, for manifest.json: no date, no path."""
    region, policy = simulation.region, simulation.base.policy
    return {
        "drgpay_version": __version__,
        "kind": "simulation",
        "trial": True,
        "region": region_facts(region),
        "synthetic": region.synthetic,
        "policy": named(policy, "id title digest"),
        "scheme": simulation.base.scheme,
        "counts": dict(simulation.counts),
        "inputs": input_facts(simulation.inputs),
        "trials": [_trial_facts(simulation, result) for result in simulation.trials],
        "sweeps": [{"cause": s.cause, "values": list(s.values)} for s in simulation.sweeps],
        "unverified": [p.key for p in unverified(simulation.base.policy)],
        "runs": simulation.runs,
        "readings": simulation.readings,
        "checks": check(simulation),
    }


def _trial_facts(simulation: Simulation, result: TrialResult) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": result.trial.name,
        "settings": [s.text for s in result.trial.settings],
    }
    if result.outcome is None:
        if result.refused is not None:
            facts["refused"] = {"zh": result.refused.text("zh"), "en": result.refused.text("en")}
        return facts
    facts |= {
        "scheme": result.outcome.scheme,
        "policy": named(result.outcome.policy, "id digest"),
        **money_of(change_of(simulation.base, result.outcome)),
        "settled_change_fen": result.outcome.settled_fen - simulation.base.settled_fen,
        "causes": result.parts is not None,
    }
    if result.no_parts is not None:
        facts["no_causes"] = two_languages(result.no_parts)
    return facts


def write_simulation(
    simulation: Simulation,
    out: str | Path,
    *,
    finish: Callable[[Path], object] | None = None,
) -> Path:
    """Write the folder `out`, which must not exist yet; `finish` may add files to it.

    Raises InputError when `out` is there already or its parent is not.
    """
    made = {
        name: records_table(f"trial.{name}", list(rows(simulation)))
        for name, rows in TABLES.items()
    }
    return write_result(
        out,
        {name: table for name, table in made.items() if len(table)},
        lambda: manifest(simulation),
        finish=finish,
        declared=False,
    )
