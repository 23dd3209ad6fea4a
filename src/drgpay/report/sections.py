"""The tables and charts of the report, one function each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drgpay.cases.checks.catalogue import CHECKS, SEVERITY_TEXTS

from . import amounts, charts
from .amounts import points as points_text
from .amounts import units_of, yuan
from .run import Account, Record, Run, total_of
from .tables import Cell, Column, Row, Table, row
from .texts import CLASSES, REASONS, UNITS, Words
from .value import settlements

HOSPITALS_SHOWN = 30
HOSPITALS_UNFOLDED = 40
BARS_SHOWN = 30
DIFFERENCES_LISTED = 10
DRGS_SHOWN = 30
SERIES_OF_CLASS = {name: number for number, name in enumerate(CLASSES, start=1)}


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
    facts = [(c.cases, c.points, c.cost) for c in run.classes]
    sums = [sum(column) for column in zip(*facts, strict=True)] or [0, 0, 0]
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
                Cell(name, mark="nowrap", swatch=swatch),
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

    for c in run.classes:
        line(w.of(CLASSES, c.name), (c.cases, c.points, c.cost), series(c.name))
    line(w("total"), sums, 0, "total")
    return table


def series(case_class: str) -> int:
    """Colour number of a class; a class without its own shares the last colour."""
    return SERIES_OF_CLASS.get(case_class, charts.SERIES)


def class_chart(run: Run, w: Words) -> str:
    bars = [
        (w("mix_cases"), [c.cases for c in run.classes]),
        (w("mix_points"), [c.points for c in run.classes]),
        (w("mix_cost"), [c.cost for c in run.classes]),
    ]
    colours = [series(c.name) for c in run.classes]
    return charts.class_mix(bars, colours, [w("chart_mix")])


def signed_cell(fen: int) -> Cell:
    return Cell(yuan(fen, signed=True), mark="loss" if fen < 0 else "gain" if fen else "")


def final_cell(fen: int, tag: str = "") -> Cell:
    """A final payment; a negative one is money the hospital has to return."""
    return Cell(yuan(fen), mark="claw", tag=tag) if fen < 0 else Cell(yuan(fen))


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
            final_cell(a.final),
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
            final_cell(a.final, "" if kind else w("return")),
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
                Cell(run.pool_name(account.pool, code=False), mark="nowrap"),
                signed_cell(a.difference),
                amounts.percent(a.difference, a.recorded, 2, signed=True),
            )
        )
    return table


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


def drg_table(run: Run, records: Sequence[Record], w: Words) -> Table:
    used = [r for r in records if r["cases"]]
    shown = used[:DRGS_SHOWN]
    history = any(r.get("n_before") is not None for r in records)
    whole = run.total.points
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
            cells += [" → ".join(counts), " → ".join(texts)]
        table.rows.append(row(*cells))

    def sums(part: Sequence[Record]) -> list[int]:
        return [sum(r[k] for r in part) for k in ("cases", "point_units", "total_cost_fen")]

    def sum_row(name: str, facts: Sequence[int], kind: str) -> Row:
        cases, points, cost = facts
        cells: list[str | Cell] = ["", name, f"{cases:,}", points_text(points)]
        cells += [amounts.percent(points, whole), yuan(cost), mean(cost, cases)]
        return row(*cells, *[""] * (len(columns) - len(cells)), kind=kind)

    rest = used[len(shown) :]
    if rest:
        table.rows.append(sum_row(w("drg_rest", n=len(rest)), sums(rest), "subtotal"))
    every = [run.total.cases, whole, sum(c.cost for c in run.classes)]
    outside = [a - b for a, b in zip(every, sums(used), strict=True)]
    if any(outside):
        table.rows.append(sum_row(w("drg_outside"), outside, "subtotal"))
    table.rows.append(sum_row(w("total"), every, "total"))
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


def quarantine_table(run: Run, w: Words) -> Table | None:
    records = run.table("quarantine").to_pylist()
    if not records:
        return None
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for r in records:
        key = (r["reason"] or "", r["file"] or "", r["column"] or "")
        groups.setdefault(key, []).append(r)

    def rows(part: Iterable[Record]) -> int:
        return len({(r["file"], r["row"]) for r in part})

    table = Table(
        w("s_quarantine"),
        [
            Column(w("q_reason"), "text"),
            Column(w("i_file"), "code"),
            Column(w("q_column"), "code"),
            Column(w("q_rows")),
            Column(w("q_findings")),
            Column(w("q_remedy"), "text"),
        ],
        [],
    )
    for (reason, file, column), part in sorted(groups.items(), key=lambda g: (-len(g[1]), g[0])):
        remedies = {r["remedy"] for r in part if r["remedy"]}
        messages = {r["message"] for r in part if r["message"]}
        name = w.of(REASONS, reason)
        if name == reason and len(messages) == 1:
            name = messages.pop()
        table.rows.append(
            row(
                Cell(name, reason if name != reason else ""),
                file,
                column,
                f"{rows(part):,}",
                f"{len(part):,}",
                Cell(remedies.pop() if len(remedies) == 1 else "", mark="wrap"),
            )
        )
    total = row(w("q_all"), "", "", f"{rows(records):,}", f"{len(records):,}", "", kind="total")
    table.rows.append(total)
    return table


def front_page_table(run: Run, w: Words) -> Table | None:
    """Return the findings of the front pages by check, but for those that quarantine a case."""
    found = run.manifest.get("front_page", {}).get("by_check", {})
    listed = [(CHECKS[name], cases) for name, cases in found.items() if name in CHECKS]
    listed = [(check, cases) for check, cases in listed if check.severity != "fatal"]
    if not listed:
        return None
    whole = run.manifest["counts"]["in"]
    table = Table(
        w("s_front_page"),
        [
            Column(w("f_severity"), "text"),
            Column(w("f_check"), "text"),
            Column(w("f_cases")),
            Column(w("f_share")),
            Column(w("f_advice"), "text"),
        ],
        [],
    )
    for check, cases in listed:
        table.rows.append(
            row(
                w.of(SEVERITY_TEXTS, check.severity),
                Cell(check.message(w.lang), check.name),
                f"{cases:,}",
                amounts.percent(cases, whole, 2),
                Cell(check.advice(w.lang), mark="wrap"),
            )
        )
    return table


def parameter_value(value: object, unit: str, w: Words) -> str:
    """A parameter's value for people: switches, lists, bands and tables included."""
    if value is None or value == "none" or value == []:
        return w("none")
    if isinstance(value, bool):
        return w("yes" if value else "no")
    if isinstance(value, Mapping):
        parts = [f"{k}{w('colon')}{parameter_value(v, '', w)}" for k, v in value.items()]
        return w("semicolon").join(parts)
    if isinstance(value, list):
        if unit == "bands" and all(isinstance(v, list) and len(v) == 2 for v in value):
            bands = [
                f"{w('other') if limit in (None, 'none') else f'≤ {limit}'}{w('colon')}{factor}"
                for limit, factor in value
            ]
            return w("semicolon").join(bands)
        if value and all(isinstance(v, list) for v in value):
            return w("semicolon").join(" → ".join(str(x) for x in v) for v in value)
        return w("list_comma").join(parameter_value(v, "", w) for v in value)
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
        trial = w("p_trial") if p.get("trial") else "" if p.get("used", True) else w("p_unused")
        table.rows.append(
            row(
                Cell(p.get("name") or p["key"], p["key"]),
                Cell(
                    parameter_value(p["value"], p.get("unit") or "", w),
                    mark="value wrap",
                    tag=trial,
                ),
                Cell(w.of(UNITS, p.get("unit") or ""), mark="nowrap"),
                Cell(p.get("source") or "", mark="wrap"),
                Cell(period, mark="nowrap"),
            )
        )
    return table


def checks_table(run: Run, own: Sequence[tuple[str, bool]], w: Words) -> Table:
    table = Table(
        w("s_checks"),
        [
            Column(w("k_check"), "text"),
            Column(w("k_result"), "text"),
            Column(w("k_detail"), "text"),
        ],
        [],
    )

    def result(passed: bool) -> Cell:
        if passed:
            return Cell(f"✓ {w('passed')}", mark="ok nowrap")
        return Cell(f"✗ {w('failed')}", mark="claw nowrap")

    for check in run.manifest["checks"]:
        name = Cell(check.get(f"text_{w.lang}") or check["name"], check["name"], "wrap")
        detail = check.get("detail")
        table.rows.append(row(name, result(check["passed"]), Cell(str(detail or ""), mark="wrap")))
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


def pool_chart(run: Run, w: Words) -> str:
    groups = []
    for s in settlements(run):
        bars = [
            (w("v_available"), s.available, yuan(s.available), "accent-soft"),
            (w("v_recorded"), s.recorded, yuan(s.recorded), "axis"),
            (w("v_settled"), s.settled, yuan(s.settled), "accent"),
        ]
        groups.append((charts.short_label(s.name, 60), bars))
    return charts.pool_amounts(groups, w("chart_pool"))
