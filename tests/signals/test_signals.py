"""The command and its folder: counts, order, runs, outpatient visits, evidence, faults."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from click.testing import CliRunner

from drgpay.cli.signals import signals as command
from drgpay.ground.errors import InputError
from drgpay.report.signals import write_report
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from drgpay.signals.detect import Signals, signals
from drgpay.signals.folder import facts, result_tables, write_signals
from drgpay.signals.outpatient import read_visits
from drgpay.signals.texts import CONFIDENCE, KINDS, SIGNALS
from drgpay.synth.cheats import Cheats
from tests.signals.cities import city, found_pairs

NAMED = (
    ("SYN0002", "split"),
    ("SYN0004", "upcoding"),
    ("SYN0006", "low_service"),
    ("SYN0012", "refusal"),
    ("SYN0005", "outpatient_shift"),
    ("SYN0013", "patient_shift"),
    ("SYN0001", "edge"),
)


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals") / "city"
    return city(folder, 12, cases=15_000, hospitals=30, cheats=Cheats(named=NAMED))


@pytest.fixture(scope="module")
def result(region: Path) -> Signals:
    return signals(region)


@pytest.fixture(scope="module")
def tables(result: Signals) -> tuple[pa.Table, pa.Table]:
    return result_tables(result)


def test_named_cheats__are_nearly_all_found(result: Signals) -> None:
    told = found_pairs(result)
    assert len(told & set(NAMED)) >= 6, set(NAMED) - told
    assert len(told - set(NAMED)) <= 1, told - set(NAMED)


def test_counts__every_case_and_every_hospital_once(
    result: Signals, tables: tuple[pa.Table, pa.Table]
) -> None:
    counts = result.cases.counts
    rows = pq.ParquetFile(result.cases.region.cases[0]).metadata.num_rows
    assert counts["in"] == rows
    parts = ("compared", "bed_day", "not_grouped", "quarantined")
    assert sum(counts[name] for name in parts) == rows
    main, _ = tables
    assert len(main) == len(SIGNALS) * len(result.cases.region.hospitals)
    pairs = {(r["hospital_id"], r["signal"]) for r in main.to_pylist()}
    assert len(pairs) == len(main)
    assert set(main["confidence"].to_pylist()) <= set(CONFIDENCE)


def test_observed__counts_of_a_signal_are_those_of_the_cases(result: Signals) -> None:
    f = next(f for f in result.findings if f.signal.id == "upcoding_mcc")
    c = result.cases
    for h in np.flatnonzero(f.result.evaluable).tolist():
        mine = c.use & (c.hospital == h)
        assert f.result.observed[h] <= int((c.severity[mine] == 2).sum())
        assert f.result.cases[h] <= int(mine.sum())


def test_evidence__rows_are_cases_of_the_hospital_and_mostly_planted_ones(
    region: Path, tables: tuple[pa.Table, pa.Table]
) -> None:
    main, evidence = tables
    hospital_of = dict(
        zip(
            *(
                pq.read_table(region / "cases.parquet")[n].to_pylist()
                for n in ("case_id", "hospital_id")
            ),
            strict=True,
        )
    )
    rows = evidence.to_pylist()
    assert rows
    assert all(hospital_of[r["case_id"]] == r["hospital_id"] for r in rows if r["case_id"])
    counts = {(r["hospital_id"], r["signal"]): r["evidence_rows"] for r in main.to_pylist()}
    seen: dict[tuple[str, str], int] = {}
    for r in rows:
        key = (r["hospital_id"], r["signal"])
        seen[key] = seen.get(key, 0) + 1
        assert r["rank"] == seen[key]
    assert seen == {key: n for key, n in counts.items() if n}
    truth = {
        line.split(",")[0]
        for line in (region / "truth" / "cases.csv").read_text(encoding="utf-8").splitlines()[1:]
    }
    split = [
        r["case_id"]
        for r in rows
        if (r["hospital_id"], r["signal"]) == ("SYN0002", "split_next_day")
    ]
    assert len(split) >= 10
    assert sum(case in truth for case in split) >= 0.8 * len(split)


def test_stakes__stand_beside_signals_alone(tables: tuple[pa.Table, pa.Table]) -> None:
    nothing = tables[0].filter(pc.is_in(tables[0]["confidence"], pa.array(["none"])))
    assert len(nothing) > 0
    assert nothing["stake_fen"].null_count == nothing["stake_points"].null_count == len(nothing)


def test_run_folder__gives_the_same_as_settling_here(
    region: Path, tables: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    write_run(year_end(region), tmp_path / "run")
    main, evidence = result_tables(signals(region, tmp_path / "run"))
    assert main.drop_columns("stake_fen").equals(tables[0].drop_columns("stake_fen"))
    assert evidence.equals(tables[1])


def test_order_of_rows_and_threads__do_not_matter(
    region: Path, tables: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    other = tmp_path / "city"
    shutil.copytree(region, other)
    cases = pq.read_table(region / "cases.parquet")
    order = np.random.default_rng(1).permutation(len(cases))
    pq.write_table(cases.take(pa.array(order)), other / "cases.parquet", row_group_size=4_000)
    visits = pq.read_table(region / "outpatient.parquet")
    pq.write_table(
        visits.take(pa.array(np.arange(len(visits))[::-1])), other / "outpatient.parquet"
    )
    main, evidence = result_tables(signals(other, threads=1))
    assert main.equals(tables[0]) and evidence.equals(tables[1])


def test_outpatient__without_a_file_is_not_evaluable_and_says_so(
    region: Path, tmp_path: Path
) -> None:
    other = tmp_path / "city"
    shutil.copytree(region, other)
    (other / "outpatient.parquet").unlink()
    done = signals(other)
    rows = [r for r in result_tables(done)[0].to_pylist() if r["signal"] == "outpatient_window"]
    assert {r["confidence"] for r in rows} == {"not_evaluable"}
    assert all("没有门诊记录" in r["text"] for r in rows)
    assert facts(done)["outpatient"] == {"file": "", "visits": 0, "left_out": 0}


def test_outpatient__chinese_csv_gives_the_same_as_parquet(
    region: Path, result: Signals, tmp_path: Path
) -> None:
    visits = pq.read_table(region / "outpatient.parquet").drop_columns("own_paid")
    path = tmp_path / "门诊.csv"
    named = visits.rename_columns(["参保人编号", "医疗机构编码", "就诊日期", "总费用"])
    pacsv.write_csv(named, path)
    done = signals(region, outpatient=path)
    one, two = (
        next(f for f in s.findings if f.signal.id == "outpatient_window") for s in (done, result)
    )
    assert np.allclose(one.result.observed, two.result.observed, equal_nan=True)
    assert done.visits == len(visits)


def test_outpatient__faults_name_rows_and_columns(result: Signals, tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("patient_id,hospital_id,visit_date\nP1,SYN0001,2024-01-01\n", encoding="utf-8")
    with pytest.raises(InputError, match="total_cost"):
        read_visits(path, result.cases)
    path.write_text(
        "patient_id,hospital_id,visit_date,total_cost\n"
        "P1,SYN0001,soon,12.00\nP1,SYN0001,2024-01-02,-3\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        read_visits(path, result.cases)
    assert "第2行 就诊日期（visit_date）：“soon”" in caught.value.text("zh")
    assert "第3行 总费用（total_cost）" in caught.value.text("zh")
    path.write_text("person_id,hospital_id,visit_date,total_cost\nP1,SYN0001,2024-01-01,1\n")
    with pytest.raises(InputError, match="patient_id") as caught:
        read_visits(path, result.cases)
    assert "参保人编号（patient_id）" in caught.value.text("zh")
    path.write_text(
        "人员编号,机构编码,就诊日期,总费用\nP1,SYN0001,2024-01-01,1\n", encoding="utf-8"
    )
    assert read_visits(path, result.cases).rows == 1
    with pytest.raises(InputError, match="no such file"):
        read_visits(tmp_path / "none.csv", result.cases)
    shutil.copyfile(path, tmp_path / "v.txt")
    with pytest.raises(InputError, match=r"no kind of file(.|\n)*\.xlsx"):
        read_visits(tmp_path / "v.txt", result.cases)


def test_outpatient__ids_that_a_workbook_keeps_as_numbers_are_refused(
    result: Signals, tmp_path: Path
) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "v.xlsx"))
    sheet = book.add_worksheet()
    for place, row in enumerate(
        (
            ("patient_id", "hospital_id", "visit_date", "total_cost"),
            ("P1", "SYN0001", "2024-01-01", 12),
            (330106195001011234, "SYN0001", "2024-01-02", 12),
        )
    ):
        sheet.write_row(place, 0, row)
    book.close()
    with pytest.raises(InputError, match="1 outpatient rows cannot be used") as caught:
        read_visits(tmp_path / "v.xlsx", result.cases)
    assert "第3行 参保人编号（patient_id）" in caught.value.text("zh")


def test_run__of_other_cases_is_refused(region: Path, tmp_path: Path) -> None:
    other = tmp_path / "city"
    shutil.copytree(region, other)
    cases = pq.read_table(region / "cases.parquet")
    pq.write_table(cases.slice(10), other / "cases.parquet")
    write_run(year_end(other), tmp_path / "run")
    with pytest.raises(InputError, match="not of these cases"):
        signals(region, tmp_path / "run")
    with pytest.raises(InputError, match="not the folder of a settled run"):
        signals(region, tmp_path)


def test_command__writes_the_folder(region: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = CliRunner().invoke(command, [str(region), "-o", str(out)])
    assert ran.exit_code == 0, ran.output
    assert "不是结论" in ran.output and "不可判断：目录外自费" in ran.output
    names = {"signals", "evidence"}
    assert {p.name for p in out.iterdir()} == {
        *(f"{n}{s}" for n in names for s in (".parquet", ".csv")),
        "signals.json",
        "signals.xlsx",
        "report.html",
        "SHA256SUMS",
    }
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "信号不是结论" in page and "虚构数据" in page
    assert "，未入组或歧义 " in page
    assert all(s.name.chinese in page and s.meaning.chinese in page for s in SIGNALS.values())
    assert page.count("<svg") >= 10 and "http" not in page.replace("http://www.w3.org", "")
    table = pacsv.read_csv(out / "signals.csv")
    assert len(table) == pq.ParquetFile(out / "signals.parquet").metadata.num_rows
    again = CliRunner().invoke(command, [str(region), "-o", str(out)])
    assert again.exit_code != 0


def test_excel__a_sheet_a_signal_with_frozen_heads_and_its_evidence(
    result: Signals, tables: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    write_report(tmp_path, *tables, facts(result))
    book = openpyxl.load_workbook(tmp_path / "signals.xlsx")
    assert book.sheetnames[0] == "总览" and book.sheetnames[-1] == "参数"
    assert len(book.sheetnames) == len(SIGNALS) + 3
    sheet = book[SIGNALS["split_return"].name.chinese]
    assert sheet.freeze_panes == "C4"
    assert [cell.value for cell in sheet[3]][:4] == ["医疗机构编码", "医疗机构", "级别", "置信"]
    cells = [row[0].value for row in sheet.iter_rows(min_row=4)]
    assert cells[:30] and len(result.cases.region.hospitals) == 30
    evidence = tables[1].filter(pc.equal(tables[1]["signal"], "split_return"))
    name = SIGNALS["split_return"].name.chinese
    rows = [[cell.value for cell in row] for row in book["证据"].iter_rows(min_row=3)]
    assert evidence["case_id"].to_pylist() == [row[3] for row in rows if row[0] == name]


def test_english__has_no_chinese_but_names(result: Signals, tmp_path: Path) -> None:
    write_signals(
        result,
        tmp_path / "out",
        lang="en",
        finish=lambda folder, main, evidence: write_report(
            folder, main, evidence, facts(result), "en"
        ),
    )
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "A signal is not a verdict" in page and "信号" not in page and "同侪" not in page
    told = json.loads((tmp_path / "out" / "signals.json").read_text(encoding="utf-8"))
    assert set(told["kinds"]) == set(KINDS)


def test_same_input__same_bytes(
    result: Signals, tables: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_report(tmp_path / name, *tables, facts(result))
    one, two = ((tmp_path / n / "report.html").read_bytes() for n in ("a", "b"))
    assert one == two
