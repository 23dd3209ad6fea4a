"""The catalogue of parameters: each declared once, with what it takes, its unit and its rule.

Readers, `--set`, `drgpay policy parameters`, reports, derivations and tests take choices and
ranges from here; values live in policy files only. A choice is added here, with its word in
names/choices.py and its branch wherever `YearPolicy.says` or a kernel tells the choices apart:
tests/policy names every place that lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drgpay.names.choices import CLASSES
from drgpay.names.codes import COMPONENTS
from drgpay.policy.constraints import (
    NONE,
    Amounts,
    Bands,
    Choice,
    Constraint,
    Count,
    Decimal,
    Names,
    Pairs,
    Switch,
    Text,
    Tiers,
    Weights,
    one_of,
)

UNITS = frozenset(
    "point decimal_places years cases days ratio multiple choice switch list bands "
    "quartile_type table yuan tiers weights months month month_day".split()
)
BY_COST_RULES = ("by_cost", "special_review", "by_item")
DISCHARGE_RULES = ("as_others", "not_low", "by_cost", "by_item")
# findings by which a policy may hold a case, besides days against dates (`los_conflict`)
FINDINGS = (
    "patient_id_missing",
    "stay_twice",
    "day_surgery_with_long_stay",
    "settlement_before_discharge",
)
RATE = Decimal("ratio", high=1)
NO = "无"


@dataclass(frozen=True, slots=True)
class Known:
    """What the engine knows of a parameter.

    `rule` is the first one of docs/rules.md that asks it. `none` is what `none` means in Chinese, empty
    where it is not taken. `when` names another parameter and its choices under which this one
    matters. `sometimes`: amounts of a year end hang on it only where the run says so.
    """

    key: str
    name: str
    rule: str
    takes: Constraint
    none: str = ""
    sometimes: bool = False
    when: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The unit of its values, as policy files state it."""
        return self.takes.unit

    @property
    def choices(self) -> tuple[str, ...]:
        """All words that this version offers, of a parameter that takes such."""
        return self.takes.options if isinstance(self.takes, Choice | Names) else ()

    @property
    def single(self) -> bool:
        """Whether this version offers one value alone."""
        if isinstance(self.takes, Count):
            return self.takes.low == self.takes.high
        return len(self.choices) == 1

    def read(self, value: Any) -> Any:
        """Return a value of a policy file as the rules use it; ValueError says what fits.

        `none` is None, where it is taken.
        """
        return None if self.none and value == NONE else self.takes.read(self.key, value)

    def typed(self, text: str) -> Any:
        """Return what a policy file would hold for a text after `--set`; ValueError as `read`."""
        return text if self.none and text == NONE else self.takes.typed(self.key, text)


# fmt: off
PARAMETERS = (  # a table: key, Chinese name, rule, what it takes
    # points and what they are rounded to
    Known("point_scale", "点数基数", "5.1", Decimal("point", low=1)),
    Known("base_points_dp", "基准点数小数位", "5.1", Count("decimal_places", high=4)),
    Known("zero_base_points", "基准点数取整为零", "5.2", one_of("refuse", "settle")),
    Known("case_points_dp", "病例点数小数位", "7.15", Count("decimal_places", high=4),
          none="四位小数"),
    Known("group_mean_dp", "次均费用小数位", "4.4", Count("decimal_places", low=2, high=2)),
    Known("grouped.share_min", "入组比例下限", "1.2", RATE),
    # base points from history
    Known("history_years", "历史数据年数", "4.1", Count("years", low=1, high=10)),
    Known("history.weighting", "历史年度加权方式", "4.4", one_of("pooled", "yearly_means")),
    Known("history.year_weights", "历史年度权重", "4.4", Weights(),
          when=("history.weighting", "yearly_means")),
    Known("stable.min_cases", "稳定病组最少例数", "4.5", Count("cases")),
    Known("stable.inclusive", "最少例数含本数", "4.5", Switch()),
    Known("stable.cv_max", "变异系数上限", "4.5", Decimal("ratio")),
    Known("stable.cv_sd", "标准差算法", "4.2", one_of("sample", "population")),
    Known("small_groups", "例数不足病组的处理", "4.6", one_of("unstable", "borrow_adrg", "review")),
    Known("trim.method", "裁剪方法", "4.3",
          one_of("middle_interval", "none", "winsorise", "sd", "percentiles", "multiples")),
    Known("trim.when", "裁剪条件", "4.2", one_of("cv_above", "always")),
    Known("trim.lower_factor", "下界四分位距倍数", "4.3", Decimal("multiple"),
          when=("trim.method", "middle_interval")),
    Known("trim.upper_factor", "上界四分位距倍数", "4.3", Decimal("multiple"),
          when=("trim.method", "middle_interval")),
    Known("trim.lower_percentile", "下界百分位", "4.3", RATE,
          when=("trim.method", "percentiles", "winsorise")),
    Known("trim.upper_percentile", "上界百分位", "4.3", RATE,
          when=("trim.method", "percentiles", "winsorise")),
    Known("trim.sd_multiple", "裁剪标准差倍数", "4.3", Decimal("multiple"),
          when=("trim.method", "sd")),
    Known("trim.quantile_type", "四分位数算法", "4.2", Choice(("7", "6"), "quartile_type"),
          when=("trim.method", "middle_interval", "percentiles", "winsorise")),
    # classes of cases and what each is paid
    Known("ratio_basis", "倍率比较基准", "7.6", one_of("group_mean", "standard")),
    Known("high.bands", "高倍率界限", "7.5", Bands()),
    Known("high.bands_unit", "高倍率分档单位", "7.5", one_of("points", "weight")),
    Known("high.bands_inclusive", "高倍率分档含本数", "7.5", Switch()),
    Known("high.inclusive", "高倍率含本数", "7.5", Switch()),
    Known("high.rule", "高倍率处理", "7.5",
          one_of("special_review", "linear_add", "deduct", "cap", "by_item")),
    Known("low.multiple", "低倍率界限", "7.4", Decimal("multiple", high=1)),
    Known("low.inclusive", "低倍率含本数", "7.4", Switch()),
    Known("low.threshold", "低倍率界限算法", "7.4", one_of("fixed", "lower_of_coefficient")),
    Known("low.rule", "低倍率计点", "7.4", one_of("ratio", "by_cost", "by_item")),
    Known("low.exempt_day_surgery", "日间手术除外", "7.4", Switch()),
    Known("class_order", "高低倍率判定次序", "7.6", one_of("low_first", "high_first")),
    Known("ungrouped.rule", "无法入组病例计点", "7.2", one_of(*BY_COST_RULES)),
    Known("unstable.rule", "非稳定病组病例计点", "7.2", one_of(*BY_COST_RULES)),
    Known("ambiguous.rule", "歧义组病例计点", "7.2", one_of(*BY_COST_RULES)),
    Known("death.rule", "死亡病例计点", "7.3", one_of(*DISCHARGE_RULES)),
    Known("transfer.rule", "转院病例计点", "7.3", one_of(*DISCHARGE_RULES)),
    Known("against_order.rule", "非医嘱离院病例计点", "7.3", one_of(*DISCHARGE_RULES)),
    # special review
    Known("special_quota", "特病单议名额", "7.10", RATE),
    Known("special_quota.scope", "单议名额范围", "7.10", one_of("region", "hospital")),
    Known("special_quota.over", "超出单议名额", "7.10", one_of("refuse", "warn")),
    Known("review.points_max", "单议点数上限倍数", "7.8", Decimal("multiple"), none=NO),
    # stays that belong together
    Known("readmission.days", "再住院天数", "8.1", Count("days", high=366), none=NO),
    Known("readmission.factor", "再住院折扣", "8.1", RATE),
    Known("readmission.same", "再住院认定范围", "8.1",
          one_of("hospital_drg", "hospital_adrg", "hospital_category")),
    Known("readmission.exempt", "再住院除外病组", "8.2", Names()),
    Known("readmission.exempt_planned", "计划再住院除外", "8.2", Switch()),
    Known("readmission.across_years", "跨年再住院", "8.2", one_of("ignore")),
    Known("referral.rule", "医共体内转诊计点", "7.12", one_of("separate", "one_stay")),
    Known("referral.days", "转诊间隔天数", "7.12", Count("days", high=366),
          when=("referral.rule", "one_stay")),
    Known("referral.deductible", "转诊应收起付线", "7.13", one_of("highest_paid", "standards"),
          sometimes=True, when=("referral.rule", "one_stay")),
    Known("referral.deductible_standards", "各等级起付线标准", "7.13", Amounts(), sometimes=True,
          when=("referral.deductible", "standards")),
    # length of stay
    Known("short_stay.days", "短期住院天数", "7.1", Count("days"), none=NO),
    Known("long_stay.days", "长期住院天数", "3.1", Count("days"), none=NO),
    Known("long_stay.rule", "长期住院付费", "3.1", one_of("bed_day", "by_item")),
    Known("long_stay.class", "长期住院床日类别", "3.1", Text(), when=("long_stay.rule", "bed_day")),
    Known("bed_day.mode", "床日分段计价", "3.2", one_of("marginal", "whole_stay")),
    Known("bed_day.payment", "床日付费方式", "3.3", one_of("points", "money")),
    # coefficients
    Known("coef.source", "差异系数来源", "6.1", one_of("given", "level", "components")),
    Known("coef.scope", "差异系数口径", "6.1", one_of("hospital", "hospital_drg"),
          when=("coef.source", "components")),
    Known("coef.without_row", "缺机构系数行", "6.1", one_of("refuse", "one"),
          when=("coef.source", "given")),
    Known("coef.components", "差异系数组成", "6.2", Names(COMPONENTS),
          when=("coef.source", "components")),
    Known("coef.weights", "组成部分权重", "6.2", Weights(), when=("coef.source", "components")),
    Known("coef.floor", "差异系数下限", "6.2", Decimal("ratio"), none=NO,
          when=("coef.source", "components")),
    Known("coef.cap", "差异系数上限", "6.2", Decimal("ratio"), none=NO,
          when=("coef.source", "components")),
    Known("coef.dp", "差异系数小数位", "6.1", Count("decimal_places", high=6),
          when=("coef.source", "components")),
    Known("coef.min_cases", "系数最少病例数", "6.3", Count("cases"),
          when=("coef.source", "components")),
    Known("coef_applies_to", "差异系数适用类别", "6.6", Names(CLASSES)),
    Known("primary_groups", "基层病组", "6.5", Names()),
    Known("primary_levels", "基层病组适用等级", "6.5", Names()),
    # new technology, traditional Chinese medicine
    Known("new_technology.rule", "新技术项目", "7.11", one_of("in_cost", "paid_apart", "by_points")),
    Known("new_technology.share", "新技术项目支付比例", "7.11", RATE,
          when=("new_technology.rule", "paid_apart", "by_points")),
    Known("tcm.tilt", "中医倾斜", "6.4", RATE, none=NO),
    Known("tcm.gate", "中治率门槛", "6.4", RATE),
    # the pool
    Known("keep_ratio", "结余留用比例", "9.3", RATE),
    Known("keep_tiers", "结余分档留用", "9.3", Tiers(), none=NO),
    Known("fund_share_of_overspend", "超支基金分担比例", "9.3", RATE),
    Known("overspend_tiers", "超支分档分担", "9.3", Tiers(), none=NO),
    Known("overspend_cap", "超支分担上限", "9.3", one_of("none", "reserve")),
    Known("reserve_ratio", "调剂金比例", "9.2", RATE),
    Known("not_pool", "非统筹支付口径", "9.1", one_of("all", "personal")),
    # what a hospital is due
    Known("bound.level", "应付上下限对象", "10.4", one_of("none", "hospital", "case")),
    Known("bound.never_below_zero", "应付不为负", "10.4", Switch(),
          when=("bound.level", "hospital", "case")),
    Known("bound.cost_share", "应付上限占记账比例", "10.4", Decimal("ratio"), none=NO,
          when=("bound.level", "hospital", "case")),
    Known("bound.case_within_cost", "病例应付不超费用", "10.4", Switch(),
          when=("bound.level", "case")),
    Known("bound.unsolved", "上限之外余额", "10.5", one_of("refuse", "to_fund"),
          when=("bound.level", "hospital", "case")),
    Known("violator_no_increase", "违规机构不增加决算", "10.6", Switch()),
    Known("removed_case", "违规病例与扣点的金额", "9.9", one_of("to_fund", "shared"),
          sometimes=True),
    Known("value_dp", "点值小数位", "10.2", Count("decimal_places", high=12), none=NO,
          when=("residual", "to_fund")),
    Known("residual", "尾差处理", "10.1", one_of("largest_remainder", "to_fund")),
    Known("combined_residual", "合并点值的尾差", "10.3", one_of("hospital_first", "by_account"),
          sometimes=True),
    Known("value_not_positive", "点值不为正", "9.8", one_of("refuse", "settle")),
    Known("pool_without_points", "无点数的险种", "9.8", one_of("leave", "refuse")),
    Known("combine_pools", "合并计算点值", "9.7", Switch()),
    # payment
    Known("prepay_ratio", "预付比例", "11.1", RATE),
    Known("prepay_basis", "预付基数", "11.1", one_of("recorded_fund", "month_value")),
    Known("deposit_score", "保证金考核方式", "11.3", one_of("linear", "bands")),
    Known("deposit_bands", "保证金返还分档", "11.3", Tiers(), none=NO,
          when=("deposit_score", "bands")),
    Known("deposit_forfeited", "扣罚保证金的去向", "11.4", one_of("fund", "share")),
    Known("out_of_area", "异地就医费用", "9.2", one_of("inside_budget", "deducted")),
    Known("ceiling.required", "正式清算须有的控制目标", "14.2", one_of("fund", "region", "none"),
          sometimes=True),
    Known("ceiling.excess", "超出控制目标时", "14.1", one_of("defer", "refuse"), sometimes=True),
    Known("prepaid.limit", "手工预付表的上限", "11.1", Decimal("multiple"), none=NO, sometimes=True),
    Known("carried.unmatched", "未注明清算的结转", "11.5", one_of("recover_only", "accept", "refuse"),
          sometimes=True),
    Known("budget_growth_cap", "基金支出增幅上限", "9.5", Decimal("ratio"), sometimes=True),
    # cases and their year
    Known("year_key", "年度归属日期", "1.1", one_of("setl_end_date", "discharge_date")),
    Known("los_convention", "住院天数算法", "2.1", one_of("difference", "plus_one")),
    Known("los_conflict", "住院天数与日期不一致", "2.2", one_of("hold", "dates", "given")),
    Known("findings.hold", "暂不支付的检查结果", "7.14", Names(FINDINGS)),
    Known("provision", "预提", "9.4", one_of("recorded_fund", "none")),
    Known("unsettled_share_max", "未清算病例上限", "9.4", RATE),
    # months
    Known("month.pattern", "月度预算分配", "13.1", one_of("equal", "given"), sometimes=True),
    Known("month.growth_limit", "异常增长界限", "13.4", Decimal("ratio"), none=NO, sometimes=True),
    Known("rollover_pays_deferred", "月度结余补付缓付额", "13.5", Switch(), sometimes=True),
    # what is owed back
    Known("negative_final", "应收回金额处理", "11.6", one_of("recover_next"), sometimes=True),
    Known("negative_final.ended", "已解除协议的应收回金额", "11.6", one_of("demand_back"),
          sometimes=True),
    # communities and capitation
    Known("community.opposite_sign", "医共体成员盈亏相反", "16.3",
          one_of("require_allocation"), sometimes=True),
    Known("capitation.method", "人头预算方式", "16.1", one_of("rate", "share_of_budget"),
          sometimes=True),
    Known("capitation.rate_yuan", "人头年人均标准", "16.1", Decimal("yuan"), none=NO,
          sometimes=True, when=("capitation.method", "rate")),
    Known("capitation.area_of_resident", "居民划分依据", "16.1",
          one_of("registered", "usual", "usual_then_registered"), sometimes=True),
    Known("capitation.invalid_cost", "无效人头费用处理", "16.1",
          one_of("charged", "excluded"), sometimes=True),
    Known("capitation.special_factors", "人头特殊因素", "16.1", Names(), sometimes=True),
    Known("capitation.keep_ratio", "人头结余留用比例", "16.2", RATE, sometimes=True),
    Known("capitation.deficit_share", "人头超支基金分担比例", "16.2", RATE, sometimes=True),
    Known("fund_type_map", "基金支付类型对照", "16.4", Pairs(), sometimes=True),
)
# fmt: on
CATALOGUE: Mapping[str, Known] = {known.key: known for known in PARAMETERS}
