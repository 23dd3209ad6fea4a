"""Words of the assessment: measures, units, directions, what became of an indicator."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.ground.errors import Bilingual, both

# what is counted of a year's visits
MEASURES: Mapping[str, Bilingual] = {
    "visits": both("就诊人次", "visits"),
    "persons": both("就诊人数", "persons"),
    "outpatient_visits": both("门急诊人次", "outpatient visits"),
    "repeat_visits": both("重复就诊人次", "repeated visits"),
    "admissions": both("住院人次", "admissions"),
    "readmissions": both("重复住院人次", "readmissions"),
    "cost": both("总费用", "cost"),
    "outpatient_cost": both("门急诊费用", "outpatient cost"),
    "inpatient_cost": both("住院费用", "inpatient cost"),
    "own_share": both("个人自付", "own share"),
    "outside_list": both("个人自费", "cost outside the list"),
    "drug_cost": both("药品费", "drugs"),
    "surgeries": both("有手术的住院人次", "stays with surgery"),
    "elective": both("择期手术的住院人次", "stays with elective surgery"),
    "costly_stays": both("高额住院人次", "costly stays"),
    "referrals": both("转出人次", "referrals"),
    "stay_days": both("住院天数", "days of stays"),
}
UNITS: Mapping[str, Bilingual] = {
    "ratio": both("比例", "ratio"),
    "number": both("数", "number"),
    "count": both("次", "count"),
    "fen": both("元", "yuan"),
}
DIRECTIONS: Mapping[str, Bilingual] = {
    "max": both("不高于", "at most"),
    "min": both("不低于", "at least"),
    "band": both("之间", "between"),
    "watch": both("监测", "watched"),
}
STATES: Mapping[str, Bilingual] = {
    "met": both("达到", "met"),
    "missed": both("未达到", "missed"),
    "not_evaluable": both("不可评价", "not evaluable"),
    "watched": both("只监测", "watched"),
}
