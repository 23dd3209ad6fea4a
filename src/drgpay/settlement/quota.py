"""Special reviews (特病单议): granted ones against the quota, and those that changed nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from drgpay.cases.quarantine import Quarantine
from drgpay.ground.errors import Bilingual, InputError, both
from drgpay.points.kernels import HELD, LOW_WITHOUT_REVIEW, SPECIAL_DISCHARGE
from drgpay.policy import YearPolicy
from drgpay.region.records import GRANTED, Region, review_places
from drgpay.settlement.scored import ScoredPieces
from drgpay.settlement.scoring import CASE_CLASSES


@dataclass(frozen=True, slots=True)
class Quota:
    """Reviews granted of paid cases against the quota; `hospital` empty for the region."""

    hospital: str
    granted: int
    paid: int
    allowed: int

    @property
    def text(self) -> Bilingual:
        """The figures in words."""
        return both(
            f"{self.hospital or '全统筹区'}：准予 {self.granted} 例，支付 {self.paid} 例，"
            f"名额 {self.allowed} 例",
            f"{self.hospital or 'the region'}: {self.granted} granted, {self.paid} paid, "
            f"{self.allowed} allowed",
        )


@dataclass(frozen=True)
class Reviewed:
    """The cases that have a review, quarantined ones included; numbers as of scored pieces."""

    case_id: Sequence[str | None]
    hospital: NDArray[np.int64]
    status: NDArray[np.int64]
    case_class: NDArray[np.int64]
    paid_by: NDArray[np.int64]
    decision: NDArray[np.int64]
    doubted: NDArray[np.int64]  # 1: a finding would hold the case, did the review not let it go on

    def __add__(self, other: Reviewed) -> Reviewed:
        columns = [np.concatenate([getattr(self, name), getattr(other, name)]) for name in NUMBERS]
        return Reviewed([*self.case_id, *other.case_id], *columns)


NUMBERS = tuple(own.name for own in fields(Reviewed))[1:]


def reviewed_cases(scored: ScoredPieces, region: Region) -> Reviewed:
    """Return the cases of a region that have a review, in the order of the input."""
    ids: list[str | None] = []
    parts: list[NDArray[np.int64]] = [np.zeros((len(NUMBERS), 0), np.int64)]
    for p in scored if region.reviews else ():
        decision = p.reviews.decision
        if not len(decision):
            continue
        rows = np.flatnonzero(decision)
        ids += [p.case_id[row].as_py() for row in rows.tolist()]
        doubt = decision * 0 if p.facts.doubt is None else (p.facts.doubt & scored.rules.hold) != 0
        columns = (p.facts.hospital, p.status, p.case_class, p.paid_by, decision, doubt)
        parts.append(np.array([column[rows] for column in columns], dtype=np.int64))
    return Reviewed(ids, *np.concatenate(parts, axis=1))


def quotas_of(
    reviewed: Reviewed, paid: NDArray[np.int64], region: Region, policy: YearPolicy
) -> list[Quota]:
    """Return reviews granted against the quota (特病单议名额); fail if they are more.

    `paid`: how many cases of each hospital are paid.
    """
    named = np.array([*_names_unreasonable(policy), False])  # the last: quarantined
    own = (reviewed.decision == GRANTED) & (reviewed.paid_by >= 0) & (reviewed.paid_by != HELD)
    own &= named[reviewed.case_class]
    granted = np.bincount(reviewed.hospital[own], minlength=len(region.hospitals))
    share = Fraction(policy["special_quota"])
    if policy.says("special_quota.scope", "region", "hospital"):
        rows = [("", int(granted.sum()), int(paid.sum()))]
    else:
        rows = [
            (h.id, int(g), int(n)) for h, g, n in zip(region.hospitals, granted, paid, strict=True)
        ]
    quotas = [Quota(name, g, n, review_places(share, n)) for name, g, n in rows]
    over = [q for q in quotas if q.granted > q.allowed]
    if over and policy.says("special_quota.over", "refuse", "warn"):
        raise InputError(
            both(
                "准予的特病单议超出名额", "more special reviews are granted than the quota allows"
            ),
            where=region.path / region.reviews_file,
            faults=[q.text for q in over],
            remedy=both(
                "减少准予的单议，或由有权部门调整 special_quota（名额）",
                "grant fewer, or have special_quota changed by who may",
            ),
        )
    return quotas


def review_notes(reviewed: Reviewed, region: Region, policy: YearPolicy) -> Quarantine:
    """Return reviews that changed nothing: of cases of other classes, or of no paid case."""
    waiting, file = dict(region.reviews), region.reviews_file
    notes = Quarantine()
    names_cost = _names_unreasonable(policy)
    classes, status = reviewed.case_class.tolist(), reviewed.status.tolist()
    doubted = reviewed.doubted.tolist()
    for case, kind, end, doubt in zip(reviewed.case_id, classes, status, doubted, strict=True):
        if end == 3 or case is None:
            continue
        review = waiting.pop(case, None)
        if review is None or names_cost[kind] or doubt:
            continue
        notes.add(file, review.row, case, "case_id", case, "review_without_effect")
    for case, review in waiting.items():
        notes.add(file, review.row, case, "case_id", case, "review_case_unknown")
    notes.rows.sort(key=lambda note: note[1])
    return notes


def _names_unreasonable(policy: YearPolicy) -> list[bool]:
    """Return by class whether a review may change something: a refusal of a high case counts, too."""
    named = {"high", "reviewed", "unstable", "ungrouped", "ambiguous", "long_stay", "short_stay"}
    if policy.number("low.rule") not in LOW_WITHOUT_REVIEW:
        named.add("low")
    named.add(CASE_CLASSES[SPECIAL_DISCHARGE])
    return [name in named for name in CASE_CLASSES]
