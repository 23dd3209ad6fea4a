"""The fields of the national settlement list, declared once: names, Chinese names, kinds.

The names are those of transaction 4101; `also` has what 4101A, 4103 and the settlement tables call
the same field, and other Chinese names. Readers of lists take keys from here, and tables headers.
Sources: the interface's field names and titles as public code has them; no official text at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

VERIFIED = False
SETLINFO, PAYINFO, OPSPDISEINFO, DISEINFO = "setlinfo", "payinfo", "opspdiseinfo", "diseinfo"
ITEMINFO, OPRNINFO, ICUINFO, BLDINFO = "iteminfo", "oprninfo", "icuinfo", "bldinfo"
SETTLED = "settled"  # of the settlement tables, no node of the list
NODES: Mapping[str, str] = {
    SETLINFO: "结算清单信息",
    PAYINFO: "基金支付信息",
    OPSPDISEINFO: "门诊慢特病诊断信息",
    DISEINFO: "住院诊断信息",
    ITEMINFO: "收费项目信息",
    OPRNINFO: "手术操作信息",
    ICUINFO: "重症监护信息",
    BLDINFO: "输血信息",
}
# what a list may be wrapped in: the message of a call, of its answer, a page of answers
WRAPPERS = ("input", "output", "data", "body", "result", "list", "records", "rows")
# what else a message holds beside its wrapper; where a list begins anew behind a broken one
ENVELOPE = (
    "infno", "infcode", "msgid", "inf_refmsgid", "mdtrtarea_admvs", "insuplc_admdvs", "infver",
    "recer_sys_code", "opter", "sign_no", "err_msg", "cainfo", "signtype",
)  # fmt: skip
KINDS = ("text", "code", "count", "number", "money", "date", "time", "flag", "duration")
NUMERIC = ("count", "number", "money")  # senders write them as texts or as numbers


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a node; `also` are its other names.

    Two names of one field with other values in one object are a fault, but for those of `ORDERED`.
    """

    node: str
    name: str
    chinese: str
    kind: str = "text"
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the field, its Chinese title first."""
        return (self.chinese, self.name, *self.also)


def camel(name: str) -> str:
    """Return a name as senders in Java write it.

    >>> camel("oprn_oprt_code"), camel("age")
    ('oprnOprtCode', 'age')
    """
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


def _of(node: str, *fields: tuple[str, str, str, str] | tuple[str, str, str]) -> tuple[Field, ...]:
    return tuple(
        Field(node, f[0], f[1], f[2], tuple(f[3].split()) if len(f) > 3 else ()) for f in fields
    )


FIELDS: tuple[Field, ...] = (
    *_of(
        SETLINFO,
        ("setl_id", "结算ID", "text", "结算id"),
        ("mdtrt_id", "就诊ID", "text", "就诊id"),
        ("setl_list_sn", "清单流水号", "text"),
        ("psn_no", "人员编号", "text"),
        ("fixmedins_name", "定点医药机构名称", "text", "定点医疗机构名称"),
        ("fixmedins_code", "定点医药机构编号", "text", "定点医药机构编码 定点医疗机构编码 定点医疗机构代码"),
        ("hi_setl_lv", "医保结算等级", "code"),
        ("hi_no", "医保编号", "text"),
        ("medcasno", "病案号", "text"),
        ("dcla_time", "申报时间", "time"),
        ("psn_name", "人员姓名", "text"),
        ("gend", "性别", "code"),
        ("brdy", "出生日期", "date"),
        ("age", "年龄", "number"),
        ("nwb_age", "不足1周岁年龄", "count", "age_days 年龄天数 （年龄不足1周岁）年龄 年龄不足1周岁年龄"),
        ("ntly", "国籍", "code"),
        ("naty", "民族", "code"),
        ("patn_cert_type", "患者证件类别", "code", "psn_cert_type 人员证件类型"),
        ("certno", "证件号码", "text"),
        ("prfs", "职业", "code"),
        ("curr_addr", "现住址", "text"),
        ("emp_name", "单位名称", "text"),
        ("emp_addr", "单位地址", "text"),
        ("emp_tel", "单位电话", "text"),
        ("poscode", "邮编", "text", "emp_poscode"),
        ("coner_name", "联系人姓名", "text"),
        ("patn_rlts", "与患者关系", "code"),
        ("coner_addr", "联系人地址", "text"),
        ("coner_tel", "联系人电话", "text"),
        ("hi_type", "医保类型", "code"),
        ("insutype", "险种类型", "code"),
        ("insuplc", "参保地", "code", "insu_admdvs 参保地医保区划"),
        ("sp_psn_type", "特殊人员类型", "code"),
        ("nwb_adm_type", "新生儿入院类型", "code"),
        ("nwb_bir_wt", "新生儿出生体重", "number"),
        ("nwb_adm_wt", "新生儿入院体重", "number"),
        ("mul_nwb_bir_wt", "多新生儿出生体重", "text"),
        ("mul_nwb_adm_wt", "多新生儿入院体重", "text"),
        ("opsp_diag_caty", "门诊慢特病诊断科别", "code"),
        ("opsp_mdtrt_date", "门诊慢特病就诊日期", "date", "opsp_mdtrt_time"),
        ("ipt_med_type", "住院医疗类型", "code"),
        ("adm_way", "入院途径", "code", "adm_way_code"),
        ("trt_type", "治疗类别", "code"),
        ("adm_time", "入院时间", "time"),
        ("adm_caty", "入院科别", "code"),
        ("refldept_dept", "转科科别", "text", "refl_caty"),
        ("dscg_time", "出院时间", "time"),
        ("dscg_caty", "出院科别", "code"),
        ("act_ipt_days", "实际住院天数", "count"),
        ("otp_wm_dise", "门（急）诊西医诊断", "text", "otp_wm_diag"),
        ("wm_dise_code", "西医诊断疾病代码", "text", "otp_wm_diag_dise_code"),
        ("otp_tcm_dise", "门（急）诊中医诊断", "text", "otp_tcm_diag"),
        ("tcm_dise_code", "中医诊断代码", "text", "otp_tcm_diag_dise_code"),
        ("diag_code_cnt", "诊断代码计数", "count"),
        ("oprn_oprt_code_cnt", "手术操作代码计数", "count"),
        ("vent_used_dura", "呼吸机使用时长", "duration"),
        ("vent_used_days", "呼吸机使用天数", "count"),
        ("vent_used_h_cnt", "呼吸机使用小时数", "count"),
        ("vent_used_m_cnt", "呼吸机使用分钟数", "count"),
        ("pwcry_bfadm_coma_dura", "颅脑损伤患者入院前昏迷时长", "duration"),
        ("pwcry_afadm_coma_dura", "颅脑损伤患者入院后昏迷时长", "duration"),
        ("bld_cat", "输血品种", "code"),
        ("bld_amt", "输血量", "number"),
        ("bld_unt", "输血计量单位", "code"),
        ("spga_nurscare_days", "特级护理天数", "count"),
        ("lv1_nurscare_days", "一级护理天数", "count"),
        ("scd_nurscare_days", "二级护理天数", "count"),
        ("lv3_nurscare_days", "三级护理天数", "count"),
        ("dscg_way", "离院方式", "code"),
        ("acp_medins_name", "拟接收机构名称", "text", "acp_optins_name"),
        ("acp_optins_code", "拟接收机构代码", "text"),
        ("bill_code", "票据代码", "text"),
        ("bill_no", "票据号码", "text"),
        ("biz_sn", "业务流水号", "text"),
        ("days_rinp_flag_31", "出院31天内再住院计划标志", "code", "dscg31days_rinp_flag 是否有出院31天内再住院计划"),
        ("days_rinp_pup_31", "出院31天内再住院目的", "text", "rinp_pup dscg31days_rinp_pup"),
        ("chfpdr_name", "主诊医师姓名", "text"),
        ("chfpdr_code", "主诊医师代码", "text"),
        ("resp_nurs_name", "责任护士姓名", "text"),
        ("resp_nurs_code", "责任护士代码", "text"),
        ("setl_begn_date", "结算开始日期", "date", "setl_begndate"),
        ("setl_end_date", "结算结束日期", "date", "setl_enddate"),
        ("psn_selfpay", "个人自付", "money", "psn_selfpay_amt"),
        ("psn_ownpay", "个人自费", "money", "psn_ownpay_fee"),
        ("acct_pay", "个人账户支出", "money", "acct_payamt"),
        ("psn_cashpay", "个人现金支付", "money"),
        ("hi_paymtd", "医保支付方式", "code"),
        ("hsorg", "医保机构", "text", "hsorg_name hsorg_code"),
        ("hsorg_opter", "医保机构经办人", "text", "hsorg_opter_name hsorg_opter_code"),
        ("medins_fill_dept", "医疗机构填报部门", "text"),
        ("medins_fill_psn", "医疗机构填报人", "text"),
        ("stas_type", "状态分类", "code"),
        ("refd_setl_flag", "退费结算标志", "flag"),
        ("init_setl_id", "原结算ID", "text", "orig_setl_id 原结算id 原始结算ID"),
        ("act_pay_dedc", "实际支付起付线", "money"),
        # of no transaction: what a region may add
        ("bed_day_class", "床日类别", "code"),
        ("referral_group", "转诊组", "text"),
    ),
    *_of(
        PAYINFO,
        ("fund_pay_type", "基金支付类型", "code"),
        ("poolarea_fund_pay_type", "统筹区基金支付类型", "code"),
        ("poolarea_fund_pay_name", "统筹区基金支付类型名称", "text"),
        ("fund_payamt", "基金支付金额", "money"),
    ),
    *_of(
        OPSPDISEINFO,
        ("diag_name", "诊断名称", "text"),
        ("diag_code", "诊断代码", "text"),
        ("oprn_oprt_name", "手术操作名称", "text"),
        ("oprn_oprt_code", "手术操作代码", "text"),
    ),
    *_of(
        DISEINFO,
        ("diag_type", "诊断类别", "code"),
        ("diag_code", "诊断代码", "text", "诊断编码"),
        ("diag_name", "诊断名称", "text"),
        ("adm_cond_type", "入院病情类型", "code", "入院病情"),
        ("maindiag_flag", "主诊断标志", "flag", "主诊断标识"),
    ),
    *_of(
        ITEMINFO,
        ("med_chrgitm", "医疗收费项目", "code", "med_chrgitm_type 医疗收费项目类别"),
        ("amt", "金额", "money", "item_sumamt 项目总金额"),
        ("claa_sumfee", "甲类费用合计", "money", "item_claa_amt item_claa_sumfee 项目甲类金额"),
        ("clab_amt", "乙类金额", "money", "item_clab_amt 项目乙类金额"),
        ("fulamt_ownpay_amt", "全自费金额", "money", "item_fulamt_ownpay_amt item_ownpay_amt 项目自费金额"),
        ("oth_amt", "其他金额", "money", "item_oth_amt 项目其他金额"),
    ),
    *_of(
        OPRNINFO,
        ("oprn_oprt_type", "手术操作类别", "code"),
        ("main_oprn_flag", "主手术操作标志", "flag", "主手术操作标识"),
        ("oprn_oprt_name", "手术操作名称", "text"),
        ("oprn_oprt_code", "手术操作代码", "text", "手术操作编码"),
        ("oprn_oprt_date", "手术操作日期", "date"),
        ("anst_way", "麻醉方式", "code"),
        ("oper_dr_name", "术者医师姓名", "text"),
        ("oper_dr_code", "术者医师代码", "text"),
        ("anst_dr_name", "麻醉医师姓名", "text"),
        ("anst_dr_code", "麻醉医师代码", "text"),
        ("oprn_oprt_begntime", "手术操作开始时间", "time"),
        ("oprn_oprt_endtime", "手术操作结束时间", "time"),
        ("anst_begntime", "麻醉开始时间", "time"),
        ("anst_endtime", "麻醉结束时间", "time"),
    ),
    *_of(
        ICUINFO,
        ("scs_cutd_ward_type", "重症监护病房类型", "code"),
        ("scs_cutd_inpool_time", "重症监护进入时间", "time"),
        ("scs_cutd_exit_time", "重症监护退出时间", "time"),
        ("scs_cutd_sum_dura", "重症监护合计时长", "duration"),
    ),
    *_of(
        BLDINFO,
        ("bld_cat", "输血品种", "code"),
        ("bld_amt", "输血量", "number"),
        ("bld_unt", "输血计量单位", "code"),
    ),
    *_of(
        SETTLED,
        ("medfee_sumamt", "医疗费总额", "money"),
        ("hifp_pay", "基本医疗保险统筹基金支出", "money", "统筹基金支出"),
        ("psn_pay", "个人支付金额", "money", "psn_part_amt 个人负担总金额"),
        ("setl_time", "结算时间", "time"),
    ),
)  # fmt: skip
# where several names are given, the first one counts
ORDERED = frozenset({(ITEMINFO, "fulamt_ownpay_amt"), (SETLINFO, "init_setl_id")})
BY_PLACE: Mapping[tuple[str, str], Field] = {(f.node, f.name): f for f in FIELDS}


def names_of(word: str) -> tuple[str, ...]:
    """Return every name of a field of setlinfo or of the settlement tables; of another word itself.

    >>> names_of("refd_setl_flag"), names_of("床日")
    (('退费结算标志', 'refd_setl_flag'), ('床日',))
    """
    field = BY_PLACE.get((SETLINFO, word)) or BY_PLACE.get((SETTLED, word))
    return (word,) if field is None else field.names


@cache
def other_names(node: str) -> Mapping[str, str]:
    """Return what a key of a node stands for, for every key but the field's own name.

    Keys are compared as written; a name all in capitals, or in camel case, stands for itself.

    >>> other_names("oprninfo")["手术操作代码"], other_names("setlinfo")["SETL_ENDDATE"]
    ('oprn_oprt_code', 'setl_end_date')
    >>> other_names("oprninfo")["oprnOprtCode"]
    'oprn_oprt_code'
    """
    found: dict[str, str] = {}
    for field in FIELDS:
        if field.node == node:
            for word in field.names:
                found[word] = field.name
                found[word.upper()] = found[camel(word)] = field.name
            found.pop(field.name)
    return found


@cache
def node_names(node: str) -> tuple[str, ...]:
    """Return every way in which a node's key is written, its own name first.

    >>> node_names("setlinfo")
    ('setlinfo', 'SETLINFO', 'setlInfo', 'SetlInfo', '结算清单信息')
    """
    word = node.removesuffix("info")
    return (node, node.upper(), f"{word}Info", f"{word.capitalize()}Info", NODES[node])


@cache
def known_fields(node: str) -> frozenset[str]:
    """Return the own names of a node's fields."""
    return frozenset(field.name for field in FIELDS if field.node == node)


@cache
def other_nodes() -> Mapping[str, str]:
    """Return node of every other name of a node, and of every wrapper's name in capitals."""
    found = {word: node for node in NODES for word in node_names(node)[1:]}
    return found | {wrapper.upper(): wrapper for wrapper in WRAPPERS}
