"""A case that a later violation removes: what was paid for it returns to the fund, or is shared.

EX1, pool 310: T = 127,667.50, N = 39,050.00, 1,027 points; C02 has 543.6 of them, n = 20,000.00.
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from drgpay.ground.errors import in_language
from drgpay.reopening.reopen import reopen
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import why
from reference.model import settle_region
from tests.months.folders import change, ex1
from tests.settlement.regions import EX1

HEAD = "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date"
VALUE = Fraction(12_766_750 + 3_905_000, 1_027)  # fen a point, with C02
LEFT = Fraction(12_766_750 + 3_905_000) / Fraction("483.4")  # without its points
PAID = 6_824_502  # 543.6 x 162.334469… − 20,000.00 = 68,245.0175…


def reopened(
    folder: Path, rule: str, case: str = "C02", hospital: str = "H1", drg: str = "remove"
) -> tuple[YearEnd, Path]:
    """EX1 under a rule, settled and reopened with a case removed or regrouped; and its folder."""
    region = ex1(folder)
    policy = EX1.parent.parent.parent / "reference" / "policies" / "testland.toml"
    text = policy.read_text("utf-8")
    at = text.index("[[parameters.removed_case.values]]")
    own = text[at:].replace('value = "shared"\nalternative = "to_fund"', f'value = "{rule}"', 1)
    (region / "policy.toml").write_text(text[:at] + own, "utf-8")
    change(region / "region.toml", lambda t: t.replace('"testland"', '"policy.toml"'))
    first = write_run(year_end(region), folder / "first")
    later = folder / "later.csv"
    later.write_text(f"{HEAD}\n{hospital},310,,,{case},{drg},监察〔2025〕2号,2025-03-01\n", "utf-8")
    run = reopen(region, first, later)
    gone = drg == "remove"
    model = settle_region(
        region, removed=[case] if gone else [], regrouped={} if gone else {case: drg}
    )
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


def test_regrouped_case__returns_to_the_fund_what_it_brought_too_much(tmp_path: Path) -> None:
    """C01 belongs to GB15, where its cost is high and unreviewed: 84.8 points instead of 265.

    V x 180.2 goes back; its points still count in the value and nobody else is paid more.
    """
    run, folder = reopened(tmp_path, "to_fund", "C01", drg="GB15")
    assert run.pools[0].point_value_fen == VALUE
    fines = {(h.hospital_id, h.pool): h.violation_fen for h in run.hospitals}
    old, new = (round(VALUE * Fraction(points) - 900_000) for points in ("265", "84.8"))
    assert fines["H1", "310"] == old - new == 2_925_267
    assert carried(folder) == {
        ("H1", "310"): ("29252.67", "ex1 2024 v2（仅与 v1 的差额）; 监察〔2025〕2号")
    }
    told = "\n".join(in_language(w, "zh") for w in run.warnings)
    assert "病例 C01（改入 GB15）所付的 29,252.67 元退回基金" in told
    assert "点值 162.33 → 162.33 元" in told
    for kind, what in (("case", "C01"), ("hospital", "H1"), ("pool", "310")):
        assert not why(folder, kind, what).disagreements
    facts = [in_language(f.text, "zh") for f in why(folder, "case", "C01").facts]
    assert any("改组病例 C01，按 GB15 计点多付的金额退回基金：29,252.67 元" in x for x in facts)


def test_regrouped_case__takes_along_what_another_stay_earns_by_it(tmp_path: Path) -> None:
    """C06 belongs to FM15, so that C05 is no longer followed by a stay of its group.

    C06 brings 72 instead of 78.4 points, C05 78.4 instead of 39.2, which the fund pays.
    """
    run, folder = reopened(tmp_path, "to_fund", "C06", "H2", "FM15")
    assert run.pools[0].point_value_fen == VALUE
    more = {r.case_id: r.amount_fen for r in run.returned}
    assert more == {"C06": 103_894, "C05": -636_351}  # V x 6.4; V x −39.2
    h2 = next(h for h in run.hospitals if (h.hospital_id, h.pool) == ("H2", "310"))
    assert h2.violation_fen == 50_000 + 103_894 - 636_351
    assert not why(folder, "hospital", "H2").disagreements
    facts = [in_language(f.text, "zh") for f in why(folder, "case", "C05").facts]
    assert any("连带病例 C05，因其他病例改组少付的金额由基金补付" in text for text in facts)


def test_regrouped_case__is_shared_by_policy_with_figures(tmp_path: Path) -> None:
    run, _ = reopened(tmp_path, "shared", "C01", drg="GB15")
    left = Fraction(12_766_750 + 3_905_000) / Fraction("846.8")  # 1,027 − 265 + 84.8
    assert run.pools[0].point_value_fen == left
    told = "\n".join(in_language(w, "zh") for w in run.warnings)
    assert "病例 C01（改入 GB15）不再计原有的点数" in told and "点值 162.33 → 196.88 元" in told
