"""Why a case has its class, its points or price, and what it brings its hospital."""

from __future__ import annotations

from fractions import Fraction

from drgpay.cases.checks.catalogue import CHECKS
from drgpay.ground.errors import Bilingual, both
from drgpay.ground.money import yuan_text
from drgpay.ground.numbers import Number, fixed, rounded
from drgpay.names.codes import spoken
from drgpay.names.columns import both_names
from drgpay.names.reasons import QUARANTINED
from drgpay.names.run_columns import named
from drgpay.region.later import case_mark
from drgpay.runs.case_bounds import KEYS
from drgpay.settlement import account
from drgpay.why import bounds, case_points
from drgpay.why.base import base_points, coefficient, group_mean
from drgpay.why.case_class import Stay, classify
from drgpay.why.folder import Row, RunFolder
from drgpay.why.later import (
    is_removed,
    later_rows,
    say_corrected,
    say_later,
    without_points,
)
from drgpay.why.model import Derivation
from drgpay.why.referral import show_referral
from drgpay.why.words import said

POINTS, ITEM, HELD = case_points.POINTS, case_points.ITEM, case_points.HELD


def why_case(run: RunFolder, case_id: str) -> Derivation:
    """Return the derivation of a case; raises InputError for one that the run does not have."""
    rows = run.cases_where("case_id", case_id)
    row = rows[0] if rows else run.case(case_id)
    d = Derivation("case", case_id, both(f"病例 {case_id}", f"Case {case_id}"), run.policy)
    say_corrected(d, run)
    if row["status"] == "quarantined":
        _quarantined(d, run, rows)
        return d
    _head(d, run, row)
    _settled(d, run, row)
    show_referral(d, run, row)
    return d


def _head(d: Derivation, run: RunFolder, row: Row) -> None:
    """State where the case lies and its group."""
    hospital, pool = row["hospital_id"], row["pool"]
    group = run.drgs.get(row["drg"])
    title = "" if group is None else group.get("name", "")
    for column, label, text in (
        ("hospital_id", both("医疗机构", "hospital"), f"{hospital} {run.hospital_name(hospital)}"),
        ("pool", both("险种", "pool"), pool),
        ("drg", both("病组", "group"), f"{row['drg']} {title}"),
        ("status", both("分组结果", "status"), spoken("status", row["status"])),
    ):
        d.fact(label, text, row.figure(column))
    if row.get("reason"):
        reason = spoken("reason", row["reason"], "cases")
        d.fact(both("原因", "reason"), reason, row.figure("reason"))
    if row.get("severity"):
        level, decided = row["severity"], row.get("severity_diagnosis") or ""
        told = spoken("severity", level)
        zh, en = (f"{text} {decided}".strip() for text in (told.chinese, told))
        figures = row.figures("severity", "severity_diagnosis")
        d.fact(both("严重程度", "severity"), both(zh, en), *figures)
    d.notes.append(said("explain", case=row["case_id"]))


def _quarantined(d: Derivation, run: RunFolder, rows: list[Row]) -> None:
    """Say why a case was not settled and what mends it."""
    end = spoken("status", "quarantined")
    d.fact(both("结果", "end"), end, *(row.figure("status") for row in rows))
    for reason in dict.fromkeys(row["reason"] for row in rows):
        figures = (row.figure("reason") for row in rows if row["reason"] == reason)
        d.fact(both("原因", "reason"), _reason(reason), *figures)
    d.section(both("隔离：没有清算，不在任何合计之中", "Quarantined: not settled, in no sum"))
    notes = run.quarantined(d.name)
    for note in notes:
        d.say(
            "quarantine", *note.figures("file", "row", "column", "value", "reason"),
            reason=_reason(note["reason"]), file=note["file"], row=note["row"], value=note["value"],
            column=both(both_names(note["column"]), note["column"]),
            remedy=QUARANTINED[note["reason"]].remedy,
        )  # fmt: skip
    if not notes:
        d.disagree("no_quarantine")


def _returned(d: Derivation, run: RunFolder, row: Row) -> None:
    """Say that what the case brings too much returns to the fund."""
    for entry in run.listed("violations", ("hospital_id", "pool", "reason")):
        if case_mark(row["case_id"]) in entry["reason"]:
            d.parameter("removed_case")
            yuan = yuan_text(entry["amount_fen"])
            text = said("returned", reason=entry["reason"], yuan=yuan)
            d.fact(both("退回基金", "returned to the fund"), text, *entry.figures("amount_fen"))


def _held_by(d: Derivation, row: Row) -> None:
    """Say which findings hold a case, and what lets it go on."""
    d.section(both("暂不支付：检查结果待核实", "Held: a finding is to be looked at"))
    for name in row["doubts"].split("|"):
        check = CHECKS[name]
        d.say(
            "held.finding", *row.figures("doubts", "paid_by"), name=name,
            check=both(check.chinese, check.english),
            advice=both(check.advice_chinese, check.advice_english),
            uses=["los_conflict" if name == "stay_against_dates" else "findings.hold"],
        )  # fmt: skip


def _reason(code: str) -> Bilingual:
    """Return what a reason of quarantine means."""
    return QUARANTINED[code].message


def _settled(d: Derivation, run: RunFolder, row: Row) -> None:
    rows = later_rows(run, row["case_id"])
    say_later(d, row, rows)
    _returned(d, run, row)
    gone = bool(rows) and is_removed(rows[-1]) and row["paid_by"] != HELD
    if gone and not run.policy.says("removed_case", "to_fund", "shared"):
        _amounts(d, run, row, [row])
        left = without_points(d, row, rows[-1])
        _brings(d, run, row, case_points.readmission(d, run, row, left))
        return
    members = chain_of(run, row)
    waiting = [m for m in members if m.get("doubts") and run.reviews.get(m["case_id"]) is None]
    if waiting and row["paid_by"] == HELD:
        _amounts(d, run, row, members)
        for member in waiting:
            _held_by(d, member)
        return
    stay = _stay(run, row, members)
    d.section(both("病组的基准点数与本院差异系数", "Base points of the group, coefficient"))
    c = fixed(1)
    if stay.status == "grouped":
        without = "unstable" if stay.kind == "unstable" else "none"
        stay.base = base_points(d, run, stay.drg, without)
        group = run.drgs.get(stay.drg)
        if stay.base is not None and group is not None:
            stay.mean = group_mean(d, run, group)
            if stay.kind != "bed_day" and row["drg"] == stay.drg:
                for column in ("group_mean_fen", "base_points"):
                    d.same(named(column), group.figure(column), row[column])
    c = coefficient(d, run, stay.hospital, stay.drg)
    stay.coefficient = c
    _amounts(d, run, row, members)
    classify(d, run, stay)
    _reviewed(d, stay)
    shared = len(members) > 1
    new = row.has("new_technology_fen") and row["paid_by"] != HELD
    stated = () if shared or new else row.figures("points_before_readmission")
    paid, amount = case_points.score(d, run, stay, c, stated)
    _paid_by(d, row, paid)
    if paid == POINTS:
        if shared:
            amount = case_points.chain_share(d, run, row, members, amount)
        if new:
            amount = case_points.rewarded(d, run, row, amount)
        points = case_points.readmission(d, run, row, amount)
        _brings(d, run, row, points)
    elif paid == ITEM:
        if new:
            amount = case_points.with_apart(d, run, row, amount)
        _brings_money(d, row, amount)


def chain_of(run: RunFolder, row: Row) -> list[Row]:
    """Return the stays of a case's referral chain; the case alone when it is in none."""
    lead = row.get("chain")
    return run.cases_where("chain", lead) if lead else [row]


def _stay(run: RunFolder, row: Row, members: list[Row]) -> Stay:
    lead = next((m for m in members if m["case_id"] == row.get("chain")), row)
    cost: Number = row.number("total_cost_fen")
    less: Number = row.number("unreasonable_fen")
    if len(members) > 1:
        cost, less = (
            case_points.of_chain(
                members, column,
                both(f"转诊各次{named(column).chinese}之和", f"{named(column)} of the chain"),
            )
            for column in ("total_cost_fen", "unreasonable_fen")
        )  # fmt: skip
    if any(m.has("new_technology_fen") for m in members):
        cost = cost - new_cost(row, members)
    return Stay(
        row, lead, lead["hospital_id"], lead["drg"], lead["status"], cost, less,
        review=run.reviews.get(lead["case_id"]),
    )  # fmt: skip


def new_cost(row: Row, members: list[Row]) -> Number:
    """Return what new technology cost in a case, or in the stays of its chain."""
    if len(members) == 1:
        return row.number("new_technology_fen")
    return case_points.of_chain(members, "new_technology_fen")


def _amounts(d: Derivation, run: RunFolder, row: Row, members: list[Row]) -> None:
    """Show what the case cost and who paid; a referral chain's stays one by one."""
    d.section(both("费用", "Cost"))
    cost, fund = row.number("total_cost_fen"), row.number("pool_fund_fen")
    if run.policy.says("not_pool", "all", "personal"):
        d.step("not_pool", cost - fund, row, note="all")
    else:
        d.step("not_pool", row.number("not_pool_fen"), note="personal")
    if len(members) > 1:
        listed = ", ".join(f"{m['case_id']} {m['hospital_id']}" for m in members)
        d.say("chain", *row.figures("chain"), lead=row["chain"], stays=listed)


def _reviewed(d: Derivation, stay: Stay) -> None:
    """Hold the unreasonable cost that was taken off against the decision of the review."""
    row = stay.row
    if row["chain"]:
        return
    taken = Fraction(row["unreasonable_fen"] or 0)
    given = Fraction(0) if stay.review is None else Fraction(stay.review["unreasonable_fen"] or 0)
    if taken and taken != given:
        d.disagree("unreasonable", taken=yuan_text(int(taken)), given=yuan_text(int(given)))


def _paid_by(d: Derivation, row: Row, paid: str) -> None:
    if row["paid_by"] != paid:
        d.disagree("paid_by", paid=paid, says=row["paid_by"])


def _brings(d: Derivation, run: RunFolder, row: Row, points: Number) -> None:
    """Add what the case adds to its hospital's due: points × V − n."""
    pool = run.pool_of(row["pool"])
    if pool is None:
        d.disagree("no_pool", pool=row["pool"])
        return
    d.section(both("为医疗机构带来的金额", "What it brings the hospital"))
    value = run.value_of(pool)
    worth = d.step("worth", points * value, pool=row["pool"])
    exact = d.step("brings.exact", worth - row.number("not_pool_fen"))
    low, high = bounds.of_case(d, run, row)
    if low is not None or high is not None:
        exact = d.step("brings.bounded", account.within(exact, low, high), uses=KEYS)
    if row.has("apart_fen"):
        exact = d.step("brings.apart", exact + case_points.paid_apart(d, row))
    d.step("brings", rounded(exact, fixed(2)))


def _brings_money(d: Derivation, row: Row, price: Number) -> None:
    d.section(both("为医疗机构带来的金额", "What it brings the hospital"))
    d.step("brings/money", price - row.number("not_pool_fen"))
