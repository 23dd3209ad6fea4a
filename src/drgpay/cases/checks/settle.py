"""What a settlement refuses before it knows the region: dates, amounts, payment modes.

Each fault is a small function of one case or of arrays of cases.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from drgpay.cases import parse
from drgpay.cases.checks.facts import MODES, CaseFacts
from drgpay.cases.encode import Faults


def date_missing(day: Any) -> Any:
    """Fail if a day is not given or cannot be read."""
    return day == parse.MISSING_DATE


def dates_reversed(admission: Any, discharge: Any) -> Any:
    """Fail if the patient was discharged before being admitted."""
    known = (admission != parse.MISSING_DATE) & (discharge != parse.MISSING_DATE)
    return known & (discharge < admission)


def money_missing(fen: Any) -> Any:
    """Fail if an amount is not given or cannot be read."""
    return fen == parse.MISSING_MONEY


def money_negative(fen: Any, refund: Any) -> Any:
    """Fail if an amount is negative, but for a refund."""
    return (fen != parse.MISSING_MONEY) & (fen < 0) & (refund != 1)


def fund_above_cost(fund: Any, cost: Any) -> Any:
    """Fail if the pooled fund paid more than the total cost."""
    return (fund >= 0) & (cost >= 0) & (fund > cost)


def note_settlement_faults(faults: Faults, facts: CaseFacts) -> None:
    """Note what a settlement would refuse, of the columns that the table has."""
    present = facts.present
    for name, days in (("admission_date", facts.admission), ("discharge_date", facts.discharge)):
        if name in present and len(days) and days.min() == parse.MISSING_DATE:
            faults.add(date_missing(days), name, "date_invalid")
    if "settlement_date" in facts.unreadable:
        faults.add(facts.unreadable["settlement_date"], "settlement_date", "date_invalid")
    early = facts.discharge < facts.admission
    if early.any():
        known = dates_reversed(facts.admission, facts.discharge)
        faults.add(known, "discharge_date", "dates_reversed")
    for name, fen in (("total_cost", facts.cost), ("pool_fund", facts.fund)):
        if name in present and len(fen) and fen.min() < 0:  # what is missing is negative, too
            faults.add(money_missing(fen), name, "money_invalid")
            faults.add(money_negative(fen, facts.refund), name, "money_negative")
    if (facts.fund > facts.cost).any():
        faults.add(fund_above_cost(facts.fund, facts.cost), "pool_fund", "fund_above_cost")
    if "payment_mode" in present:
        faults.add(_strange_modes(faults.table), "payment_mode", "payment_mode_unknown")


def _strange_modes(table: pa.Table) -> parse.Mask:
    return parse.choices(table["payment_mode"], {"": 0, **MODES}, 0)[1]
