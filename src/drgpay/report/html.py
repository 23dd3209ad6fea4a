"""The report of a year-end run: one self-contained page made from the run folder alone."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import amounts, charts
from .amounts import points as points_text
from .amounts import units_of, yuan
from .tables import Cell, Column, Row, Table, row
from .texts import CLASSES, REASONS, UNITS, Words

TEMPLATES = Path(__file__).parent / "templates"
HOSPITALS_SHOWN = 30
HOSPITALS_UNFOLDED = 40
BARS_SHOWN = 30
DIFFERENCES_LISTED = 10
DRGS_SHOWN = 30
VALUE_PLACES = 12
TILE_PLACES = 6
SERIES_OF_CLASS = {name: number for number, name in enumerate(CLASSES, start=1)}

Record = dict[str, Any]


@dataclass
class Amounts:
    """What a hospital has in a pool, and what any set of such rows adds up to."""

    cases: int = 0
    points: int = 0
    not_pool: int = 0
    recorded: int = 0
    due: int = 0
    prepaid: int = 0
    deposit: int = 0
    forfeited: int = 0
    violation: int = 0
    final: int = 0

    @property
    def difference(self) -> int:
        return self.due - self.recorded

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            *(getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        )


@dataclass(frozen=True)
class Account:
    """A hospital in a pool."""

    hospital: str
    pool: str
    amounts: Amounts


def total_of(accounts: Iterable[Account]) -> Amounts:
    """Sum of the accounts' amounts."""
    return sum((a.amounts for a in accounts), Amounts())


def as_bool(value: object) -> bool:
    """A switch as policies write it: true, "true" or "yes"."""
    return value is True or str(value).lower() in ("true", "yes")


class Run:
    """The run folder's manifest and tables, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        raw = (folder / "manifest.json").read_bytes()
        self.digest = hashlib.sha256(raw).hexdigest()
        self.manifest: Record = json.loads(raw, parse_float=Decimal)
        self.parameters: list[Record] = self.manifest["policy"]["parameters"]
        self.values: Record = {p["key"]: p["value"] for p in self.parameters}
        self.hospitals: dict[str, Record] = {
            h["hospital_id"]: h for h in self.manifest["hospitals"]
        }
        self.pools: list[Record] = self.manifest["pools"]
        self.classes: list[tuple[str, int, int, int]] = self._classes()

    def table(self, name: str) -> pa.Table:
        return pq.read_table(self.folder / f"{name}.parquet")

    def _classes(self) -> list[tuple[str, int, int, int]]:
        """Class, cases, points and cost of each class that has cases."""
        given: Record = self.manifest["classes"]
        names = [c for c in CLASSES if c in given] + sorted(set(given) - set(CLASSES))
        found = []
        for name in names:
            facts = given[name]
            if facts["cases"]:
                found.append(
                    (
                        name,
                        int(facts["cases"]),
                        units_of(facts["points"], 4),
                        int(facts["total_cost_fen"]),
                    )
                )
        return found

    @cached_property
    def accounts(self) -> list[Account]:
        """Every hospital and pool, most points first."""
        found = []
        for r in self.table("hospitals").to_pylist():
            found.append(
                Account(
                    r["hospital_id"],
                    r["pool"],
                    Amounts(
                        cases=r["cases"],
                        points=units_of(r["points"], 4),
                        not_pool=r["not_pool_fen"],
                        recorded=r["recorded_fund_fen"],
                        due=r["due_fen"],
                        prepaid=r["prepaid_fen"],
                        deposit=r["deposit_fen"],
                        forfeited=r["forfeited_fen"],
                        violation=r["violation_fen"],
                        final=r["final_fen"],
                    ),
                )
            )
        return sorted(found, key=lambda a: (-a.amounts.points, a.hospital, a.pool))

    @cached_property
    def by_hospital(self) -> list[Account]:
        """Every hospital over all pools, most points first."""
        sums: dict[str, Amounts] = {}
        for account in self.accounts:
            sums[account.hospital] = sums.get(account.hospital, Amounts()) + account.amounts
        found = [Account(hospital, "", amounts_) for hospital, amounts_ in sums.items()]
        return sorted(found, key=lambda a: (-a.amounts.points, a.hospital))

    @cached_property
    def total(self) -> Amounts:
        return total_of(self.accounts)

    def fraction(self, key: str) -> Fraction | None:
        """A numeric parameter, or None when the manifest has no such number."""
        value = self.values.get(key)
        if value is None or isinstance(value, (bool, float, list, dict)):
            return None
        try:
            return Fraction(value)
        except ValueError:
            return None

    @cached_property
    def combined(self) -> bool:
        return as_bool(self.values.get("combine_pools")) and len(self.pools) > 1

    def hospital_name(self, hospital: str) -> str:
        return str(self.hospitals.get(hospital, {}).get("name") or hospital)

    def pool_name(self, pool: str) -> str:
        for p in self.pools:
            if p["pool"] == pool:
                return f"{p['name']}（{pool}）" if p.get("name") else pool
        return pool

    def readmissions(self) -> tuple[int, int]:
        """Cases whose points the readmission rule lowered, and by how many points in all."""
        count, lost = 0, 0
        columns = ["points_before_readmission", "points"]
        for batch in pq.ParquetFile(self.folder / "cases.parquet").iter_batches(columns=columns):
            cut = pc.subtract(batch.column(0), batch.column(1))
            count += pc.sum(pc.not_equal(batch.column(0), batch.column(1))).as_py() or 0
            lost += units_of(pc.sum(cut).as_py() or 0, 4)
        return count, lost


# --- point value, step by step --------------------------------------------------------------


@dataclass
class Settlement:
    """What a pool (or all of them combined) has, and what the parameters make of it."""

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
        due = sum(a.amounts.due for a in run.accounts if a.pool == p["pool"])
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


def combined(run: Run, parts: Sequence[Settlement], w: Words) -> Settlement:
    """All pools together, as `combine_pools` settles them."""
    names = ("budget", "reserve", "out_of_area", "available", "recorded", "not_pool")
    names += ("settled", "points", "residual", "due")
    sums: dict[str, Any] = {n: sum(getattr(p, n) for p in parts) for n in names}
    return Settlement(
        name=w("combined"), value=parts[0].value, value_text=parts[0].value_text, **sums
    )


def value_table(run: Run, w: Words) -> Table:
    """The point value of each pool, line by line, with the formula of each line."""
    parts = settlements(run)
    shown = [*parts, combined(run, parts, w)] if run.combined else parts
    deciding = shown[-1:] if run.combined else shown
    inside = str(run.values.get("out_of_area", "inside_budget")) == "inside_budget"
    reserve_ratio = run.fraction("reserve_ratio")
    value_dp = run.fraction("value_dp")
    pending = Cell("—", w("v_combined_cell", combined=w("combined")), "muted")
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
        if s not in deciding:
            return Cell(yuan(s.settled), w("v_share_of_combined"), "muted")
        ratio, again = s.ratio(run), s.recomputed(run)
        if ratio is None or again is None:
            return Cell(yuan(s.settled))
        surplus = s.recorded <= s.available
        how = w("v_surplus_how" if surplus else "v_overspend_how", k=amounts.trimmed(ratio))
        if again != s.settled:
            return Cell(yuan(s.settled), w("v_mismatch", fen=yuan(again)), "loss")
        return Cell(yuan(s.settled), how)

    def ratio_cell(s: Settlement) -> Cell:
        if s not in deciding:
            return pending
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
        if s not in deciding or exact is None or exact == s.value:
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


# --- cases ----------------------------------------------------------------------------------


def counts_table(run: Run, w: Words) -> Table:
    counts, ends = run.manifest["counts"], run.manifest["ends"]
    whole = counts["in"]
    table = Table(
        w("counts_table"),
        [Column("", "text"), Column(w("cases")), Column(w("share"))],
        [],
        css="narrow",
    )

    def line(key: str, count: int, kind: str = "", mark: str = "") -> None:
        share = amounts.percent(count, whole)
        table.rows.append(row(w(key), Cell(f"{count:,}", mark=mark), share, kind=kind))

    line("c_in", whole, "strong")
    line("c_quarantined", ends["quarantined"], mark="loss" if ends["quarantined"] else "")
    if whole != ends["paid"] + ends["quarantined"]:
        line("c_unexplained", whole - ends["paid"] - ends["quarantined"], mark="loss")
    line("c_paid", ends["paid"], "total")
    for key in ("grouped", "ambiguous", "ungroupable"):
        line(f"c_{key}", counts[key])
    rest = ends["paid"] - sum(counts[k] for k in ("grouped", "ambiguous", "ungroupable"))
    if rest:
        line("c_unexplained", rest, mark="loss")
    return table


def class_table(run: Run, w: Words) -> Table:
    sums = [sum(c[n] for c in run.classes) for n in (1, 2, 3)]
    table = Table(
        w("class_table"),
        [
            Column(w("class"), "text"),
            Column(w("cases")),
            Column(w("share")),
            Column(w("points")),
            Column(w("points_share")),
            Column(w("total_cost")),
            Column(w("cost_share")),
            Column(w("mean_cost")),
        ],
        [],
    )

    def line(name: str, facts: Sequence[int], swatch: int, kind: str = "") -> None:
        cases, points, cost = facts
        table.rows.append(
            row(
                Cell(name, swatch=swatch),
                f"{cases:,}",
                amounts.percent(cases, sums[0]),
                points_text(points),
                amounts.percent(points, sums[1]),
                yuan(cost),
                amounts.percent(cost, sums[2]),
                yuan(amounts.divide_rounded(cost, cases)) if cases else "—",
                kind=kind,
            )
        )

    for name, *facts in run.classes:
        line(w.of(CLASSES, name), facts, series(name))
    line(w("total"), sums, 0, "total")
    return table


def series(case_class: str) -> int:
    """Colour number of a class; a class without its own shares the last colour."""
    return SERIES_OF_CLASS.get(case_class, charts.SERIES)


def class_chart(run: Run, w: Words) -> str:
    bars = [
        (w("mix_cases"), [c[1] for c in run.classes]),
        (w("mix_points"), [c[2] for c in run.classes]),
        (w("mix_cost"), [c[3] for c in run.classes]),
    ]
    colours = [series(c[0]) for c in run.classes]
    return charts.class_mix(bars, colours, [w("chart_mix")])


# --- hospitals ------------------------------------------------------------------------------


def signed_cell(fen: int) -> Cell:
    return Cell(yuan(fen, signed=True), mark="loss" if fen < 0 else "gain" if fen else "")


def final_cell(fen: int, w: Words) -> Cell:
    """A final payment; a negative one is money the hospital has to return."""
    if fen < 0:
        return Cell(yuan(fen), mark="claw", tag=w("return"))
    return Cell(yuan(fen))


def folded(
    table: Table, accounts: Sequence[Account], make: Any, w: Words, subtotal_name: str
) -> Table:
    """Put the largest hospitals, a subtotal of the rest and the total into the table."""
    shown = len(accounts) if len(accounts) <= HOSPITALS_UNFOLDED else HOSPITALS_SHOWN
    table.rows = [make(a) for a in accounts[:shown]]
    rest = accounts[shown:]
    if rest:
        table.rows.append(make(Account(subtotal_name, "", total_of(rest)), kind="subtotal"))
        table.tail = [make(a) for a in rest]
        table.tail_label = w("rest_details", n=len(rest))
    table.rows.append(make(Account(w("total"), "", total_of(accounts)), kind="total"))
    return table


def identity_cell(run: Run, account: Account, kind: str) -> Cell:
    if kind:
        return Cell(account.hospital)
    facts = run.hospitals.get(account.hospital, {})
    note = " · ".join(str(x) for x in (account.hospital, facts.get("level")) if x)
    return Cell(run.hospital_name(account.hospital), note)


def summary_table(run: Run, w: Words) -> Table:
    """Each hospital over all pools."""
    table = Table(
        w("all_pools"),
        [
            Column(w("hospital"), "text"),
            Column(w("cases")),
            Column(w("points")),
            Column(w("points_per_case")),
            Column(w("recorded")),
            Column(w("due")),
            Column(w("difference")),
            Column(w("difference_share")),
            Column(w("final")),
        ],
        [],
        css="sticky",
    )

    def make(account: Account, kind: str = "") -> Row:
        a = account.amounts
        return row(
            identity_cell(run, account, kind),
            f"{a.cases:,}",
            points_text(a.points),
            points_text(amounts.divide_rounded(a.points, a.cases)) if a.cases else "—",
            yuan(a.recorded),
            yuan(a.due),
            signed_cell(a.difference),
            amounts.percent(a.difference, a.recorded, 2, signed=True),
            final_cell(a.final, w),
            kind=kind,
        )

    accounts = run.by_hospital
    n = len(accounts) - HOSPITALS_SHOWN
    return folded(table, accounts, make, w, w("rest_subtotal", n=n))


def pool_table(run: Run, pool: str, w: Words) -> Table:
    """Each hospital in one pool, with every amount that leads to the final payment."""
    table = Table(
        run.pool_name(pool),
        [
            Column(w("hospital"), "text"),
            Column(w("cases")),
            Column(w("points")),
            Column(w("not_pool")),
            Column(w("recorded")),
            Column(w("due")),
            Column(w("difference")),
            Column(w("prepaid")),
            Column(w("deposit")),
            Column(w("forfeited")),
            Column(w("violations")),
            Column(w("final")),
        ],
        [],
        css="sticky wide",
    )

    def make(account: Account, kind: str = "") -> Row:
        a = account.amounts
        return row(
            identity_cell(run, account, kind),
            f"{a.cases:,}",
            points_text(a.points),
            yuan(a.not_pool),
            yuan(a.recorded),
            Cell(yuan(a.due), mark="claw" if a.due < 0 else ""),
            signed_cell(a.difference),
            yuan(a.prepaid),
            yuan(a.deposit),
            yuan(a.forfeited),
            yuan(a.violation),
            final_cell(a.final, w),
            kind=kind,
        )

    accounts = [a for a in run.accounts if a.pool == pool]
    n = len(accounts) - HOSPITALS_SHOWN
    return folded(table, accounts, make, w, w("rest_subtotal", n=n))


def difference_chart(run: Run, w: Words) -> tuple[str, str, str]:
    """Chart, its title and a note on what it leaves out."""
    ranked = sorted(run.by_hospital, key=lambda a: (-abs(a.amounts.difference), a.hospital))
    drawn = ranked[:BARS_SHOWN]
    large = any(abs(a.amounts.difference) >= 10_000_000 for a in drawn)
    text = amounts.ten_thousand_yuan if large else yuan
    unit = w("unit_wan" if large else "unit_yuan")
    bars = [
        (
            charts.short_label(run.hospital_name(a.hospital), 34),
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
    return charts.differences(bars, title), title, note


def difference_table(run: Run, w: Words, gains: bool) -> Table:
    """The largest differences of one sign, hospital and pool."""
    sign = 1 if gains else -1
    found = [a for a in run.accounts if a.amounts.difference * sign > 0]
    found.sort(key=lambda a: (-sign * a.amounts.difference, a.hospital, a.pool))
    table = Table(
        w("d_gain" if gains else "d_loss"),
        [
            Column(w("hospital"), "text"),
            Column(w("pool"), "text"),
            Column(w("difference")),
            Column(w("difference_share")),
        ],
        [],
        css="narrow",
    )
    for account in found[:DIFFERENCES_LISTED]:
        a = account.amounts
        table.rows.append(
            row(
                run.hospital_name(account.hospital),
                run.pool_name(account.pool),
                signed_cell(a.difference),
                amounts.percent(a.difference, a.recorded, 2, signed=True),
            )
        )
    return table


# --- DRGs -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CvChart:
    svg: str
    note: str


def drg_records(run: Run) -> list[Record]:
    records: list[Record] = run.table("drgs").to_pylist()
    for record in records:
        record["point_units"] = units_of(record["points"] or 0, 4)
    return sorted(records, key=lambda r: (-r["point_units"], r["drg"]))


def cv_chart(run: Run, records: Sequence[Record], w: Words) -> CvChart | None:
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
    return CvChart(svg, w("cv_note", before=len(before), after=len(after)))


def drg_table(records: Sequence[Record], w: Words) -> Table:
    used = [r for r in records if r["cases"]]
    shown = used[:DRGS_SHOWN]
    history = any(r.get("n_before") is not None for r in records)
    whole = sum(r["point_units"] for r in used)
    columns = [
        Column(w("drg"), "code"),
        Column(w("drg_name"), "text"),
        Column(w("cases")),
        Column(w("points")),
        Column(w("points_share")),
        Column(w("total_cost")),
        Column(w("mean_cost")),
        Column(w("group_mean")),
        Column(w("base_points")),
        Column(w("stable"), "text"),
    ]
    if history:
        columns += [Column(w("n_before_after")), Column(w("cv_before_after"))]
    caption = w("drg_table", shown=len(shown), all=len(used))
    table = Table(caption, columns, [], css="wide")

    def mean(cost: int, cases: int) -> str:
        return yuan(amounts.divide_rounded(cost, cases)) if cases else "—"

    for r in shown:
        stable = Cell(w("yes")) if r["stable"] else Cell(w("stable_no"), mark="loss")
        cells: list[str | Cell] = [
            r["drg"],
            r["name"] or "",
            f"{r['cases']:,}",
            points_text(r["point_units"]),
            amounts.percent(r["point_units"], whole),
            yuan(r["total_cost_fen"]),
            mean(r["total_cost_fen"], r["cases"]),
            "—" if r["group_mean_fen"] is None else yuan(r["group_mean_fen"]),
            "—" if r["base_points"] is None else points_text(units_of(r["base_points"], 4)),
            "—" if r["stable"] is None else stable,
        ]
        if history:
            kept = [r.get("n_before"), r.get("n_after")]
            cvs = [r.get("cv_before"), r.get("cv_after")]
            texts = ["—" if cv is None else f"{cv:.3f}" for cv in cvs]
            counts = ["—" if n is None else f"{n:,}" for n in kept]
            cells += [f"{counts[0]}（{counts[1]}）", " → ".join(texts)]
        table.rows.append(row(*cells))

    def sum_row(name: str, part: Sequence[Record], kind: str) -> Row:
        cases = sum(r["cases"] for r in part)
        points = sum(r["point_units"] for r in part)
        cost = sum(r["total_cost_fen"] for r in part)
        cells: list[str | Cell] = ["", name, f"{cases:,}", points_text(points)]
        cells += [amounts.percent(points, whole), yuan(cost), mean(cost, cases)]
        return row(*cells, *[""] * (len(columns) - len(cells)), kind=kind)

    rest = used[len(shown) :]
    if rest:
        table.rows.append(sum_row(w("drg_rest", n=len(rest)), rest, "subtotal"))
    table.rows.append(sum_row(w("total"), used, "total"))
    return table


def base_points_text(run: Run, w: Words) -> str:
    base = run.manifest["base_points"]
    source = "history" if base["source"] == "history" else "given"
    return w(
        f"base_source_{source}",
        years=w("list_comma").join(str(y) for y in base.get("history_years") or []),
        cases=f"{base.get('history_cases') or 0:,}",
        drgs=f"{base['drgs']:,}",
        stable=f"{base['stable_drgs']:,}",
        mean=yuan(base["all_drg_mean_fen"]),
    )


# --- quarantine -----------------------------------------------------------------------------


def quarantine_table(run: Run, w: Words) -> Table | None:
    records = run.table("quarantine").to_pylist()
    if not records:
        return None
    groups: dict[tuple[str, str], list[Record]] = {}
    for r in records:
        groups.setdefault((r["reason"] or "", r["column"] or ""), []).append(r)

    def cases(part: Iterable[Record]) -> int:
        return len({(r["file"], r["row"]) for r in part})

    table = Table(
        w("s_quarantine"),
        [
            Column(w("q_reason"), "text"),
            Column(w("q_column"), "code"),
            Column(w("q_cases")),
            Column(w("q_findings")),
            Column(w("q_remedy"), "text"),
        ],
        [],
    )
    for (reason, column), part in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])):
        remedies = {r["remedy"] for r in part if r["remedy"]}
        name = w.of(REASONS, reason)
        table.rows.append(
            row(
                Cell(name, reason if name != reason else ""),
                column,
                f"{cases(part):,}",
                f"{len(part):,}",
                Cell(remedies.pop() if len(remedies) == 1 else "", mark="wrap"),
            )
        )
    total = row(w("q_all"), "", f"{cases(records):,}", f"{len(records):,}", "", kind="total")
    table.rows.append(total)
    return table


# --- parameters, checks, inputs -------------------------------------------------------------


def parameter_value(value: object, w: Words) -> str:
    """A parameter's value for people: switches, lists and bands included."""
    if value is None or value == "none" or value == []:
        return w("none")
    if isinstance(value, bool) or value in ("true", "false"):
        return w("yes" if as_bool(value) else "no")
    if isinstance(value, Mapping):
        parts = [f"{k}{w('colon')}{parameter_value(v, w)}" for k, v in value.items()]
        return w("semicolon").join(parts)
    if isinstance(value, list):
        if all(isinstance(v, list) and len(v) == 2 for v in value):
            bands = [
                f"{w('other') if limit in (None, 'none') else f'≤ {limit}'}{w('colon')}{factor}"
                for limit, factor in value
            ]
            return w("semicolon").join(bands)
        return w("list_comma").join(parameter_value(v, w) for v in value)
    return str(value)


def parameter_table(run: Run, w: Words, verified: bool) -> Table:
    table = Table(
        w("p_verified" if verified else "p_unverified", n=""),
        [
            Column(w("p_name"), "text"),
            Column(w("p_value"), "text"),
            Column(w("p_unit"), "text"),
            Column(w("p_source"), "text"),
            Column(w("p_period"), "text"),
        ],
        [],
        css="parameters",
    )
    if verified:
        n = sum(1 for p in run.parameters if p["verified"])
        table.caption = w("p_verified", n=n)
    for p in run.parameters:
        if bool(p["verified"]) != verified:
            continue
        period = f"{p.get('from') or ''} – {p.get('to') or w('open_end')}"
        trial = w("p_trial") if p.get("trial") else ""
        table.rows.append(
            row(
                Cell(p.get("name") or p["key"], p["key"]),
                Cell(parameter_value(p["value"], w), mark="value wrap", tag=trial),
                w.of(UNITS, p.get("unit") or ""),
                Cell(p.get("source") or "", mark="wrap"),
                Cell(period, mark="nowrap"),
            )
        )
    return table


def own_checks(run: Run, w: Words) -> list[tuple[str, bool]]:
    """What the report itself adds up again, and whether it agrees with the manifest."""
    parts = settlements(run)
    total, counts, ends = run.total, run.manifest["counts"], run.manifest["ends"]
    points = {p["pool"]: units_of(p["points"], 4) for p in run.pools}
    of_hospitals = dict.fromkeys(points, 0)
    for account in run.accounts:
        of_hospitals[account.pool] = of_hospitals.get(account.pool, 0) + account.amounts.points
    paid = total.final + total.prepaid + total.forfeited + total.violation
    classes = [sum(c[n] for c in run.classes) for n in (1, 2)]
    deciding = [combined(run, parts, w)] if run.combined else parts
    rounded = run.fraction("value_dp") is not None
    values = all(s.exact_value() == s.value for s in deciding if s.points)
    found = [
        (w("rc_counts"), counts["in"] == ends["paid"] + ends["quarantined"]),
        (w("rc_classes"), classes == [ends["paid"], sum(points.values())]),
        (w("rc_points"), of_hospitals == points),
        (w("rc_settled"), all(s.due + s.residual == s.settled for s in deciding)),
        (w("rc_final"), paid == total.due),
    ]
    if not rounded:
        found.append((w("rc_value"), values))
    return found


def checks_table(run: Run, own: Sequence[tuple[str, bool]], w: Words) -> Table:
    table = Table(
        w("s_checks"),
        [Column(w("k_check"), "text"), Column(w("k_result"), "text"), Column(w("k_detail"), "text")],
        [],
    )

    def result(passed: bool) -> Cell:
        if passed:
            return Cell(f"✓ {w('passed')}", mark="ok nowrap")
        return Cell(f"✗ {w('failed')}", mark="claw nowrap")

    for check in run.manifest["checks"]:
        name = Cell(check.get(f"text_{w.lang}") or check["name"], check["name"], "wrap")
        detail = check.get("detail")
        table.rows.append(
            row(name, result(check["passed"]), Cell(str(detail or ""), mark="wrap"))
        )
    for text, passed in own:
        table.rows.append(row(Cell(text, "report", "wrap"), result(passed), ""))
    return table


def inputs_table(run: Run, w: Words) -> Table:
    table = Table(
        w("s_inputs"),
        [
            Column(w("i_file"), "code"),
            Column(w("i_rows")),
            Column(w("i_bytes")),
            Column(w("i_sha"), "code"),
        ],
        [],
    )
    for i in run.manifest["inputs"]:
        rows = "—" if i.get("rows") is None else f"{i['rows']:,}"
        sha = Cell(i["sha256"], mark="digest")
        table.rows.append(row(i["file"], rows, f"{i['bytes']:,}", sha))
    return table


# --- page -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Banner:
    kind: str  # danger | warning | info
    title: str
    text: str
    items: tuple[str, ...] = ()
    link: str = ""
    link_text: str = ""


def banners(run: Run, own: Sequence[tuple[str, bool]], w: Words) -> list[Banner]:
    m = run.manifest
    found = []
    if m["trial"]:
        items = tuple(str(t) for t in m["trial"])
        found.append(Banner("danger", w("banner_trial"), w("banner_trial_text"), items))
    failed = [c.get(f"text_{w.lang}") or c["name"] for c in m["checks"] if not c["passed"]]
    failed += [text for text, passed in own if not passed]
    if failed:
        text = w("banner_checks_text", names=w("semicolon").join(failed))
        found.append(
            Banner("danger", w("banner_checks", n=len(failed)), text, (), "checks", w("s_checks"))
        )
    if m["synthetic"]:
        found.append(Banner("danger", w("banner_synthetic"), w("banner_synthetic_text")))
    if m["scheme"]["draft"]:
        text = w("banner_draft_text", title=m["scheme"]["title"])
        found.append(Banner("danger", w("banner_draft"), text))
    unverified = sum(1 for p in run.parameters if not p["verified"])
    if unverified:
        found.append(
            Banner(
                "warning",
                w("banner_unverified", n=unverified),
                w("banner_unverified_text"),
                (),
                "parameters",
                w("s_parameters"),
            )
        )
    return found


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    sub: str = ""
    mark: str = ""


def tiles(run: Run, w: Words) -> list[Tile]:
    ends, total = run.manifest["ends"], run.total
    whole = run.manifest["counts"]["in"]
    parts = settlements(run)
    mean = amounts.divide_rounded(total.points, total.cases) if total.cases else 0
    returned = sum(a.amounts.final for a in run.accounts if a.amounts.final < 0)
    found = [
        Tile(w("tile_in"), f"{whole:,}"),
        Tile(
            w("tile_paid"),
            f"{ends['paid']:,}",
            w("of_all", share=amounts.percent(ends["paid"], whole, 2)),
        ),
        Tile(
            w("tile_quarantined"),
            f"{ends['quarantined']:,}",
            w("of_all", share=amounts.percent(ends["quarantined"], whole, 2)),
            "loss" if ends["quarantined"] else "",
        ),
        Tile(
            w("tile_points"),
            points_text(total.points),
            w("tile_points_sub", points=points_text(mean)),
        ),
        Tile(
            w("tile_settled"),
            yuan(sum(s.settled for s in parts)),
            w("tile_recorded_sub", fen=yuan(sum(s.recorded for s in parts))),
        ),
        Tile(
            w("tile_final"),
            yuan(total.final),
            w("tile_final_sub", fen=yuan(-returned)) if returned else "",
        ),
    ]
    for s in parts[:1] if run.combined else parts:
        units = amounts.rounded(s.value, TILE_PLACES)
        exact = Fraction(units, 10**TILE_PLACES) == s.value
        text = amounts.fixed(units, TILE_PLACES)
        label = w("tile_value_combined") if run.combined else w("tile_value", pool=s.name)
        found.append(
            Tile(label, text if exact else w("approx") + " " + text, w("per_point"), "key")
        )
    return found


def pool_chart(run: Run, w: Words) -> str:
    groups = []
    for s in settlements(run):
        bars = [
            (w("v_available"), s.available, yuan(s.available), "accent-soft"),
            (w("v_recorded"), s.recorded, yuan(s.recorded), "axis"),
            (w("v_settled"), s.settled, yuan(s.settled), "accent"),
        ]
        groups.append((charts.short_label(s.name, 22), bars))
    return charts.pool_amounts(groups, w("chart_pool"))


def view(run: Run, w: Words) -> Record:
    """Everything the template shows."""
    own = own_checks(run, w)
    records = drg_records(run)
    halved, lost = run.readmissions()
    negative = [a.amounts.final for a in run.accounts if a.amounts.final < 0]
    diff_svg, diff_title, diff_note = difference_chart(run, w)
    cv = cv_chart(run, records, w)
    unverified = parameter_table(run, w, verified=False)
    verified = parameter_table(run, w, verified=True)
    passed = sum(1 for c in run.manifest["checks"] if c["passed"]) + sum(p for _, p in own)
    every = len(run.manifest["checks"]) + len(own)
    pools_used = [p["pool"] for p in run.pools]
    print_marks = [w("print_trial")] if run.manifest["trial"] else []
    print_marks += [w("print_synthetic")] if run.manifest["synthetic"] else []
    claw = w("h_no_clawback")
    if negative:
        claw = w("h_clawback", n=len(negative), fen=yuan(-sum(negative)))
    return {
        "w": w,
        "m": run.manifest,
        "run_digest": run.digest[:12],
        "print_mark": "   ".join(print_marks),
        "banners": banners(run, own, w),
        "tiles": tiles(run, w),
        "checks_chip": w("checks_chip", passed=passed, all=every),
        "all_passed": passed == every,
        "value_lead": w("s_value_lead_combined" if run.combined else "s_value_lead"),
        "value_table": value_table(run, w),
        "pool_svg": Markup(pool_chart(run, w)),
        "counts_table": counts_table(run, w),
        "class_table": class_table(run, w),
        "class_svg": Markup(class_chart(run, w)),
        "readmission_note": (
            w("readmission_note", n=f"{halved:,}", points=points_text(lost)) if halved else ""
        ),
        "clawback": claw,
        "has_clawback": bool(negative),
        "summary_table": summary_table(run, w) if len(pools_used) > 1 else None,
        "pool_tables": [pool_table(run, pool, w) for pool in pools_used],
        "diff_svg": Markup(diff_svg),
        "diff_title": diff_title,
        "diff_note": diff_note,
        "diff_tables": [difference_table(run, w, True), difference_table(run, w, False)],
        "base_points_text": base_points_text(run, w),
        "cv_svg": Markup(cv.svg) if cv else "",
        "cv_note": cv.note if cv else "",
        "drg_table": drg_table(records, w),
        "quarantine_table": quarantine_table(run, w),
        "unverified": unverified,
        "verified": verified,
        "checks_table": checks_table(run, own, w),
        "inputs_table": inputs_table(run, w),
    }


def write_report(run_dir: Path, lang: str = "zh") -> Path:
    """Write the page of a run and return its path.

    Arguments: run_dir, the run folder of docs/formats.md section 6, of which only the Parquet
    tables and manifest.json are read; lang, "zh" or "en".
    Raises ValueError for another language, FileNotFoundError when a table is missing.
    The page needs no network and no script, and the same folder gives the same bytes.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template("report.html.j2").render(view(Run(run_dir), Words(lang)))
    path = run_dir / "report.html"
    path.write_text(page, encoding="utf-8", newline="\n")
    return path
