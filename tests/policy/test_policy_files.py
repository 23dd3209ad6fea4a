"""The bundled policies: every value has its source in both languages and alternatives that fit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from drgpay.ground.errors import PolicyError
from drgpay.ground.reference import bundled, reference_dir
from drgpay.policy import load_policy
from drgpay.policy.catalogues import CATALOGUES, EVERY
from drgpay.policy.files import Period
from drgpay.report.policy_check import check_policy

NAMES = bundled("policies", ".toml")
CHINESE = re.compile("[\u4e00-\u9fff]")
TESTLAND = (reference_dir() / "policies" / "testland.toml").read_text(encoding="utf-8")


def periods(name: str) -> list[tuple[str, Period]]:
    policy = load_policy(name, catalogue=None)
    return [(p.key, period) for p in policy.parameters.values() for period in p.periods]


@pytest.mark.parametrize("name", NAMES)
def test_values__have_a_source_in_chinese_that_says_the_same_of_assumption(name: str) -> None:
    for key, period in periods(name):
        assert CHINESE.search(period.source_zh), key
        assert period.source.startswith("assumed") is period.source_zh.startswith("假定"), key
        for document in re.findall(r"\b(?:S[0-4]|P\d+)\b", period.source_zh):
            assert document in period.source, key


@pytest.mark.parametrize("name", NAMES)
def test_values__name_only_documents_that_the_file_lists(name: str) -> None:
    policy = load_policy(name, catalogue=None)
    for key, period in periods(name):
        for document in re.findall(r"\b(?:S[0-4]|P\d+)\b", period.source):
            assert document in policy.sources, (key, document)
    every = " ".join(period.source for _, period in periods(name))
    for document in policy.sources:
        assert document in every, document


@pytest.mark.parametrize("name", NAMES)
def test_values__verified_ones_name_a_document_and_have_no_alternative(name: str) -> None:
    for key, period in periods(name):
        if period.verified:
            assert re.match(r"(S[0-4]|P\d+)\b", period.source), key
            assert period.alternative is None, key
        if period.alternative is not None:
            assert EVERY[key].read(period.alternative) != period.value, key


def test_parameters__are_named_and_described_alike_in_all_files() -> None:
    for name in NAMES:
        policy = load_policy(name, catalogue=None)
        own = {key: (p.name, p.unit) for key, p in policy.parameters.items()}
        assert own == {key: (known.name, known.unit) for key, known in policy.known.items()}
    assert len({known.name for known in EVERY.values()}) == len(EVERY)
    for name in NAMES:
        for parameter in load_policy(name, catalogue=None).parameters.values():
            assert parameter.description.endswith("。"), parameter.key
            assert CHINESE.search(parameter.name), parameter.key


@pytest.mark.parametrize("name", NAMES)
def test_values__fit_together(name: str) -> None:
    found = check_policy(name, 2024)
    assert not found.faulty
    assert found.values == len(CATALOGUES[found.catalogue])


def test_policies__of_one_region_agree_in_what_both_catalogues_know() -> None:
    pairs = [(name, f"{name}-budget") for name in NAMES if f"{name}-budget" in NAMES]
    assert pairs
    for pair in pairs:
        payment, budget = (load_policy(n, catalogue=None).for_year(2024) for n in pair)
        shared = set(payment.known) & set(budget.known)
        assert len(shared) == 8
        assert {k: payment[k] for k in shared} == {k: budget[k] for k in shared}, pair


def test_jinhua__what_the_article_states() -> None:
    policy = load_policy("jinhua")
    year = policy.for_year(2017)
    assert year["readmission.days"] == 10
    assert year["coef.source"] == "components"
    assert year["coef.components"] == ("history",)
    assert year["coef.scope"] == "hospital_drg"
    assert (year["point_scale"], year["history_years"]) == (100, 2)
    assert (year["ungrouped.rule"], year["low.rule"]) == ("special_review", "ratio")
    verified = {key for key, p in year.parameters.items() if p.verified}
    assert verified == {
        "point_scale", "history_years", "coef.source", "coef.scope", "coef.components",
        "coef.weights", "high.rule", "low.rule", "ungrouped.rule", "readmission.days",
        "bed_day.payment",
    }  # fmt: skip
    later = policy.for_year(2024)
    assert {key: p.value for key, p in later.parameters.items()} == {
        key: p.value for key, p in year.parameters.items()
    }
    assert not any(p.verified for p in later.parameters.values())


# --- alternatives and Chinese sources of one's own file


def edited(path: Path, old: str, new: str) -> Path:
    assert TESTLAND.count(old) == 1
    path.write_text(TESTLAND.replace(old, new), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("alternative", "fault"),
    [
        ('"2"', "keep_ratio, value 1: alternative: 2 is not between 0 and 1"),
        ('"0.850"', "keep_ratio, value 1: alternative: the same as the value"),
        ("0.5", "keep_ratio, value 1: alternative: 0.5 is not a decimal text: write it in quotes"),
    ],
)
def test_alternative__is_read_and_checked_like_the_value(
    tmp_path: Path, alternative: str, fault: str
) -> None:
    old = 'value = "0.85"\nalternative = "1"\n'
    path = edited(tmp_path / "p.toml", old, f'value = "0.85"\nalternative = {alternative}\n')
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert caught.value.faults == (fault,)


def test_alternative__and_chinese_source_are_carried_into_the_manifest(tmp_path: Path) -> None:
    year = load_policy("testland").for_year(2024, ["keep_ratio=0.5"])
    shown = year.parameters["readmission.days"].as_dict()
    assert (shown["alternative"], shown["source_zh"]) == (10, "假定：为测试虚构")
    trial = year.parameters["keep_ratio"].as_dict()
    assert (trial["alternative"], trial["source"], trial["source_zh"]) == ("1", "--set", "")
    old = 'value = "0.85"\nalternative = "1"\n'
    path = edited(tmp_path / "p.toml", old, 'value = "0.85"\n')
    assert load_policy(path).for_year(2024).parameters["keep_ratio"].alternative is None


def test_with_value__is_a_trial_of_one_value() -> None:
    year = load_policy("testland").for_year(2024)
    other = year.with_value("readmission.days", "none")
    assert (other["readmission.days"], year["readmission.days"]) == (None, 15)
    assert (other.trial, year.trial) == (["readmission.days=none"], [])
    assert other.parameters["keep_ratio"] is year.parameters["keep_ratio"]
    with pytest.raises(ValueError, match="not between 0 and 366"):
        year.with_value("readmission.days", 400)


def test_sources__that_are_no_table_are_a_fault(tmp_path: Path) -> None:
    text = re.sub(r"\[policy\.sources\]\n[^\n]*\n", 'sources = "x"\n', TESTLAND)
    assert tomllib.loads(text)["policy"]["sources"] == "x"
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "p.toml")
    assert caught.value.faults == ("[policy.sources]: not a table",)
