"""Chinese headers of the small tables' columns, and of the entries of region.toml."""

from __future__ import annotations

from collections.abc import Mapping

from drgpay.names.columns import both_names

# the first header of each is how texts call the column; a key with a dot is one table's own
HEADERS: Mapping[str, tuple[str, ...]] = {
    "hospital_id": ("医疗机构编码", "机构编码", "fixmedins_code"),
    "name": ("名称", "机构名称", "医疗机构名称", "医共体名称"),
    "level": ("等级", "机构等级", "医保支付等级"),
    "community_id": ("医共体编码", "医共体", "community"),
    "kind": ("类别", "机构类别"),
    "coefficient": ("差异系数", "系数"),
    "score": ("考核得分", "得分"),
    "drg": ("病组", "病组编码", "DRG", "DRG编码"),
    "group_mean_yuan": ("病组次均费用",),
    "weight": ("权重", "病组权重", "基准权重", "RW", "风险权重"),
    "stable": ("稳定病组", "是否稳定"),
    "bed_day_class": ("床日类别",),
    "rate_yuan": ("床日标准", "床日付费标准"),
    "case_id": ("病例号",),
    "decision": ("评审结论",),
    "unreasonable_yuan": ("不合理费用",),
    "note": ("备注",),
    "pool": ("险种",),
    "amount_yuan": ("金额", "扣减金额"),
    "reason": ("原因",),
    "order_number": ("拨付单号", "单号"),
    "factor": ("因素", "预算因素"),
    "basis": ("依据", "测算依据"),
    "author": ("提出人", "提出单位"),
    "deduction": ("扣除项目",),
    "paid_on": ("支付日期", "付款日期", "交易日期"),
    "bank_reference": ("银行流水号", "流水号"),
    "rejected": ("退票", "是否退票"),
    "prepaid_yuan": ("已预付", "预付金额"),
    "deposit_yuan": ("质量保证金", "保证金"),
    "standing": ("协议状态",),
    "component": ("组成部分",),
    "value": ("值",),
    "treatment_share": ("中治率",),
    "from_day": ("起始天数",),
    "points": ("点数",),
    "from": ("来源",),
    "month": ("月份",),
    "share": ("比重",),
    "fund_yuan": ("统筹基金",),
    "scheme": ("分组方案",),
    "from_date": ("起始日期", "开始日期"),
    "to_date": ("截止日期", "结束日期"),
    "item": ("项目", "项目编码", "目录编码"),
    "new_drg": ("更正病组", "更正后病组"),
    "document": ("文书", "文号"),
    "date": ("日期",),
    "region": ("统筹区",),
    "year": ("年度",),
    "months_sha256": ("月度结果摘要码",),
    "simulated": ("模拟",),
    "run_sha256": ("清算结果摘要码",),
    "sha256": ("本表摘要码",),
    "area": ("区域", "地区"),
    "person_id": ("参保人编号", "人员编号", "psn_no"),
    "person.kind": ("人员类别", "参保类别"),
    "months": ("参保月数",),
    "signed_community": ("签约医共体", "签约医共体编码"),
    "registered_area": ("户籍地", "户籍所在地"),
    "usual_area": ("常住地", "居住地"),
    "school_area": ("学校所在地", "高校所在地"),
    "employer_area": ("单位所在地", "用人单位所在地"),
    "sex": ("性别",),
    "age": ("年龄", "周岁"),
    "chronic": ("慢性病类别", "慢病类别", "慢性病"),
    "inpatient_last_year": ("上年住院", "上年是否住院"),
    "invalid": ("无效人头", "是否无效人头"),
    "invalid_reason": ("无效原因", "无效人头原因"),
    "visit_id": ("就诊号", "就诊id", "mdtrt_id", "结算id"),
    "visit_date": ("就诊日期", "就诊时间"),
    "total_cost": ("总费用", "医疗总费用"),
    "pool_fund": ("统筹基金支付", "统筹支付", "统筹支付金额"),
    "special_factor": ("特殊因素",),
    "visit.document": ("依据", "依据文件", "佐证材料"),
    "cell": ("风险单元", "风险组"),
    "age_from": ("年龄起", "起始年龄"),
    "age_to": ("年龄止", "截止年龄"),
    "pool_total_yuan": ("人头费总额", "总额"),
}
ENTRIES: Mapping[str, str] = {
    "id": "统筹区代号",
    "year": "清算年度",
    "policy": "政策",
    "scheme": "分组方案",
    "cases": "病例文件",
    "mapping": "对照文件",
    "all_drg_mean_yuan": "全部病例次均费用",
    "weight_rate_yuan": "费率",
    "budget_yuan": "年度预算总额",
    "out_of_area_fund_yuan": "异地就医基金",
    "last_year_fund_yuan": "上年基金支出",
    "control_target_yuan": "控制目标",
    "reserves": "预留",
    "payments": "其他支出",
    "inside_target": "在控制目标之内",
}


def shown(name: str) -> str:
    """Return a column of a small table, or an entry of region.toml, as Chinese texts name it.

    >>> shown("rate_yuan"), shown("budget_yuan"), shown("person.kind"), shown("remark")
    ('床日标准（rate_yuan）', '年度预算总额（budget_yuan）', '人员类别（kind）', 'remark')
    """
    header = HEADERS[name][0] if name in HEADERS else ENTRIES.get(name, "")
    return both_names(name.rpartition(".")[2], header)
