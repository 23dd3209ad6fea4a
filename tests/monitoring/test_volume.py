"""The effective volume of institutions, counted visit by visit."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.monitoring.visits import Visits, read_visits
from drgpay.monitoring.volume import read_invalid, volumes
from drgpay.policy import load_policy
from drgpay.report.volume_sheets import ASKED, volume_sheet

YEAR, NAME = 2026, "testland-budget"
OF = load_policy(NAME, catalogue="budget")
POLICY = OF.for_year(YEAR)
HEAD = "就诊号,参保人编号,医疗机构编码,就诊日期,总费用,统筹基金支付,就医类别,住院天数"
Visit = tuple[str, str, dt.date, str, int]  # hospital, person, day, care, days of the stay


def written(folder: Path, visits: list[Visit], head: str = HEAD) -> Path:
    lines = [head]
    for number, (hospital, person, day, care, days) in enumerate(visits):
        cells = [f"V{number}", person, hospital, day.isoformat(), "100.00", "60.00", care, days]
        lines.append(",".join(map(str, cells[: head.count(",") + 1])))
    path = folder / "就诊.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(folder: Path, visits: list[Visit], head: str = HEAD) -> Visits:
    return read_visits([written(folder, visits, head)], YEAR)


def repeated(visits: list[Visit], year: int) -> dict[str, list[int]]:
    """Visits, repeated visits, repeated stays and persons of each institution, one by one."""
    before: dict[tuple[str, str, bool], dt.date] = {}
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    persons: dict[str, set[str]] = defaultdict(set)
    limits = int(POLICY["assess.repeat_days"]), int(POLICY["assess.readmission_days"])
    for hospital, person, day, care, days in sorted(visits, key=lambda v: (v[2], v[0])):
        stays = care == "住院"
        last = before.get((hospital, person, stays))
        again = last is not None and (day - last).days <= limits[stays]
        before[hospital, person, stays] = day + dt.timedelta(days=days if stays else 0)
        if day.year == year:
            own = found[hospital]
            own[0] += 1
            own[2 if stays else 1] += again
            persons[hospital].add(person)
    for hospital, own in found.items():
        own[3] = len(persons[hospital])
    return found


def test_volume__is_what_counting_one_by_one_comes_to(tmp_path: Path) -> None:
    rng = random.Random(11)
    first = dt.date(YEAR - 1, 1, 1)
    visits: list[Visit] = []
    taken = set()
    while len(visits) < 900:
        place = rng.choice("AB"), f"P{rng.randrange(60)}", first + dt.timedelta(rng.randrange(730))
        if place not in taken:  # one a day: which of two came first is the file's word
            taken.add(place)
            stays = rng.random() < 0.4
            visits.append((*place, *(("住院", rng.randint(1, 9)) if stays else ("门诊", 0))))
    found = {own.hospital_id: own for own in volumes(read(tmp_path, visits), POLICY)}
    now, last = repeated(visits, YEAR), repeated(visits, YEAR - 1)
    assert set(found) == {"A", "B"}
    for hospital, own in found.items():
        visited, again, stays, heads = now[hospital]
        assert (own.now.visits, own.repeat_visits, own.readmissions, own.now.heads) == (
            visited, again, stays, heads,
        )  # fmt: skip
        assert again and stays, "nothing was repeated"
        assert own.effective == visited - again - stays
        before = last[hospital][0] - last[hospital][1] - last[hospital][2]
        assert own.effective_last == before
        assert own.change == Fraction(own.effective, before) - 1


FEW: list[Visit] = [
    ("A", "P1", dt.date(YEAR, 5, 6), "门诊", 0),
    ("A", "P1", dt.date(YEAR, 5, 7), "门诊", 0),
    ("A", "P2", dt.date(YEAR, 5, 7), "住院", 3),
    ("B", "P3", dt.date(YEAR, 5, 7), "门诊", 0),
]


def test_volume__by_persons_without_invalid_heads(tmp_path: Path) -> None:
    path = tmp_path / "无效.csv"
    path.write_text("医疗机构编码,无效人头数,无效人次\nA,1,1\n", encoding="utf-8")
    visits, invalid = read(tmp_path, FEW), read_invalid(path)
    by_head = OF.for_year(YEAR, ["volume.measure=per_head"])
    first, second = volumes(visits, by_head, invalid)
    assert (first.effective, first.now.visits_per_head) == (1, Fraction(3, 2))
    assert (second.effective, second.effective_last, second.change) == (1, 0, None)
    (plain, _) = volumes(visits, POLICY, invalid)
    assert plain.effective == 3 - 1 - 1  # one was repeated, one of an invalid head
    kept = OF.for_year(YEAR, ["volume.invalid_heads=false"])
    assert volumes(visits, kept, invalid)[0].effective == 2


def test_volume__refuses_what_it_cannot_count(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lack stay_days"):
        volumes(read(tmp_path, FEW, HEAD.removesuffix(",住院天数")), POLICY)
    with pytest.raises(InputError, match="without visits: X"):
        volumes(read(tmp_path, FEW), POLICY, {"X": ((1, 1), (0, 0))})
    with pytest.raises(InputError, match="contradict"):
        volumes(read(tmp_path, FEW), POLICY, {"A": ((9, 1), (0, 0))})


def test_command__tells_counts_and_writes_the_sheet(tmp_path: Path) -> None:
    path = written(tmp_path, [*FEW, ("B", "P3", dt.date(YEAR - 5, 1, 1), "门诊", 0)])
    out = tmp_path / "服务量.xlsx"
    told = CliRunner().invoke(
        cli, ["budget", "volume", str(path), "--year", str(YEAR), "--policy", NAME, "-o", str(out)]
    )
    assert told.exit_code == 0, told.output
    assert "就诊记录 5 行：计入 4，隔离 1" in told.output
    rows = [list(row) for row in openpyxl.load_workbook(out).active.iter_rows(values_only=True)]
    text = "\n".join(str(cell) for row in rows for cell in row)
    assert "未核实参数" in text and "剔除重复就诊" in text
    assert any(row[:5] == ["A", 3, 1, 0, 2] for row in rows)


def test_sheet__names_in_both_languages_the_parameters_that_are_open_and_no_other() -> None:
    own = POLICY.parameters
    known = dataclasses.replace(own["volume.measure"], verified=True)
    policy = dataclasses.replace(POLICY, parameters={**own, "volume.measure": known})
    (chinese, english) = (volume_sheet((), policy, lang).lead[1] for lang in ("zh", "en"))
    rest = [key for key in ASKED if key != "volume.measure"]
    assert english == f"not verified: {', '.join(rest)}"
    assert chinese == f"未核实参数：{'、'.join(own[key].name for key in rest)}"
