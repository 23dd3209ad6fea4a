"""Deductibles of stays referred inside a community: due once, the higher level's; a finding."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError, PolicyError
from drgpay.report.html import write_report
from drgpay.report.letters import write_letters
from drgpay.report.settlement_excel import write_settlement_excel
from drgpay.runs.folder import manifest, write_run
from drgpay.runs.year_tables import case_tables
from drgpay.settlement.year_end import YearEnd, hospitals_table, year_end

EX1 = Path(__file__).resolve().parent.parent / "cases" / "ex1"
ONE_STAY = "referral.rule=one_stay"
STANDARDS = "referral.deductible_standards=3:800.00,2:500,1:300"
# case, hospital, patient, admission, discharge, cost, referral, deductible
STAYS = (
    ("R12", "H1", "P20", "2024-03-05", "2024-03-15", "12000.00", "A", "800.00"),
    ("R11", "H3", "P20", "2024-03-01", "2024-03-05", "4500.00", "A", "300.00"),
    ("R13", "H2", "P20", "2024-03-16", "2024-03-20", "5000.00", "A", ""),
    # the difference only on moving up
    ("R21", "H4", "P21", "2024-05-01", "2024-05-04", "6000.00", "B", "300"),
    ("R22", "H1", "P21", "2024-05-04", "2024-05-14", "11000.00", "B", "500.00"),
    # paid once
    ("R31", "H2", "P22", "2024-06-01", "2024-06-05", "6500.00", "C", "500.00"),
    ("R32", "H3", "P22", "2024-06-06", "2024-06-09", "5500.00", "C", "0"),
    # nothing given
    ("R41", "H2", "P23", "2024-01-05", "2024-01-09", "6500.00", "D", ""),
    ("R42", "H3", "P23", "2024-01-09", "2024-01-12", "5500.00", "D", "x" * 3),
)


def region(folder: Path, *, column: str = "deductible", stays: Any = STAYS) -> Path:
    """EX1 with one community of four hospitals and stays referred between them."""
    shutil.copytree(EX1, folder, ignore=shutil.ignore_patterns("expected"))
    text = (folder / "region.toml").read_text(encoding="utf-8")
    scheme = EX1.parent.parent / "schemes" / "ex1-tiny"
    (folder / "region.toml").write_text(text.replace("../../schemes/ex1-tiny", str(scheme)))
    levels = {"H1": "3", "H2": "2", "H3": "2", "H4": "1"}
    lines = [f"{h},第{level}级医院{h}（虚构）,{level},Y1" for h, level in levels.items()]
    written = "\n".join(["hospital_id,name,level,community_id", *lines])
    (folder / "hospitals.csv").write_text(written + "\n", encoding="utf-8")
    for name, value in (("coefficients", "0.9000"), ("scores", "1.00")):
        with (folder / f"{name}.csv").open("a", encoding="utf-8") as file:
            file.write(f"H4,{value}\n")
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    like = next(row for row in rows if row["case_id"] == "C11")
    for case, hospital, patient, begin, end, cost, group, deductible in stays:
        rows.append(
            like
            | {"case_id": case, "hospital_id": hospital, "patient_id": patient, "los_days": ""}
            | {"admission_date": begin, "discharge_date": end, "settlement_date": end}
            | {"total_cost": cost, "pool_fund": "2000.00", "referral_group": group}
            | {"personal_paid": "", column: deductible}
        )
    with (folder / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *([column] if column else [])], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def settled(folder: Path, *overrides: str, **more: Any) -> YearEnd:
    return year_end(folder, overrides=[ONE_STAY, *overrides], **more)


def rows_of(run: YearEnd) -> list[dict[str, Any]]:
    table = run.extra["referrals"].tables()["referrals"]
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def notes_of(run: YearEnd) -> list[str]:
    return [w.chinese for w in run.warnings if w.chinese.startswith("医共体内转诊")]


COLUMNS = ("chain_number", "case_id", "deductible_fen", "excess_fen", "chain_paid_fen",
           "chain_due_fen")  # fmt: skip
HIGHEST_PAID = [
    (1, "R41", None, None, None, None),
    (1, "R42", None, None, None, None),
    (2, "R11", 300_00, 300_00, None, None),
    (2, "R12", 800_00, 0, None, None),
    (2, "R13", None, None, 1100_00, 800_00),
    (3, "R21", 300_00, 300_00, None, None),
    (3, "R22", 500_00, 0, 800_00, 500_00),
    (4, "R31", 500_00, 0, None, None),
    (4, "R32", 0, 0, 500_00, 500_00),
]


def shown(run: YearEnd) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in COLUMNS) for row in rows_of(run)]


def test_referrals__highest_paid_is_due_once(tmp_path: Path) -> None:
    run = settled(region(tmp_path / "r"))
    assert shown(run) == HIGHEST_PAID
    first = rows_of(run)[3]
    assert (first["hospital_id"], first["level"], first["community_id"]) == ("H1", "3", "Y1")
    assert (str(first["admission_date"]), str(first["discharge_date"])) == (
        "2024-03-05", "2024-03-15",
    )  # fmt: skip
    assert [row["case_id"] for row in rows_of(run) if row["lead"]] == ["R42", "R13", "R22", "R32"]


def test_referrals__a_standard_of_the_highest_level_takes_the_difference_as_paid(
    tmp_path: Path,
) -> None:
    run = settled(region(tmp_path / "r"), "referral.deductible=standards", STANDARDS)
    excess = {row["case_id"]: row["excess_fen"] for row in rows_of(run)}
    assert excess["R21"] == excess["R22"] == 0  # 300 + 500 = 800
    assert (excess["R11"], excess["R12"]) == (300_00, 0)
    due = [row["chain_due_fen"] for row in rows_of(run) if row["chain_stays"]]
    assert due == [None, 800_00, 800_00, 500_00]


def test_referrals__points_and_cost_are_those_of_the_cases(tmp_path: Path) -> None:
    run = settled(region(tmp_path / "r"))
    cases = {r["case_id"]: r for t in case_tables(run) for r in t.to_pylist()}
    for row in rows_of(run):
        for name in ("hospital_id", "drg", "points", "total_cost_fen", "paid_by", "chain"):
            assert row[name] == cases[row["case_id"]][name], (row["case_id"], name)
    assert {row["case_id"] for row in rows_of(run)} == {c for c, r in cases.items() if r["chain"]}


def test_referrals__change_no_amount(tmp_path: Path) -> None:
    first = settled(region(tmp_path / "a"))
    none = settled(region(tmp_path / "b", column="unused"))
    assert hospitals_table(first).equals(hospitals_table(none))
    assert pa.concat_tables(case_tables(first)).equals(pa.concat_tables(case_tables(none)))


def test_notes__say_how_many_and_where(tmp_path: Path) -> None:
    (note,) = notes_of(settled(region(tmp_path / "r")))
    assert "4 起、9 次住院" in note
    assert "其中 2 起多收起付线，共 600.00 元（2 起收取了两次以上）" in note
    assert "H3 1 例 300.00 元、H4 1 例 300.00 元" in note
    assert "上转时只补差额的会算多" in note
    assert "3 次住院没有给出起付线（其中 1 次读不懂）" in note


def test_notes__without_the_column_nothing_was_checked(tmp_path: Path) -> None:
    run = settled(region(tmp_path / "r", column="unused"))
    (note,) = notes_of(run)
    assert "起付线均未给出（病例的“起付线”列没有或空着）" in note
    assert {row["excess_fen"] for row in rows_of(run)} == {None}


def test_referrals__none_with_stays_counted_separately(tmp_path: Path) -> None:
    run = year_end(region(tmp_path / "r"))
    assert "referrals" not in run.extra and not notes_of(run)
    assert not run.policy.parameters["referral.deductible"].used


def test_parameters__are_used_where_there_are_chains(tmp_path: Path) -> None:
    run = settled(region(tmp_path / "r"))
    assert run.policy.parameters["referral.deductible"].used


@pytest.mark.parametrize("header", ["起付线", "act_pay_dedc", "实际支付起付线"])
def test_headers__mean_the_deductible(header: str, tmp_path: Path) -> None:
    assert shown(settled(region(tmp_path / "r", column=header))) == HIGHEST_PAID


def test_standards__a_level_without_one_is_refused(tmp_path: Path) -> None:
    folder = region(tmp_path / "r")
    with pytest.raises(PolicyError, match="levels of hospitals in a community: 1") as caught:
        settled(
            folder, "referral.deductible=standards",
            'referral.deductible_standards=[["3", "800"], ["2", "500"]]',
        )  # fmt: skip
    assert "等级 1 没有起付线标准" in caught.value.text("zh")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("3:800.001", "is not an amount in yuan"),
        ("3:-1", "an amount is negative"),
        ("3:1,3:2", "a name is empty or stands twice"),
        ("3", "write referral.deductible_standards=LEVEL:YUAN"),
        ("[[1]]", "is not a list of"),
        ("[3", "is not a list of"),
    ],
)
def test_standards__faults_are_named(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises((PolicyError, InputError), match=fault):
        settled(region(tmp_path / "r"), f"referral.deductible_standards={text}")


def test_run_folder__is_the_same_on_disk_and_for_any_threads(tmp_path: Path) -> None:
    folder = region(tmp_path / "r")
    made = []
    for number, more in enumerate(
        ({"threads": 1}, {"threads": 3}, {"memory_cases": 1, "spool": tmp_path})
    ):
        run = settled(folder, **more)
        out = write_run(run, tmp_path / f"out{number}")
        write_report(out)
        write_settlement_excel(out)
        made.append({p.name: p.read_bytes() for p in sorted(out.iterdir())})
        run.prepared.close()
    assert made[0] == made[1] == made[2]
    assert {"referrals.parquet", "referrals.csv"} <= set(made[0])
    table = pq.read_table(tmp_path / "out0" / "referrals.parquet")
    assert table.column_names[-1] == "trial"  # of a trial run, as every table


def test_order_of_rows__does_not_matter(tmp_path: Path) -> None:
    forward = settled(region(tmp_path / "a"))
    backward = settled(region(tmp_path / "b", stays=STAYS[::-1]))
    assert rows_of(forward) == rows_of(backward)
    assert notes_of(forward) == notes_of(backward)


def test_papers__report_workbook_and_letters_tell_it(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    out = write_run(settled(region(tmp_path / "r")), tmp_path / "out")
    page = write_report(out).read_text(encoding="utf-8")
    section = page.split('id="referrals"')[1].split("</section>")[0]
    assert "已收 2,400.00 元，应收 1,800.00 元；2 起多收，共 600.00 元（其中 2 起" in section
    assert "R11" not in page  # the page names no case
    book = load_workbook(write_settlement_excel(out))
    heads, *rows = book["转诊起付线"].values
    place = {head: column for column, head in enumerate(heads)}
    listed = {row[place["病例号"]]: row for row in rows if row[place["病例号"]]}
    assert list(listed)[:9] == [row[1] for row in HIGHEST_PAID]
    assert listed["R11"][place["多收起付线（待核，待退还参保人）"]] == 300
    assert listed["R12"][place["主病例"]] == "否"
    letters = write_letters(out)
    mine = (letters / "H4.html").read_text(encoding="utf-8")
    assert "1 次转诊住院多收 300.00 元" in mine and "R21" in mine
    assert "R22" not in mine and "R11" not in mine
    assert "多收的起付线" not in (letters / "H1.html").read_text(encoding="utf-8")


def test_papers__say_nothing_without_chains(tmp_path: Path) -> None:
    out = write_run(year_end(EX1), tmp_path / "out")
    assert not (out / "referrals.parquet").exists()
    assert "起付线" not in write_report(out).read_text(encoding="utf-8").split('id="parameters"')[0]


def test_report__many_hospitals_are_folded_and_still_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drgpay.report import referrals as paper
    from drgpay.report.run import Run
    from drgpay.report.texts import Words

    monkeypatch.setattr(paper, "SHOWN", 1)
    run = Run(write_run(settled(region(tmp_path / "r")), tmp_path / "out"))
    table = paper.referral_table(run, Words("en"))
    assert table is not None
    assert [(r.kind, r.cells[1].text, r.cells[5].text) for r in table.rows] == [
        ("", "3", "300.00"), ("subtotal", "6", "300.00"), ("total", "9", "600.00"),
    ]  # fmt: skip
    assert [r.cells[5].text for r in table.tail] == ["300.00", "0.00", "0.00"]


ONCE_TOO_HIGH = (
    ("R51", "H3", "P25", "2024-03-01", "2024-03-05", "4500.00", "E", "900.00"),
    ("R52", "H2", "P25", "2024-03-05", "2024-03-09", "6500.00", "E", "0"),
)


def test_papers__an_excess_paid_once_is_not_called_paid_twice(tmp_path: Path) -> None:
    folder = region(tmp_path / "r", stays=ONCE_TOO_HIGH)
    run = settled(folder, "referral.deductible=standards", STANDARDS)
    (note,) = notes_of(run)
    assert "其中 1 起多收起付线，共 400.00 元，待核" in note
    assert "两次以上" not in note
    page = write_report(write_run(run, tmp_path / "out")).read_text(encoding="utf-8")
    assert "1 起多收，共 400.00 元。" in page.split('id="referrals"')[1].split("</section>")[0]


def test_papers__without_an_excess_say_so(tmp_path: Path) -> None:
    run = settled(region(tmp_path / "r", stays=STAYS[5:7]))
    (note,) = notes_of(run)
    assert "没有多收起付线" in note
    page = write_report(write_run(run, tmp_path / "out")).read_text(encoding="utf-8")
    assert "应收 500.00 元；没有多收。" in page


def test_checks__amounts_are_in_yuan(tmp_path: Path) -> None:
    checks = {c["name"]: c["detail"] for c in manifest(settled(region(tmp_path / "r")))["checks"]}
    for name in ("dues", "payments"):
        assert re.search(r"\d\.\d\d", checks[name]), checks[name]


def test_ceiling__check_is_in_yuan_and_a_draw_is_told_once(tmp_path: Path) -> None:
    folder = region(tmp_path / "r")
    free = settled(folder).pools
    target = sum(p.settled_fen for p in free) // 100 - 10
    with (folder / "region.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'\n[ceiling]\ncontrol_target_yuan = "{target}.00"\n[[ceiling.reserves]]\n'
            'name = "风险金"\namount_yuan = "5000000.00"\ninside_target = false\n'
        )
    run = settled(folder, "ceiling.excess=refuse")
    check = next(c for c in manifest(run)["checks"] if c["name"] == "ceiling")
    assert re.fullmatch(r"[\d,]+\.\d\d ≤ [\d,]+\.\d\d − 0\.00 \+ [\d,]+\.\d\d", check["detail"])
    page = write_report(write_run(run, tmp_path / "out")).read_text(encoding="utf-8")
    assert run.warnings[0].chinese.startswith("支付超出可支付额，动用预留“风险金”")
    assert page.count("动用预留“风险金”") == 1
