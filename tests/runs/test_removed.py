"""A case that a later violation removes: what was paid for it returns to the fund, or is shared.

EX1, pool 310: T = 127,667.50, N = 39,050.00, 1,027 points; C02 has 543.6 of them, n = 20,000.00.
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from drgpay.errors import in_language
from drgpay.settlement.reopen import reopen
from drgpay.settlement.run_folder import write_run
from drgpay.settlement.why import why
from drgpay.settlement.year_end import YearEnd, year_end
from reference.model import settle_region
from tests.months.folders import change, ex1
from tests.settlement.regions import EX1

HEAD = "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date"
VALUE = Fraction(12_766_750 + 3_905_000, 1_027)  # fen a point, with C02
LEFT = Fraction(12_766_750 + 3_905_000) / Fraction("483.4")  # without its points
PAID = 6_824_502  # 543.6 x 162.334469… − 20,000.00 = 68,245.0175…


def reopened(folder: Path, rule: str, case: str = "C02") -> tuple[YearEnd, Path]:
    """EX1 under a rule, settled and reopened with a case removed; and its run folder."""
    region = ex1(folder)
    policy = EX1.parent.parent.parent / "reference" / "policies" / "testland.toml"
    text = policy.read_text("utf-8")
    at = text.index("[[parameters.removed_case.values]]")
    own = text[at:].replace('value = "shared"\nalternative = "to_fund"', f'value = "{rule}"', 1)
    (region / "policy.toml").write_text(text[:at] + own, "utf-8")
    change(region / "region.toml", lambda t: t.replace('"testland"', '"policy.toml"'))
    first = write_run(year_end(region), folder / "first")
    later = folder / "later.csv"
    later.write_text(f"{HEAD}\nH1,310,,,{case},remove,监察〔2025〕2号,2025-03-01\n", "utf-8")
    run = reopen(region, first, later)
    model = settle_region(region, removed=[case])
    own_finals = {(h.hospital_id, h.pool): (h.due_fen, h.violation_fen) for h in run.hospitals}
    assert own_finals == {
        (h.hospital_id, h.pool): (h.due_fen, h.violation_fen) for h in model.hospitals
    }
    return run, write_run(run, folder / "second")


def carried(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    with (folder / "carried_difference.csv").open(encoding="utf-8") as stream:
        return {
            (r["hospital_id"], r["pool"]): (r["amount_yuan"], r["from"])
            for r in csv.DictReader(stream)
        }


def test_removed_case__returns_to_the_fund_what_was_paid_for_it(tmp_path: Path) -> None:
    run, folder = reopened(tmp_path, "to_fund")
    assert run.pools[0].point_value_fen == VALUE
    fines = {(h.hospital_id, h.pool): h.violation_fen for h in run.hospitals}
    assert fines["H1", "310"] == PAID and fines["H2", "310"] == 50_000
    # nobody else's payment moves, and the one row says why it is there
    assert carried(folder) == {
        ("H1", "310"): ("68245.02", "ex1 2024 v2（仅与 v1 的差额）; 监察〔2025〕2号")
    }
    told = "\n".join(in_language(w, "zh") for w in run.warnings)
    assert "所付的 68,245.02 元退回基金" in told and "点值 162.33 → 162.33 元" in told
    for kind, what in (("case", "C02"), ("hospital", "H1"), ("pool", "310")):
        assert not why(folder, kind, what).disagreements
    facts = [in_language(f.text, "zh") for f in why(folder, "case", "C02").facts]
    assert any("68,245.02" in text for text in facts)


def test_removed_case__is_shared_by_policy_with_figures(tmp_path: Path) -> None:
    run, folder = reopened(tmp_path, "shared")
    assert run.pools[0].point_value_fen == LEFT
    h2 = next(h for h in run.hospitals if (h.hospital_id, h.pool) == ("H2", "310"))
    assert abs(h2.due_fen - (LEFT * Fraction("145.6") - 705_000)) < 1  # 43,165.28 of due
    assert h2.due_fen == 4_316_528
    told = "\n".join(in_language(w, "zh") for w in run.warnings)
    others = sum(
        h.final_fen - run.reopening.finals[h.hospital_id, h.pool]  # type: ignore[union-attr]
        for h in run.hospitals
        if h.pool == "310" and h.hospital_id != "H1"
    )
    assert "点值 162.33 → 344.88 元" in told or "点值 162.33 → 344.89 元" in told
    assert f"合计变动 {others / 100:,.2f} 元" in told
    rows = carried(folder)
    assert "其他机构的更正使点值变动" in rows["H2", "310"][1]
    assert "其他机构的更正使点值变动" not in rows["H1", "310"][1]
    assert {pool for _, pool in rows} == {"310"}


@pytest.mark.parametrize("rule", ["to_fund", "shared"])
def test_removed_case__of_the_smallest_value(tmp_path: Path, rule: str) -> None:
    """C01 brings 265 x 162.334… − 9,000.00 = 34,018.63; the cap is what the hospital is due."""
    run, _ = reopened(tmp_path, rule, "C01")
    h1 = next(h for h in run.hospitals if (h.hospital_id, h.pool) == ("H1", "310"))
    assert h1.violation_fen == (3_401_863 if rule == "to_fund" else 0)
