"""Readmission (再住院): the earlier of two stays of one patient for one group loses points.

Parameters `readmission.days`, `.factor`, `.same`, `.exempt`; S2 二(二)2(5) forbids split stays, the
numbers of the rule are not verified.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.ground.money import divide_rounded

Rows = NDArray[np.int64]
CaseOrder = Callable[[Rows], Rows]


def followed_stays(
    patient: NDArray[np.int32],
    hospital: NDArray[np.int32],
    group: NDArray[np.int32],
    admission: NDArray[np.int32],
    discharge: NDArray[np.int32],
    case_order: CaseOrder,
    days: int,
) -> tuple[Rows, Rows]:
    """Return which of N stays a readmission follows within `days` days, ascending, and by which.

    Stays of one patient, hospital and group stand in the order of admission, discharge and case
    id (`case_order` gives the rank of some rows' ids); the next one counts when its admission is
    0 to `days` days after the discharge.
    """
    if not len(patient):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    low = int(admission.min())
    spans = [
        (hospital.astype(np.int64), int(hospital.max()) + 1),
        (group.astype(np.int64), int(group.max()) + 1),
        (admission.astype(np.int64) - low, int(admission.max()) - low + 1),
    ]
    size = int(patient.max()) + 1
    for _, span in spans:
        size *= span
    same = np.zeros(len(patient) - 1, dtype=np.bool_)
    if size < 2**62:
        key = patient.astype(np.int64)
        for values, span in spans:
            key = key * span + values
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        tied = np.flatnonzero(ordered[1:] == ordered[:-1])
        if len(tied):
            order = _untie(order, ordered, tied, discharge, case_order)
        who = ordered // spans[2][1]
        same = who[1:] == who[:-1]
    else:
        rank = case_order(np.arange(len(patient)))
        order = np.lexsort((rank, discharge, admission, group, hospital, patient))
        same[:] = True
        for column in (patient, hospital, group):
            same &= column[order][1:] == column[order][:-1]
    earlier, later = order[:-1], order[1:]
    gap = admission[later].astype(np.int64) - discharge[earlier]
    hits = same & (gap >= 0) & (gap <= days)
    earlier, later = earlier[hits], later[hits]
    ascending = np.argsort(earlier)
    return earlier[ascending], later[ascending]


def _untie(
    order: Rows, ordered: Rows, tied: Rows, discharge: NDArray[np.int32], case_order: CaseOrder
) -> Rows:
    """Put stays of one patient, hospital, group and admission day in order of discharge and id."""
    order = order.copy()
    places = np.union1d(tied, tied + 1)
    rows = order[places]
    again = np.lexsort((case_order(rows), discharge[rows], ordered[places]))
    order[places] = rows[again]
    return order


def reduced_points(points: NDArray[np.int64], factor: Fraction, step: int) -> NDArray[np.int64]:
    """Return points x factor, each rounded half up to a multiple of `step`.

    >>> reduced_points(np.array([784001]), Fraction(1, 2), 1).tolist()
    [392001]
    """
    top, bottom = factor.numerator, factor.denominator * step
    if 2 * int(points.max(initial=0)) * top + 2 * bottom >= 2**63:  # a factor of many decimals
        exact = [divide_rounded(p * top, bottom) * step for p in points.tolist()]
        return np.array(exact, dtype=np.int64)
    return np.asarray((2 * points * top + bottom) // (2 * bottom) * step, dtype=np.int64)
