"""Why a row is quarantined or a case is not grouped, declared once: the reason, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, both


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is quarantined, and what to do about it."""

    message: Bilingual
    remedy: Bilingual


def reason(chinese: str, english: str, remedy_chinese: str, remedy_english: str) -> Reason:
    """Return a reason by its texts."""
    return Reason(both(chinese, english), both(remedy_chinese, remedy_english))


REASONS: Mapping[str, Reason] = {
    "row_broken": reason(
        "这一行的字段数与表头不符",
        "the row has another number of fields than the header",
        "含逗号或换行的内容加引号，补齐字段",
        "quote fields with commas or line ends; complete the row",
    ),
    "row_swallowed": reason(
        "引号没有配对：几行被并成了一行",
        "a stray quotation mark has made one row of several",
        "核对这几行的引号：删去多余的，字段内的引号写两个",
        "look at the quotation marks of these rows: remove stray ones, write one in a field twice",
    ),
    "stored_as_number": reason(
        "编号被存为数字，超过15位的数字已经丢失",
        "an id is stored as a number: digits beyond the fifteenth are lost",
        "把这一列的格式设为文本，再从原系统重新导出或填写",
        "format the column as text, then export or enter it again",
    ),
    "code_as_number": reason(
        "手术操作编码被存为数字，开头和末尾的0已经丢失，不能确定是哪一个编码",
        "a code of a procedure is stored as a number: zeros at its ends are lost, and not one known code fits",
        "把这一列的格式设为文本，再从原系统重新导出，或填写完整的编码，如51.2300",
        "format the column as text and export it again, or enter the whole code, as 51.2300",
    ),
    "code_is_name": reason(
        "主要手术的位置写的是名称，不是编码",
        "the main procedure is a name, not a code",
        "填手术操作编码，如51.2300；名称可写在编码后面",
        "enter the code of the procedure, as 51.2300; its name may stand behind it",
    ),
    "rows_differ": reason(
        "同一病例的几行在这一列不同，或类别不是诊断、手术",
        "rows of one case differ in this column, or one is neither diagnosis nor procedure",
        "同一病例各行只有编码、类别和序号可以不同；类别用对照文件的 [values.kind_of_row] 说明",
        "rows of a case differ in code, kind and order only; [values.kind_of_row] of the mapping file says what kinds are called",
    ),
    "case_id_missing": reason("缺少病例号", "no case id", "补填病例号", "fill in the case id"),
    "sex_invalid": reason(
        "性别缺失，或不是男、女",
        "sex is missing or not M or F",
        "按病案首页填男或女（M或F、1或2），半角",
        "enter M or F, 1 or 2, as on the front page",
    ),
    "age_invalid": reason(
        "年龄缺失或不是0至150的数",
        "age is missing or not a number from 0 to 150",
        "填入院时的周岁数（半角数字），不足一周岁填0并另填日龄",
        "enter completed years in half-width digits; 0 below one year, with age_days",
    ),
    "age_days_invalid": reason(
        "不是日龄的整天数",
        "no whole number of days of age",
        "填出生到入院的整天数，如5；以月计的写明单位，如3月、3个月10天、3 10/30；未知则留空",
        "enter whole days from birth to admission, as 5; months with their unit, as 3月; or nothing",
    ),
    "principal_missing": reason(
        "缺少主要诊断",
        "no principal diagnosis",
        "补填主要诊断编码，放在第一位",
        "enter the principal diagnosis first",
    ),
    "count_invalid": reason(
        "不是0至1000000的数",
        "not a number from 0 to 1,000,000",
        "改为整数，数字用半角；未知则留空",
        "enter a whole number in half-width digits, or leave it empty",
    ),
    "age_contradicts_dates": reason(
        "日龄与出生日期不符：一个是新生儿（28天以内），另一个不是",
        "the age in days and the date of birth disagree: by one it is a newborn, by the other not",
        "核对出生日期、入院日期和日龄；以月计的写作3月或3个月",
        "check the dates of birth and admission and the days; write months as 3月",
    ),
    "weight_invalid": reason(
        "不是新生儿体重的克数",
        "no weight of a newborn in grams",
        "改为克，如2600；千克写明单位（2.6千克）；未知则留空",
        "enter grams, as 2600, or the unit (2.6kg), or leave it empty",
    ),
    "flag_invalid": reason(
        "不是0、1或是、否",
        "not 0, 1, 是 or 否",
        "改为是或否（1或0），半角；未知则留空",
        "enter 0 or 1, half width, or nothing",
    ),
    "choice_invalid": reason(
        "不是可填的代码",
        "none of the codes that may stand here",
        "按该列的说明填代码，半角；未知则留空",
        "enter one of the column's codes, half width, or nothing",
    ),
    "date_invalid": reason(
        "缺失或不是日期",
        "missing or not a date",
        "按2024-03-01的样式填写，数字用半角",
        "write it like 2024-03-01, in half-width digits",
    ),
    "dates_reversed": reason(
        "出院早于入院", "discharged before admitted", "核对出入院日期", "check both dates"
    ),
    "money_invalid": reason(
        "缺失或不是最多两位小数的金额（元）",
        "missing or not an amount in yuan with at most two decimals",
        "改为以元为单位、最多两位小数的数，数字和标点用半角",
        "enter yuan with at most two decimals, in half-width digits",
    ),
    "money_negative": reason(
        "金额为负",
        "negative amount",
        "退费应与原结算冲抵：先用 drgpay cases convert 转换",
        "net refunds with their settlements first: drgpay cases convert",
    ),
    "fund_above_cost": reason(
        "统筹基金支付大于总费用",
        "the pooled fund paid more than the total cost",
        "核对两项金额",
        "check both amounts",
    ),
    "hospital_unknown": reason(
        "医疗机构不在机构表（hospitals）中",
        "hospital not in the table hospitals",
        "更正编码，或在机构表（hospitals）中增加该机构",
        "correct the id or add the hospital",
    ),
    "pool_unknown": reason(
        "险种不在region.toml中",
        "pool not in region.toml",
        "更正险种，或在region.toml中增加",
        "correct the pool or add it",
    ),
    "payment_mode_unknown": reason(
        "支付方式不认识",
        "unknown payment mode",
        "填按病组、日间手术或按床日（drg、day_surgery、bed_day）",
        "enter drg, day_surgery or bed_day",
    ),
    "bed_day_class_missing": reason(
        "按床日付费但没有床日类别",
        "paid by bed-day without a class",
        "补填床日类别",
        "enter the bed-day class",
    ),
    "bed_day_rate_missing": reason(
        "床日类别没有标准",
        "no rate for the bed-day class",
        "在床日标准表（bed_day_rates）中增加该类别",
        "add the class to the table bed_day_rates",
    ),
    "outside_year": reason(
        "不属于本清算年度",
        "belongs to another year",
        "移至所属年度的数据中",
        "move it to the data of its year",
    ),
    "duplicate_case": reason(
        "病例号重复",
        "the case id stands more than once",
        "同一次住院只留一行；几次住院用了同一编号（如病案号）的，改用结算ID",
        "keep one row of a stay; where several stays share a number, give the settlement id",
    ),
    "code_system_differs": reason(
        "编码版本不认识，或没有到分组方案所用版本的对照表",
        "an unknown edition of codes, or one without a map to the scheme's",
        "编码版本（code_system）填 insurance-2.0（医保版）或 clinical-2022（国临版），或留空",
        "write insurance-2.0 or clinical-2022 in code_system, or nothing",
    ),
    "no_version_in_force": reason(
        "出院日期时没有施行中的分组方案版本",
        "no version of the scheme was in force on the discharge date",
        "核对出院日期，或用 --scheme 写明用哪一个版本分组（各版本见 drgpay scheme list）",
        "check the discharge date, or name the version to group with by --scheme (drgpay scheme list)",
    ),
    "list_unreadable": reason(
        "清单不是完整的JSON",
        "the list is not whole JSON",
        "请报送方重新导出这份清单，不要截断，每份一个完整的JSON对象",
        "have the list exported again, whole: one JSON object a list",
    ),
    "list_encoding": reason(
        "清单既不是UTF-8也不是GB18030编码",
        "the list is neither UTF-8 nor GB18030",
        "另存为UTF-8编码",
        "save it as UTF-8",
    ),
    "list_too_large": reason(
        "清单过大或嵌套过深",
        "the list is too large or nested too deeply",
        "核对这份文件是否为结算清单；每份不超过16 MB、20,000个诊断或收费项目",
        "check that it is a settlement list: at most 16 MB and 20,000 entries of a kind",
    ),
    "list_uncounted": reason(
        "文件中标明的清单份数多于读到的，这一份没有找到",
        "the file announces more lists than were found: this one was not",
        "请报送方重新导出这个文件，每份一个完整的JSON对象",
        "have the file exported again: one whole JSON object a list",
    ),
    "list_not_a_list": reason(
        "没有setlinfo，不是结算清单",
        "without setlinfo it is no settlement list",
        "按4101报文的结构报送：setlinfo、payinfo、diseinfo、iteminfo、oprninfo、icuinfo",
        "give the nodes of transaction 4101: setlinfo, payinfo, diseinfo, iteminfo, oprninfo, icuinfo",
    ),
    "list_field_twice": reason(
        "同一字段在清单中出现两次",
        "a field stands twice in the list",
        "删去重复的字段，只留正确的一个",
        "remove the wrong one of the two",
    ),
    "list_field_kind": reason(
        "字段的值不是文字或数",
        "the field holds neither text nor a number",
        "按接口规范填写这个字段",
        "write the field as the interface has it",
    ),
    "list_field_unknown": reason(
        "这个节点的内容写在不认识的字段名下，读不出编码",
        "this node's content stands under names that are not known: no code can be read",
        "按接口规范填写字段名：诊断编码为diseinfo的diag_code，手术操作编码为oprninfo的oprn_oprt_code",
        "use the names of the interface: diag_code in diseinfo, oprn_oprt_code in oprninfo",
    ),
    "list_diagnosis_type": reason(
        "不认识的诊断类别（diag_type）",
        "unknown diag_type",
        "diag_type填1（西医诊断）、2（中医主病）或3（中医主证），见接口规范",
        "write diag_type 1 (western), 2 or 3 (traditional medicine), as the interface has it",
    ),
    "list_principal_several": reason(
        "主要诊断不止一个",
        "more than one principal diagnosis",
        "maindiag_flag只在一个西医诊断上填1",
        "set maindiag_flag 1 on one western diagnosis only",
    ),
    "list_principal_unmarked": reason(
        "填了maindiag_flag，却没有一个西医诊断为1",
        "maindiag_flag is given but 1 on no western diagnosis",
        "在主要诊断上把maindiag_flag填为1",
        "set maindiag_flag 1 on the principal diagnosis",
    ),
    "list_amount": reason(
        "清单中的金额缺失，或不是最多两位小数的数（元）",
        "an amount of the list is missing, or not yuan with at most two decimals",
        "更正清单中的这一金额",
        "correct this amount of the list",
    ),
    "list_amount_sign": reason(
        "同一份清单的金额有正有负",
        "amounts of one list are positive and negative",
        "退费另报一份清单（全部为负，或refd_setl_flag为1），不要混在一起",
        "report a refund as a list of its own: all negative, or refd_setl_flag 1",
    ),
    "list_pools": reason(
        "统筹基金支付分属两个险种",
        "pooled funds of two insurances paid for one settlement",
        "核对payinfo的fund_pay_type，或更正基金支付类型对照",
        "check fund_pay_type of payinfo, or the map of fund types",
    ),
    "list_fund_type": reason(
        "基金支付类型不在对照表中",
        "the fund type is not in the map",
        '在fund_type_map中增加该类型，或增加["*", "other"]',
        'add it to fund_type_map, or add ["*", "other"]',
    ),
    "list_without_money": reason(
        "清单没有收费项目或基金支付（如4101A），可以分组，不能结算",
        "the list carries no items or no payments (as 4101A): it can be grouped, not settled",
        "改用带iteminfo和payinfo的4101清单，或从结算表取金额后另制病例文件",
        "give 4101 lists with iteminfo and payinfo, or case files with the amounts of the settlement tables",
    ),
    "refund_not_netted": reason(
        "退费没有与原结算冲抵",
        "a refund that is not netted with its settlement",
        "先用 drgpay cases convert 转换，再清算",
        "convert the cases first: drgpay cases convert",
    ),
    "refund_without_original": reason(
        "退费找不到原结算",
        "a refund without the settlement it reverses",
        "补上原结算，或在原结算ID（refund_of、init_setl_id）中写明原结算ID",
        "add the settlement, or name it in refund_of (init_setl_id)",
    ),
    "refund_ambiguous": reason(
        "退费可对应不止一次结算",
        "more than one settlement may be the one reversed",
        "在原结算ID（refund_of、init_setl_id）中写明原结算ID；病例号不得重复",
        "name the settlement in refund_of (init_setl_id); case ids must be unique",
    ),
    "refund_amounts": reason(
        "退费的金额与原结算对不上",
        "the amounts of the refund do not fit its settlement",
        "核对：退费各项同号，且不大于原结算的相应金额",
        "check: amounts of one sign, none above that of the settlement",
    ),
    "personal_above_cost": reason(
        "个人支付大于总费用",
        "personal payment above the total cost",
        "核对个人支付（personal_paid）与总费用（total_cost）",
        "check personal_paid and total_cost",
    ),
}
# what is said of a review that changes nothing
REVIEW_NOTES: Mapping[str, Reason] = {
    "review_without_effect": reason(
        "特病单议的病例既不是高倍率也不是未入组，评审不起作用",
        "the reviewed case is neither high-cost nor outside a stable group: no effect",
        "核对评审结果",
        "check the decision",
    ),
    "review_case_unknown": reason(
        "特病单议的病例不在已支付病例中",
        "the reviewed case is not among the paid cases",
        "核对病例号",
        "check the case id",
    ),
}
# all that the table of quarantine may hold
QUARANTINED: Mapping[str, Reason] = {**REASONS, **REVIEW_NOTES}
# of persons and visits paid by head
CAPITATION: Mapping[str, Reason] = {
    "row_broken": REASONS["row_broken"],
    "stored_as_number": REASONS["stored_as_number"],
    "id_missing": reason("缺少编号", "no id", "补填编号", "fill in the id"),
    "kind_unknown": reason(
        "人员类别缺失或不认识",
        "the kind of person is missing or unknown",
        "填居民、灵活就业、大学生或职工（resident、flexible、student、employee）",
        "enter resident, flexible, student or employee",
    ),
    "months_invalid": reason(
        "参保月数缺失或不是1至12的整数",
        "months insured are missing or not a whole number from 1 to 12",
        "填本年度参保的月数，1至12；全年未参保的人不列入",
        "enter the months insured in the year, 1 to 12; leave out who was never insured",
    ),
    "sex_invalid": Reason(
        REASONS["sex_invalid"].message,
        both("填男或女（M或F、1或2），未知的可以留空", "enter M or F, 1 or 2, or nothing"),
    ),
    "age_invalid": Reason(
        REASONS["age_invalid"].message,
        both("填周岁数，未知的可以留空", "enter completed years, or nothing"),
    ),
    "flag_invalid": REASONS["flag_invalid"],
    "community_unknown": reason(
        "签约医共体不在communities表中",
        "the signed community is not in the table of communities",
        "更正签约医共体，或在communities表中增加",
        "correct it, or add it to the table of communities",
    ),
    "risk_cell_none": reason(
        "没有一个风险单元适用于此人",
        "no risk cell fits the person",
        "核对此人的性别、年龄、慢性病类别，或补全risk_cells表",
        "check sex, age and chronic class, or complete the table of risk cells",
    ),
    "risk_cell_several": reason(
        "有一个以上的风险单元适用于此人",
        "more than one risk cell fits the person",
        "使risk_cells表的各单元互不重叠",
        "make the risk cells disjoint",
    ),
    "person_double": reason(
        "参保人编号重复",
        "the person stands more than once",
        "一人只留一行；年内变动类别的，按年末类别填，月数合并",
        "keep one row a person, with all months of the year",
    ),
    "visit_double": reason(
        "就诊号重复",
        "the visit stands more than once",
        "一次就诊只留一行；退费先与原结算冲抵",
        "keep one row a visit; net refunds first",
    ),
    "date_invalid": REASONS["date_invalid"],
    "outside_year": REASONS["outside_year"],
    "money_invalid": REASONS["money_invalid"],
    "money_negative": Reason(
        REASONS["money_negative"].message,
        both("退费先与原结算冲抵，只留净额", "net refunds with their settlements first"),
    ),
    "fund_above_cost": REASONS["fund_above_cost"],
    # of records of visits that the budget's year is watched by
    "care_unknown": reason(
        "就医类别不认识",
        "the kind of care is unknown",
        "填门诊或住院",
        "enter inpatient or outpatient",
    ),
    "stay_days_invalid": reason(
        "住院天数不是整数",
        "the days of the stay are no whole number",
        "填住院天数，门诊留空",
        "enter the days of the stay, nothing for outpatients",
    ),
}
# why a case is not grouped, or how it was
GROUPING_REASONS: Mapping[str, Bilingual] = {
    "": both("", ""),
    "further_procedure": both(
        "主要手术不能入组，按其他手术单独入组", "grouped by a further procedure taken alone"
    ),
    "no_surgical_adrg": both(
        "有有效手术操作，但不属于本MDC的任何手术组",
        "a valid procedure, but none of this MDC's surgical groups",
    ),
    "principal_unknown": both(
        "主要诊断不在本方案的编码库中", "the principal diagnosis is not in the scheme's code system"
    ),
    "principal_refused": both(
        "主要诊断是灰码，或不作为分组规则，本方案不予入组",
        "the principal diagnosis is grey or takes no part in grouping: the scheme refuses it",
    ),
    "principal_in_no_mdc": both("主要诊断不属于任何MDC", "no MDC lists the principal diagnosis"),
    "sex_conflict": both(
        "性别与主要诊断的MDC不符", "the MDC of the principal diagnosis is the other sex's"
    ),
    "mdc_condition": both(
        "主要诊断所属MDC的年龄等条件不满足",
        "a condition of the principal diagnosis's MDC, such as age, does not hold",
    ),
    "no_adrg": both(
        "MDC中没有ADRG接受此诊断与手术", "no ADRG of the MDC takes this diagnosis and procedure"
    ),
    "quarantined": both("数据有误，见隔离表", "faulty data: see the quarantine table"),
}
# why a person belongs to no community, or a visit to no person
UNASSIGNED: Mapping[str, Bilingual] = {
    "no_area": both("没有区域", "no area"),
    "area_without_community": both("区域没有医共体", "an area without a community"),
    "person_unknown": both("参保人不在名册中", "the person is not listed"),
    "person_quarantined": both("参保人一行被隔离", "the person's row is quarantined"),
}
# why a case that no run has settled has a group and no points
UNPRICED: Mapping[str, Bilingual] = {
    "": both("", ""),
    "nothing_published": both("经办机构尚未发布清算结果", "no result is published yet"),
    "cost_invalid": both(
        "总费用不是从0起的金额，清算时会被隔离", "total_cost is no amount from 0: quarantined"
    ),
    "fund_invalid": both(
        "统筹基金支付不是从0起的金额，清算时会被隔离",
        "pool_fund is no amount from 0: quarantined",
    ),
    "date_invalid": both(
        "入院或出院日期不是日期，清算时会被隔离",
        "a date of admission or discharge is none: quarantined",
    ),
    "payment_mode_unknown": both(
        "支付方式不认识，清算时会被隔离", "unknown payment_mode: quarantined"
    ),
    "no_cost": both("没有总费用，算不出点数", "total_cost is not given: no points"),
    "fund_above_cost": both(
        "统筹基金支付大于总费用，清算时会被隔离", "pool_fund is above the total cost: quarantined"
    ),
    "no_hospital": both(
        "没有医疗机构编码，算不出点数（系数因机构而异）", "hospital_id is not given: no points"
    ),
    "hospital_unknown": both(
        "已发布的结果中没有这一医疗机构编码，算不出点数；核对编码，或待有它的结果发布",
        "the published results do not have this hospital_id: no points; check it",
    ),
    "other_hospital": both("不是本机构的病例", "a case of another hospital"),
    "no_pool": both("没有险种，算不出点数", "pool is not given: no points"),
    "pool_unknown": both(
        "已发布的结果中没有这一险种，算不出点数",
        "the published results do not have this pool: no points",
    ),
    "dates_reversed": both(
        "出院日期早于入院日期，清算时会被隔离", "discharged before admission: quarantined"
    ),
    "bed_day_class_missing": both(
        "按床日付费而没有床日类别，清算时会被隔离",
        "paid by bed-day and without bed_day_class: quarantined",
    ),
    "bed_day_rate_missing": both(
        "这一机构没有这一床日类别的床日标准，清算时会被隔离",
        "there is no rate of this bed_day_class for the hospital: quarantined",
    ),
    "no_days": both(
        "没有住院天数，也没有入出院日期，床日点数算不出",
        "neither los_days nor dates: points by bed-day cannot be told",
    ),
}
