"""The stays of a case's referral, and the one deductible that is due for them (rule 7, C6)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pyarrow.parquet as pq

from drgpay.ground.errors import both
from drgpay.ground.money import decimal_text
from drgpay.ground.numbers import Figure, Number, fixed, largest, total
from drgpay.why.folder import Row, RunFolder
from drgpay.why.model import Derivation

SHOWN = ("hospital_id", "level", "drg", "total_cost_fen", "points", "deductible_fen")


def show_referral(d: Derivation, run: RunFolder, row: Row) -> None:
    """Add the stays of a case's referral and their deductibles; nothing for any other case."""
    stays = _stays(run, row.get("chain"))
    if not stays:
        return
    d.section(both("转诊各次住院与起付线（不改变金额）", "The referral's stays and deductible"))
    for stay in stays:
        _say(d, stay, row)
    given = [stay for stay in stays if stay.has("deductible_fen")]
    if not given:
        d.say("deductible/none", *stays[-1].figures("deductible_fen"))
        return
    last = stays[-1]
    paid = d.step("deductible.paid", total([s.number("deductible_fen") for s in given]), last)
    due = d.step("deductible.due", largest(*_due(d, run, stays, given)), last)
    where = (("chain", str(row["chain"])),)
    excess = sum(stay["excess_fen"] for stay in given)
    stated = [Figure("referrals", where, "excess_fen", excess, "sum")]
    d.step("deductible.excess", largest(fixed(0), paid - due), stated)


def _stays(run: RunFolder, lead: str | None) -> list[Row]:
    path = run.folder / "referrals.parquet"
    if not lead or not path.exists():
        return []
    rows = pq.read_table(path, filters=[("chain", "==", lead)]).to_pylist()
    return [Row("referrals", (("case_id", str(r["case_id"])),), r) for r in rows]


def _say(d: Derivation, stay: Row, own: Row) -> None:
    case = stay["case_id"]
    marks_zh = ["主要住院"] * bool(stay["lead"]) + ["本例"] * (case == own["case_id"])
    marks_en = ["lead"] * bool(stay["lead"]) + ["this case"] * (case == own["case_id"])
    given = stay.has("deductible_fen")
    d.say(
        "stay", *stay.figures(*SHOWN), note="given" if given else "not_given",
        marks=both(_bracket(marks_zh, "（{}）", "，"), _bracket(marks_en, " ({})", ", ")),
        when=f"{stay['admission_date']} – {stay['discharge_date']}",
        yuan=decimal_text(Fraction(stay["deductible_fen"], 100), 2) if given else "",
        number=stay["stay_number"], case=case, hospital=stay["hospital_id"], level=stay["level"],
        drg=stay["drg"],
    )  # fmt: skip


def _bracket(marks: list[str], form: str, comma: str) -> str:
    return form.format(comma.join(marks)) if marks else ""


def _due(d: Derivation, run: RunFolder, stays: Sequence[Row], given: Sequence[Row]) -> list[Number]:
    """Return what the one deductible is the greatest of."""
    if run.policy.says("referral.deductible", "highest_paid", "standards"):
        return [stay.number("deductible_fen") for stay in given]
    standards = dict(run.policy["referral.deductible_standards"])
    levels = dict.fromkeys(str(stay["level"]) for stay in stays)
    return [
        d.given("referral.deductible_standards", Fraction(standards[level], 100), 2)
        for level in levels
    ]
