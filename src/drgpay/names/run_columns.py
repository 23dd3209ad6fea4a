"""Every column and code of a run folder, declared once: its Chinese and English name, its meaning.

The database's comments, its Chinese views, the workbook and the letters take their words from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column: Chinese name, English name, and what it means where the name does not say it."""

    zh: str
    en: str
    meaning: str = ""

    def label(self, lang: str) -> str:
        """Return the column's name in a language."""
        return self.zh if lang == "zh" else self.en


# by name, or by table.name where a table means something of its own
COLUMNS: Mapping[str, RunColumn] = {
    name: RunColumn(*words)
    for name, words in {
        "hospital_id": ("医疗机构编码", "Hospital id"),
        "hospital_name": ("医疗机构", "Hospital"),
        "name": ("名称", "Name"),
        "level": ("等级", "Level"),
        "score": ("考核得分", "Score", "0至1"),
        "standing": ("协议状态", "Standing", "normal 正常、penalised 违规处理、ended 已解除"),
        "pool": ("险种", "Pool", "险种基金；合并计算点值时写作 310+390"),
        "cases": ("病例数", "Cases", "由基金清算的病例数"),
        "points": ("点数", "Points", "四位小数"),
        "not_pool_fen": ("非统筹支付", "Not paid by the pool", "n：总费用中统筹基金以外支付的部分"),
        "recorded_fund_fen": ("统筹基金记账", "Recorded fund", "F：病例统筹基金支付之和"),
        "due_fen": ("应付", "Due", "点数 × 点值 − 按点数病例的非统筹支付 + 点数外应付"),
        "prepaid_fen": ("已预付", "Prepaid"),
        "deposit_fen": ("质量保证金", "Deposit", "预付时留存的部分"),
        "forfeited_fen": ("扣罚保证金", "Forfeited deposit", "保证金 ×（1 − 考核比例）"),
        "shared_fen": ("分得的扣罚保证金", "Share of forfeits", "同一险种扣罚的保证金按点数分得的部分"),
        "violation_fen": ("违规扣款", "Violations"),
        "carried_fen": ("结转扣回", "Carried", "以前年度结转：正数扣回，负数补付"),
        "final_fen": ("最终支付", "Final payment", "应付 − 已预付 − 扣罚保证金 + 分得的扣罚保证金 − 违规扣款 − 结转扣回"),
        "payable_fen": ("本次支付", "Payable now", "最终支付为正的部分，减去待收回后再付的部分；不与应收回相抵"),
        "deferred_fen": ("待收回后再付", "Waiting", "超出控制目标，待他方应收回的金额收回后再付"),
        "deferred_region_fen": ("其中因全区目标", "of it, by the region's target", "待收回后再付的金额中，超出全区（而非本险种）控制目标的部分"),
        "recover_fen": ("应收回", "To be recovered", "最终支付为负的部分；不与其他机构、其他险种相抵"),
        "alone_fen": ("单独清算总额", "Settled by itself", "该险种单独清算时的清算总额 T"),
        "funds.moved_fen": ("合并点值调入", "Moved by one value", "合并点值下应付与单独清算总额之差：正数由其他险种调入，负数调出"),
        "out_of_area_fen": ("异地就医", "Care outside the region", "预算之内的异地就医基金"),
        "other_fen": ("其他支付", "Other payments"),
        "provision_fen": ("预提", "Provision", "为被隔离和暂不支付的病例从预算中预提的统筹基金记账"),
        "cash_fen": ("现金流出", "Leaves in cash", "已预付 + 本次支付 + 异地就医 + 其他支付 + 预提"),
        "control_target_fen": ("控制目标", "Control target", "本险种的总额控制目标"),
        "free_fen": ("可支付额", "To be paid", "控制目标减去其内的预留"),
        "drawn_fen": ("动用预留", "Drawn from reserves"),
        "points_deducted": ("扣减点数", "Points deducted", "因违规扣减的点数"),
        "money_fen": ("点数外应付", "Due outside of points", "按项目、床日金额付费病例：Σ（价格 − 非统筹支付）"),
        "held_cases": ("暂不支付病例", "Held cases", "等待特病单议或核实，既未支付也不计入合计"),
        "held_fund_fen": ("暂不支付记账", "Held fund", "暂不支付病例的统筹基金支付"),
        "bound": ("约束", "Bound", "low 达到下限、high 达到上限"),
        "budget_fen": ("年度预算", "Budget"),
        "settled_fen": ("清算总额", "Settled fund", "T"),
        "point_value_fraction": ("点值（精确分数）", "Point value, exact"),
        "point_value": ("点值", "Point value", "元/点，十二位小数"),
        "residual_fen": ("尾差", "Residual", "留存基金的部分"),
        "available_budget_fen": ("可用预算", "Available budget", "B"),
        "solution": ("点值解", "Solution", "unique 唯一、interval 一段区间（取最小值）"),
        "value_high": ("点值上端", "Upper end", "多解时区间的上端"),
        "drg": ("病组", "DRG"),
        "drgs.name": ("病组名称", "DRG name"),
        "total_cost_fen": ("总费用", "Total cost"),
        "group_mean_fen": ("病组次均费用", "Group mean"),
        "drgs.weight": ("权重", "Weight", "公布的权重；病组次均费用为其与均费之积，比较时不取整"),
        "base_points": ("基准点数", "Base points", "床日病例为每日点数"),
        "stable": ("稳定病组", "Stable"),
        "n_before": ("历史病例（裁剪前）", "History cases before trimming"),
        "n_after": ("历史病例（裁剪后）", "History cases after trimming"),
        "cv_before": ("变异系数（裁剪前）", "CV before trimming"),
        "cv_after": ("变异系数（裁剪后）", "CV after trimming"),
        "mean_before_fen": ("历史均费（裁剪前）", "History mean before trimming"),
        "median_before_fen": ("历史中位费用（裁剪前）", "History median before trimming"),
        "median_after_fen": ("历史中位费用（裁剪后）", "History median after trimming"),
        "trimmed": ("裁剪病例", "Trimmed cases", "剔除或截尾的历史病例"),
        "origin": ("基准点数来源", "Origin", "history 历史、given 给定、weights 公布的权重、borrowed 借用上级组"),
        "case_id": ("病例号", "Case id"),
        "mdc": ("主要诊断大类", "MDC"),
        "adrg": ("核心病组", "ADRG"),
        "status": ("入组状态", "Status", "grouped 入组、ambiguous 歧义、ungrouped 未入组、quarantined 隔离"),
        "reason": ("原因", "Reason"),
        "severity": ("严重程度", "Severity"),
        "severity_diagnosis": ("决定严重程度的诊断", "Deciding diagnosis"),
        "case_class": ("病例类别", "Class"),
        "coefficient": ("差异系数", "Coefficient", "实际相乘的系数"),
        "days": ("天数", "Days", "付费的天数，或住院天数"),
        "pool_fund_fen": ("统筹基金支付", "Pool fund"),
        "unreasonable_fen": ("不合理费用", "Unreasonable cost", "计算时实际剔除的部分"),
        "points_before_readmission": ("再住院扣减前点数", "Points before readmission"),
        "readmission": ("再住院扣减", "Readmission", "此后短期内再住院，点数被扣减"),
        "month": ("月份", "Month"),
        "correction_month": ("冲正月份", "Correction month", "其后一次住院的月份"),
        "paid_by": ("支付方式", "Paid by", "points 按点数、money 按金额、held 暂不支付"),
        "doubts": ("存疑的检查结果", "Findings that hold", "findings.hold、los_conflict 所列；未经核实的暂不支付"),
        "price_fen": ("价格", "Price", "按金额支付病例的价格，含单独支付的新技术项目"),
        "new_technology_fen": ("新技术项目费用", "New technology", "从病例费用中扣除的部分"),
        "apart_fen": ("单独支付", "Paid apart", "价格中为新技术项目单独支付的部分"),
        "chain": ("转诊链", "Chain", "同一转诊链主病例的病例号"),
        "chain_number": ("转诊序号", "Referral", "按首次入院排序"),
        "stay_number": ("次序", "Stay", "本起转诊中的第几次住院"),
        "admission_date": ("入院日期", "Admission"),
        "discharge_date": ("出院日期", "Discharge"),
        "lead": ("主病例", "Lead"),
        "deductible_fen": ("实际支付起付线", "Deductible paid"),
        "excess_fen": ("多收起付线（待核，待退还参保人）", "Excess, to be checked and returned", "不改变清算金额"),
        "chain_stays": ("本起住院次数", "Stays of the referral", "只在本起末次住院一行"),
        "chain_paid_fen": ("本起已收起付线", "Deductibles of the referral", "只在本起末次住院一行"),
        "chain_due_fen": ("本起应收起付线", "Due once", "只在本起末次住院一行；referral.deductible"),
        "file": ("文件", "File"),
        "row": ("行", "Row", "表格为Excel所示的行号（表头也计），其余从第一例起计1"),
        "column": ("字段", "Column"),
        "value": ("值", "Value"),
        "message": ("说明", "Message"),
        "remedy": ("处理办法", "Remedy"),
        "decision": ("评审结论", "Decision", "granted 准予、refused 不予"),
        "groups": ("病组数", "Groups"),
        "stable_groups": ("稳定病组数", "Stable groups"),
        "unstable_share": ("非稳定病组病例占比", "Share of unstable"),
        "cv_mean": ("变异系数（按病例加权）", "Mean CV, by cases"),
        "riv": ("方差减少系数", "RIV", "分组使费用方差减少的比例"),
        "mode": ("项目", "Item"),
        "amount_fen": ("金额", "Amount"),
        "key": ("参数代码", "Key"),
        "alternative": ("备选值", "Alternative"),
        "due_change_fen": ("应付合计增减", "Change of dues in all", "基金多付或少付的钱"),
        "moved_fen": (
            "应付：机构之间转移", "Dues moved between hospitals",
            "（各机构增减绝对值之和 − 增减合计的绝对值）÷ 2",
        ),
        "check": ("检查项", "Check"),
        "position": ("位置", "Position"),
        "advice": ("建议", "Advice"),
        "nearest": ("相近编码", "Nearest codes"),
        "would_group": ("可入组的编码", "Codes that would group"),
        "code_changes.kind": ("编码种类", "Kind of code"),
        "history_code_changes.kind": ("编码种类", "Kind of code"),
        "why": ("改动原因", "Why"),
        "written": ("原编码", "As written"),
        "read_as": ("读作", "Read as", "没有对应编码的为空"),
        "times": ("次数", "Times"),
        "cases_with": ("有问题的病例数", "Cases with it"),
        "share": ("占比", "Share"),
        "findings_by_month.cases": ("全部病例数", "All cases"),
        "final_before_fen": ("原最终支付", "Final payment before", "重开之前一版的最终支付"),
        "final_after_fen": ("现最终支付", "Final payment after"),
        "difference_fen": ("差额", "Difference", "现 − 原"),
        "to_recover_fen": ("应追回", "To recover"),
        "to_add_fen": ("应补付", "To add"),
        "paid_first_fen": ("第1版已付", "Paid out by version 1", "第1版的最终支付，负数为0"),
        "to_carry_fen": ("应结转", "To carry", "第1版已付 − 现最终支付，即 carried.csv：正数追回，负数补付"),
        "correction_file": ("更正文件", "Correction file", "版本/文件名"),
        "correction_row": ("更正文件的行", "Row of the correction"),
        "corrected.version": ("版本", "Version", "用上这一更正的清算版本"),
        "corrected.file": ("原文件", "File replaced"),
        "corrected.row": ("原行", "Row replaced"),
        "changed_tables": ("变动的表", "Tables changed", "与所重开的结果不同的表：SHA-256 原 → 现"),
        "trial": ("试算", "Trial", "试算改写的参数；试算结果不得用于付款"),
        "community_id": ("医共体", "Community"),
        "persons": ("参保人数", "Persons"),
        "months": ("参保月数", "Months insured"),
        "weight": ("权重", "Weight"),
        "use_fen": ("支出", "Use"),
        "balance_fen": ("结余", "Balance"),
        "person_months": ("参保人月", "Person-months"),
        "weighted_months": ("加权人月", "Weighted months"),
        "visits": ("就诊人次", "Visits"),
        "used_inside_fen": ("医共体内使用", "Used inside"),
        "used_outside_fen": ("医共体外使用", "Used outside"),
        "special_fen": ("特殊因素扣除", "Special factors"),
        "used_fen": ("使用合计", "Used"),
        "kept_fen": ("结余留用", "Kept of the balance"),
        "borne_by_fund_fen": ("基金分担", "Borne by the fund"),
        "charged_back_fen": ("外部就诊扣划", "Charged back"),
        "own_part_fen": ("本医共体所得", "Own part"),
        "special_refused_visits": ("未认定特殊因素人次", "Special factors refused: visits"),
        "special_refused_fen": ("未认定特殊因素金额", "Special factors refused"),
        "cell": ("风险单元", "Risk cell"),
        "hospital_community_id": ("机构所属医共体", "Community of the hospital"),
        "inside": ("医共体内", "Inside"),
        "area": ("区域", "Area"),
        "charged": ("计入", "Charged"),
        "bearer": ("承担方", "Bearer"),
        "person_id": ("参保人编号", "Person id"),
        "id": ("编号", "Id"),
        "kind": ("类别", "Kind"),
        "bed_day_class": ("床日类别", "Bed-day class"),
        "deposit_kept_fen": ("留存保证金", "Deposit kept"),
        "suspended_fen": ("暂缓支付", "Suspended"),
        "paid_fen": ("支付", "Paid"),
        "not_pool_by_points_fen": ("按点数病例非统筹支付", "Not paid by the pool, by points"),
        "review": ("须评审", "To be reviewed"),
        "discharge_way": ("离院方式", "Discharge way"),
        "day_surgery": ("日间手术", "Day surgery"),
        "points_before": ("再住院扣减前点数", "Points before readmission"),
        "correction_points": ("冲正点数", "Correction points", "再住院扣减，记在其后一次住院的月份"),
        "stays": ("住院人次", "Stays"),
        "ordered": ("医嘱离院", "Ordered"),
        "transferred": ("转院", "Transferred"),
        "against_order": ("非医嘱离院", "Against order"),
        "died": ("死亡", "Died"),
        "other": ("其他", "Other"),
        "mean_stay_days": ("平均住院日", "Mean stay"),
        "median_stay_days": ("住院日中位数", "Median stay"),
        "mean_daily_cost_fen": ("日均费用", "Mean daily cost"),
        "paid_per_day_fen": ("日均支付", "Paid a day"),
        "cost_paid_ratio": ("费用/支付", "Cost/paid"),
        "ordered_share": ("医嘱离院占比", "Share ordered"),
        "transferred_share": ("转院占比", "Share transferred"),
        "against_order_share": ("非医嘱离院占比", "Share against order"),
        "died_share": ("死亡占比", "Share died"),
        "other_share": ("其他占比", "Share other"),
        "peers": ("同级机构数", "Peers"),
        "peer_stays": ("同级人次", "Stays of peers"),
        "peer_days": ("同级天数", "Days of peers"),
        "peer_mean_stay_days": ("同级平均住院日", "Mean stay of peers"),
        "peer_mean_daily_cost_fen": ("同级日均费用", "Mean daily cost of peers"),
        "stay_difference": ("住院日差异", "Difference of stay"),
        "daily_cost_difference": ("日均费用差异", "Difference of daily cost"),
        "peer_against_order_share": ("同级非医嘱离院占比", "Peers against order"),
        "peer_died_share": ("同级死亡占比", "Peers died"),
        "state": ("状态", "State"),
        "settled_change_fen": ("清算总额变动", "Change of the settled fund"),
        "final_change_fen": ("最终支付合计增减", "Change of final payments in all"),
        "final_moved_fen": (
            "最终支付：机构之间转移", "Final payments moved between hospitals",
            "算法同应付",
        ),
        "hospitals": ("涉及机构数", "Hospitals"),
        "largest_hospital": ("变动最大的机构", "Largest change: hospital"),
        "largest_change_fen": ("最大变动", "Largest change"),
        "point_value_before": ("点值（原）", "Point value before"),
        "point_value_after": ("点值（改后）", "Point value after"),
        "source_zh": ("依据（中文）", "Source (Chinese)"),
        "note": ("备注", "Note"),
        "unit": ("单位", "Unit"),
        "source": ("依据", "Source"),
        "verified": ("已核实", "Verified"),
        "from": ("自", "From"),
        "to": ("至", "To"),
        "used": ("本次使用", "Used"),
        "passed": ("通过", "Passed"),
        "text": ("内容", "Text"),
        "detail": ("明细", "Detail"),
    }.items()
}  # fmt: skip

# tables that the database and the workbook know by a Chinese name
TABLES: Mapping[str, tuple[str, str]] = {
    "cases": ("病例", "Cases"),
    "hospitals": ("机构清算", "Hospitals"),
    "pools": ("险种清算", "Pools"),
    "funds": ("基金收付", "Funds"),
    "drgs": ("病组", "DRGs"),
    "quarantine": ("隔离", "Quarantine"),
    "reviews": ("特病单议", "Reviews"),
    "coefficients": ("差异系数", "Coefficients"),
    "quality": ("分组质量", "Scheme quality"),
    "ceiling": ("总额控制", "Ceiling"),
    "sensitivity": ("参数影响", "Sensitivity"),
    "perdiem": ("床日审核", "Bed-day review"),
    "months": ("按月", "Months"),
    "referrals": ("转诊起付线", "Referrals"),
    "recovery": ("重开追回", "Recovery"),
    "corrected": ("更正病例", "Corrected cases"),
    "capitation_communities": ("按人头_医共体", "Capitation: communities"),
    "capitation_cells": ("按人头_风险单元", "Capitation: risk cells"),
    "capitation_flows": ("按人头_就诊流向", "Capitation: flows"),
    "capitation_unassigned": ("按人头_未归属", "Capitation: unassigned"),
    "capitation_unassigned_persons": ("按人头_未归属人员", "Capitation: unassigned persons"),
    "capitation_invalid": ("按人头_无效人头", "Capitation: invalid heads"),
    "capitation_books": ("按人头_承担方", "Capitation: who bears what"),
    "capitation_quarantine": ("按人头_隔离", "Capitation: quarantine"),
    "findings": ("首页问题", "Findings"),
    "findings_by_month": ("首页问题按月", "Findings by month"),
    "code_changes": ("编码改动", "Codes read otherwise"),
    "history_code_changes": ("历史编码改动", "Codes read otherwise, history"),
    "history_quarantine": ("历史隔离", "History quarantine"),
    "institutions": ("机构名录", "Institutions"),
    "parameters": ("政策参数", "Parameters"),
    "checks": ("核对", "Checks"),
}

# codes that stand in the tables, and their words
CASE_CLASSES: Mapping[str, tuple[str, str]] = {
    "normal": ("正常病例", "Normal"),
    "high": ("高倍率病例", "High-cost"),
    "reviewed": ("特病单议", "Specially reviewed"),
    "low": ("低倍率病例", "Low-cost"),
    "unstable": ("非稳定病组", "Unstable DRG"),
    "ungrouped": ("未入组（0000）", "Not groupable (0000)"),
    "ambiguous": ("歧义组（QY）", "Ambiguous (QY)"),
    "bed_day": ("床日付费", "Bed-day"),
    "special_discharge": ("死亡、转院或非医嘱离院", "Death, transfer or against order"),
    "long_stay": ("长期住院（按项目）", "Long stay (by item)"),
    "short_stay": ("短期住院（按项目）", "Short stay (by item)"),
}
PAID_BY: Mapping[str, tuple[str, str]] = {
    "points": ("按点数", "by points"),
    "money": ("按金额", "in money"),
    "held": ("暂不支付", "held"),
}
WORDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "case_class": CASE_CLASSES,
    "paid_by": PAID_BY,
    "status": {
        "grouped": ("入组", "grouped"),
        "ambiguous": ("歧义", "ambiguous"),
        "ungrouped": ("未入组", "ungrouped"),
        "ungroupable": ("未入组", "ungroupable"),
        "quarantined": ("隔离", "quarantined"),
    },
    "decision": {"granted": ("准予", "granted"), "refused": ("不予", "refused")},
    "bound": {"low": ("下限", "low"), "high": ("上限", "high")},
    "origin": {
        "history": ("历史", "history"),
        "given": ("给定", "given"),
        "borrowed": ("借用", "borrowed"),
        "weights": ("公布的权重", "published weights"),
    },
    "solution": {"unique": ("唯一", "unique"), "interval": ("区间", "interval")},
    "bearer": {
        "community": ("医共体", "community"),
        "unassigned": ("未归属", "unassigned"),
        "invalid": ("无效人头", "invalid heads"),
        "unknown_person": ("不明人员", "unknown persons"),
        "quarantined": ("隔离", "quarantined"),
    },
    "kind": {
        "resident": ("居民", "resident"),
        "flexible": ("灵活就业", "flexible"),
        "student": ("大学生", "student"),
        "employee": ("职工", "employee"),
    },
    "state": {
        "moved": ("改变应付", "dues change"),
        "other": ("应付不变", "dues stay"),
        "nothing": ("不改变任何金额", "no amount changes"),
        "refused": ("试不了", "cannot be tried"),
        "untried": ("未试算", "not tried"),
    },
    "severity": {"none": ("无", "none")},
    "reason": {  # of the tables of capitation; those of quarantine have words of their own
        "no_area": ("没有区域", "no area"),
        "area_without_community": ("区域没有医共体", "an area without a community"),
        "person_unknown": ("参保人不在名册中", "the person is not listed"),
        "person_quarantined": ("参保人一行被隔离", "the person's row is quarantined"),
    },
    "standing": {
        "normal": ("正常", "normal"),
        "penalised": ("违规处理", "penalised"),
        "ended": ("已解除", "ended"),
    },
}


def column_of(table: str, name: str) -> RunColumn | None:
    """Return what is declared of a column of a table, or None."""
    return COLUMNS.get(f"{table}.{name}") or COLUMNS.get(name)


def label(table: str, name: str, lang: str) -> str:
    """Return a column's name for people, its own where none is declared."""
    known = column_of(table, name)
    return known.label(lang) if known else name


def in_order(tables: Iterable[str]) -> list[str]:
    """Return names of tables in the order in which they are declared, others after them."""
    order = {name: number for number, name in enumerate(TABLES)}
    return sorted(tables, key=lambda name: (order.get(name, len(order)), name))


def title(table: str, lang: str) -> str:
    """Return a table's name for people, its own where none is declared."""
    return TABLES.get(table, (table, table))[0 if lang == "zh" else 1]


def word(column: str, code: str, lang: str) -> str:
    """Return the word for a code of a column, the code where none is declared."""
    texts = WORDS.get(column, {}).get(code)
    return code if texts is None else texts[0 if lang == "zh" else 1]
