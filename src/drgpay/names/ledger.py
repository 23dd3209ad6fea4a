"""The words of the year's book: accounts, kinds of entries, who may make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drgpay.ground.errors import Bilingual, both

BOOK_ROLES: Mapping[str, Bilingual] = {
    "maker": both("经办", "maker"),
    "checker": both("复核", "checker"),
    "approver": both("审批", "approver"),
    "authority": both("医疗保障行政部门", "the authority"),
    "institution": both("医疗机构", "institution"),
    "lead": both("医共体牵头单位", "lead of a community"),
    "auditor": both("监督检查", "auditor"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the book.

    `hospital`: kept for each institution; None:
    for some payments of it there is one, for others none (care outside the region).
    `detail`: what its lines are told apart by besides, empty where by nothing. `memo`: an amount
    that may be paid, not one that is owed; such accounts balance among themselves.
    """

    word: Bilingual
    hospital: bool | None = False
    detail: str = ""
    memo: bool = False


# fmt: off
ACCOUNTS: Mapping[str, Account] = {  # a table: word, whether by institution, and what else its lines are told apart by
    # what may be paid: the control target and what of it is bound
    "target": Account(both("总额控制目标", "Control target"), memo=True),
    "available": Account(both("待分配额度", "Not yet allotted"), memo=True),
    "allotted": Account(both("机构总额指标", "Index of the institution"), True, memo=True),
    "reserve": Account(both("预留资金", "Reserves"), detail="reserve", memo=True),
    # what is owed and paid
    "fund": Account(both("统筹基金", "Pooled fund")),
    "expense": Account(both("医疗费用支出", "Expenditure on care"), None, "mode"),
    "recorded": Account(both("待清算费用", "Cost to be settled"), True, "method"),
    "payable": Account(both("应付医疗机构款", "Payable"), True),
    "receivable": Account(both("应收医疗机构款", "Receivable"), True),
    "setoff": Account(both("待抵扣款", "To be set off"), True, "method"),
    "deposit": Account(both("质量保证金", "Quality deposit"), True, "method"),
    "deferred": Account(both("暂缓支付", "Deferred"), True, "method"),
    "working_capital": Account(both("周转金", "Working capital"), True),
    "advance": Account(both("预付金", "Advance payment"), True),
    "provision": Account(both("未定病例预提", "Provision for open cases"), None, "reason"),
    "forfeited": Account(both("保证金扣减", "Forfeited deposits"), True),
    "violations": Account(both("违规追回", "Recovered for violations"), True),
    "area_clearing": Account(both("异地清算", "Clearing with other areas"), False, "area"),
}
# fmt: on
# how a month and its year are settled: one institution and pool may have both (B5)
METHODS: Mapping[str, Bilingual] = {
    "points": both("按点数", "by points"),
    "index": both("按指标", "by index"),
}


@dataclass(frozen=True, slots=True)
class EntryKind:
    """A kind of entry: its word, the roles that may make one, whether it may move money.

    `approved`: it takes effect by an approval alone, never straight. `stands_on`: the kinds of
    entries that one is computed from; one of them that comes between makes a proposal void.
    """

    word: Bilingual
    roles: tuple[str, ...]
    posts: bool = False
    approved: bool = False
    stands_on: tuple[str, ...] = ()


# what an entry's body names the policy of what is paid by points, beside its own
POINTS_POLICY = "points_policy"

_AGENCY = ("maker", "checker", "approver")
_INDICES = ("target", "indices", "adjustment")
_YEAR = (
    *_INDICES,
    "month",
    "advance",
    "transfer",
    "filing",
    "costly",
    "assessment",
    "settlement_plan",
    "clearing",
)
_ANY = tuple(BOOK_ROLES)
# fmt: off
ENTRY_KINDS: Mapping[str, EntryKind] = {  # a table: word, who, and whether it moves money
    "opened": EntryKind(both("建账", "Book opened"), ("maker",)),
    # what is proposed, looked at, taken into effect or not
    "proposed": EntryKind(both("拟定", "Proposed"), ("maker",)),
    "checked": EntryKind(both("复核通过", "Checked"), ("checker",)),
    "approved": EntryKind(both("审批通过", "Approved"), ("approver", "authority")),
    "returned": EntryKind(both("退回", "Sent back"), ("checker", "approver", "authority")),
    "withdrawn": EntryKind(both("撤回", "Withdrawn"), ("maker",)),
    # what takes effect
    "target": EntryKind(both("总额控制目标", "Control target"), _AGENCY, True, True, ("target",)),
    "reserves": EntryKind(both("预留资金", "Reserves"), _AGENCY, True, True, ("target", "reserves")),
    "indices": EntryKind(both("机构指标", "Indices"), _AGENCY, True, True, _INDICES),
    "adjustment": EntryKind(both("年中调整", "Mid-year adjustment"), _AGENCY, True, True, _YEAR),
    "month": EntryKind(both("月度结算", "Month"), _AGENCY, True, True, (*_INDICES, "month")),
    "settlement_plan": EntryKind(both("清算方案", "Settlement plan"), _AGENCY, False, True, ("settlement_plan", "clearing")),
    "clearing": EntryKind(both("年度清算", "Clearing"), _AGENCY, True, True, _YEAR),
    "reopening": EntryKind(both("重新清算", "Reopening"), _AGENCY, True, True),
    "advance": EntryKind(both("预拨", "Advance"), _AGENCY, True, True, (*_INDICES, "month", "advance")),
    "recovery": EntryKind(both("追回", "Recovery"), _AGENCY, True, True, ("clearing", "rebalancing", "recovery", "month", "orders", "paid")),
    "correction": EntryKind(both("更正", "Correction"), _AGENCY, True, True),
    "transfer": EntryKind(both("医共体调剂", "Transfer in a community"), _AGENCY, True, True, _YEAR),
    "rebalancing": EntryKind(both("医共体再平衡", "Rebalancing in a community"), _AGENCY, True, True, ("clearing", "rebalancing", "orders", "paid")),
    "assessment": EntryKind(both("考核", "Assessment"), _AGENCY, False, True, ("indices", "adjustment", "assessment")),
    "area": EntryKind(both("异地清算入账", "Clearing with other areas"), _AGENCY, True, True, ("area",)),
    # payment
    "orders": EntryKind(both("拨付单", "Payment orders"), _AGENCY, False, True),
    "paid": EntryKind(both("银行回单", "Confirmed by the bank"), ("maker",), True),
    # procedures and papers
    "step": EntryKind(both("程序步骤", "Step of a procedure"), _ANY),
    "filing": EntryKind(both("备案", "Filing"), _ANY),
    "costly": EntryKind(both("高额医疗费用病例", "Very costly cases"), _AGENCY),
    "objection": EntryKind(both("异议", "Objection"), ("institution", "lead")),
    "answer": EntryKind(both("答复", "Answer"), _AGENCY),
    "opinion": EntryKind(both("意见", "Opinion"), ("institution", "lead")),
    "agreement": EntryKind(both("服务协议", "Agreement"), _AGENCY),
    "published": EntryKind(both("公开", "Published"), _AGENCY),
    "watch": EntryKind(both("运行监控", "Monitoring"), _AGENCY),
    "doctor_points": EntryKind(both("医师违规记录", "Doctors' violations"), _AGENCY),
}
# fmt: on
