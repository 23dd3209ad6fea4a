"""Findings that hold a case (存疑病例): patient, dates and days that cannot be right.

What they are is what the checks of front pages say (drgpay.cases.checks); which of them hold a
case is the policy's (`findings.hold`, `los_conflict`). A decision in the table reviews, granted or
refused, is somebody's look at the case and lets it go on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drgpay.cases import parse
from drgpay.cases.checks.run import CheckSettings
from drgpay.cases.checks.stay.kernels import (
    day_surgery_with_long_stay,
    nights,
    settlement_before_discharge,
    stay_against_dates,
)
from drgpay.ground.jit import kernel
from drgpay.policy import YearPolicy
from drgpay.policy.catalogue import FINDINGS

DOUBTS = (*FINDINGS, "stay_against_dates")  # in the order of the bits of a case
BIT = {name: 1 << place for place, name in enumerate(DOUBTS)}
NO_STAY = 1 << 7  # of a refund: its stay is another row's, too


def holding(policy: YearPolicy) -> int:
    """Return the bits of the findings that hold a case under a policy."""
    bits = sum(BIT[name] for name in policy["findings.hold"])
    return int(
        bits
        | (
            BIT["stay_against_dates"]
            if policy.says("los_conflict", "hold", "dates", "given")
            else 0
        )
    )


def doubts_of(
    table: pa.Table,
    admission: NDArray[np.int32],
    discharge: NDArray[np.int32],
    settled: NDArray[np.int32],
    los_days: NDArray[np.int32],
    mode: NDArray[np.int8],
    refund: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return the bits of N cases, but for stays that several of them share."""
    out = np.zeros(len(table), dtype=np.uint8)
    if "patient_id" in table.column_names:
        texts = parse.flat(table["patient_id"]).cast(pa.string())
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True)
        out[np.asarray(blank)] |= BIT["patient_id_missing"]
    out[refund] |= NO_STAY
    _dates(
        admission, discharge, settled, los_days, mode, CheckSettings().day_surgery_most_days,
        np.array([BIT["settlement_before_discharge"], BIT["day_surgery_with_long_stay"],
                  BIT["stay_against_dates"]]),
        out,
    )  # fmt: skip
    return out


@kernel
def conflicts(admission: Any, discharge: Any, los_days: Any, out: Any) -> None:
    """Write whether the days of N stays follow from their dates by neither convention."""
    for i in range(len(out)):
        out[i] = stay_against_dates(los_days[i], nights(admission[i], discharge[i]))


@kernel
def _dates(
    admission: Any, discharge: Any, settled: Any, los_days: Any, mode: Any, most: int, bits: Any,
    out: Any,
) -> None:  # fmt: skip
    """Add the bits of what the dates of N stays say; `most` nights of day surgery."""
    for i in range(len(out)):
        stay = nights(admission[i], discharge[i])
        if settlement_before_discharge(settled[i], discharge[i]):
            out[i] |= bits[0]
        if day_surgery_with_long_stay(mode[i], stay, most):
            out[i] |= bits[1]
        if stay_against_dates(los_days[i], stay):
            out[i] |= bits[2]


def doubt_texts(doubt: NDArray[np.uint8] | None, hold: int, count: int) -> pa.Array:
    """Return of each case the findings that the policy lets hold it, joined by `|`; null: none."""
    if doubt is None or not hold:
        return pa.nulls(count, pa.string())
    words = [
        "|".join(name for name in DOUBTS if bits & hold & BIT[name]) or None for bits in range(128)
    ]
    return pa.array(words, pa.string()).take(pa.array((doubt & 127).astype(np.int64)))
