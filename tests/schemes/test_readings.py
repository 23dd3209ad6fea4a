"""Readings that schemes leave open: asked for in one way at every door, told by every result."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.cases_check import check as check_command
from drgpay.cli.explain import explain as explain_command
from drgpay.cli.group import group as group_command
from drgpay.cli.scheme_impact import impact as impact_command
from drgpay.cli.scheme_show import show as show_command
from drgpay.ground.errors import DrgpayError, InputError, SchemeError
from drgpay.grouper import Grouper, group, group_file
from drgpay.grouper.check import check_cases
from drgpay.grouper.engine import cached_grouper
from drgpay.grouper.explain import explain
from drgpay.grouper.versions import any_grouper
from drgpay.months.folder import warnings, write_month
from drgpay.months.run import run_month
from drgpay.names.readings import OPEN_READINGS, READINGS, asked_readings, told_readings
from drgpay.reopening.reopen import reopen
from drgpay.report.scheme_manual import write_manual
from drgpay.runs.folder import write_run
from drgpay.runs.pricing import Pricer
from drgpay.runs.records import diff_runs
from drgpay.schemes import load_scheme
from drgpay.settlement.year_end import year_end
from reference.model import load_scheme as load_model
from reference.model.scheme import READINGS as OF_MODEL
from tests.months.folders import ex1


def named_case() -> dict[str, object]:
    """A case that a condition which only the name states keeps out of a group."""
    named, tabled = (
        cached_grouper("zj-drg-2022"),
        cached_grouper("zj-drg-2022", (("conditions", "tabled"),)),
    )
    scheme = named.scheme
    codes = scheme.procedures.codes.to_pylist()
    for procedure in scheme.list_ids("FC1", "proc").tolist():
        facts = {
            "sex": "M", "age_years": 61, "diagnoses": ["I25.103"],
            "procedures": [codes[procedure - 1]],
        }  # fmt: skip
        if named.group_case(**facts).drg != tabled.group_case(**facts).drg:  # type: ignore[arg-type]
            return facts
    raise AssertionError("no such case")


@pytest.fixture(scope="module")
def decided() -> dict[str, object]:
    return named_case()


def as_table(facts: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"case_id": "a", "hospital_id": "H", "total_cost": 100.0, **facts}]
    )


def test_readings__are_those_of_the_model() -> None:
    assert {name: tuple(r.choices) for name, r in OPEN_READINGS.items()} == OF_MODEL


@pytest.mark.parametrize("scheme", ["zj-drg-2022", "zj-drg-2024"])
@pytest.mark.parametrize("name", sorted(READINGS))
def test_reading__asked_for_is_taken_by_engine_and_model(name: str, scheme: str) -> None:
    for choice in READINGS[name]:
        own = load_scheme(scheme, readings={name: choice}, check=False)
        model = load_model(scheme, options={name: choice})
        assert own.options[name] == choice
        assert own.surgical_match == model.surgical_match


@pytest.mark.parametrize(
    ("asked", "surgical_match", "chinese"),
    [
        ({"sex": "x"}, None, "没有读法“sex”"),
        ({"conditions": "all"}, None, "改为 named 或 tabled"),
        ({"surgical_match": "main"}, "any", "surgical_match 写了两个值：main、any"),
    ],
)
def test_reading__that_there_is_not_is_refused_with_the_choices(
    asked: dict[str, str], surgical_match: str | None, chinese: str
) -> None:
    with pytest.raises(SchemeError) as told:
        asked_readings(asked, surgical_match)
    assert chinese in told.value.text("zh")
    if "sex" in asked:
        for name in READINGS:
            assert name in told.value.text("zh")


def told_by(command: object, *words: object) -> str:
    done = CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)  # type: ignore[arg-type]
    assert done.exit_code == 0, done.output
    return done.stdout


def test_commands__ask_for_readings_alike(decided: dict[str, object], tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.parquet", tmp_path / "out.parquet"
    pq.write_table(as_table(decided), cases)
    drgs = {}
    for choice in READINGS["conditions"]:
        words = ["--scheme", "zj-drg-2022", "--reading", f"conditions={choice}"]
        told = told_by(group_command, cases, "-o", out, *words)
        assert f"名称所述条件 {choice}" in told and "手术匹配 main" in told
        drgs[choice] = pq.read_table(out)["drg"].to_pylist()[0]
        meta = pq.read_schema(out).metadata[b"drgpay.names.readings"].decode()
        assert [part.split(" = ")[0] for part in meta.split(", ")] == list(READINGS)
        explained = json.loads(
            told_by(explain_command, "--from", cases, "--case", "a", "--json", *words)
        )
        assert explained["grouping"]["drg"] == drgs[choice]
        assert explained["options"]["conditions"] == choice
        told_by(check_command, cases, *words)
    assert drgs["named"] != drgs["tabled"]
    same = [
        told_by(group_command, cases, "-o", out, "--scheme", "zj-drg-2022", *words)
        for words in (["--surgical-match", "any"], ["--reading", "surgical_match=any"])
    ]
    assert len({re.sub(r"\d+\.\d\d 秒", "", text) for text in same}) == 1
    for words, error in (
        (["--reading", "conditions"], InputError),
        (["--reading", "conditions=x"], SchemeError),
        (["--reading", "condition=named"], SchemeError),
        (["--reading", "surgical_match=main", "--surgical-match", "any"], SchemeError),
    ):
        for command in (group_command, explain_command, check_command):
            more = ["--from", cases] if command is explain_command else [cases]
            more += [] if command is check_command else ["-o", tmp_path / "none.parquet"]
            with pytest.raises(error):
                told_by(command, *more, *words)


def test_impact__of_one_scheme_under_two_readings(
    decided: dict[str, object], tmp_path: Path
) -> None:
    cases = tmp_path / "cases.parquet"
    table = as_table(decided | {"discharge_date": "2024-05-05"})
    pq.write_table(table, cases)
    words = ["zj-drg-2022", "zj-drg-2022", cases, "--reading", "b:conditions=tabled"]
    told = told_by(impact_command, *words)
    assert "DRG 0.0%" in told
    assert "名称所述条件 named" in told and "名称所述条件 tabled" in told
    both = told_by(impact_command, *words[:-1], "conditions=tabled")
    assert "DRG 100.0%" in both


def test_python__takes_readings_by_name(decided: dict[str, object], tmp_path: Path) -> None:
    table = as_table(decided)
    drgs = [
        group(table, "zj-drg-2022", readings={"conditions": choice}).table["drg"].to_pylist()[0]
        for choice in READINGS["conditions"]
    ]
    assert drgs[0] != drgs[1]
    done = group_file(
        table, tmp_path / "o.csv", "zhejiang", readings={"sex_and_newborn": "passed_on"},
        surgical_match="any",
    )  # fmt: skip
    assert done.readings["sex_and_newborn"] == "passed_on"
    assert done.readings["surgical_match"] == "any"
    assert done.readings["ungroupable_principals"] == "tried/refused"
    tabled = cached_grouper("zj-drg-2022", (("conditions", "tabled"),))
    assert (
        group(table, tabled, readings={"conditions": "tabled"}).table["drg"][0].as_py() == drgs[1]
    )
    with pytest.raises(InputError, match="the grouper given has conditions = tabled"):
        group(table, tabled, readings={"conditions": "named"})
    with pytest.raises(SchemeError, match="there is no reading"):
        check_cases(table, "zj-drg-2022", readings={"condition": "named"})
    given = Grouper(load_scheme("zj-drg-2022"), readings={"conditions": "tabled"})
    assert given.readings["conditions"] == "tabled"


# --- what decided -------------------------------------------------------------------------------


def test_explain__tells_each_reading_that_decided(decided: dict[str, object]) -> None:
    for choice, other in (("named", "tabled"), ("tabled", "named")):
        e = explain(cached_grouper("zj-drg-2022", (("conditions", choice),)), **decided)  # type: ignore[arg-type]
        (reading,) = [r for r in e.readings if r.option == "conditions"]
        assert (reading.choice, reading.other) == (choice, other)
        assert ("FC1", "伴PTCA", "chongqing-drg-2022") in reading.conditions
        assert "取自 chongqing-drg-2022" in e.text("zh") and "伴PTCA" in e.text("zh")
        assert e.as_dict()["readings"][-1]["conditions"][0]["source"] == "chongqing-drg-2022"
    several = {**decided, "procedures": ["99.1500", *decided["procedures"]]}  # type: ignore[misc]
    for choice, other in (("main", "any"), ("any", "main")):
        own = cached_grouper("zj-drg-2022", (("surgical_match", choice),))
        against = cached_grouper("zj-drg-2022", (("surgical_match", other),))
        e = explain(own, **several)  # type: ignore[arg-type]
        found = [r for r in e.readings if r.option == "surgical_match"]
        would = against.group_case(**several).drg  # type: ignore[arg-type]
        assert [r.drg for r in found] == ([] if would == e.grouping.drg else [would])


def test_explain__of_surgical_match_when_it_decides() -> None:
    grouper = cached_grouper("zj-drg-2024")
    facts = {
        "sex": "M", "age_years": 60, "diagnoses": ["K80.100x001"],
        "procedures": ["88.7600", "51.2300"],
    }  # fmt: skip
    other = cached_grouper("zj-drg-2024", (("surgical_match", "any"),)).group_case(**facts)  # type: ignore[arg-type]
    told = explain(grouper, **facts)  # type: ignore[arg-type]
    assert other.drg != told.grouping.drg
    assert ("surgical_match", other.drg) in [(r.option, r.drg) for r in told.readings]
    assert "由方案选项 surgical_match = main 决定：只看主要手术" in told.text("zh")


def test_show_and_manual__mark_assumed_conditions(tmp_path: Path) -> None:
    told = told_by(show_command, "zj-drg-2022")
    for name, reading in OPEN_READINGS.items():
        assert f"{name} = " in told and any(c.chinese in told for c in reading.choices.values())
    assert "FC1: 假定的条件“伴PTCA”" in told
    one = told_by(show_command, "zj-drg-2022", "FC1")
    assert "假定的条件“伴PTCA”：病组名称所述，公布的列表没有，取自 chongqing-drg-2022" in one
    assert "按公布的列表: " in one
    assert "假定" not in told_by(show_command, "zj-drg-2022", "FC3")
    write_manual(load_scheme("zj-drg-2022"), tmp_path / "manual", "zh")
    page = (tmp_path / "manual" / "mdc" / "MDCF.html").read_text("utf-8")
    assert "假定的条件“伴PTCA”" in page and "；按公布的列表：" in page
    assert "conditions = named" in (tmp_path / "manual" / "index.html").read_text("utf-8")


# --- settled years ------------------------------------------------------------------------------


@pytest.fixture
def region(tmp_path: Path) -> Path:
    return ex1(tmp_path)


def ask(region: Path, line: str) -> None:
    """Write a line under [region], in place of one that names the same."""
    file, name = region / "region.toml", line.partition(" ")[0]
    text = re.sub(rf"(?m)^{name} = .*\n", "", file.read_text("utf-8"))
    file.write_text(text.replace("[region]\n", f"[region]\n{line}\n", 1), "utf-8")


def manifest(folder: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads((folder / "manifest.json").read_text("utf-8")))


def test_year_end__records_all_readings_and_keeps_to_them(region: Path, tmp_path: Path) -> None:
    ask(region, 'sex_and_newborn = "passed_on"')
    first = write_run(year_end(region), tmp_path / "first")
    told = told_readings(manifest(first)["scheme"])
    assert list(told) == list(READINGS) and told["sex_and_newborn"] == "passed_on"
    pricer = Pricer(first)
    assert dict(pricer.readings)["sex_and_newborn"] == "passed_on"
    scheme = any_grouper(pricer_scheme(region))
    with pytest.raises(DrgpayError, match="sex_and_newborn = passed_on"):
        pricer.check_grouper(scheme)
    ask(region, 'valid_procedures = "later"')
    second = write_run(year_end(region), tmp_path / "second")
    assert any(c.column == "readings" for c in diff_runs(first, second).facts)
    assert "region.toml 选定的分组读法" in str(manifest(second)["warnings"])


def test_reopening__refuses_another_reading_of_the_schemes_manifest(
    region: Path, tmp_path: Path
) -> None:
    """The digest of a scheme covers its tables; what its manifest chooses is compared by itself."""
    own = tmp_path / "own"
    shutil.copytree(pricer_scheme(region), own)
    ask(region, f'scheme = "{own}"')
    first = write_run(year_end(region), tmp_path / "first")
    later = tmp_path / "later.csv"
    later.write_text(
        "hospital_id,pool,amount_yuan,points,case_id,new_drg,document,date\n"
        "H3,310,100.00,2.5,,,监察〔2025〕3号,2025-06-03\n",
        "utf-8",
    )
    reopen(region, first, later)
    text = (own / "manifest.toml").read_text("utf-8")
    text = text.replace('surgical_match = "main"', 'surgical_match = "any"')
    (own / "manifest.toml").write_text(text, "utf-8")
    with pytest.raises(InputError, match="surgical_match main → any"):
        reopen(region, first, later)


def pricer_scheme(region: Path) -> Path:
    text = (region / "region.toml").read_text("utf-8")
    found = re.search(r'(?m)^scheme = "(.*)"', text)
    assert found
    return (region / found[1]).resolve()


def test_months__say_that_another_reading_was_taken(region: Path, tmp_path: Path) -> None:
    january = run_month(region, "2024-01")
    write_month(january, tmp_path / "2024-01")
    same = run_month(region, "2024-02", earlier=tmp_path / "2024-01")
    assert not [n for n in warnings(same) if "readings" in str(n)]
    ask(region, 'surgical_match = "any"')
    other = run_month(region, "2024-02", earlier=tmp_path / "2024-01")
    assert any("region.toml 选定的分组读法：手术匹配 any" in n.chinese for n in warnings(other))
    said = [n for n in warnings(other) if "readings surgical_match main → any" in str(n)]
    assert len(said) == 1 and "读法 手术匹配 main → any" in said[0].chinese
    folder = write_month(other, tmp_path / "2024-02")
    assert "surgical_match" in str(manifest(folder)["earlier"]["changed_scheme"])
    assert manifest(folder)["scheme"]["readings"]["surgical_match"] == "any"  # type: ignore[index]


def test_versions__of_a_family_tell_their_readings() -> None:
    grouper = any_grouper("zhejiang", (("surgical_match", "any"),))
    facts = {"sex": "M", "age_years": 61, "diagnoses": ["I63.900"]}
    for day in (dt.date(2024, 12, 31), dt.date(2025, 1, 1)):
        made = explain(grouper, **facts, discharge_date=day)  # type: ignore[arg-type]
        assert made.options["surgical_match"] == "any"
