"""Money before it is due, on the book: working capital and advances granted within their limits, returned.

Also what institutions owe, taken off what is payable to them (追回). Arithmetic: budget/prepayment.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drgpay.budget.prepayment import (
    ADVANCE,
    WORDS,
    WORKING_CAPITAL,
    Granted,
    advance,
    offset,
    working_capital,
)
from drgpay.ground.errors import InputError, both, fault_at, located
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Reading
from drgpay.ledger.entries import Draft
from drgpay.ledger.orders import open_amounts
from drgpay.ledger.postings import Place, advance_lines, recovery_lines, returned_lines
from drgpay.policy import YearPolicy
from drgpay.region.standing import NORMAL
from drgpay.region.tables import STANDINGS
from drgpay.tables import kinds
from drgpay.tables.declared import Column, Row, Table, optional
from drgpay.wrapper.filled import WHO, paid_beyond, read_table
from drgpay.wrapper.index_year import held_indices
from drgpay.wrapper.planning import budget_policy, policy_facts

CLAUSES: Mapping[str, str] = {WORKING_CAPITAL: "S0 31", ADVANCE: "N2"}
ADVANCES = Table(
    "advances",
    (
        *WHO,
        Column("amount_yuan", kinds.amount_above_zero),
        optional("index_yuan", kinds.amount_above_zero, None),
        optional("standing", STANDINGS, NORMAL),
    ),
    required=True,
    unique=("hospital_id", "pool"),
    filled=True,
)


def advances_draft(
    reading: Reading, table: Path, kind: str, year: int, policy_name: str, who: str
) -> Draft:
    """Return the entry that grants working capital or advances, each within its limit.

    The limit is of the institution's index in the book; of one without an index, of the year's amount
    that the table gives. Raises InputError with all faults.
    """
    policy = budget_policy(policy_name, year)
    rows = read_table(table, ADVANCES)
    indices = {place: own["index_fen"] for place, own in held_indices(reading, year).items()}
    before = _standing(reading, kind)
    granted, faults = [], []
    for row in rows:
        try:
            granted.append(_granted(kind, row, indices, before, policy))
        except InputError as error:
            faults.append(located(row.where, error.what))
    if faults:
        word = WORDS[kind]
        raise InputError(
            both(
                f"{word.chinese}不能拨付（{CLAUSES[kind]}）",
                f"the {word} cannot be granted ({CLAUSES[kind]})",
            ),
            where=table,
            faults=faults,
            remedy=both("改正后重试", "mend it and try again"),
        )
    lines = [
        line
        for own in granted
        for line in advance_lines(kind, own.pool, own.hospital_id, own.amount_fen)
    ]
    body = {
        "policy": policy_facts(policy), "account": kind,
        "granted": [
            {**asdict(own), "months": str(own.months), "outstanding_fen": own.outstanding_fen}
            for own in granted
        ],
    }  # fmt: skip
    return Draft(
        "advance", year, who, "maker", body, clause=CLAUSES[kind],
        subject=f"{year} {WORDS[kind].chinese}", lines=tuple(lines),
    )  # fmt: skip


def _granted(
    kind: str, row: Row, indices: Mapping[Place, int], before: Mapping[Place, int],
    policy: YearPolicy,
) -> Granted:  # fmt: skip
    place = row["hospital_id"], row["pool"]
    held, given = indices.get(place), row["index_yuan"]
    if (held is None) == (given is None) or (held is not None and given not in (None, held)):
        raise InputError(
            both(
                "账上有指标的不填年度金额，没有指标的（按点数付费）须填",
                "the year's amount is given where the book has no index (paid by points), and only "
                "there",
            )
        )
    figures = (*place, row["amount_yuan"], given if held is None else held, policy)
    if kind == WORKING_CAPITAL:
        return working_capital(*figures, before.get(place, 0))
    return advance(*figures, before.get(place, 0), breach=row["standing"] != NORMAL)


def _standing(reading: Reading, account: str) -> dict[Place, int]:
    """Return what institutions hold or owe on an account, of whatever year, in fen."""
    return {
        (b.hospital_id, b.pool): b.amount_fen for b in reading.balances(account) if b.amount_fen > 0
    }


def _payable(reading: Reading, year: int) -> dict[Place, int]:
    """Return what is payable of a year and on no order yet, in fen."""
    ordered = open_amounts(reading, year)
    return {
        (b.hospital_id, b.pool): -b.amount_fen - ordered.get((b.pool, b.hospital_id), 0)
        for b in reading.balances("payable", year=year)
    }


def returns_draft(
    reading: Reading, kind: str, year: int, month: int, policy_name: str, who: str
) -> Draft:
    """Return the entry by which what is payable gives working capital or advances back.

    An advance is due from `advance.return_month` on, working capital whenever it is asked back. Raises
    InputError where nothing is.
    """
    policy = budget_policy(policy_name, year)
    payable = _payable(reading, year)
    rows: list[dict[str, Any]] = []
    lines = []
    for (hospital, pool), held in sorted(_standing(reading, kind).items()):
        free = max(0, payable.get((hospital, pool), 0))
        back = offset(held, free, month, policy).offset_fen if kind == ADVANCE else min(held, free)
        if back:
            lines += advance_lines(kind, pool, hospital, -back)
            rows.append(
                {
                    "hospital_id": hospital, "pool": pool, "outstanding_before_fen": held,
                    "payable_fen": free, "offset_fen": back, "outstanding_fen": held - back,
                }
            )  # fmt: skip
    if not rows:
        word = WORDS[kind]
        raise _nothing(
            f"没有可冲回的{word.chinese}（未到收回月份，或没有未开单的应付款）",
            f"no {word} can be given back (not due yet, or nothing payable)",
        )
    body = {"policy": policy_facts(policy), "account": kind, "month": month, "returned": rows}
    return Draft(
        "advance", year, who, "maker", body, clause=CLAUSES[kind],
        subject=f"{year}-{month:02d} {WORDS[kind].chinese}冲回", lines=tuple(lines),
    )  # fmt: skip


def recovery_draft(reading: Reading, year: int, who: str) -> Draft:
    """Return the entry that takes what institutions owe, of whatever year, off what is payable now.

    Of each institution and pool by itself, never across. Raises InputError where nothing can be.
    """
    payable = _payable(reading, year)
    rows, lines = [], []
    for (hospital, pool), owed in sorted(_standing(reading, "receivable").items()):
        back = min(owed, max(0, payable.get((hospital, pool), 0)))
        if back:
            lines += recovery_lines(pool, hospital, back)
            rows.append(
                {
                    "hospital_id": hospital, "pool": pool, "owed_fen": owed,
                    "payable_fen": payable[hospital, pool], "taken_fen": back,
                    "left_fen": owed - back,
                }
            )  # fmt: skip
    if not rows:
        raise _nothing(
            "没有可抵扣的应收款（没有欠款，或没有未开单的应付款）",
            "nothing that is owed can be taken off what is payable",
        )
    return Draft(
        "recovery", year, who, "maker", {"recovered": rows}, clause="S0 35; S1 三(七)",
        subject=f"{year}", lines=tuple(lines),
    )  # fmt: skip


REPAYMENTS = Table(
    "repayments",
    (
        *WHO,
        Column("amount_yuan", kinds.amount_above_zero),
        Column("paid_on", kinds.date),
        optional("bank_reference", kinds.code),
    ),
    required=True,
    unique=("hospital_id", "pool", "bank_reference"),
    filled=True,
)


def repayments_draft(reading: Reading, table: Path, year: int, who: str) -> Draft:
    """Return the entry of what institutions paid back to the fund, by the bank's word.

    Raises InputError for more than one owes in a pool.
    """
    rows = read_table(table, REPAYMENTS)
    owed = _standing(reading, "receivable")
    paid = [(row, (row["hospital_id"], row["pool"]), row["amount_yuan"]) for row in rows]
    faults = [
        fault_at(
            row.where,
            f"机构 {place[0]}、险种 {place[1]} 应收 {yuan_text(owed.get(place, 0))} 元，"
            f"退回合计多出 {yuan_text(over)} 元",
            f"{place[0]}, pool {place[1]}, owes {yuan_text(owed.get(place, 0))} yuan: "
            f"{yuan_text(over)} too much",
        )
        for row, place, over in paid_beyond(owed, paid)
    ]
    lines, told = [], []
    for row, place, fen in paid:
        lines += returned_lines(place[1], place[0], fen)
        told.append(
            {
                "hospital_id": place[0], "pool": place[1], "amount_fen": fen,
                "paid_on": row["paid_on"].isoformat(), "reference": row["bank_reference"],
            }
        )  # fmt: skip
    if faults:
        raise InputError(
            both("退回款与应收不符，未记账", "the repayments do not fit what is owed"),
            where=table,
            faults=faults,
            remedy=both("与银行、机构核对", "clear it up with the bank and the institution"),
        )
    return Draft(
        "recovery", year, who, "maker", {"repaid": told}, clause="S0 35", subject=f"{year}",
        lines=tuple(lines),
    )  # fmt: skip


def _nothing(chinese: str, english: str) -> InputError:
    return InputError(
        both(chinese, english),
        remedy=both("余额见 drgpay budget balances", "balances: drgpay budget balances"),
    )
