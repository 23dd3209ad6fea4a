"""Why a hospital is paid what it is: its points, its due to the fen, and what was taken off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import POINT
from drgpay.ground.numbers import (
    NOTHING,
    Figure,
    Number,
    fixed,
    less,
    smallest,
    total,
    whole_fen,
)
from drgpay.names.codes import spoken
from drgpay.names.run_columns import named
from drgpay.region.standing import ENDED
from drgpay.runs.case_bounds import KEYS
from drgpay.settlement import account
from drgpay.why import bounds, forfeits
from drgpay.why.bounds import Account
from drgpay.why.folder import CaseSum, Row, RunFolder, figure_number
from drgpay.why.later import say_replaced
from drgpay.why.model import Derivation, shown_value
from drgpay.why.pool import left
from drgpay.why.remainder import allot

FEN = Fraction(1, 100)
# in a figure's row: parties of the largest remainder are hospitals, or one hospital's pools
BY_HOSPITAL, OF_HOSPITAL = ("parties", "hospitals"), ("parties", "pools")


def why_hospital(run: RunFolder, hospital: str) -> Derivation:
    """Return the derivation of a hospital in all its pools; raises InputError when unknown."""
    rows = [row for row in run.hospitals if row["hospital_id"] == hospital]
    if not rows and hospital not in run.institutions:
        names = {r["hospital_id"] for r in run.hospitals} | set(run.institutions)

        def ids() -> Iterator[list[str]]:
            yield sorted(names)

        raise run.unknown(both("医疗机构", "hospital"), hospital, ids, "--hospital")
    name = run.hospital_name(hospital)
    d = Derivation(
        "hospital", hospital,
        both(f"医疗机构 {hospital} {name}", f"Hospital {hospital} {name}"), run.policy,
    )  # fmt: skip
    _head(d, run, hospital)
    for row in rows:
        _in_pool(d, run, row)
    _quota(d, run, hospital)
    if len(rows) > 1:
        d.section(both("各险种合计", "All pools together"))
        for column in ("due_fen", "final_fen"):
            d.step(
                f"all.{column}", named(column),
                total([row.number(column, both(row["pool"], row["pool"])) for row in rows]),
                "yuan", "11",
            )  # fmt: skip
    if not rows:
        d.section(both("无病例", "No case"))
        d.say(
            "no_case",
            both("没有病例", "no case"),
            both("本年没有该机构的病例、违规扣款或预付", "it has no case, violation or prepayment"),
            "11",
            run.institutions[hospital].figure("hospital_id"),
        )
    return d


def _head(d: Derivation, run: RunFolder, hospital: str) -> None:
    row = run.institutions.get(hospital)
    if row is None:
        return
    for column, label in (
        ("level", both("等级", "level")),
        ("score", both("考核得分", "score")),
        ("coefficient", both("差异系数", "coefficient")),
        ("standing", both("协议状态", "standing")),
        ("community_id", both("医共体", "community")),
    ):
        if row.get(column) not in (None, ""):
            d.fact(label, spoken(column, row[column]), row.figure(column))


def _quota(d: Derivation, run: RunFolder, hospital: str) -> None:
    """Hold the special reviews granted against their quota, the region's or the hospital's."""
    own = [q for q in run.listed("quotas", ("hospital_id",)) if q["hospital_id"] in ("", hospital)]
    if not any(q["granted"] for q in own):
        return
    d.section(both("特病单议数量", "Quota of special reviews"))
    for quota in own:
        whose = (
            both("本机构", "of the hospital")
            if quota["hospital_id"]
            else both("全区", "of the region")
        )
        d.test(
            "quota",
            both(
                f"准予数在限额之内？（{whose.chinese}）",
                f"reviews granted {whose}, within the quota?",
            ),
            quota.number("granted", both("准予的评审", "reviews granted")),
            "≤",
            quota.number("allowed", both("限额，向上取整", "allowed, rounded up")),
            "7",
            uses=["special_quota", "special_quota.scope", "special_quota.over"],
            places=0,
        )


def _in_pool(d: Derivation, run: RunFolder, row: Row) -> None:
    pool = run.pool_of(row["pool"])
    if pool is None:
        d.disagree(f"没有险种 {row['pool']}", f"the pools table has no {row['pool']}")
        return
    if left(d, pool):
        return
    everyone = bounds.accounts(run, pool)
    own = everyone[(row["hospital_id"], row["pool"])]
    title = both(f"险种 {row['pool']}", f"Pool {row['pool']}")
    d.section(both(f"{title.chinese}：点数与费用", f"{title}: points and cost"))
    points = _points(d, run, row)
    not_pool = _not_pool(d, run, row, own)
    d.section(both(f"{title.chinese}：应付", f"{title}: what is due"))
    due = _due(d, run, row, pool, own, everyone, points, not_pool)
    d.section(both(f"{title.chinese}：最终支付", f"{title}: what is paid at the end"))
    _final(d, run, row, due)


def _sum_figure(s: CaseSum, column: str) -> Figure:
    """Return a sum over the cases of a hospital, pool, class and way of paying."""
    key = (
        ("hospital_id", s.hospital), ("pool", s.pool), ("case_class", s.case_class),
        ("paid_by", s.paid_by),
    )  # fmt: skip
    value = s.points if column == "points" else s.money[column]
    return Figure("cases", key, column, value, "sum")


def _count_figure(s: CaseSum) -> Figure:
    figure = _sum_figure(s, "points")
    return Figure("cases", figure.row, "case_id", s.cases, "count")


def _of_class(s: CaseSum) -> Bilingual:
    """Return what a sum of a class is called, with its number of cases."""
    name = spoken("case_class", s.case_class)
    return both(f"{name.chinese}（{s.cases} 例）", f"{name} ({s.cases})")


def _sum_of(sums: list[CaseSum], column: str, label: Bilingual) -> Number:
    """Return the sum of some classes' figures."""
    if not sums:
        return fixed(0, label)
    return total([figure_number(_sum_figure(s, column), _of_class(s)) for s in sums])


def _points(d: Derivation, run: RunFolder, row: Row) -> Number:
    """Points and cases by class, what was deducted, and what is left."""
    own = [s for s in run.sums if (s.hospital, s.pool) == (row["hospital_id"], row["pool"])]
    paid = [s for s in own if s.paid_by != "held"]
    counts = [figure_number(_count_figure(s), spoken("case_class", s.case_class)) for s in paid]
    d.step(
        "cases",
        both("清算病例数（按类型）", "cases settled, by class"),
        total(counts) if counts else fixed(0, both("没有病例", "no case")),
        "cases",
        "12",
        stated=row.figures("cases"),
    )
    held = [s for s in own if s.paid_by == "held"]
    if held:
        counted = total([figure_number(_count_figure(s), _of_class(s)) for s in held])
        d.stated("held_cases", row, "held_cases", counted, "7")
    by_points = [s for s in paid if s.paid_by == "points"]
    scored = _sum_of(by_points, "points", both("没有按点数付费的病例", "no case by points"))
    deducted = Fraction(row.get("points_deducted", 0))
    if not deducted:
        return d.step(
            "points", both("点数合计（按类型）", "points, by class"), scored, "point", "9",
            stated=row.figures("points"),
        )  # fmt: skip
    made = d.step(
        "points.scored",
        both("病例点数合计（按类型）", "points of cases, by class"),
        scored,
        "point",
        "9",
    )
    left = less(made, _deducted(d, run, row, made))
    return d.step(
        "points", both("扣除后点数", "points after deduction"), left, "point", "9",
        stated=row.figures("points"),
    )  # fmt: skip


def _named(run: RunFolder, name: str, row: Row) -> list[Row]:
    """Return the entries of a list of the manifest about a hospital and pool."""
    return [
        r
        for r in run.listed(name, ("hospital_id", "pool"))
        if (r["hospital_id"], r["pool"]) == (row["hospital_id"], row["pool"])
    ]


def _deducted(d: Derivation, run: RunFolder, row: Row, scored: Number) -> Number:
    entries = [r for r in _named(run, "violations", row) if Fraction(r["points"])]
    if not entries:
        return row.number("points_deducted")
    given = total([r.number("points", both("违规扣点", "points of violations")) for r in entries])
    return d.stated(
        "points.deducted", row, "points_deducted", smallest(given, scored), "9",
        note=both("至多扣至 0", "never below 0"),
    )  # fmt: skip


def _not_pool(d: Derivation, run: RunFolder, row: Row, own: Account) -> Number:
    """Recorded fund and N of its cases; return N of those paid by points."""
    mine = [s for s in run.sums if (s.hospital, s.pool) == (row["hospital_id"], row["pool"])]
    paid = [s for s in mine if s.paid_by != "held"]
    nothing = both("没有病例", "no case")
    fund = _sum_of(paid, "pool_fund_fen", nothing)
    d.stated("recorded", row, "recorded_fund_fen", fund, "9")
    not_pool = _sum_of(paid, "not_pool_fen", nothing)
    n = d.stated("not_pool", row, "not_pool_fen", not_pool, "9", uses=["not_pool"])
    if not own.money_cases:
        return n
    by_points = [s for s in paid if s.paid_by == "points"]
    return d.step(
        "not_pool.points",
        both("其中按点数付费病例的非统筹支付", "of which of the cases paid by points"),
        _sum_of(by_points, "not_pool_fen", both("没有按点数付费的病例", "no case by points")),
        "yuan",
        "9",
        stated=row.figures("not_pool_by_points_fen"),
    )


def _money(d: Derivation, run: RunFolder, row: Row, own: Account) -> Number | None:
    """Price less n of the cases that are paid in money."""
    if not own.money_cases and not own.apart:
        return None
    mine, others = (
        [
            s for s in run.sums
            if (s.hospital, s.pool, s.paid_by) == (row["hospital_id"], row["pool"], paid_by)
        ]
        for paid_by in ("money", "points")
    )  # fmt: skip
    none = both("没有按金额付费的病例", "no case paid in money")
    made = _sum_of(mine, "price_fen", none) - _sum_of(mine, "not_pool_fen", none)
    if own.apart:
        d.parameter("new_technology.rule")
        made = made + _sum_of(others, "price_fen", none)
    return d.step(
        "money",
        both(
            "按金额付费病例：价款 − 非统筹支付", "cases paid in money: price − not paid by the pool"
        ),
        made,
        "yuan",
        "9",
        stated=row.figures("money_fen"),
    )


def _due(
    d: Derivation,
    run: RunFolder,
    row: Row,
    pool: Row,
    own: Account,
    everyone: dict[bounds.Key, Account],
    points: Number,
    not_pool: Number,
) -> Number:
    money = _money(d, run, row, own)
    value = run.value_of(pool)
    others = [] if money is None else [money]
    if own.ends.both.cases:
        points, not_pool, held = _bounded_cases(row, own)
        others = [*held, *others]
    formula = account.exact_due(account.worth(points, value), not_pool, *others)
    exact = d.step(
        "due.exact",
        both("应付（精确）：点数 × 点值 − 非统筹支付", "exact due: points × point value − n"),
        formula,
        "yuan",
        "10",
        note=both(f"点值的由来见 --pool {row['pool']}", f"the point value: --pool {row['pool']}"),
    )
    exact = _bounded(d, run, row, exact)
    key = (row["hospital_id"], row["pool"])
    if everyone[key].exact != exact.value * 100:
        d.disagree(
            f"精确应付 {shown_value(exact.value, 2)} 元，而由病例逐项求得 "
            f"{shown_value(everyone[key].exact / 100, 2)} 元",
            f"the exact due is {shown_value(exact.value, 2)} yuan, but its cases make "
            f"{shown_value(everyone[key].exact / 100, 2)}",
        )
    if run.policy.says("residual", "to_fund", "largest_remainder") and not bounds.bounded(
        run, pool
    ):
        return d.stated(
            "due", row, "due_fen", whole_fen(exact), "10",
            note=both(
                "四舍五入到分，尾差留在基金", "rounded to the fen; the residual stays in the fund"
            ),
            uses=["residual", "value_dp"],
        )  # fmt: skip
    shares: dict[tuple[str, str], Fraction] = {k: a.exact / 100 for k, a in everyone.items()}
    whole = pool.number("settled_fen")
    if pool["residual_fen"]:
        whole = whole - pool.number("residual_fen")
    if sum(shares.values()) != whole.value:
        d.disagree(
            f"险种 {pool['pool']} 各方精确应付之和为 {shown_value(sum(shares.values(), FEN * 0), 2)} 元，"
            f"不等于应分配的 {whole.text}",
            f"the exact dues of pool {pool['pool']} are {shown_value(sum(shares.values(), FEN * 0), 2)} "
            f"yuan together, not the {whole.text} to be shared",
        )
    note = both(
        "尾差：点值不取整，余下的分按最大余数法分配（value_dp 只在 residual 为 to_fund 时起作用）",
        "the value is not rounded, the last fen go by largest remainder (value_dp matters only with "
        "residual = to_fund)",
    )
    if bounds.bounded(run, pool):
        note = both(
            "尾差：有上下限时不论 residual 为何，余下的分都按最大余数法分配，点值不取整",
            "with bounds the last fen go by largest remainder whatever residual says, and the value "
            "is not rounded",
        )
    marks: tuple[tuple[str, str], ...] = ()
    if "+" in pool["pool"] and run.policy.says("combined_residual", "hospital_first", "by_account"):
        whole = _of_hospital(d, row, pool, key, shares, whole)
        shares = {k: v for k, v in shares.items() if k[0] == key[0]}
        marks = (("hospital_id", key[0]), OF_HOSPITAL)
    return allot(
        d, "due", named("due_fen"), exact, key, shares, whole, FEN, fixed(2), "yuan",
        "10", row.figures("due_fen"),
        (
            Figure("hospitals", (("pool", pool["pool"]), *marks), "due_fen", 0, "floors"),
            Figure("hospitals", (*row.key, *marks[1:]), "due_fen", 0, "rank"),
        ),
        note, ("residual", "value_dp"),
    )  # fmt: skip


def _of_hospital(
    d: Derivation,
    row: Row,
    pool: Row,
    key: tuple[str, str],
    shares: Mapping[tuple[str, str], Fraction],
    whole: Number,
) -> Number:
    """What the hospital is due of all pools of one value: fen left over go to hospitals first."""
    hospitals: dict[str, Fraction] = {}
    for (hospital, _), share in shares.items():
        hospitals[hospital] = hospitals.get(hospital, Fraction(0)) + share
    where = (*row.key, BY_HOSPITAL)
    exact = figure_number(
        Figure("hospitals", where, "due_fen", hospitals[key[0]] * 100, "exact"),
        both("该机构各险种精确应付之和", "its exact dues of all pools"),
    )
    note = both(
        "一个点值：余下的分先分到机构，再在其各险种间分",
        "one value: fen left over go to hospitals first, then to a hospital's pools",
    )
    return allot(
        d, "due.hospital", both("该机构各险种应付合计", "due of all its pools"), exact, key[0],
        hospitals, whole, FEN, fixed(2), "yuan", "10", (),
        (
            Figure("hospitals", (("pool", pool["pool"]), BY_HOSPITAL), "due_fen", 0, "floors"),
            Figure("hospitals", where, "due_fen", 0, "rank"),
        ),
        note, ("combine_pools", "combined_residual"),
    )  # fmt: skip


def _bounded_cases(row: Row, own: Account) -> tuple[Number, Number, list[Number]]:
    """Return points and n of the cases inside their bounds, and the bounds of the others."""
    key = (("hospital_id", str(row["hospital_id"])), ("pool", str(row["pool"])))

    def part(end: str, column: str, amount: Fraction | int, name: Bilingual, cases: int) -> Number:
        figure = Figure("cases", (*key, ("case_bound", end)), column, amount, "sum")
        return figure_number(figure, both(f"{name.chinese}（{cases} 例）", f"{name} ({cases})"))

    inside, name = own.inside, both("界内", "inside")
    points = part("inside", "points", Fraction(inside.points, POINT), name, inside.cases)
    not_pool = part("inside", "not_pool_fen", inside.not_pool, name, inside.cases)
    ends = (
        ("low", own.ends.low, both("保底", "at the low bound")),
        ("high", own.ends.high, both("封顶", "at the high bound")),
    )
    held = [part(end, "bound_fen", h.due, name, h.cases) for end, h, name in ends if h.cases]
    return points, not_pool, held


def _bounded(d: Derivation, run: RunFolder, row: Row, exact: Number) -> Number:
    """Add the bounds of the whole due, and hold what binds against the table."""
    low, high = bounds.of_hospital(d, run, row)
    if low is None and high is None:
        return exact
    made, binds = account.within(exact, low, high), ""
    if high is not None:
        top = high.value if low is None else max(low.value, high.value)
        binds = "high" if exact.value > top else ""
    if low is not None:
        binds = "low" if exact.value < low.value else binds
    stated = str(row.get("bound", ""))
    if stated and made.value in [bound.value for bound in (low, high) if bound is not None]:
        binds = stated  # exactly at its bound, or both bounds are one
    if stated != binds:
        d.disagree(
            f"上下限：按规则为“{binds}”，而 hospitals 表为“{stated}”",
            f"bound: {binds!r} by the rule, but the hospitals table says {stated!r}",
        )
    words = {
        "": both("上下限都不起作用", "no bound holds"),
        "low": both("保底起作用", "the low bound holds"),
        "high": both("封顶起作用", "the high bound holds"),
    }
    return d.step(
        "due.bounded", both("上下限之内的应付", "due within its bounds"), made, "yuan", "10",
        note=words[binds], uses=[*KEYS, "violator_no_increase"],
    )  # fmt: skip


def _final(d: Derivation, run: RunFolder, row: Row, due: Number) -> None:
    """Prepaid, deposit, score, forfeits shared, violations and what is carried, to the final payment."""
    prepaid = _prepaid(d, run, row)
    deposit = _deposit(d, run, row, prepaid)
    forfeited = _forfeited(d, run, row, deposit)
    shared = forfeits.shared(d, run, row)
    violations = _amount(d, run, row, "violations", "violation_fen", both("违规扣款", "violations"))
    say_replaced(d, run, row)
    carried = None
    if row.get("carried_fen"):
        carried = _amount(d, run, row, "carried", "carried_fen", both("以前年度结转", "carried"))
    made = account.final(due, prepaid, forfeited, violations, shared=shared, carried=carried)
    ended = _standing(run, row) == ENDED
    note = both("应付 − 已预付 − 扣罚保证金 − 违规扣款", "due − prepaid − forfeited − violations")
    if row["final_fen"] < 0:
        note = both(
            "负数：在下期拨付中抵回，不另行退款",
            "negative: set off against the next payments, nothing to be paid back",
        )
        if ended:
            note = both(
                "负数：协议已解除，没有下期拨付可抵，须退回基金",
                "negative: the agreement has ended, there is no next payment: to be paid back",
            )
    elif shared is not None:
        note = both(
            "应付 − 已预付 − 扣罚保证金 + 分得的扣罚保证金 − 违规扣款",
            "due − prepaid − forfeited + shared − violations",
        )
    uses = [("negative_final", "negative_final.ended")[ended]] if row["final_fen"] < 0 else []
    d.stated("final", row, "final_fen", made, "11", note=note, uses=uses)
    if row.get("deferred_fen"):
        _waits(d, run, row)
        d.stated(
            "payable", row, "payable_fen",
            less(row.number("final_fen"), row.number("deferred_fen")), "14",
            note=both(
                "超出控制目标的部分待他方应收回的金额收回后再付",
                "what is beyond the control target waits until others have paid back",
            ),
            uses=["ceiling.excess"],
        )  # fmt: skip


def _waits(d: Derivation, run: RunFolder, row: Row) -> None:
    """A hospital's part of what of its fund waits, by what each is to be paid."""
    found = [r for r in run.listed("funds", ("pool",)) if r["pool"] == row["pool"]]
    if not found or not found[0].get("deferred_fen"):
        return
    (fund,) = found
    whole = fund.number("payable_fen") + fund.number("deferred_fen")
    d.step(
        "waits",
        both("待收回后再付（分摊，未取整）", "its part of what waits, before rounding"),
        fund.number("deferred_fen") * row.number("final_fen") / whole,
        "yuan",
        "14",
        note=both(
            f"险种 {row['pool']} 待付的金额按各机构为正的最终支付分摊；本险种、全区控制目标各分一次，"
            "每次取整到分（最大余数法），与此式至多差几分。险种待付金额的由来见 --pool",
            f"what waits of pool {row['pool']}, by the final payments above 0; parted once for each "
            "target, each time in whole fen by largest remainder, so that it is within a few fen of "
            "this. How much of the pool waits: --pool",
        ),
        uses=["ceiling.excess"],
    )


def _standing(run: RunFolder, row: Row) -> str:
    """Return the standing of a hospital's agreement."""
    own = [h for h in run.manifest["hospitals"] if h["hospital_id"] == row["hospital_id"]]
    return str(own[0].get("standing") or "normal") if own else "normal"


def _prepaid(d: Derivation, run: RunFolder, row: Row) -> Number:
    given = _named(run, "prepaid_given", row)
    computed = account.prepaid(row.number("recorded_fund_fen"), d.given("prepay_ratio"))
    note, uses, by_fund = (
        NOTHING,
        ["prepay_basis"],
        run.policy.says("prepay_basis", "recorded_fund", "month_value"),
    )
    if given:
        computed, note, uses = given[0].number("prepaid_fen"), _given_by(run), []
    elif not by_fund or run.policy["month.growth_limit"] is not None:
        uses += ["month.growth_limit"] if by_fund else []
        note = both("按月预付之和（规则 13）", "the sum of the monthly payments (rule 13)")
        return _of_months(d, row, "prepaid_fen", note, uses)
    return d.stated("prepaid", row, "prepaid_fen", computed, "11", note=note, uses=uses)


def _of_months(
    d: Derivation, row: Row, column: str, note: Bilingual, uses: Sequence[str]
) -> Number:
    """Add a step for what comes from the months, which have their own folder."""
    key, name = column.removesuffix("_fen"), named(column)
    return d.step(key, name, row.number(column), "yuan", "11", note=note, uses=uses)


def _given_by(run: RunFolder) -> Bilingual:
    """Say where prepaid and deposit come from; a reopened year keeps those of what it reopens."""
    if not run.manifest.get("reopens"):
        return both("prepaid.csv 给定", "given in prepaid.csv")
    before = int(run.manifest["version"]) - 1
    return both(
        f"沿用被重开版本（第 {before} 版）的数",
        f"as in the version that was reopened (version {before})",
    )


def _deposit(d: Derivation, run: RunFolder, row: Row, prepaid: Number) -> Number:
    given = _named(run, "prepaid_given", row)
    if given and given[0].has("deposit_fen"):
        kept, note = given[0].number("deposit_fen"), _given_by(run)
        return d.stated("deposit", row, "deposit_fen", kept, "11", note=note)
    if not run.policy.says("prepay_basis", "recorded_fund", "month_value"):
        note = both("各月留存之和（规则 13）", "the sum of what the months kept back (rule 13)")
        return _of_months(d, row, "deposit_fen", note, ["prepay_basis"])
    if run.policy["month.growth_limit"] is not None:
        note = both(
            "记账 − 已预付 − 暂停支付（规则 13）",
            "recorded fund − prepaid − suspended by the months (rule 13)",
        )
        return _of_months(d, row, "deposit_fen", note, ["prepay_basis", "month.growth_limit"])
    return d.stated(
        "deposit", row, "deposit_fen", account.deposit(row.number("recorded_fund_fen"), prepaid),
        "11", note=both("记账 − 已预付", "recorded fund − prepaid"),
    )  # fmt: skip


def _forfeited(d: Derivation, run: RunFolder, row: Row, deposit: Number) -> Number:
    hospital = run.institutions.get(row["hospital_id"])
    if hospital is None:
        return row.number("forfeited_fen")
    note = both("保证金 ×（1 − 得分）", "deposit × (1 − score)")
    share = hospital.number("score")
    if hospital.get("standing") == ENDED:
        share = fixed(1, both("协议已解除，不考核", "its agreement has ended"))
        note = both("协议已解除，不考核，不扣保证金", "its agreement has ended: not assessed")
    elif run.policy.says("deposit_score", "bands", "linear"):
        share = _band(d, run, share)
        note = both("保证金 ×（1 − 得分所在档的比例）", "deposit × (1 − ratio of the score's band)")
    return d.stated(
        "forfeited", row, "forfeited_fen", account.forfeited(deposit, share), "11",
        note=note, uses=["deposit_score"],
    )  # fmt: skip


def _band(d: Derivation, run: RunFolder, score: Number) -> Number:
    """Return the ratio of the first band of the deposit whose limit the score is below."""
    found = fixed(1)
    for limit, ratio in run.policy["deposit_bands"]:
        found = d.given("deposit_bands", ratio)
        if limit is None:
            break
        if d.test(
            "forfeited.band", both("得分低于此档上限？", "is the score below the band?"), score, "<",
            d.given("deposit_bands", limit), "11", places=4,
        ):  # fmt: skip
            break
    return found


def _amount(
    d: Derivation, run: RunFolder, row: Row, name: str, column: str, label: Bilingual
) -> Number:
    """Return a sum of amounts that the region gave, one by one where the manifest lists them."""
    entries = _named(run, name, row)
    if not entries:
        return row.number(column)
    parts = []
    for entry in entries:
        why = entry.get("reason") or entry.get("from") or ""
        parts.append(entry.number("amount_fen", both(f"{label.chinese} {why}", f"{label} {why}")))
    return d.step(column, label, total(parts), "yuan", "11", stated=row.figures(column))
