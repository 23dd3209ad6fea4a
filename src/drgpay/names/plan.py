"""Words of the global budget: factors, deductions, reserves, blocks, causes, each by its code."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.ground.errors import Bilingual, both

# S0 art. 11: what an expenditure budget takes into account
BUDGET_FACTORS: Mapping[str, Bilingual] = {
    "revenue": both("本年度基金收入测算", "estimated revenue of the year"),
    "last_year": both("上年度基金实际支出", "last year's actual expenditure"),
    "insured_and_benefits": both("参保人群与待遇政策变动", "insured persons and benefits"),
    "health_and_prices": both("卫生、物价政策变动", "health and price policy"),
    "resources": both("医疗卫生资源发展", "growth of medical resources"),
    "prepaid_premiums": both("趸交保费跨年度分配", "prepaid premiums spread over years"),
    "risk_reserve": both("应对支出风险的储备", "reserve for spending risk"),
    "other": both("其他影响支出的情况", "other influences"),
}
# S0 art. 13, S4 (2): what a control target leaves out
DEDUCTIONS: Mapping[str, Bilingual] = {
    "retail_pharmacies": both("定点零售药店购药", "retail pharmacies"),
    "out_of_area": both("统筹区域外就医", "care outside the region"),
    "retired_cadres": both("离休人员就医", "care of retired cadres"),
    "one_off_premiums": both("一次性趸交", "one-off premiums"),
    "other": both("其他扣除", "other deductions"),
}
# S0 art. 13: what it must contain
RESERVES: Mapping[str, Bilingual] = {
    "mid_year": both("年中调整预留", "reserve for mid-year adjustment"),
    "year_end": both("年终清算预留", "reserve for year-end clearing"),
    "deposit": both("质量保证金预留", "quality deposit set aside"),
}
CARE: Mapping[str, Bilingual] = {
    "inpatient": both("住院", "inpatient"),
    "outpatient": both("门诊", "outpatient"),
}
PAYERS: Mapping[str, Bilingual] = {
    "pooled_fund": both("统筹基金", "pooled fund"),
    "personal_account": both("个人账户", "personal account"),
    "other_cost": both("其余医疗费用", "the rest of the cost"),
}
# S0 art. 15, 16 and 19: what N is made of
INDEX_FACTORS: Mapping[str, Bilingual] = {
    "institution_level": both("级别", "level"),
    "kind": both("类别", "kind"),
    "scope": both("服务范围", "scope of service"),
    "speciality": both("服务特色", "speciality"),
    "effective_volume": both("有效服务量", "effective volume"),
    "first_visit_referral": both("首诊转诊任务", "first visits and referrals"),
    "mean_cost": both("次均费用", "mean cost"),
    "primary_care": both("基层倾斜", "tilt to primary care"),
    "assessment": both("考核指标执行情况", "results of the assessment"),
    "other_factor": both("其他因素", "another factor"),
}
# S3 一2: parts of a resident scheme's yearly budget
BLOCKS: Mapping[str, Bilingual] = {
    "new_institutions": both("新增医疗定点单位", "new institutions"),
    "township_centres": both("乡镇卫生院（站）", "township health centres"),
    "city_hospitals": both("市级公立医院", "city hospitals"),
    "out_of_prefecture": both("地市外医院", "hospitals outside the prefecture"),
    "in_prefecture": both("本市外地市内医院", "hospitals of the prefecture outside the city"),
    "emergencies": both("在外地突发疾病", "emergencies elsewhere"),
}
HOSPITAL_PARTS: Mapping[str, Bilingual] = {
    "outpatient": both("普通门诊", "outpatient"),
    "inpatient": both("一般住院", "inpatient"),
    "special_disease": both("特殊病种门诊", "outpatient care of special diseases"),
}
# S0 art. 22: why an index may change within the year
CAUSES: Mapping[str, Bilingual] = {
    "policy_or_event": both("重大政策调整、突发事件或价格大幅变动", "policy, emergency or prices"),
    "overhaul": both("内部大修关闭部分服务", "overhaul that closes services"),
    "agreement": both("暂停或终止服务协议", "agreement suspended or ended"),
    "special": both("其他特殊情况", "another special case"),
}
# S3 二(三)3: new capacity or technology that was applied for and approved, in the year's settlement
CAPACITY = "capacity"
CHANGES: Mapping[str, Bilingual] = {
    **CAUSES,
    CAPACITY: both("新增服务能力或新技术", "new capacity or technology"),
}
# S3 三3: how many of the indicators are met
OUTCOMES: Mapping[str, Bilingual] = {
    "all": both("全部达到", "all met"),
    "some": both("未全部达到", "not all met"),
    "no_indicator": both("全部未达到", "none met"),
}
