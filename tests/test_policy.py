"""Policies: every fault named with its key, and one value of each parameter for a year."""

from __future__ import annotations

import datetime as dt
import re
from fractions import Fraction as F
from pathlib import Path

import pytest

from drgpay.ground.errors import InputError, PolicyError
from drgpay.ground.reference import bundled
from drgpay.policy import Policy, load_policy
from drgpay.policy.catalogue import CATALOGUE, UNITS
from drgpay.policy.catalogues import CATALOGUES, EVERY

TESTLAND = (
    Path(__file__).resolve().parents[1] / "reference" / "policies" / "testland.toml"
).read_text(encoding="utf-8")
KEEP = """unit = "ratio"
[[parameters.keep_ratio.values]]
from = 2019-01-01
value = "0.85"
alternative = "1"
source = "assumed: invented for tests"
source_zh = "假定：为测试虚构"
verified = false
"""


def faults_of(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert caught.value.where == str(path)
    assert caught.value.exit_code == 4
    return caught.value.faults


def changed(old: str, new: str) -> str:
    assert TESTLAND.count(old) == 1, f"{old!r} is not there once"
    return TESTLAND.replace(old, new)


def load(path: Path, text: str) -> Policy:
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


@pytest.mark.parametrize("name", bundled("policies", ".toml"))
def test_bundled_policies__are_complete_for_the_years_they_name(name: str) -> None:
    policy = load_policy(name, catalogue=None)
    year = policy.for_year(2024)
    assert list(year.parameters) == list(year.known) == list(CATALOGUES[policy.catalogue])
    assert policy.id == name
    assert not year.trial
    for parameter in year.parameters.values():
        assert parameter.source
        assert parameter.used is not EVERY[parameter.key].sometimes
        if parameter.source.startswith("assumed"):
            assert parameter.verified is False


def test_catalogue__units_are_of_the_closed_list() -> None:
    assert {known.unit for known in EVERY.values()} <= UNITS


def test_values__are_read_as_their_kinds() -> None:
    p = load_policy("testland").for_year(2024)
    assert p["point_scale"] == F(100)
    assert p["base_points_dp"] == 4
    assert p["keep_ratio"] == F(17, 20)
    assert p["value_dp"] is None
    assert p["high.inclusive"] is True
    assert p["trim.quantile_type"] == "7"
    assert p["high.bands"] == ((F(100), F(3)), (F(300), F(2)), (None, F(3, 2)))
    assert p["readmission.exempt"] == ("RE1",)
    assert p["coef_applies_to"] == ("normal", "high")
    assert p["fund_type_map"][-1] == ("*", "other")
    assert p["referral.deductible_standards"] == ()
    known = CATALOGUE["referral.deductible_standards"]
    assert known.read([["3", "800.50"], ["2", "0"]]) == (("3", 800_50), ("2", 0))


# --- faults of a file


def test_file__missing_parameter(tmp_path: Path) -> None:
    start = TESTLAND.index("[parameters.keep_ratio]")
    end = TESTLAND.index("[parameters.fund_share_of_overspend]")
    text = TESTLAND[:start] + TESTLAND[end:]
    assert faults_of(tmp_path / "p.toml", text) == ("keep_ratio: missing",)


def test_file__unknown_parameter(tmp_path: Path) -> None:
    text = TESTLAND + '\n[parameters.keep_ratoi]\nname = "x"\nunit = "ratio"\n'
    assert faults_of(tmp_path / "p.toml", text) == ("keep_ratoi: unknown parameter",)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('unit = "ratio"', 'unit = "points"', "keep_ratio: unit is 'points', must be 'ratio'"),
        (
            'source = "assumed: invented for tests"\n',
            "",
            "keep_ratio, value 1: no source; give document and clause, or 'assumed: <reason>'",
        ),
        (
            'source = "assumed: invented for tests"',
            'source = "  "',
            "keep_ratio, value 1: no source; give document and clause, or 'assumed: <reason>'",
        ),
        (
            "verified = false",
            "verified = true",
            "keep_ratio, value 1: an assumed value cannot be verified",
        ),
        ("verified = false", "", "keep_ratio, value 1: verified must be true or false"),
        (
            "verified = false",
            'verified = "no"',
            "keep_ratio, value 1: verified must be true or false",
        ),
        (
            'value = "0.85"',
            "value = 0.85",
            "keep_ratio, value 1: 0.85 is not a decimal text: write it in quotes",
        ),
        (
            'value = "0.85"',
            'value = "85 %"',
            "keep_ratio, value 1: '85 %' is not a decimal number",
        ),
        ('value = "0.85"', 'value = "1.01"', "keep_ratio, value 1: 1.01 is not between 0 and 1"),
        ('value = "0.85"', 'value = "-0.1"', "keep_ratio, value 1: -0.1 is not between 0 and 1"),
        (
            'value = "0.85"',
            'value = "none"',
            "keep_ratio, value 1: 'none' is not a decimal number",
        ),
        (
            'value = "0.85"\n',
            "",
            "keep_ratio, value 1: no value",
        ),
        (
            "from = 2019-01-01",
            'from = "2019-01-01"',
            "keep_ratio, value 1: from and to must be dates",
        ),
        (
            "from = 2019-01-01",
            "from = 2019-01-01T00:00:00",
            "keep_ratio, value 1: from and to must be dates",
        ),
        ("from = 2019-01-01\n", "", "keep_ratio, value 1: from and to must be dates"),
        (
            "from = 2019-01-01",
            "from = 2019-01-01\nto = 2018-12-31",
            "keep_ratio, value 1: ends before it begins",
        ),
        (
            "from = 2019-01-01",
            "from = 2019-01-01\nnote = 1",
            "keep_ratio, value 1: unknown entry 'note'",
        ),
        ('unit = "ratio"', 'unit = "ratio"\nnote = 1', "keep_ratio: unknown entry 'note'"),
    ],
)
def test_file__a_fault_of_one_value(tmp_path: Path, old: str, new: str, fault: str) -> None:
    block = KEEP.replace(old, new)
    assert block != KEEP
    text = TESTLAND.replace(KEEP, block)
    assert faults_of(tmp_path / "p.toml", text) == (fault,)


def test_file__no_chinese_name(tmp_path: Path) -> None:
    text = changed('name = "结余留用比例"\n', "")
    assert faults_of(tmp_path / "p.toml", text) == ("keep_ratio: no Chinese name",)


def test_file__no_values(tmp_path: Path) -> None:
    text = TESTLAND.replace(KEEP, 'unit = "ratio"\n')
    assert faults_of(tmp_path / "p.toml", text) == ("keep_ratio: no values",)


def test_file__values_that_are_no_tables(tmp_path: Path) -> None:
    text = TESTLAND.replace(KEEP, 'unit = "ratio"\nvalues = ["0.85"]\n')
    assert faults_of(tmp_path / "p.toml", text) == ("keep_ratio, value 1: not a table",)
    text = TESTLAND.replace(KEEP, 'unit = "ratio"\nvalues = 1\n')
    assert faults_of(tmp_path / "p.toml", text) == (
        "keep_ratio: values must stand under [[parameters.….values]]",
    )


def two_periods(first: str, second: str) -> str:
    block = KEEP.replace("from = 2019-01-01\n", first + "\n")
    more = KEEP.partition("\n")[2].replace("from = 2019-01-01\n", second + "\n")
    return TESTLAND.replace(KEEP, block + more.replace("0.85", "0.7"))


def test_file__periods_overlap(tmp_path: Path) -> None:
    text = two_periods("from = 2019-01-01\nto = 2023-01-01", "from = 2023-01-01")
    assert faults_of(tmp_path / "p.toml", text) == (
        "keep_ratio: the periods from 2019-01-01 and from 2023-01-01 overlap",
    )


def test_file__open_period_before_another(tmp_path: Path) -> None:
    text = two_periods("from = 2023-01-01", "from = 2019-01-01")
    assert faults_of(tmp_path / "p.toml", text) == (
        "keep_ratio: the periods from 2019-01-01 and from 2023-01-01 overlap",
    )


def test_file__gap_between_periods(tmp_path: Path) -> None:
    text = two_periods("from = 2019-01-01\nto = 2022-12-30", "from = 2023-01-01")
    assert faults_of(tmp_path / "p.toml", text) == (
        "keep_ratio: no value between 2022-12-30 and 2023-01-01",
    )


def test_file__all_faults_at_once(tmp_path: Path) -> None:
    text = TESTLAND.replace(KEEP, KEEP.replace("0.85", "2").replace('"ratio"', '"cases"'))
    text = text.replace('id = "testland"', "") + "\n[parameters.other]\n"
    assert faults_of(tmp_path / "p.toml", text) == (
        "[policy] has no id",
        "other: unknown parameter",
        "keep_ratio: unit is 'cases', must be 'ratio'",
        "keep_ratio, value 1: 2 is not between 0 and 1",
    )


def test_file__not_toml(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[policy\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="not TOML"):
        load_policy(path)
    path.write_bytes('[policy]\nid = "机构"\n'.encode("gbk"))
    with pytest.raises(PolicyError, match="not TOML"):
        load_policy(path)


def test_file__policy_or_parameters_that_are_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    for text in ('policy = "testland"\n', "parameters = []\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyError, match="policy and parameters must be tables"):
            load_policy(path)


def test_file__no_such_policy_names_the_bundled_ones() -> None:
    with pytest.raises(InputError, match=r"no policy named 'nowhere'") as caught:
        load_policy("nowhere")
    assert "testland" in str(caught.value.remedy)


# --- periods and years


def test_year__the_period_that_covers_it(tmp_path: Path) -> None:
    text = two_periods("from = 2019-01-01\nto = 2023-12-31", "from = 2024-01-01")
    policy = load(tmp_path / "p.toml", text)
    assert policy.for_year(2023)["keep_ratio"] == F(17, 20)
    assert policy.for_year(2024)["keep_ratio"] == F(7, 10)
    shown = policy.for_year(2023).parameters["keep_ratio"]
    assert (shown.start, shown.end) == ("2019-01-01", "2023-12-31")


def test_year__a_change_within_it_is_refused(tmp_path: Path) -> None:
    text = two_periods("from = 2019-01-01\nto = 2024-06-30", "from = 2024-07-01")
    policy = load(tmp_path / "p.toml", text)
    with pytest.raises(PolicyError) as caught:
        policy.for_year(2024)
    assert caught.value.faults == (
        "keep_ratio: changes within the year; a year-end run needs one value",
    )


def test_year__before_the_first_period_is_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy("testland").for_year(2018)
    assert caught.value.faults == (
        f"none of its {len(CATALOGUE)} parameters has a value in 2018; "
        "the first period begins 2019-01-01",
    )


def test_year__after_a_closed_last_period_is_refused(tmp_path: Path) -> None:
    text = TESTLAND.replace(
        KEEP, KEEP.replace("from = 2019-01-01", "from = 2019-01-01\nto = 2023-12-31")
    )
    with pytest.raises(PolicyError, match="keep_ratio: has no value in 2024") as caught:
        load(tmp_path / "p.toml", text).for_year(2024)
    assert caught.value.exit_code == 4


# --- overrides of a trial


def test_override__marks_the_value_as_a_trial() -> None:
    p = load_policy("testland").for_year(2024, ["keep_ratio=1", "readmission.days=none"])
    assert p["keep_ratio"] == 1
    assert p["readmission.days"] is None
    assert p.trial == ["readmission.days=none", "keep_ratio=1"]
    shown = p.parameters["keep_ratio"].as_dict()
    assert shown["trial"] is True
    assert shown["source"] == "--set"
    assert shown["verified"] is False
    assert (shown["from"], shown["to"]) == ("2024-01-01", "2024-12-31")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("high.bands=100:3,none:1.5", "high.bands", ((F(100), F(3)), (None, F(3, 2)))),
        ("coef_applies_to=normal, low", "coef_applies_to", ("normal", "low")),
        ("coef_applies_to=", "coef_applies_to", ()),
        ("primary_groups=none", "primary_groups", ()),
        ("combine_pools=true", "combine_pools", True),
        ("case_points_dp=none", "case_points_dp", None),
        ("case_points_dp=2", "case_points_dp", 2),
        ("trim.quantile_type=6", "trim.quantile_type", "6"),
        (" keep_ratio = 0.5 ", "keep_ratio", F(1, 2)),
    ],
)
def test_override__each_kind_of_value(text: str, key: str, value: object) -> None:
    assert load_policy("testland").for_year(2024, [text])[key] == value


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("keep_rato=1", "--set keep_rato=1: no parameter 'keep_rato'; known: point_scale"),
        ("keep_ratio", "--set keep_ratio: no "),
        ("keep_ratio=x", "--set keep_ratio=x: 'x' is not a decimal number"),
        ("keep_ratio=1.5", "--set keep_ratio=1.5: 1.5 is not between 0 and 1"),
        ("readmission.days=-1", "--set readmission.days=-1: -1 is not between 0 and 366"),
        ("readmission.days=1.5", "--set readmission.days=1.5: '1.5' is not a whole number"),
        ("combine_pools=yes", "--set combine_pools=yes: 'yes' is not true or false"),
        ("residual=drop", "--set residual=drop: 'drop' is not offered; offered: largest_remainder"),
        ("coef_applies_to=all", "--set coef_applies_to=all: 'all' is not offered; offered: normal"),
        ("high.bands=100:3", "--set high.bands=100:3: the last band, and only the last"),
        ("high.bands=3", "--set high.bands=3: write high.bands=LIMIT:MULTIPLE,"),
        ("keep_tiers=1", "--set keep_tiers=1: write keep_tiers=LIMIT:RATIO,"),
        ("high.bands=300:3,100:2,none:1.5", "--set high.bands=300:3,100:2,none:1.5: the limits"),
        ("high.bands=none:0.9", "--set high.bands=none:0.9: a multiple below 1"),
        ("group_mean_dp=4", "--set group_mean_dp=4: 4 is not between 2 and 2"),
    ],
)
def test_override__what_does_not_fit_is_refused(text: str, fault: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy("testland").for_year(2024, [text])
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(fault)


def test_override__all_faults_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy("testland").for_year(2024, ["a=1", "keep_ratio=1", "keep_ratio=2"])
    assert [re.split(r"[:;]", f)[0] for f in caught.value.faults] == [
        "--set a=1",
        "--set keep_ratio=2",
    ]


def test_read_value__bands_must_rise_and_end_open() -> None:
    known = CATALOGUE["high.bands"]
    for value in ([], "100", [["100", "3"]], [["none", "2"], ["none", "2"]], [["1", "2", "3"]]):
        with pytest.raises(ValueError, match=r"."):
            known.read(value)
    twice = [["100", "3"], ["100", "2"], ["none", "1"]]
    with pytest.raises(ValueError, match="the limits of bands must rise"):
        known.read(twice)


def test_periods__a_year_is_covered_by_days_at_both_ends(tmp_path: Path) -> None:
    text = TESTLAND.replace(
        KEEP, KEEP.replace("from = 2019-01-01", "from = 2024-01-01\nto = 2024-12-31")
    )
    policy = load(tmp_path / "p.toml", text)
    (period,) = policy.parameters["keep_ratio"].periods
    assert (period.start, period.end) == (dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    assert policy.for_year(2024)["keep_ratio"] == F(17, 20)
    for year, word in ((2023, "2023"), (2025, "2025")):
        with pytest.raises(PolicyError, match=f"keep_ratio: has no value in {word}"):
            policy.for_year(year)
