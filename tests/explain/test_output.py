"""What an explanation looks like: text, JSON, drawing, file, command."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.explain import explain as command
from drgpay.ground.errors import InputError
from drgpay.grouper import Grouper
from drgpay.grouper.explain import Explanation, explain
from drgpay.grouper.explain_file import explain_file
from drgpay.grouper.explain_text import WARNING
from drgpay.report.explain_svg import explanation_svg, width_of, wrapped
from drgpay.runs.folder import write_run
from drgpay.runs.pricing import Pricer
from drgpay.settlement.year_end import year_end
from tests.cli.test_language import CHINESE, ENGLISH, drgpay
from tests.explain.test_trace import grouper_of
from tests.grouper.generated import Tables, as_table
from tests.settlement.regions import EX1

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def testland() -> Grouper:
    return grouper_of("testland-tiny")


@pytest.fixture(scope="module")
def drawn(testland: Grouper) -> list[Explanation]:
    return [explain(testland, **c) for c in Tables(testland, 9).drawn(150)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(year_end(EX1), tmp_path_factory.mktemp("explained") / "run")


def data_of(e: Explanation) -> list[str]:
    """The names of an explanation's codes and groups, which are Chinese in any language."""
    names = [e.principal[1], e.grouping.name, *(p[1] for p in e.procedures)]
    names += [s.name for s in e.secondary] + [n.name for n in e.nearest]
    names += [r.name for r in e.readings]
    names += [name for item in e.unknown for _, name in item.nearest]
    names += [name for _, name in e.would.names] if e.would else []

    def of(steps):  # type: ignore[no-untyped-def]
        for step in steps:
            yield step.rule.name
            yield from of(step.inner)

    names += [name for a in e.trace.attempts for name in of(a.mdcs)]
    return sorted({name for name in names if name}, key=len, reverse=True)


def without(text: str, words: list[str]) -> str:
    for word in words:
        text = text.replace(word, "")
    return text


def test_text__has_no_word_of_the_other_language(drawn: list[Explanation]) -> None:
    for e in drawn:
        chinese = "\n".join(x for x in e.text("zh").splitlines() if "规则 " not in x)
        assert not ENGLISH.search(chinese), chinese
        english = without(e.text("en"), data_of(e))
        assert not CHINESE.search(english), english


def test_text__warns_that_coding_follows_the_record(drawn: list[Explanation]) -> None:
    for e in drawn[:20]:
        assert WARNING[0] in e.text("zh") and WARNING[1] in e.text("en")
        made = e.as_dict()
        assert made["warning"] == {"zh": WARNING[0], "en": WARNING[1]}


def test_json__comes_back_as_it_went(drawn: list[Explanation]) -> None:
    for e in drawn:
        made = e.as_dict()
        assert json.loads(json.dumps(made, ensure_ascii=False)) == made
        tried = made["tried"][-1]["mdcs"]
        assert len(tried) == len(e.trace.attempts[-1].mdcs)
        for mdc in tried:
            assert mdc["holds"] or mdc["failed"]
            assert mdc["took"] or mdc["why_not"]["zh"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_svg__is_well_formed_and_warns(drawn: list[Explanation], lang: str) -> None:
    for e in drawn:
        root = ET.fromstring(explanation_svg(e, lang))
        text = " ".join(t.text or "" for t in root.iter(f"{SVG}text"))
        assert root.tag == f"{SVG}svg"
        assert e.grouping.drg in text
        joined = text.replace(" ", "")
        assert (WARNING[0] if lang == "zh" else WARNING[1]).replace(" ", "") in joined
        assert next(root.iter(f"{SVG}rect")).get("fill") == "#ffffff"
        if lang == "en":
            names = sorted({w.replace(" ", "") for w in data_of(e)}, key=len, reverse=True)
            assert not CHINESE.search(without(joined, names)), joined


def test_svg__escapes_what_codes_hold(testland: Grouper) -> None:
    e = explain(testland, sex="M", age_years=3, diagnoses=['<b>&"', "I50.100"])
    drawing = explanation_svg(e)
    assert "<b>" not in drawing
    ET.fromstring(drawing)


def test_svg__keeps_its_lines_short() -> None:
    text = "主要诊断不在MDCB的列表dx中，the principal diagnosis is not on it" * 3
    lines = wrapped(text, 40)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(width_of, lines)) <= 42.0


# --- many cases -------------------------------------------------------------------------------


def test_file__explains_each_case_as_explain_does(testland: Grouper, tmp_path: Path) -> None:
    cases = list(Tables(testland, 4).drawn(120))
    table = as_table(cases)
    sex = table["sex"].to_pylist()
    sex[7] = "?"
    table = table.set_column(1, "sex", pa.array(sex))
    done = explain_file(table, tmp_path / "e.parquet", testland)
    rows = pq.read_table(done.path).to_pylist()
    assert done.counts.total == len(rows) == 120
    assert rows[7]["status"] == "quarantined" and rows[7]["text"] is None
    assert done.counts.quarantined == 1
    for i, (given, row) in enumerate(zip(cases, rows, strict=True)):
        if i == 7:
            continue
        e = explain(testland, **given)
        assert row["case_id"] == f"c{i}"
        assert row["text"] == e.text()
        assert (row["drg"], row["status"]) == (e.grouping.drg, e.grouping.status)
        mdcs = e.trace.attempts[-1].mdcs
        assert [m["group"] for m in row["mdc_tried"]] == [m.rule.code for m in mdcs]
        assert [a["group"] for a in row["adrg_tried"]] == [
            a.rule.key for m in mdcs for a in m.inner
        ]
        assert [s["diagnosis"] for s in row["severities"]] == given["diagnoses"][1:]
        assert [n["drg"] for n in row["nearest"]] == [n.drg for n in e.nearest]
        assert row["points"] is None and all(n["fen"] is None for n in row["nearest"])


@pytest.mark.long
def test_file__by_several_processes_is_the_same(
    testland: Grouper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drgpay.grouper.explain_file.FOR_A_POOL", 0)
    monkeypatch.setattr("drgpay.grouper.explain_file.CHUNK", 50)
    table = as_table(list(Tables(testland, 6).drawn(160)))
    one = explain_file(table, tmp_path / "one.parquet", testland, workers=1)
    two = explain_file(table, tmp_path / "two.parquet", testland, workers=2)
    assert one.counts == two.counts
    assert pq.read_table(one.path).equals(pq.read_table(two.path))


def test_file__with_a_run_has_points_and_money(tmp_path: Path, run: Path) -> None:
    pricer = Pricer(run)
    done = explain_file(
        EX1 / "cases.csv", tmp_path / "e.parquet", grouper_of("ex1-tiny"), prices=pricer
    )
    settled = {r["case_id"]: r for r in pq.read_table(run / "cases.parquet").to_pylist()}
    priced = 0
    for row in pq.read_table(done.path).to_pylist():
        own = settled[row["case_id"]]
        if row["status"] == "quarantined" or row["drg"] != own["drg"]:
            continue
        assert row["points"] == own["points_before_readmission"]
        assert all(n["points"] is not None for n in row["nearest"])
        priced += 1
    assert priced > 5


def test_file__of_some_cases(testland: Grouper, tmp_path: Path) -> None:
    table = as_table(list(Tables(testland, 4).drawn(20)))
    done = explain_file(table, tmp_path / "e.parquet", testland, only=["c3", "c11"])
    assert pq.read_table(done.path)["case_id"].to_pylist() == ["c3", "c11"]
    with pytest.raises(InputError, match="no case 'c99'"):
        explain_file(table, tmp_path / "no.parquet", testland, only=["c3", "c99"])
    assert not (tmp_path / "no.parquet").exists()
    with pytest.raises(InputError, match=r"end the name with \.parquet"):
        explain_file(table, tmp_path / "no.csv", testland)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.parquet"]


# --- the command ------------------------------------------------------------------------------


def told_by(*words: str | Path) -> str:
    """What the command prints, called in this process."""
    done = CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def with_run(run: Path) -> list[str | Path]:
    scheme = EX1.parents[1] / "schemes" / "ex1-tiny"
    return ["--from", EX1 / "cases.csv", "--run", run, "--scheme", scheme]


def test_command__explains_with_a_run_and_draws(with_run: list[str | Path], tmp_path: Path) -> None:
    drawing, out = tmp_path / "path.svg", tmp_path / "e.parquet"
    told = told_by(*with_run, "--case", "C02", "--svg", drawing)
    assert re.search(r"\d+\.\d{4} 点，[\d,]+\.\d\d 元", told)
    ET.parse(drawing)
    made = json.loads(told_by(*with_run, "--case", "C02", "--json"))
    assert made["price"]["points"] > 0 and made["nearest"]
    told_by(*with_run, "-o", out, "--cases", "C02,C03")
    assert pq.read_table(out)["case_id"].to_pylist() == ["C02", "C03"]


def test_command__refuses_what_does_not_fit(run: Path, tmp_path: Path) -> None:
    cases = EX1 / "cases.csv"
    for words, chinese in (
        (["--run", run], "缺少 --from"),
        (["--from", cases, "--run", run, "--scheme", "chs-drg-1.1"], "不是这里的 chs-drg-1.1"),
        (["--from", cases, "--run", tmp_path], "不是清算结果的文件夹"),
        (["--from", cases, "-o", tmp_path / "e.csv"], "扩展名用 .parquet"),
        (["--from", cases, "-o", tmp_path / "e.parquet", "--cases", "C02,C98"], "没有病例 C98"),
        (["--from", cases, "--case", "C98"], "没有病例 C98"),
        (["--from", cases, "--sex", "M"], "不能再用选项改动"),
    ):
        with pytest.raises(InputError) as told:
            told_by(*words)
        assert chinese in told.value.text("zh")


def test_command__without_a_run_says_so() -> None:
    told = told_by("--sex", "F", "--age", "61", "--dx", "K22.301，K11.901")
    assert "不列点数与金额" in told and "K11.901" in told


def test_command__speaks_english_when_asked(tmp_path: Path) -> None:
    words = ["explain", "--sex", "F", "--age", "61", "--dx", "K22.301|K11.901"]
    told = drgpay(*words, lang="en", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "what would have made another group" in told.stdout
