"""The catalogue: every entry whole, and what the documents say of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drgpay.policy.catalogue import CATALOGUE, UNITS
from drgpay.report.policy_parameters import parameter_lines
from tests.cli.test_language import CHINESE, drgpay


def test_parameters_command__says_what_each_takes(tmp_path: Path) -> None:
    told = drgpay("policy", "parameters", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in told[1:]] == list(CATALOGUE)
    lines = {line.split()[0]: line for line in told}
    assert "选项之一：按比例计点（ratio）、按费用计点（by_cost）" in lines["low.rule"]
    assert "整数 0–4；none：四位小数" in lines["case_points_dp"]
    assert "小数 0–1" in lines["keep_ratio"]
    assert "（仅用于 trim.method = 标准差法（sd））" in lines["trim.sd_multiple"]
    assert lines["group_mean_dp"].endswith("整数 2")
    english = {line.split()[0]: line for line in parameter_lines("en")}
    assert english["stable.min_cases"].endswith("whole number ≥ 0")
    assert english["deposit_bands"].endswith("; none (with deposit_score = bands)")
    names = "|".join(sorted((k.name for k in CATALOGUE.values()), key=len, reverse=True))
    assert not CHINESE.search(re.sub(names, "", "\n".join(english.values())))


@pytest.mark.parametrize("key", CATALOGUE)
def test_parameter__is_whole(key: str) -> None:
    known = CATALOGUE[key]
    assert known.key == key
    assert known.unit in UNITS
    assert re.search("[\u4e00-\u9fff]", known.name)
    assert len(set(known.choices)) == len(known.choices)
    if known.when:
        other, *choices = known.when
        assert set(choices) < set(CATALOGUE[other].choices)
