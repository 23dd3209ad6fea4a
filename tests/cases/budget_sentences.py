"""Sentences of the global budget: what is given in Chinese words, through engine and model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from drgpay.budget.communities import Filing, MemberBudget, settle_community, transfer
from drgpay.budget.index_clearing import IndexYear, clear
from drgpay.budget.index_months import settle_months
from drgpay.budget.indices import Adjustment, Base, Volume, index_of
from drgpay.budget.pool import check_growth
from drgpay.budget.targets import control_target
from drgpay.ground.money import decimal_text, fen_of_yuan
from drgpay.names.plan import DEDUCTIONS, INDEX_FACTORS, OUTCOMES
from drgpay.policy import YearPolicy, load_policy
from drgpay.policy.catalogues import BUDGET_FILES
from reference.model import wrapper

Told = Mapping[str, Any]
Found = dict[str, Any]  # what engine and model both say, by Chinese word; amounts in fen


def code_of(words: Mapping[str, Any], chinese: str) -> str:
    """Return the code of a Chinese word; it must be one that the program declares."""
    (found,) = [code for code, word in words.items() if word.chinese == chinese]
    return found


def fen(told: Told, name: str) -> int:
    return fen_of_yuan(str(told.get(name, "0.00")))


def growth(told: Told, policy: YearPolicy) -> Found:
    last = fen(told, "上年基金支出")
    most = wrapper.grown(last, policy["budget_growth_cap"])
    check_growth("310", most, last, policy)
    if "预算" in told:
        check_growth("310", fen(told, "预算"), last, policy)
    return {"预算最多": most}


def target(told: Told, policy: YearPolicy) -> Found:
    outside = {code_of(DEDUCTIONS, word): fen_of_yuan(y) for word, y in told["不在目标内"].items()}
    made = control_target("310", fen(told, "支出预算"), outside, policy)
    own = (made.target_fen, [r.amount_fen for r in made.reserves], made.free_fen)
    assert own == wrapper.target(fen(told, "支出预算"), outside, policy)
    return {"总额控制目标": made.target_fen, "可分配额": made.free_fen}


def index(told: Told, policy: YearPolicy) -> Found:
    base = Base("H1", "310", "peers", (), fen(told, "基数"))
    factors = [
        Adjustment(code_of(INDEX_FACTORS, word), Fraction(share) / 100, "已核")
        for word, share in told["调整系数%"].items()
    ]
    made = index_of(base, factors, policy).index_fen
    assert made == wrapper.index(base.base_fen, [a.ratio for a in factors])
    return {"总额控制指标": made}


def volume(told: Told, policy: YearPolicy) -> Found:
    made = Volume(told["人次"], told.get("重复", 0), told["人头"])
    rates = made.visits_per_head, made.repeat_rate
    shown = [None if r is None else decimal_text(r, 4) for r in rates]
    return dict(zip(("人次人头比", "重复就诊率"), shown, strict=True))


def months(told: Told, policy: YearPolicy) -> Found:
    rows = [
        (
            fen(m, "指标"),
            fen(m, "申报"),
            fen(m, "违规"),
            fen(m, "上年同月") if "上年同月" in m else None,
        )
        for m in told["各月"]
    ]
    indices, claims, violations, last_year = (list(column) for column in zip(*rows, strict=True))
    made = settle_months(indices, claims, violations, policy, last_year)
    own = [
        (m.paid_fen, m.carry_fen, m.deferred_total_fen, m.owed_fen, m.suspended_total_fen)
        for m in made
    ]
    assert own == wrapper.months(rows, policy)
    names = {"支付": 0, "滚存": 1, "累计暂缓": 2}
    if any(fen is not None for fen in last_year):
        names["累计暂停支付"] = 4
    return {"各月": [{name: row[at] for name, at in names.items()} for row in own]}


def clearing(told: Told, policy: YearPolicy) -> Found:
    outside = fen(told, "市外指标"), fen(told, "市外实际")
    year = IndexYear(
        hospital_id="H1",
        pool="310",
        index_fen=fen(told, "指标"),
        actual_fen=fen(told, "实际"),
        outside_index_fen=outside[0],
        outside_actual_fen=outside[1],
        paid_fen=fen(told, "已支付"),
        deposit_fen=fen(told, "质量保证金"),
        score=Fraction(told.get("考核得分", "1")),
        met=code_of(OUTCOMES, told.get("考核指标", "全部达到")),
        report=told.get("书面报告", False),
        patients=told.get("就医人数"),
        patients_last=told.get("上年就医人数"),
    )
    made = clear(year, policy)
    model = wrapper.clear(year, policy)
    assert {name: getattr(made, name) for name in model} == model
    return {
        "决算额": made.due_fen, "财政奖励": made.treasury_fen, "机构承担": made.borne_fen,
        "基金分担": made.fund_fen, "待报告": made.waiting_fen, "扣罚保证金": made.forfeited_fen,
        "本次支付": made.payable_fen, "应收回": made.recover_fen,
    }  # fmt: skip


def community(told: Told, policy: YearPolicy) -> Found:
    rows = told["成员"]
    names = tuple(row["机构"] for row in rows)
    filing = Filing("C1", "医共体", names[0], names, dt.date(2024, 1, 1))
    members = [
        MemberBudget(
            row["机构"], row.get("险种", "310"), "统筹", fen(row, "调剂前"), fen(row, "出让")
        )
        for row in rows
    ]
    moved = transfer(filing, members)
    after = {row.hospital_id: row.after_fen for row in moved.rows}
    if "实际" not in rows[0]:
        return {"成员": [{"机构": name, "调剂后": after[name]} for name in names]}
    actual = {row["机构"]: fen(row, "实际") for row in rows}
    given = {row["机构"]: fen(row, "分配") for row in rows if "分配" in row}
    made = settle_community(moved, actual, policy, given)
    got = {row.hospital_id: row.amount_fen for row in made.rows}
    assert got == wrapper.community({n: (after[n], actual[n]) for n in names}, given, policy)
    return {
        "成员": [{"机构": name, "调剂后": after[name], "清算额": got[name]} for name in names],
        "医共体": made.amount_fen,
    }


SUBJECTS: dict[str, Callable[[Told, YearPolicy], Found]] = {
    "增幅": growth, "控制目标": target, "指标": index, "服务量": volume, "月度": months,
    "清算": clearing, "医共体": community,
}  # fmt: skip


def shown(value: Any) -> Any:
    """Return a result as sentences write it: fen as yuan."""
    if isinstance(value, list):
        return [{name: shown(part) for name, part in row.items()} for row in value]
    if isinstance(value, int):
        sign, whole = ("-" if value < 0 else ""), abs(value)
        return f"{sign}{whole // 100}.{whole % 100:02d}"
    return value


def found(case: Told, settings: Mapping[str, Any]) -> Found:
    """Return what engine and model say of a sentence's subject, amounts in yuan."""
    name = case.get("政策", "testland-budget")
    year = 2013 if name.startswith("shangyu") else 2024
    policy = load_policy(name, catalogue=BUDGET_FILES).for_year(year)
    for key, value in settings.items():
        policy = policy.with_value(key, value)
    return {word: shown(v) for word, v in SUBJECTS[case["算什么"]](case["给定"], policy).items()}
