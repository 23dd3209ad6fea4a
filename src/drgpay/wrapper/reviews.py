"""Special reviews (特病单议) that institutions applied for, counted against the quota as the year goes.

Applications are matters of the procedure `special_review`; discharges are those of a run of the year:
of its last month, or of its settlement, whose policy says the quota (`special_quota`). The settlement
holds what was granted to the same quota.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from drgpay.ground.errors import InputError, both
from drgpay.ledger.book import Reading
from drgpay.ledger.calendar import load_calendar
from drgpay.ledger.procedures import Step, Terms, progress
from drgpay.ledger.steps import StepLog
from drgpay.policy import YearPolicy
from drgpay.policy.year import says
from drgpay.region.records import review_places
from drgpay.runs.manifest import MONTH
from drgpay.runs.reader import RunFolder
from drgpay.wrapper.planning import chosen

PROCEDURE, ACCEPT, DECIDE, APPEAL = "special_review", "accept", "decide", "appeal"


@dataclass(frozen=True, slots=True)
class Application:
    """One application: its name, whose it is, the steps that stand, in their order."""

    subject: str
    hospital_id: str
    done: tuple[Step, ...]

    def has(self, step: str) -> bool:
        """Whether a step stands."""
        return any(own.id == step for own in self.done)


@dataclass(frozen=True, slots=True)
class Counted:
    """Applications of an institution, or of the region, against the quota of discharges."""

    hospital_id: str  # "" of the region
    applied: int
    accepted: int
    decided: int
    appeals: int
    discharges: int
    quota: int

    @property
    def left(self) -> int:
        """How many may still be accepted, below 0 where there are too many."""
        return self.quota - self.accepted


def applications(reading: Reading, year: int, policy: YearPolicy) -> list[Application]:
    """Return the applications of a year in the order in which they were begun."""
    (procedure,) = chosen([PROCEDURE])
    terms = Terms.of(policy, load_calendar())
    found = []
    for matter, acts in StepLog().of_year(reading, year).items():
        if matter.procedure != PROCEDURE:
            continue
        so_far = progress(procedure, matter, acts, terms)
        done = tuple(step for step in procedure.steps.values() if so_far.done(step))
        party = next((act.party for act in acts if act.party), "")
        found.append(Application(matter.subject, party, done))
    return found


def counted(found: Sequence[Application], folder: str | Path, year: int) -> list[Counted]:
    """Return the applications against the quota, by the scope of the run's policy.

    Raises InputError for a run of another year, and for applications without their institution where
    the quota is each institution's (`done special_review apply --party`).
    """
    run = RunFolder(folder, "")
    if int(run.manifest["region"]["year"]) != year:
        raise InputError(
            both(f"这不是 {year} 年的结果", f"the folder is not of {year}"), where=run.folder
        )
    run.refuse_changed()
    discharges: dict[str, int] = {}
    with run.reading():
        table = "months_hospitals" if run.kind == MONTH else "hospitals"
        for row in run.table(table, ["hospital_id", "cases"]).to_pylist():
            name = row["hospital_id"]
            discharges[name] = discharges.get(name, 0) + row["cases"]
        share = Fraction(str(run.values["special_quota"]))
        of_region = says(run.values, "special_quota.scope", "region", "hospital")
    if of_region:
        return [_counted("", found, sum(discharges.values()), share)]
    nobodys = [own.subject for own in found if not own.hospital_id]
    if nobodys:
        raise InputError(
            both("单议申请没有写明机构", "applications do not say whose they are"),
            faults=[both(f"“{name}”", name) for name in nobodys],
            remedy=both("登记申请时加 --party 机构编码", "put apply down with --party"),
        )
    names = sorted({*discharges, *(own.hospital_id for own in found)})
    return [
        _counted(name, [o for o in found if o.hospital_id == name], discharges.get(name, 0), share)
        for name in names
    ]


def _counted(name: str, found: Sequence[Application], discharges: int, share: Fraction) -> Counted:
    accepted, decided, appeals = (
        sum(own.has(step) for own in found) for step in (ACCEPT, DECIDE, APPEAL)
    )
    quota = review_places(share, discharges)
    return Counted(name, len(found), accepted, decided, appeals, discharges, quota)
