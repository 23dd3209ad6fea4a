"""Letters to the hospitals: every figure can be recomputed, nobody sees another's cases."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from drgpay.ground.errors import InputError
from drgpay.ground.money import round_to
from drgpay.ground.numbers import spreadsheet
from drgpay.report.derive import derivation, formula_text
from drgpay.report.letters import file_names, write_letters
from drgpay.report.run import Run
from drgpay.report.texts import TEXTS, Words
from drgpay.runs.folder import write_run as write_year
from drgpay.settlement.year_end import year_end
from tests.report.folders import ex1_manifest, full_run, parameter, write_run
from tests.report.test_report_html import Reader
from tests.settlement.regions import EX1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def letters(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_letters(folder, tmp_path_factory.mktemp("out") / "letters")


def number(text: str) -> Fraction:
    """The amount shown in a cell."""
    return Fraction(text.replace("≈", "").replace(",", "").strip())


def steps_of(html: str) -> list[list[list[str]]]:
    """The derivations of a letter: number, item, formula, amount."""
    found: list[list[list[str]]] = []
    for r in Reader(html).rows:
        cells = [c.strip() for c in r]
        if len(cells) == 4 and cells[0].isdigit():
            if cells[0] == "1":
                found.append([])
            found[-1].append(cells)
    return found


def test_letters__can_be_recomputed_line_by_line(folder: Path, letters: Path) -> None:
    rows = pq.read_table(folder / "hospitals.parquet").to_pylist()
    finals = {(r["hospital_id"], r["pool"]): r["final_fen"] for r in rows}
    checked = 0
    for hospital in ("H0001", "H0002", "H0003", "H0004"):
        html = (letters / f"{hospital}.html").read_text(encoding="utf-8")
        accounts = steps_of(html)
        assert len(accounts) == 2
        for pool, steps in zip(("310", "390"), accounts, strict=True):
            checked += recomputed(steps)
            assert number(steps[-1][3]) * 100 == finals[hospital, pool]
    assert checked > 50


def recomputed(steps: list[list[str]]) -> int:
    """Fail if a formula of a letter does not give its amount; return how many were computed."""
    shown = {cells[0]: number(cells[3]) for cells in steps}
    exact, checked = dict(shown), 0
    for line, item, _, _ in steps:
        found = re.search(r"精确值 (\d+)/(\d+)", item)
        if found:
            exact[line] = Fraction(int(found[1]), int(found[2]))
    for line, item, formula, _ in steps:
        if not formula:
            continue
        text = re.sub(r"\((\d+)\)", r"exact['\1']", formula)
        text = text.replace("×", "*").replace("−", "-").replace("÷", "/")
        value = eval(text, {"exact": exact})
        places = 4 if "≈" in steps[int(line) - 1][3] or "点数 P" in item else 2
        assert abs(value - shown[line]) <= Fraction(1, 2 * 10**places), line
        exact[line] = value if places == 4 else shown[line]
        checked += 1
    return checked


def test_letters__of_shared_forfeits_say_how_or_why_not(tmp_path: Path) -> None:
    folder = write_year(year_end(EX1, overrides=["deposit_forfeited=share"]), tmp_path / "run")
    letters = write_letters(folder, tmp_path / "letters")
    first = steps_of((letters / "H1.html").read_text(encoding="utf-8"))[0]
    assert recomputed(first) == 6
    items = [(item.split()[0], amount) for _, item, _, amount in first]
    # 82.25 of H2 and 70.00 of H3, all to H1, the only one whose score is 1
    assert items[-7:-3] == [
        ("本险种扣罚保证金合计", "152.25"),
        ("参加分配的机构点数合计", "808.6000"),
        ("按点数分得（精确）", "152.25"),
        ("加：分得的扣罚保证金", "152.25"),
    ]
    other = (letters / "H3.html").read_text(encoding="utf-8")
    assert "本机构保证金有扣罚，不参加分配" in other
    for steps in steps_of(other):
        assert recomputed(steps)


def test_derivation__gives_only_formulas_that_hold(folder: Path) -> None:
    run, w = Run(folder), Words("zh")
    for account in run.accounts:
        steps = derivation(run, account, w)
        amounts = {step.key: step.amount for step in steps}
        numbers = {step.key: i for i, step in enumerate(steps, start=1)}
        for step in steps:
            if step.made is not None:
                names = {k: f"a['{k}']" for k in amounts}
                scope = {"a": amounts, "ROUND": round_to}
                value = eval(spreadsheet(step.made).format(**names), scope)
                assert value == step.amount, step.key
                assert "{" not in formula_text(step, numbers)
        assert amounts["final"] * 100 == account.amounts.final


def test_derivation__of_a_bounded_due_names_the_bound(folder: Path, tmp_path: Path) -> None:
    run, w = Run(folder), Words("zh")
    account = run.accounts[0]
    held = type(account)(account.hospital, account.pool, account.amounts, "high")
    rest = next(s for s in derivation(run, held, w) if s.key == "rest")
    assert rest.note == "应付受上限约束"


def test_derivation__without_a_fitting_score_shows_the_amount_alone(folder: Path) -> None:
    run, w = Run(folder), Words("zh")
    run.hospitals["H0001"]["score"] = "0.5"
    account = next(a for a in run.accounts if a.hospital == "H0001")
    forfeited = next(s for s in derivation(run, account, w) if s.key == "forfeited")
    assert forfeited.made is None
    assert forfeited.amount * 100 == account.amounts.forfeited


def test_kept_ratio__follows_bands_and_ended_agreements(tmp_path: Path) -> None:
    manifest = ex1_manifest()
    for key, value in (
        ("deposit_score", "bands"),
        ("deposit_bands", [["0.85", "0.5"], ["none", "1"]]),
    ):
        manifest["policy"]["parameters"].append(parameter(key, "", value, "", "D", False))
    manifest["hospitals"][1]["standing"] = "ended"
    run = Run(write_run(tmp_path / "run", manifest))
    found = [run.kept_ratio(h) for h in ("H1", "H2", "H3")]
    assert found == [1, 1, Fraction(1, 2)]


def test_letters__name_only_their_own_cases(letters: Path) -> None:
    one = (letters / "H0001.html").read_text(encoding="utf-8")
    assert "U0-310" in one
    assert "Q0" in one
    for other in ("U1-310", "Q1", "第2医院"):
        assert other not in one
    assert "2 例等待特病单议或核实" in one
    assert "1 例因数据问题被隔离" in one


def test_letters__head_each_fund_apart_and_net_nothing(letters: Path, folder: Path) -> None:
    rows = pq.read_table(folder / "hospitals.parquet").to_pylist()
    for hospital in ("H0001", "H0002"):
        html = (letters / f"{hospital}.html").read_text(encoding="utf-8")
        own = [r for r in rows if r["hospital_id"] == hospital]
        for r in own:
            amount = f"{Decimal(abs(r['final_fen'])) / 100:,.2f}"
            said = "最终支付 -" if r["final_fen"] < 0 else "本次支付贵机构 "
            assert re.search(rf'class="result [a-z]+">[^<]*{r["pool"]}：{said}{amount} 元', html)
        pay = sum(max(0, r["final_fen"]) for r in own)
        back = sum(max(0, -r["final_fen"]) for r in own)
        pay_text, back_text = (f"{Decimal(fen) / 100:,.2f}" for fen in (pay, back))
        assert f"合计本次支付 {pay_text} 元，合计在下期拨付中抵回 {back_text} 元" in html


def test_letters__list_parameters_with_source_and_whether_verified(letters: Path) -> None:
    reader = Reader((letters / "H0001.html").read_text(encoding="utf-8"))
    assert reader.rows_of("结余留用比例")[0][1:] == ["0.85", "assumed: 各地不等", "未核实"]
    assert reader.rows_of("险种合并")[0][3] == "已核实"
    assert not reader.rows_of("点值小数位")  # switched off


def test_index__links_every_letter(letters: Path) -> None:
    html = (letters / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', html)
    assert links == ["H0001.html", "H0002.html", "H0003.html", "H0004.html"]
    assert all((letters / link).exists() for link in links)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_letters__are_valid_pages_that_need_nothing(
    folder: Path, tmp_path: Path, lang: str
) -> None:
    out = write_letters(folder, tmp_path / "out", lang)
    for page in out.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        for outside in ("http:", "https:", "src=", "@import", "<script", "<link", "url("):
            assert outside not in html, outside
        assert Reader(html).open == []
        if lang == "en":
            for chinese, english in TEXTS.values():
                if re.search("[\u4e00-\u9fff]{4}", chinese) and chinese not in english:
                    assert chinese not in html.replace("DRG 分组方案", "").replace(
                        "测试政策", ""
                    ), chinese


def test_letters__of_hostile_names_are_escaped(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run", names=("<script>alert(1)</script>",))
    out = write_letters(folder, tmp_path / "out")
    for page in (out / "H0001.html", out / "index.html"):
        html = page.read_text(encoding="utf-8")
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_file_names__fit_any_file_system() -> None:
    found = file_names(["H1", "h1", "a/b", "a:b", "../../etc", "", "NUL", "index", "医院 一"])
    assert len({name.casefold() for name in found.values()}) == 9
    for name in found.values():
        assert re.fullmatch(r"[\w.~-]+\.html", name), name
        assert not name.startswith(".")
    assert found["NUL"] == "_NUL.html"


def test_trial__is_marked_on_every_letter(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run", trial=("keep_ratio=0.5",))
    for page in write_letters(folder, tmp_path / "out").glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert "试算结果，不得用于付款" in html
        assert "<code>keep_ratio=0.5</code>" in html


def test_letters__are_the_same_bytes_twice_and_never_overwrite(
    folder: Path, tmp_path: Path
) -> None:
    first, second = (write_letters(folder, tmp_path / name) for name in ("a", "b"))
    for page in first.iterdir():
        assert page.read_bytes() == (second / page.name).read_bytes()
    with pytest.raises(InputError):
        write_letters(folder, first)
    assert not list(tmp_path.glob(".*"))


def test_letters__of_a_hospital_with_held_cases_alone(tmp_path: Path) -> None:
    folder = full_run(tmp_path / "run", hospitals=2)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["hospitals"].append({"hospital_id": "H9", "name": "空机构", "level": "1"})
    path.write_text(json.dumps(manifest), encoding="utf-8")
    out = write_letters(folder, tmp_path / "out")
    assert sorted(p.name for p in out.iterdir()) == [
        "H0001.html",
        "H0002.html",
        "SHA256SUMS",
        "index.html",
    ]
