"""Words of monitoring: indicators, verdicts, grades, what makes a record abnormal."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.ground.errors import Bilingual, both

# what is held against the same months of last year
GROWTH: Mapping[str, Bilingual] = {
    "persons": both("就医人数", "persons"),
    "visits": both("就医人次", "visits"),
    "visits_per_person": both("人次人头比", "visits per person"),
    "mean_cost": both("次均费用", "mean cost"),
    "cost": both("医疗总费用", "total cost"),
    "fund": both("统筹基金支付", "pooled fund"),
}
SCOPES: Mapping[str, Bilingual] = {
    "month": both("当月", "month"),
    "to_date": both("年初至今", "year to date"),
}
# what institutions are ranked by
RANKED: Mapping[str, Bilingual] = {
    "mean_cost": both("次均费用", "mean cost"),
    "cost_per_person": both("人均费用", "cost per person"),
    "visits_per_person": both("人次人头比", "visits per person"),
}
TOP: Mapping[str, Bilingual] = {
    "visits": both("门诊人次", "outpatient visits"),
    "cost": both("医疗总费用", "total cost"),
    "inpatient_cost": both("住院费用", "inpatient cost"),
}
# why a flag was raised, or not
VERDICTS: Mapping[str, Bilingual] = {
    "raised": both("预警", "raised"),
    "chance": both("超线但可能是偶然", "over the limit, may be chance"),
    "within": both("未超线", "within the limit"),
    "too_few": both("人次太少，不判断", "too few visits to judge"),
    "no_last_year": both("上年同期没有记录", "no records last year"),
    "no_index": both("没有指标", "no index"),
}
# several indicators together (S0 art. 27)
GRADES: Mapping[str, Bilingual] = {
    "warn": both("重点预警", "warning"),
    "attend": both("关注", "to be looked at"),
    "none": both("未见异常", "nothing unusual"),
    "not_evaluable": both("不可判断", "not evaluable"),
}
ABNORMAL: Mapping[str, Bilingual] = {
    "marked": both("审核标记", "marked by review"),
    "many_a_day": both("同日多次就诊", "many visits on a day"),
    "costly": both("单次费用过高", "one visit very costly"),
}
