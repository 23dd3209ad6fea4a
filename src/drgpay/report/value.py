"""The point value step by step, and what the report adds up again itself."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drgpay.budget import formulas
from drgpay.budget.formulas import RATIOS, TIERS
from drgpay.budget.pool import Tiers, share
from drgpay.ground.money import POINT
from drgpay.ground.numbers import Number, less
from drgpay.ground.numbers import line as number_line
from drgpay.settlement import account as account_formulas

from . import amounts
from .amounts import points as points_text
from .amounts import units_of, yuan
from .run import Account, CaseSum, Run
from .tables import Cell, Column, Table
from .texts import Words

VALUE_PLACES = 12


@dataclass
class Settlement:
    """What a pool (or, combined, all of them) has, and what the parameters make of it."""

    pool: str
    name: str
    budget: int
    reserve: int
    out_of_area: int
    available: int
    recorded: int
    not_pool: int
    settled: int
    money: int
    by_points: CaseSum
    points: int
    deducted: int
    residual: int
    due: int
    value: Fraction
    value_text: str
    held: int = 0
    bounded: bool = False
    value_high: str = ""
    at_low: int = 0
    at_high: int = 0
    provision: int = 0
    left: bool = False  # no point has a value: the pool was not settled

    @property
    def surplus(self) -> bool:
        return self.recorded <= self.available

    def ratio(self, run: Run) -> Fraction | None:
        """The one ratio by which a surplus or an overspend is shared; None with tiers."""
        key = RATIOS[self.surplus]
        return None if tiers_of(run, self.surplus) else run.fraction(key)

    def recomputed(self, run: Run) -> int | None:
        """Settled fund by the parameters, in fen; None of a pool that was left."""
        if self.left:
            return None
        return share(self.recorded, self.available, run.policy, self.reserve).settled_fen

    def exact_value(self) -> Fraction | None:
        """(T − M + N of cases by points) / sum of points, in yuan per point."""
        points = Fraction(self.points, POINT)
        return formulas.value(Fraction(self.for_points, 100), points) if points else None

    @property
    def for_points(self) -> int:
        """T − M + N, in fen."""
        return formulas.for_points(self.settled, self.by_points.not_pool, self.money)

    @property
    def difference(self) -> int:
        """What dues and residual leave of T, in fen: nothing."""
        return less(self.settled, self.due, self.residual)


Lines = Mapping[str, Number]


def pool_formulas(run: Run, shown: Sequence[Settlement]) -> dict[str, Callable[[Lines], Number]]:
    """The formulas of the lines of a pool that are computed, over the lines before by their keys."""
    taken = ["out_of_area"] if is_inside(run) else []
    taken += ["provision"] if any(s.provision for s in shown) else []
    return {
        "available": lambda n: formulas.available(
            n["budget"] - n["reserve"], *(n[key] for key in taken)
        ),
        "balance": lambda n: formulas.balance(n["recorded"], n["available"], surplus=True),
        "sum": lambda n: formulas.for_points(n["settled"], n["not_pool"], n.get("money")),
        "points": lambda n: less(n["gross"], n["deducted"]),
        "quotient": lambda n: formulas.value(n["sum"], n["points"]),
        "difference": lambda n: less(n["settled"], n["due"], n["residual"]),
    }


def is_inside(run: Run) -> bool:
    """Whether care outside the region is inside the budget."""
    return not run.says("out_of_area", "deducted", "inside_budget")


def tiers_of(run: Run, surplus: bool) -> Tiers:
    """The tiers of a surplus or an overspend: limit as a share of B (or None), ratio."""
    return run.policy[TIERS[surplus]] or ()


def value_text(value: object) -> str:
    """A published point value with its decimals, thousands separated."""
    return amounts.fixed(units_of(value, VALUE_PLACES), VALUE_PLACES)


def settlements(run: Run) -> list[Settlement]:
    found = []
    more: dict[str, dict[str, Any]] = {p["pool"]: p for p in run.records("pools")}
    for given in run.pools:
        p = {**more.get(given["pool"], {}), **given}
        accounts = [a for a in run.accounts if run.settled_in(a.pool) == p["pool"]]
        high = p.get("value_high") if p.get("solution") == "interval" else None
        found.append(
            Settlement(
                pool=p["pool"],
                name=run.pool_name(p["pool"]),
                budget=p["budget_fen"],
                reserve=p["reserve_fen"],
                out_of_area=p["out_of_area_fund_fen"],
                available=p["available_budget_fen"],
                recorded=p["recorded_fund_fen"],
                not_pool=p["not_pool_fen"],
                settled=p["settled_fen"],
                money=p.get("money_fen") or 0,
                by_points=run.by_points(p["pool"]),
                points=units_of(p["points"], 4),
                deducted=units_of(p.get("points_deducted") or 0, 4),
                residual=p["residual_fen"],
                due=sum(a.amounts.due for a in accounts),
                value=Fraction(p["point_value_fraction"]),
                value_text=value_text(p["point_value"]),
                held=p.get("held_cases") or sum(a.amounts.held for a in accounts),
                bounded=run.says("bound.level", "hospital", "none", "case")
                or run.says("bound.level", "case", "none", "hospital")
                or any(a.bound for a in accounts),
                value_high="" if high is None else str(high),
                at_low=p.get("at_low") or 0,
                at_high=p.get("at_high") or 0,
                provision=p.get("provision_fen") or 0,
                left=p.get("solution") == "no_points",
            )
        )
    return found


def sharing_text(run: Run, s: Settlement, w: Words) -> str:
    """How the settled fund arises of B and F, as a formula."""
    tiers = tiers_of(run, s.surplus)
    if tiers:
        return w(
            "v_surplus_tiers" if s.surplus else "v_overspend_tiers", tiers=tiers_text(tiers, w)
        )
    ratio = s.ratio(run)
    if ratio is None:
        return ""
    k = amounts.trimmed(ratio)
    text = w("v_surplus_how" if s.surplus else "v_overspend_how", k=k)
    if not s.surplus and run.says("overspend_cap", "reserve", "none"):
        text += w("v_overspend_cap")
    return text


def tiers_text(tiers: Tiers, w: Words) -> str:
    parts = []
    for limit, ratio in tiers:
        share = w("v_tier_rest") if limit is None else w("v_tier", share=amounts.trimmed(limit))
        parts.append(f"{share} × {amounts.trimmed(ratio)}")
    return w("semicolon").join(parts)


def reason_of(run: Run, s: Settlement, w: Words) -> str:
    """Why V is not the quotient of its line: solved under bounds, rounded, or not as stated."""
    exact = s.exact_value()
    if exact is None or exact == s.value:
        return ""
    if s.bounded or s.at_low or s.at_high:
        return w("v_fraction_bounded")
    value_dp = run.fraction("value_dp")
    if value_dp is not None and value_dp.denominator == 1:
        places = value_dp.numerator
        if Fraction(amounts.rounded(exact, places), 10**places) == s.value:
            return w("v_fraction_rounded", dp=places)
    return w("v_mismatch", fen=f"{exact.numerator}/{exact.denominator}")


def step_notes(run: Run, w: Words) -> dict[str, str]:
    """What stands beside the lines of a pool that are given, by their keys."""
    ratio = run.fraction("reserve_ratio")
    personal = run.says("not_pool", "personal", "all")
    how = ("provision", "recorded", "money", "gross", "due")
    return {
        "reserve": "" if ratio is None else w("v_reserve_how", ratio=amounts.trimmed(ratio)),
        "not_pool": w("v_not_pool_personal" if personal else "v_not_pool_how"),
        **{key: w(f"v_{key}_how") for key in how},
    }


def value_table(run: Run, w: Words) -> Table:
    """The point value of each pool, line by line, with the formula of each line."""
    shown = settlements(run)
    inside, made, told = is_inside(run), pool_formulas(run, shown), step_notes(run, w)
    table = Table(
        w("s_value"),
        [Column(w("line"), "code"), Column(w("step"), "text"), *(Column(s.name) for s in shown)],
        [],
        css="steps",
    )
    numbers: dict[str, int] = {}

    def line(
        key: str, cells: Iterable[str | Cell], kind: str = "", title: str = "", of: str = "", how: str = ""
    ) -> None:  # fmt: skip
        """Add a line; `of`: the formula that it has."""
        numbers[key] = len(table.rows) + 1
        names = {name: f"({number})" for name, number in numbers.items()}
        if of:
            how = made[of]({name: number_line(name, 1) for name in numbers}).text
        how = (how or told.get(key, "")).format(**names)
        table.add(f"{numbers[key]}", Cell(title or w(f"v_{key}"), how), *cells, kind=kind)

    def settled(s: Settlement) -> Cell:
        again = s.recomputed(run)
        if again is None:
            return Cell(yuan(s.settled))
        if again != s.settled:
            return Cell(yuan(s.settled), w("v_mismatch", fen=yuan(again)), "loss")
        return Cell(yuan(s.settled), sharing_text(run, s, w))

    def ratio_cell(s: Settlement) -> Cell:
        ratio = s.ratio(run)
        text = "—" if ratio is None else amounts.trimmed(ratio)
        if tiers_of(run, s.surplus):
            text = w("v_tiers")
        return Cell(text, w("v_ratio_surplus" if s.surplus else "v_ratio_overspend"))

    def balance_cell(s: Settlement) -> Cell:
        balance = s.available - s.recorded
        return Cell(yuan(balance, signed=True), mark="loss" if balance < 0 else "gain")

    def exact_cell(s: Settlement) -> Cell:
        exact = s.exact_value()
        text = "—" if exact is None else f"{exact.numerator}/{exact.denominator}"
        return Cell(text, mark="fraction")

    def fraction_cell(s: Settlement) -> Cell:
        text = f"{s.value.numerator}/{s.value.denominator}"
        exact = s.exact_value()
        if differing and (exact is None or exact == s.value):
            return Cell(text, mark="fraction")
        return Cell(text, reason_of(run, s, w), mark="fraction")

    line("budget", (yuan(s.budget) for s in shown))
    line("reserve", (yuan(s.reserve) for s in shown))
    how = "" if inside else w("v_out_of_area_not")
    line("out_of_area", (yuan(s.out_of_area) if inside else "—" for s in shown), how=how)
    if any(s.provision for s in shown):
        line("provision", (yuan(s.provision) for s in shown))
    line("available", (yuan(s.available) for s in shown), "strong", of="available")
    line("recorded", (yuan(s.recorded) for s in shown))
    line("balance", (balance_cell(s) for s in shown), of="balance")
    line("ratio", (ratio_cell(s) for s in shown))
    line("settled", (settled(s) for s in shown), "strong")
    money = any(s.money or s.not_pool != s.by_points.not_pool for s in shown)
    if money:
        line("money", (yuan(s.money) for s in shown))
    line("not_pool", (yuan(s.by_points.not_pool) for s in shown))
    title = w("v_sum_money" if money else "v_sum")
    line("sum", (yuan(s.for_points) for s in shown), title=title, of="sum")
    of = ""
    if any(s.deducted for s in shown):
        line("gross", (points_text(s.points + s.deducted) for s in shown))
        line("deducted", (points_text(s.deducted) for s in shown))
        of = "points"
    line("points", (points_text(s.points) for s in shown), of=of)
    differing = any(reason_of(run, s, w) for s in shown)
    if differing:
        line("quotient", (exact_cell(s) for s in shown), of="quotient")
    fractions = (fraction_cell(s) for s in shown)
    line("fraction", fractions, "strong", of="" if differing else "quotient")
    line("decimal", (s.value_text for s in shown), "strong")
    if any(s.value_high for s in shown):
        ends = (value_text(s.value_high) if s.value_high else "—" for s in shown)
        line("value_high", ends, how=w("v_value_high_how"))
    if any(s.at_low or s.at_high for s in shown):
        of_cases = run.says("bound.level", "case", "none", "hospital")
        how = w("v_bounds_cases" if of_cases else "v_bounds_how")
        line("bounds", (f"{s.at_low:,} / {s.at_high:,}" for s in shown), how=how)
    line("due", (yuan(s.due) for s in shown), "rule")
    line("residual", (yuan(s.residual) for s in shown))
    rest = ((s.difference, "loss" if s.difference else "ok") for s in shown)
    line("difference", (Cell(yuan(fen), mark=mark) for fen, mark in rest), of="difference")
    if any(s.held for s in shown):
        line("held", (f"{s.held:,}" for s in shown), "rule", how=w("v_held_how"))
    return table


def _made_up(account: Account) -> bool:
    a = account.amounts
    return a.final == account_formulas.final(
        a.due, a.prepaid, a.forfeited, a.violation, shared=a.shared, carried=a.carried
    )


def _in_cash(account: Account) -> bool:
    a = account.amounts
    ends = (account_formulas.payable(a.final, a.waits), account_formulas.recover(a.final))
    return (a.payable, a.recover) == ends and a.payable >= 0


def own_checks(run: Run, w: Words) -> list[tuple[str, bool]]:
    """What the report itself adds up again, and whether it agrees with the manifest."""
    parts = settlements(run)
    counts, ends = run.manifest["counts"], run.manifest["ends"]
    points = {p["pool"]: units_of(p["points"], 4) for p in run.pools}
    of_hospitals = dict.fromkeys(points, 0)
    for account in run.accounts:
        pool = run.settled_in(account.pool)
        of_hospitals[pool] = of_hospitals.get(pool, 0) + account.amounts.points
    classes = [sum(c.cases for c in run.classes), sum(c.points for c in run.classes)]
    gross = sum(points.values()) + sum(s.deducted for s in parts)
    every = ends["paid"] + ends.get("held", 0) + ends["quarantined"]
    not_pool = {s.pool: s.by_points.not_pool + run.in_money(s.pool).not_pool for s in parts}
    found = [
        (w("rc_counts"), counts["in"] == every),
        (w("rc_classes"), classes == [ends["paid"], gross]),
        (w("rc_points"), of_hospitals == points),
        (w("rc_not_pool"), all(not_pool[s.pool] == s.not_pool for s in parts)),
        (w("rc_settled"), not any(s.difference for s in parts)),
        (w("rc_final_shared" if run.shares else "rc_final"), all(map(_made_up, run.accounts))),
        (w("rc_cash"), all(map(_in_cash, run.accounts))),
    ]
    if not run.says("residual", "to_fund", "largest_remainder") and not any(
        s.bounded for s in parts
    ):
        dp = run.fraction("value_dp")
        if dp is None or run.says("residual", "largest_remainder", "to_fund"):
            values = all(s.exact_value() == s.value for s in parts if s.points)
            found.append((w("rc_value"), values))
    return found
