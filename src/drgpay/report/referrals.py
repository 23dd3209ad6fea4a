"""Stays referred inside a community, and deductibles that were paid more than once (C6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from drgpay.runs.reader import Record

from .amounts import yuan
from .run import Run
from .sheets import cells
from .tables import Cell, Column, Row, Table, columns_of, row
from .texts import Words

NAME = "referrals"
SHOWN, FOLDED = 30, 400  # hospitals of the page; the workbook has every stay
WORDS: dict[str, tuple[str, str]] = {
    "title": ("医共体内转诊与起付线", "Referrals inside communities, and their deductible"),
    "lead": (
        "医共体内转诊 {chains} 起、{stays} 次住院，各按一次住院计；起付线应只计一次，按较高等级"
        "（S2 二(三)1）。",
        "{chains} referrals inside communities with {stays} stays, each counted as one stay; the "
        "deductible is due once, the higher level's (S2 二(三)1).",
    ),
    "none": (
        "病例没有给出起付线，是否重复收取未核对。",
        "The cases give no deductible: whether it was paid twice was not checked.",
    ),
    "sums": (
        "给出起付线的转诊已收 {paid} 元，应收 {due} 元；{over}逐次住院见 settlement.xlsx 的“转诊起付线”。",
        "Where deductibles are given, {paid} yuan were paid and {due} yuan are due; {over}Each stay "
        "is listed in settlement.xlsx.",
    ),
    "over": (
        "{n} 起多收，共 {excess} 元{several}。多收部分待核实，由收取的机构退还参保人；清算金额不变。",
        "in {n} too much was paid, {excess} yuan in all{several}. These are to be checked and "
        "returned to the patients by the hospitals; no amount of the settlement changes. ",
    ),
    "several": ("（其中 {n} 起收取了两次以上）", " (in {n} of them it was paid more than once)"),
    "not_over": ("没有多收。", "in none too much was paid. "),
    "highest_paid": (
        "应收以各次中实际支付最高的一次为准（referral.deductible，未核实）：上转时只补差额的会算多，"
        "须按当地标准核对。",
        "The highest one paid is taken as due (referral.deductible, not verified): too much is "
        "claimed where a patient paid only the difference on moving up.",
    ),
    "standards": (
        "应收为所经最高等级的起付线标准（referral.deductible_standards）。",
        "Due is the standard of the highest level of the stays (referral.deductible_standards).",
    ),
    "by_hospital": ("各机构的转诊住院", "Referred stays by hospital"),
    "stays": ("转诊住院", "Referred stays"),
    "given": ("给出起付线", "With a deductible given"),
    "deductible": ("已收起付线", "Deductibles paid"),
    "with_excess": ("多收人次", "Stays with an excess"),
    "excess": ("多收起付线（待核）", "Excess, to be checked"),
    "letter": ("转诊住院多收的起付线（待核）", "Deductibles paid too much (to be checked)"),
    "letter_lead": (
        "医共体内转诊视为一次住院，起付线只计一次（S2 二(三)1）。贵机构 {n} 次转诊住院多收 {fen} 元："
        "请核实，属实的退还参保人。此项不影响以上各项金额。",
        "A stay referred inside a community counts once, with one deductible (S2 二(三)1). {n} of "
        "your referred stays have {fen} yuan too much: please check and return it to the patients. "
        "None of the amounts above changes.",
    ),
    "admission": ("入院日期", "Admission"),
    "discharge": ("出院日期", "Discharge"),
}


@dataclass(frozen=True)
class Sums:
    """What the referred stays of a hospital, or of all, add up to; money in fen."""

    stays: int
    given: int
    paid: int
    with_excess: int
    excess: int


def referred(run: Run) -> pa.Table | None:
    """The table of referred stays; None in a run without any."""
    return run.table(NAME) if (run.folder / f"{NAME}.parquet").exists() else None


def by_hospital(data: pa.Table) -> dict[str, Sums]:
    """The sums of each hospital, the largest excess first."""
    some = pc.fill_null(pc.greater(data["excess_fen"], 0), False).cast(pa.int64())
    sums = (
        data.select(["hospital_id", "deductible_fen", "excess_fen"])
        .append_column("some", some)
        .group_by("hospital_id")
        .aggregate(
            [("hospital_id", "count"), ("deductible_fen", "count"), ("deductible_fen", "sum"),
             ("some", "sum"), ("excess_fen", "sum")]
        )
    )  # fmt: skip
    found = {
        r["hospital_id"]: Sums(
            r["hospital_id_count"], r["deductible_fen_count"], r["deductible_fen_sum"] or 0,
            r["some_sum"], r["excess_fen_sum"] or 0,
        )
        for r in sums.to_pylist()
    }  # fmt: skip
    return dict(sorted(found.items(), key=lambda item: (-item[1].excess, item[0])))


def total_of(sums: Iterable[Sums]) -> Sums:
    return Sums(*map(sum, zip(*map(astuple, sums), strict=True)))


def referral_texts(run: Run, w: Words) -> list[str]:
    """What the section says before its table; nothing in a run without chains."""
    data = referred(run)
    if data is None:
        return []
    ends = data.filter(pc.is_valid(data["chain_stays"]))
    lead = w.of(WORDS, "lead").format(chains=f"{len(ends):,}", stays=f"{len(data):,}")
    if not pc.any(pc.is_valid(data["deductible_fen"])).as_py():
        return [lead + w.of(WORDS, "none")]
    sums = w.of(WORDS, "sums").format(
        paid=yuan(_sum(ends["chain_paid_fen"])),
        due=yuan(_sum(ends["chain_due_fen"])),
        over=_over_text(data, w),
    )
    rule = str(run.values.get("referral.deductible", ""))
    return [lead, sums, *([w.of(WORDS, rule)] if rule in WORDS else [])]


def _over_text(data: pa.Table, w: Words) -> str:
    """How many chains have an excess, its sum, and how many of them paid more than once."""
    times = pc.fill_null(pc.greater(data["deductible_fen"], 0), False).cast(pa.int64())
    chains = (
        data.select(["chain_number", "excess_fen"])
        .append_column("times", times)
        .group_by("chain_number")
        .aggregate([("excess_fen", "sum"), ("times", "sum")])
    )
    over = chains.filter(pc.fill_null(pc.greater(chains["excess_fen_sum"], 0), False))
    if not len(over):
        return w.of(WORDS, "not_over")
    several = _sum(pc.greater(over["times_sum"], 1))
    told = w.of(WORDS, "several").format(n=f"{several:,}") if several else ""
    excess = yuan(_sum(over["excess_fen_sum"]))
    return w.of(WORDS, "over").format(n=f"{len(over):,}", excess=excess, several=told)


def _sum(values: pa.ChunkedArray) -> int:
    return int(pc.sum(values).as_py() or 0)


def referral_table(run: Run, w: Words) -> Table | None:
    """Each hospital's referred stays and what they paid too much; None without chains."""
    data = referred(run)
    if data is None:
        return None
    heads = ("stays", "given", "deductible", "with_excess", "excess")
    columns = [Column(w("hospital"), "text"), *(Column(w.of(WORDS, key)) for key in heads)]
    found = by_hospital(data)

    def line(who: Cell, s: Sums, kind: str = "") -> Row:
        known = (s.paid, s.with_excess, s.excess) if s.given else (None, None, None)
        made = cells("count count yuan count yuan", (s.stays, s.given, *known))
        made[-1] = replace(made[-1], mark="loss" if s.excess else "")
        return row(who, *made, kind=kind)

    rows = []
    for hospital, sums in found.items():
        level = str(run.hospitals.get(hospital, {}).get("level") or "")
        note = " · ".join(text for text in (hospital, level) if text)
        rows.append(line(Cell(run.hospital_name(hospital), note), sums))
    table = Table(w.of(WORDS, "by_hospital"), columns, rows[:SHOWN])
    table.tail = rows[SHOWN : SHOWN + FOLDED]
    rest = len(rows) - SHOWN
    if rest > 0:
        others = total_of(list(found.values())[SHOWN:])
        table.rows.append(line(Cell(w("rest_subtotal", n=rest)), others, "subtotal"))
        table.tail_label = w("rest_details", n=rest)
        if rest > FOLDED:
            table.tail_label = w("rest_details_some", n=FOLDED, all=rest)
    table.rows.append(line(Cell(w("total")), total_of(found.values()), "total"))
    return table


def excess_by_hospital(run: Run) -> dict[str, list[Record]]:
    """The stays of each hospital that paid too much, by case."""
    data = referred(run)
    found: dict[str, list[Record]] = {}
    if data is None:
        return found
    some = data.filter(pc.fill_null(pc.greater(data["excess_fen"], 0), False))
    for r in some.sort_by("case_id").to_pylist():
        found.setdefault(r["hospital_id"], []).append(r)
    return found


def letter_lead(rows: list[Record], w: Words) -> str:
    """What a letter says of a hospital's stays that paid too much; empty when there are none."""
    if not rows:
        return ""
    fen = yuan(sum(r["excess_fen"] for r in rows))
    return w.of(WORDS, "letter_lead").format(n=f"{len(rows):,}", fen=fen)


def letter_table(rows: list[Record], w: Words) -> Table:
    """These stays, as many as a letter lists."""
    columns = [
        *columns_of(w, "case_id:code"),
        *(Column(w.of(WORDS, key), "text") for key in ("admission", "discharge")),
        *(Column(w.of(WORDS, key)) for key in ("deductible", "excess")),
    ]
    kinds, keys = "yuan yuan", ("deductible_fen", "excess_fen")
    return Table(
        w.of(WORDS, "letter"),
        columns,
        [
            row(
                r["case_id"],
                f"{r['admission_date']}",
                f"{r['discharge_date']}",
                *cells(kinds, [r[key] for key in keys]),
            )
            for r in rows
        ],
        css="dense",
    )
