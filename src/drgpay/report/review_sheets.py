"""Special reviews as sheets: the count against the quota, and each application."""

from __future__ import annotations

from collections.abc import Iterable

from drgpay.ground.errors import both
from drgpay.names.run_columns import column_of
from drgpay.wrapper.reviews import Application, Counted

from .sheets import Field, Sheet

WORDS = {
    "count": both("特病单议名额", "Quota of special reviews"),
    "applications": both("特病单议申请", "Applications for special review"),
    "hospital_id": column_of("", "hospital_id").name,
    "region": both("全统筹区", "the region"),
    "applied": both("申请", "Applied"),
    "accepted": both("受理", "Accepted"),
    "decided": both("已决定", "Decided"),
    "appeals": both("复议", "Appeals"),
    "discharges": both("出院病例", "Discharges"),
    "quota": both("名额", "Quota"),
    "left": both("剩余名额（负数为超出）", "Left (below 0: too many)"),
    "subject": both("申请", "Application"),
    "last": both("已办到", "Done last"),
}
COUNTS = ("applied", "accepted", "decided", "appeals", "discharges", "quota", "left")


def _field(key: str, lang: str, kind: str) -> Field:
    return Field(key, WORDS[key].of(lang), kind)


def count_sheet(rows: Iterable[Counted], lang: str) -> Sheet:
    """Return the counts against the quota."""
    fields = [_field("hospital_id", lang, "code"), *(_field(key, lang, "count") for key in COUNTS)]
    shown = [
        {
            "hospital_id": own.hospital_id or WORDS["region"].of(lang),
            **{key: getattr(own, key) for key in COUNTS},
        }
        for own in rows
    ]
    return Sheet(WORDS["count"].of(lang), fields, shown)


def applications_sheet(found: Iterable[Application], lang: str) -> Sheet:
    """Return the applications with the step that was done last."""
    fields = [_field(key, lang, "wide") for key in ("subject", "hospital_id", "last")]
    shown = [
        {
            "subject": own.subject, "hospital_id": own.hospital_id or "—",
            "last": own.done[-1].name.of(lang) if own.done else "—",
        }
        for own in found
    ]  # fmt: skip
    return Sheet(WORDS["applications"].of(lang), fields, shown)
