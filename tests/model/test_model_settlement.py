"""Pools, point value and dues: EX1 of policy.md 12.3 to 12.5, by the numbers and as a region."""

import csv
import shutil
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest

from reference.model import group_region, load_policy, load_scheme, settle, settle_region
from reference.model.region import PoolBudget, read_region
from reference.model.settlement import dues, point_value_fen, settled_total
from reference.model.sums import Sums, available_budget

EX1 = Path(__file__).parent.parent / "cases" / "ex1"

# policy.md 12.4: points, non-pool amount and recorded fund in yuan
HOSPITALS = {
    ("H1", "310"): ("808.6", "29000.00", "91000.00"),
    ("H2", "310"): ("145.6", "7050.00", "16450.00"),
    ("H3", "310"): ("72.8", "3000.00", "7000.00"),
    ("H1", "390"): ("466.4", "35800.20", "41200.30"),
    ("H2", "390"): ("60.9778", "3249.38", "4874.07"),
    ("H3", "390"): ("559.5", "38299.99", "66450.00"),
}
BUDGETS = {"310": 13_000_000, "390": 10_550_000}


def fen(yuan: str) -> int:
    return int(F(yuan) * 100)


def pool_dues(pool: str, p: dict[str, Any], **points: str) -> tuple[int, F, list[int]]:
    """T, V in yuan, and the dues of H1, H2 and H3 in fen."""
    members = {
        key: Sums(1, F(points.get(key[0], own[0])), fen(own[2]), fen(own[1]))
        for key, own in HOSPITALS.items()
        if key[1] == pool
    }
    fund = sum(own.recorded_fund_fen for own in members.values())
    not_pool = sum(own.not_pool_fen for own in members.values())
    settled = settled_total(fund, BUDGETS[pool], p)
    value = point_value_fen(settled, not_pool, sum(own.points for own in members.values()))
    return settled, value / 100, list(dues(members, value, settled, p).values())


def test_pool__surplus__ex1(parameters) -> None:
    assert pool_dues("310", parameters()) == (
        fen("127667.50"),
        F(333435, 2054),
        [fen("102263.65"), fen("16585.90"), fen("8817.95")],
    )


def test_pool__overspend__largest_remainder_gives_h3_the_last_fen(parameters) -> None:
    settled, value, due = pool_dues("390", parameters())
    assert (settled, value) == (fen("106553.66"), F(919516150, 5434389))
    assert due == [fen("43116.18"), fen("7068.26"), fen("56369.22")]
    assert sum(due) == settled
    half_up = pool_dues("390", parameters(residual="to_fund"))[2]
    assert half_up == [fen("43116.18"), fen("7068.26"), fen("56369.21")]  # one fen short


def test_pool__variant_without_readmission__12_5(parameters) -> None:
    p = parameters(readmission__days="none")
    due = pool_dues("310", p, H2="184.8")[2]  # C05 keeps its 78.4 points
    assert due == [fen("97437.60"), fen("21846.45"), fen("8383.45")]


def test_pool__variant_keep_all_share_none__12_5(parameters) -> None:
    p = parameters(keep_ratio="1", fund_share_of_overspend="0")
    assert pool_dues("310", p)[0::2] == (
        fen("130000.00"),
        [fen("104100.13"), fen("16916.58"), fen("8983.29")],
    )
    assert pool_dues("390", p)[0::2] == (
        fen("105500.00"),
        [fen("42664.04"), fen("7009.15"), fen("55826.81")],
    )


def test_budget__reserve_and_care_outside(parameters) -> None:
    budgets = [PoolBudget("310", 10_001, 100)]
    assert available_budget(budgets, parameters()) == 9_901
    assert available_budget(budgets, parameters(out_of_area="deducted")) == 10_001
    assert available_budget(budgets, parameters(reserve_ratio="0.05")) == 9_401  # 9500.95
    assert available_budget(budgets * 2, parameters(reserve_ratio="0.05")) == 18_802


def test_settled_total__at_the_budget__is_the_budget(parameters) -> None:
    assert settled_total(500, 500, parameters()) == 500


def test_point_value__without_points__is_refused() -> None:
    with pytest.raises(ValueError, match="no points"):
        point_value_fen(1, 1, F(0))


# --- the region EX1


def expected(file: str) -> list[dict[str, str]]:
    with open(EX1 / "expected" / file, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_region__ex1__cases_hospitals_pools() -> None:
    result = settle_region(EX1)
    for row in expected("cases.csv"):
        case = result.case(row["case_id"])
        assert (case.case_class, case.points) == (row["case_class"], F(row["points"])), case
    assert [row.case_id for row in result.cases if row.readmission] == ["C05"]
    assert result.case("C05").points_before_readmission == F("78.4")
    assert result.case("C09")["unreasonable_fen"] == 125_000
    for row in expected("hospitals.csv"):
        hospital = result.hospital(row["hospital_id"], row["pool"]).as_dict()
        for column, text in row.items():
            if column.endswith("_yuan"):
                assert hospital[column.replace("_yuan", "_fen")] == fen(text), (row, column)
        assert hospital["points"] == F(row["points"])
    for row in expected("pools.csv"):
        pool = result.pool(row["pool"])
        assert pool.point_value_fraction == row["point_value_fraction"]
        assert pool.point_value == F(row["point_value_fraction"])
        assert (pool.settled_fen, pool.points) == (fen(row["settled_yuan"]), F(row["points"]))
        assert pool.residual_fen == 0
    assert result.outside_year == () and result.idle_reviews == ()


@pytest.mark.parametrize(
    ("file", "overrides"),
    [
        ("variant_no_readmission.csv", {"readmission.days": "none"}),
        ("variant_keep_all.csv", {"keep_ratio": "1", "fund_share_of_overspend": "0"}),
    ],
)
def test_region__ex1_variants(file: str, overrides: dict[str, str]) -> None:
    result = settle_region(EX1, overrides=overrides)
    for row in expected(file):
        due = result.hospital(row["hospital_id"], row["pool"]).due_fen
        assert due == fen(row["due_yuan"]), row


def test_region__value_rounded__residual_stays_in_the_fund() -> None:
    result = settle_region(EX1, overrides={"residual": "to_fund", "value_dp": "4"})
    assert [pool.point_value for pool in result.pools] == [F("162.3345"), F("169.2032")]
    assert [pool.residual_fen for pool in result.pools] == [-3, 3]


def test_region__combined_pools__one_value() -> None:
    result = settle_region(EX1, overrides={"combine_pools": "true"})
    (pool,) = result.pools
    fund, budget = fen("226974.37"), fen("235500.00")
    settled = fund + (budget - fund) * F("0.85")
    assert pool.settled_fen == int(settled + F(1, 2))
    not_pool = fen("116399.57")
    assert pool.point_value == (pool.settled_fen + not_pool) / F("2113.8778") / 100
    assert sum(row.due_fen for row in result.hospitals) == pool.settled_fen
    assert (pool.pool, len(result.hospitals)) == ("310+390", 6)


@pytest.fixture
def ex1(tmp_path: Path) -> Path:
    """A copy of EX1 whose files a test may change."""
    folder = tmp_path / "cases" / "ex1"
    shutil.copytree(EX1, folder)
    shutil.copytree(EX1.parent.parent / "schemes" / "ex1-tiny", tmp_path / "schemes" / "ex1-tiny")
    return folder


def append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def ex1_rows() -> list[dict[str, Any]]:
    with open(EX1 / "cases.csv", encoding="utf-8", newline="") as stream:
        return [dict(row) for row in csv.DictReader(stream)]


def test_settle__one_region_under_several_policies__grouped_once() -> None:
    region, policy = read_region(EX1), load_policy("testland")
    scheme = load_scheme(EX1.parent.parent / "schemes" / "ex1-tiny")
    groups = group_region(region, policy.for_year(2024), scheme)
    for overrides in ({}, {"keep_ratio": "1"}, {"high.rule": "cap"}, {"combine_pools": "true"}):
        made = settle(region, policy.for_year(2024, overrides), scheme, groups)
        apart = settle_region(EX1, overrides=overrides)
        assert (made.cases, made.hospitals, made.pools) == (
            apart.cases,
            apart.hospitals,
            apart.pools,
        )


def test_region__ex1__months_of_the_corrections() -> None:
    result = settle_region(EX1)
    cut = result.case("C05")
    assert cut.correction_month and cut.correction_month >= cut.month
    # twelve months have the year's budget, points, fund and N
    for pool in result.pools:
        months = [month for month in result.months() if month.pool == pool.pool]
        assert [month.month for month in months] == list(range(1, 13))
        assert sum(month.budget_fen for month in months) == pool.available_budget_fen
        assert sum(month.points for month in months) == pool.points
        assert sum(month.recorded_fund_fen for month in months) == pool.recorded_fund_fen
        assert sum(month.not_pool_fen for month in months) == pool.not_pool_fen
    assert sum(month.correction_points for month in result.months()) == F("-39.2")


def test_region__rows_given_by_the_caller__order_changes_nothing() -> None:
    rows = [row | {"diagnoses": row["diagnoses"].split("|")} for row in ex1_rows()]
    assert settle_region(EX1, cases=reversed(rows)).hospitals == settle_region(EX1).hospitals


def test_region__case_of_another_year__is_set_apart() -> None:
    rows = ex1_rows()
    rows[3]["settlement_date"] = "2025-01-01"
    result = settle_region(EX1, cases=rows)
    assert result.outside_year == ("C04",)
    assert result.pool("310").cases == 5
    assert "C04" not in {row.case_id for row in result.cases}


def test_region__review_of_a_normal_case__is_listed(ex1: Path) -> None:
    append(ex1 / "reviews.csv", "C01,granted,1.00,\nC12,refused,1.00,\nC99,refused,1.00,\n")
    result = settle_region(ex1)
    assert result.idle_reviews == ("C01", "C99")  # C12 is high: a refusal is a decision
    assert result.hospitals == settle_region(EX1).hospitals


def test_region__prepaid_given__a_violation_without_cases_has_a_row(ex1: Path) -> None:
    (ex1 / "prepaid.csv").write_text(
        "hospital_id,pool,prepaid_yuan,deposit_yuan\nH2,310,100.00,1000.05\nH3,310,7.00,\n",
        encoding="utf-8",
    )
    append(ex1 / "hospitals.csv", "H4,第四医院（虚构）,1\n")
    append(ex1 / "coefficients.csv", "H4,1\n")
    append(ex1 / "scores.csv", "H4,0.5\n")
    append(ex1 / "violations.csv", "H4,390,3.00,\nH4,390,4.00,\n")
    result = settle_region(ex1)
    given = result.hospital("H2", "310")
    assert (given.prepaid_fen, given.deposit_fen, given.forfeited_fen) == (10_000, 100_005, 10_001)
    blank = result.hospital("H3", "310")
    assert (blank.prepaid_fen, blank.deposit_fen) == (700, 699_300)
    idle = result.hospital("H4", "390")
    assert (idle.cases, idle.points, idle.due_fen, idle.final_fen) == (0, 0, 0, -700)


def test_region__history_instead_of_means(ex1: Path) -> None:
    past = [
        row
        | {
            "case_id": f"{row['case_id']}-{n}",
            "settlement_date": "",
            "admission_date": "2022-03-01",
        }
        | {"discharge_date": "2022-03-05", "los_days": ""}
        for row in ex1_rows()
        for n in range(3)
    ]
    result = settle_region(ex1, history=past)
    assert result.drg("GB15").n_after == 15  # C03 to C06 and C11; C05 and C06 are one group too
    assert result.drg("GB15").group_mean_fen == fen("8600.10")
    assert result.drg("FM13").stable and not result.drg("RW15").stable
    assert result.case("C07").case_class == "unstable"
    (ex1 / "history").mkdir()
    with pytest.raises(ValueError, match="exactly one of"):
        settle_region(ex1)


def test_region__input_that_is_not_clean__is_refused(ex1: Path) -> None:
    rows = ex1_rows()
    with pytest.raises(ValueError, match="C01 is there twice"):
        settle_region(ex1, cases=[*rows, rows[0]])
    with pytest.raises(ValueError, match="C02: unknown hospital H9"):
        settle_region(ex1, cases=[rows[0], rows[1] | {"hospital_id": "H9"}])
    without = [row for row in rows if row["pool"] == "310"]
    with pytest.raises(ValueError, match=r"390.*no points"):
        settle_region(ex1, cases=without, overrides={"pool_without_points": "refuse"})
    alone = settle_region(ex1, cases=without)
    assert (alone.pool("390").solution, alone.pool("310").settled_fen) == ("no_points", 12_766_750)
    toml = (ex1 / "region.toml").read_text(encoding="utf-8")
    (ex1 / "region.toml").write_text(toml.replace("all_drg_mean", "mean"), encoding="utf-8")
    with pytest.raises(ValueError, match="all_drg_mean_yuan"):
        settle_region(ex1)


# --- policy


def test_policy__choice_or_key_the_model_does_not_know__is_refused() -> None:
    policy = load_policy("testland")
    for key, text in (
        ("trim.quantile_type", "5"),
        ("coef_applies_to", "normal,odd"),
        ("high.bands", '[["100", "3"], ["50", "2"], ["none", "1"]]'),
        ("high.bands", '[["100", "3"]]'),
        ("keep_ratio", "1.01"),
        ("readmission.days", "1.5"),
        ("combine_pools", "1"),
        ("base_points_dp", "5"),
        ("coef.components", '["hospital"]'),
    ):
        with pytest.raises(ValueError, match=f"testland, {key}, 2024"):
            policy.for_year(2024, {key: text})
    with pytest.raises(ValueError, match="no parameter"):
        policy.for_year(2024, {"keepratio": "1"})
    with pytest.raises(ValueError, match="no single value"):
        policy.for_year(1999)


def test_policy__overrides__read_as_on_the_command_line() -> None:
    values = load_policy("testland").for_year(
        2024,
        {
            "keep_ratio": "0.7",
            "high.bands": '[["100", "3"], ["none", 2]]',
            "readmission.exempt": "RE1,RB1",
            "primary_groups": '["GB15"]',
            "coef_applies_to": "none",
            "value_dp": "none",
        },
    )
    assert values["keep_ratio"] == F("0.7")
    assert values["high.bands"] == ((100, 3), (None, 2))
    assert values["readmission.exempt"] == ("RE1", "RB1")
    assert (values["primary_groups"], values["coef_applies_to"]) == (("GB15",), ())
    assert values["value_dp"] is None


def policy_text(*periods: str) -> str:
    rows = "".join(
        f'[[parameters.keep_ratio.values]]\n{period}\nsource = "x"\n' for period in periods
    )
    return f'[policy]\nid = "t"\n{rows}'


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        (('from = 2020-01-01\nvalue = "1"', 'from = 2021-01-01\nvalue = "0"'), "overlap"),
        (
            (
                'from = 2020-01-01\nto = 2020-12-30\nvalue = "1"',
                'from = 2021-01-01\nvalue = "0"',
            ),
            "gap",
        ),
        (('from = 2020-01-02\nto = 2020-01-01\nvalue = "1"',), "ends before"),
        (('value = "1"',), "needs value, from and source"),
    ],
)
def test_policy__periods_that_do_not_fit(tmp_path: Path, periods: tuple, message: str) -> None:
    file = tmp_path / "t.toml"
    file.write_text(policy_text(*periods), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_policy(file)


def test_policy__value_that_changes_inside_the_year__is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    periods = ('from = 2020-01-01\nto = 2024-06-30\nvalue = "1"', 'from = 2024-07-01\nvalue = "0"')
    file.write_text(policy_text(*periods), encoding="utf-8")
    policy = load_policy(file)
    with pytest.raises(ValueError, match="keep_ratio has no single value for the whole of 2024"):
        policy._value("keep_ratio", 2024)
    assert (policy._value("keep_ratio", 2023), policy._value("keep_ratio", 2025)) == ("1", "0")
