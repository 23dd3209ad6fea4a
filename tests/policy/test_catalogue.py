"""The catalogue: every entry whole, and what the documents say of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drgpay.policy.budget import BUDGET, OWN, SHARED
from drgpay.policy.catalogue import CATALOGUE, UNITS, Known
from drgpay.policy.catalogues import CATALOGUES, EVERY
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


def test_catalogues__share_entries_and_never_a_key_of_another_meaning() -> None:
    both = set(CATALOGUE) & set(BUDGET)
    assert both == set(SHARED)
    assert all(BUDGET[key] is CATALOGUE[key] is EVERY[key] for key in both)
    for parameters in CATALOGUES.values():
        for known in parameters.values():
            assert not known.when or known.when[0] in parameters, known.key


def test_parameters_command__of_the_budget(tmp_path: Path) -> None:
    told = drgpay("policy", "parameters", "--of", "budget", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in told[1:]] == list(BUDGET)
    lines = {line.split()[0]: line for line in told}
    assert lines["community.transfer_by"].endswith("月-日，如 01-15")
    assert "按比例压减（proportional）" in lines["index.fit"]


@pytest.mark.parametrize("known", OWN, ids=lambda known: known.key)
def test_budget_parameter__is_asked_somewhere(known: Known) -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "drgpay"
    files = [p for kind in ("*.py", "*.toml") for p in source.rglob(kind)]
    asking = [p for p in files if p.parent.name != "policy" and known.key in p.read_text("utf-8")]
    assert asking


@pytest.mark.parametrize("value", ["02-29", "13-01", "1-15", "04-31", "", 115, None])
def test_month_day__that_not_every_year_has_is_refused(value: object) -> None:
    known = BUDGET["community.clear_by"]
    assert known.read("01-31") == (1, 31)
    with pytest.raises(ValueError, match="is not a day of every year"):
        known.read(value)


@pytest.mark.parametrize("key", EVERY)
def test_parameter__is_whole(key: str) -> None:
    known = EVERY[key]
    assert known.key == key
    assert known.unit in UNITS
    assert re.search("[\u4e00-\u9fff]", known.name)
    assert len(set(known.choices)) == len(known.choices)
    if known.when:
        other, *choices = known.when
        assert set(choices) < set(EVERY[other].choices)
