"""`drgpay why`: changed tables are noticed, unknown names told, both languages, page and JSON."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.digests import SUMS, record, write_sums
from drgpay.ground.errors import BooksError, InputError, in_language
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.why import text, why
from tests.cli.test_language import CHINESE, ENGLISH, drgpay, edit, region
from tests.settlement.regions import EX1
from tests.settlement.small import small_region


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EX1 settled, with a quarantined case and a case held for review; no Chinese name in it."""
    folder = tmp_path_factory.mktemp("why")
    place = region(folder)
    for name in ("第一医院（虚构）", "第二医院（虚构）", "第三医院（虚构）"):
        edit(place / "hospitals.csv", name, "Hospital")
    for name in ("试验区（虚构）", "职工医保", "居民医保"):
        edit(place / "region.toml", name, "Name")
    edit(place / "violations.csv", "违规费用（虚构）", "reason")
    edit(
        place / "cases.csv", "C01,H1,P01,310,M,63,,,2024-01-08", "C01,H1,P01,310,M,63,,,2024-13-08"
    )
    run = year_end(place, overrides=["ungrouped.rule=special_review"])
    return write_run(run, folder / "run")


SUBJECTS = [
    *(("case", f"C{n:02d}") for n in range(1, 13)),
    *(("hospital", f"H{n}") for n in (1, 2, 3)),
    ("pool", "310"),
    ("pool", "390"),
    *(("drg", code) for code in ("AH19", "FM13", "GB15", "RW15", "TR19")),
]


def test_text__english_has_no_chinese_and_chinese_no_english_sentence(plain_run: Path) -> None:
    names = re.compile("|".join(map(re.escape, _names(plain_run))))
    for subject, name in SUBJECTS:
        made = why(plain_run, subject, name)
        english = names.sub("", text(made, "en"))
        assert not CHINESE.search(english), (subject, name, CHINESE.search(english))
        chinese = text(made, "zh")
        for line in chinese.splitlines():
            assert not ENGLISH.search(line), line


def _names(run: Path) -> list[str]:
    """Names of groups, which both languages show as the scheme has them."""
    return [row["name"] for row in pq.read_table(run / "drgs.parquet").to_pylist() if row["name"]]


def test_text__quarantined_and_held_cases_say_why_and_what_to_do(plain_run: Path) -> None:
    gone = text(why(plain_run, "case", "C01"), "en")
    assert "cases.csv:2, admission_date = 2024-13-08 →" in gone
    held = text(why(plain_run, "case", "C09"), "en")
    assert "ungrouped.rule = special_review" in held
    assert "the review was refused, not paid" in held and "  rule 7.9" in held
    assert "Add the decision" not in held and "not reviewed" not in held
    assert "  rule 12.1" in gone


def test_text__a_case_without_its_review_says_where_to_decide(tmp_path: Path) -> None:
    place = region(tmp_path)
    edit(place / "reviews.csv", "C09,", "C08,")
    run = write_run(year_end(place, overrides=["ungrouped.rule=special_review"]), tmp_path / "run")
    held = text(why(run, "case", "C09"), "en")
    assert "Add the decision to the table reviews" in held and "refused" not in held


@pytest.fixture(scope="module")
def ex1_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(year_end(EX1), tmp_path_factory.mktemp("ex1") / "run")


UNSTABLE = "按非稳定病组处理"


def test_no_base_points__only_a_case_paid_as_unstable_is_said_to_be(
    ex1_run: Path, tmp_path: Path
) -> None:
    for subject, name in (("case", "C08"), ("drg", "TR19"), ("drg", "0000")):
        told = text(why(ex1_run, subject, name))
        assert "没有基准点数" in told and UNSTABLE not in told
    assert "ungrouped.rule" in text(why(ex1_run, "drg", "0000"))
    assert "稳定病组】" not in text(why(ex1_run, "drg", "0000"))
    means = {"base_points": [{"drg": "FM13", "group_mean_yuan": "10000.00"}]}
    small = write_run(year_end(small_region(tmp_path / "r", tables=means)), tmp_path / "run")
    for subject, name in (("case", "C1"), ("drg", "GB15")):
        assert UNSTABLE in text(why(small, subject, name))


def test_sections__none_is_empty(ex1_run: Path) -> None:
    made = why(ex1_run, "case", "C09")
    assert made.sections and all(section.steps for section in made.sections)
    assert "差异系数】" not in text(made)


def test_parameters__of_the_history_only_where_it_counts(ex1_run: Path) -> None:
    assert "history.weighting" not in why(ex1_run, "case", "C09").cited


def test_hospital__what_is_paid_and_what_is_owed_are_not_netted(ex1_run: Path) -> None:
    made = why(ex1_run, "hospital", "H3")
    sums = {step.key: (step.value, step.rule) for step in made.sections[-1].steps}
    assert sums == {
        "all.due_fen": (Fraction("65187.17"), "10.1"),
        "all.payable_fen": (Fraction("2097.95"), "14.1"),
        "all.recover_fen": (Fraction("7422.78"), "14.1"),
    }


def test_pool__of_which_all_are_at_their_bounds_has_no_residual(tmp_path: Path) -> None:
    bounds = ["bound.level=hospital", "bound.cost_share=1.05", "bound.unsolved=to_fund"]
    run = write_run(year_end(EX1, overrides=bounds), tmp_path / "run")
    all_bound, solved = (text(why(run, "pool", pool)) for pool in ("310", "390"))
    assert "上限之外余额  规则 10.5\n      127667.50 − 120172.50 = 7495.00 元" in all_bound
    assert "没有点值能使" in all_bound
    assert "= T 的点值" not in all_bound and "尾差" not in all_bound
    assert "= T 的点值" in solved and "尾差" in solved and "没有点值能使" not in solved


# --- changed tables


def changed(run: Path, folder: Path, table: str, key: dict[str, str], column: str) -> Path:
    """A copy of a run with one cell of a table changed."""
    target = folder / "changed"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run, target)
    path = target / f"{table}.parquet"
    whole = pq.read_table(path)
    rows = whole.to_pylist()
    row = next(r for r in rows if all(r[k] == v for k, v in key.items()))
    row[column] = _other(row[column])
    pq.write_table(pa.Table.from_pylist(rows, schema=whole.schema), path)
    return target


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, Decimal):
        return value + Decimal("0.0001")
    if "/" in value:
        return f"{int(value.split('/')[0]) + 1}/{value.split('/')[1]}"
    return {"reviewed": "high", "points": "money"}[value]


CASE, HOSPITAL = {"case_id": "C02"}, {"hospital_id": "H2", "pool": "310"}
POOL, DRG = {"pool": "310"}, {"drg": "AH19"}
CELLS = [
    *(
        ("case", "C02", "cases", CASE, column)
        for column in (
            "case_class", "group_mean_fen", "base_points", "coefficient", "total_cost_fen",
            "pool_fund_fen", "not_pool_fen", "unreasonable_fen", "points_before_readmission",
            "points", "readmission", "paid_by",
        )
    ),
    ("case", "C02", "drgs", DRG, "group_mean_fen"),
    ("case", "C02", "drgs", DRG, "base_points"),
    ("case", "C02", "drgs", DRG, "stable"),
    ("case", "C02", "reviews", CASE, "unreasonable_fen"),
    ("case", "C05", "coefficients", {"hospital_id": "H2"}, "coefficient"),
    *(
        ("hospital", "H2", "hospitals", HOSPITAL, column)
        for column in (
            "cases", "points", "not_pool_fen", "recorded_fund_fen", "due_fen", "prepaid_fen",
            "deposit_fen", "forfeited_fen", "shared_fen", "violation_fen", "carried_fen", "final_fen",
        )
    ),
    ("hospital", "H2", "cases", {"case_id": "C05"}, "points"),
    ("hospital", "H2", "cases", {"case_id": "C05"}, "not_pool_fen"),
    ("hospital", "H2", "pools", POOL, "point_value_fraction"),
    ("hospital", "H2", "pools", POOL, "settled_fen"),
    *(
        ("pool", "310", "pools", POOL, column)
        for column in (
            "budget_fen", "settled_fen", "points", "point_value_fraction", "residual_fen", "cases",
            "recorded_fund_fen", "not_pool_fen", "available_budget_fen",
        )
    ),
    ("pool", "310", "hospitals", HOSPITAL, "points"),
    ("pool", "310", "hospitals", HOSPITAL, "due_fen"),
    *(
        ("drg", "AH19", "drgs", DRG, column)
        for column in ("cases", "points", "total_cost_fen", "group_mean_fen", "base_points")
    ),
    ("drg", "AH19", "cases", CASE, "points"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "name", "table", "key", "column"),
    CELLS,
    ids=[f"{subject}: {table}.{column}" for subject, _, table, _, column in CELLS],
)
def test_changed_cell__the_tables_do_not_agree(
    subject: str, name: str, table: str, key: dict[str, str], column: str,
    plain_run: Path, tmp_path: Path,
) -> None:  # fmt: skip
    assert not why(plain_run, subject, name).disagreements
    made = why(changed(plain_run, tmp_path, table, key, column), subject, name)
    assert made.disagreements
    assert "Derivation and tables do not agree" in text(made, "en")
    assert "推算与表中数据不一致" in text(made, "zh")


@pytest.mark.parametrize("column", ["shared_fen", "forfeited_fen"])
@pytest.mark.parametrize("subject", [("hospital", "H1"), ("pool", "310")])
def test_changed_share_of_forfeits__is_noticed(
    subject: tuple[str, str], column: str, tmp_path: Path
) -> None:
    run = write_run(year_end(EX1, overrides=["deposit_forfeited=share"]), tmp_path / "run")
    assert not why(run, *subject).disagreements
    key = {"hospital_id": "H1" if column == "shared_fen" else "H2", "pool": "310"}
    assert why(changed(run, tmp_path, "hospitals", key, column), *subject).disagreements


def resealed(folder: Path) -> Path:
    """The folder with digests of the files as they are: as if drgpay had written them so."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    (folder / SUMS).unlink()
    path.write_text(json.dumps(manifest | record(folder)), encoding="utf-8")
    write_sums(folder)
    return folder


def test_command__changed_table_is_the_fault_of_the_files(plain_run: Path, tmp_path: Path) -> None:
    folder = changed(plain_run, tmp_path, "cases", CASE, "points")
    done = drgpay("why", folder, "--case", "C02", lang="en", cwd=tmp_path)
    assert done.returncode == BooksError.exit_code
    assert (
        "points: 543.6000 by the rule, but cases[case_id=C02].points says 543.6001" in done.stderr
    )
    assert "files of the run were changed after it" in done.stderr
    assert "cases.parquet: was changed after the run" in done.stderr
    assert "contradicts itself" not in done.stderr
    other = drgpay("why", folder, "--drg", "TR19", cwd=tmp_path)  # which itself agrees
    assert other.returncode == BooksError.exit_code
    assert "清算结果的文件被改动" in other.stderr


def test_command__files_as_written_are_the_fault_of_the_program(
    plain_run: Path, tmp_path: Path
) -> None:
    folder = resealed(changed(plain_run, tmp_path, "cases", CASE, "points"))
    done = drgpay("why", folder, "--case", "C02", lang="en", cwd=tmp_path)
    assert done.returncode == BooksError.exit_code
    assert "drgpay contradicts itself" in done.stderr
    assert "report the derivation above (--json), manifest.json" in done.stderr
    assert "changed after" not in done.stderr
    (folder / "settlement.html").write_text("", encoding="utf-8")  # nothing is derived from it
    again = drgpay("why", folder, "--case", "C02", cwd=tmp_path)
    assert again.returncode == BooksError.exit_code
    assert "drgpay 自相矛盾" in again.stderr
    assert "病例明细不要外发" in again.stderr
    assert "settlement.html" in again.stderr


def test_command__run_without_digests_may_be_either(plain_run: Path, tmp_path: Path) -> None:
    folder = resealed(changed(plain_run, tmp_path, "cases", CASE, "points"))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({k: v for k, v in manifest.items() if k not in ("tables", "sums")}),
        encoding="utf-8",
    )
    (folder / SUMS).unlink()
    done = drgpay("why", folder, "--case", "C02", cwd=tmp_path)
    assert done.returncode == BooksError.exit_code
    assert "没有摘要码" in done.stderr


def test_why__a_table_that_the_program_wrote_and_cannot_read_is_its_fault(
    plain_run: Path, tmp_path: Path
) -> None:
    folder = changed(plain_run, tmp_path, "cases", CASE, "points")
    path = folder / "cases.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["paid_by"]), path)
    with pytest.raises(InputError, match=r"cases\.parquet: was changed after the run"):
        why(folder, "case", "C02")
    with pytest.raises(BooksError, match="cannot read what it wrote"):
        why(resealed(folder), "case", "C02")


# --- names and options


@pytest.mark.parametrize(
    ("subject", "name", "near"),
    [
        ("case", "C2", "C02"),
        ("hospital", "H9", "H1"),
        ("pool", "31O", "310"),
        ("pool", "职工医保", "310"),
        ("drg", "AH1", "AH19"),
        ("drg", "AH2", "AH19"),
        ("drg", "AH91", "AH19"),
    ],
)
def test_unknown_name__near_ones_are_told(
    subject: str, name: str, near: str, plain_run: Path
) -> None:
    with pytest.raises(InputError) as fault:
        why(plain_run, subject, name)
    for lang in ("zh", "en"):
        assert near in fault.value.text(lang)
        assert name in fault.value.text(lang)
    assert fault.value.remedy is not None
    assert f"--{subject}" in in_language(fault.value.remedy, "zh")


@pytest.mark.parametrize("words", [[], ["--case", "C02", "--pool", "310"]])
def test_command__one_subject_is_asked_for(
    words: list[str], plain_run: Path, tmp_path: Path
) -> None:
    done = drgpay("why", plain_run, *words, cwd=tmp_path)
    assert done.returncode == InputError.exit_code
    assert "须给出" in done.stderr


@pytest.mark.parametrize("what", ["empty", "manifest", "column"])
def test_folder__that_is_no_whole_run_is_refused(
    what: str, plain_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(plain_run, folder)
    if what == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    elif what == "manifest":
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        del manifest["policy"]["parameters"][0]
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    else:
        path = folder / "cases.parquet"
        pq.write_table(pq.read_table(path).drop_columns(["paid_by"]), path)
    with pytest.raises(InputError, match="not the folder of a settled run"):
        why(folder, "case", "C02")


def test_command__json_and_page(plain_run: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    done = drgpay("why", plain_run, "--pool", "390", "--json", "--html", page, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["agrees"] is True
    steps = {s["key"]: s for section in told["sections"] for s in section["steps"]}
    assert steps["value"]["formula"] in page.read_text(encoding="utf-8")
    pools = pq.read_table(plain_run / "pools.parquet").to_pylist()
    settled = next(row["settled_fen"] for row in pools if row["pool"] == "390")
    assert Fraction(steps["settled"]["value"]) * 100 == settled
    again = drgpay("why", plain_run, "--pool", "390", "--html", tmp_path / "why.txt", cwd=tmp_path)
    assert again.returncode == InputError.exit_code


def test_docs__show_what_the_command_prints(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "why.md").read_text(encoding="utf-8")
    shown = re.findall(r"\n\n```\n(.*?)\n```\n", page, re.DOTALL)
    folder = write_run(year_end(EX1), tmp_path / "run")
    assert len(shown) == 2
    for block, (subject, name) in zip(shown, [("case", "C02"), ("pool", "390")], strict=True):
        lines = text(why(folder, subject, name), "zh").splitlines()
        for line in block.splitlines():
            assert line in lines


def test_why__of_a_case_that_stands_twice_says_end_and_reason_once(tmp_path: Path) -> None:
    place = region(tmp_path)
    cases = place / "cases.csv"
    lines = cases.read_text(encoding="utf-8").splitlines()
    twice = next(line for line in lines if line.startswith("C05,"))
    cases.write_text("\n".join([*lines, twice]) + "\n", encoding="utf-8")
    made = why(write_run(year_end(place), tmp_path / "run"), "case", "C05")
    labels = [fact.label.chinese for fact in made.facts]
    assert (labels.count("结果"), labels.count("原因")) == (1, 1)
    assert text(made, "zh").count("第") >= 2  # both rows are named
