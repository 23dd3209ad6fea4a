"""Money that comes in beside the point value, what leaves a fund in cash, and where it is said.

Each region is small enough to be worked out by hand; engine and model must both give these figures.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from drgpay.money import yuan_text
from drgpay.settlement.year_end import year_end
from reference.model import settle_region

EX1 = Path(__file__).resolve().parent.parent / "cases" / "ex1"


# --- fen of one value for all pools


@pytest.mark.parametrize(
    ("rule", "totals"),
    [
        # V x points - not pool of both pools: 146,679.1158, 23,964.8802, 63,577.1640
        ("hospital_first", ["146,679.12", "23,964.88", "63,577.16"]),
        # by the fractions of six accounts: .2727, .3037, .8529, .1703, .4265, .9741 of a fen
        ("by_account", ["146,679.11", "23,964.88", "63,577.17"]),
    ],
)
def test_one_value__fen_go_to_hospitals_first(rule: str, totals: list[str]) -> None:
    overrides = {"combine_pools": "true", "combined_residual": rule}
    texts = [f"{key}={value}" for key, value in overrides.items()]
    fast, model = year_end(EX1, overrides=texts), settle_region(EX1, overrides=overrides)
    for hospitals in (fast.hospitals, model.hospitals):
        due = dict.fromkeys(("H1", "H2", "H3"), 0)
        for row in hospitals:
            due[row.hospital_id] += row.due_fen
        assert [yuan_text(fen) for fen in due.values()] == totals
