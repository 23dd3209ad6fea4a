"""Why a line of a hospital's account is as it is: what the manifest says of it."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

from drgpay.names.codes import word
from drgpay.runs.reader import Record

from . import amounts
from .reopened import final_text, is_reopened
from .run import Account, Run
from .texts import Words

POINTS, MONEY = "points", "amount_fen"


def standing(run: Run, account: Account) -> str:
    return str(run.hospitals.get(account.hospital, {}).get("standing") or "normal")


@lru_cache(maxsize=4)
def _rows(run: Run, key: str) -> dict[tuple[str, str], list[Record]]:
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for r in run.manifest.get(key) or ():
        found[r["hospital_id"], r["pool"]].append(r)
    return dict(found)


def _own(run: Run, account: Account, key: str) -> list[Record]:
    return _rows(run, key).get((account.hospital, account.pool), [])


def violation_note(run: Run, account: Account, w: Words, kind: str = MONEY) -> str:
    """The violations behind a deduction: the reason, and amount or points, of each."""
    told = []
    for r in _own(run, account, "violations"):
        reason = r.get("reason")
        given = str(r.get(kind) or "0")
        size = amounts.units_of(given, 4) if kind == POINTS else int(given)
        if size:
            text = amounts.points(size) if kind == POINTS else amounts.yuan(size)
            unit = w("n_points" if kind == POINTS else "n_yuan", n=text)
            told.append(f"{reason or w('n_no_reason')} {unit}")
    return w("semicolon").join(told)


def carried_note(run: Run, account: Account, w: Words) -> str:
    """Where a carried amount comes from, and what its sign means."""
    note = w("l_carried_note")
    origins = [str(r.get("from") or "") for r in _own(run, account, "carried") if r["amount_fen"]]
    origins = [text for text in origins if text]
    if not origins:
        return note
    return w("n_from", text=w("semicolon").join(origins)) + w("semicolon") + note


def bound_note(run: Run, account: Account, w: Words) -> str:
    """Which bound decided a due, and by what rule; empty where none did."""
    if run.pool_left(account.pool):
        return w("n_left")
    if not account.bound:
        return ""
    a = account.amounts
    text = w("l_rest_bound", bound=w(f"bound_{account.bound}"))
    if account.bound == "low":
        return text + w("n_low") if run.values.get("bound.never_below_zero") is True else text
    rules = []
    penalised = standing(run, account) == "penalised"
    if penalised and run.values.get("violator_no_increase") is True and a.due == a.recorded:
        rules.append(w("n_penalised", fen=amounts.yuan(a.recorded)))
    share = run.fraction("bound.cost_share")
    if share is not None and run.says("bound.level", "hospital", "none", "case"):
        top = share * a.recorded
        if a.due == top.numerator // top.denominator:
            rules.append(w("n_cost_share", share=amounts.trimmed(share)))
    return text + (w("colon") + w("semicolon").join(rules) if rules else "")


def ended_note(run: Run, account: Account, w: Words) -> str:
    """Why the deposit of an ended agreement is not assessed."""
    return w("n_ended") if standing(run, account) == "ended" else ""


def share_note(run: Run, account: Account, w: Words) -> str:
    """How a hospital came to its part of the forfeited deposits, or why it has none."""
    own = standing(run, account)
    if run.may_share(account):
        return w("l_shared_note" if run.sharing[account.pool][0] else "n_share_nothing")
    if own != "normal":
        return w("n_share_standing", word=word("standing", own, w.lang))
    return w("n_share_forfeited" if account.amounts.forfeited else "n_share_points")


def final_note(run: Run, account: Account, w: Words) -> str:
    """What a final payment means: what the next ones set off, or no second payment."""
    if account.amounts.final < 0 and standing(run, account) == "ended" and not is_reopened(run):
        return w("l_final_demand")
    if is_reopened(run):
        note = final_text(run, account.hospital, account.pool, w)
        below = account.amounts.final < 0
        return note + w("semicolon") + w("l_final_return") if below else note
    return w("l_final_return") if account.amounts.final < 0 else ""
