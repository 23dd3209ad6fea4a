"""The impact of a change of scheme: moves, weights, CMI and points, worked out by hand."""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.cli import scheme as command
from drgpay.ground.errors import InputError
from drgpay.report.scheme_impact import write_impact_page
from drgpay.trials.impact import (
    Impact,
    group_table,
    hospital_table,
    mdc_rows,
    measure,
    move_table,
)

TINY = Path(__file__).parent / "testland-tiny"


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """testland-tiny with ES13 and ES15 made one group, ES13."""
    path = tmp_path_factory.mktemp("schemes") / "merged"
    shutil.copytree(TINY, path)
    text = (path / "drg.csv").read_text(encoding="utf-8")
    text = text.replace("ES1,4,ES13,mcc or cc,", "ES1,4,ES13,True,")
    text = re.sub(r"ES1,5,ES15,.*\n", "", text)
    (path / "drg.csv").write_text(text, encoding="utf-8")
    manifest = (path / "manifest.toml").read_text(encoding="utf-8")
    head = manifest[: manifest.index("[counts]")]
    lines = [line for line in head.splitlines() if not line.startswith("digest")]
    (path / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def cases() -> pa.Table:
    """Ten cases each of ES11 (9,000 yuan), ES13 (3,000) in H1 and ES15 (1,000) in H2; two bad."""
    kinds = [("H1", ["J18.100", "I21.100"], "9000.00"), ("H1", ["J18.100", "I50.100"], "3000.00"),
             ("H2", ["J18.100"], "1000.00")]  # fmt: skip
    rows = [kind for kind in kinds for _ in range(10)]
    rows += [("H2", ["J18.100"], "many"), ("H2", [], "1.00")]
    return pa.table(
        {
            "case_id": [f"C{i}" for i in range(len(rows))],
            "sex": ["F"] * len(rows),
            "age_years": [50] * len(rows),
            "discharge_date": ["2024-05-01"] * len(rows),
            "hospital_id": [row[0] for row in rows],
            "diagnoses": pa.array([row[1] for row in rows], pa.list_(pa.string())),
            "total_cost": [row[2] for row in rows],
        }
    )


@pytest.fixture(scope="module")
def impact(merged: Path) -> Impact:
    return measure(TINY, merged, cases(), policy="testland")


def test_measure__counts_every_case_once(impact: Impact) -> None:
    assert (impact.rows, impact.counted, len(impact.quarantine)) == (32, 30, 2)
    assert impact.year == 2024
    moves = {
        (r["drg_a"], r["drg_b"]): (r["cases"], r["total_cost_fen"])
        for r in move_table(impact).to_pylist()
    }
    assert moves == {
        ("ES11", "ES11"): (10, 9_000_000),
        ("ES13", "ES13"): (10, 3_000_000),
        ("ES15", "ES13"): (10, 1_000_000),
    }
    assert [impact.staying(level) for level in ("drg", "adrg", "mdc")] == [20, 30, 30]
    assert impact.flows("mdc") == {("MDCE", "MDCE"): 30}


def test_measure__gives_weights_cmi_and_points_as_worked_out_by_hand(impact: Impact) -> None:
    mean = 433_333  # (9000 + 3000 + 1000) / 3 yuan, in fen
    weights = {(r["scheme"], r["drg"]): r["weight"] for r in group_table(impact).to_pylist()}
    assert weights[("testland-tiny", "ES15")] == pytest.approx(100_000 / mean)
    assert weights[("merged", "ES13")] == pytest.approx(200_000 / mean)
    h1, h2 = impact.hospitals
    assert h1.cmi == (pytest.approx(600_000 / mean), pytest.approx(550_000 / mean))
    assert h2.cmi == (pytest.approx(100_000 / mean), pytest.approx(200_000 / mean))
    scale, places = impact.policy["point_scale"], impact.policy["base_points_dp"]

    def base(fen: int) -> int:
        exact = Fraction(fen, mean) * scale * 10**places
        return int(exact + Fraction(1, 2)) * 10_000 // 10**places

    assert h1.points == (10 * (base(900_000) + base(300_000)), 10 * (base(900_000) + base(200_000)))
    assert h2.points == (10 * base(100_000), 10 * base(200_000))
    assert h1.scaled + h2.scaled == h1.points[0] + h2.points[0]
    assert h1.change < 0 < h2.change and h1.change == -h2.change


def test_measure__of_one_scheme_twice_moves_nothing() -> None:
    same = measure(TINY, TINY, cases(), policy="testland")
    assert same.staying("drg") == 30
    assert all(h.change == 0 and h.cmi[0] == h.cmi[1] for h in same.hospitals)
    assert [row[2:5] for row in mdc_rows(same)] == [(30, 30, 30)]


def test_measure__is_the_same_for_any_threads_and_pieces(merged: Path, tmp_path: Path) -> None:
    table = pa.concat_tables([cases()] * 20)
    pq.write_table(table, tmp_path / "c.parquet", row_group_size=37)
    one = measure(TINY, merged, tmp_path / "c.parquet", policy="testland", threads=1)
    three = measure(TINY, merged, tmp_path / "c.parquet", policy="testland", threads=3)
    assert move_table(one).equals(move_table(three))
    assert hospital_table(one).equals(hospital_table(three))


def test_measure__asks_for_hospital_cost_and_a_year(merged: Path) -> None:
    with pytest.raises(InputError, match="hospital_id"):
        measure(TINY, merged, cases().drop_columns("hospital_id"), policy="testland")
    with pytest.raises(InputError, match="--year"):
        measure(TINY, merged, cases().drop_columns("discharge_date"), policy="testland")


def test_page__stands_alone_and_shows_the_flow(impact: Impact, tmp_path: Path) -> None:
    for lang in ("zh", "en"):
        path = write_impact_page(impact, tmp_path / f"{lang}.html", lang, synthetic=True)
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'(?:src|href)="(?!#)', text)
        assert text.count("<svg") == text.count("</svg>") >= 2
        assert "ES15" in text and "H2" in text
        assert not re.search(r"X\d{4}X", text), "a placeholder of the chart is left"
    assert "虚构数据" in (tmp_path / "zh.html").read_text(encoding="utf-8")


def test_command__writes_tables_and_report_and_says_what_it_rests_on(
    merged: Path, tmp_path: Path
) -> None:
    pq.write_table(cases(), tmp_path / "c.parquet")
    words = ["impact", str(TINY), str(merged), str(tmp_path / "c.parquet"), "--policy", "testland",
             "-o", str(tmp_path / "out")]  # fmt: skip
    result = CliRunner().invoke(command.scheme, words)
    assert result.exit_code == 0, result.output
    assert "收到 32 例 = 测算 30 + 隔离 2" in result.output
    assert "按政策 testland 2024年的参数" in result.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *(
            f"{n}.{s}"
            for n in ("moves", "hospitals", "groups", "quarantine")
            for s in ("csv", "parquet")
        ),
        "report.html",
        "SHA256SUMS",
    }
    assert CliRunner().invoke(command.scheme, words).exit_code != 0
