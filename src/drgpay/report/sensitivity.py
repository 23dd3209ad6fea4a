"""What hangs on values that are not verified: the report's tables and the workbook's sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drgpay.names.codes import word
from drgpay.names.run_columns import label
from drgpay.runs.reader import Record

from .amounts import yuan
from .run import Run
from .sections import parameter_value, source_text
from .sheets import Field
from .tables import Cell, Column, Row, Table, columns_of, row
from .texts import UNITS, Words

MONEY = ("due_change_fen", "moved_fen", "final_change_fen", "final_moved_fen")
WORDS: dict[str, tuple[str, str]] = {
    "title": (
        "未核实参数改用备选值的影响（逐项单独改变）",
        "What the alternatives of values that are not verified do, one at a time",
    ),
    "lead": (
        "每一项未核实且写有备选值的参数单独改用备选值，其余不变，重新清算；各项备选值是各自单独试算的，不能相加。"
        "“合计增减”为各机构增减之和（带正负号），即基金多付或少付的钱；“机构之间转移”只算一些机构减少、另一些机构增加的部分："
        "（各机构增减绝对值之和 − 增减合计的绝对值）÷ 2。应付与最终支付分别计算，按其中最大的金额排序。",
        "Each value that is not verified and names an alternative is replaced alone and the year is "
        "settled again; alternatives are tried one at a time and cannot be added up. The change in "
        "all is the sum over hospitals, with its sign: what the fund pays more or less. What moves "
        "between hospitals is what some lose and others gain: (the sum of all changes, as absolute "
        "amounts, less the absolute amount of their sum) ÷ 2. Dues and final payments stand apart; "
        "the largest amount of any comes first.",
    ),
    "parameter": ("参数", "Parameter"),
    "value": ("现值", "Value"),
    "alternative": ("备选值", "Alternative"),
    "due_change_fen": ("应付合计增减（基金）", "Dues in all (the fund)"),
    "moved_fen": ("应付：机构之间转移", "Dues: between hospitals"),
    "final_change_fen": ("最终支付合计增减", "Final payments in all"),
    "final_moved_fen": ("最终支付：机构之间转移", "Final payments: between hospitals"),
    "hospitals": ("机构数", "Hospitals"),
    "largest": ("最大增减", "Largest change"),
    "largest_hospital": ("增减最大的机构", "Largest change: hospital"),
    "of_final": ("最终支付", "final payment"),
    "values": ("点值", "Point value"),
    "more": ("应付不变，最终支付合计增加 {fen} 元", "dues stay; final payments rise by {fen} yuan"),
    "less": ("应付不变，最终支付合计减少 {fen} 元", "dues stay; final payments fall by {fen} yuan"),
    "even": (
        "应付不变，最终支付合计不变，机构之间转移 {fen} 元",
        "dues and the sum of final payments stay; {fen} yuan move between hospitals",
    ),
    "no_money": ("应付和最终支付都不变", "dues and final payments stay"),
    "none": ("改用备选值不改变任何金额的参数：", "Alternatives that change no amount: "),
    "refused": ("试不了：", "Cannot be tried: "),
    "result": ("结果", "Result"),
}


def tried(run: Run) -> list[Record]:
    """The rows of the run's table, most money first; none where it has no such table."""
    records = run.records("sensitivity")
    return records if records and set(MONEY) <= set(records[0]) else []


def _largest(r: Record) -> int:
    return max(abs(int(r[key] or 0)) for key in MONEY)


def _settled(r: Record) -> bool:
    return all(r[key] is not None for key in MONEY)


# --- the parameters


def parameter_table(run: Run, w: Words, verified: bool) -> Table:
    """The parameters with or without a verified source, those first on which most money hangs."""
    records = {} if verified else {r["key"]: r for r in tried(run)}
    chosen = [p for p in run.parameters if bool(p["verified"]) == verified]
    ranks = {key: (-_settled(r), -_largest(r)) for key, r in records.items()}
    chosen.sort(key=lambda p: ranks.get(p["key"], (1, 0)))
    title = w("p_verified", n=len(chosen)) if verified else w("p_unverified")
    heads = ["p_name", "p_value", "p_unit", "p_source", "p_period"]
    if records:  # room for the money: the period stands below the source
        heads.remove("p_period")
    columns = [Column(w(key), "text") for key in heads]
    if records:
        columns += columns_of(w, "p_fund p_moved")
    table = Table(title, columns, [], css="parameters")
    for p in chosen:
        period = f"{p.get('from') or ''} – {p.get('to') or w('open_end')}"
        trial = w("p_trial") if p.get("trial") else "" if p.get("used", True) else w("p_unused")
        table.rows.append(
            row(
                Cell(p.get("name") or p["key"], p["key"]),
                Cell(
                    parameter_value(p["value"], p.get("unit") or "", w, p["key"]),
                    mark="value wrap",
                    tag=trial,
                ),
                Cell(w.of(UNITS, p.get("unit") or ""), mark="nowrap"),
                Cell(source_text(p, w), period if records else "", "wrap"),
                *(_hanging(records.get(p["key"]), w) if records else [Cell(period, mark="nowrap")]),
            )
        )
    return table


def _hanging(r: Record | None, w: Words) -> list[Cell]:
    """What the fund pays more or less with the alternative, and what moves; or why not tried."""
    if r is None:
        return [Cell("—"), Cell("—")]
    if not _settled(r):
        prefix = w.of(WORDS, "refused") if r["state"] == "refused" else ""
        return [Cell("—", prefix + r["note"]), Cell("—")]
    kind, note = "due", ""
    if r["state"] == "other":
        kind, note = "final", w.of(WORDS, "of_final")
    fund, moved = ("due_change_fen", "moved_fen") if kind == "due" else MONEY[2:]
    return [Cell(yuan(int(r[fund]), signed=True), note), Cell(yuan(int(r[moved])), note)]


# --- the alternatives


def sensitivity_table(run: Run, w: Words) -> Table | None:
    """What changes with each alternative, most money first; None when none was tried.

    What changes nothing, and what cannot be settled, stands in lines below the others.
    """
    records = tried(run)
    if not records:
        return None
    columns = [
        *(Column(w.of(WORDS, key), "text") for key in ("parameter", "value", "alternative")),
        *(Column(w.of(WORDS, key)) for key in (*MONEY, "hospitals", "largest")),
        Column(w.of(WORDS, "values"), "text"),
    ]
    table = Table(w.of(WORDS, "title"), columns, [], css="alternatives")
    for record in records:
        if record["state"] in ("moved", "other"):
            table.rows.append(_row(run, record, w))
    return table


def sensitivity_notes(run: Run, w: Words) -> list[str]:
    """What the table does not show: alternatives without effect, those refused, those untried."""
    records = tried(run)
    lines = [w.of(WORDS, "lead")] if records else []
    nothing = _names(records, "nothing", w)
    if nothing:
        lines.append(w.of(WORDS, "none") + nothing)
    refused = [r for r in records if r["state"] == "refused"]
    if refused:
        told = (f"{r['name']}{w('colon')}{r['note']}" for r in refused)
        lines.append(w.of(WORDS, "refused") + w("semicolon").join(told))
    untried = [r for r in records if r["state"] == "untried"]
    for note in dict.fromkeys(r["note"] for r in untried):
        names = w("list_comma").join(r["name"] for r in untried if r["note"] == note)
        lines.append(f"{note}{w('colon')}{names}")
    return lines


def _names(records: Sequence[Record], state: str, w: Words) -> str:
    return w("list_comma").join(r["name"] for r in records if r["state"] == state)


def told(r: Record, w: Words) -> str:
    """What an alternative does in words; empty where dues change."""
    if r["state"] == "moved":
        return ""
    if r["state"] == "refused":
        return f"{w.of(WORDS, 'refused')}{r['note']}"
    if r["state"] != "other":
        return str(r["note"] or "")
    fen, between = int(r["final_change_fen"]), int(r["final_moved_fen"])
    if fen:
        return w.of(WORDS, "more" if fen > 0 else "less").format(fen=yuan(abs(fen)))
    return w.of(WORDS, "even" if between else "no_money").format(fen=yuan(between))


def shown_values(run: Run, r: Record, w: Words) -> tuple[str, str]:
    """A parameter's value and its alternative, written as in the table of parameters."""
    p = next((p for p in run.parameters if p["key"] == r["key"]), None)
    if p is None:
        return str(r["value"]), str(r["alternative"])
    unit, raw = p.get("unit") or "", p.get("alternative")
    value = parameter_value(p["value"], unit, w, p["key"])
    return value, "" if raw is None else parameter_value(raw, unit, w, p["key"])


def _row(run: Run, r: Record, w: Words) -> Row:
    dues_stay = r["state"] == "other"
    largest = Cell("—")
    if r["largest_hospital"]:
        fen = int(r["largest_change_fen"])
        name = run.hospital_name(r["largest_hospital"])
        if dues_stay:
            name = f"{w.of(WORDS, 'of_final')}{w('colon')}{name}"
        largest = Cell(yuan(fen, signed=True), name, "loss" if fen < 0 else "gain")
    value, other = shown_values(run, r, w)
    changed = r["point_value_before"] != r["point_value_after"]
    return row(
        Cell(r["name"], r["key"]),
        Cell(value, mark="value wrap"),
        Cell(other, mark="value wrap"),
        yuan(int(r["due_change_fen"]), signed=True),
        yuan(int(r["moved_fen"])),
        Cell(yuan(int(r["final_change_fen"]), signed=True), told(r, w)),
        yuan(int(r["final_moved_fen"])),
        f"{r['hospitals']:,}",
        largest,
        Cell(r["point_value_after"] if changed else "—", mark="wrap"),
    )


# --- the sheet of the workbook


def sheet_fields(w: Words) -> list[Field]:
    """The columns of the sheet; alternatives are not added up."""
    return [
        Field("name", w.of(WORDS, "parameter"), "wide"),
        Field("key", label("", "key", w.lang), width=24),
        Field("value", w.of(WORDS, "value"), "long", width=30),
        Field("alternative", w.of(WORDS, "alternative"), "long", width=30),
        Field("state", w.of(WORDS, "result"), width=16),
        *(Field(key, w.of(WORDS, key), "yuan", width=20) for key in MONEY),
        Field("hospitals", label("sensitivity", "hospitals", w.lang), "count"),
        Field("largest_hospital", w.of(WORDS, "largest_hospital"), "wide"),
        Field("largest_change_fen", w.of(WORDS, "largest"), "yuan"),
        Field("point_value_before", label("sensitivity", "point_value_before", w.lang), "wide"),
        Field("point_value_after", label("sensitivity", "point_value_after", w.lang), "wide"),
        Field("note", label("sensitivity", "note", w.lang), "long"),
        Field("source", w("p_source"), "long"),
    ]


def sheet_rows(run: Run, w: Words) -> Iterator[Record]:
    """The rows of the sheet."""
    for r in tried(run):
        value, other = shown_values(run, r, w)
        hospital = r["largest_hospital"]
        yield {
            **r,
            "value": value,
            "alternative": other,
            "state": word("state", r["state"], w.lang),
            "largest_hospital": run.hospital_name(hospital) if hospital else "",
            "largest_change_fen": r["largest_change_fen"] if hospital else None,
            "note": told(r, w),
            "source": source_text(r, w),
        }
