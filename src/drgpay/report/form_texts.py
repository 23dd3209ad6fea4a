"""The wording of the communities' forms 1 to 5 (S1, annexes): said once, for pages and templates.

`{name}` stands for a value of `community_forms.values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, both

RULES = both(
    "《重庆市医疗共同体医疗保险总额预算下的总额控制付费管理办法（试行）》",
    "Chongqing's rules of medical communities (渝医保发〔2018〕20号)",
)
TRANSFER_RULES = both(
    "《医疗共同体成员医疗机构总额预算指标调剂使用办法》", "the community's rules of transfer"
)


@dataclass(frozen=True, slots=True)
class FormTexts:
    """A form's title, the lines before its table and after it; `columns`: of the table, by key."""

    title: Bilingual
    before: tuple[Bilingual, ...]
    after: tuple[Bilingual, ...]
    columns: tuple[str, ...] = ()


CONTACT = both(
    "（联系人：          联系电话：          ）", "(contact:            phone:            )"
)
DATE = both("年    月    日", "date:")
SEALS = both("成员单位盖章：", "Seals of the members:")
AGENCY = both("{agency}", "{agency}")
HEAD_OF_TABLE = both(
    "牵头单位（章）：{lead}          日期：{form_date}          单位：元",
    "Lead (seal): {lead}          date: {form_date}          in yuan",
)
SIGNED = both(
    "制表：          复核：          牵头单位负责人签字：",
    "Made by:           checked by:           signed for the lead:",
)
PHONE = both("牵头单位联系电话：", "Phone of the lead:")
OF_MEMBER = ("row_number", "hospital_id", "name", "level", "district", "pool")

FORMS: Mapping[int, FormTexts] = {
    1: FormTexts(
        both("医疗共同体医疗保险付费备案申请书", "Application for filing a medical community"),
        (
            both("{agency}：", "To {agency}:"),
            both(
                "{members}等{count}家医保协议医疗机构根据《重庆市人民政府办公厅关于推进医疗联合体建设"
                "和发展的实施意见》（渝府办发〔2017〕103号）规定于{founded_on}成立医疗共同体"
                "“{community}”，并报{approved_by}批准。按照" + RULES.chinese + "要求，医共体由{lead}作为"
                "牵头单位，与各成员单位联合形成了" + TRANSFER_RULES.chinese + "，现向你局申请执行重庆市"
                "医疗共同体医疗保险总额预算下的总额控制付费，同时提供以下文书请予备案。",
                "{members}, {count} institutions with agreements, founded the medical community "
                "{community!r} on {founded_on}, approved by {approved_by}. By " + str(RULES) + ", led by "
                "{lead}, they have made " + str(TRANSFER_RULES) + " together, and apply to be paid by "
                "total payment control as a community. With this come:",
            ),
            both("1．医疗共同体成立相关批文；", "1. the approval of its founding;"),
            both(
                "2．医疗共同体成员医疗机构总额预算指标调剂使用办法；",
                "2. the rules of transfer;",
            ),
            both("3．医疗共同体成员医疗机构情况表：", "3. the table of members:"),
        ),
        (
            both(
                "说明：医疗共同体须明确1家成员医疗机构为牵头单位，属于医疗共同体牵头单位的机构在备注栏用"
                "“牵头单位”字样注明。",
                "One member is the lead; its note says 牵头单位.",
            ),
            both("备案申请单位盖章：", "Seals of the applicants:"),
            DATE,
            CONTACT,
        ),
        ("row_number", "hospital_id", "name", "level", "contact", "phone", "note"),
    ),
    2: FormTexts(
        both("医疗共同体申请医疗保险付费备案回执书", "Receipt of a community's filing"),
        (
            both("{members}：", "To {members}:"),
            both(
                "你单位根据《重庆市人民政府办公厅关于推进医疗联合体建设和发展的实施意见》"
                "（渝府办发〔2017〕103号）规定加入医疗共同体“{community}”，并于{filed_on}申请执行重庆市医疗"
                "共同体医疗保险总额预算下的总额控制付费，经审核备案相关资料，{decision}",
                "You joined the medical community {community!r} and applied on {filed_on} to be paid "
                "by total payment control as a community. After review: {decision}",
            ),
        ),
        (AGENCY, DATE, CONTACT),
    ),
    3: FormTexts(
        both(
            "医疗共同体成员医疗机构{year}年度总额预算调剂分配备案表",
            "Transfer of budgets between members, {year}",
        ),
        (HEAD_OF_TABLE,),
        (
            both("调剂前后合计金额应相等。", "The sums before and after are equal."),
            both(
                "说明：“调剂出让额”为正数时，总额预算调出；“调剂出让额”为负数时，总额预算调进。",
                "What is moved out is positive, what is moved in negative.",
            ),
            SIGNED,
            PHONE,
            SEALS,
        ),
        (*OF_MEMBER, "before_yuan", "moved_out_yuan", "after_yuan", "signed_by"),
    ),
    4: FormTexts(
        both(
            "医疗共同体成员医疗机构总额预算调剂分配备案回执书", "Receipt of a transfer of budgets"
        ),
        (
            both("{members}：", "To {members}:"),
            both(
                "你单位所在医疗共同体“{community}”根据" + RULES.chinese + "形成的《医疗共同体成员医疗机构"
                "{year}年度总额预算调剂分配备案表》，已于{transferred_on}在我局备案，我局将按照" + RULES.chinese
                + "规定对你单位{year}年度总额预算指标进行调整，并按调整后的总额预算指标纳入年终清算。",
                "The transfer of budgets of {year} that your community {community!r} made by "
                + str(RULES) + " was filed with us on {transferred_on}. We adjust your budgets of {year} "
                "by it, and clear the year by the budgets so adjusted.",
            ),
        ),
        (AGENCY, DATE, CONTACT),
    ),
    5: FormTexts(
        both(
            "医疗共同体成员医疗机构{year}年度总额年终清算结果再平衡分配备案表",
            "Rebalancing of the clearing of {year} between members",
        ),
        (HEAD_OF_TABLE,),
        (
            both("再分配前后合计金额应相等。", "The sums before and after are equal."),
            both(
                "说明：“不予支付额”用负数表示；“结余留用额”用正数表示。",
                "What is refused is negative, what is retained positive.",
            ),
            SIGNED,
            PHONE,
            SEALS,
        ),
        (*OF_MEMBER, "amount_before_yuan", "amount_after_yuan", "signed_by"),
    ),
}  # fmt: skip
AGREED = both(
    "符合备案要求，同意你单位执行重庆市医疗共同体医疗保险总额预算下的总额控制付费申请。",
    "the application is agreed to.",
)
REFUSED = both(
    "不符合备案要求，不同意你单位执行重庆市医疗共同体医疗保险总额预算下的总额控制付费申请。{why}",
    "the application is not agreed to. {why}",
)
# forms whose table comes back filled, by the table that it is read as
FILLED: Mapping[int, str] = {
    1: "community_members",
    3: "community_transfer",
    5: "community_rebalancing",
}
# how S1 heads a column, where the small table's first header is another; a key with a form's number
# is that form's
HEADINGS: Mapping[str, str] = {
    "hospital_id": "机构医保编码",
    "name": "机构名称",
    "level": "机构医保结算级别",
    "level.1": "机构等级",
    "signed_by": "机构负责人签字",
}
