"""Chinese words for the choices that policy parameters offer, shown beside their codes."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.policy import CATALOGUE

WORDS: Mapping[str, str] = {
    "all": "全部非统筹支付",
    "always": "一律",
    "ambiguous": "歧义病例",
    "as_others": "同其他病例",
    "bands": "按得分分档",
    "bed_day": "床日病例",
    "borrow_adrg": "借用核心病组均值",
    "by_cost": "按费用计点",
    "by_item": "按项目付费",
    "cap": "封顶",
    "case": "逐病例",
    "catalogue": "诊疗目录",
    "charged": "计入",
    "cmi": "病例组合指数",
    "cv_above": "变异系数超限时",
    "deduct": "扣除不合理费用",
    "deducted": "预算已先扣除",
    "difference": "出院日减入院日",
    "discharge_date": "出院日期",
    "equal": "各月均分",
    "excluded": "剔除",
    "fixed": "固定倍数",
    "given": "按给定数据",
    "high": "高倍率病例",
    "high_first": "先判高倍率",
    "history": "历史费用",
    "hospital": "医疗机构",
    "hospital_adrg": "同一机构同一核心病组",
    "hospital_category": "同一机构同一主诊断类目",
    "hospital_drg": "医疗机构和病组",
    "ignore": "不跨年计算",
    "inside_budget": "在预算之内，清算时扣除",
    "largest_remainder": "最大余数法",
    "level": "机构等级",
    "linear": "按得分线性",
    "linear_add": "线性追加",
    "low": "低倍率病例",
    "low_first": "先判低倍率",
    "lower_of_coefficient": "与系数相比取低者",
    "marginal": "分段累计",
    "middle_interval": "中间区段法",
    "money": "按金额",
    "month_value": "月度点值",
    "multiples": "倍数界限法",
    "none": "不设",
    "normal": "正常病例",
    "not_low": "不作低倍率",
    "one_stay": "合并为一次住院",
    "percentiles": "百分位法",
    "personal": "个人负担",
    "personal_burden": "个人负担率",
    "plus_one": "出院日减入院日再加一",
    "points": "按点数",
    "pooled": "各年合并",
    "population": "总体标准差",
    "rate": "按人头标准",
    "ratio": "按比例计点",
    "recorded_fund": "统筹基金记账",
    "recover_next": "下期扣回",
    "refuse": "拒绝清算",
    "region": "统筹区",
    "registered": "户籍地",
    "require_allocation": "须给出分配",
    "reserve": "不超过调剂金",
    "review": "送特病单议",
    "sample": "样本标准差",
    "sd": "标准差法",
    "separate": "分别计算",
    "setl_end_date": "结算日期",
    "share_of_budget": "预算份额",
    "special_discharge": "特殊离院病例",
    "special_review": "特病单议",
    "to_fund": "留存基金",
    "ungrouped": "未入组病例",
    "unstable": "非稳定病组",
    "usual": "常住地",
    "usual_then_registered": "先常住地后户籍地",
    "visits_per_head": "人头人次比",
    "warn": "仅提示",
    "whole_stay": "整次住院",
    "winsorise": "缩尾",
    "yearly_means": "各年均值再平均",
    "6": "第6类分位数",
    "7": "第7类分位数",
    "components": "按构成计算",
}
OF_KEY: Mapping[str, Mapping[str, str]] = {
    "trim.method": {"none": "不裁剪"},
    "overspend_cap": {"none": "不封顶"},
    "bound.level": {"none": "不设上下限", "hospital": "按医疗机构", "case": "逐病例"},
    "bound.unsolved": {"to_fund": "余额留存基金", "refuse": "拒绝清算"},
    "coef.source": {"level": "按机构等级", "given": "按给定系数"},
    "coef.scope": {"hospital": "按医疗机构", "hospital_drg": "按医疗机构和病组"},
    "coef_applies_to": {"unstable": "非稳定病组病例"},
    "readmission.same": {"hospital_drg": "同一机构同一病组"},
    "special_quota.scope": {"hospital": "按医疗机构", "region": "按统筹区"},
    "long_stay.rule": {"bed_day": "按床日"},
    "small_groups": {"unstable": "作为非稳定病组"},
}


def choice_word(key: str, code: str) -> str:
    """Return the Chinese word of a parameter's choice, empty for what is no choice of it."""
    known = CATALOGUE.get(key)
    if known is None or code not in known.choices:
        return ""
    return OF_KEY.get(key, {}).get(code) or WORDS.get(code, "")


def choice_text(key: str, code: str, lang: str = "zh") -> str:
    """Return a choice as Chinese papers show it, 中文（code）; any other text as it is.

    >>> choice_text("trim.method", "none"), choice_text("keep_ratio", "0.85")
    ('不裁剪（none）', '0.85')
    """
    word = choice_word(key, code) if lang == "zh" else ""
    return f"{word}（{code}）" if word else code


def choices_text(key: str, text: str, lang: str = "zh") -> str:
    """Return a value as a person writes it (`a; b: 0.5`) with every choice of it in Chinese.

    >>> choices_text("coef_applies_to", "normal; low")
    '正常病例（normal）; 低倍率病例（low）'
    """
    if lang != "zh" or key not in CATALOGUE or not CATALOGUE[key].choices:
        return text
    found = []
    for item in text.split("; "):
        code, colon, rest = item.partition(": ")
        found.append(choice_text(key, code) + colon + rest)
    return "; ".join(found)
