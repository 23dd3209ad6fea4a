"""The point value step by step, and what the report adds up again itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from . import amounts
from .amounts import points as points_text
from .amounts import units_of, yuan
from .run import Run
from .tables import Cell, Column, Table, row
from .texts import Words

VALUE_PLACES = 12


@dataclass
class Settlement:
    """What a pool (or, combined, all of them) has, and what the parameters make of it."""

    name: str
    budget: int
    reserve: int
    out_of_area: int
    available: int
    recorded: int
    not_pool: int
    settled: int
    points: int
    residual: int
    due: int
    value: Fraction
    value_text: str

    def ratio(self, run: Run) -> Fraction | None:
        surplus = self.recorded <= self.available
        return run.fraction("keep_ratio" if surplus else "fund_share_of_overspend")

    def recomputed(self, run: Run) -> int | None:
        """Settled fund by the parameters, in fen; None when they are not in the manifest."""
        ratio = self.ratio(run)
        if ratio is None:
            return None
        balance = self.available - self.recorded
        base = self.recorded if balance >= 0 else self.available
        return amounts.rounded(base + ratio * abs(balance), 0)

    def exact_value(self) -> Fraction | None:
        """(T + N) / sum of points, in yuan per point."""
        if not self.points:
            return None
        return Fraction((self.settled + self.not_pool) * amounts.POINT_UNITS, self.points * 100)


def value_text(value: object) -> str:
    """A published point value with its decimals, thousands separated."""
    return amounts.fixed(units_of(value, VALUE_PLACES), VALUE_PLACES)


def settlements(run: Run) -> list[Settlement]:
    found = []
    for p in run.pools:
        due = sum(a.amounts.due for a in run.accounts if run.settled_in(a.pool) == p["pool"])
        found.append(
            Settlement(
                name=run.pool_name(p["pool"]),
                budget=p["budget_fen"],
                reserve=p["reserve_fen"],
                out_of_area=p["out_of_area_fund_fen"],
                available=p["available_budget_fen"],
                recorded=p["recorded_fund_fen"],
                not_pool=p["not_pool_fen"],
                settled=p["settled_fen"],
                points=units_of(p["points"], 4),
                residual=p["residual_fen"],
                due=due,
                value=Fraction(p["point_value_fraction"]),
                value_text=value_text(p["point_value"]),
            )
        )
    return found


def value_table(run: Run, w: Words) -> Table:
    """The point value of each pool, line by line, with the formula of each line."""
    shown = settlements(run)
    inside = str(run.values.get("out_of_area", "inside_budget")) == "inside_budget"
    reserve_ratio = run.fraction("reserve_ratio")
    value_dp = run.fraction("value_dp")
    table = Table(
        w("s_value"),
        [Column(w("line"), "code"), Column(w("step"), "text"), *(Column(s.name) for s in shown)],
        [],
        css="steps",
    )

    def line(title: str, how: str, cells: Iterable[str | Cell], kind: str = "") -> None:
        number = f"{len(table.rows) + 1}"
        table.rows.append(row(number, Cell(title, how), *cells, kind=kind))

    def settled(s: Settlement) -> Cell:
        ratio, again = s.ratio(run), s.recomputed(run)
        if ratio is None or again is None:
            return Cell(yuan(s.settled))
        surplus = s.recorded <= s.available
        how = w("v_surplus_how" if surplus else "v_overspend_how", k=amounts.trimmed(ratio))
        if again != s.settled:
            return Cell(yuan(s.settled), w("v_mismatch", fen=yuan(again)), "loss")
        return Cell(yuan(s.settled), how)

    def ratio_cell(s: Settlement) -> Cell:
        ratio = s.ratio(run)
        surplus = s.recorded <= s.available
        return Cell(
            "—" if ratio is None else amounts.trimmed(ratio),
            w("v_ratio_surplus" if surplus else "v_ratio_overspend"),
        )

    def balance_cell(s: Settlement) -> Cell:
        balance = s.available - s.recorded
        return Cell(yuan(balance, signed=True), mark="loss" if balance < 0 else "gain")

    def fraction_cell(s: Settlement) -> Cell:
        exact = s.exact_value()
        if exact is None or exact == s.value:
            return Cell(f"{s.value.numerator}/{s.value.denominator}")
        note = w("v_mismatch", fen=f"{exact.numerator}/{exact.denominator}")
        if value_dp is not None and value_dp.denominator == 1:
            places = value_dp.numerator
            if Fraction(amounts.rounded(exact, places), 10**places) == s.value:
                note = w("v_fraction_rounded", dp=places)
        return Cell(f"{s.value.numerator}/{s.value.denominator}", note)

    ratio_text = "" if reserve_ratio is None else amounts.trimmed(reserve_ratio)
    line(w("v_budget"), "", (yuan(s.budget) for s in shown))
    how = w("v_reserve_how", ratio=ratio_text) if ratio_text else ""
    line(w("v_reserve"), how, (yuan(s.reserve) for s in shown))
    how = "" if inside else w("v_out_of_area_not")
    line(w("v_out_of_area"), how, (yuan(s.out_of_area) if inside else "—" for s in shown))
    how = "(1) − (2) − (3)" if inside else "(1) − (2)"
    line(w("v_available"), how, (yuan(s.available) for s in shown), "strong")
    line(w("v_recorded"), w("v_recorded_how"), (yuan(s.recorded) for s in shown))
    line(w("v_balance"), "(4) − (5)", (balance_cell(s) for s in shown))
    line(w("v_ratio"), "", (ratio_cell(s) for s in shown))
    line(w("v_settled"), "", (settled(s) for s in shown), "strong")
    line(w("v_not_pool"), w("v_not_pool_how"), (yuan(s.not_pool) for s in shown))
    line(w("v_sum"), "(8) + (9)", (yuan(s.settled + s.not_pool) for s in shown))
    line(w("v_points"), "", (points_text(s.points) for s in shown))
    line(w("v_fraction"), w("v_fraction_how"), (fraction_cell(s) for s in shown), "strong")
    line(w("v_decimal"), "", (s.value_text for s in shown), "strong")
    line(w("v_due"), "", (yuan(s.due) for s in shown), "rule")
    line(w("v_residual"), "", (yuan(s.residual) for s in shown))
    rest = [s.settled - s.due - s.residual for s in shown]
    line(
        w("v_difference"),
        "(8) − (14) − (15)",
        (Cell(yuan(r), mark="loss") if r else Cell(yuan(r), mark="ok") for r in rest),
    )
    return table


def own_checks(run: Run, w: Words) -> list[tuple[str, bool]]:
    """What the report itself adds up again, and whether it agrees with the manifest."""
    parts = settlements(run)
    total, counts, ends = run.total, run.manifest["counts"], run.manifest["ends"]
    points = {p["pool"]: units_of(p["points"], 4) for p in run.pools}
    of_hospitals = dict.fromkeys(points, 0)
    for account in run.accounts:
        pool = run.settled_in(account.pool)
        of_hospitals[pool] = of_hospitals.get(pool, 0) + account.amounts.points
    paid = total.final + total.prepaid + total.forfeited + total.violation
    classes = [sum(c.cases for c in run.classes), sum(c.points for c in run.classes)]
    rounded = run.fraction("value_dp") is not None
    values = all(s.exact_value() == s.value for s in parts if s.points)
    found = [
        (w("rc_counts"), counts["in"] == ends["paid"] + ends["quarantined"]),
        (w("rc_classes"), classes == [ends["paid"], sum(points.values())]),
        (w("rc_points"), of_hospitals == points),
        (w("rc_settled"), all(s.due + s.residual == s.settled for s in parts)),
        (w("rc_final"), paid == total.due),
    ]
    if not rounded:
        found.append((w("rc_value"), values))
    return found
