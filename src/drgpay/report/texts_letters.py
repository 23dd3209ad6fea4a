"""Words of the hospitals' letters and of the accountants' workbook, Chinese and English."""

LETTER_TEXTS: dict[str, tuple[str, str]] = {
    # steps of a hospital's account
    "l_before": ("病例点数（再住院扣减前）", "Points of the cases, before readmission"),
    "l_cut": ("减：再住院扣减", "Less: readmission"),
    "l_deducted": ("减：违规扣减点数", "Less: points deducted for violations"),
    "l_points": ("点数 P", "Points P"),
    "l_value": ("点值 V（元/点）", "Point value V (yuan a point)"),
    "l_value_note": ("精确值 {fraction}", "exactly {fraction}"),
    "l_worth": ("点数 × 点值", "Points × point value"),
    "l_not_pool": ("减：非统筹支付 N", "Less: not paid by the pool N"),
    "l_not_pool_note": (
        "按点数付费的病例中，由个人及其他渠道支付的部分",
        "what patients and others paid for the cases paid by points",
    ),
    "l_not_pool_personal": (
        "按点数付费的病例中的个人负担",
        "what patients paid for the cases paid by points",
    ),
    "l_apart": ("单独支付的新技术项目", "Paid apart for new technology"),
    "l_price": ("加：点数外病例的价格", "Plus: price of the cases paid in money"),
    "l_price_not_pool": ("减：点数外病例的非统筹支付", "Less: not paid by the pool of these"),
    "l_exact": ("按式计算的应付", "Due by the formula"),
    "l_rest": ("尾差分配或约束", "Last fen, or bound"),
    "l_rest_last": (
        "各机构应付取整到分，余下的分按最大余数法分配，合计与清算总额逐分相符",
        "dues are rounded to the fen by largest remainder, so that they add up to the settled fund",
    ),
    "l_rest_bound": ("应付受{bound}约束", "the due is held at its {bound}"),
    "l_inside": ("未达上下限的病例点数", "Points of the cases inside their bounds"),
    "l_not_pool_inside": ("未达上下限的病例", "of the cases inside their bounds"),
    "l_at_high": ("加：达到上限的病例应付", "Plus: due for the cases at their high bound"),
    "l_at_low": ("加：达到下限的病例应付", "Plus: due for the cases at their low bound"),
    "n_points": ("{n} 点", "{n} points"),
    "n_yuan": ("{n} 元", "{n} yuan"),
    "n_no_reason": ("未写原因", "no reason given"),
    "n_from": ("来自 {text}", "from {text}"),
    "n_low": (
        "：应付不低于 0（bound.never_below_zero）",
        ": no due below 0 (bound.never_below_zero)",
    ),
    "n_penalised": (
        "协议状态为违规处理，不得因清算获得增加，应付以记账 {fen} 元为限"
        "（S2 二(二)1(7)，violator_no_increase）",
        "its agreement was penalised: no increase, at most the recorded {fen} yuan "
        "(S2 二(二)1(7), violator_no_increase)",
    ),
    "n_cost_share": (
        "应付不超过记账 × {share}（bound.cost_share）",
        "at most {share} of the recorded fund (bound.cost_share)",
    ),
    "n_ended": (
        "协议状态为已解除：不参加考核，保证金全额返还",
        "its agreement has ended: not assessed, the whole deposit is returned",
    ),
    "bound_low": ("下限", "lower bound"),
    "bound_high": ("上限", "upper bound"),
    "l_prepaid": ("减：已预付", "Less: prepaid"),
    "l_deposit": ("质量保证金（已留存）", "Deposit (kept back)"),
    "l_deposit_note": (
        "预付时留存，未扣罚的部分已含在最终支付中",
        "kept back at prepayment; what is not forfeited is part of the final payment",
    ),
    "l_kept": ("保证金返还比例", "Part of the deposit that is returned"),
    "l_kept_note": ("考核得分 {score}", "score {score}"),
    "l_forfeited": ("减：扣罚保证金", "Less: forfeited deposit"),
    "l_forfeits": ("本险种扣罚保证金合计", "Deposits forfeited in the pool"),
    "l_forfeits_note": (
        "分给协议正常、有点数而未被扣罚的机构（deposit_forfeited）",
        "given to those in normal standing with points that forfeited nothing (deposit_forfeited)",
    ),
    "l_sharing": ("参加分配的机构点数合计", "Points of those who share"),
    "l_share": ("按点数分得（精确）", "Share by points, exact"),
    "l_shared": ("加：分得的扣罚保证金", "Plus: share of forfeited deposits"),
    "l_shared_note": ("取整到分（最大余数法）", "whole fen (largest remainder)"),
    "n_share_nothing": ("本险种没有扣罚的保证金", "nothing was forfeited in the pool"),
    "n_share_standing": (
        "协议状态为{word}，不参加分配（deposit_forfeited）",
        "its standing is {word}: no share (deposit_forfeited)",
    ),
    "n_share_forfeited": (
        "本机构保证金有扣罚，不参加分配（deposit_forfeited）",
        "it forfeited itself: no share (deposit_forfeited)",
    ),
    "n_share_points": (
        "本险种没有点数，不参加分配（deposit_forfeited）",
        "no points in the pool: no share (deposit_forfeited)",
    ),
    "l_violation": ("减：违规扣款", "Less: violations"),
    "l_carried": ("减：结转扣回", "Less: carried from earlier years"),
    "l_carried_note": ("正数为扣回，负数为补付", "positive: recovered, negative: added"),
    "letter_gross_waits": (
        "另有 {fen} 元待收回后再付",
        "{fen} yuan more wait until others have paid back",
    ),
    "l_waits": ("减：待收回后再付", "Less: waiting until others pay back"),
    "l_waits_note": (
        "超出总额控制目标的部分，按各机构最终支付的多少分摊，待他方应收回的金额收回后再付（ceiling.excess）",
        "what is beyond the control target, by what each is to be paid; paid when others have paid "
        "back (ceiling.excess)",
    ),
    "l_payable_again": ("重算应支付", "Payable, settled again"),
    "letter_moved_in": (
        "{pool}与其他险种合并点值，全区由其他险种调入 {fen} 元",
        "{pool} has one value with other pools: {fen} yuan come from them, in the whole region",
    ),
    "letter_moved_out": (
        "{pool}与其他险种合并点值，全区向其他险种调出 {fen} 元",
        "{pool} has one value with other pools: {fen} yuan go to them, in the whole region",
    ),
    "l_final_return": (
        "负数：在下期拨付中抵回，不另行退款",
        "negative: set off against the next payments, nothing to be paid back",
    ),
    "l_final_demand": (
        "负数：协议已解除，没有下期拨付可抵，须退回基金（negative_final.ended）",
        "negative: the agreement has ended, there is no next payment to set it off against; to be "
        "paid back to the fund (negative_final.ended)",
    ),
    "n_left": (
        "该险种没有点数，本次未清算，应付记 0（pool_without_points）",
        "the pool has no points and was not settled: due 0 (pool_without_points)",
    ),
    "l_cases": ("{n} 例", "{n} cases"),
    # the letter
    "letter_title": ("住院费用清算通知书", "Notice of settlement"),
    "letter_no": ("编码 {id} · 等级 {level}", "Id {id} · level {level}"),
    "letter_lead": (
        "现将贵机构 {year} 年度住院费用 DRG 点数法清算结果通知如下。各项数字均可按所列算式用计算器复算。",
        "This is the settlement of your inpatient cases of {year} by DRG points. Every figure can be "
        "recomputed with a calculator by the formulas given.",
    ),
    "letter_result_pay": ("本次支付贵机构 {fen} 元", "Payable to you now: {fen} yuan"),
    "letter_result_waits": (
        "本次支付贵机构 {fen} 元；另有 {waits} 元超出总额控制目标，待他方应收回的金额收回后再付（ceiling.excess）",
        "Payable to you now: {fen} yuan; {waits} yuan more wait until others have paid back, as the "
        "control target holds (ceiling.excess)",
    ),
    "letter_result_return": (
        "最终支付 -{fen} 元：在下期拨付中抵回，贵机构无须另行退款",
        "Final payment: -{fen} yuan, set off against the next payments; pay nothing back",
    ),
    "letter_result_demand": (
        "最终支付 -{fen} 元：贵机构协议已解除，没有下期拨付可抵，请将 {fen} 元退回基金",
        "Final payment: -{fen} yuan. Your agreement has ended and there is no next payment: please "
        "pay {fen} yuan back to the fund",
    ),
    "letter_result_left": (
        "本次未清算（该险种没有点数），应付和最终支付均未确定",
        "not settled this time (the pool has no points): nothing is decided",
    ),
    "letter_gross_demand": (
        "合计本次支付 {pay} 元，合计须退回基金 {back} 元（各险种基金分列，未相互抵减）",
        "In all {pay} yuan payable now and {back} yuan to be paid back to the fund (funds apart, not "
        "netted)",
    ),
    "letter_demanded": ("须退回（协议已解除）", "To be paid back (ended)"),
    "letter_result_none": ("本次支付 0.00 元", "Payable to you now: 0.00 yuan"),
    "letter_gross": (
        "合计本次支付 {pay} 元，合计在下期拨付中抵回 {back} 元（各险种基金分列，未相互抵减）",
        "In all {pay} yuan payable now and {back} yuan to be set off against the next payments "
        "(funds apart, not netted)",
    ),
    "letter_gross_return": ("下期抵回", "To be set off"),
    "letter_standing": ("协议状态 {word}", "standing of its agreement: {word}"),
    "letter_overview": ("总览", "Overview"),
    "letter_pool": ("{pool}：从点数到支付", "{pool}: from points to the payment"),
    "letter_classes": ("{pool}：病例类别", "{pool}: classes of cases"),
    "letter_drgs": ("费用最高的 {n} 个病组", "The {n} groups of the highest cost"),
    "letter_worth": ("清算价值", "Worth"),
    "letter_gain": ("清算价值 − 总费用", "Worth − cost"),
    "split_deducted": ("违规扣减点数 × 点值", "Points deducted × point value"),
    "split_limits": ("限额调整", "Adjustment to the bounds"),
    "split_rounding": ("取整", "Rounding"),
    "letter_held_review": ("待特病单议", "special review"),
    "letter_held": ("暂不支付的病例", "Cases held"),
    "letter_held_lead": (
        "{n} 例等待特病单议或核实，既未支付也未计入以上各项；有结论后另行清算。",
        "{n} cases wait for review or to be looked at: neither paid nor in the sums above; they are "
        "settled afterwards.",
    ),
    "letter_bad": ("未参与清算的病例", "Cases not settled"),
    "letter_bad_lead": (
        "{n} 例因数据问题被隔离，未参与清算；请按处理办法改正后重新提交。",
        "{n} cases were set aside for faults of their data; corrected, they can be submitted again.",
    ),
    "letter_more": ("仅列前 {shown} 例，共 {all} 例。", "The first {shown} of {all} are listed."),
    "letter_parameters": ("所用政策参数", "Policy parameters used"),
    "letter_verified": ("已核实", "verified"),
    "letter_unverified": ("未核实", "not verified"),
    "letter_index": ("清算通知书目录", "Letters of settlement"),
    "letter_how": ("算式", "Formula"),
    "letter_amount": ("数额", "Amount"),
    # the workbook
    "x_summary": ("清算汇总", "Summary"),
    "x_notes": ("须知", "Notes"),
    "x_hospitals": ("机构清算", "Hospitals by pool"),
    "x_totals": ("机构合计", "Hospitals"),
    "x_drgs": ("病组", "DRGs"),
    "x_classes": ("病例类别", "Classes"),
    "x_ceiling": ("总额控制", "Ceiling"),
    "x_bed_days": ("按床日", "Bed-days"),
    "x_perdiem": ("床日审核", "Bed-day review"),
    "x_capitation": ("按人头", "Capitation"),
    "x_reviews": ("特病单议", "Special review"),
    "x_quarantine": ("隔离", "Quarantine"),
    "x_coefficients": ("差异系数", "Coefficients"),
    "x_quality": ("分组质量", "Scheme quality"),
    "x_sensitivity": ("参数影响", "Sensitivity"),
    "x_parameters": ("政策参数", "Parameters"),
    "x_checks": ("核对", "Checks"),
    "x_page": ("第 &P 页，共 &N 页", "Page &P of &N"),
    "x_cut": (
        "仅列前 {shown} 行，共 {all} 行；全部见 {file}",
        "The first {shown} of {all} rows; {file} has all",
    ),
    "x_pool_name": ("险种名称", "Pool name"),
    "x_ratio": ("应付/记账", "Due/recorded"),
    "x_left": ("左边", "Left"),
    "x_right": ("右边", "Right"),
    "x_difference": ("差额", "Difference"),
    "x_equal": ("相符", "agrees"),
    "x_unequal": ("不符", "DIFFERS"),
    "x_verified": ("已核实", "Verified"),
    "x_money_note": (
        "金额单位为元，与以分为单位的清算结果逐分相符；灰底为公式。",
        "Amounts in yuan, equal to the run's fen one by one; formulas are on grey.",
    ),
    "x_k_due": (
        "应付合计 + 尾差 = 清算总额（{pool}）",
        "Sum of dues + residual = settled fund ({pool})",
    ),
    "x_k_totals": ("机构合计的应付 = 机构清算的应付", "Dues of hospitals = dues by pool"),
    "x_k_points": ("机构点数 = 险种点数", "Points of hospitals = points of pools"),
    "x_k_classes": (
        "类别点数 − 扣减点数 = 机构点数",
        "Points of classes − deducted = points of hospitals",
    ),
    "x_k_drgs": (
        "病组点数 + 床日等病组外点数 = 类别点数",
        "Points of groups + points outside of groups = points of classes",
    ),
    "x_top_drgs": ("费用最高的病组", "Groups of the highest cost"),
    "reviews_points": ("评审给定点数", "Points set by the review"),
    "p_used": ("本次使用", "Used"),
}
