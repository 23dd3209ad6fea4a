"""`drgpay policy`: what a policy says, what it lacks, and how two differ."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import pytest

from drgpay.ground.errors import PolicyError
from drgpay.ground.reference import bundled, reference_dir
from drgpay.policy import Policy, load_policy
from drgpay.policy.budget import BUDGET
from drgpay.policy.catalogue import CATALOGUE
from drgpay.report.amounts import display_width
from drgpay.report.policy_check import check_policy
from drgpay.report.policy_diff import diff_lines, diff_policies, write_diff_page
from drgpay.report.policy_show import listed, show_lines
from tests.command import drgpay

TESTS = Path(__file__).resolve().parents[1]
TESTLAND = (reference_dir() / "policies" / "testland.toml").read_text(encoding="utf-8")


def block(key: str) -> str:
    """The lines of a parameter in testland."""
    quoted = f'"{key}"' if "." in key else key
    start = TESTLAND.index(f"[parameters.{quoted}]\n")
    following = re.search(r"\n(\[parameters\.|# )", TESTLAND[start + 1 :])
    return (
        TESTLAND[start:] if following is None else TESTLAND[start : start + following.start() + 2]
    )


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def without(path: Path, *keys: str) -> Path:
    text = TESTLAND
    for key in keys:
        text = text.replace(block(key), "")
    return written(path, text)


def load(path: Path, text: str) -> Policy:
    return load_policy(written(path, text))


# --- show


def test_show__every_value_in_columns_that_stand_below_each_other() -> None:
    policy = load_policy("hangzhou")
    entries = listed(policy, 2024)
    assert [e["key"] for e in entries] == list(CATALOGUE)
    lines = list(show_lines(policy, entries))
    rows = lines[1:-1]
    assert rows[0].split() == ["参数", "名称", "值", "备选值", "单位", "期间", "核实", "依据"]
    place = display_width(rows[0][: rows[0].index("核实")])
    for line in rows[1:]:
        cut = next(i for i in range(len(line)) if display_width(line[:i]) == place)
        assert line[cut] in "是否"
    n = len(CATALOGUE)
    assert lines[-1] == f"共 {n} 项值：已核实 2，未核实 {n - 2}"


def test_show__both_periods_of_a_value_without_a_year() -> None:
    policy = load_policy("jinhua")
    both_periods = listed(policy, keys=["readmission.days"])
    assert [(e["from"], e["to"], e["verified"]) for e in both_periods] == [
        ("2017-01-01", "2017-12-31", True),
        ("2018-01-01", "", False),
    ]
    assert len(listed(policy, 2017, ["readmission.days"])) == 1


REFERRAL = [
    "referral.rule", "referral.days", "referral.deductible", "referral.deductible_standards",
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("keep_ratio", ["keep_ratio"]),
        ("referral", REFERRAL),
        ("referral.", REFERRAL),
        ("中治率", ["tcm.gate"]),
    ],
)
def test_show__key_prefix_or_part_of_the_name(word: str, keys: list[str]) -> None:
    assert [e["key"] for e in listed(load_policy("hangzhou"), 2024, [word])] == keys


def test_show__unknown_key_is_refused() -> None:
    with pytest.raises(PolicyError, match="no parameter 'keep_rato'") as caught:
        listed(load_policy("hangzhou"), keys=["keep_rato"])
    assert "相近的有：keep_ratio" in caught.value.text("zh")
    with pytest.raises(PolicyError, match="no parameter") as caught:
        listed(load_policy("hangzhou"), keys=["无此"])
    said = caught.value.text("zh")
    assert said.startswith("hangzhou.toml：没有政策参数“无此”")
    assert "/" not in said
    assert len(said) < 200


def test_show_command__json_and_languages() -> None:
    done = drgpay("policy", "show", "hangzhou", "--year", "2024", "--key", "out_of_area", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["id"], found["year"]) == ("hangzhou", 2024)
    (parameter,) = found["parameters"]
    assert parameter["value"] == "inside_budget"
    assert parameter["verified"] is True
    assert parameter["source_zh"].startswith("S2 二(二)1(2)")
    english = drgpay("policy", "show", "hangzhou", "--key", "keep_ratio", lang="en")
    assert "1 values: 0 verified, 1 not verified" in english.stdout
    assert "joint conference" in english.stdout
    before = drgpay("policy", "show", "hangzhou", "--year", "2019")
    assert before.returncode == 4
    assert "政策不能用于2019年" in before.stderr


# --- check


def test_check__names_what_is_missing_in_chinese_apart_from_other_faults(tmp_path: Path) -> None:
    path = without(tmp_path / "p.toml", "keep_ratio", "trim.method")
    text = path.read_text(encoding="utf-8")
    written(path, text.replace('value = "0.95"\nalternative = "0.97"', 'value = "95"'))
    found = check_policy(path)
    assert list(found.missing) == ["trim.method: missing", "keep_ratio: missing"]
    assert [m.chinese for m in found.missing] == [
        "trim.method（裁剪方法）：缺少",
        "keep_ratio（结余留用比例）：缺少",
    ]
    assert found.faults == ["prepay_ratio, value 1: 95 is not between 0 and 1"]
    done = drgpay("policy", "check", path)
    assert done.returncode == 4
    assert "缺少 2 项参数：" in done.stdout
    assert "keep_ratio（结余留用比例）：缺少" in done.stdout
    assert "错误 1 处：" in done.stdout


def test_check__an_empty_policy_lists_the_whole_catalogue(tmp_path: Path) -> None:
    path = written(tmp_path / "p.toml", '[policy]\nid = "x"\ntitle = "x"\n')
    found = check_policy(path)
    assert len(found.missing) == len(CATALOGUE)
    assert all("（" in m.chinese for m in found.missing)


def test_check__values_that_do_not_fit_together(tmp_path: Path) -> None:
    text = TESTLAND
    for key, value, other in (
        ("coef.source", 'value = "given"\nalternative = "level"', 'value = "components"'),
        ("coef.components", "value = []", 'value = ["history", "cmi"]'),
        ("coef.weights", "value = []", 'value = ["0.6", "0.6"]'),
        ("trim.lower_percentile", 'value = "0.05"', 'value = "0.96"'),
        ("history.weighting", 'value = "pooled"\nalternative = "yearly_means"',
         'value = "yearly_means"'),
        ("history.year_weights", 'value = ["1", "1"]', 'value = ["1"]'),
        ("deposit_score", 'value = "linear"\nalternative = "bands"', 'value = "bands"'),
        ("referral.rule", 'value = "separate"\nalternative = "one_stay"', 'value = "one_stay"'),
        ("referral.deductible", 'value = "highest_paid"', 'value = "standards"'),
    ):  # fmt: skip
        old = block(key)
        assert old.count(value) == 1, key
        text = text.replace(old, old.replace(value, other))
    found = check_policy(written(tmp_path / "p.toml", text), 2024)
    assert found.faults == [
        "coef.weights: the weights do not add up to 1",
        "trim.lower_percentile: above trim.upper_percentile",
        "history.year_weights: fewer weights than history_years",
        "deposit_bands: none, though deposit_score is bands",
        "referral.deductible_standards: empty, though referral.deductible is standards",
    ]


def test_check__year_without_values_and_a_change_within_the_year(tmp_path: Path) -> None:
    assert check_policy("hangzhou", 2019).faulty
    old = block("keep_ratio")
    text = TESTLAND.replace(
        old,
        old.replace("from = 2019-01-01", "from = 2019-01-01\nto = 2024-06-30")
        + old[old.index("[[") :].replace("2019-01-01", "2024-07-01"),
    )
    path = written(tmp_path / "p.toml", text)
    assert not check_policy(path).faulty
    assert not check_policy(path, 2023).faulty
    (fault,) = check_policy(path, 2024).faults
    assert fault.chinese == "keep_ratio（结余留用比例）：年内有变动，年度清算只能用一个值"


def test_check_command__counts_and_exit_codes(tmp_path: Path) -> None:
    done = drgpay("policy", "check", "hangzhou", "--year", "2024")
    assert done.returncode == 0, done.stderr
    assert f"共 {len(CATALOGUE)} 项值：已核实 2，未核实 " in done.stdout
    assert "可以使用" in done.stdout
    assert drgpay("policy", "check", "nowhere").returncode == 5
    bad = written(tmp_path / "p.toml", "[policy\n")
    done = drgpay("policy", "check", bad, lang="en")
    assert done.returncode == 4
    assert "not TOML" in done.stdout


# --- two kinds of policies


def test_list__names_every_bundled_policy_with_its_kind() -> None:
    found = json.loads(drgpay("policy", "list", "--json").stdout)
    assert [row["name"] for row in found] == bundled("policies", ".toml")
    kinds = {row["name"]: row["kind"] for row in found}
    assert (kinds["hangzhou"], kinds["hangzhou-budget"]) == ("payment", "budget")
    lines = drgpay("policy", "list").stdout.splitlines()
    assert lines[0].split() == ["名称", "种类", "值", "已核实", "标题"]
    assert "总额控制政策（budget）" in lines[1]


def test_budget_policy__is_shown_checked_and_compared_with_its_kind_alone(tmp_path: Path) -> None:
    shown = drgpay("policy", "show", "chongqing-budget", "--key", "community.transfer_by")
    assert "01-15" in shown.stdout and "S1 三(四)" in shown.stdout
    done = drgpay("policy", "check", "shangyu-budget", "--year", "2013")
    assert done.stdout.splitlines()[0].endswith("总额控制政策")
    assert f"共 {len(BUDGET)} 项值：已核实 13，" in done.stdout
    mixed = drgpay("policy", "diff", "hangzhou", "hangzhou-budget")
    assert mixed.returncode == 4
    assert "hangzhou 是支付政策，hangzhou-budget 是总额控制政策" in mixed.stderr


def test_policy__of_the_other_kind_is_refused_by_a_run() -> None:
    with pytest.raises(PolicyError, match="is a budget policy; what is asked for here is a pay"):
        load_policy("hangzhou-budget")
    with pytest.raises(PolicyError, match="is a payment policy; what is asked for here is a bud"):
        load_policy("hangzhou", catalogue="budget")
    assert load_policy("hangzhou-budget", catalogue="budget").for_year(
        2024, ["index.fit=proportional"]
    ).trial == ["index.fit=proportional"]


def test_policy__of_no_kind_that_there_is_is_refused(tmp_path: Path) -> None:
    for word in ('"years"', "1"):
        text = TESTLAND.replace("[policy]\n", f"[policy]\ncatalogue = {word}\n")
        with pytest.raises(PolicyError, match="no catalogue"):
            load(tmp_path / "p.toml", text)


def test_check__budget_values_that_do_not_fit_together(tmp_path: Path) -> None:
    text = (reference_dir() / "policies" / "testland-budget.toml").read_text(encoding="utf-8")
    for old, new in (
        ('value = "01-20"', 'value = "02-20"'),
        ('value = "0.02"\nalternative = "0"', 'value = "0.95"'),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert check_policy(written(tmp_path / "p.toml", text), 2024).faults == [
        "community.transfer_by: the days of transfer, adjustment, clearing and rebalancing do not "
        "follow each other",
        "target.reserves: the ratios of the reserves add up to 1 or more",
    ]


# --- a run


def test_run__refuses_an_incomplete_policy_with_what_is_missing(tmp_path: Path) -> None:
    region = tmp_path / "region"
    shutil.copytree(TESTS / "cases" / "ex1", region)
    without(region / "own.toml", "keep_ratio", "high.bands", "readmission.days")
    toml = (region / "region.toml").read_text(encoding="utf-8")
    toml = toml.replace('"testland"', '"own.toml"')
    toml = toml.replace("../../schemes/ex1-tiny", str(TESTS / "schemes" / "ex1-tiny"))
    written(region / "region.toml", toml)
    done = drgpay("year-end", region, "-o", tmp_path / "run")
    assert done.returncode == 4
    listed_faults = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
    assert listed_faults == [
        "  - high.bands（高倍率界限）：缺少",
        "  - readmission.days（再住院天数）：缺少",
        "  - keep_ratio（结余留用比例）：缺少",
    ]
    assert not (tmp_path / "run").exists()


# --- diff


def test_diff__of_a_policy_with_itself_is_empty(tmp_path: Path) -> None:
    policy = load_policy("hangzhou")
    found = diff_policies(policy, policy)
    assert (found.changes, found.same) == ((), len(CATALOGUE))
    page = write_diff_page(found, tmp_path / "d.html").read_text(encoding="utf-8")
    assert "两份政策没有差别" in page


def test_diff__added_removed_changed_and_another_source(tmp_path: Path) -> None:
    a = load_policy("testland")
    text = TESTLAND.replace(block("tcm.gate"), "")
    old = block("readmission.days")
    text = text.replace(old, old.replace("value = 15\nalternative = 10", "value = 10"))
    old = block("prepay_ratio")
    text = text.replace(old, old.replace("assumed: invented for tests", "assumed: other"))
    b = load_policy(written(tmp_path / "p.toml", text), complete=False)
    found = diff_policies(a, b)
    assert [(c.kind, c.key) for c in found.changes] == [
        ("changed", "readmission.days"),
        ("removed", "tcm.gate"),
        ("source", "prepay_ratio"),
    ]
    assert found.same == len(CATALOGUE) - 3
    assert found.counts == {"changed": 1, "added": 0, "removed": 1, "source": 1}
    back = diff_policies(b, a)
    assert back.counts == {"changed": 1, "added": 1, "removed": 0, "source": 1}


def test_diff__a_value_that_changes_once_is_one_change_with_its_days(tmp_path: Path) -> None:
    old = block("keep_ratio")
    text = TESTLAND.replace(
        old,
        old.replace("from = 2019-01-01", "from = 2019-01-01\nto = 2023-12-31")
        + old[old.index("[[") :].replace("2019-01-01", "2024-01-01").replace("0.85", "0.7"),
    )
    a, b = load_policy("testland"), load(tmp_path / "p.toml", text)
    (change,) = diff_policies(a, b).changes
    assert (change.kind, change.start) == ("changed", dt.date(2024, 1, 1))
    assert not diff_policies(a, b, 2023).changes
    (change,) = diff_policies(a, b, 2024).changes
    assert (change.start, change.end) == (dt.date(2024, 1, 1), dt.date(2024, 12, 31))


def test_diff__text_and_page_have_the_sources_of_both(tmp_path: Path) -> None:
    found = diff_policies(load_policy("hangzhou"), load_policy("jinhua"), 2024)
    text = "\n".join(diff_lines(found))
    assert "readmission.days  再住院天数  15 → 10" in text
    assert "hangzhou：假定：浙江点数法的一般认识（把握高）" in text
    assert "jinhua：P1：10天内再次住院" in text
    page = write_diff_page(found, tmp_path / "d.html").read_text(encoding="utf-8")
    for words in ("15 天", "10 天", "P1：10天内再次住院", "再住院天数", "值改变"):
        assert words in page
    english = write_diff_page(found, tmp_path / "e.html", "en").read_text(encoding="utf-8")
    assert "readmission within 10 days" in english


def test_diff_command__writes_a_page_and_refuses_other_files(tmp_path: Path) -> None:
    out = tmp_path / "d.html"
    done = drgpay("policy", "diff", "hangzhou", "jinhua", "-o", out)
    assert done.returncode == 0, done.stderr
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert drgpay("policy", "diff", "hangzhou", "jinhua", "-o", tmp_path / "d.pdf").returncode == 5
    own = written(tmp_path / "own.html", TESTLAND)
    assert drgpay("policy", "diff", own, "jinhua", "-o", own).returncode == 5
    assert own.read_text(encoding="utf-8") == TESTLAND
