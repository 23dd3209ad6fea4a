"""What comes out of real runs: the engine's run folders, through everything that reads them."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from drgpay.ground.money import round_to
from drgpay.ground.numbers import spreadsheet
from drgpay.names.run_columns import column_of
from drgpay.report.derive import derivation
from drgpay.report.outputs import write_outputs
from drgpay.report.run import Run
from drgpay.report.texts import Words
from drgpay.report.value import own_checks, settlements
from drgpay.runs.folder import write_run
from drgpay.settlement.year_end import year_end
from tests.report.formulas import Calculator, formulas

EX1 = Path(__file__).resolve().parents[1] / "cases" / "ex1"
RULES = {
    "as it is": (),
    "money, held, bounds": (
        "provision=recorded_fund",
        "ungrouped.rule=special_review",
        "low.rule=by_item",
        "bed_day.payment=money",
        "bound.level=hospital",
        "bound.cost_share=1.3",
        "bound.unsolved=to_fund",
    ),
    "combined, rounded": ("combine_pools=true", "residual=to_fund", "value_dp=2"),
    "forfeits shared": ("deposit_forfeited=share",),
}


@pytest.fixture(scope="module", params=RULES, ids=lambda name: name.replace(" ", "_"))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = year_end(EX1, overrides=RULES[request.param])
    out = tmp_path_factory.mktemp("runs") / "run"

    def finish(folder: Path) -> None:
        write_outputs(folder, letters=True, sheets_per_hospital=True)

    return write_run(run, out, finish=finish)


def test_run_folder__has_everything_for_people(folder: Path) -> None:
    for name in ("report.html", "settlement.xlsx", "run.duckdb", "letters/index.html"):
        assert (folder / name).stat().st_size > 1000, name
    assert len(list((folder / "letters").glob("*.html"))) == 4
    assert not list(folder.glob(".*"))


def test_report__finds_every_identity_of_the_engine_s_run(folder: Path) -> None:
    run, w = Run(folder), Words("zh")
    assert [text for text, passed in own_checks(run, w) if not passed] == []
    for s in settlements(run):
        assert s.recomputed(run) == s.settled
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "校验未通过" not in html
    assert "不符" not in html
    at_bounds = [p["at_low"] + p["at_high"] for p in run.manifest["pools"]]
    assert ("达到下限 / 达到上限" in html) == any(at_bounds)


def test_derivations__hold_for_every_hospital(folder: Path) -> None:
    run, w = Run(folder), Words("zh")
    assert run.accounts
    for account in run.accounts:
        steps = derivation(run, account, w)
        given = {step.key: step.amount for step in steps}
        for step in steps:
            if step.made is not None:
                names = {key: f"given['{key}']" for key in given}
                scope = {"given": given, "ROUND": round_to}
                assert eval(spreadsheet(step.made).format(**names), scope) == step.amount, step
        rest = abs(given["rest"])
        assert rest < Fraction(1, 100) or account.bound, (account, rest)


def test_shares_of_forfeits__are_named_only_where_there_are_some(folder: Path) -> None:
    shares = any(a.amounts.shared for a in Run(folder).accounts)
    assert shares == (Run(folder).values["deposit_forfeited"] == "share")
    pages = [folder / "report.html", *(folder / "letters").glob("H*.html")]
    for page in pages:
        assert ("分得的扣罚保证金" in page.read_text(encoding="utf-8")) == shares, page
    book = openpyxl.load_workbook(folder / "settlement.xlsx", read_only=True)
    heads = [cell.value for cell in next(book["机构清算"].iter_rows())]
    assert ("分得的扣罚保证金" in heads) == shares


def test_workbook__agrees_with_its_formulas(folder: Path) -> None:
    path = folder / "settlement.xlsx"
    calculator, stored = Calculator(path), openpyxl.load_workbook(path, data_only=True)
    for sheet, place, text in formulas(path):
        exact, kept = calculator.formula(sheet, text), stored[sheet][place].value
        same = exact == kept if isinstance(exact, str) else abs(float(exact) - kept) < 1e-6
        assert same, (sheet, place, text, exact, kept)
    results = [row[4].value for row in stored["核对"].iter_rows(min_row=2)]
    assert "不符" not in results
    assert "相符" in results


def test_database__has_what_the_tables_have(folder: Path) -> None:
    with duckdb.connect(str(folder / "run.duckdb"), read_only=True) as database:
        for path in folder.glob("*.parquet"):
            rows = database.execute(f'SELECT count(*) FROM "{path.stem}"').fetchone()
            assert rows == (pq.read_metadata(path).num_rows,)
        due = database.execute('SELECT sum(应付) FROM "机构清算"').fetchone()
    assert due == (sum(a.amounts.due for a in Run(folder).accounts) / Fraction(100),)


def test_columns__of_the_engine_all_have_a_chinese_name(folder: Path) -> None:
    nameless = {
        (path.stem, name)
        for path in folder.glob("*.parquet")
        for name in pq.read_schema(path).names
        if column_of(path.stem, name) is None
    }
    assert nameless == set()


def test_letters_command__writes_a_folder_and_refuses_what_is_no_run(
    folder: Path, tmp_path: Path
) -> None:
    from drgpay.cli.letters import letters
    from drgpay.ground.errors import InputError

    done = CliRunner().invoke(letters, [str(folder), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert re.search(r"3 家机构|3 letters", done.output)
    assert (tmp_path / "out" / "index.html").exists()
    again = CliRunner().invoke(letters, [str(folder), "-o", str(tmp_path / "out")])
    assert isinstance(again.exception, InputError)
    with pytest.raises(InputError, match="not the folder of a settled run"):
        Run(tmp_path / "nothing")


@pytest.mark.parametrize("damage", ["{", "[]", '{"policy": 1}', '{"policy": {"parameters": []}}'])
def test_damaged_run_folder__is_told_as_such(folder: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "manifest.json").write_text(damage, encoding="utf-8")
    from drgpay.ground.errors import InputError

    with pytest.raises(InputError, match="not the folder of a settled run"):
        Run(tmp_path)


def test_manifest__is_not_changed_by_the_outputs(folder: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    write_outputs(folder)
    assert (folder / "manifest.json").read_bytes() == before
    assert json.loads(before)["drgpay_version"]


def test_year_end_command__writes_letters_and_sheets_on_request(tmp_path: Path) -> None:
    from drgpay.cli.year_end import year_end as command

    out = tmp_path / "run"
    words = [str(EX1), "-o", str(out), "--letters", "--sheets-per-hospital"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert (out / "letters" / "index.html").exists()
    plain = tmp_path / "plain"
    done = CliRunner().invoke(command, [str(EX1), "-o", str(plain)])
    assert done.exit_code == 0, done.output
    assert not (plain / "letters").exists()
    assert (plain / "run.duckdb").exists()
    sheets = [
        len(openpyxl.load_workbook(folder / "settlement.xlsx").sheetnames)
        for folder in (out, plain)
    ]
    assert sheets[0] == sheets[1] + 3
    for name in ("cases.parquet", "hospitals.parquet", "manifest.json", "report.html"):
        assert (out / name).read_bytes() == (plain / name).read_bytes()
