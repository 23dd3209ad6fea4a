"""Lists are late after so many working days: counted by institution, each late one named."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.ledger.calendar import load_calendar
from drgpay.policy import load_policy
from drgpay.wrapper.late_lists import PARAMETER, late_lists

YEAR, NAME = 2025, "testland-budget"
POLICY = load_policy(NAME, catalogue="budget").for_year(YEAR)
CALENDAR = load_calendar()
TODAY = dt.date(2025, 12, 31)
HEAD = "机构编码,病例号,结算日期,上传日期"


def table(folder: Path, *rows: str) -> Path:
    path = folder / "上传.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return path


def working_days(first: dt.date, last: dt.date) -> int:
    """By counting them one by one."""
    days = (first + dt.timedelta(n) for n in range(1, (last - first).days + 1))
    return sum(CALENDAR.working_day(day) for day in days)


def test_lists__are_late_after_their_working_days(tmp_path: Path) -> None:
    """Settled before the holiday of October: ten working days end on the 20th, a Monday."""
    path = table(
        tmp_path, "H1,A,2025-09-26,2025-10-17", "H1,B,2025-09-26,2025-10-20",
        "H1,C,2025-09-26,2025-10-21", "H2,D,2025-09-26,", "H2,E,2025-12-30,",
    )  # fmt: skip
    found = late_lists(path, POLICY, CALENDAR, TODAY)
    last = dt.date(2025, 9, 26)
    while working_days(dt.date(2025, 9, 26), last) < POLICY[PARAMETER]:
        last += dt.timedelta(1)
    assert {own.last_day for own in found.late} == {last}
    in_time = sum(day <= last.day for day in (17, 20, 21))
    first, second = found.hospitals
    assert (first.lists, first.in_time, first.late, first.missing) == (3, in_time, 3 - in_time, 0)
    assert (second.late, second.missing, second.waiting) == (0, 1, 1)
    assert [own.case_id for own in found.late][-1] == "D"
    assert found.late[-1].days == (TODAY - last).days
    assert any("not verified" in note for note in found.notes)


def test_lists__drawn_are_counted_one_by_one(tmp_path: Path) -> None:
    rng = random.Random(5)
    rows, expected = [], {}
    for number in range(400):
        settled = dt.date(YEAR, 1, 1) + dt.timedelta(rng.randrange(360))
        uploaded = settled + dt.timedelta(rng.randrange(30)) if rng.random() < 0.9 else None
        if uploaded is not None and uploaded > TODAY:
            uploaded = None
        rows.append(f"H{number % 3},C{number},{settled},{uploaded or ''}")
        last = settled
        while working_days(settled, last) < POLICY[PARAMETER]:
            last += dt.timedelta(1)
        expected[f"C{number}"] = max(0, ((uploaded or TODAY) - last).days)
    found = late_lists(table(tmp_path, *rows), POLICY, CALENDAR, TODAY)
    late = {own.case_id: own.days for own in found.late}
    assert late == {case: days for case, days in expected.items() if days}
    assert sum(own.lists for own in found.hospitals) == 400
    assert sum(own.late + own.missing for own in found.hospitals) == len(late) > 50
    for own in found.hospitals:
        assert own.lists == own.in_time + own.late + own.missing + own.waiting


def test_lists__with_faults_are_refused_with_all_of_them(tmp_path: Path) -> None:
    path = table(
        tmp_path, "H1,A,2024-09-26,2024-10-17", "H1,B,2025-09-26,2025-09-25",
        "H1,C,2025-12-26,2026-01-05",
    )  # fmt: skip
    with pytest.raises(InputError) as found:
        late_lists(path, POLICY, CALENDAR, TODAY)
    places = [str(fault).partition(": ")[0] for fault in found.value.faults]
    assert places == ["上传.csv:2", "上传.csv:3", "上传.csv:4"]


def test_command__lists_them(tmp_path: Path) -> None:
    path = table(tmp_path, "H1,A,2025-03-03,2025-04-03", "H2,B,2025-03-03,2025-03-04")
    words = ["budget", "late-lists", str(path), "--year", "2025", "--policy", NAME]
    told = CliRunner().invoke(cli, [*words, "--day", "2025-12-31"], catch_exceptions=False).output
    assert "逾期上传 1 份，逾期未上传 0 份" in told and "未核实" in told
    CliRunner().invoke(cli, [*words, "-o", str(tmp_path / "l.xlsx")], catch_exceptions=False)
    assert len(openpyxl.load_workbook(tmp_path / "l.xlsx").worksheets) == 2
