"""What columns, classes and rules are called."""

from __future__ import annotations

from drgpay.ground.errors import Bilingual, both
from drgpay.names.run_columns import label

COLUMNS: dict[str, Bilingual] = {
    "case_id": both("病例号", "case"),
    "total_cost_fen": both("总费用", "total cost"),
    "pool_fund_fen": both("统筹基金记账", "recorded fund"),
    "not_pool_fen": both("非统筹支付", "not paid by the pool"),
    "not_pool_by_points_fen": both("按点数付费病例的非统筹支付", "n of the cases paid by points"),
    "unreasonable_fen": both("不合理费用", "unreasonable cost"),
    "group_mean_fen": both("病组次均费用", "group mean"),
    "base_points": both("基准点数", "base points"),
    "weight": both("权重", "weight"),
    "coefficient": both("差异系数", "coefficient"),
    "days": both("天数", "days"),
    "points": both("点数", "points"),
    "points_before_readmission": both("再住院折减前点数", "points before readmission"),
    "price_fen": both("应付价款", "price"),
    "new_technology_fen": both("新技术项目费用", "cost of new technology"),
    "apart_fen": both("单独支付", "paid apart"),
    "deductible_fen": both("起付线", "deductible"),
    "excess_fen": both("多收起付线", "excess"),
    "chain_paid_fen": both("本起已收起付线", "deductibles of the referral"),
    "chain_due_fen": both("本起应收起付线", "due once"),
    "cases": both("病例数", "cases"),
    "recorded_fund_fen": both("统筹基金记账", "recorded fund"),
    "due_fen": both("应付", "due"),
    "prepaid_fen": both("已预付", "prepaid"),
    "deposit_fen": both("质量保证金", "deposit"),
    "forfeited_fen": both("扣罚保证金", "forfeited"),
    "shared_fen": both("分得的扣罚保证金", "share of forfeits"),
    "violation_fen": both("违规扣款", "violations"),
    "carried_fen": both("上期结转", "carried"),
    "payable_fen": both("本次支付", "payable now"),
    "deferred_fen": both("待收回后再付", "waiting"),
    "deferred_region_fen": both("其中因全区目标", "of it, by the region's target"),
    "recover_fen": both("应收回", "to be recovered"),
    "out_of_area_fen": both("异地就医", "care outside the region"),
    "other_fen": both("其他支付", "other payments"),
    "alone_fen": both("单独清算总额", "settled by itself"),
    "cash_fen": both("现金流出", "leaves in cash"),
    "free_fen": both("可支付额", "to be paid"),
    "total_fen": both("各种支付方式合计", "all modes together"),
    "final_fen": both("最终支付", "final payment"),
    "points_deducted": both("扣除点数", "points deducted"),
    "money_fen": both("点数外应付", "due outside of points"),
    "held_cases": both("暂不支付病例", "cases held"),
    "held_fund_fen": both("暂不支付记账", "recorded fund held"),
    "budget_fen": both("年度预算", "budget"),
    "provision_fen": both("预提", "provision"),
    "available_budget_fen": both("可用预算", "available budget"),
    "out_of_area_fund_fen": both("异地就医基金", "fund for care elsewhere"),
    "reserve_fen": both("预留调剂金", "reserve"),
    "settled_fen": both("清算总额", "settled total"),
    "residual_fen": both("尾差", "residual"),
    "point_value_fraction": both("点值", "point value"),
    "point_value": both("点值", "point value"),
    "value_high": both("点值上端", "upper end of the point value"),
    "all_drg_mean_fen": both("全部病例次均费用", "all-DRG mean"),
    "score": both("考核得分", "score"),
    "rate_fen": both("床日标准", "rate a day"),
    "n_before": both("历史病例数", "past cases"),
    "n_after": both("裁剪后例数", "cases after trimming"),
    "trimmed": both("裁剪例数", "cases trimmed"),
    "cv_before": both("裁剪前变异系数", "CV before trimming"),
    "cv_after": both("裁剪后变异系数", "CV after trimming"),
    "mean_before_fen": both("裁剪前均值", "mean before trimming"),
    "median_before_fen": both("裁剪前中位数", "median before trimming"),
    "median_after_fen": both("裁剪后中位数", "median after trimming"),
    "sum_after_fen": both("裁剪后费用之和", "cost after trimming"),
    "kept_cost_fen": both("保留病例费用之和", "cost of the kept cases"),
    "kept_cases": both("保留病例数", "kept cases"),
    "borrowed_n": both("核心病组例数", "cases of the ADRG"),
    "borrowed_cv": both("核心病组变异系数", "CV of the ADRG"),
    "amount_fen": both("金额", "amount"),
    "control_target_fen": both("控制目标", "control target"),
    "drawn_fen": both("动用金额", "drawn"),
    "treatment_share": both("中治率", "share of TCM treatment"),
    "raw": both("加权和", "weighted sum"),
}

CLASSES: dict[str, Bilingual] = {
    "normal": both("正常病例", "normal"),
    "high": both("高倍率病例", "high-cost"),
    "reviewed": both("特病单议病例", "reviewed"),
    "low": both("低倍率病例", "low-cost"),
    "unstable": both("非稳定病组病例", "unstable group"),
    "ungrouped": both("未入组病例", "ungrouped"),
    "ambiguous": both("歧义病例", "ambiguous"),
    "bed_day": both("床日病例", "bed-day"),
    "special_discharge": both("特殊离院病例", "special discharge"),
    "long_stay": both("长期住院病例", "long stay"),
    "short_stay": both("短期住院病例", "short stay"),
}

STATUSES: dict[str, Bilingual] = {
    "grouped": both("入组", "grouped"),
    "ambiguous": both("歧义", "ambiguous"),
    "ungroupable": both("未入组", "ungroupable"),
    "quarantined": both("隔离", "quarantined"),
}

PAID_BY: dict[str, Bilingual] = {
    "points": both("按点数付费", "paid by points"),
    "money": both("按金额付费", "paid in money"),
    "held": both("暂不支付", "held, not paid yet"),
}

ORIGINS: dict[str, Bilingual] = {
    "history": both("历史病例测算", "of the history"),
    "given": both("统筹区给定", "given by the region"),
    "weights": both("公布的权重", "published weights"),
    "borrowed": both("借用核心病组均值", "borrowed from the ADRG"),
}

WAYS: dict[int, Bilingual] = {
    1: both("医嘱离院", "as ordered"),
    2: both("医嘱转院", "transfer"),
    3: both("医嘱转社区", "transfer to a community institution"),
    4: both("非医嘱离院", "against order"),
    5: both("死亡", "death"),
    9: both("其他", "other"),
}


def column(name: str) -> Bilingual:
    """Return what a column is called."""
    return COLUMNS.get(name) or both(label("", name, "zh"), label("", name, "en"))


def word(words: dict[str, Bilingual], value: object) -> Bilingual:
    """Return what a code is called, or the code."""
    return words.get(str(value)) or both(str(value), str(value))
