"""The wrapper's catalogue: parameters of the global budget, months, clearing and communities.

Made like the catalogue of payment, and read from policy files of their own (`catalogue = "budget"`
in `[policy]`). What both catalogues know is the same entry in both.
"""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.names.plan import CARE, CAUSES, DEDUCTIONS, INDEX_FACTORS, RESERVES
from drgpay.policy.catalogue import CATALOGUE, NO, RATE, Known
from drgpay.policy.constraints import (
    Count,
    Decimal,
    MonthDay,
    Names,
    Switch,
    Tiers,
    Weights,
    one_of,
)

BUDGET_POLICY = "hangzhou-budget"  # by default, as that of payment is Hangzhou's
# fmt: off
OWN = (  # a table: key, Chinese name, rule, what it takes
    # the control target
    Known("target.deductions", "控制目标扣除项目", "17.3",
          Names(tuple(code for code in DEDUCTIONS if code != "out_of_area"))),
    Known("target.reserves", "控制目标内的预留", "17.3", Names(tuple(RESERVES))),
    Known("target.mid_year_ratio", "年中调整预留比例", "17.3", RATE),
    Known("target.year_end_ratio", "年终清算预留比例", "17.3", RATE),
    Known("deposit.ratio", "质量保证金比例", "17.3", RATE),
    Known("coverage.care", "控制目标覆盖的医疗", "17.4", Names(tuple(CARE))),
    Known("coverage.money", "控制目标覆盖的费用", "17.4",
          one_of("pooled_fund", "fund_and_account", "all_cost")),
    # indices
    Known("index.base", "指标基数", "18.1",
          one_of("last_index_and_execution", "three_years", "peers")),
    Known("index.base_first", "首次总额控制的基数", "18.1", one_of("three_years", "peers")),
    Known("index.execution_weight", "基数中上年执行的权重", "18.1", RATE),
    Known("index.factors", "调整系数的因素", "18.2", Names(tuple(INDEX_FACTORS))),
    Known("index.change_max", "调整系数上限", "18.2", Decimal("ratio"), none=NO),
    Known("volume.measure", "有效服务量口径", "18.3", one_of("less_repeated", "per_head")),
    Known("volume.invalid_heads", "剔除无效人头", "18.3", Switch()),
    Known("index.fit", "指标超出控制目标时", "18.4", one_of("refuse", "proportional", "by_rule")),
    Known("index.fit_spared", "压减时不减的级别", "18.4", Names(), when=("index.fit", "by_rule")),
    Known("negotiation.deviation", "偏离分组规则", "18.5", one_of("refuse", "record")),
    Known("blocks.within_last_year", "总额不超上年实际", "18.6", Switch()),
    Known("blocks.referral_rate_max", "地市外转院率上限", "18.6", RATE, none=NO),
    Known("adjust.causes", "年中调整的情形", "18.7", Names(tuple(CAUSES))),
    # months
    Known("month_index.pattern", "月度指标分配", "19.1", one_of("equal", "past_years")),
    Known("month_pay.rule", "月度拨付方式", "19.2", one_of("within_index", "mean_and_actual")),
    Known("month_pay.mean_weight", "控制月均在预付中的权重", "19.4", RATE,
          when=("month_pay.rule", "mean_and_actual")),
    Known("working_capital.months", "周转金上限", "19.5", Decimal("months")),
    Known("advance.months", "预付金上限", "19.5", Decimal("months")),
    Known("advance.return_month", "预付金收回月份", "19.5", Count("month", low=1, high=12)),
    Known("advance.breach", "违约机构的预付金", "19.5", one_of("exclude", "allow")),
    # clearing
    Known("clearing.method", "指标清算办法", "20.1", one_of("national", "three_outcomes")),
    Known("clearing.gate_score", "留用的考核合格分", "20.2", RATE),
    Known("clearing.keep_ratio", "指标结余留用比例", "20.2", RATE),
    Known("clearing.keep_tiers", "指标结余分档留用", "20.2", Tiers(), none=NO),
    Known("clearing.fund_share", "指标超支基金分担比例", "20.3", RATE),
    Known("clearing.overspend_tiers", "指标超支分档分担", "20.3", Tiers(), none=NO),
    Known("clearing.report", "超支原因和整改书面报告", "20.3", one_of("required", "not_required")),
    Known("patients.growth_min", "就医人数大幅增长界限", "20.4", Decimal("ratio"), none=NO),
    Known("patients.ratio", "人数增长超支补偿比例", "20.4", RATE),
    Known("patients.cap", "人数增长补偿上限", "20.4", RATE, none=NO),
    Known("clearing.reward_ratio", "控制额内奖励比例", "20.5", RATE,
          when=("clearing.method", "three_outcomes")),
    Known("clearing.reward_payer", "奖励资金来源", "20.5", one_of("treasury", "insurance_fund"),
          when=("clearing.method", "three_outcomes")),
    Known("clearing.inside_share", "市内超额机构承担比例", "20.5", RATE,
          when=("clearing.method", "three_outcomes")),
    Known("clearing.outside_share", "市外超额机构承担比例", "20.5", RATE,
          when=("clearing.method", "three_outcomes")),
    # communities, days, persons
    Known("community.transfer_by", "医共体调剂备案截止日", "21.5", MonthDay()),
    Known("community.adjust_by", "医共体指标调整截止日", "21.5", MonthDay()),
    Known("community.clear_by", "年终清算截止日", "21.5", MonthDay()),
    Known("community.rebalance_by", "再平衡备案截止日", "21.5", MonthDay()),
    Known("deadline.weekend", "截止日逢非工作日", "21.5",
          one_of("same_day", "next_working_day", "previous_working_day")),
    Known("procedures.followed", "适用的程序", "21.7", Names()),
    Known("lists.upload_days", "清单上传期限", "21.8", Count("days", low=1, high=250)),
    Known("persons.distinct", "经办复核审批分人", "21.6",
          one_of("three_persons", "maker_and_approver", "not_asked")),
    # monitoring
    Known("watch.growth_limit", "增长预警线", "22.2", Decimal("ratio")),
    Known("watch.mean_growth_limit", "次均增长预警线", "22.2", Decimal("ratio")),
    Known("watch.confidence", "预警把握", "22.2", Decimal("ratio", high=1)),
    Known("watch.min_visits", "参与判断的最少人次", "22.2", Count("cases", low=2)),
    Known("watch.used_margin", "指标使用超前预警线", "22.3", Decimal("ratio")),
    Known("watch.top_persons", "列出的参保个体数", "22.4", Count("cases", low=1, high=1000)),
    Known("watch.abnormal_multiple", "单次费用异常倍数", "22.5", Decimal("multiple", low=1)),
    Known("watch.abnormal_per_day", "同日就诊异常次数", "22.5", Count("cases", low=2)),
    Known("watch.together", "同时异常的指标数", "22.6", Count("cases", low=1)),
    Known("referral.own_share_more", "未转诊外出就医加付比例", "22.7", RATE),
    # assessment
    Known("assess.repeat_days", "重复就诊天数", "23.1", Count("days")),
    Known("assess.readmission_days", "重复住院天数", "23.1", Count("days")),
    Known("assess.costly_yuan", "高额住院费用", "23.1", Decimal("yuan")),
    Known("assess.grades", "机构等次", "23.3", Names()),
    Known("assess.grade_limits", "机构等次界限", "23.3", Weights()),
    # publication
    Known("publish.min_cell", "公开数据的最小单元", "24.1", Count("cases", low=2)),
)
# fmt: on
SHARED = (
    "budget_growth_cap",
    "out_of_area",
    "month.growth_limit",
    "rollover_pays_deferred",
    "deposit_score",
    "deposit_bands",
    "violator_no_increase",
    "community.opposite_sign",
)
BUDGET: Mapping[str, Known] = {
    known.key: known for known in (*(CATALOGUE[key] for key in SHARED), *OWN)
}
