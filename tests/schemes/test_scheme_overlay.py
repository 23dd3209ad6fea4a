"""Schemes that stand on a base: composition, faults, origins, digest, readings."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from drgpay.cli import scheme as command
from drgpay.ground.errors import SchemeError
from drgpay.grouper import Grouper
from drgpay.grouper.engine import cached_grouper
from drgpay.grouper.explain import explain
from drgpay.schemes import load_scheme
from drgpay.schemes.diff import diff_schemes
from drgpay.schemes.load import check_scheme
from drgpay.schemes.tables import Scheme, read_tables
from reference.model import group_case
from reference.model import load_scheme as load_model
from tests.schemes.conftest import TinyScheme

MANIFEST = """\
title = "叠加方案（虚构）"
base = "../tiny"

[effective]
from = 2020-01-01
"""


def _overlay(base: Path, name: str = "over", manifest: str = MANIFEST, **tables: str) -> Path:
    """A folder beside a base with tables written as CSV text, `lists` for lists.csv."""
    folder = base.parent / name
    folder.mkdir()
    (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
    for table, text in tables.items():
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return folder


def _rules(scheme: Scheme) -> dict[str, str]:
    return {adrg.key: adrg.rule for adrg in scheme.adrgs}


def test_overlay__without_tables_is_its_base(tiny: TinyScheme) -> None:
    base = load_scheme(tiny.write())
    over = load_scheme(_overlay(base.path))
    assert (over.mdcs, over.adrgs, over.drgs) == (base.mdcs, base.adrgs, base.drgs)
    assert over.base == "tiny" and base.base == ""
    assert over.digest != base.digest
    assert {str(over.place("drg.csv", d.row)) for d in over.drgs} == {
        f"tiny/drg.csv:{d.row}" for d in base.drgs
    }


def test_overlay__adds_replaces_and_takes_away_rows(tiny: TinyScheme) -> None:
    path = _overlay(
        tiny.write(),
        adrg="change,mdc,order,adrg,kind,rule,name\n"
        "-,MDCF,3,FU1,medical,,\n"
        "+,MDCF,2,FR1,medical,principal in dx and age_years > 1,心力衰竭\n"
        "+,MDCF,4,FV1,medical,principal in dx,冠心病二\n",
        drg="adrg,order,drg,rule,name\n"
        "ZZ1,1,ZZ19,True,多发创伤\nFM1,1,FM19,True,支架\nFR1,1,FR19,True,心衰\nFV1,1,FV19,True,冠心病\n",
        lists="change,owner,list,code\n"
        "-,FU1,dx,I21.000\n-,FU1,dx,I25.103\n+,FV1,dx,I21.000\n+,FV1,dx,I25.103\n",
        severity="change,code,level,exclusion_list\n+,E11.900,MCC,1\n",
        valid_procedures="change,code\n-,37.2200\n",
    )
    over = read_tables(path)
    assert _rules(over) == {
        "ZZ1": "principal in dx",
        "FM1": "main_procedure in proc",
        "FR1": "principal in dx and age_years > 1",
        "FV1": "principal in dx",
    }
    assert [d.drg for d in over.drgs] == ["ZZ19", "FM19", "FR19", "FV19"]
    assert ("FU1", "dx") not in over.lists and len(over.lists[("FV1", "dx")]) == 2
    assert over.severity.to_pylist() == [
        {"code": "J96.000", "level": "MCC", "exclusion_list": "2"},
        {"code": "E11.900", "level": "MCC", "exclusion_list": "1"},
    ]
    assert len(over.valid_procedures) == 1
    rows = {adrg.key: str(over.place("adrg.csv", adrg.row)) for adrg in over.adrgs}
    assert rows == {
        "ZZ1": "tiny/adrg.csv:2",
        "FM1": "tiny/adrg.csv:3",
        "FR1": "over/adrg.csv:3",
        "FV1": "over/adrg.csv:4",
    }
    # the model reads the same tables
    case = {"sex": "M", "age_years": 30, "diagnoses": ["I21.000"], "procedures": []}
    assert group_case(load_model(path), **case).drg == "FV19"
    assert Grouper(load_scheme(path, check=False)).group_case(**case).drg == "FV19"


def test_overlay__of_an_overlay(tiny: TinyScheme) -> None:
    base = tiny.write()
    _overlay(base, "middle", adrg="change,mdc,order,adrg,kind,rule,name\n"
             "+,MDCF,3,FU1,medical,principal in dx and icu,冠心病\n")  # fmt: skip
    top = read_tables(_overlay(base, "top", MANIFEST.replace("tiny", "middle"), lists=(
        "change,owner,list,code\n-,FU1,dx,I25.103\n")))  # fmt: skip
    assert _rules(top)["FU1"] == "principal in dx and icu"
    fu1 = next(adrg for adrg in top.adrgs if adrg.key == "FU1")
    assert str(top.place("adrg.csv", fu1.row)) == "middle/adrg.csv:2"
    assert str(top.place("lists.csv", 2)) == "tiny/lists.csv:2"
    assert group_case(load_model(top.path), "M", 30, ["I21.000"], [], icu=True).drg == "FU19"


@pytest.mark.parametrize(
    ("table", "text", "line", "why"),
    [
        ("lists", "change,owner,list,code\n-,FU1,dx,I99.900\n", 2, "is not in the base"),
        ("lists", "change,owner,list,code\n*,FU1,dx,I21.000\n", 2, "write \\+ or -"),
        (
            "lists",
            "change,owner,list,code\n-,FU1,dx,I21.000\n+,FU1,dx,I21.000\n",
            3,
            "stands in line 2 too",
        ),
        ("mdc", "change,order,mdc,name,rule,ambiguous,sites\n-,9,MDCQ,x,True,no,\n", 2, "not in"),
        ("severity", "change,code,level,exclusion_list\n-,E99.900,CC,1\n", 2, "not in the base"),
        ("valid_procedures", "change,code\n+,1\n-,99.9999\n", 3, "not in the base"),
    ],
)
def test_overlay__changes_that_do_not_fit_are_named(
    tiny: TinyScheme, table: str, text: str, line: int, why: str
) -> None:
    path = _overlay(tiny.write(), **{table: text})
    with pytest.raises(SchemeError, match=why) as caught:
        read_tables(path)
    assert f"{table}.csv:{line}: " in str(caught.value)


def test_overlay__names_all_faults_at_once(tiny: TinyScheme) -> None:
    path = _overlay(
        tiny.write(),
        lists="change,owner,list,code\n-,AA1,dx,I99.900\n",
        severity="change,code,level,exclusion_list\n-,E99.900,CC,1\n",
    )
    with pytest.raises(SchemeError, match="2 faults") as caught:
        read_tables(path)
    assert len(caught.value.faults) == 2


def test_overlay__finding_names_the_table_in_which_its_row_stands(tiny: TinyScheme) -> None:
    tiny.tables["adrg.csv"][3][4] = "principal in dx7"  # FU1, of the base
    path = _overlay(
        tiny.write(),
        drg="change,adrg,order,drg,rule,name\n+,FM1,1,FM11,main_procedure in proc3,支架\n",
    )
    found = {(f.check, f.folder, f.file, f.row) for f in check_scheme(path).new}
    assert ("list_unknown", "tiny", "adrg.csv", 5) in found
    assert ("list_unknown", "", "drg.csv", 2) in found
    texts = [str(f) for f in check_scheme(path).new if f.check == "list_unknown"]
    assert any(text.startswith("tiny/adrg.csv:5: ") for text in texts)


def test_overlay__accepts_what_its_base_accepts(tiny: TinyScheme) -> None:
    tiny.tables["lists.csv"].append(["FU1", "dx9", "I21.000"])
    tiny.tables["known_findings.csv"] = [["list_unused", "lists.csv", "FU1.dx9", "why"]]
    path = _overlay(tiny.write())
    assert not check_scheme(path).faults
    # where the overlay takes the row away, the base's finding is not missed
    with (path / "lists.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(
            [["change", "owner", "list", "code"], ["-", "FU1", "dx9", "I21.000"]]
        )
    assert not check_scheme(path).faults


def test_overlay__digest_covers_the_base(tiny: TinyScheme) -> None:
    base = tiny.write()
    path = _overlay(base)
    before = read_tables(path).digest
    (base / "drg.csv").write_text(
        (base / "drg.csv").read_text(encoding="utf-8").replace("支架置入伴造影", "支架"),
        encoding="utf-8",
    )
    assert read_tables(path).digest != before


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (MANIFEST.replace("../tiny", "../nowhere"), "no scheme named"),
        (MANIFEST.replace("../tiny", "../over"), "circle"),
        (MANIFEST.replace('"../tiny"', "7"), "must be a text"),
    ],
)
def test_overlay__base_that_cannot_be_used(tiny: TinyScheme, manifest: str, why: str) -> None:
    path = _overlay(tiny.write(), manifest=manifest)
    with pytest.raises(SchemeError, match=why) as caught:
        read_tables(path)
    assert "manifest.toml" in str(caught.value)


def test_overlay__change_column_without_a_base(tiny: TinyScheme) -> None:
    path = tiny.write()
    text = (path / "lists.csv").read_text(encoding="utf-8").splitlines()
    body = "\n".join(["change," + text[0], *("+," + row for row in text[1:])])
    (path / "lists.csv").write_text(body, encoding="utf-8")
    with pytest.raises(SchemeError, match=r"no lists\.csv of a base"):
        read_tables(path)


def test_options__are_inherited_and_overridden(tiny: TinyScheme) -> None:
    tiny.manifest = tiny.manifest.replace('"main"', '"any"')
    base = tiny.write()
    assert load_scheme(_overlay(base)).surgical_match == "any"
    own = MANIFEST + '\n[options]\nsurgical_match = "main"\n'
    path = _overlay(base, "own", own)
    assert load_scheme(path).surgical_match == "main"
    assert load_scheme(path, readings={"surgical_match": "any"}).surgical_match == "any"
    with pytest.raises(SchemeError, match="no reading 'sex'"):
        load_scheme(path, readings={"sex": "x"})
    with pytest.raises(SchemeError, match="sex_and_newborn is 'x'"):
        load_scheme(path, readings={"sex_and_newborn": "x"})


def test_bundled_overlays__stand_on_the_national_scheme() -> None:
    zj = load_scheme("zj-drg-2024")
    assert zj.base == "chs-drg-2.0"
    assert {zj.folder.comes_from("adrg.csv", a.row) for a in zj.adrgs} == {"chs-drg-2.0"}
    assert {zj.folder.comes_from("drg.csv", d.row) for d in zj.drgs} == {"zj-drg-2024"}
    assert {zj.folder.comes_from("mdc.csv", m.row) for m in zj.mdcs} == {
        "chs-drg-2.0",
        "zj-drg-2024",
    }
    assert len({d.drg for d in zj.drgs}) == 933
    assert zj.weights == {} and len(load_scheme("chs-drg-2.0").weights) > 500
    assert {row["drg"] for row in zj.doubts} >= {"BR19", "HJ19"}


def test_grey_and_not_grouping_codes__are_the_base_s() -> None:
    zj = load_scheme("zj-drg-2024")
    assert {k: len(v) for k, v in zj.not_grouping.items()} == {"diagnosis": 1837, "procedure": 1829}
    assert {k: len(v) for k, v in zj.grey_codes.items()} == {"diagnosis": 2828, "procedure": 2241}
    assert load_scheme("zj-drg-2022").grey_codes == {
        "diagnosis": frozenset(),
        "procedure": frozenset(),
    }


def test_readings__of_the_national_scheme() -> None:
    """A grey principal, a newborn of another MDC, the wrong sex, a procedure no longer valid."""
    plain = cached_grouper("chs-drg-2.0")
    passed_on = cached_grouper("chs-drg-2.0", (("sex_and_newborn", "passed_on"),))
    tried = cached_grouper("chs-drg-2.0", (("ungroupable_principals", "tried"),))
    grey = min(plain.scheme.grey_codes["diagnosis"])
    heart = {"sex": "M", "age_years": 40, "diagnoses": [grey], "procedures": ["37.5100"]}
    refused = plain.group_case(**heart)
    assert (refused.drg, refused.reason) == ("0000", "principal_refused")
    assert tried.group_case(**heart).drg == "AA29"
    newborn = {"sex": "M", "age_years": 0, "age_days": 3, "diagnoses": ["J18.900"]}
    assert plain.group_case(**newborn).drg == "PQY"
    assert passed_on.group_case(**newborn).drg.startswith("ES3")
    wrong_sex = {"sex": "F", "age_years": 60, "diagnoses": ["N40.x00"]}
    assert plain.group_case(**wrong_sex).drg == "MQY"
    assert passed_on.group_case(**wrong_sex).drg == "0000"
    for grouper in (plain, passed_on, tried):
        model = load_model("chs-drg-2.0", options=dict(grouper.scheme.options))
        for one in (heart, newborn, wrong_sex):
            own = {"procedures": [], **one}
            assert group_case(model, **own).drg == grouper.group_case(**one).drg


def test_later_valid_procedures__take_some_out_and_some_in() -> None:
    tabled, later = (
        load_scheme("chs-drg-2.0", readings={"valid_procedures": reading})
        for reading in ("tabled", "later")
    )
    assert (len(tabled.valid_procedures), len(later.valid_procedures)) == (9376, 9314)


def test_copied_overlay__finds_its_bundled_base(tmp_path: Path) -> None:
    source = load_scheme("huaibei-drg-2025")
    shutil.copytree(source.path, tmp_path / "mine")
    mine = load_scheme(tmp_path / "mine")
    assert mine.digest == source.digest and mine.base == "chs-drg-2.0"


# --- what is told of it ---------------------------------------------------------------------------


def test_explain__tells_a_reading_that_decided_and_no_other() -> None:
    plain = cached_grouper("chs-drg-2.0")
    passed_on = cached_grouper("chs-drg-2.0", (("sex_and_newborn", "passed_on"),))
    wrong_sex = {"sex": "F", "age_years": 60, "diagnoses": ["N40.x00"]}
    told = explain(plain, **wrong_sex)
    assert [(r.option, r.choice, r.other, r.drg) for r in told.readings] == [
        ("sex_and_newborn", "ambiguous", "passed_on", "0000")
    ]
    assert "sex_and_newborn = ambiguous" in told.text("zh") and "性别不符" in told.text("zh")
    assert told.as_dict()["readings"][0]["drg"] == "0000"
    assert explain(passed_on, **wrong_sex).readings[0].drg == "MQY"
    grey = min(plain.scheme.grey_codes["diagnosis"])
    heart = {"sex": "M", "age_years": 40, "diagnoses": [grey], "procedures": ["37.5100"]}
    assert [(r.option, r.drg) for r in explain(plain, **heart).readings] == [
        ("ungroupable_principals", "AA29")
    ]
    out = plain.scheme.folder.large["valid_procedures_later.csv"]
    gone = out["code"].to_pylist()[out["valid"].to_pylist().index("no")]
    ambiguous = {"sex": "M", "age_years": 40, "diagnoses": ["J18.900"], "procedures": [gone]}
    assert [(r.option, r.choice) for r in explain(plain, **ambiguous).readings] == [
        ("valid_procedures", "tabled")
    ]
    usual = {"sex": "M", "age_years": 60, "diagnoses": ["I63.900"]}
    assert explain(plain, **usual).readings == ()
    assert explain(cached_grouper("zj-drg-2022"), **usual).readings == ()


def _said(*words: str) -> str:
    result = CliRunner().invoke(command.scheme, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_cli__shows_where_each_row_comes_from() -> None:
    assert _said("list").count("chs-drg-2.0\n") >= 32
    shown = _said("show", "huaibei-drg-2025")
    assert "chs-drg-2.0（" in shown and "drg.csv" in shown
    assert "sex_and_newborn = ambiguous" in shown
    group = _said("show", "zj-drg-2024", "MA18")
    assert "[zj-drg-2024/drg.csv:" in group
    assert "proc2 MA18" in group or "dx MA18" in group
    adrg = _said("show", "zj-drg-2024", "MA1")
    assert "[chs-drg-2.0/adrg.csv:" in adrg and "[zj-drg-2024/drg.csv:" in adrg


def test_diff__says_base_and_place_of_what_changed(tiny: TinyScheme) -> None:
    base = tiny.write()
    path = _overlay(
        base,
        adrg="change,mdc,order,adrg,kind,rule,name\n+,MDCF,3,FU1,medical,principal in dx and icu,x\n",
    )
    made = diff_schemes(read_tables(base), read_tables(path))
    texts = {str(cell) for section in made.sections for row in section.rows for cell in row}
    assert "tiny" in texts
    assert any(text.endswith("[over/adrg.csv:2]") for text in texts)
