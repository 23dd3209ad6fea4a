"""Reserves drawn, so that what they are for may be spent (S0 13); never the deposit's."""

from __future__ import annotations

from pathlib import Path

from drgpay.ground.errors import InputError, both
from drgpay.ground.money import yuan_text
from drgpay.ledger.book import Turn
from drgpay.ledger.cash import SET_ASIDE
from drgpay.ledger.entries import Draft
from drgpay.ledger.postings import draw_lines
from drgpay.names.plan import RESERVES
from drgpay.wrapper.planning import kept_file


def draw_draft(
    turn: Turn, year: int, pool: str, reserve: str, amount_fen: int, why: str, decision: Path, who: str
) -> Draft:  # fmt: skip
    """Return the entry that draws on a reserve of a year's control target, on the decision's paper.

    Raises InputError for more than it has, and for the deposit's, which institutions are owed.
    """
    word = RESERVES[reserve]
    left = sum(
        b.amount_fen
        for b in turn.balances("reserve", year=year)
        if (b.pool, b.detail) == (pool, reserve)
    )
    if reserve == SET_ASIDE or not 0 < amount_fen <= left:
        told = yuan_text(amount_fen), yuan_text(left)
        raise InputError(
            both(
                f"险种 {pool} 的“{word.chinese}”有 {told[1]} 元，不能动用 {told[0]} 元（S0 第13条）",
                f"the {word} of pool {pool} has {told[1]} yuan: {told[0]} cannot be drawn (S0 13)",
            ),
            remedy=both(
                "质量保证金预留由考核决定，不得挪用；其他预留在余额之内动用",
                "the deposit is the assessment's; draw on others within what they have",
            ),
        )
    paper = kept_file(turn, decision)
    body = {
        "pool": pool, "reserve": reserve, "before_fen": left, "amount_fen": amount_fen,
        "left_fen": left - amount_fen, "reason": why, "decision": paper.digest,
    }  # fmt: skip
    return Draft(
        "reserves", year, who, "maker", {"drawn": [body]}, clause="S0 13",
        subject=f"{year} {word.chinese}", documents=(paper,),
        lines=tuple(draw_lines(pool, reserve, amount_fen)),
    )  # fmt: skip
