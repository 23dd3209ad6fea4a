"""Every word of the report, Chinese and English side by side."""

from collections.abc import Mapping

from drgpay.ground.languages import LANGUAGES, choose
from drgpay.names.run_columns import COLUMNS

from .texts_letters import LETTER_TEXTS

HTML_LANGUAGE = {"zh": "zh-CN", "en": "en"}

# key: (Chinese, English); {…} are filled in by the caller
TEXTS: dict[str, tuple[str, str]] = {
    # page
    "title": ("DRG 点数付费年度清算报告", "DRG point-value payment: year-end settlement"),
    "year": ("{year} 年度", "Year {year}"),
    "scheme": ("分组方案", "Grouping scheme"),
    "policy": ("支付政策", "Payment policy"),
    "engine": ("计算程序", "Engine"),
    "run_id": ("运行摘要码", "Run digest"),
    "run_id_help": (
        "manifest.json 的 SHA-256 前 12 位",
        "first 12 digits of the SHA-256 of manifest.json",
    ),
    "digest": ("摘要码", "digest"),
    "effective": ("施行", "effective"),
    "contents": ("目录", "Contents"),
    "money_unit": (
        "金额单位为元，点数保留 4 位小数；除注明者外均为精确值。",
        "Amounts in yuan, points with 4 decimals; exact unless marked otherwise.",
    ),
    "print_trial": ("试算结果，不得用于付款", "TRIAL RUN, NOT FOR PAYMENT"),
    "print_synthetic": ("虚构数据，仅供演示", "INVENTED DATA, FOR DEMONSTRATION"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "none": ("无", "none"),
    "total": ("合计", "Total"),
    "colon": ("：", ": "),
    "list_comma": ("、", ", "),
    "semicolon": ("；", "; "),
    "other": ("其余", "otherwise"),
    # banners
    "banner_trial": (
        "试算结果，不得用于付款",
        "Trial run: not for payment",
    ),
    "banner_synthetic": ("虚构数据", "Invented data"),
    "banner_synthetic_text": (
        "本报告所用病例、医疗机构和金额均为虚构，仅供演示和测试，不反映任何真实机构。",
        "Cases, institutions and amounts are invented, for demonstration and tests only; "
        "they describe no real institution.",
    ),
    "banner_notes": ("有 {n} 项须知", "{n} things to know"),
    "banner_unverified": ("有 {n} 项参数未经核实", "{n} parameters are not verified"),
    "banner_unverified_text": (
        "这些数值是假定，不是政策规定，使用前须由经办机构逐项核对。",
        "Their values are assumptions, not rules; the agency has to check each before use.",
    ),
    # tiles
    "fund_less": ("减：{name}", "Less: {name}"),
    "fund_plus": ("加：{name}", "Plus: {name}"),
    "fund_again": (
        "本版重算的全年结果，不是再次付款",
        "the whole year settled again, no second payment",
    ),
    "fund_check": ("核对（应为 0）", "Check (must be 0)"),
    "fund_inside": ("目标内预留", "reserves inside it"),
    "fund_left": ("控制目标内尚余", "Left below the target"),
    "funds_table": ("各险种基金的收付（元）", "What each fund pays and is owed (yuan)"),
    "approx": ("≈", "≈"),
    "of_all": ("占全部 {share}", "{share} of all"),
    "tile_recorded_sub": ("统筹基金记账 {fen}", "recorded {fen}"),
    # sections
    "s_value": ("点值的计算", "How the point value arises"),
    "s_quarantine": ("隔离的病例", "Quarantined cases"),
    "s_front_page": ("首页质量", "Quality of the front pages"),
    "s_parameters": ("政策参数", "Policy parameters"),
    "s_checks": ("校验", "Checks"),
    "s_notes": ("须知", "Things to know"),
    "s_inputs": ("输入文件", "Input files"),
    # point value
    "line": ("行", "Line"),
    "step": ("项目", "Item"),
    "chart_pool": (
        "各险种可用预算、统筹基金记账与清算总额（元）",
        "Available budget, recorded fund and settled fund (yuan)",
    ),
    "v_budget": ("年度预算总额", "Budget of the year"),
    "v_reserve": ("减：调剂金（预留）", "Less: reserve"),
    "v_reserve_how": ("预算总额 × {ratio}", "budget × {ratio}"),
    "v_out_of_area": ("减：异地就医基金", "Less: fund spent out of the area"),
    "v_out_of_area_not": (
        "已在预算之外扣除，此处不减",
        "already outside the budget, not deducted here",
    ),
    "v_provision": ("减：为未清算病例预提", "Less: provision for cases not settled"),
    "v_provision_how": (
        "被隔离和暂不支付病例的统筹基金记账（provision）",
        "recorded fund of the quarantined and held cases (provision)",
    ),
    "v_available": ("可用预算 B", "Available budget B"),
    "v_recorded": ("统筹基金记账额 F", "Recorded fund F"),
    "v_recorded_how": ("Σ 病例统筹基金支付", "Σ pool fund of the cases"),
    "v_balance": ("结余（+）或超支（−）B − F", "Surplus (+) or overspend (−) B − F"),
    "v_ratio": ("分担比例 k", "Sharing ratio k"),
    "v_ratio_surplus": ("结余留用比例", "institutions' share of a surplus"),
    "v_ratio_overspend": ("基金分担超支比例", "fund's share of an overspend"),
    "v_settled": ("清算总额 T", "Settled fund T"),
    "v_surplus_how": ("F + {k} × (B − F)", "F + {k} × (B − F)"),
    "v_overspend_how": ("B + {k} × (F − B)", "B + {k} × (F − B)"),
    "v_not_pool": ("加：非统筹支付 N", "Plus: not paid by the pool N"),
    "v_not_pool_how": (
        "按点数付费的病例 Σ（总费用 − 统筹基金支付）",
        "of cases paid by points, Σ (total cost − pool fund)",
    ),
    "v_sum": ("T + N", "T + N"),
    "v_points": ("总点数 ΣP", "Sum of points ΣP"),
    "v_fraction": ("点值 V（精确分数）", "Point value V (exact fraction)"),
    "v_sum_money": ("T − M + N", "T − M + N"),
    "v_money": ("减：点数外应付 M", "Less: due outside of points M"),
    "v_money_how": (
        "按项目、床日金额付费的病例 Σ（价格 − 非统筹支付）",
        "of cases paid in money, Σ (price − not paid by the pool)",
    ),
    "v_not_pool_personal": (
        "按点数付费的病例 Σ 个人负担",
        "of cases paid by points, Σ what patients paid",
    ),
    "v_gross": ("病例点数", "Points of the cases"),
    "v_gross_how": ("再住院扣减之后", "after the readmission rule"),
    "v_deducted": ("减：违规扣减点数", "Less: points deducted for violations"),
    "v_due_how": (
        "Σ（点数 × V − N）+ M，受上下限约束者以限额为准",
        "Σ (points × V − N) + M, bounds apply",
    ),
    "v_value_high_how": (
        "满足约束的点值不止一个，取最小者",
        "many point values satisfy the bounds: the smallest counts",
    ),
    "v_bounds": ("达到下限 / 达到上限", "Held at the low / at the high bound"),
    "v_bounds_how": ("医疗机构数", "hospitals"),
    "v_bounds_cases": ("病例数（违规机构按机构计）", "cases (a penalised hospital counts once)"),
    "v_held": ("暂不支付病例（不在以上各项中）", "Cases held (in none of the above)"),
    "v_held_how": ("待特病单议或核实，有结论后另行清算", "settled when reviewed or looked at"),
    "v_fraction_bounded": (
        "在上下限内求解的点值：Σ 限定后的应付 = T − M",
        "solved within the bounds: Σ bounded dues = T − M",
    ),
    "v_tiers": ("分档", "tiers"),
    "v_tier": ("B 的 {share} 以内", "up to {share} of B"),
    "v_tier_rest": ("其余", "the rest"),
    "v_surplus_tiers": ("F + 结余分档：{tiers}", "F + surplus by tiers: {tiers}"),
    "v_overspend_tiers": ("B + 超支分档：{tiers}", "B + overspend by tiers: {tiers}"),
    "v_overspend_cap": ("，不超过 B + 调剂金", ", at most B + reserve"),
    "v_fraction_rounded": ("四舍五入至 {dp} 位小数", "rounded to {dp} decimals"),
    "v_quotient": ("未加约束、未取整的商", "Quotient, neither bounded nor rounded"),
    "v_decimal": ("点值 V（元/点）", "Point value V (yuan per point)"),
    "v_due": ("应付合计", "Sum of dues"),
    "v_residual": ("尾差（留存基金）", "Rounding residual, left in the fund"),
    "v_difference": ("核对：T − 应付合计 − 尾差", "Check: T − sum of dues − residual"),
    "v_mismatch": (
        "与运行结果不符：按参数复算为 {fen}",
        "differs from the run: the parameters give {fen}",
    ),
    # counts
    "counts_table": ("病例去向", "Where the cases went"),
    "c_in": ("输入病例", "Cases in"),
    "c_quarantined": ("减：隔离（不参与清算）", "Less: quarantined (not settled)"),
    "c_paid": ("参与清算", "Settled"),
    "c_grouped": ("　其中：正常入组", "of which: grouped"),
    "c_ambiguous": ("　其中：歧义组（QY）", "of which: ambiguous (QY)"),
    "c_ungroupable": ("　其中：未入组（0000）", "of which: not groupable (0000)"),
    "c_unexplained": ("未列明（应为 0）", "Unexplained (must be 0)"),
    "class_table": ("病例类别", "Case classes"),
    "class": ("类别", "Class"),
    "points_share": ("点数占比", "Share of points"),
    "cost_share": ("费用占比", "Share of cost"),
    "mean_cost": ("次均费用", "Mean cost"),
    "chart_mix": (
        "病例类别构成：病例数、点数、费用",
        "Case classes: share of cases, of points, of cost",
    ),
    "mix_cost": ("总费用", "Cost"),
    # hospitals
    "demand": ("须退回", "pay back"),
    "return": ("下期抵回", "set off"),
    "hospital_id": ("编码", "Id"),
    "points_per_case": ("例均点数", "Points a case"),
    "not_pool": ("非统筹支付 N", "Not paid by pool N"),
    "recorded": ("统筹基金记账 F", "Recorded fund F"),
    "difference": ("应付 − 记账", "Due − recorded"),
    "difference_share": ("差额率", "in %"),
    "payable_again": ("重算应支付", "Payable, settled again"),
    "recover_again": ("重算应收回", "To be recovered, settled again"),
    "all_pools": ("全部险种", "All pools"),
    "rest_subtotal": ("其余 {n} 家小计", "Subtotal of the other {n}"),
    "rest_details_some": (
        "展开其余 {all} 家中的 {n} 家（全部见 settlement.xlsx）",
        "Show {n} of the other {all} (settlement.xlsx has all)",
    ),
    "pool_due": ("{pool}：从点数到应付", "{pool}: from points to the due"),
    "pool_payment": ("{pool}：从应付到本次支付", "{pool}: from the due to what is payable now"),
    "c_held": ("减：暂不支付（待特病单议或核实）", "Less: held (not settled yet)"),
    "s_ceiling": ("总额控制", "The ceiling"),
    "chart_ceiling": (
        "各种支付方式与控制目标（万元）",
        "Modes of payment against the target (10,000 yuan)",
    ),
    "g_named": ("{mode}（{name}）", "{mode} ({name})"),
    "month_table": (
        "按月（按归属月份，再住院扣减记在其后一次住院的月份）",
        "By month (corrections of readmissions in the month of the later stay)",
    ),
    "g_share": ("占控制目标", "Of the target"),
    "g_total": ("合计", "All modes"),
    "g_target": ("总额控制目标", "Control target"),
    "g_inside": ("减：目标内预留 {name}", "less: reserve inside it, {name}"),
    "g_left": ("可支付额 − 合计", "To be paid − all modes"),
    "g_drawn": ("动用：{name}", "Drawn: {name}"),
    "g_gauge": ("控制目标 {fen} 元，已用 {share}", "target {fen} yuan, {share} used"),
    "chart_paid": ("各医疗机构的收入与费用", "Income against cost by hospital"),
    "paid_axis_cost": ("总费用（万元，对数刻度）→", "total cost (10,000 yuan, logarithmic) →"),
    "paid_axis_ratio": ("收入 ÷ 总费用", "income ÷ total cost"),
    "paid_even": ("收支相抵", "cost covered"),
    "paid_dots_some": (
        "图中为费用最多的 {shown} 家，共 {all} 家。",
        "The {shown} hospitals of the highest cost of {all} are drawn.",
    ),
    "chart_paid_class": ("各病例类别的收入 − 费用（万元）", "Income − cost by class (10,000 yuan)"),
    "income": ("收入", "Income"),
    "income_less_cost": ("收入 − 费用", "Income − cost"),
    "income_ratio": ("收入 ÷ 费用", "Income ÷ cost"),
    "quality_table": ("各主要诊断大类", "By MDC"),
    "every_mdc": ("全部", "all"),
    "coefficient_table": ("各医疗机构", "By hospital"),
    "coefficient": ("系数", "Coefficient"),
    "coefficient_drgs": ("单独定系数的病组", "Groups with their own"),
    "plain_some": (
        "（前 {shown} 行，共 {all} 行，全部见 {file}）",
        " (first {shown} of {all} rows, all in {file})",
    ),
    "plain_more": ("（更多栏目见 {file}）", " (more columns in {file})"),
    "p_fund": ("基金增减", "Change of the fund"),
    "p_moved": ("机构之间转移", "Between hospitals"),
    "rest_details": ("展开其余 {n} 家", "Show the other {n}"),
    # differences
    "chart_diff_all": (
        "各医疗机构差额（应付 − 统筹记账，全部险种，{unit}）",
        "Due − recorded fund by hospital (all pools, {unit})",
    ),
    "chart_diff_some": (
        "差额最大的 {shown} 家（共 {all} 家，按绝对值；应付 − 统筹记账，全部险种，{unit}）",
        "The {shown} largest of {all} hospitals by amount (due − recorded fund, all pools, {unit})",
    ),
    "chart_diff_rest": (
        "图中未列的 {n} 家差额合计 {fen} 元。",
        "The {n} hospitals not drawn add up to {fen} yuan.",
    ),
    "unit_yuan": ("元", "yuan"),
    "unit_wan": ("万元", "10,000 yuan"),
    "d_gain": ("差额最大（应付高于记账）", "Largest gains (due above recorded)"),
    "d_loss": ("差额最大（应付低于记账）", "Largest losses (due below recorded)"),
    # drgs
    "chart_cv": (
        "费用变异系数（CV）分布：剔除极端值前后的病组数",
        "Coefficient of variation of cost: DRGs before and after trimming",
    ),
    "cv_before_legend": ("剔除前", "before trimming"),
    "cv_after_legend": ("剔除后", "after trimming"),
    "cv_limit": ("稳定上限 {limit}", "stable up to {limit}"),
    "cv_note": (
        "仅含历史病例中可计算 CV 的病组：剔除前 {before} 个，剔除后 {after} 个。",
        "DRGs whose CV can be computed from history: {before} before, {after} after trimming.",
    ),
    "drg_table": (
        "点数最多的 {shown} 个病组（共 {all} 个）",
        "Top {shown} of {all} DRGs by points",
    ),
    "stable": ("稳定", "Stable"),
    "n_before_after": ("历史病例 前 → 后", "History cases"),
    "cv_before_after": ("CV 前 → 后", "CV before → after"),
    "drg_rest": ("其余 {n} 个病组小计", "Subtotal of the other {n} DRGs"),
    "drg_outside": ("不在病组表中的病例", "Cases that are not in the DRG table"),
    # quarantine
    "f_severity": ("程度", "Severity"),
    "f_effect": ("本次", "This time"),
    "f_held": ("暂不支付", "held"),
    "f_paid": ("照付", "paid"),
    "f_check": ("问题", "Finding"),
    "q_findings": ("条数", "Findings"),
    "q_rows": ("涉及行数", "Rows"),
    "q_all": ("合计（每行只计一次）", "Total (each row once)"),
    # parameters
    "p_lead": (
        "以下 {n} 项参数（其中 {used} 项本次使用）没有可核实的政策依据，数值为假定，不是政策规定。"
        "清算结果直接取决于这些数值；正式付款前须逐项对照本统筹区文件核实。",
        "These {n} parameters ({used} of them used in this run) have no verified source: the values are assumed, they are not "
        "rules. The results depend on them; each has to be checked against the region's own "
        "documents before anything is paid.",
    ),
    "p_all_verified": ("全部参数均有已核实的依据。", "Every parameter has a verified source."),
    "p_unused": ("本次未用", "not used in this run"),
    "p_unverified": ("未核实参数", "Unverified parameters"),
    "p_verified": ("已核实参数（{n} 项）", "Verified parameters ({n})"),
    "p_trial": ("试算改写", "trial"),
    "p_name": ("参数", "Parameter"),
    "p_value": ("取值", "Value"),
    "p_period": ("适用期间", "Period"),
    "p_source": ("依据或理由", "Source or reason"),
    "open_end": ("至今", "open"),
    # checks
    "k_check": ("校验", "Check"),
    "k_result": ("结果", "Result"),
    "k_detail": ("说明", "Detail"),
    "passed": ("通过", "passed"),
    "failed": ("未通过", "failed"),
    "rc_points": ("各机构点数之和 = 各险种点数", "Points of hospitals = points of pools"),
    "rc_settled": ("应付合计 + 尾差 = 清算总额", "Sum of dues + residual = settled fund"),
    "rc_final": (
        "各机构各险种：最终支付 + 已预付 + 扣罚保证金 + 违规扣款 + 结转扣回 = 应付",
        "Each account: final + prepaid + forfeited + violations + carried = due",
    ),
    "rc_final_shared": (
        "各机构各险种：最终支付 + 已预付 + 扣罚保证金 − 分得的扣罚保证金 + 违规扣款 + 结转扣回 = 应付",
        "Each account: final + prepaid + forfeited − shared + violations + carried = due",
    ),
    "rc_cash": (
        "各机构各险种：最终支付为正 = 本次支付 + 待收回后再付，为负 = 应收回",
        "Each account: a final payment above 0 = payable now + waiting, below 0 = to be recovered",
    ),
    "rc_counts": (
        "参与清算 + 暂不支付 + 隔离 = 输入病例",
        "Settled + held + quarantined = cases in",
    ),
    "rc_classes": ("各类别病例、点数之和 = 合计", "Classes add up to all cases and points"),
    "rc_value": ("点值 = (T − M + N) ÷ ΣP", "Point value = (T − M + N) ÷ ΣP"),
    "rc_not_pool": (
        "各类病例的非统筹支付之和 = 险种非统筹支付",
        "Not paid by the pool: cases by points + in money = all",
    ),
    # inputs
    "i_rows": ("行数", "Rows"),
    "i_bytes": ("字节", "Bytes"),
    "i_sha": ("SHA-256", "SHA-256"),
    "footer": (
        "由 drgpay {version} 生成 · 运行摘要码 {digest}",
        "Made by drgpay {version} · run digest {digest}",
    ),
}

# headings that are names of columns
_COLUMNS = {
    "cases": "cases", "share": "share", "points": "points", "total_cost": "total_cost_fen",
    "hospital": "hospital_name", "level": "level", "due": "due_fen", "prepaid": "prepaid_fen",
    "deposit": "deposit_fen", "forfeited": "forfeited_fen", "shared": "shared_fen",
    "violations": "violation_fen", "carried": "carried_fen", "final": "final_fen",
    "payable": "payable_fen", "waits": "deferred_fen", "recover": "recover_fen",
    "deducted": "points_deducted", "money": "money_fen", "held": "held_cases",
    "g_amount": "amount_fen", "g_free": "free_fen", "pool": "pool", "drg": "drg",
    "drg_name": "name", "group_mean": "group_mean_fen", "base_points": "base_points",
    "f_recorded": "recorded_fund_fen", 
    "f_advice": "advice", "q_reason": "reason", "q_column": "column", "q_remedy": "remedy",
    "p_unit": "unit", "i_file": "file", "l_money": "money_fen", "l_due": "due_fen",
    "l_payable": "payable_fen", "l_final": "final_fen", 
    "letter_paid_by": "paid_by",
    "id": "hospital_id", "case_id": "case_id", "decision": "decision", "key": "key",
    "unreasonable": "unreasonable_fen", "bound": "bound", "held_fund": "held_fund_fen",
    "before_readmission": "points_before_readmission", "fund": "pool_fund_fen",
    "price": "price_fen", "class_not_pool": "not_pool_fen",
    "x_points_not_pool": "not_pool_by_points_fen", "days": "days", "v_value_high": "value_high",
}  # fmt: skip

TEXTS |= LETTER_TEXTS
TEXTS |= {key: (COLUMNS[name].zh, COLUMNS[name].en) for key, name in _COLUMNS.items()}

UNITS: dict[str, tuple[str, str]] = {
    "": ("", ""),
    "point": ("点", "points"),
    "days": ("天", "days"),
    "years": ("年", "years"),
    "cases": ("例", "cases"),
    "decimal_places": ("位小数", "decimals"),
    "ratio": ("比例", "ratio"),
    "multiple": ("倍", "times"),
    "yuan": ("元", "yuan"),
    "months": ("个月", "months"),
    "month": ("月", "month"),
    "month_day": ("月-日", "MM-DD"),
    "choice": ("选项", "choice"),
    "switch": ("开关", "switch"),
    "list": ("列表", "list"),
    "bands": ("分档", "bands"),
    "tiers": ("分档", "bands"),
    "weights": ("权重", "weights"),
    "table": ("对照表", "table"),
    "quartile_type": ("四分位数类型", "quartile type"),
}


class Words:
    """The texts of one language."""

    def __init__(self, lang: str) -> None:
        if lang not in LANGUAGES:
            raise ValueError(f"no report in language {lang!r}; there is {', '.join(LANGUAGES)}")
        self.lang = lang
        self.html_lang = HTML_LANGUAGE[lang]

    def __call__(self, key: str, **values: object) -> str:
        text = choose(self.lang, *TEXTS[key])
        return text.format(**values) if values else text

    def of(self, table: Mapping[str, tuple[str, str]], key: str) -> str:
        """The text of another table than `TEXTS`; an unknown key is an error of the program."""
        return choose(self.lang, *table[key])
