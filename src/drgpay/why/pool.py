"""Why a pool's point value is what it is: budget, settled total, points (rules 9, 10 and 14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction

from drgpay.budget import formulas
from drgpay.budget.ceiling import Payment
from drgpay.budget.formulas import RATIOS, TIERS
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.numbers import (
    NOTHING,
    Figure,
    Number,
    digits,
    fixed,
    rounded,
    total,
)
from drgpay.names.run_columns import named
from drgpay.region.together import ids_in
from drgpay.runs.case_bounds import KEYS
from drgpay.settlement import account
from drgpay.why import bounds, forfeits
from drgpay.why.folder import LISTED, Row, RunFolder, figure_number
from drgpay.why.model import Derivation


def why_pool(run: RunFolder, name: str) -> Derivation:
    """Return the derivation of a pool's point value; raises InputError when it is unknown."""
    pool = run.pool_of(name)
    if pool is None:

        def ids() -> Iterator[list[str]]:
            yield [row["pool"] for row in run.pools]

        names = ((row["pool"], run.pool_facts(row["pool"]).get("name", "")) for row in run.pools)
        there = [" ".join(dict.fromkeys(filter(None, pair))) for pair in names]
        raise run.unknown(both("险种", "pool"), name, ids, "--pool", there=there)
    facts = run.pool_facts(pool["pool"])
    title = f"{pool['pool']} {facts.get('name', '')}".strip()
    d = Derivation("pool", pool["pool"], both(f"险种 {title}", f"Pool {title}"), run.policy)
    if "+" in pool["pool"]:
        d.notes.append(
            both(
                "各险种合并清算（combine_pools）", "the pools are settled together (combine_pools)"
            )
        )
        d.parameter("combine_pools")
    d.section(both("可用预算 B", "Available budget B"))
    available = _available(d, run, pool, facts)
    _growth(d, run, pool)
    if left(d, pool):
        return d
    d.section(both("清算总额 T", "Settled total T"))
    members = _members(run, pool)
    recorded = _sum_of(
        d, run, pool, members, "recorded_fund_fen", "recorded", pool.figures("recorded_fund_fen")
    )
    settled = _settled(d, run, pool, facts, available, recorded)
    d.section(both("点值 V", "Point value V"))
    _value(d, run, pool, members, settled)
    d.section(both("核对：分到医疗机构", "Check: what hospitals get"))
    _dues(d, run, pool, members, settled)
    _bounds(d, run, pool)
    forfeits.left(d, run, pool)
    _funds(d, run, pool)
    _ceiling(d, run)
    return d


def _funds(d: Derivation, run: RunFolder, pool: Row) -> None:
    """What leaves each fund in cash, and what one value moves between funds."""
    ids = ids_in(pool["pool"])
    rows = [r for r in run.listed("funds", ("pool",)) if r["pool"] in ids]
    if not rows:
        return
    d.section(both("基金收付", "What each fund pays and is owed"))
    for row in rows:
        own = both(f"险种 {row['pool']}", f"pool {row['pool']}")
        if len(ids) > 1:
            d.step(
                f"fund.{row['pool']}.moved",
                both(f"{own.chinese}：合并点值调入", f"{own}: moved by one value"),
                row.number("due_fen") - row.number("alone_fen"), "yuan", "14",
                stated=row.figures("moved_fen"),
                note=both("应付减去单独清算总额", "due less what it settles to by itself"),
                uses=["combine_pools"],
            )  # fmt: skip
        parts = ("prepaid_fen", "payable_fen", "out_of_area_fen", "other_fen", "provision_fen")
        d.step(
            f"fund.{row['pool']}.cash", both(f"{own.chinese}：现金流出", f"{own}: leaves in cash"),
            total([row.number(name) for name in parts]), "yuan", "14",
            stated=row.figures("cash_fen"),
        )  # fmt: skip
        if row.get("deferred_fen"):
            _waits(d, run, row, own)


def _waits(d: Derivation, run: RunFolder, row: Row, own: Bilingual) -> None:
    """What of a fund's payments waits: beyond its own target, then beyond the region's."""
    key = f"fund.{row['pool']}"
    owed = row.number("recover_fen")
    payable = row.number("payable_fen") + row.number("deferred_fen")
    made = fixed(0)
    if row.has("control_target_fen"):
        over = row.number("cash_fen") + row.number("deferred_fen") - row.number("free_fen")
        made = d.step(
            f"{key}.waits_own",
            both(f"{own.chinese}：因本险种控制目标待付", f"{own}: waits for its own target"),
            formulas.waits(over, owed, payable), "yuan", "14",
            note=both(
                "超出本险种可支付额的部分，至多为应收回的金额和应支付的金额",
                "what is beyond it, at most what is to be recovered and what is to be paid",
            ),
            uses=["ceiling.excess"],
        )  # fmt: skip
    if row.get("deferred_region_fen"):
        whole = run.table_of("ceiling")
        rows = run.listed("funds", ("pool",))
        behind = rows[[r["pool"] for r in rows].index(row["pool"]) :]
        parts = [whole.number("total_fen")]
        parts += [r.number("deferred_region_fen") for r in behind if r.get("deferred_region_fen")]
        over = total(parts) - whole.number("free_fen")
        for r in rows:
            if r.get("drawn_fen"):
                over = over - r.number("drawn_fen")
        made = made + d.step(
            f"{key}.waits_region",
            both(f"{own.chinese}：因全区控制目标待付", f"{own}: waits for the region's target"),
            formulas.waits(over, owed - made, payable - made), "yuan", "14",
            stated=row.figures("deferred_region_fen"),
            note=both(
                "按统筹区表中险种的次序，至多为该险种应收回而尚未用于抵限的金额和尚可支付的金额",
                "pool by pool in the region's order, at most what the pool is still owed and is "
                "still to pay",
            ),
            uses=["ceiling.excess"],
        )  # fmt: skip
    d.step(
        f"{key}.waits", both(f"{own.chinese}：待收回后再付", f"{own}: waits"), made, "yuan",
        "14", stated=row.figures("deferred_fen"),
    )  # fmt: skip


def left(d: Derivation, pool: Row) -> bool:
    """Say that a pool was left unsettled, if it was: nothing in it earned a point."""
    if pool.get("solution") != "no_points":
        return False
    d.section(both(f"险种 {pool['pool']}：未清算", f"Pool {pool['pool']}: not settled"))
    d.say(
        "left",
        both("没有点数，求不出点值", "no points: a point has no value"),
        both(
            "该险种搁置，应付和最终支付均记 0，其他险种照常清算；原因与补救见运行说明",
            "the pool is left, dues and final payments in it are 0, the others are settled; the "
            "run's notes say why and what to do",
        ),
        "9",
        *pool.figures("points", "settled_fen", "solution"),
        uses=["pool_without_points"],
    )
    return True


def _members(run: RunFolder, pool: Row) -> list[Row]:
    own = set(ids_in(pool["pool"]))
    return [row for row in run.hospitals if row["pool"] in own]


def _available(d: Derivation, run: RunFolder, pool: Row, facts: Row) -> Number:
    """Budget, reserve and care elsewhere (rule 9)."""
    budget = pool.number("budget_fen")
    ids = ids_in(pool["pool"])
    parts = [row for row in run.listed("members", ("pool",)) if row["pool"] in ids]

    def summed(key: str, row: Row, column: str) -> Number:
        made = total([p.number(column, both(p["pool"], p["pool"])) for p in parts])
        return d.stated(key, row, column, made, "9")

    if len(parts) > 1:
        budget = summed("budget", pool, "budget_fen")
    local = d.step(
        "after_reserve", both("扣除预留调剂金后", "after the reserve"),
        formulas.after_reserve(budget, d.given("reserve_ratio")), "yuan", "9",
    )  # fmt: skip
    d.stated("reserve", facts, "reserve_fen", budget - local, "9")
    taken = []
    d.parameter("out_of_area")
    note = both("异地就医基金不在预算之内", "care elsewhere is outside the budget")
    if run.policy.says("out_of_area", "inside_budget", "deducted"):
        outside = facts.number("out_of_area_fund_fen")
        if len(parts) > 1:
            outside = summed("out_of_area", facts, "out_of_area_fund_fen")
        taken.append(outside)
        note = both("异地就医基金在预算之内，先扣除", "care elsewhere is inside the budget")
    aside = facts.get("provision_fen") or 0
    if aside:
        d.parameter("provision")
        taken.append(facts.number("provision_fen"))
        note = both(
            f"{note.chinese}；另为被隔离和暂不支付的病例预提",
            f"{note}; a provision for quarantined and held cases is set aside",
        )
    return d.step(
        "available", both("可用预算 B", "available budget B"), formulas.available(local, *taken),
        "yuan", "9", stated=pool.figures("available_budget_fen"), note=note,
        uses=["out_of_area", *["provision"] * bool(aside)],
    )  # fmt: skip


def _growth(d: Derivation, run: RunFolder, pool: Row) -> None:
    """Hold the budget against last year's fund where that is known."""
    ids = ids_in(pool["pool"])
    for row in run.listed("members", ("pool",)):
        if row["pool"] not in ids or not row.has("last_year_fund_fen"):
            continue
        last = row.number("last_year_fund_fen", both("上年基金支出", "fund of last year"))
        approval = row.get("growth_approval", "")
        d.test(
            "growth",
            both(f"{row['pool']} 预算增幅在上限之内？", f"growth of {row['pool']} within the cap?"),
            row.number("budget_fen"),
            "≤",
            formulas.grown(last, d.given("budget_growth_cap")),
            "9",
            note=both(f"批准文件：{approval}", f"approved by: {approval}") if approval else NOTHING,
        )


def _sum_of(
    d: Derivation,
    run: RunFolder,
    pool: Row,
    members: list[Row],
    column: str,
    key: str,
    stated: tuple[Figure, ...],
    unit: str = "yuan",
) -> Number:
    """Add the sum of the hospitals' figures, one by one when they are few."""
    made = run.summed(
        members, column, (("pool", pool["pool"]),), both("行机构", "rows of hospitals")
    )
    return d.step(key, named(column), made, unit, "9", stated=stated)


def _settled(
    d: Derivation, run: RunFolder, pool: Row, facts: Row, available: Number, recorded: Number
) -> Number:
    """T of rule 9: what of a surplus is kept, what of an overspend the fund bears."""
    surplus = d.test(
        "surplus", both("记账是否在预算之内？", "is the recorded fund within the budget?"), recorded,
        "≤", available, "9",
    )  # fmt: skip
    balance = d.step(
        "balance",
        both("结余", "surplus") if surplus else both("超支", "overspend"),
        formulas.balance(recorded, available, surplus=surplus),
        "yuan",
        "9",
    )
    given = run.policy[TIERS[surplus]]
    key, uses = TIERS[surplus], [TIERS[surplus]]
    tiers: list[tuple[Number | None, Number]]
    if given is None:
        key = RATIOS[surplus]
        tiers, uses = [(None, d.given(key))], [*uses, key]
        reached = formulas.slices(balance, available, tiers)
    else:
        tiers = [(None if end is None else d.given(key, end), d.given(key, r)) for end, r in given]
        reached = formulas.slices(balance, available, tiers, _slice(d))
    cap = None
    if not surplus and run.policy.says("overspend_cap", "reserve", "none"):
        cap = available + facts.number("reserve_fen")
        uses.append("overspend_cap")
    smaller = recorded if surplus else available
    made = formulas.settled(smaller, formulas.shared(reached, tiers), cap)
    note = (
        both("记账 + 结余 × 留用比例", "recorded fund + kept part of the surplus")
        if surplus
        else both("可用预算 + 超支 × 基金分担比例", "budget + the fund's part of the overspend")
    )
    return d.step(
        "settled", both("清算总额 T", "settled total T"), made, "yuan", "9",
        stated=pool.figures("settled_fen"), note=note, uses=uses,
    )  # fmt: skip


def _slice(d: Derivation) -> Callable[[int, Number], Number]:
    """Return what makes a step of what lies in a tier."""
    return lambda place, part: d.step(
        f"slice{place}", both(f"第 {place} 档金额", f"slice {place}"), part, "yuan", "9"
    )


def _value(d: Derivation, run: RunFolder, pool: Row, members: list[Row], settled: Number) -> None:
    """V = (T − M + N) ÷ points; with bounds it is held against what hospitals get."""
    n = _sum_of(d, run, pool, members, "not_pool_fen", "not_pool", pool.figures("not_pool_fen"))
    d.parameter("not_pool")
    by_points = list(bounds.accounts(run, pool).values())
    money: Number | None = None
    if any(a.money_cases or a.apart for a in by_points):
        money = _sum_of(d, run, pool, members, "money_fen", "money", pool.figures("money_fen"))
    if any(a.money_cases for a in by_points):
        apart = sum(a.money_not_pool for a in by_points)
        key = (("pool", pool["pool"]), ("paid_by", "money"))
        label = both("按金额付费病例的非统筹支付", "n of the cases paid in money")
        figure = Figure("cases", key, "not_pool_fen", apart, "sum")
        n = d.step(
            "not_pool.points", both("按点数付费病例的非统筹支付 N", "N of the cases paid by points"),
            n - figure_number(figure, label), "yuan", "9",
            stated=pool.figures("not_pool_by_points_fen"),
        )  # fmt: skip
    points = _sum_of(d, run, pool, members, "points", "points", pool.figures("points"), "point")
    top = formulas.for_points(settled, n, money)
    stated = pool.figure("point_value_fraction")
    name = both("点值 V", "point value V")
    if not points.value:
        d.disagree("没有点数，求不出点值", "there are no points: no point value")
        return
    plain = formulas.value(top, points)
    to_fund = run.policy.says("residual", "to_fund", "largest_remainder")
    rounds = to_fund and run.policy["value_dp"] is not None
    if not bounds.bounded(run, pool):
        made = rounded(plain, d.given("value_dp")) if rounds else plain
        d.step(
            "value", name, made, "yuan_per_point", "9", stated=[stated],
            note=both("（T + N）÷ 点数", "(T + N) ÷ points") if money is None
            else both("（T − M + N）÷ 点数", "(T − M + N) ÷ points"),
            uses=["residual", "value_dp"],
        )  # fmt: skip
        return
    d.step(
        "value.unbounded", both("没有上下限时的点值", "the value without bounds"), plain,
        "yuan_per_point", "9",
    )  # fmt: skip
    d.step(
        "value",
        both("上下限之内的点值 V", "point value V within the bounds"),
        run.value_of(pool),
        "yuan_per_point",
        "10",
        note=both(
            "满足 Σ 限幅（点数 × V − n）= T 的点值；下面逐项核对",
            "the value with which Σ clip(points × V − n) = T; held against it below",
        ),
        uses=KEYS,
    )


def _dues(d: Derivation, run: RunFolder, pool: Row, members: list[Row], settled: Number) -> None:
    """Σ due + residual = T, exactly and to the fen."""
    due = _sum_of(d, run, pool, members, "due_fen", "dues", ())
    d.stated(
        "residual", pool, "residual_fen", formulas.residual(settled, due), "10",
        note=both("清算总额 − 应付之和", "T less the dues"), uses=["residual"],
    )  # fmt: skip
    exact = sum((a.exact for a in bounds.accounts(run, pool).values()), Fraction(0)) / 100
    if (
        run.policy.says("residual", "largest_remainder", "to_fund")
        and exact != settled.value
        and not pool["residual_fen"]
    ):
        d.disagree(
            f"各机构精确应付之和 {exact} 元，不等于清算总额 {settled.text} 元",
            f"the exact dues are {exact} yuan together, not the settled {settled.text}",
        )
    _sum_of(d, run, pool, members, "cases", "cases", pool.figures("cases"), "cases")
    if len(members) <= LISTED and not bounds.bounded(run, pool):
        _each(d, run, pool, members)


def _each(d: Derivation, run: RunFolder, pool: Row, members: list[Row]) -> None:
    """Show what each hospital is due exactly: which remainders are the largest is then seen."""
    d.section(both("各医疗机构应付（精确到分以前）", "What each hospital is due, before rounding"))
    everyone = bounds.accounts(run, pool)
    for row in members:
        others = [row.number("money_fen")] if row["money_fen"] else []
        n = row.number("not_pool_by_points_fen")
        worth = account.worth(row.number("points"), run.value_of(pool))
        exact = account.exact_due(worth, n, *others)
        due = digits(Fraction(row["due_fen"], 100), 2)
        name = run.named(row)
        d.step(
            "exact", name, exact, "yuan", "10",
            note=both(f"应付 {due} 元", f"due {due} yuan"),
        )  # fmt: skip
        if everyone[row["hospital_id"], row["pool"]].exact != exact.value * 100:
            d.disagree(
                f"{name.chinese}：精确应付与病例合计不符",
                f"{name}: the exact due is not what its cases make",
            )


def _bounds(d: Derivation, run: RunFolder, pool: Row) -> None:
    """Say how many bounds hold, and whether other values pay the same."""
    if not bounds.bounded(run, pool):
        return
    d.section(both("上下限", "Bounds"))
    counts = Counter(own.row["bound"] for own in bounds.accounts(run, pool).values())
    what = both("例", "cases") if bounds.level(run) == "case" else both("家机构", "hospitals")
    facts = run.pool_facts(pool["pool"])
    low, high = facts["at_low"], facts["at_high"]
    if bounds.level(run) != "case" and (counts["low"], counts["high"]) != (low, high):
        d.disagree(
            f"起作用的上下限：hospitals 表为 {counts['low']} 与 {counts['high']}，manifest 为 {low} 与 {high}",
            f"bounds that hold: {counts['low']} and {counts['high']} in hospitals, but {low} and {high} "
            "in the manifest",
        )
    d.say(
        "bounds",
        both("起作用的上下限", "bounds that hold"),
        both(
            f"保底 {low} {what.chinese}，封顶 {high} {what.chinese}",
            f"{low} {what} at the low bound, {high} at the high one",
        ),
        "10",
        *facts.figures("at_low", "at_high", "solution"),
        uses=[*KEYS, "violator_no_increase", "bound.unsolved"],
    )
    if pool["residual_fen"]:
        d.say(
            "unsolved",
            both("清算总额高于各方封顶之和", "the settled total is above what the bounds allow"),
            both(
                "各方均按封顶支付，余额留在基金",
                "all get the most they may; the rest stays in the fund",
            ),
            "10",
            *pool.figures("residual_fen"),
            uses=["bound.unsolved"],
        )
    if pool.get("solution") == "interval":
        end = pool.get("value_high")
        d.say(
            "interval",
            both("点值不唯一", "many values"),
            both(
                f"自 V 至 {end} 都付同样的数，取最小者"
                if end
                else "更高的点值都付同样的数，取最小者",
                f"every value from V to {end} pays the same; the smallest is taken"
                if end
                else "every higher value pays the same; the smallest is taken",
            ),
            "10",
            *pool.figures("solution", "value_high"),
        )


def _mode(row: Row) -> Bilingual:
    """What a payment of the ceiling is called: its mode, with its name where it has one."""
    return Payment(row["mode"], 0, row.get("name") or "").title


def _ceiling(d: Derivation, run: RunFolder) -> None:
    """All modes together against the control target, where one was given."""
    rows = run.optional("ceiling", ("mode", "name"))
    facts = run.table_of("ceiling")
    if not rows:
        return
    d.section(both("总额控制目标", "The ceiling"))
    spent = d.step(
        "ceiling.spent",
        both("各种支付方式合计", "all modes together"),
        total([r.number("amount_fen", _mode(r)) for r in rows]),
        "yuan",
        "14",
        stated=facts.figures("total_fen"),
    )
    reserves = [
        Row("manifest.ceiling.reserves", (("name", r["name"]),), r) for r in facts["reserves"]
    ]
    free = facts.number("control_target_fen")
    inside = [r for r in reserves if r["inside_target"]]
    if inside:
        aside = total([r.number("amount_fen", both(r["name"], r["name"])) for r in inside])
        free = d.step(
            "ceiling.free", both("可支付额：目标减目标内的预留", "to be paid: the target less reserves inside it"),
            free - aside, "yuan", "14", stated=facts.figures("free_fen"),
        )  # fmt: skip
    title = both("不超过可支付额？", "within what may be paid?")
    if d.test("ceiling.within", title, spent, "≤", free, "14"):
        return
    over = d.step(
        "ceiling.excess", both("超出", "excess"), spent - free, "yuan", "14",
        stated=facts.figures("excess_fen"),
    )  # fmt: skip
    drawn = [r.number("drawn_fen", both(r["name"], r["name"])) for r in reserves]
    d.step(
        "ceiling.uncovered", both("动用预留之后", "after the reserves"), over - total(drawn), "yuan",
        "14", note=both("不大于 0", "not above 0"),
    )  # fmt: skip
