"""How much money hangs on what is not verified: the run repeated with each alternative value.

Every parameter that amounts hang on, that is not verified and whose policy names an alternative is
changed alone, all else as in the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from drgpay.arrow import table_writer
from drgpay.errors import Bilingual, BooksError, DrgpayError, in_language
from drgpay.money import decimal_text
from drgpay.policy import YearPolicy, shown
from drgpay.settlement.prepare import Prepared, prepare
from drgpay.settlement.region import Region
from drgpay.settlement.simulate import money_moved
from drgpay.settlement.simulate_outcome import Outcome, outcome_of
from drgpay.settlement.year_end import YearEnd, settle_prepared

MOVED, OTHER, NOTHING, REFUSED = "moved", "other", "nothing", "refused"
VALUE_PLACES = 6


@dataclass(frozen=True, slots=True)
class Sensitive:
    """What one alternative does. Money in fen.

    `state`: `moved` (dues change), `other` (only point values, settled totals or final payments
    change), `nothing`, `refused` (`note` says why). `moved_fen` is half the sum of all changes of
    hospitals' dues, `largest_fen` the largest of them; `values` by pool: before and after.
    """

    key: str
    name: str
    value: str
    alternative: str
    source: str
    source_zh: str
    state: str
    moved_fen: int | None = None
    settled_fen: int = 0
    final_moved_fen: int = 0
    hospitals: int = 0
    largest_hospital: str = ""
    largest_fen: int = 0
    values: tuple[tuple[str, Fraction, Fraction], ...] = ()
    note: Bilingual | None = None


def candidates(policy: YearPolicy) -> list[str]:
    """Return the parameters whose alternative is to be tried, in the order of the catalogue."""
    return [
        key
        for key, p in policy.parameters.items()
        if p.used and not p.verified and not p.trial and p.alternative is not None
    ]


def sensitivity(
    prepared: Prepared,
    policy: YearPolicy,
    run: YearEnd,
    *,
    region: Region | None = None,
    progress: Callable[[str, int | None], Callable[[int], None]] | None = None,
) -> list[Sensitive]:
    """Return what each alternative of an unverified parameter does, most money moved first.

    `run` is the settlement of `prepared` under `policy`; its policy says which parameters were
    used. Alternatives that read cases otherwise read them again, the others do not.
    """
    region = region or prepared.region
    before = outcome_of(run, groups=False)
    keys = candidates(run.policy)
    quiet: Callable[[str, int | None], Callable[[int], None]] = lambda n, t: lambda d: None  # noqa: E731
    step = (progress or quiet)("sensitivity", len(keys))
    found = []
    for key in keys:
        found.append(_tried(key, prepared, policy, before, region))
        step(1)
    order = {MOVED: 0, OTHER: 1, REFUSED: 2, NOTHING: 3}
    return sorted(
        found,
        key=lambda s: (order[s.state], -(s.moved_fen or 0), -s.final_moved_fen, keys.index(s.key)),
    )


def _tried(
    key: str, prepared: Prepared, policy: YearPolicy, before: Outcome, region: Region
) -> Sensitive:
    parameter = policy.parameters[key]
    head = (
        key, parameter.name, shown(parameter.raw), shown(parameter.alternative),
        parameter.source, parameter.source_zh,
    )  # fmt: skip
    try:
        trial = policy.with_value(key, parameter.alternative)
        after = _outcome(prepared, trial, region)
    except BooksError:
        raise
    except DrgpayError as error:
        return Sensitive(*head, REFUSED, note=error.what)
    due_before, due_after = before.due_by_hospital(), after.due_by_hospital()
    changes = {h: due_after.get(h, 0) - due_before.get(h, 0) for h in {*due_before, *due_after}}
    changed = {h: fen for h, fen in changes.items() if fen}
    largest = min(changed, key=lambda h: (-abs(changed[h]), h), default="")
    old, new = before.values(), after.values()
    values = tuple((pool, old[pool], new[pool]) for pool in old)
    final_moved = money_moved(_finals(before), _finals(after))
    settled = after.settled_fen - before.settled_fen
    other = bool(settled or final_moved or any(a != b for _, a, b in values))
    return Sensitive(
        *head,
        MOVED if changed else OTHER if other else NOTHING,
        money_moved(due_before, due_after),
        settled,
        final_moved,
        len(changed),
        largest,
        changed.get(largest, 0),
        values,
    )


def _finals(outcome: Outcome) -> dict[str, int]:
    found: dict[str, int] = {}
    for (hospital, _), h in outcome.hospitals.items():
        found[hospital] = found.get(hospital, 0) + h.final_fen
    return found


def _outcome(prepared: Prepared, policy: YearPolicy, region: Region) -> Outcome:
    if prepared.fits(policy):
        return outcome_of(settle_prepared(prepared, policy, region=region), groups=False)
    again = prepare(
        region, prepared.loaded, policy, grouper=prepared.grouper, threads=prepared.threads
    )
    try:
        return outcome_of(settle_prepared(again, policy, region=region), groups=False)
    finally:
        again.close()


def write_sensitivity(
    run: YearEnd,
    folder: Path,
    lang: str = "zh",
    progress: Callable[[str, int | None], Callable[[int], None]] | None = None,
) -> list[Sensitive]:
    """Write the table `sensitivity` (Parquet and CSV) into a run folder; return its rows."""
    found = sensitivity(run.prepared, run.policy, run, region=run.region, progress=progress)
    table = sensitivity_table(found, lang, "; ".join(run.policy.trial))
    for suffix in (".parquet", ".csv"):
        writer = table_writer(folder / f"sensitivity{suffix}", table.schema)
        writer.write_table(table)
        writer.close()
    return found


def sensitivity_table(found: Sequence[Sensitive], lang: str = "zh", trial: str = "") -> pa.Table:
    """Return the table of a run folder; point values are decimals of a yuan by pool, as text."""

    def values(after: bool) -> list[str]:
        return [
            "; ".join(
                f"{pool}: {decimal_text((new if after else old) / 100, VALUE_PLACES)}"
                for pool, old, new in s.values
            )
            for s in found
        ]

    def ints(name: str) -> pa.Array:
        return pa.array([getattr(s, name) for s in found], pa.int64())

    def texts(name: str) -> pa.Array:
        return pa.array([getattr(s, name) for s in found], pa.string())

    columns: dict[str, Any] = {
        "key": texts("key"),
        "name": texts("name"),
        "value": texts("value"),
        "alternative": texts("alternative"),
        "state": texts("state"),
        "moved_fen": ints("moved_fen"),
        "settled_change_fen": ints("settled_fen"),
        "final_moved_fen": ints("final_moved_fen"),
        "hospitals": ints("hospitals"),
        "largest_hospital": texts("largest_hospital"),
        "largest_change_fen": ints("largest_fen"),
        "point_value_before": pa.array(values(False), pa.string()),
        "point_value_after": pa.array(values(True), pa.string()),
        "source": texts("source"),
        "source_zh": texts("source_zh"),
        "note": pa.array([in_language(s.note or "", lang) for s in found], pa.string()),
    }
    if trial:
        columns["trial"] = pa.array([trial] * len(found), pa.string())
    return pa.table(columns)
