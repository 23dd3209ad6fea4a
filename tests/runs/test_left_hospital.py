"""Money to recover from, or to add to, a hospital that has left the region and has no cases."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError
from drgpay.region.provenance import CARRIED_ORIGIN, rows_digest
from drgpay.region.region import read_region
from drgpay.report.letters import write_letters
from drgpay.report.outputs import write_outputs
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import why
from tests.months.folders import change, ex1, rows_of
from tests.runs.test_reopening import hospital


def closed(region: Path, *amounts: tuple[str, str]) -> None:
    """Give the region a hospital H9 whose agreement has ended, with carried amounts by pool."""
    rows = rows_of(region / "hospitals.csv")
    table = ["hospital_id,name,level,standing"]
    table += [f"{r['hospital_id']},{r['name']},{r['level']}," for r in rows]
    table.append("H9,第九医院（已关闭）,2,ended")
    (region / "hospitals.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    for name, row in (("scores", "H9,1"), ("coefficients", "H9,1")):
        change(region / f"{name}.csv", lambda text, row=row: f"{text.rstrip()}\n{row}\n")
    carry(region, *(("H9", *amount) for amount in amounts))


def carry(region: Path, *rows: tuple[str, str, str]) -> None:
    """Write amounts as a run of the year before hands them on."""
    amounts = [(h, p, int(Decimal(a) * 100), "ex1 2023") for h, p, a in rows]
    head = ("ex1", "f" * 64)
    origin = ",".join((*head, rows_digest(head, amounts)))
    lines = [",".join(("hospital_id,pool,amount_yuan,from", *CARRIED_ORIGIN))]
    lines += [f"{h},{p},{a},ex1 2023,{origin}" for h, p, a in rows]
    (region / "carried.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def of_others(run: YearEnd) -> list[tuple[object, ...]]:
    return [
        (h.hospital_id, h.pool, h.due_fen, h.final_fen)
        for h in run.hospitals
        if h.hospital_id != "H9"
    ]


def test_hospital_that_is_not_named__is_told_how_to_be(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    carry(region, ("H9", "310", "1234.56"))
    with pytest.raises(InputError) as caught:
        read_region(region)
    english, chinese = caught.value.text("en"), caught.value.text("zh")
    assert "carried.csv:2: hospital_id 'H9' is not in hospitals.csv" in english
    assert "stays there with the standing ended" in english
    assert "ended（已解除）" in chinese
    assert "“H9”不在 hospitals.csv 中" in chinese


def test_hospital_that_closed__has_a_row_of_its_own(tmp_path: Path) -> None:
    region = ex1(tmp_path)
    before = year_end(region)
    closed(region, ("310", "1234.56"), ("390", "-50.00"))
    run = year_end(region)
    assert of_others(run) == of_others(before)
    assert [p.point_value_fen for p in run.pools] == [p.point_value_fen for p in before.pools]
    back, more = hospital(run, "H9", "310"), hospital(run, "H9", "390")
    assert (back.due_fen, back.prepaid_fen, back.deposit_fen) == (0, 0, 0)
    assert (back.carried_fen, back.final_fen) == (123_456, -123_456)
    assert (more.carried_fen, more.final_fen) == (-5_000, 5_000)
    out = write_run(run, tmp_path / "run", finish=lambda folder: write_outputs(folder, "zh"))
    rows = {
        (r["hospital_id"], r["pool"]): r
        for r in pq.read_table(out / "hospitals.parquet").to_pylist()
    }
    assert rows["H9", "310"]["final_fen"] == -123_456
    assert rows["H9", "310"]["name"] == "第九医院（已关闭）"
    assert not why(out, "hospital", "H9").disagreements
    page = (write_letters(out) / "H9.html").read_text(encoding="utf-8")
    assert "1,234.56" in page
    # what it still owes is demanded back; unpaid, it may be named again in the next year's table
    assert "H9" not in {r["hospital_id"] for r in rows_of(out / "carried.csv")}
    (row,) = rows_of(out / "demanded.csv")
    row = {name: row[name] for name in row if name not in CARRIED_ORIGIN}
    assert row == {
        "hospital_id": "H9", "pool": "310", "amount_yuan": "1234.56", "from": "ex1 2024",
    }  # fmt: skip
    following = tmp_path / "next"
    shutil.copytree(region, following)
    shutil.copy(out / "demanded.csv", following / "carried.csv")
    assert read_region(following).carried["H9", "310"] == 123_456


@pytest.mark.parametrize(
    "rules",
    [
        ["prepay_basis=month_value"],
        ["bound.level=hospital", "bound.never_below_zero=true", "bound.cost_share=1.5"],
        ["combine_pools=true"],
    ],
    ids=["months", "bounds", "one pool"],
)
def test_hospital_that_closed__under_other_rules(tmp_path: Path, rules: list[str]) -> None:
    region = ex1(tmp_path)
    before = year_end(region, overrides=rules)
    closed(region, ("310", "1234.56"))
    run = year_end(region, overrides=rules)
    assert of_others(run) == of_others(before)
    assert hospital(run, "H9", "310").final_fen == -123_456
