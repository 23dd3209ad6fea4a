"""Lists uploaded late, and care elsewhere without a referral, as sheets."""

from __future__ import annotations

from collections.abc import Iterable

from drgpay.ground.errors import both
from drgpay.monitoring.unreferred import Unreferred
from drgpay.names.plan import CARE
from drgpay.names.run_columns import column_of
from drgpay.wrapper.late_lists import LateLists

from .sheets import Field, Sheet
from .texts import TEXTS

WORDS = {
    "hospitals": both("清单上传：各机构", "Uploads of lists: institutions"),
    "lists_late": both("逾期的清单", "Lists that are late"),
    **{key: column_of("", key).name for key in ("hospital_id", "case_id")},
    "lists": both("清单数", "Lists"),
    "in_time": both("按期上传", "In time"),
    "late": both("逾期上传", "Late"),
    "missing": both("逾期未上传", "Missing"),
    "waiting": both("未到期", "Not due yet"),
    "settled": both("结算日期", "Settled"),
    "last_day": both("最后一日", "Last day"),
    "uploaded": both("上传日期", "Uploaded"),
    "days": both("逾期天数", "Days late"),
    "total": both(*TEXTS["total"]),
    "unreferred": both("未转诊外出就医", "Care elsewhere without a referral"),
    "care": both("就医类别", "Care"),
    "visits": both("未转诊人次", "Visits without a referral"),
    "cost_fen": both("总费用（元）", "Cost, yuan"),
    "share": both("个人自付比例", "Own share"),
    "least": both("应不低于", "At least"),
    "short": both("不足的人次", "Bore less"),
    "short_fen": both("少付（元）", "Short by, yuan"),
}
COUNTS = ("lists", "in_time", "late", "missing", "waiting")
DAYS = ("settled", "last_day", "uploaded")


def late_sheets(found: LateLists, lang: str) -> list[Sheet]:
    """Return the counts of each institution, and the lists that are late."""
    hospitals = [
        Field("hospital_id", WORDS["hospital_id"].of(lang), "code"),
        *(Field(key, WORDS[key].of(lang), "count", total=True) for key in COUNTS),
    ]
    counts = [
        {"hospital_id": own.hospital_id, **{key: getattr(own, key) for key in COUNTS}}
        for own in found.hospitals
    ]
    fields = [Field(key, WORDS[key].of(lang), "code") for key in ("hospital_id", "case_id", *DAYS)]
    rows = [
        {
            "hospital_id": own.hospital_id, "case_id": own.case_id, "days": own.days,
            **{key: str(getattr(own, key) or "—") for key in DAYS},
        }
        for own in found.late
    ]  # fmt: skip
    days = Field("days", WORDS["days"].of(lang), "count")
    return [
        Sheet(WORDS["hospitals"].of(lang), hospitals, counts, total=WORDS["total"].of(lang)),
        Sheet(WORDS["lists_late"].of(lang), [*fields, days], rows),
    ]


def unreferred_sheet(found: Iterable[Unreferred], lang: str) -> Sheet:
    """Return care elsewhere without a referral, by institution and kind of care."""
    kinds = {
        "hospital_id": "code", "care": "text", "visits": "count", "cost_fen": "yuan",
        "share": "percent", "least": "percent", "short": "count", "short_fen": "yuan",
    }  # fmt: skip
    fields = [
        Field(key, WORDS[key].of(lang), kind, total=kind in ("count", "yuan"))
        for key, kind in kinds.items()
    ]
    rows = [
        {**{key: getattr(own, key) for key in kinds}, "care": CARE[own.care].of(lang)}
        for own in found
    ]
    lead = both(
        "办理转诊的同类就医的自付比例，加上应高出的部分，为应不低于的比例；只作核对，不据此拒付",
        "at least: the share that those with a referral bore, and what the policy adds; a check alone",
    )
    return Sheet(
        WORDS["unreferred"].of(lang), fields, rows, (lead.of(lang),), total=WORDS["total"].of(lang)
    )
