"""Care elsewhere without a referral is held against that with one, visit by visit."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from drgpay.cli import cli
from drgpay.ground.errors import InputError
from drgpay.ground.money import round_half_away
from drgpay.monitoring.unreferred import PARAMETER, unreferred
from drgpay.monitoring.visits import read_visits
from drgpay.monitoring.watch import Institution
from drgpay.policy import load_policy

YEAR, NAME = 2026, "testland-budget"
POLICY = load_policy(NAME, catalogue="budget").for_year(YEAR)
HEAD = "就诊号,参保人编号,医疗机构编码,就诊日期,总费用,统筹基金支付,就医类别,个人自付,转诊手续"
KNOWN = {name: Institution(name, remote=name != "HERE") for name in ("FAR", "FURTHER", "HERE")}
Visit = tuple[str, int, str, int, int, bool]  # hospital, year, care, cost, own, with referral


def written(folder: Path, visits: list[Visit], head: str = HEAD) -> Path:
    lines = [head]
    for number, (hospital, year, care, cost, own, came) in enumerate(visits):
        fen = [f"{n // 100}.{n % 100:02d}" for n in (cost, cost - own, own)]
        cells = [f"V{number}", f"P{number % 50}", hospital, f"{year}-05-06", fen[0], fen[1], care]
        lines.append(",".join([*cells, fen[2], "是" if came else "否"]))
    path = folder / "就诊.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_visits__without_a_referral_are_held_against_those_with_one(tmp_path: Path) -> None:
    rng = random.Random(7)
    visits: list[Visit] = []
    for _ in range(600):
        cost = rng.randint(1_00, 90_000_00)
        own = round(cost * rng.uniform(0.1, 0.6))
        place = rng.choice(["FAR", "FURTHER", "HERE"]), rng.choice([YEAR, YEAR, YEAR - 1])
        visits.append((*place, rng.choice(["门诊", "住院"]), cost, own, rng.random() < 0.4))
    found = {
        (o.hospital_id, o.care): o
        for o in unreferred(read_visits([written(tmp_path, visits)], YEAR), KNOWN, POLICY)
    }
    assert len(found) == 4 and not any(hospital == "HERE" for hospital, _ in found)
    now = [v for v in visits if v[1] == YEAR and v[0] != "HERE"]
    for (hospital, code), own in found.items():
        care = {"outpatient": "门诊", "inpatient": "住院"}[code]
        came = [v for v in now if v[2] == care and v[5]]
        base = Fraction(sum(v[4] for v in came), sum(v[3] for v in came))
        least = base + Fraction(POLICY[PARAMETER])
        without = [v for v in now if v[0] == hospital and v[2] == care and not v[5]]
        short = [least * v[3] - v[4] for v in without if v[4] < least * v[3]]
        assert own.least == least < 1
        assert (own.visits, own.cost_fen) == (len(without), sum(v[3] for v in without))
        assert own.share == Fraction(sum(v[4] for v in without), own.cost_fen)
        assert (own.short, own.short_fen) == (len(short), round_half_away(sum(short, Fraction(0))))
        assert 0 < own.short < own.visits


def test_visits__with_nobody_to_hold_them_against_are_not_judged(tmp_path: Path) -> None:
    path = written(tmp_path, [("FAR", YEAR, "门诊", 100_00, 0, False)])
    (own,) = unreferred(read_visits([path], YEAR), KNOWN, POLICY)
    assert (own.least, own.short, own.short_fen) == (None, 0, 0)


def test_visits__that_do_not_say_are_refused(tmp_path: Path) -> None:
    visits: list[Visit] = [("HERE", YEAR, "门诊", 100_00, 0, False)]
    with pytest.raises(InputError, match="elsewhere"):
        unreferred(read_visits([written(tmp_path, visits)], YEAR), KNOWN, POLICY)
    head = HEAD.replace("转诊手续", "备用")
    far: list[Visit] = [("FAR", YEAR, "门诊", 100_00, 0, False)]
    with pytest.raises(InputError, match="with_referral"):
        unreferred(read_visits([written(tmp_path, far, head)], YEAR), KNOWN, POLICY)


def test_command__shows_and_writes_them(tmp_path: Path) -> None:
    visits: list[Visit] = [
        ("FAR", YEAR, "门诊", 100_00, 20_00, True), ("FAR", YEAR, "门诊", 100_00, 25_00, False),
    ]  # fmt: skip
    path = written(tmp_path, visits)
    table = "机构编码,机构名称,异地机构\nFAR,远院,是\n"
    (tmp_path / "institutions.csv").write_text(table, encoding="utf-8")
    words = ["budget", "unreferred", str(path), "--year", str(YEAR), "--policy", NAME]
    words += ["--institutions", str(tmp_path)]
    told = CliRunner().invoke(cli, words, catch_exceptions=False).output
    assert "25.00%" in told and "30.00%" in told and "5.00" in told
    out = tmp_path / "未转诊.xlsx"
    CliRunner().invoke(cli, [*words, "-o", str(out)], catch_exceptions=False)
    assert openpyxl.load_workbook(out).active is not None
