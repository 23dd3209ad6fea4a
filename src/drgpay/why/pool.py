"""Why a pool's point value is what it is: budget, settled total, points (rules 9, 10 and 14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from drgpay.budget import formulas
from drgpay.budget.ceiling import Payment
from drgpay.budget.formulas import RATIOS, TIERS
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.numbers import (
    Figure,
    Number,
    digits,
    fixed,
    rounded,
    total,
)
from drgpay.region.together import ids_in
from drgpay.runs.case_bounds import KEYS
from drgpay.settlement import account
from drgpay.why import bounds, forfeits
from drgpay.why.folder import LISTED, Row, RunFolder, figure_number
from drgpay.why.model import Derivation
from drgpay.why.words import said, step_words

BEYOND = "to_fund"  # the solution of a pool in which all get their upper bound


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
        d.notes.append(said("together"))
        d.parameter("combine_pools")
    d.section(both("可用预算 B", "Available budget B"))
    available = _available(d, run, pool, facts)
    _growth(d, run, pool)
    if left(d, pool):
        return d
    d.section(both("清算总额 T", "Settled total T"))
    members = _members(run, pool)
    recorded = _sum_of(d, run, pool, members, "recorded")
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
        own = row["pool"]
        if len(ids) > 1:
            moved = row.number("due_fen") - row.number("alone_fen")
            d.step("fund.moved", moved, row, key=f"fund.{own}.moved", pool=own)
        parts = ("prepaid_fen", "payable_fen", "out_of_area_fen", "other_fen", "provision_fen")
        cash = total([row.number(name) for name in parts])
        d.step("fund.cash", cash, row, key=f"fund.{own}.cash", pool=own)
        if row.get("deferred_fen"):
            _waits(d, run, row)


def _waits(d: Derivation, run: RunFolder, row: Row) -> None:
    """What of a fund's payments waits: beyond its own target, then beyond the region's."""
    own, key = row["pool"], f"fund.{row['pool']}"
    owed = row.number("recover_fen")
    payable = row.number("payable_fen") + row.number("deferred_fen")
    made = fixed(0)
    if row.has("control_target_fen"):
        over = row.number("cash_fen") + row.number("deferred_fen") - row.number("free_fen")
        waits = formulas.waits(over, owed, payable)
        made = d.step("fund.waits_own", waits, key=f"{key}.waits_own", pool=own)
    if row.get("deferred_region_fen"):
        whole = run.table_of("ceiling")
        rows = run.listed("funds", ("pool",))
        behind = rows[[r["pool"] for r in rows].index(own) :]
        parts = [whole.number("total_fen")]
        parts += [r.number("deferred_region_fen") for r in behind if r.get("deferred_region_fen")]
        over = total(parts) - whole.number("free_fen")
        for r in rows:
            if r.get("drawn_fen"):
                over = over - r.number("drawn_fen")
        waits = formulas.waits(over, owed - made, payable - made)
        made = made + d.step("fund.waits_region", waits, row, key=f"{key}.waits_region", pool=own)
    d.step("fund.waits", made, row, key=f"{key}.waits", pool=own)


def left(d: Derivation, pool: Row) -> bool:
    """Say that a pool was left unsettled, if it was: nothing in it earned a point."""
    if pool.get("solution") != "no_points":
        return False
    d.section(both(f"险种 {pool['pool']}：未清算", f"Pool {pool['pool']}: not settled"))
    figures = pool.figures("points", "settled_fen", "solution")
    d.say("left_unsettled", *figures, key="left")
    return True


def _members(run: RunFolder, pool: Row) -> list[Row]:
    own = set(ids_in(pool["pool"]))
    return [row for row in run.hospitals if row["pool"] in own]


def _available(d: Derivation, run: RunFolder, pool: Row, facts: Row) -> Number:
    """Budget, reserve and care elsewhere (rule 9)."""
    budget = pool.number("budget_fen")
    ids = ids_in(pool["pool"])
    parts = [row for row in run.listed("members", ("pool",)) if row["pool"] in ids]

    def summed(column: str) -> Number:
        return total([p.number(column, both(p["pool"], p["pool"])) for p in parts])

    if len(parts) > 1:
        budget = d.step("budget", summed("budget_fen"), pool)
    left = formulas.after_reserve(budget, d.given("reserve_ratio"))
    local = d.step("after_reserve", left)
    d.step("reserve", budget - local, facts)
    taken = []
    d.parameter("out_of_area")
    note = "outside"
    if run.policy.says("out_of_area", "inside_budget", "deducted"):
        outside = facts.number("out_of_area_fund_fen")
        if len(parts) > 1:
            outside = d.step("out_of_area", summed("out_of_area_fund_fen"), facts)
        taken.append(outside)
        note = "inside"
    uses = []
    if facts.get("provision_fen"):
        d.parameter("provision")
        taken.append(facts.number("provision_fen"))
        note, uses = f"{note}_provision", ["provision"]
    return d.step("available", formulas.available(local, *taken), pool, note=note, uses=uses)


def _growth(d: Derivation, run: RunFolder, pool: Row) -> None:
    """Hold the budget against last year's fund where that is known."""
    ids = ids_in(pool["pool"])
    for row in run.listed("members", ("pool",)):
        if row["pool"] not in ids or not row.has("last_year_fund_fen"):
            continue
        last = row.number("last_year_fund_fen", both("上年基金支出", "fund of last year"))
        approval = row.get("growth_approval", "")
        budget, most = row.number("budget_fen"), formulas.grown(last, d.given("budget_growth_cap"))
        note = "approved" if approval else ""
        d.test("growth", budget, "≤", most, note=note, pool=row["pool"], approval=approval)


def _sum_of(
    d: Derivation,
    run: RunFolder,
    pool: Row,
    members: list[Row],
    name: str,
    stated: Sequence[Figure] | None = None,
) -> Number:
    """Add the sum of the hospitals' figures in a step's column, one by one when they are few."""
    column = step_words(name).column
    of = both("行机构", "rows of hospitals")
    made = run.summed(members, column, (("pool", pool["pool"]),), of)
    return d.step(name, made, pool if stated is None else stated)


def _settled(
    d: Derivation, run: RunFolder, pool: Row, facts: Row, available: Number, recorded: Number
) -> Number:
    """T of rule 9: what of a surplus is kept, what of an overspend the fund bears."""
    surplus = d.test("surplus", recorded, "≤", available)
    kind = "surplus" if surplus else "overspend"
    balance = d.step(f"balance/{kind}", formulas.balance(recorded, available, surplus=surplus))
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
    return d.step("settled", made, pool, note=kind, uses=uses)


def _slice(d: Derivation) -> Callable[[int, Number], Number]:
    """Return what makes a step of what lies in a tier."""
    return lambda place, part: d.step("slice", part, key=f"slice{place}", place=place)


def _value(d: Derivation, run: RunFolder, pool: Row, members: list[Row], settled: Number) -> None:
    """V = (T − M + N) ÷ points; with bounds it is held against what hospitals get."""
    n = _sum_of(d, run, pool, members, "not_pool/pool")
    d.parameter("not_pool")
    by_points = list(bounds.accounts(run, pool).values())
    money: Number | None = None
    if any(a.money_cases or a.apart for a in by_points):
        money = _sum_of(d, run, pool, members, "money/pool")
    if any(a.money_cases for a in by_points):
        apart = sum(a.money_not_pool for a in by_points)
        key = (("pool", pool["pool"]), ("paid_by", "money"))
        label = both("按金额付费病例的非统筹支付", "n of the cases paid in money")
        figure = Figure("cases", key, "not_pool_fen", apart, "sum")
        n = d.step("not_pool.points/pool", n - figure_number(figure, label), pool)
    points = _sum_of(d, run, pool, members, "points/pool")
    if not points.value:
        d.disagree("no_points")
        return
    plain = formulas.value(formulas.for_points(settled, n, money), points)
    if bounds.bounded(run, pool):
        d.step("value.unbounded", plain)
        beyond = pool.get("solution") == BEYOND
        uses = [*KEYS, "bound.unsolved"] if beyond else KEYS
        d.step("value/beyond" if beyond else "value/bounded", run.value_of(pool), uses=uses)
        return
    to_fund = run.policy.says("residual", "to_fund", "largest_remainder")
    rounds = to_fund and run.policy["value_dp"] is not None
    made = rounded(plain, d.given("value_dp")) if rounds else plain
    d.step("value", made, pool, note="points" if money is None else "money")


def _dues(d: Derivation, run: RunFolder, pool: Row, members: list[Row], settled: Number) -> None:
    """Σ due + residual = T, exactly and to the fen."""
    due = _sum_of(d, run, pool, members, "dues", ())
    name = "residual/beyond" if pool.get("solution") == BEYOND else "residual"
    d.step(name, formulas.residual(settled, due), pool)
    exact = sum((a.exact for a in bounds.accounts(run, pool).values()), Fraction(0)) / 100
    if (
        run.policy.says("residual", "largest_remainder", "to_fund")
        and exact != settled.value
        and not pool["residual_fen"]
    ):
        d.disagree("dues_of_pool", exact=exact, settled=settled.text)
    _sum_of(d, run, pool, members, "cases/pool")
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
        d.step("exact", exact, hospital=name, due=due)
        if everyone[row["hospital_id"], row["pool"]].exact != exact.value * 100:
            d.disagree("exact_of_hospital", name=name)


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
        held = {"low": counts["low"], "high": counts["high"], "at_low": low, "at_high": high}
        d.disagree("bounds", **held)
    d.say(
        "bounds", *facts.figures("at_low", "at_high", "solution"), low=low, high=high, what=what,
        uses=[*KEYS, "violator_no_increase", "bound.unsolved"],
    )  # fmt: skip
    if pool.get("solution") == BEYOND:
        d.say("unsolved", *pool.figures("residual_fen"))
    if pool.get("solution") == "interval":
        end = pool.get("value_high")
        figures = pool.figures("solution", "value_high")
        d.say("interval", *figures, note="end" if end else "endless", end=end)


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
    spent = d.step("ceiling.spent", total([r.number("amount_fen", _mode(r)) for r in rows]), facts)
    reserves = [
        Row("manifest.ceiling.reserves", (("name", r["name"]),), r) for r in facts["reserves"]
    ]
    free = facts.number("control_target_fen")
    inside = [r for r in reserves if r["inside_target"]]
    if inside:
        aside = total([r.number("amount_fen", both(r["name"], r["name"])) for r in inside])
        free = d.step("ceiling.free", free - aside, facts)
    if d.test("ceiling.within", spent, "≤", free):
        return
    over = d.step("ceiling.excess", spent - free, facts)
    drawn = [r.number("drawn_fen", both(r["name"], r["name"])) for r in reserves]
    d.step("ceiling.uncovered", over - total(drawn))
