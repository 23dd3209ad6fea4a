"""Money that comes in beside the point value, what leaves a fund in cash, and where it is said.

Each region is small enough to be worked out by hand; engine and model must both give these figures.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError
from drgpay.ground.money import yuan_text
from drgpay.months.folder import write_month
from drgpay.months.run import run_all_months, run_month
from drgpay.runs.folder import manifest, write_run
from drgpay.settlement.year_end import YearEnd, year_end
from reference.model import settle_region
from tests.months.folders import take_prepaid
from tests.settlement.small import case, small_region

ONLY = {"310": "12000.00"}
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


# --- regions of two hospitals: V = 95.00 yuan a point, H1 is due 6,500.00 and H2 5,500.00


def settled(folder: Path) -> YearEnd:
    """Settle with engine and model; they agree on finals, what waits and what leaves each fund."""
    run, model = year_end(folder), settle_region(folder)
    own = [(h.hospital_id, h.pool, h.final_fen, h.deferred_fen) for h in run.hospitals]
    assert own == [(h.hospital_id, h.pool, h.final_fen, h.deferred_fen) for h in model.hospitals]
    for fund, expected in zip(run.funds, model.funds, strict=True):
        for name in ("alone_fen", "moved_fen", "payable_fen", "recover_fen", "cash_fen"):
            assert getattr(fund, name) == getattr(expected, name)
    return run


def refused(folder: Path, *told: str) -> None:
    with pytest.raises(InputError) as error:
        year_end(folder)
    for text in told:
        assert text in error.value.text("zh")
    with pytest.raises(ValueError):
        settle_region(folder)


def target(yuan: str, more: str = "") -> str:
    return f'\n[ceiling]\ncontrol_target_yuan = "{yuan}"\n{more}'


def reserve(yuan: str, more: str = "inside_target = false") -> str:
    return f'[[ceiling.reserves]]\nname = "调剂金"\namount_yuan = "{yuan}"\n{more}\n'


def own_targets(folder: Path, **targets: str) -> None:
    """Give pools of a region their own control targets."""
    path = folder / "region.toml"
    text = path.read_text(encoding="utf-8")
    for pool, yuan in targets.items():
        at = f'pool = "{pool[1:]}"\n'
        text = text.replace(at, f'{at}control_target_yuan = "{yuan}"\n')
    path.write_text(text, encoding="utf-8")


def prepaid(amount: str, deposit: str = "") -> dict[str, Sequence[dict[str, str]]]:
    row = {"hospital_id": "H1", "pool": "310", "prepaid_yuan": amount, "deposit_yuan": deposit}
    return {"prepaid": [row]}


# --- what comes in


def test_prepaid__by_hand_a_deposit_is_at_most_what_was_held_back(tmp_path: Path) -> None:
    refused(
        small_region(tmp_path / "a", tables=prepaid("6650.00", "1000000.00")),
        "保证金 1,000,000.00 元", "统筹基金记账 7,000.00 元、应付 6,500.00 元", "至多留存 350.00 元",
    )  # fmt: skip
    run = settled(small_region(tmp_path / "b", tables=prepaid("6650.00", "350.00")))
    assert any("不是月度结算写出的" in w.chinese for w in run.warnings)


def test_prepaid__far_above_what_is_recorded_or_due_is_refused(tmp_path: Path) -> None:
    refused(
        small_region(tmp_path / "a", tables=prepaid("99999999.00")),
        "已预付 99,999,999.00 元", "统筹基金记账 7,000.00 元", "应付 6,500.00 元", "1.20 倍",
    )  # fmt: skip
    settled(small_region(tmp_path / "b", tables=prepaid("8400.00")))
    refused(small_region(tmp_path / "c", tables=prepaid("8400.01")), "8,400.01")
    settled(
        small_region(tmp_path / "d", tables=prepaid("8400.01"), policy={"prepaid.limit": '"none"'})
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("mark", [True, False])
def test_prepaid__of_all_months_at_once_is_no_payment(mark: bool, tmp_path: Path) -> None:
    """Neither as it is written nor without its mark: the digest has it, too."""
    folder = small_region(tmp_path / "r")
    write_month(run_all_months(folder)[0], tmp_path / "months")
    rows = rows_of(tmp_path / "months" / "prepaid.csv")
    assert {row["simulated"] for row in rows} == {"all"}
    if not mark:
        rows = [{k: v for k, v in row.items() if k != "simulated"} for row in rows]
    write_rows(folder / "prepaid.csv", rows)
    with pytest.raises(InputError) as caught:
        year_end(folder)
    told = ("不是各月实付", "not what the months paid") if mark else ("不符", "is not what")
    assert told[0] in caught.value.text("zh") and told[1] in caught.value.text("en")


@pytest.mark.parametrize("what", ["amount", "row", "region", "year", "mixed"])
def test_prepaid__of_months_is_what_they_wrote(what: str, tmp_path: Path) -> None:
    folder = small_region(tmp_path / "r")
    run, year = run_all_months(folder)
    write_month(run, tmp_path / "months")
    take_prepaid(tmp_path / "months", folder)
    rows = rows_of(folder / "prepaid.csv")
    assert {(row["region"], row["year"]) for row in rows} == {("small", "2024")}
    again = settled(folder)
    assert [h.final_fen for h in again.hospitals] == [h.final_fen for h in year.hospitals]
    assert again.region.prepaid_months == rows[0]["months_sha256"] != ""
    assert not any("不是月度结算写出的" in w.chinese for w in again.warnings)
    change = {
        "amount": lambda r: r | {"prepaid_yuan": "99999999.00"},
        "region": lambda r: r | {"region": "other"},
        "year": lambda r: r | {"year": "2023"},
    }
    told = {
        "amount": "100,004,749.00",
        "row": "不符",
        "region": "other 2024",
        "year": "2023",
        "mixed": "不一致",
    }
    if what in change:
        rows = (
            [change[what](rows[0]), *rows[1:]]
            if what == "amount"
            else [change[what](r) for r in rows]
        )
    elif what == "row":
        rows = rows[1:]
    else:
        rows = [rows[0] | {"months_sha256": "", "sha256": ""}, *rows[1:]]
    write_rows(folder / "prepaid.csv", rows)
    with pytest.raises(InputError) as error:
        year_end(folder)
    assert told[what] in error.value.text("zh")


def carried(amount: str) -> dict[str, Sequence[dict[str, str]]]:
    row = {"hospital_id": "H1", "pool": "310", "amount_yuan": amount, "from": "2023"}
    return {"carried": [row]}


def test_carried__by_hand_recovers_but_pays_nobody(tmp_path: Path) -> None:
    refused(
        small_region(tmp_path / "a", tables=carried("-1000000.00")),
        "补付 1,000,000.00 元", "carried.unmatched",
    )  # fmt: skip
    run = settled(small_region(tmp_path / "b", tables=carried("100.00")))
    assert any("没有注明所出自清算的摘要码" in w.chinese for w in run.warnings)
    refuse = {"carried.unmatched": '"refuse"'}
    refused(small_region(tmp_path / "c", tables=carried("100.00"), policy=refuse), "扣回 100.00 元")


def test_carried__that_is_paid_counts_against_the_ceiling(tmp_path: Path) -> None:
    """H1: 6,500 − 6,650 + 1,000,000 = 999,850.00; H2: 5,500 − 4,750 = 750.00."""
    accept = {"carried.unmatched": '"accept"'}
    refused(
        small_region(
            tmp_path / "a", tables=carried("-1000000.00"), policy=accept, more=target("12000.00")
        ),
        "本次支付 1,000,600.00 元", "支付合计 1,012,000.00 元", "1,000,000.00",
    )  # fmt: skip


def test_carried__names_its_run_and_matches_it(tmp_path: Path) -> None:
    """H1 owes 150.00 by the year before: the next year takes it as it was written, or not at all."""
    out = write_run(year_end(small_region(tmp_path / "a")), tmp_path / "out")
    (row,) = rows_of(out / "carried.csv")
    told = manifest(year_end(small_region(tmp_path / "b")))
    assert (row["amount_yuan"], row["region"], row["run_sha256"]) == (
        "150.00", "small", told["run_sha256"],
    )  # fmt: skip
    following = small_region(tmp_path / "next", tables={"carried": [row]})
    run = settled(following)
    assert run.hospitals[0].carried_fen == 15_000
    assert not any("没有注明所出自清算" in w.chinese for w in run.warnings)
    for change, text in (
        ({"amount_yuan": "-150.00"}, "合计 -150.00 元"),
        ({"from": "small 2023"}, "与它写出的不符"),
        ({"region": "other"}, "别的统筹区的结转"),
    ):
        write_rows(following / "carried.csv", [row | change])
        with pytest.raises(InputError) as error:
            year_end(following)
        assert text in error.value.text("zh")


# --- what leaves, in cash


OWES = (case("C1", "H1", "40000.00", "30000.00"), case("C2", "H2", "9000.00", "1000.00"))


def test_ceiling__holds_in_cash__what_one_owes_back_pays_nobody_else(tmp_path: Path) -> None:
    """V 245: H1 is due 14,500 and had 28,500, H2 16,500 and had 950: 45,000 would leave of 31,000."""
    more = target("31000.00")
    run = settled(small_region(tmp_path / "a", OWES, {"310": "31000.00"}, more=more))
    assert [h.final_fen for h in run.hospitals] == [-1_400_000, 1_555_000]
    (fund,) = run.funds
    assert (fund.payable_fen, fund.deferred_fen, fund.recover_fen) == (
        155_000,
        1_400_000,
        1_400_000,
    )
    assert run.ceiling is not None
    assert fund.cash_fen == run.ceiling.total_fen == run.ceiling.target_fen == 3_100_000
    told = manifest(run)
    assert told["payments"] == {
        "prepaid_fen": 2_945_000, "payable_fen": 155_000, "deferred_fen": 1_400_000,
        "recover_fen": 1_400_000, "carried_fen": 0, "cash_fen": 3_100_000,
    }  # fmt: skip
    # the next payment takes both: 14,000.00 from H1, and then 14,000.00 for H2
    out = write_run(run, tmp_path / "out")
    rows = rows_of(out / "carried.csv")
    assert [r["amount_yuan"] for r in rows] == ["14000.00", "-14000.00"]
    refuse = {"ceiling.excess": '"refuse"'}
    refused(
        small_region(tmp_path / "b", OWES, {"310": "31000.00"}, policy=refuse, more=more),
        "支付合计 45,000.00 元", "超出可支付额 14,000.00 元",
    )  # fmt: skip
    refused(
        small_region(tmp_path / "c", OWES, {"310": "31000.00"}, more=target("30999.99")), "0.01 元"
    )


def test_ceiling__what_waits_says_for_which_target(tmp_path: Path) -> None:
    """45,000.00 would leave the fund, 5,000.00 beyond its target; 9,000.00 more the region's."""
    clinics = '[[ceiling.payments]]\nname = "门诊"\namount_yuan = "9000.00"\n'
    cases = [*OWES, case("C9", "H1", "10.00", "5.00", "390")]  # 5.00 leave that fund
    pools = {"310": "31000.00", "390": "5.00"}
    folder = small_region(tmp_path / "a", cases, pools, more=target("40005.00", clinics))
    own_targets(folder, p310="40000.00")
    run = settled(folder)
    fund, other = run.funds
    assert (other.cash_fen, other.deferred_fen, other.deferred_region_fen) == (500, 0, 0)
    assert (fund.deferred_fen, fund.deferred_region_fen) == (1_400_000, 900_000)
    told = manifest(run)
    row = told["funds"][0]
    assert (row["deferred_fen"], row["deferred_region_fen"]) == (1_400_000, 900_000)
    note = next(w.chinese for w in run.warnings if "ceiling.excess" in w.chinese)
    assert "14,000.00 元待应收回的 14,000.00 元收回后再付" in note
    assert "本险种控制目标 5,000.00 元、全区控制目标 9,000.00 元；其余可付 1,550.00 元" in note
    # the check has what leaves in the end, as the funds have it, not what left before the region's
    details = [c["detail"] for c in told["checks"] if c["name"] == "fund_ceiling"]
    assert details == ["31,000.00 ≤ 40,000.00 − 0.00 + 0.00"]


def test_ceiling__what_nobody_is_paid_is_not_counted(tmp_path: Path) -> None:
    """H2 forfeits 250.00: 11,900.00 leave (6,650 + 4,750 + 500), 12,000.00 are due."""
    scores = [{"hospital_id": "H1", "score": "1"}, {"hospital_id": "H2", "score": "0"}]
    more = target("11900.00", reserve("1000.00"))
    run = settled(small_region(tmp_path / "a", tables={"scores": scores}, more=more))
    assert sum(h.due_fen for h in run.hospitals) == 1_200_000
    assert run.ceiling is not None
    assert (run.ceiling.total_fen, [d.drawn_fen for d in run.ceiling.drawn]) == (1_190_000, [0])
    violation = [{"hospital_id": "H2", "pool": "310", "amount_yuan": "250.00"}]
    run = settled(small_region(tmp_path / "b", tables={"violations": violation}, more=more))
    assert run.ceiling is not None
    assert (run.ceiling.total_fen, [d.drawn_fen for d in run.ceiling.drawn]) == (1_190_000, [0])
    # 100.00 less of a target: 150.00 owed by H1 come first, then the reserve for what is paid
    more = target("11700.00", reserve("1000.00"))
    run = settled(small_region(tmp_path / "c", tables={"violations": violation}, more=more))
    assert run.ceiling is not None
    assert run.hospitals[1].deferred_fen == 15_000
    assert [d.drawn_fen for d in run.ceiling.drawn] == [5_000]


TWO = (case("C1", "H1", "10000.00", "7000.00"), case("C2", "H2", "9000.00", "5000.00", "390"))


def test_funds__one_below_zero_pays_nothing_for_the_other(tmp_path: Path) -> None:
    """390: T = −19,000 + 0.15 x 24,000; H2 owes 20,150.00. 310: T = 7,000 + 0.85 x 5,000 = 11,250."""
    pools = {"310": "12000.00", "390": "1000.00"}
    settle = {"value_not_positive": '"settle"'}

    def region(name: str, targeted: str) -> Path:
        folder = small_region(tmp_path / name, TWO, pools, policy=settle, more=target(targeted))
        path = folder / "region.toml"
        text = path.read_text(encoding="utf-8")
        more = 'budget_yuan = "1000.00"\nout_of_area_fund_yuan = "20000.00"'
        path.write_text(text.replace('budget_yuan = "1000.00"', more), encoding="utf-8")
        return folder

    run = settled(region("a", "36000.00"))
    assert [p.settled_fen for p in run.pools] == [1_125_000, -1_540_000]
    assert [f.cash_fen for f in run.funds] == [1_125_000, 2_475_000]
    assert [f.payable_fen for f in run.funds] == [460_000, 0]
    assert [f.recover_fen for f in run.funds] == [0, 2_015_000]
    refused(region("b", "35999.99"), "0.01 元")


def test_combined__what_moves_between_funds_is_a_figure(tmp_path: Path) -> None:
    """One V = 95: 390 is due 1,500.00 with a budget of 1,000.00; by itself it settles to 1,000.00."""
    cases = (case("C1", "H1", "10000.00", "9000.00"), case("C2", "H2", "9000.00", "1000.00", "390"))
    pools = {"310": "9000.00", "390": "1000.00"}
    one = {"combine_pools": "true"}
    run = settled(small_region(tmp_path / "a", cases, pools, policy=one))
    assert [(f.alone_fen, f.due_fen, f.moved_fen) for f in run.funds] == [
        (900_000, 850_000, -50_000),
        (100_000, 150_000, 50_000),
    ]
    assert any("险种 390：合并点值下应付 1,500.00 元" in w.chinese for w in run.warnings)
    assert [f["moved_fen"] for f in manifest(run)["funds"]] == [-50_000, 50_000]
    folder = small_region(tmp_path / "b", cases, pools, policy=one)
    own_targets(folder, p310="9000.00", p390="1000.00")
    refused(folder, "390", "支付合计 1,500.00 元", "500.00")
    # all together it would fit: 10,000.00
    settled(
        small_region(tmp_path / "c", cases, pools, policy=one | {"ceiling.excess": '"refuse"'},
                     more=target("10050.00"))
    )  # fmt: skip


def test_ceiling__an_official_run_needs_one(tmp_path: Path) -> None:
    needs = {"ceiling.required": '"fund"'}
    folder = small_region(tmp_path / "a", policy=needs)
    refused(folder, "正式清算须有总额控制目标", "ceiling.required=none")
    for run in (lambda: run_month(folder, "2024-03"),):
        with pytest.raises(InputError):
            run()
    trial = year_end(folder, overrides=["ceiling.required=none"])
    assert manifest(trial)["trial"] == ["ceiling.required=none"]
    settled(small_region(tmp_path / "b", policy=needs, more=target("12750.00")))
    two = small_region(
        tmp_path / "c", TWO, {"310": "12000.00", "390": "6000.00"}, policy=needs,
        more=target("90000.00"),
    )  # fmt: skip
    refused(two, "险种 310、390")
    own_targets(two, p310="12000.00", p390="6000.00")
    settled(two)


def test_ceiling__cannot_be_smaller_than_the_reserves_inside_it(tmp_path: Path) -> None:
    more = target("12000.00", reserve("189800.00", "inside_target = true"))
    refused(
        small_region(tmp_path / "a", more=more), "12,000.00 元", "189,800.00 元", "inside_target"
    )
