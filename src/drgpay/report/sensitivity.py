"""The report's table of what hangs on values that are not verified."""

from __future__ import annotations

from drgpay.store.choice_words import choices_text

from .amounts import yuan
from .run import Record, Run
from .tables import Cell, Column, Row, Table, row
from .texts import Words

WORDS: dict[str, tuple[str, str]] = {
    "title": (
        "未核实参数改用备选值的影响（逐项单独改变）",
        "What the alternatives of values that are not verified do, one at a time",
    ),
    "lead": (
        "每一项未核实且写有备选值的参数单独改用备选值，其余不变，重新清算。“清算总额增减”是基金多付或少付的钱；"
        "“机构之间转移”只算一家机构减少、另一家增加的部分：（各机构应付增减绝对值之和 − 增减合计的绝对值）÷ 2。",
        "Each value that is not verified and names an alternative is replaced alone and the year is "
        "settled again. The change of the settled total is what the fund pays more or less; what "
        "moves between hospitals is what some lose and others gain: (the sum of all changes of "
        "dues, as absolute amounts, less the absolute amount of their sum) ÷ 2.",
    ),
    "parameter": ("参数", "Parameter"),
    "value": ("现值", "Value"),
    "alternative": ("备选值", "Alternative"),
    "moved": ("机构之间转移", "Moved between hospitals"),
    "settled": ("清算总额增减（基金）", "Change of settled total (the fund)"),
    "half": ("应付增减绝对值之和的一半", "Half of all changes of dues"),
    "hospitals": ("受影响机构", "Hospitals"),
    "largest": ("最大增减", "Largest change"),
    "values": ("点值", "Point value"),
    "other": ("应付不变，最终支付转移 {fen} 元", "dues stay; {fen} yuan of final payments move"),
    "none": ("改用备选值不改变任何金额的参数：", "Alternatives that change no amount: "),
    "refused": ("不能用备选值清算：", "Cannot be settled with the alternative: "),
    "empty": ("（空）", "(empty)"),
}


def between(r: Record) -> int | None:
    """What goes from hospitals to others, in fen, without what the fund pays more or less.

    Half of all changes of dues, less half of the change of the settled fund.
    """
    if r.get("moved_fen") is None:
        return None
    return max(0, int(r["moved_fen"]) - (abs(int(r.get("settled_change_fen") or 0)) + 1) // 2)


def sensitivity_table(run: Run, w: Words) -> Table | None:
    """What changes with each alternative, most money first; None when none was tried.

    What changes nothing, and what cannot be settled, stands in lines below the others.
    """
    records = run.records("sensitivity")
    if not records or "state" not in records[0]:
        return None
    columns = [
        *(Column(w.of(WORDS, key), "text") for key in ("parameter", "value", "alternative")),
        Column(w.of(WORDS, "settled")),
        Column(w.of(WORDS, "moved")),
        Column(w.of(WORDS, "hospitals")),
        Column(w.of(WORDS, "largest")),
        Column(w.of(WORDS, "values"), "text"),
    ]
    table = Table(w.of(WORDS, "title"), columns, [], css="parameters")
    for record in records:
        if record["state"] in ("moved", "other"):
            table.rows.append(_row(run, record, w))
    return table


def sensitivity_notes(run: Run, w: Words) -> list[str]:
    """What the table does not show: alternatives without effect, and those that were refused."""
    records = [r for r in run.records("sensitivity") if "state" in r]
    comma = w("list_comma")
    nothing = comma.join(r["name"] for r in records if r["state"] == "nothing")
    refused = w("semicolon").join(
        f"{r['name']}（{r['note']}）" if w.lang == "zh" else f"{r['name']} ({r['note']})"
        for r in records
        if r["state"] == "refused"
    )
    lines = [w.of(WORDS, "lead")] if records else []
    if nothing:
        lines.append(w.of(WORDS, "none") + nothing)
    if refused:
        lines.append(w.of(WORDS, "refused") + refused)
    return lines


def _row(run: Run, r: Record, w: Words) -> Row:
    largest = Cell("—")
    if r["largest_hospital"]:
        fen = int(r["largest_change_fen"])
        largest = Cell(
            yuan(fen, signed=True), run.hospital_name(r["largest_hospital"]),
            "loss" if fen < 0 else "gain",
        )  # fmt: skip
    moved = Cell(yuan(between(r) or 0))
    if r["state"] == "other":
        note = w.of(WORDS, "other").format(fen=yuan(int(r["final_moved_fen"])))
        moved = Cell("0.00", note)
    empty = w.of(WORDS, "empty")
    changed = r["point_value_before"] != r["point_value_after"]
    return row(
        Cell(r["name"], r["key"]),
        Cell(choices_text(r["key"], r["value"], w.lang) or empty, mark="value wrap"),
        Cell(choices_text(r["key"], r["alternative"], w.lang) or empty, mark="value wrap"),
        yuan(int(r["settled_change_fen"]), signed=True),
        moved,
        f"{r['hospitals']:,}",
        largest,
        Cell(r["point_value_after"] if changed else "—", mark="nowrap"),
    )
