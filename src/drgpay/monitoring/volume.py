"""Effective volume of institutions (有效服务量, S0 19), counted from their visits.

What is repeated is what the assessment counts as such (`assess.repeat_days`,
`assess.readmission_days`); who is an invalid head is found elsewhere and given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from drgpay.budget.indices import Volume, effective_volume, volume_change
from drgpay.ground.errors import InputError, both
from drgpay.monitoring.measures import AFTER, measured
from drgpay.monitoring.sums import asked
from drgpay.monitoring.visits import Visits
from drgpay.policy import YearPolicy
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Table, optional
from drgpay.wrapper.filled import read_table

NAMES = ("invalid_heads", "invalid_visits")
INVALID = Table(
    "invalid_heads",
    (
        Column("hospital_id", kinds.code),
        *(Column(name, kinds.count) for name in NAMES),
        *(optional(f"{name}_last", kinds.count, 0) for name in NAMES),
    ),
    unique=("hospital_id",),
)
NEEDED = ("care", "stay_days")  # columns of visits without which nothing repeated can be told
Invalid = Mapping[str, tuple[tuple[int, int], tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Served:
    """An institution's year and the year before, each with its effective volume.

    `repeat_visits` and `readmissions` are those of the year. `change`: by how much the effective
    volume grew; None where last year's is 0.
    """

    hospital_id: str
    now: Volume
    last: Volume
    repeat_visits: int
    readmissions: int
    effective: int
    effective_last: int
    change: Fraction | None


def read_invalid(path: Path) -> Invalid:
    """Return invalid heads and their visits, of this year and last, by institution."""
    return {
        row["hospital_id"]: (row.of(*NAMES), row.of(*(f"{name}_last" for name in NAMES)))
        for row in read_table(path, INVALID)
    }


def volumes(visits: Visits, policy: YearPolicy, invalid: Invalid | None = None) -> list[Served]:
    """Return the volume of each institution that had visits in the year or the one before.

    Raises InputError for visits without care and days of stays, for invalid heads of an institution
    without visits, and for counts that contradict each other.
    """
    given = dict(invalid or {})
    lacking = [name for name in NEEDED if name not in visits.columns]
    if lacking:
        raise InputError(
            both(
                "就诊记录没有就医类别或住院天数，无法识别重复就诊和重复住院",
                f"the visits lack {', '.join(lacking)}: what is repeated cannot be told",
            ),
            where=visits.files[0],
            remedy=both("补上这两列", "add the columns"),
        )
    with asked(visits, 12) as sums:
        counts = measured(sums, policy)
    strange = sorted(given.keys() - counts.keys())
    if strange:
        raise InputError(
            both(
                f"无效人头表中的机构没有就诊记录：{'、'.join(strange)}",
                f"invalid heads of institutions without visits: {', '.join(strange)}",
            ),
            remedy=both("核对机构编码", "check the institution's code"),
        )
    return [
        _served(name, own, given.get(name, ((0, 0), (0, 0))), policy)
        for name, own in counts.items()
    ]


def _served(
    hospital: str,
    own: Mapping[str, tuple[int, int]],
    invalid: Sequence[tuple[int, int]],
    policy: YearPolicy,
) -> Served:
    now, last = (
        Volume(
            visits=own["visits"][of],
            repeated=sum(own[name][of] for name in AFTER),
            heads=own["persons"][of],
            invalid_heads=invalid[of][0],
            invalid_visits=invalid[of][1],
        )
        for of in (0, 1)
    )
    return Served(
        hospital_id=hospital, now=now, last=last, repeat_visits=own["repeat_visits"][0],
        readmissions=own["readmissions"][0], effective=effective_volume(now, policy),
        effective_last=effective_volume(last, policy), change=volume_change(now, last, policy),
    )  # fmt: skip
