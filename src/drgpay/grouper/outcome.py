"""What grouping says of a case: status, reason, group, severity; and how often.

Statuses and reasons are closed lists; their texts stand here once.
"""

from __future__ import annotations

from dataclasses import dataclass

from drgpay.cases.quarantine import REASONS as QUARANTINE_REASONS

STATUSES = ("grouped", "ambiguous", "ungroupable", "quarantined")
GROUPED, AMBIGUOUS, NOT_GROUPED, QUARANTINED = range(4)  # their numbers
UNGROUPABLE = "0000"

REASON_TEXTS: dict[str, tuple[str, str]] = {
    "": ("", ""),
    "further_procedure": (
        "主要手术不能入组，按其他手术单独入组",
        "grouped by a further procedure taken alone",
    ),
    "no_surgical_adrg": (
        "有有效手术操作，但不属于本MDC的任何手术组",
        "a valid procedure, but none of this MDC's surgical groups",
    ),
    "principal_unknown": (
        "主要诊断不在本方案的编码库中",
        "the principal diagnosis is not in the scheme's code system",
    ),
    "principal_refused": (
        "主要诊断是灰码，或不作为分组规则，本方案不予入组",
        "the principal diagnosis is grey or takes no part in grouping: the scheme refuses it",
    ),
    "principal_in_no_mdc": (
        "主要诊断不属于任何MDC",
        "no MDC lists the principal diagnosis",
    ),
    "sex_conflict": (
        "性别与主要诊断的MDC不符",
        "the MDC of the principal diagnosis is the other sex's",
    ),
    "mdc_condition": (
        "主要诊断所属MDC的年龄等条件不满足",
        "a condition of the principal diagnosis's MDC, such as age, does not hold",
    ),
    "no_adrg": (
        "MDC中没有ADRG接受此诊断与手术",
        "no ADRG of the MDC takes this diagnosis and procedure",
    ),
    "quarantined": ("数据有误，见隔离表", "faulty data: see the quarantine table"),
}
# what the reason column may hold: of a quarantined case, why
REASONS = (*REASON_TEXTS, *QUARANTINE_REASONS)
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
