"""The tables and charts of the report, one function each."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.ground.languages import choose, is_chinese
from drgpay.ground.money import divide_rounded
from drgpay.names.codes import CASE_CLASSES, word
from drgpay.names.columns import both_names
from drgpay.names.reasons import REVIEW_NOTES
from drgpay.names.run_columns import in_order
from drgpay.names.run_columns import label as column_label
from drgpay.names.run_columns import title as table_title
from drgpay.policy.choice_words import choice_text, choice_word
from drgpay.runs.case_bounds import NOBODY, Ends
from drgpay.runs.reader import Record

from . import amounts, charts
from .amounts import points as points_text
from .amounts import units_of, yuan
from .classes import rest_of_all
from .reopened import correction_counts, is_reopened
from .run import Account, Amounts, Run, total_of
from .sheets import Field, Sheet, cells
from .svg import SERIES, short_label
from .tables import Cell, Column, Row, Table, columns_of, row
from .texts import UNITS, Words
from .value import settlements

GROUPED = ("grouped", "ambiguous", "ungroupable")
HOSPITALS_SHOWN = 30
HOSPITALS_UNFOLDED = 40
HOSPITALS_FOLDED = 400  # a page of thousands of hospitals stays small: the workbook has all
DOTS_DRAWN = 800
DOTS_NAMED = 8
PLAIN_ROWS = 40
BARS_SHOWN = 30
DIFFERENCES_LISTED = 10
DRGS_SHOWN = 30
SERIES_OF_CLASS = {name: number for number, name in enumerate(CASE_CLASSES, start=1)}


def counts_table(run: Run, w: Words) -> Table:
    counts, ends = run.manifest["counts"], run.manifest["ends"]
    whole, held = counts["in"], ends.get("held", 0)
    table = Table(
        w("counts_table"), [Column("", "text"), *columns_of(w, "cases share")], [], css="narrow"
    )

    def line(key: str, count: int, kind: str = "", mark: str = "") -> None:
        table.add(w(key), Cell(f"{count:,}", mark=mark), amounts.percent(count, whole), kind=kind)

    for name, count in correction_counts(run, w):
        table.add(name, f"{count:,}", "")
    line("c_in", whole, "strong")
    line("c_quarantined", ends["quarantined"], mark="loss" if ends["quarantined"] else "")
    unexplained = whole - ends["paid"] - held - ends["quarantined"]
    for key, count in (("c_held", held), ("c_unexplained", unexplained)):
        if count:
            line(key, count, mark="loss")
    line("c_paid", ends["paid"], "total")
    paid = counts
    if held:  # the counts have them in
        paid = {r["status"]: r["cases"] for r in run.case_sums.paid_by_status().to_pylist()}
    for key in GROUPED:
        line(f"c_{key}", paid.get(key, 0))
    rest = ends["paid"] - sum(paid.get(key, 0) for key in GROUPED)
    if rest:
        line("c_unexplained", rest, mark="loss")
    return table


def class_table(run: Run, w: Words) -> Table:
    facts = [(c.cases, c.points, c.cost) for c in run.classes]
    sums = [sum(column) for column in zip(*facts, strict=True)] or [0, 0, 0]
    heads = "class:text cases share points points_share total_cost cost_share mean_cost"
    table = Table(w("class_table"), columns_of(w, heads), [])

    def line(name: str, facts: Sequence[int], swatch: int, kind: str = "") -> None:
        shares = [amounts.percent(*pair) for pair in zip(facts, sums, strict=True)]
        cases, _, cost = facts
        values = [value for pair in zip(facts, shares, strict=True) for value in pair]
        mean = divide_rounded(cost, cases) if cases else None
        made = cells("count text points text yuan text yuan", (*values, mean))
        table.add(Cell(name, mark="nowrap", swatch=swatch), *made, kind=kind)

    for c in run.classes:
        line(word("case_class", c.name, w.lang), (c.cases, c.points, c.cost), series(c.name))
    line(w("total"), sums, 0, "total")
    return table


def series(case_class: str) -> int:
    """Colour number of a class; a class without its own shares the last colour."""
    return SERIES_OF_CLASS.get(case_class, SERIES)


def class_chart(run: Run, w: Words) -> str:
    bars = [
        (w("cases"), [c.cases for c in run.classes]),
        (w("points"), [c.points for c in run.classes]),
        (w("mix_cost"), [c.cost for c in run.classes]),
    ]
    colours = [series(c.name) for c in run.classes]
    return charts.class_mix(bars, colours, w("chart_mix"))


def signed_cell(fen: int) -> Cell:
    return Cell(yuan(fen, signed=True), mark="loss" if fen < 0 else "gain" if fen else "")


def cash_columns(run: Run, w: Words) -> list[Column]:
    """Headings of what is payable now, waits (where something does) and is to be recovered."""
    again = "_again" if is_reopened(run) else ""
    keys = ["payable" + again, *["waits"] * bool(run.total.waits), "recover" + again]
    return [Column(w(key)) for key in keys]


def cash_cells(run: Run, a: Amounts, tag: str = "") -> list[Cell]:
    """Their cells: a final payment above 0 and one below it stand apart, nothing is netted."""
    waits = [Cell(yuan(a.waits))] * bool(run.total.waits)
    owed = Cell(yuan(a.recover), mark="claw", tag=tag) if a.recover else Cell(yuan(0))
    return [Cell(yuan(a.payable)), *waits, owed]


def folded(
    table: Table, accounts: Sequence[Account], make: Any, w: Words, subtotal_name: str
) -> Table:
    """Put the largest hospitals, a subtotal of the rest and the total into the table."""
    shown = len(accounts) if len(accounts) <= HOSPITALS_UNFOLDED else HOSPITALS_SHOWN
    table.rows = [make(a) for a in accounts[:shown]]
    rest = accounts[shown:]
    if rest:
        table.rows.append(make(Account(subtotal_name, "", total_of(rest)), kind="subtotal"))
        table.tail = [make(a) for a in rest[:HOSPITALS_FOLDED]]
        table.tail_label = w("rest_details", n=len(rest))
        if len(rest) > HOSPITALS_FOLDED:
            table.tail_label = w("rest_details_some", n=HOSPITALS_FOLDED, all=len(rest))
    table.rows.append(make(Account(w("total"), "", total_of(accounts)), kind="total"))
    return table


def identity_cell(run: Run, account: Account, kind: str, w: Words) -> Cell:
    if kind:
        return Cell(account.hospital)
    facts = run.hospitals.get(account.hospital, {})
    level = facts.get("level")
    note = " · ".join([account.hospital, *[f"{w('level')} {level}"] * bool(level)])
    return Cell(run.hospital_name(account.hospital), note)


def summary_table(run: Run, w: Words) -> Table:
    """Each hospital over all pools."""
    heads = "hospital:text cases points points_per_case recorded due difference difference_share"
    columns = [*columns_of(w, heads), *cash_columns(run, w)]
    table = Table(w("all_pools"), columns, [], css="sticky dense")

    def make(account: Account, kind: str = "") -> Row:
        a = account.amounts
        mean = divide_rounded(a.points, a.cases) if a.cases else None
        values = (a.cases, a.points, mean, a.recorded, a.due)
        return row(
            identity_cell(run, account, kind, w),
            *cells("count points points yuan yuan", values),
            signed_cell(a.difference),
            amounts.percent(a.difference, a.recorded, 2, signed=True),
            *cash_cells(run, a),
            kind=kind,
        )

    accounts = run.by_hospital
    n = len(accounts) - HOSPITALS_SHOWN
    return folded(table, accounts, make, w, w("rest_subtotal", n=n))


def pool_tables(run: Run, pool: str, w: Words) -> list[Table]:
    """Each hospital in one pool: from points to what it is due, and from there to the payment."""
    accounts = [a for a in run.accounts if a.pool == pool]
    subtotal = w("rest_subtotal", n=len(accounts) - HOSPITALS_SHOWN)
    whole = total_of(accounts)
    held, deducted = bool(whole.held), bool(whole.deducted)
    in_money = any(
        p.paid_by == "money" or (p.paid_by == "points" and p.sums.price)
        for p in run.parts
        if p.pool == pool
    )
    columns = columns_of(
        w,
        f"hospital:text cases points {'deducted' * deducted} not_pool {'money' * in_money} "
        f"recorded due difference {'held' * held}",
    )
    name = run.pool_name(pool)
    due = Table(w("pool_due", pool=name), columns, [], css="sticky")
    not_pool: dict[str, int] = {}
    for part in run.parts:
        if part.pool == pool and part.paid_by == "points":
            not_pool[part.hospital] = not_pool.get(part.hospital, 0) + part.sums.not_pool
    shown_first = {a.hospital for a in accounts}
    every = sum(fen for hospital, fen in not_pool.items() if hospital in shown_first)
    top = accounts[:HOSPITALS_SHOWN] if len(accounts) > HOSPITALS_UNFOLDED else accounts
    rest = every - sum(not_pool.get(a.hospital, 0) for a in top)

    def due_row(account: Account, kind: str = "") -> Row:
        a = account.amounts
        own = not_pool.get(account.hospital, 0)
        own = every if kind == "total" else rest if kind == "subtotal" else own
        bound = w(f"bound_{account.bound}") if account.bound else ""
        made: list[str | Cell] = [f"{a.cases:,}", points_text(a.points)]
        made += [points_text(a.deducted)] * deducted
        made += [yuan(own)]
        made += [yuan(a.money)] * in_money
        made += [yuan(a.recorded), Cell(yuan(a.due), mark="claw" if a.due < 0 else "", tag=bound)]
        made += [signed_cell(a.difference)]
        made += [f"{a.held:,}"] * held
        return row(identity_cell(run, account, kind, w), *made, kind=kind)

    keys = "due prepaid deposit forfeited shared violation carried".split()
    if not whole.shared:
        keys.remove("shared")
    heads = " ".join(keys).replace("violation", "violations")
    columns = [*columns_of(w, f"hospital:text {heads}"), *cash_columns(run, w)]
    payment = Table(w("pool_payment", pool=name), columns, [], css="sticky dense")

    def payment_row(account: Account, kind: str = "") -> Row:
        fen = [yuan(getattr(account.amounts, key)) for key in keys]
        back = "demand" if account in run.demanded else "return"
        last = cash_cells(run, account.amounts, "" if kind else w(back))
        return row(identity_cell(run, account, kind, w), *fen, *last, kind=kind)

    return [
        folded(due, accounts, due_row, w, subtotal),
        folded(payment, accounts, payment_row, w, subtotal),
    ]


@dataclass(frozen=True)
class Paid:
    """What somebody's cases cost and what was paid for them in all, by pool, patients and others."""

    key: str
    cases: int
    cost: int
    income: int

    @property
    def difference(self) -> int:
        return self.income - self.cost


def paid_by_hospital(run: Run) -> list[Paid]:
    """Each hospital's cost and income: its due and what the pool did not pay; most cost first."""
    sums: dict[str, list[int]] = {}
    for part in run.parts:
        if part.paid_by != "held":
            own = sums.setdefault(part.hospital, [0, 0, 0])
            facts = (part.sums.cases, part.sums.cost, part.sums.fund)
            sums[part.hospital] = [a + b for a, b in zip(own, facts, strict=True)]
    dues = {a.hospital: a.amounts.due for a in run.by_hospital}
    found = [
        Paid(hospital, cases, cost, dues.get(hospital, 0) + cost - fund)
        for hospital, (cases, cost, fund) in sums.items()
    ]
    return sorted(found, key=lambda p: (-p.cost, p.key))


def paid_by_class(run: Run) -> list[Paid]:
    """Each class's cost and income: points x value, what cases at a bound get, or the price."""
    sums: dict[str, list[int]] = {}
    points: dict[tuple[str, str], int] = {}
    ends: dict[tuple[str, str], Ends] = {}
    for part in run.parts:
        if part.paid_by != "held":
            s = part.sums
            facts = (s.cases, s.cost, s.price - s.not_pool + s.cost - s.fund)
            own = sums.setdefault(part.case_class, [0, 0, 0])
            sums[part.case_class] = [a + b for a, b in zip(own, facts, strict=True)]
            key = (part.case_class, part.pool)
            points[key] = points.get(key, 0) + s.points
            if part.paid_by == "points":
                held = run.case_bounds.of_class(part.hospital, part.pool, part.case_class)
                ends[key] = ends.get(key, NOBODY) + held
    for (name, pool), units in points.items():
        sums[name][2] += run.worth(units, pool, ends.get((name, pool), NOBODY))
    order = {name: number for number, name in enumerate(CASE_CLASSES)}
    names = sorted(sums, key=lambda name: (order.get(name, len(order)), name))
    return [Paid(name, *sums[name]) for name in names]


def paid_chart(run: Run, w: Words) -> tuple[str, str]:
    """Hospitals by cost and by what was paid for each yuan of it, and a note on what is left out."""
    found = [p for p in paid_by_hospital(run) if p.cost > 0]
    drawn = found[:DOTS_DRAWN]
    named = sorted(drawn, key=lambda p: (-abs(p.difference), p.key))[:DOTS_NAMED]
    names = {p.key: short_label(run.hospital_name(p.key), 24) for p in named}
    dots = [(p.cost, p.income, names.get(p.key, "")) for p in drawn]
    svg = charts.paid_dots(
        dots,
        (w("paid_axis_cost"), w("paid_axis_ratio"), w("paid_even")),
        w("chart_paid"),
        1_000_000,
    )
    note = w("paid_dots_some", shown=len(drawn), all=len(found)) if len(drawn) < len(found) else ""
    return svg, note


def paid_class_chart(run: Run, w: Words) -> str:
    bars = [
        (
            word("case_class", p.key, w.lang),
            p.difference,
            f"{amounts.ten_thousand_yuan(p.difference, True)}"
            f" ({amounts.percent(p.income, p.cost)})",
        )
        for p in paid_by_class(run)
    ]
    return charts.differences(bars, w("chart_paid_class"))


def paid_class_table(run: Run, w: Words) -> Table:
    heads = "class:text cases total_cost income income_less_cost income_ratio"
    table = Table(w("chart_paid_class"), columns_of(w, heads), [])
    found = paid_by_class(run)

    def line(name: str, p: Paid, kind: str = "", swatch: int = 0) -> None:
        values = (p.cases, p.cost, p.income, p.difference, amounts.percent(p.income, p.cost, 2))
        made = cells("count yuan yuan change text", values)
        table.add(Cell(name, mark="nowrap", swatch=swatch), *made, kind=kind)

    for p in found:
        line(word("case_class", p.key, w.lang), p, swatch=series(p.key))
    sums = [sum(getattr(p, key) for p in found) for key in ("cases", "cost", "income")]
    income = sum(p.income for p in paid_by_hospital(run))
    for key, rest in rest_of_all(run, income - sums[2]):
        table.add(w(key), *cells("count yuan yuan change text", (None, None, rest, rest, None)))
    line(w("total"), Paid("", sums[0], sums[1], income), "total")
    return table


def ceiling_facts(run: Run, w: Words) -> tuple[list[tuple[str, int]], int, list[Record]] | None:
    """Payments by mode, the control target and the reserves, when a ceiling was given."""
    rows = run.records("ceiling")
    facts = run.manifest.get("ceiling") or {}
    target = facts.get("control_target_fen", facts.get("target_fen"))
    if not rows or target is None:
        return None
    paid = [(_payment_name(r, w), int(r["amount_fen"])) for r in rows]
    return paid, int(target), list(facts.get("reserves") or ())


def _payment_name(record: Record, w: Words) -> str:
    mode, name = word("mode", str(record["mode"]), w.lang, "ceiling"), str(record.get("name") or "")
    return w("g_named", mode=mode, name=name) if name else mode


def ceiling_lines(
    paid: Iterable[tuple[str, int]], target: int, reserves: Sequence[Record], w: Words
) -> list[tuple[str, str, int]]:
    """Role, name and fen of each line of the ceiling: what is paid, the target, what is left of it.

    What is reserved inside the target has its amount as it is.
    """
    lines = [("paid", name, fen) for name, fen in paid]
    whole = sum(fen for _, _, fen in lines)
    inside = [(r["name"], int(r["amount_fen"])) for r in reserves if r.get("inside_target")]
    free = target - sum(fen for _, fen in inside)
    drawn = [r for r in reserves if r.get("drawn_fen") is not None]
    return [
        *lines,
        ("total", w("g_total"), whole),
        ("target", w("g_target"), target),
        *(("inside", w("g_inside", name=name), fen) for name, fen in inside),
        *[("free", w("g_free"), free)] * bool(inside),
        ("left", w("g_left"), free - whole),
        *(
            ("drawn", w("g_drawn", name=str(r.get("name") or "")), int(r["drawn_fen"]))
            for r in drawn
        ),
    ]


def ceiling_sheet(lines: Iterable[tuple[str, str, int]], w: Words) -> Sheet:
    """The lines as a sheet; what is reserved inside the target is taken off."""
    fields = [Field("item", w("step"), "long"), Field("amount", w("g_amount"), "yuan")]
    rows = [
        {"item": name, "amount": -fen if role == "inside" else fen} for role, name, fen in lines
    ]
    return Sheet(w("x_ceiling"), fields, rows)


def ceiling_table(run: Run, w: Words) -> Table | None:
    facts = ceiling_facts(run, w)
    if facts is None:
        return None
    lines = ceiling_lines(*facts, w)
    table = Table(w("s_ceiling"), columns_of(w, "step:text g_amount g_share"), [], css="narrow")
    (target,) = (fen for role, _, fen in lines if role == "target")
    kinds = {"total": "total", "target": "strong", "free": "strong"}
    for role, name, fen in lines:
        amount = signed_cell(fen) if role == "left" else yuan(fen)
        share = amounts.percent(fen, target, 2, signed=role == "left")
        table.add(name, amount, share, kind=kinds.get(role, ""))
    return table


# lines of the funds: what makes up the payments, then what leaves in cash against the target
FUND_ACCOUNT = (
    ("due_fen", 1), ("prepaid_fen", -1), ("forfeited_fen", -1), ("shared_fen", 1),
    ("violation_fen", -1), ("carried_fen", -1),
)  # fmt: skip
FUND_CASH = ("prepaid_fen", "payable_fen", "out_of_area_fen", "other_fen", "provision_fen")


class _FundLines:
    """Lines of the funds, numbered, a column a fund and one for all of them."""

    def __init__(self, run: Run, w: Words) -> None:
        self.w, self.records = w, run.records("funds")
        several = len(self.records) > 1
        names = [f"{r['name']} {r['pool']}" for r in self.records]
        columns = columns_of(w, "line:code step:text")
        columns += [Column(name) for name in names] + columns_of(w, "total") * several
        self.table = Table(w("funds_table"), columns, [], css="steps")
        self.numbers: dict[str, int] = {}

    def values(self, name: str) -> list[int | None]:
        own = [r[name] for r in self.records]
        if len(own) > 1:
            own.append(None if any(v is None for v in own) else sum(own))
        return own

    def there(self, name: str) -> bool:
        return any(self.values(name))

    def sums(self, terms: Iterable[tuple[str, int]]) -> list[int]:
        columns = [[sign * (v or 0) for v in self.values(name)] for name, sign in terms]
        return [sum(own) for own in zip(*columns, strict=True)]

    def formula(self, terms: Iterable[tuple[str, int]]) -> str:
        """The numbers of the lines shown, with their signs."""
        text = "".join(
            f" {'+' if sign > 0 else '−'} ({self.numbers[name]})"
            for name, sign in terms
            if name in self.numbers
        )
        return text.removeprefix(" + ")

    def line(
        self, name: str, values: Sequence[int | None], sign: int = 0, how: str = "",
        kind: str = "", title: str = "",
    ) -> None:  # fmt: skip
        w = self.w
        self.numbers[name] = len(self.table.rows) + 1
        title = title or column_label("funds", name, w.lang)
        if sign:
            title = w("fund_less" if sign < 0 else "fund_plus", name=title)
        mark = "ok" if name == "check" and not any(values) else "claw" if name == "check" else ""
        cells = ["—" if v is None else Cell(yuan(v), mark=mark) for v in values]
        number = str(self.numbers[name])
        self.table.rows.append(row(number, Cell(title, how), *cells, kind=kind))


def funds_table(run: Run, w: Words) -> Table | None:
    """What leaves each fund, waits and is to be recovered, line by line with the formulas.

    First how the dues become what is payable, waits and is owed, then all that leaves in cash
    against the fund's own target. Lines without an amount are left out.
    """
    made = _FundLines(run, w)
    if not made.records:
        return None
    if made.there("moved_fen"):
        made.line("alone_fen", made.values("alone_fen"))
        made.line("moved_fen", made.values("moved_fen"))
    for name, sign in FUND_ACCOUNT:
        if name in ("due_fen", "prepaid_fen") or made.there(name):
            made.line(name, made.values(name), 0 if name == "due_fen" else sign)
    again = w("fund_again") if is_reopened(run) else ""
    made.line("payable_fen", made.values("payable_fen"), kind="strong", how=again)
    if made.there("deferred_fen"):
        made.line("deferred_fen", made.values("deferred_fen"), kind="strong")
        part = "deferred_region_fen"  # not in runs of an earlier drgpay
        if part in made.records[0] and made.there(part):
            made.line(part, made.values(part))
    made.line("recover_fen", made.values("recover_fen"), kind="strong", how=again)
    ends = (("payable_fen", -1), ("deferred_fen", -1), ("recover_fen", 1))
    terms = (*FUND_ACCOUNT, *ends)
    made.line("check", made.sums(terms), how=made.formula(terms), title=w("fund_check"))
    for name in FUND_CASH[2:]:
        if made.there(name):
            made.line(name, made.values(name))
    how = made.formula((name, 1) for name in FUND_CASH)
    made.line("cash_fen", made.values("cash_fen"), kind="strong", how=how)
    targets = made.values("control_target_fen")
    if any(v is not None for v in targets):
        made.line("control_target_fen", targets)
        inside = [
            None if target is None or free is None else target - free
            for target, free in zip(targets, made.values("free_fen"), strict=True)
        ]
        if any(inside):
            made.line("inside", inside, -1, title=w("fund_inside"))
        left = [
            None if target is None else target - (aside or 0) - (cash or 0)
            for target, aside, cash in zip(targets, inside, made.values("cash_fen"), strict=True)
        ]
        how = made.formula((("control_target_fen", 1), ("inside", -1), ("cash_fen", -1)))
        made.line("left", left, how=how, title=w("fund_left"))
        if made.there("drawn_fen"):
            made.line("drawn_fen", made.values("drawn_fen"))
    return made.table


def ceiling_chart(run: Run, w: Words) -> str:
    facts = ceiling_facts(run, w)
    if facts is None:
        return ""
    paid, target, _ = facts
    parts = [(name, fen) for name, fen in paid if fen > 0]
    whole = sum(fen for _, fen in paid)
    target_text = w("g_gauge", fen=yuan(target), share=amounts.percent(whole, target, 2))
    return charts.gauge(
        [(name, fen, amounts.ten_thousand_yuan(fen)) for name, fen in parts],
        target,
        target_text,
        w("chart_ceiling"),
    )


def quality_table(run: Run, w: Words) -> Table | None:
    """How well the scheme parts the year's cases, by MDC."""
    records = run.records("quality")
    if not records:
        return None
    names = ("cases", "groups", "stable_groups", "unstable_share", "cv_mean", "riv")
    columns = [Column(column_label("quality", "mdc", w.lang), "code")]
    columns += [Column(column_label("quality", name, w.lang)) for name in names]
    table = Table(w("quality_table"), columns, [], css="")
    every = [r for r in records if not r["mdc"]]
    for r in [*sorted((r for r in records if r["mdc"]), key=lambda r: r["mdc"]), *every]:
        share, cv, riv = r["unstable_share"], r["cv_mean"], r["riv"]
        table.rows.append(
            row(
                r["mdc"] or w("total"),
                *(f"{r[name]:,}" for name in names[:3]),
                "—" if share is None else f"{float(share):.2%}",
                "—" if cv is None else f"{float(cv):.3f}",
                "—" if riv is None else f"{float(riv):.3f}",
                kind="" if r["mdc"] else "total",
            )
        )
    return table


def coefficient_table(run: Run, w: Words) -> Table | None:
    """Coefficients of hospitals, with what they are made of; those of single DRGs are counted."""
    records = run.records("coefficients")
    if not records:
        return None
    fixed = ("hospital_id", "drg", "coefficient", "trial")
    parts = [name for name in records[0] if name not in fixed]
    single: dict[str, int] = {}
    for r in records:
        if r["drg"]:
            single[r["hospital_id"]] = single.get(r["hospital_id"], 0) + 1
    columns = columns_of(w, "hospital:text coefficient")
    columns += columns_of(w, "coefficient_drgs") * bool(single)
    columns += [Column(column_label("coefficients", name, w.lang)) for name in parts]
    css = "narrow" if len(columns) < 4 else "sticky"
    table = Table(w("coefficient_table"), columns, [], css=css)

    def text(value: Any) -> str:
        return "—" if value is None else f"{value}"

    whole = {r["hospital_id"]: r for r in records if not r["drg"]}
    for hospital in sorted({*whole, *single}):
        r = whole.get(hospital, {})
        cells = [text(r.get("coefficient"))]
        cells += [f"{single.get(hospital, 0):,}"] * bool(single)
        cells += [text(r.get(name)) for name in parts]
        table.rows.append(row(identity_cell(run, Account(hospital, "", run.total), "", w), *cells))
    if len(table.rows) > HOSPITALS_UNFOLDED:
        rest = table.rows[HOSPITALS_SHOWN:]
        table.rows = table.rows[:HOSPITALS_SHOWN]
        table.tail = rest[:HOSPITALS_FOLDED]
        table.tail_label = w("rest_details_some", n=len(table.tail), all=len(rest))
    return table


PERDIEM_SHOWN = (
    "hospital_id", "level", "bed_day_class", "stays", "days", "mean_stay_days",
    "peer_mean_stay_days", "mean_daily_cost_fen", "peer_mean_daily_cost_fen", "paid_per_day_fen",
    "cost_paid_ratio",
)  # fmt: skip


def plain_table(
    run: Run, name: str, title: str, w: Words, chosen: Sequence[str] = ()
) -> Table | None:
    """A table of the run folder as it stands: headings in words, fen in yuan, the first rows."""
    path = run.folder / f"{name}.parquet"
    if not path.exists():
        return None
    data = run.table(name)
    if not len(data):
        return None
    if chosen:
        data = data.select([column for column in chosen if column in data.schema.names])
    shown = data.slice(0, PLAIN_ROWS)
    caption = title
    if len(shown) < len(data):
        caption += w("plain_some", shown=len(shown), all=f"{len(data):,}", file=f"{name}.csv")
    elif chosen:
        caption += w("plain_more", file=f"{name}.csv")
    columns, cells = [], []
    for field in data.schema:
        number = field.name.endswith("_fen") or str(field.type).startswith(
            ("int", "float", "double", "decimal")
        )
        shown_name = "hospital_name" if field.name == "hospital_id" else field.name
        label = column_label(name, shown_name, w.lang)
        columns.append(Column(label, "num" if number else "text"))
        values = shown[field.name].to_pylist()
        if field.name == "hospital_id":
            cells.append([run.hospital_name(str(value)) for value in values])
        elif field.name == "bed_day_class":
            cells.append([run.bed_day_name(str(value), w.lang) for value in values])
        else:
            cells.append([plain_text(field.name, value, w, name) for value in values])
    return Table(caption, columns, [row(*texts) for texts in zip(*cells, strict=True)], css="wide")


def month_table(run: Run, w: Words) -> Table | None:
    """The year month by month: cases, points, recorded fund, and what corrections took off."""
    heads = "cases points_before correction_points recorded_fund_fen not_pool_fen money_fen".split()
    sums: dict[str, list[int]] = {}
    for r in run.records("months"):
        own = sums.setdefault(r["month"], [0] * len(heads))
        facts = [units_of(r[name], 4) if "points" in name else r[name] for name in heads]
        sums[r["month"]] = [a + b for a, b in zip(own, facts, strict=True)]
    if not sums:
        return None
    columns = [Column(column_label("months", "month", w.lang), "text")]
    columns += [Column(column_label("months", name, w.lang)) for name in heads]
    table = Table(w("month_table"), columns, [])
    kinds = "count points points yuan yuan yuan"
    for month in sorted(sums):
        table.add(month, *cells(kinds, sums[month]))
    whole = [sum(column) for column in zip(*sums.values(), strict=True)]
    table.add(w("total"), *cells(kinds, whole), kind="total")
    return table


def plain_text(name: str, value: Any, w: Words, table: str) -> str:
    if value is None:
        return "—"
    if name.endswith("_fen") and isinstance(value, int | float):
        return yuan(round(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, str):
        return word(name, value, w.lang, table)
    return parameter_value(value, "", w)


def extra_tables(run: Run, w: Words) -> list[Table]:
    """Months, bed-days and capitation, where the run folder has them; no table of persons."""
    found = [month_table(run, w), plain_table(run, "perdiem", w("x_perdiem"), w, PERDIEM_SHOWN)]
    for name in in_order(path.stem for path in run.folder.glob("capitation*.parquet")):
        if not name.endswith(("_persons", "_quarantine")):
            title = table_title(name, w.lang).replace("_", w("colon"))
            found.append(plain_table(run, name, title, w))
    return [table for table in found if table is not None]


def difference_chart(run: Run, w: Words) -> tuple[str, str, str]:
    """A title, the chart, and a note on what it leaves out."""
    ranked = sorted(run.by_hospital, key=lambda a: (-abs(a.amounts.difference), a.hospital))
    drawn = ranked[:BARS_SHOWN]
    large = any(abs(a.amounts.difference) >= 10_000_000 for a in drawn)
    text = amounts.ten_thousand_yuan if large else yuan
    unit = w("unit_wan" if large else "unit_yuan")
    bars = [
        (
            short_label(run.hospital_name(a.hospital), 34),
            a.amounts.difference,
            text(a.amounts.difference, True),
        )
        for a in sorted(drawn, key=lambda a: (-a.amounts.difference, a.hospital))
    ]
    if len(ranked) > len(drawn):
        title = w("chart_diff_some", shown=len(drawn), all=len(ranked), unit=unit)
        rest = ranked[len(drawn) :]
        fen = yuan(total_of(rest).difference, signed=True)
        note = w("chart_diff_rest", n=len(rest), fen=fen)
    else:
        title, note = w("chart_diff_all", unit=unit), ""
    return title, charts.differences(bars, title), note


def difference_table(run: Run, w: Words, gains: bool) -> Table:
    """The largest differences of one sign, hospital and pool."""
    sign = 1 if gains else -1
    found = [a for a in run.accounts if a.amounts.difference * sign > 0]
    found.sort(key=lambda a: (-sign * a.amounts.difference, a.hospital, a.pool))
    heads = columns_of(w, "hospital:text pool:text difference difference_share")
    table = Table(w("d_gain" if gains else "d_loss"), heads, [], css="narrow")
    for account in found[:DIFFERENCES_LISTED]:
        a = account.amounts
        table.add(
            run.hospital_name(account.hospital),
            Cell(run.pool_name(account.pool, code=False), mark="nowrap"),
            signed_cell(a.difference),
            amounts.percent(a.difference, a.recorded, 2, signed=True),
        )
    return table


def drg_records(run: Run) -> list[Record]:
    records: list[Record] = run.table("drgs").to_pylist()
    for record in records:
        record["point_units"] = units_of(record["points"] or 0, 4)
    return sorted(records, key=lambda r: (-r["point_units"], r["drg"]))


def cv_chart(run: Run, w: Words) -> tuple[str, str] | None:
    """The chart of the groups' CV before and after trimming, and a note; None without history."""
    records = run.records("drgs")
    before = [float(r["cv_before"]) for r in records if r.get("cv_before") is not None]
    after = [float(r["cv_after"]) for r in records if r.get("cv_after") is not None]
    if not before and not after:
        return None
    limit = run.fraction("stable.cv_max")
    svg = charts.cv_histogram(
        before,
        after,
        None if limit is None else float(limit),
        (w("cv_before_legend"), w("cv_after_legend")),
        "" if limit is None else w("cv_limit", limit=amounts.trimmed(limit)),
        w("chart_cv"),
    )
    return svg, w("cv_note", before=len(before), after=len(after))


def drg_table(run: Run, records: Sequence[Record], w: Words) -> Table:
    used = [r for r in records if r["cases"]]
    shown = used[:DRGS_SHOWN]
    history = any(r.get("n_before") is not None for r in records)
    whole = run.total.points
    heads = (
        "drg:code drg_name:text cases points points_share total_cost mean_cost group_mean "
        f"base_points stable:text {'n_before_after cv_before_after' * history}"
    )
    caption = w("drg_table", shown=len(shown), all=len(used))
    table = Table(caption, columns_of(w, heads), [], css="wide")

    def sums(whole_of: Sequence[int]) -> list[Cell]:
        """Cases, points, their share, cost and its mean."""
        number, points, cost = whole_of
        mean = divide_rounded(cost, number) if number else None
        values = (number, points, amounts.percent(points, whole), cost, mean)
        return cells("count points text yuan yuan", values)

    def facts(part: Sequence[Record]) -> list[int]:
        return [sum(r[key] for r in part) for key in ("cases", "point_units", "total_cost_fen")]

    def arrow(kind: str, values: Sequence[Any]) -> str:
        return " → ".join("—" if v is None else format(v, kind) for v in values)

    for r in shown:
        stable = Cell(w("yes")) if r["stable"] else Cell(w("no"), mark="loss")
        base = None if r["base_points"] is None else units_of(r["base_points"], 4)
        made = [*sums(facts([r])), *cells("yuan points", (r["group_mean_fen"], base))]
        made.append(Cell("—") if r["stable"] is None else stable)
        if history:
            made.append(Cell(arrow(",", (r.get("n_before"), r.get("n_after")))))
            made.append(Cell(arrow(".3f", (r.get("cv_before"), r.get("cv_after")))))
        table.add(r["drg"], r["name"] or "", *made)

    def sum_row(name: str, whole_of: Sequence[int], kind: str) -> None:
        table.add("", name, *sums(whole_of), *[""] * (len(table.columns) - 7), kind=kind)

    rest = used[len(shown) :]
    if rest:
        sum_row(w("drg_rest", n=len(rest)), facts(rest), "subtotal")
    every = [run.total.cases, whole, sum(c.cost for c in run.classes)]
    outside = [a - b for a, b in zip(every, facts(used), strict=True)]
    if any(outside):
        sum_row(w("drg_outside"), outside, "subtotal")
    sum_row(w("total"), every, "total")
    return table


def quarantine_table(run: Run, w: Words) -> Table | None:
    """Return the quarantined cases by reason, and after their total the reviews without effect."""
    records = run.table("quarantine").to_pylist()
    if not records:
        return None

    def counts(part: Sequence[Record]) -> tuple[str, str]:
        """How many rows have findings, and how many findings there are."""
        return f"{len({(r['file'], r['row']) for r in part}):,}", f"{len(part):,}"

    heads = "q_reason:text i_file:code q_column:code q_rows q_findings q_remedy:text"
    table = Table(w("s_quarantine"), columns_of(w, heads), [])

    def add(own: Sequence[Record]) -> None:
        """Add rows by reason, file and column, the most findings first."""
        groups: dict[tuple[str, str, str], list[Record]] = {}
        for r in own:
            key = (r["reason"] or "", r["file"] or "", r["column"] or "")
            groups.setdefault(key, []).append(r)
        by_findings = sorted(groups.items(), key=lambda g: (-len(g[1]), g[0]))
        for (reason, file, column), part in by_findings:
            remedies = {r["remedy"] for r in part if r["remedy"]}
            name = word("reason", reason, w.lang, "quarantine")
            remedy = Cell(remedies.pop() if len(remedies) == 1 else "", mark="wrap")
            table.add(name, file, choose(w.lang, both_names(column), column), *counts(part), remedy)

    cases = [r for r in records if r["reason"] not in REVIEW_NOTES]
    add(cases)
    table.add(w("q_all"), "", "", *counts(cases), "", kind="total")
    add([r for r in records if r["reason"] in REVIEW_NOTES])
    return table


def front_page_table(run: Run, w: Words) -> Table | None:
    """Return the findings of the front pages by check, but for those that quarantine a case."""
    told = run.manifest.get("front_page", {})
    found, errors = told.get("by_check", {}), told.get("errors", {})
    holding = set(told.get("holding", ()))
    listed = [(CHECKS[name], cases) for name, cases in found.items() if name in CHECKS]
    listed = [(check, cases) for check, cases in listed if check.severity != "fatal"]
    if not listed:
        return None
    whole = run.manifest["counts"]["in"]
    money_heads = "f_recorded f_effect:text" if errors else ""
    heads = f"f_severity:text f_check:text cases share {money_heads} f_advice:text"
    table = Table(w("s_front_page"), columns_of(w, heads), [])

    def money(name: str) -> list[str | Cell]:
        """The recorded fund that hangs on a finding that is an error, and what becomes of it."""
        if not errors:
            return []
        sums, held = errors.get(name), name in holding
        fen = "—" if sums is None else yuan(int(sums["pool_fund_fen"]))
        if sums is None and not held and CHECKS[name].severity == "error":
            return [fen, "—"]  # none of its cases is paid
        effect = Cell(w("f_held" if held else "f_paid"), mark="loss nowrap" if held else "nowrap")
        return [fen, effect]

    for check, cases in listed:
        table.add(
            word("severity", check.severity, w.lang, "findings"),
            check.message(w.lang),
            f"{cases:,}",
            amounts.percent(cases, whole, 2),
            *money(check.name),
            Cell(check.advice(w.lang), mark="wrap"),
        )
    return table


# codes inside of lists that are no choices
VALUE_WORDS: Mapping[str, Mapping[str, str]] = {
    "fund_type_map": {"account": "个人账户（account）", "other": "其他（other）"},
    "capitation.special_factors": {
        "migration": "人口流动（migration）",
        "disease": "疾病（disease）",
    },
}


def _in_chinese(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_in_chinese(item, words) for item in value]
    return words.get(value, value) if isinstance(value, str) else value


def parameter_value(value: object, unit: str, w: Words, key: str = "") -> str:
    """A parameter's value for people: switches, lists, bands and tables included.

    With the parameter's key, its choices are shown in Chinese with their code.
    """
    if isinstance(value, str) and choice_word(key, value):
        return choice_text(key, value, w.lang)
    if value is None or value == "none" or value == []:
        return w("none")
    if isinstance(value, bool):
        return w("yes" if value else "no")
    if isinstance(value, Mapping):
        parts = [f"{k}{w('colon')}{parameter_value(v, '', w)}" for k, v in value.items()]
        return w("semicolon").join(parts)
    if isinstance(value, list):
        if key in VALUE_WORDS and is_chinese(w.lang):
            value = [_in_chinese(item, VALUE_WORDS[key]) for item in value]
        if unit == "bands" and all(isinstance(v, list) and len(v) == 2 for v in value):
            bands = [
                f"{w('other') if limit in (None, 'none') else f'≤ {limit}'}{w('colon')}{factor}"
                for limit, factor in value
            ]
            return w("semicolon").join(bands)
        if value and all(isinstance(v, list) for v in value):
            return w("semicolon").join(
                " → ".join(choice_text(key, str(x), w.lang) for x in v) for v in value
            )
        return w("list_comma").join(parameter_value(v, "", w, key) for v in value)
    return str(value)


def parameter_rows(parameters: Iterable[Record], w: Words) -> list[Record]:
    """What people are told of each parameter, all as texts."""
    return [
        {
            "name": str(p.get("name") or p["key"]),
            "key": p["key"],
            "value": parameter_value(p["value"], p.get("unit") or "", w, p["key"]),
            "unit": w.of(UNITS, p.get("unit") or ""),
            "verified": w("yes" if p["verified"] else "no"),
            "source": source_text(p, w),
            "period": f"{p.get('from') or ''} – {p.get('to') or w('open_end')}",
            "used": w("yes" if p.get("used", True) else "no"),
        }
        for p in parameters
    ]


def source_title(title: str, lang: str) -> str:
    """Return a document's title in a language, where a policy names it as `中文 (English)`.

    >>> source_title("实施细则 (a draft of 2019)", "zh"), source_title("实施细则 (a draft)", "en")
    ('实施细则', 'a draft')
    """
    found = re.fullmatch(r"(.*[^\x00-\x7f].*) \(([\x20-\x7e]*[A-Za-z]{3}[\x20-\x7e]*)\)", title)
    return title if found is None else choose(lang, found[1], found[2])


def source_text(parameter: Record, w: Words) -> str:
    """The source of a parameter, in Chinese where the policy gives it so."""
    chinese = choose(w.lang, parameter.get("source_zh"), "")
    return chinese or parameter.get("source") or ""


def checks_table(run: Run, own: Sequence[tuple[str, bool]], w: Words) -> Table:
    table = Table(w("s_checks"), columns_of(w, "k_check:text k_result:text k_detail:text"), [])

    def line(name: str, passed: bool, detail: str) -> None:
        result = Cell(f"✗ {w('failed')}", mark="claw nowrap")
        if passed:
            result = Cell(f"✓ {w('passed')}", mark="ok nowrap")
        table.add(Cell(name, mark="wrap"), result, Cell(detail, mark="wrap" * bool(detail)))

    for check in run.manifest["checks"]:
        name = check.get(f"text_{w.lang}") or check["name"]
        line(name, check["passed"], str(check.get("detail") or ""))
    for text, passed in own:
        line(text, passed, "")
    return table


def inputs_table(run: Run, w: Words) -> Table:
    table = Table(w("s_inputs"), columns_of(w, "i_file:code i_rows i_bytes i_sha:code"), [])
    for i in run.manifest["inputs"]:
        counts = cells("count count", (i.get("rows"), i["bytes"]))
        table.add(i["file"], *counts, Cell(i["sha256"], mark="digest"))
    return table


def pool_chart(run: Run, w: Words) -> str:
    groups = []
    for s in settlements(run):
        bars = [
            (w("v_available"), s.available, yuan(s.available), "accent-soft"),
            (w("v_recorded"), s.recorded, yuan(s.recorded), "axis"),
            (w("v_settled"), s.settled, yuan(s.settled), "accent"),
        ]
        groups.append((short_label(s.name, 60), bars))
    return charts.pool_amounts(groups, w("chart_pool"))
