"""Lists uploaded late, as sheets: by institution, and one by one."""

from __future__ import annotations

from drgpay.ground.errors import both
from drgpay.wrapper.late_lists import LateLists

from .sheets import Field, Sheet

WORDS = {
    "hospitals": both("清单上传：各机构", "Uploads of lists: institutions"),
    "lists_late": both("逾期的清单", "Lists that are late"),
    "hospital_id": both("机构编码", "Institution"),
    "case_id": both("病例号", "Case"),
    "lists": both("清单数", "Lists"),
    "in_time": both("按期上传", "In time"),
    "late": both("逾期上传", "Late"),
    "missing": both("逾期未上传", "Missing"),
    "waiting": both("未到期", "Not due yet"),
    "settled": both("结算日期", "Settled"),
    "last_day": both("最后一日", "Last day"),
    "uploaded": both("上传日期", "Uploaded"),
    "days": both("逾期天数", "Days late"),
    "total": both("合计", "Total"),
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
