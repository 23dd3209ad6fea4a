"""How much money hangs on what is not verified: the run repeated with each alternative value.

Every parameter that amounts hang on, that is not verified and whose policy names an alternative is
changed alone, all else as in the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pyarrow as pa

from drgpay.ground.errors import Bilingual, BooksError, DrgpayError, both, in_language
from drgpay.ground.money import decimal_text
from drgpay.names.choices import word_of
from drgpay.names.run_tables import TEXT, TRIAL, rows_table
from drgpay.policy import YearPolicy
from drgpay.policy.catalogue import CATALOGUE
from drgpay.policy.year import InForce, shown
from drgpay.region.records import Region
from drgpay.reopening.reopen import correct_cases
from drgpay.runs.writer import write_table
from drgpay.settlement.prepare import Prepared, prepare
from drgpay.settlement.year_end import YearEnd, settle_prepared
from drgpay.trials.outcome import Change, Outcome, change_of, changes, outcome_of, refusal

MOVED, OTHER, NOTHING = "moved", "other", "nothing"
REFUSED, UNTRIED = "refused", "untried"
VALUE_PLACES = 6
ONLY_VALUE = both("本软件只有这一种取值，未试算", "the only value on offer; not tried")
NO_OTHER = both("无可比的已知取值，未试算", "no other value is known to compare with; not tried")
# other values are known, but not for this parameter alone
TOGETHER = {
    "point_scale": both(
        "高倍率界限（high.bands）按此基数的点数写，须同时改，未单独试算",
        "high.bands is written in points of this scale and would have to change with it; not tried",
    )
}


@dataclass(frozen=True, slots=True)
class Sensitive:
    """What one alternative does. Money in fen.

    `state`: `moved` (dues change), `other` (dues stay; point values, settled totals or final
    payments change), `nothing`, `refused` and `untried` (`change` is None, `note` says why).
    `hospitals` counts those whose due or final payment changes; `largest_fen` is the largest change
    of a due, or of a final payment where dues stay; `values` by pool: before and after.
    """

    key: str
    name: str
    value: str
    alternative: str
    source: str
    source_zh: str
    state: str
    change: Change | None = None
    settled_fen: int = 0
    hospitals: int = 0
    largest_hospital: str = ""
    largest_fen: int = 0
    values: tuple[tuple[str, Fraction, Fraction], ...] = ()
    note: Bilingual | None = None


def candidates(policy: YearPolicy) -> list[str]:
    """Return the parameters whose alternative is to be tried, in the order of the catalogue."""
    return [p.key for p in _unverified(policy) if p.alternative is not None]


def _unverified(policy: YearPolicy) -> list[InForce]:
    parameters = policy.parameters.values()
    return [p for p in parameters if p.used and not p.verified and not p.trial]


def sensitivity(
    prepared: Prepared,
    policy: YearPolicy,
    run: YearEnd,
    *,
    region: Region | None = None,
    progress: Callable[[str, int | None], Callable[[int], None]] | None = None,
) -> list[Sensitive]:
    """Return what the alternative of each unverified parameter does, most money first.

    `run` is the settlement of `prepared` under `policy`; its policy says which parameters were
    used. Alternatives that read cases otherwise read them again, the others do not. Parameters
    without an alternative stand there untried.
    """
    region = region or prepared.region
    before = outcome_of(run, groups=False)
    keys = [p.key for p in _unverified(run.policy)]
    quiet: Callable[[str, int | None], Callable[[int], None]] = lambda n, t: lambda d: None  # noqa: E731
    step = (progress or quiet)("sensitivity", len(candidates(run.policy)))
    found = []
    for key in keys:
        if policy.parameters[key].alternative is None:
            found.append(_untried(policy.parameters[key]))
            continue
        found.append(_tried(key, prepared, policy, before, region))
        step(1)
    order = {MOVED: 0, OTHER: 0, REFUSED: 1, UNTRIED: 2, NOTHING: 3}
    return sorted(
        found,
        key=lambda s: (
            order[s.state],
            -s.change.largest_fen if s.change else 0,
            keys.index(s.key),
        ),
    )


def _head(p: InForce) -> tuple[str, str, str, str, str, str]:
    other = "" if p.alternative is None else shown(p.alternative)
    return p.key, p.name, shown(p.raw), other, p.source, p.source_zh


def _untried(parameter: InForce) -> Sensitive:
    single = CATALOGUE[parameter.key].single
    note = TOGETHER.get(parameter.key) or (ONLY_VALUE if single else NO_OTHER)
    return Sensitive(*_head(parameter), UNTRIED, note=note)


def _tried(
    key: str, prepared: Prepared, policy: YearPolicy, before: Outcome, region: Region
) -> Sensitive:
    parameter = policy.parameters[key]
    head = _head(parameter)
    try:
        trial = policy.with_value(key, parameter.alternative)
        lacking = _lacking(key, trial, region)
        if lacking:
            return Sensitive(*head, REFUSED, note=lacking)
        after = _outcome(prepared, trial, region)
    except BooksError:
        raise
    except DrgpayError as error:
        return Sensitive(*head, REFUSED, note=refusal(error))
    due = changes(before.due_by_hospital(), after.due_by_hospital())
    final = changes(before.final_by_hospital(), after.final_by_hospital())
    change = change_of(before, after)
    changed = due if any(due.values()) else final
    largest = min(
        (h for h, fen in changed.items() if fen), key=lambda h: (-abs(changed[h]), h), default=""
    )
    old, new = before.values(), after.values()
    values = tuple((pool, old[pool], new[pool]) for pool in old)
    settled = after.settled_fen - before.settled_fen
    other = bool(settled or any(final.values()) or any(a != b for _, a, b in values))
    return Sensitive(
        *head,
        MOVED if any(due.values()) else OTHER if other else NOTHING,
        change,
        settled,
        sum(bool(due[h] or final[h]) for h in due),
        largest,
        changed.get(largest, 0),
        values,
    )


def _lacking(key: str, policy: YearPolicy, region: Region) -> Bilingual | None:
    """Return which table an alternative needs that is not at hand, if one is."""
    needs = ""
    if (key, policy[key]) == ("coef.source", "level") and not region.level_coefficients:
        needs = "level_coefficients.csv"
    if (key, policy[key]) == ("coef.source", "given"):
        needs = "" if any(h.coefficient for h in region.hospitals) else "coefficients.csv"
    if (key, policy[key]) == ("coef.source", "components") and not policy["coef.components"]:
        needs = "coef.components"
    if (key, policy[key]) == ("deposit_score", "bands") and policy["deposit_bands"] is None:
        needs = "deposit_bands"
    if not needs:
        return None
    return both(
        f"缺少备选值“{word_of(key, policy[key])}（{policy[key]}）”所需的 {needs}",
        f"{needs} is missing, which the alternative {policy[key]} needs",
    )


def _outcome(prepared: Prepared, policy: YearPolicy, region: Region) -> Outcome:
    if prepared.fits(policy):
        return outcome_of(settle_prepared(prepared, policy, region=region), groups=False)
    again = prepare(
        region, prepared.loaded, policy, grouper=prepared.grouper, threads=prepared.threads
    )
    try:
        corrected, _ = correct_cases(again, prepared.later)
        return outcome_of(settle_prepared(corrected, policy, region=region), groups=False)
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
    write_table(folder, "sensitivity", table)
    return found


def sensitivity_table(found: Sequence[Sensitive], lang: str = "zh", trial: str = "") -> pa.Table:
    """Return the table of a run folder; point values are decimals of a yuan by pool, as text.

    Numbers of what was not settled are empty.
    """

    def values(s: Sensitive, after: bool) -> str:
        return "; ".join(
            f"{pool}: {decimal_text((new if after else old) / 100, VALUE_PLACES)}"
            for pool, old, new in s.values
        )

    table = rows_table(
        "sensitivity",
        found,
        due_change_fen=lambda s: s.change and s.change.due_fen,
        moved_fen=lambda s: s.change and s.change.due_moved_fen,
        final_change_fen=lambda s: s.change and s.change.final_fen,
        final_moved_fen=lambda s: s.change and s.change.final_moved_fen,
        settled_change_fen=lambda s: s.change and s.settled_fen,
        hospitals=lambda s: s.change and s.hospitals,
        largest_change_fen=lambda s: s.change and s.largest_fen,
        point_value_before=lambda s: values(s, after=False),
        point_value_after=lambda s: values(s, after=True),
        note=lambda s: in_language(s.note or "", lang),
    )
    return table.append_column(TRIAL, TEXT.array([trial] * len(found))) if trial else table
