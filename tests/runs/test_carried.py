"""What reopened years leave to carry: the whole and the difference, and amounts that a case loses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli.year_end import year_end as command
from drgpay.ground.errors import InputError
from drgpay.ground.money import fen_of_yuan, yuan_text
from drgpay.region.region import read_region
from drgpay.reopening.reopen import reopen
from drgpay.report.letters import write_letters
from drgpay.report.outputs import write_outputs
from drgpay.report.reopened import Difference, pool_line
from drgpay.report.run import Run
from drgpay.report.texts import Words
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import YearEnd, year_end
from drgpay.why import text, why
from tests.months.folders import change, ex1, rows_of
from tests.runs.test_reopening import DEDUCTED, REMOVED, hospital, later, manifest_of, refused

Amounts = dict[tuple[str, str], int]
FINED = REMOVED.replace("390,,,", "390,500.00,,")
RESTORED = "H1,390,{amount},,C03,GB15,复议〔2025〕1号,2025-09-01"


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Path]]]:
    """EX1 in three versions: H2's final in 310 is below 0, then above, then below again."""
    home = tmp_path_factory.mktemp("versions")
    region = ex1(home)
    keys = [(h.hospital_id, h.pool) for h in year_end(region).hospitals]
    table = ["hospital_id,pool,prepaid_yuan,deposit_yuan", *(f"{h},{p},0,0" for h, p in keys)]
    (region / "prepaid.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    change(region / "violations.csv", lambda text: text.replace("500.00", "90000.00"))
    made = [write_run(year_end(region), home / "v1")]
    change(region / "violations.csv", lambda text: text.replace("90000.00", "500.00"))
    made.append(write_run(reopen(region, made[0], later(home, REMOVED)), home / "v2"))
    more = "H2,310,120000.00,,,,监察〔2025〕7号,2025-07-01"
    again = reopen(region, made[1], later(home, more, DEDUCTED, name="more.csv"))
    made.append(write_run(again, home / "v3"))
    yield region, made


def finals_of(folder: Path) -> Amounts:
    rows = pq.read_table(folder / "hospitals.parquet").to_pylist()
    return {(r["hospital_id"], r["pool"]): r["final_fen"] for r in rows}


def following(region: Path, folder: Path, *files: Path) -> Path:
    """Return the folder of a following payment with these files of amounts to carry."""
    shutil.copytree(region, folder)
    heads = [path.read_text(encoding="utf-8").splitlines(keepends=True) for path in files]
    lines = [heads[0][0], *(line for own in heads for line in own[1:])]
    (folder / "carried.csv").write_text("".join(lines), encoding="utf-8")
    return folder


def paid_next(folder: Path) -> Amounts:
    return {(h.hospital_id, h.pool): h.final_fen for h in year_end(folder).hospitals}


# --- the whole and the difference


def test_finals__change_their_sign_twice(versions: tuple[Path, list[Path]]) -> None:
    signs = [finals_of(run)["H2", "310"] > 0 for run in versions[1]]
    assert signs == [False, True, False]


WAYS = {
    "the newest alone": ["v3/carried.csv"],
    "version 1, then differences": [
        "v1/carried.csv", "v2/carried_difference.csv", "v3/carried_difference.csv",
    ],
    "version 2, then the difference": ["v2/carried.csv", "v3/carried_difference.csv"],
}  # fmt: skip


@pytest.mark.parametrize("files", WAYS.values(), ids=list(WAYS))
def test_every_way__brings_hospitals_to_the_final_of_the_third_version(
    versions: tuple[Path, list[Path]], tmp_path: Path, files: Sequence[str]
) -> None:
    region, runs = versions
    home = runs[0].parent
    first, last, without = finals_of(runs[0]), finals_of(runs[2]), paid_next(region)
    folder = following(region, tmp_path / "next", *(home / name for name in files))
    after = paid_next(folder)
    for key, fen in last.items():
        received = max(0, first.get(key, 0)) + after[key] - without[key]
        assert received == fen, key


def test_files_in_payments_of_two_years__come_to_the_same(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    region, runs = versions
    one = following(region, tmp_path / "a", runs[0] / "carried.csv")
    differences = (run / "carried_difference.csv" for run in runs[1:])
    two = following(region, tmp_path / "b", *differences)
    whole = following(region, tmp_path / "c", runs[2] / "carried.csv")
    taken: list[Amounts] = [dict(read_region(folder).carried) for folder in (one, two, whole)]
    keys = {key for amounts in taken for key in amounts}
    for key in keys:
        assert taken[0].get(key, 0) + taken[1].get(key, 0) == taken[2].get(key, 0), key
    plain, first, second = paid_next(region), paid_next(one), paid_next(two)
    at_once = paid_next(whole)
    assert {key: first[key] + second[key] - plain[key] for key in plain} == at_once


def test_whole__has_negative_finals_that_the_difference_leaves_out(
    versions: tuple[Path, list[Path]],
) -> None:
    _, runs = versions
    tables = pq.read_table(runs[2] / "recovery.parquet").to_pylist()
    first, last = finals_of(runs[0]), finals_of(runs[2])
    for name, column in (
        ("carried.csv", "to_carry_fen"),
        ("carried_difference.csv", "difference_fen"),
    ):
        sign = -1 if column == "difference_fen" else 1
        stated = {
            (r["hospital_id"], r["pool"]): fen_of_yuan(r["amount_yuan"])
            for r in rows_of(runs[2] / name)
        }
        table = {(r["hospital_id"], r["pool"]): sign * r[column] for r in tables}
        assert stated == {key: fen for key, fen in table.items() if fen}
    own = next(r for r in tables if (r["hospital_id"], r["pool"]) == ("H2", "310"))
    assert own["paid_first_fen"] == 0 > first["H2", "310"]
    assert own["to_carry_fen"] == -last["H2", "310"] > 0
    other = next(r for r in tables if (r["hospital_id"], r["pool"]) == ("H1", "390"))
    assert other["to_carry_fen"] == first["H1", "390"] - last["H1", "390"] != 0


def test_from__tells_which_of_both_files_it_is(versions: tuple[Path, list[Path]]) -> None:
    _, runs = versions
    whole = {r["from"] for r in rows_of(runs[2] / "carried.csv")}
    difference = {r["from"] for r in rows_of(runs[2] / "carried_difference.csv")}
    others = "其他机构的更正使点值变动"  # each names the documents of its own hospital alone
    # and only what concerns its own pool
    prefix = "ex1 2024 v3（全部，取代以前各版）; "
    own_texts = {f"监察〔2025〕{number}号" for number in (1, 3, 7)}
    ends = {text.removeprefix(prefix) for text in whole}
    assert ends <= {others, *own_texts, *(f"{text}; {others}" for text in own_texts)}
    assert {end.split("; ")[0] for end in ends} >= own_texts
    own = {
        r["hospital_id"]: r["from"].removeprefix("ex1 2024 v3（仅与 v2 的差额）; ")
        for r in rows_of(runs[2] / "carried_difference.csv")
    }
    assert own["H2"] == f"监察〔2025〕7号; {others}"
    assert own.get("H1", others) == others
    assert all(text.startswith("ex1 2024 v3（仅与 v2 的差额）; ") for text in difference)
    assert {"carried.csv", "carried_difference.csv"} <= manifest_of(runs[2])["tables"].keys()


@pytest.mark.parametrize(
    ("files", "twice"),
    [
        (["v1/carried.csv", "v3/carried.csv"], (3, 1)),
        (["v3/carried.csv", "v3/carried_difference.csv"], (3, 3)),
        (["v2/carried_difference.csv", "v2/carried.csv"], (2, 2)),
    ],
    ids=["two wholes", "whole and difference", "difference and whole"],
)
def test_table_that_carries_a_version_twice__is_refused(
    versions: tuple[Path, list[Path]], tmp_path: Path, files: list[str], twice: tuple[int, int]
) -> None:
    region, runs = versions
    folder = following(region, tmp_path / "next", *(runs[0].parent / name for name in files))
    with pytest.raises(InputError) as caught:
        read_region(folder)
    whole, other = twice
    said = f"version {whole} of ex1 2024 is the whole and includes version {other}: both would"
    assert said in caught.value.text("en")
    assert f"第 {whole} 版的 carried.csv 是全部，已含第 {other} 版的" in caught.value.text("zh")


def test_row_that_stands_twice__is_refused_with_both_rows(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    region, runs = versions
    folder = following(region, tmp_path / "next", *([runs[1] / "carried_difference.csv"] * 2))
    rows = len(rows_of(runs[1] / "carried_difference.csv"))
    with pytest.raises(InputError) as caught:
        read_region(folder)
    assert f"同一机构、险种、来源出现两次：第 2 行和第 {rows + 2} 行" in caught.value.text("zh")
    assert f"from stand twice, in rows 2 and {rows + 2}" in caught.value.text("en")
    # two sources of one hospital and pool are two amounts
    head = "hospital_id,pool,amount_yuan,from\n"
    (folder / "carried.csv").write_text(
        f"{head}H1,310,1.00,甲 2022; 一\nH1,310,2.00,甲 2022; 二\n", encoding="utf-8"
    )
    assert read_region(folder).carried["H1", "310"] == 300


def test_missing_version_between_whole_and_difference__is_named(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    region, runs = versions
    files = (runs[0] / "carried.csv", runs[2] / "carried_difference.csv")
    with pytest.raises(InputError) as caught:
        read_region(following(region, tmp_path / "next", *files))
    said = "ex1 2024：有第 1 版的全部和第 3 版的差额，缺少第 2 版的差额"
    assert said in caught.value.text("zh")
    assert "the difference of version 2 is missing" in caught.value.text("en")


def test_letter_of_a_debtor__is_headed_by_what_is_carried_in_all(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    _, runs = versions
    run, w = Run(runs[2]), Words("zh")
    less = Difference("H2", "310", -17_983_000, -17_777_745, 0, 17_777_745)
    said, kind = pool_line(run, less, w)
    assert kind == "return"
    assert "共应结转扣回 177,777.45 元，在下期拨付中抵回。" in said
    assert said.endswith("应补付 2,052.55 元（前一版的结转已办理：只办差额）")
    rows = pq.read_table(runs[2] / "recovery.parquet").to_pylist()
    own = next(r for r in rows if (r["hospital_id"], r["pool"]) == ("H2", "310"))
    assert own["to_carry_fen"] not in (0, -own["difference_fen"])
    letter = (write_letters(runs[2], tmp_path / "letters") / "H2.html").read_text(encoding="utf-8")
    carry = f"扣回 {yuan_text(own['to_carry_fen'])} 元"
    assert f"共应结转{carry}，在下期拨付中抵回" in letter
    assert f"共应结转{carry}；前一版的结转已办理：只办差额" in letter


def test_papers_and_command__say_which_file_to_carry(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    region, runs = versions
    table = later(tmp_path, "H3,310,5.00,,,,监察〔2025〕8号,2025-08-01")
    words = [str(region), "-o", str(tmp_path / "v4"), "--reopens", str(runs[2])]
    done = CliRunner().invoke(command, [*words, "--violations", str(table)])
    assert done.exit_code == 0, done.output
    assert "以前各版的 carried.csv 都尚未用于拨付 → 用" in done.output
    assert "已办到第 3 版 → 用 carried_difference.csv" in done.output
    page = (tmp_path / "v4" / "report.html").read_text(encoding="utf-8")
    assert "结转已办到第 3 版的，用 carried_difference.csv" in page
    assert "只办到更早一版的，其后各版的 carried_difference.csv 都要用" in page
    assert "应结转扣回" in page and "应结转补付" in page


def test_version_without_what_was_paid__is_taken_as_second_but_not_as_third(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    region, runs = versions
    table = later(tmp_path, "H3,310,5.00,,,,监察〔2025〕8号,2025-08-01")
    old = []
    for run in runs[1:]:
        old.append(tmp_path / run.name)
        shutil.copytree(run, old[-1])
        rows = pq.read_table(old[-1] / "recovery.parquet")
        pq.write_table(
            rows.drop_columns(["paid_first_fen", "to_carry_fen"]), old[-1] / "recovery.parquet"
        )
        told = manifest_of(old[-1])
        del told["tables"]
        (old[-1] / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    new = reopen(region, old[0], table)
    known = reopen(region, runs[1], table)
    assert new.reopening is not None
    assert known.reopening is not None
    assert new.reopening.paid == known.reopening.paid
    assert "what version 1 paid out" in refused(region, old[1], table)


def test_changed_table_of_what_was_paid__refuses_the_reopening(
    versions: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    region, runs = versions
    copy = tmp_path / "v2"
    shutil.copytree(runs[1], copy)
    rows = pq.read_table(copy / "recovery.parquet")
    pq.write_table(rows.slice(1), copy / "recovery.parquet")
    with pytest.raises(Exception, match="recovery"):
        reopen(region, copy, later(tmp_path, DEDUCTED))


# --- amounts of a case: the last row counts


@pytest.fixture(scope="module")
def fined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, YearEnd, Path]]:
    """EX1's folder, its year end, and version 2, which takes C03's points and 500 yuan."""
    home = tmp_path_factory.mktemp("fined")
    region = ex1(home)
    first = year_end(region)
    write_run(first, home / "v1")
    run = reopen(region, home / "v1", later(home, FINED, DEDUCTED))
    assert hospital(run, "H1", "390").violation_fen == 50_000
    yield region, first, write_run(run, home / "v2")


@pytest.mark.parametrize(("amount", "fen"), [("", 0), ("0", 0), ("200.00", 20_000)])
def test_later_row_of_a_case__replaces_its_amount(
    fined: tuple[Path, YearEnd, Path], tmp_path: Path, amount: str, fen: int
) -> None:
    region, first, second = fined
    appeal = later(tmp_path, RESTORED.format(amount=amount))
    run = reopen(region, second, appeal)
    assert hospital(run, "H1", "390").violation_fen == fen
    said = f"监察〔2025〕1号（第 2 版）的扣款 500.00 元已由 复议〔2025〕1号 取代，现扣 {yuan_text(fen)} 元"
    assert any(said in warning.chinese for warning in run.warnings)
    only = reopen(region, second.parent / "v1", later(tmp_path, DEDUCTED, name="only.csv"))
    for own, plain in zip(run.hospitals, only.hospitals, strict=True):
        less = fen if (own.hospital_id, own.pool) == ("H1", "390") else 0
        assert own.final_fen == plain.final_fen - less
    # rows without a case stand, and are added up with those of later versions
    more = later(tmp_path, "H3,310,7.00,,,,监察〔2025〕9号,2025-10-01", name="more.csv")
    third = write_run(run, tmp_path / "v3")
    fourth = reopen(region, third, more)
    assert hospital(fourth, "H3", "310").violation_fen == 10_700
    assert hospital(first, "H3", "310").violation_fen == 0
    assert hospital(fourth, "H1", "390").violation_fen == fen


def test_annulled_amount__is_in_no_listing_and_why_tells_of_it(
    fined: tuple[Path, YearEnd, Path], tmp_path: Path
) -> None:
    region, _, second = fined
    run = reopen(region, second, later(tmp_path, RESTORED.format(amount="")))
    out = write_run(run, tmp_path / "v3", finish=write_outputs)
    m = manifest_of(out)
    assert [v["amount_fen"] for v in m["violations"] if v["hospital_id"] == "H1"] == []
    told = m["later_violations"]["rows"]
    assert [(r["case_id"], r["replaced_by"]) for r in told] == [
        ("C03", 3), ("", None), ("C03", None),
    ]  # fmt: skip
    letter = (write_letters(out, tmp_path / "letters") / "H1.html").read_text(encoding="utf-8")
    assert ">500.00<" not in letter
    assert "监察〔2025〕1号" not in letter
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("监察〔2025〕1号") == 1  # the warning that it was replaced
    case = why(out, "case", "C03")
    assert not case.disagreements
    said = text(case, "zh")
    assert "扣款 500.00 元；已由第 3 版的 复议〔2025〕1号 取代，不再计" in said
    assert "复议〔2025〕1号（2025-09-01），第 3 版：应为病组 GB15，不扣款" in said
    account = why(out, "hospital", "H1")
    assert not account.disagreements
    assert "（第 2 版，病例 C03）的 500.00 元已由第 3 版取代，不再扣" in text(account, "zh")
    assert "监察〔2025〕1号" in text(why(second, "hospital", "H1"), "zh")


def test_row_again__is_refused_and_another_group_with_the_same_amount_is_not(
    fined: tuple[Path, YearEnd, Path], tmp_path: Path
) -> None:
    region, _, second = fined
    assert "version 2 has it already" in refused(region, second, later(tmp_path, FINED))
    run = reopen(region, second, later(tmp_path, FINED.replace("remove", "GB15"), name="b.csv"))
    assert hospital(run, "H1", "390").violation_fen == 50_000
    third = write_run(run, tmp_path / "v3")
    # also what was replaced since: an old file must not undo a later decision
    with pytest.raises(InputError, match="3"):
        reopen(region, third, later(tmp_path, FINED, name="c.csv"))
