"""Quarantined and held cases: their money is set aside, and too many of them refuse the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError, in_language
from drgpay.report.outputs import write_outputs
from drgpay.runs.folder import manifest, write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import why
from reference.model import settle_region
from tests.settlement.small import case, small_region

MANY = {"unsettled_share_max": '"1"'}


def hundred(hospital: str, bad: int = 0) -> list[dict[str, Any]]:
    """A hundred cases of a hospital, each of 1,000.00 and 700.00 of fund; the first ones of no sex."""
    return [
        case(f"{hospital}-{n}", hospital, "1000.00", "700.00", **({"sex": "X"} if n < bad else {}))
        for n in range(100)
    ]


def both(folder: Path, bad: int, **policy: str) -> YearEnd:
    """Settle 200 cases, so many of H1 quarantined; engine and model agree on dues and provision."""
    rows = [*hundred("H1", bad), *hundred("H2")]
    region = small_region(folder, rows, {"310": "140000.00"}, policy=policy)
    run = year_end(region)
    good = [row for row in rows if row["sex"] != "X"]
    model = settle_region(region, cases=good, quarantined={"310": (bad, bad * 70_000)})
    assert [h.due_fen for h in run.hospitals] == [h.due_fen for h in model.hospitals]
    assert run.pools[0].budget.provision_fen == model.pool("310").provision_fen
    return run


def unsettled(run: YearEnd) -> dict[str, Any]:
    return next(c for c in manifest(run)["checks"] if c["name"] == "unsettled")


def test_ninety_of_a_hundred__refuse_the_run_with_figures_and_reasons(tmp_path: Path) -> None:
    rows = [*hundred("H1", 90), *hundred("H2")]
    region = small_region(tmp_path / "r", rows, {"310": "140000.00"})
    with pytest.raises(InputError) as error:
        year_end(region)
    told = error.value.text("zh")
    for text in (
        "超过 5 %",
        "险种 310：200 例中隔离 90 例、暂不支付 0 例；统筹基金记账 140,000.00 元中占 63,000.00 元",
        "性别缺失，或不是男、女：90 例",
        "drgpay cases check",
    ):
        assert text in told
    good = [row for row in rows if row["sex"] != "X"]
    with pytest.raises(ValueError, match="unsettled"):
        settle_region(region, cases=good, quarantined={"310": (90, 6_300_000)})


def test_provision__is_not_shared_among_the_others(tmp_path: Path) -> None:
    """B = 140,000 − 63,000 = F = 77,000: each case of 1,000.00 gets its 700.00."""
    run = both(tmp_path / "r", 90, **MANY)
    assert [h.due_fen for h in run.hospitals] == [700_000, 7_000_000]
    assert run.pools[0].budget.provision_fen == 6_300_000
    assert unsettled(run)["passed"] and "63,000.00, 63,000.00" in unsettled(run)["detail"]
    warnings = "\n".join(in_language(w, "zh") for w in run.warnings)
    assert "为被隔离和暂不支付的病例预提 63,000.00 元" in warnings
    folder = write_run(run, tmp_path / "run", finish=lambda d: write_outputs(d))
    row = pq.read_table(folder / "pools.parquet").to_pylist()[0]
    assert (row["available_budget_fen"], row["provision_fen"]) == (7_700_000, 6_300_000)
    told = why(folder, "pool", "310")
    assert not told.disagreements
    assert any("预提" in in_language(s.note, "zh") for s in told.steps if s.key == "available")
    page = (folder / "report.html").read_text("utf-8")
    assert "减：为未清算病例预提" in page and "未通过" not in page
    # without it the others get 0.85 of the 63,000.00, and a check says so
    bare = both(tmp_path / "b", 90, **MANY, provision='"none"')
    assert sum(h.due_fen for h in bare.hospitals) == 7_700_000 + 5_355_000
    assert not unsettled(bare)["passed"]


def test_share__at_the_limit_is_settled(tmp_path: Path) -> None:
    run = both(tmp_path / "r", 10)  # 10 of 200, and 7,000 of 140,000: exactly 5 %
    assert run.counts.quarantined == 10
    with pytest.raises(InputError, match="more than 5 %"):
        year_end(small_region(tmp_path / "s", [*hundred("H1", 11), *hundred("H2")]))


def test_cases_of_another_year__are_not_provided_for(tmp_path: Path) -> None:
    other = {"discharge_date": "2023-03-08", "admission_date": "2023-03-01", "settlement_date": ""}
    rows = [case("C9", "H1", "9000.00", "5000.00", **other), *hundred("H1"), *hundred("H2")]
    region = small_region(tmp_path / "r", rows, {"310": "140000.00"})
    run = year_end(region)
    assert (run.counts.quarantined, run.pools[0].budget.provision_fen) == (1, 0)
    assert unsettled(run)["passed"]
