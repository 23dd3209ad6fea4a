"""The limits that heaps are looked for at are those that the year was settled with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drgpay.points.base import multiples_of
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.signals.coding import ratio_and_low
from drgpay.signals.data import load_cases
from tests.settlement.small import BASE, case, small_region

COSTS = ("1.00", "3000.00", "3900.00", "4100.00", "5900.00", "6100.00", "29000.00", "44000.00")


@pytest.mark.parametrize("basis", ["group_mean", "standard"])
@pytest.mark.parametrize("threshold", ["fixed", "lower_of_coefficient"])
def test_limits__of_signals_are_those_of_the_classes(
    basis: str, threshold: str, tmp_path: Path
) -> None:
    """H1 has 1.5, H2 0.8 in GB15: 0.4 of 10,000.00 are 6,000.00 and 3,200.00 by the standard."""
    cases = [
        case(f"{h}-{i}", h, cost, "0.00") for h in ("H1", "H2") for i, cost in enumerate(COSTS)
    ]
    given = [
        {"hospital_id": "H1", "coefficient": "1.5", "drg": ""},
        {"hospital_id": "H2", "coefficient": "1", "drg": ""},
        {"hospital_id": "H2", "coefficient": "0.8", "drg": "GB15"},
    ]
    region = small_region(
        tmp_path / "r",
        [*BASE, *cases],
        tables={"coefficients": given},
        policy={
            "ratio_basis": f'"{basis}"',
            "low.threshold": f'"{threshold}"',
            "coef.scope": '"hospital_drg"',
        },
    )
    run = year_end(region)
    folder = write_run(run, tmp_path / "run")
    for found in (load_cases(region), load_cases(region, folder)):
        ratio, low = ratio_and_low(found)
        words = np.array(found.class_words)[found.case_class]
        assert {"low", "high", "normal"} <= set(words.tolist())
        assert ((ratio <= low) == (words == "low")).all()
        assert ((ratio >= multiples_of(found.base_points, found.policy)) == (words == "high")).all()
