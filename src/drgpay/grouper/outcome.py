"""What grouping says of a case: status, reason, group, severity; and how often.

Statuses and reasons are closed lists; their words are in `drgpay.names`.
"""

from __future__ import annotations

from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, both
from drgpay.names import codes as names
from drgpay.names.reasons import GROUPING_REASONS
from drgpay.names.reasons import REASONS as OF_QUARANTINE

STATUSES = tuple(names.STATUSES)
GROUPED, AMBIGUOUS, NOT_GROUPED, QUARANTINED = range(4)  # their numbers
UNGROUPABLE = "0000"
# what the reason column may hold: of a quarantined case, why
REASONS = (*GROUPING_REASONS, *OF_QUARANTINE)
LEVELS = ("none", "CC", "MCC")


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases ended how; `total` is what came in."""

    grouped: int = 0
    ambiguous: int = 0
    ungroupable: int = 0
    quarantined: int = 0

    @property
    def total(self) -> int:
        """All cases."""
        return self.grouped + self.ambiguous + self.ungroupable + self.quarantined

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.grouped + other.grouped,
            self.ambiguous + other.ambiguous,
            self.ungroupable + other.ungroupable,
            self.quarantined + other.quarantined,
        )

    def line(self) -> Bilingual:
        """Return the counts in words."""
        return both(
            f"收到{self.total:,}例 = 入组{self.grouped:,} + 歧义{self.ambiguous:,} + "
            f"未入组{self.ungroupable:,} + 隔离{self.quarantined:,}",
            f"{self.total:,} cases = {self.grouped:,} grouped + {self.ambiguous:,} ambiguous + "
            f"{self.ungroupable:,} ungroupable + {self.quarantined:,} quarantined",
        )

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, `in` first."""
        return {
            "in": self.total,
            "grouped": self.grouped,
            "ambiguous": self.ambiguous,
            "ungroupable": self.ungroupable,
            "quarantined": self.quarantined,
        }


@dataclass(frozen=True, slots=True)
class Grouping:
    """The grouping of one case.

    `mdc` is the MDC that took the case, or accepted it without an ADRG taking it; `drg` is `0000`
    when ungroupable and `<letter>QY` when ambiguous; `severity` is of all secondary diagnoses.
    `adrg_key` names the rule of an ADRG with several; `by_procedure` the further procedure that
    grouped the case when taken alone, empty when the case grouped as it is.
    """

    mdc: str
    adrg: str
    drg: str
    name: str
    status: str
    reason: str
    severity: str
    severity_diagnosis: str
    adrg_key: str = ""
    by_procedure: str = ""
