"""Why a payment waits for a control target: the fund's own, the region's, and each hospital's part.

45,000.00 would leave pool 310, whose target is 40,000.00: 5,000.00 wait; clinics take 9,000.00 of
the region's 40,005.00, so that 9,000.00 more wait. H2 is the only one to be paid (15,550.00).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import why
from drgpay.why.text import lines
from tests.settlement.small import case, small_region
from tests.settlement.test_money import OWES, own_targets, target

CLINICS = '[[ceiling.payments]]\nname = "门诊"\namount_yuan = "9000.00"\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("why")
    cases = [*OWES, case("C9", "H1", "10.00", "5.00", "390")]
    pools = {"310": "31000.00", "390": "5.00"}
    folder = small_region(base / "region", cases, pools, more=target("40005.00", CLINICS))
    own_targets(folder, p310="40000.00")
    return write_run(year_end(folder), base / "run")


def test_pool__says_what_waits_for_which_target(run: Path) -> None:
    told = why(run, "pool", "310")
    assert not told.disagreements
    values = {s.key: s.value for s in told.steps}
    assert values["fund.310.waits_own"] == 5000
    assert values["fund.310.waits_region"] == 9000
    assert values["fund.310.waits"] == 14000


def test_hospital__says_its_part_of_what_waits(run: Path) -> None:
    told = why(run, "hospital", "H2")
    assert not told.disagreements
    values = {s.key: s.value for s in told.steps}
    assert (values["waits"], values["payable"]) == (14000, 1550)


@pytest.mark.parametrize("asked", [("pool", "310"), ("hospital", "H2")])
def test_texts__have_no_raw_column_and_name_each_mode(run: Path, asked: tuple[str, str]) -> None:
    text = "\n".join(lines(why(run, *asked)))
    labels = re.findall(r"(?<=\d )([^〔；]+)〔", text)
    assert labels and not [label for label in labels if re.fullmatch(r"[a-z_]+", label)]
    if asked[0] == "pool":
        assert "已预付〔ceiling[mode=prepaid]" in text and "其他支出（门诊）〔ceiling" in text
        assert "金额〔ceiling" not in text
