"""The effective volume of institutions as a sheet."""

from __future__ import annotations

from collections.abc import Iterable

from drgpay.ground.errors import both
from drgpay.ground.money import decimal_text
from drgpay.monitoring.volume import Served
from drgpay.names.assessed import MEASURES
from drgpay.names.choices import WORDS as CHOICES
from drgpay.names.run_columns import column_of
from drgpay.policy import YearPolicy

from .sheets import Field, Sheet
from .texts import TEXTS

TITLE = both("有效服务量", "Effective volume")
WORDS = {
    "hospital_id": column_of("", "hospital_id").name,
    "per_head": both("人次人头比", "Visits per person"),
    "effective": both("有效服务量", "Effective volume"),
    "effective_last": both("上年有效服务量", "Effective volume of last year"),
    "change": both("增长", "Growth"),
    "invalid": both("无效人头", "Invalid heads"),
    "total": both(*TEXTS["total"]),
}
COUNTS = ("visits", "repeat_visits", "readmissions", "persons")


def volume_sheet(found: Iterable[Served], policy: YearPolicy, lang: str) -> Sheet:
    """Return each institution's counts, effective volume of the year and the one before, growth."""
    fields = [
        Field("hospital_id", WORDS["hospital_id"].of(lang), "code"),
        *(Field(key, MEASURES[key].of(lang), "count", total=key != "persons") for key in COUNTS),
        Field("invalid", WORDS["invalid"].of(lang), "count", total=True),
        Field("per_head", WORDS["per_head"].of(lang), "text"),
        Field("effective", WORDS["effective"].of(lang), "count", total=True),
        Field("effective_last", WORDS["effective_last"].of(lang), "count", total=True),
        Field("change", WORDS["change"].of(lang), "percent"),
    ]
    rows = [
        {
            "hospital_id": own.hospital_id, "visits": own.now.visits,
            "repeat_visits": own.repeat_visits, "readmissions": own.readmissions,
            "persons": own.now.heads, "invalid": own.now.invalid_heads,
            "per_head": _ratio(own), "effective": own.effective,
            "effective_last": own.effective_last, "change": own.change,
        }
        for own in found
    ]  # fmt: skip
    measure = str(policy["volume.measure"])
    invalid = bool(policy["volume.invalid_heads"])
    days = policy["assess.repeat_days"], policy["assess.readmission_days"]
    lead = both(
        f"口径：{CHOICES[measure]}（volume.measure）"
        + ("，剔除无效人头（volume.invalid_heads）" if invalid else "")
        + f"；重复就诊指同一人在同一机构 {days[0]} 天内再次门诊（assess.repeat_days），重复住院指出院后 "
        f"{days[1]} 天内再次住院（assess.readmission_days）",
        f"by {measure} (volume.measure)"
        + (", without invalid heads (volume.invalid_heads)" if invalid else "")
        + f"; repeated: the same person at the same institution again within {days[0]} days "
        f"(assess.repeat_days), or admitted within {days[1]} days of leaving "
        "(assess.readmission_days)",
    )
    return Sheet(
        TITLE.of(lang), fields, rows, (lead.of(lang), *_open(policy, lang)),
        total=WORDS["total"].of(lang),
    )  # fmt: skip


def _ratio(own: Served) -> str:
    ratio = own.now.visits_per_head
    return "—" if ratio is None else decimal_text(ratio, 2)


ASKED = ("volume.measure", "volume.invalid_heads", "assess.repeat_days", "assess.readmission_days")


def _open(policy: YearPolicy, lang: str) -> list[str]:
    """Return a line that names the parameters that are not verified, where some are not."""
    keys = [key for key in ASKED if not policy.parameters[key].verified]
    names = "、".join(policy.parameters[key].name for key in keys)
    line = both(f"未核实参数：{names}", f"not verified: {', '.join(keys)}")
    return [line.of(lang)] if keys else []
