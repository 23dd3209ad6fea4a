"""How much money hangs on values that are not verified: each alternative is a run of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.year_end import year_end as command
from drgpay.ground.errors import in_language
from drgpay.report.amounts import yuan
from drgpay.report.run import Run
from drgpay.report.sensitivity import parameter_table
from drgpay.report.sensitivity import sensitivity_table as sensitivity_table_of
from drgpay.report.texts import Words
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.trials.outcome import Change
from drgpay.trials.sensitivity import (
    MOVED,
    NOTHING,
    OTHER,
    REFUSED,
    UNTRIED,
    Sensitive,
    candidates,
    sensitivity,
    sensitivity_table,
)

TESTS = Path(__file__).resolve().parents[1]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} does not stand there once"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ex1") / "region"
    shutil.copytree(TESTS / "cases" / "ex1", folder, ignore=shutil.ignore_patterns("expected"))
    scheme = str(TESTS / "schemes" / "ex1-tiny")
    edit(folder / "region.toml", "../../schemes/ex1-tiny", scheme)
    return folder


@pytest.fixture(scope="module")
def run(region: Path) -> YearEnd:
    return year_end(region)


@pytest.fixture(scope="module")
def found(run: YearEnd) -> list[Sensitive]:
    return sensitivity(run.prepared, run.policy, run)


def sums(run: YearEnd, what: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for h in run.hospitals:
        found[h.hospital_id] = found.get(h.hospital_id, 0) + getattr(h, what)
    return found


def gained_and_lost(run: YearEnd, other: YearEnd, what: str) -> tuple[list[int], list[int]]:
    before, after = sums(run, what), sums(other, what)
    changed = [after[h] - before[h] for h in after]
    return [fen for fen in changed if fen > 0], [-fen for fen in changed if fen < 0]


@pytest.mark.parametrize(
    ("key", "override", "state"),
    [
        ("keep_ratio", "keep_ratio=1", MOVED),
        ("prepay_ratio", "prepay_ratio=0.97", OTHER),
        ("prepay_basis", "prepay_basis=month_value", OTHER),
        ("readmission.factor", "readmission.factor=0", MOVED),
        ("combine_pools", "combine_pools=true", MOVED),
        ("not_pool", "not_pool=personal", MOVED),
    ],
)
def test_alternative__money_is_that_of_a_run_with_it(
    region: Path, run: YearEnd, found: list[Sensitive], key: str, override: str, state: str
) -> None:
    (row,) = [s for s in found if s.key == key]
    other = year_end(region, overrides=[override])
    assert row.state == state
    assert row.change is not None
    for what, fund, moved in (
        ("due_fen", row.change.due_fen, row.change.due_moved_fen),
        ("final_fen", row.change.final_fen, row.change.final_moved_fen),
    ):
        gained, lost = gained_and_lost(run, other, what)
        assert fund == sum(gained) - sum(lost)
        assert moved == min(sum(gained), sum(lost))  # what the fund pays is no transfer
    assert row.settled_fen == sum(p.settled_fen for p in other.pools) - sum(
        p.settled_fen for p in run.pools
    )
    what = "due_fen" if state == MOVED else "final_fen"
    before, after = sums(run, what), sums(other, what)
    changed = {h: after[h] - before[h] for h in after}
    assert row.largest_fen == changed[row.largest_hospital]
    assert abs(row.largest_fen) == max(abs(fen) for fen in changed.values())
    assert row.hospitals == sum(fen != 0 for fen in changed.values())
    values = {i: p.point_value_fen for p in other.pools for i in p.pool.split("+")}
    assert {pool: new for pool, _, new in row.values} == values


def test_prepay_ratio__lowers_final_payments_and_moves_nothing(found: list[Sensitive]) -> None:
    (row,) = [s for s in found if s.key == "prepay_ratio"]
    # 2 % of the recorded fund, 114,450.00 and 112,524.37, less what the scores forfeit of it
    assert row.change is not None
    made = (row.change.due_fen, row.change.due_moved_fen, row.change.final_moved_fen)
    assert made == (0, 0, 0)
    # less is paid and more owed back: together what final payments change by
    assert row.change.payable_fen < 0 < row.change.recover_fen
    assert row.change.payable_fen - row.change.recover_fen == row.change.final_fen
    assert -453_949 < row.change.final_fen < -400_000


def test_alternatives__that_change_nothing_or_are_refused_are_listed_as_such(
    run: YearEnd, found: list[Sensitive]
) -> None:
    by = {s.key: s for s in found}
    tried = {key for key, s in by.items() if s.state != UNTRIED}
    assert tried == set(candidates(run.policy))
    assert by["trim.quantile_type"].state == NOTHING  # base points are given
    assert by["trim.quantile_type"].change == Change(0, 0, 0, 0)
    for key, needs in (
        ("coef.source", "level_coefficients.csv"),
        ("deposit_score", "deposit_bands"),
    ):
        assert (by[key].state, by[key].change) == (REFUSED, None)
        assert needs in in_language(by[key].note or "", "zh")
    assert by["stable.cv_max"].state == UNTRIED
    assert in_language(by["stable.cv_max"].note or "", "zh") == "无可比的已知取值，未试算"
    assert "只有这一种取值" in in_language(by["group_mean_dp"].note or "", "zh")
    assert "high.bands" in str(by["point_scale"].note)


def test_rows__every_unverified_parameter_stands_there_with_a_number_or_a_reason(
    run: YearEnd, found: list[Sensitive]
) -> None:
    parameters = run.policy.parameters.values()
    keys = [p.key for p in parameters if p.used and not p.verified and not p.trial]
    assert sorted(keys) == sorted(s.key for s in found)
    assert all((s.change is None) == bool(s.note) for s in found)


def test_rows__most_money_first_whichever_of_the_four_it_is(found: list[Sensitive]) -> None:
    states = [s.state for s in found]
    first = states.index(REFUSED)
    assert set(states[:first]) == {MOVED, OTHER}
    assert states[first:] == sorted(states[first:], key=(REFUSED, UNTRIED, NOTHING).index)
    money = [
        max(
            abs(s.change.due_fen), s.change.due_moved_fen,
            abs(s.change.final_fen), s.change.final_moved_fen,
        )
        for s in found[:first]
        if s.change
    ]  # fmt: skip
    assert len(money) == first
    assert money == sorted(money, reverse=True)
    assert states.index(OTHER) < max(i for i, state in enumerate(states) if state == MOVED)


def test_refused__names_the_faults_and_not_only_that_there_are_some(
    region: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "own.toml"
    text = (TESTS.parent / "reference" / "policies" / "testland.toml").read_text(encoding="utf-8")
    start = text.index('[parameters."coef.components"]')
    text = text[:start] + text[start:].replace("value = []", 'value = ["cmi"]', 1)
    policy.write_text(text, encoding="utf-8")
    edit(
        policy,
        'value = "given"\nalternative = "level"',
        'value = "given"\nalternative = "components"',
    )
    shutil.copytree(region, tmp_path / "region")
    edit(tmp_path / "region" / "region.toml", '"testland"', f'"{policy}"')
    run = year_end(tmp_path / "region")
    (row,) = [s for s in sensitivity(run.prepared, run.policy, run) if s.key == "coef.source"]
    assert row.state == REFUSED
    assert "coef.components 有 1 项，coef.weights 有 0 项" in in_language(row.note or "", "zh")


def test_coefficients_by_level__are_tried_where_their_table_is_at_hand(
    region: Path, tmp_path: Path
) -> None:
    own = tmp_path / "region"
    shutil.copytree(region, own)
    levels = {h.level for h in year_end(own).region.hospitals}
    rows = "".join(f"{level},1.0{number}\n" for number, level in enumerate(sorted(levels)))
    (own / "level_coefficients.csv").write_text(f"level,coefficient\n{rows}", encoding="utf-8")
    run = year_end(own)
    (row,) = [s for s in sensitivity(run.prepared, run.policy, run) if s.key == "coef.source"]
    assert row.state == MOVED
    gained, lost = gained_and_lost(run, year_end(own, overrides=["coef.source=level"]), "due_fen")
    assert row.change is not None
    assert row.change.due_moved_fen == min(sum(gained), sum(lost)) > 0


def test_candidates__are_neither_verified_nor_unused_nor_of_the_trial(region: Path) -> None:
    trial = year_end(region, overrides=["keep_ratio=0.5"])
    keys = candidates(trial.policy)
    assert "keep_ratio" not in keys
    assert "fund_share_of_overspend" in keys
    assert "capitation.method" not in keys  # no capitation in the region
    assert "group_mean_dp" not in keys  # without an alternative


def test_table__columns_of_a_run_folder(found: list[Sensitive]) -> None:
    table = sensitivity_table(found, "zh", "keep_ratio=0.5")
    assert table.column_names[:4] == ["key", "name", "value", "alternative"]
    assert table.column_names[-1] == "trial"
    rows = {row["key"]: row for row in table.to_pylist()}
    keep = rows["keep_ratio"]
    assert (keep["value"], keep["alternative"]) == ("0.85", "1")
    # 310 alone has a surplus, 15,550.00: the fund pays 15 % of it more, every hospital gains
    assert (keep["due_change_fen"], keep["moved_fen"]) == (233_250, 0)
    assert (keep["final_change_fen"], keep["final_moved_fen"]) == (233_250, 0)
    assert keep["settled_change_fen"] == 233_250
    assert keep["point_value_before"] == "310: 162.334469; 390: 169.203226"
    assert keep["point_value_after"] == "310: 164.605648; 390: 169.203226"
    for key in ("coef.source", "stable.cv_max"):
        empty = ("due_change_fen", "moved_fen", "final_change_fen", "final_moved_fen", "hospitals")
        assert [rows[key][name] for name in empty] == [None] * 5
        assert rows[key]["note"]


@pytest.fixture(scope="module")
def out(region: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "run"
    done = CliRunner().invoke(command, [str(region), "-o", str(out), "--sensitivity"])
    assert done.exit_code == 0, done.output
    return out


def test_command__writes_the_table(out: Path) -> None:
    rows = {r["key"]: r for r in pq.read_table(out / "sensitivity.parquet").to_pylist()}
    assert rows["keep_ratio"]["due_change_fen"] == 233_250
    assert (out / "sensitivity.csv").is_file()


def test_report__says_what_final_payments_do_where_dues_stay(out: Path) -> None:
    rows = {r["key"]: r for r in pq.read_table(out / "sensitivity.parquet").to_pylist()}
    fen = rows["prepay_ratio"]["final_change_fen"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "未核实参数改用备选值的影响" in page
    assert f"应付不变，最终支付合计减少 {-fen // 100:,}.{-fen % 100:02} 元" in page
    assert "最终支付转移" not in page
    assert "改用备选值不改变任何金额的参数：" in page
    assert "试不了：差异系数来源：缺少" in page
    assert "无可比的已知取值，未试算：" in page


def test_report__parameters_show_the_money_of_final_payments_and_why_there_is_none(
    out: Path,
) -> None:
    run = Run(out)
    cells = {row.cells[0].note: row.cells for row in parameter_table(run, Words("zh"), False).rows}
    rows = {r["key"]: r for r in pq.read_table(out / "sensitivity.parquet").to_pylist()}
    fund, moved = cells["prepay_ratio"][-2:]
    assert (fund.text, fund.note) == (
        yuan(rows["prepay_ratio"]["final_change_fen"], True), "最终支付"
    )  # fmt: skip
    assert moved.text == "0.00"
    fund, moved = cells["keep_ratio"][-2:]
    assert (fund.text, fund.note, moved.text) == ("+2,332.50", "", "0.00")
    assert cells["stable.cv_max"][-2].note == "无可比的已知取值，未试算"
    assert cells["coef.source"][-2].note.startswith("试不了：缺少")
    assert cells["capitation.keep_ratio"][-2].note == ""  # not used in this run


def test_report__both_tables_write_values_alike(out: Path) -> None:
    run, w = Run(out), Words("zh")
    first = {row.cells[0].note: row.cells[1].text for row in parameter_table(run, w, False).rows}
    table = sensitivity_table_of(run, w)
    assert table is not None
    assert {row.cells[0].note: row.cells[1].text for row in table.rows}.items() <= first.items()
    others = {row.cells[0].note: row.cells[2].text for row in table.rows}
    assert others["combine_pools"] == "是"
    assert others["prepay_basis"] == "月度点值（month_value）"


def test_workbook__alternatives_are_said_in_chinese_and_not_added_up(out: Path) -> None:
    sheet = openpyxl.load_workbook(out / "settlement.xlsx")["参数影响"]
    heads, *lines = sheet.iter_rows(values_only=True)
    assert len(lines) == len(pq.read_table(out / "sensitivity.parquet"))
    rows = {line[1]: dict(zip(heads, line, strict=True)) for line in lines}
    assert rows["keep_ratio"]["应付合计增减（基金）"] == 2332.5
    assert rows["keep_ratio"]["应付：机构之间转移"] == 0
    assert rows["keep_ratio"]["结果"] == "改变应付"
    assert rows["prepay_ratio"]["结果"] == "应付不变"
    assert rows["coef.source"]["应付合计增减（基金）"] is None
    assert {row["依据或理由"][:2] for row in rows.values()} == {"假定"}
    assert not any("合计" in str(line[0]) for line in lines)
