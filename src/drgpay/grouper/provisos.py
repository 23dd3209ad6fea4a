"""What holds only with a proviso: a scheme outside its period, no date, an assumed condition."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from drgpay.cases import parse
from drgpay.cases.encode import EncodedCases
from drgpay.grouper.engine import GroupedCases, Grouper, outcomes_of, select
from drgpay.schemes import Scheme

DATE_COLUMN = "discharge_date"
EPOCH = dt.date(1970, 1, 1)


def outside_period(table: pa.Table, scheme: Scheme, good: parse.Mask) -> int:
    """Return how many good cases were discharged on a day on which a scheme was not in force."""
    start, end = scheme.period
    if DATE_COLUMN not in table.column_names or (start is None and end is None):
        return 0
    days, _ = parse.dates(table[DATE_COLUMN])
    outside = np.zeros(len(days), dtype=np.bool_)
    if start is not None:
        outside |= days < (start - EPOCH).days
    if end is not None:
        outside |= days > (end - EPOCH).days
    return int(np.count_nonzero(outside & good & (days != parse.MISSING_DATE)))


def is_outside(day: dt.date, scheme: Scheme) -> bool:
    """Return whether a scheme was not in force on a day."""
    start, end = scheme.period
    return (start is not None and day < start) or (end is not None and day > end)


def decided_by_condition(cases: EncodedCases, grouped: GroupedCases, grouper: Grouper) -> int:
    """Return how many cases would end in another group without the conditions taken over.

    Only cases with a procedure that one of these conditions or the tabled rules beside them name
    can part: those alone are grouped a second time.
    """
    tabled = grouper.as_tabled
    if tabled is None:
        return 0
    offsets = cases.procedures.offsets
    named = np.flatnonzero(grouper.procedures_of_conditions[cases.procedures.ids[: offsets[-1]]])
    met = np.zeros(len(cases), dtype=np.bool_)
    met[np.searchsorted(offsets, named, side="right") - 1] = True
    rows = np.flatnonzero(met & cases.good)
    if not len(rows):
        return 0
    compiled = tabled.compiled
    again = outcomes_of(compiled, select(cases, rows, cases.sex[rows]))
    number = {drg: i for i, drg in enumerate(grouper.numbers.drgs)}
    ours = grouper.numbers.drg_of[grouped.group[rows]]
    theirs = np.array([number.get(outcome.drg, -1) for outcome in tabled.outcomes])[again]
    return int(np.count_nonzero(ours != theirs))


def note_provisos(
    table: pa.Table, cases: EncodedCases, grouped: GroupedCases, grouper: Grouper
) -> None:
    """Count in the cases' tally what of one scheme's grouping holds with a proviso."""
    scheme = grouper.scheme
    if outside := outside_period(table, scheme, cases.good):
        cases.tally.outside[scheme.id] += outside
    if decided := decided_by_condition(cases, grouped, grouper):
        cases.tally.assumed[scheme.id] += decided
