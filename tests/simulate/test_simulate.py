"""Trials beside today's settlement: they equal a year's run, and their parts add up."""

from __future__ import annotations

import itertools
import json
import random
import re
import shutil
from fractions import Fraction as F
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.simulate import simulate as command
from drgpay.ground.errors import DrgpayError, InputError, PolicyError, both, in_language
from drgpay.ground.money import yuan_text
from drgpay.report.simulate import write_simulation_page
from drgpay.report.simulate_sheets import rate as change_text
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.synth import synthesize
from drgpay.trials.folder import TABLES, fund_rows, write_simulation
from drgpay.trials.outcome import Outcome, change_of, changes, moved_between
from drgpay.trials.outcome import refusal as one_line
from drgpay.trials.simulate import (
    MAX_CAUSES,
    Simulation,
    named_trial,
    setting_of,
    shapley,
    simulate,
    sweep_of,
    trial_of,
)
from tests.command import drgpay

TESTS = Path(__file__).resolve().parents[1]
SCHEME = TESTS / "schemes" / "ex1-tiny"
Key = tuple[str, str]


def copy_of_ex1(folder: Path) -> Path:
    shutil.copytree(TESTS / "cases" / "ex1", folder, ignore=shutil.ignore_patterns("expected"))
    edit(folder / "region.toml", "../../schemes/ex1-tiny", str(SCHEME))
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} does not stand there once"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def region(tmp_path: Path) -> Path:
    """A copy of EX1 that a test may spoil."""
    return copy_of_ex1(tmp_path / "region")


@pytest.fixture(scope="module")
def ex1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_ex1(tmp_path_factory.mktemp("ex1") / "region")


@pytest.fixture(scope="module")
def found(ex1: Path) -> Simulation:
    """Two trials, one of three settings, and a sweep over two parameters."""
    return simulate(
        ex1,
        [
            trial_of("松", ["keep_ratio=1", "readmission.days=none", "budget.310=150000.00"]),
            trial_of("付", ["bed_day.payment=money"]),
        ],
        [sweep_of("keep_ratio=0,0.5,1"), sweep_of("reserve_ratio=0,0.05")],
    )


def dues(outcome: Outcome | None) -> dict[Key, int]:
    assert outcome is not None
    return {key: h.due_fen for key, h in outcome.hospitals.items()}


def same(outcome: Outcome | None, run: YearEnd) -> None:
    """Fail unless an outcome is that of a year's run, to the fen."""
    assert outcome is not None
    assert dues(outcome) == {(h.hospital_id, h.pool): h.due_fen for h in run.hospitals}
    assert {k: h.final_fen for k, h in outcome.hospitals.items()} == {
        (h.hospital_id, h.pool): h.final_fen for h in run.hospitals
    }
    assert [(p.pool, p.settled_fen, p.point_value_fen, p.points) for p in outcome.pools] == [
        (p.pool, p.settled_fen, p.point_value_fen, p.points) for p in run.pools
    ]


# --- what is asked for


def test_setting__parameter_scheme_policy_and_budget() -> None:
    assert setting_of(" keep_ratio = 0.7 ").text == "keep_ratio=0.7"
    assert setting_of("keep_ratio=0.7").is_parameter
    assert setting_of("budget.310=1.00").pool == "310"
    for text in ("scheme=x", "policy=x", "budget.310=1"):
        assert not setting_of(text).is_parameter
    assert setting_of("coef_applies_to=").value == ""


@pytest.mark.parametrize("text", ["keep_rato=1", "keep_ratio", "=1", "scheme=", "budget.=1", ""])
def test_setting__that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="means nothing"):
        setting_of(text)


def test_named_trial__commas_inside_values_are_kept() -> None:
    trial = named_trial("松:coef_applies_to=normal,low,keep_ratio=1, high.bands=100:3,none:1.5")
    assert trial.name == "松"
    assert [s.text for s in trial.settings] == [
        "coef_applies_to=normal,low",
        "keep_ratio=1",
        "high.bands=100:3,none:1.5",
    ]
    assert named_trial("松：keep_ratio=1") == named_trial("松:keep_ratio=1")


@pytest.mark.parametrize(
    "text", ["keep_ratio=1", ":keep_ratio=1", "a:", "a:keep_ratio=1,keep_ratio=0"]
)
def test_named_trial__without_name_settings_or_with_one_twice_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        named_trial(text)


def test_sweep__values_by_comma_or_semicolon() -> None:
    assert sweep_of("keep_ratio=0, 0.5,1").values == ("0", "0.5", "1")
    assert sweep_of("coef_applies_to=normal,low;normal").values == ("normal,low", "normal")
    for text in ("keep_ratio=1", "keep_ratio=1,1", "keep_ratio"):
        with pytest.raises(InputError):
            sweep_of(text)


def test_asked__all_faults_at_once(ex1: Path) -> None:
    with pytest.raises(InputError) as caught:
        simulate(
            ex1,
            [
                trial_of("a", ["budget.999=1.00"]),
                trial_of("a", ["budget.310=1.234"]),
            ],
            [sweep_of("keep_ratio=0,1"), sweep_of("keep_ratio=0,0.5")],
        )
    assert [str(fault).split(":")[0] for fault in caught.value.faults] == [
        "a",
        "budget.999=1.00",
        "budget.310=1.234",
        "at most two different parameters can be swept",
    ]
    with pytest.raises(InputError, match="nothing to try"):
        simulate(ex1, [])
    many = ",".join(f"0.{i}" for i in range(101, 202))
    with pytest.raises(InputError, match="do not fit") as caught:
        simulate(ex1, [], [sweep_of(f"keep_ratio={many}")])
    assert "101 runs" in str(caught.value.faults[0])


# --- Shapley values


def test_shapley__parts_add_up_and_do_not_depend_on_the_order() -> None:
    rng = random.Random(7)
    for n in range(1, 5):
        causes = "abcd"[:n]
        subsets = [frozenset(s) for k in range(n + 1) for s in itertools.combinations(causes, k)]
        values = {subset: rng.randrange(-1000, 1000) for subset in subsets}
        parts = shapley(values, causes)
        assert sum(parts.values()) == values[frozenset(causes)] - values[frozenset()]
        assert shapley(values, causes[::-1]) == parts
        by_orders = dict.fromkeys(causes, F(0))
        orders = list(itertools.permutations(causes))
        for order in orders:
            for i, cause in enumerate(order):
                before = frozenset(order[:i])
                by_orders[cause] += F(values[before | {cause}] - values[before], len(orders))
        assert parts == by_orders


def test_shapley__of_one_cause_is_the_whole_and_of_one_without_effect_is_nothing() -> None:
    assert shapley({frozenset(): 3, frozenset("a"): 10}, "a") == {"a": 7}
    values = {frozenset(): 0, frozenset("a"): 5, frozenset("b"): 0, frozenset("ab"): 5}
    assert shapley(values, "ab") == {"a": 5, "b": 0}


# --- a trial is a year's run


@pytest.mark.parametrize(
    "overrides",
    [
        ["keep_ratio=1", "fund_share_of_overspend=0"],
        pytest.param(["readmission.days=none"], marks=pytest.mark.long),
        pytest.param(["combine_pools=true"], marks=pytest.mark.long),
        ["bed_day.payment=money", "ungrouped.rule=by_item"],
        ["long_stay.days=10", "los_convention=plus_one"],
        ["not_pool=personal"],
        pytest.param(
            ["high.bands=100:1.05,none:1.01", "high.rule=linear_add"], marks=pytest.mark.long
        ),
        pytest.param(["residual=to_fund", "value_dp=2"], marks=pytest.mark.long),
        ["bound.level=hospital", "bound.cost_share=1.1", "bound.unsolved=to_fund"],
        pytest.param(["ungrouped.rule=special_review"], marks=pytest.mark.long),
    ],
    ids=lambda texts: " ".join(texts),
)
def test_trial__equals_a_run_with_the_same_settings(ex1: Path, overrides: list[str]) -> None:
    simulation = simulate(ex1, [trial_of("x", overrides)], causes=False)
    same(simulation.base, year_end(ex1))
    same(simulation.trials[0].outcome, year_end(ex1, overrides=overrides))


def test_trial__of_a_budget_equals_a_run_with_that_budget(ex1: Path, region: Path) -> None:
    edit(region / "region.toml", '"130000.00"', '"99999.99"')
    simulation = simulate(ex1, [trial_of("x", ["budget.310=99999.99"])])
    same(simulation.trials[0].outcome, year_end(region))


def test_trial__of_a_scheme_equals_a_run_with_that_scheme(
    ex1: Path, region: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(SCHEME, other)
    edit(other / "drg.csv", "GB1,1,GB11,mcc,", "GB1,1,GB11,mcc or age_years < 60,")
    manifest = (other / "manifest.toml").read_text(encoding="utf-8")
    lines = [line for line in manifest.splitlines() if not line.startswith("digest")]
    (other / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    edit(region / "region.toml", str(SCHEME), str(other))
    simulation = simulate(ex1, [trial_of("x", [f"scheme={other}"])])
    same(simulation.trials[0].outcome, year_end(region))
    assert dues(simulation.base) != dues(simulation.trials[0].outcome)
    assert simulation.readings == 2


def test_trial__of_a_policy_equals_a_run_with_that_policy(
    ex1: Path, region: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "own.toml"
    shutil.copy(TESTS.parent / "reference" / "policies" / "testland.toml", policy)
    edit(policy, 'value = "0.85"\nalternative = "1"', 'value = "0.3"')
    edit(region / "region.toml", '"testland"', f'"{policy}"')
    simulation = simulate(ex1, [trial_of("x", [f"policy={policy}", "readmission.factor=0.7"])])
    same(simulation.trials[0].outcome, year_end(region, overrides=["readmission.factor=0.7"]))
    parts = simulation.trials[0].parts
    assert parts is not None
    assert set(parts["H1", "310"]) == {"policy", "readmission.factor"}
    shutil.copy(policy, region / "beside.toml")  # found in the region folder, too
    beside = simulate(region, [trial_of("x", ["policy=beside.toml"])], causes=False)
    same(beside.trials[0].outcome, year_end(region))


def test_trial__of_a_coefficient_set_equals_a_run_with_it(
    ex1: Path, region: Path, tmp_path: Path
) -> None:
    table = "hospital_id,coefficient,drg\nH1,0.9,\nH2,1.2,\nH3,1,\nH1,1.5,FM13\n"
    for path in (tmp_path / "next.csv", region / "coefficients.csv"):
        path.write_text(table, encoding="utf-8")
    simulation = simulate(ex1, [trial_of("x", [f"coefficients={tmp_path / 'next.csv'}"])])
    same(simulation.trials[0].outcome, year_end(region))
    assert dues(simulation.base) != dues(simulation.trials[0].outcome)
    (tmp_path / "next.csv").write_text("hospital_id,coefficient\nH1,x\nH9,1\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        simulate(ex1, [trial_of("x", [f"coefficients={tmp_path / 'next.csv'}"])])
    assert len(caught.value.faults) == 4
    assert "next.csv" in caught.value.faults[0]


def test_trial__golden_variants_of_ex1(ex1: Path) -> None:
    simulation = simulate(
        ex1,
        [
            trial_of("无再住院规则", ["readmission.days=none"]),
            trial_of("全留全担", ["keep_ratio=1", "fund_share_of_overspend=0"]),
        ],
    )
    assert dues(simulation.trials[0].outcome) == {
        ("H1", "310"): 9743760,
        ("H2", "310"): 2184645,
        ("H3", "310"): 838345,
        ("H1", "390"): 4311618,
        ("H2", "390"): 706826,
        ("H3", "390"): 5636922,
    }
    assert dues(simulation.trials[1].outcome) == {
        ("H1", "310"): 10410013,
        ("H2", "310"): 1691658,
        ("H3", "310"): 898329,
        ("H1", "390"): 4266404,
        ("H2", "390"): 700915,
        ("H3", "390"): 5582681,
    }


def test_cases__are_read_once_for_all_trials_that_read_them_alike(found: Simulation) -> None:
    # today, every subset of three settings, one setting, six places of the sweep
    assert (found.runs, found.readings) == (1 + 7 + 1 + 6, 1)


def test_cases__are_read_again_where_a_trial_reads_them_otherwise(ex1: Path) -> None:
    simulation = simulate(
        ex1,
        [
            trial_of("a", ["los_convention=plus_one", "keep_ratio=1"]),
            trial_of("b", ["los_convention=plus_one"]),
            trial_of("c", ["readmission.same=hospital_category"]),
        ],
    )
    assert simulation.readings == 3


# --- sums and parts


def test_changes__of_hospitals_and_groups_add_up_to_the_change_of_dues(found: Simulation) -> None:
    base = found.base
    for result in found.trials:
        outcome = result.outcome
        assert outcome is not None
        change = outcome.settled_fen - base.settled_fen
        before, after = dues(base), dues(outcome)
        assert sum(after[key] - before[key] for key in after) == change
        for kind in ("level", "mdc", "class"):
            sides = [
                {code: g for (k, code), g in side.groups.items() if k == kind}
                for side in (base, outcome)
            ]
            sums = [sum(g.due_fen for g in side.values()) for side in sides]
            assert sums == [base.due_fen, outcome.due_fen]
            assert [sum(g.cases for g in side.values()) for side in sides] == [12, 12]


def test_groups__dues_of_classes_are_points_times_value(found: Simulation) -> None:
    # the only low case, C04: 28 points, 1,050.00 paid by others
    low = found.base.groups["class", "low"]
    value = found.base.pools[0].point_value_fen
    assert (low.cases, low.points) == (1, 280000)
    assert abs(low.due_fen - (28 * value - 105000)) < 1


@pytest.mark.parametrize(
    "settings",
    [
        ["bound.level=hospital", "bound.cost_share=1.02", "bound.unsolved=to_fund"],
        ["bound.level=case", "bound.never_below_zero=true"],
        ["residual=to_fund", "value_dp=0"],
    ],
)
def test_groups__add_up_with_bounds_and_residuals(region: Path, settings: list[str]) -> None:
    if "bound.level=case" not in settings:  # which takes no points off hospitals
        edit(region / "violations.csv", "hospital_id,pool,amount_yuan,reason",
             "hospital_id,pool,amount_yuan,points,reason")  # fmt: skip
        edit(region / "violations.csv", "H2,310,500.00,", "H2,310,500.00,12.5,")
    result = simulate(region, [trial_of("x", settings)]).trials[0].outcome
    assert result is not None
    for kind in ("level", "mdc", "class"):
        whole = sum(g.due_fen for (k, _), g in result.groups.items() if k == kind)
        assert whole == result.due_fen


def test_parts__of_every_hospital_add_up_to_its_change(found: Simulation) -> None:
    for result in found.trials:
        assert result.parts is not None
        before, after = dues(found.base), dues(result.outcome)
        for key, parts in result.parts.items():
            assert set(parts) == {s.cause for s in result.trial.settings}
            assert sum(parts.values()) == after[key] - before[key]


def test_parts__one_cause_is_the_whole_change(found: Simulation) -> None:
    (single,) = [r for r in found.trials if len(r.trial.settings) == 1]
    before, after = dues(found.base), dues(single.outcome)
    assert single.parts is not None
    assert {k: list(p.values()) for k, p in single.parts.items()} == {
        k: [after[k] - before[k]] for k in after
    }


def test_parts__do_not_depend_on_the_order_of_causes(ex1: Path, found: Simulation) -> None:
    texts = [s.text for s in found.trials[0].trial.settings]
    again = simulate(ex1, [trial_of("x", texts[::-1])])
    assert again.trials[0].parts == found.trials[0].parts


def test_parts__above_six_causes_are_refused_with_the_reason(ex1: Path) -> None:
    texts = [
        "keep_ratio=1", "fund_share_of_overspend=0", "reserve_ratio=0.01", "readmission.days=none",
        "base_points_dp=2", "high.inclusive=false", "prepay_ratio=0.9",
    ]  # fmt: skip
    assert len(texts) == MAX_CAUSES + 1
    result = simulate(ex1, [trial_of("x", texts)]).trials[0]
    assert result.outcome is not None
    assert result.parts is None
    assert "128 runs" in str(result.no_parts)
    assert "分解原因须清算 128 次" in in_language(result.no_parts, "zh")


def test_parts__say_when_a_cause_alone_cannot_be_settled(ex1: Path) -> None:
    texts = ["bound.level=hospital", "bound.cost_share=0.5", "bound.unsolved=to_fund"]
    result = simulate(ex1, [trial_of("x", texts)]).trials[0]
    assert result.outcome is not None
    assert result.parts is None
    assert "alone cannot be settled" in str(result.no_parts)


def test_refused__one_of_two_is_kept_and_all_are_an_error(ex1: Path) -> None:
    simulation = simulate(
        ex1, [trial_of("好", ["keep_ratio=1"]), trial_of("坏", ["coef.source=level"])]
    )
    assert simulation.trials[0].outcome is not None
    assert simulation.trials[1].outcome is None
    assert simulation.trials[1].refused is not None
    with pytest.raises(DrgpayError):
        simulate(ex1, [trial_of("坏", ["coef.source=level"])])
    with pytest.raises(PolicyError, match="not between 0 and 1"):
        simulate(ex1, [trial_of("坏", ["keep_ratio=2"])])


def test_moved_between__is_what_some_lose_and_others_gain() -> None:
    assert moved_between(changes({"a": 10, "b": 20}, {"a": 13, "b": 17})) == 3
    assert moved_between(changes({"a": 10}, {"a": 10, "b": 4})) == 0  # the fund pays it
    assert moved_between({"a": -30, "b": 10, "c": 51}) == 30
    assert moved_between({"a": 30, "b": -10, "c": -51}) == 30
    assert moved_between({}) == 0


def test_change__of_dues_and_of_final_payments_stand_apart(ex1: Path) -> None:
    simulation = simulate(
        ex1,
        [
            trial_of("付", ["prepay_ratio=0.97"]),
            trial_of("停", ["readmission.days=none", "budget.310=0.00"]),
        ],
    )
    base = simulation.base
    for result, what in zip(simulation.trials, ("final_fen", "due_fen"), strict=True):
        assert result.outcome is not None
        gained = lost = 0
        for h in ("H1", "H2", "H3"):
            fen = sum(
                sign * getattr(one, what)
                for sign, side in ((1, result.outcome), (-1, base))
                for (hospital, _), one in side.hospitals.items()
                if hospital == h
            )
            gained, lost = gained + max(fen, 0), lost + max(-fen, 0)
        change = change_of(base, result.outcome)
        found = {
            "due_fen": (change.due_fen, change.due_moved_fen),
            "final_fen": (change.final_fen, change.final_moved_fen),
        }
        assert lost > 0
        assert found[what] == (gained - lost, min(gained, lost))
    assert found["due_fen"][1] == 0  # nothing is transferred where nobody gains


def test_final_payments__are_told_by_what_becomes_of_them_and_never_netted(
    ex1: Path, tmp_path: Path
) -> None:
    """Of EX1 the fund 390 pays H1 3,975.89 and H2 2,413.52 and is owed 7,422.78 by H3."""
    trial = trial_of("付", ["prepay_ratio=1"])
    simulation = simulate(ex1, [trial])
    assert simulation.base.cash("390") == (397_589 + 241_352, 0, 742_278)
    after = year_end(ex1, overrides=["prepay_ratio=1"])
    own = [h for h in after.hospitals if h.pool == "390"]
    pays, owed = (sum(max(0, sign * h.final_fen) for h in own) for sign in (1, -1))
    (result,) = simulation.trials
    assert result.outcome is not None and result.outcome.cash("390") == (pays, 0, owed)
    assert pays and owed > 742_278
    row = next(r for r in fund_rows(simulation) if r["pool"] == "390")
    assert (row["payable_before_fen"], row["recover_before_fen"]) == (638_941, 742_278)
    assert (row["payable_after_fen"], row["recover_after_fen"]) == (pays, owed)
    page = write_simulation_page(simulation, tmp_path / "s.html").read_text(encoding="utf-8")
    change = change_of(simulation.base, result.outcome)
    for word, fen in (("本次支付增减", change.payable_fen), ("应收回增减", change.recover_fen)):
        assert word in page and yuan_text(fen).lstrip("-") in page
    assert "最终支付合计" not in page
    english = write_simulation_page(simulation, tmp_path / "e.html", "en").read_text("utf-8")
    assert "change of what is owed back" in english


# --- sweeps


def test_sweep__every_place_equals_a_run(ex1: Path, found: Simulation) -> None:
    assert [point.values for point in found.points] == list(
        itertools.product(("0", "0.5", "1"), ("0", "0.05"))
    )
    for point in found.points:
        overrides = [f"keep_ratio={point.values[0]}", f"reserve_ratio={point.values[1]}"]
        same(point.outcome, year_end(ex1, overrides=overrides))


def test_sweep__of_budgets_and_of_a_value_that_is_refused(ex1: Path, tmp_path: Path) -> None:
    simulation = simulate(ex1, [], [sweep_of("budget.390=1.00,105500.00,200000.00")])
    settled = [p.outcome.pools[1].settled_fen for p in simulation.points if p.outcome]
    assert settled == sorted(settled)
    assert dues(simulation.points[1].outcome) == dues(simulation.base)
    mixed = simulate(ex1, [], [sweep_of("coef.source=given,level")])
    assert [point.outcome is None for point in mixed.points] == [False, True]
    page = write_simulation_page(mixed, tmp_path / "s.html").read_text(encoding="utf-8")
    assert not re.search(r">试算</span><[^>]+>0<", page)  # no tile of no trials
    assert (
        "按机构等级（level）：不能清算：level_coefficients.csv：有的机构没有系数：没有等级" in page
    )


def test_sweep__refused_place_names_the_fault_in_page_table_workbook_and_command(
    ex1: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [str(ex1), "-o", str(out), "--sweep", "keep_ratio=0.5,2", "--trial", "好:value_dp=4"]
    words += ["--trial", "坏:coef.source=level"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    reason = "试算的参数设置有误：--set keep_ratio=2：2 不在 0 至 1 之间"
    assert f"keep_ratio=2：不能清算：{reason}" in done.output
    assert f"2：不能清算：{reason}" in (out / "simulate.html").read_text(encoding="utf-8")
    places = pq.read_table(out / "sweep.parquet").to_pylist()
    assert [row["refused"] for row in places if row["pool"] is None] == [reason]
    sheet = openpyxl.load_workbook(out / "simulate.xlsx")["扫描"]
    heads, *lines = sheet.iter_rows(values_only=True)
    assert lines[-1][heads.index("不能清算的原因")] == reason
    assert "不能清算：level_coefficients.csv：有的机构没有系数：没有等级" in done.output


def test_refusal__names_some_faults_and_counts_the_others() -> None:
    faults = [both(f"第{n}处", f"fault {n}") for n in range(1, 8)]
    error = InputError(both("有误", "wrong"), where="a.csv", faults=faults)
    text = one_line(error)
    assert in_language(text, "zh") == "a.csv：有误：第1处；第2处；第3处；第4处；第5处；另有 2 处"
    assert str(text) == "a.csv: wrong: fault 1; fault 2; fault 3; fault 4; fault 5; 2 more"
    assert str(one_line(InputError(both("有误", "wrong")))) == "wrong"


# --- the folder


@pytest.fixture(scope="module")
def folder(found: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from drgpay.report.simulate_excel import write_simulation_excel

    def finish(path: Path) -> None:
        write_simulation_page(found, path / "simulate.html")
        write_simulation_excel(found, path / "simulate.xlsx")

    return write_simulation(found, tmp_path_factory.mktemp("out") / "out", finish=finish)


def test_folder__tables_say_their_trial_last_and_tie_out(folder: Path, found: Simulation) -> None:
    for name in TABLES:
        table = pq.read_table(folder / f"{name}.parquet")
        assert table.column_names[-1] == "trial", name
        assert all(table["trial"].to_pylist()), name
        text = (folder / f"{name}.csv").read_text(encoding="utf-8")
        assert len(text.splitlines()) == len(table) + 1
    hospitals = pq.read_table(folder / "hospitals.parquet").to_pylist()
    causes = pq.read_table(folder / "causes.parquet").to_pylist()
    for result in found.trials:
        rows = [row for row in hospitals if row["name"] == result.trial.name]
        assert all(r["due_after_fen"] - r["due_before_fen"] == r["change_fen"] for r in rows)
        parts = sum(row["change_fen"] for row in causes if row["name"] == result.trial.name)
        assert parts == sum(row["change_fen"] for row in rows)
    pools = pq.read_table(folder / "pools.parquet").to_pylist()
    assert str(pools[0]["point_value_before"]) == "162.334469328140"
    assert str(pools[0]["points_before"]) == "1027.0000"


def test_folder__manifest_names_trials_inputs_and_checks(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["trial"] is True
    assert manifest["kind"] == "simulation"
    assert [trial["settings"] for trial in manifest["trials"]][1] == ["bed_day.payment=money"]
    assert {i["file"] for i in manifest["inputs"]} >= {"region.toml", "cases.csv"}
    assert all(check["passed"] for check in manifest["checks"])
    assert str(folder.parent) not in (folder / "manifest.json").read_text(encoding="utf-8")


def test_folder__nothing_existing_is_overwritten(found: Simulation, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="something at this place"):
        write_simulation(found, out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]

    def fails(path: Path) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_simulation(found, tmp_path / "new", finish=fails)
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_page__stands_alone_and_is_marked_in_both_languages(
    found: Simulation, folder: Path, tmp_path: Path
) -> None:
    page = (folder / "simulate.html").read_text(encoding="utf-8")
    for words in ("试算结果，不得用于付款", "结余留用比例", "增减的原因", "扫描：", "现行点值"):
        assert words in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    identifiers = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(identifiers) == len(set(identifiers))
    english = write_simulation_page(found, tmp_path / "e.html", "en").read_text(encoding="utf-8")
    for words in ("not for payment", "Causes of the change", "settled (yuan)"):
        assert words in english


def test_workbook__amounts_are_numbers_in_yuan_under_frozen_chinese_headers(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "simulate.xlsx")
    assert book.sheetnames == [
        "试算设置", "各试算增减", "险种", "基金收付", "医疗机构", "等级、MDC、病例类别", "原因分解", "扫描",
        "扫描 医疗机构", "未核实参数",
    ]  # fmt: skip
    for sheet in book:
        assert sheet.freeze_panes is not None
        assert "不得用于付款" in str(sheet.oddHeader.center.text)
    sheet = book["医疗机构"]
    heads = [cell.value for cell in sheet[1]]
    row = {head: sheet.cell(2, place + 1).value for place, head in enumerate(heads)}
    assert row["编码"] == "H1"
    assert row["现行应付（元）"] == 102263.65
    assert isinstance(row["应付增减（元）"], float)


def test_figures__of_command_page_manifest_workbook_and_sweep_are_the_same(
    ex1: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [
        ex1, "-o", out, "--set", "readmission.factor=0", "--set", "keep_ratio=0.8",
        "--sweep", "readmission.factor=0,1", "--sweep", "keep_ratio=0.8,1",
    ]  # fmt: skip
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    (said,) = re.findall(r"应付合计增减（基金） (\S+) 元，机构之间转移 (\S+) 元", done.output)
    fund, moved = (round(F(text.replace(",", "")) * 100) for text in said)
    assert fund < 0 < moved
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    facts = manifest["trials"][0]
    assert (facts["due_change_fen"], facts["moved_fen"]) == (fund, moved)
    places = pq.read_table(out / "sweep.parquet").to_pylist()
    at = [r for r in places if (r["value_1"], r["value_2"]) == ("0", "0.8")]
    assert {(r["due_change_fen"], r["moved_fen"]) for r in at} == {(fund, moved)}
    page = (out / "simulate.html").read_text(encoding="utf-8")
    cells = re.findall(
        r'<td class="num[^"]*">([^<]*)</td>', page[page.index("应付合计增减（基金）") :]
    )
    assert [cells[1], cells[2]] == list(said)
    book = openpyxl.load_workbook(out / "simulate.xlsx")
    heads, line = book["各试算增减"].iter_rows(values_only=True)
    assert round(F(str(line[heads.index("机构之间转移（元）")])) * 100) == moved


def test_unverified__are_named_in_page_workbook_manifest_and_command(
    ex1: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [ex1, "-o", out, "--set", "keep_ratio=1", "--trial", "点值:value_dp=2"]
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    parameters = year_end(ex1).policy.parameters.values()
    keys = [p.key for p in parameters if p.used and not p.verified]
    assert json.loads((out / "manifest.json").read_text(encoding="utf-8"))["unverified"] == keys
    assert f"取决于 {len(keys)} 项未核实的参数" in done.output
    sheet = openpyxl.load_workbook(out / "simulate.xlsx")["未核实参数"]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    assert set(keys) <= {row[1] for row in rows}
    used = {(row[1], row[2]): row[-1] for row in rows}
    assert used["value_dp", "无"] == "现行、试算"
    assert used["residual", "最大余数法（largest_remainder）"] == "全部"
    assert ("value_dp", "2") not in used  # a setting of the trial, which the overview has
    page = (out / "simulate.html").read_text(encoding="utf-8")
    assert f"取决于以下 {len(rows)} 项未核实的取值" in page
    assert "【未核实】" in page


# --- the command


def refusal(*words: str | Path) -> str:
    """What the command says, in Chinese, of what it refuses."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    assert isinstance(result.exception, DrgpayError)
    return result.exception.text("zh")


def test_command__settings_make_one_trial_and_names_further_ones(ex1: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        ex1, "-o", out, "--set", "keep_ratio=1", "--budget", "310=150000.00",
        "--trial", "再住院:readmission.days=none", "--sweep", "keep_ratio=0,1",
    ]  # fmt: skip
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "【试算】不得用于付款" in done.output
    assert "试算：keep_ratio=1; budget.310=150000.00" in done.output
    assert "再住院：readmission.days=none" in done.output
    assert {"simulate.html", "simulate.xlsx", "manifest.json", "sweep.csv"} <= {
        path.name for path in out.iterdir()
    }
    assert "已有文件或文件夹" in refusal(ex1, "-o", out, "--set", "keep_ratio=1")


def test_command__in_english(ex1: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = drgpay("simulate", ex1, "-o", out, "--set", "keep_ratio=1", lang="en")
    assert done.returncode == 0, done.stderr
    assert "[TRIAL] not for payment" in done.stdout
    assert "yuan move between hospitals" in done.stdout
    page = (out / "simulate.html").read_text(encoding="utf-8")
    assert "Trial runs: not for payment" in page


def test_command__refusals_write_nothing(ex1: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "没有要试算的设置" in refusal(ex1, "-o", out)
    assert "读不懂" in refusal(ex1, "-o", out, "--set", "keep_rato=1")
    assert "没有这个险种" in refusal(ex1, "-o", out, "--budget", "999=1")
    assert "没有名称" in refusal(ex1, "-o", out, "--trial", "keep_ratio=1")
    assert not out.exists()


# --- a whole invented city, with a history


@pytest.mark.long
def test_city__trials_of_history_scheme_policy_and_reading_equal_runs(tmp_path: Path) -> None:
    city = tmp_path / "city"
    synthesize(city, 3_000, 11, scheme="zj-drg-2022", year=2024)
    trials = {
        "裁剪": ["trim.method=winsorise", "trim.when=always", "stable.cv_sd=population"],
        "年数": ["history_years=1", "history.weighting=yearly_means"],
        "非统筹": ["not_pool=personal", "long_stay.days=30"],
        "系数": ["coef.source=components", "coef.components=history,cmi", "coef.weights=0.7,0.3"],
    }
    simulation = simulate(
        city,
        [
            *(trial_of(name, texts) for name, texts in trials.items()),
            trial_of("方案", ["scheme=chs-drg-1.1", "policy=jinhua"]),
        ],
    )
    same(simulation.base, year_end(city))
    for result, texts in zip(simulation.trials, trials.values(), strict=False):
        same(result.outcome, year_end(city, overrides=texts))
    toml = (city / "region.toml").read_text(encoding="utf-8")
    toml = toml.replace('"zj-drg-2022"', '"chs-drg-1.1"').replace('"hangzhou"', '"jinhua"')
    (city / "region.toml").write_text(toml, encoding="utf-8")
    same(simulation.trials[-1].outcome, year_end(city))
    for result in simulation.trials:
        if result.parts is None:
            assert result.trial.name == "系数"  # weights without components fit nothing
            continue
        before, after = dues(simulation.base), dues(result.outcome)
        changes = {k: after.get(k, 0) - before.get(k, 0) for k in {*before, *after}}
        assert {k: sum(p.values()) for k, p in result.parts.items()} == changes


def test_change__in_per_cent_only_of_what_is_above_zero() -> None:
    assert change_text(5, 100) == "+5.00%"
    assert change_text(-5, -100) == change_text(5, 0) == "—"
