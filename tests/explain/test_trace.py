"""The trace of the rules ends where the engine ends, and says rightly what each rule lacked."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from drgpay.grouper import Grouper, group
from drgpay.grouper.engine import cached_grouper
from drgpay.grouper.explain import explain
from drgpay.grouper.explain_text import failed_text
from drgpay.grouper.trace import Tried, tracer_of
from tests.grouper.generated import Case, Tables, as_table, case

ROOT = Path(__file__).parents[2]
TINY = ("ex1-tiny", "testland-tiny")
BUNDLED = ("zj-drg-2022", "chs-drg-1.1", "chongqing-drg-2022")


@lru_cache(maxsize=6)
def grouper_of(name: str, match: str = "main") -> Grouper:
    path = ROOT / "tests" / "schemes" / name if name in TINY else name
    return Grouper(path, surgical_match=match)


@pytest.fixture(scope="module")
def testland() -> Grouper:
    return grouper_of("testland-tiny")


@pytest.fixture(scope="module")
def ex1() -> Grouper:
    return grouper_of("ex1-tiny")


def differences(grouper: Grouper, cases: list[Case]) -> list[str]:
    """Return a line for each case whose trace ends elsewhere than the engine does."""
    tracer, wrong = tracer_of(grouper), []
    for c, engine in zip(cases, group(as_table(cases), grouper).table.to_pylist(), strict=True):
        trace = tracer.trace(**c)
        path = trace.path
        ambiguous = len(path) == 2
        mine = (
            path[0].rule.code if path else None,
            path[1].rule.code if len(path) == 3 else None,
            path[-1].rule.code if path else "0000",
            "ambiguous" if ambiguous else "grouped" if path else "ungroupable",
        )
        again = bool(trace.attempts[-1].procedure) and not ambiguous
        plain = tuple(engine[name] for name in ("mdc", "adrg", "drg", "status"))
        if mine != plain or again != (engine["reason"] == "further_procedure"):
            wrong.append(f"{c}: trace {mine}, engine {plain} {engine['reason']}")
    return wrong


@pytest.mark.parametrize("match", ["main", "any"])
@pytest.mark.parametrize("name", [*BUNDLED, *TINY])
def test_trace__ends_where_the_engine_ends(name: str, match: str) -> None:
    grouper = grouper_of(name, match)
    tables = Tables(grouper, 21)
    cases = list(tables.drawn(300))
    cases += tables.random.sample(list(tables.boundaries()), 100)
    wrong = differences(grouper, cases)
    assert not wrong, f"{len(wrong)} of {len(cases)} differ, first: {wrong[0]}"


@pytest.mark.long
@pytest.mark.parametrize("match", ["main", "any"])
@pytest.mark.parametrize("name", [*BUNDLED, *TINY])
def test_trace__of_a_hundred_thousand_cases_ends_where_the_engine_ends(
    name: str, match: str
) -> None:
    grouper = grouper_of(name, match)
    tables = Tables(grouper, 22)
    cases = list(tables.drawn(14_000 if name in BUNDLED else 4_000))
    for kind in ("each_severity", "site_pairs", "boundaries", "each_main_procedure"):
        some = list(getattr(tables, kind)())
        cases += tables.random.sample(some, min(len(some), 1_000))
    wrong = differences(grouper, cases)
    assert not wrong, f"{len(wrong)} of {len(cases)} differ, first: {wrong[0]}"


def steps(grouper: Grouper, given: Case) -> dict[str, Tried]:
    """Return everything tried on a case by key, of the attempt that counts."""
    found: dict[str, Tried] = {}

    def collect(some: tuple[Tried, ...]) -> None:
        for step in some:
            found[step.rule.key] = step
            collect(step.inner)

    collect(explain(grouper, **given).trace.attempts[-1].mdcs)
    return found


def why(grouper: Grouper, given: Case, key: str, lang: str = "zh") -> str:
    return failed_text(steps(grouper, given)[key], lang, explain(grouper, **given))


NEAR: list[tuple[str, Case, str, str, str]] = [
    (
        "principal not listed",
        case("M", 60, ["J18.100"], []),
        "MDCM",
        "主要诊断不在MDCM的列表dx中",
        "the principal diagnosis is not on list dx of MDCM",
    ),
    (
        "no procedure",
        case("M", 60, ["J18.100"], []),
        "EB1",
        "主要手术不在EB1的列表proc中（本例没有手术操作）",
        "the main procedure is not on list proc of EB1 (there is none)",
    ),
    (
        "days of age",
        case("M", 0, ["P07.000"], [], age_days=30, birth_weight_g=1200),
        "PS1",
        "日龄须不超过28天（本例30天）",
        "the age in days must be at most 28 days (here 30)",
    ),
    (
        "weight unknown",
        case("M", 0, ["P07.000"], [], age_days=3),
        "PS1",
        "出生体重须小于1500克（本例未填）",
        "the birth weight must be below 1500 g (not given here)",
    ),
    (
        "one site of two",
        case("M", 40, ["S06.200x001"], []),
        "MDCZ",
        "创伤部位须至少2个（本例1个）",
        "the number of trauma sites must be at least 2 sites (here 1)",
    ),
    (
        "a secondary diagnosis",
        case("M", 40, ["J18.100"], []),
        "ET1",
        "没有其他诊断在ET1的列表dx2中",
        "no secondary diagnosis is on list dx2 of ET1",
    ),
    (
        "no MCC",
        case("M", 40, ["J18.100"], []),
        "ES11",
        "没有计入的MCC",
        "no MCC that counts",
    ),
    (
        "no intensive care",
        case("M", 40, ["J18.100"], []),
        "ES19",
        "没有重症监护",
        "no intensive care",
    ),
    (
        "age",
        case("M", 40, ["J18.100"], []),
        "ES10",
        "年龄须小于17岁（本例40岁）",
        "the age must be below 17 years (here 40)",
    ),
    (
        "a procedure that must not be",
        case("M", 40, ["I50.100"], ["54.1100"]),
        "FR1",
        "主要手术是有效手术操作（须不是）",
        "the main procedure is a valid procedure (it must not be)",
    ),
    (
        "a secondary diagnosis that must not be",
        case("M", 40, ["I25.100", "I50.100"], []),
        "FU1",
        "有其他诊断在FU1的列表dx2中（须没有）",
        "a secondary diagnosis is on list dx2 of FU1 (none must be)",
    ),
    (
        "neither alternative",
        case("M", 40, ["I25.100"], ["36.1100"]),
        "FB1",
        "没有手术操作在FB1的列表proc_2中，且没有手术操作在FB1的列表proc_3中",
        "no procedure is on list proc_2 of FB1, and no procedure is on list proc_3 of FB1",
    ),
]


@pytest.mark.parametrize("what", NEAR, ids=lambda w: w[0])
def test_why_not__names_the_condition_that_failed(testland: Grouper, what: Any) -> None:
    _, given, key, chinese, english = what
    assert why(testland, given, key) == chinese
    assert why(testland, given, key, "en") == english


def test_why_not__of_the_other_sex(testland: Grouper) -> None:
    listed = Tables(testland, 1).of("MDCM", "dx")[0]
    woman = case("F", 40, [listed], [])
    assert why(testland, woman, "MDCM") == "性别须为男（本例为女）"
    assert why(testland, woman, "MDCM", "en") == "the sex must be male (here female)"


def test_near__is_a_rule_of_which_a_condition_held(testland: Grouper) -> None:
    found = steps(testland, case("M", 40, ["J18.100"], []))
    assert found["ET1"].failure is not None and found["ET1"].failure.near
    assert found["EB1"].failure is not None and not found["EB1"].failure.near


def test_severity__of_an_excluded_diagnosis_names_its_list(ex1: Grouper) -> None:
    e = explain(ex1, sex="M", age_years=60, diagnoses=["I25.103", "R57.000", "E11.900"])
    shock, diabetes = e.secondary
    assert (shock.level, shock.verdict, shock.exclusion_list) == ("MCC", "excluded", "2")
    assert (diabetes.verdict, diabetes.decisive) == ("counts", True)
    assert "R57.000" in e.text() and "不计：主要诊断I25.103在其排除表2中" in e.text()
    assert "the principal I25.103 is on its exclusion list 2" in e.text("en")
    assert e.grouping.drg == "FR13"


def test_ambiguous__is_the_last_thing_tried(testland: Grouper) -> None:
    e = explain(testland, sex="M", age_years=40, diagnoses=["J18.100"], procedures=["54.1100"])
    assert e.grouping.status == "ambiguous"
    assert [s.rule.kind for s in e.trace.path] == ["mdc", "ambiguous"]
    assert "歧义组" in e.text()


def test_retry__tells_the_procedure_that_took_the_case(testland: Grouper) -> None:
    given = case("M", 40, ["I50.100"], ["54.1100", "36.0700"])
    e = explain(testland, **given)
    assert (e.grouping.reason, e.grouping.by_procedure) == ("further_procedure", "36.0700")
    assert [a.procedure for a in e.trace.attempts] == [0, 1]
    assert "36.0700" in e.text()


def test_codes__are_read_as_grouping_reads_them(testland: Grouper) -> None:
    e = explain(testland, sex="M", age_years=40, diagnoses=[" C80.X00"], procedures=["32.4X00 "])
    assert e.principal[0] == "C80.x00"
    assert e.procedures[0][0] == "32.4x00"


def test_explain__a_scheme_that_contradicts_itself_is_named() -> None:
    """CHS-DRG 1.1 lists S06.500x005 in BB1, and MDCB does not accept it."""
    made = explain(
        cached_grouper("chs-drg-1.1"), sex="M", age_years=40, diagnoses=["S06.500x005"],
        procedures=["01.2413"],
    )  # fmt: skip
    assert made.grouping.status == "ungroupable"
    assert ("BB1", "MDCB") in made.contradiction
    assert "分组方案自相矛盾：BB1（属MDCB）" in made.text("zh")
    assert "contradicts itself" in made.text("en")
    # the codes of the category that would group it, and they do
    assert made.would is not None
    near = made.would.would.diagnoses
    assert near[0].startswith("S06.5") and f"可入组的主要诊断：{near[0]} " in made.text("zh")
    for code in near:
        other = cached_grouper("chs-drg-1.1").group_case(
            sex="M", age_years=40, diagnoses=[code], procedures=["01.2413"]
        )
        assert other.status == "grouped"
    assert made.as_dict()["would_group"]["diagnoses"] == list(near)
    grouped = explain(cached_grouper("chs-drg-1.1"), sex="M", age_years=40, diagnoses=["I63.900"])
    assert grouped.contradiction == () and grouped.would is None


def test_explain__an_unknown_principal_names_the_codes_of_its_category() -> None:
    made = explain(cached_grouper("zj-drg-2022"), sex="M", age_years=61, diagnoses=["I63.9"])
    assert made.unknown[0].nearest[0][0] == "I63.900"
    assert made.would is not None and made.would.would.diagnoses[0] == "I63.900"
    text = made.text("zh")
    assert "同类目下可入组的主要诊断：I63.900 脑梗死" in text
    # what is not tried is not said to change nothing
    assert "本例没有的主要诊断和手术操作不在所试之列" in text
