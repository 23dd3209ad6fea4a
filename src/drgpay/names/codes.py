"""Every code that stands in a table of results, declared once: its Chinese and English word."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.ground.errors import Bilingual, both
from drgpay.names.plan import CARE
from drgpay.names.reasons import CAPITATION, GROUPING_REASONS, QUARANTINED, REASONS, UNASSIGNED
from drgpay.names.watch import GRADES, GROWTH, RANKED, SCOPES, TOP, VERDICTS

# what is added to a parameter or a day that no text at hand was read for
UNVERIFIED = both("（未核实）", " (not verified)")

CASE_CLASSES: Mapping[str, Bilingual] = {
    "normal": both("正常病例", "Normal"),
    "high": both("高倍率病例", "High-cost"),
    "reviewed": both("特病单议病例", "Specially reviewed"),
    "low": both("低倍率病例", "Low-cost"),
    "unstable": both("非稳定病组病例", "Unstable DRG"),
    "ungrouped": both("未入组病例", "Not groupable"),
    "ambiguous": both("歧义病例", "Ambiguous"),
    "bed_day": both("床日病例", "Bed-day"),
    "special_discharge": both("特殊离院病例", "Death, transfer or against order"),
    "long_stay": both("长期住院病例", "Long stay"),
    "short_stay": both("短期住院病例", "Short stay"),
}
PAID_BY: Mapping[str, Bilingual] = {
    "points": both("按点数", "by points"),
    "money": both("按金额", "in money"),
    "held": both("暂不支付", "held"),
}
STATUSES: Mapping[str, Bilingual] = {
    "grouped": both("入组", "grouped"),
    "ambiguous": both("歧义", "ambiguous"),
    "ungroupable": both("未入组", "ungroupable"),
    "quarantined": both("隔离", "quarantined"),
}
DISCHARGE_WAYS: Mapping[str, Bilingual] = {
    "1": both("医嘱离院", "as ordered"),
    "2": both("医嘱转院", "transfer"),
    "3": both("医嘱转社区", "transfer to a community institution"),
    "4": both("非医嘱离院", "against order"),
    "5": both("死亡", "death"),
    "9": both("其他", "other"),
}
# ways in which money is paid, of the table of the ceiling
MODES: Mapping[str, Bilingual] = {
    "drg": both("DRG点数付费", "DRG points"),
    "per_diem": both("按床日付费", "Per-diem"),
    "by_item": both("按项目付费", "By item"),
    "out_of_area": both("异地就医", "Care outside the region"),
    "capitation": both("按人头付费", "Capitation"),
    "index": both("按指标付费", "By index"),
    "other": both("其他支出", "Other payments"),
    "prepaid": both("已预付", "Prepaid"),
    "payable": both("本次支付", "Payable now"),
    "provision": both("预提（未清算病例）", "Provision for cases not settled"),
}
PERSONS: Mapping[str, Bilingual] = {
    "resident": both("居民", "resident"),
    "flexible": both("灵活就业", "flexible"),
    "student": both("大学生", "student"),
    "employee": both("职工", "employee"),
}
# of what a check finds; `fatal` quarantines
SEVERITIES: Mapping[str, Bilingual] = {
    "fatal": both("隔离", "fatal"),
    "error": both("错误", "error"),
    "warning": both("警告", "warning"),
    "note": both("提示", "note"),
}
# of a hospital's coefficient, and where each comes from
COMPONENTS = ("history", "level", "cmi", "visits_per_head", "personal_burden", "catalogue")
COMPONENT_ORIGINS: Mapping[str, Bilingual] = {
    "given": both("给定", "given"),
    "computed": both("计算", "computed"),
    "too_few": both("例数不足，取1", "too few cases: 1"),
}
# by column, or by table.column where a table means something of its own
CODES: Mapping[str, Mapping[str, Bilingual]] = {
    "case_class": CASE_CLASSES,
    "paid_by": PAID_BY,
    "status": STATUSES,
    "ceiling.mode": MODES,
    "decision": {"granted": both("准予", "granted"), "refused": both("不予", "refused")},
    "bound": {"low": both("下限", "low"), "high": both("上限", "high")},
    "origin": {
        "history": both("历史", "history"),
        "given": both("给定", "given"),
        "borrowed": both("借用", "borrowed"),
        "weights": both("公布的权重", "published weights"),
    },
    **{f"{name}_origin": COMPONENT_ORIGINS for name in COMPONENTS},
    "solution": {"unique": both("唯一", "unique"), "interval": both("区间", "interval")},
    "bearer": {
        "community": both("医共体", "community"),
        "unassigned": both("未归属", "unassigned"),
        "invalid": both("无效人头", "invalid heads"),
        "unknown_person": both("不明人员", "unknown persons"),
        "quarantined": both("隔离", "quarantined"),
    },
    "state": {
        "moved": both("改变应付", "dues change"),
        "other": both("应付不变", "dues stay"),
        "nothing": both("不改变任何金额", "no amount changes"),
        "refused": both("试不了", "cannot be tried"),
        "untried": both("未试算", "not tried"),
    },
    "severity": {"none": both("无", "none"), "CC": both("CC", "CC"), "MCC": both("MCC", "MCC")},
    "cases.reason": {**GROUPING_REASONS, **{code: r.message for code, r in REASONS.items()}},
    "quarantine.reason": {code: r.message for code, r in QUARANTINED.items()},
    "history_quarantine.reason": {code: r.message for code, r in REASONS.items()},
    "capitation_quarantine.reason": {code: r.message for code, r in CAPITATION.items()},
    "capitation_unassigned.reason": UNASSIGNED,
    "capitation_unassigned_persons.reason": UNASSIGNED,
    "capitation_books.reason": UNASSIGNED,
    "capitation_unassigned.kind": PERSONS,
    "capitation_unassigned_persons.kind": PERSONS,
    "findings.severity": SEVERITIES,
    "findings_by_month.severity": SEVERITIES,
    "verdict": VERDICTS,
    "grade": GRADES,
    "scope": SCOPES,
    "ranking": TOP,
    "care": CARE,
    "watch_growth.indicator": GROWTH,
    "watch_ranking.indicator": RANKED,
    "pattern": {
        "last_year": both("上年各月", "last year's months"),
        "equal": both("各月相等", "equal months"),
    },
    "standing": {
        "normal": both("正常", "normal"),
        "penalised": both("违规处理", "penalised"),
        "ended": both("已解除", "ended"),
    },
}


def word(column: str, code: str, lang: str, table: str = "") -> str:
    """Return the word for a code of a column; a text of a column without codes as it is.

    Raises KeyError for a code that nobody declared; no code at all is no text.

    >>> word("paid_by", "held", "zh"), word("mode", "drg", "zh", "ceiling"), word("name", "甲", "zh")
    ('暂不支付', 'DRG点数付费', '甲')
    """
    known = CODES.get(f"{table}.{column}") or CODES.get(column)
    return known[code].of(lang) if known and code else code


def spoken(column: str, code: object, table: str = "") -> Bilingual:
    """Return the word for a code of a column as it stands inside a sentence."""
    return both(*(word(column, str(code), lang, table) for lang in ("zh", "en"))).inside
